//! What goes in: session manifests, event logs, imports of what sellers can download, and several
//! recordings on one time line.

pub mod events;
pub mod import;
pub mod manifest;
pub mod place;
pub mod timeline;

mod check;
mod explain;
mod lines;
mod tally;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod testing;

pub use events::{EventLog, read_events};
pub use import::{DateOrder, ImportKind, ImportOptions, ImportReport, Imported, import, write_log};
pub use manifest::{Guard, LoadedSession, is_picture, load_session, load_session_within};
pub use place::{Location, resolve};
pub use timeline::{MeasuredPart, Timeline};
