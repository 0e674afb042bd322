//! The envelope of a message: a CloudEvent 1.0 in JSON, read strictly and written in one way.

use std::collections::BTreeMap;

use reprise_model::{Error, Kind, Result, WallTime};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HIGHLIGHTS_FAILED, HIGHLIGHTS_READY, LIVE_RECORDED};

/// Longest event, bytes of its JSON: what a queue takes as an announcement.
pub const EVENT_MAX: usize = 384 * 1024;
/// The version of CloudEvents.
const VERSION: &str = "1.0";
/// Longest source and longest id of an event that is taken, bytes: both together are a job's key.
const SOURCE_MAX: usize = 256;
const ID_MAX: usize = 250;
/// The only kind of data.
const JSON: &str = "application/json";

/// A CloudEvent 1.0. Attributes that are not named here are extensions and are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Reprise message: the CloudEvent around its data")]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// Tells it from other events of its source: the same id is the same event.
    pub id: String,
    /// Where it happened: `/reprise/<seller>` for what Reprise tells.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: `<seller>/<session id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<WallTime>,
    /// `application/json`, also where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Name of the JSON Schema of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// What is to be known of it.
    pub data: Value,
    /// Extensions.
    #[serde(flatten)]
    pub extensions: BTreeMap<String, Value>,
}

impl CloudEvent {
    /// An event that Reprise tells about `tenant`.
    ///
    /// # Errors
    /// [`Kind::Limit`] where it is longer than [`EVENT_MAX`].
    pub(super) fn new(
        kind: &str,
        id: String,
        tenant: &str,
        subject: Option<String>,
        time: WallTime,
        data: &impl Serialize,
    ) -> Result<Self> {
        let event = Self {
            specversion: VERSION.to_owned(),
            id,
            source: format!("/reprise/{tenant}"),
            kind: kind.to_owned(),
            subject,
            time: Some(time),
            datacontenttype: Some(JSON.to_owned()),
            dataschema: schema_of(kind).map(str::to_owned),
            data: serde_json::to_value(data).map_err(no_json)?,
            extensions: BTreeMap::new(),
        };
        let length = event.json()?.to_string().len();
        if length > EVENT_MAX {
            let message = format!("the event has {length} bytes, at most {EVENT_MAX} are sent");
            return Err(Error::new(Kind::Limit, message));
        }
        Ok(event)
    }

    /// As one JSON document.
    ///
    /// # Errors
    /// [`Kind::Bug`]; none is known.
    pub fn json(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(no_json)
    }

    /// Reads one JSON document.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where it is no CloudEvent, [`Kind::Unsupported`] for another version or
    /// data that is no JSON, [`Kind::Limit`] where it is too long.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > EVENT_MAX {
            let message = format!("is longer than the {EVENT_MAX} bytes an event may have");
            return Err(Error::new(Kind::Limit, message));
        }
        let malformed = |error: serde_json::Error| {
            Error::new(Kind::Malformed, format!("is no CloudEvent in JSON: {error}"))
        };
        let value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
        // The version first: what follows is this version's.
        match value.get("specversion").and_then(Value::as_str) {
            Some(VERSION) => {}
            Some(other) => {
                let message =
                    format!("is a CloudEvent of version {other:?}: send one of {VERSION:?}");
                return Err(Error::new(Kind::Unsupported, message));
            }
            None => {
                let message = "is no CloudEvent: it has no `specversion`";
                return Err(Error::new(Kind::Malformed, message));
            }
        }
        if value.get("data_base64").is_some() {
            return Err(Error::new(Kind::Unsupported, "has binary data: send `data` as JSON"));
        }
        let event: Self = serde_json::from_value(value).map_err(malformed)?;
        let sound = |text: &str, max: usize| {
            (1..=max).contains(&text.len()) && !text.contains(|c: char| c.is_control())
        };
        if !sound(&event.id, ID_MAX) {
            let message =
                format!("has an `id` that is empty, longer than {ID_MAX} bytes or not printable");
            return Err(Error::new(Kind::Malformed, message));
        }
        if !sound(&event.source, SOURCE_MAX) || event.source.contains(char::is_whitespace) {
            let message = format!("has a `source` that is no URI of at most {SOURCE_MAX} bytes");
            return Err(Error::new(Kind::Malformed, message));
        }
        let content = event.datacontenttype.as_deref().unwrap_or(JSON);
        let content = content.split(';').next().unwrap_or_default().trim();
        if !content.eq_ignore_ascii_case(JSON) {
            let message = format!("has data of the type {content:?}: send {JSON}");
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(event)
    }

    /// Its data, where it is of the type `kind`.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] for another type, [`Kind::Malformed`] where the data is not what that
    /// type has.
    pub fn data_of<T: DeserializeOwned>(&self, kind: &str) -> Result<T> {
        if self.kind != kind {
            let message = format!("is an event of the type {:?}: send `{kind}`", self.kind);
            return Err(Error::new(Kind::Unsupported, message));
        }
        T::deserialize(&self.data).map_err(|error| {
            Error::new(Kind::Malformed, format!("has data that is none of `{kind}`: {error}"))
        })
    }

    /// The key of a job that this event asks for: source and id, which together are unique. A source
    /// has no spaces.
    pub fn key(&self) -> String {
        format!("{} {}", self.source, self.id)
    }
}

