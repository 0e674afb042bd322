//! `video.*`: resolution, freezes, lag and black screens.

use reprise_model::{Outcome, Span};

use super::{Answer, Look, longest, told};
use crate::stills::stills;

/// `video.resolution`: the short side of clip and recording; a recording smaller than the clip
/// means that the picture was blown up.
pub(super) fn video_resolution(look: &Look<'_>) -> Answer {
    let facts = look.facts;
    let limit = look.policy.video.short_side_min_px;
    let clip = facts.width.min(facts.height);
    let threshold = format!("at least {limit}");
    let (width, height) = (facts.width, facts.height);
    let answer = match facts.source {
        Some(source) => {
            let recording = source.width.min(source.height);
            let sizes = format!(
                "the clip is {width}x{height}, the recording {}x{}",
                source.width, source.height
            );
            let smaller = clip.min(recording);
            if recording < clip {
                let outcome = if smaller >= limit { Outcome::Pass } else { Outcome::Fail };
                Answer::new(outcome, format!("{sizes}: the picture was blown up"))
            } else {
                Answer::held(smaller >= limit, sizes)
            }
            .figure(f64::from(smaller), "px", threshold)
        }
        None => Answer::held(
            clip >= limit,
            format!("the clip is {width}x{height}; its recording was not given, so a picture that was blown up is not told"),
        )
        .figure(f64::from(clip), "px", threshold),
    };
    if clip == 0 { Answer::unknown("the clip has no pictures") } else { answer }
}

/// `video.freeze`: the longest run in which the picture stands still.
pub(super) fn video_freeze(look: &Look<'_>) -> Answer {
    if look.facts.evidence.pictures.samples.is_empty() {
        return Answer::unknown("the clip has no pictures");
    }
    let limit = look.policy.video.freeze_max_s;
    let runs = stills(&look.facts.evidence.pictures, 0.0);
    let freezes: Vec<Span> = runs.iter().copied().filter(|r| r.seconds() + 1e-6 >= limit).collect();
    let detail = match longest(&runs) {
        Some(run) if freezes.is_empty() => {
            format!("the picture stands still for at most {}", told(run))
        }
        Some(run) => format!("the picture stands still for {}", told(run)),
        None => "the picture never stands still".to_owned(),
    };
    let measured = longest(&runs).map_or(0.0, Span::seconds);
    Answer::held(freezes.is_empty(), detail)
        .figure(measured, "s", format!("below {limit}"))
        .at(&freezes, "frozen")
}

/// `video.lag`: breaks in the picture cadence, and the share of late or missing pictures.
pub(super) fn video_lag(look: &Look<'_>) -> Answer {
    if look.facts.evidence.pictures.samples.len() < 2 {
        return Answer::unknown("the clip has fewer than two pictures");
    }
    let cadence = &look.cadence;
    let (break_max, share_max) =
        (look.policy.video.lag_break_max_s, look.policy.video.lag_share_max);
    let percent = cadence.share * 100.0;
    let gap = cadence.longest.map_or(0.0, Span::seconds);
    let dense = cadence.share > share_max;
    let detail = match cadence.longest {
        None => "pictures come regularly".to_owned(),
        Some(span) => format!(
            "the longest time without a new picture is {}; {percent:.1} % of pictures are late or missing",
            told(span)
        ),
    };
    let passes = cadence.breaks.is_empty() && !dense;
    let answer = if dense && cadence.breaks.is_empty() {
        Answer::held(passes, detail).figure(percent, "%", format!("at most {}", share_max * 100.0))
    } else {
        Answer::held(passes, detail).figure(gap, "s", format!("below {break_max}"))
    };
    let places = if dense { &cadence.late } else { &cadence.breaks };
    answer.at(places, "no new picture")
}

/// `video.black`: the longest black run.
pub(super) fn video_black(look: &Look<'_>) -> Answer {
    if look.facts.evidence.pictures.samples.is_empty() {
        return Answer::unknown("the clip has no pictures");
    }
    let limit = look.policy.video.black_max_s;
    let blacks = look.facts.evidence.blacks(look.policy);
    let measured = longest(&blacks).map_or(0.0, Span::seconds);
    let detail = match longest(&blacks) {
        Some(run) => format!("the picture is black for {}", told(run)),
        None => format!("no stretch of {limit} s is black"),
    };
    Answer::held(blacks.is_empty(), detail)
        .figure(measured, "s", format!("below {limit}"))
        .at(&blacks, "black")
}
