//! Loudness after ITU-R BS.1770-4 and EBU Tech 3341: K-weighted energy in blocks of 100 ms, from
//! which the loudness of any stretch follows without hearing it again; true peak by 4 times
//! oversampling.

use serde::{Deserialize, Serialize};

/// Most channels that are listened to; further ones are ignored.
pub(crate) const CHANNELS_MAX: usize = 8;
/// Loudness of a stretch without sound, LUFS: the absolute gate of BS.1770.
const GATE_LUFS: f64 = -70.0;

/// Loudness of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Gated as BS.1770 says, LUFS; `None` where everything is below -70 LUFS.
    pub integrated_lufs: Option<f64>,
    /// P95 less P10 of short-term loudness (3 s, each 100 ms) where it counts as foreground, LU.
    pub spread_lu: Option<f64>,
}

/// K-weighting of one run of channels, into mean energy per 100 ms.
#[derive(Debug)]
pub(crate) struct KWeighting {
    shelf: Biquad,
    highpass: Biquad,
    state: [[[f64; 2]; 2]; CHANNELS_MAX],
}

impl KWeighting {
    /// For `rate` hertz.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            shelf: Biquad::k_shelf(f64::from(rate)),
            highpass: Biquad::k_highpass(f64::from(rate)),
            state: [[[0.0; 2]; 2]; CHANNELS_MAX],
        }
    }

    /// Energy (sum of squares) of `samples` of `channel` after weighting.
    pub(crate) fn energy(&mut self, channel: usize, samples: &[f32]) -> f64 {
        let Some(state) = self.state.get_mut(channel) else { return 0.0 };
        let [mut first, mut second] = *state;
        let mut sum = 0.0;
        for &sample in samples {
            let shelved = self.shelf.step(&mut first, f64::from(sample));
            let weighted = self.highpass.step(&mut second, shelved);
            sum += weighted * weighted;
        }
        // Far below hearing, and denormal numbers are slow.
        for value in first.iter_mut().chain(&mut second) {
            if value.abs() < 1e-20 {
                *value = 0.0;
            }
        }
        *state = [first, second];
        sum
    }
}

/// Mean energies of 100 ms blocks to loudness; `counts` says of each block whether it is
/// foreground (speech) for the spread.
pub(crate) fn loudness(energies: &[f32], counts: impl Fn(usize) -> bool) -> Loudness {
    let momentary: Vec<f64> = energies.windows(4).map(mean).collect();
    let spread_lu = {
        let mut short: Vec<f64> = energies
            .windows(SHORT_TERM)
            .enumerate()
            .filter(|(start, _)| {
                (*start..start + SHORT_TERM).filter(|&b| counts(b)).count() * 2 >= SHORT_TERM
            })
            .map(|(_, window)| lufs(mean(window)))
            .filter(|&level| level > GATE_LUFS)
            .collect();
        short.sort_by(f64::total_cmp);
        let at = |share: f64| short[((short.len() - 1) as f64 * share).round() as usize];
        (!short.is_empty()).then(|| at(0.95) - at(0.10))
    };
    Loudness { integrated_lufs: integrated(&momentary), spread_lu }
}

/// Blocks of 100 ms in a short-term window of 3 s.
const SHORT_TERM: usize = 30;

