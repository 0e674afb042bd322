//! `live.*`: whether the clip comes from a real LIVE.

use reprise_model::event::{Edge, EventKind};
use reprise_model::{MediaTime, Span};

use super::{Answer, Look, told};
use crate::check::SessionFacts;
use crate::stills::stills;

/// `live.genuine`: the clip says which recording and which seconds it is from, none of them in
/// practice mode, and it is no still picture or slideshow.
pub(super) fn live_genuine(look: &Look<'_>) -> Answer {
    let facts = look.facts;
    let share_max = look.policy.live.still_share_max;
    let pictures = &facts.evidence.pictures;
    // A slideshow stands for seconds and changes at once; a host who sits still does not freeze.
    let frozen = stills(pictures, 1.0);
    let length = facts.evidence.span().seconds();
    let still_share = frozen.iter().map(|span| span.seconds()).sum::<f64>() / length.max(1e-9);
    let threshold = format!("at most {share_max} still");
    if !pictures.samples.is_empty() && still_share > share_max {
        let kind = if frozen.len() == 1 { "a still picture" } else { "a slideshow" };
        let detail = format!(
            "the picture stands still for {:.0} % of the clip: {kind}",
            still_share * 100.0
        );
        return Answer::held(false, detail)
            .figure(still_share, "share", threshold)
            .at(&frozen, "still");
    }
    if let Some(session) = &facts.session
        && let Some(clip_span) = session.clip_span
        && let Some(rehearsal) = rehearsal(session, clip_span)
    {
        let inside = rehearsal.intersect(clip_span);
        let from_clip = |time: MediaTime| MediaTime::ZERO + (time - clip_span.start);
        let place = Span::new(from_clip(inside.start), from_clip(inside.end));
        return Answer::held(
            false,
            format!("practice mode was on for {} of the clip", told(place)),
        )
        .at(&[place], "practice mode");
    }
    let Some(source) = facts.source else {
        return Answer::unknown("no recording was given: where the clip comes from is not known");
    };
    if source.digest.is_empty() {
        return Answer::unknown(format!("no digest of the recording `{}` was given", source.name));
    }
    if source.span.is_empty() {
        return Answer::unknown(format!("no stretch of the recording `{}` was given", source.name));
    }
    let detail = format!(
        "cut from `{}` ({}), {:.2} s to {:.2} s",
        source.name,
        source.digest,
        source.span.start.seconds(),
        source.span.end.seconds()
    );
    Answer::held(true, detail).figure(still_share, "share", threshold)
}

/// The first stretch of practice mode that the clip touches.
fn rehearsal(session: &SessionFacts<'_>, clip_span: Span) -> Option<Span> {
    let mut edges: Vec<(MediaTime, Edge)> = session
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Rehearsal { state } => {
                Some((MediaTime::ZERO + event.at.since(session.zero), state))
            }
            _ => None,
        })
        .collect();
    edges.sort_by_key(|&(time, _)| time);
    // A log that begins with an end was in practice mode from the start.
    let mut since = match edges.first() {
        Some((_, Edge::End)) => Some(MediaTime::from_flicks(i64::MIN / 4)),
        _ => None,
    };
    for (time, edge) in edges {
        match edge {
            Edge::Start => since = since.or(Some(time)),
            Edge::End => {
                if let Some(start) = since.take()
                    && Span::new(start, time).overlaps(clip_span)
                {
                    return Some(Span::new(start, time));
                }
            }
        }
    }
    let open = since.map(|start| Span::new(start, MediaTime::from_flicks(i64::MAX / 4)));
    open.filter(|span| span.overlaps(clip_span))
}
