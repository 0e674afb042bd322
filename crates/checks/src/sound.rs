//! What is kept of the sound: levels in blocks of 10 ms, clipped samples, loudness energies, and a
//! mono waveform at 16 kHz for holding it against the recording's.

use reprise_media::view::SoundView;
use reprise_model::{MediaDuration, MediaTime, Span};
use serde::{Deserialize, Serialize};

use crate::loudness::{Biquad, CHANNELS_MAX, KWeighting, Loudness, TruePeak};
use crate::resample::{RATE, Resampler};

/// Length of a level block, milliseconds.
pub(crate) const BLOCK_MS: i64 = 10;
/// Level blocks a second.
const BLOCKS_PER_SECOND: u64 = 100;
/// Level of a block without any sound, tenths of a dB.
pub(crate) const SILENT_DB10: i16 = -1200;
/// A block that reaches this, or goes beyond, is clipped; one that merely reaches -0.1 dBFS is not.
const CLIPPED_PEAK: f32 = 0.999;
/// In such a block all samples from here on count: lossy coding makes the flat tops of clipped
/// sound wavy, and each coding leaves fewer of them at full scale.
const CLIPPED_FROM: f32 = 0.97;
/// Sound longer than this keeps levels, but no waveform beyond it: 20 minutes (38 MB).
const WAVEFORM_MAX: usize = 20 * 60 * RATE as usize;
/// Levels are kept for at most so long: 24 hours. What comes later is not heard.
const BLOCKS_MAX: u64 = 24 * 3600 * BLOCKS_PER_SECOND;
/// Time stamps may be off by so much before sound counts as missing or doubled: containers round
/// to milliseconds, and clocks of sound and picture drift.
const JITTER: MediaDuration = MediaDuration::from_millis(40);

/// Figures of the sound. Block `n` covers 10 ms from `start` + n * 10 ms. Levels are tenths of a
/// dB below full scale (0 is a square wave of full scale), -1200 for none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundEvidence {
    /// When the first block begins.
    #[serde(rename = "start_s")]
    pub start: MediaTime,
    /// Hertz, of the stream.
    pub sample_rate: u32,
    /// Channels of the stream.
    pub channels: u16,
    /// Largest sample of a block, over all channels.
    pub peak_db10: Vec<i16>,
    /// Mean energy of a block, of the loudest channel.
    pub energy_db10: Vec<i16>,
    /// Mean energy of a block between 200 and 4000 Hz, of all channels mixed.
    pub voice_db10: Vec<i16>,
    /// How periodic a block is at pitches of the human voice (70 to 400 Hz), 0 to 100.
    pub voiced: Vec<u8>,
    /// Blocks with clipped samples.
    pub clipped: Vec<ClippedBlock>,
    /// Mean K-weighted energy of 100 ms, all channels together.
    pub k_energy: Vec<f32>,
    /// Largest true peak, dBTP.
    pub true_peak_db: f64,
    /// Stretches for which the stream has no sound.
    pub gaps: Vec<Span>,
    /// The sound, mono.
    pub waveform: Waveform,
}

/// Clipped samples of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClippedBlock {
    /// Which block.
    pub block: u32,
    /// How many samples of it, in the channel with most.
    pub samples: u16,
}

/// Mono sound at 16 kHz, beginning with the first block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Waveform {
    /// Samples; full scale is 32767.
    #[serde(with = "crate::base64")]
    pub samples: Vec<i16>,
}

impl SoundEvidence {
    /// Whether its parts are of one length, as collected ones are; what another process sent may not.
    pub fn holds_together(&self) -> bool {
        let blocks = self.energy_db10.len();
        let heard = blocks.min(WAVEFORM_MAX / (RATE as usize / 100));
        let samples = self.waveform.samples.len() / (RATE as usize / 100);
        [self.peak_db10.len(), self.voice_db10.len(), self.voiced.len()]
            .iter()
            .all(|&length| length <= blocks)
            && self.peak_db10.len() == blocks
            && samples <= heard + 10
            && self.k_energy.len() <= blocks / 10 + 1
            && self.clipped.iter().all(|block| (block.block as usize) < blocks)
    }

    /// Whether no sound was heard, not even silence.
    pub fn is_empty(&self) -> bool {
        self.energy_db10.is_empty()
    }

