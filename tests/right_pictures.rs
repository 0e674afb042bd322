//! Odd sources give the right picture at the right time: every picture of a clip is held against
//! the source's picture of that time, both decoded by the `ffmpeg` command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};

use reprise_tests::command::reprise;
use reprise_tests::{live, readback};
use serde_json::Value;

/// Side of the pictures that are compared.
const SIDE: usize = 64;
/// Mean difference of brightness up to which two pictures are the same, levels. Encoding costs
/// about one, another picture of the same scene some five to thirty.
const SAME: f64 = 4.0;

struct Picture {
    at_s: f64,
    luma: Vec<u8>,
}

/// The pictures of a stream, upright, as ffmpeg shows them.
fn pictures(file: &Path, stream: u64) -> Vec<Picture> {
    let (file, map) = (file.to_str().unwrap(), format!("0:{stream}"));
    let scale = format!("scale={SIDE}:{SIDE}:flags=area,format=gray");
    let luma = readback::run(
        "ffmpeg",
        &[
            "-v",
            "quiet",
            "-i",
            file,
            "-map",
            &map,
            "-vf",
            &scale,
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-",
        ],
    );
    let selected = stream.to_string();
    let times = readback::run(
        "ffprobe",
        &[
            "-v",
            "quiet",
            "-select_streams",
            &selected,
            "-show_entries",
            "frame=best_effort_timestamp_time",
            "-of",
            "json",
            file,
        ],
    );
    let times: Value = serde_json::from_slice(&times).unwrap();
    let time = |frame: &Value| frame["best_effort_timestamp_time"].as_str()?.parse().ok();
    let times = times["frames"].as_array().unwrap().iter().filter_map(time);
    let pictures: Vec<Picture> = times
        .zip(luma.chunks_exact(SIDE * SIDE))
        .map(|(at_s, luma)| Picture { at_s, luma: luma.to_vec() })
        .collect();
    assert!(!pictures.is_empty(), "{file} has no pictures");
    pictures
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    sum as f64 / a.len() as f64
}

/// A picture of high dynamic range put to the standard range, by the command.
fn standard(file: &Path, folder: &Path) -> Option<PathBuf> {
    let shown = ["-v", "error", "-show_entries", "stream=color_transfer", "-of", "csv=p=0"];
    let shown = readback::run("ffprobe", &[&shown[..], &[file.to_str().unwrap()]].concat());
    let shown = String::from_utf8(shown).unwrap();
    if !shown.contains("arib-std-b67") && !shown.contains("smpte2084") {
        return None;
    }
    let filter = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
        tonemap=mobius:param=0.5:peak=4.93:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p";
    let coding = ["-vf", filter, "-fps_mode", "passthrough", "-c:v", "libx264", "-crf", "10"];
    Some(made(folder, "standard.mp4", &[&["-i", file.to_str().unwrap()], &coding[..]].concat()))
}

/// Cuts the middle of a file and holds it against `original` (the file itself, if nothing else).
/// What cannot be cut must say why.
#[track_caller]
fn cut_is_right(file: &Path, original: Option<&Path>, refused: bool) {
    if let Err(wrong) = cut_and_compare(file, original, refused) {
        panic!("{wrong}");
    }
}

fn cut_and_compare(file: &Path, original: Option<&Path>, refused: bool) -> Result<(), String> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let inspected = reprise(["inspect".as_ref(), file, "--json".as_ref()]);
    if refused {
        assert!(inspected.code.is_some_and(|code| [65, 66].contains(&code)), "{inspected:?}");
        inspected.says(&["error: ", name]);
        return Ok(());
    }
    let found = inspected.expect(0).json();
    let length_s = found["duration_s"].as_f64().unwrap();
    let window = format!("{:.3}-{:.3}", length_s * 0.3, length_s * 0.8);
    let out = tempfile::tempdir().unwrap();
    let words: [&Path; 7] = [
        "cut".as_ref(),
        file,
        "--window".as_ref(),
        window.as_ref(),
        "--out".as_ref(),
        out.path(),
        "--json".as_ref(),
    ];
    let cut: Value = reprise(words).expect(0).json();
    let clip = &cut[0]["clip"];
    let from_s = clip["start_s"].as_f64().unwrap();
    assert!((from_s - length_s * 0.3).abs() < 0.6 / clip["fps"].as_f64().unwrap().min(30.0));
    let made = PathBuf::from(cut[0]["file"].as_str().unwrap());
    let made = pictures(&made, 0);
    let source = pictures(original.unwrap_or(file), found["video"]["stream"].as_u64().unwrap());
    let zero_s = match original {
        Some(_) => source[0].at_s,
        None => found["file_zero_s"].as_f64().unwrap(),
    };
    let fps = clip["fps"].as_f64().unwrap();
    let wanted = (clip["end_s"].as_f64().unwrap() - from_s) * fps;
    assert!((made.len() as f64 - wanted).abs() < 0.51, "{name}: {} for {wanted:.2}", made.len());
    for picture in &made {
        let at_s = zero_s + from_s + picture.at_s;
        // The picture that stands there, or one a tick of the clip's rate away.
        let first = source.partition_point(|other| other.at_s < at_s - 1.1 / fps);
        let best = source[first.saturating_sub(1)..]
            .iter()
            .take_while(|other| other.at_s <= at_s + 1.1 / fps)
            .map(|other| difference(&picture.luma, &other.luma))
            .fold(f64::INFINITY, f64::min);
        if best > SAME {
            return Err(format!("{name}: the picture at {at_s:.3} s is off by {best:.1} levels"));
        }
    }
    Ok(())
}

