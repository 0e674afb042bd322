//! What outlives a crash: a sync before an answer, a server killed and started again.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod support;

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use reprise_model::Kind;
use reprise_queue::{Held, Lane, Progress, State};
use serde_json::json;
use support::{Place, Server, job, until};

const LONG: Duration = Duration::from_secs(60);

/// In one write, so that it is found in a trace.
fn say(words: &str) {
    std::io::stderr().write_all(words.as_bytes()).unwrap();
}

/// Not a test of its own: the process that is traced.
#[test]
fn child_that_enqueues() {
    let Ok(url) = std::env::var("REPRISE_TEST_QUEUE") else { return };
    let queue = reprise_queue::open(&url).unwrap();
    for number in 0..3 {
        let new = job(Lane::Batch, &format!("job {number}"));
        say(&format!("begins {number}\n"));
        queue.enqueue(&new).unwrap();
        say(&format!("answered {number}\n"));
    }
}

#[test]
fn a_file_is_synced_before_the_answer() {
    if Command::new("strace").arg("--version").output().is_err() {
        eprintln!("skipped: there is no strace");
        return;
    }
    let place = Place::sqlite();
    let trace = place.folder.path().join("trace");
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "64", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_enqueues", "--nocapture"])
        .env("REPRISE_TEST_QUEUE", &place.url)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&status.stderr).into_owned();
    if !trace.exists() || words.contains("Operation not permitted") {
        eprintln!("skipped: strace may not trace here: {words}");
        return;
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let find = |words: &str| lines.iter().position(|line| line.contains(words)).unwrap();
    for number in 0..3 {
        let between =
            &lines[find(&format!("begins {number}"))..find(&format!("answered {number}"))];
        let of_log = |calls: &[&str]| {
            between.iter().rposition(|line| {
                line.contains("queue.db-wal") && calls.iter().any(|call| line.contains(call))
            })
        };
        let written = of_log(&["pwrite64("]).unwrap_or_else(|| panic!("{number}: {between:#?}"));
        let synced = of_log(&["fsync(", "fdatasync("]);
        let synced = synced.unwrap_or_else(|| panic!("{number} not synced: {between:#?}"));
        assert!(synced > written, "{number}: {between:#?}");
    }
}

#[test]
fn a_server_that_is_killed_and_started_again_keeps_everything() {
    let mut place = Place::nats();
    let queue = place.open();
    for number in 0..20 {
        queue.enqueue(&job(Lane::Batch, &format!("job {number}"))).unwrap();
    }
    let held = queue.lease("w", &Lane::ALL, LONG).unwrap().unwrap();
    let done = queue.lease("w", &Lane::ALL, LONG).unwrap().unwrap();
    assert!(queue.finish(&done.token, json!(1)).unwrap());
    let mut server = place.server.take().unwrap();
    server.kill();
    assert_eq!(queue.counts().unwrap_err().kind, Kind::TryAgain);
    place.server = Some(Server::start(server.port, place.folder.path()));
    until("the queue answers again", || queue.counts().is_ok());
    let counts = queue.counts().unwrap();
    assert_eq!((counts.waiting_batch, counts.leased, counts.done), (18, 1, 1));
    assert_eq!(queue.heartbeat(&held.token, LONG, &Progress::default()).unwrap(), Held::Ours);
    assert!(queue.finish(&held.token, json!(2)).unwrap());
    until("all are done", || {
        if let Some(leased) = queue.lease("w", &Lane::ALL, LONG).unwrap() {
            assert!(queue.finish(&leased.token, json!(3)).unwrap());
        }
        queue.counts().unwrap().open() == 0
    });
    assert_eq!(queue.counts().unwrap().done, 20);
    assert_eq!(queue.job(&done.job.id).unwrap().unwrap().result, Some(json!(1)));
}

#[test]
fn a_server_that_may_lose_what_it_acknowledged_is_refused() {
    let place = Place::nats();
    let address = place.url.split('?').next().unwrap();
    let error = reprise_queue::open(address).err().unwrap();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(error.message.contains("unsynced=accept"), "{error}");
    // What an old server cannot do does not become true by saying so.
    let version = Command::new("nats-server").arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.contains("v2.9.") {
        let error = reprise_queue::open(&format!("{address}?synced=always")).err().unwrap();
        assert!(error.kind == Kind::Unavailable && error.message.contains("2.10"), "{error}");
    }
    let queue = place.open();
    let id = queue.enqueue(&job(Lane::Batch, "one")).unwrap().id;
    assert_eq!(queue.job(&id).unwrap().unwrap().state, State::Waiting);
    let other = reprise_queue::open(&format!("{}&prefix=other", place.url)).unwrap();
    assert!(other.job(&id).unwrap().is_none(), "queues of other prefixes are apart");
}

#[test]
fn addresses_that_are_none_say_so() {
    for (url, kind) in [
        ("redis://x", Kind::Usage),
        ("sqlite:", Kind::Usage),
        ("sqlite://relative/x.db", Kind::Usage),
        ("nats://127.0.0.1:1?prefix=a.b", Kind::Usage),
        ("nats://127.0.0.1:1?replica=3", Kind::Usage),
        ("nats://127.0.0.1:1?replicas=9", Kind::Usage),
        ("nats://127.0.0.1:1", Kind::Unavailable),
    ] {
        let error = reprise_queue::open(url).err().unwrap();
        assert_eq!(error.kind, kind, "{url}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(&path, "this is no database, and long enough to be looked at".repeat(99))
        .unwrap();
    let error = reprise_queue::open(&format!("sqlite://{}", path.display())).err().unwrap();
    assert_eq!(error.kind, Kind::Malformed, "{error}");
}
