//! `compliance.*`: what the platform forbids.

use reprise_model::event::EventKind;
use reprise_model::span::merged;
use reprise_model::{MediaDuration, MediaTime, Span};

use super::{Answer, Look, longest, second, told};
use crate::codes::CodeKind;
use crate::marks::{Finding, Owners, judge};

/// `compliance.qr`: codes laid over the picture; those printed on things in the scene pass.
pub(super) fn compliance_qr(look: &Look<'_>) -> Answer {
    let codes = &look.facts.evidence.codes;
    if codes.searched == 0 {
        return Answer::unknown("the pictures were not searched for 2-D codes");
    }
    let of = |kind: CodeKind| codes.tracks.iter().filter(move |track| track.kind == kind);
    let spans =
        |kind: CodeKind| -> Vec<Span> { of(kind).map(|track| track.span).collect::<Vec<_>>() };
    let over = spans(CodeKind::LaidOver);
    let seconds: f64 = merged(over.clone()).iter().map(|span| span.seconds()).sum();
    if let (Some(longest), Some(track)) = (longest(&over), of(CodeKind::LaidOver).next()) {
        let detail = format!(
            "a code ({}) is laid over the picture for {}: {}",
            track.format,
            told(longest),
            track.reason
        );
        return Answer::held(false, detail)
            .figure(seconds, "seconds", "at most 0".to_owned())
            .at(&over, "a code laid over the picture");
    }
    let unsure = spans(CodeKind::Unsure);
    if let Some(longest) = longest(&unsure) {
        return Answer::unknown(format!(
            "a code is seen for {}; whether it is laid over or printed cannot be told, for it and the scene stand still",
            told(longest)
        ))
        .at(&unsure, "a code, laid over or printed");
    }
    let printed = spans(CodeKind::Printed);
    let detail = match longest(&printed) {
        Some(longest) => {
            format!("a code printed on something in the scene is seen for {}", told(longest))
        }
        None => format!("no code was found in {} pictures", codes.searched),
    };
    Answer::held(true, detail)
        .figure(seconds, "seconds", "at most 0".to_owned())
        .at(&printed, "a code printed on something in the scene")
}

/// `compliance.watermark`: names, links and listed logos that are not the LIVE's own.
pub(super) fn compliance_watermark(look: &Look<'_>) -> Answer {
    let marks = &look.facts.evidence.marks;
    if marks.searched == 0 {
        return Answer::unknown("the pictures were not searched for names, links and logos");
    }
    let owners = owners(look);
    let (mut foreign, mut open) = (Vec::new(), Vec::new());
    let (mut named, mut asked) = (None, None);
    for mark in &marks.marks {
        match judge(mark, marks, &owners) {
            Finding::Foreign(what) => {
                foreign.push(mark.span);
                named.get_or_insert(what);
            }
            Finding::UnknownName(name) => {
                open.push(mark.span);
                asked.get_or_insert(format!("the name \"{name}\""));
            }
            Finding::UnknownLogo => {
                open.push(mark.span);
                asked.get_or_insert("a mark without readable text".to_owned());
            }
            Finding::Own => {}
        }
    }
    let seconds: f64 = merged(foreign.clone()).iter().map(|span| span.seconds()).sum();
    if let (Some(what), Some(longest)) = (named, longest(&foreign)) {
        return Answer::held(false, format!("{what}: on the picture for {}", told(longest)))
            .figure(seconds, "seconds", "at most 0".to_owned())
            .at(&foreign, "a foreign name, link or logo");
    }
    if !marks.read && !marks.marks.is_empty() {
        let places: Vec<Span> = marks.marks.iter().map(|mark| mark.span).collect();
        let detail =
            "no reader of text is installed, and the picture has places that look like text";
        return Answer::unknown(detail).at(&places, "may be text");
    }
    if let (Some(what), Some(longest)) = (asked, longest(&open)) {
        let detail = format!(
            "{what} is in a corner of the picture for {}; nobody said whose it is (`brands` and `overlays` of the session do)",
            told(longest)
        );
        return Answer::unknown(detail).at(&open, "a mark of an unknown owner");
    }
    let detail = match marks.marks.len() {
        0 => "nothing that looks like a name, link or logo was found".to_owned(),
        count => format!("{count} overlays or texts were found, none of them foreign"),
    };
    Answer::held(true, detail).figure(seconds, "seconds", "at most 0".to_owned())
}

/// The names that belong to the LIVE.
pub(super) fn owners(look: &Look<'_>) -> Owners {
    let Some(session) = look.facts.session else { return Owners::default() };
    let products = session.products.iter();
    let named = products.flat_map(|p| p.brand.as_deref().into_iter().chain([p.title.as_str()]));
    Owners::new(session.brands.iter().map(String::as_str).chain(named), true)
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
