//! Imports the JSON lines of LIVE chat connectors: chat, like, gift, member, roomUser, social,
//! follow, share.
//!
//! Recorders wrap the connector's data in different ways: `{"event": "chat", "data": {...}}`,
//! `{"type": "chat", ...}` and `["chat", {...}]` are read, with the time in the line or in the data.
//! Newer connectors put the user into `user` and number and time of the message into `common`.

use std::collections::HashSet;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use reprise_model::event::{Event, EventKind};
use reprise_model::{Error, Kind, Result, WallTime};
use serde_json::{Map, Value, json};

use super::Work;
use super::clock::{self, Clock};
use super::orders::options_zone;
use super::privacy::{scrub, user_hash};
use super::table::Cell;
use crate::events::EVENTS_MAX;
use crate::lines::{Blocks, Line};

const TYPE_KEYS: [&str; 4] = ["event", "type", "eventName", "kind"];
const DATA_KEYS: [&str; 3] = ["data", "payload", "raw"];
const TIME_KEYS: [&str; 8] =
    ["createTime", "create_time", "timestamp", "time", "at", "ts", "receivedAt", "received_at"];

pub(super) fn import(files: &[PathBuf], work: &mut Work) -> Result<()> {
    let zone = options_zone(work.options)?;
    // A connector that reconnects is sent the last messages again, and some are sent twice, as
    // `social` and as `follow`.
    let mut messages: HashSet<[u8; 32]> = HashSet::new();
    for path in files {
        let mut blocks = Blocks::open(path)?;
        let file = blocks.name().to_owned();
        while let Some(block) = blocks.next()? {
            for (number, line) in block.lines() {
                read_line(line, number, &file, work, &zone, &mut messages)?;
            }
        }
    }
    Ok(())
}

fn read_line(
    line: Line<'_>,
    number: u64,
    file: &str,
    work: &mut Work,
    zone: &TimeZone,
    messages: &mut HashSet<[u8; 32]>,
) -> Result<()> {
    let text = match line {
        Line::Text(text) => text.trim_ascii(),
        Line::TooLong => {
            work.report.rows += 1;
            work.bad.add("is too long", file, number);
            return Ok(());
        }
        Line::Cut(_) => {
            let note = "the compressed data ends early or is damaged; what came before is taken";
            work.report.notes.push(format!("{file}:{number}: {note}"));
            return Ok(());
        }
    };
    // A list with one message a line is as good as lines.
    let text = text.strip_suffix(b",").unwrap_or(text);
    if text.is_empty() || text == b"[" || text == b"]" {
        return Ok(());
    }
    work.report.rows += 1;
    if work.events.len() >= EVENTS_MAX {
        let message = format!("more than {EVENTS_MAX} messages; import a shorter time");
        return Err(Error::new(Kind::Limit, message).in_file(file).at_line(number));
    }
    let Ok(value) = serde_json::from_slice::<Value>(text) else {
        work.bad.add("is not JSON", file, number);
        return Ok(());
    };
    match Message::of(&value).and_then(|message| message.event(work, zone, messages)) {
        Ok(event) => work.events.push(event),
        Err(Skip::Bad(reason)) => work.bad.add(reason, file, number),
        Err(Skip::Other(reason)) => work.other.add(&reason, file, number),
    }
    Ok(())
}

/// Why a line becomes no event.
enum Skip {
    Bad(&'static str),
    Other(String),
}

impl Skip {
    fn other(reason: &str) -> Self {
        Self::Other(reason.to_owned())
    }
}

/// One message of a connector.
struct Message<'a> {
    name: String,
    line: &'a Value,
    data: &'a Value,
}

impl<'a> Message<'a> {
    fn of(line: &'a Value) -> std::result::Result<Self, Skip> {
        let (name, data) = match line {
            Value::Array(items) => match items.as_slice() {
                [Value::String(name), data, ..] => (Some(name), data),
                _ => (None, line),
            },
            _ => {
                let name = TYPE_KEYS.iter().find_map(|key| match line.get(key) {
                    Some(Value::String(name)) => Some(name),
                    _ => None,
                });
                let data = DATA_KEYS.iter().find_map(|key| line.get(key).filter(|d| d.is_object()));
                (name, data.unwrap_or(line))
            }
        };
        let name = name.ok_or(Skip::Bad("has no type of event"))?;
        Ok(Self { name: plain_name(name), line, data })
    }

    fn event(
        &self,
        work: &Work,
        zone: &TimeZone,
        messages: &mut HashSet<[u8; 32]>,
    ) -> std::result::Result<Event, Skip> {
        let kind = self.kind(work)?;
        let at = self.time(zone).ok_or(Skip::Bad("has no time that can be read"))?;
        if !work.options.in_time(at, 0) {
            return Err(Skip::other("not of the LIVE's time"));
        }
        if let Some(id) = self.text(&["msgId", "msg_id", "messageId"])
            && !messages.insert(*blake3::hash(id.as_bytes()).as_bytes())
        {
            return Err(Skip::other("the same message again"));
        }
        Ok(Event { at, kind, extra: Map::new() })
    }

