//! Runs a command and measures its whole process tree: CPU seconds, wall seconds, peak memory.
//!
//! All of it is read from `/proc`, so neither FFI nor another program is needed. CPU time is what
//! the kernel adds to this process for every child that was waited for, and for theirs. Memory is
//! looked at every [`LOOK_EVERY`]; each process's own peak is kept by the kernel, so only what it
//! grows in the last moment before its end is missed.

use std::fs::{self, File};
use std::ops::AddAssign;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How often the process tree is looked at; also how exact wall time is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Clock ticks a second in `/proc/*/stat`: part of the kernel's interface, 100 on every machine that
/// Rust and FFmpeg are built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Lines of a failed command's words that are repeated.
const WORDS_KEPT: usize = 30;

/// What a command used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all its processes.
    pub cpu_s: f64,
    /// From start to end.
    pub wall_s: f64,
    /// Peak resident memory (`VmHWM`) of its largest process.
    pub largest_process_kib: u64,
    /// Largest sum of the resident memory of all its processes at one time.
    pub together_kib: u64,
}

impl AddAssign for Usage {
    /// One command after another.
    fn add_assign(&mut self, next: Self) {
        self.cpu_s += next.cpu_s;
        self.wall_s += next.wall_s;
        self.largest_process_kib = self.largest_process_kib.max(next.largest_process_kib);
        self.together_kib = self.together_kib.max(next.together_kib);
    }
}

/// Runs a command to its end. What it says goes to `log`.
///
/// # Errors
/// Where it cannot be started or ends with a failure: with its last words, so that nothing that
/// failed is counted as fast.
pub fn measure(command: &mut Command, log: &Path) -> Result<Usage> {
    let words = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let copy = words.try_clone()?;
    command.stdin(Stdio::null()).stdout(copy).stderr(words);
    let program = command.get_program().to_string_lossy().into_owned();
    let cpu_before = children_cpu_s()?;
    let start = Instant::now();
    let mut child =
        command.spawn().map_err(|error| format!("{program} does not start: {error}"))?;
    let mut usage = Usage::default();
    let status = loop {
        let (largest, together) = memory_kib(child.id());
        usage.largest_process_kib = usage.largest_process_kib.max(largest);
        usage.together_kib = usage.together_kib.max(together);
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    usage.wall_s = start.elapsed().as_secs_f64();
    usage.cpu_s = children_cpu_s()? - cpu_before;
    if status.success() {
        return Ok(usage);
    }
    let said = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(WORDS_KEPT)..].join("\n");
    Err(format!("{program} failed ({status}); it said:\n{last}").into())
}

/// CPU seconds of every child that was waited for so far, and of theirs.
fn children_cpu_s() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let ticks = Stat::parse(&stat).ok_or("/proc/self/stat has another form than expected")?;
    Ok(ticks.children_ticks as f64 / TICKS_PER_SECOND)
}

/// The largest peak of any process, and the present sum, of the tree under `root`.
fn memory_kib(root: u32) -> (u64, u64) {
    let parents = parents();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    let (mut largest, mut together) = (0, 0);
    for process in tree {
        // A process that has just ended has no figures any more.
        let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else { continue };
        largest = largest.max(field_kib(&status, "VmHWM").unwrap_or(0));
        together += field_kib(&status, "VmRSS").unwrap_or(0);
    }
    (largest, together)
}

/// Every process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, Stat::parse(&stat)?.parent))
        })
        .collect()
}

/// What is needed of `/proc/PID/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    children_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name stands in brackets and may itself hold spaces and brackets.
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
        // Counted as in proc(5), where the state after the name is the third field.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(field(4)?).ok()?,
            children_ticks: field(16)? + field(17)?,
        })
    }
}

/// A figure of `/proc/PID/status` or `/proc/meminfo`, such as `VmHWM:     1234 kB`.
pub fn field_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_a_name_with_brackets() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 4194304 1 2 3 4 11 12 130 14 20 0 1 0 99\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat, Stat { parent: 7, children_ticks: 144 });
        assert_eq!(Stat::parse("42 (short) S 7"), None);
        assert_eq!(Stat::parse("no name"), None);
    }

    #[test]
    fn memory_is_read_in_kib() {
        let text = "Name:\tx\nVmHWMX:\t1 kB\nVmHWM:\t   70312 kB\nThreads:\t1\n";
        assert_eq!(field_kib(text, "VmHWM"), Some(70_312));
        assert_eq!(field_kib(text, "VmRSS"), None);
        assert_eq!(field_kib(text, "Threads"), None);
    }

    #[test]
    fn commands_in_a_row_add_times_and_keep_the_larger_peak() {
        let of = |cpu_s, kib| Usage {
            cpu_s,
            wall_s: cpu_s,
            largest_process_kib: kib,
            together_kib: kib,
        };
        let mut sum = of(1.0, 10);
        sum += of(2.0, 5);
        assert_eq!(sum, of(3.0, 10));
    }

    #[test]
    fn a_tree_of_processes_is_measured() {
        let log = std::env::temp_dir().join(format!("reprise-bench-{}.log", std::process::id()));
        // The work is done by a grandchild.
        let script = "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done); true";
        let usage = measure(Command::new("sh").args(["-c", script]), &log).unwrap();
        assert!(usage.cpu_s > 0.0 && usage.wall_s > 0.0, "{usage:?}");
        assert!(usage.largest_process_kib > 0, "{usage:?}");
        assert!(usage.together_kib >= usage.largest_process_kib / 2, "{usage:?}");
        let error = measure(Command::new("sh").args(["-c", "echo bad luck; exit 3"]), &log);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("bad luck") && error.contains('3'), "{error}");
        std::fs::remove_file(&log).unwrap();
    }
}
