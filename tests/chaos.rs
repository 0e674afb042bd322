//! What dies at random, over and over: every job ends right, once.
//!
//! `make test` does a part; `make chaos` sets `REPRISE_CHAOS` and does all.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use reprise_queue::{Job, Queue, State};
use reprise_servers::{NatsCluster, NatsServer, S3Server};
use reprise_tests::command::{Running, descendants, reprise_in, signal, start_in};
use reprise_tests::session::{Session, short_clips};
use reprise_tests::tree::{self, Tree};
use tempfile::TempDir;

/// Lease where workers die, seconds.
const LEASE_S: u64 = 2;
/// Lease where a server of the queue dies: the others choose a new leader in up to ten seconds.
const CLUSTER_LEASE_S: u64 = 20;
/// What a worker may take to see that another's lease is over, seconds: said of a machine that does nothing
/// else, and so held by `make chaos`. On a busy one a message is lost on its way now and then, and comes again
/// after four seconds; a job that nobody takes up is seen by either.
const SEEN_S: usize = 5;
const SEEN_BUSY_S: usize = 40;
/// Deaths and stops where `REPRISE_CHAOS` says nothing; half of each an engine.
const KILLS: usize = 20;
const STOPS: usize = 4;
/// A job that died so often is let be: attempts without a new stage park it, and on a busy machine a lease
/// of two seconds is lost now and then without any kill.
const KILLS_A_JOB: usize = 3;

/// One test after another: what dies is to be taken up in time, and that takes free cores.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often: of the whole of `make chaos`, or a part.
fn times(part: usize, whole: usize) -> usize {
    if std::env::var_os("REPRISE_CHAOS").is_some() { whole } else { part }
}

/// Random numbers, other ones each time; told, so that a failure can be seen again.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::env::var("REPRISE_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = seed.unwrap_or_else(|| now().as_micros() as u64);
        eprintln!("REPRISE_CHAOS_SEED={seed}");
        Self(seed)
    }

    /// Below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// An engine of the queue.
struct Engine {
    name: &'static str,
    url: String,
    /// Killed at the end.
    _server: Option<NatsServer>,
    _folder: TempDir,
}

/// Both, or the one that `REPRISE_CHAOS_ENGINE` names.
fn engines() -> Vec<Engine> {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = NatsServer::start(0, other.path());
    let both = [
        Engine {
            name: "SQLite",
            url: format!("sqlite://{}/queue.db", one.path().display()),
            _server: None,
            _folder: one,
        },
        Engine {
            name: "JetStream",
            url: format!("nats://127.0.0.1:{}?unsynced=accept", server.port),
            _server: Some(server),
            _folder: other,
        },
    ];
    let only = std::env::var("REPRISE_CHAOS_ENGINE").ok();
    let wanted = |engine: &Engine| only.as_ref().is_none_or(|only| only == engine.name);
    both.into_iter().filter(wanted).collect()
}

/// A LIVE, what a run makes of it, and a queue.
struct Ground {
    folder: TempDir,
    session: Session,
    settings: String,
    wanted: Tree,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = short_clips(folder.path()).display().to_string();
        let session = Session::new();
        let (manifest, out) = (session.manifest(), folder.path().join("wanted"));
        let call = ["run", manifest.to_str().unwrap(), "--out", out.to_str().unwrap()];
        reprise_in(&[], call.into_iter().chain(["--settings", &settings])).expect(0);
        let wanted = tree::read(&out);
        Self { folder, session, settings, wanted }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn enqueue(&self, queue: &str, out: &str) -> String {
        let manifest = self.session.manifest();
        let call =
            ["enqueue", manifest.to_str().unwrap(), "--out", out, "--queue", queue, "--json"];
        let put = reprise_in(&[], call);
        put.expect(0);
        put.json()["id"].as_str().unwrap().to_owned()
    }

    fn worker_arguments(&self, queue: &str, lease_s: u64) -> Vec<String> {
        let lease = lease_s.to_string();
        let call = ["worker", "--queue", queue, "--lease", &lease, "--slots", "4"];
        let more = ["--remix-slots", "0", "--settings", &self.settings];
        call.into_iter().chain(more).map(str::to_owned).collect()
    }

    fn worker(&self, queue: &str) -> Worker {
        Worker::start(&[], self.worker_arguments(queue, LEASE_S))
    }

    /// Fails where a file under its final name is not what it should be in the end.
    #[track_caller]
    fn assert_whole(&self, out: &Path, what: &str) -> Tree {
        let found = if out.is_dir() { tree::read(out) } else { Tree::new() };
        for (name, entry) in &found {
            // What is written aside has no name yet.
            if name.starts_with(".reprise-tmp/") {
                continue;
            }
            let wanted =
                self.wanted.get(name).unwrap_or_else(|| panic!("{what}: {name} is too much"));
            assert!(entry.bytes == wanted.bytes, "{what}: {name} is not whole");
        }
        found
    }
}

