//! The search on made sound, with what must be kept and what must be left out.

use reprise_checks::{EvidenceCollector, LookFor, NoAdviser};
use reprise_media::view::{Observer, SoundView};

use reprise_model::MediaDuration;

use super::*;

/// Sound with words everywhere but in the given pauses.
fn speech(length_s: f64, pauses: &[(f64, f64)]) -> Evidence {
    let rate = 48_000u32;
    let mut noise = 1u32;
    let samples: Vec<f32> = (0..(length_s * f64::from(rate)) as usize)
        .map(|index| {
            let t = index as f64 / f64::from(rate);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / 16_777_216.0 - 0.5;
            if pauses.iter().any(|&(from, to)| t >= from && t < to) {
                return hiss * 0.001;
            }
            // Syllables of a fifth of a second on a buzz.
            let beat = (t * 5.0 * std::f64::consts::TAU).sin() * 0.5 + 0.6;
            let buzz = (1..8).map(|h| (t * 140.0 * f64::from(h) * std::f64::consts::TAU).sin());
            (buzz.sum::<f64>() * 0.06 * beat) as f32 + hiss * 0.001
        })
        .collect();
    let mut collector = EvidenceCollector::new(&LookFor::default());
    for (index, run) in samples.chunks(1024).enumerate() {
        collector.sound(&SoundView {
            time: MediaTime::from_samples(index as i64 * 1024, rate),
            sample_rate: rate,
            channels: &[run],
        });
    }
    collector.finish(&NoAdviser).unwrap()
}

fn run(evidence: &Evidence, moment: (f64, f64), avoid: &[Avoid]) -> Result<Trim, TrimRefusal> {
    trim(&TrimInput {
        moment: Span::from_seconds(moment.0, moment.1),
        window: Span::from_seconds((moment.0 - 6.0).max(0.0), moment.1 + 6.0),
        evidence,
        avoid,
        key_pictures: &[],
        wanted: &Wanted::default(),
        said: &[],
        policy: &Policy::default(),
        settings: &TrimSettings::default(),
    })
}

#[test]
fn a_key_picture_in_the_same_pause_is_preferred_and_one_in_a_word_is_not() {
    let evidence = speech(40.0, &[(8.0, 8.8), (14.0, 14.5), (29.0, 29.8), (34.0, 34.4)]);
    let cut = |key_pictures: &[MediaTime]| {
        let found = trim(&TrimInput {
            moment: Span::from_seconds(10.0, 28.0),
            window: Span::from_seconds(4.0, 34.0),
            evidence: &evidence,
            avoid: &[],
            key_pictures,
            wanted: &Wanted::default(),
            said: &[],
            policy: &Policy::default(),
            settings: &TrimSettings::default(),
        });
        found.unwrap().span
    };
    let plain = cut(&[]);
    let at = MediaTime::from_seconds;
    let on_key = cut(&[at(6.4), at(8.45), at(10.45), at(29.4)]);
    assert_eq!((on_key.start, on_key.end), (at(8.45), at(29.4)));
    assert_ne!(plain, on_key);
    assert_eq!(cut(&[at(7.5), at(9.5), at(28.5)]), plain);
}

#[test]
fn edges_go_to_pauses() {
    let evidence = speech(40.0, &[(8.0, 8.6), (14.0, 14.5), (29.0, 29.7), (34.0, 34.4)]);
    let cut = run(&evidence, (10.0, 28.0), &[]).unwrap().span;
    assert!((8.0..8.7).contains(&cut.start.seconds()), "{cut:?}");
    assert!((28.9..29.7).contains(&cut.end.seconds()), "{cut:?}");
}

#[test]
fn what_must_be_avoided_is_cut_away() {
    let evidence = speech(40.0, &[(8.0, 8.6), (15.0, 15.5), (29.0, 29.7)]);
    let avoid = [Avoid {
        span: Span::from_seconds(12.0, 13.0),
        rule: RuleId::ComplianceViolation,
        detail: "flagged".to_owned(),
    }];
    let cut = run(&evidence, (10.0, 28.0), &avoid).unwrap();
    assert!(!cut.span.overlaps(avoid[0].span), "{cut:?}");
    assert!(cut.span.start.seconds() > 15.0, "{cut:?}");
    assert!(cut.notes.iter().any(|note| note.contains("compliance.violation")), "{cut:?}");
}

#[test]
fn where_nothing_is_left_the_rule_is_named() {
    let evidence = speech(40.0, &[]);
    let avoid: Vec<Avoid> = (0..10)
        .map(|index| Avoid {
            span: Span::from_seconds(f64::from(index) * 4.0, f64::from(index) * 4.0 + 1.0),
            rule: RuleId::ComplianceViolation,
            detail: "flagged".to_owned(),
        })
        .collect();
    let refusal = run(&evidence, (10.0, 28.0), &avoid).unwrap_err();
    assert_eq!(refusal.rule, RuleId::ComplianceViolation);
}

