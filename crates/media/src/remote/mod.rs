//! Work on media in a process of its own: the parent serves the bytes, the child can do nothing but
//! read them and answer.

mod guest;
mod host;
mod signs;
pub mod wire;

pub use guest::{Misbehaviour, Parent, misbehave, serve};
pub use host::{Child, Program, Reply};
pub use signs::Patience;
pub(crate) use signs::moved;
