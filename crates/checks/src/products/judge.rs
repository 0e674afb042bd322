//! Which of two products that share artwork is seen: only where the two differ is looked at.

use opencv::core::{self, Mat, MatTraitConstManual, Point, Scalar, Size};
use opencv::{Result, imgproc};

use super::align::{Scene, inside};
use super::geometry::Homography;
use super::reference::{Level, Reference};

/// Side of the surroundings that brightness is taken relative to, pixels of a level.
const AROUND: i32 = 31;
/// Side of the blocks that vote, pixels of a level.
const BLOCK: usize = 14;

/// Two references laid over each other, at each level of the first.
pub(super) struct Pairing {
    levels: Vec<Contrast>,
}

/// Where and how two references differ, at one level.
struct Contrast {
    first: Vec<f32>,
    second: Vec<f32>,
    /// Where both are defined.
    both: Vec<bool>,
    width: usize,
}

/// What the places where two references differ say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vote {
    /// 1 where the first is seen, -1 where the second is, 0 between.
    pub(super) side: f64,
    /// Its standard error, from the spread between blocks.
    pub(super) error: f64,
}

impl Pairing {
    /// `to_first` leads from the second reference to the first.
    pub(super) fn new(
        first: &Reference,
        second: &Reference,
        to_first: &Homography,
    ) -> Result<Option<Self>> {
        let Some(to_second) = to_first.inverse() else { return Ok(None) };
        let mut levels = Vec::new();
        for (level, other) in first.levels.iter().zip(&second.levels) {
            let way = other.to_level.after(&to_second).after(&level.to_reference);
            let size = level.size();
            let mut laid = Mat::default();
            let flags = imgproc::INTER_LINEAR | imgproc::WARP_INVERSE_MAP;
            let edge = core::BORDER_REPLICATE;
            let way_mat = way.mat()?;
            imgproc::warp_perspective(
                &other.picture,
                &mut laid,
                &way_mat,
                size,
                flags,
                edge,
                Scalar::default(),
            )?;
            let width = size.width as usize;
            let other_size = other.size();
            let bounds = [f64::from(other_size.width), f64::from(other_size.height)];
            let [left, top, right, bottom] = level.content;
            let both = (0..width * size.height as usize)
                .map(|index| {
                    let (x, y) = (index % width, index / width);
                    (left..right).contains(&x)
                        && (top..bottom).contains(&y)
                        && inside(way.map([x as f64, y as f64]), bounds, 0.0)
                })
                .collect();
            levels.push(Contrast {
                first: evened(&level.picture)?,
                second: evened(&laid)?,
                both,
                width,
            });
        }
        Ok(Some(Self { levels }))
    }

    /// What the picture says where the first reference lies at `homography` in it.
    pub(super) fn vote(
        &self,
        first: &Reference,
        scene: &Scene<'_>,
        homography: &Homography,
    ) -> Result<Vote> {
        let level = first.level(homography);
        let Some(index) = first.levels.iter().position(|other| std::ptr::eq(other, level)) else {
            return Ok(Vote::default());
        };
        let patch = evened(&scene.rectified(level, homography)?)?;
        Ok(self.levels[index].vote(&patch, level, scene, homography))
    }
}

impl Contrast {
    /// The matched filter for the difference of the two, block by block: the share of the way from
    /// the second to the first at which the patch lies.
    fn vote(
        &self,
        patch: &[f32],
        level: &Level,
        scene: &Scene<'_>,
        homography: &Homography,
    ) -> Vote {
        let from_level = homography.after(&level.to_reference);
        let [left, top, right, bottom] = level.content;
        let mut blocks = Vec::new();
        for top in (top..bottom).step_by(BLOCK) {
            for left in (left..right).step_by(BLOCK) {
                let middle = [(left + BLOCK / 2) as f64, (top + BLOCK / 2) as f64];
                if !inside(from_level.map(middle), scene.size, 4.0) {
                    continue;
                }
                let (mut along, mut energy) = (0.0f64, 0.0f64);
                for y in top..(top + BLOCK).min(bottom) {
                    for x in left..(left + BLOCK).min(right) {
                        let at = y * self.width + x;
                        let difference = self.first[at] - self.second[at];
                        if self.both[at] && difference.abs() > 0.5 {
                            let between = (self.first[at] + self.second[at]) / 2.0;
                            let found = patch[at].clamp(-3.0, 3.0);
                            along += f64::from((found - between) * difference);
                            energy += f64::from(difference * difference);
                        }
                    }
                }
                if energy > 10.0 {
                    // A glare or a finger shall not outvote the rest.
                    blocks.push(((2.0 * along / energy).clamp(-2.0, 2.0), energy.sqrt()));
                }
            }
        }
        let weight: f64 = blocks.iter().map(|block| block.1).sum();
        if blocks.len() < 3 || weight <= 0.0 {
            return Vote { side: 0.0, error: 1.0 };
        }
        let side = blocks.iter().map(|block| block.0 * block.1).sum::<f64>() / weight;
        let squares = blocks.iter().map(|block| (block.1 * (block.0 - side)).powi(2)).sum::<f64>();
        Vote { side, error: squares.sqrt() / weight }
    }
}

/// Brightness relative to its surroundings' mean and spread.
fn evened(picture: &Mat) -> Result<Vec<f32>> {
    let size = Size::new(AROUND, AROUND);
    let (anchor, edge) = (Point::new(-1, -1), core::BORDER_REPLICATE);
    let (mut mean, mut squares) = (Mat::default(), Mat::default());
    imgproc::box_filter(picture, &mut mean, core::CV_32F, size, anchor, true, edge)?;
    imgproc::sqr_box_filter(picture, &mut squares, core::CV_32F, size, anchor, true, edge)?;
    let (mean, squares) = (mean.data_typed::<f32>()?, squares.data_typed::<f32>()?);
    Ok(picture
        .data_bytes()?
        .iter()
        .zip(mean.iter().zip(squares))
        .map(|(&value, (&mean, &square))| {
            let spread = (square - mean * mean).max(0.0).sqrt();
            (f32::from(value) - mean) / (spread + 6.0)
        })
        .collect())
}
