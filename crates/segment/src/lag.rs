//! How late each signal answers: measured on the session where it shows, drawn to the prior where
//! it does not.
//!
//! What the host does is logged at once; what viewers do comes after the player's delay and the
//! time to react. Giveaway entries show the chat's lag directly: they begin and end so long after
//! the giveaway does. The orders' lag is the one under which orders, chat, pins and flash sales
//! agree best about where the pitches lie (the summed likelihood over all windows of all pins). Where
//! no giveaway shows the chat's lag, it moves with the orders'.

use rayon::prelude::*;
use reprise_model::MediaDuration;
use reprise_model::moment::{Lag, LagSource, Signal};

use crate::kernel::Kernel;
use crate::log::Log;
use crate::scan::{Channel, Heard, LENGTHS, Stretch, Tried, total_evidence, try_windows};
use crate::settings::Settings;

/// What part of the prior's mean lag is the player's delay; LIVE players run 3 to 30 s behind.
const DELAY_PART: f64 = 0.45;

/// Spread of the chat's prior, seconds (p10 to p90 over videos is 8 to 43 s).
const CHAT_SPREAD_S: f64 = 8.0;

/// Spread of the orders' prior as a log: a third to three times the prior is possible.
const ORDER_SPREAD: f64 = 0.6;

/// Of the orders' possible lags one in so many is tried first, and those between two that are so many
/// nats worse than the best are not tried at all: they would weigh nothing.
const COARSE: usize = 3;
const WEIGHTLESS_NATS: f64 = 40.0;

/// A lag that is wrong by less puts no window beside its pitch, seconds; the confidence in the
/// orders' lag is the chance of that.
const NEAR_S: f64 = 8.0;

/// How far the mean lag may be off because its spread has another shape than ours, as a share of it
/// (log-normal, exponential and two-humped spreads in `benches/EVAL.md`).
const SHAPE_DOUBT: f64 = 0.1;

/// Where nothing shows the chat's lag, it is taken to be so many seconds longer for each second that
/// the orders' lag lies above its prior (0.2 to 0.25 over twelve simulated sessions).
const CHAT_FOLLOWS: f64 = 0.22;

/// Giveaways with fewer entries say nothing about the lag.
const ENTRIES_LEAST: usize = 15;

/// Entries of one giveaway count as at most so many independent ones: entrants copy each other.
const ENTRIES_MOST: f64 = 60.0;

/// The lags that a session works with.
#[derive(Clone, Debug)]
pub(crate) struct Lags {
    pub delay_s: f64,
    pub chat: Kernel,
    pub chat_from: LagSource,
    pub chat_confidence: f64,
    pub orders: Kernel,
    pub orders_from: LagSource,
    pub orders_confidence: f64,
}

impl Lags {
    /// Before anything is known of the session.
    pub fn prior(settings: &Settings) -> Self {
        let delay_s = DELAY_PART * settings.chat_lag_prior_s;
        let kernel = |mean_s: f64| match settings.without.lag {
            false => Kernel::new(delay_s, mean_s - delay_s),
            // At once: no delay, and the shortest reaction that a kernel has.
            true => Kernel::new(0.0, 0.0),
        };
        Self {
            delay_s,
            chat: kernel(settings.chat_lag_prior_s),
            chat_from: LagSource::Prior,
            chat_confidence: 0.2,
            orders: kernel(settings.order_lag_prior_s),
            orders_from: LagSource::Prior,
            orders_confidence: 0.1,
        }
    }

    /// As they are published: one entry per signal that the log has.
    pub fn published(&self, has_orders: bool, has_chat: bool, has_clicks: bool) -> Vec<Lag> {
        let lag = |signal, kernel: &Kernel, confidence, from| Lag {
            signal,
            lag_s: MediaDuration::from_millis((kernel.mean_s * 1000.0).round() as i64),
            confidence,
            from,
        };
        let mut out = Vec::new();
        if has_orders {
            out.push(lag(Signal::Orders, &self.orders, self.orders_confidence, self.orders_from));
        }
        if has_chat {
            out.push(lag(Signal::Comments, &self.chat, self.chat_confidence, self.chat_from));
        }
        if has_clicks {
            // Clicks are one tap, like a short comment: the chat's lag, less sure.
            let confidence = 0.5 * self.chat_confidence;
            out.push(lag(Signal::ProductClicks, &self.chat, confidence, self.chat_from));
        }
        out
    }
}

/// Giveaways that overlap, with the entries of all of them.
struct Trial {
    /// Start and length of each, seconds, the start counted from the first one's.
    boxes: Vec<(usize, usize)>,
    /// How long entries were counted, seconds.
    reach_s: f64,
    /// Seconds from the first start, with weighted counts.
    counts: Vec<(usize, f64)>,
}

