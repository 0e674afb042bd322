//! A clip's sound on its way into the encoder, one encoder from its start to its end.

use reprise_model::{MediaDuration, Result, Span};

use crate::encode::{EncodeSettings, pairs};
use crate::ffi::encoder::{Encoder, SoundSettings};
use crate::ffi::frame::{Frame, Packet};
use crate::ffi::muxer::Track;
use crate::media::MediaInfo;
use crate::view::Observer;
use crate::window::{SoundRun, show_sound, sound_format};

/// The sound of a clip, cut to the clip and handed to its observer and its encoder.
pub(crate) struct ClipSound {
    track: Option<SoundTrack>,
    /// What came before it was known where the clip begins.
    waiting: Vec<SoundRun>,
}

impl ClipSound {
    /// For clips of a recording; without an encoder where the recording has no sound.
    pub fn new(info: &MediaInfo, settings: &EncodeSettings) -> Result<Self> {
        let track = match sound_format(info) {
            Some((sample_rate, channels)) => {
                Some(SoundTrack::new(sample_rate, channels, settings)?)
            }
            None => None,
        };
        Ok(Self { track, waiting: Vec::new() })
    }

    /// Takes a run, and passes on what came so far once the clip's `span` is known.
    pub fn push(
        &mut self,
        run: &SoundRun,
        span: Option<Span>,
        observer: Option<&mut (dyn Observer + '_)>,
    ) -> Result<()> {
        let planes = run.planes.clone();
        self.waiting.push(SoundRun { time: run.time, sample_rate: run.sample_rate, planes });
        match span {
            Some(span) => self.pass(span, observer),
            None => Ok(()),
        }
    }

    /// Passes on what came so far.
    pub fn pass(
        &mut self,
        span: Span,
        mut observer: Option<&mut (dyn Observer + '_)>,
    ) -> Result<()> {
        for run in std::mem::take(&mut self.waiting) {
            let rate = run.sample_rate;
            let length = run.planes.first().map_or(0, Vec::len) as i64;
            let from = (span.start - run.time).samples(rate).clamp(0, length);
            let to = (span.end - run.time).samples(rate).clamp(from, length);
            if from == to {
                continue;
            }
            let planes =
                run.planes.iter().map(|p| p[from as usize..to as usize].to_vec()).collect();
            let time = run.time + MediaDuration::from_samples(from, rate);
            let run = SoundRun { time, sample_rate: rate, planes };
            if let Some(track) = self.track.as_mut() {
                track.total = span.duration().samples(rate);
                track.push((run.time - span.start).samples(rate), &run.planes)?;
            }
            if let Some(observer) = observer.as_deref_mut() {
                show_sound(observer, &run);
            }
        }
        Ok(())
    }

    /// Encodes what is left, for a clip of this length.
    pub fn finish(self, length: MediaDuration) -> Result<Option<(Track, Vec<Packet>)>> {
        let Some(mut track) = self.track else { return Ok(None) };
        track.finish(length.samples(track.sample_rate))?;
        Ok(Some((Track::encoded(&track.encoder)?, track.packets)))
    }
}

/// What is whole is encoded and dropped.
struct SoundTrack {
    encoder: Encoder,
    packets: Vec<Packet>,
    sample_rate: u32,
    /// Samples of the clip.
    total: i64,
    /// Samples encoded so far.
    done: i64,
    /// What follows them, silence where nothing came yet.
    planes: Vec<Vec<f32>>,
}

impl SoundTrack {
    fn new(sample_rate: u32, channels: usize, settings: &EncodeSettings) -> Result<Self> {
        let encoder = Encoder::sound(&SoundSettings {
            encoder: &settings.audio_encoder,
            sample_rate,
            channels,
            bit_rate: if channels == 1 {
                settings.audio_bit_rate / 5 * 3
            } else {
                settings.audio_bit_rate
            },
            options: &pairs(&settings.audio_options),
        })?;
        let planes = vec![Vec::new(); channels];
        Ok(Self { encoder, packets: Vec::new(), sample_rate, total: 0, done: 0, planes })
    }

    /// Places a run at `at` samples into the clip, and encodes the frames before its end.
    fn push(&mut self, at: i64, samples: &[Vec<f32>]) -> Result<()> {
        for (plane, samples) in self.planes.iter_mut().zip(samples) {
            place(plane, at - self.done, samples);
        }
        self.encode(false)
    }

    /// Encodes whole frames, or with `last` all that the clip is long, then silence.
    fn encode(&mut self, last: bool) -> Result<()> {
        let size = self.encoder.frame_size();
        if last {
            let rest = usize::try_from(self.total - self.done).unwrap_or(0);
            for plane in &mut self.planes {
                plane.resize(rest, 0.0);
            }
        }
        while self.done < self.total {
            let held = self.planes.first().map_or(0, Vec::len);
            let left = usize::try_from(self.total - self.done).unwrap_or(0);
            let count = size.min(left);
            if held < count || (count < size && !last) {
                break;
            }
            let mut frame = Frame::sound(count, self.sample_rate, self.planes.len())?;
            for (channel, plane) in self.planes.iter_mut().enumerate() {
                frame.channel_mut(channel).copy_from_slice(&plane[..count]);
                plane.drain(..count);
            }
            frame.set_stamp(self.done);
            self.encoder.send(Some(&frame))?;
            collect(&mut self.encoder, &mut self.packets, size as i64)?;
            self.done += count as i64;
        }
        Ok(())
    }

    fn finish(&mut self, total: i64) -> Result<()> {
        self.total = total;
        self.encode(true)?;
        self.encoder.send(None)?;
        let size = self.encoder.frame_size() as i64;
        collect(&mut self.encoder, &mut self.packets, size)
    }
}

/// Encodes the whole sound of a clip, one list of samples a channel.
pub(crate) fn encoded_sound(
    sample_rate: u32,
    channels: &[Vec<f32>],
    settings: &EncodeSettings,
) -> Result<(Track, Vec<Packet>)> {
    let mut track = SoundTrack::new(sample_rate, channels.len(), settings)?;
    track.total = channels.first().map_or(0, Vec::len) as i64;
    track.push(0, channels)?;
    track.finish(track.total)?;
    Ok((Track::encoded(&track.encoder)?, track.packets))
}

/// Takes what an encoder has; packets without a duration get `duration` ticks.
pub(crate) fn collect(
    encoder: &mut Encoder,
    packets: &mut Vec<Packet>,
    duration: i64,
) -> Result<()> {
    let mut packet = Packet::new()?;
    while encoder.receive(&mut packet)? {
        packet.default_duration(duration);
        packets.push(packet);
        packet = Packet::new()?;
    }
    Ok(())
}

/// Writes `samples` at index `at` (which may be negative), with silence before where nothing is.
pub(crate) fn place(plane: &mut Vec<f32>, at: i64, samples: &[f32]) {
    let skip = usize::try_from(-at).unwrap_or(0).min(samples.len());
    let at = usize::try_from(at).unwrap_or(0);
    let end = at + samples.len() - skip;
    if plane.len() < end {
        plane.resize(end, 0.0);
    }
    plane[at..end].copy_from_slice(&samples[skip..]);
}
