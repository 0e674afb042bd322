//! The engine on NATS JetStream: records in a bucket, wake-ups in a work queue a lane.
//!
//! A record is replaced only by its expected sequence. A message carries an id and nothing else; it
//! is acknowledged once its record is at its end, and put off while the record is leased or waits.
//! So messages may be lost late, come twice or be acknowledged by stale workers: the record decides.

mod connect;
mod events;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{Acker, PublishMessage};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{AckKind, Context};
use bytes::Bytes;
use futures_util::StreamExt;
use reprise_model::{Error, Kind, Result, WallTime};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::announced::{Announced, check_id};
use crate::job::{
    Counts, Enqueued, Failure, Filter, Held, Job, Lane, Leased, NewJob, Progress, RESULT_MAX,
    State, Token, check_length, check_name, parts_of,
};
use crate::lanes::Turns;
use crate::record::{Lease, Step};
use crate::{Queue, conflict, now};

/// How often a record is read again because somebody else wrote it meanwhile.
const WRITES_MAX: u32 = 64;
/// Messages of jobs that cannot be leased now that one call puts off before it gives up.
const PUT_OFF_MAX: u32 = 64;
/// How long a call for a message waits for any answer at all.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a listing waits for its next record.
const REQUEST: Duration = Duration::from_secs(5);
/// Shortest time that a message is put off.
const PUT_OFF: Duration = Duration::from_millis(5);
/// Records that are asked for at once when all are read.
const READ_AT_ONCE: usize = 256;
/// For how long a job could have been leased before a sweep wonders where its message is.
const OVERDUE: Duration = Duration::from_secs(60);

/// What a listing needs stands in headers, so that it need not carry the records.
const STATE: &str = "Reprise-State";
const LANE: &str = "Reprise-Lane";
const KIND: &str = "Reprise-Kind";
const ENQUEUED: &str = "Reprise-Enqueued-Micros";
const CHANGED: &str = "Reprise-Changed-Micros";

/// A queue on a server. Its own runtime drives the connection; callers' threads wait.
pub(crate) struct Nats {
    place: String,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    engine: Engine,
}

struct Engine {
    prefix: String,
    context: Context,
    records: Stream,
    events: Stream,
    /// As [`Lane::ALL`].
    lanes: [(Stream, PullConsumer); 2],
    turns: Turns,
    /// The messages of the leases that this process holds.
    messages: Mutex<HashMap<Token, Arc<Acker>>>,
}

/// What a listing says of one record without reading it.
struct Line {
    subject: String,
    sequence: u64,
    /// Not told by records of older versions.
    kind: Option<String>,
    lane: Lane,
    state: State,
    enqueued_at: WallTime,
    changed_at: WallTime,
}

impl Nats {
    fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = self.runtime.as_ref();
        let runtime = runtime.ok_or_else(|| Error::new(Kind::Bug, "the queue is closed"))?;
        runtime.block_on(work).map_err(|error| error.in_file(self.place.clone()))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // What is still to be said (acknowledgements) matters to nobody's outcome.
            runtime.shutdown_background();
        }
    }
}

impl Engine {
    /// Every subject begins with the tenant, below the queue's own prefix.
    fn subject(&self, id: &str) -> Result<String> {
        let (tenant, digits) = parts_of(id)?;
        Ok(format!("$KV.{}-jobs.{}.{digits}", self.prefix, as_part(tenant)))
    }

