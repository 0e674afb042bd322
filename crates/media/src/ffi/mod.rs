//! The only place that touches libav: safe owners around its contexts, one file each.
//!
//! libav is a C library, so every call is foreign. Each owner frees what it allocated, hands out
//! borrowed views whose lifetime ends with the next call, and turns error codes into errors.
#![allow(unsafe_code)] // Foreign calls; see above.
#![deny(unsafe_op_in_unsafe_fn)]

pub mod decoder;
pub mod encoder;
pub mod filter;
pub mod frame;
pub mod input;
pub mod io;
pub mod muxer;
pub mod process;
pub mod resampler;

use std::ffi::{CStr, CString, c_int};
use std::sync::Once;

pub use ffmpeg_next::ffi as av;
use reprise_model::{Error, Kind, MediaTime};

/// "Try again" of libav.
pub const AGAIN: c_int = -(av::EAGAIN);
/// End of a stream.
pub const END: c_int = av::AVERROR_EOF;
/// "No time stamp".
pub const NO_TIME: i64 = i64::MIN;

/// Silences libav's own log; what goes wrong is reported as errors and faults.
pub fn initialise() {
    static ONCE: Once = Once::new();
    // SAFETY: plain setters.
    ONCE.call_once(|| unsafe {
        av::av_log_set_level(av::AV_LOG_QUIET);
        keep_pictures_out_of_the_heap();
    });
}

/// Lets every block from 128 KiB up be mapped alone and given back when it is freed. glibc would
/// raise that bound to 32 MiB once it saw large blocks freed, and keep them.
unsafe fn keep_pictures_out_of_the_heap() {
    #[cfg(target_env = "gnu")]
    {
        const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
        }
        // SAFETY: takes the allocator's own lock.
        unsafe { mallopt(M_MMAP_THRESHOLD, 128 << 10) };
    }
}

/// Gives memory that is free but still held by the allocator back to the system: pictures are large
/// and are freed by the hundred, and glibc keeps them.
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: takes the allocator's own locks and touches only what is free.
        unsafe { malloc_trim(0) };
    }
}

/// libav's words for an error code.
pub fn describe(code: c_int) -> String {
    let mut buffer = [0 as std::ffi::c_char; 128];
    // SAFETY: the buffer is as long as said and is always terminated.
    unsafe {
        av::av_strerror(code, buffer.as_mut_ptr(), buffer.len());
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    }
}

/// An error of libav's as one of ours.
pub fn error(kind: Kind, what: &str, code: c_int) -> Error {
    if code == -12 {
        return Error::new(Kind::Limit, format!("{what}: out of memory"));
    }
    Error::new(kind, format!("{what}: {}", describe(code)))
}

/// Text for C; an inner NUL ends it.
pub fn c_string(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// A libav time stamp as media time.
pub fn time(stamp: i64, base: av::AVRational) -> Option<MediaTime> {
    (stamp != NO_TIME && base.den > 0).then(|| MediaTime::from_ticks(stamp, base.num, base.den))
}

/// The clock of packets and frames inside this crate: flicks of the recording.
pub const FLICKS: av::AVRational = av::AVRational { num: 1, den: 705_600_000 };

/// Key and value options for libav, freed with their owner.
pub struct Options(pub *mut av::AVDictionary);

impl Options {
    /// From pairs.
    pub fn new(pairs: &[(&str, &str)]) -> Self {
        let mut dictionary = std::ptr::null_mut();
        for (key, value) in pairs {
            let (key, value) = (c_string(key), c_string(value));
            // SAFETY: both strings live through the call, which copies them.
            unsafe { av::av_dict_set(&mut dictionary, key.as_ptr(), value.as_ptr(), 0) };
        }
        Self(dictionary)
    }

    /// The first key that nobody took, after the options were used.
    pub fn unused(&self) -> Option<String> {
        // SAFETY: iterates over a dictionary that we own.
        unsafe {
            let entry =
                av::av_dict_get(self.0, c"".as_ptr(), std::ptr::null(), av::AV_DICT_IGNORE_SUFFIX);
            entry.as_ref().map(|entry| CStr::from_ptr(entry.key).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours alone; a null dictionary is fine.
        unsafe { av::av_dict_free(&mut self.0) };
    }
}
