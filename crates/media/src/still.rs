//! Single pictures for people: covers and evidence.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaTime, Result, Span};

use crate::media::Media;
use crate::view::{Observer, PictureView, SoundView};
use crate::window::{WindowOptions, look};

/// A picture for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Still {
    /// When it stands in the recording.
    pub time: MediaTime,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Red, green, blue; row by row without padding.
    pub rgb: Vec<u8>,
}

/// The picture that stands at `at`, upright.
///
/// # Errors
/// As [`crate::encode_clip`].
pub fn still(source: Arc<dyn ByteSource>, media: &Media, at: MediaTime) -> Result<Still> {
    #[derive(Default)]
    struct First(Option<Still>);
    impl Observer for First {
        fn picture(&mut self, picture: &PictureView<'_>) {
            self.0.get_or_insert_with(|| to_still(picture));
        }
        fn sound(&mut self, _: &SoundView<'_>) {}
    }
    let info = &media.info;
    let video = info.require_video()?;
    let mut first = First::default();
    let span = Span::new(at, at + video.picture_duration());
    look(source, media, &WindowOptions { span, size: None, threads: 1 }, &mut first)?;
    first.0.ok_or_else(|| {
        Error::new(Kind::Malformed, "no picture can be decoded here")
            .in_file(info.name.clone())
            .at_time(at)
    })
}

/// To RGB, BT.709 from 720 rows or columns up, else BT.601 (the convention of untagged video).
pub(crate) fn to_still(picture: &PictureView<'_>) -> Still {
    let (width, height) = (picture.width, picture.height);
    let high = width.max(height) >= 1280 || width.min(height) >= 720;
    let (kr, kb) = if high { (0.2126f32, 0.0722) } else { (0.299, 0.114) };
    let kg = 1.0 - kr - kb;
    let (black, luma_gain, chroma_gain) =
        if picture.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let luma = &picture.luma[y * picture.luma_stride..][..width];
        let row = (y * picture.chroma_height / height) * picture.chroma_stride;
        for (x, &value) in luma.iter().enumerate() {
            let at = row + x * picture.chroma_width / width;
            let value = (f32::from(value) - black) * luma_gain;
            let cb = (f32::from(picture.blue[at]) - 128.0) * chroma_gain;
            let cr = (f32::from(picture.red[at]) - 128.0) * chroma_gain;
            let red = value + 2.0 * (1.0 - kr) * cr;
            let blue = value + 2.0 * (1.0 - kb) * cb;
            let green = (value - kr * red - kb * blue) / kg;
            rgb.extend([red, green, blue].map(|channel| channel.round().clamp(0.0, 255.0) as u8));
        }
    }
    Still { time: picture.time, width, height, rgb }
}
