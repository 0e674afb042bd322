//! Decodes one window of a recording, once, from the key picture before it.

use std::sync::Arc;

use reprise_model::clip::ByteRange;
use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, Span};

use crate::ffi::decoder::Decoder;
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::input::Input;
use crate::ffi::time;
use crate::h264;
use crate::pictures::Pictures;
use crate::probe::MediaInfo;
use crate::sounds::Sounds;
use crate::view::{Observer, SoundView};

/// Seeking aims this much before the window, so that sound muxed behind its picture is caught.
const LEAD: MediaDuration = MediaDuration::from_millis(600);
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
#[derive(Clone, Debug, Default)]
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
    info: &MediaInfo,
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
    decode(source, info, options, &mut Show(observer))
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
    source: Arc<dyn ByteSource>,
    info: &MediaInfo,
    options: &WindowOptions,
    sink: &mut dyn Sink,
) -> Result<WindowStats> {
    if options.span.is_empty() {
        return Err(Error::new(Kind::Usage, "the window is empty").in_file(info.name.clone()));
    }
    // A seek may land behind the key picture that is needed (MPEG-TS) or on one that is none: what
    // was decoded decides, and each new try starts earlier, the last at the first byte.
    for back_s in [0.0, 5.0, 30.0, f64::INFINITY] {
        let mut window = Window::open(Arc::clone(&source), info, options)?;
        if let Some(stats) = window.run(back_s, sink)? {
            return Ok(stats);
        }
    }
    Err(Error::new(Kind::Malformed, "no picture can be decoded here")
        .in_file(info.name.clone())
        .at_time(options.span.start))
}

/// Whether a packet of H.264 holds an IDR picture.
fn has_idr(packet: &Packet, framing: h264::Framing) -> bool {
    packet.is_key()
        && h264::units(packet.bytes(), framing)
            .is_some_and(|units| units.iter().any(|unit| h264::kind(unit) == h264::unit::IDR))
}

struct Window<'a> {
    input: Input,
    info: &'a MediaInfo,
    span: Span,
    pictures: Option<Pictures>,
    sounds: Option<Sounds>,
}

impl<'a> Window<'a> {
    fn open(
        source: Arc<dyn ByteSource>,
        info: &'a MediaInfo,
        options: &WindowOptions,
    ) -> Result<Self> {
        let mut input = Input::open(source)?;
        let pictures = match &info.video {
            Some(video) => {
                let decoder = Decoder::open(&input.stream(video.stream)?, options.threads)
                    .map_err(|e| e.in_file(info.name.clone()))?;
                Some(Pictures::new(decoder, video, options))
            }
            None => None,
        };
        let sounds = match (&info.audio, sound_format(info)) {
            (Some(audio), Some((rate, channels))) => {
                let decoder = Decoder::open(&input.stream(audio.stream)?, 1)
                    .map_err(|e| e.in_file(info.name.clone()))?;
                Some(Sounds::new(decoder, rate, channels))
            }
            _ => None,
        };
        let kept: Vec<usize> = info
            .video
            .iter()
            .map(|v| v.stream)
            .chain(info.audio.iter().map(|a| a.stream))
            .collect();
        input.keep(&kept);
        if let (Some(video), "FLV") = (&info.video, info.format.as_str()) {
            // FLV has no index of its own worth trusting; ours came from reading it.
            input.add_key_pictures(video.stream, &info.keys)?;
        }
        Ok(Self { input, info, span: options.span, pictures, sounds })
    }

