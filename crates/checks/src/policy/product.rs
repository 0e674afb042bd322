//! `[product]`: thresholds of products in the picture.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths};

/// Thresholds of products in the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductPolicy {
    /// Seen by then, seconds from the start. Default 1.
    pub first_seen_max_s: f64,
}

impl Default for ProductPolicy {
    fn default() -> Self {
        Self { first_seen_max_s: 1.0 }
    }
}

impl ProductPolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        lengths(&[("product.first_seen_max_s", self.first_seen_max_s)])
    }
}
