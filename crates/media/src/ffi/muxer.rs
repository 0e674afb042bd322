//! Packets to an MP4 in memory.

use reprise_model::{Error, Kind, Result};

use super::encoder::Encoder;
use super::frame::Packet;
use super::input::Stream;
use super::io::WriteIo;
use super::{Options, av, error};

/// What a stream of the MP4 is, owned.
pub struct Track {
    parameters: *mut av::AVCodecParameters,
    base: av::AVRational,
    aspect: av::AVRational,
    rate: av::AVRational,
}

impl Track {
    fn new(base: av::AVRational, aspect: av::AVRational, rate: av::AVRational) -> Result<Self> {
        // SAFETY: allocates.
        let parameters = unsafe { av::avcodec_parameters_alloc() };
        if parameters.is_null() {
            return Err(Error::new(Kind::Limit, "out of memory"));
        }
        Ok(Self { parameters, base, aspect, rate })
    }

    /// What an encoder makes.
    pub fn encoded(encoder: &Encoder) -> Result<Self> {
        // SAFETY: reads plain fields of an opened encoder and copies its parameters.
        unsafe {
            let context = &*encoder.context();
            let track =
                Self::new(encoder.time_base(), context.sample_aspect_ratio, context.framerate)?;
            let code = av::avcodec_parameters_from_context(track.parameters, context);
            if code < 0 {
                return Err(error(Kind::Bug, "a stream cannot be described", code));
            }
            Ok(track)
        }
    }

    /// A stream taken over, with another `description`; its packets' clock ticks once a picture.
    pub fn copied(stream: &Stream<'_>, rate: (i32, i32), description: &[u8]) -> Result<Self> {
        let ticks = av::AVRational { num: rate.1, den: rate.0 };
        let fps = av::AVRational { num: rate.0, den: rate.1 };
        let (num, den) = stream.aspect();
        let track = Self::new(ticks, av::AVRational { num, den }, fps)?;
        let padding = av::AV_INPUT_BUFFER_PADDING_SIZE as usize;
        // SAFETY: copies the parameters, then replaces the description by one that libav
        // allocates with the padding that it asks for and that is freed with the parameters.
        unsafe {
            let code = av::avcodec_parameters_copy(track.parameters, stream.parameters());
            if code < 0 {
                return Err(error(Kind::Bug, "a stream cannot be described", code));
            }
            let parameters = &mut *track.parameters;
            parameters.codec_tag = 0;
            parameters.bit_rate = 0;
            av::av_freep((&raw mut parameters.extradata).cast());
            parameters.extradata_size = 0;
            parameters.extradata = av::av_mallocz(description.len() + padding).cast();
            if parameters.extradata.is_null() {
                return Err(Error::new(Kind::Limit, "out of memory"));
            }
            let length = description.len();
            std::ptr::copy_nonoverlapping(description.as_ptr(), parameters.extradata, length);
            parameters.extradata_size = i32::try_from(length).unwrap_or(0);
        }
        Ok(track)
    }

    /// The clock of its packets.
    pub fn time_base(&self) -> av::AVRational {
        self.base
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { av::avcodec_parameters_free(&mut self.parameters) };
    }
}

/// An MP4 that is being written.
pub struct Muxer {
    context: *mut av::AVFormatContext,
    io: Option<WriteIo>,
}

impl Muxer {
    /// With these streams; at most `limit` bytes.
    pub fn new(tracks: &[Track], limit: usize) -> Result<Self> {
        super::initialise();
        let io = WriteIo::new(limit)?;
        // SAFETY: allocates a context of our own, gives it our I/O, and copies each track's
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
            for track in tracks {
                let stream = av::avformat_new_stream(context, std::ptr::null());
                if stream.is_null() {
                    return Err(Error::new(Kind::Limit, "out of memory"));
                }
                let code = av::avcodec_parameters_copy((*stream).codecpar, track.parameters);
                if code < 0 {
                    return Err(error(Kind::Bug, "a stream cannot be described", code));
                }
                (*stream).time_base = track.base;
                (*stream).sample_aspect_ratio = track.aspect;
                (*stream).avg_frame_rate = track.rate;
            }
            let mut options = Options::new(&[("movflags", "+write_colr")]);
            let code = av::avformat_write_header(context, &mut options.0);
            if code < 0 {
                return Err(error(Kind::Bug, "the MP4 cannot be begun", code));
            }
            Ok(muxer)
        }
    }

    /// Writes a packet of a stream; order between streams is the muxer's business.
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
