//! Which seconds caused a reaction: every window of a stretch is tried as the cause, its response
//! laid through the lag's distribution and held against what came, as a Poisson likelihood ratio
//! over the baseline (a scan statistic), divided by the signal's overdispersion.

use std::sync::Arc;

use crate::kernel::Kernel;

/// Window lengths that are tried, seconds.
pub(crate) const LENGTHS: [usize; 10] = [6, 10, 14, 18, 23, 28, 34, 41, 49, 58];

/// The usual length of a call to buy or of a play, seconds, and its spread as a log; a mild prior
/// that only decides where the data does not.
const USUAL_S: f64 = 27.0;
const USUAL_SPREAD: f64 = 0.45;

/// The lag's true shape differs from the model's, so that much evidence seems surer of the place
/// than it is: it is cooled by 1 for every so many nats, at most to so much.
const HEAT_NATS: f64 = 80.0;
const HEAT_MOST: f64 = 2.5;

/// While something happens that is worth a comment, people watch and do not type: the chat's rate
/// falls to so much of its usual from so many seconds before a call's start to so many after it
/// (measured on ten labelled chats).
const HUSH_RATE: f64 = 0.75;
const HUSH_BEFORE_S: usize = 8;
const HUSH_AFTER_S: usize = 9;

/// Evidence below this many nats is not worth a moment, not even in the tail.
const LEAST_LLR: f64 = 1.0;

/// One signal: when its events came, what was expected, how late it answers.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    /// Seconds with their counts, in order, none 0.
    pub events: Vec<(usize, f64)>,
    /// Expected per second without a pitch, above 0.
    pub base: Arc<[f64]>,
    /// Factor on `base`, for a product's share in all orders.
    pub share: f64,
    /// Overdispersion, at least 1.
    pub dispersion: f64,
    /// The same over a whole reaction, at least 1 ([`crate::sure::wander`]).
    pub wander: f64,
    /// Responses of windows of [`LENGTHS`].
    pub responses: Vec<Vec<f64>>,
    pub kernel: Kernel,
}

impl Channel {
    pub fn new(
        counts: &[f64],
        base: impl Into<Arc<[f64]>>,
        share: f64,
        dispersion: f64,
        kernel: &Kernel,
    ) -> Self {
        let events = counts.iter().copied().enumerate().filter(|(_, n)| *n > 0.0).collect();
        let mut channel = Self {
            events,
            base: base.into(),
            share,
            dispersion,
            wander: 1.0,
            responses: Vec::new(),
            kernel: kernel.clone(),
        };
        channel.set_kernel(kernel);
        channel
    }

    pub fn set_kernel(&mut self, kernel: &Kernel) {
        self.kernel = kernel.clone();
        self.responses = LENGTHS.iter().map(|&length| kernel.of_window(length)).collect();
    }

    fn within(&self, from: usize, to: usize) -> &[(usize, f64)] {
        let start = self.events.partition_point(|(second, _)| *second < from);
        let end = self.events.partition_point(|(second, _)| *second < to);
        &self.events[start..end]
    }

    /// Events of the seconds `from..to`.
    pub fn count(&self, from: usize, to: usize) -> f64 {
        self.within(from, to).iter().map(|(_, n)| n).sum()
    }

