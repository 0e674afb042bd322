//! A drawn picture with opacity, and how it is laid onto 4:2:0 planes.

use reprise_model::{Error, Kind, Result};

/// Drawn with cairo: blue, green, red, opacity, 8 bit each, colours multiplied by the opacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// `height` rows of `4 * width` bytes.
    pub pixels: Vec<u8>,
}

/// Largest side of a drawing, pixels.
const SIDE_MAX: f64 = 8192.0;

impl Drawing {
    /// Draws on a clear surface of this size.
    ///
    /// # Errors
    /// `Limit` where it is too large; `Bug` where cairo refuses.
    pub fn new(
        width: f64,
        height: f64,
        draw: impl FnOnce(&cairo::Context) -> Result<()>,
    ) -> Result<Self> {
        if !(width <= SIDE_MAX && height <= SIDE_MAX) {
            return Err(Error::new(Kind::Limit, "a drawing is larger than 8192 pixels"));
        }
        let (width, height) = (width.ceil().max(1.0) as i32, height.ceil().max(1.0) as i32);
        let mut surface =
            cairo::ImageSurface::create(cairo::Format::ARgb32, width, height).map_err(refused)?;
        {
            let context = cairo::Context::new(&surface).map_err(refused)?;
            draw(&context)?;
        }
        let stride = surface.stride() as usize;
        let data = surface
            .data()
            .map_err(|e| Error::new(Kind::Bug, "a drawing cannot be read").caused_by(e))?;
        let row = width as usize * 4;
        let rows = data.chunks_exact(stride).take(height as usize);
        let pixels = rows.flat_map(|bytes| &bytes[..row]).copied().collect();
        Ok(Self { width: width as usize, height: height as usize, pixels })
    }

    /// A picture of PNG, JPEG or WebP.
    ///
    /// # Errors
    /// `Malformed` where it cannot be read; `Limit` where it is larger than 4096 pixels a side.
    pub fn of_picture(bytes: &[u8]) -> Result<Self> {
        let wrong = |error: image::ImageError| {
            let kind = match error {
                image::ImageError::Limits(_) => Kind::Limit,
                _ => Kind::Malformed,
            };
            Error::new(kind, "the brand's picture cannot be read; give a PNG, JPEG or WebP of at most 4096 pixels a side").caused_by(error)
        };
        let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| wrong(error.into()))?;
        let mut limits = image::Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(4096), Some(4096));
        limits.max_alloc = Some(128 << 20);
        reader.limits(limits);
        let picture = reader.decode().map_err(wrong)?.to_rgba8();
        let mut pixels = Vec::with_capacity(picture.len());
        for pixel in picture.pixels() {
            let [red, green, blue, alpha] = pixel.0.map(u32::from);
            let own = |value: u32| ((value * alpha + 127) / 255) as u8;
            pixels.extend([own(blue), own(green), own(red), alpha as u8]);
        }
        Ok(Self { width: picture.width() as usize, height: picture.height() as usize, pixels })
    }

    /// Scaled about its middle, each pixel between its four neighbours, on a surface of its own.
    pub fn scaled(&self, scale: f64) -> Self {
        let width = ((self.width as f64 * scale).round() as usize).max(1);
        let height = ((self.height as f64 * scale).round() as usize).max(1);
        let mut pixels = vec![0; width * height * 4];
        let taps = |size: usize, from: usize| -> Vec<(usize, usize, u32)> {
            let step = from as f64 / size as f64;
            let tap = |index: usize| {
                let at = ((index as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
                (at as usize, (at as usize + 1).min(from - 1), (at.fract() * 256.0) as u32)
            };
            (0..size).map(tap).collect()
        };
        let columns = taps(width, self.width);
        let rows = pixels.chunks_exact_mut(width * 4);
        for (row, (top, bottom, down)) in rows.zip(taps(height, self.height)) {
            let line = |y: usize| &self.pixels[y * self.width * 4..(y + 1) * self.width * 4];
            let (top, bottom) = (line(top), line(bottom));
            for (pixel, &(left, right, across)) in row.chunks_exact_mut(4).zip(&columns) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let of = |line: &[u8], x: usize| u32::from(line[x * 4 + channel]);
                    let mix = |line| of(line, left) * (256 - across) + of(line, right) * across;
                    *value = ((mix(top) * (256 - down) + mix(bottom) * down) >> 16) as u8;
                }
            }
        }
        Self { width, height, pixels }
    }
}

/// An error of cairo's.
pub fn refused(error: cairo::Error) -> Error {
    Error::new(Kind::Bug, "cairo cannot draw").caused_by(error)
}

/// How the colours of a clip's pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// ITU-R BT.601 instead of BT.709.
    pub bt601: bool,
    /// 0 to 255 instead of 16 to 235.
    pub full_range: bool,
}

