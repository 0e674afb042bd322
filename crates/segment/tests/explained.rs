//! Every kind of verdict on a second, on sessions made by hand; and that what is explained is what
//! was segmented.

#![allow(clippy::unwrap_used, clippy::panic)]

mod by_hand;

use by_hand::{
    DURATION_S, answers, at, chatter, comment, giveaway, input, order, pin, pitch, run, viewers,
    zero,
};
use reprise_model::event::{Edge, Event, EventKind};
use reprise_model::explanation::{Answer, Explanation, Forbidden};
use reprise_model::moment::Signal;
use reprise_model::series::MarkKind;
use reprise_model::{Kind, MediaDuration, MediaTime, Span};
use reprise_segment::{Settings, explain};

#[track_caller]
fn told_with(events: &[Event], recorded: &[Span], settings: &Settings, at_s: f64) -> Explanation {
    explain(&input(&events.iter().collect(), recorded), settings, MediaTime::from_seconds(at_s))
        .unwrap()
}

#[track_caller]
fn told(events: &[Event], at_s: f64) -> Explanation {
    told_with(events, &[], &Settings::default(), at_s)
}

/// Orders of `product` that answer a call at `start_s`.
fn called(start_s: f64, product: &str, count: u32) -> Vec<Event> {
    let orders = answers(start_s, count, 30.0).enumerate();
    orders
        .map(|(i, when)| order(when, &format!("{product}{start_s}-{i}"), product, "10.00"))
        .collect()
}

#[test]
fn a_chosen_second_names_its_moment() {
    let events = pitch("10.00");
    let found = run(&events);
    let best = &found.moments[0];
    let middle_s = 0.5 * (best.span.start.seconds() + best.span.end.seconds());
    let told = told(&events, middle_s);
    let Answer::Chosen { moment_id, rank: 1, confident: true, evidence_nats } = &told.answers[0]
    else {
        panic!("{:?}", told.answers)
    };
    assert_eq!((moment_id.as_str(), *evidence_nats > told.threshold_nats), ("m-01", true));
    let candidate = &told.candidates[0];
    assert!(candidate.covers && candidate.span == best.span);
    assert_eq!(candidate.product_ids, best.product_ids);
    assert_eq!((&candidate.causes, &candidate.attributed), (&best.causes, &best.attributed));
    assert!((candidate.score - best.score).abs() < 0.006 && candidate.worth >= candidate.score);
    assert_eq!(told.lag, found.lag);
    assert_eq!(told.wall_time, zero().plus(MediaDuration::from_seconds(middle_s)));
    assert!(told.on.iter().any(|on| on.kind == MarkKind::Pin && on.label == "a"));
    // The reaction is looked for after the lag, not at the second itself.
    let orders = told.signals.iter().find(|r| r.signal == Signal::Orders).unwrap();
    assert!(
        orders.seen_start.seconds() > middle_s + 5.0 && orders.ratio.unwrap() > 2.0,
        "{orders:?}"
    );
    assert!(told.signals.iter().any(|r| r.signal == Signal::Viewers));
}

#[test]
fn a_chosen_second_that_is_not_certain_says_so() {
    let mut events = vec![pin(100.0, "b"), pin(500.0, "a"), pin(800.0, "b")];
    events.extend(called(600.0, "a", 2));
    events
        .extend((0..8).map(|i| order(90.0 + 210.0 * f64::from(i), &format!("u{i}"), "b", "10.00")));
    let found = run(&events);
    let moment = found.moments.iter().find(|m| m.product_ids == ["a"]).unwrap();
    assert!(!moment.confident);
    let here = told(&events, moment.span.start.seconds() + 1.0);
    assert!(
        matches!(&here.answers[0], Answer::Chosen { confident: false, .. }),
        "{:?}",
        here.answers
    );

    let none = Settings { max_moments: 0, ..Settings::default() };
    let told = told_with(&events, &[], &none, moment.span.start.seconds() + 1.0);
    assert!(matches!(told.answers[0], Answer::BeyondList { most: 0, confident: false, .. }));
    assert!(matches!(told.answers[1], Answer::Weak { .. }), "{:?}", told.answers);
}

