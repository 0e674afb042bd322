//! Owners of libav's packets and frames, and borrowed views of what they hold.

use reprise_model::{Error, Kind, MediaDuration, MediaTime, Result};

use super::{av, time};
use crate::view::PictureView;

/// A coded packet.
pub struct Packet(*mut av::AVPacket);

impl Packet {
    /// An empty packet.
    pub fn new() -> Result<Self> {
        // SAFETY: allocates.
        let packet = unsafe { av::av_packet_alloc() };
        if packet.is_null() {
            Err(Error::new(Kind::Limit, "out of memory"))
        } else {
            Ok(Self(packet))
        }
    }
    /// With a copy of `bytes`; stamps in whatever clock it will be muxed in.
    pub fn from_bytes(
        bytes: &[u8],
        (pts, dts): (i64, i64),
        duration: i64,
        is_key: bool,
    ) -> Result<Self> {
        let packet = Self::new()?;
        let size = i32::try_from(bytes.len())
            .map_err(|_| Error::new(Kind::Limit, "a coded picture is larger than 2 GiB"))?;
        // SAFETY: allocates `size` bytes and fills them; sets plain fields.
        unsafe {
            if av::av_new_packet(packet.0, size) < 0 {
                return Err(Error::new(Kind::Limit, "out of memory"));
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (*packet.0).data, bytes.len());
            (*packet.0).pts = pts;
            (*packet.0).dts = dts;
            (*packet.0).duration = duration;
            (*packet.0).flags = if is_key { av::AV_PKT_FLAG_KEY } else { 0 };
        }
        Ok(packet)
    }
    /// For libav.
    pub fn as_ptr(&self) -> *mut av::AVPacket {
        self.0
    }
    /// Its coded bytes.
    pub fn bytes(&self) -> &[u8] {
        let packet = self.inner();
        match usize::try_from(packet.size) {
            // SAFETY: libav keeps `size` bytes there as long as the packet.
            Ok(size) if size > 0 && !packet.data.is_null() => unsafe {
                std::slice::from_raw_parts(packet.data, size)
            },
            _ => &[],
        }
    }
    /// A new description of the stream that holds from this packet on.
    pub fn new_description(&self) -> Option<&[u8]> {
        let mut size = 0usize;
        // SAFETY: the side data lives as long as the packet; its size is what libav says.
        unsafe {
            let data = av::av_packet_get_side_data(
                self.0,
                av::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA,
                &mut size,
            );
            (!data.is_null() && size > 0).then(|| std::slice::from_raw_parts(data, size))
        }
    }
    fn inner(&self) -> &av::AVPacket {
        // SAFETY: never null, ours alone.
        unsafe { &*self.0 }
    }
    /// Index of its stream.
    pub fn stream(&self) -> usize {
        usize::try_from(self.inner().stream_index).unwrap_or(usize::MAX)
    }
    /// Presentation time stamp, or the decoding one where there is none.
    pub fn stamp(&self) -> i64 {
        if self.inner().pts == super::NO_TIME { self.inner().dts } else { self.inner().pts }
    }
    /// Presentation time stamp; [`super::NO_TIME`] where there is none.
    pub fn pts(&self) -> i64 {
        self.inner().pts
    }
    /// Decoding time stamp.
    pub fn dts(&self) -> i64 {
        self.inner().dts
    }
    /// In ticks of the stream; 0 where unknown.
    pub fn duration(&self) -> i64 {
        self.inner().duration
    }
    /// Byte position in the file, or -1.
    pub fn position(&self) -> i64 {
        self.inner().pos
    }
    /// Whether it is marked as a key picture.
    pub fn is_key(&self) -> bool {
        self.inner().flags & av::AV_PKT_FLAG_KEY != 0
    }
    /// Whether the container says not to show it (edit lists).
    pub fn is_discarded(&self) -> bool {
        self.inner().flags & av::AV_PKT_FLAG_DISCARD != 0
    }
    /// Marks it as not to be shown.
    pub fn discard(&mut self) {
        // SAFETY: ours alone.
        unsafe { (*self.0).flags |= av::AV_PKT_FLAG_DISCARD };
    }
    /// Whether the container says it is damaged.
    pub fn is_corrupt(&self) -> bool {
        self.inner().flags & av::AV_PKT_FLAG_CORRUPT != 0
    }
    /// Releases its bytes.
    pub fn clear(&mut self) {
        // SAFETY: ours alone.
        unsafe { av::av_packet_unref(self.0) };
    }
    /// Sets the stream, and moves the stamps from one time base to another.
    pub fn rescale(&mut self, stream: usize, from: av::AVRational, to: av::AVRational) {
        // SAFETY: ours alone.
        unsafe {
            av::av_packet_rescale_ts(self.0, from, to);
            (*self.0).stream_index = stream as i32;
            (*self.0).pos = -1;
        }
    }
    /// Moves its stamps from the clock of its stream to flicks: `map` gives each stamp its time.
    pub fn restamp(&mut self, base: av::AVRational, mut map: impl FnMut(MediaTime) -> MediaTime) {
        // SAFETY: ours alone.
        unsafe {
            for stamp in [&mut (*self.0).dts, &mut (*self.0).pts] {
                *stamp = time(*stamp, base).map_or(super::NO_TIME, |at| {
                    let at = map(at);
                    (at - MediaTime::ZERO).flicks()
                });
            }
            let ticks = (*self.0).duration.max(0);
            (*self.0).duration = MediaDuration::from_ticks(ticks, base.num, base.den).flicks();
        }
    }
    /// Sets the duration where the encoder left none.
    pub fn default_duration(&mut self, ticks: i64) {
        // SAFETY: ours alone.
        unsafe {
            if (*self.0).duration <= 0 {
                (*self.0).duration = ticks;
            }
        }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { av::av_packet_free(&mut self.0) };
    }
}

