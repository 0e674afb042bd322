//! A clip's sound held against the recording's: where it lies, and what of it is there.
//!
//! Both are taken at 4 kHz (where lossy coding keeps the waveform). Stretches of 2 s are found in
//! the recording by cross-correlation; the distance that most agree on is the offset. The
//! recording's sound is then passed through the short filter that brings it nearest to the clip's
//! (level, equaliser, parts of a sample), and blocks of 50 ms are compared: one that is far quieter
//! is missing, one that does not follow the recording's waveform is replaced. What the clip holds
//! beyond the recording's sound, such as a music bed, is measured against the level of that sound.

mod blocks;
mod place;

use reprise_model::{MediaTime, Span};

use crate::resample::dot;
use crate::sound::SoundEvidence;

/// What the comparison found. Times are in the clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alignment {
    /// How much later the clip's sound is than the recording's, milliseconds.
    pub offset_ms: f64,
    /// How much faster the clip's sound runs than the recording's, percent; 0 where it is too short
    /// to tell.
    pub speed_percent: f64,
    /// Gain from the recording to the clip, dB.
    pub gain_db: f64,
    /// Milliseconds of the recording's sound that are silent in the clip.
    pub missing_ms: f64,
    /// Milliseconds that sound otherwise than in the recording.
    pub replaced_ms: f64,
    /// Milliseconds in which something added stands out of the recording's sound.
    pub added_ms: f64,
    /// Level of all that was added, against that of the recording's active sound, dB; coding alone
    /// leaves -15 and less.
    pub added_db: f64,
    /// Share of the compared sound that is the recording's, 0 to 1.
    pub original_share: f64,
    /// Where it is missing.
    pub missing: Vec<Span>,
    /// Where it is replaced.
    pub replaced: Vec<Span>,
    /// Where something is added.
    pub added: Vec<Span>,
    /// Where what was added is as loud as the recording's sound: it is dubbed over.
    pub dubbed: Vec<Span>,
    /// Whether a common offset was found at all.
    pub found: bool,
}

/// Rate of the comparison, hertz.
const RATE: f64 = 4000.0;
/// Mean energy below which sound is silent: -66 dBFS.
const SILENT: f32 = 2.5e-7;
/// Shortest sound that can be compared, samples (50 ms).
const SHORTEST: usize = 200;

/// Compares the clip's sound with the recording's over `span` of the recording; what was added is
/// dubbed over from `dubbed_from_db` against the recording's sound. `None` where either has no
/// waveform.
pub fn align(
    clip: &SoundEvidence,
    recording: &SoundEvidence,
    span: Span,
    dubbed_from_db: f64,
) -> Option<Alignment> {
    let clip_wave = slowed(&clip.waveform.samples);
    let source_wave = slowed(&recording.waveform.samples);
    if clip_wave.len() < SHORTEST || source_wave.len() < SHORTEST {
        return None;
    }
    // Clip sample n was heard at clip.start + n; in the recording that is span.start + clip.start + n.
    let lead = (span.start - recording.start).seconds() + (clip.start - MediaTime::ZERO).seconds();
    let lead = (lead * RATE).round() as i64;
    let Some(place) = place::find(&clip_wave, &source_wave, lead) else {
        return Some(nothing_found(clip, &clip_wave));
    };
    let there = place::taken(&source_wave, lead + place.lag, clip_wave.len());
    let compared = blocks::Compared::of(&clip_wave, &there);
    let spans = |kind| compared.runs(kind, clip.start);
    let total = |spans: &[Span]| spans.iter().fold(0.0, |sum, span| sum + span.seconds() * 1000.0);
    let missing = spans(blocks::Kind::Missing);
    let replaced = spans(blocks::Kind::Replaced);
    let added = spans(blocks::Kind::Added);
    Some(Alignment {
        offset_ms: -(place.lag as f64) * 1000.0 / RATE + 0.0,
        speed_percent: place.speed_percent,
        gain_db: compared.gain_db,
        missing_ms: total(&missing),
        replaced_ms: total(&replaced),
        added_ms: total(&added),
        added_db: compared.added_db,
        original_share: compared.original_share(),
        dubbed: compared.dubbed(dubbed_from_db, clip.start),
        missing,
        replaced,
        added,
        found: true,
    })
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

/// No stretch of the clip is in the recording: all that is not silent is replaced.
fn nothing_found(clip: &SoundEvidence, wave: &[f32]) -> Alignment {
    let silent = dot(wave, wave) < SILENT * wave.len() as f32;
    let all = vec![clip.span()];
    let length_ms = clip.span().seconds() * 1000.0;
    if silent {
        Alignment {
            missing_ms: length_ms,
            missing: all,
            added_db: QUIETEST_DB,
            ..Alignment::default()
        }
    } else {
        Alignment {
            replaced_ms: length_ms,
            replaced: all,
            added_db: QUIETEST_DB,
            ..Alignment::default()
        }
    }
}

/// What is written for the level of nothing, dB.
const QUIETEST_DB: f64 = -99.0;
