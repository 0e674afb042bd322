//! Why a second is in a moment, or why not: read off what the search and the choice left behind,
//! never computed anew by other means.

use reprise_model::explanation::{Answer, Considered, Explanation, Forbidden, OnAir};
use reprise_model::moment::{Reason, Signal};
use reprise_model::series::MarkKind;
use reprise_model::{Error, Kind, MediaTime, Result, Span};

use crate::choose::{Candidate, Fate, id};
use crate::find::{Found, Role, response};
use crate::kernel::Kernel;
use crate::places::{speaking, stretches};
use crate::report::{around, mean, sum};
use crate::scan::{Cause, Heard, LENGTHS, Stretch, try_windows};
use crate::settings::Settings;
use crate::{Input, Worked, cause, published, report, work};

/// A payment batch is named so near to it, seconds.
const BATCH_NEAR_S: f64 = 5.0;

/// Comments are looked at so far around, seconds.
const CHAT_NEAR_S: f64 = 10.0;

/// Fewer comments there say nothing.
const ENTRIES_LEAST: usize = 3;
const CHATTER_LEAST: usize = 5;

/// Comments that weigh less than this on average are chatter.
const CHATTER_WEIGHT: f64 = 0.15;

/// A reaction is looked at so far around, seconds.
const REACTION_S: usize = 5;

/// A reaction is one from so many events on and so many times the usual.
const REACTION_LEAST: f64 = 2.0;
const REACTION_RATIO: f64 = 1.5;

/// Another cause is named where it is credited with so much of what is seen.
const CREDITED_LEAST: f64 = 0.3;

/// Tells what the segmenter saw at `at` of the recording's time line and why it did or did not
/// choose it, from the same work as [`segment`](crate::segment).
///
/// # Errors
/// [`Kind::Usage`] where `at` lies before the recording or at its end or after.
pub fn explain(input: &Input<'_>, settings: &Settings, at: MediaTime) -> Result<Explanation> {
    let worked = work(input, settings);
    let end = MediaTime::from_seconds(worked.duration_s);
    if at < MediaTime::ZERO {
        return Err(Error::new(Kind::Usage, format!("{} lies before the recording", at.clock())));
    }
    if at >= end {
        let message =
            format!("{} lies after the recording, which ends at {}", at.clock(), end.clock());
        return Err(Error::new(Kind::Usage, message));
    }
    let place = Place { input, worked: &worked, at, second: at.seconds() as usize };
    Ok(Explanation {
        at_s: at,
        wall_time: input.zero.plus(at - MediaTime::ZERO),
        answers: place.answers(),
        on: place.on(),
        lag: published(&worked.log, &worked.signals, &worked.findings),
        signals: place.signals(),
        evidence_nats: hundredth(place.evidence()),
        threshold_nats: hundredth(worked.choice.threshold),
        candidates: place.considered(),
    })
}

/// The second that is asked about.
struct Place<'a> {
    input: &'a Input<'a>,
    worked: &'a Worked<'a>,
    at: MediaTime,
    second: usize,
}

