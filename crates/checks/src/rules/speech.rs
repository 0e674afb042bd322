//! `speech.*` and `audio.language`: what the host says, held against the session's products and the
//! languages of its market. Without words each says what is missing.

use reprise_model::event::{Edge, EventKind};
use reprise_model::session::Product;
use reprise_model::{MediaTime, Outcome, Span};

use super::{Answer, Look};
use crate::said::{Benefit, Found, ListenFor, SaidKind, listen_for, speech_rate};
use crate::transcript::{Origin, Transcript};

/// `speech.benefit`: the product's key benefits or features are said.
pub(super) fn speech_benefit(look: &Look<'_>) -> Answer {
    let (transcript, products) = match heard(look).and_then(|it| Ok((it, products(look)?))) {
        Ok(both) => both,
        Err(missing) => return missing,
    };
    let listed: usize = products.iter().map(|product| product.selling_points.len()).sum();
    if listed == 0 {
        return no_points(&products, "selling points");
    }
    let found = find(look, transcript, &products);
    points(&found.benefits.iter().collect::<Vec<_>>(), listed, &products, "selling point")
}

/// `speech.unique_point`: its unique selling points, clearly and confidently.
pub(super) fn speech_unique_point(look: &Look<'_>) -> Answer {
    let (transcript, products) = match heard(look).and_then(|it| Ok((it, products(look)?))) {
        Ok(both) => both,
        Err(missing) => return missing,
    };
    let listed = products.iter().flat_map(|p| &p.selling_points).filter(|p| p.unique).count();
    if listed == 0 {
        return no_points(&products, "unique selling points");
    }
    let found = find(look, transcript, &products);
    let unique: Vec<&Benefit> = found.benefits.iter().filter(|benefit| benefit.unique).collect();
    let said = points(&unique, listed, &products, "unique selling point");
    let Some(rate) = speech_rate(transcript, look.facts.phrases) else { return said };
    let policy = &look.policy.speech;
    let fault = if rate.words_per_minute > policy.words_per_minute_max {
        "but hurriedly"
    } else if rate.hesitation > policy.hesitation_share_max {
        "but with much hesitation"
    } else {
        return said.also(&format!("spoken clearly, {:.0} words a minute", rate.words_per_minute));
    };
    if unique.is_empty() {
        return said;
    }
    let (rate, pauses) = (rate.words_per_minute, rate.hesitation * 100.0);
    let spans: Vec<Span> = unique.iter().map(|benefit| benefit.said.span).collect();
    Answer::held(
        false,
        format!("unique selling points are said, {fault}: {rate:.0} words a minute, {pauses:.0} % of them hesitation"),
    )
    .figure(
        rate,
        "words/min",
        format!(
            "<= {}, hesitation <= {} %",
            policy.words_per_minute_max,
            policy.hesitation_share_max * 100.0
        ),
    )
    .at(&spans, "unique selling point")
}

/// `speech.call_to_action`: action cues, said or shown by the LIVE: a flash sale, a giveaway, a pin
/// or low stock inside the clip asks to act as well.
pub(super) fn speech_call_to_action(look: &Look<'_>) -> Answer {
    let cues = event_cues(look);
    let transcript = match heard(look) {
        Ok(transcript) => transcript,
        Err(missing) if cues.is_empty() => return missing,
        Err(_) => return shown(&cues),
    };
    let found = find(look, transcript, &[]);
    let said: Vec<_> = found
        .said
        .iter()
        .filter(|said| matches!(said.kind, SaidKind::CallToAction | SaidKind::Urgency))
        .collect();
    let Some(first) = said.first() else {
        if !cues.is_empty() {
            return shown(&cues);
        }
        return Answer::held(false, "nobody asks the viewer to act").figure(
            0.0,
            "cues",
            ">= 1".to_owned(),
        );
    };
    let spans: Vec<Span> = said.iter().map(|said| said.span).collect();
    let count = (said.len() + cues.len()) as f64;
    Answer::held(true, format!("the host asks to act: \u{201c}{}\u{201d}", first.words))
        .figure(count, "cues", ">= 1".to_owned())
        .at(&spans, "call to action")
}

