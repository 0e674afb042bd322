//! Runs `reprise` on every hostile file, under observation.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command::{Output, Running, binary};
use crate::hostile::{self, Lures};
use crate::seeds;
use crate::watch::Watch;

/// A command that takes longer hangs. The largest file is a sparse gigabyte that is read whole.
const LIMIT: Duration = Duration::from_secs(120);
/// What the parent may take: it holds no picture and no table.
const PARENT_BYTES: u64 = 300 << 20;
/// What a hostile file may end with: well, wrong call (a folder, an empty stretch), bad input,
/// missing part. Not 74, which would end a whole run, and not 70, which is a defect.
const CODES: [i32; 4] = [0, 64, 65, 66];

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Files.
    pub tried: usize,
    /// What went wrong, for people.
    pub failures: Vec<String>,
}

/// Tries all.
pub fn all() -> Report {
    let root = tempfile::tempdir().expect("a folder");
    let outside = root.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder can be made");
    let made = seeds::make(root.path());
    let seed = |name: &str| {
        made.iter().find(|seed| seed.name == name).expect("a seed of this name").bytes.clone()
    };
    let seeds = hostile::Seeds { mp4: seed("plain.mp4"), ts: seed("plain.ts") };
    for (name, bytes) in [
        ("canary.ts", &seeds.ts),
        ("canary.mp4", &seeds.mp4),
        ("canary.mkv", &seed("plain.mkv")),
        ("canary.key", &vec![7; 16]),
        ("canary.ttf", &vec![7; 16]),
        ("list.m3u8", &b"#EXTM3U\n#EXTINF:2,\ncanary.ts\n#EXT-X-ENDLIST\n".to_vec()),
    ] {
        std::fs::write(outside.join(name), bytes).expect("a file can be written");
    }
    let settings = root.path().join("settings.toml");
    let limits = "[isolation]\nmemory_mb = 768\ntime_s = 30.0\ntime_per_window_s = 1.0\n";
    std::fs::write(&settings, limits).expect("a file can be written");
    let mut watch = Watch::new(&outside);
    let lures = Lures { outside: outside.clone(), port: watch.port() };

    let mut report = Report::default();
    for (index, case) in hostile::cases(&lures, &seeds).iter().enumerate() {
        let folder = root.path().join(index.to_string());
        let path = case.write(&folder);
        let out = folder.join("out");
        let _ = watch.touched(); // Links may have been looked at while they were made.
        report.tried += 1;
        let mut told = |what: String| report.failures.push(format!("{}: {what}", case.name));
        for arguments in [
            vec!["inspect".as_ref(), path.as_os_str(), "--decode".as_ref()],
            vec![
                "cut".as_ref(),
                path.as_os_str(),
                "--window".as_ref(),
                "0-0.4".as_ref(),
                "--settings".as_ref(),
                settings.as_os_str(),
                "--out".as_ref(),
                out.as_os_str(),
            ],
        ] {
            let mut command = Command::new(binary());
            command.args(&arguments).current_dir(&folder).env_remove("REPRISE_LOG");
            match Running::start(&mut command).wait_at_most(LIMIT) {
                Ok(output) => judge(&output, &mut told),
                Err(_) => told(format!("no end within {LIMIT:?}")),
            }
            watch.touched().into_iter().for_each(&mut told);
        }
        remove(&folder);
    }
    report
}

fn judge(output: &Output, told: &mut impl FnMut(String)) {
    match output.code {
        Some(code) if CODES.contains(&code) => {}
        code => told(format!("ended with {code:?}: {}", output.stderr)),
    }
    if output.stderr.contains("panicked") {
        told(output.stderr.clone());
    }
    if output.code != Some(0) && !output.stderr.contains("error: ") {
        told(format!("says no reason: {}", output.stderr));
    }
    if output.peak_bytes > PARENT_BYTES {
        told(format!("the parent took {} MB", output.peak_bytes >> 20));
    }
}

fn remove(folder: &Path) {
    // What is left goes with the folder around it.
    let _ = std::fs::remove_dir_all(folder);
}
