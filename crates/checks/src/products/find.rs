//! References found in one picture: matched by features, held against geometry and against pixels.

use opencv::Result;

use super::align::{Agreement, Scene, agreement, aligned};
use super::features::{Detector, Features, LENGTH, Nearest};
use super::geometry::{
    Homography, Pair, Quad, agree, area, clipped, contains, facing_degrees, is_convex, middle, off,
    refine,
};
use super::judge::Pairing;
use super::reference::Reference;
use crate::look_for::ProductReference;

/// Neighbours asked for a feature: its own product's, its sisters', and one that is neither.
const NEIGHBOURS: usize = 10;
/// Lowe 2004: a match is kept where the next best is so much farther.
const RATIO: f32 = 0.8;
/// Fewest matches that agree on a homography. Lowe 2004 holds three enough for a pose of few
/// unknowns; a homography has eight.
const MATCHES_MIN: usize = 7;

/// All references, ready to be searched for.
pub(super) struct References {
    pub(super) all: Vec<Reference>,
    /// Per row of the index: which reference, which of its features.
    rows: Vec<(usize, usize)>,
    nearest: Option<Nearest>,
    /// Those that share artwork.
    pub(super) sisters: Vec<Sister>,
}

/// Two references of different products that share artwork.
pub(super) struct Sister {
    pub(super) a: usize,
    pub(super) b: usize,
    /// Where the two differ.
    pub(super) pairing: Pairing,
}

/// A reference found in a picture.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Index of the reference.
    pub(super) reference: usize,
    /// From the reference to the picture.
    pub(super) homography: Homography,
    /// Matched features that agree.
    pub(super) matches: usize,
    /// Pixels that agree.
    pub(super) agreement: Agreement,
}

impl References {
    pub(super) fn new(products: &[ProductReference]) -> Result<Self> {
        let mut detector = Detector::new(500)?;
        let mut all = Vec::new();
        for (index, product) in products.iter().enumerate() {
            for picture in &product.pictures {
                all.extend(Reference::new(index, picture, &mut detector)?);
            }
        }
        let mut rows = Vec::new();
        let mut descriptors = Vec::new();
        for (index, reference) in all.iter().enumerate() {
            rows.extend((0..reference.features.points.len()).map(|feature| (index, feature)));
            descriptors.extend_from_slice(&reference.features.descriptors);
        }
        let nearest = Nearest::of(&descriptors)?;
        let mut made = Self { all, rows, nearest, sisters: Vec::new() };
        made.sisters = made.find_sisters()?;
        Ok(made)
    }

    /// Matches of a picture's features with each reference: from the reference to the picture.
    /// A reference's match is kept where the next best place, on itself or on a product that is
    /// not its sister, is much less alike; sisters may share it.
    fn matches(&mut self, features: &Features) -> Result<Vec<Vec<Pair>>> {
        let mut pairs = vec![Vec::new(); self.all.len()];
        let Some(nearest) = &mut self.nearest else { return Ok(pairs) };
        for (point, neighbours) in
            features.points.iter().zip(nearest.query(&features.descriptors, NEIGHBOURS)?)
        {
            let Some(&(_, farthest)) = neighbours.last() else { continue };
            let mut seen: Vec<usize> = Vec::new();
            for (rank, &(row, distance)) in neighbours.iter().enumerate() {
                let (index, feature) = self.rows[row];
                if seen.contains(&index) {
                    continue;
                }
                seen.push(index);
                let place = self.all[index].features.points[feature];
                let rival = neighbours[rank + 1..]
                    .iter()
                    .find(|(row, _)| {
                        let (other, feature) = self.rows[*row];
                        self.rivals(index, place, other, feature)
                    })
                    .map_or(farthest, |(_, distance)| *distance);
                if distance < RATIO * rival {
                    pairs[index].push((place, *point));
                }
            }
        }
        Ok(pairs)
    }

    /// Whether a feature of `other` speaks against a match at `place` of `index`.
    fn rivals(&self, index: usize, place: [f64; 2], other: usize, feature: usize) -> bool {
        if other == index {
            let at = self.all[other].features.points[feature];
            let size = self.all[index].size;
            return (at[0] - place[0]).hypot(at[1] - place[1]) > 0.06 * size[0].max(size[1]);
        }
        self.all[other].product != self.all[index].product && !self.are_sisters(index, other)
    }

    fn are_sisters(&self, one: usize, other: usize) -> bool {
        self.sisters.iter().any(|sister| {
            (sister.a, sister.b) == (one, other) || (sister.a, sister.b) == (other, one)
        })
    }

