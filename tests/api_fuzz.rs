//! The API's own description drives a fuzz run (Schemathesis): no 5xx, and every answer is as described.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::process::Command;

use reprise_tests::shop::Shop;

/// What each answer is held against. What is sent wrongly on purpose is refused by more than the schema
/// can say (names, times, lengths together), so acceptance is not judged.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,unsupported_method";

#[test]
fn the_description_drives_a_fuzz_run_without_a_server_error() {
    let Some(program) = std::env::var_os("REPRISE_SCHEMATHESIS") else {
        eprintln!("skipped: REPRISE_SCHEMATHESIS names no schemathesis; `make test` installs one");
        return;
    };
    let shop = Shop::open(&["--no-worker", "--rate", "10000"]);
    let (served, key, clip, folder) = (&shop.served, &shop.key, &shop.clip, &shop.folder);
    // One run with names that are there, so that it gets past the first look; one with any.
    let config = format!("[parameters]\nsession = \"fixture-evening\"\nclip = \"{clip}\"\n");
    let examples = if std::env::var_os("REPRISE_ALL").is_some() { "400" } else { "25" };
    // It reads names off answers: a takedown would end the first run early.
    for (name, config, left_out) in
        [("named", config.as_str(), "followJob,takeDown"), ("any", "", "followJob")]
    {
        let file = folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, config).unwrap();
        let output = Command::new(&program)
            .arg("--config-file")
            .arg(&file)
            .args(["run", &format!("{}/api/v1/openapi.json", served.address)])
            .args(["--header", &format!("Authorization: Bearer {key}")])
            .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", examples, "--seed", "7", "--generation-deterministic"])
            // Streams of events do not end before their job does.
            .args(left_out.split(',').flat_map(|id| ["--exclude-operation-id", id]))
            .args(["--request-timeout", "30", "--no-color", "--suppress-health-check", "all"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said}");
        served.get(key, "/me").expect(200);
    }
}
