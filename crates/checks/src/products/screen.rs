//! Where in a picture it is worth asking a network: places whose rough light and shade are a product's.

use opencv::Result;
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual};

use super::embedding::Area;

/// Blocks across and down that a place is reduced to.
const BLOCKS: usize = 8;
/// Sides of places, as parts of the picture's shorter side: the root of their area. A product held
/// up in a LIVE has 0.25 to 0.6 of it.
const SIZES: [f64; 8] = [0.16, 0.2, 0.25, 0.32, 0.4, 0.5, 0.63, 0.79];
/// Correlation of blocks below which a place is not worth a look, before and after it is laid as well
/// as can be. Estimates: drawn bottles in clutter have 0.9 when laid, and chance alone gives 0.7
/// somewhere in many pictures.
const ALIKE_MIN: f64 = 0.45;
const LAID_ALIKE_MIN: f32 = 0.7;
/// Places that share more of their joint area are one.
const SHARED_MAX: f64 = 0.45;

/// A picture's brightness by blocks: light and spread make no difference, length 1.
pub(super) type Thumbnail = [f32; BLOCKS * BLOCKS];

/// Sums of brightness above and left of every pixel.
pub(super) struct Sums {
    sums: Vec<u32>,
    width: usize,
    height: usize,
}

impl Sums {
    /// Of a gray picture; `None` where it is too large to sum (16 million pixels) or tiny.
    pub(super) fn of(picture: &Mat) -> Result<Option<Self>> {
        let (width, height) = (picture.cols() as usize, picture.rows() as usize);
        if width < BLOCKS || height < BLOCKS || width * height >= 1 << 24 {
            return Ok(None);
        }
        let pixels = picture.data_bytes()?;
        let mut sums = vec![0u32; (width + 1) * (height + 1)];
        for y in 0..height {
            let mut row = 0u32;
            for x in 0..width {
                row += u32::from(pixels[y * width + x]);
                sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
            }
        }
        Ok(Some(Self { sums, width, height }))
    }

    /// A place reduced to blocks; `None` where it lies outside, is tiny, or is all of one brightness.
    pub(super) fn thumbnail(&self, [x, y, w, h]: Area) -> Option<Thumbnail> {
        let inside =
            x >= 0.0 && y >= 0.0 && x + w <= self.width as f64 && y + h <= self.height as f64;
        if !inside || w < BLOCKS as f64 || h < BLOCKS as f64 {
            return None;
        }
        let edge =
            |from: f64, side: f64, k: usize| (from + side * k as f64 / BLOCKS as f64) as usize;
        let mut found = [0.0f32; BLOCKS * BLOCKS];
        for row in 0..BLOCKS {
            let (top, bottom) = (edge(y, h, row), edge(y, h, row + 1));
            for column in 0..BLOCKS {
                let (left, right) = (edge(x, w, column), edge(x, w, column + 1));
                let at = |x: usize, y: usize| i64::from(self.sums[y * (self.width + 1) + x]);
                let sum = at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top);
                let area = ((right - left) * (bottom - top)).max(1);
                found[row * BLOCKS + column] = sum as f32 / area as f32;
            }
        }
        evened(found)
    }
}

/// Relative to its mean, at length 1; `None` where it hardly differs from its mean.
fn evened(mut blocks: Thumbnail) -> Option<Thumbnail> {
    let mean = blocks.iter().sum::<f32>() / blocks.len() as f32;
    blocks.iter_mut().for_each(|value| *value -= mean);
    let length = blocks.iter().map(|value| value * value).sum::<f32>().sqrt();
    // A spread of two steps of brightness is noise.
    if length < 2.0 * BLOCKS as f32 {
        return None;
    }
    blocks.iter_mut().for_each(|value| *value /= length);
    Some(blocks)
}

/// What a product looks like, roughly.
pub(super) struct Sought {
    /// Width by height.
    pub(super) aspect: f64,
    /// On several grounds.
    pub(super) thumbnails: Vec<Thumbnail>,
}

impl Sought {
    /// Correlation with a place, on the ground that suits best.
    fn alike(&self, here: &Thumbnail) -> f32 {
        self.thumbnails
            .iter()
            .map(|own| here.iter().zip(own).map(|(a, b)| a * b).sum::<f32>())
            .fold(-1.0, f32::max)
    }
}

