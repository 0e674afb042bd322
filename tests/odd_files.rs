//! Odd and broken files come to an answer or a clear error; none panics, hangs or eats the memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_checks::{LookFor, NoAdviser};
use reprise_media::probe;
use reprise_model::bytes::MemorySource;
use reprise_tests::command::{Output, reprise};
use reprise_tests::dice::Dice;
use reprise_tests::{live, readback};
use reprise_transcode::decode_clip;
use serde_json::Value;

/// No file may take more.
const MEMORY_MAX: u64 = 1 << 30;
/// The exit codes that a file may lead to.
const CODES: [i32; 8] = [0, 64, 65, 66, 69, 70, 74, 75];
/// Mutated copies that are tried, over all containers.
const MUTATIONS: usize = 200;

fn command(name: &str, file: &Path) -> Output {
    let arguments: [&Path; 3] = [name.as_ref(), file, "--json".as_ref()];
    reprise(arguments)
}

fn inspected(file: &Path) -> Value {
    command("inspect", file).expect(0).json()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[track_caller]
fn answers(file: &Path) {
    let name = file.file_name().unwrap().to_str().unwrap();
    for command_name in ["inspect", "check"] {
        let output = command(command_name, file);
        let code = output.code.unwrap_or_else(|| panic!("{command_name} {name}: {output:?}"));
        assert!(CODES.contains(&code) && code != 70, "{command_name} {name}: {code}");
        output.expect(code);
        if code == 0 {
            assert!(output.json().is_object(), "{command_name} {name}");
        } else {
            assert_eq!(output.stdout, "", "{command_name} {name}");
            output.says(&["error: ", name]);
        }
        let peak = output.peak_bytes;
        assert!(peak < MEMORY_MAX, "{command_name} {name}: {peak} bytes");
    }
}

#[test]
fn odd_files_of_the_fixture_are_answered() {
    let files = files_of(&live::folder().join("odd"));
    assert!(files.len() >= 10);
    files.iter().for_each(|file| answers(file));
}

#[test]
fn odd_files_of_others_are_answered() {
    let Some(folder) = live::shared("data/odd") else { return };
    files_of(&folder).iter().for_each(|file| answers(file));
}

#[test]
fn footage_of_others_is_answered() {
    let Some(folder) = live::shared("data/video") else { return };
    files_of(&folder).iter().for_each(|file| answers(file));
}

#[test]
fn turned_pictures_are_measured_upright() {
    let own = inspected(&live::folder().join("odd/rotated.mp4"));
    assert_eq!((&own["video"]["width"], &own["video"]["height"]), (&720.into(), &1280.into()));
    let name = "data/odd/am_internal_emulator_transformer_output_270_rotated.mp4";
    let Some(file) = live::shared(name) else { return };
    let found = inspected(&file);
    assert_eq!((&found["video"]["width"], &found["video"]["height"]), (&720.into(), &1280.into()));
    assert_eq!(found["video"]["stored_width"], 1280);
}

#[test]
fn damage_is_reported() {
    let Some(file) = live::shared("data/odd/decord_corrupted.mp4") else { return };
    let found = inspected(&file);
    assert!(found["damaged_packets"].as_u64().unwrap() > 0, "{found}");
    let faults = found["faults"].as_array().unwrap();
    assert!(faults.iter().any(|fault| fault["kind"] == "corrupt"), "{faults:?}");
    assert!(command("check", &file).expect(0).json()["damaged_packets"].as_u64().unwrap() > 0);
}

#[test]
fn clocks_that_start_anywhere_and_lengths_that_are_not_stated_are_measured() {
    for (name, zero) in [("vhs_bipbop0.ts", 10.0), ("vhs_bipbop1.ts", 20.01)] {
        let Some(file) = live::shared(&format!("data/odd/{name}")) else { return };
        let found = inspected(&file);
        let measured = found["file_zero_s"].as_f64().unwrap();
        assert!((measured - zero).abs() < 0.0005, "{name} starts at {measured}");
        assert!((found["duration_s"].as_f64().unwrap() - 10.0).abs() < 0.1, "{name}");
    }
    let Some(file) = live::shared("data/odd/moviepy_no_duration.webm") else { return };
    let times = readback::run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
            file.to_str().unwrap(),
        ],
    );
    let times = String::from_utf8(times).unwrap();
    let last: f64 =
        times.lines().filter_map(|t| t.trim_end_matches(',').parse().ok()).fold(0.0, f64::max);
    let length = inspected(&file)["duration_s"].as_f64().unwrap();
    assert!((last..last + 0.2).contains(&length), "{length} s, the last picture is at {last}");
}

