//! A worker that is watched: health, readiness, metrics, and a log that machines read.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use reprise_tests::command::{Running, reprise, start};
use reprise_tests::session::{Session, short_clips};
use serde_json::Value;
use tempfile::TempDir;

/// A worker's surroundings.
struct Ground {
    folder: TempDir,
    queue: String,
    settings: String,
    port: u16,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = format!("sqlite://{}/queue.db", folder.path().display());
        let settings = short_clips(folder.path()).display().to_string();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, queue, settings, port }
    }

    fn enqueue(&self, session: &Session, out: &str) -> String {
        let (manifest, out) = (session.manifest(), self.folder.path().join(out));
        let (manifest, out) = (manifest.to_str().unwrap(), out.to_str().unwrap());
        let put = reprise(["enqueue", manifest, "--out", out, "--queue", &self.queue, "--json"]);
        put.expect(0);
        put.json()["id"].as_str().unwrap().to_owned()
    }

    fn worker(&self, more: &[&str]) -> Running {
        let listen = format!("127.0.0.1:{}", self.port);
        let mut arguments = vec!["worker", "--queue", &self.queue, "--listen", &listen];
        arguments.extend(["--settings", &self.settings, "--log-format", "json"]);
        arguments.extend(more);
        start(arguments)
    }

    /// The status and the body of an answer; `None` where nobody listens.
    fn ask(&self, request: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split_whitespace().nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    fn status(&self, path: &str) -> Option<u16> {
        self.ask(&format!("GET {path}")).map(|(status, _)| status)
    }

    /// The sum of a metric over the series that hold all of `labels`.
    fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, text) = self.ask("GET /metrics").unwrap_or_default();
        let series = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            let is_it = rest.is_some_and(|rest| rest.starts_with(['{', ' ']));
            is_it && labels.iter().all(|label| line.contains(label))
        });
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited two minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_a_worker_does_is_counted_and_logged() {
    let ground = Ground::new();
    let (session, damaged) = (Session::new(), Session::new().with("live.flv", b"no recording"));
    let good = ground.enqueue(&session, "good");
    let worker = ground.worker(&[]);
    wait_until("it is ready", || ground.status("/readyz") == Some(200));
    assert_eq!(ground.status("/livez"), Some(200));
    assert_eq!(ground.status("/elsewhere"), Some(404));
    assert_eq!(ground.ask("POST /metrics").unwrap().0, 405);
    // Whoever connects and says nothing, or never ends, holds nobody up, and neither do many of them.
    let silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(("127.0.0.1", ground.port)).unwrap()).collect();
    let mut endless = TcpStream::connect(("127.0.0.1", ground.port)).unwrap();
    write!(endless, "GET /{}", "x".repeat(100_000)).unwrap();
    assert_eq!(ground.status("/livez"), Some(200));
    drop(silent);

    let live = "kind=\"live.recorded\"";
    let count = |outcome: &str| ground.metric("reprise_jobs_total", &[live, outcome]);
    wait_until("the LIVE is done", || count("outcome=\"done\"") == 1.0);
    let bad = ground.enqueue(&damaged, "bad");
    wait_until("the other fails", || count("outcome=\"failed\"") == 1.0);
    wait_until("it is parked", || ground.metric("reprise_jobs_parked_total", &[live]) == 1.0);
    assert!(ground.metric("reprise_clips_total", &[]) >= 1.0);
    assert!(ground.metric("reprise_job_duration_seconds_sum", &[live]) > 0.0);
    assert!(ground.metric("reprise_stage_duration_seconds_count", &["stage=\"clips\""]) >= 1.0);
    assert!(ground.metric("reprise_slots", &[]) >= 2.0);
    wait_until("no slot is busy", || ground.metric("reprise_slots_busy", &[]) == 0.0);
    wait_until("the queue is asked again", || {
        ground.metric("reprise_queue_jobs", &["state=\"parked\""]) == 1.0
    });
    assert!(ground.metric("process_resident_memory_bytes", &[]) > 1e6);

    // What is documented is told, and the other way round.
    let (_, text) = ground.ask("GET /metrics").unwrap();
    let told: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_whitespace().next())
        .collect();
    let page = std::fs::read_to_string("../docs/metrics.md").unwrap();
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| !name.starts_with('/'))
        .collect();
    assert_eq!(told, documented);

    worker.terminate();
    let ended = worker.wait(Duration::from_secs(60));
    ended.expect(0);
    let mut jobs = BTreeSet::new();
    for line in ended.stderr.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        if let Some(id) = line["span"]["id"].as_str() {
            assert_eq!(line["span"]["tenant"], "friday-show");
            jobs.insert(id.to_owned());
        }
    }
    assert!(jobs.contains(&good) && jobs.contains(&bad), "{jobs:?}\n{}", ended.stderr);
}

#[test]
fn a_worker_that_drains_is_alive_and_not_ready() {
    let ground = Ground::new();
    let session = Session::new();
    ground.enqueue(&session, "out");
    let worker = ground.worker(&["--slots", "1"]);
    wait_until("it works", || ground.metric("reprise_slots_busy", &[]) == 1.0);
    wait_until("it is ready", || ground.status("/readyz") == Some(200));
    worker.terminate();
    wait_until("it is told to stop", || ground.status("/readyz") == Some(503));
    let (_, why) = ground.ask("GET /readyz").unwrap();
    assert!(why.contains("draining"), "{why}");
    assert_eq!(ground.status("/livez"), Some(200));
    worker.wait(Duration::from_secs(120)).expect(0).says(&["1 jobs done"]);
    assert_eq!(ground.status("/livez"), None);
}

#[test]
fn a_port_that_is_taken_is_said_at_once() {
    let ground = Ground::new();
    let _taken = TcpListener::bind(("127.0.0.1", ground.port)).unwrap();
    let worker = ground.worker(&[]).wait(Duration::from_secs(20));
    worker.expect(74).says(&[&format!("127.0.0.1:{}", ground.port)]);
}
