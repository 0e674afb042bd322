//! Stand-in until HLS is merged.
use std::sync::Arc;

use reprise_model::{ByteSource, Result};

pub fn is_playlist(_: &Arc<dyn ByteSource>) -> Result<bool> {
    Ok(false)
}