#[test]
fn still_stretches_of_a_screen_recording_are_found() {
    let Some(file) = live::shared("data/video/screenrec_ios_60fps.mp4") else { return };
    let found = inspected(&file);
    // As another program measures them, from and to.
    for known in [[0.0, 2.2], [5.07, 7.35]] {
        let hit = found["faults"].as_array().unwrap().iter().any(|fault| {
            let span = [fault["start_s"].as_f64().unwrap(), fault["end_s"].as_f64().unwrap()];
            let shared = reprise_tests::results::shared_s(span, known);
            fault["kind"] == "freeze" && shared > 0.7 * (known[1] - known[0])
        });
        assert!(hit, "{known:?} is not in {}", found["faults"]);
    }
}

#[test]
fn streams_are_told_apart() {
    let Some(file) = live::shared("data/odd/am_sample_video_only.mp4") else { return };
    assert!(inspected(&file)["audio"].is_null());
    let Some(file) = live::shared("data/odd/tc_nasa_13013.mp4") else { return };
    let found = inspected(&file);
    let unused = found["unused"].as_array().unwrap();
    let kinds: Vec<&str> = unused.iter().map(|stream| stream["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["video", "audio", "subtitle", "subtitle"]);
    assert!(unused.iter().all(|stream| !stream["reason"].as_str().unwrap().is_empty()));
}

#[test]
fn mutated_files_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut clips = Vec::new();
    for name in ["live.flv", "live.ts", "live.mp4", "live-fragmented.mp4", "live.mkv"] {
        let source = live::folder().join(name);
        let clip = folder.path().join(name);
        let fragmented = ["-movflags", "frag_keyframe+empty_moov"];
        let mut arguments = vec![
            "-v",
            "error",
            "-ss",
            "10",
            "-i",
            source.to_str().unwrap(),
            "-t",
            "2",
            "-vf",
            "scale=180:320",
            "-c:v",
            "libx264",
            "-c:a",
            "aac",
            "-preset",
            "ultrafast",
        ];
        if name.contains("fragmented") {
            arguments.extend(fragmented);
        }
        arguments.push(clip.to_str().unwrap());
        readback::run("ffmpeg", &arguments);
        let bytes = std::fs::read(&clip).unwrap();
        let whole = decode_clip(
            Arc::new(MemorySource::new(name, bytes.clone())),
            &LookFor::faults(),
            &NoAdviser,
        )
        .unwrap();
        assert!(whole.media.info.duration.seconds() > 1.8, "{name}");
        clips.push((name, bytes));
    }
    let mut dice = Dice::new(0xbad);
    let (mut sound, mut refused) = (0, 0);
    for index in 0..MUTATIONS {
        let (name, whole) = &clips[index % clips.len()];
        let mut bytes = whole.clone();
        // Half of the flips hit the header, where they do most.
        let reach = if dice.share() < 0.5 { bytes.len() } else { bytes.len().min(2000) };
        for _ in 0..=dice.below(20) {
            let at = dice.below(reach);
            bytes[at] ^= 1 << dice.below(8);
        }
        if dice.share() < 0.3 {
            bytes.truncate(dice.below(bytes.len()));
        }
        let source = Arc::new(MemorySource::new(*name, bytes));
        match probe(source.clone())
            .and_then(|_| decode_clip(source, &LookFor::faults(), &NoAdviser))
        {
            Ok(_) => sound += 1,
            Err(error) => {
                assert_eq!(error.kind.exit_code(), 65, "copy {index} of {name}: {error}");
                refused += 1;
            }
        }
    }
    assert!(sound > 0 && refused > 0, "{sound} answered, {refused} refused");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak << 10 < MEMORY_MAX, "{peak} kB");
}
