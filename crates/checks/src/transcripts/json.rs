//! Transcripts as JSON: segments and words, by the names that common tools give them.

use reprise_model::{Error, Kind, MediaTime, Result};
use serde_json::Value;

use super::{Cue, Read, believable};
use crate::transcript::SpokenWord;

/// Reads whatever segments and words there are.
pub(super) fn read(text: &str) -> Result<Read> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let line = error.line() as u64;
        Error::new(Kind::Malformed, "is no JSON").at_line(line).caused_by(error)
    })?;
    let mut read = Read { language: language(&value), ..Read::default() };
    let list = |key: &str| value.get(key).and_then(Value::as_array);
    let segments = value.as_array().or(list("segments")).or(list("transcription")).or(list("cues"));
    for (index, segment) in segments.into_iter().flatten().enumerate() {
        match cue(segment) {
            Some(cue) => read.cues.push(cue),
            // A list of words has no segments.
            None => match word(segment) {
                Some(word) => read.cues.push(of_word(word)),
                None => read.notes.push(format!("entry {}: no text with sound times", index + 1)),
            },
        }
    }
    // Where segments have no words of their own, those beside them are better than none.
    let timed = read.cues.iter().any(|cue| !cue.words.is_empty());
    if let Some(words) = list("words").filter(|_| !timed) {
        let mut found = Vec::new();
        for (index, value) in words.iter().enumerate() {
            match word(value) {
                Some(word) => found.push(of_word(word)),
                None => read.notes.push(format!("word {}: no text with sound times", index + 1)),
            }
        }
        if !found.is_empty() {
            read.cues = found;
        }
    }
    Ok(read)
}

fn of_word(word: SpokenWord) -> Cue {
    let (start_s, end_s) = (word.start.seconds(), word.end.seconds());
    Cue { line: 0, start_s, end_s, text: word.text.clone(), words: vec![word] }
}

fn language(value: &Value) -> Option<String> {
    let given = value
        .get("language")
        .or_else(|| value.pointer("/result/language"))
        .or_else(|| value.pointer("/params/language"))
        .and_then(Value::as_str)?
        .to_lowercase();
    let named = [
        ("english", "en"),
        ("indonesian", "id"),
        ("vietnamese", "vi"),
        ("thai", "th"),
        ("malay", "ms"),
        ("tagalog", "tl"),
        ("chinese", "zh"),
        ("spanish", "es"),
        ("japanese", "ja"),
        ("korean", "ko"),
    ];
    let code = named.iter().find(|(name, _)| *name == given).map(|(_, code)| (*code).to_owned());
    code.or_else(|| (2..=8).contains(&given.len()).then_some(given)).filter(|code| code != "auto")
}

/// A number of seconds under any of its names; milliseconds in `offsets`.
fn times(value: &Value) -> Option<(f64, f64)> {
    let number = |keys: &[&str]| keys.iter().find_map(|key| value.get(*key)?.as_f64());
    let pair = || {
        let start = number(&["start_s", "start", "start_sec", "startTime", "from_s"])?;
        Some((start, number(&["end_s", "end", "end_sec", "endTime", "to_s"])?))
    };
    let offsets = || {
        let from = value.pointer("/offsets/from")?.as_f64()?;
        Some((from / 1000.0, value.pointer("/offsets/to")?.as_f64()? / 1000.0))
    };
    pair().or_else(offsets)
}

fn text(value: &Value) -> Option<&str> {
    ["text", "word", "transcript"].iter().find_map(|key| value.get(*key)?.as_str())
}

fn word(value: &Value) -> Option<SpokenWord> {
    let (start, end) = times(value)?;
    let said = text(value)?.trim();
    // Tools give words of no length; they are still said.
    let end = end.max(start + 0.01);
    if said.is_empty() || !believable(start, end) {
        return None;
    }
    let sure = ["confidence", "probability", "p"].iter().find_map(|key| value.get(*key)?.as_f64());
    Some(SpokenWord {
        text: said.split_whitespace().collect(),
        start: MediaTime::from_seconds(start),
        end: MediaTime::from_seconds(end),
        confidence: sure.filter(|sure| sure.is_finite()).unwrap_or(1.0).clamp(0.0, 1.0),
    })
}

fn cue(value: &Value) -> Option<Cue> {
    // A word of a list of words: it is no segment.
    if value.get("word").is_some() || value.get("start_s").is_some() && value.get("words").is_none()
    {
        return None;
    }
    let (start_s, end_s) = times(value)?;
    if !believable(start_s, end_s) {
        return None;
    }
    let words = value.get("words").and_then(Value::as_array);
    let mut words: Vec<SpokenWord> = words.into_iter().flatten().filter_map(word).collect();
    if words.is_empty() {
        words = of_tokens(value.get("tokens").and_then(Value::as_array));
    }
    let text = text(value).unwrap_or_default().trim().to_owned();
    Some(Cue { line: 0, start_s, end_s, text, words })
}

/// Words of whisper.cpp's tokens: a token with a space before it begins one.
fn of_tokens(tokens: Option<&Vec<Value>>) -> Vec<SpokenWord> {
    let mut words: Vec<SpokenWord> = Vec::new();
    for token in tokens.into_iter().flatten() {
        let Some(written) = token.get("text").and_then(Value::as_str) else { continue };
        if written.starts_with("[_") || written.trim().is_empty() {
            continue;
        }
        let Some(next) = word(token) else { return Vec::new() };
        match words.last_mut() {
            Some(last) if !written.starts_with(' ') => {
                last.text.push_str(&next.text);
                last.end = last.end.max(next.end);
                last.confidence = last.confidence.min(next.confidence);
            }
            _ => words.push(next),
        }
    }
    words
}
