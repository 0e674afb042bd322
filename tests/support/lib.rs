//! What the tests share: the made LIVE, media read back by another program, commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

pub mod attack;
pub mod chromium;
pub mod command;
pub mod dice;
pub mod hostile;
pub mod live;
pub mod mutants;
pub mod mutate;
pub mod parsers;
pub mod readback;
pub mod reading;
pub mod results;
pub mod seeds;
pub mod served;
pub mod session;
pub mod shop;
pub mod tree;
pub mod watch;
