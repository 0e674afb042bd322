//! Words of a transcript in the form in which they are compared: folded, numbers and quantities
//! read, what is negated marked, ends of clauses known.

use std::collections::BTreeMap;

use reprise_model::{MediaDuration, MediaTime, Span};
use unicode_normalization::UnicodeNormalization;

use super::script::is_spaceless;
use crate::phrases::Phrases;
use crate::transcript::SpokenWord;

/// A pause after which a new clause begins.
const CLAUSE_PAUSE: MediaDuration = MediaDuration::from_millis(900);
/// The span of what is written, not said.
const NOWHERE: Span = Span::new(MediaTime::ZERO, MediaTime::ZERO);
/// How many words that mean something a negation reaches over.
const NEGATION_REACH: usize = 3;
/// Characters of a script without spaces that a negation reaches over.
const NEGATION_REACH_RUN: usize = 12;

/// A token: a word, a character of a script without spaces, or a number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// Folded: NFKC, lower case, without the punctuation around it.
    pub(crate) text: String,
    /// When it is said.
    pub(crate) span: Span,
    /// Whether it is a character of a script without spaces.
    pub(crate) run: bool,
    /// The number that it is, or that begins here.
    pub(crate) number: Option<f64>,
    /// Of a number: its unit, in base units (see [`Quantity`]).
    pub(crate) unit: Option<String>,
    /// Of a number: how many tokens it takes with its unit; 1 for others.
    pub(crate) length: usize,
    /// Whether it is said not to be so.
    pub(crate) negated: bool,
    /// Whether a clause ends after it.
    pub(crate) clause_end: bool,
    /// Whether it was written with a capital.
    pub(crate) capital: bool,
}

/// Everything that is compared of a stretch of speech.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) tokens: Vec<Token>,
}

impl Text {
    /// Of spoken words.
    pub(crate) fn of_words(words: &[SpokenWord], phrases: &Phrases) -> Self {
        let mut text = Self::default();
        for (index, word) in words.iter().enumerate() {
            let next = words.get(index + 1).map(|next| next.start);
            text.push(&word.text, Span::new(word.start, word.end));
            if let (Some(last), Some(next)) = (text.tokens.last_mut(), next) {
                last.clause_end |= next - word.end > CLAUSE_PAUSE;
            }
        }
        text.read(phrases);
        text
    }

    /// Of written text; times are zero.
    pub(crate) fn of_str(written: &str, phrases: &Phrases) -> Self {
        let mut text = Self::default();
        for word in written.split_whitespace() {
            text.push(word, NOWHERE);
        }
        text.read(phrases);
        text
    }

    /// From the first to the last of some tokens.
    pub(crate) fn span(&self, from: usize, to: usize) -> Span {
        let last = to.clamp(from + 1, self.tokens.len().max(from + 1)) - 1;
        match (self.tokens.get(from), self.tokens.get(last)) {
            (Some(first), Some(last)) => Span::new(first.span.start, last.span.end),
            _ => NOWHERE,
        }
    }