    /// The best size of a reaction to `response` laid at `start`, and how much better than none it
    /// explains the events, in nats. `credit` is what others are credited with, added to the base.
    pub fn fit(&self, response: &[f64], start: usize, credit: Option<&[f64]>) -> Fit {
        let end = (start + response.len()).min(self.base.len());
        let events = self.within(start, end);
        if events.is_empty() {
            return Fit::default();
        }
        let seen = if end - start < response.len() {
            response[..end - start].iter().sum::<f64>()
        } else {
            1.0
        };
        if seen < 0.05 {
            return Fit::default();
        }
        let base = |second: usize| {
            (self.base[second] * self.share + credit.map_or(0.0, |c| c[second])).max(1e-9)
        };
        let mut total = 0.0;
        let mut usual = 0.0;
        let mut slope = -seen;
        let mut terms: Vec<(f64, f64)> = Vec::with_capacity(events.len());
        for &(second, n) in events {
            let h = response[second - start];
            let expected = base(second);
            total += n;
            usual += expected;
            if h > 0.0 {
                let ratio = h / expected;
                slope += n * ratio;
                terms.push((n, ratio));
            }
        }
        if slope <= 0.0 {
            return Fit::default();
        }
        // Newton on a decreasing convex slope, kept between the bounds.
        let (mut low, mut high) = (0.0, total / seen);
        // What lies above the base is near the answer, and mostly below it: from there Newton needs
        // half the rounds that it needs from the other side.
        let mut amount = high * (1.0 - usual / total.max(1e-9)).max(0.05);
        for _ in 0..12 {
            let (mut first, mut second) = (-seen, 0.0);
            for (n, r) in &terms {
                let part = r / (1.0 + amount * r);
                first += n * part;
                second -= n * part * part;
            }
            if first > 0.0 {
                low = amount
            } else {
                high = amount
            }
            let mut next = if second < 0.0 { amount - first / second } else { low };
            if !(next > low && next < high) {
                next = 0.5 * (low + high);
            }
            let done = (next - amount).abs() < 0.02 * amount;
            amount = next;
            if done {
                break;
            }
        }
        let llr = log_likelihood(&terms, amount) - amount * seen;
        Fit { amount, llr: (llr / self.dispersion).max(0.0) }
    }

    /// How much better a hush around `start` explains the events than the usual rate does, nats.
    fn hush(&self, start: usize) -> f64 {
        let from = start.saturating_sub(HUSH_BEFORE_S);
        let to = (start + HUSH_AFTER_S).min(self.base.len());
        if to <= from {
            return 0.0;
        }
        let usual: f64 = self.base[from..to].iter().sum::<f64>() * self.share;
        let seen = self.count(from, to);
        // The end of another reaction says no more against it than twice the usual would.
        let seen = seen.min(2.0 * usual);
        (seen * HUSH_RATE.ln() + (1.0 - HUSH_RATE) * usual) / self.dispersion
    }
}

/// The sum of `n * ln(1 + amount * r)` over the terms `(n, r)`; factors of whole small `n` are
/// multiplied first, for a logarithm takes longer than all the rest.
fn log_likelihood(terms: &[(f64, f64)], amount: f64) -> f64 {
    let (mut sum, mut product) = (0.0, 1.0f64);
    for &(n, r) in terms {
        let factor = 1.0 + amount * r;
        if n == 1.0 && factor < 1e100 {
            product *= factor;
        } else if f64::from(n as u8) == n && n <= 16.0 && factor < 1e6 {
            (0..n as u8).for_each(|_| product *= factor);
        } else {
            sum += n * factor.ln();
        }
        if product > 1e200 {
            sum += product.ln();
            product = 1.0;
        }
    }
    sum + product.ln()
}

/// Size of a reaction and its evidence in nats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fit {
    pub amount: f64,
    pub llr: f64,
}

/// Where a cause is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub from: usize,
    pub to: usize,
    pub product: Option<usize>,
    /// Whether the stretch is one pin, so that its product can be caused nowhere else.
    pub pinned: bool,
    /// Second at which a flash sale of the product starts; the call is there.
    pub flash: Option<usize>,
    /// Where in a pin this host calls: mean and spread of the call's middle, as a share of the pin.
    pub habit: Option<(f64, f64)>,
    /// Whether only the chat can tell, so that its hush before a reaction counts too.
    pub chat_only: bool,
}

/// One channel and what others are credited with in it.
#[derive(Clone, Copy)]
pub(crate) struct Heard<'a> {
    pub channel: &'a Channel,
    pub credit: Option<&'a [f64]>,
}

/// One window that was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    pub start: usize,
    /// Index in [`LENGTHS`].
    pub length: usize,
    /// Evidence of all channels, nats.
    pub llr: f64,
    /// The same with the prior.
    pub score: f64,
}

