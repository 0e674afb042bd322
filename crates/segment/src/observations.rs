//! What a log tells, folded as it is read: counts per second, compact orders and comments, and the
//! few events that last. Grows with the LIVE's seconds, orders and comments, not with its lines.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};

use reprise_model::event::{Event, EventKind, Minute, Order};
use reprise_model::{MediaDuration, Money, WallTime};

use crate::clean::normalise;
use crate::seconds::Seconds;
use crate::slip;
use crate::texts::Texts;

/// Most bytes that the distinct texts of comments take; a comment beyond counts by its length.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// Most bytes that the ids of products take; orders and clicks beyond count without their product.
const PRODUCT_BYTES_MAX: usize = 8 << 20;

/// Most events that are kept whole; a LIVE of 13 hours has some thousands.
pub const KEPT_MAX: usize = 200_000;

/// Most bytes of text in the events that are kept whole.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Most rows of per-minute tables: ten weeks.
const MINUTES_MAX: usize = 100_800;

/// By this field a log tells two lines of one order and product apart.
const SKU_FIELD: &str = "sku_id";

/// A session's event log as far as the segmenter needs it.
///
/// Filled by [`Self::add`] in any order and before the recording is known; two that were filled
/// from the parts of a log are joined by [`Self::merge`]. Times are kept as the log states them.
#[derive(Clone, Debug)]
pub struct Observations {
    pub(crate) seconds: Seconds,
    pub(crate) orders: Vec<OrderRow>,
    /// Where each order line is in `orders`.
    lines: HashMap<[u8; 16], u32>,
    pub(crate) comments: Vec<CommentRow>,
    pub(crate) texts: Texts,
    /// Ids of products in the order in which they first came.
    pub(crate) products: Texts,
    /// Times each product was opened.
    opened: BTreeMap<u32, u64>,
    pub(crate) minutes: Vec<(WallTime, Minute)>,
    kept: Vec<Event>,
    kept_bytes: usize,
    added: u64,
    pub(crate) left_out: LeftOut,
    pub(crate) notes: Vec<String>,
    scratch: String,
}

/// What the limits left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LeftOut {
    /// Comments that count by their length alone.
    pub words: usize,
    /// Events that would have been kept whole, and rows of per-minute tables.
    pub kept: usize,
    /// Events in more seconds than a session has.
    pub seconds: usize,
}

/// One line of an order.
#[derive(Clone, Debug)]
pub(crate) struct OrderRow {
    /// When it was placed, as the earliest row says.
    pub at: WallTime,
    pub product: Option<u32>,
    pub units: f64,
    pub amount: Money,
    /// Whether the money stays with the seller, as the latest row says.
    pub is_net: bool,
    /// When the latest row was written.
    told_at: WallTime,
    /// Of everything that a row says but when it was written.
    figures: u64,
    /// How often the line came again.
    pub repeats: u32,
}

/// One comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommentRow {
    /// Milliseconds of Unix time.
    pub at_ms: i64,
    /// Hash of who wrote it, 0 where that is not known.
    pub who: u32,
    /// Number of what was written, in lower case.
    pub text: u32,
}

/// What became of an event that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    New,
    /// An order line that is known already, the same in every figure.
    Repeat,
    /// An order line that is known already, with another status; the one written last counts.
    Status,
    /// An order line that is known already, with other figures; the earliest row counts.
    Differs,
}

impl Default for Observations {
    fn default() -> Self {
        Self::new()
    }
}

