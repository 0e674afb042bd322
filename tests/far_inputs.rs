//! A LIVE whose manifest, log, products and recording lie in S3 or on a web server: the same clips as
//! from files, also through a queue.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use reprise_servers::{HttpServer, S3Server};
use reprise_tests::command::reprise_in;
use reprise_tests::results;
use reprise_tests::session::{Session, short_clips};
use reprise_tests::tree;

/// What clips are made of, by when they begin and what it is. The rest of their names is made of what
/// the inputs are known by, which for an address is its server's word for its version.
fn clips(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let whole = tree::read(out).into_iter();
    let made = |name: &str| {
        let (_, rest) = name.split_once("/clips/")?;
        let (clip, file) = rest.split_once('/')?;
        let made = [".mp4", ".jpg", ".vtt", ".srt"].iter().any(|end| file.ends_with(end));
        let (begin, _) = clip.split_once('-')?;
        made.then(|| format!("{begin} {file}"))
    };
    whole.filter_map(|(name, entry)| Some((made(&name)?, entry.bytes))).collect()
}

#[track_caller]
fn assert_same(out: &Path, wanted: &Path) {
    let (found, wanted) = (clips(out), clips(wanted));
    assert!(wanted.keys().any(|name| name.ends_with("clip.mp4")), "{:?}", wanted.keys());
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, bytes) in wanted {
        assert!(found[&name] == bytes, "{name} has other bytes");
    }
}

/// Everything in the session's folder, with its name there.
fn each_file(session: &Session, mut put: impl FnMut(&str, Vec<u8>)) {
    let folder = session.manifest().parent().unwrap().to_owned();
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&folder).unwrap().to_str().unwrap();
            put(name, std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_live_in_a_bucket_goes_through_a_queue_into_another() {
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = S3Server::start(root.path());
    server.make_bucket("lives");
    server.make_bucket("clips");
    let settings = short_clips(folder.path()).display().to_string();
    let session = Session::new();
    let wanted = results::run(&session.manifest(), &["--settings", &settings]);
    each_file(&session, |name, bytes| server.put("lives", &format!("acme/one/{name}"), bytes));

    let query = format!("?endpoint={}", server.endpoint());
    let manifest = format!("s3://lives/acme/one/session.toml{query}");
    let out = format!("s3://clips{query}");
    let queue = format!("sqlite://{}/queue.db", folder.path().display());
    // The address says where S3 is, so the surroundings hold the keys alone.
    let keys: Vec<(&str, String)> =
        server.environment().into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL").collect();
    let put = ["enqueue", &manifest, "--out", &out, "--queue", &queue, "--json"];
    let first = reprise_in(&keys, put);
    first.expect(0);
    assert_eq!(first.json()["is_new"], true);
    assert_eq!(reprise_in(&keys, put).json()["is_new"], false);

    // Its seller may read there, and nobody else.
    let tenants = folder.path().join("tenants.toml");
    let tenant = |seller: &str, inputs: &str| {
        format!(
            "[[tenants]]\nseller = \"{seller}\"\ninputs = [\"{inputs}\"]\noutputs = [\"{out}\"]\n"
        )
    };
    let seller = results::outcome(&wanted.folder()).seller;
    std::fs::write(&tenants, tenant(&seller, &format!("s3://lives/acme{query}"))).unwrap();
    let tenants = tenants.to_str().unwrap();
    let work = ["worker", "--queue", &queue, "--until-empty", "--settings", &settings];
    let work = work.into_iter().chain(["--tenants", tenants]);
    reprise_in(&keys, work.clone()).expect(0).says(&["1 jobs done"]);
    assert_same(&root.path().join("clips"), wanted.out());

    std::fs::write(tenants, tenant(&seller, &format!("s3://lives/other{query}"))).unwrap();
    let again = ["enqueue", &manifest, "--out", &out, "--queue", &queue, "--key", "again"];
    reprise_in(&keys, again).expect(0);
    reprise_in(&keys, work).expect(0).says(&["lies in no place of the seller"]);
    let parked = reprise_in(&keys, ["jobs", "parked", "--queue", &queue]);
    parked.expect(0).says(&["s3://lives/acme/one/session.toml"]);
}

#[test]
fn a_live_on_a_web_server_is_read_with_a_packed_log() {
    let (out, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = short_clips(folder.path()).display().to_string();
    let session = Session::new().saying("events.jsonl", "events.jsonl.gz");
    let server = HttpServer::start();
    each_file(&session, |name, bytes| server.put(&format!("/one/{name}"), bytes));
    let log = std::fs::read(session.path("events.jsonl")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&log).unwrap();
    server.put("/one/events.jsonl.gz", packed.finish().unwrap());

    let run = |manifest: &str, out: &Path| {
        let call = ["run", manifest, "--out", out.to_str().unwrap(), "--settings", &settings];
        reprise_in(&[], call)
    };
    run(&server.url("/one/session.toml"), out.path()).expect(0);
    let wanted = results::run(&Session::new().manifest(), &["--settings", &settings]);
    assert_same(out.path(), wanted.out());

    // What is not there is named by its own address.
    let gone = run(&server.url("/two/session.toml?token=hush"), out.path());
    gone.expect(66).says(&["/two/session.toml"]);
    assert!(!gone.stderr.contains("hush"), "{}", gone.stderr);
    server.put("/three/session.toml", std::fs::read(session.manifest()).unwrap());
    run(&server.url("/three/session.toml"), out.path()).expect(66).says(&["/three/"]);
}
