//! Planes seen by a camera: homographies, what they do to an outline, and the one that fits best.

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Point2f, Vector};
use opencv::{Result, calib3d};

/// Four corners, clockwise from the top left of the upright picture, pixels.
pub(super) type Quad = [[f64; 2]; 4];

/// Maps points of one plane to another, row by row, the last entry 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Homography(pub(super) [f64; 9]);

impl Homography {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// From a picture to the same picture at `scale` times the size; pixels are areas.
    pub(super) fn resize(scale_x: f64, scale_y: f64) -> Self {
        let (x, y) = (0.5 * scale_x - 0.5, 0.5 * scale_y - 0.5);
        Self([scale_x, 0.0, x, 0.0, scale_y, y, 0.0, 0.0, 1.0])
    }

    /// As OpenCV has it.
    pub(super) fn of(mat: &Mat) -> Result<Option<Self>> {
        if mat.rows() != 3 || mat.cols() != 3 {
            return Ok(None);
        }
        let mut values = [0.0; 9];
        values.copy_from_slice(mat.data_typed::<f64>()?);
        Ok(Self(values).normed())
    }

    /// For OpenCV.
    pub(super) fn mat(&self) -> Result<Mat> {
        let flat = Mat::from_slice(&self.0)?;
        flat.reshape(1, 3)?.try_clone()
    }

    /// Where a point goes; far away where the plane's horizon is met.
    pub(super) fn map(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let h = &self.0;
        let w = h[6] * x + h[7] * y + h[8];
        let w = if w.abs() < 1e-9 { 1e-9 } else { w };
        [(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w]
    }

    /// First `other`, then this.
    pub(super) fn after(&self, other: &Self) -> Self {
        let mut product = [0.0; 9];
        for (index, entry) in product.iter_mut().enumerate() {
            let (row, column) = (index / 3, index % 3);
            *entry = (0..3).map(|k| self.0[row * 3 + k] * other.0[k * 3 + column]).sum();
        }
        Self(product).normed().unwrap_or(Self(product))
    }

    /// The way back; `None` where it squeezes the plane to a line.
    pub(super) fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let inverse = [
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ];
        let determinant = a * inverse[0] + b * inverse[3] + c * inverse[6];
        (determinant.abs() > 1e-12).then(|| Self(inverse).normed()).flatten()
    }

    /// Where the corners of `[left, top, right, bottom]` go.
    pub(super) fn quad(&self, [left, top, right, bottom]: [f64; 4]) -> Quad {
        [[left, top], [right, top], [right, bottom], [left, bottom]].map(|corner| self.map(corner))
    }

    /// How a point's surroundings are stretched: the larger and the smaller singular value of the
    /// derivative; the smaller is negative where the plane is seen from behind.
    pub(super) fn stretch_at(&self, [x, y]: [f64; 2]) -> (f64, f64) {
        let h = &self.0;
        let w = h[6] * x + h[7] * y + h[8];
        let [u, v] = self.map([x, y]);
        let (a, b) = ((h[0] - u * h[6]) / w, (h[1] - u * h[7]) / w);
        let (c, d) = ((h[3] - v * h[6]) / w, (h[4] - v * h[7]) / w);
        // Blinn 1996: singular values of a 2 by 2 matrix as a sum and a difference.
        let sum = ((a + d).powi(2) + (c - b).powi(2)).sqrt() / 2.0;
        let difference = ((a - d).powi(2) + (c + b).powi(2)).sqrt() / 2.0;
        (sum + difference, sum - difference)
    }

    /// Whether every point of `[left, top, right, bottom]` lies before the camera.
    pub(super) fn before_camera(&self, [left, top, right, bottom]: [f64; 4]) -> bool {
        let h = &self.0;
        [[left, top], [right, top], [right, bottom], [left, bottom]]
            .iter()
            .all(|[x, y]| h[6] * x + h[7] * y + h[8] > 0.05)
    }

    fn normed(self) -> Option<Self> {
        let last = self.0[8];
        (last.abs() > 1e-12 && self.0.iter().all(|value| value.is_finite()))
            .then(|| Self(self.0.map(|value| value / last)))
    }
}

/// Degrees between a plane's normal and the line of sight, from how much shorter it looks one way
/// than the other (the affine camera's tilt, Morel and Yu 2009: `t = 1 / cos`). Needs no focal
/// length; 180 where it is seen from behind.
pub(super) fn facing_degrees(homography: &Homography, at: [f64; 2]) -> f64 {
    let (large, small) = homography.stretch_at(at);
    if small <= 0.0 || large <= 0.0 { 180.0 } else { (small / large).min(1.0).acos().to_degrees() }
}

/// Area by the shoelace formula, square pixels; positive where the corners go clockwise.
pub(super) fn area(polygon: &[[f64; 2]]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    polygon.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0
}

