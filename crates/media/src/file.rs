//! Files as byte sources.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_model::bytes::stays_below;
use reprise_model::{ByteSource, Error, Kind, Result};

/// A file on this machine, opened once and read at any offset.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    length: u64,
    name: String,
    path: PathBuf,
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
        Ok(Arc::new(Self { file, length: metadata.len(), name, path: path.to_owned() }))
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
    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
        if !stays_below(relative) {
            return Err(refused("names something that does not lie below"));
        }
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // A link may lead out of the folder however plain its name is.
        let folder = folder.canonicalize()?;
        // A name that can lead nowhere is the naming file's fault, not the disk's.
        let path =
            folder.join(relative).canonicalize().map_err(|error| match error.raw_os_error() {
                Some(libc::ENAMETOOLONG | libc::ELOOP) => refused("is no name that leads anywhere"),
                Some(libc::ENOTDIR) => io::Error::new(io::ErrorKind::NotFound, error),
                _ => error,
            })?;
        if !path.starts_with(&folder) {
            return Err(refused("is a link to something that does not lie below"));
        }
        let opened = Self::open(&path).map_err(|error| match error.kind {
            Kind::Usage => refused("is no file"),
            Kind::Missing => io::Error::new(io::ErrorKind::NotFound, error.to_string()),
            _ => io::Error::other(error.to_string()),
        })?;
        Ok(opened)
    }
}
