//! `reprise serve` on a port of its own, and calls to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::command::{binary, descendants, reprise, signal};

/// A server that runs.
pub struct Served {
    process: Child,
    /// Such as `http://127.0.0.1:41234`.
    pub address: String,
    /// The file of keys.
    pub keys: PathBuf,
    /// The queue's URL.
    pub queue: String,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(400).collect();
        assert_eq!(self.status, status, "{text}");
        self
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let children = descendants(self.process.id());
        let _ = self.process.kill();
        let _ = self.process.wait();
        signal("KILL", &children);
    }
}

impl Served {
    /// Serves results in `out`, with keys and queue in `folder`.
    pub fn start(folder: &Path, out: &Path, more: &[&str]) -> Self {
        let keys = folder.join("keys.toml");
        let queue = format!("sqlite:{}", folder.join("serve.db").display());
        let mut command = Command::new(binary());
        command.arg("serve").arg("--out").arg(out).arg("--keys").arg(&keys);
        command.args(["--queue", &queue, "--listen", "127.0.0.1:0"]).args(more);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines =
            BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let page = lines.find_map(|line| {
            let from = line.find("the page: ")? + "the page: ".len();
            Some(line[from..].split("/ ").next()?.to_owned())
        });
        let address = page.expect("the server did not say where it is");
        // Whoever does not read stops it.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("serve: {line}")));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self { process, address, keys, queue, agent: config.new_agent() }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// A new key; known to the server at once or a second later.
    pub fn key(&self, seller: &str, more: &[&str]) -> String {
        let file = self.keys.to_str().unwrap();
        let call = ["keys", "add", seller, "--keys", file, "--json"];
        let made = reprise(call.iter().chain(more));
        made.expect(0);
        let key = made.json()["key"].as_str().unwrap().to_owned();
        // The server looks at the file each second.
        let known = || self.get(&key, "/me").status == 200;
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while !known() {
            assert!(std::time::Instant::now() < until, "the key did not become known");
            std::thread::sleep(Duration::from_millis(200));
        }
        key
    }

    /// Asks for what lies below `/api/v1`, or for a whole path.
    #[track_caller]
    pub fn call(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let base = if ["/media/", "/livez", "/readyz"].iter().any(|start| path.starts_with(start))
            || path == "/"
        {
            ""
        } else {
            "/api/v1"
        };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{base}{path}", self.address));
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let read = answer.body_mut().with_config().limit(256 << 20).read_to_vec();
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: read.unwrap_or_else(|error| panic!("{method} {path}: {error}")),
        }
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, key: &str, path: &str) -> Answer {
        self.call(key, "GET", path, &[], None)
    }

    /// Any method with JSON.
    #[track_caller]
    pub fn send(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.call(key, method, path, &[], Some(body.to_string().as_bytes()))
    }

    /// POST with an idempotency key.
    #[track_caller]
    pub fn post_once(&self, key: &str, path: &str, wish: &str, body: &Value) -> Answer {
        let headers = [("idempotency-key", wish)];
        self.call(key, "POST", path, &headers, Some(body.to_string().as_bytes()))
    }
}
