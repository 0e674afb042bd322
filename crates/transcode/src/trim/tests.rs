//! The search on made sound, with what must be kept and what must be left out.

use reprise_checks::{EvidenceCollector, LookFor, NoAdviser};
use reprise_media::view::{Observer, SoundView};

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
