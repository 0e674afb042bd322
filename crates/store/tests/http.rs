//! Recordings over HTTP: the right bytes, few of them, and a plain word for every way to fail.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::time::Duration;

use reprise_model::{ByteSource, Error, Kind};
use reprise_servers::{Behaviour, HttpServer};
use reprise_store::{NetworkOptions, open_source, open_source_with};

const KB: usize = 1 << 10;
const MB: usize = 1 << 20;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Limits that let a test end soon.
fn short() -> NetworkOptions {
    NetworkOptions {
        request: Duration::from_secs(2),
        attempts: 3,
        pause: Duration::from_millis(5),
        ..NetworkOptions::default()
    }
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
fn refused(result: reprise_model::Result<impl Sized>, kind: Kind, words: &str) {
    let Err(error) = result else { panic!("it was opened") };
    says(&error, kind, words);
}

#[track_caller]
fn says(error: &Error, kind: Kind, words: &str) {
    let text = error.to_string();
    assert_eq!(error.kind, kind, "{text}");
    assert!(text.contains(words), "`{words}` is not in: {text}");
}

#[track_caller]
fn fails(result: std::io::Result<Vec<u8>>, kind: Kind, words: &str) {
    says(&Error::io("?", result.unwrap_err()), kind, words);
}

#[test]
fn any_read_gives_the_bytes_that_are_there() {
    let server = HttpServer::start();
    let bytes = pattern(3 * MB + 12_345);
    server.put("/a b/live.flv", bytes.clone());
    let source = open_source(&server.url("/a%20b/live.flv?token=hush")).unwrap();
    assert_eq!(source.len(), bytes.len() as u64);
    assert_eq!(source.name(), server.url("/a%20b/live.flv"));
    let version = source.version().unwrap();
    assert!(version.contains("live.flv \"3158073-1\"") && !version.contains("hush"), "{version}");
    source.will_read(700_001..2_000_001);
    let mut seed = 7u64;
    for _ in 0..300 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let from = (seed >> 33) as usize % (bytes.len() + 1000);
        let length = 1 + (seed >> 20) as usize % 90_000;
        let expected = bytes.get(from..(from + length).min(bytes.len())).unwrap_or_default();
        assert_eq!(read(source.as_ref(), from as u64, length).unwrap(), expected, "{from}");
    }
    assert_eq!(source.read_at(u64::MAX, &mut [0; 9]).unwrap(), 0);
    // It all fits into the cache, so no byte came twice.
    assert!(source.stats().bytes <= bytes.len() as u64, "{:?}", source.stats());
}

#[test]
fn looks_are_small_and_announced_ranges_are_not_overrun() {
    let server = HttpServer::start();
    let bytes = pattern(40 * MB);
    server.put("/live.ts", bytes.clone());
    let source = open_source(&server.url("/live.ts")).unwrap();
    assert_eq!(source.stats().bytes, 32 * KB as u64);
    for at in [5 * MB, 25 * MB, 33 * MB] {
        assert_eq!(read(source.as_ref(), at as u64 + 100, 188).unwrap(), bytes[at + 100..at + 288]);
    }
    assert_eq!((source.stats().requests, source.stats().bytes), (4, 4 * 32 * KB as u64));

    let window = 10 * MB + 777..16 * MB + 333;
    source.will_read(window.start as u64..window.end as u64);
    let before = source.stats();
    let mut at = window.start;
    while at < window.end {
        let part = read(source.as_ref(), at as u64, (32 * KB).min(window.end - at)).unwrap();
        assert_eq!(part, bytes[at..at + part.len()]);
        at += part.len();
    }
    let after = source.stats();
    assert_eq!(after.bytes - before.bytes, window.len() as u64);
    assert_eq!(after.requests - before.requests, 6);
    for asked in server.asked().iter().skip(4) {
        let range = asked.range.as_deref().unwrap().strip_prefix("bytes=").unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        assert!(from >= window.start && to < window.end, "{range}");
        assert_eq!(asked.if_match.as_deref(), Some("\"41943040-1\""));
    }
    // What is counted here is what went over the wire, but for headers.
    let sent = server.traffic().bytes;
    assert!(sent >= after.bytes && sent < after.bytes + after.requests * 1000, "{sent} {after:?}");
}

