//! The one error type: what the caller should do about it, where it happened, what happened.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::MediaTime;

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do; each kind has one exit code of sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The command or the request is wrong: change it. 64.
    Usage,
    /// The input is damaged or breaks its format: mend the input. 65.
    Malformed,
    /// The input is well-formed but of a kind that is not handled: convert it. 65.
    Unsupported,
    /// The input is larger or slower than a limit allows: raise the limit or cut the input. 65.
    Limit,
    /// Something else stands under this name already: take another name. 65.
    Conflict,
    /// A file or a field that is needed is not there: provide it. 66.
    Missing,
    /// A service or a library that is needed is not there: install or start it. 69.
    Unavailable,
    /// A defect of Reprise: report it. 70.
    Bug,
    /// Reading or writing failed. 74.
    Io,
    /// The work did not get on, and was ended: the input may be to blame, or the machine. 75.
    Stalled,
    /// It may work when tried again. 75.
    TryAgain,
}

impl Kind {
    /// The exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::Malformed | Self::Unsupported | Self::Limit | Self::Conflict => 65,
            Self::Missing => 66,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Io => 74,
            Self::Stalled | Self::TryAgain => 75,
        }
    }

    /// Whether the same may work at another time or on another machine: the input is not to blame.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::TryAgain | Self::Io | Self::Unavailable)
    }
}

/// Where it happened, as far as known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// File, URL or object.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u64>,
    /// Index of the stream in its container.
    pub stream: Option<usize>,
    /// Time on the recording's time line.
    pub time: Option<MediaTime>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (&self.file, self.line) {
            (Some(file), Some(line)) => parts.push(format!("{file}:{line}")),
            (Some(file), None) => parts.push(file.clone()),
            (None, Some(line)) => parts.push(format!("line {line}")),
            (None, None) => {}
        }
        parts.extend(self.stream.map(|stream| format!("stream {stream}")));
        parts.extend(self.time.map(|time| format!("at {time}")));
        f.write_str(&parts.join(", "))
    }
}

/// An error for people and for exit codes. It can be sent to another process, where its causes
/// arrive as their words.
#[derive(Debug, Deserialize)]
#[serde(from = "Sent")]
pub struct Error {
    /// What to do about it.
    pub kind: Kind,
    /// Where.
    pub place: Place,
    /// What is wrong and what to do.
    pub message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a place.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, place: Place::default(), message: message.into(), source: None }
    }

    /// A failed read or write of `file`; a missing file is [`Kind::Missing`]. An error of ours that
    /// went through `std::io` comes back as it was.
    pub fn io(file: impl Into<String>, error: std::io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(known) => return known.in_file(file),
            Err(error) => error,
        };
        let (kind, message) = match error.kind() {
            std::io::ErrorKind::NotFound => (Kind::Missing, "does not exist"),
            std::io::ErrorKind::PermissionDenied => (Kind::Io, "may not be opened by this user"),
            std::io::ErrorKind::StorageFull => (Kind::Io, "no space is left on the disk"),
            _ => (Kind::Io, "cannot be read or written"),
        };
        Self::new(kind, message).in_file(file).caused_by(error)
    }

    /// Names the file, unless one is named already.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.place.file.get_or_insert_with(|| file.into());
        self
    }

    /// Names the line, from 1.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.place.line = Some(line);
        self
    }

    /// Names the stream.
    #[must_use]
    pub fn in_stream(mut self, stream: usize) -> Self {
        self.place.stream = Some(stream);
        self
    }

    /// Names the time on the recording's time line.
    #[must_use]
    pub fn at_time(mut self, time: MediaTime) -> Self {
        self.place.time = Some(time);
        self
    }

    /// Keeps what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Without secrets, whoever wrote the message: errors reach logs, records of jobs and reports.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        let mut text = if place.is_empty() {
            self.message.clone()
        } else {
            format!("{place}: {}", self.message)
        };
        // One line for people: the causes follow in brackets.
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(" ({error})"));
            cause = error.source();
        }
        f.write_str(&crate::redacted(&text))
    }
}

/// For what must speak `std::io`, such as a byte source; [`Error::io`] gives it back.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            Kind::Usage => std::io::ErrorKind::InvalidInput,
            Kind::Malformed => std::io::ErrorKind::InvalidData,
            Kind::Unsupported => std::io::ErrorKind::Unsupported,
            Kind::Missing => std::io::ErrorKind::NotFound,
            Kind::Conflict => std::io::ErrorKind::AlreadyExists,
            Kind::Limit
            | Kind::Unavailable
            | Kind::Bug
            | Kind::Io
            | Kind::Stalled
            | Kind::TryAgain => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// An error on its way to another process.
#[derive(Serialize, Deserialize)]
struct Sent {
    kind: Kind,
    place: Place,
    message: String,
    /// From the nearest to the first.
    causes: Vec<String>,
}

/// A cause that another process told of.
#[derive(Debug)]
struct Told {
    words: String,
    cause: Option<Box<Self>>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl StdError for Told {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// Causes that are kept of an error that comes from another process.
const MAX_CAUSES: usize = 8;

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Sent::from(self).serialize(serializer)
    }
}

impl From<&Error> for Sent {
    fn from(error: &Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        Self {
            kind: error.kind,
            place: error.place.clone(),
            message: error.message.clone(),
            causes: causes.take(MAX_CAUSES).map(ToString::to_string).collect(),
        }
    }
}

impl From<Sent> for Error {
    fn from(sent: Sent) -> Self {
        let causes = sent.causes.into_iter().take(MAX_CAUSES).rev();
        let source = causes.fold(None, |cause, words| Some(Box::new(Told { words, cause })));
        Self {
            kind: sent.kind,
            place: sent.place,
            message: sent.message,
            source: source.map(|told| told as Box<dyn StdError + Send + Sync>),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_place_and_the_cause() {
        let error = Error::new(Kind::Malformed, "is not JSON")
            .in_file("events.jsonl")
            .at_line(7)
            .caused_by(std::io::Error::other("expected `}`"));
        assert_eq!(error.to_string(), "events.jsonl:7: is not JSON (expected `}`)");
        assert_eq!(error.kind.exit_code(), 65);
    }

    #[test]
    fn what_is_sent_arrives_with_its_place_and_its_causes() {
        let inner = Error::new(Kind::Io, "inner").caused_by(std::io::Error::other("first"));
        let error = Error::new(Kind::Limit, "is too long")
            .in_file("live.flv")
            .in_stream(1)
            .at_time(MediaTime::from_seconds(2.5))
            .caused_by(inner);
        let text = serde_json::to_string(&error).unwrap();
        let got: Error = serde_json::from_str(&text).unwrap();
        assert_eq!(got.to_string(), error.to_string());
        assert_eq!((got.kind, &got.place), (error.kind, &error.place));
    }

    #[test]
    fn no_secret_is_told() {
        let error = Error::new(Kind::Io, "https://h/?X-Amz-Signature=abc is gone")
            .in_file("https://me:hush@h/a.flv")
            .caused_by(std::io::Error::other("token=abc"));
        let told = "https://***@h/a.flv: https://h/?X-Amz-Signature=*** is gone (token=***)";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn an_error_survives_the_way_through_io() {
        let error = Error::new(Kind::TryAgain, "changed while it was read").in_file("s3://b/k");
        let back = Error::io("other", std::io::Error::from(error));
        assert_eq!(back.kind, Kind::TryAgain);
        assert_eq!(back.to_string(), "s3://b/k: changed while it was read");
    }
}
