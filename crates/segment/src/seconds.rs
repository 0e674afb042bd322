//! Counts per second of the world's clock, folded as events come, in any order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use reprise_model::WallTime;

/// Most seconds in which something was logged: four days, twice the longest recording.
const SECONDS_MAX: usize = 4 * 86_400;

/// Everything that is only counted, by second of Unix time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seconds(BTreeMap<i64, Second>);

/// What one second counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Second {
    /// Events of every kind but those that last.
    pub events: u32,
    pub likes: Batch,
    pub entries: Batch,
    pub viewers: Sample,
    pub clicks: f64,
    pub follows: f64,
    pub shares: f64,
    pub gifts: f64,
}

/// A count that covers the time since the one before: the first of a second reaches further back
/// than the others do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Batch {
    /// Microsecond of the second and count.
    pub first: Option<(u32, f64)>,
    pub rest: f64,
}

/// A figure that holds until the next one: the last of a second stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample(Option<(u32, f64)>);

impl Seconds {
    /// The second of a time; `None` where there would be too many.
    pub fn at(&mut self, at: WallTime) -> Option<&mut Second> {
        let full = self.0.len() >= SECONDS_MAX;
        match self.0.entry(second_of(at)) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(free) => Some(free.insert(Second::default())),
        }
    }

    /// Adds what came later in the log; says how many events found no place.
    pub fn merge(&mut self, later: Self) -> usize {
        let mut lost = 0;
        for (second, counted) in later.0 {
            match self.at(wall(second)) {
                Some(known) => known.merge(&counted),
                None => lost += counted.events as usize,
            }
        }
        lost
    }

    /// Each second with how many events it holds, in order.
    pub fn counts(&self) -> Vec<(i64, u32)> {
        self.0.iter().map(|(&second, counted)| (second, counted.events)).collect()
    }

    /// Every second with what it counted, in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Second)> {
        self.0.iter().map(|(&second, counted)| (second, counted))
    }

    /// Moves all of it.
    pub fn shift(&mut self, by_s: i64) {
        let before = std::mem::take(&mut self.0);
        self.0 = before
            .into_iter()
            .map(|(second, counted)| (second.saturating_add(by_s), counted))
            .collect();
    }
}

impl Second {
    fn merge(&mut self, later: &Self) {
        self.events = self.events.saturating_add(later.events);
        self.likes.merge(later.likes);
        self.entries.merge(later.entries);
        if let Sample(Some((micros, value))) = later.viewers {
            self.viewers.put(micros, value);
        }
        self.clicks += later.clicks;
        self.follows += later.follows;
        self.shares += later.shares;
        self.gifts += later.gifts;
    }
}

impl Batch {
    pub fn add(&mut self, at: WallTime, count: f64) {
        self.put(micros_of(at), count);
    }

    fn put(&mut self, micros: u32, count: f64) {
        match self.first {
            Some((known, _)) if known <= micros => self.rest += count,
            known => {
                self.rest += known.map_or(0.0, |(_, count)| count);
                self.first = Some((micros, count));
            }
        }
    }

    fn merge(&mut self, later: Self) {
        if let Some((micros, count)) = later.first {
            self.put(micros, count);
        }
        self.rest += later.rest;
    }
}

impl Sample {
    pub fn add(&mut self, at: WallTime, value: f64) {
        self.put(micros_of(at), value);
    }

    fn put(&mut self, micros: u32, value: f64) {
        if self.0.is_none_or(|(known, _)| known <= micros) {
            self.0 = Some((micros, value));
        }
    }

    pub fn value(self) -> Option<f64> {
        self.0.map(|(_, value)| value)
    }
}

/// The second of Unix time that holds `at`.
fn second_of(at: WallTime) -> i64 {
    at.micros().div_euclid(1_000_000)
}

fn micros_of(at: WallTime) -> u32 {
    at.micros().rem_euclid(1_000_000) as u32
}

/// The beginning of a second of Unix time.
pub(crate) fn wall(second: i64) -> WallTime {
    WallTime::from_micros(second.saturating_mul(1_000_000))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn order_and_grouping_do_not_matter() {
        let rows = [(0, 5.0), (250_000, 2.0), (999_999, 1.0), (1_000_000, 7.0), (-1, 4.0)];
        let fold = |order: &[usize], split: usize| {
            let mut parts = [Seconds::default(), Seconds::default()];
            for (n, &i) in order.iter().enumerate() {
                let (micros, count) = rows[i];
                let at = WallTime::from_micros(micros);
                let second = parts[usize::from(n >= split)].at(at).unwrap();
                second.events += 1;
                second.likes.add(at, count);
                second.viewers.add(at, count);
            }
            let [mut first, second] = parts;
            assert_eq!(first.merge(second), 0);
            let of = |(second, s): (i64, &Second)| {
                (second, s.events, s.likes.first, s.likes.rest, s.viewers.value())
            };
            first.iter().map(of).collect::<Vec<_>>()
        };
        let expected = fold(&[0, 1, 2, 3, 4], 5);
        assert_eq!(
            expected,
            [
                (-1, 1, Some((999_999, 4.0)), 0.0, Some(4.0)),
                (0, 3, Some((0, 5.0)), 3.0, Some(1.0)),
                (1, 1, Some((0, 7.0)), 0.0, Some(7.0)),
            ]
        );
        assert_eq!(fold(&[4, 2, 0, 3, 1], 2), expected);
        assert_eq!(fold(&[3, 1, 0, 2, 4], 3), expected);
    }
}
