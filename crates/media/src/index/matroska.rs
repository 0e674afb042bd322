//! Matroska and WebM: the clusters of a window, found by cues or by their marks in the bytes.

use std::sync::Arc;

use reprise_model::time::FLICKS_PER_SECOND;
use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::guess::narrow;
use super::matroska_clusters::{Block, Cluster, Held, after, cluster_at, scan};
use super::matroska_elements::{CLUSTER, CUES, Header, Track, element_at, elements, unsigned};
use super::peek::Peek;
use super::{Clock, Locate, Located};
use crate::excerpt::Excerpt;

/// Bytes read at a time where headers are walked.
const LOOK_BYTES: usize = 4096;
/// Bytes read at a time of clusters' headers.
const SMALL_LOOK: usize = 64;
/// Bytes of cues: a day of key pictures.
const MAX_CUES: u64 = 16 << 20;
/// Marks kept of cues.
const MARKS: usize = 4096;
/// So many clusters before the time that is wanted are near enough to go on from, within limits.
const NEAR: i64 = 12;
const LEAST_NEAR: i64 = 8 * FLICKS_PER_SECOND;
const MOST_NEAR: i64 = 60 * FLICKS_PER_SECOND;
/// Fewer bytes are walked over rather than guessed in.
const LEAST: u64 = 64 << 10;
/// Bytes at the end in which the last cluster must lie.
const MAX_LAST: u64 = 64 << 20;
/// Clusters gone back for a key picture, and gone on to the end of a window.
const MAX_BACK: usize = 200;
const MAX_ON: usize = 20_000;
/// Sound that comes before the first picture in a cluster is taken along from so early on.
const SOUND_LEAD: MediaDuration = MediaDuration::from_millis(300);
/// A track that is so late is no longer waited for.
const OVERRUN: MediaDuration = MediaDuration::from_millis(3000);
/// Bytes of a head that reaches past the second key picture, and of one that does not.
const MAX_HEAD: usize = 8 << 20;
const SMALL_HEAD: usize = 2 << 20;

/// A Matroska or WebM recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matroska {
    header: Header,
    /// Of the cues: ticks, and where the cluster begins.
    marks: Vec<(i64, u64)>,
    /// The first and the last cluster: ticks, and where it begins.
    first: (i64, u64),
    last: (i64, u64),
    /// From one cluster to the next, in ticks, at the beginning.
    stride: i64,
    /// Flicks of the file clock.
    end: i64,
}

