//! `[compliance]`: thresholds of the platform's rules.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths};

/// Thresholds of the platform's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompliancePolicy {
    /// A violation so near to the clip counts as inside, seconds. Default 5: flags come late.
    pub violation_margin_s: f64,
}

impl Default for CompliancePolicy {
    fn default() -> Self {
        Self { violation_margin_s: 5.0 }
    }
}

impl CompliancePolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        lengths(&[("compliance.violation_margin_s", self.violation_margin_s)])
    }
}
