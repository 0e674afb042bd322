//! The folder store against crashes, races and hostile folders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime};

use reprise_model::Kind;
use reprise_store::{FolderStore, Key, ObjectStore, PutOptions};

/// Set in a child of these tests: where it writes.
const CHILD_FOLDER: &str = "REPRISE_STORE_TEST_CHILD";

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(store: &dyn ObjectStore, name: &str, bytes: &[u8]) {
    store.put(&key(name), bytes, PutOptions::default()).unwrap();
}

fn names(store: &dyn ObjectStore, prefix: &str) -> Vec<String> {
    store.list(prefix).unwrap().into_iter().map(|entry| entry.key.to_string()).collect()
}

fn visible_files(root: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        count += if entry.path().is_dir() { visible_files(&entry.path()) } else { 1 };
    }
    count
}

#[test]
fn objects_are_put_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = FolderStore::open(dir.path()).unwrap();
    for name in ["s/b/1", "s/b.txt", "s/a", "s/ab/1", "t"] {
        put(&store, name, name.as_bytes());
    }
    assert_eq!(names(&store, ""), ["s/a", "s/ab/1", "s/b.txt", "s/b/1", "t"]);
    assert_eq!(names(&store, "s/b"), ["s/b.txt", "s/b/1"]);
    assert_eq!(names(&store, "s/b/"), ["s/b/1"]);
    assert_eq!(names(&store, "nothing/"), [""; 0]);
    assert_eq!(store.list("s/a").unwrap()[0].len, 3);

    put(&store, "s/a", b"new");
    assert_eq!(store.get(&key("s/a")).unwrap().unwrap(), b"new");
    assert!(!store.put_if_absent(&key("s/a"), b"late", PutOptions::default()).unwrap());
    assert_eq!(store.get(&key("s/a")).unwrap().unwrap(), b"new");
    assert!(store.exists(&key("s/a")).unwrap() && !store.exists(&key("s")).unwrap());
    assert_eq!(store.get(&key("s")).unwrap(), None);
    assert_eq!(store.get(&key("s/a/below")).unwrap(), None);

    for name in ["s/b/1", "s/b/1", "s/b.txt", "s/a", "s/ab/1", "t", "never/was"] {
        store.delete(&key(name)).unwrap();
    }
    drop(store);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "empty folders are removed");
    assert!(dir.path().exists());
}

#[test]
fn leftovers_of_the_dead_are_hidden_and_swept() {
    let dir = tempfile::tempdir().unwrap();
    put(&FolderStore::open(dir.path()).unwrap(), "a/b", b"1");
    let temporary = dir.path().join(".reprise-tmp");
    fs::create_dir(&temporary).unwrap();
    // A child that has ended gives a number that no process has.
    let mut child = Command::new("true").spawn().unwrap();
    let dead = child.id();
    child.wait().unwrap();
    let alive = std::process::id();
    let old = SystemTime::now() - Duration::from_secs(3600);
    for (name, at) in [
        (format!("{dead}-1"), old),
        (format!("{dead}-2"), SystemTime::now()),
        (format!("{alive}-999999"), old),
        ("notes.txt".to_owned(), old),
    ] {
        let file = File::create(temporary.join(name)).unwrap();
        file.set_modified(at).unwrap();
    }
    let store = FolderStore::open(dir.path()).unwrap();
    assert_eq!(names(&store, ""), ["a/b"]);
    assert_eq!(names(&store, "."), [""; 0]);
    assert!(Key::new(format!(".reprise-tmp/{alive}-999999")).is_err());
    let left: Vec<bool> = [
        format!("{dead}-1"),
        format!("{dead}-2"),
        format!("{alive}-999999"),
        "notes.txt".to_owned(),
    ]
    .iter()
    .map(|name| temporary.join(name).exists())
    .collect();
    assert_eq!(left, [false, true, true, true]);
    put(&store, "a/c", b"2");
    assert_eq!(names(&store, ""), ["a/b", "a/c"]);
}

