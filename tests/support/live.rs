//! The small LIVE with known answers, made once a target folder.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reprise_fixtures::truth::Truth;

/// Its folder; made on first use.
pub fn folder() -> PathBuf {
    made().0.clone()
}

/// What is true of it.
pub fn truth() -> &'static Truth {
    &made().1
}

fn made() -> &'static (PathBuf, Truth) {
    static MADE: OnceLock<(PathBuf, Truth)> = OnceLock::new();
    MADE.get_or_init(|| {
        let root = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
        let dir = root.join("fixture");
        let truth = reprise_fixtures::live::ensure(&dir).expect("the fixture is made");
        (dir, truth)
    })
}

/// A file of the shared footage, or `None` with a word about it where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    if file.exists() {
        return Some(file);
    }
    eprintln!("skipped: ../shared/{path} is not present");
    None
}
