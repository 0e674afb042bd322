//! Simulated LIVE sessions with known causes, from a seed: shops of any size, several shapes of
//! lag, and what confounds (raids, giveaway storms, payment batches, greetings, like bots).

#![allow(dead_code, clippy::unwrap_used)]

use reprise_model::event::{Edge, Event, EventKind, Order, OrderStatus};
use reprise_model::session::Product;
use reprise_model::{Currency, MediaDuration, Money, WallTime};

use super::{Pitch, Session, Truth};

/// What kind of session is made.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub duration_s: f64,
    /// Viewers in the middle of the LIVE.
    pub audience: f64,
    /// Player delay and mean reaction times after it, seconds.
    pub delay_s: f64,
    pub order_lag_s: f64,
    pub chat_lag_s: f64,
    /// 0: gamma of shape 2; 1: exponential; 2: log-normal.
    pub lag_shape: u32,
    /// Share of pitches that sell, and orders they draw per 1,000 viewers.
    pub selling: f64,
    pub orders_per_mille: f64,
    /// Orders per second and 1,000 viewers without any pitch.
    pub stray_per_mille: f64,
    pub pins: bool,
    pub giveaways: usize,
    pub flash_share: f64,
    pub batches: usize,
    pub text: bool,
}

impl Recipe {
    pub fn profile(name: &str, audience: f64, random: &mut Random) -> Self {
        let (selling, per_mille, stray, delay, lag) = match name {
            "easy" => (0.75, 11.0, 0.010, random.between(3.0, 8.0), random.between(10.0, 22.0)),
            "typical" => (0.45, 7.0, 0.018, random.between(6.0, 14.0), random.between(18.0, 48.0)),
            _ => (0.4, 5.0, 0.024, random.between(12.0, 25.0), random.between(28.0, 80.0)),
        };
        Self {
            duration_s: 5400.0,
            audience,
            delay_s: delay,
            order_lag_s: lag,
            chat_lag_s: random.between(6.0, 13.0),
            lag_shape: random.below(3) as u32,
            selling,
            orders_per_mille: per_mille,
            stray_per_mille: stray,
            pins: true,
            giveaways: 2,
            flash_share: 0.2,
            batches: 6,
            text: true,
        }
    }
}

/// A small generator (xorshift64*), so that sessions are the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().max(1e-12).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().max(1e-12).ln()
    }
    pub fn poisson(&mut self, mean: f64) -> usize {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as usize;
        }
        let (limit, mut product, mut n) = ((-mean).exp(), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            n += 1;
        }
        n
    }
    pub fn lag(&mut self, mean: f64, shape: u32) -> f64 {
        match shape {
            0 => self.exponential(mean / 2.0) + self.exponential(mean / 2.0),
            1 => self.exponential(mean),
            _ => {
                let spread = 0.6f64;
                mean * (spread * self.normal() - 0.5 * spread * spread).exp()
            }
        }
    }
}

struct Maker {
    zero: WallTime,
    events: Vec<(f64, EventKind)>,
    orders: usize,
    prices: Vec<f64>,
}

impl Maker {
    fn order(&mut self, random: &mut Random, at_s: f64, product: usize) -> f64 {
        let quantity = 1 + random.below(3) as u64;
        let cents = (self.prices[product] * 100.0).round() as i64 * quantity as i64;
        self.orders += 1;
        let order = Order {
            order_id: format!("o{}", self.orders),
            product_id: Some(format!("p{product:03}")),
            quantity,
            amount: Money {
                value: format!("{}.{:02}", cents / 100, cents % 100).parse().unwrap(),
                currency: Currency::parse("USD").unwrap(),
            },
            status: if random.unit() < 0.06 { OrderStatus::Cancelled } else { OrderStatus::Paid },
            created_at: None,
            paid_at: None,
        };
        self.events.push((at_s, EventKind::Order(order)));
        cents as f64 / 100.0
    }

    fn comment(&mut self, random: &mut Random, at_s: f64, words: &[&str], text: bool) {
        let word = words[random.below(words.len())];
        let user = Some(format!("u{}", random.below(5000)));
        let (text, length) =
            if text { (Some(word.to_owned()), None) } else { (None, Some(word.len() as u64)) };
        self.events.push((at_s, EventKind::Comment { user, text, length }));
    }
}

const CHATTER: [&str; 6] = ["nice", "hello", "what is this", "from Jakarta", "ok", "haha so funny"];
const REACTION: [&str; 6] = ["just bought", "ordered!", "link?", "size M?", "how much?", "mine"];

