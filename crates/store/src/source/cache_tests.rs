//! The cache over an object that can be told to fail, to wait and to panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Barrier;
use std::sync::atomic::AtomicU32;

use super::*;
use crate::NetworkOptions;

const LENGTH: u64 = 8 << 20;

#[derive(Default)]
struct Fake {
    fetches: AtomicU32,
    failing: AtomicU32,
    panics: bool,
    gate: Option<Barrier>,
}

impl Remote for Fake {
    fn length(&self) -> u64 {
        LENGTH
    }
    fn name(&self) -> &str {
        "fake"
    }
    fn version(&self) -> Option<String> {
        None
    }
    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.wait();
        }
        assert!(!self.panics, "told to panic");
        let failing = self
            .failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match failing {
            Ok(_) => Err(Failure::passing("no")),
            Err(_) => Ok(vec![7; (range.end - range.start) as usize]),
        }
    }
    fn beside(&self, _: &str) -> Result<Opened, Failure> {
        Err(Failure::new(Kind::Missing, "nothing"))
    }
}

fn source(fake: Fake) -> (Arc<Fake>, RemoteSource) {
    let fake = Arc::new(fake);
    let remote: Arc<dyn Remote> = Arc::clone(&fake) as Arc<dyn Remote>;
    let opened = Opened { remote, first: Vec::new() };
    let family = Family::new(NetworkOptions::default());
    (fake, RemoteSource::new(opened, &Cache::new(), &family))
}

#[test]
fn who_waits_for_a_fetch_that_fails_hears_of_it_and_the_next_tries_anew() {
    // Both the fetch and the test itself wait at the gate.
    let fake = Fake { failing: 1.into(), gate: Some(Barrier::new(2)), ..Fake::default() };
    let (fake, source) = source(fake);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| source.read_at(100, &mut [0; 10]));
        while fake.fetches.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let second = scope.spawn(|| source.read_at(200, &mut [0; 10]));
        // Until the second holds the flight too: the state, the first, the second.
        let waited = || {
            let mut state = source.cache.lock();
            let (_, extent) = state.covering(source.id, 0).unwrap();
            matches!(&extent.bytes, Bytes::Coming(flight) if Arc::strong_count(flight) >= 3)
        };
        while !waited() {
            std::thread::yield_now();
        }
        fake.gate.as_ref().unwrap().wait();
        for reader in [first, second] {
            let error = Error::io("?", reader.join().unwrap().unwrap_err());
            assert_eq!(error.to_string(), "fake: no");
        }
        assert_eq!(fake.fetches.load(Ordering::SeqCst), 1);
        let third = scope.spawn(|| source.read_at(200, &mut [0; 10]));
        fake.gate.as_ref().unwrap().wait();
        assert_eq!(third.join().unwrap().unwrap(), 10);
    });
}

#[test]
fn a_fetch_that_panics_leaves_nobody_waiting() {
    let (fake, source) = source(Fake { panics: true, ..Fake::default() });
    for _ in 0..2 {
        let read = std::panic::AssertUnwindSafe(|| source.read_at(0, &mut [0; 10]));
        assert!(std::panic::catch_unwind(read).is_err());
    }
    assert_eq!(fake.fetches.load(Ordering::SeqCst), 2);
    assert_eq!(source.held_bytes(), 0);
}

#[test]
fn ranges_that_cannot_be_are_no_trouble() {
    let (fake, source) = source(Fake::default());
    source.will_read(5..5);
    source.will_read(LENGTH..u64::MAX);
    source.will_read(u64::MAX - 1..u64::MAX);
    for at in 0..200 {
        source.will_read(at..LENGTH + at);
    }
    assert_eq!(source.cache.lock().marks.len(), MARKS_MAX);
    assert_eq!(source.read_at(LENGTH - 1, &mut [0; 10]).unwrap(), 1);
    assert_eq!(source.read_at(LENGTH, &mut [0; 10]).unwrap(), 0);
    assert_eq!(source.read_at(0, &mut []).unwrap(), 0);
    assert_eq!(fake.fetches.load(Ordering::SeqCst), 1);
}

#[test]
fn sources_side_by_side_share_one_bound() {
    let cache = Cache::new();
    let family = Family::new(NetworkOptions::default());
    let sources: Vec<RemoteSource> = (0..6)
        .map(|_| {
            let opened = Opened { remote: Arc::new(Fake::default()), first: vec![7; 1000] };
            RemoteSource::new(opened, &cache, &family)
        })
        .collect();
    for source in &sources {
        source.will_read(0..LENGTH);
        let mut at = 0;
        let mut buffer = vec![0; 100_000];
        while at < LENGTH {
            let count = source.read_at(at, &mut buffer).unwrap();
            assert!(count > 0 && buffer[..count].iter().all(|byte| *byte == 7));
            at += count as u64;
            assert!(source.held_bytes() <= HELD_MAX + 2 * PART_MAX);
        }
    }
    drop(sources);
    assert_eq!(cache.lock().held, 0);
}
