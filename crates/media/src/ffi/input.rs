//! An opened recording: its streams, its packets, and seeking in it.

use std::ffi::CStr;
use std::sync::Arc;

use reprise_model::clip::ByteRange;
use reprise_model::{ByteSource, Error, Kind, MediaTime, Result};

use super::frame::Packet;
use super::io::ReadIo;
use super::{END, Options, av, c_string, error};

/// The containers that are read; everything else is refused before its parser runs.
pub const FORMATS: [(&str, &str); 4] = [
    ("mov,mp4,m4a,3gp,3g2,mj2", "MP4/MOV"),
    ("flv", "FLV"),
    ("mpegts", "MPEG-TS"),
    ("matroska,webm", "MKV/WebM"),
];

/// The decoders that are used; a recording that needs another is refused.
pub const DECODERS: &str = "h264,hevc,vp8,vp9,libvpx-vp9,libdav1d,av1,mpeg4,mpeg2video,aac,\
    aac_latm,mp3float,mp3,opus,libopus,vorbis,ac3,eac3,flac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le,\
    pcm_u8,pcm_mulaw,pcm_alaw";

/// Bytes that may be read to learn what the streams are.
const PROBE_BYTES: u32 = 5_000_000;
/// The same of an excerpt, whose streams are known; and how long, in microseconds.
const EXCERPT_PROBE_BYTES: u32 = 1_000_000;
const EXCERPT_PROBE_US: i64 = 1_000_000;
/// Streams a recording may have.
const MAX_STREAMS: usize = 64;

/// An opened recording.
pub struct Input {
    context: *mut av::AVFormatContext,
    io: ReadIo,
    name: String,
    format: &'static str,
}

/// A stream, as the container describes it.
pub struct Stream<'a> {
    raw: &'a av::AVStream,
    /// Its place in the container.
    pub index: usize,
}

impl Input {
    /// Opens `source` and reads what its streams are.
    ///
    /// # Errors
    /// `Unsupported` where it is no recording of a known kind, `Malformed` where it is damaged
    /// beyond reading, `Io` where the source fails.
    pub fn open(source: Arc<dyn ByteSource>) -> Result<Self> {
        Self::start(source, true)?.with_streams()
    }

