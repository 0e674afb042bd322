//! Hostile files, a part of what `make fuzz` tries: none makes Reprise open or reach anything outside
//! the recording's own folder, and each ends with a typed answer within its limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reprise_tests::command::{Running, binary, reprise};
use reprise_tests::{attack, parsers, seeds};

/// Mutated files that are tried here; `make fuzz` tries 10,000.
const MUTANTS: u32 = 160;
/// Inputs of each parser that are tried here.
const INPUTS: u64 = 3_000;

#[test]
fn hostile_files_touch_nothing_outside_and_end_well() {
    let report = attack::all(2);
    assert!(report.tried >= 100, "{} files", report.tried);
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
}

#[test]
fn a_playlist_that_keeps_to_its_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    seeds::make(folder.path());
    let playlist = folder.path().join("plain.m3u8");
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.6,\nplain.ts\n#EXT-X-ENDLIST\n";
    std::fs::write(&playlist, text).unwrap();
    let arguments: [&Path; 3] = ["inspect".as_ref(), &playlist, "--json".as_ref()];
    let found = reprise(arguments).expect(0).json();
    assert_eq!(found["video"]["pictures"], 40, "{found}");
}

#[test]
fn mutated_files_are_answered_within_their_limits() {
    // In a process of its own, whose memory is the parent's and no other test's.
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise-fuzz"));
    command.args(["mutants", &MUTANTS.to_string()]).env("REPRISE_BIN", binary());
    let output = Running::start(&mut command).wait(Duration::from_secs(600));
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("; 0 failures"), "{}", output.stdout);
}

#[test]
fn every_parser_answers_everything() {
    let folder = tempfile::tempdir().unwrap();
    for target in parsers::all(folder.path()) {
        let failure = parsers::run(&target, 0..INPUTS);
        assert!(failure.is_none(), "{}: {failure:?}", target.name);
    }
}
