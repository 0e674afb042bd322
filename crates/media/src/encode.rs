//! One stretch of a recording to a finished MP4: constant frame rate, exact to the picture, sound
//! in sync, index in front.

use std::collections::BTreeMap;
use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::faststart::faststart;
use crate::ffi::encoder::{Encoder, PictureSettings};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::muxer::Muxer;
use crate::media::{Media, VideoInfo};
use crate::orientation::fitted;
use crate::sound_track::{SoundTrack, collect};
use crate::still::{Still, to_still};
use crate::view::Observer;
use crate::window::{
    Sink, SoundRun, WindowOptions, WindowStats, decode, show_picture, show_sound, sound_format,
};

/// Largest MP4 that is made in memory: 60 s at 60 Mbit/s.
const MP4_LIMIT: usize = 512 << 20;

/// How pictures and sound are coded. Read from a profile; unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeSettings {
    /// Encoder of the pictures, as libav names it.
    pub video_encoder: String,
    /// Its threads. Its output depends on their number, so it is pinned; more is faster for one
    /// clip, not for many.
    pub video_threads: u32,
    /// The encoder's own options, such as `preset` and `crf`.
    pub video_options: BTreeMap<String, String>,
    /// Seconds between key pictures at most. Shorter seeks faster, longer is smaller.
    pub gop_s: f64,
    /// Pixels of the short side at most; larger recordings are scaled down, none is scaled up.
    pub short_side_max: u32,
    /// Pixels of the long side at most.
    pub long_side_max: u32,
    /// Pictures a second at most; a faster recording gives every second picture.
    pub fps_max: f64,
    /// Encoder of the sound, as libav names it.
    pub audio_encoder: String,
    /// Bits a second of the sound.
    pub audio_bit_rate: u32,
}

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct ClipRequest<'a> {
    /// The stretch, from the recording's first picture. Its start goes to the nearest picture.
    pub span: Span,
    /// How it is coded.
    pub settings: &'a EncodeSettings,
    /// Times of which a still is wanted, in order.
    pub stills: &'a [MediaTime],
}

/// A finished clip.
#[derive(Debug)]
pub struct EncodedClip {
    /// The file.
    pub mp4: Vec<u8>,
    /// What it shows, exactly: the first picture's time, and one picture's length after the last.
    pub span: Span,
    /// Pictures.
    pub pictures: u64,
    /// Pictures a second, as a fraction.
    pub rate: (i32, i32),
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whether it has sound.
    pub has_audio: bool,
    /// How the decoding went.
    pub stats: WindowStats,
}

/// Cuts and encodes one stretch in one pass; `observer` sees the recording's own pictures and
/// sound of the clip as they go into the encoder, and `on_still` gets the stills that were asked
/// for, in order, as far as the clip goes (kept, they would cost 3 MB each).
///
/// # Errors
/// `Unsupported` where the recording has no pictures; `Usage` where the stretch lies outside it or
/// is shorter than a picture; `Malformed` where it cannot be decoded; `Unavailable` where an
/// encoder is missing.
pub fn encode_clip(
    source: Arc<dyn ByteSource>,
    media: &Media,
    request: &ClipRequest<'_>,
    observer: Option<&mut dyn Observer>,
    on_still: &mut dyn FnMut(Still),
) -> Result<EncodedClip> {
    let info = &media.info;
    let video = info.require_video()?;
    let wanted = request.span.intersect(info.span());
    let rate = output_rate(video, request.settings.fps_max);
    let tick = MediaDuration::from_ticks(1, rate.1, rate.0);
    let count = wanted.duration().ticks(rate.1, rate.0);
    if count < 1 {
        return Err(Error::new(
            Kind::Usage,
            format!(
                "the stretch {} to {} has no picture in it; the recording is {} long",
                request.span.start, request.span.end, info.duration
            ),
        )
        .in_file(info.name.clone()));
    }
    let settings = request.settings;
    let size = fitted((video.width, video.height), settings.short_side_max, settings.long_side_max);
    let slack =
        MediaDuration::from_flicks(video.picture_duration().flicks().max(tick.flicks()) * 2);
    let window = Span::new((wanted.start - slack).max(MediaTime::ZERO), wanted.end + slack);
    let sound = match sound_format(info) {
        Some((sample_rate, channels)) => Some(SoundTrack::new(sample_rate, channels, settings)?),
        None => None,
    };
    let mut job = Job {
        wanted: wanted.start,
        near: video.picture_duration(),
        rate,
        count: count as u64,
        settings,
        start: None,
        held: None,
        current: None,
        emitted: 0,
        encoder: None,
        packets: Vec::new(),
        sound,
        observer,
        waiting_sound: Vec::new(),
        wanted_stills: request.stills.to_vec(),
        on_still,
        size: (0, 0),
    };
    let options = WindowOptions { span: window, size: Some(size), threads: 1 };
    let stats = decode(&source, media, &options, &mut job)?;
    job.finish(stats).map_err(|error| error.in_file(info.name.clone()))
}

