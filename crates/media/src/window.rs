//! Decodes one window of a recording, once, from the key picture before it.

use std::sync::Arc;

use reprise_model::clip::ByteRange;
use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::ffi::decoder::Decoder;
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::{FLICKS, time};
use crate::h264;
use crate::media::{Media, MediaInfo};
use crate::packets::{PacketKind, Packets};
use crate::pictures::Pictures;
use crate::sounds::Sounds;
use crate::view::{Observer, SoundView};

/// Sound decoded and dropped before the window: a decoder's first frame is not yet whole.
const SOUND_PREROLL: MediaDuration = MediaDuration::from_millis(150);
/// How far the file may run past the window while one of its streams has not reached the end.
const OVERRUN_S: f64 = 10.0;

/// What to decode of a window.
#[derive(Clone, Copy, Debug)]
pub struct WindowOptions {
    /// Which stretch, from the recording's first picture.
    pub span: Span,
    /// Size of the pictures handed out; `None` for the recording's own.
    pub size: Option<(u32, u32)>,
    /// Threads of the picture decoder.
    pub threads: u32,
}

/// How a window's decoding went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WindowStats {
    /// Pictures handed out.
    pub pictures: u64,
    /// Packets that could not be decoded.
    pub damaged_packets: u64,
    /// Pictures of H.264 that nothing after them looks behind (IDR), in order.
    pub idr: Vec<MediaTime>,
    /// Bytes of the source that were read.
    pub byte_ranges: Vec<ByteRange>,
}

/// A decoded run of sound: planar, on the recording's time line.
pub(crate) struct SoundRun {
    pub time: MediaTime,
    pub sample_rate: u32,
    pub planes: Vec<Vec<f32>>,
}

/// Takes what a window's decoding gives.
pub(crate) trait Sink {
    /// A picture, upright 8-bit 4:2:0, in the order of time.
    fn picture(&mut self, frame: &Frame, time: MediaTime, duration: MediaDuration) -> Result<()>;
    /// A run of sound.
    fn sound(&mut self, run: &SoundRun) -> Result<()>;
}

/// Decodes a window and shows it to `observer`. The picture that stands at the window's start is
/// shown first, even if it came up earlier.
///
/// # Errors
/// `Malformed` where the window cannot be decoded; `Io` where the source fails.
pub fn look(
    source: Arc<dyn ByteSource>,
    media: &Media,
    options: &WindowOptions,
    observer: &mut dyn Observer,
) -> Result<WindowStats> {
    struct Show<'a>(&'a mut dyn Observer);
    impl Sink for Show<'_> {
        fn picture(&mut self, frame: &Frame, at: MediaTime, length: MediaDuration) -> Result<()> {
            show_picture(self.0, frame, at, length);
            Ok(())
        }
        fn sound(&mut self, run: &SoundRun) -> Result<()> {
            show_sound(self.0, run);
            Ok(())
        }
    }
    decode(&source, media, options, &mut Show(observer))
}

pub(crate) fn show_picture(
    observer: &mut dyn Observer,
    frame: &Frame,
    at: MediaTime,
    length: MediaDuration,
) {
    if let Some(view) = frame.picture(at, length) {
        observer.picture(&view);
    }
}

pub(crate) fn show_sound(observer: &mut dyn Observer, run: &SoundRun) {
    let channels: Vec<&[f32]> = run.planes.iter().map(Vec::as_slice).collect();
    observer.sound(&SoundView {
        time: run.time,
        sample_rate: run.sample_rate,
        channels: &channels,
    });
}

/// Sample rate and channels that a recording's sound is handed out in.
pub fn sound_format(info: &MediaInfo) -> Option<(u32, usize)> {
    let audio = info.audio.as_ref()?;
    let rate =
        if matches!(audio.sample_rate, 44_100 | 48_000) { audio.sample_rate } else { 48_000 };
    Some((rate, if audio.channels == 1 { 1 } else { 2 }))
}

pub(crate) fn decode(
    source: &Arc<dyn ByteSource>,
    media: &Media,
    options: &WindowOptions,
    sink: &mut dyn Sink,
) -> Result<WindowStats> {
    let name = || media.info.name.clone();
    if options.span.is_empty() {
        return Err(Error::new(Kind::Usage, "the window is empty").in_file(name()));
    }
    // What was found as a key picture may be none, and a seek may land behind it (MPEG-TS): what
    // was decoded decides, and each new try starts earlier, the last at the first byte.
    let whole = options.span.start - MediaTime::ZERO + MediaDuration::from_millis(1000);
    let back = [0, 5_000, 30_000].map(MediaDuration::from_millis);
    for back in back.into_iter().filter(|&back| back < whole).chain([whole]) {
        let packets = Packets::open(source, media, options.span, back)?;
        let mut window = Window::open(packets, &media.info, options)?;
        if let Some(stats) = window.run(sink)? {
            return Ok(stats);
        }
    }
    Err(Error::new(Kind::Malformed, "no picture can be decoded here")
        .in_file(name())
        .at_time(options.span.start))
}

/// Whether a packet of H.264 holds an IDR picture.
fn has_idr(packet: &Packet, framing: h264::Framing) -> bool {
    packet.is_key()
        && h264::units(packet.bytes(), framing)
            .is_some_and(|units| units.iter().any(|unit| h264::kind(unit) == h264::unit::IDR))
}

