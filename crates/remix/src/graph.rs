//! The GStreamer graph: coded pictures in, decoded, painted on, coded again. It is handed bytes, never
//! names.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video::{
    VideoColorMatrix, VideoColorRange, VideoFrameExt as _, VideoFrameRef, VideoInfo,
};
use reprise_media::{CodedPicture, CodedPictures};
use reprise_model::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::drawing::{Coding, Planes};

/// How pictures are coded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coder {
    /// x264's own name of how much work it does, such as `veryfast`.
    pub preset: String,
    /// Constant rate factor of x264; 21 is above what a feed keeps.
    pub crf: f64,
    /// Threads of the encoder; the output depends on their number.
    pub threads: u32,
    /// Seconds between key pictures at most.
    pub gop_s: f64,
}

impl Default for Coder {
    /// As clips are coded, on two threads: one remix is waited for, unlike many clips.
    fn default() -> Self {
        Self { preset: "veryfast".to_owned(), crf: 21.0, threads: 2, gop_s: 2.0 }
    }
}

/// What paints: the picture's planes and its number.
pub type Paint = dyn FnMut(&mut Planes<'_>, usize, Coding) + Send;

/// Seconds without a picture after which the graph counts as hung.
const SILENT_S: u64 = 40;

/// What is told on the way.
pub struct Way<'a> {
    /// Gets the share that is done, 0 to 1.
    pub progress: &'a dyn Fn(f64),
    /// Ends the work at once.
    pub cancel: &'a AtomicBool,
}

/// Starts GStreamer and looks for the elements that are needed.
///
/// # Errors
/// `Unavailable` with the Debian packages that are missing.
pub fn prepare() -> Result<()> {
    gst::init().map_err(|error| {
        Error::new(Kind::Unavailable, "GStreamer cannot be started").caused_by(error)
    })?;
    let needed = [
        ("appsrc", "gstreamer1.0-plugins-base"),
        ("avdec_h264", "gstreamer1.0-libav"),
        ("videoconvert", "gstreamer1.0-plugins-base"),
        ("x264enc", "gstreamer1.0-plugins-ugly"),
    ];
    for (element, package) in needed {
        if gst::ElementFactory::find(element).is_none() {
            let message = format!("GStreamer has no `{element}`; install {package}");
            return Err(Error::new(Kind::Unavailable, message));
        }
    }
    Ok(())
}

/// Whether GStreamer has an element of this name here.
pub fn has_element(name: &str) -> bool {
    gst::init().is_ok() && gst::ElementFactory::find(name).is_some()
}

/// A graph that stands and waits for a clip. It opens no file from here on.
pub struct Graph {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    source: AppSrc,
    painted: gst::Pad,
    encoder: gst::Element,
    sink: AppSink,
    gop_s: f64,
}

