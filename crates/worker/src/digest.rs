//! Digests of inputs and the keys made of them.

use blake3::Hasher;
use reprise_model::{ByteSource, Error, Result};
use serde::Serialize;

/// Recordings up to here are read whole for their digest.
const WHOLE_MAX: u64 = 4 << 20;
/// Blocks read of a larger one: the first, the last and so many between, evenly spaced.
const BLOCKS: u64 = 64;
/// Bytes of a block.
const BLOCK: u64 = 16 << 10;

/// Digest of a recording, of which little is read. A server's strong version and the length stand for
/// the bytes where there is one; else up to 4 MiB are read whole, and of more the length and 64
/// evenly spaced blocks of 16 KiB: a recording that was made anew, cut or remuxed differs in them. The
/// text names which it is.
pub fn of_source(source: &dyn ByteSource) -> Result<String> {
    let length = source.len();
    let mut hasher = Hasher::new();
    hasher.update(&length.to_le_bytes());
    if let Some(version) = source.version() {
        hasher.update(version.as_bytes());
        return Ok(format!("blake3-of-version:{}", hasher.finalize().to_hex()));
    }
    if length <= WHOLE_MAX {
        source.will_read(0..length);
        read_into(source, &mut hasher, 0, length)?;
        return Ok(format!("blake3:{}", hasher.finalize().to_hex()));
    }
    for block in 0..BLOCKS {
        let at = (length - BLOCK) / (BLOCKS - 1) * block;
        // The rounding of the step must not leave out the end.
        let at = if block == BLOCKS - 1 { length - BLOCK } else { at };
        source.will_read(at..at + BLOCK);
        read_into(source, &mut hasher, at, BLOCK)?;
    }
    Ok(format!("blake3-of-64-blocks:{}", hasher.finalize().to_hex()))
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
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

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

    /// Counts what is read; with a version where one is given.
    struct Watched {
        bytes: MemorySource,
        version: Option<&'static str>,
        read: AtomicU64,
    }

    impl ByteSource for Watched {
        fn len(&self) -> u64 {
            self.bytes.len()
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.bytes.read_at(offset, buffer)?;
            self.read.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }
        fn name(&self) -> &str {
            self.bytes.name()
        }
        fn version(&self) -> Option<String> {
            self.version.map(str::to_owned)
        }
    }

    fn digest(bytes: Vec<u8>, version: Option<&'static str>) -> (String, u64) {
        let bytes = MemorySource::new("a", bytes);
        let source = Watched { bytes, version, read: AtomicU64::new(0) };
        (of_source(&source).unwrap(), source.read.into_inner())
    }

    #[test]
    fn little_is_read_and_the_text_says_what() {
        let large = 20 << 20;
        let (whole, read) = digest(vec![0; 1000], None);
        assert!(whole.starts_with("blake3:") && read == 1000, "{whole} {read}");
        let (blocks, read) = digest(vec![0; large], None);
        assert!(blocks.starts_with("blake3-of-64-blocks:") && read == 1 << 20, "{blocks} {read}");
        let (version, read) = digest(vec![0; large], Some("https://h/a \"1\""));
        assert!(version.starts_with("blake3-of-version:") && read == 0, "{version} {read}");
        assert_ne!(digest(vec![0; large], Some("https://h/a \"2\"")).0, version);
        assert_ne!(digest(vec![0; large + 1], Some("https://h/a \"1\"")).0, version);
        // The length, the first byte and the last all count.
        assert_ne!(digest(vec![0; large + 1], None).0, blocks);
        for at in [0, large - 1] {
            let mut bytes = vec![0; large];
            bytes[at] = 1;
            assert_ne!(digest(bytes, None).0, blocks, "{at}");
        }
    }

    #[test]
    fn keys_keep_their_parts_apart() {
        let key = |a: &str, b: &str| Key::new("s").text(a).text(b).finish();
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("a", "b").len(), 32);
    }
}
