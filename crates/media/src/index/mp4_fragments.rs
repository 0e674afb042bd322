//! Fragments of an MP4 (`moof`): what the file says of all of them, and the samples of each.

use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::mp4::{chosen, outlines};
use super::mp4_boxes::{Placed, box_at, child, children, put};
use super::mp4_edits::Edits;
use super::mp4_tracks::{Described, Sample, clear_duration, content};
use super::peek::{Peek, four, number};

/// Bytes of `ftyp` and `mvhd`.
const MAX_SMALL: u64 = 4 << 10;
/// Bytes of one `moof`: tables of some hundred thousand samples.
pub(crate) const MAX_MOOF: u64 = 8 << 20;
/// Samples of one fragment.
const MAX_SAMPLES: usize = 500_000;

/// What a fragmented file says before its fragments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Init {
    pub brand: Vec<u8>,
    pub movie: Vec<u8>,
    pub tracks: Vec<Fragmented>,
}

/// A track whose samples lie in fragments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fragmented {
    pub described: Described,
    /// From the track's clock to the file clock, in ticks.
    pub shift: i64,
    /// What readers add to every composition offset, because some are negative.
    pub lift: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

/// The samples that a fragment has of a track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Index of the track in [`Init::tracks`].
    pub track: usize,
    /// Where the next fragment of the track goes on: ticks of the file clock.
    pub end: i64,
    pub samples: Vec<Sample>,
    /// The largest negative composition offset.
    pub least: i32,
}

impl Init {
    /// Reads `ftyp` and a `moov` with `mvex`; `None` where fragments do not follow, or samples come
    /// before them, are encrypted or lie elsewhere.
    pub fn read(peek: &mut Peek<'_>, top: &[Placed]) -> Result<Option<Self>> {
        let Some(moov) = child(top, b"moov") else { return Ok(None) };
        let brand = content(peek, top, b"ftyp", MAX_SMALL)?.map_or_else(Vec::new, |content| {
            let mut out = Vec::new();
            put(&mut out, b"ftyp", |out| out.extend_from_slice(&content));
            out
        });
        let Some(boxes) = children(peek, moov.content, moov.end)? else { return Ok(None) };
        let Some(mvex) = child(&boxes, b"mvex") else { return Ok(None) };
        let Some(mvex) = children(peek, mvex.content, mvex.end)? else { return Ok(None) };
        let Some(mut movie) = content(peek, &boxes, b"mvhd", MAX_SMALL)? else { return Ok(None) };
        let at = if movie.first() == Some(&1) { 20 } else { 12 };
        let Some(scale) = four(&movie, at).filter(|&scale| scale > 0) else { return Ok(None) };
        clear_duration(&mut movie);
        let Some(outlines) = outlines(peek, &boxes)? else { return Ok(None) };
        let mut tracks = Vec::new();
        for outline in chosen(&outlines).into_iter().filter_map(|index| outlines.get(index)) {
            if outline.has_samples(peek)? {
                return Ok(None);
            }
            let Some(described) = Described::read(peek, outline)? else { return Ok(None) };
            let edits = Edits::read(peek, &outline.trak, described.scale, scale)?;
            let Some(edits) = edits else { return Ok(None) };
            let mut defaults = None;
            for placed in mvex.iter().filter(|placed| &placed.kind == b"trex") {
                let trex = peek.bytes(placed.content, 24)?;
                if four(trex, 4) == Some(described.id) {
                    defaults = Some([12, 16, 20].map(|at| four(trex, at).unwrap_or(0)));
                }
            }
            let Some([duration, size, flags]) = defaults else { return Ok(None) };
            let begins = edits.segment.map_or(0, |segment| segment.0);
            let shift = edits.empty.saturating_sub(begins);
            tracks.push(Fragmented { described, shift, lift: 0, duration, size, flags });
        }
        Ok((!tracks.is_empty()).then_some(Self { brand, movie, tracks }))
    }

    /// Reads the header of HLS segments.
    pub fn of(header: &[u8]) -> Result<Option<Self>> {
        let source = MemorySource::new("header", header);
        let mut peek = Peek::new(&source, header.len().max(16));
        let Some(top) = children(&mut peek, 0, header.len() as u64)? else { return Ok(None) };
        Self::read(&mut peek, &top)
    }

