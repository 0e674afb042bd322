//! Where someone speaks: by the Silero model, or from levels and voicing where there is none.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use reprise_model::{Error, Kind, Result};
use whisper_rs::{WhisperVadContext, WhisperVadContextParams};

use super::Stretch;
use super::model_file;
use crate::sound::SoundEvidence;

/// Samples that the model judges at once: 32 ms at 16 kHz.
const WINDOW: usize = 512;
/// Speech begins where the model is so sure, and ends where it is less sure than `UNTIL`: the
/// defaults of Silero's own `get_speech_timestamps`.
const FROM: f32 = 0.5;
const UNTIL: f32 = 0.35;
/// Shorter bursts are no speech, windows (0.26 s; Silero's default is 250 ms).
const SPEECH_MIN: usize = 8;
/// Shorter breaks are part of speech, windows (0.1 s, Silero's default).
const BREAK_MAX: usize = 3;
/// Speech rings on and begins softly: kept on either side, samples (64 ms).
const PAD: usize = 1024;
/// Periodicity from which a block counts as voiced.
const VOICED_FROM: u8 = 50;
/// Share of a stretch's blocks that must be voiced, where there is no model: speech of ten files has
/// 0.67 to 0.94, noise up to 0.56.
const VOICED_SHARE_MIN: f64 = 0.6;

/// The Silero model, loaded.
pub(super) struct VoiceActivity {
    context: Mutex<WhisperVadContext>,
}

impl VoiceActivity {
    pub(super) fn load(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| Error::io(&name, error))?;
        model_file::check_silero(&bytes, &name)?;
        let fails = || {
            let what =
                "cannot be loaded as a voice activity model: run `reprise models fetch` again";
            Error::new(Kind::Malformed, what).in_file(&name)
        };
        let path = path.to_str().filter(|path| !path.contains('\0')).ok_or_else(fails)?;
        let mut options = WhisperVadContextParams::new();
        // A window is too small to share out.
        options.set_n_threads(1);
        let context = WhisperVadContext::new(path, options).map_err(|_| fails())?;
        Ok(Self { context: Mutex::new(context) })
    }

    /// Where someone speaks in sound at 16 kHz.
    pub(super) fn stretches(&self, samples: &[f32]) -> Result<Vec<Stretch>> {
        let mut context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        context.detect_speech(samples).map_err(|error| {
            Error::new(Kind::Bug, "the voice activity model failed").caused_by(error)
        })?;
        Ok(stretches_of(context.probabilities(), samples.len()))
    }
}

/// Stretches of speech by how sure each window is.
fn stretches_of(probabilities: &[f32], samples: usize) -> Vec<Stretch> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut start = None;
    let mut low = 0;
    for (index, &probability) in probabilities.iter().chain([&0.0; BREAK_MAX + 1]).enumerate() {
        // What is no number is no speech.
        let (on, off) = (probability >= FROM, probability.is_nan() || probability < UNTIL);
        match start {
            None if on => (start, low) = (Some(index), 0),
            Some(from) => {
                low = if off { low + 1 } else { 0 };
                if low > BREAK_MAX {
                    let to = index + 1 - low;
                    if to - from >= SPEECH_MIN {
                        found.push((from, to));
                    }
                    start = None;
                }
            }
            None => {}
        }
    }
    padded(found.into_iter().map(|(from, to)| (from * WINDOW, to * WINDOW)), samples)
}

/// Where someone seems to speak: what stands out of the floor, where enough of it has pitch.
pub(super) fn without_model(sound: &SoundEvidence) -> Vec<Stretch> {
    const BLOCK: usize = 160;
    let active = crate::speech::activity(sound);
    if crate::speech::speech_to_noise(sound).is_none() {
        return Vec::new();
    }
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (index, _) in active.iter().enumerate().filter(|(_, on)| **on) {
        match found.last_mut() {
            Some(last) if index - last.1 <= 20 => last.1 = index + 1,
            _ => found.push((index, index + 1)),
        }
    }
    found.retain(|&(from, to)| {
        let voiced = (from..to).filter(|&i| sound.voiced.get(i) >= Some(&VOICED_FROM)).count();
        to - from >= 25 && voiced as f64 >= VOICED_SHARE_MIN * (to - from) as f64
    });
    let end = active.len() * BLOCK;
    padded(found.into_iter().map(|(from, to)| (from * BLOCK, to * BLOCK)), end)
}

fn padded(found: impl Iterator<Item = (usize, usize)>, samples: usize) -> Vec<Stretch> {
    let mut padded: Vec<Stretch> = Vec::new();
    for (from, to) in found {
        let stretch =
            Stretch { from: from.saturating_sub(PAD).min(samples), to: (to + PAD).min(samples) };
        match padded.last_mut() {
            Some(last) if stretch.from <= last.to => last.to = last.to.max(stretch.to),
            _ if stretch.to > stretch.from => padded.push(stretch),
            _ => {}
        }
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_and_breaks_are_told_from_speech_and_pauses() {
        let mut sure = vec![0.0; 20];
        sure.extend([0.9; 30]);
        sure.extend([0.1; 2]); // A break.
        sure.extend([0.4; 5]); // Unsure, but on.
        sure.extend([0.9; 10]);
        sure.extend([0.0; 30]);
        sure.extend([0.95; 4]); // A burst.
        sure.extend([f32::NAN; 9]);
        let found = stretches_of(&sure, sure.len() * WINDOW);
        assert_eq!(found, [Stretch { from: 20 * WINDOW - PAD, to: 67 * WINDOW + PAD }]);
    }

    #[test]
    fn speech_to_the_end_is_kept() {
        let found = stretches_of(&[0.9; 40], 40 * WINDOW - 100);
        assert_eq!(found, [Stretch { from: 0, to: 40 * WINDOW - 100 }]);
    }
}