impl Drop for Graph {
    fn drop(&mut self) {
        // Ends its threads, also where something failed.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Graph {
    /// Builds one.
    ///
    /// # Errors
    /// As [`prepare`].
    pub fn new(coder: &Coder) -> Result<Self> {
        prepare()?;
        let source = AppSrc::builder().format(gst::Format::Time).build();
        source.set_max_bytes(0);
        let pipeline = gst::Pipeline::new();
        let raw = gst::Caps::builder("video/x-raw").field("format", "I420").build();
        let coded = gst::Caps::builder("video/x-h264")
            .field("stream-format", "avc")
            .field("alignment", "au")
            .field("profile", "high")
            .build();
        let sink = AppSink::builder().caps(&coded).sync(false).max_buffers(64).build();
        let make = gst::ElementFactory::make;
        let decoder = make("avdec_h264")
            .property("max-threads", 1i32)
            // Painted pictures are copies anyway; copied at once they come from a pool, not from fresh pages.
            .property("direct-rendering", false)
            .build()
            .map_err(lacking)?;
        let convert = make("videoconvert").build().map_err(lacking)?;
        let filter = make("capsfilter").property("caps", &raw).build().map_err(lacking)?;
        let between = make("queue")
            .property("max-size-buffers", 6u32)
            .property("max-size-bytes", 0u32)
            .property("max-size-time", 0u64)
            .build()
            .map_err(lacking)?;
        let encoder = make("x264enc")
            .property_from_str("pass", "qual")
            .property_from_str("speed-preset", &coder.preset)
            .property("threads", coder.threads)
            .property("option-string", format!("crf={}", coder.crf))
            // Else the bit rate is held below 2 Mbit/s, whatever the quality.
            .property("vbv-buf-capacity", 0u32)
            .build()
            .map_err(lacking)?;
        let elements = [
            source.upcast_ref(),
            &decoder,
            &convert,
            &filter,
            &between,
            &encoder,
            sink.upcast_ref(),
        ];
        pipeline.add_many(elements).map_err(lacking)?;
        gst::Element::link_many(elements).map_err(lacking)?;
        let painted = between.static_pad("src").ok_or_else(|| broken("a queue without an end"))?;
        let bus = pipeline.bus().ok_or_else(|| broken("a graph without a bus"))?;
        pipeline.set_state(gst::State::Ready).map_err(unwilling)?;
        Ok(Self { pipeline, bus, source, painted, encoder, sink, gop_s: coder.gop_s })
    }

    /// Paints every picture of a clip and codes it anew.
    ///
    /// # Errors
    /// `Unsupported` where the clip is not H.264; `Malformed` where it cannot be decoded; `Stalled`
    /// where nothing comes for 40 s; `TryAgain` where it was cancelled.
    pub fn render(
        self,
        clip: &CodedPictures,
        paint: Box<Paint>,
        way: &Way<'_>,
    ) -> Result<CodedPictures> {
        if clip.codec != "h264" {
            let words =
                format!("the clip's pictures are {}; remixes are made of H.264", clip.codec);
            return Err(Error::new(Kind::Unsupported, words));
        }
        let (numerator, denominator) = clip.rate;
        let caps = gst::Caps::builder("video/x-h264")
            .field("stream-format", "avc")
            .field("alignment", "au")
            .field("codec_data", gst::Buffer::from_slice(clip.description.clone()))
            .field("width", clip.width as i32)
            .field("height", clip.height as i32)
            .field("framerate", gst::Fraction::new(numerator, denominator))
            .build();
        self.source.set_caps(Some(&caps));
        let fps = f64::from(numerator) / f64::from(denominator.max(1));
        let gop = (self.gop_s * fps).round().max(1.0) as u32;
        self.encoder.set_property("key-int-max", gop);
        paint_at(&self.painted, clip.rate, paint);
        self.pipeline.set_state(gst::State::Playing).map_err(unwilling)?;
        self.feed(clip)?;
        self.collect(clip, way)
    }

    /// Puts all coded pictures in: a clip is small.
    fn feed(&self, clip: &CodedPictures) -> Result<()> {
        let ordered = clip.pictures.iter().enumerate();
        let delay = ordered.clone().map(|(at, p)| at as i64 - p.number as i64).max().unwrap_or(0);
        let at = |number: i64| stamp(number + delay, clip.rate);
        for (order, picture) in ordered {
            let mut buffer = gst::Buffer::from_slice(picture.bytes.clone());
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_pts(at(picture.number as i64));
                buffer.set_dts(at(order as i64 - delay));
                buffer.set_duration(stamp(1, clip.rate));
                if !picture.is_key {
                    buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
                }
            }
            self.source.push_buffer(buffer).map_err(|_| broken("the graph takes no pictures"))?;
        }
        self.source.end_of_stream().map_err(|_| broken("the graph takes no end"))?;
        Ok(())
    }

    fn collect(&self, clip: &CodedPictures, way: &Way<'_>) -> Result<CodedPictures> {
        let ordered = clip.pictures.iter().enumerate();
        let delay = ordered.map(|(at, p)| at as i64 - p.number as i64).max().unwrap_or(0);
        let mut pictures: Vec<CodedPicture> = Vec::with_capacity(clip.pictures.len());
        let mut description = Vec::new();
        let mut heard = std::time::Instant::now();
        loop {
            if way.cancel.load(Ordering::Relaxed) {
                return Err(Error::new(Kind::TryAgain, "the remix was cancelled"));
            }
            while let Some(message) = self.bus.pop() {
                if let gst::MessageView::Error(error) = message.view() {
                    let detail = error.error().to_string();
                    let message = format!("the clip's pictures cannot be made anew: {detail}");
                    return Err(Error::new(Kind::Malformed, message));
                }
            }
            let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) else {
                if self.sink.is_eos() {
                    break;
                }
                if heard.elapsed().as_secs() > SILENT_S {
                    return Err(Error::new(Kind::Stalled, "the graph gives no pictures"));
                }
                continue;
            };
            heard = std::time::Instant::now();
            if description.is_empty() {
                description = described(&sample).ok_or_else(|| broken("no parameter sets"))?;
            }
            let buffer = sample.buffer().ok_or_else(|| broken("an empty sample"))?;
            let shown = sample.segment().and_then(|segment| {
                let segment = segment.downcast_ref::<gst::ClockTime>()?;
                segment.to_running_time(buffer.pts()?)
            });
            let shown = shown.ok_or_else(|| broken("a picture without a time"))?;
            let number = numbered(shown, clip.rate) - delay;
            let number = u64::try_from(number).map_err(|_| broken("a picture before the first"))?;
            let bytes =
                buffer.map_readable().map_err(|_| broken("a picture that cannot be read"))?;
            let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            pictures.push(CodedPicture { bytes: bytes.as_slice().to_vec(), number, is_key });
            (way.progress)(pictures.len() as f64 / clip.pictures.len().max(1) as f64);
        }
        if pictures.len() != clip.pictures.len() {
            let message = format!(
                "of {} pictures of the clip {} could be decoded",
                clip.pictures.len(),
                pictures.len()
            );
            return Err(Error::new(Kind::Malformed, message));
        }
        Ok(CodedPictures { description, pictures, ..shape(clip) })
    }
}

