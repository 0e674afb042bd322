//! A takedown that is killed anywhere is finished by the next, and nothing of the creator comes back.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::store::TestStore;
use reprise_model::{Grade, Kind, Result, WallTime};
use reprise_publish::takedown::{Record, Removed, Takedown};
use reprise_publish::{ClipFiles, ClipFolder, RunManifest, SessionFolder};
use reprise_store::{Entry, Key, ObjectStore, PutOptions, Version};

fn takedown() -> Takedown {
    Takedown {
        seller: "sim-seller".to_owned(),
        creator: "sim-host".to_owned(),
        session: None,
        reason: "asked for".to_owned(),
        by: "tester".to_owned(),
        at: WallTime::parse("2026-11-20T12:00:03Z").unwrap(),
    }
}

/// A session of a creator, as a worker makes it.
fn make(store: &dyn ObjectStore, session: &str, creator: &str) -> Result<()> {
    let mut sample = common::sample();
    sample.outcome.session_id = session.to_owned();
    sample.outcome.creator = creator.to_owned();
    let folder = SessionFolder::new(store, "sim-seller", session).by(creator);
    folder.begin()?;
    folder.stage_put("clip", "key", &1)?;
    let mp4 = b"video".to_vec();
    let product = &sample.products[0];
    let clip =
        common::clip(&common::moment(1, 40.0, 60.0, "p000", 100.0), product, Grade::Basic, &mp4);
    let files = ClipFiles { mp4: &mp4, cover: Some(b"jpeg"), ..ClipFiles::default() };
    folder.put_clip(ClipFolder::Shipped, &clip, &files)?;
    let mut outcome = common::outcome(600.0, Vec::new(), std::slice::from_ref(&clip));
    outcome.session_id = session.to_owned();
    outcome.creator = creator.to_owned();
    let run = RunManifest {
        run: outcome.run.clone(),
        clips: vec![clip.clip_id],
        stages: vec!["clip/key".to_owned()],
        ..RunManifest::default()
    };
    folder.finish(&run, &outcome, "<!doctype html>", &|| Ok(()))?;
    Ok(())
}

/// Two sessions of the creator, one of them not finished, and what is none of theirs.
fn ground() -> TestStore {
    let store = TestStore::default();
    make(&store, "one", "sim-host").unwrap();
    make(&store, "other", "another-host").unwrap();
    let folder = SessionFolder::new(&store, "sim-seller", "begun").by("sim-host");
    folder.begin().unwrap();
    folder.stage_put("clip", "key", &1).unwrap();
    let stranger = SessionFolder::new(&store, "stranger", "one").by("sim-host");
    stranger.begin().unwrap();
    store
}

fn do_it(store: &dyn ObjectStore) -> Result<Record> {
    let takedown = takedown();
    takedown.begin(store)?;
    Ok(takedown.remove(store, &[])?.0)
}

/// What is left of the creator, tombstones and records aside.
fn left(store: &TestStore) -> Vec<String> {
    let of = |key: &String| {
        ["sim-seller/one/", "sim-seller/begun/"].iter().any(|folder| key.starts_with(folder))
    };
    store.files().into_keys().filter(|key| of(key) && !key.ends_with("session.json")).collect()
}

