//! A LIVE that is planned: what a remix can invite to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::session::Slug;
use crate::time::WallTime;

/// A planned LIVE, as the seller entered it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Reprise plan")]
pub struct Plan {
    /// Its name: letters, digits, `.`, `_`, `-`.
    pub id: Slug,
    /// Its title for people.
    pub title: String,
    /// When it begins.
    pub starts_at: WallTime,
    /// IANA time zone that its hour is said in, such as `Asia/Jakarta`. Default UTC.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Products that it will feature; empty where that is not known yet.
    #[serde(default)]
    pub product_ids: Vec<String>,
}

fn utc() -> String {
    "UTC".to_owned()
}