#[test]
fn memory_does_not_depend_on_the_length() {
    let server = HttpServer::start();
    let bytes = pattern(60 * MB);
    server.put("/live.flv", bytes.clone());
    let source = open_source(&server.url("/live.flv")).unwrap();
    source.will_read(0..30 * MB as u64);
    for at in (0..60 * MB).step_by(256 * KB) {
        let part = read(source.as_ref(), at as u64, 256 * KB).unwrap();
        assert_eq!(part, bytes[at..at + 256 * KB]);
        assert!(source.held_bytes() <= 17 * MB as u64, "{} bytes", source.held_bytes());
    }
    assert!(source.stats().bytes <= bytes.len() as u64, "{:?}", source.stats());
    // In order, even what was not announced comes in larger and larger looks.
    assert!(source.stats().requests < 180, "{:?}", source.stats());
}

#[test]
fn several_readers_of_one_place_ask_once() {
    let server = HttpServer::start();
    let bytes = pattern(20 * MB);
    server.put("/live.flv", bytes.clone());
    let source = open_source(&server.url("/live.flv")).unwrap();
    source.will_read(MB as u64..9 * MB as u64);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                assert_eq!(read(source.as_ref(), MB as u64, 8 * MB).unwrap(), bytes[MB..9 * MB]);
            });
        }
    });
    assert_eq!(source.stats().bytes, (8 * MB + 32 * KB) as u64);
    assert_eq!(source.stats().requests, 9);
}

#[test]
fn many_windows_at_once_stay_in_bounds() {
    let server = HttpServer::start();
    let bytes = pattern(64 * MB);
    server.put("/live.flv", bytes.clone());
    let source = open_source(&server.url("/live.flv")).unwrap();
    for window in 0..16 {
        source.will_read(window * 4 * MB as u64..(window * 4 + 3) * MB as u64);
    }
    std::thread::scope(|scope| {
        for window in 0..16 {
            let (source, bytes) = (&source, &bytes);
            scope.spawn(move || {
                let start = window * 4 * MB;
                for at in (start..start + 3 * MB).step_by(32 * KB) {
                    let part = read(source.as_ref(), at as u64, 32 * KB).unwrap();
                    assert_eq!(part, bytes[at..at + 32 * KB]);
                    assert!(source.held_bytes() <= 17 * MB as u64, "{}", source.held_bytes());
                }
            });
        }
    });
    assert_eq!(source.stats().bytes, (48 * MB) as u64);
}

#[test]
fn a_server_without_ranges_is_not_read_whole() {
    let server = HttpServer::start();
    server.put("/live.flv", pattern(64 * MB));
    for behaviour in [Behaviour::NoRanges, Behaviour::NoRangesNoLength] {
        let before = server.traffic();
        server.behave("/live.flv", behaviour.clone());
        let opened = open_source(&server.url("/live.flv"));
        refused(opened, Kind::Unsupported, "does not answer range requests");
        let sent = server.traffic().since(before);
        assert_eq!(sent.requests, 1);
        // What the system had taken for sending before the connection was closed.
        assert!(sent.bytes < 12 * MB as u64, "{behaviour:?}: {sent:?}");
    }
    // A playlist is small, and taken.
    server.put("/live.m3u8", pattern(100_000));
    for behaviour in [Behaviour::NoRanges, Behaviour::NoRangesNoLength] {
        server.behave("/live.m3u8", behaviour);
        let source = open_source(&server.url("/live.m3u8")).unwrap();
        assert_eq!(read(source.as_ref(), 0, MB).unwrap(), pattern(100_000));
        assert_eq!(source.stats().requests, 1);
    }
}

