//! How fast someone speaks, and how much of it is hesitation.

use super::text::Text;
use crate::phrases::Phrases;
use crate::transcript::Transcript;

/// Least speech for a rate, words.
const WORDS_MIN: f64 = 8.0;

/// Rate and hesitation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechRate {
    /// Words a minute while someone speaks. Syllables and characters are counted as parts of words
    /// in languages that are written so.
    pub words_per_minute: f64,
    /// Share of the words that are fillers (`um`, `eee`) or the same word again, 0 to 1.
    pub hesitation: f64,
}

pub(super) fn speech_rate(transcript: &Transcript, phrases: &Phrases) -> Option<SpeechRate> {
    let text = Text::of_words(&transcript.words, phrases);
    let language = transcript.languages.first().map(|share| share.language.as_str());
    let spaced = language.and_then(|language| phrases.tokens_a_word.get(language));
    let spaced = spaced.copied().filter(|&tokens| tokens < 3.0).unwrap_or(1.0);
    let (mut words, mut hesitations) = (0.0, 0.0);
    let mut index = 0;
    while index < text.tokens.len() {
        let token = &text.tokens[index];
        // About four Thai characters are a word.
        let counts = |run: bool| if run { 0.25 } else { 1.0 / spaced };
        if let Some(taken) = phrases.fillers.matches_at(&text.tokens, index) {
            let filled =
                text.tokens[index..index + taken].iter().map(|t| counts(t.run)).sum::<f64>();
            words += filled;
            hesitations += filled;
            index += taken;
            continue;
        }
        words += counts(token.run);
        let again = index > 0 && !token.run && text.tokens[index - 1].text == token.text;
        // `tap tap`, `murah murah` is emphasis; `the the` is not.
        if again && phrases.stop_words.contains(&token.text) {
            hesitations += counts(false);
        }
        index += 1;
    }
    let spoken: f64 = if transcript.speech.is_empty() {
        transcript.words.iter().map(|word| (word.end - word.start).seconds()).sum()
    } else {
        transcript.speech.iter().map(|span| span.seconds()).sum()
    };
    if words < WORDS_MIN || spoken < 2.0 {
        return None;
    }
    Some(SpeechRate { words_per_minute: words / spoken * 60.0, hesitation: hesitations / words })
}
