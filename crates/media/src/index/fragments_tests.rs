//! Windows of fragmented MP4 files against libav's reading of the whole file.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use reprise_model::{ByteSource, MediaTime};

use super::Locate;
use super::compare::{
    Counting, Whole, check, excerpt_packets, ffmpeg, file, media, remux, streams,
};
use super::fragments::Fragments;

fn same(path: &Path) {
    let what = path.file_name().unwrap().to_string_lossy().into_owned();
    let source = file(path);
    let counting = Counting::new(Arc::clone(&source));
    let shared: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
    let index = Fragments::open(&shared).unwrap().unwrap_or_else(|| panic!("{what}: not opened"));
    let (bytes, reads) = counting.take();
    let whole = Whole::read(&source);
    let costs = check(&source, &index, &whole, &what);
    let again: Fragments = serde_json::from_str(&serde_json::to_string(&index).unwrap()).unwrap();
    assert_eq!(again, index);
    let most = costs.iter().max().unwrap();
    eprintln!("{what}: opened with {bytes} bytes in {reads} reads; a window's looks: {most:?}");
    let described = streams(Arc::clone(&source));
    for ours in streams(Arc::new(index.head(&source).unwrap().excerpt)) {
        assert!(described.contains(&ours), "{what}: {ours} is none of {described:?}");
    }
    let end = whole.video.iter().map(|r| r.shown).max().unwrap();
    let over = (index.end() - end).seconds();
    assert!((0.0..0.3).contains(&over), "{what}: ends {} not {end}", index.end());
}

#[test]
fn fragments_of_a_gop() {
    let flags = "frag_keyframe+empty_moov+default_base_moof";
    same(&remux(60, "frag.mp4", &["-movflags", flags]));
    same(&remux(60, "old.mp4", &["-movflags", "frag_keyframe+empty_moov"]));
    same(&remux(60, "skip.mp4", &["-movflags", &format!("{flags}+skip_trailer")]));
    same(&remux(60, "delayed.mp4", &["-movflags", &format!("{flags}+delay_moov")]));
    same(&remux(60, "less.mp4", &["-movflags", &format!("{flags}+negative_cts_offsets")]));
    same(&remux(60, "frag.mov", &["-movflags", "frag_keyframe+empty_moov"]));
}

#[test]
fn fragments_of_other_lengths_and_indexes() {
    let flags = "empty_moov+default_base_moof";
    same(&remux(60, "short.mp4", &["-movflags", flags, "-frag_duration", "300000"]));
    same(&remux(60, "long.mp4", &["-movflags", flags, "-frag_duration", "7000000"]));
    same(&remux(
        60,
        "sidx.mp4",
        &["-movflags", "dash+global_sidx+frag_keyframe+default_base_moof"],
    ));
    same(&remux(
        60,
        "dash.mp4",
        &["-movflags", "dash+frag_keyframe+default_base_moof+skip_trailer"],
    ));
    same(&remux(60, "apart.mp4", &["-movflags", "frag_keyframe+empty_moov+separate_moof"]));
    same(&remux(60, "silent_frag.mp4", &["-an", "-movflags", "frag_keyframe+empty_moov"]));
}

#[test]
fn a_file_that_was_cut_off_ends_where_its_bytes_do() {
    let path =
        remux(60, "frag_cut.mp4", &["-movflags", "frag_keyframe+empty_moov+default_base_moof"]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let source = file(&path);
    let index = Fragments::open(&source).unwrap().unwrap();
    let end = index.end().seconds();
    assert!((20.0..40.0).contains(&end), "{end}");
    let last = index.window(&source, MediaTime::from_seconds(end - 2.0), index.end()).unwrap();
    let read = excerpt_packets(last);
    let last = read.iter().filter(|r| r.is_video).map(|r| r.shown).max().unwrap();
    assert!((end - last.seconds()).abs() < 0.2, "{last} of {end}");
}

#[test]
fn an_hour_without_an_index_costs_a_window_no_more() {
    let folder = media(60);
    ffmpeg(
        folder,
        &[
            "-stream_loop",
            "59",
            "-i",
            "base.mkv",
            "-c",
            "copy",
            "-movflags",
            "frag_keyframe+empty_moov+default_base_moof+skip_trailer",
            "hour.mp4",
        ],
    );
    let counting = Counting::new(file(&folder.join("hour.mp4")));
    let source: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
    let index = Fragments::open(&source).unwrap().unwrap();
    let (bytes, reads) = counting.take();
    eprintln!("{} bytes: opened with {bytes} in {reads} reads", source.len());
    assert!(bytes < 1_000_000);
    for at in [0.0, 700.0, 1801.3, 3590.0] {
        let (from, to) = (MediaTime::from_seconds(at), MediaTime::from_seconds(at + 30.0));
        let located = index.window(&source, from, to).unwrap();
        let (bytes, reads) = counting.take();
        let data: u64 = located.excerpt.ranges().iter().map(|r| r.end - r.start).sum();
        eprintln!("window at {at}: {bytes} bytes in {reads} reads for {data}");
        assert!(bytes < data * 15 / 100 + 200_000);
        let read = excerpt_packets(located);
        let shown = read.iter().filter(|r| r.is_video).map(|r| r.shown);
        let (first, last) = (shown.clone().min().unwrap(), shown.max().unwrap());
        assert!(read[0].is_key && first <= from + reprise_model::MediaDuration::from_millis(100));
        assert!((from - first).seconds() < 2.1 && (to.min(index.end()) - last).seconds() < 0.1);
        counting.take();
    }
}

#[test]
fn shared_files() {
    let path = Path::new("../../../shared/data/video/screenrec_ios_60fps.mp4");
    if path.exists() {
        same(path);
    } else {
        eprintln!("skipped: {path:?} is not here");
    }
}

#[test]
fn nothing_of_a_broken_file_brings_it_down() {
    let path = remux(60, "frag_fuzz.mp4", &["-t", "5", "-movflags", "frag_keyframe+empty_moov"]);
    let bytes = std::fs::read(path).unwrap();
    let mut state = 1u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let moofs: Vec<usize> =
        (4..bytes.len() - 4).filter(|&at| &bytes[at..at + 4] == b"moof").collect();
    for round in 0..2000 {
        let mut bytes = bytes.clone();
        for _ in 0..=next(4) {
            let base = if round % 2 == 0 { 0 } else { moofs[next(moofs.len())] };
            let at = (base + next(900)).min(bytes.len() - 9);
            let value = [0, 0xFF, 0x7F, 0x80, 1, next(256) as u8][next(6)];
            let count = [1, 1, 4, 8][next(4)];
            bytes[at..at + count].fill(value);
        }
        if round % 5 == 0 {
            bytes.truncate(next(bytes.len()));
        }
        super::fragments::exercise(&bytes);
    }
}
