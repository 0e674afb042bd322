//! What the API shows of jobs, accounts, posts and takedowns.

use reprise_model::WallTime;
use reprise_model::posted::{PostState, PostWish, Posted};
use reprise_publish::posting::{Account, CreatorInfo};
use reprise_queue::{Job, State};
use reprise_worker::fleet::{LIVE, LiveJob, POST, PostJob, REMIX, RemixJob};
use schemars::JsonSchema;
use serde::Serialize;

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShownJob {
    /// Its id.
    pub job_id: String,
    /// What is done: `remix.requested`, `post.requested`, `live.recorded`.
    pub kind: String,
    /// `waiting`, `leased`, `done`, `parked` or `cancelled`.
    pub state: String,
    /// Whether nothing happens with it any more.
    pub is_final: bool,
    /// The stage under way.
    pub stage: String,
    /// How much of it is done, 0 to 1; absent where unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Its clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_id: Option<String>,
    /// The remix that came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remix_id: Option<String>,
    /// Of a post that is done: `published` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_state: Option<String>,
    /// Of a post that failed: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_reason: Option<String>,
    /// When it was asked for.
    pub enqueued_at: WallTime,
    /// When something last happened with it.
    pub changed_at: WallTime,
}

impl ShownJob {
    /// `None` for jobs that are parts of others.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let (session_id, clip_id) = match job.kind.as_str() {
            REMIX => {
                let remix = RemixJob::of(job).ok()?;
                (Some(remix.session), Some(remix.clip))
            }
            LIVE => (LiveJob::of(job).ok()?.session_id, None),
            POST => {
                let post = PostJob::of(job).ok()?;
                (Some(post.session), Some(post.clip))
            }
            _ => return None,
        };
        let text = |name: &str| {
            let value = job.result.as_ref()?.get(name)?.as_str()?;
            Some(value.to_owned())
        };
        let share = match job.state {
            State::Done => Some(1.0),
            _ if job.progress.total == 0 => None,
            _ => Some((job.progress.done as f64 / job.progress.total as f64).min(1.0)),
        };
        Some(Self {
            job_id: job.id.clone(),
            kind: job.kind.clone(),
            state: job.state.as_str().to_owned(),
            is_final: job.state.is_final(),
            stage: job.progress.stage.clone(),
            share,
            error: job.failure.as_ref().map(|failure| failure.error.clone()),
            session_id,
            clip_id,
            remix_id: text("remix"),
            post_state: text("state"),
            post_reason: text("reason"),
            enqueued_at: job.enqueued_at,
            changed_at: job.changed_at,
        })
    }
}

/// What was taken down.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownTakedown {
    /// Of which creator.
    pub creator: String,
    /// This session alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// When.
    pub at: WallTime,
    /// Objects that were removed.
    pub objects: usize,
    /// Sessions that were touched.
    pub sessions: Vec<String>,
    /// Jobs that were stopped.
    pub jobs: usize,
}

/// An account that one can post to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownAccount {
    /// Its name here.
    pub name: String,
    /// Whether the app was audited; until then posts are for the account alone.
    pub audited: bool,
    /// Its name on the platform; with one account alone, as what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// Who may be let see a post.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub privacy: Vec<String>,
    /// Comments are off in the account's settings.
    pub comment_disabled: bool,
    /// Duets are.
    pub duet_disabled: bool,
    /// Stitches are.
    pub stitch_disabled: bool,
    /// Longest video, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_s: Option<f64>,
}

impl ShownAccount {
    pub(crate) fn of(account: &Account) -> Self {
        Self {
            name: account.name.clone(),
            audited: account.audited,
            username: None,
            nickname: None,
            privacy: Vec::new(),
            comment_disabled: false,
            duet_disabled: false,
            stitch_disabled: false,
            longest_s: None,
        }
    }

    pub(crate) fn with(self, info: CreatorInfo) -> Self {
        let mut privacy = info.privacy_level_options;
        if !self.audited {
            privacy.retain(|option| option == "SELF_ONLY");
        }
        Self {
            username: Some(info.creator_username),
            nickname: Some(info.creator_nickname),
            privacy,
            comment_disabled: info.comment_disabled,
            duet_disabled: info.duet_disabled,
            stitch_disabled: info.stitch_disabled,
            longest_s: info.max_video_post_duration_sec,
            ..self
        }
    }
}

/// A post.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownPost {
    /// Its name here.
    pub post_id: String,
    /// The remix.
    pub remix_id: String,
    /// What the seller said.
    pub wish: PostWish,
    /// Where it stands.
    pub state: PostState,
    /// The platform's names of it.
    pub platform_ids: Vec<String>,
    /// Why the platform refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When something last happened with it.
    pub at: WallTime,
}

impl ShownPost {
    /// Without what only the upload needs to know.
    pub(crate) fn of(post: Posted) -> Self {
        let Posted { post_id, remix_id, wish, state, platform_ids, reason, at, .. } = post;
        Self { post_id, remix_id, wish, state, platform_ids, reason, at }
    }
}
