//! The event log as the segmenter reads it: in order of time, on the recording's clock, without
//! duplicates, payment batches, giveaway entries or events from elsewhere.

use std::collections::BTreeMap;

use reprise_model::event::{Edge, Event, EventKind, GiveawayEntry, Minute};
use reprise_model::series::{Mark, MarkKind};
use reprise_model::{Currency, MediaTime, Money, Span, WallTime};

use crate::Input;
use crate::clean::{hash, normalised};

/// A product pinned again within so many seconds is one pin.
const REPEATED_PIN_S: f64 = 20.0;

/// One order, or one line of it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub at_s: f64,
    pub product: Option<usize>,
    pub units: f64,
    pub amount: Money,
    /// In the session's currency; 0 in any other.
    pub gmv: f64,
    pub is_net: bool,
    /// Whether its time tells when it was placed; not so inside a payment batch.
    pub timed: bool,
}

/// One comment.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub at_s: f64,
    /// Hash of who wrote it, 0 where that is not known.
    pub who: u64,
    /// What was written, in lower case; empty where only the length is known.
    pub text: String,
    pub length: u64,
    /// Written to enter a giveaway.
    pub entry: bool,
}

/// A count with its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub at_s: f64,
    pub count: f64,
}

/// A stretch in seconds with what it is about.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub start_s: f64,
    pub end_s: f64,
    pub product: Option<usize>,
    pub keyword: Option<String>,
    /// A giveaway that is not entered by a comment.
    pub by_follow: bool,
}

/// The log, cleaned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Product ids; the index is what everything else uses. The session's own first.
    pub products: Vec<String>,
    /// When the last event came that was counted, seconds.
    pub last_s: f64,
    pub currency: Option<Currency>,
    /// Digits after the point that the log itself uses, by currency.
    pub scales: BTreeMap<Currency, u32>,
    pub orders: Vec<Order>,
    pub comments: Vec<Comment>,
    pub likes: Vec<Count>,
    pub clicks: Vec<Count>,
    pub follows: Vec<Count>,
    pub shares: Vec<Count>,
    pub gifts: Vec<Count>,
    pub viewers: Vec<Count>,
    pub entries: Vec<Count>,
    pub minutes: Vec<(f64, Minute)>,
    /// When each product was the one being pitched: from its pin to the next one.
    pub pins: Vec<Stretch>,
    pub flash_sales: Vec<Stretch>,
    pub giveaways: Vec<Stretch>,
    /// Practice mode and what the platform flagged: no moment may lie there.
    pub forbidden: Vec<Stretch>,
    pub marks: Vec<Mark>,
    pub notes: Vec<String>,
}

impl Log {
    /// Reads the events of `input` that lie in `0..duration_s + margin_s`.
    pub fn read(input: &Input<'_>, duration_s: f64, margin_s: f64) -> Self {
        let mut log = Self {
            products: input.products.iter().map(|product| product.id.clone()).collect(),
            ..Self::default()
        };
        let mut index: BTreeMap<String, usize> = BTreeMap::new();
        for (i, id) in log.products.iter().enumerate() {
            index.entry(id.clone()).or_insert(i);
        }
        let mut timed: Vec<(f64, &Event)> =
            input.events.iter().map(|event| (event_time_s(event, input), event)).collect();
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));

        let mut reader = Reader {
            log: &mut log,
            index,
            outside: 0,
            first_outside: None,
            seen: BTreeMap::new(),
            duplicates: 0,
        };
        let mut states = States::default();
        for &(at_s, event) in &timed {
            if reader.state(&mut states, at_s, event) {
                continue;
            }
            if (0.0..duration_s + margin_s).contains(&at_s) {
                reader.log.last_s = reader.log.last_s.max(at_s);
                reader.count(at_s, event);
            } else {
                reader.outside += 1;
                let first = reader.first_outside.get_or_insert(event.at);
                *first = event.at.min(*first);
            }
        }
        let (outside, duplicates) = (reader.outside, reader.duplicates);
        let first_outside = reader.first_outside.map_or(String::new(), |at| at.to_string());
        reader.close(states, duration_s);
        log.note(
            outside,
            &format!(
                "events lie outside the recording and are left out (the first at {first_outside})"
            ),
        );
        log.note(duplicates, "order lines are repeats of an earlier one and count once");
        log.choose_currency();
        log.drop_repeated_comments();
        log.find_batches();
        log.find_entries();
        log
    }

    pub fn note(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.notes.push(format!("{count} {what}"));
        }
    }
}

fn event_time_s(event: &Event, input: &Input<'_>) -> f64 {
    let at = match &event.kind {
        EventKind::Order(order) => order.created_at.unwrap_or(event.at),
        _ => event.at,
    };
    at.since(input.zero).seconds()
}

