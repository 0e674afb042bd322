//! `[speech]`: thresholds of what is said.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths};

/// Thresholds of what is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechPolicy {
    /// Words a minute above which speech is hurried. Default 210.
    pub words_per_minute_max: f64,
}

impl Default for SpeechPolicy {
    fn default() -> Self {
        Self { words_per_minute_max: 210.0 }
    }
}

impl SpeechPolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        lengths(&[("speech.words_per_minute_max", self.words_per_minute_max)])
    }
}
