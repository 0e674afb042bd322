//! What a moment is most likely due to: the pitch, a flash sale or discount, a giveaway, or more
//! viewers than before.
//!
//! Two questions, one after the other. How much of the reaction would the usual viewers not have
//! given (`traffic`)? And what was the rest an answer to: words, a price, a prize?
//!
//! **Traffic.** `g` is by how much the audience grew beyond an ordinary sway: viewers during the
//! reaction over the median of the minutes before, or those who came in above the usual over that
//! median, whichever is more, less 1 and less [`SWAY`]. Where the usual audience would have given `E`
//! events in the reaction's seconds and `A` came above that, the newcomers explain
//! `T = min(1, n g E / A)` of it. In the chat (comments and product clicks) newcomers talk `n` =
//! [`NEWCOMER_TALKS`] times as much as others; coming in makes nobody buy, so `n` is 1 for orders, whose
//! `A` is `g E` (the baseline follows the viewers) and what the moment is credited with. The orders' `T` weighs
//! `w`, the chat's `1 - w`: the orders' part in the evidence, or `1 - exp(-L / v)` where that is more,
//! `L` being the orders' own evidence in nats and `v` [`VOUCH_NATS`].
//!
//! **The rest** goes by odds: 1 for the pitch, [`SALE_ODDS`] times `F` for a flash sale,
//! [`GIVEAWAY_ODDS`] times `G` for a giveaway. `F` is the share of the cause's density near the
//! opening of a flash sale of the product (later in it [`SALE_LATER`] as much), or the share of the
//! credited orders whose unit price lies below the product's usual one, if that is more. `G` is the
//! share of the density within a giveaway, times `1 - w` and [`GIVEAWAY_BUYS`] `w`:
//! who wants to win, writes. The odds and `n` are our judgement, not measured.

use std::collections::BTreeMap;

use reprise_model::moment::{Cause, LikelyCause};
use reprise_model::series::Series;

use crate::find::{Findings, Found, Role};
use crate::log::{Log, Order, Stretch};
use crate::report::{around, mean, reach, seen, shares, sum};

/// Viewers sway by so much without anything having happened, as a share.
const SWAY: f64 = 0.2;

/// The minutes before that tell how many viewers are usual, seconds before the cause.
const BEFORE_S: std::ops::Range<usize> = 60..420;

/// Seconds of them that must be known.
const BEFORE_LEAST_S: usize = 120;

/// Viewers who come in are looked for from so many seconds before the cause.
const ARRIVE_S: usize = 60;

/// How much more than others newcomers write, like and look around.
const NEWCOMER_TALKS: f64 = 3.0;

/// Evidence with which orders vouch for two thirds (1 - 1/e) of a moment, nats.
const VOUCH_NATS: f64 = 4.0;

/// Odds of a flash sale or discount over the pitch, where the cause lies at the sale's opening.
const SALE_ODDS: f64 = 4.0;

/// A sale's opening, seconds around its start.
const OPENING_S: (f64, f64) = (15.0, 45.0);

/// What lies later in a sale counts so much.
const SALE_LATER: f64 = 0.3;

/// An order below this share of the product's usual unit price is at a discount.
const DISCOUNT: f64 = 0.95;

/// Fewer orders on either side do not tell a product's usual price.
const PRICED_LEAST: usize = 4;

/// Odds of a giveaway over the pitch, where the cause lies within one.
const GIVEAWAY_ODDS: f64 = 3.0;

/// A giveaway explains orders so much worse than it explains the chat.
const GIVEAWAY_BUYS: f64 = 0.2;

/// A giveaway is announced so many seconds before it begins.
const ANNOUNCED_S: f64 = 10.0;

/// The causes of a moment, most likely first.
pub(crate) fn causes(
    log: &Log,
    series: &Series,
    findings: &Findings,
    found: &Found,
) -> Vec<LikelyCause> {
    // Orders that stand out by themselves vouch for what was said, however loud the chat is.
    let in_orders = if found.cause.llr > 0.0 {
        let part = (found.order_llr / found.cause.llr).clamp(0.0, 1.0);
        part.max(1.0 - (-found.order_llr / VOUCH_NATS).exp())
    } else {
        0.0
    };
    let traffic = traffic(series, findings, found, in_orders);
    let sale = sale(log, found).max(discount(log, findings, found));
    let giveaway = giveaway(log, found) * (1.0 - in_orders + GIVEAWAY_BUYS * in_orders);
    let odds = [1.0, SALE_ODDS * sale, GIVEAWAY_ODDS * giveaway];
    let all: f64 = odds.iter().sum();
    let rest = (1.0 - traffic) / all;
    rounded([rest, rest * odds[1], rest * odds[2], traffic])
}

/// Hundredths that sum to 1, in the order of [`Cause::ALL`], those of 0 left out.
fn rounded(probabilities: [f64; 4]) -> Vec<LikelyCause> {
    let mut hundredths: Vec<(Cause, i64)> = Cause::ALL
        .into_iter()
        .zip(probabilities)
        .map(|(cause, probability)| (cause, (probability * 100.0).round() as i64))
        .collect();
    // Stable: what is equally likely stays in that order.
    hundredths.sort_by_key(|(_, share)| -share);
    let missing = 100 - hundredths.iter().map(|(_, share)| share).sum::<i64>();
    if let Some((_, first)) = hundredths.first_mut() {
        *first += missing;
    }
    hundredths
        .into_iter()
        .filter(|(_, share)| *share > 0)
        .map(|(cause, share)| LikelyCause { cause, probability: share as f64 / 100.0 })
        .collect()
}

