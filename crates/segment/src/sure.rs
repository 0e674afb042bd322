//! How sure a cause is: its evidence held against how much the signals go up and down by themselves.

use crate::find::{Role, response};
use crate::kernel::Kernel;
use crate::scan::{Cause, Channel};

/// The sides of a reaction that it must stand out from, seconds.
const SIDE_S: usize = 120;

/// Length of the call whose reaction is compared with the rest of the session, seconds, and the
/// steps in which it is laid over it.
const CALL_S: usize = 27;
const STEP_S: usize = 15;

/// So many quiet places say how much a signal wanders.
const PLACES_LEAST: usize = 12;

/// Seven tenths of a half-normal distribution lie below so many standard deviations.
const SEVEN_TENTHS_SD: f64 = 1.0364;

/// By how much a signal's sums over a whole reaction vary more than Poisson ones would, at least 1.
///
/// Overdispersion from bin to bin does not tell: rates that wander within a minute look like
/// reactions and hardly like noise. Only places below the base count, since pitches lift signals and
/// do not lower them, so that a LIVE full of pitches is not taken for an unsteady one.
pub(crate) fn wander(events: &[(usize, f64)], base: &[f64], kernel: &Kernel) -> f64 {
    let response = kernel.of_window(CALL_S);
    if base.len() <= response.len() {
        return 1.0;
    }
    let mut counts = vec![0.0; base.len()];
    for &(second, n) in events {
        counts[second] += n;
    }
    let mut deviations: Vec<f64> = (0..base.len() - response.len())
        .step_by(STEP_S)
        .map(|from| {
            let (mut sum, mut square) = (0.0, 0.0);
            for (k, r) in response.iter().enumerate() {
                sum += r * (counts[from + k] - base[from + k]);
                square += r * r * base[from + k];
            }
            sum / square.sqrt().max(1e-12)
        })
        .collect();
    deviations.retain(|deviation| *deviation < 0.0);
    deviations.sort_by(|a, b| b.total_cmp(a));
    if deviations.len() < PLACES_LEAST {
        return 1.0;
    }
    (deviations[deviations.len() * 7 / 10] / SEVEN_TENTHS_SD).powi(2).max(1.0)
}

/// What of a cause's evidence is left, nats: each channel's share over what it wanders, and in the
/// chat over the busier side of the reaction (a crowd that comes and stays for minutes is none).
pub(crate) fn sure_llr(cause: &Cause, speaking: &[(Role, &Channel)]) -> f64 {
    let (mut plain, mut sure) = (0.0, 0.0);
    for &(role, channel) in speaking.iter().filter(|(_, channel)| !channel.events.is_empty()) {
        let (from, response) = response(cause, &channel.kernel);
        let llr = channel.fit(&response, from, None).llr;
        let mut left = llr * (channel.dispersion / channel.wander).min(1.0);
        if role == Role::Chat {
            left = left.min(over_sides(channel, from, &response));
        }
        plain += llr;
        sure += left;
    }
    // Others may already be credited with a part of it.
    if plain > 0.0 { cause.llr * (sure / plain) } else { 0.0 }
}

/// The evidence for a reaction over the busier of its two sides.
fn over_sides(channel: &Channel, from: usize, response: &[f64]) -> f64 {
    let to = (from + response.len()).min(channel.base.len());
    let ratio = |start: usize, end: usize| {
        let usual: f64 = channel.base[start..end].iter().sum::<f64>() * channel.share;
        // A few events more or less say nothing about a side.
        (channel.count(start, end) + 1.0) / (usual + 1.0)
    };
    let busier = ratio(from.saturating_sub(SIDE_S), from)
        .max(ratio(to, (to + SIDE_S).min(channel.base.len())))
        .max(1.0);
    let mut above = vec![0.0; channel.base.len()];
    for (above, base) in above[from..to].iter_mut().zip(&channel.base[from..to]) {
        *above = (busier - 1.0) * base * channel.share;
    }
    channel.fit(response, from, Some(&above)).llr
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(rate: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
        // Spread evenly, so that only the rate itself varies.
        let mut due = 0.0;
        (0..5400)
            .map(|second| {
                due += rate(second);
                let whole = due.floor();
                due -= whole;
                (second, whole)
            })
            .filter(|(_, n)| *n > 0.0)
            .collect()
    }

    #[test]
    fn rates_that_wander_within_a_minute_show() {
        let kernel = Kernel::new(8.0, 12.0);
        let base = vec![2.0; 5400];
        assert_eq!(wander(&events(|_| 2.0), &base, &kernel), 1.0);
        let up_and_down = |second: usize| if (second / 45).is_multiple_of(2) { 1.2 } else { 2.8 };
        assert!(wander(&events(up_and_down), &base, &kernel) > 3.0);
    }

    #[test]
    fn pitches_are_no_wandering() {
        let kernel = Kernel::new(8.0, 12.0);
        let pitches = |second: usize| if second % 600 < 60 { 9.0 } else { 2.0 };
        assert!(wander(&events(pitches), &vec![2.0; 5400], &kernel) < 1.5);
    }
}