    /// Decodes the window; `None` where the seek landed too late and nothing was handed out.
    fn run(&mut self, back_s: f64, sink: &mut dyn Sink) -> Result<Option<WindowStats>> {
        let start = self.info.file_time(self.span.start);
        let key = self.info.keys.iter().rev().map(|k| k.0).find(|&at| at <= start);
        let from_first_byte = back_s.is_infinite();
        if !from_first_byte {
            let aim = key.unwrap_or(start).min(start - LEAD) - MediaDuration::from_seconds(back_s);
            let stream = self.info.video.as_ref().map(|v| v.stream);
            let stream = stream.or(self.info.audio.as_ref().map(|a| a.stream)).unwrap_or(0);
            if aim > self.info.zero {
                // Where the container cannot seek, reading on from the start is right too.
                self.input.seek(stream, aim)?;
            }
        }
        let first = self.info.keys.first().map(|k| k.0);
        let framing = match &self.info.video {
            Some(video) if video.codec == "h264" => {
                let stream = self.input.stream(video.stream)?;
                h264::described(stream.description()).map(|(framing, _)| framing)
            }
            _ => None,
        };
        let needs_earlier = key.is_some() && !from_first_byte;
        let mut packet = Packet::new()?;
        let mut stats = WindowStats::default();
        let mut begun = false;
        while self.input.read(&mut packet)? {
            let stream = packet.stream();
            if let Some(video) = self.info.video.as_ref().filter(|v| v.stream == stream) {
                let base = self.input.stream(stream)?.time_base();
                let at = time(packet.stamp(), base);
                if !begun {
                    // Wait for the key picture before the window (or any, where none is known).
                    let late = match (at, key) {
                        (Some(at), Some(key)) => at > key + video.picture_duration(),
                        _ => false,
                    };
                    if late && needs_earlier && packet.is_key() {
                        return Ok(None);
                    }
                    let wanted = key.or(first).is_none_or(|key| {
                        packet.is_key() && at.is_some_and(|at| at + video.picture_duration() > key)
                    });
                    if !wanted {
                        continue;
                    }
                    begun = true;
                }
                let Some(pictures) = self.pictures.as_mut() else { continue };
                if pictures.done {
                    if self.finished(at) {
                        break;
                    }
                    continue;
                }
                if let Some(at) = at.filter(|_| framing.is_some_and(|f| has_idr(&packet, f))) {
                    stats.idr.push(self.info.time_of_file(at));
                }
                pictures.decoder.send(Some(&packet))?;
                if !pictures.drain(self.info, self.span, needs_earlier, &mut self.sounds, sink)? {
                    return Ok(None);
                }
            } else if self.info.audio.as_ref().is_some_and(|a| a.stream == stream)
                && let Some(sounds) = self.sounds.as_mut().filter(|s| !s.done)
            {
                let base = self.input.stream(stream)?.time_base();
                let Some(at) = time(packet.stamp(), base) else { continue };
                if at < start - SOUND_PREROLL {
                    continue;
                }
                sounds.decoder.send(Some(&packet))?;
                let held = self.pictures.as_ref().is_some_and(|p| !p.verified);
                sounds.drain(self.info, self.span, held, sink)?;
            }
            if self.finished(None) {
                break;
            }
        }
        if let Some(pictures) = self.pictures.as_mut().filter(|p| !p.done && begun) {
            pictures.decoder.send(None)?;
            if !pictures.drain(self.info, self.span, needs_earlier, &mut self.sounds, sink)? {
                return Ok(None);
            }
            pictures.finish(self.span, sink)?;
        }
        if let Some(sounds) = self.sounds.as_mut() {
            if !sounds.done {
                sounds.decoder.send(None)?;
                sounds.drain(self.info, self.span, false, sink)?;
            }
            sounds.release(sink)?;
        }
        if let Some(pictures) = &self.pictures {
            if pictures.count == 0 && needs_earlier {
                return Ok(None);
            }
            if pictures.count == 0 {
                return Err(Error::new(Kind::Malformed, "no picture can be decoded here")
                    .in_file(self.info.name.clone())
                    .at_time(self.span.start));
            }
            stats.pictures = pictures.count;
            stats.damaged_packets = pictures.decoder.damaged();
        }
        stats.damaged_packets += self.sounds.as_ref().map_or(0, |s| s.decoder.damaged());
        stats.byte_ranges = self.input.ranges();
        Ok(Some(stats))
    }

    fn finished(&self, at: Option<MediaTime>) -> bool {
        let pictures = self.pictures.as_ref().is_none_or(|p| p.done);
        let sounds = self.sounds.as_ref().is_none_or(|s| s.done);
        let end = self.info.file_time(self.span.end);
        pictures && (sounds || at.is_some_and(|at| (at - end).seconds() > OVERRUN_S))
    }
}
