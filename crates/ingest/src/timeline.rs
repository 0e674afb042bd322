//! Several recordings on one time line, put there by the wall clocks of their first pictures.
//!
//! Zero is the first picture of the earliest part. Between parts there may be gaps (nothing was
//! recorded) and overlaps (two files show the same time; the earlier is used up to its end). Both
//! are faults, so that nothing is cut across them, unless they are shorter than [`SEAM_MAX`].

use reprise_model::outcome::{Fault, FaultKind, Part};
use reprise_model::span::merged;
use reprise_model::{Error, Kind, MediaDuration, MediaTime, Result, Span, WallTime};

/// Gaps and overlaps below 0.1 s are no faults: wall clocks are seldom noted more exactly.
pub const SEAM_MAX: MediaDuration = MediaDuration::from_millis(100);

/// Longest time line, 48 h. A LIVE event lasts at most 13 h; parts that lie further apart mean a
/// wrong `started_at`, and the series of the segmenter grow with the time line.
pub const TIMELINE_MAX: MediaDuration = MediaDuration::from_millis(48 * 3_600_000);

/// One file of the recording with its measured length.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPart {
    /// As the manifest names it.
    pub uri: String,
    /// Wall clock of its first picture.
    pub started_at: WallTime,
    /// From its first picture to the end of its last; above zero.
    pub duration: MediaDuration,
}

/// The recording as one time line.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Wall clock of zero.
    pub zero: WallTime,
    /// From zero to the end of the last part, gaps included.
    pub duration: MediaDuration,
    /// The files by their start; each span is all that the file covers, overlaps included.
    pub parts: Vec<Part>,
    /// Gaps and overlaps, in order.
    pub faults: Vec<Fault>,
    /// What is used of each part; empty where earlier parts cover all of it.
    used: Vec<Span>,
}

impl Timeline {
    /// Puts the parts on one time line; their order does not matter.
    ///
    /// # Errors
    /// [`Kind::Missing`] without parts, [`Kind::Malformed`] for a part without length,
    /// [`Kind::Limit`] where the whole is longer than [`TIMELINE_MAX`].
    pub fn build(parts: &[MeasuredPart]) -> Result<Self> {
        let mut sorted: Vec<&MeasuredPart> = parts.iter().collect();
        sorted.sort_by_key(|part| part.started_at);
        let Some(first) = sorted.first() else {
            return Err(Error::new(Kind::Missing, "the session has no recording"));
        };
        let mut timeline = Self {
            zero: first.started_at,
            duration: MediaDuration::ZERO,
            parts: Vec::with_capacity(sorted.len()),
            faults: Vec::new(),
            used: Vec::with_capacity(sorted.len()),
        };
        for part in sorted {
            timeline.append(part)?;
        }
        Ok(timeline)
    }

    /// What was recorded, in order, without repeats; seams below [`SEAM_MAX`] are joined.
    pub fn recorded(&self) -> Vec<Span> {
        let mut out: Vec<Span> = Vec::new();
        for span in merged(self.used.clone()) {
            match out.last_mut() {
                Some(last) if span.start - last.end < SEAM_MAX => last.end = span.end,
                _ => out.push(span),
            }
        }
        out
    }

    /// Where a moment of the world's clock lies; negative before the recording, and it may lie in
    /// a gap or after the end.
    pub fn media_time(&self, at: WallTime) -> MediaTime {
        MediaTime::ZERO + at.since(self.zero)
    }

    /// The world's clock at `time`.
    pub fn wall_time(&self, time: MediaTime) -> WallTime {
        self.zero.plus(time - MediaTime::ZERO)
    }

    /// Where `span` is in the files: index into `parts`, and the stretch on that part's own clock,
    /// whose zero is its first picture. In order; what lies in a gap or outside is left out.
    pub fn locate(&self, span: Span) -> Vec<(usize, Span)> {
        let mut found: Vec<(usize, Span)> = self
            .used
            .iter()
            .map(|used| used.intersect(span))
            .enumerate()
            .filter(|(_, shared)| !shared.is_empty())
            .collect();
        found.sort_by_key(|(_, shared)| shared.start);
        for (index, shared) in &mut found {
            let offset = self.parts[*index].span.start - MediaTime::ZERO;
            *shared = Span::new(shared.start - offset, shared.end - offset);
        }
        found
    }

