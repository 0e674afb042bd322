//! The sound of a remix: the LIVE's own, music below it that makes way for speech, brought to level.
//!
//! Loudness as ITU-R BS.1770-4 says (through `ebur128`). The LIVE's own sound is never cut or moved:
//! it gets one gain over its whole length, and a limiter where peaks would clip.

use ebur128::{EbuR128, Mode};
use reprise_media::Sound;
use reprise_model::remix::MixLoudness;
use reprise_model::{Error, Kind, Result};

use crate::limiter::{self, CEILING_DB};
use crate::music::Piece;

/// Samples of a block that loudness is looked at in, a second's share.
const BLOCKS: usize = 10;
/// Loudness below which there is nothing, LUFS (the absolute gate of BS.1770).
const SILENT: f64 = -70.0;
/// Loudness of the music where the LIVE has no sound, LUFS.
const ALONE: f64 = -16.0;
/// Breaks in speech that the music does not come up in, blocks.
const BREAK: usize = 7;
/// How early the music goes down and how late it comes up again, blocks.
const AROUND: usize = 4;
/// Largest gain either way when the whole is brought to level, dB.
const GAIN_MAX_DB: f64 = 24.0;

/// How the music lies under the LIVE's own sound.
#[derive(Clone, Copy, Debug)]
pub struct Balance {
    /// Below speech, LU.
    pub below_speech_lu: f64,
    /// Below the usual loudness of speech, in pauses, LU.
    pub below_in_pauses_lu: f64,
    /// What the whole is brought to, LUFS.
    pub loudness_lufs: Option<f64>,
}

/// What was mixed.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Two channels.
    pub sound: Sound,
    /// How loud it is; absent where all is silent.
    pub loudness: Option<MixLoudness>,
}

/// Mixes the LIVE's own sound, if any, with music, if any. `spoken` says from when to when words are
/// known to be spoken, seconds. `None` where there is neither.
///
/// # Errors
/// `Bug` where the meter refuses the sound.
pub fn mix(
    live: Option<&Sound>,
    music: Option<&Piece>,
    spoken: &[(f64, f64)],
    balance: &Balance,
) -> Result<Option<Mix>> {
    let rate = live.map_or(48_000, |live| live.sample_rate);
    let own: Option<[Vec<f32>; 2]> = live.map(|live| {
        let of = |side: usize| live.channels.get(side.min(live.channels.len().saturating_sub(1)));
        [0, 1].map(|side| of(side).cloned().unwrap_or_default())
    });
    let Some(samples) = own.as_ref().map(|own| own[0].len()).or(music.map(|m| m.channels[0].len()))
    else {
        return Ok(None);
    };
    let mut whole = own.clone().unwrap_or_else(|| [vec![0.0; samples], vec![0.0; samples]]);
    let speaking = match &own {
        Some(own) => activity(&momentary(own, rate)?, spoken),
        None => Vec::new(),
    };
    let mut under = None;
    if let Some(music) = music {
        let own_levels = own.as_ref().map(|own| momentary(own, rate)).transpose()?;
        let music_level = integrated(&music.channels, rate)?.unwrap_or(SILENT);
        let gains = gains(own_levels.as_deref(), &speaking, music_level, balance);
        let bed = [0, 1].map(|side| amplified(&music.channels[side], &gains, rate));
        for (whole, bed) in whole.iter_mut().zip(&bed) {
            for (value, bed) in whole.iter_mut().zip(bed) {
                *value += bed;
            }
        }
        under = Some(bed);
    }
    let gain_db = bring_to_level(&mut whole, rate, balance.loudness_lufs)?;
    let loudness = match integrated(&whole, rate)? {
        None => None,
        Some(integrated_lufs) => {
            let during = |of: &[Vec<f32>; 2]| -> Result<Option<f64>> {
                let level = while_speaking(of, rate, &speaking)?;
                Ok(level.map(|level| level + gain_db))
            };
            Some(MixLoudness {
                integrated_lufs,
                true_peak_dbtp: limiter::true_peak_db(&whole),
                speech_lufs: own.as_ref().map(during).transpose()?.flatten(),
                music_lufs: under.as_ref().map(during).transpose()?.flatten(),
            })
        }
    };
    let sound = Sound { sample_rate: rate, channels: whole.to_vec() };
    Ok(Some(Mix { sound, loudness }))
}

