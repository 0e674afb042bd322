//! A 13-hour MP4 that exists only as its tables: what opening and a window of it cost.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;
use std::sync::Arc;

use reprise_model::{ByteSource, MediaTime};

use super::Locate;
use super::compare::Counting;
use super::mp4::Mp4;
use super::mp4_boxes::{put, put_four, put_full};

const PICTURES: u32 = 13 * 3600 * 30;
const SOUNDS: u32 = 13 * 3600 * 48_000 / 1024;
const LENGTH: u64 = 10 << 30;

/// Zeros, with `tables` at the end.
struct Long {
    head: Vec<u8>,
    tables: Vec<u8>,
}

impl ByteSource for Long {
    fn len(&self) -> u64 {
        LENGTH + self.tables.len() as u64
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let byte = |at: u64| match at.checked_sub(LENGTH) {
            Some(at) => self.tables[at as usize],
            None => self.head.get(at as usize).copied().unwrap_or(0),
        };
        let count = buffer.len().min((self.len().saturating_sub(offset)) as usize);
        (0..count).for_each(|index| buffer[index] = byte(offset + index as u64));
        Ok(count)
    }
    fn name(&self) -> &str {
        "long.mp4"
    }
}

fn picture_size(index: u32) -> u32 {
    if index.is_multiple_of(60) { 30_000 } else { 3000 + index % 97 }
}

/// When a picture is shown, in seconds.
fn shown(index: u32) -> f64 {
    f64::from(index / 3 * 100 + index % 3 * 33 + [66, 132, 0][index as usize % 3]) / 1000.0
}

/// Where a picture that begins a stretch lies.
fn place(index: u32) -> u64 {
    let sound = (u64::from(index) * u64::from(SOUNDS) / u64::from(PICTURES)) * 340;
    100 + sound + (0..index).map(|i| u64::from(picture_size(i))).sum::<u64>()
}

/// Stretches of ten pictures, each followed by the sound of as long.
fn file() -> Long {
    let mut head = Vec::new();
    put(&mut head, b"ftyp", |out| out.extend_from_slice(b"isom\0\0\0\0isom"));
    let start = head.len() as u64;
    put_four(&mut head, 1);
    head.extend_from_slice(b"mdat");
    head.extend_from_slice(&(LENGTH - start).to_be_bytes());
    let (mut places, mut heard) = (Vec::new(), Vec::new());
    let (mut at, mut sounds) = (100u64, 0u32);
    for first in (0..PICTURES).step_by(10) {
        places.push(at);
        at += (first..first + 10).map(|i| u64::from(picture_size(i))).sum::<u64>();
        let to = ((u64::from(first) + 10) * u64::from(SOUNDS) / u64::from(PICTURES)) as u32;
        heard.push((at, to - sounds));
        at += u64::from(to - sounds) * 340;
        sounds = to;
    }
    assert!(at < LENGTH);
    let mut tables = Vec::new();
    let number = put_four;
    put(&mut tables, b"moov", |out| {
        put_full(out, b"mvhd", 0, 0, |out| {
            [0, 0, 1000].iter().for_each(|v| number(out, *v));
            out.extend_from_slice(&[0; 84]);
        });
        for is_video in [true, false] {
            put(out, b"trak", |out| {
                put_full(out, b"tkhd", 0, 1, |out| {
                    [0, 0, if is_video { 1 } else { 2 }].iter().for_each(|v| number(out, *v));
                    out.extend_from_slice(&[0; 68]);
                });
                put(out, b"mdia", |out| {
                    put_full(out, b"mdhd", 0, 0, |out| {
                        [0, 0, if is_video { 1000 } else { 48_000 }, 0, 0]
                            .iter()
                            .for_each(|v| number(out, *v));
                    });
                    put_full(out, b"hdlr", 0, 0, |out| {
                        number(out, 0);
                        out.extend_from_slice(if is_video { b"vide" } else { b"soun" });
                        out.extend_from_slice(&[0; 13]);
                    });
                    put(out, b"minf", |out| {
                        put(out, b"stbl", |out| stbl(out, is_video, &places, &heard))
                    });
                });
            });
        }
    });
    Long { head, tables }
}

