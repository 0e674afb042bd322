//! Pauses, dropouts, clipping, noise and the comparison with the recording, on sound made here.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{RATE, as_clip, heard, near};
use reprise_checks::{Policy, align};
use reprise_model::Span;

/// From where on something is dubbed over, dB.
const DUBBED_DB: f64 = -6.0;

/// Something with the rhythm, the pitch and the levels of speech: `seconds` of syllables, with
/// silence during `pauses`, over room noise of `noise` (amplitude).
fn speech(seconds: f64, pauses: &[(f64, f64)], noise: f64) -> Vec<f32> {
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    };
    let mut phase = 0.0;
    (0..(seconds * f64::from(RATE)) as usize)
        .map(|n| {
            let t = n as f64 / f64::from(RATE);
            phase += (140.0 + 30.0 * (t * 2.3).sin() + 11.0 * (t * 0.71).sin()) / f64::from(RATE);
            let voice: f64 = (1..=12)
                .map(|k| {
                    let hertz = f64::from(k) * 140.0;
                    let colour =
                        1.0 / (1.0 + ((hertz - 600.0 - 300.0 * (t * 5.1).sin()) / 300.0).powi(2));
                    (colour + 0.1) * (std::f64::consts::TAU * f64::from(k) * phase).sin()
                })
                .sum();
            let syllable = (t * 4.3 * std::f64::consts::PI).sin().abs().powf(0.6);
            let quiet = pauses.iter().any(|&(from, to)| (from..to).contains(&t));
            let loud = if quiet { 0.0 } else { 0.12 * syllable };
            (loud * voice + noise * random()) as f32
        })
        .collect()
}

#[test]
fn sentence_gaps_are_found_over_noise_and_over_soft_music() {
    let gaps = [(2.0, 2.4), (4.5, 5.1), (7.0, 7.4)];
    let clean = speech(10.0, &gaps, 0.003);
    let music: Vec<f32> = clean
        .iter()
        .enumerate()
        .map(|(n, x)| {
            let t = n as f32 / RATE as f32;
            let chord =
                [220.0, 277.2, 329.6].map(|hertz: f32| (t * hertz * std::f32::consts::TAU).sin());
            x + 0.008 * chord.iter().sum::<f32>() * (1.0 + 0.3 * (t * 6.0).sin())
        })
        .collect();
    for (name, sound) in [("noise", clean), ("music", music)] {
        let pauses = heard(&sound).pauses();
        for (from, to) in gaps {
            let found = pauses.iter().find(|pause| {
                (pause.span.start.seconds() - from).abs() < 0.12
                    && (pause.span.end.seconds() - to).abs() < 0.12
            });
            let pause = found.unwrap_or_else(|| panic!("{name}: no pause at {from}: {pauses:?}"));
            assert!(
                pause.span.contains(pause.quietest) && pause.depth_db > 6.0,
                "{name}: {pause:?}"
            );
        }
        let long = pauses.iter().filter(|pause| pause.span.seconds() > 0.25).count();
        assert_eq!(long, gaps.len(), "{name}: {pauses:?}");
    }
}

#[test]
fn a_mute_is_a_dropout_and_a_quiet_pause_is_not() {
    // The room's noise is at -76 dBFS in the pause.
    let mut sound = speech(8.0, &[(2.0, 3.0)], 0.000_25);
    assert_eq!(heard(&sound).dropouts(&Policy::default()), []);
    sound[5 * RATE as usize..RATE as usize * 11 / 2].fill(0.0);
    let found = heard(&sound).dropouts(&Policy::default());
    assert!(near(&found, (5.0, 5.5), 0.02), "{found:?}");
}

