//! Captions of a clip, where it is known what is said.

use reprise_checks::Evidence;

/// The same captions in both formats; absent without words.
#[derive(Default)]
pub(super) struct Captions {
    /// WebVTT.
    pub vtt: Option<String>,
    /// SubRip.
    pub srt: Option<String>,
}

impl Captions {
    /// Of a clip, on its own time line.
    pub(super) fn of(_evidence: &Evidence) -> Self {
        Self::default()
    }
}
