//! `posts/<clip id>/<post id>.json`: a remix on its way to a platform, or there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// Who may see a post, as the platform's Content Posting API has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Privacy {
    /// Everybody.
    PublicToEveryone,
    /// Friends: who follows and is followed.
    MutualFollowFriends,
    /// Followers, of accounts that are private.
    FollowerOfCreator,
    /// The account alone; the only one for apps that the platform has not audited.
    SelfOnly,
}

impl Privacy {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::PublicToEveryone,
        Self::MutualFollowFriends,
        Self::FollowerOfCreator,
        Self::SelfOnly,
    ];

    /// As the platform spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublicToEveryone => "PUBLIC_TO_EVERYONE",
            Self::MutualFollowFriends => "MUTUAL_FOLLOW_FRIENDS",
            Self::FollowerOfCreator => "FOLLOWER_OF_CREATOR",
            Self::SelfOnly => "SELF_ONLY",
        }
    }
}

/// What the seller says of a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostWish {
    /// Name of the account.
    pub account: String,
    /// Who may see it. There is no default: the platform wants the seller to choose.
    pub privacy: Privacy,
    /// Caption with hashtags, at most 2,200 UTF-16 units.
    pub caption: String,
    /// Nobody may comment.
    #[serde(default)]
    pub disable_comment: bool,
    /// Nobody may make a duet.
    #[serde(default)]
    pub disable_duet: bool,
    /// Nobody may stitch it.
    #[serde(default)]
    pub disable_stitch: bool,
    /// It promotes the seller's own business.
    #[serde(default)]
    pub own_business: bool,
    /// It is paid for by another brand.
    #[serde(default)]
    pub paid_partnership: bool,
}

/// Where a post stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostState {
    /// Its file is sent.
    Uploading,
    /// The platform works on it.
    Processing,
    /// It is there.
    Published,
    /// The platform refused it.
    Failed,
}

/// The record of a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise post")]
pub struct Posted {
    /// Its name here.
    pub post_id: String,
    /// The clip.
    pub clip_id: String,
    /// The remix.
    pub remix_id: String,
    /// blake3 of the file that was sent.
    pub remix_blake3: String,
    /// What the seller said.
    pub wish: PostWish,
    /// Where it stands.
    pub state: PostState,
    /// The platform's name for the process.
    pub publish_id: String,
    /// Where the file is sent to, until it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_url: Option<String>,
    /// Bytes that were sent.
    pub sent: u64,
    /// The platform's names of the post; it tells them once a public post was moderated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platform_ids: Vec<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When something last happened with it.
    pub at: WallTime,
}
