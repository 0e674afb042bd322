//! The sample tables of an MP4: where they lie, and the parts of them that a window needs.
//!
//! Run-length tables can only be read from their start, so each is read through once, in blocks, and
//! a bounded number of marks is kept from which a later look starts.

use reprise_model::{ByteSource, Result};
use serde::{Deserialize, Serialize};

use super::peek::{four, number, read_up_to};

/// Marks kept of one table, at most twice as many; a 13-hour recording's largest table then has a mark
/// every 11 kB.
const MARKS: u32 = 1024;
/// Entries between marks at least: so many are read with one look anyway.
const STEP: u32 = 64;
/// Bytes read at a time where a whole table is gone through.
const SCAN_BYTES: usize = 256 << 10;
/// Bytes read at a time from a mark on.
const LOOK_BYTES: usize = 16 << 10;
/// libav ignores composition offsets beyond this.
const MAX_SHIFT: i32 = 1 << 28;

/// Rows of one width, somewhere in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub at: u64,
    pub count: u32,
    pub width: u8,
}

impl Table {
    /// Rows that begin at `at`; `None` where they do not fit before `end`.
    pub fn new(at: u64, count: u32, width: u8, end: u64) -> Option<Self> {
        let bytes = u64::from(count) * u64::from(width);
        (at.checked_add(bytes)? <= end).then_some(Self { at, count, width })
    }

    fn rows<'a>(&self, source: &'a dyn ByteSource, from: u32, block: usize) -> Rows<'a> {
        let width = usize::from(self.width.max(1));
        let at = self.at.saturating_add(u64::from(from) * width as u64);
        let left = (self.count.saturating_sub(from) as usize).saturating_mul(width);
        Rows { source, at, left, width, block: block / width * width, held: Vec::new(), next: 0 }
    }

    fn step(&self) -> u32 {
        (self.count / MARKS).max(STEP)
    }
}

/// Goes through rows in blocks.
struct Rows<'a> {
    source: &'a dyn ByteSource,
    at: u64,
    left: usize,
    width: usize,
    block: usize,
    held: Vec<u8>,
    next: usize,
}

impl Rows<'_> {
    fn next(&mut self) -> Result<Option<&[u8]>> {
        if self.next >= self.held.len() {
            let count = self.left.min(self.block.max(self.width));
            self.held = read_up_to(self.source, self.at, count)?;
            self.at = self.at.saturating_add(self.held.len() as u64);
            self.left -= self.held.len();
            self.next = 0;
        }
        let row = self.held.get(self.next..self.next.saturating_add(self.width));
        self.next = self.next.saturating_add(self.width);
        Ok(row)
    }
}

/// When samples are decoded (`stts`), in ticks from the track's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Times {
    table: Table,
    /// Samples and ticks before every `step`-th row.
    marks: Vec<(u64, u64)>,
    pub samples: u64,
    pub ticks: u64,
}

impl Times {
    /// Reads the table through; `None` where it makes no sense.
    pub fn open(source: &dyn ByteSource, table: Table) -> Result<Option<Self>> {
        let (mut samples, mut ticks, mut marks) = (0u64, 0u64, Vec::new());
        let (step, mut rows) = (table.step(), table.rows(source, 0, SCAN_BYTES));
        for index in 0..table.count {
            let Some((count, delta)) = rows.next()?.and_then(pair) else { return Ok(None) };
            if index % step == 0 {
                marks.push((samples, ticks));
            }
            let length = u64::from(count) * u64::from(delta);
            let sum = ticks.checked_add(length).filter(|&sum| sum < 1 << 60);
            let Some(sum) = sum.filter(|_| delta < 1 << 31) else { return Ok(None) };
            (samples, ticks) = (samples + u64::from(count), sum);
        }
        Ok(Some(Self { table, marks, samples, ticks }))
    }

    /// The last sample that is decoded at or before `at`, or the first.
    pub fn sample_at(&self, source: &dyn ByteSource, at: u64) -> Result<u64> {
        let mark = self.marks.partition_point(|mark| mark.1 <= at).saturating_sub(1);
        let Some(&(mut sample, mut time)) = self.marks.get(mark) else { return Ok(0) };
        let mut rows = self.table.rows(source, mark as u32 * self.table.step(), LOOK_BYTES);
        let mut found = sample;
        while let Some((count, delta)) = rows.next()?.and_then(pair) {
            if time > at {
                break;
            }
            if count > 0 {
                let steps = (at - time).checked_div(u64::from(delta)).unwrap_or(u64::MAX);
                found = sample.saturating_add(steps.min(u64::from(count) - 1));
            }
            sample = sample.saturating_add(u64::from(count));
            time = time.saturating_add(u64::from(count) * u64::from(delta));
        }
        Ok(found)
    }

