//! Sharpness, exposure and blocking of one picture, from every fourth row.
//!
//! Sharpness is the width of edges, after Marziliano, Dufaux, Winkler and Ebrahimi, "A no-reference
//! perceptual blur metric" (ICIP 2002), a width being the height of an edge divided by its steepest
//! step. Only the tiles with the strongest edges count: a background out of focus is no fault.
//! Blocking compares the steps at each of the eight columns of a coding grid, after Wang, Sheikh
//! and Bovik, "No-reference perceptual quality assessment of JPEG compressed images" (ICIP 2002).

use reprise_media::view::PictureView;

use super::{ClaritySample, rounded};

/// Side of a tile, pixels.
pub(super) const TILE: usize = 64;
/// Rows from one that is read to the next.
const ROW_STEP: usize = 4;
/// Weakest edge that counts, levels a pixel: coding noise stays below.
const EDGE_MIN: i32 = 12;
/// Edges that a tile needs.
const EDGES_MIN: usize = 8;
/// Share of the tiles that count, and the fewest.
const TILES_SHARE: usize = 20;
const TILES_MIN: usize = 4;

/// Looks at pictures; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Edges {
    /// Of each tile: strength and width of its edges.
    tiles: Vec<Vec<(i32, f32)>>,
    steps: Vec<i32>,
}

impl Edges {
    /// How `picture` looks; it must be as large as it says.
    pub(super) fn look(&mut self, picture: &PictureView<'_>) -> ClaritySample {
        let columns = picture.width / TILE;
        let rows = picture.height / TILE;
        self.tiles.iter_mut().for_each(Vec::clear);
        self.tiles.resize(columns * rows, Vec::new());
        let (mut tones, mut grid) = ([0u32; 256], [0u64; 8]);
        for y in (0..rows * TILE).step_by(ROW_STEP) {
            let start = y * picture.luma_stride;
            let line = &picture.luma[start..start + columns * TILE];
            for &level in line {
                tones[usize::from(level)] += 1;
            }
            self.steps.clear();
            self.steps.extend(line.windows(2).map(|p| i32::from(p[1]) - i32::from(p[0])));
            for eight in self.steps.chunks_exact(8) {
                for (sum, step) in grid.iter_mut().zip(eight) {
                    // Large steps are edges of things.
                    *sum += u64::from(step.unsigned_abs().min(24));
                }
            }
            let row = &mut self.tiles[y / TILE * columns..(y / TILE + 1) * columns];
            edges_of(&self.steps, line, row);
        }
        let total: u32 = tones.iter().sum::<u32>().max(1);
        let (black, white) = if picture.full_range { (2, 253) } else { (17, 235) };
        let share = |levels: &[u32]| levels.iter().sum::<u32>() as f32 / total as f32;
        let sum: u64 =
            tones.iter().enumerate().map(|(l, &count)| l as u64 * u64::from(count)).sum();
        let mean = sum as f32 / total as f32;
        ClaritySample {
            time: picture.time,
            edge_px: self.width().map(rounded),
            burnt: rounded(share(&tones[white..])),
            crushed: rounded(share(&tones[..=black])),
            luma: rounded(if picture.full_range { mean * 219.0 / 255.0 + 16.0 } else { mean }),
            blocking: rounded(blocking(grid)),
        }
    }

    /// Median width of the edges in the tiles whose edges are strongest.
    fn width(&self) -> Option<f32> {
        let mut ranked: Vec<(i32, usize)> = self
            .tiles
            .iter()
            .enumerate()
            .filter(|(_, edges)| edges.len() >= EDGES_MIN)
            .map(|(index, edges)| {
                let mut strengths: Vec<i32> = edges.iter().map(|edge| edge.0).collect();
                let rank = strengths.len() - EDGES_MIN;
                (*strengths.select_nth_unstable(rank).1, index)
            })
            .collect();
        if ranked.len() < TILES_MIN {
            return None;
        }
        ranked.sort_by(|a, b| b.cmp(a));
        ranked.truncate((self.tiles.len() / TILES_SHARE).max(TILES_MIN));
        let mut widths: Vec<f32> =
            ranked.iter().flat_map(|&(_, tile)| &self.tiles[tile]).map(|edge| edge.1).collect();
        let middle = widths.len() / 2;
        Some(*widths.select_nth_unstable_by(middle, f32::total_cmp).1)
    }
}

