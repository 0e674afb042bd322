//! A source that reads every byte once: what a window's job goes through several times is fetched
//! the first time and kept until the job ends.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reprise_model::ByteSource;

/// Bytes kept at most: a minute at 25 Mbit/s. What goes beyond is read again.
const KEPT_MAX: usize = 192 << 20;

/// A source whose bytes are kept as they are read.
pub struct Remembered {
    source: Arc<dyn ByteSource>,
    /// Stretches by their first byte; none touches another.
    kept: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// Neighbours that were opened.
    neighbours: Mutex<BTreeMap<String, Arc<dyn ByteSource>>>,
    /// Bytes kept, neighbours' too.
    total: Arc<AtomicUsize>,
}

impl Remembered {
    /// One around `source`, for as long as one job lasts.
    pub fn around(source: Arc<dyn ByteSource>) -> Arc<dyn ByteSource> {
        Self::sharing(source, Arc::default())
    }

    fn sharing(source: Arc<dyn ByteSource>, total: Arc<AtomicUsize>) -> Arc<dyn ByteSource> {
        Arc::new(Self { source, kept: Mutex::default(), neighbours: Mutex::default(), total })
    }

    /// Copies what is kept at `offset`; else how many bytes may be read before the next that is.
    fn recall(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, usize> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((start, bytes)) = kept.range(..=offset).next_back() {
            let within = usize::try_from(offset - start).unwrap_or(usize::MAX);
            if let Some(rest) = bytes.get(within..).filter(|rest| !rest.is_empty()) {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                return Ok(count);
            }
        }
        let next = kept.range(offset.saturating_add(1)..).next();
        let free = next.map_or(u64::MAX, |(start, _)| start - offset);
        Err(usize::try_from(free).unwrap_or(usize::MAX).min(buffer.len()))
    }

    fn keep(&self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty()
            || self.total.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() > KEPT_MAX
        {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((start, before)) = kept.range_mut(..=offset).next_back() {
            let end = start.saturating_add(before.len() as u64);
            if end == offset {
                before.extend_from_slice(bytes);
                return;
            }
            if end > offset {
                // Another thread was faster.
                return;
            }
        }
        kept.insert(offset, bytes.to_vec());
    }
}

impl ByteSource for Remembered {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let free = match self.recall(offset, buffer) {
            Ok(count) => return Ok(count),
            Err(free) => free,
        };
        let count = self.source.read_at(offset, &mut buffer[..free])?;
        self.keep(offset, &buffer[..count]);
        Ok(count)
    }

    fn name(&self) -> &str {
        self.source.name()
    }

    fn will_read(&self, range: Range<u64>) {
        // What is kept from its beginning on need not be fetched again.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let held = kept.range(..=range.start).next_back();
        let end = held.map_or(0, |(start, bytes)| start.saturating_add(bytes.len() as u64));
        drop(kept);
        let rest = range.start.max(end)..range.end;
        if rest.start < rest.end {
            self.source.will_read(rest);
        }
    }

    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        let mut known = self.neighbours.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(relative) {
            return Ok(Arc::clone(found));
        }
        let opened = Self::sharing(self.source.beside(relative)?, Arc::clone(&self.total));
        known.insert(relative.to_owned(), Arc::clone(&opened));
        Ok(opened)
    }

    fn version(&self) -> Option<String> {
        self.source.version()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    struct Counting(AtomicU64);

    impl ByteSource for Counting {
        fn len(&self) -> u64 {
            1000
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1000usize.saturating_sub(offset as usize));
            for (at, byte) in buffer[..count].iter_mut().enumerate() {
                *byte = ((offset as usize + at) % 251) as u8;
            }
            self.0.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }
        fn name(&self) -> &str {
            "counted"
        }
    }

    #[test]
    fn every_byte_is_read_once() {
        let counted = Arc::new(Counting(AtomicU64::new(0)));
        let source = Remembered::around(counted.clone());
        let whole = |from: usize, to: usize| {
            let mut at = from;
            let mut buffer = [0u8; 70];
            while at < to {
                let wanted = (to - at).min(70);
                let count = source.read_at(at as u64, &mut buffer[..wanted]).unwrap();
                assert!(count > 0);
                for (index, byte) in buffer[..count].iter().enumerate() {
                    assert_eq!(usize::from(*byte), (at + index) % 251);
                }
                at += count;
            }
        };
        whole(300, 500);
        whole(100, 350);
        whole(0, 1000);
        whole(0, 1000);
        assert_eq!(counted.0.load(Ordering::Relaxed), 1000);
        assert_eq!(source.read_at(1000, &mut [0; 5]).unwrap(), 0);
    }
}
