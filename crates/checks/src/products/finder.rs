//! Who is where in a picture: candidates, the contest between them, and what is left undecided.

use opencv::Result;
use opencv::core::Mat;

use super::align::{Agreement, Scene};
use super::features::{Detector, Features};
use super::find::{Candidate, References, overlap};
use super::geometry::Homography;
use crate::look_for::ProductReference;

/// Which product is claimed to be in a place, and against whom.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// Index of the reference.
    pub(super) reference: usize,
    /// Index of the product.
    pub(super) product: usize,
    /// Matched features.
    pub(super) matches: usize,
    /// The next likely product in the place and its matched features.
    pub(super) runner_up: Option<(usize, usize)>,
    /// How alike it is, where an embedding found it.
    pub(super) similar: Option<Similar>,
    rivals: Vec<Rival>,
}

/// How alike a place and a product are by a network.
#[derive(Clone, Debug)]
pub(super) struct Similar {
    /// Similarity when its place was last bettered.
    pub(super) best: f64,
    /// Of all looks.
    pub(super) sum: f64,
    pub(super) looks: f64,
    /// The products next alike when it was found: for each how much nearer this is, -1 to 1.
    pub(super) sides: Vec<(usize, f64)>,
    /// What of that decides.
    pub(super) margin: f64,
    /// The next likely product when it was found and its similarity.
    pub(super) runner_up: Option<(usize, f64)>,
}

