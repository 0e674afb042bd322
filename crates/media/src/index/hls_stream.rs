//! What a segment of MPEG-TS tells at its beginning: its streams, and when its first picture is shown.

use reprise_model::{ByteSource, Result};

use super::peek::read_up_to;

/// Bytes of a packet.
pub(crate) const PACKET: usize = 188;
/// Bytes read first; the first picture nearly always begins within.
const FIRST_LOOK: usize = 175 * PACKET;
/// Bytes read at most before a segment counts as one without times.
const MAX_LOOK: usize = 5000 * PACKET;

/// The beginning of a picture or of a run of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Begin {
    /// Offset of its packet.
    pub at: usize,
    pub pid: u16,
    pub is_video: bool,
    /// When it is shown, in 1/90000 s modulo 2^33.
    pub shown: i64,
    /// When it is decoded.
    pub decoded: i64,
    /// Whether decoding can begin there, as the container says.
    pub is_entry: bool,
}

/// What a segment begins with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opening {
    /// The first picture, or the first sound where there are no pictures.
    pub first: Begin,
    pub has_video: bool,
    pub has_sound: bool,
}

/// Reads the beginning of the segment that lies in `start..end`; `None` where nothing in it has a
/// time.
pub(crate) fn opening(source: &dyn ByteSource, start: u64, end: u64) -> Result<Option<Opening>> {
    let mut look = FIRST_LOOK;
    loop {
        let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX).min(look);
        let block = read_up_to(source, start, count)?;
        let begins = begins(&block);
        let first_video = begins.iter().find(|begin| begin.is_video);
        let declared = declared(&block);
        let has_video = first_video.is_some() || declared.is_some_and(|d| d.0);
        let has_sound = begins.iter().any(|b| !b.is_video) || declared.is_some_and(|d| d.1);
        let at_end = block.len() < look || look >= MAX_LOOK;
        let found = first_video.or(begins.first().filter(|_| !has_video || at_end));
        if let Some(&first) = found {
            return Ok(Some(Opening { first, has_video, has_sound }));
        }
        if at_end {
            return Ok(None);
        }
        look = look.saturating_mul(4).min(MAX_LOOK);
    }
}

/// Bytes read at the end of a segment, at first and at most.
const LAST_LOOK: u64 = 350 * PACKET as u64;
const MAX_LAST: u64 = 5000 * PACKET as u64;

/// When the last picture (or sound) of a segment ends, in 1/90000 s not taken modulo 2^33: later
/// than the time of its first beginning; `None` where its end says no times.
pub(crate) fn ending(source: &dyn ByteSource, start: u64, end: u64) -> Result<Option<i64>> {
    let mut look = LAST_LOOK;
    loop {
        let whole = (end.saturating_sub(start)) / PACKET as u64 * PACKET as u64;
        let from = start + whole.saturating_sub(look);
        let block = read_up_to(source, from, look.min(whole) as usize)?;
        let begins = begins(&block);
        let has_video = begins.iter().any(|b| b.is_video);
        let mut shown: Vec<i64> = begins
            .iter()
            .filter(|b| b.is_video || !has_video)
            .map(|b| unwrapped(b.shown, begins[0].shown))
            .collect();
        shown.sort_unstable();
        shown.dedup();
        // The distance of pictures tells how long the last one lasts.
        let step = shown.windows(2).map(|pair| pair[1] - pair[0]).min();
        if let (Some(&last), Some(step)) = (shown.last(), step)
            && (has_video || from == start || look >= MAX_LAST)
        {
            return Ok(Some(last + step.min(90_000)));
        }
        if from == start || look >= MAX_LAST {
            return Ok(shown.last().copied());
        }
        look = look.saturating_mul(4).min(MAX_LAST);
    }
}

/// `at`, before or after a turn of the clock, where it lies nearest to `near`.
pub(crate) fn unwrapped(at: i64, near: i64) -> i64 {
    const TURN: i64 = 1 << 33;
    at + (near - at + TURN / 2).div_euclid(TURN) * TURN
}

/// Every beginning in a block of whole packets that says a time.
pub(crate) fn begins(block: &[u8]) -> Vec<Begin> {
    block.chunks_exact(PACKET).enumerate().filter_map(|(i, p)| begin(p, i * PACKET)).collect()
}

