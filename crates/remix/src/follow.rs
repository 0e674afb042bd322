//! Where the product is in each picture of a clip: sightings joined and smoothed.

use reprise_model::clip::{Clip, ProductSighting};

/// Sightings further apart than this are not joined, seconds: what lies between is not known.
const GAP_S: f64 = 0.75;
/// How long a sighting holds before the first and after the last of a row, seconds.
const HOLD_S: f64 = 0.1;
/// Half the width of the smoothing, seconds.
const SMOOTH_S: f64 = 0.2;

/// Corners of the product, clockwise from its own top left, in pixels.
pub type Corners = [[f64; 2]; 4];

/// Where a product is, picture by picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    pictures: Vec<Option<Corners>>,
}

impl Track {
    /// Of the product that is seen most often in a clip (of those it is linked to, if any of them is
    /// seen), for `count` pictures at `fps`.
    pub fn of(clip: &Clip, fps: f64, count: usize) -> Self {
        let linked =
            |seen: &&ProductSighting| clip.products.iter().any(|p| p.id == seen.product_id);
        let seen: Vec<&ProductSighting> = if clip.product_track.iter().any(|s| linked(&s)) {
            clip.product_track.iter().filter(linked).collect()
        } else {
            clip.product_track.iter().collect()
        };
        let often = |id: &str| seen.iter().filter(|s| s.product_id == id).count();
        let Some(main) = seen.iter().map(|s| &s.product_id).max_by_key(|id| (often(id), *id))
        else {
            return Self { pictures: vec![None; count] };
        };
        let mut sightings: Vec<(f64, Corners)> = seen
            .iter()
            .filter(|s| s.product_id == *main)
            .map(|s| (s.clip_time_s.seconds(), s.corners.map(|corner| corner.map(f64::from))))
            .filter(|(_, corners)| corners.iter().flatten().all(|value| value.is_finite()))
            .collect();
        sightings.sort_by(|a, b| a.0.total_cmp(&b.0));
        let raw: Vec<Option<Corners>> =
            (0..count).map(|number| joined(&sightings, number as f64 / fps)).collect();
        Self { pictures: smoothed(&raw, (SMOOTH_S * fps).round() as usize) }
    }

    /// In a picture; `None` where it is not known.
    pub fn at(&self, number: usize) -> Option<Corners> {
        self.pictures.get(number).copied().flatten()
    }

    /// Rows of pictures in which it is known: first, one behind the last.
    pub fn rows(&self) -> Vec<(usize, usize)> {
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for number in (0..self.pictures.len()).filter(|&n| self.pictures[n].is_some()) {
            match rows.last_mut().filter(|row| row.1 == number) {
                Some(row) => row.1 += 1,
                None => rows.push((number, number + 1)),
            }
        }
        rows
    }
}

fn joined(sightings: &[(f64, Corners)], at: f64) -> Option<Corners> {
    let next = sightings.partition_point(|(time, _)| *time < at);
    let before = next.checked_sub(1).and_then(|index| sightings.get(index));
    match (before, sightings.get(next)) {
        (Some((from, a)), Some((until, b))) if until - from <= GAP_S => {
            let share = (at - from) / (until - from).max(1e-9);
            Some(mixed(a, b, share))
        }
        (Some((time, corners)), _) if at - time <= HOLD_S => Some(*corners),
        (_, Some((time, corners))) if time - at <= HOLD_S => Some(*corners),
        _ => None,
    }
}

fn mixed(a: &Corners, b: &Corners, share: f64) -> Corners {
    std::array::from_fn(|corner| {
        std::array::from_fn(|axis| a[corner][axis] + (b[corner][axis] - a[corner][axis]) * share)
    })
}

/// Each picture the mean of those around it, nearer ones counting more; the window is the same on
/// both sides, so that what moves evenly stays where it is.
fn smoothed(raw: &[Option<Corners>], reach: usize) -> Vec<Option<Corners>> {
    let known = |index: usize| raw.get(index).copied().flatten();
    let smooth = |number: usize| {
        let own = known(number)?;
        let both = |off: usize| Some((known(number.checked_sub(off)?)?, known(number + off)?));
        let mut sum = own.map(|corner| corner.map(|value| value * (reach + 1) as f64));
        let mut weights = (reach + 1) as f64;
        for off in 1..=reach {
            let Some((before, after)) = both(off) else { break };
            let weight = (reach + 1 - off) as f64;
            weights += 2.0 * weight;
            for (corner, total) in sum.iter_mut().enumerate() {
                for (axis, total) in total.iter_mut().enumerate() {
                    *total += (before[corner][axis] + after[corner][axis]) * weight;
                }
            }
        }
        Some(sum.map(|corner| corner.map(|value| value / weights)))
    };
    (0..raw.len()).map(smooth).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A square around points that come one a time.
    pub fn square(x: f64, y: f64, half: f64) -> Corners {
        [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]
    }

    #[test]
    fn what_moves_evenly_is_where_it_is() {
        let sightings: Vec<(f64, Corners)> = (0..10)
            .map(|i| (f64::from(i) * 0.2, square(100.0 + f64::from(i) * 20.0, 200.0, 50.0)))
            .collect();
        let raw: Vec<_> = (0..60).map(|n| joined(&sightings, f64::from(n) / 30.0)).collect();
        let track = Track { pictures: smoothed(&raw, 6) };
        // The last sighting is held, and then smoothed into what moves.
        for number in 0..48 {
            let corners = track.at(number).map(|c| c[0][0]).unwrap_or_default();
            assert!((corners - (50.0 + number as f64 * 100.0 / 30.0)).abs() < 1e-6, "{number}");
        }
        assert_eq!(track.rows(), [(0, 58)]);
    }

    #[test]
    fn nothing_is_claimed_across_a_gap() {
        let sightings = [(0.0, square(50.0, 50.0, 10.0)), (1.5, square(90.0, 50.0, 10.0))];
        assert!(joined(&sightings, 0.09).is_some());
        assert!(joined(&sightings, 0.7).is_none());
        assert!(joined(&sightings, 1.45).is_some());
    }
}
