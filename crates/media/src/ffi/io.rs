//! libav's byte I/O over a [`ByteSource`] or a growing buffer: it never sees a name.

use std::ffi::{c_int, c_void};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use reprise_model::clip::ByteRange;
use reprise_model::{ByteSource, Error, Kind, Result};

use super::{END, av};

const READ_BUFFER: usize = 64 * 1024;
const WRITE_BUFFER: usize = 64 * 1024;
const IO_ERROR: c_int = -5; // AVERROR(EIO)

type SeekFn = unsafe extern "C" fn(*mut c_void, i64, c_int) -> i64;

/// Reads a source for libav.
pub struct ReadIo {
    context: *mut av::AVIOContext,
    state: Box<ReadState>,
}

struct ReadState {
    source: Arc<dyn ByteSource>,
    position: u64,
    failed: Option<io::Error>,
    ranges: Vec<ByteRange>,
}

impl ReadIo {
    /// Starts at the first byte; without `seekable` it is read from there to the end.
    pub fn new(source: Arc<dyn ByteSource>, seekable: bool) -> Result<Self> {
        let mut state =
            Box::new(ReadState { source, position: 0, failed: None, ranges: Vec::new() });
        // SAFETY: the buffer comes from libav's allocator as it demands; the state is boxed, so
        // its address stays while `self` lives, and `self` frees the context before the box.
        let context = unsafe {
            let buffer = av::av_malloc(READ_BUFFER).cast::<u8>();
            av::avio_alloc_context(
                buffer,
                READ_BUFFER as c_int,
                0,
                std::ptr::from_mut(state.as_mut()).cast(),
                Some(read),
                None,
                seekable.then_some(seek_read as SeekFn),
            )
        };
        if context.is_null() {
            return Err(Error::new(Kind::Limit, "out of memory"));
        }
        Ok(Self { context, state })
    }

    /// For `AVFormatContext::pb`.
    pub fn context(&self) -> *mut av::AVIOContext {
        self.context
    }

    /// What the source said when a read failed, once.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.state.failed.take()
    }

    /// What was read so far, joined and sorted.
    pub fn ranges(&self) -> Vec<ByteRange> {
        let mut ranges = self.state.ranges.clone();
        ranges.sort();
        let mut joined: Vec<ByteRange> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        joined
    }
}

impl Drop for ReadIo {
    fn drop(&mut self) {
        // SAFETY: libav may have replaced the buffer, so the one in the context is freed.
        unsafe {
            av::av_freep((&raw mut (*self.context).buffer).cast());
            av::avio_context_free(&mut self.context);
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the boxed state; `buffer` holds `size` bytes. A panic must not cross.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe {
        let state = &mut *opaque.cast::<ReadState>();
        let buffer = std::slice::from_raw_parts_mut(buffer, usize::try_from(size).unwrap_or(0));
        match state.source.read_at(state.position, buffer) {
            Ok(0) => END,
            Ok(count) => {
                let start = state.position;
                state.position += count as u64;
                match state.ranges.last_mut() {
                    Some(last) if last.end == start => last.end = state.position,
                    _ => state.ranges.push(ByteRange { start, end: state.position }),
                }
                count as c_int
            }
            Err(error) => {
                state.failed = Some(error);
                IO_ERROR
            }
        }
    }));
    outcome.unwrap_or(IO_ERROR)
}

unsafe extern "C" fn seek_read(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: `opaque` is the boxed state.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe {
        let state = &mut *opaque.cast::<ReadState>();
        let length = i64::try_from(state.source.len()).unwrap_or(i64::MAX);
        seek(&mut state.position, length, offset, whence)
    }));
    outcome.unwrap_or(i64::from(IO_ERROR))
}

fn seek(position: &mut u64, length: i64, offset: i64, whence: c_int) -> i64 {
    let target = match whence & !0x2_0000 {
        0 => offset,
        1 => i64::try_from(*position).unwrap_or(i64::MAX).saturating_add(offset),
        2 => length.saturating_add(offset),
        w if w == av::AVSEEK_SIZE as c_int => return length,
        _ => return i64::from(IO_ERROR),
    };
    match u64::try_from(target) {
        Ok(at) => {
            *position = at;
            target
        }
        Err(_) => i64::from(IO_ERROR),
    }
}

/// Collects what libav writes, with seeking back.
pub struct WriteIo {
    context: *mut av::AVIOContext,
    state: Box<WriteState>,
}

struct WriteState {
    bytes: Vec<u8>,
    position: u64,
    limit: usize,
}

impl WriteIo {
    /// Takes up to `limit` bytes; more is an error of the write.
    pub fn new(limit: usize) -> Result<Self> {
        let mut state = Box::new(WriteState { bytes: Vec::new(), position: 0, limit });
        // SAFETY: as in `ReadIo::new`.
        let context = unsafe {
            let buffer = av::av_malloc(WRITE_BUFFER).cast::<u8>();
            av::avio_alloc_context(
                buffer,
                WRITE_BUFFER as c_int,
                1,
                std::ptr::from_mut(state.as_mut()).cast(),
                None,
                Some(write),
                Some(seek_write),
            )
        };
        if context.is_null() {
            return Err(Error::new(Kind::Limit, "out of memory"));
        }
        Ok(Self { context, state })
    }

    /// For `AVFormatContext::pb`.
    pub fn context(&self) -> *mut av::AVIOContext {
        self.context
    }

    /// What was written.
    pub fn into_bytes(mut self) -> Vec<u8> {
        // SAFETY: flushes into the state that we own.
        unsafe { av::avio_flush(self.context) };
        std::mem::take(&mut self.state.bytes)
    }
}

impl Drop for WriteIo {
    fn drop(&mut self) {
        // SAFETY: as in `ReadIo::drop`.
        unsafe {
            av::av_freep((&raw mut (*self.context).buffer).cast());
            av::avio_context_free(&mut self.context);
        }
    }
}

unsafe extern "C" fn write(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the boxed state; `buffer` holds `size` bytes.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe {
        let state = &mut *opaque.cast::<WriteState>();
        let buffer = std::slice::from_raw_parts(buffer, usize::try_from(size).unwrap_or(0));
        let start = usize::try_from(state.position).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        if end > state.limit {
            return IO_ERROR;
        }
        if end > state.bytes.len() {
            state.bytes.resize(end, 0);
        }
        state.bytes[start..end].copy_from_slice(buffer);
        state.position = end as u64;
        size
    }));
    outcome.unwrap_or(IO_ERROR)
}

unsafe extern "C" fn seek_write(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: `opaque` is the boxed state.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe {
        let state = &mut *opaque.cast::<WriteState>();
        let length = i64::try_from(state.bytes.len()).unwrap_or(i64::MAX);
        seek(&mut state.position, length, offset, whence)
    }));
    outcome.unwrap_or(i64::from(IO_ERROR))
}
