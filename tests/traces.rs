//! Traces: one a LIVE, whoever works on it, sent to a collector only where one is named.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reprise_servers::{HookServer, Reply};
use reprise_tests::command::{reprise_in, start_in};
use reprise_tests::session::{Session, short_clips};
use serde_json::Value;

/// A span as OTLP tells it.
#[derive(Debug)]
struct Span {
    name: String,
    trace: String,
    id: String,
    parent: String,
    seconds: f64,
    attributes: BTreeMap<String, String>,
}

const PATH: &str = "/v1/traces";

fn collected(collector: &HookServer) -> Vec<Span> {
    let mut spans = Vec::new();
    for received in collector.received(PATH) {
        let body: Value = serde_json::from_str(&received.body).unwrap();
        for resource in body["resourceSpans"].as_array().unwrap() {
            let about = attributes(&resource["resource"]["attributes"]);
            assert_eq!(about["service.name"], "reprise");
            let scopes = resource["scopeSpans"].as_array().unwrap();
            for span in scopes.iter().flat_map(|scope| scope["spans"].as_array().unwrap()) {
                let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
                let nanos = |name: &str| text(name).parse::<f64>().unwrap();
                spans.push(Span {
                    name: text("name"),
                    trace: text("traceId"),
                    id: text("spanId"),
                    parent: text("parentSpanId"),
                    seconds: (nanos("endTimeUnixNano") - nanos("startTimeUnixNano")) / 1e9,
                    attributes: attributes(&span["attributes"]),
                });
            }
        }
    }
    spans
}

fn attributes(list: &Value) -> BTreeMap<String, String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|entry| {
            let value = entry["value"]["stringValue"].as_str().unwrap_or_default();
            (entry["key"].as_str().unwrap().to_owned(), value.to_owned())
        })
        .collect()
}

fn surroundings(collector: &HookServer) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url("")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json".to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=clips".to_owned()),
    ]
}

#[test]
fn a_live_is_one_trace_in_all_processes() {
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path()).display().to_string();
    let queue = format!("sqlite://{}/queue.db", folder.path().display());
    let out = folder.path().join("out").display().to_string();
    let session = Session::new();
    let manifest = session.manifest().display().to_string();
    let put = reprise_in(&[], ["enqueue", &manifest, "--out", &out, "--queue", &queue, "--json"]);
    put.expect(0);
    let job = put.json()["id"].as_str().unwrap().to_owned();
    let collector = HookServer::start();
    let work = ["worker", "--queue", &queue, "--until-empty", "--settings", &settings];
    let worked = reprise_in(&surroundings(&collector), work.into_iter().chain(["--slots", "2"]));
    worked.expect(0).says(&["1 jobs done"]);

    let spans = collected(&collector);
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|s| s.name == name).collect() };
    for name in ["job", "live-child", "ingest", "segment", "clips", "clip", "publish"] {
        assert!(!named(name).is_empty(), "no span {name}: {spans:#?}");
    }
    assert_eq!(collector.received(PATH)[0].headers["x-team"], "clips");
    // Whoever knows the job finds its trace.
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    let digest = blake3::hash(job.as_bytes()).to_hex();
    assert_eq!(traces, BTreeSet::from([&digest.as_str()[..32]]), "{spans:#?}");
    let live = named("job").into_iter().find(|s| s.attributes["kind"] == "live.recorded").unwrap();
    assert_eq!((live.attributes["id"].as_str(), live.parent.as_str()), (job.as_str(), ""));
    // A child's part hangs below its job, and its stages below it.
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|s| (s.id.as_str(), s)).collect();
    for child in named("live-child") {
        assert_eq!(by_id[child.parent.as_str()].name, "job");
    }
    for stage in ["ingest", "segment", "clips", "publish"].into_iter().flat_map(named) {
        assert_eq!(by_id[stage.parent.as_str()].name, "live-child", "{stage:?}");
    }
    for clip in named("clip") {
        let parent = by_id[clip.parent.as_str()];
        assert!(["clips", "live-child"].contains(&parent.name.as_str()), "{clip:?}");
        assert!(clip.attributes["moment"].starts_with('m'), "{clip:?}");
    }
    let clips: f64 = named("clip").iter().map(|clip| clip.seconds).sum();
    assert!(clips > 0.0 && live.seconds >= named("clips")[0].seconds, "{spans:#?}");
    let text: String = collector.received(PATH).iter().map(|r| r.body.as_str()).collect();
    assert!(!text.contains("/out"), "a place is in the traces");
}

#[test]
fn a_collector_that_is_away_or_hangs_holds_nothing_up() {
    let session = Session::new();
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path()).display().to_string();
    let manifest = session.manifest().display().to_string();
    let collector = HookServer::start();
    collector.reply(PATH, &[Reply::Hang, Reply::Hang, Reply::Hang]);
    let away = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1".to_owned());
    for (number, to) in [surroundings(&collector), vec![away]].into_iter().enumerate() {
        let out = folder.path().join(number.to_string()).display().to_string();
        let begun = Instant::now();
        let call = ["run", &manifest, "--out", &out, "--settings", &settings];
        start_in(&to, call).wait(Duration::from_secs(120)).expect(0);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
    // What the variables say wrong is told, and the job is done.
    let out = folder.path().join("wrong").display().to_string();
    let wrong = ("OTEL_EXPORTER_OTLP_ENDPOINT", "no address".to_owned());
    let call = ["run", &manifest, "--out", &out, "--settings", &settings];
    reprise_in(&[wrong], call).expect(0);
}

#[test]
fn a_run_continues_the_trace_that_called_it() {
    let session = Session::new();
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path()).display().to_string();
    let manifest = session.manifest().display().to_string();
    let out = folder.path().join("out").display().to_string();
    let collector = HookServer::start();
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let mut around = surroundings(&collector);
    around.push(("TRACEPARENT", format!("00-{trace}-{caller}-01")));
    let call = ["run", &manifest, "--out", &out, "--settings", &settings];
    reprise_in(&around, call).expect(0);
    let spans = collected(&collector);
    let run = spans.iter().find(|span| span.name == "run").unwrap();
    assert_eq!((run.trace.as_str(), run.parent.as_str()), (trace, caller));
    assert!(spans.iter().all(|span| span.trace == trace), "{spans:#?}");

    let before = collector.received(PATH).len();
    let mut off = surroundings(&collector);
    off.push(("OTEL_SDK_DISABLED", "true".to_owned()));
    reprise_in(&off, call).expect(0);
    assert_eq!(collector.received(PATH).len(), before, "traces were sent though they are off");
}
