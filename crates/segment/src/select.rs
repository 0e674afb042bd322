//! The set of moments that is worth most as a whole: no two overlap, no product has more than its
//! quota, at most so many in all, and what repeats another adds less.
//!
//! A candidate repeats those of its product that were taken before it, or, where its product is not
//! known, those whose start lies within [`SCENE_S`]; each takes away the same share of its value.
//! What a set is worth is the sum of what its members add, added in the order of what they add.
//!
//! The search is exact: branch and bound over the candidate that would add most. It is taken without
//! a branch where that spoils nothing (no undecided candidate overlaps it or is discounted by it):
//! any better set without it could swap its least kin, or its least member, for it and lose nothing.
//! So branches arise only where candidates compete. The bound is the best set under overlaps alone
//! (weighted interval scheduling), each member charged the value that the last place is worth
//! (Lagrange's relaxation of the limit in number). Should [`LOOKS_MOST`] not suffice, the best set
//! found by then stands; it is never worse than the greedy one improved by swaps. Nothing depends on
//! time or threads; equal values go to the earlier candidate.

use reprise_model::Span;

/// Moments without a product whose starts are nearer than this belong to one scene, seconds.
pub(crate) const SCENE_S: f64 = 120.0;

/// Items looked at, over all branches, before the best set so far is taken: a few hundredths of a
/// second. Lives of 13 hours need a hundredth of it.
const LOOKS_MOST: usize = 4_000_000;

/// A set must be better by so much to replace another, so that rounding decides nothing.
const CLEARLY: f64 = 1e-9;

/// One that may be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub span: Span,
    pub product: Option<usize>,
    /// Worth by itself, at least 0.
    pub value: f64,
}

/// What a set must hold to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub most: usize,
    pub per_product: usize,
    /// Value of a repeat as a share of its own, 0 to 1, once for each that it repeats.
    pub repeat_worth: f64,
}

/// One that was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Taken {
    /// Place among the items.
    pub index: usize,
    /// What it adds to those before it.
    pub adds: f64,
}

/// The best set, in the order of what each adds, most first.
pub(crate) fn select(items: &[Item], limits: Limits) -> Vec<Taken> {
    let field = Field::new(items, limits);
    let mut search = Search { field: &field, best: field.greedy(field.start()), looks: 0 };
    search.improve();
    search.branch(field.start());
    let mut taken = search.best.taken;
    // Without a branch this is so already; a forced member may stand before what adds more.
    taken.sort_by(|a, b| b.adds.total_cmp(&a.adds));
    taken
}

/// The items with what never changes about them.
struct Field<'a> {
    items: &'a [Item],
    limits: Limits,
    /// Items that share a second with each.
    overlapping: Vec<Vec<usize>>,
    /// Items whose value drops once each is taken.
    repeating: Vec<Vec<usize>>,
    /// Items by their end, each with how many of that order end before it starts.
    by_end: Vec<(usize, usize)>,
}

/// What was decided so far.
#[derive(Clone)]
struct State {
    open: Vec<bool>,
    /// How many taken ones each repeats.
    repeats: Vec<i32>,
    taken: Vec<Taken>,
    total: f64,
}

