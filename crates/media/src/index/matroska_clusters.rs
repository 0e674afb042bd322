//! Clusters of Matroska: found again from any byte, and read as far as a window needs.

use reprise_model::{ByteSource, Result};

use super::matroska_elements::{
    CLUSTER, Element, Header, element, elements, is_top, size, unsigned,
};
use super::peek::{Peek, read_up_to};

/// Bytes read at a time inside a cluster.
const STEP: usize = 128 << 10;
/// Bytes read at a time where a cluster is looked for.
const SCAN: usize = 64 << 10;
/// Bytes of one cluster that are held at most.
const MAX_HELD: usize = 32 << 20;
/// Bytes of a block.
const MAX_BLOCK: u64 = 16 << 20;
/// Bytes that hold a cluster's header and time.
const BEGIN: usize = 64;

/// Where a cluster begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cluster {
    pub start: u64,
    pub content: u64,
    /// Where it ends; `None` where it does not say.
    pub end: Option<u64>,
    /// In ticks.
    pub time: i64,
}

/// A block of a cluster: a picture or some sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    /// Of its element, from the cluster's content on.
    pub from: usize,
    pub to: usize,
    pub track: u64,
    /// In ticks.
    pub time: i64,
    pub is_key: bool,
}

/// A cluster, read as far as needed.
pub(crate) struct Held {
    pub cluster: Cluster,
    /// From the content on.
    pub bytes: Vec<u8>,
    pub blocks: Vec<Block>,
    /// Where the next element begins.
    next: usize,
    /// Whether all blocks are known.
    pub is_whole: bool,
}

/// The cluster whose bytes begin at `at` of the file; `None` where there is none.
pub(crate) fn cluster_at(peek: &mut Peek<'_>, at: u64, limit: u64) -> Result<Option<Cluster>> {
    let bytes = peek.bytes(at, BEGIN)?;
    Ok(cluster(bytes, at, limit))
}

fn cluster(bytes: &[u8], at: u64, limit: u64) -> Option<Cluster> {
    let found = element(bytes, 0, at).filter(|e| e.id == CLUSTER)?;
    let content = usize::try_from(found.content - at).ok()?;
    let rest = bytes.get(content..)?;
    // A checksum or a position may come before the time.
    let time = elements(rest).take(4).find(|(id, _)| *id == 0xE7)?.1;
    let time = i64::try_from(unsigned(time)?).ok().filter(|&time| time < 1 << 50)?;
    let end = found.end.map(|end| end.min(limit));
    Some(Cluster { start: at, content: found.content, end, time })
}

/// The first cluster that begins in `from..to`, not knowing where elements begin.
pub(crate) fn scan(
    source: &dyn ByteSource,
    from: u64,
    to: u64,
    limit: u64,
) -> Result<Option<Cluster>> {
    let mut peek = Peek::new(source, BEGIN);
    let mut at = from;
    let id = CLUSTER.to_be_bytes();
    while at < to {
        let count = usize::try_from(to - at).unwrap_or(SCAN).clamp(4, SCAN);
        let block = read_up_to(source, at, count)?;
        for (nth, window) in block.windows(4).enumerate() {
            let start = at + nth as u64;
            if window != id || start >= to {
                continue;
            }
            let Some(found) = cluster_at(&mut peek, start, limit)? else { continue };
            // Something that stands beside clusters follows, or a first element of blocks.
            let follows = match found.end {
                Some(end) if end >= limit => true,
                Some(end) => element(peek.bytes(end, 12)?, 0, end)
                    .is_some_and(|e| is_top(e.id) || e.id == 0xEC),
                None => true,
            };
            if follows {
                return Ok(Some(found));
            }
        }
        if block.len() < 4 {
            break;
        }
        at += (block.len() - 3) as u64;
    }
    Ok(None)
}

/// The cluster after one.
pub(crate) fn after(
    source: &dyn ByteSource,
    peek: &mut Peek<'_>,
    cluster: &Cluster,
    header: &Header,
) -> Result<Option<Cluster>> {
    let Some(mut at) = cluster.end else {
        return scan(source, cluster.content, header.end, header.end);
    };
    for _ in 0..100 {
        if at >= header.end {
            return Ok(None);
        }
        let Some(found) = element(peek.bytes(at, 12)?, 0, at) else { break };
        if found.id == CLUSTER {
            return cluster_at(peek, at, header.end);
        }
        match found.end {
            Some(end) if is_top(found.id) || found.id == 0xEC => at = end,
            _ => break,
        }
    }
    // Damage between: what is found next.
    scan(source, at.saturating_add(1), header.end, header.end)
}

impl Held {
    /// Nothing is read yet.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, bytes: Vec::new(), blocks: Vec::new(), next: 0, is_whole: false }
    }

    /// Where the bytes that were read end in the file.
    pub fn read_to(&self) -> u64 {
        self.cluster.content.saturating_add(self.bytes.len() as u64)
    }

    /// Reads on until `enough` of the newest block, or to the end.
    pub fn read(
        &mut self,
        source: &dyn ByteSource,
        limit: u64,
        mut enough: impl FnMut(&Block) -> bool,
    ) -> Result<()> {
        while !self.is_whole {
            match self.parse() {
                Some(block) => {
                    self.blocks.push(block);
                    if enough(&block) {
                        return Ok(());
                    }
                }
                None if self.is_whole => {}
                None => {
                    let end = self.cluster.end.unwrap_or(limit).min(limit);
                    let from = self.read_to();
                    let count = usize::try_from(end.saturating_sub(from)).unwrap_or(STEP).min(STEP);
                    let more = read_up_to(source, from, count)?;
                    if more.is_empty() || self.bytes.len() > MAX_HELD {
                        self.is_whole = true;
                    }
                    self.bytes.extend_from_slice(&more);
                }
            }
        }
        Ok(())
    }

    /// The next block; `None` where more bytes are needed or the cluster ends.
    fn parse(&mut self) -> Option<Block> {
        loop {
            let start = self.cluster.content;
            let ends = self.cluster.end.is_some_and(|end| start + self.next as u64 >= end);
            if ends {
                self.is_whole = true;
                return None;
            }
            let rest = self.bytes.get(self.next..).unwrap_or_default();
            if rest.len() < 12 && self.cluster.end.is_none_or(|end| self.read_to() < end) {
                return None;
            }
            let Some(found) = element(&self.bytes, self.next, start) else {
                self.is_whole = true;
                return None;
            };
            let Element { id, content, end, .. } = found;
            let fits = end.filter(|&end| end - content <= MAX_BLOCK && !is_top(id));
            let Some(end) = fits else {
                // The next cluster, or damage.
                self.is_whole = true;
                return None;
            };
            let (from, to) = (self.next, usize::try_from(end - start).unwrap_or(usize::MAX));
            let inside = self.bytes.get((content - start) as usize..to)?;
            self.next = to;
            let (body, is_key) = match id {
                0xA3 => (inside, None),
                0xA0 => {
                    let block = elements(inside).find(|(id, _)| *id == 0xA1);
                    let refers = elements(inside).any(|(id, _)| id == 0xFB);
                    (block.map_or(&[][..], |b| b.1), Some(!refers))
                }
                _ => continue,
            };
            let Some((Some(track), width)) = size(body, 0) else { continue };
            let Some(&[high, low, flags]) = body.get(width..width + 3) else { continue };
            let time = self.cluster.time + i64::from(i16::from_be_bytes([high, low]));
            let is_key = is_key.unwrap_or(flags & 0x80 != 0);
            return Some(Block { from, to, track, time, is_key });
        }
    }
}
