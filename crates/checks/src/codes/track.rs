//! One code followed over time: when it appeared and went, and how it moved against the scene.

use std::collections::VecDeque;

use reprise_media::view::PictureView;
use reprise_model::{MediaTime, Span};

use super::search::{Area, Found};
use super::{CodeKind, CodeSighting, CodeTrack};

/// Every so many pixels across and down are kept in a thumbnail.
const THUMB_STEP: usize = 8;
/// Most sightings kept of one code: two minutes.
const SIGHTINGS_MAX: usize = 640;
/// A code not seen for so long is gone, seconds: blur and a hand hide a code for a moment.
const LOST_S: f64 = 1.5;
/// Mean difference over a code's area above which it is not there, levels. An estimate, not measured
/// over many scenes: half the modules of a code differ by far more from whatever it covers.
const GONE_LEVELS: f32 = 24.0;
/// Sightings that a code which could not be read, or of a kind that texture can feign, must have.
const DOUBTFUL_SIGHTINGS: usize = 3;
/// What is laid over stands to the pixel; the reader rounds corners to pixels and wanders by one.
const STILL_PX: f32 = 2.0;
/// Edges of what is laid over lie along rows and columns, degrees: a pixel on a side of 80 is 0.7.
const ALIGNED_DEGREES: f32 = 1.6;
/// Sides of what is laid over are as long as each other, share: three pixels of 85.
const SQUARE_SHARE: f32 = 0.035;
/// A ring around a code that changes by so much is taken for filmed by a camera that moves, levels.
/// An estimate.
const RING_LEVELS: f32 = 7.0;
/// A ring that changes less than this while a code appears belongs to the same shot, levels.
const RING_SAME_LEVELS: f32 = 10.0;
/// A quiet zone that spreads less than this is taken for drawn, levels (standard deviation of point
/// samples). An estimate: a white label under very even light may be as flat.
const FLAT_LEVELS: f32 = 4.0;
/// A drawn quiet zone is white, levels of limited range (white is 235).
const WHITE_LEVEL: f32 = 222.0;

/// Every eighth pixel of a picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Thumb {
    time: MediaTime,
    columns: usize,
    pixels: Vec<u8>,
}

impl Thumb {
    pub(super) fn take(&mut self, picture: &PictureView<'_>) {
        self.time = picture.time;
        self.columns = picture.width.div_ceil(THUMB_STEP);
        self.pixels.clear();
        for y in (0..picture.height).step_by(THUMB_STEP) {
            let start = y * picture.luma_stride;
            let Some(line) = picture.luma.get(start..start + picture.width) else { break };
            self.pixels.extend(line.iter().step_by(THUMB_STEP));
        }
    }

    /// Samples inside `area` and outside `without`.
    fn samples<'a>(
        &'a self,
        area: Area,
        without: Option<Area>,
    ) -> impl Iterator<Item = (usize, u8)> + 'a {
        let rows = self.pixels.len() / self.columns.max(1);
        let cells = (area.top.div_ceil(THUMB_STEP)..area.bottom.div_ceil(THUMB_STEP).min(rows))
            .flat_map(move |y| {
                (area.left.div_ceil(THUMB_STEP)..area.right.div_ceil(THUMB_STEP).min(self.columns))
                    .map(move |x| (x, y))
            });
        cells
            .filter(move |&(x, y)| {
                without.is_none_or(|w| !w.holds((x * THUMB_STEP) as f32, (y * THUMB_STEP) as f32))
            })
            .map(move |(x, y)| {
                let index = y * self.columns + x;
                (index, self.pixels[index])
            })
    }

    /// Mean difference of two thumbnails there, levels; none where they cannot be compared.
    fn difference(&self, other: &Self, area: Area, without: Option<Area>) -> Option<f32> {
        if self.columns != other.columns || self.pixels.len() != other.pixels.len() {
            return None;
        }
        let (mut sum, mut count) = (0u32, 0u32);
        for (index, pixel) in self.samples(area, without) {
            sum += u32::from(pixel.abs_diff(other.pixels[index]));
            count += 1;
        }
        (count >= 4).then(|| sum as f32 / count as f32)
    }
}

