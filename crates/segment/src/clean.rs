//! What is taken out of the log before anything is counted: repeats, payment batches, giveaway
//! entries, money of another currency.

use std::collections::BTreeMap;

use reprise_model::{Currency, MediaTime};

use crate::log::{Comment, Log};

/// A payment batch: at least so many orders, each within `BATCH_GAP_S` of the one before, of at
/// least `BATCH_PRODUCTS` products. Viewers do not order three products in the same second.
const BATCH_ORDERS: usize = 4;
const BATCH_GAP_S: f64 = 0.6;
const BATCH_PRODUCTS: usize = 3;

/// Seconds after a giveaway's end in which its keyword still arrives.
const GIVEAWAY_TAIL_S: f64 = 90.0;

impl Log {
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

    /// Takes out comments that were written twice.
    pub fn drop_repeated_comments(&mut self) {
        let before = self.comments.len();
        let mut kept: Vec<Comment> = Vec::with_capacity(before);
        for comment in std::mem::take(&mut self.comments) {
            // Same time, writer and words: a row that was written twice.
            let repeat = comment.who != 0
                && kept.iter().rev().take_while(|other| other.at_s == comment.at_s).any(|other| {
                    (other.who, other.length, &other.text)
                        == (comment.who, comment.length, &comment.text)
                });
            if !repeat {
                kept.push(comment);
            }
        }
        self.comments = kept;
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

    /// Marks the comments that enter a giveaway.
    pub fn find_entries(&mut self) {
        let mut found = 0usize;
        for giveaway in &self.giveaways {
            if giveaway.by_follow {
                continue;
            }
            // Without the keyword or the words, the number of letters tells entries.
            let keyword = giveaway.keyword.as_deref().map(normalised).unwrap_or_default();
            let letters = keyword.chars().count() as u64;
            if letters == 0 {
                continue;
            }
            let first = self.comments.partition_point(|c| c.at_s < giveaway.start_s);
            for comment in &mut self.comments[first..] {
                if comment.at_s > giveaway.end_s + GIVEAWAY_TAIL_S {
                    break;
                }
                let entry = if comment.text.is_empty() {
                    comment.length == letters
                } else {
                    holds(&comment.text, &keyword)
                };
                if !comment.entry && entry {
                    comment.entry = true;
                    found += 1;
                }
            }
        }
        self.note(found, "comments are giveaway entries and count as no reaction");
    }
}

/// A hash that is the same in every run; never 0.
pub(crate) fn hash(text: &str) -> u64 {
    // FNV-1a, 64 bits.
    let folded = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    folded.max(1)
}

/// Lower case, inner white space single.
pub(crate) fn normalised(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Whether `keyword` stands in `text` by itself or makes up most of it.
fn holds(text: &str, keyword: &str) -> bool {
    text == keyword
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| word == keyword)
        || (text.contains(keyword) && keyword.chars().count() * 2 >= text.chars().count())
}
