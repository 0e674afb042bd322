//! A reference laid over a picture: bettered until it fits, and how well it then fits.

use opencv::boxed_ref::BoxedRef;
use opencv::core::{
    self, Mat, MatTraitConst, MatTraitConstManual, Point2f, Scalar, Size, TermCriteria, Vector,
};
use opencv::{Result, imgproc, video};

use super::geometry::{Homography, Pair, agree, off, refine};
use super::reference::{Level, Reference};
use crate::reduce::reduced;

/// Correlation from which a cell of the reference is taken to be seen. Print seen through video
/// coding or a phone camera correlates at 0.5 to 0.95, skin or cloth over it at 0 to 0.3.
const ALIKE: f64 = 0.45;
/// Mean correlation of a cell and its neighbours below which something hides it.
const HIDDEN: f64 = 0.35;

/// A picture in which references are searched.
pub(super) struct Scene<'a> {
    /// As it is.
    pub(super) full: BoxedRef<'a, Mat>,
    /// Reduced; the same where the picture is small.
    pub(super) small: Mat,
    /// From the picture to the reduced one.
    pub(super) to_small: Homography,
    /// Pixels of the picture as it is.
    pub(super) size: [f64; 2],
}

impl<'a> Scene<'a> {
    /// `luma` has `stride` bytes a row; the reduced picture is `step` times smaller. `None` where
    /// it is too small to find anything in.
    pub(super) fn new(
        luma: &'a [u8],
        stride: usize,
        width: usize,
        height: usize,
        step: usize,
    ) -> Result<Option<Self>> {
        let fits = width >= 32 && height >= 32 && stride >= width && step >= 1;
        let Ok(columns) = i32::try_from(stride) else { return Ok(None) };
        if !fits || luma.len() < stride * (height - 1) + width {
            return Ok(None);
        }
        // A last row that lacks its padding is left out: nothing is copied. Padding is outside the
        // picture for all that looks at it.
        let rows = luma.len().min(stride * height) / stride;
        let full = Mat::new_rows_cols_with_data(rows as i32, columns, &luma[..rows * stride])?;
        let (across, down) = (width / step, rows / step);
        let pixels = reduced(luma, stride, across, down, step);
        let small = Mat::from_slice(&pixels)?.reshape(1, down as i32)?.try_clone()?;
        let scale = 1.0 / step as f64;
        let to_small = Homography::resize(scale, scale);
        Ok(Some(Self { full, small, to_small, size: [width as f64, height as f64] }))
    }

    /// A reduced picture for itself.
    pub(super) fn of_small(small: &Mat) -> Result<Scene<'static>> {
        Ok(Scene {
            full: small.try_clone()?.into(),
            small: small.try_clone()?,
            to_small: Homography::IDENTITY,
            size: [f64::from(small.cols()), f64::from(small.rows())],
        })
    }

    /// The picture as a level of a reference sees it. Returns it at the level's size.
    pub(super) fn rectified(&self, level: &Level, to_full: &Homography) -> Result<Mat> {
        let from_level = to_full.after(&level.to_reference);
        let size = level.size();
        let middle = [f64::from(size.width) / 2.0, f64::from(size.height) / 2.0];
        let (large, small) = from_level.stretch_at(middle);
        // Sampling every second pixel or less would alias: then the reduced picture is better.
        let reduced = (large * small.abs()).sqrt() > 1.8;
        let mut patch = Mat::default();
        if reduced {
            warp(&self.small, &mut patch, &self.to_small.after(&from_level), size)?;
        } else {
            warp(&self.full, &mut patch, &from_level, size)?;
        }
        Ok(patch)
    }
}

fn warp(from: &impl core::ToInputArray, to: &mut Mat, way: &Homography, size: Size) -> Result<()> {
    let flags = imgproc::INTER_LINEAR | imgproc::WARP_INVERSE_MAP;
    let ground = Scalar::default();
    imgproc::warp_perspective(from, to, &way.mat()?, size, flags, core::BORDER_CONSTANT, ground)
}

/// Where a reference lies and how many of its corners say so.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    /// From the reference to the picture.
    pub(super) homography: Homography,
    /// Corners that agree.
    pub(super) agreeing: usize,
    /// Corners inside the picture.
    pub(super) tried: usize,
}

