//! What a manifest that can be parsed must hold besides: names, recordings, logs, products.

use std::collections::HashMap;

use reprise_model::bytes::without_secrets;
use reprise_model::session::{EventsEntry, OneOrMany, Product, RecordingEntry, SessionManifest};
use reprise_model::{Error, Kind, MediaDuration, Result};

use crate::explain::{line_of_key, nearest, placed};
use crate::place::{Location, resolve};

/// A file and its text, for messages that name a line.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// An error at the `nth` place where `key` is given a value.
    fn error(&self, kind: Kind, message: String, key: &str, nth: usize) -> Error {
        placed(Error::new(kind, message), self.file, line_of_key(self.text, key, nth))
    }

    fn malformed(&self, message: String, key: &str, nth: usize) -> Error {
        self.error(Kind::Malformed, message, key, nth)
    }
}

/// Time zone and languages.
pub(crate) fn names(manifest: &SessionManifest, source: &Source) -> Result<()> {
    if jiff::tz::TimeZone::get(&manifest.timezone).is_err() {
        let zones: Vec<String> =
            jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let meant = nearest(&manifest.timezone, zones.iter().map(String::as_str));
        let message = format!(
            "`{}` is no known time zone; write {}, a name of the IANA database",
            manifest.timezone,
            meant.map_or("for example `Asia/Jakarta`".to_owned(), |name| format!("`{name}`")),
        );
        return Err(source.malformed(message, "timezone", 0));
    }
    let own = manifest.languages.iter().map(|tag| (tag, "languages"));
    for (tag, key) in own.chain(manifest.language.iter().map(|tag| (tag, "language"))) {
        if !is_language_tag(tag) {
            let dashed = tag.replace('_', "-");
            let advice = if is_language_tag(&dashed) {
                format!("write `{dashed}`")
            } else {
                "write a BCP 47 tag, such as `id` or `pt-BR`".to_owned()
            };
            return Err(source.malformed(format!("`{tag}` is no language tag; {advice}"), key, 0));
        }
    }
    Ok(())
}

/// At least one recording, each once, with a length above zero where one is given; sorts them.
pub(crate) fn recordings(recordings: &mut [RecordingEntry], source: &Source) -> Result<()> {
    if recordings.is_empty() {
        let message = "no recording is named; add `[[recordings]]` with `uri` and `started_at`";
        return Err(Error::new(Kind::Missing, message).in_file(source.file));
    }
    let mut seen = HashMap::new();
    let mut lengths = 0;
    for (index, entry) in recordings.iter().enumerate() {
        if entry.uri.trim().is_empty() {
            let message = "`uri` is empty; name the recording's file".to_owned();
            return Err(source.malformed(message, "uri", index));
        }
        if seen.insert(entry.uri.as_str(), index).is_some() {
            let message = format!(
                "the recording `{}` is named twice; remove one of the entries",
                without_secrets(&entry.uri)
            );
            return Err(source.malformed(message, "uri", index));
        }
        if let Some(duration) = entry.duration_s {
            if duration <= MediaDuration::ZERO {
                let message = "`duration_s` must be above 0 seconds; remove it to have it measured";
                return Err(source.malformed(message.to_owned(), "duration_s", lengths));
            }
            lengths += 1;
        }
    }
    recordings.sort_by_key(|entry| entry.started_at);
    Ok(())
}

/// Each log once, and a share that is one.
pub(crate) fn events(events: Option<&EventsEntry>, source: &Source) -> Result<()> {
    let Some(EventsEntry { log: OneOrMany(logs), bad_line_share_max }) = events else {
        return Ok(());
    };
    if logs.is_empty() || logs.iter().any(|log| log.trim().is_empty()) {
        let message = "`log` names no file; write for example `log = \"events.jsonl\"`".to_owned();
        return Err(source.error(Kind::Missing, message, "log", 0));
    }
    if let Some(log) =
        logs.iter().enumerate().find_map(|(i, log)| logs[..i].contains(log).then_some(log))
    {
        let message = format!("the event log `{log}` is named twice; remove one");
        return Err(source.malformed(message, "log", 0));
    }
    if !(0.0..=1.0).contains(bad_line_share_max) {
        let message = "`bad_line_share_max` is a share; write a number from 0 to 1".to_owned();
        return Err(source.malformed(message, "bad_line_share_max", 0));
    }
    Ok(())
}

/// Checks a product list; `ids_before` keys named `id` stand before those of the products.
pub(crate) fn products(
    products: &[Product],
    base: &Location,
    source: &Source,
    ids_before: usize,
) -> Result<Vec<Error>> {
    let mut warnings = Vec::new();
    let mut seen: HashMap<&str, &Product> = HashMap::new();
    let mut currency = None;
    for (index, product) in products.iter().enumerate() {
        let nth = index + ids_before;
        if product.id.trim().is_empty() {
            let message = format!("the product \"{}\" has an empty `id`", product.title);
            return Err(source.malformed(message, "id", nth));
        }
        if let Some(other) = seen.insert(&product.id, product) {
            let message = format!(
                "the product id `{}` is used twice, by \"{}\" and by \"{}\"; give one another id",
                product.id, other.title, product.title
            );
            return Err(source.malformed(message, "id", nth));
        }
        let name = format!("product `{}`", product.id);
        for (key, money) in [("price", product.price), ("unit_cost", product.unit_cost)] {
            let Some(money) = money else { continue };
            if money.value < rust_decimal::Decimal::ZERO {
                let message = format!("{name}: `{key}` must not be negative");
                return Err(source.malformed(message, "id", nth));
            }
            let first = *currency.get_or_insert(money.currency);
            if first != money.currency {
                let message = format!(
                    "{name}: `{key}` is in {}, earlier prices in {first}; sums are kept per currency",
                    money.currency
                );
                warnings.push(source.malformed(message, "id", nth));
            }
        }
        if product.pictures.is_empty() {
            let message = format!("{name} has no picture, so it cannot be looked for in the LIVE");
            warnings.push(source.error(Kind::Missing, message, "id", nth));
        }
        warnings.extend(missing_files(base, &product.pictures, &name, source));
    }
    Ok(warnings)
}

/// A warning for each of `paths` that should be a file and is none; they are what `owner` names.
pub(crate) fn missing_files(
    base: &Location,
    paths: &[String],
    owner: &str,
    source: &Source,
) -> Vec<Error> {
    let missing = paths.iter().filter_map(|name| match resolve(base, name) {
        Location::File(path) if !path.is_file() => {
            let message = format!("{owner}: the picture {} is not there", path.display());
            Some(Error::new(Kind::Missing, message).in_file(source.file))
        }
        // What is behind an address is seen when it is fetched.
        _ => None,
    });
    missing.collect()
}

/// Two or three letters, then subtags of one to eight letters or digits.
fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}
