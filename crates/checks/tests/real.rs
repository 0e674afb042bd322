//! The checks on real footage and real speech: faults are found where they are, and nothing is
//! found where there is none. Skipped where the material beside the repository is absent.
#![allow(clippy::unwrap_used)]

mod common;

use common::{RATE, as_clip, heard, near, samples, seconds, seen, shared, through_aac};
use reprise_checks::{ClipFacts, Evidence, Phrases, Policy, SourceFacts, align, check, sync};
use reprise_model::{MediaTime, Outcome, RuleId, Span, Tier};

/// Basic rules that a clip fails.
fn failures(evidence: &Evidence, span: Span, recording: &Evidence) -> Vec<RuleId> {
    let facts = ClipFacts {
        width: 720,
        height: 1280,
        duration: span.duration(),
        fps: 30.0,
        has_audio: true,
        evidence,
        source: Some(SourceFacts {
            name: "live.flv",
            digest: "blake3:0",
            width: 720,
            height: 1280,
            span,
            evidence: Some(recording),
            has_audio: true,
        }),
        session: None,
        phrases: &Phrases::default(),
    };
    let verdicts = check(&facts, &Policy::default());
    let failed = verdicts
        .iter()
        .filter(|verdict| verdict.verdict == Outcome::Fail && verdict.tier == Tier::Basic);
    failed.map(|verdict| verdict.rule).collect()
}

/// From where on something is dubbed over, dB.
const DUBBED_DB: f64 = -6.0;

#[test]
fn the_faults_of_a_live_are_found_and_nothing_else() {
    let Some(path) = shared("lives/real-footage-10min/live.flv") else { return };
    let policy = Policy::default();
    let evidence = seen(&path, Some(Span::from_seconds(100.0, 240.0)));
    let freezes = evidence.freezes(&policy);
    assert!(near(&freezes, (148.0, 150.5), 0.1), "{freezes:?}");
    let blacks = evidence.blacks(&policy);
    assert!(near(&blacks, (224.0, 224.6), 0.04), "{blacks:?}");
    let dropouts = evidence.dropouts(&policy);
    assert!(near(&dropouts, (108.0, 110.0), 0.05), "{dropouts:?}");
    assert_eq!(evidence.lags(&policy), []);
    assert_eq!(evidence.clipped(), []);
    let span = Span::from_seconds(165.0, 180.0);
    let mut clip = as_clip(&evidence, span);
    let together = sync(&clip, &evidence, span).unwrap();
    assert!(together.holds() && together.apart_ms().abs() < 20.0, "{together:?}");
    clip.sound.start = clip.sound.start + seconds(0.2);
    let apart = sync(&clip, &evidence, span).unwrap();
    assert!(!apart.holds() && (apart.apart_ms() - 200.0).abs() < 20.0, "{apart:?}");
    for (span, rule) in [
        ((140.0, 160.0), RuleId::VideoFreeze),
        ((215.0, 235.0), RuleId::VideoBlack),
        ((102.0, 120.0), RuleId::AudioDropout),
    ] {
        let span = Span::from_seconds(span.0, span.1);
        assert_eq!(failures(&as_clip(&evidence, span), span, &evidence), [rule]);
    }
}

#[test]
fn clips_of_a_clean_live_pass() {
    let Some(path) = shared("lives/real-footage-clean/live.flv") else { return };
    let evidence = seen(&path, Some(Span::from_seconds(60.0, 280.0)));
    let mut from_s = 60.37;
    while from_s + 35.0 < 280.0 {
        let span = Span::from_seconds(from_s, from_s + 12.0 + from_s % 22.0);
        assert_eq!(failures(&as_clip(&evidence, span), span, &evidence), [], "{span:?}");
        from_s += 7.3;
    }
}

#[test]
fn people_and_things_filmed_by_others_pass() {
    let policy = Policy::default();
    for name in [
        "latentsync_demo1_vertical_1080x1920.mp4",
        "latentsync_demo2_vertical_1080x1920.mp4",
        "latentsync_demo3_vertical_1080x1920.mp4",
        "intel_asl_book.mkv",
        "sam2_04_coffee.mp4",
    ] {
        let Some(path) = shared(&format!("data/video/{name}")) else { return };
        let evidence = seen(&path, None);
        assert_eq!(evidence.freezes(&policy), [], "{name}");
        assert_eq!(evidence.blacks(&policy), [], "{name}");
        assert_eq!(evidence.lags(&policy), [], "{name}");
        assert_eq!(evidence.scene_cuts(), [], "{name}");
        assert_eq!(evidence.clipped(), [], "{name}");
    }
}

#[test]
fn a_screen_recording_stands_still_where_it_does() {
    let Some(path) = shared("data/video/screenrec_ios_60fps.mp4") else { return };
    let evidence = seen(&path, Some(Span::from_seconds(0.0, 10.0)));
    let freezes = evidence.freezes(&Policy::default());
    assert!(freezes.iter().any(|span| near(&[*span], (0.0, 2.2), 0.1)), "{freezes:?}");
}

