//! The types that every stage of Reprise speaks: times, spans, money, sessions, events, moments,
//! clips, rules, verdicts and grades. No I/O, no async, no foreign code.

pub mod bytes;
pub mod clip;
pub mod course;
pub mod edits;
pub mod error;
pub mod event;
pub mod explanation;
pub mod moment;
pub mod money;
pub mod outcome;
pub mod plan;
pub mod posted;
mod redact;
pub mod remix;
pub mod rule;
pub mod series;
pub mod session;
pub mod span;
pub mod time;
pub mod verdict;

pub use bytes::ByteSource;
pub use error::{Error, Kind, Place, Result};
pub use money::{Currency, Money};
pub use redact::redacted;
pub use rule::{RuleId, Tier};
pub use span::{ClipSpan, Span};
pub use time::{MediaDuration, MediaTime, WallTime};
pub use verdict::{Grade, Outcome, Verdict};