/// What is on at the moment, while the log is read.
#[derive(Default)]
struct States {
    pin: Option<(f64, Option<usize>)>,
    flash: BTreeMap<Option<usize>, f64>,
    giveaway: Option<Stretch>,
    billboard: Option<(f64, String)>,
    rehearsal: Option<f64>,
}

struct Reader<'a, 'e> {
    log: &'a mut Log,
    index: BTreeMap<String, usize>,
    outside: usize,
    first_outside: Option<WallTime>,
    duplicates: usize,
    /// Where each order line is kept.
    seen: BTreeMap<(&'e str, Option<&'e str>), usize>,
}

impl<'e> Reader<'_, 'e> {
    fn product(&mut self, id: &str) -> usize {
        if let Some(&found) = self.index.get(id) {
            return found;
        }
        let next = self.log.products.len();
        self.log.products.push(id.to_owned());
        self.index.insert(id.to_owned(), next);
        next
    }

    fn maybe(&mut self, id: Option<&String>) -> Option<usize> {
        id.map(|id| self.product(id))
    }

    fn mark(&mut self, kind: MarkKind, start_s: f64, end_s: f64, label: &str) {
        let span = Span::new(MediaTime::from_seconds(start_s), MediaTime::from_seconds(end_s));
        self.log.marks.push(Mark { kind, span, label: label.to_owned() });
    }

    fn label(&self, product: Option<usize>) -> String {
        product.and_then(|p| self.log.products.get(p)).cloned().unwrap_or_default()
    }

    fn end_pin(&mut self, states: &mut States, at_s: f64, shown: bool) {
        if let Some((start_s, product)) = states.pin.take() {
            let stretch =
                Stretch { start_s, end_s: at_s, product, keyword: None, by_follow: false };
            if shown {
                let label = self.label(product);
                self.mark(MarkKind::Pin, start_s, at_s, &label);
            }
            self.log.pins.push(stretch);
        }
    }

    /// Handles what lasts; such events count wherever they lie, for a pin from before the
    /// recording still holds at its start. Says whether the event was of that kind.
    fn state(&mut self, states: &mut States, at_s: f64, event: &'e Event) -> bool {
        match &event.kind {
            EventKind::Pin { product_id } => {
                let product = self.product(product_id);
                // Some connectors repeat the pin; later, the same product is pitched anew.
                if states.pin.is_some_and(|(start_s, pinned)| {
                    pinned == Some(product) && at_s - start_s < REPEATED_PIN_S
                }) {
                    return true;
                }
                self.end_pin(states, at_s, true);
                states.pin = Some((at_s, Some(product)));
            }
            EventKind::Unpin { .. } => {
                // The product stays the last one pitched; only the mark ends here.
                if let Some((start_s, product)) = states.pin {
                    let label = self.label(product);
                    self.mark(MarkKind::Pin, start_s, at_s, &label);
                    self.end_pin(states, at_s, false);
                    states.pin = None;
                }
            }
            EventKind::FlashSale { state, product_id } => {
                let product = self.maybe(product_id.as_ref());
                match state {
                    Edge::Start => {
                        states.flash.entry(product).or_insert(at_s);
                    }
                    Edge::End => {
                        if let Some(start_s) = states.flash.remove(&product) {
                            self.flash(start_s, at_s, product);
                        }
                    }
                }
            }
            EventKind::Giveaway { state, keyword, product_id, entry, .. } => match state {
                Edge::Start => {
                    let product = self.maybe(product_id.as_ref());
                    self.end_giveaway(states, at_s);
                    states.giveaway = Some(Stretch {
                        start_s: at_s,
                        end_s: at_s,
                        product,
                        keyword: keyword.clone(),
                        by_follow: matches!(
                            entry,
                            Some(GiveawayEntry::Follow | GiveawayEntry::None)
                        ),
                    });
                }
                Edge::End => self.end_giveaway(states, at_s),
            },
            EventKind::Billboard { state, text } => {
                if let Some((start_s, label)) = states.billboard.take() {
                    self.mark(MarkKind::Billboard, start_s, at_s, &label);
                }
                if *state == Edge::Start {
                    states.billboard = Some((at_s, text.clone().unwrap_or_default()));
                }
            }
            EventKind::Rehearsal { state } => {
                if let Some(start_s) = states.rehearsal.take() {
                    self.rehearsal(start_s, at_s);
                }
                if *state == Edge::Start {
                    states.rehearsal = Some(at_s);
                }
            }
            EventKind::Violation { rule } => {
                self.mark(MarkKind::Violation, at_s, at_s, rule.as_deref().unwrap_or_default());
                self.log.forbidden.push(Stretch {
                    start_s: at_s,
                    end_s: at_s + 1.0,
                    product: None,
                    keyword: None,
                    by_follow: false,
                });
            }
            _ => return false,
        }
        true
    }

    fn flash(&mut self, start_s: f64, end_s: f64, product: Option<usize>) {
        let label = self.label(product);
        self.mark(MarkKind::FlashSale, start_s, end_s, &label);
        self.log.flash_sales.push(Stretch {
            start_s,
            end_s,
            product,
            keyword: None,
            by_follow: false,
        });
    }

    fn end_giveaway(&mut self, states: &mut States, at_s: f64) {
        if let Some(mut giveaway) = states.giveaway.take() {
            giveaway.end_s = at_s;
            let label = giveaway.keyword.clone().unwrap_or_default();
            self.mark(MarkKind::Giveaway, giveaway.start_s, at_s, &label);
            self.log.giveaways.push(giveaway);
        }
    }

    fn rehearsal(&mut self, start_s: f64, end_s: f64) {
        self.mark(MarkKind::Rehearsal, start_s, end_s, "");
        self.log.forbidden.push(Stretch {
            start_s,
            end_s,
            product: None,
            keyword: None,
            by_follow: false,
        });
    }

    fn count(&mut self, at_s: f64, event: &'e Event) {
        let plain = |count: u64| Count { at_s, count: count as f64 };
        match &event.kind {
            EventKind::Order(order) => {
                let key = (order.order_id.as_str(), order.product_id.as_deref());
                if let Some(&kept) = self.seen.get(&key) {
                    // The first row tells when, the last one what became of it.
                    self.log.orders[kept].is_net = order.status.is_net();
                    self.duplicates += 1;
                    return;
                }
                self.seen.insert(key, self.log.orders.len());
                let product = self.maybe(order.product_id.as_ref());
                self.log.orders.push(Order {
                    at_s,
                    product,
                    units: order.quantity as f64,
                    amount: order.amount,
                    gmv: 0.0,
                    is_net: order.status.is_net(),
                    timed: true,
                });
            }
            EventKind::Comment { user, text, length } => {
                let text = text.as_deref().map(normalised).unwrap_or_default();
                let length = length.unwrap_or(text.chars().count() as u64);
                let who = user.as_deref().map_or(0, hash);
                self.log.comments.push(Comment { at_s, who, text, length, entry: false });
            }
            EventKind::Viewers { concurrent, entered, .. } => {
                self.log.viewers.extend(concurrent.map(plain));
                self.log.entries.extend(entered.map(plain));
            }
            EventKind::Like { count } => self.log.likes.push(plain(*count)),
            EventKind::Share { count } => self.log.shares.push(plain(*count)),
            EventKind::Follow { count } => self.log.follows.push(plain(*count)),
            EventKind::Gift { count, .. } => self.log.gifts.push(plain(*count)),
            EventKind::ProductClick { product_id, count } => {
                // Known from here on, even where nobody ordered it.
                let _ = self.maybe(product_id.as_ref());
                self.log.clicks.push(plain(*count));
            }
            EventKind::Minute(minute) => self.log.minutes.push((at_s, minute.clone())),
            _ => {}
        }
    }

    /// Ends what is still on, and puts everything that lasts inside the recording.
    fn close(mut self, mut states: States, duration_s: f64) {
        self.end_pin(&mut states, duration_s.max(0.0), true);
        for (product, start_s) in std::mem::take(&mut states.flash) {
            self.flash(start_s, duration_s, product);
        }
        self.end_giveaway(&mut states, duration_s);
        if let Some((start_s, label)) = states.billboard.take() {
            self.mark(MarkKind::Billboard, start_s, duration_s, &label);
        }
        if let Some(start_s) = states.rehearsal.take() {
            self.rehearsal(start_s, duration_s);
        }
        let log = self.log;
        let starts: Vec<f64> = log.pins.iter().skip(1).map(|pin| pin.start_s).collect();
        for (i, pin) in log.pins.iter_mut().enumerate() {
            // Unpinned, it stays the last one pitched until the next is pinned.
            pin.end_s = starts.get(i).copied().unwrap_or(duration_s);
        }
        for list in [&mut log.pins, &mut log.flash_sales, &mut log.giveaways, &mut log.forbidden] {
            for stretch in list.iter_mut() {
                stretch.start_s = stretch.start_s.clamp(0.0, duration_s);
                stretch.end_s = stretch.end_s.clamp(0.0, duration_s);
            }
            list.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.end_s.total_cmp(&b.end_s)));
        }
        log.pins.retain(|pin| pin.end_s > pin.start_s);
        let bounds = Span::from_seconds(0.0, duration_s);
        log.marks.retain(|mark| mark.span.start < bounds.end && mark.span.end >= bounds.start);
        for mark in &mut log.marks {
            mark.span = Span::new(
                mark.span.start.max(bounds.start),
                mark.span.end.min(bounds.end).max(mark.span.start.max(bounds.start)),
            );
        }
        log.marks.sort_by(|a, b| (a.span, a.kind, &a.label).cmp(&(b.span, b.kind, &b.label)));
    }
}
