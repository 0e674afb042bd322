//! Results in S3: whole or not at all, the first one wins, and plain words for what is wrong.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeMap;
use std::time::Duration;

use reprise_model::Kind;
use reprise_servers::S3Server;
use reprise_store::{Key, NetworkOptions, ObjectStore, PutOptions, S3Access, S3Keys, S3Store};

const MB: usize = 1 << 20;

fn options() -> NetworkOptions {
    NetworkOptions {
        request: Duration::from_secs(10),
        attempts: 4,
        pause: Duration::from_millis(2),
        s3: Some(S3Access {
            keys: Some(S3Keys {
                access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
                secret_access_key: S3Server::SECRET_ACCESS_KEY.to_owned(),
            }),
            ..S3Access::default()
        }),
        ..NetworkOptions::default()
    }
}

fn opened(server: &S3Server, place: &str) -> S3Store {
    let dest = format!("s3://{place}?endpoint={}&region=eu-north-1", server.endpoint());
    S3Store::open(&dest, &options()).unwrap()
}

/// A server with a bucket `clips`; the folder outlives it.
fn served() -> (tempfile::TempDir, S3Server) {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    server.make_bucket("clips");
    (root, server)
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed).collect()
}

#[test]
fn objects_come_back_as_they_were_put() {
    let (_root, server) = served();
    let store = opened(&server, "clips/out/of here");
    for (name, length) in [("a/empty", 0), ("a/small.json", 100), ("b/in parts.mp4", 19 * MB + 7)] {
        let (key, given) = (key(name), bytes(length, 3));
        assert_eq!(store.get(&key).unwrap(), None);
        assert!(!store.exists(&key).unwrap());
        store.put(&key, &given, PutOptions::for_key(&key)).unwrap();
        assert!(store.get(&key).unwrap().unwrap() == given, "{name}");
        assert!(store.exists(&key).unwrap());
    }
    // Another store in the same bucket sees nothing of it.
    assert!(opened(&server, "clips/out/of").list("").unwrap().is_empty());
    let listed: Vec<(String, u64)> =
        store.list("").unwrap().into_iter().map(|e| (e.key.to_string(), e.len)).collect();
    let expected = [("a/empty", 0), ("a/small.json", 100), ("b/in parts.mp4", 19 * MB + 7)];
    assert_eq!(listed, expected.map(|(name, length)| (name.to_owned(), length as u64)));
    assert_eq!(store.list("a/s").unwrap().len(), 1);
    store.put(&key("a/small.json"), b"other", PutOptions::default()).unwrap();
    assert_eq!(store.get(&key("a/small.json")).unwrap().unwrap(), b"other");
    store.delete(&key("a/small.json")).unwrap();
    store.delete(&key("a/small.json")).unwrap();
    assert_eq!(store.get(&key("a/small.json")).unwrap(), None);
    assert_eq!(store.location(&key("x")), "s3://clips/out/of here/x");
}

