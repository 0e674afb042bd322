//! Reads and checks session manifests and product lists.
//!
//! An error names the file, the line where it is known, the key, and what to write instead. What
//! lets the job go on, such as a picture that is not there, is a warning.

use std::path::Path;

use reprise_model::session::{EventsEntry, FileOr, Product, RecordingEntry};
use reprise_model::session::{SellingPoint, SessionManifest};
use reprise_model::{Error, Kind, Result};
use serde_json::json;

use crate::check::{self, Source};
use crate::explain::{Format, json_error, toml_error};
use crate::place::{Location, resolve};

/// Largest manifest or product list in bytes, 16 MiB; a larger file is not one.
pub const MANIFEST_MAX: u64 = 16 << 20;

/// A session manifest that was read and checked.
#[derive(Debug)]
pub struct LoadedSession {
    /// As written, the recordings sorted by `started_at`.
    pub manifest: SessionManifest,
    /// Where the manifest is.
    pub place: Location,
    /// The folder that its paths are relative to.
    pub base: Location,
    /// The products, from the list's own file or from the manifest.
    pub products: Vec<Product>,
    /// Manifest and products in one form that spelling, order of keys, comments and file format do
    /// not change. Contents of recordings, logs and pictures are not part of it.
    pub digest_bytes: Vec<u8>,
    /// What is amiss but stops nothing.
    pub warnings: Vec<Error>,
}

/// Says whether something that a manifest names may be read; see [`load_session_within`].
pub type Guard = dyn Fn(&Location) -> Result<()> + Send + Sync;

/// As [`load_session_within`], where everything may be read.
///
/// # Errors
/// As there.
pub fn load_session(path: &Path) -> Result<LoadedSession> {
    load_session_within(path, &|_| Ok(()))
}

/// Reads the manifest at `path`, a file or an address as [`Location::of_argument`] takes it (TOML or
/// JSON, by name and else by content), and its product list.
/// `guard` is asked about the manifest, and about each place that it or the product list names,
/// before anything is read there.
///
/// # Errors
/// [`Kind::Missing`] for a file or a key that is not there, [`Kind::Malformed`] for what breaks the
/// format or contradicts itself, [`Kind::Limit`] above [`MANIFEST_MAX`]; those of `guard`, and for an
/// address those of [`Location::open`].
pub fn load_session_within(path: &Path, guard: &Guard) -> Result<LoadedSession> {
    let place = Location::of_argument(path);
    guard(&place)?;
    let file = place.to_string();
    let text = read_text(&place)?;
    let format = match place.file_name().to_ascii_lowercase() {
        name if name.ends_with(".toml") => Format::Toml,
        name if name.ends_with(".json") => Format::Json,
        _ if text.trim_start().starts_with('{') => Format::Json,
        _ => Format::Toml,
    };
    let mut manifest: SessionManifest = match format {
        Format::Toml => toml::from_str(&text).map_err(|error| toml_error(&file, &text, &error))?,
        Format::Json => {
            serde_json::from_str(&text).map_err(|error| json_error(&file, &text, &error))?
        }
    };
    let base = place.folder();
    let source = Source { file: &file, text: &text };
    check::names(&manifest, &source)?;
    check::recordings(&mut manifest.recordings, &source)?;
    check::events(manifest.events.as_ref(), &source)?;
    let named = |name: &str| guard(&resolve(&base, name));
    places(&manifest).into_iter().try_for_each(named)?;
    let mut warnings = check::missing_files(&base, &manifest.overlays, "overlays", &source);
    let products = match &manifest.products {
        None => Vec::new(),
        Some(FileOr::List(list)) => {
            pictures(list).try_for_each(named)?;
            // The session's own `id` comes before those of its products.
            warnings.extend(check::products(list, &base, &source, 1)?);
            list.clone()
        }
        Some(FileOr::File(name)) => {
            named(name)?;
            let list_place = resolve(&base, name);
            let list_file = list_place.to_string();
            let list_text = read_text(&list_place)?;
            let list: Vec<Product> = serde_json::from_str(&list_text)
                .map_err(|error| json_error(&list_file, &list_text, &error))?;
            pictures(&list).try_for_each(named)?;
            let list_source = Source { file: &list_file, text: &list_text };
            warnings.extend(check::products(&list, &base, &list_source, 0)?);
            list
        }
    };
    let digest_bytes = canonical(&manifest, &products);
    Ok(LoadedSession { manifest, place, base, products, digest_bytes, warnings })
}

