//! Where in a picture a 2-D code may be, and the reading of it there.
//!
//! A code has many hard edges both across and down. They are counted on the picture at half size
//! in cells of eight pixels, and only where they are dense is the reader (zxing-cpp) asked.

use reprise_media::view::PictureView;
use zxingcpp::{BarcodeFormat, ImageFormat, ImageView};

use crate::look_for::GrayPicture;

/// A code as the reader found it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Clockwise from its own top left, pixels.
    pub(super) corners: [[f32; 2]; 4],
    /// Such as `QRCode`.
    pub(super) format: String,
    /// What it says; `None` where it was located and could not be read.
    pub(super) text: Option<String>,
}

/// Part of a picture, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Area {
    pub(super) fn holds(&self, x: f32, y: f32) -> bool {
        x >= self.left as f32
            && x < self.right as f32
            && y >= self.top as f32
            && y < self.bottom as f32
    }
}

/// Asks the reader with all it can do.
pub(super) fn read_all(picture: &GrayPicture) -> Vec<Found> {
    read(&picture.pixels, picture.width, picture.height, (0, 0), Effort::Still)
}

/// How much the reader tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// One picture is all there is.
    Still,
    /// A part of a picture that looks like a code.
    Part,
    /// The same, codes of the QR family alone.
    Square,
}

/// Reads codes in `pixels` (tightly packed) and moves what is found by `origin`.
pub(super) fn read(
    pixels: &[u8],
    width: usize,
    height: usize,
    origin: (usize, usize),
    effort: Effort,
) -> Vec<Found> {
    if width < 8 || height < 8 || pixels.len() < width * height {
        return Vec::new();
    }
    let Ok(view) = ImageView::from_slice(pixels, width, height, ImageFormat::Lum) else {
        return Vec::new();
    };
    let squares = [BarcodeFormat::QRCode, BarcodeFormat::MicroQRCode];
    let all = [
        BarcodeFormat::QRCode,
        BarcodeFormat::MicroQRCode,
        BarcodeFormat::RMQRCode,
        BarcodeFormat::DataMatrix,
        BarcodeFormat::Aztec,
        BarcodeFormat::PDF417,
        BarcodeFormat::MaxiCode,
    ];
    let still = effort == Effort::Still;
    let reader = zxingcpp::read()
        .formats(if effort == Effort::Square { &squares[..] } else { &all[..] })
        .try_harder(true)
        .try_rotate(effort != Effort::Square)
        .try_invert(true)
        .try_downscale(true)
        .return_errors(!still);
    let Ok(codes) = reader.from(&view) else { return Vec::new() };
    let point =
        |p: &zxingcpp::PointI| [(p.x as f32) + origin.0 as f32, p.y as f32 + origin.1 as f32];
    codes
        .iter()
        .filter(|code| {
            // What is located and not read is believed of QR codes alone: three finder patterns in
            // the right places are hard to come by.
            code.is_valid() || code.symbology() == BarcodeFormat::QRCode
        })
        .map(|code| {
            let at = code.position();
            Found {
                corners: [
                    point(&at.top_left),
                    point(&at.top_right),
                    point(&at.bottom_right),
                    point(&at.bottom_left),
                ],
                format: code.symbology().to_string(),
                text: code.is_valid().then(|| code.text()),
            }
        })
        .collect()
}

/// Side of a cell at half size, pixels.
const CELL: usize = 8;
/// A step over two pixels at half size that counts as a hard edge, levels. An estimate: codes are
/// drawn with 200 levels between black and white, and a fifth of that is left room for.
const EDGE_LEVELS: u8 = 36;
/// Share of hard edges, across and down each, in a neighbourhood of 3 x 3 cells, in 576ths. The
/// modules of a code 600 pixels wide (25 modules) give an edge each 24 pixels (12 at half size):
/// 576 x 0.5 / 12 = 24, and two pixels of each step count.
const EDGES_MIN: u32 = 34;
/// Hard edges of one direction may outnumber the other by so much; stripes and blinds do by more.
const ONE_WAY_MAX: u32 = 4;
/// Cells of a part that is looked at: smaller ones hold no code that could be read.
const CELLS_MIN: usize = 4;

/// Looks for parts of pictures that may hold codes.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    half: Vec<u8>,
    width: usize,
    height: usize,
    columns: usize,
    rows: usize,
    across: Vec<u16>,
    down: Vec<u16>,
    means: Vec<u16>,
    marked: Vec<bool>,
    stack: Vec<usize>,
}

/// A part that may hold a code, and a print of it that tells whether it changed.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) area: Area,
    pub(super) print: Vec<u16>,
}

impl Prefilter {
    /// Parts of the picture with dense hard edges.
    pub(super) fn candidates(&mut self, picture: &PictureView<'_>) -> Vec<Candidate> {
        self.shrink(picture);
        self.count();
        self.mark();
        self.parts(picture.width, picture.height)
    }

