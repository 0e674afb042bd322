//! What a recording is: its streams, its measured length, where its key pictures lie, and where
//! its own clock says that something is missing.

use std::sync::Arc;

use reprise_model::outcome::{Fault, FaultKind};
use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result, Span};

use crate::ffi::av;
use crate::ffi::frame::Packet;
use crate::ffi::input::{Input, Stream};
use crate::ffi::time;
use crate::index::{Clock, Index, hls};
use crate::media::{AudioInfo, Media, MediaInfo, UnusedStream, VideoInfo};
use crate::orientation::{Orientation, upright_size};
use crate::packets::{ClockReader, PacketKind};

/// A pause in the pictures longer than this is a fault, and longer than five pictures.
const PICTURE_GAP_S: f64 = 0.3;
/// A pause in the sound longer than this is a fault.
const SOUND_GAP_S: f64 = 0.1;
/// The decoding clock may not run back by more than this, nor forward by more than ten seconds.
const CLOCK_BACK_S: f64 = 1.0;
const CLOCK_FORWARD_S: f64 = 10.0;
/// Faults reported of a recording; a file that is all faults needs no longer list.
const MAX_FAULTS: usize = 1000;

/// A recording up to so many bytes is read whole: searching in it would read as much.
const READ_WHOLE: u64 = 4 << 20;

/// Opens a recording: reads its beginning and as much as its container needs to find any time in it,
/// whatever its length. What is small, or has no way to search in it, is read whole ([`scan()`]).
///
/// # Errors
/// `Unsupported` where it is no recording of a known kind; `Malformed` where it is damaged beyond
/// reading or holds neither pictures nor sound; `Io` where the source fails.
pub fn probe(source: Arc<dyn ByteSource>) -> Result<Media> {
    let worth_it = source.len() > READ_WHOLE || hls::is_playlist(&source)?;
    let index = if worth_it { Index::open(&source)? } else { None };
    let Some(index) = index else { return scan(source) };
    let head = index.locate()?.head(&source)?;
    head.excerpt.announce();
    let input = Input::open_excerpt(Arc::new(head.excerpt))?;
    let opened = Opened::new(input, source.name(), ClockReader::new(head.clock))?;
    let mut media = opened.describe(source.len())?;
    let locate = index.locate()?;
    let info = &mut media.info;
    info.counted = false;
    info.duration = locate.end().max(info.zero) - info.zero;
    let end = info.span().end;
    if let Some(audio) = &mut info.audio {
        audio.end_s = end;
    }
    for (at, step) in locate.jumps() {
        let at = info.time_of_file(at);
        info.faults.push(jump(Span::new(at, at), step));
    }
    let account = index.account();
    for (at, length) in account.gaps {
        let at = info.time_of_file(at);
        let detail = format!("the playlist has nothing for {:.2} s", length.seconds());
        info.faults.push(Fault { kind: FaultKind::Gap, span: Span::new(at, at + length), detail });
    }
    info.started_at = account.wall.map(|(at, wall)| wall.plus(info.zero - at));
    info.ended = account.ended;
    info.faults.sort_by_key(|fault| (fault.span, fault.kind));
    media.index = index;
    Ok(media)
}

/// Opens a recording by reading all its packets; nothing is decoded but what the container needs to
/// name its streams. Finds every pause of its clock.
///
/// # Errors
/// As [`probe`].
pub fn scan(source: Arc<dyn ByteSource>) -> Result<Media> {
    if hls::is_playlist(&source)? {
        return probe(source);
    }
    let (size, name) = (source.len(), source.name().to_owned());
    Opened::new(Input::open(source)?, &name, ClockReader::new(Clock::default()))?.describe(size)
}

fn jump(span: Span, step: MediaDuration) -> Fault {
    let detail = format!("the file's clock jumps by {:.2} s", step.seconds());
    Fault { kind: FaultKind::ClockJump, span, detail }
}

/// A recording, or its beginning, while it is measured.
struct Opened {
    input: Input,
    name: String,
    video: Option<usize>,
    audio: Option<usize>,
    clock: ClockReader,
}

