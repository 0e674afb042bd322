//! The job queue: one trait, two engines (SQLite, NATS JetStream), one state machine.
//!
//! A job's *record* is the truth; a message is only a wake-up. The transitions of a record are pure
//! functions (`record`); an engine stores records and replaces one only where it is still the one
//! that was read. Each lease has a number, and whatever an older one says changes nothing: a worker
//! may stop for an hour in the middle of anything.
//!
//! Times are those of the machines that call. Where several share a queue, their clocks may differ
//! by no more than a small part of a lease.

mod announced;
mod job;
mod lanes;
mod nats;

mod record;
mod sqlite;

pub use announced::{ANNOUNCED_FOR, ANNOUNCED_MAX, Announced};
pub use job::{
    BODY_MAX, Counts, Enqueued, Failure, Filter, Held, Holder, Job, LOG_TAIL_MAX, Lane, Leased,
    NewJob, Progress, RESULT_MAX, State, Token,
};
pub use record::ATTEMPTS_MAX;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reprise_model::{Error, Kind, Result, WallTime};
use serde_json::Value;

/// A queue of jobs. Methods block; callers that are asynchronous use their own threads.
///
/// All may end with [`Kind::TryAgain`] where the engine does not answer now, [`Kind::Io`] where it
/// cannot read or write, and [`Kind::Usage`] for names and ids that are none.
pub trait Queue: Send + Sync {
    /// Puts a job in. When it returns, the job outlives a power failure. The same key of a tenant
    /// with the same lane, kind and body is the same job, whatever became of it.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where the key stands for something else, [`Kind::Limit`] for a body that
    /// is too long.
    fn enqueue(&self, new: &NewJob) -> Result<Enqueued>;

    /// Takes a job that may be done now, for as long as `lease`; `None` where there is none. Of two
    /// lanes remixes come first, but each fourth job of a worker is a batch while one waits.
    ///
    /// # Errors
    /// See [`Queue`].
    fn lease(&self, worker: &str, lanes: &[Lane], lease: Duration) -> Result<Option<Leased>>;

    /// Takes a given job if it may be done now: so a parent works on its own children.
    ///
    /// # Errors
    /// See [`Queue`].
    fn lease_job(&self, id: &str, worker: &str, lease: Duration) -> Result<Option<Leased>>;

    /// Says that a worker is alive and how far it is; the lease lasts `lease` from now.
    ///
    /// # Errors
    /// See [`Queue`].
    fn heartbeat(&self, token: &Token, lease: Duration, progress: &Progress) -> Result<Held>;

    /// Ends a job with its result, at most [`RESULT_MAX`]; `false` where the lease was lost, and
    /// then nothing has changed. May be said again where the answer was lost.
    ///
    /// # Errors
    /// [`Kind::Limit`] for a result that is too long.
    fn finish(&self, token: &Token, result: Value) -> Result<bool>;

    /// Ends an attempt without success; `false` where the lease was lost. The job waits and is tried
    /// again, or is parked: after [`ATTEMPTS_MAX`] attempts without a newly finished stage, or at
    /// once where `failure.retry` is `false`. Waits begin at 1 s and double up to 5 min.
    ///
    /// # Errors
    /// See [`Queue`].
    fn fail(&self, token: &Token, failure: Failure) -> Result<bool>;

    /// Gives a job back for others to take after `after`; counts as no attempt. `false` where the
    /// lease was lost.
    ///
    /// # Errors
    /// See [`Queue`].
    fn release(&self, token: &Token, after: Duration) -> Result<bool>;

    /// A job's record; `None` where there is none.
    ///
    /// # Errors
    /// See [`Queue`].
    fn job(&self, id: &str) -> Result<Option<Job>>;

    /// Jobs, the oldest first.
    ///
    /// # Errors
    /// See [`Queue`].
    fn jobs(&self, filter: &Filter) -> Result<Vec<Job>>;

    /// Stops a job that is not at its end; its worker learns it with the next heartbeat. `false`
    /// where it is done or parked, is not there, or is not this tenant's.
    ///
    /// # Errors
    /// See [`Queue`].
    fn cancel(&self, tenant: &str, id: &str) -> Result<bool>;

