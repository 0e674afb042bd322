//! A fleet's figures: two workers against one, what the queue itself costs, how long a remix waits.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reprise_queue::{Lane, NewJob, Queue as JobQueue, State};
use reprise_servers::NatsServer;
use reprise_worker::fleet::{self, FleetOptions, REMIX};
use serde_json::json;

use crate::Result;
use crate::costs::Queue;
use crate::machine::Machine;
use crate::measure::{Usage, measure};
use crate::recording::Recording;

/// What a job of the queue's own bench takes.
const JOB: Duration = Duration::from_millis(100);
/// Jobs that are under way at once there; they only wait, so one machine holds many.
const AT_ONCE: usize = 100;
/// Most that the queue may cost, of the jobs' own time.
const QUEUE_SHARE_MOST: f64 = 0.05;
/// Most that a remix may wait behind batch jobs.
const REMIX_WAIT_MOST: Duration = Duration::from_secs(2);
/// Batch jobs that wait when remixes come.
const BATCH_WAITING: usize = 1000;
/// Remixes that are timed.
const REMIXES: usize = 200;
/// Least share of batch jobs while remixes wait all the time.
const BATCH_SHARE_LEAST: f64 = 0.2;
/// Most wall time of two workers, of that of one.
const TWO_WORKERS_MOST: f64 = 0.6;
/// Clips of the LIVE that two workers share.
const CLIPS: u64 = 10;

/// What is asked for.
pub struct Wanted {
    /// How often one and two workers take turns.
    pub pairs: u32,
    /// Jobs that go through each engine.
    pub jobs: usize,
}

/// Measures all and gives the page.
///
/// # Errors
/// Where a part fails or a job is lost.
pub fn measured(root: &Path, reprise: &Path, wanted: &Wanted) -> Result<String> {
    let machine = Machine::here(reprise)?;
    let mut page = format!(
        "# A fleet of workers\n\nMade by `reprise-benches fleet`; do not edit.\n\n| | |\n| --- | --- |\n\
         | date | {} |\n| machine | {}, {} cores, {:.1} GiB of memory, Linux {} |\n| versions | {} |\n\n",
        machine.date,
        machine.cpu,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.reprise
    );
    two_workers(root, reprise, wanted.pairs, &mut page)?;
    page += "## What the queue costs\n\n";
    let _ = writeln!(
        page,
        "{} jobs that take {} ms each, {AT_ONCE} at once: CPU time of the queue's calls and of its server, \
         beside the jobs' own time. At most {:.0} % is wanted.\n\n\
         | engine | put in, jobs/s | taken and ended, jobs/s | CPU a job | of the jobs' time | |\n\
         | --- | --- | --- | --- | --- | --- |",
        wanted.jobs,
        JOB.as_millis(),
        QUEUE_SHARE_MOST * 100.0
    );
    for engine in engines()? {
        eprintln!("queue: {}", engine.name);
        page += &queue_row(&engine, &through(&engine, wanted.jobs, JOB)?);
    }
    let _ = writeln!(
        page,
        "\n## How long a remix waits\n\n{BATCH_WAITING} batch jobs wait; {REMIXES} remixes come one after \
         another to a worker with 2 slots and 1 for remixes alone. Then remixes wait all the time, and the \
         batch jobs' share of what is done is counted.\n\n\
         | engine | median | p99 | most wanted | batch share | least wanted | |\n\
         | --- | --- | --- | --- | --- | --- | --- |"
    );
    for engine in engines()? {
        eprintln!("lanes: {}", engine.name);
        page += &lanes(&engine)?;
    }
    Ok(page)
}

fn verdict(good: bool) -> &'static str {
    if good { "met" } else { "MISSED" }
}

