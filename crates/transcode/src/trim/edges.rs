//! Where a clip may begin and end: the stretches without faults, and in them the pauses, the edges
//! of the moment, key pictures, and where products come into view.

use reprise_checks::Pause;
use reprise_model::{MediaDuration, MediaTime, Span};

use super::worth::Worth;
use super::{Avoid, TrimInput};

/// A place where a clip may begin or end.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    /// When.
    pub at: MediaTime,
    /// Whether no word is cut there.
    pub in_pause: bool,
    /// Whether it lies on a key picture.
    pub on_key: bool,
}

impl Edge {
    fn new(at: MediaTime, in_pause: bool) -> Self {
        Self { at, in_pause, on_key: false }
    }
}

/// A clip may begin so much before the words and end so much after them to meet a key picture.
const KEY_REACH: MediaDuration = MediaDuration::from_millis(600);
/// Words are kept clear of by so much; a pause is only known to 10 ms.
const KEY_CLEAR: MediaDuration = MediaDuration::from_millis(40);

/// The stretches of the window that hold no fault.
pub(super) fn clear_stretches(input: &TrimInput<'_>, faults: &[Avoid]) -> Vec<Span> {
    let clearance = MediaDuration::from_seconds(input.settings.clearance_s);
    let mut clear = Vec::new();
    let mut from = input.window.start;
    for fault in faults {
        let span = fault.span.widened(clearance);
        if span.start > from {
            clear.push(Span::new(from, span.start.min(input.window.end)));
        }
        from = from.max(span.end);
    }
    if from < input.window.end {
        clear.push(Span::new(from, input.window.end));
    }
    clear
}

/// In-points and out-points in a stretch without faults, by time.
pub(super) fn edges(
    input: &TrimInput<'_>,
    stretch: Span,
    pauses: &[Pause],
    worth: &Worth<'_>,
) -> (Vec<Edge>, Vec<Edge>) {
    let reach = MediaDuration::from_seconds(input.settings.reach_s);
    let silent = !input.evidence.has_sound();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    // Where no pause helps: the edges of the moment and of the stretch.
    for at in [stretch.start, input.moment.start.max(stretch.start)] {
        starts.push(Edge::new(at, silent || worth.between_words(at)));
    }
    for at in [stretch.end, input.moment.end.min(stretch.end)] {
        ends.push(Edge::new(at, silent || worth.between_words(at)));
    }
    // A lawful clip may have to end early in a long moment, or begin late in one.
    let max = MediaDuration::from_seconds(input.policy.clip.duration_max_s - 0.2);
    starts.push(Edge::new((stretch.end - max).max(stretch.start), false));
    ends.push(Edge::new((stretch.start + max).min(stretch.end), false));
    // Where the product comes into view, and where an offer ends.
    for at in worth.entrances().filter(|&at| stretch.contains(at) && at < input.moment.end) {
        starts.push(Edge::new(at, silent || worth.between_words(at)));
    }
    for &at in &input.wanted.offers_end {
        if stretch.contains(at) && at > input.moment.start {
            ends.push(Edge::new(at, silent || worth.between_words(at)));
        }
    }
    for pause in pauses {
        let half = MediaDuration::from_flicks(pause.span.duration().flicks() / 2);
        // A clip begins just before the words and ends a breath after them.
        let start = pause.span.end - half.min(MediaDuration::from_millis(150));
        let end = pause.span.start + half.min(MediaDuration::from_millis(300));
        if stretch.contains(start) && start < input.moment.end {
            starts.push(Edge::new(start, !worth.inside_a_word(start)));
        }
        if stretch.contains(end) && end > input.moment.start {
            ends.push(Edge::new(end, !worth.inside_a_word(end)));
        }
    }
    for &at in input.key_pictures.iter().filter(|&&at| stretch.contains(at)) {
        let clear = |pause: &&Pause| pause.span.start + KEY_CLEAR <= at;
        let pause = pauses.iter().rev().find(clear).filter(|p| at <= p.span.end - KEY_CLEAR);
        let (starts_well, ends_well) = match pause {
            Some(pause) => (pause.span.end - at <= KEY_REACH, at - pause.span.start <= KEY_REACH),
            None if input.evidence.has_sound() => continue,
            // No words: wherever it is close.
            None => (
                (at - input.moment.start).abs() <= KEY_REACH,
                (at - input.moment.end).abs() <= KEY_REACH,
            ),
        };
        let edge = Edge { at, in_pause: !worth.inside_a_word(at), on_key: true };
        if starts_well && at < input.moment.end {
            starts.push(edge);
        }
        if ends_well && at > input.moment.start {
            ends.push(edge);
        }
    }
    let within = input.moment.widened(reach);
    starts.retain(|edge| within.start <= edge.at && edge.at < within.end);
    ends.retain(|edge| within.start < edge.at && edge.at <= within.end);
    starts.sort_by_key(|edge| edge.at);
    ends.sort_by_key(|edge| edge.at);
    (starts, ends)
}
