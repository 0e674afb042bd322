//! `[picture]`: thresholds of how the picture looks.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths};

/// Thresholds of how the picture looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PicturePolicy {
    /// Sharpness below which a picture is soft. Default 1.
    pub sharp_min: f64,
}

impl Default for PicturePolicy {
    fn default() -> Self {
        Self { sharp_min: 1.0 }
    }
}

impl PicturePolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        lengths(&[("picture.sharp_min", self.sharp_min)])
    }
}