#[test]
fn of_sixteen_writers_one_is_first() {
    let (_root, server) = served();
    let store = opened(&server, "clips");
    for (round, length) in [(0, 40), (1, 40), (2, 40), (3, 9 * MB)] {
        let name = key(&format!("manifest-{round}.json"));
        let results: BTreeMap<u8, bool> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..16u8)
                .map(|writer| {
                    let (store, name) = (&store, &name);
                    scope.spawn(move || {
                        let given = bytes(length, writer);
                        let won = store.put_if_absent(name, &given, PutOptions::default());
                        (writer, won.unwrap())
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winners: Vec<u8> = results.iter().filter(|(_, won)| **won).map(|(w, _)| *w).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert!(store.get(&name).unwrap().unwrap() == bytes(length, winners[0]));
    }
}

#[test]
fn an_answer_that_is_lost_loses_no_win() {
    let (_root, server) = served();
    let store = opened(&server, "clips");
    assert!(store.put_if_absent(&key("first"), b"1", PutOptions::default()).unwrap());
    for (name, length) in [("small", 10), ("large", 9 * MB)] {
        server.lose_next(1);
        let given = bytes(length, 1);
        assert!(store.put_if_absent(&key(name), &given, PutOptions::default()).unwrap(), "{name}");
        assert!(store.get(&key(name)).unwrap().unwrap() == given);
        assert!(!store.put_if_absent(&key(name), &given, PutOptions::default()).unwrap());
    }
}

#[test]
fn a_busy_server_is_asked_again_and_not_for_ever() {
    let (_root, server) = served();
    let store = opened(&server, "clips");
    server.fail_next(3);
    store.put(&key("a"), b"1", PutOptions::default()).unwrap();
    server.fail_next(100);
    let error = store.put(&key("b"), b"1", PutOptions::default()).unwrap_err();
    assert_eq!(error.kind, Kind::TryAgain, "{error}");
    assert!(
        error.to_string().contains("s3://clips/b: ") && error.to_string().contains("tried 4 times")
    );
    server.fail_next(0);
    assert_eq!(store.get(&key("b")).unwrap(), None);
}

#[test]
fn what_is_wrong_is_said_at_once() {
    let (_root, server) = served();
    let refused = |dest: &str, options: &NetworkOptions| match S3Store::open(dest, options) {
        Ok(_) => panic!("{dest} was opened"),
        Err(error) => error,
    };
    let endpoint = server.endpoint();
    let error = refused(&format!("s3://none/x?endpoint={endpoint}"), &options());
    assert_eq!(error.kind, Kind::Missing, "{error}");
    assert!(error.to_string().contains("no such bucket"), "{error}");
    let mut wrong = options();
    wrong.s3 = Some(S3Access {
        keys: Some(S3Keys {
            access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
            secret_access_key: "hush-hush".to_owned(),
        }),
        ..S3Access::default()
    });
    let error = refused(&format!("s3://clips/x?endpoint={endpoint}"), &wrong);
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    drop(server);
    let error = refused(&format!("s3://clips/x?endpoint={endpoint}"), &options());
    assert_eq!(error.kind, Kind::TryAgain, "{error}");
}

#[test]
fn an_address_for_anybody_reads_and_ends() {
    let (_root, server) = served();
    let store = opened(&server, "clips/x");
    let name = key("clips/a/clip.mp4");
    store.put(&name, b"a clip", PutOptions::for_key(&name)).unwrap();
    let url = store.presigned(&name, Duration::from_secs(60)).unwrap().unwrap();
    let mut answer = ureq::get(&url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "video/mp4");
    assert_eq!(answer.body_mut().read_to_vec().unwrap(), b"a clip");
    let forged = url.replace("clip.mp4", "other.mp4");
    assert!(ureq::get(&forged).call().is_err());
    let error = store.presigned(&name, Duration::from_secs(901)).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
}

#[test]
fn a_server_that_fails_now_and_then_and_drops_connections_is_borne() {
    let (_root, server) = served();
    let dest = format!("s3://clips?endpoint={}&region=eu-north-1", server.endpoint());
    let store = S3Store::open(&dest, &NetworkOptions { attempts: 8, ..options() }).unwrap();
    server.fault(20);
    for number in 0..60 {
        let (one, other) = (key(&format!("a/{number}")), key(&format!("b/{number}")));
        let (first, second) = (bytes(1000 + number, 1), bytes(1000 + number, 2));
        store.put(&one, &first, PutOptions::default()).unwrap();
        assert!(store.get(&one).unwrap().unwrap() == first);
        // Also where the answer to what was done is lost.
        assert!(store.put_if_absent(&other, &first, PutOptions::default()).unwrap(), "{number}");
        assert!(!store.put_if_absent(&other, &second, PutOptions::default()).unwrap(), "{number}");
        let version = store.version(&other).unwrap();
        let replaced =
            store.put_if_version(&other, &second, PutOptions::default(), version.as_ref());
        assert!(replaced.unwrap(), "{number}");
        assert!(store.get(&other).unwrap().unwrap() == second);
        store.delete(&one).unwrap();
        assert!(!store.exists(&one).unwrap());
    }
    let large = bytes(19 * MB, 5);
    store.put(&key("large"), &large, PutOptions::default()).unwrap();
    assert!(store.get(&key("large")).unwrap().unwrap() == large);
    assert_eq!(store.list("").unwrap().len(), 61);
}
