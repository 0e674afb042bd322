//! From causes to ranked moments: the window of each, what it is worth, which are reported, and what
//! became of the others.

use std::cmp::Reverse;

use reprise_model::moment::Moment;
use reprise_model::series::Series;
use reprise_model::{MediaTime, Span};

use crate::cause;
use crate::find::{Findings, Found, Role};
use crate::log::Log;
use crate::report;
use crate::scenes::{FIRST, SCENE_S, best_scenes};
use crate::select::{Item, Limits, select};
use crate::settings::Settings;

/// What a second of clip costs, as a share of the cause per second: a second is taken in where at
/// least so much of the cause lies in it, on average. A cause of 30 s has 0.033 in each.
const SECOND_COST: f64 = 0.006;

/// Seconds between places where a pitch could lie without the two being told apart; how many such
/// places a session has decides what evidence chance alone would bring.
const RESOLUTION_S: f64 = 10.0;

/// A cause on its way to a moment.
pub(crate) struct Candidate {
    /// Place of its cause in [`Findings::found`].
    pub found: usize,
    /// Its best window, seconds of the time line.
    pub window: Span,
    pub worth: Worth,
    /// Sum of its weighted parts, 0 to the sum of the weights.
    pub weighed: f64,
    /// The same less what its seconds cost.
    pub value: f64,
    /// Whether its evidence reaches the threshold.
    pub confident: bool,
    pub fate: Fate,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// Reported at this rank, from 1, with what it adds.
    Taken { rank: usize, adds: f64 },
    /// A taken candidate lies over it.
    Overlapped { by: usize },
    /// Its product already has as many moments as it may have.
    QuotaUsed,
    /// The list was full; the rank that it would have had, from 1.
    Beyond { rank: usize },
}

/// All that was decided.
pub(crate) struct Choice {
    /// In the order of the causes that have a window.
    pub candidates: Vec<Candidate>,
    /// Causes for which no window may be: places in [`Findings::found`].
    pub nowhere: Vec<usize>,
    /// Evidence from which on a moment is reported with confidence, nats.
    pub threshold: f64,
    /// Best first.
    pub moments: Vec<Moment>,
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
) -> Choice {
    let products = findings.roles.iter().filter(|r| matches!(r, Role::Orders(Some(_)))).count();
    let threshold = least_evidence(series.orders.len(), products, settings);
    let mut candidates = Vec::new();
    let mut nowhere = Vec::new();
    for (i, found) in findings.found.iter().enumerate() {
        match window(found, allowed, settings) {
            None => nowhere.push(i),
            Some(window) => candidates.push(Candidate {
                found: i,
                window,
                worth: report::worth(log, series, findings, found),
                weighed: 0.0,
                value: 0.0,
                confident: found.sure_llr >= threshold,
                fate: Fate::QuotaUsed,
            }),
        }
    }
    // Equal values go to the earlier one.
    candidates.sort_by_key(|c| c.window);
    weigh(&mut candidates, settings);
    for candidate in &mut candidates {
        let kept = (-settings.second_cost * candidate.window.seconds()).exp();
        candidate.value = candidate.weighed * kept;
    }
    let ranked = settle(&mut candidates, findings, settings);
    let moments = ranked
        .into_iter()
        .enumerate()
        .map(|(i, (index, adds))| {
            let (c, found) = (&candidates[index], &findings.found[candidates[index].found]);
            Moment {
                id: id(i + 1),
                rank: u32::try_from(i + 1).unwrap_or(u32::MAX),
                span: c.window,
                score: (adds * 1e6).round() / 1e6,
                confident: c.confident,
                product_ids: report::products(log, findings, found),
                causes: cause::causes(log, series, findings, found),
                reasons: report::reasons(log, series, findings, found),
                attributed: report::attributed(log, findings, found),
            }
        })
        .collect();
    Choice { candidates, nowhere, threshold, moments }
}

/// The id of the moment of a rank.
pub(crate) fn id(rank: usize) -> String {
    format!("m-{rank:02}")
}

