//! What a LIVE brought as a whole, and its course in few steps.

use reprise_model::course::{Chart, TotalRanges, Totals};
use reprise_model::series::Series;
use reprise_model::{Currency, MediaDuration, Money};

use crate::log::Log;
use crate::report::{mean, money, range, sum};

/// Most steps of a chart: about as many as a phone's screen has points to show them.
const STEPS_MAX: usize = 360;
/// Shortest step, seconds.
const STEP_MIN_S: usize = 5;

pub(crate) fn totals(log: &Log<'_>, series: &Series) -> Totals {
    let all = |values: &[f64]| sum(values, 0, values.len());
    let count = |values: &[f64]| all(values).round() as u64;
    let money = |value: f64, currency: Currency| -> Option<Money> { money(log, value, currency) };
    let gmv = all(&series.gmv);
    let currency = series.currency;
    let known = |value: f64| (value > 0.0).then_some(value.round() as u64);
    let views = known(all(&series.entries));
    let viewers_peak = known(series.viewers.iter().copied().fold(0.0, f64::max));
    let orders = count(&series.orders);
    Totals {
        gmv: currency.and_then(|currency| money(gmv, currency)),
        net_gmv: currency.and_then(|currency| money(all(&series.net_gmv), currency)),
        orders,
        views,
        viewers_peak,
        likes: count(&series.likes),
        comments: count(&series.comments),
        shown_to_others: TotalRanges {
            gmv: currency.map(|currency| format!("{} {currency}", range(gmv))),
            orders: range(orders as f64),
            views: views.or(viewers_peak).map(|views| range(views as f64)),
        },
    }
}

pub(crate) fn chart(series: &Series) -> Chart {
    let seconds = series.orders.len();
    let step = seconds.div_ceil(STEPS_MAX).max(STEP_MIN_S);
    let cent = |value: f64| (value * 100.0).round() / 100.0;
    let steps = |of: fn(&[f64], usize, usize) -> f64, values: &[f64]| -> Vec<f64> {
        let starts = (0..seconds).step_by(step);
        starts.map(|start| cent(of(values, start, (start + step).min(seconds)))).collect()
    };
    Chart {
        step_s: MediaDuration::from_seconds(step as f64),
        currency: series.currency,
        gmv: steps(sum, &series.gmv),
        orders: steps(sum, &series.orders),
        viewers: steps(mean, &series.viewers),
        likes: steps(sum, &series.likes),
        comments: steps(sum, &series.comments),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_long_live_has_as_many_steps_as_a_screen_shows_and_loses_nothing() {
        for seconds in [3usize, 600, 46_800] {
            let ones = vec![1.0; seconds];
            let series = Series {
                gmv: ones.clone(),
                orders: ones.clone(),
                viewers: ones.clone(),
                likes: ones.clone(),
                comments: ones,
                ..Series::default()
            };
            let chart = chart(&series);
            assert!(chart.gmv.len() <= STEPS_MAX && chart.gmv.len() == chart.viewers.len());
            assert_eq!(chart.orders.iter().sum::<f64>(), seconds as f64);
            assert!(chart.viewers.iter().all(|&viewers| viewers == 1.0));
        }
    }
}
