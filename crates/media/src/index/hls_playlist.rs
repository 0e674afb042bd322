//! HLS playlists: what a master offers and which pieces a recording has, in the order of the text.

use reprise_model::bytes::stays_below;
use reprise_model::{Error, Kind, Result, WallTime};
use serde::{Deserialize, Serialize};

/// Bytes of a playlist: a day of segments of a second, generously described.
pub(crate) const MAX_BYTES: u64 = 32 << 20;
/// Segments of a playlist.
const MAX_SEGMENTS: usize = 200_000;
/// Variants and renditions of a master.
const MAX_VARIANTS: usize = 1000;
/// Short side of the largest picture that is taken where there is a choice.
const SHORT_SIDE: u64 = 1080;
/// A segment lasts at most so long.
const MAX_SEGMENT_S: f64 = 3600.0;

/// A playlist, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Playlist {
    Master(Master),
    Media(Media),
}

/// The variants of one recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Master {
    pub variants: Vec<Variant>,
    /// Groups of sound that have playlists of their own.
    pub sound_apart: Vec<String>,
}

/// One rendition of pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Variant {
    pub uri: String,
    pub width: u64,
    pub height: u64,
    /// Bits a second.
    pub bandwidth: u64,
    /// Group of its sound.
    pub sound: Option<String>,
}

/// Segments in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Media {
    pub segments: Vec<Segment>,
    /// Names that segments and maps refer to.
    pub names: Vec<String>,
    /// Headers of fMP4 segments: name and bytes, all of them where the end is 0.
    pub maps: Vec<(u32, u64, u64)>,
    /// Segments before which the clock begins anew.
    pub breaks: Vec<u32>,
    /// Wall times that the playlist gives, with the segment that begins then.
    pub walls: Vec<(u32, i64)>,
    /// Whether no segment will follow.
    pub is_ended: bool,
}

/// One segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub name: u32,
    /// Microseconds.
    pub length: u32,
    /// Which map it needs, counted from 1; 0 for none.
    pub map: u32,
    /// Whether it is said to be missing.
    pub is_gap: bool,
    /// Its bytes; all of them where the end is 0.
    pub start: u64,
    pub end: u64,
}

/// Reads a playlist.
///
/// # Errors
/// `Malformed` where it breaks its format, `Unsupported` for encryption and for names that do not
/// lie below the playlist, `Limit` for more than is read; each names the line.
pub(crate) fn parse(text: &[u8]) -> Result<Playlist> {
    let malformed = |what: &str| Error::new(Kind::Malformed, what);
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|_| malformed("the playlist is not UTF-8"))?;
    let mut reader = Reader::default();
    for (line, number) in text.lines().zip(1u64..) {
        let line = line.trim();
        if number == 1 && line != "#EXTM3U" {
            return Err(malformed("does not begin with #EXTM3U").at_line(1));
        }
        if !line.is_empty() {
            reader.line(line).map_err(|error| error.at_line(number))?;
        }
    }
    let Reader { master, media, .. } = reader;
    match (master.variants.is_empty(), media.segments.is_empty()) {
        (false, true) => Ok(Playlist::Master(master)),
        (true, false) => Ok(Playlist::Media(media)),
        (false, false) => Err(malformed("is both a master playlist and one of segments")),
        (true, true) => Err(malformed("the playlist names no segments")),
    }
}

impl Master {
    /// The variant of the largest pictures up to 1080 on the short side, of those the one of the
    /// most bits.
    pub fn best(&self) -> Option<&Variant> {
        self.variants.iter().rev().max_by_key(|variant| {
            let pixels = variant.width.saturating_mul(variant.height);
            let fits = variant.width.min(variant.height) <= SHORT_SIDE;
            // Of those that are too large the smallest.
            let size = if fits { pixels } else { u64::MAX - pixels };
            (pixels > 0, fits, size, variant.bandwidth)
        })
    }

    /// Whether the sound of `variant` may lie in a playlist of its own.
    pub fn sound_is_apart(&self, variant: &Variant) -> bool {
        variant.sound.as_ref().is_some_and(|group| self.sound_apart.contains(group))
    }
}