impl Similar {
    /// The product that it is least told from, and how much nearer this is.
    fn closest(&self) -> Option<(usize, f64)> {
        self.sides.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// A product that shares artwork with the one claimed.
#[derive(Clone, Debug)]
struct Rival {
    /// Index of the pairing.
    sister: usize,
    product: usize,
    matches: usize,
    /// Sums over the votes.
    side: f64,
    error: f64,
    votes: f64,
    /// Whether it was laid over the place by its own features too: then its alignment has as much
    /// say, and the vote leans to neither.
    both: bool,
}

impl Rival {
    fn side(&self) -> f64 {
        self.side / self.votes.max(1.0)
    }

    /// Several standard errors from nothing. Votes of one track are not independent: their errors
    /// do not shrink.
    fn clear(&self, least: f64) -> bool {
        self.side().abs() >= least && self.side().abs() * self.votes >= 2.5 * self.error
    }

    /// Whether the claim stands against this rival. Aligning to a reference makes the picture look
    /// a little more like it: up to 0.15 was measured for the wrong one of two sisters.
    fn beaten(&self, matches: usize) -> bool {
        let least = if self.both { 0.12 } else { 0.25 };
        (self.side() > 0.0 && self.clear(least))
            || (self.side() > 0.05 && matches >= 2 * self.matches && matches >= self.matches + 8)
    }
}

impl Claim {
    /// What a network says is there.
    pub(super) fn by_likeness(reference: usize, product: usize, similar: Similar) -> Self {
        let similar = Some(similar);
        Self { reference, product, matches: 0, runner_up: None, similar, rivals: Vec::new() }
    }

    /// A product that this cannot be told from.
    pub(super) fn undecided(&self) -> Option<usize> {
        if let Some(similar) = &self.similar {
            let close = similar.closest().filter(|(_, side)| *side < similar.margin);
            return close.map(|(product, _)| product);
        }
        self.rivals
            .iter()
            .filter(|rival| !rival.beaten(self.matches))
            .min_by(|a, b| a.side().total_cmp(&b.side()))
            .map(|rival| rival.product)
    }

    /// Whether a rival is seen rather than this.
    pub(super) fn overturned(&self) -> bool {
        self.rivals.iter().any(|rival| rival.side() < 0.0 && rival.clear(0.25))
    }
}

/// Finds references in pictures. What finds is behind this: local features, or these and after them
/// a network.
pub(super) trait FindProducts: Send {
    /// Products in a picture, each in its place, where `mask` (may be empty) is not zero.
    fn find(&mut self, scene: &Scene<'_>, mask: &Mat) -> Result<Vec<(Candidate, Claim)>>;

    /// One more look at which of several alike products is seen where the claim's reference lies
    /// at `homography`.
    fn vote(&self, claim: &mut Claim, scene: &Scene<'_>, homography: &Homography) -> Result<()>;

    /// Where a product that no local features follow lies in another picture, near `start`; `None`
    /// where it is gone.
    fn again(
        &mut self,
        _: &mut Claim,
        _: &Scene<'_>,
        _: &Homography,
    ) -> Result<Option<(Homography, Agreement)>> {
        Ok(None)
    }

    /// Whether a product that is in view may be overlooked in one picture and found in the next one
    /// searched.
    fn may_overlook(&self) -> bool {
        false
    }

    /// What is searched for.
    fn references(&self) -> &References;
}

/// Finds by local features and geometry: the built-in default.
pub(super) struct LocalFeatures {
    references: References,
    detector: Detector,
}

impl LocalFeatures {
    /// `most` features of a picture are looked at.
    pub(super) fn new(products: &[ProductReference], most: i32) -> Result<Self> {
        Ok(Self { references: References::new(products)?, detector: Detector::new(most)? })
    }

    /// Features of the reduced picture, in the coordinates of the picture.
    fn features(&mut self, scene: &Scene<'_>, mask: &Mat) -> Result<Features> {
        let mut features = self.detector.features(&scene.small, mask)?;
        if let Some(to_full) = scene.to_small.inverse() {
            for point in &mut features.points {
                *point = to_full.map(*point);
            }
        }
        Ok(features)
    }

    fn claim(
        &self,
        candidate: &Candidate,
        others: &[Candidate],
        scene: &Scene<'_>,
    ) -> Result<Claim> {
        let all = &self.references.all;
        let product = all[candidate.reference].product;
        let quad = candidate.homography.quad(all[candidate.reference].content);
        let mut claim = Claim {
            reference: candidate.reference,
            product,
            matches: candidate.matches,
            runner_up: None,
            similar: None,
            rivals: Vec::new(),
        };
        let here: Vec<&Candidate> = others
            .iter()
            .filter(|other| all[other.reference].product != product)
            .filter(|other| overlap(&quad, &other.homography.quad(all[other.reference].content)))
            .collect();
        claim.runner_up = here
            .iter()
            .max_by_key(|other| other.matches)
            .map(|other| (all[other.reference].product, other.matches));
        for (index, sister) in self.references.sisters.iter().enumerate() {
            if sister.a != candidate.reference {
                continue;
            }
            let own = here.iter().find(|other| other.reference == sister.b);
            claim.rivals.push(Rival {
                sister: index,
                product: all[sister.b].product,
                matches: own.map_or(0, |own| own.matches),
                side: 0.0,
                error: 0.0,
                votes: 0.0,
                both: own.is_some(),
            });
            if claim.runner_up.is_none() {
                claim.runner_up = Some((all[sister.b].product, 0));
            }
        }
        self.vote(&mut claim, scene, &candidate.homography)?;
        // The other side's view of the same contest.
        for rival in &mut claim.rivals {
            let sister = &self.references.sisters[rival.sister];
            let own = here.iter().find(|other| other.reference == sister.b);
            let back = self.references.sisters.iter().find(|s| s.a == sister.b && s.b == sister.a);
            if let (Some(own), Some(back)) = (own, back) {
                let vote = back.pairing.vote(&all[back.a], scene, &own.homography)?;
                rival.side -= vote.side;
                rival.error += vote.error;
                rival.votes += 1.0;
            }
        }
        Ok(claim)
    }
}

impl FindProducts for LocalFeatures {
    fn find(&mut self, scene: &Scene<'_>, mask: &Mat) -> Result<Vec<(Candidate, Claim)>> {
        let features = self.features(scene, mask)?;
        let mut left = self.references.candidates(scene, &features)?;
        left.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        let all = &self.references.all;
        let mut found = Vec::new();
        while !left.is_empty() {
            let mut best = left.remove(0);
            let mut claim = self.claim(&best, &left, scene)?;
            if claim.overturned() {
                // A sister has fewer matches and yet the pixels are hers.
                for index in 0..left.len() {
                    let mut others = left.clone();
                    let other = others.remove(index);
                    others.push(best.clone());
                    let against = self.claim(&other, &others, scene)?;
                    if against.rivals.iter().any(|rival| rival.product == claim.product)
                        && !against.overturned()
                    {
                        (best, claim) = (other, against);
                        break;
                    }
                }
            }
            let quad = best.homography.quad(all[best.reference].content);
            left.retain(|other| {
                !overlap(&quad, &other.homography.quad(all[other.reference].content))
            });
            found.push((best, claim));
        }
        Ok(found)
    }

    fn vote(&self, claim: &mut Claim, scene: &Scene<'_>, homography: &Homography) -> Result<()> {
        for rival in &mut claim.rivals {
            let sister = &self.references.sisters[rival.sister];
            let first = &self.references.all[sister.a];
            let vote = sister.pairing.vote(first, scene, homography)?;
            rival.side += vote.side;
            rival.error += vote.error;
            rival.votes += 1.0;
        }
        Ok(())
    }

    fn references(&self) -> &References {
        &self.references
    }
}
