//! A decoder of one stream.

use reprise_model::{Error, Kind, Result};

use super::frame::{Frame, Packet};
use super::input::{DECODERS, Stream};
use super::{AGAIN, END, Options, av, error};

/// Largest picture that is decoded: 8192 x 8192.
const MAX_PIXELS: &str = "67108864";

/// A decoder.
pub struct Decoder {
    context: *mut av::AVCodecContext,
    damaged: u64,
}

/// What a decoder has to give.
pub enum Decoded {
    /// The frame was filled.
    Frame,
    /// It wants more packets.
    More,
    /// It is drained.
    End,
}

impl Decoder {
    /// For a stream, on `threads` threads.
    pub fn open(stream: &Stream<'_>, threads: u32) -> Result<Self> {
        let fail = |kind, what: String| Err(Error::new(kind, what).in_stream(stream.index));
        let codec_name = stream.codec();
        // SAFETY: finds a static; copies the parameters into a fresh context.
        unsafe {
            let codec = av::avcodec_find_decoder(stream.parameters().codec_id);
            if codec.is_null() {
                return fail(
                    Kind::Unsupported,
                    format!("no decoder for `{codec_name}` is installed"),
                );
            }
            let name = std::ffi::CStr::from_ptr((*codec).name).to_string_lossy();
            if !DECODERS.split(',').any(|known| known == name) {
                return fail(
                    Kind::Unsupported,
                    format!("`{codec_name}` is not read; convert it to H.264 and AAC"),
                );
            }
            let context = av::avcodec_alloc_context3(codec);
            if context.is_null() {
                return fail(Kind::Limit, "out of memory".to_owned());
            }
            let decoder = Self { context, damaged: 0 };
            let code = av::avcodec_parameters_to_context(context, stream.parameters());
            if code < 0 {
                return Err(error(Kind::Malformed, "its description is damaged", code));
            }
            (*context).pkt_timebase = super::FLICKS;
            (*context).thread_count = threads as i32;
            let mut options = Options::new(&[("max_pixels", MAX_PIXELS)]);
            let code = av::avcodec_open2(context, codec, &mut options.0);
            if code < 0 {
                return Err(error(Kind::Malformed, "its decoder does not start", code)
                    .in_stream(stream.index));
            }
            Ok(decoder)
        }
    }

    /// Forgets what it holds, so that it can begin anew with a key picture.
    pub fn restart(&mut self) {
        // SAFETY: an opened decoder.
        unsafe { av::avcodec_flush_buffers(self.context) };
    }

    /// The clock of its packets and frames.
    pub fn time_base(&self) -> av::AVRational {
        super::FLICKS
    }

    /// Packets that could not be decoded so far.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Gives it a packet, or `None` to drain it. A damaged packet is counted and dropped.
    pub fn send(&mut self, packet: Option<&Packet>) -> Result<()> {
        let raw = packet.map_or(std::ptr::null(), |p| p.as_ptr().cast_const());
        // SAFETY: an opened decoder; the packet is only read.
        let code = unsafe { av::avcodec_send_packet(self.context, raw) };
        match code {
            0.. | END => Ok(()),
            AGAIN => Err(Error::new(Kind::Bug, "a decoder was not emptied")),
            -12 => Err(error(Kind::Limit, "decoding", code)),
            _ => {
                self.damaged += 1;
                Ok(())
            }
        }
    }

    /// Takes a frame.
    pub fn receive(&mut self, frame: &mut Frame) -> Result<Decoded> {
        for _ in 0..1000 {
            // SAFETY: an opened decoder; it empties the frame first.
            let code = unsafe { av::avcodec_receive_frame(self.context, frame.as_ptr()) };
            match code {
                0.. => {
                    crate::remote::moved();
                    return Ok(Decoded::Frame);
                }
                AGAIN => return Ok(Decoded::More),
                END => return Ok(Decoded::End),
                -12 => return Err(error(Kind::Limit, "decoding", code)),
                _ => self.damaged += 1,
            }
        }
        Ok(Decoded::More)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { av::avcodec_free_context(&mut self.context) };
    }
}

/// Whether a decoder for the coding is installed and used.
pub fn has_decoder(name: &str) -> bool {
    let name = super::c_string(name);
    // SAFETY: looks a static up.
    unsafe { !av::avcodec_find_decoder_by_name(name.as_ptr()).is_null() }
}
