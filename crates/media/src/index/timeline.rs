//! A coarse map of a recording without an index: which byte belongs to which time, and where its
//! clock jumps.
//!
//! The recording is sampled at some 32 places. Between two samples the clock either runs on, or a
//! jump is closed in on by halves until the picture or the sound where it happens is found.

use reprise_model::{MediaDuration, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::search::{Keep, LOOK, Mark, Reader, Stretch, Track};

/// Places that are sampled evenly at most, and the least distance between them.
const SAMPLES: u64 = 28;
const SAMPLE_BYTES: u64 = 256 << 10;
/// A recording up to this size is looked through whole.
const SCAN_BYTES: u64 = 1 << 20;
/// Points of the map at most.
const POINTS_MAX: usize = 64;
/// Jumps at most; a recording with more is read whole instead.
const PIECES_MAX: usize = 32;
/// Looks that may be spent on stretches that merely seem to run slow.
const DOUBTS_MAX: usize = 24;
/// A jump is looked for mark by mark once it is known to so many bytes.
const NEAR: u64 = 64 << 10;
/// A jump that cannot be seen to within so many bytes is left alone.
const GIVE_UP: u64 = 2 << 20;
/// The tail is looked for within so many bytes.
const TAIL_MAX: u64 = 4 << 20;
/// The clock may not run back by more than this nor on by more than that; the same bounds as for
/// packets that are read in order.
const BACK: i64 = SECOND;
const ON: i64 = 10 * SECOND;
const SECOND: i64 = reprise_model::time::FLICKS_PER_SECOND;
/// Where the clock jumps, sound that ends later than the pictures keeps them waiting so long.
const LATE_SOUND: i64 = SECOND / 4;
/// A recording that states no better runs at 30 pictures a second; and sound comes in 1024 samples.
const PICTURE_STEP: i64 = SECOND / 30;
const SOUND_STEP: i64 = SECOND * 1024 / 48_000;

/// A byte and its time on the file clock, in flicks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub at: u64,
    pub time: i64,
}

/// From a byte on, the container's clock is shifted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Where the piece before ends; what lies from here to `at` is neither's.
    pub before: u64,
    /// Its first byte.
    pub at: u64,
    /// File clock minus container's clock, flicks.
    pub shift: i64,
    /// When it begins on the file clock, flicks.
    pub time: i64,
    /// By how much the container's clock jumped, flicks.
    pub jump: i64,
}

/// The map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timeline {
    /// After so many flicks the container's clock begins again.
    pub wrap: i64,
    /// Whether there are pictures; else sound leads.
    pub pictures: bool,
    /// Whether there is sound.
    pub sounds: bool,
    /// Where the media begins.
    pub start: u64,
    /// The recording's length in bytes.
    pub length: u64,
    /// When the last picture (else sound) ends, flicks.
    pub end: i64,
    /// In the order of bytes and of time.
    pub points: Vec<Point>,
    /// In the order of bytes; the first has no jump.
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Copy)]
struct Sample {
    at: u64,
    end: u64,
    raw: i64,
}

impl Timeline {
    /// The track whose clock and key pictures count.
    pub fn lead(&self) -> Track {
        if self.pictures { Track::Picture } else { Track::Sound }
    }

    /// The piece that a byte belongs to.
    pub fn piece(&self, at: u64) -> Piece {
        let index = self.pieces.partition_point(|piece| piece.at <= at).saturating_sub(1);
        let whole = Piece { before: 0, at: 0, shift: 0, time: 0, jump: 0 };
        self.pieces.get(index).copied().unwrap_or(whole)
    }

    /// The file time of the container's time `raw` at a byte, flicks.
    pub fn time(&self, at: u64, raw: i64) -> i64 {
        let time = raw.saturating_add(self.piece(at).shift);
        nearest(time, self.expected(at), self.wrap)
    }

    /// The file time that the map gives a byte.
    pub fn expected(&self, at: u64) -> i64 {
        let (low, high) = self.around(|point| point.at <= at);
        let (Some(low), Some(high)) = (low, high) else {
            return low.or(high).map_or(0, |point| point.time);
        };
        let share = (at - low.at) as f64 / (high.at - low.at).max(1) as f64;
        low.time + ((high.time - low.time) as f64 * share) as i64
    }

