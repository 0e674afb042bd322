//! Products with hardly any local features, found by a small embedding network that OpenCV really runs.
#![allow(clippy::unwrap_used)]

#[path = "common/onnx.rs"]
mod onnx;
#[path = "common/plain.rs"]
mod plain;

use plain::{DARK, LIGHT, SISTER, room, shown};
use reprise_checks::{
    ClipFacts, Evidence, EvidenceCollector, FoundBy, LookFor, NoAdviser, Phrases, Policy,
    ProductReference, check, check_product_model, find_products, find_products_with,
};
use reprise_media::view::{Observer, PictureView};
use reprise_model::{Kind, MediaDuration, MediaTime, Outcome, RuleId};

fn watched(
    references: &[ProductReference],
    model: Vec<u8>,
    seconds: f64,
    mut place: impl FnMut(f64) -> Option<[f64; 4]>,
) -> Evidence {
    let look_for =
        LookFor { products: references.to_vec(), product_model: model, ..LookFor::default() };
    let mut collector = EvidenceCollector::new(&look_for);
    let ground = room(4, 360, 640);
    for step in 0..(seconds * 10.0) as i64 {
        let time = MediaTime::from_ticks(step, 1, 10);
        let mut scene = ground.clone();
        if let Some(place) = place(time.seconds()) {
            LIGHT.draw(&mut scene, place, 1.0);
        }
        collector.picture(&PictureView {
            time,
            duration: MediaDuration::from_ticks(1, 1, 10),
            width: scene.width,
            height: scene.height,
            luma: &scene.pixels,
            luma_stride: scene.width,
            blue: &[],
            red: &[],
            chroma_stride: 0,
            chroma_width: 0,
            chroma_height: 0,
            full_range: true,
            corrupt: false,
        });
    }
    collector.finish(&NoAdviser).unwrap()
}

#[test]
fn plain_products_are_found_and_named_where_local_features_see_nothing() {
    let model = onnx::thumbnail(14, None);
    let score = shown(&[LIGHT, DARK], &[], 0..30, &model);
    assert_eq!((score.wrong, score.stray), (0, 0), "{score:?}");
    assert!(score.found >= 16 && score.overlap > 0.75, "{score:?}");
    // Without a model nothing is found, and nothing changes.
    let references = [LIGHT.reference(), DARK.reference()];
    let mut scene = room(1, 360, 640);
    LIGHT.draw(&mut scene, [100.0, 200.0, 126.0, 300.0], 1.0);
    assert!(find_products(&references, &scene).unwrap().is_empty());
}

#[test]
fn a_sister_is_told_or_left_undecided() {
    let model = onnx::thumbnail(14, None);
    let score = shown(&[LIGHT, SISTER], &[DARK], 0..30, &model);
    assert_eq!((score.wrong, score.stray), (0, 0), "{score:?}");
    assert!(score.found >= 3 && score.found + score.undecided >= 15, "{score:?}");
}

#[test]
fn a_plain_product_is_followed_and_what_a_likeness_cannot_tell_stays_unknown() {
    let references = [LIGHT.reference(), DARK.reference()];
    // It comes after a second, moves from the third on, and goes after six.
    let place = |time: f64| {
        let moved = 30.0 * (time - 3.0).max(0.0);
        (1.0..6.0).contains(&time).then_some([60.0 + moved, 200.0, 105.0, 250.0])
    };
    let evidence = watched(&references, onnx::thumbnail(14, None), 8.0, place);
    let seen = evidence.products.sightings();
    assert!(seen.len() >= 12, "{}", seen.len());
    for sighting in seen {
        assert_eq!((sighting.product.as_str(), &sighting.undecided), ("light", &None));
        assert_eq!((sighting.found_by, sighting.angle_degrees), (FoundBy::Likeness, None));
        let time = sighting.time.seconds();
        let [x, _, width, _] = place(time).unwrap_or_default();
        let middle = (sighting.corners[0][0] + sighting.corners[1][0]) / 2.0;
        assert!((middle - x - width / 2.0).abs() < 25.0, "{time}: {middle} for {x}");
        assert!((0.5..=1.0).contains(&sighting.score), "{}", sighting.score);
    }
    let (first, last) = (seen[0].time.seconds(), seen[seen.len() - 1].time.seconds());
    assert!(first < 1.5 && last > 5.2, "{first} to {last}");
    let facts = ClipFacts {
        width: 720,
        height: 1280,
        duration: MediaDuration::from_seconds(8.0),
        fps: 30.0,
        has_audio: false,
        evidence: &evidence,
        source: None,
        session: None,
        phrases: &Phrases::default(),
    };
    let verdicts = check(&facts, &Policy::default());
    for rule in [RuleId::ProductFront, RuleId::ProductFullyVisible] {
        let verdict = verdicts.iter().find(|verdict| verdict.rule == rule).unwrap();
        assert_eq!(verdict.verdict, Outcome::Unknown);
        assert!(verdict.detail.contains("by likeness alone"), "{}", verdict.detail);
    }
    // The same again gives the same.
    let again = watched(&references, onnx::thumbnail(14, None), 8.0, place);
    assert_eq!(again.products, evidence.products);
}

#[test]
fn a_model_that_does_not_fit_is_named_and_a_look_does_without() {
    for (model, why) in [
        (b"no network at all".to_vec(), "is no embedding model"),
        (Vec::new(), "is empty"),
        (onnx::thumbnail(14, None)[..150].to_vec(), "is no embedding model"),
        (onnx::of_other_size(), "is no embedding model"),
        (onnx::of_nothing(), "answers the same whatever it is shown"),
    ] {
        let error = check_product_model(&model).unwrap_err();
        assert_eq!(error.kind, Kind::Malformed);
        assert!(error.to_string().contains(why), "{error}");
    }
    let broken = onnx::of_other_size();
    let references = [LIGHT.reference()];
    assert!(find_products_with(&references, &room(1, 360, 640), &broken).is_err());
    let evidence = watched(&references, broken, 1.0, |_| Some([60.0, 200.0, 105.0, 250.0]));
    assert!(evidence.products.searched && evidence.products.sightings().is_empty());
}

#[test]
fn a_model_of_one_picture_at_a_time_says_the_same() {
    let references = [LIGHT.reference(), DARK.reference()];
    let mut scene = room(12, 360, 640);
    LIGHT.draw(&mut scene, [100.0, 200.0, 126.0, 300.0], 1.0);
    let many = find_products_with(&references, &scene, &onnx::thumbnail(14, None)).unwrap();
    let single = find_products_with(&references, &scene, &onnx::thumbnail(14, Some(1))).unwrap();
    assert_eq!(many.len(), 1);
    assert_eq!(many, single);
    // Pictures that are torn or tiny do no harm.
    for (width, height) in [(0, 0), (33, 9), (40, 40), (64, 2000)] {
        let picture =
            reprise_checks::GrayPicture { width, height, pixels: vec![9; width * height] };
        let found = find_products_with(&references, &picture, &onnx::thumbnail(14, None));
        assert!(found.unwrap().is_empty());
    }
    assert!(find_products(&references, &scene).unwrap().is_empty());
}
