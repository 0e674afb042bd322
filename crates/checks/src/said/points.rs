//! Whether a selling point is said: by its words in any order and form, its quantities exactly, and
//! whether it is affirmed or denied.

use std::collections::{BTreeMap, BTreeSet};

use reprise_model::{MediaDuration, Span};

use super::text::{Text, Token};
use crate::phrases::Phrases;

/// How much a word that says little counts.
const WEAK: f64 = 0.3;
/// How much a quantity counts.
const QUANTITY: f64 = 2.0;
/// How much a word that is nearly the same counts: one letter heard wrongly.
const NEAR: f64 = 0.8;
/// A word must be so long for that, letters.
const NEAR_MIN: usize = 7;
/// Share of a text's runs of three characters that must be found, in scripts without spaces.
const RUN_SHARE: f64 = 0.65;
/// The words of a point lie so near together: words, and so many more a word of the point.
const REACH: (f64, f64) = (10.0, 3.0);
/// And within so much time.
const REACH_TIME: MediaDuration = MediaDuration::from_millis(15_000);
/// A character of a script without spaces is so much of a word.
const CHARACTER: f64 = 0.25;

/// A selling point as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct PointSaid {
    /// Share of the point's weight that is said, 0 to 1.
    pub score: f64,
    /// Where.
    pub span: Span,
    /// The words that were found, as the point writes them.
    pub found: Vec<String>,
    /// Those that were not.
    pub missing: Vec<String>,
}

/// A point made ready to be searched.
#[derive(Clone, Debug)]
pub(super) struct Point {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    written: String,
    keys: BTreeSet<String>,
    weight: f64,
    /// Without it the point is not said, whatever else is.
    must: bool,
    negated: bool,
    number: Option<(f64, Option<String>)>,
    /// A stretch of a script without spaces, of whose parts most must be found.
    run: Option<String>,
    /// Belongs to the word before it, as the C of `vitamin C`.
    bound: bool,
}

/// A transcript with its words by every form in which they are compared.
pub(super) struct Index<'a> {
    text: &'a Text,
    positions: BTreeMap<String, Vec<usize>>,
    /// Distance from the beginning, in words.
    far: Vec<f64>,
}

/// A term found somewhere.
#[derive(Clone, Copy, Debug)]
struct Hit {
    term: usize,
    from: usize,
    to: usize,
    quality: f64,
    /// Said the other way round: affirmed where the point denies, or denied.
    against: bool,
}

impl<'a> Index<'a> {
    pub(super) fn of(text: &'a Text, phrases: &Phrases) -> Self {
        let mut positions = BTreeMap::<String, Vec<usize>>::new();
        let mut add = |key: String, index: usize| positions.entry(key).or_default().push(index);
        let mut far = Vec::with_capacity(text.tokens.len());
        let mut distance = 0.0;
        for (index, token) in text.tokens.iter().enumerate() {
            far.push(distance);
            distance += if token.run { CHARACTER } else { 1.0 };
            for key in keys(text, index, phrases).0 {
                add(key, index);
            }
            // `water proof` for `waterproof`.
            if let Some(next) = text.tokens.get(index + 1)
                && !token.run
                && !next.run
                && token.text.len() + next.text.len() >= 6
            {
                add(format!("w:{}{}", token.text, next.text), index);
            }
        }
        Self { text, positions, far }
    }

    fn at(&self, key: &str) -> impl Iterator<Item = usize> {
        self.positions.get(key).into_iter().flatten().copied()
    }
}

