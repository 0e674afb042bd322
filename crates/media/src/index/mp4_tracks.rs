//! One track of an MP4 with sample tables: what it is, its edit list, and any of its samples.

use reprise_model::{ByteSource, Error, Kind, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::mp4_boxes::{Placed, child, children, put, put_four, put_full};
use super::mp4_edits::Edits;
use super::mp4_tables::{Chunks, Keys, Places, Shifts, Sizes, Table, Times};
use super::peek::{Peek, four, number};

/// Bytes of a description of samples; real ones have a few hundred.
const MAX_DESCRIPTION: u64 = 256 << 10;
/// Bytes of the small boxes that are copied.
const MAX_SMALL: u64 = 4 << 10;
/// Samples one window may have: hours of pictures and sound.
const MAX_SAMPLES: u64 = 2_000_000;
/// Samples around an edge among which the first or last shown is looked for.
const EDGE: u64 = 300;

/// What an excerpt says of a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Described {
    pub id: u32,
    /// Ticks a second.
    pub scale: u32,
    pub is_video: bool,
    /// Its `trak` box, without samples.
    pub header: Vec<u8>,
}

/// A track that can be cut from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub described: Described,
    /// The first sample that there is, after what the edit list cuts off.
    pub first: u64,
    /// One after the last sample.
    pub samples: u64,
    /// From the track's clock to the file clock, in ticks.
    pub shift: i64,
    /// Samples before this are decoded, not shown: ticks of the file clock.
    pub shown_from: Option<i64>,
    /// Where the last sample ends: ticks of the file clock.
    pub end: i64,
    times: Times,
    shifts: Option<Shifts>,
    chunks: Chunks,
    sizes: Sizes,
    places: Places,
    keys: Option<Keys>,
}

/// A coded picture or a run of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// When it is decoded, as demuxers say: never after it is shown. Ticks of the file clock.
    pub decoded: i64,
    /// How much later it is shown.
    pub later: u32,
    pub duration: u32,
    pub offset: u64,
    pub size: u32,
    pub is_key: bool,
}

impl Sample {
    /// When it is shown: ticks of the file clock.
    pub fn shown(&self) -> i64 {
        self.decoded.saturating_add(i64::from(self.later))
    }
}

/// What tells tracks apart before one is chosen.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub kind: [u8; 4],
    pub enabled: bool,
    pub pixels: u64,
    pub codec: [u8; 4],
    pub trak: Vec<Placed>,
    mdia: Vec<Placed>,
    minf: Vec<Placed>,
    stbl: Vec<Placed>,
    description: Vec<u8>,
}

impl Outline {
    /// Reads what a `trak` box is about; `None` where it is broken.
    pub fn read(peek: &mut Peek<'_>, placed: &Placed) -> Result<Option<Self>> {
        let Some(trak) = children(peek, placed.content, placed.end)? else { return Ok(None) };
        let Some(mdia) = inner(peek, &trak, b"mdia")? else { return Ok(None) };
        let Some(minf) = inner(peek, &mdia, b"minf")? else { return Ok(None) };
        let Some(stbl) = inner(peek, &minf, b"stbl")? else { return Ok(None) };
        let Some(tkhd) = content(peek, &trak, b"tkhd", MAX_SMALL)? else { return Ok(None) };
        let Some(hdlr) = content(peek, &mdia, b"hdlr", MAX_SMALL)? else { return Ok(None) };
        let stsd = content(peek, &stbl, b"stsd", MAX_DESCRIPTION)?;
        let description = stsd.unwrap_or_default();
        let letters = |bytes: &[u8], at: usize| -> [u8; 4] {
            bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).unwrap_or_default()
        };
        let width = number(&description, 40, 2).unwrap_or(0);
        let height = number(&description, 42, 2).unwrap_or(0);
        Ok(Some(Self {
            kind: letters(&hdlr, 8),
            enabled: tkhd.get(3).is_some_and(|flags| flags & 1 != 0),
            pixels: width * height,
            codec: letters(&description, 12),
            trak,
            mdia,
            minf,
            stbl,
            description,
        }))
    }

    /// Whether the track itself lists samples.
    pub fn has_samples(&self, peek: &mut Peek<'_>) -> Result<bool> {
        Ok(match child(&self.stbl, b"stsz") {
            Some(placed) => four(peek.bytes(placed.content, 12)?, 8).is_none_or(|count| count > 0),
            None => child(&self.stbl, b"stz2").is_some(),
        })
    }
}

