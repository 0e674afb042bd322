//! Phrases as patterns over tokens, and lists of them that are searched at once.
//!
//! A pattern is words with spaces between. `tap*` begins with `tap`; `(tap|click)` is one of several,
//! `(the|)` may be left out; `#` is any number; `...` is up to four other words. In scripts without
//! spaces words are simply written after each other, and `...` is up to sixteen characters.

use std::collections::BTreeMap;

use super::script::is_spaceless;
use super::text::Token;

/// Other words that `...` stands for, at most.
const GAP: usize = 4;
/// Other characters of a script without spaces.
const GAP_RUN: usize = 16;

/// Patterns by what they begin with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patterns {
    all: Vec<Pattern>,
    /// By the first word, where the pattern begins with one.
    by_first: BTreeMap<String, Vec<usize>>,
    /// The others.
    open: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Pattern {
    written: String,
    elements: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Word(String),
    Begins(String),
    /// Each is a sequence of words; an empty one may be left out.
    Either(Vec<Vec<Element>>),
    Number,
    Gap,
}

impl Patterns {
    /// Adds a phrase.
    pub(crate) fn push(&mut self, written: &str) -> Result<(), String> {
        let elements = parse(written)?;
        let index = self.all.len();
        match elements.first() {
            Some(Element::Word(word)) => {
                self.by_first.entry(word.clone()).or_default().push(index);
            }
            Some(_) => self.open.push(index),
            None => return Err("an empty phrase".to_owned()),
        }
        self.all.push(Pattern { written: written.to_owned(), elements });
        Ok(())
    }

    /// Whether there is none.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many tokens the longest phrase that begins at `index` takes.
    pub(crate) fn matches_at(&self, tokens: &[Token], index: usize) -> Option<usize> {
        self.find_at(tokens, index).map(|(taken, _)| taken)
    }

    /// The same with the phrase.
    pub(crate) fn find_at(&self, tokens: &[Token], index: usize) -> Option<(usize, &str)> {
        let first = tokens.get(index)?;
        let named = self.by_first.get(&first.text).into_iter().flatten();
        named
            .chain(&self.open)
            .filter_map(|&pattern| {
                let pattern = &self.all[pattern];
                let end = matched(&pattern.elements, tokens, index)?;
                (end > index).then_some((end - index, pattern.written.as_str()))
            })
            .max_by_key(|(taken, _)| *taken)
    }
}

fn parse(written: &str) -> Result<Vec<Element>, String> {
    let mut rest = written.trim();
    let elements = sequence(&mut rest, 0).map_err(|what| format!("`{written}`: {what}"))?;
    match rest.chars().next() {
        Some(c) => Err(format!("`{written}`: `{c}` stands alone")),
        None => Ok(elements),
    }
}

/// Elements up to the end, or to the `|` or `)` of the bracket that they stand in.
fn sequence(rest: &mut &str, depth: usize) -> Result<Vec<Element>, String> {
    let mut elements = Vec::new();
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with([')', '|']) {
            return Ok(elements);
        }
        if let Some(after) = rest.strip_prefix('(') {
            if depth >= 3 {
                return Err("brackets are nested too deep".to_owned());
            }
            *rest = after;
            let mut ways = vec![sequence(rest, depth + 1)?];
            while let Some(after) = rest.strip_prefix('|') {
                *rest = after;
                ways.push(sequence(rest, depth + 1)?);
            }
            *rest = rest.strip_prefix(')').ok_or("`)` is missing")?;
            if let Some(after) = rest.strip_prefix('*') {
                *rest = after;
                ways.iter_mut().filter_map(|way| way.last_mut()).for_each(|last| {
                    if let Element::Word(word) = last {
                        *last = Element::Begins(std::mem::take(word));
                    }
                });
            }
            elements.push(Element::Either(ways));
        } else if let Some(after) = rest.strip_prefix("...") {
            elements.push(Element::Gap);
            *rest = after;
        } else if let Some(after) = rest.strip_prefix('#') {
            elements.push(Element::Number);
            *rest = after;
        } else {
            let stops = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '|' | '#');
            let end = [rest.find(stops), rest.find("...")].into_iter().flatten().min();
            let (written, after) = rest.split_at(end.unwrap_or(rest.len()));
            if written == "*" {
                return Err("`*` stands alone".to_owned());
            }
            word(written, &mut elements);
            *rest = after;
        }
    }
}

