//! Turns what a TOML or JSON parser says into where it is, which key it is and what to write.

use reprise_model::{Error, Kind};

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Toml,
    Json,
}

impl Format {
    /// `key = value`, as this format spells it.
    fn pair(self, key: &str, value: &str) -> String {
        match self {
            Self::Toml => format!("{key} = {value}"),
            Self::Json => format!("\"{key}\": {value}"),
        }
    }

    /// A key with a value that would be right.
    fn example(self, key: &str) -> Option<String> {
        let money = match self {
            Self::Toml => "{ value = \"20.88\", currency = \"USD\" }",
            Self::Json => "{\"value\": \"20.88\", \"currency\": \"USD\"}",
        };
        let value = match key {
            "id" => "\"2026-11-20-evening\"",
            "seller" => "\"acme-beauty\"",
            "creator" => "\"host-1\"",
            "languages" => "[\"id\", \"en\"]",
            "language" => "\"id\"",
            "timezone" => "\"Asia/Jakarta\"",
            "consent" | "unique" => "true",
            "products" => "\"products.json\"",
            "live_event" => "\"ev-77\"",
            "brands" => "[\"Acme\"]",
            "brand" => "\"Acme\"",
            "overlays" => "[\"price-card.png\"]",
            "uri" => "\"live.flv\"",
            "started_at" => "\"2026-11-20T12:00:03Z\"",
            "duration_s" => "600",
            "log" => "\"events.jsonl\"",
            "bad_line_share_max" => "0.05",
            "title" | "text" => "\"words\"",
            "price" | "unit_cost" => money,
            "value" => "\"20.88\"",
            "currency" => "\"USD\"",
            "pictures" => "[\"front.jpg\"]",
            _ => return None,
        };
        Some(self.pair(key, value))
    }
}

/// What `toml` said of `text`.
pub(crate) fn toml_error(file: &str, text: &str, error: &toml::de::Error) -> Error {
    // A key that the whole document lacks has no line.
    let whole = |start| start == 0 && error.message().starts_with("missing field");
    let span = error.span().filter(|span| !whole(span.start));
    let line = span.as_ref().map(|span| line_at(text, span.start));
    let key = span.and_then(|span| {
        let before = text.get(..span.start)?;
        let row = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let key = row.rsplit([',', '{']).next()?.split_once('=')?.0.trim();
        (!key.is_empty()).then(|| key.trim_matches('"').to_owned())
    });
    explained(file, Format::Toml, error.message(), line, key)
}

/// What `serde_json` said of `text`.
pub(crate) fn json_error(file: &str, text: &str, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
    let line = Some(error.line() as u64).filter(|line| *line > 0);
    if !error.is_data() {
        return placed(Error::new(Kind::Malformed, format!("is not JSON: {message}")), file, line);
    }
    let row_start = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let offset = row_start.map(str::len).sum::<usize>() + error.column();
    let before = String::from_utf8_lossy(&text.as_bytes()[..offset.min(text.len())]);
    explained(file, Format::Json, message, line, last_json_key(&before))
}

/// The line of the `nth` (from 0) place in `text` where `key` is given a value.
pub(crate) fn line_of_key(text: &str, key: &str, nth: usize) -> Option<u64> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let places = text.match_indices(key).filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + key.len()..].trim_start_matches(['"', ' ', '\t']);
        !before.is_some_and(is_word) && after.starts_with(['=', ':'])
    });
    places.map(|(at, _)| line_at(text, at)).nth(nth)
}

/// The candidate that `word` was most likely meant to be; `None` where none is close.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    candidates
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(steps, _)| *steps <= limit)
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// Names the file and, where known, the line.
pub(crate) fn placed(error: Error, file: &str, line: Option<u64>) -> Error {
    let error = error.in_file(file);
    match line {
        Some(line) => error.at_line(line),
        None => error,
    }
}

fn explained(
    file: &str,
    format: Format,
    message: &str,
    line: Option<u64>,
    key: Option<String>,
) -> Error {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let error = if message.starts_with("unknown field") {
        let unknown = quoted.first().copied().unwrap_or_default();
        let known = quoted.get(1..).unwrap_or_default();
        let advice = match nearest(unknown, known.iter().copied()) {
            Some(meant) => format!("write `{meant}`"),
            None => format!("the keys here are `{}`", known.join("`, `")),
        };
        Error::new(Kind::Malformed, format!("unknown key `{unknown}`; {advice}"))
    } else if message.starts_with("missing field") {
        let missing = quoted.first().copied().unwrap_or_default();
        let advice = format
            .example(missing)
            .map_or_else(String::new, |example| format!("; write for example `{example}`"));
        Error::new(Kind::Missing, format!("`{missing}` is missing{advice}"))
    } else {
        let example = key.as_deref().and_then(|key| format.example(key));
        let name = key.map_or_else(String::new, |key| format!("`{key}`: "));
        let advice =
            example.map_or_else(String::new, |text| format!("; write for example `{text}`"));
        let flat = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::new(Kind::Malformed, format!("{name}{flat}{advice}"))
    };
    placed(error, file, line)
}

fn line_at(text: &str, offset: usize) -> u64 {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count() as u64
}

fn last_json_key(before: &str) -> Option<String> {
    let mut rest = before;
    while let Some((head, _)) = rest.rsplit_once(':') {
        if let Some((_, key)) =
            head.trim_end().strip_suffix('"').and_then(|quoted| quoted.rsplit_once('"'))
        {
            return Some(key.to_owned());
        }
        rest = head;
    }
    None
}

/// Steps of changing, adding, removing a letter or swapping two neighbours from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut steps = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    steps = steps.min(rows[i - 2][j - 2] + 1);
                }
                steps
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["id", "seller", "language", "languages", "timezone"];
        assert_eq!(nearest("langauge", keys.into_iter()), Some("language"));
        assert_eq!(nearest("time_zone", keys.into_iter()), Some("timezone"));
        assert_eq!(nearest("shop", keys.into_iter()), None);
    }

    #[test]
    fn keys_are_found_by_their_line() {
        let text = "id = 1\n[[r]]\nuri = \"id\"\nduration_s = 2\n[[r]]\nduration_s = 3\n";
        assert_eq!(line_of_key(text, "duration_s", 1), Some(6));
        assert_eq!(line_of_key(text, "id", 0), Some(1));
        assert_eq!(line_of_key(text, "id", 1), None, "a value is no key");
        assert_eq!(line_of_key("{\n \"id\" : 1}", "id", 0), Some(2));
    }

    #[test]
    fn the_key_of_a_json_value_is_the_last_one_before_it() {
        assert_eq!(last_json_key(r#"{"a": 1, "at": "12:00:0"#).as_deref(), Some("at"));
        assert_eq!(last_json_key("[1"), None);
    }
}
