//! What is said, found in words: selling points, calls to action, prices, and the rest that sells.
//!
//! [`listen_for`] looks for everything in one stretch; a whole LIVE is the sum of its stretches.
//! What is looked for stands in [`Phrases`], per language, as data.

pub(crate) mod pattern;
mod points;
mod rate;
mod script;
pub(crate) mod text;

use std::collections::BTreeMap;

use reprise_model::Span;
use reprise_model::session::Product;
use serde::{Deserialize, Serialize};

use crate::phrases::Phrases;
use crate::transcript::{SpokenWord, Transcript};
pub use points::PointSaid;
use points::{Index, Point};
pub use rate::SpeechRate;
pub(crate) use script::{is_spaceless, without_spaces};
use text::Text;

/// What a host says to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidKind {
    /// What viewers should do now.
    CallToAction,
    /// An amount of money.
    Price,
    /// A price below the usual one, a bundle, a gift.
    Discount,
    /// That time or stock runs out.
    Urgency,
    /// How it is sent.
    Delivery,
    /// That it can be given back.
    Returns,
    /// That it is genuine, or is mended.
    Guarantee,
    /// Who has tested or approved it.
    Certification,
    /// How it is paid, such as on delivery.
    Payment,
    /// An answer to someone in the audience.
    Answer,
    /// A feature with what it is good for.
    Value,
    /// Whom it is for.
    Audience,
    /// Where and when it is used.
    Scenario,
    /// Sizes, materials, contents.
    Specification,
}

impl SaidKind {
    /// Those that are found by phrases: all but prices.
    pub const OF_PHRASES: [Self; 13] = [
        Self::CallToAction,
        Self::Discount,
        Self::Urgency,
        Self::Delivery,
        Self::Returns,
        Self::Guarantee,
        Self::Certification,
        Self::Payment,
        Self::Answer,
        Self::Value,
        Self::Audience,
        Self::Scenario,
        Self::Specification,
    ];

    /// Whether it makes a buyer confident.
    pub const fn is_confidence(self) -> bool {
        matches!(
            self,
            Self::Delivery | Self::Returns | Self::Guarantee | Self::Certification | Self::Payment
        )
    }

    /// In words, for sentences.
    pub const fn told(self) -> &'static str {
        match self {
            Self::CallToAction => "a call to action",
            Self::Price => "a price",
            Self::Discount => "a discount",
            Self::Urgency => "urgency",
            Self::Delivery => "delivery",
            Self::Returns => "returns",
            Self::Guarantee => "a guarantee",
            Self::Certification => "a certification",
            Self::Payment => "payment",
            Self::Answer => "an answer to the audience",
            Self::Value => "what a feature is good for",
            Self::Audience => "whom it is for",
            Self::Scenario => "when to use it",
            Self::Specification => "specifications",
        }
    }
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What it is.
    pub kind: SaidKind,
    /// When.
    pub span: Span,
    /// In the host's words.
    pub words: String,
    /// The phrase that found it, or what the words say: an amount with its currency, a name.
    pub by: String,
}

/// A selling point that was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Benefit {
    /// Of which product.
    pub product_id: String,
    /// The point as the session writes it.
    pub text: String,
    /// Whether only this product has it.
    pub unique: bool,
    /// How and where.
    pub said: PointSaid,
}

/// What was looked for in a stretch of speech, and found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Selling points, the best match of each, in the order of the products.
    pub benefits: Vec<Benefit>,
    /// The rest, in order of time.
    pub said: Vec<Said>,
}

impl Found {
    /// Where something of a kind is said.
    pub fn spans(&self, kind: SaidKind) -> Vec<Span> {
        self.said.iter().filter(|said| said.kind == kind).map(|said| said.span).collect()
    }

    /// How often each kind is said.
    pub fn counts(&self) -> BTreeMap<SaidKind, usize> {
        let mut counts = BTreeMap::new();
        for said in &self.said {
            *counts.entry(said.kind).or_default() += 1;
        }
        counts
    }
}

/// What to listen for besides phrases.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListenFor<'a> {
    /// Products whose selling points count.
    pub products: &'a [Product],
    /// Names of who commented; without them only phrases tell an answer.
    pub names: &'a [String],
    /// Share of a point's weight that must be said, 0 to 1 (`speech.point_score_min`).
    pub score_min: f64,
}

