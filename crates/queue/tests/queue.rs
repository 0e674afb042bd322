//! What a queue promises, held against both engines.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // Tests fail by panicking.

#[allow(dead_code)] // Some of it only `durable.rs` needs.
mod support;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reprise_model::{Kind, WallTime};
use reprise_queue::{
    Announced, Failure, Filter, Held, Lane, Leased, NewJob, Progress, Queue, State,
};
use serde_json::json;
use support::{Place, job, until};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// Every promise, once an engine.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[test] fn $name() { super::$name(&super::Place::sqlite()); })* }
        mod nats { $(#[test] fn $name() { super::$name(&super::Place::nats()); })* }
    };
}

promises!(
    putting_in_twice_is_once,
    what_is_not_allowed_is_refused,
    a_job_is_in_one_hand_and_done_once,
    a_lease_that_runs_out_goes_to_another_and_the_old_token_is_refused,
    attempts_run_out_and_somebody_may_have_it_done_after_all,
    a_failure_waits_and_a_new_stage_begins_the_count_anew,
    a_cancelled_job_is_seen_by_its_worker,
    remixes_come_first_and_batches_do_not_starve,
    a_release_counts_no_attempt,
    a_parent_takes_its_own_children,
    leases_of_a_killed_process_go_to_others,
    tenants_are_apart_and_jobs_are_listed,
    what_is_done_is_swept,
    a_job_that_moves_is_counted_once,
    everything_is_there_when_opened_again,
    an_event_is_told_once_and_in_order,
    what_was_parked_lately_is_found,
);

/// Takes the next job, which is there or comes soon.
fn take(queue: &dyn Queue, worker: &str, lease: Duration) -> Leased {
    let mut found = None;
    until("there is a job", || {
        found = queue.lease(worker, &Lane::ALL, lease).unwrap();
        found.is_some()
    });
    found.unwrap()
}

fn failure(retry: bool) -> Failure {
    Failure {
        error: "no picture".to_owned(),
        log_tail: "x".repeat(20_000),
        replay: "reprise run session.toml".to_owned(),
        retry,
    }
}

