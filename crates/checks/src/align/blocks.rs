//! Two sounds that lie over each other, compared block by block.

use reprise_model::{MediaDuration, MediaTime, Span};

use super::{QUIETEST_DB, RATE, SILENT};
use crate::resample::dot;

/// Samples of a block (50 ms), and of the step between blocks (25 ms).
const BLOCK: usize = 200;
const STEP: usize = 100;
/// Taps of the filter from the recording to the clip (6 ms): an equaliser's and parts of a sample.
const TAPS: usize = 25;
/// Shortest run of blocks that is reported, milliseconds.
const RUN_MIN_MS: f64 = 100.0;
/// Half of the neighbourhood whose blocks share a gain, blocks (2 s).
const AROUND: usize = 80;
/// Blocks over which what was added must be loud to be dubbed over (1 s).
const DUBBED: usize = 40;
/// A block is of the recording's sound from this likeness (cosine of both waveforms).
const LIKE: f32 = 0.6;

/// What a block turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing to compare.
    Silent,
    /// The recording's.
    Original,
    /// Silent, and should not be.
    Missing,
    /// Something else.
    Replaced,
    /// The recording's, with something over it.
    Added,
    /// So much quieter than what is mixed in or than coding noise that nothing can be said.
    Masked,
}

/// Figures of a block: mean energies and inner product.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    clip: f32,
    source: f32,
    both: f32,
}

/// What all blocks turned out to be.
#[derive(Debug)]
pub(super) struct Compared {
    kinds: Vec<Kind>,
    /// Energy that the clip has beyond the recording's sound, and that of the recording's sound as
    /// it should be, by block.
    beyond: Vec<f32>,
    expected: Vec<f32>,
    /// Mean energy of the recording's sound where it is active.
    active: f32,
    pub(super) gain_db: f64,
    pub(super) added_db: f64,
}

impl Compared {
    /// Compares `clip` with `source`, sample by sample.
    pub(super) fn of(clip: &[f32], source: &[f32]) -> Self {
        let (filter, gain) = filter(clip, source);
        let source = filtered(source, &filter);
        let figures: Vec<Figures> = (0..=clip.len().saturating_sub(BLOCK))
            .step_by(STEP)
            .map(|from| {
                let (a, b) = (&clip[from..from + BLOCK], &source[from..from + BLOCK]);
                let mean = |sum: f32| sum / BLOCK as f32;
                Figures { clip: mean(dot(a, a)), source: mean(dot(b, b)), both: mean(dot(a, b)) }
            })
            .collect();
        let gains = gains(&figures);
        let expected: Vec<f32> =
            figures.iter().zip(&gains).map(|(f, g)| g * g * f.source).collect();
        let beyond: Vec<f32> = figures
            .iter()
            .zip(&gains)
            .map(|(f, g)| (f.clip - 2.0 * g * f.both + g * g * f.source).max(0.0))
            .collect();
        let active = active(&expected);
        // What lies under all of it: coding noise or a bed. Never so loud as to hide the sound.
        let ground = percentile(&beyond, 0.75).min(active * 0.125);
        let mut kinds: Vec<Kind> = figures
            .iter()
            .zip(&gains)
            .map(|(block, &gain)| judge(block, gain, ground, active * 0.25))
            .collect();
        find_beneath(&figures, &gains, &mut kinds);
        let of_original = |kind: &Kind| !matches!(kind, Kind::Missing | Kind::Replaced);
        let (sum, count) = kinds
            .iter()
            .zip(&beyond)
            .filter(|(kind, _)| of_original(kind))
            .fold((0f64, 0u32), |(sum, count), (_, &energy)| (sum + f64::from(energy), count + 1));
        let added = sum / f64::from(count.max(1)) / f64::from(active.max(1e-12));
        Self {
            kinds,
            beyond,
            expected,
            active,
            gain_db: gain,
            added_db: (10.0 * added.max(1e-12).log10()).max(QUIETEST_DB),
        }
    }

    /// Share of the blocks that can be judged which are the recording's, 0 to 1.
    pub(super) fn original_share(&self) -> f64 {
        let count = |wanted: &[Kind]| self.kinds.iter().filter(|k| wanted.contains(k)).count();
        let kept = count(&[Kind::Original, Kind::Added]);
        let lost = count(&[Kind::Missing, Kind::Replaced]);
        if kept + lost == 0 { 1.0 } else { kept as f64 / (kept + lost) as f64 }
    }

