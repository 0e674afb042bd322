//! The whole job on the made LIVE: what it writes, what a second run does, what a change redoes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reprise_model::outcome::SessionOutcome;
use reprise_model::{Outcome, RuleId};
use reprise_tests::command::reprise;
use reprise_tests::results::{self, Run, run_into, shared_s};
use reprise_tests::session::Session;
use reprise_tests::{live, readback, tree};
use tempfile::TempDir;

/// The pitches that must be found: those that caused most GMV.
const BEST_SELLERS: usize = 3;
/// The product whose orders one test removes.
const REMOVED: &str = "p003";

/// One run over the LIVE as it is, which the tests share and do not change.
fn base() -> &'static Run {
    static BASE: OnceLock<Run> = OnceLock::new();
    BASE.get_or_init(|| results::run(&Session::new().manifest(), &["--json", "--jobs", "2"]))
}

/// A copy of the shared run's folder, times included.
fn copied() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    tree::copy(base().out(), &out);
    (folder, out)
}

#[test]
fn standard_output_is_session_json_and_nothing_else() {
    let written = std::fs::read(base().folder().join("session.json")).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(base().output.json(), written);
    let outcome: SessionOutcome = serde_json::from_value(written).unwrap();
    assert!(!outcome.clips.is_empty());
}

#[test]
fn clips_show_what_their_metadata_says_and_no_fault() {
    let truth = live::truth();
    let faults = &truth.faults;
    for (folder, clip) in base().clips() {
        let id = &clip.clip_id;
        let path = folder.join("clip.mp4");
        let read = readback::read(&path);
        let (start, end) = (clip.span.start.seconds(), clip.span.end.seconds());
        let fps = f64::from(truth.fps);
        assert!((clip.fps - fps).abs() < 1e-6, "{id}: {} pictures a second", clip.fps);
        let first = read.numbers[0].unwrap_or_else(|| panic!("{id}: no frame number"));
        assert!(
            (f64::from(first) / fps - start).abs() < 0.001,
            "{id}: begins with picture {first}"
        );
        let last = first + read.numbers.len() as u32;
        assert!((f64::from(last) / fps - end).abs() < 0.001, "{id}: ends before picture {last}");
        // The QR code and the foreign logo do not hide the number; all pictures are read.
        for (offset, number) in read.numbers.iter().enumerate() {
            assert_eq!(*number, Some(first + offset as u32), "{id}: picture {offset}");
        }
        let length = read.numbers.len() as f64 / fps;
        assert!((clip.duration_s.seconds() - length).abs() < 0.002, "{id}: {}", clip.duration_s);
        assert!((5.0..=60.0).contains(&length), "{id}: {length} s");
        assert_eq!(readback::size(&path), (clip.width as usize, clip.height as usize), "{id}");
        let heard = read.samples.len() as f64 / f64::from(readback::SAMPLE_RATE);
        assert!((heard - length).abs() < 0.025, "{id}: {heard} s of sound");
        for (what, fault) in [
            ("freeze", faults.freeze),
            ("black", faults.black),
            ("mute", faults.mute),
            ("lag", faults.lag),
            ("code", faults.qr),
            ("logo", faults.logo),
        ] {
            assert_eq!(shared_s([start, end], fault), 0.0, "{id} holds the {what}");
        }
        assert!(readback::is_faststart(&path), "{id}: the header comes after the media");
    }
}

