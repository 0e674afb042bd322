//! `[picture]`: thresholds of how the picture looks.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths, shares};

/// Thresholds of how the picture looks; all of them make advice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PicturePolicy {
    /// Width of the edges in the sharpest parts, pixels of a picture with a short side of 720.
    /// Default 5; cameras in focus make 1.5 to 4, a blur of 2 pixels (standard deviation) 5 to 6.
    pub edge_width_max_px: f64,
    /// Share of the picture that may be burnt to white, 0 to 1. Default 0.25; white walls pass.
    pub burnt_share_max: f64,
    /// Share of the picture that may be crushed to black, 0 to 1. Default 0.5; dark rooms pass.
    pub crushed_share_max: f64,
    /// Steps at the borders of coding blocks against steps elsewhere. Default 1.5; 1 is none.
    pub blocking_max: f64,
    /// Shaking (root mean square over a second) that counts, percent of the short side. Default
    /// 0.5: 3.6 pixels of 720. Hands hold steadier than that.
    pub shake_max_percent: f64,
    /// Share of the time that may shake, 0 to 1. Default 0.2.
    pub shake_share_max: f64,
}

impl Default for PicturePolicy {
    fn default() -> Self {
        Self {
            edge_width_max_px: 5.0,
            burnt_share_max: 0.25,
            crushed_share_max: 0.5,
            blocking_max: 1.5,
            shake_max_percent: 0.5,
            shake_share_max: 0.2,
        }
    }
}

impl PicturePolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        shares(&[
            ("picture.burnt_share_max", self.burnt_share_max),
            ("picture.crushed_share_max", self.crushed_share_max),
            ("picture.shake_share_max", self.shake_share_max),
        ])?;
        lengths(&[
            ("picture.edge_width_max_px", self.edge_width_max_px),
            ("picture.blocking_max", self.blocking_max),
            ("picture.shake_max_percent", self.shake_max_percent),
        ])
    }
}
