//! What is told to a store beside an object's bytes.

use crate::Key;

/// How an object is to be served. A folder keeps none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOptions {
    /// MIME type. Default `application/octet-stream`.
    pub content_type: &'static str,
    /// Whether it only serves to go on after an interruption: S3 objects are tagged
    /// `reprise=intermediate`, so that a lifecycle rule of the bucket can end them.
    pub intermediate: bool,
}

impl PutOptions {
    /// The MIME type that the ending of `key` says.
    pub fn for_key(key: &Key) -> Self {
        let name = key.as_str();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let content_type = match ending {
            "mp4" => "video/mp4",
            "jpg" | "jpeg" => "image/jpeg",
            "png" => "image/png",
            "vtt" => "text/vtt; charset=utf-8",
            "srt" => "application/x-subrip",
            "json" => "application/json",
            "html" => "text/html; charset=utf-8",
            _ => Self::default().content_type,
        };
        Self { content_type, intermediate: key.is_intermediate() }
    }
}

impl Default for PutOptions {
    fn default() -> Self {
        Self { content_type: "application/octet-stream", intermediate: false }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_gives_the_type() {
        let of = |key: &str| PutOptions::for_key(&Key::new(key).unwrap()).content_type;
        assert_eq!(of("a/clip.mp4"), "video/mp4");
        assert_eq!(of("a/clip"), "application/octet-stream");
        assert_eq!(of("a.mp4/clip"), "application/octet-stream");
    }
}
