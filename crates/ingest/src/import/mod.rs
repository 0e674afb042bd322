//! Importers: what sellers can download becomes a canonical event log and a report.
//!
//! Only columns that an event needs are read; every other cell is dropped as the file is parsed
//! and appears in no event, message or report, and messages never quote a cell. Who wrote a
//! comment becomes a keyed hash.

mod amount;
mod analytics;
mod chat;
mod clock;
mod comments;
mod file;
mod log;
mod orders;
mod privacy;
mod report;
mod table;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reprise_model::event::Event;
use reprise_model::{Currency, Error, Kind, Result, WallTime};
use serde::Serialize;

pub use self::clock::DateOrder;
pub use self::log::write_log;
pub use self::report::{ColumnUse, ImportReport, Totals};
use crate::tally::Tally;

/// What a file is an export of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// The platform's order export (CSV, XLSX).
    Orders,
    /// A table of comments: time, user, text (CSV, XLSX).
    Comments,
    /// A table of figures per minute (CSV, XLSX).
    Analytics,
    /// The JSON lines of a LIVE chat connector (plain, gzip, zstd).
    Chat,
}

impl ImportKind {
    /// All kinds, in the order in which help lists them.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Comments, Self::Analytics, Self::Chat];

    /// As the command line spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Comments => "comments",
            Self::Analytics => "analytics",
            Self::Chat => "chat",
        }
    }

    /// The fields that [`ImportOptions::columns`] may name, each with the columns looked for.
    pub fn fields(self) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
        let fields: &[table::Field] = match self {
            Self::Orders => &words::FIELDS,
            Self::Comments => &comments::FIELDS,
            Self::Analytics => &analytics::FIELDS,
            Self::Chat => &[],
        };
        fields.iter().map(|field| (field.name, field.columns))
    }
}

impl fmt::Display for ImportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ImportKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join("`, `");
            Error::new(Kind::Usage, format!("`{text}` cannot be imported; there are `{known}`"))
        })
    }
}

/// What an import takes and how it reads.
#[derive(Clone, PartialEq)]
pub struct ImportOptions {
    /// Zone of times that carry none: an IANA name or a fixed offset such as `UTC+7`. Default UTC.
    /// A zone in a column's own name (`Created Time (UTC+7)`) comes first.
    pub timezone: String,
    /// Only what happened at or after; needed for orders unless `whole_shop`. Default none.
    pub from: Option<WallTime>,
    /// Only what happened before; needed for orders unless `whole_shop`. Default none.
    pub to: Option<WallTime>,
    /// Only orders of these products, by product id, SKU id or seller SKU; an order's
    /// `product_id` is then the name used here. Default empty: all.
    pub products: Vec<String>,
    /// Currency of amounts that carry none. Default none: such rows are refused.
    pub currency: Option<Currency>,
    /// Take all that the files hold, whatever its time and product. Default false.
    pub whole_shop: bool,
    /// Key of the users' hashes: one key gives one user one hash. Default all zero, which anybody
    /// can guess: give a secret one.
    pub user_key: [u8; 32],
    /// Columns by field, for files that name them otherwise: (field, column). Default empty; the
    /// fields are those of [`ImportKind::fields`].
    pub columns: Vec<(String, String)>,
    /// How dates such as 5/11/2026 are read. Default none: as the file's own dates show, and an
    /// error where they do not.
    pub date_order: Option<DateOrder>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            timezone: "UTC".to_owned(),
            from: None,
            to: None,
            products: Vec::new(),
            currency: None,
            whole_shop: false,
            user_key: [0; 32],
            columns: Vec::new(),
            date_order: None,
        }
    }
}

// Written by hand: the key must not reach a log.
impl fmt::Debug for ImportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportOptions")
            .field("timezone", &self.timezone)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("products", &self.products)
            .field("currency", &self.currency)
            .field("whole_shop", &self.whole_shop)
            .field("columns", &self.columns)
            .field("date_order", &self.date_order)
            .finish_non_exhaustive()
    }
}