#[test]
fn the_spike_belongs_to_the_pitch_before_it() {
    let told = told(&pitch("10.00"), 650.0);
    let earlier = told.answers.iter().find_map(|answer| match answer {
        Answer::BelongsEarlier { moment_id, signal, share, .. } => Some((moment_id, signal, share)),
        _ => None,
    });
    let (moment_id, signal, share) = earlier.unwrap_or_else(|| panic!("{:?}", told.answers));
    assert_eq!((moment_id.as_deref(), *signal), (Some("m-01"), Signal::Orders));
    assert!(*share > 0.5);
    assert!(!told.answers.iter().any(|answer| matches!(answer, Answer::Chosen { .. })));
    assert!(told.candidates.iter().all(|candidate| !candidate.covers));
}

#[test]
fn where_nothing_answers_there_is_no_cause() {
    let told = told(&pitch("10.00"), 1500.0);
    let Answer::NoCause { evidence_nats, threshold_nats } = told.answers[0] else {
        panic!("{:?}", told.answers)
    };
    assert!(evidence_nats < 3.0 && threshold_nats > 8.0);
    assert!(!told.candidates.is_empty(), "the nearest are named");
}

#[test]
fn rehearsal_violation_and_gap_are_named() {
    let mut events = pitch("10.00");
    events.push(at(0.0, EventKind::Rehearsal { state: Edge::Start }));
    events.push(at(60.0, EventKind::Rehearsal { state: Edge::End }));
    events.push(at(610.0, EventKind::Violation { rule: Some("noise".into()) }));
    let recorded = [Span::from_seconds(0.0, 1000.0), Span::from_seconds(1100.0, DURATION_S)];
    for (at_s, why, start_s, end_s) in [
        (30.0, Forbidden::Rehearsal, 0.0, 60.0),
        (610.5, Forbidden::Violation, 610.0, 611.0),
        (1050.0, Forbidden::Gap, 1000.0, 1100.0),
    ] {
        let told = told_with(&events, &recorded, &Settings::default(), at_s);
        let span = Span::from_seconds(start_s, end_s);
        assert_eq!(told.answers[0], Answer::Forbidden { why, span });
        assert!(!told.answers.iter().any(|answer| matches!(answer, Answer::Chosen { .. })));
    }
}

#[test]
fn a_used_quota_names_the_moments_that_used_it() {
    let mut events: Vec<Event> = (0..6)
        .map(|i| pin(100.0 + 250.0 * f64::from(i), if i % 2 == 0 { "a" } else { "b" }))
        .collect();
    for (start_s, count) in [(200.0, 30), (700.0, 24), (1200.0, 18)] {
        events.extend(called(start_s, "a", count));
    }
    let settings = Settings { max_per_product: 2, ..Settings::default() };
    let told = told_with(&events, &[], &settings, 1210.0);
    let wanted = Answer::QuotaUsed {
        product_id: "a".into(),
        most: 2,
        by: vec!["m-01".into(), "m-02".into()],
    };
    assert_eq!(told.answers[0], wanted);
    assert_eq!(told.candidates[0].became, wanted);
}

#[test]
fn a_full_list_says_which_rank_it_would_have_been() {
    let mut events: Vec<Event> = ["a", "b", "c"]
        .iter()
        .enumerate()
        .map(|(i, product)| pin(100.0 + 400.0 * i as f64, product))
        .chain([pin(1300.0, "d")])
        .collect();
    for (start_s, product, count) in [(200.0, "a", 30), (600.0, "b", 24), (1000.0, "c", 18)] {
        events.extend(called(start_s, product, count));
    }
    let settings = Settings { max_moments: 1, ..Settings::default() };
    for (at_s, rank) in [(610.0, 2), (1010.0, 3)] {
        let told = told_with(&events, &[], &settings, at_s);
        let wanted = Answer::BeyondList { rank, most: 1, confident: true };
        assert_eq!(told.answers[0], wanted);
    }
}

