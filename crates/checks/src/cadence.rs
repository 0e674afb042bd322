//! The picture cadence: late, missing and irregularly repeated pictures, told from a camera that
//! is slower than the stream and repeats regularly.

use reprise_model::{MediaDuration, MediaTime, Span};

use crate::picture::{PictureEvidence, PictureSample};
use crate::policy::Policy;

/// What was found of the cadence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cadence {
    /// Breaks of at least the policy's length.
    pub(crate) breaks: Vec<Span>,
    /// The longest time without a new picture beyond the usual, broken off or not.
    pub(crate) longest: Option<Span>,
    /// Late or missing pictures, each as the time it was missed in.
    pub(crate) late: Vec<Span>,
    /// Share of pictures that are late or missing, 0 to 1.
    pub(crate) share: f64,
    share_max: f64,
}

/// A picture that differs from the one before by less is a repeat: mean over all blocks, levels.
const REPEAT_MEAN: f32 = 0.06;
/// And the block that changed fourth most, levels.
const REPEAT_TOP: f32 = 0.8;

impl Cadence {
    /// Looks at all pictures.
    pub(crate) fn of(pictures: &PictureEvidence, policy: &Policy) -> Self {
        let mut found = Self { share_max: policy.video.lag_share_max, ..Self::default() };
        let Some(tick) = pictures.period_s() else { return found };
        let fresh = fresh_times(pictures);
        let steps: Vec<f64> = fresh.windows(2).map(|pair| (pair[1] - pair[0]).seconds()).collect();
        if steps.is_empty() {
            return found;
        }
        let mut missing = 0.0;
        for (index, &step) in steps.iter().enumerate() {
            let from = index.saturating_sub(60);
            let around = &steps[from..(index + 61).min(steps.len())];
            let allowed = allowed_step(around, tick);
            if step <= allowed + 0.5 * tick {
                continue;
            }
            let span = Span::new(fresh[index], fresh[index + 1]);
            missing += (step - allowed) / tick;
            found.late.push(span);
            if found.longest.is_none_or(|longest| longest.seconds() < span.seconds()) {
                found.longest = Some(span);
            }
            if step + 1e-6 >= policy.video.lag_break_max_s {
                found.breaks.push(span);
            }
        }
        let total = (fresh[fresh.len() - 1] - fresh[0]).seconds() / tick;
        found.share = if total > 0.0 { missing / total } else { 0.0 };
        found
    }

    /// Breaks, and where late pictures are so dense that their share is above the policy's over
    /// 4 s, the stretch from the first to the last of them.
    pub(crate) fn lags(&self) -> Vec<Span> {
        let mut spans = self.breaks.clone();
        let window = MediaDuration::from_seconds(4.0);
        for (index, first) in self.late.iter().enumerate() {
            let dense: Vec<&Span> =
                self.late[index..].iter().take_while(|s| s.end <= first.start + window).collect();
            let lost: f64 = dense.iter().map(|span| span.seconds()).sum();
            if dense.len() >= 3 && lost > self.share_max.max(0.01) * 3.0 * window.seconds() {
                spans.extend(dense.last().map(|last| Span::new(first.start, last.end)));
            }
        }
        reprise_model::span::merged(spans)
    }
}

/// When pictures came that are no repeat of the one before.
fn fresh_times(pictures: &PictureEvidence) -> Vec<MediaTime> {
    let mut times: Vec<MediaTime> = Vec::with_capacity(pictures.samples.len());
    for (index, sample) in pictures.samples.iter().enumerate() {
        if index == 0 || !is_repeat(sample) {
            times.push(sample.time);
        }
    }
    times
}

fn is_repeat(sample: &PictureSample) -> bool {
    sample.change <= REPEAT_MEAN && sample.change_top <= REPEAT_TOP
}

/// The longest step that a regular cadence makes: the camera's period, up to the next tick of the
/// stream. `steps` are those around; repeats that are not regular are too few to move the mean.
fn allowed_step(steps: &[f64], tick: f64) -> f64 {
    let mut sorted = steps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let usual: Vec<f64> = sorted.iter().copied().filter(|&step| step <= 2.5 * median).collect();
    let mean = usual.iter().sum::<f64>() / usual.len().max(1) as f64;
    let ticks = (mean / tick - 0.1).ceil().max(1.0);
    ticks * tick
}
