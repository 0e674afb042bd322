//! Hostile files, a part of what `make fuzz` tries: none makes Reprise open or reach anything outside
//! the recording's own folder, and each ends with a typed answer within its limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use reprise_tests::{attack, mutants, parsers};

/// Mutated files that are tried here; `make fuzz` tries 10,000.
const MUTANTS: u64 = 160;
/// Inputs of each parser that are tried here.
const INPUTS: u64 = 3_000;

#[test]
fn hostile_files_touch_nothing_outside_and_end_well() {
    let report = attack::all(2);
    assert!(report.tried >= 100, "{} files", report.tried);
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
}

#[test]
fn mutated_files_are_answered_within_their_limits() {
    let report = mutants::run(0..MUTANTS, 2, &mut |_| {});
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert_eq!(report.made + report.refused + report.contained(), MUTANTS);
    assert!(report.made > 0 && report.refused > 0, "{report:?}");
}

#[test]
fn every_parser_answers_everything() {
    let folder = tempfile::tempdir().unwrap();
    for target in parsers::all(folder.path()) {
        let failure = parsers::run(&target, 0..INPUTS);
        assert!(failure.is_none(), "{}: {failure:?}", target.name);
    }
}
