//! The key of a clip: everything that goes into its pictures, its sound and its verdicts.

use reprise_model::event::{Event, EventKind};
use reprise_model::moment::Moment;
use reprise_model::session::Product;
use reprise_model::{MediaDuration, Span};
use reprise_transcode::{Avoid, Verify, Wanted};

use super::{ClipContext, STAGE};
use crate::digest::Key;

/// Events so near to a moment may count for its clip, seconds: the window's reach and the clip's length.
const EVENTS_AROUND_S: f64 = 90.0;

/// What is said and what happens there is held against each other.
fn around(moment: &Moment) -> Span {
    moment.span.widened(MediaDuration::from_seconds(EVENTS_AROUND_S))
}

impl ClipContext<'_> {
    /// The events of the log that a verdict of this moment's clip may depend on.
    pub(super) fn events_that_count(&self, moment: &Moment) -> impl Iterator<Item = &Event> {
        let (around, timeline) = (around(moment), &self.recordings.timeline);
        self.session.log.kept.iter().filter(move |event| {
            matches!(event.kind, EventKind::Violation { .. } | EventKind::Rehearsal { .. })
                || around.contains(timeline.media_time(event.at))
        })
    }

    pub(super) fn key(
        &self,
        moment: &Moment,
        products: &[&Product],
        avoid: &[Avoid],
        wanted: &Wanted,
    ) -> String {
        let manifest = &self.session.loaded.manifest;
        let file = self.recordings.locate(moment.span).map(|(index, _)| index);
        let (recording, offset) = file.map_or((String::new(), MediaDuration::ZERO), |index| {
            (self.recordings.files[index].digest.clone(), self.recordings.offset(index))
        });
        let events: Vec<&Event> = self.events_that_count(moment).collect();
        let around = around(moment);
        let inside = Span::new(around.start - offset, around.end - offset);
        let said = file.map(|index| {
            let transcript = self.recordings.files[index].transcript.as_ref();
            transcript.map(|transcript| transcript.within(inside))
        });
        // What one costs the seller is nothing that a clip shows or says.
        let without_cost = |product: &Product| Product { unit_cost: None, ..product.clone() };
        let judged: Vec<Product> = self.session.loaded.products.iter().map(without_cost).collect();
        let listed: Vec<&str> = products.iter().map(|product| product.id.as_str()).collect();
        let shown: Vec<(bool, bool)> = listed
            .iter()
            .map(|id| (self.featured(true).contains(id), self.featured(false).contains(id)))
            .collect();
        Key::new(STAGE)
            .text(&recording)
            .value(&offset)
            .value(&moment.span)
            .value(&avoid)
            .value(&self.options.policy)
            .text(&self.options.profile.text)
            .value(&(self.options.verify == Verify::Full))
            .value(&self.options.trim)
            .text(manifest.id.as_str())
            .value(&self.recordings.timeline.zero)
            .value(&manifest.all_languages())
            .value(&manifest.brands)
            .value(&events)
            .value(wanted)
            .value(&said)
            .value(&judged)
            .text(&self.session.materials)
            .text(&self.options.advice.digest)
            .text(&format!("{:?}", self.options.phrases))
            .value(&listed)
            .value(&shown)
            .value(&!self.session.has_log())
            .value(&self.session.loaded.products.is_empty())
            .finish()
    }
}
