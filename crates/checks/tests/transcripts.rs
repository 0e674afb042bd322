//! Transcripts as files come: SRT, WebVTT and JSON, well and badly made; and captions that are written.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use reprise_checks::{SpokenWord, Transcript, captions_srt, captions_vtt, read_transcript};
use reprise_model::{Kind, MediaTime};

fn read(text: &str, name: &str) -> (Transcript, Vec<String>) {
    read_transcript(text, name).unwrap()
}

fn texts(transcript: &Transcript) -> Vec<&str> {
    transcript.words.iter().map(|word| word.text.as_str()).collect()
}

#[test]
fn srt_is_read_whatever_it_gets_wrong() {
    let text = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello</i> there,\r\n{\\an8}friends\r\n\r\n\
                00:00:03.000 --> 00:00:04.000 align:start\r\n- no number here\r\n\
                3\r\n00:00:05,000 --> 00:00:06,000\r\nno blank line before\r\n\r\n\
                4\r\n00:00:09,000 --> 00:00:08,000\r\nbackwards\r\n\r\n\
                5\r\n00:0x:10,000 --> 00:00:11,000\r\nno time\r\n\r\n\
                6\r\n00:00:05,500 --> 00:00:07,000\r\n[Music] overlapping &amp; late\r\n";
    let (transcript, notes) = read(text, "live.srt");
    assert_eq!(
        texts(&transcript).join(" "),
        "Hello there, friends no number here no blank line before overlapping & late"
    );
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("line 13:") && notes[1].starts_with("line 17:"), "{notes:?}");
    assert!((transcript.words[0].start.seconds() - 1.0).abs() < 1e-9);
    assert!(
        transcript.words.windows(2).all(|w| w[0].start <= w[1].start && w[0].end <= w[1].start)
    );
    // Longer words take longer.
    let length =
        |index: usize| (transcript.words[index].end - transcript.words[index].start).seconds();
    assert!(length(2) > length(0));
}

#[test]
fn webvtt_is_read_with_its_own_word_times() {
    let text = "WEBVTT - made by hand\n\nNOTE this --> is a remark\nof two lines\n\nSTYLE\n::cue {}\n\n\
                intro\n00:01.000 --> 00:04.000 position:10% line:0\n\
                <c>one</c><00:00:02.000><c> two</c><00:00:03.000><c> three</c>\n\n\
                01:00:00.000 --> 01:00:02.000\n<v Ann>An hour later\n";
    let (transcript, notes) = read(text, "whatever");
    assert_eq!(texts(&transcript), ["one", "two", "three", "An", "hour", "later"]);
    assert!(notes.is_empty(), "{notes:?}");
    let starts: Vec<f64> = transcript.words.iter().take(4).map(|w| w.start.seconds()).collect();
    assert_eq!(starts, [1.0, 2.0, 3.0, 3600.0]);
}

#[test]
fn json_of_several_tools_is_read() {
    let whisper_cpp = r#"{"result": {"language": "id"}, "transcription": [{"offsets": {"from": 1000, "to": 3000},
        "text": " Halo semua", "tokens": [{"text": "[_BEG_]", "offsets": {"from": 1000, "to": 1000}},
        {"text": " Ha", "offsets": {"from": 1000, "to": 1200}, "p": 0.9},
        {"text": "lo", "offsets": {"from": 1200, "to": 1500}, "p": 0.8},
        {"text": " semua", "offsets": {"from": 1600, "to": 2500}, "p": 0.7}]}]}"#;
    let (transcript, _) = read(whisper_cpp, "a.json");
    assert_eq!(texts(&transcript), ["Halo", "semua"]);
    assert_eq!(transcript.words[0].end.seconds(), 1.5);
    assert!((transcript.words[0].confidence - 0.8).abs() < 1e-9);
    assert_eq!(transcript.languages[0].language, "id");

    let open_ai = r#"{"language": "english", "segments": [{"start": 0.0, "end": 2.0, "text": "so nice"}],
        "words": [{"word": "so", "start": 0.2, "end": 0.5}, {"word": "nice", "start": 0.6, "end": 1.1}]}"#;
    let (transcript, _) = read(open_ai, "a.json");
    assert_eq!(
        (texts(&transcript), transcript.words[1].start.seconds()),
        (vec!["so", "nice"], 0.6)
    );
    assert_eq!(transcript.languages[0].language, "en");

    let ours = r#"{"words": [{"text": "one", "start_s": 1, "end_s": 2, "confidence": 0.5}, {"text": "no time"}]}"#;
    let (transcript, notes) = read(ours, "a.json");
    assert_eq!((texts(&transcript), notes.len()), (vec!["one"], 1));
    let list = r#"[{"word": "Mr", "start_sec": 0.5, "end_sec": 0.8}]"#;
    assert_eq!(texts(&read(list, "a").0), ["Mr"]);
}

