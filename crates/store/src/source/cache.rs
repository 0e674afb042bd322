//! The bounded cache in front of remote objects: who fetches what, who waits, what is dropped.
//!
//! What is kept are *extents*: stretches of an object that were fetched at once. They never overlap,
//! so no byte is fetched twice while it is kept, and a fetch never reaches beyond an announced range.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use reprise_model::bytes::stays_below;
use reprise_model::{ByteSource, Error, Kind};

use super::remote::{Failure, Family, LOOK, Opened, Remote, SourceStats};

/// Bytes kept for a source together with all that was opened beside it, those on their way included.
const HELD_MAX: u64 = 16 << 20;
/// Largest part of an announced range that is fetched at once: one request a second or two of video.
const PART_MAX: u64 = 1 << 20;
/// Smallest part, where many ranges are read at once and share [`HELD_MAX`].
const PART_MIN: u64 = 128 << 10;
/// Largest look: one that follows another doubles, as what is read in order goes on being so.
const LOOK_MAX: u64 = 256 << 10;
/// Announced ranges that are remembered.
const MARKS_MAX: usize = 64;
/// Fetches ahead of their readers at one time.
const AHEAD_MAX: usize = 16;

/// A recording on a server, read through a cache. Reads may come from several threads at once.
pub struct RemoteSource {
    cache: Arc<Cache>,
    family: Arc<Family>,
    remote: Arc<dyn Remote>,
    id: u64,
}

/// What a source and those opened beside it keep.
pub struct Cache {
    state: Mutex<State>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct State {
    /// By source and first byte.
    extents: BTreeMap<(u64, u64), Extent>,
    /// Announced ranges, oldest first.
    marks: Vec<Mark>,
    held: u64,
    ahead: usize,
    clock: u64,
}

struct Extent {
    end: u64,
    bytes: Bytes,
    /// When it was last read, by `State::clock`.
    used: u64,
    /// Whether it was read to its end, so that it is probably done with.
    spent: bool,
    /// Bytes of the looks in order that end here; 0 for a part of an announced range.
    run: u64,
}

enum Bytes {
    Coming(Arc<Flight>),
    Here(Arc<[u8]>),
}

struct Mark {
    source: u64,
    range: Range<u64>,
    done: bool,
}

/// A fetch under way, which any number of readers may wait for.
struct Flight {
    source: u64,
    range: Range<u64>,
    landed: Mutex<Option<Result<Arc<[u8]>, Failure>>>,
    woken: Condvar,
}

/// What to do for a read.
enum Step {
    /// These bytes hold it, the first of them at this offset.
    Copy(Arc<[u8]>, u64),
    /// Someone is fetching it.
    Wait(Arc<Flight>),
    /// It is this reader's to fetch.
    Fetch(Arc<Flight>),
}

impl RemoteSource {
    pub(super) fn new(opened: Opened, cache: &Arc<Cache>, family: &Arc<Family>) -> Self {
        let id = cache.next_id.fetch_add(1, Ordering::Relaxed);
        let Opened { remote, first } = opened;
        if !first.is_empty() {
            let end = first.len() as u64;
            let mut state = cache.lock();
            let bytes = Bytes::Here(first.into());
            let extent = Extent { end, bytes, used: 0, spent: false, run: end };
            state.extents.insert((id, 0), extent);
            state.held = state.held.saturating_add(end);
            state.make_room();
        }
        Self { cache: Arc::clone(cache), family: Arc::clone(family), remote, id }
    }

    /// What was asked of servers so far, for this source and all that was opened beside it.
    pub fn stats(&self) -> SourceStats {
        self.family.stats()
    }

    /// Bytes in memory now, for this source and all that was opened beside it.
    pub fn held_bytes(&self) -> u64 {
        self.cache.lock().held
    }

    fn failed(&self, failure: Failure) -> io::Error {
        Error::from(failure).in_file(self.remote.name()).into()
    }

    /// Fetches what `flight` is for. It lands whatever happens, so that nobody waits for ever.
    fn fly(cache: &Cache, remote: &dyn Remote, flight: &Arc<Flight>) -> Result<Arc<[u8]>, Failure> {
        let mut landing = Landing { cache, flight, result: None };
        let length = flight.range.end - flight.range.start;
        let fetched = match remote.fetch(flight.range.clone()) {
            Ok(bytes) if bytes.len() as u64 == length => Ok(Arc::<[u8]>::from(bytes)),
            Ok(_) => Err(lost()),
            Err(failure) => Err(failure),
        };
        landing.result = Some(fetched.clone());
        fetched
    }