    /// From its first to its last block.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.time_of(self.energy_db10.len()))
    }

    /// Share of all samples that are clipped, 0 to 1.
    pub fn clipped_share(&self) -> f64 {
        let samples = self.energy_db10.len() as f64 * f64::from(self.sample_rate) / 100.0;
        let clipped: u64 = self.clipped.iter().map(|block| u64::from(block.samples)).sum();
        if samples > 0.0 { clipped as f64 / samples } else { 0.0 }
    }

    /// Share of samples that are clipped in the worst 10 s, 0 to 1: two bad seconds are heard
    /// however long the clip is.
    pub fn clipped_share_worst(&self) -> f64 {
        const WINDOW: u32 = 1000;
        let blocks = self.energy_db10.len().min(WINDOW as usize) as f64;
        let samples = blocks * f64::from(self.sample_rate) / 100.0;
        let (mut first, mut sum, mut worst) = (0, 0u64, 0u64);
        for last in &self.clipped {
            sum += u64::from(last.samples);
            while let Some(early) =
                self.clipped.get(first).filter(|b| b.block + WINDOW <= last.block)
            {
                sum -= u64::from(early.samples);
                first += 1;
            }
            worst = worst.max(sum);
        }
        if samples > 0.0 { worst as f64 / samples } else { 0.0 }
    }

    /// Integrated loudness, and its spread while someone speaks.
    pub fn loudness(&self) -> Loudness {
        let active = crate::speech::activity(self);
        let counts = |block: usize| {
            let from = (block * 10).min(active.len());
            let to = (from + 10).min(active.len());
            active[from..to].iter().filter(|&&on| on).count() >= 3
        };
        crate::loudness::loudness(&self.k_energy, counts)
    }

    /// When block `index` begins.
    pub(crate) fn time_of(&self, index: usize) -> MediaTime {
        self.start + MediaDuration::from_millis(BLOCK_MS.saturating_mul(index as i64))
    }

    /// The blocks `from..to` as a span.
    pub(crate) fn span_of(&self, from: usize, to: usize) -> Span {
        Span::new(self.time_of(from), self.time_of(to))
    }

    /// Stretches with clipped samples; those less than 0.1 s apart are one.
    pub(crate) fn clipped_spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for block in self.clipped.iter().filter(|block| block.samples >= 2) {
            let span = self.span_of(block.block as usize, block.block as usize + 1);
            match spans.last_mut() {
                Some(last) if span.start <= last.end + MediaDuration::from_millis(100) => {
                    last.end = span.end;
                }
                _ => spans.push(span),
            }
        }
        spans
    }

    /// The part inside `span`, to whole blocks of 100 ms at its start; the true peak stays that of
    /// the whole.
    pub(crate) fn within(&self, span: Span) -> Self {
        let blocks = self.energy_db10.len();
        let index = |time: MediaTime| {
            let millis = (time - self.start).max(MediaDuration::ZERO).ticks(1, 1000);
            usize::try_from(millis / BLOCK_MS).unwrap_or(0).min(blocks)
        };
        let from = index(span.start) / 10 * 10;
        let to = index(span.end).max(from);
        let per_block = RATE as usize / 100;
        let samples = &self.waveform.samples;
        let hundred = |block: usize| (block / 10).min(self.k_energy.len());
        Self {
            start: self.time_of(from),
            sample_rate: self.sample_rate,
            channels: self.channels,
            peak_db10: self.peak_db10[from..to].to_vec(),
            energy_db10: self.energy_db10[from..to].to_vec(),
            voice_db10: slice(&self.voice_db10, from, to).to_vec(),
            voiced: slice(&self.voiced, from, to).to_vec(),
            clipped: self
                .clipped
                .iter()
                .filter(|block| (from..to).contains(&(block.block as usize)))
                .map(|b| ClippedBlock { block: b.block - from as u32, samples: b.samples })
                .collect(),
            k_energy: self.k_energy[hundred(from)..hundred(to).max(hundred(from))].to_vec(),
            true_peak_db: self.true_peak_db,
            gaps: self
                .gaps
                .iter()
                .map(|gap| gap.intersect(span))
                .filter(|g| !g.is_empty())
                .collect(),
            waveform: Waveform {
                samples: slice(samples, from * per_block, to * per_block).to_vec(),
            },
        }
    }
}

fn slice<T>(all: &[T], from: usize, to: usize) -> &[T] {
    &all[from.min(all.len())..to.min(all.len())]
}

/// Collects the evidence of sound.
#[derive(Debug, Default)]
pub(crate) struct SoundCollector {
    evidence: SoundEvidence,
    stream: Option<Stream>,
    true_peak: TruePeak,
    mono: Vec<f32>,
    at_16k: Vec<f32>,
    voice: VoiceBand,
}

