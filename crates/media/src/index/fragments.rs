//! Fragmented MP4: the fragments of a window, found by an index of the file's or by their boxes.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::guess::narrow;
use super::mp4::{HEAD, MAX_HEAD, SOUND_LEAD, limit, top_level};
use super::mp4_boxes::{Placed, box_at, children};
use super::mp4_excerpt::{Piece, fragment};
use super::mp4_fragments::{Init, MAX_MOOF, Run};
use super::mp4_tracks::Sample;
use super::peek::{Peek, four, number, read_up_to};
use super::{Clock, Locate, Located};
use crate::excerpt::Excerpt;

/// Bytes read at a time where headers are walked: more than a fragment's tables.
const LOOK_BYTES: usize = 4096;
/// Bytes read at a time where a fragment is looked for, at least and at most: a quarter of one.
const SCAN_BYTES: (usize, usize) = (24 << 10, 256 << 10);
/// Bytes in which a fragment must be found, or the file is read from its start.
const MAX_SCAN: u64 = 64 << 20;
/// Marks kept of an index.
const MARKS: usize = 4096;
/// Bytes of an index.
const MAX_INDEX: u64 = 16 << 20;
/// Fragments of one window, and samples.
const MAX_FRAGMENTS: usize = 100_000;
const MAX_SAMPLES: usize = 2_000_000;
/// A fragment this much before the time that is wanted is near enough to go on from.
const NEAR_S: f64 = 20.0;

/// A fragmented MP4 or CMAF file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fragments {
    init: Init,
    /// Where the first fragment begins.
    first: u64,
    /// Of an index of the file: time in flicks of the file clock, and where the fragment begins.
    marks: Vec<(i64, u64)>,
    /// Where the last fragment with pictures begins, and its time.
    last: (i64, u64),
    /// Bytes read at a time for a fragment's tables, and where one is looked for.
    look: usize,
    scan: usize,
    /// Whole seconds that excerpts run ahead of the file clock, so that no time is negative.
    ahead_s: u32,
    /// Flicks of the file clock.
    end: i64,
}

/// A fragment with its samples.
struct Fragment {
    at: u64,
    /// Where its box ends.
    end: u64,
    runs: Vec<Run>,
}

