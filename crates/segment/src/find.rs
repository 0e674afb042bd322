//! From the cleaned log to causes: the channels, the stretches to search, the search in two
//! passes, and which cause each reaction is credited to.

use std::sync::Arc;

use rayon::prelude::*;

use crate::baseline::{dispersion, expected};
use crate::kernel::Kernel;
use crate::lag::{self, Lags};
use crate::log::Log;
use crate::places::{learn_habit, speaking, stretches, witnesses};
use crate::scan::{
    Cause, Channel, Heard, LENGTHS, Stretch, Tried, best_of, cause, total_evidence, try_windows,
};
use crate::scenes::{FIRST, best_scenes};
use crate::settings::Settings;
use crate::sure::{sure_llr, wander};

/// Longer stretches are searched in coarse steps first, seconds.
pub(crate) const FINE_S: usize = 420;

/// Two causes of one long stretch lie at least so far apart, seconds.
const APART_S: usize = 30;

/// Evidence that a cause in a stretch without pins must have, nats.
const UNPINNED_LLR: f64 = 1.5;

/// The signals of a session, per second, and what they are expected to be.
pub(crate) struct Signals {
    /// Seconds of the recording.
    pub seconds: usize,
    /// Viewers that may order, one a second.
    pub exposure: Vec<f64>,
    /// Viewers, those of raids too: they buy nothing and talk.
    pub audience: Vec<f64>,
    /// Orders whose time is known, all products.
    pub orders: Vec<f64>,
    /// The same per product, and last those without one.
    pub by_product: Vec<Vec<(usize, f64)>>,
    pub chat: Vec<f64>,
    pub clicks: Vec<f64>,
}

/// A channel's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Orders of a product, or without one.
    Orders(Option<usize>),
    Chat,
    Clicks,
}

/// A cause with what it is credited with in each channel.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub cause: Cause,
    /// Index of the channel, amount credited.
    pub credited: Vec<(usize, f64)>,
    /// Evidence in the orders alone, nats.
    pub order_llr: f64,
    /// Evidence that is left over what the signals do by themselves, nats, at most `cause.llr`.
    pub sure_llr: f64,
}

/// Everything that the search yields.
pub(crate) struct Findings {
    pub roles: Vec<Role>,
    pub channels: Vec<Channel>,
    pub found: Vec<Found>,
    /// Causes that lie over one with more evidence, each with that one's place in `found`.
    pub dropped: Vec<(Placed, usize)>,
    pub lags: Lags,
}

/// Searches the session.
pub(crate) fn search(log: &Log, signals: &Signals, settings: &Settings) -> Findings {
    let mut lags = Lags::prior(settings);
    lag::from_giveaways(log, settings, &mut lags);
    let mut stretches = stretches(log, signals);

    let (roles, mut channels) = channels(signals, &lags, settings, None);
    let mut first = Vec::new();
    for _ in 0..2 {
        // Without pins, what the round before found says where to listen.
        let witnesses = witnesses(&stretches, &first, &roles, &channels);
        lag::from_orders(&witnesses, settings, &mut lags);
        set_kernels(&roles, &mut channels, &lags);
        first = pass(&stretches, &roles, &channels, None);
        drop_overlapping(&mut first);
        if !log.pins.is_empty() {
            break;
        }
    }
    let explained = explained(&roles, &channels, &first);
    let (_, mut channels) = self::channels(signals, &lags, settings, Some(&explained));
    // With baseline and overdispersion now known, the lag is measured once more.
    let witnesses = witnesses(&stretches, &first, &roles, &channels);
    lag::from_orders(&witnesses, settings, &mut lags);
    set_kernels(&roles, &mut channels, &lags);
    learn_habit(&mut stretches, &first);
    let mut found = pass(&stretches, &roles, &channels, Some((&first, &explained)));
    let dropped = drop_overlapping(&mut found);
    let found = credit(&stretches, &roles, &channels, found);
    Findings { roles, channels, found, dropped, lags }
}

