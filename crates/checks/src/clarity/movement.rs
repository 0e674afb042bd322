//! How the whole picture moves, and how much of that is shaking.
//!
//! The picture is cut into six parts; the rows and the columns of each are summed, and the sums are
//! matched with those before (integral projections, after Ratakonda, "Real-time digital video
//! stabilization for multi-media applications", ISCAS 1998). A camera moves all parts alike, a
//! host only some: the median counts, where most agree. Shaking is what is left of the path after
//! a second's moving average: pans and steps aside are not shaking.

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, Span};

use super::{Move, rounded};

/// Farthest movement that is looked for between two looks, samples of a projection.
const REACH: usize = 12;
/// Parts across and down.
const ACROSS: usize = 3;
const DOWN: usize = 2;
/// Rows from one that is summed to the next, for columns.
const ROW_STEP: usize = 8;
/// Pixels of each row that are summed in each part.
const RUN: usize = 32;
/// Parts agree within so many pixels.
const AGREE: f32 = 1.0;
/// Mean squared step of a projection below which a part has no pattern to match, levels.
const PATTERN_MIN: f32 = 0.05;

/// Projections of the parts of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
struct Projections {
    /// Mean luma of each column, part by part; then of each two rows.
    columns: Vec<Vec<f32>>,
    rows: Vec<Vec<f32>>,
}

/// Follows the movement from look to look.
#[derive(Debug, Default)]
pub(super) struct Movement {
    before: Option<Projections>,
    sums: Vec<u32>,
}

impl Movement {
    /// How far the picture moved since the look before, pixels; `None` for the first one.
    pub(super) fn since_before(&mut self, picture: &PictureView<'_>) -> Option<(f32, f32)> {
        let now = self.projections(picture);
        let before = self.before.replace(now);
        let (before, now) = (before?, self.before.as_ref()?);
        if before.columns.first().map(Vec::len) != now.columns.first().map(Vec::len)
            || before.rows.first().map(Vec::len) != now.rows.first().map(Vec::len)
        {
            return None;
        }
        let x = common(&before.columns, &now.columns);
        let y = common(&before.rows, &now.rows) * 2.0;
        Some((rounded(x), rounded(y)))
    }

    fn projections(&mut self, picture: &PictureView<'_>) -> Projections {
        let (width, height) = (picture.width / ACROSS, picture.height / DOWN);
        let mut found = Projections::default();
        for down in 0..DOWN {
            self.sums.clear();
            self.sums.resize(width * ACROSS, 0);
            let rows = (down * height..(down + 1) * height).step_by(ROW_STEP);
            let count = rows.len().max(1) as f32;
            for y in rows {
                let line = &picture.luma[y * picture.luma_stride..];
                for (sum, &level) in self.sums.iter_mut().zip(line) {
                    *sum = sum.wrapping_add(u32::from(level));
                }
            }
            let part = |sums: &[u32]| sums.iter().map(|&sum| sum as f32 / count).collect();
            found.columns.extend(self.sums.chunks_exact(width).map(part));
            for across in 0..ACROSS {
                let from = across * width + (width.saturating_sub(RUN)) / 2;
                let run = RUN.min(width);
                let mean = |y: usize| {
                    let start = y * picture.luma_stride + from;
                    let sum = picture.luma[start..start + run]
                        .iter()
                        .fold(0u32, |sum, &level| sum.wrapping_add(u32::from(level)));
                    sum as f32 / run as f32
                };
                let rows = (down * height..(down + 1) * height - 1).step_by(2);
                found.rows.push(rows.map(|y| 0.5 * (mean(y) + mean(y + 1))).collect());
            }
        }
        found
    }
}

/// The movement that most parts share; none where they do not agree.
fn common(before: &[Vec<f32>], now: &[Vec<f32>]) -> f32 {
    let mut found: Vec<f32> =
        before.iter().zip(now).filter_map(|(before, now)| movement(before, now)).collect();
    if found.len() < 3 {
        return 0.0;
    }
    found.sort_by(f32::total_cmp);
    let median = found[found.len() / 2];
    let agreeing: Vec<f32> =
        found.iter().copied().filter(|moved| (moved - median).abs() <= AGREE).collect();
    if agreeing.len() * 3 < found.len() * 2 {
        return 0.0;
    }
    agreeing.iter().sum::<f32>() / agreeing.len() as f32
}

/// How far `now` lies after `before`, samples; `None` where there is no pattern to match, or no
/// match.
fn movement(before: &[f32], now: &[f32]) -> Option<f32> {
    let length = before.len().min(now.len());
    if length < 4 * REACH {
        return None;
    }
    let middle = &before[REACH..length - REACH];
    let pattern: f32 = middle.windows(2).map(|p| (p[1] - p[0]).powi(2)).sum();
    if pattern < PATTERN_MIN * middle.len() as f32 {
        return None;
    }
    let mut differences = [0f32; 2 * REACH + 1];
    for (shift, difference) in differences.iter_mut().enumerate() {
        let there = &now[shift..shift + middle.len()];
        *difference = middle.iter().zip(there).map(|(a, b)| (a - b) * (a - b)).sum();
    }
    let best = (0..differences.len()).min_by(|&a, &b| differences[a].total_cmp(&differences[b]))?;
    if best == 0 || best == 2 * REACH {
        return None;
    }
    let (left, here, right) = (differences[best - 1], differences[best], differences[best + 1]);
    let bend = left - 2.0 * here + right;
    let off = if bend > 1e-6 { 0.5 * (left - right) / bend } else { 0.0 };
    Some(best as f32 - REACH as f32 + off)
}

