//! A clip's sound on its way into the encoder.

use reprise_model::Result;

use crate::encode::EncodeSettings;
use crate::ffi::encoder::{Encoder, SoundSettings};
use crate::ffi::frame::{Frame, Packet};

/// The clip's sound on its way into the encoder: what is whole is encoded and dropped.
pub(crate) struct SoundTrack {
    pub encoder: Encoder,
    pub packets: Vec<Packet>,
    pub sample_rate: u32,
    /// Samples of the clip.
    pub total: i64,
    /// Samples encoded so far.
    done: i64,
    /// What follows them, silence where nothing came yet.
    planes: Vec<Vec<f32>>,
}

impl SoundTrack {
    pub fn new(sample_rate: u32, channels: usize, settings: &EncodeSettings) -> Result<Self> {
        let encoder = Encoder::sound(&SoundSettings {
            encoder: &settings.audio_encoder,
            sample_rate,
            channels,
            bit_rate: settings.audio_bit_rate,
        })?;
        let planes = vec![Vec::new(); channels];
        Ok(Self { encoder, packets: Vec::new(), sample_rate, total: 0, done: 0, planes })
    }

    /// Places a run at `at` samples into the clip, and encodes the frames before its end.
    pub fn push(&mut self, at: i64, samples: &[Vec<f32>]) -> Result<()> {
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

    pub fn finish(&mut self, total: i64) -> Result<()> {
        self.total = total;
        self.encode(true)?;
        self.encoder.send(None)?;
        let size = self.encoder.frame_size() as i64;
        collect(&mut self.encoder, &mut self.packets, size)
    }
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
fn place(plane: &mut Vec<f32>, at: i64, samples: &[f32]) {
    let skip = usize::try_from(-at).unwrap_or(0).min(samples.len());
    let at = usize::try_from(at).unwrap_or(0);
    let end = at + samples.len() - skip;
    if plane.len() < end {
        plane.resize(end, 0.0);
    }
    plane[at..end].copy_from_slice(&samples[skip..]);
}
