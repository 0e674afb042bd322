//! What a rule found in a clip, and the grade that all of them give.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rule::{RuleId, Tier};
use crate::time::MediaTime;

/// What a rule says of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be checked; never counts as a pass.
    Unknown,
}

/// One rule's answer with its measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Which rule.
    pub rule: RuleId,
    /// The tier that the policy gives it.
    pub tier: Tier,
    /// What it says.
    pub verdict: Outcome,
    /// What was measured, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Unit of `measured` and `threshold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it was held against, in `unit`, in words that name the direction (`at most 1.5`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// One sentence for people: what was found, or what is missing where the verdict is unknown.
    pub detail: String,
    /// The same for a seller: a sentence per language (BCP 47), `en` and `id` at least.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sentences: BTreeMap<String, String>,
    /// Where in the clip.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// A stretch of the clip that shows what a verdict says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// From, in the clip.
    pub clip_start_s: MediaTime,
    /// To, in the clip; the same as the start for a single picture.
    pub clip_end_s: MediaTime,
    /// What is there.
    pub note: String,
    /// Picture that shows it, relative to the clip's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// How good a clip is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// A basic rule failed, or one that the policy does not let it lack is unknown.
    Rejected,
    /// Basic holds.
    Basic,
    /// High holds too.
    High,
    /// Good case holds too.
    GoodCase,
}

impl Grade {
    /// As the metadata spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Basic => "basic",
            Self::High => "high",
            Self::GoodCase => "good_case",
        }
    }
}
