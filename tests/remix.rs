//! Quick post edit, from the command: the pictures are the clip's, each in its place, the sound is the
//! LIVE's own with music below, what was asked for is on the picture and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reprise_model::clip::{Clip, ClipProduct, ProductSighting, Word};
use reprise_model::remix::{Effect, Remix};
use reprise_model::{MediaTime, Money, Outcome, RuleId, Span};
use reprise_tests::command::{descendants, reprise, start};
use reprise_tests::session::{Session, short_clips};
use reprise_tests::{live, readback, results};

/// A clip of 9 s of the made LIVE with a product that moves, and words.
fn clip(folder: &Path) -> PathBuf {
    let recording = live::folder().join("live.mp4");
    let arguments = ["cut", recording.to_str().unwrap(), "--window", "20-29", "--out"];
    reprise(arguments.into_iter().chain([folder.to_str().unwrap()])).expect(0);
    let json = folder.join("live-01.json");
    let mut clip: Clip = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let money = |value: &str| -> Money {
        serde_json::from_value(serde_json::json!({ "value": value, "currency": "USD" })).unwrap()
    };
    clip.products = vec![ClipProduct {
        id: "p1".to_owned(),
        title: "Green Tea Cleanser".to_owned(),
        linked_by: "pinned".to_owned(),
        brand: Some("Mossen".to_owned()),
        price: Some(money("25.00")),
        live_price: Some(money("19.00")),
    }];
    clip.languages = vec!["en".to_owned()];
    clip.product_track = (0..46)
        .map(|index| {
            let at = f64::from(index) * 0.2;
            let x = 300.0 + 15.0 * at as f32;
            ProductSighting {
                clip_time_s: MediaTime::from_seconds(at),
                product_id: "p1".to_owned(),
                corners: [[x, 560.0], [x + 150.0, 560.0], [x + 150.0, 700.0], [x, 700.0]],
            }
        })
        .collect();
    clip.words = ["Look", "at", "this", "cleanser."]
        .iter()
        .enumerate()
        .map(|(index, text)| Word {
            text: (*text).to_owned(),
            clip_start_s: MediaTime::from_seconds(1.0 + index as f64 * 0.4),
            clip_end_s: MediaTime::from_seconds(1.3 + index as f64 * 0.4),
        })
        .collect();
    std::fs::write(&json, serde_json::to_vec(&clip).unwrap()).unwrap();
    folder.join("live-01.mp4")
}

fn remixed(clip: &Path, out: &Path, more: &[&str]) -> Remix {
    let arguments = ["remix", clip.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
    let output = reprise(arguments.into_iter().chain(more.iter().copied()));
    output.expect(0);
    let record = std::fs::read(out.with_extension("json")).unwrap();
    assert_eq!(
        output.json()["remix"],
        serde_json::from_slice::<serde_json::Value>(&record).unwrap()
    );
    serde_json::from_slice(&record).unwrap()
}

/// A picture of a file as gray bytes.
fn gray(file: &Path, number: u32) -> Vec<u8> {
    let select = format!("select=eq(n\\,{number})");
    let file = file.to_str().unwrap();
    let arguments = ["-v", "error", "-i", file, "-vf", &select, "-frames:v", "1"];
    let raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-"];
    readback::run("ffmpeg", &arguments.into_iter().chain(raw).collect::<Vec<_>>())
}

/// Integrated loudness and true peak of a file's sound, as ffmpeg measures them.
fn loudness(file: &Path) -> (f64, f64) {
    let command = std::process::Command::new("ffmpeg")
        .args([
            "-nostats",
            "-i",
            file.to_str().unwrap(),
            "-af",
            "ebur128=peak=true",
            "-f",
            "null",
            "-",
        ])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&command.stderr).into_owned();
    let summary = told.rsplit_once("Summary:").expect("a summary").1.to_owned();
    let figure = |name: &str| -> f64 {
        let line = summary.lines().find(|line| line.trim().starts_with(name)).expect("a figure");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (figure("I:"), figure("Peak:"))
}

#[test]
fn every_picture_is_the_clips_own_in_its_place_and_the_sound_is_in_sync() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let out = folder.path().join("remix.mp4");
    // Nothing on the picture, so that its number can be read.
    let off: Vec<&str> = Effect::ALL
        .iter()
        .filter(|effect| **effect != Effect::Music)
        .flat_map(|effect| ["--off", effect.as_str()])
        .collect();
    let more: Vec<&str> =
        ["--template", "clean-white", "--no-check"].into_iter().chain(off).collect();
    let remix = remixed(&clip, &out, &more);
    assert_eq!(remix.effects, [Effect::Music]);
    assert!(remix.overlays.is_empty());

    let (before, after) = (readback::read(&clip), readback::read(&out));
    assert_eq!(after.numbers, before.numbers, "pictures");
    assert_eq!(after.times.len(), before.times.len());
    for (got, wanted) in after.times.iter().zip(&before.times) {
        assert!((got - wanted).abs() < 1e-6, "{got} instead of {wanted}");
    }
    assert!(readback::is_faststart(&out));
    // The clip's sound is in the remix, where it was: the best match of both is at no delay.
    let (own, mixed) = (sound(&clip), sound(&out));
    assert!(own.len().abs_diff(mixed.len()) < 2048, "{} and {}", own.len(), mixed.len());
    let match_at = |delay: i64| -> f64 {
        let pairs = (4800..own.len() as i64 - 4800)
            .step_by(3)
            .map(|at| f64::from(own[at as usize]) * f64::from(mixed[(at + delay) as usize]));
        pairs.sum()
    };
    let best = (-480..=480).max_by(|a, b| match_at(*a).total_cmp(&match_at(*b))).unwrap();
    assert!(best.abs() <= 24, "the sound is {best} samples off");
}

