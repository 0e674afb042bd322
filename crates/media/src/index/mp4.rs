//! MP4 and MOV with sample tables: a window as a small fragmented MP4 whose samples lie in the source.

use std::sync::Arc;

use reprise_model::{ByteSource, MediaDuration, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::mp4_boxes::{Placed, box_at, child, children, put};
use super::mp4_excerpt::{Piece, fragment};
use super::mp4_tracks::{Outline, Track, clear_duration, content};
use super::peek::{Blocks, Peek, four};
use super::{Clock, Locate, Located};
use crate::excerpt::Excerpt;

/// Bytes read at a time while the boxes are walked.
const LOOK_BYTES: usize = 16 << 10;
/// Boxes at the top level before `moov` is given up.
const MAX_TOP: usize = 4000;
/// Tracks a file may have.
const MAX_TRACKS: usize = 64;
/// Bytes of `ftyp` and `mvhd`.
const MAX_SMALL: u64 = 4 << 10;
/// Sound before the first picture of a window: decoders need some, and muxers are late.
pub(super) const SOUND_LEAD: MediaDuration = MediaDuration::from_millis(300);
/// How much of a recording its head holds at least.
pub(super) const HEAD: MediaDuration = MediaDuration::from_millis(3000);
/// Bytes of a head that reaches past the second key picture.
pub(super) const MAX_HEAD: u64 = 8 << 20;
/// Bytes of a head that would not reach it.
const SMALL_HEAD: u64 = 2 << 20;

/// An MP4 or MOV with sample tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mp4 {
    /// `ftyp` of the file, where it has one, and `mvhd` without a duration.
    brand: Vec<u8>,
    movie: Vec<u8>,
    tracks: Vec<Track>,
    /// Whole seconds that excerpts run ahead of the file clock, so that no time is negative.
    ahead_s: u32,
}

impl Mp4 {
    /// Finds the tables of an MP4; `None` where it is none, or of a kind that must be read whole:
    /// fragmented, encrypted, several edits, samples elsewhere, no list of key pictures.
    ///
    /// # Errors
    /// `Io` where the source fails.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        let blocks = Blocks::new(source.as_ref());
        let source: &dyn ByteSource = &blocks;
        let mut peek = Peek::new(source, LOOK_BYTES);
        let Some(top) = top_level(&mut peek)? else { return Ok(None) };
        let Some(moov) = child(&top, b"moov") else { return Ok(None) };
        let brand = content(&mut peek, &top, b"ftyp", MAX_SMALL)?;
        let brand = brand.map_or_else(Vec::new, |content| {
            let mut out = Vec::new();
            put(&mut out, b"ftyp", |out| out.extend_from_slice(&content));
            out
        });
        let Some(boxes) = children(&mut peek, moov.content, moov.end)? else { return Ok(None) };
        if child(&boxes, b"mvex").is_some() || child(&boxes, b"cmov").is_some() {
            return Ok(None);
        }
        let Some(mut movie) = content(&mut peek, &boxes, b"mvhd", MAX_SMALL)? else {
            return Ok(None);
        };
        let at = if movie.first() == Some(&1) { 20 } else { 12 };
        let Some(scale) = four(&movie, at).filter(|&scale| scale > 0) else { return Ok(None) };
        clear_duration(&mut movie);
        let Some(outlines) = outlines(&mut peek, &boxes)? else { return Ok(None) };
        let mut tracks = Vec::new();
        for index in chosen(&outlines) {
            let Some(outline) = outlines.get(index) else { continue };
            match Track::open(source, &mut peek, outline, scale)? {
                Some(track) => tracks.push(track),
                None => return Ok(None),
            }
        }
        if tracks.is_empty() {
            return Ok(None);
        }
        let mut ahead = 0u32;
        for track in &tracks {
            let first = track.samples(source, track.first, track.first + 1)?;
            let first = first.first().map_or(0, |sample| sample.decoded);
            let before = first.min(0).unsigned_abs().div_ceil(u64::from(track.described.scale));
            let Ok(before) = u32::try_from(before) else { return Ok(None) };
            ahead = ahead.max(before);
        }
        Ok(Some(Self { brand, movie, tracks, ahead_s: ahead }))
    }

    /// Before these times of the file clock pictures, and sound, are there to be decoded but are
    /// not shown or heard (an edit list cuts them off).
    pub fn shown_from(&self) -> (Option<MediaTime>, Option<MediaTime>) {
        let of = |track: &Track| track.shown_from.map(|at| track.described.time(at));
        (self.video().and_then(of), self.sound().and_then(of))
    }

    fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.described.is_video)
    }

    fn sound(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| !track.described.is_video)
    }

    /// Samples of a track from `first` until all that is shown before `to` is there, and one more.
    fn until(source: &dyn ByteSource, track: &Track, first: u64, to: MediaTime) -> Result<u64> {
        // What is shown before `to` is decoded before it.
        let last = track.sample_at(source, track.described.ticks(to))?;
        Ok(last.max(first).saturating_add(2).min(track.samples))
    }

    fn located(
        &self,
        source: &Arc<dyn ByteSource>,
        bytes: &dyn ByteSource,
        spans: &[(usize, u64, u64)],
        most: u64,
        near: MediaTime,
    ) -> Result<Located> {
        let mut pieces = Vec::new();
        for &(index, from, to) in spans {
            let Some(track) = self.tracks.get(index) else { continue };
            let samples = track.samples(bytes, from, to)?;
            pieces.push(Piece { track: &track.described, samples });
        }
        limit(&mut pieces, most);
        let mut excerpt = Excerpt::new(source.name());
        fragment(&mut excerpt, source, &self.brand, &self.movie, &pieces, self.ahead_s)?;
        let back = MediaDuration::from_flicks(-i64::from(self.ahead_s) * FLICKS);
        let shifts = if self.ahead_s > 0 { vec![(0, back)] } else { Vec::new() };
        let shown_from = self.shown_from().0;
        Ok(Located { excerpt, clock: Clock { shifts, near, shown_from, ..Clock::default() } })
    }
}

