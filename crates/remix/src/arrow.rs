//! The arrow: when it is shown, from which side it points, and where its tip is in each picture.

use std::f64::consts::TAU;

use crate::follow::Corners;
use crate::geometry::{Rect, leaves};

/// Directions that it can point in.
pub const DIRECTIONS: usize = 8;
/// Shorter than this it is not shown, seconds.
const SHOW_MIN_S: f64 = 0.9;
/// A direction that is kept for this share of the longest does as well.
const NEARLY: f64 = 0.6;
/// How far its tip stays away from the product, as a share of its length.
const APART: f64 = 0.05;
/// How far it moves back and forth.
const BOB: f64 = 0.10;
/// Seconds from one such move to the next.
const BOB_S: f64 = 0.7;
/// Half its width with its border, as a share of its length.
const HALF_WIDTH: f64 = 0.42;
/// Its length with its border.
const LENGTH: f64 = 1.08;

/// The arrow in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pointing {
    /// Which direction, a number below [`DIRECTIONS`].
    pub direction: usize,
    /// Where its tip is, pixels.
    pub tip: [f64; 2],
    /// 0 to 1.
    pub opacity: f64,
}

/// A direction in radians, 0 to the right, clockwise.
pub fn angle(direction: usize) -> f64 {
    direction as f64 * TAU / DIRECTIONS as f64
}

/// What an arrow has to heed.
pub struct Around<'a> {
    /// Corners of the product as shown, picture by picture.
    pub corners: &'a [Option<Corners>],
    /// Rectangles that are taken, with the pictures they are shown in: first, one behind the last.
    pub taken: &'a [(Rect, usize, usize)],
    /// What it has to stay inside.
    pub zone: Rect,
    /// Pictures a second.
    pub fps: f64,
}

/// Where the arrow is in each picture: shown for `show_s`, then not for `pause_s`, from `first` to
/// before `end`.
pub fn pointing(
    around: &Around<'_>,
    length: f64,
    (show_s, pause_s): (f64, f64),
    (first, end): (usize, usize),
) -> Vec<Option<Pointing>> {
    let count = around.corners.len();
    let mut pictures = vec![None; count];
    let frames = |seconds: f64| (seconds * around.fps).round().max(1.0) as usize;
    let (show, pause, least) = (frames(show_s), frames(pause_s), frames(SHOW_MIN_S));
    let mut at = first;
    while at < end.min(count) {
        // The handiest direction of those that can be kept nearly longest from here on.
        let kept = |direction: usize| {
            let fits = |&number: &usize| tip(around, number, at, direction, length).is_some();
            (at..end.min(count).min(at + show)).take_while(fits).count()
        };
        let ways = ORDER.map(|direction| (kept(direction), direction));
        let longest = ways.iter().map(|(long, _)| *long).max().unwrap_or(0);
        let enough = least.max((NEARLY * longest as f64) as usize);
        let Some((long, direction)) = ways.into_iter().find(|(long, _)| *long >= enough) else {
            at += 1;
            continue;
        };
        let fade = 0.25 * around.fps;
        for (number, picture) in pictures.iter_mut().enumerate().skip(at).take(long) {
            let edge = (number - at + 1).min(at + long - number) as f64;
            let tip = tip(around, number, at, direction, length);
            *picture = tip.map(|tip| Pointing { direction, tip, opacity: (edge / fade).min(1.0) });
        }
        at += long + pause;
    }
    pictures
}

/// Obliquely from above first, then from the sides, from straight above only then, as the host's face
/// is there where it is not known, from below last: what is below is often held there.
const ORDER: [usize; DIRECTIONS] = [1, 3, 0, 4, 2, 7, 5, 6];

