//! Products in stills and in recordings, against truth that is known.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::shared;
use reprise_checks::{
    ClipFacts, Evidence, EvidenceCollector, GrayPicture, LookFor, NoAdviser, Phrases, Policy,
    ProductReference, SessionFacts, check, find_products,
};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::session::Product;
use reprise_model::{MediaTime, Outcome, RuleId, Span, Verdict, WallTime};

fn gray(file: &Path) -> GrayPicture {
    let picture = image::open(file).unwrap().to_luma8();
    GrayPicture {
        width: picture.width() as usize,
        height: picture.height() as usize,
        pixels: picture.into_raw(),
    }
}

fn reference(id: &str, file: &Path) -> ProductReference {
    ProductReference { id: id.to_owned(), pictures: vec![gray(file)] }
}

fn worst(found: &[[f64; 2]; 4], truth: &[[f64; 2]; 4]) -> f64 {
    found.iter().zip(truth).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).fold(0.0, f64::max)
}

/// All references of the package photos.
fn groceries() -> Option<Vec<ProductReference>> {
    let folder = shared("data/product/grocery")?;
    let mut kinds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|k| k.unwrap().path()).collect();
    kinds.sort();
    let named = |kind: &Path| {
        let id = kind.file_name().unwrap().to_str().unwrap().to_owned();
        reference(&id, &kind.join(format!("reference_{id}.jpg")))
    };
    Some(kinds.iter().map(|kind| named(kind)).collect())
}

#[test]
fn a_box_in_clutter_is_found_to_the_pixel() {
    let Some(scene) = shared("data/product/box_in_scene.png") else { return };
    let references = [reference("box", &scene.with_file_name("box.png"))];
    let found = find_products(&references, &gray(&scene)).unwrap();
    let truth = [[119.0, 161.0], [285.0, 175.0], [268.0, 299.0], [89.0, 273.0]];
    assert_eq!(found.len(), 1);
    assert!(worst(&found[0].corners, &truth) <= 5.0, "{:?}", found[0].corners);
    assert!(found[0].whole && found[0].undecided.is_none());
}

#[test]
fn packages_are_told_from_their_sisters() {
    let Some(references) = groceries() else { return };
    let Some(folder) = shared("data/product/grocery") else { return };
    let mut right = 0;
    // Three of each: all 36 are in the example.
    for (kind, photos) in [
        ("Arla-Standard-Milk", [1, 6, 11]),
        ("God-Morgon-Apple-Juice", [2, 4, 8]),
        ("Tropicana-Apple-Juice", [1, 4, 9]),
    ] {
        for number in photos {
            let photo = folder.join(kind).join(format!("{kind}_{number:03}.jpg"));
            let found = find_products(&references, &gray(&photo)).unwrap();
            let Some(best) = found.first() else { continue };
            assert!(best.product == kind || best.undecided.is_some(), "{}", photo.display());
            right += usize::from(best.product == kind && best.undecided.is_none());
        }
    }
    assert!(right >= 6, "{right} of 9");
}