/// The recording's rate, or a whole part of it that keeps to the limit.
fn output_rate(video: &VideoInfo, fps_max: f64) -> (i32, i32) {
    let mut divisor = 1;
    while video.fps() / f64::from(divisor) > fps_max + 0.01 && divisor < 16 {
        divisor += 1;
    }
    (video.rate.0, video.rate.1 * divisor)
}

struct Job<'a, 'o, 's> {
    wanted: MediaTime,
    near: MediaDuration,
    rate: (i32, i32),
    count: u64,
    settings: &'a EncodeSettings,
    /// Time of the first tick, once it is known.
    start: Option<MediaTime>,
    /// The newest picture before the wanted start.
    held: Option<(Frame, MediaTime, MediaDuration)>,
    current: Option<(Frame, MediaTime)>,
    emitted: u64,
    encoder: Option<Encoder>,
    packets: Vec<Packet>,
    sound: Option<SoundTrack>,
    observer: Option<&'o mut dyn Observer>,
    /// Sound that came before the start was known.
    waiting_sound: Vec<SoundRun>,
    wanted_stills: Vec<MediaTime>,
    on_still: &'s mut dyn FnMut(Still),
    size: (usize, usize),
}

impl Sink for Job<'_, '_, '_> {
    fn picture(&mut self, frame: &Frame, time: MediaTime, length: MediaDuration) -> Result<()> {
        if self.emitted >= self.count {
            return Ok(());
        }
        if self.start.is_none() {
            if time < self.wanted {
                self.held = Some((frame.share()?, time, length));
                return Ok(());
            }
            self.begin(time)?;
        }
        if self.current.is_some() {
            // The picture nearest to a tick is shown there.
            while self.emitted < self.count && self.tick(self.emitted) + self.half_tick() < time {
                self.emit()?;
            }
        }
        if self.emitted < self.count && time < self.end() {
            self.show(frame, time, length);
        }
        self.current = Some((frame.share()?, time));
        Ok(())
    }

    fn sound(&mut self, run: &SoundRun) -> Result<()> {
        let planes = run.planes.clone();
        self.waiting_sound.push(SoundRun { time: run.time, sample_rate: run.sample_rate, planes });
        self.pass_sound()
    }
}