/// `dataschema` has to be an absolute URI; it ends with the name of the file in `pipelines/schemas/`.
fn schema_of(kind: &str) -> Option<&'static str> {
    match kind {
        LIVE_RECORDED => Some("urn:reprise:schema:live-recorded.schema.json"),
        HIGHLIGHTS_READY => Some("urn:reprise:schema:highlights-ready.schema.json"),
        HIGHLIGHTS_FAILED => Some("urn:reprise:schema:highlights-failed.schema.json"),
        _ => None,
    }
}

fn no_json(error: serde_json::Error) -> Error {
    Error::new(Kind::Bug, "an event is no JSON").caused_by(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::{HighlightsReady, LiveRecorded};
    use super::*;
    use serde_json::json;

    fn incoming() -> Value {
        json!({
            "specversion": "1.0", "id": "a 1", "source": "/platform/live", "type": "live.recorded",
            "traceparent": "00-1-2-3", "data": { "session": "/a/session.toml", "out": "/b" }
        })
    }

    #[test]
    fn what_comes_is_read_strictly_and_extensions_are_kept() {
        let read = |value: &Value| CloudEvent::read(value.to_string().as_bytes());
        let event = read(&incoming()).unwrap();
        assert_eq!(event.extensions["traceparent"], "00-1-2-3");
        assert_eq!(event.key(), "/platform/live a 1");
        let live: LiveRecorded = event.data_of(LIVE_RECORDED).unwrap();
        assert_eq!((live.session.as_str(), live.seller), ("/a/session.toml", None));
        assert_eq!(event.json().unwrap(), incoming());
        for (name, value, kind) in [
            ("specversion", json!("0.3"), Kind::Unsupported),
            ("specversion", json!(1.0), Kind::Malformed),
            ("id", json!(""), Kind::Malformed),
            ("id", json!("x".repeat(251)), Kind::Malformed),
            ("id", json!(7), Kind::Malformed),
            ("source", json!("a b"), Kind::Malformed),
            ("source", Value::Null, Kind::Malformed),
            ("time", json!("yesterday"), Kind::Malformed),
            ("datacontenttype", json!("text/xml"), Kind::Unsupported),
            ("data_base64", json!("AA=="), Kind::Unsupported),
        ] {
            let mut wrong = incoming();
            wrong[name] = value;
            assert_eq!(read(&wrong).unwrap_err().kind, kind, "{wrong}");
        }
        let mut other = incoming();
        other["type"] = json!("highlights.ready");
        let other = read(&other).unwrap();
        let refused = other.data_of::<LiveRecorded>(LIVE_RECORDED).unwrap_err();
        assert!(refused.to_string().contains("highlights.ready"), "{refused}");
        let mut other = incoming();
        other["data"]["session_id"] = json!("x");
        let refused = read(&other).unwrap().data_of::<LiveRecorded>(LIVE_RECORDED).unwrap_err();
        assert_eq!(refused.kind, Kind::Malformed);
        assert_eq!(CloudEvent::read(b"[").unwrap_err().kind, Kind::Malformed);
        assert_eq!(CloudEvent::read(&vec![b' '; EVENT_MAX + 1]).unwrap_err().kind, Kind::Limit);
    }

    #[test]
    fn what_is_told_again_has_the_same_id() {
        let ready = HighlightsReady {
            seller: "acme".to_owned(),
            session_id: "s".to_owned(),
            job: "acme-1".to_owned(),
            run: "r".to_owned(),
            session_json: String::new(),
            report: String::new(),
            clips: Vec::new(),
            not_clipped: 0,
        };
        let at = |seconds: i64| ready.event(WallTime::from_micros(seconds * 1_000_000)).unwrap();
        assert_eq!((at(1).id, at(1).source), (at(2).id, "/reprise/acme".to_owned()));
        assert_eq!(at(1).subject.as_deref(), Some("acme/s"));
        let text = at(1).json().unwrap().to_string();
        assert_eq!(CloudEvent::read(text.as_bytes()).unwrap(), at(1));
        let long = HighlightsReady { report: "x".repeat(EVENT_MAX), ..ready };
        assert_eq!(long.event(WallTime::from_micros(0)).unwrap_err().kind, Kind::Limit);
    }
}
