//! What is kept of each picture: brightness, darkness and how much it changed, on a coarse grid.
//!
//! A picture is averaged to blocks of 8 or 16 pixels a side (every second row is read). The mean
//! of about a hundred samples moves by a fraction of a level when only coding noise changes, and by
//! several levels when an edge moves a pixel. Changes are ranked over all blocks, so a few blocks
//! that move (a mouth, a hand, one of two insets) are seen beside thousands that stand still.

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, MediaTime};
use serde::{Deserialize, Serialize};

/// What is kept of one picture. Levels are of limited-range luma (16 black, 235 white).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureSample {
    /// When it is shown.
    #[serde(rename = "time_s")]
    pub time: MediaTime,
    /// Mean luma, levels.
    pub luma: f32,
    /// Share of blocks whose mean is below level 32 (7 % of white), 0 to 1.
    pub dark: f32,
    /// Mean change of a block against the picture before, levels.
    pub change: f32,
    /// Change against the picture before of the block that changed fourth most, levels, at most 16.
    pub change_top: f32,
    /// Change against the picture that stillness began with, of the block that changed fourth
    /// most, levels, at most 16.
    pub drift_top: f32,
    /// Whether everything stands as it did when stillness began; `false` begins a new stillness.
    pub still: bool,
    /// Whether it is like the picture before but coded anew: a slight change of nearly all blocks
    /// at once, as key frames make.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recoded: bool,
    /// Share of luma that moved to another brightness since the picture before, 0 to 1; a cut
    /// moves much of it at once.
    pub recast: f32,
    /// Whether the decoder had to conceal damage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub corrupt: bool,
}

/// What is kept of all pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureEvidence {
    /// In the order shown.
    pub samples: Vec<PictureSample>,
    /// How long the last picture is shown, as far as the stream says.
    #[serde(rename = "last_duration_s")]
    pub last_duration: MediaDuration,
}

impl PictureEvidence {
    /// When picture `index` gives way to the next.
    pub(crate) fn end_of(&self, index: usize) -> MediaTime {
        match (self.samples.get(index), self.samples.get(index + 1)) {
            (_, Some(next)) => next.time,
            (Some(last), None) => last.time + self.last_duration,
            (None, None) => MediaTime::ZERO,
        }
    }

    /// Median distance of two pictures in seconds; `None` with fewer than two.
    pub(crate) fn period_s(&self) -> Option<f64> {
        let mut steps: Vec<f64> = self
            .samples
            .windows(2)
            .map(|pair| (pair[1].time - pair[0].time).seconds())
            .filter(|&step| step > 0.0)
            .collect();
        let middle = steps.len() / 2;
        (!steps.is_empty()).then(|| *steps.select_nth_unstable_by(middle, f64::total_cmp).1)
    }
}

/// Levels are counted in 64ths.
const ONE_LEVEL: i32 = 64;
/// A block darker than this counts as dark: 7 % of the way from black (16) to white (235). What
/// ffmpeg's `blackdetect` calls black by default ends at 10 %.
const DARK_BELOW: u16 = 32 * ONE_LEVEL as u16;
/// A change below this is noise whatever the picture, in levels. Measured: noise that is fresh in
/// each picture, coded at LIVE bit rates, drifts to 2.1 in 2.5 s; hosts who talk are above 4 in
/// nearly every picture.
const STILL_LEVELS: f32 = 3.0;
/// Where the picture is noisier than that, change must exceed the noise (the median block) by so
/// many times; the largest of 3,600 Gaussian changes is 5.5 times their median magnitude.
const STILL_NOISE_FACTOR: f32 = 6.0;
/// Noise that coding has made blotchy is less even: its largest change is up to 3 times the one that
/// a tenth of the blocks exceed. What moves in a still scene (a mouth, eyes, a hand) is a smaller
/// part of the picture than that tenth, and leaves it where it is.
const STILL_TENTH_FACTOR: f32 = 3.0;
/// Above this a change is motion, however many blocks share it, in levels.
const STILL_LEVELS_MAX: f32 = 6.5;
/// A key frame changes all blocks a little: its largest change is at most so many times the mean
/// (5 to 6 measured). What moves in a still scene changes few blocks much (20 and more).
const RECODED_TOP_TO_MEAN: f32 = 10.0;
/// Rank of the block that speaks for the picture: this many blocks must move, so that a spark of
/// noise does not.
const TOP_RANK: u32 = 4;

