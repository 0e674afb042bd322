//! A limiter of true peaks: looks ahead, holds, lets go slowly.

use std::f64::consts::PI;

/// What true peaks are held below, dBTP. A lossy coder adds up to about 1 dB, and -1 dBTP is what may
/// come out of it (EBU R 128).
pub const CEILING_DB: f64 = -2.0;
/// How far it looks ahead, seconds.
const AHEAD_S: f64 = 0.005;
/// How fast it lets go: the share of what is taken that is given back in a second.
const RELEASE_S: f64 = 0.12;
/// Points between samples that peaks are looked for at (ITU-R BS.1770-4, annex 2: four times).
const PHASES: usize = 4;
/// Samples that each point is made from.
const TAPS: usize = 12;

/// Holds true peaks below a ceiling, both channels alike.
pub fn limit(channels: &mut [Vec<f32>; 2], rate: u32, ceiling_db: f64) {
    let ceiling = 10f64.powf(ceiling_db / 20.0) as f32;
    let peaks = true_peaks(channels);
    if peaks.iter().all(|&peak| peak <= ceiling) {
        return;
    }
    let ahead = (AHEAD_S * f64::from(rate)) as usize;
    let release = (-1.0 / (RELEASE_S * f64::from(rate))).exp() as f32;
    // The gain that each sample needs; then down ahead of it, and slowly up again.
    let needed: Vec<f32> =
        peaks.iter().map(|&peak| if peak > ceiling { ceiling / peak } else { 1.0 }).collect();
    let held = lowest_around(&needed, ahead);
    let mut gain = 1.0f32;
    let let_go: Vec<f32> = held
        .iter()
        .map(|&held| {
            gain = held.min(1.0 - (1.0 - gain) * release);
            gain
        })
        .collect();
    // A mean over as many samples as it was held never lies above what a sample needs.
    let mut sum: f64 = let_go.iter().take(ahead).map(|&g| f64::from(g)).sum();
    let mut count = ahead.min(let_go.len());
    for index in 0..let_go.len() {
        if index + ahead < let_go.len() {
            sum += f64::from(let_go[index + ahead]);
            count += 1;
        }
        if index > ahead {
            sum -= f64::from(let_go[index - ahead - 1]);
            count -= 1;
        }
        let gain = (sum / count.max(1) as f64) as f32;
        for channel in channels.iter_mut() {
            channel[index] *= gain;
        }
    }
}

/// The largest true peak, dBTP.
pub fn true_peak_db(channels: &[Vec<f32>; 2]) -> f64 {
    let peak = true_peaks(channels).into_iter().fold(0.0, f32::max);
    20.0 * f64::from(peak.max(1e-9)).log10()
}

/// The largest value at or right after each sample, of both channels.
fn true_peaks(channels: &[Vec<f32>; 2]) -> Vec<f32> {
    let filter = filter();
    let mut peaks = vec![0.0f32; channels[0].len()];
    for channel in channels {
        for (index, peak) in peaks.iter_mut().enumerate() {
            *peak = peak.max(channel[index].abs());
            // Quiet stretches need no closer look: a peak between samples exceeds them by less
            // than twice.
            let from = index.saturating_sub(TAPS / 2 - 1);
            let near = &channel[from..(index + TAPS / 2 + 1).min(channel.len())];
            if near.len() < TAPS || near.iter().all(|sample| sample.abs() < 0.35) {
                continue;
            }
            for phase in &filter {
                let value: f32 = phase.iter().zip(near).map(|(tap, sample)| tap * sample).sum();
                *peak = peak.max(value.abs());
            }
        }
    }
    peaks
}

/// Windowed sinc for the points between two samples, one list of taps a point.
fn filter() -> [[f32; TAPS]; PHASES - 1] {
    std::array::from_fn(|phase| {
        let shift = (phase + 1) as f64 / PHASES as f64;
        let taps: [f64; TAPS] = std::array::from_fn(|tap| {
            let x = tap as f64 - (TAPS / 2 - 1) as f64 - shift;
            let window = 0.5 + 0.5 * (PI * x / (TAPS as f64 / 2.0 + 0.5)).cos();
            let sinc = if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
            sinc * window.max(0.0)
        });
        let sum: f64 = taps.iter().sum();
        taps.map(|tap| (tap / sum) as f32)
    })
}

/// The lowest of the values up to `reach` away.
fn lowest_around(values: &[f32], reach: usize) -> Vec<f32> {
    let mut candidates: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
    let mut lowest = Vec::with_capacity(values.len());
    for index in 0..values.len() + reach {
        if let Some(&value) = values.get(index) {
            while candidates.back().is_some_and(|&last| values[last] >= value) {
                candidates.pop_back();
            }
            candidates.push_back(index);
        }
        if index >= reach {
            let middle = index - reach;
            while candidates.front().is_some_and(|&first| first + reach < middle) {
                candidates.pop_front();
            }
            lowest.push(candidates.front().map_or(1.0, |&first| values[first]));
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_between_samples_are_found_and_held() {
        // A quarter of the rate, off by an eighth: samples at 0.707 of the peak.
        let wave = |gain: f32| -> Vec<f32> {
            (0..9600).map(|n| gain * (PI / 2.0 * f64::from(n) + PI / 4.0).sin() as f32).collect()
        };
        let mut channels = [wave(1.4), wave(0.2)];
        let before = true_peak_db(&channels);
        assert!((before - 2.92).abs() < 0.4, "{before}");
        limit(&mut channels, 48_000, -2.0);
        let after = true_peak_db(&channels);
        assert!((-2.6..=-1.95).contains(&after), "{after}");
    }

    #[test]
    fn what_is_below_stays_as_it_is() {
        let quiet: Vec<f32> = (0..4800).map(|n| 0.5 * (f64::from(n) * 0.03).sin() as f32).collect();
        let mut channels = [quiet.clone(), quiet.clone()];
        limit(&mut channels, 48_000, -2.0);
        assert_eq!(channels[0], quiet);
    }

    #[test]
    fn one_peak_leaves_the_rest_alone() {
        let mut long = vec![0.3f32; 48_000];
        long[24_000] = 1.0;
        let mut channels = [long.clone(), long];
        limit(&mut channels, 48_000, -2.0);
        assert!(channels[0][24_000] < 0.8);
        assert!(
            (channels[0][10_000] - 0.3).abs() < 1e-6 && (channels[0][47_000] - 0.3).abs() < 0.002
        );
    }
}