#[test]
fn files_that_are_none_are_refused() {
    for (text, name) in [
        ("", "a.srt"),
        ("just some text", "a.txt"),
        ("WEBVTT\n\n", "a.vtt"),
        ("{\"segments\": [", "a.json"),
        ("{\"a\": 1}", "a.json"),
        ("1\n99:99:99,000 --> 00:00:01,000\nx\n", "a.srt"),
    ] {
        let error = read_transcript(text, name).unwrap_err();
        assert_eq!(error.kind, Kind::Malformed, "{error}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

#[test]
fn the_languages_of_a_text_are_told_cue_by_cue() {
    let cues = [
        "Welcome everybody, this is the bag that you have been waiting for all week long",
        "Halo kakak semuanya, hari ini kita punya tas yang bagus banget untuk dipakai ke kantor",
        "Chào cả nhà, hôm nay chúng ta có một chiếc túi rất đẹp và bền cho mọi người",
        "สวัสดีค่ะ วันนี้เรามีกระเป๋าสวยมากมาฝากทุกคน",
        "ok",
    ];
    let mut text = String::new();
    for (index, cue) in cues.iter().enumerate() {
        text +=
            &format!("00:00:{:02},000 --> 00:00:{:02},000\n{cue}\n\n", index * 5, index * 5 + 5);
    }
    let (transcript, _) = read(&text, "a.srt");
    let mut found: Vec<_> = transcript.languages.iter().map(|l| l.language.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["en", "id", "th", "vi"]);
    // Two words say nothing.
    let (short, _) = read("00:01.000 --> 00:02.000\nok sip\n", "a.vtt");
    assert!(short.languages.is_empty(), "{:?}", short.languages);
}

#[test]
fn damaged_files_never_end_the_process() {
    let sound =
        "1\n00:00:01,000 --> 00:00:02,500\n<c>Hello</c><00:00:01.500> there &amp;\n\nสวัสดี\n";
    let json = r#"{"segments":[{"start":0,"end":2,"text":"so","words":[{"word":"so","start":0,"end":1}]}]}"#;
    let mut seed = 1u64;
    for round in 0..4000 {
        let mut bytes = if round % 2 == 0 { sound } else { json }.as_bytes().to_vec();
        for _ in 0..1 + round % 6 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % bytes.len();
            match seed >> 60 {
                0..=5 => bytes[at] = (seed >> 20) as u8,
                6..=9 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"<>-:,0\n{}[]&"[(seed >> 8) as usize % 12]),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok((transcript, _)) = read_transcript(&text, "a") {
            assert!(transcript.words.windows(2).all(|w| w[0].start <= w[1].start));
            captions_vtt(&transcript.words);
        }
    }
}

/// Words said one after the other at `rate` a second.
fn said(text: &str, rate: f64) -> Vec<SpokenWord> {
    text.split_whitespace()
        .enumerate()
        .map(|(index, word)| SpokenWord {
            text: word.to_owned(),
            start: MediaTime::from_seconds(index as f64 / rate),
            end: MediaTime::from_seconds((index as f64 + 0.9) / rate),
            confidence: 1.0,
        })
        .collect()
}

#[test]
fn captions_keep_to_the_guidelines_and_to_the_words() {
    let english = "Hello everyone and welcome back, today I have the softest towel you will ever touch. \
                   It dries in half the time, it never smells, and it folds up to the size of a phone! \
                   Tap the basket now because only twenty are left and the price goes up at nine o'clock tonight";
    let thai = "ครีมตัวนี้ให้ความชุ่มชื้นกับผิวมากไม่เหนียวเหนอะหนะเลยค่ะใช้ได้ทุกวันทั้งเช้าและก่อนนอนเหมาะกับทุกคน";
    let chinese = "这款保湿面霜非常适合干性皮肤，每天早晚使用都可以让皮肤保持水润光滑不油腻";
    for (text, most, rate) in [(english, 37, 2.6), (thai, 35, 0.3), (chinese, 16, 0.3)] {
        let words = said(text, rate);
        let srt = captions_srt(&words);
        let (back, notes) = read_transcript(&srt, "a.srt").unwrap();
        assert!(notes.is_empty(), "{notes:?}");
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeezed(&texts(&back).concat()), squeezed(text));
        let mut before = 0.0;
        for block in srt.trim().split("\n\n") {
            let lines: Vec<&str> = block.lines().collect();
            let (from, to) = lines[1].split_once(" --> ").unwrap();
            let seconds =
                |clock: &str| MediaTime::parse_clock(&clock.replace(',', ".")).unwrap().seconds();
            let (from, to) = (seconds(from), seconds(to));
            assert!((2..=4).contains(&lines.len()), "{block}");
            for line in &lines[2..] {
                let length =
                    unicode_segmentation::UnicodeSegmentation::graphemes(*line, true).count();
                assert!(length <= most, "{length}: {line}");
            }
            assert!(from >= before && to > from && to - from <= 7.001, "{block}");
            before = to;
        }
    }
    let vtt = captions_vtt(&said("a <b> & c", 2.0));
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> ") && vtt.contains("a &lt;b&gt; &amp; c"));
    assert_eq!((captions_srt(&[]), captions_vtt(&[])), (String::new(), "WEBVTT\n\n".to_owned()));
}

#[test]
fn a_transcript_of_real_speech_is_read() {
    let Some(path) = common::shared("data/speech/leopard_test_data.json") else { return };
    let value: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut lists = 0;
    let mut visit = vec![&value];
    while let Some(value) = visit.pop() {
        if let Some(words) = value.get("words").filter(|words| words[0].get("start_sec").is_some())
        {
            let text = serde_json::json!({ "words": words }).to_string();
            let (transcript, notes) = read(&text, "a.json");
            assert!(notes.is_empty() && transcript.words.len() > 3, "{notes:?}");
            assert!(transcript.words.windows(2).all(|w| w[0].end <= w[1].start));
            lists += 1;
        }
        match value {
            serde_json::Value::Array(all) => visit.extend(all),
            serde_json::Value::Object(all) => visit.extend(all.values()),
            _ => {}
        }
    }
    eprintln!("{lists} lists of words");
    assert!(lists > 3);
}
