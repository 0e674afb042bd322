//! Whether a clip's pictures and sound are as far apart as its recording's.
//!
//! How far lips and voice are apart in the recording itself is not told: that needs a reference.
//! ITU-R BT.1359 puts what viewers notice at 45 ms of sound early and 125 ms of sound late.

use reprise_model::{MediaTime, Span};

use crate::evidence::Evidence;
use crate::picture::PictureEvidence;

/// How far a clip's pictures and sound lie off its recording's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sync {
    /// How much later the sound is, milliseconds.
    pub sound_ms: f64,
    /// How much later the pictures are, milliseconds, to a picture's length.
    pub pictures_ms: f64,
}

impl Sync {
    /// How much later the sound comes against the pictures than in the recording, milliseconds.
    pub fn apart_ms(&self) -> f64 {
        self.sound_ms - self.pictures_ms
    }

    /// Whether viewers would not notice.
    pub fn holds(&self) -> bool {
        (-45.0..=125.0).contains(&self.apart_ms())
    }
}

/// Grid on which brightness is compared, and how far it is looked for: 10 ms and 0.7 s.
const GRID_MS: i64 = 10;
const REACH: i64 = 70;
/// Half of the time whose mean is taken off (0.5 s): slow changes fit at any distance.
const HALF_MEAN: usize = 50;
/// Likeness that pictures must reach, and by how much it must fall 0.2 s beside.
const LIKE: f64 = 0.7;
const FALLS: f64 = 0.1;

/// Compares a clip with its recording over `span`; `None` where sound or pictures do not tell.
pub fn sync(clip: &Evidence, recording: &Evidence, span: Span) -> Option<Sync> {
    // Nothing is dubbed from this level on; only the offset is wanted.
    const ANY_LEVEL_DB: f64 = 0.0;
    let sound = crate::align::align(&clip.sound, &recording.sound, span, ANY_LEVEL_DB)?;
    let pictures_ms = pictures_ms(&clip.pictures, &recording.pictures, span)?;
    sound.found.then_some(Sync { sound_ms: sound.offset_ms, pictures_ms })
}

/// How much later the clip's pictures are, by the brightness of both over time.
fn pictures_ms(clip: &PictureEvidence, recording: &PictureEvidence, span: Span) -> Option<f64> {
    let first = clip.samples.first()?.time;
    let count = (clip.end_of(clip.samples.len() - 1) - first).seconds() * 1000.0 / GRID_MS as f64;
    let count = count as usize;
    if count < 4 * HALF_MEAN {
        return None;
    }
    let of_clip = levelled(&on_grid(clip, first, 0, count));
    let start = span.start + (first - MediaTime::ZERO);
    let around = on_grid(recording, start, -REACH, count + 2 * REACH as usize);
    let of_recording = levelled(&around);
    let likeness: Vec<f64> = (0..=2 * REACH as usize)
        .map(|shift| correlation(&of_clip, &of_recording[shift..shift + count]))
        .collect();
    let best = (0..likeness.len()).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]))?;
    let beside = [best.checked_sub(20), Some(best + 20)];
    let beside = beside.into_iter().flatten().filter_map(|at| likeness.get(at));
    let beside = beside.copied().fold(f64::MIN, f64::max);
    (likeness[best] >= LIKE && likeness[best] - beside >= FALLS)
        .then(|| (REACH - best as i64) as f64 * GRID_MS as f64)
}

/// Brightness of what is shown each 10 ms, `from` steps after `start` on.
fn on_grid(pictures: &PictureEvidence, start: MediaTime, from: i64, count: usize) -> Vec<f64> {
    let mut index = 0;
    (0..count as i64)
        .map(|n| {
            let time = start + reprise_model::MediaDuration::from_millis((from + n) * GRID_MS);
            while pictures.samples.get(index + 1).is_some_and(|next| next.time <= time) {
                index += 1;
            }
            pictures.samples.get(index).map_or(0.0, |sample| f64::from(sample.luma))
        })
        .collect()
}

fn levelled(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for value in values {
        sums.push(sums[sums.len() - 1] + value);
    }
    (0..values.len())
        .map(|n| {
            let (from, to) = (n.saturating_sub(HALF_MEAN), (n + HALF_MEAN + 1).min(values.len()));
            values[n] - (sums[to] - sums[from]) / (to - from) as f64
        })
        .collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(1e-9)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::PictureSample;
    use reprise_model::MediaDuration;

    fn shown(from_s: f64, seconds: f64, late_s: f64) -> PictureEvidence {
        let samples = (0..(seconds * 30.0) as i64)
            .map(|n| {
                let time = MediaTime::from_ticks(n, 1, 30);
                let t = time.seconds() + from_s - late_s;
                let luma = 120.0 + 3.0 * (t * 2.9).sin() + 2.0 * (t * t * 0.9).sin();
                PictureSample { time, luma: luma as f32, ..PictureSample::default() }
            })
            .collect();
        PictureEvidence { samples, last_duration: MediaDuration::from_millis(33) }
    }

    #[test]
    fn pictures_that_come_late_are_seen() {
        let recording = shown(0.0, 30.0, 0.0);
        let span = Span::from_seconds(8.0, 20.0);
        for late_s in [0.0, 0.2, -0.3] {
            let found = pictures_ms(&shown(8.0, 12.0, late_s), &recording, span).unwrap();
            assert!((found - late_s * 1000.0).abs() <= 35.0, "{late_s}: {found}");
        }
        let other = shown(50.0, 12.0, 0.0);
        assert_eq!(pictures_ms(&other, &recording, span), None);
    }
}
