//! What the segmenter finds: moments, why they were chosen, and how late each signal answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::span::Span;
use crate::time::{MediaDuration, MediaTime};

/// A signal of the event log.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Money ordered.
    Gmv,
    /// Orders placed.
    Orders,
    /// Units ordered.
    Units,
    /// GMV per 1,000 viewers then present.
    GmvPerMille,
    /// GMV less unit costs.
    GrossMargin,
    /// Watching at once.
    Viewers,
    /// Coming in.
    Entries,
    /// Likes.
    Likes,
    /// Comments.
    Comments,
    /// Product clicks.
    ProductClicks,
    /// Follows.
    Follows,
    /// Shares.
    Shares,
    /// Gifts.
    Gifts,
}

impl Signal {
    /// As the metadata spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gmv => "gmv",
            Self::Orders => "orders",
            Self::Units => "units",
            Self::GmvPerMille => "gmv_per_mille",
            Self::GrossMargin => "gross_margin",
            Self::Viewers => "viewers",
            Self::Entries => "entries",
            Self::Likes => "likes",
            Self::Comments => "comments",
            Self::ProductClicks => "product_clicks",
            Self::Follows => "follows",
            Self::Shares => "shares",
            Self::Gifts => "gifts",
        }
    }
}

/// How late a signal answers the host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lag {
    /// Which signal.
    pub signal: Signal,
    /// From the host's words to the reaction.
    pub lag_s: MediaDuration,
    /// 0 (a guess) to 1: of orders, the chance that the true mean is at most 8 s away.
    pub confidence: f64,
    /// Where it comes from.
    pub from: LagSource,
}

/// Where a lag comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LagSource {
    /// From this session's own events.
    Estimated,
    /// From what is known of LIVEs in general.
    Prior,
}

/// What viewers reacted to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// What the host said and showed.
    Pitch,
    /// A flash sale, or another price than usual.
    FlashSale,
    /// A giveaway.
    Giveaway,
    /// An influx of viewers rather than what was said.
    Traffic,
}

impl Cause {
    /// Every cause, in the order in which ties are listed.
    pub const ALL: [Self; 4] = [Self::Pitch, Self::FlashSale, Self::Giveaway, Self::Traffic];

    /// As the metadata spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pitch => "pitch",
            Self::FlashSale => "flash_sale",
            Self::Giveaway => "giveaway",
            Self::Traffic => "traffic",
        }
    }

    /// For people, within a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pitch => "the pitch",
            Self::FlashSale => "a flash sale or discount",
            Self::Giveaway => "a giveaway",
            Self::Traffic => "an influx of viewers",
        }
    }
}

/// One cause and how likely it is the one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LikelyCause {
    /// Which.
    pub cause: Cause,
    /// 0 to 1; those of one moment sum to 1.
    pub probability: f64,
}

/// A stretch of the LIVE worth a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// `m-` and its place in the ranking, from 1, two digits or more.
    pub id: String,
    /// From 1, best first.
    pub rank: u32,
    /// The pitch, with lag undone.
    #[serde(flatten)]
    pub span: Span,
    /// Higher is better; comparable within one session only.
    pub score: f64,
    /// Whether it is reported with confidence; the rest is a ranked tail.
    pub confident: bool,
    /// The products it is most likely about, best first.
    pub product_ids: Vec<String>,
    /// What it is most likely due to: most likely first, at least one, none below 0.01.
    pub causes: Vec<LikelyCause>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What it brought above the baseline.
    pub attributed: Attributed,
}

impl Moment {
    /// The cause it is most likely due to.
    pub fn cause(&self) -> Option<LikelyCause> {
        self.causes.first().copied()
    }
}

/// One signal's part in choosing a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Which signal.
    pub signal: Signal,
    /// Unit of `observed` and `expected`: a currency code, `orders`, `viewers` and so on.
    pub unit: String,
    /// Sum over the reaction's window (mean for `viewers` and `gmv_per_mille`).
    pub observed: f64,
    /// What the baseline expects there.
    pub expected: f64,
    /// `observed / expected`; absent where nothing was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// When the reaction was seen, on the recording's time line.
    #[serde(rename = "seen_start_s")]
    pub seen_start: MediaTime,
    /// Its end.
    #[serde(rename = "seen_end_s")]
    pub seen_end: MediaTime,
}

/// What a moment brought above the baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attributed {
    /// Gross, one amount per currency.
    pub gmv: Vec<Money>,
    /// Without what was cancelled, refunded or not paid.
    pub net_gmv: Vec<Money>,
    /// Orders.
    pub orders: f64,
    /// Units.
    pub units: f64,
    /// The same for the eyes of others: estimated ranges, never exact.
    pub shown_to_others: AttributedRanges,
}

/// Ranges that may be shown to others than the owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributedRanges {
    /// Such as `500-1000 USD`.
    pub gmv: Vec<String>,
    /// Such as `10-20`.
    pub orders: String,
}
