//! What a seller changed about a clip: kept apart from it, so that a new run keeps it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clip::{Clip, ClipProduct, Post};
use crate::rule::RuleId;
use crate::span::ClipSpan;
use crate::verdict::{Outcome, Verdict};

/// What a seller thinks of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Thumb up.
    Up,
    /// Thumb down.
    Down,
}

/// `edits/<clip id>.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise clip edits")]
pub struct ClipEdits {
    /// Thumb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// The part of it that is used, on the clip's own time line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trim: Option<ClipSpan>,
    /// Title, caption and hashtags instead of those suggested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Post>,
    /// The products that it really shows, where those found were wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<ClipProduct>>,
}

/// Rules that speak of a product, and say nothing of another.
const OF_A_PRODUCT: [RuleId; 6] = [
    RuleId::ProductMatch,
    RuleId::ProductFront,
    RuleId::ProductFirstSecond,
    RuleId::ProductFullyVisible,
    RuleId::SpeechBenefit,
    RuleId::SpeechUniquePoint,
];

impl ClipEdits {
    /// The clip as the seller left it. Where the product was corrected, what was found out about the
    /// wrong one is unknown of the right one.
    pub fn apply(&self, clip: &mut Clip) {
        if let Some(products) = &self.products {
            let same = clip.products.first().map(|product| &product.id)
                == products.first().map(|product| &product.id);
            if !same {
                for verdict in clip.verdicts.iter_mut().filter(|v| OF_A_PRODUCT.contains(&v.rule)) {
                    unknown(verdict);
                }
                clip.unverified = clip
                    .verdicts
                    .iter()
                    .filter(|verdict| verdict.verdict == Outcome::Unknown)
                    .map(|verdict| verdict.rule)
                    .collect();
            }
            let shown = |id: &String| products.iter().any(|product| product.id == *id);
            clip.product_track.retain(|sighting| shown(&sighting.product_id));
            clip.products.clone_from(products);
            clip.post.product_ids = products.iter().map(|product| product.id.clone()).collect();
        }
        if let Some(post) = &self.post {
            clip.post.title.clone_from(&post.title);
            clip.post.caption.clone_from(&post.caption);
            clip.post.hashtags.clone_from(&post.hashtags);
        }
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn unknown(verdict: &mut Verdict) {
    verdict.verdict = Outcome::Unknown;
    verdict.measured = None;
    verdict.evidence.clear();
    verdict.sentences.clear();
    "the seller named another product; this was not checked for it".clone_into(&mut verdict.detail);
}