    fn kind(&self, work: &Work) -> std::result::Result<EventKind, Skip> {
        let user = || {
            let id = self.text(&[
                "userId",
                "user_id",
                "uniqueId",
                "unique_id",
                "displayId",
                "username",
                "nickname",
            ])?;
            user_hash(&work.options.user_key, &id)
        };
        let kind = match self.name.as_str() {
            "chat" | "comment" | "questionnew" => {
                let keys = ["comment", "content", "questionText", "message", "text"];
                let text = self.text(&keys).ok_or_else(|| Skip::other("a comment without text"))?;
                let length = Some(text.chars().count() as u64);
                EventKind::Comment { user: user(), text: Some(scrub(&text)), length }
            }
            "like" => {
                let count = self.number(&["likeCount", "like_count", "count"]).unwrap_or(1);
                EventKind::Like { count }
            }
            "gift" => {
                // A streak is told with every gift of it, and once more when it is over.
                let streak = self.number(&["giftType", "gift_type"]) == Some(1);
                if streak && !self.flag(&["repeatEnd", "repeat_end"]) {
                    return Err(Skip::other("a gift of a streak that goes on; its end is counted"));
                }
                let count =
                    self.number(&["repeatCount", "repeat_count", "count"]).unwrap_or(1).max(1);
                let diamonds = self.number(&["diamondCount", "diamond_count", "diamonds"]);
                let value = diamonds.map(|each| json!({"diamonds": each.saturating_mul(count)}));
                EventKind::Gift { count, value }
            }
            "member" | "join" => {
                EventKind::Viewers { concurrent: None, entered: Some(1), impressions: None }
            }
            "roomuser" | "roomuserseq" | "viewercount" => {
                let count = self.number(&["viewerCount", "viewer_count", "total", "count"]);
                let concurrent = Some(count.ok_or(Skip::Bad("has no count of viewers"))?);
                EventKind::Viewers { concurrent, entered: None, impressions: None }
            }
            "follow" => EventKind::Follow { count: 1 },
            "share" => EventKind::Share { count: 1 },
            "social" => {
                let shown =
                    self.text(&["displayType", "display_type", "label"]).unwrap_or_default();
                if shown.contains("follow") {
                    EventKind::Follow { count: 1 }
                } else if shown.contains("share") {
                    EventKind::Share { count: 1 }
                } else {
                    return Err(Skip::other("a social message that is neither follow nor share"));
                }
            }
            name => {
                let name: String = name.chars().take(40).collect();
                return Err(Skip::Other(format!("unknown type `{name}`")));
            }
        };
        Ok(kind)
    }

    /// The platform's time before the recorder's.
    fn time(&self, zone: &TimeZone) -> Option<WallTime> {
        let common = self.data.get("common");
        let places = [Some(self.data), common, Some(self.line)];
        let line_item = self.line.get(2);
        let values = places
            .into_iter()
            .flatten()
            .flat_map(|place| TIME_KEYS.iter().filter_map(|key| place.get(key)));
        values.chain(line_item).find_map(|value| match value {
            Value::Number(number) => match number.as_i64() {
                Some(whole) => clock::since_1970(whole),
                // Seconds with a fraction, as Python writes them.
                None => number
                    .as_f64()
                    .filter(|s| (1e9..1e10).contains(s))
                    .map(|seconds| WallTime::from_micros((seconds * 1e6).round() as i64)),
            },
            Value::String(text) => {
                let stamp = clock::parse(&Cell::Text(text.trim().to_owned()))?;
                let clock = Clock::settle(std::iter::once((0, &stamp)), None, "").ok()?;
                clock.wall(&stamp, zone).ok()
            }
            _ => None,
        })
    }

    /// The first of `keys` in the data, its `common`, its `user` or its gift.
    fn find(&self, keys: &[&str]) -> Option<&'a Value> {
        let nested = ["common", "user", "gift", "giftDetails"].map(|key| self.data.get(key));
        let places = std::iter::once(self.data).chain(nested.into_iter().flatten());
        let mut values = places.flat_map(|place| keys.iter().filter_map(|key| place.get(key)));
        values.find(|value| !value.is_null() && !value.is_object() && value.as_str() != Some(""))
    }

    fn text(&self, keys: &[&str]) -> Option<String> {
        match self.find(keys)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn number(&self, keys: &[&str]) -> Option<u64> {
        match self.find(keys)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn flag(&self, keys: &[&str]) -> bool {
        match self.find(keys) {
            Some(Value::Bool(value)) => *value,
            Some(Value::Number(number)) => number.as_u64() != Some(0),
            Some(Value::String(text)) => text == "true" || text == "1",
            _ => false,
        }
    }
}

/// `WebcastChatMessage`, `CommentEvent`, `room_user` and the like by one short name.
fn plain_name(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut name = letters.to_ascii_lowercase();
    name = name.strip_prefix("webcast").map(str::to_owned).unwrap_or(name);
    for suffix in ["message", "event"] {
        if let Some(short) = name.strip_suffix(suffix).filter(|short| !short.is_empty()) {
            name = short.to_owned();
        }
    }
    name
}
