//! HLS recordings: a playlist's segments as one stream, its pieces on one clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use reprise_model::time::FLICKS_PER_SECOND;
use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, WallTime};
use serde::{Deserialize, Serialize};

use super::fragments::Fragments;
use super::hls_playlist::{MAX_BYTES, Media, Playlist, Segment, parse};
use super::hls_stream::{ending, opening};
use super::peek::read_up_to;
use super::ts::Ts;
use super::{Clock, Locate, Located};
use crate::excerpt::Excerpt;

/// After so long the clock of MPEG-TS begins again.
const WRAP: i64 = (1 << 33) * (FLICKS_PER_SECOND / 90_000);
/// Pieces whose clocks are read when the playlist is opened; those of later ones when needed.
const KNOWN_PIECES: usize = 8;
/// Sound is written this much behind its pictures at most.
const LAG: MediaDuration = MediaDuration::from_millis(700);
/// Bytes of the first segments that are a recording's head, and of a part of a larger first one.
const MAX_HEAD: u64 = 8 << 20;
const SMALL_HEAD: u64 = 2 << 20;
/// Bytes of a header of fMP4 segments.
const MAX_MAP: u64 = 1 << 20;
/// Segments of one window at most.
const MAX_WINDOW: usize = 5000;
/// Wall times that differ less from the file's clock say nothing new.
const WALL_STEP: MediaDuration = MediaDuration::from_millis(500);

/// A playlist of segments of MPEG-TS or fragmented MP4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hls {
    /// Folder of the playlist of segments below that of the one that was opened: empty or ending
    /// in `/`.
    folder: String,
    media: Media,
    /// Stretches on one clock, in order.
    pieces: Vec<Piece>,
    /// Flicks of the file clock.
    end: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Piece {
    /// Its segments.
    from: u32,
    to: u32,
    /// Where it begins on the file clock, in flicks.
    start: i64,
    /// From its own clock to the file clock, in flicks, where that is known yet.
    shift: Option<i64>,
}

