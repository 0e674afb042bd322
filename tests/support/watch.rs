//! Watches what must not be touched: files that nobody may open, and a port that nobody may reach.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use inotify::{Inotify, WatchMask};

/// A folder that is watched, and a listener.
pub struct Watch {
    folder: PathBuf,
    inotify: Inotify,
    listener: TcpListener,
}

impl Watch {
    /// Watches `folder`, whose files are there already.
    pub fn new(folder: &Path) -> Self {
        let inotify = Inotify::init().expect("the kernel watches files");
        let mask = WatchMask::OPEN | WatchMask::ACCESS | WatchMask::CREATE | WatchMask::MOVE;
        inotify.watches().add(folder, mask).expect("the folder can be watched");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a listener need not wait");
        Self { folder: folder.to_owned(), inotify, listener }
    }

    /// Where the listener is.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("it listens").port()
    }

    /// What was touched since this was last asked.
    pub fn touched(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let mut buffer = [0u8; 16 << 10];
        while let Ok(events) = self.inotify.read_events(&mut buffer) {
            found.extend(events.map(|event| {
                format!("{:?} of {:?} in {}", event.mask, event.name, self.folder.display())
            }));
        }
        while let Ok((_, from)) = self.listener.accept() {
            found.push(format!("a connection from {from}"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "a").unwrap();
        let mut watch = Watch::new(folder.path());
        assert!(watch.touched().is_empty());
        std::fs::read(folder.path().join("a")).unwrap();
        assert!(!watch.touched().is_empty());
        std::net::TcpStream::connect(("127.0.0.1", watch.port())).unwrap();
        assert_eq!(watch.touched().len(), 1);
    }
}