/// Root mean square of the shaking around each look, pixels; `None` with less than a second.
pub(super) fn jitter(moves: &[Move]) -> Option<Vec<f64>> {
    let (first, last) = (moves.first()?, moves.last()?);
    let length = (last.time - first.time).seconds();
    if length < 1.0 {
        return None;
    }
    let half = ((moves.len() as f64 / length * 0.5).round() as usize).max(1);
    let (mut x, mut y) = (0f64, 0f64);
    let path: Vec<(f64, f64)> = moves
        .iter()
        .map(|step| {
            x += f64::from(step.x);
            y += f64::from(step.y);
            (x, y)
        })
        .collect();
    let around = |index: usize| index.saturating_sub(half)..(index + half + 1).min(path.len());
    let squares: Vec<f64> = (0..path.len())
        .map(|index| {
            let near = &path[around(index)];
            // A line through the neighbourhood: a pan is none, at its ends neither.
            let (sx, sy) = (
                residual(near, index, around(index).start, |p| p.0),
                residual(near, index, around(index).start, |p| p.1),
            );
            sx * sx + sy * sy
        })
        .collect();
    Some(
        (0..squares.len())
            .map(|index| {
                let near = &squares[around(index)];
                (near.iter().sum::<f64>() / near.len() as f64).sqrt()
            })
            .collect(),
    )
}

/// How far the value at `index` lies off the line through all of `near`, which begins at `start`.
fn residual(
    near: &[(f64, f64)],
    index: usize,
    start: usize,
    of: impl Fn(&(f64, f64)) -> f64,
) -> f64 {
    let count = near.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = near.iter().map(&of).sum::<f64>() / count;
    let (mut top, mut bottom) = (0.0, 0.0);
    for (n, point) in near.iter().enumerate() {
        let t = n as f64 - middle;
        top += t * (of(point) - mean);
        bottom += t * t;
    }
    let slope = if bottom > 0.0 { top / bottom } else { 0.0 };
    of(&near[index - start]) - mean - slope * ((index - start) as f64 - middle)
}

/// Where the shaking is above `limit_px`, and the share of the time.
pub(super) fn shakes(moves: &[Move], limit_px: f64) -> Option<(Vec<Span>, f64)> {
    let jitter = jitter(moves)?;
    let half = MediaDuration::from_millis(500);
    let shaking: Vec<usize> = (0..jitter.len()).filter(|&i| jitter[i] > limit_px).collect();
    let spans =
        shaking.iter().map(|&i| Span::new(moves[i].time - half, moves[i].time + half)).collect();
    let share = shaking.len() as f64 / jitter.len().max(1) as f64;
    Some((reprise_model::span::merged(spans), share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reprise_model::MediaTime;

    fn moves(path: impl Fn(f64) -> f64) -> Vec<Move> {
        (1..90)
            .map(|n| {
                let t = f64::from(n) / 15.0;
                let x = (path(t) - path(t - 1.0 / 15.0)) as f32;
                Move { time: MediaTime::from_seconds(t), x, y: 0.0 }
            })
            .collect()
    }

    #[test]
    fn shaking_is_told_from_pans() {
        let shaking = moves(|t| 5.0 * (t * 4.0 * std::f64::consts::TAU).sin());
        let (spans, share) = shakes(&shaking, 2.5).unwrap_or_default();
        assert!(spans.len() == 1 && share > 0.95, "{share}");
        let pan = moves(|t| 40.0 * t);
        assert_eq!(shakes(&pan, 0.5).map(|(spans, _)| spans.len()), Some(0));
        let sway = moves(|t| 10.0 * (t * 0.25 * std::f64::consts::TAU).sin());
        assert_eq!(shakes(&sway, 2.5).map(|(spans, _)| spans.len()), Some(0));
    }

    #[test]
    fn a_projection_is_found_again_to_parts_of_a_pixel() {
        let at = |x: f64| ((x * 0.21).sin() * 30.0 + (x * 0.047).sin() * 20.0 + 100.0) as f32;
        let before: Vec<f32> = (0..240).map(|x| at(f64::from(x))).collect();
        for by in [-5.5, 0.0, 0.25, 3.75] {
            let now: Vec<f32> = (0..240).map(|x| at(f64::from(x) - by)).collect();
            let found = movement(&before, &now);
            assert!(found.is_some_and(|f| (f64::from(f) - by).abs() < 0.1), "{by}: {found:?}");
        }
        assert_eq!(movement(&[90.0; 240], &[90.0; 240]), None);
    }
}
