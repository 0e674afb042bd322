//! Looks into a source in blocks, so that looks near each other cost one read.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use reprise_model::{ByteSource, Error, Result};

/// Bytes of a block of [`Blocks`]: a few looks into a table.
const BLOCK: usize = 16 << 10;
/// Blocks that are kept; looks are few.
const MAX_BLOCKS: usize = 256;

/// A source whose small reads are made in blocks that are kept, for as long as one question takes.
pub(crate) struct Blocks<'a> {
    source: &'a dyn ByteSource,
    held: Mutex<BTreeMap<u64, Arc<[u8]>>>,
}

impl<'a> Blocks<'a> {
    /// Nothing is held yet.
    pub fn new(source: &'a dyn ByteSource) -> Self {
        Self { source, held: Mutex::new(BTreeMap::new()) }
    }

    fn block(&self, index: u64) -> io::Result<Arc<[u8]>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = held.get(&index) {
            return Ok(Arc::clone(block));
        }
        if held.len() >= MAX_BLOCKS {
            held.clear();
        }
        let block: Arc<[u8]> = fill(self.source, index.saturating_mul(BLOCK as u64), BLOCK)?.into();
        held.insert(index, Arc::clone(&block));
        Ok(block)
    }
}

impl ByteSource for Blocks<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.len() > 4 * BLOCK {
            return self.source.read_at(offset, buffer);
        }
        let block = self.block(offset / BLOCK as u64)?;
        let skip = (offset % BLOCK as u64) as usize;
        let part = block.get(skip..).unwrap_or_default();
        let count = part.len().min(buffer.len());
        buffer[..count].copy_from_slice(&part[..count]);
        Ok(count)
    }
    fn name(&self) -> &str {
        self.source.name()
    }
}

/// Reads a source in blocks and keeps the last one.
pub(crate) struct Peek<'a> {
    source: &'a dyn ByteSource,
    block: Vec<u8>,
    start: u64,
    size: usize,
}

impl<'a> Peek<'a> {
    /// Reads at least `size` bytes at a time.
    pub fn new(source: &'a dyn ByteSource, size: usize) -> Self {
        Self { source, block: Vec::new(), start: 0, size }
    }

    /// The source's length.
    pub fn len(&self) -> u64 {
        self.source.len()
    }

    /// `count` bytes at `at`; fewer where the source ends before.
    ///
    /// # Errors
    /// `Io` where the source fails.
    pub fn bytes(&mut self, at: u64, count: usize) -> Result<&[u8]> {
        let left = usize::try_from(self.source.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let count = count.min(left);
        let held = at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let held =
            held.filter(|&skip| skip.checked_add(count).is_some_and(|end| end <= self.block.len()));
        let skip = match held {
            Some(skip) => skip,
            None => {
                self.block = read_up_to(self.source, at, count.max(self.size.min(left)))?;
                self.start = at;
                0
            }
        };
        let end = skip.saturating_add(count).min(self.block.len());
        Ok(self.block.get(skip..end).unwrap_or_default())
    }
}

/// Reads `count` bytes at `at`; fewer where the source ends before.
///
/// # Errors
/// `Io` where the source fails.
pub(crate) fn read_up_to(source: &dyn ByteSource, at: u64, count: usize) -> Result<Vec<u8>> {
    fill(source, at, count).map_err(|error| Error::io(source.name(), error))
}

fn fill(source: &dyn ByteSource, at: u64, count: usize) -> io::Result<Vec<u8>> {
    let left = usize::try_from(source.len().saturating_sub(at)).unwrap_or(usize::MAX);
    let mut buffer = vec![0; count.min(left)];
    let mut filled = 0;
    while filled < buffer.len() {
        let read = source.read_at(at.saturating_add(filled as u64), &mut buffer[filled..])?;
        if read == 0 {
            break;
        }
        filled += read.min(buffer.len() - filled);
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// A big-endian number of up to eight bytes at `at`; `None` beyond the end.
pub(crate) fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(width)?)?;
    Some(part.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

/// Four bytes at `at` as a number.
pub(crate) fn four(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at, 4).map(|value| value as u32)
}
