//! The index of MPEG-TS: packets are found again from any byte, and a window is a run of them behind
//! the tables that say what they carry.
//!
//! An excerpt's clock expects the container's own stamps from libav, or stamps that libav moved by
//! whole turns of 33 bits; packets without a byte position belong to the piece of the one before.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::locate::{Builder, Finder, Place, Reached};
use super::search::{Bytes, Keep, Mark, Reader, Scan, Scanned, Stretch, Track, read};
use super::timeline::Timeline;
use super::ts_keys::is_key;
use super::ts_packets::{FLICKS_PER_TICK, Grid, Pes};
use super::ts_tables::{Coding, Tables};
use super::{Locate, Located};

/// What is read to learn what the recording is, and what more where that does not tell.
const HEAD: u64 = 64 << 10;
const HEAD_MAX: u64 = 1 << 20;
/// The clock counts 90 kHz in 33 bits.
const WRAP: i64 = (1 << 33) * FLICKS_PER_TICK;
/// A picture that has not shown what it is by then is asked for no longer.
const AHEAD_MAX: usize = 32 << 10;
/// The same, in bytes of its own.
const PICTURE_MAX: usize = 8 << 10;
/// Sets of tables that are kept, and their size.
const TABLES_MAX: usize = 64;
const TABLE_BYTES_MAX: usize = 64 << 10;
/// The first pictures: so many bytes at most where two key pictures lie in them, else so many.
const FIRST_MAX: u64 = 8 << 20;
const FIRST: u64 = 2 << 20;
const SECOND: i64 = reprise_model::time::FLICKS_PER_SECOND;

/// An MPEG-TS recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ts {
    line: Timeline,
    streams: Streams,
    tables: Vec<Newest>,
}

/// How packets lie and which of them count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Streams {
    grid: Grid,
    picture: Option<(u16, Coding)>,
    sounds: Vec<u16>,
}

/// The tables that hold from a byte on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newest {
    at: u64,
    packets: Vec<u8>,
}

