//! What a shut-in process asks of the system and the standard library has no words for.

use std::ffi::{c_int, c_uint};

/// Closes every file but the three standard ones: what a caller left open is not the child's.
pub fn close_other_files() {
    const FIRST: c_uint = 3;
    // SAFETY: called before this process has opened anything itself, so no owner is left behind.
    unsafe { libc::syscall(libc::SYS_close_range, FIRST, c_uint::MAX, 0 as c_uint) };
}

/// Sends this thread the signal of a bad memory access, as a defect of a decoder would.
pub fn crash() {
    const SIGNAL: c_int = libc::SIGSEGV;
    // SAFETY: no memory is touched; the signal's own action ends the process. The default action
    // is put back first, because Rust's handler would look for a stack overflow.
    unsafe {
        libc::signal(SIGNAL, libc::SIG_DFL);
        libc::raise(SIGNAL);
    }
}
