//! An explanation in plain sentences for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reprise_model::explanation::{Answer, Considered, Explanation, Forbidden, OnAir};
use reprise_model::moment::{LikelyCause, Reason, Signal};
use reprise_model::series::MarkKind;
use reprise_model::session::Product;
use reprise_model::{MediaTime, Span, WallTime};

/// A signal stands out from this ratio on.
const STANDS_OUT: f64 = 1.25;

/// What is put into words.
pub struct Texts<'a> {
    /// The session's products, for their titles.
    pub products: &'a [Product],
    /// IANA time zone of the LIVE; one that is not known counts as UTC.
    pub timezone: &'a str,
    /// The explanation.
    pub explanation: &'a Explanation,
}

impl Texts<'_> {
    /// One line each: when, the verdict and what else is true, what was on, the signals, what was
    /// considered.
    pub fn lines(&self) -> Vec<String> {
        let told = self.explanation;
        let mut out = vec![format!(
            "{} on the recording, {} on the clock ({})",
            clock(told.at_s),
            self.wall(told.wall_time),
            if TimeZone::get(self.timezone).is_ok() { self.timezone } else { "UTC" },
        )];
        for (i, answer) in told.answers.iter().enumerate() {
            let verdict = match (i, answer) {
                (0, Answer::Chosen { .. }) => "Chosen. ",
                (0, Answer::Trimmed { .. }) => "Nearly chosen. ",
                (0, _) => "Not chosen. ",
                _ => "Also: ",
            };
            out.push(format!("{verdict}{}", self.answer(answer)));
        }
        out.push(String::new());
        out.push("What was on:".to_owned());
        if told.on.is_empty() {
            out.push("  nothing that the event log tells of".to_owned());
        }
        out.extend(told.on.iter().map(|on| format!("  {}", self.on(on))));
        out.push(String::new());
        out.extend(self.signals());
        out.push(String::new());
        out.extend(self.considered());
        out
    }

    fn wall(&self, at: WallTime) -> String {
        let zone = TimeZone::get(self.timezone).unwrap_or(TimeZone::UTC);
        match Timestamp::from_microsecond(at.micros()) {
            Ok(stamp) => stamp.to_zoned(zone).strftime("%H:%M:%S on %-d %B %Y").to_string(),
            Err(_) => at.to_string(),
        }
    }

    fn product(&self, id: &str) -> String {
        let title = self.products.iter().find(|product| product.id == id).map(|p| p.title.trim());
        match title {
            Some(title) if !title.is_empty() => format!("\"{title}\" ({id})"),
            _ => id.to_owned(),
        }
    }

    fn answer(&self, answer: &Answer) -> String {
        match answer {
            Answer::Chosen { moment_id, rank, confident, evidence_nats } => {
                let threshold = self.explanation.threshold_nats;
                let sure = if *confident {
                    format!(
                        "Its evidence, {evidence_nats:.1}, is above the {threshold:.1} that it takes to be certain."
                    )
                } else {
                    format!(
                        "It is not certain: its evidence, {evidence_nats:.1}, is {:.1} below the {threshold:.1} that it takes, so it stands in the tail.",
                        threshold - evidence_nats
                    )
                };
                format!("It is in moment {moment_id}, number {rank} of the list. {sure}")
            }
            Answer::Trimmed { moment_id, span } => format!(
                "It belongs to the call of moment {moment_id}, which shows {}, the seconds that most likely drew the reaction.",
                range(*span)
            ),
            Answer::Overlapped { by, span, theirs, ours, by_evidence } => {
                let name = by.as_ref().map_or_else(
                    || "another one, not chosen either,".to_owned(),
                    |by| format!("moment {by}"),
                );
                let why = if *by_evidence {
                    format!("explains the same reaction better (evidence {theirs:.1} to {ours:.1})")
                } else {
                    format!(
                        "lies over it and is part of the better set (score {theirs:.2} to {ours:.2})"
                    )
                };
                format!("{} at {} {why}.", capital(&name), range(*span))
            }
            Answer::QuotaUsed { product_id, most, by } => format!(
                "{} already has {} (max_per_product is {most}): {}.",
                self.product(product_id),
                plural(by.len(), "moment", "moments"),
                by.join(", ")
            ),
            Answer::BeyondList { rank, most, confident } => format!(
                "The list ends at {most} (max_moments); this would be number {rank}{}.",
                if *confident { "" } else { ", and its evidence would not make it certain" }
            ),
            Answer::Weak { evidence_nats, threshold_nats } => format!(
                "Its evidence, {evidence_nats:.1}, is {:.1} below the {threshold_nats:.1} that it takes to be certain.",
                threshold_nats - evidence_nats
            ),
            Answer::Forbidden { why, span } => match why {
                Forbidden::Rehearsal => {
                    format!("{} was a rehearsal; no clip may show it.", range(*span))
                }
                Forbidden::Violation => format!(
                    "The platform flagged a violation at {}; no clip may show it.",
                    clock(span.start)
                ),
                Forbidden::Gap => {
                    format!("Nothing was recorded from {}.", range(*span))
                }
                Forbidden::NoRoom => {
                    format!("What may be shown around {} is too short for a clip.", range(*span))
                }
            },
            Answer::PaymentBatch { orders } => format!(
                "{} here came in at once, for several products: a payment batch. Such times tell when they were paid, not what made viewers buy, so no pitch is credited with them.",
                plural(*orders as usize, "order", "orders")
            ),
            Answer::GiveawayEntries { comments } => format!(
                "{} around here only enter a giveaway and count as no reaction.",
                plural(*comments as usize, "comment", "comments")
            ),
            Answer::Chatter { comments } => format!(
                "The {} around here are greetings or what is written all the time, and count for little.",
                plural(*comments as usize, "comment", "comments")
            ),
            Answer::BelongsEarlier { moment_id, span, signal, share } => {
                format!(
                    "The {} seen here come late: {:.0} % of them answer {}.",
                    signal_words(*signal),
                    share * 100.0,
                    self.named(moment_id.as_deref(), *span)
                )
            }
            Answer::CreditedElsewhere { moment_id, span, signal, share } => format!(
                "The {} that could answer it answer something else: {:.0} % of them are credited to {}.",
                signal_words(*signal),
                share * 100.0,
                self.named(moment_id.as_deref(), *span)
            ),
            Answer::NoCause { evidence_nats, threshold_nats } if evidence_nats < threshold_nats => {
                format!(
                    "What is left that answers it is too little: evidence {evidence_nats:.1}, {:.1} below the {threshold_nats:.1} that it takes to be certain.",
                    threshold_nats - evidence_nats
                )
            }
            Answer::NoCause { evidence_nats, .. } => format!(
                "Something answers it (evidence {evidence_nats:.1}), but seconds nearby explain that better."
            ),
        }
    }

    /// A moment, or a cause that became none.
    fn named(&self, moment_id: Option<&str>, span: Span) -> String {
        match moment_id {
            Some(id) => format!("moment {id} at {}", range(span)),
            None => format!("what happened at {}, which was not chosen", range(span)),
        }
    }

    fn on(&self, on: &OnAir) -> String {
        let product = self.product(&on.label);
        let when = range(on.span);
        match on.kind {
            MarkKind::Pin => format!("{product} was pinned, {when}"),
            MarkKind::FlashSale if on.label.is_empty() => format!("a flash sale ran, {when}"),
            MarkKind::FlashSale => format!("a flash sale of {product} ran, {when}"),
            MarkKind::Giveaway if on.label.is_empty() => format!("a giveaway ran, {when}"),
            MarkKind::Giveaway => format!("a giveaway ran (word: {}), {when}", on.label),
            MarkKind::Billboard => format!("a billboard was shown: {}, {when}", on.label),
            MarkKind::Violation => {
                format!("the platform flagged a violation ({}), {}", on.label, clock(on.span.start))
            }
            MarkKind::Rehearsal => format!("rehearsal, {when}"),
        }
    }

    fn signals(&self) -> Vec<String> {
        let told = self.explanation;
        if told.signals.is_empty() {
            return vec!["No signal is known here.".to_owned()];
        }
        let mut out = vec!["Viewers answer late; what is said here is answered:".to_owned()];
        for reason in &told.signals {
            out.push(format!("  {}", signal(reason)));
        }
        for lag in told.lag.iter().filter(|lag| lag.signal != Signal::ProductClicks) {
            out.push(format!(
                "  ({} come {:.0} s late on average)",
                signal_words(lag.signal),
                lag.lag_s.seconds()
            ));
        }
        out
    }

    fn considered(&self) -> Vec<String> {
        let told = self.explanation;
        if told.candidates.is_empty() {
            return vec!["No moment was considered in this LIVE.".to_owned()];
        }
        let covering = told.candidates.iter().any(|candidate| candidate.covers);
        let mut out = vec![
            if covering { "Considered here:" } else { "Considered nearest to it:" }.to_owned(),
        ];
        for candidate in &told.candidates {
            let name = candidate.moment_id.as_deref().unwrap_or("not chosen");
            let about: Vec<String> =
                candidate.product_ids.iter().take(1).map(|id| self.product(id)).collect();
            out.push(format!(
                "  {name}: {}{}",
                range(candidate.span),
                if about.is_empty() { String::new() } else { format!(", {}", about[0]) }
            ));
            out.push(format!("    {}", figures(candidate, told.threshold_nats)));
            out.push(format!("    {}", brought(candidate)));
            if candidate.moment_id.is_none() {
                out.push(format!("    Not chosen. {}", self.answer(&candidate.became)));
            }
        }
        out
    }
}

