//! Event log to ranked moments: series, lag, attribution, bursts, selection. Pure: no I/O, no
//! clock, no randomness; the same input gives the same output on any number of threads.
//!
//! 1. `log` puts the events on the recording's clock, `clean` takes out what is no reaction.
//! 2. `series` counts per second; `words` tells reactions in the chat from chatter.
//! 3. `baseline` says what each signal would count without a pitch, following the viewers.
//! 4. `lag` measures how late chat and orders answer.
//! 5. `places` says where to look; `scan` and `find` search the windows that caused the reactions,
//!    with the lag undone.
//! 6. `choose` and `report` cut the windows, weigh them, pick the moments and say why.

mod baseline;
mod choose;
mod clean;
mod find;
mod kernel;
mod lag;
mod log;
mod places;
mod report;
mod scan;
mod series;
mod settings;
mod words;

use reprise_model::event::Event;
use reprise_model::moment::{Lag, Moment};
use reprise_model::series::{Mark, Series};
use reprise_model::session::Product;
use reprise_model::span::merged;
use reprise_model::{MediaDuration, Span, WallTime};
use serde::{Deserialize, Serialize};

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
    /// The event log, in any order.
    pub events: &'a [Event],
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
    /// Per-second figures, one value for each second of the time line.
    pub series: Series,
    /// What the log marks on the time line.
    pub marks: Vec<Mark>,
    /// What people should know of how this came about.
    pub notes: Vec<String>,
}

/// Finds the moments of a LIVE. Never fails: what cannot be used is named in the notes.
pub fn segment(input: &Input<'_>, settings: &Settings) -> Segmentation {
    let mut settings = settings.clamped();
    let whole_s = input.duration.seconds().max(0.0);
    let duration_s = whole_s.min(LONGEST_S);
    // Reactions come after the end too, as long as the slowest lag with its tail.
    let margin_s = (2.0 * settings.order_lag_max_s).ceil();
    let mut log = Log::read(input, duration_s, margin_s);
    if whole_s > LONGEST_S {
        log.notes.push(format!("only the first {:.0} hours are read", LONGEST_S / 3600.0));
    }
    let seconds = duration_s.ceil() as usize;
    let series = series::build(&log, input.products, seconds);
    let mut signals = signals(&log, &series, seconds, margin_s as usize);
    if settings.without.baseline {
        // One rate for all of it, whoever is watching.
        settings.baseline_s = 2.0 * LONGEST_S;
        signals.exposure.fill(1.0);
    }
    let findings = find::search(&log, &signals, &settings);
    let allowed = allowed(&log, input.recorded, duration_s);
    let moments = choose::choose(&log, &series, &findings, &allowed, &settings);
    notes(&mut log);
    let has_chat = !log.comments.is_empty() || signals.chat.iter().any(|n| *n > 0.0);
    let has_orders = signals.by_product.iter().any(|events| !events.is_empty());
    let has_clicks = signals.clicks.iter().any(|n| *n > 0.0);
    Segmentation {
        lag: findings.lags.published(has_orders, has_chat, has_clicks),
        moments,
        series,
        marks: log.marks,
        notes: log.notes,
    }
}

fn notes(log: &mut Log) {
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
fn allowed(log: &Log, recorded: &[Span], duration_s: f64) -> Vec<Span> {
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

fn signals(log: &Log, series: &Series, seconds: usize, margin: usize) -> find::Signals {
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
    let weights = words::weights(&log.comments, length);
    for (comment, weight) in log.comments.iter().zip(weights) {
        if let Some(slot) = chat.get_mut(comment.at_s.max(0.0) as usize) {
            *slot += weight;
        }
    }
    if log.comments.is_empty() {
        chat[..seconds].copy_from_slice(&series.comments);
    }
    let mut clicks = series.product_clicks.clone();
    clicks.resize(length, 0.0);
    for click in log.clicks.iter().filter(|click| click.at_s >= seconds as f64) {
        if let Some(slot) = clicks.get_mut(click.at_s as usize) {
            *slot += click.count;
        }
    }
    find::Signals { seconds, exposure, orders, by_product, chat, clicks }
}