/// Whether the corners turn the same way everywhere, clockwise.
pub(super) fn is_convex(quad: &Quad) -> bool {
    (0..4).all(|i| {
        let (a, b, c) = (quad[i], quad[(i + 1) % 4], quad[(i + 2) % 4]);
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0.0
    })
}

/// What of a convex polygon lies inside a rectangle from the origin (Sutherland and Hodgman 1974).
pub(super) fn clipped(polygon: &[[f64; 2]], width: f64, height: f64) -> Vec<[f64; 2]> {
    let mut inside = polygon.to_vec();
    for (axis, bound, sign) in [(0, 0.0, 1.0), (0, width, -1.0), (1, 0.0, 1.0), (1, height, -1.0)] {
        let from = std::mem::take(&mut inside);
        for (index, &point) in from.iter().enumerate() {
            let next = from[(index + 1) % from.len()];
            let (here, there) = (sign * (point[axis] - bound), sign * (next[axis] - bound));
            if here >= 0.0 {
                inside.push(point);
            }
            if (here >= 0.0) != (there >= 0.0) {
                let part = here / (here - there);
                inside.push([0, 1].map(|k| point[k] + part * (next[k] - point[k])));
            }
        }
    }
    inside
}

/// Whether a point lies in a convex quad whose corners go clockwise.
pub(super) fn contains(quad: &Quad, [x, y]: [f64; 2]) -> bool {
    (0..4).all(|i| {
        let (a, b) = (quad[i], quad[(i + 1) % 4]);
        (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0.0
    })
}

/// The middle of a quad.
pub(super) fn middle(quad: &Quad) -> [f64; 2] {
    [0, 1].map(|k| quad.iter().map(|corner| corner[k]).sum::<f64>() / 4.0)
}

/// A point here and where it went.
pub(super) type Pair = ([f64; 2], [f64; 2]);

/// The homography that most pairs agree with to within `within` pixels (MAGSAC, Barath et al.
/// 2019), and which do.
pub(super) fn agree(pairs: &[Pair], within: f64) -> Result<Option<(Homography, Vec<bool>)>> {
    if pairs.len() < 5 {
        return Ok(None);
    }
    let point = |[x, y]: [f64; 2]| Point2f::new(x as f32, y as f32);
    let from: Vector<Point2f> = pairs.iter().map(|pair| point(pair.0)).collect();
    let to: Vector<Point2f> = pairs.iter().map(|pair| point(pair.1)).collect();
    let mut mask = Mat::default();
    let method = calib3d::USAC_MAGSAC;
    let found = calib3d::find_homography_ext(&from, &to, method, within, &mut mask, 2000, 0.995)?;
    let Some(homography) = Homography::of(&found)? else {
        return Ok(None);
    };
    let inliers = pairs.iter().map(|pair| off(&homography, pair) <= within).collect();
    Ok(Some((homography, inliers)))
}

/// How far a pair is from what the homography says, pixels.
pub(super) fn off(homography: &Homography, (from, to): &Pair) -> f64 {
    let [x, y] = homography.map(*from);
    (x - to[0]).hypot(y - to[1])
}

/// Betters a homography: the least squares of the pairs with Huber's loss at `noise` pixels, and a
/// prior that the plane's far side is hardly smaller than its near side, as far as a camera whose
/// focal length is `focal` pixels sees it. Where the pairs lie close together, perspective cannot
/// be told from noise and corners far outside would swing; the prior holds them.
pub(super) fn refine(start: &Homography, pairs: &[Pair], noise: f64, focal: f64) -> Homography {
    let Some(frame) = Frame::around(pairs, start) else { return *start };
    let mut h = start.after(&frame.back);
    // Half the plane's size over its distance; turned all the way, that is the change of scale.
    let perspective = (frame.reach / focal).clamp(0.01, 0.5);
    for _ in 0..8 {
        let mut normal = [[0.0; 9]; 8];
        for pair in pairs {
            let [x, y] = frame.to.map(pair.0);
            let m = &h.0;
            let w = m[6] * x + m[7] * y + 1.0;
            if w < 0.05 {
                continue;
            }
            let [u, v] = h.map([x, y]);
            let (du, dv) = (pair.1[0] - u, pair.1[1] - v);
            let length = du.hypot(dv);
            let weight = if length <= noise { 1.0 } else { noise / length };
            let a = [x / w, y / w, 1.0 / w, 0.0, 0.0, 0.0, -u * x / w, -u * y / w];
            let b = [0.0, 0.0, 0.0, x / w, y / w, 1.0 / w, -v * x / w, -v * y / w];
            accumulate(&mut normal, &a, du, weight);
            accumulate(&mut normal, &b, dv, weight);
        }
        let strength = (noise / perspective).powi(2);
        for (k, row) in normal.iter_mut().enumerate().skip(6) {
            row[k] += strength;
            row[8] -= strength * h.0[k];
        }
        let Some(step) = solve(normal) else { break };
        for (value, step) in h.0.iter_mut().zip(step) {
            *value += step;
        }
        if step.iter().all(|value| value.abs() < 1e-7) {
            break;
        }
    }
    let refined = h.after(&frame.to);
    if refined.0.iter().all(|value| value.is_finite()) { refined } else { *start }
}

/// Coordinates around the pairs in which the points lie within about 1 of the origin.
struct Frame {
    to: Homography,
    back: Homography,
    /// Pixels in the target for 1 here.
    reach: f64,
}

impl Frame {
    fn around(pairs: &[Pair], start: &Homography) -> Option<Self> {
        if pairs.len() < 4 {
            return None;
        }
        let count = pairs.len() as f64;
        let mean = [0, 1].map(|k| pairs.iter().map(|pair| pair.0[k]).sum::<f64>() / count);
        let spread = pairs
            .iter()
            .map(|pair| (pair.0[0] - mean[0]).hypot(pair.0[1] - mean[1]))
            .fold(1e-6, f64::max);
        let (large, small) = start.stretch_at(mean);
        if !large.is_finite() || !small.is_finite() {
            return None;
        }
        Some(Self {
            to: Homography([
                1.0 / spread,
                0.0,
                -mean[0] / spread,
                0.0,
                1.0 / spread,
                -mean[1] / spread,
                0.0,
                0.0,
                1.0,
            ]),
            back: Homography([spread, 0.0, mean[0], 0.0, spread, mean[1], 0.0, 0.0, 1.0]),
            reach: spread * large,
        })
    }
}

fn accumulate(normal: &mut [[f64; 9]; 8], row: &[f64; 8], residual: f64, weight: f64) {
    for i in 0..8 {
        for j in 0..8 {
            normal[i][j] += weight * row[i] * row[j];
        }
        normal[i][8] += weight * row[i] * residual;
    }
}

/// Gauss with pivots.
fn solve(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let pivot = (column..8)
            .max_by(|&a, &b| f64::total_cmp(&rows[a][column].abs(), &rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let lead = rows[column];
        if lead[column].abs() < 1e-12 {
            return None;
        }
        for row in rows.iter_mut().skip(column + 1) {
            let factor = row[column] / lead[column];
            for (value, above) in row.iter_mut().zip(lead).skip(column) {
                *value -= factor * above;
            }
        }
    }
    let mut solved = [0.0; 8];
    for row in (0..8).rev() {
        let known: f64 = (row + 1..8).map(|k| rows[row][k] * solved[k]).sum();
        solved[row] = (rows[row][8] - known) / rows[row][row];
    }
    Some(solved)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A square of side 100 turned by `degrees` about the vertical, 1000 pixels away with a focal
    /// length of 1000.
    fn turned(degrees: f64) -> Homography {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Homography([cos, 0.0, 0.0, 0.0, 1.0, 0.0, sin / 1000.0, 0.0, 1.0])
    }

    #[test]
    fn the_angle_of_a_turned_plane_is_measured() {
        for degrees in [0.0, 20.0, 40.0, 62.0, 80.0] {
            assert!((facing_degrees(&turned(degrees), [0.0, 0.0]) - degrees).abs() < 0.5);
        }
        let mirrored = Homography([-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(facing_degrees(&mirrored, [0.0, 0.0]), 180.0);
    }

    #[test]
    fn there_and_back() {
        let there = turned(35.0).after(&Homography::resize(2.0, 3.0));
        let back = there.inverse().unwrap().after(&there);
        for (a, b) in back.0.iter().zip(Homography::IDENTITY.0) {
            assert!((a - b).abs() < 1e-9);
        }
        assert!(is_convex(&there.quad([-50.0, -50.0, 50.0, 50.0])));
        assert!(
            (area(&clipped(&[[-10.0, 0.0], [10.0, 0.0], [10.0, 10.0], [-10.0, 10.0]], 50.0, 5.0))
                - 50.0)
                .abs()
                < 1e-9
        );
    }

    #[test]
    fn refining_keeps_far_corners_still_under_noise() {
        let truth = turned(20.0);
        // Points in the middle third, half a pixel of noise: corners are three times as far out.
        let pairs: Vec<Pair> = (0..60)
            .map(|i| {
                let from = [f64::from(i % 6) * 6.0 - 15.0, f64::from(i / 6) * 10.0 - 45.0];
                let to = truth.map(from);
                let noise = |k: i32| f64::from((i * 37 + k * 11) % 21 - 10) / 10.0 * 0.8;
                (from, [to[0] + noise(1), to[1] + noise(2)])
            })
            .collect();
        let refined = refine(&agree(&pairs, 3.0).unwrap().unwrap().0, &pairs, 0.7, 1000.0);
        let worst = refined
            .quad([-50.0, -50.0, 50.0, 50.0])
            .iter()
            .zip(truth.quad([-50.0, -50.0, 50.0, 50.0]))
            .map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]))
            .fold(0.0, f64::max);
        assert!(worst < 2.0, "{worst}");
    }
}