#[test]
fn every_odd_file_of_others_is_cut_right_or_refused() {
    let Some(folder) = live::shared("data/odd") else { return };
    let mut wrong = Vec::new();
    let temporary = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let raw = file.extension().is_some_and(|extension| extension == "264");
        let standard = standard(&file, temporary.path());
        wrong.extend(cut_and_compare(&file, standard.as_deref(), raw).err());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Makes a recording with the `ffmpeg` command.
fn made(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let file = folder.join(name);
    let mut all = vec!["-v", "error", "-y"];
    all.extend(arguments);
    all.push(file.to_str().unwrap());
    readback::run("ffmpeg", &all);
    file
}

const SCENE: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=360x640:rate=30:duration=6"];

#[test]
fn other_codings_are_cut_right() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 7] = [
        ("av1.mp4", &["-c:v", "libsvtav1", "-preset", "10", "-crf", "30"]),
        ("vp9.webm", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        ("ten-bit.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]),
        ("four-four-four.mkv", &["-c:v", "libx264", "-pix_fmt", "yuv444p"]),
        ("hevc.ts", &["-c:v", "libx265", "-x265-params", "log-level=none:keyint=60"]),
        ("sixty.mp4", &["-r", "60", "-c:v", "libx264"]),
        // Every third picture is missing, then every second.
        (
            "variable.mp4",
            &[
                "-vf",
                "select='if(lt(t,3),mod(n,3),mod(n,2))'",
                "-fps_mode",
                "vfr",
                "-c:v",
                "libx264",
            ],
        ),
    ];
    for (name, coding) in cases {
        let arguments = [&SCENE[..], coding].concat();
        cut_is_right(&made(folder.path(), name, &arguments), None, false);
    }
}

#[test]
fn interlaced_pictures_lose_their_combs() {
    let folder = tempfile::tempdir().unwrap();
    let smooth = made(
        folder.path(),
        "smooth.mp4",
        &["-f", "lavfi", "-i", "testsrc2=size=360x640:rate=50:duration=6", "-c:v", "libx264"],
    );
    let coded = ["-vf", "interlace", "-flags", "+ilme+ildct", "-c:v", "libx264"];
    let arguments = [&["-i", smooth.to_str().unwrap()][..], &coded].concat();
    let file = made(folder.path(), "interlaced.mp4", &arguments);
    cut_is_right(&file, Some(&smooth), false);
}

#[test]
fn high_dynamic_range_becomes_standard() {
    let folder = tempfile::tempdir().unwrap();
    // Neither white nor strong colours: those are bent, which is not what this looks at.
    let tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,\
        lutyuv=y=16+(val-16)*0.6:u=128+(val-128)*0.4:v=128+(val-128)*0.4";
    let standard = made(
        folder.path(),
        "standard.mp4",
        &[&SCENE[..], &["-vf", tags, "-c:v", "libx264", "-crf", "8"]].concat(),
    );
    for (transfer, name) in [("smpte2084", "pq.mp4"), ("arib-std-b67", "hlg.mp4")] {
        // White of the standard picture is put to 203 cd/m2, as ITU-R BT.2408 has it.
        let filter = format!(
            "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020,\
             zscale=t={transfer}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
        );
        let coding = format!(
            "log-level=none:crf=8:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
        );
        let source = standard.to_str().unwrap();
        let arguments = ["-i", source, "-vf", &filter, "-c:v", "libx265", "-x265-params", &coding];
        let file = made(folder.path(), name, &arguments);
        cut_is_right(&file, Some(&standard), false);
    }
}