/// The planes of a picture that is drawn on, 4:2:0.
pub struct Planes<'a> {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Brightness, blue and red difference, each with its bytes a row.
    pub planes: [(&'a mut [u8], usize); 3],
}

impl Planes<'_> {
    /// A copy for people.
    pub fn still(&self, full_range: bool) -> reprise_media::Still {
        let [(luma, luma_stride), (blue, chroma_stride), (red, _)] = &self.planes;
        reprise_media::to_still(&reprise_media::view::PictureView {
            time: reprise_model::MediaTime::ZERO,
            duration: reprise_model::MediaDuration::ZERO,
            width: self.width,
            height: self.height,
            luma,
            luma_stride: *luma_stride,
            blue,
            red,
            chroma_stride: *chroma_stride,
            chroma_width: self.width.div_ceil(2),
            chroma_height: self.height.div_ceil(2),
            full_range,
            corrupt: false,
        })
    }
}

/// A drawing as 4:2:0 with opacity, multiplied in, ready to be laid on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sprite {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    luma_keep: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
    chroma_keep: Vec<u8>,
}

impl Sprite {
    /// In a clip's colours. An odd width or height becomes even.
    pub fn new(drawing: &Drawing, coding: Coding) -> Self {
        let (width, height) =
            (drawing.width.next_multiple_of(2), drawing.height.next_multiple_of(2));
        // ITU-T H.273: shares of red, green and blue in the brightness.
        let (kr, kb) = if coding.bt601 { (0.299, 0.114) } else { (0.2126, 0.0722) };
        let (scale, chroma_scale, black) =
            if coding.full_range { (1.0, 1.0, 0.0) } else { (219.0 / 255.0, 224.0 / 255.0, 16.0) };
        let fixed = |value: f64| (value * 65536.0).round() as i32;
        let luma_of = [kb, 1.0 - kr - kb, kr].map(|share| fixed(share * scale));
        let difference = |own: usize, share: f64| -> [i32; 3] {
            let half = chroma_scale * 0.5 / (1.0 - share);
            let shares = [kb, 1.0 - kr - kb, kr];
            std::array::from_fn(|c| fixed((f64::from(u8::from(c == own)) - shares[c]) * half))
        };
        let (blue_of, red_of) = (difference(0, kb), difference(2, kr));
        let black = fixed(black / 255.0);
        let mut sprite = Self {
            width,
            height,
            luma: vec![0; width * height],
            luma_keep: vec![255; width * height],
            blue: vec![0; width * height / 4],
            red: vec![0; width * height / 4],
            chroma_keep: vec![255; width * height / 4],
        };
        let mut sums = vec![[0i32; 4]; width / 2];
        for (y, row) in drawing.pixels.chunks_exact(drawing.width * 4).enumerate() {
            for (x, pixel) in row.chunks_exact(4).enumerate() {
                let [b, g, r, a] = [pixel[0], pixel[1], pixel[2], pixel[3]].map(i32::from);
                if a == 0 {
                    continue;
                }
                let luma = luma_of[0] * b + luma_of[1] * g + luma_of[2] * r + black * a;
                sprite.luma[y * width + x] = ((luma + 32768) >> 16).clamp(0, 255) as u8;
                sprite.luma_keep[y * width + x] = (255 - a) as u8;
                let sum = &mut sums[x / 2];
                for (total, value) in sum.iter_mut().zip([b, g, r, a]) {
                    *total += value;
                }
            }
            if y % 2 == 1 || y + 1 == drawing.height {
                let at = y / 2 * (width / 2);
                for (x, sum) in sums.iter_mut().enumerate() {
                    let [b, g, r, a] = sum.map(|total| (total + 2) / 4);
                    let of = |shares: [i32; 3]| {
                        let value = shares[0] * b + shares[1] * g + shares[2] * r;
                        (((value + 32768) >> 16) + (128 * a + 127) / 255).clamp(0, 255) as u8
                    };
                    (sprite.blue[at + x], sprite.red[at + x]) = (of(blue_of), of(red_of));
                    sprite.chroma_keep[at + x] = (255 - a) as u8;
                    *sum = [0; 4];
                }
            }
        }
        sprite
    }

    /// Lays it on with its top left at `at` (rounded down to even pixels; it may lie outside).
    /// `opacity` 0 to 1.
    pub fn lay_on(&self, picture: &mut Planes<'_>, at: [f64; 2], opacity: f64) {
        let opacity = (opacity.clamp(0.0, 1.0) * 256.0).round() as u32;
        let even = |value: f64| ((value / 2.0).round() as isize).clamp(-8192, 8192);
        let (x, y) = (even(at[0]), even(at[1]));
        let (width, height) = (picture.width, picture.height);
        let [luma, blue, red] = &mut picture.planes;
        let half = (self.width / 2, (width.div_ceil(2), height.div_ceil(2)));
        let own = |keep, size| Layer { keep, width: size };
        let coarse = own(&self.chroma_keep, half.0);
        lay(
            luma,
            (width, height),
            (2 * x, 2 * y),
            &self.luma,
            &own(&self.luma_keep, self.width),
            opacity,
        );
        lay(blue, half.1, (x, y), &self.blue, &coarse, opacity);
        lay(red, half.1, (x, y), &self.red, &coarse, opacity);
    }
}

