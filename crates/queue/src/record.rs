//! The state machine of a job: every transition as a pure function of its record and the clock.
//!
//! ```text
//! waiting ─lease─► leased ─finish─► done
//!    ▲               │ fail, release, lease ran out
//!    ├───────────────┤
//!    │               └─ five times without a new stage, or no use in trying ─► parked
//!    └─retry── parked, cancelled ◄─cancel─ waiting, leased
//! ```

use std::time::Duration;

use reprise_model::{Result, WallTime};
use serde_json::Value;

use crate::job::{Failure, Held, Holder, Job, NewJob, Progress, State, Token, shortened};

/// Attempts without a newly finished stage, after which a job is parked.
pub const ATTEMPTS_MAX: u32 = 5;
/// Wait after the first failure; doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Longest name of a stage, bytes.
const STAGE_MAX: usize = 128;

/// What a transition did: whether the record is to be written, and what its caller learns.
pub(crate) type Step<T> = (bool, T);

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// The job is the worker's.
    Taken(Token),
    /// Not before this time.
    Later(WallTime),
    /// Never: the job is at its end.
    Ended,
}

impl Job {
    pub(crate) fn new(new: &NewJob, now: WallTime) -> Result<Self> {
        Ok(Self {
            id: new.id()?,
            tenant: new.tenant.clone(),
            lane: new.lane,
            kind: new.kind.clone(),
            key: new.key.clone(),
            body: new.body.clone(),
            state: State::Waiting,
            fence: 0,
            failures: 0,
            not_before: now,
            holder: None,
            progress: Progress::default(),
            failure: None,
            result: None,
            enqueued_at: now,
            changed_at: now,
        })
    }

    /// Whether `new` asks for the same thing.
    pub(crate) fn is_same(&self, new: &NewJob) -> bool {
        (self.lane, &self.kind, &self.body) == (new.lane, &new.kind, &new.body)
    }

    /// From when it can be leased; `None` at its end.
    pub(crate) fn due(&self) -> Option<WallTime> {
        match (self.state, &self.holder) {
            (State::Waiting, _) | (State::Leased, None) => Some(self.not_before),
            (State::Leased, Some(holder)) => Some(holder.until),
            _ => None,
        }
    }

    pub(crate) fn lease(&mut self, worker: &str, now: WallTime, lease: Duration) -> Step<Lease> {
        let Some(due) = self.due() else { return (false, Lease::Ended) };
        if due > now {
            return (false, Lease::Later(due));
        }
        if self.state == State::Leased {
            self.run_out(now);
            if self.state == State::Parked {
                return (true, Lease::Ended);
            }
        }
        self.state = State::Leased;
        self.fence += 1;
        self.holder = Some(Holder { worker: worker.to_owned(), until: after(now, lease) });
        self.changed_at = now;
        (true, Lease::Taken(Token { job: self.id.clone(), fence: self.fence }))
    }

    pub(crate) fn heartbeat(
        &mut self,
        token: &Token,
        now: WallTime,
        lease: Duration,
        progress: &Progress,
    ) -> Step<Held> {
        if self.fence == token.fence && self.state == State::Cancelled {
            return (false, Held::Cancelled);
        }
        if !self.is_held(token) {
            return (false, Held::Lost);
        }
        if let Some(holder) = &mut self.holder {
            // A lease that ran out while nobody else came is taken up again.
            holder.until = after(now, lease);
        }
        let before = self.progress.stages_finished;
        if progress.stages_finished > before {
            self.failures = 0;
        }
        self.progress = Progress {
            stage: shortened(&progress.stage, STAGE_MAX).to_owned(),
            stages_finished: before.max(progress.stages_finished),
            ..*progress
        };
        self.changed_at = now;
        (true, Held::Ours)
    }

    pub(crate) fn finish(&mut self, token: &Token, now: WallTime, result: &Value) -> Step<bool> {
        // Said twice, because the first answer got lost.
        if self.state == State::Done && self.fence == token.fence {
            return (false, self.result.as_ref() == Some(result));
        }
        if !self.is_held(token) {
            return (false, false);
        }
        self.result = Some(result.clone());
        self.end(State::Done, now);
        (true, true)
    }