#[test]
fn a_better_one_over_it_is_named() {
    // Two pins that meet, with a call at the end of one and at the beginning of the other.
    let mut events = vec![pin(100.0, "a"), pin(600.0, "b"), pin(1000.0, "c")];
    events.extend(called(575.0, "a", 12));
    events.extend(called(601.0, "b", 40));
    let settings = Settings { min_s: 40.0, ..Settings::default() };
    let found = reprise_segment::segment(&input(&events.iter().collect(), &[]), &settings);
    assert_eq!(found.moments[0].product_ids, ["b"]);
    let told = (560..600)
        .map(|at_s| told_with(&events, &[], &settings, f64::from(at_s)))
        .find(|told| matches!(told.answers[0], Answer::Overlapped { .. }));
    let told = told.expect("the windows of the two calls meet");
    let Answer::Overlapped { by, theirs, ours, by_evidence: false, .. } = &told.answers[0] else {
        panic!("{:?}", told.answers)
    };
    assert_eq!(by.as_deref(), Some("m-01"));
    assert!(theirs > ours);
}

#[test]
fn what_does_not_count_is_named() {
    let mut events: Vec<Event> =
        ["a", "b", "c", "d"].iter().enumerate().map(|(i, p)| pin(400.0 * i as f64, p)).collect();
    for (i, product) in ["a", "b", "c", "d", "a", "c", "b", "d"].iter().enumerate() {
        events.push(order(1000.0 + 0.05 * i as f64, &format!("{i}"), product, "10.00"));
    }
    let batch = told(&events, 1001.0);
    assert!(batch.answers.contains(&Answer::PaymentBatch { orders: 8 }), "{:?}", batch.answers);

    let mut events = chatter();
    events.extend([giveaway(Edge::Start, 900.0), giveaway(Edge::End, 960.0)]);
    events.extend((0..600).map(|i| comment(912.0 + 0.1 * f64::from(i), "WIN")));
    let entries = told(&events, 940.0);
    let named =
        |answer: &Answer| matches!(answer, Answer::GiveawayEntries { comments } if *comments > 150);
    assert!(entries.answers.iter().any(named), "{:?}", entries.answers);
    assert!(entries.on.iter().any(|on| on.kind == MarkKind::Giveaway && on.label == "WIN"));

    let mut events = chatter();
    events.extend(answers(900.0, 60, 14.0).map(|when| comment(when, "what is this")));
    events.extend((0..40).map(|i| comment(2.0 * f64::from(i), "hello")));
    events.extend((0..30).map(|i| viewers(60.0 * f64::from(i), 100, 20)));
    let greetings = told(&events, 30.0);
    let named = |answer: &Answer| matches!(answer, Answer::Chatter { comments } if *comments > 8);
    assert!(greetings.answers.iter().any(named), "{:?}", greetings.answers);
}

#[test]
fn every_second_has_an_answer() {
    let mut events = pitch("10.00");
    events.extend(chatter());
    for at_s in (0..DURATION_S as u32).step_by(37) {
        let told = told(&events, f64::from(at_s));
        assert!(!told.answers.is_empty());
        assert!(told.evidence_nats.is_finite() && told.evidence_nats >= 0.0);
        let text = serde_json::to_string(&told).unwrap();
        let back: Explanation = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }
    let empty = told(&[], 5.0);
    assert!(matches!(empty.answers[..], [Answer::NoCause { .. }]) && empty.candidates.is_empty());
}

#[test]
fn times_outside_are_refused() {
    let events = pitch("10.00");
    for at_s in [-1.0, DURATION_S, 1e7] {
        let refused = explain(
            &input(&events.iter().collect(), &[]),
            &Settings::default(),
            MediaTime::from_seconds(at_s),
        );
        assert_eq!(refused.unwrap_err().kind, Kind::Usage);
    }
}
