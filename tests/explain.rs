//! `reprise explain` as users run it, on a small session of its own: words for people, one JSON
//! document that holds to its schema, and clear refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reprise_model::explanation::{Answer, Explanation};
use reprise_model::moment::Signal;
use reprise_tests::command::{Output, reprise};
use serde_json::Value;

const USAGE: i32 = 64;
const MISSING: i32 = 66;

/// Twenty minutes, two products; a call for the first at 400 s is answered by orders half a minute
/// late. There is no media.
fn session(folder: &Path) -> PathBuf {
    let mut log = String::new();
    let mut line = |at_s: f64, rest: &str| {
        let (minute, second) = ((at_s / 60.0) as u32, at_s % 60.0);
        writeln!(log, r#"{{"at":"2026-11-20T12:{minute:02}:{second:06.3}Z",{rest}}}"#).unwrap();
    };
    line(300.0, r#""type":"pin","product_id":"lip""#);
    line(560.0, r#""type":"pin","product_id":"cup""#);
    for i in 0..24 {
        let late = (f64::from(i) * 0.618_034).fract();
        let at_s = 400.0 + 20.0 * f64::from(i) / 24.0 + 12.0 - 24.0 * (1.0 - 0.95 * late).ln();
        line(
            at_s,
            &format!(
                r#""type":"order","order_id":"o{i}","product_id":"lip","quantity":1,"amount":{{"value":"9.90","currency":"USD"}},"status":"paid""#
            ),
        );
    }
    line(900.0, r#""type":"rehearsal","state":"start""#);
    line(960.0, r#""type":"rehearsal","state":"end""#);
    std::fs::write(folder.join("events.jsonl"), log).unwrap();
    let manifest = r#"
id = "small"
seller = "s"
creator = "c"
timezone = "Asia/Jakarta"
[[products]]
id = "lip"
title = "Red lipstick"
[[products]]
id = "cup"
title = "Tea cup"
[[recordings]]
uri = "none.mp4"
started_at = 2026-11-20T12:00:00Z
duration_s = 1200
[events]
log = "events.jsonl"
"#;
    let path = folder.join("session.toml");
    std::fs::write(&path, manifest).unwrap();
    path
}

fn explain(manifest: &Path, at: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["explain", manifest.to_str().unwrap(), "--at", at];
    arguments.extend(more);
    reprise(arguments)
}

fn assert_holds(value: &Value) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/schemas/explanation.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Some(error) = validator.iter_errors(value).next() {
        panic!("{error} at {}", error.instance_path());
    }
}

#[test]
fn a_chosen_second_and_the_spike_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = session(folder.path());
    let at_call = explain(&manifest, "6:50", &[]);
    at_call.expect(0).says(&[
        "0:06:50 on the recording, 19:06:50 on 20 November 2026 on the clock (Asia/Jakarta)",
        "Chosen. It is in moment m-01, number 1 of the list.",
        "\"Red lipstick\" (lip) was pinned, 0:05:00 to 0:09:20",
        "most likely due to the pitch (100 %)",
    ]);
    assert_eq!(at_call.stdout, "");

    let spike = explain(&manifest, "0:07:25", &["--json"]);
    spike
        .expect(0)
        .says(&["Not chosen. The orders seen here come late:", "answer moment m-01 at 0:06:"]);
    assert_holds(&spike.json());
    let told: Explanation = serde_json::from_str(&spike.stdout).unwrap();
    assert_eq!(told.at_s.seconds(), 445.0);
    let Answer::BelongsEarlier { moment_id, signal: Signal::Orders, .. } = &told.answers[0] else {
        panic!("{:?}", told.answers)
    };
    assert_eq!(moment_id.as_deref(), Some("m-01"));
}

#[test]
fn the_same_second_in_every_way_of_writing_it() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = session(folder.path());
    let wanted = explain(&manifest, "930", &["--json"]);
    wanted
        .expect(0)
        .says(&["Not chosen. 0:15:00 to 0:16:00 was a rehearsal; no clip may show it."]);
    assert_holds(&wanted.json());
    for at in ["15:30", "0:15:30", "930.0"] {
        assert_eq!(explain(&manifest, at, &["--json"]).stdout, wanted.stdout, "{at}");
    }
}

#[test]
fn wrong_times_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = session(folder.path());
    for (at, words) in [
        ("20:00", "lies after the recording, which ends at 0:20:00.000"),
        ("-5", "before the recording"),
        ("noon", "no time; write seconds"),
        ("1:75", "no time; write seconds"),
    ] {
        let refused = explain(&manifest, at, &["--json"]);
        refused.expect(USAGE).says(&[words]);
        assert_eq!(refused.stdout, "");
    }
    explain(&folder.path().join("no.toml"), "5", &[]).expect(MISSING).says(&["does not exist"]);
}
