//! A LIVE as a whole: what it brought, and its course over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::time::MediaDuration;

/// What a LIVE brought, for its owner's eyes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Ordered, gross, in the currency with most orders; absent without orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gmv: Option<Money>,
    /// Without what was cancelled, refunded or not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_gmv: Option<Money>,
    /// Orders, in all currencies.
    pub orders: u64,
    /// How often somebody came in; absent where the log does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<u64>,
    /// Most that watched at once; absent where the log does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers_peak: Option<u64>,
    /// Likes.
    pub likes: u64,
    /// Comments.
    pub comments: u64,
    /// The same for the eyes of others: estimated ranges, never exact.
    pub shown_to_others: TotalRanges,
}

/// Ranges that may be shown to others than the owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotalRanges {
    /// Such as `5000-10000 USD`; absent without orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gmv: Option<String>,
    /// Such as `100-200`.
    pub orders: String,
    /// Such as `2000-5000`; of those that watched at once where the log does not say how many came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<String>,
}

/// The course of a LIVE in steps of equal length, for a chart; all lists are equally long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// Length of a step; the first begins at 0 of the time line.
    pub step_s: MediaDuration,
    /// Currency of `gmv`; absent without orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Money ordered in each step.
    pub gmv: Vec<f64>,
    /// Orders in each step.
    pub orders: Vec<f64>,
    /// Watching at once, mean over each step.
    pub viewers: Vec<f64>,
    /// Likes in each step.
    pub likes: Vec<f64>,
    /// Comments in each step.
    pub comments: Vec<f64>,
}
