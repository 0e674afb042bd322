//! `[visual]`: thresholds of what is laid over the picture and of what the host does.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths};

/// Thresholds of what is laid over the picture and of what the host does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VisualPolicy {
    /// An overlay counts when it is there for so long, seconds. Default 1.
    pub overlay_min_s: f64,
}

impl Default for VisualPolicy {
    fn default() -> Self {
        Self { overlay_min_s: 1.0 }
    }
}

impl VisualPolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        lengths(&[("visual.overlay_min_s", self.overlay_min_s)])
    }
}
