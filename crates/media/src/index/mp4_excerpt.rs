//! Writes samples that lie anywhere in a source as one fragmented MP4.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, Result};

use super::mp4_boxes::{put, put_four, put_full};
use super::mp4_tracks::{Described, Sample};
use crate::excerpt::Excerpt;

/// Pictures and sound lie this far apart at most, or they are put together anew: their reader
/// would have to hold what comes first.
const MAX_SKEW_S: f64 = 3.0;
/// Length of the runs that are then put together.
const RUN_S: f64 = 0.5;
/// Bytes between two runs that are taken along rather than left out, up to a 20th of the whole.
const MAX_GAP: u64 = 2 << 10;

/// Consecutive samples of one track.
pub(crate) struct Piece<'a> {
    pub track: &'a Described,
    pub samples: Vec<Sample>,
}

/// Samples of a track that lie one after the other in the source.
struct Run {
    piece: usize,
    /// Which samples of the piece.
    from: usize,
    to: usize,
    start: u64,
    end: u64,
    /// When its first sample is decoded.
    time_s: f64,
}

/// Adds header, fragment and data of `pieces` to `excerpt`; all times are `ahead_s` later.
pub(crate) fn fragment(
    excerpt: &mut Excerpt,
    source: &Arc<dyn ByteSource>,
    brand: &[u8],
    movie: &[u8],
    pieces: &[Piece<'_>],
    ahead_s: u32,
) -> Result<()> {
    let too_large = || {
        Error::new(Kind::Limit, "the window has too many bytes: cut it into shorter ones")
            .in_file(source.name())
    };
    let runs = in_order(pieces);
    // Where each run lies in the data, and which parts of the source the data is.
    let (mut parts, mut places): (Vec<(u64, u64)>, Vec<u64>) = (Vec::new(), Vec::new());
    let (mut length, mut gaps) = (0u64, 0u64);
    for run in &runs {
        let gap = parts.last().and_then(|last| run.start.checked_sub(last.1));
        let taken = |gap: u64| gap == 0 || (gap <= MAX_GAP && (gaps + gap) * 20 <= length);
        match (parts.last_mut(), gap.filter(|&gap| taken(gap))) {
            (Some(last), Some(gap)) => {
                gaps += gap;
                length += gap;
                last.1 = run.end;
            }
            _ => parts.push((run.start, run.end)),
        }
        places.push(length);
        length += run.end - run.start;
    }
    // Twice, because the offsets depend on how long the fragment is.
    let data_size = u32::try_from(length.saturating_add(8)).map_err(|_| too_large())?;
    let moof = moof(pieces, &runs, &places, 0, ahead_s);
    let before = moof.len() as u64 + 8;
    if before.saturating_add(length) > i32::MAX as u64 {
        return Err(too_large());
    }
    let mut own = brand.to_vec();
    put(&mut own, b"moov", |out| {
        put(out, b"mvhd", |out| out.extend_from_slice(movie));
        for piece in pieces {
            out.extend_from_slice(&piece.track.header);
        }
        put(out, b"mvex", |out| {
            for piece in pieces {
                put_full(out, b"trex", 0, 0, |out| {
                    for value in [piece.track.id, 1, 0, 0, 0] {
                        put_four(out, value);
                    }
                });
            }
        });
    });
    own.extend_from_slice(&self::moof(pieces, &runs, &places, before, ahead_s));
    put_four(&mut own, data_size);
    own.extend_from_slice(b"mdat");
    excerpt.push_bytes(own);
    for (start, end) in parts {
        excerpt.push_range(source, start, end);
    }
    Ok(())
}

/// The runs in the order of the file, or of time where the file keeps its tracks far apart.
fn in_order(pieces: &[Piece<'_>]) -> Vec<Run> {
    let mut runs = runs(pieces, f64::INFINITY);
    let forward = pieces
        .iter()
        .all(|piece| piece.samples.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
    runs.sort_by_key(|run| run.start);
    if forward && skew(pieces, &runs) <= MAX_SKEW_S {
        return runs;
    }
    runs = self::runs(pieces, RUN_S);
    // Stable: each track keeps its own order.
    runs.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    runs
}

fn runs(pieces: &[Piece<'_>], most_s: f64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let begun = runs.len();
        let scale = f64::from(piece.track.scale.max(1));
        for (at, sample) in piece.samples.iter().enumerate() {
            let time_s = sample.decoded as f64 / scale;
            let end = sample.offset.saturating_add(u64::from(sample.size));
            match runs[begun..].last_mut() {
                Some(run) if run.end == sample.offset && time_s - run.time_s < most_s => {
                    (run.to, run.end) = (at + 1, end);
                }
                _ => runs.push(Run {
                    piece: index,
                    from: at,
                    to: at + 1,
                    start: sample.offset,
                    end,
                    time_s,
                }),
            }
        }
    }
    runs
}

/// How far, in seconds, a track is ahead of another at most when they are read in this order.
fn skew(pieces: &[Piece<'_>], runs: &[Run]) -> f64 {
    let time = |piece: &Piece<'_>, at: i64| at as f64 / scale(piece);
    // What each track gives next.
    let mut next: Vec<f64> = pieces
        .iter()
        .map(|p| p.samples.first().map_or(f64::INFINITY, |s| time(p, s.decoded)))
        .collect();
    let mut skew = 0f64;
    for run in runs {
        let piece = &pieces[run.piece];
        let last = piece.samples[run.to - 1];
        let end = time(piece, last.decoded.saturating_add(i64::from(last.duration)));
        let done = run.to == piece.samples.len();
        next[run.piece] = if done { f64::INFINITY } else { end };
        let others = next.iter().enumerate().filter(|(index, _)| *index != run.piece);
        skew = others.fold(skew, |skew, (_, &next)| skew.max(end - next));
    }
    skew
}

fn scale(piece: &Piece<'_>) -> f64 {
    f64::from(piece.track.scale.max(1))
}

/// The `moof` box whose data begins `before` bytes after it begins.
fn moof(pieces: &[Piece<'_>], runs: &[Run], places: &[u64], before: u64, ahead_s: u32) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, b"moof", |out| {
        put_full(out, b"mfhd", 0, 0, |out| put_four(out, 1));
        for (index, piece) in pieces.iter().enumerate() {
            let Some(first) = piece.samples.first() else { continue };
            put(out, b"traf", |out| {
                // Offsets count from this box; sound is all key.
                put_full(out, b"tfhd", 0, 0x02_0020, |out| {
                    put_four(out, piece.track.id);
                    put_four(out, KEY);
                });
                put_full(out, b"tfdt", 1, 0, |out| {
                    let ahead = i64::from(ahead_s).saturating_mul(i64::from(piece.track.scale));
                    let time = first.decoded.saturating_add(ahead);
                    out.extend_from_slice(&time.max(0).to_be_bytes());
                });
                let own = runs.iter().zip(places).filter(|(run, _)| run.piece == index);
                for (run, place) in own {
                    let samples = piece.samples.get(run.from..run.to).unwrap_or_default();
                    let offset = u32::try_from(before.saturating_add(*place)).unwrap_or(u32::MAX);
                    trun(out, samples, offset, piece.track.is_video);
                }
            });
        }
    });
    out
}

/// Flags of a sample that others do not need, and that needs none.
const KEY: u32 = 0x0200_0000;
/// Flags of a sample that needs others.
const NOT_KEY: u32 = 0x0101_0000;

fn trun(out: &mut Vec<u8>, samples: &[Sample], offset: u32, is_video: bool) {
    let flags = if is_video { 0xF01 } else { 0x301 };
    put_full(out, b"trun", 1, flags, |out| {
        put_four(out, u32::try_from(samples.len()).unwrap_or(u32::MAX));
        put_four(out, offset);
        for sample in samples {
            put_four(out, sample.duration);
            put_four(out, sample.size);
            if is_video {
                put_four(out, if sample.is_key { KEY } else { NOT_KEY });
                put_four(out, sample.later);
            }
        }
    });
}