impl Ts {
    /// Opens a recording; `None` where it is no MPEG-TS or too odd to be read in parts.
    ///
    /// # Errors
    /// Where the source fails.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        let mut bytes = read(source, 0, HEAD)?;
        let Some((grid, start)) = Grid::detect(&bytes) else { return Ok(None) };
        // The first tables, which a recording that was joined late may hold only later.
        let mut tables = Tables::default();
        let mut fed = start;
        loop {
            tables.feed(grid, &bytes, fed, usize::MAX);
            fed += (bytes.len() - fed) / grid.size * grid.size;
            if tables.is_whole() || bytes.len() as u64 >= HEAD_MAX.min(source.len()) {
                break;
            }
            let more = read(source, bytes.len() as u64, bytes.len() as u64 + HEAD)?;
            if more.is_empty() {
                break;
            }
            bytes.extend(more);
        }
        let Some(streams) = Streams::of(grid, &tables) else { return Ok(None) };
        let reader = Reader { source, scan: &streams };
        let mut head = reader.take(start as u64, bytes.split_off(start));
        let mut seen = [streams.picture.is_none(), streams.sounds.is_empty()];
        reader.walk_on(&mut head, (HEAD, HEAD_MAX), Keep::Front, 0, |mark| {
            seen[usize::from(mark.track == Track::Sound)] = true;
            seen == [true; 2]
        })?;
        let Some(line) = Timeline::measure(&reader, &head, WRAP, &[])? else { return Ok(None) };
        let first = Newest { at: 0, packets: tables.packets() };
        let mut ts = Self { line, streams: streams.clone(), tables: vec![first] };
        // Another encoder has tables of its own, a little before or after the jump of the clock.
        for piece in ts.line.pieces.iter().skip(1).take(TABLES_MAX) {
            let around = reader.lost(piece.at.saturating_sub(HEAD / 2), HEAD)?;
            let mut new = Tables::default();
            let from = around.first.saturating_sub(around.start) as usize;
            new.feed(grid, &around.bytes, from, usize::MAX);
            let packets = new.packets();
            if new.is_whole() && packets.len() <= TABLE_BYTES_MAX {
                ts.tables.push(Newest { at: piece.at, packets });
            }
        }
        let fits = ts.tables[0].packets.len() <= TABLE_BYTES_MAX;
        Ok(fits.then_some(ts))
    }

    /// The newest tables before `at`, of what a stretch holds or else as they were noted.
    fn tables_before(&self, at: u64, front: &Stretch) -> Vec<u8> {
        let mut tables = Tables::default();
        let from = front.first.saturating_sub(front.start) as usize;
        let to = at.saturating_sub(front.start) as usize;
        tables.feed(self.streams.grid, &front.bytes, from, to);
        if tables.is_whole() {
            let packets = tables.packets();
            if packets.len() <= TABLE_BYTES_MAX {
                return packets;
            }
        }
        let index = self.tables.partition_point(|tables| tables.at <= at).max(1);
        self.tables.get(index - 1).map(|tables| tables.packets.clone()).unwrap_or_default()
    }

    /// Packets of `start` to `end` that `wanted` takes.
    fn pick(&self, bytes: &[u8], mut wanted: impl FnMut(usize, u16) -> bool) -> Vec<u8> {
        let grid = self.streams.grid;
        let mut picked = Vec::new();
        let mut at = 0;
        while at + grid.size <= bytes.len() {
            match grid.packet(bytes, at) {
                Some(packet) => {
                    if wanted(at, packet.pid) {
                        picked.extend(&bytes[at..at + grid.size]);
                    }
                    at += grid.size;
                }
                None => match grid.sync(bytes, at + 1, true) {
                    Ok(next) => at = next,
                    Err(_) => break,
                },
            }
        }
        picked
    }

    /// Adds what lies from the window's first picture to its end; of what begins after the end
    /// nothing, so that no half picture is there.
    fn add_window(&self, place: &Place, to: &mut Builder<'_>) {
        let last = place.last();
        let (cut, end) = match &place.reached {
            Reached::All(marks) => (
                marks.iter().map(|mark| mark.at).min().unwrap_or(place.key.at),
                marks.iter().map(|mark| mark.at).max().unwrap_or(place.key.at),
            ),
            Reached::Late(mark) => (mark.at, mark.at),
            Reached::Never => (last.walked, last.walked),
        };
        let cut = cut.max(place.key.end);
        let held: Vec<&Stretch> =
            [Some(&place.front), place.back.as_ref()].into_iter().flatten().collect();
        to.range(place.key.at, cut, &held);
        if cut >= end {
            return;
        }
        let Some(bytes) = last.held(cut, end) else {
            to.range(cut, end, &held);
            return;
        };
        let grid = self.streams.grid;
        let mut done: Vec<u16> = Vec::new();
        let picked = self.pick(bytes, |at, pid| {
            let begun = grid.packet(bytes, at).filter(|packet| packet.begins);
            if let Some(pes) = begun.and_then(|packet| Pes::parse(packet.payload)) {
                let dts = i64::try_from(pes.dts).unwrap_or(0) * FLICKS_PER_TICK;
                if self.line.time(cut + at as u64, dts) >= place.until && !done.contains(&pid) {
                    done.push(pid);
                }
            }
            !done.contains(&pid)
        });
        to.picked(picked, cut, end);
    }
}

impl Locate for Ts {
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located> {
        let reader = Reader { source, scan: &self.streams };
        let start = self.line.start;
        let mut head = reader.begin(start, HEAD)?;
        let lead = self.line.lead();
        let (mut keys, mut second) = (0, None);
        let enough = reader.walk_on(&mut head, (HEAD, FIRST_MAX), Keep::Front, 0, |mark| {
            let time = self.line.time(mark.at, mark.dts);
            if mark.track == lead && mark.key && lead == Track::Picture {
                keys += 1;
                second = second.or((keys == 2).then_some(time));
            }
            // The second key picture, and a second more.
            second.is_some_and(|second| mark.track == lead && time > second + SECOND)
        })?;
        let walked = head.walked.min(source.len());
        let end = match enough {
            Some(mark) => mark.at,
            None if second.is_some() || walked >= source.len() => walked,
            None => walked.min(start.saturating_add(FIRST)),
        };
        let near = head.marks.first().map_or(0, |mark| self.line.time(mark.at, mark.dts));
        let tables = self.tables.first().map(|tables| tables.packets.clone()).unwrap_or_default();
        let mut excerpt = Builder::new(&reader, &self.line, tables);
        excerpt.range(start, end, &[&head]);
        let (excerpt, clock) = excerpt.finish(near);
        Ok(Located { excerpt, clock })
    }

    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located> {
        let reader = Reader { source, scan: &self.streams };
        let finder = Finder { reader: &reader, line: &self.line };
        let Some(place) = finder.window(from, to)? else {
            let what = "no picture can be decoded here: the recording holds no key picture";
            return Err(Error::new(Kind::Malformed, what).in_file(source.name()).at_time(from));
        };
        let key = place.key;
        let tables = self.tables_before(key.at, &place.front);
        let mut excerpt = Builder::new(&reader, &self.line, tables);
        if let Some(first) = place.lead.first() {
            let bytes = match place.front.held(first.at, key.at) {
                Some(bytes) => bytes.to_vec(),
                None => read(source, first.at, key.at)?,
            };
            let picked = self.pick(&bytes, |_, pid| self.streams.sounds.contains(&pid));
            excerpt.picked(picked, first.at, key.at);
        }
        self.add_window(&place, &mut excerpt);
        let (excerpt, clock) = excerpt.finish(self.line.time(key.at, key.dts));
        Ok(Located { excerpt, clock })
    }

