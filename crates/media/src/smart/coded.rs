//! A stretch of a recording's coded pictures in memory, and the decoding of a few of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use reprise_model::{ByteSource, MediaDuration, MediaTime, Result, Span};

use crate::ffi::decoder::{Decoded, Decoder};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::input::Input;
use crate::ffi::time;
use crate::h264::{self, Framing, unit};
use crate::probe::MediaInfo;

/// Coded pictures kept in memory at most: a minute at 34 Mbit/s. Beyond it everything is encoded.
const BYTES_MAX: usize = 256 << 20;
/// Packets at or after the stretch's end before it counts as over: no picture is decoded so long
/// after one that is shown later.
const AFTER_END: usize = 32;

/// One coded picture.
pub(crate) struct CodedPicture {
    pub packet: Packet,
    /// When it is shown, on the recording's line.
    pub at: MediaTime,
    /// Whether it is an IDR picture: nothing after it refers to anything before it.
    pub is_idr: bool,
}

/// Coded pictures in the order of decoding, from the last key picture at or before a stretch to
/// its end.
pub(crate) struct Coded {
    pub input: Input,
    pub stream: usize,
    pub pictures: Vec<CodedPicture>,
    pub framing: Framing,
    /// Parameter sets of the container.
    pub sets: Vec<Vec<u8>>,
}

impl Coded {
    /// Reads them. `Err` inside is the reason why they are no use.
    ///
    /// # Errors
    /// `Io` where the source fails, `Malformed` where it cannot be opened.
    pub fn read(
        source: Arc<dyn ByteSource>,
        info: &MediaInfo,
        stream: usize,
        span: Span,
    ) -> Result<Result<Self, String>> {
        let mut input = Input::open(source)?;
        input.keep(&[stream]);
        if info.format == "FLV" {
            input.add_key_pictures(stream, &info.keys)?;
        }
        let Some((framing, sets)) = h264::described(input.stream(stream)?.description()) else {
            return Ok(Err("the container's parameter sets cannot be read".to_owned()));
        };
        let start = info.file_time(span.start);
        let key = info.keys.iter().rev().map(|k| k.0).find(|&at| at <= start);
        let mut coded = Self { input, stream, pictures: Vec::new(), framing, sets };
        for back_s in [0.0, 5.0, 30.0] {
            let aim = key.unwrap_or(start) - MediaDuration::from_seconds(back_s);
            if aim > info.zero {
                coded.input.seek(stream, aim)?;
            }
            match coded.fill(info, key, span)? {
                Err(reason) => return Ok(Err(reason)),
                Ok(true) => return Ok(Ok(coded)),
                Ok(false) => coded.pictures.clear(),
            }
        }
        Ok(Err("its key pictures cannot be found by seeking".to_owned()))
    }

    /// False where the seek landed behind the key picture.
    fn fill(
        &mut self,
        info: &MediaInfo,
        key: Option<MediaTime>,
        span: Span,
    ) -> Result<Result<bool, String>> {
        let base = self.input.stream(self.stream)?.time_base();
        let (mut bytes, mut after) = (0usize, 0);
        loop {
            let mut packet = Packet::new()?;
            if !self.input.read(&mut packet)? {
                return Ok(Ok(!self.pictures.is_empty()));
            }
            if packet.stream() != self.stream {
                continue;
            }
            let Some(at) = time(packet.pts(), base) else {
                return Ok(Err("a picture has no time stamp".to_owned()));
            };
            if self.pictures.is_empty() {
                match key {
                    Some(key) if packet.is_key() && at > key => return Ok(Ok(false)),
                    Some(key) if at < key || !packet.is_key() => continue,
                    None if !packet.is_key() => continue,
                    _ => {}
                }
            }
            bytes = bytes.saturating_add(packet.bytes().len());
            if bytes > BYTES_MAX {
                return Ok(Err(format!("its pictures take more than {} MB", BYTES_MAX >> 20)));
            }
            let at = info.time_of_file(at);
            after += usize::from(at >= span.end);
            let Some(units) = h264::units(packet.bytes(), self.framing) else {
                return Ok(Err(format!("the picture at {at} is framed wrongly")));
            };
            let is_idr = units.iter().any(|unit| h264::kind(unit) == unit::IDR);
            self.pictures.push(CodedPicture { packet, at, is_idr });
            if after > AFTER_END {
                return Ok(Ok(true));
            }
        }
    }

    /// Decodes the pictures at these places (in the order of decoding) and hands them on by time,
    /// each with its place. What lies between them is decoded only as far as they need it.
    ///
    /// # Errors
    /// As `show`; `Malformed` where the decoder does not start.
    pub fn decode(
        &self,
        wanted: &BTreeSet<usize>,
        show: &mut dyn FnMut(usize, &Frame) -> Result<()>,
    ) -> Result<u64> {
        let mut decoder = Decoder::open(&self.input.stream(self.stream)?, 1)?;
        let starts: Vec<usize> = (0..self.pictures.len())
            .filter(|&place| place == 0 || self.pictures[place].is_idr)
            .collect();
        let mut frame = Frame::new()?;
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(self.pictures.len());
            let Some(&last) = wanted.range(start..end).next_back() else { continue };
            let pictures = &self.pictures[start..=last];
            for packet in pictures.iter().map(|picture| Some(&picture.packet)).chain([None]) {
                decoder.send(packet)?;
                while let Decoded::Frame = decoder.receive(&mut frame)? {
                    let stamp = frame.stamp();
                    let place = pictures.iter().position(|p| p.packet.pts() == stamp);
                    if let Some(place) = place.map(|place| place + start)
                        && wanted.contains(&place)
                    {
                        show(place, &frame)?;
                    }
                }
            }
            decoder.restart();
        }
        Ok(decoder.damaged())
    }
}
