//! Local features of a gray picture and the nearest ones of all references.

use opencv::core::{
    KeyPoint, KeyPointTraitConst, Mat, MatTraitConst, MatTraitConstManual, Ptr, Vector,
    set_rng_seed,
};
use opencv::features2d::{Feature2DTrait, SIFT};
use opencv::flann::{self, IndexTrait};
use opencv::{Error, Result};

/// Numbers in a descriptor.
pub(super) const LENGTH: usize = 128;

/// Points of a picture and what surrounds each: RootSIFT (Lowe 2004; Arandjelovic and Zisserman
/// 2012), [`LENGTH`] numbers a point.
#[derive(Clone, Debug, Default)]
pub(super) struct Features {
    pub(super) points: Vec<[f64; 2]>,
    pub(super) descriptors: Vec<f32>,
}

/// Finds features.
pub(super) struct Detector(Ptr<SIFT>);

impl Detector {
    /// One that keeps at most `most` features, the strongest. A contrast threshold below Lowe's
    /// keeps soft print that video coding has smoothed.
    pub(super) fn new(most: i32) -> Result<Self> {
        SIFT::create(most, 3, 0.025, 10.0, 1.6).map(Self)
    }

    /// The features of a picture, where `mask` (may be empty) is not zero.
    pub(super) fn features(&mut self, picture: &Mat, mask: &Mat) -> Result<Features> {
        let mut points = Vector::<KeyPoint>::new();
        let mut found = Mat::default();
        self.0.detect_and_compute(picture, mask, &mut points, &mut found, false)?;
        let points: Vec<[f64; 2]> =
            points.iter().map(|point| [f64::from(point.pt().x), f64::from(point.pt().y)]).collect();
        let mut descriptors =
            if points.is_empty() { Vec::new() } else { found.data_typed::<f32>()?.to_vec() };
        for descriptor in descriptors.chunks_exact_mut(LENGTH) {
            let sum: f32 = descriptor.iter().sum();
            for value in descriptor {
                *value = (*value / sum.max(1e-6)).sqrt();
            }
        }
        Ok(Features { points, descriptors })
    }
}

/// Finds the nearest of many descriptors.
pub(super) struct Nearest {
    /// The index looks into these.
    _descriptors: Mat,
    index: flann::Index,
    count: usize,
}

impl Nearest {
    /// Of `descriptors`, [`LENGTH`] numbers each; `None` where there are too few to choose from.
    pub(super) fn of(descriptors: &[f32]) -> Result<Option<Self>> {
        let count = descriptors.len() / LENGTH;
        if count < 2 {
            return Ok(None);
        }
        let rows = i32::try_from(count).map_err(|_| Error::new(-1, "too many descriptors"))?;
        let descriptors = Mat::from_slice(descriptors)?.reshape(1, rows)?.try_clone()?;
        // The trees are drawn at random, from a sequence that goes on from window to window: begun anew,
        // the same pictures give the same result whatever was looked at before.
        set_rng_seed(1)?;
        // Four trees as Muja and Lowe 2009 suggest for descriptors.
        let index = flann::Index::new_def(&descriptors, &flann::KDTreeIndexParams::new(4)?)?;
        Ok(Some(Self { _descriptors: descriptors, index, count }))
    }

    /// For each query the `most` nearest, nearest first: which, and how far.
    pub(super) fn query(&mut self, queries: &[f32], most: usize) -> Result<Vec<Vec<(usize, f32)>>> {
        let most = most.min(self.count);
        let rows = queries.len() / LENGTH;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let queries = Mat::from_slice(queries)?;
        let queries = queries.reshape(1, rows as i32)?;
        let (mut which, mut squares) = (Mat::default(), Mat::default());
        let effort = flann::SearchParams::new(48, 0.0, true, false)?;
        self.index.knn_search(&queries, &mut which, &mut squares, most as i32, &effort)?;
        let (which, squares) = (which.data_typed::<i32>()?, squares.data_typed::<f32>()?);
        Ok(which
            .chunks_exact(most)
            .zip(squares.chunks_exact(most))
            .map(|(which, squares)| {
                which
                    .iter()
                    .zip(squares)
                    .filter(|(which, _)| **which >= 0)
                    .map(|(&which, &square)| (which as usize, square.max(0.0).sqrt()))
                    .collect()
            })
            .collect())
    }
}
