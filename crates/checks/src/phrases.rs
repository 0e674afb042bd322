//! What hosts say to sell, as phrases per language: calls to action, offers, urgency and the like.

use serde::{Deserialize, Serialize};

/// Phrases of every language that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrases {}
