//! One stretch of a recording to a finished MP4: constant frame rate, exact to the picture, sound
//! in sync, index in front.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::ffi::encoder::{Encoder, PictureSettings};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::muxer::Track;
use crate::media::{Media, MediaInfo, VideoInfo};
use crate::mux::mux;
use crate::orientation::fitted;
use crate::sound_track::ClipSound;
use crate::still::{Still, to_still};
use crate::verify::{Expected, Means, verify_encoded};
use crate::view::Observer;
use crate::window::{Sink, SoundRun, WindowOptions, WindowStats, decode, show_picture};

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
    /// Copy the recording's coded pictures where they comply, and encode only the edges.
    pub smart_cut: bool,
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
    /// Bits a second of stereo sound; mono gets three fifths of it.
    pub audio_bit_rate: u32,
    /// The sound encoder's own options.
    pub audio_options: BTreeMap<String, String>,
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
    /// Packets that an earlier look at this stretch could not decode; with any, nothing is copied.
    pub damaged_packets: u64,
}

/// A finished clip.
#[derive(Debug)]
pub struct EncodedClip {
    /// The file.
    pub mp4: Arc<[u8]>,
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
    /// Which of its pictures, counted from 0, are the recording's own coded ones.
    pub copied: Range<u64>,
    /// What was decided about copying, and why, for people.
    pub notes: Vec<String>,
    /// How the decoding went.
    pub stats: WindowStats,
}

/// Encodes one stretch in one pass, and verifies the file by its time line and its key pictures.
/// `observer` sees the recording's own pictures and
/// sound of the clip as they go into the encoder, and `on_still` gets the stills that were asked
/// for, in order, as far as the clip goes (kept, they would cost 3 MB each).
///
/// # Errors
/// `Unsupported` where the recording has no pictures; `Bug` where the file does not hold what went
/// into it; `Usage` where the stretch lies outside it or
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
    let Layout { wanted, near, rate, count, size } = Layout::of(info, request)?;
    let tick = MediaDuration::from_ticks(1, rate.1, rate.0);
    let settings = request.settings;
    let slack = MediaDuration::from_flicks(near.flicks().max(tick.flicks()) * 2);
    let window = Span::new((wanted.start - slack).max(MediaTime::ZERO), wanted.end + slack);
    let mut job = Job {
        wanted: wanted.start,
        near,
        rate,
        count,
        settings,
        start: None,
        held: None,
        current: None,
        emitted: 0,
        encoder: None,
        packets: Vec::new(),
        under_way: BTreeMap::new(),
        keys: BTreeMap::new(),
        sound: ClipSound::new(info, settings)?,
        has_audio: info.audio.is_some(),
        observer,
        wanted_stills: request.stills.to_vec(),
        on_still,
        size: (0, 0),
    };
    let options = WindowOptions { span: window, size: Some(size), threads: 1 };
    let stats = decode(&source, media, &options, &mut job)?;
    job.finish(stats).map_err(|error| error.in_file(info.name.clone()))
}

/// What a request comes to: the grid that the clip's pictures lie on, and their size.
pub(crate) struct Layout {
    /// The part of the stretch that the recording has.
    pub wanted: Span,
    /// Length of one of the recording's pictures.
    pub near: MediaDuration,
    /// Pictures a second.
    pub rate: (i32, i32),
    /// Pictures.
    pub count: u64,
    /// Pixels.
    pub size: (u32, u32),
}

impl Layout {
    pub fn of(info: &MediaInfo, request: &ClipRequest<'_>) -> Result<Self> {
        let video = info.require_video()?;
        let wanted = request.span.intersect(info.span());
        let rate = output_rate(video, request.settings.fps_max);
        let count = u64::try_from(wanted.duration().ticks(rate.1, rate.0)).unwrap_or(0);
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
        let (short, long) = (request.settings.short_side_max, request.settings.long_side_max);
        let size = fitted((video.width, video.height), short, long);
        Ok(Self { wanted, near: video.picture_duration(), rate, count, size })
    }
}

/// Options as an encoder takes them.
pub(crate) fn pairs(options: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Pictures between key pictures at most.
pub(crate) fn gop(settings: &EncodeSettings, rate: (i32, i32)) -> u32 {
    (settings.gop_s * f64::from(rate.0) / f64::from(rate.1)).round().max(1.0) as u32
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
    /// What went into the encoder and did not come out yet.
    under_way: BTreeMap<i64, Means>,
    /// What the key pictures were made of.
    keys: BTreeMap<u64, Expected>,
    sound: ClipSound,
    has_audio: bool,
    observer: Option<&'o mut dyn Observer>,
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
        let span = self.start.map(|start| Span::new(start, self.end()));
        self.sound.push(run, span, self.observer.as_deref_mut())
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
        let span = Span::new(start, self.end());
        self.sound.pass(span, self.observer.as_deref_mut())
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
        let stamp = i64::try_from(self.emitted).unwrap_or(i64::MAX);
        frame.set_stamp(stamp);
        if let Some(view) = frame.picture(*at, MediaDuration::ZERO) {
            self.under_way.insert(stamp, Means::of(&view));
        }
        if self.encoder.is_none() {
            self.encoder = Some(self.open_encoder(&frame)?);
            self.size = frame.size();
        }
        if let Some(encoder) = self.encoder.as_mut() {
            encoder.send(Some(&frame))?;
            self.collect()?;
        }
        self.emitted += 1;
        Ok(())
    }

    /// Takes what the encoder has.
    fn collect(&mut self) -> Result<()> {
        let Some(encoder) = self.encoder.as_mut() else { return Ok(()) };
        let mut packet = Packet::new()?;
        while encoder.receive(&mut packet)? {
            packet.default_duration(1);
            let shown = packet.pts();
            if let Some(means) = self.under_way.remove(&shown)
                && packet.is_key()
            {
                let number = u64::try_from(shown).unwrap_or(u64::MAX);
                self.keys.insert(number, Expected::Like(means));
            }
            self.packets.push(packet);
            packet = Packet::new()?;
        }
        Ok(())
    }

    fn open_encoder(&self, first: &Frame) -> Result<Encoder> {
        let options = pairs(&self.settings.video_options);
        Encoder::pictures(
            first,
            &PictureSettings {
                encoder: &self.settings.video_encoder,
                rate: self.rate,
                threads: self.settings.video_threads,
                gop: gop(self.settings, self.rate),
                aspect: (1, 1),
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
        if let Some(encoder) = self.encoder.as_mut() {
            encoder.send(None)?;
        }
        self.collect()?;
        let (Some(encoder), Some(start)) = (self.encoder.take(), self.start) else {
            return Err(
                Error::new(Kind::Malformed, "no picture could be decoded").at_time(self.wanted)
            );
        };
        let span = Span::new(start, self.tick(self.emitted));
        self.current = None;
        let mut tracks = vec![(Track::encoded(&encoder)?, std::mem::take(&mut self.packets))];
        // What the encoder holds is the largest part of the memory.
        drop(encoder);
        tracks.extend(self.sound.finish(span.duration())?);
        let mp4 = mux(tracks)?;
        let gop = u64::from(gop(self.settings, self.rate));
        verify_encoded(&mp4, self.rate, self.emitted, gop, &self.keys)?;
        Ok(EncodedClip {
            mp4,
            span,
            pictures: self.emitted,
            rate: self.rate,
            width: self.size.0 as u32,
            height: self.size.1 as u32,
            has_audio: self.has_audio,
            copied: 0..0,
            notes: Vec::new(),
            stats,
        })
    }
}
