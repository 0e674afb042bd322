//! Places for queues: a file in a folder of its own, a NATS server on a port of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise_queue::{Lane, NewJob, Queue};
pub use reprise_servers::NatsServer as Server;
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