/// Follows one code.
#[derive(Debug)]
pub(super) struct Follower {
    start: MediaTime,
    end: Option<MediaTime>,
    format: String,
    text: Option<String>,
    sightings: Vec<CodeSighting>,
    print: Thumb,
    first: Thumb,
    /// It came, or went, from one picture to the next while the scene around it stayed.
    at_once: bool,
    rings: Vec<f32>,
    flat: Vec<bool>,
}

impl Follower {
    /// The first sighting; `thumbs` end with the picture of it.
    pub(super) fn begin(found: &Found, thumbs: &VecDeque<Thumb>) -> Self {
        let print = thumbs.back().cloned().unwrap_or_default();
        let area = bounds(&found.corners, 0.0);
        let ring = bounds(&found.corners, 0.6);
        let inner = bounds(&found.corners, 0.25);
        let mut start = print.time;
        let mut at_once = false;
        for thumb in thumbs.iter().rev().skip(1) {
            match thumb.difference(&print, area, None) {
                Some(levels) if levels <= GONE_LEVELS => start = thumb.time,
                Some(_) => {
                    let around = thumb.difference(&print, ring, Some(inner));
                    at_once = around.is_some_and(|levels| levels < RING_SAME_LEVELS);
                    break;
                }
                None => break,
            }
        }
        let mut follower = Self {
            start,
            end: None,
            format: found.format.clone(),
            text: found.text.as_deref().map(prefix),
            sightings: Vec::new(),
            first: print.clone(),
            print,
            at_once,
            rings: Vec::new(),
            flat: Vec::new(),
        };
        follower.note(found);
        follower
    }

    /// Whether `found` is this code again.
    pub(super) fn is(&self, found: &Found, time: MediaTime) -> bool {
        let Some(last) = self.sightings.last() else { return false };
        if (time - last.time).seconds() > LOST_S || self.format != found.format {
            return false;
        }
        match (&self.text, &found.text) {
            (Some(a), Some(b)) if *a != prefix(b) => false,
            _ => {
                let (a, b) = (middle(&last.corners), middle(&found.corners));
                let reach = 0.75 * size(&last.corners).max(size(&found.corners));
                (a[0] - b[0]).hypot(a[1] - b[1]) <= reach.max(24.0)
                    || (self.text.is_some() && found.text.is_some())
            }
        }
    }

    /// Sees it again.
    pub(super) fn seen(&mut self, found: &Found, thumbs: &VecDeque<Thumb>) {
        let Some(now) = thumbs.back() else { return };
        let ring = bounds(&found.corners, 0.6);
        let inner = bounds(&found.corners, 0.25);
        if let Some(levels) = now.difference(&self.first, ring, Some(inner)) {
            self.rings.push(levels);
        }
        self.print.clone_from(now);
        self.end = None;
        if self.text.is_none() {
            self.text = found.text.as_deref().map(prefix);
        }
        self.note(found);
    }

    /// Watches for its going.
    pub(super) fn picture(&mut self, thumb: &Thumb) {
        if self.end.is_some() {
            return;
        }
        let Some(last) = self.sightings.last() else { return };
        let area = bounds(&last.corners, 0.0);
        let gone = thumb.difference(&self.print, area, None);
        if gone.is_none_or(|levels| levels > GONE_LEVELS) {
            self.end = Some(thumb.time);
            let (ring, inner) = (bounds(&last.corners, 0.6), bounds(&last.corners, 0.25));
            let around = thumb.difference(&self.print, ring, Some(inner));
            self.at_once |= around.is_some_and(|levels| levels < RING_SAME_LEVELS);
        }
    }

    /// What it was, where it was no error of the reader.
    pub(super) fn finish(self, end: MediaTime) -> Option<CodeTrack> {
        let last = self.sightings.last()?;
        let firm = self.text.is_some()
            && self.format.to_ascii_lowercase().replace([' ', '-'], "").starts_with("qrcode");
        if !firm
            && self.sightings.len()
                < DOUBTFUL_SIGHTINGS.min(if self.text.is_some() { 2 } else { 3 })
        {
            return None;
        }
        let until = self.end.unwrap_or(end).max(last.time);
        let (kind, certainty, reason) = self.judge();
        Some(CodeTrack {
            span: Span::new(self.start, until),
            format: self.format,
            text: self.text,
            kind,
            certainty,
            reason: reason.to_owned(),
            sightings: self.sightings,
        })
    }

