//! The elements of Matroska and WebM: how they are written, and what a recording's header says.

use reprise_model::{MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::peek::{Peek, number};

pub(crate) const EBML: u32 = 0x1A45_DFA3;
pub(crate) const SEGMENT: u32 = 0x1853_8067;
pub(crate) const CLUSTER: u32 = 0x1F43_B675;
pub(crate) const CUES: u32 = 0x1C53_BB6B;
const SEEK_HEAD: u32 = 0x114D_9B74;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
/// What stands beside clusters, besides these.
const OTHERS: [u32; 3] = [0x1254_C367, 0x1941_A469, 0x1043_A770];
/// Bytes of a header that is copied.
const MAX_HEADER: u64 = 4 << 20;
/// Elements before the first cluster.
const MAX_ELEMENTS: usize = 1000;

/// An element, found by its header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Element {
    pub id: u32,
    pub start: u64,
    pub content: u64,
    /// Where it ends; `None` where it does not say.
    pub end: Option<u64>,
}

/// A track, as far as windows depend on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub number: u64,
    pub is_video: bool,
    pub is_sound: bool,
    pixels: u64,
    /// Of a picture, in nanoseconds; 0 where it does not say.
    pub duration_ns: u64,
}

/// What comes before the first cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// EBML header, the segment's beginning, `Info` and `Tracks`.
    pub bytes: Vec<u8>,
    /// Where positions in the segment count from.
    pub segment: u64,
    /// Where the segment ends, as far as the file goes.
    pub end: u64,
    /// Where the first cluster begins.
    pub first: u64,
    /// Nanoseconds a tick.
    pub scale: u32,
    pub video: Option<Track>,
    pub sound: Option<Track>,
    /// Where the cues are said to be.
    pub cues: Option<u64>,
}

/// Reads the header of the element at `at` of `bytes`, which begin at `start` of the file.
pub(crate) fn element(bytes: &[u8], at: usize, start: u64) -> Option<Element> {
    let first = *bytes.get(at)?;
    let width = first.leading_zeros() as usize + 1;
    if width > 4 {
        return None;
    }
    let id = number(bytes, at, width)? as u32;
    let (size, taken) = size(bytes, at + width)?;
    let place = start.checked_add(at as u64)?;
    let content = place.checked_add((width + taken) as u64)?;
    let end = match size {
        Some(size) => Some(content.checked_add(size)?),
        None => None,
    };
    Some(Element { id, start: place, content, end })
}

/// A number of one to eight bytes whose first bits tell how many; `None` inside for the one that
/// means unknown.
pub(crate) fn size(bytes: &[u8], at: usize) -> Option<(Option<u64>, usize)> {
    let first = *bytes.get(at)?;
    let width = first.leading_zeros() as usize + 1;
    if width > 8 {
        return None;
    }
    let mask = (1u64 << (7 * width)) - 1;
    let value = number(bytes, at, width)? & mask;
    Some(((value != mask).then_some(value), width))
}

/// The elements in `bytes`: id and content; ends at the first that is not whole.
pub(crate) fn elements(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut at = 0usize;
    std::iter::from_fn(move || {
        let found = element(bytes, at, 0)?;
        let (content, end) =
            (usize::try_from(found.content).ok()?, usize::try_from(found.end?).ok()?);
        at = end;
        Some((found.id, bytes.get(content..end)?))
    })
}

/// An unsigned number that fills its element.
pub(crate) fn unsigned(content: &[u8]) -> Option<u64> {
    (content.len() <= 8).then(|| number(content, 0, content.len())).flatten()
}

/// Whether an element of this kind stands beside clusters.
pub(crate) fn is_top(id: u32) -> bool {
    [CLUSTER, CUES, SEEK_HEAD, INFO, TRACKS].contains(&id) || OTHERS.contains(&id)
}

/// The element at `at` of the file.
pub(crate) fn element_at(peek: &mut Peek<'_>, at: u64) -> Result<Option<Element>> {
    let bytes = peek.bytes(at, 12)?;
    Ok(element(bytes, 0, at))
}

