//! From causes to ranked moments: the window of each, what it is worth, which are reported.

use std::cmp::Reverse;

use reprise_model::moment::Moment;
use reprise_model::{MediaTime, Span};

use crate::find::{Findings, Found, Role};
use crate::log::Log;
use crate::report;
use crate::scenes::{FIRST, SCENE_S, best_apart, chance};
use crate::settings::Settings;

use reprise_model::series::Series;

/// What a second of clip costs, as a share of the cause per second: a second is taken in where at
/// least so much of the cause lies in it, on average. A cause of 30 s has 0.033 in each.
const SECOND_COST: f64 = 0.006;

/// Seconds between places where a pitch could lie without the two being told apart; how many such
/// places a session has decides what evidence chance alone would bring.
const RESOLUTION_S: f64 = 10.0;

/// A cause on its way to a moment.
struct Candidate<'a> {
    found: &'a Found,
    window: Span,
    worth: Worth,
    score: f64,
}

/// What a cause brought, in the parts that are weighed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Worth {
    pub gmv: f64,
    pub orders: f64,
    pub gpm: f64,
    pub traffic: f64,
    pub engagement: f64,
}

/// Chooses and ranks.
pub(crate) fn choose(
    log: &Log,
    series: &Series,
    findings: &Findings,
    allowed: &[Span],
    settings: &Settings,
) -> Vec<Moment> {
    let mut candidates: Vec<Candidate<'_>> = findings
        .found
        .iter()
        .filter_map(|found| {
            let window = window(found, allowed, settings)?;
            let worth = report::worth(log, series, findings, found);
            Some(Candidate { found, window, worth, score: 0.0 })
        })
        .collect();
    score(&mut candidates, settings);
    candidates.sort_by_key(|c| c.window.start);
    // Stable: equal scores stay in the order of time.
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));

    let products = findings.roles.iter().filter(|r| matches!(r, Role::Orders(Some(_)))).count();
    let threshold = least_evidence(series.orders.len(), products, settings);
    let mut taken: Vec<&Candidate<'_>> = Vec::new();
    if candidates.iter().all(|c| c.found.cause.product.is_none()) {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|&a, &b| candidates[a].window.start.cmp(&candidates[b].window.start));
        let values: Vec<(f64, f64)> = order
            .iter()
            .map(|&i| (candidates[i].window.start.seconds(), chance(candidates[i].found.cause.llr)))
            .collect();
        let mut first: Vec<usize> = best_apart(&values, FIRST.min(settings.max_moments), SCENE_S)
            .into_iter()
            .map(|k| order[k])
            .collect();
        first.sort_unstable();
        taken.extend(first.into_iter().map(|i| &candidates[i]));
    }
    // Where no product tells scenes apart, one moment of each scene comes before a second one.
    for apart_s in [SCENE_S, 0.0] {
        let mut round: Vec<&Candidate<'_>> = Vec::new();
        for candidate in &candidates {
            let product = candidate.found.cause.product;
            let mut others = taken.iter().chain(&round);
            let same = taken.iter().chain(&round).filter(|t| t.found.cause.product == product);
            let fits = if product.is_some() {
                same.count() < settings.max_per_product
            } else {
                taken
                    .iter()
                    .chain(&round)
                    .all(|t| (t.window.start - candidate.window.start).seconds().abs() >= apart_s)
            };
            if taken.len() + round.len() < settings.max_moments
                && fits
                && others.all(|t| !t.window.overlaps(candidate.window))
            {
                round.push(candidate);
            }
        }
        taken.extend(round);
    }
    let confident = |c: &Candidate<'_>| c.found.sure_llr >= threshold;
    taken.sort_by_key(|c| Reverse(confident(c)));
    taken
        .iter()
        .enumerate()
        .map(|(i, c)| Moment {
            id: format!("m-{:02}", i + 1),
            rank: u32::try_from(i + 1).unwrap_or(u32::MAX),
            span: c.window,
            score: (c.score * 1e6).round() / 1e6,
            confident: confident(c),
            product_ids: report::products(log, findings, c.found),
            reasons: report::reasons(log, series, findings, c.found),
            attributed: report::attributed(log, findings, c.found),
        })
        .collect()
}