    /// The last point that is `before` and the first that is not.
    pub fn around(&self, before: impl Fn(&Point) -> bool) -> (Option<Point>, Option<Point>) {
        let index = self.points.partition_point(before);
        (
            index.checked_sub(1).and_then(|i| self.points.get(i)).copied(),
            self.points.get(index).copied(),
        )
    }

    /// Real jumps: where, and by how much.
    pub fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        let real = self.pieces.iter().filter(|piece| piece.jump != 0);
        real.map(|piece| {
            (MediaTime::from_flicks(piece.time), MediaDuration::from_flicks(piece.jump))
        })
        .collect()
    }

    /// Measures a recording whose media begins with `head`. A clock that begins again earlier than
    /// after `wrap` does so after one of `short_wraps`. `None`: too odd.
    pub fn measure(
        reader: &Reader<'_>,
        head: &Stretch,
        wrap: i64,
        short_wraps: &[i64],
    ) -> Result<Option<Self>> {
        let length = reader.source.len();
        let mut seen = head.marks.clone();
        let mut samples: Vec<Sample> = sample(&head.marks).into_iter().collect();
        let (start, all) = (head.start, length.saturating_sub(head.start));
        let tail = if all <= SCAN_BYTES {
            let whole = reader.begin(start, all)?;
            let marks = whole.marks.chunks(16);
            samples.extend(marks.filter_map(sample));
            whole.marks
        } else {
            for at in places(start, all) {
                if at < head.walked {
                    continue;
                }
                if let Some(stretch) = reader.look(at, length)? {
                    seen.extend(&stretch.marks);
                    samples.extend(sample(&stretch.marks));
                }
            }
            tail(reader, head)?
        };
        if tail.is_empty() {
            return Ok(None);
        }
        samples.extend(sample(&tail));
        samples.extend(sample(&tail[tail.len() / 2..]));
        samples.sort_by_key(|sample| sample.at);
        samples.dedup_by_key(|sample| sample.at);
        let has = |track| seen.iter().chain(&tail).any(|mark| mark.track == track);
        let mut line = Self {
            wrap,
            pictures: has(Track::Picture),
            sounds: has(Track::Sound),
            start,
            length,
            end: 0,
            points: Vec::new(),
            pieces: Vec::new(),
        };
        let Some((jumps, wrap)) = Finder::jumps(reader, &mut samples, wrap, short_wraps)? else {
            return Ok(None);
        };
        line.wrap = wrap;
        line.lay(samples, &jumps);
        line.finish(&tail);
        Ok(Some(line))
    }

    /// Turns samples and jumps into points and pieces.
    fn lay(&mut self, mut samples: Vec<Sample>, jumps: &[Jump]) {
        samples.sort_by_key(|sample| sample.at);
        samples.dedup_by_key(|sample| sample.at);
        let whole = Piece { before: 0, at: 0, shift: 0, time: 0, jump: 0 };
        self.pieces = vec![whole];
        let mut last: Option<i64> = None;
        let mut jumps = jumps.iter().peekable();
        for sample in samples {
            while let Some(jump) = jumps.next_if(|jump| jump.at <= sample.at) {
                let shift = self.pieces.last().map_or(0, |piece| piece.shift);
                let near = last.unwrap_or(0);
                let continued = |old: Option<i64>, new: Option<i64>, step: i64| {
                    Some(nearest(old? + shift, near, self.wrap) + step - new?)
                };
                let candidates = [
                    continued(jump.old[0], jump.new[0], jump.steps[0]),
                    continued(jump.old[1], jump.new[1], jump.steps[1]),
                ];
                // Neither track may run back; but sound that ends much later may.
                let next = match candidates {
                    [Some(picture), Some(sound)] => sound.clamp(picture, picture + LATE_SOUND),
                    [picture, sound] => match picture.or(sound) {
                        Some(next) => next,
                        None => continue,
                    },
                };
                let begin = jump.new[0].or(jump.new[1]).unwrap_or(0) + next;
                let wrapped = nearest(shift - next, 0, self.wrap);
                self.pieces.push(Piece {
                    before: jump.before,
                    at: jump.at,
                    shift: next,
                    time: begin,
                    jump: wrapped,
                });
                self.points.push(Point { at: jump.at, time: begin });
                last = Some(begin);
            }
            let shift = self.pieces.last().map_or(0, |piece| piece.shift);
            // Samples lie less than half a wrap apart.
            let time = match last {
                Some(last) => nearest(sample.raw + shift, last, self.wrap),
                None => sample.raw + shift,
            };
            self.points.push(Point { at: sample.at, time });
            last = Some(time);
        }
        let mut ahead = i64::MIN;
        self.points.retain(|point| {
            let runs_on = point.time > ahead;
            ahead = ahead.max(point.time);
            runs_on
        });
        while self.points.len() > POINTS_MAX {
            let half = self.points.len() / 2;
            let closest = (1..self.points.len() - 1)
                .min_by_key(|&i| self.points[i + 1].at - self.points[i - 1].at);
            self.points.remove(closest.unwrap_or(half));
        }
    }

    /// Measures the end from the last marks.
    fn finish(&mut self, tail: &[Mark]) {
        let lead = self.lead();
        let mut shown: Vec<i64> = tail
            .iter()
            .filter(|mark| mark.track == lead)
            .map(|mark| self.time(mark.at, mark.pts))
            .collect();
        shown.sort_unstable();
        let step = usual_step(&shown, lead);
        let last = shown.last().copied();
        self.end = match last {
            Some(last) => last + step,
            // The lead track ends long before the other one: what the map says of the end.
            None => self.points.last().map_or(0, |point| point.time),
        };
        if let Some(last) = tail.last() {
            let time = self.time(last.at, last.dts);
            if self.points.last().is_some_and(|point| point.at < last.at && point.time < time) {
                self.points.push(Point { at: last.at, time });
            }
        }
    }
}

