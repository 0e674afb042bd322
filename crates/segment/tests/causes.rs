//! Each kind of cause is told from the others: sessions made by hand, one for each.

#![allow(clippy::unwrap_used)]

use reprise_model::event::{Edge, Event, EventKind, Order, OrderStatus};
use reprise_model::moment::{Cause, Moment};
use reprise_model::{Currency, MediaDuration, Money, WallTime};
use reprise_segment::{Input, Segmentation, Settings, segment};

const DURATION_S: f64 = 1800.0;

fn zero() -> WallTime {
    WallTime::parse("2026-11-20T12:00:03Z").unwrap()
}

fn at(at_s: f64, kind: EventKind) -> Event {
    Event { at: zero().plus(MediaDuration::from_seconds(at_s)), kind, extra: Default::default() }
}

fn order(at_s: f64, id: &str, product: &str, value: &str) -> Event {
    let amount = Money { value: value.parse().unwrap(), currency: Currency::parse("USD").unwrap() };
    let order = Order {
        order_id: id.to_owned(),
        product_id: Some(product.to_owned()),
        quantity: 1,
        amount,
        status: OrderStatus::Paid,
        created_at: None,
        paid_at: None,
    };
    at(at_s, EventKind::Order(order))
}

fn pin(at_s: f64, product: &str) -> Event {
    at(at_s, EventKind::Pin { product_id: product.to_owned() })
}

fn comment(at_s: f64, text: &str) -> Event {
    at(at_s, EventKind::Comment { user: None, text: Some(text.to_owned()), length: None })
}

fn viewers(at_s: f64, concurrent: u64, entered: u64) -> Event {
    let kind = EventKind::Viewers {
        concurrent: Some(concurrent),
        entered: Some(entered),
        impressions: None,
    };
    at(at_s, kind)
}

/// Times of `count` answers to the seconds from `start_s`: 20 s of cause, `lag_s` late, with a tail.
fn answers(start_s: f64, count: u32, lag_s: f64) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| {
        let place = f64::from(i) / f64::from(count);
        // The golden ratio spreads the second figure without order.
        let late = (f64::from(i) * 0.618_034).fract();
        start_s + 20.0 * place + lag_s * (0.4 - 0.8 * (1.0 - 0.95 * late).ln())
    })
}

/// Pins every few minutes and twenty orders answering a call at 600 s; a few at other times.
fn pitch(value: &str) -> Vec<Event> {
    let mut events = vec![pin(100.0, "b"), pin(500.0, "a"), pin(800.0, "b"), pin(1200.0, "a")];
    events.extend((0..30).map(|i| viewers(60.0 * f64::from(i), 100, 20)));
    events.extend(
        (0..6).map(|i| order(200.0 + 250.0 * f64::from(i), &format!("usual{i}"), "a", "10.00")),
    );
    let caused = answers(600.0, 20, 30.0).enumerate();
    events.extend(caused.map(|(i, when)| order(when, &format!("caused{i}"), "a", value)));
    events
}

/// Somebody writes every four seconds.
fn chatter() -> Vec<Event> {
    (0..450).map(|i| comment(4.0 * f64::from(i), "nice")).collect()
}

fn run(events: &[Event]) -> Segmentation {
    let log = events.iter().collect();
    let input = Input {
        zero: zero(),
        duration: MediaDuration::from_seconds(DURATION_S),
        recorded: &[],
        log: &log,
        products: &[],
    };
    segment(&input, &Settings::default())
}

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
    let sale = |state, when, product: &str| {
        at(when, EventKind::FlashSale { state, product_id: Some(product.to_owned()) })
    };
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
    let give = |state, when| {
        let kind = EventKind::Giveaway {
            state,
            keyword: Some("WIN".into()),
            entry: None,
            product_id: None,
            winners: None,
        };
        at(when, kind)
    };
    let mut events = chatter();
    events.extend([give(Edge::Start, 900.0), give(Edge::End, 960.0)]);
    events.extend((0..100).map(|i| comment(914.0 + 0.6 * f64::from(i), "WIN")));
    events.extend(answers(920.0, 60, 14.0).map(|when| comment(when, "what is the prize")));
    let found = run(&events);
    let likely = best(&found).cause().unwrap();
    assert!(likely.cause == Cause::Giveaway && likely.probability > 0.6, "{likely:?}");

    // Orders of what is pinned are no way to enter.
    let mut sold = pitch("10.00");
    sold.extend([give(Edge::Start, 590.0), give(Edge::End, 650.0)]);
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
