//! What an import says of itself: rows taken and skipped, columns used, totals.

use std::collections::{BTreeMap, BTreeSet};

use reprise_model::event::{Event, EventKind, OrderStatus};
use reprise_model::money::Purse;
use reprise_model::outcome::Skipped;
use reprise_model::{Money, WallTime};
use serde::Serialize;

use super::{ImportKind, ImportOptions};

/// What was taken and skipped. `rows` is the sum of `taken` and all counts of `skipped`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportReport {
    /// What was imported.
    pub kind: ImportKind,
    /// The files, in the order given.
    pub files: Vec<String>,
    /// Zone that times without one were read in.
    pub timezone: String,
    /// Rows of data (for `chat`, lines) in all files.
    pub rows: u64,
    /// Rows that became an event.
    pub taken: u64,
    /// Rows that did not, by reason.
    pub skipped: Vec<Skipped>,
    /// Which column was read as which field.
    pub columns_used: Vec<ColumnUse>,
    /// Names of the columns that were not read, personal ones among them.
    pub columns_dropped: Vec<String>,
    /// What else a reader of the totals should know.
    pub notes: Vec<String>,
    /// Time of the first event.
    pub first_at: Option<WallTime>,
    /// Time of the last event.
    pub last_at: Option<WallTime>,
    /// Sums over the events taken.
    pub totals: Totals,
}

/// A column and the field it was read as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnUse {
    /// As `ImportOptions::columns` names it.
    pub field: String,
    /// As the file names it.
    pub column: String,
}

/// Sums to hold against the platform's dashboard.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Different orders (of an analytics table: the sum of its orders).
    pub orders: u64,
    /// Units ordered.
    pub units: u64,
    /// Gross GMV by currency: all that was ordered, whatever became of it.
    pub gross_gmv: Vec<Money>,
    /// Net GMV by currency: without unpaid, cancelled and refunded orders.
    pub net_gmv: Vec<Money>,
    /// Different orders of which a line is cancelled.
    pub cancelled: u64,
    /// Different orders of which a line is refunded.
    pub refunded: u64,
    /// Different orders that are not paid.
    pub unpaid: u64,
    /// Events by type.
    pub events: BTreeMap<String, u64>,
}

impl ImportReport {
    pub(super) fn new(kind: ImportKind, options: &ImportOptions) -> Self {
        Self {
            kind,
            files: Vec::new(),
            timezone: options.timezone.clone(),
            rows: 0,
            taken: 0,
            skipped: Vec::new(),
            columns_used: Vec::new(),
            columns_dropped: Vec::new(),
            notes: Vec::new(),
            first_at: None,
            last_at: None,
            totals: Totals::default(),
        }
    }

    /// Fills in what the sorted events say.
    pub(super) fn summarise(&mut self, events: &[Event]) {
        self.taken = events.len() as u64;
        self.first_at = events.first().map(|event| event.at);
        self.last_at = events.last().map(|event| event.at);
        self.totals = Totals::of(events, self.kind);
    }
}

impl Totals {
    fn of(events: &[Event], kind: ImportKind) -> Self {
        let mut totals = Self::default();
        let (mut gross, mut net) = (Purse::default(), Purse::default());
        let mut ids: [BTreeSet<&str>; 4] = Default::default();
        let [all, cancelled, refunded, unpaid] = &mut ids;
        for event in events {
            *totals.events.entry(type_name(&event.kind).to_owned()).or_default() += 1;
            match &event.kind {
                EventKind::Order(order) => {
                    totals.units = totals.units.saturating_add(order.quantity);
                    gross.add(order.amount);
                    all.insert(&order.order_id);
                    match order.status {
                        OrderStatus::Paid => net.add(order.amount),
                        OrderStatus::Cancelled => _ = cancelled.insert(&order.order_id),
                        OrderStatus::Refunded => _ = refunded.insert(&order.order_id),
                        OrderStatus::Unpaid => _ = unpaid.insert(&order.order_id),
                    }
                }
                EventKind::Minute(minute) => {
                    minute.gmv.into_iter().for_each(|gmv| gross.add(gmv));
                    totals.orders = totals.orders.saturating_add(minute.orders.unwrap_or(0));
                }
                _ => {}
            }
        }
        if kind == ImportKind::Orders {
            totals.orders = all.len() as u64;
        }
        totals.cancelled = cancelled.len() as u64;
        totals.refunded = refunded.len() as u64;
        totals.unpaid = unpaid.len() as u64;
        totals.gross_gmv = gross.amounts().collect();
        totals.net_gmv = net.amounts().collect();
        totals
    }
}

/// The `type` of an event that an import can make.
fn type_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Order(_) => "order",
        EventKind::Minute(_) => "minute",
        EventKind::Viewers { .. } => "viewers",
        EventKind::Like { .. } => "like",
        EventKind::Comment { .. } => "comment",
        EventKind::Share { .. } => "share",
        EventKind::Follow { .. } => "follow",
        EventKind::Gift { .. } => "gift",
        _ => "other",
    }
}
