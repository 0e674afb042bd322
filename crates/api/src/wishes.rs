//! What callers send: changes of clips, remixes, previews, plans, takedowns.

use reprise_model::edits::Rating;
use reprise_model::{MediaTime, WallTime};
use reprise_remix::Wishes;
use schemars::JsonSchema;
use serde::Deserialize;

/// What to change about a clip; what is left out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClipChange {
    /// Thumb; `null` takes it back.
    #[serde(deserialize_with = "given")]
    pub rating: Option<Option<Rating>>,
    /// The part of it that is used; `null` takes all of it.
    #[serde(deserialize_with = "given")]
    pub trim: Option<Option<Part>>,
    /// Title, caption and hashtags; `null` takes the suggestion again.
    #[serde(deserialize_with = "given")]
    pub post: Option<Option<PostTexts>>,
    /// Ids of the products that it really shows, of those of the session; `null` takes those found.
    #[serde(deserialize_with = "given")]
    pub product_ids: Option<Option<Vec<String>>>,
}

/// `null` is something else than nothing.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A part of a clip, at least a second long.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// From, on the clip's own time line.
    pub clip_start_s: MediaTime,
    /// To.
    pub clip_end_s: MediaTime,
}

/// Texts of a post.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostTexts {
    /// Title, at most 150 characters.
    pub title: String,
    /// Caption, at most 2,200 characters.
    pub caption: String,
    /// At most 30, each with its `#`.
    pub hashtags: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What a remix is to be like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemixWish {
    /// Name of a template.
    pub template: String,
    /// Wishes.
    #[serde(default)]
    pub wishes: Wishes,
    /// A planned LIVE to invite to; without one the remix invites to none.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// Whether the seller's own picture, where there is one, stands for the brand. Default true.
    #[serde(default = "yes")]
    pub brand_picture: bool,
}

/// What a picture of a remix is to be like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewWish {
    /// As for a remix.
    pub template: String,
    /// As for a remix.
    #[serde(default)]
    pub wishes: Wishes,
    /// As for a remix.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// As for a remix.
    #[serde(default = "yes")]
    pub brand_picture: bool,
    /// When in the clip.
    pub at_s: MediaTime,
}

/// What to write of a plan: all but its name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanTexts {
    /// Its title, 1 to 120 characters.
    pub title: String,
    /// When it begins.
    pub starts_at: WallTime,
    /// IANA time zone that its hour is said in. Default UTC.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Products that it will feature, at most 200.
    #[serde(default)]
    pub product_ids: Vec<String>,
}

/// What to take down.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakedownWish {
    /// Of which creator.
    pub creator: String,
    /// This session alone; without it all.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Why, for the record; at most 1,000 characters.
    #[serde(default)]
    pub reason: String,
}