/// Betters `start`, from the reference to the picture: the picture is rectified, the reference's
/// corners are followed into it (Lucas and Kanade 1981, in pyramids), and the homography is fitted
/// anew, `rounds` times. `None` where too few corners are found again.
pub(super) fn aligned(
    reference: &Reference,
    scene: &Scene<'_>,
    start: &Homography,
    rounds: usize,
) -> Result<Option<Fit>> {
    let mut fit = Fit { homography: *start, agreeing: 0, tried: 0 };
    for round in 0..rounds {
        let level = reference.level(&fit.homography);
        let from_level = fit.homography.after(&level.to_reference);
        let mut patch = scene.rectified(level, &fit.homography)?;
        level_brightness(level, &mut patch)?;
        let inside: Vec<[f64; 2]> = level
            .corners
            .iter()
            .copied()
            .filter(|corner| inside(from_level.map(*corner), scene.size, 2.0))
            .collect();
        let points: Vector<Point2f> =
            inside.iter().map(|[x, y]| Point2f::new(*x as f32, *y as f32)).collect();
        if points.len() < 8 {
            return Ok(None);
        }
        let mut moved = points.clone();
        let (mut status, mut errors) = (Vector::<u8>::new(), Vector::<f32>::new());
        video::calc_optical_flow_pyr_lk(
            &level.picture,
            &patch,
            &points,
            &mut moved,
            &mut status,
            &mut errors,
            Size::new(13, 13),
            if round == 0 { 2 } else { 1 },
            TermCriteria::new(3, 15, 0.03)?,
            video::OPTFLOW_USE_INITIAL_FLOW,
            1e-3,
        )?;
        let reach = 0.15 * f64::from(level.size().width.max(level.size().height));
        let pairs: Vec<Pair> = inside
            .iter()
            .zip(moved.iter().zip(&status))
            .filter(|(_, (_, found))| *found == 1)
            .map(|(from, (to, _))| (*from, [f64::from(to.x), f64::from(to.y)]))
            .filter(|(from, to)| (from[0] - to[0]).hypot(from[1] - to[1]) < reach)
            .map(|(from, to)| (level.to_reference.map(from), from_level.map(to)))
            .collect();
        let (large, _) = from_level.stretch_at(from_middle(level));
        let noise = 0.5 * large.max(1.0);
        let Some((agreed, inliers)) = agree(&pairs, 3.0 * noise)? else { return Ok(None) };
        let good: Vec<Pair> =
            pairs.iter().zip(&inliers).filter(|(_, good)| **good).map(|(pair, _)| *pair).collect();
        if good.len() < 8 {
            return Ok(None);
        }
        let focal = scene.size[0].max(scene.size[1]);
        let homography = refine(&agreed, &good, noise, focal);
        let agreeing = pairs.iter().filter(|pair| off(&homography, pair) <= 3.0 * noise).count();
        fit = Fit { homography, agreeing, tried: inside.len() };
    }
    Ok(Some(fit))
}

fn from_middle(level: &Level) -> [f64; 2] {
    let [left, top, right, bottom] = level.content.map(|value| value as f64);
    [(left + right) / 2.0, (top + bottom) / 2.0]
}

/// Gives a patch the reference's mean and spread of brightness, so that the light makes no
/// difference.
fn level_brightness(level: &Level, patch: &mut Mat) -> Result<()> {
    let stride = level.picture.cols() as usize;
    let (mean, spread) = brightness(level.picture.data_bytes()?, stride, level.content);
    let (patch_mean, patch_spread) = brightness(patch.data_bytes()?, stride, level.content);
    let gain = (spread / patch_spread.max(4.0)).clamp(0.3, 4.0);
    let mut evened = Mat::default();
    patch.convert_to(&mut evened, -1, gain, mean - gain * patch_mean)?;
    *patch = evened;
    Ok(())
}

/// Mean and spread of what is not black: black is outside the picture.
fn brightness(pixels: &[u8], stride: usize, area: [usize; 4]) -> (f64, f64) {
    let [left, top, right, bottom] = area;
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for row in top..bottom {
        for &value in pixels[row * stride + left..row * stride + right].iter().filter(|v| **v > 0) {
            let value = f64::from(value);
            count += 1.0;
            sum += value;
            squares += value * value;
        }
    }
    if count == 0.0 {
        return (0.0, 0.0);
    }
    let mean = sum / count;
    (mean, (squares / count - mean * mean).max(0.0).sqrt())
}