fn sorted(record: &Record) -> Vec<&str> {
    let mut keys: Vec<&str> = record.removed.iter().map(|object| object.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn others(store: &TestStore) -> BTreeMap<String, Vec<u8>> {
    let theirs =
        |key: &String| key.starts_with("sim-seller/other/") || key.starts_with("stranger/");
    store.files().into_iter().filter(|(key, _)| theirs(key)).collect()
}

#[test]
fn all_of_a_creator_goes_and_nothing_else() {
    let store = ground();
    let before = others(&store);
    assert!(before.len() > 8 && left(&store).len() > 8);
    let found = takedown().found(&store).unwrap();
    let record = do_it(&store).unwrap();
    assert_eq!(sorted(&record), sorted(&found));
    assert!(record.finished && record.sessions == ["begun", "one"]);
    assert_eq!(left(&store), Vec::<String>::new());
    assert_eq!(others(&store), before);
    let tombstone = &store.files()["sim-seller/one/session.json"];
    let tombstone: serde_json::Value = serde_json::from_slice(tombstone).unwrap();
    assert_eq!(tombstone["taken_down"]["reason"], "asked for");
    let folder = SessionFolder::new(&store, "sim-seller", "one");
    assert!(folder.newest().unwrap().is_none());
    let kept = store.files();
    let record = kept.iter().find(|(key, _)| key.starts_with("sim-seller/~audit/")).unwrap();
    let record: Record = serde_json::from_slice(record.1).unwrap();
    assert!(record.finished && record.by == "tester" && !record.removed.is_empty());
    // The ways to it go before the rest.
    let log = store.log.lock().unwrap();
    let at = |end: &str| log.iter().position(|line| line.ends_with(end)).unwrap();
    assert!(at("put sim-seller/one/session.json") < at("delete sim-seller/one/report.html"));
    let json = log.iter().position(|l| l.starts_with("delete") && l.ends_with("/clip.json"));
    let mp4 = log.iter().position(|l| l.starts_with("delete") && l.ends_with("/clip.mp4"));
    assert!(json.unwrap() < mp4.unwrap());
}

#[test]
fn a_takedown_that_was_killed_anywhere_is_finished_by_the_next() {
    let clean = ground();
    clean.log.lock().unwrap().clear();
    let all = do_it(&clean).unwrap();
    assert!(all.removed.iter().all(|object| object.digest.is_some()), "{all:?}");
    let operations = clean.log.lock().unwrap().len();
    assert!(operations > 20, "{operations}");
    for stop in 0..operations {
        let store = ground();
        let before = others(&store);
        store.fail_after(Some(stop));
        assert!(do_it(&store).is_err(), "stopped after {stop}");
        store.fail_after(None);
        // As another call, with a record of its own.
        let later = Takedown { at: WallTime::parse("2026-11-20T12:01:00Z").unwrap(), ..takedown() };
        later.begin(&store).unwrap();
        later.remove(&store, &[]).unwrap();
        assert_eq!(left(&store), Vec::<String>::new(), "stopped after {stop}");
        assert_eq!(others(&store), before, "stopped after {stop}");
        // Both records together name all that is gone, with what it was.
        let records = store.files().into_iter().filter(|(key, _)| key.contains("/~audit/"));
        let records = records.map(|(_, bytes)| serde_json::from_slice::<Record>(&bytes).unwrap());
        let named: Vec<Removed> = records.flat_map(|record| record.removed).collect();
        for object in &all.removed {
            let of_it = named.iter().filter(|named| named.key == object.key);
            let digests: Vec<_> = of_it.map(|named| &named.digest).collect();
            assert!(digests.contains(&&object.digest), "{}: {digests:?} after {stop}", object.key);
        }
    }
}

#[test]
fn what_a_worker_writes_late_does_not_stay() {
    // It stands still before each of its operations in turn; meanwhile all is taken down.
    for before in 0.. {
        let store = ground();
        store.log.lock().unwrap().clear();
        store.fail_after(Some(before));
        let early = make(&store, "one", "sim-host");
        store.fail_after(None);
        if early.is_ok() {
            assert!(before > 20, "{before}");
            break;
        }
        do_it(&store).unwrap();
        // It goes on with all that it does: what it did before is done again to the same end.
        let late = make(&store, "one", "sim-host").unwrap_err();
        assert_eq!(late.kind, Kind::Usage, "{late}");
        assert_eq!(left(&store), Vec::<String>::new(), "after {before}");
    }
    // Each single write, with the mark set after its worker began.
    let store = ground();
    let folder = SessionFolder::new(&store, "sim-seller", "one").by("sim-host");
    do_it(&store).unwrap();
    assert_eq!(folder.stage_put("clip", "late", &1).unwrap_err().kind, Kind::Usage);
    let sample = common::sample();
    let moment = common::moment(1, 40.0, 60.0, "p000", 100.0);
    let clip = common::clip(&moment, &sample.products[0], Grade::Basic, b"video");
    let files = ClipFiles { mp4: b"video", ..ClipFiles::default() };
    assert_eq!(folder.put_clip(ClipFolder::Shipped, &clip, &files).unwrap_err().kind, Kind::Usage);
    assert_eq!(folder.put_clip_json(ClipFolder::Shipped, &clip).unwrap_err().kind, Kind::Usage);
    assert_eq!(left(&store), Vec::<String>::new());
}

/// A store under a worker that stands still before one of its operations, while all is taken down, and
/// then goes on.
struct Paused<'a> {
    store: &'a TestStore,
    wish: Takedown,
    before: usize,
    asked: AtomicUsize,
}

impl Paused<'_> {
    fn next(&self) -> &TestStore {
        if self.asked.fetch_add(1, Ordering::Relaxed) == self.before {
            self.wish.begin(self.store).unwrap();
            self.wish.remove(self.store, &[]).unwrap();
        }
        self.store
    }
}

