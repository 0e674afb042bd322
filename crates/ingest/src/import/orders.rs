//! Imports the platform's order export: one event for each line of an order.
//!
//! The export covers the whole shop and names its buyers. Only orders of the LIVE's time and
//! products are taken, and of each only numbers, products, amounts, states and times.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use reprise_model::event::{Event, EventKind, Order, OrderStatus};
use reprise_model::{Currency, Error, Kind, Money, Result, WallTime};
use serde_json::{Map, Value};

use super::amount;
use super::clock::{self, Clock, Stamp};
use super::table::{Cell, Row, Table, normal, read_all};
use super::words::{FIELDS, status_of};
use super::{ImportOptions, Work};
use crate::events::{SKU_FIELD, order_fault};

/// Field under which a line that was given back in part says how many units.
const RETURNED_FIELD: &str = "returned_quantity";
const NO_CURRENCY: &str = amount::Fault::NoCurrency.reason();

pub(super) fn import(files: &[PathBuf], work: &mut Work) -> Result<()> {
    let options = work.options;
    if !options.whole_shop && (options.from.is_none() || options.to.is_none()) {
        let message = "an order export covers the whole shop: say from when to when the LIVE was, \
                       or ask for the whole shop";
        return Err(Error::new(Kind::Usage, message));
    }
    let zone = options_zone(options)?;
    let mut lines: Vec<Line> = Vec::new();
    let mut known: HashMap<(String, String), usize> = HashMap::new();
    let mut no_currency = false;
    for (file, table) in read_all(files, &FIELDS, &options.columns)?.iter().enumerate() {
        let rows = TableRows::of(table, work, &zone)?;
        for row in rows.rows {
            work.report.rows += 1;
            let read = rows.line(row, options);
            let line = match read {
                Ok(Some(line)) => line,
                Ok(None) => {
                    let reason = "not of the LIVE's time or products";
                    work.other.add(reason, &table.file, row.line);
                    continue;
                }
                Err(reason) => {
                    no_currency |= reason == NO_CURRENCY;
                    work.bad.add(reason, &table.file, row.line);
                    continue;
                }
            };
            let line = Line { file, ..line };
            let key = (line.order.order_id.clone(), line.product_key.clone());
            match known.get(&key).and_then(|&index| lines.get_mut(index)) {
                None => {
                    known.insert(key, lines.len());
                    lines.push(line);
                }
                Some(first) => work.other.add(first.join(line), &table.file, row.line),
            }
        }
    }
    if lines.is_empty() && no_currency {
        let message = "the amounts have no currency; set the currency of the shop";
        let file = files.first().map(|path| path.display().to_string()).unwrap_or_default();
        return Err(Error::new(Kind::Usage, message).in_file(file));
    }
    let partial = lines.iter().filter(|line| line.extra.contains_key(RETURNED_FIELD)).count();
    if partial > 0 {
        work.report.notes.push(format!(
            "{partial} order lines were given back in part; net GMV counts them whole"
        ));
    }
    work.events = lines.into_iter().map(Line::into_event).collect();
    Ok(())
}

/// The zone of times that carry none.
pub(super) fn options_zone(options: &ImportOptions) -> Result<TimeZone> {
    clock::zone(&options.timezone).ok_or_else(|| {
        let message = format!(
            "`{}` is no known time zone; write an IANA name such as `Asia/Jakarta`, or `UTC+7`",
            options.timezone
        );
        Error::new(Kind::Usage, message)
    })
}

/// One line of an order, before repeats are joined.
struct Line {
    file: usize,
    product_key: String,
    at: WallTime,
    order: Order,
    extra: Map<String, Value>,
}

impl Line {
    /// Takes in another row of the same order and SKU; says what was done with it.
    fn join(&mut self, other: Self) -> &'static str {
        let (mine, theirs) = (&mut self.order, other.order);
        let same_figures = mine.quantity == theirs.quantity && mine.amount == theirs.amount;
        if same_figures && mine.status == theirs.status {
            return "the same row again";
        }
        if !same_figures
            && self.file == other.file
            && mine.amount.currency == theirs.amount.currency
        {
            mine.quantity = mine.quantity.saturating_add(theirs.quantity);
            mine.amount.value = mine.amount.value.saturating_add(theirs.amount.value);
            return "added to the row of the same order and SKU";
        }
        // Two exports of one order: an order only moves from unpaid to paid to its end.
        let progress = |status: OrderStatus| match status {
            OrderStatus::Unpaid => 0,
            OrderStatus::Paid => 1,
            OrderStatus::Cancelled | OrderStatus::Refunded => 2,
        };
        if progress(theirs.status) > progress(mine.status) {
            *mine = theirs;
            self.extra = other.extra;
        }
        "another state of the same order and SKU; the latest is kept"
    }

    fn into_event(self) -> Event {
        Event { at: self.at, kind: EventKind::Order(self.order), extra: self.extra }
    }
}

/// A table whose times were read and whose order of day and month is settled.
struct TableRows<'a> {
    table: &'a Table,
    rows: &'a [Row],
    clock: Clock,
    zones: [TimeZone; 2],
    /// Rows of each order, where the order's amount must serve as that of its only line.
    order_rows: Option<HashMap<String, u32>>,
}

