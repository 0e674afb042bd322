//! Decoders that stand still: ended within a minute, tried again, parked; nothing else waits for them.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::time::{Duration, Instant};

use reprise_queue::{Job, State};
use reprise_tests::command::{descendants, reprise, signal, start, start_in};
use reprise_tests::session::{Session, short_clips};

/// The decoding processes below `of` that have shut themselves in, with the folder for temporary files of the job that they are of.
fn decoders(of: u32) -> Vec<(u32, String)> {
    let text = |id: u32, name: &str| {
        let bytes = std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let parent = |id: u32| {
        let status = text(id, "status");
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        line.and_then(|line| line.trim().parse::<u32>().ok()).unwrap_or_default()
    };
    let decodes = |id: &u32| {
        text(*id, "cmdline").contains("decode-child") && text(*id, "status").contains("Seccomp:\t2")
    };
    descendants(of)
        .into_iter()
        .filter(decodes)
        .map(|id| {
            let environment = text(parent(id), "environ");
            let folder = environment.split('\0').find_map(|entry| entry.strip_prefix("TMPDIR="));
            (id, folder.unwrap_or_default().to_owned())
        })
        .collect()
}

#[test]
fn a_decoder_that_stands_still_is_ended_within_a_minute() {
    let session = Session::new();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let manifest = session.manifest();
    let running = start(["run", manifest.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    let begun = Instant::now();
    let frozen = loop {
        if let Some((id, _)) = decoders(running.id()).first() {
            signal("STOP", &[*id]);
            break *id;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody decodes");
        std::thread::sleep(Duration::from_millis(1));
    };
    let stood = Instant::now();
    while Path::new(&format!("/proc/{frozen}")).exists() {
        assert!(stood.elapsed() < Duration::from_secs(60), "it is there after a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
    eprintln!("ended after {:?}", stood.elapsed());
    // The first that is asked of it is what the recording is; without that there is nothing to do.
    running.wait(Duration::from_secs(180)).expect(75).says(&["live.flv", "the decoder hangs"]);
}

#[test]
fn its_job_is_parked_after_five_attempts_and_the_worker_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let queue_url = format!("sqlite://{}/queue.db", folder.path().display());
    let settings = short_clips(folder.path());
    let mut text = std::fs::read_to_string(&settings).unwrap();
    text += "[isolation]\nsilent_s = 2.0\n";
    std::fs::write(&settings, text).unwrap();
    let session = Session::new();
    let enqueue = |name: &str| {
        let (manifest, out) = (session.manifest(), folder.path().join(name));
        let (manifest, out) = (manifest.to_str().unwrap(), out.to_str().unwrap());
        let call = ["enqueue", manifest, "--out", out, "--queue", &queue_url, "--json"];
        let put = reprise(call);
        put.expect(0);
        put.json()["id"].as_str().unwrap().to_owned()
    };
    let bad = enqueue("bad");
    let queue = reprise_queue::open(&queue_url).unwrap();
    let record = |id: &str| -> Job { queue.job(id).unwrap().unwrap() };
    let other = enqueue("other");
    let settings = settings.to_str().unwrap();
    let call = ["worker", "--queue", &queue_url, "--slots", "2", "--settings", settings];
    // Each recording's decoder stands still at the first that is asked of it.
    let still = [("REPRISE_TEST_MISBEHAVE", "sleep@1".to_owned())];
    let worker = start_in(&still, call);
    let begun = Instant::now();
    let parked = |id: &str| record(id).state == State::Parked;
    while !parked(&bad) || !parked(&other) {
        assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", record(&bad));
        std::thread::sleep(Duration::from_millis(50));
    }
    let failed = record(&bad);
    let failure = failed.failure.unwrap();
    assert_eq!((failed.failures, failed.fence), (5, 5));
    assert!(failure.error.contains("the decoder hangs"), "{}", failure.error);
    assert!(failure.replay.starts_with("reprise run "), "{}", failure.replay);
    assert!(failure.log_tail.contains("ingest"), "{}", failure.log_tail);
    // The worker still serves, and what was parked is done once its cause is gone.
    let after = enqueue("after");
    while record(&after).failures == 0 {
        assert!(begun.elapsed() < Duration::from_secs(400), "{:?}", record(&after));
        std::thread::sleep(Duration::from_millis(50));
    }
    worker.terminate();
    worker.wait(Duration::from_secs(600)).expect(0);
    reprise(["jobs", "retry", &bad, "--queue", &queue_url]).expect(0);
    reprise(call.into_iter().chain(["--until-empty"])).expect(0);
    assert_eq!((record(&bad).state, record(&after).state), (State::Done, State::Done));
}
