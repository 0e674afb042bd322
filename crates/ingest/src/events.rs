//! Reads canonical event logs: one JSON object a line, plain, gzip or zstd, in one pass.
//!
//! What cannot be read is reported with file, line and reason and never stops the rest; only where
//! the share of bad lines passes what the caller tolerates is the log refused. Blocks of lines are
//! parsed side by side and folded in the order of the file, so that the outcome does not depend on
//! the number of threads; what is kept grows with the LIVE and not with the files.

use std::borrow::Cow;

use rayon::prelude::*;
use reprise_model::event::{EVENT_TYPES, Event, EventKind, Order};
use reprise_model::outcome::EventsSummary;
use reprise_model::{Error, Kind, MediaDuration, Result, WallTime};
use reprise_segment::{Added, Observations};
use serde::Deserialize;
use serde_json::error::Category;

use crate::lines::{Block, Blocks, LINE_MAX, Line};
use crate::place::Location;
use crate::tally::Tally;

/// Most events of one session, 10 million (a full 13-hour LIVE has some 200,000); past it the log
/// is refused, so that a small compressed file cannot fill the memory.
pub const EVENTS_MAX: usize = 10_000_000;

/// How many bad lines an error names.
const NAMED: usize = 3;
/// Blocks that are held at a time, and as many again that are read meanwhile.
const BLOCKS_HELD: usize = 8;
/// The field by which an importer tells two lines of one order and product apart.
pub(crate) const SKU_FIELD: &str = "sku_id";

/// The events of a session.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    /// All events, folded.
    pub observations: Observations,
    /// Those that are kept whole ([`Observations::kept`]), by time; what happened at the same time
    /// stays in the order of the files.
    pub kept: Vec<Event>,
    /// How many lines were read and taken, and what was skipped for which reason.
    pub summary: EventsSummary,
    /// blake3 of the raw file; of several files, blake3 of their digests in the order given.
    pub digest: [u8; 32],
}

impl EventLog {
    /// Puts the log on the recording's clock, as [`Observations::align`] does.
    pub fn align(&mut self, zero: WallTime, duration: MediaDuration) {
        if self.observations.align(zero, duration) != MediaDuration::ZERO {
            self.kept = self.observations.kept();
        }
    }
}

/// Reads all `paths` as one log.
///
/// Skipped and counted by reason: bad lines (no JSON, wrong or missing fields, quantity 0, a
/// negative amount, longer than 1 MiB), unknown types, and repeated orders: the earliest row tells
/// when and how much, the one written last whether it was paid. Blank lines do not count.
/// `bad_line_share_max` (0 to 1) is the share of bad lines among all lines of all files that is
/// tolerated; unknown types and repeats are not bad. Compressed data that ends early is kept as far
/// as it goes, and reported.
///
/// # Errors
/// [`Kind::Missing`] for a file that is not there, [`Kind::Malformed`] above the tolerated share
/// and for compressed data of which nothing can be read, [`Kind::Unsupported`] for UTF-16,
/// [`Kind::Limit`] above [`EVENTS_MAX`], [`Kind::Io`] where reading fails; for an address as
/// [`Location::open`].
pub fn read_events<P: Clone + Into<Location>>(
    places: &[P],
    bad_line_share_max: f64,
) -> Result<EventLog> {
    let mut reader = Reader::default();
    let mut digests = Vec::with_capacity(places.len());
    for place in places {
        let mut blocks = Blocks::open(place.clone())?;
        reader.read_file(&mut blocks)?;
        digests.push(blocks.digest()?);
    }
    let bad_share = reader.bad_lines as f64 / reader.lines.max(1) as f64;
    if bad_share > bad_line_share_max {
        let message = format!(
            "{} of {} lines cannot be read ({:.1} %, tolerated are {:.1} %): {}",
            reader.bad_lines,
            reader.lines,
            bad_share * 100.0,
            bad_line_share_max * 100.0,
            reader.bad.first_few(NAMED),
        );
        let file = places.first().cloned().map(Into::into);
        let file = file.map(|place: Location| place.to_string()).unwrap_or_default();
        return Err(Error::new(Kind::Malformed, message).in_file(file));
    }
    let mut skipped = reader.bad.into_skipped();
    skipped.extend(reader.other.into_skipped());
    let taken = reader.observations.len();
    Ok(EventLog {
        kept: reader.observations.kept(),
        observations: reader.observations,
        summary: EventsSummary { lines: reader.lines, taken, skipped },
        digest: match digests.as_slice() {
            [one] => *one,
            many => *blake3::hash(many.as_flattened()).as_bytes(),
        },
    })
}

