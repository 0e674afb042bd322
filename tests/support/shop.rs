//! A seller with a finished run of the fixture, and a server for it.

use std::path::{Path, PathBuf};

use crate::command::reprise;
use crate::served::Served;
use crate::session::{Session, short_clips};

/// The fixture's seller.
pub const SELLER: &str = "friday-show";
/// The fixture's session.
pub const SESSION: &str = "fixture-evening";

/// The seller's shop.
pub struct Shop {
    /// Where all of it lies.
    pub folder: tempfile::TempDir,
    /// What the run wrote.
    pub out: PathBuf,
    /// The server.
    pub served: Served,
    /// An owner's key.
    pub key: String,
    /// A clip of the session.
    pub clip: String,
}

impl Shop {
    /// Runs the session and serves it; `more` is given to the server. What it needs in the folder is
    /// made by `prepare`.
    pub fn open_with(prepare: impl FnOnce(&Path), more: &[&str]) -> Self {
        let (session, folder) = (Session::new(), tempfile::tempdir().unwrap());
        let out = folder.path().join("out");
        let settings = short_clips(folder.path());
        let manifest = session.manifest();
        let run = ["run", manifest.to_str().unwrap(), "--out", out.to_str().unwrap()];
        reprise(run.into_iter().chain(["--settings", settings.to_str().unwrap()])).expect(0);
        prepare(folder.path());
        let more: Vec<String> = more
            .iter()
            .map(|word| word.replace("FOLDER", folder.path().to_str().unwrap()))
            .collect();
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let served = Served::start(folder.path(), &out, &more);
        let key = served.key(SELLER, &[]);
        let found = served.get(&key, &format!("/sessions/{SESSION}")).expect(200).json();
        let moments = found["moments"].as_array().unwrap();
        let clip = moments.iter().find_map(|moment| moment["clip"]["clip_id"].as_str());
        let clip = clip.expect("the fixture gives a clip").to_owned();
        Self { folder, out, served, key, clip }
    }

    /// The same without anything else in the folder.
    pub fn open(more: &[&str]) -> Self {
        Self::open_with(|_| (), more)
    }

    /// The address of the clip with `more` behind it.
    pub fn of_clip(&self, more: &str) -> String {
        format!("/sessions/{SESSION}/clips/{}{more}", self.clip)
    }
}
