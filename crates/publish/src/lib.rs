//! Clips, their metadata and the report of a session, written to a store so that a reader finds a
//! whole result or the one before it.

pub mod captions;
mod folder;
pub mod report;
mod run;

pub use folder::{ClipFiles, ClipFolder, Finished, SessionFolder};
pub use report::{ReportData, render};
pub use run::RunManifest;