    async fn read(&self, id: &str) -> Result<Option<(Job, u64)>> {
        let subject = self.subject(id)?;
        match self.records.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => Ok(Some((parsed(&message.payload)?, message.sequence))),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                Ok(None)
            }
            Err(error) => Err(no_answer(error)),
        }
    }

    /// Writes a record if the one that is there has this sequence (0: none is there).
    async fn write(&self, job: &Job, sequence: u64) -> Result<bool> {
        let payload = serde_json::to_vec(job).map_err(|error| {
            Error::new(Kind::Bug, "a record cannot be written as JSON").caused_by(error)
        })?;
        let message = PublishMessage::build()
            .payload(payload.into())
            .header(STATE, job.state.as_str())
            .header(LANE, job.lane.as_str())
            .header(KIND, job.kind.as_str())
            .header(ENQUEUED, job.enqueued_at.micros().to_string().as_str())
            .header(CHANGED, job.changed_at.micros().to_string().as_str())
            .expected_last_subject_sequence(sequence);
        let sent = self.context.send_publish(self.subject(&job.id)?, message).await;
        let answered = match sent {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                PublishErrorKind::WrongLastSequence => Ok(false),
                PublishErrorKind::MaxPayloadExceeded => {
                    let message = "a record is longer than the server takes: raise its max_payload";
                    Err(Error::new(Kind::Limit, message).caused_by(error))
                }
                _ => Err(no_answer(error)),
            },
        }
    }

    /// Changes one record, again from the beginning where somebody else wrote it meanwhile.
    async fn change<T>(
        &self,
        id: &str,
        step: impl Fn(&mut Job) -> Step<T>,
    ) -> Result<Option<(T, Job)>> {
        for _ in 0..WRITES_MAX {
            let Some((mut job, sequence)) = self.read(id).await? else { return Ok(None) };
            let (changed, value) = step(&mut job);
            if !changed || self.write(&job, sequence).await? {
                return Ok(Some((value, job)));
            }
        }
        Err(Error::new(Kind::TryAgain, format!("too many write the record of job {id} at once")))
    }

    /// Puts a message about a job into its lane; returns when the server has it.
    async fn wake(&self, lane: Lane, id: &str) -> Result<()> {
        let (tenant, digits) = parts_of(id)?;
        let subject = format!("{}.{}.{}.{digits}", self.prefix, lane.as_str(), as_part(tenant));
        let message = PublishMessage::build().payload(id.to_owned().into());
        let answer = self.context.send_publish(subject, message).await.map_err(no_answer)?;
        answer.await.map_err(no_answer).map(|_| ())
    }

    async fn lease_next(
        &self,
        worker: &str,
        lane: Lane,
        lease: Duration,
    ) -> Result<Option<Leased>> {
        let (_, consumer) = &self.lanes[lane as usize];
        for _ in 0..PUT_OFF_MAX {
            let fetched = consumer.fetch().max_messages(1).messages().await;
            let mut fetched = fetched.map_err(no_answer)?;
            // A server was seen to leave such a request unanswered; what it sends later comes again.
            let next = tokio::time::timeout(ANSWER, fetched.next()).await;
            let Ok(Some(message)) = next else { return Ok(None) };
            let (message, acker) = message.map_err(told_no)?.split();
            let id = std::str::from_utf8(&message.payload).unwrap_or_default().to_owned();
            if parts_of(&id).is_err() {
                // Somebody else's message: nobody could ever do it.
                answer(&acker, AckKind::Term).await;
                continue;
            }
            let step = |job: &mut Job| {
                let (changed, taken) = job.lease(worker, now(), lease);
                (changed, taken)
            };
            match self.change(&id, step).await? {
                Some((Lease::Taken(token), job)) => {
                    // Comes back by itself when the lease runs out, also after this process.
                    answer(&acker, AckKind::Nak(Some(lease.max(PUT_OFF)))).await;
                    self.keep(token.clone(), acker);
                    return Ok(Some(Leased { attempt: job.failures + 1, job, token }));
                }
                Some((Lease::Later(due), _)) => {
                    answer(&acker, AckKind::Nak(Some(until(due)))).await;
                }
                Some((Lease::Ended, _)) | None => answer(&acker, AckKind::Ack).await,
            }
        }
        Ok(None)
    }

    fn keep(&self, token: Token, acker: Acker) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.insert(token, Arc::new(acker));
    }

    fn kept(&self, token: &Token, for_good: bool) -> Option<Arc<Acker>> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if for_good { messages.remove(token) } else { messages.get(token).cloned() }
    }

    /// Gives a job's message back after its record says that it waits or is at its end.
    async fn give_back(&self, token: &Token, job: &Job) -> Result<()> {
        let acker = self.kept(token, true);
        match (acker, job.state) {
            (Some(acker), State::Waiting) => {
                answer(&acker, AckKind::Nak(Some(until(job.not_before)))).await;
            }
            (Some(acker), _) => answer(&acker, AckKind::Ack).await,
            // Its message is elsewhere and may be put off for long.
            (None, State::Waiting) => self.wake(job.lane, &job.id).await?,
            (None, _) => {}
        }
        Ok(())
    }

    /// Ends a lease by `step`.
    async fn end(&self, token: &Token, step: impl Fn(&mut Job) -> Step<bool>) -> Result<bool> {
        match self.change(&token.job, step).await? {
            Some((true, job)) => {
                self.give_back(token, &job).await?;
                Ok(true)
            }
            Some((false, _)) | None => {
                self.kept(token, true);
                Ok(false)
            }
        }
    }

    /// All records, or those of one tenant, each once and as it was last seen; with the bytes of those
    /// that `with_bytes` picks.
    async fn scan(
        &self,
        tenant: Option<&str>,
        with_bytes: Option<&(dyn Fn(&Line) -> bool + Sync)>,
    ) -> Result<Vec<(Line, Bytes)>> {
        let below = tenant.map_or_else(String::new, |tenant| format!("{}.", as_part(tenant)));
        let config = pull::Config {
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            filter_subject: format!("$KV.{}-jobs.{below}>", self.prefix),
            headers_only: with_bytes.is_none(),
            inactive_threshold: Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self.records.create_consumer(config).await.map_err(no_answer)?;
        // A record that is written meanwhile comes again, behind all others.
        let mut found = HashMap::new();
        loop {
            let fetched = consumer.fetch().max_messages(READ_AT_ONCE).messages().await;
            let mut fetched = fetched.map_err(no_answer)?;
            let mut count = 0;
            while let Some(message) =
                tokio::time::timeout(REQUEST, fetched.next()).await.map_err(no_answer)?
            {
                count += 1;
                let message = message.map_err(told_no)?;
                let sequence = message.info().map_err(told_no)?.stream_sequence;
                let headers = message.headers.clone().unwrap_or_default();
                // A record without our headers is not ours.
                if let Some(line) = line(&message.subject, sequence, &headers) {
                    let kept = with_bytes.is_some_and(|picks| picks(&line));
                    let bytes = if kept { message.payload.clone() } else { Bytes::new() };
                    found.insert(line.subject.clone(), (line, bytes));
                }
            }
            if count < READ_AT_ONCE {
                break;
            }
        }
        // It would go by itself after a while.
        let _ = self.records.delete_consumer(&consumer.cached_info().name).await;
        Ok(found.into_values().collect())
    }

    /// Puts messages in again where a lane has fewer than it has open jobs: a process may have died
    /// between a record and its message.
    async fn mend(&self, open: [u64; 2]) -> Result<()> {
        for (lane, (stream, _)) in Lane::ALL.into_iter().zip(&self.lanes) {
            let info = stream.get_info().await.map_err(no_answer)?;
            if info.state.messages >= open[lane as usize] {
                continue;
            }
            let before = now().micros() - OVERDUE.as_micros() as i64;
            let is_open = |line: &Line| line.lane == lane && !line.state.is_final();
            for (line, bytes) in self.scan(None, Some(&is_open)).await? {
                if !is_open(&line) {
                    continue;
                }
                let job = parsed(&bytes)?;
                if job.due().is_some_and(|due| due.micros() < before) {
                    self.wake(lane, &job.id).await?;
                }
            }
        }
        Ok(())
    }
}