fn figures(candidate: &Considered, threshold: f64) -> String {
    format!(
        "evidence {:.1} ({:.1} of it from orders; certain from {threshold:.1}), worth {:.2}, score {:.2}",
        candidate.evidence_nats,
        candidate.evidence_in_orders_nats,
        candidate.worth,
        candidate.score
    )
}

fn brought(candidate: &Considered) -> String {
    let money: Vec<String> = candidate.attributed.gmv.iter().map(ToString::to_string).collect();
    let money = if money.is_empty() { String::new() } else { format!("{}, ", money.join(" + ")) };
    format!(
        "credited with {money}{:.1} orders above the usual; most likely due to {}",
        candidate.attributed.orders,
        causes(&candidate.causes)
    )
}

fn causes(causes: &[LikelyCause]) -> String {
    let words: Vec<String> = causes
        .iter()
        .map(|likely| format!("{} ({:.0} %)", likely.cause.words(), likely.probability * 100.0))
        .collect();
    words.join(", or ")
}

fn signal(reason: &Reason) -> String {
    let when = if reason.signal == Signal::Viewers {
        "now".to_owned()
    } else {
        range(Span::new(reason.seen_start, reason.seen_end))
    };
    let verdict = match reason.ratio {
        Some(ratio) if ratio >= STANDS_OUT => format!("{ratio:.1} times the usual"),
        Some(ratio) if ratio <= 1.0 / STANDS_OUT => "less than usual".to_owned(),
        None if reason.observed > 0.0 => "unusual".to_owned(),
        _ => "as usual".to_owned(),
    };
    let unit = if reason.unit == signal_words(reason.signal) {
        String::new()
    } else {
        format!(" {}", reason.unit)
    };
    format!(
        "{}: {}{unit} where {}{unit} is usual, {when}: {verdict}",
        signal_words(reason.signal),
        figure(reason.observed),
        figure(reason.expected)
    )
}

/// A figure with as many digits as it deserves.
fn figure(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

const fn signal_words(signal: Signal) -> &'static str {
    match signal {
        Signal::Gmv => "GMV",
        Signal::Orders => "orders",
        Signal::Units => "units",
        Signal::GmvPerMille => "GMV per 1,000 viewers",
        Signal::GrossMargin => "gross margin",
        Signal::Viewers => "viewers",
        Signal::Entries => "viewers coming in",
        Signal::Likes => "likes",
        Signal::Comments => "comments",
        Signal::ProductClicks => "product clicks",
        Signal::Follows => "follows",
        Signal::Shares => "shares",
        Signal::Gifts => "gifts",
    }
}

/// `h:mm:ss`.
fn clock(at: MediaTime) -> String {
    at.clock().split('.').next().unwrap_or_default().to_owned()
}

fn range(span: Span) -> String {
    format!("{} to {}", clock(span.start), clock(span.end))
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
