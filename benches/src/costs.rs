//! What a LIVE, a window and a job of the queue cost: measured here, kept in `benches/costs.toml`, from
//! which the capacity sheet is computed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_servers::{S3Requests, S3Server};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::fleet;
use crate::log_speed;
use crate::machine::Machine;
use crate::measure::{Usage, measure};
use crate::recording::Recording;

/// What was measured, and where.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// On what.
    pub measured: Measured,
    /// A LIVE without its windows.
    pub live: Share,
    /// A window of a LIVE with the clip that came of it, where one did.
    pub window: Share,
    /// An event log.
    pub log: Log,
    /// The queue on a file.
    pub sqlite: Queue,
    /// The queue on one JetStream server.
    pub jetstream: Queue,
}

/// Where and on what it was measured.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub date: String,
    pub machine: String,
    pub version: String,
    pub recording: String,
    /// Windows of the two runs that the rest is the difference of.
    pub windows: [u64; 2],
    /// Clips that came of the longer run.
    pub clips: u64,
}

/// What a part of a job takes: in CPU time, and from and to the object store.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    pub cpu_s: f64,
    /// GET and HEAD.
    pub reads: f64,
    /// PUT, POST and listings.
    pub writes: f64,
    pub deletes: f64,
    pub megabytes_read: f64,
    /// What stays in the store.
    pub megabytes_kept: f64,
}

/// What an event log takes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Parsing and segmenting.
    pub cpu_s_per_million_events: f64,
    /// At five million events.
    pub memory_mib: u64,
}

/// What a queue takes and how much goes through it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Of the queue's calls and its server.
    pub cpu_ms_per_job: f64,
    pub put_per_s: f64,
    pub done_per_s: f64,
    /// Records that are read in a second to count what waits.
    pub counted_per_s: f64,
}

/// Jobs that go through each engine.
const JOBS: usize = 5000;

/// Measures all of it.
///
/// # Errors
/// Where a part fails.
pub fn measured(root: &Path, reprise: &Path, work: &Path) -> Result<Costs> {
    let machine = Machine::here(reprise)?;
    let recording = Recording::choose(root)?;
    let folder = work.join("costs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let one = run(root, reprise, &recording, &folder, 1)?;
    let all = run(root, reprise, &recording, &folder, 20)?;
    let more = (all.windows - one.windows) as f64;
    if more < 1.0 {
        return Err(
            format!("{} and {} windows: nothing to tell apart", one.windows, all.windows).into()
        );
    }
    let window = share(
        |run| {
            [
                run.usage.cpu_s,
                run.asked.reads as f64,
                run.asked.writes as f64,
                run.asked.deletes as f64,
                run.read_mb,
                run.kept_mb,
            ]
        },
        &all,
        &one,
        more,
    );
    let live = rest(&one, &window);
    eprintln!("the log");
    let log = log_speed::measured(reprise, work, 1)?;
    let cpu: f64 =
        log.segment.iter().map(|usage| usage.cpu_s).sum::<f64>() / log.segment.len() as f64;
    let [sqlite, jetstream] = fleet::throughputs(JOBS)?;
    fs::remove_dir_all(&folder)?;
    let profile = if cfg!(debug_assertions) {
        "dev profile (optimised, with assertions)"
    } else {
        "release profile"
    };
    Ok(Costs {
        measured: Measured {
            date: machine.date,
            machine: format!("{}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel),
            version: format!("{}, {profile}", machine.reprise),
            recording: recording.described,
            windows: [one.windows, all.windows],
            clips: all.clips,
        },
        live,
        window,
        log: Log {
            cpu_s_per_million_events: round(cpu / log.events as f64 * 1e6),
            memory_mib: log.memory_mib(),
        },
        sqlite,
        jetstream,
    })
}

/// Two digits behind the point: more were noise.
fn round(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// One run from and into S3.
struct Run {
    usage: Usage,
    asked: S3Requests,
    read_mb: f64,
    kept_mb: f64,
    windows: u64,
    clips: u64,
}

type Figures = [f64; 6];

fn share(figures: impl Fn(&Run) -> Figures, all: &Run, one: &Run, more: f64) -> Share {
    let (all, one) = (figures(all), figures(one));
    let each = |at: usize| round(((all[at] - one[at]) / more).max(0.0));
    Share {
        cpu_s: each(0),
        reads: each(1),
        writes: each(2),
        deletes: each(3),
        megabytes_read: each(4),
        megabytes_kept: each(5),
    }
}

/// What a run of few windows took besides them.
fn rest(run: &Run, window: &Share) -> Share {
    let without = |all: f64, each: f64| round((all - each * run.windows as f64).max(0.0));
    Share {
        cpu_s: without(run.usage.cpu_s, window.cpu_s),
        reads: without(run.asked.reads as f64, window.reads),
        writes: without(run.asked.writes as f64, window.writes),
        deletes: without(run.asked.deletes as f64, window.deletes),
        megabytes_read: without(run.read_mb, window.megabytes_read),
        megabytes_kept: without(run.kept_mb, window.megabytes_kept),
    }
}

fn run(
    root: &Path,
    reprise: &Path,
    recording: &Recording,
    folder: &Path,
    moments: u32,
) -> Result<Run> {
    let store = folder.join(format!("store-{moments}"));
    fs::create_dir_all(&store)?;
    let server = S3Server::start(&store);
    server.make_bucket("lives");
    server.make_bucket("clips");
    let session = root.join(&recording.session);
    let inputs = session.parent().ok_or("a session lies in a folder")?;
    for path in files(inputs)? {
        let name = path.strip_prefix(inputs)?.to_str().ok_or("a name in UTF-8")?.to_owned();
        server.put("lives", &name, fs::read(&path)?);
    }
    let settings = folder.join("settings.toml");
    fs::write(&settings, format!("[segment]\nmax_moments = {moments}\n"))?;
    let before = (server.requests(), server.traffic());
    let mut command = Command::new(reprise);
    command.args([
        "run",
        "s3://lives/session.toml",
        "--out",
        "s3://clips",
        "--jobs",
        "1",
        "--settings",
    ]);
    command.arg(&settings).envs(server.environment());
    let usage = measure(&mut command, &folder.join("log"))?;
    let asked = server.requests();
    let kept = files(&store.join("clips"))?;
    let of = |part: &str| {
        kept.iter().filter(|path| path.to_string_lossy().contains(part)).count() as u64
    };
    let bytes: u64 =
        kept.iter().map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum();
    let made = Run {
        usage,
        asked: S3Requests {
            writes: asked.writes - before.0.writes,
            reads: asked.reads - before.0.reads,
            deletes: asked.deletes - before.0.deletes,
        },
        read_mb: server.traffic().since(before.1).bytes as f64 / 1e6,
        kept_mb: bytes as f64 / 1e6,
        windows: of("/.stages/clip/"),
        clips: of("/clip.mp4"),
    };
    eprintln!(
        "{} windows: {:.1} CPU s, {:?}, {:.1} MB read",
        made.windows, made.usage.cpu_s, made.asked, made.read_mb
    );
    Ok(made)
}

/// All files below a folder, without hidden metadata of the server.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    Ok(found)
}