// SAFETY: a packet is plain memory that one thread uses at a time.
unsafe impl Send for Packet {}

/// A decoded picture or run of sound.
pub struct Frame(*mut av::AVFrame);

// SAFETY: a frame is reference-counted memory; counts are atomic, and one thread uses it at a time.
unsafe impl Send for Frame {}

impl Frame {
    /// An empty frame.
    pub fn new() -> Result<Self> {
        // SAFETY: allocates.
        let frame = unsafe { av::av_frame_alloc() };
        if frame.is_null() {
            Err(Error::new(Kind::Limit, "out of memory"))
        } else {
            Ok(Self(frame))
        }
    }

    /// A run of planar float sound of `samples` a channel, zeroed.
    pub fn sound(samples: usize, sample_rate: u32, channels: usize) -> Result<Self> {
        let frame = Self::new()?;
        // SAFETY: fills a fresh frame, then lets libav allocate its planes.
        let code = unsafe {
            (*frame.0).format = av::AVSampleFormat::AV_SAMPLE_FMT_FLTP as i32;
            (*frame.0).nb_samples = samples as i32;
            (*frame.0).sample_rate = sample_rate as i32;
            av::av_channel_layout_default(&mut (*frame.0).ch_layout, channels as i32);
            av::av_frame_get_buffer(frame.0, 0)
        };
        if code < 0 {
            return Err(super::error(Kind::Bug, "no buffer for sound", code));
        }
        Ok(frame)
    }

    /// For libav.
    pub fn as_ptr(&self) -> *mut av::AVFrame {
        self.0
    }

    fn inner(&self) -> &av::AVFrame {
        // SAFETY: never null, ours alone.
        unsafe { &*self.0 }
    }

    /// Another reference to the same picture; the picture itself is not copied.
    pub fn share(&self) -> Result<Self> {
        // SAFETY: counts a reference.
        let frame = unsafe { av::av_frame_clone(self.0) };
        if frame.is_null() {
            Err(Error::new(Kind::Limit, "out of memory"))
        } else {
            Ok(Self(frame))
        }
    }

    /// Best guess at when it is shown or heard.
    pub fn time(&self, base: av::AVRational) -> Option<MediaTime> {
        time(self.inner().best_effort_timestamp, base).or_else(|| time(self.inner().pts, base))
    }

    /// How long, as the packet said; zero where unknown.
    pub fn duration(&self, base: av::AVRational) -> MediaDuration {
        #[allow(deprecated)] // `duration` replaces it only after 5.1.
        let ticks = self.inner().pkt_duration;
        MediaDuration::from_ticks(ticks.max(0), base.num, base.den)
    }

    /// The presentation stamp of the packet it came from.
    pub fn stamp(&self) -> i64 {
        self.inner().pts
    }

    /// Sets the presentation stamp, for an encoder.
    pub fn set_stamp(&mut self, stamp: i64) {
        // SAFETY: ours alone.
        unsafe {
            (*self.0).pts = stamp;
            // The encoder decides what is a key picture, not the source.
            (*self.0).pict_type = av::AVPictureType::AV_PICTURE_TYPE_NONE;
            (*self.0).key_frame = 0;
        }
    }