impl Matroska {
    /// Finds how a recording is laid out; `None` where it is none, encrypted, or says what it holds
    /// only behind its clusters.
    ///
    /// # Errors
    /// `Io` where the source fails.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        let source = source.as_ref();
        let mut peek = Peek::new(source, LOOK_BYTES);
        let Some(header) = Header::read(&mut peek)? else { return Ok(None) };
        let Some(first) = cluster_at(&mut peek, header.first, header.end)? else { return Ok(None) };
        let second = after(source, &mut peek, &first, &header)?;
        let stride = second.map_or(0, |second| second.time.saturating_sub(first.time));
        let first = (first.time, first.start);
        let mut index = Self { header, marks: Vec::new(), first, last: first, stride, end: 0 };
        index.marks = index.read_cues(&mut peek)?;
        let Some(last) = index.find_last(source)? else { return Ok(None) };
        index.last = (last.time, last.start);
        index.end = index.find_end(source, last)?;
        Ok(Some(index))
    }

    /// The track that times are counted by: pictures where there are any.
    fn leading(&self) -> Option<&Track> {
        self.header.video.as_ref().or(self.header.sound.as_ref())
    }

    fn is_leading(&self, block: &Block) -> bool {
        self.leading().is_some_and(|track| track.number == block.track)
    }

    fn is_sound(&self, block: &Block) -> bool {
        self.header.sound.as_ref().is_some_and(|track| track.number == block.track)
    }

    fn flicks(&self, ticks: i64) -> i64 {
        (self.header.time(ticks) - MediaTime::ZERO).flicks()
    }

    fn read_cues(&self, peek: &mut Peek<'_>) -> Result<Vec<(i64, u64)>> {
        let Some(at) = self.header.cues else { return Ok(Vec::new()) };
        let Some(cues) = element_at(peek, at)?.filter(|e| e.id == CUES) else {
            return Ok(Vec::new());
        };
        let Some(end) = cues.end.filter(|&end| end <= self.header.end && end - at <= MAX_CUES)
        else {
            return Ok(Vec::new());
        };
        let bytes = peek.bytes(cues.content, (end - cues.content) as usize)?;
        let leading = self.leading().map_or(0, |track| track.number);
        let part = |of: &[u8], wanted| {
            elements(of).find(|(id, _)| *id == wanted).and_then(|(_, part)| unsigned(part))
        };
        let points = |(_, point): (u32, &[u8])| {
            let time = i64::try_from(part(point, 0xB3)?).ok()?;
            let (_, place) = elements(point)
                .find(|(id, place)| *id == 0xB7 && part(place, 0xF7) == Some(leading))?;
            Some((time, self.header.segment.checked_add(part(place, 0xF1)?)?))
        };
        let mut all: Vec<(i64, u64)> =
            elements(bytes).filter(|(id, _)| *id == 0xBB).filter_map(points).collect();
        all.dedup_by_key(|mark| mark.1);
        let step = all.len().div_ceil(MARKS).max(1);
        let marks: Vec<(i64, u64)> = all.into_iter().step_by(step).collect();
        let forward = marks.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 < pair[1].1);
        let within = marks.iter().all(|mark| (self.first.1..self.header.end).contains(&mark.1));
        Ok(if forward && within { marks } else { Vec::new() })
    }

    /// The last cluster, from the last mark on or backwards from the end.
    fn find_last(&self, source: &dyn ByteSource) -> Result<Option<Cluster>> {
        let end = self.header.end;
        let mut peek = Peek::new(source, SMALL_LOOK);
        if let Some(&(_, at)) = self.marks.last()
            && let Some(mut last) = cluster_at(&mut peek, at, end)?
        {
            for _ in 0..MAX_ON {
                match after(source, &mut peek, &last, &self.header)? {
                    Some(next) => last = next,
                    None => return Ok(Some(last)),
                }
            }
        }
        let mut to = end;
        while to > self.first.1 && end - to < MAX_LAST {
            let from = to.saturating_sub(LEAST).max(self.first.1);
            let mut last = None;
            let mut at = from;
            while let Some(found) = scan(source, at, to.saturating_add(3).min(end), end)? {
                at = found.content;
                last = Some(found);
            }
            if last.is_some() {
                return Ok(last);
            }
            to = from;
        }
        cluster_at(&mut peek, self.first.1, end)
    }

    /// Where the last picture ends: at worst what the cluster's own time says.
    fn find_end(&self, source: &dyn ByteSource, last: Cluster) -> Result<i64> {
        let mut cluster = Some(last);
        // The last cluster may hold only sound.
        for _ in 0..4 {
            let Some(found) = cluster else { break };
            let mut held = Held::new(found);
            held.read(source, self.header.end, |_| false)?;
            let mut times: Vec<i64> =
                held.blocks.iter().filter(|b| self.is_leading(b)).map(|b| b.time).collect();
            times.sort_unstable();
            times.dedup();
            if let Some(&newest) = times.last() {
                let stated = self.leading().map_or(0, |track| track.duration_ns);
                let step = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(0);
                let step = match stated {
                    0 => MediaDuration::from_flicks(self.flicks(step)),
                    ns => MediaDuration::from_ticks(ns as i64, 1, 1_000_000_000),
                };
                return Ok(self.flicks(newest).saturating_add(step.flicks()));
            }
            if found.start <= self.first.1 {
                break;
            }
            cluster = self.locate(source, found.time.saturating_sub(1))?.pop();
        }
        Ok(self.flicks(last.time))
    }

    /// Clusters up to the last one whose time is at or before `ticks`; at least one, the first of all
    /// where all come later.
    fn locate(&self, source: &dyn ByteSource, ticks: i64) -> Result<Vec<Cluster>> {
        let limit = self.header.end;
        let known = self.marks.partition_point(|mark| mark.0 <= ticks);
        let low = known.checked_sub(1).and_then(|index| self.marks.get(index)).copied();
        let low = low.unwrap_or(self.first);
        let high = self.marks.get(known).copied().unwrap_or(self.last);
        let near = self.flicks(self.stride).saturating_mul(NEAR).clamp(LEAST_NEAR, MOST_NEAR);
        let near = near / self.flicks(1).max(1);
        let found = narrow(low, high, ticks, near, LEAST, |from, to| {
            Ok(scan(source, from, to, limit)?.map(|cluster| (cluster.time, cluster.start)))
        })?;
        let mut peek = Peek::new(source, SMALL_LOOK);
        let first = cluster_at(&mut peek, found.1, limit)?;
        // Cues may be wrong.
        let first = match first.filter(|cluster| cluster.time <= ticks) {
            Some(first) => first,
            None => cluster_at(&mut peek, self.first.1, limit)?.ok_or_else(|| broken(source))?,
        };
        let (mut cluster, mut found) = (first, vec![first]);
        for _ in 0..MAX_ON {
            match after(source, &mut peek, &cluster, &self.header)? {
                Some(next) if next.time <= ticks && next.start > cluster.start => {
                    cluster = next;
                    found.push(next);
                }
                _ => break,
            }
        }
        Ok(found)
    }

    /// The cluster of the last key picture at or before `from`, with which of its blocks that is.
    fn begin(&self, source: &dyn ByteSource, from: i64) -> Result<(Held, usize)> {
        let is_video = self.header.video.is_some();
        let mut known = self.locate(source, from)?;
        for _ in 0..MAX_BACK {
            let Some(cluster) = known.pop() else { break };
            let mut held = Held::new(cluster);
            // Pictures are in order of decoding: shown later ones may come first.
            let margin = FLICKS_PER_SECOND / self.flicks(1).max(1);
            held.read(source, self.header.end, |block| {
                self.is_leading(block) && block.time > from.saturating_add(margin)
            })?;
            let fits = |b: &Block| self.is_leading(b) && (b.is_key || !is_video) && b.time <= from;
            if let Some(last) = held.blocks.iter().rposition(fits) {
                return Ok((held, last));
            }
            if cluster.start <= self.first.1 {
                let first = |b: &Block| self.is_leading(b) && (b.is_key || !is_video);
                let at = held.blocks.iter().position(first).unwrap_or(0);
                return Ok((held, at));
            }
            if known.is_empty() {
                known = self.locate(source, cluster.time.saturating_sub(1))?;
                known.retain(|earlier| earlier.start < cluster.start);
            }
        }
        let first = cluster_at(&mut Peek::new(source, SMALL_LOOK), self.first.1, self.header.end)?;
        Ok((Held::new(first.ok_or_else(|| broken(source))?), 0))
    }

    /// Writes a cluster of our own: its beginning, some blocks of it, and whatever follows.
    fn put_cluster(cluster: &Cluster, blocks: &[&[u8]]) -> Vec<u8> {
        let mut out = CLUSTER.to_be_bytes().to_vec();
        // It ends where the next one begins.
        out.extend_from_slice(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        out.extend_from_slice(&[0xE7, 0x88]);
        out.extend_from_slice(&cluster.time.max(0).to_be_bytes());
        blocks.iter().for_each(|block| out.extend_from_slice(block));
        out
    }

    /// Goes on in a cluster until pictures and sound have reached `to`; where that is, from its
    /// content on, or `None` where the cluster ends before.
    fn finish(
        &self,
        source: &dyn ByteSource,
        held: &mut Held,
        to: i64,
        reached: &mut [bool; 2],
    ) -> Result<Option<usize>> {
        let overrun = OVERRUN.flicks() / self.flicks(1).max(1);
        let mut check = |block: &Block| {
            if block.time >= to {
                // What is decoded first may be shown last: a picture later may yet be before `to`.
                reached[0] |=
                    self.is_leading(block) && (block.is_key || block.time > to + overrun / 6);
                reached[1] |= self.is_sound(block);
            }
            let late = block.time >= to.saturating_add(overrun);
            (reached[0] && reached[1]) || late
        };
        for block in &held.blocks {
            if check(block) {
                return Ok(Some(block.to));
            }
        }
        let mut end = None;
        held.read(source, self.header.end, |block| {
            let done = check(block);
            if done {
                end = Some(block.to);
            }
            done
        })?;
        Ok(end)
    }

    fn located(&self, source: &Arc<dyn ByteSource>, from: i64, to: i64) -> Result<Located> {
        let bytes = source.as_ref();
        let (mut held, key) = self.begin(bytes, from)?;
        let mut excerpt = Excerpt::new(bytes.name());
        excerpt.push_bytes(self.header.bytes.clone());
        let begin = held.blocks.get(key).copied();
        let lead = SOUND_LEAD.flicks() / self.flicks(1).max(1);
        let start = begin.map_or(0, |block| block.from);
        let sound: Vec<(usize, usize)> = held
            .blocks
            .iter()
            .take(key)
            .filter(|b| self.is_sound(b) && begin.is_some_and(|k| b.time >= k.time - lead))
            .map(|b| (b.from, b.to))
            .collect();
        let mut reached = [false, self.header.sound.is_none()];
        // The end may lie in the same cluster.
        let mut cluster = held.cluster;
        let mut peek = Peek::new(bytes, SMALL_LOOK);
        let mut next = after(bytes, &mut peek, &cluster, &self.header)?;
        let alone = next.is_none_or(|next| next.time > to);
        let end = if alone { self.finish(bytes, &mut held, to, &mut reached)? } else { None };
        let part = |from: usize, to: usize| held.bytes.get(from..to).unwrap_or_default();
        let mut parts: Vec<&[u8]> = sound.iter().map(|&(from, to)| part(from, to)).collect();
        let held_end = end.unwrap_or(held.bytes.len()).max(start);
        parts.push(part(start, held_end));
        excerpt.push_bytes(Self::put_cluster(&cluster, &parts));
        let near = begin.map_or(from, |block| block.time);
        let clock = Clock { near: self.header.time(near), ..Clock::default() };
        if end.is_some() {
            return Ok(Located { excerpt, clock });
        }
        // Whole clusters up to the one that holds the end.
        let mut from = held.read_to();
        for _ in 0..MAX_ON {
            let Some(this) = next else { break };
            cluster = this;
            next = after(bytes, &mut peek, &cluster, &self.header)?;
            if next.is_some_and(|next| next.time <= to) {
                continue;
            }
            excerpt.push_range(source, from, cluster.start);
            let mut held = Held::new(cluster);
            let end = self.finish(bytes, &mut held, to, &mut reached)?;
            let all = held.bytes.get(..end.unwrap_or(held.bytes.len())).unwrap_or_default();
            excerpt.push_bytes(Self::put_cluster(&cluster, &[all]));
            from = held.read_to();
            if end.is_some() {
                return Ok(Located { excerpt, clock });
            }
        }
        let limit = next.map_or(self.header.end, |next| next.start);
        excerpt.push_range(source, from, cluster.end.unwrap_or(limit).max(from).min(limit));
        Ok(Located { excerpt, clock })
    }

    /// The last tick at or before a time.
    fn ticks(&self, at: MediaTime) -> i64 {
        let ticks = at.ticks(i32::try_from(self.header.scale).unwrap_or(i32::MAX), 1_000_000_000);
        if self.header.time(ticks) > at { ticks.saturating_sub(1) } else { ticks }
    }
}