impl Point {
    pub(super) fn of(written: &str, phrases: &Phrases) -> Self {
        let text = Text::of_str(written, phrases);
        let tokens = &text.tokens;
        let mut terms = Vec::new();
        let mut run: Option<(String, bool)> = None;
        let mut index = 0;
        while index < tokens.len() {
            let token = &tokens[index];
            let stop = text.word_at(index, &phrases.stop_words);
            let weak = text.word_at(index, &phrases.weak);
            let (keys, taken) = keys(&text, index, phrases);
            let concept = keys.iter().any(|key| key.starts_with("c:"));
            let negation = phrases.negating.matches_at(tokens, index);
            if !token.run
                || concept
                || stop.is_some()
                || negation.is_some()
                || token.number.is_some()
            {
                flush(&mut run, &mut terms);
            }
            if let Some(value) = token.number {
                terms.push(Term {
                    written: written_of(&tokens[index..(index + token.length).min(tokens.len())]),
                    keys: BTreeSet::new(),
                    weight: QUANTITY,
                    must: true,
                    negated: token.negated,
                    number: Some((value, token.unit.clone())),
                    run: None,
                    bound: false,
                });
                index += token.length.max(1);
                continue;
            }
            if let Some(taken) = negation
                && !concept
            {
                index += taken;
                continue;
            }
            // `sugar-free`: the word before was marked; this one says nothing more.
            let after = phrases.negating_after.contains(&token.text)
                && index > 0
                && tokens[index - 1].negated;
            let code = token.capital
                && index > 0
                && token.text.chars().count() == 1
                && token.text.chars().all(|c| c.is_ascii_alphabetic());
            if after || (stop.is_some() && !concept && !code) {
                index += stop.unwrap_or(1);
                continue;
            }
            if token.run && !concept {
                if let Some(taken) = weak {
                    flush(&mut run, &mut terms);
                    index += taken;
                    continue;
                }
                let (text, _) = run.get_or_insert_with(|| (String::new(), token.negated));
                text.push_str(&token.text);
                index += 1;
                continue;
            }
            let mixed = token.text.chars().any(|c| c.is_ascii_digit())
                && token.text.chars().any(char::is_alphabetic);
            terms.push(Term {
                written: written_of(&tokens[index..(index + taken).min(tokens.len())]),
                weight: if weak.is_some() && !concept { WEAK } else { 1.0 },
                must: code || mixed || (token.negated && weak.is_none()),
                negated: token.negated,
                number: None,
                run: None,
                bound: code,
                keys,
            });
            index += taken;
        }
        flush(&mut run, &mut terms);
        Self { terms }
    }

    /// Where the point is said best; `None` where nothing of it is.
    pub(super) fn search(&self, index: &Index<'_>, phrases: &Phrases) -> Option<PointSaid> {
        let hits = self.hits(index);
        let whole: f64 = self.terms.iter().map(|term| term.weight).sum();
        let reach = REACH.0 + REACH.1 * self.terms.len() as f64;
        let mut best: Option<(f64, usize, usize, Vec<bool>)> = None;
        for (first, hit) in hits.iter().enumerate() {
            let mut quality = vec![0.0f64; self.terms.len()];
            let mut against = vec![false; self.terms.len()];
            let mut to = hit.to;
            for other in &hits[first..] {
                let near = index.far[other.from] - index.far[hit.from] <= reach
                    && index.text.tokens[other.from].span.start
                        - index.text.tokens[hit.from].span.start
                        <= REACH_TIME;
                if !near {
                    break;
                }
                if other.against {
                    against[other.term] = true;
                } else if quality[other.term] < other.quality {
                    quality[other.term] = other.quality;
                    to = to.max(other.to);
                }
                let score = self.score(&quality, whole);
                let better = best.as_ref().is_none_or(|found| score > found.0 + 1e-9);
                if better && self.holds(&quality, &against, index, hit.from, to, phrases) {
                    let found = quality.iter().map(|&quality| quality > 0.0).collect();
                    best = Some((score, hit.from, to, found));
                }
            }
        }
        let (score, from, to, found) = best?;
        let named = |wanted: bool| {
            let terms = self.terms.iter().zip(&found).filter(|(_, found)| **found == wanted);
            terms.map(|(term, _)| term.written.clone()).collect()
        };
        Some(PointSaid {
            score,
            span: index.text.span(from, to),
            found: named(true),
            missing: named(false),
        })
    }

    fn score(&self, quality: &[f64], whole: f64) -> f64 {
        let said: f64 = self.terms.iter().zip(quality).map(|(term, q)| term.weight * q).sum();
        if whole > 0.0 { said / whole } else { 0.0 }
    }

