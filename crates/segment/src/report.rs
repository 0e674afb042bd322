//! What is said of a moment: its worth, its products, its reasons, what it is credited with.

use std::collections::BTreeMap;

use reprise_model::moment::{Attributed, AttributedRanges, Reason, Signal};
use reprise_model::series::Series;
use reprise_model::{Currency, MediaTime, Money};

use crate::baseline;
use crate::choose::Worth;
use crate::find::{Findings, Found, Role, response};
use crate::log::{Log, Order};

/// A signal is a reason where it lies at least so far above what was expected.
const REASON_RATIO: f64 = 1.25;

/// Seconds on both sides that the expectation of a reason is taken from.
const AROUND_S: usize = 600;

/// Each order that the cause shares in, with its share, 0 to 1.
pub(crate) fn shares<'l>(
    log: &'l Log,
    findings: &Findings,
    found: &Found,
) -> Vec<(&'l Order, f64)> {
    let mut out = Vec::new();
    for &(i, amount) in &found.credited {
        let Role::Orders(product) = findings.roles[i] else { continue };
        let channel = &findings.channels[i];
        let (from, response) = response(&found.cause, &channel.kernel);
        let first = log.orders.partition_point(|order| order.at_s < from as f64);
        for order in &log.orders[first..] {
            let second = order.at_s as usize;
            if second >= from + response.len() {
                break;
            }
            if order.product != product || !order.timed || second >= channel.base.len() {
                continue;
            }
            let caused = amount * response[second - from];
            let share = caused / (caused + channel.base[second] * channel.share).max(1e-12);
            if share > 0.0 {
                out.push((order, share));
            }
        }
    }
    out
}

/// What the cause brought, for ranking.
pub(crate) fn worth(log: &Log, series: &Series, findings: &Findings, found: &Found) -> Worth {
    let mut worth = Worth::default();
    for (order, share) in shares(log, findings, found) {
        worth.gmv += share * order.gmv;
        worth.orders += share;
    }
    let coarse = log.orders.is_empty() && !log.minutes.is_empty();
    let coarse_orders: f64 = if coarse { amount_of_orders(findings, found) } else { 0.0 };
    if coarse_orders > 0.0 {
        let money: f64 = series.gmv.iter().sum();
        let orders: f64 = series.orders.iter().sum();
        worth.orders += coarse_orders;
        worth.gmv += coarse_orders * money / orders.max(1.0);
    }
    // How surprising the answer is rather than how large: chats differ in size within minutes.
    worth.engagement = (found.cause.llr - found.order_llr).max(0.0);
    let (start, end) = reach(found, series.viewers.len());
    let viewers = mean(&series.viewers, start, end);
    if viewers > 0.0 {
        worth.gpm = worth.gmv / viewers * 1000.0;
    }
    worth.traffic =
        (sum(&series.entries, start, end) - around(&series.entries, start, end)).max(0.0);
    worth
}

fn amount_of_orders(findings: &Findings, found: &Found) -> f64 {
    let orders =
        found.credited.iter().filter(|(i, _)| matches!(findings.roles[*i], Role::Orders(_)));
    orders.map(|(_, amount)| amount).sum()
}

/// The products of a moment: its own, else those whose orders it shares in, most first.
pub(crate) fn products(log: &Log, findings: &Findings, found: &Found) -> Vec<String> {
    let mut weights: BTreeMap<usize, f64> = BTreeMap::new();
    for (order, share) in shares(log, findings, found) {
        if let Some(product) = order.product {
            *weights.entry(product).or_default() += share;
        }
    }
    if let Some(own) = found.cause.product {
        *weights.entry(own).or_default() += 1e9;
    }
    let mut order: Vec<(usize, f64)> = weights.into_iter().filter(|(_, w)| *w > 0.5).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    order.into_iter().filter_map(|(product, _)| log.products.get(product).cloned()).collect()
}

/// Money, orders and units above the baseline.
pub(crate) fn attributed(log: &Log, findings: &Findings, found: &Found) -> Attributed {
    let mut gross: BTreeMap<Currency, f64> = BTreeMap::new();
    let mut net: BTreeMap<Currency, f64> = BTreeMap::new();
    let (mut orders, mut units) = (0.0, 0.0);
    for (order, share) in shares(log, findings, found) {
        let value = share * order.amount.approximate();
        *gross.entry(order.amount.currency).or_default() += value;
        let kept = if order.is_net { value } else { 0.0 };
        *net.entry(order.amount.currency).or_default() += kept;
        orders += share;
        units += share * order.units;
    }
    let amounts = |sums: &BTreeMap<Currency, f64>| -> Vec<Money> {
        sums.iter().filter_map(|(&currency, &value)| money(log, value, currency)).collect()
    };
    Attributed {
        gmv: amounts(&gross),
        net_gmv: amounts(&net),
        orders: tenth(orders),
        units: tenth(units),
        shown_to_others: AttributedRanges {
            gmv: gross
                .iter()
                .map(|(currency, value)| format!("{} {currency}", range(*value)))
                .collect(),
            orders: range(orders),
        },
    }
}