/// Selects, ranks, and writes down what became of each. Candidates taken, best first, with what
/// each adds: the confident ones, then the others.
fn settle(
    candidates: &mut [Candidate],
    findings: &Findings,
    settings: &Settings,
) -> Vec<(usize, f64)> {
    let product = |c: &Candidate| findings.found[c.found].cause.product;
    let items: Vec<Item> = candidates
        .iter()
        .map(|c| Item { span: c.window, product: product(c), value: c.value })
        .collect();
    let limits = Limits {
        most: settings.max_moments,
        per_product: settings.max_per_product,
        repeat_worth: settings.repeat_worth,
    };
    let first = scenes(candidates, findings, settings);
    let free: Vec<usize> = (0..items.len())
        .filter(|i| first.iter().all(|f| !items[*f].span.overlaps(items[*i].span)))
        .collect();
    let rest: Vec<Item> = free.iter().map(|&i| items[i]).collect();
    let limits = Limits { most: limits.most - first.len(), ..limits };
    let mut taken: Vec<(usize, f64)> = first.iter().map(|&i| (i, candidates[i].value)).collect();
    taken.extend(select(&rest, limits).into_iter().map(|t| (free[t.index], t.adds)));
    // A scene is reported once with confidence; what else lies in it belongs to the tail.
    for &(i, _) in &taken[first.len()..] {
        let start = candidates[i].window.start;
        let near = |f: &usize| (candidates[*f].window.start - start).seconds().abs() < SCENE_S;
        candidates[i].confident &= !first.iter().any(near);
    }
    taken.sort_by_key(|(i, _)| Reverse(candidates[*i].confident));

    let mut beyond: Vec<(usize, f64)> = Vec::new();
    for i in 0..candidates.len() {
        let mine = product(&candidates[i]);
        let same =
            taken.iter().filter(|(t, _)| mine.is_some() && items[*t].product == mine).count();
        let over = taken.iter().find(|(t, _)| items[*t].span.overlaps(items[i].span));
        candidates[i].fate = if let Some(place) = taken.iter().position(|(t, _)| *t == i) {
            Fate::Taken { rank: place + 1, adds: taken[place].1 }
        } else if let Some(&(by, _)) = over {
            Fate::Overlapped { by }
        } else if same >= settings.max_per_product {
            Fate::QuotaUsed
        } else {
            // What it would add after those that were taken.
            let repeats = i32::try_from(same).unwrap_or(i32::MAX);
            beyond.push((i, candidates[i].value * settings.repeat_worth.powi(repeats)));
            Fate::Beyond { rank: 0 }
        };
    }
    beyond.sort_by(|a, b| {
        let key = |i: usize| Reverse(candidates[i].confident);
        key(a.0).cmp(&key(b.0)).then(b.1.total_cmp(&a.1))
    });
    for (place, (i, _)) in beyond.into_iter().enumerate() {
        candidates[i].fate = Fate::Beyond { rank: taken.len() + place + 1 };
    }
    taken
}

/// Where neither money nor products tell moments apart, the scenes that come first, best first;
/// else none.
fn scenes(candidates: &[Candidate], findings: &Findings, settings: &Settings) -> Vec<usize> {
    let tells =
        |c: &Candidate| c.worth.orders > 0.0 || findings.found[c.found].cause.product.is_some();
    if candidates.iter().any(tells) {
        return Vec::new();
    }
    let scenes: Vec<(f64, f64)> = candidates
        .iter()
        .map(|c| (c.window.start.seconds(), findings.found[c.found].cause.llr))
        .collect();
    let mut first = best_scenes(scenes, FIRST.min(settings.max_moments));
    first.sort_by(|&a, &b| candidates[b].value.total_cmp(&candidates[a].value));
    first
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

/// Adds up the weighted parts, each as a share of the best there is.
fn weigh(candidates: &mut [Candidate], settings: &Settings) {
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
        candidate.weighed = weights.gmv * money
            + weights.gpm * worth.gpm / gpm
            + weights.traffic * worth.traffic / traffic
            + weights.engagement * worth.engagement / engagement;
    }
}
