//! Who is first, at a server that keeps conditional writes: one of sixteen, whatever is written.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::time::Duration;

use reprise_servers::MotoServer;
use reprise_store::{Key, NetworkOptions, ObjectStore, PutOptions, S3Access, S3Keys, S3Store};

/// Keys that are fought for.
const KEYS: usize = 200;
const WRITERS: usize = 16;

fn opened(server: &MotoServer, prefix: &str) -> S3Store {
    let keys = S3Keys { access_key_id: "any".to_owned(), secret_access_key: "any".to_owned() };
    let s3 = S3Access { keys: Some(keys), ..S3Access::default() };
    let options = NetworkOptions {
        pause: Duration::from_millis(5),
        s3: Some(s3),
        ..NetworkOptions::default()
    };
    // The bucket of tests; making one is no work of a store.
    let bucket = format!("{}/races", server.endpoint());
    ureq::put(&bucket).send_empty().unwrap();
    let dest = format!("s3://races/{prefix}?endpoint={}&region=us-east-1", server.endpoint());
    S3Store::open(&dest, &options).unwrap()
}

#[test]
fn of_sixteen_committers_on_each_key_one_wins() {
    let Some(server) = MotoServer::start() else { return };
    let stores: Vec<S3Store> = (0..WRITERS).map(|_| opened(&server, "a")).collect();
    let name = |key: usize| Key::new(format!("runs/{key}.json")).unwrap();
    let content = |key: usize, writer: usize| format!("{{\"run\": {key}, \"by\": {writer}}}");
    let won: Vec<Vec<bool>> = std::thread::scope(|scope| {
        let writers: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(writer, store)| {
                scope.spawn(move || {
                    let commit = |key| {
                        let bytes = content(key, writer);
                        let options = PutOptions::for_key(&name(key));
                        store.put_if_absent(&name(key), bytes.as_bytes(), options).unwrap()
                    };
                    (0..KEYS).map(commit).collect()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    for key in 0..KEYS {
        let winners: Vec<usize> =
            (0..).zip(&won).filter(|(_, won)| won[key]).map(|(writer, _)| writer).collect();
        assert_eq!(winners.len(), 1, "key {key} was won by {winners:?}");
        let kept = stores[0].get(&name(key)).unwrap().unwrap();
        assert_eq!(String::from_utf8(kept).unwrap(), content(key, winners[0]), "key {key}");
    }
}

#[test]
fn of_sixteen_that_replace_the_same_version_one_wins() {
    let Some(server) = MotoServer::start() else { return };
    let stores: Vec<S3Store> = (0..WRITERS).map(|_| opened(&server, "v")).collect();
    let key = Key::new("session.json").unwrap();
    stores[0].put(&key, b"0", PutOptions::for_key(&key)).unwrap();
    for round in 1..=20 {
        let version = stores[0].version(&key).unwrap();
        let won: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = stores
                .iter()
                .enumerate()
                .map(|(writer, store)| {
                    let (version, key) = (version.as_ref(), &key);
                    scope.spawn(move || {
                        let bytes = format!("{round} by {writer}");
                        let options = PutOptions::for_key(key);
                        store.put_if_version(key, bytes.as_bytes(), options, version).unwrap()
                    })
                })
                .collect();
            writers.into_iter().map(|writer| usize::from(writer.join().unwrap())).sum()
        });
        assert_eq!(won, 1, "round {round}");
    }
    let version = stores[0].version(&key).unwrap();
    stores[0].delete(&key).unwrap();
    let put = |version| stores[0].put_if_version(&key, b"x", PutOptions::for_key(&key), version);
    assert!(!put(version.as_ref()).unwrap(), "what is gone is another version");
    assert!(put(None).unwrap());
    assert!(!put(None).unwrap());
}

#[test]
fn what_was_left_unfinished_is_swept() {
    let Some(server) = MotoServer::start() else { return };
    let store = opened(&server, "here");
    let begin = |key: &str| {
        let url = format!("{}/races/{key}?uploads", server.endpoint());
        ureq::post(&url).send_empty().unwrap();
    };
    begin("here/clips/a/clip.mp4");
    begin("here/clips/b/clip.mp4");
    begin("elsewhere/clip.mp4");
    // This server says of each that it began in 2010.
    let forty_years = Duration::from_secs(40 * 365 * 86_400);
    assert_eq!(store.sweep_unfinished(forty_years).unwrap(), 0);
    assert_eq!(store.sweep_unfinished(Duration::ZERO).unwrap(), 2);
    assert_eq!(store.sweep_unfinished(Duration::ZERO).unwrap(), 0);
    assert_eq!(opened(&server, "elsewhere").sweep_unfinished(Duration::ZERO).unwrap(), 1);
    let large = vec![7u8; 20 << 20];
    let key = Key::new("clips/c/clip.mp4").unwrap();
    assert!(store.put_if_absent(&key, &large, PutOptions::for_key(&key)).unwrap());
    assert!(!store.put_if_absent(&key, &large, PutOptions::for_key(&key)).unwrap());
    assert!(store.get(&key).unwrap().unwrap() == large);
    assert_eq!(store.sweep_unfinished(Duration::ZERO).unwrap(), 0, "a part was left");
}
