//! `[speech]`: thresholds of what is said.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths, shares};

/// Thresholds of what is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechPolicy {
    /// Share of a selling point's words, by weight, that must be said, 0 to 1. Default 0.6: of three
    /// words two; lower takes another product's points for it, higher misses free wording.
    pub point_score_min: f64,
    /// Words a minute above which speech is hurried. Default 250: lectures have 150, and what is
    /// understood falls off above about 275 (Foulke and Sticht 1969).
    pub words_per_minute_max: f64,
    /// Share of words that may be hesitation, 0 to 1. Default 0.12: twice the 6 in 100 of ordinary
    /// talk (Fox Tree 1995).
    pub hesitation_share_max: f64,
    /// Share of the speech that must be in a language of the market, 0 to 1. Default 0.8, the
    /// platform's own figure for a LIVE.
    pub language_share_min: f64,
    /// Fewer seconds of speech than this say nothing of the language. Default 2.
    pub language_speech_min_s: f64,
}

impl Default for SpeechPolicy {
    fn default() -> Self {
        Self {
            point_score_min: 0.6,
            words_per_minute_max: 250.0,
            hesitation_share_max: 0.12,
            language_share_min: 0.8,
            language_speech_min_s: 2.0,
        }
    }
}

impl SpeechPolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        shares(&[
            ("speech.point_score_min", self.point_score_min),
            ("speech.hesitation_share_max", self.hesitation_share_max),
            ("speech.language_share_min", self.language_share_min),
        ])?;
        lengths(&[
            ("speech.words_per_minute_max", self.words_per_minute_max),
            ("speech.language_speech_min_s", self.language_speech_min_s),
        ])
    }
}
