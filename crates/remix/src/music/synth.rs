//! The synthesiser: a handful of voices, each a formula.

use std::f64::consts::{SQRT_2, TAU};
use std::sync::LazyLock;

use super::Piece;
use super::score::{Score, Voice};

/// One round of a score: each of its chords a bar. What rings beyond the end comes in at the start.
pub fn round(score: &Score, rate: u32) -> Piece {
    let bar = score.bar_s();
    let bars = score.chords.len();
    let mut stage = Stage::new((bar * bars as f64 * f64::from(rate)) as usize, rate, true);
    for number in 0..bars {
        play_bar(&mut stage, score, number, number as f64 * bar);
    }
    stage.piece
}

/// The chord after so many bars, with a stroke, ringing out within so many samples.
pub fn last_chord(score: &Score, bars: usize, rate: u32, samples: usize) -> Piece {
    let mut stage = Stage::new(samples, rate, false);
    let length = samples as f64 / f64::from(rate);
    // Pieces end where they began.
    let tones =
        score.tones(if bars == 0 { 0 } else { bars / score.chords.len() * score.chords.len() }, 4);
    for (index, tone) in tones.iter().take(4).enumerate() {
        let pan = (index as f64 - 1.0) * 0.25;
        stage.add(0.0, length, pan, |t| 0.16 * keys(*tone, t) * (-2.2 * t).exp());
    }
    if let Some(bass) = &score.bass {
        let low = score.tones(0, 2).first().copied().unwrap_or(36.0);
        stage
            .add(0.0, length, 0.0, |t| bass.level * 0.5 * low_tone(low, t, 0.2) * (-2.5 * t).exp());
    }
    if !score.drums.kick.is_empty() {
        stage.add(0.0, 0.3, 0.0, |t| 0.8 * kick(t));
    }
    let fade = (0.35 * f64::from(rate)) as usize;
    for channel in &mut stage.piece.channels {
        let start = channel.len().saturating_sub(fade);
        let count = (channel.len() - start).max(1);
        for (index, value) in channel[start..].iter_mut().enumerate() {
            *value *= (1.0 - (index + 1) as f32 / count as f32).max(0.0);
        }
    }
    stage.piece
}

/// Where tones are added up.
struct Stage {
    piece: Piece,
    rate: f64,
    wraps: bool,
}

impl Stage {
    fn new(samples: usize, rate: u32, wraps: bool) -> Self {
        let channels = [vec![0.0; samples], vec![0.0; samples]];
        Self { piece: Piece { channels }, rate: f64::from(rate), wraps }
    }

    /// Adds a tone from `at_s` on; `pan` -1 (left) to 1.
    fn add(&mut self, at_s: f64, length_s: f64, pan: f64, tone: impl Fn(f64) -> f64) {
        let rate = self.rate;
        let (start, count) = ((at_s * rate) as usize, (length_s * rate) as usize);
        let total = self.piece.channels[0].len();
        let angle = (pan.clamp(-1.0, 1.0) + 1.0) * std::f64::consts::FRAC_PI_4;
        let gains = [angle.cos() * SQRT_2, angle.sin() * SQRT_2];
        for index in 0..count {
            let at = start + index;
            let at = if at < total {
                at
            } else if self.wraps && total > 0 {
                at % total
            } else {
                break;
            };
            let value = tone(index as f64 / rate);
            for (channel, gain) in self.piece.channels.iter_mut().zip(gains) {
                channel[at] += (value * gain) as f32;
            }
        }
    }
}

