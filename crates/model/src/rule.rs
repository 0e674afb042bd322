//! The rules of a highlight, by the ids that metadata, reports, tests and policy files name.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How much a rule matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// One failure rejects the clip.
    Basic,
    /// For maximum effect.
    High,
    /// The best there is.
    GoodCase,
    /// A note for the seller; it never rejects and never lowers a grade.
    Advice,
}

macro_rules! rules {
    ($($variant:ident $id:literal $tier:ident $words:literal;)*) => {
        /// One rule of a highlight.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RuleId {
            $(#[doc = concat!("`", $id, "`: ", $words, ".")] $variant,)*
        }

        impl RuleId {
            /// Every rule, in the order that reports list them.
            pub const ALL: &[RuleId] = &[$(RuleId::$variant,)*];

            /// The id.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The rule in words.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }

            /// The tier that the platform's guides give it; a policy file may move it.
            pub const fn default_tier(self) -> Tier {
                match self { $(Self::$variant => Tier::$tier,)* }
            }
        }
    };
}

rules! {
    VideoResolution "video.resolution" Basic "at least 720p, in the source too";
    VideoFreeze "video.freeze" Basic "no freezing";
    VideoLag "video.lag" Basic "no lagging";
    VideoBlack "video.black" Basic "no black screens";
    ClipDuration "clip.duration" Basic "5 to 60 s long";
    ComplianceQr "compliance.qr" Basic "no 2-D codes laid over the picture";
    ComplianceWatermark "compliance.watermark" Basic "no third-party logos or watermarks";
    ComplianceViolation "compliance.violation" Basic "no span that the platform flagged";
    AudioOriginal "audio.original" Basic "the original LIVE audio is preserved";
    AudioDropout "audio.dropout" Basic "no muted stretch in the LIVE's own sound";
    AudioClean "audio.clean" Basic "clean sound";
    AudioLevel "audio.level" Basic "consistent volume";
    LiveGenuine "live.genuine" Basic "cut from a real LIVE";
    ProductInLive "product.in_live" Basic "every product in the clip was featured in that LIVE";
    SpeechBenefit "speech.benefit" Basic "the product's key benefits or features are said";
    ProductMatch "product.match" High "exactly the product of the LIVE, no swaps";
    ProductFront "product.front" High "shown from the front";
    ProductFirstSecond "product.first_second" High "in view within 1 s of the start";
    ProductFullyVisible "product.fully_visible" High "fully visible within 5 s";
    SpeechUniquePoint "speech.unique_point" High "unique selling points, clearly and confidently";
    VisualEnhancement "visual.enhancement" High "animated stickers or text overlays";
    VisualDemonstration "visual.demonstration" High "try-on or real-time demonstration";
    SpeechCallToAction "speech.call_to_action" High "action cues";
    VisualPromotion "visual.promotion" GoodCase "promotion stickers, discount information, brand logo and clear product placement on screen together";
    ClipDurationBest "clip.duration.best" Advice "under 40 s";
    AudioLanguage "audio.language" Advice "a local or common language of the market";
    SpeechDecision "speech.decision" Advice "voice-over that helps to decide";
    AudioMusicRights "audio.music_rights" Advice "no music whose rights are unknown";
    PictureSharp "picture.sharp" Advice "sharp picture";
    PictureSteady "picture.steady" Advice "steady picture";
}

impl RuleId {
    /// From the id.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.as_str() == text)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is no rule id")))
    }
}
impl JsonSchema for RuleId {
    fn schema_name() -> Cow<'static, str> {
        "RuleId".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let ids: Vec<&str> = Self::ALL.iter().map(|rule| rule.as_str()).collect();
        json_schema!({ "type": "string", "enum": ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_read_back() {
        for &rule in RuleId::ALL {
            assert_eq!(RuleId::parse(rule.as_str()), Some(rule));
        }
        let mut ids: Vec<&str> = RuleId::ALL.iter().map(|r| r.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RuleId::ALL.len());
    }
}
