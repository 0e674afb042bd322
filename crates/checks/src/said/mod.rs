//! What is said, found in words.

mod script;

pub(crate) use script::without_spaces;