fn set_kernels(roles: &[Role], channels: &mut [Channel], lags: &Lags) {
    for (role, channel) in roles.iter().zip(channels) {
        channel.set_kernel(kernel_of(*role, lags));
    }
}

fn kernel_of(role: Role, lags: &Lags) -> &Kernel {
    match role {
        Role::Orders(_) => &lags.orders,
        Role::Chat | Role::Clicks => &lags.chat,
    }
}

/// One channel per product with orders, one for orders without, chat and clicks.
fn channels(
    signals: &Signals,
    lags: &Lags,
    settings: &Settings,
    explained: Option<&[Vec<f64>]>,
) -> (Vec<Role>, Vec<Channel>) {
    let mut roles = Vec::new();
    let products = signals.by_product.len().saturating_sub(1);
    for (i, events) in signals.by_product.iter().enumerate() {
        if !events.is_empty() {
            roles.push(Role::Orders((i < products).then_some(i)));
        }
    }
    let order_channels = roles.len();
    roles.push(Role::Chat);
    roles.push(Role::Clicks);

    let length = signals.orders.len();
    let zeros = vec![0.0; length];
    let all_explained = explained.map(|explained| {
        let mut sum = zeros.clone();
        for channel in &explained[..order_channels] {
            sum.iter_mut().zip(channel).for_each(|(s, e)| *s += e);
        }
        sum
    });
    let width_s = settings.baseline_s;
    // All products share it.
    let order_base: Arc<[f64]> =
        expected(&signals.orders, &signals.exposure, all_explained.as_deref(), width_s).into();
    let order_dispersion = dispersion(&signals.orders, &order_base, all_explained.as_deref());
    let all_orders: Vec<(usize, f64)> = signals.orders.iter().copied().enumerate().collect();
    let order_wander = wander(&all_orders, &order_base, &lags.orders);
    // What is left of each product once its pitches are taken out, as a share of all that is left.
    let left: Vec<f64> = roles[..order_channels]
        .iter()
        .enumerate()
        .map(|(i, role)| {
            let Role::Orders(product) = role else { return 0.0 };
            let events = &signals.by_product[product.unwrap_or(products)];
            let total: f64 = events.iter().map(|(_, n)| n).sum();
            let taken = explained.map_or(0.0, |explained| explained[i].iter().sum());
            (total - taken).max(0.0) + 0.5
        })
        .collect();
    let all_left: f64 = left.iter().sum();

    let mut channels = Vec::with_capacity(roles.len());
    for (i, role) in roles.iter().enumerate() {
        let kernel = kernel_of(*role, lags);
        let taken = explained.map_or(&zeros, |explained| &explained[i]);
        channels.push(match role {
            Role::Orders(product) => {
                let mut channel = Channel::new(
                    &[],
                    order_base.clone(),
                    left[i] / all_left.max(1e-9),
                    order_dispersion,
                    kernel,
                );
                channel.events = signals.by_product[product.unwrap_or(products)].clone();
                channel.wander = order_wander;
                channel
            }
            Role::Chat | Role::Clicks => {
                let counts = if *role == Role::Chat { &signals.chat } else { &signals.clicks };
                let base = expected(
                    counts,
                    if *role == Role::Chat { &signals.audience } else { &signals.exposure },
                    explained.map(|_| taken.as_slice()),
                    width_s,
                );
                let spread = dispersion(counts, &base, explained.map(|_| taken.as_slice()));
                let mut channel = Channel::new(counts, base, 1.0, spread, kernel);
                channel.wander = wander(&channel.events, &channel.base, kernel);
                channel
            }
        });
    }
    (roles, channels)
}

/// A cause with the stretch it was found in.
pub(crate) struct Placed {
    pub stretch: usize,
    pub cause: Cause,
    pub order_llr: f64,
}

