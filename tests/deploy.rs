//! The ways to run it (`deploy/`): what they say fits the command, the queue and each other.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_servers::NatsServer;
use reprise_tests::command::{binary, reprise};
use serde_json::Value;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new("../deploy").join(name)).unwrap()
}

/// The documents of a YAML file.
fn yaml(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is no list"));
    list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The command must know all of it; help is asked for, so that nothing is done.
#[track_caller]
fn assert_known(arguments: &[String]) {
    let plain = arguments
        .iter()
        .map(|word| word.replace("$(QUEUE)", "sqlite:///q.db").replace("$(OUT)", "/out"));
    reprise(plain.chain(["--help".to_owned()])).expect(0);
}

/// The value behind an option.
fn option(arguments: &[String], name: &str) -> u32 {
    let start = format!("--{name}=");
    let value = arguments.iter().find_map(|word| word.strip_prefix(&start));
    value.unwrap_or_else(|| panic!("no {start} in {arguments:?}")).parse().unwrap()
}

#[test]
fn every_yaml_file_is_one() {
    let mut seen = 0;
    let mut folders = vec![PathBuf::from("../deploy")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
                let name = path.strip_prefix("../deploy").unwrap().to_str().unwrap();
                assert!(yaml(name).iter().all(Value::is_object), "{name}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn workers_are_started_with_what_they_know_and_have_time_to_drain() {
    let compose = &yaml("compose/compose.yaml")[0]["services"]["worker"];
    let call = words(&compose["command"]);
    assert_known(&call);
    let grace = compose["stop_grace_period"].as_str().unwrap().trim_end_matches('s');
    assert!(grace.parse::<u32>().unwrap() > option(&call, "drain"));
    assert_eq!(compose["read_only"], true);
    assert_eq!(words(&compose["cap_drop"]), ["ALL"]);
    // The server's own configuration keeps what the URL promises.
    assert!(call.iter().any(|word| word.contains("synced=always")), "{call:?}");
    assert!(file("compose/nats.conf").contains("sync_interval: always"));

    let pod = &yaml("kubernetes/worker.yaml")[1]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let call = words(&container["args"]);
    assert_known(&call);
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > option(&call, "drain").into());
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let slots = option(&call, "slots") + option(&call, "remix-slots");
    let memory = container["resources"]["requests"]["memory"].as_str().unwrap();
    let gibibytes: u32 = memory.strip_suffix("Gi").unwrap().parse().unwrap();
    // 512 MB a slot, as the command itself reckons.
    assert!(gibibytes * 1024 >= slots * 512, "{memory} for {slots} slots");
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert!(["/livez", "/readyz"].contains(&path), "{probe}: {path}");
    }

    // The page.
    let compose = &yaml("compose/compose.yaml")[0]["services"]["page"];
    assert_known(&words(&compose["command"]));
    assert_eq!((&compose["read_only"], &compose["user"]), (&true.into(), &"10001:10001".into()));
    let pod = &yaml("kubernetes/page.yaml")[0]["spec"]["template"]["spec"];
    assert_known(&words(&pod["containers"][0]["args"]));
    assert_eq!(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    for probe in ["livenessProbe", "readinessProbe"] {
        let path = pod["containers"][0][probe]["httpGet"]["path"].as_str().unwrap();
        assert!(["/livez", "/readyz"].contains(&path), "{probe}: {path}");
    }

    let task = &yaml("kubernetes/batch-example.yaml")[0]["spec"]["template"]["spec"];
    assert_known(&words(&task["containers"][0]["args"]));

    let unit = file("systemd/reprise-worker@.service");
    let line = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let call = line("ExecStart=").replace("${QUEUE}", "sqlite:///q.db").replace("%l", "host");
    let call: Vec<String> =
        call.replace("%i", "1").split_whitespace().skip(1).map(str::to_owned).collect();
    assert_known(&call);
    let drain = call.iter().position(|word| word == "--drain").unwrap();
    let stop: u32 = line("TimeoutStopSec=").parse().unwrap();
    assert!(stop > call[drain + 1].parse().unwrap());
}

#[test]
fn what_scales_it_watches_the_streams_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::start(0, folder.path());
    let url = format!("nats://127.0.0.1:{}?unsynced=accept", server.port);
    drop(reprise_queue::open(&url).unwrap());
    let scaled = &yaml("kubernetes/scaling.yaml")[0];
    assert_eq!(scaled["spec"]["scaleTargetRef"]["name"], "reprise-worker");
    let triggers = scaled["spec"]["triggers"].as_array().unwrap();
    assert_eq!(triggers.len(), 2);
    for trigger in triggers {
        let about = |name: &str| trigger["metadata"][name].as_str().unwrap();
        let (stream, consumer) = (about("stream"), about("consumer"));
        let answer = asked(server.port, &format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}"));
        assert_eq!(answer["stream_name"], stream, "{answer}");
        assert_eq!(answer["config"]["ack_policy"], "explicit", "{answer}");
    }
}

/// What a NATS server answers to a request without a body (its client protocol, in plain text).
fn asked(port: u16, subject: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let hello = "CONNECT {\"verbose\":false}\r\nSUB answers 1\r\n";
    write!(stream, "{hello}PUB {subject} answers 0\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.starts_with("MSG answers") {
            return serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        }
    }
    panic!("no answer to {subject}");
}

#[test]
fn the_image_has_what_the_command_links_to() {
    let image = file("Dockerfile");
    let run_time = image.split("FROM debian:12-slim").nth(1).unwrap();
    assert!(run_time.contains("USER 10001:10001"));
    let output = |program: &str, arguments: &[&str]| -> String {
        let output = Command::new(program).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // What it names itself; the rest comes with these packages.
    let needed = output("objdump", &["-p", binary().to_str().unwrap()]);
    let needed: Vec<&str> = needed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("NEEDED"))
        .map(str::trim)
        .collect();
    assert!(needed.len() > 10, "{needed:?}");
    let found = output("ldd", &[binary().to_str().unwrap()]);
    for library in needed {
        // The loader itself is listed by its path.
        let Some(line) = found.lines().find(|line| line.trim().starts_with(library)) else {
            continue;
        };
        let Some(path) = line.split("=> ").nth(1).and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        // The package lists it by the name that the distribution's own links lead to.
        let real = std::fs::canonicalize(path).unwrap();
        let name = real.file_name().unwrap().to_str().unwrap();
        let owner = output("dpkg", &["-S", &format!("*/{name}")]);
        let package = owner.split(':').next().unwrap_or_default();
        let always = ["libc6", "libgcc-s1", "libstdc++6", "zlib1g"];
        let is_there =
            always.contains(&package) || run_time.split_whitespace().any(|word| word == package);
        assert!(is_there, "{library} is in `{package}`, which the image lacks");
    }
}
