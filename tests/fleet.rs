//! A LIVE through the queue: the same results as without, whatever dies on the way.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reprise_tests::command::{Output, Running, reprise, start};
use reprise_tests::session::{Session, short_clips};
use reprise_tests::tree;
use serde_json::Value;
use tempfile::TempDir;

/// Lease of these tests, seconds.
const LEASE_S: u64 = 2;

/// A queue in a file, a folder for results, and a LIVE.
struct Fleet {
    folder: TempDir,
    session: Session,
    queue: String,
    settings: String,
}

impl Fleet {
    fn new(session: Session) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = format!("sqlite://{}/queue.db", folder.path().display());
        let settings = short_clips(folder.path()).display().to_string();
        Self { folder, session, queue, settings }
    }

    fn out(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn enqueue(&self, out: &str) -> Value {
        let manifest = self.session.manifest();
        let out = self.out(out);
        let (manifest, out) = (manifest.to_str().unwrap(), out.to_str().unwrap());
        let put = reprise(["enqueue", manifest, "--out", out, "--queue", &self.queue, "--json"]);
        put.expect(0);
        put.json()
    }

    fn worker(&self, more: &[&str]) -> Running {
        let lease = LEASE_S.to_string();
        let mut arguments = vec!["worker", "--queue", &self.queue, "--lease", &lease];
        arguments.extend(["--settings", &self.settings]);
        arguments.extend(more);
        start(arguments)
    }

    fn finish(&self) -> Output {
        let output = self.worker(&["--until-empty"]).wait(Duration::from_secs(300));
        output.expect(0);
        output
    }

    fn job(&self, id: &str) -> Value {
        let shown = reprise(["jobs", "show", id, "--queue", &self.queue, "--json"]);
        shown.expect(0);
        shown.json()
    }

    /// What `reprise run` makes of it.
    fn wanted(&self) -> tree::Tree {
        let (manifest, out) = (self.session.manifest(), self.out("wanted"));
        let (manifest, out_text) = (manifest.to_str().unwrap(), out.to_str().unwrap());
        reprise(["run", manifest, "--out", out_text, "--settings", &self.settings]).expect(0);
        tree::read(&out)
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited two minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that another started.
fn child_of(parent: u32) -> Option<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.into_iter().find(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name in brackets may hold anything; the state and the parent follow it.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_whitespace().nth(1) == Some(&parent.to_string())
    })
}

/// Stage results that are there.
fn stages(out: &Path) -> usize {
    let all = if out.is_dir() { tree::read(out) } else { tree::Tree::default() };
    all.keys().filter(|name| name.contains(".stages/clip/") && name.ends_with(".json")).count()
}

#[test]
fn a_job_gives_what_a_run_gives_and_only_once() {
    let fleet = Fleet::new(Session::new());
    let first = fleet.enqueue("out");
    let again = fleet.enqueue("out");
    assert_eq!((&first["is_new"], &again["is_new"]), (&Value::from(true), &Value::from(false)));
    assert_eq!(first["id"], again["id"]);
    fleet.finish().says(&["1 jobs done, 0 attempts failed"]);
    let job = fleet.job(first["id"].as_str().unwrap());
    assert_eq!((&job["state"], &job["fence"]), (&Value::from("done"), &Value::from(1)));
    assert_eq!(job["progress"]["done"], job["progress"]["total"]);
    assert!(!job["result"]["clips"].as_array().unwrap().is_empty(), "{job}");
    tree::assert_same_bytes(&tree::read(&fleet.out("out")), &fleet.wanted(), "through the queue");
    // What is done stays done.
    assert_eq!(fleet.enqueue("out")["is_new"], false);
    fleet.finish().says(&["0 jobs done"]);
}

#[test]
fn a_killed_workers_job_is_taken_up_where_it_stood() {
    let fleet = Fleet::new(Session::new());
    let id = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    let out = fleet.out("out");
    let worker = fleet.worker(&["--jobs", "1"]);
    wait_until("a window is done", || stages(&out) > 0);
    let before = tree::read(&out);
    worker.kill();
    let killed = Instant::now();
    let other = fleet.worker(&["--until-empty"]);
    wait_until("another has it", || fleet.job(&id)["fence"] == 2);
    let taken = killed.elapsed();
    assert!(taken < Duration::from_secs(LEASE_S + 5), "it took {taken:?} to take up the job");
    other.wait(Duration::from_secs(300)).expect(0);
    let after = tree::read(&out);
    for name in
        before.keys().filter(|name| name.contains(".stages/clip/") && name.ends_with(".json"))
    {
        tree::assert_untouched(&before, &after, name);
    }
    tree::assert_same_bytes(&after, &fleet.wanted(), "after a worker was killed");
    assert_eq!(fleet.job(&id)["state"], "done");
}

#[test]
fn a_worker_that_is_told_to_stop_gives_its_job_back() {
    let fleet = Fleet::new(Session::new());
    let id = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    let worker = fleet.worker(&["--drain", "0"]);
    wait_until("it works", || fleet.job(&id)["state"] == "leased");
    worker.terminate();
    worker.wait(Duration::from_secs(20)).expect(0).says(&["1 given back or lost"]);
    let job = fleet.job(&id);
    assert_eq!((&job["state"], &job["failures"]), (&Value::from("waiting"), &Value::from(0)));
}

#[test]
fn what_cannot_work_is_parked_with_what_to_do() {
    let fleet = Fleet::new(Session::new().with("live.flv", b"no recording"));
    let id = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    fleet.finish();
    let job = fleet.job(&id);
    assert_eq!(job["state"], "parked", "{job}");
    let failure = &job["failure"];
    assert!(failure["error"].as_str().unwrap().contains("live"), "{failure}");
    let replay = failure["replay"].as_str().unwrap();
    assert!(replay.starts_with("reprise run /") && replay.contains(" --out /"), "{replay}");
    assert!(!failure["log_tail"].as_str().unwrap().is_empty());
    let parked = reprise(["jobs", "parked", "--queue", &fleet.queue]);
    parked.expect(0).says(&[&id, "1 parked"]);
    reprise(["jobs", "retry", &id, "--queue", &fleet.queue]).expect(0).says(&["waits again"]);
    let other = ["jobs", "show", &id, "--queue", &fleet.queue, "--tenant", "somebody-else"];
    reprise(other).expect(66);
}

#[test]
fn a_job_that_makes_no_progress_is_ended_and_tried_again() {
    let fleet = Fleet::new(Session::new());
    let id = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    let worker = fleet.worker(&["--stall", "10", "--until-empty"]);
    let mut child = None;
    wait_until("it has a child", || {
        child = child_of(worker.id());
        child.is_some()
    });
    let frozen = Instant::now();
    let child = child.unwrap().to_string();
    let stopped = Command::new("sh").args(["-c", "kill -STOP $0", &child]).status().unwrap();
    assert!(stopped.success());
    wait_until("the attempt has failed", || {
        fleet.job(&id)["failure"]["error"].as_str().is_some_and(|e| e.contains("no progress"))
    });
    assert!(frozen.elapsed() < Duration::from_secs(60), "{:?}", frozen.elapsed());
    worker.wait(Duration::from_secs(300)).expect(0).says(&["1 jobs done, 1 attempts failed"]);
    let job = fleet.job(&id);
    assert_eq!((&job["state"], &job["fence"]), (&Value::from("done"), &Value::from(2)));
    tree::assert_same_bytes(&tree::read(&fleet.out("out")), &fleet.wanted(), "after a freeze");
}
