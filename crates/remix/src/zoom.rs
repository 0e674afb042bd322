//! Goes nearer to a part of a picture: 4:2:0 planes, each pixel between its four neighbours.

use crate::drawing::Planes;
use crate::geometry::Rect;

/// What of a picture is shown, in its own pixels; the whole of it at `scale` 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// How much larger it is shown.
    pub scale: f64,
}

impl View {
    /// The whole picture.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, scale: 1.0 };

    /// `scale` larger around a point as far as the picture's edges allow: the point keeps its share
    /// of the way between them.
    pub fn around(point: [f64; 2], scale: f64, (width, height): (f64, f64)) -> Self {
        let edge = |at: f64, size: f64| {
            let shown = size / scale;
            // The point moves towards the middle, by as much as the picture grows.
            (at - shown / 2.0).clamp(0.0, size - shown)
        };
        Self { left: edge(point[0], width), top: edge(point[1], height), scale }
    }

    /// Where a point of the picture is shown.
    pub fn shown(&self, point: [f64; 2]) -> [f64; 2] {
        [(point[0] - self.left) * self.scale, (point[1] - self.top) * self.scale]
    }

    /// Where a part of the picture is shown.
    pub fn shown_area(&self, area: &Rect) -> Rect {
        let [x, y] = self.shown([area.x, area.y]);
        Rect::new(x, y, area.width * self.scale, area.height * self.scale)
    }

    /// Whether it shows anything but the whole picture.
    pub fn is_near(&self) -> bool {
        self.scale > 1.0005
    }
}

/// Fills `to` with what `view` shows of `from`, whose planes are of the same size.
pub fn zoom(from: [(&[u8], usize); 3], to: &mut Planes<'_>, view: &View) {
    let (width, height) = (to.width, to.height);
    for (index, ((source, stride), (target, target_stride))) in
        from.into_iter().zip(&mut to.planes).enumerate()
    {
        let fine = index == 0;
        let size = |full: usize| if fine { full } else { full.div_ceil(2) };
        let share = if fine { 1.0 } else { 0.5 };
        let columns = taps(size(width), view.left * share, view.scale);
        let rows = taps(size(height), view.top * share, view.scale);
        let mut blended = vec![0u16; size(width)];
        let mut line = 0;
        for tap in &rows {
            let row = |y: usize| source.get(y * stride..y * stride + size(width));
            let (Some(top), Some(bottom)) = (row(tap.first), row(tap.second)) else { continue };
            for ((blend, &a), &b) in blended.iter_mut().zip(top).zip(bottom) {
                *blend = u16::from(a) * (128 - tap.share) + u16::from(b) * tap.share;
            }
            let Some(out) = target.get_mut(line * *target_stride..) else { continue };
            line += 1;
            for (value, tap) in out.iter_mut().zip(&columns) {
                let of = |at: usize| u32::from(blended[at]);
                let share = u32::from(tap.share);
                let mixed = of(tap.first) * (128 - share) + of(tap.second) * share;
                *value = ((mixed + (1 << 13)) >> 14) as u8;
            }
        }
    }
}

/// Which two samples make one, and how much of the second, of 128.
struct Tap {
    first: usize,
    second: usize,
    share: u16,
}

fn taps(size: usize, edge: f64, scale: f64) -> Vec<Tap> {
    let last = size.saturating_sub(1);
    let tap = |index: usize| {
        let at = ((index as f64 + 0.5) / scale + edge - 0.5).clamp(0.0, last as f64);
        let first = at as usize;
        Tap { first, second: (first + 1).min(last), share: (at.fract() * 128.0) as u16 }
    };
    (0..size).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_gone_to_is_shown_inside() {
        let size = (720.0, 1280.0);
        for point in [[360.0, 640.0], [5.0, 5.0], [719.0, 1279.0]] {
            let view = View::around(point, 1.3, size);
            let shown = view.shown(point);
            assert!((0.0..=size.0).contains(&shown[0]) && (0.0..=size.1).contains(&shown[1]));
            assert!(view.left >= 0.0 && view.left + size.0 / 1.3 <= size.0 + 1e-9);
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp() {
        let luma: Vec<u8> = (0..64 * 64).map(|i| (i % 64 * 2) as u8).collect();
        let chroma = vec![90u8; 32 * 32];
        let mut out = [vec![0u8; 64 * 64], vec![0u8; 32 * 32], vec![0u8; 32 * 32]];
        let [a, b, c] = &mut out;
        let planes = [(&mut a[..], 64), (&mut b[..], 32), (&mut c[..], 32)];
        let view = View::around([32.0, 32.0], 2.0, (64.0, 64.0));
        let from = [(&luma[..], 64), (&chroma[..], 32), (&chroma[..], 32)];
        zoom(from, &mut Planes { width: 64, height: 64, planes }, &view);
        // Every step of two is now one.
        let steps = out[0][..64].windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0]));
        assert!(steps.clone().all(|step| (0..=2).contains(&step)), "{:?}", &out[0][..64]);
        assert!((i32::from(out[0][32]) - 64).abs() <= 1);
        assert!(out[1].iter().all(|&value| value == 90));
    }
}