impl Locate for Matroska {
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located> {
        let bytes = source.as_ref();
        let mut peek = Peek::new(bytes, SMALL_LOOK);
        let mut excerpt = Excerpt::new(bytes.name());
        excerpt.push_bytes(self.header.bytes.clone());
        let (mut keys, mut size, mut newest) = (0, 0usize, i64::MIN);
        let enough = 3 * FLICKS_PER_SECOND / self.flicks(1).max(1);
        let mut cluster = cluster_at(&mut peek, self.first.1, self.header.end)?;
        let begin = self.first.0;
        while let Some(this) = cluster {
            let mut held = Held::new(this);
            let mut done = false;
            held.read(bytes, self.header.end, |block| {
                if self.is_leading(block) {
                    keys += usize::from(block.is_key);
                    newest = newest.max(block.time);
                }
                let all = size.saturating_add(block.to);
                done = (keys > 1 && newest - begin >= enough) || all >= MAX_HEAD;
                done
            })?;
            let end = held.blocks.last().filter(|_| done).map_or(held.bytes.len(), |b| b.to);
            size = size.saturating_add(end);
            let end = if size >= MAX_HEAD && keys < 2 { end.min(SMALL_HEAD) } else { end };
            let all = held.bytes.get(..end).unwrap_or_default();
            excerpt.push_bytes(Self::put_cluster(&this, &[all]));
            if done {
                break;
            }
            cluster = after(bytes, &mut peek, &this, &self.header)?;
        }
        let near = self.header.time(begin);
        Ok(Located { excerpt, clock: Clock { near, ..Clock::default() } })
    }

    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located> {
        self.located(source, self.ticks(from), self.ticks(to).saturating_add(1))
    }

    fn end(&self) -> MediaTime {
        MediaTime::from_flicks(self.end)
    }

    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        Vec::new()
    }
}

/// Opens `bytes` as Matroska and locates its head and three windows: for fuzzing.
pub fn exercise(bytes: &[u8]) {
    let source: Arc<dyn ByteSource> =
        Arc::new(reprise_model::bytes::MemorySource::new("fuzz.mkv", bytes));
    if let Ok(Some(index)) = Matroska::open(&source) {
        super::exercise(&source, &index);
    }
}

fn broken(source: &dyn ByteSource) -> Error {
    Error::new(Kind::Malformed, "its clusters cannot be found again").in_file(source.name())
}