fn putting_in_twice_is_once(place: &Place) {
    let queue = place.open();
    let new = job(Lane::Batch, "one");
    let first = queue.enqueue(&new).unwrap();
    assert!(first.is_new && first.id.starts_with("acme.beauty-1-"), "{first:?}");
    let again = queue.enqueue(&new).unwrap();
    assert_eq!((again.id.as_str(), again.is_new), (first.id.as_str(), false));
    for other in [
        NewJob { body: json!({ "session": "other" }), ..new.clone() },
        NewJob { lane: Lane::Remix, ..new.clone() },
    ] {
        assert_eq!(queue.enqueue(&other).unwrap_err().kind, Kind::Conflict);
    }
    let other = queue.enqueue(&NewJob { tenant: "other".to_owned(), ..new.clone() }).unwrap();
    assert!(other.is_new && other.id != first.id);
    assert_eq!(queue.counts().unwrap().waiting_batch, 2);
    // Also when sixteen do it at once, and after it is done.
    let ids: Vec<_> = std::thread::scope(|scope| {
        let put = || queue.enqueue(&job(Lane::Remix, "race")).unwrap();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(put)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.iter().filter(|put| put.is_new).count(), 1);
    let leased = take(&*queue, "w", LONG);
    assert_eq!(leased.job.key, "race");
    assert!(queue.finish(&leased.token, json!(1)).unwrap());
    assert!(!queue.enqueue(&job(Lane::Remix, "race")).unwrap().is_new);
    assert_eq!(queue.job(&leased.job.id).unwrap().unwrap().state, State::Done);
}

fn what_is_not_allowed_is_refused(place: &Place) {
    let queue = place.open();
    let new = job(Lane::Batch, "one");
    for (wrong, kind) in [
        (NewJob { tenant: "a/b".to_owned(), ..new.clone() }, Kind::Usage),
        (NewJob { tenant: "a.>".to_owned(), ..new.clone() }, Kind::Usage),
        (NewJob { tenant: String::new(), ..new.clone() }, Kind::Usage),
        (NewJob { kind: "x".repeat(65), ..new.clone() }, Kind::Usage),
        (NewJob { key: "a\nb".to_owned(), ..new.clone() }, Kind::Usage),
        (NewJob { body: json!("x".repeat(512 * 1024)), ..new.clone() }, Kind::Limit),
    ] {
        assert_eq!(queue.enqueue(&wrong).unwrap_err().kind, kind, "{}", wrong.tenant);
    }
    // The longest that is taken, whatever it looks like.
    let body = json!("\u{1}".repeat((512 * 1024 - 2) / 6));
    let id = queue.enqueue(&NewJob { body, ..new }).unwrap().id;
    let leased = take(&*queue, "w", LONG);
    let log_tail = "\u{1}".repeat(20_000);
    assert!(queue.fail(&leased.token, Failure { log_tail, ..failure(true) }).unwrap());
    let leased = take(&*queue, "w", LONG);
    assert_eq!(
        queue.finish(&leased.token, json!("x".repeat(300_000))).unwrap_err().kind,
        Kind::Limit
    );
    assert!(queue.finish(&leased.token, json!("x".repeat(262_142))).unwrap());
    assert_eq!(queue.job(&id).unwrap().unwrap().state, State::Done);
    assert_eq!(queue.job("nobody").unwrap_err().kind, Kind::Usage);
    assert_eq!(queue.job("a.>-0123456789abcdef0123456789abcdef").unwrap_err().kind, Kind::Usage);
    assert!(queue.job("a-0123456789abcdef0123456789abcdef").unwrap().is_none());
    assert_eq!(queue.lease("a b", &Lane::ALL, LONG).unwrap_err().kind, Kind::Usage);
}

fn a_job_is_in_one_hand_and_done_once(place: &Place) {
    const JOBS: usize = 200;
    let queue = place.open();
    for number in 0..JOBS {
        let lane = Lane::ALL[number % 2];
        queue.enqueue(&job(lane, &format!("job {number}"))).unwrap();
    }
    let held = Mutex::new(HashSet::new());
    let done = Mutex::new(HashMap::<String, u32>::new());
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (queue, held, done) = (place.open(), &held, &done);
            scope.spawn(move || {
                let worker = format!("w{number}");
                until("all are done", || {
                    while let Some(leased) = queue.lease(&worker, &Lane::ALL, LONG).unwrap() {
                        let id = leased.job.id;
                        assert_eq!(leased.attempt, 1, "{id}");
                        assert!(held.lock().unwrap().insert(id.clone()), "{id} is in two hands");
                        std::thread::sleep(Duration::from_millis(1));
                        assert!(held.lock().unwrap().remove(&id));
                        assert!(queue.finish(&leased.token, json!(worker)).unwrap());
                        *done.lock().unwrap().entry(id).or_default() += 1;
                    }
                    done.lock().unwrap().len() == JOBS
                });
            });
        }
    });
    assert!(done.lock().unwrap().values().all(|&count| count == 1));
    let counts = queue.counts().unwrap();
    assert_eq!((counts.done, counts.open()), (JOBS as u64, 0));
}