#[test]
fn clips_name_and_show_and_say_what_they_sell() {
    let truth = live::truth();
    let mut said = 0;
    for (folder, clip) in base().clips() {
        let id = &clip.clip_id;
        let verdict = |rule| clip.verdicts.iter().find(|verdict| verdict.rule == rule).unwrap();
        let matched = verdict(RuleId::ProductMatch);
        assert_eq!(matched.verdict, Outcome::Pass, "{id}: {}", matched.detail);
        assert!(clip.product_track.len() > 20, "{id}: {} places", clip.product_track.len());
        let picture = matched.evidence.iter().find_map(|place| place.picture.as_ref()).unwrap();
        let jpeg = std::fs::read(folder.join(picture)).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]), "{id}: {picture}");
        // What was heard in the recording stands in the clip, on its own clock.
        let start = clip.span.start.seconds();
        let heard: Vec<&str> = clip.words.iter().map(|word| word.text.as_str()).collect();
        let sentences = truth.sentences.iter().filter(|sentence| {
            start <= sentence.start_s && sentence.end_s <= clip.span.end.seconds()
        });
        for sentence in sentences {
            let first = sentence.text.split(' ').next().unwrap();
            let at = sentence.start_s - start;
            let near = clip
                .words
                .iter()
                .any(|word| word.text == first && (word.clip_start_s.seconds() - at).abs() < 0.05);
            assert!(near, "{id}: `{}` at {at:.2} s; heard {heard:?}", sentence.text);
        }
        for (name, head) in [("captions.vtt", "WEBVTT"), ("captions.srt", "1\n00:00:")] {
            let captions = std::fs::read_to_string(folder.join(name)).unwrap();
            assert!(captions.starts_with(head), "{id}: {name} begins with {captions:.40}");
        }
        said += usize::from(verdict(RuleId::SpeechBenefit).verdict == Outcome::Pass);
        for verdict in &clip.verdicts {
            assert_eq!(verdict.sentences.keys().collect::<Vec<_>>(), ["en", "id"]);
        }
        let moved = clip.cut.moved.as_ref().unwrap();
        assert!(moved.start_by_s.seconds().abs() < 40.0, "{id}: {moved:?}");
    }
    assert!(said >= 2, "a key benefit is said in {said} clips");
}

#[test]
fn the_best_sellers_are_at_least_half_covered() {
    let mut pitches: Vec<_> = live::truth().pitches.iter().collect();
    pitches.sort_by(|a, b| b.caused_gmv.total_cmp(&a.caused_gmv));
    let clips = base().clips();
    for pitch in &pitches[..BEST_SELLERS] {
        let cause = [pitch.start_s, pitch.end_s];
        let best = clips
            .iter()
            .map(|(_, clip)| shared_s([clip.span.start.seconds(), clip.span.end.seconds()], cause))
            .fold(0.0, f64::max);
        let share = best / (pitch.end_s - pitch.start_s);
        assert!(
            share >= 0.5,
            "{share:.2} of the pitch from {} to {} s",
            pitch.start_s,
            pitch.end_s
        );
    }
}

#[test]
fn every_clip_has_one_verdict_a_rule() {
    for (_, clip) in base().clips() {
        let mut rules: Vec<RuleId> = clip.verdicts.iter().map(|verdict| verdict.rule).collect();
        rules.sort_unstable();
        let mut all = RuleId::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(rules, all, "{}", clip.clip_id);
        for verdict in &clip.verdicts {
            assert!(!verdict.detail.is_empty(), "{}: {} says nothing", clip.clip_id, verdict.rule);
        }
    }
}

#[test]
fn every_clip_has_its_files_and_session_json_is_written_last() {
    let tree = tree::read(&base().folder());
    for (_, clip) in base().clips() {
        for file in ["clip.mp4", "cover.jpg", "clip.json"] {
            let name = format!("clips/{}/{file}", clip.clip_id);
            assert!(tree.contains_key(&name), "{name} is missing");
        }
    }
    let last = tree["session.json"].modified;
    for (name, entry) in tree.iter().filter(|(name, _)| !name.ends_with('/')) {
        assert!(entry.modified <= last, "{name} is newer than session.json");
    }
}

