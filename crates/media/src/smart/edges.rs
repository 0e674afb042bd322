//! The pictures of a clip that cannot be copied, encoded so that they can stand beside those that are.

use reprise_model::{Error, Kind, Result};

use super::plan::Plan;
use crate::encode::{EncodeSettings, gop, pairs};
use crate::ffi::encoder::{Encoder, PictureSettings};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::muxer::Track;
use crate::h264::{self, Framing, Slice, Sps, unit};
use crate::smart::coded::Coded;

/// The encoder whose parameter sets can be numbered.
pub(crate) const ENCODER: &str = "libx264";

/// Options that the neighbours decide, not the profile.
const OVERRULED: [&str; 6] =
    ["bf", "b-pyramid", "b_pyramid", "forced-idr", "x264opts", "x264-params"];

/// A coded picture of the clip, its units each after four bytes of length.
struct Sample {
    number: u64,
    bytes: Vec<u8>,
    is_key: bool,
}

/// Encodes the pictures before and after the copied ones.
pub(crate) struct Edges<'a> {
    settings: &'a EncodeSettings,
    rate: (i32, i32),
    encoder: Option<Encoder>,
    /// Number of each picture that was sent; `None` for one that is thrown away.
    sent: Vec<Option<u64>>,
    samples: Vec<Sample>,
}

impl<'a> Edges<'a> {
    pub fn new(settings: &'a EncodeSettings, rate: (i32, i32)) -> Self {
        Self { settings, rate, encoder: None, sent: Vec::new(), samples: Vec::new() }
    }

    /// Encodes picture `number`. Numbers must rise.
    pub fn push(&mut self, frame: &Frame, number: u64, plan: &Plan) -> Result<()> {
        if self.encoder.is_none() {
            self.encoder = Some(self.open(frame, plan)?);
        }
        let is_first = number == 0 || number == plan.kept.end;
        // One IDR picture right before another must have a different number; ours begin with 0.
        if number == 0 && plan.kept.start == 1 && plan.first_idr == 0 {
            self.send(frame, None, true)?;
        }
        self.send(frame, Some(number), is_first)
    }

    fn send(&mut self, frame: &Frame, number: Option<u64>, is_key: bool) -> Result<()> {
        let mut frame = frame.share()?;
        frame.set_stamp(self.sent.len() as i64);
        if is_key {
            frame.want_key();
        }
        self.sent.push(number);
        if let Some(encoder) = self.encoder.as_mut() {
            encoder.send(Some(&frame))?;
        }
        self.collect()
    }

    fn open(&self, first: &Frame, plan: &Plan) -> Result<Encoder> {
        let own = &self.settings.video_options;
        let mut options = pairs(own);
        options.retain(|(key, _)| !OVERRULED.contains(key));
        let mut parameters = String::new();
        for key in ["x264opts", "x264-params"] {
            if let Some(value) = own.get(key) {
                parameters.push_str(value);
                parameters.push(':');
            }
        }
        parameters.push_str(&format!("sps-id={}:open-gop=0:annexb=1", plan.free_id));
        // No more pictures out of order than the neighbours have.
        match plan.reorder {
            0 => parameters.push_str(":bframes=0"),
            1 => parameters.push_str(":b-pyramid=none"),
            _ => {}
        }
        options.push(("x264-params", &parameters));
        options.push(("forced-idr", "1"));
        let aspect = match plan.shape.aspect {
            (0, _) | (_, 0) => (0, 1),
            _ => (1, 1),
        };
        Encoder::pictures(
            first,
            &PictureSettings {
                encoder: ENCODER,
                rate: self.rate,
                threads: self.settings.video_threads,
                gop: gop(self.settings, self.rate),
                aspect,
                options: &options,
            },
        )
    }

    fn collect(&mut self) -> Result<()> {
        let Some(encoder) = self.encoder.as_mut() else { return Ok(()) };
        let mut packet = Packet::new()?;
        while encoder.receive(&mut packet)? {
            let index = usize::try_from(packet.pts()).ok();
            let number = index.and_then(|index| self.sent.get(index)).copied();
            let Some(number) = number else { return Err(broken("a picture nobody sent")) };
            let Some(number) = number else { continue };
            let bytes = sample(packet.bytes(), Framing::AnnexB)
                .ok_or_else(|| broken("a packet without start codes"))?;
            self.samples.push(Sample { number, bytes, is_key: packet.is_key() });
        }
        Ok(())
    }

