//! Tells the world what came of a LIVE: an event in the queue's outbox, and a job for each webhook
//! that wants it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reprise_model::{Error, Kind, Result, WallTime};
use reprise_publish::messages::{
    CloudEvent, FailedState, HIGHLIGHTS_FAILED, HighlightsFailed, HighlightsReady, LiveRecorded,
    ReadyClip,
};
use reprise_publish::webhooks::Hooks;
use reprise_queue::{ANNOUNCED_FOR, Announced, Job, Queue, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::job::{LIVE, LiveJob};
use super::{metrics, webhooks};
use crate::run::RunResult;

/// How often jobs are looked for that were parked without a word, at most: a worker that finds them
/// slowly looks less often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A look may take one part in so many of a worker's time.
const LOOK_SHARE: u32 = 100;
/// Jobs that one look takes, the last parked first.
const LOOK_MAX: usize = 1000;
/// Events that are remembered as told.
const KNOWN_MAX: usize = 10_000;
/// How far back a look goes: less than the outbox remembers, so that nothing is told anew.
const LOOK_BACK: Duration = ANNOUNCED_FOR.saturating_sub(Duration::from_secs(24 * 3600));

/// What the child of a LIVE's job says in the end, and the job keeps as its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LiveResult {
    /// Which session.
    pub session_id: String,
    /// Where `session.json` is.
    pub session_json: String,
    /// Where the report is.
    pub report: String,
    /// Where the clips are, in the moments' order.
    pub clips: Vec<String>,
    /// How many moments became no clip.
    pub not_clipped: u64,
    /// Whether an earlier run had made all of it.
    pub nothing_to_do: bool,
    /// Key of the inputs that made it.
    pub run: String,
    /// The clips as they are told of.
    pub highlights: Vec<ReadyClip>,
}

impl LiveResult {
    /// Of a run.
    pub fn of(result: &RunResult) -> Self {
        let outcome = &result.outcome;
        let ready = |(clip, location): (&reprise_model::outcome::ClipSummary, &String)| ReadyClip {
            clip_id: clip.clip_id.clone(),
            grade: clip.grade,
            start_s: clip.span.start,
            end_s: clip.span.end,
            duration_s: clip.span.duration(),
            location: location.clone(),
        };
        Self {
            session_id: outcome.session_id.clone(),
            session_json: result.session_json.clone(),
            report: result.report.clone(),
            clips: result.clips.clone(),
            not_clipped: outcome.not_clipped.len() as u64,
            nothing_to_do: result.nothing_to_do,
            run: outcome.run.clone(),
            highlights: outcome.clips.iter().zip(&result.clips).map(ready).collect(),
        }
    }
}

/// Tells of jobs. What it tells twice is the same event.
pub(super) struct Announcer<'a> {
    queue: &'a dyn Queue,
    hooks: &'a Hooks,
    known: Mutex<HashSet<String>>,
}

impl<'a> Announcer<'a> {
    pub(super) fn new(queue: &'a dyn Queue, hooks: &'a Hooks) -> Self {
        Self { queue, hooks, known: Mutex::default() }
    }

    /// Tells that a LIVE's clips are there; of other jobs nothing.
    pub(super) fn ready(&self, job: &Job, result: &Value) -> Result<()> {
        if job.kind != LIVE {
            return Ok(());
        }
        let result = LiveResult::deserialize(result).map_err(|error| {
            Error::new(Kind::Bug, "a LIVE's result cannot be read").caused_by(error)
        })?;
        for highlight in &result.highlights {
            metrics::clip(highlight.grade);
        }
        let ready = HighlightsReady {
            seller: job.tenant.clone(),
            session_id: result.session_id,
            job: job.id.clone(),
            run: result.run,
            session_json: result.session_json,
            report: result.report,
            clips: result.highlights,
            not_clipped: result.not_clipped,
        };
        self.tell(&job.tenant, &ready.event(now())?).map(|_| ())
    }

    /// Tells that a LIVE was given up, where it was; says whether that was news.
    pub(super) fn if_parked(&self, job: &Job) -> Result<bool> {
        if job.kind != LIVE || job.state != State::Parked {
            return Ok(false);
        }
        let id = HighlightsFailed::id(&job.id, job.fence);
        if self.knows(&id) {
            return Ok(false);
        }
        if self.queue.was_announced(&job.tenant, HIGHLIGHTS_FAILED, &id)? {
            self.remember(id);
            return Ok(false);
        }
        let asked = LiveJob::of(job).ok().map(|live| LiveRecorded {
            seller: None,
            session: live.session,
            out: live.out,
            keep_rejected: live.keep_rejected,
            verify_full: live.verify_full,
        });
        let failed = HighlightsFailed {
            seller: job.tenant.clone(),
            job: job.id.clone(),
            asked,
            error: job.failure.as_ref().map(|failure| failure.error.clone()).unwrap_or_default(),
            state: FailedState::Parked,
            failed_at: job.changed_at,
        };
        let news = self.tell(&job.tenant, &failed.event(job.fence)?)?;
        self.remember(id);
        Ok(news)
    }

    /// The jobs of the webhooks first: once the event is in the outbox, all that follows from it is
    /// in the queue. Who dies in between leaves it to the next to tell.
    fn tell(&self, tenant: &str, event: &CloudEvent) -> Result<bool> {
        let body = event.json()?;
        for hook in self.hooks.for_event(tenant, &event.kind) {
            match self.queue.enqueue(&webhooks::job(hook, tenant, event, &body)?) {
                // It was told before, at another time: that one is sent.
                Err(error) if error.kind == Kind::Conflict => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        self.queue.announce(&Announced {
            id: event.id.clone(),
            tenant: tenant.to_owned(),
            kind: event.kind.clone(),
            body,
        })
    }

    /// Tells of jobs that were parked while nobody could: their workers were gone. Says how many.
    pub(super) fn look(&self) -> usize {
        let back = i64::try_from(LOOK_BACK.as_micros()).unwrap_or(i64::MAX);
        let since = WallTime::from_micros(now().micros().saturating_sub(back));
        let parked = match self.queue.parked_since(since, LOOK_MAX) {
            Ok(parked) => parked,
            Err(error) => {
                tracing::warn!("the queue: {error}; what was parked is looked for again later");
                return 0;
            }
        };
        let mut news = 0;
        for job in &parked {
            match self.if_parked(job) {
                Ok(told) => news += usize::from(told),
                Err(error) => tracing::warn!(job = job.id, "its failure was not told: {error}"),
            }
        }
        news
    }

    /// Looks now and then, while anybody works.
    pub(super) fn watch(&self, stop: &AtomicBool, working: &AtomicUsize) {
        let ends = || stop.load(Ordering::Relaxed) || working.load(Ordering::Relaxed) == 0;
        while !ends() {
            let begun = Instant::now();
            self.look();
            let until = Instant::now() + LOOK_EVERY.max(begun.elapsed() * LOOK_SHARE);
            while Instant::now() < until && !ends() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn knows(&self, id: &str) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    fn remember(&self, id: String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(id);
    }
}

fn now() -> WallTime {
    WallTime::from_micros(jiff::Timestamp::now().as_microsecond())
}