impl Hls {
    /// Reads a playlist, and of a master the best variant's; `None` where it is none.
    ///
    /// # Errors
    /// `Unsupported` for encryption, sound in a playlist of its own, and names that do not lie below
    /// the playlist; `Malformed` for what is no playlist or names segments without times; `Limit`
    /// for more than 32 MB or 200,000 segments; `Missing` and `Io` of segments.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        if !is_playlist(source)? {
            return Ok(None);
        }
        let (folder, media, apart) = match read(source)? {
            Playlist::Media(media) => (String::new(), media, false),
            Playlist::Master(master) => {
                let Some(best) = master.best() else {
                    let what = "the playlist names no segments";
                    return Err(Error::new(Kind::Malformed, what).in_file(source.name()));
                };
                let inner = beside(source, &best.uri)?;
                let Playlist::Media(media) = read(&inner)? else {
                    let what = "a variant is a master playlist itself";
                    return Err(Error::new(Kind::Malformed, what).in_file(inner.name()));
                };
                let folder = best.uri.rfind('/').map_or("", |at| &best.uri[..=at]);
                (folder.to_owned(), media, master.sound_is_apart(best))
            }
        };
        let mut index = Self { folder, media, pieces: Vec::new(), end: 0 };
        index.find_pieces(source)?;
        if apart && !index.has_sound(source)? {
            let what = "its sound lies in a playlist of its own, which is not read: use a variant \
                        that carries its sound";
            return Err(Error::new(Kind::Unsupported, what).in_file(source.name()));
        }
        Ok(Some(index))
    }

    /// Whether the playlist says that nothing will follow; a live one does not.
    pub fn is_ended(&self) -> bool {
        self.media.is_ended
    }

    /// The world's clock at times of the file clock, where the playlist says it: at the first such
    /// segment, and wherever the two clocks part (a gap in the recording).
    pub fn wall_times(&self) -> Vec<(MediaTime, WallTime)> {
        let mut found: Vec<(MediaTime, WallTime)> = Vec::new();
        let mut walls = self.media.walls.iter().peekable();
        for (index, start) in self.starts() {
            while let Some(&(_, micros)) = walls.next_if(|wall| wall.0 as usize <= index) {
                let (at, wall) = (time(start), WallTime::from_micros(micros));
                let expected = found.last().map(|last| last.1.plus(at - last.0));
                if expected.is_none_or(|expected| wall.since(expected).abs() > WALL_STEP) {
                    found.push((at, wall));
                }
            }
        }
        found
    }

    /// What the playlist says is missing (`EXT-X-GAP`): where on the file clock, and how long.
    pub fn gaps(&self) -> Vec<(MediaTime, MediaDuration)> {
        let gaps = self.starts().filter_map(|(index, start)| {
            let segment = self.media.segments.get(index).filter(|s| s.is_gap)?;
            Some((time(start), MediaDuration::from_flicks(flicks(segment))))
        });
        gaps.collect()
    }

    /// Each segment with where it begins on the file clock by the playlist's own account.
    fn starts(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.pieces.iter().flat_map(|piece| {
            let mut at = piece.start;
            self.of(piece).iter().zip(piece.from as usize..).map(move |(segment, index)| {
                let start = at;
                at = at.saturating_add(flicks(segment));
                (index, start)
            })
        })
    }

    fn of(&self, piece: &Piece) -> &[Segment] {
        self.media.segments.get(piece.from as usize..piece.to as usize).unwrap_or_default()
    }

    fn find_pieces(&mut self, source: &Arc<dyn ByteSource>) -> Result<()> {
        let total = self.media.segments.len() as u32;
        let mut from = 0;
        let mut start = None;
        for to in self.media.breaks.iter().copied().chain([total]) {
            if to <= from || to > total {
                continue;
            }
            let mut piece = Piece { from, to, start: start.unwrap_or(0), shift: None };
            from = to;
            let sum = self.of(&piece).iter().fold(0i64, |sum, s| sum.saturating_add(flicks(s)));
            let mut length = sum;
            if self.pieces.len() < KNOWN_PIECES || to == total {
                let segments = self.of(&piece).iter().enumerate();
                let there = |(_, s): &(usize, &Segment)| !s.is_gap;
                let first = segments.clone().find(there).map(|f| f.0);
                let last = segments.rev().find(there).map(|l| l.0);
                if let (Some(first), Some(last)) = (first, last) {
                    let sum_of = |n: usize| {
                        let all = self.of(&piece).iter().take(n);
                        all.fold(0i64, |sum, s| sum.saturating_add(flicks(s)))
                    };
                    let (before_first, before_last) = (sum_of(first), sum_of(last));
                    let clock = self.begins(source, piece.from as usize + first)?;
                    // The file clock begins as the first piece's own.
                    let begins = start.unwrap_or_else(|| clock.saturating_sub(before_first));
                    piece.start = begins;
                    let shift = begins.saturating_add(before_first).saturating_sub(clock);
                    piece.shift = Some(shift);
                    // Lengths are often rounded, so what the last segment says counts.
                    if let Some(clock) = self.ends(source, piece.from as usize + last)? {
                        let about = begins.saturating_add(before_last).saturating_add(flicks(
                            self.of(&piece).get(last).unwrap_or(&Segment::default()),
                        ));
                        let at = self.nearest(clock.saturating_add(shift), about);
                        length = at.saturating_sub(begins).max(0);
                    }
                }
            }
            let end = piece.start.saturating_add(length);
            start = Some(end);
            self.end = end;
            self.pieces.push(piece);
        }
        Ok(())
    }

    /// A time of a wrapping clock, put where it lies nearest to `near`.
    fn nearest(&self, at: i64, near: i64) -> i64 {
        if self.is_fragmented() {
            return at;
        }
        let turns = near.saturating_sub(at).saturating_add(WRAP / 2).div_euclid(WRAP);
        at.saturating_add(turns.saturating_mul(WRAP))
    }

    fn is_fragmented(&self) -> bool {
        !self.media.maps.is_empty()
    }

    /// When the first picture of a segment is shown, by its own clock, in flicks.
    fn begins(&self, source: &Arc<dyn ByteSource>, index: usize) -> Result<i64> {
        let (bytes, start, end) = self.segment(source, index, &mut BTreeMap::new())?;
        let no_times = |name: &str| {
            let what = "a segment has no pictures or sound with times; only segments of MPEG-TS \
                        and of fragmented MP4 are read";
            Error::new(Kind::Malformed, what).in_file(name)
        };
        if self.is_fragmented() {
            let map = self.media.segments.get(index).map_or(0, |segment| segment.map);
            let header = self.header(source, map)?;
            let first = super::mp4_fragments::first_shown(&header, bytes.as_ref(), start, end)?;
            return first.ok_or_else(|| no_times(bytes.name()));
        }
        let opening = opening(bytes.as_ref(), start, end)?;
        let opening = opening.ok_or_else(|| no_times(bytes.name()))?;
        Ok(MediaTime::from_ticks(opening.first.shown, 1, 90_000).flicks())
    }

    /// When the last picture of a segment ends, by its own clock, in flicks.
    fn ends(&self, source: &Arc<dyn ByteSource>, index: usize) -> Result<Option<i64>> {
        let (bytes, start, end) = self.segment(source, index, &mut BTreeMap::new())?;
        if self.is_fragmented() {
            let map = self.media.segments.get(index).map_or(0, |segment| segment.map);
            let header = self.header(source, map)?;
            return super::mp4_fragments::last_ends(&header, bytes.as_ref(), start, end);
        }
        let ends = ending(bytes.as_ref(), start, end)?;
        Ok(ends.map(|at| MediaTime::from_ticks(at, 1, 90_000).flicks()))
    }

    fn has_sound(&self, source: &Arc<dyn ByteSource>) -> Result<bool> {
        let Some(first) = self.media.segments.iter().position(|s| !s.is_gap) else {
            return Ok(false);
        };
        if self.is_fragmented() {
            let map = self.media.segments.get(first).map_or(0, |segment| segment.map);
            return super::mp4_fragments::has_sound(&self.header(source, map)?);
        }
        let (bytes, start, end) = self.segment(source, first, &mut BTreeMap::new())?;
        Ok(opening(bytes.as_ref(), start, end)?.is_some_and(|opening| opening.has_sound))
    }

    /// The bytes of a map, counted from 1.
    fn header(&self, source: &Arc<dyn ByteSource>, map: u32) -> Result<Vec<u8>> {
        let map = (map as usize).checked_sub(1).and_then(|index| self.media.maps.get(index));
        let Some(&(name, start, end)) = map else { return Ok(Vec::new()) };
        let file = self.file(source, name)?;
        let end = if end == 0 { file.len() } else { end };
        let length = end.saturating_sub(start);
        if length > MAX_MAP {
            let what = "the header of its segments is larger than 1 MB";
            return Err(Error::new(Kind::Limit, what).in_file(file.name()));
        }
        read_up_to(file.as_ref(), start, length as usize)
    }

    fn file(&self, source: &Arc<dyn ByteSource>, name: u32) -> Result<Arc<dyn ByteSource>> {
        let name = self.media.names.get(name as usize).map_or("", String::as_str);
        beside(source, &format!("{}{name}", self.folder))
    }

    /// A segment's source and where it lies in it; `opened` keeps sources for the next one.
    fn segment(
        &self,
        source: &Arc<dyn ByteSource>,
        index: usize,
        opened: &mut BTreeMap<u32, Arc<dyn ByteSource>>,
    ) -> Result<(Arc<dyn ByteSource>, u64, u64)> {
        let Some(segment) = self.media.segments.get(index) else {
            return Err(Error::new(Kind::Bug, "no such segment").in_file(source.name()));
        };
        let file = match opened.get(&segment.name) {
            Some(file) => Arc::clone(file),
            None => {
                let file = self.file(source, segment.name)?;
                opened.insert(segment.name, Arc::clone(&file));
                file
            }
        };
        let end = if segment.end == 0 { file.len() } else { segment.end.min(file.len()) };
        Ok((file, segment.start.min(end), end))
    }

    /// The segments that hold `from` to `to`.
    fn span(&self, source: &Arc<dyn ByteSource>, from: i64, to: i64) -> Result<(usize, usize)> {
        let starts: Vec<(usize, i64)> = self.starts().collect();
        let there = |index: usize| self.media.segments.get(index).is_some_and(|s| !s.is_gap);
        let mut at = starts.partition_point(|start| start.1 <= from).saturating_sub(1);
        // The playlist's lengths may be rounded: the segment's own time decides.
        let mut drift = 0i64;
        for _ in 0..6 {
            while at > 0 && !there(at) {
                at -= 1;
            }
            let Some(&(index, about)) = starts.get(at).filter(|s| there(s.0)) else { break };
            let shown = self.begins_on_file_clock(source, index, about)?;
            drift = shown.saturating_sub(about);
            let again = starts
                .partition_point(|start| start.1.saturating_add(drift) <= from)
                .saturating_sub(1);
            if shown > from && at > 0 {
                at = again.min(at - 1);
            } else if again > at {
                at = again;
            } else {
                break;
            }
        }
        while at + 1 < starts.len() && !there(at) {
            at += 1;
        }
        let end = to.saturating_add(LAG.flicks());
        let last = starts.partition_point(|start| start.1.saturating_add(drift) < end).max(at + 1);
        Ok((at, last.min(at.saturating_add(MAX_WINDOW))))
    }

    fn begins_on_file_clock(
        &self,
        source: &Arc<dyn ByteSource>,
        index: usize,
        about: i64,
    ) -> Result<i64> {
        let clock = self.begins(source, index)?;
        let at = self.pieces.partition_point(|piece| piece.from as usize <= index);
        let piece = at.checked_sub(1).and_then(|at| self.pieces.get(at));
        let shift = match piece {
            Some(piece) => self.shift(source, piece)?,
            None => 0,
        };
        Ok(self.nearest(clock.saturating_add(shift), about))
    }

    fn shift(&self, source: &Arc<dyn ByteSource>, piece: &Piece) -> Result<i64> {
        if let Some(shift) = piece.shift {
            return Ok(shift);
        }
        let mut at = piece.start;
        for (segment, index) in self.of(piece).iter().zip(piece.from as usize..) {
            if !segment.is_gap {
                return Ok(at.saturating_sub(self.begins(source, index)?));
            }
            at = at.saturating_add(flicks(segment));
        }
        Ok(0)
    }

    /// The window within the segments `first` to `last` of one piece, by the index of their own
    /// container; `None` where they are of several pieces or have none.
    fn within(
        &self,
        source: &Arc<dyn ByteSource>,
        (first, last): (usize, usize),
        (from, to): (i64, i64),
    ) -> Result<Option<Located>> {
        let at = self.pieces.partition_point(|piece| piece.from as usize <= first);
        let piece = at.checked_sub(1).and_then(|at| self.pieces.get(at));
        let Some(piece) = piece.filter(|piece| last <= piece.to as usize) else { return Ok(None) };
        let segments = self.media.segments.get(first..last).unwrap_or_default();
        let map = segments.first().map_or(0, |segment| segment.map);
        // Over a gap the segments' clock jumps, which their own index would take back.
        if segments.iter().any(|segment| segment.map != map || segment.is_gap) {
            return Ok(None);
        }
        let mut joined = Excerpt::new(source.name());
        if self.is_fragmented() {
            joined.push_bytes(self.header(source, map)?);
        }
        let mut opened = BTreeMap::new();
        for index in first..last {
            let (file, start, end) = self.segment(source, index, &mut opened)?;
            joined.push_other(file, start, end);
        }
        let joined: Arc<dyn ByteSource> = Arc::new(joined);
        // From the segments' own clock to the file clock, whichever turn of it this is.
        let about = self.starts().nth(first).map_or(0, |start| start.1);
        let clock = self.begins(source, first)?;
        let shift = self.nearest(clock.saturating_add(self.shift(source, piece)?), about);
        let shift = shift.saturating_sub(clock);
        let (from, to) = (time(from.saturating_sub(shift)), time(to.saturating_sub(shift)));
        let located = if self.is_fragmented() {
            let Some(index) = Fragments::short(joined.as_ref())? else { return Ok(None) };
            index.window(&joined, from, to)?
        } else {
            let Some(index) = Ts::open(&joined)? else { return Ok(None) };
            index.window(&joined, from, to)?
        };
        let shift = MediaDuration::from_flicks(shift);
        let mut clock = located.clock;
        if clock.shifts.first().is_none_or(|first| first.0 > 0) {
            clock.shifts.insert(0, (0, MediaDuration::ZERO));
        }
        clock.shifts.iter_mut().for_each(|piece| piece.1 += shift);
        clock.near = clock.near + shift;
        clock.shown_from = clock.shown_from.map(|at| at + shift);
        // What lies in it are ranges of segments, not of the playlist.
        let mut excerpt = Excerpt::new(source.name());
        let length = located.excerpt.len();
        excerpt.push_other(Arc::new(located.excerpt), 0, length);
        Ok(Some(Located { excerpt, clock }))
    }

    /// The segments `from` to `to` as one stream of at most `most` bytes after the first.
    fn located(
        &self,
        source: &Arc<dyn ByteSource>,
        from: usize,
        to: usize,
        most: u64,
    ) -> Result<Located> {
        let mut excerpt = Excerpt::new(source.name());
        let mut shifts: Vec<(u64, MediaDuration)> = Vec::new();
        let mut opened = BTreeMap::new();
        let near = self.starts().nth(from).map_or(0, |start| start.1);
        let mut header: Option<(u32, Vec<u8>)> = None;
        let mut piece_at = usize::MAX;
        for index in from..to.min(self.media.segments.len()) {
            let Some(segment) = self.media.segments.get(index).filter(|s| !s.is_gap) else {
                continue;
            };
            if header.as_ref().is_none_or(|header| header.0 != segment.map) {
                let bytes = self.header(source, segment.map)?;
                match &header {
                    // A reader of MP4 takes one header only.
                    Some((_, known)) if *known != bytes => break,
                    Some(_) => {}
                    None => excerpt.push_bytes(bytes.clone()),
                }
                header = Some((segment.map, bytes));
            }
            let piece = self.pieces.partition_point(|piece| piece.from as usize <= index);
            if piece != piece_at {
                piece_at = piece;
                let piece = piece.checked_sub(1).and_then(|at| self.pieces.get(at));
                let shift = piece.map_or(Ok(0), |piece| self.shift(source, piece))?;
                shifts.push((excerpt.len(), MediaDuration::from_flicks(shift)));
            }
            let (file, start, end) = self.segment(source, index, &mut opened)?;
            let left = most.saturating_sub(excerpt.len());
            if end - start > left {
                if index == from {
                    excerpt.push_other(file, start, end.min(start.saturating_add(SMALL_HEAD)));
                }
                break;
            }
            excerpt.push_other(file, start, end);
        }
        let wrap = (!self.is_fragmented()).then_some(MediaDuration::from_flicks(WRAP));
        let clock = Clock { shifts, wrap, near: time(near), ..Clock::default() };
        Ok(Located { excerpt, clock })
    }
}

