//! Which slot each layer gets: the one that covers least of face and product, none over another.

use reprise_model::clip::ClipOverlay;

use crate::geometry::Rect;
use crate::template::{Layer, Template};

/// What a slot that a template names later must be better by: the share of it that the product takes,
/// over time. Templates name the places where faces usually are last.
const LATER_SLOT: f64 = 0.25;

/// How much more it counts that a face or an overlay of the LIVE is covered than that the product is.
const KEPT_FREE_COUNTS: f64 = 2.0;

/// What layers had better not cover.
pub struct About<'a> {
    /// What they have to stay inside, pixels.
    pub zone: &'a Rect,
    /// Length of the clip, seconds.
    pub duration_s: f64,
    /// Where the product is seen: time in seconds, box in pixels.
    pub seen: &'a [(f64, Rect)],
    /// What the LIVE itself laid over the picture, and the host's face.
    pub kept_free: &'a [Taken],
}

/// A place that is taken for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// Where, pixels.
    pub area: Rect,
    /// From when to when, seconds.
    pub shown_s: (f64, f64),
}

impl Taken {
    /// Whether it is shown at some time of a span, seconds.
    pub fn meets(&self, (from, until): (f64, f64)) -> bool {
        self.shown_s.0 < until && self.shown_s.1 > from
    }

    /// By an overlay of the LIVE.
    pub fn of(overlay: &ClipOverlay) -> Self {
        let shown_s = (overlay.span.start.seconds(), overlay.span.end.seconds());
        Self { area: overlay.area.into(), shown_s }
    }
}

/// Slots of a template's layers, in pixels. `has` says whether a layer has anything to show.
pub fn slots(
    template: &Template,
    about: &About<'_>,
    has: &dyn Fn(&Layer) -> bool,
) -> Vec<Option<Rect>> {
    let About { zone, duration_s, seen, kept_free } = *about;
    let layers: Vec<(usize, &Layer)> =
        template.layers.iter().enumerate().filter(|(_, layer)| has(layer)).collect();
    let every_s = seen.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::INFINITY, f64::min);
    let covered = |layer: &Layer, slot: &Rect| -> f64 {
        let (from, until) = layer.when.span(duration_s);
        let meanwhile = seen.iter().filter(|(at, _)| (from..until).contains(at));
        let area: f64 = meanwhile.map(|(_, product)| product.shared(slot)).sum();
        let looks = ((until - from) / every_s).max(1.0);
        let hidden: f64 = kept_free
            .iter()
            .map(|taken| {
                let meanwhile = taken.shown_s.1.min(until) - taken.shown_s.0.max(from);
                // A card of the LIVE that is half hidden cannot be read.
                taken.area.shared(slot) * meanwhile.max(0.0) / (until - from).max(0.1)
            })
            .sum();
        (area / looks + KEPT_FREE_COUNTS * hidden) / (slot.width * slot.height)
    };
    // Templates have few layers with few slots: every combination is tried.
    let mut best: Option<(f64, Vec<Rect>)> = None;
    let mut chosen: Vec<Rect> = Vec::new();
    search(&layers, zone, &covered, 0.0, &mut chosen, &mut best);
    let mut slots = vec![None; template.layers.len()];
    if let Some((_, chosen)) = best {
        for ((index, _), slot) in layers.iter().zip(chosen) {
            slots[*index] = Some(slot);
        }
    }
    slots
}

fn search(
    layers: &[(usize, &Layer)],
    zone: &Rect,
    covered: &dyn Fn(&Layer, &Rect) -> f64,
    cost: f64,
    chosen: &mut Vec<Rect>,
    best: &mut Option<(f64, Vec<Rect>)>,
) {
    if best.as_ref().is_some_and(|(least, _)| *least <= cost) {
        return;
    }
    let Some((_, layer)) = layers.get(chosen.len()) else {
        *best = Some((cost, chosen.clone()));
        return;
    };
    for (rank, slot) in layer.slots.iter().enumerate() {
        let slot = slot.of(zone);
        let free = layers
            .iter()
            .zip(chosen.iter())
            .all(|((_, other), taken)| !layer.when.meets(other.when) || !taken.overlaps(&slot));
        if free {
            let more = covered(layer, &slot) + rank as f64 * LATER_SLOT;
            chosen.push(slot);
            search(layers, zone, covered, cost + more, chosen, best);
            chosen.pop();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::template::LayerKind;

    const ZONE: Rect = Rect::new(40.0, 100.0, 580.0, 857.0);

    fn slot_of(kind: LayerKind, kept_free: &[Taken], seen: &[(f64, Rect)]) -> Rect {
        let template = Template::built_in("bold-sale").unwrap();
        let about = About { zone: &ZONE, duration_s: 30.0, seen, kept_free };
        let slots = slots(&template, &about, &|_| true);
        let index = template.layers.iter().position(|layer| layer.kind == kind).unwrap();
        slots[index].unwrap()
    }

    #[test]
    fn layers_make_way_for_what_the_live_laid_over_the_picture() {
        let free = slot_of(LayerKind::Name, &[], &[]);
        assert_eq!((free.x, free.y), (40.0, 100.0));
        let card = Taken { area: Rect::new(28.0, 120.0, 280.0, 170.0), shown_s: (0.0, 30.0) };
        assert!(!slot_of(LayerKind::Name, &[card], &[]).overlaps(&card.area));
        // One that is there for a moment alone is no reason.
        let brief = Taken { shown_s: (10.0, 11.0), ..card };
        assert_eq!(slot_of(LayerKind::Name, &[brief], &[]), free);
    }

    #[test]
    fn captions_leave_the_product_free_where_there_is_room() {
        let free = slot_of(LayerKind::Captions, &[], &[]);
        let low = Rect::new(100.0, 700.0, 500.0, 260.0);
        let seen: Vec<(f64, Rect)> = (0..150).map(|n| (f64::from(n) * 0.2, low)).collect();
        let moved = slot_of(LayerKind::Captions, &[], &seen);
        assert!(free.overlaps(&low) && moved.shared(&low) < free.shared(&low));
    }
}
