//! Reads the rows of CSV and XLSX files, whatever their encoding and separator.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{DataRef, Reader, Xlsx};
use jiff::civil;
use reprise_model::{Error, Kind, Result};

use super::table::{Builder, Cell};

/// Largest file in bytes, 256 MiB (an order line is some 500 bytes).
const FILE_MAX: u64 = 256 << 20;
/// Largest spreadsheet in bytes once it is unpacked, 512 MiB: its texts are held at once.
const UNPACKED_MAX: u64 = 512 << 20;
/// Columns of a spreadsheet beyond which cells are not read.
const COLUMNS_MAX: usize = 1024;

/// Reads the file at `path` row by row into `builder`.
pub(super) fn read(path: &Path, builder: &mut Builder) -> Result<()> {
    let name = builder.table.file.clone();
    let refused = |kind, message: &str| Err(Error::new(kind, message).in_file(name.clone()));
    let io_error = |error| Error::io(name.clone(), error);
    let file = File::open(path).map_err(io_error)?;
    if file.metadata().map_err(io_error)?.is_dir() {
        return refused(Kind::Malformed, "is a folder, not a file");
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > FILE_MAX {
        return refused(Kind::Limit, "is larger than 256 MiB; export a shorter time");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        if unpacked_size(&bytes) > UNPACKED_MAX {
            return refused(Kind::Limit, "is larger than 512 MiB unpacked; export a shorter time");
        }
        read_sheets(bytes, builder)
    } else if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        refused(Kind::Unsupported, "is an old .xls file; save it as .xlsx or .csv")
    } else if bytes.trim_ascii_start().starts_with(b"<") {
        refused(Kind::Unsupported, "is HTML or XML, not a table; save it as .xlsx or .csv")
    } else {
        read_text(bytes, builder)
    }
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
        head.clone().count() >= 4
            && head.filter(|byte| **byte == 0).count() * 2 > 32.min(bytes.len() / 2)
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
        Ok(Err(error)) => {
            Error::new(Kind::Malformed, "the spreadsheet is damaged").caused_by(error)
        }
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
        if builder.has_header() {
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

/// What a ZIP archive's parts come to, in bytes; counting ends past [`UNPACKED_MAX`]. The sizes that
/// an archive states may be wrong, so the parts are unpacked, and not kept.
fn unpacked_size(bytes: &[u8]) -> u64 {
    let number = |at: usize, length: usize| {
        let field = bytes.get(at..at.checked_add(length)?)?;
        Some(field.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06");
    let mut entry = end.and_then(|end| number(end + 16, 4)).unwrap_or(bytes.len());
    let mut total = 0;
    while bytes.get(entry..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
        let sizes = [20, 28, 30, 32, 42]
            .map(|at| number(entry + at, if at == 20 || at == 42 { 4 } else { 2 }));
        let [Some(packed), Some(name), Some(extra), Some(comment), Some(local)] = sizes else {
            break;
        };
        let skipped = [26, 28].map(|at| number(local.saturating_add(at), 2).unwrap_or(0));
        let start = local.saturating_add(30 + skipped[0] + skipped[1]).min(bytes.len());
        let data = &bytes[start..start.saturating_add(packed).min(bytes.len())];
        total += match number(entry + 10, 2) {
            Some(8) => {
                let mut unpacked =
                    flate2::bufread::DeflateDecoder::new(data).take(UNPACKED_MAX + 1);
                let mut sink = Counter(0);
                // Damage ends the count; the reader of the spreadsheet will tell it.
                let _ = io::copy(&mut unpacked, &mut sink);
                sink.0
            }
            _ => data.len() as u64,
        };
        if total > UNPACKED_MAX {
            break;
        }
        entry += 46 + name + extra + comment;
    }
    total
}

/// Counts what is written to it.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