fn play_bar(stage: &mut Stage, score: &Score, number: usize, start: f64) {
    let sixteenth = score.bar_s() / 16.0;
    let at = |step: usize| {
        let late = if step % 2 == 1 { score.swing } else { 0.0 };
        start + (step as f64 + late) * sixteenth
    };
    let strokes = |pattern: &str| -> Vec<(usize, f64)> {
        let stroke = |(step, letter)| match letter {
            'x' => Some((step, 1.0)),
            'o' => Some((step, 0.5)),
            _ => None,
        };
        pattern.chars().enumerate().filter_map(stroke).collect()
    };
    let drums = &score.drums;
    for (step, loud) in strokes(&drums.kick) {
        stage.add(at(step), 0.35, 0.0, |t| 0.85 * loud * kick(t));
    }
    for (step, loud) in strokes(&drums.snare) {
        stage.add(at(step), 0.25, 0.05, |t| {
            let body = sine(190.0 * t) * (-28.0 * t).exp() * 0.5;
            0.45 * loud * (body + noise(t, 1) * (-18.0 * t).exp() * 0.6)
        });
    }
    for (step, loud) in strokes(&drums.clap) {
        stage.add(at(step), 0.22, -0.1, |t| {
            let hands = if t < 0.03 {
                ((t * 100.0) % 1.0 * -4.0).exp()
            } else {
                (-20.0 * (t - 0.03)).exp()
            };
            0.34 * loud * bright_noise(t, 2) * hands
        });
    }
    for (step, loud) in strokes(&drums.hat) {
        stage.add(at(step), 0.06, 0.25, |t| 0.16 * loud * bright_noise(t, 3) * (-70.0 * t).exp());
    }
    for (step, loud) in strokes(&drums.open_hat) {
        stage.add(at(step), 0.3, 0.25, |t| 0.14 * loud * bright_noise(t, 4) * (-11.0 * t).exp());
    }
    for (step, loud) in strokes(&drums.shaker) {
        stage.add(at(step), 0.09, -0.3, |t| {
            0.12 * loud * bright_noise(t, 5) * (t * 60.0).min(1.0) * (-35.0 * t).exp()
        });
    }
    let roots = score.tones(number, 2);
    let root = roots.first().copied().unwrap_or(36.0);
    if let Some(bass) = &score.bass {
        let pitch = |letter| match letter {
            'x' => Some(root),
            '5' => Some(root + 7.0),
            '8' => Some(root + 12.0),
            _ => None,
        };
        let letters: Vec<char> = bass.pattern.chars().collect();
        for (step, tone) in letters.iter().enumerate().filter_map(|(s, &l)| Some((s, pitch(l)?))) {
            let next = (step + 1..16).find(|&s| pitch(letters[s]).is_some()).unwrap_or(16);
            let length = (next - step) as f64 * sixteenth * 0.95;
            stage.add(at(step), length, 0.0, |t| {
                let envelope =
                    (t * 200.0).min(1.0) * (-1.6 * t).exp() * ((length - t) * 80.0).min(1.0);
                0.5 * bass.level * low_tone(tone, t, bass.bright) * envelope
            });
        }
    }
    let chord = score.tones(number, 4);
    if let Some(pad) = &score.pad {
        let whole = vec![(0, 1.0)];
        let hits = pad.pattern.as_deref().map_or(whole, &strokes);
        let is_long = pad.pattern.is_none();
        let length = if is_long { score.bar_s() * 1.08 } else { sixteenth * 3.0 };
        for (step, loud) in hits {
            for (voice, tone) in chord.iter().enumerate() {
                let pan = (voice as f64 - 1.0) * 0.4;
                stage.add(at(step), length, pan, |t| {
                    let attack = if is_long { (t * 5.0).min(1.0) } else { (t * 150.0).min(1.0) };
                    let release = ((length - t) * if is_long { 6.0 } else { 25.0 }).min(1.0);
                    0.11 * pad.level * loud * soft_tone(*tone, t, pad.bright) * attack * release
                });
            }
        }
    }
    if let Some(melody) = &score.melody {
        let answer = melody.answer.as_ref().filter(|_| number % 2 == 1);
        let digits = answer.unwrap_or(&melody.pattern).chars().enumerate();
        for (step, digit) in
            digits.filter_map(|(step, letter)| Some((step, letter.to_digit(10)? as usize)))
        {
            let tone = chord[digit % chord.len()] + 12.0 * (digit / chord.len()) as f64 + 12.0;
            let pan = if step % 4 < 2 { -0.35 } else { 0.35 };
            for (late, loud, pan) in [(0.0, 1.0, pan), (3.0 * sixteenth, 0.28, -pan)] {
                stage.add(at(step) + late, 0.9, pan, |t| {
                    let value = match melody.voice {
                        Voice::Pluck => pluck(tone, t),
                        Voice::Bell => bell(tone, t),
                        Voice::Keys => keys(tone - 12.0, t) * (-2.4 * t).exp(),
                        Voice::Square => square(tone, t),
                    };
                    0.22 * melody.level * loud * value * ((0.9 - t) * 20.0).min(1.0)
                });
            }
        }
    }
}

