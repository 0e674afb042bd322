//! Transcripts that come with a recording, and captions that go out with a clip.

mod captions;
mod cues;
mod json;
mod language;

use reprise_model::{Error, Kind, MediaDuration, MediaTime, Result, Span};
use unicode_segmentation::UnicodeSegmentation;

pub use captions::{captions_srt, captions_vtt};

use crate::look_for::{Adviser, GrayPicture, TextLine};
use crate::said::without_spaces;
use crate::sound::SoundEvidence;
use crate::transcript::{Origin, SpokenWord, Transcript};

/// Most characters of a transcript: a day of speech has less.
const LENGTH_MAX: usize = 16 << 20;
/// Most notes on what was skipped.
const NOTES_MAX: usize = 50;
/// Latest time that is believed, seconds (four days).
const TIME_MAX_S: f64 = 4.0 * 86_400.0;
/// Slower than this nobody speaks: the rest of a cue is time for reading, characters a second.
const SLOWEST: f64 = 5.0;
/// Cues that begin closer together than this share of the first one's length are said at once.
const OVERLAP_MIN: f64 = 0.2;
/// Graphemes of a piece, in scripts without spaces.
const PIECE: usize = 6;
/// Words further apart are two stretches of speech.
const BREAK: MediaDuration = MediaDuration::from_millis(300);

/// A stretch of text with its time.
#[derive(Clone, Debug, PartialEq)]
struct Cue {
    /// In the file, from 1; 0 where it has none.
    line: u64,
    start_s: f64,
    end_s: f64,
    text: String,
    /// Where words have their own times.
    words: Vec<SpokenWord>,
}

/// What was read of a file.
#[derive(Clone, Debug, Default)]
struct Read {
    cues: Vec<Cue>,
    /// As the file names it, BCP 47.
    language: Option<String>,
    notes: Vec<String>,
}

/// Reads SRT, WebVTT or JSON (segments and words as whisper.cpp and OpenAI write them, or
/// `{"words": [{"text", "start_s", "end_s"}]}`), whichever `name` or the text itself says. What is
/// damaged is skipped; the notes name it with its line.
///
/// # Errors
/// [`Kind::Malformed`] where nothing can be read, [`Kind::Limit`] where it is longer than a day.
pub fn read_transcript(text: &str, name: &str) -> Result<(Transcript, Vec<String>)> {
    if text.len() > LENGTH_MAX {
        let what = "is too long to be the transcript of a LIVE";
        return Err(Error::new(Kind::Limit, what).in_file(name));
    }
    let text = text.trim_start_matches('\u{feff}');
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let begins = text.trim_start();
    let mut read = match extension.as_str() {
        "json" => json::read(text),
        "srt" | "vtt" => Ok(cues::read(text)),
        _ if begins.starts_with(['{', '[']) => json::read(text),
        _ => Ok(cues::read(text)),
    }
    .map_err(|error: Error| error.in_file(name))?;
    read.cues.retain(|cue| !cue.text.trim().is_empty() || !cue.words.is_empty());
    if read.cues.is_empty() {
        let reason = read.notes.first().map(|note| format!(" ({note})")).unwrap_or_default();
        let what = format!("has no cue that can be read{reason}: give SRT, WebVTT or JSON");
        return Err(Error::new(Kind::Malformed, what).in_file(name));
    }
    read.cues.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut words: Vec<SpokenWord> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    for index in 0..read.cues.len() {
        let next = read.cues.get(index + 1).map(|next| next.start_s);
        let cue = &mut read.cues[index];
        // Of two cues that overlap the first is said first, not word by word in turns.
        if let Some(next) = next
            && next - cue.start_s >= OVERLAP_MIN * (cue.end_s - cue.start_s)
        {
            cue.end_s = cue.end_s.min(next);
        }
        let own = if cue.words.is_empty() { spread(cue) } else { cue.words.clone() };
        words.extend(own);
        ends.push(words.len());
    }
    in_order(&mut words);
    let languages = language::shares(&words, &ends, read.language.as_deref());
    let origin = Origin::File(name.to_owned());
    if read.notes.len() > NOTES_MAX {
        let more = read.notes.len() - NOTES_MAX;
        read.notes.truncate(NOTES_MAX);
        read.notes.push(format!("and {more} more"));
    }
    let speech = speech(&words);
    Ok((Transcript { words, languages, speech, origin }, read.notes))
}

/// The speech half of an [`Adviser`] for a transcript that was given; text in pictures stays unread.
#[derive(Clone, Debug)]
pub struct GivenTranscript(Transcript);

impl GivenTranscript {
    /// One whose zero lies at `offset` of the recording's time line.
    pub fn new(transcript: Transcript, offset: MediaDuration) -> Self {
        Self(transcript.shifted(offset))
    }
}

impl Adviser for GivenTranscript {
    fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>> {
        Ok(Some(self.0.within(sound.span())))
    }
    fn read_text(&self, _: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        Ok(None)
    }
}

/// Whether a span of seconds can be one.
fn believable(start_s: f64, end_s: f64) -> bool {
    (0.0..TIME_MAX_S).contains(&start_s) && end_s > start_s && end_s < TIME_MAX_S
}

/// The words of a cue, each with time by its length.
fn spread(cue: &Cue) -> Vec<SpokenWord> {
    let mut pieces: Vec<String> = Vec::new();
    for word in cue.text.split_whitespace() {
        if without_spaces(word) {
            let graphemes: Vec<&str> = word.graphemes(true).collect();
            pieces.extend(graphemes.chunks(PIECE).map(|piece| piece.concat()));
        } else {
            pieces.push(word.to_owned());
        }
    }
    let lengths: Vec<f64> = pieces.iter().map(|p| p.graphemes(true).count() as f64 + 1.0).collect();
    let whole: f64 = lengths.iter().sum();
    let spoken = (cue.end_s - cue.start_s).min((whole / SLOWEST).max(0.4));
    let mut at = cue.start_s;
    let words = pieces.into_iter().zip(lengths).map(|(text, length)| {
        let start = MediaTime::from_seconds(at);
        at += spoken * length / whole.max(1.0);
        SpokenWord { text, start, end: MediaTime::from_seconds(at), confidence: 1.0 }
    });
    words.collect()
}

/// No word before the one before it, and none into the next.
fn in_order(words: &mut [SpokenWord]) {
    words.sort_by_key(|word| (word.start, word.end));
    for index in 1..words.len() {
        let next = words[index].start;
        let word = &mut words[index - 1];
        word.end = word.end.min(next).max(word.start);
    }
}

fn speech(words: &[SpokenWord]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for word in words {
        match spans.last_mut() {
            Some(last) if word.start - last.end <= BREAK => last.end = last.end.max(word.end),
            _ => spans.push(Span::new(word.start, word.end)),
        }
    }
    spans
}
