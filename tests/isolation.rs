//! Decoding in a child: what it cannot do, and that its crash, its hang and its lies end one window
//! and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise_checks::{LookFor, NoAdviser, Policy};
use reprise_media::remote::{Misbehaviour, Program};
use reprise_media::{FileSource, Media, sandbox};
use reprise_model::{ByteSource, Error, Kind, MediaTime, Result, Span};
use reprise_tests::command::{self, Running, reprise};
use reprise_tests::session::{Session, short_clips};
use reprise_tests::{live, results, tree};
use reprise_transcode::{
    ChildLimits, Isolation, MediaWorkers, Profile, TrimSettings, Verify, Wanted, WindowOutcome,
    WindowRequest,
};

/// Work that is honest gets on within this even where many tests run at once.
const PATIENCE_S: f64 = 20.0;

fn workers(misbehave: Option<(usize, Misbehaviour)>) -> MediaWorkers {
    let arguments = ["decode-child", "1024", "--may-misbehave"].map(str::to_owned).to_vec();
    MediaWorkers::isolated(Isolation {
        program: Program { path: command::binary().to_owned(), arguments },
        limits: ChildLimits { time_s: PATIENCE_S, time_per_window_s: 0.0, ..Default::default() },
        misbehave,
    })
}

fn recording() -> (Arc<dyn ByteSource>, PathBuf) {
    let path = live::folder().join("live.flv");
    (FileSource::open(&path).unwrap(), path)
}

fn window(
    workers: &MediaWorkers,
    source: &Arc<dyn ByteSource>,
    media: &Media,
    start_s: f64,
) -> Result<Vec<u8>> {
    let request = WindowRequest {
        media,
        moment: Span::from_seconds(start_s, start_s + 0.5),
        exact: true,
        avoid: &[],
        look_for: &LookFor::default(),
        wanted: &Wanted::default(),
        policy: &Policy::default(),
        trim: &TrimSettings::default(),
        encode: &Profile::built_in().unwrap().settings,
        verify: Verify::default(),
    };
    match workers.run_window(Arc::clone(source), &request, &NoAdviser)? {
        WindowOutcome::Clip(clip) => Ok(clip.mp4.to_vec()),
        WindowOutcome::Nothing(refusal) => panic!("{}", refusal.detail),
    }
}

#[test]
fn a_child_reaches_no_file_no_network_and_no_program() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();

    let (layers, attempts) = workers(None).prove(&address).unwrap().unwrap();
    assert!(layers.limits && layers.seccomp, "{layers:?}");
    assert!(attempts.len() >= 10);
    for attempt in &attempts {
        assert!(attempt.refused, "{}: {}", attempt.what, attempt.detail);
        assert!(attempt.detail.contains("ot permitted"), "{attempt:?} failed for another reason");
    }
    let came = listener.accept();
    assert!(came.is_err(), "{came:?}");

    // The same attempts work where no walls are, so it is the walls that refuse them.
    for attempt in sandbox::prove(&address) {
        let elsewhere = attempt.what == "connect to a socket in a folder";
        assert!(elsewhere || !attempt.refused, "{}: {}", attempt.what, attempt.detail);
    }
    assert!(listener.accept().is_ok());
}

