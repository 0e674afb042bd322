//! Small event logs made by hand.

#![allow(dead_code, clippy::unwrap_used)] // Not every test uses all of it.

use reprise_model::event::{Edge, Event, EventKind, Order, OrderStatus};
use reprise_model::{Currency, MediaDuration, Money, Span, WallTime};
use reprise_segment::{Input, Observations, Segmentation, Settings, segment};

pub const DURATION_S: f64 = 1800.0;

pub fn zero() -> WallTime {
    WallTime::parse("2026-11-20T12:00:03Z").unwrap()
}

pub fn at(at_s: f64, kind: EventKind) -> Event {
    Event { at: zero().plus(MediaDuration::from_seconds(at_s)), kind, extra: Default::default() }
}

pub fn order(at_s: f64, id: &str, product: &str, value: &str) -> Event {
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

pub fn pin(at_s: f64, product: &str) -> Event {
    at(at_s, EventKind::Pin { product_id: product.to_owned() })
}

pub fn comment(at_s: f64, text: &str) -> Event {
    at(at_s, EventKind::Comment { user: None, text: Some(text.to_owned()), length: None })
}

pub fn viewers(at_s: f64, concurrent: u64, entered: u64) -> Event {
    let kind = EventKind::Viewers {
        concurrent: Some(concurrent),
        entered: Some(entered),
        impressions: None,
    };
    at(at_s, kind)
}

/// Times of `count` answers to the seconds from `start_s`: 20 s of cause, `lag_s` late, with a tail.
pub fn answers(start_s: f64, count: u32, lag_s: f64) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| {
        let place = f64::from(i) / f64::from(count);
        // The golden ratio spreads the second figure without order.
        let late = (f64::from(i) * 0.618_034).fract();
        start_s + 20.0 * place + lag_s * (0.4 - 0.8 * (1.0 - 0.95 * late).ln())
    })
}

/// Pins every few minutes and twenty orders answering a call at 600 s; a few at other times.
pub fn pitch(value: &str) -> Vec<Event> {
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
pub fn chatter() -> Vec<Event> {
    (0..450).map(|i| comment(4.0 * f64::from(i), "nice")).collect()
}

pub fn sale(state: Edge, when_s: f64, product: &str) -> Event {
    at(when_s, EventKind::FlashSale { state, product_id: Some(product.to_owned()) })
}

pub fn giveaway(state: Edge, when_s: f64) -> Event {
    let kind = EventKind::Giveaway {
        state,
        keyword: Some("WIN".into()),
        entry: None,
        product_id: None,
        winners: None,
    };
    at(when_s, kind)
}

/// With `log` recorded where `recorded` says.
pub fn input<'a>(log: &'a Observations, recorded: &'a [Span]) -> Input<'a> {
    Input {
        zero: zero(),
        duration: MediaDuration::from_seconds(DURATION_S),
        recorded,
        log,
        products: &[],
    }
}

pub fn run(events: &[Event]) -> Segmentation {
    segment(&input(&events.iter().collect(), &[]), &Settings::default())
}