/// Searches all stretches once. With the findings of a pass before, what they explain elsewhere
/// counts as expected.
fn pass(
    stretches: &[Stretch],
    roles: &[Role],
    channels: &[Channel],
    before: Option<(&[Placed], &[Vec<f64>])>,
) -> Vec<Placed> {
    let nested: Vec<Vec<Placed>> = stretches
        .par_iter()
        .enumerate()
        .map(|(index, stretch)| {
            let speaking = speaking(stretch, roles);
            let mut credits: Vec<Vec<f64>> = Vec::new();
            if let Some((placed, explained)) = before {
                let own: Vec<&Cause> =
                    placed.iter().filter(|p| p.stretch == index).map(|p| &p.cause).collect();
                for &i in &speaking {
                    let mut credit = explained[i].clone();
                    for cause in &own {
                        let (from, response) = response(cause, &channels[i].kernel);
                        let amount = channels[i].fit(&response, from, None).amount;
                        for (k, r) in response.iter().enumerate() {
                            if let Some(slot) = credit.get_mut(from + k) {
                                *slot = (*slot - amount * r).max(0.0);
                            }
                        }
                    }
                    credits.push(credit);
                }
            }
            let mut heard: Vec<Heard<'_>> = speaking
                .iter()
                .enumerate()
                .map(|(k, &i)| Heard {
                    channel: &channels[i],
                    credit: credits.get(k).map(Vec::as_slice),
                })
                .collect();
            heard.retain(|h| !h.channel.events.is_empty());
            let orders = speaking.iter().position(|&i| matches!(roles[i], Role::Orders(_)));
            let orders = orders.map(|k| Heard {
                channel: &channels[speaking[k]],
                credit: credits.get(k).map(Vec::as_slice),
            });
            search_stretch(stretch, &heard)
                .into_iter()
                .map(|cause| {
                    let order_llr = orders.map_or(0.0, |h| {
                        let (from, response) = response(&cause, &h.channel.kernel);
                        h.channel.fit(&response, from, h.credit).llr
                    });
                    Placed { stretch: index, cause, order_llr }
                })
                .filter(|p| stretch.pinned || stretch.product.is_none() || p.order_llr > 1.0)
                .collect()
        })
        .collect();
    nested.into_iter().flatten().collect()
}

