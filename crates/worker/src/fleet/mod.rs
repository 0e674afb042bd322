//! A worker of a fleet: takes jobs from a queue, has each done by a child process, and tells the
//! queue how far it is. It may die at any time; what it leaves, another takes up.

mod announce;
mod child_log;
mod job;
pub mod metrics;
mod post;
mod remix;
mod supervise;
mod temporary;
mod upkeep;
mod watch;
mod webhooks;
mod windows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use reprise_model::{Error, Kind, Result};
use reprise_publish::webhooks::Hooks;
use reprise_queue::{Job, Lane, Leased, Queue, State};
use serde_json::Value;

use announce::Announcer;
pub use announce::LiveResult;
pub use job::{LIVE, LiveJob, REMIX, ShareIn, Told};
pub use post::{POST, PostJob};
pub use remix::RemixJob;
pub use supervise::{Answer, Said, Supervisor};
use supervise::{Child, Ended};
use temporary::Temporary;
use watch::Health;
pub use watch::Listen;
pub use webhooks::DELIVER;
pub use windows::{WINDOW, WindowJob, WindowResult, Windows};

/// How a worker works.
#[derive(Clone)]
pub struct FleetOptions {
    /// Its name in the queue: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// The program that does a job, and what it is called with before the job's own arguments.
    pub program: PathBuf,
    /// See `program`.
    pub arguments: Vec<String>,
    /// Jobs of all kinds done at once, from 1.
    pub slots: usize,
    /// Further jobs done at once that people wait for: a remix need not wait until a LIVE is done.
    pub remix_slots: usize,
    /// The queue's URL, where LIVEs share their windows with other slots and workers through it.
    pub share: Option<String>,
    /// For how long a job is taken; a heartbeat comes each third of it. Default 60 s.
    pub lease: Duration,
    /// A job that makes no progress for so long is killed. Default 10 min: the slowest window that
    /// was measured takes one.
    pub stall: Duration,
    /// How long jobs may go on after the worker was told to stop. Default 60 s.
    pub drain: Duration,
    /// End when no job waits or is in anybody's hands. Default false.
    pub until_empty: bool,
    /// Folder in which the worker makes one for what jobs write while they work, and sweeps those of
    /// dead workers.
    pub temporary: PathBuf,
    /// Who is told what came of LIVEs. Default nobody.
    pub hooks: Arc<Hooks>,
    /// Where it is asked how it is.
    pub listen: Option<Arc<Listen>>,
    /// Told of each job's span as it begins, with the text that all of a LIVE's jobs share: where
    /// traces are kept, it makes them one trace.
    pub traced: fn(&tracing::Span, &str),
    /// The `traceparent` of what is done now (W3C Trace Context), for the child that does it.
    pub trace_parent: fn() -> Option<String>,
}

/// A LIVE's windows belong to its own trace, whoever makes them.
fn trace_of(job: &Job) -> String {
    match job.kind.as_str() {
        WINDOW => WindowJob::of(job).map_or_else(|_| job.id.clone(), |window| window.parent),
        _ => job.id.clone(),
    }
}

/// How often whoever waits for a job learns how far it is, and a worker that nobody waits any more.
const TOLD_TO_PEOPLE: Duration = Duration::from_millis(500);

/// How often an empty queue is asked.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Jobs that ended with a result.
    pub done: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Jobs that were given back, lost to another worker, or cancelled.
    pub dropped: u64,
}