impl Queue for Nats {
    fn enqueue(&self, new: &NewJob) -> Result<Enqueued> {
        let engine = &self.engine;
        let job = Job::new(new, now())?;
        self.run(async {
            let mut is_new = engine.write(&job, 0).await?;
            let mut waits = is_new;
            if !is_new {
                match engine.read(&job.id).await? {
                    Some((known, _)) if !known.is_same(new) => return Err(conflict(new, &job.id)),
                    // Whoever wrote the record may have died before the message.
                    Some((known, _)) => waits = known.state == State::Waiting && known.fence == 0,
                    // Swept in between.
                    None => {
                        is_new = engine.write(&job, 0).await?;
                        waits = true;
                    }
                }
            }
            if waits {
                engine.wake(job.lane, &job.id).await?;
            }
            Ok(Enqueued { id: job.id.clone(), is_new })
        })
    }

    fn lease(&self, worker: &str, lanes: &[Lane], lease: Duration) -> Result<Option<Leased>> {
        check_name("worker", worker)?;
        self.run(async {
            for lane in self.engine.turns.order(worker, lanes) {
                let leased = self.engine.lease_next(worker, lane, lease).await?;
                if leased.is_some() {
                    self.engine.turns.taken(worker, lane);
                    return Ok(leased);
                }
            }
            Ok(None)
        })
    }