fn search_stretch(stretch: &Stretch, heard: &[Heard<'_>]) -> Vec<Cause> {
    if heard.is_empty() {
        return Vec::new();
    }
    let size = stretch.to.saturating_sub(stretch.from);
    if size <= FINE_S {
        let tried = try_windows(stretch, heard, 1 + size / 150);
        return cause(stretch, &tried).into_iter().collect();
    }
    if stretch.chat_only {
        return scenes(stretch, &try_windows(stretch, heard, 2));
    }
    pursue(stretch, heard)
}

/// The causes of a long stretch, one after the other: each is the best explanation of what the ones
/// before it leave over, so that the tail of one reaction is no second cause.
fn pursue(stretch: &Stretch, heard: &[Heard<'_>]) -> Vec<Cause> {
    const STEP_S: usize = 3;
    let most = (stretch.to - stretch.from) / 60;
    let mut credits: Vec<Vec<f64>> = heard
        .iter()
        .map(|h| h.credit.map_or_else(|| vec![0.0; h.channel.base.len()], <[f64]>::to_vec))
        .collect();
    let mut tried = try_windows(stretch, heard, STEP_S);
    let mut taken: Vec<Cause> = Vec::new();
    while taken.len() < most {
        let apart = |window: &Tried| {
            let (start, end) = (window.start, window.start + LENGTHS[window.length]);
            taken.iter().all(|cause| {
                end + APART_S <= cause.start || cause.start + cause.length + APART_S <= start
            })
        };
        let best = tried
            .iter()
            .filter(|window| window.llr > UNPINNED_LLR && apart(window))
            .reduce(|a, b| if b.score > a.score { b } else { a });
        let Some(&best) = best else { break };
        let now: Vec<Heard<'_>> = heard
            .iter()
            .zip(&credits)
            .map(|(h, credit)| Heard { channel: h.channel, credit: Some(credit) })
            .collect();
        let near = Stretch {
            from: best.start.saturating_sub(30).max(stretch.from),
            to: (best.start + LENGTHS[best.length] + 30).min(stretch.to),
            ..stretch.clone()
        };
        let Some(found) = cause(&near, &try_windows(&near, &now, 1)) else {
            // Its neighbours will do no better.
            tried.retain(|window| window.start != best.start);
            continue;
        };
        let mut reach = (found.start, found.start);
        for (h, credit) in heard.iter().zip(&mut credits) {
            let (from, response) = response(&found, &h.channel.kernel);
            let amount = h.channel.fit(&response, from, Some(credit)).amount;
            for (k, r) in response.iter().enumerate() {
                if let Some(slot) = credit.get_mut(from + k) {
                    *slot += amount * r;
                }
            }
            reach = (reach.0.min(from), reach.1.max(from + response.len()));
        }
        // Only windows whose reaction meets the credited one see a change.
        let now: Vec<Heard<'_>> = heard
            .iter()
            .zip(&credits)
            .map(|(h, credit)| Heard { channel: h.channel, credit: Some(credit) })
            .collect();
        let earlier = reach.1 - reach.0;
        let first = tried.partition_point(|w| w.start + earlier < reach.0);
        let last = tried.partition_point(|w| w.start < reach.1);
        for window in &mut tried[first..last] {
            let prior = window.score - window.llr;
            let response = |h: &Heard<'_>| {
                h.channel.fit(&h.channel.responses[window.length], window.start, h.credit).llr
            };
            window.llr = now.iter().map(response).sum();
            window.score = window.llr + prior;
        }
        taken.push(found);
    }
    taken
}

/// Causes where only the chat tells: those that are best reported together, then what lies between.
fn scenes(stretch: &Stretch, tried: &[Tried]) -> Vec<Cause> {
    let at_start: Vec<(Tried, f64)> = tried
        .chunk_by(|a, b| a.start == b.start)
        .filter_map(|same| Some((*best_of(same)?, total_evidence(same).max(0.0))))
        .collect();
    let mut taken = best_scenes(
        at_start.iter().map(|(window, llr)| (window.start as f64, *llr)).collect(),
        FIRST,
    );
    let mut rest: Vec<usize> =
        (0..at_start.len()).filter(|&i| at_start[i].1 > UNPINNED_LLR).collect();
    rest.sort_by(|&a, &b| at_start[b].1.total_cmp(&at_start[a].1).then(a.cmp(&b)));
    for i in rest {
        let start = at_start[i].0.start;
        if taken.iter().all(|&t| at_start[t].0.start.abs_diff(start) >= LENGTHS[LENGTHS.len() - 1])
        {
            taken.push(i);
        }
    }
    taken
        .into_iter()
        .filter_map(|i| {
            let (window, llr) = at_start[i];
            Some(Cause { llr, ..cause(stretch, &[window])? })
        })
        .collect()
}

/// The response that a cause draws from a signal, and its first second; sums to 1.
pub(crate) fn response(cause: &Cause, kernel: &Kernel) -> (usize, Vec<f64>) {
    let first = cause.density.iter().position(|d| *d > 1e-5).unwrap_or(0);
    let last = cause.density.iter().rposition(|d| *d > 1e-5).unwrap_or(0);
    let density = &cause.density[first..=last.max(first)];
    let mut out = vec![0.0; density.len() + kernel.mass.len()];
    for (i, d) in density.iter().enumerate() {
        for (k, m) in kernel.mass.iter().enumerate() {
            out[i + k] += d * m;
        }
    }
    (cause.from + first, out)
}

/// What all causes together explain in each channel, per second.
fn explained(roles: &[Role], channels: &[Channel], placed: &[Placed]) -> Vec<Vec<f64>> {
    (0..roles.len())
        .into_par_iter()
        .map(|i| {
            let mut out = vec![0.0; channels[i].base.len()];
            for (cause, amount) in amounts(i, roles, channels, placed.iter().map(|p| &p.cause)) {
                for (k, r) in cause.1.iter().enumerate() {
                    if let Some(slot) = out.get_mut(cause.0 + k) {
                        *slot += amount * r;
                    }
                }
            }
            out
        })
        .collect()
}

type Response = (usize, Vec<f64>);

/// Shares a channel's events among all causes and the baseline, by expectation-maximisation.
fn amounts<'c>(
    i: usize,
    roles: &[Role],
    channels: &[Channel],
    causes: impl Iterator<Item = &'c Cause>,
) -> Vec<(Response, f64)> {
    let channel = &channels[i];
    let mut parts: Vec<(Response, f64)> = causes
        .map(|cause| {
            let listens = match roles[i] {
                Role::Orders(None) => true,
                Role::Orders(product) => cause.product == product,
                Role::Chat | Role::Clicks => true,
            };
            if !listens {
                return ((0, Vec::new()), 0.0);
            }
            let response = response(cause, &channel.kernel);
            let amount = channel.fit(&response.1, response.0, None).amount;
            (response, amount)
        })
        .collect();
    for _ in 0..12 {
        let mut total: Vec<f64> = channel.base.iter().map(|b| b * channel.share).collect();
        for ((from, response), amount) in &parts {
            for (k, r) in response.iter().enumerate() {
                if let Some(slot) = total.get_mut(from + k) {
                    *slot += amount * r;
                }
            }
        }
        for ((from, response), amount) in &mut parts {
            if *amount <= 0.0 {
                continue;
            }
            let end = (*from + response.len()).min(total.len());
            let seen: f64 = response[..end.saturating_sub(*from)].iter().sum();
            let start = channel.events.partition_point(|(second, _)| second < from);
            let mut sum = 0.0;
            for &(second, n) in &channel.events[start..] {
                if second >= end {
                    break;
                }
                sum += n * *amount * response[second - *from] / total[second].max(1e-12);
            }
            *amount = if seen > 0.05 { sum / seen } else { 0.0 };
        }
    }
    parts
}

