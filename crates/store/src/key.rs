//! Names of objects, checked once so that nothing they name lies outside the store.

use std::fmt;

use reprise_model::{Error, Kind, Result};

/// Longest key in bytes, the limit of S3.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest part of a key in bytes, the limit of common file systems.
pub const PART_BYTES_MAX: usize = 255;
/// The first part that is kept for unfinished writes.
pub(crate) const TEMPORARY: &str = ".reprise-tmp";

/// Name of an object: parts joined by `/`, such as `acme/2026-11-20/clips/m-01/clip.mp4`.
///
/// 1 to 1024 bytes in parts of 1 to 255; no part is `.` or `..`, none is empty, and no character is
/// a control character. The first part is not `.reprise-tmp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Kind::Usage`] with what is wrong.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(refused("an object's name", &text, why)),
        }
    }

    /// This key with more parts behind it.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn join(&self, more: &str) -> Result<Self> {
        Self::new(format!("{}/{more}", self.0))
    }

    /// Whether a part of it, such as `.stages`, begins with a dot: what lies there is kept to go on
    /// after an interruption, and is nothing that people are shown.
    pub fn is_intermediate(&self) -> bool {
        self.parts().any(|part| part.starts_with('.'))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, first to last.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the prefix of a listing: the beginning of some key, or empty.
pub(crate) fn check_prefix(prefix: &str) -> Result<()> {
    // What follows the last `/` may be part of a name, so `.` and `..` are fine there.
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    let why = if prefix.len() > KEY_BYTES_MAX {
        Some("is longer than 1024 bytes")
    } else if prefix.chars().any(char::is_control) {
        Some("has a control character")
    } else if folder.is_empty() {
        prefix.contains('/').then_some("begins with `/`")
    } else {
        fault(folder)
    };
    why.map_or(Ok(()), |why| Err(refused("a listing's prefix", prefix, why)))
}

fn fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > KEY_BYTES_MAX {
        return Some("is longer than 1024 bytes");
    }
    if text.chars().any(char::is_control) {
        return Some("has a control character");
    }
    if text.starts_with('/') {
        return Some("begins with `/`");
    }
    if text.split('/').next() == Some(TEMPORARY) {
        return Some("is kept for unfinished writes");
    }
    text.split('/').find_map(|part| match part {
        "" => Some("has an empty part"),
        "." | ".." => Some("has a part `.` or `..`"),
        _ if part.len() > PART_BYTES_MAX => Some("has a part longer than 255 bytes"),
        _ => None,
    })
}

fn refused(what: &str, text: &str, why: &str) -> Error {
    let shown: String = text.chars().take(80).collect();
    Error::new(Kind::Usage, format!("{what} {why}: {shown:?}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let long = "a/".repeat(600);
        let long_part = "a".repeat(256);
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            ".",
            "a/..",
            "a/../b",
            "../a",
            "a//b",
            "a/",
            "a/./b",
            "a\0b",
            "a\nb",
            "\u{7f}",
            ".reprise-tmp/1",
            ".reprise-tmp",
            &long,
            &long_part,
        ] {
            assert_eq!(Key::new(bad).unwrap_err().kind, Kind::Usage, "{bad:?}");
        }
        for good in ["a", ".runs/x.json", "...", "a/..b", "ä/漢", "a b", "a\\b", "-rf"] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn prefixes_are_beginnings_of_keys() {
        for good in ["", "a", "a/", "a/b", "a/.", ".", "a/.."] {
            assert!(check_prefix(good).is_ok(), "{good:?}");
        }
        for bad in ["/", "/a", "../", "a/../", "a//", "a\0", ".reprise-tmp/"] {
            assert!(check_prefix(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_stays_inside(text in "[a./\\\\~\u{0}-\u{20}]{0,12}") {
            if let Ok(key) = Key::new(text) {
                let path = std::path::Path::new("/root").join(key.as_str());
                prop_assert!(path.starts_with("/root"));
                prop_assert!(path.components().all(|c| !matches!(c, std::path::Component::ParentDir)));
                prop_assert_eq!(path.components().count(), 2 + key.parts().count());
            }
        }
    }
}
