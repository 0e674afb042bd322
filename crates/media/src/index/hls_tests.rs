//! Windows of HLS recordings against libav's reading of all segments in order.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, Kind, MediaDuration, MediaTime, WallTime};

use super::compare::{Read, Whole, excerpt_packets, ffmpeg, file, media, windows};
use super::hls::Hls;
use super::{Clock, Locate};
use crate::excerpt::Excerpt;

/// A playlist in a folder of its own.
fn playlist(name: &str, args: &[&str]) -> PathBuf {
    let folder = media(60).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let mut all = vec!["-i", "../base.mkv", "-c", "copy", "-f", "hls", "-hls_list_size", "0"];
    all.extend_from_slice(args);
    all.push("list.m3u8");
    ffmpeg(&folder, &all);
    folder.join("list.m3u8")
}

/// All of these files as one stream.
fn joined(files: &[PathBuf]) -> Arc<dyn ByteSource> {
    let mut excerpt = Excerpt::new("joined");
    for path in files {
        let file = file(path);
        let end = file.len();
        excerpt.push_other(file, 0, end);
    }
    Arc::new(excerpt)
}

fn segments(playlist: &Path) -> Vec<PathBuf> {
    let folder = playlist.parent().unwrap();
    let text = std::fs::read_to_string(playlist).unwrap();
    let mut names: Vec<PathBuf> =
        text.lines().filter(|l| !l.starts_with('#')).map(|l| folder.join(l)).collect();
    names.dedup();
    if text.contains("EXT-X-MAP") {
        names.insert(0, folder.join("init.mp4"));
    }
    names
}

/// Judges windows: their packets are those of the whole, all of them, from a key picture on.
fn judge(source: &Arc<dyn ByteSource>, index: &Hls, whole: &Whole, what: &str) {
    let start = whole.video.iter().map(|r| r.shown).min().unwrap();
    for (from, to) in windows((whole.end() - start).seconds()) {
        let shift = start - MediaTime::ZERO;
        let (from, to) = (from + shift, to + shift);
        let located = index.window(source, from, to).unwrap();
        whole.judge_more(located, from, to, what);
    }
}

fn same(path: &Path, what: &str) -> Hls {
    let source = file(path);
    let index = Hls::open(&source).unwrap().unwrap();
    assert!(index.is_ended());
    let whole = Whole::read(&joined(&segments(path)));
    judge(&source, &index, &whole, what);
    whole.judge_more(
        index.head(&source).unwrap(),
        whole.video[0].shown,
        whole.video[0].shown + MediaDuration::from_millis(500),
        what,
    );
    let last = whole.video.iter().map(|r| r.shown).max().unwrap();
    let over = (index.end() - last).seconds();
    assert!((0.0..0.2).contains(&over), "{what}: ends {} after {last}", index.end());
    index
}

#[test]
fn segments_of_transport_streams() {
    let index = same(&playlist("ts", &["-hls_time", "4"]), "ts");
    let again: Hls = serde_json::from_str(&serde_json::to_string(&index).unwrap()).unwrap();
    assert_eq!(again, index);
    same(&playlist("rounded", &["-hls_time", "3", "-hls_flags", "round_durations"]), "rounded");
    same(&playlist("one", &["-hls_time", "4", "-hls_flags", "single_file"]), "one file");
}

#[test]
fn segments_of_fragments() {
    same(&playlist("fmp4", &["-hls_time", "4", "-hls_segment_type", "fmp4"]), "fmp4");
}