/// Everything that is said in a transcript.
pub fn listen_for(transcript: &Transcript, wanted: &ListenFor<'_>, phrases: &Phrases) -> Found {
    let text = Text::of_words(&transcript.words, phrases);
    let mut found = Found { benefits: benefits(&text, wanted, phrases), said: Vec::new() };
    for (&kind, patterns) in &phrases.kinds {
        let mut index = 0;
        while index < text.tokens.len() {
            let Some((taken, phrase)) = patterns.find_at(&text.tokens, index) else {
                index += 1;
                continue;
            };
            // What is denied is not offered.
            if !text.denied_at(index, phrases) {
                found.said.push(said(&text, kind, index, taken, phrase, &transcript.words));
            }
            index += taken;
        }
    }
    prices(&text, phrases, &transcript.words, &mut found.said);
    names(&text, wanted.names, &transcript.words, &mut found.said);
    found.said.sort_by_key(|said| (said.span.start, said.kind, said.span.end));
    found
}

/// How fast someone speaks, and how often they hesitate; `None` where too little is said.
pub fn speech_rate(transcript: &Transcript, phrases: &Phrases) -> Option<SpeechRate> {
    rate::speech_rate(transcript, phrases)
}

fn benefits(text: &Text, wanted: &ListenFor<'_>, phrases: &Phrases) -> Vec<Benefit> {
    let index = Index::of(text, phrases);
    let mut benefits = Vec::new();
    for product in wanted.products {
        for point in &product.selling_points {
            let said = Point::of(&point.text, phrases).search(&index, phrases);
            if let Some(said) = said.filter(|said| said.score >= wanted.score_min) {
                benefits.push(Benefit {
                    product_id: product.id.clone(),
                    text: point.text.clone(),
                    unique: point.unique,
                    said,
                });
            }
        }
    }
    benefits
}

fn said(
    text: &Text,
    kind: SaidKind,
    from: usize,
    taken: usize,
    by: &str,
    words: &[SpokenWord],
) -> Said {
    let span = text.span(from, from + taken);
    Said { kind, span, words: quoted(words, span), by: by.to_owned() }
}

/// The host's words in a span.
fn quoted(words: &[SpokenWord], span: Span) -> String {
    let mut quote = String::new();
    let inside = words.iter().filter(|word| word.start >= span.start && word.end <= span.end);
    for word in inside.take(24) {
        let joined = quote.chars().next_back().is_none_or(is_spaceless)
            && word.text.chars().next().is_none_or(is_spaceless);
        if !joined {
            quote.push(' ');
        }
        quote.push_str(&word.text);
    }
    quote.trim().to_owned()
}

fn prices(text: &Text, phrases: &Phrases, words: &[SpokenWord], found: &mut Vec<Said>) {
    let tokens = &text.tokens;
    for (index, token) in tokens.iter().enumerate() {
        let Some(amount) = token.number else { continue };
        if token.unit.is_some() || amount <= 0.0 {
            continue;
        }
        let after = index + token.length;
        let before = index
            .checked_sub(1)
            .and_then(|before| phrases.currency_before.get(&tokens[before].text));
        let named = text.longest(after, &phrases.currency_after);
        let bare = || {
            let last = after.checked_sub(1).and_then(|last| tokens.get(last));
            let multiplied = token.length > 1
                && last.is_some_and(|last| phrases.bare_amounts.contains(&last.text));
            let of_else = text.word_at(after, &phrases.not_prices).is_some();
            (multiplied && !of_else).then(String::new)
        };
        let (from, to, currency) = match (before, named) {
            (Some(currency), _) => (index - 1, after, currency.clone()),
            (None, Some((currency, taken))) => (index, after + taken, currency.clone()),
            (None, None) => match bare() {
                Some(none) => (index, after, none),
                None => continue,
            },
        };
        let by = format!("{amount} {currency}");
        found.push(said(text, SaidKind::Price, from, to - from, by.trim(), words));
    }
}

/// Shortest name that is told from a word, letters.
const NAME_MIN: usize = 3;

fn names(text: &Text, names: &[String], words: &[SpokenWord], found: &mut Vec<Said>) {
    let names: std::collections::BTreeSet<String> = names
        .iter()
        .map(|name| name.trim_start_matches('@').to_lowercase())
        .filter(|name| name.chars().count() >= NAME_MIN)
        .collect();
    for (index, token) in text.tokens.iter().enumerate() {
        let handle = token.text.strip_prefix('@').filter(|handle| !handle.is_empty());
        if handle.is_some() || names.contains(&token.text) {
            found.push(said(text, SaidKind::Answer, index, 1, &token.text, words));
        }
    }
}
