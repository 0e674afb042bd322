//! The manifest of a run: what it was made from and everything that it made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `.runs/<run>.json`. What it does not name is swept from the session's folder once
/// `session.json` points to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunManifest {
    /// Key of the inputs: letters, digits, `.`, `_`, `-`.
    pub run: String,
    /// Version of Reprise that made it.
    pub version: String,
    /// Digests of the inputs by their names.
    pub inputs: BTreeMap<String, String>,
    /// Clips in `clips/`, in the moments' order.
    pub clips: Vec<String>,
    /// Clips in `rejected/`.
    pub rejected: Vec<String>,
    /// Stage objects to keep, each as `<stage>/<key>`.
    pub stages: Vec<String>,
    /// Moments whose windows were given up for no fault of the input: the same inputs again are worth
    /// a try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<String>,
}