    fn append(&mut self, part: &MeasuredPart) -> Result<()> {
        if part.duration <= MediaDuration::ZERO {
            return Err(Error::new(Kind::Malformed, "has no length: no picture can be shown")
                .in_file(&part.uri));
        }
        let start = self.media_time(part.started_at);
        let own = Span::new(start, start + part.duration);
        if own.end - MediaTime::ZERO > TIMELINE_MAX {
            let message = format!(
                "ends {:.1} h after the recording's first picture at {}, and {:.0} h is the limit: \
                 check `started_at` of the recordings",
                (own.end - MediaTime::ZERO).seconds() / 3600.0,
                self.zero,
                TIMELINE_MAX.seconds() / 3600.0,
            );
            return Err(Error::new(Kind::Limit, message).in_file(&part.uri));
        }
        let covered_to = MediaTime::ZERO + self.duration;
        // The first part starts at zero, where nothing can lie before it.
        let (kind, fault, detail) = if own.start >= covered_to {
            let gap = Span::new(covered_to, own.start);
            (FaultKind::Gap, gap, format!("nothing was recorded before {} begins", part.uri))
        } else {
            let overlap = Span::new(own.start, own.end.min(covered_to));
            let detail = format!("{} shows what an earlier file shows too", part.uri);
            (FaultKind::Overlap, overlap, detail)
        };
        if fault.duration() >= SEAM_MAX {
            let detail = format!("{detail} ({})", fault.duration());
            self.faults.push(Fault { kind, span: fault, detail });
        }
        self.used.push(Span::new(own.start.max(covered_to), own.end));
        self.duration = self.duration.max(own.end - MediaTime::ZERO);
        self.parts.push(Part { uri: part.uri.clone(), span: own, started_at: part.started_at });
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn part(uri: &str, start_s: f64, duration_s: f64) -> MeasuredPart {
        let zero = WallTime::parse("2026-11-20T12:00:03Z").unwrap();
        MeasuredPart {
            uri: uri.to_owned(),
            started_at: zero.plus(MediaDuration::from_seconds(start_s)),
            duration: MediaDuration::from_seconds(duration_s),
        }
    }

    fn build(parts: &[MeasuredPart]) -> Timeline {
        Timeline::build(parts).unwrap()
    }

    #[test]
    fn one_part_is_the_whole() {
        let line = build(&[part("a", 0.0, 600.0)]);
        assert_eq!(line.recorded(), [Span::from_seconds(0.0, 600.0)]);
        assert!(line.faults.is_empty());
        let inside = WallTime::parse("2026-11-20T12:00:36.192Z").unwrap();
        assert_eq!(line.media_time(inside).seconds(), 33.192);
        assert_eq!(line.wall_time(line.media_time(inside)), inside);
        assert_eq!(
            line.media_time(WallTime::parse("2026-11-20T12:00:00Z").unwrap()).seconds(),
            -3.0
        );
        let found = line.locate(Span::from_seconds(-5.0, 10.0));
        assert_eq!(found, [(0, Span::from_seconds(0.0, 10.0))]);
    }

    #[test]
    fn parts_in_any_order_with_a_gap() {
        let line = build(&[part("b", 130.0, 50.0), part("a", 0.0, 100.0)]);
        assert_eq!(line.parts.iter().map(|p| p.uri.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(line.duration.seconds(), 180.0);
        assert_eq!(line.faults.len(), 1);
        assert_eq!(line.faults[0].kind, FaultKind::Gap);
        assert_eq!(line.faults[0].span, Span::from_seconds(100.0, 130.0));
        assert_eq!(
            line.recorded(),
            [Span::from_seconds(0.0, 100.0), Span::from_seconds(130.0, 180.0)]
        );
        let found = line.locate(Span::from_seconds(90.0, 140.0));
        assert_eq!(
            found,
            [(0, Span::from_seconds(90.0, 100.0)), (1, Span::from_seconds(0.0, 10.0))]
        );
        assert!(line.locate(Span::from_seconds(105.0, 120.0)).is_empty());
    }

    #[test]
    fn where_two_overlap_the_earlier_is_used_to_its_end() {
        let line = build(&[part("a", 0.0, 100.0), part("b", 90.0, 60.0), part("c", 20.0, 10.0)]);
        assert_eq!(line.recorded(), [Span::from_seconds(0.0, 150.0)]);
        let spans: Vec<Span> = line.faults.iter().map(|fault| fault.span).collect();
        assert_eq!(spans, [Span::from_seconds(20.0, 30.0), Span::from_seconds(90.0, 100.0)]);
        let found = line.locate(Span::from_seconds(15.0, 120.0));
        assert_eq!(
            found,
            [(0, Span::from_seconds(15.0, 100.0)), (2, Span::from_seconds(10.0, 30.0))],
            "`c` lies inside `a` and gives nothing"
        );
    }

    #[test]
    fn short_seams_are_no_faults() {
        for seam_s in [-0.099, 0.0, 0.099] {
            let line = build(&[part("a", 0.0, 100.0), part("b", 100.0 + seam_s, 50.0)]);
            assert!(line.faults.is_empty(), "{seam_s}");
            assert_eq!(line.recorded().len(), 1, "{seam_s}");
        }
        let line = build(&[part("a", 0.0, 100.0), part("b", 100.1, 50.0)]);
        assert_eq!(line.faults.len(), 1);
        assert_eq!(line.recorded().len(), 2);
    }

    #[test]
    fn what_cannot_be_a_time_line_is_refused() {
        assert_eq!(Timeline::build(&[]).unwrap_err().kind, Kind::Missing);
        let empty = Timeline::build(&[part("a", 0.0, 0.0)]).unwrap_err();
        assert_eq!((empty.kind, empty.place.file.as_deref()), (Kind::Malformed, Some("a")));
        let far = Timeline::build(&[part("a", 0.0, 9.0), part("b", 31e6, 9.0)]).unwrap_err();
        assert_eq!((far.kind, far.place.file.as_deref()), (Kind::Limit, Some("b")));
    }

    #[test]
    fn hostile_clocks_do_not_panic() {
        let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
        for a in extremes {
            for b in extremes {
                for flicks in [1, i64::MAX] {
                    let parts = [a, b].map(|micros| MeasuredPart {
                        uri: "x".to_owned(),
                        started_at: WallTime::from_micros(micros),
                        duration: MediaDuration::from_flicks(flicks),
                    });
                    if let Ok(line) = Timeline::build(&parts) {
                        let _ = line.locate(Span::from_seconds(-1e9, 1e9));
                        let _ = line.wall_time(line.media_time(WallTime::from_micros(b)));
                    }
                }
            }
        }
    }
}
