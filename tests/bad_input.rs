//! Bad input gets a clear message with its place and the right exit code, and what can go on goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reprise_model::{Outcome, RuleId};
use reprise_tests::command::{Output, reprise};
use reprise_tests::results::{self, run_into};
use reprise_tests::session::{Session, short_clips};
use reprise_tests::{live, readback};
use serde_json::Value;

const BAD_INPUT: i32 = 65;
const MISSING: i32 = 66;
const IO: i32 = 74;

fn segment(manifest: &Path) -> Output {
    let arguments: [&Path; 3] = ["segment".as_ref(), manifest, "--json".as_ref()];
    reprise(arguments)
}

/// Runs the job, which must fail with `code` and `words` and publish nothing.
#[track_caller]
fn refused(session: &Session, code: i32, words: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let output = run_into(&session.manifest(), out.path(), &["--json"]);
    output.expect(code).says(words);
    assert_eq!(output.stdout, "", "{words:?}");
    let left = reprise_tests::tree::read(out.path());
    assert!(left.is_empty(), "{:?} is left", left.keys());
}

/// A stretch of the fixture from its start, long enough for a confident moment, made by `arguments`
/// of ffmpeg.
fn made(session: &Session, name: &str, arguments: &str) {
    let live = session.path("live.mp4");
    let target = session.path(name);
    let mut all = vec!["-v", "error", "-i", live.to_str().unwrap(), "-t", "130"];
    all.extend(arguments.split_whitespace());
    all.push(target.to_str().unwrap());
    readback::run("ffmpeg", &all);
}

#[test]
fn missing_files_are_named() {
    let nowhere = tempfile::tempdir().unwrap();
    let out = nowhere.path().join("out");
    let manifest = nowhere.path().join("no-session.toml");
    run_into(&manifest, &out, &[]).expect(MISSING).says(&["no-session.toml", "does not exist"]);
    run_into(nowhere.path(), &out, &[]).expect(MISSING).says(&["is a folder"]);
    for name in ["live.flv", "products.json", "events.jsonl"] {
        let session = Session::new().saying(name, "nowhere.bin");
        refused(&session, MISSING, &["nowhere.bin", "does not exist"]);
    }
    for command in ["inspect", "check"] {
        reprise([command, "nowhere.mp4"]).expect(MISSING).says(&["nowhere.mp4", "does not exist"]);
    }
}