/// Gain of the music for each block, dB.
fn gains(own: Option<&[f64]>, speaking: &[bool], music: f64, balance: &Balance) -> Vec<f64> {
    let Some(own) = own else { return vec![ALONE - music] };
    let heard: Vec<f64> = own.iter().copied().filter(|&level| level > SILENT).collect();
    let speech: Vec<f64> =
        own.iter().zip(speaking).filter(|(_, is)| **is).map(|(level, _)| *level).collect();
    let usual = match (mean(&speech), mean(&heard)) {
        (Some(usual), _) | (None, Some(usual)) => usual,
        (None, None) => return vec![ALONE - music],
    };
    let target = |index: usize| {
        if !speaking.get(index).copied().unwrap_or(false) {
            return usual - balance.below_in_pauses_lu;
        }
        // Who speaks softly for a while is not covered: the level of three seconds around counts
        // where it is lower.
        let around = index.saturating_sub(15)..(index + 15).min(own.len());
        let near: Vec<f64> = around.filter(|&i| speaking[i]).map(|i| own[i]).collect();
        usual.min(mean(&near).unwrap_or(usual)) - balance.below_speech_lu
    };
    let wanted: Vec<f64> = (0..own.len()).map(target).collect();
    // Down before speech begins, up after it has ended, in a straight line.
    let low = |at: usize, reach: usize| {
        let around = at.saturating_sub(reach)..(at + reach + 1).min(wanted.len());
        wanted[around].iter().copied().fold(f64::INFINITY, f64::min)
    };
    let lowest: Vec<f64> = (0..wanted.len()).map(|at| low(at, AROUND)).collect();
    let smooth = |at: usize| {
        let around = at.saturating_sub(AROUND - 1)..(at + AROUND).min(lowest.len());
        let count = around.len() as f64;
        lowest[around].iter().sum::<f64>() / count - music
    };
    (0..lowest.len()).map(smooth).collect()
}

/// Whether someone speaks, block by block: where words are known, and where the sound stands out of
/// its own floor as speech does.
fn activity(levels: &[f64], spoken: &[(f64, f64)]) -> Vec<bool> {
    let mut sorted: Vec<f64> = levels.iter().copied().filter(|&level| level > SILENT).collect();
    sorted.sort_by(f64::total_cmp);
    let at =
        |share: f64| sorted.get((sorted.len().saturating_sub(1) as f64 * share) as usize).copied();
    let (floor, loud) = (at(0.1).unwrap_or(SILENT), at(0.9).unwrap_or(SILENT));
    // Where all is about equally loud (someone talks on without a pause), all counts.
    let from = if loud - floor < 8.0 {
        floor - 6.0
    } else {
        (floor + 0.35 * (loud - floor)).max(loud - 20.0)
    };
    let block = |index: usize| {
        let (start, end) = (index as f64 / BLOCKS as f64, (index + 1) as f64 / BLOCKS as f64);
        spoken.iter().any(|(from, until)| *from < end && *until > start)
    };
    let mut active: Vec<bool> = levels
        .iter()
        .enumerate()
        .map(|(index, &level)| (level > from && level > SILENT) || block(index))
        .collect();
    let mut last = None;
    for index in 0..active.len() {
        if active[index] {
            if let Some(last) = last.filter(|last| index - last <= BREAK) {
                active[last..index].fill(true);
            }
            last = Some(index);
        }
    }
    active
}

/// Mean of loudnesses, as energies.
fn mean(levels: &[f64]) -> Option<f64> {
    let sum: f64 = levels.iter().map(|level| 10f64.powf(level / 10.0)).sum();
    (!levels.is_empty()).then(|| 10.0 * (sum / levels.len() as f64).log10())
}

