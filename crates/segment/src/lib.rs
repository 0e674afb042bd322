//! Event log to ranked moments: series, lag, attribution, bursts, selection. Pure: no I/O, no
//! clock, no randomness; the same input gives the same output on any number of threads.
//!
//! 0. `observations` folds the events as they are read into `seconds`, orders, comments with their
//!    `texts`, and what lasts; `slip` finds a log whose clock is a time zone off.
//! 1. `log` puts all of it on the recording's clock, `clean` takes out what is no reaction.
//! 2. `series` counts per second, `robust` takes out like bots, raids and talk about giveaways; `words`
//!    tells reactions in the chat from chatter.
//! 3. `baseline` says what each signal would count without a pitch, following the viewers.
//! 4. `lag` measures how late chat and orders answer.
//! 5. `places` says where to look; `scan` and `find` search the windows that caused the reactions,
//!    with the lag undone (`scenes`: where only the chat tells); `sure` holds what they found against
//!    how much the signals wander by themselves.
//! 6. `choose` and `report` cut the windows, weigh them and say why; `select` picks the set that is
//!    worth most as a whole; `cause` says what each moment is most likely due to.
//!
//! `explain` tells of one second what all of this made of it.

mod baseline;
mod cause;
mod choose;
mod clean;
mod course;
mod explain;
mod find;
mod kernel;
mod lag;
mod log;
mod observations;
mod places;
mod report;
mod robust;
mod scan;
mod scenes;
mod seconds;
mod select;
mod series;
mod settings;
mod slip;
mod sure;
mod texts;
mod words;

use reprise_model::course::{Chart, Totals};
use reprise_model::moment::{Lag, Moment};
use reprise_model::series::{Mark, Series};
use reprise_model::session::Product;
use reprise_model::span::merged;
use reprise_model::{MediaDuration, Span, WallTime};
use serde::{Deserialize, Serialize};

pub use explain::explain;
pub use observations::{Added, KEPT_MAX, Observations};
pub use settings::{Settings, Weights, Without};

use crate::log::Log;

/// Longer recordings are read up to here, seconds: a LIVE event lasts at most 13 hours.
const LONGEST_S: f64 = 48.0 * 3600.0;

/// What is segmented.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Wall clock of the recording's time line's zero.
    pub zero: WallTime,
    /// Length of the time line, gaps included.
    pub duration: MediaDuration,
    /// Where there is a recording; moments lie inside one of these. Empty means all of it.
    pub recorded: &'a [Span],
    /// What the event log told; put on the recording's clock by [`Observations::align`].
    pub log: &'a Observations,
    /// The products of the session.
    pub products: &'a [Product],
}

/// What the segmenter found.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// How late each signal answers.
    pub lag: Vec<Lag>,
    /// Best first; those that are not confident last.
    pub moments: Vec<Moment>,
    /// What the LIVE brought.
    pub totals: Totals,
    /// Its course in few steps.
    pub chart: Chart,
    /// Per-second figures, one value for each second of the time line.
    pub series: Series,
    /// What the log marks on the time line.
    pub marks: Vec<Mark>,
    /// What people should know of how this came about.
    pub notes: Vec<String>,
}

/// Finds the moments of a LIVE. Never fails: what cannot be used is named in the notes.
pub fn segment(input: &Input<'_>, settings: &Settings) -> Segmentation {
    let Worked { log, series, signals, findings, choice, .. } = work(input, settings);
    Segmentation {
        lag: published(&log, &signals, &findings),
        moments: choice.moments,
        totals: course::totals(&log, &series),
        chart: course::chart(&series),
        series,
        marks: log.marks,
        notes: log.notes,
    }
}

/// All that leads to the moments; what [`segment`] reports and [`explain()`] explains.
struct Worked<'a> {
    settings: Settings,
    /// Of what is read of the recording.
    duration_s: f64,
    log: Log<'a>,
    series: Series,
    signals: find::Signals,
    findings: find::Findings,
    choice: choose::Choice,
}

fn work<'a>(input: &Input<'a>, settings: &Settings) -> Worked<'a> {
    let mut settings = settings.clamped();
    let whole_s = input.duration.seconds().max(0.0);
    let duration_s = whole_s.min(LONGEST_S);
    // Reactions come after the end too, as long as the slowest lag with its tail.
    let margin_s = (2.0 * settings.order_lag_max_s).ceil();
    let mut log = Log::read(input, duration_s, margin_s, &settings);
    if whole_s > LONGEST_S {
        log.notes.push(format!("only the first {:.0} hours are read", LONGEST_S / 3600.0));
    }
    let seconds = duration_s.ceil() as usize;
    let mut series = series::build(&log, input.products, seconds);
    if !settings.without.confounders {
        log.notes.extend(robust::cap_likes(&mut series.likes));
    }
    let mut signals = signals(&log, &series, seconds, margin_s as usize, &settings);
    if !settings.without.confounders {
        robust::calm_giveaways(&log.giveaways, &mut signals.chat);
        log.notes.extend(robust::leave_out_raids(&series, &mut signals.exposure));
    }
    if settings.without.baseline {
        // One rate for all of it, whoever is watching.
        settings.baseline_s = 2.0 * LONGEST_S;
        signals.exposure.fill(1.0);
        signals.audience.fill(1.0);
    }
    let findings = find::search(&log, &signals, &settings);
    let allowed = allowed(&log, input.recorded, duration_s);
    let choice = choose::choose(&log, &series, &findings, &allowed, &settings);
    notes(&mut log);
    Worked { settings, duration_s, log, series, signals, findings, choice }
}

