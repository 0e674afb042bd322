//! What a signal would count without any pitch: a robust local rate that follows the viewers.

/// Bins of the robust mean, seconds: longer than the gap between two reactions of one viewer,
/// shorter than a pitch's reaction.
const BIN_S: usize = 20;

/// Rounds in which bins above two deviations are drawn down to that; the mean settles in fewer.
const ROUNDS: usize = 6;

/// Expected counts per second, always above 0.
///
/// `counts` and `exposure` (viewers, or ones) are equally long; `explained` is what pitches are
/// already credited with and is taken out first. The rate per viewer is a mean over `width_s`
/// around each second, over bins that are winsorised at two Poisson deviations above it.
pub(crate) fn expected(
    counts: &[f64],
    exposure: &[f64],
    explained: Option<&[f64]>,
    width_s: f64,
) -> Vec<f64> {
    let seconds = counts.len();
    if seconds == 0 {
        return Vec::new();
    }
    let bins = seconds.div_ceil(BIN_S);
    let mut observed = vec![0.0; bins];
    let mut exposed = vec![0.0; bins];
    for second in 0..seconds {
        let taken = explained.map_or(0.0, |explained| explained[second]);
        observed[second / BIN_S] += (counts[second] - taken).max(0.0);
        exposed[second / BIN_S] += exposure[second].max(1e-9);
    }
    // Seconds above their explained share are cut at 0 one by one; take the rest out per bin.
    if let Some(explained) = explained {
        let mut whole = vec![0.0; bins];
        for second in 0..seconds {
            whole[second / BIN_S] += counts[second] - explained[second];
        }
        for (bin, value) in whole.into_iter().enumerate() {
            observed[bin] = value.max(0.0);
        }
    }
    let half = ((width_s / 2.0 / BIN_S as f64).round() as usize).max(1);
    let global = observed.iter().sum::<f64>() / exposed.iter().sum::<f64>();
    let mut rate = moving_ratio(&observed, &exposed, half);
    for _ in 0..ROUNDS {
        let drawn: Vec<f64> = (0..bins)
            .map(|bin| {
                let mean = rate[bin] * exposed[bin];
                observed[bin].min(mean + 2.0 * mean.sqrt())
            })
            .collect();
        rate = moving_ratio(&drawn, &exposed, half);
    }
    // Where nothing was seen, something is still possible: a twentieth of the session's rate, and
    // never less than one event in a day.
    (0..seconds)
        .map(|second| {
            let at = interpolated(&rate, second);
            (at.max(global * 0.05) * exposure[second].max(1e-9)).max(1.0 / 86_400.0)
        })
        .collect()
}

/// By how much counts vary more than Poisson ones would, at least 1: Pearson's statistic over bins
/// of 20 s. The bins that fit worst are left out, so that bursts not yet found do not count: the
/// highest twentieth once the found ones are `explained`, the upper half before.
pub(crate) fn dispersion(counts: &[f64], expected: &[f64], explained: Option<&[f64]>) -> f64 {
    let mut terms: Vec<f64> = Vec::new();
    for start in (0..counts.len()).step_by(BIN_S) {
        let end = (start + BIN_S).min(counts.len());
        let mean: f64 = (start..end).map(|i| expected[i] + explained.map_or(0.0, |e| e[i])).sum();
        let seen: f64 = counts[start..end].iter().sum();
        terms.push((seen - mean).powi(2) / mean.max(0.05));
    }
    terms.sort_by(f64::total_cmp);
    // Means of the lower part of a chi-square of one degree: 0.76 of its lower 95 %, 0.143 of its
    // lower half.
    let (keep, usual) = match explained {
        Some(_) => (terms.len() - terms.len() / 20, 0.76),
        None => (terms.len() / 2, 0.143),
    };
    if keep == 0 {
        return 1.0;
    }
    (terms[..keep].iter().sum::<f64>() / keep as f64 / usual).clamp(1.0, 1e6)
}

fn interpolated(rate: &[f64], second: usize) -> f64 {
    let place = ((second as f64 + 0.5) / BIN_S as f64 - 0.5).max(0.0);
    let low = (place as usize).min(rate.len() - 1);
    let high = (low + 1).min(rate.len() - 1);
    let part = place - low as f64;
    rate[low] + (rate[high] - rate[low]) * part.clamp(0.0, 1.0)
}

fn moving_ratio(top: &[f64], bottom: &[f64], half: usize) -> Vec<f64> {
    let (top, bottom) = (prefix(top), prefix(bottom));
    let bins = top.len() - 1;
    (0..bins)
        .map(|bin| {
            let (from, to) = (bin.saturating_sub(half), (bin + half + 1).min(bins));
            let under = bottom[to] - bottom[from];
            if under > 0.0 { ((top[to] - top[from]) / under).max(0.0) } else { 0.0 }
        })
        .collect()
}

/// Sums of everything before each place; one longer than `values`.
pub(crate) fn prefix(values: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut total = 0.0;
    sums.push(0.0);
    for value in values {
        total += value;
        sums.push(total);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_does_not_lift_its_own_baseline() {
        let mut counts = vec![1.0; 3600];
        counts[1800..1830].iter_mut().for_each(|c| *c = 20.0);
        let base = expected(&counts, &vec![1.0; 3600], None, 900.0);
        assert!((base[1815] - 1.0).abs() < 0.15, "{}", base[1815]);
    }

    #[test]
    fn it_follows_the_viewers() {
        let exposure: Vec<f64> = (0..3600).map(|s| if s < 1800 { 100.0 } else { 400.0 }).collect();
        let counts: Vec<f64> = exposure.iter().map(|v| v / 100.0).collect();
        let base = expected(&counts, &exposure, None, 900.0);
        assert!((base[1700] - 1.0).abs() < 0.1 && (base[1900] - 4.0).abs() < 0.4);
    }
}