impl Header {
    /// Reads up to the first cluster; `None` where it is no Matroska, or is encrypted, or does not
    /// say what it holds before that.
    pub fn read(peek: &mut Peek<'_>) -> Result<Option<Self>> {
        let length = peek.len();
        let Some(ebml) = element_at(peek, 0)?.filter(|e| e.id == EBML) else { return Ok(None) };
        let Some(end) = ebml.end.filter(|&end| end <= 4096 && end < length) else {
            return Ok(None);
        };
        let mut header = Self { scale: 1_000_000, ..Self::default() };
        let bytes = peek.bytes(0, end as usize)?;
        let content = bytes.get(ebml.content as usize..).unwrap_or_default();
        let kind = elements(content).find(|(id, _)| *id == 0x4282).map(|(_, kind)| kind);
        let kind = kind.map(|kind| kind.split(|&b| b == 0).next().unwrap_or_default());
        if !matches!(kind, Some(b"matroska" | b"webm")) {
            return Ok(None);
        }
        header.bytes.extend_from_slice(bytes);
        let Some(segment) = element_at(peek, end)?.filter(|e| e.id == SEGMENT) else {
            return Ok(None);
        };
        header.segment = segment.content;
        header.end = segment.end.unwrap_or(length).min(length);
        header.bytes.extend_from_slice(&SEGMENT.to_be_bytes());
        header.bytes.extend_from_slice(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        let mut at = segment.content;
        let mut has_tracks = false;
        for _ in 0..MAX_ELEMENTS {
            let Some(found) = element_at(peek, at)? else { return Ok(None) };
            if found.id == CLUSTER {
                header.first = found.start;
                let plays = header.video.is_some() || header.sound.is_some();
                return Ok((has_tracks && plays).then_some(header));
            }
            let Some(end) = found.end.filter(|&end| end <= header.end) else { return Ok(None) };
            if [SEEK_HEAD, INFO, TRACKS].contains(&found.id) {
                if end - at > MAX_HEADER {
                    return Ok(None);
                }
                let all = peek.bytes(at, (end - at) as usize)?;
                let content = all.get((found.content - at) as usize..).unwrap_or_default();
                let fits = match found.id {
                    SEEK_HEAD => header.read_seek_head(content),
                    INFO => header.read_info(content),
                    _ => header.read_tracks(content),
                };
                if fits.is_none() {
                    return Ok(None);
                }
                has_tracks |= found.id == TRACKS;
                if found.id != SEEK_HEAD {
                    header.bytes.extend_from_slice(all);
                }
            } else if found.id == CUES {
                header.cues = Some(found.start);
            }
            at = end;
        }
        Ok(None)
    }

    /// Ticks as a time.
    pub fn time(&self, ticks: i64) -> MediaTime {
        MediaTime::from_ticks(ticks, i32::try_from(self.scale).unwrap_or(i32::MAX), 1_000_000_000)
    }

    fn read_seek_head(&mut self, content: &[u8]) -> Option<()> {
        for (_, seek) in elements(content).filter(|(id, _)| *id == 0x4DBB) {
            let part = |wanted| elements(seek).find(|(id, _)| *id == wanted).map(|(_, part)| part);
            if part(0x53AB).and_then(unsigned) == Some(u64::from(CUES)) {
                let place = part(0x53AC).and_then(unsigned)?;
                self.cues = self.segment.checked_add(place);
            }
        }
        Some(())
    }

    fn read_info(&mut self, content: &[u8]) -> Option<()> {
        if let Some((_, scale)) = elements(content).find(|(id, _)| *id == 0x002A_D7B1) {
            self.scale = u32::try_from(unsigned(scale)?).ok().filter(|&s| s > 0 && s < 1 << 31)?;
        }
        Some(())
    }

    fn read_tracks(&mut self, content: &[u8]) -> Option<()> {
        for (_, entry) in elements(content).filter(|(id, _)| *id == 0xAE) {
            let part = |of: &[u8], wanted| {
                elements(of).find(|(id, _)| *id == wanted).and_then(|(_, part)| unsigned(part))
            };
            let inner =
                |wanted| elements(entry).find(|(id, _)| *id == wanted).map(|(_, part)| part);
            // Encrypted: a content encoding of type 1.
            let encodings = inner(0x6D80).unwrap_or_default();
            if elements(encodings).any(|(_, encoding)| part(encoding, 0x5033) == Some(1)) {
                return None;
            }
            let kind = part(entry, 0x83)?;
            let picture = inner(0xE0).unwrap_or_default();
            let side = |wanted| part(picture, wanted).unwrap_or(0).min(1 << 20);
            let track = Track {
                number: part(entry, 0xD7)?,
                is_video: kind == 1,
                is_sound: kind == 2,
                pixels: side(0xB0) * side(0xBA),
                duration_ns: part(entry, 0x0023_E383).unwrap_or(0).min(10_000_000_000),
            };
            if track.is_video && self.video.as_ref().is_none_or(|v| track.pixels > v.pixels) {
                self.video = Some(track);
            } else if track.is_sound && self.sound.is_none() {
                self.sound = Some(track);
            }
        }
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_width_and_nonsense() {
        let of = |bytes: &[u8]| element(bytes, 0, 100);
        let simple = of(&[0xA3, 0x82, 1, 2]).unwrap();
        assert_eq!((simple.id, simple.content, simple.end), (0xA3, 102, Some(104)));
        let open = of(&[0x1F, 0x43, 0xB6, 0x75, 0x01, 255, 255, 255, 255, 255, 255, 255]).unwrap();
        assert_eq!((open.id, open.content, open.end), (CLUSTER, 112, None));
        assert_eq!(of(&[0xE7, 0xFF]).unwrap().end, None);
        let large = of(&[0xEC, 0x01, 255, 255, 255, 255, 255, 255, 254]).unwrap();
        assert_eq!(large.end, Some(109 + (1 << 56) - 2));
        assert!(of(&[0x0F, 0x81]).is_none());
        assert!(of(&[0xA3, 0x00]).is_none());
        assert!(of(&[0x1F, 0x43]).is_none());
        assert!(element(&[0xA3, 0x81], 0, u64::MAX).is_none());
        assert_eq!(elements(&[0xE7, 0x81, 5, 0xA3, 0x84, 1]).count(), 1);
    }
}