    pub(crate) fn fail(&mut self, token: &Token, now: WallTime, failure: &Failure) -> Step<bool> {
        if !self.is_held(token) {
            return (false, false);
        }
        self.failures += 1;
        let failure = failure.clone().bounded();
        let park = !failure.retry || self.failures >= ATTEMPTS_MAX;
        self.failure = Some(failure);
        if park {
            self.end(State::Parked, now);
        } else {
            let wait = backoff(self.failures, &self.id, self.fence);
            self.wait(now, wait);
        }
        (true, true)
    }

    pub(crate) fn release(&mut self, token: &Token, now: WallTime, wait: Duration) -> Step<bool> {
        if !self.is_held(token) {
            return (false, false);
        }
        self.wait(now, wait);
        (true, true)
    }

    pub(crate) fn cancel(&mut self, now: WallTime) -> Step<bool> {
        if !matches!(self.state, State::Waiting | State::Leased) {
            return (false, self.state == State::Cancelled);
        }
        self.end(State::Cancelled, now);
        (true, true)
    }

    pub(crate) fn retry(&mut self, now: WallTime) -> Step<bool> {
        if !matches!(self.state, State::Parked | State::Cancelled) {
            return (false, false);
        }
        // So that a worker that still holds a lease from before learns that it lost it.
        self.fence += 1;
        self.failures = 0;
        self.wait(now, Duration::ZERO);
        (true, true)
    }

    fn is_held(&self, token: &Token) -> bool {
        self.state == State::Leased && self.fence == token.fence && self.id == token.job
    }

    /// A lease that ended without a word counts as an attempt. There is no further wait: the lease
    /// was one.
    fn run_out(&mut self, now: WallTime) {
        self.failures += 1;
        let worker = self.holder.take().map_or_else(String::new, |holder| holder.worker);
        let stage = &self.progress.stage;
        let at = if stage.is_empty() { String::new() } else { format!(" in stage `{stage}`") };
        let before = self.failure.take().unwrap_or_default();
        self.failure = Some(Failure {
            error: format!("worker `{worker}` was not heard from before its lease ran out{at}"),
            retry: true,
            ..before
        });
        if self.failures >= ATTEMPTS_MAX {
            self.end(State::Parked, now);
        }
    }

    fn wait(&mut self, now: WallTime, wait: Duration) {
        self.state = State::Waiting;
        self.holder = None;
        self.not_before = after(now, wait);
        self.changed_at = now;
    }

    fn end(&mut self, state: State, now: WallTime) {
        self.state = state;
        self.holder = None;
        self.changed_at = now;
    }
}

/// Between three quarters and the whole of a second, two, four and so on, never above
/// [`BACKOFF_MAX`]; which one follows from the job, so that jobs which fail together do not come
/// back together.
fn backoff(failures: u32, id: &str, fence: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = (BACKOFF_FIRST * 2_u32.pow(doublings)).min(BACKOFF_MAX);
    let hash = blake3::hash(format!("{id}#{fence}").as_bytes());
    whole.mul_f64(0.75 + 0.25 * f64::from(hash.as_bytes()[0]) / 255.0)
}

