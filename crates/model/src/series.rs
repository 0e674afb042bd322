//! What happened when: per-second series of a LIVE and the marks on its time line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Currency;
use crate::span::Span;

/// One value a second, from second 0 of the time line; all vectors are equally long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Currency of `gmv` and `gross_margin`: the one with most orders; orders in another count as
    /// orders but not as money.
    pub currency: Option<Currency>,
    /// Money ordered, gross.
    pub gmv: Vec<f64>,
    /// Money ordered that was neither cancelled nor refunded nor left unpaid.
    pub net_gmv: Vec<f64>,
    /// GMV less unit costs; empty where no unit cost is known.
    pub gross_margin: Vec<f64>,
    /// Orders placed.
    pub orders: Vec<f64>,
    /// Units ordered.
    pub units: Vec<f64>,
    /// Watching at once, carried forward between samples; NaN is never stored.
    pub viewers: Vec<f64>,
    /// Coming in.
    pub entries: Vec<f64>,
    /// Likes, spread evenly over the time since the like event before.
    pub likes: Vec<f64>,
    /// Comments.
    pub comments: Vec<f64>,
    /// Product clicks.
    pub product_clicks: Vec<f64>,
    /// Follows.
    pub follows: Vec<f64>,
    /// Shares.
    pub shares: Vec<f64>,
    /// Gifts.
    pub gifts: Vec<f64>,
}

/// Something that the log marks on the time line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What.
    pub kind: MarkKind,
    /// When; empty for a point.
    #[serde(flatten)]
    pub span: Span,
    /// Product, keyword or rule.
    pub label: String,
}

/// Kinds of marks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A product is pinned.
    Pin,
    /// A flash sale runs.
    FlashSale,
    /// A giveaway runs.
    Giveaway,
    /// A billboard is shown.
    Billboard,
    /// The platform flagged something.
    Violation,
    /// Practice mode.
    Rehearsal,
}