fn word(written: &str, elements: &mut Vec<Element>) {
    let folded = written.to_lowercase();
    let mut latin = String::new();
    for c in folded.chars() {
        if is_spaceless(c) {
            if !latin.is_empty() {
                elements.push(Element::Word(std::mem::take(&mut latin)));
            }
            elements.push(Element::Word(c.to_string()));
        } else {
            latin.push(c);
        }
    }
    match latin.strip_suffix('*') {
        Some(begin) => elements.push(Element::Begins(begin.to_owned())),
        None if !latin.is_empty() => elements.push(Element::Word(latin)),
        None => {}
    }
}

/// Where a pattern that begins at `at` ends.
fn matched(elements: &[Element], tokens: &[Token], at: usize) -> Option<usize> {
    let Some((element, rest)) = elements.split_first() else { return Some(at) };
    match element {
        Element::Word(word) => {
            let token = tokens.get(at)?;
            (token.text == *word).then(|| matched(rest, tokens, at + 1))?
        }
        Element::Begins(begin) => {
            let token = tokens.get(at)?;
            token.text.starts_with(begin.as_str()).then(|| matched(rest, tokens, at + 1))?
        }
        Element::Number => {
            let token = tokens.get(at)?;
            token.number?;
            // The unit that was read with it may also be written in the pattern.
            matched(rest, tokens, at + token.length).or_else(|| {
                (1..token.length).rev().find_map(|taken| matched(rest, tokens, at + taken))
            })
        }
        Element::Either(ways) => ways.iter().find_map(|way| {
            let whole: Vec<Element> = way.iter().chain(rest).cloned().collect();
            matched(&whole, tokens, at)
        }),
        Element::Gap => {
            let (mut words, mut characters) = (0, 0);
            let mut to = at;
            loop {
                if let Some(end) = matched(rest, tokens, to) {
                    return Some(end);
                }
                let token = tokens.get(to)?;
                if token.run {
                    characters += 1
                } else {
                    words += 1
                }
                if token.clause_end || words > GAP || characters > GAP_RUN {
                    return None;
                }
                to += 1;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::text::Text;
    use super::*;
    use crate::phrases::Phrases;

    fn finds(pattern: &str, written: &str) -> bool {
        let mut patterns = Patterns::default();
        patterns.push(pattern).unwrap();
        let text = Text::of_str(written, &Phrases::built_in());
        (0..text.tokens.len()).any(|index| patterns.matches_at(&text.tokens, index).is_some())
    }

    #[test]
    fn patterns_find_what_they_say() {
        assert!(finds("tap* (the|that|) basket", "now tapping basket"));
        assert!(finds("tap* (the|that|) basket", "Tap that basket!"));
        assert!(!finds("tap* (the|that|) basket", "tap my basket"));
        assert!(finds("only # left", "only twenty five left"));
        assert!(finds("diskon # persen", "diskon 20 persen"));
        assert!(finds("buy ... now", "buy this lovely bag now"));
        assert!(!finds("buy ... now", "buy it. It is now noon"));
        assert!(finds("กด...ตะกร้า", "กดที่ตะกร้าเลยค่ะ"));
        assert!(!finds("กดตะกร้า", "กดดัน ตะกร้า"));
    }

    #[test]
    fn a_wrong_pattern_is_refused() {
        assert!(Patterns::default().push("tap (the").is_err());
        assert!(Patterns::default().push(" ").is_err());
    }
}