impl Described {
    /// Reads what a track is; `None` where it cannot be cut from.
    pub fn read(peek: &mut Peek<'_>, outline: &Outline) -> Result<Option<Self>> {
        let Some(header) = header(peek, outline)? else { return Ok(None) };
        let Some(mdhd) = content(peek, &outline.mdia, b"mdhd", MAX_SMALL)? else { return Ok(None) };
        let Some(tkhd) = content(peek, &outline.trak, b"tkhd", MAX_SMALL)? else { return Ok(None) };
        let long = |bytes: &[u8]| bytes.first() == Some(&1);
        let scale = four(&mdhd, if long(&mdhd) { 20 } else { 12 });
        let id = four(&tkhd, if long(&tkhd) { 20 } else { 12 });
        let scale = scale.filter(|&scale| scale > 0 && scale < 1 << 31);
        let is_video = &outline.kind == b"vide";
        Ok(scale.zip(id).map(|(scale, id)| Self { id, scale, is_video, header }))
    }

    /// Ticks as a time.
    pub fn time(&self, ticks: i64) -> MediaTime {
        MediaTime::from_ticks(ticks, 1, i32::try_from(self.scale).unwrap_or(i32::MAX))
    }

    /// The last tick at or before `at`.
    pub fn ticks(&self, at: MediaTime) -> i64 {
        let ticks = at.ticks(1, i32::try_from(self.scale).unwrap_or(i32::MAX));
        if self.time(ticks) > at { ticks.saturating_sub(1) } else { ticks }
    }
}

impl Track {
    /// Reads where a track's tables lie and goes through those that are run-length coded; `None` where
    /// it is of a kind that is better left to a reader of the whole file.
    pub fn open(
        source: &dyn ByteSource,
        peek: &mut Peek<'_>,
        outline: &Outline,
        movie_scale: u32,
    ) -> Result<Option<Self>> {
        let Some(described) = Described::read(peek, outline)? else { return Ok(None) };
        let (scale, is_video) = (described.scale, described.is_video);
        let Some(edits) = Edits::read(peek, &outline.trak, scale, movie_scale)? else {
            return Ok(None);
        };
        let Some(tables) = Tables::read(peek, &outline.stbl, is_video)? else { return Ok(None) };
        let Some(times) = Times::open(source, tables.times)? else { return Ok(None) };
        let samples = u64::from(tables.sizes.samples);
        // Raw sound has a sample for each point in time; demuxers read whole chunks of it.
        let raw = !is_video && times.ticks == times.samples;
        if samples == 0 || times.samples < samples || raw {
            return Ok(None);
        }
        let shifts = match tables.shifts {
            Some(table) => match Shifts::open(source, table, samples)? {
                Some(shifts) => Some(shifts),
                None => return Ok(None),
            },
            None => None,
        };
        let Some(chunks) = Chunks::open(source, tables.chunks, tables.places.0.count)? else {
            return Ok(None);
        };
        if chunks.samples < samples {
            return Ok(None);
        }
        let keys = match tables.keys {
            Some(table) => match Keys::open(source, table)? {
                Some(keys) => Some(keys),
                None => return Ok(None),
            },
            None => None,
        };
        let mut track = Self {
            described,
            first: 0,
            samples,
            shift: 0,
            shown_from: None,
            end: 0,
            times,
            shifts,
            chunks,
            sizes: tables.sizes,
            places: tables.places,
            keys,
        };
        track.cut_at_end_of_file(source)?;
        if track.samples == 0 || !track.apply(source, &edits)? {
            return Ok(None);
        }
        let last = track.samples(source, track.samples.saturating_sub(EDGE), track.samples)?;
        let end = |s: &Sample| s.shown().saturating_add(i64::from(s.duration));
        track.end = last.iter().map(end).max().unwrap_or(0);
        Ok(Some(track))
    }

