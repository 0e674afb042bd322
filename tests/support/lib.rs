//! What the tests share: the made LIVE, media read back by another program, commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

pub mod live;
pub mod readback;
