//! Reads stretches of a recording without an index and finds in them what begins where.
//!
//! A container says what it finds in bytes ([`Scan`]); here stand the reads: single looks that grow
//! until something is found, and contiguous stretches that are walked on or back.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Result};

/// A first look; as much as a few packets of sound and picture take at usual rates.
pub(super) const LOOK: u64 = 16 << 10;
/// A look grows up to this, then there is nothing to be found.
const LOOK_MAX: u64 = 2 << 20;
/// Where nothing begins in a first look (a large key picture), the next ones go on by so much.
const LOOK_STEP: u64 = 128 << 10;
/// A stretch holds at most so many bytes, half a minute at 3 Mbit/s; what is more is walked over
/// here and read again by whoever decodes it.
const HOLD_MAX: usize = 12 << 20;
/// A walk reads so much at a time.
const WALK: u64 = 64 << 10;
const WALK_MAX: u64 = 1 << 20;

/// What a mark belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The pictures.
    Picture,
    /// The sound.
    Sound,
}

/// A picture, or some sound, that begins at a byte of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its first byte.
    pub at: u64,
    /// The first byte after what is known to be its own.
    pub end: u64,
    /// What it is.
    pub track: Track,
    /// When it is decoded, in flicks of the container's own clock.
    pub dts: i64,
    /// When it is shown, in flicks of the container's own clock.
    pub pts: i64,
    /// Whether decoding can begin with it.
    pub key: bool,
}

/// Bytes to look through.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    /// What was read.
    pub bytes: &'a [u8],
    /// Where in the recording it lies.
    pub start: u64,
    /// Whether something is known to begin at the first byte.
    pub synced: bool,
    /// What begins here or later is known already; something does begin here where this lies
    /// within the bytes.
    pub until: u64,
    /// The recording's length.
    pub length: u64,
}

/// What was found in bytes.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// In the order of bytes.
    pub marks: Vec<Mark>,
    /// Where the first thing begins that was recognised.
    pub first: Option<u64>,
    /// Where to go on: the first thing that needs more bytes than there are.
    pub next: u64,
    /// Whether nothing is known to begin at `next`.
    pub lost: bool,
}

