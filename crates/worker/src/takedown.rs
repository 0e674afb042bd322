//! The part of a takedown that concerns jobs: which are of a creator, and how they are stopped.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reprise_model::{Result, WallTime};
use reprise_publish::SessionFolder;
use reprise_queue::{Filter, Job, Queue, State};

use crate::fleet::{LIVE, LiveJob, POST, PostJob, REMIX, RemixJob, WINDOW, WindowJob};

/// Jobs of a creator that are not at their end: of one seller or of all, of one session or of all.
///
/// # Errors
/// The queue's.
pub fn jobs_of(
    queue: &dyn Queue,
    seller: Option<&str>,
    creator: &str,
    session: Option<&str>,
) -> Result<Vec<Job>> {
    let mut found = Vec::new();
    for state in [State::Waiting, State::Leased] {
        let filter =
            Filter { tenant: seller.map(str::to_owned), state: Some(state), ..Filter::default() };
        let theirs = |job: &Job| {
            whose(job).is_some_and(|of| {
                of.creator == creator && session.is_none_or(|session| session == of.session)
            })
        };
        found.extend(queue.jobs(&filter)?.into_iter().filter(theirs));
    }
    Ok(found)
}

/// What a job writes.
struct Whose {
    creator: String,
    session: String,
    out: String,
}

/// `None` for what makes nothing of anybody's.
fn whose(job: &Job) -> Option<Whose> {
    // What cannot be read is no job that makes anything.
    let live = match job.kind.as_str() {
        LIVE => LiveJob::of(job).ok()?,
        WINDOW => WindowJob::of(job).ok()?.live,
        REMIX => {
            let RemixJob { creator, session, out, .. } = RemixJob::of(job).ok()?;
            return Some(Whose { creator: creator?, session, out });
        }
        POST => {
            let PostJob { creator, session, out, .. } = PostJob::of(job).ok()?;
            return Some(Whose { creator, session, out });
        }
        _ => return None,
    };
    let out = live.out;
    if let (Some(creator), Some(session)) = (live.creator, live.session_id) {
        return Some(Whose { creator, session, out });
    }
    // Put in by hand; its manifest says it, as it will to the worker.
    let manifest = reprise_ingest::load_session(Path::new(&live.session)).ok()?.manifest;
    let (creator, session) = (manifest.creator.to_string(), manifest.id.to_string());
    Some(Whose { creator, session, out })
}

/// Removes what a job that was ended left of a creator that was taken down.
pub(crate) fn tidy(job: &Job) -> Result<()> {
    let Some(Whose { creator, session, out }) = whose(job) else { return Ok(()) };
    let store = reprise_store::open(&out)?;
    SessionFolder::new(store.as_ref(), &job.tenant, &session).by(&creator).tidy()
}

/// Stops jobs; gives those that were, and until when a worker may still be at one of them: it learns it
/// with its next heartbeat, well before its lease is over.
///
/// # Errors
/// The queue's.
pub fn cancel(queue: &dyn Queue, jobs: &[&Job]) -> Result<(Vec<String>, Option<WallTime>)> {
    let mut cancelled = Vec::new();
    let mut until = None;
    for job in jobs {
        // Its lease as it is now: it may have got a longer one since it was listed.
        let now = queue.job(&job.id)?;
        if queue.cancel(&job.tenant, &job.id)? {
            cancelled.push(job.id.clone());
            until = until.max(now.and_then(|job| job.holder).map(|holder| holder.until));
        }
    }
    Ok((cancelled, until))
}

/// Waits until then.
pub fn wait(until: WallTime) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = until.micros().saturating_sub(i64::try_from(since.as_micros()).unwrap_or(0));
    std::thread::sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0)));
}
