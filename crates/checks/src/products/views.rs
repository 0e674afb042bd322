//! How a reference may look in a LIVE: on other grounds, and a little off its place, size and light.

use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual, Point, Rect, Size};
use opencv::{Result, imgproc};

use super::reference::Reference;

/// Brightness of the grounds that a product is put on instead of its own.
const GROUNDS: [u8; 3] = [120, 40, 210];
/// Difference from the ground's brightness up to which a pixel belongs to it.
const GROUND_SPREAD: u8 = 12;

/// Pictures of a product without its own plain ground.
pub(super) struct Views {
    /// The product alone, on several grounds, the middle one first; one picture where it has no
    /// ground.
    pub(super) on_grounds: Vec<Mat>,
    /// As it is cut out where its place is known to a thirtieth of its size, in less light and less
    /// sharp: still the same product.
    pub(super) disturbed: Vec<Mat>,
    /// Width by height.
    pub(super) aspect: f64,
}

impl Views {
    /// `None` where the picture shows too little to be cut out.
    pub(super) fn of(reference: &Reference) -> Result<Option<Self>> {
        let Some(level) = reference.levels.first() else { return Ok(None) };
        let [left, top, right, bottom] = level.content.map(|value| value as i32);
        let (width, height) = (right - left, bottom - top);
        if width < 8 || height < 8 {
            return Ok(None);
        }
        let (columns, rows) = (level.picture.cols(), level.picture.rows());
        let ground = ground_of(level.picture.data_bytes()?, columns as usize, rows as usize);
        let grounds = if ground.is_some() { &GROUNDS[..] } else { &GROUNDS[..1] };
        let filled: Vec<Mat> = grounds
            .iter()
            .map(|value| match &ground {
                Some(ground) => with_ground(&level.picture, ground, *value),
                None => level.picture.try_clone(),
            })
            .collect::<Result<_>>()?;
        // Moved by parts of its own size, at the edges as far as there is picture.
        let cut = |from: &Mat, dx: f64, dy: f64, scale: f64| -> Result<Mat> {
            let (w, h) = (f64::from(width) * scale, f64::from(height) * scale);
            let x = f64::from(left + right) / 2.0 + dx * f64::from(width) - w / 2.0;
            let y = f64::from(top + bottom) / 2.0 + dy * f64::from(height) - h / 2.0;
            let (x0, y0) = (x.round().max(0.0) as i32, y.round().max(0.0) as i32);
            let (x1, y1) = ((x + w).round() as i32, (y + h).round() as i32);
            let (x1, y1) = (x1.clamp(x0 + 2, columns), y1.clamp(y0 + 2, rows));
            Mat::roi(from, Rect::new(x0, y0, x1 - x0, y1 - y0))?.try_clone()
        };
        let on_grounds = filled.iter().map(|one| cut(one, 0.0, 0.0, 1.0)).collect::<Result<_>>()?;
        let (middle, last) = (&filled[0], &filled[filled.len() - 1]);
        let second = &filled[1 % filled.len()];
        let disturbed = vec![
            cut(middle, 0.03, 0.02, 1.0)?,
            cut(second, 0.0, -0.02, 1.04)?,
            dimmed(&cut(last, 0.02, 0.0, 0.97)?)?,
        ];
        Ok(Some(Self { on_grounds, disturbed, aspect: f64::from(width) / f64::from(height) }))
    }
}

/// Which pixels are a plain ground that reaches the border; `None` where there is none.
fn ground_of(pixels: &[u8], width: usize, height: usize) -> Option<Vec<bool>> {
    let on_border = |k: &usize| {
        k.is_multiple_of(width)
            || k % width == width - 1
            || k / width == 0
            || k / width == height - 1
    };
    let border: Vec<usize> = (0..width * height).filter(on_border).collect();
    let mut values: Vec<u8> = border.iter().map(|k| pixels[*k]).collect();
    values.sort_unstable();
    let ground = *values.get(values.len() / 2)?;
    let belongs = |k: usize| pixels[k].abs_diff(ground) <= GROUND_SPREAD;
    let mut open: Vec<usize> = border.into_iter().filter(|k| belongs(*k)).collect();
    // As reference.rs has it: a ground is plain where it takes eight tenths of the border.
    if open.len() * 10 < values.len() * 8 {
        return None;
    }
    let mut found = vec![false; width * height];
    open.iter().for_each(|k| found[*k] = true);
    while let Some(k) = open.pop() {
        let (x, y) = (k % width, k / width);
        let beside = [
            (x > 0).then(|| k - 1),
            (x + 1 < width).then_some(k + 1),
            (y > 0).then(|| k - width),
            (y + 1 < height).then_some(k + width),
        ];
        for next in beside.into_iter().flatten() {
            if !found[next] && belongs(next) {
                found[next] = true;
                open.push(next);
            }
        }
    }
    let share = found.iter().filter(|is| **is).count() as f64 / found.len() as f64;
    (0.02..0.97).contains(&share).then_some(found)
}

/// A picture with its ground, and the edge of one pixel that is half ground, of one brightness.
fn with_ground(picture: &Mat, ground: &[bool], value: u8) -> Result<Mat> {
    let (width, height) = (picture.cols() as usize, picture.rows() as usize);
    let mut pixels = picture.data_bytes()?.to_vec();
    for (k, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (k % width, k / width);
        let touches = ground[k]
            || (x > 0 && ground[k - 1])
            || (x + 1 < width && ground[k + 1])
            || (y > 0 && ground[k - width])
            || (y + 1 < height && ground[k + width]);
        if touches {
            *pixel = value;
        }
    }
    Mat::from_slice(&pixels)?.reshape(1, height as i32)?.try_clone()
}

/// In less light, and as soft as a moving thing.
fn dimmed(picture: &Mat) -> Result<Mat> {
    let mut soft = Mat::default();
    let (size, anchor) = (Size::new(5, 5), Point::new(-1, -1));
    imgproc::blur(picture, &mut soft, size, anchor, core::BORDER_REPLICATE)?;
    let mut dim = Mat::default();
    soft.convert_to(&mut dim, -1, 0.75, 10.0)?;
    Ok(dim)
}