/// What stays of what lies below, 0 to 255 a pixel.
struct Layer<'a> {
    keep: &'a [u8],
    width: usize,
}

fn lay(
    (plane, stride): &mut (&mut [u8], usize),
    (width, height): (usize, usize),
    (left, top): (isize, isize),
    values: &[u8],
    layer: &Layer<'_>,
    opacity: u32,
) {
    let skip = usize::try_from(-left).unwrap_or(0).min(layer.width);
    let left = usize::try_from(left).unwrap_or(0).min(width);
    let count = (layer.width - skip).min(width - left);
    let rows = values.chunks_exact(layer.width).zip(layer.keep.chunks_exact(layer.width));
    for (row, (values, keep)) in rows.enumerate() {
        let Ok(y) = usize::try_from(top + row as isize) else { continue };
        if y >= height || count == 0 {
            continue;
        }
        let start = y * *stride + left;
        let Some(below) = plane.get_mut(start..start + count) else { continue };
        let (values, keep) = (&values[skip..skip + count], &keep[skip..skip + count]);
        if opacity == 256 {
            for ((below, &value), &keep) in below.iter_mut().zip(values).zip(keep) {
                let kept = u32::from(*below) * u32::from(keep) + 127;
                // x / 255 for x below 65536.
                *below = (u32::from(value) + ((kept + (kept >> 8) + 1) >> 8)).min(255) as u8;
            }
        } else {
            for ((below, &value), &keep) in below.iter_mut().zip(values).zip(keep) {
                let keep = 255 * 256 - (255 - u32::from(keep)) * opacity;
                let mixed = u32::from(value) * opacity * 255 + u32::from(*below) * keep;
                *below = ((mixed + 32640) / 65280).min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HD: Coding = Coding { bt601: false, full_range: false };

    fn filled(width: f64, height: f64, colour: [f64; 4]) -> Drawing {
        Drawing::new(width, height, |context| {
            context.set_source_rgba(colour[0], colour[1], colour[2], colour[3]);
            context.paint().map_err(refused)
        })
        .unwrap()
    }

    /// A gray picture of 8 x 8 with `sprite` on it.
    fn laid(sprite: &Sprite, at: [f64; 2], opacity: f64) -> [Vec<u8>; 3] {
        let mut planes = [vec![100u8; 64], vec![128; 16], vec![128; 16]];
        let [luma, blue, red] = &mut planes;
        let planes_of = [(&mut luma[..], 8), (&mut blue[..], 4), (&mut red[..], 4)];
        let mut picture = Planes { width: 8, height: 8, planes: planes_of };
        sprite.lay_on(&mut picture, at, opacity);
        planes
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        // BT.709, limited range: white 235, red 63 with 102 and 240.
        let white = laid(&Sprite::new(&filled(4.0, 4.0, [1.0; 4]), HD), [2.0, 2.0], 1.0);
        assert_eq!((white[0][0], white[0][18], white[1][5], white[2][5]), (100, 235, 128, 128));
        let red = laid(&Sprite::new(&filled(4.0, 4.0, [1.0, 0.0, 0.0, 1.0]), HD), [0.0, 0.0], 1.0);
        assert_eq!((red[0][0], red[1][0], red[2][0]), (63, 102, 240));
    }

    #[test]
    fn half_opaque_twice_is_a_quarter() {
        let half = Sprite::new(&filled(8.0, 8.0, [1.0, 1.0, 1.0, 0.5]), HD);
        let at = |opacity| laid(&half, [0.0, 0.0], opacity)[0][0];
        assert!((167..=169).contains(&at(1.0)), "{}", at(1.0));
        assert!((133..=135).contains(&at(0.5)), "{}", at(0.5));
        assert_eq!(at(0.0), 100);
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let white = Sprite::new(&filled(5.0, 5.0, [1.0; 4]), HD);
        for (at, pixel, other) in [
            ([-3.0, -3.0], 0, 63),
            ([6.0, 6.0], 63, 0),
            ([-900.0, 0.0], 64, 0),
            ([0.0, 1e9], 64, 63),
        ] {
            let planes = laid(&white, at, 1.0);
            assert_eq!(planes[0].get(pixel).copied().unwrap_or(235), 235, "{at:?}");
            assert_eq!(planes[0][other], 100, "{at:?}");
        }
    }

    #[test]
    fn scaling_keeps_what_is_even() {
        let drawing = filled(10.0, 6.0, [0.2, 0.4, 0.6, 1.0]);
        let scaled = drawing.scaled(1.5);
        assert_eq!((scaled.width, scaled.height), (15, 9));
        assert!(scaled.pixels.chunks_exact(4).all(|pixel| pixel == &drawing.pixels[..4]));
    }
}
