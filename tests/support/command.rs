//! The command `reprise` as users run it, and other programs, each with a limit of time.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A command that takes longer hangs, and the test fails.
const LIMIT: Duration = Duration::from_secs(300);
/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(5);

/// What a command did.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Largest resident set seen, bytes.
    pub peak_bytes: u64,
}

impl Output {
    /// Standard output as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("standard output is no JSON document: {error}\n{self:?}")
        })
    }

    /// Fails unless the command ended with `code`, without a panic.
    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Fails unless standard error holds each of `words`.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not said:\n{}", self.stderr);
        }
        self
    }
}

/// The binary: the one that `REPRISE_BIN` names, or else built once a process, with the profile and
/// into the folder of the test itself.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(built) = std::env::var_os("REPRISE_BIN") {
            return built.into();
        }
        let test = std::env::current_exe().expect("the test knows its own path");
        let folder = test.ancestors().nth(2).expect("target/<profile>/deps").to_owned();
        let profile = match folder.file_name().and_then(OsStr::to_str) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bins",
                "--profile",
                profile,
                "--target-dir",
            ])
            .arg(folder.parent().expect("a target folder"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "reprise cannot be built");
        folder.join("reprise")
    })
}

/// Runs `reprise` to its end.
pub fn reprise<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    start(arguments).wait(LIMIT)
}

/// Runs `reprise` to its end in surroundings that name no S3 but what `environment` says.
pub fn reprise_in<S: AsRef<OsStr>>(
    environment: &[(&str, String)],
    arguments: impl IntoIterator<Item = S>,
) -> Output {
    start_in(environment, arguments).wait(LIMIT)
}

/// Starts `reprise` in surroundings as those of [`reprise_in`].
pub fn start_in<S: AsRef<OsStr>>(
    environment: &[(&str, String)],
    arguments: impl IntoIterator<Item = S>,
) -> Running {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("REPRISE_LOG");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    // No credentials of whoever runs the tests, and no machine's role.
    command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Running::start(&mut command)
}

/// Starts `reprise`.
pub fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Running {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("REPRISE_LOG");
    Running::start(&mut command)
}

/// A command that runs.
pub struct Running {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
    started: Instant,
    name: String,
}

impl Running {
    /// Starts any command.
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be run: {error}"));
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr, started: Instant::now(), name }
    }

    /// Waits for the end; the test fails where it does not come within `limit`.
    pub fn wait(self, limit: Duration) -> Output {
        let name = self.name.clone();
        self.wait_at_most(limit).unwrap_or_else(|output| {
            panic!("{name} hangs: no end within {limit:?}\n{}", output.stderr)
        })
    }

    /// Waits for the end; where it does not come within `limit` it is killed.
    ///
    /// # Errors
    /// What it said until then.
    pub fn wait_at_most(mut self, limit: Duration) -> Result<Output, Output> {
        match self.poll(limit) {
            Some(peak_bytes) => Ok(self.finish(peak_bytes)),
            None => Err(self.kill()),
        }
    }

    /// Kills it (SIGKILL) after `delay`, unless it ends before.
    pub fn kill_after(mut self, delay: Duration) -> Output {
        match self.poll(delay) {
            Some(peak_bytes) => self.finish(peak_bytes),
            None => self.kill(),
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let told = Command::new("sh").args(["-c", "kill -TERM $0", &id]).status();
        let told = told.expect("a shell is there");
        assert!(told.success(), "{} has ended before", self.name);
    }

    /// Kills it (SIGKILL) now.
    pub fn kill(mut self) -> Output {
        // It may have ended meanwhile.
        let _ = self.child.kill();
        self.finish(0)
    }

    /// The peak of memory once it has ended, `None` where `limit` passes before.
    fn poll(&mut self, limit: Duration) -> Option<u64> {
        let status = format!("/proc/{}/status", self.child.id());
        let mut peak_bytes = 0;
        loop {
            if self.child.try_wait().expect("a child can be waited for").is_some() {
                return Some(peak_bytes);
            }
            if self.started.elapsed() >= limit {
                return None;
            }
            peak_bytes = peak_bytes.max(high_water(&status).unwrap_or(0));
            std::thread::sleep(POLL);
        }
    }

    fn finish(mut self, peak_bytes: u64) -> Output {
        let status = self.child.wait().expect("a child can be waited for");
        let text = |reader: JoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&reader.join().expect("a pipe is read")).into_owned()
        };
        Output {
            code: status.code(),
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            peak_bytes,
        }
    }
}

/// `VmHWM` of a process.
fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks gives what came until then.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// Processes that another started, and theirs, the oldest first.
pub fn descendants(of: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let parents: Vec<(u32, u32)> = all
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name in brackets may hold anything; the state and the parent follow it.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|pair| pair.1 == parent).map(|pair| pair.0));
        next += 1;
    }
    found
}

/// Sends a signal to processes, as far as they are still there.
pub fn signal(name: &str, processes: &[u32]) {
    let ids: Vec<String> = processes.iter().map(u32::to_string).collect();
    let script = format!("kill -{name} {} 2>/dev/null || true", ids.join(" "));
    assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
}
