//! What the command prints: JSON on standard output, everything for people on standard error.

use std::io::Write;

use reprise_model::{Error, Kind, Result};
use serde::Serialize;

use crate::log;

/// A line for people.
pub fn say(line: &str) {
    say_at("INFO", line);
}

/// What went wrong, for people.
pub fn say_error(line: &str) {
    say_at("ERROR", line);
}

fn say_at(level: &str, line: &str) {
    if !log::as_json(level, line) {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// The one JSON document of a command.
pub fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::new(Kind::Bug, "the result cannot be written as JSON").caused_by(e))?;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::io("standard output", error)),
        Ok(()) => Ok(()),
    }
}

/// One line of standard output; `false` where its reader has gone.
pub fn line(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::io("standard output", error)),
        Ok(()) => Ok(true),
    }
}

/// Rows in aligned columns for people; the first row is the heading.
pub fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            rows.iter().filter_map(|row| row.get(c)).map(|t| t.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        say(line.trim_end());
    }
}