    /// Opens an excerpt, which is read from its first byte to its last; its time stamps come as
    /// the container has them, wraps and jumps too.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_excerpt(excerpt: Arc<dyn ByteSource>) -> Result<Self> {
        Self::start(excerpt, false)?.with_streams()
    }

    /// Opens `source` and takes its header's word for what the streams are; enough for a file that
    /// we wrote.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_header(source: Arc<dyn ByteSource>) -> Result<Self> {
        Self::start(source, true)
    }

    fn with_streams(mut self) -> Result<Self> {
        // SAFETY: an opened context.
        let code = unsafe { av::avformat_find_stream_info(self.context, std::ptr::null_mut()) };
        self.check_io()?;
        if code < 0 {
            return Err(self.error(Kind::Malformed, "its streams cannot be read", code));
        }
        Ok(self)
    }

    fn start(source: Arc<dyn ByteSource>, whole: bool) -> Result<Self> {
        super::initialise();
        let name = source.name().to_owned();
        let named = |e: Error| e.in_file(name.clone());
        if source.is_empty() {
            return Err(named(Error::new(Kind::Malformed, "is empty (0 bytes)")));
        }
        let mut io = ReadIo::new(Arc::clone(&source), whole || steps_back(&*source))?;
        let mut probed: *const av::AVInputFormat = std::ptr::null();
        // SAFETY: reads through our own I/O only; no name is given.
        let code = unsafe {
            av::av_probe_input_buffer2(
                io.context(),
                &mut probed,
                c"".as_ptr(),
                std::ptr::null_mut(),
                0,
                PROBE_BYTES,
            )
        };
        if let Some(failure) = io.take_failure() {
            return Err(Error::io(name, failure));
        }
        let kinds = "use MP4, MOV, FLV, MPEG-TS, MKV or WebM";
        // SAFETY: a found format is a static of libav's with a terminated name.
        let found = unsafe { probed.as_ref() }
            .map(|f| unsafe { CStr::from_ptr(f.name) }.to_string_lossy().into_owned());
        let Some(found) = found.filter(|_| code >= 0) else {
            let what = format!("is no recording (no known container found); {kinds}");
            return Err(named(Error::new(Kind::Unsupported, what)));
        };
        let Some((_, format)) = FORMATS.iter().find(|(known, _)| *known == found) else {
            let what = format!("is of the kind `{found}`, which is not read; {kinds}");
            return Err(named(Error::new(Kind::Unsupported, what)));
        };
        // SAFETY: the context takes our I/O and does not own it (AVFMT_FLAG_CUSTOM_IO). On failure
        // `avformat_open_input` frees the context and leaves the I/O to us.
        let context = unsafe {
            let mut context = av::avformat_alloc_context();
            if context.is_null() {
                return Err(Error::new(Kind::Limit, "out of memory"));
            }
            (*context).pb = io.context();
            (*context).flags |= av::AVFMT_FLAG_CUSTOM_IO;
            (*context).max_analyze_duration = if whole { 10_000_000 } else { EXCERPT_PROBE_US };
            let probe = if whole { PROBE_BYTES } else { EXCERPT_PROBE_BYTES };
            (*context).probesize = i64::from(probe);
            (*context).correct_ts_overflow = u32::from(whole);
            let mut options = Options::new(&[
                ("codec_whitelist", DECODERS),
                ("protocol_whitelist", "none"),
                ("max_streams", &MAX_STREAMS.to_string()),
            ]);
            let code = av::avformat_open_input(&mut context, c"".as_ptr(), probed, &mut options.0);
            if code < 0 {
                let cause = io.take_failure();
                let what = format!("the {format} file is damaged, its header cannot be read");
                let error = named(error(Kind::Malformed, &what, code));
                return Err(match cause {
                    Some(failure) => Error::io(name, failure),
                    None => error,
                });
            }
            context
        };
        Ok(Self { context, io, name, format })
    }

    /// The container.
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// An error that names this recording.
    pub fn error(&self, kind: Kind, what: &str, code: i32) -> Error {
        error(kind, what, code).in_file(self.name.clone())
    }

    /// The bytes that were read so far.
    pub fn ranges(&self) -> Vec<ByteRange> {
        self.io.ranges()
    }

    /// Its streams.
    pub fn streams(&self) -> Vec<Stream<'_>> {
        // SAFETY: libav keeps `nb_streams` valid pointers until the next read.
        unsafe {
            let count = (*self.context).nb_streams as usize;
            (0..count)
                .map(|index| Stream { raw: &**(*self.context).streams.add(index), index })
                .collect()
        }
    }

    /// One stream.
    pub fn stream(&self, index: usize) -> Result<Stream<'_>> {
        self.streams().into_iter().nth(index).ok_or_else(|| {
            Error::new(Kind::Malformed, "has no such stream")
                .in_file(self.name.clone())
                .in_stream(index)
        })
    }

    /// The stream of a kind that the container calls `id`, or else the best.
    pub fn known(&self, kind: av::AVMediaType, id: i32) -> Option<usize> {
        let named = self.streams().into_iter().find(|s| s.kind() == kind && s.id() == id);
        named.map(|stream| stream.index).or_else(|| self.best(kind))
    }

    /// The best stream of a kind, as libav ranks them.
    pub fn best(&self, kind: av::AVMediaType) -> Option<usize> {
        // SAFETY: an opened context.
        let index =
            unsafe { av::av_find_best_stream(self.context, kind, -1, -1, std::ptr::null_mut(), 0) };
        usize::try_from(index).ok()
    }

    /// Lets the demuxer skip every stream but these.
    pub fn keep(&mut self, wanted: &[usize]) {
        // SAFETY: sets a plain field of each stream.
        unsafe {
            for index in 0..(*self.context).nb_streams as usize {
                (**(*self.context).streams.add(index)).discard = if wanted.contains(&index) {
                    av::AVDiscard::AVDISCARD_DEFAULT
                } else {
                    av::AVDiscard::AVDISCARD_ALL
                };
            }
        }
    }

    /// The next packet; false at the end. Damage that the demuxer can step over is stepped over.
    pub fn read(&mut self, packet: &mut Packet) -> Result<bool> {
        for _ in 0..1000 {
            packet.clear();
            // SAFETY: an opened context and an empty packet.
            let code = unsafe { av::av_read_frame(self.context, packet.as_ptr()) };
            self.check_io()?;
            match code {
                0.. => return Ok(true),
                END => return Ok(false),
                super::AGAIN => {}
                // Demuxers report the end of a damaged file as invalid data.
                _ if self.at_end() => return Ok(false),
                av::AVERROR_INVALIDDATA => {}
                _ => return Err(self.error(Kind::Malformed, "cannot be read on", code)),
            }
        }
        // A thousand refusals in a row: the rest is no media.
        Ok(false)
    }

    /// Puts the next read at or before `at` in the file's own time. Where the container has no
    /// way to do so the position is unchanged and false is returned.
    pub fn seek(&mut self, stream: usize, at: MediaTime) -> Result<bool> {
        let base = self.stream(stream)?.time_base();
        let target = at.ticks(base.num, base.den);
        // SAFETY: an opened context; the stream exists.
        let code = unsafe {
            av::av_seek_frame(self.context, stream as i32, target, av::AVSEEK_FLAG_BACKWARD)
        };
        self.check_io()?;
        Ok(code >= 0)
    }

    /// Tells the demuxer where key pictures lie, so that it need not look for them again.
    pub fn add_key_pictures(&mut self, stream: usize, keys: &[(MediaTime, u64)]) -> Result<()> {
        let base = self.stream(stream)?.time_base();
        for &(at, position) in keys {
            let Ok(position) = i64::try_from(position) else { continue };
            // SAFETY: the stream exists; entries are copied.
            unsafe {
                av::av_add_index_entry(
                    *(*self.context).streams.add(stream),
                    position,
                    at.ticks(base.num, base.den),
                    0,
                    0,
                    av::AVINDEX_KEYFRAME,
                );
            }
        }
        Ok(())
    }

    fn at_end(&self) -> bool {
        // SAFETY: our own I/O.
        unsafe { av::avio_feof((*self.context).pb) != 0 }
    }

    fn check_io(&mut self) -> Result<()> {
        match self.io.take_failure() {
            Some(failure) => Err(Error::io(self.name.clone(), failure)),
            None => Ok(()),
        }
    }
}

