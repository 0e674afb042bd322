//! Steady noise under sound that never pauses, and mains hum: from the quiet instants of each
//! frequency, without asking who speaks.
//!
//! Speech leaves gaps in every frequency band even where it leaves none in time. After Stahl,
//! Fischer and Bippus, "Quantile based noise estimation" (ICASSP 2000), the noise of a band is read
//! off a low quantile of its power over time; the power of Gaussian noise in a band is
//! exponentially distributed, so its mean is the quantile divided by `-ln(1 - share)`.

use realfft::RealFftPlanner;

use crate::resample::RATE;

/// Mains hum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hum {
    /// 50 or 60.
    pub mains_hertz: u32,
    /// Energy of the mains frequency and its harmonics, dBFS.
    pub level_db: f64,
}

/// Frames of 32 ms, one each 16 ms.
const FRAME: usize = 512;
const HOP: usize = 256;
/// Quantile that noise is read off. Lower is more certain to be free of speech and less precise.
const QUANTILE: f64 = 0.15;
/// Shortest sound to say anything of, frames (0.8 s).
const FRAMES_MIN: usize = 50;

/// Mean power of the steady noise under `at_16k`, full scale squared; `None` where it is too short.
pub(crate) fn floor_power(at_16k: &[i16]) -> Option<f64> {
    let spectra = spectra(at_16k, FRAME, HOP);
    // Digital silence is no room.
    let mut heard: Vec<&[f32]> = spectra
        .chunks_exact(FRAME / 2 + 1)
        .filter(|bins| bins.iter().sum::<f32>() > 1e-12)
        .collect();
    if heard.len() < FRAMES_MIN {
        return None;
    }
    let rank = ((heard.len() - 1) as f64 * QUANTILE).round() as usize;
    let mut total = 0.0;
    for bin in 1..=FRAME / 2 {
        heard.select_nth_unstable_by(rank, |a, b| a[bin].total_cmp(&b[bin]));
        total += f64::from(heard[rank][bin]);
    }
    Some(total / -(1.0 - QUANTILE).ln())
}

/// Mains hum in `at_16k`: narrow lines at 50 or 60 Hz and their harmonics that never stop.
pub(crate) fn hum(at_16k: &[i16]) -> Option<Hum> {
    const LONG: usize = 8192;
    let spectra = spectra(at_16k, LONG, LONG / 4);
    let bins = LONG / 2 + 1;
    let frames: Vec<&[f32]> = spectra.chunks_exact(bins).collect();
    if frames.len() < 4 {
        return None;
    }
    // What is there in nearly all frames.
    let highest = (2_000 * LONG / RATE as usize).min(bins - 1);
    let mut column = Vec::with_capacity(frames.len());
    let steady: Vec<f64> = (0..=highest)
        .map(|bin| {
            column.clear();
            column.extend(frames.iter().map(|frame| frame[bin]));
            let rank = column.len() / 4;
            f64::from(*column.select_nth_unstable_by(rank, f32::total_cmp).1)
        })
        .collect();
    let line = |hertz: f64| {
        let centre = hertz * LONG as f64 / f64::from(RATE);
        let near = |from: f64, to: f64| {
            let (from, to) = ((centre + from).ceil().max(0.0) as usize, (centre + to) as usize);
            &steady[from.min(highest)..(to + 1).min(highest + 1)]
        };
        let peak: f64 = near(-2.0, 2.0).iter().sum();
        let beside = [near(-9.0, -5.0), near(5.0, 9.0)].concat();
        let ground = 4.0 * beside.iter().sum::<f64>() / beside.len().max(1) as f64;
        // A line stands 8 dB above what is beside it.
        if peak > 6.3 * ground { peak - ground } else { 0.0 }
    };
    [50u32, 60]
        .into_iter()
        .filter_map(|mains| {
            let lines: Vec<f64> = (1..=12).map(|k| line(f64::from(mains) * f64::from(k))).collect();
            let found = lines.iter().filter(|&&power| power > 0.0).count();
            let power: f64 = lines.iter().sum();
            // 300 Hz and 600 Hz belong to both; a fundamental or its octave must be there.
            let rooted = lines[0] > 0.0 || lines[1] > 0.0;
            (found >= 2 && rooted && power > 1e-10)
                .then(|| Hum { mains_hertz: mains, level_db: 10.0 * power.log10() })
        })
        .max_by(|a, b| a.level_db.total_cmp(&b.level_db))
}