impl Opened {
    fn new(mut input: Input, name: &str, clock: ClockReader) -> Result<Self> {
        let video = input
            .best(av::AVMediaType::AVMEDIA_TYPE_VIDEO)
            .filter(|&index| input.stream(index).is_ok_and(|stream| !stream.is_cover()));
        let audio = input.best(av::AVMediaType::AVMEDIA_TYPE_AUDIO);
        if video.is_none() && audio.is_none() {
            return Err(
                Error::new(Kind::Malformed, "holds neither pictures nor sound").in_file(name)
            );
        }
        let kept: Vec<usize> = video.into_iter().chain(audio).collect();
        input.keep(&kept);
        Ok(Self { input, name: name.to_owned(), video, audio, clock })
    }

    fn describe(mut self, size_bytes: u64) -> Result<Media> {
        let (video, audio) = (self.video, self.audio);
        let packets = self.read()?;
        let named = |error: Error| error.in_file(self.name.clone());
        let zero = packets.zero().ok_or_else(|| {
            named(Error::new(Kind::Malformed, "holds no readable picture or sound"))
        })?;
        let mut info = MediaInfo {
            name: self.name.clone(),
            format: self.input.format().to_owned(),
            size_bytes,
            video: None,
            audio: None,
            unused: unused(&self.input, video, audio),
            zero,
            duration: MediaDuration::ZERO,
            faults: Vec::new(),
            counted: true,
            started_at: None,
            ended: true,
        };
        if let Some(index) = video.filter(|_| !packets.pictures.is_empty()) {
            let described = describe_video(&self.input.stream(index)?, &packets);
            info.video = Some(described.map_err(named)?);
        }
        if let Some(index) = audio.filter(|_| !packets.sounds.is_empty()) {
            info.audio = Some(describe_audio(&self.input.stream(index)?, &packets, &info));
        }
        info.duration = packets.end(&info).max(zero) - zero;
        info.faults = faults(&packets, &info);
        Ok(Media { info, index: Index::Whole { keys: packets.keys } })
    }

    fn read(&mut self) -> Result<Packets> {
        let mut packets = Packets::default();
        let mut packet = Packet::new()?;
        let mut last_dts: Option<MediaTime> = None;
        let mut first_key: Option<MediaTime> = None;
        while self.input.read(&mut packet)? {
            let stream = Some(packet.stream());
            let kind = match stream {
                _ if stream == self.video => PacketKind::Picture,
                _ if stream == self.audio => PacketKind::Sound,
                _ => continue,
            };
            let base = self.input.stream(packet.stream())?.time_base();
            let position = u64::try_from(packet.position()).ok();
            let Some(stamp) = time(packet.stamp(), base) else { continue };
            let offset = self.clock.offset(kind, position, Some(stamp));
            let at = stamp + offset;
            // What an edit list hides is decoded, because others refer to it, but not shown.
            let hidden = packet.is_discarded() || self.clock.hides(at);
            let length = MediaDuration::from_ticks(packet.duration().max(0), base.num, base.den);
            if kind == PacketKind::Sound {
                if !hidden {
                    packets.sounds.push((at, length));
                }
                continue;
            }
            if let Some(dts) = time(packet.dts(), base).map(|dts| dts + offset) {
                if let Some(last) = last_dts {
                    let step = dts - last;
                    if step.seconds() < -CLOCK_BACK_S || step.seconds() > CLOCK_FORWARD_S {
                        packets.jumps.push((at, step));
                    }
                }
                last_dts = Some(dts);
            }
            if packet.is_key() {
                first_key.get_or_insert(at);
                packets.keys.push((at, position.unwrap_or(0)));
            }
            if hidden {
                continue;
            }
            if packet.is_corrupt() {
                packets.corrupt.push(at);
            }
            packets.pictures.push((at, length));
        }
        // Pictures before the first key picture refer to ones that were never recorded.
        if let Some(first) = first_key {
            packets.pictures.retain(|&(at, _)| at >= first);
        }
        packets.pictures.sort();
        packets.keys.sort();
        Ok(packets)
    }
}

#[derive(Default)]
struct Packets {
    /// Time and duration of each picture that can be shown, by time.
    pictures: Vec<(MediaTime, MediaDuration)>,
    /// Time and duration of each packet of sound, in the file's order.
    sounds: Vec<(MediaTime, MediaDuration)>,
    keys: Vec<(MediaTime, u64)>,
    jumps: Vec<(MediaTime, MediaDuration)>,
    corrupt: Vec<MediaTime>,
}

