//! Sessions made of the fixture's files, each in a folder of its own, with some of them changed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::live;

/// A folder with a link to each file of the fixture; `session.toml` and what it names can be changed.
pub struct Session {
    folder: TempDir,
}

impl Session {
    /// The fixture's session as it is.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for a session");
        let made = std::fs::canonicalize(live::folder()).expect("the fixture's folder");
        for entry in std::fs::read_dir(&made).expect("the fixture's folder") {
            let entry = entry.expect("an entry");
            std::os::unix::fs::symlink(entry.path(), folder.path().join(entry.file_name()))
                .expect("a link");
        }
        Self { folder }
    }

    /// With one file written anew.
    #[must_use]
    pub fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        // The link, not what it leads to.
        if path.is_symlink() {
            std::fs::remove_file(&path).expect("a link can be removed");
        }
        std::fs::write(path, bytes).expect("a file can be written");
        self
    }

    /// With one text changed; the change must change something.
    #[must_use]
    pub fn edited(self, name: &str, change: impl FnOnce(String) -> String) -> Self {
        let text = std::fs::read_to_string(self.path(name)).expect("a text");
        let changed = change(text.clone());
        assert_ne!(text, changed, "{name} was not changed");
        self.with(name, changed)
    }

    /// With `from` in the manifest replaced by `to`.
    #[must_use]
    pub fn saying(self, from: &str, to: &str) -> Self {
        self.edited("session.toml", |text| text.replace(from, to))
    }

    /// With another recording, of which nothing but the name is said.
    #[must_use]
    pub fn of_recording(self, uri: &str) -> Self {
        self.saying("live.flv", uri).saying("duration_s = 240\n", "")
    }

    /// With only the lines of the log that `keep` says.
    #[must_use]
    pub fn with_events(self, keep: impl Fn(&serde_json::Value) -> bool) -> Self {
        self.edited("events.jsonl", |text| {
            let kept = text.lines().filter(|line| {
                keep(&serde_json::from_str(line).expect("the fixture's lines are JSON"))
            });
            kept.map(|line| format!("{line}\n")).collect()
        })
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its manifest.
    pub fn manifest(&self) -> PathBuf {
        self.path("session.toml")
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

/// Settings that make few and short clips, for tests that run the job many times.
pub fn short_clips(folder: &Path) -> PathBuf {
    let path = folder.join("short-clips.toml");
    let text = "[segment]\nmax_moments = 2\nmax_s = 7\npreferred_max_s = 6\n[trim]\nreach_s = 2\n";
    std::fs::write(&path, text).expect("settings can be written");
    path
}
