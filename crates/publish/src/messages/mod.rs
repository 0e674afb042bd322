//! What Reprise is told and tells as CloudEvents 1.0 (JSON, structured mode): a LIVE was recorded,
//! its highlights are ready, or there will be none.

mod event;

pub use event::{CloudEvent, EVENT_MAX};

use reprise_model::{Grade, MediaDuration, MediaTime, WallTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody wishes clips of a recorded LIVE.
pub const LIVE_RECORDED: &str = "live.recorded";
/// The clips of a LIVE are there.
pub const HIGHLIGHTS_READY: &str = "highlights.ready";
/// A LIVE was given up.
pub const HIGHLIGHTS_FAILED: &str = "highlights.failed";
/// All of them.
pub const TYPES: [&str; 3] = [LIVE_RECORDED, HIGHLIGHTS_READY, HIGHLIGHTS_FAILED];

/// What says that a LIVE was recorded: data of `live.recorded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise message live.recorded")]
pub struct LiveRecorded {
    /// Which shop; where it is given, the manifest must say the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller: Option<String>,
    /// The session manifest: an absolute path that every worker sees.
    pub session: String,
    /// Where results go: an absolute path or `s3://bucket/prefix`.
    pub out: String,
    /// Keep rejected clips too.
    #[serde(default)]
    pub keep_rejected: bool,
    /// Decode finished clips whole to verify them.
    #[serde(default)]
    pub verify_full: bool,
}

/// What came of a LIVE: data of `highlights.ready`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise message highlights.ready")]
pub struct HighlightsReady {
    /// Which shop.
    pub seller: String,
    /// Which session.
    pub session_id: String,
    /// The job that made them.
    pub job: String,
    /// Key of the inputs that made them: the same key, the same clips.
    pub run: String,
    /// Where `session.json` is.
    pub session_json: String,
    /// Where the report is.
    pub report: String,
    /// The clips, in the moments' order.
    pub clips: Vec<ReadyClip>,
    /// Moments that became no clip; `session.json` says why.
    pub not_clipped: u64,
}

/// One clip that is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadyClip {
    /// Its name.
    pub clip_id: String,
    /// How good it is.
    pub grade: Grade,
    /// Where it begins on the recording's time line.
    pub start_s: MediaTime,
    /// Where it ends.
    pub end_s: MediaTime,
    /// Its length.
    pub duration_s: MediaDuration,
    /// Where its file is; `clip.json` lies beside it.
    pub location: String,
}

/// What became of a LIVE that was given up: data of `highlights.failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise message highlights.failed")]
pub struct HighlightsFailed {
    /// Which shop.
    pub seller: String,
    /// The job; `reprise jobs show` tells more of it, `reprise jobs retry` has it done after all.
    pub job: String,
    /// What was asked for, as far as it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<LiveRecorded>,
    /// What was wrong at last.
    pub error: String,
    /// Where the job stands.
    pub state: FailedState,
    /// When it was given up.
    pub failed_at: WallTime,
}

/// Where a job stands that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailedState {
    /// Given up: nothing happens with it by itself any more.
    Parked,
}

impl HighlightsReady {
    /// As an event at `time`. Its id follows from job and run, so that it is the same when it is told
    /// again.
    ///
    /// # Errors
    /// `Limit` where it is too long.
    pub fn event(&self, time: WallTime) -> reprise_model::Result<CloudEvent> {
        let id = format!("{}.{}", self.job, self.run);
        let subject = format!("{}/{}", self.seller, self.session_id);
        CloudEvent::new(HIGHLIGHTS_READY, id, &self.seller, Some(subject), time, self)
    }
}

impl HighlightsFailed {
    /// The id of the event of this job after the lease of this number.
    pub fn id(job: &str, fence: u64) -> String {
        format!("{job}.{fence}")
    }

    /// As an event; `fence` is the number of the job's last lease.
    ///
    /// # Errors
    /// `Limit` where it is too long.
    pub fn event(&self, fence: u64) -> reprise_model::Result<CloudEvent> {
        let id = Self::id(&self.job, fence);
        CloudEvent::new(HIGHLIGHTS_FAILED, id, &self.seller, None, self.failed_at, self)
    }
}
