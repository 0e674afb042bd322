//! Moment and evidence to a clip: trim search, encoding, cover. A window's job is one function,
//! [`run_window`]: bytes in, evidence and a finished MP4 out. [`MediaWorkers`] does it, and all other
//! work on media, in children that are shut in.

mod child;
mod cover;
mod outline;
mod profile;
mod trim;
mod window;
mod workers;

pub use child::serve_child;
pub use cover::{jpeg, pick_cover};
pub use outline::Outline;
pub use profile::{DEFAULT_PROFILE, Profile};
pub use trim::{Avoid, Trim, TrimInput, TrimRefusal, TrimSettings, Wanted, trim};
pub use window::{
    CutClip, Decoded, Verify, WindowOutcome, WindowRequest, decode_clip, picture_at, run_window,
};
pub use workers::{ChildLimits, Isolation, MediaWorkers};
