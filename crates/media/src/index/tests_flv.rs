//! FLV: windows are what a reading of the whole file gives, and little is read for them.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::sync::{Arc, OnceLock};

use reprise_model::{ByteSource, MediaTime};

use super::Locate;
use super::flv::Flv;
use super::tests_support::*;

fn base() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| made(90, &["-g", "60", "-b:v", "600k"], &[], "flv"))
}

fn open(bytes: Vec<u8>) -> (Flv, Arc<Counting>) {
    let source = Counting::new(memory(bytes));
    let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
    let index = Flv::open(&plain).unwrap().unwrap();
    let stored = serde_json::to_string(&index).unwrap();
    assert_eq!(serde_json::from_str::<Flv>(&stored).unwrap(), index);
    (index, source)
}

#[test]
fn windows_of_a_plain_recording() {
    let all = whole(base());
    let (index, source) = open(base().to_vec());
    eprintln!("{} bytes, opened with {:?}", base().len(), source.take());
    ends_right(&index, &all);
    assert_eq!(index.jumps(), []);
    let cost = windows(&index, &source, &all, 24, 7 * SECOND);
    eprintln!("{cost:?}");
    assert!(cost.beyond < 100_000, "{cost:?}");
    let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
    let head = index.head(&plain).unwrap();
    let seen = packets(Arc::new(head.excerpt), head.clock);
    assert!(seen.iter().filter(|p| p.picture && p.key).count() >= 2);
    assert!(seen.iter().all(|packet| all.contains(packet)));
}

#[test]
fn real_footage() {
    for name in ["lives/real-footage-10min/live.flv", "lives/real-footage-clean/live.flv"] {
        let Some(path) = shared(name) else { return };
        let bytes = std::fs::read(path).unwrap();
        let all = whole(&bytes);
        let (index, source) = open(bytes);
        let opened = source.take();
        ends_right(&index, &all);
        let cost = windows(&index, &source, &all, 24, 30 * SECOND);
        eprintln!("opened with {opened:?}, {cost:?}");
        assert!(opened.0 <= 1_200_000);
        assert!(cost.beyond < 200_000, "{cost:?}");
    }
}

#[test]
fn windows_beyond_the_ends_are_answered() {
    let all = whole(base());
    let (index, source) = open(base().to_vec());
    let source: Arc<dyn ByteSource> = source;
    for (from, to) in [(-100.0, 3.0), (-5.0, -1.0), (88.0, 500.0), (300.0, 400.0), (50.0, 20.0)] {
        let (from, to) = (MediaTime::from_seconds(from), MediaTime::from_seconds(to));
        let located = index.window(&source, from, to).unwrap();
        let flicks = |time: MediaTime| (time - MediaTime::ZERO).flicks();
        compare(located, &all, flicks(from), flicks(to));
    }
}