/// Where the tip is; `None` where the product is not known, or the arrow would leave its zone or
/// cover something.
fn tip(
    around: &Around<'_>,
    number: usize,
    since: usize,
    direction: usize,
    length: f64,
) -> Option<[f64; 2]> {
    let corners = around.corners.get(number).copied().flatten()?;
    let angle = angle(direction);
    let (dx, dy) = (angle.cos(), angle.sin());
    let middle = [0, 1].map(|axis| corners.iter().map(|c| c[axis]).sum::<f64>() / 4.0);
    let edge = leaves(middle, [-dx, -dy], &corners)?;
    let sway = (1.0 - ((number - since) as f64 / around.fps / BOB_S * TAU).cos()) / 2.0;
    let apart = length * (APART + BOB * sway);
    let tip = [edge[0] - dx * apart, edge[1] - dy * apart];
    // Judged at its furthest, so that a direction is not given up in mid-sway.
    let far = length * (APART + BOB);
    let body = body([edge[0] - dx * far, edge[1] - dy * far], angle, length);
    let near = body_at(edge, angle, length);
    let clear = |area: &Rect| {
        let shown =
            around.taken.iter().filter(|(_, from, until)| (*from..*until).contains(&number));
        around.zone.holds(area) && !shown.clone().any(|(taken, ..)| taken.overlaps(area))
    };
    (clear(&body) && clear(&near)).then_some(tip)
}

fn body_at(edge: [f64; 2], angle: f64, length: f64) -> Rect {
    let apart = length * APART;
    body([edge[0] - angle.cos() * apart, edge[1] - angle.sin() * apart], angle, length)
}

/// What an arrow covers.
fn body(tip: [f64; 2], angle: f64, length: f64) -> Rect {
    let (dx, dy) = (angle.cos(), angle.sin());
    let point = |along: f64, across: f64| {
        [tip[0] - dx * along - dy * across, tip[1] - dy * along + dx * across]
    };
    let (long, half) = (length * LENGTH, length * HALF_WIDTH);
    let border = length * (LENGTH - 1.0);
    let points = [
        point(-border, 0.0),
        point(long, half),
        point(long, -half),
        point(0.3 * length, half),
        point(0.3 * length, -half),
    ];
    Rect::around(&points)
}

/// Side of the square that an arrow is drawn on, tip in the middle, pixels.
pub fn canvas(length: f64) -> f64 {
    2.0 * (length * (LENGTH + 0.1)).ceil() + 4.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::follow::tests::square;
    use crate::geometry::to_outline;

    const ZONE: Rect = Rect::new(40.0, 100.0, 580.0, 857.0);

    fn shown(corners: &[Option<Corners>], taken: &[(Rect, usize, usize)]) -> Vec<Option<Pointing>> {
        let around = Around { corners, taken, zone: ZONE, fps: 30.0 };
        pointing(&around, 120.0, (4.0, 2.0), (0, corners.len()))
    }

    #[test]
    fn the_tip_is_at_the_outline_wherever_the_product_goes() {
        let corners: Vec<_> = (0..300)
            .map(|n| f64::from(n) / 30.0)
            .map(|t| Some(square(330.0 + 150.0 * t.sin(), 600.0 + 200.0 * (t * 0.7).cos(), 70.0)))
            .collect();
        let pictures = shown(&corners, &[]);
        assert!(pictures.iter().flatten().count() > 150);
        for (number, pointing) in pictures.iter().enumerate() {
            let Some(pointing) = pointing else { continue };
            let apart = to_outline(pointing.tip, &corners[number].unwrap());
            assert!(apart < 25.0, "{number}: {apart}");
            assert!(ZONE.holds(&body(pointing.tip, angle(pointing.direction), 120.0)));
        }
    }

    #[test]
    fn what_is_taken_is_not_covered_and_without_room_there_is_none() {
        let corners = vec![Some(square(330.0, 500.0, 70.0)); 90];
        let above = [(Rect::new(40.0, 100.0, 580.0, 300.0), 0, 90)];
        for pointing in shown(&corners, &above).iter().flatten() {
            let body = body(pointing.tip, angle(pointing.direction), 120.0);
            assert!(!body.overlaps(&above[0].0));
        }
        assert!(shown(&corners, &above).iter().flatten().count() > 60);
        let everywhere = [(Rect::new(0.0, 0.0, 720.0, 1280.0), 0, 90)];
        assert!(shown(&corners, &everywhere).iter().all(Option::is_none));
        assert!(shown(&vec![None; 90], &[]).iter().all(Option::is_none));
    }
}
