//! What came of a LIVE is told once, to those who are to know it, in a way they can verify.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reprise_servers::{HookServer, Received, Reply};
use reprise_tests::command::{Running, binary, reprise};
use reprise_tests::session::{Session, short_clips};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Lease of these tests, seconds.
const LEASE_S: &str = "2";
/// Secrets of a hook, the new one first.
const SECRETS: [&str; 2] = [
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
];

/// A queue in a file, a LIVE, and somebody to be told.
struct Setting {
    folder: TempDir,
    session: Session,
    server: HookServer,
    queue: String,
    settings: String,
}

impl Setting {
    fn new(session: Session) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = format!("sqlite://{}/queue.db", folder.path().display());
        let settings = short_clips(folder.path()).display().to_string();
        Self { folder, session, server: HookServer::start(), queue, settings }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn seller(&self) -> String {
        let text = std::fs::read_to_string(self.session.manifest()).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        manifest["seller"].as_str().unwrap().to_owned()
    }

    fn wish(&self) -> Value {
        json!({
            "specversion": "1.0", "id": "ev-77", "source": "/platform", "type": "live.recorded",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "data": {
                "seller": self.seller(), "session": self.session.manifest(),
                "out": self.path("out"),
            }
        })
    }

    fn enqueue(&self, event: &Value) -> Value {
        let path = self.write("event.json", &event.to_string());
        let put = reprise(["enqueue", "--event", &path, "--queue", &self.queue, "--json"]);
        put.expect(0);
        put.json()
    }

    /// A file of webhooks, each with a path of the server and what else is said of it.
    fn hooks(&self, hooks: &[(&str, &str)]) -> String {
        let entry = |(path, rest): &(&str, &str)| {
            let url = self.server.url(&format!("/{path}"));
            format!(
                "[[webhooks]]\nname = '{path}'\nurl = '{url}'\nsecret_file = ['new', 'old']\n{rest}\n"
            )
        };
        self.write("new", SECRETS[0]);
        self.write("old", SECRETS[1]);
        self.write("hooks.toml", &hooks.iter().map(entry).collect::<String>())
    }

    fn worker(&self, hooks: &str, more: &[&str]) -> Running {
        let mut command = Command::new(binary());
        command.args(["worker", "--queue", &self.queue, "--lease", LEASE_S, "--webhooks", hooks]);
        command.args(["--settings", &self.settings]).args(more).env_remove("REPRISE_LOG");
        Running::start(&mut command)
    }

    fn finish(&self, hooks: &str) {
        self.worker(hooks, &["--until-empty"]).wait(Duration::from_secs(300)).expect(0);
    }