    fn lease_job(&self, id: &str, worker: &str, lease: Duration) -> Result<Option<Leased>> {
        check_name("worker", worker)?;
        let taken = self.run(self.engine.change(id, |job| job.lease(worker, now(), lease)))?;
        Ok(match taken {
            Some((Lease::Taken(token), job)) => {
                Some(Leased { attempt: job.failures + 1, job, token })
            }
            _ => None,
        })
    }

    fn heartbeat(&self, token: &Token, lease: Duration, progress: &Progress) -> Result<Held> {
        self.run(async {
            let step = |job: &mut Job| job.heartbeat(token, now(), lease, progress);
            let held = self.engine.change(&token.job, step).await?;
            let held = held.map_or(Held::Lost, |(held, _)| held);
            let acker = self.engine.kept(token, held == Held::Lost);
            if let (Held::Ours, Some(acker)) = (held, acker) {
                answer(&acker, AckKind::Nak(Some(lease.max(PUT_OFF)))).await;
            }
            Ok(held)
        })
    }

    fn finish(&self, token: &Token, result: Value) -> Result<bool> {
        check_length("a job's result", &result, RESULT_MAX)?;
        self.run(self.engine.end(token, |job| job.finish(token, now(), &result)))
    }

    fn fail(&self, token: &Token, failure: Failure) -> Result<bool> {
        self.run(self.engine.end(token, |job| job.fail(token, now(), &failure)))
    }

    fn release(&self, token: &Token, after: Duration) -> Result<bool> {
        self.run(self.engine.end(token, |job| job.release(token, now(), after)))
    }

    fn job(&self, id: &str) -> Result<Option<Job>> {
        Ok(self.run(self.engine.read(id))?.map(|(job, _)| job))
    }

    fn jobs(&self, filter: &Filter) -> Result<Vec<Job>> {
        if let Some(tenant) = &filter.tenant {
            check_name("tenant", tenant)?;
        }
        let picked = |line: &Line| filter.state.is_none_or(|state| state == line.state);
        let found = self.run(self.engine.scan(filter.tenant.as_deref(), Some(&picked)))?;
        let found = found.into_iter().filter(|(line, _)| picked(line));
        let mut jobs: Vec<Job> = found.map(|(_, bytes)| parsed(&bytes)).collect::<Result<_>>()?;
        jobs.sort_by(|a, b| (a.enqueued_at, &a.id).cmp(&(b.enqueued_at, &b.id)));
        if filter.limit > 0 {
            jobs.truncate(filter.limit);
        }
        Ok(jobs)
    }

    fn cancel(&self, tenant: &str, id: &str) -> Result<bool> {
        if parts_of(id)?.0 != tenant {
            return Ok(false);
        }
        let done = self.run(self.engine.change(id, |job| job.cancel(now())))?;
        Ok(done.is_some_and(|(done, _)| done))
    }

