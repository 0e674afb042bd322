//! Decoded pictures of a window: made upright, put in order, the right one first.

use reprise_model::{MediaDuration, MediaTime, Result, Span};

use crate::ffi::av;
use crate::ffi::decoder::{Decoded, Decoder};
use crate::ffi::filter::Filter;
use crate::ffi::frame::Frame;
use crate::media::VideoInfo;
use crate::sounds::Sounds;
use crate::window::{Sink, WindowOptions};

/// PQ and HLG to BT.709: linear light in which 1 is the reference white of 203 cd/m2 (ITU-R BT.2408),
/// kept as it is up to 0.5 and bent above so that 1,000 cd/m2 become white. Of a standard picture
/// that was put into either signal, 37 dB and more come back.
const TO_SDR: &str = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
    tonemap=tonemap=mobius:param=0.5:peak=4.93:desat=0,zscale=t=bt709:m=bt709:r=tv";

/// The pictures of a window.
pub(crate) struct Pictures {
    pub decoder: Decoder,
    video: VideoInfo,
    size: (u32, u32),
    filter: Option<(Filter, (usize, usize), i32)>,
    /// The newest picture before the window.
    held: Option<(Frame, MediaTime, MediaDuration)>,
    last: Option<MediaTime>,
    /// Handed on so far.
    pub count: u64,
    /// Whether the first picture came early enough.
    pub verified: bool,
    /// Whether the window is over.
    pub done: bool,
}

impl Pictures {
    pub fn new(decoder: Decoder, video: &VideoInfo, options: &WindowOptions) -> Self {
        Self {
            decoder,
            size: options.size.unwrap_or((video.width, video.height)),
            video: video.clone(),
            filter: None,
            held: None,
            last: None,
            count: 0,
            verified: false,
            done: false,
        }
    }

    /// Hands on what the decoder has; false where its first picture comes too late for the window.
    pub fn drain(
        &mut self,
        span: Span,
        needs_earlier: bool,
        sounds: &mut Option<Sounds>,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let mut frame = Frame::new()?;
        while let Decoded::Frame = self.decoder.receive(&mut frame)? {
            if !self.verified {
                let base = self.decoder.time_base();
                let at = frame.time(base);
                let late = at.is_some_and(|at| at > span.start + self.video.picture_duration());
                if late && needs_earlier {
                    return Ok(false);
                }
                self.verified = true;
                if let Some(sounds) = sounds {
                    sounds.release(sink)?;
                }
            }
            self.upright(frame, span, sink)?;
            if self.done {
                break;
            }
            frame = Frame::new()?;
        }
        Ok(true)
    }

    fn upright(&mut self, frame: Frame, span: Span, sink: &mut dyn Sink) -> Result<()> {
        let base = self.decoder.time_base();
        let Some(chain) = self.chain(&frame) else {
            let at = frame.time(base);
            let length = frame.duration(base);
            return self.place(frame, at, length, span, sink);
        };
        let shape = (frame.size(), frame.format());
        if self.filter.as_ref().is_none_or(|f| (f.1, f.2) != shape) {
            self.filter = Some((Filter::new(&frame, base, &chain)?, shape.0, shape.1));
        }
        self.filtered(Some(&frame), span, sink)
    }

    /// Gives the filters a picture, or the end, and places what comes out.
    fn filtered(&mut self, frame: Option<&Frame>, span: Span, sink: &mut dyn Sink) -> Result<()> {
        let Some((filter, ..)) = self.filter.as_mut() else { return Ok(()) };
        filter.send(frame)?;
        let mut ready = Vec::new();
        let mut out = Frame::new()?;
        while filter.receive(&mut out)? {
            ready.push(out);
            out = Frame::new()?;
        }
        let base = self.decoder.time_base();
        for out in ready {
            let at = out.time(base);
            let length = out.duration(base);
            self.place(out, at, length, span, sink)?;
        }
        Ok(())
    }

    /// What must be done to a picture, or `None` where it is fine as it is.
    fn chain(&self, frame: &Frame) -> Option<String> {
        let (width, height) = frame.size();
        let format = frame.format();
        let eight_bit = format == av::AVPixelFormat::AV_PIX_FMT_YUV420P as i32
            || format == av::AVPixelFormat::AV_PIX_FMT_YUVJ420P as i32;
        let sized = (width, height) == (self.size.0 as usize, self.size.1 as usize);
        let filters = self.video.orientation.filters();
        let plain = eight_bit && !frame.is_hdr();
        if plain && sized && filters.is_empty() && !frame.is_interlaced() {
            return None;
        }
        let mut chain: Vec<String> = Vec::new();
        if frame.is_interlaced() {
            chain.push("yadif=deint=interlaced".to_owned());
        }
        chain.extend(filters.iter().map(|&f| f.to_owned()));
        let (w, h) = self.size;
        // A recording that changes its size midway keeps the shape of its pictures.
        chain.push(format!("scale={w}:{h}:flags=bicubic"));
        chain.push("setsar=1".to_owned());
        if frame.is_hdr() {
            if !frame.has_colour() {
                chain.push("setparams=color_primaries=bt2020:colorspace=bt2020nc".to_owned());
            }
            chain.push(TO_SDR.to_owned());
        }
        if !eight_bit {
            chain.push("format=yuv420p".to_owned());
        }
        Some(chain.join(","))
    }

    fn place(
        &mut self,
        frame: Frame,
        at: Option<MediaTime>,
        length: MediaDuration,
        span: Span,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let usual = self.video.picture_duration();
        let length = if length > MediaDuration::ZERO { length } else { usual };
        // A picture without a stamp follows the one before.
        let at = at.or(self.last.map(|last| last + usual)).unwrap_or(MediaTime::ZERO);
        if self.last.is_some_and(|last| at <= last) {
            return Ok(());
        }
        self.last = Some(at);
        if at < span.start {
            self.held = Some((frame, at, length));
            return Ok(());
        }
        self.give_held(Some(at), span, sink)?;
        if at >= span.end {
            self.done = true;
            return Ok(());
        }
        self.count += 1;
        sink.picture(&frame, at, length)
    }

    fn give_held(
        &mut self,
        next: Option<MediaTime>,
        span: Span,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let Some((frame, at, length)) = self.held.take() else { return Ok(()) };
        // Nothing stands before the window's first picture if that one is there from the start.
        if next.is_some_and(|next| next == span.start) {
            return Ok(());
        }
        self.count += 1;
        sink.picture(&frame, at, length)
    }

    /// Hands on what the filters still hold, and the picture that stands when the recording ends
    /// before the window begins.
    pub fn finish(&mut self, span: Span, sink: &mut dyn Sink) -> Result<()> {
        self.filtered(None, span, sink)?;
        self.give_held(None, span, sink)
    }
}
