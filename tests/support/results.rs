//! What a run leaves in its folder, read back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use reprise_model::clip::Clip;
use reprise_model::outcome::SessionOutcome;
use tempfile::TempDir;

use crate::command::{Output, reprise};

/// A finished run and its folder.
pub struct Run {
    /// What the command said.
    pub output: Output,
    out: TempDir,
}

/// Runs the whole job into a new folder; it must end well.
pub fn run(session: &Path, more: &[&str]) -> Run {
    let out = tempfile::tempdir().expect("a folder for results");
    let output = run_into(session, out.path(), more);
    output.expect(0);
    Run { output, out }
}

/// Runs the whole job into a folder.
pub fn run_into(session: &Path, out: &Path, more: &[&str]) -> Output {
    let mut arguments =
        vec![OsStr::new("run"), session.as_os_str(), OsStr::new("--out"), out.as_os_str()];
    arguments.extend(more.iter().map(OsStr::new));
    reprise(arguments)
}

impl Run {
    /// The folder given as `--out`.
    pub fn out(&self) -> &Path {
        self.out.path()
    }

    /// The folder of the session.
    pub fn folder(&self) -> PathBuf {
        session_folder(self.out())
    }

    /// `session.json`.
    pub fn outcome(&self) -> SessionOutcome {
        outcome(&self.folder())
    }

    /// Every `clip.json`, in the order of `session.json`, with its folder.
    pub fn clips(&self) -> Vec<(PathBuf, Clip)> {
        clips(&self.folder())
    }
}

/// The one `<seller>/<session id>` below a folder.
pub fn session_folder(out: &Path) -> PathBuf {
    only_folder(&only_folder(out))
}

/// `session.json` of a session's folder.
pub fn outcome(folder: &Path) -> SessionOutcome {
    let text = std::fs::read(folder.join("session.json")).expect("session.json is there");
    serde_json::from_slice(&text).expect("session.json is what the model says")
}

/// Every `clip.json` of a session's folder, in the order of `session.json`.
pub fn clips(folder: &Path) -> Vec<(PathBuf, Clip)> {
    let read = |id: &str| {
        let folder = folder.join("clips").join(id);
        let text = std::fs::read(folder.join("clip.json")).expect("clip.json is there");
        let clip = serde_json::from_slice(&text).expect("clip.json is what the model says");
        (folder, clip)
    };
    outcome(folder).clips.iter().map(|clip| read(&clip.clip_id)).collect()
}

/// Seconds that two stretches share.
pub fn shared_s(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[1].min(b[1]) - a[0].max(b[0])).max(0.0)
}

fn only_folder(folder: &Path) -> PathBuf {
    let mut found = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir());
    let first = found.next().unwrap_or_else(|| panic!("{} is empty", folder.display()));
    assert_eq!(found.next(), None, "more than one folder in {}", folder.display());
    first
}
