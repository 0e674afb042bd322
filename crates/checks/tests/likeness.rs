//! Products with hardly any local features, found by a small embedding network that OpenCV really runs.
#![allow(clippy::unwrap_used)]

#[path = "common/onnx.rs"]
mod onnx;
#[path = "common/plain.rs"]
mod plain;

use plain::{Chance, DARK, LIGHT, Plain, SISTER, room};
use reprise_checks::{
    Evidence, EvidenceCollector, FoundBy, LookFor, NoAdviser, ProductReference, ProductSighting,
    check_product_model, find_products, find_products_with,
};
use reprise_media::view::{Observer, PictureView};
use reprise_model::{Kind, MediaDuration, MediaTime};

/// What became of products in rooms.
#[derive(Debug, Default, PartialEq)]
struct Score {
    found: usize,
    undecided: usize,
    wrong: usize,
    missed: usize,
    /// Claims where nothing is.
    stray: usize,
    /// Mean shared area with the truth, of those found.
    overlap: f64,
}

/// Left, top, right, bottom of a sighting.
fn bounds(sighting: &ProductSighting) -> [f64; 4] {
    let [[left, top], _, [right, bottom], _] = sighting.corners;
    [left, top, right, bottom]
}

/// Shared part of the joint area of a sighting's reference picture and the true place of its bottle.
fn shared(sighting: &ProductSighting, [x, y, w, h]: [f64; 4]) -> f64 {
    let [left, top, right, bottom] = bounds(sighting);
    // The bottle fills 420 of 500 pixels of height in the middle of its picture, below 40.
    let unit = [(right - left) / 400.0, (bottom - top) / 500.0];
    let wide = 420.0 * LIGHT.aspect;
    let own = [
        left + (400.0 - wide) / 2.0 * unit[0],
        top + 40.0 * unit[1],
        wide * unit[0],
        420.0 * unit[1],
    ];
    let over = |k: usize, t: [f64; 4]| {
        ((own[k] + own[k + 2]).min(t[k] + t[k + 2]) - own[k].max(t[k])).max(0.0)
    };
    let truth = [x, y, w, h];
    let both = over(0, truth) * over(1, truth);
    both / (own[2] * own[3] + w * h - both)
}

/// Shows products in rooms at several sizes and places, each alone; every third room is empty.
fn shown(products: &[Plain], also: &[Plain], rooms: u64, model: &[u8]) -> Score {
    let references: Vec<ProductReference> =
        products.iter().chain(also).map(Plain::reference).collect();
    let mut score = Score::default();
    for seed in 0..rooms {
        let mut chance = Chance(seed + 500);
        let _: f64 = (0..3).map(|_| chance.next()).sum();
        let mut scene = room(seed, 360, 640);
        let truth = (seed % 3 != 2).then(|| {
            let product = products[seed as usize % products.len()];
            let height = chance.between(0.25, 0.6) * 640.0;
            let width = height * product.aspect * chance.between(0.95, 1.05);
            let place =
                [chance.next() * (360.0 - width), chance.next() * (640.0 - height), width, height];
            product.draw(&mut scene, place, chance.between(0.8, 1.1));
            (product.id, place)
        });
        let found = find_products_with(&references, &scene, model).unwrap();
        let mut seen = false;
        for sighting in &found {
            if sighting.found_by == FoundBy::Features {
                println!("FEATURES");
            }
            match truth {
                Some((id, place)) if shared(sighting, place) > 0.4 => {
                    seen = true;
                    score.overlap += shared(sighting, place);
                    match &sighting.undecided {
                        Some(other) => {
                            assert!(sighting.product == id || other == id);
                            score.undecided += 1;
                        }
                        None if sighting.product == id => score.found += 1,
                        None => score.wrong += 1,
                    }
                }
                _ => score.stray += 1,
            }
            if std::env::var("SHOW").is_ok() {
                println!(
                    "{seed} {truth:?} {:?}",
                    (
                        &sighting.product,
                        &sighting.undecided,
                        bounds(sighting),
                        sighting.score,
                        &sighting.runner_up
                    )
                );
            }
        }
        if std::env::var("SHOW").is_ok() && truth.is_some() && !seen {
            println!("{seed} {truth:?} MISSED");
        }
        score.missed += usize::from(truth.is_some() && !seen);
    }
    score.overlap /= ((score.found + score.undecided + score.wrong) as f64).max(1.0);
    score
}

#[test]
fn plain_products_are_found_and_named_where_local_features_see_nothing() {
    let model = onnx::thumbnail(14, None);
    let score = shown(&[LIGHT, DARK], &[], 30, &model);
    println!("{score:?}");
    assert_eq!((score.wrong, score.stray), (0, 0), "{score:?}");
    assert!(score.found >= 15 && score.overlap > 0.75, "{score:?}");
    // Without a model nothing is found, and nothing changes.
    let references = [LIGHT.reference(), DARK.reference()];
    let mut scene = room(1, 360, 640);
    LIGHT.draw(&mut scene, [100.0, 200.0, 126.0, 300.0], 1.0);
    assert!(find_products(&references, &scene).unwrap().is_empty());
}

#[test]
fn a_sister_is_told_or_left_undecided() {
    let model = onnx::thumbnail(14, None);
    let score = shown(&[LIGHT, SISTER], &[DARK], 30, &model);
    println!("{score:?}");
    assert_eq!((score.wrong, score.stray), (0, 0), "{score:?}");
    assert!(score.found + score.undecided >= 15, "{score:?}");
}