/// What belongs to one sample rate.
#[derive(Debug)]
struct Stream {
    rate: u32,
    /// When sample 0 of this rate is heard.
    origin: MediaTime,
    /// Samples taken since `origin`.
    taken: u64,
    resampler: Resampler,
    k_weighting: KWeighting,
    block: Open,
    hundred: Open,
}

/// A block that is being filled.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    count: u64,
    energy: [f64; CHANNELS_MAX],
    clipped: [u32; CHANNELS_MAX],
    peak: f32,
}

impl SoundCollector {
    /// Listens to one run.
    pub(crate) fn sound(&mut self, sound: &SoundView<'_>) {
        let count = sound.channels.iter().map(|channel| channel.len()).min().unwrap_or(0);
        if count == 0 || !(1_000..=768_000).contains(&sound.sample_rate) {
            return;
        }
        let mut skip = 0;
        if self.stream.as_ref().is_some_and(|stream| stream.rate != sound.sample_rate) {
            self.close_stream();
        }
        match &self.stream {
            None => self.open_stream(sound),
            Some(stream) => {
                let expected =
                    stream.origin + MediaDuration::from_samples(stream.taken as i64, stream.rate);
                let off = sound.time - expected;
                if off > JITTER {
                    self.fill_gap(Span::new(expected, sound.time));
                } else if off < -JITTER {
                    let doubled = off.abs().samples(sound.sample_rate);
                    skip = usize::try_from(doubled).unwrap_or(usize::MAX).min(count);
                }
            }
        }
        self.evidence.channels = self.evidence.channels.max(sound.channels.len() as u16);
        if self.evidence.energy_db10.len() as u64 >= BLOCKS_MAX || skip == count {
            return;
        }
        self.take(sound.channels, skip, count);
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> SoundEvidence {
        self.close_stream();
        self.evidence.true_peak_db = (self.true_peak.db() * 100.0).round() / 100.0;
        let blocks = self.evidence.energy_db10.len();
        self.voice.finish(&mut self.evidence.voice_db10);
        self.evidence.voice_db10.resize(blocks, SILENT_DB10);
        self.evidence.voiced = crate::speech::voicing(&self.evidence.waveform.samples, blocks);
        self.evidence
    }

    fn open_stream(&mut self, sound: &SoundView<'_>) {
        if self.evidence.is_empty() {
            self.evidence.start = sound.time;
            self.evidence.sample_rate = sound.sample_rate;
        }
        self.stream = Some(Stream {
            rate: sound.sample_rate,
            origin: self.evidence.time_of(self.evidence.energy_db10.len()),
            taken: 0,
            resampler: Resampler::new(sound.sample_rate),
            k_weighting: KWeighting::new(sound.sample_rate),
            block: Open::default(),
            hundred: Open::default(),
        });
    }

    fn close_stream(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        if stream.block.count * 2 >= u64::from(stream.rate) / BLOCKS_PER_SECOND {
            stream.block.write(&mut self.evidence);
        }
        if stream.hundred.count * 2 >= u64::from(stream.rate) / 10 {
            self.evidence.k_energy.push(stream.hundred.total_energy());
        }
        self.at_16k.clear();
        stream.resampler.flush(&mut self.at_16k);
        self.keep_waveform();
    }

    fn fill_gap(&mut self, gap: Span) {
        let Some(stream) = &self.stream else { return };
        self.evidence.gaps.push(gap);
        let rate = stream.rate;
        let limit = BLOCKS_MAX.saturating_sub(self.evidence.energy_db10.len() as u64);
        let missing = u64::try_from(gap.duration().samples(rate)).unwrap_or(0);
        let mut missing = missing.min(limit * u64::from(rate) / BLOCKS_PER_SECOND);
        let silence = [0f32; 4096];
        while missing > 0 {
            let run = missing.min(silence.len() as u64);
            self.take(&[&silence], 0, run as usize);
            missing -= run;
        }
    }

    /// Hears samples `from..to` of each channel.
    fn take(&mut self, channels: &[&[f32]], from: usize, to: usize) {
        let Some(stream) = &mut self.stream else { return };
        let channels = &channels[..channels.len().min(CHANNELS_MAX)];
        let mut at = from;
        while at < to {
            // Up to the next boundary of a 10 ms block.
            let blocks = stream.taken * BLOCKS_PER_SECOND / u64::from(stream.rate);
            let boundary = ((blocks + 1) * u64::from(stream.rate)).div_ceil(BLOCKS_PER_SECOND);
            let run = usize::try_from(boundary - stream.taken).unwrap_or(1).min(to - at);
            for (index, channel) in channels.iter().enumerate() {
                let samples = &channel[at..at + run];
                let (mut peak, mut energy, mut clipped) = (0f32, 0f32, 0u32);
                for &sample in samples {
                    peak = peak.max(sample.abs());
                    energy += sample * sample;
                    clipped += u32::from(sample.abs() >= CLIPPED_FROM);
                }
                stream.block.energy[index] += f64::from(energy);
                stream.block.clipped[index] += clipped;
                stream.block.peak = stream.block.peak.max(peak);
                stream.hundred.energy[index] += stream.k_weighting.energy(index, samples);
                self.true_peak.push(index, samples, peak);
            }
            stream.block.count += run as u64;
            stream.hundred.count += run as u64;
            stream.taken += run as u64;
            at += run;
            if stream.taken >= boundary {
                std::mem::take(&mut stream.block).write(&mut self.evidence);
                if (blocks + 1).is_multiple_of(10) {
                    let hundred = std::mem::take(&mut stream.hundred);
                    self.evidence.k_energy.push(hundred.total_energy());
                }
            }
        }
        self.mono.clear();
        self.mono.resize(to - from, 0.0);
        let share = 1.0 / channels.len().max(1) as f32;
        for channel in channels {
            for (mixed, sample) in self.mono.iter_mut().zip(&channel[from..to]) {
                *mixed += share * sample;
            }
        }
        self.at_16k.clear();
        stream.resampler.push(&self.mono, &mut self.at_16k);
        self.keep_waveform();
    }

    fn keep_waveform(&mut self) {
        self.voice.push(&self.at_16k, &mut self.evidence.voice_db10);
        let room = WAVEFORM_MAX.saturating_sub(self.evidence.waveform.samples.len());
        let kept = self.at_16k.iter().take(room);
        self.evidence.waveform.samples.extend(kept.map(|&x| (x * 32767.0).round() as i16));
    }
}

impl Open {
    fn write(self, evidence: &mut SoundEvidence) {
        let count = self.count.max(1) as f64;
        let loudest = self.energy.iter().fold(0f64, |most, &energy| most.max(energy));
        evidence.peak_db10.push(db10(f64::from(self.peak) * f64::from(self.peak)));
        evidence.energy_db10.push(db10(loudest / count));
        let clipped = self.clipped.iter().copied().max().unwrap_or(0);
        if clipped > 0 && self.peak >= CLIPPED_PEAK {
            let block = (evidence.energy_db10.len() - 1) as u32;
            let samples = u16::try_from(clipped).unwrap_or(u16::MAX);
            evidence.clipped.push(ClippedBlock { block, samples });
        }
    }

