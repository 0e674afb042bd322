//! Places for queues: a file in a folder of its own, a NATS server on a port of its own.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise_queue::{Lane, NewJob, Queue};
use serde_json::json;
use tempfile::TempDir;

/// Where a queue lies; removed at the end.
pub struct Place {
    pub url: String,
    pub server: Option<Server>,
    pub folder: TempDir,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/queue.db", folder.path().display());
        Self { url, server: None, folder }
    }

    pub fn nats() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(0, folder.path());
        let url = format!("nats://127.0.0.1:{}?unsynced=accept", server.port);
        Self { url, server: Some(server), folder }
    }

    pub fn open(&self) -> Arc<dyn Queue> {
        reprise_queue::open(&self.url).unwrap()
    }
}

/// A NATS server; killed at the end.
pub struct Server {
    pub port: u16,
    child: Child,
}

impl Server {
    /// Port 0 is one that the server finds itself.
    pub fn start(port: u16, folder: &Path) -> Self {
        let asked = if port == 0 { "-1".to_owned() } else { port.to_string() };
        let child = Command::new("nats-server")
            .args(["-js", "-a", "127.0.0.1", "-p", &asked, "-sd"])
            .arg(folder)
            .arg("--ports_file_dir")
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("nats-server is needed (`make setup`): {error}"));
        let told = folder.join(format!("nats-server_{}.ports", child.id()));
        let mut server = Self { port, child };
        until("the server says its port", || {
            let text = std::fs::read_to_string(&told).unwrap_or_default();
            let digits = text.rsplit(':').next().unwrap_or_default();
            let digits = digits.split('"').next().unwrap_or_default();
            server.port = digits.parse().unwrap_or(0);
            server.port != 0
        });
        until("the server listens", || TcpStream::connect(("127.0.0.1", server.port)).is_ok());
        server
    }

    /// As a crash would: SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for at most 20 s.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited 20 s until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn job(lane: Lane, key: &str) -> NewJob {
    NewJob {
        tenant: "acme.beauty-1".to_owned(),
        lane,
        kind: "live.recorded".to_owned(),
        key: key.to_owned(),
        body: json!({ "session": key, "share": 0.1 }),
    }
}
