//! The tags of FLV: their headers, what they carry, and how to find them again from any byte.

use super::search::{Bytes, Mark, Scan, Scanned, Track};

/// Flicks in a millisecond, the clock of FLV.
pub(super) const FLICKS_PER_MS: i64 = 705_600;
/// Bytes of a tag's header.
pub(super) const TAG_HEADER: usize = 11;
/// Bytes of the tag's size after each tag.
pub(super) const TRAILER: usize = 4;
/// Tags larger than this are taken as damage; a picture of that size is no stream's.
const BODY_MAX: usize = 8 << 20;
/// Tags in a row whose sizes must agree before a place is believed to begin one, and the header of
/// one more.
const LINKS: usize = 2;

const SOUND: u8 = 8;
const PICTURE: u8 = 9;
const SCRIPT: u8 = 18;

/// A tag's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// 8 sound, 9 picture, 18 script; others are unknown.
    pub kind: u8,
    /// Bytes of the body, at most 2^24 - 1.
    pub body: usize,
    /// Milliseconds.
    pub time: u32,
}

/// What a tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A coded picture, shown so many milliseconds after it is decoded.
    Picture {
        /// Whether decoding can begin with it.
        key: bool,
        /// Milliseconds; may be negative.
        offset: i32,
    },
    /// What the decoder of the pictures must know first.
    PictureHeader,
    /// Coded sound.
    Sound,
    /// What the decoder of the sound must know first.
    SoundHeader,
    /// Names and numbers.
    Script,
    /// Nothing that is used.
    Other,
}

impl Tag {
    /// The header at the beginning of `bytes`; `None` where they are fewer than 11.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; TAG_HEADER] = bytes.first_chunk()?;
        let [kind, b2, b1, b0, t2, t1, t0, t3, ..] = *header;
        Some(Self {
            kind: kind & 0x1f,
            body: u32::from_be_bytes([0, b2, b1, b0]) as usize,
            time: u32::from_be_bytes([t3, t2, t1, t0]),
        })
    }

    /// Bytes from this tag's first to the next one's.
    pub fn whole(self) -> usize {
        TAG_HEADER + self.body + TRAILER
    }
}

/// What a tag of this kind carries, from the first bytes of its body.
pub fn content(tag: Tag, body: &[u8]) -> Content {
    let body = &body[..body.len().min(tag.body)];
    match (tag.kind, body.first()) {
        (SOUND, Some(&first)) => match (first >> 4, body.get(1)) {
            // AAC says what follows; so does the enhanced form, in the lower half of its first byte.
            (10, Some(0)) => Content::SoundHeader,
            (10, _) if body.len() < 3 => Content::Other,
            (9, _) if first & 15 == 0 => Content::SoundHeader,
            (9, _) if first & 15 != 1 => Content::Other,
            _ => Content::Sound,
        },
        (PICTURE, Some(&first)) => picture(first, body),
        (SCRIPT, _) => Content::Script,
        _ => Content::Other,
    }
}

fn picture(first: u8, body: &[u8]) -> Content {
    let key = first >> 4 & 7 == 1;
    let offset = |at: usize| {
        let bytes: [u8; 3] = body.get(at..)?.first_chunk().copied()?;
        // 24 bits with a sign.
        Some(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0]) >> 8)
    };
    if first & 0x80 != 0 {
        // Enhanced: kind of packet, four letters of the coding, for some the offset.
        let with_offset = matches!(body.get(1..5), Some(b"avc1" | b"hvc1" | b"vvc1"));
        return match first & 15 {
            0 | 5 => Content::PictureHeader,
            1 => Content::Picture {
                key,
                offset: if with_offset { offset(5).unwrap_or(0) } else { 0 },
            },
            3 => Content::Picture { key, offset: 0 },
            _ => Content::Other,
        };
    }
    if first >> 4 == 5 {
        return Content::Other; // a command, no picture
    }
    match (first & 15, body.get(1)) {
        // H.264, and H.265 as some encoders number it.
        (7 | 12, Some(0)) => Content::PictureHeader,
        (7 | 12, Some(1)) if body.len() > 5 => {
            Content::Picture { key, offset: offset(2).unwrap_or(0) }
        }
        (7 | 12, _) => Content::Other,
        _ => Content::Picture { key, offset: 0 },
    }
}

/// Whether a tag may begin here, as far as its header and the first byte of its body tell.
fn plausible(bytes: &[u8]) -> bool {
    let Some(tag) = Tag::parse(bytes) else { return false };
    let stream_zero = bytes.get(8..11) == Some(&[0, 0, 0]);
    let body = bytes.get(TAG_HEADER).copied();
    stream_zero
        && tag.body <= BODY_MAX
        && match bytes[0] {
            SOUND => body.is_none_or(|first| !matches!(first >> 4, 12 | 13)),
            PICTURE => body.is_none_or(|first| {
                first & 0x80 != 0 || (matches!(first >> 4, 1..=5) && matches!(first & 15, 1..=13))
            }),
            SCRIPT => true,
            _ => false,
        }
}

