//! Reads CSV and XLSX tables: finds the header, keeps the cells of the columns asked for, drops
//! all others as they are parsed.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use calamine::{DataRef, Reader, Xlsx};
use jiff::civil;
use reprise_model::{Error, Kind, Result};

use super::amount;
use super::report::ColumnUse;

/// Largest table in bytes, 512 MiB (an order line is some 500 bytes).
const TABLE_MAX: u64 = 512 << 20;
/// Largest spreadsheet in bytes, 64 MiB: it is compressed, and its texts are held at once.
const SHEET_MAX: u64 = 64 << 20;
/// Rows in which the header is looked for; exports put titles above it.
const HEADER_ROWS: usize = 20;
/// Columns of a spreadsheet beyond which cells are not read.
const COLUMNS_MAX: usize = 1024;
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
    fn text(text: &str) -> Self {
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
        let file = path.display().to_string();
        for (field, _) in overrides {
            if !fields.iter().any(|known| known.name == field) {
                let names: Vec<&str> = fields.iter().map(|known| known.name).collect();
                let message = format!("`{field}` is no field; the fields are {}", names.join(", "));
                return Err(Error::new(Kind::Usage, message));
            }
        }
        let bytes = read_bytes(path, &file)?;
        let mut builder = Builder::new(file.clone(), fields, overrides);
        if bytes.starts_with(b"PK\x03\x04") {
            read_sheets(bytes, &mut builder)?;
        } else if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            let message = "is an old .xls file; save it as .xlsx or .csv";
            return Err(Error::new(Kind::Unsupported, message).in_file(file));
        } else if bytes.trim_ascii_start().starts_with(b"<") {
            let message = "is HTML or XML, not a table; save it as .xlsx or .csv";
            return Err(Error::new(Kind::Unsupported, message).in_file(file));
        } else {
            read_text(bytes, &mut builder)?;
        }
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
struct Builder<'a> {
    table: Table,
    overrides: &'a [(String, String)],
    /// For each column of the file the field it is read as.
    targets: Option<Vec<Option<usize>>>,
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
            looked_at: 0,
            closest: (0, None),
            missing_override: None,
        }
    }

    /// Whether more rows are of use.
    fn wants_more(&self) -> bool {
        self.targets.is_some() || self.looked_at < HEADER_ROWS
    }

    /// Starts another sheet.
    fn restart(&mut self) {
        if self.targets.is_none() {
            self.looked_at = 0;
        }
    }

    fn push(&mut self, line: u64, cells: &[Cell]) {
        if cells.iter().all(|cell| *cell == Cell::Empty) {
            return;
        }
        let Some(targets) = &self.targets else {
            self.looked_at += 1;
            return self.try_header(cells);
        };
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
        let lacking =
            fields.filter(|(field, column)| field.required && column.is_none()).map(|(f, _)| f).next();
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

fn read_bytes(path: &Path, name: &str) -> Result<Vec<u8>> {
    let io_error = |error| Error::io(name, error);
    let file = File::open(path).map_err(io_error)?;
    if file.metadata().map_err(io_error)?.is_dir() {
        return Err(Error::new(Kind::Malformed, "is a folder, not a file").in_file(name));
    }
    let mut bytes = Vec::new();
    file.take(TABLE_MAX + 1).read_to_end(&mut bytes).map_err(io_error)?;
    let limit = if bytes.starts_with(b"PK") { SHEET_MAX } else { TABLE_MAX };
    if bytes.len() as u64 > limit {
        let message = format!("is larger than {limit} bytes; export a shorter time");
        return Err(Error::new(Kind::Limit, message).in_file(name));
    }
    Ok(bytes)
}

fn read_text(bytes: Vec<u8>, builder: &mut Builder) -> Result<()> {
    let text = decode(bytes, &mut builder.table.notes);
    // Some spreadsheets say the separator in a first line of its own.
    let stated = text.strip_prefix("sep=").and_then(|after| after.bytes().next());
    match stated.filter(u8::is_ascii_punctuation) {
        Some(separator) => {
            let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
            read_separated(rest, separator, 1, builder)
        }
        None => read_separated(&text, separator(&text), 0, builder),
    }
}

fn read_separated(text: &str, separator: u8, offset: u64, builder: &mut Builder) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut cells = Vec::new();
    // The parser's own lines are off where they end in CR and LF, so they are counted here.
    let (mut line, mut counted) = (1 + offset, 0);
    while builder.wants_more() {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let error = Error::new(Kind::Malformed, "is no table").caused_by(error);
                return Err(error.in_file(&builder.table.file));
            }
        }
        cells.clear();
        cells.extend(record.iter().map(Cell::text));
        let start = record.position().map_or(0, csv::Position::byte) as usize;
        let ends = text.as_bytes().iter().skip(start).take_while(|byte| b"\r\n".contains(byte));
        let start = start + ends.count();
        let passed = text.as_bytes().get(counted..start).unwrap_or_default();
        line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        counted = start;
        builder.push(line, &cells);
    }
    Ok(())
}

