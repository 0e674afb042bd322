//! Half-open stretches of media time, and what can be asked of two of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{MediaDuration, MediaTime};

/// From `start` up to, not including, `end`; empty where `end <= start`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First moment inside.
    #[serde(rename = "start_s")]
    pub start: MediaTime,
    /// First moment after.
    #[serde(rename = "end_s")]
    pub end: MediaTime,
}

impl Span {
    /// From two times.
    pub const fn new(start: MediaTime, end: MediaTime) -> Self {
        Self { start, end }
    }

    /// From two times in seconds.
    pub fn from_seconds(start_s: f64, end_s: f64) -> Self {
        Self::new(MediaTime::from_seconds(start_s), MediaTime::from_seconds(end_s))
    }

    /// Its length; zero where it is empty.
    pub fn duration(self) -> MediaDuration {
        (self.end - self.start).max(MediaDuration::ZERO)
    }

    /// Its length in seconds.
    pub fn seconds(self) -> f64 {
        self.duration().seconds()
    }

    /// Whether nothing lies inside.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether `time` lies inside.
    pub fn contains(self, time: MediaTime) -> bool {
        self.start <= time && time < self.end
    }

    /// What both share; may be empty.
    pub fn intersect(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Whether they share anything.
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// Temporal intersection over union (tIoU), 0 to 1.
    pub fn tiou(self, other: Self) -> f64 {
        let shared = self.intersect(other).seconds();
        let union = self.seconds() + other.seconds() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// Moved earlier at the start and later at the end by `margin`.
    pub fn widened(self, margin: MediaDuration) -> Self {
        Self::new(self.start - margin, self.end + margin)
    }
}

/// Sorts spans and joins those that touch or overlap.
pub fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort();
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

/// A stretch of a clip, on its own time line; JSON: `clip_start_s` and `clip_end_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClipSpan {
    /// Its begin.
    #[serde(rename = "clip_start_s")]
    pub start: MediaTime,
    /// Its end, which is not part of it.
    #[serde(rename = "clip_end_s")]
    pub end: MediaTime,
}

impl From<Span> for ClipSpan {
    fn from(Span { start, end }: Span) -> Self {
        Self { start, end }
    }
}

impl From<ClipSpan> for Span {
    fn from(ClipSpan { start, end }: ClipSpan) -> Self {
        Self { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiou_is_shared_over_union() {
        let a = Span::from_seconds(0.0, 10.0);
        assert_eq!(a.tiou(Span::from_seconds(5.0, 15.0)), 5.0 / 15.0);
        assert_eq!(a.tiou(Span::from_seconds(10.0, 15.0)), 0.0);
        assert_eq!(Span::from_seconds(3.0, 3.0).tiou(Span::from_seconds(3.0, 3.0)), 0.0);
    }

    #[test]
    fn touching_spans_are_joined() {
        let spans = vec![
            Span::from_seconds(5.0, 6.0),
            Span::from_seconds(0.0, 2.0),
            Span::from_seconds(2.0, 3.0),
            Span::from_seconds(9.0, 9.0),
        ];
        assert_eq!(merged(spans), [Span::from_seconds(0.0, 3.0), Span::from_seconds(5.0, 6.0)]);
    }
}
