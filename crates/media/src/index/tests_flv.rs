//! FLV: windows are what a reading of the whole file gives, and little is read for them.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::sync::{Arc, OnceLock};

use reprise_model::{ByteSource, MediaTime};

use super::Locate;
use super::flv::Flv;
use super::tests_support::*;

fn base() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| made(90, &["-g", "60", "-b:v", "600k"], &[], "flv"))
}

fn open(bytes: Vec<u8>) -> (Flv, Arc<Counting>) {
    let source = Counting::new(memory(bytes));
    let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
    let index = Flv::open(&plain).unwrap().unwrap();
    let stored = serde_json::to_string(&index).unwrap();
    assert_eq!(serde_json::from_str::<Flv>(&stored).unwrap(), index);
    (index, source)
}

#[test]
fn windows_of_a_plain_recording() {
    let all = whole(base());
    let (index, source) = open(base().to_vec());
    eprintln!("{} bytes, opened with {:?}", base().len(), source.take());
    ends_right(&index, &all);
    assert_eq!(index.jumps(), []);
    let cost = windows(&index, &source, &all, 24, 7 * SECOND);
    eprintln!("{cost:?}");
    assert!(cost.beyond < 100_000, "{cost:?}");
    let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
    let head = index.head(&plain).unwrap();
    let seen = packets(Arc::new(head.excerpt), head.clock);
    assert!(seen.iter().filter(|p| p.picture && p.key).count() >= 2);
    assert!(seen.iter().all(|packet| all.contains(packet)));
}

#[test]
fn real_footage() {
    for name in ["lives/real-footage-10min/live.flv", "lives/real-footage-clean/live.flv"] {
        let Some(path) = shared(name) else { return };
        let bytes = std::fs::read(path).unwrap();
        let all = whole(&bytes);
        let (index, source) = open(bytes);
        let opened = source.take();
        ends_right(&index, &all);
        let cost = windows(&index, &source, &all, 24, 30 * SECOND);
        eprintln!("opened with {opened:?}");
        assert!(opened.0 <= 1_200_000);
        cost.is_small(name);
    }
}

#[test]
fn windows_beyond_the_ends_are_answered() {
    let all = whole(base());
    let (index, source) = open(base().to_vec());
    let source: Arc<dyn ByteSource> = source;
    for (from, to) in [(-100.0, 3.0), (-5.0, -1.0), (88.0, 500.0), (300.0, 400.0), (50.0, 20.0)] {
        let (from, to) = (MediaTime::from_seconds(from), MediaTime::from_seconds(to));
        let located = index.window(&source, from, to).unwrap();
        let flicks = |time: MediaTime| (time - MediaTime::ZERO).flicks();
        compare(located, &all, flicks(from), flicks(to));
    }
}

