//! `session.json`: what a run made of a session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::course::{Chart, Totals};
use crate::moment::{Lag, Moment};
use crate::rule::RuleId;
use crate::session::{Product, Visibility};
use crate::span::Span;
use crate::time::{MediaDuration, MediaTime, WallTime};
use crate::verdict::{Grade, Outcome};

/// `session.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise session result")]
pub struct SessionOutcome {
    /// Version of Reprise that made it.
    pub reprise_version: String,
    /// Key of the inputs that made it.
    pub run: String,
    /// Which session.
    pub session_id: String,
    /// Which shop.
    pub seller: String,
    /// Which creator.
    pub creator: String,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// What the recording is.
    pub recording: RecordingSummary,
    /// What the event log is.
    pub events: EventsSummary,
    /// Its products, without what they cost the seller.
    #[serde(default)]
    pub products: Vec<Product>,
    /// What the LIVE brought.
    #[serde(default)]
    pub totals: Totals,
    /// Its course.
    #[serde(default)]
    pub chart: Chart,
    /// How late each signal answers.
    pub lag: Vec<Lag>,
    /// What the segmenter found, best first.
    pub moments: Vec<Moment>,
    /// What ships, in the moments' order.
    pub clips: Vec<ClipSummary>,
    /// What does not, and why.
    pub not_clipped: Vec<NotClipped>,
    /// The platform's best practices for a whole LIVE.
    pub best_practices: Vec<BestPractice>,
}

/// The recording as it was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingSummary {
    /// Length of the time line.
    pub duration_s: MediaDuration,
    /// Its files.
    pub parts: Vec<Part>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// One file of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// As the manifest names it.
    pub uri: String,
    /// Where it lies on the time line.
    #[serde(flatten)]
    pub span: Span,
    /// Wall clock of its first picture.
    pub started_at: WallTime,
}

/// A stretch of the recording that must not be cut into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where on the time line.
    #[serde(flatten)]
    pub span: Span,
    /// For people.
    pub detail: String,
}

/// What can be wrong with a recording.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing was recorded.
    Gap,
    /// Two files show the same time; the earlier is used.
    Overlap,
    /// Pictures are missing.
    PictureGap,
    /// Sound is missing.
    SoundGap,
    /// The clock of the file jumps.
    ClockJump,
    /// Pictures could not be decoded.
    Corrupt,
    /// The picture stands still.
    Freeze,
    /// The picture is black.
    Black,
    /// Pictures come late or irregularly.
    Lag,
    /// The sound is muted.
    Muted,
}

/// The event log as it was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsSummary {
    /// Lines read.
    pub lines: u64,
    /// Events taken.
    pub taken: u64,
    /// Lines that were skipped, by reason.
    pub skipped: Vec<Skipped>,
}

/// Lines skipped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The first few, as `file:line`.
    pub examples: Vec<String>,
}

/// A clip of the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipSummary {
    /// Name of the clip; its files are in `clips/<clip id>/`.
    pub clip_id: String,
    /// Which moment it shows.
    pub moment_id: String,
    /// Where it was cut.
    #[serde(flatten)]
    pub span: Span,
    /// How good it is.
    pub grade: Grade,
}

/// A moment that became no clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotClipped {
    /// Which moment.
    pub moment_id: String,
    /// The rule that it broke, or `none` where no rule is to blame.
    pub rule: String,
    /// With figure and time.
    pub detail: String,
    /// When, on the recording's time line, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_s: Option<MediaTime>,
}

impl NotClipped {
    /// A moment that broke `rule`.
    pub fn broke(moment_id: &str, rule: RuleId, detail: String, time_s: Option<MediaTime>) -> Self {
        Self { moment_id: moment_id.to_owned(), rule: rule.to_string(), detail, time_s }
    }
}

/// One best practice of a whole LIVE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BestPractice {
    /// Its name, snake case.
    pub name: String,
    /// `pass` is met, `fail` is not met.
    pub verdict: Outcome,
    /// Evidence, or what is missing.
    pub detail: String,
    /// Moments that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moment_ids: Vec<String>,
}