/// Works until it is told to stop, or until the queue is empty where that was asked for. Setting
/// `stop` lets jobs go on for [`FleetOptions::drain`]; what is not done then goes back.
///
/// # Errors
/// Where the folder cannot be used. A queue that does not answer is asked again.
pub fn work(queue: &Arc<dyn Queue>, options: &FleetOptions, stop: &AtomicBool) -> Result<Done> {
    let temporary = Temporary::take(&options.temporary, &options.name)?;
    let counts = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
    let announcer = Announcer::new(queue.as_ref(), &options.hooks);
    let slots = options.slots.max(1);
    let working = AtomicUsize::new(slots + options.remix_slots);
    let (handing, handed) = webhooks::counter();
    metrics::slots(slots + options.remix_slots);
    let health = Health::new(slots + options.remix_slots);
    let slot = |number, lanes, couriers| Slot {
        number,
        health: &health,
        queue,
        options,
        stop,
        counts: &counts,
        temporary: temporary.folder(),
        announcer: &announcer,
        lanes,
        couriers,
    };
    std::thread::scope(|scope| {
        let all = std::iter::repeat_n(&Lane::ALL[..], slots);
        let all = all.chain(std::iter::repeat_n(&[Lane::Remix][..], options.remix_slots));
        for (number, lanes) in all.enumerate() {
            let slot = slot(number, lanes, Some(handing.clone()));
            let (working, health) = (&working, &health);
            scope.spawn(move || {
                slot.work();
                health.ended(number);
                working.fetch_sub(1, Ordering::Relaxed);
            });
        }
        if let Some(listen) = &options.listen {
            scope.spawn(|| watch::serve(listen, &health, queue.as_ref(), stop, &working));
        }
        // Couriers end when the last slot has dropped its end.
        drop(handing);
        for _ in 0..webhooks::COURIERS {
            let (slot, handed) = (slot(usize::MAX, &[], None), &handed);
            scope.spawn(move || slot.carry(handed));
        }
        scope.spawn(|| announcer.watch(stop, &working));
        scope.spawn(|| upkeep::keep_up(queue.as_ref(), stop, &working));
    });
    let [done, failed, dropped] = counts.map(AtomicU64::into_inner);
    Ok(Done { done, failed, dropped })
}

/// One job at a time.
struct Slot<'a> {
    number: usize,
    health: &'a Health,
    queue: &'a Arc<dyn Queue>,
    options: &'a FleetOptions,
    stop: &'a AtomicBool,
    counts: &'a [AtomicU64; 3],
    temporary: &'a Path,
    lanes: &'a [Lane],
    announcer: &'a Announcer<'a>,
    /// Who takes deliveries off its hands.
    couriers: Option<SyncSender<Leased>>,
}