/// Share of the reaction that newcomers explain.
fn traffic(series: &Series, findings: &Findings, found: &Found, in_orders: f64) -> f64 {
    let seconds = series.viewers.len();
    let (start, end) = reach(found, seconds);
    let until = start.saturating_sub(BEFORE_S.start);
    let mut before: Vec<f64> =
        series.viewers[start.saturating_sub(BEFORE_S.end).min(until)..until].to_vec();
    if before.len() < BEFORE_LEAST_S {
        return 0.0;
    }
    before.sort_by(f64::total_cmp);
    let usual = before[before.len() / 2];
    if usual < 1.0 {
        return 0.0;
    }
    let from = start.saturating_sub(ARRIVE_S);
    let arrived = (sum(&series.entries, from, end) - around(&series.entries, from, end)) / usual;
    let growth = |window: (usize, usize)| {
        let grown = mean(&series.viewers, window.0, window.1) / usual - 1.0;
        (grown.max(arrived) - SWAY).max(0.0)
    };
    let explained = |expected: f64, above: f64| {
        if expected <= 0.0 { 0.0 } else { (expected / above.max(1e-9)).min(1.0) }
    };

    let window = seen(found, findings, false, seconds);
    let (mut usual, mut above) = (0.0, 0.0);
    for values in [&series.comments, &series.product_clicks] {
        let expected = around(values, window.0, window.1);
        usual += expected;
        above += (sum(values, window.0, window.1) - expected).max(0.0);
    }
    let in_chat = explained(NEWCOMER_TALKS * growth(window) * usual, above);

    let window = seen(found, findings, true, seconds);
    let grown = growth(window);
    let (mut base, mut credited) = (0.0, 0.0);
    for &(i, amount) in &found.credited {
        let channel = &findings.channels[i];
        if matches!(findings.roles[i], Role::Orders(_)) {
            // The baseline follows the viewers: taken back to the usual number of them.
            base += channel.share * sum(&channel.base, window.0, window.1) / (1.0 + grown);
            credited += amount;
        }
    }
    let of_orders = explained(grown * base, credited + grown * base);
    in_orders * of_orders + (1.0 - in_orders) * in_chat
}

/// Share of the cause that lies at the opening of a flash sale of its product.
fn sale(log: &Log, found: &Found) -> f64 {
    let product = found.cause.product;
    let near = log
        .flash_sales
        .iter()
        .filter(|sale| sale.product.is_none() || product.is_none() || sale.product == product)
        .map(|sale| {
            let opening = (
                sale.start_s - OPENING_S.0,
                (sale.start_s + OPENING_S.1).min(sale.end_s.max(sale.start_s)),
            );
            let open = held(found, opening.0, opening.1);
            open + SALE_LATER * held(found, opening.1, sale.end_s)
        });
    near.fold(0.0, f64::max).min(1.0)
}

/// Share of the credited orders at less than the product's usual price, above what is usual.
fn discount(log: &Log, findings: &Findings, found: &Found) -> f64 {
    let credited = shares(log, findings, found);
    let mut first = (usize::MAX, 0);
    let mut by_product: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for (order, share) in &credited {
        if let (Some(product), Some(price)) = (order.product, unit_price(log, order)) {
            by_product.entry(product).or_default().push((price, *share));
            first = (first.0.min(order.at_s as usize), first.1.max(order.at_s as usize));
        }
    }
    let (mut below, mut all) = (0.0, 0.0);
    for (product, prices) in by_product {
        let mut elsewhere: Vec<f64> = log
            .orders
            .iter()
            .filter(|order| order.product == Some(product))
            .filter(|order| !(first.0..=first.1).contains(&(order.at_s as usize)))
            .filter_map(|order| unit_price(log, order))
            .collect();
        if elsewhere.len() < PRICED_LEAST || prices.len() < PRICED_LEAST {
            continue;
        }
        elsewhere.sort_by(f64::total_cmp);
        let usual = elsewhere[elsewhere.len() / 2];
        let cheap = |price: f64| price < DISCOUNT * usual;
        let often =
            elsewhere.iter().filter(|price| cheap(**price)).count() as f64 / elsewhere.len() as f64;
        let total: f64 = prices.iter().map(|(_, share)| share).sum();
        let here: f64 = prices.iter().filter(|(p, _)| cheap(*p)).map(|(_, share)| share).sum();
        below += (here - often * total).max(0.0);
        all += total;
    }
    if all > 0.0 { (below / all).min(1.0) } else { 0.0 }
}

/// Money per unit in the session's currency.
fn unit_price(log: &Log, order: &Order) -> Option<f64> {
    let known = Some(order.amount.currency) == log.currency && order.units > 0.0 && order.gmv > 0.0;
    known.then(|| order.gmv / order.units)
}

/// Share of the cause that lies within a giveaway.
fn giveaway(log: &Log, found: &Found) -> f64 {
    let within = |giveaway: &Stretch| held(found, giveaway.start_s - ANNOUNCED_S, giveaway.end_s);
    log.giveaways.iter().map(within).fold(0.0, f64::max).min(1.0)
}

/// Share of the cause's density between two times, seconds.
fn held(found: &Found, from_s: f64, to_s: f64) -> f64 {
    let cause = &found.cause;
    let place = |at_s: f64| ((at_s - cause.from as f64).max(0.0) as usize).min(cause.density.len());
    let (from, to) = (place(from_s), place(to_s));
    if to > from { cause.density[from..to].iter().sum() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_ties_keep_their_order() {
        let all = rounded([0.25, 0.25, 0.25, 0.25]);
        assert_eq!(all.iter().map(|c| c.cause).collect::<Vec<_>>(), Cause::ALL);
        let thirds = rounded([0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(thirds.len(), 3);
        assert!((thirds.iter().map(|c| c.probability).sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!((thirds[0].cause, thirds[0].probability), (Cause::FlashSale, 0.34));
    }
}
