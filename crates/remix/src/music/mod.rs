//! Music of our own: scores of `pipelines/remix/music/*.toml`, played by a small synthesiser, as long
//! as a clip, in whole bars.

mod score;
mod synth;

pub use score::Score;

/// Seconds of the last bar line's ringing out at most.
const RING_S: f64 = 1.6;

/// A stereo piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Left and right.
    pub channels: [Vec<f32>; 2],
}

/// Plays a score for so many samples at `rate` hertz: its bars over and over, the last one whole, and then one chord
/// that rings out into what is left.
pub fn play(score: &Score, samples: usize, rate: u32) -> Piece {
    let bar = score.bar_s();
    let length_s = samples as f64 / f64::from(rate);
    // What is left after the last whole bar is for the last chord; it needs some time to ring.
    let bars = ((length_s - 0.6) / bar).floor().max(0.0) as usize;
    let end = (bars as f64 * bar * f64::from(rate)) as usize;
    let round = synth::round(score, rate);
    let mut channels = [vec![0.0f32; samples], vec![0.0f32; samples]];
    for (channel, round) in channels.iter_mut().zip(&round.channels) {
        if round.is_empty() {
            continue;
        }
        for (index, value) in channel.iter_mut().enumerate().take(end) {
            *value = round[index % round.len()];
        }
        // What the last bar's tones still ring is cut softly.
        fade_out(&mut channel[..end], (0.02 * f64::from(rate)) as usize);
    }
    let ring = synth::last_chord(
        score,
        bars,
        rate,
        (samples - end.min(samples)).min((RING_S * f64::from(rate)) as usize),
    );
    for (channel, ring) in channels.iter_mut().zip(&ring.channels) {
        for (value, ring) in channel[end..].iter_mut().zip(ring) {
            *value += ring;
        }
    }
    Piece { channels }
}

fn fade_out(samples: &mut [f32], count: usize) {
    let count = count.min(samples.len());
    let start = samples.len() - count;
    for (index, value) in samples[start..].iter_mut().enumerate() {
        *value *= 1.0 - index as f32 / count as f32;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    fn energy(samples: &[f32]) -> f64 {
        samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>()
            / samples.len().max(1) as f64
    }

    #[test]
    fn every_score_plays_in_whole_bars_and_ends_with_a_chord() {
        for name in Score::names() {
            let score = Score::built_in(name).unwrap();
            let samples = (23.7 * f64::from(RATE)) as usize;
            let piece = play(&score, samples, RATE);
            assert!(piece.channels.iter().all(|channel| channel.len() == samples));
            let all: Vec<f32> = piece.channels.concat();
            assert!(all.iter().all(|value| value.is_finite() && value.abs() <= 4.0), "{name}");
            let second = RATE as usize;
            for at in 0..23 {
                let loud = energy(&piece.channels[0][at * second..(at + 1) * second]);
                assert!(loud > 1e-6, "{name} is silent at {at} s");
            }
            // It has rung out.
            let last = &piece.channels[0][samples - 480..];
            assert!(energy(last) < energy(&piece.channels[0]) * 0.05, "{name} is cut off");
        }
    }

    #[test]
    fn the_second_round_is_the_first_again() {
        let score = Score::built_in("bright-pop").unwrap();
        let round = (score.bar_s() * score.chords.len() as f64 * f64::from(RATE)) as usize;
        let piece = play(&score, round * 2 + RATE as usize, RATE);
        let left = &piece.channels[0];
        assert!(
            (1000..round - 2000).step_by(997).all(|i| (left[i] - left[i + round]).abs() < 1e-6)
        );
    }

    #[test]
    fn a_clip_shorter_than_a_bar_gets_a_chord() {
        let score = Score::built_in("bright-pop").unwrap();
        let piece = play(&score, RATE as usize, RATE);
        assert!(energy(&piece.channels[0]) > 1e-6);
    }
}