/// Makes a session and its truth.
pub fn simulate(recipe: &Recipe, seed: u64) -> (Session, Truth) {
    let random = &mut Random::new(seed);
    let seconds = recipe.duration_s as usize;
    let (raid_s, raid) = (random.between(0.2, 0.8) * recipe.duration_s, random.between(0.5, 2.5));
    let viewers = |s: f64| {
        let rise = (s / 700.0).min(1.0) * 0.85 + 0.15;
        let bump = raid * (-0.5 * ((s - raid_s) / 200.0).powi(2)).exp();
        recipe.audience * (rise + bump)
    };
    let products = 8 + random.below(8);
    let prices: Vec<f64> =
        (0..products).map(|_| 20.0 * (0.7 * random.normal()).exp() + 2.0).collect();
    let zero = WallTime::parse("2026-11-20T12:00:03Z").unwrap();
    let mut maker = Maker { zero, events: Vec::new(), orders: 0, prices };

    let mut pitches = Vec::new();
    let mut at_s = random.between(20.0, 120.0);
    loop {
        let (length_s, peak_s) = (random.between(80.0, 260.0), random.between(15.0, 45.0));
        if at_s + length_s > recipe.duration_s - 60.0 {
            break;
        }
        let product = random.below(products);
        let start_s =
            at_s + (random.between(0.3, 0.7) * length_s).min(length_s - peak_s - 2.0).max(5.0);
        let end_s = start_s + peak_s;
        if recipe.pins {
            maker.events.push((at_s, EventKind::Pin { product_id: format!("p{product:03}") }));
        }
        let sells = random.unit() < recipe.selling;
        let strength = if sells { (0.7 * random.normal()).exp() } else { 0.04 };
        let audience = viewers(start_s) / 1000.0;
        let mut caused_gmv = 0.0;
        for _ in 0..random.poisson(recipe.orders_per_mille * strength * audience) {
            let lag = recipe.delay_s + random.lag(recipe.order_lag_s, recipe.lag_shape);
            let when = random.between(start_s, end_s) + lag;
            let amount = maker.order(random, when, product);
            caused_gmv += amount;
        }
        let talk = if sells { strength.sqrt() } else { 0.3 };
        for _ in 0..random.poisson(18.0 * talk * audience) {
            let lag = recipe.delay_s + random.lag(recipe.chat_lag_s, recipe.lag_shape);
            let when = random.between(start_s, end_s) + lag;
            maker.comment(random, when, &REACTION, recipe.text);
        }
        if sells && random.unit() < recipe.flash_share {
            for (state, when) in [(Edge::Start, start_s - 2.0), (Edge::End, start_s + 90.0)] {
                let product_id = Some(format!("p{product:03}"));
                maker.events.push((when, EventKind::FlashSale { state, product_id }));
            }
        }
        pitches.push(Pitch { start_s, end_s, caused_gmv });
        at_s += length_s + random.between(5.0, 110.0);
    }
    for second in 0..seconds {
        let (s, audience) = (second as f64, viewers(second as f64) / 1000.0);
        for _ in 0..random.poisson(recipe.stray_per_mille * audience) {
            let product = random.below(products);
            let at_s = s + random.unit();
            maker.order(random, at_s, product);
        }
        for _ in 0..random.poisson(0.6 * audience) {
            let at_s = s + random.unit();
            maker.comment(random, at_s, &CHATTER, recipe.text);
        }
        if second < 60 && random.unit() < 0.3 {
            maker.comment(random, s, &["hi!"], recipe.text);
        }
        if second % 10 == 0 {
            let concurrent = Some(viewers(s) as u64);
            let entered = Some(random.poisson(viewers(s) * 0.01) as u64);
            maker.events.push((s, EventKind::Viewers { concurrent, entered, impressions: None }));
        }
        if second % 5 == 0 {
            let bots = if (3000..3060).contains(&second) { 1500.0 } else { 0.0 };
            let count = random.poisson(audience * 35.0 + bots) as u64;
            maker.events.push((s, EventKind::Like { count }));
        }
    }
    for _ in 0..recipe.batches {
        let s = random.between(300.0, recipe.duration_s - 100.0);
        for _ in 0..4 + random.below(6) {
            let product = random.below(products);
            let at_s = s + 0.4 * random.unit();
            maker.order(random, at_s, product);
        }
    }
    for _ in 0..recipe.giveaways {
        let start_s = random.between(300.0, recipe.duration_s - 400.0);
        let length_s = random.between(60.0, 170.0);
        for (state, when) in [(Edge::Start, start_s), (Edge::End, start_s + length_s)] {
            let kind = EventKind::Giveaway {
                state,
                keyword: Some("WIN".to_owned()),
                entry: None,
                product_id: None,
                winners: None,
            };
            maker.events.push((when, kind));
        }
        for _ in 0..random.poisson(0.006 * viewers(start_s) * length_s) {
            let lag = recipe.delay_s + random.lag(recipe.chat_lag_s, recipe.lag_shape);
            let when = random.between(start_s, start_s + length_s) + lag;
            maker.comment(random, when, &["WIN", "win"], recipe.text);
        }
    }
    finish(recipe, maker, pitches, seed)
}

fn finish(recipe: &Recipe, maker: Maker, pitches: Vec<Pitch>, seed: u64) -> (Session, Truth) {
    let zero = maker.zero;
    let mut events = maker.events;
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let products = (0..maker.prices.len())
        .map(|i| Product {
            id: format!("p{i:03}"),
            title: format!("Product {i}"),
            price: None,
            unit_cost: None,
            brand: None,
            selling_points: Vec::new(),
            pictures: Vec::new(),
        })
        .collect();
    let session = Session {
        name: format!("seed {seed}"),
        zero,
        duration: MediaDuration::from_seconds(recipe.duration_s),
        events: events
            .into_iter()
            .map(|(at_s, kind)| Event {
                at: zero.plus(MediaDuration::from_seconds(at_s)),
                kind,
                extra: Default::default(),
            })
            .collect(),
        products,
    };
    let truth = Truth {
        profile: String::new(),
        delay_s: recipe.delay_s,
        order_lag_s: recipe.order_lag_s,
        comment_lag_s: recipe.chat_lag_s,
        pitches,
    };
    (session, truth)
}