    /// Whether what was found may be the point at all: nothing that must be there is missing,
    /// nothing is denied, and no opposite stands in a word's place.
    fn holds(
        &self,
        quality: &[f64],
        against: &[bool],
        index: &Index<'_>,
        from: usize,
        to: usize,
        phrases: &Phrases,
    ) -> bool {
        let tokens = &index.text.tokens;
        let around = from.saturating_sub(3)..(to + 3).min(tokens.len());
        self.terms.iter().zip(quality).zip(against).all(|((term, &quality), &against)| {
            if quality > 0.0 {
                return true;
            }
            if term.must || (against && term.weight >= 1.0) {
                return false;
            }
            let groups = phrases.opposites.iter().filter(|group| term.is_in(group));
            let mut groups = groups.peekable();
            groups.peek().is_none()
                || !groups.any(|group| {
                    around
                        .clone()
                        .any(|at| !tokens[at].negated && index.text.word_at(at, group).is_some())
                })
        })
    }

    /// Everything of the point that is found anywhere, in order.
    fn hits(&self, index: &Index<'_>) -> Vec<Hit> {
        let tokens = &index.text.tokens;
        let mut hits = Vec::new();
        for (number, term) in self.terms.iter().enumerate() {
            let mut add = |from: usize, to: usize, quality: f64, negated: bool| {
                let against = negated != term.negated;
                hits.push(Hit { term: number, from, to, quality, against });
            };
            if let Some((value, unit)) = &term.number {
                for (at, token) in tokens.iter().enumerate() {
                    let Some(said) = token.number else { continue };
                    let same = (said - value).abs() <= 0.005 * value.abs().max(1e-9);
                    if same && (token.unit == *unit || unit.is_none() && value.fract() == 0.0) {
                        add(at, at + token.length, 1.0, token.negated);
                    }
                }
                continue;
            }
            if let Some(run) = &term.run {
                run_hits(run, tokens, &mut add);
                continue;
            }
            let mut seen = BTreeSet::new();
            for at in term.keys.iter().flat_map(|key| index.at(key)) {
                let follows = !term.bound
                    || number > 0
                        && (1..=2).any(|back| {
                            let before = &self.terms[number - 1];
                            at >= back
                                && before.keys.iter().any(|k| index.at(k).any(|p| p == at - back))
                        });
                if follows && seen.insert(at) {
                    add(at, at + 1, 1.0, tokens[at].negated);
                }
            }
            // `waterproof` for `water proof`.
            if let Some(next) = self.terms.get(number + 1) {
                let both = format!("w:{}{}", term.written, next.written);
                for at in index.at(&both).filter(|&at| tokens[at].text.len() + 2 >= both.len()) {
                    for (term, of) in [(number, term), (number + 1, next)] {
                        let against = tokens[at].negated != of.negated;
                        hits.push(Hit { term, from: at, to: at + 1, quality: 1.0, against });
                    }
                }
            }
        }
        self.near_hits(tokens, &mut hits);
        hits.sort_by_key(|hit| (hit.from, hit.term));
        hits
    }

    /// Long words with one letter heard wrongly.
    fn near_hits(&self, tokens: &[Token], hits: &mut Vec<Hit>) {
        for (number, term) in self.terms.iter().enumerate() {
            let long = term.number.is_none()
                && term.run.is_none()
                && term.written.chars().count() >= NEAR_MIN
                && term.written.chars().all(char::is_alphabetic);
            if !long || hits.iter().any(|hit| hit.term == number && !hit.against) {
                continue;
            }
            for (at, token) in tokens.iter().enumerate() {
                if token.text.chars().count() + 1 >= NEAR_MIN && nearly(&term.written, &token.text)
                {
                    let against = token.negated != term.negated;
                    hits.push(Hit { term: number, from: at, to: at + 1, quality: NEAR, against });
                }
            }
        }
    }
}

impl Term {
    fn is_in(&self, group: &BTreeSet<String>) -> bool {
        group.contains(&self.written)
            || self.keys.iter().any(|key| {
                key.split_once(':').is_some_and(|(kind, word)| kind != "s" && group.contains(word))
            })
    }
}

fn flush(run: &mut Option<(String, bool)>, terms: &mut Vec<Term>) {
    let Some((text, negated)) = run.take() else { return };
    let length = text.chars().count();
    if length < 2 {
        return;
    }
    terms.push(Term {
        written: text.clone(),
        keys: BTreeSet::new(),
        weight: (length as f64 / 5.0).clamp(0.5, 3.0),
        must: negated,
        negated,
        number: None,
        run: Some(text),
        bound: false,
    });
}