    /// The samples `from` to `to`, as far as there are any.
    ///
    /// # Errors
    /// `Limit` for more than a window may have, `Malformed` where the tables contradict each other.
    pub fn samples(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Vec<Sample>> {
        let to = to.min(self.samples);
        if from >= to {
            return Ok(Vec::new());
        }
        if to - from > MAX_SAMPLES {
            let what = "the window has too many samples: cut it into shorter ones";
            return Err(Error::new(Kind::Limit, what).in_file(source.name()));
        }
        let chunks = self.chunks.span(source, from, to)?;
        let (Some(begin), Some(end)) = (chunks.first(), chunks.last()) else {
            return Err(broken(source));
        };
        let places = self.places.span(source, begin.index, end.index.saturating_add(1))?;
        let mut skipped = self.sizes.sum(source, begin.first, from)?;
        let sizes = self.sizes.span(source, from, to)?;
        let times = self.times.span(source, from, to)?;
        let lift = self.lift();
        let shifts = match &self.shifts {
            Some(shifts) => shifts.span(source, from, to)?,
            None => vec![0; (to - from) as usize],
        };
        let keys = match &self.keys {
            Some(keys) => keys.within(source, from, to)?,
            None => Vec::new(),
        };
        let mut keys = keys.into_iter().peekable();
        let mut found = Vec::with_capacity((to - from) as usize);
        let mut rest = sizes.iter().zip(&times).zip(&shifts);
        let mut sample = from;
        for (chunk, place) in chunks.iter().zip(places) {
            let mut offset = place.saturating_add(skipped);
            skipped = 0;
            let end = chunk.first.saturating_add(u64::from(chunk.count)).min(to);
            while sample < end {
                let Some(((&size, &(time, duration)), &later)) = rest.next() else { break };
                let decoded = i64::try_from(time).unwrap_or(i64::MAX);
                found.push(Sample {
                    decoded: decoded.saturating_add(self.shift).saturating_sub(lift),
                    later,
                    duration,
                    offset,
                    size,
                    is_key: self.keys.is_none() || keys.next_if_eq(&sample).is_some(),
                });
                offset = offset.saturating_add(u64::from(size));
                sample += 1;
            }
        }
        if found.len() as u64 == to - from { Ok(found) } else { Err(broken(source)) }
    }

    /// The last sample that is decoded at or before `at` (ticks of the file clock), or the first.
    pub fn sample_at(&self, source: &dyn ByteSource, at: i64) -> Result<u64> {
        let at = at.saturating_sub(self.shift).saturating_add(self.lift());
        let sample = self.times.sample_at(source, u64::try_from(at).unwrap_or(0))?;
        Ok(sample.clamp(self.first, self.samples - 1))
    }

    /// The last key picture that is shown at or before `at` (ticks of the file clock), or the first.
    pub fn key_at(&self, source: &dyn ByteSource, at: i64) -> Result<u64> {
        let Some(keys) = &self.keys else { return self.sample_at(source, at) };
        // Shown at or before means decoded at or before.
        let mut from = self.sample_at(source, at)?;
        // Key pictures are shown late by a few pictures, so the second or third one fits.
        for _ in 0..8 {
            let nearest = keys.before(source, from, 8)?;
            for &key in &nearest {
                let shown = self.samples(source, key, key + 1)?.first().map(Sample::shown);
                if key <= self.first || shown.is_some_and(|shown| shown <= at) {
                    return Ok(key);
                }
            }
            match nearest.last() {
                Some(&key) if key > self.first => from = key - 1,
                _ => break,
            }
        }
        let first = keys.before(source, self.first, 1)?;
        Ok(first.first().copied().unwrap_or(self.first).max(self.first))
    }

    /// The first key picture after `sample`.
    pub fn key_after(&self, source: &dyn ByteSource, sample: u64) -> Result<Option<u64>> {
        let Some(keys) = &self.keys else { return Ok(Some(sample + 1)) };
        let mut reach = 1000;
        let mut from = sample + 1;
        while from < self.samples {
            let to = from.saturating_add(reach).min(self.samples);
            if let Some(&key) = keys.within(source, from, to)?.first() {
                return Ok(Some(key));
            }
            (from, reach) = (to, reach.saturating_mul(4));
        }
        Ok(None)
    }

    /// How much earlier decoding times are said than the table has them.
    pub fn lift(&self) -> i64 {
        self.shifts.as_ref().map_or(0, |shifts| i64::from(shifts.lift))
    }

    /// The most a sample is shown after it is decoded.
    pub fn latest(&self) -> i64 {
        self.shifts.as_ref().map_or(0, |shifts| i64::from(shifts.most))
    }

    /// Leaves out the samples of a file that was cut off.
    fn cut_at_end_of_file(&mut self, source: &dyn ByteSource) -> Result<()> {
        let within = |track: &Self, sample: u64| -> Result<bool> {
            let found = track.samples(source, sample, sample + 1)?;
            let end = |s: &Sample| s.offset.saturating_add(u64::from(s.size));
            Ok(found.first().is_some_and(|s| end(s) <= source.len()))
        };
        if within(self, self.samples - 1)? {
            return Ok(());
        }
        let (mut good, mut bad) = (0, self.samples - 1);
        while good < bad {
            let middle = good + (bad - good) / 2;
            if within(self, middle)? {
                good = middle + 1;
            } else {
                bad = middle;
            }
        }
        self.samples = good;
        Ok(())
    }

    /// Puts the track on the file clock as libav's reader of edit lists does: the first picture that
    /// is shown stands where the segment begins, sound where its clock says. False where the list
    /// cuts off pictures at the end.
    fn apply(&mut self, source: &dyn ByteSource, edits: &Edits) -> Result<bool> {
        let Some((start, end)) = edits.segment else {
            self.shift = 0;
            return Ok(true);
        };
        // No length means the rest, but not to every reader.
        if end <= start {
            return Ok(false);
        }
        let reach = if self.described.is_video {
            start
        } else {
            start.saturating_sub(self.described.scale.into())
        };
        let first = match self.described.is_video {
            true => self.key_at(source, reach)?,
            false => self.sample_at(source, reach)?,
        };
        let near = self.sample_at(source, start)?.max(first);
        let around = self.samples(source, near.saturating_sub(EDGE).max(first), near + EDGE)?;
        let shown = around.iter().map(Sample::shown).filter(|&at| at >= start).min();
        let Some(shown) = shown else { return Ok(false) };
        let overlaps = |s: &Sample| {
            s.shown() < start && s.shown().saturating_add(i64::from(s.duration)) > start
        };
        let begins =
            if !self.described.is_video && around.iter().any(overlaps) { start } else { shown };
        let last =
            self.samples.saturating_sub(if self.described.is_video { EDGE } else { 1 }).max(first);
        if self.samples(source, last, self.samples)?.iter().any(|s| s.shown() >= end) {
            if self.described.is_video {
                return Ok(false);
            }
            self.samples = self.sample_at(source, end.saturating_sub(1))?.saturating_add(1);
        }
        if self.samples <= first {
            return Ok(false);
        }
        self.first = first;
        self.shift = edits.empty.saturating_sub(begins);
        if around.iter().any(|s| s.shown() < start) {
            self.shown_from = Some(edits.empty);
        }
        Ok(true)
    }
}

struct Tables {
    times: Table,
    shifts: Option<Table>,
    chunks: Table,
    sizes: Sizes,
    places: Places,
    keys: Option<Table>,
}

impl Tables {
    fn read(peek: &mut Peek<'_>, stbl: &[Placed], is_video: bool) -> Result<Option<Self>> {
        let mut table = |kind: &[u8; 4], width: u8| -> Result<Option<Table>> {
            let Some(placed) = child(stbl, kind) else { return Ok(None) };
            let head = peek.bytes(placed.content, 8)?;
            let table = four(head, 4)
                .and_then(|count| Table::new(placed.content + 8, count, width, placed.end));
            Ok(table)
        };
        let (times, shifts) = (table(b"stts", 8)?, table(b"ctts", 8)?);
        let (chunks, keys) = (table(b"stsc", 12)?, table(b"stss", 4)?);
        let places = match table(b"stco", 4)? {
            Some(table) => Some(table),
            None => table(b"co64", 8)?,
        };
        let sizes = match (child(stbl, b"stsz"), child(stbl, b"stz2")) {
            (Some(placed), _) => {
                let head = peek.bytes(placed.content, 12)?;
                four(head, 4).zip(four(head, 8)).and_then(|(constant, count)| {
                    Sizes::new(constant, count, placed.content + 12, 32, placed.end)
                })
            }
            (None, Some(placed)) => {
                let head = peek.bytes(placed.content, 12)?;
                head.get(7).copied().zip(four(head, 8)).and_then(|(bits, count)| {
                    Sizes::new(0, count, placed.content + 12, bits, placed.end)
                })
            }
            (None, None) => None,
        };
        // Pictures without a list of key pictures are either all of them key pictures, or the file is
        // wrong; partial key pictures and groups of random access are more than one list.
        let odd = is_video
            && (keys.is_none() || child(stbl, b"stps").is_some() || random_access(peek, stbl)?);
        let broken = child(stbl, b"ctts").is_some() && shifts.is_none();
        let (Some(times), Some(chunks), Some(sizes), Some(places)) = (times, chunks, sizes, places)
        else {
            return Ok(None);
        };
        let keys = keys.filter(|_| is_video);
        let all = Self { times, shifts, chunks, sizes, places: Places(places), keys };
        Ok((!odd && !broken).then_some(all))
    }
}

fn random_access(peek: &mut Peek<'_>, stbl: &[Placed]) -> Result<bool> {
    for placed in stbl.iter().filter(|placed| &placed.kind == b"sbgp") {
        if peek.bytes(placed.content, 8)?.get(4..8) == Some(b"rap ".as_slice()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The `trak` box of an excerpt: all that describes the track, and empty tables. `None` where the
/// samples are encrypted, lie in another file, or are described in several ways.
fn header(peek: &mut Peek<'_>, outline: &Outline) -> Result<Option<Vec<u8>>> {
    let described = &outline.description;
    let encrypted = outline.codec.starts_with(b"enc")
        || outline.codec.starts_with(b"drm")
        || described.windows(4).any(|four| four == b"sinf");
    if four(described, 4) != Some(1) || encrypted || !own_data(peek, &outline.minf)? {
        return Ok(None);
    }
    let mut small = |boxes: &[Placed], kind: &[u8; 4]| content(peek, boxes, kind, MAX_SMALL);
    let tkhd = small(&outline.trak, b"tkhd")?;
    let (mdhd, hdlr) = (small(&outline.mdia, b"mdhd")?, small(&outline.mdia, b"hdlr")?);
    let (vmhd, smhd) = (small(&outline.minf, b"vmhd")?, small(&outline.minf, b"smhd")?);
    let (Some(tkhd), Some(mut mdhd), Some(hdlr)) = (tkhd, mdhd, hdlr) else { return Ok(None) };
    clear_duration(&mut mdhd);
    let copy = |out: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]| {
        put(out, kind, |out| out.extend_from_slice(content));
    };
    let mut out = Vec::new();
    put(&mut out, b"trak", |out| {
        copy(out, b"tkhd", &tkhd);
        put(out, b"mdia", |out| {
            copy(out, b"mdhd", &mdhd);
            copy(out, b"hdlr", &hdlr);
            put(out, b"minf", |out| {
                vmhd.iter().for_each(|vmhd| copy(out, b"vmhd", vmhd));
                smhd.iter().for_each(|smhd| copy(out, b"smhd", smhd));
                put(out, b"dinf", |out| {
                    put_full(out, b"dref", 0, 0, |out| {
                        put_four(out, 1);
                        put_full(out, b"url ", 0, 1, |_| {});
                    });
                });
                put(out, b"stbl", |out| {
                    copy(out, b"stsd", described);
                    for kind in [b"stts", b"stsc", b"stco"] {
                        put_full(out, kind, 0, 0, |out| put_four(out, 0));
                    }
                    put_full(out, b"stsz", 0, 0, |out| out.extend_from_slice(&[0; 8]));
                });
            });
        });
    });
    Ok(Some(out))
}

/// Sets the duration in the content of `mvhd` or `mdhd` to nothing: fragments follow.
pub(crate) fn clear_duration(bytes: &mut [u8]) {
    let span = if bytes.first() == Some(&1) { 24..32 } else { 16..20 };
    if let Some(duration) = bytes.get_mut(span) {
        duration.fill(0);
    }
}

/// Whether every data reference means this file.
fn own_data(peek: &mut Peek<'_>, minf: &[Placed]) -> Result<bool> {
    let Some(dinf) = inner(peek, minf, b"dinf")? else { return Ok(true) };
    let Some(dref) = child(&dinf, b"dref") else { return Ok(true) };
    let Some(list) = children(peek, dref.content.saturating_add(8), dref.end)? else {
        return Ok(false);
    };
    for placed in &list {
        if peek.bytes(placed.content, 4)?.get(3).is_none_or(|flags| flags & 1 == 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a child of `boxes` holds.
pub(crate) fn inner(
    peek: &mut Peek<'_>,
    boxes: &[Placed],
    kind: &[u8; 4],
) -> Result<Option<Vec<Placed>>> {
    match child(boxes, kind) {
        Some(placed) => children(peek, placed.content, placed.end),
        None => Ok(None),
    }
}

/// The whole content of a child of at most `most` bytes.
pub(crate) fn content(
    peek: &mut Peek<'_>,
    boxes: &[Placed],
    kind: &[u8; 4],
    most: u64,
) -> Result<Option<Vec<u8>>> {
    match child(boxes, kind).filter(|placed| placed.len() <= most) {
        Some(placed) => {
            let bytes = peek.bytes(placed.content, placed.len() as usize)?;
            Ok((bytes.len() as u64 == placed.len()).then(|| bytes.to_vec()))
        }
        None => Ok(None),
    }
}

fn broken(source: &dyn ByteSource) -> Error {
    Error::new(Kind::Malformed, "its sample tables contradict each other").in_file(source.name())
}