    fn note(&mut self, found: &Found) {
        if self.sightings.len() < SIGHTINGS_MAX {
            let corners = found.corners;
            self.sightings.push(CodeSighting { time: self.print.time, corners });
            self.flat.push(flat_white(&self.print, &found.corners));
        }
    }

    fn judge(&self) -> (CodeKind, f32, &'static str) {
        let shapes: Vec<Shape> = self.sightings.iter().map(|s| Shape::of(&s.corners)).collect();
        let tilt = median(shapes.iter().map(|s| s.tilt));
        let skew = median(shapes.iter().map(|s| s.skew));
        let side = median(shapes.iter().map(|s| s.side));
        // A pixel of rounding weighs more in a small code.
        let pixel = 1.0 / side.max(1.0);
        let aligned = tilt <= ALIGNED_DEGREES.max(pixel.atan().to_degrees() * 1.5)
            && (skew <= SQUARE_SHARE.max(2.5 * pixel) || !self.square());
        let moved = spread(&self.sightings);
        let still = moved <= STILL_PX;
        let ring = median(self.rings.iter().copied());
        let flat = self.flat.iter().filter(|flat| **flat).count() * 2 > self.flat.len();
        let sides_spread = range(shapes.iter().map(|s| s.side)) * pixel;
        let tilts_spread = range(shapes.iter().map(|s| s.signed));
        let rigid =
            sides_spread <= SQUARE_SHARE.max(3.0 * pixel) && tilts_spread <= 2.0 * ALIGNED_DEGREES;
        let several = self.sightings.len() >= 3;
        if still && several && ring >= RING_LEVELS {
            return (CodeKind::LaidOver, 0.95, "it stands still while the scene around it moves");
        }
        if still && aligned && self.at_once {
            return (
                CodeKind::LaidOver,
                0.95,
                "it came or went from one picture to the next while the scene stayed",
            );
        }
        if !aligned {
            return (
                CodeKind::Printed,
                if still { 0.7 } else { 0.95 },
                "it lies at an angle, as things in a scene do",
            );
        }
        if !still {
            return if wanders(&self.sightings) {
                (CodeKind::Printed, 0.7, "it keeps moving to and fro, as things in a hand do")
            } else if rigid && flat {
                (
                    CodeKind::LaidOver,
                    0.8,
                    "it moves without turning or growing, on a ground that is drawn",
                )
            } else {
                (CodeKind::Printed, if rigid { 0.6 } else { 0.9 }, "it moves with the scene")
            };
        }
        if flat {
            return (
                CodeKind::LaidOver,
                0.8,
                "it stands square and still on a ground that is drawn",
            );
        }
        (CodeKind::Unsure, 0.5, "it and the scene stand still")
    }

    fn square(&self) -> bool {
        !self.format.contains("PDF")
            && !self.format.contains("rMQR")
            && !self.format.contains("RMQR")
    }
}

struct Shape {
    /// Of the edge most off rows and columns, degrees.
    tilt: f32,
    /// Of the top edge, degrees, -45 to 45.
    signed: f32,
    /// Shortest side against longest, share missing.
    skew: f32,
    /// Mean side, pixels.
    side: f32,
}

impl Shape {
    fn of(corners: &[[f32; 2]; 4]) -> Self {
        let mut tilt = 0f32;
        let (mut shortest, mut longest, mut sum) = (f32::MAX, 0f32, 0f32);
        let mut signed = 0.0;
        for (index, from) in corners.iter().enumerate() {
            let to = corners[(index + 1) % 4];
            let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
            let angle = dy.atan2(dx).to_degrees();
            let off = (angle + 45.0).rem_euclid(90.0) - 45.0;
            if index == 0 {
                signed = off;
            }
            tilt = tilt.max(off.abs());
            let length = dx.hypot(dy);
            (shortest, longest, sum) = (shortest.min(length), longest.max(length), sum + length);
        }
        Self { tilt, signed, skew: 1.0 - shortest / longest.max(1.0), side: sum / 4.0 }
    }
}