/// A queue, and what it needs.
struct Engine {
    name: &'static str,
    url: String,
    server: Option<NatsServer>,
    folder: PathBuf,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server = None;
        // What is left lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn engines() -> Result<[Engine; 2]> {
    let folder = |name: &str| -> Result<PathBuf> {
        let folder =
            std::env::temp_dir().join(format!("reprise-bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (sqlite, nats) = (folder("sqlite")?, folder("nats")?);
    let server = NatsServer::start(0, &nats);
    Ok([
        Engine {
            name: "SQLite",
            url: format!("sqlite://{}/queue.db", sqlite.display()),
            server: None,
            folder: sqlite,
        },
        Engine {
            name: "JetStream, one server",
            url: format!("nats://127.0.0.1:{}?unsynced=accept", server.port),
            server: Some(server),
            folder: nats,
        },
    ])
}

/// CPU seconds of a process so far.
fn cpu_s(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

impl Engine {
    fn cpu_s(&self) -> f64 {
        let server = self.server.as_ref().map_or(0.0, |server| cpu_s(&server.id().to_string()));
        server + cpu_s("self")
    }
}

fn job(lane: Lane, kind: &str, key: String) -> NewJob {
    let body = json!({ "session": "/lives/one/session.toml", "out": "/clips" });
    NewJob { tenant: "bench".to_owned(), lane, kind: kind.to_owned(), key, body }
}

/// What each engine takes and how much goes through it: the file's, then JetStream's.
///
/// # Errors
/// Where one loses a job.
pub fn throughputs(jobs: usize) -> Result<[Queue; 2]> {
    let [file, server] = engines()?;
    let through = |engine| through(engine, jobs, Duration::ZERO);
    Ok([through(&file)?, through(&server)?])
}

/// Puts jobs in and does them; each only waits for as long as it takes.
fn through(engine: &Engine, jobs: usize, takes: Duration) -> Result<Queue> {
    let queue = reprise_queue::open(&engine.url)?;
    let cpu_before = engine.cpu_s();
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs {
                        return;
                    }
                    let put =
                        queue.enqueue(&job(Lane::Batch, fleet::LIVE, format!("job {number}")));
                    if let Err(error) = put {
                        eprintln!("{error}");
                    }
                }
            });
        }
    });
    let put_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for slot in 0..AT_ONCE {
            let (queue, done) = (&queue, &done);
            scope.spawn(move || {
                let worker = format!("worker-{slot}");
                while done.load(Ordering::Relaxed) < jobs {
                    match queue.lease(&worker, &Lane::ALL, Duration::from_secs(60)) {
                        Ok(Some(leased)) => {
                            std::thread::sleep(takes);
                            if queue.finish(&leased.token, json!({})).unwrap_or(false) {
                                done.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        Ok(None) => std::thread::sleep(Duration::from_millis(100)),
                        Err(error) => {
                            eprintln!("{error}");
                            std::thread::sleep(Duration::from_millis(100));
                        }
                    }
                }
            });
        }
    });
    let done_s = begun.elapsed().as_secs_f64();
    let cpu = engine.cpu_s() - cpu_before;
    let begun = Instant::now();
    let counts = queue.counts()?;
    let counted_s = begun.elapsed().as_secs_f64();
    if counts.done != jobs as u64 || counts.open() != 0 {
        return Err(format!("{}: {counts:?} of {jobs} jobs", engine.name).into());
    }
    let round = |figure: f64| (figure * 100.0).round() / 100.0;
    Ok(Queue {
        cpu_ms_per_job: round(cpu / jobs as f64 * 1e3),
        put_per_s: round(jobs as f64 / put_s),
        done_per_s: round(jobs as f64 / done_s),
        counted_per_s: (jobs as f64 / counted_s).round(),
    })
}

/// As a row of the page.
fn queue_row(engine: &Engine, queue: &Queue) -> String {
    let share = queue.cpu_ms_per_job / 1e3 / JOB.as_secs_f64();
    format!(
        "| {} | {:.0} | {:.0} | {:.2} ms | {:.1} % | {} |\n",
        engine.name,
        queue.put_per_s,
        queue.done_per_s,
        queue.cpu_ms_per_job,
        share * 100.0,
        verdict(share < QUEUE_SHARE_MOST)
    )
}