#[test]
fn clips_stay_within_their_lawful_length() {
    let evidence = speech(100.0, &[]);
    let cut = run(&evidence, (10.0, 90.0), &[]).unwrap().span;
    assert!(cut.seconds() < 60.0 && cut.seconds() > 5.0, "{cut:?}");
}

/// A product in view, whole and facing the camera, from one second to another.
fn shown(evidence: &mut Evidence, product: &str, from: f64, to: f64) {
    let mut found = serde_json::to_value(&evidence.products).unwrap();
    let seen: Vec<serde_json::Value> = (0..((to - from) * 5.0) as usize)
        .map(|step| {
            serde_json::json!({
                "time": MediaTime::from_seconds(from + step as f64 / 5.0), "product": product,
                "undecided": null,
                "corners": [[200.0, 400.0], [400.0, 400.0], [400.0, 700.0], [200.0, 700.0]],
                "picture_size": [720, 1280], "whole": true, "angle_degrees": 5.0, "visible_share": 0.9, "picture_share": 0.07,
                "score": 40.0, "runner_up": null,
            })
        })
        .collect();
    found["searched"] = true.into();
    found["products"] = serde_json::json!([{ "id": product, "features": 300 }]);
    found["sightings"] = seen.into();
    evidence.products = serde_json::from_value(found).unwrap();
}

/// Words of 0.3 s, one after the other.
fn words(evidence: &mut Evidence, spoken: &[(f64, &str)]) {
    let word = |&(at, text): &(f64, &str)| reprise_checks::SpokenWord {
        text: text.to_owned(),
        start: MediaTime::from_seconds(at),
        end: MediaTime::from_seconds(at + 0.3),
        confidence: 1.0,
    };
    let transcript = reprise_checks::Transcript {
        words: spoken.iter().map(word).collect(),
        ..Default::default()
    };
    evidence.transcript = Some(transcript);
}

/// The search around a moment from 10 to 28 s.
fn find(evidence: &Evidence, wanted: &Wanted, said: &[SaidRule]) -> Trim {
    trim(&TrimInput {
        moment: Span::from_seconds(10.0, 28.0),
        window: Span::from_seconds(4.0, 34.0),
        evidence,
        avoid: &[],
        key_pictures: &[],
        wanted,
        said,
        policy: &Policy::default(),
        settings: &TrimSettings::default(),
    })
    .unwrap()
}

const PAUSES: [(f64, f64); 7] = [
    (8.0, 8.6),
    (12.0, 12.6),
    (15.2, 15.9),
    (18.0, 18.6),
    (24.0, 24.6),
    (29.0, 29.7),
    (32.0, 32.5),
];

#[test]
fn a_clip_begins_where_its_product_comes_into_view() {
    let mut evidence = speech(40.0, &PAUSES);
    let wanted = Wanted { product_ids: vec!["p1".to_owned()], ..Wanted::default() };
    let plain = find(&evidence, &wanted, &[]);
    assert!(plain.span.start.seconds() < 12.0, "{plain:?}");
    shown(&mut evidence, "p1", 16.0, 30.0);
    let late = find(&evidence, &wanted, &[]);
    let start = late.span.start.seconds();
    assert!((14.9..16.0).contains(&start), "{late:?}");
    assert!(late.notes.iter().any(|note| note.contains("`p1` is in view")), "{late:?}");
    // What comes only at the end is not worth the moment.
    shown(&mut evidence, "p1", 27.0, 30.0);
    assert!(find(&evidence, &wanted, &[]).span.start.seconds() < 12.0);
}

#[test]
fn words_stay_whole_and_what_sells_stays_in() {
    let mut evidence = speech(40.0, &PAUSES);
    // A word lies in what sounds like a pause.
    words(&mut evidence, &[(8.2, "so"), (9.0, "this"), (29.1, "sugar"), (29.5, "free")]);
    let cut = find(&evidence, &Wanted::default(), &[]).span;
    for word in &evidence.transcript.as_ref().unwrap().words {
        let inside = |at: MediaTime| word.start < at && at < word.end;
        assert!(!inside(cut.start) && !inside(cut.end), "{cut:?} cuts {word:?}");
    }
    let benefit = SaidRule { rule: RuleId::SpeechBenefit, span: Span::from_seconds(29.1, 31.9) };
    let with = find(&evidence, &Wanted::default(), &[benefit]);
    assert!(with.span.end >= benefit.span.end && cut.end < benefit.span.end, "{with:?}");
    assert!(with.notes.iter().any(|note| note.contains("a key benefit")), "{with:?}");
}

#[test]
fn a_clip_does_not_go_on_after_its_offer() {
    let evidence = speech(40.0, &PAUSES);
    let ended = MediaTime::from_seconds(24.3);
    let wanted = Wanted { offers_end: vec![ended], ..Wanted::default() };
    let before = find(&evidence, &Wanted::default(), &[]).span;
    let after = find(&evidence, &wanted, &[]).span;
    assert!(
        before.end > ended && after.end <= ended + MediaDuration::from_seconds(1.0),
        "{after:?}"
    );
}