impl ImportOptions {
    /// Whether something that lasts from `at` for `lasts_us` microseconds is of the LIVE's time.
    fn in_time(&self, at: WallTime, lasts_us: i64) -> bool {
        let end = WallTime::from_micros(at.micros().saturating_add(lasts_us));
        let after = self.from.is_none_or(|from| at >= from || end > from);
        self.whole_shop || (after && self.to.is_none_or(|to| at < to))
    }
}

/// What an import made.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// By time; what happened at the same time stays in the order of the files.
    pub events: Vec<Event>,
    /// What was taken and skipped, with totals.
    pub report: ImportReport,
}

/// Reads `files`, all exports of one `kind`, into events.
///
/// # Errors
/// [`Kind::Missing`] for a file or a column that is not there, [`Kind::Usage`] where a setting is
/// wrong or needed (time zone, order of day and month, currency, the LIVE's time),
/// [`Kind::Malformed`] where no row can be read, [`Kind::Unsupported`] for other file formats,
/// [`Kind::Limit`] for files that are too large, [`Kind::Io`] where reading fails.
pub fn import(kind: ImportKind, files: &[PathBuf], options: &ImportOptions) -> Result<Imported> {
    if files.is_empty() {
        return Err(Error::new(Kind::Usage, "name at least one file to import"));
    }
    if let (Some(from), Some(to)) = (options.from, options.to)
        && from >= to
    {
        return Err(Error::new(Kind::Usage, format!("nothing lies between {from} and {to}")));
    }
    let mut work = Work {
        options,
        events: Vec::new(),
        bad: Tally::default(),
        other: Tally::default(),
        report: ImportReport::new(kind, options),
    };
    for path in files {
        work.report.files.push(path.display().to_string());
    }
    match kind {
        ImportKind::Orders => orders::import(files, &mut work)?,
        ImportKind::Comments => comments::import(files, &mut work)?,
        ImportKind::Analytics => analytics::import(files, &mut work)?,
        ImportKind::Chat => chat::import(files, &mut work)?,
    }
    work.finish()
}

/// An import under way.
struct Work<'a> {
    options: &'a ImportOptions,
    events: Vec<Event>,
    /// Rows that cannot be read.
    bad: Tally,
    /// Rows that can, but are not wanted.
    other: Tally,
    report: ImportReport,
}

impl Work<'_> {
    fn finish(mut self) -> Result<Imported> {
        if self.events.is_empty() && self.other.is_empty() && !self.bad.is_empty() {
            let message = format!("no row can be read: {}", self.bad.first_few(3));
            let file = self.report.files.first().cloned().unwrap_or_default();
            return Err(Error::new(Kind::Malformed, message).in_file(file));
        }
        self.events.sort_by_key(|event| event.at);
        self.report.skipped = self.other.into_skipped();
        self.report.skipped.extend(self.bad.into_skipped());
        self.report.summarise(&self.events);
        Ok(Imported { events: self.events, report: self.report })
    }

    /// Notes which columns of a table are used; the names of the others are listed, no more.
    fn note_table(&mut self, table: &table::Table) {
        for column in table.used() {
            if !self.report.columns_used.contains(&column) {
                self.report.columns_used.push(column);
            }
        }
        for name in &table.dropped {
            if !self.report.columns_dropped.contains(name) {
                self.report.columns_dropped.push(name.clone());
            }
        }
        for note in &table.notes {
            self.report.notes.push(format!("{}: {note}", table.file));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn columns_looked_for_are_in_the_form_they_are_compared_in() {
        for kind in ImportKind::ALL {
            let mut seen = HashSet::new();
            for (field, columns) in kind.fields() {
                for column in columns {
                    assert_eq!(table::normal(column), *column, "{kind} {field}");
                    assert!(seen.insert(*column), "{kind}: {column} is looked for twice");
                }
            }
        }
    }
}
