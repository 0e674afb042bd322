//! MPEG-TS: windows are what a reading of the whole file gives, and little is read for them.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::sync::{Arc, OnceLock};

use reprise_model::{ByteSource, MediaTime};

use super::Locate;
use super::tests_support::*;
use super::ts::Ts;

const PLAIN: [&str; 4] = ["-g", "60", "-b:v", "600k"];
const WRAP: i64 = (1 << 33) * 7840;

fn base() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| made(90, &PLAIN, &[], "ts"))
}

fn open(bytes: Vec<u8>) -> (Ts, Arc<Counting>) {
    let source = Counting::new(memory(bytes));
    let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
    let index = Ts::open(&plain).unwrap().unwrap();
    let stored = serde_json::to_string(&index).unwrap();
    assert_eq!(serde_json::from_str::<Ts>(&stored).unwrap(), index);
    (index, source)
}

fn same(what: &str, bytes: Vec<u8>, all: &[Seen]) {
    let length = bytes.len();
    let (index, source) = open(bytes);
    let opened = source.take();
    assert_eq!(index.jumps(), [], "{what}");
    if all.iter().any(|packet| packet.picture) {
        ends_right(&index, all);
    }
    // The very last sound was muxed long after it.
    let late = 31 * SECOND..if what == "sound ends early" { 32 * SECOND } else { 0 };
    let cost = windows_but(&late, &index, &source, all, 24, 6 * SECOND);
    eprintln!("{what}: {length} bytes, opened with {opened:?}");
    assert!(opened.0 <= 1_200_000, "{what}: {opened:?}");
    cost.is_small(what);
}

#[test]
fn windows_of_a_plain_recording() {
    let all = whole(base());
    same("plain", base().to_vec(), &all);
    let (index, source) = open(base().to_vec());
    let source: Arc<dyn ByteSource> = source;
    let head = index.head(&source).unwrap();
    let seen = packets(Arc::new(head.excerpt), head.clock);
    assert!(seen.iter().filter(|p| p.picture && p.key).count() >= 2);
    let last = seen.iter().map(|packet| packet.time).max().unwrap();
    assert!(seen.iter().all(|packet| packet.time > last - SECOND / 5 || all.contains(packet)));
    for (from, to) in [(-100.0, 3.0), (-5.0, -1.0), (88.0, 500.0), (300.0, 400.0), (50.0, 20.0)] {
        let (from, to) = (MediaTime::from_seconds(from), MediaTime::from_seconds(to));
        let located = index.window(&source, from, to).unwrap();
        let flicks = |time: MediaTime| (time - MediaTime::ZERO).flicks();
        compare(located, &all, flicks(from), flicks(to));
    }
}

#[test]
fn packets_of_192_and_204_bytes() {
    let m2ts = made(60, &PLAIN, &["-mpegts_m2ts_mode", "1"], "m2ts");
    same("192", m2ts.clone(), &whole(&m2ts));
    let long: Vec<u8> =
        base().chunks(188).flat_map(|packet| [packet, &[0xaa; 16]].concat()).collect();
    same("204", long.clone(), &whole(&long));
}

#[test]
fn a_wrapping_clock_goes_on() {
    let bytes = made(90, &PLAIN, &["-output_ts_offset", "95400"], "ts");
    let mut all = whole(&bytes);
    for packet in &mut all {
        if packet.time < 50_000 * SECOND {
            packet.time += WRAP;
        }
    }
    assert!(all.iter().any(|packet| packet.time > WRAP));
    same("wraps", bytes, &all);
}

#[test]
fn starts_in_the_middle_ends_cut_off_and_single_tracks() {
    let middle = base()[100_001..].to_vec();
    let all = whole(&middle);
    same("middle", middle, &all);
    let cut_off = base()[..base().len() - 30_077].to_vec();
    let all = whole(&cut_off);
    same("cut off", cut_off, &all);
    let silent = made(60, &PLAIN, &["-an"], "ts");
    same("silent", silent.clone(), &whole(&silent));
    let sound = made(60, &[], &["-vn"], "ts");
    same("sound", sound.clone(), &whole(&sound));
}