/// Finds the edges of one row: the steepest step of each rise or fall.
fn edges_of(steps: &[i32], line: &[u8], tiles: &mut [Vec<(i32, f32)>]) {
    let mut from = 0;
    while from < steps.len() {
        let sign = steps[from].signum();
        let mut to = from + 1;
        let (mut steepest, mut at) = (steps[from].abs(), from);
        while to < steps.len() && steps[to].signum() == sign {
            if steps[to].abs() > steepest {
                (steepest, at) = (steps[to].abs(), to);
            }
            to += 1;
        }
        if steepest >= EDGE_MIN {
            let height = (i32::from(line[to]) - i32::from(line[from])).abs();
            if let Some(tile) = tiles.get_mut(at / TILE) {
                tile.push((steepest, height as f32 / steepest as f32));
            }
        }
        from = to;
    }
}

/// Steps at the strongest column of the grid against the median of the others.
fn blocking(grid: [u64; 8]) -> f32 {
    let mut sorted = grid;
    sorted.sort_unstable();
    if sorted[3] == 0 { 1.0 } else { sorted[7] as f32 / sorted[3] as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reprise_model::{MediaDuration, MediaTime};

    const SIDE: usize = 512;

    fn look(draw: impl Fn(usize, usize) -> u8) -> ClaritySample {
        let luma: Vec<u8> = (0..SIDE * SIDE).map(|n| draw(n % SIDE, n / SIDE)).collect();
        Edges::default().look(&PictureView {
            time: MediaTime::ZERO,
            duration: MediaDuration::ZERO,
            width: SIDE,
            height: SIDE,
            luma: &luma,
            luma_stride: SIDE,
            blue: &[],
            red: &[],
            chroma_stride: 0,
            chroma_width: 0,
            chroma_height: 0,
            full_range: false,
            corrupt: false,
        })
    }

    /// Bars of 32 pixels with edges `width` pixels wide.
    fn bars(width: f64) -> impl Fn(usize, usize) -> u8 {
        move |x, _| {
            let off = (x % 64) as f64;
            let rise = ((off - 16.0) / width + 0.5).clamp(0.0, 1.0);
            let fall = ((off - 48.0) / width + 0.5).clamp(0.0, 1.0);
            (50.0 + 120.0 * (rise - fall)) as u8
        }
    }

    #[test]
    fn edges_are_as_wide_as_they_were_drawn() {
        for width in [2.0, 4.0, 8.0] {
            let found = look(bars(width)).edge_px;
            assert!(found.is_some_and(|px| (f64::from(px) - width).abs() < 0.8), "{found:?}");
        }
        assert_eq!(look(|_, _| 90).edge_px, None);
    }

    #[test]
    fn exposure_and_blocks_are_seen() {
        let burnt = look(|x, _| if x < SIDE / 4 { 240 } else { 120 });
        assert!((burnt.burnt - 0.25).abs() < 0.01 && burnt.crushed == 0.0, "{burnt:?}");
        // A ramp in steps of eight pixels, and the same ramp smooth.
        let ramp = |x: usize| (40 + x % 256 / 2) as u8;
        assert!(look(|x, y| ramp(x / 8 * 8).wrapping_add(((x * 7 + y) % 2) as u8)).blocking > 1.5);
        assert!(look(|x, y| ramp(x).wrapping_add(((x / 2 + y) % 3) as u8)).blocking < 1.3);
    }
}