impl Place<'_> {
    fn found(&self, candidate: &Candidate) -> &Found {
        &self.worked.findings.found[candidate.found]
    }

    /// Whether the call itself goes on there.
    fn in_call(&self, cause: &Cause) -> bool {
        (cause.start..cause.start + cause.length).contains(&self.second)
    }

    fn covers(&self, candidate: &Candidate) -> bool {
        candidate.window.contains(self.at) || self.in_call(&self.found(candidate).cause)
    }

    /// Candidates that cover the second: those whose clip would show it first, then by value.
    fn covering(&self) -> Vec<usize> {
        let candidates = &self.worked.choice.candidates;
        let mut out: Vec<usize> =
            (0..candidates.len()).filter(|&i| self.covers(&candidates[i])).collect();
        out.sort_by(|&a, &b| {
            let key = |i: usize| {
                let c: &Candidate = &candidates[i];
                (!c.window.contains(self.at), !matches!(c.fate, Fate::Taken { .. }))
            };
            key(a).cmp(&key(b)).then(candidates[b].value.total_cmp(&candidates[a].value))
        });
        out
    }

    /// The verdict first.
    fn answers(&self) -> Vec<Answer> {
        let mut out: Vec<Answer> = self.forbidden().into_iter().collect();
        let candidates = &self.worked.choice.candidates;
        let covering = self.covering();
        for candidate in covering.iter().map(|&i| &candidates[i]) {
            out.push(self.became(candidate, true));
            let (sure, threshold) = (self.found(candidate).sure_llr, self.worked.choice.threshold);
            if sure < threshold && !matches!(candidate.fate, Fate::Taken { .. }) {
                out.push(Answer::Weak {
                    evidence_nats: hundredth(sure),
                    threshold_nats: hundredth(threshold),
                });
            }
        }
        out.extend(self.dropped());
        let nowhere = self.worked.choice.nowhere.iter().map(|&i| &self.worked.findings.found[i]);
        if out.is_empty() {
            out.extend(nowhere.filter(|found| self.in_call(&found.cause)).map(|found| {
                let (start, length) = (found.cause.start as f64, found.cause.length as f64);
                let span = Span::from_seconds(start, start + length);
                Answer::Forbidden { why: Forbidden::NoRoom, span }
            }));
        }
        if matches!(out.first(), Some(Answer::Chosen { .. } | Answer::Trimmed { .. })) {
            out.extend(
                self.not_counted().into_iter().filter(|a| !matches!(a, Answer::Chatter { .. })),
            );
            return out;
        }
        let settled = !out.is_empty();
        out.extend(self.earlier());
        if !settled {
            out.extend(self.elsewhere());
        }
        // What fills the chat anyway explains least.
        let (chatter, events): (Vec<_>, Vec<_>) = self
            .not_counted()
            .into_iter()
            .partition(|answer| matches!(answer, Answer::Chatter { .. }));
        out.extend(events);
        if !settled {
            out.push(Answer::NoCause {
                evidence_nats: hundredth(self.evidence()),
                threshold_nats: hundredth(self.worked.choice.threshold),
            });
        }
        out.extend(chatter);
        out
    }

    fn forbidden(&self) -> Option<Answer> {
        let recorded = self.input.recorded;
        if !recorded.is_empty() && !recorded.iter().any(|span| span.contains(self.at)) {
            let before = recorded.iter().map(|span| span.end).filter(|end| *end <= self.at).max();
            let after = recorded.iter().map(|span| span.start).filter(|start| *start > self.at);
            let end = MediaTime::from_seconds(self.worked.duration_s);
            let span = Span::new(before.unwrap_or(MediaTime::ZERO), after.min().unwrap_or(end));
            return Some(Answer::Forbidden { why: Forbidden::Gap, span });
        }
        let log = &self.worked.log;
        let spans = log.forbidden.iter().map(|s| Span::from_seconds(s.start_s, s.end_s));
        let span = spans.into_iter().find(|span| span.contains(self.at))?;
        let rehearsed = |m: &&reprise_model::series::Mark| {
            m.kind == MarkKind::Rehearsal && m.span.contains(self.at)
        };
        let why = match log.marks.iter().find(rehearsed) {
            Some(_) => Forbidden::Rehearsal,
            None => Forbidden::Violation,
        };
        Some(Answer::Forbidden { why, span })
    }

    /// What became of a candidate; asked `here`, a taken one must show the second itself.
    fn became(&self, candidate: &Candidate, here: bool) -> Answer {
        let choice = &self.worked.choice;
        let settings = &self.worked.settings;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match candidate.fate {
            Fate::Taken { rank, .. } if here && !candidate.window.contains(self.at) => {
                Answer::Trimmed { moment_id: id(rank), span: candidate.window }
            }
            Fate::Taken { rank, .. } => Answer::Chosen {
                moment_id: id(rank),
                rank: count(rank),
                confident: candidate.confident,
                evidence_nats: hundredth(self.found(candidate).sure_llr),
            },
            Fate::Overlapped { by } => {
                let better = &choice.candidates[by];
                Answer::Overlapped {
                    by: moment_of(better),
                    span: better.window,
                    theirs: hundredth(score(better)),
                    ours: hundredth(candidate.value),
                    by_evidence: false,
                }
            }
            Fate::QuotaUsed => {
                let product = self.found(candidate).cause.product;
                let of_it =
                    choice.candidates.iter().filter(|c| self.found(c).cause.product == product);
                let mut by: Vec<usize> = of_it
                    .filter_map(|c| match c.fate {
                        Fate::Taken { rank, .. } => Some(rank),
                        _ => None,
                    })
                    .collect();
                by.sort_unstable();
                Answer::QuotaUsed {
                    product_id: self.product(product).unwrap_or_default(),
                    most: count(settings.max_per_product),
                    by: by.into_iter().map(id).collect(),
                }
            }
            Fate::Beyond { rank } => Answer::BeyondList {
                rank: count(rank),
                most: count(settings.max_moments),
                confident: candidate.confident,
            },
        }
    }

    fn product(&self, product: Option<usize>) -> Option<String> {
        product.and_then(|p| self.worked.log.products.get(p)).cloned()
    }

    /// Causes there that lost against one that explains the same with more evidence.
    fn dropped(&self) -> Option<Answer> {
        let findings = &self.worked.findings;
        let there = findings.dropped.iter().filter(|(p, _)| self.in_call(&p.cause));
        let (lost, better) =
            there.reduce(|a, b| if b.0.cause.llr > a.0.cause.llr { b } else { a })?;
        let winner = findings.found.get(*better)?;
        let candidate = self.worked.choice.candidates.iter().find(|c| c.found == *better);
        if candidate.is_some_and(|c| self.covers(c)) {
            return None;
        }
        let (by, span) = self.where_is(*better);
        Some(Answer::Overlapped {
            by,
            span,
            theirs: hundredth(winner.cause.llr + winner.order_llr),
            ours: hundredth(lost.cause.llr + lost.order_llr),
            by_evidence: true,
        })
    }

    /// The earlier cause that the reaction seen there is mostly credited to.
    fn earlier(&self) -> Option<Answer> {
        let span = (self.second.saturating_sub(REACTION_S), self.second + REACTION_S + 1);
        let before = |cause: &Cause| cause.start + cause.length <= self.second;
        let (share, i, signal) = self.most_credited([span; 2], before)?;
        let (moment_id, span) = self.where_is(i);
        Some(Answer::BelongsEarlier { moment_id, span, signal, share })
    }

    /// The cause that what answers this second is mostly credited to.
    fn elsewhere(&self) -> Option<Answer> {
        let (share, i, signal) = self.most_credited(self.answering(), |_| true)?;
        let (moment_id, span) = self.where_is(i);
        Some(Answer::CreditedElsewhere { moment_id, span, signal, share })
    }

    /// Of the reactions that stand out within the two spans (orders; chat and clicks), the greatest
    /// share that one cause is credited with, that cause, and which reaction.
    fn most_credited(
        &self,
        [orders, chat]: [(usize, usize); 2],
        asked: impl Fn(&Cause) -> bool,
    ) -> Option<(f64, usize, Signal)> {
        let signals = &self.worked.signals;
        let mut best: Option<(f64, usize, Signal)> = None;
        for (signal, values, (from, to)) in [
            (Signal::Orders, &signals.orders, orders),
            (Signal::Comments, &signals.chat, chat),
            (Signal::ProductClicks, &signals.clicks, chat),
        ] {
            let (from, to) = (from.min(values.len()), to.min(values.len()));
            let seen = sum(values, from, to);
            if seen < REACTION_LEAST || seen < REACTION_RATIO * around(values, from, to) {
                continue;
            }
            for (i, found) in self.worked.findings.found.iter().enumerate() {
                if !asked(&found.cause) {
                    continue;
                }
                let share = hundredth((self.credited(found, signal, from, to) / seen).min(1.0));
                if share >= CREDITED_LEAST && best.is_none_or(|(most, _, _)| share > most) {
                    best = Some((share, i, signal));
                }
            }
        }
        best
    }

    /// A cause's moment, where it has one, and where it lies.
    fn where_is(&self, found: usize) -> (Option<String>, Span) {
        let cause = &self.worked.findings.found[found].cause;
        let candidate = self.worked.choice.candidates.iter().find(|c| c.found == found);
        let start = cause.start as f64;
        let call = Span::from_seconds(start, start + cause.length as f64);
        (candidate.and_then(moment_of), candidate.map_or(call, |c| c.window))
    }

    /// When orders, and when chat and clicks, answer this second: from a tenth to nine tenths.
    fn answering(&self) -> [(usize, usize); 2] {
        let seconds = self.worked.series.orders.len();
        let lags = &self.worked.findings.lags;
        [&lags.orders, &lags.chat].map(|kernel: &Kernel| {
            let from = self.second as f64 + kernel.quantile_s(0.1) - 1.0;
            let to = self.second as f64 + 1.0 + kernel.quantile_s(0.9);
            ((from.max(0.0) as usize).min(seconds), (to as usize).min(seconds))
        })
    }

    /// What a cause is credited with in a signal between two seconds.
    fn credited(&self, found: &Found, signal: Signal, from: usize, to: usize) -> f64 {
        let findings = &self.worked.findings;
        let mut total = 0.0;
        for &(i, amount) in &found.credited {
            let same = match findings.roles[i] {
                Role::Orders(_) => signal == Signal::Orders,
                Role::Chat => signal == Signal::Comments,
                Role::Clicks => signal == Signal::ProductClicks,
            };
            if same {
                let (start, shape) = response(&found.cause, &findings.channels[i].kernel);
                let part = |second: usize| second.saturating_sub(start).min(shape.len());
                total += amount * sum(&shape, part(from), part(to));
            }
        }
        total
    }

    /// Orders and comments there that say nothing of what was said.
    fn not_counted(&self) -> Vec<Answer> {
        let log = &self.worked.log;
        let at_s = self.at.seconds();
        let near = |when_s: f64, reach_s: f64| (when_s - at_s).abs() <= reach_s;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut out = Vec::new();
        let orders = log.orders.iter().filter(|o| !o.timed && near(o.at_s, BATCH_NEAR_S)).count();
        if orders > 0 {
            out.push(Answer::PaymentBatch { orders: count(orders) });
        }
        let there = || log.comments.iter().filter(|c| near(c.at_s(), CHAT_NEAR_S));
        let entries = there().filter(|comment| comment.entry).count();
        if entries >= ENTRIES_LEAST {
            out.push(Answer::GiveawayEntries { comments: count(entries) });
        }
        let plain = there().count() - entries;
        let (from, to) = (at_s - CHAT_NEAR_S, at_s + CHAT_NEAR_S);
        let weight = sum(&self.worked.signals.chat, from.max(0.0) as usize, to as usize + 1);
        if plain >= CHATTER_LEAST && weight < CHATTER_WEIGHT * plain as f64 {
            out.push(Answer::Chatter { comments: count(plain) });
        }
        out
    }

    fn on(&self) -> Vec<OnAir> {
        let marks = self.worked.log.marks.iter();
        let there = marks.filter(|mark| {
            mark.span.contains(self.at)
                || (mark.span.is_empty() && (mark.span.start - self.at).seconds().abs() < 1.0)
        });
        there
            .map(|mark| OnAir {
                kind: mark.kind,
                span: mark.span,
                label: mark.label.clone(),
                title: self
                    .input
                    .products
                    .iter()
                    .find(|product| product.id == mark.label)
                    .map(|product| product.title.clone())
                    .filter(|title| !title.trim().is_empty()),
            })
            .collect()
    }

    /// Every signal that the log has, where it answers this second.
    fn signals(&self) -> Vec<Reason> {
        let series = &self.worked.series;
        let seconds = series.orders.len();
        let [orders, chat] = self.answering();
        let here = (self.second, (self.second + 1).min(seconds));
        let currency = series.currency.map_or_else(String::new, |c| c.to_string());
        let mut out = Vec::new();
        let mut add = |signal, unit: &str, observed: f64, expected: f64, span: (usize, usize)| {
            out.push(report::reason(signal, unit, observed, expected, span));
        };
        for (signal, unit, values, span) in [
            (Signal::Gmv, currency.as_str(), &series.gmv, orders),
            (Signal::Orders, "orders", &series.orders, orders),
            (Signal::ProductClicks, "clicks", &series.product_clicks, chat),
            (Signal::Comments, "comments", &series.comments, chat),
            (Signal::Likes, "likes", &series.likes, chat),
            (Signal::Follows, "follows", &series.follows, chat),
            (Signal::Shares, "shares", &series.shares, chat),
            (Signal::Gifts, "gifts", &series.gifts, chat),
        ] {
            if values.iter().any(|value| *value > 0.0) && span.1 > span.0 {
                let observed = sum(values, span.0, span.1);
                add(signal, unit, observed, around(values, span.0, span.1), span);
            }
        }
        if series.viewers.iter().any(|viewers| *viewers > 0.0) {
            let usual = mean(&series.viewers, 0, seconds);
            add(Signal::Viewers, "viewers", mean(&series.viewers, here.0, here.1), usual, here);
        }
        out
    }

    /// Evidence of the best window over this second, with all that causes elsewhere are credited
    /// with taken as expected, nats.
    fn evidence(&self) -> f64 {
        let Worked { log, signals, findings, .. } = self.worked;
        let longest = LENGTHS[LENGTHS.len() - 1];
        let all = stretches(log, signals);
        let there = all.iter().filter(|s| (s.from..s.to).contains(&self.second));
        let best = there.map(|stretch| {
            let speaking = speaking(stretch, &findings.roles);
            let credits: Vec<Vec<f64>> = speaking.iter().map(|&i| self.explained(i)).collect();
            let heard: Vec<Heard<'_>> = speaking
                .iter()
                .zip(&credits)
                .map(|(&i, credit)| Heard { channel: &findings.channels[i], credit: Some(credit) })
                .collect();
            let near = Stretch {
                from: self.second.saturating_sub(longest).max(stretch.from),
                to: (self.second + longest).min(stretch.to),
                ..stretch.clone()
            };
            try_windows(&near, &heard, 1)
                .into_iter()
                .filter(|t| (t.start..t.start + LENGTHS[t.length]).contains(&self.second))
                .map(|t| t.llr)
                .fold(0.0, f64::max)
        });
        best.fold(0.0, f64::max)
    }

    /// What causes that do not cover this second are credited with in a channel, per second.
    fn explained(&self, channel: usize) -> Vec<f64> {
        let findings = &self.worked.findings;
        let mut out = vec![0.0; findings.channels[channel].base.len()];
        let here = self.covering();
        let own = |i: usize| here.iter().any(|&c| self.worked.choice.candidates[c].found == i);
        for (_, found) in findings.found.iter().enumerate().filter(|(i, _)| !own(*i)) {
            for &(_, amount) in found.credited.iter().filter(|(i, _)| *i == channel) {
                let (from, shape) = response(&found.cause, &findings.channels[channel].kernel);
                for (slot, part) in out.iter_mut().skip(from).zip(&shape) {
                    *slot += amount * part;
                }
            }
        }
        out
    }

    /// The candidates that cover the second, or the nearest on both sides.
    fn considered(&self) -> Vec<Considered> {
        let candidates = &self.worked.choice.candidates;
        let mut chosen = self.covering();
        if chosen.is_empty() {
            let all = || 0..candidates.len();
            chosen.extend(
                all()
                    .filter(|&i| candidates[i].window.end <= self.at)
                    .max_by_key(|&i| candidates[i].window.end),
            );
            chosen.extend(
                all()
                    .filter(|&i| candidates[i].window.start > self.at)
                    .min_by_key(|&i| candidates[i].window.start),
            );
        }
        let Worked { log, series, findings, .. } = self.worked;
        chosen
            .into_iter()
            .map(|i| {
                let candidate = &candidates[i];
                let found = self.found(candidate);
                Considered {
                    moment_id: moment_of(candidate),
                    span: candidate.window,
                    covers: self.covers(candidate),
                    product_ids: report::products(log, findings, found),
                    evidence_nats: hundredth(found.sure_llr),
                    evidence_in_orders_nats: hundredth(found.order_llr.min(found.sure_llr)),
                    worth: hundredth(candidate.weighed),
                    score: hundredth(score(candidate)),
                    causes: cause::causes(log, series, findings, found),
                    attributed: report::attributed(log, findings, found),
                    became: self.became(candidate, false),
                }
            })
            .collect()
    }
}

/// The id of a candidate's moment, where it was taken.
fn moment_of(candidate: &Candidate) -> Option<String> {
    match candidate.fate {
        Fate::Taken { rank, .. } => Some(id(rank)),
        _ => None,
    }
}

/// What it adds where it was taken, else its value.
fn score(candidate: &Candidate) -> f64 {
    match candidate.fate {
        Fate::Taken { adds, .. } => adds,
        _ => candidate.value,
    }
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