    /// Runs of blocks of a kind, on the clip's time line.
    pub(super) fn runs(&self, kind: Kind, start: MediaTime) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut from = None;
        for index in 0..=self.kinds.len() {
            match (self.kinds.get(index) == Some(&kind), from) {
                (true, None) => from = Some(index),
                (false, Some(first)) => {
                    from = None;
                    let span = span(first, index - 1, start);
                    if span.seconds() * 1000.0 >= RUN_MIN_MS {
                        spans.push(span);
                    }
                }
                _ => {}
            }
        }
        spans
    }

    /// Where, for a second, what the clip has beyond the recording's sound comes to `from_db`
    /// against that sound.
    pub(super) fn dubbed(&self, from_db: f64, start: MediaTime) -> Vec<Span> {
        let limit = 10f32.powf(from_db as f32 / 10.0);
        let length = DUBBED.min(self.beyond.len());
        if length == 0 || self.active <= SILENT {
            return Vec::new();
        }
        let mean = |values: &[f32]| values.iter().sum::<f32>() / length as f32;
        let spans = (0..=self.beyond.len() - length)
            .filter(|&from| {
                let within = from..from + length;
                let against = self.active.max(mean(&self.expected[within.clone()]));
                mean(&self.beyond[within]) > limit * against
            })
            .map(|from| span(from, from + length - 1, start))
            .collect();
        reprise_model::span::merged(spans)
    }
}

fn span(first: usize, last: usize, start: MediaTime) -> Span {
    let at = |samples: usize| start + MediaDuration::from_seconds(samples as f64 / RATE);
    Span::new(at(first * STEP), at(last * STEP + BLOCK))
}

/// `ground` is the energy under all of it, `bed_max` what a bed may come to for a moment.
fn judge(block: &Figures, gain: f32, ground: f32, bed_max: f32) -> Kind {
    let expected = gain * gain * block.source;
    if expected < SILENT && block.clip < 4.0 * SILENT {
        return Kind::Silent;
    }
    if expected >= SILENT && block.clip < 0.01 * expected {
        return Kind::Missing;
    }
    let likeness = block.both / (block.clip * block.source).sqrt().max(1e-12);
    if likeness >= LIKE {
        return Kind::Original;
    }
    // Far below what is heard elsewhere, coding alone decides the waveform.
    if block.clip < 8.0 * SILENT && expected < 8.0 * SILENT {
        return Kind::Silent;
    }
    let beyond = block.clip - 2.0 * gain * block.both + expected;
    let hidden = expected < ground && block.clip < 6.0 * ground;
    let under_a_bed = expected < 0.5 * beyond && beyond < bed_max;
    // Under what is 10 dB louder nothing can be told; whether that may be there is another question.
    if hidden || under_a_bed || expected < 0.1 * beyond {
        return Kind::Masked;
    }
    let part = block.both / block.source.max(1e-12) / gain.max(1e-6);
    if (0.7..1.4).contains(&part) && likeness >= 0.25 {
        return Kind::Added;
    }
    Kind::Replaced
}

/// Tells what was laid over from what was replaced: in a run of blocks that do not follow the
/// recording, its sound may still be there at the common gain under something louder. Single
/// blocks are too short to say; together they are.
fn find_beneath(figures: &[Figures], gains: &[f32], kinds: &mut [Kind]) {
    let odd = |kind: Kind| matches!(kind, Kind::Replaced | Kind::Added | Kind::Masked);
    let mut from = 0;
    while from < kinds.len() {
        let to = (from..kinds.len()).find(|&at| !odd(kinds[at])).unwrap_or(kinds.len());
        if to > from && kinds[from..to].contains(&Kind::Replaced) {
            let sum = |of: fn(&Figures) -> f32| figures[from..to].iter().map(of).sum::<f32>();
            let (clip, source, both) = (sum(|f| f.clip), sum(|f| f.source), sum(|f| f.both));
            let gain = gains[(from + to) / 2];
            let part = both / (source * gain).max(1e-12);
            // Standard error of `part` where both are unlike; half of the blocks overlap.
            let samples = ((to - from + 1) * STEP) as f32;
            let error = (clip / (source * gain * gain * samples).max(1e-12)).sqrt();
            if (0.6..1.5).contains(&part) && part > 4.0 * error {
                kinds[from..to].fill(Kind::Added);
            }
        }
        from = to + 1;
    }
}

