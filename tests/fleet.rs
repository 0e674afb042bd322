//! A LIVE through the queue: the same results as without, whatever dies on the way.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::time::{Duration, Instant};

use reprise_tests::command::{
    Output, Running, descendants, reprise, reprise_in, signal, start, start_in,
};
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

    /// What a run into the same folder leaves.
    fn again(&self, out: &str) -> tree::Tree {
        let (manifest, out) = (self.session.manifest(), self.out(out));
        let (manifest, out_text) = (manifest.to_str().unwrap(), out.to_str().unwrap());
        reprise(["run", manifest, "--out", out_text, "--settings", &self.settings]).expect(0);
        tree::read(&out)
    }

    fn job(&self, id: &str) -> Value {
        let shown = reprise(["jobs", "show", id, "--queue", &self.queue, "--json"]);
        shown.expect(0);
        shown.json()
    }

    /// What `reprise run` makes of it.
    fn wanted(&self) -> tree::Tree {
        self.again("wanted")
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited two minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
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
    let worker = fleet.worker(&["--stall", "25", "--until-empty"]);
    let mut child = None;
    wait_until("it has a child", || {
        child = descendants(worker.id()).get(1).copied();
        child.is_some()
    });
    let frozen = Instant::now();
    signal("STOP", &[child.unwrap()]);
    wait_until("the attempt has failed", || {
        fleet.job(&id)["failure"]["error"].as_str().is_some_and(|e| e.contains("no progress"))
    });
    assert!(frozen.elapsed() < Duration::from_secs(60), "{:?}", frozen.elapsed());
    worker.wait(Duration::from_secs(300)).expect(0).says(&["1 jobs done, 1 attempts failed"]);
    let job = fleet.job(&id);
    assert_eq!((&job["state"], &job["fence"]), (&Value::from("done"), &Value::from(2)));
    tree::assert_same_bytes(&tree::read(&fleet.out("out")), &fleet.wanted(), "after a freeze");
}

/// Jobs of a kind.
fn of_kind(fleet: &Fleet, kind: &str) -> Vec<Value> {
    let listed = reprise(["jobs", "list", "--queue", &fleet.queue, "--json", "--limit", "0"]);
    listed.expect(0);
    let all = listed.json()["jobs"].as_array().unwrap().clone();
    all.into_iter().filter(|job| job["kind"] == kind).collect()
}

#[test]
fn the_clips_of_one_live_are_shared_by_workers_and_their_deaths_change_nothing() {
    let fleet = Fleet::new(Session::new());
    let id = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    let one = ["--slots", "1", "--until-empty"];
    let mut workers = vec![fleet.worker(&one)];
    wait_until("the windows are offered", || !of_kind(&fleet, "live.window").is_empty());
    workers.push(fleet.worker(&one));
    let names = || {
        let taken = of_kind(&fleet, "live.window");
        let holder = |job: &Value| job["holder"]["worker"].as_str().map(str::to_owned);
        taken.iter().filter_map(holder).collect::<std::collections::BTreeSet<_>>()
    };
    wait_until("both make clips", || names().len() == 2);
    // The one that waits for the others dies, and later the helper too.
    workers.remove(0).kill();
    let third = fleet.worker(&one);
    wait_until("another has the LIVE", || fleet.job(&id)["fence"] == 2);
    workers.remove(0).kill();
    third.wait(Duration::from_secs(300)).expect(0).says(&["1 jobs done"]);
    let windows = of_kind(&fleet, "live.window");
    assert!(windows.len() > 1);
    for window in &windows {
        assert_eq!(
            (&window["state"], &window["body"]["parent"]),
            (&"done".into(), &id.clone().into())
        );
    }
    tree::assert_same_bytes(&tree::read(&fleet.out("out")), &fleet.wanted(), "made by three");
}

#[test]
fn a_window_that_was_given_up_leaves_the_other_clips() {
    let fleet = Fleet::new(Session::new());
    let id = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    let worker = fleet.worker(&["--slots", "1"]);
    wait_until("the windows are offered", || {
        let total = fleet.job(&id)["progress"]["total"].as_u64();
        total.is_some_and(|total| total > 0 && of_kind(&fleet, "live.window").len() as u64 == total)
    });
    worker.kill();
    let waits = |job: &Value| job["state"] == "waiting";
    let last = of_kind(&fleet, "live.window").into_iter().rfind(waits).unwrap();
    let window = last["id"].as_str().unwrap();
    reprise(["jobs", "cancel", window, "--queue", &fleet.queue]).expect(0);
    fleet.finish().says(&["1 jobs done"]);
    let session =
        std::path::PathBuf::from(fleet.job(&id)["result"]["session_json"].as_str().unwrap());
    let outcome: Value = serde_json::from_slice(&std::fs::read(session).unwrap()).unwrap();
    let moment = &last["body"]["moment"]["id"];
    let told = outcome["not_clipped"].as_array().unwrap();
    let told = told.iter().find(|one| one["moment_id"] == *moment).unwrap();
    assert!(told["detail"].as_str().unwrap().contains("was cancelled"), "{told}");
    assert!(!outcome["clips"].as_array().unwrap().is_empty());
    // What was given up is no finished run: the same LIVE again makes what is missing.
    tree::assert_same_bytes(&fleet.again("out"), &fleet.wanted(), "after it was done again");
}