impl Observations {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self {
            seconds: Seconds::default(),
            orders: Vec::new(),
            lines: HashMap::new(),
            comments: Vec::new(),
            texts: Texts::with_budget(TEXT_BYTES_MAX),
            products: Texts::with_budget(PRODUCT_BYTES_MAX),
            opened: BTreeMap::new(),
            minutes: Vec::new(),
            kept: Vec::new(),
            kept_bytes: 0,
            added: 0,
            left_out: LeftOut::default(),
            notes: Vec::new(),
            scratch: String::new(),
        }
    }

    /// Whether no event was added.
    pub fn is_empty(&self) -> bool {
        self.added == 0
    }

    /// How many events were added, repeats of orders left out.
    pub fn len(&self) -> u64 {
        self.added
    }

    /// Adds an event. Nothing is refused: what passes a limit is named in the segmenter's notes.
    pub fn add(&mut self, event: &Event) -> Added {
        if let EventKind::Order(order) = &event.kind {
            return self.add_order(event, order);
        }
        self.added += 1;
        if is_kept(&event.kind) {
            self.keep(event);
            if !matches!(event.kind, EventKind::CommentReply {}) {
                return Added::New;
            }
        }
        let Some(second) = self.seconds.at(event.at) else {
            self.left_out.seconds += 1;
            return Added::New;
        };
        second.events += 1;
        match &event.kind {
            EventKind::Comment { user, text, length } => {
                let text = text.as_deref().unwrap_or_default();
                self.add_comment(event.at, user.as_deref(), text, *length);
            }
            EventKind::Viewers { concurrent, entered, .. } => {
                if let Some(count) = concurrent {
                    second.viewers.add(event.at, *count as f64);
                }
                if let Some(count) = entered {
                    second.entries.add(event.at, *count as f64);
                }
            }
            EventKind::Like { count } => second.likes.add(event.at, *count as f64),
            EventKind::Share { count } => second.shares += *count as f64,
            EventKind::Follow { count } => second.follows += *count as f64,
            EventKind::Gift { count, .. } => second.gifts += *count as f64,
            EventKind::ProductClick { product_id, count } => {
                second.clicks += *count as f64;
                if let Some(product) = self.product(product_id.as_deref()) {
                    let opened = self.opened.entry(product).or_default();
                    *opened = opened.saturating_add(*count);
                }
            }
            EventKind::Minute(minute) => {
                if self.minutes.len() < MINUTES_MAX {
                    self.minutes.push((event.at, minute.clone()));
                } else {
                    self.left_out.kept += 1;
                }
            }
            _ => {}
        }
        Added::New
    }

    /// Adds what `later` saw, as if its events had been added after this one's.
    pub fn merge(&mut self, later: Self) {
        let ids = later.products.numbers();
        let products: Vec<Option<u32>> =
            ids.map(|id| self.products.intern(later.products.text(id))).collect();
        let texts: Vec<(u32, bool)> = later
            .texts
            .numbers()
            .map(|id| {
                let text = later.texts.text(id);
                if text.is_empty() {
                    return (self.texts.intern_length(later.texts.length(id)), false);
                }
                match self.texts.intern(text) {
                    Some(id) => (id, false),
                    None => (self.texts.intern_length(later.texts.length(id)), true),
                }
            })
            .collect();
        for row in &later.comments {
            let (text, cut) = texts[row.text as usize];
            self.left_out.words += usize::from(cut);
            self.comments.push(CommentRow { text, ..*row });
        }
        for (product, count) in later.opened {
            if let Some(product) = products[product as usize] {
                let opened = self.opened.entry(product).or_default();
                *opened = opened.saturating_add(count);
            }
        }
        self.left_out.seconds += self.seconds.merge(later.seconds);
        let mut keys: Vec<([u8; 16], u32)> = later.lines.into_iter().collect();
        keys.sort_by_key(|(_, place)| *place);
        let mut repeated = 0;
        for ((key, _), mut row) in keys.into_iter().zip(later.orders) {
            row.product = row.product.and_then(|product| products[product as usize]);
            repeated += u64::from(self.put_order(key, row) != Added::New);
        }
        for (at, minute) in later.minutes {
            if self.minutes.len() < MINUTES_MAX {
                self.minutes.push((at, minute));
            } else {
                self.left_out.kept += 1;
            }
        }
        for event in &later.kept {
            self.keep(event);
        }
        self.added += later.added - repeated;
        self.left_out.words += later.left_out.words;
        self.left_out.kept += later.left_out.kept;
        self.left_out.seconds += later.left_out.seconds;
        self.notes.extend(later.notes);
    }

    /// The events that are kept whole, by time: pins, flash sales, giveaways, billboards, practice
    /// mode, violations, answers to comments. At most [`KEPT_MAX`], without fields that Reprise
    /// does not know.
    pub fn kept(&self) -> Vec<Event> {
        let mut kept = self.kept.clone();
        kept.sort_by_key(|event| event.at);
        kept
    }

    /// How often each product was ordered or opened.
    pub fn product_uses(&self) -> BTreeMap<String, u64> {
        let mut uses: BTreeMap<String, u64> = BTreeMap::new();
        let ordered = self.orders.iter().filter_map(|row| Some((row.product?, 1)));
        let opened = self.opened.iter().map(|(&product, &count)| (product, count));
        for (product, count) in ordered.chain(opened) {
            let uses = uses.entry(self.products.text(product).to_owned()).or_default();
            *uses = uses.saturating_add(count);
        }
        uses
    }

    /// The products that were ordered.
    pub fn ordered_products(&self) -> impl Iterator<Item = &str> {
        let mut ids: Vec<u32> = self.orders.iter().filter_map(|row| row.product).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| self.products.text(id))
    }

    /// What most buyers of a product paid for one between two times; `None` with fewer than three
    /// orders of one price.
    pub fn usual_price(&self, product: &str, from: WallTime, until: WallTime) -> Option<Money> {
        let mut prices: HashMap<Money, usize> = HashMap::new();
        for row in self.orders.iter().filter(|row| row.at >= from && row.at < until) {
            if row.product.is_some_and(|id| self.products.text(id) == product)
                && let Some(price) = row.amount.each(row.units as u64)
            {
                *prices.entry(price).or_default() += 1;
            }
        }
        // Of prices that as many paid, the higher one: a promise must not be too good.
        let often = prices.into_iter().filter(|(_, count)| *count >= 3);
        often.max_by_key(|(price, count)| (*count, price.value)).map(|(price, _)| price)
    }

    /// Puts a log whose clock is off by a time zone on the recording's clock.
    ///
    /// Where most events lie outside the recording, which begins at `zero` and lasts `duration`, and
    /// one shift by a multiple of 15 minutes, up to 14 hours, puts at least 95 % of them inside, all
    /// times are moved by it. Says by how much; zero where nothing was moved. What was done, or that
    /// nothing could be, is among the segmenter's notes. Smaller offsets cannot be told from lag and
    /// stay.
    pub fn align(&mut self, zero: WallTime, duration: MediaDuration) -> MediaDuration {
        let found = slip::find(&self.seconds.counts(), zero, duration);
        self.notes.extend(found.note);
        if found.shift != MediaDuration::ZERO {
            self.shift(found.shift);
        }
        found.shift
    }

    fn shift(&mut self, by: MediaDuration) {
        let whole_s = by.seconds().round() as i64;
        self.seconds.shift(whole_s);
        for row in &mut self.orders {
            row.at = row.at.plus(by);
            row.told_at = row.told_at.plus(by);
        }
        for row in &mut self.comments {
            row.at_ms += whole_s * 1000;
        }
        self.minutes.iter_mut().for_each(|(at, _)| *at = at.plus(by));
        self.kept.iter_mut().for_each(|event| event.at = event.at.plus(by));
    }

    fn add_order(&mut self, event: &Event, order: &Order) -> Added {
        let at = order.created_at.unwrap_or(event.at);
        let sku = event.extra.get(SKU_FIELD).and_then(|sku| sku.as_str());
        let product = order.product_id.as_deref();
        let key = key(&[Some(&order.order_id), product, sku]);
        let mut figures = DefaultHasher::new();
        figures.write_u64(order.quantity);
        figures.write(&order.amount.value.serialize());
        figures.write(order.amount.currency.as_str().as_bytes());
        for time in [order.created_at, order.paid_at] {
            figures.write_i64(time.map_or(i64::MIN, WallTime::micros));
        }
        let row = OrderRow {
            at,
            product: self.product(product),
            units: order.quantity as f64,
            amount: order.amount,
            is_net: order.status.is_net(),
            told_at: event.at,
            figures: figures.finish(),
            repeats: 0,
        };
        let added = self.put_order(key, row);
        if added == Added::New {
            self.added += 1;
            match self.seconds.at(at) {
                Some(second) => second.events += 1,
                None => self.left_out.seconds += 1,
            }
        }
        added
    }

    /// The earliest row tells when and how much, the latest one what became of it.
    fn put_order(&mut self, key: [u8; 16], row: OrderRow) -> Added {
        let Some(&place) = self.lines.get(&key) else {
            let place = u32::try_from(self.orders.len()).unwrap_or(u32::MAX);
            self.lines.insert(key, place);
            self.orders.push(row);
            return Added::New;
        };
        let Some(known) = self.orders.get_mut(place as usize) else { return Added::Repeat };
        let added = match (known.figures == row.figures, known.is_net == row.is_net) {
            (true, true) => Added::Repeat,
            (true, false) => Added::Status,
            (false, _) => Added::Differs,
        };
        let repeats = known.repeats.saturating_add(1 + row.repeats);
        let (is_net, told_at) = if row.told_at >= known.told_at {
            (row.is_net, row.told_at)
        } else {
            (known.is_net, known.told_at)
        };
        if row.at < known.at {
            *known = row;
        }
        (known.repeats, known.is_net, known.told_at) = (repeats, is_net, told_at);
        added
    }

    fn add_comment(&mut self, at: WallTime, user: Option<&str>, text: &str, length: Option<u64>) {
        normalise(text, &mut self.scratch);
        let characters = || self.scratch.chars().count() as u64;
        let text = if self.scratch.is_empty() {
            self.texts.intern_length(length.unwrap_or(0))
        } else if let Some(id) = self.texts.intern(&self.scratch) {
            id
        } else {
            self.left_out.words += 1;
            self.texts.intern_length(characters())
        };
        let who = user.map_or(0, |user| {
            let mut hasher = DefaultHasher::new();
            hasher.write(user.as_bytes());
            (hasher.finish() as u32).max(1)
        });
        self.comments.push(CommentRow { at_ms: at.micros().div_euclid(1000), who, text });
    }

    /// `None` without an id, and where more and longer ones came than any session has.
    fn product(&mut self, id: Option<&str>) -> Option<u32> {
        self.products.intern(id?)
    }

    fn keep(&mut self, event: &Event) {
        let bytes: usize = words_of(&event.kind).map(str::len).sum();
        if self.kept.len() >= KEPT_MAX || self.kept_bytes + bytes > KEPT_BYTES_MAX {
            self.left_out.kept += 1;
            return;
        }
        self.kept_bytes += bytes;
        let (at, kind) = (event.at, event.kind.clone());
        self.kept.push(Event { at, kind, extra: Default::default() });
    }

    pub(crate) fn kept_unsorted(&self) -> &[Event] {
        &self.kept
    }
}

