//! Windows of Matroska and WebM files against libav's reading of the whole file.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use reprise_model::{ByteSource, MediaDuration, MediaTime};

use super::Locate;
use super::compare::{
    Counting, Whole, check, excerpt_packets, ffmpeg, file, media, remux, streams,
};
use super::matroska::Matroska;

fn same(path: &Path) {
    let what = path.file_name().unwrap().to_string_lossy().into_owned();
    let source = file(path);
    let counting = Counting::new(Arc::clone(&source));
    let shared: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
    let index = Matroska::open(&shared).unwrap().unwrap_or_else(|| panic!("{what}: not opened"));
    let (bytes, reads) = counting.take();
    let mut whole = Whole::read(&source);
    // libav makes decoding times up, from where it begins to read.
    whole.decoded = false;
    let costs = check(&source, &index, &whole, &what);
    let again: Matroska = serde_json::from_str(&serde_json::to_string(&index).unwrap()).unwrap();
    assert_eq!(again, index);
    let most = costs.iter().max_by_key(|cost| cost.1).unwrap();
    eprintln!(
        "{what}: opened with {bytes} bytes in {reads} reads; most looks of a window: {most:?}"
    );
    let described = streams(Arc::clone(&source));
    for ours in streams(Arc::new(index.head(&source).unwrap().excerpt)) {
        assert!(described.contains(&ours), "{what}: {ours} is none of {described:?}");
    }
    let leading = if whole.video.is_empty() { &whole.sound } else { &whole.video };
    let end = leading.iter().map(|r| r.shown).max().unwrap();
    let over = (index.end() - end).seconds();
    assert!((0.0..0.3).contains(&over), "{what}: ends {} not {end}", index.end());
}

#[test]
fn files_with_cues_and_without() {
    same(&remux(60, "plain.mkv", &[]));
    same(&remux(60, "front_cues.mkv", &["-reserve_index_space", "20000"]));
    same(&remux(60, "silent.mkv", &["-an"]));
    same(&remux(60, "sound.mka", &["-vn"]));
    same(&remux(60, "small.mkv", &["-cluster_time_limit", "500"]));
    same(&remux(
        60,
        "large.mkv",
        &["-cluster_time_limit", "20000", "-cluster_size_limit", "50000000"],
    ));
    same(&remux(60, "live.mkv", &["-live", "1"]));
}

#[test]
fn files_written_to_a_pipe() {
    let folder = media(60);
    let script = "ffmpeg -hide_banner -loglevel error -i base.mkv -c copy -f matroska - > pipe.mkv";
    let done = std::process::Command::new("sh").args(["-c", script]).current_dir(folder).status();
    assert!(done.unwrap().success());
    same(&folder.join("pipe.mkv"));
}

#[test]
fn webm() {
    same(&remux(
        60,
        "vp9.webm",
        &[
            "-t",
            "20",
            "-vf",
            "scale=160:-2",
            "-c:v",
            "libvpx-vp9",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            "-g",
            "60",
            "-b:v",
            "200k",
            "-c:a",
            "libopus",
        ],
    ));
}

#[test]
fn hevc_with_flac() {
    same(&remux(
        60,
        "hevc.mkv",
        &[
            "-t",
            "15",
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=error:keyint=45",
            "-c:a",
            "flac",
        ],
    ));
}

#[test]
fn a_file_that_was_cut_off_ends_where_its_bytes_do() {
    let path = remux(60, "cut.mkv", &[]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    same(&path);
}

#[test]
fn an_hour_costs_a_window_no_more() {
    let folder = media(60);
    let copy = ["-stream_loop", "59", "-i", "base.mkv", "-c", "copy"];
    let with = |more: &[&'static str]| copy.iter().chain(more).copied().collect::<Vec<_>>();
    ffmpeg(folder, &with(&["hour.mkv"]));
    ffmpeg(folder, &with(&["-live", "1", "-cluster_time_limit", "2000", "hour_live.mkv"]));
    for name in ["hour.mkv", "hour_live.mkv"] {
        let counting = Counting::new(file(&folder.join(name)));
        let source: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
        let index = Matroska::open(&source).unwrap().unwrap();
        let (bytes, reads) = counting.take();
        eprintln!("{name}, {} bytes: opened with {bytes} in {reads} reads", source.len());
        assert!(bytes < 1_000_000);
        for at in [0.0, 700.0, 1801.3, 3590.0] {
            let (from, to) = (MediaTime::from_seconds(at), MediaTime::from_seconds(at + 30.0));
            let located = index.window(&source, from, to).unwrap();
            let read = excerpt_packets(located);
            let (bytes, reads) = counting.take();
            let data: usize = read.iter().map(|r| r.bytes.len()).sum();
            eprintln!("window at {at}: {bytes} bytes in {reads} reads for {data}");
            assert!(bytes < data as u64 * 115 / 100 + 200_000);
            let shown = read.iter().filter(|r| r.is_video).map(|r| r.shown);
            let (first, last) = (shown.clone().min().unwrap(), shown.max().unwrap());
            assert!(read.iter().find(|r| r.is_video).unwrap().is_key);
            assert!(
                first <= from + MediaDuration::from_millis(100) && (from - first).seconds() < 2.1
            );
            assert!((to.min(index.end()) - last).seconds() < 0.1, "{last}");
        }
    }
}

#[test]
fn shared_files() {
    for path in ["odd/moviepy_no_duration.webm", "video/intel_asl_book.mkv"] {
        let path = Path::new("../../../shared/data").join(path);
        if path.exists() {
            same(&path);
        } else {
            eprintln!("skipped: {path:?} is not here");
        }
    }
}

#[test]
fn nothing_of_a_broken_file_brings_it_down() {
    let path = remux(60, "fuzz.mkv", &["-t", "3", "-cluster_time_limit", "300"]);
    let bytes = std::fs::read(path).unwrap();
    let mut state = 1u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for round in 0..2000 {
        let mut bytes = bytes.clone();
        for _ in 0..=next(4) {
            let limit = if round % 2 == 0 { 1500 } else { bytes.len() - 9 };
            let at = next(limit);
            let value = [0, 0xFF, 0x7F, 0x80, 1, next(256) as u8][next(6)];
            let count = [1, 1, 4, 8][next(4)];
            bytes[at..at + count].fill(value);
        }
        if round % 5 == 0 {
            bytes.truncate(next(bytes.len()));
        }
        super::matroska::exercise(&bytes);
    }
}