#[test]
fn gops_rates_and_codings() {
    let cases: [(&str, &[&str]); 9] = [
        ("long", &["-g", "300", "-b:v", "600k", "-sc_threshold", "0"]),
        ("long and fast", &["-g", "1800", "-qp", "12", "-sc_threshold", "0"]),
        ("sound ends early", &["-g", "60", "-b:v", "600k", "-af", "atrim=end=30"]),
        ("one a minute", &["-g", "1800", "-b:v", "400k", "-sc_threshold", "0"]),
        ("uneven", &["-crf", "28", "-g", "60", "-vf", "drawbox=t=fill:enable='between(t,30,60)'"]),
        ("fast", &["-g", "60", "-qp", "8"]),
        ("open", &["-g", "60", "-b:v", "600k", "-x264-params", "open-gop=1"]),
        (
            "H.265",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-g",
                "60",
                "-x265-params",
                "log-level=none",
            ],
        ),
        ("MPEG-2", &["-c:v", "mpeg2video", "-g", "30", "-b:v", "800k", "-c:a", "mp2"]),
    ];
    for (what, options) in cases {
        let seconds = if what == "H.265" { 30 } else { 75 };
        let bytes = made(seconds, options, &[], "ts");
        let all = whole(&bytes);
        same(what, bytes, &all);
    }
}

#[test]
fn clocks_that_jump() {
    let short = made(40, &["-g", "60", "-b:v", "600k"], &[], "ts");
    let later = made(30, &["-g", "45", "-b:v", "500k"], &["-output_ts_offset", "500"], "ts");
    for (what, first, second, jump_s) in [
        ("begins anew", base(), &short[..], -90.0),
        ("begins anew, and runs longer", &short[..], base(), -40.0),
        ("jumps on", base(), &later[..], 410.0),
        ("jumps back", &later[..], &short[..], -530.0),
    ] {
        let (index, source) = open([first, second].concat());
        let opened = source.take();
        let jumps = index.jumps();
        assert_eq!(jumps.len(), 1, "{what}: {jumps:?}");
        assert!((jumps[0].1.seconds() - jump_s).abs() < 0.5, "{what}: {jumps:?}");
        let before = whole(first);
        let after = moved(whole(second), -jumps[0].1.flicks());
        let last = before.iter().filter(|p| p.picture).map(|p| p.time).max().unwrap();
        let next = after.iter().filter(|p| p.picture).map(|p| p.time).min().unwrap();
        assert!((1..SECOND / 3).contains(&(next - last)), "{what}: {} on", next - last);
        let all = [before, after].concat();
        ends_right(&index, &all);
        // The seam itself: whichever way the last packets before it are ended.
        let seam = last - SECOND / 10..next + SECOND / 10;
        let cost = windows_but(&seam, &index, &source, &all, 20, 6 * SECOND);
        eprintln!("{what}: opened with {opened:?}");
        cost.is_small(what);
        let plain: Arc<dyn ByteSource> = source;
        let (from, to) = (last - 3 * SECOND, last + 4 * SECOND);
        let times = (MediaTime::from_flicks(from), MediaTime::from_flicks(to));
        compare_but(&seam, index.window(&plain, times.0, times.1).unwrap(), &all, from, to);
    }
}

#[test]
fn damage_is_stepped_over() {
    let mut state = 12345u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(50_000)
    .collect();
    let half = base().len() / 2;
    let inserted = [&base()[..half], &noise, &base()[half..]].concat();
    let mut over = base().to_vec();
    over[half..half + noise.len()].copy_from_slice(&noise);
    for (what, bytes) in [("inserted", inserted), ("written over", over)] {
        let all = whole(&bytes);
        let (index, source) = open(bytes);
        assert_eq!(index.jumps(), [], "{what}");
        ends_right(&index, &all);
        let damaged = 44 * SECOND..49 * SECOND;
        let cost = windows_but(&damaged, &index, &source, &all, 20, 6 * SECOND);
        cost.is_small(what);
    }
}