    /// Starts the fetch of the part after the one that is read now.
    fn fly_ahead(&self, flight: Arc<Flight>) {
        let cache = Arc::clone(&self.cache);
        let remote = Arc::clone(&self.remote);
        let mine = Arc::clone(&flight);
        let started =
            std::thread::Builder::new().name("reprise-ahead".to_owned()).spawn(move || {
                // Whoever reads there meets the failure.
                let _ = Self::fly(&cache, remote.as_ref(), &mine);
                cache.lock().no_longer_ahead();
            });
        if started.is_err() {
            let failure = Failure::passing("no thread can be started to read ahead");
            drop(Landing { cache: &self.cache, flight: &flight, result: Some(Err(failure)) });
            self.cache.lock().no_longer_ahead();
        }
    }
}

impl ByteSource for RemoteSource {
    fn len(&self) -> u64 {
        self.remote.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let Some(at) = offset.checked_add(filled as u64).filter(|at| *at < self.len()) else {
                return Ok(filled);
            };
            let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) else {
                return Ok(filled);
            };
            // What is at hand is given at once; only a read that would be empty goes to the server.
            let step = self.cache.step(self, at, rest.len() as u64, filled == 0);
            let (bytes, start) = match step {
                None => return Ok(filled),
                Some(Step::Copy(bytes, start)) => (bytes, start),
                Some(Step::Wait(flight)) => {
                    let bytes = flight.wait().map_err(|failure| self.failed(failure))?;
                    (bytes, flight.range.start)
                }
                Some(Step::Fetch(flight)) => {
                    let bytes = Self::fly(&self.cache, self.remote.as_ref(), &flight)
                        .map_err(|failure| self.failed(failure))?;
                    (bytes, flight.range.start)
                }
            };
            let from = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
            let found = bytes.get(from..).unwrap_or_default();
            let count = found.len().min(rest.len());
            if count == 0 {
                return Ok(filled);
            }
            rest[..count].copy_from_slice(&found[..count]);
            filled += count;
            let ahead = self.cache.after_read(self, at, at + count as u64);
            if let Some(flight) = ahead {
                self.fly_ahead(flight);
            }
        }
    }

    fn name(&self) -> &str {
        self.remote.name()
    }

    fn version(&self) -> Option<String> {
        self.remote.version()
    }

    fn will_read(&self, range: Range<u64>) {
        let range = range.start..range.end.min(self.len());
        if range.is_empty() || self.remote.whole() {
            return;
        }
        let mut state = self.cache.lock();
        state.marks.retain(|mark| mark.source != self.id || mark.range != range);
        if state.marks.len() >= MARKS_MAX {
            let oldest = state.marks.iter().position(|mark| mark.done).unwrap_or(0);
            state.marks.remove(oldest);
        }
        state.marks.push(Mark { source: self.id, range, done: false });
    }

    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        if !stays_below(relative) {
            let what = "names something that does not lie below";
            return Err(self.failed(Failure::new(Kind::Usage, what)));
        }
        // The failure is of what lies beside, so it is named by it.
        let opened = self.remote.beside(relative).map_err(|failure| {
            let folder = self.name().rsplit_once('/').map_or("", |(folder, _)| folder);
            io::Error::from(Error::from(failure).in_file(format!("{folder}/{relative}")))
        })?;
        Ok(Arc::new(Self::new(opened, &self.cache, &self.family)))
    }
}

impl Drop for RemoteSource {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        state.marks.retain(|mark| mark.source != self.id);
        let mut dropped = 0u64;
        state.extents.retain(|&(source, start), extent| {
            let keep = source != self.id;
            dropped += if keep { 0 } else { extent.end - start };
            keep
        });
        state.held = state.held.saturating_sub(dropped);
    }
}

impl Cache {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), next_id: AtomicU64::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do for a read of `want` bytes at `at`; `None` where it would go to the server and
    /// `may_fetch` is not set.
    fn step(&self, source: &RemoteSource, at: u64, want: u64, may_fetch: bool) -> Option<Step> {
        let mut state = self.lock();
        if let Some((start, extent)) = state.covering(source.id, at) {
            return match &extent.bytes {
                Bytes::Here(bytes) => Some(Step::Copy(Arc::clone(bytes), start)),
                Bytes::Coming(flight) => may_fetch.then(|| Step::Wait(Arc::clone(flight))),
            };
        }
        if !may_fetch {
            return None;
        }
        let (range, run) = state.extent_for(source, at, want);
        Some(Step::Fetch(state.take_off(source.id, range, run)))
    }

    /// Notes that the bytes from `from` to `to` were read; gives the part to fetch ahead, if any.
    fn after_read(&self, source: &RemoteSource, from: u64, to: u64) -> Option<Arc<Flight>> {
        let mut state = self.lock();
        state.clock += 1;
        let clock = state.clock;
        let mut next = to;
        if let Some((_, extent)) = state.covering(source.id, from) {
            extent.used = clock;
            extent.spent |= to >= extent.end;
            next = extent.end;
        }
        for mark in &mut state.marks {
            mark.done |=
                mark.source == source.id && mark.range.contains(&from) && to >= mark.range.end;
        }
        let announced = state.mark_at(source.id, from).is_some_and(|range| range.contains(&next));
        if !announced || state.ahead >= AHEAD_MAX || state.covering(source.id, next).is_some() {
            return None;
        }
        let (range, run) = state.extent_for(source, next, 1);
        state.ahead += 1;
        Some(state.take_off(source.id, range, run))
    }
}

