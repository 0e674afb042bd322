//! Clips, their metadata and the report of a session, written to a store so that a reader finds a
//! whole result or the one before it; the messages about them, and webhooks; takedown.

pub mod captions;
mod folder;
pub mod messages;
pub mod posting;
mod remixes;
pub mod report;
mod run;
mod sellers;
pub mod takedown;
pub mod webhooks;

pub use folder::{ClipFiles, ClipFolder, Finished, SessionFolder};
pub use remixes::RemixFiles;
pub use report::{ReportData, render};
pub use run::RunManifest;
pub use sellers::{Brand, Plans};