/// A worker of the fleet whose jobs take [`JOB`] and do nothing.
fn lanes(engine: &Engine) -> Result<String> {
    let queue = reprise_queue::open(&engine.url)?;
    for number in 0..BATCH_WAITING {
        queue.enqueue(&job(Lane::Batch, fleet::LIVE, format!("batch {number}")))?;
    }
    let result = json!({ "result": {
        "session_id": "one", "session_json": "", "report": "", "clips": [], "not_clipped": 0,
        "nothing_to_do": false, "run": "one", "highlights": [],
    } });
    let script = format!("read told; sleep {}; echo '{result}'", JOB.as_secs_f64());
    let options = FleetOptions {
        name: "bench".to_owned(),
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script],
        slots: 2,
        remix_slots: 1,
        share: None,
        lease: Duration::from_secs(30),
        stall: Duration::from_secs(60),
        drain: Duration::from_secs(5),
        until_empty: false,
        temporary: engine.folder.join("temporary"),
        hooks: Arc::default(),
        listen: None,
        traced: |_, _| {},
        trace_parent: || None,
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let working = scope.spawn(|| fleet::work(&queue, &options, &stop));
        let measured = waits(&queue).and_then(|waits| Ok((waits, batch_share(&queue)?)));
        stop.store(true, Ordering::Relaxed);
        working.join().map_err(|_| "the worker panicked")??;
        let (mut waits, share) = measured?;
        waits.sort();
        let at = |share: f64| waits[((waits.len() as f64 * share).ceil() as usize).max(1) - 1];
        let (median, p99) = (at(0.5), at(0.99));
        Ok(format!(
            "| {} | {:.2} s | {:.2} s | {} s | {:.0} % | {:.0} % | {} |\n",
            engine.name,
            median.as_secs_f64(),
            p99.as_secs_f64(),
            REMIX_WAIT_MOST.as_secs(),
            share * 100.0,
            BATCH_SHARE_LEAST * 100.0,
            verdict(p99 <= REMIX_WAIT_MOST && share >= BATCH_SHARE_LEAST)
        ))
    })
}

