//! Faces in view and hands at work.

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::LookFor;

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleEvidence {}

/// Collects it.
#[derive(Debug, Default)]
pub(crate) struct PeopleCollector {}

impl PeopleCollector {
    pub(crate) fn new(_: &LookFor) -> Self {
        Self::default()
    }

    pub(crate) fn picture(&mut self, _: &PictureView<'_>) {}

    pub(crate) fn finish(self) -> PeopleEvidence {
        PeopleEvidence::default()
    }
}

impl PeopleEvidence {
    /// The part inside `span`.
    pub(crate) fn within(&self, _: Span) -> Self {
        self.clone()
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(self, _: MediaDuration) -> Self {
        self
    }
}