    /// Puts everything together: the track and its packets, in the order of decoding.
    pub fn finish(mut self, coded: &Coded, plan: &Plan) -> Result<(Track, Vec<Packet>)> {
        let (mut sps, mut pps): (Vec<&[u8]>, Vec<&[u8]>) =
            (vec![&plan.sps], plan.pps.iter().map(Vec::as_slice).collect());
        let described;
        if let Some(encoder) = self.encoder.as_mut() {
            encoder.send(None)?;
            self.collect()?;
            described =
                self.encoder.as_ref().and_then(|encoder| h264::described(encoder.description()));
            for set in described.iter().flat_map(|(_, sets)| sets) {
                match h264::kind(set) {
                    unit::SPS => {
                        fits(set, plan)?;
                        sps.push(set);
                    }
                    unit::PPS => pps.push(set),
                    _ => {}
                }
            }
            if sps.len() != 2 {
                return Err(broken("no parameter set of its own"));
            }
        }
        let description =
            h264::description(&sps, &pps).ok_or_else(|| broken("too many parameter sets"))?;
        let stream = coded.stream()?;
        let track = Track::copied(&stream, self.rate, &description)?;

        let (head, tail): (Vec<Sample>, Vec<Sample>) =
            self.samples.into_iter().partition(|sample| sample.number < plan.kept.start);
        let mut middle = Vec::new();
        for (place, picture) in coded.pictures.iter().enumerate().take(plan.copied.end) {
            if place < plan.copied.start {
                continue;
            }
            let number = plan.numbers.get(place).copied().flatten();
            let bytes = sample(picture.packet.bytes(), coded.framing);
            let (Some(number), Some(bytes)) = (number, bytes) else {
                return Err(broken("a copied picture without a place"));
            };
            middle.push(Sample { number, bytes, is_key: picture.is_idr });
        }
        let samples: Vec<Sample> = head.into_iter().chain(middle).chain(tail).collect();
        let own = sps.get(1).and_then(|set| Sps::parse(set));
        let number = |sample: &Sample| {
            let is_copied = plan.is_copied(sample.number);
            idr_number(sample, if is_copied { &plan.shape } else { own.as_ref()? })
        };
        for pair in samples.windows(2) {
            if pair.iter().all(|sample| sample.is_key) && number(&pair[0]) == number(&pair[1]) {
                return Err(broken("two IDR pictures in a row with one number"));
            }
        }
        // Pictures are decoded one a tick, early enough that each is there when it is shown.
        let delay = samples
            .iter()
            .enumerate()
            .map(|(order, sample)| order as i64 - sample.number as i64)
            .max()
            .unwrap_or(0);
        let packets = samples.iter().enumerate().map(|(order, sample)| {
            let stamps = (sample.number as i64, order as i64 - delay);
            Packet::from_bytes(&sample.bytes, stamps, 1, sample.is_key)
        });
        Ok((track, packets.collect::<Result<_>>()?))
    }
}

/// Whether an encoder's parameter set can stand beside the recording's.
fn fits(set: &[u8], plan: &Plan) -> Result<()> {
    let sps = Sps::parse(set).ok_or_else(|| broken("a parameter set that cannot be read"))?;
    let theirs = &plan.shape;
    let same = (sps.width, sps.height, sps.chroma_format, sps.bit_depth)
        == (theirs.width, theirs.height, theirs.chroma_format, theirs.bit_depth);
    if !same || !sps.frames_only || sps.id != plan.free_id {
        return Err(broken("a parameter set that does not fit"));
    }
    if sps.reorder.is_none_or(|reorder| reorder > plan.reorder) && sps.order_type != 2 {
        return Err(broken("more pictures out of order than the recording has"));
    }
    Ok(())
}

/// The number that an IDR picture gives itself.
fn idr_number(sample: &Sample, sps: &Sps) -> Option<u32> {
    let units = h264::units(&sample.bytes, Framing::Length(4))?;
    let slice = units.into_iter().find(|unit| h264::kind(unit) == unit::IDR)?;
    Slice::parse(slice, sps).and_then(|slice| slice.idr)
}

/// A packet's units as an MP4 keeps them: each after four bytes of length, without what the
/// description already says and what only a stream of bytes needs.
fn sample(packet: &[u8], framing: Framing) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(packet.len() + 16);
    for unit in h264::units(packet, framing)? {
        if matches!(
            h264::kind(unit),
            0 | unit::SPS
                | unit::PPS
                | unit::DELIMITER
                | unit::END_OF_SEQUENCE
                | unit::END_OF_STREAM
                | unit::FILLER
                | 24..
        ) {
            continue;
        }
        out.extend(u32::try_from(unit.len()).ok()?.to_be_bytes());
        out.extend_from_slice(unit);
    }
    (!out.is_empty()).then_some(out)
}

fn broken(what: &str) -> Error {
    Error::new(Kind::Bug, format!("the encoder of the edges gave {what}"))
}
