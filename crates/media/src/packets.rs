//! A window's packets, from the key picture before it, with their times on the recording's line.

use std::sync::Arc;

use reprise_model::clip::ByteRange;
use reprise_model::{ByteSource, MediaDuration, MediaTime, Result, Span};

use crate::ffi::av;
use crate::ffi::frame::Packet;
use crate::ffi::input::{Input, Stream};
use crate::ffi::time;
use crate::index::{Clock, Index};
use crate::media::Media;

/// Sound muxed behind its picture is caught by seeking so much before the window.
const LEAD: MediaDuration = MediaDuration::from_millis(600);

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketKind {
    Picture,
    Sound,
}

/// The packets of a window. Their stamps count flicks from the recording's first picture.
pub(crate) struct Packets {
    input: Input,
    video: Option<usize>,
    audio: Option<usize>,
    clock: ClockReader,
    /// What of the recording is read; `None` where libav seeks for itself.
    ranges: Option<Vec<ByteRange>>,
    zero: MediaTime,
    begins: Begins,
}

/// Where the decoding of a window begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begins {
    /// The key picture to begin with; the first that comes where it is not known.
    pub key: Option<MediaTime>,
    /// Whether nothing of the recording lies before what is read.
    pub from_start: bool,
}

impl Packets {
    /// Opens the window `span`, or one that begins `back` earlier.
    ///
    /// # Errors
    /// Where the source fails or holds no media there.
    pub fn open(
        source: &Arc<dyn ByteSource>,
        media: &Media,
        span: Span,
        back: MediaDuration,
    ) -> Result<Self> {
        let info = &media.info;
        let from = span.start - back;
        let (input, clock, ranges, begins) = if let Index::Whole { keys } = &media.index {
            let mut input = Input::open(Arc::clone(source))?;
            let begins = Self::seek(&mut input, media, keys, from)?;
            (input, Clock::default(), None, begins)
        } else {
            let from_file = info.file_time(from.max(MediaTime::ZERO));
            let to_file = info.file_time(span.end);
            let located = media.index.locate()?.window(source, from_file, to_file)?;
            located.excerpt.announce();
            let ranges = located.excerpt.ranges();
            let input = Input::open_excerpt(Arc::new(located.excerpt))?;
            let begins = Begins { key: None, from_start: from <= MediaTime::ZERO };
            (input, located.clock, Some(ranges), begins)
        };
        Self::over(input, media, clock, ranges, begins)
    }

    fn over(
        mut input: Input,
        media: &Media,
        clock: Clock,
        ranges: Option<Vec<ByteRange>>,
        begins: Begins,
    ) -> Result<Self> {
        let info = &media.info;
        let kind = av::AVMediaType::AVMEDIA_TYPE_VIDEO;
        let video = info.video.as_ref().and_then(|video| match &ranges {
            None => Some(video.stream),
            Some(_) => input.known(kind, video.id),
        });
        let kind = av::AVMediaType::AVMEDIA_TYPE_AUDIO;
        let audio = info.audio.as_ref().and_then(|audio| match &ranges {
            None => Some(audio.stream),
            Some(_) => input.known(kind, audio.id),
        });
        let kept: Vec<usize> = video.into_iter().chain(audio).collect();
        input.keep(&kept);
        let clock = ClockReader::new(clock);
        Ok(Self { input, video, audio, clock, ranges, zero: info.zero, begins })
    }

    /// Puts libav before `from`.
    fn seek(
        input: &mut Input,
        media: &Media,
        keys: &[(MediaTime, u64)],
        from: MediaTime,
    ) -> Result<Begins> {
        let info = &media.info;
        if let (Some(video), "FLV") = (&info.video, info.format.as_str()) {
            // FLV has no index of its own worth trusting; ours came from reading it.
            input.add_key_pictures(video.stream, keys)?;
        }
        let start = info.file_time(from);
        let before = keys.iter().rev().map(|k| k.0).find(|&at| at <= start);
        // Pictures before the first key picture refer to ones that were never recorded.
        let key = before.or(keys.first().map(|k| k.0)).map(|at| info.time_of_file(at));
        let aim = before.unwrap_or(start).min(start - LEAD);
        if aim <= info.zero {
            return Ok(Begins { key, from_start: true });
        }
        let stream = info.video.as_ref().map(|v| v.stream);
        let stream = stream.or(info.audio.as_ref().map(|a| a.stream)).unwrap_or(0);
        // Where the container cannot seek, reading on from the start is right too.
        let from_start = !input.seek(stream, aim)?;
        Ok(Begins { key, from_start })
    }

