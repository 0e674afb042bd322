//! The event log on the recording's clock: in order of time, without events from elsewhere, cleaned.

use std::collections::BTreeMap;

use reprise_model::event::{Edge, Event, EventKind, GiveawayEntry, Minute};
use reprise_model::series::{Mark, MarkKind};
use reprise_model::{Currency, MediaDuration, MediaTime, Money, Span, WallTime};

use crate::Input;
use crate::observations::{KEPT_MAX, Observations};
use crate::seconds::{Second, wall};
use crate::settings::Settings;
use crate::texts::Texts;

/// A product pinned again within so many seconds is one pin.
const REPEATED_PIN_S: f64 = 20.0;

/// A giveaway whose end is not in the log ends after so long, seconds.
const GIVEAWAY_MOST_S: f64 = 1800.0;

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comment {
    /// Milliseconds from the recording's zero.
    pub at_ms: u32,
    /// Hash of who wrote it, 0 where that is not known.
    pub who: u32,
    /// Number of what was written, in the log's dictionary.
    pub text: u32,
    /// Written to enter a giveaway.
    pub entry: bool,
}

impl Comment {
    /// Seconds from the recording's zero.
    pub fn at_s(self) -> f64 {
        f64::from(self.at_ms) / 1000.0
    }
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
#[derive(Clone, Debug)]
pub(crate) struct Log<'a> {
    /// Product ids; the index is what everything else uses. The session's own first.
    pub products: Vec<String>,
    /// When the last event came that was counted, seconds.
    pub last_s: f64,
    pub currency: Option<Currency>,
    /// Digits after the point that the log itself uses, by currency.
    pub scales: BTreeMap<Currency, u32>,
    pub orders: Vec<Order>,
    pub comments: Vec<Comment>,
    /// What was written.
    pub texts: &'a Texts,
    /// What was only counted: seconds from the recording's zero, in order, none twice.
    pub counted: Vec<(usize, &'a Second)>,
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

impl<'a> Log<'a> {
    /// Reads what of `input` lies in `0..duration_s + margin_s`.
    pub fn read(input: &Input<'a>, duration_s: f64, margin_s: f64, settings: &Settings) -> Self {
        let seen = input.log;
        let mut log = Self {
            products: input.products.iter().map(|product| product.id.clone()).collect(),
            last_s: 0.0,
            currency: None,
            scales: BTreeMap::new(),
            orders: Vec::new(),
            comments: Vec::new(),
            texts: &seen.texts,
            counted: Vec::new(),
            minutes: Vec::new(),
            pins: Vec::new(),
            flash_sales: Vec::new(),
            giveaways: Vec::new(),
            forbidden: Vec::new(),
            marks: Vec::new(),
            notes: seen.notes.clone(),
        };
        let numbers = Numbers::new(&mut log.products, seen);
        let mut reader = Reader { log: &mut log, numbers: &numbers };
        let mut states = States::default();
        for (at_s, event) in states_by_time(seen, input.zero) {
            reader.state(&mut states, at_s, event);
        }
        reader.close(states, duration_s);
        let within = |at_s: f64| (0.0..duration_s + margin_s).contains(&at_s);
        log.read_seconds(seen, input.zero, within);
        log.read_orders(seen, input.zero, within, &numbers, settings);
        log.read_comments(seen, input.zero, within);
        let since = |at: WallTime| at.since(input.zero).seconds();
        log.minutes = seen
            .minutes
            .iter()
            .map(|(at, minute)| (since(*at), minute))
            .filter(|(at_s, _)| within(*at_s))
            .map(|(at_s, minute)| (at_s, minute.clone()))
            .collect();
        log.minutes.sort_by(|a, b| a.0.total_cmp(&b.0));
        log.note_limits(seen);
        log.choose_currency();
        if !settings.without.confounders {
            log.drop_repeated_comments();
            log.find_batches();
        }
        log.find_entries(settings.without.confounders);
        if !settings.without.confounders {
            log.find_storms();
        }
        log
    }

    pub fn note(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.notes.push(format!("{count} {what}"));
        }
    }

    fn read_seconds(
        &mut self,
        seen: &'a Observations,
        zero: WallTime,
        within: impl Fn(f64) -> bool,
    ) {
        let mut outside = 0;
        let mut first_outside = None;
        for (second, counted) in seen.seconds.iter() {
            // Where the recording begins within a second, the nearest one holds its counts.
            let at_s = wall(second).since(zero).seconds().round();
            if within(at_s) {
                self.counted.push((at_s as usize, counted));
                self.last_s = self.last_s.max(at_s);
            } else {
                outside += counted.events as usize;
                first_outside = first_outside.or(Some(wall(second)));
            }
        }
        let first = first_outside.map_or(String::new(), |at| at.to_string());
        self.note(
            outside,
            &format!("events lie outside the recording and are left out (the first at {first})"),
        );
    }

    fn read_orders(
        &mut self,
        seen: &Observations,
        zero: WallTime,
        within: impl Fn(f64) -> bool,
        numbers: &Numbers,
        settings: &Settings,
    ) {
        let mut repeats = 0;
        for row in &seen.orders {
            let at_s = row.at.since(zero).seconds();
            if !within(at_s) {
                continue;
            }
            let order = Order {
                at_s,
                product: row.product.map(|product| numbers.of[product as usize]),
                units: row.units,
                amount: row.amount,
                gmv: 0.0,
                is_net: row.is_net,
                timed: true,
            };
            repeats += row.repeats as usize;
            let times = if settings.without.confounders { 1 + row.repeats as usize } else { 1 };
            self.orders.extend(std::iter::repeat_n(order, times));
        }
        self.orders.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        self.note(repeats, "order lines are repeats of an earlier one and count once");
    }

    fn read_comments(&mut self, seen: &Observations, zero: WallTime, within: impl Fn(f64) -> bool) {
        let zero_ms = zero.micros().div_euclid(1000);
        self.comments.reserve_exact(seen.comments.len());
        for row in &seen.comments {
            let at_ms = row.at_ms.saturating_sub(zero_ms);
            // The longest recording has fewer milliseconds than the type.
            if let (true, Ok(at_ms)) = (within(at_ms as f64 / 1000.0), u32::try_from(at_ms)) {
                let (who, text) = (row.who, row.text);
                self.comments.push(Comment { at_ms, who, text, entry: false });
            }
        }
        if !self.comments.is_sorted_by_key(|comment| comment.at_ms) {
            self.comments.sort_by_key(|comment| comment.at_ms);
        }
    }

    fn note_limits(&mut self, seen: &Observations) {
        let left_out = seen.left_out;
        self.note(
            left_out.words,
            "comments count by their length alone: the log has more different texts than are kept",
        );
        self.note(
            left_out.kept,
            &format!(
                "pins, flash sales, giveaways and the like, or minutes of a table, are left out: at \
                 most {KEPT_MAX} are kept"
            ),
        );
        self.note(
            left_out.seconds,
            "events are left out: the log has events in more seconds than four days have",
        );
    }
}

/// The numbers that products have in a [`Log`].
struct Numbers {
    by_id: BTreeMap<String, usize>,
    /// By the number that the observations gave them.
    of: Vec<usize>,
}

impl Numbers {
    /// Numbers what the log names beside the session's products, by id, so that the order of the
    /// log's lines does not matter.
    fn new(products: &mut Vec<String>, seen: &Observations) -> Self {
        let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
        for (i, id) in products.iter().enumerate() {
            by_id.entry(id.clone()).or_insert(i);
        }
        let mut named: Vec<&str> = seen.products.numbers().map(|n| seen.products.text(n)).collect();
        for event in seen.kept_unsorted() {
            named.extend(product_of(&event.kind));
        }
        named.sort_unstable();
        for id in named {
            if !by_id.contains_key(id) {
                by_id.insert(id.to_owned(), products.len());
                products.push(id.to_owned());
            }
        }
        let number = |n| by_id.get(seen.products.text(n)).copied().unwrap_or_default();
        let of = seen.products.numbers().map(number).collect();
        Self { by_id, of }
    }
}

fn product_of(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::Pin { product_id } => Some(product_id),
        EventKind::FlashSale { product_id, .. } | EventKind::Giveaway { product_id, .. } => {
            product_id.as_deref()
        }
        _ => None,
    }
}

