//! Places in the picture that stand still and look like text: found at half size twice a second,
//! followed while their pixels stay, and cut out once.

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, MediaTime, Span};

use crate::look_for::{GrayPicture, NamedPicture};

/// Pictures are looked at so often, seconds.
const STEP_S: f64 = 0.48;
/// Side of a cell at half size, pixels.
const CELL: usize = 8;
/// A step over two pixels at half size that counts as a hard edge, levels. An estimate: text is drawn
/// to be read, and what shines through by a third still has it.
const EDGE_LEVELS: u8 = 30;
/// Hard edges across in a cell of 64 pixels that letters have: a stroke each 16 pixels at the least.
const EDGES_MIN: u16 = 10;
/// A cell whose mean difference to half a second ago is below this stands still, levels.
const STILL_LEVELS: u32 = 4;
/// A mark whose pixels differ by more on average is gone, levels. An estimate, tried on text drawn
/// over one recording.
const GONE_LEVELS: f32 = 11.0;
/// A scene around a mark that differs less belongs to the same shot, levels.
const RING_SAME_LEVELS: f32 = 8.0;
/// A scene around a mark that differs more was filmed by a camera that moves, levels.
const RING_MOVED_LEVELS: f32 = 9.0;
/// Share of a crop within three levels of its commonest level that makes it a card. An estimate.
const CARD_SHARE: f32 = 0.45;
/// Most places followed at once, and kept.
const FOLLOWED_MAX: usize = 40;
/// See [`FOLLOWED_MAX`].
const KEPT_MAX: usize = 160;
/// Largest crop, pixels.
const CROP_MAX: [usize; 2] = [480, 240];
/// A mark is there for so many looks at least.
const LOOKS_MIN: u32 = 2;

/// A place, as it was found.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) span: Span,
    /// Left, top, width, height, pixels of the picture.
    pub(super) area: [u32; 4],
    pub(super) over: bool,
    pub(super) card: bool,
    /// How much it looks like text.
    pub(super) weight: f32,
    pub(super) crop: GrayPicture,
}

impl Region {
    /// How much it deserves to be read: text has two or three times the hard edges of cloth and
    /// hair, is laid over on a card of its own, stays for seconds and is large. The shares are
    /// estimates, tried on drawn cards and on real footage without any.
    pub(super) fn rank(&self) -> f32 {
        let stays = (self.span.seconds() as f32 / 8.0).min(1.0);
        let side = (self.area[2] as f32 * self.area[3] as f32).sqrt();
        2.0 * self.weight
            + if self.card { 0.3 } else { 0.0 }
            + if self.over { 0.4 } else { 0.0 }
            + 0.4 * stays
            + 0.3 * (side / 200.0).min(1.0)
    }
}

#[derive(Debug)]
struct Followed {
    region: Region,
    /// At half size: left, top, right, bottom.
    place: [usize; 4],
    first: Half,
    looks: u32,
    ring_moved: u32,
}

#[derive(Clone, Debug, Default)]
struct Half {
    time: MediaTime,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Finds and follows places.
#[derive(Debug, Default)]
pub(super) struct Regions {
    now: Half,
    before: Half,
    earlier: Half,
    looks: u32,
    size: [u32; 2],
    followed: Vec<Followed>,
    kept: Vec<Region>,
    end: MediaTime,
}

impl Regions {
    pub(super) fn searched(&self) -> (u32, u32, u32) {
        (self.looks, self.size[0], self.size[1])
    }

