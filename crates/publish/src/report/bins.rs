//! The series of a LIVE gathered into stretches of equal length, for a chart and a table.

use reprise_model::series::Series;

/// Lengths that a bin may have, seconds: those that people count in.
const STEPS_S: [usize; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/// Sums and means of every bin; the vectors are equally long, and the last bin may be cut short.
#[derive(Debug, Default)]
pub(super) struct Bins {
    /// Length of a bin, seconds.
    pub(super) step_s: usize,
    /// Seconds in all.
    pub(super) total_s: usize,
    /// Money ordered, summed.
    pub(super) gmv: Vec<f64>,
    /// Orders, summed.
    pub(super) orders: Vec<f64>,
    /// Viewers, mean.
    pub(super) viewers: Vec<f64>,
    /// Likes, summed.
    pub(super) likes: Vec<f64>,
    /// Comments, summed.
    pub(super) comments: Vec<f64>,
}

impl Bins {
    /// At most `count_max` bins over `total_s` seconds (a LIVE of more than `count_max` hours has
    /// more).
    pub(super) fn new(series: &Series, total_s: usize, count_max: usize) -> Self {
        let fits = |step: &&usize| total_s.div_ceil(**step) <= count_max.max(1);
        let step_s = STEPS_S.iter().find(fits).copied().unwrap_or(3600);
        let sum = |values: &[f64]| gathered(values, total_s, step_s, false);
        Self {
            step_s,
            total_s,
            gmv: sum(&series.gmv),
            orders: sum(&series.orders),
            viewers: gathered(&series.viewers, total_s, step_s, true),
            likes: sum(&series.likes),
            comments: sum(&series.comments),
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.gmv.len()
    }

    /// Start and end of a bin, seconds.
    pub(super) fn span(&self, index: usize) -> (usize, usize) {
        (index * self.step_s, ((index + 1) * self.step_s).min(self.total_s))
    }

    /// Likes and comments together.
    pub(super) fn engagement(&self) -> Vec<f64> {
        self.likes.iter().zip(&self.comments).map(|(a, b)| a + b).collect()
    }
}

/// Seconds that a chart of this session covers.
pub(super) fn total_seconds(series: &Series, duration_s: f64) -> usize {
    // Times of a damaged manifest must not become a page of gigabytes: 400 hours are enough.
    let known = duration_s.clamp(0.0, 1_440_000.0).ceil() as usize;
    if known > 0 { known } else { series.gmv.len().max(series.viewers.len()).min(1_440_000) }
}

fn gathered(values: &[f64], total_s: usize, step_s: usize, mean: bool) -> Vec<f64> {
    let step = step_s.max(1);
    (0..total_s.div_ceil(step))
        .map(|index| {
            let from = (index * step).min(values.len());
            let to = ((index + 1) * step).min(values.len()).min(total_s.max(from));
            let inside: Vec<f64> =
                values[from..to].iter().copied().filter(|v| v.is_finite()).collect();
            let sum: f64 = inside.iter().sum();
            if mean && !inside.is_empty() { sum / inside.len() as f64 } else { sum }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_kept_whatever_the_step() {
        for total in [1usize, 59, 600, 601, 46_800] {
            let series = Series {
                gmv: (0..total).map(|i| i as f64).collect(),
                viewers: vec![7.0; total],
                ..Series::default()
            };
            for count_max in [1, 7, 60, 120] {
                let bins = Bins::new(&series, total, count_max);
                assert!(
                    (bins.gmv.iter().sum::<f64>() - series.gmv.iter().sum::<f64>()).abs() < 1e-6
                );
                assert!(bins.viewers.iter().all(|&v| v == 7.0));
                assert!(bins.len() <= count_max || bins.step_s == 3600);
                assert_eq!(bins.span(bins.len() - 1).1, total);
            }
        }
    }

    #[test]
    fn nothing_is_no_bin() {
        assert_eq!(Bins::new(&Series::default(), 0, 60).len(), 0);
        assert_eq!(Bins::new(&Series::default(), 10, 60).gmv, vec![0.0; 10]);
        assert_eq!(total_seconds(&Series::default(), f64::NAN), 0);
    }
}