impl Fragments {
    /// Finds how a fragmented MP4 is laid out; `None` where it is none, or must be read whole:
    /// samples outside of fragments, encrypted, fragments without times.
    ///
    /// # Errors
    /// `Io` where the source fails.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        let source = source.as_ref();
        let mut peek = Peek::new(source, LOOK_BYTES);
        let Some(top) = top_level(&mut peek)? else { return Ok(None) };
        let Some(init) = Init::read(&mut peek, &top)? else { return Ok(None) };
        let Some(moov) = top.last().copied() else { return Ok(None) };
        let mut index = Self {
            init,
            first: moov.end,
            marks: Vec::new(),
            last: (0, moov.end),
            look: LOOK_BYTES,
            scan: SCAN_BYTES.0,
            ahead_s: 0,
            end: 0,
        };
        let Some(first) = index.next(&mut peek, moov.end)? else { return Ok(None) };
        index.first = first.at;
        // The tables of others are as long, about, and the header of their data follows.
        let tables = (first.end - first.at).min(MAX_MOOF) as usize;
        index.look = (tables + tables / 4 + 64).max(512);
        let data = box_at(&mut peek, first.end, source.len())?.map_or(0, |data| data.len());
        let quarter = usize::try_from(data / 4).unwrap_or(usize::MAX);
        index.scan = quarter.clamp(SCAN_BYTES.0, SCAN_BYTES.1);
        // What readers add because of negative offsets is seen in the first fragment.
        for run in &first.runs {
            if let Some(track) = index.init.tracks.get_mut(run.track) {
                track.lift = run.least.unsigned_abs();
            }
        }
        let Some(begin) = index.time(&first) else { return Ok(None) };
        let mut ahead = 0i64;
        for run in &first.runs {
            let Some(track) = index.init.tracks.get(run.track) else { continue };
            let least = run.samples.first().map_or(0, |s| s.decoded).min(0);
            let scale = i64::from(track.described.scale.max(1));
            ahead = ahead.max((scale - 1 - least) / scale);
        }
        let Ok(ahead) = u32::try_from(ahead) else { return Ok(None) };
        index.ahead_s = ahead;
        index.last = (begin, first.at);
        index.marks = index.read_index(&mut peek, moov.end)?;
        let Some(last) = index.find_last(source)? else { return Ok(None) };
        index.last = (index.time(&last).unwrap_or(begin), last.at);
        index.end = index.ends(&mut peek, last)?;
        Ok(Some(index))
    }

    /// The track that times are counted by: pictures where there are any.
    fn leading(&self) -> usize {
        self.init.tracks.iter().position(|track| track.described.is_video).unwrap_or(0)
    }

    fn flicks(&self, track: usize, ticks: i64) -> i64 {
        let track = self.init.tracks.get(track);
        track.map_or(0, |track| (track.described.time(ticks) - MediaTime::ZERO).flicks())
    }

    /// When the first picture of a fragment is decoded; `None` where it has none.
    fn time(&self, fragment: &Fragment) -> Option<i64> {
        let run = fragment.runs.iter().find(|run| run.track == self.leading())?;
        Some(self.flicks(run.track, run.samples.first()?.decoded))
    }

    /// The fragment at or after `at`, where a box begins.
    fn next(&self, peek: &mut Peek<'_>, mut at: u64) -> Result<Option<Fragment>> {
        let length = peek.len();
        for _ in 0..10_000 {
            let Some(placed) = box_at(peek, at, length)? else { return Ok(None) };
            if &placed.kind == b"moof" {
                return self.fragment(peek, &placed);
            }
            at = placed.end;
        }
        Ok(None)
    }

    fn fragment(&self, peek: &mut Peek<'_>, placed: &Placed) -> Result<Option<Fragment>> {
        let size = placed.end.saturating_sub(placed.start);
        if size > MAX_MOOF || placed.end > peek.len() {
            return Ok(None);
        }
        let moof = peek.bytes(placed.start, size as usize)?;
        let runs = self.init.samples(moof, placed.start);
        Ok(runs.map(|runs| Fragment { at: placed.start, end: placed.end, runs }))
    }

    /// Marks of `sidx` right before the fragments, or of `mfra` at the end.
    fn read_index(&self, peek: &mut Peek<'_>, at: u64) -> Result<Vec<(i64, u64)>> {
        let length = peek.len();
        let tail = peek.bytes(length.saturating_sub(16), 16)?;
        let size = four(tail, 12).map(u64::from).filter(|_| tail.get(4..8) == Some(b"mfro"));
        if let Some(start) = size.and_then(|size| length.checked_sub(size))
            && let Some(placed) = box_at(peek, start, length)?
            && &placed.kind == b"mfra"
            && placed.len() <= MAX_INDEX
            && let Some(boxes) = children(peek, placed.content, placed.end)?
        {
            for placed in boxes.iter().filter(|placed| &placed.kind == b"tfra") {
                let table = peek.bytes(placed.content, placed.len() as usize)?;
                let marks = self.random_access(table).unwrap_or_default();
                if !marks.is_empty() {
                    return Ok(marks);
                }
            }
        }
        let Some(placed) = box_at(peek, at, length)? else { return Ok(Vec::new()) };
        if &placed.kind == b"sidx" && placed.len() <= MAX_INDEX && placed.end <= length {
            let table = peek.bytes(placed.content, placed.len() as usize)?;
            return Ok(self.segment_index(table, placed.end).unwrap_or_default());
        }
        Ok(Vec::new())
    }

    fn random_access(&self, table: &[u8]) -> Option<Vec<(i64, u64)>> {
        let wide = if *table.first()? == 1 { 8 } else { 4 };
        let track = self.init.tracks.get(self.leading())?;
        if four(table, 4)? != track.described.id {
            return None;
        }
        let lengths = four(table, 8)?;
        let extra = (0..3).map(|n| (lengths >> (2 * n) & 3) as usize + 1).sum::<usize>();
        let row = 2 * wide + extra;
        let count = (four(table, 12)? as usize).min(table.len() / row);
        let step = count.div_ceil(MARKS).max(1);
        let mut marks = Vec::new();
        for nth in (0..count).step_by(step) {
            let ticks = i64::try_from(number(table, 16 + nth * row, wide)?).ok()?;
            let at = number(table, 16 + nth * row + wide, wide)?;
            marks.push((self.flicks(self.leading(), ticks.saturating_add(track.shift)), at));
        }
        forward(&marks).then_some(marks)
    }

    fn segment_index(&self, table: &[u8], end: u64) -> Option<Vec<(i64, u64)>> {
        let wide = if *table.first()? == 1 { 8 } else { 4 };
        let scale = i64::from(four(table, 8)?.max(1));
        let mut ticks = i64::try_from(number(table, 12, wide)?).ok()?;
        let mut at = end.checked_add(number(table, 12 + wide, wide)?)?;
        let count = number(table, 14 + 2 * wide, 2)? as usize;
        let step = count.div_ceil(MARKS).max(1);
        let track = self.init.tracks.get(self.leading())?;
        let shift = self.flicks(self.leading(), track.shift);
        let mut marks = Vec::new();
        for nth in 0..count {
            let row = 16 + 2 * wide + nth * 12;
            let size = four(table, row)?;
            if size >> 31 != 0 {
                return None;
            }
            if nth % step == 0 {
                let time = MediaTime::from_ticks(ticks, 1, i32::try_from(scale).ok()?);
                marks.push(((time - MediaTime::ZERO).flicks().checked_add(shift)?, at));
            }
            ticks = ticks.checked_add(i64::from(four(table, row + 4)?))?;
            at = at.checked_add(u64::from(size))?;
        }
        // One of a single segment, as each fragment of some muxers has, says nothing of the rest.
        (marks.len() > 1 && forward(&marks)).then_some(marks)
    }

    /// The last fragment with pictures, found backwards from the end.
    fn find_last(&self, source: &dyn ByteSource) -> Result<Option<Fragment>> {
        let length = source.len();
        let mut peek = Peek::new(source, self.look);
        let mut to = length;
        while to > self.first && length - to < MAX_SCAN {
            let from = to.saturating_sub(self.scan as u64).max(self.first);
            let mut best = None;
            let mut at = from;
            while let Some(found) = self.scan(source, at, to.saturating_add(16))? {
                at = found.at + 8;
                if self.time(&found).is_some() {
                    best = Some(found);
                }
            }
            if best.is_some() {
                return Ok(best);
            }
            to = from;
        }
        // Few and huge fragments: the first one then.
        self.next(&mut peek, self.first)
    }

    /// Where the last picture ends, from the last fragment with pictures on.
    fn ends(&self, peek: &mut Peek<'_>, last: Fragment) -> Result<i64> {
        let length = peek.len();
        let mut end = i64::MIN;
        let mut fragment = Some(last);
        let mut count = 0;
        while let Some(found) = fragment.filter(|_| count < 1000) {
            for run in found.runs.iter().filter(|run| run.track == self.leading()) {
                let there = |s: &&Sample| s.offset.saturating_add(u64::from(s.size)) <= length;
                let ends = |s: &Sample| s.shown().saturating_add(i64::from(s.duration));
                let run_end = run.samples.iter().filter(there).map(ends).max();
                end = run_end.map_or(end, |run_end| end.max(self.flicks(run.track, run_end)));
            }
            count += 1;
            fragment = self.next(peek, found.end)?;
        }
        Ok(if end == i64::MIN { self.last.0 } else { end })
    }

    /// The first fragment whose box begins in `from..to`, not knowing where boxes begin.
    fn scan(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Option<Fragment>> {
        let mut peek = Peek::new(source, self.look);
        let mut at = from;
        while at < to {
            let count = usize::try_from(to - at).unwrap_or(self.scan).min(self.scan);
            let block = read_up_to(source, at, count.max(24))?;
            for (nth, window) in block.windows(16).enumerate() {
                let start = at + nth as u64;
                if &window[4..8] != b"moof" || &window[12..16] != b"mfhd" || start >= to {
                    continue;
                }
                let Some(placed) = box_at(&mut peek, start, source.len())? else { continue };
                // A fragment's data follows, or other boxes of known kinds.
                let after = box_at(&mut peek, placed.end, source.len())?;
                let kinds =
                    [b"mdat", b"moof", b"free", b"skip", b"uuid", b"styp", b"sidx", b"emsg"];
                let follows = after.is_none_or(|after| kinds.contains(&&after.kind));
                if follows && let Some(found) = self.fragment(&mut peek, &placed)? {
                    return Ok(Some(found));
                }
            }
            if block.len() < 24 {
                break;
            }
            at += (block.len() - 15) as u64;
        }
        Ok(None)
    }

    /// Where a fragment begins whose pictures are decoded at or before `target`, not far before it
    /// where it can be helped; else the first.
    fn locate(&self, source: &dyn ByteSource, target: i64) -> Result<u64> {
        let known = self.marks.partition_point(|mark| mark.0 <= target);
        let mark = known.checked_sub(1).and_then(|index| self.marks.get(index));
        let near = (NEAR_S * reprise_model::time::FLICKS_PER_SECOND as f64) as i64;
        let (mut low, high) = match mark {
            Some(&mark) => (mark, self.marks.get(known).copied().unwrap_or(self.last)),
            None => ((i64::MIN, self.first), self.last),
        };
        if low.0 == i64::MIN {
            let first = self.next(&mut Peek::new(source, self.look), self.first)?;
            low.0 = first.and_then(|first| self.time(&first)).unwrap_or(0);
        }
        let found = narrow(low, high, target, near, self.scan as u64, |from, to| {
            let mut found = self.scan(source, from, to)?;
            // Sound may have fragments of its own.
            for _ in 0..50 {
                match &found {
                    Some(fragment) if self.time(fragment).is_none() => {
                        let end = fragment.end;
                        found = self.scan(source, end, to)?;
                    }
                    _ => break,
                }
            }
            Ok(found.and_then(|found| Some((self.time(&found)?, found.at))))
        })?;
        Ok(found.1)
    }

    /// The samples of each track in the fragments from `at` on, up to `to` and one fragment more, or
    /// up to the byte `stop`.
    fn collect(
        &self,
        source: &dyn ByteSource,
        at: u64,
        stop: u64,
        to: i64,
    ) -> Result<Vec<Vec<Sample>>> {
        let mut peek = Peek::new(source, self.look);
        let mut all: Vec<Vec<Sample>> = vec![Vec::new(); self.init.tracks.len()];
        let mut reached = vec![false; self.init.tracks.len()];
        let (mut at, mut count) = (at, 0);
        let mut since = 0;
        while at < stop && count < MAX_FRAGMENTS {
            let Some(fragment) = self.next(&mut peek, at)?.filter(|f| f.at < stop) else { break };
            for run in fragment.runs {
                if self.flicks(run.track, run.end) >= to {
                    reached[run.track] = true;
                }
                all[run.track].extend(run.samples);
            }
            count += 1;
            at = fragment.end;
            if all.iter().map(Vec::len).sum::<usize>() > MAX_SAMPLES {
                let what = "the window has too many samples: cut it into shorter ones";
                return Err(Error::new(Kind::Limit, what).in_file(source.name()));
            }
            // A track that has ended long before the others is not waited for.
            since += usize::from(reached.iter().any(|&r| r));
            if reached.iter().all(|&r| r) || since > 8 {
                break;
            }
        }
        Ok(all)
    }

    fn located(
        &self,
        source: &Arc<dyn ByteSource>,
        all: Vec<Vec<Sample>>,
        most: u64,
        near: i64,
    ) -> Result<Located> {
        let mut pieces = Vec::new();
        for (track, mut samples) in self.init.tracks.iter().zip(all) {
            // A file that was cut off lacks the data of its last fragment.
            let end = |s: &Sample| s.offset.saturating_add(u64::from(s.size)) > source.len();
            if let Some(cut) = samples.iter().position(end) {
                samples.truncate(cut);
            }
            pieces.push(Piece { track: &track.described, samples });
        }
        limit(&mut pieces, most);
        let mut excerpt = Excerpt::new(source.name());
        let (brand, movie) = (&self.init.brand, &self.init.movie);
        fragment(&mut excerpt, source, brand, movie, &pieces, self.ahead_s)?;
        let second = reprise_model::time::FLICKS_PER_SECOND;
        let back = MediaDuration::from_flicks(-i64::from(self.ahead_s) * second);
        let shifts = if self.ahead_s > 0 { vec![(0, back)] } else { Vec::new() };
        let near = MediaTime::from_flicks(near);
        Ok(Located { excerpt, clock: Clock { shifts, near, ..Clock::default() } })
    }

    /// Leaves of each track what a window needs; `None` where it must begin earlier.
    fn cut(
        &self,
        mut all: Vec<Vec<Sample>>,
        from: i64,
        to: i64,
        is_first: bool,
    ) -> Option<Vec<Vec<Sample>>> {
        let leading = self.leading();
        let is_video = self.init.tracks.get(leading)?.described.is_video;
        let shown = |s: &Sample| self.flicks(leading, s.shown());
        let samples = all.get(leading)?;
        let mut start = from;
        let mut begin = 0;
        if is_video {
            let keys = samples.iter().enumerate().filter(|(_, s)| s.is_key);
            let last = keys.clone().rfind(|(_, s)| shown(s) <= from);
            let key = match last {
                Some(key) => key.0,
                None if is_first => keys.clone().next().map_or(0, |key| key.0),
                None => return None,
            };
            begin = key;
            start = samples.get(key).map_or(from, |s| shown(s).min(from));
        }
        for (track, samples) in all.iter_mut().enumerate() {
            let decoded = |s: &Sample| self.flicks(track, s.decoded);
            let end = samples.partition_point(|s| decoded(s) <= to);
            samples.truncate(end.saturating_add(1));
            if track == leading && is_video {
                samples.drain(..begin.min(samples.len()));
                continue;
            }
            let early = start.saturating_sub(SOUND_LEAD.flicks());
            if !is_first && samples.first().is_none_or(|s| decoded(s) > start) {
                return None;
            }
            let first = samples.partition_point(|s| decoded(s) <= early).saturating_sub(1);
            samples.drain(..first.min(samples.len()));
        }
        Some(all)
    }
}

