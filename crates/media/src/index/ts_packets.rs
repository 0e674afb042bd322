//! The packets of MPEG-TS and the headers of what they carry, found again from any byte.

use serde::{Deserialize, Serialize};

/// Bytes of a packet without what some files put around it.
pub const PACKET: usize = 188;
/// Flicks in a tick of the 90 kHz clock.
pub const FLICKS_PER_TICK: i64 = 7_840;
const SYNC: u8 = 0x47;
/// Sync bytes in a row that show what the distance of packets is.
const SYNCS_FIRST: usize = 8;
/// Sync bytes in a row that show where packets go on.
const SYNCS: usize = 4;

/// How packets lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Bytes from packet to packet: 188, 192 (four bytes of time before each) or 204 (sixteen of
    /// correction after each).
    pub size: usize,
    /// Bytes before a packet's sync byte.
    pub before: usize,
}

/// A packet's header, and where its payload lies in its 188 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Which stream it is of, 13 bits.
    pub pid: u16,
    /// Whether something begins with its payload.
    pub begins: bool,
    /// Whether it says that decoding can begin here.
    pub random_access: bool,
    /// Empty where it has none or it is scrambled.
    pub payload: &'a [u8],
}

/// The header of a run of pictures or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pes {
    /// When it is shown, 33 bits of 90 kHz.
    pub pts: u64,
    /// When it is decoded, 33 bits of 90 kHz.
    pub dts: u64,
    /// Bytes of the header.
    pub header: usize,
}

impl Grid {
    /// How packets lie in a file that begins with `bytes`, and where its first whole one begins.
    /// A file may begin in the middle of a packet.
    pub fn detect(bytes: &[u8]) -> Option<(Self, usize)> {
        let grids = [(188, 0), (192, 4), (204, 0)].map(|(size, before)| Self { size, before });
        let places = bytes.iter().enumerate().filter(|&(_, &byte)| byte == SYNC);
        for (at, _) in places {
            for grid in grids {
                if grid.syncs(bytes, at, SYNCS_FIRST, true) {
                    // The four bytes before the first sync byte may be cut off.
                    let begin = at.checked_sub(grid.before);
                    return Some((grid, begin.unwrap_or(at + PACKET)));
                }
            }
        }
        None
    }

    /// Whether `count` sync bytes lie at and after `at`, as far as the bytes reach; at least half of
    /// them must be there where the bytes end the file, else all.
    fn syncs(self, bytes: &[u8], at: usize, count: usize, ends: bool) -> bool {
        let mut seen = 0;
        for number in 0..count {
            match bytes.get(at + number * self.size) {
                Some(&SYNC) => seen += 1,
                Some(_) => return false,
                None => return ends && seen >= count.div_ceil(2),
            }
        }
        true
    }

    /// Where a packet begins at or after `at`; else from where to look with more bytes. `ends` says
    /// that there are no more.
    pub fn sync(self, bytes: &[u8], at: usize, ends: bool) -> Result<usize, usize> {
        let reach = if ends { 0 } else { self.size * SYNCS };
        let last = bytes.len().saturating_sub(reach);
        (at..last)
            .find(|&at| {
                bytes.get(at + self.before) == Some(&SYNC)
                    && self.syncs(bytes, at + self.before, SYNCS, ends)
            })
            .ok_or(last.max(at))
    }

    /// The packet at `at`; `None` where none begins there.
    pub fn packet(self, bytes: &[u8], at: usize) -> Option<Packet<'_>> {
        let start = at.checked_add(self.before)?;
        Packet::parse(bytes.get(start..start.checked_add(PACKET)?)?)
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet of 188 bytes; `None` where it does not begin with the sync byte or is marked
    /// as damaged.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let &[SYNC, high, low, flags, ..] = bytes else { return None };
        if high & 0x80 != 0 {
            return None;
        }
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        let mut payload = bytes.get(4..PACKET)?;
        let mut random_access = false;
        if flags & 0x20 != 0 {
            let (&length, rest) = payload.split_first()?;
            random_access = length > 0 && rest.first().is_some_and(|flags| flags & 0x40 != 0);
            payload = rest.get(usize::from(length)..).unwrap_or_default();
        }
        if flags & 0x10 == 0 || flags & 0xc0 != 0 {
            payload = &[];
        }
        Some(Self { pid, begins: high & 0x40 != 0, random_access, payload })
    }
}

impl Pes {
    /// Reads the header at the beginning of a payload; `None` where there is none or it holds no
    /// time.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; 9] = bytes.first_chunk()?;
        let &[0, 0, 1, id, _, _, marks, flags, length] = header else { return None };
        // Streams of sound (0xc0), pictures (0xe0), private ones and extended ones.
        let has_times = matches!(id, 0xbd | 0xc0..=0xef | 0xfd);
        if !has_times || marks & 0xc0 != 0x80 || flags & 0x80 == 0 {
            return None;
        }
        let pts = stamp(bytes.get(9..14)?)?;
        let dts = if flags & 0x40 != 0 { stamp(bytes.get(14..19)?)? } else { pts };
        Some(Self { pts, dts, header: 9 + usize::from(length) })
    }
}

/// 33 bits over five bytes, each part with a mark that must be set.
fn stamp(bytes: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e] = bytes.first_chunk()?;
    if a & c & e & 1 == 0 {
        return None;
    }
    let [a, b, c, d, e] = [a, b, c, d, e].map(u64::from);
    Some((a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1)
}
