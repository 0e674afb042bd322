//! Files as byte sources.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, Result};

/// A file on this machine, opened once and read at any offset.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    length: u64,
    name: String,
}

impl FileSource {
    /// Opens a regular file.
    ///
    /// # Errors
    /// `Missing` where it is not there, `Usage` where it is no regular file, `Io` otherwise.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let name = path.display().to_string();
        let describe = |error| Error::io(name.clone(), error);
        let metadata = std::fs::metadata(path).map_err(describe)?;
        if !metadata.is_file() {
            return Err(Error::new(Kind::Usage, "is not a regular file").in_file(name));
        }
        let file = File::open(path).map_err(describe)?;
        Ok(Arc::new(Self { file, length: metadata.len(), name }))
    }
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.length
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
    fn name(&self) -> &str {
        &self.name
    }
}
