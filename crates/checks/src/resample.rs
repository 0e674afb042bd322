//! Sound at any rate to 16 kHz: a streaming polyphase filter without delay.

/// Rate that sound is kept at, hertz. Speech has what matters below 8 kHz.
pub(crate) const RATE: u32 = 16_000;

/// Zero crossings of the sinc on each side of a sample.
const LOBES: usize = 8;

/// A streaming resampler to [`RATE`]: output `n` lies at input time `n / RATE`, whatever the rate.
#[derive(Debug)]
pub(crate) struct Resampler {
    up: usize,
    down: usize,
    half: usize,
    /// `up` filters of `2 * half` taps.
    taps: Vec<f32>,
    /// Input that is still needed, beginning `half - 1` samples before the next output's centre.
    pending: Vec<f32>,
    phase: usize,
}

impl Resampler {
    /// From `rate` hertz.
    pub(crate) fn new(rate: u32) -> Self {
        let rate = rate.max(1);
        let shared = gcd(rate, RATE);
        let (up, down) = ((RATE / shared) as usize, (rate / shared) as usize);
        // The pass band ends a little below the lower of both Nyquist rates.
        let cutoff = 0.92 * (f64::from(RATE) / f64::from(rate)).min(1.0);
        let half = (LOBES as f64 / cutoff).ceil() as usize;
        let mut taps = Vec::with_capacity(up * 2 * half);
        for phase in 0..up {
            let fraction = phase as f64 / up as f64;
            let first = taps.len();
            for tap in 0..2 * half {
                let x = tap as f64 - (half as f64 - 1.0) - fraction;
                taps.push((cutoff * sinc(x * cutoff) * hann(x / half as f64)) as f32);
            }
            let sum: f32 = taps[first..].iter().sum();
            taps[first..].iter_mut().for_each(|tap| *tap /= sum);
        }
        Self { up, down, half, taps, pending: vec![0.0; half - 1], phase: 0 }
    }

    /// Takes samples and appends what they make to `out`.
    pub(crate) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.pending.extend_from_slice(samples);
        let length = 2 * self.half;
        let mut at = 0;
        while at + length <= self.pending.len() {
            let taps = &self.taps[self.phase * length..(self.phase + 1) * length];
            out.push(dot(taps, &self.pending[at..at + length]));
            self.phase += self.down;
            at += self.phase / self.up;
            self.phase %= self.up;
        }
        self.pending.drain(..at.min(self.pending.len()));
    }

    /// What is left when no more samples come.
    pub(crate) fn flush(&mut self, out: &mut Vec<f32>) {
        let tail = vec![0.0; self.half];
        self.push(&tail, out);
    }
}

/// Sum of products, in four lanes so that it can be done at once.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

fn hann(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { 0.5 + 0.5 * (x * std::f64::consts::PI).cos() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
        let count = (f64::from(rate) * seconds) as usize;
        (0..count)
            .map(|n| (std::f64::consts::TAU * hertz * n as f64 / f64::from(rate)).sin() as f32)
            .collect()
    }

    #[test]
    fn a_tone_keeps_its_phase_at_any_rate() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000, 96_000] {
            let mut out = Vec::new();
            let mut resampler = Resampler::new(rate);
            for run in tone(rate, 440.0, 0.5).chunks(1024) {
                resampler.push(run, &mut out);
            }
            resampler.flush(&mut out);
            let expected = tone(RATE, 440.0, 0.5);
            assert!(out.len().abs_diff(expected.len()) <= 2, "{rate}: {} samples", out.len());
            for (n, (got, want)) in out.iter().zip(&expected).enumerate().take(7800).skip(200) {
                assert!((got - want).abs() < 0.01, "{rate}: sample {n} is {got}, not {want}");
            }
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_gone() {
        let mut out = Vec::new();
        Resampler::new(48_000).push(&tone(48_000, 11_000.0, 0.2), &mut out);
        let peak = out.iter().skip(50).fold(0f32, |peak, x| peak.max(x.abs()));
        assert!(peak < 0.01, "{peak}");
    }
}