/// Power in each bin of each frame, frame by frame, scaled so that the bins of a frame sum to its
/// mean power (full scale squared).
pub(crate) fn spectra(at_16k: &[i16], frame: usize, hop: usize) -> Vec<f32> {
    let forward = RealFftPlanner::<f32>::new().plan_fft_forward(frame);
    let window: Vec<f32> = (0..frame)
        .map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / frame as f32).cos())
        .collect();
    let energy: f32 = window.iter().map(|w| w * w).sum();
    let scale = 2.0 / (energy * frame as f32 * 32768.0 * 32768.0);
    let (mut input, mut bins) = (forward.make_input_vec(), forward.make_output_vec());
    let mut scratch = forward.make_scratch_vec();
    let frames = (at_16k.len() + hop).saturating_sub(frame) / hop.max(1);
    let mut spectra = Vec::with_capacity(frames * bins.len());
    for samples in at_16k.windows(frame).step_by(hop) {
        for ((value, &sample), weight) in input.iter_mut().zip(samples).zip(&window) {
            *value = f32::from(sample) * weight;
        }
        if forward.process_with_scratch(&mut input, &mut bins, &mut scratch).is_err() {
            break;
        }
        spectra.extend(bins.iter().map(|bin| bin.norm_sqr() * scale));
    }
    spectra
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seconds: usize, amplitude: f64) -> Vec<i16> {
        let mut seed = 9u64;
        (0..seconds * RATE as usize)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let random = (seed >> 33) as f64 / (1u64 << 30) as f64 - 1.0;
                (random * amplitude * 32767.0) as i16
            })
            .collect()
    }

    #[test]
    fn steady_noise_is_measured_as_it_is() {
        // Uniform noise of amplitude a has the power a * a / 3.
        for amplitude in [0.003, 0.05] {
            let found = floor_power(&noise(6, amplitude)).map(|power| 10.0 * power.log10());
            let truth = 10.0 * (amplitude * amplitude / 3.0).log10();
            assert!(found.is_some_and(|db| (db - truth).abs() < 0.5), "{found:?}, not {truth}");
        }
        assert_eq!(floor_power(&[0; 16000]), None);
    }

    #[test]
    fn hum_is_told_from_other_tones() {
        let with = |tones: &[(f64, f64)]| {
            let mut sound = noise(5, 0.002);
            for (n, sample) in sound.iter_mut().enumerate() {
                let t = n as f64 / f64::from(RATE);
                let sum: f64 = tones
                    .iter()
                    .map(|&(hertz, amplitude)| {
                        amplitude * (std::f64::consts::TAU * hertz * t).sin()
                    })
                    .sum();
                *sample = sample.saturating_add((sum * 32767.0) as i16);
            }
            hum(&sound)
        };
        let found = with(&[(50.0, 0.01), (100.0, 0.006), (150.0, 0.004)]);
        let found = found.filter(|hum| hum.mains_hertz == 50);
        let truth = 10.0 * ((1e-4 + 0.36e-4 + 0.16e-4) / 2f64).log10();
        assert!(found.is_some_and(|hum| (hum.level_db - truth).abs() < 1.0), "{found:?}");
        let found = with(&[(60.0, 0.004), (120.0, 0.01)]).map(|hum| hum.mains_hertz);
        assert_eq!(found, Some(60));
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[(220.0, 0.02), (277.2, 0.02), (329.6, 0.02)]), None);
    }
}
