//! What the evaluation tests share: where foreign sessions lie, and how a session is segmented.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use reprise_segment::{Input, Observations, Segmentation, Settings, segment};
use reprise_simulated::Session;

/// A folder beside the project; `None`, with a clear word, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if found.exists() {
        Some(found)
    } else {
        println!("skipped: {} not present", found.display());
        None
    }
}

/// Segments a session.
pub fn run(session: &Session, settings: &Settings) -> Segmentation {
    let log: Observations = session.events.iter().collect();
    let input = Input {
        zero: session.zero,
        duration: session.duration,
        recorded: &session.recorded,
        log: &log,
        products: &session.products,
    };
    segment(&input, settings)
}

/// The spans of the moments, best first, in seconds.
pub fn spans(segmentation: &Segmentation) -> Vec<(f64, f64)> {
    segmentation.moments.iter().map(|m| (m.span.start.seconds(), m.span.end.seconds())).collect()
}