#[derive(Default)]
struct Reader {
    master: Master,
    media: Media,
    variant: Option<Variant>,
    length: Option<u32>,
    /// Length and offset of the next segment.
    range: Option<(u64, Option<u64>)>,
    is_gap: bool,
    map: u32,
    /// Where the last segment of which name ended.
    last: Option<(u32, u64)>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let malformed = |what: &str| Error::new(Kind::Malformed, what);
        if !line.starts_with('#') {
            return self.uri(line);
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXTINF" => {
                let text = value.split(',').next().unwrap_or_default().trim();
                let seconds: Option<f64> = text.parse().ok();
                let seconds =
                    seconds.filter(|s| s.is_finite() && (0.0..=MAX_SEGMENT_S).contains(s));
                let seconds =
                    seconds.ok_or_else(|| malformed("a segment's length is no number"))?;
                self.length = Some((seconds * 1e6).round() as u32);
            }
            "#EXT-X-BYTERANGE" => {
                let range = range(value).ok_or_else(|| malformed("a byte range is no range"))?;
                self.range = Some(range);
            }
            "#EXT-X-DISCONTINUITY" => {
                let at = self.media.segments.len() as u32;
                if at > 0 && self.media.breaks.last() != Some(&at) {
                    self.media.breaks.push(at);
                }
            }
            "#EXT-X-GAP" => self.is_gap = true,
            "#EXT-X-ENDLIST" => self.media.is_ended = true,
            "#EXT-X-PROGRAM-DATE-TIME" => {
                let at = self.media.segments.len() as u32;
                if let Some(wall) = wall(value) {
                    self.media.walls.push((at, wall.micros()));
                }
            }
            "#EXT-X-MAP" => self.read_map(value)?,
            "#EXT-X-KEY" | "#EXT-X-SESSION-KEY" if attribute(value, "METHOD") != Some("NONE") => {
                let what = "its segments are encrypted, which is not read: decrypt them first";
                return Err(Error::new(Kind::Unsupported, what));
            }
            "#EXT-X-I-FRAMES-ONLY" | "#EXT-X-SKIP" => {
                let what = format!("{tag} is not read: use the full playlist");
                return Err(Error::new(Kind::Unsupported, what));
            }
            "#EXT-X-STREAM-INF" => {
                let size = attribute(value, "RESOLUTION").and_then(|text| text.split_once('x'));
                let number = |text: &str| text.parse().unwrap_or(0).min(1 << 20);
                self.variant = Some(Variant {
                    uri: String::new(),
                    width: size.map_or(0, |s| number(s.0)),
                    height: size.map_or(0, |s| number(s.1)),
                    bandwidth: attribute(value, "BANDWIDTH")
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(0),
                    sound: attribute(value, "AUDIO").map(str::to_owned),
                });
            }
            "#EXT-X-MEDIA" => {
                let is_apart =
                    attribute(value, "TYPE") == Some("AUDIO") && attribute(value, "URI").is_some();
                if let (true, Some(group)) = (is_apart, attribute(value, "GROUP-ID")) {
                    if self.master.sound_apart.len() >= MAX_VARIANTS {
                        return Err(Error::new(Kind::Limit, "has too many renditions"));
                    }
                    self.master.sound_apart.push(group.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn uri(&mut self, uri: &str) -> Result<()> {
        below(uri)?;
        if let Some(variant) = self.variant.take() {
            if self.master.variants.len() >= MAX_VARIANTS {
                return Err(Error::new(Kind::Limit, "has too many variants"));
            }
            self.master.variants.push(Variant { uri: uri.to_owned(), ..variant });
            return Ok(());
        }
        let Some(length) = self.length.take() else {
            return Err(Error::new(Kind::Malformed, "a segment has no length (#EXTINF)"));
        };
        if self.media.segments.len() >= MAX_SEGMENTS {
            return Err(Error::new(Kind::Limit, "has more than 200,000 segments"));
        }
        let name = self.name(uri);
        let (start, end) = match self.range.take() {
            None => (0, 0),
            Some((length, offset)) => {
                let before = self.last.filter(|last| last.0 == name).map(|last| last.1);
                let start = offset.or(before);
                let end = start.and_then(|start| start.checked_add(length));
                match (start, end) {
                    (Some(start), Some(end)) => (start, end),
                    _ => {
                        let what = "a byte range has no beginning";
                        return Err(Error::new(Kind::Malformed, what));
                    }
                }
            }
        };
        self.last = Some((name, end));
        let is_gap = std::mem::take(&mut self.is_gap);
        self.media.segments.push(Segment { name, length, map: self.map, is_gap, start, end });
        Ok(())
    }

    fn read_map(&mut self, value: &str) -> Result<()> {
        let malformed = |what: &str| Error::new(Kind::Malformed, what);
        let uri = attribute(value, "URI").ok_or_else(|| malformed("#EXT-X-MAP names no file"))?;
        below(uri)?;
        let span = match attribute(value, "BYTERANGE").map(range) {
            None => (0, 0),
            Some(Some((length, offset))) => {
                let start = offset.unwrap_or(0);
                let end = start.checked_add(length);
                (start, end.ok_or_else(|| malformed("a byte range is no range"))?)
            }
            Some(None) => return Err(malformed("a byte range is no range")),
        };
        let map = (self.name(uri), span.0, span.1);
        let known = self.media.maps.iter().position(|known| *known == map);
        self.map = match known {
            Some(index) => index as u32 + 1,
            None if self.media.maps.len() >= MAX_VARIANTS => {
                return Err(Error::new(Kind::Limit, "has too many headers (#EXT-X-MAP)"));
            }
            None => {
                self.media.maps.push(map);
                self.media.maps.len() as u32
            }
        };
        Ok(())
    }

    /// Most playlists name each file once, or one file all the time.
    fn name(&mut self, uri: &str) -> u32 {
        let names = &mut self.media.names;
        let recent = names.len().saturating_sub(4);
        let known = names.iter().skip(recent).position(|name| name == uri);
        match known {
            Some(index) => (recent + index) as u32,
            None => {
                names.push(uri.to_owned());
                names.len() as u32 - 1
            }
        }
    }
}

fn below(uri: &str) -> Result<()> {
    if stays_below(uri) {
        return Ok(());
    }
    let shown: String = uri.chars().filter(|c| !c.is_control()).take(80).collect();
    let what = format!(
        "names `{shown}`, which is not a plain name below the playlist; only those are opened: \
         put the segments beside it"
    );
    Err(Error::new(Kind::Unsupported, what))
}

/// The value of an attribute of a list such as `A=1,B="x,y"`.
fn attribute<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = list;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.strip_prefix(',').unwrap_or(next))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if name.trim() == key {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// `length` or `length@offset`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (length, offset) = match text.trim().split_once('@') {
        Some((length, offset)) => (length, Some(offset.parse().ok()?)),
        None => (text.trim(), None),
    };
    Some((length.parse().ok().filter(|&length: &u64| length > 0)?, offset))
}

/// RFC 3339, also with a zone without a colon, as some muxers write it.
fn wall(text: &str) -> Option<WallTime> {
    let text = text.trim();
    WallTime::parse(text).or_else(|| {
        let at = text.len().checked_sub(2)?;
        let zone = text.get(at.checked_sub(3)?..at)?;
        let colon = zone.starts_with(['+', '-']).then_some(':')?;
        WallTime::parse(&format!("{}{colon}{}", text.get(..at)?, text.get(at..)?))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn media(text: &str) -> Media {
        match parse(text.as_bytes()).unwrap() {
            Playlist::Media(media) => media,
            Playlist::Master(_) => panic!("a master"),
        }
    }

    #[test]
    fn segments_with_all_that_can_be_said_of_them() {
        let media = media(
            "\u{FEFF}#EXTM3U\r\n#EXT-X-VERSION:7\r\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"700@0\"\r\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:00.000+0000\r\n#EXTINF:2.002,title, more\r\n\
             #EXT-X-BYTERANGE:1000@700\r\nall.mp4\r\n#EXTINF:2,\r\n#EXT-X-BYTERANGE:500\r\nall.mp4\r\n\
             #EXT-X-DISCONTINUITY\r\n#EXT-X-GAP\r\n#EXTINF:1.5\r\nother.mp4\r\n#EXT-X-ENDLIST\r\n",
        );
        assert_eq!(media.names, ["init.mp4", "all.mp4", "other.mp4"]);
        assert_eq!(media.maps, [(0, 0, 700)]);
        let at: Vec<_> = media.segments.iter().map(|s| (s.start, s.end, s.length)).collect();
        assert_eq!(at, [(700, 1700, 2_002_000), (1700, 2200, 2_000_000), (0, 0, 1_500_000)]);
        assert_eq!((media.breaks.as_slice(), media.is_ended), (&[2][..], true));
        assert!(media.segments[2].is_gap && !media.segments[1].is_gap);
        let noon = WallTime::parse("2026-11-20T12:00:00Z").unwrap().micros();
        assert_eq!(media.walls, [(0, noon)]);
    }

    #[test]
    fn the_best_variant_is_not_the_largest() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"a.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION=2160x3840\n4k.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=5,CODECS=\"avc1,mp4a\",RESOLUTION=1080x1920,AUDIO=\"a\"\nlow.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=6,RESOLUTION=1080x1920\n1080p30/playlist.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=7,RESOLUTION=720x1280\n720.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1\naudio_only/playlist.m3u8\n";
        let Playlist::Master(master) = parse(text.as_bytes()).unwrap() else { panic!("no master") };
        assert_eq!(master.best().unwrap().uri, "1080p30/playlist.m3u8");
        let apart: Vec<bool> = master.variants.iter().map(|v| master.sound_is_apart(v)).collect();
        assert_eq!(apart, [false, true, false, false, false]);
        let large: Vec<Variant> = [3000u64, 2000]
            .map(|side| Variant { width: side, height: side, ..Variant::default() })
            .into();
        assert_eq!(Master { variants: large, sound_apart: vec![] }.best().unwrap().width, 2000);
    }

    #[test]
    fn what_leads_elsewhere_or_is_broken_is_refused_with_its_line() {
        let segment = |uri: &str| format!("#EXTM3U\n#EXTINF:1,\n{uri}\n");
        for uri in [
            "http://h/a.ts",
            "file:///etc/passwd",
            "/etc/passwd",
            "../a.ts",
            "a/../../b.ts",
            "a?b=c",
            "%2e%2e/a.ts",
            "\\\\host\\a",
            "concat:a|b",
            "data:a",
            "a//b",
            "crypto+http://a",
        ] {
            let error = parse(segment(uri).as_bytes()).unwrap_err();
            assert_eq!((error.kind, error.place.line), (Kind::Unsupported, Some(3)), "{uri}");
        }
        for (text, kind) in [
            ("", Kind::Malformed),
            ("#EXTM3U8\n", Kind::Malformed),
            ("#EXTM3U\n", Kind::Malformed),
            ("#EXTM3U\na.ts\n", Kind::Malformed),
            ("#EXTM3U\n#EXTINF:x,\na.ts\n", Kind::Malformed),
            ("#EXTM3U\n#EXTINF:NaN,\na.ts\n", Kind::Malformed),
            ("#EXTM3U\n#EXTINF:-1,\na.ts\n", Kind::Malformed),
            ("#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:5\na.ts\n", Kind::Malformed),
            (
                "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:5@18446744073709551615\na.ts\n",
                Kind::Malformed,
            ),
            ("#EXTM3U\n#EXT-X-MAP:URI=\"http://h/a\"\n#EXTINF:1,\na.ts\n", Kind::Unsupported),
            ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\na.ts\n", Kind::Unsupported),
            ("#EXTM3U\n#EXT-X-KEY:\n#EXTINF:1,\na.ts\n", Kind::Unsupported),
            ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n#EXTINF:1,\na.ts\n", Kind::Malformed),
            ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://h/b.m3u8\n", Kind::Unsupported),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().kind, kind, "{text}");
        }
        let many = "#EXTINF:1,\na\n".repeat(MAX_SEGMENTS + 1);
        let error = parse(format!("#EXTM3U\n{many}").as_bytes()).unwrap_err();
        assert_eq!(error.kind, Kind::Limit);
    }

    #[test]
    fn unknown_tags_and_no_encryption_are_fine() {
        let media = media(
            "#EXTM3U\n#EXT-X-TWITCH-INFO:A=\"b\"\n# a word\n#EXT-X-KEY:METHOD=NONE\n\n#EXTINF:4.000,\n\
             0.ts\n#EXTINF:4.000,live\n1.ts\n",
        );
        assert_eq!((media.segments.len(), media.is_ended), (2, false));
    }
}