fn a_lease_that_runs_out_goes_to_another_and_the_old_token_is_refused(place: &Place) {
    let queue = place.open();
    let id = queue.enqueue(&job(Lane::Batch, "one")).unwrap().id;
    let old = take(&*queue, "stopped", SHORT);
    assert!(queue.lease("other", &Lane::ALL, LONG).unwrap().is_none());
    // A heartbeat makes it last.
    std::thread::sleep(SHORT / 2);
    let start = Instant::now();
    assert_eq!(queue.heartbeat(&old.token, SHORT, &Progress::default()).unwrap(), Held::Ours);
    let new = take(&*queue, "other", LONG);
    assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
    assert!(start.elapsed() < SHORT + Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((new.attempt, new.token.fence > old.token.fence), (2, true));
    let before = queue.job(&id).unwrap();
    let progress = Progress { stages_finished: 9, ..Progress::default() };
    assert_eq!(queue.heartbeat(&old.token, LONG, &progress).unwrap(), Held::Lost);
    assert!(!queue.finish(&old.token, json!("stale")).unwrap());
    assert!(!queue.fail(&old.token, failure(false)).unwrap());
    assert!(!queue.release(&old.token, Duration::ZERO).unwrap());
    assert_eq!(queue.job(&id).unwrap(), before);
    assert!(queue.finish(&new.token, json!("right")).unwrap());
    assert!(!queue.finish(&old.token, json!("stale")).unwrap());
    assert_eq!(queue.job(&id).unwrap().unwrap().result, Some(json!("right")));
    assert!(queue.lease("other", &Lane::ALL, LONG).unwrap().is_none());
}

fn attempts_run_out_and_somebody_may_have_it_done_after_all(place: &Place) {
    let queue = place.open();
    let id = queue.enqueue(&job(Lane::Batch, "one")).unwrap().id;
    for attempt in 1..=5 {
        let leased = take(&*queue, "dies", Duration::from_millis(50));
        assert_eq!(leased.attempt, attempt);
    }
    until("it is parked", || {
        assert!(queue.lease("w", &Lane::ALL, LONG).unwrap().is_none());
        queue.job(&id).unwrap().unwrap().state == State::Parked
    });
    let parked = queue.job(&id).unwrap().unwrap();
    assert!(parked.failure.unwrap().error.contains("`dies` was not heard from"));
    assert_eq!(queue.counts().unwrap().parked, 1);
    assert!(queue.retry("acme.beauty-1", &id).unwrap());
    assert!(!queue.retry("acme.beauty-1", &id).unwrap());
    let leased = take(&*queue, "w", LONG);
    assert_eq!(leased.attempt, 1);
    assert!(queue.fail(&leased.token, failure(false)).unwrap());
    let parked = queue.job(&id).unwrap().unwrap();
    let told = parked.failure.unwrap();
    assert_eq!((parked.state, told.log_tail.len()), (State::Parked, 16 * 1024));
    assert_eq!(told.replay, "reprise run session.toml");
    assert!(queue.lease("w", &Lane::ALL, LONG).unwrap().is_none());
}

fn a_failure_waits_and_a_new_stage_begins_the_count_anew(place: &Place) {
    let queue = place.open();
    let id = queue.enqueue(&job(Lane::Batch, "one")).unwrap().id;
    let leased = take(&*queue, "w", LONG);
    let start = Instant::now();
    assert!(queue.fail(&leased.token, failure(true)).unwrap());
    assert!(queue.lease("w", &Lane::ALL, LONG).unwrap().is_none());
    let leased = take(&*queue, "w", LONG);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(750) && waited < Duration::from_secs(5), "{waited:?}");
    assert_eq!(leased.attempt, 2);
    let progress = Progress { stage: "look".to_owned(), done: 1, total: 3, stages_finished: 1 };
    assert_eq!(queue.heartbeat(&leased.token, LONG, &progress).unwrap(), Held::Ours);
    let record = queue.job(&id).unwrap().unwrap();
    assert_eq!((record.failures, &record.progress), (0, &progress));
    assert!(queue.fail(&leased.token, failure(true)).unwrap());
    assert_eq!(queue.job(&id).unwrap().unwrap().failures, 1);
}

fn a_cancelled_job_is_seen_by_its_worker(place: &Place) {
    let queue = place.open();
    let id = queue.enqueue(&job(Lane::Batch, "one")).unwrap().id;
    let leased = take(&*queue, "w", LONG);
    assert!(!queue.cancel("other", &id).unwrap());
    assert!(queue.cancel("acme.beauty-1", &id).unwrap());
    let held = queue.heartbeat(&leased.token, LONG, &Progress::default()).unwrap();
    assert_eq!(held, Held::Cancelled);
    assert!(!queue.finish(&leased.token, json!(1)).unwrap());
    assert_eq!(queue.job(&id).unwrap().unwrap().state, State::Cancelled);
    assert!(queue.retry("acme.beauty-1", &id).unwrap());
    let leased = take(&*queue, "w", LONG);
    assert!(queue.finish(&leased.token, json!(1)).unwrap());
    assert!(!queue.cancel("acme.beauty-1", &id).unwrap());
}

