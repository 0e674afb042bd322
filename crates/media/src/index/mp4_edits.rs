//! Edit lists of MP4 tracks, of the kinds that muxers write: a delay, and one segment.

use reprise_model::Result;

use super::mp4_boxes::{Placed, child};
use super::mp4_tracks::inner;
use super::peek::{Peek, four, number};

/// Bytes of a list.
const MAX_LIST: u64 = 4 << 10;

/// An edit list of at most an empty edit and one segment.
pub(crate) struct Edits {
    /// Ticks before the segment.
    pub empty: i64,
    /// Which ticks of the track are shown; `None` where there is no list.
    pub segment: Option<(i64, i64)>,
}

impl Edits {
    /// Reads the list of a track; `None` where it is of another kind.
    pub fn read(
        peek: &mut Peek<'_>,
        trak: &[Placed],
        scale: u32,
        movie_scale: u32,
    ) -> Result<Option<Self>> {
        let mut edits = Self { empty: 0, segment: None };
        let Some(edts) = inner(peek, trak, b"edts")? else { return Ok(Some(edits)) };
        let Some(elst) = child(&edts, b"elst") else { return Ok(Some(edits)) };
        if elst.len() > MAX_LIST {
            return Ok(None);
        }
        let list = peek.bytes(elst.content, elst.len() as usize)?;
        let wide = if list.first() == Some(&1) { 8 } else { 4 };
        let count = four(list, 4).unwrap_or(0);
        if count > 2 {
            return Ok(None);
        }
        let scaled = |ticks: u64| {
            let (ticks, by) = (u128::from(ticks), u128::from(movie_scale.max(1)));
            i64::try_from((ticks * u128::from(scale) + by / 2) / by).ok().filter(|&t| t < 1 << 60)
        };
        for index in 0..count as usize {
            let at = 8 + index * (2 * wide + 4);
            let (Some(length), Some(start), Some(rate)) =
                (number(list, at, wide), number(list, at + wide, wide), four(list, at + 2 * wide))
            else {
                return Ok(None);
            };
            let start = if wide == 4 { i64::from(start as u32 as i32) } else { start as i64 };
            let Some(length) = scaled(length) else { return Ok(None) };
            if start == -1 && index == 0 {
                edits.empty = length;
            } else if (0..1 << 60).contains(&start) && edits.segment.is_none() && rate == 0x1_0000 {
                edits.segment = Some((start, start + length));
            } else {
                return Ok(None);
            }
        }
        // A list of nothing but an empty edit shows nothing.
        Ok((edits.segment.is_some() || edits.empty == 0).then_some(edits))
    }
}
