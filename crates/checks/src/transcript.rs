//! What is said: words with times, the languages, and where someone speaks.

use reprise_model::{MediaDuration, MediaTime, Span};
use serde::{Deserialize, Serialize};

/// A transcript of a stretch; times are on the time line of its sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// In order.
    pub words: Vec<SpokenWord>,
    /// Languages, that of most speech first; empty where nobody speaks.
    pub languages: Vec<LanguageShare>,
    /// Where someone speaks, in order.
    pub speech: Vec<Span>,
    /// Where it comes from.
    pub origin: Origin,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpokenWord {
    /// As said, with its punctuation; without spaces.
    pub text: String,
    /// From.
    #[serde(rename = "start_s")]
    pub start: MediaTime,
    /// To.
    #[serde(rename = "end_s")]
    pub end: MediaTime,
    /// 0 to 1; 1 for a transcript that was given.
    pub confidence: f64,
}

/// How much of the speech is in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageShare {
    /// BCP 47.
    pub language: String,
    /// Seconds of speech in it.
    pub seconds: f64,
    /// Where, in order.
    pub spans: Vec<Span>,
    /// How sure, 0 to 1.
    pub confidence: f64,
}

/// Where a transcript comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody listened for words; only where someone speaks is known.
    #[default]
    VoiceActivity,
    /// A file that came with the recording.
    File(String),
    /// A model, by its name.
    Model(String),
}

impl Transcript {
    /// The part inside `span`: words whose middle lies in it.
    pub fn within(&self, span: Span) -> Self {
        let inside = |spans: &[Span]| -> Vec<Span> {
            spans.iter().map(|s| s.intersect(span)).filter(|s| !s.is_empty()).collect()
        };
        let languages = self.languages.iter().map(|share| {
            let spans = inside(&share.spans);
            let seconds = spans.iter().map(|s| s.seconds()).sum();
            LanguageShare { spans, seconds, ..share.clone() }
        });
        let mut languages: Vec<_> = languages.filter(|share| share.seconds > 0.0).collect();
        languages.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let middle = |word: &SpokenWord| {
            word.start + MediaDuration::from_flicks((word.end - word.start).flicks() / 2)
        };
        Self {
            words: self.words.iter().filter(|w| span.contains(middle(w))).cloned().collect(),
            languages,
            speech: inside(&self.speech),
            origin: self.origin.clone(),
        }
    }

    /// The same with all times moved by `by`.
    pub fn shifted(mut self, by: MediaDuration) -> Self {
        let moved = |span: &mut Span| *span = Span::new(span.start + by, span.end + by);
        for word in &mut self.words {
            (word.start, word.end) = (word.start + by, word.end + by);
        }
        self.languages.iter_mut().flat_map(|share| &mut share.spans).for_each(moved);
        self.speech.iter_mut().for_each(moved);
        self
    }
}