impl Locate for Hls {
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located> {
        let first = self.media.segments.iter().position(|s| !s.is_gap).unwrap_or(0);
        let end = self.pieces.iter().find(|piece| piece.to as usize > first);
        let end = end.map_or(first, |piece| piece.to as usize).min(first.saturating_add(3));
        self.located(source, first, end, MAX_HEAD)
    }

    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located> {
        let (first, last) = self.span(source, from.flicks(), to.flicks())?;
        let within = self.within(source, (first, last), (from.flicks(), to.flicks()));
        match within {
            Ok(Some(located)) => return Ok(located),
            // Whole segments will do where their own index finds no key picture.
            Ok(None) => {}
            Err(error) if error.kind == Kind::Malformed => {}
            Err(error) => return Err(error),
        }
        self.located(source, first, last, u64::MAX)
    }

    fn end(&self) -> MediaTime {
        time(self.end)
    }

    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        let mut before = 0;
        let mut found = Vec::new();
        for piece in &self.pieces {
            let Some(shift) = piece.shift else { continue };
            if shift != before {
                // The container's clock runs ahead by as much as is taken off more.
                let off = MediaDuration::from_flicks(before.saturating_sub(shift));
                found.push((time(piece.start), off));
            }
            before = shift;
        }
        found
    }
}

