//! Each kind of cause is told from the others: sessions made by hand, one for each.

#![allow(clippy::unwrap_used)]

mod by_hand;

use by_hand::{answers, chatter, comment, giveaway, pitch, run, sale, viewers};
use reprise_model::event::Edge;
use reprise_model::moment::{Cause, Moment};
use reprise_segment::Segmentation;

fn best(found: &Segmentation) -> &Moment {
    for moment in &found.moments {
        let sum: f64 = moment.causes.iter().map(|likely| likely.probability).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{:?}", moment.causes);
        assert!(moment.causes.is_sorted_by(|a, b| a.probability >= b.probability));
    }
    &found.moments[0]
}

fn probability(moment: &Moment, cause: Cause) -> f64 {
    moment.causes.iter().find(|likely| likely.cause == cause).map_or(0.0, |l| l.probability)
}

#[test]
fn orders_of_the_pinned_product_are_due_to_the_pitch() {
    let found = run(&pitch("10.00"));
    let likely = best(&found).cause().unwrap();
    assert!(likely.cause == Cause::Pitch && likely.probability > 0.9, "{likely:?}");
}

#[test]
fn a_sale_that_opens_with_the_call_is_the_cause() {
    let mut events = pitch("10.00");
    events.extend([sale(Edge::Start, 600.0, "a"), sale(Edge::End, 720.0, "a")]);
    let found = run(&events);
    let likely = best(&found).cause().unwrap();
    assert!(likely.cause == Cause::FlashSale && likely.probability > 0.7, "{likely:?}");

    let mut other = pitch("10.00");
    other.extend([sale(Edge::Start, 600.0, "b"), sale(Edge::End, 720.0, "b")]);
    assert_eq!(best(&run(&other)).cause().unwrap().cause, Cause::Pitch);

    let mut long = pitch("10.00");
    long.extend([sale(Edge::Start, 100.0, "a"), sale(Edge::End, 1700.0, "a")]);
    let found = run(&long);
    assert!(probability(best(&found), Cause::FlashSale) < 0.7, "{:?}", best(&found).causes);
}

#[test]
fn a_lower_price_is_a_discount_without_a_sale_in_the_log() {
    let found = run(&pitch("7.50"));
    let likely = best(&found).cause().unwrap();
    assert!(likely.cause == Cause::FlashSale && likely.probability > 0.7, "{likely:?}");
}

#[test]
fn what_the_chat_says_to_a_giveaway_is_due_to_it() {
    let mut events = chatter();
    events.extend([giveaway(Edge::Start, 900.0), giveaway(Edge::End, 960.0)]);
    events.extend((0..100).map(|i| comment(914.0 + 0.6 * f64::from(i), "WIN")));
    events.extend(answers(920.0, 60, 14.0).map(|when| comment(when, "what is the prize")));
    let found = run(&events);
    let likely = best(&found).cause().unwrap();
    assert!(likely.cause == Cause::Giveaway && likely.probability > 0.6, "{likely:?}");

    // Orders of what is pinned are no way to enter.
    let mut sold = pitch("10.00");
    sold.extend([giveaway(Edge::Start, 590.0), giveaway(Edge::End, 650.0)]);
    assert_eq!(best(&run(&sold)).cause().unwrap().cause, Cause::Pitch);
}

#[test]
fn newcomers_who_talk_are_traffic() {
    let audience = |i: i32, many: bool| {
        let there = if many && (15..20).contains(&i) { 400 } else { 100 };
        viewers(60.0 * f64::from(i), there, if many && i == 15 { 320 } else { 20 })
    };
    let burst = |many: bool| {
        let mut events = chatter();
        events.extend((0..30).map(|i| audience(i, many)));
        events.extend(answers(900.0, 60, 14.0).map(|when| comment(when, "what is this")));
        run(&events)
    };
    let crowd = burst(true);
    let likely = best(&crowd).cause().unwrap();
    assert!(likely.cause == Cause::Traffic && likely.probability > 0.5, "{likely:?}");
    assert_eq!(probability(best(&burst(false)), Cause::Traffic), 0.0);
}

#[test]
fn buyers_are_not_traffic_even_when_viewers_come_in() {
    let mut events = pitch("10.00");
    events.extend((10..16).map(|i| viewers(60.0 * f64::from(i) + 1.0, 180, 60)));
    let found = run(&events);
    assert_eq!(best(&found).cause().unwrap().cause, Cause::Pitch, "{:?}", best(&found).causes);
}
