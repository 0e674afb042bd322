//! Lines of a text file that may be compressed, read in blocks of whole lines.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use reprise_model::{Error, Kind, Result};

use crate::place::Location;

/// Longest line in bytes, 1 MiB; a longer one is passed over and not held.
pub(crate) const LINE_MAX: u64 = 1 << 20;

/// A block ends with the first line that reaches so many bytes. Fixed, so that blocks are the same
/// wherever and however often a file is read.
const BLOCK: usize = 1 << 20;
const BUFFER: usize = 1 << 17;
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
    Cut(&'a io::Error),
}

/// Lines that follow each other.
pub(crate) struct Block {
    /// Number of the first line, from 1.
    first: u64,
    /// Whole lines with their ends; the last one of a file may lack it.
    bytes: Vec<u8>,
    end: End,
}

/// Why a block ends.
enum End {
    /// It is full, or the file is over.
    Whole,
    /// A line follows that is too long.
    TooLong,
    /// The compressed data is damaged in the line that follows.
    Cut(io::Error),
}

impl Block {
    /// Every line with its number, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (u64, Line<'_>)> {
        let mut from = 0;
        let ends = memchr::memchr_iter(b'\n', &self.bytes).map(|at| at + 1);
        let last = (self.bytes.last().is_some_and(|&b| b != b'\n')).then_some(self.bytes.len());
        let texts = ends.chain(last).map(move |end| {
            let text = &self.bytes[std::mem::replace(&mut from, end)..end];
            Some(Line::Text(trimmed(text)))
        });
        let after = match &self.end {
            End::Whole => None,
            End::TooLong => Some(Line::TooLong),
            End::Cut(error) => Some(Line::Cut(error)),
        };
        let lines = texts.chain([after]).flatten();
        lines.enumerate().map(|(place, line)| (self.first + place as u64, line))
    }

    /// How many lines it has.
    fn count(&self) -> u64 {
        self.lines().count() as u64
    }
}