#[test]
fn a_child_gets_no_environment_and_no_open_file() {
    let out = tempfile::tempdir().unwrap();
    let mut running = cutting(out.path(), Some("sleep@1"));
    let child = child_of(running.id());
    let environment = std::fs::read(format!("/proc/{child}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    let foreign = environment
        .split('\0')
        .any(|entry| !entry.is_empty() && !entry.starts_with("LD_LIBRARY_PATH="));
    assert!(!foreign, "{environment}");
    for entry in std::fs::read_dir(format!("/proc/{child}/fd")).unwrap() {
        let target = std::fs::read_link(entry.unwrap().path()).unwrap();
        let target = target.to_string_lossy();
        let harmless =
            ["socket:", "pipe:", "/dev/null"].iter().any(|start| target.starts_with(start));
        assert!(harmless, "the child holds {target}");
    }
    running.end();
}

/// Has the second request (the first window) answered by misbehaviour: the error, and that the next
/// window is made by another child.
fn misbehaved(how: Misbehaviour) -> Error {
    let workers = workers(Some((2, how)));
    let (source, path) = recording();
    let media = workers.probe(Arc::clone(&source)).unwrap();
    let error = window(&workers, &source, &media, 12.0).unwrap_err();
    assert_eq!(error.place.file.as_deref(), Some(path.to_str().unwrap()), "{how:?}: {error}");
    assert_eq!(error.place.time, Some(MediaTime::from_seconds(12.0)), "{how:?}: {error}");
    assert!(error.message.contains("in the window from 0:00:12"), "{how:?}: {error}");
    assert!(!window(&workers, &source, &media, 12.0).unwrap().is_empty(), "{how:?}");
    error
}

#[track_caller]
fn ends(how: Misbehaviour, kind: Kind, words: &str) {
    let error = misbehaved(how);
    assert_eq!(error.kind, kind, "{how:?}: {error}");
    assert!(error.message.contains(words), "{how:?}: {error}");
}

#[test]
fn a_crash_ends_its_window_alone() {
    ends(Misbehaviour::Crash, Kind::Malformed, "crashed (SIGSEGV)");
    ends(Misbehaviour::Abort, Kind::Malformed, "crashed (SIGABRT)");
    ends(Misbehaviour::Leave, Kind::Malformed, "ended by itself (exit code 0)");
}

#[test]
fn memory_is_bounded() {
    ends(Misbehaviour::Eat, Kind::Limit, "more memory than it may");
}

#[test]
fn a_hang_ends_in_time() {
    let begun = Instant::now();
    ends(Misbehaviour::Sleep, Kind::Stalled, "hangs");
    ends(Misbehaviour::Reread, Kind::Stalled, "hangs");
    ends(Misbehaviour::Spin, Kind::Stalled, "hangs");
    assert!(begun.elapsed() > Duration::from_secs_f64(3.0 * PATIENCE_S));
}

#[test]
fn a_child_that_was_taken_over_gains_nothing() {
    ends(Misbehaviour::Babble, Kind::Malformed, "protocol (a message is too long)");
    ends(Misbehaviour::Boast, Kind::Malformed, "protocol (its answer is too long)");
    ends(
        Misbehaviour::Trespass,
        Kind::Malformed,
        "protocol (it wants a file that does not lie below)",
    );
    ends(Misbehaviour::Guess, Kind::Malformed, "protocol (it reads 4000, which was never opened)");
    // A failed disk would end the whole run.
    ends(Misbehaviour::Lie, Kind::Malformed, "no space is left");
}

#[test]
fn a_child_that_nobody_allowed_to_misbehave_does_not() {
    let isolation = Isolation {
        program: Program {
            path: command::binary().to_owned(),
            arguments: vec!["decode-child".to_owned(), "1024".to_owned()],
        },
        limits: ChildLimits::default(),
        misbehave: Some((1, Misbehaviour::Crash)),
    };
    let error = MediaWorkers::isolated(isolation).probe(recording().0).unwrap_err();
    assert!(error.message.contains("behaves"), "{error}");
}

#[test]
fn a_program_that_is_no_child_is_said_to_be_none() {
    for path in ["/bin/true", "/nowhere"] {
        let isolation = Isolation {
            program: Program { path: path.into(), arguments: Vec::new() },
            limits: ChildLimits::default(),
            misbehave: None,
        };
        let workers = MediaWorkers::isolated(isolation);
        let error = workers.probe(recording().0).unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable, "{path}: {error}");
    }
    // By hand it says what it is, and ends.
    reprise(["decode-child", "100"]).expect(64).says(&["not by hand"]);
}

#[test]
fn a_run_goes_on_where_a_child_crashes() {
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let session = Session::new();
    let out = folder.path().join("out");
    let mut command = Command::new(command::binary());
    command.arg("run").arg(session.manifest()).arg("--out").arg(&out);
    command.arg("--settings").arg(&settings).env("REPRISE_TEST_MISBEHAVE", "crash@3");
    let output = Running::start(&mut command).wait(Duration::from_secs(300));
    output.expect(0);
    let outcome = results::outcome(&results::session_folder(&out));
    let crashed: Vec<_> =
        outcome.not_clipped.iter().filter(|not| not.detail.contains("SIGSEGV")).collect();
    assert_eq!(crashed.len(), 1, "{:?}", outcome.not_clipped);
    // Which of the two windows meets the crash is a race; the other is judged to its end.
    let judged = outcome.not_clipped.iter().filter(|not| not.rule != "none").count();
    assert_eq!(outcome.clips.len() + judged, 1, "{:?}", outcome.not_clipped);
}

#[test]
fn walls_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let live = live::folder();
    for name in ["live.ts", "live.mp4"] {
        for isolation in ["on", "off"] {
            let out = folder.path().join(isolation).join(name);
            let recording = live.join(name);
            reprise([
                "cut",
                recording.to_str().unwrap(),
                "--window",
                "61.3-62.8",
                "--window",
                "20-21",
                "--out",
                out.to_str().unwrap(),
                "--isolation",
                isolation,
            ])
            .expect(0);
        }
    }
    let on = tree::read(&folder.path().join("on"));
    assert!(on.len() >= 12, "{:?}", on.keys());
    tree::assert_same_bytes(&on, &tree::read(&folder.path().join("off")), "with walls");
}

