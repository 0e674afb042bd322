//! A stretch of a recording's coded pictures in memory, and the decoding of a few of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, Span};

use crate::ffi::decoder::{Decoded, Decoder};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::input::Stream;
use crate::ffi::{FLICKS, time};
use crate::h264::{self, Framing, unit};
use crate::media::Media;
use crate::packets::{PacketKind, Packets};

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
/// its end. Their stamps count flicks on the recording's line.
pub(crate) struct Coded {
    packets: Packets,
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
        source: &Arc<dyn ByteSource>,
        media: &Media,
        span: Span,
    ) -> Result<Result<Self, String>> {
        for back_s in [0.0, 5.0, 30.0] {
            let back = MediaDuration::from_seconds(back_s);
            let packets = Packets::open(source, media, span, back)?;
            let described = packets.pictures().and_then(|s| h264::described(s.description()));
            let Some((framing, sets)) = described else {
                return Ok(Err("the container's parameter sets cannot be read".to_owned()));
            };
            let mut coded = Self { packets, pictures: Vec::new(), framing, sets };
            match coded.fill(span)? {
                Err(reason) => return Ok(Err(reason)),
                Ok(()) if coded.pictures.first().is_some_and(|first| first.at <= span.start) => {
                    return Ok(Ok(coded));
                }
                Ok(()) if coded.packets.begins().from_start => return Ok(Ok(coded)),
                Ok(()) => {}
            }
        }
        Ok(Err("its key pictures cannot be found".to_owned()))
    }

    fn fill(&mut self, span: Span) -> Result<Result<(), String>> {
        let (mut bytes, mut after) = (0usize, 0);
        let key = self.packets.begins().key;
        let mut packet = Packet::new()?;
        while let Some(kind) = self.packets.next(&mut packet)? {
            if kind != PacketKind::Picture {
                continue;
            }
            let Some(at) = time(packet.pts(), FLICKS) else {
                return Ok(Err("a picture has no time stamp".to_owned()));
            };
            let early = key.is_some_and(|key| at < key);
            if self.pictures.is_empty() && (early || !packet.is_key()) {
                continue;
            }
            bytes = bytes.saturating_add(packet.bytes().len());
            if bytes > BYTES_MAX {
                return Ok(Err(format!("its pictures take more than {} MB", BYTES_MAX >> 20)));
            }
            after += usize::from(at >= span.end);
            let Some(units) = h264::units(packet.bytes(), self.framing) else {
                return Ok(Err(format!("the picture at {at} is framed wrongly")));
            };
            let is_idr = units.iter().any(|unit| h264::kind(unit) == unit::IDR);
            let packet = std::mem::replace(&mut packet, Packet::new()?);
            self.pictures.push(CodedPicture { packet, at, is_idr });
            if after > AFTER_END {
                break;
            }
        }
        Ok(Ok(()))
    }

    /// The pictures' stream, for decoders and muxers.
    pub fn stream(&self) -> Result<Stream<'_>> {
        self.packets.pictures().ok_or_else(|| Error::new(Kind::Bug, "its stream is gone"))
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
        let mut decoder = Decoder::open(&self.stream()?, 1)?;
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
