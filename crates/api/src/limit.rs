//! How often a caller may ask: a token bucket each.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callers that are remembered at most; those that have not asked for long are forgotten first.
const CALLERS_MAX: usize = 10_000;

/// Buckets of callers.
pub(crate) struct Limiter<K> {
    /// Requests a second in the long run.
    rate: f64,
    /// Requests at once.
    burst: f64,
    buckets: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: Eq + Hash + Clone> Limiter<K> {
    pub(crate) fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, buckets: Mutex::default() }
    }

    /// Requests at once.
    pub(crate) fn burst(&self) -> u64 {
        self.burst as u64
    }

    /// Takes one; gives how many are left, or for how long to wait.
    pub(crate) fn take(&self, caller: &K, now: Instant) -> Result<u64, Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS_MAX && !buckets.contains_key(caller) {
            // Full buckets say nothing that a new one would not.
            let full = Duration::from_secs_f64(self.burst / self.rate);
            buckets.retain(|_, (_, at)| now.saturating_duration_since(*at) < full);
            if buckets.len() >= CALLERS_MAX {
                return Err(full);
            }
        }
        let (left, at) = buckets.entry(caller.clone()).or_insert((self.burst, now));
        let gained = now.saturating_duration_since(*at).as_secs_f64() * self.rate;
        *left = (*left + gained).min(self.burst);
        *at = now;
        if *left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - *left) / self.rate));
        }
        *left -= 1.0;
        Ok(*left as u64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_then_as_many_as_come_back() {
        let limiter = Limiter::new(10.0, 3.0);
        let start = Instant::now();
        for left in [2, 1, 0] {
            assert_eq!(limiter.take(&"a", start), Ok(left));
        }
        assert_eq!(limiter.take(&"a", start), Err(Duration::from_millis(100)));
        assert_eq!(limiter.take(&"b", start), Ok(2));
        assert!(limiter.take(&"a", start + Duration::from_millis(101)).is_ok());
        assert!(limiter.take(&"a", start + Duration::from_millis(150)).is_err());
        // An idle hour gives no more than a burst.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..5).filter(|_| limiter.take(&"a", later).is_ok()).count(), 3);
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(1.0, 2.0);
        let start = Instant::now();
        let taken = (0..CALLERS_MAX + 5).filter(|n| limiter.take(n, start).is_ok()).count();
        assert_eq!(taken, CALLERS_MAX);
        assert!(limiter.take(&usize::MAX, start + Duration::from_secs(3)).is_ok());
    }
}