    /// Decode time and duration of the samples `from` to `to`.
    pub fn span(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Vec<(u64, u32)>> {
        let mark = self.marks.partition_point(|mark| mark.0 <= from).saturating_sub(1);
        let mut found = Vec::new();
        let Some(&(mut sample, mut time)) = self.marks.get(mark) else { return Ok(found) };
        let mut rows = self.table.rows(source, mark as u32 * self.table.step(), LOOK_BYTES);
        while sample < to {
            let Some((count, delta)) = rows.next()?.and_then(pair) else { break };
            let end = sample.saturating_add(u64::from(count));
            for index in sample.max(from)..end.min(to) {
                let at = time.saturating_add((index - sample).saturating_mul(u64::from(delta)));
                found.push((at, delta));
            }
            sample = end;
            time = time.saturating_add(u64::from(count) * u64::from(delta));
        }
        Ok(found)
    }
}

/// How much later than decoded samples are shown (`ctts`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shifts {
    table: Table,
    /// Samples before every `step`-th row.
    marks: Vec<u64>,
    /// What is added to every shift so that none is negative.
    pub lift: u32,
}

impl Shifts {
    /// Reads the table through; `None` where it makes no sense or does not cover `samples`.
    pub fn open(source: &dyn ByteSource, table: Table, samples: u64) -> Result<Option<Self>> {
        let (mut covered, mut marks) = (0u64, Vec::new());
        let mut least = 0i32;
        let (step, mut rows) = (table.step(), table.rows(source, 0, SCAN_BYTES));
        for index in 0..table.count {
            let Some((count, shift)) = rows.next()?.and_then(pair) else { return Ok(None) };
            if index % step == 0 {
                marks.push(covered);
            }
            // Negative ones are written in tables of either version.
            let shift = shift as i32;
            if !(-MAX_SHIFT..=MAX_SHIFT).contains(&shift) {
                return Ok(None);
            }
            covered = covered.saturating_add(u64::from(count));
            least = least.min(shift);
        }
        if covered < samples {
            return Ok(None);
        }
        Ok(Some(Self { table, marks, lift: least.unsigned_abs() }))
    }

    /// Of the samples `from` to `to`, `lift` included.
    pub fn span(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Vec<u32>> {
        let mark = self.marks.partition_point(|&mark| mark <= from).saturating_sub(1);
        let mut found = Vec::new();
        let Some(&(mut sample)) = self.marks.get(mark) else { return Ok(found) };
        let mut rows = self.table.rows(source, mark as u32 * self.table.step(), LOOK_BYTES);
        while sample < to {
            let Some((count, shift)) = rows.next()?.and_then(pair) else { break };
            let end = sample.saturating_add(u64::from(count));
            let within = end.min(to).saturating_sub(sample.max(from)) as usize;
            let lifted = i64::from(shift as i32) + i64::from(self.lift);
            found.extend(std::iter::repeat_n(u32::try_from(lifted).unwrap_or(0), within));
            sample = end;
        }
        Ok(found)
    }
}

/// Which samples lie in which chunk (`stsc`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chunks {
    table: Table,
    /// Samples before every `step`-th row.
    marks: Vec<u64>,
    /// Chunks there are.
    chunks: u32,
    pub samples: u64,
}

/// A chunk and the samples in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chunk {
    /// From 0.
    pub index: u32,
    pub first: u64,
    pub count: u32,
}

