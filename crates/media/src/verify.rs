//! Holds a finished clip against what it was made of: its packets' time line, and some of its
//! pictures decoded from the file that ships.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use reprise_model::bytes::MemorySource;
use reprise_model::{Error, Kind, Result};
use xxhash_rust::xxh3::Xxh3;

use crate::ffi::decoder::{Decoded, Decoder};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::input::Input;
use crate::view::PictureView;

/// Side of the blocks that pictures are averaged to, in luma pixels.
const BLOCK: usize = 16;
/// An encoded picture's blocks may be off by so many levels in the mean. Measured on 223 pictures of
/// people who talk: at most 0.21 at crf 21, 0.97 at crf 35; a picture from 1 s later is off by 1.7 to
/// 6.5.
const MEAN_MAX: f32 = 4.0;
/// The same for the worst block. Measured: at most 3 at crf 21, 14 at crf 35; a picture from 1 s
/// later is off by 107 and more, one from 5 pictures later by 25 to 143, and the next one may look
/// the same. So this tells damage and wrong pictures; in which order pictures come is told by
/// their time stamps.
const WORST_MAX: u8 = 48;

/// A hash over all samples of a picture.
pub(crate) fn fingerprint(picture: &PictureView<'_>) -> u128 {
    let mut hash = Xxh3::new();
    let planes = [
        (picture.luma, picture.luma_stride, picture.width, picture.height),
        (picture.blue, picture.chroma_stride, picture.chroma_width, picture.chroma_height),
        (picture.red, picture.chroma_stride, picture.chroma_width, picture.chroma_height),
    ];
    for (plane, stride, width, height) in planes {
        for row in plane.chunks(stride.max(1)).take(height) {
            hash.update(&row[..width.min(row.len())]);
        }
    }
    hash.digest128()
}

/// Block means of a picture, of its three planes one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Means(Vec<u8>);

impl Means {
    pub fn of(picture: &PictureView<'_>) -> Self {
        let mut means = Vec::new();
        let (width, height) = (picture.width, picture.height);
        add_means::<BLOCK>(picture.luma, picture.luma_stride, (width, height), &mut means);
        let size = (picture.chroma_width, picture.chroma_height);
        for plane in [picture.blue, picture.red] {
            add_means::<{ BLOCK / 2 }>(plane, picture.chroma_stride, size, &mut means);
        }
        Self(means)
    }

    /// What is wrong with `other`, if it is meant to show the same.
    fn fault(&self, other: &Self) -> Option<String> {
        if self.0.len() != other.0.len() {
            return Some("has another size".to_owned());
        }
        let (mut total, mut worst) = (0u64, 0u8);
        for (a, b) in self.0.iter().zip(&other.0) {
            let off = a.abs_diff(*b);
            total += u64::from(off);
            worst = worst.max(off);
        }
        let mean = total as f32 / self.0.len().max(1) as f32;
        (mean > MEAN_MAX || worst > WORST_MAX).then(|| {
            format!("is off by {mean:.1} levels in the mean and {worst} in the worst block")
        })
    }
}

/// Means of the whole blocks of a plane; every second row is read.
fn add_means<const N: usize>(
    plane: &[u8],
    stride: usize,
    (width, height): (usize, usize),
    means: &mut Vec<u8>,
) {
    let columns = width / N;
    let mut sums = vec![0u32; columns];
    for row in 0..height / N {
        sums.fill(0);
        for y in (row * N..(row + 1) * N).step_by(2) {
            let Some(line) = plane.get(y * stride..y * stride + columns * N) else { break };
            let (blocks, _) = line.as_chunks::<N>();
            for (sum, block) in sums.iter_mut().zip(blocks) {
                let total = block.iter().fold(0u32, |total, &s| total.wrapping_add(u32::from(s)));
                *sum = sum.wrapping_add(total);
            }
        }
        let samples = (N * N / 2) as u32;
        means.extend(sums.iter().map(|sum| ((sum + samples / 2) / samples).min(255) as u8));
    }
}

/// What a picture of the clip must be.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Every sample as in the recording.
    Same(u128),
    /// Like what went into the encoder.
    Like(Means),
}

/// The pictures' packets of a finished clip, in the order of decoding.
pub(crate) struct Finished {
    input: Input,
    stream: usize,
    packets: Vec<Packet>,
    /// Number of the picture that each packet shows.
    numbers: Vec<u64>,
}

