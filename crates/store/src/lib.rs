//! Where results are kept: objects named by keys, in a folder or in S3; recordings over the network;
//! and models that are fetched once.
//!
//! An object appears whole or not at all, whatever dies in between. Nothing else is shared between
//! processes: what is not in the store does not exist.

mod download;
mod folder;
mod key;
mod options;
mod post;
mod s3;
mod source;

pub use download::{Fetched, Pinned, download, verify};
pub use folder::FolderStore;
pub use key::Key;
pub use options::PutOptions;
pub use post::{ANSWER_MAX, Method, PostTo, Posted, check_post, origin_of, post, send};
pub use s3::{S3Setup, S3Store, s3_query_at, s3_setup};
pub use source::{
    NetworkOptions, RemoteSource, S3Access, S3Keys, SourceStats, open_source, open_source_with,
};

use std::time::Duration;

use reprise_model::{Error, Kind, Result};

/// A place for objects. Methods block; callers that are asynchronous use their own threads.
///
/// Every error names the object's location.
pub trait ObjectStore: Send + Sync {
    /// Writes an object, whole or not at all; replaces what is there. When it returns, the object
    /// outlives a power failure.
    ///
    /// # Errors
    /// [`Kind::Io`] where the disk is full or the place may not be written.
    fn put(&self, key: &Key, bytes: &[u8], options: PutOptions) -> Result<()>;

    /// Writes an object unless there is one; `false` says that someone was first. Of any number of
    /// callers exactly one gets `true`, and a reader sees a whole object or none.
    ///
    /// # Errors
    /// As [`ObjectStore::put`]; [`Kind::Unsupported`] where the place cannot decide who was first.
    fn put_if_absent(&self, key: &Key, bytes: &[u8], options: PutOptions) -> Result<bool>;

    /// Which bytes an object has now; `None` where there is none.
    ///
    /// # Errors
    /// [`Kind::Io`] where it is there and that cannot be found out.
    fn version(&self, key: &Key) -> Result<Option<Version>>;

    /// Writes an object if it is still of this version, `None` that there is still none; `false` says
    /// that somebody else changed it, and then nothing is written. So a process that stood still
    /// between looking and writing changes nothing.
    ///
    /// # Errors
    /// As [`ObjectStore::put`]; [`Kind::TryAgain`] where another process keeps the place busy.
    fn put_if_version(
        &self,
        key: &Key,
        bytes: &[u8],
        options: PutOptions,
        version: Option<&Version>,
    ) -> Result<bool>;

    /// The bytes of an object; `None` where there is none.
    ///
    /// # Errors
    /// [`Kind::Io`] where it is there and cannot be read.
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>>;

    /// Whether there is an object.
    ///
    /// # Errors
    /// [`Kind::Io`] where that cannot be found out.
    fn exists(&self, key: &Key) -> Result<bool>;

    /// The objects whose keys begin with `prefix`, sorted by the bytes of their keys. The prefix is
    /// text, not a folder: `a/b` finds `a/b/c` and `a/bc`. An empty prefix finds everything.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a prefix that no key can have; [`Kind::Io`].
    fn list(&self, prefix: &str) -> Result<Vec<Entry>>;

    /// Removes an object; that there is none is no error.
    ///
    /// # Errors
    /// [`Kind::Io`] where it is there and cannot be removed.
    fn delete(&self, key: &Key) -> Result<()>;

    /// An address from which anybody can read the object for `time`, at most 15 minutes; `None` where
    /// the place has none. It is a secret: it belongs in no log.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a longer time; [`Kind::Unavailable`] where it cannot be signed.
    fn presigned(&self, _key: &Key, _time: Duration) -> Result<Option<String>> {
        Ok(None)
    }

    /// Removes what writes left unfinished that began longer than `age` ago, and says how many.
    ///
    /// # Errors
    /// [`Kind::Io`] and the like where that cannot be found out.
    fn sweep_unfinished(&self, _age: Duration) -> Result<u64> {
        Ok(0)
    }

    /// Where an object is or would be, for people and messages; no credentials in it.
    fn location(&self, key: &Key) -> String;
}

/// Which bytes an object has; only the store that said it knows what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub(crate) String);

impl Version {
    /// For stores of others.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// Its length in bytes.
    pub len: u64,
}

/// Opens a store by its destination: a path or a `file:///` URL of a folder, which is made where it
/// is missing, or [`S3Store`]'s `s3://bucket/prefix?endpoint=...`.
///
/// # Errors
/// [`Kind::Usage`] for a destination that is no place, [`Kind::Unsupported`] for one of a kind that
/// is not handled, [`Kind::Io`] where the folder cannot be made or used; those of [`S3Store::open`].
pub fn open(dest: &str) -> Result<Box<dyn ObjectStore>> {
    let Some((scheme, rest)) = dest.split_once("://") else {
        return Ok(Box::new(FolderStore::open(dest)?));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "file" => Ok(Box::new(FolderStore::open(file_url_path(dest, rest)?)?)),
        "s3" => Ok(Box::new(S3Store::open(dest, &NetworkOptions::default())?)),
        other => Err(Error::new(
            Kind::Unsupported,
            format!("results cannot be written to `{other}://`: give a folder, a file:/// URL or s3://bucket/prefix"),
        )
        .in_file(dest)),
    }
}

fn file_url_path(dest: &str, rest: &str) -> Result<String> {
    let wrong = |message: &str| Error::new(Kind::Usage, message).in_file(dest);
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(wrong("a file URL names an absolute path: file:///path/to/folder"));
    }
    if path.contains(['?', '#']) {
        return Err(wrong("a file URL has no query: write `?` as %3F and `#` as %23"));
    }
    percent_decoded(path).ok_or_else(|| wrong("a `%` in a file URL is followed by two hex digits"))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_file_urls_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b").to_str().unwrap().to_owned();
        let key = Key::new("x").unwrap();
        open(&path).unwrap().put(&key, b"1", PutOptions::default()).unwrap();
        let url = format!("file://{}", path.replace(' ', "%20"));
        assert_eq!(open(&url).unwrap().get(&key).unwrap().unwrap(), b"1");
    }

    #[test]
    fn other_destinations_say_what_to_do() {
        for (dest, kind) in [
            ("s3://", Kind::Usage),
            ("S3://bucket?endpoint=", Kind::Usage),
            ("s3://bucket/a?speed=1", Kind::Usage),
            ("s3://me:hush@bucket/a", Kind::Usage),
            ("gopher://x", Kind::Unsupported),
            ("file://relative/x", Kind::Usage),
            ("file:///tmp/%zz", Kind::Usage),
            ("file:///tmp/%00", Kind::Usage),
            ("file:///tmp/x?y", Kind::Usage),
            ("", Kind::Usage),
        ] {
            let error = open(dest).err().unwrap();
            assert_eq!(error.kind, kind, "{dest}: {error}");
        }
    }
}
