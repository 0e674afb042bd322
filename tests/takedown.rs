//! `reprise takedown` with real workers: what is of a creator goes and does not come back.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use reprise_servers::S3Server;
use reprise_tests::command::{Output, descendants, reprise, reprise_in, signal, start, start_in};
use reprise_tests::dice::Dice;
use reprise_tests::session::{Session, short_clips};
use reprise_tests::tree;
use serde_json::Value;

const SELLER: &str = "friday-show";

fn creator(session: &Session) -> String {
    let text = std::fs::read_to_string(session.manifest()).unwrap();
    let manifest: toml::Value = toml::from_str(&text).unwrap();
    manifest["creator"].as_str().unwrap().to_owned()
}

/// Files of sessions; marks and records are none.
fn of_sessions(out: &Path) -> Vec<String> {
    let all = if out.is_dir() { tree::read(out) } else { tree::Tree::new() };
    let names = all.into_keys().filter(|name| !name.ends_with('/') && !name.contains("/~"));
    names.filter(|name| !name.starts_with(".reprise-tmp")).collect()
}

fn taken_down(out: &Path) {
    let session = [format!("{SELLER}/fixture-evening/session.json")];
    assert_eq!(of_sessions(out), session);
    let text = std::fs::read(out.join(&session[0])).unwrap();
    let tombstone: Value = serde_json::from_slice(&text).unwrap();
    assert!(tombstone["taken_down"]["at"].is_string(), "{tombstone}");
}

#[test]
fn what_is_taken_down_is_gone_until_it_is_lifted() {
    let (session, folder) = (Session::new(), tempfile::tempdir().unwrap());
    let (host, out) = (creator(&session), folder.path().join("out"));
    let settings = short_clips(folder.path()).display().to_string();
    let (manifest, out_text) =
        (session.manifest().display().to_string(), out.display().to_string());
    let run = || reprise(["run", &manifest, "--out", &out_text, "--settings", &settings]);
    let takedown = |more: &[&str]| -> Output {
        let call = ["takedown", "--creator", &host, "--out", &out_text, "--json"];
        reprise(call.iter().copied().chain(more.iter().copied()))
    };
    run().expect(0);
    let made = tree::read(&out);
    let shown = takedown(&["--dry-run"]);
    shown.expect(0).says(&["would be removed"]);
    assert!(tree::read(&out) == made, "a dry run changed something");
    let count = of_sessions(&out).len();
    assert_eq!(shown.json()[0]["removed"].as_array().unwrap().len(), count);

    let done = takedown(&["--reason", "asked for", "--by", "legal"]);
    done.expect(0).says(&[&format!("{count} objects of 1 sessions"), "on record in "]);
    taken_down(&out);
    let record = std::fs::read(done.json()[0]["record"].as_str().unwrap()).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!((&record["finished"], &record["by"]), (&true.into(), &"legal".into()));
    run().expect(64).says(&["was taken down", "--lift"]);
    taken_down(&out);
    takedown(&[]).expect(0).says(&["there is nothing of"]);

    takedown(&["--seller", SELLER, "--lift"]).expect(0).says(&["may be made again"]);
    run().expect(0);
    let again: Vec<String> = of_sessions(&out);
    let before: Vec<&String> = made.keys().filter(|name| !name.ends_with('/')).collect();
    assert_eq!(again.iter().collect::<Vec<_>>(), before);
    takedown(&["--seller", "somebody/else"]).expect(64);
}

#[test]
fn a_bucket_is_cleared_as_a_folder_is() {
    let (session, root) = (Session::new(), tempfile::tempdir().unwrap());
    let server = S3Server::start(root.path());
    server.make_bucket("clips");
    let settings = short_clips(root.path()).display().to_string();
    let dest = format!("s3://clips/ours?endpoint={}", server.endpoint());
    let manifest = session.manifest().display().to_string();
    let environment = server.environment();
    reprise_in(&environment, ["run", &manifest, "--out", &dest, "--settings", &settings]).expect(0);
    let host = creator(&session);
    let call = ["takedown", "--creator", &host, "--seller", SELLER, "--out", &dest];
    // One request in ten goes wrong.
    server.fault(10);
    reprise_in(&environment, call).expect(0).says(&["objects of 1 sessions"]);
    server.fault(0);
    taken_down(&root.path().join("clips/ours"));
}

