//! Per-second series of everything the log counts.

use reprise_model::series::Series;
use reprise_model::session::Product;

use crate::log::Log;
use crate::seconds::{Batch, Second};

/// A count of likes or entries covers the time since the one before, at most so many seconds.
const SPREAD_MAX_S: usize = 60;

/// Builds the series of seconds `0..seconds`; events after the end are left out.
pub(crate) fn build(log: &Log<'_>, products: &[Product], seconds: usize) -> Series {
    let zeros = || vec![0.0; seconds];
    let costs: Vec<Option<f64>> = (0..log.products.len())
        .map(|i| {
            let cost = products.get(i)?.unit_cost?;
            (Some(cost.currency) == log.currency).then(|| cost.approximate())
        })
        .collect();
    let any_cost = costs.iter().any(Option::is_some);
    let mut series = Series {
        currency: log.currency,
        gmv: zeros(),
        net_gmv: zeros(),
        gross_margin: if any_cost { zeros() } else { Vec::new() },
        orders: zeros(),
        units: zeros(),
        viewers: viewers(log, seconds),
        entries: spread(batches(log, |second| second.entries), seconds),
        likes: spread(batches(log, |second| second.likes), seconds),
        comments: zeros(),
        product_clicks: points(log, |second| second.clicks, seconds),
        follows: points(log, |second| second.follows, seconds),
        shares: points(log, |second| second.shares, seconds),
        gifts: points(log, |second| second.gifts, seconds),
    };
    for order in &log.orders {
        let Some(second) = second_of(order.at_s, seconds) else { continue };
        series.orders[second] += 1.0;
        series.units[second] += order.units;
        series.gmv[second] += order.gmv;
        if order.is_net {
            series.net_gmv[second] += order.gmv;
        }
        // Only what has a known cost has a known margin.
        let cost = order.product.and_then(|p| costs.get(p).copied().flatten());
        if let (Some(cost), true) = (cost, order.gmv > 0.0) {
            series.gross_margin[second] += order.gmv - cost * order.units;
        }
    }
    for comment in &log.comments {
        if let Some(second) = second_of(comment.at_s(), seconds) {
            series.comments[second] += 1.0;
        }
    }
    add_minutes(log, &mut series, seconds);
    series
}

/// Fills in what only the per-minute table knows, spread evenly over each minute.
fn add_minutes(log: &Log<'_>, series: &mut Series, seconds: usize) {
    if log.minutes.is_empty() {
        return;
    }
    let no_orders = log.orders.is_empty();
    let no_comments = log.comments.is_empty();
    let no_likes = log.counted.iter().all(|(_, second)| second.likes.first.is_none());
    let no_clicks = log.counted.iter().all(|(_, second)| second.clicks == 0.0);
    for (at_s, minute) in &log.minutes {
        let from = at_s.max(0.0) as usize;
        let until = ((at_s + 60.0).max(0.0) as usize).min(seconds);
        let gmv = minute
            .gmv
            .filter(|gmv| Some(gmv.currency) == log.currency)
            .map_or(0.0, |gmv| gmv.approximate().max(0.0));
        for second in from..until {
            let part = |count: Option<u64>| count.unwrap_or(0) as f64 / 60.0;
            if no_orders {
                series.gmv[second] += gmv / 60.0;
                series.net_gmv[second] += gmv / 60.0;
                series.orders[second] += part(minute.orders);
            }
            if no_comments {
                series.comments[second] += part(minute.comments);
            }
            if no_likes {
                series.likes[second] += part(minute.likes);
            }
            if no_clicks {
                series.product_clicks[second] += part(minute.product_clicks);
            }
        }
    }
}

fn second_of(at_s: f64, seconds: usize) -> Option<usize> {
    (at_s >= 0.0 && at_s < seconds as f64).then_some(at_s as usize)
}

fn points(log: &Log<'_>, count: impl Fn(&Second) -> f64, seconds: usize) -> Vec<f64> {
    let mut out = vec![0.0; seconds];
    for (second, counted) in &log.counted {
        if let Some(slot) = out.get_mut(*second) {
            *slot += count(counted);
        }
    }
    out
}

/// Each second that has batches of one kind.
fn batches<'l>(
    log: &'l Log<'_>,
    of: impl Fn(&Second) -> Batch + 'l,
) -> impl Iterator<Item = (usize, f64, f64)> + 'l {
    log.counted.iter().filter_map(move |(second, counted)| {
        let batch = of(counted);
        batch.first.map(|(_, count)| (*second, count, batch.rest))
    })
}

/// Counts that came in batches, spread evenly over the time since the batch before. Of each second
/// the first batch, which reaches back, and the sum of those that follow it in the same second.
fn spread(batches: impl Iterator<Item = (usize, f64, f64)>, seconds: usize) -> Vec<f64> {
    let mut out = vec![0.0; seconds];
    let mut before = 0;
    for (second, first, rest) in batches {
        let end = second.min(seconds);
        let start = before.max(second.saturating_sub(SPREAD_MAX_S)).min(end);
        if end > start {
            let part = first / (end - start) as f64;
            out[start..end].iter_mut().for_each(|slot| *slot += part);
        } else if let Some(slot) = out.get_mut(end) {
            *slot += first;
        }
        if let Some(slot) = out.get_mut(end) {
            *slot += rest;
        }
        before = second;
    }
    out
}

/// Watching at once, each sample carried forward; the first one backward too.
fn viewers(log: &Log<'_>, seconds: usize) -> Vec<f64> {
    let mut samples: Vec<(usize, f64)> = log
        .counted
        .iter()
        .filter_map(|(second, counted)| Some((*second, counted.viewers.value()?)))
        .collect();
    if samples.is_empty() {
        for (at_s, minute) in &log.minutes {
            let second = at_s.max(0.0) as usize;
            samples.extend(minute.viewers.or(minute.views).map(|count| (second, count as f64)));
        }
    }
    let mut out = vec![0.0; seconds];
    let Some(&(_, first)) = samples.first() else { return out };
    let mut next = samples.into_iter().peekable();
    let mut current = first;
    for (second, slot) in out.iter_mut().enumerate() {
        while let Some((_, value)) = next.next_if(|(at, _)| *at <= second) {
            current = value;
        }
        *slot = current;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_spread_over_the_time_before() {
        let out = spread([(10, 5.0, 0.0), (20, 5.0, 2.0)].into_iter(), 30);
        assert!((out.iter().sum::<f64>() - 12.0).abs() < 1e-9);
        assert_eq!((out[3], out[15], out[20], out[21]), (0.5, 0.5, 2.0, 0.0));
    }
}