fn stbl(out: &mut Vec<u8>, is_video: bool, places: &[u64], heard: &[(u64, u32)]) {
    put_full(out, b"stsd", 0, 0, |out| {
        put_four(out, 1);
        put(out, if is_video { b"avc1" } else { b"mp4a" }, |out| out.extend_from_slice(&[0; 70]));
    });
    let rows = |out: &mut Vec<u8>, kind: &[u8; 4], rows: &[u32], width: usize| {
        put_full(out, kind, 0, 0, |out| {
            put_four(out, (rows.len() / width) as u32);
            rows.iter().for_each(|v| put_four(out, *v));
        });
    };
    if is_video {
        // Milliseconds of 30 pictures a second: 33, 33, 34.
        rows(out, b"stts", &[2, 33, 1, 34].repeat(PICTURES as usize / 3), 2);
        rows(out, b"ctts", &[1, 66, 1, 132, 1, 0].repeat(PICTURES as usize / 3), 2);
        rows(out, b"stss", &(0..PICTURES / 60).map(|i| i * 60 + 1).collect::<Vec<_>>(), 1);
        let mut sizes = vec![0];
        sizes.extend((0..PICTURES).map(picture_size));
        put_full(out, b"stsz", 0, 0, |out| {
            put_four(out, 0);
            put_four(out, PICTURES);
            sizes[1..].iter().for_each(|v| put_four(out, *v));
        });
        rows(out, b"stsc", &[1, 10, 1], 3);
    } else {
        rows(out, b"stts", &[SOUNDS, 1024], 2);
        put_full(out, b"stsz", 0, 0, |out| {
            put_four(out, 340);
            put_four(out, SOUNDS);
        });
        let list: Vec<u32> =
            heard.iter().zip(1..).flat_map(|((_, count), index)| [index, *count, 1]).collect();
        rows(out, b"stsc", &list, 3);
    }
    let at: Vec<u64> = if is_video { places.to_vec() } else { heard.iter().map(|h| h.0).collect() };
    put_full(out, b"co64", 0, 0, |out| {
        put_four(out, at.len() as u32);
        at.iter().for_each(|at| out.extend_from_slice(&at.to_be_bytes()));
    });
}

#[test]
fn a_long_file_costs_a_window_no_more_than_a_short_one() {
    let counting = Counting::new(Arc::new(file()));
    let source: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
    let index = Mp4::open(&source).unwrap().unwrap();
    let (bytes, reads) = counting.take();
    let held = serde_json::to_string(&index).unwrap().len();
    eprintln!("opened with {bytes} bytes in {reads} reads, kept in {held} bytes of JSON");
    assert!(held < 300_000, "{held} bytes are kept");
    assert!((index.end().seconds() - 13.0 * 3600.0).abs() < 1.0);
    for at in [0.0, 100.0, 20_000.5, 40_000.25, 46_700.0] {
        let (from, to) = (MediaTime::from_seconds(at), MediaTime::from_seconds(at + 30.0));
        let located = index.window(&source, from, to).unwrap();
        let (bytes, reads) = counting.take();
        let first =
            located.excerpt.ranges().into_iter().find(|range| range.end - range.start > 30_000);
        let key = (0..PICTURES / 60).rev().find(|&key| shown(key * 60) <= at).unwrap_or(0) * 60;
        // A third of a second of sound may lie before it.
        let before = place(key).checked_sub(first.unwrap().start);
        assert!(before.is_some_and(|b| b <= 16 * 340), "the first picture at {at}: {before:?}");
        let data: u64 = located.excerpt.ranges().iter().map(|r| r.end - r.start).sum();
        eprintln!("window at {at}: {bytes} bytes in {reads} reads; {data} bytes of samples");
        // Of 30 s and the GOP before: 30 to 32 s of 97 kB and of 16 kB of sound.
        assert!((3_600_000..4_200_000).contains(&data), "{data}");
        assert!(bytes < 300_000 && reads < 20, "{bytes} bytes in {reads} reads");
    }
}
