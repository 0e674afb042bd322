//! What a parent and its decoding child say to each other: a message of bounded size, then as many
//! plain bytes as it announces.

use std::io::{self, Read, Write};

use reprise_model::{Error, Kind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sandbox::Layers;

/// Longest message, bytes; names are the longest in them.
const MAX_MESSAGE: usize = 64 << 10;
/// Most bytes read at once.
pub const MAX_READ: usize = 1 << 20;
/// Longest request: what is known of a recording is most of it.
pub const MAX_REQUEST: usize = 256 << 20;
/// Longest answer without its files: evidence of a whole recording that was decoded.
pub const MAX_BODY: usize = 512 << 20;
/// Longest file in an answer; what an encoder makes is no longer.
pub const MAX_BLOB: usize = 512 << 20;
/// Files in an answer.
pub const MAX_BLOBS: usize = 16;
/// Longest question to the parent and longest advice: the sound of a window is most of it.
pub const MAX_QUESTION: usize = 64 << 20;
/// Questions in one request.
pub const MAX_QUESTIONS: usize = 16;

/// From the parent.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToChild {
    /// Do this; so many bytes of it follow. What is read is handle 0.
    Request {
        /// Bytes that follow.
        body: usize,
        /// Length of the source.
        length: u64,
        /// Its name.
        name: String,
    },
    /// So many bytes that were read follow; none at the end of the source.
    Data {
        /// Bytes that follow.
        count: usize,
    },
    /// A neighbour was opened.
    Opened {
        /// What it is read by.
        handle: u32,
        /// Its length.
        length: u64,
        /// Its name.
        name: String,
    },
    /// The source failed.
    Failed(Failure),
    /// So many bytes of advice follow.
    Advice {
        /// Bytes that follow.
        body: usize,
    },
}

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromChild {
    /// It is shut in and waits.
    Ready(Layers),
    /// Wants bytes.
    Read {
        /// Of what.
        handle: u32,
        /// From where.
        offset: u64,
        /// How many.
        length: usize,
    },
    /// Wants a neighbour.
    Beside {
        /// Of what.
        handle: u32,
        /// Called so.
        name: String,
    },
    /// Will read a range in order; no answer.
    WillRead {
        /// Of what.
        handle: u32,
        /// First byte.
        start: u64,
        /// First byte after.
        end: u64,
    },
    /// Wants advice: what needs a model or files; so many bytes of the question follow.
    Ask {
        /// Bytes that follow.
        body: usize,
    },
    /// Pictures or sound move; no answer.
    Moved,
    /// Reads no more of it; no answer.
    Close {
        /// What.
        handle: u32,
    },
    /// Is done; so many bytes follow, then the files one after the other.
    Answer {
        /// Bytes of the answer.
        body: usize,
        /// Bytes of each file.
        blobs: Vec<usize>,
    },
    /// Cannot even begin.
    Unable(Error),
}

/// An error of reading, as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    kind: FailureKind,
    message: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum FailureKind {
    NotFound,
    PermissionDenied,
    InvalidInput,
    InvalidData,
    Unsupported,
    TimedOut,
    Other,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => FailureKind::NotFound,
            io::ErrorKind::PermissionDenied => FailureKind::PermissionDenied,
            io::ErrorKind::InvalidInput => FailureKind::InvalidInput,
            io::ErrorKind::InvalidData => FailureKind::InvalidData,
            io::ErrorKind::Unsupported => FailureKind::Unsupported,
            io::ErrorKind::TimedOut => FailureKind::TimedOut,
            _ => FailureKind::Other,
        };
        Self { kind, message: error.to_string() }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::NotFound => io::ErrorKind::NotFound,
            FailureKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            FailureKind::InvalidInput => io::ErrorKind::InvalidInput,
            FailureKind::InvalidData => io::ErrorKind::InvalidData,
            FailureKind::Unsupported => io::ErrorKind::Unsupported,
            FailureKind::TimedOut => io::ErrorKind::TimedOut,
            FailureKind::Other => io::ErrorKind::Other,
        };
        Self::new(kind, failure.message)
    }
}

/// A value as bytes; times stay exact.
///
/// # Errors
/// `Bug` where the type cannot be written.
pub fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value)
        .map_err(|error| Error::new(Kind::Bug, "a message cannot be written").caused_by(error))
}

/// A value from bytes.
///
/// # Errors
/// `Malformed` where they are no such value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| Error::new(Kind::Malformed, "is no such message").caused_by(error))
}

/// Sends a message and the bytes that it announces.
///
/// # Errors
/// What the socket says.
pub fn send(out: &mut impl Write, message: &impl Serialize, bytes: &[&[u8]]) -> io::Result<()> {
    let message = encode(message).map_err(io::Error::other)?;
    if message.len() > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
    }
    let length = (message.len() as u32).to_le_bytes();
    // One call for what is small: each wakes the other side.
    let mut head = [&length[..], &message].concat();
    let mut rest = bytes;
    if let [first, others @ ..] = bytes
        && first.len() <= MAX_READ
    {
        head.extend_from_slice(first);
        rest = others;
    }
    out.write_all(&head)?;
    rest.iter().try_for_each(|bytes| out.write_all(bytes))
}

/// Receives a message; `None` where the other side is gone.
///
/// # Errors
/// `InvalidData` for what is no message; else what the socket says.
pub fn receive<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0u8; 4];
    let first = loop {
        match input.read(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    input.read_exact(&mut length[first..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let message = receive_bytes(input, length)?;
    decode(&message)
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// Receives `count` bytes. Memory grows with what comes, not with what was announced.
///
/// # Errors
/// What the socket says.
pub fn receive_bytes(input: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    const STEP: usize = 4 << 20;
    let mut bytes = Vec::with_capacity(count.min(STEP));
    while bytes.len() < count {
        let (start, step) = (bytes.len(), (count - bytes.len()).min(STEP));
        bytes.reserve_exact(if start + step == count { step } else { step.max(start) });
        bytes.resize(start + step, 0);
        input.read_exact(&mut bytes[start..])?;
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use reprise_model::MediaTime;
    use reprise_model::outcome::{Fault, FaultKind};

    use super::*;

    #[test]
    fn times_arrive_to_the_flick_wherever_they_lie() {
        let span = reprise_model::Span::new(
            MediaTime::from_flicks(23_520_001),
            MediaTime::from_flicks(-7_001),
        );
        let fault = Fault { kind: FaultKind::Lag, span, detail: "late".to_owned() };
        let got: Fault = decode(&encode(&fault).unwrap()).unwrap();
        assert_eq!(got, fault);
    }

    #[test]
    fn what_is_announced_but_does_not_come_takes_no_memory() {
        let mut short: &[u8] = b"few";
        assert!(receive_bytes(&mut short, MAX_BLOB).is_err());
        let mut long: &[u8] = &[0xff; 64];
        let error = receive::<FromChild>(&mut long).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn bytes_follow_their_message() {
        let mut sent = Vec::new();
        let answer = FromChild::Answer { body: 3, blobs: vec![2, 1] };
        send(&mut sent, &answer, &[b"abc", b"de", b"f"]).unwrap();
        let mut input = sent.as_slice();
        assert!(matches!(receive(&mut input).unwrap(), Some(FromChild::Answer { body: 3, .. })));
        assert_eq!(receive_bytes(&mut input, 6).unwrap(), b"abcdef");
        assert!(receive::<FromChild>(&mut input).unwrap().is_none());
    }
}