    fn end(&self) -> MediaTime {
        MediaTime::from_flicks(self.line.end)
    }

    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        self.line.jumps()
    }
}

impl Streams {
    /// The streams that count; `None` where it is not plain which these are.
    fn of(grid: Grid, tables: &Tables) -> Option<Self> {
        let with_media: Vec<_> = tables
            .programs()
            .filter(|program| !program.pictures.is_empty() || !program.sounds.is_empty())
            .collect();
        let &[program] = with_media.as_slice() else { return None };
        if program.pictures.len() > 1 {
            return None;
        }
        let picture = program.pictures.first().copied();
        Some(Self { grid, picture, sounds: program.sounds.clone() })
    }

    /// Whether the picture whose first packet begins at `at` is a key picture; `None` where more
    /// bytes are needed.
    fn picture_is_key(
        &self,
        bytes: &[u8],
        mut at: usize,
        (pid, coding): (u16, Coding),
        ends: bool,
    ) -> Option<bool> {
        let grid = self.grid;
        let first = grid.packet(bytes, at)?;
        let mut own = Vec::new();
        let begun = at;
        loop {
            match grid.packet(bytes, at) {
                Some(packet) if packet.pid == pid => {
                    if at > begun && packet.begins {
                        break;
                    }
                    let header = if at == begun { Pes::parse(packet.payload)?.header } else { 0 };
                    own.extend(packet.payload.get(header..).unwrap_or_default());
                    if let Some(key) = is_key(coding, &own) {
                        return Some(key);
                    }
                    if own.len() > PICTURE_MAX || coding == Coding::Other {
                        break;
                    }
                }
                Some(_) => {}
                // Damage, or the end of what was read.
                None if at + grid.size <= bytes.len() || ends => break,
                None => return None,
            }
            at += grid.size;
            if at - begun > AHEAD_MAX {
                break;
            }
        }
        Some(first.random_access)
    }
}

impl Scan for Streams {
    fn scan(&self, all: Bytes<'_>) -> Scanned {
        let Bytes { bytes, start, length, .. } = all;
        let grid = self.grid;
        let ends = start + bytes.len() as u64 >= length;
        let mut found = Scanned::default();
        let mut at = 0usize;
        let mut synced = all.synced;
        loop {
            if !synced {
                match grid.sync(bytes, at, ends) {
                    Ok(place) => at = place,
                    Err(place) => {
                        found.next = start + place as u64;
                        found.lost = true;
                        return found;
                    }
                }
            }
            found.next = start + at as u64;
            found.lost = false;
            if found.next >= all.until || at + grid.size > bytes.len() {
                return found;
            }
            let Some(packet) = grid.packet(bytes, at) else {
                synced = false;
                at += 1;
                continue;
            };
            synced = true;
            found.first.get_or_insert(found.next);
            let is_picture = self.picture.filter(|(pid, _)| *pid == packet.pid);
            let is_sound = self.sounds.first() == Some(&packet.pid);
            let pes = (packet.begins && (is_picture.is_some() || is_sound))
                .then(|| Pes::parse(packet.payload))
                .flatten();
            if let Some(pes) = pes {
                let key = match is_picture {
                    Some(picture) => {
                        let Some(key) = self.picture_is_key(bytes, at, picture, ends) else {
                            return found; // More is needed.
                        };
                        key
                    }
                    None => true,
                };
                let flicks = |ticks| i64::try_from(ticks).unwrap_or(0) * FLICKS_PER_TICK;
                let (dts, pts) = (flicks(pes.dts), flicks(pes.pts));
                let track = if is_sound { Track::Sound } else { Track::Picture };
                let end = found.next + grid.size as u64;
                found.marks.push(Mark { at: found.next, end, track, dts, pts, key });
            }
            at += grid.size;
        }
    }

    fn ends_known(&self) -> bool {
        false
    }
}

/// Opens bytes as a recording and looks for its beginning and three windows; for fuzzing.
pub fn answers(bytes: &[u8]) {
    let source: Arc<dyn ByteSource> =
        Arc::new(reprise_model::bytes::MemorySource::new("bytes", bytes));
    if let Ok(Some(ts)) = Ts::open(&source) {
        super::locate::answers(&ts, &source);
    }
}
