//! The boxes of MP4 and MOV: where each lies, and how ours are written.

use reprise_model::Result;

use super::peek::{Peek, number};

/// Boxes that one container may hold; files of thousands of parts have them at the top level only.
const MAX_CHILDREN: usize = 2000;

/// A box, found by its header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Placed {
    /// Its four letters.
    pub kind: [u8; 4],
    /// Where its header begins.
    pub start: u64,
    /// Where its content begins.
    pub content: u64,
    /// Where it says that it ends; at the top level this may lie beyond the file.
    pub end: u64,
}

impl Placed {
    /// Bytes of content.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.content)
    }
}

/// The box at `at` inside something that ends at `limit`; `None` where there is no whole header or
/// its size makes no sense.
pub(crate) fn box_at(peek: &mut Peek<'_>, at: u64, limit: u64) -> Result<Option<Placed>> {
    if at.checked_add(8).is_none_or(|end| end > limit) {
        return Ok(None);
    }
    let head = peek.bytes(at, 16)?;
    Ok(header(head, at, limit))
}

/// Reads a box header that stands at `at` of the file.
pub(crate) fn header(head: &[u8], at: u64, limit: u64) -> Option<Placed> {
    let kind: [u8; 4] = head.get(4..8)?.try_into().ok()?;
    let (size, content) = match number(head, 0, 4)? {
        0 => (limit.checked_sub(at)?, 8),
        1 => (number(head, 8, 8)?, 16),
        size => (size, 8),
    };
    let end = at.checked_add(size)?;
    let content = at.checked_add(content)?;
    (content <= end).then_some(Placed { kind, start: at, content, end })
}

/// What a box inside `moov` holds; `None` where a box is cut off or there are absurdly many.
pub(crate) fn children(peek: &mut Peek<'_>, start: u64, end: u64) -> Result<Option<Vec<Placed>>> {
    let mut found = Vec::new();
    let mut at = start;
    // QuickTime ends some lists with four zero bytes.
    while at.saturating_add(8) <= end {
        match box_at(peek, at, end)? {
            Some(placed) if placed.end <= end && found.len() < MAX_CHILDREN => {
                at = placed.end;
                found.push(placed);
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// The first child of a kind.
pub(crate) fn child(boxes: &[Placed], kind: &[u8; 4]) -> Option<Placed> {
    boxes.iter().copied().find(|placed| &placed.kind == kind)
}

/// Adds a box whose content `fill` writes.
pub(crate) fn put(out: &mut Vec<u8>, kind: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    fill(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// Adds a box with version and flags before its content.
pub(crate) fn put_full(
    out: &mut Vec<u8>,
    kind: &[u8; 4],
    version: u8,
    flags: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    put(out, kind, |out| {
        out.extend_from_slice(&(u32::from(version) << 24 | flags & 0xFF_FFFF).to_be_bytes());
        fill(out);
    });
}

/// Adds a number of four bytes.
pub(crate) fn put_four(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::bytes::MemorySource;

    use super::*;

    #[test]
    fn sizes_of_every_kind_are_read_and_nonsense_is_not() {
        let at = |bytes: &[u8], limit| header(bytes, 100, limit);
        let plain = at(b"\0\0\0\x10moov", 1000).unwrap();
        assert_eq!((plain.content, plain.end), (108, 116));
        let open = at(b"\0\0\0\0mdat", 1000).unwrap();
        assert_eq!((open.content, open.end), (108, 1000));
        let long = at(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", 1000).unwrap();
        assert_eq!((long.content, long.end), (116, (1 << 32) + 100));
        assert!(at(b"\0\0\0\x07moov", 1000).is_none());
        assert!(at(b"\0\0\0\x01mdat\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 1000).is_none());
        assert!(at(b"\0\0\0\x01mdat\0\0", 1000).is_none());
        assert!(at(b"\0\0\0", 1000).is_none());
    }

    #[test]
    fn children_must_fit_their_parent() {
        let mut bytes = Vec::new();
        put(&mut bytes, b"free", |_| {});
        put_full(&mut bytes, b"stts", 0, 0, |out| put_four(out, 0));
        let source = MemorySource::new("m", bytes);
        let mut peek = Peek::new(&source, 16);
        let found = children(&mut peek, 0, 24).unwrap().unwrap();
        assert_eq!(found.iter().map(|b| &b.kind).collect::<Vec<_>>(), [b"free", b"stts"]);
        assert!(children(&mut peek, 0, 20).unwrap().is_none());
    }
}
