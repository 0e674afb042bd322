//! The language of written speech: by its script, else by its letters, where there is enough of it.

use reprise_model::Span;
use whatlang::{Detector, Lang};

use crate::transcript::{LanguageShare, SpokenWord};

/// Languages that are told apart: those of the markets, and those that LIVEs are seen in elsewhere.
/// More would find Esperanto in every shopping list.
const TOLD: [(Lang, &str); 20] = [
    (Lang::Eng, "en"),
    (Lang::Ind, "id"),
    (Lang::Vie, "vi"),
    (Lang::Tha, "th"),
    (Lang::Spa, "es"),
    (Lang::Por, "pt"),
    (Lang::Fra, "fr"),
    (Lang::Deu, "de"),
    (Lang::Ita, "it"),
    (Lang::Nld, "nl"),
    (Lang::Cmn, "zh"),
    (Lang::Jpn, "ja"),
    (Lang::Kor, "ko"),
    (Lang::Ara, "ar"),
    (Lang::Hin, "hi"),
    (Lang::Rus, "ru"),
    (Lang::Tur, "tr"),
    (Lang::Khm, "km"),
    (Lang::Mya, "my"),
    (Lang::Ben, "bn"),
];
/// Less text than this says nothing by itself: letters.
const LETTERS_MIN: usize = 24;
/// Of a text that has a script of its own.
const LETTERS_MIN_SCRIPT: usize = 6;
/// So sure the letters of Latin texts must be.
const SURE_MIN: f64 = 0.4;

/// The languages of words, group by group (`ends` are the ends of cues); `given` is what the file
/// itself says.
pub(super) fn shares(
    words: &[SpokenWord],
    ends: &[usize],
    given: Option<&str>,
) -> Vec<LanguageShare> {
    let detector = Detector::with_allowlist(TOLD.iter().map(|(lang, _)| *lang).collect());
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    for &to in ends {
        let to = to.min(words.len());
        if letters(&words[from..to]) >= LETTERS_MIN || to == words.len() {
            groups.push((from, to));
            from = to;
        }
    }
    let mut shares: Vec<LanguageShare> = Vec::new();
    let mut unsure = Vec::new();
    for (from, to) in groups.into_iter().filter(|(from, to)| from < to) {
        match given.map(|language| (language, 1.0)).or_else(|| of(&words[from..to], &detector)) {
            Some((language, sure)) => add(&mut shares, language, sure, &words[from..to]),
            None => unsure.push((from, to)),
        }
    }
    // What is too short to tell is in the language around it, where there is only one.
    if let [only] = shares.as_slice() {
        let (language, sure) = (only.language.clone(), only.confidence);
        for (from, to) in unsure {
            add(&mut shares, &language, sure, &words[from..to]);
        }
    }
    for share in &mut shares {
        share.spans.sort();
    }
    shares.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    shares
}

fn letters(words: &[SpokenWord]) -> usize {
    words.iter().flat_map(|word| word.text.chars()).filter(|c| c.is_alphabetic()).count()
}

fn of(words: &[SpokenWord], detector: &Detector) -> Option<(&'static str, f64)> {
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let text = text.join(" ");
    let found = detector.detect(&text)?;
    let latin = found.script() == whatlang::Script::Latin;
    let enough = letters(words) >= if latin { LETTERS_MIN } else { LETTERS_MIN_SCRIPT };
    if !enough || (latin && found.confidence() < SURE_MIN) {
        return None;
    }
    let (_, code) = TOLD.iter().find(|(lang, _)| *lang == found.lang())?;
    Some((code, found.confidence()))
}

fn add(shares: &mut Vec<LanguageShare>, language: &str, sure: f64, words: &[SpokenWord]) {
    let spans = super::speech(words);
    let seconds: f64 = spans.iter().map(|span: &Span| span.seconds()).sum();
    match shares.iter_mut().find(|share| share.language == language) {
        Some(share) => {
            let whole = (share.seconds + seconds).max(1e-9);
            share.confidence = (share.confidence * share.seconds + sure * seconds) / whole;
            share.seconds += seconds;
            share.spans.extend(spans);
        }
        None => shares.push(LanguageShare {
            language: language.to_owned(),
            seconds,
            spans,
            confidence: sure,
        }),
    }
}