impl Job<'_, '_, '_> {
    /// Fixes the first tick on the picture nearest to what was asked for.
    fn begin(&mut self, next: MediaTime) -> Result<()> {
        let held = self.held.take();
        let nearest = match &held {
            Some((_, at, _)) if (self.wanted - *at) <= (next - self.wanted) => *at,
            _ => next,
        };
        let off = (nearest - self.wanted).abs();
        let start = if off <= self.near || held.is_none() { nearest } else { self.wanted };
        self.start = Some(start);
        if let Some((frame, at, length)) = held
            && start < next
        {
            self.show(&frame, at, length);
            self.current = Some((frame, at));
        }
        self.pass_sound()
    }

    fn tick(&self, index: u64) -> MediaTime {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        self.start.unwrap_or(self.wanted)
            + MediaDuration::from_ticks(index, self.rate.1, self.rate.0)
    }

    fn half_tick(&self) -> MediaDuration {
        MediaDuration::from_ticks(1, self.rate.1, self.rate.0.saturating_mul(2))
    }

    fn end(&self) -> MediaTime {
        self.tick(self.count)
    }

    fn show(&mut self, frame: &Frame, at: MediaTime, length: MediaDuration) {
        if let Some(observer) = self.observer.as_deref_mut() {
            show_picture(observer, frame, at, length);
        }
    }

    /// Hands the sound that came so far to the encoder and the observer, once the start is known.
    fn pass_sound(&mut self) -> Result<()> {
        let Some(start) = self.start else { return Ok(()) };
        let end = self.end();
        for run in std::mem::take(&mut self.waiting_sound) {
            let rate = run.sample_rate;
            let length = run.planes.first().map_or(0, Vec::len) as i64;
            let from = (start - run.time).samples(rate).clamp(0, length);
            let to = (end - run.time).samples(rate).clamp(from, length);
            if from == to {
                continue;
            }
            let planes =
                run.planes.iter().map(|p| p[from as usize..to as usize].to_vec()).collect();
            let time = run.time + MediaDuration::from_samples(from, rate);
            let run = SoundRun { time, sample_rate: rate, planes };
            if let Some(sound) = self.sound.as_mut() {
                sound.total = (end - start).samples(rate);
                sound.push((run.time - start).samples(rate), &run.planes)?;
            }
            if let Some(observer) = self.observer.as_deref_mut() {
                show_sound(observer, &run);
            }
        }
        Ok(())
    }

    fn emit(&mut self) -> Result<()> {
        let Some((current, at)) = &self.current else { return Ok(()) };
        let mut frame = current.share()?;
        let reached = self.tick(self.emitted) + self.half_tick();
        while self.wanted_stills.first().is_some_and(|&wanted| wanted <= reached) {
            self.wanted_stills.remove(0);
            if let Some(view) = frame.picture(*at, MediaDuration::ZERO) {
                (self.on_still)(to_still(&view));
            }
        }
        frame.set_stamp(i64::try_from(self.emitted).unwrap_or(i64::MAX));
        if self.encoder.is_none() {
            self.encoder = Some(self.open_encoder(&frame)?);
            self.size = frame.size();
        }
        if let Some(encoder) = self.encoder.as_mut() {
            encoder.send(Some(&frame))?;
            collect(encoder, &mut self.packets, 1)?;
        }
        self.emitted += 1;
        Ok(())
    }

    fn open_encoder(&self, first: &Frame) -> Result<Encoder> {
        let fps = f64::from(self.rate.0) / f64::from(self.rate.1);
        let options: Vec<(&str, &str)> = self
            .settings
            .video_options
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        Encoder::pictures(
            first,
            &PictureSettings {
                encoder: &self.settings.video_encoder,
                rate: self.rate,
                threads: self.settings.video_threads,
                gop: (self.settings.gop_s * fps).round().max(1.0) as u32,
                options: &options,
            },
        )
    }

    fn finish(mut self, stats: WindowStats) -> Result<EncodedClip> {
        if self.start.is_none() {
            // The recording has no picture after the wanted start: the last one stands on.
            let next = self.wanted + self.near + self.near;
            self.begin(next)?;
        }
        while self.emitted < self.count && self.current.is_some() {
            self.emit()?;
        }
        let (Some(mut encoder), Some(start)) = (self.encoder.take(), self.start) else {
            return Err(
                Error::new(Kind::Malformed, "no picture could be decoded").at_time(self.wanted)
            );
        };
        encoder.send(None)?;
        collect(&mut encoder, &mut self.packets, 1)?;
        let span = Span::new(start, self.tick(self.emitted));
        if let Some(sound) = self.sound.as_mut() {
            sound.finish(span.duration().samples(sound.sample_rate))?;
        }
        let has_audio = self.sound.is_some();
        self.current = None;
        let mp4 = mux(encoder, self.packets, self.sound)?;
        Ok(EncodedClip {
            mp4,
            span,
            pictures: self.emitted,
            rate: self.rate,
            width: self.size.0 as u32,
            height: self.size.1 as u32,
            has_audio,
            stats,
        })
    }
}

fn mux(
    pictures: Encoder,
    picture_packets: Vec<Packet>,
    sound: Option<SoundTrack>,
) -> Result<Vec<u8>> {
    let (sound_encoder, sound_packets) = match sound {
        Some(sound) => (Some(sound.encoder), sound.packets),
        None => (None, Vec::new()),
    };
    let mut encoders = vec![&pictures];
    encoders.extend(sound_encoder.as_ref());
    let bases: Vec<_> = encoders.iter().map(|encoder| encoder.time_base()).collect();
    let mut muxer = Muxer::new(&encoders, MP4_LIMIT)?;
    // The muxer knows all it needs; what the encoders hold is the largest part of the memory.
    drop((pictures, sound_encoder));
    let mut packets: Vec<(MediaTime, usize, Packet)> = Vec::new();
    for (stream, list) in [(0, picture_packets), (1, sound_packets)] {
        for packet in list {
            let at = crate::ffi::time(packet.dts(), bases[stream]).unwrap_or_default();
            packets.push((at, stream, packet));
        }
    }
    // Stable: packets of one stream stay in the order that the encoder gave them.
    packets.sort_by_key(|(at, stream, _)| (*at, *stream));
    for (_, stream, mut packet) in packets {
        muxer.write(&mut packet, stream, bases[stream])?;
    }
    faststart(&muxer.finish()?)
}
