//! How a file is cut into chunks for the platform (its media transfer guide): 5 to 64 MB each, the last
//! one takes what is left and may have up to 128 MB; files below 5 MB go whole; one after the other.

use std::ops::Range;

/// Bytes of a chunk: small enough to send again after a broken connection, large enough to be few.
const CHUNK: u64 = 10 << 20;

/// The chunks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Bytes of the file.
    pub total: u64,
    /// Bytes of each chunk but the last.
    pub size: u64,
    /// How many; the platform wants the file's length divided by a chunk's, rounded down.
    pub count: u64,
}

impl Chunks {
    /// Of a file of this many bytes.
    pub const fn of(total: u64) -> Self {
        if total < 2 * CHUNK {
            return Self { total, size: total, count: 1 };
        }
        Self { total, size: CHUNK, count: total / CHUNK }
    }

    /// The bytes of one, from 0.
    pub const fn range(&self, index: u64) -> Range<u64> {
        let start = index * self.size;
        let end = if index + 1 >= self.count { self.total } else { start + self.size };
        start..end
    }

    /// The first that was not sent, where `sent` bytes were.
    pub const fn after(&self, sent: u64) -> u64 {
        if sent >= self.total {
            self.count
        } else {
            // What is left belongs to the last one.
            let whole = sent / if self.size > 0 { self.size } else { 1 };
            if whole >= self.count { self.count - 1 } else { whole }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_the_platforms_rules_and_are_the_whole_file() {
        const MB: u64 = 1_000_000;
        for total in [1, 4 * MB, 5 << 20, 10 << 20, (20 << 20) - 1, 20 << 20, 50_000_123, 512 << 20]
        {
            let chunks = Chunks::of(total);
            assert_eq!(chunks.count, (total / chunks.size).max(1), "{total}");
            assert!((1..=1000).contains(&chunks.count));
            let mut end = 0;
            for index in 0..chunks.count {
                let range = chunks.range(index);
                assert_eq!(range.start, end);
                let length = range.end - range.start;
                let is_last = index + 1 == chunks.count;
                assert!(length >= 5 * MB || total < 5 << 20, "{total}: {length}");
                assert!(length <= 64 * MB || (is_last && length <= 128 * MB), "{total}: {length}");
                assert_eq!(chunks.after(range.start), index);
                end = range.end;
            }
            assert_eq!((end, chunks.after(total)), (total, chunks.count));
        }
    }
}