/// Not a test of its own: the child of the next one.
#[test]
fn child_that_puts() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else { return };
    let store = FolderStore::open(folder).unwrap();
    for round in 0u32.. {
        let bytes = vec![(round % 251) as u8; 200_000 + (round as usize % 5) * 70_000];
        store
            .put(&key(&format!("s/{}/clip.mp4", round % 7)), &bytes, PutOptions::default())
            .unwrap();
        let name = format!("s/runs/{round}.json");
        assert!(store.put_if_absent(&key(&name), &bytes, PutOptions::default()).unwrap());
        store.delete(&key(&name)).unwrap();
    }
}

#[test]
fn every_visible_file_is_whole_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for round in 0..12u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_puts"])
            .env(CHILD_FOLDER, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Until it writes, and then a little, a different little each time.
        let begun = Instant::now();
        while !dir.path().join("s").exists() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(7 + 13 * round));
        child.kill().unwrap();
        child.wait().unwrap();

        let store = FolderStore::open(dir.path()).unwrap();
        for entry in store.list("").unwrap() {
            let bytes = store.get(&entry.key).unwrap().unwrap();
            assert_eq!(bytes.len() as u64, entry.len);
            assert!(
                bytes.len() >= 200_000 && (bytes.len() - 200_000).is_multiple_of(70_000),
                "{}",
                entry.key
            );
            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "{}", entry.key);
            seen += 1;
        }
        put(&store, "s/after", b"a store with leftovers goes on");
        store.delete(&key("s/after")).unwrap();
    }
    assert!(seen > 0);
}

#[test]
fn of_many_first_comers_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    const WRITERS: usize = 16;
    for round in 0..20 {
        let name = key(&format!("r/{round}/manifest.json"));
        let barrier = Barrier::new(WRITERS);
        let wins: Vec<bool> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (name, barrier, dir) = (&name, &barrier, dir.path());
                    scope.spawn(move || {
                        let store = FolderStore::open(dir).unwrap();
                        barrier.wait();
                        store
                            .put_if_absent(name, &[writer as u8; 5000], PutOptions::default())
                            .unwrap()
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winner: Vec<usize> = (0..WRITERS).filter(|&writer| wins[writer]).collect();
        assert_eq!(winner.len(), 1);
        let found = FolderStore::open(dir.path()).unwrap().get(&name).unwrap().unwrap();
        assert_eq!(found, [winner[0] as u8; 5000]);
    }
}

#[test]
fn of_many_that_replace_the_same_version_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    const WRITERS: usize = 16;
    let name = key("r/session.json");
    put(&FolderStore::open(dir.path()).unwrap(), name.as_str(), b"first");
    for round in 0..20 {
        let version = FolderStore::open(dir.path()).unwrap().version(&name).unwrap();
        let barrier = Barrier::new(WRITERS);
        let won: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (name, barrier, dir) = (&name, &barrier, dir.path());
                    let version = version.as_ref();
                    scope.spawn(move || {
                        let store = FolderStore::open(dir).unwrap();
                        let bytes = format!("{round} by {writer}");
                        barrier.wait();
                        let options = PutOptions::default();
                        store.put_if_version(name, bytes.as_bytes(), options, version).unwrap()
                    })
                })
                .collect();
            writers.into_iter().map(|writer| usize::from(writer.join().unwrap())).sum()
        });
        assert_eq!(won, 1, "round {round}");
    }
    let store = FolderStore::open(dir.path()).unwrap();
    let version = store.version(&name).unwrap();
    store.delete(&name).unwrap();
    let replaced = |version| store.put_if_version(&name, b"x", PutOptions::default(), version);
    assert!(!replaced(version.as_ref()).unwrap(), "what is gone is another version");
    assert!(replaced(None).unwrap());
    assert!(!replaced(None).unwrap());
    assert!(replaced(store.version(&name).unwrap().as_ref()).unwrap());
}

#[test]
fn a_lock_that_is_not_let_go_is_an_error_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = FolderStore::open(dir.path()).unwrap();
    put(&store, "s", b"1");
    let version = store.version(&key("s")).unwrap();
    let held = fs::File::open(dir.path()).unwrap();
    held.lock().unwrap();
    let replaced =
        || store.put_if_version(&key("s"), b"2", PutOptions::default(), version.as_ref());
    let error = replaced().unwrap_err();
    assert_eq!(error.kind, reprise_model::Kind::TryAgain, "{error}");
    drop(held);
    assert!(replaced().unwrap());
}

