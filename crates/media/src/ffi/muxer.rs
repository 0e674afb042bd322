//! Packets to an MP4 in memory.

use reprise_model::{Error, Kind, Result};

use super::encoder::Encoder;
use super::frame::Packet;
use super::io::WriteIo;
use super::{Options, av, error};

/// An MP4 that is being written.
pub struct Muxer {
    context: *mut av::AVFormatContext,
    io: Option<WriteIo>,
}

impl Muxer {
    /// With one stream an encoder, in their order; at most `limit` bytes.
    pub fn new(encoders: &[&Encoder], limit: usize) -> Result<Self> {
        super::initialise();
        let io = WriteIo::new(limit)?;
        // SAFETY: allocates a context of our own, gives it our I/O, and copies each encoder's
        // parameters into a stream of its own.
        unsafe {
            let mut context = std::ptr::null_mut();
            let code = av::avformat_alloc_output_context2(
                &mut context,
                std::ptr::null(),
                c"mp4".as_ptr(),
                std::ptr::null(),
            );
            if code < 0 {
                return Err(error(Kind::Unavailable, "no MP4 writer is installed", code));
            }
            (*context).pb = io.context();
            (*context).flags |= av::AVFMT_FLAG_CUSTOM_IO | av::AVFMT_FLAG_BITEXACT;
            let muxer = Self { context, io: Some(io) };
            for encoder in encoders {
                let stream = av::avformat_new_stream(context, std::ptr::null());
                if stream.is_null() {
                    return Err(Error::new(Kind::Limit, "out of memory"));
                }
                let code =
                    av::avcodec_parameters_from_context((*stream).codecpar, encoder.context());
                if code < 0 {
                    return Err(error(Kind::Bug, "a stream cannot be described", code));
                }
                (*stream).time_base = encoder.time_base();
                (*stream).sample_aspect_ratio = (*encoder.context()).sample_aspect_ratio;
                (*stream).avg_frame_rate = (*encoder.context()).framerate;
            }
            let mut options = Options::new(&[("movflags", "+write_colr")]);
            let code = av::avformat_write_header(context, &mut options.0);
            if code < 0 {
                return Err(error(Kind::Bug, "the MP4 cannot be begun", code));
            }
            Ok(muxer)
        }
    }

    /// Writes a packet of the stream's encoder; order between streams is the muxer's business.
    pub fn write(
        &mut self,
        packet: &mut Packet,
        stream: usize,
        from: av::AVRational,
    ) -> Result<()> {
        // SAFETY: the stream exists; the packet's bytes are taken over.
        let code = unsafe {
            let to = (**(*self.context).streams.add(stream)).time_base;
            packet.rescale(stream, from, to);
            av::av_interleaved_write_frame(self.context, packet.as_ptr())
        };
        if code < 0 {
            return Err(error(Kind::Limit, "the clip is larger than its limit", code));
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        // SAFETY: a header was written.
        let code = unsafe { av::av_write_trailer(self.context) };
        if code < 0 {
            return Err(error(Kind::Bug, "the MP4 cannot be ended", code));
        }
        Ok(self.io.take().map(WriteIo::into_bytes).unwrap_or_default())
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: ours alone; the I/O is ours and freed by its own owner.
        unsafe {
            if !self.context.is_null() {
                (*self.context).pb = std::ptr::null_mut();
                av::avformat_free_context(self.context);
            }
        }
    }
}
