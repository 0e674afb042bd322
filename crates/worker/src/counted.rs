//! How much of a recording was read, so that users can see that it was little.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reprise_model::ByteSource;

/// A source that counts what is read of it and of what lies beside it.
pub struct Counted {
    source: Arc<dyn ByteSource>,
    read: Arc<AtomicU64>,
}

impl Counted {
    /// Counts from zero.
    pub fn new(source: Arc<dyn ByteSource>) -> Arc<Self> {
        Arc::new(Self { source, read: Arc::default() })
    }

    /// What was read so far, for people.
    pub fn told(&self) -> String {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let read = self.read.load(Ordering::Relaxed);
        format!(
            "{:.1} MB of {}, which has {:.1} MB",
            megabytes(read),
            self.source.name(),
            megabytes(self.source.len())
        )
    }
}

impl ByteSource for Counted {
    fn len(&self) -> u64 {
        self.source.len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(offset, buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
    fn name(&self) -> &str {
        self.source.name()
    }
    fn will_read(&self, range: Range<u64>) {
        self.source.will_read(range);
    }
    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        let source = self.source.beside(relative)?;
        Ok(Arc::new(Self { source, read: Arc::clone(&self.read) }))
    }
    fn version(&self) -> Option<String> {
        self.source.version()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::bytes::MemorySource;

    use super::*;

    #[test]
    fn what_is_read_is_told() {
        let counted = Counted::new(Arc::new(MemorySource::new("live.ts", vec![0u8; 3_000_000])));
        counted.read_at(0, &mut vec![0; 1_500_000]).unwrap();
        counted.read_at(2_900_000, &mut vec![0; 1_500_000]).unwrap();
        assert_eq!(counted.told(), "1.6 MB of live.ts, which has 3.0 MB");
    }
}