/// A recording that goes on for hours: the same minute and a half over and over, later each time.
struct Repeated {
    body: Vec<u8>,
    times: u64,
    period: u64,
}

impl ByteSource for Repeated {
    fn len(&self) -> u64 {
        self.body.len() as u64 * self.times
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && offset + (filled as u64) < self.len() {
            let place = offset + filled as u64;
            let (turn, at) =
                (place / self.body.len() as u64, (place % self.body.len() as u64) as usize);
            let start = at / 188 * 188;
            let mut packet: [u8; 188] = self.body[start..start + 188].try_into().unwrap();
            self.later(&mut packet, turn);
            let part = &packet[at - start..];
            let count = part.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&part[..count]);
            filled += count;
        }
        Ok(filled)
    }
    fn name(&self) -> &str {
        "repeated"
    }
}

impl Repeated {
    fn later(&self, packet: &mut [u8; 188], turn: u64) {
        let extra = if packet[3] & 0x20 != 0 { 1 + usize::from(packet[4]) } else { 0 };
        let pes = 4 + extra;
        let is_pes = packet[1] & 0x40 != 0 && packet[pes..].starts_with(&[0, 0, 1]);
        if !is_pes || packet[pes + 3] < 0xbd {
            return;
        }
        for (flag, at) in [(0x80, pes + 9), (0x40, pes + 14)] {
            if packet[pes + 7] & flag != 0 {
                let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| u64::from(packet[at + i]));
                let time = (a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1;
                let time = (time + self.period * turn) & 0x1_ffff_ffff;
                packet[at] = (a & 0xf0 | time >> 30 << 1 | 1) as u8;
                packet[at + 1] = (time >> 22) as u8;
                packet[at + 2] = (time >> 15 << 1 | 1) as u8;
                packet[at + 3] = (time >> 7) as u8;
                packet[at + 4] = (time << 1 | 1) as u8;
            }
        }
    }
}

#[test]
fn thirty_hours_cost_what_ten_minutes_do() {
    let minute = whole(base());
    let period_s = 90.04;
    let period = (period_s * 90_000.0) as u64;
    let mut opened = Vec::new();
    for times in [7u64, 1200] {
        let source = Counting::new(Arc::new(Repeated { body: base().to_vec(), times, period }));
        let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(&source);
        let index = Ts::open(&plain).unwrap().unwrap();
        let cost = source.take();
        eprintln!("{} MB: opened with {cost:?}", source.len() / 1_000_000);
        assert!(cost.0 <= 1_200_000);
        opened.push(cost.0);
        assert_eq!(index.jumps(), []);
        assert!(serde_json::to_string(&index).unwrap().len() < 10_000);
        let later = period as i64 * 7840;
        let (mut beyond, mut reads) = (0, 0);
        for number in 0..20i64 {
            let turn = (times as i64 - 1) * number / 19;
            let local: Vec<Seen> = (turn - 1..=turn + 1)
                .filter(|turn| (0..times as i64).contains(turn))
                .flat_map(|turn| moved(minute.clone(), turn * later))
                .collect();
            let from = turn * later + number * 3 * SECOND + 2 * SECOND;
            let to = from + 20 * SECOND;
            let located = index
                .window(&plain, MediaTime::from_flicks(from), MediaTime::from_flicks(to))
                .unwrap();
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
        let is_ts = path.extension().is_some_and(|e| e == "ts");
        let Some(index) = Ts::open(&source).unwrap() else {
            assert!(!is_ts, "{path:?}");
            continue;
        };
        assert!(is_ts);
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
                1 => bytes.truncate(at.max(2000)),
                2 => {
                    let end = (at + dice(5000)).min(bytes.len());
                    bytes[at..end].fill([0, 0xff, 0x47, 9][dice(4)]);
                }
                _ => {
                    let end = (at + dice(5000)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
            if bytes.len() < 2000 {
                break;
            }
        }
        super::ts::answers(&bytes);
    }
    (0..6000).step_by(37).for_each(|length| super::ts::answers(&small[..length]));
}
