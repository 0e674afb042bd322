//! Digests of inputs and the keys made of them.

use blake3::Hasher;
use reprise_model::{ByteSource, Error, Result};
use serde::Serialize;

/// Recordings up to here are read whole for their digest.
const WHOLE_MAX: u64 = 256 << 20;
/// Blocks read of a larger one: the first, the last and so many between, evenly spaced.
const BLOCKS: u64 = 256;
/// Bytes of a block.
const BLOCK: u64 = 256 << 10;

/// Digest of a recording. Above 256 MiB its length and 256 evenly spaced blocks of 256 KiB stand for
/// all of it: a recording that was made anew, cut or remuxed differs in them, and a 20 GB file need
/// not be read twice. The text names which it is.
pub fn of_source(source: &dyn ByteSource) -> Result<String> {
    let length = source.len();
    let mut hasher = Hasher::new();
    hasher.update(&length.to_le_bytes());
    if length <= WHOLE_MAX {
        read_into(source, &mut hasher, 0, length)?;
        return Ok(format!("blake3:{}", hasher.finalize().to_hex()));
    }
    for block in 0..BLOCKS {
        let at = (length - BLOCK) / (BLOCKS - 1) * block;
        read_into(source, &mut hasher, at, BLOCK)?;
    }
    Ok(format!("blake3-of-256-blocks:{}", hasher.finalize().to_hex()))
}

fn read_into(source: &dyn ByteSource, hasher: &mut Hasher, mut at: u64, length: u64) -> Result<()> {
    let mut buffer = vec![0u8; BLOCK as usize];
    let end = at + length;
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let count = source
            .read_at(at, &mut buffer[..want])
            .map_err(|error| Error::io(source.name(), error))?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(())
}

/// A key of 32 hexadecimal digits from what makes a result, in the order given.
pub struct Key(Hasher);

impl Key {
    /// For a stage of this version.
    pub fn new(stage: &str) -> Self {
        Self(Hasher::new()).text(crate::VERSION).text(stage)
    }

    /// Adds a text.
    pub fn text(mut self, text: &str) -> Self {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    /// Adds a value, as its JSON.
    pub fn value(self, value: &impl Serialize) -> Self {
        // A value that JSON cannot hold would be the same for all; our own types all can.
        let text = serde_json::to_string(value).unwrap_or_default();
        self.text(&text)
    }

    /// The key.
    pub fn finish(self) -> String {
        self.0.finalize().to_hex()[..32].to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use reprise_model::bytes::MemorySource;

    use super::*;

    #[test]
    fn one_changed_byte_changes_the_digest() {
        let a = MemorySource::new("a", vec![0u8; 1000]);
        let mut bytes = vec![0u8; 1000];
        bytes[500] = 1;
        let b = MemorySource::new("b", bytes);
        assert_ne!(of_source(&a).unwrap(), of_source(&b).unwrap());
    }

    #[test]
    fn keys_keep_their_parts_apart() {
        let key = |a: &str, b: &str| Key::new("s").text(a).text(b).finish();
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("a", "b").len(), 32);
    }
}
