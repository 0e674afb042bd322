//! When, how far and where to the picture goes nearer to the product.

use reprise_model::clip::Clip;

use crate::face;
use crate::follow::Track;
use crate::geometry::{Rect, SAFE_ZONE};
use crate::layout::Taken;
use crate::motion::ease_in_out;
use crate::template::{When, Zoom};
use crate::zoom::View;

/// The product may take this share of the picture's sides when it is near, at most.
const SHARE_MAX: f64 = 0.85;
/// Less than this is no approach.
const AMOUNT_MIN: f64 = 1.04;
/// How far the product may be shown above or below the place that is nearest to the middle, as a
/// share of the picture, in how many steps either way.
const SHIFT: f64 = 0.25;
const STEPS: i32 = 10;
/// What counts when a place is chosen: a face or a product that is covered wholly counts 1.
const FACE_LEFT_OUT: f64 = 2.0;
const PRODUCT_OUTSIDE_ZONE: f64 = 1.5;
/// Of a shift by the whole picture.
const SHIFTED: f64 = 0.3;
/// How much more may be covered and left out than in the whole picture.
const WORSE_MAX: f64 = 0.15;
/// What is tried of the way to the product, where all of it would be worse.
const PART_WAY: f64 = 0.6;

/// What each of `count` pictures shows of the clip's, so that what is laid over them (`cards`) covers
/// little of face and product.
pub fn views(
    zoom: Option<&Zoom>,
    (clip, track, cards): (&Clip, &Track, &[Taken]),
    size: (f64, f64),
    fps: f64,
    count: usize,
) -> Vec<View> {
    let (width, height) = size;
    let mut views = vec![View::WHOLE; count];
    let Some(zoom) = zoom else { return views };
    let (from_s, until_s) = When::Body.span(count as f64 / fps);
    let (ease, hold) = ((zoom.ease_s * fps) as usize, (zoom.hold_s * fps) as usize);
    let length = 2 * ease + hold;
    let mut free = (from_s * fps) as usize;
    for (first, end) in track.rows() {
        let mut start = first.max(free);
        while start + length <= end.min((until_s * fps) as usize) {
            let corners: Vec<[f64; 2]> =
                (start..start + length).filter_map(|n| track.at(n)).flatten().collect();
            let product = Rect::around(&corners);
            let fits = (SHARE_MAX * width / product.width).min(SHARE_MAX * height / product.height);
            let amount = zoom.amount.min(fits);
            let span_s = (start as f64 / fps, (start + length) as f64 / fps);
            let near = Near {
                product,
                faces: face::within(clip, span_s),
                cards: cards.iter().filter(|card| card.meets(span_s)).collect(),
                size,
            };
            if let Some((amount, [x, y])) = near.best(amount) {
                for (step, view) in views[start..start + length].iter_mut().enumerate() {
                    let share = (step + 1).min(length - step) as f64 / ease.max(1) as f64;
                    // From the whole picture towards the product, so that nothing jumps.
                    let near = ease_in_out(share);
                    let scale = 1.0 + (amount - 1.0) * near;
                    let point = [
                        width / 2.0 + (x - width / 2.0) * near,
                        height / 2.0 + (y - height / 2.0) * near,
                    ];
                    *view = View::around(point, scale, size);
                }
            }
            start += length + (zoom.pause_s * fps) as usize;
            free = start;
        }
    }
    views
}

/// A look from near, and what lies about.
struct Near<'a> {
    product: Rect,
    faces: Vec<Rect>,
    cards: Vec<&'a Taken>,
    size: (f64, f64),
}

impl Near<'_> {
    /// How near, and the middle: as near as `amount` unless that costs a face or the product; `None`
    /// where it is better to stay.
    fn best(&self, amount: f64) -> Option<(f64, [f64; 2])> {
        let most = self.cost(&View::WHOLE) + WORSE_MAX;
        [amount, 1.0 + (amount - 1.0) * PART_WAY]
            .into_iter()
            .filter(|amount| *amount > AMOUNT_MIN)
            .map(|amount| (amount, self.middle(amount)))
            .find(|(amount, middle)| self.cost(&View::around(*middle, *amount, self.size)) <= most)
    }

    /// The middle of the best view: the product is in it, little is covered, no face is cut off where
    /// that can be helped.
    fn middle(&self, amount: f64) -> [f64; 2] {
        let [x, y] = self.product.middle();
        let shift = |step: i32| SHIFT * f64::from(step) / f64::from(STEPS);
        let at = |step: i32| [x, y + shift(step) * self.size.1];
        let view = |step: i32| View::around(at(step), amount, self.size);
        let cost = |step: i32| self.cost(&view(step)) + SHIFTED * shift(step).abs();
        let best = (-STEPS..=STEPS).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        at(best.unwrap_or(0))
    }

    fn cost(&self, view: &View) -> f64 {
        let (width, height) = self.size;
        let whole = Rect::new(0.0, 0.0, width, height);
        let covered = |area: &Rect| -> f64 {
            // Cards do not overlap.
            self.cards.iter().map(|card| card.area.share_of(area)).sum()
        };
        let product = view.shown_area(&self.product);
        let face = |face: &Rect| {
            let face = view.shown_area(face);
            covered(&face) + FACE_LEFT_OUT * (1.0 - whole.share_of(&face))
        };
        covered(&product)
            + PRODUCT_OUTSIDE_ZONE * (1.0 - SAFE_ZONE.of(&whole).share_of(&product))
            + self.faces.iter().map(face).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (f64, f64) = (720.0, 1280.0);

    fn near(face: Option<Rect>, cards: &[Taken]) -> View {
        let product = Rect::new(260.0, 640.0, 200.0, 240.0);
        let (faces, cards) = (face.into_iter().collect(), cards.iter().collect());
        let near = Near { product, faces, cards, size: SIZE };
        near.best(1.25).map_or(View::WHOLE, |(amount, middle)| View::around(middle, amount, SIZE))
    }

    #[test]
    fn where_the_face_would_be_cut_off_or_covered_the_picture_stays() {
        let face = Rect::new(250.0, 210.0, 180.0, 250.0);
        let product = Rect::new(240.0, 700.0, 240.0, 240.0);
        let card = Taken { area: Rect::new(40.0, 150.0, 580.0, 50.0), shown_s: (0.0, 9.0) };
        let near = Near { product, faces: vec![face], cards: vec![&card], size: SIZE };
        assert_eq!(near.best(1.6), None);
        assert!(Near { faces: Vec::new(), ..near }.best(1.6).is_some());
    }

    #[test]
    fn a_card_covers_no_face_when_the_picture_goes_nearer() {
        let face = Rect::new(280.0, 300.0, 160.0, 200.0);
        let card = Taken { area: Rect::new(40.0, 100.0, 400.0, 110.0), shown_s: (0.0, 9.0) };
        let straight = View::around([360.0, 760.0], 1.25, SIZE);
        assert!(card.area.overlaps(&straight.shown_area(&face)));
        let view = near(Some(face), &[card]);
        assert!(!card.area.overlaps(&view.shown_area(&face)), "{view:?}");
        let product = view.shown_area(&Rect::new(260.0, 640.0, 200.0, 240.0));
        assert!(Rect::new(0.0, 0.0, SIZE.0, SIZE.1).holds(&product));
    }

    #[test]
    fn without_a_face_the_product_gets_to_the_middle() {
        let view = near(None, &[]);
        let shown = view.shown([360.0, 760.0]);
        assert!((shown[1] - 640.0).abs() < 60.0 && (shown[0] - 360.0).abs() < 1.0, "{shown:?}");
    }
}
