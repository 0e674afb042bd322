//! Where the clip's sound lies in the recording's: each stretch is searched for, most agree.

use realfft::RealFftPlanner;

use super::SILENT;
use crate::resample::dot;

/// Samples of a stretch that is searched for (2 s), and how far it may lie off (0.7 s).
const STRETCH: usize = 8000;
const REACH: usize = 2800;
/// Correlation from which a stretch is found.
const FOUND_FROM: f64 = 0.4;
/// Stretches agree when they are this near, samples (2 ms).
const AGREE: i64 = 8;

/// Where the clip lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Samples that the recording's sound comes later than it should.
    pub(super) lag: i64,
    /// How much faster the clip runs, percent.
    pub(super) speed_percent: f64,
}

/// A stretch that was found.
#[derive(Clone, Copy, Debug)]
struct Found {
    from: usize,
    lag: i64,
    correlation: f64,
}

/// The distance that most stretches agree on; `None` where no stretch is found.
pub(super) fn find(clip: &[f32], source: &[f32], lead: i64) -> Option<Place> {
    let found = stretches(clip, source, lead);
    let votes = |lag: i64| {
        let near = found.iter().filter(|other| (other.lag - lag).abs() <= AGREE);
        near.map(|other| other.correlation).sum::<f64>()
    };
    let best = found.iter().max_by(|a, b| votes(a.lag).total_cmp(&votes(b.lag)))?;
    let mut agreeing: Vec<i64> =
        found.iter().map(|other| other.lag).filter(|lag| (lag - best.lag).abs() <= AGREE).collect();
    agreeing.sort_unstable();
    let lag = agreeing.get(agreeing.len() / 2).copied().unwrap_or(best.lag);
    Some(Place { lag, speed_percent: speed_percent(&found) })
}

/// The `length` samples of `source` from `from` on; silence where it has none.
pub(super) fn taken(source: &[f32], from: i64, length: usize) -> Vec<f32> {
    (0..length as i64)
        .map(|n| {
            let at = usize::try_from(from + n).ok();
            at.and_then(|at| source.get(at)).copied().unwrap_or(0.0)
        })
        .collect()
}

/// Median slope of the distances over time (Theil and Sen): sound that runs at another speed drifts
/// steadily. Below a tenth of a percent it is none: clocks differ less.
fn speed_percent(found: &[Found]) -> f64 {
    let mut slopes: Vec<f64> = Vec::new();
    for (index, early) in found.iter().enumerate() {
        for late in &found[index + 1..] {
            slopes.push((late.lag - early.lag) as f64 / (late.from - early.from) as f64 * 100.0);
        }
    }
    if found.len() < 3 {
        return 0.0;
    }
    slopes.sort_by(f64::total_cmp);
    let slope = slopes[slopes.len() / 2];
    if slope.abs() < 0.1 { 0.0 } else { slope }
}

fn stretches(clip: &[f32], source: &[f32], lead: i64) -> Vec<Found> {
    let length = (STRETCH + 2 * REACH).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
    let mut found = Vec::new();
    let (mut a, mut b) = (forward.make_input_vec(), forward.make_input_vec());
    let (mut a_bins, mut b_bins) = (forward.make_output_vec(), forward.make_output_vec());
    let mut product = inverse.make_output_vec();
    let stretch = STRETCH.min(clip.len());
    for from in (0..=clip.len() - stretch).step_by(stretch) {
        a.fill(0.0);
        b.fill(0.0);
        a[..stretch].copy_from_slice(&clip[from..from + stretch]);
        let first = from as i64 + lead - REACH as i64;
        b[..stretch + 2 * REACH].copy_from_slice(&taken(source, first, stretch + 2 * REACH));
        let energy = dot(&a, &a);
        if energy < SILENT * stretch as f32 {
            continue;
        }
        let running = running_energy(&b[..stretch + 2 * REACH], stretch);
        if forward.process(&mut a, &mut a_bins).is_err()
            || forward.process(&mut b, &mut b_bins).is_err()
        {
            continue;
        }
        for (x, y) in a_bins.iter_mut().zip(&b_bins) {
            *x = x.conj() * y;
        }
        if inverse.process(&mut a_bins, &mut product).is_err() {
            continue;
        }
        let best = (0..=2 * REACH)
            .map(|lag| {
                let norm = (f64::from(energy) * running[lag].max(1e-12)).sqrt();
                (lag, f64::from(product[lag]) / length as f64 / norm)
            })
            .max_by(|x, y| x.1.total_cmp(&y.1));
        if let Some((lag, correlation)) = best
            && correlation > FOUND_FROM
        {
            found.push(Found { from, lag: lag as i64 - REACH as i64, correlation });
        }
    }
    found
}

fn running_energy(samples: &[f32], length: usize) -> Vec<f64> {
    let mut sum: f64 = samples[..length].iter().map(|&x| f64::from(x * x)).sum();
    let mut sums = vec![sum];
    for index in length..samples.len() {
        sum += f64::from(samples[index] * samples[index]);
        sum -= f64::from(samples[index - length] * samples[index - length]);
        sums.push(sum.max(0.0));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_drift_is_another_speed() {
        let drifting = |percent: f64| {
            let found: Vec<Found> = (0..6)
                .map(|n| Found {
                    from: n * STRETCH,
                    lag: (n as f64 * STRETCH as f64 * percent / 100.0) as i64,
                    correlation: 0.9,
                })
                .collect();
            speed_percent(&found)
        };
        assert!((drifting(0.5) - 0.5).abs() < 0.02);
        assert_eq!(drifting(0.02), 0.0);
    }
}