/// What a container finds in bytes.
pub trait Scan {
    /// Looks through `bytes`. Work is linear in their number.
    fn scan(&self, bytes: Bytes<'_>) -> Scanned;

    /// Whether what a mark belongs to ends where the mark says, so that what lies between it and
    /// the next one may be left out.
    fn ends_known(&self) -> bool;
}

/// Reads `start` to `end` of the source, less where it ends before.
pub(super) fn read(source: &Arc<dyn ByteSource>, start: u64, end: u64) -> Result<Vec<u8>> {
    let end = end.min(source.len());
    let count = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match source.read_at(start + filled as u64, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got.min(count - filled),
            Err(error) => return Err(Error::io(source.name(), error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// A contiguous part of a recording and what begins in it.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Where in the recording `bytes` lies.
    pub start: u64,
    /// What is held of it.
    pub bytes: Vec<u8>,
    /// The first thing that was recognised.
    pub first: u64,
    /// What was found, in the order of bytes.
    pub marks: Vec<Mark>,
    /// The first byte after what was walked over.
    pub walked: u64,
    /// Whether all that was walked over is held.
    holding: bool,
    /// What was walked over and is not understood yet; ends at `walked`.
    tail: Vec<u8>,
    lost: bool,
}

impl Stretch {
    /// The first byte after what is held.
    pub fn held_end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Held bytes of `start` to `end`, where all of them are held.
    pub fn held(&self, start: u64, end: u64) -> Option<&[u8]> {
        let from = usize::try_from(start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(end.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..to)
    }
}

/// Which end of a stretch is let go when it grows beyond what may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Front,
    Back,
}

/// A recording that is looked through.
pub(super) struct Reader<'a> {
    pub source: &'a Arc<dyn ByteSource>,
    pub scan: &'a dyn Scan,
}

impl Reader<'_> {
    fn length(&self) -> u64 {
        self.source.len()
    }

    /// The stretch from `at` on, whose first byte begins something.
    pub fn begin(&self, at: u64, size: u64) -> Result<Stretch> {
        let bytes = read(self.source, at, at.saturating_add(size))?;
        Ok(self.stretch(at, bytes, true))
    }

    /// The stretch of bytes that were read already, whose first begins something.
    pub fn take(&self, at: u64, bytes: Vec<u8>) -> Stretch {
        self.stretch(at, bytes, true)
    }

    /// The stretch from `at` on, wherever that is.
    pub fn lost(&self, at: u64, size: u64) -> Result<Stretch> {
        let bytes = read(self.source, at, at.saturating_add(size))?;
        Ok(self.stretch(at, bytes, false))
    }

    /// Walks on to the byte `end` of the recording at least, or to its own end.
    pub fn walk_to(&self, stretch: &mut Stretch, end: u64) -> Result<()> {
        let end = end.min(self.length());
        while stretch.walked < end {
            self.extend(stretch, (end - stretch.walked).clamp(LOOK, WALK_MAX), Keep::Front)?;
        }
        Ok(())
    }

    fn stretch(&self, start: u64, bytes: Vec<u8>, synced: bool) -> Stretch {
        let all = Bytes { bytes: &bytes, start, synced, until: u64::MAX, length: self.length() };
        let found = self.scan.scan(all);
        let walked = start + bytes.len() as u64;
        let next = (found.next.clamp(start, walked) - start) as usize;
        Stretch {
            start,
            first: found.first.unwrap_or(walked),
            marks: found.marks,
            walked,
            holding: true,
            tail: bytes[next..].to_vec(),
            lost: found.lost,
            bytes,
        }
    }

    /// What begins at `at` or soon after, and before `limit`. Where the first bytes show nothing,
    /// others a little further on are tried, then more of them; `None` where there is nothing.
    pub fn look(&self, at: u64, limit: u64) -> Result<Option<Stretch>> {
        let limit = limit.min(self.length());
        for step in 0..3 {
            let at = at.saturating_add(step * LOOK_STEP);
            if step > 0 && at.saturating_add(LOOK) > limit {
                break;
            }
            let bytes = read(self.source, at, at.saturating_add(LOOK))?;
            let stretch = self.stretch(at, bytes, false);
            if !stretch.marks.is_empty() {
                return Ok(Some(stretch));
            }
        }
        let mut size = LOOK * 4;
        while size <= LOOK_MAX {
            let bytes = read(self.source, at, at.saturating_add(size))?;
            let stretch = self.stretch(at, bytes, false);
            if stretch.marks.first().is_some_and(|mark| mark.at < limit) {
                return Ok(Some(stretch));
            }
            if at.saturating_add(size) >= limit {
                break;
            }
            size *= 4;
        }
        Ok(None)
    }

    /// Walks on until a mark is found that `wanted` takes; gives it. `None` at the end of the
    /// recording or after `most` bytes. Marks found before are asked first, from `asked` on.
    pub fn walk_on(
        &self,
        stretch: &mut Stretch,
        (mut size, most): (u64, u64),
        keep: Keep,
        mut asked: usize,
        mut wanted: impl FnMut(&Mark) -> bool,
    ) -> Result<Option<Mark>> {
        let begun = stretch.walked;
        loop {
            while let Some(mark) = stretch.marks.get(asked) {
                if wanted(mark) {
                    return Ok(Some(*mark));
                }
                asked += 1;
            }
            if stretch.walked >= self.length() || stretch.walked - begun >= most {
                return Ok(None);
            }
            self.extend(stretch, size.clamp(LOOK, WALK_MAX), keep)?;
            if keep == Keep::Back && stretch.bytes.len() > HOLD_MAX {
                let marks = stretch.marks.len();
                Self::let_go_front(stretch);
                asked = asked.saturating_sub(marks - stretch.marks.len());
            }
            size = WALK;
        }
    }

    fn extend(&self, stretch: &mut Stretch, size: u64, keep: Keep) -> Result<()> {
        let more = read(self.source, stretch.walked, stretch.walked.saturating_add(size))?;
        if more.is_empty() {
            // Shorter than it said.
            stretch.walked = self.length();
            stretch.holding = false;
            return Ok(());
        }
        stretch.holding &= keep == Keep::Back || stretch.bytes.len() + more.len() <= HOLD_MAX;
        if stretch.holding {
            stretch.bytes.extend_from_slice(&more);
        }
        stretch.walked += more.len() as u64;
        stretch.tail.extend_from_slice(&more);
        let start = stretch.walked - stretch.tail.len() as u64;
        let found = self.scan.scan(Bytes {
            bytes: &stretch.tail,
            start,
            synced: !stretch.lost,
            until: u64::MAX,
            length: self.length(),
        });
        if stretch.marks.is_empty()
            && let Some(first) = found.first
        {
            stretch.first = first;
        }
        stretch.marks.extend(found.marks);
        stretch.lost = found.lost;
        let next = (found.next.clamp(start, stretch.walked) - start) as usize;
        stretch.tail.drain(..next);
        Ok(())
    }

    fn let_go_front(stretch: &mut Stretch) {
        let cut = stretch.bytes.len() / 2;
        stretch.bytes.drain(..cut);
        stretch.start += cut as u64;
        let start = stretch.start;
        stretch.marks.retain(|mark| mark.at >= start);
        stretch.first = stretch.marks.first().map_or(stretch.walked, |mark| mark.at);
    }

    /// Walks back by `size` bytes, not before `floor`; gives how many marks came in front.
    pub fn walk_back(&self, stretch: &mut Stretch, floor: u64, size: u64) -> Result<usize> {
        let start = stretch.start.saturating_sub(size.clamp(LOOK, WALK_MAX)).max(floor);
        if start >= stretch.start {
            return Ok(0);
        }
        let mut bytes = read(self.source, start, stretch.start)?;
        if (bytes.len() as u64) < stretch.start - start {
            return Err(Error::io(self.source.name(), std::io::ErrorKind::UnexpectedEof.into()));
        }
        bytes.append(&mut stretch.bytes);
        let found = self.scan.scan(Bytes {
            bytes: &bytes,
            start,
            synced: start == floor,
            until: stretch.first,
            length: self.length(),
        });
        stretch.start = start;
        if bytes.len() > HOLD_MAX {
            stretch.holding = false;
            bytes.truncate(HOLD_MAX);
            let end = start + bytes.len() as u64;
            stretch.marks.retain(|mark| mark.at < end);
        }
        stretch.bytes = bytes;
        if let Some(first) = found.first {
            stretch.first = first.min(stretch.first);
        }
        let count = found.marks.len();
        stretch.marks.splice(0..0, found.marks);
        Ok(count)
    }
}
