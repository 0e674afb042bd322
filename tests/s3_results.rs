//! The whole job with its results in S3: the same objects as in a folder, with types that a browser
//! plays, and nothing to do the second time.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeMap;
use std::time::Duration;

use reprise_servers::S3Server;
use reprise_store::{Key, NetworkOptions, ObjectStore, S3Access, S3Keys, S3Store};
use reprise_tests::command::reprise_in;
use reprise_tests::session::Session;
use reprise_tests::{results, tree};

#[test]
fn a_bucket_holds_what_a_folder_holds() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    server.make_bucket("clips");
    let session = Session::new();
    let manifest = session.manifest();
    let dest = format!("s3://clips/of/ours?endpoint={}", server.endpoint());
    let arguments = ["run", manifest.to_str().unwrap(), "--out", &dest];
    let keys: Vec<(&str, String)> =
        server.environment().into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL").collect();
    let output = reprise_in(&keys, arguments);
    output.expect(0).says(&["s3://clips/of/ours/"]);
    assert!(!output.stderr.contains(S3Server::SECRET_ACCESS_KEY), "{}", output.stderr);

    let access = S3Access {
        keys: Some(S3Keys {
            access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
            secret_access_key: S3Server::SECRET_ACCESS_KEY.to_owned(),
        }),
        region: Some(S3Server::REGION.to_owned()),
        ..S3Access::default()
    };
    let options = NetworkOptions { s3: Some(access), ..NetworkOptions::default() };
    let store = S3Store::open(&dest, &options).unwrap();
    let objects = |store: &S3Store| -> BTreeMap<String, Vec<u8>> {
        let listed = store.list("").unwrap().into_iter();
        listed.map(|e| (e.key.to_string(), store.get(&e.key).unwrap().unwrap())).collect()
    };
    let in_bucket = objects(&store);
    let folder = results::run(&manifest, &[]);
    let in_folder: BTreeMap<String, Vec<u8>> = tree::read(folder.out())
        .into_iter()
        .filter(|(name, _)| !name.ends_with('/'))
        .map(|(name, entry)| (name, entry.bytes))
        .collect();
    assert_eq!(
        in_bucket.keys().collect::<Vec<_>>(),
        in_folder.keys().collect::<Vec<_>>(),
        "other objects"
    );
    for (name, bytes) in &in_folder {
        assert!(in_bucket[name] == *bytes, "{name} has other bytes");
    }

    // What a page links to is played, not downloaded.
    let clip = in_bucket.keys().find(|name| name.ends_with("clip.mp4")).unwrap();
    let url = store.presigned(&Key::new(clip.as_str()).unwrap(), Duration::from_secs(60));
    let answer = ureq::get(&url.unwrap().unwrap()).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "video/mp4");

    let again = reprise_in(&keys, arguments);
    again.expect(0).says(&["nothing to do"]);
    assert!(objects(&store) == in_bucket, "the second run changed something");
}
