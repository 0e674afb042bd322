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
pub fn to_still(picture: &PictureView<'_>) -> Still {
    let (width, height) = (picture.width, picture.height);
    let high = width.max(height) >= 1280 || width.min(height) >= 720;
    let (kr, kb) = if high { (0.2126f32, 0.0722) } else { (0.299, 0.114) };
    let kg = 1.0 - kr - kb;
    let (black, luma_gain, chroma_gain) =
        if picture.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
    // Products of all levels, in 65,536ths; a half is added once, for rounding.
    let table = |gain: f32, zero: f32, more: f32| -> Vec<i32> {
        (0..256).map(|level| ((level as f32 - zero) * gain * 65_536.0 + more) as i32).collect()
    };
    let luma = table(luma_gain, black, 32_768.0);
    let red_of_red = table(chroma_gain * 2.0 * (1.0 - kr), 128.0, 0.0);
    let blue_of_blue = table(chroma_gain * 2.0 * (1.0 - kb), 128.0, 0.0);
    let green_of_red = table(-chroma_gain * 2.0 * (1.0 - kr) * kr / kg, 128.0, 0.0);
    let green_of_blue = table(-chroma_gain * 2.0 * (1.0 - kb) * kb / kg, 128.0, 0.0);
    let half = picture.chroma_width == width.div_ceil(2);
    let mut rgb = vec![0u8; width * height * 3];
    for (y, out) in rgb.chunks_exact_mut((width * 3).max(1)).enumerate() {
        let line = &picture.luma[y * picture.luma_stride..][..width];
        let row = (y * picture.chroma_height / height) * picture.chroma_stride;
        let blue = &picture.blue[row..][..picture.chroma_width];
        let red = &picture.red[row..][..picture.chroma_width];
        for (x, (&value, pixel)) in line.iter().zip(out.chunks_exact_mut(3)).enumerate() {
            let at = if half { x / 2 } else { x * picture.chroma_width / width };
            let (cb, cr) = (usize::from(blue[at]), usize::from(red[at]));
            let value = luma[usize::from(value)];
            let channels = [
                value.wrapping_add(red_of_red[cr]),
                value.wrapping_add(green_of_red[cr]).wrapping_add(green_of_blue[cb]),
                value.wrapping_add(blue_of_blue[cb]),
            ];
            for (to, channel) in pixel.iter_mut().zip(channels) {
                *to = (channel >> 16).clamp(0, 255) as u8;
            }
        }
    }
    Still { time: picture.time, width, height, rgb }
}

#[cfg(test)]
mod tests {
    use reprise_model::MediaDuration;

    use super::*;

    #[test]
    fn colours_are_those_of_the_standard() {
        // Luma, blue difference, red difference (BT.601, limited); red, green, blue.
        for (yuv, rgb) in [
            ([16u8, 128, 128], [0u8, 0, 0]),
            ([235, 128, 128], [255, 255, 255]),
            ([81, 90, 240], [254, 0, 0]),
            ([145, 54, 34], [0, 255, 1]),
            ([41, 240, 110], [0, 0, 255]),
        ] {
            let (luma, blue, red) = ([yuv[0]; 16], [yuv[1]; 4], [yuv[2]; 4]);
            let still = to_still(&PictureView {
                time: MediaTime::ZERO,
                duration: MediaDuration::ZERO,
                width: 4,
                height: 4,
                luma: &luma,
                luma_stride: 4,
                blue: &blue,
                red: &red,
                chroma_stride: 2,
                chroma_width: 2,
                chroma_height: 2,
                full_range: false,
                corrupt: false,
            });
            for pixel in still.rgb.chunks(3) {
                for (got, want) in pixel.iter().zip(rgb) {
                    assert!(got.abs_diff(want) <= 1, "{yuv:?}: {pixel:?}");
                }
            }
        }
    }
}
