//! When and how far the picture goes nearer to the product.

use crate::follow::Track;
use crate::geometry::Rect;
use crate::motion::ease_in_out;
use crate::template::{When, Zoom};
use crate::zoom::View;

/// The product may take this share of the picture's sides when it is near, at most.
const SHARE_MAX: f64 = 0.85;

/// What each of `count` pictures shows of the clip's.
pub fn views(
    zoom: Option<&Zoom>,
    track: &Track,
    (width, height): (f64, f64),
    fps: f64,
    count: usize,
) -> Vec<View> {
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
            let area = Rect::around(&corners);
            let fits = (SHARE_MAX * width / area.width).min(SHARE_MAX * height / area.height);
            let amount = zoom.amount.min(fits);
            if amount > 1.04 {
                for (step, view) in views[start..start + length].iter_mut().enumerate() {
                    let share = (step + 1).min(length - step) as f64 / ease.max(1) as f64;
                    let scale = 1.0 + (amount - 1.0) * ease_in_out(share);
                    // From the whole picture towards the product, so that nothing jumps.
                    let near = ease_in_out(share);
                    let [x, y] = area.middle();
                    let point = [
                        width / 2.0 + (x - width / 2.0) * near,
                        height / 2.0 + (y - height / 2.0) * near,
                    ];
                    *view = View::around(point, scale, (width, height));
                }
            }
            start += length + (zoom.pause_s * fps) as usize;
            free = start;
        }
    }
    views
}
