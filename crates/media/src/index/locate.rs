//! Finds the bytes of a window in a recording without an index: its key picture by interpolating
//! and walking back, its end by interpolating and walking on.

use reprise_model::{ByteSource, MediaDuration, MediaTime, Result};

use super::search::{Keep, Mark, Reader, Stretch, Track};
use super::timeline::{Piece, Point, Timeline};
use super::{Clock, Excerpt};

/// A place so few bytes before what is looked for is near enough: they are walked over.
const ACCEPT: u64 = 192 << 10;
/// Looks at most; each at least halves the bytes in question every third time.
const LOOKS: usize = 40;
/// Aims so much before what is looked for, so that walking on finds it.
const AIM: i64 = FLICKS / 4;
/// Sound that a decoder wants before the window's first: its own first frames are not whole.
const SOUND_LEAD: i64 = FLICKS / 4;
/// How much is walked to find that sound, and at a time.
const SOUND_STEP: u64 = 32 << 10;
const SOUND_WALK: u64 = 512 << 10;
/// When one track has not reached the end of the window so long after the other one did, it has no
/// more there.
const OVERRUN: i64 = 2 * FLICKS;
/// No further is walked back for a key picture: then the recording's first is taken.
const BACK_MAX: u64 = 256 << 20;
/// Nor further on.
const ON_MAX: u64 = 256 << 20;
const FLICKS: i64 = reprise_model::time::FLICKS_PER_SECOND;

/// Where a window lies.
pub(super) struct Place {
    /// What was read around its first byte.
    pub front: Stretch,
    /// Its first picture that can be decoded (first sound where there are no pictures).
    pub key: Mark,
    /// Sound that belongs to the window and lies before its key picture, in the order of bytes.
    pub lead: Vec<Mark>,
    /// What was read around its last byte, where that is not `front`.
    pub back: Option<Stretch>,
    /// Where the tracks reach the window's end.
    pub reached: Reached,
    /// When the window ends, flicks.
    pub until: i64,
}

/// Where the tracks reach a window's end.
pub(super) enum Reached {
    /// The first marks at or after the end, of each track there is.
    All(Vec<Mark>),
    /// One track has nothing more there: the mark at which the other one was followed far enough.
    Late(Mark),
    /// The recording ends before.
    Never,
}

impl Place {
    /// The stretch that holds the window's end.
    pub fn last(&self) -> &Stretch {
        self.back.as_ref().unwrap_or(&self.front)
    }
}

/// Looks for windows.
pub(super) struct Finder<'a> {
    pub reader: &'a Reader<'a>,
    pub line: &'a Timeline,
}