#[test]
fn the_report_names_every_clip_and_needs_no_network() {
    let html = std::fs::read_to_string(base().folder().join("report.html")).unwrap();
    for (_, clip) in base().clips() {
        assert!(html.contains(&clip.clip_id), "{} is not in the report", clip.clip_id);
        let file = format!("clips/{}/clip.mp4", clip.clip_id);
        assert!(html.contains(&file), "{file} is not in the report");
    }
    for not in &base().outcome().not_clipped {
        assert!(html.contains(&not.moment_id), "{} is not in the report", not.moment_id);
    }
    let lower = html.to_lowercase();
    for attribute in ["src", "href", "poster", "srcset", "action", "data"] {
        for quote in ['"', '\''] {
            for scheme in ["http:", "https:", "//"] {
                let remote = format!(" {attribute}={quote}{scheme}");
                assert!(!lower.contains(&remote), "the report asks the network: {remote}");
            }
        }
    }
    for remote in ["url(http", "url(\"http", "url('http", "url(//", "@import", "fetch("] {
        assert!(!lower.contains(remote), "the report asks the network: {remote}");
    }
}

#[test]
fn a_second_run_does_nothing_and_says_so() {
    let (_folder, out) = copied();
    let before = tree::read(&out);
    let session = Session::new();
    let output = run_into(&session.manifest(), &out, &["--json"]);
    output.expect(0).says(&["nothing to do"]);
    assert_eq!(output.stdout, base().output.stdout);
    let after = tree::read(&out);
    tree::assert_same_bytes(&after, &before, "after a second run");
    for name in before.keys().filter(|name| !name.ends_with('/')) {
        tree::assert_untouched(&before, &after, name);
    }
}

#[test]
fn another_cost_changes_no_clip() {
    let (_folder, out) = copied();
    let session =
        Session::new().edited("products.json", |text| text.replace("\"6.40\"", "\"7.10\""));
    let before = tree::read(&results::session_folder(&out));
    let output = run_into(&session.manifest(), &out, &[]);
    output.expect(0);
    assert!(!output.stderr.contains("nothing to do"), "the cost was not changed");
    let after = tree::read(&results::session_folder(&out));
    for (_, clip) in base().clips() {
        let base = format!("clips/{}/", clip.clip_id);
        let media = before.keys().filter(|name| name.starts_with(&base) && !name.ends_with('/'));
        for name in media.filter(|name| !name.ends_with(".json")) {
            tree::assert_untouched(&before, &after, name);
        }
    }
}

#[test]
fn a_renamed_product_is_judged_anew_and_renamed_everywhere() {
    let (_folder, out) = copied();
    let product = &base().clips()[0].1.products[0];
    let session = Session::new()
        .edited("products.json", |text| text.replace(&product.title, "Renamed thing"));
    run_into(&session.manifest(), &out, &[]).expect(0);
    let after = tree::read(&results::session_folder(&out));
    let mut renamed = 0;
    for (_, clip) in results::clips(&results::session_folder(&out)) {
        for own in clip.products.iter().filter(|own| own.id == product.id) {
            assert_eq!(own.title, "Renamed thing");
            renamed += 1;
        }
    }
    assert!(renamed > 0, "no clip shows {}", product.id);
    let html = String::from_utf8(after["report.html"].bytes.clone()).unwrap();
    assert!(html.contains("Renamed thing"));
    // Its name may be what a rule looks for, so nothing of the old verdicts is kept.
    let fresh = tree::read(&results::run(&session.manifest(), &[]).folder());
    tree::assert_same_bytes(&after, &fresh, "after a product got another name");
}

