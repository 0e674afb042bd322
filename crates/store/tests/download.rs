//! Files of known length and hash over HTTP: resumed, refused where they are others, never half there.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::PathBuf;
use std::time::Duration;

use reprise_model::{Error, Kind};
use reprise_servers::{Behaviour, HttpServer};
use reprise_store::{Fetched, NetworkOptions, Pinned, download, verify};
use sha2::{Digest, Sha256};

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn pinned(bytes: &[u8]) -> Pinned {
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Pinned { bytes: bytes.len() as u64, sha256 }
}

/// Limits that let a test end soon.
fn short(attempts: u32) -> NetworkOptions {
    NetworkOptions {
        request: Duration::from_secs(2),
        attempts,
        pause: Duration::from_millis(5),
        ..NetworkOptions::default()
    }
}

struct Place {
    folder: tempfile::TempDir,
    server: HttpServer,
    bytes: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let (folder, server, bytes) =
            (tempfile::tempdir().unwrap(), HttpServer::start(), pattern(900_000));
        server.put("/m.bin", bytes.clone());
        Self { folder, server, bytes }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("models/m.bin")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("models/m.bin.part")
    }

    fn fetch(&self, attempts: u32, pinned: &Pinned) -> Result<Fetched, Error> {
        let address = self.server.url("/m.bin");
        download(&address, &self.file(), pinned, &short(attempts), &mut |_| {})
    }

    fn is_there(&self) {
        assert_eq!(std::fs::read(self.file()).unwrap(), self.bytes);
        let left: Vec<_> = std::fs::read_dir(self.file().parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

#[test]
fn a_file_is_fetched_once_and_not_again() {
    let place = Place::new();
    let pinned = pinned(&place.bytes);
    assert_eq!(verify(&place.file(), &pinned).unwrap_err().kind, Kind::Missing);
    let mut heard = Vec::new();
    let address = place.server.url("/m.bin");
    let fetched = download(&address, &place.file(), &pinned, &short(2), &mut |at| heard.push(at));
    assert_eq!(fetched.unwrap(), Fetched::Now { resumed_from: 0 });
    assert!(heard.is_sorted() && heard.last() == Some(&900_000));
    place.is_there();
    let asked = place.server.asked().len();
    assert_eq!(place.fetch(2, &pinned).unwrap(), Fetched::There);
    assert_eq!(place.server.asked().len(), asked);
    verify(&place.file(), &pinned).unwrap();
}

#[test]
fn what_broke_off_is_gone_on_from() {
    let place = Place::new();
    let pinned = pinned(&place.bytes);
    // Within one call: the second request asks for the rest alone.
    place.server.behave("/m.bin", Behaviour::Truncated(1));
    place.fetch(2, &pinned).unwrap();
    place.is_there();
    let asked = place.server.asked();
    assert_eq!(asked.len(), 2);
    let range = asked[1].range.clone().unwrap();
    assert!(range.starts_with("bytes=4") && range.ends_with("-899999"), "{range}");

    // From one call to the next.
    let place = Place::new();
    place.server.behave("/m.bin", Behaviour::Truncated(1));
    let error =
        download(&place.server.url("/m.bin"), &place.file(), &pinned, &short(0), &mut |_| {})
            .unwrap_err();
    assert_eq!(error.kind, Kind::TryAgain, "{error}");
    assert!(!place.file().exists());
    let there = std::fs::metadata(place.part()).unwrap().len();
    assert!(there > 300_000, "{there}");
    assert_eq!(place.fetch(2, &pinned).unwrap(), Fetched::Now { resumed_from: there });
    place.is_there();
}

#[test]
fn another_version_is_begun_anew() {
    let place = Place::new();
    let pinned = pinned(&place.bytes);
    place.server.behave("/m.bin", Behaviour::Truncated(1));
    place.fetch(0, &pinned).unwrap_err();
    // The same bytes as a new version: what is there cannot be trusted to belong to it.
    place.server.put("/m.bin", place.bytes.clone());
    place.fetch(3, &pinned).unwrap();
    place.is_there();
    assert!(place.server.asked().last().unwrap().range.is_none());
}

#[test]
fn a_file_with_another_hash_is_refused_and_removed() {
    let place = Place::new();
    let mut other = place.bytes.clone();
    other[500_000] ^= 1;
    let error = place.fetch(2, &pinned(&other)).unwrap_err();
    assert_eq!(error.kind, Kind::Malformed);
    assert!(error.to_string().contains("SHA-256"), "{error}");
    assert!(!place.file().exists() && !place.part().exists());
    for length in [899_999, 900_001] {
        let error = place.fetch(2, &pinned(&pattern(length))).unwrap_err();
        assert!(!place.file().exists(), "{error}");
    }
    // A file that someone changed is told, and mended.
    let right = pinned(&place.bytes);
    std::fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    std::fs::write(place.file(), &other).unwrap();
    assert_eq!(verify(&place.file(), &right).unwrap_err().kind, Kind::Malformed);
    place.fetch(2, &right).unwrap();
    place.is_there();
}

#[test]
fn servers_without_ranges_or_the_file_are_borne() {
    let place = Place::new();
    let pinned = pinned(&place.bytes);
    for behaviour in [Behaviour::NoRanges, Behaviour::NoRangesNoLength, Behaviour::NoValidators] {
        place.server.behave("/m.bin", behaviour);
        place.fetch(2, &pinned).unwrap();
        place.is_there();
        std::fs::remove_file(place.file()).unwrap();
    }
    // Part of it is there, and the server begins anew.
    place.server.behave("/m.bin", Behaviour::Truncated(1));
    place.fetch(0, &pinned).unwrap_err();
    place.server.behave("/m.bin", Behaviour::NoRanges);
    place.fetch(2, &pinned).unwrap();
    place.is_there();
    std::fs::remove_file(place.file()).unwrap();

    let absent = place.server.url("/absent.bin");
    let error = download(&absent, &place.file(), &pinned, &short(3), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, Kind::Missing, "{error}");
    place.server.behave("/m.bin", Behaviour::Status(503, 9));
    assert_eq!(place.fetch(2, &pinned).unwrap_err().kind, Kind::TryAgain);
    let error = download("ftp://x/y", &place.file(), &pinned, &short(1), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    let nobody = "http://127.0.0.1:9/m.bin";
    let error = download(nobody, &place.file(), &pinned, &short(1), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, Kind::TryAgain, "{error}");
    assert!(!place.file().exists());
}