/// The gain of each block: what the blocks around it share that follow the recording, or all do.
fn gains(figures: &[Figures]) -> Vec<f32> {
    let gain_of = |block: &Figures| {
        let follows = block.both > 0.7 * (block.clip * block.source).sqrt();
        (block.source > 4.0 * SILENT && follows).then(|| block.both / block.source)
    };
    let all: Vec<Option<f32>> = figures.iter().map(gain_of).collect();
    let median = |from: usize, to: usize| {
        let mut gains: Vec<f32> = all[from..to].iter().flatten().copied().collect();
        gains.sort_by(f32::total_cmp);
        (gains.len() >= 8.min(all.len())).then(|| gains[gains.len() / 2])
    };
    let common = median(0, all.len()).unwrap_or(1.0);
    let mut gains = Vec::with_capacity(all.len());
    for centre in (0..all.len()).step_by(10) {
        let local = median(centre.saturating_sub(AROUND), (centre + AROUND).min(all.len()));
        // A ramp is gentle; what is far off the common gain is chance.
        let local = local.unwrap_or(common).clamp(common / 4.0, common * 4.0);
        gains.resize((centre + 10).min(all.len()), local);
    }
    gains
}

/// Mean energy of the blocks that are not pauses: those within 20 dB of the mean.
fn active(energies: &[f32]) -> f32 {
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
    let all = mean(energies);
    let loud: Vec<f32> = energies.iter().copied().filter(|&energy| energy >= 0.01 * all).collect();
    mean(&loud)
}

fn percentile(values: &[f32], share: f64) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let rank = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(rank).copied().unwrap_or(0.0)
}

/// The filter of [`TAPS`] taps that brings `source` nearest to `clip` in the least squares
/// (Wiener), and its gain in dB.
fn filter(clip: &[f32], source: &[f32]) -> (Vec<f32>, f64) {
    let half = TAPS / 2;
    let count = clip.len().min(source.len());
    let shifted = |a: &[f32], b: &[f32], by: usize| {
        f64::from(dot(&a[by.min(count)..count], &b[..count.saturating_sub(by)]))
    };
    let mut auto: Vec<f64> = (0..TAPS).map(|lag| shifted(source, source, lag)).collect();
    // Keeps the solution tame where the recording has nothing: at -40 dB.
    auto[0] = auto[0] * 1.0001 + 1e-9;
    let cross: Vec<f64> = (0..TAPS)
        .map(|tap| match tap.checked_sub(half) {
            Some(late) => shifted(clip, source, late),
            None => shifted(source, clip, half - tap),
        })
        .collect();
    let taps = levinson(&auto, &cross);
    // Energy of the filtered source against the source's.
    let mut energy = 0.0;
    for (i, a) in taps.iter().enumerate() {
        for (j, b) in taps.iter().enumerate() {
            energy += a * b * auto[i.abs_diff(j)];
        }
    }
    let gain_db = 10.0 * (energy / auto[0]).max(1e-12).log10();
    (taps.iter().map(|&tap| tap as f32).collect(), gain_db)
}

/// Solves the Toeplitz system of `auto` for `cross` (Levinson's recursion).
fn levinson(auto: &[f64], cross: &[f64]) -> Vec<f64> {
    let size = cross.len();
    let (mut forward, mut solution) = (vec![0.0; size], vec![0.0; size]);
    forward[0] = 1.0 / auto[0];
    solution[0] = cross[0] / auto[0];
    for n in 1..size {
        let error: f64 = (0..n).map(|i| auto[n - i] * forward[i]).sum();
        let scale = 1.0 / (1.0 - error * error);
        let before = forward.clone();
        for i in 0..=n {
            let mirrored = if i == 0 { 0.0 } else { before[n - i] };
            let same = if i == n { 0.0 } else { before[i] };
            forward[i] = scale * (same - error * mirrored);
        }
        let wrong: f64 = (0..n).map(|i| auto[n - i] * solution[i]).sum();
        for i in 0..=n {
            solution[i] += (cross[n] - wrong) * forward[n - i];
        }
    }
    solution
}

fn filtered(source: &[f32], taps: &[f32]) -> Vec<f32> {
    let half = taps.len() / 2;
    let mut padded = vec![0f32; half];
    padded.extend_from_slice(source);
    padded.resize(padded.len() + half, 0.0);
    let backwards: Vec<f32> = taps.iter().rev().copied().collect();
    padded.windows(taps.len()).map(|window| dot(&backwards, window)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_found_again() {
        let mut seed = 3u64;
        let source: Vec<f32> = (0..20_000)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) as f32 / (1u64 << 30) as f32 - 1.0
            })
            .collect();
        let mut truth = vec![0f32; TAPS];
        (truth[11], truth[12], truth[15]) = (0.3, 0.5, -0.2);
        let clip = filtered(&source, &truth);
        let (found, gain_db) = filter(&clip, &source);
        for (got, want) in found.iter().zip(&truth) {
            assert!((got - want).abs() < 0.01, "{found:?}");
        }
        assert!((gain_db - 10.0 * 0.38f64.log10()).abs() < 0.1, "{gain_db}");
        let compared = Compared::of(&clip, &source);
        assert!(compared.added_db < -30.0 && compared.original_share() > 0.99);
    }
}
