//! Runs `reprise` on every hostile file, under observation.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::{Output, Running, binary};
use crate::hostile::{self, Lures};
use crate::seeds::{self, Seed};
use crate::watch::Watch;

/// A command that takes longer hangs. The largest file that is read whole has 128 MiB.
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
    /// The files that took longest, and how long.
    pub slowest: Vec<(Duration, String)>,
}

/// Tries all, on `threads` threads.
pub fn all(threads: usize) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let made = seeds::make(folder.path());
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let made = &made;
                scope.spawn(move || some(made, part, threads))
            })
            .collect();
        for part in parts {
            let part = part.join().expect("no thread panicked");
            report.tried += part.tried;
            report.failures.extend(part.failures);
            report.slowest.extend(part.slowest);
        }
    });
    report.slowest.sort_by(|a, b| b.cmp(a));
    report.slowest.truncate(5);
    report
}

/// Every `of`th from the one of this number on, with a folder and a port that nobody else touches.
fn some(made: &[Seed], first: usize, of: usize) -> Report {
    let root = tempfile::tempdir().expect("a folder");
    let outside = root.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder can be made");
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
    let cases = hostile::cases(&lures, &seeds);
    for (index, case) in cases.iter().enumerate().skip(first).step_by(of) {
        let folder = root.path().join(index.to_string());
        let path = case.write(&folder);
        let out = folder.join("out");
        let _ = watch.touched(); // Links may have been looked at while they were made.
        report.tried += 1;
        let begun = Instant::now();
        let mut told = |what: String| report.failures.push(format!("{}: {what}", case.name));
        let inspect = ["inspect".as_ref(), path.as_os_str(), "--decode".as_ref()];
        let cut = [
            "cut".as_ref(),
            path.as_os_str(),
            "--window".as_ref(),
            "0-0.4".as_ref(),
            "--settings".as_ref(),
            settings.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ];
        for arguments in [&inspect[..], &cut[..]] {
            let mut command = Command::new(binary());
            command.args(arguments).current_dir(&folder).env_remove("REPRISE_LOG");
            match Running::start(&mut command).wait_at_most(LIMIT) {
                Ok(output) => judge(&output, &mut told),
                Err(_) => told(format!("no end within {LIMIT:?}")),
            }
            watch.touched().into_iter().for_each(&mut told);
        }
        report.slowest.push((begun.elapsed(), case.name.clone()));
        // What is left goes with the folder around it.
        let _ = std::fs::remove_dir_all(&folder);
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
