//! A picture as brightness: references, logos, and crops that are read.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{ImageError, ImageReader, Limits};
use reprise_model::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

/// Brightness of a picture, full range, `width * height` bytes without padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrayPicture {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Row by row.
    #[serde(with = "serde_bytes")]
    pub pixels: Vec<u8>,
}

/// Longest side that is kept, pixels: a product fills at most the picture of a LIVE.
const SIDE_MAX: u32 = 1280;
/// Largest picture that is read, pixels a side, and what reading it may take.
const READ_SIDE_MAX: u32 = 12_000;
const READ_BYTES_MAX: u64 = 512 << 20;

impl GrayPicture {
    /// Reads a JPEG, PNG or WebP; what is transparent becomes white, what is large is made smaller.
    ///
    /// # Errors
    /// `Malformed` where it is none of these or damaged, `Limit` where it is too large.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self> {
        let failed = |error: ImageError| {
            let kind = match &error {
                ImageError::Limits(_) => Kind::Limit,
                _ => Kind::Malformed,
            };
            Error::new(kind, "is no picture that can be read (JPEG, PNG or WebP)")
                .in_file(name)
                .caused_by(error)
        };
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| Error::io(name, error))?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(READ_SIDE_MAX);
        limits.max_image_height = Some(READ_SIDE_MAX);
        limits.max_alloc = Some(READ_BYTES_MAX);
        reader.limits(limits);
        let picture = reader.decode().map_err(failed)?;
        let longest = picture.width().max(picture.height());
        let picture = if longest > SIDE_MAX {
            picture.resize(SIDE_MAX, SIDE_MAX, FilterType::Triangle)
        } else {
            picture
        };
        let luma = picture.to_luma_alpha8();
        let pixels = luma.pixels().map(|pixel| {
            let [light, opaque] = pixel.0;
            let shown = u32::from(light) * u32::from(opaque) + 255 * (255 - u32::from(opaque));
            ((shown + 127) / 255) as u8
        });
        let (width, height) = (luma.width() as usize, luma.height() as usize);
        Ok(Self { width, height, pixels: pixels.collect() })
    }

    /// Whether there are as many pixels as width and height say, and not too many.
    pub fn holds_together(&self) -> bool {
        self.width <= 1 << 14
            && self.height <= 1 << 14
            && self.width * self.height == self.pixels.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, pixel: [u8; 4]) -> Vec<u8> {
        let picture = image::RgbaImage::from_pixel(width, height, image::Rgba(pixel));
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
    }

    #[test]
    fn what_is_transparent_is_white_and_what_is_large_is_made_smaller() {
        let clear = GrayPicture::read(&png(8, 4, [0, 0, 0, 0]), "p.png").unwrap();
        assert_eq!((clear.width, clear.height, clear.pixels[0]), (8, 4, 255));
        let large = GrayPicture::read(&png(4000, 1000, [90, 90, 90, 255]), "p.png").unwrap();
        assert_eq!((large.width, large.height, large.pixels[7]), (1280, 320, 90));
        assert!(large.holds_together());
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let error = GrayPicture::read(b"no picture at all", "shelf.png").unwrap_err();
        assert_eq!(error.kind, Kind::Malformed);
        assert!(error.to_string().contains("shelf.png"), "{error}");
        let whole = png(64, 64, [1, 2, 3, 255]);
        assert!(GrayPicture::read(&whole[..whole.len() / 2], "p.png").is_err());
    }
}