fn remixes_come_first_and_batches_do_not_starve(place: &Place) {
    let queue = place.open();
    for number in 0..10 {
        queue.enqueue(&job(Lane::Batch, &format!("b{number}"))).unwrap();
    }
    for number in 0..12 {
        queue.enqueue(&job(Lane::Remix, &format!("r{number}"))).unwrap();
    }
    let lanes = |count: usize| -> Vec<Lane> {
        let take = |_| {
            let leased = take(&*queue, "w", LONG);
            assert!(queue.finish(&leased.token, json!(null)).unwrap());
            leased.job.lane
        };
        (0..count).map(take).collect()
    };
    let one_in_four = [Lane::Remix, Lane::Remix, Lane::Remix, Lane::Batch];
    assert_eq!(lanes(16), one_in_four.repeat(4));
    assert_eq!(lanes(6), [Lane::Batch; 6]);
    queue.enqueue(&job(Lane::Batch, "last")).unwrap();
    assert!(queue.lease("w", &[Lane::Remix], LONG).unwrap().is_none());
    assert!(queue.lease("w", &[Lane::Batch], LONG).unwrap().is_some());
}

fn a_release_counts_no_attempt(place: &Place) {
    let queue = place.open();
    queue.enqueue(&job(Lane::Batch, "one")).unwrap();
    for _ in 0..8 {
        let leased = take(&*queue, "w", LONG);
        assert_eq!(leased.attempt, 1);
        assert!(queue.release(&leased.token, Duration::ZERO).unwrap());
    }
    let leased = take(&*queue, "w", LONG);
    let start = Instant::now();
    assert!(queue.release(&leased.token, SHORT).unwrap());
    take(&*queue, "w", LONG);
    assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
}