fn hertz(tone: f64) -> f64 {
    440.0 * ((tone - 69.0) / 12.0).exp2()
}

/// Points of the table of sines.
const POINTS: usize = 4096;

/// Sine of so many turns, more than -1, from a table, a straight line between its points: 1e-6 beside the true one.
fn sine(turns: f64) -> f64 {
    static TABLE: LazyLock<Vec<f64>> =
        LazyLock::new(|| (0..=POINTS).map(|i| (i as f64 * TAU / POINTS as f64).sin()).collect());
    let turns = turns + 1.0;
    let at = (turns - (turns as u64) as f64) * POINTS as f64;
    let index = (at as usize).min(POINTS - 1);
    let (from, to) = (TABLE[index], TABLE[index + 1]);
    from + (to - from) * (at - index as f64)
}

fn kick(t: f64) -> f64 {
    // The pitch falls from 160 to 48 Hz; its integral is the phase.
    let phase = 48.0 * t + (160.0 - 48.0) / 32.0 * (1.0 - (-32.0 * t).exp());
    sine(phase) * (-9.0 * t).exp() * (t * 1000.0).min(1.0)
}

/// A few harmonics, more of them the brighter.
fn harmonics(frequency: f64, t: f64, slope: f64, count: u32) -> f64 {
    let (mut sum, mut weight) = (0.0, 1.0);
    for n in (1..=count).map(f64::from).take_while(|n| frequency * n < 14_000.0) {
        sum += sine(frequency * n * t) * weight / n;
        weight *= slope;
    }
    sum
}

fn low_tone(tone: f64, t: f64, bright: f64) -> f64 {
    harmonics(hertz(tone), t, 0.35 + 0.6 * bright, 8)
}

fn soft_tone(tone: f64, t: f64, bright: f64) -> f64 {
    let slope = 0.3 + 0.6 * bright;
    // Two, a little apart, beat slowly.
    harmonics(hertz(tone - 0.04), t, slope, 6) + harmonics(hertz(tone + 0.05), t, slope, 6)
}

fn pluck(tone: f64, t: f64) -> f64 {
    let frequency = hertz(tone);
    (1..=6)
        .map(|n| {
            let n = f64::from(n);
            sine(frequency * n * t) * (-(3.0 + 2.5 * n) * t).exp() / n
        })
        .sum()
}

fn bell(tone: f64, t: f64) -> f64 {
    let frequency = hertz(tone);
    let modulation = sine(frequency * 3.5 * t) * 1.6 * (-6.0 * t).exp();
    sine(frequency * t + modulation / TAU) * (-4.0 * t).exp()
}

fn keys(tone: f64, t: f64) -> f64 {
    let frequency = hertz(tone);
    let modulation = sine(frequency * t) * 0.9 * (-3.0 * t).exp();
    sine(frequency * t + modulation / TAU) * (t * 300.0).min(1.0)
}

fn square(tone: f64, t: f64) -> f64 {
    let frequency = hertz(tone);
    let odd = [1.0, 3.0, 5.0, 7.0];
    let wave: f64 = odd.iter().map(|n| sine(frequency * n * t) / n).sum();
    wave * 0.7 * (-5.0 * t).exp()
}

/// What noise is drawn at, hertz.
const NOISE_RATE: f64 = 48_000.0;

/// Noise that is the same each time: a hash of the instant.
fn noise(t: f64, seed: u64) -> f64 {
    let mut bits =
        (t * NOISE_RATE).round().max(0.0) as u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Noise without its low part.
fn bright_noise(t: f64, seed: u64) -> f64 {
    let step = 1.0 / NOISE_RATE;
    0.5 * (2.0 * noise(t, seed) - noise(t - step, seed) - noise(t + step, seed))
}