    /// Has a parked or cancelled job done after all, with its attempts counted anew. `false` where
    /// it is neither, is not there, or is not this tenant's.
    ///
    /// # Errors
    /// See [`Queue`].
    fn retry(&self, tenant: &str, id: &str) -> Result<bool>;

    /// How many jobs stand where.
    ///
    /// # Errors
    /// See [`Queue`].
    fn counts(&self) -> Result<Counts>;

    /// Removes jobs that are done or cancelled and did not change for `older_than`, of `kind` alone where
    /// one is given, and mends what dead processes left; says how many were removed. Their keys are free
    /// again.
    ///
    /// # Errors
    /// See [`Queue`].
    fn sweep(&self, older_than: Duration, kind: Option<&str>) -> Result<u64>;

    /// Tells whoever listens that something happened. When it returns, the event outlives a power
    /// failure; `false` where the tenant's event of that kind and id was there already, and then nothing has
    /// changed. Events are kept for [`ANNOUNCED_FOR`], and so long an id is known.
    ///
    /// # Errors
    /// [`Kind::Limit`] for a body that is too long.
    fn announce(&self, event: &Announced) -> Result<bool>;

    /// Whether a tenant's event of that kind and id was announced.
    ///
    /// # Errors
    /// See [`Queue`].
    fn was_announced(&self, tenant: &str, kind: &str, id: &str) -> Result<bool>;

    /// Events with their numbers, in order, from the first above `after`; at most `limit`. Numbers
    /// grow, with gaps.
    ///
    /// # Errors
    /// See [`Queue`].
    fn announced(&self, after: u64, limit: usize) -> Result<Vec<(u64, Announced)>>;

    /// Jobs that were parked at `since` or later, the last first; at most `limit`.
    ///
    /// # Errors
    /// See [`Queue`].
    fn parked_since(&self, since: WallTime, limit: usize) -> Result<Vec<Job>>;
}

/// Opens a queue and makes it where it is missing:
///
/// - `sqlite:///absolute/queue.db`, `sqlite:relative.db`: a file of this machine, for any number of
///   its processes. Not on a network's file system.
/// - `nats://host:port?prefix=reprise&replicas=3`: JetStream; of a cluster all servers may be named,
///   `nats://a:4222,b:4222,c:4222?replicas=3`. See [`Queue`] for what is promised; a
///   server that acknowledges before it syncs can break it when it loses power. So a version below
///   2.10, which cannot do otherwise, is refused unless `replicas` is 3 or more (a write is then
///   acknowledged by most of them) or the URL says `unsynced=accept`. From 2.10 on it depends on the
///   server's `sync_interval`, which no client is told: `synced=always` in the URL says that it
///   is `always`. Nobody checks that. `prefix` is for several queues on one server.
///
/// # Errors
/// [`Kind::Usage`] for a URL that is none, [`Kind::Unavailable`] where the server is not there or may
/// lose what it acknowledged, [`Kind::Io`] where the file cannot be used.
pub fn open(url: &str) -> Result<Arc<dyn Queue>> {
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(_) => {
                let message = "write sqlite:///absolute/queue.db or sqlite:relative.db";
                return Err(Error::new(Kind::Usage, message).in_file(url));
            }
            None => rest,
        };
        if path.is_empty() || path.contains(['?', '#', '\0']) {
            return Err(Error::new(Kind::Usage, "names no file of a queue").in_file(url));
        }
        return Ok(Arc::new(sqlite::Sqlite::open(Path::new(path))?));
    }
    if url.starts_with("nats://") || url.starts_with("tls://") {
        return Ok(Arc::new(nats::Nats::open(url)?));
    }
    let message = "a queue is sqlite:///path/queue.db or nats://host:port";
    Err(Error::new(Kind::Usage, message))
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The job that a key stands for is another one.
fn conflict(new: &NewJob, id: &str) -> Error {
    let message = format!(
        "the key `{}` of tenant `{}` stands for another job ({id}): take another key",
        new.key, new.tenant
    );
    Error::new(Kind::Conflict, message)
}