    /// The pictures' stream.
    pub fn pictures(&self) -> Option<Stream<'_>> {
        self.video.and_then(|index| self.input.stream(index).ok())
    }

    /// The sound's stream.
    pub fn sounds(&self) -> Option<Stream<'_>> {
        self.audio.and_then(|index| self.input.stream(index).ok())
    }

    /// Where the decoding begins.
    pub fn begins(&self) -> Begins {
        self.begins
    }

    /// Reads the next packet; `None` at the end.
    pub fn next(&mut self, packet: &mut Packet) -> Result<Option<PacketKind>> {
        while self.input.read(packet)? {
            let stream = Some(packet.stream());
            let kind = if stream == self.video {
                PacketKind::Picture
            } else if stream == self.audio {
                PacketKind::Sound
            } else {
                continue;
            };
            let base = self.input.stream(packet.stream())?.time_base();
            let position = u64::try_from(packet.position()).ok();
            let stamp = time(packet.stamp(), base);
            let offset = self.clock.offset(kind, position, stamp);
            let zero = self.zero;
            packet.restamp(base, |at| MediaTime::ZERO + (at + offset - zero));
            if stamp.is_some_and(|at| self.clock.hides(at + offset)) {
                packet.discard();
            }
            return Ok(Some(kind));
        }
        Ok(None)
    }

    /// The recording's bytes that were read, or will be.
    pub fn ranges(&self) -> Vec<ByteRange> {
        self.ranges.clone().unwrap_or_else(|| self.input.ranges())
    }
}

/// Applies a [`Clock`] to packets as they come.
pub(crate) struct ClockReader {
    clock: Clock,
    last: [Option<MediaTime>; 2],
    position: u64,
}

impl ClockReader {
    pub fn new(clock: Clock) -> Self {
        Self { clock, last: [None; 2], position: 0 }
    }

    /// Whether what lies at this file time is decoded but not shown.
    pub fn hides(&self, at: MediaTime) -> bool {
        self.clock.shown_from.is_some_and(|from| at < from)
    }

    /// What is added to the stamps of a packet that begins at byte `position` of the excerpt.
    pub fn offset(
        &mut self,
        kind: PacketKind,
        position: Option<u64>,
        stamp: Option<MediaTime>,
    ) -> MediaDuration {
        self.position = position.unwrap_or(self.position);
        let piece = self.clock.shifts.partition_point(|(from, _)| *from <= self.position);
        let shift = piece.checked_sub(1).and_then(|i| self.clock.shifts.get(i));
        let mut offset = shift.map_or(MediaDuration::ZERO, |(_, shift)| *shift);
        if kind == PacketKind::Sound {
            offset += self.clock.sound;
        }
        let last = &mut self.last[usize::from(kind == PacketKind::Sound)];
        if let (Some(at), Some(wrap)) = (stamp, self.clock.wrap)
            && wrap > MediaDuration::ZERO
        {
            let away = (at + offset - last.unwrap_or(self.clock.near)).flicks();
            let turns = (away as f64 / wrap.flicks() as f64).round() as i64;
            offset = offset - MediaDuration::from_flicks(wrap.flicks().saturating_mul(turns));
        }
        if let Some(at) = stamp {
            *last = Some(at + offset);
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_clock_goes_on() {
        let wrap = MediaDuration::from_ticks(1 << 33, 1, 90_000);
        let near = MediaTime::ZERO + wrap - MediaDuration::from_millis(1000);
        let mut reader = ClockReader::new(Clock { wrap: Some(wrap), near, ..Clock::default() });
        let mut at = |seconds: f64| {
            let stamp = MediaTime::from_seconds(seconds);
            let offset = reader.offset(PacketKind::Picture, None, Some(stamp));
            (stamp + offset - near).seconds()
        };
        assert!((at(wrap.seconds() - 1.0)).abs() < 1e-6);
        assert!((at(0.5) - 1.5).abs() < 1e-6);
        assert!((at(wrap.seconds() - 0.1) - 0.9).abs() < 1e-6);
        assert!((at(2.0) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn pieces_have_their_own_shift() {
        let second = MediaDuration::from_millis(1000);
        let shifts = vec![(0, MediaDuration::ZERO), (500, second)];
        let mut reader = ClockReader::new(Clock { shifts, sound: -second, ..Clock::default() });
        let zero = Some(MediaTime::ZERO);
        assert_eq!(reader.offset(PacketKind::Picture, Some(499), zero), MediaDuration::ZERO);
        assert_eq!(reader.offset(PacketKind::Picture, Some(500), zero), second);
        assert_eq!(reader.offset(PacketKind::Sound, Some(600), zero), MediaDuration::ZERO);
        assert_eq!(reader.offset(PacketKind::Picture, None, zero), second);
    }
}