impl Slot<'_> {
    fn work(&self) {
        let mut pause = ASK_EVERY;
        while !self.stop.load(Ordering::Relaxed) {
            self.health.seen(self.number);
            match self.queue.lease(&self.options.name, self.lanes, self.options.lease) {
                Ok(Some(leased)) => {
                    self.health.answered();
                    pause = ASK_EVERY;
                    let Some(leased) = self.hand_over(leased) else { continue };
                    let (begun, busy) = (Instant::now(), metrics::Busy::now());
                    let ended = self.one(&leased);
                    drop(busy);
                    metrics::attempt(&leased.job.kind, ended, begun.elapsed());
                    // A window is a part of a job.
                    if leased.job.kind != WINDOW {
                        self.counts[ended].fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(None) => {
                    self.health.answered();
                    // Leases of others may come back.
                    let empty = || self.queue.counts().is_ok_and(|counts| counts.open() == 0);
                    // What is told now may make jobs.
                    if self.options.until_empty && empty() && self.announcer.look() == 0 {
                        return;
                    }
                    self.wait(pause);
                }
                Err(error) => {
                    tracing::warn!("the queue: {error}; asking again");
                    pause = (pause * 2).min(Duration::from_secs(15));
                    self.wait(pause);
                }
            }
        }
    }

    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50).min(time));
        }
    }

    /// Does one job, and says under which count it falls.
    fn one(&self, leased: &Leased) -> usize {
        let (job, token) = (&leased.job, &leased.token);
        if job.kind == DELIVER {
            return self.deliver(leased);
        }
        // Of the highest level, so that its fields stand beside whatever is logged.
        let span = tracing::error_span!(
            "job",
            id = job.id,
            kind = job.kind,
            tenant = job.tenant,
            attempt = leased.attempt,
            fence = token.fence,
        );
        (self.options.traced)(&span, &trace_of(job));
        let _entered = span.enter();
        tracing::info!("begins");
        let folder = self.temporary.join(format!("{}-{}", job.id, token.fence));
        let ended = self.supervised(leased, &folder);
        // What a job leaves behind is nobody's.
        let _ = std::fs::remove_dir_all(&folder);
        let told = match ended {
            Ok(Ended::Done(result)) => self
                .tell_ready(job, &result)
                .and_then(|()| self.settled(|| self.queue.finish(token, result.clone())))
                .map(|ours| (ours, 0)),
            Ok(Ended::Failed(failure)) => {
                tracing::warn!("{}", failure.error);
                self.settled(|| self.queue.fail(token, failure.clone())).map(|ours| (ours, 1))
            }
            Ok(Ended::Dropped) => {
                // Its child may have been ended between a write and the look for a takedown's mark.
                if let Err(error) = crate::takedown::tidy(job) {
                    tracing::warn!("what a takedown left is not removed: {error}");
                }
                return 2;
            }
            Ok(Ended::Drained) => {
                self.settled(|| self.queue.release(token, Duration::ZERO)).map(|_| (false, 2))
            }
            Err(error) => {
                tracing::warn!("{error}");
                let failure = reprise_queue::Failure {
                    error: error.to_string(),
                    replay: job::replay(job),
                    retry: error.kind.may_pass() || error.kind == Kind::Bug,
                    ..reprise_queue::Failure::default()
                };
                self.settled(|| self.queue.fail(token, failure.clone())).map(|ours| (ours, 1))
            }
        };
        if matches!(told, Ok((true, 1))) {
            self.tell_if_parked(&job.id);
        }
        match told {
            Ok((true, count)) => count,
            Ok((false, _)) => 2,
            Err(error) => {
                // The lease runs out, and another worker finds the results in the store.
                tracing::warn!("the queue was not told: {error}");
                2
            }
        }
    }

    /// Before the job is finished, so that whoever dies in between leaves it to the next; twice is the
    /// same event.
    fn tell_ready(&self, job: &Job, result: &Value) -> Result<()> {
        match self.settled(|| self.announcer.ready(job, result)) {
            Err(error) if error.kind.may_pass() => Err(error),
            Err(error) => {
                tracing::warn!("its highlights are not told: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What is not told now is found by a later look.
    fn tell_if_parked(&self, id: &str) {
        let told = self.settled(|| self.queue.job(id)).and_then(|job| match job {
            Some(job) if job.state == State::Parked => {
                metrics::parked(&job.kind);
                self.settled(|| self.announcer.if_parked(&job))
            }
            _ => Ok(false),
        });
        if let Err(error) = told {
            tracing::warn!(job = id, "its failure is not told yet: {error}");
        }
    }

    fn supervised(&self, leased: &Leased, folder: &std::path::Path) -> Result<Ended> {
        let job = &leased.job;
        // Looked at here too, so that what cannot be read parks at once.
        match job.kind.as_str() {
            LIVE => drop(LiveJob::of(job)?),
            REMIX | POST => {}
            WINDOW => {
                let parent = self.queue.job(&WindowJob::of(job)?.parent)?;
                if parent.is_none_or(|parent| parent.state.is_final()) {
                    return Ok(Ended::Done(serde_json::json!({ "unwanted": true })));
                }
            }
            other => {
                let message = format!("a job of the kind `{other}` is not known to this version");
                return Err(Error::new(Kind::Unsupported, message));
            }
        }
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::io(folder.display().to_string(), error))?;
        let share = |queue: &String| ShareIn {
            queue: queue.clone(),
            worker: self.options.name.clone(),
            lease_s: self.options.lease.as_secs(),
        };
        let told = Told {
            job: job.id.clone(),
            seller: job.tenant.clone(),
            kind: job.kind.clone(),
            body: job.body.clone(),
            share: self.options.share.as_ref().map(share),
        };
        let child = Child {
            program: &self.options.program,
            arguments: &self.options.arguments,
            folder,
            body: told.line()?,
            replay: job::replay(job),
            trace_parent: (self.options.trace_parent)(),
        };
        Supervisor {
            queue: self.queue.as_ref(),
            token: &leased.token,
            lease: self.options.lease,
            every: match job.lane {
                Lane::Remix => TOLD_TO_PEOPLE.min(self.options.lease / 3),
                Lane::Batch => self.options.lease / 3,
            },
            stall: self.options.stall,
            drain: self.options.drain,
            stop: self.stop,
            look_up: &|| self.health.seen(self.number),
            answered: &|| self.health.answered(),
        }
        .run(&child)
    }

    /// Tells the queue, and again where it does not answer, while the lease lasts.
    fn settled<T>(&self, tell: impl Fn() -> Result<T>) -> Result<T> {
        let until = Instant::now() + self.options.lease;
        loop {
            match tell() {
                Err(error) if error.kind == Kind::TryAgain && Instant::now() < until => {
                    std::thread::sleep(ASK_EVERY);
                }
                other => return other,
            }
        }
    }
}