/// Places worth a look, the likeliest first, at most `most`: each laid as well as blocks tell, those
/// of one product hardly over each other; only those whose middle `free` allows.
pub(super) fn screened(
    sums: &Sums,
    sought: &[Sought],
    free: &dyn Fn([f64; 2]) -> bool,
    most: usize,
) -> Vec<Area> {
    let mut kept: Vec<(f32, usize, Area)> = Vec::new();
    let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
    for (index, one) in sought.iter().enumerate() {
        let near = |aspect: f64| (aspect / one.aspect).ln().abs() < 0.12;
        match groups.iter_mut().find(|(aspect, _)| near(*aspect)) {
            Some((_, all)) => all.push(index),
            None => groups.push((one.aspect, vec![index])),
        }
    }
    for (aspect, members) in &groups {
        let mut found: Vec<Vec<(f32, Area)>> = vec![Vec::new(); members.len()];
        for area in places(sums, *aspect).filter(|area| free(middle(*area))) {
            let Some(here) = sums.thumbnail(area) else { continue };
            for (member, found) in members.iter().zip(&mut found) {
                let alike = sought[*member].alike(&here);
                if f64::from(alike) >= ALIKE_MIN {
                    found.push((alike, area));
                }
            }
        }
        for (member, mut found) in members.iter().zip(found) {
            found.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut own: Vec<Area> = Vec::new();
            for (alike, area) in found {
                if own.len() == most {
                    break;
                }
                if own.iter().all(|other| shared(area, *other) <= SHARED_MAX) {
                    own.push(area);
                    let (alike, area) = laid(sums, &sought[*member], alike, area);
                    if alike >= LAID_ALIKE_MIN {
                        kept.push((alike, *member, area));
                    }
                }
            }
        }
    }
    kept.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best: Vec<(usize, Area)> = Vec::new();
    for (_, member, area) in kept {
        let same = |other: &(usize, Area)| other.0 == member && shared(area, other.1) > 0.6;
        if best.len() < most && !best.iter().any(same) {
            best.push((member, area));
        }
    }
    best.into_iter().map(|(_, area)| area).collect()
}

/// A place moved and stretched, a side at a time, as long as its blocks grow more alike.
fn laid(sums: &Sums, sought: &Sought, mut alike: f32, mut area: Area) -> (f32, Area) {
    for step in [0.08, 0.04, 0.04, 0.02] {
        for axis in 0..4 {
            for by in [-step, step] {
                let [x, y, w, h] = area;
                let tried = match axis {
                    0 => [x + by * w, y, w, h],
                    1 => [x, y + by * h, w, h],
                    2 => [x - by * w / 2.0, y, w * (1.0 + by), h],
                    _ => [x, y - by * h / 2.0, w, h * (1.0 + by)],
                };
                let shape = tried[2] / tried[3] / sought.aspect;
                let found = sums.thumbnail(tried).map(|here| sought.alike(&here));
                if (0.75..1.35).contains(&shape)
                    && let Some(found) = found
                    && found > alike
                {
                    (alike, area) = (found, tried);
                }
            }
        }
    }
    (alike, area)
}

/// Every place of a shape, an eighth of its side apart.
fn places(sums: &Sums, aspect: f64) -> impl Iterator<Item = Area> {
    let (width, height) = (sums.width as f64, sums.height as f64);
    SIZES.into_iter().flat_map(move |size| {
        let side = size * width.min(height);
        let (w, h) = (side * aspect.sqrt(), side / aspect.sqrt());
        let (dx, dy) = ((w / 8.0).max(2.0), (h / 8.0).max(2.0));
        let count = |room: f64, step: f64| if room < 0.0 { 0 } else { (room / step) as usize + 1 };
        let (across, down) = (count(width - w, dx), count(height - h, dy));
        (0..across * down).map(move |k| [(k % across) as f64 * dx, (k / across) as f64 * dy, w, h])
    })
}

/// Places all over a picture, evenly, at most `most`, of the shapes that are sought: what the picture
/// looks like where no product is.
pub(super) fn spread_over(sums: &Sums, sought: &[Sought], most: usize) -> Vec<Area> {
    let (width, height) = (sums.width as f64, sums.height as f64);
    let across = ((most as f64 * width / height).sqrt().round() as usize).clamp(2, most.max(4) / 2);
    let down = (most / across).max(1);
    (0..across * down)
        .map(|k| {
            let aspect = sought.get(k % sought.len().max(1)).map_or(1.0, |one| one.aspect);
            // Two sizes in turn.
            let side =
                if (k + k / across).is_multiple_of(2) { 0.45 } else { 0.3 } * width.min(height);
            let (w, h) = (side * aspect.sqrt(), side / aspect.sqrt());
            let fit = (width / w).min(height / h).min(1.0);
            let (w, h) = (w * fit, h * fit);
            let part = |k: usize, of: usize| (k as f64 + 0.5) / of as f64;
            let x = part(k % across, across) * width - w / 2.0;
            let y = part(k / across, down) * height - h / 2.0;
            [x.clamp(0.0, width - w), y.clamp(0.0, height - h), w, h]
        })
        .collect()
}

/// The middle of a place.
pub(super) fn middle([x, y, w, h]: Area) -> [f64; 2] {
    [x + w / 2.0, y + h / 2.0]
}

/// How much of their joint area two places share, 0 to 1.
pub(super) fn shared(a: Area, b: Area) -> f64 {
    let over = |k: usize| ((a[k] + a[k + 2]).min(b[k] + b[k + 2]) - a[k].max(b[k])).max(0.0);
    let both = over(0) * over(1);
    both / (a[2] * a[3] + b[2] * b[3] - both).max(1e-9)
}