impl Finished {
    /// Reads a finished clip and checks that its pictures stand on a grid of `rate` without a gap,
    /// `count` of them, the first at zero and a key picture.
    ///
    /// # Errors
    /// `Bug`, with what is wrong.
    pub fn open(mp4: &Arc<[u8]>, rate: (i32, i32), count: u64) -> Result<Self> {
        let source = MemorySource::new("the finished clip", Arc::clone(mp4));
        let mut input = Input::open_header(Arc::new(source))?;
        let stream = input
            .best(crate::ffi::av::AVMediaType::AVMEDIA_TYPE_VIDEO)
            .ok_or_else(|| wrong("has no pictures".to_owned()))?;
        input.keep(&[stream]);
        let base = input.stream(stream)?.time_base();
        let number = |stamp: i64| -> Option<i128> {
            let ticks = i128::from(stamp) * i128::from(base.num) * i128::from(rate.0);
            let one = i128::from(base.den) * i128::from(rate.1);
            (one > 0 && ticks % one == 0).then(|| ticks / one)
        };
        let (mut packets, mut numbers) = (Vec::new(), Vec::new());
        let mut shown = vec![false; usize::try_from(count).unwrap_or(usize::MAX).min(1 << 20)];
        let mut last = None;
        let mut packet = Packet::new()?;
        while input.read(&mut packet)? {
            if packet.stream() != stream {
                continue;
            }
            let at = packets.len();
            let (Some(pts), Some(dts)) = (number(packet.pts()), number(packet.dts())) else {
                return Err(wrong(format!("packet {at} is off the grid")));
            };
            if dts > pts || last.is_some_and(|last| dts <= last) {
                return Err(wrong(format!("packet {at} is decoded at {dts} and shown at {pts}")));
            }
            last = Some(dts);
            match usize::try_from(pts).ok().and_then(|pts| shown.get_mut(pts)) {
                Some(shown) if !*shown => *shown = true,
                _ => return Err(wrong(format!("packet {at} is shown at {pts}"))),
            }
            if packet.is_discarded() {
                return Err(wrong(format!("packet {at} is hidden by an edit list")));
            }
            if at == 0 && (pts != 0 || !packet.is_key()) {
                return Err(wrong("does not begin with a key picture at zero".to_owned()));
            }
            numbers.push(u64::try_from(pts).unwrap_or(0));
            packets.push(packet);
            packet = Packet::new()?;
        }
        if packets.len() as u64 != count {
            return Err(wrong(format!("has {} pictures instead of {count}", packets.len())));
        }
        Ok(Self { input, stream, packets, numbers })
    }

    /// Where key pictures lie, in the order of decoding.
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        (0..self.packets.len()).filter(|&at| self.packets[at].is_key())
    }

    /// Checks that no two key pictures are further apart than `gop`.
    ///
    /// # Errors
    /// `Bug`, with the place.
    pub fn check_keys(&self, gop: u64) -> Result<()> {
        let mut last = 0;
        for at in self.keys() {
            let number = self.numbers[at];
            if number.saturating_sub(last) > gop {
                return Err(wrong(format!("has no key picture between {last} and {number}")));
            }
            last = number;
        }
        Ok(())
    }

    /// Decodes the packets of each range, which begins with a key picture or is empty, and compares every
    /// picture of which something is expected. Every picture must come, in its place.
    ///
    /// # Errors
    /// `Bug`, with the picture that is missing or other than expected.
    pub fn compare(
        &self,
        ranges: &[Range<usize>],
        expected: &BTreeMap<u64, Expected>,
    ) -> Result<()> {
        let stream = self.input.stream(self.stream)?;
        let base = stream.time_base();
        let mut decoder = Decoder::open(&stream, 1)?;
        let mut frame = Frame::new()?;
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let Some(packets) = self.packets.get(range.clone()) else {
                return Err(wrong("is shorter than planned".to_owned()));
            };
            let mut due: BTreeMap<i64, u64> = packets
                .iter()
                .zip(&self.numbers[range.clone()])
                .map(|(packet, &number)| (packet.pts(), number))
                .collect();
            for packet in packets.iter().map(Some).chain([None]) {
                decoder.send(packet)?;
                while let Decoded::Frame = decoder.receive(&mut frame)? {
                    let Some((&pts, &number)) = due.first_key_value() else {
                        return Err(wrong("gives more pictures than it has".to_owned()));
                    };
                    if frame.stamp() != pts {
                        return Err(wrong(format!("picture {number} is not decoded in its place")));
                    }
                    due.remove(&pts);
                    self.compare_one(&frame, base, number, expected.get(&number))?;
                }
            }
            if let Some((_, number)) = due.first_key_value() {
                return Err(wrong(format!("picture {number} cannot be decoded")));
            }
            if decoder.damaged() > 0 {
                let first = self.numbers.get(range.start).copied().unwrap_or(0);
                return Err(wrong(format!("packets after picture {first} are damaged")));
            }
            decoder.restart();
        }
        Ok(())
    }

    fn compare_one(
        &self,
        frame: &Frame,
        base: crate::ffi::av::AVRational,
        number: u64,
        expected: Option<&Expected>,
    ) -> Result<()> {
        let Some(expected) = expected else { return Ok(()) };
        let at = frame.time(base).unwrap_or_default();
        let Some(view) = frame.picture(at, Default::default()) else {
            return Err(wrong(format!("picture {number} is not 8-bit 4:2:0")));
        };
        if view.corrupt {
            return Err(wrong(format!("picture {number} is damaged")));
        }
        match expected {
            Expected::Same(hash) if fingerprint(&view) == *hash => Ok(()),
            Expected::Same(_) => {
                Err(wrong(format!("picture {number} was copied and is not the recording's")))
            }
            Expected::Like(means) => match means.fault(&Means::of(&view)) {
                Some(fault) => Err(wrong(format!("picture {number} {fault}"))),
                None => Ok(()),
            },
        }
    }
}

