//! Moments held against simulated sessions: shops of two sizes, three shapes of lag, with and
//! without pins, and sessions in which nothing happens.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::simulator::{Random, Recipe, simulate};
use common::{Score, score, spans};
use reprise_model::moment::Signal;
use reprise_segment::Settings;

struct Summary {
    captured: f64,
    precision: f64,
    f1: f64,
    start_error_s: f64,
    lag_within_8_s: f64,
}

fn run(name: &str, audience: f64, change: impl Fn(&mut Recipe)) -> Summary {
    const SEEDS: u64 = 3;
    let mut scores: Vec<Score> = Vec::new();
    let mut near = 0.0;
    for seed in 1..=SEEDS {
        let mut recipe = Recipe::profile(name, audience, &mut Random::new(seed + 1000));
        change(&mut recipe);
        let (session, truth) = simulate(&recipe, seed);
        let found = session.segment(&Settings::default());
        scores.push(score(&truth, &spans(&found), 10));
        let lag = found.lag.iter().find(|lag| lag.signal == Signal::Orders);
        let error_s =
            lag.map_or(99.0, |lag| lag.lag_s.seconds() - recipe.delay_s - recipe.order_lag_s);
        near += f64::from(u8::from(error_s.abs() <= 8.0));
    }
    let mean = |part: fn(&Score) -> f64| {
        let known: Vec<f64> = scores.iter().map(part).filter(|v| v.is_finite()).collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    };
    let summary = Summary {
        captured: mean(|s| s.captured),
        precision: mean(|s| s.precision),
        f1: mean(|s| s.f1),
        start_error_s: mean(|s| s.start_error_s),
        lag_within_8_s: near / SEEDS as f64,
    };
    println!(
        "{name} {audience}: captured {:.3} precision {:.2} f1 {:.2} start {:.1} s lag within 8 s {:.2}",
        summary.captured,
        summary.precision,
        summary.f1,
        summary.start_error_s,
        summary.lag_within_8_s
    );
    summary
}

#[test]
fn pinned_sessions() {
    for (name, large, small) in [("easy", 0.82, 0.75), ("typical", 0.85, 0.7), ("hard", 0.8, 0.65)]
    {
        assert!(run(name, 3000.0, |_| {}).captured > large);
        assert!(run(name, 300.0, |_| {}).captured > small);
    }
}

#[test]
fn sessions_without_pins() {
    for name in ["easy", "typical"] {
        assert!(run(name, 3000.0, |recipe| recipe.pins = false).captured > 0.7);
        assert!(run(name, 300.0, |recipe| recipe.pins = false).captured > 0.5);
    }
}

#[test]
fn without_giveaways_and_words() {
    assert!(run("typical", 3000.0, |recipe| recipe.giveaways = 0).captured > 0.6);
    assert!(run("typical", 3000.0, |recipe| recipe.text = false).captured > 0.7);
}

#[test]
fn nothing_happens() {
    for pins in [true, false] {
        let mut confident = 0;
        for seed in 1..=20 {
            let mut recipe = Recipe::profile("typical", 1000.0, &mut Random::new(seed));
            recipe.selling = -1.0;
            recipe.orders_per_mille = 0.0;
            recipe.pins = pins;
            recipe.batches = 0;
            recipe.giveaways = 0;
            let (mut session, _) = simulate(&recipe, seed);
            // Without the few comments that even a failed pitch draws.
            session.events.retain(|event| match &event.kind {
                reprise_model::event::EventKind::Comment { text, .. } => {
                    !["just bought", "ordered!", "link?", "size M?", "how much?", "mine"]
                        .contains(&text.as_deref().unwrap())
                }
                _ => true,
            });
            let found = session.segment(&Settings::default());
            confident += usize::from(found.moments.iter().any(|m| m.confident));
        }
        println!("pins {pins}: {confident} of 20 sessions without a burst have a confident moment");
        assert!(confident <= 2, "{confident}");
    }
}
