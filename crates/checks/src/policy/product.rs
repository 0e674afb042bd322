//! `[product]`: thresholds of products in the picture.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths, shares, within};

/// Thresholds of products in the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductPolicy {
    /// Seen by then, seconds from the start. Default 1.
    pub first_seen_max_s: f64,
    /// Seen whole by then, seconds from the start. Default 5.
    pub whole_max_s: f64,
    /// Share of it that must show to count as whole, 0 to 1. Default 0.6: fingers may hide a
    /// quarter, and glare and the sides of a real package cost about as much again.
    pub visible_share_min: f64,
    /// Between its face and the camera to count as from the front, degrees. Default 45: beyond, a
    /// box shows more of its side than of its front.
    pub front_max_degrees: f64,
    /// Share of the time in view that it must be from the front, 0 to 1. Default 0.25: hosts turn
    /// things round.
    pub front_share_min: f64,
    /// Shown so long, a product counts as shown, seconds. Default 1.
    pub shown_min_s: f64,
    /// Moved or turned so long, a product is demonstrated, seconds. Default 2.
    pub handled_min_s: f64,
}

impl Default for ProductPolicy {
    fn default() -> Self {
        Self {
            first_seen_max_s: 1.0,
            whole_max_s: 5.0,
            visible_share_min: 0.6,
            front_max_degrees: 45.0,
            front_share_min: 0.25,
            shown_min_s: 1.0,
            handled_min_s: 2.0,
        }
    }
}

impl ProductPolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        lengths(&[
            ("product.first_seen_max_s", self.first_seen_max_s),
            ("product.whole_max_s", self.whole_max_s),
            ("product.shown_min_s", self.shown_min_s),
            ("product.handled_min_s", self.handled_min_s),
        ])?;
        shares(&[
            ("product.visible_share_min", self.visible_share_min),
            ("product.front_share_min", self.front_share_min),
        ])?;
        within(
            &[("product.front_max_degrees", self.front_max_degrees)],
            0.0..=90.0,
            "must be between 0 and 90",
        )
    }
}
