//! What a session's folder holds, whatever fails in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Sample;
use common::store::{PREFIX, TestStore};
use reprise_model::clip::Clip;
use reprise_model::{Error, Grade, Kind, Result};
use reprise_publish::{ClipFiles, ClipFolder, RunManifest, SessionFolder, captions};
use reprise_store::{Entry, FolderStore, Key, ObjectStore, PutOptions, Version};

/// A run over the sample with these clips, as a worker does it: what is whole is not made again.
struct Job {
    sample: Sample,
    run: RunManifest,
    videos: BTreeMap<String, Vec<u8>>,
}

impl Job {
    fn new(run: &str, shipped: &[u32], rejected: &[u32]) -> Self {
        let mut sample = common::sample();
        sample.clips.clear();
        sample.rejected.clear();
        let mut videos = BTreeMap::new();
        for (ranks, grade) in [(shipped, Grade::Basic), (rejected, Grade::Rejected)] {
            for &rank in ranks {
                let moment = common::moment(
                    rank,
                    f64::from(rank) * 40.0,
                    f64::from(rank) * 40.0 + 20.0,
                    "p000",
                    100.0,
                );
                let mp4 = format!("video {rank} of {run}").into_bytes();
                let clip = common::clip(&moment, &sample.products[0], grade, &mp4);
                videos.insert(clip.clip_id.clone(), mp4);
                if grade == Grade::Rejected {
                    sample.rejected.push(clip)
                } else {
                    sample.clips.push(clip)
                }
            }
        }
        sample.outcome = common::outcome(600.0, sample.outcome.moments.clone(), &sample.clips);
        sample.outcome.run = run.to_owned();
        let ids = |clips: &[Clip]| clips.iter().map(|clip| clip.clip_id.clone()).collect();
        let run = RunManifest {
            run: run.to_owned(),
            version: "0.1.0".to_owned(),
            inputs: BTreeMap::from([("recording".to_owned(), format!("digest of {run}"))]),
            clips: ids(&sample.clips),
            rejected: ids(&sample.rejected),
            stages: vec![format!("segment/{run}")],
            given_up: Vec::new(),
        };
        Self { sample, run, videos }
    }

    fn report(&self) -> String {
        format!("<!doctype html>{}", self.run.run)
    }

    fn run(&self, store: &dyn ObjectStore) -> Result<()> {
        self.run_if(store, &|| Ok(()))
    }

    fn run_if(&self, store: &dyn ObjectStore, may_commit: &dyn Fn() -> Result<()>) -> Result<()> {
        let folder = SessionFolder::new(store, "sim-seller", "sim-easy-33");
        if folder.stage_get::<Vec<u32>>("segment", &self.run.run)?.is_none() {
            folder.stage_put("segment", &self.run.run, &vec![1, 2, 3])?;
            folder.stage_put("scratch", "not-named", "gone later")?;
        }
        let shipped = self.sample.clips.iter().map(|clip| (ClipFolder::Shipped, clip));
        let rejected = self.sample.rejected.iter().map(|clip| (ClipFolder::Rejected, clip));
        for (place, clip) in shipped.chain(rejected) {
            if folder.clip_is_whole(place, &clip.clip_id)?.as_ref() != Some(clip) {
                folder.put_clip(place, clip, &self.files(clip))?;
            }
        }
        folder.finish(&self.run, &self.sample.outcome, &self.report(), may_commit)?;
        Ok(())
    }

    fn files(&self, clip: &Clip) -> ClipFiles<'_> {
        ClipFiles {
            mp4: &self.videos[&clip.clip_id],
            cover: Some(b"jpeg"),
            // As many pictures as the run has clips, so that a later run leaves fewer.
            evidence: (0..self.sample.clips.len())
                .map(|n| (format!("evidence/{n}.jpg"), vec![1]))
                .collect(),
            more: Vec::new(),
            captions_vtt: captions::vtt(&clip.words),
            captions_srt: captions::srt(&clip.words),
        }
    }
}