impl Packets {
    fn zero(&self) -> Option<MediaTime> {
        self.pictures.first().map(|p| p.0).or_else(|| self.sounds.iter().map(|s| s.0).min())
    }

    fn end(&self, info: &MediaInfo) -> MediaTime {
        match (&info.video, self.pictures.last()) {
            (Some(video), Some(&(start, length))) => {
                start + if length > MediaDuration::ZERO { length } else { video.picture_duration() }
            }
            _ => {
                self.sounds.iter().map(|&(start, length)| start + length).max().unwrap_or_default()
            }
        }
    }
}

fn describe_video(stream: &Stream<'_>, packets: &Packets) -> Result<VideoInfo> {
    let parameters = stream.parameters();
    let stored = (
        u32::try_from(parameters.width).unwrap_or(0),
        u32::try_from(parameters.height).unwrap_or(0),
    );
    if stored.0 == 0 || stored.1 == 0 {
        return Err(
            Error::new(Kind::Malformed, "its picture size cannot be found").in_stream(stream.index)
        );
    }
    let orientation = stream.display_matrix().map(Orientation::from_matrix).unwrap_or_default();
    let pixel_aspect = stream.aspect();
    let (width, height) = upright_size(stored, pixel_aspect, orientation);
    let gop_max_s =
        packets.keys.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or_default();
    Ok(VideoInfo {
        stream: stream.index,
        id: stream.id(),
        codec: stream.codec(),
        width,
        height,
        stored_width: stored.0,
        stored_height: stored.1,
        orientation,
        pixel_aspect,
        rate: common_rate(measured_rate(&packets.pictures).unwrap_or(stream.stated_rate())),
        pictures: packets.pictures.len() as u64,
        key_pictures: packets.keys.len() as u64,
        gop_max_s,
    })
}

fn describe_audio(stream: &Stream<'_>, packets: &Packets, info: &MediaInfo) -> AudioInfo {
    let parameters = stream.parameters();
    let start = packets.sounds.iter().map(|s| s.0).min().unwrap_or_default();
    let end = packets.sounds.iter().map(|&(at, length)| at + length).max().unwrap_or_default();
    AudioInfo {
        stream: stream.index,
        id: stream.id(),
        codec: stream.codec(),
        sample_rate: u32::try_from(parameters.sample_rate).unwrap_or(0),
        channels: u32::try_from(parameters.ch_layout.nb_channels).unwrap_or(0),
        start_s: info.time_of_file(start),
        end_s: info.time_of_file(end),
        language: stream.language(),
    }
}

/// Pictures a second from the distances between pictures: the mean of those near the median, so
/// that rounding to milliseconds averages out and gaps do not count.
fn measured_rate(pictures: &[(MediaTime, MediaDuration)]) -> Option<f64> {
    let mut steps: Vec<f64> = pictures
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).seconds())
        .filter(|&step| step > 0.0)
        .collect();
    if steps.is_empty() {
        return None;
    }
    steps.sort_by(f64::total_cmp);
    let median = steps[steps.len() / 2];
    let near: Vec<f64> =
        steps.into_iter().filter(|step| (0.7..=1.3).contains(&(step / median))).collect();
    let mean = near.iter().sum::<f64>() / near.len() as f64;
    (mean > 0.0).then(|| 1.0 / mean)
}

/// The common rate within 1.5 %, or the rate itself in thousandths, 1 to 120.
fn common_rate(rate: f64) -> (i32, i32) {
    const COMMON: [(i32, i32); 10] = [
        (24, 1),
        (25, 1),
        (30, 1),
        (50, 1),
        (60, 1),
        (24_000, 1001),
        (30_000, 1001),
        (60_000, 1001),
        (15, 1),
        (20, 1),
    ];
    let distance = |&(num, den): &(i32, i32)| (f64::from(num) / f64::from(den) / rate - 1.0).abs();
    // A measured rate is good to about 0.02 %, which tells 29.97 from 30 in all but short files.
    let nearest = COMMON.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    match nearest {
        Some(&common) if distance(&common) < 0.015 => common,
        _ if rate.is_finite() && rate > 0.0 => {
            ((rate.clamp(1.0, 120.0) * 1000.0).round() as i32, 1000)
        }
        _ => (30, 1),
    }
}

