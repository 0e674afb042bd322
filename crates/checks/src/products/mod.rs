//! Where the products of the session are in the picture: what collects it, and a search of stills.

mod align;
mod embedding;
mod evidence;
mod features;
mod find;
mod finder;
mod geometry;
mod judge;
mod likeness;
mod reference;
mod screen;
mod second;
mod track;
mod views;

use opencv::Result;
use opencv::core::Mat;
use reprise_media::view::PictureView;
use reprise_model::MediaTime;

pub use evidence::{FoundBy, ProductEvidence, ProductSighting, RunnerUp, SearchedProduct};

use crate::look_for::{GrayPicture, LookFor, ProductReference};
use align::{Agreement, Scene, inside};
use embedding::Embedder;
use find::Candidate;
use finder::{Claim, FindProducts, LocalFeatures};
use geometry::{Homography, area, clipped, facing_degrees};
use likeness::{Likeness, Whom};
use reference::Reference;
use second::FeaturesThenLikeness;
use track::{Place, STEP_S, Tracker};

/// Short side to which pictures of a stream are reduced for the search, pixels; whole steps.
const SEARCHED_SHORT: usize = 240;
/// Short side to which stills are reduced, pixels; whole steps.
const STILL_SHORT: usize = 360;

/// Products found in a still by local features, the best match first; times are zero.
///
/// # Errors
/// Where OpenCV fails.
pub fn find_products(
    products: &[ProductReference],
    picture: &GrayPicture,
) -> reprise_model::Result<Vec<ProductSighting>> {
    find_products_with(products, picture, &[])
}

/// The same with an embedding model as ONNX (see [`LookFor::product_model`]; may be empty) for products
/// of too few local features.
///
/// # Errors
/// Where the model does not fit, or OpenCV fails.
pub fn find_products_with(
    products: &[ProductReference],
    picture: &GrayPicture,
    model: &[u8],
) -> reprise_model::Result<Vec<ProductSighting>> {
    if !model.is_empty() {
        check_product_model(model)?;
    }
    find_in_still(products, picture, &mut |local, scene| {
        FeaturesThenLikeness::new(local, model).find(scene, &Mat::default())
    })
    .map_err(failed)
}

/// Products found in a still by an embedding model alone, whatever local features they have: to
/// measure what the model is worth. The first is the likeliest.
///
/// # Errors
/// Where the model does not fit, or OpenCV fails.
pub fn find_products_by_likeness(
    products: &[ProductReference],
    picture: &GrayPicture,
    model: &[u8],
) -> reprise_model::Result<Vec<ProductSighting>> {
    check_product_model(model)?;
    find_in_still(products, picture, &mut |local, scene| {
        let references = local.references();
        match Likeness::new(references, model, Whom::All)? {
            Some(mut likeness) => likeness.find(references, scene, &Mat::default(), &[]),
            None => Ok(Vec::new()),
        }
    })
    .map_err(failed)
}

/// Tries an embedding model as ONNX (see [`LookFor::product_model`]).
///
/// # Errors
/// `Malformed` where it is no network that OpenCV reads, does not take three planes of 224 by 224
/// pixels, or does not answer one vector.
pub fn check_product_model(model: &[u8]) -> reprise_model::Result<()> {
    let tried = opencv::core::set_num_threads(1).and_then(|()| Embedder::new(model));
    tried.map(|_| ()).map_err(|error| {
        reprise_model::Error::new(
            reprise_model::Kind::Malformed,
            format!(
                "is no embedding model that can be used (an ONNX with one input of 3 x 224 x 224 and one vector as output): {}",
                error.message.trim()
            ),
        )
    })
}

fn failed(error: opencv::Error) -> reprise_model::Error {
    reprise_model::Error::new(
        reprise_model::Kind::Bug,
        format!("the search for products failed: {}", error.message),
    )
}

/// Finds in a still.
type Finding<'a> =
    dyn FnMut(&mut LocalFeatures, &Scene<'_>) -> Result<Vec<(Candidate, Claim)>> + 'a;

fn find_in_still(
    products: &[ProductReference],
    picture: &GrayPicture,
    find: &mut Finding<'_>,
) -> Result<Vec<ProductSighting>> {
    opencv::core::set_num_threads(1)?;
    let (width, height) = (picture.width, picture.height);
    let step = (width.min(height) / STILL_SHORT).max(1);
    let Some(scene) = Scene::new(&picture.pixels, width, width, height, step)? else {
        return Ok(Vec::new());
    };
    let mut finder = LocalFeatures::new(products, 1500)?;
    let found = find(&mut finder, &scene)?;
    let references = &finder.references().all;
    let names: Vec<String> = products.iter().map(|product| product.id.clone()).collect();
    Ok(found
        .iter()
        .map(|(candidate, claim)| {
            let place = Place {
                time: MediaTime::ZERO,
                homography: candidate.homography,
                agreement: candidate.agreement,
            };
            sighting(&names, &references[candidate.reference], claim, &place, scene.size)
        })
        .collect())
}

/// Collects it.
pub(crate) struct ProductCollector {
    names: Vec<String>,
    /// Gone where there is nothing to look for or the search failed.
    tracker: Option<Tracker>,
    last: Option<MediaTime>,
    size: [f64; 2],
}

impl std::fmt::Debug for ProductCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProductCollector").field("searching", &self.tracker.is_some()).finish()
    }
}

