//! Moments held against simulated sessions: shops of two sizes, three shapes of lag, with and
//! without pins, and sessions in which nothing happens.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::spans;
use reprise_model::moment::Signal;
use reprise_segment::Settings;
use reprise_simulated::{Only, Profile, Random, Recipe, Score, score, simulate};

struct Summary {
    captured: f64,
    lag_within_8_s: f64,
}

fn run(profile: Profile, audience: f64, change: impl Fn(&mut Recipe)) -> Summary {
    run_only(profile, audience, None, change)
}

fn run_only(
    profile: Profile,
    audience: f64,
    only: Option<Only>,
    change: impl Fn(&mut Recipe),
) -> Summary {
    const SEEDS: u64 = 3;
    let mut scores: Vec<Score> = Vec::new();
    let mut near = 0.0;
    for seed in 1..=SEEDS {
        let mut recipe = Recipe::profile(profile, audience, &mut Random::new(seed + 1000));
        change(&mut recipe);
        let (mut session, truth) = simulate(&recipe, seed);
        if let Some(only) = only {
            session = session.only(only);
        }
        let found = common::run(&session, &Settings::default());
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
    let summary = Summary { captured: mean(|s| s.captured), lag_within_8_s: near / SEEDS as f64 };
    println!(
        "{} {audience}: captured {:.3} precision {:.2} f1 {:.2} start {:.1} s lag within 8 s {:.2}",
        profile.as_str(),
        summary.captured,
        mean(|s| s.precision),
        mean(|s| s.f1_at_3),
        mean(|s| s.start_error_s),
        summary.lag_within_8_s
    );
    summary
}

#[test]
fn pinned_sessions() {
    // What was reached, less some slack.
    for (profile, large, small) in
        [(Profile::Easy, 0.84, 0.88), (Profile::Typical, 0.76, 0.75), (Profile::Hard, 0.8, 0.65)]
    {
        assert!(run(profile, 3000.0, |_| {}).captured > large);
        assert!(run(profile, 300.0, |_| {}).captured > small);
    }
}

#[test]
fn sessions_without_pins() {
    for profile in [Profile::Easy, Profile::Typical] {
        assert!(run(profile, 3000.0, |recipe| recipe.pins = false).captured > 0.75);
        assert!(run(profile, 300.0, |recipe| recipe.pins = false).captured > 0.7);
    }
}

#[test]
fn without_giveaways_and_words() {
    let changed = |change: fn(&mut Recipe)| run(Profile::Typical, 3000.0, change).captured;
    assert!(changed(|recipe| recipe.confounders.giveaways = 0) > 0.8);
    assert!(changed(|recipe| recipe.text = false) > 0.65);
}

#[test]
fn one_signal_alone() {
    let of = |only| run_only(Profile::Typical, 3000.0, Some(only), |_| {}).captured;
    assert!(of(Only::Orders) > 0.6);
    assert!(of(Only::Comments) > 0.35);
    assert!(of(Only::Minutes) > 0.5);
}

#[test]
fn nothing_happens() {
    for pins in [true, false] {
        let mut confident = 0;
        for seed in 1..=20 {
            let drawn = Recipe::profile(Profile::Typical, 1000.0, &mut Random::new(seed));
            let recipe = Recipe { pins, ..drawn.without_bursts() };
            let (session, _) = simulate(&recipe, seed);
            let found = common::run(&session, &Settings::default());
            confident += usize::from(found.moments.iter().any(|m| m.confident));
        }
        println!("pins {pins}: {confident} of 20 sessions without a burst have a confident moment");
        assert!(confident <= 2, "{confident}");
    }
}
