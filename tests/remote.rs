//! Recordings over HTTP and S3 give what the same recordings give as files, and no secret gets out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_servers::{Behaviour, HttpServer, S3Server};
use reprise_tests::command::{Output, reprise_in};
use reprise_tests::{live, reading};

/// Where nothing is amiss in the fixture.
const WINDOWS: [Range<f64>; 2] = [21.0..24.0, 131.5..134.0];

/// The clips of a folder: their names and bytes.
fn clips(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "mp4"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

fn cut(
    environment: &[(&str, String)],
    recording: &str,
    windows: &[Range<f64>],
    out: &Path,
) -> Output {
    let mut arguments = vec!["cut".to_owned(), recording.to_owned()];
    for window in windows {
        arguments.extend(["--window".to_owned(), format!("{}-{}", window.start, window.end)]);
    }
    arguments.extend(["--out".to_owned(), out.display().to_string()]);
    reprise_in(environment, arguments)
}

/// Everything that was written below `folder`, as text.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        text += &if path.is_dir() {
            written(&path)
        } else {
            String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
        };
    }
    text
}

#[test]
fn a_cut_is_the_same_from_a_file_from_s3_and_from_http() {
    let folder = live::folder();
    let root = tempfile::tempdir().unwrap();
    let (s3, http) = (S3Server::start(root.path()), HttpServer::start());
    let out = tempfile::tempdir().unwrap();
    for name in ["live.flv", "live.ts", "live.mp4"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        s3.put("lives", &format!("acme/{name}"), bytes.clone());
        http.put(&format!("/acme/{name}"), bytes);
        let into = |kind: &str| out.path().join(format!("{name}-{kind}"));
        let file = folder.join(name).display().to_string();
        cut(&[], &file, &WINDOWS, &into("file")).expect(0);
        let expected = clips(&into("file"));
        assert_eq!(expected.len(), WINDOWS.len());

        let uri = format!("s3://lives/acme/{name}");
        let before = s3.traffic();
        cut(&s3.environment(), &uri, &WINDOWS, &into("s3")).expect(0);
        let sent = s3.traffic().since(before);
        eprintln!("{name} from S3: {} bytes in {} requests", sent.bytes, sent.requests);
        assert!(clips(&into("s3")) == expected, "{name}: the clips from S3 differ");

        let uri = http.url(&format!("/acme/{name}?token=hush")).replace("//", "//me:hush@");
        let before = http.traffic();
        cut(&[], &uri, &WINDOWS, &into("http")).expect(0);
        let sent = http.traffic().since(before);
        eprintln!("{name} from HTTP: {} bytes in {} requests", sent.bytes, sent.requests);
        assert!(clips(&into("http")) == expected, "{name}: the clips from HTTP differ");
        assert!(!written(&into("http")).contains("hush"), "a secret is in the metadata");
    }
}

#[test]
fn a_session_runs_from_an_address_and_no_secret_is_written() {
    let folder = live::folder();
    let server = HttpServer::start();
    server.put("/lives/live.flv", std::fs::read(folder.join("live.flv")).unwrap());
    let uri = server.url("/lives/live.flv?token=hush").replace("//", "//me:hush@");
    let manifest = std::fs::read_to_string(folder.join("session.toml")).unwrap();
    let remote = manifest.replace("\"live.flv\"", &format!("\"{uri}\""));
    assert_ne!(manifest, remote);
    // Beside the other files that the manifest names.
    let session = tempfile::Builder::new().suffix(".toml").tempfile_in(&folder).unwrap();
    std::fs::write(session.path(), remote).unwrap();
    let out = tempfile::tempdir().unwrap();
    let session = session.path().display().to_string();
    let result =
        reprise_in(&[], ["run", &session, "--out", &out.path().display().to_string(), "--json"]);
    result.expect(0);
    assert!(!result.json()["clips"].as_array().unwrap().is_empty());
    let text = written(out.path()) + &result.stdout + &result.stderr;
    assert!(!text.contains("hush"), "a secret is in the outputs");
    assert!(text.contains(&server.url("/lives/live.flv")));

    let inspected = reprise_in(&[], ["inspect", &uri, "--json"]);
    inspected.expect(0);
    assert_eq!(inspected.json()["size_bytes"], folder.join("live.flv").metadata().unwrap().len());
}

#[test]
fn failures_end_with_their_codes() {
    let root = tempfile::tempdir().unwrap();
    let (s3, http) = (S3Server::start(root.path()), HttpServer::start());
    s3.put("lives", "live.flv", *b"x");
    http.put("/closed.flv", *b"x");
    http.behave("/closed.flv", Behaviour::Status(403, 99));
    http.put("/whole.flv", vec![0; 3 << 20]);
    http.behave("/whole.flv", Behaviour::NoRanges);
    http.put("/text.flv", vec![b'x'; 3 << 20]);
    let out = root.path().join("out");
    let tried = |environment: &[(&str, String)], uri: &str| cut(environment, uri, &WINDOWS, &out);
    let set = s3.environment();
    tried(&set, "s3://lives/none.flv").expect(66).says(&["s3://lives/none.flv: does not exist"]);
    tried(&[], "s3://lives/live.flv").expect(69).says(&["no S3 credentials", "AWS_PROFILE"]);
    tried(&set, "s3://lives").expect(64).says(&["s3://bucket/key"]);
    tried(&[], "gopher://h/live.flv").expect(64).says(&["http(s)://"]);
    tried(&[], &http.url("/none.flv")).expect(66).says(&["does not exist on its server"]);
    tried(&[], &http.url("/closed.flv?k=hush")).expect(69).says(&["/closed.flv: may not be read"]);
    tried(&[], &http.url("/whole.flv")).expect(65).says(&["does not answer range requests"]);
    tried(&[], &http.url("/text.flv")).expect(65).says(&["is no recording"]);
}

#[test]
fn little_is_read_of_a_long_recording() {
    let root = tempfile::tempdir().unwrap();
    let s3 = S3Server::start(root.path());
    for name in ["live.ts", "live.flv", "live.mp4"] {
        let long = looped(&live::folder().join(name), root.path(), 6);
        let windows = [300.0..303.0, 1000.0..1003.0];
        let own = reading::window_bytes(&long, &windows);
        s3.put("lives", name, std::fs::read(&long).unwrap());
        let before = s3.traffic();
        let out = root.path().join(format!("clips-{name}"));
        cut(&s3.environment(), &format!("s3://lives/{name}"), &windows, &out).expect(0);
        let sent = s3.traffic().since(before);
        let length = std::fs::metadata(&long).unwrap().len();
        eprintln!(
            "{name}, {length} bytes, windows of {own} bytes: {} bytes in {} requests, allowed are {}",
            sent.bytes,
            sent.requests,
            reading::limit(own)
        );
        reading::assert_little(name, sent.bytes, own);
        assert_eq!(clips(&out).len(), windows.len());
    }
}

/// A recording, so many times over in one file.
fn looped(recording: &Path, folder: &Path, times: u32) -> PathBuf {
    let long = folder.join(format!("long-{}", recording.file_name().unwrap().to_string_lossy()));
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-stream_loop", &(times - 1).to_string(), "-i"])
        .arg(recording)
        .args(["-c", "copy"])
        .arg(&long)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
    long
}
