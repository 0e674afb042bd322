//! Decoded pictures and sound as observers see them: borrowed, never copied to be looked at.

use reprise_model::{MediaDuration, MediaTime};

/// One decoded picture, 4:2:0 or 4:2:2 or 4:4:4 planar, 8 bit, upright (rotation applied), square
/// pixels.
#[derive(Clone, Copy)]
pub struct PictureView<'a> {
    /// When it is shown, on the time line of whoever decodes (recording or clip).
    pub time: MediaTime,
    /// How long it is shown, as far as the stream says.
    pub duration: MediaDuration,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Brightness, 16 to 235 in limited range; `height` rows of `luma_stride` bytes, of which the
    /// first `width` count.
    pub luma: &'a [u8],
    /// Bytes a row.
    pub luma_stride: usize,
    /// Blue difference; `chroma_height` rows.
    pub blue: &'a [u8],
    /// Red difference; `chroma_height` rows.
    pub red: &'a [u8],
    /// Bytes a row of `blue` and `red`.
    pub chroma_stride: usize,
    /// Pixels a row of `blue` and `red`.
    pub chroma_width: usize,
    /// Rows of `blue` and `red`.
    pub chroma_height: usize,
    /// Whether the samples use 0 to 255 instead of 16 to 235.
    pub full_range: bool,
    /// Whether the decoder had to conceal damage in it.
    pub corrupt: bool,
}

/// A run of decoded sound.
#[derive(Clone, Copy)]
pub struct SoundView<'a> {
    /// When its first sample is heard, on the same time line as the pictures.
    pub time: MediaTime,
    /// Hertz.
    pub sample_rate: u32,
    /// One slice a channel, equally long, -1 to 1 (may go beyond in coded sound).
    pub channels: &'a [&'a [f32]],
}

/// Looks at pictures and sound as they are decoded, each once, in the order of time within a kind.
pub trait Observer {
    /// A picture.
    fn picture(&mut self, picture: &PictureView<'_>);
    /// A run of sound. Runs may leave gaps where the recording has none.
    fn sound(&mut self, sound: &SoundView<'_>);
}
