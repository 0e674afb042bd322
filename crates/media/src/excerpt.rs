//! Parts of a recording, and bytes of our own between them, as one stream that a demuxer reads.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use reprise_model::ByteSource;
use reprise_model::clip::ByteRange;

/// What holds one window: bytes put one after the other. Demuxers see nothing else.
pub struct Excerpt {
    name: String,
    parts: Vec<(u64, Part)>,
    length: u64,
}

enum Part {
    Own(Arc<[u8]>),
    /// Bytes of the recording's `from` to `to` that were read already.
    Read {
        bytes: Arc<[u8]>,
        from: u64,
        to: u64,
    },
    Of {
        source: Arc<dyn ByteSource>,
        start: u64,
        end: u64,
        main: bool,
    },
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Own(bytes) | Self::Read { bytes, .. } => bytes.len() as u64,
            Self::Of { start, end, .. } => end - start,
        }
    }
}

impl Excerpt {
    /// An empty one; messages call it by the recording's `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), parts: Vec::new(), length: 0 }
    }

    /// Adds bytes that are not the recording's: headers, tables.
    pub fn push_bytes(&mut self, bytes: impl Into<Arc<[u8]>>) {
        self.push(Part::Own(bytes.into()));
    }

    /// Adds a range of the recording itself, cut to its length.
    pub fn push_range(&mut self, source: &Arc<dyn ByteSource>, start: u64, end: u64) {
        let end = end.min(source.len());
        let source = Arc::clone(source);
        self.push(Part::Of { source, start: start.min(end), end, main: true });
    }

    /// Adds bytes of the recording that were read already, so that they are not read again: all of
    /// `from` to `to`, or what is needed of it.
    pub fn push_read(&mut self, bytes: impl Into<Arc<[u8]>>, from: u64, to: u64) {
        self.push(Part::Read { bytes: bytes.into(), from, to: to.max(from) });
    }

    /// Adds all of another input, such as a segment of a playlist.
    pub fn push_other(&mut self, source: Arc<dyn ByteSource>, start: u64, end: u64) {
        let end = end.min(source.len());
        self.push(Part::Of { source, start: start.min(end), end, main: false });
    }

    fn push(&mut self, part: Part) {
        let at = self.length;
        self.length += part.len();
        self.parts.push((at, part));
    }

    /// The recording's own bytes in it, joined.
    pub fn ranges(&self) -> Vec<ByteRange> {
        let mut ranges: Vec<ByteRange> = self
            .parts
            .iter()
            .filter_map(|(_, part)| match part {
                Part::Of { start, end, main: true, .. }
                | Part::Read { from: start, to: end, .. } => {
                    Some(ByteRange { start: *start, end: *end })
                }
                _ => None,
            })
            .filter(|range| range.start < range.end)
            .collect();
        ranges.sort();
        ranges.dedup_by(|next, last| {
            let joins = next.start <= last.end;
            if joins {
                last.end = last.end.max(next.end);
            }
            joins
        });
        ranges
    }

    /// Tells the sources which ranges will be read.
    pub fn announce(&self) {
        for (_, part) in &self.parts {
            if let Part::Of { source, start, end, .. } = part {
                source.will_read(*start..*end);
            }
        }
    }
}

impl ByteSource for Excerpt {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut index = self.parts.partition_point(|(at, _)| *at <= offset).saturating_sub(1);
        // Parts may be empty.
        while let Some((at, part)) = self.parts.get(index) {
            let within = offset - at;
            let left = part.len().saturating_sub(within);
            if left > 0 {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                let buffer = &mut buffer[..count];
                return match part {
                    Part::Own(bytes) | Part::Read { bytes, .. } => {
                        let from = within as usize;
                        buffer.copy_from_slice(&bytes[from..from + count]);
                        Ok(count)
                    }
                    Part::Of { source, start, .. } => source.read_at(start + within, buffer),
                };
            }
            index += 1;
        }
        Ok(0)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn will_read(&self, range: Range<u64>) {
        for (at, part) in &self.parts {
            if let Part::Of { source, start, end, .. } = part {
                let from = start.saturating_add(range.start.saturating_sub(*at)).min(*end);
                let to = start.saturating_add(range.end.saturating_sub(*at)).min(*end);
                if from < to {
                    source.will_read(from..to);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::bytes::MemorySource;

    use super::*;

    #[test]
    fn reads_across_its_parts() {
        let source: Arc<dyn ByteSource> =
            Arc::new(MemorySource::new("r", (0u8..100).collect::<Vec<_>>()));
        let mut excerpt = Excerpt::new("r");
        excerpt.push_bytes(vec![200, 201]);
        excerpt.push_range(&source, 10, 13);
        excerpt.push_range(&source, 50, 50);
        excerpt.push_read(vec![13, 14], 13, 15);
        excerpt.push_range(&source, 98, 200);
        let mut all = Vec::new();
        let mut buffer = [0u8; 4];
        loop {
            let count = excerpt.read_at(all.len() as u64, &mut buffer).unwrap();
            if count == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(all, [200, 201, 10, 11, 12, 13, 14, 98, 99]);
        assert_eq!(excerpt.len(), 9);
        assert_eq!(
            excerpt.ranges(),
            [ByteRange { start: 10, end: 15 }, ByteRange { start: 98, end: 100 }]
        );
    }
}
