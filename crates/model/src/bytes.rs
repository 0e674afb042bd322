//! Where bytes come from: the one thing that media is read through.

use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Random access to the bytes of one input. Implemented for files by `reprise-media`, for HTTP and
/// S3 by `reprise-store`; media libraries are handed these and never a name.
pub trait ByteSource: Send + Sync {
    /// Total length in bytes.
    fn len(&self) -> u64;

    /// Reads at `offset` into `buffer`; returns how many bytes were read, 0 only at or after the
    /// end (or for an empty buffer).
    ///
    /// # Errors
    /// What the medium says; a retry is the source's own business.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// What messages call it: a path or a URL without credentials.
    fn name(&self) -> &str;

    /// What changes whenever the bytes do, where the medium keeps such a thing (a strong ETag), with
    /// the input's name and without credentials; `None` where only reading them tells.
    fn version(&self) -> Option<String> {
        None
    }

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that all of `range` will be read in order, so that a source over a network may fetch it
    /// in large parts and never beyond it. Reads elsewhere are taken as single looks.
    fn will_read(&self, range: Range<u64>) {
        let _ = range;
    }

    /// Opens what lies beside this input or below that place, such as a segment of a playlist.
    /// `relative` is plain text of path segments joined by `/`, none of them empty, `.` or `..`;
    /// whoever implements this refuses all else once more.
    ///
    /// # Errors
    /// `Unsupported` where this source has no neighbours, `InvalidInput` for a name that leaves the
    /// place, else what the medium says.
    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        let _ = relative;
        Err(io::Error::new(io::ErrorKind::Unsupported, "nothing lies beside this input"))
    }
}

/// Whether `relative` names something beside or below: segments joined by `/`, none empty, `.` or
/// `..`, no scheme, no backslash, no control sign, no percent sign, at most 1,024 bytes.
pub fn stays_below(relative: &str) -> bool {
    !relative.is_empty()
        && relative.len() <= 1024
        && !relative.chars().any(|c| c.is_control() || matches!(c, '\\' | '%' | ':' | '?' | '#'))
        && relative.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// A path or URL as messages and results may show it: no user, no password, no query, no fragment of
/// a URL. What is no URL is given back as it is.
pub fn without_secrets(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    // In an object's key `?` and `#` are letters like others; there is no query.
    let plain = scheme.eq_ignore_ascii_case("s3") || scheme.eq_ignore_ascii_case("file");
    let end = if plain { None } else { rest.find(['?', '#']) };
    let rest = &rest[..end.unwrap_or(rest.len())];
    let (host, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

impl<T: ByteSource + ?Sized> ByteSource for Arc<T> {
    fn len(&self) -> u64 {
        (**self).len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }
    fn name(&self) -> &str {
        (**self).name()
    }
    fn version(&self) -> Option<String> {
        (**self).version()
    }
    fn will_read(&self, range: Range<u64>) {
        (**self).will_read(range);
    }
    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        (**self).beside(relative)
    }
}

/// Bytes that are already in memory, with the name that messages use.
#[derive(Clone, Debug)]
pub struct MemorySource {
    name: String,
    bytes: Arc<[u8]>,
}

impl MemorySource {
    /// Wraps `bytes`.
    pub fn new(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

impl ByteSource for MemorySource {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - start);
        buffer[..count].copy_from_slice(&self.bytes[start..start + count]);
        Ok(count)
    }
    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        for (uri, shown) in [
            ("live.flv", "live.flv"),
            ("a?b#c@d.flv", "a?b#c@d.flv"),
            ("https://me:pass@h.example/a.flv?token=t#x", "https://h.example/a.flv"),
            ("https://me:pa@ss@h.example:8443", "https://h.example:8443"),
            ("https://h.example?token=a/b", "https://h.example"),
            ("s3://bucket/a?b.flv", "s3://bucket/a?b.flv"),
            ("s3://id:secret@bucket/a.flv", "s3://bucket/a.flv"),
        ] {
            assert_eq!(without_secrets(uri), shown);
        }
    }

    #[test]
    fn only_names_below_stay_below() {
        for good in ["a.ts", "media/hls/1080p/0.ts", "a b.mp4", "...ts"] {
            assert!(stays_below(good), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a//b",
            "../a",
            "a/../b",
            "./a",
            "file:a",
            "http://h/a",
            "a%2e",
            "a\\b",
            "a\nb",
            "a?b",
        ] {
            assert!(!stays_below(bad), "{bad}");
        }
    }
}
