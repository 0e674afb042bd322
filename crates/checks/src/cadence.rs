//! The picture cadence: late, missing and irregularly repeated pictures, told from a camera that
//! is slower than the stream and repeats regularly, and from a scene in which nothing moves.

use reprise_model::{MediaDuration, Span};

use crate::picture::{PictureEvidence, PictureSample};
use crate::policy::Policy;

/// What was found of the cadence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cadence {
    /// Breaks of at least the policy's length.
    pub(crate) breaks: Vec<Span>,
    /// The longest time without a new picture beyond the usual.
    pub(crate) longest: Option<Span>,
    /// Late or missing pictures, each as the time it was missed in.
    pub(crate) late: Vec<Span>,
    /// Share of pictures that are late or missing, 0 to 1.
    pub(crate) share: f64,
    share_max: f64,
}

/// A picture that differs from the one before by less is a repeat: mean over all blocks, levels,
/// and the block that changed fourth most. Repeats measure 0.00 to 0.05 and 0 to 1.7 after coding,
/// new pictures of a host who talks 0.05 to 3 and above 4.
const REPEAT_MEAN: f32 = 0.06;
const REPEAT_TOP: f32 = 1.75;
/// Coding makes a repeat better bit by bit: it may differ by so much, where that is little against
/// what new pictures around differ by.
const REPEAT_TOP_MAX: f32 = 2.5;
const REPEAT_TO_USUAL: f32 = 0.2;
/// What comes after a missed picture must differ by as much as new pictures around do (times this),
/// or nothing moved, and nothing was missed.
const JUMP_TO_USUAL: f32 = 0.7;
/// And by at least this, levels.
const JUMP_MIN: f32 = 0.2;
/// Steps looked at on each side for what is usual (2 s at 30 pictures a second).
const AROUND: usize = 60;
/// How unevenly repeats may be spaced to be a camera's (coefficient of variation): those of a slow
/// camera are below 0.3, random ones near 1.
const UNEVEN_MAX: f64 = 0.75;

/// From one new picture to the next.
#[derive(Clone, Copy, Debug)]
struct Step {
    span: Span,
    seconds: f64,
    /// Change of the picture at its end, levels.
    jump: f32,
    /// Longest distance of two pictures inside, repeats counted, seconds.
    gap_s: f64,
    black: bool,
}

impl Cadence {
    /// Looks at all pictures.
    pub(crate) fn of(pictures: &PictureEvidence, policy: &Policy) -> Self {
        let mut found = Self { share_max: policy.video.lag_share_max, ..Self::default() };
        let Some(tick) = pictures.period_s() else { return found };
        let steps = steps(&pictures.samples, policy.video.black_share_min as f32);
        let mut missing = 0.0;
        for (index, step) in steps.iter().enumerate() {
            let from = index.saturating_sub(AROUND);
            let around = &steps[from..(index + AROUND + 1).min(steps.len())];
            let (allowed, usual) = (allowed_step(around, tick), usual_change(around));
            let torn = step.gap_s + 1e-6 >= policy.video.lag_break_max_s;
            let jumps = step.jump >= (JUMP_TO_USUAL * usual).max(JUMP_MIN);
            if step.seconds <= allowed + 0.5 * tick || step.black || !(torn || jumps) {
                continue;
            }
            missing += (step.seconds - allowed) / tick;
            found.late.push(step.span);
            if found.longest.is_none_or(|longest| longest.seconds() < step.seconds) {
                found.longest = Some(step.span);
            }
            if step.seconds + 1e-6 >= policy.video.lag_break_max_s {
                found.breaks.push(step.span);
            }
        }
        let total: f64 = steps.iter().map(|step| step.seconds).sum();
        found.share = if total > 0.0 { missing * tick / total } else { 0.0 };
        found
    }