/// Evidence in nats that the best of all windows of a session without bursts exceeds in a share of
/// `false_alarm` of sessions: each independent place and product is one more trial, and one nat is
/// added for the many lengths tried at each.
fn least_evidence(seconds: usize, products: usize, settings: &Settings) -> f64 {
    let places = (seconds as f64 / RESOLUTION_S).max(1.0) * (1 + products) as f64;
    (places / settings.false_alarm).ln() + 1.0
}

/// The window with most of the cause for its seconds, inside one allowed span.
fn window(found: &Found, allowed: &[Span], settings: &Settings) -> Option<Span> {
    let cause = &found.cause;
    let bounds = |from_s: f64, to_s: f64| {
        let peak = MediaTime::from_seconds(0.5 * (from_s + to_s));
        allowed.iter().copied().find(|span| span.contains(peak))
    };
    // Only seconds of the allowed span that holds most of the cause count.
    let best = allowed
        .iter()
        .map(|span| {
            let (from, to) = (span.start.seconds(), span.end.seconds());
            let held: f64 = cause
                .density
                .iter()
                .enumerate()
                .filter(|(i, _)| {
                    let second = (cause.from + i) as f64;
                    second >= from && second + 1.0 <= to
                })
                .map(|(_, d)| d)
                .sum();
            (held, *span)
        })
        .fold(None::<(f64, Span)>, |best, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        });
    let (held, span) = best?;
    if held <= 0.0 {
        return None;
    }
    let (low, high) = (span.start.seconds(), span.end.seconds());
    if high - low < settings.min_s {
        return None;
    }
    let sums = crate::baseline::prefix(&cause.density);
    let longest = settings.preferred_max_s.floor().max(1.0) as usize;
    let shortest = (settings.min_s.ceil().max(1.0) as usize).min(longest);
    let mut choice: Option<(f64, f64, f64)> = None;
    for start in 0..cause.density.len() {
        for length in shortest..=longest {
            let (from_s, to_s) =
                ((cause.from + start) as f64, (cause.from + start + length) as f64);
            if from_s < low || to_s > high {
                continue;
            }
            let end = (start + length).min(cause.density.len());
            let gain = sums[end] - sums[start] - SECOND_COST * length as f64;
            if choice.is_none_or(|(best, _, _)| gain > best + 1e-12) {
                choice = Some((gain, from_s, to_s));
            }
        }
    }
    // Where the span is too narrow for whole seconds, it is taken as it is.
    let (from_s, to_s) = choice.map_or((low, high.min(low + settings.max_s)), |(_, a, b)| (a, b));
    bounds(from_s, to_s).map(|_| Span::from_seconds(from_s, to_s))
}

fn score(candidates: &mut [Candidate<'_>], settings: &Settings) {
    let most = |part: fn(&Worth) -> f64| {
        candidates.iter().map(|c| part(&c.worth)).fold(0.0, f64::max).max(1e-12)
    };
    let (gmv, orders, gpm) = (most(|w| w.gmv), most(|w| w.orders), most(|w| w.gpm));
    let (traffic, engagement) = (most(|w| w.traffic), most(|w| w.engagement));
    let no_money = candidates.iter().all(|c| c.worth.gmv <= 0.0);
    let weights = &settings.weights;
    for candidate in candidates {
        let worth = &candidate.worth;
        // Without amounts the orders themselves stand in for the money.
        let money = if no_money { worth.orders / orders } else { worth.gmv / gmv };
        candidate.score = weights.gmv * money
            + weights.gpm * worth.gpm / gpm
            + weights.traffic * worth.traffic / traffic
            + weights.engagement * worth.engagement / engagement;
    }
}
