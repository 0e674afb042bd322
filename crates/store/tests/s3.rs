//! Recordings in S3: the right bytes, few of them, and a plain word for every way to fail.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::sync::Arc;
use std::time::Duration;

use reprise_model::{ByteSource, Error, Kind, Result};
use reprise_servers::S3Server;
use reprise_store::{NetworkOptions, RemoteSource, S3Access, S3Keys, open_source_with};

const KB: usize = 1 << 10;
const MB: usize = 1 << 20;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn options(server: &S3Server) -> NetworkOptions {
    NetworkOptions {
        request: Duration::from_secs(10),
        attempts: 3,
        pause: Duration::from_millis(5),
        s3: Some(S3Access {
            endpoint: Some(server.endpoint()),
            region: Some(S3Server::REGION.to_owned()),
            keys: Some(S3Keys {
                access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
                secret_access_key: S3Server::SECRET_ACCESS_KEY.to_owned(),
            }),
        }),
        ..NetworkOptions::default()
    }
}

fn open(server: &S3Server, uri: &str) -> Result<Arc<RemoteSource>> {
    open_source_with(uri, &options(server))
}

fn read(source: &dyn ByteSource, from: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match source.read_at(from + filled as u64, &mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[track_caller]
fn says(error: &Error, kind: Kind, words: &str) {
    let text = error.to_string();
    assert_eq!(error.kind, kind, "{text}");
    assert!(text.contains(words), "`{words}` is not in: {text}");
}

#[track_caller]
fn refused(result: Result<impl Sized>, kind: Kind, words: &str) {
    let Err(error) = result else { panic!("it was opened") };
    says(&error, kind, words);
}

#[track_caller]
fn fails(result: std::io::Result<Vec<u8>>, kind: Kind, words: &str) {
    says(&Error::io("?", result.unwrap_err()), kind, words);
}

#[test]
fn a_window_of_a_large_object_costs_about_itself() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    let bytes = pattern(60 * MB);
    server.put("lives", "acme/2026 11/live.ts", bytes.clone());
    let before = server.traffic();
    let source = open(&server, "s3://lives/acme/2026 11/live.ts").unwrap();
    assert_eq!((source.len(), source.name()), (60 * MB as u64, "s3://lives/acme/2026 11/live.ts"));
    let version = source.version().unwrap();
    assert!(version.starts_with("s3://lives/acme/2026 11/live.ts \""), "{version}");
    assert_eq!(read(source.as_ref(), 30 * MB as u64, 376).unwrap(), bytes[30 * MB..30 * MB + 376]);
    let window = 40 * MB + 5..46 * MB + 9;
    source.will_read(window.start as u64..window.end as u64);
    let got = read(source.as_ref(), window.start as u64, window.len()).unwrap();
    assert!(got == bytes[window.clone()]);
    let stats = source.stats();
    assert_eq!(stats.bytes, (window.len() + 2 * 32 * KB) as u64);
    let sent = server.traffic().since(before);
    assert_eq!(sent.requests, stats.requests);
    assert!(sent.bytes < stats.bytes + stats.requests * 1500, "{sent:?} {stats:?}");
}

#[test]
fn several_readers_read_at_once() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    let bytes = pattern(16 * MB);
    server.put("lives", "live.ts", bytes.clone());
    let source = open(&server, "s3://lives/live.ts").unwrap();
    source.will_read(0..bytes.len() as u64);
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let (source, bytes) = (&source, &bytes);
            scope.spawn(move || {
                let from = reader % 4 * 4 * MB;
                let got = read(source.as_ref(), from as u64, 4 * MB).unwrap();
                assert!(got == bytes[from..from + 4 * MB]);
            });
        }
    });
    assert_eq!(source.stats().bytes, bytes.len() as u64);
}

#[test]
fn it_may_be_opened_where_asynchronous_work_runs() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    server.put("lives", "live.ts", pattern(10));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { assert_eq!(open(&server, "s3://lives/live.ts").unwrap().len(), 10) });
}