    /// The samples of the `moof` whose bytes begin at `at` of the file, for every track that is
    /// used; `None` where it is broken or says no times.
    pub fn samples(&self, moof: &[u8], at: u64) -> Option<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        for traf in boxes(moof, 8).filter(|(kind, _)| *kind == b"traf") {
            let tfhd = boxes(traf.1, 0).find(|(kind, _)| *kind == b"tfhd")?.1;
            let id = four(tfhd, 4)?;
            let Some(track) = self.tracks.iter().position(|t| t.described.id == id) else {
                continue;
            };
            if runs.iter().any(|run| run.track == track) {
                return None;
            }
            runs.push(self.traf(track, traf.1, tfhd, at)?);
        }
        Some(runs)
    }

    fn traf(&self, index: usize, traf: &[u8], tfhd: &[u8], moof: u64) -> Option<Run> {
        let track = self.tracks.get(index)?;
        let flags = four(tfhd, 0)?;
        let mut at = 8;
        let mut field = |bit: u32, width: usize| -> Option<Option<u64>> {
            if flags & bit == 0 {
                return Some(None);
            }
            at += width;
            Some(Some(number(tfhd, at - width, width)?))
        };
        let base = field(1, 8)?;
        let described = field(2, 4)?;
        let duration = field(8, 4)?.map_or(track.duration, |v| v as u32);
        let size = field(0x10, 4)?.map_or(track.size, |v| v as u32);
        let sample_flags = field(0x20, 4)?.map_or(track.flags, |v| v as u32);
        if described.is_some_and(|described| described != 1) {
            return None;
        }
        // Without a base every track but the first goes on where the one before ended; what is
        // written nowadays counts from the fragment.
        let base = base.unwrap_or(moof);
        let tfdt = boxes(traf, 0).find(|(kind, _)| *kind == b"tfdt")?.1;
        let time = number(tfdt, 4, if tfdt.first() == Some(&1) { 8 } else { 4 })?;
        let time = i64::try_from(time).ok().filter(|&time| time < 1 << 60)?;
        let mut decoded = time.checked_add(track.shift)?;
        let mut run = Run { track: index, end: decoded, samples: Vec::new(), least: 0 };
        let mut place: Option<u64> = None;
        for (_, trun) in boxes(traf, 0).filter(|(kind, _)| *kind == b"trun") {
            let flags = four(trun, 0)?;
            let count = four(trun, 4)? as usize;
            let mut at = 8;
            let mut next = |present: bool| -> Option<Option<u32>> {
                if !present {
                    return Some(None);
                }
                at += 4;
                Some(Some(four(trun, at - 4)?))
            };
            if let Some(offset) = next(flags & 1 != 0)? {
                place = Some(base.checked_add_signed(i64::from(offset as i32))?);
            }
            let mut offset = place?;
            let first = next(flags & 4 != 0)?;
            if run.samples.len().checked_add(count)? > MAX_SAMPLES {
                return None;
            }
            for nth in 0..count {
                let duration = next(flags & 0x100 != 0)?.unwrap_or(duration);
                let size = next(flags & 0x200 != 0)?.unwrap_or(size);
                let own = next(flags & 0x400 != 0)?;
                let own = own.or(first.filter(|_| nth == 0)).unwrap_or(sample_flags);
                let shift = next(flags & 0x800 != 0)?.unwrap_or(0) as i32;
                run.least = run.least.min(shift);
                let later = i64::from(shift) + i64::from(track.lift);
                // Neither "not a sync sample" nor "depends on others".
                let is_key = !track.described.is_video || own & 0x0101_0000 == 0;
                run.samples.push(Sample {
                    decoded,
                    later: u32::try_from(later.max(0)).ok()?,
                    duration,
                    offset,
                    size,
                    is_key,
                });
                decoded = decoded.checked_add(i64::from(duration))?;
                offset = offset.checked_add(u64::from(size))?;
            }
            place = Some(offset);
        }
        run.end = decoded;
        Some(run)
    }
}

/// When the first picture (or sound) of an HLS segment is shown, in flicks of its own clock.
pub(crate) fn first_shown(
    header: &[u8],
    source: &dyn ByteSource,
    start: u64,
    end: u64,
) -> Result<Option<i64>> {
    let Some(init) = Init::of(header)? else { return Ok(None) };
    let mut peek = Peek::new(source, 4096);
    let mut at = start;
    for _ in 0..64 {
        let Some(placed) = box_at(&mut peek, at, end)? else { break };
        if &placed.kind == b"moof" && placed.end - at <= MAX_MOOF {
            let moof = peek.bytes(at, (placed.end - at) as usize)?;
            let Some(runs) = init.samples(moof, at) else { break };
            let times = runs.iter().filter_map(|run| {
                let track = &init.tracks.get(run.track)?.described;
                let shown = run.samples.first()?.shown();
                Some((!track.is_video, track.time(shown)))
            });
            // Pictures before sound.
            if let Some((_, at)) = times.min() {
                return Ok(Some((at - MediaTime::ZERO).flicks()));
            }
        }
        at = placed.end;
    }
    Ok(None)
}

/// When the last picture (or sound) of an HLS segment ends, in flicks of its own clock.
pub(crate) fn last_ends(
    header: &[u8],
    source: &dyn ByteSource,
    start: u64,
    end: u64,
) -> Result<Option<i64>> {
    let Some(init) = Init::of(header)? else { return Ok(None) };
    let mut peek = Peek::new(source, 4096);
    let (mut at, mut last) = (start, None);
    for _ in 0..1000 {
        let Some(placed) = box_at(&mut peek, at, end)? else { break };
        if &placed.kind == b"moof" && placed.end - at <= MAX_MOOF {
            let moof = peek.bytes(at, (placed.end - at) as usize)?;
            let Some(runs) = init.samples(moof, at) else { break };
            for run in &runs {
                let Some(track) = init.tracks.get(run.track).map(|t| &t.described) else {
                    continue;
                };
                let ends = |s: &Sample| s.shown().saturating_add(i64::from(s.duration));
                let Some(ends) = run.samples.iter().map(ends).max() else { continue };
                last = last.max(Some((track.is_video, track.time(ends))));
            }
        }
        at = placed.end;
    }
    Ok(last.map(|(_, at)| (at - MediaTime::ZERO).flicks()))
}

/// Whether a header of HLS segments describes sound.
pub(crate) fn has_sound(header: &[u8]) -> Result<bool> {
    Ok(Init::of(header)?.is_some_and(|init| init.tracks.iter().any(|t| !t.described.is_video)))
}

/// The boxes in `bytes` from `skip` on: kind and content.
fn boxes(bytes: &[u8], skip: usize) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(skip..).unwrap_or_default();
    std::iter::from_fn(move || {
        let size = four(rest, 0)? as usize;
        let kind: &[u8; 4] = rest.get(4..8)?.try_into().ok()?;
        let content = rest.get(8..size)?;
        rest = rest.get(size..)?;
        Some((kind, content))
    })
}
