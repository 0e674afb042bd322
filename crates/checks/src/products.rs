//! Where the products of the session are in the picture.

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::LookFor;

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductEvidence {}

/// Collects it.
#[derive(Debug, Default)]
pub(crate) struct ProductCollector {}

impl ProductCollector {
    pub(crate) fn new(_: &LookFor) -> Self {
        Self::default()
    }

    pub(crate) fn picture(&mut self, _: &PictureView<'_>) {}

    pub(crate) fn finish(self) -> ProductEvidence {
        ProductEvidence::default()
    }
}

impl ProductEvidence {
    /// The part inside `span`.
    pub(crate) fn within(&self, _: Span) -> Self {
        self.clone()
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(self, _: MediaDuration) -> Self {
        self
    }
}

/// The product that is shown most; `None` where none is found or none was searched for.
pub fn shown_product(_: &crate::evidence::Evidence) -> Option<String> {
    None
}
