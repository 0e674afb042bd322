//! What a job's child logs: passed on with the job's fields, and its end kept for the record.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Mutex, PoisonError};

use reprise_queue::LOG_TAIL_MAX;
use serde_json::{Map, Value};

/// What is kept of a line, bytes; the rest is passed over, so that one line does not push out all others.
const LINE_MAX: u64 = 4 << 10;

/// The last lines, at most [`LOG_TAIL_MAX`] bytes. Whole ones, so that no half of an address stays
/// without the half that says what it is.
#[derive(Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, mut line: String) {
        line.push('\n');
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > LOG_TAIL_MAX {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.len();
        }
    }

    /// All that is kept.
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(String::as_str).collect()
    }
}

/// Reads a child's log to its end.
pub(super) fn pass_on(log: impl Read, tail: &Mutex<Tail>) {
    let mut lines = BufReader::new(log);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines).take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return,
        }
        if !line.ends_with(b"\n") && lines.skip_until(b'\n').is_err() {
            return;
        }
        let said = Said::of(String::from_utf8_lossy(&line).trim_end());
        if said.text.is_empty() {
            continue;
        }
        // The worker's own filter decides what is shown.
        match said.level {
            Level::Error => tracing::error!("{}", said.text),
            Level::Warn => tracing::warn!("{}", said.text),
            Level::Info => tracing::info!("{}", said.text),
            Level::Debug => tracing::debug!("{}", said.text),
        }
        tail.lock().unwrap_or_else(PoisonError::into_inner).push(said.line());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// One line of a log.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    level: Level,
    text: String,
}

impl Said {
    /// A line of JSON as this program logs it; whatever else is written, by a library or a panic, is a
    /// warning.
    fn of(line: &str) -> Self {
        let plain = || Self { level: Level::Warn, text: line.to_owned() };
        let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(line) else {
            return plain();
        };
        let level = match fields.remove("level").as_ref().and_then(Value::as_str) {
            Some("ERROR") => Level::Error,
            Some("WARN") => Level::Warn,
            Some("INFO") => Level::Info,
            Some("DEBUG" | "TRACE") => Level::Debug,
            _ => return plain(),
        };
        let Some(Value::String(message)) = fields.remove("message") else { return plain() };
        ["timestamp", "span", "spans", "target"].iter().for_each(|name| drop(fields.remove(*name)));
        Self { level, text: message + &told(&fields) }
    }

    /// As a log for people has it.
    fn line(&self) -> String {
        let level = match self.level {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        };
        format!("{level} {}", self.text)
    }
}

/// Fields behind a message.
fn told(fields: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.iter().map(|(name, value)| format!(" {name}={}", text(value))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_level_and_what_is_none_is_kept_too() {
        let json = r#"{"timestamp":"t","level":"INFO","message":"clips","total":4,"detail":"a b"}"#;
        let said = Said::of(json);
        assert_eq!((said.level, said.text.as_str()), (Level::Info, "clips detail=a b total=4"));
        assert_eq!(said.line(), "INFO clips detail=a b total=4");
        for line in ["thread 'main' panicked", "{}", "[1]", r#"{"level":"INFO"}"#, "{\"level\":"] {
            assert_eq!(Said::of(line), Said { level: Level::Warn, text: line.to_owned() });
        }
    }

    #[test]
    fn the_tail_is_bounded_and_of_whole_lines() {
        let line = |n: usize| format!("line {n} {}", "x".repeat(n % 300));
        let log: String = (0..2000).map(|n| line(n) + "\n").collect();
        let tail = Mutex::new(Tail::default());
        pass_on(log.as_bytes(), &tail);
        let text = tail.lock().unwrap().text();
        assert!(text.len() <= LOG_TAIL_MAX && text.len() > LOG_TAIL_MAX - 400, "{}", text.len());
        assert!(text.starts_with("WARN line ") && text.ends_with(&(line(1999) + "\n")));
        // A line without an end is one; one that is too long is cut, and the next is whole.
        let tail = Mutex::new(Tail::default());
        pass_on(format!("{}\nnext", "y".repeat(100_000)).as_bytes(), &tail);
        assert_eq!(tail.lock().unwrap().text(), format!("WARN {}\nWARN next\n", "y".repeat(4096)));
    }
}