/// Tries every window of `stretch` at every `step` seconds.
pub(crate) fn try_windows(stretch: &Stretch, heard: &[Heard<'_>], step: usize) -> Vec<Tried> {
    let mut out = Vec::new();
    let mut start = stretch.from;
    while start < stretch.to {
        let hush: f64 = match stretch.chat_only {
            true => heard.iter().map(|h| h.channel.hush(start)).sum(),
            false => 0.0,
        };
        for (length, &seconds) in LENGTHS.iter().enumerate() {
            if start + seconds > stretch.to + 5 && seconds > LENGTHS[0] {
                continue;
            }
            let mut llr: f64 = heard
                .iter()
                .map(|h| h.channel.fit(&h.channel.responses[length], start, h.credit).llr)
                .sum();
            if stretch.chat_only && llr > 0.0 {
                llr = (llr + hush).max(0.0);
            }
            out.push(Tried { start, length, llr, score: llr + prior(stretch, start, seconds) });
        }
        start += step.max(1);
    }
    out
}

fn prior(stretch: &Stretch, start: usize, seconds: usize) -> f64 {
    let off = (seconds as f64 / USUAL_S).ln() / USUAL_SPREAD;
    let flash = stretch.flash.map_or(0.0, |flash| {
        // The host calls when the sale opens; the call may begin a little before or after.
        let late = (start as f64 - flash as f64 - 2.0) / 5.0;
        3.0 - 0.5 * (late * late).min(12.0)
    });
    let habit = stretch.habit.map_or(0.0, |(mean, spread)| {
        let middle = start as f64 + 0.5 * seconds as f64 - stretch.from as f64;
        let place = middle / (stretch.to - stretch.from).max(1) as f64;
        -0.5 * ((place - mean) / spread).powi(2)
    });
    -0.5 * off * off + flash + habit.max(-4.5)
}

/// A cause: where it most likely lies, second by second.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub product: Option<usize>,
    /// Evidence of the best window, nats.
    pub llr: f64,
    /// Best window.
    pub start: usize,
    pub length: usize,
    /// First second of `density`.
    pub from: usize,
    /// Share of the cause that lies in each second; sums to 1.
    pub density: Vec<f64>,
}

/// The window with the highest score, the first of equals.
pub(crate) fn best_of(tried: &[Tried]) -> Option<&Tried> {
    tried.iter().reduce(|a, b| if b.score > a.score { b } else { a })
}

/// The best cause among the windows tried, with the likely place of every second of it.
pub(crate) fn cause(stretch: &Stretch, tried: &[Tried]) -> Option<Cause> {
    let best = *best_of(tried)?;
    if best.llr < LEAST_LLR {
        return None;
    }
    let heat = (1.0 + best.llr / HEAT_NATS).min(HEAT_MOST);
    let from = stretch.from;
    let until = tried.iter().map(|t| t.start + LENGTHS[t.length]).max()?;
    // Added up as differences: +w at the start of a window, -w after its end.
    let mut steps = vec![0.0; until - from + 1];
    for window in tried {
        let weight = ((window.score - best.score) / heat).exp();
        if weight > 1e-6 {
            let seconds = LENGTHS[window.length];
            let part = weight / seconds as f64;
            steps[window.start - from] += part;
            steps[window.start - from + seconds] -= part;
        }
    }
    let mut density = Vec::with_capacity(until - from);
    let mut level = 0.0f64;
    for step in &steps[..until - from] {
        level += step;
        density.push(level.max(0.0));
    }
    let total: f64 = density.iter().sum();
    if total <= 0.0 {
        return None;
    }
    density.iter_mut().for_each(|d| *d /= total);
    Some(Cause {
        product: stretch.product,
        llr: best.llr,
        start: best.start,
        length: LENGTHS[best.length],
        from,
        density,
    })
}

/// The log of the summed likelihood of all windows tried, relative to none and to their number.
pub(crate) fn total_evidence(tried: &[Tried]) -> f64 {
    let best = tried.iter().map(|t| t.score).fold(f64::NEG_INFINITY, f64::max);
    if !best.is_finite() {
        return 0.0;
    }
    let sum: f64 = tried.iter().map(|t| (t.score - best).exp()).sum();
    best + (sum / tried.len() as f64).ln()
}