/// `speech.decision`: voice-over that helps to decide.
pub(super) fn speech_decision(look: &Look<'_>) -> Answer {
    let transcript = match heard(look) {
        Ok(transcript) => transcript,
        Err(missing) => return missing,
    };
    let found = find(look, transcript, &products(look).unwrap_or_default());
    let helps = |kind: SaidKind| {
        kind.is_confidence()
            || matches!(
                kind,
                SaidKind::Price
                    | SaidKind::Discount
                    | SaidKind::Value
                    | SaidKind::Audience
                    | SaidKind::Scenario
                    | SaidKind::Specification
            )
    };
    let mut kinds: Vec<&str> = Vec::new();
    let mut spans = Vec::new();
    for said in found.said.iter().filter(|said| helps(said.kind)) {
        spans.push(said.span);
        if !kinds.contains(&said.kind.told()) {
            kinds.push(said.kind.told());
        }
    }
    if !found.benefits.is_empty() {
        kinds.push("selling points");
        spans.extend(found.benefits.iter().map(|benefit| benefit.said.span));
    }
    spans.sort();
    let detail = if kinds.is_empty() {
        "nothing is said that helps to decide: no price, specification, use or guarantee".to_owned()
    } else {
        format!("said to help decide: {}", kinds.join(", "))
    };
    Answer::held(!kinds.is_empty(), detail)
        .figure(kinds.len() as f64, "kinds", ">= 1".to_owned())
        .at(&spans, "helps to decide")
}

/// `audio.language`: a local or common language of the market.
pub(super) fn audio_language(look: &Look<'_>) -> Answer {
    let transcript = match transcript(look) {
        Ok(transcript) => transcript,
        Err(missing) => return missing,
    };
    let policy = &look.policy.speech;
    let spoken: f64 = transcript.languages.iter().map(|share| share.seconds).sum();
    if transcript.origin == Origin::VoiceActivity {
        return Answer::unknown(NO_MODEL);
    }
    if spoken < policy.language_speech_min_s {
        return Answer::unknown(format!(
            "only {spoken:.1} s of speech in a language that is known: too little to tell"
        ));
    }
    let market = look.facts.session.map(|session| session.languages).unwrap_or_default();
    let told: Vec<String> = transcript
        .languages
        .iter()
        .map(|share| format!("{} {:.0} %", share.language, 100.0 * share.seconds / spoken))
        .collect();
    let told = told.join(", ");
    if market.is_empty() {
        return Answer::unknown(format!(
            "spoken: {told}; the session names no language of its market to compare with"
        ));
    }
    let local = |language: &str| market.iter().any(|wanted| primary(wanted) == primary(language));
    let seconds: f64 = transcript
        .languages
        .iter()
        .filter(|share| local(&share.language))
        .map(|share| share.seconds)
        .sum();
    let share = seconds / spoken;
    let foreign: Vec<Span> = transcript
        .languages
        .iter()
        .filter(|share| !local(&share.language))
        .flat_map(|share| share.spans.iter().copied())
        .collect();
    Answer::held(
        share >= policy.language_share_min,
        format!("spoken: {told}; languages of the market: {}", market.join(", ")),
    )
    .figure(share, "share", format!(">= {}", policy.language_share_min))
    .at(&foreign, "another language")
}

const NO_MODEL: &str = "no speech model: what is said was not transcribed (run `reprise models \
                        fetch`, or give a transcript)";

/// `en` of `en-GB`.
fn primary(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or(language).to_lowercase()
}

fn transcript<'a>(look: &Look<'a>) -> Result<&'a Transcript, Answer> {
    if !look.facts.has_audio {
        return Err(Answer::unknown("the clip has no sound, so nothing is said"));
    }
    look.facts.evidence.transcript.as_ref().ok_or_else(|| Answer::unknown(NO_MODEL))
}