/// A clip's shape without its pictures.
fn shape(clip: &CodedPictures) -> CodedPictures {
    CodedPictures {
        codec: clip.codec.clone(),
        description: Vec::new(),
        rate: clip.rate,
        width: clip.width,
        height: clip.height,
        pictures: Vec::new(),
    }
}

/// Paints what passes a pad. Pictures are numbered by their times.
fn paint_at(pad: &gst::Pad, rate: (i32, i32), paint: Box<Paint>) {
    let paint = Mutex::new(paint);
    let first = AtomicU64::new(u64::MAX);
    let info: Mutex<Option<VideoInfo>> = Mutex::new(None);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, probe| {
        let Some(buffer) = probe.buffer_mut() else { return gst::PadProbeReturn::Ok };
        let (Ok(mut paint), Ok(mut info)) = (paint.lock(), info.lock()) else {
            return gst::PadProbeReturn::Drop;
        };
        if info.is_none() {
            *info = pad.current_caps().and_then(|caps| VideoInfo::from_caps(&caps).ok());
        }
        let (Some(info), Some(at)) = (info.as_ref(), buffer.pts()) else {
            return gst::PadProbeReturn::Drop;
        };
        let own = numbered(at, rate) as u64;
        let zero = match first.load(Ordering::Relaxed) {
            u64::MAX => {
                first.store(own, Ordering::Relaxed);
                own
            }
            zero => zero,
        };
        // The decoder gives copies away, so this is none.
        let own_buffer = buffer.make_mut();
        if let Ok(mut frame) = VideoFrameRef::from_buffer_ref_writable(own_buffer, info) {
            let strides = [0, 1, 2].map(|index: usize| frame.plane_stride()[index] as usize);
            let planes = frame.planes_data_mut();
            let [luma, blue, red, ..] = planes;
            let planes =
                [(&mut *luma, strides[0]), (&mut *blue, strides[1]), (&mut *red, strides[2])];
            let (width, height) = (info.width() as usize, info.height() as usize);
            let coding = Coding {
                bt601: matches!(info.colorimetry().matrix(), VideoColorMatrix::Bt601),
                full_range: info.colorimetry().range() == VideoColorRange::Range0_255,
            };
            let number = own.saturating_sub(zero) as usize;
            paint(&mut Planes { width, height, planes }, number, coding);
        }
        gst::PadProbeReturn::Ok
    });
}

/// When a picture is shown.
fn stamp(number: i64, (numerator, denominator): (i32, i32)) -> gst::ClockTime {
    let nanoseconds =
        i128::from(number) * i128::from(denominator) * 1_000_000_000 / i128::from(numerator.max(1));
    gst::ClockTime::from_nseconds(u64::try_from(nanoseconds).unwrap_or(0))
}

/// Which picture is shown then.
fn numbered(at: gst::ClockTime, (numerator, denominator): (i32, i32)) -> i64 {
    let seconds = at.nseconds() as f64 / 1e9;
    (seconds * f64::from(numerator) / f64::from(denominator.max(1))).round() as i64
}

fn described(sample: &gst::Sample) -> Option<Vec<u8>> {
    let buffer = sample.caps()?.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
    Some(buffer.map_readable().ok()?.as_slice().to_vec())
}

fn lacking(error: gst::glib::BoolError) -> Error {
    Error::new(Kind::Unavailable, "a part of GStreamer is missing").caused_by(error)
}

fn unwilling(error: gst::StateChangeError) -> Error {
    Error::new(Kind::Unavailable, "GStreamer cannot start the graph").caused_by(error)
}

fn broken(what: &str) -> Error {
    Error::new(Kind::Bug, format!("the remix's graph is broken: {what}"))
}
