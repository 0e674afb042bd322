//! The session manifest: one LIVE session, its recordings, its event log and its products.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::money::Money;
use crate::time::{MediaDuration, WallTime};

/// Who may see what was made of a session: the manifest's `consent` decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The owner alone, who gets the clips in any case.
    #[default]
    Owner,
    /// Others too.
    Others,
}

/// `session.toml` (JSON of the same shape is accepted). Paths are relative to the file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise session manifest")]
pub struct SessionManifest {
    /// Name of the session: letters, digits, `.`, `_`, `-`; at most 128; not `.` or `..`.
    pub id: Slug,
    /// The shop; same alphabet as `id`.
    pub seller: Slug,
    /// The host or the account that went LIVE; same alphabet as `id`.
    pub creator: Slug,
    /// Local or common languages of the market, BCP 47. `language = "id"` is accepted too.
    #[serde(default)]
    pub languages: Vec<String>,
    /// One language; the same as `languages = ["..."]`.
    #[serde(default)]
    pub language: Option<String>,
    /// IANA time zone of the LIVE, such as `Asia/Jakarta`. Default UTC.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Whether replays and metrics may be shown to others. Default false.
    #[serde(default)]
    pub consent: bool,
    /// The products: a path to a JSON list, or the list itself (`[[products]]`).
    #[serde(default)]
    pub products: Option<FileOr<Product>>,
    /// The LIVE event that this session belongs to.
    #[serde(default)]
    pub live_event: Option<String>,
    /// Names and pictures that are the seller's own; they are no foreign marks.
    #[serde(default)]
    pub brands: Vec<String>,
    /// Pictures that the LIVE itself laid over the camera.
    #[serde(default)]
    pub overlays: Vec<String>,
    /// The recording, in one or several files.
    #[serde(default)]
    pub recordings: Vec<RecordingEntry>,
    /// The event log.
    #[serde(default)]
    pub events: Option<EventsEntry>,
}

impl SessionManifest {
    /// Who may see its clips and metrics.
    pub const fn visibility(&self) -> Visibility {
        if self.consent { Visibility::Others } else { Visibility::Owner }
    }

    /// `languages` and `language` together, in the order given, without repeats.
    pub fn all_languages(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for language in self.languages.iter().chain(&self.language) {
            if !all.contains(language) {
                all.push(language.clone());
            }
        }
        all
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

/// One file of the recording.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingEntry {
    /// File, `http(s)://`, `s3://`, or HLS VOD playlist.
    pub uri: String,
    /// Wall clock of its first picture.
    pub started_at: WallTime,
    /// Its length where it is known; `segment` then needs no media. Seconds, above 0.
    #[serde(default)]
    pub duration_s: Option<MediaDuration>,
    /// What is said in it: `.srt`, `.vtt` or `.json`; times count from its first picture. A path.
    #[serde(default)]
    pub transcript: Option<String>,
}

/// The event log.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsEntry {
    /// `.jsonl`, also `.gz` or `.zst`; one or a list.
    pub log: OneOrMany,
    /// Share of lines that may be unreadable before the log is refused, 0 to 1. Default 0.05: a
    /// log with more is likely of another format, and figures drawn from the rest would mislead.
    #[serde(default = "default_bad_share")]
    pub bad_line_share_max: f64,
}

fn default_bad_share() -> f64 {
    0.05
}

/// A product of the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// As the event log names it.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// What a buyer pays for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// What one costs the seller; gross margin needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_cost: Option<Money>,
    /// Its brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// What the host should say of it.
    #[serde(default)]
    pub selling_points: Vec<SellingPoint>,
    /// Reference pictures.
    #[serde(default)]
    pub pictures: Vec<String>,
}

/// A benefit or a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SellingPoint {
    /// In words.
    pub text: String,
    /// Whether only this product has it.
    #[serde(default)]
    pub unique: bool,
}

/// A name that is safe as a folder and in a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Slug(String);

impl Slug {
    /// Letters, digits, `.`, `_`, `-`; 1 to 128; not `.` or `..`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && text != "."
            && text != "..";
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` must be 1 to 128 letters, digits, `.`, `_` or `-`, and not `.` or `..`"
            ))
        })
    }
}

impl JsonSchema for Slug {
    fn schema_name() -> Cow<'static, str> {
        "Slug".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$" })
    }
}

/// A path to a file with a list, or the list itself.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum FileOr<T> {
    /// Path, relative to the manifest.
    File(String),
    /// The list.
    List(Vec<T>),
}

// Written by hand: serde's untagged enums lose the line and the reason of an error.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for FileOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = FileOr<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(FileOr::File(text.to_owned()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(FileOr::List)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// One path or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "FileOr<String>")]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match FileOr::deserialize(deserializer)? {
            FileOr::File(path) => vec![path],
            FileOr::List(paths) => paths,
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
id = "2026-11-20-evening"
seller = "acme"
creator = "host-1"
language = "id"
[[recordings]]
uri = "live.flv"
started_at = 2026-11-20T12:00:03Z
[events]
log = "events.jsonl"
"#;

    #[test]
    fn a_manifest_is_read() {
        let manifest: SessionManifest = toml::from_str(MINIMAL).unwrap();
        assert_eq!(manifest.all_languages(), ["id"]);
        assert_eq!(manifest.timezone, "UTC");
        assert_eq!(manifest.events.unwrap().log.0, ["events.jsonl"]);
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let error = toml::from_str::<SessionManifest>(&MINIMAL.replace("language", "langauge"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 5") && error.contains("langauge"), "{error}");
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        for bad in ["", "..", "a/b", "a b", "ä"] {
            assert!(Slug::parse(bad).is_none(), "{bad}");
        }
    }
}