impl ProductCollector {
    pub(crate) fn new(look_for: &LookFor) -> Self {
        let products: Vec<ProductReference> =
            look_for.products.iter().filter(|p| !p.pictures.is_empty()).cloned().collect();
        let tracker = if products.is_empty() {
            None
        } else {
            tracker(&products, &look_for.product_model).ok()
        };
        let names = products.into_iter().map(|product| product.id).collect();
        Self { names, tracker, last: None, size: [0.0; 2] }
    }

    pub(crate) fn picture(&mut self, picture: &PictureView<'_>) {
        let Some(tracker) = &mut self.tracker else { return };
        // Half a picture early is the nearest one.
        let early = picture.duration.seconds() / 2.0;
        if self.last.is_some_and(|last| (picture.time - last).seconds() < STEP_S - early) {
            return;
        }
        self.last = Some(picture.time);
        self.size = [picture.width as f64, picture.height as f64];
        let step = (picture.width.min(picture.height) / SEARCHED_SHORT).max(1);
        let looked =
            Scene::new(picture.luma, picture.luma_stride, picture.width, picture.height, step)
                .and_then(|scene| scene.map_or(Ok(()), |scene| tracker.look(picture.time, &scene)));
        if looked.is_err() {
            self.tracker = None;
        }
    }

    pub(crate) fn finish(self) -> ProductEvidence {
        let Some(tracker) = self.tracker else { return ProductEvidence::default() };
        let (finder, tracks) = tracker.finish();
        let all = &finder.references().all;
        let products = self
            .names
            .iter()
            .enumerate()
            .map(|(index, name)| SearchedProduct {
                id: name.clone(),
                features: all
                    .iter()
                    .filter(|reference| reference.product == index)
                    .map(|reference| reference.upright)
                    .max()
                    .unwrap_or(0),
            })
            .collect();
        let sightings = tracks
            .iter()
            // What few features claim and the next pictures do not confirm was nothing.
            .filter(|track| track.places.len() >= 3 || track.claim.matches >= 15)
            .flat_map(|track| {
                let reference = &all[track.claim.reference];
                track
                    .places
                    .iter()
                    .map(|place| sighting(&self.names, reference, &track.claim, place, self.size))
            })
            .collect();
        ProductEvidence::new(products, sightings)
    }
}

fn tracker(products: &[ProductReference], model: &[u8]) -> Result<Tracker> {
    opencv::core::set_num_threads(1)?;
    let local = LocalFeatures::new(products, 700)?;
    Ok(Tracker::new(Box::new(FeaturesThenLikeness::new(local, model))))
}

fn sighting(
    names: &[String],
    reference: &Reference,
    claim: &Claim,
    place: &Place,
    size: [f64; 2],
) -> ProductSighting {
    let Place { time, homography, agreement: Agreement { visible, .. } } = place;
    let similar = claim.similar.as_ref();
    let hundredth = |value: f64| (value * 100.0).round() / 100.0;
    let content = homography.quad(reference.content);
    let seen = area(&clipped(&content, size[0], size[1]));
    // A hundredth of the product's size: as exact as its outline is.
    // A network's place never lies outside: what touches the edge may be cut off.
    let exact = if similar.is_some() { 0.02 } else { -0.01 };
    let margin = exact * area(&content).abs().sqrt();
    let name = |product: usize| names[product].clone();
    ProductSighting {
        time: *time,
        product: name(claim.product),
        undecided: claim.undecided().map(name),
        corners: outline(homography, reference),
        picture_size: size.map(|side| side as u32),
        whole: content.iter().all(|corner| inside(*corner, size, margin)),
        angle_degrees: similar.is_none().then(|| facing_degrees(homography, reference.middle())),
        visible_share: *visible,
        picture_share: seen / (size[0] * size[1]).max(1.0),
        found_by: if similar.is_some() { FoundBy::Likeness } else { FoundBy::Features },
        score: similar.map_or(claim.matches as f64, |it| hundredth(it.sum / it.looks.max(1.0))),
        runner_up: match similar {
            Some(similar) => similar.runner_up.map(|(product, alike)| (product, hundredth(alike))),
            None => claim.runner_up.map(|(product, matches)| (product, matches as f64)),
        }
        .map(|(product, score)| RunnerUp { product: name(product), score }),
    }
}

/// Corners of the whole reference picture, to a tenth of a pixel.
fn outline(homography: &Homography, reference: &Reference) -> [[f64; 2]; 4] {
    homography
        .quad(reference.whole())
        .map(|corner| corner.map(|value| (value * 10.0).round() / 10.0))
}
