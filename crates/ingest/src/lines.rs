//! Lines of a text file that may be compressed, read without holding more than one of them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use reprise_model::{Error, Kind, Result};

/// Longest line in bytes, 1 MiB; a longer one is passed over and not held.
pub(crate) const LINE_MAX: u64 = 1 << 20;

const BUFFER: usize = 1 << 16;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the next line is.
pub(crate) enum Line<'a> {
    /// Its bytes without the line end.
    Text(&'a [u8]),
    /// It is longer than [`LINE_MAX`].
    TooLong,
    /// The compressed data is damaged or ends early here; nothing follows.
    Cut(io::Error),
}

/// A reader of the lines of one file; gzip and zstd are known by their first bytes.
pub(crate) struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
    raw: Raw,
    compressed: bool,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl Lines {
    /// Opens `path`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io_error = |error| Error::io(name.clone(), error);
        let file = File::open(path).map_err(io_error)?;
        if file.metadata().map_err(io_error)?.is_dir() {
            return Err(Error::new(Kind::Malformed, "is a folder, not a file").in_file(name));
        }
        let raw = Raw(Arc::new(Mutex::new(State { file, hasher: blake3::Hasher::new() })));
        let mut buffered = BufReader::with_capacity(BUFFER, raw.clone());
        let magic = buffered.fill_buf().map_err(io_error)?;
        if magic.starts_with(b"\xff\xfe") || magic.starts_with(b"\xfe\xff") {
            let message = "is UTF-16 text; save it as UTF-8";
            return Err(Error::new(Kind::Unsupported, message).in_file(name));
        }
        let (reader, compressed): (Box<dyn BufRead>, bool) = if magic.starts_with(&GZIP) {
            let decoder = flate2::bufread::MultiGzDecoder::new(buffered);
            (Box::new(BufReader::with_capacity(BUFFER, decoder)), true)
        } else if magic.starts_with(&ZSTD) {
            let decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(io_error)?;
            (Box::new(BufReader::with_capacity(BUFFER, decoder)), true)
        } else {
            (Box::new(buffered), false)
        };
        Ok(Self { name, reader, raw, compressed, line: Vec::new(), number: 0, ended: false })
    }

    /// As messages name the file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next line with its number, from 1; `None` at the end.
    ///
    /// # Errors
    /// What the medium says. Damage inside compressed data is no error but [`Line::Cut`].
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>> {
        if self.ended {
            return Ok(None);
        }
        self.line.clear();
        self.number += 1;
        let read = (&mut self.reader).take(LINE_MAX + 1).read_until(b'\n', &mut self.line);
        let long = self.line.len() as u64 > LINE_MAX && self.line.last() != Some(&b'\n');
        let outcome = match read {
            Ok(_) if long => self.reader.skip_until(b'\n'),
            other => other,
        };
        match outcome {
            Ok(0) => {
                self.ended = true;
                Ok(None)
            }
            Ok(_) if long => Ok(Some((self.number, Line::TooLong))),
            Ok(_) => {
                let mut text = self.line.as_slice();
                text = text.strip_suffix(b"\n").unwrap_or(text);
                text = text.strip_suffix(b"\r").unwrap_or(text);
                if self.number == 1 {
                    text = text.strip_prefix(UTF8_MARK).unwrap_or(text);
                }
                Ok(Some((self.number, Line::Text(text))))
            }
            Err(error) => {
                self.ended = true;
                // A decoder reports its own damage; the medium's errors carry a system code.
                if self.compressed && error.raw_os_error().is_none() {
                    Ok(Some((self.number, Line::Cut(error))))
                } else {
                    Err(Error::io(self.name.clone(), error))
                }
            }
        }
    }

    /// blake3 of the file's own bytes, to the end, whatever was read as lines.
    pub(crate) fn digest(mut self) -> Result<[u8; 32]> {
        // The decoder may have stopped before the end of the file; its buffer was hashed already.
        drop(self.reader);
        io::copy(&mut self.raw, &mut io::sink()).map_err(|error| Error::io(self.name, error))?;
        let state = self.raw.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(*state.hasher.finalize().as_bytes())
    }
}

/// The file, hashed as it is read.
#[derive(Clone)]
struct Raw(Arc<Mutex<State>>);

struct State {
    file: File,
    hasher: blake3::Hasher,
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.file.read(buffer)?;
        state.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