    /// What was told, with its numbers.
    fn events(&self) -> Vec<Value> {
        let told = reprise(["jobs", "events", "--queue", &self.queue]);
        told.expect(0);
        told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn jobs(&self, kind: &str) -> Vec<Value> {
        let listed = reprise(["jobs", "list", "--queue", &self.queue, "--json"]);
        listed.expect(0);
        let jobs = listed.json()["jobs"].as_array().unwrap().clone();
        jobs.into_iter().filter(|job| job["kind"] == kind).collect()
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited two minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A message and its data hold to the committed schemas.
#[track_caller]
fn assert_holds(event: &Value) {
    let kind = event["type"].as_str().unwrap().replace('.', "-");
    let named = format!("urn:reprise:schema:{kind}.schema.json");
    assert_eq!(event["dataschema"], named);
    for (name, value) in [("cloudevent", event), (kind.as_str(), &event["data"])] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/schemas");
        let text = std::fs::read_to_string(folder.join(format!("{name}.schema.json"))).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        if let Some(error) = validator.iter_errors(value).next() {
            panic!("{name}: {error} at {}: {value}", error.instance_path());
        }
    }
}

/// What the documented lines of Python say of a message.
fn is_genuine(secret: &str, received: &Received, body: &str) -> bool {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/messages.md");
    let text = std::fs::read_to_string(documents).unwrap();
    let code = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let code = format!(
        "{code}\nimport json, sys\nsecret, headers, body = json.load(sys.stdin)\n\
         print(is_genuine(secret, headers, body.encode()))\n"
    );
    let mut python = Command::new("python3")
        .args(["-c", &code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = json!([secret, received.headers, body]).to_string();
    python.stdin.take().unwrap().write_all(told.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout.starts_with(b"True")
}

#[test]
fn highlights_are_told_and_again_until_they_are_taken() {
    let setting = Setting::new(Session::new());
    let hooks = setting.hooks(&[
        ("all", ""),
        ("mine", &format!("tenants = ['{}']\ntypes = ['highlights.ready']", setting.seller())),
        ("others", "tenants = ['somebody-else']"),
        ("failures", "types = ['highlights.failed']"),
        ("gone", ""),
        ("moved", ""),
    ]);
    let later = Reply::Later(500, 1);
    setting.server.reply("/all", &[Reply::Hang, later.clone(), Reply::Later(503, 1)]);
    setting.server.reply("/mine", &[Reply::Endless(200)]);
    setting.server.reply("/gone", &[Reply::Status(410)]);
    setting.server.reply("/moved", &[Reply::Redirect(setting.server.url("/elsewhere"))]);
    let put = setting.enqueue(&setting.wish());
    assert_eq!(setting.enqueue(&setting.wish())["is_new"], false);
    setting.finish(&hooks);

    let events = setting.events();
    let [told] = events.as_slice() else { panic!("{events:?}") };
    let event = &told["event"];
    assert_holds(event);
    assert_eq!(event["type"], "highlights.ready");
    assert_eq!(event["source"], format!("/reprise/{}", setting.seller()));
    let data = &event["data"];
    assert_eq!(data["job"], put["id"]);
    let session = std::fs::read(data["session_json"].as_str().unwrap()).unwrap();
    let session: Value = serde_json::from_slice(&session).unwrap();
    assert_eq!((&data["run"], &data["session_id"]), (&session["run"], &session["session_id"]));
    let clips = data["clips"].as_array().unwrap();
    assert!(!clips.is_empty());
    assert_eq!(clips.len(), session["clips"].as_array().unwrap().len());
    for (clip, wanted) in clips.iter().zip(session["clips"].as_array().unwrap()) {
        for key in ["clip_id", "grade", "start_s", "end_s"] {
            assert_eq!(clip[key], wanted[key], "{key}");
        }
        assert!(Path::new(clip["location"].as_str().unwrap()).is_file(), "{clip}");
    }

    let received = setting.server.received("/all");
    assert_eq!(received.len(), 4, "{received:?}");
    assert_eq!(setting.server.received("/mine").len(), 1);
    assert_eq!(setting.server.received("/gone").len(), 1);
    assert_eq!(setting.server.received("/moved").len(), 2, "it is tried again");
    for nobody in ["/others", "/failures", "/elsewhere"] {
        assert!(setting.server.received(nobody).is_empty(), "{nobody}");
    }
    let ids: HashSet<&String> = received.iter().map(|one| &one.headers["webhook-id"]).collect();
    assert_eq!(ids.len(), 1);
    for one in &received {
        assert_eq!(serde_json::from_str::<Value>(&one.body).unwrap(), *event);
        assert!(one.headers["content-type"].starts_with("application/cloudevents+json"));
        for secret in SECRETS {
            assert!(is_genuine(secret, one, &one.body), "{one:?}");
            assert!(!is_genuine(secret, one, &one.body.replace("ready", "reads")));
        }
        assert!(!is_genuine("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", one, &one.body));
    }
    // Neither address nor secret is in the queue.
    let deliveries = setting.jobs("webhook.deliver");
    assert_eq!(deliveries.len(), 4);
    for job in &deliveries {
        let text = job.to_string();
        assert!(!text.contains("whsec_") && !text.contains("http://"), "{text}");
        let parked = job["body"]["hook"] == "gone";
        assert_eq!(job["state"], if parked { "parked" } else { "done" }, "{text}");
    }
    // Others see nothing of it.
    let others = ["jobs", "events", "--queue", &setting.queue, "--tenant", "somebody-else"];
    assert!(reprise(others).expect(0).stdout.is_empty());
    let after = told["sequence"].to_string();
    let none = reprise(["jobs", "events", "--queue", &setting.queue, "--after", &after]);
    assert!(none.expect(0).stdout.is_empty());
}

#[test]
fn a_live_that_cannot_be_read_is_told_once() {
    let setting = Setting::new(Session::new().with("live.flv", b"no recording"));
    let hooks = setting.hooks(&[("all", "")]);
    let id = setting.enqueue(&setting.wish())["id"].as_str().unwrap().to_owned();
    setting.finish(&hooks);
    setting.finish(&hooks);
    let events = setting.events();
    let [told] = events.as_slice() else { panic!("{events:?}") };
    let event = &told["event"];
    assert_holds(event);
    assert_eq!(event["type"], "highlights.failed");
    assert_eq!((&event["data"]["job"], &event["data"]["state"]), (&json!(id), &json!("parked")));
    assert_eq!(event["data"]["asked"]["session"], setting.wish()["data"]["session"]);
    assert!(event["data"]["error"].as_str().unwrap().contains("live"), "{event}");
    assert_eq!(setting.server.received("/all").len(), 1);
    // Tried again by somebody, it fails anew: a new event. A worker without webhooks tells nobody.
    reprise(["jobs", "retry", &id, "--queue", &setting.queue]).expect(0);
    setting.finish(&hooks);
    let stranger = setting.write("none.toml", "");
    reprise(["jobs", "retry", &id, "--queue", &setting.queue]).expect(0);
    let third = setting.worker(&stranger, &["--until-empty"]).wait(Duration::from_secs(300));
    third.expect(0);
    let ids: HashSet<String> =
        setting.events().iter().map(|told| told["event"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(setting.server.received("/all").len(), 2);
}

#[test]
fn a_worker_that_dies_after_telling_leaves_one_event() {
    let setting = Setting::new(Session::new());
    let hooks = setting.hooks(&[("all", "")]);
    setting.enqueue(&setting.wish());
    // The queue takes everything but the end of the LIVE's job.
    let file = rusqlite::Connection::open(setting.path("queue.db")).unwrap();
    file.busy_timeout(Duration::from_secs(30)).unwrap();
    let trigger = "CREATE TRIGGER no_end BEFORE UPDATE ON jobs WHEN NEW.state = 'done' AND \
                   NEW.record LIKE '%\"kind\":\"live.recorded\"%' BEGIN SELECT RAISE(ABORT, 'no'); END";
    file.execute_batch(trigger).unwrap();
    let worker = setting.worker(&hooks, &[]);
    wait_until("it has told", || !setting.events().is_empty());
    worker.kill();
    let job = &setting.jobs("live.recorded")[0];
    assert_eq!((&job["state"], &job["result"]), (&json!("leased"), &Value::Null));
    file.execute_batch("DROP TRIGGER no_end").unwrap();
    drop(file);
    let first = setting.events();
    setting.finish(&hooks);
    let job = &setting.jobs("live.recorded")[0];
    assert_eq!(job["state"], "done", "{job}");
    assert!(job["fence"].as_u64().unwrap() > 1, "{job}");
    assert_eq!(setting.events(), first);
    assert_eq!(first.len(), 1);
    let received = setting.server.received("/all");
    let ids: HashSet<&String> = received.iter().map(|one| &one.headers["webhook-id"]).collect();
    assert_eq!((ids.len(), setting.jobs("webhook.deliver").len()), (1, 1));
}

#[test]
fn a_live_whose_workers_all_died_is_told_of_by_another() {
    let setting = Setting::new(Session::new());
    let hooks = setting.hooks(&[("all", "")]);
    let id = setting.enqueue(&setting.wish())["id"].as_str().unwrap().to_owned();
    let queue = reprise_queue::open(&setting.queue).unwrap();
    for _ in 0..5 {
        let lease = Duration::from_millis(50);
        wait_until("it can be taken", || {
            queue.lease("dies", &reprise_queue::Lane::ALL, lease).unwrap().is_some()
        });
    }
    std::thread::sleep(Duration::from_millis(60));
    setting.finish(&hooks);
    let events = setting.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["event"]["type"], &events[0]["event"]["data"]["job"]),
        (&json!("highlights.failed"), &json!(id))
    );
    assert!(events[0]["event"]["data"]["error"].as_str().unwrap().contains("not heard from"));
    assert_eq!(setting.server.received("/all").len(), 1);
}

#[test]
fn a_wish_that_is_none_is_refused_with_what_is_wrong() {
    let setting = Setting::new(Session::new());
    let change = |pointer: &str, value: Value| {
        let mut wish = setting.wish();
        *wish.pointer_mut(pointer).unwrap() = value;
        wish
    };
    for (wish, code, words) in [
        (change("/type", json!("highlights.ready")), 65, "live.recorded"),
        (change("/specversion", json!("0.3")), 65, "version"),
        (change("/id", json!("")), 65, "`id`"),
        (change("/data/seller", json!("somebody-else")), 65, "another seller"),
        (change("/data/out", json!("out")), 65, "absolute"),
        (change("/data/session", json!("/nowhere/session.toml")), 66, "/nowhere"),
        (change("/data", json!({ "session": 1 })), 65, "live.recorded"),
        (change("/traceparent", json!("x".repeat(400_000))), 65, "bytes"),
    ] {
        let path = setting.write("event.json", &wish.to_string());
        let refused = reprise(["enqueue", "--event", &path, "--queue", &setting.queue]);
        refused.expect(code).says(&[words]);
    }
    assert!(setting.jobs("live.recorded").is_empty());
    // The same id with other data is another wish.
    setting.enqueue(&setting.wish());
    let other = change("/data/out", json!("/elsewhere"));
    let path = setting.write("event.json", &other.to_string());
    let refused = reprise(["enqueue", "--event", &path, "--queue", &setting.queue]);
    refused.expect(65).says(&["another job"]);
    // From standard input, of another source.
    let mut other = setting.wish();
    other["source"] = json!("/another");
    let path = setting.write("event.json", &other.to_string());
    let piped = "exec \"$0\" enqueue --event - --queue \"$1\" < \"$2\"";
    let mut command = Command::new("sh");
    command.args(["-c", piped]).arg(binary()).args([&setting.queue, &path]);
    Running::start(&mut command).wait(Duration::from_secs(60)).expect(0);
    assert_eq!(setting.jobs("live.recorded").len(), 2);
    // Hooks that are none end the worker before it begins.
    let hooks = setting.hooks(&[("a", "secret = 'whsec_x'")]);
    let worker = setting.worker(&hooks, &["--until-empty"]).wait(Duration::from_secs(60));
    worker.expect(65).says(&["unknown field"]);
}

#[test]
fn a_delivery_that_nobody_can_make_is_parked() {
    let setting = Setting::new(Session::new());
    let hooks = setting.hooks(&[("all", "")]);
    let queue = reprise_queue::open(&setting.queue).unwrap();
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {} });
    for (key, body) in [
        ("unknown hook", json!({ "hook": "nobody", "event": event })),
        ("no event", json!({ "hook": "all", "event": 7 })),
    ] {
        let job = reprise_queue::NewJob {
            tenant: "a".to_owned(),
            lane: reprise_queue::Lane::Remix,
            kind: "webhook.deliver".to_owned(),
            key: key.to_owned(),
            body,
        };
        queue.enqueue(&job).unwrap();
    }
    setting.finish(&hooks);
    let jobs = setting.jobs("webhook.deliver");
    let told: Vec<_> = jobs.iter().map(|job| (&job["state"], &job["failures"])).collect();
    // Another worker may know the hook; nobody can read what is none.
    assert_eq!(told, [(&json!("parked"), &json!(5)), (&json!("parked"), &json!(1))], "{jobs:?}");
    assert!(jobs[0]["failure"]["error"].as_str().unwrap().contains("`nobody`"));
    assert!(setting.server.received("/all").is_empty());
    // Failed deliveries are nothing that sellers are told of.
    assert!(setting.events().is_empty());
}