fn after(now: WallTime, wait: Duration) -> WallTime {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    WallTime::from_micros(now.micros().saturating_add(micros))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::job::{LOG_TAIL_MAX, Lane};

    const LEASE: Duration = Duration::from_secs(10);

    fn at(seconds: i64) -> WallTime {
        WallTime::from_micros(seconds * 1_000_000)
    }

    fn job() -> Job {
        let new = NewJob {
            tenant: "acme.beauty".to_owned(),
            lane: Lane::Batch,
            kind: "live".to_owned(),
            key: "k".to_owned(),
            body: Value::Null,
        };
        Job::new(&new, at(0)).unwrap()
    }

    fn take(job: &mut Job, seconds: i64) -> Token {
        match job.lease("w", at(seconds), LEASE) {
            (true, Lease::Taken(token)) => token,
            other => panic!("{other:?}"),
        }
    }

    fn failure(retry: bool) -> Failure {
        Failure { error: "e".to_owned(), retry, ..Failure::default() }
    }

    #[test]
    fn a_lease_shuts_others_out_until_it_ends() {
        let mut job = job();
        let first = take(&mut job, 0);
        assert_eq!(job.lease("x", at(9), LEASE), (false, Lease::Later(at(10))));
        let second = take(&mut job, 10);
        assert!(second.fence > first.fence);
        assert_eq!(job.failures, 1);
        assert_eq!(job.heartbeat(&first, at(11), LEASE, &Progress::default()).1, Held::Lost);
        assert_eq!(job.finish(&first, at(11), &Value::Null), (false, false));
        assert_eq!(job.fail(&first, at(11), &failure(true)), (false, false));
        assert_eq!(job.release(&first, at(11), LEASE), (false, false));
        assert_eq!(job.finish(&second, at(11), &Value::Null), (true, true));
        assert_eq!(job.finish(&second, at(12), &Value::Null), (false, true));
        assert_eq!(job.lease("x", at(99), LEASE), (false, Lease::Ended));
    }

    #[test]
    fn five_attempts_then_parked_and_a_new_stage_begins_the_count_anew() {
        let mut job = job();
        let mut now = 0;
        for _ in 0..4 {
            let token = take(&mut job, now);
            assert!(job.fail(&token, at(now), &failure(true)).1);
            now += 1000;
        }
        let token = take(&mut job, now);
        let progress = Progress { stages_finished: 1, ..Progress::default() };
        assert_eq!(job.heartbeat(&token, at(now), LEASE, &progress).1, Held::Ours);
        for attempt in 1..=5 {
            assert_eq!(job.state, State::Leased, "{attempt}");
            // The same stage again is nothing new.
            now += 1000;
            let (_, lease) = job.lease("w", at(now), LEASE);
            if let Lease::Taken(token) = lease {
                job.heartbeat(&token, at(now), LEASE, &progress);
            }
            assert_eq!(job.failures, attempt);
        }
        assert_eq!(job.state, State::Parked);
        assert!(job.failure.as_ref().unwrap().error.contains("lease ran out"));
        assert_eq!(job.retry(at(now)), (true, true));
        assert_eq!((job.state, job.failures), (State::Waiting, 0));
    }

    #[test]
    fn no_use_in_trying_parks_at_once_and_keeps_the_end_of_the_log() {
        let mut job = job();
        let token = take(&mut job, 0);
        let log_tail = format!("ä{}END", "x".repeat(LOG_TAIL_MAX - 4));
        job.fail(&token, at(1), &Failure { log_tail, ..failure(false) });
        assert_eq!(job.state, State::Parked);
        let kept = job.failure.unwrap().log_tail;
        assert!(kept.ends_with("END") && kept.len() == LOG_TAIL_MAX - 1);
    }

    #[test]
    fn waits_double_to_five_minutes() {
        for (failures, whole) in
            [(1, 1.0), (2, 2.0), (4, 8.0), (9, 256.0), (10, 300.0), (99, 300.0)]
        {
            let wait = backoff(failures, "a", 7).as_secs_f64();
            assert!((0.75 * whole..=whole).contains(&wait), "{failures}: {wait}");
        }
        assert_ne!(backoff(5, "a", 1), backoff(5, "b", 1));
    }

    #[test]
    fn a_cancelled_job_tells_its_worker_and_takes_nothing() {
        let mut job = job();
        let token = take(&mut job, 0);
        assert_eq!(job.cancel(at(1)), (true, true));
        assert_eq!(job.heartbeat(&token, at(2), LEASE, &Progress::default()).1, Held::Cancelled);
        assert_eq!(job.finish(&token, at(2), &Value::Null), (false, false));
        job.retry(at(3));
        assert_eq!(job.heartbeat(&token, at(4), LEASE, &Progress::default()).1, Held::Lost);
    }

    #[test]
    fn a_release_counts_no_attempt() {
        let mut job = job();
        for round in 0..20 {
            let token = take(&mut job, round);
            assert!(job.release(&token, at(round), Duration::ZERO).1);
        }
        assert_eq!((job.failures, job.state), (0, State::Waiting));
        let token = take(&mut job, 50);
        job.release(&token, at(50), Duration::from_secs(5));
        assert_eq!(job.lease("w", at(54), LEASE).1, Lease::Later(at(55)));
    }
}