/// `time` moved by whole turns of `wrap` to where it is nearest to `near`.
pub(super) fn nearest(time: i64, near: i64, wrap: i64) -> i64 {
    if wrap <= 0 {
        return time;
    }
    let turns = (near.saturating_sub(time) as f64 / wrap as f64).round() as i64;
    time.saturating_add(wrap.saturating_mul(turns))
}

/// Where a stretch of marks stands: its first picture, or its first sound where there is none.
fn sample(marks: &[Mark]) -> Option<Sample> {
    let picture = marks.iter().find(|mark| mark.track == Track::Picture);
    let mark = picture.or(marks.first())?;
    Some(Sample { at: mark.at, end: mark.end, raw: mark.dts })
}

/// Median distance between neighbours of a sorted list.
fn usual_step(sorted: &[i64], track: Track) -> i64 {
    let mut steps: Vec<i64> =
        sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|&step| step > 0).collect();
    steps.sort_unstable();
    let default = if track == Track::Picture { PICTURE_STEP } else { SOUND_STEP };
    steps.get(steps.len() / 2).copied().unwrap_or(default).min(ON)
}

/// Median bytes a flick between samples whose clock runs on.
fn usual_rate(samples: &[Sample], wrap: i64) -> f64 {
    let mut rates: Vec<f64> = samples
        .windows(2)
        .filter_map(|pair| {
            let step = nearest(pair[1].raw - pair[0].raw, 0, wrap);
            (step > 0).then(|| (pair[1].at - pair[0].at) as f64 / step as f64)
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(1e-3).max(1e-9)
}

/// Where to sample: evenly, and at halves of the first distance, so that a clock that begins anew
/// early is seen to run back.
fn places(start: u64, all: u64) -> Vec<u64> {
    let count = (all / SAMPLE_BYTES).clamp(1, SAMPLES);
    let step = all / count;
    let halves = (1..32).map(|half| step >> half).take_while(|&at| at >= SCAN_BYTES);
    let mut places: Vec<u64> = (1..count).map(|i| step * i).chain(halves).collect();
    places.sort_unstable();
    places.iter().map(|at| start + at).collect()
}

/// The marks at the recording's end.
fn tail(reader: &Reader<'_>, head: &Stretch) -> Result<Vec<Mark>> {
    let has_pictures = head.marks.iter().any(|mark| mark.track == Track::Picture);
    let length = reader.source.len();
    let from = length.saturating_sub(LOOK * 2);
    let mut stretch = if from <= head.start {
        reader.begin(head.start, LOOK * 2)?
    } else {
        reader.lost(from, LOOK * 2)?
    };
    let mut step = LOOK * 2;
    loop {
        let pictures = stretch.marks.iter().filter(|mark| mark.track == Track::Picture).count();
        let walked = length.saturating_sub(stretch.start);
        // Some pictures, to measure their distance; or much sound without any.
        let enough = pictures >= 6
            || (stretch.marks.len() >= 6 && (!has_pictures || walked >= TAIL_MAX / 8));
        if enough || stretch.start <= head.start || walked >= TAIL_MAX {
            return Ok(stretch.marks);
        }
        reader.walk_back(&mut stretch, head.start, step)?;
        step *= 2;
    }
}

/// A jump: the last times before it and the first ones after it, of pictures and sound.
struct Jump {
    before: u64,
    at: u64,
    old: [Option<i64>; 2],
    new: [Option<i64>; 2],
    steps: [i64; 2],
}

struct Finder<'a, 'b> {
    reader: &'a Reader<'b>,
    /// Usual bytes a flick.
    rate: f64,
    wrap: i64,
    short_wraps: &'a [i64],
    jumps: Vec<Jump>,
    more: Vec<Sample>,
    doubts: usize,
}

impl<'a, 'b> Finder<'a, 'b> {
    /// The jumps between samples, and the clock's wrap; `None` where there are too many. Adds what
    /// it looks at to the samples.
    fn jumps(
        reader: &'a Reader<'b>,
        samples: &mut Vec<Sample>,
        wrap: i64,
        short_wraps: &'a [i64],
    ) -> Result<Option<(Vec<Jump>, i64)>> {
        let rate = usual_rate(samples, wrap);
        let (jumps, more) = (Vec::new(), Vec::new());
        let mut finder = Self { reader, rate, wrap, short_wraps, jumps, more, doubts: 0 };
        let mut calm = Vec::new();
        for pair in samples.windows(2) {
            let (mut low, high) = (pair[0], pair[1]);
            while finder.step(low, high) < -BACK && low.at < high.at {
                let Some(next) = finder.find(low, high)? else { break };
                low = next;
            }
            calm.push((low, high));
        }
        // What runs too slow or too fast may hide a jump: the oddest first, while looks are left.
        calm.retain(|&(low, high)| finder.is_doubtful(low, high));
        calm.sort_by_key(|&(low, high)| -finder.excess(low, high));
        for (mut low, high) in calm {
            while low.at < high.at
                && finder.doubts < DOUBTS_MAX
                && (finder.is_doubtful(low, high) || finder.step(low, high) < -BACK)
            {
                let Some(next) = finder.find(low, high)? else { break };
                low = next;
            }
        }
        if finder.jumps.len() > PIECES_MAX {
            return Ok(None);
        }
        finder.jumps.sort_by_key(|jump| jump.at);
        finder.jumps.dedup_by_key(|jump| jump.at);
        samples.append(&mut finder.more);
        Ok(Some((finder.jumps, finder.wrap)))
    }

    fn step(&self, low: Sample, high: Sample) -> i64 {
        nearest(high.raw - low.raw, 0, self.wrap)
    }

    fn usual(&self, low: Sample, high: Sample) -> i64 {
        (high.at.saturating_sub(low.at) as f64 / self.rate) as i64
    }

    /// How far the clock is from where it would usually be.
    fn excess(&self, low: Sample, high: Sample) -> i64 {
        self.step(low, high).saturating_sub(self.usual(low, high)).saturating_abs()
    }

    fn is_doubtful(&self, low: Sample, high: Sample) -> bool {
        let (step, usual) = (self.step(low, high), self.usual(low, high));
        self.excess(low, high) > ON
            && (step > usual.saturating_mul(4) || usual > step.saturating_mul(2))
    }

    /// Finds a jump between two samples and notes it; gives what follows it.
    fn find(&mut self, low: Sample, high: Sample) -> Result<Option<Sample>> {
        if self.jumps.len() > PIECES_MAX {
            return Ok(None);
        }
        let Some(at) = self.close_in(low, high)? else { return Ok(None) };
        let jump = self.complete(at)?;
        let Some(raw) = jump.new[0].or(jump.new[1]) else { return Ok(None) };
        let next = Sample { at, end: at + 1, raw };
        if !self.is_wrap(&jump) {
            self.jumps.push(jump);
        }
        self.more.push(next);
        Ok((at > low.at).then_some(next))
    }

    /// Whether a step back is a clock of fewer bits that begins again.
    fn is_wrap(&mut self, jump: &Jump) -> bool {
        let both = (jump.old[0].or(jump.old[1]), jump.new[0].or(jump.new[1]));
        let (Some(old), Some(new)) = both else { return false };
        let wraps = self
            .short_wraps
            .iter()
            .find(|&&wrap| old < wrap && old >= wrap - ON && (0..ON).contains(&new));
        if let Some(&wrap) = wraps {
            self.wrap = wrap;
        }
        wraps.is_some()
    }

    /// The first byte of what comes after a jump between two samples; `None` where none is found.
    fn close_in(&mut self, mut low: Sample, mut high: Sample) -> Result<Option<u64>> {
        for _ in 0..48 {
            if high.at.saturating_sub(low.at) <= NEAR {
                break;
            }
            let back = self.step(low, high) < -BACK;
            if !back {
                self.doubts += 1;
                if self.doubts > DOUBTS_MAX || !self.is_doubtful(low, high) {
                    return Ok(None);
                }
            }
            let middle = low.at + (high.at - low.at) / 2;
            let Some(found) = self.reader.look(middle, high.at)? else { break };
            if let Some(jump) = step_in(&found.marks, None, self.wrap) {
                return Ok(Some(jump));
            }
            let Some(sample) = sample(&found.marks).filter(|s| s.at > low.at && s.at < high.at)
            else {
                break;
            };
            self.more.push(sample);
            let halves = (self.step(low, sample) < -BACK, self.step(sample, high) < -BACK);
            let in_low = match halves {
                (true, false) => true,
                (false, true) => false,
                _ => self.excess(low, sample) > self.excess(sample, high),
            };
            if in_low {
                high = sample;
            } else {
                low = sample;
            }
        }
        let span = high.end.saturating_sub(low.at).min(GIVE_UP);
        let mut stretch = self.reader.lost(low.at, span.min(NEAR))?;
        self.reader.walk_to(&mut stretch, low.at + span)?;
        Ok(step_in(&stretch.marks, Some(low), self.wrap))
    }

    /// What pictures and sound show around a jump.
    fn complete(&self, at: u64) -> Result<Jump> {
        let start = at.saturating_sub(NEAR);
        let mut around = self.reader.lost(start, NEAR + NEAR / 2)?;
        let mut new: [Option<i64>; 2] = [None; 2];
        self.reader.walk_on(&mut around, (NEAR, GIVE_UP / 4), Keep::Front, 0, |mark| {
            if mark.at >= at {
                new[usize::from(mark.track == Track::Sound)].get_or_insert(mark.dts);
            }
            new.iter().all(Option::is_some)
        })?;
        let before = |mark: &&Mark| mark.at < at;
        let mut jump = Jump { before: at, at, old: [None; 2], new, steps: [0; 2] };
        for (index, track) in [Track::Picture, Track::Sound].into_iter().enumerate() {
            let times: Vec<i64> = around
                .marks
                .iter()
                .filter(before)
                .filter(|mark| mark.track == track)
                .map(|mark| mark.dts)
                .collect();
            jump.old[index] = times.last().copied();
            jump.steps[index] = usual_step(&times, track).min(SECOND);
        }
        if self.reader.scan.ends_known() {
            let end = around.marks.iter().filter(before).map(|mark| mark.end).max();
            jump.before = end.unwrap_or(at).min(at);
        }
        Ok(jump)
    }
}

/// The first mark at which the clock steps, seen from its own track, or from `low` before any.
fn step_in(marks: &[Mark], low: Option<Sample>, wrap: i64) -> Option<u64> {
    let mut last: [Option<i64>; 2] = [None; 2];
    let low = low.map(|low| low.raw);
    for mark in marks {
        let own = usize::from(mark.track == Track::Sound);
        let (before, slack) = match (last[own], last[1 - own].or(low)) {
            (Some(own), _) => (own, 0),
            (None, Some(other)) => (other, BACK),
            (None, None) => (mark.dts, 0),
        };
        let step = nearest(mark.dts - before, 0, wrap);
        if step < -BACK - slack || step > ON + slack {
            return Some(mark.at);
        }
        last[own] = Some(mark.dts);
    }
    None
}