    /// Asks an encoder for a key picture here.
    pub fn want_key(&mut self) {
        // SAFETY: ours alone.
        unsafe { (*self.0).pict_type = av::AVPictureType::AV_PICTURE_TYPE_I };
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (
            usize::try_from(self.inner().width).unwrap_or(0),
            usize::try_from(self.inner().height).unwrap_or(0),
        )
    }

    /// Pixel format, as libav numbers them.
    pub fn format(&self) -> i32 {
        self.inner().format
    }

    /// Sample aspect ratio.
    pub fn aspect(&self) -> av::AVRational {
        self.inner().sample_aspect_ratio
    }

    /// Whether its light is coded for a display of high dynamic range: PQ or HLG (ITU-R BT.2100).
    pub fn is_hdr(&self) -> bool {
        use av::AVColorTransferCharacteristic as T;
        matches!(self.inner().color_trc, T::AVCOL_TRC_SMPTE2084 | T::AVCOL_TRC_ARIB_STD_B67)
    }

    /// Whether it says which primaries and matrix its colours have.
    pub fn has_colour(&self) -> bool {
        use av::{AVColorPrimaries as P, AVColorSpace as S};
        self.inner().color_primaries != P::AVCOL_PRI_UNSPECIFIED
            && self.inner().colorspace != S::AVCOL_SPC_UNSPECIFIED
    }

    /// Whether it holds two fields.
    pub fn is_interlaced(&self) -> bool {
        self.inner().interlaced_frame != 0
    }

    /// Whether the decoder concealed damage in it.
    pub fn is_corrupt(&self) -> bool {
        self.inner().flags & av::AV_FRAME_FLAG_CORRUPT != 0 || self.inner().decode_error_flags != 0
    }

    /// Samples a channel.
    pub fn samples(&self) -> usize {
        usize::try_from(self.inner().nb_samples).unwrap_or(0)
    }

    /// Channels of sound.
    pub fn channels(&self) -> usize {
        usize::try_from(self.inner().ch_layout.nb_channels).unwrap_or(0)
    }

    /// One channel of planar float sound, to be filled. Only for frames made by [`Frame::sound`].
    pub fn channel_mut(&mut self, index: usize) -> &mut [f32] {
        if index >= self.channels() {
            return &mut [];
        }
        // SAFETY: planar float sound has one plane of `nb_samples` a channel; the frame was allocated by us and is not shared.
        unsafe {
            let plane = *(*self.0).extended_data.add(index);
            std::slice::from_raw_parts_mut(plane.cast::<f32>(), self.samples())
        }
    }

    /// The picture, if it is 8-bit planar with chroma.
    pub fn picture(&self, time: MediaTime, duration: MediaDuration) -> Option<PictureView<'_>> {
        use av::AVPixelFormat as F;
        let frame = self.inner();
        let (shift_x, shift_y, full) = match frame.format {
            f if f == F::AV_PIX_FMT_YUV420P as i32 => (1, 1, false),
            f if f == F::AV_PIX_FMT_YUVJ420P as i32 => (1, 1, true),
            _ => return None,
        };
        let full_range = full || frame.color_range == av::AVColorRange::AVCOL_RANGE_JPEG;
        let (width, height) = self.size();
        let chroma_width = width.div_ceil(1 << shift_x);
        let chroma_height = height.div_ceil(1 << shift_y);
        let stride = |plane: usize| usize::try_from(frame.linesize[plane]).ok();
        let (luma_stride, chroma_stride) = (stride(0)?, stride(1)?);
        if stride(2)? != chroma_stride
            || luma_stride < width
            || chroma_stride < chroma_width
            || frame.data[..3].iter().any(|plane| plane.is_null())
        {
            return None;
        }
        // SAFETY: planes of this format hold `linesize * rows` bytes; the last row may be shorter
        // than the stride, so exactly what is used is borrowed.
        let plane = |index: usize, stride: usize, width: usize, rows: usize| unsafe {
            std::slice::from_raw_parts(frame.data[index], stride * rows.saturating_sub(1) + width)
        };
        Some(PictureView {
            time,
            duration,
            width,
            height,
            luma: plane(0, luma_stride, width, height),
            luma_stride,
            blue: plane(1, chroma_stride, chroma_width, chroma_height),
            red: plane(2, chroma_stride, chroma_width, chroma_height),
            chroma_stride,
            chroma_width,
            chroma_height,
            full_range,
            corrupt: self.is_corrupt(),
        })
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { av::av_frame_free(&mut self.0) };
    }
}
