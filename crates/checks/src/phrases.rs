//! What hosts say to sell, as data per language: phrases of each kind, numbers, units, negations, stop
//! words and affixes. A language is a file (`pipelines/phrases/en.toml`); a new one needs no code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use reprise_model::{Error, Kind, Result};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use crate::said::SaidKind;
use crate::said::pattern::Patterns;

/// The built-in languages: `pipelines/phrases/*.toml`.
const BUILT_IN: [(&str, &str); 4] = [
    ("en.toml", include_str!("../../../pipelines/phrases/en.toml")),
    ("id.toml", include_str!("../../../pipelines/phrases/id.toml")),
    ("vi.toml", include_str!("../../../pipelines/phrases/vi.toml")),
    ("th.toml", include_str!("../../../pipelines/phrases/th.toml")),
];

/// Phrases and words of every language that is known. Hosts mix languages in one sentence, so all
/// are looked for at once. The default is what is built in.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrases {
    languages: Vec<String>,
    pub(crate) kinds: BTreeMap<SaidKind, Patterns>,
    pub(crate) fillers: Patterns,
    pub(crate) negating: Patterns,
    pub(crate) not_negating: Patterns,
    pub(crate) negating_after: BTreeSet<String>,
    /// What follows `free` where that means a gift.
    pub(crate) gifts: BTreeSet<String>,
    pub(crate) breaks: BTreeSet<String>,
    pub(crate) stop_words: BTreeSet<String>,
    pub(crate) weak: BTreeSet<String>,
    pub(crate) articles: BTreeSet<String>,
    /// What may stand inside a number, as in `one hundred and five`.
    pub(crate) number_joins: BTreeSet<String>,
    pub(crate) numbers: BTreeMap<String, f64>,
    pub(crate) multipliers: BTreeMap<String, f64>,
    pub(crate) units: BTreeMap<String, Unit>,
    /// Concept by word.
    pub(crate) concepts: BTreeMap<String, String>,
    /// Groups of words and concepts of which only one holds.
    pub(crate) opposites: Vec<BTreeSet<String>>,
    pub(crate) affixes: Vec<Affixes>,
    pub(crate) currency_before: BTreeMap<String, String>,
    pub(crate) currency_after: BTreeMap<String, String>,
    pub(crate) bare_amounts: BTreeSet<String>,
    pub(crate) not_prices: BTreeSet<String>,
    pub(crate) tokens_a_word: BTreeMap<String, f64>,
}

/// A unit of measure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    /// The unit that it is counted in, such as `ml`.
    pub(crate) base: String,
    /// How many of them it is.
    pub(crate) factor: f64,
}

