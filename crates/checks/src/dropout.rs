//! Sound that is cut off or muted while the LIVE goes on.

use reprise_model::Span;

use crate::evidence::Evidence;
use crate::policy::Policy;

/// Stretches of at least `audio.dropout_max_s` below `audio.dropout_db`, gaps of the stream and
/// sound that begins after or ends before the pictures included.
pub(crate) fn dropouts(evidence: &Evidence, policy: &Policy) -> Vec<Span> {
    let sound = &evidence.sound;
    if sound.is_empty() {
        return Vec::new();
    }
    let limit = (policy.audio.dropout_db * 10.0).round() as i16;
    let mut spans = Vec::new();
    let mut start = None;
    for index in 0..=sound.energy_db10.len() {
        match (sound.energy_db10.get(index).is_some_and(|&level| level < limit), start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                start = None;
                spans.push(sound.span_of(from, index));
            }
            _ => {}
        }
    }
    let (heard, all) = (sound.span(), evidence.span());
    spans.push(Span::new(all.start, heard.start));
    spans.push(Span::new(heard.end, all.end));
    let mut spans = reprise_model::span::merged(spans);
    spans.retain(|span| span.seconds() + 1e-6 >= policy.audio.dropout_max_s);
    spans
}
