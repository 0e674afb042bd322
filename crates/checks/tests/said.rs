//! What is said: sentences in four languages with what a careful listener would mark in them.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;

use reprise_checks::said::{ListenFor, SaidKind, listen_for, speech_rate};
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

/// How well points and kinds are found, with a word on each mistake.
fn judged(data: &str) -> (usize, Tally, Tally) {
    let cases: Cases = toml::from_str(data).unwrap();
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
                eprintln!("missed `{point}` in `{}`", case.words);
            }
        }
        for point in case.not_said.iter().filter(|point| said.contains(point.as_str())) {
            points.1 += 1;
            eprintln!("wrongly found `{point}` in `{}`", case.words);
        }
        let heard: BTreeSet<SaidKind> = found.said.iter().map(|said| said.kind).collect();
        kinds.0 += heard.intersection(&case.kinds).count();
        kinds.1 += heard.difference(&case.kinds).count();
        kinds.2 += case.kinds.difference(&heard).count();
        for kind in heard.symmetric_difference(&case.kinds) {
            let by: Vec<_> =
                found.said.iter().filter(|s| s.kind == *kind).map(|s| (&s.by, &s.words)).collect();
            eprintln!("{kind:?} {by:?} in `{}`", case.words);
        }
    }
    eprintln!(
        "{} sentences: points precision {:.3} recall {:.3} ({} said); kinds precision {:.3} recall {:.3} ({})",
        cases.case.len(),
        points.precision(),
        points.recall(),
        points.0 + points.2,
        kinds.precision(),
        kinds.recall(),
        kinds.0 + kinds.2,
    );
    (cases.case.len(), points, kinds)
}

#[test]
fn what_is_said_is_found_and_near_misses_are_not() {
    let (count, points, kinds) = judged(include_str!("data/said.toml"));
    assert!(count >= 60, "{count} sentences");
    assert!(points.precision() >= 0.97 && points.recall() >= 0.95);
    assert!(kinds.precision() >= 0.9 && kinds.recall() >= 0.95);
}

#[test]
fn sentences_that_were_written_later_are_understood_too() {
    let (_, points, kinds) = judged(include_str!("data/said_unseen.toml"));
    assert!(points.precision() >= 0.95 && points.recall() >= 0.8);
    assert!(kinds.precision() >= 0.8 && kinds.recall() >= 0.7);
}

#[test]
fn answers_to_named_viewers_and_hurried_speech_are_told() {
    let phrases = Phrases::built_in();
    let transcript =
        spoken("so Budi this one is for you and @rina_87 as well, um, er, nice colour isn't it");
    let names = ["budi".to_owned()];
    let wanted = ListenFor { products: &[], names: &names, score_min: 0.6 };
    let found = listen_for(&transcript, &wanted, &phrases);
    assert_eq!(found.spans(SaidKind::Answer).len(), 2);
    let rate = speech_rate(&transcript, &phrases).unwrap();
    // 17 words of 0.28 s each.
    assert!((190.0..230.0).contains(&rate.words_per_minute), "{rate:?}");
    assert!((0.08..0.2).contains(&rate.hesitation), "{rate:?}");
    assert!(speech_rate(&spoken("too short"), &phrases).is_none());
}

#[test]
fn a_language_is_added_by_a_file_alone() {
    let swahili = "language = \"sw\"\nname = \"Swahili\"\n[numbers]\nmbili = 2\n\
                   [price]\nafter = { shilingi = \"KES\" }\n[says]\ncall_to_action = [\"bonyeza (kikapu|hapa)\"]\n";
    let phrases = Phrases::from_toml_files([("sw.toml", swahili)]).unwrap();
    let wanted = ListenFor { score_min: 0.6, ..ListenFor::default() };
    let found = listen_for(&spoken("bonyeza kikapu sasa, mbili shilingi"), &wanted, &phrases);
    let kinds: Vec<_> = found.said.iter().map(|said| (said.kind, said.by.as_str())).collect();
    assert_eq!(
        kinds,
        [(SaidKind::CallToAction, "bonyeza (kikapu|hapa)"), (SaidKind::Price, "2 KES")]
    );
}