/// A worker, killed at the end.
struct Worker(Option<Running>);

impl Worker {
    fn start(environment: &[(&str, String)], arguments: Vec<String>) -> Self {
        Self(Some(start_in(environment, arguments)))
    }

    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            let all = descendants(running.id());
            running.kill();
            signal("KILL", &all[1..]);
        }
    }
}

/// Asks again while a cluster chooses a leader.
fn patiently<T>(ask: impl Fn() -> reprise_model::Result<T>) -> T {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(180), "waited three minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn record(queue: &dyn Queue, id: &str) -> Job {
    queue.job(id).unwrap().unwrap()
}

/// Stage results and manifests of runs that are whole: none of them may be made again.
fn assert_kept(before: &Tree, after: &Tree) {
    let kept = |name: &&String| {
        (name.contains("/.stages/") || name.contains("/.runs/")) && name.ends_with(".json")
    };
    for name in before.keys().filter(kept) {
        tree::assert_untouched(before, after, name);
    }
}

#[test]
fn whatever_is_killed_no_job_is_lost_and_none_is_done_twice() {
    let _alone = alone();
    let ground = Ground::new();
    let mut random = Random::new();
    for engine in engines() {
        let queue = reprise_queue::open(&engine.url).unwrap();
        let mut workers = [ground.worker(&engine.url), ground.worker(&engine.url)];
        let kills = times(KILLS, 500) / 2;
        let (mut killed, mut jobs) = (0, 0);
        let (mut slowest, mut took) = (Duration::ZERO, Duration::from_secs(4));
        while killed < kills {
            let out = ground.out(&format!("{}-{jobs}", engine.name));
            let id = ground.enqueue(&engine.url, out.to_str().unwrap());
            jobs += 1;
            let mut seen = Tree::new();
            for _ in 0..KILLS_A_JOB.min(kills - killed) {
                wait_until("somebody has it", || {
                    record(queue.as_ref(), &id).state != State::Waiting
                });
                // Anywhere in what a whole job takes, so that all stages are hit.
                let pause = random.below(took.as_millis() as u64);
                std::thread::sleep(Duration::from_millis(pause));
                let job = record(queue.as_ref(), &id);
                let name = job.holder.as_ref().map(|holder| holder.worker.clone());
                let holds = |worker: &Worker| {
                    name.as_ref().is_some_and(|name| name.ends_with(&format!("-{}", worker.id())))
                };
                let Some(at) = workers.iter().position(holds) else { break };
                let all = descendants(workers[at].id());
                // The worker, the process of the job, or all of it as when a machine dies.
                let (victims, of_worker) = match random.below(3) {
                    0 => (vec![all[0]], true),
                    1 if all.len() > 1 => (vec![all[1]], false),
                    _ => (all, true),
                };
                signal("KILL", &victims);
                let at_death = Instant::now();
                killed += 1;
                if of_worker {
                    workers[at] = ground.worker(&engine.url);
                }
                let now = ground.assert_whole(&out, engine.name);
                assert_kept(&seen, &now);
                seen = now;
                let mut due = at_death;
                wait_until("it is taken up", || {
                    let now = record(queue.as_ref(), &id);
                    if now.state == State::Waiting {
                        // An attempt that failed is tried again after a while.
                        due = Instant::now();
                    }
                    now.fence > job.fence || now.state.is_final()
                });
                // The process of a part of it may have been hit, and then the job itself goes on.
                if of_worker {
                    slowest = slowest.max(due.elapsed());
                }
            }
            let begun = Instant::now();
            wait_until("it is done", || {
                let job = record(queue.as_ref(), &id);
                assert_ne!(job.state, State::Parked, "{job:?}");
                job.state == State::Done
            });
            took = took.max(begun.elapsed()).min(Duration::from_secs(12));
            let after = ground.assert_whole(&out, engine.name);
            assert_kept(&seen, &after);
            tree::assert_same_bytes(&without_temporaries(after), &ground.wanted, engine.name);
            std::fs::remove_dir_all(&out).unwrap();
        }
        eprintln!(
            "{}: {killed} kills, {jobs} jobs, taken up after at most {slowest:?}",
            engine.name
        );
        let seen = times(SEEN_BUSY_S, SEEN_S) as u64;
        assert!(slowest < Duration::from_secs(LEASE_S + seen), "{slowest:?}");
    }
}

/// What was left half written aside is nobody's, and swept when it is old.
fn without_temporaries(tree: Tree) -> Tree {
    tree.into_iter().filter(|(name, _)| !name.starts_with(".reprise-tmp/")).collect()
}