#[test]
fn everything_is_written_in_order() {
    let store = TestStore::default();
    Job::new("run-1", &[1, 2], &[3]).run(&store).unwrap();
    let writes = store.writes();
    let at = |line: &str| {
        writes.iter().position(|w| w == line).unwrap_or_else(|| panic!("{line}: {writes:#?}"))
    };
    assert!(at("put clips/c-01/clip.mp4") < at("put clips/c-01/clip.json"));
    assert!(at("put clips/c-01/evidence/1.jpg") < at("put clips/c-01/clip.json"));
    let order = [
        at("put rejected/c-03/clip.json"),
        at("put_if_absent .runs/run-1.json"),
        at("put report.html"),
        at("put session.json"),
        at("delete .stages/scratch/not-named.json"),
    ];
    assert!(order.is_sorted(), "{writes:#?}");
    let last_put = writes.iter().rposition(|w| w.starts_with("put")).unwrap();
    assert_eq!(writes[last_put], "put session.json");
    let first_delete = writes.iter().position(|w| w.starts_with("delete")).unwrap();
    assert!(first_delete > last_put, "nothing is swept before session.json");
}

#[test]
fn a_new_run_sweeps_what_only_the_old_one_named() {
    let store = TestStore::default();
    Job::new("run-1", &[1, 2, 3], &[4]).run(&store).unwrap();
    store.objects.lock().unwrap().insert(format!("{PREFIX}/notes.txt"), vec![1]);
    store.log.lock().unwrap().clear();
    Job::new("run-2", &[2, 4], &[]).run(&store).unwrap();
    let clip = |folder: &str, id: u32| {
        [
            "clip.mp4",
            "clip.json",
            "cover.jpg",
            "captions.vtt",
            "captions.srt",
            "evidence/0.jpg",
            "evidence/1.jpg",
        ]
        .map(|file| format!("{folder}/c-{id:02}/{file}"))
    };
    let mut expected = BTreeSet::from(
        [
            ".runs/run-2.json",
            ".stages/segment/run-2.json",
            "report.html",
            "session.json",
            "notes.txt",
        ]
        .map(str::to_owned),
    );
    expected.extend(clip("clips", 2));
    expected.extend(clip("clips", 4));
    assert_eq!(store.names(), expected);

    let writes = store.writes();
    let at = |line: &str| writes.iter().position(|w| w == line).unwrap();
    assert!(at("put session.json") < at("delete clips/c-01/clip.json"));
    assert!(at("delete clips/c-01/clip.json") < at("delete clips/c-01/clip.mp4"));
    let folder = SessionFolder::new(&store, "sim-seller", "sim-easy-33");
    assert_eq!(folder.newest_run().unwrap().unwrap().clips, ["c-02", "c-04"]);
    assert_eq!(folder.newest().unwrap().unwrap().run, "run-2");
}

/// Every clip that `session.json` names is whole, or there is no `session.json`.
fn check_reader(store: &TestStore, context: &str) {
    store.fail_after(None);
    let folder = SessionFolder::new(store, "sim-seller", "sim-easy-33");
    let Some(outcome) = folder.newest().unwrap() else { return };
    assert_eq!(folder.newest_run().unwrap().unwrap().run, outcome.run, "{context}");
    assert!(store.names().contains("report.html"), "{context}");
    for clip in &outcome.clips {
        let whole = folder.clip_is_whole(ClipFolder::Shipped, &clip.clip_id).unwrap();
        assert!(whole.is_some(), "{context}: {} is not whole", clip.clip_id);
    }
}

#[test]
fn a_crash_between_any_two_operations_is_mended_by_the_next_run() {
    // The second job shares no clip with the first, as clips of different content have different
    // names.
    let (first, second) = (Job::new("run-1", &[1, 2], &[3]), Job::new("run-2", &[4], &[5]));
    let clean = TestStore::default();
    first.run(&clean).unwrap();
    let after_first = clean.files();
    clean.log.lock().unwrap().clear();
    second.run(&clean).unwrap();
    let (after_second, operations) = (clean.files(), clean.log.lock().unwrap().len());
    assert!(operations > 30, "{operations}");

    for stop in 0..operations {
        // From nothing.
        let store = TestStore::default();
        store.fail_after(Some(stop));
        let crashed = first.run(&store);
        check_reader(&store, &format!("first run stopped after {stop}"));
        first.run(&store).unwrap();
        assert_eq!(store.files(), after_first, "first run stopped after {stop} ({crashed:?})");

        // Over an older result.
        store.fail_after(Some(stop));
        assert!(second.run(&store).is_err(), "stopped after {stop}");
        check_reader(&store, &format!("second run stopped after {stop}"));
        second.run(&store).unwrap();
        assert_eq!(store.files(), after_second, "second run stopped after {stop}");
        second.run(&store).unwrap();
        assert_eq!(store.files(), after_second, "second run again");
    }
}

