//! Where someone speaks and where they pause, and how far speech stands above what lies under it:
//! from levels and periodicity, without a model.

use reprise_model::{MediaTime, Span};
use serde::{Deserialize, Serialize};

use crate::resample::dot;
use crate::sound::{SILENT_DB10, SoundEvidence};

/// A pause in speech.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// From the end of one sound to the beginning of the next.
    #[serde(flatten)]
    pub span: Span,
    /// The quietest instant inside: the best place for a cut.
    #[serde(rename = "quietest_s")]
    pub quietest: MediaTime,
    /// How far the quietest instant lies below the speech around it, dB.
    pub depth_db: f64,
}

/// Levels of speech and of what lies under it, all frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeechToNoise {
    /// Active speech level, noise taken off, dBFS: mean energy while someone speaks, breaks of up
    /// to 0.2 s counted in (as ITU-T P.56 does).
    pub speech_db: f64,
    /// Mean energy in the pauses, dBFS; where there are hardly any, of what is steady under the
    /// speech.
    pub noise_db: f64,
    /// Energy of what is steady under the speech, in its pauses and between its tones, dBFS.
    pub steady_db: f64,
    /// The difference, dB; at most 80.
    pub ratio_db: f64,
    /// Share of the time in which someone speaks, 0 to 1.
    pub active_share: f64,
    /// Whether what lies under the speech has pitch, as music has.
    pub tonal: bool,
}

/// Shortest pause, blocks of 10 ms.
const PAUSE_MIN: usize = 12;
/// Half width of the neighbourhood whose levels are compared, blocks (4 s).
const AROUND: usize = 400;
/// Distance at which neighbourhoods are looked at, blocks.
const HOP: usize = 50;
/// Speech must stand above its floor by so much for pauses to be told, dB.
const RANGE_MIN_DB: f32 = 6.0;
/// Periodicity from which a block counts as voiced. White noise stays below 35.
const VOICED_FROM: u8 = 50;
/// Breaks shorter than this belong to speech, blocks (ITU-T P.56).
const HANGOVER: usize = 20;
/// Share of the active time that must be voiced for it to be called speech: read speech has 0.5 to
/// 0.7, whispering and noise have less than 0.15.
const VOICED_SHARE_MIN: f64 = 0.2;

