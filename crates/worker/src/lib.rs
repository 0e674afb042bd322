//! The stages in order, for one LIVE: ingest, segment, then window by window look, trim,
//! transcode, check and grade, then publish. Resumes, bounds and reports what it does.

mod advice;
mod clip;
mod counted;
mod digest;
pub mod fleet;
mod jobs;
mod judge;
mod materials;
mod measured;
mod options;
mod part;
mod post;
mod recording;
mod remix;
mod run;
mod session;
mod share;
mod single;
pub mod takedown;
mod tenants;

pub use advice::{Advice, OnRecording};
pub use judge::{CheckRequest, CheckResult, check};
pub use measured::{MEASURED, Measured, part_of};
pub use options::{Progress, ProgressSink, RunOptions};
pub use part::cut_part;
pub use recording::{OpenRecording, open_bytes};
pub use remix::{RemixRequest, RemixResult, WholeClip, make_remix, remix};
pub use run::{RunResult, run, run_window};
pub use session::{ExplainResult, OpenSession, SegmentResult, explain_session, segment_session};
pub use share::{Hold, Share, Turn};
pub use single::{CutRequest, CutResult, cut};
pub use tenants::Tenants;

/// The version that keys and outputs carry.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
