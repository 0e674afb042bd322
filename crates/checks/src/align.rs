//! A clip's sound held against the recording's: where it lies, and what of it is there.
//!
//! Both are taken at 4 kHz (where lossy coding keeps the waveform). Stretches of 2 s are found in
//! the recording by cross-correlation; their median distance is the offset. Then blocks of 50 ms
//! are compared at that offset, after the gain that most blocks share: a block that is far quieter
//! is missing, one that does not follow the recording's waveform is replaced.

use realfft::RealFftPlanner;
use reprise_model::{MediaTime, Span};

use crate::resample::dot;
use crate::sound::SoundEvidence;

/// What the comparison found. Times are in the clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alignment {
    /// How much later the clip's sound is than the recording's, milliseconds.
    pub offset_ms: f64,
    /// Gain from the recording to the clip, dB.
    pub gain_db: f64,
    /// Milliseconds of the recording's sound that are silent in the clip.
    pub missing_ms: f64,
    /// Milliseconds that sound otherwise than in the recording.
    pub replaced_ms: f64,
    /// Milliseconds in which the recording's sound is there with something added.
    pub added_ms: f64,
    /// Share of the compared sound that is the recording's, 0 to 1.
    pub original_share: f64,
    /// Where it is missing.
    pub missing: Vec<Span>,
    /// Where it is replaced.
    pub replaced: Vec<Span>,
    /// Where something is added.
    pub added: Vec<Span>,
    /// Whether a common offset was found at all.
    pub found: bool,
}

/// Rate of the comparison, hertz.
const RATE: f64 = 4000.0;
/// Samples of a block (50 ms), and of the step between blocks (25 ms).
const BLOCK: usize = 200;
const STEP: usize = 100;
/// Samples of a stretch that is searched for (2 s), and how far it may lie off (0.7 s).
const STRETCH: usize = 8000;
const REACH: usize = 2800;
/// Mean energy below which a block is silent: -66 dBFS.
const SILENT: f32 = 2.5e-7;
/// Shortest run of blocks that is reported, milliseconds.
const RUN_MIN_MS: f64 = 100.0;

/// Compares the clip's sound with the recording's over `span` of the recording. `None` where
/// either has no waveform.
pub fn align(clip: &SoundEvidence, recording: &SoundEvidence, span: Span) -> Option<Alignment> {
    let clip_wave = slowed(&clip.waveform.samples);
    let source_wave = slowed(&recording.waveform.samples);
    if clip_wave.len() < BLOCK || source_wave.len() < BLOCK {
        return None;
    }
    // Clip sample n was heard at clip.start + n; in the recording that is span.start + clip.start + n.
    let lead = (span.start - recording.start).seconds() + (clip.start - MediaTime::ZERO).seconds();
    let lead = (lead * RATE).round() as i64;
    let lags = stretch_lags(&clip_wave, &source_wave, lead);
    let Some(lag) = median(lags) else {
        return Some(nothing_found(clip, &clip_wave));
    };
    let pairs = Pairs { clip: &clip_wave, source: &source_wave, shift: lead + lag };
    Some(pairs.compare(clip, -(lag as f64) * 1000.0 / RATE))
}

/// To 4 kHz, after a low pass that ends at 1.8 kHz.
fn slowed(at_16k: &[i16]) -> Vec<f32> {
    const HALF: usize = 24;
    let taps: Vec<f32> = (0..2 * HALF + 1)
        .map(|n| {
            let x = n as f64 - HALF as f64;
            let w = 0.5 + 0.5 * (std::f64::consts::PI * x / (HALF as f64 + 1.0)).cos();
            let c = 0.225;
            let s = if x == 0.0 {
                c
            } else {
                (std::f64::consts::PI * c * x).sin() / (std::f64::consts::PI * x)
            };
            (s * w / 32768.0) as f32
        })
        .collect();
    let mut padded = vec![0f32; HALF];
    padded.extend(at_16k.iter().map(|&x| f32::from(x)));
    padded.resize(padded.len() + HALF, 0.0);
    padded.windows(2 * HALF + 1).step_by(4).map(|window| dot(&taps, window)).collect()
}