const FLICKS: i64 = reprise_model::time::FLICKS_PER_SECOND;

impl Locate for Mp4 {
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located> {
        let blocks = Blocks::new(source.as_ref());
        let bytes: &dyn ByteSource = &blocks;
        let mut to = MediaTime::ZERO + HEAD;
        let mut spans = Vec::new();
        if let Some(track) = self.video() {
            let first = track.key_at(bytes, i64::MIN)?;
            let start = track.samples(bytes, first, first + 1)?.first().map_or(0, |s| s.shown());
            to = track.described.time(start) + HEAD;
            if let Some(second) = track.key_after(bytes, first)? {
                let shown = track.samples(bytes, second, second + 1)?;
                let shown = shown.first().map_or(0, |s| s.shown());
                to = to.max(track.described.time(shown) + MediaDuration::from_millis(100));
            }
        }
        for (index, track) in self.tracks.iter().enumerate() {
            let end = Self::until(bytes, track, track.first, to)?;
            spans.push((index, track.first, end));
        }
        self.located(source, bytes, &spans, MAX_HEAD, MediaTime::ZERO)
    }

    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located> {
        let blocks = Blocks::new(source.as_ref());
        let bytes: &dyn ByteSource = &blocks;
        let mut spans = Vec::new();
        let mut start = from;
        for (index, track) in self.tracks.iter().enumerate().filter(|(_, t)| t.described.is_video) {
            let key = track.key_at(bytes, track.described.ticks(from))?;
            let shown = track.samples(bytes, key, key + 1)?;
            start = shown.first().map_or(from, |s| track.described.time(s.shown()).min(from));
            spans.push((index, key, Self::until(bytes, track, key, to)?));
        }
        for (index, track) in self.tracks.iter().enumerate().filter(|(_, t)| !t.described.is_video)
        {
            let first = track.sample_at(bytes, track.described.ticks(start - SOUND_LEAD))?;
            spans.push((index, first, Self::until(bytes, track, first, to)?));
        }
        self.located(source, bytes, &spans, u64::MAX, start)
    }