    fn push(&mut self, word: &str, span: Span) {
        let folded: String = word.nfkc().filter(|c| !is_invisible(*c)).collect();
        let mut piece = String::new();
        let pieces = &mut Pieces { tokens: &mut self.tokens, span };
        let characters: Vec<char> = folded.chars().collect();
        for (index, &c) in characters.iter().enumerate() {
            let digits = |at: Option<&char>| at.is_some_and(|c| c.is_ascii_digit());
            let previous = index.checked_sub(1).and_then(|before| characters.get(before));
            let inside = digits(previous) && digits(characters.get(index + 1));
            if is_spaceless(c) {
                pieces.word(&mut piece);
                pieces.character(c);
            } else if c.is_alphanumeric() || is_mark(c) {
                // `50k`, `500ml`: the number is one word, what follows another.
                if previous.is_some_and(char::is_ascii_digit)
                    && c.is_alphabetic()
                    && piece.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',')
                {
                    pieces.word(&mut piece);
                }
                // `Rp50`: likewise the other way, but not `b12` and `ip68`.
                if c.is_ascii_digit() && (piece == "Rp" || piece == "rp" || piece == "RP") {
                    pieces.word(&mut piece);
                }
                piece.push(c);
            } else if matches!(c, '.' | ',' | ':') && inside {
                piece.push(c);
            } else if matches!(c, '\'' | '’') {
                piece.push('\'');
            } else if matches!(c, '$' | '€' | '£' | '¥' | '฿' | '₫' | '%' | '@' | '#') {
                pieces.word(&mut piece);
                piece.push(c);
                if c != '@' && c != '#' {
                    pieces.word(&mut piece);
                }
            } else {
                pieces.word(&mut piece);
                if matches!(c, '.' | '!' | '?' | ';' | ',' | ':' | '。' | '！' | '？' | '…') {
                    pieces.end_clause();
                }
            }
        }
        pieces.word(&mut piece);
    }

    fn read(&mut self, phrases: &Phrases) {
        self.read_numbers(phrases);
        self.mark_negated(phrases);
    }

    fn read_numbers(&mut self, phrases: &Phrases) {
        let mut index = 0;
        while index < self.tokens.len() {
            let Some((value, mut length)) = self.number_at(index, phrases) else {
                index += 1;
                continue;
            };
            let mut unit = None;
            let mut value = value;
            // `24-hour`, `24 jam`, `half a litre`: what measures follows.
            let articles = self.word_at(index + length, &phrases.articles).unwrap_or(0);
            for skip in [0, articles] {
                if let Some((name, factor, taken)) = self.unit_at(index + length + skip, phrases) {
                    value *= factor;
                    unit = Some(name);
                    length += skip + taken;
                    break;
                }
            }
            let token = &mut self.tokens[index];
            (token.number, token.unit, token.length) = (Some(value), unit, length);
            index += length;
        }
    }

    /// A number in digits or words, and how many tokens it takes.
    fn number_at(&self, index: usize, phrases: &Phrases) -> Option<(f64, usize)> {
        let first = self.tokens.get(index)?;
        if let Some(value) = digits(&first.text) {
            let mut length = 1;
            let mut value = value;
            // `50 ribu`, `1.5 juta`, `99 k`.
            while let Some((factor, taken)) = self.multiplier_at(index + length, phrases) {
                value *= factor;
                length += taken;
            }
            return Some((value, length));
        }
        // Words: sums of products, as `dua puluh lima ribu`. In scripts without spaces a number word
        // may be part of another word, so a number needs two of them, or a unit after it.
        let (mut total, mut current, mut length, mut words) = (0.0, 0.0, 0usize, 0usize);
        let mut any = false;
        while let Some(token) = self.tokens.get(index + length) {
            if token.number.is_some() || digits(&token.text).is_some() {
                break;
            }
            if let Some((factor, taken)) = self.multiplier_at(index + length, phrases)
                && (any || factor >= 100.0 && token.run)
            {
                if factor >= 1000.0 {
                    total += if current == 0.0 { factor } else { current * factor };
                    current = 0.0;
                } else {
                    // The last figure alone: `hundred` in `one hundred`, `puluh` in `dua puluh`.
                    let ones = current % 10.0;
                    let whole = current - ones;
                    current = if factor >= 100.0 {
                        current.max(1.0) * factor
                    } else {
                        whole + ones.max(1.0) * factor
                    };
                }
                (length, words, any) = (length + taken, words + 1, true);
            } else if current >= 100.0
                && phrases.number_joins.contains(&token.text)
                && self.lookup(index + length + 1, &phrases.numbers).is_some()
            {
                length += 1;
                continue;
            } else if let Some((value, taken)) = self.lookup(index + length, &phrases.numbers) {
                // `hai năm`: two years, not seven; `không` after a number is a no.
                let follows = self.multiplier_at(index + length - taken.min(length), phrases);
                if any
                    && (value == 0.0
                        || follows.is_none() && self.unit_at(index + length, phrases).is_some())
                {
                    break;
                }
                current += value;
                (length, words, any) = (length + taken, words + 1, true);
            } else {
                break;
            }
            if token.clause_end {
                break;
            }
        }
        if !any {
            return None;
        }
        let sure = !first.run || words >= 2 || self.unit_at(index + length, phrases).is_some();
        sure.then_some((total + current, length))
    }

    fn multiplier_at(&self, index: usize, phrases: &Phrases) -> Option<(f64, usize)> {
        self.lookup(index, &phrases.multipliers)
    }

    fn unit_at(&self, index: usize, phrases: &Phrases) -> Option<(String, f64, usize)> {
        let (unit, taken) = self.longest(index, &phrases.units)?;
        Some((unit.base.clone(), unit.factor, taken))
    }

    fn lookup(&self, index: usize, all: &BTreeMap<String, f64>) -> Option<(f64, usize)> {
        self.longest(index, all).map(|(value, taken)| (*value, taken))
    }

    pub(crate) fn longest<'a, T>(
        &self,
        index: usize,
        all: &'a BTreeMap<String, T>,
    ) -> Option<(&'a T, usize)> {
        let first = self.tokens.get(index)?;
        if !first.run {
            // Two words are a unit too: `per cent`, `phần trăm`.
            let two = self.tokens.get(index + 1).filter(|_| !first.clause_end);
            let two = two.and_then(|next| all.get(&format!("{} {}", first.text, next.text)));
            return two.map(|value| (value, 2)).or(all.get(&first.text).map(|value| (value, 1)));
        }
        let mut run = String::new();
        let mut found = None;
        for (taken, token) in self.tokens[index..].iter().take(20).enumerate() {
            if !token.run {
                break;
            }
            run.push_str(&token.text);
            if let Some(value) = all.get(&run) {
                found = Some((value, taken + 1));
            }
        }
        found
    }

    /// How many tokens one of `words` takes here.
    pub(crate) fn word_at(
        &self,
        index: usize,
        words: &std::collections::BTreeSet<String>,
    ) -> Option<usize> {
        let first = self.tokens.get(index)?;
        if !first.run {
            return words.contains(&first.text).then_some(1);
        }
        let mut run = String::new();
        let mut found = None;
        for (taken, token) in self.tokens[index..].iter().take(14).enumerate() {
            if !token.run {
                break;
            }
            run.push_str(&token.text);
            if words.contains(&run) {
                found = Some(taken + 1);
            }
        }
        found
    }

    fn mark_negated(&mut self, phrases: &Phrases) {
        for index in 0..self.tokens.len() {
            if phrases.negating.matches_at(&self.tokens, index).is_some()
                && phrases.not_negating.matches_at(&self.tokens, index).is_none()
            {
                let taken = phrases.negating.matches_at(&self.tokens, index).unwrap_or(1);
                self.negate_after(index + taken, phrases);
            }
            // `sugar-free`: the word before.
            if index > 0
                && phrases.negating_after.contains(&self.tokens[index].text)
                && !self.tokens[index - 1].clause_end
                && !self
                    .tokens
                    .get(index + 1)
                    .is_some_and(|next| phrases.gifts.contains(&next.text))
                && !phrases.stop_words.contains(&self.tokens[index - 1].text)
            {
                self.tokens[index - 1].negated = true;
            }
        }
    }

    /// Whether what begins at `index` is denied right before it; a negation further off denies
    /// something else: `if it does not fit, you can return it`.
    pub(crate) fn denied_at(&self, index: usize, phrases: &Phrases) -> bool {
        (1..=6.min(index)).any(|back| {
            let at = index - back;
            phrases.negating.matches_at(&self.tokens, at) == Some(back)
                && phrases.not_negating.matches_at(&self.tokens, at).is_none()
                && !self.tokens[index - 1].clause_end
        })
    }

    fn negate_after(&mut self, from: usize, phrases: &Phrases) {
        if from > 0 && self.tokens.get(from - 1).is_some_and(|token| token.clause_end) {
            return;
        }
        let (mut words, mut characters) = (0, 0);
        for index in from..self.tokens.len() {
            if self.word_at(index, &phrases.breaks).is_some() {
                break;
            }
            let token = &mut self.tokens[index];
            token.negated = true;
            if token.run {
                characters += 1;
            } else if !phrases.stop_words.contains(&token.text) {
                words += 1;
            }
            if token.clause_end || words >= NEGATION_REACH || characters >= NEGATION_REACH_RUN {
                break;
            }
        }
    }
}

