//! Windows of MP4 and MOV files against libav's reading of the whole file.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use reprise_model::{ByteSource, MediaTime};

use super::Locate;
use super::compare::{
    Counting, Whole, check, excerpt_packets, ffmpeg, file, media, remux, streams,
};
use super::mp4::Mp4;

fn same(path: &Path) {
    let what = path.file_name().unwrap().to_string_lossy().into_owned();
    let source = file(path);
    let counting = Counting::new(Arc::clone(&source));
    let shared: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
    let index = Mp4::open(&shared).unwrap().unwrap_or_else(|| panic!("{what}: not opened"));
    let (bytes, reads) = counting.take();
    let whole = Whole::read(&source);
    let costs = check(&source, &index, &whole, &what);
    let again: Mp4 = serde_json::from_str(&serde_json::to_string(&index).unwrap()).unwrap();
    assert_eq!(again, index);
    let most = costs.iter().max().unwrap();
    eprintln!("{what}: opened with {bytes} bytes in {reads} reads; a window's looks: {most:?}");
    let described = streams(Arc::clone(&source));
    for ours in streams(Arc::new(index.head(&source).unwrap().excerpt)) {
        assert!(described.contains(&ours), "{what}: {ours} is none of {described:?}");
    }
    let end = whole.video.iter().filter(|r| !r.is_hidden).map(|r| r.shown).max();
    if let Some(end) = end {
        let over = (index.end() - end).seconds();
        assert!((0.0..0.5).contains(&over), "{what}: ends {} not {end}", index.end());
    }
    for (is_video, from) in [(true, index.shown_from().0), (false, index.shown_from().1)] {
        let all = if is_video { &whole.video } else { &whole.sound };
        for read in all {
            let hidden = from.is_some_and(|from| read.shown < from);
            assert!(hidden || !read.is_hidden, "{what}: {read:?} is hidden, we say {from:?}");
            if is_video {
                assert_eq!(hidden, read.is_hidden, "{what}: {read:?}, we say {from:?}");
            }
        }
    }
}

#[test]
fn files_with_the_tables_at_either_end() {
    same(&remux(60, "end.mp4", &[]));
    same(&remux(60, "front.mp4", &["-movflags", "+faststart"]));
    same(&remux(60, "quicktime.mov", &[]));
    same(&remux(60, "negative.mp4", &["-movflags", "+negative_cts_offsets"]));
    same(&remux(60, "noedits.mp4", &["-use_editlist", "0"]));
    same(&remux(60, "silent.mp4", &["-an"]));
    same(&remux(60, "sound.m4a", &["-vn"]));
}

#[test]
fn edit_lists() {
    same(&remux(
        60,
        "late.mp4",
        &["-itsoffset", "1.3", "-i", "base.mkv", "-map", "0:v", "-map", "1:a"],
    ));
    same(&remux(
        60,
        "early.mp4",
        &["-itsoffset", "0.8", "-i", "base.mkv", "-map", "1:v", "-map", "0:a"],
    ));
    let folder = media(60);
    ffmpeg(folder, &["-ss", "7.77", "-i", "base.mkv", "-t", "30", "-c", "copy", "trimmed.mp4"]);
    same(&folder.join("trimmed.mp4"));
}

#[test]
fn variable_rates_and_long_tables() {
    let drop = "select='not(eq(mod(n*n\\,7)\\,2))',setpts='PTS+0.004*mod(N\\,5)/TB'";
    same(&remux(
        60,
        "variable.mp4",
        &[
            "-vf",
            drop,
            "-vsync",
            "passthrough",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-g",
            "45",
            "-c:a",
            "copy",
        ],
    ));
    let folder = media(60);
    ffmpeg(folder, &["-i", "base.mkv", "-c", "copy", "millis.flv"]);
    ffmpeg(folder, &["-i", "millis.flv", "-c", "copy", "millis.mp4"]);
    same(&folder.join("millis.mp4"));
}

