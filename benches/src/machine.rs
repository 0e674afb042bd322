//! What the figures were measured on, and when.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::measure::field_kib;

/// A machine and what is installed on it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory.
    pub memory_gib: f64,
    /// Release of the kernel.
    pub kernel: String,
    /// First line of `ffmpeg -version`.
    pub ffmpeg: String,
    /// Version of the command under test.
    pub reprise: String,
    /// Day, in UTC.
    pub date: String,
    /// Processes that wanted a core in the minute before the start. Well below one on a quiet machine.
    pub load_before: f64,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    /// Where `/proc` or a command cannot be read.
    pub fn here(reprise: &std::path::Path) -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let loadavg = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cpu: cpu(&cpuinfo),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: field_kib(&meminfo, "MemTotal").unwrap_or(0) as f64 / f64::from(1 << 20),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            ffmpeg: ffmpeg(&first_line(Command::new("ffmpeg").arg("-version"))?),
            reprise: first_line(Command::new(reprise).arg("--version"))?,
            date: first_line(Command::new("date").args(["-u", "+%Y-%m-%d"]))?,
            load_before: loadavg.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0),
        })
    }
}

/// The first line that a command writes.
///
/// # Errors
/// Where it cannot be run or fails.
pub fn first_line(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command.output().map_err(|error| format!("{program} does not start: {error}"))?;
    if !out.status.success() {
        return Err(format!("{program} failed: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().trim().to_owned())
}

/// Some processors have no "model name"; their kind of machine is then all there is to say.
fn cpu(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// `ffmpeg version 5.1.9-0+deb12u1 Copyright ...` without the copyright.
fn ffmpeg(line: &str) -> String {
    line.split(" Copyright").next().unwrap_or(line).replace("ffmpeg version ", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        assert_eq!(
            cpu("processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2 GHz\n"),
            "Some CPU @ 2 GHz"
        );
        assert_eq!(cpu("processor\t: 0\n"), std::env::consts::ARCH);
    }

    #[test]
    fn the_version_is_cut_out() {
        let line = "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers";
        assert_eq!(ffmpeg(line), "5.1.9-0+deb12u1");
    }
}