/// How far each stretch of the clip lies from where it should, in samples, where it is found.
fn stretch_lags(clip: &[f32], source: &[f32], lead: i64) -> Vec<i64> {
    let length = (STRETCH + 2 * REACH).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
    let mut lags = Vec::new();
    let (mut a, mut b) = (forward.make_input_vec(), forward.make_input_vec());
    let (mut a_bins, mut b_bins) = (forward.make_output_vec(), forward.make_output_vec());
    let mut product = inverse.make_output_vec();
    let stretch = STRETCH.min(clip.len());
    for from in (0..=clip.len() - stretch).step_by(stretch) {
        a.fill(0.0);
        b.fill(0.0);
        a[..stretch].copy_from_slice(&clip[from..from + stretch]);
        let first = from as i64 + lead - REACH as i64;
        for (index, value) in b[..stretch + 2 * REACH].iter_mut().enumerate() {
            let at = usize::try_from(first + index as i64).ok();
            *value = at.and_then(|at| source.get(at)).copied().unwrap_or(0.0);
        }
        let energy = dot(&a, &a);
        if energy < SILENT * stretch as f32 {
            continue;
        }
        let running = running_energy(&b[..stretch + 2 * REACH], stretch);
        if forward.process(&mut a, &mut a_bins).is_err()
            || forward.process(&mut b, &mut b_bins).is_err()
        {
            continue;
        }
        for (x, y) in a_bins.iter_mut().zip(&b_bins) {
            *x = x.conj() * y;
        }
        if inverse.process(&mut a_bins, &mut product).is_err() {
            continue;
        }
        let best = (0..=2 * REACH)
            .map(|lag| {
                let norm = (f64::from(energy) * running[lag].max(1e-12)).sqrt();
                (lag, f64::from(product[lag]) / length as f64 / norm)
            })
            .max_by(|x, y| x.1.total_cmp(&y.1));
        if let Some((lag, correlation)) = best
            && correlation > 0.4
        {
            lags.push(lag as i64 - REACH as i64);
        }
    }
    lags
}

fn running_energy(samples: &[f32], length: usize) -> Vec<f64> {
    let mut sum: f64 = samples[..length].iter().map(|&x| f64::from(x * x)).sum();
    let mut sums = vec![sum];
    for index in length..samples.len() {
        sum += f64::from(samples[index] * samples[index]);
        sum -= f64::from(samples[index - length] * samples[index - length]);
        sums.push(sum.max(0.0));
    }
    sums
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// No stretch of the clip is in the recording: all that is not silent is replaced.
fn nothing_found(clip: &SoundEvidence, wave: &[f32]) -> Alignment {
    let silent = dot(wave, wave) < SILENT * wave.len() as f32;
    let all = vec![clip.span()];
    let length_ms = clip.span().seconds() * 1000.0;
    if silent {
        Alignment { missing_ms: length_ms, missing: all, ..Alignment::default() }
    } else {
        Alignment { replaced_ms: length_ms, replaced: all, ..Alignment::default() }
    }
}

struct Pairs<'a> {
    clip: &'a [f32],
    source: &'a [f32],
    /// Clip sample n is source sample n + shift.
    shift: i64,
}

/// What a block turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Silent,
    Original,
    Missing,
    Replaced,
    Added,
}

/// Figures of a block: energies and inner product.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    clip: f32,
    source: f32,
    both: f32,
}

impl Pairs<'_> {
    fn compare(&self, clip: &SoundEvidence, offset_ms: f64) -> Alignment {
        let figures = self.figures();
        let gain = common_gain(&figures);
        let mut kinds: Vec<Kind> = figures.iter().map(|block| judge(block, gain)).collect();
        find_beneath(&figures, gain, &mut kinds);
        let spans = |kind: Kind| runs(&kinds, kind, clip);
        let (missing, replaced, added) =
            (spans(Kind::Missing), spans(Kind::Replaced), spans(Kind::Added));
        let total = |spans: &[Span]| {
            spans.iter().map(|span| span.seconds() * 1000.0).fold(0.0, |a, b| a + b)
        };
        let heard = kinds.iter().filter(|&&kind| kind != Kind::Silent).count().max(1);
        let kept = kinds.iter().filter(|kind| matches!(kind, Kind::Original | Kind::Added)).count();
        Alignment {
            offset_ms: offset_ms + 0.0,
            gain_db: 20.0 * f64::from(gain.max(1e-6)).log10(),
            missing_ms: total(&missing),
            replaced_ms: total(&replaced),
            added_ms: total(&added),
            original_share: kept as f64 / heard as f64,
            missing,
            replaced,
            added,
            found: true,
        }
    }

    fn figures(&self) -> Vec<Figures> {
        let mut figures = Vec::new();
        for from in (0..self.clip.len().saturating_sub(BLOCK)).step_by(STEP) {
            let at = from as i64 + self.shift;
            let clip = &self.clip[from..from + BLOCK];
            let source = usize::try_from(at).ok().and_then(|at| self.source.get(at..at + BLOCK));
            let Some(source) = source else {
                let energy = dot(clip, clip) / BLOCK as f32;
                figures.push(Figures { clip: energy, ..Figures::default() });
                continue;
            };
            figures.push(Figures {
                clip: dot(clip, clip) / BLOCK as f32,
                source: dot(source, source) / BLOCK as f32,
                both: dot(clip, source) / BLOCK as f32,
            });
        }
        figures
    }
}