/// Loudness of 400 ms around each block, LUFS.
fn momentary(channels: &[Vec<f32>; 2], rate: u32) -> Result<Vec<f64>> {
    let block = rate as usize / BLOCKS;
    let mut meter = meter(rate, Mode::M)?;
    let mut levels = Vec::new();
    let [left, right] = channels;
    for (left, right) in left.chunks(block).zip(right.chunks(block)) {
        meter.add_frames_planar_f32(&[left, right]).map_err(refused)?;
        levels.push(meter.loudness_momentary().map_err(refused)?.max(SILENT));
    }
    // The window ends with its block; its middle is two blocks earlier.
    let count = levels.len();
    Ok((0..count).map(|at| levels[(at + 2).min(count - 1)]).collect())
}

fn integrated(channels: &[Vec<f32>; 2], rate: u32) -> Result<Option<f64>> {
    let mut meter = meter(rate, Mode::I)?;
    meter.add_frames_planar_f32(&[&channels[0], &channels[1]]).map_err(refused)?;
    let level = meter.loudness_global().map_err(refused)?;
    Ok(level.is_finite().then_some(level))
}

/// Loudness of the blocks in which someone speaks.
fn while_speaking(channels: &[Vec<f32>; 2], rate: u32, speaking: &[bool]) -> Result<Option<f64>> {
    let levels = momentary(channels, rate)?;
    let during: Vec<f64> =
        levels.iter().zip(speaking).filter(|(_, is)| **is).map(|(level, _)| *level).collect();
    Ok(mean(&during).filter(|level| *level > SILENT))
}

fn meter(rate: u32, mode: Mode) -> Result<EbuR128> {
    EbuR128::new(2, rate, mode).map_err(refused)
}

fn refused(error: ebur128::Error) -> Error {
    Error::new(Kind::Bug, "the sound cannot be measured").caused_by(error)
}

/// Amplifies by gains (dB) that stand in the middle of their blocks, straight lines between.
fn amplified(samples: &[f32], gains: &[f64], rate: u32) -> Vec<f32> {
    let block = f64::from(rate) / BLOCKS as f64;
    let gain = |index: usize| {
        let at = (index as f64 / block - 0.5).max(0.0);
        let first = (at as usize).min(gains.len().saturating_sub(1));
        let second = (first + 1).min(gains.len().saturating_sub(1));
        let (a, b) = (gains.get(first).copied(), gains.get(second).copied());
        a.zip(b).map_or(0.0, |(a, b)| a + (b - a) * at.fract())
    };
    // A power for every 32nd sample is enough for a line in dB.
    let mut factor = 0.0;
    let amplify = |(index, &sample): (usize, &f32)| {
        if index % 32 == 0 {
            factor = 10f64.powf(gain(index) / 20.0) as f32;
        }
        sample * factor
    };
    samples.iter().enumerate().map(amplify).collect()
}

