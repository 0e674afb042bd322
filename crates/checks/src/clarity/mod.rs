//! How the picture looks: sharpness, exposure and blocking twice a second, the camera's movement
//! 15 times a second.

mod edges;
mod movement;

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, MediaTime, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::LookFor;
use crate::policy::Policy;

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClarityEvidence {
    /// Short side of the picture, pixels.
    pub short_side: u32,
    /// Twice a second.
    pub samples: Vec<ClaritySample>,
    /// How the whole picture moved, 15 times a second.
    pub moves: Vec<Move>,
}

/// How one picture looks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaritySample {
    /// When it is shown.
    #[serde(rename = "time_s")]
    pub time: MediaTime,
    /// Median width of the edges in its sharpest parts, pixels; `None` where it has too few edges.
    pub edge_px: Option<f32>,
    /// Share of its luma at or above white, 0 to 1.
    pub burnt: f32,
    /// Share of its luma at or below black, 0 to 1.
    pub crushed: f32,
    /// Mean luma, levels of limited range (16 black, 235 white).
    pub luma: f32,
    /// Steps at the borders of coding blocks against steps elsewhere; 1 where none are seen.
    pub blocking: f32,
}

/// How far the whole picture moved since the look before, pixels to the right and down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// When.
    #[serde(rename = "time_s")]
    pub time: MediaTime,
    /// To the right.
    pub x: f32,
    /// Down.
    pub y: f32,
}

/// Time between two looks at how a picture looks, and between two at how it moved, less half a
/// picture of a 30 per second stream so that rounding of times does not skip one.
const LOOK_EACH: MediaDuration = MediaDuration::from_millis(483);
const MOVE_EACH: MediaDuration = MediaDuration::from_millis(50);

/// Collects it.
#[derive(Debug, Default)]
pub(crate) struct ClarityCollector {
    evidence: ClarityEvidence,
    edges: edges::Edges,
    movement: movement::Movement,
    looked: Option<MediaTime>,
    moved: Option<MediaTime>,
}

impl ClarityCollector {
    pub(crate) fn new(_: &LookFor) -> Self {
        Self::default()
    }

    /// Looks at one picture.
    pub(crate) fn picture(&mut self, picture: &PictureView<'_>) {
        let due =
            |last: Option<MediaTime>, each| last.is_none_or(|last| picture.time - last >= each);
        let whole = (picture.height.saturating_sub(1)) * picture.luma_stride + picture.width;
        let large_enough = picture.width.min(picture.height) >= 2 * edges::TILE;
        if !large_enough || picture.luma.len() < whole || picture.luma_stride < picture.width {
            return;
        }
        if due(self.moved, MOVE_EACH) {
            self.moved = Some(picture.time);
            if let Some((x, y)) = self.movement.since_before(picture) {
                self.evidence.moves.push(Move { time: picture.time, x, y });
            }
        }
        if due(self.looked, LOOK_EACH) {
            self.looked = Some(picture.time);
            self.evidence.short_side = picture.width.min(picture.height) as u32;
            self.evidence.samples.push(self.edges.look(picture));
        }
    }

    pub(crate) fn finish(self) -> ClarityEvidence {
        self.evidence
    }
}

impl ClarityEvidence {
    /// The part inside `span`.
    pub(crate) fn within(&self, span: Span) -> Self {
        Self {
            short_side: self.short_side,
            samples: self.samples.iter().filter(|s| span.contains(s.time)).copied().collect(),
            moves: self.moves.iter().filter(|m| span.contains(m.time)).copied().collect(),
        }
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(mut self, by: MediaDuration) -> Self {
        self.samples.iter_mut().for_each(|sample| sample.time = sample.time + by);
        self.moves.iter_mut().for_each(|step| step.time = step.time + by);
        self
    }

    /// Median over time of the width of edges, in pixels of a picture with a short side of 720;
    /// `None` where no picture has enough edges.
    pub fn edge_width_px(&self) -> Option<f64> {
        let scale = 720.0 / f64::from(self.short_side.max(1));
        median(self.samples.iter().filter_map(|s| s.edge_px)).map(|px| px * scale)
    }

    /// Medians over time of the shares that are burnt and crushed, and of luma (levels).
    pub fn exposure(&self) -> Option<(f64, f64, f64)> {
        Some((
            median(self.samples.iter().map(|s| s.burnt))?,
            median(self.samples.iter().map(|s| s.crushed))?,
            median(self.samples.iter().map(|s| s.luma))?,
        ))
    }

    /// Median over time of [`ClaritySample::blocking`].
    pub fn blocking(&self) -> Option<f64> {
        median(self.samples.iter().map(|s| s.blocking))
    }

    /// Stretches of a second in which the picture shakes, joined, and the share of the time they
    /// make up; `None` with less than a second of pictures.
    pub fn shakes(&self, policy: &Policy) -> Option<(Vec<Span>, f64)> {
        let limit = policy.picture.shake_max_percent / 100.0 * f64::from(self.short_side);
        movement::shakes(&self.moves, limit)
    }

    /// Root mean square of the shaking in the steadiest nine tenths of the time, percent of the
    /// short side.
    pub fn shake_percent(&self) -> Option<f64> {
        let steps = movement::jitter(&self.moves)?;
        let mut sorted = steps;
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() - 1) * 9 / 10;
        Some(sorted[rank] / f64::from(self.short_side.max(1)) * 100.0)
    }

    /// Whether the picture is clear: sharp, neither burnt nor crushed, without blocks. `None` where
    /// it has too few edges to tell.
    pub fn image_clear(&self, policy: &Policy) -> Option<bool> {
        let limits = &policy.picture;
        let (burnt, crushed, _) = self.exposure()?;
        Some(
            self.edge_width_px()? <= limits.edge_width_max_px
                && burnt <= limits.burnt_share_max
                && crushed <= limits.crushed_share_max
                && self.blocking()? <= limits.blocking_max,
        )
    }

    /// Whether the picture is steady; `None` with less than a second of pictures.
    pub fn image_stable(&self, policy: &Policy) -> Option<bool> {
        self.shakes(policy).map(|(_, share)| share <= policy.picture.shake_share_max)
    }
}

fn median(values: impl Iterator<Item = f32>) -> Option<f64> {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).map(|&value| f64::from(value))
}

/// To a thousandth, so that JSON stays short.
fn rounded(value: f32) -> f32 {
    (value * 1000.0).round() / 1000.0
}