struct Window {
    packets: Packets,
    name: String,
    span: Span,
    picture_duration: MediaDuration,
    pictures: Option<Pictures>,
    sounds: Option<Sounds>,
}

impl Window {
    fn open(packets: Packets, info: &MediaInfo, options: &WindowOptions) -> Result<Self> {
        let named = |error: Error| error.in_file(info.name.clone());
        let pictures = match (&info.video, packets.pictures()) {
            (Some(video), Some(stream)) => {
                let decoder = Decoder::open(&stream, options.threads).map_err(named)?;
                Some(Pictures::new(decoder, video, options))
            }
            _ => None,
        };
        let sounds = match (sound_format(info), packets.sounds()) {
            (Some((rate, channels)), Some(stream)) => {
                let decoder = Decoder::open(&stream, 1).map_err(named)?;
                Some(Sounds::new(decoder, rate, channels))
            }
            _ => None,
        };
        let picture_duration =
            info.video.as_ref().map_or(MediaDuration::ZERO, |video| video.picture_duration());
        let (name, span) = (info.name.clone(), options.span);
        Ok(Self { packets, name, span, picture_duration, pictures, sounds })
    }

    /// Decodes the window; `None` where its first picture came too late and nothing was handed out.
    fn run(&mut self, sink: &mut dyn Sink) -> Result<Option<WindowStats>> {
        let begins = self.packets.begins();
        let needs_earlier = !begins.from_start;
        let framing = match self.packets.pictures() {
            Some(stream) if stream.codec() == "h264" => {
                h264::described(stream.description()).map(|(framing, _)| framing)
            }
            _ => None,
        };
        let mut packet = Packet::new()?;
        let mut begun = false;
        let mut idr = Vec::new();
        while let Some(kind) = self.packets.next(&mut packet)? {
            let at = time(packet.stamp(), FLICKS);
            if kind == PacketKind::Picture {
                if !begun {
                    match self.begin(&packet, at, begins.key, needs_earlier) {
                        Begin::Now => begun = true,
                        Begin::Later => continue,
                        Begin::Never => return Ok(None),
                    }
                }
                let Some(pictures) = self.pictures.as_mut() else { continue };
                if pictures.done {
                    if self.finished(at) {
                        break;
                    }
                    continue;
                }
                if let Some(at) = at.filter(|_| framing.is_some_and(|f| has_idr(&packet, f))) {
                    idr.push(at);
                }
                pictures.decoder.send(Some(&packet))?;
                if !pictures.drain(self.span, needs_earlier, &mut self.sounds, sink)? {
                    return Ok(None);
                }
            } else if let Some(sounds) = self.sounds.as_mut().filter(|s| !s.done) {
                if at.is_none_or(|at| at < self.span.start - SOUND_PREROLL) {
                    continue;
                }
                sounds.decoder.send(Some(&packet))?;
                let held = self.pictures.as_ref().is_some_and(|p| !p.verified);
                sounds.drain(self.span, held, sink)?;
            }
            if self.finished(None) {
                break;
            }
        }
        if let Some(pictures) = self.pictures.as_mut().filter(|p| !p.done && begun) {
            pictures.decoder.send(None)?;
            if !pictures.drain(self.span, needs_earlier, &mut self.sounds, sink)? {
                return Ok(None);
            }
            pictures.finish(self.span, sink)?;
        }
        if let Some(sounds) = self.sounds.as_mut() {
            if !sounds.done {
                sounds.decoder.send(None)?;
                sounds.drain(self.span, false, sink)?;
            }
            sounds.release(sink)?;
        }
        let mut stats =
            WindowStats { byte_ranges: self.packets.ranges(), idr, ..WindowStats::default() };
        if let Some(pictures) = &self.pictures {
            if pictures.count == 0 && needs_earlier {
                return Ok(None);
            }
            if pictures.count == 0 {
                return Err(Error::new(Kind::Malformed, "no picture can be decoded here")
                    .in_file(self.name.clone())
                    .at_time(self.span.start));
            }
            stats.pictures = pictures.count;
            stats.damaged_packets = pictures.decoder.damaged();
        }
        stats.damaged_packets += self.sounds.as_ref().map_or(0, |s| s.decoder.damaged());
        Ok(Some(stats))
    }

    /// Whether decoding can begin with this packet.
    fn begin(
        &self,
        packet: &Packet,
        at: Option<MediaTime>,
        key: Option<MediaTime>,
        needs_earlier: bool,
    ) -> Begin {
        let Some(key) = key else {
            return if packet.is_key() { Begin::Now } else { Begin::Later };
        };
        let Some(at) = at.filter(|_| packet.is_key()) else { return Begin::Later };
        if at > key + self.picture_duration && needs_earlier {
            Begin::Never
        } else if at + self.picture_duration > key {
            Begin::Now
        } else {
            Begin::Later
        }
    }

    fn finished(&self, at: Option<MediaTime>) -> bool {
        let pictures = self.pictures.as_ref().is_none_or(|p| p.done);
        let sounds = self.sounds.as_ref().is_none_or(|s| s.done);
        let late = |at: MediaTime| (at - self.span.end).seconds() > OVERRUN_S;
        pictures && (sounds || at.is_some_and(late))
    }
}

enum Begin {
    Now,
    Later,
    Never,
}