#[test]
fn unreadable_manifests_name_the_line() {
    let session = Session::new().edited("session.toml", |text| text.replace("id = ", "id "));
    refused(&session, BAD_INPUT, &["session.toml:1"]);
    let session = Session::new().with("session.toml", b"id = \"a\"\nseller = \"\xff\"\n");
    refused(&session, BAD_INPUT, &["session.toml:2", "UTF-8"]);
    let session = Session::new().with("session.toml", "");
    refused(&session, MISSING, &["session.toml", "`id` is missing"]);

    let session = Session::new();
    let locked = session.path("locked.toml");
    std::fs::copy(session.manifest(), &locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    // A user who may read everything cannot try this.
    if std::fs::read(&locked).is_err() {
        let out = tempfile::tempdir().unwrap();
        run_into(&locked, out.path(), &[]).expect(IO).says(&["locked.toml"]);
    }
}

#[test]
fn unknown_keys_and_wrong_types_name_the_line_and_the_key() {
    let session = Session::new().saying("timezone", "time_zone");
    refused(&session, BAD_INPUT, &["session.toml:5", "unknown key `time_zone`", "`timezone`"]);
    let session = Session::new().saying("consent = true", "consent = \"yes\"");
    refused(&session, BAD_INPUT, &["session.toml:6", "`consent`"]);
    let session = Session::new().saying("duration_s = 240", "duration_s = \"240\"");
    refused(&session, BAD_INPUT, &["session.toml:14", "`duration_s`"]);
    let session =
        Session::new().edited("products.json", |t| t.replacen("\"title\"", "\"titel\"", 1));
    refused(&session, BAD_INPUT, &["products.json:", "`titel`", "`title`"]);
    let out = tempfile::tempdir().unwrap();
    let settings = out.path().join("settings.toml");
    std::fs::write(&settings, "[segment]\nmax_moments = 2\nmax_momentz = 2\n").unwrap();
    let more = ["--settings", settings.to_str().unwrap()];
    let output = run_into(&Session::new().manifest(), out.path(), &more);
    output.expect(BAD_INPUT).says(&["settings.toml:3", "max_momentz"]);
}

#[test]
fn wrong_calls_end_with_64() {
    reprise(["run"]).expect(64);
    reprise(["run", "session.toml", "--out", "x", "--colour"]).expect(64).says(&["--colour"]);
    reprise(["cut", "live.flv", "--window", "9-3", "--out", "x"]).expect(64).says(&["9-3"]);
    reprise(["check", "x.mp4", "--source", "y.flv", "--at", "noon"]).expect(64).says(&["noon"]);
}

#[test]
fn a_product_without_a_picture_is_a_warning() {
    let session = Session::new().edited("products.json", |text| {
        let mut products: Value = serde_json::from_str(&text).unwrap();
        products[1]["pictures"] = serde_json::json!([]);
        products[2]["pictures"] = serde_json::json!(["products/nowhere.png"]);
        serde_json::to_string_pretty(&products).unwrap()
    });
    let output = segment(&session.manifest());
    output.expect(0).says(&["products.json", "`p001` has no picture", "nowhere.png"]);
    assert!(!output.json()["moments"].as_array().unwrap().is_empty());
}

#[test]
fn recordings_that_are_none_are_named() {
    for (name, words) in [
        ("odd/empty.mp4", "is empty"),
        ("odd/text.mp4", "is no recording"),
        ("odd/truncated-no-moov.mp4", "is damaged"),
        ("odd/playlist.mp4", "`hls`"),
        ("odd/sound-only.mp4", "has no pictures"),
    ] {
        refused(&Session::new().of_recording(name), BAD_INPUT, &[name, words]);
    }
}

#[test]
fn a_playlist_named_mp4_opens_nothing() {
    let playlist = live::folder().join("odd/playlist.mp4");
    for command in ["inspect", "check"] {
        let arguments: [&Path; 2] = [command.as_ref(), &playlist];
        let output = reprise(arguments);
        output.expect(BAD_INPUT).says(&["playlist.mp4", "`hls`"]);
        assert!(!output.stderr.contains("live.ts"), "{}", output.stderr);
    }
}

#[test]
fn a_truncated_recording_is_used_as_far_as_it_goes() {
    let session = Session::new().saying("live.flv", "odd/truncated.mp4");
    let out = tempfile::tempdir().unwrap();
    let output = run_into(&session.manifest(), out.path(), &[]);
    output.expect(0).says(&["odd/truncated.mp4", "240.000 s", "the measured length counts"]);
    let outcome = results::outcome(&results::session_folder(out.path()));
    let length = outcome.recording.duration_s.seconds();
    assert!((6.0..8.0).contains(&length), "{length} s of 12 s cut to three fifths");
    assert!(!outcome.recording.faults.is_empty(), "the damage is not reported");
}

#[test]
fn a_recording_without_sound_gives_clips_without_sound() {
    let session = Session::new().of_recording("silent.mp4");
    made(&session, "silent.mp4", "-map 0:v -c copy");
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let run = results::run(&session.manifest(), &["--settings", settings.to_str().unwrap()]);
    let clips = run.clips();
    assert!(!clips.is_empty(), "{:?}", run.outcome().not_clipped);
    for (folder, clip) in clips {
        assert_eq!(clip.audio_codec, None);
        let listed = readback::run(
            "ffprobe",
            &[
                "-v",
                "error",
                "-show_entries",
                "stream=codec_type",
                "-of",
                "csv=p=0",
                folder.join("clip.mp4").to_str().unwrap(),
            ],
        );
        assert_eq!(String::from_utf8(listed).unwrap().trim(), "video");
        for rule in [RuleId::AudioOriginal, RuleId::AudioClean, RuleId::AudioLevel] {
            let verdict = clip.verdicts.iter().find(|verdict| verdict.rule == rule).unwrap();
            assert_ne!(verdict.verdict, Outcome::Pass, "{rule} passes without sound");
        }
    }
}

#[test]
fn a_480p_recording_is_refused_by_the_rule_and_not_blown_up() {
    let session = Session::new().of_recording("low.mp4");
    made(
        &session,
        "low.mp4",
        "-vf scale=480:854:flags=neighbor,setsar=1 -c:v libx264 -preset ultrafast -c:a copy",
    );
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let more = ["--keep-rejected", "--settings", settings.to_str().unwrap()];
    let run = results::run(&session.manifest(), &more);
    let outcome = run.outcome();
    assert!(outcome.clips.is_empty(), "{:?}", outcome.clips);
    let not = outcome.not_clipped.iter().find(|not| not.rule == "video.resolution");
    let not = not.unwrap_or_else(|| panic!("{:?}", outcome.not_clipped));
    assert!(not.detail.contains("480"), "{}", not.detail);
    let rejected =
        std::fs::read_dir(run.folder().join("rejected")).unwrap().next().unwrap().unwrap();
    let (width, height) = readback::size(&rejected.path().join("clip.mp4"));
    assert!(width.min(height) <= 480, "{width}x{height}");
    assert!(not.time_s.is_some(), "{not:?}");
}

#[test]
fn each_broken_line_of_a_log_is_reported_and_the_rest_is_read() {
    let session = Session::new()
        .saying("events.jsonl", "events-broken.jsonl")
        .of_recording("odd/host-still.mp4");
    let out = tempfile::tempdir().unwrap();
    let output = run_into(&session.manifest(), out.path(), &["--json"]);
    output.expect(0);
    let skipped = output.json()["events"]["skipped"].as_array().unwrap().clone();
    let told: Vec<String> = skipped
        .iter()
        .flat_map(|skipped| skipped["examples"].as_array().unwrap().clone())
        .map(|place| place.as_str().unwrap().to_owned())
        .collect();
    for bad in &live::truth().bad_lines {
        // These two can be read; what is amiss shows only beside the recording and the other orders.
        if ["currency_other", "at_outside"].contains(&bad.kind.as_str()) {
            continue;
        }
        let place = format!("events-broken.jsonl:{}", bad.line);
        assert!(told.contains(&place), "{place} ({}) is not in {told:?}", bad.kind);
        output.says(&[&place]);
    }
    output.says(&["outside the recording"]);
    let lines = output.json()["events"]["lines"].as_u64().unwrap();
    let taken = output.json()["events"]["taken"].as_u64().unwrap();
    assert!(taken * 100 > lines * 95, "{taken} of {lines}");
}

#[test]
fn segment_reports_broken_lines_too_and_keeps_currencies_apart() {
    let session = Session::new().saying("events.jsonl", "events-broken.jsonl");
    let output = segment(&session.manifest());
    output.expect(0).says(&["not added to USD", "outside the recording"]);
    for moment in output.json()["moments"].as_array().unwrap() {
        let gmv = moment["attributed"]["gmv"].as_array().unwrap();
        assert!(gmv.iter().all(|amount| amount["currency"] == "USD"), "{gmv:?}");
    }
    for bad in live::truth().bad_lines.iter().filter(|bad| bad.kind == "not_json") {
        output.says(&[&format!("events-broken.jsonl:{}", bad.line)]);
    }
}

#[test]
fn a_log_of_rubbish_is_refused_with_its_places() {
    let session = Session::new().with("events.jsonl", "one\ntwo\nthree\n");
    refused(
        &session,
        BAD_INPUT,
        &["events.jsonl", "3 of 3 lines cannot be read", "events.jsonl:1"],
    );
}

#[test]
fn a_log_that_is_a_folder_is_named() {
    let session = Session::new().saying("\"events.jsonl\"", "\"products\"");
    refused(&session, MISSING, &["products", "is a folder"]);
}

#[test]
fn repeated_orders_count_once_and_cancelled_ones_stay_in_gross() {
    let gmv = |session: Session, field: &str| {
        let output = segment(&session.manifest());
        let moments = output.expect(0).json()["moments"].clone();
        let mine =
            moments.as_array().unwrap().iter().find(|m| m["product_ids"][0] == "p003").cloned();
        let amount = mine.unwrap()["attributed"][field][0]["value"].as_str().unwrap().to_owned();
        amount.parse::<f64>().unwrap()
    };
    let order = |line: &str| line.contains("\"type\":\"order\"") && line.contains("\"p003\"");
    let twice = Session::new().edited("events.jsonl", |text| {
        let lines = text.lines();
        lines.map(|l| if order(l) { format!("{l}\n{l}\n") } else { format!("{l}\n") }).collect()
    });
    let cancelled = || {
        Session::new().edited("events.jsonl", |text| {
            let cancel = |line: &str| {
                let mut event: Value = serde_json::from_str(line).unwrap();
                if order(line) {
                    event["status"] = "cancelled".into();
                }
                format!("{event}\n")
            };
            text.lines().map(cancel).collect()
        })
    };
    let once = gmv(Session::new(), "gmv");
    assert!((gmv(twice, "gmv") - once).abs() < 0.005, "repeats are counted");
    assert!((gmv(cancelled(), "gmv") - once).abs() < 0.005, "gross GMV counts what was ordered");
    assert!(gmv(cancelled(), "net_gmv") < once * 0.5, "net GMV counts what was cancelled");
}

#[test]
fn a_destination_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let session = Session::new().of_recording("odd/host-still.mp4");
    run_into(&session.manifest(), &file, &[]).expect(IO).says(&["file", "a folder is needed"]);
    run_into(&session.manifest(), &file.join("below"), &[]).expect(IO).says(&["below"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");

    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    // Who may write everywhere still may not make folders in the kernel's own tree.
    let anywhere = std::fs::write(locked.join("x"), "").is_ok();
    let locked = if anywhere { "/sys/kernel/reprise-test".into() } else { locked.join("out") };
    let name = locked.to_str().unwrap().to_owned();
    run_into(&session.manifest(), &locked, &[]).expect(IO).says(&[&name, "by this user"]);
}

#[test]
fn no_clip_spans_the_gap_between_two_parts() {
    let session = Session::new();
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "[segment]\nmax_moments = 2\n").unwrap();
    let out = tempfile::tempdir().unwrap();
    let more = ["--settings", settings.to_str().unwrap()];
    run_into(&session.path("session-parts.toml"), out.path(), &more).expect(0);
    let folder = results::session_folder(out.path());
    let outcome = results::outcome(&folder);
    assert_eq!(outcome.recording.parts.len(), 2);
    let truth = live::truth();
    let gap = [truth.parts_cut_s, truth.parts_cut_s + truth.parts_gap_s];
    let known = outcome.recording.faults.iter().any(|fault| {
        (fault.span.start.seconds() - gap[0]).abs() < 0.2
            && (fault.span.end.seconds() - gap[1]).abs() < 0.2
    });
    assert!(known, "the gap is not reported: {:?}", outcome.recording.faults);
    let length = truth.duration_s + truth.parts_gap_s;
    assert!((outcome.recording.duration_s.seconds() - length).abs() < 0.2);
    let clips = results::clips(&folder);
    assert!(!clips.is_empty(), "{:?}", outcome.not_clipped);
    for (folder, clip) in clips {
        let span = [clip.span.start.seconds(), clip.span.end.seconds()];
        assert_eq!(results::shared_s(span, gap), 0.0, "{} spans the gap", clip.clip_id);
        // The pictures' numbers do not know of the gap.
        let lost = if span[0] < gap[0] { 0.0 } else { truth.parts_gap_s };
        let read = readback::read(&folder.join("clip.mp4"));
        let shown = f64::from(read.numbers[0].unwrap()) / f64::from(truth.fps);
        assert!((shown + lost - span[0]).abs() < 0.05, "{}: shows {shown}", clip.clip_id);
    }
}
