//! Moment and evidence to a clip: trim search, encoding, cover. A window's job is one function,
//! [`run_window`]: bytes in, evidence and a finished MP4 out.

mod cover;
mod profile;
mod trim;
mod window;

pub use cover::{jpeg, pick_cover};
pub use profile::{DEFAULT_PROFILE, Profile};
pub use trim::{Avoid, Trim, TrimInput, TrimRefusal, TrimSettings, trim};
pub use window::{
    CutClip, Decoded, Verify, WindowOutcome, WindowRequest, decode_clip, picture_at, run_window,
};