#[test]
fn clipping_is_counted_and_loudness_is_not_clipping() {
    let policy = Policy::default();
    let plain = speech(6.0, &[], 0.001);
    let loud: Vec<f32> = {
        let peak = plain.iter().fold(0f32, |peak, x| peak.max(x.abs()));
        plain.iter().map(|x| x / peak * 0.98).collect()
    };
    let clipped: Vec<f32> = loud.iter().map(|x| (x * 2.5).clamp(-1.0, 1.0)).collect();
    assert!(heard(&loud).sound.clipped_share() < policy.audio.clipped_share_max);
    let evidence = heard(&clipped);
    assert!(evidence.sound.clipped_share() > 5.0 * policy.audio.clipped_share_max);
    assert!(!evidence.clipped().is_empty());
}

#[test]
fn speech_to_noise_is_what_was_mixed() {
    let gaps = [(1.5, 2.1), (4.0, 4.8), (7.0, 7.6)];
    let power =
        |sound: &[f32]| sound.iter().map(|x| f64::from(x * x)).sum::<f64>() / sound.len() as f64;
    let quiet = power(&speech(10.0, &gaps, 0.0));
    for wanted_db in [5.0, 15.0, 25.0] {
        // Uniform noise of amplitude a has the power a * a / 3.
        let noise = (3.0 * quiet / 10f64.powf(wanted_db / 10.0)).sqrt();
        let found = heard(&speech(10.0, &gaps, noise)).speech_to_noise().unwrap();
        assert!((found.ratio_db - wanted_db).abs() < 3.0, "{wanted_db}: {found:?}");
        assert!(!found.tonal);
    }
}

#[test]
fn noise_and_hum_are_no_speech() {
    assert!(heard(&speech(6.0, &[(0.0, 6.0)], 0.1)).speech_to_noise().is_none());
    assert!(heard(&vec![0.0; 6 * RATE as usize]).speech_to_noise().is_none());
}

#[test]
fn the_recordings_sound_is_told_from_others() {
    let recording = heard(&speech(20.0, &[(6.0, 6.5), (11.0, 11.4)], 0.002));
    let other = speech(25.0, &[], 0.002);
    let span = Span::from_seconds(4.0, 16.0);
    let whole = speech(20.0, &[(6.0, 6.5), (11.0, 11.4)], 0.002);
    let cut = |from: usize| whole[from..from + 12 * RATE as usize].to_vec();
    let held =
        |sound: &[f32]| align(&heard(sound).sound, &recording.sound, span, DUBBED_DB).unwrap();

    let same = held(&cut(4 * RATE as usize));
    assert_eq!((same.missing_ms, same.replaced_ms, same.added_ms), (0.0, 0.0, 0.0), "{same:?}");
    assert!(same.offset_ms.abs() < 1.0 && same.original_share > 0.99, "{same:?}");

    let shifted = held(&cut(4 * RATE as usize - RATE as usize / 10));
    assert!((shifted.offset_ms - 100.0).abs() < 1.0, "{shifted:?}");

    let mut dubbed = cut(4 * RATE as usize);
    let at = 2 * RATE as usize;
    dubbed[at..at + RATE as usize].copy_from_slice(&other[20 * RATE as usize..21 * RATE as usize]);
    let dubbed = held(&dubbed);
    assert!(dubbed.replaced_ms + dubbed.missing_ms > 250.0, "{dubbed:?}");

    // A clip cut out of the evidence of a window is the window's own sound.
    let own = as_clip(&recording, span);
    let own = align(&own.sound, &recording.sound, span, DUBBED_DB).unwrap();
    assert!(own.offset_ms.abs() < 1.0 && own.replaced_ms + own.missing_ms == 0.0, "{own:?}");
}

#[test]
fn evidence_is_small_and_comes_back_from_json() {
    let evidence = heard(&speech(70.0, &[(3.0, 3.5)], 0.002));
    let text = serde_json::to_string(&evidence).unwrap();
    assert!(text.len() < 4_000_000, "{} bytes", text.len());
    let back: reprise_checks::Evidence = serde_json::from_str(&text).unwrap();
    assert_eq!(back.sound.waveform, evidence.sound.waveform);
    assert_eq!(back.pauses().len(), evidence.pauses().len());
}