impl Chunks {
    /// Reads the table through; `None` where it makes no sense, or names other than the first
    /// description of samples.
    pub fn open(source: &dyn ByteSource, table: Table, chunks: u32) -> Result<Option<Self>> {
        let (mut samples, mut marks) = (0u64, Vec::new());
        let mut last: Option<(u32, u32)> = None;
        let (step, mut rows) = (table.step(), table.rows(source, 0, SCAN_BYTES));
        for index in 0..table.count {
            let Some((first, per, described)) = rows.next()?.and_then(triple) else {
                return Ok(None);
            };
            let begins = last.map_or(first == 1, |(before, _)| first > before);
            if !begins || per == 0 || described != 1 || first > chunks {
                return Ok(None);
            }
            if let Some((before, per)) = last {
                samples = samples.saturating_add(u64::from(first - before) * u64::from(per));
            }
            if index % step == 0 {
                marks.push(samples);
            }
            last = Some((first, per));
        }
        let Some((first, per)) = last else { return Ok(None) };
        samples = samples.saturating_add(u64::from(chunks - first + 1) * u64::from(per));
        Ok(Some(Self { table, marks, chunks, samples }))
    }

    /// The chunks that hold the samples `from` to `to`.
    pub fn span(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Vec<Chunk>> {
        let mark = self.marks.partition_point(|&mark| mark <= from).saturating_sub(1);
        let mut found = Vec::new();
        let Some(&(mut sample)) = self.marks.get(mark) else { return Ok(found) };
        let mut rows = self.table.rows(source, mark as u32 * self.table.step(), LOOK_BYTES);
        let mut row = rows.next()?.and_then(triple);
        while let Some((first, per, _)) = row {
            let next = rows.next()?.and_then(triple);
            let end = next.map_or(self.chunks.saturating_add(1), |next| next.0);
            let skipped = from.saturating_sub(sample) / u64::from(per.max(1));
            let all = u64::from(end.saturating_sub(first));
            for nth in skipped.min(all)..all {
                let begin = sample.saturating_add(nth * u64::from(per));
                if begin >= to {
                    return Ok(found);
                }
                let index = first.saturating_sub(1).saturating_add(nth as u32);
                found.push(Chunk { index, first: begin, count: per });
            }
            sample = sample.saturating_add(all * u64::from(per));
            row = next;
        }
        Ok(found)
    }
}

/// How large samples are (`stsz`, `stz2`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// Of every sample; 0 where each has its own.
    pub constant: u32,
    pub samples: u32,
    at: u64,
    /// Of one entry.
    bits: u8,
}

impl Sizes {
    /// Entries of `bits` (4, 8, 16, 32) at `at`; `None` where they do not fit before `end`.
    pub fn new(constant: u32, samples: u32, at: u64, bits: u8, end: u64) -> Option<Self> {
        let bytes = (u64::from(samples) * u64::from(bits)).div_ceil(8);
        let fits = constant > 0 || at.checked_add(bytes)? <= end;
        (fits && matches!(bits, 4 | 8 | 16 | 32)).then_some(Self { constant, samples, at, bits })
    }

    /// Hands the sizes of the samples `from` to `to` to `take`.
    fn each(
        &self,
        source: &dyn ByteSource,
        from: u64,
        to: u64,
        mut take: impl FnMut(u32),
    ) -> Result<()> {
        let to = to.min(u64::from(self.samples));
        let bits = u64::from(self.bits);
        let mut sample = from;
        while sample < to {
            if self.constant > 0 {
                take(self.constant);
                sample += 1;
                continue;
            }
            let start = sample * bits / 8;
            let end = (to * bits).div_ceil(8).min(start + SCAN_BYTES as u64);
            let block = read_up_to(source, self.at.saturating_add(start), (end - start) as usize)?;
            let before = sample;
            while sample < to {
                let bit = sample * bits - start * 8;
                let at = (bit / 8) as usize;
                let Some(value) = number(&block, at, usize::from(self.bits.max(8) / 8)) else {
                    break;
                };
                let value = value as u32;
                take(match (self.bits, bit % 8) {
                    (4, 0) => value >> 4,
                    (4, _) => value & 15,
                    _ => value,
                });
                sample += 1;
            }
            if sample == before {
                break;
            }
        }
        Ok(())
    }

    /// Of the samples `from` to `to`.
    pub fn span(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        self.each(source, from, to, |size| found.push(size))?;
        Ok(found)
    }

