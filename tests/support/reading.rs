//! How many bytes of a recording a job may read: a little more than the windows themselves.

use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// Share of the windows' own bytes that may be read.
const SHARE: f64 = 1.15;
/// Bytes that may be read beside them: the head, the index, the search for the windows.
const BESIDE: f64 = 5e6;

/// The bytes between the key pictures around each window (seconds from the first picture), by
/// `ffprobe`; where windows share bytes, these count once.
pub fn window_bytes(recording: &Path, windows: &[Range<f64>]) -> u64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries"])
        .args(["packet=pts_time,pos,flags", "-of", "csv=p=0"])
        .arg(recording)
        .output()
        .expect("ffprobe runs");
    let text = String::from_utf8(output.stdout).expect("ffprobe writes text");
    let packets: Vec<(f64, u64, bool)> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(',');
            let (time, at) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            Some((time, at, fields.next()?.starts_with('K')))
        })
        .collect();
    let zero = packets.iter().map(|packet| packet.0).fold(f64::INFINITY, f64::min);
    let keys: Vec<(f64, u64)> = packets
        .iter()
        .filter(|packet| packet.2)
        .map(|packet| (packet.0 - zero, packet.1))
        .collect();
    let length = std::fs::metadata(recording).expect("the recording is there").len();
    let mut ranges: Vec<Range<u64>> = windows
        .iter()
        .map(|window| {
            let from = keys.iter().rev().find(|key| key.0 <= window.start + 1e-3);
            let to = keys.iter().find(|key| key.0 >= window.end - 1e-3);
            from.map_or(0, |key| key.1)..to.map_or(length, |key| key.1)
        })
        .collect();
    ranges.sort_by_key(|range| range.start);
    let mut end = 0;
    let mut total = 0;
    for range in ranges {
        total += range.end.saturating_sub(range.start.max(end));
        end = end.max(range.end);
    }
    total
}

/// The most that may be read for windows of so many bytes.
pub fn limit(window_bytes: u64) -> u64 {
    (window_bytes as f64 * SHARE + BESIDE) as u64
}

/// Fails where more was read than windows of `window_bytes` allow.
#[track_caller]
pub fn assert_little(what: &str, read: u64, window_bytes: u64) {
    let limit = limit(window_bytes);
    assert!(read <= limit, "{what}: {read} bytes were read, {limit} are allowed");
}
