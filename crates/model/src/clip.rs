//! `clip.json`: a clip with its proof.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::moment::{Attributed, LikelyCause, Reason};
use crate::money::Money;
use crate::rule::RuleId;
use crate::session::Visibility;
use crate::span::{ClipSpan, Span};
use crate::time::{MediaDuration, MediaTime};
use crate::verdict::{Grade, Verdict};

/// `clip.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise clip")]
pub struct Clip {
    /// Name of the clip; also of its folder.
    pub clip_id: String,
    /// Which session it was cut from; absent for `reprise cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Which moment it shows; absent for `reprise cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment_id: Option<String>,
    /// From, on the recording's time line.
    #[serde(flatten)]
    pub span: Span,
    /// The stretches of the recording it is made of, in order.
    pub spans: Vec<Span>,
    /// Measured on the file.
    pub duration_s: MediaDuration,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second, constant.
    pub fps: f64,
    /// Such as `h264`.
    pub video_codec: String,
    /// Such as `aac`; absent where the recording has no sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    /// How it was cut.
    pub cut: Cut,
    /// Products it shows.
    pub products: Vec<ClipProduct>,
    /// What the moment is most likely due to, most likely first; empty for `reprise cut`.
    #[serde(default)]
    pub causes: Vec<LikelyCause>,
    /// Why the moment was chosen.
    pub reasons: Vec<Reason>,
    /// What the moment brought above the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributed: Option<Attributed>,
    /// What is said; empty without a transcript.
    pub words: Vec<Word>,
    /// Languages of the session's manifest that apply, BCP 47.
    pub languages: Vec<String>,
    /// Where the product is; empty without product detection.
    pub product_track: Vec<ProductSighting>,
    /// Where the host's face is, about every 1.25 s; empty where none was found or looked for.
    #[serde(default)]
    pub faces: Vec<FaceSighting>,
    /// What the LIVE itself laid over the picture, or what looks so.
    #[serde(default)]
    pub overlays: Vec<ClipOverlay>,
    /// Every rule's answer.
    pub verdicts: Vec<Verdict>,
    /// The grade of the file as it is.
    pub grade: Grade,
    /// The grade it would have with a remix's overlays.
    pub grade_after_remix: Grade,
    /// Rules that could not be checked.
    pub unverified: Vec<RuleId>,
    /// Suggestions for the post.
    pub post: Post,
    /// What it was cut from.
    pub source: Source,
}

/// How the clip was cut out of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// `smart` or `encoded`.
    pub method: CutMethod,
    /// Seconds of coded pictures taken over as they are.
    pub copied_s: MediaDuration,
    /// Seconds encoded anew.
    pub encoded_s: MediaDuration,
    /// Why the in-point and the out-point lie where they do, what was copied, or why nothing was.
    pub notes: Vec<String>,
    /// What choosing the in-point and the out-point gained; absent for `reprise cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
}

/// The cut held against one at the moment's own edges, by the same rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// How much later the clip begins than the moment; negative for earlier.
    pub start_by_s: MediaDuration,
    /// How much later it ends.
    pub end_by_s: MediaDuration,
    /// The grade that a clip of exactly the moment would have.
    pub untouched_grade: Grade,
    /// Rules that pass now and would not have.
    pub gained: Vec<RuleId>,
    /// Rules that would have passed and do not now.
    pub lost: Vec<RuleId>,
}

/// How the clip was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutMethod {
    /// Coded pictures copied, edges encoded.
    Smart,
    /// All encoded.
    Encoded,
}

/// A product of a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipProduct {
    /// As the session names it.
    pub id: String,
    /// Its name.
    pub title: String,
    /// How it came to be linked: `pinned`, `ordered`, `seen`.
    pub linked_by: String,
    /// Its brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// What the session lists as its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// What most buyers paid for one while the moment lasted and in the ten minutes after, where
    /// that is less than its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_price: Option<Money>,
}

/// A word of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// As said.
    pub text: String,
    /// In the clip.
    pub clip_start_s: MediaTime,
    /// In the clip.
    pub clip_end_s: MediaTime,
}

/// Where a product is in one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductSighting {
    /// In the clip.
    pub clip_time_s: MediaTime,
    /// Which.
    pub product_id: String,
    /// Its corners, clockwise from the top left, in pixels.
    pub corners: [[f32; 2]; 4],
}

/// Where the largest face is in one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaceSighting {
    /// In the clip.
    pub clip_time_s: MediaTime,
    /// Left, top, width, height in pixels.
    pub area: [f64; 4],
}

/// A place that stands still on the picture: a card, a sticker, a billboard, a logo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClipOverlay {
    /// When it is there, up to half a second too early and too late.
    #[serde(flatten)]
    pub span: ClipSpan,
    /// Left, top, width, height in pixels.
    pub area: [f64; 4],
}

/// Suggestions for the post.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Title.
    pub title: String,
    /// Caption.
    pub caption: String,
    /// Each with its `#`.
    pub hashtags: Vec<String>,
    /// Products to link.
    pub product_ids: Vec<String>,
}

/// What a clip was cut from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The recording's file, as the manifest names it.
    pub recording: String,
    /// Which digest, and of what.
    pub digest: String,
    /// blake3 of `clip.mp4`.
    pub clip_blake3: String,
    /// Where in that file the clip begins, on the file's own clock.
    pub file_start_s: MediaTime,
    /// Where it ends.
    pub file_end_s: MediaTime,
    /// Wall clock of the first picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<crate::time::WallTime>,
    /// Bytes of the recording that were read for it.
    pub byte_ranges: Vec<ByteRange>,
}

/// A range of bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// First byte after.
    pub end: u64,
}