/// Whether the size after a tag is the tag's.
fn trailer_agrees(tag: Tag, trailer: &[u8]) -> bool {
    trailer
        .first_chunk()
        .is_some_and(|&size| u32::from_be_bytes(size) as usize == TAG_HEADER + tag.body)
}

enum Chain {
    Good,
    Bad,
    Unfinished,
}

/// Follows the tags from `at`. `anchor` is where one is known to begin, `length` where all ends.
fn chain(bytes: &[u8], mut at: usize, anchor: Option<usize>, length: Option<usize>) -> Chain {
    for links in 0..=LINKS {
        if links == LINKS || (links > 0 && (Some(at) == anchor || Some(at) == length)) {
            return Chain::Good;
        }
        if anchor.is_some_and(|anchor| at > anchor) {
            return Chain::Bad;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        // One size that agrees and a header after it are enough where no more can be seen.
        let unfinished = if links > 0 { Chain::Good } else { Chain::Unfinished };
        if rest.len() < TAG_HEADER {
            return Chain::Unfinished;
        }
        if !plausible(rest) {
            return Chain::Bad;
        }
        let Some(tag) = Tag::parse(rest) else { return Chain::Bad };
        let end = at + tag.whole();
        if length.is_some_and(|length| end > length) {
            // Cut off by the end of the recording: only what came before tells.
            return if links > 0 { Chain::Good } else { Chain::Bad };
        }
        match rest.get(TAG_HEADER + tag.body..tag.whole()) {
            Some(trailer) if trailer_agrees(tag, trailer) => at = end,
            Some(_) => return Chain::Bad,
            None => return unfinished,
        }
    }
    Chain::Bad
}

/// Finds where a tag begins at or after `at`; else where to look again with more bytes.
fn sync(
    bytes: &[u8],
    at: usize,
    anchor: Option<usize>,
    length: Option<usize>,
) -> Result<usize, usize> {
    let mut unfinished = None;
    let last = bytes.len().saturating_sub(TAG_HEADER);
    for place in at..=last {
        if !matches!(bytes.get(place), Some(&(SOUND | PICTURE | SCRIPT)))
            || !plausible(&bytes[place..])
        {
            continue;
        }
        match chain(bytes, place, anchor, length) {
            Chain::Good => return Ok(place),
            Chain::Bad => {}
            Chain::Unfinished => unfinished = unfinished.or(Some(place)),
        }
    }
    Err(unfinished.unwrap_or(last.max(at)))
}

/// Finds tags.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tags;

impl Scan for Tags {
    fn ends_known(&self) -> bool {
        true
    }

    fn scan(&self, all: Bytes<'_>) -> Scanned {
        let mut found = Scanned::default();
        each_tag(all, &mut found, |at, tag, body, found| {
            let end = at + tag.whole() as u64;
            let dts = i64::from(tag.time) * FLICKS_PER_MS;
            let mark = match content(tag, body) {
                Content::Picture { key, offset } => {
                    let pts = dts + i64::from(offset) * FLICKS_PER_MS;
                    Mark { at, end, track: Track::Picture, dts, pts, key }
                }
                Content::Sound => Mark { at, end, track: Track::Sound, dts, pts: dts, key: true },
                _ => return,
            };
            found.marks.push(mark);
        });
        found
    }
}

/// Calls `take` with each whole tag's place, header and body.
pub(super) fn each_tag(
    all: Bytes<'_>,
    found: &mut Scanned,
    mut take: impl FnMut(u64, Tag, &[u8], &mut Scanned),
) {
    let Bytes { bytes, start, length, .. } = all;
    let within = |place: u64| {
        let index = usize::try_from(place.checked_sub(start)?).ok()?;
        (index <= bytes.len()).then_some(index)
    };
    let anchor = within(all.until);
    let end_of_all = within(length);
    let mut at = 0usize;
    let mut synced = all.synced;
    loop {
        if !synced {
            match sync(bytes, at, anchor, end_of_all) {
                Ok(place) => at = place,
                Err(place) => {
                    found.next = start + place as u64;
                    found.lost = true;
                    return;
                }
            }
        }
        found.next = start + at as u64;
        found.lost = false;
        if found.next >= all.until {
            return;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(tag) = Tag::parse(rest) else { return };
        let trailer = rest.get(TAG_HEADER + tag.body..).unwrap_or_default();
        let whole = trailer.len() >= TRAILER;
        if plausible(rest) && !whole && found.next + tag.whole() as u64 <= length {
            return; // More is needed.
        }
        if plausible(rest) && !whole && rest.len() < TAG_HEADER + tag.body {
            found.next = length; // The recording ends within this tag.
            return;
        }
        if !plausible(rest) || (whole && !trailer_agrees(tag, trailer)) {
            synced = false;
            at += 1;
            continue;
        }
        synced = true;
        found.first.get_or_insert(found.next);
        take(found.next, tag, &rest[TAG_HEADER..TAG_HEADER + tag.body], found);
        at += tag.whole();
    }
}