    pub(super) fn picture(&mut self, picture: &PictureView<'_>) {
        self.end = picture.time + picture.duration.max(MediaDuration::ZERO);
        let due = self.looks == 0 || (picture.time - self.now.time).seconds() >= STEP_S;
        if !due {
            return;
        }
        std::mem::swap(&mut self.earlier, &mut self.before);
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.take(picture);
        self.looks += 1;
        self.size = [picture.width as u32, picture.height as u32];
        self.follow();
        if self.before.pixels.len() == self.now.pixels.len() {
            for place in self.places() {
                self.begin(place, picture);
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Region> {
        let end = self.end;
        for followed in std::mem::take(&mut self.followed) {
            self.keep(followed, end, false);
        }
        self.kept
    }

    fn follow(&mut self) {
        let mut index = 0;
        while index < self.followed.len() {
            let followed = &mut self.followed[index];
            let here = self.now.difference(&followed.first, followed.place, None);
            if here.is_some_and(|levels| levels <= GONE_LEVELS) {
                followed.looks += 1;
                // A camera that moves moves all sides; somebody beside a thing on a table does not.
                let moved = |side| {
                    let levels = self.now.difference(&followed.first, side, None);
                    levels.is_none_or(|levels| levels >= RING_MOVED_LEVELS)
                };
                followed.ring_moved += u32::from(sides(followed.place).into_iter().all(moved));
                index += 1;
                continue;
            }
            let followed = self.followed.swap_remove(index);
            let around = self.now.difference(
                &self.before,
                ring(followed.place),
                Some(wider(followed.place)),
            );
            let went = around.is_some_and(|levels| levels <= RING_SAME_LEVELS);
            let end = self.now.time;
            self.keep(followed, end, went);
        }
    }

    fn keep(&mut self, followed: Followed, end: MediaTime, went: bool) {
        if followed.looks < LOOKS_MIN {
            return;
        }
        let mut region = followed.region;
        region.span.end = end;
        region.over |= went || (followed.looks >= 4 && followed.ring_moved * 2 > followed.looks);
        // The same place with the same pixels again: a hand passed before it.
        let again = self.kept.iter_mut().find(|old| {
            old.area == region.area && (region.span.start - old.span.end).seconds() < 2.0
        });
        if let Some(old) = again {
            old.span.end = region.span.end;
            old.over |= region.over;
            return;
        }
        self.kept.push(region);
        if self.kept.len() > KEPT_MAX {
            let least = self
                .kept
                .iter()
                .enumerate()
                .min_by(|(_, a), (_, b)| a.rank().total_cmp(&b.rank()))
                .map(|(index, _)| index);
            if let Some(least) = least {
                self.kept.swap_remove(least);
            }
        }
    }

    fn begin(&mut self, place: [usize; 4], picture: &PictureView<'_>) {
        let known =
            self.followed.iter().any(|followed| 2 * shared(place, followed.place) > size(place));
        if known || self.followed.len() >= FOLLOWED_MAX {
            return;
        }
        // It stood still since the look before; it may have come since the one before that.
        let came = self.earlier.difference(&self.now, place, None).is_some_and(|levels| {
            let around = self.earlier.difference(&self.now, ring(place), Some(wider(place)));
            levels > 1.6 * GONE_LEVELS && around.is_some_and(|levels| levels <= RING_SAME_LEVELS)
        });
        let start =
            if self.earlier.pixels.is_empty() { self.before.time } else { self.earlier.time };
        let Some((crop, area)) = cut(place, picture) else { return };
        let card = card_share(&crop) >= CARD_SHARE;
        let weight = self.now.edges(place);
        self.followed.push(Followed {
            region: Region { span: Span::new(start, start), area, over: came, card, weight, crop },
            place,
            first: self.now.clone(),
            looks: 1,
            ring_moved: 0,
        });
    }

    /// Rectangles of cells that have the edges of letters and stand still.
    fn places(&self) -> Vec<[usize; 4]> {
        let (columns, rows) = (self.now.width / CELL, self.now.height / CELL);
        let mut marked = vec![false; columns * rows];
        for row in 0..rows {
            for column in 0..columns {
                marked[row * columns + column] = self.is_text(column, row);
            }
        }
        let mut found = Vec::new();
        let mut stack = Vec::new();
        for first in 0..marked.len() {
            if !marked[first] {
                continue;
            }
            let (mut left, mut right, mut top, mut bottom, mut cells) = (columns, 0, rows, 0, 0);
            stack.push(first);
            marked[first] = false;
            while let Some(cell) = stack.pop() {
                let (x, y) = (cell % columns, cell / columns);
                (left, right) = (left.min(x), right.max(x));
                (top, bottom) = (top.min(y), bottom.max(y));
                cells += 1;
                for ny in y.saturating_sub(1)..(y + 2).min(rows) {
                    // Words of a line lie two cells apart.
                    for nx in x.saturating_sub(2)..(x + 3).min(columns) {
                        if marked[ny * columns + nx] {
                            marked[ny * columns + nx] = false;
                            stack.push(ny * columns + nx);
                        }
                    }
                }
            }
            let (wide, high) = (right - left + 1, bottom - top + 1);
            // Text fills a good part of its lines, and a line is longer than high.
            if cells >= 3
                && wide >= 3
                && wide * 2 >= high
                && cells * 10 >= wide * high * 3
                && high <= 24
            {
                found.push([left * CELL, top * CELL, (right + 1) * CELL, (bottom + 1) * CELL]);
            }
        }
        found
    }

    fn is_text(&self, column: usize, row: usize) -> bool {
        let (mut edges, mut changed) = (0u16, 0u32);
        for y in row * CELL..(row + 1) * CELL {
            let start = y * self.now.width + column * CELL;
            let end = (start + CELL + 2).min((y + 1) * self.now.width);
            let line = &self.now.pixels[start..end];
            let old = &self.before.pixels[start..start + CELL];
            for (a, b) in line.iter().zip(&line[2..]) {
                edges += u16::from(a.abs_diff(*b) >= EDGE_LEVELS);
            }
            for (a, b) in line.iter().zip(old) {
                changed += u32::from(a.abs_diff(*b));
            }
        }
        edges >= EDGES_MIN && changed < STILL_LEVELS * (CELL * CELL) as u32
    }
}

impl Half {
    fn take(&mut self, picture: &PictureView<'_>) {
        self.time = picture.time;
        (self.width, self.height) = (picture.width / 2, picture.height / 2);
        self.pixels.clear();
        for y in 0..self.height {
            let start = 2 * y * picture.luma_stride;
            let next = start + picture.luma_stride;
            let upper = picture.luma.get(start..start + 2 * self.width).unwrap_or_default();
            let lower = picture.luma.get(next..next + 2 * self.width).unwrap_or_default();
            let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            self.pixels.extend(pairs.map(|(a, b)| {
                let sum = u16::from(a[0])
                    .wrapping_add(u16::from(a[1]))
                    .wrapping_add(u16::from(b[0]))
                    .wrapping_add(u16::from(b[1]));
                (sum >> 2) as u8
            }));
        }
        self.pixels.resize(self.width * self.height, 0);
    }

    /// Mean difference inside `place` and outside `without`, levels.
    fn difference(
        &self,
        other: &Self,
        place: [usize; 4],
        without: Option<[usize; 4]>,
    ) -> Option<f32> {
        if self.width != other.width || self.pixels.len() != other.pixels.len() {
            return None;
        }
        let [left, top, right, bottom] = place;
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        let (mut sum, mut count) = (0u32, 0u32);
        for y in (top..bottom).step_by(2) {
            for x in (left..right).step_by(2) {
                let hidden =
                    without.is_some_and(|[l, t, r, b]| (l..r).contains(&x) && (t..b).contains(&y));
                if !hidden {
                    let index = y * self.width + x;
                    sum += u32::from(self.pixels[index].abs_diff(other.pixels[index]));
                    count += 1;
                }
            }
        }
        (count >= 8).then(|| sum as f32 / count as f32)
    }

    /// Share of hard edges in a place.
    fn edges(&self, [left, top, right, bottom]: [usize; 4]) -> f32 {
        let (mut edges, mut count) = (0u32, 1u32);
        for y in top..bottom.min(self.height) {
            let line = &self.pixels[y * self.width + left..y * self.width + right.min(self.width)];
            for (a, b) in line.iter().zip(line.get(2..).unwrap_or_default()) {
                edges += u32::from(a.abs_diff(*b) >= EDGE_LEVELS);
                count += 1;
            }
        }
        edges as f32 / count as f32
    }
}

/// The surroundings of a place: eight cells around it.
fn ring([left, top, right, bottom]: [usize; 4]) -> [usize; 4] {
    let more = 8 * CELL;
    [left.saturating_sub(more), top.saturating_sub(more), right + more, bottom + more]
}

/// A place with the rest of its card: two cells more.
fn wider([left, top, right, bottom]: [usize; 4]) -> [usize; 4] {
    let more = 2 * CELL;
    [left.saturating_sub(more), top.saturating_sub(more), right + more, bottom + more]
}

/// The surroundings of a place in four parts; those outside the picture are empty.
fn sides(place: [usize; 4]) -> [[usize; 4]; 4] {
    let [left, top, right, bottom] = ring(place);
    let [inner_left, inner_top, inner_right, inner_bottom] = wider(place);
    [
        [left, top, inner_left, bottom],
        [inner_right, top, right, bottom],
        [left, top, right, inner_top],
        [left, inner_bottom, right, bottom],
    ]
}

fn size([left, top, right, bottom]: [usize; 4]) -> usize {
    right.saturating_sub(left) * bottom.saturating_sub(top)
}

fn shared(a: [usize; 4], b: [usize; 4]) -> usize {
    size([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])])
}

/// The pixels of a place with a little around it, and where they lie in the picture.
fn cut(place: [usize; 4], picture: &PictureView<'_>) -> Option<(GrayPicture, [u32; 4])> {
    let more = 6;
    let left = (2 * place[0]).saturating_sub(more);
    let top = (2 * place[1]).saturating_sub(more);
    let right = (2 * place[2] + more).min(picture.width);
    let bottom = (2 * place[3] + more).min(picture.height);
    let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
    let step = width.div_ceil(CROP_MAX[0]).max(height.div_ceil(CROP_MAX[1])).max(1);
    let mut pixels = Vec::with_capacity((width / step) * (height / step));
    for y in 0..height / step {
        for x in 0..width / step {
            let mut sum = 0u32;
            for dy in 0..step {
                let start = (top + y * step + dy) * picture.luma_stride + left + x * step;
                sum += picture
                    .luma
                    .get(start..start + step)?
                    .iter()
                    .map(|&p| u32::from(p))
                    .sum::<u32>();
            }
            pixels.push((sum / (step * step) as u32) as u8);
        }
    }
    let crop = GrayPicture { width: width / step, height: height / step, pixels };
    Some((crop, [left as u32, top as u32, width as u32, height as u32]))
}

/// Share of pixels within three levels of the commonest level.
fn card_share(crop: &GrayPicture) -> f32 {
    let mut counts = [0u32; 256];
    for &pixel in &crop.pixels {
        counts[usize::from(pixel)] += 1;
    }
    let most = counts.windows(7).map(|near| near.iter().sum::<u32>()).max().unwrap_or(0);
    most as f32 / crop.pixels.len().max(1) as f32
}

/// Likeness (zero-mean normalised correlation) that makes a logo, 0 to 1. An estimate, tried on one
/// drawn logo alone.
const LOGO_MIN: f64 = 0.72;

/// The first of `pictures` that is seen in a crop, at any size.
pub(super) fn shown(crop: &GrayPicture, pictures: &[NamedPicture]) -> Option<String> {
    pictures.iter().find(|named| likeness(crop, &named.picture) >= LOGO_MIN).map(|n| n.name.clone())
}

fn likeness(crop: &GrayPicture, logo: &GrayPicture) -> f64 {
    use opencv::core::{self, Mat, MatTraitConst, Point, Size, Vector, no_array};
    use opencv::imgproc;
    let best = || -> opencv::Result<f64> {
        core::set_num_threads(0)?;
        let mat = |picture: &GrayPicture| -> opencv::Result<Mat> {
            let rows = Mat::from_slice(&picture.pixels)?;
            rows.reshape(1, picture.height as i32)?.try_clone()
        };
        let (place, logo) = (mat(crop)?, mat(logo)?);
        let mut best = 0f64;
        let _: Vector<Point> = Vector::new();
        // The crop may be wider than the logo by its margin alone, or by all that stands beside it.
        let mut height = f64::from(place.rows());
        while height >= 12.0 {
            let width = height * f64::from(logo.cols()) / f64::from(logo.rows().max(1));
            let wanted = Size::new(width.round() as i32, height.round() as i32);
            if wanted.width >= 12 && wanted.width <= place.cols() && wanted.height <= place.rows() {
                let mut small = Mat::default();
                imgproc::resize(&logo, &mut small, wanted, 0.0, 0.0, imgproc::INTER_AREA)?;
                let mut map = Mat::default();
                imgproc::match_template(
                    &place,
                    &small,
                    &mut map,
                    imgproc::TM_CCOEFF_NORMED,
                    &no_array(),
                )?;
                let mut most = 0.0;
                core::min_max_loc(&map, None, Some(&mut most), None, None, &no_array())?;
                if most.is_finite() && most <= 1.01 {
                    best = best.max(most);
                }
            }
            height /= 1.06;
        }
        Ok(best)
    };
    if crop.pixels.len() != crop.width * crop.height
        || logo.pixels.len() != logo.width * logo.height
    {
        return 0.0;
    }
    best().unwrap_or(0.0)
}
