//! Bytes in, pictures and sound out, and back: probe, seek, decode, scale, encode, mux.
//!
//! libav is handed bytes through [`reprise_model::ByteSource`], never a name; containers and
//! codecs are whitelisted ([`CONTAINERS`]). No type of libav's appears in a public signature.

mod coded;
mod encode;
mod excerpt;
mod faststart;
mod ffi;
mod file;
#[doc(hidden)]
pub mod fuzz;
mod h264;
mod index;
mod media;
mod mux;
mod orientation;
mod packets;
mod pictures;
mod probe;
mod remembered;
pub mod remote;
pub mod sandbox;
mod smart;
mod sound_track;
mod sounds;
mod still;
mod verify;
pub mod view;
mod window;

pub use coded::{CodedPicture, CodedPictures, Sound, put_together, take_apart};
pub use encode::{ClipRequest, EncodeSettings, EncodedClip, encode_clip};
pub use file::FileSource;
pub use media::{AudioInfo, Media, MediaInfo, UnusedStream, VideoInfo};
pub use orientation::Orientation;
pub use probe::{probe, scan};
pub use remembered::Remembered;
pub use smart::cut_clip;
pub use still::{Still, still, to_still};
pub use window::{WindowOptions, WindowStats, look, sound_format};

/// The containers that are read.
pub const CONTAINERS: [&str; 4] = ["MP4/MOV", "FLV", "MPEG-TS", "MKV/WebM"];

/// Whether the installed libav has an encoder of this name.
pub fn has_encoder(name: &str) -> bool {
    ffi::encoder::has_encoder(name)
}

/// Whether the installed libav has a decoder of this name.
pub fn has_decoder(name: &str) -> bool {
    ffi::decoder::has_decoder(name)
}

/// Gives free memory back to the system; worth it after each decoded window.
pub fn release_memory() {
    ffi::release_memory();
}