impl State {
    /// The extent that holds `at`, with its start.
    fn covering(&mut self, source: u64, at: u64) -> Option<(u64, &mut Extent)> {
        let (&(_, start), extent) =
            self.extents.range_mut((source, 0)..=(source, at)).next_back()?;
        (at < extent.end).then_some((start, extent))
    }

    /// The announced range that holds `at`; of several the one that goes on longest.
    fn mark_at(&self, source: u64, at: u64) -> Option<Range<u64>> {
        let holding = self.marks.iter().filter(|mark| mark.source == source);
        let holding = holding.map(|mark| &mark.range).filter(|range| range.contains(&at));
        holding.max_by_key(|range| range.end).cloned()
    }

    /// What to fetch for a read of `want` bytes at `at`, which no extent holds, and its `run`.
    fn extent_for(&self, source: &RemoteSource, at: u64, want: u64) -> (Range<u64>, u64) {
        let length = source.remote.length();
        if source.remote.whole() {
            return (0..length, 0);
        }
        let before = self.extents.range((source.id, 0)..=(source.id, at)).next_back();
        let free_from = before.map_or(0, |(_, extent)| extent.end);
        let after = self.extents.range((source.id, at)..=(source.id, u64::MAX)).next();
        let free_to = after.map_or(length, |(&(_, start), _)| start.min(length));
        if let Some(mark) = self.mark_at(source.id, at) {
            let reading = self.marks.iter().filter(|mark| !mark.done).count().max(1) as u64;
            // A part that is read and the next one for each, with as much again to spare.
            let part = (HELD_MAX / 4 / reading).clamp(PART_MIN, PART_MAX);
            return (at..at.saturating_add(part).min(mark.end).min(free_to), 0);
        }
        let block = at - at % LOOK;
        let start = block.max(free_from);
        let run = before
            .filter(|_| at - free_from < LOOK)
            .map_or(0, |(_, extent)| if extent.end == start { extent.run } else { 0 });
        let end = block
            .saturating_add(LOOK)
            .max(start.saturating_add(run.min(LOOK_MAX)))
            .max(at.saturating_add(want.min(LOOK_MAX)))
            .min(free_to);
        (start..end, run.saturating_add(end - start))
    }

    /// Enters a fetch of `range`.
    fn take_off(&mut self, source: u64, range: Range<u64>, run: u64) -> Arc<Flight> {
        let key = (source, range.start);
        let flight =
            Arc::new(Flight { source, range, landed: Mutex::new(None), woken: Condvar::new() });
        let end = flight.range.end;
        let bytes = Bytes::Coming(Arc::clone(&flight));
        self.clock += 1;
        self.extents.insert(key, Extent { end, bytes, used: self.clock, spent: false, run });
        self.held = self.held.saturating_add(end - flight.range.start);
        self.make_room();
        flight
    }

    /// Drops what is done with, then what was not read for longest, until the rest fits.
    fn make_room(&mut self) {
        while self.held > HELD_MAX {
            let here = self.extents.iter().filter(|(_, e)| matches!(e.bytes, Bytes::Here(_)));
            let Some((&key, _)) = here.min_by_key(|(_, e)| (!e.spent, e.used)) else { return };
            self.remove(key);
        }
    }

    fn no_longer_ahead(&mut self) {
        self.ahead = self.ahead.saturating_sub(1);
    }

    fn remove(&mut self, key: (u64, u64)) {
        if let Some(extent) = self.extents.remove(&key) {
            self.held = self.held.saturating_sub(extent.end - key.1);
        }
    }
}

impl Flight {
    fn wait(&self) -> Result<Arc<[u8]>, Failure> {
        let landed = self.landed.lock().unwrap_or_else(PoisonError::into_inner);
        let landed = self
            .woken
            .wait_while(landed, |landed| landed.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        landed.clone().unwrap_or_else(|| Err(lost()))
    }
}

/// Ends a flight when it goes out of scope, with what was fetched or with why nothing was.
struct Landing<'a> {
    cache: &'a Cache,
    flight: &'a Arc<Flight>,
    result: Option<Result<Arc<[u8]>, Failure>>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| Err(lost()));
        let key = (self.flight.source, self.flight.range.start);
        let mut state = self.cache.lock();
        state.clock += 1;
        let clock = state.clock;
        match (&result, state.extents.get_mut(&key)) {
            (Ok(bytes), Some(extent)) => {
                extent.bytes = Bytes::Here(Arc::clone(bytes));
                extent.used = clock;
            }
            (Err(_), Some(_)) => state.remove(key),
            // The source is gone.
            (_, None) => {}
        }
        state.make_room();
        drop(state);
        let mut landed = self.flight.landed.lock().unwrap_or_else(PoisonError::into_inner);
        *landed = Some(result);
        self.flight.woken.notify_all();
    }
}

fn lost() -> Failure {
    Failure::new(Kind::Bug, "a fetch ended without an answer")
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