/// Brings the whole to a loudness and below the ceiling; gives the gain, dB.
fn bring_to_level(whole: &mut [Vec<f32>; 2], rate: u32, target: Option<f64>) -> Result<f64> {
    let Some(now) = integrated(whole, rate)? else { return Ok(0.0) };
    let Some(target) = target else {
        limiter::limit(whole, rate, CEILING_DB);
        return Ok(0.0);
    };
    let mut gain_db = (target - now).clamp(-GAIN_MAX_DB, GAIN_MAX_DB);
    // What the limiter takes is given back, a few times.
    for _ in 0..4 {
        let factor = 10f64.powf(gain_db / 20.0) as f32;
        let mut tried = [0, 1]
            .map(|side| -> Vec<f32> { whole[side].iter().map(|sample| sample * factor).collect() });
        limiter::limit(&mut tried, rate, CEILING_DB);
        let off = target - integrated(&tried, rate)?.unwrap_or(target);
        if off.abs() < 0.2 || (gain_db + off).abs() > GAIN_MAX_DB {
            *whole = tried;
            return Ok(gain_db);
        }
        gain_db += off;
    }
    let factor = 10f64.powf(gain_db / 20.0) as f32;
    whole.iter_mut().flatten().for_each(|sample| *sample *= factor);
    limiter::limit(whole, rate, CEILING_DB);
    Ok(gain_db)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::music::{Score, play};

    const RATE: u32 = 48_000;
    const BALANCE: Balance =
        Balance { below_speech_lu: 16.0, below_in_pauses_lu: 8.0, loudness_lufs: Some(-14.0) };

    /// Like speech in its levels: two seconds of syllables, one of pause, over a low floor.
    fn talk(seconds: usize, level: f32) -> Sound {
        let sample = |index: usize| {
            let t = index as f64 / f64::from(RATE);
            let speaks = t % 3.0 < 2.0;
            let syllable = (t * TAU * 2.5).sin().max(0.0) as f32;
            let tone = (TAU * 220.0 * t).sin() + 0.5 * (TAU * 660.0 * t).sin();
            let hiss = (index as f64 * 12.9898).sin() as f32 * 0.0008;
            if speaks { tone as f32 * syllable * level + hiss } else { hiss }
        };
        let channel: Vec<f32> = (0..seconds * RATE as usize).map(sample).collect();
        Sound { sample_rate: RATE, channels: vec![channel] }
    }

    #[test]
    fn speech_stands_above_the_music_and_the_whole_is_at_its_level() {
        for name in Score::names() {
            for level in [0.04, 0.2, 0.6] {
                let live = talk(20, level);
                let music = play(&Score::built_in(name).unwrap(), 20 * RATE as usize, RATE);
                let mixed = mix(Some(&live), Some(&music), &[], &BALANCE).unwrap().unwrap();
                let loud = mixed.loudness.unwrap();
                assert!((loud.integrated_lufs + 14.0).abs() < 1.0, "{name} {level}: {loud:?}");
                assert!(loud.true_peak_dbtp <= -1.0, "{name} {level}: {loud:?}");
                let apart = loud.speech_lufs.unwrap() - loud.music_lufs.unwrap();
                assert!(apart >= 10.0, "{name} {level}: {apart}");
            }
        }
    }

    #[test]
    fn music_comes_up_in_pauses_and_is_down_before_speech() {
        let levels: Vec<f64> =
            (0..100).map(|i| if (30..60).contains(&i) { -20.0 } else { -60.0 }).collect();
        let speaking = activity(&levels, &[]);
        let gains = gains(Some(&levels), &speaking, -10.0, &BALANCE);
        assert!((gains[10] - (-20.0 - 8.0 + 10.0)).abs() < 1e-9, "{}", gains[10]);
        assert!(
            gains[29..61].iter().all(|gain| (gain - (-26.0)).abs() < 1e-9),
            "{:?}",
            &gains[20..70]
        );
        assert!(gains.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 2.0));
    }

    #[test]
    fn without_music_the_sound_keeps_its_shape() {
        let live = talk(9, 0.1);
        let plain = Balance { loudness_lufs: None, ..BALANCE };
        let mixed = mix(Some(&live), None, &[], &plain).unwrap().unwrap();
        assert_eq!(mixed.sound.channels[0], live.channels[0]);
        assert_eq!(mixed.sound.channels[1], live.channels[0]);
        assert!(mix(None, None, &[], &BALANCE).unwrap().is_none());
    }

    #[test]
    fn silence_stays_silence_and_music_alone_is_heard() {
        let silent = Sound { sample_rate: RATE, channels: vec![vec![0.0; 48_000 * 6]; 2] };
        let mixed = mix(Some(&silent), None, &[], &BALANCE).unwrap().unwrap();
        assert!(mixed.loudness.is_none() && mixed.sound.channels[0].iter().all(|&s| s == 0.0));
        let music = play(&Score::built_in("bright-pop").unwrap(), 48_000 * 6, RATE);
        for live in [Some(&silent), None] {
            let loud = mix(live, Some(&music), &[], &BALANCE).unwrap().unwrap().loudness.unwrap();
            assert!((loud.integrated_lufs + 14.0).abs() < 1.0);
        }
    }
}
