//! Where bytes come from: the one thing that media is read through.

use std::io;

/// Random access to the bytes of one input. Implemented for files by `reprise-media`, for HTTP and
/// S3 by `reprise-store`; media libraries are handed these and never a name.
pub trait ByteSource: Send + Sync {
    /// Total length in bytes.
    fn len(&self) -> u64;

    /// Reads at `offset` into `buffer`; returns how many bytes were read, 0 only at or after the
    /// end (or for an empty buffer).
    ///
    /// # Errors
    /// What the medium says; a retry is the source's own business.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// What messages call it: a path or a URL without credentials.
    fn name(&self) -> &str;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: ByteSource + ?Sized> ByteSource for std::sync::Arc<T> {
    fn len(&self) -> u64 {
        (**self).len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }
    fn name(&self) -> &str {
        (**self).name()
    }
}

/// Bytes that are already in memory, with the name that messages use.
#[derive(Clone, Debug)]
pub struct MemorySource {
    name: String,
    bytes: std::sync::Arc<[u8]>,
}

impl MemorySource {
    /// Wraps `bytes`.
    pub fn new(name: impl Into<String>, bytes: impl Into<std::sync::Arc<[u8]>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

impl ByteSource for MemorySource {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - start);
        buffer[..count].copy_from_slice(&self.bytes[start..start + count]);
        Ok(count)
    }
    fn name(&self) -> &str {
        &self.name
    }
}