/// What lasts counts wherever it lies: a pin from before the recording still holds at its start.
fn states_by_time(seen: &Observations, zero: WallTime) -> Vec<(f64, &Event)> {
    let since = |event: &Event| -> MediaDuration { event.at.since(zero) };
    let mut states: Vec<(f64, &Event)> =
        seen.kept_unsorted().iter().map(|event| (since(event).seconds(), event)).collect();
    states.sort_by(|a, b| a.0.total_cmp(&b.0));
    states
}

/// What is on at the moment, while the log is read.
#[derive(Default)]
struct States {
    pin: Option<(f64, Option<usize>)>,
    flash: BTreeMap<Option<usize>, f64>,
    /// Those that are open, the one that opened first before the others.
    giveaways: Vec<Stretch>,
    billboard: Option<(f64, String)>,
    rehearsal: Option<f64>,
}

struct Reader<'r, 'a> {
    log: &'r mut Log<'a>,
    numbers: &'r Numbers,
}

impl Reader<'_, '_> {
    fn product(&self, id: Option<&String>) -> Option<usize> {
        self.numbers.by_id.get(id?).copied()
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

    fn state(&mut self, states: &mut States, at_s: f64, event: &Event) {
        match &event.kind {
            EventKind::Pin { product_id } => {
                let product = self.product(Some(product_id));
                // Some connectors repeat the pin; later, the same product is pitched anew.
                if states.pin.is_some_and(|(start_s, pinned)| {
                    pinned == product && at_s - start_s < REPEATED_PIN_S
                }) {
                    return;
                }
                self.end_pin(states, at_s, true);
                states.pin = Some((at_s, product));
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
                let product = self.product(product_id.as_ref());
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
                    let product = self.product(product_id.as_ref());
                    let lost = |open: &mut Stretch| at_s > open.start_s + GIVEAWAY_MOST_S;
                    let lost: Vec<Stretch> = states.giveaways.extract_if(.., lost).collect();
                    lost.into_iter().for_each(|giveaway| self.end_giveaway(giveaway, at_s));
                    states.giveaways.push(Stretch {
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
                Edge::End => {
                    // Several may be on: the one with this keyword ends, else the oldest.
                    let same = |open: &Stretch| keyword.is_some() && open.keyword == *keyword;
                    let place = states.giveaways.iter().position(same).unwrap_or(0);
                    if place < states.giveaways.len() {
                        let giveaway = states.giveaways.remove(place);
                        self.end_giveaway(giveaway, at_s);
                    }
                }
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
            _ => {}
        }
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

    fn end_giveaway(&mut self, mut giveaway: Stretch, at_s: f64) {
        giveaway.end_s = at_s.min(giveaway.start_s + GIVEAWAY_MOST_S);
        let label = giveaway.keyword.clone().unwrap_or_default();
        self.mark(MarkKind::Giveaway, giveaway.start_s, giveaway.end_s, &label);
        self.log.giveaways.push(giveaway);
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

    /// Ends what is still on, and puts everything that lasts inside the recording.
    fn close(mut self, mut states: States, duration_s: f64) {
        self.end_pin(&mut states, duration_s.max(0.0), true);
        for (product, start_s) in std::mem::take(&mut states.flash) {
            self.flash(start_s, duration_s, product);
        }
        for giveaway in std::mem::take(&mut states.giveaways) {
            self.end_giveaway(giveaway, duration_s);
        }
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