impl<'a> Field<'a> {
    fn new(items: &'a [Item], limits: Limits) -> Self {
        let others = |i: usize, related: &dyn Fn(&Item, &Item) -> bool| -> Vec<usize> {
            (0..items.len()).filter(|&j| j != i && related(&items[i], &items[j])).collect()
        };
        let repeats = |one: &Item, other: &Item| match other.product {
            Some(product) => one.product == Some(product),
            None => (one.span.start - other.span.start).seconds().abs() < SCENE_S,
        };
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|&i| (items[i].span.end, i));
        let by_end = order
            .iter()
            .map(|&i| {
                let before = order.partition_point(|&j| items[j].span.end <= items[i].span.start);
                (i, before)
            })
            .collect();
        Self {
            items,
            limits,
            overlapping: (0..items.len())
                .map(|i| others(i, &|a, b| a.span.overlaps(b.span)))
                .collect(),
            repeating: (0..items.len()).map(|i| others(i, &repeats)).collect(),
            by_end,
        }
    }

    fn start(&self) -> State {
        let some = self.limits.most > 0 && self.limits.per_product > 0;
        State {
            open: vec![some; self.items.len()],
            repeats: vec![0; self.items.len()],
            taken: Vec::new(),
            total: 0.0,
        }
    }

    /// What an open item would add.
    fn adds(&self, state: &State, i: usize) -> f64 {
        self.items[i].value * self.limits.repeat_worth.powi(state.repeats[i])
    }

    /// The open item that would add most; the first of equals.
    fn next(&self, state: &State) -> Option<usize> {
        let open = (0..self.items.len()).filter(|&i| state.open[i]);
        open.map(|i| (self.adds(state, i), i))
            .reduce(|a, b| if b.0 > a.0 { b } else { a })
            .map(|(_, i)| i)
    }

    fn take(&self, state: &mut State, i: usize) {
        let adds = self.adds(state, i);
        state.total += adds;
        state.taken.push(Taken { index: i, adds });
        state.open[i] = false;
        for &j in &self.overlapping[i] {
            state.open[j] = false;
        }
        for &j in &self.repeating[i] {
            state.repeats[j] += 1;
        }
        if let Some(product) = self.items[i].product {
            let of_it = |t: &&Taken| self.items[t.index].product == Some(product);
            if state.taken.iter().filter(of_it).count() >= self.limits.per_product {
                for j in (0..self.items.len()).filter(|&j| self.items[j].product == Some(product)) {
                    state.open[j] = false;
                }
            }
        }
        if state.taken.len() >= self.limits.most {
            state.open.iter_mut().for_each(|open| *open = false);
        }
    }

    /// Whether taking an item shuts out nothing and lowers only others of its own product.
    fn spoils_nothing(&self, state: &State, i: usize) -> bool {
        self.overlapping[i].iter().all(|&j| !state.open[j])
            && self.repeating[i].iter().all(|&j| !state.open[j] || self.items[j].product.is_some())
    }

    fn greedy(&self, mut state: State) -> State {
        while let Some(i) = self.next(&state) {
            self.take(&mut state, i);
        }
        state
    }

    /// No set that goes on from `state` is worth more.
    fn bound(&self, state: &State) -> f64 {
        let left = self.limits.most - state.taken.len();
        let mut values: Vec<f64> = (0..self.items.len())
            .map(|i| if state.open[i] { self.adds(state, i) } else { 0.0 })
            .collect();
        let mut sorted = values.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        // Any charge gives a bound; this one is close to the best, and 0 where the limit is far.
        let charge = sorted.get(left).copied().unwrap_or(0.0);
        values.iter_mut().for_each(|value| *value = (*value - charge).max(0.0));
        let mut best = vec![0.0; self.by_end.len() + 1];
        for (place, &(i, before)) in self.by_end.iter().enumerate() {
            best[place + 1] = f64::max(best[place], best[before] + values[i]);
        }
        state.total + charge * left as f64 + best[self.by_end.len()]
    }
}

struct Search<'f, 'a> {
    field: &'f Field<'a>,
    best: State,
    looks: usize,
}

impl Search<'_, '_> {
    fn offer(&mut self, state: State) -> bool {
        let better = state.total > self.best.total + CLEARLY;
        if better {
            self.best = state;
        }
        better
    }

    /// Forces each item in turn into the best set, what it shuts out replaced greedily, for as long
    /// as that helps.
    fn improve(&mut self) {
        let mut helped = true;
        while helped {
            helped = false;
            for i in 0..self.field.items.len() {
                // What no taken one shuts out is left out for its value, and rightly so.
                let shut_out =
                    self.best.taken.iter().any(|t| self.field.overlapping[i].contains(&t.index));
                if !shut_out {
                    continue;
                }
                let mut state = self.field.start();
                for &j in &self.field.overlapping[i] {
                    state.open[j] = false;
                }
                helped |= self.offer(self.field.greedy(state));
            }
        }
    }