/// Stretches of a transcript that hold most of a run's groups of three characters.
fn run_hits(run: &str, tokens: &[Token], add: &mut impl FnMut(usize, usize, f64, bool)) {
    let wanted: Vec<char> = run.chars().collect();
    let size = wanted.len().min(3);
    let groups: BTreeSet<&[char]> = wanted.windows(size).collect();
    let said: Vec<(usize, char)> = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.run)
        .filter_map(|(at, token)| Some((at, token.text.chars().next()?)))
        .collect();
    let letters: Vec<char> = said.iter().map(|&(_, c)| c).collect();
    let length = (wanted.len() + wanted.len() / 3 + 1).max(size);
    let mut at = 0;
    while at + size <= letters.len() {
        let window = &letters[at..(at + length).min(letters.len())];
        if !groups.contains(&window[..size]) {
            at += 1;
            continue;
        }
        let found: BTreeSet<&[char]> =
            window.windows(size).filter(|group| groups.contains(group)).collect();
        let share = found.len() as f64 / groups.len().max(1) as f64;
        if share >= RUN_SHARE {
            let from = said[at].0;
            let to = said[at + window.len() - 1].0 + 1;
            let negated = tokens[from..to].iter().filter(|token| token.negated).count();
            add(from, to, share, negated * 2 > to - from);
            at += wanted.len().max(1);
        } else {
            at += 1;
        }
    }
}

/// The forms in which the word at `index` is compared, and how many tokens it takes.
fn keys(text: &Text, index: usize, phrases: &Phrases) -> (BTreeSet<String>, usize) {
    let token = &text.tokens[index];
    let mut keys = BTreeSet::new();
    let mut taken = 1;
    if let Some((concept, length)) = text.longest(index, &phrases.concepts) {
        keys.insert(format!("c:{concept}"));
        taken = length;
    }
    if token.run {
        return (keys, taken);
    }
    if taken == 1 {
        keys.insert(format!("w:{}", token.text));
        if token.text.chars().count() >= 4 && token.text.chars().all(char::is_alphabetic) {
            for (language, affixes) in phrases.affixes.iter().enumerate() {
                for stem in affixes.stems(&token.text) {
                    keys.insert(format!("s:{language}{stem}"));
                }
            }
        }
    }
    (keys, taken)
}

impl crate::phrases::Affixes {
    /// What is left of a word without its affixes, in every way that they can be taken off.
    fn stems(&self, word: &str) -> Vec<String> {
        const LEFT: usize = 4;
        if self.suffixes.is_empty() && self.prefixes.is_empty() {
            return Vec::new();
        }
        let long = |stem: &str, least: usize| stem.chars().count() >= least;
        let bare = |word: &str| {
            let without =
                self.suffixes.iter().filter_map(|suffix| word.strip_suffix(suffix.as_str()));
            without.map(str::to_owned).find(|stem| long(stem, LEFT))
        };
        let mut stems = vec![word.to_owned()];
        stems.extend(word.strip_suffix('s').filter(|stem| long(stem, 3)).map(str::to_owned));
        stems.extend(bare(word));
        for (off, on) in &self.prefixes {
            let Some(rest) = word.strip_prefix(off.as_str()) else { continue };
            let stem = format!("{on}{rest}");
            if long(&stem, LEFT) {
                stems.extend(bare(&stem));
                stems.push(stem);
            }
        }
        stems
    }
}

fn written_of(tokens: &[Token]) -> String {
    let mut written = String::new();
    for token in tokens {
        if !written.is_empty() && !token.run {
            written.push(' ');
        }
        written.push_str(&token.text);
    }
    written
}

/// Whether two words differ by one letter, or two that changed places.
fn nearly(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 || a[..2.min(a.len())] != b[..2.min(b.len())] {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    if a.is_empty() || b.is_empty() {
        return true;
    }
    let swapped = a.len() >= 2 && b.len() >= 2 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
    swapped || a[1..] == b[1..] || a[1..] == *b || *a == b[1..]
}