fn integrated(momentary: &[f64]) -> Option<f64> {
    let gated = |gate: f64| {
        let (sum, count) = momentary
            .iter()
            .filter(|&&energy| lufs(energy) > gate)
            .fold((0.0, 0u32), |(sum, count), energy| (sum + energy, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let relative = lufs(gated(GATE_LUFS)?) - 10.0;
    gated(relative.max(GATE_LUFS)).map(lufs)
}

fn mean(energies: &[f32]) -> f64 {
    energies.iter().map(|&energy| f64::from(energy)).sum::<f64>() / energies.len() as f64
}

fn lufs(energy: f64) -> f64 {
    -0.691 + 10.0 * energy.max(1e-12).log10()
}

/// Second-order filter, transposed direct form II.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    pub(crate) fn step(&self, state: &mut [f64; 2], x: f64) -> f64 {
        let y = self.b[0] * x + state[0];
        state[0] = self.b[1] * x - self.a[0] * y + state[1];
        state[1] = self.b[2] * x - self.a[1] * y;
        y
    }

    /// The high shelf of BS.1770 for any rate: the analogue values behind its 48 kHz table, as
    /// libebur128 has them.
    fn k_shelf(rate: f64) -> Self {
        let (hertz, gain_db, q) =
            (1_681.974_450_955_533, 3.999_843_853_973_347, 0.707_175_236_955_419_6);
        let k = (std::f64::consts::PI * hertz / rate).tan();
        let vh = 10f64.powf(gain_db / 20.0);
        let vb = vh.powf(0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        Self {
            b: [
                (vh + vb * k / q + k * k) / a0,
                2.0 * (k * k - vh) / a0,
                (vh - vb * k / q + k * k) / a0,
            ],
            a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
        }
    }

    /// The high pass of BS.1770 for any rate.
    fn k_highpass(rate: f64) -> Self {
        let (hertz, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = (std::f64::consts::PI * hertz / rate).tan();
        let a0 = 1.0 + k / q + k * k;
        Self { b: [1.0, -2.0, 1.0], a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0] }
    }

    /// A Butterworth high pass (RBJ cookbook).
    pub(crate) fn highpass(rate: f64, hertz: f64) -> Self {
        let (cos, alpha, a0) = Self::butterworth(rate, hertz);
        let edge = (1.0 + cos) / 2.0 / a0;
        Self { b: [edge, -2.0 * edge, edge], a: [-2.0 * cos / a0, (1.0 - alpha) / a0] }
    }

    /// A Butterworth low pass (RBJ cookbook).
    pub(crate) fn lowpass(rate: f64, hertz: f64) -> Self {
        let (cos, alpha, a0) = Self::butterworth(rate, hertz);
        let edge = (1.0 - cos) / 2.0 / a0;
        Self { b: [edge, 2.0 * edge, edge], a: [-2.0 * cos / a0, (1.0 - alpha) / a0] }
    }

    fn butterworth(rate: f64, hertz: f64) -> (f64, f64, f64) {
        let w = std::f64::consts::TAU * hertz / rate;
        let alpha = w.sin() / std::f64::consts::SQRT_2;
        (w.cos(), alpha, 1.0 + alpha)
    }
}

/// True peak: the largest magnitude of the sound at four times its rate.
#[derive(Debug)]
pub(crate) struct TruePeak {
    tail: [Vec<f32>; CHANNELS_MAX],
    work: Vec<f32>,
    peak: f32,
}

/// Taps of each of the four phases; those of BS.1770-4, annex 2 have as many.
const PEAK_TAPS: usize = 12;

impl Default for TruePeak {
    fn default() -> Self {
        Self {
            tail: std::array::from_fn(|_| vec![0.0; PEAK_TAPS - 1]),
            work: Vec::new(),
            peak: 0.0,
        }
    }
}

impl TruePeak {
    /// Hears a run of `channel` whose largest sample is `sample_peak`.
    pub(crate) fn push(&mut self, channel: usize, samples: &[f32], sample_peak: f32) {
        let Some(tail) = self.tail.get_mut(channel) else { return };
        self.peak = self.peak.max(sample_peak);
        let before = tail.iter().fold(sample_peak, |peak, x| peak.max(x.abs()));
        // The filter's magnitudes sum to less than two: what is less than half cannot raise it.
        let looked_at = before * 2.0 > self.peak;
        self.work.clear();
        self.work.extend_from_slice(tail);
        self.work.extend_from_slice(samples);
        if looked_at {
            for window in self.work.windows(PEAK_TAPS) {
                let largest = window.iter().fold(0f32, |peak, x| peak.max(x.abs()));
                if largest * 2.0 <= self.peak {
                    continue;
                }
                for phase in &PEAK_FILTER {
                    let value: f32 = phase.iter().zip(window).map(|(tap, x)| tap * x).sum();
                    self.peak = self.peak.max(value.abs());
                }
            }
        }
        let keep = self.work.len().saturating_sub(PEAK_TAPS - 1);
        tail.clear();
        tail.extend_from_slice(&self.work[keep..]);
    }

    /// The peak, dBTP.
    pub(crate) fn db(&self) -> f64 {
        20.0 * f64::from(self.peak.max(1e-6)).log10()
    }
}

/// The interpolation filter of BS.1770-4, annex 2, by phase.
const PEAK_FILTER: [[f32; PEAK_TAPS]; 4] = [
    [
        0.001_708_984_4,
        0.010_986_328,
        -0.019_653_32,
        0.033_203_125,
        -0.059_448_242,
        0.137_329_1,
        0.972_167_97,
        -0.102_294_92,
        0.047_607_422,
        -0.026_611_328,
        0.014_892_578,
        -0.008_300_781,
    ],
    [
        -0.029_174_805,
        0.029_296_875,
        -0.051_757_812,
        0.089_111_33,
        -0.166_503_9,
        0.465_087_9,
        0.779_785_16,
        -0.200_317_38,
        0.101_562_5,
        -0.058_227_54,
        0.033_081_055,
        -0.018_920_898,
    ],
    [
        -0.018_920_898,
        0.033_081_055,
        -0.058_227_54,
        0.101_562_5,
        -0.200_317_38,
        0.779_785_16,
        0.465_087_9,
        -0.166_503_9,
        0.089_111_33,
        -0.051_757_812,
        0.029_296_875,
        -0.029_174_805,
    ],
    [
        -0.008_300_781,
        0.014_892_578,
        -0.026_611_328,
        0.047_607_422,
        -0.102_294_92,
        0.972_167_97,
        0.137_329_1,
        -0.059_448_242,
        0.033_203_125,
        -0.019_653_32,
        0.010_986_328,
        0.001_708_984_4,
    ],
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// Bursts of a tone over noise, so that gates and peaks matter.
    fn sound(rate: u32) -> Vec<f32> {
        let mut seed = 3u32;
        (0..rate * 12)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 8) as f32 / (1 << 23) as f32 - 1.0;
                let t = n as f32 / rate as f32;
                let loud = if (t * 0.4).fract() < 0.6 { 0.4 } else { 0.004 };
                loud * ((t * 997.0 * std::f32::consts::TAU).sin() + 0.2 * noise)
            })
            .collect()
    }

    #[test]
    fn it_agrees_with_libebur128() {
        for rate in [44_100, 48_000] {
            let samples = sound(rate);
            let mode = ebur128::Mode::I | ebur128::Mode::TRUE_PEAK;
            let mut theirs = ebur128::EbuR128::new(1, rate, mode).unwrap();
            theirs.add_frames_f32(&samples).unwrap();
            let mut weighting = KWeighting::new(rate);
            let mut peak = TruePeak::default();
            let block = rate as usize / 10;
            let mut energies = Vec::new();
            for run in samples.chunks_exact(block) {
                energies.push((weighting.energy(0, run) / block as f64) as f32);
                peak.push(0, run, run.iter().fold(0f32, |peak, x| peak.max(x.abs())));
            }
            let ours = loudness(&energies, |_| true).integrated_lufs.unwrap();
            let wanted = theirs.loudness_global().unwrap();
            assert!((ours - wanted).abs() < 0.1, "{rate}: {ours} LUFS, not {wanted}");
            let wanted = 20.0 * theirs.true_peak(0).unwrap().log10();
            assert!((peak.db() - wanted).abs() < 0.3, "{rate}: {} dBTP, not {wanted}", peak.db());
        }
    }

    #[test]
    fn silence_has_no_loudness() {
        let loudness = loudness(&[0.0; 100], |_| true);
        assert_eq!((loudness.integrated_lufs, loudness.spread_lu), (None, None));
    }
}
