//! What a recording is, and where its windows lie: what everything else is told of it.

use reprise_model::outcome::Fault;
use reprise_model::{Error, Kind, MediaDuration, MediaTime, Result, Span, WallTime};
use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::orientation::Orientation;

/// A recording that was opened: what it is, and where its windows lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub info: MediaInfo,
    pub(crate) index: Index,
}

/// A recording as it was measured. Times count from its first picture that can be shown (from its
/// first sound where it has no pictures).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// File or URL.
    pub name: String,
    /// Container.
    pub format: String,
    /// Bytes.
    pub size_bytes: u64,
    /// The pictures that are used.
    pub video: Option<VideoInfo>,
    /// The sound that is used.
    pub audio: Option<AudioInfo>,
    /// Streams that are not used.
    pub unused: Vec<UnusedStream>,
    /// Where the file's own clock stands at the zero of all other times here.
    #[serde(rename = "file_zero_s")]
    pub zero: MediaTime,
    /// From the first picture to the end of the last.
    #[serde(rename = "duration_s")]
    pub duration: MediaDuration,
    /// Where something is missing.
    pub faults: Vec<Fault>,
    /// Whether all packets were read. Else the counts and the longest distance of key pictures are
    /// those of its beginning, and the faults those of its beginning and of its clock.
    pub counted: bool,
    /// The world's clock at its first picture, where a playlist says it.
    pub started_at: Option<WallTime>,
    /// Whether nothing will follow; false of a playlist without `EXT-X-ENDLIST`.
    pub ended: bool,
}

/// The pictures of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoInfo {
    /// Index in the container.
    pub stream: usize,
    /// What the container calls it: a PID, a track number.
    pub id: i32,
    /// Such as `h264`.
    pub codec: String,
    /// Upright, with square pixels, even.
    pub width: u32,
    /// Upright, with square pixels, even.
    pub height: u32,
    /// As stored.
    pub stored_width: u32,
    /// As stored.
    pub stored_height: u32,
    /// What makes it upright.
    pub orientation: Orientation,
    /// Width of a pixel over its height.
    pub pixel_aspect: (i32, i32),
    /// Pictures a second, measured and put to the nearest common rate, as a fraction.
    pub rate: (i32, i32),
    /// Packets.
    pub pictures: u64,
    /// Key pictures.
    pub key_pictures: u64,
    /// Longest distance between key pictures.
    pub gop_max_s: MediaDuration,
}

/// The sound of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioInfo {
    /// Index in the container.
    pub stream: usize,
    /// What the container calls it: a PID, a track number.
    pub id: i32,
    /// Such as `aac`.
    pub codec: String,
    /// Hertz.
    pub sample_rate: u32,
    /// As stored.
    pub channels: u32,
    /// First sound; negative where it begins before the first picture.
    pub start_s: MediaTime,
    /// End of the last sound.
    pub end_s: MediaTime,
    /// The container's language tag.
    pub language: Option<String>,
}

/// A stream that is not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnusedStream {
    /// Index in the container.
    pub stream: usize,
    /// `video`, `audio`, `subtitle`, `data`.
    pub kind: String,
    /// Coding.
    pub codec: String,
    /// Why it is not used.
    pub reason: String,
}

impl MediaInfo {
    /// The pictures, or an error that says there are none.
    pub fn require_video(&self) -> Result<&VideoInfo> {
        self.video.as_ref().ok_or_else(|| {
            Error::new(Kind::Unsupported, "has no pictures, so nothing can be cut from it")
                .in_file(self.name.clone())
        })
    }

    /// From the first picture to the end.
    pub fn span(&self) -> Span {
        Span::new(MediaTime::ZERO, MediaTime::ZERO + self.duration)
    }

    /// A time on the file's own clock as one from the first picture.
    pub(crate) fn time_of_file(&self, at: MediaTime) -> MediaTime {
        MediaTime::ZERO + (at - self.zero)
    }

    /// A time from the first picture as one on the file's own clock.
    pub(crate) fn file_time(&self, at: MediaTime) -> MediaTime {
        self.zero + (at - MediaTime::ZERO)
    }

    /// The same with `span` on the file's own clock.
    pub fn span_in_file(&self, span: Span) -> Span {
        Span::new(self.file_time(span.start), self.file_time(span.end))
    }
}

impl VideoInfo {
    /// Pictures a second.
    pub fn fps(&self) -> f64 {
        f64::from(self.rate.0) / f64::from(self.rate.1.max(1))
    }

    /// How long one picture is shown.
    pub fn picture_duration(&self) -> MediaDuration {
        MediaDuration::from_ticks(1, self.rate.1, self.rate.0)
    }
}