    fn branch(&mut self, mut state: State) {
        while let Some(i) = self.field.next(&state) {
            self.looks += self.field.items.len();
            if self.looks > LOOKS_MOST || self.field.bound(&state) <= self.best.total + CLEARLY {
                return;
            }
            if self.field.spoils_nothing(&state, i) {
                self.field.take(&mut state, i);
                continue;
            }
            let mut with = state.clone();
            self.field.take(&mut with, i);
            self.branch(with);
            state.open[i] = false;
        }
        self.offer(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(start_s: f64, end_s: f64, product: Option<usize>, value: f64) -> Item {
        Item { span: Span::from_seconds(start_s, end_s), product, value }
    }

    const LIMITS: Limits = Limits { most: 20, per_product: 3, repeat_worth: 0.8 };

    fn indices(taken: &[Taken]) -> Vec<usize> {
        taken.iter().map(|t| t.index).collect()
    }

    /// The best total of all sets, each tried.
    fn tried(items: &[Item], limits: Limits) -> f64 {
        let field = Field::new(items, limits);
        let mut best = 0.0f64;
        for set in 0u32..1 << items.len() {
            let mut state = field.start();
            for i in 0..items.len() {
                state.open[i] &= set & (1 << i) != 0;
            }
            best = best.max(field.greedy(state).total);
        }
        best
    }

    #[test]
    fn two_that_fit_beat_the_better_one_over_both() {
        let items = [
            item(0.0, 40.0, Some(0), 0.7),
            item(30.0, 60.0, Some(1), 1.0),
            item(55.0, 90.0, Some(2), 0.6),
        ];
        assert_eq!(indices(&select(&items, LIMITS)), [0, 2]);
    }

    #[test]
    fn other_products_come_before_repeats() {
        let items = [
            item(0.0, 40.0, Some(0), 1.0),
            item(100.0, 140.0, Some(0), 0.9),
            item(200.0, 240.0, Some(1), 0.8),
            item(300.0, 340.0, Some(0), 0.7),
            item(400.0, 440.0, Some(0), 0.6),
        ];
        let taken = select(&items, LIMITS);
        assert_eq!(indices(&taken), [0, 2, 1, 3]);
        assert!((taken[2].adds - 0.72).abs() < 1e-12 && (taken[3].adds - 0.448).abs() < 1e-12);
        assert_eq!(indices(&select(&items, Limits { most: 2, ..LIMITS })), [0, 2]);
    }

    #[test]
    fn equals_go_to_the_earlier() {
        let items = [item(0.0, 40.0, None, 0.5), item(20.0, 60.0, None, 0.5)];
        assert_eq!(indices(&select(&items, LIMITS)), [0]);
        assert!(select(&items, Limits { most: 0, ..LIMITS }).is_empty());
        assert!(select(&[], LIMITS).is_empty());
    }

    #[test]
    fn no_set_is_better() {
        let mut seed = 1u64;
        let mut random = move |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for round in 0..400 {
            let items: Vec<Item> = (0..4 + random(8))
                .map(|_| {
                    let start_s = random(if round % 2 == 0 { 300 } else { 900 }) as f64;
                    let product = (random(3) > 0).then(|| random(3) as usize);
                    let product = if round % 3 == 0 { Some(random(4) as usize) } else { product };
                    item(start_s, start_s + 10.0 + random(40) as f64, product, random(100) as f64)
                })
                .collect();
            let limits = Limits {
                most: 2 + random(6) as usize,
                per_product: 1 + random(3) as usize,
                repeat_worth: random(11) as f64 / 10.0,
            };
            let found = select(&items, limits);
            let total: f64 = found.iter().map(|t| t.adds).sum();
            let best = tried(&items, limits);
            assert!((total - best).abs() < 1e-6, "{total} {best} {items:?} {limits:?}");
            for (i, a) in found.iter().enumerate() {
                for b in &found[i + 1..] {
                    assert!(!items[a.index].span.overlaps(items[b.index].span));
                }
            }
        }
    }

    #[test]
    fn a_whole_day_of_rivals_ends() {
        let items: Vec<Item> = (0..2000)
            .map(|i| {
                let value = f64::from(i * 7919 % 997);
                item(f64::from(i) * 20.0, f64::from(i) * 20.0 + 35.0, Some(i as usize % 40), value)
            })
            .collect();
        assert_eq!(select(&items, LIMITS).len(), 20);
    }
}
