//! Where to look: the stretches in which a cause may lie, who speaks about each, and what earlier
//! findings teach about them.

use std::cmp::Reverse;

use crate::find::{FINE_S, Placed, Role, Signals};
use crate::lag::Witness;
use crate::log::Log;
use crate::scan::{Channel, LENGTHS, Stretch};

/// Causes with more evidence than this say where in a pin the host calls, nats.
const CLEAR_LLR: f64 = 8.0;

/// Without pins, the orders' lag is measured so far around what was found, seconds.
const LISTEN_S: usize = 75;

/// At most so many stretches are listened to for the orders' lag, those with most orders.
const WITNESSES_MOST: usize = 60;

/// Where to search: each pin; and the whole recording for products that were never pinned, and
/// for the other signals where nothing is pinned.
pub(crate) fn stretches(log: &Log, signals: &Signals) -> Vec<Stretch> {
    let mut out = Vec::new();
    let mut covered_to = 0usize;
    let chat_only = log.pins.is_empty()
        && signals.by_product.iter().all(Vec::is_empty)
        && signals.clicks.iter().all(|n| *n <= 0.0);
    let gap = |out: &mut Vec<Stretch>, from: usize, to: usize| {
        if to > from + LENGTHS[0] {
            out.push(Stretch {
                from,
                to,
                product: None,
                pinned: false,
                flash: None,
                habit: None,
                chat_only,
            });
        }
    };
    for pin in &log.pins {
        let from = pin.start_s.max(0.0) as usize;
        let to = (pin.end_s.ceil() as usize).min(signals.seconds);
        gap(&mut out, covered_to, from);
        covered_to = covered_to.max(to);
        let flash = log
            .flash_sales
            .iter()
            .find(|sale| {
                (sale.product.is_none() || sale.product == pin.product)
                    && sale.start_s >= pin.start_s - 5.0
                    && sale.start_s < pin.end_s
            })
            .map(|sale| sale.start_s.max(0.0) as usize);
        if to > from {
            out.push(Stretch {
                from,
                to,
                product: pin.product,
                pinned: true,
                flash,
                habit: None,
                chat_only: false,
            });
        }
    }
    gap(&mut out, covered_to, signals.seconds);
    let products = signals.by_product.len().saturating_sub(1);
    for product in 0..products {
        let pinned = log.pins.iter().any(|pin| pin.product == Some(product));
        if !pinned && signals.by_product[product].len() >= 2 && signals.seconds > 0 {
            out.push(Stretch {
                from: 0,
                to: signals.seconds,
                product: Some(product),
                pinned: false,
                flash: None,
                habit: None,
                chat_only: false,
            });
        }
    }
    out
}

/// Learns from the clear causes where in a pin this host makes the call.
pub(crate) fn learn_habit(stretches: &mut [Stretch], placed: &[Placed]) {
    let places: Vec<f64> = placed
        .iter()
        .filter(|p| stretches[p.stretch].pinned && p.cause.llr > CLEAR_LLR)
        .map(|p| {
            let pin = &stretches[p.stretch];
            let middle = (p.cause.start - pin.from) as f64 + 0.5 * p.cause.length as f64;
            middle / (pin.to - pin.from).max(1) as f64
        })
        .collect();
    if places.len() < 4 {
        return;
    }
    let mean = places.iter().sum::<f64>() / places.len() as f64;
    let square = places.iter().map(|p| (p - mean).powi(2)).sum::<f64>();
    // Drawn to a wide spread by four places that are a quarter of the pin away.
    let spread = ((square + 4.0 * 0.0625) / (places.len() + 4) as f64).sqrt();
    for stretch in stretches.iter_mut().filter(|stretch| stretch.pinned) {
        stretch.habit = Some((mean, spread));
    }
}

/// The channels that speak about a stretch; orders first.
pub(crate) fn speaking(stretch: &Stretch, roles: &[Role]) -> Vec<usize> {
    roles
        .iter()
        .enumerate()
        .filter(|(_, role)| match role {
            Role::Orders(None) => stretch.pinned || stretch.product.is_none(),
            Role::Orders(product) => stretch.product == *product,
            Role::Chat | Role::Clicks => true,
        })
        .map(|(i, _)| i)
        .collect()
}

/// Stretches whose orders tell the orders' lag: pins short enough to hold one pitch, and what lies
/// around earlier findings where nothing is pinned.
pub(crate) fn witnesses<'a>(
    stretches: &[Stretch],
    placed: &[Placed],
    roles: &[Role],
    channels: &'a [Channel],
) -> Vec<Witness<'a>> {
    let mut out: Vec<(usize, Witness<'a>)> = Vec::new();
    let around = placed.iter().filter(|p| !stretches[p.stretch].pinned).map(|p| {
        let (from, to) = (p.cause.start, p.cause.start + p.cause.length);
        let within = &stretches[p.stretch];
        Stretch {
            from: from.saturating_sub(LISTEN_S).max(within.from),
            to: (to + LISTEN_S).min(within.to),
            ..within.clone()
        }
    });
    for stretch in stretches.iter().filter(|stretch| stretch.pinned).cloned().chain(around) {
        if stretch.to - stretch.from > 2 * FINE_S {
            continue;
        }
        let speaking = speaking(&stretch, roles);
        let Some(&orders) = speaking
            .iter()
            .find(|&&i| roles[i] == Role::Orders(stretch.product) && stretch.product.is_some())
        else {
            continue;
        };
        let count = channels[orders]
            .events
            .iter()
            .filter(|(second, _)| (stretch.from..stretch.to + 150).contains(second))
            .count();
        if count > 0 {
            let others = speaking
                .iter()
                .filter(|&&i| !matches!(roles[i], Role::Orders(_)))
                .map(|&i| &channels[i])
                .collect();
            out.push((count, Witness { stretch, orders: &channels[orders], others }));
        }
    }
    out.sort_by_key(|(count, witness)| (Reverse(*count), witness.stretch.from));
    out.truncate(WITNESSES_MOST);
    out.into_iter().map(|(_, witness)| witness).collect()
}