/// Where the tags of a file begin.
fn tags(bytes: &[u8]) -> Vec<usize> {
    let mut at = 13;
    let mut all = Vec::new();
    while at + 15 <= bytes.len() {
        all.push(at);
        at += 15 + u32::from_be_bytes([0, bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    }
    all
}

/// Two recordings one after the other whose clocks do not go together.
fn joined(what: &str, first: &[u8], second: &[u8], jump_s: f64) {
    let bytes = [first, second].concat();
    let (index, source) = open(bytes);
    let opened = source.take();
    let jumps = index.jumps();
    assert_eq!(jumps.len(), 1, "{what}: {jumps:?}");
    assert!((jumps[0].1.seconds() - jump_s).abs() < 0.5, "{what}: {jumps:?}");
    let before = whole(first);
    let second = match second.starts_with(b"FLV") {
        true => second.to_vec(),
        false => [&first[..13], second].concat(),
    };
    let after = moved(whole(&second), -jumps[0].1.flicks());
    let last = before.iter().filter(|p| p.picture).map(|p| p.time).max().unwrap();
    let next = after.iter().filter(|p| p.picture).map(|p| p.time).min().unwrap();
    assert!((1..SECOND / 5).contains(&(next - last)), "{what}: {} flicks on", next - last);
    let all = [before, after].concat();
    ends_right(&index, &all);
    let cost = windows(&index, &source, &all, 20, 6 * SECOND);
    eprintln!("{what}: opened with {opened:?}");
    cost.is_small(what);
    // Over the seam.
    let plain: Arc<dyn ByteSource> = source;
    let (from, to) = (last - 3 * SECOND, last + 4 * SECOND);
    let (from_time, to_time) = (MediaTime::from_flicks(from), MediaTime::from_flicks(to));
    compare(index.window(&plain, from_time, to_time).unwrap(), &all, from, to);
}

#[test]
fn clocks_that_jump() {
    let short = made(40, &["-g", "60", "-b:v", "600k"], &[], "flv");
    let later = made(30, &["-g", "45", "-b:v", "500k"], &["-output_ts_offset", "500"], "flv");
    joined("begins anew", base(), &short, -90.0);
    joined("begins anew, and runs longer", &short, base(), -40.0);
    joined("jumps on", base(), &later, 410.0);
    joined("jumps back", &later, &short, -530.0);
    // The same encoder goes on, without a file header of its own.
    joined("jumps back within", base(), &short[13..], -90.0);
}

#[test]
fn a_clock_of_24_bits_goes_on() {
    let options = ["-g", "60", "-b:v", "600k"];
    let long = made(90, &options, &["-output_ts_offset", "16730"], "flv");
    let all = whole(&long);
    let mut cut = long.clone();
    tags(&long).iter().for_each(|&at| cut[at + 7] = 0);
    assert_ne!(long, cut);
    let (index, source) = open(cut);
    assert_eq!(index.jumps(), []);
    ends_right(&index, &all);
    windows(&index, &source, &all, 20, 6 * SECOND).is_small("24 bits");
}

#[test]
fn damage_is_stepped_over() {
    let mut noise = Vec::new();
    let mut state = 12345u32;
    for _ in 0..50_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push((state >> 24) as u8);
    }
    let half = base().len() / 2;
    let inserted = [&base()[..half], &noise, &base()[half..]].concat();
    let mut over = base().to_vec();
    over[half..half + noise.len()].copy_from_slice(&noise);
    let cut_off = base()[..base().len() - 777].to_vec();
    let zeros = [&base()[..half], &vec![0; 100_000][..]].concat();
    for (what, bytes) in
        [("inserted", inserted), ("written over", over), ("cut off", cut_off), ("zeros", zeros)]
    {
        let mut all = whole(&bytes);
        if what == "cut off" || what == "zeros" {
            all.pop();
        }
        let (index, source) = open(bytes);
        assert_eq!(index.jumps(), [], "{what}");
        ends_right(&index, &all);
        // What libav makes of the damage itself depends on what it has in its buffer there.
        let damaged = if what == "cut off" { 0..0 } else { 44 * SECOND..47 * SECOND };
        windows_but(&damaged, &index, &source, &all, 20, 6 * SECOND).is_small(what);
    }
}

#[test]
fn long_gops_and_uneven_rates() {
    let long = made(90, &["-g", "300", "-b:v", "600k", "-sc_threshold", "0"], &[], "flv");
    let uneven = made(
        90,
        &[
            "-crf",
            "28",
            "-g",
            "60",
            "-vf",
            "hue=s='if(between(t,30,60),0,1)',drawbox=t=fill:enable='between(t,30,60)'",
        ],
        &[],
        "flv",
    );
    let fast = made(60, &["-g", "60", "-qp", "8"], &[], "flv");
    let both = made(60, &["-g", "1800", "-qp", "12", "-sc_threshold", "0"], &[], "flv");
    let early = made(60, &["-g", "60", "-b:v", "600k", "-af", "atrim=end=30"], &[], "flv");
    for (what, bytes) in [
        ("long", long),
        ("uneven", uneven),
        ("fast", fast),
        ("long and fast", both),
        ("sound ends early", early),
    ] {
        let all = whole(&bytes);
        let (index, source) = open(bytes.clone());
        eprintln!("{what}: {} bytes, opened with {:?}", bytes.len(), source.take());
        assert_eq!(index.jumps(), [], "{what}");
        ends_right(&index, &all);
        // The very last sound was muxed twenty seconds late.
        let late = 30 * SECOND..if what == "sound ends early" { 31 * SECOND } else { 0 };
        windows_but(&late, &index, &source, &all, 20, 6 * SECOND).is_small(what);
    }
}

#[test]
fn starts_in_the_middle_and_single_tracks() {
    let places = tags(base());
    let from = *places.iter().find(|&&at| at > 100_000).unwrap();
    let first = places.iter().position(|&at| base()[at] == 9 && base()[at + 12] == 1).unwrap();
    let middle = [&base()[..places[first]], &base()[from..]].concat();
    let silent = made(60, &["-g", "60", "-b:v", "600k"], &["-an"], "flv");
    for (what, bytes) in [("middle", middle), ("silent", silent)] {
        let all = whole(&bytes);
        let (index, source) = open(bytes);
        assert_eq!(index.jumps(), [], "{what}");
        ends_right(&index, &all);
        windows(&index, &source, &all, 20, 6 * SECOND).is_small(what);
    }
    let sound = made(60, &[], &["-vn"], "flv");
    let all = whole(&sound);
    let (index, source) = open(sound);
    windows(&index, &source, &all, 20, 6 * SECOND).is_small("sound");
}

/// A recording that goes on for hours: the same minute and a half over and over, later each time.
struct Repeated {
    start: Vec<u8>,
    body: Vec<u8>,
    tags: Vec<usize>,
    times: u64,
    period_ms: u32,
}

impl Repeated {
    fn new(bytes: &[u8], times: u64, period_ms: u32) -> Self {
        let places = tags(bytes);
        let first = places.iter().position(|&at| bytes[at] == 9 && bytes[at + 12] == 1).unwrap();
        let begin = places[first];
        Self {
            start: bytes[..begin].to_vec(),
            body: bytes[begin..].to_vec(),
            tags: places[first..]
                .iter()
                .filter(|&&at| !(bytes[at] == 9 && bytes[at + 12] != 1))
                .map(|at| at - begin)
                .collect(),
            times,
            period_ms,
        }
    }
}

impl ByteSource for Repeated {
    fn len(&self) -> u64 {
        self.start.len() as u64 + self.body.len() as u64 * self.times
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        if offset < self.start.len() as u64 {
            let rest = &self.start[offset as usize..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            return Ok(count);
        }
        let place = offset - self.start.len() as u64;
        let (turn, at) =
            (place / self.body.len() as u64, (place % self.body.len() as u64) as usize);
        if turn >= self.times {
            return Ok(0);
        }
        let count = (self.body.len() - at).min(buffer.len());
        buffer[..count].copy_from_slice(&self.body[at..at + count]);
        let first = self.tags.partition_point(|&tag| tag + 8 <= at);
        for &tag in self.tags[first..].iter().take_while(|&&tag| tag < at + count) {
            let body = &self.body;
            let time =
                u32::from_be_bytes([body[tag + 7], body[tag + 4], body[tag + 5], body[tag + 6]]);
            let [high, b2, b1, b0] = (time + self.period_ms * turn as u32).to_be_bytes();
            for (index, byte) in [(4, b2), (5, b1), (6, b0), (7, high)] {
                if let Some(to) =
                    (tag + index).checked_sub(at).and_then(|i| buffer[..count].get_mut(i))
                {
                    *to = byte;
                }
            }
        }
        Ok(count)
    }
    fn name(&self) -> &str {
        "repeated"
    }
}

#[test]
fn thirteen_hours_cost_what_ten_minutes_do() {
    let minute = whole(base());
    let period_ms = 90_020u32;
    let mut opened = Vec::new();
    for times in [7u64, 520] {
        let source = Counting::new(Arc::new(Repeated::new(base(), times, period_ms)));
        let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
        let index = Flv::open(&plain).unwrap().unwrap();
        let cost = source.take();
        eprintln!("{} MB: opened with {cost:?}", source.len() / 1_000_000);
        assert!(cost.0 <= 1_200_000);
        opened.push(cost.0);
        assert_eq!(index.jumps(), []);
        assert!(serde_json::to_string(&index).unwrap().len() < 10_000);
        let (mut beyond, mut reads) = (0, 0);
        for number in 0..20i64 {
            let turn = (times as i64 - 1) * number / 19;
            let local: Vec<Seen> = (turn - 1..=turn + 1)
                .filter(|turn| (0..times as i64).contains(turn))
                .flat_map(|turn| moved(minute.clone(), turn * i64::from(period_ms) * SECOND / 1000))
                .collect();
            let from = turn * i64::from(period_ms) * SECOND / 1000 + number * 3 * SECOND + 70_000;
            let to = from + 20 * SECOND;
            let (from_time, to_time) = (MediaTime::from_flicks(from), MediaTime::from_flicks(to));
            let located = index.window(&plain, from_time, to_time).unwrap();
            let looked = source.take();
            let size: u64 = located.excerpt.ranges().iter().map(|r| r.end - r.start).sum();
            compare(located, &local, from, to);
            beyond += (looked.0 + source.take().0).saturating_sub(size);
            reads += looked.1;
        }
        eprintln!("  windows: {} bytes beyond, {} reads each", beyond / 20, reads / 20);
        assert!(beyond / 20 < 200_000);
    }
    assert!(opened[1] < opened[0] * 2, "{opened:?}");
}

#[test]
fn odd_files_of_others() {
    let Some(folder) = shared("data/odd") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let source = memory(bytes.clone());
        let is_flv = path.extension().is_some_and(|e| e == "flv");
        let Some(index) = Flv::open(&source).unwrap() else {
            eprintln!("{path:?}: to be read whole");
            continue;
        };
        assert!(is_flv);
        let all = whole(&bytes);
        let cost = windows(&index, &Counting::new(source), &all, 10, SECOND);
        eprintln!("{path:?}: {cost:?}");
    }
}

#[test]
fn mutations_are_answered() {
    let mut state = 99u64;
    let mut dice = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let small = &base()[..400_000];
    for _ in 0..150 {
        let mut bytes = small.to_vec();
        for _ in 0..=dice(40) {
            let at = dice(bytes.len());
            match dice(4) {
                0 => bytes[at] = dice(256) as u8,
                1 => bytes.truncate(at.max(20)),
                2 => {
                    let end = (at + dice(5000)).min(bytes.len());
                    bytes[at..end].fill([0, 0xff, 8, 9][dice(4)]);
                }
                _ => {
                    let end = (at + dice(5000)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
            if bytes.len() < 20 {
                break;
            }
        }
        super::flv::answers(&bytes);
    }
    (0..6000).step_by(37).for_each(|length| super::flv::answers(&small[..length]));
}
