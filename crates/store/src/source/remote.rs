//! What a cache stands in front of: one object that is fetched in ranges, and how fetching fails.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reprise_model::{Error, Kind};

use super::NetworkOptions;

/// Bytes of a single look, and of the first request of an object: enough for the head of any
/// container, a fraction of one picture.
pub const LOOK: u64 = 32 << 10;

/// One object on a server.
pub trait Remote: Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> u64;
    /// Its address without credentials.
    fn name(&self) -> &str;
    /// Its name and strong validator.
    fn version(&self) -> Option<String>;
    /// Whether it can only be fetched whole; then it is small.
    fn whole(&self) -> bool {
        false
    }
    /// Exactly the bytes of `range`, which is not empty and lies inside.
    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, Failure>;
    /// Opens what lies beside it or below; `relative` has passed `stays_below`.
    fn beside(&self, relative: &str) -> Result<Opened, Failure>;
}

/// An object with the bytes from its beginning that came with opening it.
pub struct Opened {
    /// The object.
    pub remote: Arc<dyn Remote>,
    /// Its first bytes.
    pub first: Vec<u8>,
}

/// What an object shares with those opened beside it.
pub struct Family {
    /// Limits.
    pub options: NetworkOptions,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What was asked of servers for a source and all that was opened beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Requests sent, repeated ones and redirects included.
    pub requests: u64,
    /// Bytes of answers' bodies that arrived.
    pub bytes: u64,
}

impl Family {
    pub fn new(options: NetworkOptions) -> Arc<Self> {
        Arc::new(Self { options, requests: AtomicU64::new(0), bytes: AtomicU64::new(0) })
    }

    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn stats(&self) -> SourceStats {
        SourceStats {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Runs `attempt` until it succeeds, fails for good, or was tried often enough.
    pub fn retried<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut pause = self.options.pause;
        let longest = self.options.pause.saturating_mul(8);
        let started = Instant::now();
        let mut tried = 1;
        loop {
            let result = attempt();
            // A server that is slow each time is not waited for each time.
            let late = started.elapsed() >= self.options.request.saturating_mul(2);
            match result {
                Err(failure) if failure.again && tried < self.options.attempts && !late => {
                    let pause_now = pause.mul_f64(0.5 + 0.5 * chance());
                    std::thread::sleep(failure.wait.map_or(pause_now, |wait| wait.min(longest)));
                    pause = pause.saturating_mul(2).min(longest);
                    tried += 1;
                }
                Err(failure) if failure.again && tried > 1 => {
                    let message = format!("{}; tried {tried} times", failure.message);
                    return Err(Failure { message, ..failure });
                }
                other => return other,
            }
        }
    }
}

/// From 0 to 1, another each time: many that were refused at once must not come back at once.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

/// Why a fetch failed; several readers may wait for one, so it can be copied.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What to do about it.
    pub kind: Kind,
    /// What is wrong and what to do, without credentials.
    pub message: String,
    /// Whether another try may succeed.
    pub again: bool,
    /// How long the server wants to be left alone.
    pub wait: Option<Duration>,
    /// Whether the server said that it is not there or not for us.
    pub refused: bool,
    /// Whether there is no such object in a place that is there.
    pub absent: bool,
}

impl Failure {
    /// One that another try will not change.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            again: false,
            wait: None,
            refused: false,
            absent: false,
        }
    }

    /// One that another try may change.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { again: true, ..Self::new(Kind::TryAgain, message) }
    }

    /// The object is another one than when it was opened.
    pub fn changed() -> Self {
        Self::new(Kind::TryAgain, "changed while it was read: run again once it stays as it is")
    }

    /// The server refuses.
    pub fn refused(kind: Kind, message: impl Into<String>) -> Self {
        Self { refused: true, ..Self::new(kind, message) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.message)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let options =
            NetworkOptions { attempts: 3, pause: Duration::ZERO, ..NetworkOptions::default() };
        let family = Family::new(options);
        let run = |again: bool, succeeds_at: u32| {
            let mut count = 0;
            let result = family.retried(|| {
                count += 1;
                let failure = Failure { again, ..Failure::new(Kind::TryAgain, "no") };
                if count == succeeds_at { Ok(()) } else { Err(failure) }
            });
            (count, result.err().map(|failure| failure.message))
        };
        assert_eq!(run(true, 3), (3, None));
        assert_eq!(run(true, 4), (3, Some("no; tried 3 times".to_owned())));
        assert_eq!(run(false, 2), (1, Some("no".to_owned())));
    }
}
