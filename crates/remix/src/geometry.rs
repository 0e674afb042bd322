//! Rectangles, and the zone that a short-video feed leaves free.

use serde::{Deserialize, Serialize};

/// A rectangle; JSON and TOML: `[left, top, width, height]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 4]", into = "[f64; 4]")]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl From<[f64; 4]> for Rect {
    fn from([x, y, width, height]: [f64; 4]) -> Self {
        Self { x, y, width, height }
    }
}

impl From<Rect> for [f64; 4] {
    fn from(rect: Rect) -> Self {
        [rect.x, rect.y, rect.width, rect.height]
    }
}

/// What rounding may add to an edge.
const SLACK: f64 = 1e-9;

impl Rect {
    /// From its left and top edge, its width and height.
    pub const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self { x, y, width, height }
    }

    /// Around points; empty without any.
    pub fn around(points: &[[f64; 2]]) -> Self {
        let bound = |axis: usize| {
            let of = points.iter().map(|point| point[axis]);
            (of.clone().fold(f64::INFINITY, f64::min), of.fold(f64::NEG_INFINITY, f64::max))
        };
        let ((left, right), (top, bottom)) = (bound(0), bound(1));
        if points.is_empty() {
            return Self::default();
        }
        Self::new(left, top, right - left, bottom - top)
    }

    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Its middle.
    pub fn middle(&self) -> [f64; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    /// Whether nothing lies in it.
    pub fn is_empty(&self) -> bool {
        !(self.width > 0.0 && self.height > 0.0)
    }

    /// Whether `other` lies in it wholly.
    pub fn holds(&self, other: &Self) -> bool {
        other.x >= self.x - SLACK
            && other.y >= self.y - SLACK
            && other.right() <= self.right() + SLACK
            && other.bottom() <= self.bottom() + SLACK
    }

    /// Whether both share some area.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.shared(other) > SLACK
    }

    /// The area that both share.
    pub fn shared(&self, other: &Self) -> f64 {
        let width = self.right().min(other.right()) - self.x.max(other.x);
        let height = self.bottom().min(other.bottom()) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0)
    }

    /// Which share of `other` lies in it, 0 to 1.
    pub fn share_of(&self, other: &Self) -> f64 {
        if other.is_empty() { 0.0 } else { self.shared(other) / (other.width * other.height) }
    }

    /// Larger by `margin` on each side.
    pub fn widened(&self, margin: f64) -> Self {
        let (width, height) = (self.width + 2.0 * margin, self.height + 2.0 * margin);
        Self::new(self.x - margin, self.y - margin, width, height)
    }

    /// This share of a rectangle, in that rectangle's own units.
    pub fn of(&self, whole: &Self) -> Self {
        Self::new(
            whole.x + self.x * whole.width,
            whole.y + self.y * whole.height,
            self.width * whole.width,
            self.height * whole.height,
        )
    }

    /// A box of this size inside it, `at` of the free space from left and top.
    pub fn place(&self, width: f64, height: f64, at: [f64; 2]) -> Self {
        let x = self.x + (self.width - width) * at[0];
        let y = self.y + (self.height - height) * at[1];
        Self::new(x, y, width, height)
    }
}

/// What a feed's own controls leave free of an upright picture, as shares of it: 60 of 1080 pixels at
/// the left, 150 at the right (buttons), 150 of 1920 at the top (tabs), 484 at the bottom (caption).
/// The largest margins that public guides to in-feed video name.
pub const SAFE_ZONE: Rect = Rect::new(
    60.0 / 1080.0,
    150.0 / 1920.0,
    (1080.0 - 60.0 - 150.0) / 1080.0,
    (1920.0 - 150.0 - 484.0) / 1920.0,
);

/// Shortest distance from a point to the outline of a polygon.
#[cfg(test)]
pub fn to_outline(point: [f64; 2], corners: &[[f64; 2]]) -> f64 {
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    let distances = edges.map(|(&from, &to)| to_segment(point, from, to));
    distances.fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
fn to_segment(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 {
        (((point[0] - from[0]) * dx + (point[1] - from[1]) * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (point[0] - from[0] - along * dx).hypot(point[1] - from[1] - along * dy)
}

/// Where a ray from inside a polygon leaves it; `None` where it never does.
pub fn leaves(from: [f64; 2], direction: [f64; 2], corners: &[[f64; 2]]) -> Option<[f64; 2]> {
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    let hits = edges.filter_map(|(&a, &b)| {
        let edge = [b[0] - a[0], b[1] - a[1]];
        let cross = direction[0] * edge[1] - direction[1] * edge[0];
        if cross.abs() < 1e-9 {
            return None;
        }
        let off = [a[0] - from[0], a[1] - from[1]];
        let along_ray = (off[0] * edge[1] - off[1] * edge[0]) / cross;
        let along_edge = (off[0] * direction[1] - off[1] * direction[0]) / cross;
        (along_ray >= 0.0 && (0.0..=1.0).contains(&along_edge)).then_some(along_ray)
    });
    let far = hits.fold(None, |far: Option<f64>, hit| Some(far.map_or(hit, |far| far.max(hit))))?;
    Some([from[0] + direction[0] * far, from[1] + direction[1] * far])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [[f64; 2]; 4] = [[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]];

    #[test]
    fn a_ray_leaves_a_square_at_its_edge() {
        assert_eq!(leaves([20.0, 20.0], [1.0, 0.0], &SQUARE), Some([30.0, 20.0]));
        assert_eq!(to_outline([40.0, 20.0], &SQUARE), 10.0);
        assert_eq!(to_outline([33.0, 34.0], &SQUARE), 5.0);
    }

    #[test]
    fn touching_boxes_do_not_overlap() {
        let left = Rect::new(0.0, 0.0, 0.5, 1.0);
        assert!(!left.overlaps(&Rect::new(0.5, 0.0, 0.5, 1.0)));
        assert!(left.overlaps(&Rect::new(0.4, 0.9, 0.5, 1.0)));
        assert!(Rect::new(0.0, 0.0, 1.0, 1.0).holds(&left));
    }
}