#[test]
fn other_codings_and_several_tracks() {
    same(&remux(
        60,
        "hevc.mp4",
        &[
            "-t",
            "20",
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=error:keyint=45",
            "-tag:v",
            "hvc1",
            "-c:a",
            "ac3",
        ],
    ));
    same(&remux(60, "two.mp4", &["-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "0:a"]));
    same(&remux(
        60,
        "turned.mp4",
        &["-t", "10", "-metadata:s:v", "rotate=90", "-metadata:s:a", "language=ind"],
    ));
    let turned = file(&media(60).join("turned.mp4"));
    let head = Mp4::open(&turned).unwrap().unwrap().head(&turned).unwrap();
    let described = streams(Arc::new(head.excerpt)).join("\n");
    assert!(described.contains("Some(\"ind\")") && described.contains("-65536"), "{described}");
    same(&remux(60, "wide.mp4", &["-t", "5", "-aspect", "16:9"]));
}

#[test]
fn what_must_be_read_whole_is_left_alone() {
    let none = |path: &Path| assert_eq!(Mp4::open(&file(path)).unwrap(), None, "{path:?}");
    none(&remux(60, "fragments.mp4", &["-movflags", "frag_keyframe+empty_moov"]));
    none(&media(60).join("base.mkv"));
    none(&remux(60, "raw.mov", &["-t", "5", "-c:v", "copy", "-c:a", "pcm_s16le"]));
    none(&remux(
        60,
        "locked.mp4",
        &[
            "-t",
            "5",
            "-encryption_scheme",
            "cenc-aes-ctr",
            "-encryption_key",
            "00112233445566778899aabbccddeeff",
            "-encryption_kid",
            "00112233445566778899aabbccddeeff",
        ],
    ));
}

#[test]
fn odd_files_are_read_as_libav_reads_them_or_left_alone() {
    for folder in ["../../../shared/data/odd", "../../../shared/data/video"] {
        let Ok(list) = std::fs::read_dir(folder) else {
            eprintln!("skipped: {folder} is not here");
            continue;
        };
        for path in list.map(|entry| entry.unwrap().path()) {
            let source = file(&path);
            match Mp4::open(&source) {
                Ok(Some(_)) => same(&path),
                other => eprintln!("{path:?}: {:?}", other.map(|index| index.is_some())),
            }
        }
    }
}

#[test]
fn a_file_that_was_cut_off_ends_where_its_bytes_do() {
    let path = remux(60, "cut.mp4", &["-movflags", "+faststart"]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let source = file(&path);
    let index = Mp4::open(&source).unwrap().unwrap();
    let end = index.end().seconds();
    assert!((20.0..40.0).contains(&end), "{end}");
    let last = index.window(&source, MediaTime::from_seconds(end - 2.0), index.end()).unwrap();
    let read = excerpt_packets(last);
    let last = read.iter().filter(|r| r.is_video).map(|r| r.shown).max().unwrap();
    assert!((end - last.seconds()) < 0.1, "{last} of {end}");
}

#[test]
fn tracks_that_lie_apart_are_put_together() {
    let folder = media(60);
    let path =
        remux(60, "apart.mp4", &["-max_interleave_delta", "1", "-chunk_duration", "60000000"]);
    same(&path);
    // All sound behind all pictures: the muxer is told that they are an hour apart.
    ffmpeg(
        folder,
        &[
            "-i",
            "base.mkv",
            "-itsoffset",
            "3600",
            "-i",
            "base.mkv",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c",
            "copy",
            "-max_interleave_delta",
            "100000000000",
            "behind.mp4",
        ],
    );
    let source = file(&folder.join("behind.mp4"));
    let index = Mp4::open(&source).unwrap().unwrap();
    let whole = Whole::read(&source);
    let (from, to) = (MediaTime::from_seconds(3.0), MediaTime::from_seconds(5.0));
    whole.judge(index.window(&source, from, to).unwrap(), from, to, "behind.mp4");
}

#[test]
fn nothing_of_a_broken_file_brings_it_down() {
    let bytes =
        std::fs::read(remux(60, "fuzz.mp4", &["-t", "3", "-movflags", "+faststart"])).unwrap();
    let mut state = 1u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for round in 0..3000 {
        let mut bytes = bytes.clone();
        let header = bytes.windows(4).position(|w| w == b"mdat").unwrap();
        for _ in 0..=next(4) {
            let at = next(header);
            let value = [0, 0xFF, 0x7F, 0x80, 1, next(256) as u8][next(6)];
            let count = [1, 1, 4, 8][next(4)];
            bytes[at..(at + count).min(header)].fill(value);
        }
        if round % 5 == 0 {
            bytes.truncate(next(bytes.len()));
        }
        super::mp4::exercise(&bytes);
    }
}