/// How long each remix waited until somebody had it.
fn waits(queue: &Arc<dyn JobQueue>) -> Result<Vec<Duration>> {
    let mut waits = Vec::new();
    for number in 0..REMIXES {
        let put = queue.enqueue(&job(Lane::Remix, REMIX, format!("remix {number}")))?;
        let begun = Instant::now();
        while queue.job(&put.id)?.is_some_and(|job| job.state == State::Waiting) {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err("a remix was not picked up within a minute".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        waits.push(begun.elapsed());
    }
    Ok(waits)
}

/// The share of batch jobs in what is done while remixes wait all the time.
fn batch_share(queue: &Arc<dyn JobQueue>) -> Result<f64> {
    for number in 0..REMIXES {
        queue.enqueue(&job(Lane::Remix, REMIX, format!("more {number}")))?;
    }
    for number in 0..REMIXES {
        queue.enqueue(&job(Lane::Batch, fleet::LIVE, format!("more batch {number}")))?;
    }
    let done = |lane: Lane| -> Result<usize> {
        let all = queue.jobs(&reprise_queue::Filter::default())?;
        Ok(all.iter().filter(|job| job.lane == lane && job.state == State::Done).count())
    };
    let before = (done(Lane::Remix)?, done(Lane::Batch)?);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = (done(Lane::Remix)? - before.0, done(Lane::Batch)? - before.1);
        // While some of both still wait.
        if now.0 >= REMIXES / 2 {
            return Ok(now.1 as f64 / (now.0 + now.1) as f64);
        }
    }
}

/// One worker and two, each pinned to a core, do the clips of one LIVE.
fn two_workers(root: &Path, reprise: &Path, pairs: u32, page: &mut String) -> Result<()> {
    let recording = Recording::choose(root)?;
    let work = std::env::temp_dir().join(format!("reprise-bench-fleet-{}", std::process::id()));
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let session = ten_spikes(&root.join(&recording.live), recording.duration_s, &work)?;
    let settings = work.join("settings.toml");
    fs::write(&settings, "[segment]\nmax_moments = 10\nmax_per_product = 10\nmax_s = 32.0\n")?;
    let mut runs: [Vec<Usage>; 2] = [Vec::new(), Vec::new()];
    for pair in 0..=pairs {
        for (workers, runs) in (1..).zip(&mut runs) {
            let name = format!("{pair}-{workers}");
            let queue = format!("sqlite://{}/queue-{name}.db", work.display());
            let out = work.join(&name);
            let mut put = Command::new(reprise);
            put.arg("enqueue").arg(&session).arg("--out").arg(&out).args(["--queue", &queue]);
            measure(&mut put, &work.join("log"))?;
            let worker = |core: usize| {
                let (reprise, settings) = (reprise.display(), settings.display());
                format!(
                    "taskset -c {core} {reprise} worker --queue '{queue}' --slots 1 --remix-slots 0 \
                     --until-empty --settings {settings}"
                )
            };
            let all: Vec<String> = (0..workers).map(|core| worker(core) + " & ").collect();
            let script = format!("{} wait", all.join(""));
            let usage = measure(Command::new("sh").args(["-c", &script]), &work.join("log"))?;
            clips_made(&out)?;
            eprintln!("{workers} workers: {:.1} s", usage.wall_s);
            // The first pair only warms what is read.
            if pair > 0 {
                runs.push(usage);
            }
        }
    }
    fs::remove_dir_all(&work)?;
    let median = |of: &dyn Fn(usize) -> f64| {
        let mut all: Vec<f64> = (0..runs[0].len()).map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let ratio = median(&|pair| runs[1][pair].wall_s / runs[0][pair].wall_s);
    let _ = writeln!(
        page,
        "## Two workers and one\n\nThe {CLIPS} clips of one LIVE ({}), each worker pinned to a core; the \
         medians of {pairs} pairs.\n\n\
         | | wall | CPU |\n| --- | --- | --- |\n\
         | one worker | {:.1} s | {:.1} s |\n| two workers | {:.1} s | {:.1} s |\n\
         | wall, two to one | {ratio:.2} ({TWO_WORKERS_MOST} wanted: {}) | |\n",
        recording.described,
        median(&|pair| runs[0][pair].wall_s),
        median(&|pair| runs[0][pair].cpu_s),
        median(&|pair| runs[1][pair].wall_s),
        median(&|pair| runs[1][pair].cpu_s),
        verdict(ratio <= TWO_WORKERS_MOST)
    );
    Ok(())
}

/// A session of the recording whose orders spike ten times.
fn ten_spikes(live: &Path, duration_s: f64, work: &Path) -> Result<PathBuf> {
    let mut log = String::new();
    let mut order = 0;
    let mut at = |second: f64, kind: &str, rest: String| {
        let whole = second as u64;
        let _ = writeln!(
            log,
            "{{\"at\":\"2026-11-20T12:{:02}:{:02}Z\",\"type\":\"{kind}\",{rest}}}",
            whole / 60,
            whole % 60
        );
    };
    let every = duration_s / CLIPS as f64;
    for second in (0..duration_s as u64).map(|second| second as f64) {
        let place = second % every;
        let product = (second / every) as u64;
        if place < 1.0 {
            at(second, "pin", format!("\"product_id\":\"p{product}\""));
        }
        // What is pitched in the first half is bought half a minute later.
        let pitched = |second: f64| (every * 0.1..every * 0.45).contains(&(second % every));
        let orders =
            if second > 30.0 && pitched(second - 30.0) { 4 } else { u64::from(second % 8.0 < 1.0) };
        let bought = ((second - 30.0).max(0.0) / every) as u64;
        for _ in 0..orders {
            order += 1;
            at(
                second,
                "order",
                format!(
                    "\"order_id\":\"o{order}\",\"product_id\":\"p{bought}\",\"quantity\":1,\
                     \"amount\":{{\"value\":\"20.00\",\"currency\":\"USD\"}},\"status\":\"paid\""
                ),
            );
        }
    }
    fs::write(work.join("events.jsonl"), log)?;
    let products: Vec<_> = (0..CLIPS)
        .map(|n| json!({ "id": format!("p{n}"), "title": format!("Product {n}"), "price": { "value": "20.00", "currency": "USD" } }))
        .collect();
    fs::write(work.join("products.json"), serde_json::to_vec(&products)?)?;
    let live = fs::canonicalize(live)?;
    let session = work.join("session.toml");
    fs::write(
        &session,
        format!(
            "id = \"bench\"\nseller = \"bench\"\ncreator = \"host\"\nlanguages = [\"en\"]\n\
             timezone = \"Asia/Jakarta\"\nconsent = true\nproducts = \"products.json\"\n\n\
             [[recordings]]\nuri = \"{}\"\nstarted_at = 2026-11-20T12:00:00Z\n\n\
             [events]\nlog = \"events.jsonl\"\n",
            live.display()
        ),
    )?;
    Ok(session)
}

/// Fails unless as many windows were looked at as the LIVE has pitches.
fn clips_made(out: &Path) -> Result<()> {
    let stages = out.join("bench/bench/.stages/clip");
    let made = fs::read_dir(&stages).map_or(0, |files| files.count());
    if made as u64 != CLIPS {
        return Err(format!("{made} windows were made, not {CLIPS}").into());
    }
    Ok(())
}
