//! Ways in which the sound of a clip comes to differ from its recording's: some leave it the
//! original, some do not.

use super::{RATE, through_aac};

/// What leaves the sound the recording's own.
pub const LAWFUL: [&str; 9] = [
    "AAC at 64 kb/s",
    "AAC at 64 kb/s, -6 dB",
    "44.1 kHz and back, AAC at 96 kb/s",
    "gain falls by 6 dB",
    "equaliser, +3 dB below 200 Hz, -3 dB above 3 kHz",
    "delay of 20 ms",
    "noise at -20 dB",
    "chords mixed in at -12 dB",
    "other sound mixed in at -12 dB",
];

/// What does not.
pub const UNLAWFUL: [&str; 7] = [
    "300 ms muted",
    "1 s replaced",
    "0.5 % faster",
    "0.5 % slower",
    "120 ms late",
    "120 ms early",
    "another voice dubbed over for 2 s",
];

/// Numbers that look random, always the same.
pub struct Random(pub u64);

impl Random {
    /// 0 up to 1.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    /// `from` up to `to`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.share()
    }
}

/// Mean energy.
pub fn power(sound: &[f32]) -> f64 {
    sound.iter().map(|x| f64::from(x * x)).sum::<f64>() / sound.len().max(1) as f64
}

/// `whole[from..from + length]` after a treatment of [`LAWFUL`] or [`UNLAWFUL`]; `None` where ffmpeg
/// is absent, or where the treatment would change nothing (a mute of silence).
pub fn treated(
    name: &str,
    whole: &[f32],
    from: usize,
    length: usize,
    random: &mut Random,
) -> Option<Vec<f32>> {
    let rate = RATE as usize;
    let cut = whole[from..from + length].to_vec();
    // Elsewhere in the recording, at least 10 s away.
    let mut elsewhere = |needed: usize| {
        loop {
            let at = (random.share() * (whole.len() - needed) as f64) as usize;
            let other = &whole[at..at + needed];
            if at.abs_diff(from) > length + 10 * rate && power(other) > 0.1 * power(&cut) {
                return other.to_vec();
            }
        }
    };
    let mixed = |bed: &[f32], down_db: f64| {
        let gain = (power(&cut) / power(bed).max(1e-12) / 10f64.powf(down_db / 10.0)).sqrt();
        cut.iter().zip(bed).map(|(x, b)| x + gain as f32 * b).collect::<Vec<f32>>()
    };
    let faster = |speed: f64| {
        let count = (length as f64 / speed) as usize - 2;
        (0..count)
            .map(|n| {
                let at = n as f64 * speed;
                let (index, part) = (at as usize, at.fract() as f32);
                cut[index] * (1.0 - part) + cut[index + 1] * part
            })
            .collect::<Vec<f32>>()
    };
    Some(match name {
        "AAC at 64 kb/s" => through_aac(&cut, "64k")?,
        "AAC at 64 kb/s, -6 dB" => through_aac(&cut, "64k")?.iter().map(|x| x * 0.501).collect(),
        "44.1 kHz and back, AAC at 96 kb/s" => {
            let there = resampled(&cut, f64::from(RATE) / 44_100.0);
            let back = resampled(&there, 44_100.0 / f64::from(RATE));
            through_aac(&back, "96k")?
        }
        "gain falls by 6 dB" => {
            let fall = |n: usize| 10f32.powf(-0.3 * n as f32 / length as f32);
            cut.iter().enumerate().map(|(n, x)| x * fall(n)).collect()
        }
        "equaliser, +3 dB below 200 Hz, -3 dB above 3 kHz" => {
            let (mut low, mut high) = (0f32, 0f32);
            let pole = |hertz: f32| 1.0 - (-std::f32::consts::TAU * hertz / RATE as f32).exp();
            cut.iter()
                .map(|x| {
                    low += pole(200.0) * (x - low);
                    high += pole(3000.0) * (x - high);
                    x + 0.41 * low - 0.29 * (x - high)
                })
                .collect()
        }
        "delay of 20 ms" => whole[from - rate / 50..from + length - rate / 50].to_vec(),
        "noise at -20 dB" => {
            let noise: Vec<f32> = cut.iter().map(|_| random.share() as f32 - 0.5).collect();
            mixed(&noise, 20.0)
        }
        "chords mixed in at -12 dB" => mixed(&chords(length), 12.0),
        "other sound mixed in at -12 dB" => mixed(&elsewhere(length), 12.0),
        "300 ms muted" => {
            let count = rate * 3 / 10;
            let mut muted = cut.clone();
            let places = (0..50).map(|_| (random.share() * (length - count) as f64) as usize);
            // Silence that is muted stays what it is.
            let at = places.into_iter().find(|&at| power(&cut[at..at + count]) > 1e-6)?;
            muted[at..at + count].fill(0.0);
            muted
        }
        "1 s replaced" => {
            let at = (random.share() * (length - rate) as f64) as usize;
            let mut replaced = cut.clone();
            replaced[at..at + rate].copy_from_slice(&elsewhere_of(whole, from, length, random));
            replaced
        }
        "0.5 % faster" => faster(1.005),
        "0.5 % slower" => faster(0.995),
        "120 ms late" => whole[from - rate * 12 / 100..from + length - rate * 12 / 100].to_vec(),
        "120 ms early" => whole[from + rate * 12 / 100..from + length + rate * 12 / 100].to_vec(),
        "another voice dubbed over for 2 s" => {
            let voice = elsewhere(2 * rate);
            let gain = (power(&cut) / power(&voice).max(1e-12)).sqrt() as f32;
            let at = (random.share() * (length - 2 * rate) as f64) as usize;
            let mut dubbed = cut.clone();
            for (x, v) in dubbed[at..at + 2 * rate].iter_mut().zip(&voice) {
                *x += gain * v;
            }
            dubbed
        }
        other => unreachable!("no treatment is called {other}"),
    })
}

fn elsewhere_of(whole: &[f32], from: usize, length: usize, random: &mut Random) -> Vec<f32> {
    let rate = RATE as usize;
    let wanted = power(&whole[from..from + length]);
    loop {
        let at = (random.share() * (whole.len() - rate) as f64) as usize;
        if at.abs_diff(from) > length + 10 * rate && power(&whole[at..at + rate]) > 0.1 * wanted {
            return whole[at..at + rate].to_vec();
        }
    }
}

/// Chords of a synthesizer, four to a bar.
pub fn chords(length: usize) -> Vec<f32> {
    const CHORDS: [[f32; 3]; 4] = [
        [220.0, 277.2, 329.6],
        [196.0, 246.9, 293.7],
        [174.6, 220.0, 261.6],
        [164.8, 207.7, 246.9],
    ];
    (0..length)
        .map(|n| {
            let t = n as f32 / RATE as f32;
            let struck = (-(t * 2.0).fract() * 1.5).exp();
            let notes = CHORDS[t as usize % 4].iter().map(|hertz| {
                let turn = t * hertz * std::f32::consts::TAU;
                (1..5).map(|k| (turn * k as f32).sin() / k as f32).sum::<f32>()
            });
            struck * notes.sum::<f32>()
        })
        .collect()
}

fn resampled(sound: &[f32], step: f64) -> Vec<f32> {
    let count = (sound.len() as f64 / step) as usize;
    (0..count)
        .map(|n| {
            let at = n as f64 * step;
            let (index, part) = (at as usize, at.fract() as f32);
            let next = sound.get(index + 1).copied().unwrap_or(0.0);
            sound[index.min(sound.len() - 1)] * (1.0 - part) + next * part
        })
        .collect()
}
