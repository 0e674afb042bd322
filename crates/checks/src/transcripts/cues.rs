//! SRT and WebVTT: cues with times, whatever the file gets wrong.

use reprise_model::MediaTime;

use super::{Cue, Read, believable};
use crate::transcript::SpokenWord;

/// Reads cues; what cannot be read is noted with its line.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    let lines: Vec<&str> =
        text.split('\n').flat_map(|line| line.trim_end_matches('\r').split('\r')).collect();
    let mut index = 0;
    let mut rolled = String::new();
    while index < lines.len() {
        let line = lines[index].trim();
        let number = index as u64 + 1;
        if ["NOTE", "STYLE", "REGION"].iter().any(|block| is_block(line, block)) {
            while lines.get(index).is_some_and(|line| !line.trim().is_empty()) {
                index += 1;
            }
            continue;
        }
        index += 1;
        let Some((start, end)) = line.split_once("-->") else { continue };
        let mut text: Vec<&str> = Vec::new();
        while let Some(next) = lines.get(index).map(|line| line.trim()) {
            if next.is_empty() || next.contains("-->") {
                break;
            }
            text.push(next);
            index += 1;
        }
        // Without a blank line between, the next cue's number was taken for text.
        let runs_on = lines.get(index).is_some_and(|line| line.contains("-->"));
        if runs_on && text.last().is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit())) {
            text.pop();
        }
        // What follows the end are settings such as `align:start`.
        let end = end.split_whitespace().next().unwrap_or_default();
        let (Some(start_s), Some(end_s)) = (seconds(start.trim()), seconds(end)) else {
            read.notes.push(format!("line {number}: `{}` is no time", short(line)));
            continue;
        };
        if !believable(start_s, end_s) {
            read.notes.push(format!("line {number}: the cue ends before it begins, or too late"));
            continue;
        }
        let mut clean: Vec<(String, bool)> =
            text.iter().map(|line| (plain(line), line.contains('<'))).collect();
        clean.retain(|(line, _)| !line.is_empty());
        // Captions that roll show the last line again.
        if clean.len() > 1 && clean.first().is_some_and(|(line, _)| *line == rolled) {
            clean.remove(0);
        } else if clean.len() == 1 && clean[0].0 == rolled && end_s - start_s < 0.1 {
            continue;
        }
        rolled = clean.last().map(|(line, _)| line.clone()).unwrap_or_default();
        let words = if clean.iter().any(|(_, tagged)| *tagged) {
            timed_words(&text.join(" "), start_s, end_s)
        } else {
            Vec::new()
        };
        let text: Vec<String> = clean.into_iter().map(|(line, _)| line).collect();
        read.cues.push(Cue { line: number, start_s, end_s, text: text.join(" "), words });
    }
    read
}

fn is_block(line: &str, block: &str) -> bool {
    line.strip_prefix(block).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn short(line: &str) -> String {
    line.chars().take(40).collect()
}

/// `01:02:03,456`, `02:03.456`, `3.5`; the fraction may follow a point or a comma.
fn seconds(text: &str) -> Option<f64> {
    let text = text.replace(',', ".");
    let mut total = 0.0;
    let parts: Vec<&str> = text.split(':').collect();
    if parts.is_empty() || parts.len() > 3 {
        return None;
    }
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        let sound = !part.is_empty()
            && part.len() <= 12
            && part.bytes().all(|b| b.is_ascii_digit() || (last && b == b'.'));
        let value: f64 = if sound { part.parse().ok()? } else { return None };
        if index > 0 && value >= 60.0 {
            return None;
        }
        total = total * 60.0 + value;
    }
    Some(total)
}

/// Text without tags, entities, remarks such as `[Music]`, and dashes of speakers.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut depth = None;
    for c in line.chars() {
        match (depth, c) {
            (None, '<') => depth = Some('>'),
            (None, '{') => depth = Some('}'),
            (None, '[') => depth = Some(']'),
            (Some(end), c) if c == end => depth = None,
            (None, '♪' | '♫') => {}
            (None, c) => text.push(c),
            _ => {}
        }
    }
    if depth == Some('>') {
        // A `<` that no tag is.
        text = line.replace(['<', '>'], " ");
    }
    for (entity, c) in [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&lrm;", ""),
        ("&rlm;", ""),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, c);
    }
    text.trim().trim_start_matches("- ").trim_start_matches(">>").trim().to_owned()
}

/// The words of a cue that times each by a tag: `one<00:00:01.500> two`.
fn timed_words(text: &str, start_s: f64, end_s: f64) -> Vec<SpokenWord> {
    let mut pieces: Vec<(f64, &str)> = Vec::new();
    let (mut at, mut rest, mut timed) = (start_s, text, false);
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>') else { break };
        let tag = &rest[open + 1..open + close];
        if let Some(time) = seconds(tag).filter(|time| (at..=end_s).contains(time)) {
            pieces.push((at, &rest[..open]));
            (at, rest, timed) = (time, &rest[open + close + 1..], true);
        } else {
            let before = &rest[..open];
            if !before.trim().is_empty() {
                pieces.push((at, before));
            }
            rest = &rest[open + close + 1..];
        }
    }
    pieces.push((at, rest));
    if !timed {
        return Vec::new();
    }
    let mut words = Vec::new();
    for (index, &(from, piece)) in pieces.iter().enumerate() {
        let to = pieces.get(index + 1).map_or(end_s, |next| next.0).max(from);
        let cue = Cue { line: 0, start_s: from, end_s: to, text: plain(piece), words: Vec::new() };
        words.extend(super::spread(&cue));
    }
    let latest = MediaTime::from_seconds(end_s);
    words.retain(|word: &SpokenWord| word.start <= latest);
    words
}