#[test]
fn the_sister_of_a_product_is_no_evidence_of_it() {
    // The references themselves, each seen by a camera: sisters must never be taken for each other.
    let Some(references) = groceries() else { return };
    for shown in &references {
        let picture = &shown.pictures[0];
        let found = find_products(&references, picture).unwrap();
        let best = found.first().unwrap();
        assert_eq!((&best.product, &best.undecided), (&shown.id, &None));
        assert!(best.angle_degrees.unwrap() < 12.0 && best.visible_share > 0.9, "{best:?}");
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let Some(references) = groceries() else { return };
    let Some(scene) = shared("data/product/box_in_scene.png") else { return };
    assert!(find_products(&references, &gray(&scene)).unwrap().is_empty());
    let flat = GrayPicture { width: 200, height: 200, pixels: vec![128; 40_000] };
    assert!(find_products(&references, &flat).unwrap().is_empty());
    let torn = GrayPicture { width: 200, height: 200, pixels: vec![128; 100] };
    assert!(find_products(&references, &torn).unwrap().is_empty());
    let blank = [ProductReference { id: "blank".to_owned(), pictures: vec![flat, torn] }];
    assert!(find_products(&blank, &gray(&scene)).unwrap().is_empty());
}

/// A clip of a LIVE with its products' pictures searched for.
fn clip(live: &str, from: f64, to: f64) -> Option<Evidence> {
    let folder = shared("lives")?.join(live);
    let text = std::fs::read_to_string(folder.join("products.json")).unwrap();
    let products: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut look_for = LookFor::default();
    for product in &products {
        let file = folder.join(product["pictures"][0].as_str().unwrap());
        look_for.products.push(reference(product["id"].as_str().unwrap(), &file));
    }
    let source = FileSource::open(&folder.join("live.flv")).unwrap();
    let media = probe(source.clone()).unwrap();
    let span = Span::from_seconds(from, to);
    let mut collector = EvidenceCollector::new(&look_for);
    look(source, &media, &WindowOptions { span, size: None, threads: 1 }, &mut collector).unwrap();
    Some(collector.finish(&NoAdviser).unwrap())
}

fn verdict(evidence: &Evidence, linked: &str, rule: RuleId) -> Verdict {
    let products: Vec<Product> = (0..8)
        .map(|n| format!("p{n:03}"))
        .map(|id| serde_json::from_value(serde_json::json!({ "id": id, "title": id })).unwrap())
        .collect();
    let linked = [linked.to_owned()];
    let facts = ClipFacts {
        width: 720,
        height: 1280,
        duration: evidence.span().duration(),
        fps: 30.0,
        has_audio: true,
        evidence,
        source: None,
        session: Some(SessionFacts {
            session_id: "s",
            zero: WallTime::parse("2026-11-20T12:00:00Z").unwrap(),
            has_log: false,
            events: &[],
            product_uses: &BTreeMap::new(),
            languages: &[],
            brands: &[],
            products: &products,
            clip_products: &linked,
            clip_span: Some(evidence.span()),
        }),
        phrases: &Phrases::default(),
    };
    check(&facts, &Policy::default()).into_iter().find(|verdict| verdict.rule == rule).unwrap()
}

fn outcomes(evidence: &Evidence, linked: &str) -> [Outcome; 4] {
    [
        RuleId::ProductMatch,
        RuleId::ProductFront,
        RuleId::ProductFirstSecond,
        RuleId::ProductFullyVisible,
    ]
    .map(|rule| verdict(evidence, linked, rule).verdict)
}

use Outcome::{Fail, Pass};

#[test]
fn a_product_shown_from_the_front_passes_and_lies_on_the_true_corners() {
    let Some(evidence) = clip("real-footage-clean", 226.0, 238.0) else { return };
    assert_eq!(outcomes(&evidence, "p003"), [Pass; 4]);
    assert_eq!(verdict(&evidence, "p003", RuleId::ProductInLive).verdict, Pass);
    assert_eq!(verdict(&evidence, "p003", RuleId::VisualDemonstration).verdict, Pass);
    let truth = shared("lives/real-footage-clean/truth.json").unwrap();
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(truth).unwrap()).unwrap();
    let quads = truth["pitches"][4]["quads"].as_array().unwrap();
    let seen = evidence.products.sightings();
    let mut compared = 0;
    for row in quads {
        let time = row[0].as_f64().unwrap();
        let corners: [[f64; 2]; 4] = serde_json::from_value(row[1].clone()).unwrap();
        let next = seen.iter().position(|s| s.time.seconds() >= time).unwrap_or(0);
        if next == 0 || (seen[next].time - seen[next - 1].time).seconds() > 0.3 {
            continue;
        }
        let (before, after) = (&seen[next - 1], &seen[next]);
        let part = (time - before.time.seconds()) / (after.time - before.time).seconds();
        let between: [[f64; 2]; 4] = std::array::from_fn(|k| {
            [0, 1].map(|axis| {
                let (a, b) = (before.corners[k][axis], after.corners[k][axis]);
                a + part * (b - a)
            })
        });
        compared += 1;
        assert!(worst(&between, &corners) <= 12.0, "{time}: {between:?}");
    }
    assert!(compared >= 2, "{compared}");
}

#[test]
fn a_tilted_a_cut_off_and_a_late_product_fail_their_rule_alone() {
    let Some(tilted) = clip("real-footage-clean", 492.0, 500.0) else { return };
    assert_eq!(outcomes(&tilted, "p007"), [Pass, Fail, Pass, Pass]);
    let angle = verdict(&tilted, "p007", RuleId::ProductFront).measured.unwrap();
    assert!((angle - 62.0).abs() < 6.0, "{angle}");
    let Some(cut_off) = clip("real-footage-clean", 26.0, 34.0) else { return };
    assert_eq!(outcomes(&cut_off, "p001"), [Pass, Pass, Pass, Fail]);
    let Some(late) = clip("real-footage-clean", 179.0, 191.0) else { return };
    assert_eq!(outcomes(&late, "p003"), [Pass, Pass, Fail, Fail]);
    let after = verdict(&late, "p003", RuleId::ProductFirstSecond).measured.unwrap();
    assert!((after - 7.0).abs() < 0.4, "{after}");
}

#[test]
fn a_swapped_product_is_named_with_its_runner_up() {
    let Some(evidence) = clip("real-footage-clean", 271.0, 279.0) else { return };
    let found = verdict(&evidence, "p003", RuleId::ProductMatch);
    assert_eq!(found.verdict, Fail);
    assert!(found.detail.contains("`p004`") && found.detail.contains("next is `p001`"));
    assert!(!found.evidence.is_empty());
    // Linked to what is shown it passes.
    assert_eq!(verdict(&evidence, "p004", RuleId::ProductMatch).verdict, Pass);
    assert_eq!(evidence.products.main_product(evidence.span()), Some("p004"));
    // A part of it answers for itself, on its own time line.
    let part = evidence.within(Span::from_seconds(274.0, 276.0));
    let moved = part.shifted(MediaTime::ZERO - MediaTime::from_seconds(274.0));
    let first = moved.products.first_seen("p004", Span::from_seconds(0.0, 2.0)).unwrap();
    assert!(first.seconds() < 0.3, "{}", first.seconds());
}

#[test]
fn without_pictures_every_product_rule_is_unknown() {
    let evidence = Evidence::default();
    assert_eq!(outcomes(&evidence, "p001"), [Outcome::Unknown; 4]);
    assert!(!evidence.products.searched);
}