    /// Pairs of references whose artwork can be laid over each other.
    fn find_sisters(&mut self) -> Result<Vec<Sister>> {
        let mut ways: Vec<(usize, usize, Homography)> = Vec::new();
        let mut trees = Vec::new();
        for reference in &self.all {
            let count = reference.upright * LENGTH;
            trees.push(Nearest::of(&reference.features.descriptors[..count])?);
        }
        for b in 0..self.all.len() {
            let upright = self.all[b].upright;
            let features = Features {
                points: self.all[b].features.points[..upright].to_vec(),
                descriptors: self.all[b].features.descriptors[..upright * LENGTH].to_vec(),
            };
            for (a, tree) in trees.iter_mut().enumerate() {
                let Some(tree) = tree else { continue };
                if self.all[a].product == self.all[b].product {
                    continue;
                }
                let pairs: Vec<Pair> = self
                    .nearest_of(a, tree, &features)?
                    .into_iter()
                    .map(|(to, from)| (from, to))
                    .collect();
                let Some((found, inliers)) = agree(&pairs, 3.0)? else { continue };
                let good: Vec<Pair> = kept(&pairs, &inliers);
                let size = self.all[a].size;
                if good.len() < 10 || !plausible(&self.all[b], &found, size) {
                    continue;
                }
                let to_a = refine(&found, &good, 0.7, size[0].max(size[1]));
                ways.push((a, b, to_a));
            }
        }
        for index in 0..ways.len() {
            let (a, b, way) = ways[index];
            if !ways.iter().any(|other| (other.0, other.1) == (b, a)) {
                ways.extend(way.inverse().map(|back| (b, a, back)));
            }
        }
        let mut sisters = Vec::new();
        for (a, b, to_a) in ways {
            if let Some(pairing) = Pairing::new(&self.all[a], &self.all[b], &to_a)? {
                sisters.push(Sister { a, b, pairing });
            }
        }
        Ok(sisters)
    }

    /// Matches of features with one reference by the ratio test on itself.
    fn nearest_of(
        &self,
        index: usize,
        nearest: &mut Nearest,
        features: &Features,
    ) -> Result<Vec<Pair>> {
        let reference = &self.all[index];
        let mut pairs = Vec::new();
        for (point, neighbours) in
            features.points.iter().zip(nearest.query(&features.descriptors, 2)?)
        {
            if let [(first, near), (_, far)] = neighbours[..]
                && near < RATIO * far
            {
                pairs.push((reference.features.points[first], *point));
            }
        }
        Ok(pairs)
    }

    /// References found in a picture; several may claim one place.
    pub(super) fn candidates(
        &mut self,
        scene: &Scene<'_>,
        features: &Features,
    ) -> Result<Vec<Candidate>> {
        let Some(to_full) = scene.to_small.inverse() else { return Ok(Vec::new()) };
        let scale = to_full.0[0];
        let focal = scene.size[0].max(scene.size[1]);
        let mut found = Vec::new();
        for (index, pairs) in self.matches(features)?.into_iter().enumerate() {
            if pairs.len() < MATCHES_MIN {
                continue;
            }
            let reference = &self.all[index];
            let within = 3.0 * scale;
            let Some((start, inliers)) = agree(&pairs, within)? else { continue };
            let good = kept(&pairs, &inliers);
            if good.len() < MATCHES_MIN {
                continue;
            }
            let start = refine(&start, &good, scale, focal);
            let matches = pairs.iter().filter(|pair| off(&start, pair) <= within).count();
            if matches < MATCHES_MIN || !plausible(reference, &start, scene.size) {
                continue;
            }
            let homography = match aligned(reference, scene, &start, 2)? {
                Some(fit) if plausible(reference, &fit.homography, scene.size) => fit.homography,
                _ => start,
            };
            let agreement = agreement(reference, scene, &homography)?;
            let candidate = Candidate { reference: index, homography, matches, agreement };
            if candidate.holds() {
                found.push(candidate);
            }
        }
        Ok(found)
    }
}

impl Candidate {
    /// Whether the pixels confirm what few features say.
    fn holds(&self) -> bool {
        let correlation = if self.matches >= 10 { 0.35 } else { 0.42 };
        self.agreement.correlation >= correlation && self.agreement.alike >= 0.4
    }

    /// For ranking.
    pub(super) fn weight(&self) -> f64 {
        self.matches as f64 * self.agreement.correlation
    }
}

/// The pairs that are marked.
fn kept(pairs: &[Pair], marks: &[bool]) -> Vec<Pair> {
    pairs.iter().zip(marks).filter(|(_, mark)| **mark).map(|(pair, _)| *pair).collect()
}

/// Whether a flat thing before a camera can look so: not folded, not mirrored, not seen from the
/// edge, neither tiny nor far larger than the picture, and partly inside.
pub(super) fn plausible(reference: &Reference, homography: &Homography, size: [f64; 2]) -> bool {
    if !homography.before_camera(reference.content) {
        return false;
    }
    let quad = homography.quad(reference.content);
    let whole = area(&quad);
    let picture = size[0] * size[1];
    if !is_convex(&quad) || whole < 0.001 * picture || whole > 4.0 * picture {
        return false;
    }
    let seen = area(&clipped(&quad, size[0], size[1]));
    seen >= 0.2 * whole && facing_degrees(homography, reference.middle()) <= 75.0
}

/// Whether two quads lie over each other: the middle of the one in the other.
pub(super) fn overlap(one: &Quad, other: &Quad) -> bool {
    contains(one, middle(other)) || contains(other, middle(one))
}
