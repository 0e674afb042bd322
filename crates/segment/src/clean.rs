//! What is taken out of the log before anything is counted: repeats, payment batches, giveaway
//! entries, money of another currency.

use std::collections::{BTreeMap, HashMap, HashSet};

use reprise_model::{Currency, MediaTime};

use crate::log::{Comment, Log};
use crate::words::GREETING_S;

/// A payment batch: at least so many orders, each within `BATCH_GAP_S` of the one before, of at
/// least `BATCH_PRODUCTS` products. Viewers do not order three products in the same second.
const BATCH_ORDERS: usize = 4;
const BATCH_GAP_S: f64 = 0.6;
const BATCH_PRODUCTS: usize = 3;

/// A storm: one word, so often, for so long without a pause longer than `STORM_GAP_S`. Answers to a
/// pitch come in several words, at every pitch, and are over sooner.
const STORM_ENTRIES: usize = 40;
const STORM_S: f64 = 60.0;
const STORM_GAP_S: f64 = 10.0;

/// Seconds after a giveaway's end in which its keyword still arrives.
const GIVEAWAY_TAIL_S: f64 = 90.0;

impl Log<'_> {
    /// The session's currency: the one with most orders.
    pub fn choose_currency(&mut self) {
        let mut tally: BTreeMap<Currency, usize> = BTreeMap::new();
        for order in &self.orders {
            *tally.entry(order.amount.currency).or_default() += 1;
        }
        for (_, minute) in &self.minutes {
            if let Some(gmv) = minute.gmv {
                *tally.entry(gmv.currency).or_default() += 1;
            }
        }
        // Most orders; the first by its code where two tie.
        let mut best: Option<(Currency, usize)> = None;
        for (&currency, &count) in &tally {
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((currency, count));
            }
        }
        self.currency = best.map(|(currency, _)| currency);
        for order in &mut self.orders {
            let scale = self.scales.entry(order.amount.currency).or_insert(0);
            *scale = (*scale).max(order.amount.value.scale()).min(8);
            if Some(order.amount.currency) == self.currency {
                order.gmv = order.amount.approximate().max(0.0);
            }
        }
        if let Some(main) = self.currency {
            for (currency, count) in tally.into_iter().filter(|(currency, _)| *currency != main) {
                let first = self.orders.iter().find(|order| order.amount.currency == currency);
                let first = first.map_or(String::new(), |order| {
                    format!(" (the first at {})", MediaTime::from_seconds(order.at_s))
                });
                self.notes.push(format!(
                    "{count} orders in {currency} are counted but not added to {main}{first}"
                ));
            }
        }
    }

    /// Takes out comments that were written twice: same time, writer and words.
    pub fn drop_repeated_comments(&mut self) {
        let before = self.comments.len();
        let mut known: HashSet<(u32, u32)> = HashSet::new();
        let mut at_ms = None;
        self.comments.retain(|comment: &Comment| {
            if at_ms.replace(comment.at_ms) != Some(comment.at_ms) {
                known.clear();
            }
            comment.who == 0 || known.insert((comment.who, comment.text))
        });
        let dropped = before - self.comments.len();
        self.note(dropped, "comments are repeats of an earlier one and count once");
    }

    /// Marks the orders whose time is that of a payment batch.
    pub fn find_batches(&mut self) {
        let mut batches = 0usize;
        let mut inside = 0usize;
        let mut first = 0usize;
        while first < self.orders.len() {
            let mut end = first + 1;
            while end < self.orders.len()
                && self.orders[end].at_s - self.orders[end - 1].at_s <= BATCH_GAP_S
            {
                end += 1;
            }
            let run = &mut self.orders[first..end];
            let mut by_product: BTreeMap<Option<usize>, usize> = BTreeMap::new();
            for order in run.iter() {
                *by_product.entry(order.product).or_default() += 1;
            }
            let most = by_product.values().copied().max().unwrap_or(0);
            if run.len() >= BATCH_ORDERS
                && by_product.len() >= BATCH_PRODUCTS
                && most * 2 <= run.len() + 1
            {
                run.iter_mut().for_each(|order| order.timed = false);
                batches += 1;
                inside += run.len();
            }
            first = end;
        }
        if batches > 0 {
            self.notes.push(format!(
                "{inside} orders came in {batches} payment batches: counted, but no pitch is credited with them"
            ));
        }
    }

    /// Marks the comments that enter a giveaway. `counted` is whether they count as reactions all
    /// the same.
    pub fn find_entries(&mut self, counted: bool) {
        let mut found = 0usize;
        let mut keyword = String::new();
        for giveaway in &self.giveaways {
            if giveaway.by_follow {
                continue;
            }
            // Without the keyword or the words, the number of letters tells entries.
            normalise(giveaway.keyword.as_deref().unwrap_or_default(), &mut keyword);
            let letters = keyword.chars().count() as u64;
            if letters == 0 {
                continue;
            }
            let (start_s, end_s) = (giveaway.start_s, giveaway.end_s + GIVEAWAY_TAIL_S);
            let first = self.comments.partition_point(|c| c.at_s() < start_s);
            let until = self.comments.partition_point(|c| c.at_s() <= end_s);
            let span = self.comments.get_mut(first..until).unwrap_or_default();
            // Each text is looked at once, however often it was written.
            let mut enters: HashMap<u32, bool> = HashMap::new();
            for comment in span.iter_mut().filter(|comment| !comment.entry) {
                let entry = *enters.entry(comment.text).or_insert_with(|| {
                    let text = self.texts.text(comment.text);
                    if text.is_empty() {
                        self.texts.length(comment.text) == letters
                    } else {
                        holds(text, &keyword)
                    }
                });
                comment.entry = entry;
                found += usize::from(entry);
            }
        }
        if !counted {
            self.note(found, "comments are giveaway entries and count as no reaction");
        }
    }

    /// Where the log names no giveaway, marks the comments that look like the entries of one: a
    /// single word that is written in storms and hardly ever else.
    pub fn find_storms(&mut self) {
        if !self.giveaways.is_empty() {
            return;
        }
        let mut counts = vec![0usize; self.texts.len()];
        self.comments.iter().for_each(|comment| counts[comment.text as usize] += 1);
        let texts = self.texts;
        let mut times: BTreeMap<u32, Vec<f64>> = texts
            .numbers()
            .filter(|&text| {
                let words = texts.text(text).split_whitespace().count();
                counts[text as usize] >= STORM_ENTRIES && words == 1
            })
            .map(|text| (text, Vec::new()))
            .collect();
        for comment in &self.comments {
            if let Some(times) = times.get_mut(&comment.text) {
                times.push(comment.at_s());
            }
        }
        let mut storms: Vec<(u32, f64, f64)> = Vec::new();
        for (text, times) in times {
            let runs: Vec<&[f64]> = times
                .chunk_by(|a, b| b - a <= STORM_GAP_S)
                // What comes in the first minutes are greetings.
                .filter(|run| run[0] >= GREETING_S && run.len() >= STORM_ENTRIES)
                .filter(|run| run[run.len() - 1] - run[0] >= STORM_S)
                .collect();
            let inside: usize = runs.iter().map(|run| run.len()).sum();
            let lasts_s: f64 = runs.iter().map(|run| run[run.len() - 1] - run[0]).sum();
            if inside as f64 >= 0.9 * times.len() as f64 && lasts_s <= 0.15 * self.last_s {
                storms.extend(runs.iter().map(|run| (text, run[0], run[run.len() - 1])));
            }
        }
        let mut found = 0;
        for (text, start_s, end_s) in storms {
            let first = self.comments.partition_point(|c| c.at_s() < start_s);
            for comment in self.comments[first..].iter_mut().take_while(|c| c.at_s() <= end_s) {
                if comment.text == text {
                    comment.entry = true;
                    found += 1;
                }
            }
        }
        self.note(
            found,
            "comments come in storms of one word, like giveaway entries, and count as no reaction; \
             the log names no giveaway",
        );
    }
}

/// Writes `text` into `out` in lower case, white space single and inside only.
pub(crate) fn normalise(text: &str, out: &mut String) {
    out.clear();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let start = out.len();
        out.push_str(word);
        if word.is_ascii() {
            out[start..].make_ascii_lowercase();
        } else {
            let lower = out[start..].to_lowercase();
            out.truncate(start);
            out.push_str(&lower);
        }
    }
}

/// Whether `keyword` stands in `text` by itself or makes up most of it.
fn holds(text: &str, keyword: &str) -> bool {
    text == keyword
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| word == keyword)
        || (text.contains(keyword) && keyword.chars().count() * 2 >= text.chars().count())
}
