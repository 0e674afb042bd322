//! `compliance.*`: what the platform forbids.

use reprise_model::event::EventKind;
use reprise_model::{MediaDuration, MediaTime, Span};

use super::{Answer, Look, second};

/// `compliance.qr`: codes laid over the picture. Seam: a search for codes on sampled pictures.
pub(super) fn compliance_qr(_: &Look<'_>) -> Answer {
    Answer::unknown("the search for 2-D codes is not part of this version")
}

/// `compliance.watermark`: foreign marks. Seam: text recognition and listed logos.
pub(super) fn compliance_watermark(_: &Look<'_>) -> Answer {
    Answer::unknown("the search for foreign names, links and logos is not part of this version")
}

/// `compliance.violation`: violation events inside the clip, widened by the policy's margin.
pub(super) fn compliance_violation(look: &Look<'_>) -> Answer {
    let Some(session) = look.facts.session else {
        return Answer::unknown(
            "no session was given: its event log says what the platform flagged",
        );
    };
    if !session.has_log {
        return Answer::unknown("the session has no event log: it says what the platform flagged");
    }
    let Some(clip_span) = session.clip_span else {
        return Answer::unknown("where in the LIVE the clip lies is not known");
    };
    let margin_s = look.policy.compliance.violation_margin_s;
    let wide = clip_span.widened(MediaDuration::from_seconds(margin_s));
    let mut found: Vec<(MediaTime, Option<&str>)> = Vec::new();
    for event in session.events {
        let EventKind::Violation { rule } = &event.kind else { continue };
        let time = MediaTime::ZERO + event.at.since(session.zero);
        if wide.start <= time && time <= wide.end {
            found.push((time, rule.as_deref()));
        }
    }
    let Some(&(time, rule)) = found.first() else {
        return Answer::held(
            true,
            format!("the platform flagged nothing within {margin_s} s of the clip"),
        )
        .figure(0.0, "violations", "at most 0".to_owned());
    };
    let named = rule.map_or_else(String::new, |rule| format!(" ({rule})"));
    let clip_end = MediaTime::ZERO + look.facts.duration;
    let places: Vec<Span> = found
        .iter()
        .map(|(time, _)| {
            let inside = MediaTime::ZERO + (*time - clip_span.start);
            let inside = inside.clamp(MediaTime::ZERO, clip_end.max(MediaTime::ZERO));
            Span::new(inside, inside)
        })
        .collect();
    Answer::held(
        false,
        format!("the platform flagged the LIVE{named} at {} of the recording", second(time)),
    )
    .figure(found.len() as f64, "violations", "at most 0".to_owned())
    .at(&places, "flagged by the platform")
}