/// Whether the demuxer of an excerpt may go back in it. That of FLV does so only after damage, and
/// loses all that a damaged size covers where it cannot; others would look for the end first.
fn steps_back(excerpt: &dyn ByteSource) -> bool {
    let mut start = [0; 3];
    excerpt.read_at(0, &mut start).is_ok_and(|count| start[..count] == *b"FLV")
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: ours alone; the I/O outlives it as a field.
        unsafe { av::avformat_close_input(&mut self.context) };
    }
}

impl Stream<'_> {
    /// Its clock.
    pub fn time_base(&self) -> av::AVRational {
        self.raw.time_base
    }

    /// What the container calls it: a PID, a track number.
    pub fn id(&self) -> i32 {
        self.raw.id
    }

    /// For decoders.
    pub fn parameters(&self) -> &av::AVCodecParameters {
        // SAFETY: libav allocates them with the stream.
        unsafe { &*self.raw.codecpar }
    }

    /// The codec's own description of the stream, such as its parameter sets.
    pub fn description(&self) -> &[u8] {
        let parameters = self.parameters();
        match usize::try_from(parameters.extradata_size) {
            // SAFETY: libav keeps so many bytes there as long as the stream.
            Ok(size) if size > 0 && !parameters.extradata.is_null() => unsafe {
                std::slice::from_raw_parts(parameters.extradata, size)
            },
            _ => &[],
        }
    }

    /// What it carries.
    pub fn kind(&self) -> av::AVMediaType {
        self.parameters().codec_type
    }

    /// Whether it is a still picture attached to the file.
    pub fn is_cover(&self) -> bool {
        self.raw.disposition & av::AV_DISPOSITION_ATTACHED_PIC != 0
    }

    /// Name of its coding, such as `h264`.
    pub fn codec(&self) -> String {
        // SAFETY: returns a static, terminated text.
        unsafe { CStr::from_ptr(av::avcodec_get_name(self.parameters().codec_id)) }
            .to_string_lossy()
            .into_owned()
    }

    /// Pictures a second as the container says; 0 where it says nothing.
    pub fn stated_rate(&self) -> f64 {
        let rate = self.raw.avg_frame_rate;
        if rate.den > 0 && rate.num > 0 { f64::from(rate.num) / f64::from(rate.den) } else { 0.0 }
    }

    /// Sample aspect ratio, 1 where unknown.
    pub fn aspect(&self) -> (i32, i32) {
        let stream = self.raw.sample_aspect_ratio;
        let coded = self.parameters().sample_aspect_ratio;
        let ratio = if stream.num > 0 && stream.den > 0 { stream } else { coded };
        if ratio.num > 0 && ratio.den > 0 { (ratio.num, ratio.den) } else { (1, 1) }
    }

    /// The display matrix (nine 16.16 and 2.30 numbers), where there is one.
    pub fn display_matrix(&self) -> Option<[i32; 9]> {
        let mut size = 0usize;
        // SAFETY: the side data lives as long as the stream; its size is checked.
        unsafe {
            let data = av::av_stream_get_side_data(
                std::ptr::from_ref(self.raw),
                av::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX,
                &mut size,
            );
            (!data.is_null() && size >= 36).then(|| data.cast::<[i32; 9]>().read_unaligned())
        }
    }

    /// Language tag of the container, where there is one.
    pub fn language(&self) -> Option<String> {
        let key = c_string("language");
        // SAFETY: the dictionary lives as long as the stream.
        unsafe {
            let entry = av::av_dict_get(self.raw.metadata, key.as_ptr(), std::ptr::null(), 0);
            entry.as_ref().map(|e| CStr::from_ptr(e.value).to_string_lossy().into_owned())
        }
    }
}
