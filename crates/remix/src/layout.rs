//! Which slot each layer gets: the one that covers least of the product, none over another.

use crate::geometry::Rect;
use crate::template::{Layer, Template};

/// What a slot that a template names later must be better by: the share of it that the product takes,
/// over time. Templates name the places where faces usually are last.
const LATER_SLOT: f64 = 0.25;

/// Slots of a template's layers, in pixels, for a product that is in `seen` (time in seconds, box in
/// pixels). `has` says whether a layer has anything to show.
pub fn slots(
    template: &Template,
    zone: &Rect,
    duration_s: f64,
    seen: &[(f64, Rect)],
    has: &dyn Fn(&Layer) -> bool,
) -> Vec<Option<Rect>> {
    let layers: Vec<(usize, &Layer)> =
        template.layers.iter().enumerate().filter(|(_, layer)| has(layer)).collect();
    let every_s = seen.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::INFINITY, f64::min);
    let covered = |layer: &Layer, slot: &Rect| -> f64 {
        let (from, until) = layer.when.span(duration_s);
        let meanwhile = seen.iter().filter(|(at, _)| (from..until).contains(at));
        let area: f64 = meanwhile.map(|(_, product)| product.shared(slot)).sum();
        let looks = ((until - from) / every_s).max(1.0);
        area / (slot.width * slot.height) / looks
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