impl<'a> TableRows<'a> {
    fn of(table: &'a Table, work: &mut Work, zone: &TimeZone) -> Result<Self> {
        work.note_table(table);
        if !table.has("amount") && !table.has("order_amount") {
            let message = "has no column for `amount` (SKU Subtotal After Discount) or \
                           `order_amount` (Order Amount); set the column of `amount`";
            return Err(Error::new(Kind::Missing, message).in_file(&table.file));
        }
        if !table.has("product_id") && !table.has("sku_id") && !table.has("seller_sku") {
            let message = "has no column for `product_id`, `sku_id` or `seller_sku`; set one";
            return Err(Error::new(Kind::Missing, message).in_file(&table.file));
        }
        let rows = table.data_rows("created", &mut work.report.notes);
        if !table.has("quantity") {
            work.report.notes.push(format!(
                "{}: no column for quantity; each row counts as one unit",
                table.file
            ));
        }
        let stamps: Vec<(u64, Stamp)> = rows
            .iter()
            .flat_map(|row| {
                ["created", "paid", "cancelled"].map(|name| (row.line, table.cell(row, name)))
            })
            .filter_map(|(line, cell)| Some((line, clock::parse(cell)?)))
            .collect();
        let stamps = stamps.iter().map(|(line, stamp)| (*line, stamp));
        let clock = Clock::settle(stamps, work.options.date_order, &table.file)?;
        let zones = ["created", "paid"].map(|name| {
            table.column(name).and_then(clock::zone_in_name).unwrap_or_else(|| zone.clone())
        });
        let order_rows = (!table.has("amount")).then(|| {
            let mut counts = HashMap::new();
            for row in rows {
                if let Ok(Some(id)) = table.cell(row, "order_id").id() {
                    *counts.entry(id).or_default() += 1;
                }
            }
            counts
        });
        Ok(Self { table, rows, clock, zones, order_rows })
    }

    /// Reads one row; `None` where it is not of the LIVE.
    fn line(
        &self,
        row: &Row,
        options: &ImportOptions,
    ) -> std::result::Result<Option<Line>, &'static str> {
        let cell = |name| self.table.cell(row, name);
        if row.shifted {
            return Err("has more cells than the header");
        }
        let order_id = cell("order_id").id()?.ok_or("has no order id")?;
        let created = self.time(cell("created"), 0)?.ok_or("has no time of creation")?;
        if !options.in_time(created, 0) {
            return Ok(None);
        }
        let sku_id = cell("sku_id").id()?;
        let names = [cell("product_id").id()?, sku_id.clone(), cell("seller_sku").id()?];
        let mut names = names.into_iter().flatten();
        let product_id = if options.whole_shop || options.products.is_empty() {
            names.next()
        } else {
            match names.find(|name| options.products.contains(name)) {
                Some(name) => Some(name),
                None => return Ok(None),
            }
        };
        let quantity = match cell("quantity") {
            _ if !self.table.has("quantity") => 1,
            cell => amount::count(cell)
                .map_err(|_| "the quantity is no whole number")?
                .ok_or("has no quantity")?,
        };
        let amount = self.amount(row, &order_id, options)?;
        let paid_at = self.time(cell("paid"), 1)?;
        let mut status = self.status(row, paid_at.is_some())?;
        let mut extra = Map::new();
        let returned = amount::count(cell("returned")).ok().flatten().unwrap_or(0);
        let return_type = normal(cell("return_type").as_text());
        if (1..quantity).contains(&returned) {
            extra.insert(RETURNED_FIELD.to_owned(), Value::from(returned));
        } else if status != OrderStatus::Cancelled
            && (returned > 0 || ["return", "refund"].iter().any(|word| return_type.contains(word)))
        {
            status = OrderStatus::Refunded;
        }
        let product_key = sku_id.clone().or_else(|| product_id.clone()).unwrap_or_default();
        if let Some(sku_id) = sku_id {
            extra.insert(SKU_FIELD.to_owned(), Value::from(sku_id));
        }
        let created_at = Some(created);
        let order = Order { order_id, product_id, quantity, amount, status, created_at, paid_at };
        match order_fault(&order) {
            Some(fault) => Err(fault),
            None => Ok(Some(Line { file: 0, product_key, at: created, order, extra })),
        }
    }

    fn time(
        &self,
        cell: &Cell,
        zone: usize,
    ) -> std::result::Result<Option<WallTime>, &'static str> {
        match (cell, clock::parse(cell)) {
            (Cell::Empty, _) => Ok(None),
            (_, None) => Err("a time cannot be read"),
            (_, Some(stamp)) => self.clock.wall(&stamp, &self.zones[zone]).map(Some),
        }
    }

    fn amount(
        &self,
        row: &Row,
        order_id: &str,
        options: &ImportOptions,
    ) -> std::result::Result<Money, &'static str> {
        let stated = match self.table.cell(row, "currency") {
            Cell::Empty => options.currency,
            cell => Some(Currency::parse(cell.as_text()).ok_or("the currency is no code")?),
        };
        let name = match &self.order_rows {
            None => "amount",
            Some(counts) if counts.get(order_id).is_none_or(|count| *count < 2) => "order_amount",
            Some(_) => {
                return Err("the file says only what the whole order of several lines costs");
            }
        };
        let money = amount::money(self.table.cell(row, name), stated);
        money.map_err(amount::Fault::reason)?.ok_or("has no amount")
    }

    fn status(&self, row: &Row, paid: bool) -> std::result::Result<OrderStatus, &'static str> {
        let cancelled = *self.table.cell(row, "cancelled") != Cell::Empty;
        let by_times = match (cancelled, paid) {
            (true, _) => OrderStatus::Cancelled,
            (false, true) => OrderStatus::Paid,
            (false, false) => OrderStatus::Unpaid,
        };
        match self.table.cell(row, "status") {
            Cell::Text(text) => status_of(text).or((cancelled || paid).then_some(by_times)),
            _ if self.table.has("paid") => Some(by_times),
            _ => None,
        }
        .ok_or("the status of the order is not known")
    }
}