fn faults(packets: &Packets, info: &MediaInfo) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut push = |kind, start: MediaTime, end: MediaTime, detail: String| {
        if faults.len() < MAX_FAULTS {
            let span = Span::new(info.time_of_file(start), info.time_of_file(end));
            faults.push(Fault { kind, span, detail });
        }
    };
    if let Some(video) = &info.video {
        let limit = (video.picture_duration().seconds() * 5.0).max(PICTURE_GAP_S);
        for pair in packets.pictures.windows(2) {
            let gap = (pair[1].0 - pair[0].0).seconds();
            if gap > limit {
                push(
                    FaultKind::PictureGap,
                    pair[0].0,
                    pair[1].0,
                    format!("no new picture for {gap:.2} s"),
                );
            }
        }
    }
    if let (Some(audio), true) = (&info.audio, info.video.is_some()) {
        let mut sounds = packets.sounds.clone();
        sounds.sort();
        for pair in sounds.windows(2) {
            let gap = (pair[1].0 - (pair[0].0 + pair[0].1)).seconds();
            if gap > SOUND_GAP_S {
                push(
                    FaultKind::SoundGap,
                    pair[0].0 + pair[0].1,
                    pair[1].0,
                    format!("no sound for {gap:.2} s"),
                );
            }
        }
        let end = MediaTime::ZERO + info.duration;
        let late = audio.start_s.seconds();
        if late > SOUND_GAP_S {
            push(
                FaultKind::SoundGap,
                info.zero,
                info.file_time(audio.start_s),
                format!("the sound starts {late:.2} s after the picture"),
            );
        }
        let early = (end - audio.end_s).seconds();
        if early > 0.5 {
            push(
                FaultKind::SoundGap,
                info.file_time(audio.end_s),
                info.file_time(end),
                format!("the sound ends {early:.2} s before the picture"),
            );
        }
    }
    for &(at, step) in &packets.jumps {
        let Fault { kind, detail, .. } = jump(Span::new(at, at), step);
        push(kind, at, at, detail);
    }
    for &at in &packets.corrupt {
        push(FaultKind::Corrupt, at, at, "the container marks this picture as damaged".to_owned());
    }
    faults.sort_by_key(|fault| (fault.span, fault.kind));
    faults
}

fn unused(input: &Input, video: Option<usize>, audio: Option<usize>) -> Vec<UnusedStream> {
    use av::AVMediaType as T;
    let mut unused = Vec::new();
    for stream in input.streams() {
        if Some(stream.index) == video || Some(stream.index) == audio {
            continue;
        }
        let (kind, reason) = match stream.kind() {
            T::AVMEDIA_TYPE_VIDEO if stream.is_cover() => ("video", "a still cover picture".into()),
            T::AVMEDIA_TYPE_VIDEO => (
                "video",
                video.map_or_else(
                    || "not readable".to_owned(),
                    |v| format!("stream {v} is the better picture"),
                ),
            ),
            T::AVMEDIA_TYPE_AUDIO => (
                "audio",
                audio.map_or_else(
                    || "not readable".to_owned(),
                    |a| format!("stream {a} is the main sound"),
                ),
            ),
            T::AVMEDIA_TYPE_SUBTITLE => ("subtitle", "subtitles are not used".to_owned()),
            _ => ("data", "neither picture nor sound".to_owned()),
        };
        unused.push(UnusedStream {
            stream: stream.index,
            kind: kind.to_owned(),
            codec: stream.codec(),
            reason,
        });
    }
    unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_measured_through_rounding_and_gaps() {
        let rate = |times: Vec<f64>| {
            let pictures: Vec<_> =
                times.iter().map(|&t| (MediaTime::from_seconds(t), MediaDuration::ZERO)).collect();
            common_rate(measured_rate(&pictures).unwrap_or(0.0))
        };
        let millis = |fps: f64, n: usize| -> Vec<f64> {
            (0..n).map(|i| (i as f64 / fps * 1000.0).round() / 1000.0).collect()
        };
        assert_eq!(rate(millis(30.0, 300)), (30, 1));
        assert_eq!(rate(millis(30.0 / 1.001, 3000)), (30_000, 1001));
        let mut gapped = millis(25.0, 200);
        gapped.extend(millis(25.0, 200).iter().map(|t| t + 60.0));
        assert_eq!(rate(gapped), (25, 1));
        assert_eq!(common_rate(12.5), (12_500, 1000));
        assert_eq!(common_rate(f64::NAN), (30, 1));
    }
}