/// Whether `packet` belongs to any stream: which one, and what it carries.
pub(crate) fn payload(packet: &[u8]) -> Option<(u16, bool, bool, &[u8])> {
    if packet.len() < PACKET || packet.first() != Some(&0x47) || packet[1] & 0x80 != 0 {
        return None;
    }
    let pid = u16::from(packet[1] & 0x1F) << 8 | u16::from(packet[2]);
    let begins = packet[1] & 0x40 != 0;
    let (adapted, carries) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
    let mut at = 4;
    let mut is_entry = false;
    if adapted {
        let length = usize::from(packet[4]);
        is_entry = length > 0 && packet[5] & 0x40 != 0;
        at = 5 + length;
    }
    let payload = if carries { packet.get(at..PACKET).unwrap_or_default() } else { &[] };
    Some((pid, begins, is_entry, payload))
}

fn begin(packet: &[u8], at: usize) -> Option<Begin> {
    let (pid, begins, is_entry, payload) = payload(packet)?;
    let head = payload.get(..14)?;
    if !begins || head[..3] != [0, 0, 1] || head[6] & 0xC0 != 0x80 || head[7] & 0x80 == 0 {
        return None;
    }
    let is_video = matches!(head[3], 0xE0..=0xEF);
    let is_sound = matches!(head[3], 0xC0..=0xDF | 0xBD | 0xFD);
    let shown = stamp(payload, 9)?;
    let decoded = if head[7] & 0x40 != 0 { stamp(payload, 14)? } else { shown };
    (is_video || is_sound).then_some(Begin { at, pid, is_video, shown, decoded, is_entry })
}

fn stamp(bytes: &[u8], at: usize) -> Option<i64> {
    let b = bytes.get(at..at + 5)?;
    let high = i64::from(b[0] >> 1 & 7) << 30;
    let middle = i64::from(b[1]) << 22 | i64::from(b[2] >> 1) << 15;
    Some(high | middle | i64::from(b[3]) << 7 | i64::from(b[4] >> 1))
}

/// Whether the program map at the block's beginning names pictures, and sound.
fn declared(block: &[u8]) -> Option<(bool, bool)> {
    let streams = streams(block)?;
    let video = |kind: u8| matches!(kind, 0x01 | 0x02 | 0x10 | 0x1B | 0x24);
    let sound = |kind: u8| matches!(kind, 0x03 | 0x04 | 0x0F | 0x11 | 0x81 | 0x87);
    let any = |what: &dyn Fn(u8) -> bool| streams.iter().any(|&(_, kind)| what(kind));
    Some((any(&video), any(&sound)))
}

/// Streams of the first program and their kinds, where their map fits one packet.
pub(crate) fn streams(block: &[u8]) -> Option<Vec<(u16, u8)>> {
    let section = |wanted: u16| {
        block.chunks_exact(PACKET).find_map(|packet| {
            let (pid, begins, _, payload) = payload(packet)?;
            let skip = usize::from(*payload.first()?);
            (pid == wanted && begins).then(|| payload.get(1 + skip..))?
        })
    };
    let pair = |bytes: &[u8], at: usize| -> Option<u16> {
        Some(u16::from(*bytes.get(at)?) << 8 | u16::from(*bytes.get(at + 1)?))
    };
    let table = section(0)?;
    let mut at = 8;
    let mut map = pair(table, at + 2)? & 0x1FFF;
    // Program 0 names the network.
    while pair(table, at)? == 0 {
        at += 4;
        map = pair(table, at + 2)? & 0x1FFF;
    }
    let table = section(map)?;
    let end = 3 + usize::from(pair(table, 1)? & 0xFFF).checked_sub(4)?;
    let mut at = 12 + usize::from(pair(table, 10)? & 0xFFF);
    let mut found = Vec::new();
    while at + 5 <= end && found.len() < 64 {
        found.push((pair(table, at + 1)? & 0x1FFF, *table.get(at)?));
        at += 5 + usize::from(pair(table, at + 3)? & 0xFFF);
    }
    Some(found)
}
