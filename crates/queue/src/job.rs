//! What a queue is told and what it tells: jobs, their states, progress, failures and counts.

use std::fmt;
use std::time::Duration;

use reprise_model::{Error, Kind, Result, WallTime, redacted};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest body of a job, bytes of its JSON.
pub const BODY_MAX: usize = 512 * 1024;
/// Longest result of a job, bytes of its JSON; larger things belong into the object store.
pub const RESULT_MAX: usize = 256 * 1024;
/// What is kept of a log, bytes from its end.
pub const LOG_TAIL_MAX: usize = 16 * 1024;
/// What is kept of an error, of a replay command and of a stage's name, bytes.
const WORDS_MAX: usize = 4096;
/// Longest tenant, kind and worker, bytes.
const NAME_MAX: usize = 64;
/// Longest idempotency key, bytes.
const KEY_MAX: usize = 512;

/// Which way a job goes: people wait for a remix, nobody waits for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Remixes that sellers asked for.
    Remix,
    /// Everything else.
    Batch,
}

impl Lane {
    /// Both, the urgent one first.
    pub const ALL: [Self; 2] = [Self::Remix, Self::Batch];

    /// `remix` or `batch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Remix => "remix",
            Self::Batch => "batch",
        }
    }
}

/// A job to be put in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Whose it is: 1 to 64 letters, digits, `.`, `_`, `-`.
    pub tenant: String,
    /// Which way it goes.
    pub lane: Lane,
    /// What is to be done, for the worker: as a tenant.
    pub kind: String,
    /// Idempotency key, unique per tenant: 1 to 512 bytes without control characters.
    pub key: String,
    /// What the worker needs to know, at most [`BODY_MAX`].
    pub body: Value,
}

impl NewJob {
    /// Looks at names and lengths and gives the job's id, which follows from tenant and key: the
    /// tenant, `-`, and 32 hex digits.
    ///
    /// # Errors
    /// [`Kind::Usage`] for names that are not allowed, [`Kind::Limit`] for a body that is too long.
    pub fn id(&self) -> Result<String> {
        check_name("tenant", &self.tenant)?;
        check_name("kind", &self.kind)?;
        let sound = (1..=KEY_MAX).contains(&self.key.len()) && !self.key.contains(char::is_control);
        if !sound {
            let message = format!(
                "an idempotency key has 1 to {KEY_MAX} bytes and no control characters: {:?}",
                shortened(&self.key, 80)
            );
            return Err(Error::new(Kind::Usage, message));
        }
        check_length("a job's body", &self.body, BODY_MAX)?;
        let hash = blake3::hash(format!("{}\0{}", self.tenant, self.key).as_bytes()).to_hex();
        Ok(format!("{}-{}", self.tenant, &hash[..32]))
    }
}

/// What became of a call to put in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job's id; begins with its tenant.
    pub id: String,
    /// `false` where the same job was there before.
    pub is_new: bool,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be done, perhaps after a wait.
    Waiting,
    /// A worker has it, or had it and was not heard from since.
    Leased,
    /// Finished; there is a result.
    Done,
    /// Given up; there is a failure. Goes on only when somebody says so.
    Parked,
    /// Somebody did not want it any more.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Leased, Self::Done, Self::Parked, Self::Cancelled];

    /// Whether nothing happens with it by itself any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Parked | Self::Cancelled)
    }

    /// Its name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Parked => "parked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far a job has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The stage under way, for people.
    pub stage: String,
    /// Parts of it that are done.
    pub done: u64,
    /// Parts of it in all; 0 where unknown.
    pub total: u64,
    /// Stages whose results are in the store. More than ever before starts the attempts anew.
    pub stages_finished: u32,
}

/// How an attempt ended that was no success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was wrong, for people.
    pub error: String,
    /// The end of its log; at most [`LOG_TAIL_MAX`] bytes are kept, the last ones.
    pub log_tail: String,
    /// The command that does it again, for a person to run.
    pub replay: String,
    /// Whether it may work when tried again; else the job is parked at once.
    pub retry: bool,
}

/// Who has a job, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The worker's name.
    pub worker: String,
    /// When the lease ends, unless a heartbeat comes first.
    pub until: WallTime,
}

/// One job: its record, which alone says how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id; begins with the tenant.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// Which way it goes.
    pub lane: Lane,
    /// What is to be done.
    pub kind: String,
    /// Its idempotency key.
    pub key: String,
    /// What the worker needs to know.
    pub body: Value,
    /// Where it stands.
    pub state: State,
    /// Leases so far; the newest lease's number is the only one that is listened to.
    pub fence: u64,
    /// Attempts that ended without success since the last newly finished stage.
    pub failures: u32,
    /// From when it may be leased.
    pub not_before: WallTime,
    /// Who has it.
    pub holder: Option<Holder>,
    /// How far it has come, over all attempts.
    pub progress: Progress,
    /// How the last attempt ended that was no success.
    pub failure: Option<Failure>,
    /// What came of it.
    pub result: Option<Value>,
    /// When it was put in.
    pub enqueued_at: WallTime,
    /// When its record was last written.
    pub changed_at: WallTime,
}