    fn total_energy(self) -> f32 {
        (self.energy.iter().sum::<f64>() / self.count.max(1) as f64) as f32
    }
}

/// Energy between 200 and 4000 Hz, in blocks of 10 ms, of sound at 16 kHz.
#[derive(Debug)]
struct VoiceBand {
    filters: [Biquad; 3],
    state: [[f64; 2]; 3],
    energy: f64,
    count: usize,
}

impl Default for VoiceBand {
    fn default() -> Self {
        let rate = f64::from(RATE);
        let highpass = Biquad::highpass(rate, 200.0);
        Self {
            filters: [highpass, highpass, Biquad::lowpass(rate, 4000.0)],
            state: [[0.0; 2]; 3],
            energy: 0.0,
            count: 0,
        }
    }
}

impl VoiceBand {
    fn push(&mut self, samples: &[f32], levels: &mut Vec<i16>) {
        for &sample in samples {
            let mut value = f64::from(sample);
            for (filter, state) in self.filters.iter().zip(&mut self.state) {
                value = filter.step(state, value);
            }
            self.energy += value * value;
            self.count += 1;
            if self.count == RATE as usize / 100 {
                self.finish(levels);
            }
        }
        for value in self.state.iter_mut().flatten() {
            if value.abs() < 1e-20 {
                *value = 0.0;
            }
        }
    }

    fn finish(&mut self, levels: &mut Vec<i16>) {
        if self.count > 0 {
            levels.push(db10(self.energy / self.count as f64));
        }
        (self.energy, self.count) = (0.0, 0);
    }
}

/// Mean energy in tenths of a dB below full scale.
fn db10(energy: f64) -> i16 {
    (100.0 * energy.max(1e-12).log10()).round().clamp(f64::from(SILENT_DB10), 400.0) as i16
}
