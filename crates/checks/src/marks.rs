//! Overlays, text and logos on the picture: what is laid over it, what it says, and whose it is.

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, Result, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::{Adviser, LookFor};

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkEvidence {}

/// Collects it.
#[derive(Debug, Default)]
pub(crate) struct MarkCollector {}

impl MarkCollector {
    pub(crate) fn new(_: &LookFor) -> Self {
        Self::default()
    }

    pub(crate) fn picture(&mut self, _: &PictureView<'_>) {}

    pub(crate) fn finish(self, _: &dyn Adviser) -> Result<MarkEvidence> {
        Ok(MarkEvidence::default())
    }
}

impl MarkEvidence {
    /// The part inside `span`.
    pub(crate) fn within(&self, _: Span) -> Self {
        self.clone()
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(self, _: MediaDuration) -> Self {
        self
    }
}