#[test]
fn what_passes_is_tried_again() {
    let server = HttpServer::start();
    let bytes = pattern(MB);
    for (name, behaviour) in [
        ("/busy.flv", Behaviour::Status(503, 2)),
        ("/limited.flv", Behaviour::Status(429, 2)),
        ("/broken.flv", Behaviour::Truncated(2)),
    ] {
        server.put(name, bytes.clone());
        server.behave(name, behaviour.clone());
        let source = open_source_with(&server.url(name), &short()).unwrap();
        assert_eq!(source.stats().requests, 3, "{name}");
        server.behave(name, behaviour);
        assert_eq!(read(source.as_ref(), 900_000, 1000).unwrap(), bytes[900_000..901_000]);
        server.behave(name, Behaviour::Status(500, 9));
        let lost = read(source.as_ref(), 100_000, 1000);
        fails(lost, Kind::TryAgain, "not able to answer now (500); tried 3 times");
        server.behave(name, Behaviour::Proper);
        // A failure is not kept.
        assert_eq!(read(source.as_ref(), 100_000, 1000).unwrap(), bytes[100_000..101_000]);
    }
}

#[test]
fn every_refusal_has_its_kind_and_word() {
    let server = HttpServer::start();
    server.put("/live.flv", pattern(MB));
    let open = |behaviour| {
        server.behave("/live.flv", behaviour);
        open_source_with(&server.url("/live.flv?token=hush"), &short())
    };
    for (behaviour, kind, words) in [
        (Behaviour::Status(404, 9), Kind::Missing, "/live.flv: does not exist on its server (404)"),
        (Behaviour::Status(410, 9), Kind::Missing, "does not exist"),
        (Behaviour::Status(403, 9), Kind::Unavailable, "may not be read (403)"),
        (Behaviour::Status(401, 9), Kind::Unavailable, "check the credentials"),
        (Behaviour::Status(418, 9), Kind::Unavailable, "answers 418"),
        (Behaviour::Status(502, 9), Kind::TryAgain, "(502); tried 3 times"),
        (Behaviour::Truncated(9), Kind::TryAgain, "tried 3 times"),
        (Behaviour::Drip, Kind::TryAgain, "too slow"),
        (Behaviour::WrongRange, Kind::Malformed, "gave bytes 1-32768 where 0-32767"),
        (Behaviour::NoContentRange, Kind::Malformed, "Content-Range"),
        (Behaviour::NoTotal, Kind::Unsupported, "does not say how long it is"),
        (Behaviour::Endless, Kind::Malformed, "more bytes than it says"),
        (Behaviour::Gzip, Kind::Unsupported, "sends it compressed"),
    ] {
        let before = server.traffic();
        let opened = open(behaviour.clone());
        let Err(error) = opened else { panic!("{behaviour:?} was opened") };
        says(&error, kind, words);
        assert!(!error.to_string().contains("hush"), "{error}");
        let sent = server.traffic().since(before);
        assert!(sent.bytes < 8 * MB as u64, "{behaviour:?}: {sent:?}");
    }
    // While it is read, the same come as they are.
    for (behaviour, kind, words) in [
        (Behaviour::WrongRange, Kind::Malformed, "where 524288-557055 were asked for"),
        (Behaviour::Endless, Kind::Malformed, "more bytes than it says"),
        (Behaviour::Gzip, Kind::Unsupported, "compressed"),
        (Behaviour::NoRanges, Kind::TryAgain, "stopped answering range requests"),
        (Behaviour::Status(404, 9), Kind::Missing, "does not exist"),
    ] {
        let source = open(Behaviour::Proper).unwrap();
        server.behave("/live.flv", behaviour);
        fails(read(source.as_ref(), 512 * KB as u64, 10), kind, words);
    }
    refused(open_source("http://"), Kind::Usage, "is no address");
    refused(open_source("gopher://x/y"), Kind::Usage, "is no address of a recording");
    drop(server);
}