#[test]
fn refusals_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    server.put("lives", "live.ts", pattern(MB));
    refused(
        open(&server, "s3://lives/none.ts"),
        Kind::Missing,
        "s3://lives/none.ts: does not exist",
    );
    refused(open(&server, "s3://lives/"), Kind::Usage, "names no object");
    refused(open(&server, "s3://lives"), Kind::Usage, "names no object");
    refused(open(&server, "s3://id:hush@lives/live.ts"), Kind::Usage, "s3://lives/live.ts: holds");
    for (key, secret) in
        [(S3Server::ACCESS_KEY_ID, "wrong-secret"), ("wrong-key", S3Server::SECRET_ACCESS_KEY)]
    {
        let mut wrong = options(&server);
        wrong.s3 = wrong.s3.map(|access| S3Access {
            keys: Some(S3Keys {
                access_key_id: key.to_owned(),
                secret_access_key: secret.to_owned(),
            }),
            ..access
        });
        let Err(error) = open_source_with("s3://lives/live.ts", &wrong) else { panic!("opened") };
        says(&error, Kind::Unavailable, "may not be used");
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    let gone = options(&server);
    drop(server);
    refused(open_source_with("s3://lives/live.ts", &gone), Kind::TryAgain, "cannot be reached");
}

#[test]
fn a_busy_server_is_asked_again() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    server.put("lives", "live.ts", pattern(MB));
    server.fail_next(2);
    let source = open(&server, "s3://lives/live.ts").unwrap();
    assert_eq!(source.stats().requests, 3);
    server.fail_next(9);
    let busy = read(source.as_ref(), 512 * KB as u64, 10);
    fails(busy, Kind::TryAgain, "(503 SlowDown); tried 3 times");
    server.fail_next(0);
    assert_eq!(read(source.as_ref(), 512 * KB as u64, 10).unwrap().len(), 10);
}

#[test]
fn a_recording_that_changes_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    for conditions in [true, false] {
        server.keep_conditions(conditions);
        server.put("lives", "live.ts", pattern(MB));
        let source = open(&server, "s3://lives/live.ts").unwrap();
        read(source.as_ref(), 300_000, 10).unwrap();
        server.put("lives", "live.ts", vec![1; MB]);
        fails(read(source.as_ref(), 600_000, 10), Kind::TryAgain, "changed while it was read");
        server.put("lives", "live.ts", vec![1; KB]);
        fails(read(source.as_ref(), 600_000, 10), Kind::TryAgain, "changed while it was read");
    }
}

#[test]
fn an_empty_object_is_empty() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    server.put("lives", "empty.ts", []);
    let source = open(&server, "s3://lives/empty.ts").unwrap();
    assert!(source.is_empty());
    assert_eq!(source.read_at(0, &mut [0; 10]).unwrap(), 0);
}

#[test]
fn what_lies_beside_is_opened_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    let segment = pattern(2 * MB);
    // The layout that Amazon IVS records.
    server.put("lives", "ivs/media/hls/master.m3u8", *b"#EXTM3U\n");
    server.put("lives", "ivs/media/hls/720p30/playlist.m3u8", *b"#EXTM3U\n#EXTINF:6,\n0.ts\n");
    server.put("lives", "ivs/media/hls/720p30/0.ts", segment.clone());
    server.put("lives", "secret.ts", pattern(10));
    let master = open(&server, "s3://lives/ivs/media/hls/master.m3u8").unwrap();
    let playlist = master.beside("720p30/playlist.m3u8").unwrap();
    let first = playlist.beside("0.ts").unwrap();
    assert_eq!(first.name(), "s3://lives/ivs/media/hls/720p30/0.ts");
    first.will_read(0..first.len());
    assert!(read(first.as_ref(), 0, 3 * MB).unwrap() == segment);
    assert!(master.stats().bytes > 2 * MB as u64);

    let before = server.traffic();
    for foreign in [
        "../../../../secret.ts",
        "/secret.ts",
        "s3://other/0.ts",
        "http://other.example/0.ts",
        "%2e%2e/secret.ts",
        "..\\secret.ts",
        "",
        "a//b",
    ] {
        let opened = playlist.beside(foreign);
        refused(opened.map_err(|error| Error::io("?", error)), Kind::Usage, "does not lie below");
    }
    assert_eq!(server.traffic(), before);
    let missing = playlist.beside("9.ts").map_err(|error| Error::io("?", error));
    refused(missing, Kind::Missing, "s3://lives/ivs/media/hls/720p30/9.ts: does not exist");
}