impl Finder<'_> {
    fn dts(&self, mark: &Mark) -> i64 {
        self.line.time(mark.at, mark.dts)
    }

    fn pts(&self, mark: &Mark) -> i64 {
        self.line.time(mark.at, mark.pts)
    }

    /// Finds the window; `None` where nothing in the recording can be decoded.
    pub fn window(&self, from: MediaTime, to: MediaTime) -> Result<Option<Place>> {
        let lead = self.line.lead();
        let target = from.flicks();
        // Without pictures the sound before the window is its lead; libav cannot time the first of
        // it that it splits.
        let target = if self.line.pictures { target } else { target.saturating_sub(FLICKS) };
        let Some(mut front) = self.below(target, None)? else { return Ok(None) };
        let ahead = self.bytes_between(&front, target);
        self.reader.walk_on(&mut front, (ahead, ON_MAX), Keep::Front, 0, |mark| {
            mark.track == lead && self.dts(mark) > target
        })?;
        let Some(key) = self.key(&mut front, target)? else { return Ok(None) };
        let lead = if self.line.pictures {
            self.sound_lead(&mut front, &key, target)?
        } else {
            Vec::new()
        };
        let until = to.flicks().max(self.pts(&key).saturating_add(1));
        let (back, reached) = self.reach(&mut front, &key, until)?;
        Ok(Some(Place { front, key, lead, back, reached, until }))
    }

    /// The last key picture shown at or before `target`, else the first there is.
    fn key(&self, front: &mut Stretch, target: i64) -> Result<Option<Mark>> {
        let lead = self.line.lead();
        let is_key = |mark: &&Mark| mark.track == lead && mark.key;
        let fits = |mark: &&Mark| is_key(mark) && self.pts(mark) <= target;
        let begun = front.start;
        let mut fresh = front.marks.len();
        let mut size = ACCEPT / 3;
        loop {
            if let Some(key) = front.marks[..fresh.min(front.marks.len())].iter().rev().find(fits) {
                return Ok(Some(*key));
            }
            if front.start <= self.line.start {
                break;
            }
            if begun - front.start > BACK_MAX {
                let start = self.line.start;
                *front = self.reader.begin(start, ACCEPT)?;
                break;
            }
            fresh = self.reader.walk_back(front, self.line.start, size)?;
            size = (begun - front.start).max(size);
        }
        if let Some(key) = front.marks.iter().find(is_key) {
            return Ok(Some(*key));
        }
        let asked = front.marks.len();
        let found = self.reader.walk_on(front, (ACCEPT, ON_MAX), Keep::Back, asked, |mark| {
            mark.track == lead && mark.key
        })?;
        Ok(found)
    }

    /// The sound that is heard from a little before `target` on and lies before the key picture.
    fn sound_lead(&self, front: &mut Stretch, key: &Mark, target: i64) -> Result<Vec<Mark>> {
        let target = target.max(self.pts(key));
        let wanted = target.saturating_sub(SOUND_LEAD);
        let floor = key.at.saturating_sub(SOUND_WALK).max(self.line.start);
        let is_sound = |mark: &&Mark| mark.track == Track::Sound;
        loop {
            let first_after = front.marks.iter().filter(is_sound).find(|mark| mark.at > key.at);
            let early = first_after.is_some_and(|mark| self.pts(mark) <= wanted);
            let before = || front.marks.iter().filter(is_sound).filter(|mark| mark.at < key.at);
            let reached = before().any(|mark| self.pts(mark) <= wanted);
            // A second of pictures without any: there is none.
            let far = front.marks.first().is_some_and(|m| self.dts(m) < wanted - FLICKS);
            if early || reached || far || !self.line.sounds || front.start <= floor {
                if early {
                    return Ok(Vec::new());
                }
                let from =
                    before().rfind(|mark| self.pts(mark) <= wanted).map_or(0, |mark| mark.at);
                return Ok(before()
                    .filter(|mark| mark.at >= from && self.pts(mark) > wanted - FLICKS)
                    .copied()
                    .collect());
            }
            self.reader.walk_back(front, self.line.start, SOUND_STEP)?;
        }
    }

    /// Walks on to where both tracks have reached `until`.
    fn reach(
        &self,
        front: &mut Stretch,
        key: &Mark,
        until: i64,
    ) -> Result<(Option<Stretch>, Reached)> {
        let from = front.marks.partition_point(|mark| mark.at < key.at);
        let ahead = self.bytes_between(front, until);
        let last = front.marks.last().copied().unwrap_or(*key);
        let low = Point { at: front.walked, time: self.dts(&last) };
        let mut back = None;
        if ahead > ACCEPT && self.dts(&last) < until {
            // Nothing of the window's end can lie in what was read.
            back = self.below(until, Some(low))?.filter(|back| back.start >= front.held_end());
        }
        let mut reached: [Option<Mark>; 2] = [None; 2];
        let mut wanted = |mark: &Mark| {
            let index = usize::from(mark.track == Track::Sound);
            let time = self.dts(mark);
            if time >= until && reached[index].is_none() {
                reached[index] = Some(*mark);
            }
            let needed = [self.line.pictures, self.line.sounds];
            let late = time >= until.saturating_add(OVERRUN);
            late || (0..2).all(|track| !needed[track] || reached[track].is_some())
        };
        let last = match &mut back {
            Some(back) => {
                let ahead = self.bytes_between(back, until);
                self.reader.walk_on(back, (ahead, ON_MAX), Keep::Back, 0, &mut wanted)?
            }
            None => {
                let ahead = ahead.min(ACCEPT * 2);
                self.reader.walk_on(front, (ahead, ON_MAX), Keep::Front, from, &mut wanted)?
            }
        };
        let needed = usize::from(self.line.pictures) + usize::from(self.line.sounds);
        let marks: Vec<Mark> = reached.into_iter().flatten().collect();
        let reached = match last {
            Some(_) if marks.len() >= needed => Reached::All(marks),
            Some(last) => Reached::Late(last),
            None => Reached::Never,
        };
        Ok((back, reached))
    }

    /// About how many bytes lie between the end of a stretch and a time after it.
    fn bytes_between(&self, stretch: &Stretch, target: i64) -> u64 {
        let Some(last) = stretch.marks.last() else { return ACCEPT };
        let time = self.dts(last);
        let left = target.saturating_sub(time).max(0) as f64;
        let bytes = left * self.rate(time) + 24_576.0;
        (bytes as u64).saturating_sub(stretch.walked.saturating_sub(last.at))
    }

    /// Bytes a flick around a file time.
    fn rate(&self, time: i64) -> f64 {
        let points = &self.line.points;
        let index = points.partition_point(|point| point.time <= time);
        let index = index.clamp(1, points.len().saturating_sub(1).max(1));
        match (points.get(index - 1), points.get(index)) {
            (Some(low), Some(high)) if high.time > low.time => {
                (high.at - low.at) as f64 / (high.time - low.time) as f64
            }
            _ => 1e-3,
        }
    }

    /// A stretch whose first mark stands at or a little before `target`, or else at the first place
    /// there is. `low` is a place known to lie before it.
    fn below(&self, target: i64, low: Option<Point>) -> Result<Option<Stretch>> {
        let line = self.line;
        let (before, after) = line.around(|point| point.time <= target);
        let start = Point { at: line.start, time: line.points.first().map_or(0, |p| p.time) };
        let mut low = match (low, before) {
            (Some(low), Some(before)) if before.at > low.at => before,
            (Some(low), _) => low,
            (None, before) => before.unwrap_or(start),
        };
        let end = Point { at: line.length, time: line.end.max(low.time + 1) };
        let mut high = after.filter(|after| after.at > low.at).unwrap_or(end);
        for round in 0..LOOKS {
            let gap = high.at.saturating_sub(low.at);
            let at = if gap <= ACCEPT {
                low.at
            } else if round % 3 == 2 {
                low.at + gap / 2
            } else {
                let aim = target.saturating_sub(AIM).saturating_sub(low.time).max(0) as f64;
                let share = aim / (high.time.saturating_sub(low.time).max(1)) as f64;
                let near = (gap as f64 * share) as u64;
                // Nearly there: begin with what is known.
                if near <= ACCEPT / 2 { low.at } else { low.at + near.min(gap - ACCEPT / 4) }
            };
            let lowest = at == low.at;
            let stretch = if lowest && at == line.start {
                let stretch = self.reader.begin(at, ACCEPT / 4)?;
                return Ok(Some(stretch));
            } else {
                self.reader.look(at, high.at)?
            };
            let Some(stretch) = stretch else {
                if lowest {
                    let stretch = self.reader.lost(at, ACCEPT / 4)?;
                    return Ok(Some(stretch));
                }
                high.at = at;
                continue;
            };
            let lead = line.lead();
            let first = stretch.marks.iter().find(|mark| mark.track == lead);
            let Some(first) = first.or(stretch.marks.first()) else { return Ok(None) };
            let time = self.dts(first);
            let point = Point { at: first.at, time };
            if lowest {
                return Ok(Some(stretch));
            }
            if time <= target {
                let rate = gap as f64 / high.time.saturating_sub(low.time).max(1) as f64;
                let left = (target - time) as f64 * rate;
                if left <= ACCEPT as f64 || first.at <= low.at {
                    return Ok(Some(stretch));
                }
                low = point;
            } else {
                high = Point { at: at.min(point.at), time };
            }
        }
        let stretch = self.reader.lost(low.at, ACCEPT / 4)?;
        Ok(Some(stretch))
    }
}