fn a_parent_takes_its_own_children(place: &Place) {
    let queue = place.open();
    let put = |key: &str| queue.enqueue(&job(Lane::Batch, key)).unwrap().id;
    let ids = [put("one"), put("two")];
    let leased = queue.lease_job(&ids[1], "parent", LONG).unwrap().unwrap();
    assert!(queue.lease_job(&ids[1], "other", LONG).unwrap().is_none());
    assert_eq!(take(&*queue, "other", LONG).job.id, ids[0]);
    assert!(queue.lease("other", &Lane::ALL, LONG).unwrap().is_none());
    assert!(queue.finish(&leased.token, json!(1)).unwrap());
    assert!(queue.lease("other", &Lane::ALL, LONG).unwrap().is_none());
    assert!(queue.lease_job(&ids[1], "parent", LONG).unwrap().is_none());
    // Of sixteen that want the same job at the same time one gets it.
    for round in 0..10 {
        let id = put(&format!("race {round}"));
        let won: usize = std::thread::scope(|scope| {
            let take = || queue.lease_job(&id, "racer", LONG).unwrap().is_some();
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(won, 1, "{round}");
    }
}

/// Not a test of its own: the process that `leases_of_a_killed_process_go_to_others` kills.
#[test]
fn child_that_holds_leases() {
    let Ok(url) = std::env::var("REPRISE_TEST_QUEUE") else { return };
    let queue = reprise_queue::open(&url).unwrap();
    for _ in 0..3 {
        let leased = take(&*queue, "child", Duration::from_secs(1));
        eprintln!("held {}", leased.job.id);
    }
    std::thread::sleep(LONG);
}

fn leases_of_a_killed_process_go_to_others(place: &Place) {
    let queue = place.open();
    for number in 0..5 {
        queue.enqueue(&job(Lane::Batch, &format!("job {number}"))).unwrap();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_holds_leases", "--nocapture"])
        .env("REPRISE_TEST_QUEUE", &place.url)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let held: HashSet<String> = lines
        .filter_map(|line| line.unwrap().strip_prefix("held ").map(str::to_owned))
        .take(3)
        .collect();
    child.kill().unwrap();
    let killed = Instant::now();
    child.wait().unwrap();
    assert_eq!(held.len(), 3);
    let mut attempts = HashMap::new();
    for _ in 0..5 {
        let leased = take(&*queue, "w", LONG);
        attempts.insert(leased.job.id.clone(), leased.attempt);
        assert!(queue.finish(&leased.token, json!(1)).unwrap());
    }
    // The lease and 5 s.
    assert!(killed.elapsed() < Duration::from_secs(6), "{:?}", killed.elapsed());
    assert_eq!(attempts.len(), 5);
    for (id, attempt) in attempts {
        assert_eq!(attempt, if held.contains(&id) { 2 } else { 1 }, "{id}");
    }
    assert_eq!(queue.counts().unwrap().done, 5);
}

fn tenants_are_apart_and_jobs_are_listed(place: &Place) {
    let queue = place.open();
    for (tenant, key) in [("a", "1"), ("a", "2"), ("a.b", "1"), ("a-b", "1"), ("a", "3")] {
        queue.enqueue(&NewJob { tenant: tenant.to_owned(), ..job(Lane::Batch, key) }).unwrap();
    }
    let keys = |filter: Filter| -> Vec<String> {
        queue.jobs(&filter).unwrap().into_iter().map(|job| job.tenant + job.key.as_str()).collect()
    };
    let of = |tenant: &str| Filter { tenant: Some(tenant.to_owned()), ..Filter::default() };
    assert_eq!(keys(Filter::default()), ["a1", "a2", "a.b1", "a-b1", "a3"]);
    assert_eq!(keys(of("a")), ["a1", "a2", "a3"]);
    assert_eq!(keys(of("a.b")), ["a.b1"]);
    assert_eq!(keys(Filter { limit: 2, ..of("a") }), ["a1", "a2"]);
    let leased = take(&*queue, "w", LONG);
    assert_eq!(leased.job.key, "1");
    assert_eq!(keys(Filter { state: Some(State::Leased), ..of("a") }), ["a1"]);
    assert!(!queue.cancel("a.b", &leased.job.id).unwrap());
    let counts = queue.counts().unwrap();
    assert_eq!((counts.waiting_batch, counts.leased, counts.open()), (4, 1, 5));
    assert!(counts.oldest_waiting.unwrap() < Duration::from_secs(20));
}

fn what_is_done_is_swept(place: &Place) {
    let queue = place.open();
    let put = |key: &str| queue.enqueue(&job(Lane::Batch, key)).unwrap();
    put("done");
    let leased = take(&*queue, "w", LONG);
    assert!(queue.finish(&leased.token, json!(1)).unwrap());
    put("waits");
    assert_eq!(queue.sweep(LONG, None).unwrap(), 0);
    assert_eq!(queue.sweep(Duration::ZERO, Some("other.kind")).unwrap(), 0);
    assert_eq!(queue.sweep(Duration::ZERO, Some(&leased.job.kind)).unwrap(), 1);
    assert_eq!(queue.sweep(Duration::ZERO, None).unwrap(), 0);
    assert!(queue.job(&leased.job.id).unwrap().is_none());
    assert!(put("done").is_new && !put("waits").is_new);
    assert!(queue.job(&leased.job.id).unwrap().is_some());
}

fn a_job_that_moves_is_counted_once(place: &Place) {
    const JOBS: u64 = 300;
    let queue = place.open();
    for number in 0..JOBS {
        queue.enqueue(&job(Lane::Batch, &format!("job {number}"))).unwrap();
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = place.open();
            while !stop.load(Ordering::Relaxed) {
                let leased = take(&*other, "w", LONG);
                assert!(other.release(&leased.token, Duration::ZERO).unwrap());
            }
        });
        for _ in 0..30 {
            let (counts, listed) =
                (queue.counts().unwrap(), queue.jobs(&Filter::default()).unwrap());
            if (counts.open(), listed.len() as u64) != (JOBS, JOBS) {
                stop.store(true, Ordering::Relaxed);
                panic!("{counts:?}, {} listed", listed.len());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

fn everything_is_there_when_opened_again(place: &Place) {
    let queue = place.open();
    let id = queue.enqueue(&job(Lane::Batch, "one")).unwrap().id;
    let leased = take(&*queue, "w", LONG);
    queue.enqueue(&job(Lane::Remix, "two")).unwrap();
    drop(queue);
    let queue: Arc<dyn Queue> = place.open();
    assert_eq!(queue.job(&id).unwrap().unwrap().state, State::Leased);
    let held = queue.heartbeat(&leased.token, LONG, &Progress::default()).unwrap();
    assert_eq!(held, Held::Ours);
    assert!(queue.finish(&leased.token, json!(1)).unwrap());
    assert_eq!(take(&*queue, "w", LONG).job.key, "two");
}

fn event(tenant: &str, id: &str) -> Announced {
    Announced {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        kind: "highlights.ready".to_owned(),
        body: json!({ "id": id, "share": 0.1 }),
    }
}

fn an_event_is_told_once_and_in_order(place: &Place) {
    let queue = place.open();
    assert!(queue.announced(0, 10).unwrap().is_empty());
    let all = [("a.b", "1"), ("a-b", "1"), ("a", "job one#7"), ("a", "2")];
    for (tenant, id) in all {
        assert!(!queue.was_announced(tenant, "highlights.ready", id).unwrap());
        assert!(queue.announce(&event(tenant, id)).unwrap());
        // Also where it says something else by now: what was told was told.
        let again = Announced { body: json!("other"), ..event(tenant, id) };
        assert!(!queue.announce(&again).unwrap());
        assert!(queue.was_announced(tenant, "highlights.ready", id).unwrap());
    }
    let told = |after: u64, limit: usize| queue.announced(after, limit).unwrap();
    let found = told(0, 10);
    let wanted: Vec<Announced> = all.iter().map(|(tenant, id)| event(tenant, id)).collect();
    assert_eq!(found.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), wanted);
    assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "{found:?}");
    assert_eq!(told(0, 2), found[..2]);
    assert_eq!(told(found[1].0, 10), found[2..]);
    assert!(told(found[3].0, 10).is_empty() && told(u64::MAX, 10).is_empty());
    assert!(told(0, 0).is_empty());
    // Of sixteen that tell the same at the same time one is first; and a file opened again knows it.
    drop(queue);
    let queue = place.open();
    let first: usize = std::thread::scope(|scope| {
        let tell = || queue.announce(&event("race", "1")).unwrap();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(tell)).collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
    });
    assert_eq!(first, 1);
    for number in 0..600 {
        queue.announce(&event("many", &number.to_string())).unwrap();
    }
    assert_eq!(queue.announced(0, 1000).unwrap().len(), 605);
    assert_eq!(queue.announced(0, 300).unwrap().len(), 300);
    for (wrong, kind) in [
        (event("a/b", "1"), Kind::Usage),
        (event("a", ""), Kind::Usage),
        (event("a", "x\ny"), Kind::Usage),
        (Announced { kind: "a.>".to_owned(), ..event("a", "1") }, Kind::Usage),
        (Announced { body: json!("x".repeat(400_000)), ..event("a", "9") }, Kind::Limit),
    ] {
        assert_eq!(queue.announce(&wrong).unwrap_err().kind, kind, "{}", wrong.tenant);
    }
    // The longest that is taken, in an id that looks like a subject.
    let body = json!("\u{1}".repeat((384 * 1024 - 2) / 6));
    let longest = Announced { body, ..event("a", "> * . $") };
    assert!(queue.announce(&longest).unwrap());
    assert_eq!(queue.announced(0, 1000).unwrap().last().unwrap().1, longest);
}

fn what_was_parked_lately_is_found(place: &Place) {
    let queue = place.open();
    let mut ids = Vec::new();
    for key in ["one", "two", "three"] {
        queue.enqueue(&job(Lane::Batch, key)).unwrap();
        let leased = take(&*queue, "w", LONG);
        assert!(queue.fail(&leased.token, failure(false)).unwrap());
        ids.push(leased.job.id);
    }
    let found = |since: WallTime, limit: usize| -> Vec<String> {
        let jobs = queue.parked_since(since, limit).unwrap();
        jobs.into_iter().map(|job| job.id).collect()
    };
    let always = WallTime::from_micros(0);
    assert_eq!(found(always, 10), [&*ids[2], &*ids[1], &*ids[0]]);
    assert_eq!(found(always, 1), [&*ids[2]]);
    let second = queue.job(&ids[1]).unwrap().unwrap().changed_at;
    assert_eq!(found(second, 10), [&*ids[2], &*ids[1]]);
    assert!(queue.retry("acme.beauty-1", &ids[2]).unwrap());
    assert_eq!(found(second, 10), [&*ids[1]]);
}