#[test]
fn a_server_that_is_not_there_is_no_hang() {
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let uri = format!("http://me:hush@127.0.0.1:{port}/live.flv?token=hush");
    let Err(error) = open_source_with(&uri, &short()) else { panic!("it was opened") };
    says(&error, Kind::TryAgain, "connection refused");
    assert!(!error.to_string().contains("hush"), "{error}");
    let unknown = open_source_with("http://reprise.invalid/live.flv", &short());
    refused(unknown, Kind::TryAgain, "lookup");
    // Accepts and never answers.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let uri = format!("http://{}/live.flv", silent.local_addr().unwrap());
    refused(open_source_with(&uri, &short()), Kind::TryAgain, "too slow");
}

#[test]
fn a_recording_that_changes_is_an_error() {
    let server = HttpServer::start();
    for behaviour in [Behaviour::Proper, Behaviour::NoConditions] {
        let path = format!("/{behaviour:?}.flv");
        server.put(&path, pattern(MB));
        server.behave(&path, behaviour);
        let source = open_source(&server.url(&path)).unwrap();
        read(source.as_ref(), 300_000, 10).unwrap();
        server.put(&path, pattern(MB));
        fails(read(source.as_ref(), 600_000, 10), Kind::TryAgain, "changed while it was read");
    }
    for behaviour in [Behaviour::NoValidators, Behaviour::WeakEtag] {
        let path = format!("/{behaviour:?}.flv");
        server.put(&path, pattern(MB));
        server.behave(&path, behaviour);
        let source = open_source(&server.url(&path)).unwrap();
        assert_eq!(source.version(), None);
        read(source.as_ref(), 300_000, 10).unwrap();
        server.put(&path, pattern(MB + 1));
        fails(read(source.as_ref(), 600_000, 10), Kind::TryAgain, "changed while it was read");
    }
}

#[test]
fn redirects_are_followed_and_bounded() {
    let (server, other) = (HttpServer::start(), HttpServer::start());
    let bytes = pattern(MB);
    other.put("/store/live.flv", bytes.clone());
    server.behave("/here.flv", Behaviour::Redirect(other.url("/store/live.flv")));
    let named = server.url("/here.flv").replace("http://", "http://Aladdin:open%20sesame@");
    let source = open_source(&named).unwrap();
    assert_eq!(source.name(), server.url("/here.flv"));
    assert_eq!(read(source.as_ref(), 600_000, 1000).unwrap(), bytes[600_000..601_000]);
    // The way is gone once, and the user's password is for the first server alone.
    assert_eq!(server.asked().len(), 1);
    assert!(server.asked()[0].authorised);
    assert!(other.asked().iter().all(|asked| !asked.authorised), "{:?}", other.asked());
    // An address that was good for a while is asked for anew.
    other.put("/store/again.flv", bytes.clone());
    server.behave("/here.flv", Behaviour::Redirect(other.url("/store/again.flv")));
    other.behave("/store/live.flv", Behaviour::Status(403, 9));
    assert_eq!(read(source.as_ref(), 200_000, 1000).unwrap(), bytes[200_000..201_000]);

    server.behave("/loop.flv", Behaviour::Redirect("/loop.flv".to_owned()));
    refused(open_source(&server.url("/loop.flv")), Kind::Unsupported, "more than 5 times");
    for to in ["file:///etc/passwd", "ftp://h.example/a", "http://"] {
        server.behave("/out.flv", Behaviour::Redirect(to.to_owned()));
        refused(open_source(&server.url("/out.flv")), Kind::Unsupported, "refused");
    }
}

