//! Files that ask for other files, hosts, themselves or without end, made the same in every run.

mod boxes;
mod playlists;
mod streams;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What hostile files ask for: nothing of it may be touched.
#[derive(Clone, Debug)]
pub struct Lures {
    /// A folder outside the recordings' own, absolute, with `canary.ts`, `canary.mp4` and
    /// `canary.key`.
    pub outside: PathBuf,
    /// A port of this machine where somebody listens.
    pub port: u16,
}

impl Lures {
    /// A file outside, absolute.
    fn file(&self, name: &str) -> String {
        self.outside.join(name).display().to_string()
    }

    /// An address that is listened at.
    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }
}

/// A small real recording of each container, to be changed.
pub struct Seeds {
    /// MP4, its index in front.
    pub mp4: Vec<u8>,
    /// MPEG-TS.
    pub ts: Vec<u8>,
}

/// One attack: a recording and what lies beside it.
pub struct Case {
    /// Its file's name, which says what it tries.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Files beside it.
    pub beside: Vec<(String, Vec<u8>)>,
    /// Links beside it, and where they lead.
    pub links: Vec<(String, PathBuf)>,
}

/// A file's bytes.
pub enum Bytes {
    /// These.
    Whole(Vec<u8>),
    /// These, then nothing up to a length.
    Sparse(Vec<u8>, u64),
    /// A link to something else.
    Link(PathBuf),
}

impl Case {
    fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Bytes::Whole(bytes.into());
        Self { name: name.to_owned(), bytes, beside: Vec::new(), links: Vec::new() }
    }

    fn beside(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.beside.push((name.to_owned(), bytes.into()));
        self
    }

    fn link(mut self, name: &str, target: impl Into<PathBuf>) -> Self {
        self.links.push((name.to_owned(), target.into()));
        self
    }

    /// Writes it into a folder of its own; gives the recording's path.
    pub fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        for (name, bytes) in &self.beside {
            std::fs::write(folder.join(name), bytes).expect("a file can be written");
        }
        for (name, target) in &self.links {
            symlink(target, folder.join(name)).expect("a link can be made");
        }
        let path = folder.join(&self.name);
        match &self.bytes {
            Bytes::Whole(bytes) => std::fs::write(&path, bytes).expect("a file can be written"),
            Bytes::Sparse(bytes, length) => {
                std::fs::write(&path, bytes).expect("a file can be written");
                let file = std::fs::File::options().write(true).open(&path).expect("it is there");
                file.set_len(*length).expect("a file can have a hole");
            }
            Bytes::Link(target) => symlink(target, &path).expect("a link can be made"),
        }
        path
    }
}

/// All of them.
pub fn cases(lures: &Lures, seeds: &Seeds) -> Vec<Case> {
    let mut cases = playlists::cases(lures, seeds);
    cases.extend(playlists::scripts(lures));
    cases.extend(boxes::cases(lures, seeds));
    cases.extend(streams::cases(lures, seeds));
    cases
}