#[test]
fn a_list_is_done_line_by_line_or_by_the_number_of_an_array() {
    let fleet = Fleet::new(Session::new());
    let manifest = fleet.session.manifest();
    let list = fleet.out("lives.txt");
    let text = format!("# lives\n{}\nnowhere/session.toml\n", manifest.display());
    std::fs::write(&list, text).unwrap();
    let (list, out) = (list.to_str().unwrap().to_owned(), fleet.out("out"));
    let call = ["batch", &list, "--out", out.to_str().unwrap(), "--settings", &fleet.settings];
    let all = reprise(call.into_iter().chain(["--json"]));
    all.expect(66).says(&["line 3: ", "nowhere"]);
    let told = all.json();
    assert_eq!((&told[0]["exit_code"], &told[1]["exit_code"]), (&0.into(), &66.into()));
    assert!(!told[0]["clips"].as_array().unwrap().is_empty());
    tree::assert_same_bytes(&tree::read(&out), &fleet.wanted(), "from a list");
    let task = |number: &str| reprise_in(&[("SLURM_ARRAY_TASK_ID", number.to_owned())], call);
    task("0").expect(0).says(&["line 2: "]);
    task("1").expect(66);
    task("2").expect(64).says(&["has 2 LIVEs"]);
}

#[test]
fn a_sellers_job_reads_and_writes_ones_own_places_alone() {
    let fleet = Fleet::new(Session::new());
    let file = fleet.out("tenants.toml");
    let worker = |inputs: &[&Path], outputs: &Path| {
        let text = format!(
            "[[tenants]]\nseller = \"friday-show\"\ninputs = {inputs:?}\noutputs = [{outputs:?}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let worker = fleet.worker(&["--tenants", file.to_str().unwrap(), "--until-empty"]);
        worker.wait(Duration::from_secs(300)).expect(0);
    };
    let manifest = fleet.session.manifest();
    let own = manifest.parent().unwrap();
    // The session's files are links to these.
    let files = std::fs::canonicalize(own.join("live.flv")).unwrap();
    let files = files.parent().unwrap();
    let done = fleet.enqueue("out")["id"].as_str().unwrap().to_owned();
    worker(&[own, files], &fleet.out("out"));
    assert_eq!(fleet.job(&done)["state"], "done", "{}", fleet.job(&done));
    for (name, inputs, outputs) in [
        ("a", &[own][..], fleet.out("a")),
        ("b", &[fleet.out("nothing").as_path()][..], fleet.out("b")),
        ("c", &[own, files][..], fleet.out("elsewhere")),
    ] {
        let id = fleet.enqueue(name)["id"].as_str().unwrap().to_owned();
        worker(inputs, &outputs);
        let job = fleet.job(&id);
        assert_eq!((&job["state"], &job["fence"]), (&"parked".into(), &1.into()), "{name}: {job}");
        let error = job["failure"]["error"].as_str().unwrap();
        assert!(error.contains("in no place of the seller `friday-show`"), "{name}: {error}");
        assert!(!fleet.out(name).join("friday-show").exists(), "{name}");
    }
}

#[test]
fn what_a_killed_worker_left_among_temporary_files_is_swept_by_another() {
    let fleet = Fleet::new(Session::new());
    fleet.enqueue("out");
    let temporary = fleet.out("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let worker = |more: &[&str]| {
        let mut arguments = vec!["worker", "--queue", &fleet.queue, "--lease", "2"];
        arguments.extend(["--settings", &fleet.settings]);
        arguments.extend(more);
        start_in(&[("TMPDIR", temporary.display().to_string())], arguments)
    };
    let folders = || -> Vec<String> {
        let all = std::fs::read_dir(&temporary).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let killed = worker(&[]);
    wait_until("its job has a folder", || {
        let own = temporary.join(folders().first().map_or("none", String::as_str));
        std::fs::read_dir(own).is_ok_and(|all| all.flatten().any(|entry| entry.path().is_dir()))
    });
    killed.kill();
    let left = folders();
    assert_eq!(left.len(), 1);
    // One that lives keeps its own.
    let living = worker(&["--name", "living", "--remix-slots", "0"]);
    wait_until("it has swept", || folders() == ["reprise-worker-living"]);
    worker(&["--until-empty"]).wait(Duration::from_secs(300)).expect(0);
    assert_eq!(folders(), ["reprise-worker-living"]);
    living.terminate();
    living.wait(Duration::from_secs(60)).expect(0);
    assert_eq!(folders(), Vec::<String>::new());
}
