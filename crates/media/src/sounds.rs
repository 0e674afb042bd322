//! Decoded sound of a window: one format, continuous where the recording is.

use std::collections::VecDeque;

use reprise_model::{MediaDuration, MediaTime, Result, Span};

use crate::ffi::decoder::{Decoded, Decoder};
use crate::ffi::frame::Frame;
use crate::ffi::resampler::Resampler;
use crate::window::{Sink, SoundRun};

/// Sound whose stamp lies within this of where it is expected is taken as continuous; containers
/// round stamps to a millisecond.
const SOUND_JITTER: MediaDuration = MediaDuration::from_millis(12);

/// The sound of a window.
pub(crate) struct Sounds {
    pub decoder: Decoder,
    resampler: Resampler,
    rate: u32,
    /// Where the next sample belongs if the sound is continuous.
    expected: Option<MediaTime>,
    /// Whether the window is over.
    pub done: bool,
    /// Sound decoded before the first picture was found good.
    waiting: VecDeque<SoundRun>,
}

impl Sounds {
    /// With the decoder of a recording's sound; handed on at `rate` hertz in `channels` channels.
    pub fn new(decoder: Decoder, rate: u32, channels: usize) -> Self {
        Self {
            decoder,
            resampler: Resampler::new(rate, channels),
            rate,
            expected: None,
            done: false,
            waiting: VecDeque::new(),
        }
    }

    /// Hands on what the decoder has, or with `held` keeps it until [`Self::release`].
    pub fn drain(&mut self, span: Span, held: bool, sink: &mut dyn Sink) -> Result<()> {
        let mut frame = Frame::new()?;
        while let Decoded::Frame = self.decoder.receive(&mut frame)? {
            let stamp = frame.time(self.decoder.time_base());
            let planes = self.resampler.convert(&frame)?;
            let Some(at) = (match (stamp, self.expected) {
                (Some(at), Some(expected)) if (at - expected).abs() <= SOUND_JITTER => {
                    Some(expected)
                }
                (Some(at), _) => Some(at),
                (None, expected) => expected,
            }) else {
                continue;
            };
            let count = planes.first().map_or(0, Vec::len) as i64;
            let end = at + MediaDuration::from_samples(count, self.rate);
            self.expected = Some(end);
            if end > span.start && at < span.end {
                let run = SoundRun { time: at, sample_rate: self.rate, planes };
                if held {
                    self.waiting.push_back(run);
                } else {
                    sink.sound(&run)?;
                }
            }
            if end >= span.end {
                self.done = true;
            }
        }
        Ok(())
    }

    /// Hands on what was kept.
    pub fn release(&mut self, sink: &mut dyn Sink) -> Result<()> {
        while let Some(run) = self.waiting.pop_front() {
            sink.sound(&run)?;
        }
        Ok(())
    }
}