/// Why an order, or a line of one, cannot be what it says.
pub(crate) fn order_fault(order: &Order) -> Option<&'static str> {
    if order.order_id.trim().is_empty() {
        Some("`order_id` is empty")
    } else if order.quantity == 0 {
        Some("`quantity` must be at least 1")
    } else if order.amount.value.is_sign_negative() && !order.amount.value.is_zero() {
        Some("`amount` must not be negative")
    } else {
        None
    }
}

#[derive(Default)]
struct Reader {
    observations: Observations,
    lines: u64,
    bad_lines: u64,
    bad: Tally,
    other: Tally,
}

impl Reader {
    fn read_file(&mut self, blocks: &mut Blocks) -> Result<()> {
        let name = blocks.name().to_owned();
        let mut held = several(blocks)?;
        while !held.is_empty() {
            let (read, next) =
                rayon::join(|| held.par_iter().map(Read::of).collect(), || several(blocks));
            let read: Vec<Read> = read;
            for read in read {
                self.fold(read, &name)?;
            }
            held = next?;
        }
        Ok(())
    }

    /// Takes what a block says after all that came before it.
    fn fold(&mut self, read: Read, file: &str) -> Result<()> {
        if let Some(error) = read.nothing {
            return Err(Error::new(Kind::Malformed, "the compressed data cannot be read")
                .in_file(file)
                .caused_by(error));
        }
        self.lines += read.lines;
        for (number, skip) in read.skipped {
            match skip {
                Skip::Bad(reason) => {
                    self.bad_lines += 1;
                    self.bad.add(&reason, file, number);
                }
                Skip::Other(reason) => self.other.add(&reason, file, number),
            }
        }
        self.observations.merge(read.observations);
        for (number, event) in &read.orders {
            let reason = match self.observations.add(event) {
                Added::New => continue,
                Added::Repeat => "duplicate order",
                Added::Status => "duplicate order with another status; the one written last counts",
                Added::Differs => "duplicate order with other figures; the first is kept",
            };
            self.other.add(reason, file, *number);
        }
        if self.observations.len() > EVENTS_MAX as u64 {
            let message = format!("more than {EVENTS_MAX} events; split the session");
            return Err(Error::new(Kind::Limit, message).in_file(file).at_line(read.last));
        }
        Ok(())
    }
}

/// As many blocks as are held at a time; none at the end.
fn several(blocks: &mut Blocks) -> Result<Vec<Block>> {
    let mut out = Vec::new();
    while out.len() < BLOCKS_HELD {
        match blocks.next()? {
            Some(block) => out.push(block),
            None => break,
        }
    }
    Ok(out)
}