/// The transcript, where words were listened for.
fn heard<'a>(look: &Look<'a>) -> Result<&'a Transcript, Answer> {
    let transcript = transcript(look)?;
    match transcript.origin {
        Origin::VoiceActivity => Err(Answer::unknown(NO_MODEL)),
        _ => Ok(transcript),
    }
}

/// The clip's products; all of the session's where the clip is linked to none.
fn products(look: &Look<'_>) -> Result<Vec<Product>, Answer> {
    let Some(session) = look.facts.session else {
        return Err(Answer::unknown("no session was given, so no selling points are known"));
    };
    let linked = |product: &&Product| {
        session.clip_products.is_empty() || session.clip_products.contains(&product.id)
    };
    let products: Vec<Product> = session.products.iter().filter(linked).cloned().collect();
    if products.is_empty() {
        return Err(Answer::unknown(
            "the session lists no products, so no selling points are known",
        ));
    }
    Ok(products)
}

fn no_points(products: &[Product], what: &str) -> Answer {
    let titles: Vec<&str> = products.iter().take(3).map(|p| p.title.as_str()).collect();
    Answer::unknown(format!("no {what} are listed for {}", titles.join(", ")))
}

fn find(look: &Look<'_>, transcript: &Transcript, products: &[Product]) -> Found {
    let score_min = look.policy.speech.point_score_min;
    let wanted = ListenFor { products, names: &[], score_min };
    listen_for(transcript, &wanted, look.facts.phrases)
}

fn points(said: &[&Benefit], listed: usize, products: &[Product], note: &str) -> Answer {
    let spans: Vec<Span> = said.iter().map(|benefit| benefit.said.span).collect();
    let detail = if said.is_empty() {
        let titles: Vec<&str> = products.iter().take(3).map(|p| p.title.as_str()).collect();
        format!("no {note} of {} is said ({listed} listed)", titles.join(", "))
    } else {
        let named: Vec<String> = said
            .iter()
            .take(3)
            .map(|benefit| format!("\u{201c}{}\u{201d}", benefit.text))
            .collect();
        format!("{} of {listed} {note}s said: {}", said.len(), named.join(", "))
    };
    Answer::held(!said.is_empty(), detail)
        .figure(said.len() as f64, "points", ">= 1".to_owned())
        .at(&spans, note)
}

/// Events inside the clip that ask to act, on the clip's time line.
fn event_cues(look: &Look<'_>) -> Vec<(Span, &'static str)> {
    let Some(session) = look.facts.session else { return Vec::new() };
    let Some(clip) = session.clip_span else { return Vec::new() };
    let cues = session.events.iter().filter_map(|event| {
        let what = match &event.kind {
            EventKind::FlashSale { state: Edge::Start, .. } => "a flash sale starts",
            EventKind::Giveaway { state: Edge::Start, .. } => "a giveaway starts",
            EventKind::Pin { .. } => "the product is pinned",
            EventKind::Stock { left, .. } if (1..=STOCK_LOW).contains(left) => "stock runs low",
            _ => return None,
        };
        let at = MediaTime::ZERO + event.at.since(session.zero);
        clip.contains(at).then(|| {
            let at = MediaTime::ZERO + (at - clip.start);
            (Span::new(at, at), what)
        })
    });
    cues.collect()
}

/// So few left are a reason to hurry.
const STOCK_LOW: u64 = 20;

fn shown(cues: &[(Span, &'static str)]) -> Answer {
    let spans: Vec<Span> = cues.iter().map(|&(span, _)| span).collect();
    let first = cues.first().map_or("", |&(_, what)| what);
    Answer::new(Outcome::Pass, format!("the LIVE itself asks to act: {first}"))
        .figure(cues.len() as f64, "cues", ">= 1".to_owned())
        .at(&spans, first)
}