/// Why the moment was chosen: every signal that answered it, money first.
pub(crate) fn reasons(
    log: &Log,
    series: &Series,
    findings: &Findings,
    found: &Found,
) -> Vec<Reason> {
    let seconds = series.orders.len();
    let chat = seen(found, findings, false, seconds);
    let orders = seen(found, findings, true, seconds);
    let here = reach(found, seconds);
    let currency = log.currency.map_or_else(String::new, |c| c.to_string());
    let mut out = Vec::new();
    let mut add = |signal, unit: &str, values: &[f64], (start, end): (usize, usize)| {
        if values.is_empty() || end <= start {
            return;
        }
        let observed = sum(values, start, end);
        let expected = around(values, start, end);
        push(&mut out, signal, unit, observed, expected, (start, end));
    };
    add(Signal::Gmv, &currency, &series.gmv, orders);
    add(Signal::GrossMargin, &currency, &series.gross_margin, orders);
    add(Signal::Orders, "orders", &series.orders, orders);
    add(Signal::Units, "units", &series.units, orders);
    add(Signal::ProductClicks, "clicks", &series.product_clicks, chat);
    add(Signal::Comments, "comments", &series.comments, chat);
    add(Signal::Likes, "likes", &series.likes, chat);
    add(Signal::Follows, "follows", &series.follows, chat);
    add(Signal::Shares, "shares", &series.shares, chat);
    add(Signal::Gifts, "gifts", &series.gifts, chat);
    add(Signal::Entries, "entries", &series.entries, here);
    let (start, end) = orders;
    if end > start && series.viewers.iter().any(|v| *v > 0.0) {
        let viewers = mean(&series.viewers, start, end).max(1.0);
        let usual = sum(&series.viewers, 0, seconds) / seconds as f64;
        let observed = sum(&series.gmv, start, end) / viewers * 1000.0;
        let expected = around(&series.gmv, start, end) / viewers * 1000.0;
        push(&mut out, Signal::GmvPerMille, &currency, observed, expected, orders);
        let (start, end) = here;
        let now = mean(&series.viewers, start, end);
        push(&mut out, Signal::Viewers, "viewers", now, usual, here);
    }
    out
}

fn push(
    out: &mut Vec<Reason>,
    signal: Signal,
    unit: &str,
    observed: f64,
    expected: f64,
    seen: (usize, usize),
) {
    if observed <= 0.0 || observed < REASON_RATIO * expected {
        return;
    }
    out.push(reason(signal, unit, observed, expected, seen));
}

/// What a signal did in the seconds `start..end`, rounded to hundredths.
pub(crate) fn reason(
    signal: Signal,
    unit: &str,
    observed: f64,
    expected: f64,
    (start, end): (usize, usize),
) -> Reason {
    Reason {
        signal,
        unit: unit.to_owned(),
        observed: hundredth(observed),
        expected: hundredth(expected),
        ratio: (expected > 0.005).then(|| hundredth(observed / expected)),
        seen_start: MediaTime::from_seconds(start as f64),
        seen_end: MediaTime::from_seconds(end as f64),
    }
}

/// The seconds of the cause itself.
pub(crate) fn reach(found: &Found, seconds: usize) -> (usize, usize) {
    let start = found.cause.start.min(seconds);
    (start, (found.cause.start + found.cause.length).min(seconds))
}

/// Where a signal answered: from a tenth to nine tenths of the answer.
pub(crate) fn seen(
    found: &Found,
    findings: &Findings,
    orders: bool,
    seconds: usize,
) -> (usize, usize) {
    let kernel = if orders { &findings.lags.orders } else { &findings.lags.chat };
    let start = found.cause.start as f64 + kernel.quantile_s(0.1) - 1.0;
    let end = (found.cause.start + found.cause.length) as f64 + kernel.quantile_s(0.9);
    ((start.max(0.0) as usize).min(seconds), (end as usize).min(seconds))
}

pub(crate) fn sum(values: &[f64], start: usize, end: usize) -> f64 {
    values.get(start..end.min(values.len())).map_or(0.0, |part| part.iter().sum())
}

pub(crate) fn mean(values: &[f64], start: usize, end: usize) -> f64 {
    if end > start { sum(values, start, end) / (end - start) as f64 } else { 0.0 }
}

/// What the minutes around would have brought in as many seconds, bursts drawn down.
pub(crate) fn around(values: &[f64], start: usize, end: usize) -> f64 {
    let (from, to) = (start.saturating_sub(AROUND_S), (end + AROUND_S).min(values.len()));
    if from >= to || end > values.len() || end <= start {
        return 0.0;
    }
    let ones = vec![1.0; to - from];
    let base = baseline::expected(&values[from..to], &ones, None, 2.0 * AROUND_S as f64);
    let floor = (end - start) as f64 / 86_400.0;
    let sum = sum(&base, start - from, end - from);
    if sum <= floor * 1.01 { 0.0 } else { sum }
}

pub(crate) fn money(log: &Log, value: f64, currency: Currency) -> Option<Money> {
    let digits = log.scales.get(&currency).copied().unwrap_or(2) as usize;
    // Through text, so that the decimal has the digits that the log itself uses.
    let value = format!("{:.digits$}", value.clamp(-1e18, 1e18)).parse().ok()?;
    Some(Money::new(value, currency))
}

/// A range on the steps 1, 2, 5 that holds `value`, such as `500-1000`.
pub(crate) fn range(value: f64) -> String {
    if !value.is_finite() || value < 1.0 {
        return "0-1".to_owned();
    }
    let mut low = 1.0f64;
    for step in 0..64 {
        let factor = if step % 3 == 1 { 2.5 } else { 2.0 };
        let high = low * factor;
        if value < high {
            return format!("{low:.0}-{high:.0}");
        }
        low = high;
    }
    format!("over {low:.0}")
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_value() {
        for (value, text) in
            [(0.0, "0-1"), (1.0, "1-2"), (3.0, "2-5"), (7.0, "5-10"), (734.0, "500-1000")]
        {
            assert_eq!(range(value), text);
        }
    }
}
