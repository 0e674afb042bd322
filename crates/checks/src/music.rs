//! Music in the background, told from speech and noise by tones that are held.
//!
//! Peaks of the spectrum are followed from frame to frame. A voice glides: its partials leave a
//! quarter tone within a few hundredths of a second. Noise makes peaks that do not last. Notes of
//! instruments stay. The length of tones as the mark of music is Hawley's ("Structure out of
//! sound", MIT 1993); that steady partials show music even under louder speech is the finding of
//! Seyerlehner, Pohle, Schedl and Widmer ("Automatic music detection in television productions",
//! DAFx 2007). Drums without tones are not found.

use reprise_model::{MediaDuration, Span};

use crate::noise::{Hum, spectra};
use crate::resample::RATE;
use crate::sound::SoundEvidence;

/// Music found in sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Music {
    /// Share of the sound in which music plays, 0 to 1.
    pub share: f64,
    /// Where.
    pub places: Vec<Span>,
}

/// Frames of 128 ms, one each 24 ms.
const FRAME: usize = 2048;
const HOP: usize = 384;
/// Tones are looked for from 120 Hz (below it are hum and handling) to 2.5 kHz.
const LOWEST: usize = 120 * FRAME / RATE as usize;
const HIGHEST: usize = 2_500 * FRAME / RATE as usize;
/// Half of the neighbourhood that a tone must stand out of (about 80 Hz), and by how much.
const NEIGHBOURS: usize = 10;
const STANDS_OUT_DB: f32 = 7.0;
/// A tone is held as long as it stays within this share of its mean, at least and at most within so
/// many hertz: a bin is 7.8 Hz wide.
const HELD_SHARE: f32 = 0.005;
const HELD_HERTZ: (f32, f32) = (1.2, 4.0);
/// Shortest held tone, frames (0.36 s): vowels that are held as long are sung.
const HELD_MIN: usize = 15;
/// Frames that are looked at together (2.6 s).
const AROUND: usize = 108;
/// Share of them with held tones from which they are music: people who speak slowly hold one now
/// and then.
const MUSIC_FROM: f64 = 0.35;
/// Pitches that must be among them: machines hum and whistle on one or two.
const PITCHES_MIN: usize = 3;

/// Tones below this are not heard, dBFS.
const QUIETEST_DB: f32 = -80.0;

/// A tone that is being followed.
#[derive(Clone, Copy, Debug)]
struct Tone {
    hertz: f32,
    from: usize,
    last: usize,
    count: f32,
}

/// Music in `sound`; nothing is found where it has no waveform. `hum` is left out.
pub(crate) fn music(sound: &SoundEvidence, hum: Option<Hum>) -> Music {
    let (tones, frames) = held_tones(&sound.waveform.samples, hum);
    let frame_s = HOP as f64 / f64::from(RATE);
    let at = |frame: usize| sound.start + MediaDuration::from_seconds(frame as f64 * frame_s);
    let around = AROUND.min(frames);
    let mut places: Vec<Span> = Vec::new();
    for from in (0..(frames + 1).saturating_sub(around.max(1))).step_by(AROUND / 4) {
        let to = from + around;
        let inside = tones.iter().filter(|tone| tone.from < to && tone.last >= from);
        let mut held = vec![false; around];
        let mut pitches: Vec<f32> = Vec::new();
        for tone in inside {
            held[tone.from.max(from) - from..=tone.last.min(to - 1) - from].fill(true);
            if pitches.iter().all(|hertz| (hertz - tone.hertz).abs() > 0.02 * hertz) {
                pitches.push(tone.hertz);
            }
        }
        let share = held.iter().filter(|&&held| held).count() as f64 / around as f64;
        if share >= MUSIC_FROM && pitches.len() >= PITCHES_MIN {
            places.push(Span::new(at(from), at(to)));
        }
    }
    let places = reprise_model::span::merged(places);
    let heard = places.iter().fold(0.0, |sum, span| sum + span.seconds());
    let whole = sound.span().seconds();
    Music { share: if whole > 0.0 { (heard / whole).min(1.0) } else { 0.0 }, places }
}

/// The tones that are held, and how many frames there are.
fn held_tones(at_16k: &[i16], hum: Option<Hum>) -> (Vec<Tone>, usize) {
    const BINS: usize = FRAME / 2 + 1;
    let spectra = spectra(at_16k, FRAME, HOP);
    let (mut open, mut held): (Vec<Tone>, Vec<Tone>) = Default::default();
    let long_enough = |tone: &&Tone| tone.last + 1 - tone.from >= HELD_MIN;
    let mut level = [0f32; BINS];
    for (frame, powers) in spectra.chunks_exact(BINS).enumerate() {
        for (db, &power) in level.iter_mut().zip(powers) {
            *db = 10.0 * power.max(1e-12).log10();
        }
        for (bin, hertz) in peaks(&level) {
            if is_hum(hertz, hum) || level[bin] < QUIETEST_DB {
                continue;
            }
            let near = (HELD_SHARE * hertz).clamp(HELD_HERTZ.0, HELD_HERTZ.1);
            let known = open
                .iter_mut()
                .filter(|tone| tone.last < frame && (tone.hertz - hertz).abs() <= near)
                .min_by(|a, b| (a.hertz - hertz).abs().total_cmp(&(b.hertz - hertz).abs()));
            match known {
                Some(tone) => {
                    tone.count += 1.0;
                    tone.hertz += (hertz - tone.hertz) / tone.count;
                    tone.last = frame;
                }
                None => open.push(Tone { hertz, from: frame, last: frame, count: 1.0 }),
            }
        }
        let goes_on = |tone: &Tone| tone.last + 1 >= frame;
        held.extend(open.iter().filter(|tone| !goes_on(tone)).filter(long_enough));
        open.retain(goes_on);
    }
    held.extend(open.iter().filter(long_enough));
    (held, spectra.len() / BINS)
}

/// Mains lines come and go with lamps and rooms: below 400 Hz both kinds are left out always, above
/// it those of a hum that was found.
fn is_hum(hertz: f32, hum: Option<Hum>) -> bool {
    let near = |mains: u32| {
        let order = (hertz / mains as f32).round();
        (hertz - order * mains as f32).abs() < 1.5
    };
    (hertz < 400.0 && (near(50) || near(60))) || hum.is_some_and(|hum| near(hum.mains_hertz))
}

/// Bins that stand out of their neighbourhood, with the frequency between bins that a parabola
/// through the levels gives, hertz.
fn peaks(level: &[f32]) -> Vec<(usize, f32)> {
    let mut found = Vec::new();
    let mut sum: f32 = level[LOWEST - NEIGHBOURS..LOWEST + NEIGHBOURS].iter().sum();
    for bin in LOWEST..HIGHEST {
        sum += level[bin + NEIGHBOURS];
        let (left, here, right) = (level[bin - 1], level[bin], level[bin + 1]);
        if here > left && here >= right && here > sum / (2 * NEIGHBOURS + 1) as f32 + STANDS_OUT_DB
        {
            let bend = left - 2.0 * here + right;
            let off = if bend < -1e-3 { 0.5 * (left - right) / bend } else { 0.0 };
            found.push((bin, (bin as f32 + off) * RATE as f32 / FRAME as f32));
        }
        sum -= level[bin - NEIGHBOURS];
    }
    found
}