/// The gain that the louder blocks which follow the recording share.
fn common_gain(figures: &[Figures]) -> f32 {
    let mut gains: Vec<f32> = figures
        .iter()
        .filter(|block| block.source > 16.0 * SILENT)
        .filter(|block| block.both > 0.7 * (block.clip * block.source).sqrt())
        .map(|block| block.both / block.source)
        .collect();
    gains.sort_by(f32::total_cmp);
    gains.get(gains.len() / 2).copied().unwrap_or(1.0)
}

fn judge(block: &Figures, gain: f32) -> Kind {
    let expected = gain * gain * block.source;
    if expected < SILENT && block.clip < 4.0 * SILENT {
        return Kind::Silent;
    }
    if expected >= SILENT && block.clip < 0.01 * expected {
        return Kind::Missing;
    }
    let likeness = block.both / (block.clip * block.source).sqrt().max(1e-12);
    if likeness >= 0.6 {
        return Kind::Original;
    }
    // Far below what is heard elsewhere, coding alone decides the waveform.
    if block.clip < 8.0 * SILENT && expected < 8.0 * SILENT {
        return Kind::Silent;
    }
    let part = block.both / block.source.max(1e-12) / gain.max(1e-6);
    if (0.7..1.4).contains(&part) && likeness >= 0.25 {
        return Kind::Added;
    }
    Kind::Replaced
}

/// Tells what was laid over from what was replaced: in a run of blocks that do not follow the
/// recording, its sound may still be there at the common gain under something louder. Single
/// blocks are too short to say; together they are.
fn find_beneath(figures: &[Figures], gain: f32, kinds: &mut [Kind]) {
    let odd = |kind: Kind| matches!(kind, Kind::Replaced | Kind::Added);
    let mut from = 0;
    while from < kinds.len() {
        let to = (from..kinds.len()).find(|&at| !odd(kinds[at])).unwrap_or(kinds.len());
        if to > from {
            let sum = |of: fn(&Figures) -> f32| figures[from..to].iter().map(of).sum::<f32>();
            let (clip, source, both) = (sum(|f| f.clip), sum(|f| f.source), sum(|f| f.both));
            let part = both / (source * gain).max(1e-12);
            // Standard error of `part` where both are unlike; half of the blocks overlap.
            let samples = ((to - from + 1) * STEP) as f32;
            let error = (clip / (source * gain * gain * samples).max(1e-12)).sqrt();
            if (0.6..1.5).contains(&part) && part > 4.0 * error {
                kinds[from..to].fill(Kind::Added);
            }
        }
        from = to + 1;
    }
}

fn runs(kinds: &[Kind], kind: Kind, clip: &SoundEvidence) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = None;
    for index in 0..=kinds.len() {
        match (kinds.get(index) == Some(&kind), start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                start = None;
                let seconds = |block: usize| (block * STEP) as f64 / RATE;
                let to = seconds(index - 1) + BLOCK as f64 / RATE;
                if (to - seconds(from)) * 1000.0 >= RUN_MIN_MS {
                    let at = |s: f64| clip.start + reprise_model::MediaDuration::from_seconds(s);
                    spans.push(Span::new(at(seconds(from)), at(to)));
                }
            }
            _ => {}
        }
    }
    spans
}