fn trials(log: &Log, settings: &Settings) -> Vec<Trial> {
    let tail_s = 2.0 * settings.chat_lag_max_s;
    let mut groups: Vec<Vec<(f64, f64)>> = Vec::new();
    for giveaway in log.giveaways.iter().filter(|g| g.end_s - g.start_s >= 10.0) {
        let bounds = (giveaway.start_s, giveaway.end_s);
        match groups.last_mut() {
            Some(group) if group.iter().any(|(_, end)| bounds.0 < end + tail_s) => {
                group.push(bounds)
            }
            _ => groups.push(vec![bounds]),
        }
    }
    groups
        .into_iter()
        .filter_map(|group| {
            let start_s = group.first()?.0;
            let end_s = group.iter().map(|(_, end)| *end).fold(start_s, f64::max) + tail_s;
            let first = log.comments.partition_point(|c| c.at_s() < start_s);
            let mut counts: Vec<(usize, f64)> = Vec::new();
            let mut entries = 0usize;
            for comment in log.comments[first..].iter().take_while(|c| c.at_s() < end_s) {
                if comment.entry {
                    entries += 1;
                    let second = (comment.at_s() - start_s) as usize;
                    match counts.last_mut() {
                        Some((last, n)) if *last == second => *n += 1.0,
                        _ => counts.push((second, 1.0)),
                    }
                }
            }
            let temper = (ENTRIES_MOST * group.len() as f64 / entries.max(1) as f64).min(1.0);
            counts.iter_mut().for_each(|(_, n)| *n *= temper);
            let boxes = group
                .iter()
                .map(|(start, end)| ((start - start_s) as usize, (end - start).round() as usize))
                .collect();
            let trial = Trial { boxes, reach_s: end_s - start_s, counts };
            (entries >= ENTRIES_LEAST).then_some(trial)
        })
        .collect()
}

impl Trial {
    /// Log likelihood of the entries if the chat's lag is `kernel`: as many per second in each.
    fn score(&self, kernel: &Kernel) -> f64 {
        let total: usize = self.boxes.iter().map(|(_, length)| length).sum();
        let responses: Vec<(usize, f64, Vec<f64>)> = self
            .boxes
            .iter()
            .map(|&(start, length)| {
                (start, length as f64 / total.max(1) as f64, kernel.of_window(length))
            })
            .collect();
        // A few entries come from people who saw the keyword late.
        let stray = 0.02 / self.reach_s;
        self.counts
            .iter()
            .map(|&(second, n)| {
                let density: f64 = responses
                    .iter()
                    .filter(|(start, _, _)| second >= *start)
                    .map(|(start, part, r)| part * r.get(second - start).copied().unwrap_or(0.0))
                    .sum();
                n * (0.98 * density + stray).ln()
            })
            .sum()
    }
}

/// Measures the chat's lag on the giveaways of the log.
pub(crate) fn from_giveaways(log: &Log, settings: &Settings, lags: &mut Lags) {
    let trials = trials(log, settings);
    if trials.is_empty() || settings.without.lag {
        return;
    }
    let mut grid: Vec<(f64, f64)> = Vec::new();
    for delay in 0..=40 {
        for react in 2..=30 {
            let (delay_s, react_s) = (f64::from(delay), f64::from(react));
            if delay_s + react_s <= settings.chat_lag_max_s {
                grid.push((delay_s, react_s));
            }
        }
    }
    let scores: Vec<f64> = grid
        .par_iter()
        .map(|&(delay_s, react_s)| {
            let kernel = Kernel::new(delay_s, react_s);
            let off = (kernel.mean_s - settings.chat_lag_prior_s) / CHAT_SPREAD_S;
            -0.5 * off * off + trials.iter().map(|trial| trial.score(&kernel)).sum::<f64>()
        })
        .collect();
    let Some(mean) = posterior(&grid, &scores) else { return };
    lags.delay_s = mean.delay_s;
    lags.chat = Kernel::new(mean.delay_s, mean.react_s);
    lags.chat_from = LagSource::Estimated;
    lags.chat_confidence = (1.0 - mean.spread_s / CHAT_SPREAD_S).clamp(0.2, 0.95);
}

struct Posterior {
    delay_s: f64,
    react_s: f64,
    /// Standard deviation of the mean lag.
    spread_s: f64,
}

fn posterior(grid: &[(f64, f64)], scores: &[f64]) -> Option<Posterior> {
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !best.is_finite() {
        return None;
    }
    let (mut sum, mut delay, mut react, mut lag, mut square) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (&(d, r), score) in grid.iter().zip(scores) {
        let weight = (score - best).exp();
        sum += weight;
        delay += weight * d;
        react += weight * r;
        lag += weight * (d + r);
        square += weight * (d + r) * (d + r);
    }
    let mean = lag / sum;
    Some(Posterior {
        delay_s: delay / sum,
        react_s: react / sum,
        spread_s: (square / sum - mean * mean).max(0.0).sqrt(),
    })
}

/// A stretch with the orders and the other signals that speak about it.
pub(crate) struct Witness<'a> {
    pub stretch: Stretch,
    pub orders: &'a Channel,
    pub others: Vec<&'a Channel>,
}