#[test]
fn a_child_ends_with_its_parent() {
    for how in ["spin@1", "sleep@1"] {
        let out = tempfile::tempdir().unwrap();
        let mut running = cutting(out.path(), Some(how));
        let child = child_of(running.id());
        running.end();
        let begun = Instant::now();
        while alive(child) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{how}: the child lives on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A `cut` that runs.
struct Cutting(std::process::Child);

impl Cutting {
    fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it (SIGKILL).
    fn end(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Cutting {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
    }
}

fn cutting(out: &Path, misbehave: Option<&str>) -> Cutting {
    let mut command = Command::new(command::binary());
    command.arg("cut").arg(recording().1).args(["--window", "10-12", "--out"]).arg(out);
    command.envs(misbehave.map(|how| ("REPRISE_TEST_MISBEHAVE", how)));
    Cutting(command.stderr(std::process::Stdio::null()).spawn().unwrap())
}

/// The first child of a process, once it has shut itself in.
fn child_of(parent: u32) -> u32 {
    let begun = Instant::now();
    loop {
        let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let found = list.unwrap_or_default().split_whitespace().next().map(str::to_owned);
        let found = found.or_else(|| child_by_parent(parent));
        if let Some(id) = found {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            if status.lines().any(|line| line == "Seccomp:\t2") {
                // Its worker has the request a moment later.
                std::thread::sleep(Duration::from_millis(300));
                return id.parse().unwrap();
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no child is started");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Children of other threads than the first are not in its list.
fn child_by_parent(parent: u32) -> Option<String> {
    let wanted = format!("PPid:\t{parent}");
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()).find_map(|entry| {
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        status.lines().any(|line| line == wanted).then_some(name)
    })
}

/// Whether a process runs; one that only waits to be reaped does not.
fn alive(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

#[test]
fn text_is_read_by_one_thread_however_many_its_library_would_start() {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::new();
    let limit = |asked: Option<&str>| {
        let mut command = Command::new(command::binary());
        command.arg("run").arg(session.manifest()).arg("--out").arg(folder.path().join("out"));
        command.env_remove("OMP_THREAD_LIMIT").envs(asked.map(|limit| ("OMP_THREAD_LIMIT", limit)));
        let mut process = command.spawn().unwrap();
        let environment = format!("/proc/{}/environ", process.id());
        let begun = Instant::now();
        let found = loop {
            // It is read between the spawn and the program's own beginning too.
            let text = std::fs::read_to_string(&environment).unwrap_or_default();
            let found = text.split('\0').find_map(|entry| entry.strip_prefix("OMP_THREAD_LIMIT="));
            if found.is_some() || begun.elapsed() > Duration::from_secs(10) {
                break found.map(str::to_owned);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        process.kill().unwrap();
        process.wait().unwrap();
        found
    };
    assert_eq!(limit(None).as_deref(), Some("1"));
    assert_eq!(limit(Some("3")).as_deref(), Some("3"));
}