/// Puts an excerpt together and keeps which of its bytes come from where.
pub(super) struct Builder<'a> {
    pub reader: &'a Reader<'a>,
    pub line: &'a Timeline,
    excerpt: Excerpt,
    shifts: Vec<(u64, MediaDuration)>,
}

impl<'a> Builder<'a> {
    /// Begins with bytes of our own, which are of the time `near`.
    pub fn new(reader: &'a Reader<'a>, line: &'a Timeline, own: Vec<u8>) -> Self {
        let mut excerpt = Excerpt::new(reader.source.name());
        excerpt.push_bytes(own);
        Self { reader, line, excerpt, shifts: Vec::new() }
    }

    fn shift(&mut self, piece: Piece) {
        let at = if self.shifts.is_empty() { 0 } else { self.excerpt.len() };
        let shift = MediaDuration::from_flicks(piece.shift);
        if self.shifts.last().is_none_or(|(_, last)| *last != shift) {
            self.shifts.push((at, shift));
        }
    }

    /// Adds bytes that were picked out of the recording's `start` to `end`.
    pub fn picked(&mut self, bytes: Vec<u8>, start: u64, end: u64) {
        if !bytes.is_empty() {
            self.shift(self.line.piece(start));
            self.excerpt.push_read(bytes, start, end);
        }
    }