fn published(log: &Log<'_>, signals: &find::Signals, findings: &find::Findings) -> Vec<Lag> {
    let has_chat = !log.comments.is_empty() || signals.chat.iter().any(|n| *n > 0.0);
    let has_orders = signals.by_product.iter().any(|events| !events.is_empty());
    let has_clicks = signals.clicks.iter().any(|n| *n > 0.0);
    findings.lags.published(has_orders, has_chat, has_clicks)
}

fn notes(log: &mut Log<'_>) {
    if log.orders.is_empty() && log.comments.is_empty() && !log.minutes.is_empty() {
        log.notes.push(
            "only per-minute figures are known: the edges of the moments are coarse".to_owned(),
        );
    }
    if log.pins.is_empty() && !log.orders.is_empty() {
        log.notes.push("no pins are known: moments are found from the reactions alone".to_owned());
    }
}

/// Where a moment may lie: recorded, and neither rehearsal nor flagged.
fn allowed(log: &Log<'_>, recorded: &[Span], duration_s: f64) -> Vec<Span> {
    let whole = Span::from_seconds(0.0, duration_s);
    let spans = if recorded.is_empty() { vec![whole] } else { recorded.to_vec() };
    let mut spans = merged(spans.into_iter().map(|span| span.intersect(whole)).collect());
    for stretch in &log.forbidden {
        let cut = Span::from_seconds(stretch.start_s, stretch.end_s);
        spans = spans
            .into_iter()
            .flat_map(|span| {
                [
                    Span::new(span.start, span.end.min(cut.start)),
                    Span::new(span.start.max(cut.end), span.end),
                ]
            })
            .filter(|span| !span.is_empty())
            .collect();
        spans = merged(spans);
    }
    spans
}

fn signals(
    log: &Log<'_>,
    series: &Series,
    seconds: usize,
    margin: usize,
    settings: &Settings,
) -> find::Signals {
    // What came after the log's last line is not known; it must not look like silence.
    let heard = (log.last_s.max(0.0) as usize + 1).clamp(seconds, seconds + margin);
    let length = if seconds == 0 { 0 } else { heard };
    let mut exposure: Vec<f64> = series.viewers.clone();
    let last = exposure.last().copied().unwrap_or(1.0);
    exposure.resize(length, last);
    if exposure.iter().all(|v| *v <= 0.0) {
        exposure.iter_mut().for_each(|v| *v = 1.0);
    }
    // Nobody watching is a gap in the figures rather than in the audience.
    exposure.iter_mut().for_each(|v| *v = v.max(1.0));

    let mut orders = vec![0.0; length];
    let mut by_product: Vec<Vec<(usize, f64)>> = vec![Vec::new(); log.products.len() + 1];
    let mut count = |second: usize, product: Option<usize>, n: f64| {
        if second < length && n > 0.0 {
            orders[second] += n;
            let list = &mut by_product[product.unwrap_or(log.products.len())];
            match list.last_mut() {
                Some((last, sum)) if *last == second => *sum += n,
                _ => list.push((second, n)),
            }
        }
    };
    for order in log.orders.iter().filter(|order| order.timed) {
        count(order.at_s.max(0.0) as usize, order.product, 1.0);
    }
    if log.orders.is_empty() {
        for (second, n) in series.orders.iter().enumerate() {
            count(second, None, *n);
        }
    }
    let mut chat = vec![0.0; length];
    let all = settings.without.confounders;
    let weights = words::weights(&log.comments, log.texts, length, all);
    for comment in log.comments.iter().filter(|comment| all || !comment.entry) {
        if let Some(slot) = chat.get_mut(comment.at_s() as usize) {
            *slot += weights[comment.text as usize];
        }
    }
    if log.comments.is_empty() {
        chat[..seconds].copy_from_slice(&series.comments);
    }
    let mut clicks = series.product_clicks.clone();
    clicks.resize(length, 0.0);
    for (second, counted) in log.counted.iter().filter(|(second, _)| *second >= seconds) {
        if let Some(slot) = clicks.get_mut(*second) {
            *slot += counted.clicks;
        }
    }
    find::Signals {
        seconds,
        audience: exposure.clone(),
        exposure,
        orders,
        by_product,
        chat,
        clicks,
    }
}