#[test]
fn a_worker_that_stood_still_past_its_lease_commits_nothing() {
    let _alone = alone();
    let ground = Ground::new();
    let mut random = Random::new();
    for engine in engines() {
        let queue = reprise_queue::open(&engine.url).unwrap();
        let stops = times(STOPS, 200) / 2;
        let mut took = Duration::from_secs(4);
        for stop in 0..stops {
            let out = ground.out(&format!("{}-{stop}", engine.name));
            let id = ground.enqueue(&engine.url, out.to_str().unwrap());
            let stale = ground.worker(&engine.url);
            let begun = Instant::now();
            wait_until("it has it", || record(queue.as_ref(), &id).state == State::Leased);
            std::thread::sleep(Duration::from_millis(random.below(took.as_millis() as u64)));
            let all = descendants(stale.id());
            signal("STOP", &all);
            // Stopped in the middle of a write it keeps a file's lock, and nobody gets past it.
            while queue.sweep(Duration::from_secs(86_400), None).is_err() {
                signal("CONT", &all);
                std::thread::sleep(Duration::from_millis(50));
                signal("STOP", &all);
            }
            let was_done = record(queue.as_ref(), &id).state == State::Done;
            let other = ground.worker(&engine.url);
            wait_until("another does it", || record(queue.as_ref(), &id).state == State::Done);
            took = took.max(begun.elapsed()).min(Duration::from_secs(10));
            let job = record(queue.as_ref(), &id);
            let before = tree::read(&out);
            signal("CONT", &all);
            // It hears that it lost the job, and ends what it was at.
            wait_until("its child has ended", || descendants(stale.id()).len() == 1);
            std::thread::sleep(Duration::from_millis(200));
            let after = ground.assert_whole(&out, engine.name);
            let commits = ["session.json", "report.html"];
            let commit = |name: &&String| {
                commits.iter().any(|end| name.ends_with(end)) || name.contains("/.runs/")
            };
            for name in before.keys().filter(commit).filter(|name| !name.ends_with('/')) {
                tree::assert_untouched(&before, &after, name);
            }
            tree::assert_same_bytes(&without_temporaries(after), &ground.wanted, engine.name);
            assert_eq!(record(queue.as_ref(), &id), job, "a late word changed the record");
            assert!(was_done || job.fence > 1, "nobody else took it");
            drop((stale, other));
            std::fs::remove_dir_all(&out).unwrap();
        }
        eprintln!("{}: stood still {stops} times", engine.name);
    }
}

#[test]
fn with_a_dying_server_and_a_failing_store_everything_ends_right_once() {
    if std::env::var_os("REPRISE_CHAOS").is_none() {
        eprintln!("skipped: a cluster whose servers die takes minutes; `make chaos` runs it");
        return;
    }
    let _alone = alone();
    let ground = Ground::new();
    let mut random = Random::new();
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = S3Server::start(root.path());
    server.make_bucket("clips");
    let mut cluster = NatsCluster::start(folder.path());
    let queue = patiently(|| reprise_queue::open(&cluster.url()));
    let dest = |job: usize| format!("s3://clips/{job}?endpoint={}", server.endpoint());
    let jobs = 20;
    let ids: Vec<String> =
        (0..jobs).map(|job| ground.enqueue(&cluster.url(), &dest(job))).collect();
    server.fault(10);
    let arguments = ground.worker_arguments(&cluster.url(), CLUSTER_LEASE_S);
    let workers = [(); 2].map(|()| Worker::start(&server.environment(), arguments.clone()));
    let mut deaths = 0;
    let begun = Instant::now();
    let is_done = |id: &String| {
        queue.job(id).is_ok_and(|job| job.is_some_and(|job| job.state == State::Done))
    };
    while !ids.iter().all(is_done) {
        assert!(begun.elapsed() < Duration::from_secs(240 * jobs as u64), "it does not end");
        let node = random.below(cluster.len() as u64) as usize;
        cluster.kill(node);
        std::thread::sleep(Duration::from_millis(1000 + random.below(2000)));
        cluster.restart(node);
        deaths += 1;
        // A cluster needs most of its servers: the next one dies when this one is back.
        std::thread::sleep(Duration::from_secs(5));
    }
    server.fault(0);
    drop(workers);
    eprintln!("{jobs} jobs, {deaths} deaths of a server, {:?}", begun.elapsed());
    for job in 0..jobs {
        let found = tree::read(&root.path().join("clips").join(job.to_string()));
        for (name, wanted) in ground.wanted.iter().filter(|(name, _)| !name.ends_with('/')) {
            let got = found.get(name).unwrap_or_else(|| panic!("{job}: {name} is missing"));
            assert!(got.bytes == wanted.bytes, "{job}: {name} has other bytes");
        }
        let named = |name: &&String| !name.ends_with('/') && !name.starts_with(".reprise-tmp");
        let names: Vec<&String> = found.keys().filter(named).collect();
        let wanted: Vec<&String> = ground.wanted.keys().filter(named).collect();
        assert_eq!(names, wanted, "{job}");
    }
    assert_eq!(patiently(|| queue.counts()).parked, 0);
}