#[test]
fn speech_to_noise_of_recordings() {
    let ratio = |name: &str| {
        let sound = samples(&shared(&format!("data/noise/{name}"))?, "anull")?;
        Some(heard(&sound).speech_to_noise())
    };
    let Some(noisy) = ratio("dfn_noisy_snr0.wav") else { return };
    let Some(clean) = ratio("dfn_clean_freesound_33711.wav") else { return };
    let (noisy, clean) = (noisy.unwrap().ratio_db, clean.unwrap().ratio_db);
    // Measured on the parts before they were mixed.
    assert!((noisy - 6.0).abs() <= 3.0, "{noisy} dB");
    assert!(clean >= noisy + 15.0, "{clean} dB, noisy {noisy} dB");
    assert_eq!(ratio("noisereduce_cafe.wav").unwrap(), None);
}

#[test]
fn clear_speech_is_clean_level_and_has_pauses() {
    for name in ["silero_en_60s.wav", "silero_es_60s.wav"] {
        let Some(path) = shared(&format!("data/speech/{name}")) else { return };
        let Some(sound) = samples(&path, "anull") else { return };
        let evidence = heard(&sound);
        let found = evidence.speech_to_noise().unwrap();
        assert!(found.ratio_db > 15.0, "{name}: {found:?}");
        assert_eq!(evidence.dropouts(&Policy::default()), [], "{name}");
        assert!(evidence.sound.loudness().spread_lu.unwrap() < 10.0, "{name}");
        let long = evidence.pauses().iter().filter(|pause| pause.span.seconds() >= 0.3).count();
        assert!((10..60).contains(&long), "{name}: {long} pauses of 0.3 s and more");
    }
}

#[test]
fn original_sound_survives_coding_and_gain_and_nothing_else() {
    let Some(path) = shared("data/speech/silero_en_60s.wav") else { return };
    let Some(sound) = samples(&path, "anull") else { return };
    let recording = heard(&sound);
    let rate = RATE as usize;
    let cut = sound[5 * rate..25 * rate].to_vec();
    let span = Span::from_seconds(5.0, 25.0);
    let held = |clip: &[f32]| align(&heard(clip).sound, &recording.sound, span, DUBBED_DB).unwrap();
    let changed = |clip: &[f32]| {
        let found = held(clip);
        found.missing_ms + found.replaced_ms + found.added_ms
    };
    for bit_rate in ["64k", "128k"] {
        let Some(coded) = through_aac(&cut, bit_rate) else { return };
        let found = held(&coded);
        assert!(found.offset_ms.abs() < 2.0 && changed(&coded) < 50.0, "{bit_rate}: {found:?}");
        let quiet: Vec<f32> = coded.iter().map(|x| x * 0.5).collect();
        let found = held(&quiet);
        assert!(
            (found.gain_db + 6.0).abs() < 0.3 && changed(&quiet) < 50.0,
            "{bit_rate}: {found:?}"
        );
    }
    let mut muted = cut.clone();
    muted[2 * rate..2 * rate + rate * 3 / 10].fill(0.0);
    assert!((held(&muted).missing_ms - 300.0).abs() < 60.0);

    let mut dubbed = cut.clone();
    dubbed[8 * rate..9 * rate].copy_from_slice(&sound[40 * rate..41 * rate]);
    let found = held(&dubbed);
    assert!(found.replaced_ms > 250.0, "{found:?}");

    let faster: Vec<f32> = (0..19 * rate)
        .map(|n| {
            let at = n as f64 * 1.005;
            let (index, part) = (at as usize, at.fract() as f32);
            cut[index] * (1.0 - part) + cut[index + 1] * part
        })
        .collect();
    assert!(changed(&faster) > 1000.0);

    let late = &sound[5 * rate - rate * 12 / 100..25 * rate];
    assert!((held(late).offset_ms - 120.0).abs() < 2.0);

    let bed: Vec<f32> = cut
        .iter()
        .enumerate()
        .map(|(n, x)| {
            let t = n as f32 / rate as f32;
            x + [220.0, 277.2, 329.6]
                .map(|hertz: f32| (t * hertz * std::f32::consts::TAU).sin() * 0.012)
                .iter()
                .sum::<f32>()
        })
        .collect();
    let found = held(&bed);
    assert!((-20.0..-5.0).contains(&found.added_db) && found.dubbed.is_empty(), "{found:?}");
    assert!(found.original_share > 0.95 && found.replaced_ms < 99.0, "{found:?}");
}

#[test]
fn evidence_of_a_part_keeps_its_times() {
    let Some(path) = shared("lives/real-footage-10min/live.flv") else { return };
    let evidence = seen(&path, Some(Span::from_seconds(220.0, 230.0)));
    let part = evidence.within(Span::from_seconds(223.0, 226.0));
    let blacks = part.blacks(&Policy::default());
    assert!(near(&blacks, (224.0, 224.6), 0.04), "{blacks:?}");
    assert!(part.sound.start >= MediaTime::from_seconds(222.9));
}
