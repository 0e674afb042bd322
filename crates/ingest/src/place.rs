//! Where a manifest and what it names are: files of this machine, or behind addresses.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_model::bytes::without_secrets;
use reprise_model::{ByteSource, Error, Kind, Result};
use url::Url;

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// On this machine.
    File(PathBuf),
    /// Behind an address: `https://…`, `http://…` or `s3://bucket/key`.
    Remote(String),
}

/// For people: without credentials.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Remote(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl Location {
    /// What a command's argument means: as [`resolve`] from where the command runs.
    pub fn of_argument(argument: &Path) -> Self {
        match argument.to_str() {
            Some(text) => resolve(&Self::File(PathBuf::new()), text),
            None => Self::File(argument.to_owned()),
        }
    }

    /// The same from whichever folder one looks, as workers elsewhere need it.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a path that is no UTF-8, [`Kind::Io`] where this folder is gone.
    pub fn absolute(&self) -> Result<String> {
        let path = match self {
            Self::Remote(url) => return Ok(url.clone()),
            Self::File(path) => path,
        };
        let whole =
            std::path::absolute(path).map_err(|error| Error::io(self.to_string(), error))?;
        whole.to_str().map(str::to_owned).ok_or_else(|| {
            let message = "has a name that is no UTF-8: rename it";
            Error::new(Kind::Usage, message).in_file(self.to_string())
        })
    }

    /// The folder that it lies in, with which [`resolve`] finds what lies beside it. A query that says
    /// where S3 is stays; any other, such as a signature, is of this one object.
    pub fn folder(&self) -> Self {
        match self {
            Self::File(path) => Self::File(match path.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            }),
            Self::Remote(url) => {
                let (path, query) = split(url);
                let (scheme, rest) = path.split_at(path.find("://").map_or(0, |at| at + 3));
                let folder = rest.rfind('/').map_or(rest, |at| &rest[..at]);
                let query = if is_s3(url) { query } else { "" };
                Self::Remote(format!("{scheme}{folder}/{query}"))
            }
        }
    }

    /// The last part of its path.
    pub fn file_name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Remote(url) => split(url).0.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// Opens it to be read from begin to end. Blocks; an address must not be opened on a thread that
    /// drives asynchronous work.
    ///
    /// # Errors
    /// [`Kind::Missing`] where nothing is there, or a folder; [`Kind::Io`], and for an address as
    /// [`reprise_store::open_source`].
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        match self {
            Self::File(path) => {
                let failed = |error| Error::io(path.display().to_string(), error);
                let file = File::open(path).map_err(failed)?;
                if file.metadata().map_err(failed)?.is_dir() {
                    let message = "is a folder; name the file in it";
                    return Err(Error::new(Kind::Missing, message).in_file(self.to_string()));
                }
                Ok(Box::new(file))
            }
            Self::Remote(url) => {
                let source = reprise_store::open_source(url)?;
                source.will_read(0..source.len());
                Ok(Box::new(InOrder { source, at: 0 }))
            }
        }
    }

    /// All of it, where that is at most `most` bytes.
    ///
    /// # Errors
    /// As [`Location::open`]; [`Kind::Limit`] where it is longer.
    pub fn read(&self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(self.to_string(), error))?;
        if bytes.len() as u64 > most {
            let message = format!("is larger than {most} bytes");
            return Err(Error::new(Kind::Limit, message).in_file(self.to_string()));
        }
        Ok(bytes)
    }
}

/// What `name` in a manifest that lies in the folder `base` means: another address or a `file://` URL
/// as it is, an absolute path as it is where the manifest is a file, and else what lies there below
/// `base`. Beside a manifest behind `https://` a name is a relative reference (RFC 3986); in S3 it is
/// the rest of a key.
pub fn resolve(base: &Location, name: &str) -> Location {
    match name.split_once("://") {
        Some((scheme, path)) if scheme.eq_ignore_ascii_case("file") => {
            return Location::File(PathBuf::from(path.strip_prefix("localhost").unwrap_or(path)));
        }
        Some((scheme, _))
            if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
        {
            return Location::Remote(name.to_owned());
        }
        _ => {}
    }
    match base {
        Location::File(folder) => Location::File(folder.join(name)),
        Location::Remote(folder) if is_s3(folder) => {
            let (path, query) = split(folder);
            Location::Remote(format!("{path}{name}{query}"))
        }
        Location::Remote(folder) => {
            let joined = Url::parse(folder).and_then(|folder| folder.join(name));
            // What is no address is said where it is opened.
            Location::Remote(joined.map_or_else(|_| format!("{folder}{name}"), String::from))
        }
    }
}

fn is_s3(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("s3://"))
}

/// An address without and with only its query. In S3 a `?` may be part of a key, unless what follows
/// says where S3 is.
fn split(url: &str) -> (&str, &str) {
    if is_s3(url) {
        return url.split_at(reprise_store::s3_query_at(url).unwrap_or(url.len()));
    }
    url.split_at(url.find(['?', '#']).unwrap_or(url.len()))
}

/// A source, read in order.
struct InOrder {
    source: Arc<dyn ByteSource>,
    at: u64,
}

impl Read for InOrder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Location {
        Location::Remote(url.to_owned())
    }

    #[test]
    fn places_are_resolved_and_secrets_stay_out_of_messages() {
        let base = Location::File("/data/live".into());
        assert_eq!(resolve(&base, "a/b.flv"), Location::File("/data/live/a/b.flv".into()));
        assert_eq!(resolve(&base, "/x.flv"), Location::File("/x.flv".into()));
        assert_eq!(resolve(&base, "file:///x.flv"), Location::File("/x.flv".into()));
        assert_eq!(resolve(&base, "s3://b/k"), remote("s3://b/k"));
        let argument = |text| Location::of_argument(Path::new(text));
        assert_eq!(argument("a/b.flv"), Location::File("a/b.flv".into()));
        let signed = argument("https://me:pass@h.example/a//b.flv?token=t");
        assert_eq!(signed, remote("https://me:pass@h.example/a//b.flv?token=t"));
        assert_eq!(signed.to_string(), "https://h.example/a//b.flv");
    }

    #[test]
    fn beside_an_address_lies_what_its_folder_holds() {
        let beside = |manifest: &str, name: &str| match resolve(&remote(manifest).folder(), name) {
            Location::Remote(url) => url,
            Location::File(path) => panic!("{}", path.display()),
        };
        let far = "s3://lives/acme/1/session.toml?endpoint=http://h:9000&region=x";
        let far_log = "s3://lives/acme/1/a b?c.jsonl?endpoint=http://h:9000&region=x";
        assert_eq!(beside(far, "a b?c.jsonl"), far_log);
        assert_eq!(beside("S3://lives/session.toml", "live.flv"), "S3://lives/live.flv");
        assert_eq!(beside("s3://lives/w?x/s.toml", "live.flv"), "s3://lives/w?x/live.flv");
        assert_eq!(beside(far, "https://h/live.flv"), "https://h/live.flv");
        let web = "https://me:pw@h/x/session.toml?token=t";
        assert_eq!(beside(web, "a/live.flv"), "https://me:pw@h/x/a/live.flv");
        assert_eq!(beside(web, "/live.flv"), "https://me:pw@h/live.flv");
        assert_eq!(beside("https://h", "live.flv"), "https://h/live.flv");
        assert_eq!(beside("s3://lives/s.toml?region=x", "a"), "s3://lives/a?region=x");
        assert_eq!(remote(far_log).file_name(), "a b?c.jsonl");
        assert_eq!(remote(web).file_name(), "session.toml");
    }
}