/// Collects the evidence of pictures. Allocates when the size of the picture changes, and never for
/// a picture beyond its sample.
#[derive(Debug, Default)]
pub(crate) struct PictureCollector {
    evidence: PictureEvidence,
    shape: Shape,
    now: Vec<u16>,
    before: Vec<u16>,
    anchor: Vec<u16>,
    sums: Vec<u32>,
    tones: [u32; TONES],
    tones_before: [u32; TONES],
    started: bool,
}

/// Tones that brightness is sorted into for telling a cut.
const TONES: usize = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    width: usize,
    height: usize,
    block: usize,
    columns: usize,
    rows: usize,
}

impl Shape {
    fn of(picture: &PictureView<'_>) -> Self {
        let (width, height) = (picture.width, picture.height);
        let block = if width.min(height) < 480 { 8 } else { 16 };
        Self { width, height, block, columns: width / block, rows: height / block }
    }
}

/// How the blocks of one picture differ from those of another, in levels.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    mean: f32,
    median: f32,
    /// Of the block that a tenth of the blocks exceed.
    tenth: f32,
    top: f32,
}

impl PictureCollector {
    /// Looks at one picture.
    pub(crate) fn picture(&mut self, picture: &PictureView<'_>) {
        let shape = Shape::of(picture);
        let fresh = !self.started || shape != self.shape;
        if fresh {
            self.reshape(shape);
        }
        self.measure(picture);
        let blocks = self.now.len().max(1) as f32;
        let total: u64 = self.now.iter().map(|&mean| u64::from(mean)).sum();
        let dark = self.now.iter().filter(|&&mean| mean < DARK_BELOW).count();
        self.tones = [0; TONES];
        for &mean in &self.now {
            self.tones[(usize::from(mean) / (8 * ONE_LEVEL as usize)).min(TONES - 1)] += 1;
        }
        let mut sample = PictureSample {
            time: picture.time,
            luma: rounded(total as f32 / blocks / ONE_LEVEL as f32),
            dark: rounded(dark as f32 / blocks),
            corrupt: picture.corrupt,
            ..PictureSample::default()
        };
        if fresh {
            sample.recast = if self.started { 1.0 } else { 0.0 };
            self.anchor.copy_from_slice(&self.now);
        } else {
            let change = compare(&self.now, &self.before);
            let drift = compare(&self.now, &self.anchor);
            let moved: u32 =
                self.tones.iter().zip(&self.tones_before).map(|(a, b)| a.abs_diff(*b)).sum();
            let limit = (STILL_NOISE_FACTOR * drift.median)
                .max(STILL_TENTH_FACTOR * drift.tenth)
                .clamp(STILL_LEVELS, STILL_LEVELS_MAX);
            sample.change = rounded(change.mean);
            sample.change_top = rounded(change.top);
            sample.drift_top = rounded(drift.top);
            sample.recast = rounded(moved as f32 / (2.0 * blocks));
            sample.still = drift.top <= limit;
            sample.recoded = !sample.still
                && change.top <= STILL_LEVELS_MAX
                && change.top <= RECODED_TOP_TO_MEAN * change.mean
                && drift.top <= 1.5 * change.top;
            if !sample.still {
                self.anchor.copy_from_slice(&self.now);
            }
        }
        std::mem::swap(&mut self.now, &mut self.before);
        self.tones_before = self.tones;
        self.started = true;
        self.evidence.last_duration = picture.duration;
        self.evidence.samples.push(sample);
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> PictureEvidence {
        if self.evidence.last_duration <= MediaDuration::ZERO {
            let period_s = self.evidence.period_s().unwrap_or(0.0);
            self.evidence.last_duration = MediaDuration::from_seconds(period_s);
        }
        self.evidence
    }

    fn reshape(&mut self, shape: Shape) {
        let blocks = shape.columns * shape.rows;
        for grid in [&mut self.now, &mut self.before, &mut self.anchor] {
            grid.clear();
            grid.resize(blocks, 0);
        }
        self.sums.clear();
        self.sums.resize(shape.columns, 0);
        self.shape = shape;
    }

    /// Fills `now` with block means in 64ths of a limited-range level.
    fn measure(&mut self, picture: &PictureView<'_>) {
        let Shape { block, columns, .. } = self.shape;
        if columns == 0 {
            return;
        }
        for (row, means) in self.now.chunks_exact_mut(columns).enumerate() {
            self.sums.fill(0);
            for y in (row * block..(row + 1) * block).step_by(2) {
                let start = y * picture.luma_stride;
                let Some(line) = picture.luma.get(start..start + columns * block) else { break };
                if block == 16 {
                    add_blocks::<16>(line, &mut self.sums);
                } else {
                    add_blocks::<8>(line, &mut self.sums);
                }
            }
            // 16 x 8 or 8 x 4 samples a block: 128 or 32 of them.
            let shift = if block == 16 { 1 } else { 0 };
            let scale = if block == 16 { 1 } else { 2 };
            for (mean, &sum) in means.iter_mut().zip(&self.sums) {
                *mean = ((sum * scale) >> shift) as u16;
            }
        }
        if picture.full_range {
            for mean in &mut self.now {
                *mean = (u32::from(*mean) * 219 / 255 + 16 * ONE_LEVEL as u32) as u16;
            }
        }
    }
}

fn add_blocks<const N: usize>(line: &[u8], sums: &mut [u32]) {
    let (blocks, _) = line.as_chunks::<N>();
    for (sum, block) in sums.iter_mut().zip(blocks) {
        // At most 16 x 255 and far from overflow; a checked sum is not vectorised.
        let total = block.iter().fold(0u32, |total, &s| total.wrapping_add(u32::from(s)));
        *sum = sum.wrapping_add(total);
    }
}

/// Bins of a 16th of a level; the last holds all that is larger.
const BINS: usize = 257;

fn compare(now: &[u16], then: &[u16]) -> Change {
    let mut total = 0u64;
    // Two sets, taken in turn: counting into the same bin again must wait for the count before.
    let mut counts = [[0u32; BINS]; 2];
    for (a, b) in now.chunks(2).zip(then.chunks(2)) {
        for ((bins, &a), &b) in counts.iter_mut().zip(a).zip(b) {
            let difference = a.abs_diff(b);
            total = total.wrapping_add(u64::from(difference));
            let bin = &mut bins[usize::from(difference >> 2).min(BINS - 1)];
            *bin = bin.wrapping_add(1);
        }
    }
    let [mut bins, others] = counts;
    bins.iter_mut().zip(others).for_each(|(bin, other)| *bin = bin.wrapping_add(other));
    let count = now.len() as u32;
    let level = |bin: usize| bin as f32 / 16.0;
    let (mut above, mut top, mut tenth, mut median) = (0, 0, 0, 0);
    for bin in (0..BINS).rev() {
        above += bins[bin];
        if top == 0 && above >= TOP_RANK {
            top = bin;
        }
        if tenth == 0 && above * 10 >= count {
            tenth = bin;
        }
        if above * 2 >= count {
            median = bin;
            break;
        }
    }
    Change {
        mean: total as f32 / count.max(1) as f32 / ONE_LEVEL as f32,
        median: level(median),
        tenth: level(tenth),
        top: level(top),
    }
}

/// To a thousandth, so that JSON stays short.
fn rounded(value: f32) -> f32 {
    (value * 1000.0).round() / 1000.0
}
