//! Sound of any kind to planar float at one rate, mono or stereo.

use reprise_model::{Error, Kind, Result};

use super::frame::Frame;
use super::{av, error};

/// Converts runs of sound.
pub struct Resampler {
    context: *mut av::SwrContext,
    from: (i32, i32, i32),
    rate: u32,
    channels: usize,
}

impl Resampler {
    /// To `rate` hertz and `channels` channels.
    pub fn new(rate: u32, channels: usize) -> Self {
        Self { context: std::ptr::null_mut(), from: (0, 0, 0), rate, channels }
    }

    /// Converts one frame; may give fewer or more samples than it took when the rate differs.
    pub fn convert(&mut self, frame: &Frame) -> Result<Vec<Vec<f32>>> {
        self.prepare(frame)?;
        // SAFETY: the context fits the frame; the planes are as long as `room` says.
        unsafe {
            let room = av::swr_get_out_samples(self.context, frame.samples() as i32).max(0);
            let mut planes = vec![vec![0f32; room as usize]; self.channels];
            let mut pointers: Vec<*mut u8> =
                planes.iter_mut().map(|plane| plane.as_mut_ptr().cast()).collect();
            let count = av::swr_convert(
                self.context,
                pointers.as_mut_ptr(),
                room,
                (*frame.as_ptr()).extended_data.cast(),
                frame.samples() as i32,
            );
            if count < 0 {
                return Err(error(Kind::Malformed, "its sound cannot be converted", count));
            }
            for plane in &mut planes {
                plane.truncate(count as usize);
            }
            Ok(planes)
        }
    }

    fn prepare(&mut self, frame: &Frame) -> Result<()> {
        // SAFETY: reads plain fields; allocates and sets up a context of our own.
        unsafe {
            let raw = frame.as_ptr();
            let from = ((*raw).format, (*raw).sample_rate, (*raw).ch_layout.nb_channels);
            if !self.context.is_null() && from == self.from {
                return Ok(());
            }
            if from.1 <= 0 || from.2 <= 0 {
                return Err(Error::new(Kind::Malformed, "its sound has no rate or no channels"));
            }
            av::swr_free(&mut self.context);
            let mut target: av::AVChannelLayout = std::mem::zeroed();
            av::av_channel_layout_default(&mut target, self.channels as i32);
            let mut source: av::AVChannelLayout = std::mem::zeroed();
            if (*raw).ch_layout.order == av::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC {
                av::av_channel_layout_default(&mut source, from.2);
            } else {
                av::av_channel_layout_copy(&mut source, &raw const (*raw).ch_layout);
            }
            let mut code = av::swr_alloc_set_opts2(
                &mut self.context,
                &mut target,
                av::AVSampleFormat::AV_SAMPLE_FMT_FLTP,
                self.rate as i32,
                &mut source,
                // The number comes from a decoder of the same library.
                std::mem::transmute::<i32, av::AVSampleFormat>(from.0),
                from.1,
                0,
                std::ptr::null_mut(),
            );
            if code >= 0 {
                code = av::swr_init(self.context);
            }
            av::av_channel_layout_uninit(&mut source);
            if code < 0 {
                return Err(error(Kind::Unsupported, "its sound cannot be converted", code));
            }
            self.from = from;
            Ok(())
        }
    }
}

impl Drop for Resampler {
    fn drop(&mut self) {
        // SAFETY: ours alone; null is fine.
        unsafe { av::swr_free(&mut self.context) };
    }
}