/// A file's sound, one channel at 48 kHz.
fn sound(file: &Path) -> Vec<f32> {
    let arguments = [
        "-v",
        "error",
        "-i",
        file.to_str().unwrap(),
        "-f",
        "f32le",
        "-ac",
        "1",
        "-ar",
        "48000",
        "-",
    ];
    let bytes = readback::run("ffmpeg", &arguments);
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[test]
fn what_is_declared_is_on_the_picture_and_the_rest_is_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let out = folder.path().join("remix.mp4");
    let remix = remixed(&clip, &out, &["--template", "bold-sale", "--off", "zoom"]);
    let wanted = [
        Effect::Hook,
        Effect::Name,
        Effect::Price,
        Effect::Captions,
        Effect::CallToAction,
        Effect::Brand,
        Effect::Arrow,
        Effect::Music,
    ];
    assert_eq!(remix.effects, wanted);
    let said = |effect: Effect| {
        let overlay = remix.overlays.iter().find(|overlay| overlay.effect == effect).unwrap();
        overlay.text.clone().unwrap_or_default()
    };
    assert_eq!(said(Effect::Hook), "24% off in our LIVE");
    assert_eq!(said(Effect::Price), "$19 $25 -24%");
    assert_eq!(said(Effect::Captions), "Look at this cleanser.");

    for number in [30u32, 120, 250] {
        let at = MediaTime::from_seconds((f64::from(number) + 0.5) / 30.0);
        let (before, after) = (gray(&clip, number), gray(&out, number));
        assert_eq!((before.len(), after.len()), (720 * 1280, 720 * 1280));
        let shown: Vec<_> =
            remix.overlays.iter().filter(|o| Span::from(o.span).contains(at)).collect();
        assert!(!shown.is_empty());
        let mut changed_inside = vec![0usize; shown.len()];
        let mut changed_outside = 0usize;
        for (index, (a, b)) in before.iter().zip(&after).enumerate() {
            if a.abs_diff(*b) < 40 {
                continue;
            }
            let (x, y) = ((index % 720) as f64, (index / 720) as f64);
            // Shadows reach a little further.
            let inside = shown.iter().position(|overlay| {
                let [left, top, width, height] = overlay.area;
                (left - 12.0..left + width + 12.0).contains(&x)
                    && (top - 12.0..top + height + 12.0).contains(&y)
            });
            match inside {
                Some(overlay) => changed_inside[overlay] += 1,
                None => changed_outside += 1,
            }
        }
        for (overlay, changed) in shown.iter().zip(changed_inside) {
            assert!(changed > 300, "picture {number}: {overlay:?} changes {changed} pixels");
        }
        // Coding it anew moves few pixels by so much.
        assert!(changed_outside < 2000, "picture {number}: {changed_outside} pixels elsewhere");
    }

    // It was checked: its own sound is still the LIVE's, its own stickers are no foreign marks.
    let verdict = |rule: RuleId| remix.verdicts.iter().find(|v| v.rule == rule).unwrap();
    assert_eq!(verdict(RuleId::AudioOriginal).verdict, Outcome::Pass);
    assert_ne!(verdict(RuleId::ComplianceWatermark).verdict, Outcome::Fail);
    assert_eq!(verdict(RuleId::VisualEnhancement).verdict, Outcome::Pass);
    let loud = remix.loudness.unwrap();
    let (integrated, peak) = loudness(&out);
    assert!((integrated + 14.0).abs() <= 1.0, "{integrated} LUFS");
    assert!(peak <= -1.0, "{peak} dBTP");
    assert!((loud.integrated_lufs - integrated).abs() < 0.5, "{loud:?} and {integrated}");
    assert!(loud.speech_lufs.unwrap() - loud.music_lufs.unwrap() >= 10.0, "{loud:?}");
    assert!(out.with_extension("jpg").exists());
}