    fn shrink(&mut self, picture: &PictureView<'_>) {
        self.width = picture.width / 2;
        self.height = picture.height / 2;
        self.columns = self.width / CELL;
        self.rows = self.height / CELL;
        self.half.clear();
        self.half.resize(self.width * self.height, 0);
        for (y, out) in self.half.chunks_exact_mut(self.width.max(1)).enumerate() {
            let start = 2 * y * picture.luma_stride;
            let Some(upper) = picture.luma.get(start..start + 2 * self.width) else { break };
            let next = start + picture.luma_stride;
            let Some(lower) = picture.luma.get(next..next + 2 * self.width) else { break };
            let (a, b) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                let sum = u16::from(a[0])
                    .wrapping_add(u16::from(a[1]))
                    .wrapping_add(u16::from(b[0]))
                    .wrapping_add(u16::from(b[1]));
                *out = (sum.wrapping_add(2) >> 2) as u8;
            }
        }
    }

    fn count(&mut self) {
        let cells = self.columns * self.rows;
        for counts in [&mut self.across, &mut self.down, &mut self.means] {
            counts.clear();
            counts.resize(cells, 0);
        }
        let used = self.columns * CELL;
        for y in 0..(self.rows * CELL).min(self.height.saturating_sub(2)) {
            let start = y * self.width;
            let line = &self.half[start..start + used];
            let right = &self.half[start + 2..(start + 2 + used).min(start + self.width)];
            let below = &self.half[start + 2 * self.width..start + 2 * self.width + used];
            let row = (y / CELL) * self.columns;
            for (column, here) in line.chunks_exact(CELL).enumerate() {
                let from = column * CELL;
                let down: u8 = here
                    .iter()
                    .zip(&below[from..from + CELL])
                    .map(|(a, b)| u8::from(a.abs_diff(*b) >= EDGE_LEVELS))
                    .fold(0, u8::wrapping_add);
                let end = (from + CELL).min(right.len());
                let across: u8 = here
                    .iter()
                    .zip(&right[from.min(end)..end])
                    .map(|(a, b)| u8::from(a.abs_diff(*b) >= EDGE_LEVELS))
                    .fold(0, u8::wrapping_add);
                let sum: u16 = here.iter().fold(0, |sum, &p| sum.wrapping_add(u16::from(p)));
                self.across[row + column] += u16::from(across);
                self.down[row + column] += u16::from(down);
                self.means[row + column] += sum;
            }
        }
    }

    fn mark(&mut self) {
        let (columns, rows) = (self.columns, self.rows);
        self.marked.clear();
        self.marked.resize(columns * rows, false);
        for y in 1..rows.saturating_sub(1) {
            for x in 1..columns.saturating_sub(1) {
                let (mut across, mut down) = (0u32, 0u32);
                for row in y - 1..=y + 1 {
                    let from = row * columns + x - 1;
                    across +=
                        self.across[from..from + 3].iter().map(|&c| u32::from(c)).sum::<u32>();
                    down += self.down[from..from + 3].iter().map(|&c| u32::from(c)).sum::<u32>();
                }
                self.marked[y * columns + x] = across >= EDGES_MIN
                    && down >= EDGES_MIN
                    && across <= ONE_WAY_MAX * down
                    && down <= ONE_WAY_MAX * across;
            }
        }
    }

    fn parts(&mut self, width: usize, height: usize) -> Vec<Candidate> {
        let (columns, rows) = (self.columns, self.rows);
        let mut found = Vec::new();
        for first in 0..self.marked.len() {
            if !self.marked[first] {
                continue;
            }
            let (mut left, mut right, mut top, mut bottom) = (columns, 0, rows, 0);
            let mut cells = 0;
            self.stack.push(first);
            self.marked[first] = false;
            while let Some(cell) = self.stack.pop() {
                let (x, y) = (cell % columns, cell / columns);
                (left, right) = (left.min(x), right.max(x));
                (top, bottom) = (top.min(y), bottom.max(y));
                cells += 1;
                for ny in y.saturating_sub(1)..(y + 2).min(rows) {
                    for nx in x.saturating_sub(1)..(x + 2).min(columns) {
                        let next = ny * columns + nx;
                        if self.marked[next] {
                            self.marked[next] = false;
                            self.stack.push(next);
                        }
                    }
                }
            }
            if cells < CELLS_MIN || right - left < 1 || bottom - top < 1 {
                continue;
            }
            let mut print = Vec::with_capacity((right - left + 1) * (bottom - top + 1));
            for y in top..=bottom {
                print.extend_from_slice(&self.means[y * columns + left..=y * columns + right]);
            }
            // A cell and a half more: the quiet zone belongs to a code.
            let (cell, more) = (2 * CELL, 3 * CELL);
            found.push(Candidate {
                area: Area {
                    left: (left * cell).saturating_sub(more),
                    top: (top * cell).saturating_sub(more),
                    right: ((right + 1) * cell + more).min(width),
                    bottom: ((bottom + 1) * cell + more).min(height),
                },
                print,
            });
        }
        found
    }
}

impl Candidate {
    /// Whether it looks as `other` did: the same cells with the same means, but for coding noise.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        // A cell sums 64 pixels: three levels.
        self.area == other.area
            && self.print.iter().zip(&other.print).all(|(a, b)| a.abs_diff(*b) <= 192)
    }

    /// Its pixels.
    pub(super) fn cut(&self, picture: &PictureView<'_>, out: &mut Vec<u8>) -> (usize, usize) {
        out.clear();
        let Area { left, top, right, bottom } = self.area;
        for y in top..bottom {
            let start = y * picture.luma_stride;
            match picture.luma.get(start + left..start + right) {
                Some(line) => out.extend_from_slice(line),
                None => return (0, 0),
            }
        }
        (right - left, bottom - top)
    }
}