/// Whether a source is a playlist: by its first line, and by its name (`.m3u8`, `.m3u`), so that a
/// file of another kind cannot name others.
///
/// # Errors
/// `Io` where the source fails.
pub fn is_playlist(source: &Arc<dyn ByteSource>) -> Result<bool> {
    let name = source.name().split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    if !name.ends_with(".m3u8") && !name.ends_with(".m3u") {
        return Ok(false);
    }
    let begin = read_up_to(source.as_ref(), 0, 10)?;
    Ok(begin.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&begin).starts_with(b"#EXTM3U"))
}

/// Reads a playlist, for fuzzing too: nothing is opened.
pub fn exercise_playlist(text: &[u8]) {
    let _ = parse(text);
}

fn read(source: &Arc<dyn ByteSource>) -> Result<Playlist> {
    if source.len() > MAX_BYTES {
        return Err(
            Error::new(Kind::Limit, "the playlist is larger than 32 MB").in_file(source.name())
        );
    }
    let text = read_up_to(source.as_ref(), 0, source.len() as usize)?;
    parse(&text).map_err(|error| error.in_file(source.name()))
}

fn beside(source: &Arc<dyn ByteSource>, name: &str) -> Result<Arc<dyn ByteSource>> {
    source.beside(name).map_err(|error| {
        let what = format!("`{name}`, which the playlist names, cannot be opened");
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::Missing,
            std::io::ErrorKind::Unsupported | std::io::ErrorKind::InvalidInput => Kind::Unsupported,
            _ => Kind::Io,
        };
        Error::new(kind, what).in_file(source.name()).caused_by(error)
    })
}

fn flicks(segment: &Segment) -> i64 {
    i64::from(segment.length) * (FLICKS_PER_SECOND / 100_000) / 10
}

fn time(flicks: i64) -> MediaTime {
    MediaTime::from_flicks(flicks)
}
