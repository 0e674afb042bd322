//! Sightings of products and what can be asked of them.

use std::collections::BTreeMap;

use reprise_model::{MediaDuration, MediaTime, Span};
use serde::{Deserialize, Serialize};

/// Between sightings of a product so far apart it counts as out of view, seconds: pictures that
/// motion blurs are bridged.
const BRIDGED_S: f64 = 1.5;
/// Time between sightings of a tracked product, seconds.
pub(super) const STEP_S: f64 = 0.2;
/// Local features of a picture below which not finding it says nothing.
pub(super) const FEATURES_MIN: usize = 40;

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductEvidence {
    /// Whether there was anything to look for, and it could be looked for.
    pub searched: bool,
    /// What was looked for.
    pub products: Vec<SearchedProduct>,
    sightings: Vec<ProductSighting>,
}

/// A product that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchedProduct {
    /// As the session names it.
    pub id: String,
    /// Local features of its pictures; with few it may be shown and not be recognised.
    pub features: usize,
}

/// A product in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductSighting {
    /// Of the picture.
    pub time: MediaTime,
    /// The product, or the likelier one where there is an `undecided`.
    pub product: String,
    /// Another that it cannot be told from here: they share most of the artwork.
    pub undecided: Option<String>,
    /// Where the corners of its reference picture are, clockwise from that picture's top left,
    /// pixels; may lie outside.
    pub corners: [[f64; 2]; 4],
    /// Size of the picture, pixels.
    pub picture_size: [u32; 2],
    /// Whether the product's outline lies inside the picture.
    pub whole: bool,
    /// Between its face and the camera, degrees: 0 from the front. From foreshortening against the
    /// reference (affine tilt, Morel and Yu 2009), so it needs no focal length; 5 degrees off near
    /// the front and less beyond. `None` where it was found by likeness: that tells no angle.
    pub angle_degrees: Option<f64>,
    /// Of the reference's textured area, 0 to 1: neither outside the picture nor hidden. 1 where it
    /// was found by likeness, which does not tell what hides a part of it.
    pub visible_share: f64,
    /// Of the picture that it takes, 0 to 1.
    pub picture_share: f64,
    /// How it was recognised.
    #[serde(default)]
    pub found_by: FoundBy,
    /// Features matched when it was last searched for; where it was found by likeness, the mean
    /// similarity (cosine, -1 to 1).
    pub score: f64,
    /// The next likely product in that place.
    pub runner_up: Option<RunnerUp>,
}

/// How a product was recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// By local features that lie as in its picture.
    #[default]
    Features,
    /// By an embedding model, as an upright place: its corners are those of a rectangle.
    Likeness,
}

/// A product that was held against what is seen and found less alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerUp {
    /// As the session names it.
    pub product: String,
    /// Features matched in the same place, or the similarity there.
    pub score: f64,
}

impl ProductEvidence {
    pub(super) fn new(products: Vec<SearchedProduct>, mut sightings: Vec<ProductSighting>) -> Self {
        sightings.sort_by_key(|sighting| sighting.time);
        Self { searched: true, products, sightings }
    }

    /// All, in order of time: about five a second while a product is in view, less where it stands
    /// still.
    pub fn sightings(&self) -> &[ProductSighting] {
        &self.sightings
    }

    /// Those of one product, also where it is undecided between it and another.
    pub fn sightings_of<'a>(
        &'a self,
        product: &'a str,
    ) -> impl Iterator<Item = &'a ProductSighting> {
        self.sightings.iter().filter(move |sighting| sighting.may_be(product))
    }

    /// When a product is in view, whole or not.
    pub fn spans_of(&self, product: &str) -> Vec<Span> {
        spans(self.sightings_of(product))
    }

    /// Products in view within `span` and for how many seconds, the one shown longest first; where
    /// two are shown equally long, the larger.
    pub fn shown(&self, span: Span) -> Vec<(&str, f64)> {
        let mut times: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for product in self.products.iter().map(|product| product.id.as_str()) {
            let seen: Vec<_> = self
                .sightings
                .iter()
                .filter(|s| s.product == product && span.contains(s.time))
                .collect();
            if seen.is_empty() {
                continue;
            }
            let area = seen.iter().map(|s| s.picture_share).sum::<f64>() / seen.len() as f64;
            let time: f64 = spans(seen.into_iter())
                .iter()
                .map(|s| s.end.min(span.end) - s.start)
                .map(|d| d.seconds())
                .sum();
            times.insert(product, (time, area));
        }
        let mut shown: Vec<_> = times.into_iter().collect();
        // A tenth of a second more is no reason; then the larger one leads.
        shown.sort_by(|(_, a), (_, b)| {
            ((b.0 * 2.0).round() * 10.0 + b.1).total_cmp(&((a.0 * 2.0).round() * 10.0 + a.1))
        });
        shown.into_iter().map(|(product, (time, _))| (product, time)).collect()
    }

    /// The product shown longest within `span`, the larger where two are shown equally long.
    pub fn main_product(&self, span: Span) -> Option<&str> {
        self.shown(span).first().map(|shown| shown.0)
    }

    /// When a product is first in view within `span`, whole or not.
    pub fn first_seen(&self, product: &str, span: Span) -> Option<MediaTime> {
        self.sightings_of(product).map(|s| s.time).find(|time| span.contains(*time))
    }

    /// When a product is first inside the picture within `span` with at least `visible_min` of it
    /// (0 to 1) not hidden.
    pub fn first_whole(&self, product: &str, span: Span, visible_min: f64) -> Option<MediaTime> {
        self.sightings_of(product)
            .filter(|s| span.contains(s.time))
            .find(|s| s.whole && s.visible_share >= visible_min)
            .map(|s| s.time)
    }

    /// Whether not finding a product says that it is not there: its pictures hold enough to be
    /// recognised by.
    pub fn would_be_found(&self, product: &str) -> bool {
        self.searched && self.products.iter().any(|p| p.id == product && p.features >= FEATURES_MIN)
    }

    /// The part inside `span`.
    pub(crate) fn within(&self, span: Span) -> Self {
        Self {
            searched: self.searched,
            products: self.products.clone(),
            sightings: self.sightings.iter().filter(|s| span.contains(s.time)).cloned().collect(),
        }
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(mut self, by: MediaDuration) -> Self {
        for sighting in &mut self.sightings {
            sighting.time = sighting.time + by;
        }
        self
    }
}

impl ProductSighting {
    /// Whether it is this product, or cannot be told from it.
    pub fn may_be(&self, product: &str) -> bool {
        self.product == product || self.undecided.as_deref() == Some(product)
    }
}

/// Stretches of sightings that follow each other closely.
fn spans<'a>(sightings: impl Iterator<Item = &'a ProductSighting>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let step = MediaDuration::from_seconds(STEP_S);
    for sighting in sightings {
        let end = sighting.time + step;
        match spans.last_mut() {
            Some(last) if (sighting.time - last.end).seconds() <= BRIDGED_S => last.end = end,
            _ => spans.push(Span::new(sighting.time, end)),
        }
    }
    spans
}
