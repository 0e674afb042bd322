//! The JSON Schemas in `pipelines/schemas/` are those of the types, and real files hold to them.
//!
//! `UPDATE_SCHEMAS=1 cargo test -p reprise-tests --test schemas` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};

use reprise_model::clip::Clip;
use reprise_model::edits::ClipEdits;
use reprise_model::event::Event;
use reprise_model::explanation::Explanation;
use reprise_model::outcome::SessionOutcome;
use reprise_model::plan::Plan;
use reprise_model::posted::Posted;
use reprise_model::remix::Remix;
use reprise_model::session::{Product, SessionManifest};
use reprise_publish::messages::{CloudEvent, HighlightsFailed, HighlightsReady, LiveRecorded};
use reprise_tests::results;
use reprise_tests::session::{Session, short_clips};
use schemars::{Schema, schema_for};
use serde_json::{Value, json};

fn schemas() -> [(&'static str, Schema); 14] {
    [
        ("session-manifest", schema_for!(SessionManifest)),
        ("products", schema_for!(Vec<Product>)),
        ("event", schema_for!(Event)),
        ("session", schema_for!(SessionOutcome)),
        ("clip", schema_for!(Clip)),
        ("remix", schema_for!(Remix)),
        ("plan", schema_for!(Plan)),
        ("clip-edits", schema_for!(ClipEdits)),
        ("post", schema_for!(Posted)),
        ("explanation", schema_for!(Explanation)),
        ("cloudevent", schema_for!(CloudEvent)),
        ("live-recorded", schema_for!(LiveRecorded)),
        ("highlights-ready", schema_for!(HighlightsReady)),
        ("highlights-failed", schema_for!(HighlightsFailed)),
    ]
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../pipelines/schemas")
        .join(format!("{name}.schema.json"))
}

/// Fails where `value` breaks the committed schema of that name.
#[track_caller]
fn assert_holds(name: &str, value: &Value) {
    if let Some(error) = broken(name, value) {
        panic!("{name}: {error}");
    }
}

fn broken(name: &str, value: &Value) -> Option<String> {
    let text = std::fs::read_to_string(path(name)).expect("the schema is there");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let error = validator.iter_errors(value).next()?;
    Some(format!("{error} at {}", error.instance_path()))
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// TOML as the JSON of the same shape.
fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(at) => Value::String(at.to_string()),
        toml::Value::Array(list) => list.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, from_toml(value))).collect()
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

#[test]
fn committed_schemas_are_those_of_the_types() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if update {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), &text).unwrap();
        }
        let committed = std::fs::read_to_string(path(name)).unwrap_or_default();
        assert!(
            committed == text,
            "pipelines/schemas/{name}.schema.json is old; UPDATE_SCHEMAS=1 renews it"
        );
    }
}

#[test]
fn what_a_run_reads_and_writes_holds_to_them() {
    let session = Session::new();
    for manifest in ["session.toml", "session-parts.toml"] {
        let text = std::fs::read_to_string(session.path(manifest)).unwrap();
        assert_holds("session-manifest", &from_toml(toml::from_str(&text).unwrap()));
    }
    assert_holds("products", &json_of(&session.path("products.json")));
    let mut types = std::collections::BTreeSet::new();
    for line in std::fs::read_to_string(session.path("events.jsonl")).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        // One line of each kind is enough of the fixture's hundreds.
        if types.insert(event["type"].as_str().unwrap().to_owned()) {
            assert_holds("event", &event);
        }
    }
    assert!(types.len() > 5, "{types:?}");

    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path());
    let run = results::run(&session.manifest(), &["--settings", settings.to_str().unwrap()]);
    assert_holds("session", &json_of(&run.folder().join("session.json")));
    let clips = run.clips();
    assert!(!clips.is_empty(), "nothing was clipped");
    for (folder, _) in &clips {
        assert_holds("clip", &json_of(&folder.join("clip.json")));
    }

    let mut clip = json_of(&clips[0].0.join("clip.json"));
    clip["verdicts"][0]["rule"] = json!("video.smell");
    assert!(broken("clip", &clip).is_some(), "an unknown rule passes");
}

#[test]
fn wrong_documents_break_them() {
    let event = |rest: Value| {
        let mut event = json!({"at": "2026-11-20T12:00:03Z", "type": "like", "count": 3});
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        event
    };
    assert_holds("event", &event(json!({})));
    assert_holds("event", &event(json!({"unknown": 1})));
    assert!(broken("event", &event(json!({"type": "sneeze"}))).is_some());
    assert!(broken("event", &event(json!({"count": "three"}))).is_some());
    let product = json!([{"id": "p", "title": "t", "price": {"value": "1.50", "currency": "USD"}}]);
    assert_holds("products", &product);
    assert!(broken("products", &json!([{"id": "p"}])).is_some());
    assert!(broken("products", &json!([{"id": "p", "title": "t", "colour": "red"}])).is_some());
    let manifest = json!({"id": "a", "seller": "s", "creator": "c"});
    assert_holds("session-manifest", &manifest);
    assert!(broken("session-manifest", &json!({"id": "a"})).is_some());
    assert!(
        broken("session-manifest", &json!({"id": "a/b", "seller": "s", "creator": "c"})).is_some()
    );
    assert!(broken("session", &json!({})).is_some());
    assert!(broken("clip", &json!({})).is_some());
}

/// What the documents show is what is taken and sent; `tests/webhooks.rs` looks at real messages.
#[test]
fn messages_in_the_documents_hold() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/messages.md"));
    let text = text.unwrap();
    let mut types = Vec::new();
    for block in text.split("```json\n").skip(1) {
        let event: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
        assert_holds("cloudevent", &event);
        let kind = event["type"].as_str().unwrap();
        assert_holds(&kind.replace('.', "-"), &event["data"]);
        let mut wrong = event["data"].clone();
        wrong["surprise"] = json!(1);
        assert!(broken(&kind.replace('.', "-"), &wrong).is_some(), "{kind}");
        types.push(kind.to_owned());
    }
    assert_eq!(types, ["live.recorded", "highlights.ready", "highlights.failed"]);
    let nameless =
        json!({"specversion": "1.0", "source": "/a", "type": "live.recorded", "data": {}});
    assert!(broken("cloudevent", &nameless).is_some());
}
