//! A LIVE whose recording has a signed address leaves no signature behind: not in results, not in the
//! queue, not in what is said.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;

use reprise_servers::HttpServer;
use reprise_tests::command::reprise_in;
use reprise_tests::live;
use reprise_tests::session::{Session, short_clips};

const SECRETS: [&str; 4] = ["hushsignature", "hushcredential", "hushtoken", "hushpassword"];
const QUERY: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=hushcredential%2Fs3&\
                     X-Amz-Security-Token=hushtoken&X-Amz-Signature=hushsignature";

/// Every file below, the queue's own included.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn hides(what: &str, bytes: &[u8]) {
    for secret in SECRETS {
        let shows = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!shows, "{what} holds `{secret}`");
    }
}

#[test]
fn a_signed_address_leaves_no_signature() {
    let http = HttpServer::start();
    http.put(
        &format!("/live.flv?{QUERY}"),
        std::fs::read(live::folder().join("live.flv")).unwrap(),
    );
    http.put("/live.flv", std::fs::read(live::folder().join("live.flv")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let settings = short_clips(folder.path()).display().to_string();
    let queue = format!("sqlite://{}/queue.db", folder.path().display());
    let lives = [("live.flv", "done"), ("gone.flv", "parked")];
    for (name, state) in lives {
        let address = http.url(&format!("/{name}?{QUERY}"));
        let address = address.replace("http://", "http://me:hushpassword@");
        let session = Session::new().of_recording(&address);
        let manifest = session.manifest().display().to_string();
        let out = folder.path().join(name).display().to_string();
        let put = ["enqueue", &manifest, "--out", &out, "--queue", &queue, "--json"];
        let put = reprise_in(&[], put);
        put.expect(0);
        let id = put.json()["id"].as_str().unwrap().to_owned();
        let work = ["worker", "--queue", &queue, "--until-empty", "--settings", &settings];
        let worked = reprise_in(&[], work);
        worked.expect(0);
        let shown = reprise_in(&[], ["jobs", "show", &id, "--queue", &queue, "--json"]);
        assert_eq!(shown.json()["state"], state, "{}", shown.stdout);
        let told = reprise_in(&[], ["jobs", "show", &id, "--queue", &queue]);
        // Without a queue, where a person reads it.
        let ran = reprise_in(&[], ["run", &manifest, "--out", &out, "--settings", &settings]);
        for (what, output) in [
            ("enqueue", &put),
            ("the worker", &worked),
            ("jobs show --json", &shown),
            ("jobs show", &told),
            ("run", &ran),
        ] {
            hides(&format!("{name}: {what}"), output.stdout.as_bytes());
            hides(&format!("{name}: {what}"), output.stderr.as_bytes());
        }
    }
    let found = files(folder.path());
    assert!(found.iter().any(|(name, _)| name.ends_with("clip.mp4")), "nothing was clipped");
    for (name, bytes) in found {
        hides(&name, &bytes);
    }
}