#[test]
fn a_worker_that_stands_still_meanwhile_brings_nothing_back() {
    let (session, folder) = (Session::new(), tempfile::tempdir().unwrap());
    let (host, out) = (creator(&session), folder.path().join("out"));
    let settings = short_clips(folder.path()).display().to_string();
    let queue = format!("sqlite://{}/queue.db", folder.path().display());
    let (manifest, out_text) =
        (session.manifest().display().to_string(), out.display().to_string());
    let put = reprise(["enqueue", &manifest, "--out", &out_text, "--queue", &queue, "--json"]);
    put.expect(0);
    let id = put.json()["id"].as_str().unwrap().to_owned();
    let arguments = ["worker", "--queue", &queue, "--lease", "2", "--settings", &settings];
    let worker = start(arguments);
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(120), "waited two minutes until {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait("a clip is there", &|| of_sessions(&out).iter().any(|name| name.contains("/clips/")));
    let all = descendants(worker.id());
    signal("STOP", &all);
    let call = ["takedown", "--creator", &host, "--out", &out_text, "--queue", &queue];
    let mut done = reprise(call);
    while done.code == Some(75) {
        // Stopped in the middle of a write it keeps the queue's lock, and nobody gets past it.
        signal("CONT", &all);
        std::thread::sleep(Duration::from_millis(50));
        signal("STOP", &all);
        done = reprise(call);
    }
    done.expect(0).says(&["jobs removed"]);
    taken_down(&out);
    signal("CONT", &all);
    wait("its job is ended", &|| descendants(worker.id()).len() == 1);
    taken_down(&out);
    let job = reprise(["jobs", "show", &id, "--queue", &queue, "--json"]).json();
    assert_eq!(job["state"], "cancelled", "{job}");
    worker.kill();
    // Whoever puts it in again learns why nothing comes of it.
    reprise(["jobs", "retry", &id, "--queue", &queue]).expect(0);
    let last = start(arguments.into_iter().chain(["--until-empty"]));
    last.wait(Duration::from_secs(120)).expect(0);
    let job = reprise(["jobs", "show", &id, "--queue", &queue, "--json"]).json();
    assert_eq!(job["state"], "parked", "{job}");
    assert!(job["failure"]["error"].as_str().unwrap().contains("was taken down"), "{job}");
    taken_down(&out);
}

/// What the records of all takedowns name.
fn on_record(out: &Path) -> BTreeSet<String> {
    let all = tree::read(out).into_iter().filter(|(name, _)| name.contains("/~audit/"));
    let records: Vec<Value> =
        all.filter_map(|(_, entry)| serde_json::from_slice(&entry.bytes).ok()).collect();
    let removed = records.iter().filter_map(|record| record["removed"].as_array()).flatten();
    removed.filter_map(|object| object["key"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_takedown_that_is_killed_at_any_point_is_finished_by_the_next() {
    let (session, root) = (Session::new(), tempfile::tempdir().unwrap());
    let server = S3Server::start(root.path());
    let environment = server.environment();
    let settings = short_clips(root.path()).display().to_string();
    let manifest = session.manifest().display().to_string();
    let made = root.path().join("made");
    let made_text = made.display().to_string();
    reprise(["run", &manifest, "--out", &made_text, "--settings", &settings]).expect(0);
    let all: BTreeSet<String> = of_sessions(&made).into_iter().collect();
    let host = creator(&session);
    let mut dice = Dice::new(0x7a4e);
    let (mut early, mut whole) = (0, [Duration::ZERO; 2]);
    for kill in 0..12 {
        // The first of each is not killed: it shows how long one takes.
        let (in_bucket, first) = (kill % 2 == 1, kill < 2);
        let name = format!("take-{kill}");
        let out = root.path().join(&name);
        if in_bucket {
            server.make_bucket(&name);
            for file in &all {
                server.put(&name, file, std::fs::read(made.join(file)).unwrap());
            }
        } else {
            tree::copy(&made, &out);
        }
        let dest = match in_bucket {
            true => format!("s3://{name}"),
            false => out.display().to_string(),
        };
        let call = ["takedown", "--creator", &host, "--seller", SELLER, "--out", &dest];
        if first {
            let begun = Instant::now();
            reprise_in(&environment, call).expect(0);
            whole[kill] = begun.elapsed();
        } else {
            let delay = whole[kill % 2].mul_f64(dice.share());
            early += usize::from(start_in(&environment, call).kill_after(delay).code.is_none());
            reprise_in(&environment, call).expect(0);
        }
        taken_down(&out);
        assert!(on_record(&out).is_superset(&all), "{dest}: {:?}", on_record(&out));
    }
    assert!(early > 0, "every takedown ended before it was killed");
}