/// What a block says by itself.
#[derive(Default)]
struct Read {
    lines: u64,
    /// Number of the last line.
    last: u64,
    observations: Observations,
    /// With their lines: whether they repeat others shows only in the order of the file.
    orders: Vec<(u64, Event)>,
    skipped: Vec<(u64, Skip)>,
    /// Why not even the first line could be read.
    nothing: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why a line is not taken.
enum Skip {
    Bad(Cow<'static, str>),
    Other(Cow<'static, str>),
}

impl Read {
    fn of(block: &Block) -> Self {
        let mut read = Self::default();
        for (number, line) in block.lines() {
            read.last = number;
            match line {
                Line::Text(text) if text.iter().all(u8::is_ascii_whitespace) => continue,
                Line::Text(text) => {
                    if let Err(skip) = read.line(text, number) {
                        read.skipped.push((number, skip));
                    }
                }
                Line::TooLong => {
                    let reason = format!("is longer than {LINE_MAX} bytes");
                    read.skipped.push((number, Skip::Bad(reason.into())));
                }
                Line::Cut(error) if number == 1 => {
                    read.nothing = Some(error.to_string().into());
                    continue;
                }
                Line::Cut(_) => {
                    let reason = "the compressed data ends early or is damaged here; what came \
                                  before is kept";
                    read.skipped.push((number, Skip::Other(reason.into())));
                    continue;
                }
            }
            read.lines += 1;
        }
        read
    }

    fn line(&mut self, text: &[u8], number: u64) -> std::result::Result<(), Skip> {
        let event: Event = serde_json::from_slice(text).map_err(|error| {
            unknown_type(text).map_or_else(
                || Skip::Bad(reason(&error).into()),
                |name| Skip::Other(format!("unknown type `{name}`").into()),
            )
        })?;
        if let EventKind::Order(order) = &event.kind {
            if let Some(fault) = order_fault(order) {
                return Err(Skip::Bad(fault.into()));
            }
            self.orders.push((number, event));
        } else {
            self.observations.add(&event);
        }
        Ok(())
    }
}

/// The `type` of a line that is sound but for a type that is not known; at most 40 characters.
fn unknown_type(text: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        name: String,
    }
    let typed: Typed = serde_json::from_slice(text).ok()?;
    let known = EVENT_TYPES.contains(&typed.name.as_str());
    (!known).then(|| typed.name.chars().filter(|c| !c.is_control()).take(40).collect())
}

/// The error without what the line says: values would make every reason a different one, and they
/// are what people wrote.
fn reason(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {}
        Category::Eof => return "is cut off: the JSON does not end".to_owned(),
        Category::Syntax | Category::Io => return "is not JSON".to_owned(),
    }
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    // "invalid type: string "x", expected u64" becomes "invalid type: string, expected u64".
    match (text.split_once(": "), text.rsplit_once(", expected ")) {
        (Some((what, value)), Some((_, expected))) if what.starts_with("invalid ") => {
            let kinds = ["string", "integer", "floating point", "boolean", "map", "sequence"];
            let kind = kinds.into_iter().find(|kind| value.starts_with(kind));
            format!("{what}: {}, expected {expected}", kind.unwrap_or("other"))
        }
        _ => text.chars().take(200).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::fs;
    use std::io::Write;

    use reprise_segment::{Input, Settings, segment};

    use super::*;
    use crate::testing::Folder;

    const LIKE: &str = r#"{"at":"2026-11-20T12:00:03Z","type":"like","count":3}"#;

    fn order(at_s: u32, id: &str, product: &str, rest: &str) -> String {
        format!(
            r#"{{"at":"2026-11-20T12:00:{at_s:02}Z","type":"order","order_id":"{id}","product_id":"{product}","amount":{{"value":"9.90","currency":"USD"}}{rest}}}"#
        )
    }

    fn read(text: &str, share: f64) -> Result<EventLog> {
        let folder = Folder::new();
        read_events(&[folder.file("log.jsonl", text.as_bytes())], share)
    }

    fn skipped(log: &EventLog) -> Vec<(&str, u64)> {
        log.summary.skipped.iter().map(|s| (s.reason.as_str(), s.count)).collect()
    }

    #[test]
    fn what_is_kept_is_sorted_and_ties_keep_their_order() {
        let pin = |at_s: u32, product: &str| {
            format!(
                r#"{{"at":"2026-11-20T12:00:{at_s:02}Z","type":"pin","product_id":"{product}"}}"#
            )
        };
        let text = format!("{}\n\r\n{}\r\n{}\n{LIKE}", pin(9, "c"), pin(3, "a"), pin(3, "b"));
        let log = read(&text, 0.0).unwrap();
        let kept = |event: &Event| match &event.kind {
            EventKind::Pin { product_id } => product_id.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(log.kept.iter().map(kept).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((log.summary.lines, log.summary.taken), (4, 4));
    }

    #[test]
    fn threads_and_compression_do_not_matter() {
        let mut text = String::new();
        for n in 0..60_000u32 {
            let at = format!("2026-11-20T12:{:02}:{:02}.{:03}Z", n / 1000, n / 17 % 60, n % 1000);
            text += &match n % 5 {
                0 => order(n % 60, &(n % 7000).to_string(), "p", ""),
                1 => format!(r#"{{"at":"{at}","type":"viewers","concurrent":{n},"entered":3}}"#),
                2 => format!(r#"{{"at":"{at}","type":"pin","product_id":"{}"}}"#, n % 7),
                3 => format!(r#"{{"at":"{at}","type":"like","count":{}}}"#, n % 9),
                _ => {
                    format!(r#"{{"at":"{at}","type":"comment","user":"u{n}","text":"{}"}}"#, n % 99)
                }
            };
            text += if n % 977 == 0 { "?\n" } else { "\n" };
        }
        let folder = Folder::new();
        let plain = folder.file("plain", text.as_bytes());
        let zipped = folder.file("zipped", &zstd::encode_all(text.as_bytes(), 1).unwrap());
        let told = |path: &std::path::PathBuf, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let log = pool.install(|| read_events(std::slice::from_ref(path), 0.5)).unwrap();
            let summary = format!("{:?}", log.summary).replace("zipped", "plain");
            let input = Input {
                zero: WallTime::parse("2026-11-20T12:00:00Z").unwrap(),
                duration: MediaDuration::from_seconds(3600.0),
                recorded: &[],
                log: &log.observations,
                products: &[],
            };
            let found = pool.install(|| segment(&input, &Settings::default()));
            format!("{summary} {:?} {found:?}", log.kept)
        };
        let one = told(&plain, 1);
        assert!(one == told(&plain, 4) && one == told(&zipped, 3));
    }

    #[test]
    fn each_bad_line_is_reported_with_its_place() {
        let bad = [
            "{",
            "not json",
            r#"{"type":"like"}"#,
            r#"{"at":"yesterday evening","type":"like"}"#,
            r#"{"at":"2026-11-20T12:00:03Z","type":"like","count":-1}"#,
            &order(4, "z", "p", r#","quantity":0"#),
            &order(4, "z", "p", "").replace("9.90", "-9.90"),
            &order(4, "z", "p", r#","status":"lost""#),
            "[1]",
        ];
        let text = format!("{LIKE}\n{}\n", bad.join("\n"));
        let log = read(&text, 0.9).unwrap();
        assert_eq!(log.summary.taken, 1);
        assert_eq!(log.summary.lines, 10);
        assert_eq!(log.summary.skipped.iter().map(|s| s.count).sum::<u64>(), 9, "{log:?}");
        let reasons: Vec<&str> = skipped(&log).iter().map(|(reason, _)| *reason).collect();
        assert!(reasons.contains(&"missing field `at`"), "{reasons:?}");
        assert!(reasons.contains(&"`quantity` must be at least 1"), "{reasons:?}");
        assert!(reasons.contains(&"`amount` must not be negative"), "{reasons:?}");
        let text = format!("{:?}", log.summary);
        assert!(!text.contains("yesterday"), "what a line says is not repeated: {text}");
        assert!(text.contains("log.jsonl:5"), "{text}");
    }

    #[test]
    fn too_many_bad_lines_refuse_the_log() {
        let text = format!("{LIKE}\n{LIKE}\n{LIKE}\nnonsense\n");
        assert!(read(&text, 0.25).is_ok());
        let error = read(&text, 0.24).unwrap_err();
        assert_eq!(error.kind, Kind::Malformed);
        let text = error.to_string();
        assert!(text.contains("1 of 4") && text.contains("log.jsonl:4 is not JSON"), "{text}");
    }

    #[test]
    fn unknown_types_are_counted_and_not_bad() {
        let line = r#"{"at":"2026-11-20T12:00:03Z","type":"poll","options":2}"#;
        let log = read(&format!("{line}\n{line}\n{LIKE}\n"), 0.0).unwrap();
        assert_eq!(skipped(&log), [("unknown type `poll`", 2)]);
        assert_eq!(log.summary.taken, 1);
    }

    #[test]
    fn repeated_orders_keep_the_first() {
        let paid = r#","status":"paid""#;
        let lines = [
            order(1, "o", "p", ""),
            order(1, "o", "q", ""),
            order(1, "o", "p", ""),
            order(2, "o", "p", r#","quantity":7"#),
            order(3, "o", "p", r#","sku_id":"red""#),
            order(4, "o", "q", r#","status":"cancelled""#),
            order(5, "o", "q", paid).replace("at\":", "x\":0,\"at\":"),
        ];
        let log = read(&lines.join("\n"), 0.0).unwrap();
        assert_eq!(log.summary.taken, 3, "another product or SKU is another line of the order");
        let expected = [
            ("duplicate order", 1),
            ("duplicate order with other figures; the first is kept", 1),
            ("duplicate order with another status; the one written last counts", 2),
        ];
        assert_eq!(skipped(&log), expected);
    }

    #[test]
    fn compression_is_known_by_content_and_digests_are_of_the_file() {
        let folder = Folder::new();
        let text = format!("{LIKE}\n").repeat(1000);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        let files = [
            text.clone().into_bytes(),
            gz.finish().unwrap(),
            zstd::encode_all(text.as_bytes(), 1).unwrap(),
        ];
        for bytes in files {
            let path = folder.file("events.txt", &bytes);
            let log = read_events(&[path], 0.0).unwrap();
            assert_eq!(log.summary.taken, 1000);
            assert_eq!(log.digest, *blake3::hash(&bytes).as_bytes());
        }
    }

    #[test]
    fn a_truncated_log_keeps_what_was_read() {
        let folder = Folder::new();
        // Lines that differ, so that half of the bytes holds about half of the lines.
        let text: String = (0..20_000u64)
            .map(|n| {
                LIKE.replace(":3}", &format!(":{}}}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            })
            .collect();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        for bytes in [gz.finish().unwrap(), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
            let path = folder.file("cut.gz", &bytes[..bytes.len() / 2]);
            let log = read_events(std::slice::from_ref(&path), 0.0).unwrap();
            assert!((5_000..15_000).contains(&log.summary.taken), "{:?}", log.summary);
            assert!(log.summary.skipped[0].reason.contains("ends early"), "{:?}", log.summary);
            assert_eq!(log.digest, *blake3::hash(&fs::read(&path).unwrap()).as_bytes());
        }
        let error = read_events(&[folder.file("no.gz", b"\x1f\x8brubbish")], 1.0).unwrap_err();
        assert_eq!(error.kind, Kind::Malformed);
    }

    #[test]
    fn long_lines_and_wrong_files_are_told() {
        let long = format!("{LIKE}\n{{\"at\":\"{}\"}}\n{LIKE}", "x".repeat(LINE_MAX as usize));
        let log = read(&long, 0.5).unwrap();
        assert_eq!(skipped(&log), [("is longer than 1048576 bytes", 1)]);
        assert_eq!(log.summary.taken, 2);
        let folder = Folder::new();
        let missing = read_events(&[folder.path().join("none.jsonl")], 1.0).unwrap_err();
        assert_eq!(missing.kind, Kind::Missing);
        assert_eq!(read_events(&[folder.path().to_owned()], 1.0).unwrap_err().kind, Kind::Missing);
        let wide = folder.file("wide.jsonl", b"\xff\xfe{\0}\0");
        assert_eq!(read_events(&[wide], 1.0).unwrap_err().kind, Kind::Unsupported);
        let empty = read_events(&[folder.file("empty.jsonl", b"")], 0.0).unwrap();
        assert_eq!(empty.summary.lines, 0);
    }
}
