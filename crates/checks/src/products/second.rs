//! Local features first, and where products have too few of them a network second.

use std::borrow::BorrowMut;

use opencv::Result;
use opencv::core::Mat;

use super::align::{Agreement, Scene};
use super::find::{Candidate, References};
use super::finder::{Claim, FindProducts, LocalFeatures};
use super::geometry::Homography;
use super::likeness::{Likeness, Whom};

/// Asks local features; then, for products that have too few, a network about the places they left.
pub(super) struct FeaturesThenLikeness<Local> {
    local: Local,
    /// Gone where no product needs it, or where it failed: then such products stay unrecognised.
    likeness: Option<Likeness>,
}

impl<Local: BorrowMut<LocalFeatures>> FeaturesThenLikeness<Local> {
    /// With an embedding model as ONNX (may be empty); without one that fits, local features alone.
    pub(super) fn new(local: Local, model: &[u8]) -> Self {
        let likeness = match model {
            [] => None,
            model => Likeness::new(local.borrow().references(), model, Whom::Poor).unwrap_or(None),
        };
        Self { local, likeness }
    }
}

impl<Local: BorrowMut<LocalFeatures> + Send> FindProducts for FeaturesThenLikeness<Local> {
    fn find(&mut self, scene: &Scene<'_>, mask: &Mat) -> Result<Vec<(Candidate, Claim)>> {
        let mut found = self.local.borrow_mut().find(scene, mask)?;
        let Some(likeness) = &mut self.likeness else { return Ok(found) };
        let references = self.local.borrow().references();
        let taken: Vec<_> = found
            .iter()
            .map(|(one, _)| one.homography.quad(references.all[one.reference].content))
            .collect();
        match likeness.find(references, scene, mask, &taken) {
            Ok(more) => found.extend(more),
            Err(_) => self.likeness = None,
        }
        Ok(found)
    }

    fn vote(&self, claim: &mut Claim, scene: &Scene<'_>, homography: &Homography) -> Result<()> {
        self.local.borrow().vote(claim, scene, homography)
    }

    fn again(
        &mut self,
        claim: &mut Claim,
        scene: &Scene<'_>,
        start: &Homography,
    ) -> Result<Option<(Homography, Agreement)>> {
        let Some(likeness) = &mut self.likeness else { return Ok(None) };
        let found = likeness.again(self.local.borrow().references(), claim, scene, start);
        if found.is_err() {
            self.likeness = None;
        }
        Ok(found.unwrap_or(None))
    }

    fn may_overlook(&self) -> bool {
        self.likeness.is_some()
    }

    fn references(&self) -> &References {
        self.local.borrow().references()
    }
}