/// Whether a name is that of a picture; a brand may be one, or a name to be looked for in texts.
pub fn is_picture(brand: &str) -> bool {
    let lower = brand.to_ascii_lowercase();
    [".png", ".jpg", ".jpeg", ".webp"].iter().any(|end| lower.ends_with(end))
}

/// What a manifest names besides its product list.
// Every field is named, so that a new one cannot be forgotten here.
fn places(manifest: &SessionManifest) -> Vec<&str> {
    let SessionManifest {
        id: _,
        seller: _,
        creator: _,
        languages: _,
        language: _,
        timezone: _,
        consent: _,
        products: _,
        live_event: _,
        brands,
        overlays,
        recordings,
        events,
    } = manifest;
    let mut places: Vec<&str> = Vec::new();
    places.extend(brands.iter().filter(|brand| is_picture(brand)).map(String::as_str));
    places.extend(overlays.iter().map(String::as_str));
    for RecordingEntry { uri, transcript, started_at: _, duration_s: _ } in recordings {
        places.push(uri);
        places.extend(transcript.as_deref());
    }
    places.extend(events.iter().flat_map(|events| &events.log.0).map(String::as_str));
    places
}

fn pictures(products: &[Product]) -> impl Iterator<Item = &str> {
    products.iter().flat_map(|product| &product.pictures).map(String::as_str)
}

fn read_text(place: &Location) -> Result<String> {
    let bytes = place.read(MANIFEST_MAX).map_err(|error| match error.kind {
        Kind::Limit => {
            let message =
                format!("is larger than {MANIFEST_MAX} bytes; it is no manifest or product list");
            Error::new(Kind::Limit, message).in_file(place.to_string())
        }
        _ => error,
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
            let message = "is not UTF-8 text";
            Err(Error::new(Kind::Malformed, message)
                .in_file(place.to_string())
                .at_line(line as u64))
        }
    }
}

