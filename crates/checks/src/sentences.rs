//! Verdicts in a seller's words, per language, from `pipelines/sentences/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use reprise_model::{Error, Kind, Outcome, Result, RuleId};
use serde::Deserialize;

/// The languages that are built in.
const BUILT_IN: [(&str, &str); 2] = [
    ("en.toml", include_str!("../../../pipelines/sentences/en.toml")),
    ("id.toml", include_str!("../../../pipelines/sentences/id.toml")),
];

/// What verdicts say to a seller.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentences(Vec<Language>);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    /// BCP 47.
    language: String,
    /// What stands between whole and part.
    decimal: String,
    rules: BTreeMap<RuleId, OfRule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRule {
    pass: String,
    fail: String,
    unknown: String,
}

impl Sentences {
    /// English and Indonesian, read once.
    pub fn built_in() -> &'static Self {
        static READ: LazyLock<Sentences> = LazyLock::new(|| {
            Sentences::from_toml_texts(&BUILT_IN).unwrap_or(Sentences(Vec::new()))
        });
        &READ
    }

    /// Languages from texts, each with the name of its file. A language must have every rule.
    ///
    /// # Errors
    /// `Malformed` with file and what is wrong.
    pub fn from_toml_texts(texts: &[(&str, &str)]) -> Result<Self> {
        let read = |(file, text): &(&str, &str)| {
            let malformed = |what: String| Error::new(Kind::Malformed, what).in_file(*file);
            let language: Language = toml::from_str(text)
                .map_err(|error| malformed(error.message().replace('\n', "; ")))?;
            match RuleId::ALL.iter().find(|rule| !language.rules.contains_key(rule)) {
                Some(rule) => Err(malformed(format!("says nothing of `{rule}`"))),
                None => Ok(language),
            }
        };
        texts.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// What a verdict says, by language.
    pub fn of(
        &self,
        rule: RuleId,
        outcome: Outcome,
        measured: Option<f64>,
    ) -> BTreeMap<String, String> {
        let said = |language: &Language| {
            let of_rule = language.rules.get(&rule)?;
            let template = match outcome {
                Outcome::Pass => &of_rule.pass,
                Outcome::Fail => &of_rule.fail,
                Outcome::Unknown => &of_rule.unknown,
            };
            let figure = measured.map(|value| figure(value, &language.decimal));
            Some((language.language.clone(), filled(template, figure.as_deref())))
        };
        self.0.iter().filter_map(said).collect()
    }
}

/// A figure with at most two decimals.
fn figure(value: f64, decimal: &str) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.replace('.', decimal)
}

/// The template with its figure, or without the parts in brackets that need one.
fn filled(template: &str, measured: Option<&str>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']') else { break };
        out.push_str(&rest[..open]);
        if let Some(measured) = measured {
            out.push_str(&rest[open + 1..open + close].replace("{measured}", measured));
        }
        rest = &rest[open + close + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_languages_are_read() {
        assert_eq!(Sentences::from_toml_texts(&BUILT_IN).unwrap(), *Sentences::built_in());
    }

    #[test]
    fn every_verdict_can_be_said_in_english_and_indonesian() {
        let sentences = Sentences::built_in();
        for &rule in RuleId::ALL {
            for outcome in [Outcome::Pass, Outcome::Fail, Outcome::Unknown] {
                for measured in [None, Some(3.25)] {
                    let said = sentences.of(rule, outcome, measured);
                    assert_eq!(said.keys().collect::<Vec<_>>(), ["en", "id"]);
                    for sentence in said.values() {
                        assert!(sentence.ends_with('.'), "{rule}: {sentence}");
                        assert!(!sentence.contains(['[', ']', '{', '}']), "{rule}: {sentence}");
                    }
                    assert_ne!(said["en"], said["id"]);
                }
            }
        }
    }

    #[test]
    fn figures_are_written_as_the_language_does() {
        let sentences = Sentences::built_in();
        let said = sentences.of(RuleId::VideoFreeze, Outcome::Fail, Some(2.5));
        assert!(said["en"].contains(" 2.5 s"), "{said:?}");
        assert!(said["id"].contains(" 2,5 detik"), "{said:?}");
        let bare = sentences.of(RuleId::VideoFreeze, Outcome::Fail, None);
        assert!(bare["en"].starts_with("The picture freezes."), "{bare:?}");
    }

    #[test]
    fn a_language_that_misses_a_rule_is_refused() {
        let text = BUILT_IN[0].1.replace("[rules.\"video.lag\"]", "[rules.\"video.lagg\"]");
        assert!(Sentences::from_toml_texts(&[("xx.toml", &text)]).is_err());
    }
}
