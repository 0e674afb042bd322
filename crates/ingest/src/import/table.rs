//! A table of an export: finds the header, keeps the cells of the columns asked for, drops all
//! others as they come.

use std::path::{Path, PathBuf};

use jiff::civil;
use reprise_model::{Error, Kind, Result};

use super::amount;
use super::file;
use super::report::ColumnUse;

/// Most rows of one table, as many as a spreadsheet can have; each takes some 500 bytes.
const ROWS_MAX: usize = 1 << 20;
/// Rows in which the header is looked for; exports put titles above it.
const HEADER_ROWS: usize = 20;
/// What exports write for "nothing".
const BLANKS: [&str; 7] = ["-", "--", "—", "/", "n/a", "na", "null"];

/// A column that an importer looks for.
#[derive(Debug)]
pub(super) struct Field {
    /// As `ImportOptions::columns` names it.
    pub(super) name: &'static str,
    /// Names a file may give it, best first, in the form of [`normal`].
    pub(super) columns: &'static [&'static str],
    /// Whether a table without it is not one of this kind.
    pub(super) required: bool,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Nothing, or a sign for nothing.
    Empty,
    /// Text without surrounding space.
    Text(String),
    /// A number of a spreadsheet.
    Number(f64),
    /// A date of a spreadsheet, without a zone.
    Date(civil::DateTime),
}

impl Cell {
    /// From the text of a file.
    pub(super) fn text(text: &str) -> Self {
        let space = |c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}';
        let text = text.trim_matches(space);
        // Exports keep spreadsheets from turning numbers into floats by ="..." or a leading '.
        let text = text.strip_prefix("=\"").and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let text = text.strip_prefix('\'').unwrap_or(text).trim_matches(space);
        if text.is_empty() || BLANKS.iter().any(|blank| text.eq_ignore_ascii_case(blank)) {
            Self::Empty
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// Its text; empty where it is none.
    pub(super) fn as_text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// The number or code of an order, product or SKU; `None` for an empty cell.
    ///
    /// # Errors
    /// A spreadsheet that keeps a long number as a float has lost its last digits; two orders
    /// would become one.
    pub(super) fn id(&self) -> std::result::Result<Option<String>, &'static str> {
        const ROUNDED: &str = "a spreadsheet has rounded the number of the order or product; \
                               import the export as it was downloaded";
        match self {
            Self::Empty => Ok(None),
            Self::Text(text) => match text.split_once(['E', 'e']) {
                Some((digits, power))
                    if power.starts_with('+')
                        && power[1..].bytes().all(|b| b.is_ascii_digit())
                        && digits.bytes().all(|b| b.is_ascii_digit() || b".,".contains(&b)) =>
                {
                    Err(ROUNDED)
                }
                _ => Ok(Some(text.clone())),
            },
            Self::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Ok(Some(format!("{number:.0}")))
            }
            Self::Number(_) | Self::Date(_) => Err(ROUNDED),
        }
    }
}

/// A row of data.
#[derive(Debug)]
pub(super) struct Row {
    /// Line of the file, or row of the sheet, from 1.
    pub(super) line: u64,
    /// One for each field, in the fields' order.
    pub(super) cells: Vec<Cell>,
    /// Whether it has more cells than the header: then what stands where is not certain.
    pub(super) shifted: bool,
}

/// A table, reduced to the columns asked for.
#[derive(Debug)]
pub(super) struct Table {
    /// As messages name the file.
    pub(super) file: String,
    fields: &'static [Field],
    /// For each field the column's name, as the file has it.
    columns: Vec<Option<String>>,
    /// Names of the columns that were not read.
    pub(super) dropped: Vec<String>,
    /// The rows below the header.
    pub(super) rows: Vec<Row>,
    /// What else is to be known.
    pub(super) notes: Vec<String>,
}

