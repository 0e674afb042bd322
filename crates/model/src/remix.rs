//! `remix.json`: a remix with its proof.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clip::Post;
use crate::rule::RuleId;
use crate::session::Visibility;
use crate::span::ClipSpan;
use crate::time::{MediaDuration, MediaTime};
use crate::verdict::{Grade, Verdict};

/// What a remix can add; each can be switched off.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The opening line.
    Hook,
    /// The product's name.
    Name,
    /// Price and discount.
    Price,
    /// What is said, the spoken word marked.
    Captions,
    /// What to do now.
    CallToAction,
    /// When the bound LIVE is.
    Plan,
    /// The brand.
    Brand,
    /// The arrow that follows the product.
    Arrow,
    /// Going nearer to the product.
    Zoom,
    /// The music.
    Music,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Hook,
        Self::Name,
        Self::Price,
        Self::Captions,
        Self::CallToAction,
        Self::Plan,
        Self::Brand,
        Self::Arrow,
        Self::Zoom,
        Self::Music,
    ];

    /// As JSON and the command write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Name => "name",
            Self::Price => "price",
            Self::Captions => "captions",
            Self::CallToAction => "call_to_action",
            Self::Plan => "plan",
            Self::Brand => "brand",
            Self::Arrow => "arrow",
            Self::Zoom => "zoom",
            Self::Music => "music",
        }
    }

    /// Whether a post through the platform's API may carry it: no added branding, no added
    /// promotional text.
    pub const fn is_neutral(self) -> bool {
        matches!(self, Self::Captions | Self::Arrow | Self::Zoom | Self::Music)
    }
}

/// Where a remix is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// By hand, from a download: everything may be on.
    #[default]
    Download,
    /// Through the platform's API: no added branding, no added promotional text.
    PlatformApi,
}

/// `remix.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise remix")]
pub struct Remix {
    /// Its name: the clip's and the beginning of the key of what made it.
    pub remix_id: String,
    /// The clip it was made from.
    pub clip_id: String,
    /// The session of that clip; absent for clips of `reprise cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Who may see it: as the clip.
    #[serde(default)]
    pub visibility: Visibility,
    /// Name of the template.
    pub template: String,
    /// Where it is posted.
    pub target: Target,
    /// The LIVE that it invites to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Measured on the file.
    pub duration_s: MediaDuration,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second, constant.
    pub fps: f64,
    /// Effects that are in it.
    pub effects: Vec<Effect>,
    /// What the template laid over the picture.
    pub overlays: Vec<Overlay>,
    /// The music that was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<Music>,
    /// How loud it is; absent without sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<MixLoudness>,
    /// What was asked for and left out, and why, for people.
    pub notes: Vec<String>,
    /// Every rule's answer; empty where it was not checked.
    pub verdicts: Vec<Verdict>,
    /// The grade; absent where it was not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Rules that could not be checked.
    pub unverified: Vec<RuleId>,
    /// For the post: as the clip suggests, or as the seller wrote.
    pub post: Post,
    /// blake3 of the clip's MP4.
    pub clip_blake3: String,
    /// blake3 of the remix's MP4.
    pub remix_blake3: String,
}

/// Something that a template laid over the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// What.
    pub effect: Effect,
    /// What it says; absent for an arrow and a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the end of its text had to be left out.
    #[serde(default)]
    pub is_cut: bool,
    /// When it is shown, in the clip.
    #[serde(flatten)]
    pub span: ClipSpan,
    /// Where at most: left, top, width, height in pixels.
    pub area: [f64; 4],
    /// Of an arrow, where its tip is, five times a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tips: Vec<Tip>,
}

/// Where the tip of an arrow is in one picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tip {
    /// In the clip.
    pub clip_time_s: MediaTime,
    /// Pixels from the left and from the top.
    pub at: [f64; 2],
}

/// Music that was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Music {
    /// Its name.
    pub name: String,
    /// Under which licence it may be used.
    pub licence: String,
}

/// How loud a remix is (ITU-R BS.1770-4), before its sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixLoudness {
    /// Of all of it, LUFS.
    pub integrated_lufs: f64,
    /// Its true peak, dBTP.
    pub true_peak_dbtp: f64,
    /// Of the LIVE's own sound while someone speaks, LUFS; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech_lufs: Option<f64>,
    /// Of the music meanwhile, LUFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music_lufs: Option<f64>,
}
