//! `clip.*`: how long the clip is.

use super::{Answer, Look};

/// Durations come from clocks that round to a millisecond.
const ROUNDING_S: f64 = 0.0011;

/// `clip.duration`: 5 to 60 s, both allowed.
pub(super) fn clip_duration(look: &Look<'_>) -> Answer {
    let (least, most) = (look.policy.clip.duration_min_s, look.policy.clip.duration_max_s);
    let seconds = look.facts.duration.seconds();
    let passes = seconds >= least - ROUNDING_S && seconds <= most + ROUNDING_S;
    let detail = match passes {
        true => format!("the clip is {seconds:.2} s long"),
        false if seconds < least => {
            format!("the clip is {seconds:.2} s long: {:.2} s too short", least - seconds)
        }
        false => format!("the clip is {seconds:.2} s long: {:.2} s too long", seconds - most),
    };
    Answer::held(passes, detail).figure(seconds, "s", format!("{least} to {most}"))
}

/// `clip.duration.best`: under 40 s.
pub(super) fn clip_duration_best(look: &Look<'_>) -> Answer {
    let best = look.policy.clip.duration_best_s;
    let seconds = look.facts.duration.seconds();
    let detail = match seconds < best {
        true => format!("the clip is {seconds:.2} s long"),
        false => format!("the clip is {seconds:.2} s long; clips under {best} s hold more viewers"),
    };
    Answer::held(seconds < best, detail).figure(seconds, "s", format!("below {best}"))
}
