//! Smart cuts at random points: the recording's own coded pictures bit for bit, the encoded edges
//! like it, everything in its place, and no decoder with anything to say.
//!
//! `REPRISE_CUTS=500` makes so many cuts; without it a handful a source.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reprise_media::{ClipRequest, EncodeSettings, EncodedClip, FileSource, cut_clip, probe};
use reprise_model::Span;
use reprise_tests::dice::Dice;

/// Length of each source, seconds.
const LENGTH_S: f64 = 24.0;
/// Size of the pictures that encoded ones are compared by.
const SMALL: (usize, usize) = (45, 80);
/// Mean difference of an encoded picture from the recording's, levels. Crf 21 makes about 1.
const LIKE_MAX: f64 = 3.0;

/// A kind of recording, and what x264 is told to make it.
struct Kind {
    name: &'static str,
    /// Pictures a second.
    rate: &'static str,
    /// One stream an entry, put one after the other.
    parts: &'static [&'static str],
    /// Whether it has IDR pictures throughout, so that long cuts must be copied.
    copies: bool,
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "pyramid",
        rate: "30",
        parts: &["keyint=45:bframes=3:b-pyramid=normal"],
        copies: true,
    },
    Kind {
        name: "flat",
        rate: "30",
        parts: &["keyint=60:bframes=2:b-pyramid=none:slices=3"],
        copies: true,
    },
    Kind {
        name: "plain",
        rate: "25",
        parts: &["keyint=50:bframes=0:cabac=0:8x8dct=0"],
        copies: true,
    },
    Kind {
        name: "ntsc",
        rate: "30000/1001",
        parts: &["keyint=40:bframes=5:b-adapt=2"],
        copies: true,
    },
    Kind { name: "open", rate: "30", parts: &["keyint=45:bframes=3:open-gop=1"], copies: false },
    Kind {
        name: "mixed",
        rate: "30",
        parts: &["keyint=30:bframes=3:open-gop=1", "keyint=30:bframes=3:open-gop=1"],
        copies: false,
    },
    Kind {
        name: "two",
        rate: "30",
        parts: &["keyint=45:bframes=3:ref=3", "keyint=45:bframes=0:ref=1:cabac=0"],
        copies: true,
    },
];

const CONTAINERS: [&str; 4] = ["mp4", "flv", "ts", "mkv"];

fn run(program: &str, arguments: &[&str]) -> (Vec<u8>, String) {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    (output.stdout, stderr)
}

fn ffmpeg(arguments: &[&str]) -> (Vec<u8>, String) {
    let quiet = [&["-y", "-nostdin", "-v", "warning"], arguments].concat();
    run("ffmpeg", &quiet)
}

/// Makes the recording of a kind as MPEG-TS; its parts move and are coded differently.
fn original(kind: &Kind, folder: &Path) -> PathBuf {
    let each = LENGTH_S / kind.parts.len() as f64;
    let list = folder.join(format!("{}.txt", kind.name));
    let mut names = String::new();
    for (index, part) in kind.parts.iter().enumerate() {
        let source = format!(
            "testsrc2=size=360x640:rate={}:duration={each},hue=h={}*t,noise=alls=6:allf=t",
            kind.rate,
            20 + index * 25
        );
        let params = format!("{part}:scenecut=0:threads=1");
        let name = format!("{}-{index}.mp4", kind.name);
        let made = folder.join(&name);
        ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            &source,
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "26",
            "-x264-params",
            &params,
            made.to_str().unwrap(),
        ]);
        names.push_str(&format!("file {name}\n"));
    }
    std::fs::write(&list, names).unwrap();
    let path = folder.join(format!("{}-original.ts", kind.name));
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={LENGTH_S}");
    ffmpeg(&[
        "-f",
        "concat",
        "-i",
        list.to_str().unwrap(),
        "-f",
        "lavfi",
        "-i",
        &sound,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c:v",
        "copy",
        "-c:a",
        "aac",
        path.to_str().unwrap(),
    ]);
    path
}

/// The recording in another container.
fn recording(original: &Path, kind: &Kind, container: &str) -> PathBuf {
    let path = original.with_file_name(format!("{}.{container}", kind.name));
    ffmpeg(&["-i", original.to_str().unwrap(), "-c", "copy", path.to_str().unwrap()]);
    path
}