    /// Adds the recording's `start` to `end` without what lies between the pieces of its clock;
    /// what the stretches hold is not read again.
    pub fn range(&mut self, start: u64, end: u64, held: &[&Stretch]) {
        let mut at = start;
        while at < end {
            let index = self.line.pieces.partition_point(|piece| piece.at <= at);
            let next = self.line.pieces.get(index);
            let stop = next.map_or(end, |next| next.before.clamp(at, end));
            self.shift(self.line.piece(at));
            self.part(at, stop, held);
            at = next.map_or(end, |next| next.at);
        }
    }

    fn part(&mut self, mut at: u64, end: u64, held: &[&Stretch]) {
        while at < end {
            let holder = held.iter().find(|held| (held.start..held.held_end()).contains(&at));
            if let Some(holder) = holder {
                let stop = holder.held_end().min(end);
                if let Some(bytes) = holder.held(at, stop) {
                    self.excerpt.push_read(bytes.to_vec(), at, stop);
                }
                at = stop;
            } else {
                let next = held.iter().map(|held| held.start).filter(|&start| start > at).min();
                let stop = next.unwrap_or(end).min(end);
                self.excerpt.push_range(self.reader.source, at, stop);
                at = stop;
            }
        }
    }

    /// The excerpt, and its clock around the file time `near`.
    pub fn finish(self, near: i64) -> (Excerpt, Clock) {
        let clock = Clock {
            shifts: self.shifts,
            wrap: Some(MediaDuration::from_flicks(self.line.wrap)),
            near: MediaTime::from_flicks(near),
            ..Clock::default()
        };
        (self.excerpt, clock)
    }
}

/// Looks for a recording's beginning and three windows, whatever comes of it; for fuzzing.
pub(super) fn answers(index: &dyn super::Locate, source: &std::sync::Arc<dyn ByteSource>) {
    let end = index.end();
    let third = MediaDuration::from_flicks((end - MediaTime::ZERO).flicks() / 3);
    let _ = index.head(source);
    for from in [MediaTime::ZERO, MediaTime::ZERO + third, end] {
        let _ = index.window(source, from, from + MediaDuration::from_millis(5000));
    }
    let _ = index.jumps();
}
