//! Which scenes to report where no product tells them apart: the set that holds most, chosen whole.

/// A reaction of so many standard deviations is as likely a scene as not.
const EVEN_SD: f64 = 3.0;

/// Moments without a product whose starts are nearer than this belong to one scene, seconds.
pub(crate) const SCENE_S: f64 = 120.0;

/// So many scenes are chosen together; the rest follows as a tail.
pub(crate) const FIRST: usize = 10;

/// A reaction of so many standard deviations is beyond doubt; what lies within a scene of it and
/// is weaker by `SHOULDER_SD` or more is its shoulder and no scene of its own.
const CLEAR_SD: f64 = 7.0;
const SHOULDER_SD: f64 = 1.0;

/// The chance that each of `scenes` (start in seconds in rising order, evidence in nats) is one, 0
/// to 1.
fn chances(scenes: &[(f64, f64)]) -> Vec<f64> {
    let deviations: Vec<f64> = scenes.iter().map(|(_, llr)| (2.0 * llr.max(0.0)).sqrt()).collect();
    scenes
        .iter()
        .zip(&deviations)
        .map(|(&(start_s, _), &own)| {
            let from = scenes.partition_point(|(other, _)| *other < start_s - SCENE_S / 2.0);
            let to = scenes.partition_point(|(other, _)| *other <= start_s + SCENE_S / 2.0);
            let most = deviations[from..to].iter().copied().fold(own, f64::max);
            let below = if most > CLEAR_SD { (most - own - SHOULDER_SD).max(0.0) } else { 0.0 };
            (-2.0 * below).exp() / (1.0 + (EVEN_SD - own).exp())
        })
        .collect()
}

/// Of `scenes` (start in seconds in rising order, evidence in nats) the at most `most` that together
/// most likely hold most scenes; places in rising order.
pub(crate) fn best_scenes(mut scenes: Vec<(f64, f64)>, most: usize) -> Vec<usize> {
    let chances = chances(&scenes);
    scenes.iter_mut().zip(chances).for_each(|(scene, chance)| scene.1 = chance);
    best_apart(&scenes, most, SCENE_S)
}

/// Of `scenes` (start in seconds in rising order, worth above 0) at most `most` that start at least
/// `apart_s` from each other and together are worth most; indices in rising order. Of equal sets
/// the one with earlier scenes.
fn best_apart(scenes: &[(f64, f64)], most: usize, apart_s: f64) -> Vec<usize> {
    let count = scenes.len();
    let most = most.min(count);
    // `worth[j][i]`: the best of j scenes among the first i.
    let mut worth = vec![vec![f64::NEG_INFINITY; count + 1]; most + 1];
    worth[0].fill(0.0);
    let before: Vec<usize> = scenes
        .iter()
        .map(|(start_s, _)| scenes.partition_point(|(other_s, _)| *other_s <= start_s - apart_s))
        .collect();
    for j in 1..=most {
        for i in 1..=count {
            let with = worth[j - 1][before[i - 1]] + scenes[i - 1].1;
            worth[j][i] = worth[j][i - 1].max(with);
        }
    }
    let mut j = (0..=most)
        .reduce(|a, b| if worth[b][count] > worth[a][count] { b } else { a })
        .unwrap_or(0);
    let mut chosen = Vec::with_capacity(j);
    let mut i = count;
    while j > 0 && i > 0 {
        if worth[j][i] > worth[j][i - 1] {
            chosen.push(i - 1);
            i = before[i - 1];
            j -= 1;
        } else {
            i -= 1;
        }
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_the_sides_beat_one_in_the_middle() {
        let scenes = [(0.0, 0.6), (100.0, 0.9), (200.0, 0.6), (300.0, 0.1)];
        assert_eq!(best_apart(&scenes, 2, 120.0), [0, 2]);
        assert_eq!(best_apart(&scenes, 1, 120.0), [1]);
        assert_eq!(best_apart(&scenes, 9, 120.0), [0, 2]);
        assert_eq!(best_apart(&[], 3, 120.0), [0usize; 0]);
    }

    #[test]
    fn more_evidence_is_more_chance() {
        let chances = |scenes: &[(f64, f64)]| super::chances(scenes);
        let alone = chances(&[(0.0, 4.5), (500.0, 0.0), (900.0, 12.0)]);
        assert!((alone[0] - 0.5).abs() < 1e-9 && alone[1] < 0.1 && alone[2] > 0.85);
    }

    #[test]
    fn the_shoulders_of_a_clear_reaction_are_no_scenes() {
        let scenes = [(40.0, 20.0), (100.0, 60.0), (160.0, 20.0)];
        let chances = chances(&scenes);
        let worth: Vec<(f64, f64)> =
            scenes.iter().zip(&chances).map(|(s, chance)| (s.0, *chance)).collect();
        assert_eq!(best_apart(&worth, 2, SCENE_S), [1]);
    }
}