struct Pieces<'a> {
    tokens: &'a mut Vec<Token>,
    span: Span,
}

impl Pieces<'_> {
    fn word(&mut self, piece: &mut String) {
        let word = std::mem::take(piece);
        let trimmed = word.trim_matches(|c: char| matches!(c, '\'' | '.' | ',' | ':'));
        if trimmed.is_empty() {
            return;
        }
        let capital = trimmed.chars().next().is_some_and(char::is_uppercase);
        self.push(trimmed.to_lowercase(), false, capital);
    }

    fn character(&mut self, c: char) {
        self.push(c.to_string(), true, false);
    }

    fn end_clause(&mut self) {
        if let Some(last) = self.tokens.last_mut() {
            last.clause_end = true;
        }
    }

    fn push(&mut self, text: String, run: bool, capital: bool) {
        self.tokens.push(Token {
            text,
            span: self.span,
            run,
            number: None,
            unit: None,
            length: 1,
            negated: false,
            clause_end: false,
            capital,
        });
    }
}

/// `50`, `50.000`, `1,299`, `1.5`; points and commas before exactly three digits part thousands.
fn digits(text: &str) -> Option<f64> {
    if !text.starts_with(|c: char| c.is_ascii_digit())
        || !text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',')
        || text.len() > 16
    {
        return None;
    }
    let parts: Vec<&str> = text.split(['.', ',']).collect();
    let thousands = parts.len() > 1 && parts[1..].iter().all(|part| part.len() == 3);
    if parts.len() == 1 || thousands && parts[0] != "0" {
        return parts.concat().parse().ok();
    }
    let (last, whole) = parts.split_last()?;
    format!("{}.{last}", whole.concat()).parse().ok()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}')
}

fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn numbers(written: &str) -> Vec<(f64, Option<String>)> {
        let text = Text::of_str(written, &Phrases::built_in());
        text.tokens.iter().filter_map(|t| Some((t.number?, t.unit.clone()))).collect()
    }

    #[test]
    fn numbers_and_units_are_read_in_four_languages() {
        let cases: &[(&str, f64, Option<&str>)] = &[
            ("500 ml", 500.0, Some("ml")),
            ("half a litre of it", 500.0, Some("ml")),
            ("setengah liter", 500.0, Some("ml")),
            ("nửa lít", 500.0, Some("ml")),
            ("0.5L", 500.0, Some("ml")),
            ("dua puluh lima ribu", 25_000.0, None),
            ("one hundred and ninety nine", 199.0, None),
            ("hai trăm năm mươi gam", 250.0, Some("g")),
            ("24 ชั่วโมง", 24.0, Some("hour")),
            ("สองร้อยเก้าสิบเก้าบาท", 299.0, None),
            ("24-hour", 24.0, Some("hour")),
            ("2 days", 48.0, Some("hour")),
            ("50%", 50.0, Some("percent")),
            ("fifty percent", 50.0, Some("percent")),
            ("50 persen", 50.0, Some("percent")),
            ("1,299.50", 1299.5, None),
            ("Rp50.000", 50_000.0, None),
        ];
        for (written, value, unit) in cases {
            let found = numbers(written);
            assert_eq!(
                found.first(),
                Some(&(*value, unit.map(str::to_owned))),
                "{written}: {found:?}"
            );
        }
        assert!(numbers("ห้ามพลาด").is_empty());
    }

    #[test]
    fn what_is_negated_is_known() {
        let negated = |written: &str| -> Vec<String> {
            let text = Text::of_str(written, &Phrases::built_in());
            text.tokens.into_iter().filter(|t| t.negated).map(|t| t.text).collect()
        };
        assert!(negated("there is no added sugar").contains(&"sugar".to_owned()));
        assert!(negated("it is sugar free").contains(&"sugar".to_owned()));
        assert!(negated("tanpa gula").contains(&"gula".to_owned()));
        assert!(!negated("no worries, it has sugar").contains(&"sugar".to_owned()));
        assert!(!negated("not only waterproof but light").contains(&"waterproof".to_owned()));
        assert!(!negated("buy serum free shipping").contains(&"serum".to_owned()));
    }
}
