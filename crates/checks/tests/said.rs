//! What is said: sentences in four languages with what a careful listener would mark in them.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;

use reprise_checks::said::{ListenFor, SaidKind, listen_for};
use reprise_checks::{Phrases, Policy, SpokenWord, Transcript};
use reprise_model::MediaTime;
use reprise_model::session::{Product, SellingPoint};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    words: String,
    #[serde(default)]
    said: Vec<String>,
    #[serde(default)]
    not_said: Vec<String>,
    kinds: BTreeSet<SaidKind>,
}

/// Words said one after the other, 0.3 s each.
fn spoken(text: &str) -> Transcript {
    let mut words = Vec::new();
    for (index, word) in text.split_whitespace().enumerate() {
        let start = MediaTime::from_seconds(index as f64 * 0.3);
        let end = MediaTime::from_seconds(index as f64 * 0.3 + 0.28);
        words.push(SpokenWord { text: word.to_owned(), start, end, confidence: 1.0 });
    }
    Transcript { words, ..Transcript::default() }
}

fn product(points: impl IntoIterator<Item = String>) -> Product {
    Product {
        id: "p1".to_owned(),
        title: "A product".to_owned(),
        price: None,
        unit_cost: None,
        brand: None,
        selling_points: points
            .into_iter()
            .map(|text| SellingPoint { text, unique: false })
            .collect(),
        pictures: Vec::new(),
    }
}

/// True and false positives and false negatives.
#[derive(Default)]
struct Tally(usize, usize, usize);

impl Tally {
    fn precision(&self) -> f64 {
        self.0 as f64 / (self.0 + self.1).max(1) as f64
    }
    fn recall(&self) -> f64 {
        self.0 as f64 / (self.0 + self.2).max(1) as f64
    }
}

#[test]
fn what_is_said_is_found_and_near_misses_are_not() {
    let cases: Cases = toml::from_str(include_str!("data/said.toml")).unwrap();
    assert!(cases.case.len() >= 60, "{} sentences", cases.case.len());
    let phrases = Phrases::built_in();
    let score_min = Policy::default().speech.point_score_min;
    let (mut points, mut kinds) = (Tally::default(), Tally::default());
    for case in &cases.case {
        let product = product(case.said.iter().chain(&case.not_said).cloned());
        let wanted = ListenFor { products: &[product], names: &[], score_min };
        let found = listen_for(&spoken(&case.words), &wanted, &phrases);
        let said: BTreeSet<&str> = found.benefits.iter().map(|b| b.text.as_str()).collect();
        for point in &case.said {
            if said.contains(point.as_str()) {
                points.0 += 1;
            } else {
                points.2 += 1;
                println!("missed `{point}` in `{}`", case.words);
            }
        }
        for point in case.not_said.iter().filter(|point| said.contains(point.as_str())) {
            points.1 += 1;
            println!("wrongly found `{point}` in `{}`", case.words);
        }
        let heard: BTreeSet<SaidKind> = found.said.iter().map(|said| said.kind).collect();
        kinds.0 += heard.intersection(&case.kinds).count();
        kinds.1 += heard.difference(&case.kinds).count();
        kinds.2 += case.kinds.difference(&heard).count();
        for kind in heard.symmetric_difference(&case.kinds) {
            let by: Vec<_> =
                found.said.iter().filter(|s| s.kind == *kind).map(|s| (&s.by, &s.words)).collect();
            println!("{kind:?} {by:?} in `{}`", case.words);
        }
    }
    println!(
        "{} sentences: points precision {:.3} recall {:.3} ({} said); kinds precision {:.3} recall {:.3} ({})",
        cases.case.len(),
        points.precision(),
        points.recall(),
        points.0 + points.2,
        kinds.precision(),
        kinds.recall(),
        kinds.0 + kinds.2,
    );
    assert!(points.precision() >= 0.97 && points.recall() >= 0.9);
    assert!(kinds.precision() >= 0.9 && kinds.recall() >= 0.9);
}