#[test]
fn the_layout_of_ivs() {
    let folder = media(60).join("ivs/media/hls");
    for (name, _) in [("720p30", 0), ("160p30", 1)] {
        let inner = folder.join(name);
        std::fs::create_dir_all(&inner).unwrap();
        ffmpeg(
            &inner,
            &[
                "-i",
                "../../../../base.mkv",
                "-c",
                "copy",
                "-f",
                "hls",
                "-hls_list_size",
                "0",
                "-hls_time",
                "6",
                "-hls_flags",
                "program_date_time",
                "-hls_segment_filename",
                "%d.ts",
                "playlist.m3u8",
            ],
        );
    }
    std::fs::write(
        folder.join("master.m3u8"),
        "#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID=\"NODE\",VALUE=\"x\"\n\
         #EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"720p30\",NAME=\"720p\",AUTOSELECT=YES,DEFAULT=YES\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2373000,RESOLUTION=720x1280,CODECS=\"avc1.4D401F,mp4a.40.2\",VIDEO=\"720p30\"\n\
         720p30/playlist.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=230000,RESOLUTION=160x284\n160p30/playlist.m3u8\n",
    )
    .unwrap();
    let source = file(&folder.join("master.m3u8"));
    let index = Hls::open(&source).unwrap().unwrap();
    let whole = Whole::read(&joined(&segments(&folder.join("720p30/playlist.m3u8"))));
    judge(&source, &index, &whole, "ivs");
    let walls = index.wall_times();
    assert_eq!(walls.len(), 1, "{walls:?}");
    assert!(walls[0].1 > WallTime::parse("2020-01-01T00:00:00Z").unwrap());
}

#[test]
fn pieces_with_clocks_of_their_own() {
    let folder = media(60).join("pieces");
    std::fs::create_dir_all(&folder).unwrap();
    let offsets = ["100", "7", "95440"];
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n".to_owned();
    let mut wholes: Vec<Vec<Read>> = Vec::new();
    for (n, offset) in offsets.iter().enumerate() {
        let name = format!("{n}.m3u8");
        ffmpeg(
            &folder,
            &[
                "-ss",
                "10",
                "-t",
                "20",
                "-i",
                "../base.mkv",
                "-c",
                "copy",
                "-output_ts_offset",
                offset,
                "-f",
                "hls",
                "-hls_list_size",
                "0",
                "-hls_time",
                "4",
                &name,
            ],
        );
        let list = std::fs::read_to_string(folder.join(&name)).unwrap();
        if n > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let lines = list.lines().filter(|l| l.starts_with("#EXTINF") || !l.starts_with('#'));
        lines.for_each(|line| text.push_str(&format!("{line}\n")));
        wholes.push(Whole::read(&joined(&segments(&folder.join(&name)))).all);
    }
    text.push_str("#EXT-X-ENDLIST\n");
    std::fs::write(folder.join("all.m3u8"), text).unwrap();
    let source = file(&folder.join("all.m3u8"));
    let index = Hls::open(&source).unwrap().unwrap();
    let jumps = index.jumps();
    assert_eq!(jumps.len(), 2);
    // Each piece goes on where the one before ended.
    let first = wholes[0].iter().filter(|r| r.is_video).map(|r| r.shown).min().unwrap();
    let length = (index.end() - first).seconds();
    assert!((65.5..67.0).contains(&length), "three times 22 s: {length}");
    for (piece, all) in wholes.iter().enumerate() {
        let begins = all.iter().filter(|r| r.is_video).map(|r| r.shown).min().unwrap();
        let start = if piece == 0 { begins } else { jumps[piece - 1].0 };
        let mut all = all.clone();
        let shift = start - begins;
        for read in &mut all {
            read.shown = read.shown + shift;
            read.decoded = read.decoded.map(|at| at + shift);
        }
        let whole = Whole::of(all);
        for (from, length) in [(0.5, 3.0), (5.0, 6.0), (15.5, 1.0)] {
            let from = start + MediaDuration::from_seconds(from);
            let to = from + MediaDuration::from_seconds(length);
            whole.judge_more(index.window(&source, from, to).unwrap(), from, to, "pieces");
        }
    }
    // A window over a seam has both sides, in order.
    let seam = jumps[0].0;
    let located = index
        .window(
            &source,
            seam - MediaDuration::from_millis(1500),
            seam + MediaDuration::from_millis(1500),
        )
        .unwrap();
    let read = excerpt_packets(located);
    let shown: Vec<MediaTime> = read.iter().filter(|r| r.is_video).map(|r| r.shown).collect();
    let near = |at: &&MediaTime| (**at - seam).abs() < MediaDuration::from_millis(1400);
    let count = shown.iter().filter(near).count();
    assert!((78..86).contains(&count), "{count} pictures around the seam");
}