// Every field is named, so that a new one cannot be forgotten here.
fn canonical(manifest: &SessionManifest, products: &[Product]) -> Vec<u8> {
    let SessionManifest {
        id,
        seller,
        creator,
        languages: _,
        language: _,
        timezone,
        consent,
        products: _,
        live_event,
        brands,
        overlays,
        recordings,
        events,
    } = manifest;
    let recordings = recordings.iter().map(|entry| {
        let RecordingEntry { uri, started_at, duration_s, transcript } = entry;
        json!({
            "uri": uri, "started_at": started_at, "duration_s": duration_s,
            "transcript": transcript,
        })
    });
    let events = events.as_ref().map(|EventsEntry { log, bad_line_share_max }| {
        json!({"log": log.0, "bad_line_share_max": bad_line_share_max})
    });
    let products = products.iter().map(
        |Product { id, title, price, unit_cost, brand, selling_points, pictures }| {
            let points =
                selling_points.iter().map(|SellingPoint { text, unique }| json!([text, unique]));
            json!({
                "id": id, "title": title, "price": price, "unit_cost": unit_cost, "brand": brand,
                "selling_points": points.collect::<Vec<_>>(), "pictures": pictures,
            })
        },
    );
    // The keys of a JSON object are kept sorted.
    json!({
        "id": id, "seller": seller, "creator": creator, "languages": manifest.all_languages(),
        "timezone": timezone, "consent": consent, "live_event": live_event, "brands": brands,
        "overlays": overlays, "recordings": recordings.collect::<Vec<_>>(), "events": events,
        "products": products.collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const GOOD: &str = r#"id = "evening"
seller = "acme"
creator = "host-1"
languages = ["id", "pt-BR"]
timezone = "Asia/Jakarta"
products = "products.json"

[[recordings]]
uri = "b.flv"
started_at = 2026-11-20T13:00:03Z
duration_s = 600

[[recordings]]
uri = "a.flv"
started_at = 2026-11-20T12:00:03Z
duration_s = 600

[events]
log = ["events.jsonl"]
"#;
    const PRODUCTS: &str = r#"[
 {"id": "p1", "title": "Serum", "price": {"value": "20.88", "currency": "USD"}, "pictures": ["p1.png"]},
 {"id": "p2", "title": "Toner", "pictures": ["p2.png"]}
]"#;

    fn load(manifest: &str, products: &str) -> Result<LoadedSession> {
        let folder = Folder::new();
        folder.file("products.json", products.as_bytes());
        folder.file("p1.png", b"");
        folder.file("p2.png", b"");
        load_session(&folder.file("session.toml", manifest.as_bytes()))
    }

    fn fails(manifest: &str, products: &str, kind: Kind, line: Option<u64>, words: &[&str]) {
        let error = load(manifest, products).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind, kind, "{text}");
        assert_eq!(error.place.line, line, "{text}");
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
    }

    #[test]
    fn a_session_is_read_and_its_recordings_are_sorted() {
        let session = load(GOOD, PRODUCTS).unwrap();
        assert!(session.warnings.is_empty(), "{:?}", session.warnings);
        let uris: Vec<&str> = session.manifest.recordings.iter().map(|r| r.uri.as_str()).collect();
        assert_eq!(uris, ["a.flv", "b.flv"]);
        assert_eq!(session.products.len(), 2);
        assert_eq!(session.base, session.place.folder());
    }

    #[test]
    fn toml_and_json_of_one_session_have_one_digest() {
        let folder = Folder::new();
        folder.file("products.json", PRODUCTS.as_bytes());
        let toml = load_session(&folder.file("s.toml", GOOD.as_bytes())).unwrap();
        let json = br#"{"products": "products.json", "id": "evening", "seller": "acme", "creator": "host-1",
            "languages": ["id"], "language": "pt-BR", "timezone": "Asia/Jakarta",
            "recordings": [{"uri": "a.flv", "started_at": "2026-11-20T19:00:03+07:00", "duration_s": 600.0},
              {"uri": "b.flv", "started_at": "2026-11-20T13:00:03Z", "duration_s": 600}],
            "events": {"log": "events.jsonl"}}"#;
        for name in ["s.json", "session"] {
            let json = load_session(&folder.file(name, json)).unwrap();
            assert_eq!(json.digest_bytes, toml.digest_bytes);
        }
        let other = load_session(&folder.file("o.toml", GOOD.replace("600", "601").as_bytes()));
        assert_ne!(other.unwrap().digest_bytes, toml.digest_bytes);
    }

    #[test]
    fn errors_name_the_line_the_key_and_what_to_write() {
        let bad = |from: &str, to: &str| GOOD.replacen(from, to, 1);
        let m = Kind::Malformed;
        fails(
            &bad("timezone", "time_zone"),
            "[]",
            m,
            Some(5),
            &["unknown key `time_zone`", "write `timezone`"],
        );
        fails(
            &bad("timezone", "weather"),
            "[]",
            m,
            Some(5),
            &["unknown key `weather`", "`brands`"],
        );
        fails(
            &bad("uri = \"a", "url = \"a"),
            "[]",
            m,
            Some(14),
            &["unknown key `url`", "write `uri`"],
        );
        fails(
            &bad("seller = \"acme\"\n", ""),
            "[]",
            Kind::Missing,
            None,
            &["`seller` is missing", "seller = \"acme-beauty\""],
        );
        fails(
            &bad("\"host-1\"", "7"),
            "[]",
            m,
            Some(3),
            &["`creator`", "integer `7`", "creator = \"host-1\""],
        );
        fails(
            &bad("2026-11-20T13:00:03Z", "2026-11-20T13:00:03"),
            "[]",
            m,
            Some(10),
            &["`started_at`", "a time with a zone"],
        );
        fails(
            &bad("Asia/Jakarta", "Asia/Djakarta"),
            "[]",
            m,
            Some(5),
            &["`Asia/Djakarta`", "write `Asia/Jakarta`"],
        );
        fails(&bad("pt-BR", "pt_BR"), "[]", m, Some(4), &["write `pt-BR`"]);
        fails(&bad("\"id\", ", "\"indonesian\", "), "[]", m, Some(4), &["`indonesian`", "BCP 47"]);
        fails(&bad("a.flv", "b.flv"), "[]", m, Some(14), &["`b.flv` is named twice"]);
        let second = GOOD.replace("duration_s = 600\n\n[events]", "duration_s = 0\n\n[events]");
        fails(&second, "[]", m, Some(16), &["`duration_s` must be above 0"]);
        fails(
            &bad("[events]", "[events]\nbad_line_share_max = 5"),
            "[]",
            m,
            Some(19),
            &["from 0 to 1"],
        );
        fails(
            &bad("[\"events.jsonl\"]", "[]"),
            "[]",
            Kind::Missing,
            Some(19),
            &["`log` names no file"],
        );
        fails(
            &bad("id = \"evening\"", "id = \"../x\""),
            "[]",
            m,
            Some(1),
            &["`id`", "letters, digits"],
        );
        fails("id = \"x", "[]", m, Some(1), &[]);
        let none = "id = \"a\"\nseller = \"s\"\ncreator = \"c\"\n";
        fails(none, "[]", Kind::Missing, None, &["[[recordings]]"]);
    }

    #[test]
    fn errors_of_the_product_list_name_its_file() {
        let bad = |from: &str, to: &str| PRODUCTS.replacen(from, to, 1);
        let m = Kind::Malformed;
        fails(
            GOOD,
            &bad("p2", "p1"),
            m,
            Some(3),
            &["products.json", "`p1` is used twice", "\"Serum\"", "\"Toner\""],
        );
        fails(
            GOOD,
            &bad("\"title\": \"Toner\"", "\"titel\": \"Toner\""),
            m,
            Some(3),
            &["`titel`", "write `title`"],
        );
        fails(GOOD, &bad("20.88\"", "cheap\""), m, Some(2), &["`value`", "20.88"]);
        fails(GOOD, &bad("\"20.88", "\"-1"), m, Some(2), &["`p1`", "`price` must not be negative"]);
        fails(GOOD, "[\n{", m, Some(2), &["is not JSON"]);
        let inline = GOOD.replace("products = \"products.json\"", "consent = true")
            + "[[products]]\nid = \"p\"\ntitle = \"A\"\n[[products]]\nid = \"p\"\ntitle = \"B\"\n";
        fails(&inline, "", m, Some(24), &["`p` is used twice"]);
    }

    #[test]
    fn what_can_go_on_goes_on_with_a_warning() {
        let products = PRODUCTS
            .replace(
                "[\"p2.png\"]",
                "[\"nowhere.png\"], \"unit_cost\": {\"value\": 3, \"currency\": \"IDR\"}",
            )
            .replace(", \"pictures\": [\"p1.png\"]", "");
        let session =
            load(&GOOD.replace("products =", "overlays = [\"card.png\"]\nproducts ="), &products)
                .unwrap();
        let texts: Vec<String> = session.warnings.iter().map(Error::to_string).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        for (text, words) in texts.iter().zip([
            ["overlays", "card.png"],
            ["`p1` has no picture", "products.json:2"],
            ["`p2`: `unit_cost` is in IDR, earlier prices in USD", "products.json:3"],
            ["`p2`", "nowhere.png is not there"],
        ]) {
            assert!(words.iter().all(|word| text.contains(word)), "{words:?} are not in: {text}");
        }
    }

    #[test]
    fn files_that_are_no_manifest_are_refused() {
        let folder = Folder::new();
        let missing = load_session(&folder.path().join("none.toml")).unwrap_err();
        assert_eq!(missing.kind, Kind::Missing);
        assert_eq!(load_session(folder.path()).unwrap_err().kind, Kind::Missing);
        let binary = load_session(&folder.file("a.toml", b"id = 1\n\xff\xfe")).unwrap_err();
        assert_eq!((binary.kind, binary.place.line), (Kind::Malformed, Some(2)));
        let large = folder.file("b.toml", &vec![b'\n'; MANIFEST_MAX as usize + 1]);
        assert_eq!(load_session(&large).unwrap_err().kind, Kind::Limit);
        let listless = load(&GOOD.replace("products.json", "gone.json"), "[]").unwrap_err();
        assert_eq!(listless.kind, Kind::Missing);
    }
}