fn credit(
    stretches: &[Stretch],
    roles: &[Role],
    channels: &[Channel],
    placed: Vec<Placed>,
) -> Vec<Found> {
    let heard_of = |stretch: usize| -> Vec<(Role, &Channel)> {
        speaking(&stretches[stretch], roles).into_iter().map(|i| (roles[i], &channels[i])).collect()
    };
    let all: Vec<Vec<f64>> = (0..roles.len())
        .into_par_iter()
        .map(|i| {
            amounts(i, roles, channels, placed.iter().map(|p| &p.cause))
                .into_iter()
                .map(|(_, amount)| amount)
                .collect()
        })
        .collect();
    placed
        .into_iter()
        .enumerate()
        .map(|(k, p)| Found {
            sure_llr: sure_llr(&p.cause, &heard_of(p.stretch)),
            cause: p.cause,
            credited: (0..roles.len()).map(|i| (i, all[i][k])).filter(|(_, a)| *a > 0.0).collect(),
            order_llr: p.order_llr,
        })
        .collect()
}

/// Of causes that lie over each other the one with most evidence stays; the others are returned,
/// each with the place that the one that stayed then has.
fn drop_overlapping(placed: &mut Vec<Placed>) -> Vec<(Placed, usize)> {
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |p: &Placed| p.cause.llr + p.order_llr;
        key(&placed[b]).total_cmp(&key(&placed[a])).then(a.cmp(&b))
    });
    let mut kept: Vec<usize> = Vec::new();
    let mut over: Vec<Option<usize>> = vec![None; placed.len()];
    for i in order {
        let (start, end) = (placed[i].cause.start, placed[i].cause.start + placed[i].cause.length);
        over[i] = kept.iter().copied().find(|&k| {
            let (s, e) = (placed[k].cause.start, placed[k].cause.start + placed[k].cause.length);
            let shared = end.min(e).saturating_sub(start.max(s));
            2 * shared > (end - start).min(e - s)
        });
        if over[i].is_none() {
            kept.push(i);
        }
    }
    kept.sort_unstable();
    let mut dropped = Vec::new();
    let mut stay = Vec::with_capacity(kept.len());
    for (p, over) in placed.drain(..).zip(over) {
        match over {
            None => stay.push(p),
            Some(k) => dropped.push((p, kept.partition_point(|&other| other < k))),
        }
    }
    *placed = stay;
    dropped
}