#[test]
fn a_pitch_without_orders_loses_its_clip_and_the_others_stay() {
    let (_folder, out) = copied();
    let session = Session::new().with_events(|event| {
        let sells = event["type"] == "order" || event["type"] == "product_click";
        !(sells && event["product_id"] == REMOVED)
    });
    let folder = results::session_folder(&out);
    let before = tree::read(&folder);
    run_into(&session.manifest(), &out, &[]).expect(0);
    let after = tree::read(&folder);

    let old = base().outcome();
    let new = results::outcome(&folder);
    let sold = |outcome: &SessionOutcome, id: &str| {
        let moment = outcome.moments.iter().find(|moment| moment.id == id).unwrap();
        moment.product_ids.first().cloned().unwrap_or_default()
    };
    assert!(old.clips.iter().any(|clip| sold(&old, &clip.moment_id) == REMOVED));
    assert!(new.clips.iter().all(|clip| sold(&new, &clip.moment_id) != REMOVED));

    // A moment that is where it was keeps its clip, whatever its rank is now.
    let mut kept = 0;
    for clip in &old.clips {
        let moment = old.moments.iter().find(|moment| moment.id == clip.moment_id).unwrap();
        let same = new.moments.iter().any(|other| {
            other.confident && other.span == moment.span && other.product_ids == moment.product_ids
        });
        if same {
            tree::assert_untouched(&before, &after, &format!("clips/{}/clip.mp4", clip.clip_id));
            kept += 1;
        }
    }
    assert!(kept > 0, "every moment moved: {:?}", new.moments);

    // Nothing but what the new result names is left.
    let left: BTreeSet<&str> = after
        .keys()
        .filter_map(|name| name.strip_prefix("clips/").and_then(|rest| rest.split_once('/')))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(left, new.clips.iter().map(|clip| clip.clip_id.as_str()).collect());
    let fresh = tree::read(&results::run(&session.manifest(), &[]).folder());
    // What people see first, then what Reprise keeps for itself.
    let published = |tree: &tree::Tree| {
        let seen = tree.iter().filter(|(name, _)| !name.starts_with('.'));
        seen.map(|(name, entry)| (name.clone(), entry.clone())).collect()
    };
    tree::assert_same_bytes(&published(&after), &published(&fresh), "after a change of the log");
    tree::assert_same_bytes(&after, &fresh, "after a change of the log");
}

#[test]
fn a_removed_file_is_made_anew_with_the_same_bytes() {
    let (_folder, out) = copied();
    let clips = base().clips();
    let (_, shortest) = clips.iter().min_by_key(|(_, clip)| clip.duration_s).unwrap();
    let lost = format!("clips/{}/clip.mp4", shortest.clip_id);
    let folder = results::session_folder(&out);
    std::fs::remove_file(folder.join(&lost)).unwrap();
    let output = run_into(&Session::new().manifest(), &out, &[]);
    output.expect(0);
    assert!(!output.stderr.contains("nothing to do"), "{}", output.stderr);
    let after = tree::read(&out);
    tree::assert_same_bytes(&after, &tree::read(base().out()), "after a file was lost");
    let before = tree::read(base().out());
    for (_, clip) in clips.iter().filter(|(_, clip)| clip.clip_id != shortest.clip_id) {
        let name = before.keys().find(|name| name.ends_with(&format!("{}/clip.mp4", clip.clip_id)));
        let name = name.unwrap();
        assert!(before[name].modified == after[name].modified, "{name} was written again");
    }
}

#[test]
fn the_number_of_jobs_changes_no_byte() {
    let other = results::run(&Session::new().manifest(), &["--jobs", "1"]);
    tree::assert_same_bytes(&tree::read(other.out()), &tree::read(base().out()), "--jobs 1 and 2");
}

#[test]
fn segment_finds_the_same_moments_without_media() {
    let session = Session::new();
    // Without the recording: the manifest states its length.
    std::fs::remove_file(session.path("live.flv")).unwrap();
    let arguments: [&Path; 3] = ["segment".as_ref(), &session.manifest(), "--json".as_ref()];
    let output = reprise(arguments);
    let found = output.expect(0).json();
    let whole = serde_json::to_value(base().outcome()).unwrap();
    let ids = |value: &serde_json::Value| {
        let moments = value["moments"].as_array().unwrap().clone();
        moments.into_iter().map(|moment| moment["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&found), ids(&whole));
}