    fn end(&self) -> MediaTime {
        let track = self.video().or(self.sound());
        track.map_or(MediaTime::ZERO, |track| track.described.time(track.end))
    }

    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        Vec::new()
    }
}

/// The boxes of the file up to `moov`, with it; `None` where it is no MP4 or has no whole `moov`.
pub(super) fn top_level(peek: &mut Peek<'_>) -> Result<Option<Vec<Placed>>> {
    let length = peek.len();
    let (mut at, mut found) = (0, Vec::new());
    for _ in 0..MAX_TOP {
        let Some(placed) = box_at(peek, at, length)? else { return Ok(None) };
        let known =
            [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp"];
        if found.is_empty() && !known.contains(&&placed.kind) {
            return Ok(None);
        }
        at = placed.end;
        if &placed.kind == b"moov" {
            found.push(placed);
            return Ok((placed.end <= length).then_some(found));
        }
        if found.len() < 8 {
            found.push(placed);
        }
    }
    Ok(None)
}

/// What every track is about, in the file's order.
pub(super) fn outlines(peek: &mut Peek<'_>, moov: &[Placed]) -> Result<Option<Vec<Outline>>> {
    let mut found = Vec::new();
    for placed in moov.iter().filter(|placed| &placed.kind == b"trak") {
        if found.len() >= MAX_TRACKS {
            return Ok(None);
        }
        // A track that cannot be read is not chosen.
        if let Some(outline) = Outline::read(peek, placed)? {
            found.push(outline);
        }
    }
    Ok(Some(found))
}

/// The first enabled track of the most pixels and the first enabled sound, in the file's order.
pub(super) fn chosen(outlines: &[Outline]) -> Vec<usize> {
    let of = |kind: &[u8; 4]| -> Vec<usize> {
        let all = || {
            let still = |o: &Outline| matches!(&o.codec, b"jpeg" | b"png " | b"mjpa" | b"mjpb");
            let wanted = move |(_, o): &(usize, &Outline)| &o.kind == kind && !still(o);
            outlines.iter().enumerate().filter(wanted)
        };
        let enabled: Vec<usize> = all().filter(|(_, o)| o.enabled).map(|(i, _)| i).collect();
        if enabled.is_empty() { all().map(|(i, _)| i).collect() } else { enabled }
    };
    let video = of(b"vide");
    let most = video.iter().filter_map(|&i| outlines.get(i)).map(|o| o.pixels).max();
    let video = video.into_iter().find(|&i| outlines.get(i).map(|o| o.pixels) == most);
    let mut both: Vec<usize> = video.into_iter().chain(of(b"soun").first().copied()).collect();
    both.sort_unstable();
    both
}

/// Cuts samples off the end until those of all tracks together are not too large; the same time for
/// all.
pub(super) fn limit(pieces: &mut [Piece<'_>], most: u64) {
    let size = |pieces: &[Piece<'_>]| -> u64 {
        pieces.iter().flat_map(|p| &p.samples).map(|s| u64::from(s.size)).sum()
    };
    if size(pieces) <= most {
        return;
    }
    let most = SMALL_HEAD.min(most);
    let mut all: Vec<(MediaTime, u32)> = pieces
        .iter()
        .flat_map(|p| p.samples.iter().map(|s| (p.track.time(s.decoded), s.size)))
        .collect();
    all.sort_unstable();
    let mut sum = 0u64;
    let within = all.iter().take_while(|sample| {
        sum = sum.saturating_add(u64::from(sample.1));
        sum <= most
    });
    let Some(&(last, _)) = within.last().or(all.first()) else { return };
    for piece in pieces {
        let track = piece.track;
        piece.samples.retain(|s| track.time(s.decoded) <= last);
    }
}

/// Opens `bytes` as an MP4 and locates its head and three windows, whatever they are: for fuzzing.
pub fn exercise(bytes: &[u8]) {
    let source: Arc<dyn ByteSource> =
        Arc::new(reprise_model::bytes::MemorySource::new("fuzz.mp4", bytes));
    if let Ok(Some(index)) = Mp4::open(&source) {
        super::exercise(&source, &index);
    }
}