    /// Bytes of the samples `from` to `to` together.
    pub fn sum(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<u64> {
        if self.constant > 0 {
            return Ok(to.saturating_sub(from).saturating_mul(u64::from(self.constant)));
        }
        let mut sum = 0u64;
        self.each(source, from, to, |size| sum = sum.saturating_add(u64::from(size)))?;
        Ok(sum)
    }
}

/// Where chunks begin (`stco`, `co64`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Places(pub Table);

impl Places {
    /// Of the chunks `from` to `to`, counted from 0.
    pub fn span(&self, source: &dyn ByteSource, from: u32, to: u32) -> Result<Vec<u64>> {
        let mut rows = self.0.rows(source, from, LOOK_BYTES);
        let mut found = Vec::new();
        for _ in from..to.min(self.0.count) {
            let Some(row) = rows.next()? else { break };
            found.push(number(row, 0, row.len()).unwrap_or(0));
        }
        Ok(found)
    }
}

/// Which samples are key pictures (`stss`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Keys {
    table: Table,
    /// Every `step`-th, counted from 0.
    marks: Vec<u32>,
}

impl Keys {
    /// Reads the table through; `None` where it makes no sense or is empty.
    pub fn open(source: &dyn ByteSource, table: Table) -> Result<Option<Self>> {
        let (mut last, mut marks) = (0, Vec::new());
        let (step, mut rows) = (table.step(), table.rows(source, 0, SCAN_BYTES));
        for index in 0..table.count {
            let key = rows.next()?.and_then(|row| four(row, 0)).filter(|&key| key > last);
            let Some(key) = key else { return Ok(None) };
            if index % step == 0 {
                marks.push(key - 1);
            }
            last = key;
        }
        Ok((last > 0).then_some(Self { table, marks }))
    }

    /// The last key pictures at or before `sample`, the last one first, at most `most` of them;
    /// only the first of all where all come later.
    pub fn before(&self, source: &dyn ByteSource, sample: u64, most: usize) -> Result<Vec<u64>> {
        let after = self.marks.partition_point(|&mark| u64::from(mark) <= sample);
        let step = self.table.step();
        let end = (after as u32).saturating_mul(step).min(self.table.count).max(1);
        let from = end.saturating_sub(step + u32::try_from(most).unwrap_or(u32::MAX - step));
        let mut keys = self.span(source, from, end)?;
        let first = keys.first().copied();
        keys.retain(|&key| key <= sample);
        keys.reverse();
        keys.truncate(most);
        if keys.is_empty() {
            keys.extend(first);
        }
        Ok(keys)
    }

    /// Those of the samples `from` to `to`.
    pub fn within(&self, source: &dyn ByteSource, from: u64, to: u64) -> Result<Vec<u64>> {
        let mark = self.marks.partition_point(|&mark| u64::from(mark) <= from).saturating_sub(1);
        let mut rows = self.table.rows(source, mark as u32 * self.table.step(), LOOK_BYTES);
        let mut found = Vec::new();
        while let Some(key) = rows.next()?.and_then(|row| four(row, 0)) {
            let key = u64::from(key).saturating_sub(1);
            if key >= to {
                break;
            }
            if key >= from {
                found.push(key);
            }
        }
        Ok(found)
    }

    fn span(&self, source: &dyn ByteSource, from: u32, to: u32) -> Result<Vec<u64>> {
        let mut rows = self.table.rows(source, from, LOOK_BYTES);
        let mut found = Vec::new();
        for _ in from..to.min(self.table.count) {
            let Some(key) = rows.next()?.and_then(|row| four(row, 0)) else { break };
            found.push(u64::from(key).saturating_sub(1));
        }
        Ok(found)
    }
}

fn pair(row: &[u8]) -> Option<(u32, u32)> {
    Some((four(row, 0)?, four(row, 4)?))
}

