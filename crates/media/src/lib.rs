//! Bytes in, pictures and sound out, and back: probe, seek, decode, scale, encode, mux.

pub mod view;