/// The sign that separates the cells: the one that stands most often outside quotes in the first
/// lines.
fn separator(text: &str) -> u8 {
    let candidates = [b',', b';', b'\t', b'|'];
    let mut counts = [0usize; 4];
    let mut quoted = false;
    for byte in text.bytes().take(1 << 16) {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == b'\n' && !quoted && counts.iter().any(|count| *count > 1) {
            break;
        } else if let Some(index) = candidates.iter().position(|c| *c == byte && !quoted) {
            counts[index] += 1;
        }
    }
    let best = (0..4).rev().max_by_key(|index| counts[*index]).unwrap_or(0);
    candidates[best]
}

/// UTF-8 or UTF-16, with or without a mark; anything else with its strange letters replaced.
fn decode(bytes: Vec<u8>, notes: &mut Vec<String>) -> String {
    let zeros = |odd: usize| {
        let head = bytes.iter().take(64).skip(odd).step_by(2);
        head.clone().count() >= 4 && head.filter(|byte| **byte == 0).count() * 2 > 32.min(bytes.len() / 2)
    };
    let wide = if bytes.starts_with(b"\xff\xfe") || zeros(1) {
        Some(u16::from_le_bytes as fn([u8; 2]) -> u16)
    } else if bytes.starts_with(b"\xfe\xff") || zeros(0) {
        Some(u16::from_be_bytes as fn([u8; 2]) -> u16)
    } else {
        None
    };
    let text = match wide {
        Some(from_bytes) => {
            let units = bytes.as_chunks::<2>().0.iter().map(|pair| from_bytes(*pair));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        None => String::from_utf8(bytes).unwrap_or_else(|error| {
            notes.push("is not UTF-8; letters that cannot be read were replaced".to_owned());
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }),
    };
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

fn read_sheets(bytes: Vec<u8>, builder: &mut Builder) -> Result<()> {
    let file = builder.table.file.clone();
    // The spreadsheet library is not written for hostile files; a panic in it is the file's fault.
    let outcome = catch_unwind(AssertUnwindSafe(|| walk_sheets(bytes, builder)));
    let error = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => Error::new(Kind::Malformed, "the spreadsheet is damaged").caused_by(error),
        Err(_) => Error::new(Kind::Malformed, "the spreadsheet is damaged"),
    };
    Err(error.in_file(file))
}

fn walk_sheets(bytes: Vec<u8>, builder: &mut Builder) -> Result<(), calamine::XlsxError> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes))?;
    for name in book.sheet_names() {
        builder.restart();
        let mut reader = book.worksheet_cells_reader(&name)?;
        let (mut cells, mut row) = (Vec::new(), 0);
        while let Some(cell) = reader.next_cell()? {
            let (cell_row, column) = cell.get_position();
            if cell_row != row {
                builder.push(u64::from(row) + 1, &cells);
                cells.clear();
                row = cell_row;
                if !builder.wants_more() {
                    break;
                }
            }
            let column = column as usize;
            if column < COLUMNS_MAX {
                if cells.len() <= column {
                    cells.resize(column + 1, Cell::Empty);
                }
                cells[column] = sheet_cell(cell.get_value());
            }
        }
        builder.push(u64::from(row) + 1, &cells);
        if builder.targets.is_some() {
            break;
        }
    }
    Ok(())
}

fn sheet_cell(value: &DataRef) -> Cell {
    match value {
        DataRef::Int(number) => Cell::Text(number.to_string()),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(text) => Cell::text(text),
        DataRef::SharedString(text) => Cell::text(text),
        DataRef::DateTimeIso(text) => Cell::text(text),
        DataRef::DateTime(date) if date.is_datetime() => {
            let (year, month, day, hour, minute, second, milli) = date.to_ymd_hms_milli();
            let small = |value: u8| i8::try_from(value).unwrap_or(-1);
            let year = i16::try_from(year).unwrap_or(-1);
            civil::DateTime::new(
                year,
                small(month),
                small(day),
                small(hour),
                small(minute),
                small(second),
                i32::from(milli) * 1_000_000,
            )
            .map_or(Cell::Text("no date".to_owned()), Cell::Date)
        }
        DataRef::DateTime(other) => Cell::Number(other.as_f64()),
        DataRef::Bool(value) => Cell::Text(value.to_string()),
        DataRef::DurationIso(text) => Cell::text(text),
        DataRef::Error(_) | DataRef::Empty => Cell::Empty,
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
