//! Which scenes to report where no product tells them apart: the set that holds most, chosen whole.

/// A reaction of so many standard deviations is as likely a scene as not.
const EVEN_SD: f64 = 3.0;

/// Moments without a product whose starts are nearer than this belong to one scene, seconds.
pub(crate) const SCENE_S: f64 = 120.0;

/// So many scenes are chosen together; the rest follows as a tail.
pub(crate) const FIRST: usize = 10;

/// The chance that a cause with `llr` nats of evidence is a scene, 0 to 1.
pub(crate) fn chance(llr: f64) -> f64 {
    let deviations = (2.0 * llr.max(0.0)).sqrt();
    1.0 / (1.0 + (EVEN_SD - deviations).exp())
}

/// Of `scenes` (start in seconds in rising order, worth above 0) at most `most` that start at least
/// `apart_s` from each other and together are worth most; indices in rising order. Of equal sets
/// the one with earlier scenes.
pub(crate) fn best_apart(scenes: &[(f64, f64)], most: usize, apart_s: f64) -> Vec<usize> {
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
    let mut j = (0..=most).rev().find(|&j| worth[j][count].is_finite()).unwrap_or(0);
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
        assert!((chance(4.5) - 0.5).abs() < 1e-9);
        assert!(chance(0.0) < 0.15 && chance(12.0) > 0.9);
    }
}
