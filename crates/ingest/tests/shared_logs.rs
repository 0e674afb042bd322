//! All logs and sessions of the data folder beside the repository, where it is there.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use reprise_ingest::{Location, load_session, read_events, resolve};

/// Every `session.toml` below the folders of logs.
fn sessions() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folders = ["data/sim", "data/chat", "lives"].map(|name| shared.join(name));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    entries
        .map(|entry| entry.unwrap().path().join("session.toml"))
        .filter(|p| p.is_file())
        .collect()
}

#[test]
fn every_log_is_read_without_a_bad_line() {
    let sessions = sessions();
    if sessions.is_empty() {
        println!("skipped: ../shared is not there");
        return;
    }
    let mut slowest = (0.0, 0);
    for path in sessions {
        let session = load_session(&path).unwrap();
        let events = session.manifest.events.as_ref().unwrap();
        let logs: Vec<Location> =
            events.log.0.iter().map(|log| resolve(&session.base, log)).collect();
        let start = Instant::now();
        let log = read_events(&logs, 0.0).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        if seconds > slowest.0 {
            slowest = (seconds, log.summary.lines);
        }
        // The simulated logs repeat some orders on purpose.
        let skipped = &log.summary.skipped;
        assert!(
            skipped.iter().all(|s| s.reason == "duplicate order"),
            "{}: {skipped:?}",
            path.display()
        );
        let repeats: u64 = skipped.iter().map(|s| s.count).sum();
        assert_eq!(log.summary.taken + repeats, log.summary.lines, "{}", path.display());
        assert!(log.kept.is_sorted_by_key(|event| event.at));
    }
    println!("slowest log: {} lines in {:.3} s", slowest.1, slowest.0);
}