impl<'e> FromIterator<&'e Event> for Observations {
    fn from_iter<I: IntoIterator<Item = &'e Event>>(events: I) -> Self {
        let mut observations = Self::new();
        for event in events {
            observations.add(event);
        }
        observations
    }
}

/// Whether an event is kept whole: it lasts, or somebody asks when it was.
fn is_kept(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Pin { .. }
            | EventKind::Unpin { .. }
            | EventKind::FlashSale { .. }
            | EventKind::Giveaway { .. }
            | EventKind::Billboard { .. }
            | EventKind::Violation { .. }
            | EventKind::Rehearsal { .. }
            | EventKind::CommentReply {}
    )
}

/// The texts of an event that is kept whole.
fn words_of(kind: &EventKind) -> impl Iterator<Item = &str> {
    let pair: [Option<&String>; 2] = match kind {
        EventKind::Pin { product_id } => [Some(product_id), None],
        EventKind::Unpin { product_id } | EventKind::FlashSale { product_id, .. } => {
            [product_id.as_ref(), None]
        }
        EventKind::Giveaway { keyword, product_id, .. } => [keyword.as_ref(), product_id.as_ref()],
        EventKind::Billboard { text, .. } => [text.as_ref(), None],
        EventKind::Violation { rule } => [rule.as_ref(), None],
        _ => [None, None],
    };
    pair.into_iter().flatten().map(String::as_str)
}

/// A digest of fields that tells them apart wherever one ends: fixed in size, whatever a log calls
/// its orders, and such that nobody finds two orders with one key.
fn key(fields: &[Option<&str>]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for field in fields {
        let length = field.map_or(u64::MAX, |text| text.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(field.unwrap_or_default().as_bytes());
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}