    /// Breaks, and where more than 15 % of 4 s go without new pictures (at the policy's 5 % of the
    /// whole), the stretch from the first to the last of them.
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

fn steps(samples: &[PictureSample], black_from: f32) -> Vec<Step> {
    let Some(first) = samples.first() else { return Vec::new() };
    let mut steps = Vec::with_capacity(samples.len());
    let (mut start, mut before, mut gap_s) = (first, first, 0f64);
    let usual = usual_tops(samples);
    for (index, sample) in samples.iter().enumerate().skip(1) {
        gap_s = gap_s.max((sample.time - before.time).seconds());
        before = sample;
        let same = sample.change <= REPEAT_MEAN && sample.change_top <= REPEAT_TOP;
        let small =
            sample.change_top <= REPEAT_TOP_MAX.min(REPEAT_TO_USUAL * usual[index / AROUND]);
        if same || small {
            continue;
        }
        let span = Span::new(start.time, sample.time);
        steps.push(Step {
            span,
            seconds: span.seconds(),
            jump: sample.change,
            gap_s,
            black: start.dark >= black_from,
        });
        (start, gap_s) = (sample, 0.0);
    }
    steps
}

/// How far pictures that are new move the block that changes fourth most, in each 60 pictures and
/// those beside them, levels: three in four of the changes that are no exact repeats.
fn usual_tops(samples: &[PictureSample]) -> Vec<f32> {
    let mut sorted: Vec<f32> = Vec::with_capacity(3 * AROUND);
    (0..samples.len().div_ceil(AROUND))
        .map(|part| {
            let from = (part * AROUND).saturating_sub(AROUND);
            let around = &samples[from..((part + 2) * AROUND).min(samples.len())];
            sorted.clear();
            sorted.extend(around.iter().map(|s| s.change_top).filter(|&top| top > REPEAT_TOP));
            sorted.sort_by(f32::total_cmp);
            sorted.get(sorted.len() / 4).copied().unwrap_or(0.0)
        })
        .collect()
}

/// The longest step that a regular cadence makes: the camera's period, up to the next tick of the
/// stream, where repeats are evenly spaced; one tick otherwise.
fn allowed_step(steps: &[Step], tick: f64) -> f64 {
    let mut sorted: Vec<f64> = steps.iter().map(|step| step.seconds).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(&median) = sorted.get(sorted.len() / 2) else { return tick };
    let usual: Vec<f64> = sorted.iter().copied().filter(|&step| step <= 2.5 * median).collect();
    let mean = usual.iter().sum::<f64>() / usual.len().max(1) as f64;
    let ticks = (mean / tick - 0.03).ceil().max(1.0);
    // A slow camera in a stream that was fitted into a faster one: still evenly spaced.
    let beyond = |step: &Step| step.seconds > (ticks + 0.5) * tick && step.seconds <= 2.5 * median;
    if steps.iter().filter(|step| beyond(step)).count() * 20 >= steps.len().max(100)
        && uneven(steps, beyond) <= UNEVEN_MAX
    {
        let seconds = steps.iter().filter(|step| beyond(step)).map(|step| step.seconds);
        return (seconds.fold(0.0, f64::max) / tick).round() * tick;
    }
    let longer = |step: &Step| step.seconds > (ticks - 0.5) * tick;
    if ticks >= 2.0 && mean < (ticks - 0.03) * tick && uneven(steps, longer) > UNEVEN_MAX {
        return (ticks - 1.0) * tick;
    }
    ticks * tick
}

/// Coefficient of variation of the distances between the steps that are `longer`.
fn uneven(steps: &[Step], longer: impl Fn(&Step) -> bool) -> f64 {
    let places: Vec<usize> = (0..steps.len()).filter(|&index| longer(&steps[index])).collect();
    let gaps: Vec<f64> = places.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    if gaps.len() < 3 {
        return 0.0;
    }
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    variance.sqrt() / mean
}

/// Median change of the new pictures, levels.
fn usual_change(steps: &[Step]) -> f32 {
    let mut changes: Vec<f32> = steps.iter().map(|step| step.jump).collect();
    changes.sort_by(f32::total_cmp);
    changes.get(changes.len() / 2).copied().unwrap_or(0.0)
}