#[test]
fn what_is_not_read_says_so() {
    let list = |name: &str, text: &str| -> Arc<dyn ByteSource> {
        Arc::new(MemorySource::new(name, text.as_bytes()))
    };
    let text = "#EXTM3U\n#EXTINF:1,\na.ts\n";
    assert_eq!(Hls::open(&list("live.mp4", text)).unwrap(), None);
    assert_eq!(Hls::open(&list("live.m3u8", "no playlist")).unwrap(), None);
    let error = Hls::open(&list("live.m3u8", text)).unwrap_err();
    assert!(error.to_string().contains("a.ts"), "{error}");
    let folder = media(60).join("refused");
    std::fs::create_dir_all(&folder).unwrap();
    let open = |text: &str| {
        std::fs::write(folder.join("list.m3u8"), text).unwrap();
        Hls::open(&file(&folder.join("list.m3u8"))).unwrap_err()
    };
    for (text, kind) in [
        ("#EXTM3U\n#EXTINF:1,\n../ts/list0.ts\n", Kind::Unsupported),
        ("#EXTM3U\n#EXTINF:1,\nlist.m3u8\n", Kind::Malformed),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlist.m3u8\n", Kind::Malformed),
        ("#EXTM3U\n#EXTINF:1,\nmissing.ts\n", Kind::Missing),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\nlist.m3u8\n",
            Kind::Unsupported,
        ),
    ] {
        let error = open(text);
        assert_eq!(error.kind, kind, "{text}: {error}");
    }
    // Sound in a playlist of its own.
    ffmpeg(
        &folder,
        &[
            "-i",
            "../base.mkv",
            "-c",
            "copy",
            "-an",
            "-t",
            "6",
            "-f",
            "hls",
            "-hls_list_size",
            "0",
            "v.m3u8",
        ],
    );
    let error = open(
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"a.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv.m3u8\n",
    );
    assert!(error.kind == Kind::Unsupported && error.message.contains("sound"), "{error}");
}

#[test]
fn gaps_and_clocks_of_the_world() {
    let folder = playlist("gaps", &["-hls_time", "4"]).parent().unwrap().to_owned();
    let list = std::fs::read_to_string(folder.join("list.m3u8")).unwrap();
    // The third segment is said to be missing; from the fifth on the world is a minute later.
    let mut text = String::new();
    let mut nth = 0;
    for line in list.lines() {
        if line.starts_with("#EXTINF") {
            nth += 1;
            match nth {
                1 => text.push_str("#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:00Z\n"),
                3 => text.push_str("#EXT-X-GAP\n"),
                5 => text.push_str("#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:01:16.000+0000\n"),
                _ => {}
            }
        }
        text.push_str(&format!("{line}\n"));
    }
    std::fs::write(folder.join("gaps.m3u8"), text.replace("#EXT-X-ENDLIST\n", "")).unwrap();
    let source = file(&folder.join("gaps.m3u8"));
    let index = Hls::open(&source).unwrap().unwrap();
    assert!(!index.is_ended());
    assert_eq!(index.gaps().len(), 1);
    let walls = index.wall_times();
    assert_eq!(walls.len(), 2, "{walls:?}");
    assert!(((walls[1].0 - walls[0].0).seconds() - 16.0).abs() < 0.1);
    let gap = index.gaps()[0].0;
    for at in [gap + MediaDuration::from_millis(2000), gap - MediaDuration::from_millis(500)] {
        let located = index.window(&source, at, at + MediaDuration::from_millis(4000)).unwrap();
        let read = excerpt_packets(located);
        assert!(
            read.iter().any(|r| r.is_video && r.shown > gap + MediaDuration::from_millis(4000))
        );
    }
    let _ = Clock::default();
}
