//! Where in a recording a window's bytes lie: one file per container, each reading as little as its
//! container allows. Nothing here decodes; what is found is checked by what is decoded.
//!
//! Every container answers the same questions ([`Locate`]) with an [`Excerpt`]: a short stream of
//! its own kind that libav reads from first to last without seeking.
//!
//! Times are of the *file clock*: the container's own clock, continued where it jumps, wraps or
//! starts anew, so that it only ever runs forward.

#[cfg(test)]
mod compare;
pub(crate) mod flv;
mod flv_tags;
pub(crate) mod fragments;
#[cfg(test)]
mod fragments_tests;
mod guess;
pub(crate) mod hls;
mod hls_playlist;
mod hls_stream;
#[cfg(test)]
mod hls_tests;
mod locate;
pub(crate) mod matroska;
mod matroska_clusters;
mod matroska_elements;
#[cfg(test)]
mod matroska_tests;
pub(crate) mod mp4;
mod mp4_boxes;
mod mp4_edits;
mod mp4_excerpt;
mod mp4_fragments;
#[cfg(test)]
mod mp4_long_tests;
mod mp4_tables;
#[cfg(test)]
mod mp4_tests;
mod mp4_tracks;
mod peek;
mod search;
#[cfg(test)]
mod tests_flv;
#[cfg(test)]
mod tests_support;
#[cfg(test)]
mod tests_ts;
mod timeline;
pub(crate) mod ts;
mod ts_keys;
mod ts_packets;
mod ts_tables;

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, WallTime};
use serde::{Deserialize, Serialize};

use crate::excerpt::Excerpt;

/// Where a recording's windows lie, by its container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Index {
    /// libav seeks for itself; the key pictures came from reading all of it: time on the file's own
    /// clock, byte position.
    Whole {
        keys: Vec<(MediaTime, u64)>,
    },
    Flv(flv::Flv),
    Ts(ts::Ts),
    Mp4(mp4::Mp4),
    Fragments(fragments::Fragments),
    Hls(hls::Hls),
    Matroska(matroska::Matroska),
}

impl Index {
    /// The index of a recording's container; `None` where all of it must be read.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        if let Some(index) = hls::Hls::open(source)? {
            return Ok(Some(Self::Hls(index)));
        }
        if let Some(index) = flv::Flv::open(source)? {
            return Ok(Some(Self::Flv(index)));
        }
        if let Some(index) = ts::Ts::open(source)? {
            return Ok(Some(Self::Ts(index)));
        }
        if let Some(index) = mp4::Mp4::open(source)? {
            return Ok(Some(Self::Mp4(index)));
        }
        if let Some(index) = fragments::Fragments::open(source)? {
            return Ok(Some(Self::Fragments(index)));
        }
        Ok(matroska::Matroska::open(source)?.map(Self::Matroska))
    }

    /// What a playlist says of the recording besides: stretches that are missing on the file clock,
    /// the world's clock at a time of the file clock, and whether nothing will follow.
    pub fn account(&self) -> Account {
        match self {
            Self::Hls(hls) => Account {
                gaps: hls.gaps(),
                wall: hls.wall_times().first().copied(),
                ended: hls.is_ended(),
            },
            _ => Account { gaps: Vec::new(), wall: None, ended: true },
        }
    }

    /// What answers for the container.
    pub fn locate(&self) -> Result<&dyn Locate> {
        match self {
            Self::Whole { .. } => Err(Error::new(Kind::Bug, "a recording without an index")),
            Self::Flv(index) => Ok(index),
            Self::Ts(index) => Ok(index),
            Self::Mp4(index) => Ok(index),
            Self::Fragments(index) => Ok(index),
            Self::Hls(index) => Ok(index),
            Self::Matroska(index) => Ok(index),
        }
    }
}

/// See [`Index::account`].
pub(crate) struct Account {
    pub gaps: Vec<(MediaTime, MediaDuration)>,
    pub wall: Option<(MediaTime, WallTime)>,
    pub ended: bool,
}

/// The bytes that hold a window.
pub struct Located {
    /// A stream that a demuxer of the container's kind reads without seeking; it begins with a key
    /// picture at or before the window (or with the recording's first, where there is none).
    pub excerpt: Excerpt,
    /// From the excerpt's clock to the file clock.
    pub clock: Clock,
}

/// From the clock that a demuxer sees in an excerpt to the file clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// From which byte of the excerpt on, in order, which shift holds; before the first: none.
    pub shifts: Vec<(u64, MediaDuration)>,
    /// What the sound is shifted by besides (MP4 edit lists shift each track for itself).
    pub sound: MediaDuration,
    /// After so long the container's clock begins again (MPEG-TS: 2^33 / 90000 s). Where it is
    /// given, a time is taken `wrap` earlier or later if that lies nearer to `near`.
    pub wrap: Option<MediaDuration>,
    /// The file time where the excerpt begins, about.
    pub near: MediaTime,
    /// Pictures before this file time are decoded but not shown (MP4 edit lists).
    pub shown_from: Option<MediaTime>,
}

/// What every container's index answers. Implementations hold positions, never tables that grow
/// with the recording beyond 16 bytes a minute, and read through the source they are handed.
pub trait Locate {
    /// The recording's first few seconds, with all that names its streams: at least the first two
    /// key pictures where they lie within the first 8 MB, and at most about 2 MB else.
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located>;

    /// The window `from` to `to`: begins with the last key picture at or before `from`, ends when
    /// pictures and sound have both reached `to`. Reads and holds at most 15 % and 100 kB more.
    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located>;

    /// Where the last picture (the last sound, where there are none) ends.
    fn end(&self) -> MediaTime;

    /// Where the container's clock jumps, wraps or begins anew: the file time, and by how much the
    /// container's clock was off there.
    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)>;
}

/// Locates the head and three windows: for fuzzing.
pub(crate) fn exercise(source: &Arc<dyn ByteSource>, index: &dyn Locate) {
    let end = index.end();
    let _ = index.head(source);
    for from in [MediaTime::ZERO, MediaTime::from_flicks(end.flicks() / 2), end] {
        let _ = index.window(source, from, from + MediaDuration::from_millis(2000));
    }
    let _ = index.jumps();
}