/// Says which lease of which job a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The job's id.
    pub job: String,
    /// The lease's number, counted per job.
    pub fence: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.job, self.fence)
    }
}

/// A job in a worker's hands.
#[derive(Clone, Debug, PartialEq)]
pub struct Leased {
    /// The job as it is now.
    pub job: Job,
    /// What to say with everything about it.
    pub token: Token,
    /// Which attempt this is since the last newly finished stage, from 1.
    pub attempt: u32,
}

/// What a heartbeat learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Go on.
    Ours,
    /// Somebody else has it, or it is finished: stop, nothing that is said of it counts.
    Lost,
    /// Nobody wants it any more: stop.
    Cancelled,
}

/// Which jobs are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this tenant alone.
    pub tenant: Option<String>,
    /// In this state alone.
    pub state: Option<State>,
    /// At most so many; 0 is no limit.
    pub limit: usize,
}

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Waiting in the lane of remixes, those that wait before they are tried again included.
    pub waiting_remix: u64,
    /// Waiting in the lane of batches, likewise.
    pub waiting_batch: u64,
    /// Leased, those whose lease has run out included.
    pub leased: u64,
    /// Parked.
    pub parked: u64,
    /// Done and not yet swept.
    pub done: u64,
    /// Cancelled and not yet swept.
    pub cancelled: u64,
    /// For how long the oldest waiting job has been in the queue; `None` where none waits.
    pub oldest_waiting: Option<Duration>,
}

impl Counts {
    /// Jobs that are not at their end.
    pub const fn open(&self) -> u64 {
        self.waiting_remix + self.waiting_batch + self.leased
    }

    /// Adds `count` jobs of one lane and state, the oldest put in at `oldest`.
    pub(crate) fn add(
        &mut self,
        lane: Lane,
        state: State,
        count: u64,
        oldest: WallTime,
        now: WallTime,
    ) {
        match (state, lane) {
            (State::Waiting, Lane::Remix) => self.waiting_remix += count,
            (State::Waiting, Lane::Batch) => self.waiting_batch += count,
            (State::Leased, _) => self.leased += count,
            (State::Parked, _) => self.parked += count,
            (State::Done, _) => self.done += count,
            (State::Cancelled, _) => self.cancelled += count,
        }
        if state == State::Waiting {
            let age = u64::try_from(now.micros().saturating_sub(oldest.micros())).unwrap_or(0);
            let age = Duration::from_micros(age);
            self.oldest_waiting = Some(self.oldest_waiting.unwrap_or_default().max(age));
        }
    }
}

/// Holds a name of a tenant, a kind or a worker against what is allowed.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "a {what} has 1 to {NAME_MAX} letters, digits, `.`, `_`, `-`: {:?}",
        shortened(name, 80)
    );
    Err(Error::new(Kind::Usage, message))
}

/// The tenant and the digits of an id.
pub(crate) fn parts_of(id: &str) -> Result<(&str, &str)> {
    let found = id.rsplit_once('-').filter(|(tenant, digits)| {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        check_name("tenant", tenant).is_ok() && digits.len() == 32 && digits.bytes().all(hex)
    });
    found.ok_or_else(|| Error::new(Kind::Usage, format!("{:?} is no job's id", shortened(id, 120))))
}

pub(crate) fn check_length(what: &str, value: &Value, max: usize) -> Result<()> {
    let len = serde_json::to_vec(value)
        .map_err(|error| Error::new(Kind::Usage, format!("{what} is no JSON")).caused_by(error))?
        .len();
    if len <= max {
        return Ok(());
    }
    let message = format!("{what} has {len} bytes of JSON, at most {max} are taken");
    Err(Error::new(Kind::Limit, message))
}

impl Failure {
    /// Brought down to what is kept: no secrets, and no more than so much.
    pub(crate) fn bounded(mut self) -> Self {
        self.error = shortened(&redacted(&self.error), WORDS_MAX).to_owned();
        self.replay = shortened(&redacted(&self.replay), WORDS_MAX).to_owned();
        self.log_tail = redacted(&self.log_tail).into_owned();
        let mut from = self.log_tail.len().saturating_sub(LOG_TAIL_MAX);
        while !self.log_tail.is_char_boundary(from) {
            from += 1;
        }
        self.log_tail.drain(..from);
        self
    }
}

/// The first `max` bytes at most, whole characters.
pub(crate) fn shortened(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