fn triple(row: &[u8]) -> Option<(u32, u32, u32)> {
    Some((four(row, 0)?, four(row, 4)?, four(row, 8)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::bytes::MemorySource;

    use super::*;

    fn table(rows: &[u32], width: u8) -> (MemorySource, Table) {
        let mut bytes = vec![9, 9, 9];
        rows.iter().for_each(|row| bytes.extend_from_slice(&row.to_be_bytes()));
        let count = (rows.len() * 4 / usize::from(width)) as u32;
        let end = bytes.len() as u64;
        (MemorySource::new("t", bytes), Table::new(3, count, width, end).unwrap())
    }

    #[test]
    fn a_long_table_of_times_is_like_its_expansion() {
        let rows: Vec<u32> = (0..200_000u32).flat_map(|i| [i % 3, i % 7]).collect();
        let (source, table) = table(&rows, 8);
        let times = Times::open(&source, table).unwrap().unwrap();
        assert!(times.marks.len() <= 2 * MARKS as usize);
        let mut all = Vec::new();
        let mut at = 0u64;
        for row in rows.chunks(2) {
            for _ in 0..row[0] {
                all.push((at, row[1]));
                at += u64::from(row[1]);
            }
        }
        assert_eq!((times.samples, times.ticks), (all.len() as u64, at));
        for from in [0usize, 1, 77_777, 199_000, all.len() - 3] {
            let to = (from + 2000).min(all.len());
            assert_eq!(times.span(&source, from as u64, to as u64).unwrap(), all[from..to]);
            for time in [all[from].0, all[from].0 + 1] {
                let last = all.partition_point(|sample| sample.0 <= time) - 1;
                assert_eq!(times.sample_at(&source, time).unwrap(), last as u64);
            }
        }
        assert_eq!(times.sample_at(&source, u64::MAX).unwrap(), all.len() as u64 - 1);
    }

    #[test]
    fn shifts_are_lifted_over_zero() {
        let (source, list) = table(&[2, 5, 1, -3i32 as u32, 4, 0], 8);
        let shifts = Shifts::open(&source, list, 7).unwrap().unwrap();
        assert_eq!(shifts.lift, 3);
        assert_eq!(shifts.span(&source, 1, 5).unwrap(), [8, 0, 3, 3]);
        let (source, short) = table(&[2, 5], 8);
        assert!(Shifts::open(&source, short, 3).unwrap().is_none());
    }

    #[test]
    fn chunks_are_found_by_their_samples() {
        let (source, list) = table(&[1, 10, 1, 3, 2, 1, 4, 7, 1], 12);
        let chunks = Chunks::open(&source, list, 6).unwrap().unwrap();
        assert_eq!(chunks.samples, 20 + 2 + 21);
        let of = |index, first, count| Chunk { index, first, count };
        assert_eq!(
            chunks.span(&source, 15, 23).unwrap(),
            [of(1, 10, 10), of(2, 20, 2), of(3, 22, 7)]
        );
        assert_eq!(chunks.span(&source, 42, 90).unwrap(), [of(5, 36, 7)]);
        for bad in
            [&[2, 1, 1][..], &[1, 0, 1], &[1, 1, 2], &[1, 1, 1, 1, 1, 1], &[1, 1, 1, 9, 1, 1]]
        {
            let (source, list) = table(bad, 12);
            assert!(Chunks::open(&source, list, 6).unwrap().is_none(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_of_every_width_are_read() {
        let source = MemorySource::new("s", vec![0x12, 0x34, 0x56, 0x78]);
        let sizes = |bits| Sizes::new(0, 32 / u32::from(bits), 0, bits, 4).unwrap();
        assert_eq!(sizes(4).span(&source, 1, 6).unwrap(), [2, 3, 4, 5, 6]);
        assert_eq!(sizes(8).span(&source, 1, 9).unwrap(), [0x34, 0x56, 0x78]);
        assert_eq!(sizes(16).sum(&source, 0, 2).unwrap(), 0x1234 + 0x5678);
        assert_eq!(sizes(32).span(&source, 0, 1).unwrap(), [0x1234_5678]);
        assert!(Sizes::new(0, 9, 0, 4, 4).is_none());
        assert_eq!(Sizes::new(3, u32::MAX, 0, 32, 4).unwrap().sum(&source, 5, 9).unwrap(), 12);
    }

    #[test]
    fn key_pictures_are_found_backwards() {
        let all: Vec<u32> = (0..5000).map(|i| i * 30 + 1).collect();
        let (source, list) = table(&all, 4);
        let keys = Keys::open(&source, list).unwrap().unwrap();
        assert_eq!(keys.before(&source, 0, 3).unwrap(), [0]);
        assert_eq!(keys.before(&source, 1919, 3).unwrap(), [1890, 1860, 1830]);
        assert_eq!(keys.before(&source, 1920, 2).unwrap(), [1920, 1890]);
        assert_eq!(keys.before(&source, u64::MAX, 1).unwrap(), [4999 * 30]);
        assert_eq!(keys.within(&source, 1891, 1951).unwrap(), [1920, 1950]);
        let (source, late) = table(&[8, 9], 4);
        let keys = Keys::open(&source, late).unwrap().unwrap();
        assert_eq!(keys.before(&source, 3, 2).unwrap(), [7]);
    }
}
