//! A finished clip taken apart into coded pictures and decoded sound, and put together again: what a
//! remix, which codes its pictures itself, needs of this crate.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result};

use crate::encode::EncodeSettings;
use crate::ffi::decoder::Decoder;
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::muxer::Track;
use crate::media::Media;
use crate::mux::mux;
use crate::packets::{PacketKind, Packets};
use crate::sound_track::encoded_sound;
use crate::sounds::Sounds;
use crate::window::{Sink, SoundRun, sound_format};

/// A coded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedPicture {
    /// As its codec writes it, lengths before units.
    pub bytes: Vec<u8>,
    /// Which picture of the clip it is, from 0, in the order of showing.
    pub number: u64,
    /// Whether decoding can begin with it.
    pub is_key: bool,
}

/// Coded pictures in the order of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedPictures {
    /// Such as `h264`.
    pub codec: String,
    /// The codec's description of the stream (`avcC` of H.264).
    pub description: Vec<u8>,
    /// Pictures a second, as a fraction.
    pub rate: (i32, i32),
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The pictures.
    pub pictures: Vec<CodedPicture>,
}

/// Decoded sound from a clip's first picture on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// Hertz.
    pub sample_rate: u32,
    /// One list a channel, equally long, -1 to 1 (coded sound may go beyond).
    pub channels: Vec<Vec<f32>>,
}

/// Reads a clip's coded pictures, and decodes its sound where it has any. The sound is as long as
/// the pictures: silence fills what is missing.
///
/// # Errors
/// `Unsupported` where it has no pictures; `Malformed` where a picture has no time; `Io` where the
/// source fails.
pub fn take_apart(
    source: &Arc<dyn ByteSource>,
    media: &Media,
) -> Result<(CodedPictures, Option<Sound>)> {
    let info = &media.info;
    let named = |error: Error| error.in_file(info.name.clone());
    let video = info.require_video()?;
    let mut packets = Packets::open(source, media, info.span(), MediaDuration::ZERO)?;
    let (codec, description) = match packets.pictures() {
        Some(stream) => (stream.codec(), stream.description().to_vec()),
        None => return Err(named(Error::new(Kind::Unsupported, "has no pictures"))),
    };
    let mut sounds = match (sound_format(info), packets.sounds()) {
        (Some((rate, channels)), Some(stream)) => {
            let decoder = Decoder::open(&stream, 1).map_err(named)?;
            Some((Sounds::new(decoder, rate, channels), Gathered::new(rate, channels)))
        }
        _ => None,
    };
    let mut pictures = Vec::new();
    let mut packet = Packet::new()?;
    while let Some(kind) = packets.next(&mut packet)? {
        if kind == PacketKind::Picture {
            let at = MediaTime::from_flicks(packet.pts()) - MediaTime::ZERO;
            let number = at.ticks(video.rate.1, video.rate.0);
            let number = u64::try_from(number).map_err(|_| {
                named(Error::new(Kind::Malformed, "a picture lies before the clip's first one"))
            })?;
            let bytes = packet.bytes().to_vec();
            pictures.push(CodedPicture { bytes, number, is_key: packet.is_key() });
        } else if let Some((sounds, gathered)) = sounds.as_mut() {
            sounds.decoder.send(Some(&packet))?;
            sounds.drain(info.span(), false, gathered)?;
        }
    }
    let sound = match sounds {
        Some((mut sounds, mut gathered)) => {
            sounds.decoder.send(None)?;
            sounds.drain(info.span(), false, &mut gathered)?;
            sounds.release(&mut gathered)?;
            Some(gathered.sound(info.duration))
        }
        None => None,
    };
    let (width, height, rate) = (video.width, video.height, video.rate);
    Ok((CodedPictures { codec, description, rate, width, height, pictures }, sound))
}

/// Puts H.264 pictures and sound together to an MP4, its index in front, coded like other clips.
/// Colours and shape of the pixels are those of the clip that the pictures were made of.
///
/// # Errors
/// `Bug` where the pictures are not what the muxer takes; `Limit` beyond 512 MiB.
pub fn put_together(
    of: (&Arc<dyn ByteSource>, &Media),
    pictures: &CodedPictures,
    sound: Option<&Sound>,
    settings: &EncodeSettings,
) -> Result<Arc<[u8]>> {
    let (source, media) = of;
    let packets = Packets::open(source, media, media.info.span(), MediaDuration::ZERO)?;
    let Some(stream) = packets.pictures() else {
        return Err(Error::new(Kind::Unsupported, "has no pictures"));
    };
    let track = Track::copied(&stream, pictures.rate, &pictures.description)?;
    let ordered = pictures.pictures.iter().enumerate();
    // Pictures are decoded one a tick, early enough that each is there when it is shown.
    let delay = ordered.clone().map(|(at, p)| at as i64 - p.number as i64).max().unwrap_or(0);
    let coded = ordered.map(|(at, picture)| {
        let stamps = (picture.number as i64, at as i64 - delay);
        Packet::from_bytes(&picture.bytes, stamps, 1, picture.is_key)
    });
    let mut tracks = vec![(track, coded.collect::<Result<_>>()?)];
    if let Some(sound) = sound {
        tracks.push(encoded_sound(sound.sample_rate, &sound.channels, settings)?);
    }
    mux(tracks)
}

/// Runs of sound on their way to one list a channel.
struct Gathered(Sound);

impl Gathered {
    fn new(sample_rate: u32, channels: usize) -> Self {
        Self(Sound { sample_rate, channels: vec![Vec::new(); channels] })
    }

    fn sound(mut self, length: MediaDuration) -> Sound {
        let samples = usize::try_from(length.samples(self.0.sample_rate)).unwrap_or(0);
        self.0.channels.iter_mut().for_each(|channel| channel.resize(samples, 0.0));
        self.0
    }
}

impl Sink for Gathered {
    fn picture(&mut self, _: &Frame, _: MediaTime, _: MediaDuration) -> Result<()> {
        Ok(())
    }

    fn sound(&mut self, run: &SoundRun) -> Result<()> {
        let at = (run.time - MediaTime::ZERO).samples(self.0.sample_rate);
        for (channel, samples) in self.0.channels.iter_mut().zip(&run.planes) {
            crate::sound_track::place(channel, at, samples);
        }
        Ok(())
    }
}