/// Measures the orders' lag on stretches that hold one pitch or none.
pub(crate) fn from_orders(witnesses: &[Witness<'_>], settings: &Settings, lags: &mut Lags) {
    let delay_s = lags.delay_s;
    let mut grid: Vec<(f64, f64)> = Vec::new();
    let mut react_s = 4.0;
    while delay_s + react_s <= settings.order_lag_max_s {
        grid.push((delay_s, react_s));
        react_s *= 1.15;
    }
    if witnesses.is_empty() || grid.is_empty() || settings.without.lag {
        return;
    }
    const STEP_S: usize = 4;
    // The other signals do not change with the orders' lag.
    let heard: Vec<Vec<Tried>> = witnesses
        .par_iter()
        .map(|witness| {
            let others: Vec<Heard<'_>> =
                witness.others.iter().map(|channel| Heard { channel, credit: None }).collect();
            try_windows(&witness.stretch, &others, STEP_S)
        })
        .collect();
    let prior_react_s = (settings.order_lag_prior_s - delay_s).max(5.0);
    let prior: Vec<f64> = grid
        .iter()
        .map(|(_, react_s)| -0.5 * ((react_s / prior_react_s).ln() / ORDER_SPREAD).powi(2))
        .collect();
    // What each half of the witnesses says about a lag. They come by the number of their orders, so
    // that every other one makes halves of the same weight.
    let halves_of = |&(delay_s, react_s): &(f64, f64)| {
        let kernel = Kernel::new(delay_s, react_s);
        let responses: Vec<Vec<f64>> =
            LENGTHS.iter().map(|&length| kernel.of_window(length)).collect();
        let mut halves = [0.0; 2];
        for (i, (witness, tried)) in witnesses.iter().zip(&heard).enumerate() {
            let mut tried = tried.clone();
            for window in &mut tried {
                let response = &responses[window.length];
                window.score += witness.orders.fit(response, window.start, None).llr;
            }
            halves[i % 2] += total_evidence(&tried);
        }
        halves
    };
    // Every third first. Between two that lie far below the best, nothing has any weight.
    let some: Vec<usize> = (0..grid.len()).filter(|i| i % COARSE == 0).collect();
    let known: Vec<[f64; 2]> = some.par_iter().map(|&i| halves_of(&grid[i])).collect();
    let whole = |k: usize| known[k][0] + known[k][1] + prior[k * COARSE];
    let least = (0..known.len()).map(whole).fold(f64::NEG_INFINITY, f64::max) - WEIGHTLESS_NATS;
    let halves: Vec<[f64; 2]> = grid
        .par_iter()
        .enumerate()
        .map(|(i, place)| {
            let left = i / COARSE;
            if i % COARSE == 0 {
                known[left]
            } else if whole(left) < least && left + 1 < known.len() && whole(left + 1) < least {
                [f64::NEG_INFINITY; 2]
            } else {
                halves_of(place)
            }
        })
        .collect();
    let of = |score: fn(&[f64; 2]) -> f64| {
        let scores: Vec<f64> = halves.iter().zip(&prior).map(|(h, p)| score(h) + p).collect();
        posterior(&grid, &scores)
    };
    let (Some(mean), Some(first), Some(second)) = (of(|h| h[0] + h[1]), of(|h| h[0]), of(|h| h[1]))
    else {
        return;
    };
    let mean_s = mean.delay_s + mean.react_s;
    let apart_s = 0.5 * (first.delay_s + first.react_s - second.delay_s - second.react_s);
    let doubt_s =
        ((1.5 * mean.spread_s).powi(2) + apart_s.powi(2) + (SHAPE_DOUBT * mean_s).powi(2)).sqrt();
    lags.orders = Kernel::new(mean.delay_s, mean.react_s);
    lags.orders_from = LagSource::Estimated;
    lags.orders_confidence = chance_within(NEAR_S, doubt_s).clamp(0.05, 0.95);
    if lags.chat_from == LagSource::Prior {
        // Orders and chat share the player's delay and the audience's pace.
        let shift_s = CHAT_FOLLOWS * (mean_s - settings.order_lag_prior_s);
        let chat_s = (settings.chat_lag_prior_s + shift_s)
            .clamp(0.5 * settings.chat_lag_prior_s, settings.chat_lag_max_s);
        lags.delay_s = DELAY_PART * chat_s;
        lags.chat = Kernel::new(lags.delay_s, chat_s - lags.delay_s);
    }
}

/// The chance that a normal error of this standard deviation is at most `reach`, both above 0.
fn chance_within(reach: f64, deviation: f64) -> f64 {
    // Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26 (error below 2e-7).
    let x = reach / (deviation.max(1e-6) * std::f64::consts::SQRT_2);
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    1.0 - series.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_of_a_normal_error() {
        for (deviation, chance) in [(8.0, 0.6827), (4.0, 0.9545), (16.0, 0.3829)] {
            assert!((chance_within(8.0, deviation) - chance).abs() < 1e-4);
        }
    }
}