/// Whether the zone around a code is one white, as drawn.
fn flat_white(thumb: &Thumb, corners: &[[f32; 2]; 4]) -> bool {
    // Two of about 25 modules: inside the quiet zone of four.
    let (outer, inner) = (bounds(corners, 0.10), bounds(corners, 0.02));
    let levels: Vec<f32> = thumb.samples(outer, Some(inner)).map(|(_, p)| f32::from(p)).collect();
    if levels.len() < 6 {
        return false;
    }
    let count = levels.len() as f32;
    let mean = levels.iter().sum::<f32>() / count;
    let variance = levels.iter().map(|l| (l - mean).powi(2)).sum::<f32>() / count;
    mean >= WHITE_LEVEL && variance.sqrt() <= FLAT_LEVELS
}

/// The upright rectangle around corners, widened by a share of its size on each side.
fn bounds(corners: &[[f32; 2]; 4], more: f32) -> Area {
    let fold = |axis: usize| {
        let each = corners.iter().map(|c| c[axis]);
        (each.clone().fold(f32::MAX, f32::min), each.fold(0f32, f32::max))
    };
    let ((left, right), (top, bottom)) = (fold(0), fold(1));
    let (x, y) = (more * (right - left), more * (bottom - top));
    Area {
        left: (left - x).max(0.0) as usize,
        top: (top - y).max(0.0) as usize,
        right: (right + x).max(0.0) as usize,
        bottom: (bottom + y).max(0.0) as usize,
    }
}

fn middle(corners: &[[f32; 2]; 4]) -> [f32; 2] {
    let sum = corners.iter().fold([0.0; 2], |sum, c| [sum[0] + c[0], sum[1] + c[1]]);
    [sum[0] / 4.0, sum[1] / 4.0]
}

fn size(corners: &[[f32; 2]; 4]) -> f32 {
    let (a, c) = (corners[0], corners[2]);
    (a[0] - c[0]).hypot(a[1] - c[1])
}

/// Shortest stretch that tells a hand from an animation, seconds: overlays slide in and out in less.
const WANDERS_MIN_S: f64 = 2.5;
/// Slower than this a code stands, pixels a second.
const WANDERS_SPEED: f32 = 4.0;
/// Share of the time in which a code in a hand moves; an overlay stands most of its time.
const WANDERS_SHARE_MIN: f64 = 0.6;
/// From end to end against the way between: an overlay that crosses the picture goes straight.
const WANDERS_STRAIGHT_MAX: f32 = 0.8;

/// Whether a code moves nearly all the time and not along one line.
fn wanders(sightings: &[CodeSighting]) -> bool {
    let (Some(first), Some(last)) = (sightings.first(), sightings.last()) else { return false };
    if (last.time - first.time).seconds() < WANDERS_MIN_S {
        return false;
    }
    let away = |a: &CodeSighting, b: &CodeSighting| {
        let (a, b) = (middle(&a.corners), middle(&b.corners));
        (b[0] - a[0]).hypot(b[1] - a[1])
    };
    let (mut moving_s, mut whole_s, mut way) = (0.0, 0.0, 0.0);
    for pair in sightings.windows(2) {
        let seconds = (pair[1].time - pair[0].time).seconds();
        let step = away(&pair[0], &pair[1]);
        way += step;
        whole_s += seconds;
        if step > WANDERS_SPEED * seconds as f32 {
            moving_s += seconds;
        }
    }
    let straight = away(first, last) / way.max(1.0);
    moving_s >= WANDERS_SHARE_MIN * whole_s && straight <= WANDERS_STRAIGHT_MAX
}

/// How far the middle of a code wandered, pixels; a lone wrong corner of the reader counts for
/// nothing (5th to 95th of hundred).
fn spread(sightings: &[CodeSighting]) -> f32 {
    let of = |axis: usize| {
        let mut values: Vec<f32> = sightings.iter().map(|s| middle(&s.corners)[axis]).collect();
        values.sort_by(f32::total_cmp);
        let last = values.len().saturating_sub(1);
        let (low, high) = (last * 5 / 100, last - last * 5 / 100);
        values.get(high).zip(values.get(low)).map_or(0.0, |(high, low)| high - low)
    };
    of(0).max(of(1))
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn range(values: impl Iterator<Item = f32>) -> f32 {
    let (low, high) = values.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
    (high - low).max(0.0)
}

fn prefix(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(32).collect()
}