/// Without its end.
fn trimmed(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// A reader of one file, block by block; gzip and zstd are known by their first bytes.
pub(crate) struct Blocks {
    name: String,
    reader: Box<dyn BufRead + Send>,
    raw: Raw,
    compressed: bool,
    /// What went wrong before the first line.
    broken: Option<io::Error>,
    /// Number of the next line.
    next: u64,
    ended: bool,
}

impl Blocks {
    /// Opens what is there.
    pub(crate) fn open(place: impl Into<Location>) -> Result<Self> {
        let place = place.into();
        let name = place.to_string();
        let io_error = |error| Error::io(name.clone(), error);
        let (medium, hasher) = (place.open()?, blake3::Hasher::new());
        let raw = Raw(Arc::new(Mutex::new(State { medium, hasher, failed: false })));
        let mut buffered = BufReader::with_capacity(BUFFER, raw.clone());
        let magic = buffered.fill_buf().map_err(io_error)?;
        if magic.starts_with(b"\xff\xfe") || magic.starts_with(b"\xfe\xff") {
            let message = "is UTF-16 text; save it as UTF-8";
            return Err(Error::new(Kind::Unsupported, message).in_file(name));
        }
        let (reader, compressed): (Box<dyn BufRead + Send>, bool) = if magic.starts_with(&GZIP) {
            let decoder = flate2::bufread::MultiGzDecoder::new(buffered);
            (Box::new(BufReader::with_capacity(BUFFER, decoder)), true)
        } else if magic.starts_with(&ZSTD) {
            let decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(io_error)?;
            (Box::new(BufReader::with_capacity(BUFFER, decoder)), true)
        } else {
            (Box::new(buffered), false)
        };
        let mut blocks =
            Self { name, reader, raw, compressed, broken: None, next: 1, ended: false };
        blocks.skip_mark();
        Ok(blocks)
    }

    /// As messages name the file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next block; `None` at the end. A block is never empty.
    ///
    /// # Errors
    /// What the medium says. Damage inside compressed data is no error but [`Line::Cut`].
    pub(crate) fn next(&mut self) -> Result<Option<Block>> {
        let bytes = Vec::with_capacity(BLOCK + BUFFER);
        let mut block = Block { first: self.next, bytes, end: End::Whole };
        while !self.ended && block.bytes.len() < BLOCK && matches!(block.end, End::Whole) {
            self.extend(&mut block)?;
        }
        self.next += block.count();
        Ok((self.next > block.first).then_some(block))
    }

    /// Appends what is at hand: as many whole lines as the buffer holds, or one that it does not.
    fn extend(&mut self, block: &mut Block) -> Result<()> {
        let broken = self.broken.take().map_or(Ok(()), Err);
        let outcome = broken.and_then(|()| self.reader.fill_buf()).map(|buffer| {
            let room = buffer.len().min((BLOCK - block.bytes.len()).max(1));
            let whole = memchr::memrchr(b'\n', &buffer[..room]).map_or(0, |at| at + 1);
            block.bytes.extend_from_slice(&buffer[..whole]);
            whole
        });
        let outcome = match outcome {
            Ok(0) => self.one_line(block),
            Ok(whole) => {
                self.reader.consume(whole);
                Ok(())
            }
            Err(error) => Err(error),
        };
        let Err(error) = outcome else { return Ok(()) };
        if error.kind() == io::ErrorKind::Interrupted {
            return Ok(());
        }
        self.ended = true;
        // A decoder passes on what the medium says; all else is damage of its own.
        if self.compressed && !self.raw.failed() {
            block.end = End::Cut(error);
            return Ok(());
        }
        Err(Error::io(self.name.clone(), error))
    }

    /// A line that does not lie in the buffer as a whole, or the end.
    fn one_line(&mut self, block: &mut Block) -> io::Result<()> {
        let start = block.bytes.len();
        let read = (&mut self.reader).take(LINE_MAX + 1).read_until(b'\n', &mut block.bytes);
        let whole = block.bytes.last() == Some(&b'\n');
        match read {
            Ok(0) => self.ended = true,
            Ok(count) if count as u64 > LINE_MAX && !whole => {
                block.bytes.truncate(start);
                block.end = End::TooLong;
                self.reader.skip_until(b'\n')?;
            }
            Ok(_) => {}
            Err(error) => {
                // What the line began with is no line.
                block.bytes.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Passes over the mark that some programs put before UTF-8.
    fn skip_mark(&mut self) {
        match self.reader.fill_buf() {
            Ok(buffer) if buffer.starts_with(UTF8_MARK) => self.reader.consume(UTF8_MARK.len()),
            Ok(_) => {}
            // A decoder tells its damage only once; it belongs to the first line.
            Err(error) => self.broken = Some(error),
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
    medium: Box<dyn Read + Send>,
    hasher: blake3::Hasher,
    /// Whether the medium gave an error.
    failed: bool,
}

impl Raw {
    fn failed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.medium.read(buffer) {
            Ok(count) => {
                state.hasher.update(&buffer[..count]);
                Ok(count)
            }
            Err(error) => {
                state.failed = error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn blocks_hold_every_line_once() {
        let folder = Folder::new();
        let line = |n: usize| format!("{n}{}", "x".repeat(n * 7919 % 5000));
        let mut text: Vec<String> = (1..=2000).map(line).collect();
        text[700] = "y".repeat(LINE_MAX as usize + 1);
        text[701] = "z".repeat(LINE_MAX as usize);
        for (end, mark) in [("\n", ""), ("\r\n", "\u{feff}"), ("\n", "\u{feff}")] {
            let mut bytes = format!("{mark}{}", text.join(end)).into_bytes();
            // The carriage return belongs to the line.
            let too_long = if end == "\n" { vec![701] } else { vec![701, 702] };
            for compressed in [false, true] {
                if compressed {
                    bytes = zstd::encode_all(bytes.as_slice(), 1).unwrap();
                }
                let mut blocks = Blocks::open(folder.file("lines", &bytes)).unwrap();
                let (mut expected, mut several) = (1, 0);
                while let Some(block) = blocks.next().unwrap() {
                    several += 1;
                    assert!(block.bytes.len() <= BLOCK + LINE_MAX as usize + 2);
                    for (number, line) in block.lines() {
                        assert_eq!(number, expected);
                        match line {
                            Line::Text(line) => {
                                assert!(line == text[number as usize - 1].as_bytes(), "{number}");
                            }
                            Line::TooLong => assert!(too_long.contains(&number)),
                            Line::Cut(error) => panic!("{error}"),
                        }
                        expected += 1;
                    }
                }
                assert!(expected == 2001 && several > 4, "{expected} {several}");
                assert_eq!(blocks.digest().unwrap(), *blake3::hash(&bytes).as_bytes());
            }
        }
    }
}