#[test]
fn credentials_in_an_address_are_sent_and_never_shown() {
    let server = HttpServer::start();
    server.put("/live.flv", pattern(1000));
    server.behave("/live.flv", Behaviour::Login("Aladdin", "open sesame"));
    let plain = server.url("/live.flv");
    refused(open_source(&plain), Kind::Unavailable, "401");
    let with = |pair: &str| open_source(&plain.replace("http://", &format!("http://{pair}@")));
    let source = with("Aladdin:open%20sesame").unwrap();
    assert_eq!(source.name(), plain);
    let Err(error) = with("Aladdin:wrong") else { panic!("it was opened") };
    says(&error, Kind::Unavailable, "403");
    assert!(!error.to_string().contains("wrong"), "{error}");
}

#[test]
fn an_empty_object_is_empty() {
    let server = HttpServer::start();
    server.put("/empty.flv", []);
    let source = open_source(&server.url("/empty.flv")).unwrap();
    assert!(source.is_empty());
    assert_eq!(source.read_at(0, &mut [0; 10]).unwrap(), 0);
}

#[test]
fn what_lies_beside_is_opened_and_nothing_else() {
    let (server, other) = (HttpServer::start(), HttpServer::start());
    // The layout that Amazon IVS records.
    let segment = pattern(2 * MB);
    server.put("/ivs/media/hls/master.m3u8", *b"#EXTM3U\n");
    server.put("/ivs/media/hls/720p30/playlist.m3u8", *b"#EXTM3U\n#EXTINF:6,\n0.ts\n");
    server.put("/ivs/media/hls/720p30/0.ts", segment.clone());
    server.put("/ivs/media/hls/720p30/a b+c.ts", pattern(10));
    server.put("/ivs/secret.ts", pattern(10));
    other.put("/0.ts", segment.clone());
    let master = open_source(&server.url("/ivs/media/hls/master.m3u8?token=t")).unwrap();
    let playlist = master.beside("720p30/playlist.m3u8").unwrap();
    let first = playlist.beside("0.ts").unwrap();
    assert_eq!(first.name(), server.url("/ivs/media/hls/720p30/0.ts"));
    first.will_read(0..first.len());
    assert_eq!(read(first.as_ref(), 0, 3 * MB).unwrap(), segment);
    assert_eq!(playlist.beside("a b+c.ts").unwrap().len(), 10);
    // One count and one cache for all of a playlist.
    assert!(master.stats().bytes > 2 * MB as u64 && master.held_bytes() > 2 * MB as u64);
    drop(first);
    assert!(master.held_bytes() < MB as u64, "{}", master.held_bytes());

    let asked = server.asked().len();
    for foreign in [
        "../../secret.ts",
        "/ivs/secret.ts",
        "//other.example/0.ts",
        "http://other.example/0.ts",
        "file:///etc/passwd",
        "%2e%2e/secret.ts",
        "..\\secret.ts",
        "0.ts?x=1",
        "0.ts#x",
        "",
        ".",
        "a\n.ts",
    ] {
        let opened = playlist.beside(foreign);
        refused(opened.map_err(|error| Error::io("?", error)), Kind::Usage, "does not lie below");
    }
    assert_eq!(server.asked().len(), asked);
    // Nor does a server send elsewhere what a playlist names.
    let hls = "/ivs/media/hls/720p30";
    for to in [other.url("/0.ts"), server.url("/ivs/secret.ts"), "../../../secret.ts".to_owned()] {
        server.behave(&format!("{hls}/1.ts"), Behaviour::Redirect(to));
        let opened = playlist.beside("1.ts").map_err(|error| Error::io("?", error));
        refused(opened, Kind::Usage, "outside the recording's folder");
    }
    assert_eq!((server.asked().len(), other.asked().len()), (asked + 3, 0));
    server.behave(&format!("{hls}/1.ts"), Behaviour::Redirect(server.url(&format!("{hls}/0.ts"))));
    assert_eq!(playlist.beside("1.ts").unwrap().len(), segment.len() as u64);
    let missing = playlist.beside("9.ts").map_err(|error| Error::io("?", error));
    refused(missing, Kind::Missing, "720p30/9.ts: does not exist");
}