#[test]
fn a_clip_of_the_same_name_is_replaced_whole() {
    let (first, second) = (Job::new("run-1", &[1, 2], &[]), Job::new("run-2", &[1], &[]));
    let clean = TestStore::default();
    second.run(&clean).unwrap();
    let operations = clean.log.lock().unwrap().len();
    for stop in 0..operations + 12 {
        let store = TestStore::default();
        first.run(&store).unwrap();
        store.fail_after(Some(stop));
        let _ = second.run(&store);
        store.fail_after(None);
        let folder = SessionFolder::new(&store, "sim-seller", "sim-easy-33");
        // In between there may be no such clip, but never a mixture that passes for one.
        if let Some(clip) = folder.clip_is_whole(ClipFolder::Shipped, "c-01").unwrap() {
            assert!(clip == first.sample.clips[0] || clip == second.sample.clips[0]);
        }
        second.run(&store).unwrap();
        assert_eq!(store.files(), clean.files(), "stopped after {stop}");
    }
}

#[test]
fn a_clip_that_is_damaged_is_not_whole() {
    let store = TestStore::default();
    let job = Job::new("run-1", &[1], &[]);
    job.run(&store).unwrap();
    let folder = SessionFolder::new(&store, "sim-seller", "sim-easy-33");
    let whole = || folder.clip_is_whole(ClipFolder::Shipped, "c-01").unwrap();
    assert_eq!(whole().as_ref(), Some(&job.sample.clips[0]));
    assert_eq!(folder.clip_is_whole(ClipFolder::Rejected, "c-01").unwrap(), None);
    for (file, bytes) in [("clip.mp4", b"other".to_vec()), ("clip.json", b"{}".to_vec())] {
        let name = format!("{PREFIX}/clips/c-01/{file}");
        let before = store.objects.lock().unwrap().insert(name.clone(), bytes).unwrap();
        assert_eq!(whole(), None, "{file}");
        store.objects.lock().unwrap().insert(name, before);
        assert!(whole().is_some());
    }
}

#[test]
fn what_does_not_agree_is_refused() {
    let store = TestStore::default();
    let job = Job::new("run-1", &[1, 2], &[]);
    job.run(&store).unwrap();
    let folder = SessionFolder::new(&store, "sim-seller", "sim-easy-33");
    let outcome = &job.sample.outcome;
    let kind = |run: &RunManifest| folder.finish(run, outcome, "", &|| Ok(())).unwrap_err().kind;
    assert_eq!(kind(&RunManifest { run: "other".into(), ..job.run.clone() }), Kind::Bug);
    assert_eq!(kind(&RunManifest { clips: vec!["c-01".into()], ..job.run.clone() }), Kind::Bug);
    assert_eq!(
        kind(&RunManifest { rejected: vec!["c-09".into()], ..job.run.clone() }),
        Kind::TryAgain
    );
    let other = SessionFolder::new(&store, "sim-seller", "other");
    assert_eq!(other.finish(&job.run, outcome, "", &|| Ok(())).unwrap_err().kind, Kind::Bug);

    let mut clip = job.sample.clips[0].clone();
    let files = job.files(&clip);
    clip.source.clip_blake3 = "0".repeat(64);
    assert_eq!(folder.put_clip(ClipFolder::Shipped, &clip, &files).unwrap_err().kind, Kind::Bug);
}

