//! Whether a product is handled: moved or turned against the rest of the picture.

use reprise_model::{MediaTime, Span};

use super::PeopleEvidence;
use crate::products::{ProductEvidence, ProductSighting};

/// Stretch over which a product's motion is measured, seconds.
const STRETCH_S: f64 = 2.0;
/// Motion of its middle against the host's face, as part of its own size, that is no sway of the
/// camera: a phone held by hand moves the whole picture, face and product alike.
const MOVED_MIN: f64 = 0.15;
/// Change of size or of direction that a thing at rest does not show; measured angles are within
/// five degrees.
const GROWN_MIN: f64 = 1.15;
const TURNED_MIN: f64 = 12.0;

/// How a product is handled in a clip.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Handling {
    /// Stretches in which it moves.
    pub(crate) spans: Vec<Span>,
    /// Their length together, seconds.
    pub(crate) seconds: f64,
    /// The product that moves longest.
    pub(crate) product: String,
}

/// The product handled longest; `None` where none is in view.
pub(crate) fn handling(products: &ProductEvidence, people: &PeopleEvidence) -> Option<Handling> {
    products
        .products
        .iter()
        .filter_map(|product| {
            let seen: Vec<&ProductSighting> =
                products.sightings().iter().filter(|s| s.product == product.id).collect();
            (!seen.is_empty()).then(|| {
                let spans = moving(&seen, people);
                let seconds = spans.iter().map(|span| span.seconds()).sum();
                Handling { spans, seconds, product: product.id.clone() }
            })
        })
        .max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn moving(seen: &[&ProductSighting], people: &PeopleEvidence) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut from = 0;
    for to in 0..seen.len() {
        while (seen[to].time - seen[from].time).seconds() > STRETCH_S {
            from += 1;
        }
        if !moves(&seen[from..=to], people) {
            continue;
        }
        let span = Span::new(seen[from].time, seen[to].time);
        match spans.last_mut() {
            Some(last) if span.start <= last.end => last.end = span.end,
            _ => spans.push(span),
        }
    }
    spans
}

/// Whether a product moves, grows or turns within a stretch.
fn moves(seen: &[&ProductSighting], people: &PeopleEvidence) -> bool {
    let Some(first) = seen.first() else { return false };
    let size = area(first).sqrt();
    let mut reach = [(f64::MAX, f64::MIN); 2];
    let mut sizes = (f64::MAX, f64::MIN);
    let mut turned = 0.0f64;
    for sighting in seen {
        let middle = [0, 1].map(|k| sighting.corners.iter().map(|c| c[k]).sum::<f64>() / 4.0);
        let host = host(people, sighting, first);
        for (axis, range) in reach.iter_mut().enumerate() {
            let at = middle[axis] - host[axis];
            *range = (range.0.min(at), range.1.max(at));
        }
        let size = area(sighting).sqrt();
        sizes = (sizes.0.min(size), sizes.1.max(size));
        let angle = (upright(sighting) - upright(first) + 540.0).rem_euclid(360.0) - 180.0;
        let tilted = match (sighting.angle_degrees, first.angle_degrees) {
            (Some(now), Some(then)) => (now - then).abs() - 5.0,
            _ => 0.0,
        };
        turned = turned.max(angle.abs()).max(tilted);
    }
    let path = reach.iter().map(|(low, high)| high - low).fold(0.0, f64::hypot);
    path >= MOVED_MIN * size || sizes.1 >= GROWN_MIN * sizes.0 || turned >= TURNED_MIN
}

/// How far the host's face has moved since `first`, pixels; nothing where no face is seen.
fn host(people: &PeopleEvidence, now: &ProductSighting, first: &ProductSighting) -> [f64; 2] {
    let face = |time: MediaTime| {
        let samples = people.samples();
        let next = samples.partition_point(|sample| sample.time <= time);
        let before = samples[..next].iter().rev().find_map(|s| Some((s.time, s.face?)))?;
        let after = samples[next..].iter().find_map(|s| Some((s.time, s.face?))).unwrap_or(before);
        let length = (after.0 - before.0).seconds();
        let part = if length > 0.0 { (time - before.0).seconds() / length } else { 0.0 };
        let middle = |f: [f64; 4]| [f[0] + f[2] / 2.0, f[1] + f[3] / 2.0];
        let (a, b) = (middle(before.1), middle(after.1));
        Some([0, 1].map(|k| a[k] + part.clamp(0.0, 1.0) * (b[k] - a[k])))
    };
    // Corners are in pixels, faces in parts: the product's own share of the picture gives both.
    let picture = now.picture_size;
    match (face(first.time), face(now.time)) {
        (Some(from), Some(to)) => [0, 1].map(|k| (to[k] - from[k]) * f64::from(picture[k])),
        _ => [0.0; 2],
    }
}

fn area(sighting: &ProductSighting) -> f64 {
    let corners = &sighting.corners;
    let next = corners.iter().cycle().skip(1);
    (corners.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0)
        .abs()
        .max(1.0)
}

/// Direction of its upper edge, degrees.
fn upright(sighting: &ProductSighting) -> f64 {
    let [a, b, ..] = sighting.corners;
    (b[1] - a[1]).atan2(b[0] - a[0]).to_degrees()
}