/// What is taken off words of a language before they are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Affixes {
    /// Longest first.
    pub(crate) suffixes: Vec<String>,
    /// What is taken off, and what is put there instead.
    pub(crate) prefixes: Vec<(String, String)>,
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LanguageFile {
    /// BCP 47.
    language: String,
    /// In English, for people.
    #[allow(dead_code)] // For who reads the file.
    name: String,
    /// Tokens that make a word, for speech rate: syllables in Vietnamese, characters in Thai.
    #[serde(default = "one")]
    tokens_a_word: f64,
    #[serde(default)]
    words: WordLists,
    #[serde(default)]
    numbers: BTreeMap<String, f64>,
    #[serde(default)]
    multipliers: BTreeMap<String, f64>,
    #[serde(default)]
    units: BTreeMap<String, BTreeMap<String, f64>>,
    #[serde(default)]
    concepts: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    price: PriceWords,
    #[serde(default)]
    says: BTreeMap<SaidKind, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WordLists {
    stop: Vec<String>,
    weak: Vec<String>,
    articles: Vec<String>,
    number_joins: Vec<String>,
    fillers: Vec<String>,
    negating: Vec<String>,
    not_negating: Vec<String>,
    negating_after: Vec<String>,
    gifts: Vec<String>,
    breaks: Vec<String>,
    suffixes: Vec<String>,
    prefixes: Vec<String>,
    opposites: Vec<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PriceWords {
    before: BTreeMap<String, String>,
    after: BTreeMap<String, String>,
    bare: Vec<String>,
    not_before: Vec<String>,
}

fn one() -> f64 {
    1.0
}

impl Default for Phrases {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Phrases {
    /// English, Indonesian, Vietnamese and Thai.
    pub fn built_in() -> Self {
        static BUILT: OnceLock<Phrases> = OnceLock::new();
        BUILT
            .get_or_init(|| {
                // A test reads them too; a file that fails there would be left out here.
                let mut all = Self::none();
                for (name, text) in BUILT_IN {
                    let _ = all.add(text, name);
                }
                all
            })
            .clone()
    }

    /// Of the given files alone: name and text of each.
    ///
    /// # Errors
    /// [`Kind::Malformed`] for a key that is unknown or a phrase that cannot be read, with its line.
    pub fn from_toml_files<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let mut all = Self::none();
        for (name, text) in files {
            all.add(text, name)?;
        }
        Ok(all)
    }

    /// Of every `.toml` file in a folder, in the order of their names.
    ///
    /// # Errors
    /// As [`Phrases::from_toml_files`], and where the folder cannot be read or has none.
    pub fn read_folder(folder: &Path) -> Result<Self> {
        let fails = |error| Error::io(folder.display().to_string(), error);
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(fails)? {
            let path = entry.map_err(fails)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut all = Self::none();
        for path in &paths {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| Error::io(&name, error))?;
            all.add(&text, &name)?;
        }
        if paths.is_empty() {
            let what = "has no phrases: a language is a file such as en.toml";
            return Err(Error::new(Kind::Missing, what).in_file(folder.display().to_string()));
        }
        Ok(all)
    }

    /// The languages, BCP 47, in the order in which they were read.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    fn none() -> Self {
        Self {
            languages: Vec::new(),
            kinds: BTreeMap::new(),
            fillers: Patterns::default(),
            negating: Patterns::default(),
            not_negating: Patterns::default(),
            negating_after: BTreeSet::new(),
            gifts: BTreeSet::new(),
            breaks: BTreeSet::new(),
            stop_words: BTreeSet::new(),
            weak: BTreeSet::new(),
            articles: BTreeSet::new(),
            number_joins: BTreeSet::new(),
            numbers: BTreeMap::new(),
            multipliers: BTreeMap::new(),
            units: BTreeMap::new(),
            concepts: BTreeMap::new(),
            opposites: Vec::new(),
            affixes: Vec::new(),
            currency_before: BTreeMap::new(),
            currency_after: BTreeMap::new(),
            bare_amounts: BTreeSet::new(),
            not_prices: BTreeSet::new(),
            tokens_a_word: BTreeMap::new(),
        }
    }

    fn add(&mut self, text: &str, name: &str) -> Result<()> {
        let file: LanguageFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
            let what = error.message().trim().replace('\n', "; ");
            Error::new(Kind::Malformed, what).in_file(name).at_line(line)
        })?;
        let refused = |phrase: &str, what: String| {
            let line = text.lines().position(|line| line.contains(phrase)).unwrap_or(0) as u64 + 1;
            Error::new(Kind::Malformed, what).in_file(name).at_line(line)
        };
        let push = |patterns: &mut Patterns, phrases: &[String]| -> Result<()> {
            for phrase in phrases {
                patterns.push(&folded(phrase)).map_err(|what| refused(phrase, what))?;
            }
            Ok(())
        };
        for (kind, phrases) in &file.says {
            push(self.kinds.entry(*kind).or_default(), phrases)?;
        }
        push(&mut self.fillers, &file.words.fillers)?;
        push(&mut self.negating, &file.words.negating)?;
        push(&mut self.not_negating, &file.words.not_negating)?;
        let add = |set: &mut BTreeSet<String>, words: &[String]| {
            set.extend(words.iter().map(|word| folded(word)));
        };
        add(&mut self.negating_after, &file.words.negating_after);
        add(&mut self.gifts, &file.words.gifts);
        add(&mut self.breaks, &file.words.breaks);
        add(&mut self.stop_words, &file.words.stop);
        add(&mut self.weak, &file.words.weak);
        add(&mut self.articles, &file.words.articles);
        add(&mut self.number_joins, &file.words.number_joins);
        add(&mut self.bare_amounts, &file.price.bare);
        add(&mut self.not_prices, &file.price.not_before);
        for group in &file.words.opposites {
            self.opposites.push(group.iter().map(|word| folded(word)).collect());
        }
        let fold_keys = |all: BTreeMap<String, f64>| -> Vec<(String, f64)> {
            all.into_iter().map(|(word, value)| (folded(&word), value)).collect()
        };
        self.numbers.extend(fold_keys(file.numbers));
        self.multipliers.extend(fold_keys(file.multipliers));
        for (base, words) in file.units {
            for (word, factor) in fold_keys(words) {
                self.units.insert(word, Unit { base: base.clone(), factor });
            }
        }
        for (concept, words) in file.concepts {
            for word in words {
                self.concepts.insert(folded(&word), concept.clone());
            }
        }
        let currencies = |all: BTreeMap<String, String>| -> Vec<(String, String)> {
            all.into_iter().map(|(word, currency)| (folded(&word), currency)).collect()
        };
        self.currency_before.extend(currencies(file.price.before));
        self.currency_after.extend(currencies(file.price.after));
        let mut suffixes: Vec<String> = file.words.suffixes.iter().map(|s| folded(s)).collect();
        suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.chars().count()));
        let prefixes = file.words.prefixes.iter().map(|prefix| {
            let prefix = folded(prefix);
            match prefix.split_once('>') {
                Some((off, on)) => (off.to_owned(), on.to_owned()),
                None => (prefix, String::new()),
            }
        });
        self.affixes.push(Affixes { suffixes, prefixes: prefixes.collect() });
        self.tokens_a_word.insert(file.language.clone(), file.tokens_a_word);
        self.languages.push(file.language);
        Ok(())
    }
}

fn folded(written: &str) -> String {
    written.nfkc().collect::<String>().to_lowercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_language_is_read_and_knows_every_kind() {
        let all = Phrases::from_toml_files(BUILT_IN).unwrap();
        assert_eq!(all.languages(), ["en", "id", "vi", "th"]);
        assert_eq!(all, Phrases::built_in());
        for file in BUILT_IN {
            let one = Phrases::from_toml_files([file]).unwrap();
            for kind in SaidKind::OF_PHRASES {
                assert!(one.kinds.get(&kind).is_some_and(|p| !p.is_empty()), "{} {kind:?}", file.0);
            }
            assert!(!one.fillers.is_empty() && !one.negating.is_empty());
        }
    }

    #[test]
    fn a_wrong_key_or_phrase_names_file_and_line() {
        let head = "language = \"xx\"\nname = \"X\"\n";
        for (text, place) in [
            ("[words]\nstpo = []\n", "xx.toml:4"),
            ("[says]\ncall_to_axion = []\n", "xx.toml:4"),
            ("[says]\nurgency = [\n\"only (one left\"]\n", "xx.toml:5"),
        ] {
            let text = format!("{head}{text}");
            let error = Phrases::from_toml_files([("xx.toml", text.as_str())]).unwrap_err();
            assert_eq!(error.kind, Kind::Malformed);
            assert!(error.to_string().starts_with(place), "{error}");
        }
    }
}