/// Pauses in order.
pub(crate) fn pauses(sound: &SoundEvidence) -> Vec<Pause> {
    let levels = smoothed(&sound.voice_db10, 2);
    let local = Local::of(&levels);
    let mut found = Vec::new();
    let mut start = None;
    for index in 0..=levels.len() {
        let low = levels.get(index).is_some_and(|&level| level < local.threshold(index));
        match (low, start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                start = None;
                if index - from >= PAUSE_MIN {
                    let quietest = quietest(&levels, from, index);
                    let depth = local.speech(quietest) - levels[quietest];
                    found.push(Pause {
                        span: sound.span_of(from, index),
                        quietest: sound.time_of(quietest),
                        depth_db: f64::from(depth),
                    });
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether someone speaks, block by block (or whatever stands out of the floor).
pub(crate) fn activity(sound: &SoundEvidence) -> Vec<bool> {
    let levels = smoothed(&sound.voice_db10, 2);
    let local = Local::of(&levels);
    levels.iter().enumerate().map(|(i, &level)| level >= local.threshold(i)).collect()
}

/// Speech against noise; `None` where nothing is voiced like speech.
pub(crate) fn speech_to_noise(sound: &SoundEvidence) -> Option<SpeechToNoise> {
    let active = activity(sound);
    let voice = &sound.voice_db10;
    let heard: Vec<usize> = (0..active.len()).filter(|&i| voice[i] > SILENT_DB10 + 200).collect();
    let speaking: Vec<usize> = heard.iter().copied().filter(|&i| active[i]).collect();
    let voiced = speaking.iter().filter(|&&i| sound.voiced.get(i) >= Some(&VOICED_FROM)).count();
    if speaking.len() < 50 || (voiced as f64) < VOICED_SHARE_MIN * speaking.len() as f64 {
        return None;
    }
    let (quiet, tonal) = pause_blocks(sound, &active);
    let level = &sound.energy_db10;
    let power = |indices: &[usize]| {
        let sum: f64 = indices.iter().map(|&i| 10f64.powf(f64::from(level[i]) / 100.0)).sum();
        sum / indices.len().max(1) as f64
    };
    // Steady noise is read off below 8 kHz; what lies above is taken from the quietest instants.
    let mut lowest = heard.clone();
    lowest.sort_by_key(|&i| voice[i]);
    lowest.truncate((heard.len() / 10).max(1));
    let wave = &sound.waveform.samples;
    let steady = match crate::noise::floor_power(wave) {
        Some(floor) => floor + (power(&lowest) - low_power(wave, &lowest)).max(0.0),
        None => power(&lowest),
    }
    .max(1e-12);
    // The longer the pauses, the better they tell the noise; noise that comes and goes is in them
    // alone.
    let trust = ((quiet.len() as f64 - 30.0) / 70.0).clamp(0.0, 1.0);
    let in_pauses = power(&quiet).max(1e-12);
    let noise = (in_pauses.ln() * trust + steady.ln() * (1.0 - trust)).exp();
    // Energy of the active blocks, spread over them and the short breaks between them.
    let mut since = HANGOVER;
    let held = heard.iter().filter(|&&i| {
        since = if active[i] { 0 } else { since + 1 };
        since < HANGOVER
    });
    let held = held.count().max(1) as f64;
    let speech = (power(&speaking) * speaking.len() as f64 / held - noise).max(noise * 0.01);
    let db = |power: f64| 10.0 * power.log10();
    Some(SpeechToNoise {
        speech_db: db(speech),
        noise_db: db(noise),
        steady_db: db(steady),
        ratio_db: (db(speech) - db(noise)).min(80.0),
        active_share: speaking.len() as f64 / active.len().max(1) as f64,
        tonal,
    })
}

/// Blocks of pauses of 0.15 s and more, their edges left out (speech rings on and begins softly),
/// and whether what is heard in them has pitch. Where only few of them have, those are left out:
/// a soft voice goes on there.
fn pause_blocks(sound: &SoundEvidence, active: &[bool]) -> (Vec<usize>, bool) {
    let heard = |i: usize| sound.voice_db10[i] > SILENT_DB10 + 200;
    let mut quiet: Vec<usize> = (0..active.len())
        .filter(|&i| {
            heard(i) && !active[i.saturating_sub(4)..(i + 3).min(active.len())].contains(&true)
        })
        .collect();
    let pitched = |i: usize| sound.voiced.get(i) >= Some(&VOICED_FROM);
    let count = quiet.iter().filter(|&&i| pitched(i)).count();
    let tonal = quiet.len() >= 15 && count * 5 >= quiet.len() * 2;
    quiet = quiet
        .chunk_by(|a, b| a + 1 == *b)
        .filter(|run| run.len() >= 8)
        .flatten()
        .copied()
        .collect();
    if !tonal {
        quiet.retain(|&i| !(i.saturating_sub(5)..i + 6).any(pitched));
    }
    (quiet, tonal)
}

/// Mean power of these blocks of 10 ms below 8 kHz, full scale squared.
fn low_power(at_16k: &[i16], blocks: &[usize]) -> f64 {
    let (all, _) = at_16k.as_chunks::<160>();
    let sum: f64 = blocks
        .iter()
        .filter_map(|&block| all.get(block))
        .flatten()
        .map(|&x| (f64::from(x) / 32768.0).powi(2))
        .sum();
    sum / (blocks.len().max(1) * 160) as f64
}

/// Periodicity of each block of 10 ms at 70 to 400 Hz, 0 to 100: the largest normalised
/// autocorrelation of 40 ms of sound at 4 kHz.
pub(crate) fn voicing(at_16k: &[i16], blocks: usize) -> Vec<u8> {
    const WINDOW: usize = 160;
    const LAGS: std::ops::RangeInclusive<usize> = 10..=57;
    // A mean of four is filter enough: what aliases lies above 2 kHz, where voices are weak.
    let (quads, _) = at_16k.as_chunks::<4>();
    let slow: Vec<f32> = quads
        .iter()
        .map(|quad| quad.iter().map(|&x| f32::from(x)).sum::<f32>() / 131_072.0)
        .collect();
    let mut window = [0f32; WINDOW + 57];
    (0..blocks)
        .map(|block| {
            let centre = block * 40 + 20;
            let from = centre.saturating_sub(window.len() / 2);
            let Some(sound) = slow.get(from..from + window.len()) else { return 0 };
            let mean = sound.iter().sum::<f32>() / sound.len() as f32;
            window.iter_mut().zip(sound).for_each(|(x, &s)| *x = s - mean);
            let head = &window[..WINDOW];
            let energy = dot(head, head);
            if energy < 1e-7 {
                return 0;
            }
            let best = LAGS
                .map(|lag| {
                    let shifted = &window[lag..lag + WINDOW];
                    dot(head, shifted) / (energy * dot(shifted, shifted)).sqrt().max(1e-9)
                })
                .fold(0f32, f32::max);
            (best * 100.0).clamp(0.0, 100.0) as u8
        })
        .collect()
}

/// Speech level and floor around each point in time.
struct Local {
    floor: Vec<f32>,
    speech: Vec<f32>,
}

impl Local {
    fn of(levels: &[f32]) -> Self {
        let mut local = Self { floor: Vec::new(), speech: Vec::new() };
        let mut sorted = Vec::new();
        for centre in (0..levels.len().max(1)).step_by(HOP) {
            let around = centre.saturating_sub(AROUND)..(centre + AROUND).min(levels.len());
            sorted.clear();
            // What is silent to the last digit says nothing of the room.
            sorted.extend(levels[around].iter().copied().filter(|&level| level > -95.0));
            sorted.sort_by(f32::total_cmp);
            let at = |share: f32| {
                let last = sorted.len().saturating_sub(1);
                sorted.get((last as f32 * share).round() as usize).copied().unwrap_or(-95.0)
            };
            local.floor.push(at(0.05));
            local.speech.push(at(0.85));
        }
        local
    }

    fn speech(&self, block: usize) -> f32 {
        self.speech.get((block + HOP / 2) / HOP).or(self.speech.last()).copied().unwrap_or(0.0)
    }

    /// Below this level a block is a pause, dB.
    fn threshold(&self, block: usize) -> f32 {
        let floor = self.floor.get((block + HOP / 2) / HOP).or(self.floor.last());
        let (floor, speech) = (floor.copied().unwrap_or(0.0), self.speech(block));
        let range = speech - floor;
        if range < RANGE_MIN_DB {
            // Nothing stands out: all of it is activity, or, far down, none of it.
            return if speech < -65.0 { 0.0 } else { -94.0 };
        }
        (floor + (0.35 * range).max(3.0)).clamp(speech - 30.0, speech - 4.0)
    }
}

/// Levels in dB, the energy averaged over `2 * reach + 1` blocks.
fn smoothed(db10: &[i16], reach: usize) -> Vec<f32> {
    let power: Vec<f32> = db10.iter().map(|&db| 10f32.powf(f32::from(db) / 100.0)).collect();
    (0..power.len())
        .map(|i| {
            let around = &power[i.saturating_sub(reach)..(i + reach + 1).min(power.len())];
            10.0 * (around.iter().sum::<f32>() / around.len() as f32).max(1e-12).log10()
        })
        .collect()
}

/// The quietest block, the nearest to the middle where several are within half a dB.
fn quietest(levels: &[f32], from: usize, to: usize) -> usize {
    let lowest = levels[from..to].iter().copied().fold(f32::MAX, f32::min);
    let middle = (from + to) / 2;
    (from..to)
        .filter(|&i| levels[i] <= lowest + 0.5)
        .min_by_key(|&i| i.abs_diff(middle))
        .unwrap_or(middle)
}
