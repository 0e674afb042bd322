//! Pictures that stand still, are black, are damaged, or begin a new scene.

use reprise_model::{MediaTime, Span};

use crate::picture::{PictureEvidence, PictureSample};
use crate::policy::Policy;

/// Stretches of at least `min_s` in which the picture stands still. A stretch lasts from the
/// picture that does not change any more to the first one that differs; a picture that is only
/// coded anew, with stillness on both sides, does not end it.
pub(crate) fn stills(pictures: &PictureEvidence, min_s: f64) -> Vec<Span> {
    let samples = &pictures.samples;
    let still_at = |index: Option<usize>| {
        index.and_then(|index| samples.get(index)).is_some_and(|sample| sample.still)
    };
    let holds = |index: usize| {
        samples[index].still
            || (samples[index].recoded
                && still_at(index.checked_sub(1))
                && still_at(index.checked_add(1)))
    };
    runs(pictures, min_s, holds, true)
}

/// Stretches of at least `video.black_max_s` that are black.
pub(crate) fn blacks(pictures: &PictureEvidence, policy: &Policy) -> Vec<Span> {
    let share = policy.video.black_share_min as f32;
    runs(pictures, policy.video.black_max_s, |index| pictures.samples[index].dark >= share, false)
}

/// Damaged pictures.
pub(crate) fn corrupt(pictures: &PictureEvidence) -> Vec<Span> {
    runs(pictures, 0.0, |index| pictures.samples[index].corrupt, false)
}

/// First pictures of new scenes: much of the luma moves to another brightness at once, far more
/// than in the pictures around it, and most blocks change.
pub(crate) fn scene_cuts(pictures: &PictureEvidence) -> Vec<MediaTime> {
    const RECAST_MIN: f32 = 0.15;
    const CHANGE_MIN: f32 = 8.0;
    const TIMES_AROUND: f32 = 4.0;
    let samples = &pictures.samples;
    let mut cuts = Vec::new();
    for index in 1..samples.len() {
        let sample = &samples[index];
        let around = |range: &[PictureSample]| range.iter().map(|s| s.change).fold(0f32, f32::max);
        let before = around(&samples[index.saturating_sub(6)..index]);
        let after = around(&samples[index + 1..(index + 7).min(samples.len())]);
        let stands_out = sample.change >= TIMES_AROUND * before.min(after).max(0.5)
            && sample.change >= 1.5 * before.max(after);
        let size_changed = sample.recast >= 1.0 && sample.change == 0.0;
        if size_changed
            || (sample.recast >= RECAST_MIN && sample.change >= CHANGE_MIN && stands_out)
        {
            cuts.push(sample.time);
        }
    }
    cuts
}

/// Runs of pictures for which `holds` is true and that last at least `min_s`; `with_first` counts
/// the picture before the run in (the one that the others are like).
fn runs(
    pictures: &PictureEvidence,
    min_s: f64,
    holds: impl Fn(usize) -> bool,
    with_first: bool,
) -> Vec<Span> {
    let samples = &pictures.samples;
    let mut found = Vec::new();
    let mut start: Option<usize> = None;
    for index in 0..=samples.len() {
        match (index < samples.len() && holds(index), start) {
            (true, None) => start = Some(index.saturating_sub(usize::from(with_first))),
            (false, Some(from)) => {
                start = None;
                let span = Span::new(samples[from].time, pictures.end_of(index - 1));
                // A microsecond for rounding: "at least" holds for exactly so long.
                if span.seconds() + 1e-6 >= min_s {
                    found.push(span);
                }
            }
            _ => {}
        }
    }
    found
}
