//! The structure that ARCHITECTURE.md promises, read off the manifests and the files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reprise_model::RuleId;
use reprise_tests::live;

/// Every crate and its rank; a crate depends only on lower ranks.
const RANKS: [(&str, u32); 13] = [
    ("model", 0),
    ("media", 1),
    ("segment", 1),
    ("store", 1),
    ("queue", 1),
    ("ingest", 2),
    ("checks", 2),
    ("transcode", 3),
    ("remix", 3),
    ("publish", 3),
    ("worker", 4),
    ("api", 5),
    ("cli", 6),
];

/// Libraries that one crate alone may name, by the beginning of their names.
const ALONE: [(&str, &str); 15] = [
    ("ffmpeg", "media"),
    ("aws-", "store"),
    ("reqwest", "store"),
    ("ureq", "store"),
    ("async-nats", "queue"),
    ("sqlx", "queue"),
    ("rusqlite", "queue"),
    ("whisper-rs", "checks"),
    ("opencv", "checks"),
    ("gstreamer", "remix"),
    ("gst-", "remix"),
    ("axum", "api"),
    ("clap", "cli"),
    ("opentelemetry", "cli"),
    ("tracing-opentelemetry", "cli"),
];

/// Longest source file, lines.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// Every file of the project, with its path relative to the root.
fn files() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let made =
                ["target", ".git", "out", "demo", "fixtures/target"].contains(&name.as_str());
            if path.is_dir() && !made {
                folders.push(path);
            } else if path.is_file() {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

/// Every source file with its text.
fn sources() -> Vec<(String, String)> {
    let read = |(name, path): (String, PathBuf)| {
        name.ends_with(".rs").then(|| (name, std::fs::read_to_string(path).unwrap()))
    };
    files().into_iter().filter_map(read).collect()
}

/// The manifest of each folder of `crates/`.
fn manifests() -> BTreeMap<String, toml::Table> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    let read = |folder: PathBuf| {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        (name, text.parse().unwrap())
    };
    folders.map(|entry| read(entry.unwrap().path())).collect()
}

/// Names in the tables of dependencies, those of targets too.
fn dependencies(manifest: &toml::Table, tables: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if tables.contains(&key.as_str()) {
            for (name, value) in table {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                names.push(renamed.unwrap_or(name).to_owned());
            }
        } else if key == "target" {
            for target in table.values().filter_map(toml::Value::as_table) {
                names.extend(dependencies(target, tables));
            }
        }
    }
    names
}

fn rank(name: &str) -> u32 {
    let row = RANKS.iter().find(|(folder, _)| *folder == name);
    row.unwrap_or_else(|| panic!("crates/{name} is not in the table of crates")).1
}

#[test]
fn a_crate_depends_only_on_lower_ranks() {
    for (name, manifest) in manifests() {
        assert_eq!(manifest["package"]["name"].as_str(), Some(format!("reprise-{name}").as_str()));
        for other in dependencies(&manifest, &["dependencies", "build-dependencies"]) {
            let Some(other) = other.strip_prefix("reprise-") else { continue };
            assert!(rank(other) < rank(&name), "{name} may not depend on {other}");
        }
    }
}

#[test]
fn a_library_is_named_by_its_own_crate_alone() {
    for (name, manifest) in manifests() {
        let all = ["dependencies", "build-dependencies", "dev-dependencies"];
        for library in dependencies(&manifest, &all) {
            for (start, owner) in ALONE.iter().filter(|(start, _)| library.starts_with(start)) {
                assert_eq!(name, *owner, "{name} may not name {library} ({start})");
            }
        }
    }
}

#[test]
fn the_model_does_no_io() {
    let banned = ["std::fs", "std::net", "std::process", "async fn", "tokio"];
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("crates/model/")) {
        for word in banned {
            assert!(!text.contains(word), "{name} holds `{word}`");
        }
    }
}

#[test]
fn every_source_file_opens_with_one_sentence() {
    for (name, text) in sources() {
        let opening: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
        let sentence = opening.join(" ");
        assert!(!sentence.is_empty(), "{name} does not open with `//!`");
        assert!(sentence.ends_with(['.', ':']), "{name}: the opening is no sentence: {sentence}");
    }
}

#[test]
fn no_source_file_is_too_long() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{name} has {lines} lines");
    }
}

#[test]
fn the_unsafe_keyword_stays_in_the_ffi_of_media() {
    let keyword = concat!("un", "safe");
    for (name, text) in sources() {
        if name.starts_with("crates/media/src/ffi/") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let word =
                code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == keyword);
            assert!(!word, "{name}:{}: {line}", index + 1);
        }
    }
}

#[test]
fn no_file_names_a_machine_or_where_it_was_written() {
    // In halves, so that this file does not hold them.
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/user"),
        concat!(".car", "go/registry"),
        concat!("replace", "-with"),
        concat!("art", "ifactory"),
        concat!("sand", "box-"),
    ];
    for (name, path) in files() {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        for word in banned {
            assert!(!text.contains(word), "{name} holds `{word}`");
        }
    }
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let public = "registry+https://github.com/rust-lang/crates.io-index";
    for source in lock.lines().filter_map(|line| line.strip_prefix("source = ")) {
        assert_eq!(source.trim_matches('"'), public);
    }
}

#[test]
fn every_rule_has_a_verdict_function_of_its_name() {
    let texts: Vec<String> = sources()
        .into_iter()
        .filter(|(name, _)| name.starts_with("crates/checks/src/"))
        .map(|(_, text)| text)
        .collect();
    let missing: Vec<&str> = RuleId::ALL
        .iter()
        .map(|rule| rule.as_str())
        .filter(|id| {
            let function = format!("fn {}(", id.replace('.', "_"));
            !texts.iter().any(|text| text.contains(&function))
        })
        .collect();
    assert!(missing.is_empty(), "no function in crates/checks for {missing:?}");
}

#[test]
fn every_rule_of_the_standards_is_known() {
    let Some(path) = live::shared("STANDARDS.md") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let families = [
        "video.",
        "clip.",
        "compliance.",
        "audio.",
        "live.",
        "product.",
        "speech.",
        "visual.",
        "picture.",
    ];
    let mut found = 0;
    for id in text.split('`').skip(1).step_by(2) {
        if families.iter().any(|family| id.starts_with(family)) {
            assert!(RuleId::parse(id).is_some(), "{id} is no rule of the model");
            found += 1;
        }
    }
    assert!(found >= 25, "{found} rules in the standards");
}
