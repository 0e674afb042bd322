//! Encoders of pictures and sound.

use reprise_model::{Error, Kind, Result};

use super::frame::{Frame, Packet};
use super::{AGAIN, END, Options, av, c_string, error};

/// An encoder.
pub struct Encoder {
    context: *mut av::AVCodecContext,
}

/// What a picture encoder is set up with.
pub struct PictureSettings<'a> {
    /// Name of the encoder, such as `libx264`.
    pub encoder: &'a str,
    /// Pictures a second, as a fraction.
    pub rate: (i32, i32),
    /// Threads; the output depends on them, so they are pinned.
    pub threads: u32,
    /// Pictures between key pictures at most.
    pub gop: u32,
    /// Width of a pixel over its height; (0, 1) says nothing of it.
    pub aspect: (i32, i32),
    /// The encoder's own options.
    pub options: &'a [(&'a str, &'a str)],
}

/// What a sound encoder is set up with.
pub struct SoundSettings<'a> {
    /// Name of the encoder, such as `aac`.
    pub encoder: &'a str,
    /// Hertz.
    pub sample_rate: u32,
    /// Channels.
    pub channels: usize,
    /// Bits a second.
    pub bit_rate: u32,
    /// The encoder's own options.
    pub options: &'a [(&'a str, &'a str)],
}

impl Encoder {
    /// For pictures like `first`, whose size, pixel format and colour tags it takes over.
    pub fn pictures(first: &Frame, settings: &PictureSettings<'_>) -> Result<Self> {
        let (encoder, codec) = Self::allocate(settings.encoder)?;
        // SAFETY: sets plain fields of a fresh context from a frame's plain fields.
        unsafe {
            let context = encoder.context;
            let frame = first.as_ptr();
            (*context).width = (*frame).width;
            (*context).height = (*frame).height;
            // The number comes from a decoder or filter of the same library.
            (*context).pix_fmt = std::mem::transmute::<i32, av::AVPixelFormat>((*frame).format);
            (*context).sample_aspect_ratio =
                av::AVRational { num: settings.aspect.0, den: settings.aspect.1 };
            (*context).time_base = av::AVRational { num: settings.rate.1, den: settings.rate.0 };
            (*context).framerate = av::AVRational { num: settings.rate.0, den: settings.rate.1 };
            (*context).color_range = (*frame).color_range;
            (*context).color_primaries = (*frame).color_primaries;
            (*context).color_trc = (*frame).color_trc;
            (*context).colorspace = (*frame).colorspace;
            (*context).chroma_sample_location = (*frame).chroma_location;
            (*context).gop_size = settings.gop as i32;
            (*context).thread_count = settings.threads as i32;
            (*context).flags |=
                (av::AV_CODEC_FLAG_GLOBAL_HEADER | av::AV_CODEC_FLAG_CLOSED_GOP) as i32;
        }
        encoder.start(codec, settings.encoder, settings.options)
    }

    /// For planar float sound.
    pub fn sound(settings: &SoundSettings<'_>) -> Result<Self> {
        let (encoder, codec) = Self::allocate(settings.encoder)?;
        // SAFETY: sets plain fields of a fresh context.
        unsafe {
            let context = encoder.context;
            (*context).sample_fmt = av::AVSampleFormat::AV_SAMPLE_FMT_FLTP;
            (*context).sample_rate = settings.sample_rate as i32;
            av::av_channel_layout_default(&mut (*context).ch_layout, settings.channels as i32);
            (*context).bit_rate = i64::from(settings.bit_rate);
            (*context).time_base = av::AVRational { num: 1, den: settings.sample_rate as i32 };
            (*context).flags |= av::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        }
        encoder.start(codec, settings.encoder, settings.options)
    }

    fn allocate(name: &str) -> Result<(Self, *const av::AVCodec)> {
        super::initialise();
        // SAFETY: looks a static up and allocates.
        unsafe {
            let codec = av::avcodec_find_encoder_by_name(c_string(name).as_ptr());
            if codec.is_null() {
                return Err(Error::new(
                    Kind::Unavailable,
                    format!(
                        "the encoder `{name}` is not installed; `reprise doctor` says how to get it"
                    ),
                ));
            }
            let context = av::avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(Error::new(Kind::Limit, "out of memory"));
            }
            Ok((Self { context }, codec))
        }
    }

    fn start(self, codec: *const av::AVCodec, name: &str, pairs: &[(&str, &str)]) -> Result<Self> {
        let mut options = Options::new(pairs);
        // SAFETY: a context that was filled in.
        let code = unsafe { av::avcodec_open2(self.context, codec, &mut options.0) };
        if code < 0 {
            return Err(error(
                Kind::Unavailable,
                &format!("the encoder `{name}` does not start"),
                code,
            ));
        }
        match options.unused() {
            Some(key) => Err(Error::new(
                Kind::Usage,
                format!("the encoder `{name}` has no option `{key}`; mend the profile"),
            )),
            None => Ok(self),
        }
    }

    /// The coding's own description of what it makes, such as parameter sets.
    pub fn description(&self) -> &[u8] {
        // SAFETY: an opened encoder keeps so many bytes there as long as it lives.
        unsafe {
            let context = &*self.context;
            match usize::try_from(context.extradata_size) {
                Ok(size) if size > 0 && !context.extradata.is_null() => {
                    std::slice::from_raw_parts(context.extradata, size)
                }
                _ => &[],
            }
        }
    }

    /// For the muxer.
    pub fn context(&self) -> *const av::AVCodecContext {
        self.context
    }

    /// The clock of its packets.
    pub fn time_base(&self) -> av::AVRational {
        // SAFETY: a plain field.
        unsafe { (*self.context).time_base }
    }

    /// Samples a frame of sound must have, but the last.
    pub fn frame_size(&self) -> usize {
        // SAFETY: a plain field.
        usize::try_from(unsafe { (*self.context).frame_size })
            .ok()
            .filter(|&n| n > 0)
            .unwrap_or(1024)
    }

    /// Gives it a frame, or `None` to drain it.
    pub fn send(&mut self, frame: Option<&Frame>) -> Result<()> {
        let raw = frame.map_or(std::ptr::null(), |f| f.as_ptr().cast_const());
        // SAFETY: an opened encoder; it shares the frame's buffers.
        let code = unsafe { av::avcodec_send_frame(self.context, raw) };
        if code < 0 && code != END { Err(error(Kind::Bug, "encoding", code)) } else { Ok(()) }
    }

    /// Takes a packet; false where it has none.
    pub fn receive(&mut self, packet: &mut Packet) -> Result<bool> {
        // SAFETY: an opened encoder; it empties the packet first.
        let code = unsafe { av::avcodec_receive_packet(self.context, packet.as_ptr()) };
        match code {
            0.. => {
                crate::remote::moved();
                Ok(true)
            }
            AGAIN | END => Ok(false),
            _ => Err(error(Kind::Bug, "encoding", code)),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { av::avcodec_free_context(&mut self.context) };
    }
}

/// Whether an encoder is installed.
pub fn has_encoder(name: &str) -> bool {
    // SAFETY: looks a static up.
    unsafe { !av::avcodec_find_encoder_by_name(c_string(name).as_ptr()).is_null() }
}