/// Verifies what an encoder made: the time line, the distances of key pictures, and each key
/// picture against what went into the encoder there.
///
/// # Errors
/// `Bug`, with what is wrong.
pub(crate) fn verify_encoded(
    mp4: &Arc<[u8]>,
    rate: (i32, i32),
    count: u64,
    gop: u64,
    keys: &BTreeMap<u64, Expected>,
) -> Result<()> {
    let finished = Finished::open(mp4, rate, count)?;
    finished.check_keys(gop)?;
    let ranges: Vec<Range<usize>> = finished.keys().map(|at| at..at + 1).collect();
    if let Some(range) = ranges.iter().find(|r| !keys.contains_key(&finished.numbers[r.start])) {
        let number = finished.numbers[range.start];
        return Err(wrong(format!("picture {number} is a key picture nobody made")));
    }
    finished.compare(&ranges, keys)
}

fn wrong(what: String) -> Error {
    Error::new(Kind::Bug, format!("the finished clip does not hold what went into it: {what}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::{MediaDuration, MediaTime};

    use super::*;

    fn picture<'a>(luma: &'a [u8], chroma: &'a [u8], stride: usize) -> PictureView<'a> {
        PictureView {
            time: MediaTime::ZERO,
            duration: MediaDuration::ZERO,
            width: 64,
            height: 32,
            luma,
            luma_stride: stride,
            blue: chroma,
            red: chroma,
            chroma_stride: stride / 2,
            chroma_width: 32,
            chroma_height: 16,
            full_range: false,
            corrupt: false,
        }
    }

    #[test]
    fn padding_is_no_part_of_a_picture_and_every_sample_is() {
        let (mut luma, mut chroma) = (vec![90u8; 80 * 32], vec![120u8; 40 * 16]);
        let first = fingerprint(&picture(&luma, &chroma, 80));
        luma[80 + 70] = 1;
        chroma[40 + 33] = 1;
        assert_eq!(fingerprint(&picture(&luma, &chroma, 80)), first);
        luma[80 + 63] = 91;
        assert_ne!(fingerprint(&picture(&luma, &chroma, 80)), first);
    }

    #[test]
    fn noise_passes_and_another_picture_does_not() {
        let chroma = vec![120u8; 32 * 16];
        let luma: Vec<u8> = (0..64 * 32).map(|at| (at % 64 * 2) as u8).collect();
        let noisy: Vec<u8> = luma.iter().enumerate().map(|(at, &l)| l + (at % 3) as u8).collect();
        let other: Vec<u8> = luma.iter().rev().copied().collect();
        let means = |luma: &[u8]| Means::of(&picture(luma, &chroma, 64));
        assert_eq!(means(&luma).fault(&means(&noisy)), None);
        assert!(means(&luma).fault(&means(&other)).is_some());
    }
}
