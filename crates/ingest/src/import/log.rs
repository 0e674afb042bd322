//! Writes canonical event logs: whole under their final name, or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use reprise_model::event::Event;
use reprise_model::{Error, Kind, Result};

/// Level that a 13-hour log is written at in well under a second.
const ZSTD_LEVEL: i32 = 3;

/// Writes `events` to `path`, one JSON object a line; gzip where the name ends in `.gz`, zstd where
/// it ends in `.zst`. A file of that name is replaced whole, after the new one is safely on disk.
///
/// # Errors
/// [`Kind::Io`] or [`Kind::Missing`] (no such folder) where writing fails; nothing is left behind.
pub fn write_log(events: &[Event], path: &Path) -> Result<()> {
    let io_error = |error| Error::io(path.display().to_string(), error);
    let Some(name) = path.file_name() else {
        return Err(Error::new(Kind::Usage, "is no file name").in_file(path.display().to_string()));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Temporary(path.with_file_name(temporary));
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary.0);
    let file = file.map_err(io_error)?;
    let ends_with = |end| path.extension().is_some_and(|extension| extension == end);
    let written = if ends_with("gz") {
        let level = flate2::Compression::default();
        write_lines(events, flate2::write::GzEncoder::new(BufWriter::new(file), level))
            .and_then(|encoder| encoder.finish())
    } else if ends_with("zst") {
        zstd::stream::write::Encoder::new(BufWriter::new(file), ZSTD_LEVEL)
            .and_then(|encoder| write_lines(events, encoder))
            .and_then(|encoder| encoder.finish())
    } else {
        write_lines(events, BufWriter::new(file))
    };
    let file = written.and_then(|buffer| buffer.into_inner().map_err(io::Error::from));
    file.and_then(|file| file.sync_all()).map_err(io_error)?;
    fs::rename(&temporary.0, path).map_err(io_error)?;
    // The new name is safe only once its folder is; not every file system can say so.
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn write_lines<W: Write>(events: &[Event], mut writer: W) -> io::Result<W> {
    let mut line = Vec::new();
    for event in events {
        line.clear();
        serde_json::to_writer(&mut line, event)?;
        line.push(b'\n');
        writer.write_all(&line)?;
    }
    Ok(writer)
}

/// A file that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::lines::{Blocks, Line};
    use crate::testing::Folder;

    #[test]
    fn a_log_comes_back_as_it_was_in_every_compression() {
        let text = r#"{"at":"2026-11-20T12:00:03Z","type":"order","order_id":"1","quantity":2,"amount":{"value":"1.50","currency":"USD"},"status":"paid","sku_id":"7"}"#;
        let events: Vec<Event> = vec![serde_json::from_str(text).unwrap()];
        let folder = Folder::new();
        for (name, magic) in [("a.jsonl", "{\"a"), ("a.jsonl.gz", "\x1f"), ("a.zst", "(")] {
            let path = folder.path().join(name);
            fs::write(&path, "old").unwrap();
            write_log(&events, &path).unwrap();
            assert!(fs::read(&path).unwrap().starts_with(magic.as_bytes()), "{name}");
            let mut blocks = Blocks::open(&path).unwrap();
            let block = blocks.next().unwrap().unwrap();
            let read = block.lines().map(|(_, line)| match line {
                Line::Text(text) => serde_json::from_slice(text).unwrap(),
                _ => panic!("no text"),
            });
            assert_eq!(read.collect::<Vec<Event>>(), events);
        }
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 3, "no temporary file is left");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = Folder::new();
        let error = write_log(&[], &folder.path().join("none/a.jsonl")).unwrap_err();
        assert_eq!(error.kind, Kind::Missing);
        // A folder cannot be replaced by a file.
        fs::create_dir_all(folder.path().join("d/x")).unwrap();
        assert!(write_log(&[], &folder.path().join("d")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
