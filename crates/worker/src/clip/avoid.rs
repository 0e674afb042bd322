//! What no clip may hold: faults of the recording, what the platform flagged, practice mode.

use reprise_model::event::{Edge, EventKind};
use reprise_model::outcome::{Fault, FaultKind};
use reprise_model::{MediaDuration, MediaTime, RuleId, Span};
use reprise_transcode::Avoid;

use super::ClipContext;

impl ClipContext<'_> {
    /// What no clip may hold, on the time line: faults that the files show and what the log flags.
    pub(super) fn avoid(&self) -> Vec<Avoid> {
        let mut avoid: Vec<Avoid> = self.recordings.faults.iter().filter_map(avoid_fault).collect();
        let timeline = &self.recordings.timeline;
        let margin =
            MediaDuration::from_seconds(self.options.policy.compliance.violation_margin_s + 0.1);
        let mut rehearsal = None;
        for event in &self.session.log.kept {
            let at = timeline.media_time(event.at);
            match &event.kind {
                EventKind::Violation { rule } => avoid.push(Avoid {
                    span: Span::new(at, at).widened(margin),
                    rule: RuleId::ComplianceViolation,
                    detail: format!(
                        "the platform flagged {at} ({})",
                        rule.as_deref().unwrap_or("no rule named")
                    ),
                }),
                EventKind::Rehearsal { state } => match state {
                    reprise_model::event::Edge::Start => rehearsal = rehearsal.or(Some(at)),
                    reprise_model::event::Edge::End => {
                        let start = rehearsal.take().unwrap_or_default();
                        avoid.push(avoid_rehearsal(Span::new(start, at)));
                    }
                },
                _ => {}
            }
        }
        if let Some(start) = rehearsal {
            let end = timeline.media_time(timeline.zero) + timeline.duration;
            avoid.push(avoid_rehearsal(Span::new(start, end)));
        }
        avoid
    }

    /// When offers ended, on the time line: flash sales and giveaways.
    pub(super) fn offers_end(&self) -> Vec<MediaTime> {
        let ended = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::FlashSale { state: Edge::End, .. }
                    | EventKind::Giveaway { state: Edge::End, .. }
            )
        };
        let timeline = &self.recordings.timeline;
        let events = self.session.log.kept.iter().filter(|event| ended(&event.kind));
        events.map(|event| timeline.media_time(event.at)).collect()
    }
}

fn avoid_fault(fault: &Fault) -> Option<Avoid> {
    let rule = match fault.kind {
        FaultKind::Gap
        | FaultKind::PictureGap
        | FaultKind::ClockJump
        | FaultKind::Corrupt
        | FaultKind::Lag => RuleId::VideoLag,
        FaultKind::SoundGap | FaultKind::Muted => RuleId::AudioDropout,
        FaultKind::Freeze => RuleId::VideoFreeze,
        FaultKind::Black => RuleId::VideoBlack,
        FaultKind::Overlap => return None,
    };
    Some(Avoid { span: fault.span, rule, detail: fault.detail.clone() })
}

fn avoid_rehearsal(span: Span) -> Avoid {
    Avoid {
        span,
        rule: RuleId::LiveGenuine,
        detail: format!("practice mode from {} to {}", span.start, span.end),
    }
}
