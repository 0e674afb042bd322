//! Listening to real speech and real noise: where someone speaks, and the whole path with the
//! Whisper stub, whose words mean nothing.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::path::PathBuf;

use reprise_checks::{
    Adviser, GivenTranscript, Listener, ListenerOptions, Origin, SoundEvidence, Transcript,
    read_transcript,
};
use reprise_model::{Kind, Span};

const SILERO: &str = "models/for-tests-silero-v6.2.0-ggml.bin";
const WHISPER: &str = "models/for-tests-ggml-tiny.bin";

fn with_silero() -> Option<Listener> {
    let voice_activity = Some(common::shared(SILERO)?);
    Some(Listener::new(&ListenerOptions { voice_activity, ..Default::default() }).unwrap())
}

fn sound(file: &str) -> Option<SoundEvidence> {
    Some(common::heard(&common::samples(&common::shared(file)?, "anull")?).sound)
}

fn share(spans: &[Span], sound: &SoundEvidence) -> f64 {
    spans.iter().map(|span| span.seconds()).sum::<f64>() / sound.span().seconds()
}

#[test]
fn speech_is_told_from_noise_by_the_model() {
    let Some(listener) = with_silero() else { return };
    for (file, range) in [
        ("data/speech/jfk_en.wav", 0.6..0.9),
        ("data/speech/leopard_de_test_de.wav", 0.6..0.95),
        ("data/speech/leopard_en_test.wav", 0.6..0.98),
        ("data/speech/leopard_ja_test_ja.wav", 0.6..0.95),
        ("data/speech/malaya_example-speaker_mas-aisyah.wav", 0.5..0.9),
        ("data/speech/sadtalker_chinese_news.wav", 0.6..1.0),
        ("data/speech/silero_en_60s.wav", 0.7..0.95),
        ("data/speech/silero_es_60s.wav", 0.8..1.0),
        ("data/noise/cobra_vad.wav", 0.25..0.6),
        ("data/noise/dfn_clean_freesound_33711.wav", 0.6..0.9),
        ("data/noise/dfn_noisy_snr0.wav", 0.6..0.9),
        ("data/speech/leopard_empty.wav", 0.0..0.02),
        ("data/noise/dfn_noise_freesound_573577.wav", 0.0..0.02),
        ("data/noise/noisereduce_cafe.wav", 0.0..0.1),
    ] {
        let Some(sound) = sound(file) else { continue };
        let spans = listener.speech(&sound).unwrap();
        let share = share(&spans, &sound);
        eprintln!("{file}: {:.0} % in {} stretches", share * 100.0, spans.len());
        assert!(range.contains(&share.abs()), "{file}: {share}");
        assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start));
    }
}

#[test]
fn without_a_whisper_model_there_are_no_words_and_no_languages() {
    let Some(listener) = with_silero() else { return };
    let Some(sound) = sound("data/speech/jfk_en.wav") else { return };
    let transcript = listener.transcribe(&sound).unwrap().unwrap();
    assert_eq!(transcript.origin, Origin::VoiceActivity);
    assert!(transcript.words.is_empty() && transcript.languages.is_empty());
    assert!(share(&transcript.speech, &sound) > 0.5);
    // Without any model speech is told by level and pitch.
    let none = Listener::new(&ListenerOptions::default()).unwrap();
    assert!(share(&none.speech(&sound).unwrap(), &sound) > 0.4);
    assert!(none.transcribe(&SoundEvidence::default()).unwrap().is_none());
    let silence = common::heard(&vec![0.0; common::RATE as usize * 3]).sound;
    for listener in [listener, none] {
        assert!(listener.speech(&silence).unwrap().is_empty());
    }
}

#[test]
fn the_whole_path_runs_with_the_stub() {
    let (Some(whisper), Some(voice_activity)) = (common::shared(WHISPER), common::shared(SILERO))
    else {
        return;
    };
    let options = ListenerOptions {
        whisper: Some(whisper.clone()),
        voice_activity: Some(voice_activity),
        ..Default::default()
    };
    let listener = Listener::new(&options).unwrap();
    let Some(speech) = sound("data/speech/leopard_en_test.wav") else { return };
    let start = std::time::Instant::now();
    let transcript = listener.transcribe(&speech).unwrap().unwrap();
    eprintln!(
        "real-time factor {:.2} on this machine",
        start.elapsed().as_secs_f64() / speech.span().seconds()
    );
    assert_eq!(transcript.origin, Origin::Model("for-tests-ggml-tiny".to_owned()));
    assert!(!transcript.speech.is_empty());
    let whole = speech.span();
    for pair in transcript.words.windows(2) {
        assert!(pair[0].start <= pair[1].start);
    }
    assert!(transcript.words.iter().all(|word| word.start >= whole.start && word.end <= whole.end));
    // Noise is not even shown to the model.
    let Some(noise) = sound("data/noise/dfn_noise_freesound_573577.wav") else { return };
    let transcript = listener.transcribe(&noise).unwrap().unwrap();
    assert!(transcript.words.is_empty() && transcript.languages.is_empty());
}

#[test]
fn a_model_that_is_missing_or_damaged_is_a_clear_error() {
    let listen = |whisper: Option<PathBuf>, voice_activity: Option<PathBuf>| {
        let options = ListenerOptions { whisper, voice_activity, ..Default::default() };
        Listener::new(&options).map(|_| ()).unwrap_err()
    };
    let nowhere = Some(PathBuf::from("/nowhere/model.bin"));
    assert_eq!(listen(nowhere.clone(), None).kind, Kind::Missing);
    assert_eq!(listen(None, nowhere).kind, Kind::Missing);
    let folder = std::env::temp_dir().join(format!("reprise-listen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Where sizes stand in each.
    let sizes = [(WHISPER, true, [4, 8, 12, 36, 48, 52]), (SILERO, false, [0, 4, 30, 34, 38, 42])];
    for (name, is_whisper, sizes) in sizes {
        let Some(path) = common::shared(name) else { continue };
        let bytes = std::fs::read(path).unwrap();
        let mut wrong: Vec<Vec<u8>> = vec![Vec::new(), b"no model".to_vec()];
        wrong.extend([5, 40, 400, bytes.len() / 2].map(|length| bytes[..length].to_vec()));
        for at in sizes {
            let mut changed = bytes.clone();
            changed[at + 3] = 0x7f;
            wrong.push(changed);
        }
        for (index, bytes) in wrong.iter().enumerate() {
            let file = folder.join("wrong.bin");
            std::fs::write(&file, bytes).unwrap();
            let error = match is_whisper {
                true => listen(Some(file), None),
                false => listen(None, Some(file)),
            };
            assert_eq!(error.kind, Kind::Malformed, "{name} {index}: {error}");
            assert!(error.to_string().contains("wrong.bin"), "{error}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_transcript_that_was_given_is_used_at_its_place() {
    let text = "00:01.000 --> 00:02.000\nhello there\n\n00:20.000 --> 00:21.000\nmuch later\n";
    let (transcript, _) = read_transcript(text, "a.vtt").unwrap();
    let given = GivenTranscript::new(transcript, common::seconds(3.0));
    let sound = common::heard(&vec![0.01; common::RATE as usize * 10]).sound;
    let found: Transcript = given.transcribe(&sound).unwrap().unwrap();
    assert_eq!(found.words.len(), 2);
    assert!((found.words[0].start.seconds() - 4.0).abs() < 1e-6);
}