/// How well a reference agrees with what lies under it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreement {
    /// Mean correlation of the textured cells that lie inside the picture.
    pub(super) correlation: f64,
    /// Share of all textured cells that are neither outside the picture nor hidden.
    pub(super) visible: f64,
    /// Share of the textured cells inside the picture that are alike.
    pub(super) alike: f64,
}

/// Compares cell by cell; a pixel off is allowed.
pub(super) fn agreement(
    reference: &Reference,
    scene: &Scene<'_>,
    homography: &Homography,
) -> Result<Agreement> {
    let level = reference.level(homography);
    let patch = scene.rectified(level, homography)?;
    let from_level = homography.after(&level.to_reference);
    let (stride, rows) = (level.picture.cols() as usize, level.picture.rows() as usize);
    let (expected, found) = (level.picture.data_bytes()?, patch.data_bytes()?);
    let mut compared: Vec<([usize; 4], f64)> = Vec::with_capacity(level.cells.len());
    for &cell in &level.cells {
        let [left, top, right, bottom] = cell.map(|value| value as f64);
        let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
        if !corners.iter().all(|corner| inside(from_level.map(*corner), scene.size, -1.0)) {
            continue;
        }
        let best = (0..9)
            .map(|shift| {
                let by = (shift % 3 - 1, shift / 3 - 1);
                correlation(expected, found, stride, rows, cell, by)
            })
            .fold(-1.0, f64::max);
        compared.push((cell, best));
    }
    let within = compared.len();
    let alike = compared.iter().filter(|cell| cell.1 >= ALIKE).count();
    let hidden = compared.iter().filter(|cell| surroundings(cell.0, &compared) < HIDDEN).count();
    let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
    Ok(Agreement {
        correlation: compared.iter().map(|cell| cell.1).sum::<f64>() / within.max(1) as f64,
        visible: share(within - hidden, level.cells.len()),
        alike: share(alike, within),
    })
}

/// Mean correlation of a cell and those that touch it: a finger hides cells that lie together, a
/// glare or a crease makes single ones differ.
fn surroundings([left, top, right, bottom]: [usize; 4], cells: &[([usize; 4], f64)]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (other, correlation) in cells {
        let apart = other[0] > right || other[2] < left || other[1] > bottom || other[3] < top;
        if !apart {
            sum += correlation;
            count += 1.0;
        }
    }
    sum / f64::max(count, 1.0)
}

/// Normalised correlation of a cell with the same cell moved by `by` in another picture.
fn correlation(
    expected: &[u8],
    found: &[u8],
    stride: usize,
    rows: usize,
    [left, top, right, bottom]: [usize; 4],
    by: (isize, isize),
) -> f64 {
    let (x, y) = (left as isize + by.0, top as isize + by.1);
    let (width, height) = (right - left, bottom - top);
    if x < 0 || y < 0 || x as usize + width > stride || y as usize + height > rows {
        return -1.0;
    }
    let (x, y) = (x as usize, y as usize);
    let (mut a, mut b, mut aa, mut bb, mut ab) = (0u64, 0u64, 0u64, 0u64, 0u64);
    for row in 0..height {
        let one = &expected[(top + row) * stride + left..][..width];
        let other = &found[(y + row) * stride + x..][..width];
        for (&one, &other) in one.iter().zip(other) {
            let (one, other) = (u64::from(one), u64::from(other));
            a += one;
            b += other;
            aa += one * one;
            bb += other * other;
            ab += one * other;
        }
    }
    let count = (width * height) as f64;
    let (a, b) = (a as f64, b as f64);
    let spread = (aa as f64 - a * a / count) * (bb as f64 - b * b / count);
    if spread <= count { 0.0 } else { (ab as f64 - a * b / count) / spread.sqrt() }
}

/// Whether a point lies inside a picture, `margin` pixels from its edge at least.
pub(super) fn inside([x, y]: [f64; 2], [width, height]: [f64; 2], margin: f64) -> bool {
    x >= margin && y >= margin && x <= width - 1.0 - margin && y <= height - 1.0 - margin
}