#[test]
fn an_overlay_that_names_another_platform_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let out = folder.path().join("remix.mp4");
    let more =
        ["--template", "soft-beauty", "--text", "hook=Cheaper on www.shopee.com", "--off", "zoom"];
    let remix = remixed(&clip, &out, &more);
    let verdict = remix.verdicts.iter().find(|v| v.rule == RuleId::ComplianceWatermark).unwrap();
    assert_eq!(verdict.verdict, Outcome::Fail, "{verdict:?}");
    assert_eq!(remix.grade.unwrap().as_str(), "rejected");
}

#[test]
fn who_posts_through_the_api_gets_no_branding() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let out = folder.path().join("remix.mp4");
    let more = ["--template", "night-neon", "--target", "platform-api", "--no-check"];
    let remix = remixed(&clip, &out, &more);
    assert_eq!(remix.effects, [Effect::Captions, Effect::Arrow, Effect::Zoom, Effect::Music]);
}

#[test]
fn wrong_calls_and_wrong_files_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("remix.mp4");
    let out = out.to_str().unwrap();
    let nothing = ["remix", "nowhere", "--template", "bold-sale", "--out", out];
    reprise(nothing).expect(66).says(&["nowhere/clip.json", "does not exist"]);
    reprise(["remix", "nowhere", "--template", "golden", "--out", out])
        .expect(64)
        .says(&["golden", "bold-sale"]);
    reprise(["remix", "nowhere", "--template", "bold-sale", "--off", "sparkle", "--out", out])
        .expect(64)
        .says(&["sparkle", "captions"]);

    let clip = clip(folder.path());
    let clip_path = clip.to_str().unwrap();
    reprise(["remix", clip_path, "--template", "bold-sale", "--music", "jazz", "--out", out])
        .expect(64)
        .says(&["jazz", "bright-pop"]);
    let template = folder.path().join("own.toml");
    let text = include_str!("../pipelines/remix/templates/bold-sale.toml");
    std::fs::write(&template, text.replace("size = 0.092", "size = 9")).unwrap();
    reprise(["remix", clip_path, "--template", template.to_str().unwrap(), "--out", out])
        .expect(65)
        .says(&["own.toml", "size of Hook"]);
    let mut bytes = std::fs::read(&clip).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&clip, bytes).unwrap();
    reprise(["remix", clip_path, "--template", "bold-sale", "--out", out])
        .expect(65)
        .says(&["live-01.mp4", "is not the clip that"]);
    assert!(!Path::new(out).exists());
}

