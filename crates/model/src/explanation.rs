//! What the segmenter saw at one second of a LIVE, and why it did or did not choose it: the JSON
//! of `reprise explain`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::moment::{Attributed, Lag, LikelyCause, Reason, Signal};
use crate::series::MarkKind;
use crate::span::Span;
use crate::time::{MediaTime, WallTime};

/// `reprise explain --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise explanation")]
pub struct Explanation {
    /// The second that is explained, on the recording's time line.
    pub at_s: MediaTime,
    /// The world's clock then.
    pub wall_time: WallTime,
    /// The verdict first, then what else is true of it; at least one.
    pub answers: Vec<Answer>,
    /// What was on.
    pub on: Vec<OnAir>,
    /// How late each signal answers.
    pub lag: Vec<Lag>,
    /// Each signal in the seconds that answer this one (the lag applied), whether it stands out or not.
    pub signals: Vec<Reason>,
    /// Evidence that this second drew a reaction which nothing else explains, nats (a nat makes it
    /// 2.7 times as likely).
    pub evidence_nats: f64,
    /// From here on a moment is reported with confidence, nats.
    pub threshold_nats: f64,
    /// The causes that cover this second, best first; where none does, the nearest before and after.
    pub candidates: Vec<Considered>,
}

/// Something that was on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnAir {
    /// What.
    pub kind: MarkKind,
    /// From when to when; empty for a point.
    #[serde(flatten)]
    pub span: Span,
    /// Product id, keyword or rule; may be empty.
    pub label: String,
    /// The product's title, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A cause that was considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Considered {
    /// Its moment's id, where it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment_id: Option<String>,
    /// The seconds that a clip would show.
    #[serde(flatten)]
    pub span: Span,
    /// Whether it covers the second that is explained.
    pub covers: bool,
    /// The products it is most likely about, best first.
    pub product_ids: Vec<String>,
    /// Evidence of all signals over what they do by themselves, nats.
    pub evidence_nats: f64,
    /// Of it, that of the orders.
    pub evidence_in_orders_nats: f64,
    /// Its GMV, GPM, traffic and engagement, weighted, each a share of the session's best.
    pub worth: f64,
    /// The same less what its seconds cost and, where it was chosen, what it repeats of others.
    pub score: f64,
    /// What it is most likely due to, most likely first.
    pub causes: Vec<LikelyCause>,
    /// What it is credited with.
    pub attributed: Attributed,
    /// What became of it.
    pub became: Answer,
}

/// Why a second is in a moment, or why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It is in a reported moment.
    Chosen {
        /// Which.
        moment_id: String,
        /// From 1, best first.
        rank: u32,
        /// Whether its evidence reaches the threshold and its scene is not reported already.
        confident: bool,
        /// Evidence of all signals over what they do by themselves, nats.
        evidence_nats: f64,
    },
    /// It belongs to the call of a moment that shows other seconds of it.
    Trimmed {
        /// Which.
        moment_id: String,
        /// What that shows.
        #[serde(flatten)]
        span: Span,
    },
    /// A better one lies over it.
    Overlapped {
        /// The better one; absent where that was not chosen either.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Where that lies.
        #[serde(flatten)]
        span: Span,
        /// How much that adds, or its evidence in nats where `by_evidence`.
        theirs: f64,
        /// The same of this one.
        ours: f64,
        /// Both explain the same reaction, and evidence decided rather than worth.
        by_evidence: bool,
    },
    /// Its product already has as many moments as it may have.
    QuotaUsed {
        /// Which.
        product_id: String,
        /// `max_per_product`.
        most: u32,
        /// The product's moments.
        by: Vec<String>,
    },
    /// The list was full.
    BeyondList {
        /// The rank that it would have had.
        rank: u32,
        /// `max_moments`.
        most: u32,
        /// Whether its evidence reaches the threshold.
        confident: bool,
    },
    /// The cause there has less evidence than it takes to be certain.
    Weak {
        /// What it has, nats.
        evidence_nats: f64,
        /// What it would take, nats.
        threshold_nats: f64,
    },
    /// No moment may lie there.
    Forbidden {
        /// Why.
        why: Forbidden,
        /// Where.
        #[serde(flatten)]
        span: Span,
    },
    /// Orders there came in one payment batch: their times say when they were paid.
    PaymentBatch {
        /// How many, within five seconds.
        orders: u32,
    },
    /// Comments there enter a giveaway.
    GiveawayEntries {
        /// How many, within ten seconds.
        comments: u32,
    },
    /// Comments there are greetings or of the kind that always comes.
    Chatter {
        /// How many, within ten seconds.
        comments: u32,
    },
    /// The reaction seen there answers something earlier.
    BelongsEarlier {
        /// The moment that caused it; absent where that cause was not chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        moment_id: Option<String>,
        /// Where the cause lies.
        #[serde(flatten)]
        span: Span,
        /// Which signal reacts.
        signal: Signal,
        /// How much of what is seen there is credited to it, 0 to 1.
        share: f64,
    },
    /// What answers it is mostly credited to other seconds.
    CreditedElsewhere {
        /// Their moment; absent where that cause was not chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        moment_id: Option<String>,
        /// Where that lies.
        #[serde(flatten)]
        span: Span,
        /// Which signal.
        signal: Signal,
        /// How much of it is credited there, 0 to 1.
        share: f64,
    },
    /// No cause was placed there: what answers it is too little, or a cause nearby explains it
    /// better.
    NoCause {
        /// Evidence that is there, nats.
        evidence_nats: f64,
        /// What would be reported with confidence, nats.
        threshold_nats: f64,
    },
}

/// Why no moment may lie somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forbidden {
    /// Practice mode.
    Rehearsal,
    /// The platform flagged it.
    Violation,
    /// Nothing was recorded.
    Gap,
    /// What is left between places where none may lie is too short.
    NoRoom,
}
