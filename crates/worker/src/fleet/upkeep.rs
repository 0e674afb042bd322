//! What a worker does besides jobs: records of jobs that ended long ago are removed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reprise_queue::Queue;

use super::WINDOW;

/// How long the record of a job is kept that is done or was cancelled. Longer than anybody sends the
/// same wish again: with the record its key is forgotten.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// The same for the windows of a LIVE, of which there are many: its own job asks for them only while it
/// goes on.
const WINDOWS_KEPT: Duration = Duration::from_secs(86_400);
/// How often it is looked for older ones, at most.
const EVERY: Duration = Duration::from_secs(3600);
/// A look may take one part in so many of a worker's time: on JetStream it reads all records.
const SHARE: u32 = 100;

/// Until the worker ends.
pub(super) fn keep_up(queue: &dyn Queue, stop: &AtomicBool, working: &AtomicUsize) {
    let mut next = Instant::now() + EVERY / 60;
    while !stop.load(Ordering::Relaxed) && working.load(Ordering::Relaxed) > 0 {
        std::thread::sleep(Duration::from_millis(100));
        if Instant::now() < next {
            continue;
        }
        let begun = Instant::now();
        for (kept, kind) in [(WINDOWS_KEPT, Some(WINDOW)), (KEPT, None)] {
            match queue.sweep(kept, kind) {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "records of old jobs removed"),
                Err(error) => tracing::warn!("old jobs: {error}"),
            }
        }
        next = Instant::now() + EVERY.max(begun.elapsed() * SHARE);
    }
}