impl Table {
    /// Reads the table at `path`; `overrides` name columns by field.
    pub(super) fn read(
        path: &Path,
        fields: &'static [Field],
        overrides: &[(String, String)],
    ) -> Result<Self> {
        for (field, _) in overrides {
            if !fields.iter().any(|known| known.name == field) {
                let names: Vec<&str> = fields.iter().map(|known| known.name).collect();
                let message = format!("`{field}` is no field; the fields are {}", names.join(", "));
                return Err(Error::new(Kind::Usage, message));
            }
        }
        let mut builder = Builder::new(path.display().to_string(), fields, overrides);
        file::read(path, &mut builder)?;
        builder.finish()
    }

    /// Index of a field among the cells of a row.
    pub(super) fn field(&self, name: &str) -> usize {
        self.fields.iter().position(|field| field.name == name).unwrap_or(usize::MAX)
    }

    /// Whether the file has a column for the field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    /// The file's name of a field's column.
    pub(super) fn column(&self, name: &str) -> Option<&str> {
        self.columns.get(self.field(name))?.as_deref()
    }

    /// A cell by field; empty where the file has no such column.
    pub(super) fn cell<'a>(&self, row: &'a Row, name: &str) -> &'a Cell {
        row.cells.get(self.field(name)).unwrap_or(&Cell::Empty)
    }

    /// The rows without a first one that tells in words what the columns are, which is noted.
    pub(super) fn data_rows(&self, time: &str, notes: &mut Vec<String>) -> &[Row] {
        let in_words = |cell: &Cell| {
            let text = cell.as_text();
            !text.is_empty() && !text.contains(|c: char| c.is_numeric())
        };
        let no_number = |cell: &Cell| !matches!(amount::count(cell), Ok(Some(_)));
        match self.rows.as_slice() {
            [first, rest @ ..]
                if in_words(self.cell(first, time)) && first.cells.iter().all(no_number) =>
            {
                notes.push(format!("{}: row {} describes the columns", self.file, first.line));
                rest
            }
            rows => rows,
        }
    }

    /// Which column is read as which field.
    pub(super) fn used(&self) -> impl Iterator<Item = ColumnUse> + '_ {
        let columns = self.fields.iter().zip(&self.columns);
        columns.filter_map(|(field, column)| {
            let (field, column) = (field.name.to_owned(), column.clone()?);
            Some(ColumnUse { field, column })
        })
    }
}

/// Reads every file before the first row is imported, so that a missing one is told at once.
pub(super) fn read_all(
    files: &[PathBuf],
    fields: &'static [Field],
    overrides: &[(String, String)],
) -> Result<Vec<Table>> {
    files.iter().map(|path| Table::read(path, fields, overrides)).collect()
}