#[test]
fn names_do_not_leave_the_folder() {
    let store = TestStore::default();
    for (seller, session) in [("a/b", "s"), ("..", "s"), ("a", "../b"), ("", "s"), ("a", "")] {
        let folder = SessionFolder::new(&store, seller, session);
        assert!(folder.stage_put("s", "k", &1).is_err(), "{seller:?} {session:?}");
        assert!(folder.newest().is_err(), "{seller:?} {session:?}");
    }
    let folder = SessionFolder::new(&store, "a", "b");
    for bad in ["", "..", "a/b", "/a"] {
        // `..` with an ending is a plain file name.
        assert!(bad == ".." || folder.stage_put("s", bad, &1).is_err(), "{bad:?}");
        assert!(folder.stage_put(bad, "k", &1).is_err(), "{bad:?}");
        assert!(folder.clip_is_whole(ClipFolder::Shipped, bad).is_err(), "{bad:?}");
    }
    let job = Job::new("run-1", &[1], &[]);
    let folder = SessionFolder::new(&store, "sim-seller", "sim-easy-33");
    let mut files = job.files(&job.sample.clips[0]);
    files.evidence = vec![("../../x".to_owned(), vec![1])];
    assert!(folder.put_clip(ClipFolder::Shipped, &job.sample.clips[0], &files).is_err());
}

/// A store under an older run's worker, which stands still before one of its operations while a newer
/// run is made and published.
struct Late<'a> {
    store: &'a TestStore,
    newer: &'a Job,
    before: usize,
    asked: AtomicUsize,
}

impl Late<'_> {
    fn next(&self) -> &TestStore {
        if self.asked.fetch_add(1, Ordering::Relaxed) == self.before {
            self.newer.run(self.store).unwrap();
        }
        self.store
    }

    fn lease_lost(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > self.before
    }
}

impl ObjectStore for Late<'_> {
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

#[test]
fn a_worker_that_stood_still_anywhere_replaces_and_sweeps_nothing_of_a_newer_run() {
    let (oldest, older) = (Job::new("run-0", &[7], &[]), Job::new("run-1", &[1, 2], &[3]));
    let newer = Job::new("run-2", &[4], &[5]);
    let mut stopped = 0;
    for before in 0.. {
        let store = TestStore::default();
        oldest.run(&store).unwrap();
        let late = Late { store: &store, newer: &newer, before, asked: AtomicUsize::new(0) };
        let gate = || match late.lease_lost() {
            true => Err(Error::new(Kind::TryAgain, "the lease is lost")),
            false => Ok(()),
        };
        let ended = older.run_if(&late, &gate);
        if !late.lease_lost() {
            ended.unwrap();
            assert!(before > 40, "it stood still {before} times");
            break;
        }
        stopped += usize::from(ended.is_err());
        let folder = SessionFolder::new(&store, "sim-seller", "sim-easy-33");
        assert_eq!(folder.newest().unwrap().unwrap().run, "run-2", "stopped before {before}");
        assert_eq!(folder.newest_run().unwrap().unwrap(), newer.run, "stopped before {before}");
        let report = &store.files()[&format!("{PREFIX}/report.html")];
        assert_eq!(report, newer.report().as_bytes(), "stopped before {before}");
        for (place, clips) in [
            (ClipFolder::Shipped, &newer.sample.clips),
            (ClipFolder::Rejected, &newer.sample.rejected),
        ] {
            for clip in clips {
                let whole = folder.clip_is_whole(place, &clip.clip_id).unwrap();
                assert!(whole.is_some(), "{} after a stop before {before}", clip.clip_id);
            }
        }
    }
    assert!(stopped > 20, "it learned {stopped} times that it was late");
}

#[test]
fn the_folder_store_holds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, folder) = (TestStore::default(), FolderStore::open(dir.path()).unwrap());
    for job in [Job::new("run-1", &[1, 2], &[3]), Job::new("run-2", &[2], &[])] {
        job.run(&memory).unwrap();
        job.run(&folder).unwrap();
        let found: BTreeMap<String, Vec<u8>> = folder
            .list("")
            .unwrap()
            .into_iter()
            .map(|entry| (entry.key.to_string(), folder.get(&entry.key).unwrap().unwrap()))
            .collect();
        assert_eq!(found, memory.files());
    }
    assert!(!dir.path().join("sim-seller/sim-easy-33/rejected").exists());
}
