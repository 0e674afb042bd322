//! A dictionary of texts: each distinct one is kept once, under a small number, up to a budget.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

/// What an entry takes beside its letters: itself and its share of the slots.
const ENTRY_BYTES: usize = std::mem::size_of::<Entry>() + 8;

/// A slot without a text.
const FREE: u32 = u32::MAX;

/// Distinct texts, numbered from 0 in the order in which they first came.
///
/// A text beyond the budget is kept as its length alone; so is one that never had words.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    letters: String,
    entries: Vec<Entry>,
    /// Open addressing: numbers of entries, [`FREE`] or not; twice as many as entries at least.
    slots: Vec<u32>,
    bytes_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    /// Characters, as the log says; cut at `u32::MAX`.
    length: u32,
    start: u32,
    bytes: u32,
}

impl Texts {
    /// Empty, for at most `bytes_max` bytes (below 4 GiB), entries included.
    pub fn with_budget(bytes_max: usize) -> Self {
        Self { letters: String::new(), entries: Vec::new(), slots: Vec::new(), bytes_max }
    }

    /// How many distinct ones there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// All numbers.
    pub fn numbers(&self) -> std::ops::Range<u32> {
        0..self.entries.len() as u32
    }

    /// The text of a number; empty where only its length is known.
    pub fn text(&self, id: u32) -> &str {
        let entry = &self.entries[id as usize];
        &self.letters[entry.start as usize..][..entry.bytes as usize]
    }

    /// How many characters the text of a number has.
    pub fn length(&self, id: u32) -> u64 {
        u64::from(self.entries[id as usize].length)
    }

    /// The number of a text that is not empty; `None` where it is new and the budget is spent.
    pub fn intern(&mut self, text: &str) -> Option<u32> {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        let hash = hasher.finish();
        let found = self.find(hash, |texts, id| texts.text(id) == text);
        if let Some(id) = found {
            return Some(id);
        }
        let taken = self.letters.len() + self.entries.len() * ENTRY_BYTES;
        if taken + text.len() + ENTRY_BYTES > self.bytes_max {
            return None;
        }
        let start = self.letters.len() as u32;
        self.letters.push_str(text);
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        Some(self.push(Entry { hash, length, start, bytes: text.len() as u32 }))
    }

    /// The number that stands for all texts of which only this length is known. There are few of
    /// them, so they need no budget: above 4,096 characters lengths are rounded down to a power of 2.
    pub fn intern_length(&mut self, length: u64) -> u32 {
        let length = if length > 4096 { 1 << length.min(1 << 31).ilog2() } else { length };
        let hash = length.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        let same = |texts: &Self, id: u32| {
            let entry = &texts.entries[id as usize];
            entry.bytes == 0 && u64::from(entry.length) == length
        };
        match self.find(hash, same) {
            Some(id) => id,
            None => self.push(Entry { hash, length: length as u32, start: 0, bytes: 0 }),
        }
    }

    fn find(&self, hash: u64, same: impl Fn(&Self, u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                FREE => return None,
                id if self.entries[id as usize].hash == hash && same(self, id) => return Some(id),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn push(&mut self, entry: Entry) -> u32 {
        if self.slots.len() < 2 * (self.entries.len() + 1) {
            self.slots = vec![FREE; (2 * (self.entries.len() + 1)).next_power_of_two().max(16)];
            for (id, known) in self.entries.iter().enumerate() {
                place(&mut self.slots, known.hash, id as u32);
            }
        }
        let id = self.entries.len() as u32;
        place(&mut self.slots, entry.hash, id);
        self.entries.push(entry);
        id
    }
}

fn place(slots: &mut [u32], hash: u64, id: u32) {
    let mask = slots.len() - 1;
    let mut slot = hash as usize & mask;
    while slots[slot] != FREE {
        slot = (slot + 1) & mask;
    }
    slots[slot] = id;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once() {
        let mut texts = Texts::with_budget(1 << 20);
        let ids: Vec<u32> =
            (0..5000).map(|i| texts.intern(&format!("text {}", i % 1000)).unwrap()).collect();
        assert_eq!(texts.len(), 1000);
        assert_eq!((ids[7], ids[4007], texts.text(7)), (7, 7, "text 7"));
        let twelve = texts.intern_length(12);
        assert_eq!(texts.intern_length(12), twelve);
        assert_eq!((texts.text(twelve), texts.length(twelve)), ("", 12));
        let most = texts.intern_length(u64::MAX);
        assert_eq!(texts.length(most), 1 << 31);
    }

    #[test]
    fn the_budget_is_kept() {
        let mut texts = Texts::with_budget(1000);
        let kept = (0..1000).filter(|i| texts.intern(&format!("{i:0>20}")).is_some()).count();
        assert!((10..30).contains(&kept), "{kept}");
        assert!(texts.intern(&format!("{:0>20}", 3)).is_some(), "known ones are still found");
    }
}
