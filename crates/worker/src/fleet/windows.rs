//! The windows of one LIVE as jobs of their own, so that all workers make its clips.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reprise_model::moment::Moment;
use reprise_model::{Error, Kind, Result};
use reprise_queue::{Failure, Job, Lane, NewJob, Progress, Queue, State, Token};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::job::LiveJob;
use crate::digest::Key;
use crate::share::{Hold, Share, Turn};

/// The kind of job that makes one clip of a LIVE whose own job waits for it.
pub const WINDOW: &str = "live.window";

/// Make the clip of one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowJob {
    /// The LIVE.
    pub live: LiveJob,
    /// The job that waits for it.
    pub parent: String,
    /// The window.
    pub moment: Moment,
}

impl WindowJob {
    /// What a job says.
    ///
    /// # Errors
    /// `Malformed` where it says something else.
    pub fn of(job: &Job) -> Result<Self> {
        super::job::body(job)
    }
}

/// The result of a window's job: nothing, where the clip's result is in the store, or why there is none.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct WindowResult {
    /// Trying again would end the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

impl WindowResult {
    /// Of what making it came to.
    pub fn of(error: Option<&Error>) -> Self {
        Self { error: error.and_then(|error| serde_json::to_value(error).ok()) }
    }
}

/// Windows of a LIVE in the queue.
pub struct Windows {
    /// What is taken here now.
    pub held: Arc<Mutex<Vec<Token>>>,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// Whose name is on what is taken here.
    pub worker: String,
    /// For how long a window is taken; a heartbeat comes each third of it.
    pub lease: Duration,
    /// Whose they are.
    pub tenant: String,
    /// The LIVE's job.
    pub parent: String,
    /// The LIVE.
    pub live: LiveJob,
}

impl Windows {
    /// Gives back what is taken here, because the process ends.
    pub fn give_back(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for token in held {
            // Untold, its lease runs out.
            let _ = self.queue.release(&token, Duration::ZERO);
        }
    }

    fn new_job(&self, moment: &Moment) -> Result<NewJob> {
        let window = WindowJob {
            live: self.live.clone(),
            parent: self.parent.clone(),
            moment: moment.clone(),
        };
        let body = serde_json::to_value(window)
            .map_err(|error| Error::new(Kind::Bug, "a window is no JSON").caused_by(error))?;
        // Found otherwise, by other settings, it is another window.
        let made_of = Key::new(WINDOW).value(moment).finish();
        Ok(NewJob {
            tenant: self.tenant.clone(),
            lane: Lane::Batch,
            kind: WINDOW.to_owned(),
            key: format!("{}/{}/{made_of}", self.parent, moment.id),
            body,
        })
    }
}

impl Share for Windows {
    fn offer(&self, moments: &[Moment]) -> Result<()> {
        for moment in moments {
            self.queue.enqueue(&self.new_job(moment)?)?;
        }
        Ok(())
    }

    fn take(&self, moment: &Moment) -> Result<Turn> {
        let id = self.new_job(moment)?.id()?;
        if let Some(leased) = self.queue.lease_job(&id, &self.worker, self.lease)? {
            return Ok(Turn::Ours(Box::new(Held::new(self, leased.token))));
        }
        let Some(job) = self.queue.job(&id)? else { return Ok(Turn::Made) };
        Ok(match job.state {
            State::Waiting | State::Leased => {
                let until = job.holder.as_ref().map_or(job.not_before, |holder| holder.until);
                Turn::Others(format!("{} {}", moment.id, until))
            }
            State::Done => {
                let result = job.result.and_then(|result| serde_json::from_value(result).ok());
                let error = result.and_then(|result: WindowResult| result.error);
                match error.and_then(|error| serde_json::from_value(error).ok()) {
                    Some(error) => Turn::Failed(error),
                    None => Turn::Made,
                }
            }
            State::Parked | State::Cancelled => Turn::GivenUp(given_up(&job)),
        })
    }
}

/// Why a window's job came to no end.
fn given_up(job: &Job) -> Error {
    let why = job.failure.as_ref().map_or("", |failure| failure.error.as_str());
    let message = match job.state {
        State::Cancelled => format!("its job `{}` was cancelled", job.id),
        _ => format!("given up, see `reprise jobs show {}`: {why}", job.id),
    };
    Error::new(Kind::Limit, message)
}

/// A lease that is kept up.
struct Held {
    queue: Arc<dyn Queue>,
    all: Arc<Mutex<Vec<Token>>>,
    token: Token,
    let_go: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Held {
    fn new(windows: &Windows, token: Token) -> Self {
        let all = Arc::clone(&windows.held);
        all.lock().unwrap_or_else(PoisonError::into_inner).push(token.clone());
        let let_go = Arc::new(AtomicBool::new(false));
        let (queue, lease) = (Arc::clone(&windows.queue), windows.lease);
        let (kept, told) = (token.clone(), Arc::clone(&let_go));
        let progress = Progress { total: 1, ..Progress::default() };
        let keeper = std::thread::spawn(move || {
            let mut next = Instant::now() + lease / 3;
            while !told.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50).min(lease / 6));
                if Instant::now() >= next {
                    next += lease / 3;
                    // Lost, it is made twice to the same end.
                    let _ = queue.heartbeat(&kept, lease, &progress);
                }
            }
        });
        let queue = Arc::clone(&windows.queue);
        Self { queue, all, token, let_go, keeper: Some(keeper) }
    }

    fn stop(&mut self) -> bool {
        self.let_go.store(true, Ordering::Relaxed);
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| *held != self.token);
        self.keeper.take().is_some_and(|keeper| keeper.join().is_ok())
    }
}

impl Hold for Held {
    fn done(mut self: Box<Self>, error: Option<&Error>) {
        self.stop();
        let result = serde_json::to_value(WindowResult::of(error)).unwrap_or_default();
        // Untold, another finds the result in the store.
        let _ = self.queue.finish(&self.token, result);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.stop() {
            let error = "its LIVE's run ended".to_owned();
            let _ =
                self.queue.fail(&self.token, Failure { error, retry: true, ..Failure::default() });
        }
    }
}
