//! Captions of a clip, where it is known what is said.

use reprise_checks::{Evidence, captions_srt, captions_vtt};

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
    pub(super) fn of(evidence: &Evidence) -> Self {
        let words = evidence.transcript.as_ref().map(|transcript| transcript.words.as_slice());
        match words.filter(|words| !words.is_empty()) {
            Some(words) => Self { vtt: Some(captions_vtt(words)), srt: Some(captions_srt(words)) },
            None => Self::default(),
        }
    }
}