/// A column's name for comparing: lower case, without what stands in brackets, words apart by one
/// space.
pub(super) fn normal(name: &str) -> String {
    let mut depth = 0usize;
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '(' | '[' | '（' => depth += 1,
            ')' | ']' | '）' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if c.is_alphanumeric() || is_mark(c) => out.extend(c.to_lowercase()),
            _ => out.push(' '),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Vowel and tone marks of Thai, which are no letters of their own.
fn is_mark(c: char) -> bool {
    ('\u{0e31}'..='\u{0e4e}').contains(&c)
}

/// Takes raw rows, finds the header, keeps what is asked for.
pub(super) struct Builder<'a> {
    pub(super) table: Table,
    overrides: &'a [(String, String)],
    /// For each column of the file the field it is read as.
    targets: Option<Vec<Option<usize>>>,
    full: bool,
    looked_at: usize,
    /// The row that came closest to a header: how many fields it has, which required one it lacks.
    closest: (usize, Option<&'static Field>),
    missing_override: Option<String>,
}

impl<'a> Builder<'a> {
    fn new(file: String, fields: &'static [Field], overrides: &'a [(String, String)]) -> Self {
        let table = Table {
            file,
            fields,
            columns: vec![None; fields.len()],
            dropped: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        };
        Self {
            table,
            overrides,
            targets: None,
            full: false,
            looked_at: 0,
            closest: (0, None),
            missing_override: None,
        }
    }

    /// Whether more rows are of use.
    pub(super) fn wants_more(&self) -> bool {
        !self.full && (self.targets.is_some() || self.looked_at < HEADER_ROWS)
    }

    /// Whether a header was found.
    pub(super) fn has_header(&self) -> bool {
        self.targets.is_some()
    }

    /// Starts another sheet.
    pub(super) fn restart(&mut self) {
        if self.targets.is_none() {
            self.looked_at = 0;
        }
    }

    pub(super) fn push(&mut self, line: u64, cells: &[Cell]) {
        if cells.iter().all(|cell| *cell == Cell::Empty) {
            return;
        }
        let Some(targets) = &self.targets else {
            self.looked_at += 1;
            return self.try_header(cells);
        };
        if self.table.rows.len() >= ROWS_MAX {
            self.full = true;
            return;
        }
        let mut kept = vec![Cell::Empty; self.table.fields.len()];
        for (cell, target) in cells.iter().zip(targets) {
            if let Some(slot) = target.and_then(|index| kept.get_mut(index)) {
                *slot = cell.clone();
            }
        }
        let shifted = cells.iter().skip(targets.len()).any(|cell| *cell != Cell::Empty);
        self.table.rows.push(Row { line, cells: kept, shifted });
    }

    fn try_header(&mut self, cells: &[Cell]) {
        let names: Vec<String> = cells.iter().map(|cell| normal(cell.as_text())).collect();
        let mut columns = vec![None; self.table.fields.len()];
        let mut missing_override = None;
        for (field, column) in self.table.fields.iter().zip(&mut columns) {
            let stated = self.overrides.iter().find(|(name, _)| name == field.name);
            *column = match stated {
                Some((_, name)) => names.iter().position(|known| *known == normal(name)),
                None => field.columns.iter().find_map(|c| names.iter().position(|n| n == c)),
            };
            if let (Some((_, name)), None) = (stated, *column) {
                missing_override = Some(name.clone());
            }
        }
        let found = columns.iter().flatten().count();
        let fields = self.table.fields.iter().zip(&columns);
        let lacking = fields
            .filter(|(field, column)| field.required && column.is_none())
            .map(|(f, _)| f)
            .next();
        if lacking.is_some() || missing_override.is_some() {
            if found > self.closest.0 {
                self.closest = (found, lacking);
                self.missing_override = missing_override;
            }
            return;
        }
        let mut targets = vec![None; cells.len()];
        for (index, column) in columns.iter().enumerate() {
            if let Some(column) = *column
                && let (Some(target), Some(cell)) = (targets.get_mut(column), cells.get(column))
            {
                *target = Some(index);
                self.table.columns[index] = Some(cell.as_text().to_owned());
            }
        }
        let dropped = cells.iter().zip(&targets).filter(|(_, target)| target.is_none());
        self.table.dropped = dropped
            .map(|(cell, _)| cell.as_text().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        self.targets = Some(targets);
    }

    fn finish(self) -> Result<Table> {
        if self.full {
            let message = format!("has more than {ROWS_MAX} rows; export a shorter time");
            return Err(Error::new(Kind::Limit, message).in_file(self.table.file));
        }
        if self.targets.is_some() {
            return Ok(self.table);
        }
        // The names of the columns are not told: without a known header they may be data.
        let message = match (self.missing_override, self.closest) {
            (Some(name), (1.., _)) => format!("has no column `{name}`"),
            (_, (1.., Some(field))) => format!(
                "has no column for `{0}`; one of these is looked for: {1}; where it has another \
                 name, set the column of `{0}`",
                field.name,
                field.columns.join(", ")
            ),
            _ => {
                let needed = self.table.fields.iter().filter(|field| field.required);
                let names: Vec<&str> = needed.map(|field| field.name).collect();
                format!(
                    "has no header with columns for {} in its first {HEADER_ROWS} rows; where they \
                     have other names, set the columns",
                    names.join(", ")
                )
            }
        };
        Err(Error::new(Kind::Missing, message).in_file(self.table.file))
    }
}