    fn retry(&self, tenant: &str, id: &str) -> Result<bool> {
        if parts_of(id)?.0 != tenant {
            return Ok(false);
        }
        self.run(async {
            let Some((done, job)) = self.engine.change(id, |job| job.retry(now())).await? else {
                return Ok(false);
            };
            // Also where it waits already: whoever said so may have died before the message.
            if job.state == State::Waiting {
                self.engine.wake(job.lane, id).await?;
            }
            Ok(done)
        })
    }

    fn counts(&self) -> Result<Counts> {
        let (mut counts, now) = (Counts::default(), now());
        for (line, _) in self.run(self.engine.scan(None, None))? {
            counts.add(line.lane, line.state, 1, line.enqueued_at, now);
        }
        Ok(counts)
    }

    fn sweep(&self, older_than: Duration, kind: Option<&str>) -> Result<u64> {
        let age = i64::try_from(older_than.as_micros()).unwrap_or(i64::MAX);
        let before = now().micros().saturating_sub(age);
        self.run(async {
            let (mut old, mut open) = (Vec::new(), [0, 0]);
            for (line, _) in self.engine.scan(None, None).await? {
                let swept = matches!(line.state, State::Done | State::Cancelled);
                let is_meant = kind.is_none_or(|kind| line.kind.as_deref() == Some(kind));
                if swept && is_meant && line.changed_at.micros() <= before {
                    old.push((line.subject, line.sequence));
                } else if !line.state.is_final() {
                    open[line.lane as usize] += 1;
                }
            }
            let mut count = 0;
            for (subject, sequence) in old {
                // Up to this version: one that was written meanwhile stays.
                let purge = self.engine.records.purge().filter(subject).sequence(sequence + 1);
                count += purge.await.map_err(no_answer)?.purged;
            }
            self.engine.mend(open).await?;
            Ok(count)
        })
    }

    fn announce(&self, event: &Announced) -> Result<bool> {
        event.check()?;
        self.run(self.engine.put_event(event))
    }

    fn was_announced(&self, tenant: &str, kind: &str, id: &str) -> Result<bool> {
        check_name("tenant", tenant)?;
        check_name("kind", kind)?;
        check_id(id)?;
        self.run(self.engine.has_event(tenant, kind, id))
    }

    fn announced(&self, after: u64, limit: usize) -> Result<Vec<(u64, Announced)>> {
        self.run(self.engine.events_after(after, limit))
    }

    fn parked_since(&self, since: WallTime, limit: usize) -> Result<Vec<Job>> {
        self.run(self.engine.parked_jobs(since, limit))
    }
}

/// A tenant as one part of a subject, where a dot would begin another.
fn as_part(tenant: &str) -> String {
    tenant.replace('.', "=2E")
}

fn parsed(payload: &[u8]) -> Result<Job> {
    serde_json::from_slice(payload).map_err(|error| {
        Error::new(Kind::Malformed, "holds a job's record that is none").caused_by(error)
    })
}

fn line(subject: &str, sequence: u64, headers: &HeaderMap) -> Option<Line> {
    let text = |name: &str| headers.get(name).map(|value| value.as_str());
    let time = |name: &str| text(name)?.parse().ok().map(WallTime::from_micros);
    Some(Line {
        subject: subject.to_owned(),
        sequence,
        kind: text(KIND).map(str::to_owned),
        lane: Lane::ALL.into_iter().find(|lane| text(LANE) == Some(lane.as_str()))?,
        state: State::ALL.into_iter().find(|state| text(STATE) == Some(state.as_str()))?,
        enqueued_at: time(ENQUEUED)?,
        changed_at: time(CHANGED)?,
    })
}

/// From now to `due`.
fn until(due: WallTime) -> Duration {
    let micros = due.micros().saturating_sub(now().micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0)).max(PUT_OFF)
}

/// What is said about a message may be lost: it comes again, and its record is looked at again.
async fn answer(acker: &Acker, kind: AckKind) {
    let _ = acker.ack_with(kind).await;
}

fn no_answer(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::TryAgain, "does not answer as it should").caused_by(error)
}

fn told_no(error: async_nats::Error) -> Error {
    Error::new(Kind::TryAgain, "does not answer as it should").caused_by(error)
}