/// A file's pictures as the `ffmpeg` command decodes them.
struct Pictures {
    hashes: Vec<String>,
    small: Vec<Vec<u8>>,
    /// What it had to say.
    said: String,
}

fn decoded(path: &Path) -> Pictures {
    let path = path.to_str().unwrap();
    let filter = format!("scale={}:{}:flags=area,format=gray", SMALL.0, SMALL.1);
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    let each = ["-map", "0:v", "-fps_mode", "passthrough"];
    let hashes = ["-f", "framemd5", "-"];
    let scaled = ["-vf", &filter, "-f", "rawvideo", small.to_str().unwrap()];
    let arguments = [&["-i", path], &each[..], &hashes, &each, &scaled].concat();
    let (hashes, said) = ffmpeg(&arguments);
    let small = std::fs::read(small).unwrap();
    let hashes = String::from_utf8(hashes).unwrap();
    let hashes = hashes.lines().filter(|line| !line.starts_with('#'));
    Pictures {
        hashes: hashes.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect(),
        small: small.chunks_exact(SMALL.0 * SMALL.1).map(<[u8]>::to_vec).collect(),
        said,
    }
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

/// Time stamps of a file's pictures as shown, in its ticks, and how many ticks a second has.
fn stamps(path: &Path) -> (Vec<i64>, f64) {
    let entries = ["-show_entries", "packet=pts:stream=time_base", "-of", "compact=p=0"];
    let start = ["-v", "error", "-select_streams", "v"];
    let arguments = [&start[..], &entries[..], &[path.to_str().unwrap()]].concat();
    let text = String::from_utf8(run("ffprobe", &arguments).0).unwrap();
    let mut stamps: Vec<i64> = text
        .lines()
        .filter_map(|line| line.split('|').find_map(|field| field.strip_prefix("pts=")))
        .map(|pts| pts.parse().unwrap())
        .collect();
    stamps.sort_unstable();
    let base = text.lines().find_map(|line| line.strip_prefix("time_base=1/")).unwrap();
    (stamps, base.parse().unwrap())
}

/// What GStreamer says while it decodes, and how many pictures it gives; `None` where it is absent.
fn gstreamer(path: &Path) -> Option<(String, usize)> {
    let location = format!("location={}", path.display());
    let arguments = [
        "-q",
        "filesrc",
        &location,
        "!",
        "qtdemux",
        "!",
        "h264parse",
        "!",
        "avdec_h264",
        "!",
        "checksumsink",
        "sync=false",
    ];
    let output = Command::new("gst-launch-1.0")
        .args(arguments)
        .env("GST_DEBUG", "*:2")
        .env("GST_DEBUG_NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", path.display());
    // Not of boxes that `qtdemux` does not know, which every MP4 of libav's has.
    let said: Vec<&str> = said
        .lines()
        .filter(|line| ["h264", "libav", "videodec", "ERROR"].iter().any(|w| line.contains(w)))
        .collect();
    let pictures = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Some((said.join("\n"), pictures.count()))
}

fn settings() -> EncodeSettings {
    toml::from_str(include_str!("../pipelines/profiles/h264-720p-fast.toml")).unwrap()
}

fn cut(path: &Path, span: Span) -> EncodedClip {
    let settings = settings();
    let source = FileSource::open(path).unwrap();
    let info = probe(source.clone()).unwrap();
    let request = ClipRequest { span, settings: &settings, stills: &[], damaged_packets: 0 };
    cut_clip(source, &info, &request, None, &mut |_| {}).unwrap()
}

fn fps(rate: &str) -> f64 {
    match rate.split_once('/') {
        Some((num, den)) => num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap(),
        None => rate.parse().unwrap(),
    }
}

/// Checks a clip against its source; gives the numbers of its copied pictures.
fn check(
    what: &str,
    clip: &EncodedClip,
    path: &Path,
    source: &Pictures,
    kind: &Kind,
) -> Range<u64> {
    let fps = fps(kind.rate);
    let read = decoded(path);
    assert_eq!(read.said, "", "{what}: ffmpeg says");
    let (stamps, ticks) = stamps(path);
    assert_eq!(stamps.len() as u64, clip.pictures, "{what}");
    assert_eq!(read.hashes.len() as u64, clip.pictures, "{what}: pictures decoded");
    for (number, &stamp) in stamps.iter().enumerate() {
        let exact = number as f64 / fps * ticks;
        assert!((stamp as f64 - exact).abs() < 0.01, "{what}: picture {number} at {stamp}");
    }
    // The recording's pictures are counted from its first, which is its zero.
    let first = (clip.span.start.seconds() * fps).round() as usize;
    for number in 0..read.hashes.len() {
        let place = first + number;
        if clip.copied.contains(&(number as u64)) {
            assert_eq!(read.hashes[number], source.hashes[place], "{what}: picture {number}");
            continue;
        }
        let off = |place: usize| {
            source.small.get(place).map_or(f64::MAX, |small| difference(&read.small[number], small))
        };
        let here = off(place);
        assert!(here < LIKE_MAX, "{what}: picture {number} is off by {here:.2}");
        let near = [place.wrapping_sub(1), place + 1].map(off);
        assert!(near.iter().all(|&near| near > here), "{what}: picture {number}: {here} {near:?}");
    }
    match gstreamer(path) {
        Some((said, pictures)) => {
            assert_eq!(said, "", "{what}: GStreamer says");
            assert_eq!(pictures as u64, clip.pictures, "{what}: GStreamer's pictures");
        }
        None => eprintln!("skipped: gst-launch-1.0 is not installed, GStreamer was not asked"),
    }
    clip.copied.clone()
}

#[test]
fn random_cuts_are_exact_and_what_is_copied_is_bit_exact() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = std::env::var("REPRISE_CUTS").ok().and_then(|text| text.parse().ok());
    let each = wanted.unwrap_or(21usize).div_ceil(KINDS.len());
    let mut dice = Dice::new(0x5ea7);
    let (mut made, mut smart, mut copied_s, mut whole_s) = (0, 0, 0.0, 0.0);
    for kind in &KINDS {
        let original = original(kind, folder.path());
        let mut sources: Vec<Option<(PathBuf, Pictures)>> =
            (0..CONTAINERS.len()).map(|_| None).collect();
        for index in 0..each {
            let container = index % CONTAINERS.len();
            let (recording, source) = sources[container].get_or_insert_with(|| {
                let path = recording(&original, kind, CONTAINERS[container]);
                let pictures = decoded(&path);
                (path, pictures)
            });
            let fps = fps(kind.rate);
            let length = 1.0 / fps + dice.share() * 7.0;
            let mut start = dice.share() * (LENGTH_S - length - 0.2);
            if dice.share() < 0.2 {
                // At a key picture, where nothing need be encoded first.
                start = (start / 1.5).floor() * 1.5;
            }
            let clip = cut(recording, Span::from_seconds(start, start + length));
            let what = format!(
                "{}.{} from {start:.4} for {length:.4} s: {:?}",
                kind.name, CONTAINERS[container], clip.notes
            );
            assert_eq!(clip.pictures, (length * fps).round() as u64, "{what}");
            let path = folder.path().join("clip.mp4");
            std::fs::write(&path, &clip.mp4).unwrap();
            let copied = check(&what, &clip, &path, source, kind);
            let is_smart = !copied.is_empty();
            assert!(
                is_smart || clip.notes.iter().any(|n| n.starts_with("encoded, because ")),
                "{what}"
            );
            // Where the parameter sets change nothing is copied.
            let joint = kind.parts.len() > 1 && (start..start + length).contains(&(LENGTH_S / 2.0));
            let must = kind.copies && !joint && length > 4.5;
            assert!(is_smart || !must, "{what}: nothing was copied");
            if kind.copies && is_smart {
                let tail = clip.pictures - copied.end;
                assert!(tail <= 6, "{what}: {tail} pictures encoded at the end");
            }
            made += 1;
            smart += usize::from(is_smart);
            copied_s += (copied.end - copied.start) as f64 / fps;
            whole_s += length;
        }
    }
    eprintln!("{made} cuts, {smart} of them smart; {copied_s:.1} of {whole_s:.1} s copied");
}
