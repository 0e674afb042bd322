//! A run that is killed at any point and started again leaves what an undisturbed one leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use reprise_tests::command::{reprise, start};
use reprise_tests::dice::Dice;
use reprise_tests::session::{Session, short_clips};
use reprise_tests::tree;

/// Kills spread over a run, besides one at its beginning.
const KILLS: usize = 8;
/// The kill at the beginning.
const EARLY: Duration = Duration::from_millis(300);

fn arguments(session: &Path, out: &Path, settings: &Path) -> Vec<OsString> {
    let out = ["--out".into(), out.into()];
    let settings = ["--settings".into(), settings.into()];
    ["run".into(), session.into()].into_iter().chain(out).chain(settings).collect()
}

/// One kill in each eighth of `whole`, so that the points are spread whatever the numbers are.
fn delays(whole: Duration, seed: u64) -> Vec<Duration> {
    let mut dice = Dice::new(seed);
    let spread = (0..KILLS).map(|part| whole.mul_f64((part as f64 + dice.share()) / KILLS as f64));
    std::iter::once(EARLY).chain(spread).collect()
}

#[test]
fn a_first_run_killed_anywhere_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let session = Session::new();
    let run = |name: &str| arguments(&session.manifest(), &folder.path().join(name), &settings);
    let begun = Instant::now();
    reprise(run("whole")).expect(0);
    let whole = begun.elapsed();
    let wanted = tree::read(&folder.path().join("whole"));
    assert!(wanted.keys().any(|name| name.ends_with("clip.mp4")), "nothing was clipped");

    let mut unfinished = 0;
    for (index, delay) in delays(whole, 0x5eed).into_iter().enumerate() {
        let name = format!("killed-{index}");
        let killed = start(run(&name)).kill_after(delay);
        unfinished += usize::from(killed.code.is_none());
        let again = reprise(run(&name));
        again.expect(0);
        let got = tree::read(&folder.path().join(&name));
        tree::assert_same_bytes(&got, &wanted, &format!("killed after {delay:?} of {whole:?}"));
    }
    assert!(unfinished > 0, "every run ended before it was killed");
}

#[test]
fn a_run_that_replaces_another_may_be_killed_too() {
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let first = Session::new();
    // Without the best seller's orders another moment comes in and its clip goes.
    let second = Session::new()
        .with_events(|event| !(event["type"] == "order" && event["product_id"] == "p003"));
    let before = folder.path().join("before");
    reprise(arguments(&first.manifest(), &before, &settings)).expect(0);
    let changed = folder.path().join("changed");
    tree::copy(&before, &changed);
    let begun = Instant::now();
    reprise(arguments(&second.manifest(), &changed, &settings)).expect(0);
    let whole = begun.elapsed();
    let wanted = tree::read(&changed);

    for (index, delay) in delays(whole, 0xfeed).into_iter().enumerate().skip(KILLS / 2) {
        let out = folder.path().join(format!("killed-{index}"));
        tree::copy(&before, &out);
        start(arguments(&second.manifest(), &out, &settings)).kill_after(delay);
        reprise(arguments(&second.manifest(), &out, &settings)).expect(0);
        let what = format!("killed after {delay:?} of {whole:?}");
        tree::assert_same_bytes(&tree::read(&out), &wanted, &what);
    }
}