impl Locate for Fragments {
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located> {
        let bytes = source.as_ref();
        let first = self.next(&mut Peek::new(bytes, self.look), self.first)?;
        let begin = first.and_then(|first| self.time(&first)).unwrap_or(0);
        let mut to = begin.saturating_add(HEAD.flicks());
        let leading = self.leading();
        let mut all = self.collect(bytes, self.first, u64::MAX, to)?;
        for _ in 0..5 {
            let keys = all.get(leading).map_or(0, |s| s.iter().filter(|s| s.is_key).count());
            let size = all.iter().flatten().map(|s| u64::from(s.size)).sum::<u64>();
            if keys > 1 || size > MAX_HEAD || to >= self.end {
                break;
            }
            to = to.saturating_add((to - begin).max(HEAD.flicks()));
            all = self.collect(bytes, self.first, u64::MAX, to)?;
        }
        self.located(source, all, MAX_HEAD, begin)
    }

    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located> {
        let bytes = source.as_ref();
        let (from, to) = (from.flicks(), to.flicks());
        let mut at = u64::MAX;
        let mut all: Vec<Vec<Sample>> = vec![Vec::new(); self.init.tracks.len()];
        for back in [2500, 12_000, 60_000, i64::MAX] {
            let back = MediaDuration::from_millis(back).flicks();
            let earlier = match back {
                i64::MAX => self.first,
                back => self.locate(bytes, from.saturating_sub(back))?,
            };
            if earlier >= at {
                continue;
            }
            // What was collected already is put behind.
            let mut before = self.collect(bytes, earlier, at, to)?;
            before.iter_mut().zip(all).for_each(|(before, after)| before.extend(after));
            (all, at) = (before, earlier);
            if let Some(cut) = self.cut(all.clone(), from, to, at <= self.first) {
                return self.located(source, cut, u64::MAX, from);
            }
        }
        Err(Error::new(Kind::Malformed, "no fragments can be found here")
            .in_file(source.name())
            .at_time(MediaTime::from_flicks(from)))
    }

    fn end(&self) -> MediaTime {
        MediaTime::from_flicks(self.end)
    }

    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        Vec::new()
    }
}

/// Opens `bytes` as a fragmented MP4 and locates its head and three windows: for fuzzing.
pub fn exercise(bytes: &[u8]) {
    let source: Arc<dyn ByteSource> =
        Arc::new(reprise_model::bytes::MemorySource::new("fuzz.mp4", bytes));
    if let Ok(Some(index)) = Fragments::open(&source) {
        super::exercise(&source, &index);
    }
}

fn forward(marks: &[(i64, u64)]) -> bool {
    marks.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 < pair[1].1)
}
