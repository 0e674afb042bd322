//! What the tests share: the made LIVE, media read back by another program, commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

pub mod command;
pub mod dice;
pub mod live;
pub mod readback;
pub mod reading;
pub mod results;
pub mod session;
pub mod tree;
