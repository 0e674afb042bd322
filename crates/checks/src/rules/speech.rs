//! `speech.*` and `audio.language`: what the host says. No transcript is made by this version, so
//! each answers what is missing. Seam: words with times, from a model or from a file.

use super::{Answer, Look};

/// `speech.benefit`: the product's key benefits or features are said.
pub(super) fn speech_benefit(_: &Look<'_>) -> Answer {
    not_transcribed()
}

/// `speech.unique_point`: its unique selling points, clearly and confidently.
pub(super) fn speech_unique_point(_: &Look<'_>) -> Answer {
    not_transcribed()
}

/// `speech.call_to_action`: action cues.
pub(super) fn speech_call_to_action(_: &Look<'_>) -> Answer {
    not_transcribed()
}

/// `speech.decision`: voice-over that helps to decide.
pub(super) fn speech_decision(_: &Look<'_>) -> Answer {
    not_transcribed()
}

/// `audio.language`: a local or common language of the market.
pub(super) fn audio_language(_: &Look<'_>) -> Answer {
    not_transcribed()
}

fn not_transcribed() -> Answer {
    Answer::unknown("no speech model: what is said was not transcribed")
}
