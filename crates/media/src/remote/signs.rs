//! Signs of life: a child tells that pictures move, and the parent knows from them when it stands still.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often a child gives a sign at most.
const EVERY_MS: u64 = 1000;

type Tell = Arc<dyn Fn() + Send + Sync>;

static TELL: OnceLock<Tell> = OnceLock::new();
static TOLD: AtomicU64 = AtomicU64::new(0);

/// A picture or a stretch of sound was decoded or encoded. Tells the parent now and then; without one
/// it does nothing.
pub(crate) fn moved() {
    let Some(tell) = TELL.get() else { return };
    let now = since_start();
    let told = TOLD.load(Ordering::Relaxed);
    // Of several threads one tells.
    if now >= told + EVERY_MS
        && TOLD.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    {
        tell();
    }
}

/// How the parent is told, from here on.
pub(super) fn tell_by(tell: Tell) {
    let _ = TELL.set(tell);
}

fn since_start() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).saturating_add(EVERY_MS)
}

/// How long a child may go on without getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Without reading 256 KiB for the first time.
    pub whole: Duration,
    /// Without any sign: on the clock while it takes no CPU time, or in CPU time. So a busy machine
    /// makes no child look dead.
    pub silent: Duration,
}

/// Watches a child for signs.
pub(super) struct Watch {
    process: u32,
    silent: Duration,
    /// CPU time at the last sign, and when it was last seen to grow.
    at_sign: Duration,
    last: Duration,
    moved: Instant,
}

impl Watch {
    pub(super) fn new(process: u32, silent: Duration) -> Self {
        let now = cpu_time(process).unwrap_or_default();
        Self { process, silent, at_sign: now, last: now, moved: Instant::now() }
    }

    /// It gave one.
    pub(super) fn sign(&mut self) {
        self.moved = Instant::now();
        // Read only where it matters: when it is silent.
        self.at_sign = Duration::MAX;
    }

    /// Whether it stands still; asked now and then while it is silent.
    pub(super) fn is_still(&mut self) -> bool {
        let Some(now) = cpu_time(self.process) else { return false };
        if self.at_sign == Duration::MAX {
            (self.at_sign, self.last) = (now, now);
        }
        if now != self.last {
            (self.last, self.moved) = (now, Instant::now());
        }
        self.moved.elapsed() >= self.silent || now.saturating_sub(self.at_sign) >= self.silent
    }
}

/// CPU time that a process has used.
pub(super) fn cpu_time(id: u32) -> Option<Duration> {
    const TICK: Duration = Duration::from_millis(10); // USER_HZ is 100 wherever this is built for.
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything; user and system time are fields 14 and 15.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(TICK * ticks(11)?.saturating_add(ticks(12)?))
}