#[test]
fn writers_and_removers_do_not_trip_each_other() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let dir = dir.path();
            scope.spawn(move || {
                for round in 0..60 {
                    // Opening and dropping makes and removes the folder of temporaries too.
                    let store = FolderStore::open(dir).unwrap();
                    let name = format!("s/deep/er/{}", (thread + round) % 3);
                    put(&store, &name, b"x");
                    store.list("s/").unwrap();
                    store.delete(&key(&name)).unwrap();
                }
            });
        }
    });
    assert_eq!(visible_files(dir.path()), 0);
}

#[test]
fn links_do_not_lead_outside() {
    let dir = tempfile::tempdir().unwrap();
    let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret"), b"secret").unwrap();
    let store = FolderStore::open(&root).unwrap();
    symlink(&outside, root.join("folder")).unwrap();
    symlink(outside.join("secret"), root.join("file")).unwrap();

    for name in ["folder/secret", "file"] {
        let error = store.get(&key(name)).unwrap_err();
        assert!(error.kind == Kind::Io && error.to_string().contains("symbolic link"), "{error}");
        assert!(store.exists(&key(name)).is_err());
        assert!(store.delete(&key(name)).is_err());
    }
    assert!(store.put(&key("folder/new"), b"x", PutOptions::default()).is_err());
    assert!(store.put_if_absent(&key("folder/new"), b"x", PutOptions::default()).is_err());
    assert!(store.put_if_absent(&key("file"), b"x", PutOptions::default()).is_err());
    assert_eq!(names(&store, ""), [""; 0]);
    assert_eq!(names(&store, "folder/"), [""; 0]);
    // Writing over a link replaces the link, not what it points to.
    put(&store, "file", b"mine");
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);

    fs::remove_dir_all(root.join(".reprise-tmp")).ok();
    symlink(&outside, root.join(".reprise-tmp")).unwrap();
    assert!(FolderStore::open(&root).is_err());
    assert!(store.put(&key("x"), b"x", PutOptions::default()).is_err());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn names_that_clash_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = FolderStore::open(dir.path()).unwrap();
    put(&store, "a/b", b"1");
    for (name, part) in [("a", "is a folder"), ("a/b/c", "is a file")] {
        for error in [
            store.put(&key(name), b"2", PutOptions::default()).unwrap_err(),
            store.put_if_absent(&key(name), b"2", PutOptions::default()).unwrap_err(),
        ] {
            assert!(error.kind == Kind::Io && error.to_string().contains(part), "{error}");
        }
    }
    assert!(FolderStore::open(dir.path().join("a/b")).is_err());
    assert_eq!(store.get(&key("a/b")).unwrap().unwrap(), b"1");
}

/// Not a test of its own: the child of the next one, with files limited to 64 KiB.
#[test]
fn child_that_fails_to_put() {
    let Ok(folder) = std::env::var(format!("{CHILD_FOLDER}_LIMITED")) else { return };
    let store = FolderStore::open(folder).unwrap();
    let error = store.put(&key("a"), &[1; 1_000_000], PutOptions::default()).unwrap_err();
    assert!(error.kind == Kind::Io && error.place.file.is_some(), "{error}");
    assert!(store.put_if_absent(&key("b"), &[1; 1_000_000], PutOptions::default()).is_err());
    assert_eq!(store.get(&key("a")).unwrap().unwrap(), b"before");
    assert_eq!(names(&store, ""), ["a"]);
}

#[test]
fn a_write_that_fails_half_way_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    put(&FolderStore::open(dir.path()).unwrap(), "a", b"before");
    // A limit on the size of files stands in for a full disk; the signal that comes with it is
    // ignored, so that the write itself fails.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact child_that_fails_to_put"])
        .arg(std::env::current_exe().unwrap())
        .env(format!("{CHILD_FOLDER}_LIMITED"), dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(visible_files(dir.path()), 1, "no temporary stays");
}