#[test]
fn a_clip_that_cannot_be_decoded_ends_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let json = clip.with_extension("json");
    let mut bytes = std::fs::read(&clip).unwrap();
    let quarter = bytes.len() / 4;
    for byte in bytes.iter_mut().skip(quarter).step_by(3) {
        *byte = byte.wrapping_mul(31).wrapping_add(7);
    }
    let mut told: Clip = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    told.source.clip_blake3 = blake3::hash(&bytes).to_hex().to_string();
    std::fs::write(&json, serde_json::to_vec(&told).unwrap()).unwrap();
    std::fs::write(&clip, bytes).unwrap();
    let out = folder.path().join("remix.mp4");
    let arguments = [
        "remix",
        clip.to_str().unwrap(),
        "--template",
        "bold-sale",
        "--out",
        out.to_str().unwrap(),
    ];
    let ended = start(arguments).wait(Duration::from_secs(120));
    assert!([Some(0), Some(65)].contains(&ended.code), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn cancelling_works_at_once() {
    use reprise_media::remote::Program;
    use reprise_remix::{Coder, Order, Remixer, Template, Way, Wishes};
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let order = Order {
        clip: serde_json::from_slice(&std::fs::read(clip.with_extension("json")).unwrap()).unwrap(),
        template: Template::built_in("bold-sale").unwrap(),
        wishes: Wishes::default(),
        plan: None,
        brand: None,
        coder: Coder::default(),
        encode: toml::from_str(include_str!("../pipelines/profiles/h264-720p-fast.toml")).unwrap(),
    };
    let arguments = vec!["remix-child".to_owned(), "4096".to_owned()];
    let path = reprise_tests::command::binary().to_owned();
    let remixer = Remixer { program: Program { path, arguments } };
    let cancel = AtomicBool::new(false);
    let cancelled_at = std::cell::Cell::new(None);
    let progress = |share: f64| {
        if share > 0.1 && cancelled_at.get().is_none() {
            cancelled_at.set(Some(std::time::Instant::now()));
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let way = Way { progress: &progress, cancel: &cancel };
    let error = remixer.make(&order, std::fs::read(&clip).unwrap(), &way).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert!(cancelled_at.get().expect("it was under way").elapsed() < Duration::from_secs(2));
    let is_remix = |id: &u32| {
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains("remix-child")
    };
    let parent_is_this = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|rest| rest.1.split_whitespace().nth(1));
        parent == Some(std::process::id().to_string().as_str())
    };
    let left: Vec<u32> = descendants(std::process::id());
    let left: Vec<&u32> = left.iter().filter(|id| is_remix(id) && parent_is_this(id)).collect();
    assert!(left.is_empty(), "a process is left: {left:?}");
}

#[test]
fn a_remix_through_the_queue_lies_beside_its_clip_and_is_taken_down_with_it() {
    use reprise_queue::{Lane, NewJob, State};
    let folder = tempfile::tempdir().unwrap();
    let session = Session::new();
    let out = folder.path().join("out");
    let out_text = out.to_str().unwrap().to_owned();
    let settings = short_clips(folder.path()).display().to_string();
    let manifest = session.manifest().display().to_string();
    reprise(["run", &manifest, "--out", &out_text, "--settings", &settings]).expect(0);
    let (clip_folder, clip) = results::clips(&results::session_folder(&out)).remove(0);
    let before = std::fs::read(clip_folder.join("clip.mp4")).unwrap();

    let url = format!("sqlite://{}/queue.db", folder.path().display());
    let queue = reprise_queue::open(&url).unwrap();
    let creator = session_creator(&session);
    let body = |clip: &str| {
        serde_json::json!({
            "out": out_text, "session": "fixture-evening", "clip": clip, "template": "fresh-market",
            "wishes": { "off": ["zoom"], "texts": { "hook": "Fresh today" } }, "creator": creator,
        })
    };
    let put = |key: &str, clip: &str| {
        let new = NewJob {
            tenant: "friday-show".to_owned(),
            lane: Lane::Remix,
            kind: "remix.requested".to_owned(),
            key: key.to_owned(),
            body: body(clip),
        };
        queue.enqueue(&new).unwrap().id
    };
    let wanted = put("one", &clip.clip_id);
    let missing = put("two", "no-such-clip");
    let worker = ["worker", "--queue", &url, "--until-empty"];
    start(worker).wait(Duration::from_secs(300)).expect(0);

    let job = queue.job(&wanted).unwrap().unwrap();
    assert_eq!(job.state, State::Done, "{:?}", job.failure);
    assert_eq!((job.progress.done, job.progress.total), (100, 100));
    let result = job.result.unwrap();
    let made = results::session_folder(&out)
        .join("remixes")
        .join(&clip.clip_id)
        .join(result["remix"].as_str().unwrap());
    let record = std::fs::read(made.join("remix.json")).unwrap();
    let record: Remix = serde_json::from_slice(&record).unwrap();
    let mp4 = std::fs::read(made.join("remix.mp4")).unwrap();
    assert_eq!(record.remix_blake3, blake3::hash(&mp4).to_hex().as_str());
    assert!(record.overlays.iter().any(|o| o.text.as_deref() == Some("Fresh today")));
    assert!(record.grade.is_some() && made.join("cover.jpg").exists());
    let (was, is) =
        (readback::read(&clip_folder.join("clip.mp4")), readback::read(&made.join("remix.mp4")));
    assert_eq!(was.times.len(), is.times.len());
    assert_eq!(
        std::fs::read(clip_folder.join("clip.mp4")).unwrap(),
        before,
        "the clip was touched"
    );
    // A clip that is gone is no reason to try again.
    let job = queue.job(&missing).unwrap().unwrap();
    assert_eq!((job.state, job.failures), (State::Parked, 1));
    assert!(job.failure.unwrap().error.contains("no such clip"));

    // A remix that waits is stopped, what was made is removed.
    let waiting = put("three", &clip.clip_id);
    let seller = ["--seller", "friday-show", "--out", &out_text, "--queue", &url];
    let takedown = ["takedown", "--creator", &creator];
    reprise(takedown.into_iter().chain(seller)).expect(0);
    assert_eq!(queue.job(&waiting).unwrap().unwrap().state, State::Cancelled);
    assert!(!made.exists());
}

fn session_creator(session: &Session) -> String {
    let text = std::fs::read_to_string(session.manifest()).unwrap();
    let manifest: toml::Value = toml::from_str(&text).unwrap();
    manifest["creator"].as_str().unwrap().to_owned()
}