impl ObjectStore for Paused<'_> {
    fn put(&self, key: &Key, bytes: &[u8], options: PutOptions) -> Result<()> {
        self.next().put(key, bytes, options)
    }
    fn put_if_absent(&self, key: &Key, bytes: &[u8], options: PutOptions) -> Result<bool> {
        self.next().put_if_absent(key, bytes, options)
    }
    fn version(&self, key: &Key) -> Result<Option<Version>> {
        self.next().version(key)
    }
    fn put_if_version(
        &self,
        key: &Key,
        bytes: &[u8],
        options: PutOptions,
        version: Option<&Version>,
    ) -> Result<bool> {
        self.next().put_if_version(key, bytes, options, version)
    }
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        self.next().get(key)
    }
    fn exists(&self, key: &Key) -> Result<bool> {
        self.next().exists(key)
    }
    fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        self.next().list(prefix)
    }
    fn delete(&self, key: &Key) -> Result<()> {
        self.next().delete(key)
    }
    fn location(&self, key: &Key) -> String {
        self.store.location(key)
    }
}

/// A worker is stopped before each of its operations in turn, over `ground`.
fn stopped_anywhere(ground: &dyn Fn() -> TestStore, wish: &Takedown) {
    for before in 0.. {
        let store = ground();
        let asked = AtomicUsize::new(0);
        let paused = Paused { store: &store, wish: wish.clone(), before, asked };
        let ended = make(&paused, "one", "sim-host");
        if paused.asked.load(Ordering::Relaxed) <= before {
            ended.unwrap();
            assert!(before > 20, "it stood still {before} times");
            break;
        }
        let files = store.files();
        let of_it = files.keys().filter(|key| key.starts_with("sim-seller/one/"));
        let of_it: Vec<&String> = of_it.filter(|key| !key.ends_with("/session.json")).collect();
        assert!(of_it.is_empty(), "stopped before {before}: {of_it:?}");
        if let Some(session_json) = files.get("sim-seller/one/session.json") {
            let value: serde_json::Value = serde_json::from_slice(session_json).unwrap();
            assert!(value["taken_down"]["at"].is_string(), "stopped before {before}: {value}");
        }
    }
}

#[test]
fn a_worker_that_stood_still_anywhere_and_goes_on_leaves_nothing() {
    let made = || {
        let store = TestStore::default();
        make(&store, "one", "sim-host").unwrap();
        store
    };
    stopped_anywhere(&TestStore::default, &takedown());
    stopped_anywhere(&made, &takedown());
    stopped_anywhere(&made, &Takedown { session: Some("one".to_owned()), ..takedown() });
}

#[test]
fn it_can_be_lifted_and_a_session_alone_taken_down() {
    let store = ground();
    let one = Takedown { session: Some("one".to_owned()), ..takedown() };
    one.begin(&store).unwrap();
    assert_eq!(one.remove(&store, &[]).unwrap().0.sessions, ["one"]);
    assert!(left(&store).iter().all(|key| key.starts_with("sim-seller/begun/")));
    // The others may be made meanwhile, and it too once that is allowed.
    assert_eq!(make(&store, "one", "sim-host").unwrap_err().kind, Kind::Usage);
    make(&store, "begun", "sim-host").unwrap();
    assert!(!takedown().lift(&store).unwrap() && one.lift(&store).unwrap());
    make(&store, "one", "sim-host").unwrap();
    do_it(&store).unwrap();
    assert!(make(&store, "one", "sim-host").is_err());
    assert!(takedown().lift(&store).unwrap());
    assert!(!takedown().lift(&store).unwrap());
    make(&store, "one", "sim-host").unwrap();
    let folder = SessionFolder::new(&store, "sim-seller", "one");
    assert_eq!(folder.newest().unwrap().unwrap().creator, "sim-host");
}

#[test]
fn a_mark_that_cannot_be_read_stops_writers() {
    let store = ground();
    let key = Key::new("sim-seller/~takedowns/sim-host.json").unwrap();
    store.put(&key, b"{", PutOptions::for_key(&key)).unwrap();
    assert_eq!(make(&store, "one", "sim-host").unwrap_err().kind, Kind::Malformed);
    for name in ["a/b", "~x", ".."] {
        let odd = Takedown { creator: name.to_owned(), ..takedown() };
        assert!(odd.begin(&store).is_err() || name == "..", "{name}");
    }
}
