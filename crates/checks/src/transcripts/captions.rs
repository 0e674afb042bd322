//! Captions for clips, as SRT and WebVTT.
//!
//! Lines and times follow the guidelines of broadcasters: at most two lines of 37 characters (BBC,
//! Subtitle Guidelines: 37 fit into two thirds of the width; clips are upright), 16 in Chinese,
//! Japanese and Korean and 35 in Thai (Netflix, Timed Text Style Guides); on screen for 5/6 s to 7 s,
//! two pictures apart, and long enough to be read at 17 characters a second where speech leaves time.

use std::fmt::Write;

use reprise_model::{MediaDuration, MediaTime};
use unicode_segmentation::UnicodeSegmentation;

use crate::said::{is_spaceless, without_spaces};
use crate::transcript::SpokenWord;

const LINE_MAX: usize = 37;
const LINE_MAX_EAST_ASIAN: usize = 16;
const LINE_MAX_THAI: usize = 35;
const SHORTEST: MediaDuration = MediaDuration::from_millis(834);
const LONGEST: MediaDuration = MediaDuration::from_millis(7_000);
/// Two pictures at 24 a second.
const APART: MediaDuration = MediaDuration::from_millis(84);
/// A pause after which a new caption begins.
const PAUSE: MediaDuration = MediaDuration::from_millis(700);
/// Characters read a second.
const READ: f64 = 17.0;

/// A caption.
#[derive(Clone, Debug, PartialEq)]
struct Caption {
    start: MediaTime,
    end: MediaTime,
    lines: Vec<String>,
}

/// Captions of spoken words as SRT.
pub fn captions_srt(words: &[SpokenWord]) -> String {
    let mut out = String::new();
    for (index, caption) in captions(words).iter().enumerate() {
        let (from, to) = (clock(caption.start, ','), clock(caption.end, ','));
        let text = caption.lines.join("\n").replace("-->", "\u{2192}");
        // Writing to a string does not fail.
        let _ = write!(out, "{}\n{from} --> {to}\n{text}\n\n", index + 1);
    }
    out
}

/// Captions of spoken words as WebVTT.
pub fn captions_vtt(words: &[SpokenWord]) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for caption in captions(words) {
        let (from, to) = (clock(caption.start, '.'), clock(caption.end, '.'));
        let text = caption.lines.join("\n");
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{from} --> {to}\n{text}\n\n");
    }
    out
}

fn clock(time: MediaTime, point: char) -> String {
    let millis = (time.seconds().max(0.0) * 1000.0).round() as u64;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{point}{millis:03}", seconds % 60)
}

fn captions(words: &[SpokenWord]) -> Vec<Caption> {
    let words = whole_words(words);
    let mut captions: Vec<Caption> = Vec::new();
    let mut from = 0;
    while from < words.len() {
        let to = end_of(&words, from);
        let lines = lines_of(&words[from..to]).unwrap_or_else(|| vec![joined(&words[from..to])]);
        let (start, end) = (words[from].start.max(MediaTime::ZERO), words[to - 1].end);
        captions.push(Caption { start, end: end.max(start), lines });
        from = to;
    }
    for index in 0..captions.len() {
        let next = captions.get(index + 1).map(|next| next.start);
        let caption = &mut captions[index];
        let read: usize = caption.lines.iter().map(|line| length(line)).sum();
        let wanted = MediaDuration::from_seconds(read as f64 / READ).max(SHORTEST).min(LONGEST);
        let mut end = caption.end.max(caption.start + wanted);
        if let Some(next) = next {
            end = end.min(next + -APART).max(caption.start + MediaDuration::from_millis(1));
        }
        caption.end = end.min(caption.start + LONGEST);
    }
    captions
}

/// Words that are longer than a line, in pieces.
fn whole_words(words: &[SpokenWord]) -> Vec<SpokenWord> {
    let mut whole = Vec::with_capacity(words.len());
    for word in words {
        let most = line_max(&word.text);
        let graphemes: Vec<&str> = word.text.graphemes(true).collect();
        let pieces = graphemes.len().div_ceil(most).max(1);
        let length = word.end - word.start;
        for (index, piece) in graphemes.chunks(graphemes.len().div_ceil(pieces).max(1)).enumerate()
        {
            let part = |n: usize| {
                let flicks = length.flicks() / pieces as i64 * n as i64;
                word.start + MediaDuration::from_flicks(flicks)
            };
            whole.push(SpokenWord {
                text: piece.concat(),
                start: part(index),
                end: if index + 1 == pieces { word.end } else { part(index + 1) },
                confidence: word.confidence,
            });
        }
    }
    whole
}

/// Where the caption that begins with word `from` ends: at a pause, at the end of a sentence, or
/// where it is full, then at the last clause.
fn end_of(words: &[SpokenWord], from: usize) -> usize {
    let mut clause = None;
    let mut to = from + 1;
    loop {
        let last = &words[to - 1];
        let Some(next) = words.get(to) else { return to };
        let long = last.end - words[from].start >= SHORTEST;
        let sentence = last.text.ends_with(['.', '!', '?', '。', '！', '？', '…']);
        if next.start - last.end >= PAUSE || (sentence && long) {
            return to;
        }
        if last.text.ends_with([',', ';', ':', '、', '，']) {
            clause = Some(to);
        }
        let full = next.end - words[from].start > LONGEST || lines_of(&words[from..=to]).is_none();
        if full {
            let enough = |&clause: &usize| (clause - from) * 5 >= (to - from) * 2;
            return clause.filter(enough).unwrap_or(to);
        }
        to += 1;
    }
}

/// One line, or two as equal as they can be, rather broken after punctuation; `None` where they do
/// not fit.
fn lines_of(words: &[SpokenWord]) -> Option<Vec<String>> {
    let whole = joined(words);
    let most = line_max(&whole);
    if length(&whole) <= most {
        return Some(vec![whole]);
    }
    let breaks = 1..words.len();
    let fits = |at: &usize| {
        length(&joined(&words[..*at])) <= most && length(&joined(&words[*at..])) <= most
    };
    let cost = |at: &usize| -> i64 {
        let (upper, lower) = (length(&joined(&words[..*at])), length(&joined(&words[*at..])));
        let clause = words[at - 1].text.ends_with([',', '.', ';', ':', '!', '?', '、', '，', '。']);
        upper.abs_diff(lower) as i64 - if clause { 8 } else { 0 }
    };
    let at = breaks.filter(fits).min_by_key(cost)?;
    Some(vec![joined(&words[..at]), joined(&words[at..])])
}

fn joined(words: &[SpokenWord]) -> String {
    let mut text = String::new();
    for word in words {
        let close = text.chars().next_back().is_none_or(is_spaceless)
            && word.text.chars().next().is_none_or(is_spaceless);
        if !close {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

fn length(text: &str) -> usize {
    text.graphemes(true).count()
}

fn line_max(text: &str) -> usize {
    let hangul = |c: char| matches!(u32::from(c), 0xac00..=0xd7a3);
    if text.chars().any(hangul) {
        LINE_MAX_EAST_ASIAN
    } else if !without_spaces(text) {
        LINE_MAX
    } else if text.chars().any(|c| is_spaceless(c) && u32::from(c) >= 0x3000) {
        LINE_MAX_EAST_ASIAN
    } else {
        LINE_MAX_THAI
    }
}
