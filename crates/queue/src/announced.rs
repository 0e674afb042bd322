//! What a queue tells the world: announcements, kept in order for a week, each id of a tenant and kind once.

use std::time::Duration;

use reprise_model::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::{check_length, check_name, shortened};

/// Longest body of an announcement, bytes of its JSON: so that it fits into the body of a job.
pub const ANNOUNCED_MAX: usize = 384 * 1024;
/// How long announcements are kept, and their ids known: a consumer may be away for so long.
pub const ANNOUNCED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// Longest id of an announcement, bytes.
const ID_MAX: usize = 256;

/// Something that happened, for whoever listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announced {
    /// What tells it from others of its tenant and kind: 1 to 256 bytes without control characters.
    /// The same id again is the same event.
    pub id: String,
    /// Whom it concerns: 1 to 64 letters, digits, `.`, `_`, `-`.
    pub tenant: String,
    /// What happened: as a tenant.
    pub kind: String,
    /// What is to be known of it, at most [`ANNOUNCED_MAX`].
    pub body: Value,
}

impl Announced {
    pub(crate) fn check(&self) -> Result<()> {
        check_name("tenant", &self.tenant)?;
        check_name("kind", &self.kind)?;
        check_id(&self.id)?;
        check_length("an event's body", &self.body, ANNOUNCED_MAX)
    }
}

pub(crate) fn check_id(id: &str) -> Result<()> {
    if (1..=ID_MAX).contains(&id.len()) && !id.contains(char::is_control) {
        return Ok(());
    }
    let message = format!(
        "an event's id has 1 to {ID_MAX} bytes and no control characters: {:?}",
        shortened(id, 80)
    );
    Err(Error::new(Kind::Usage, message))
}
