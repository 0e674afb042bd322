//! The index of FLV: tags are found again from any byte, and a window is a run of them behind the
//! headers of its codings.

use std::sync::Arc;

use reprise_model::{ByteSource, Error, Kind, MediaDuration, MediaTime, Result};
use serde::{Deserialize, Serialize};

use super::flv_tags::{Content, FLICKS_PER_MS, Tag, Tags, content, each_tag};
use super::locate::{Builder, Finder, Reached};
use super::search::{Bytes, Keep, Reader, Scanned, Stretch, Track, read};
use super::timeline::Timeline;
use super::{Locate, Located};

/// What is read to learn what the recording is, and what more where that does not tell.
const HEAD: u64 = 64 << 10;
const HEAD_MAX: u64 = 512 << 10;
/// Larger headers of a coding are no stream's.
const HEADER_MAX: usize = 64 << 10;
/// Headers of codings that are kept.
const HEADERS_MAX: usize = 64;
/// The clock counts milliseconds in 32 bits; in 24 where the extension is not written.
const WRAP: i64 = (1 << 32) * FLICKS_PER_MS;
const SHORT_WRAPS: [i64; 1] = [(1 << 24) * FLICKS_PER_MS];
/// The first pictures: so many bytes at most where two key pictures lie in them, else so many.
const FIRST_MAX: u64 = 8 << 20;
const FIRST: u64 = 2 << 20;

/// An FLV recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flv {
    line: Timeline,
    headers: Vec<Header>,
    /// Pictures a second that the recording states.
    frame_rate: Option<f64>,
}

/// A tag that a decoder must see before what comes after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    at: u64,
    pictures: bool,
    tag: Vec<u8>,
}

impl Flv {
    /// Opens a recording; `None` where it is no FLV or too odd to be read in parts.
    ///
    /// # Errors
    /// Where the source fails.
    pub fn open(source: &Arc<dyn ByteSource>) -> Result<Option<Self>> {
        let start = read(source, 0, 9)?;
        let Some(start) = first_tag(&start).filter(|&start| start < source.len()) else {
            return Ok(None);
        };
        let reader = Reader { source, scan: &Tags };
        let mut head = reader.begin(start, HEAD)?;
        // Both tracks, where there are both, and their headers.
        let mut seen = [false; 2];
        reader.walk_on(&mut head, (HEAD, HEAD_MAX), Keep::Front, 0, |mark| {
            seen[usize::from(mark.track == Track::Sound)] = true;
            seen == [true; 2]
        })?;
        if head.first != start {
            return Ok(None); // The sizes after its tags do not agree.
        }
        let Some(line) = Timeline::measure(&reader, &head, WRAP, &SHORT_WRAPS)? else {
            return Ok(None);
        };
        let mut flv = Self { line, headers: Vec::new(), frame_rate: stated_rate(&head) };
        flv.note_headers(&head);
        // A second encoder has headers of its own; they follow the jump of the clock.
        for piece in flv.line.pieces.clone().iter().skip(1) {
            let after = reader.begin(piece.before, HEAD)?;
            flv.note_headers(&after);
        }
        // Pictures that first come long after the head: their header lies somewhere in between.
        let missing = flv.line.pictures && !head.marks.iter().any(|m| m.track == Track::Picture);
        Ok((!missing).then_some(flv))
    }

    fn note_headers(&mut self, stretch: &Stretch) {
        for (at, header) in headers(stretch) {
            if self.headers.len() < HEADERS_MAX && !self.headers.iter().any(|h| h.at == at) {
                self.headers.push(header);
            }
        }
        self.headers.sort_by_key(|header| header.at);
    }

    /// The stream's beginning: the file header, what libav wants to know, and the newest headers of
    /// the codings before a byte.
    fn beginning(&self, at: u64, more: &[Header]) -> Vec<u8> {
        let flags = u8::from(self.line.pictures) | u8::from(self.line.sounds) << 2;
        let mut bytes = vec![b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0];
        let first = self.line.points.first().map_or(0, |point| point.time);
        let seconds = (self.line.end - first) as f64 / (FLICKS_PER_MS * 1000) as f64;
        bytes.extend(metadata(seconds.max(0.001), self.frame_rate));
        let mut newest: Vec<&Header> = Vec::new();
        for pictures in [true, false] {
            let known = self.headers.iter().chain(more).filter(|h| h.pictures == pictures);
            // A recording that names its coding late still begins with it.
            let before = known.clone().filter(|h| h.at <= at).max_by_key(|h| h.at);
            newest.extend(before.or(known.min_by_key(|h| h.at)));
        }
        // Streams are numbered as they first come: always alike.
        for header in newest {
            bytes.extend(&header.tag);
        }
        bytes
    }
}

impl Locate for Flv {
    fn head(&self, source: &Arc<dyn ByteSource>) -> Result<Located> {
        let reader = Reader { source, scan: &Tags };
        let mut head = reader.begin(self.line.start, HEAD)?;
        let lead = self.line.lead();
        let (mut keys, mut second) = (0, None);
        let enough = reader.walk_on(&mut head, (HEAD, FIRST_MAX), Keep::Front, 0, |mark| {
            let time = self.line.time(mark.at, mark.dts);
            if mark.track == lead && mark.key && lead == Track::Picture {
                keys += 1;
                second = second.or((keys == 2).then_some(time));
            }
            // The second key picture, and a second more.
            second.is_some_and(|second| time > second + FLICKS_PER_MS * 1000)
        })?;
        let last = head.marks.last().map_or(head.walked, |mark| mark.end);
        let end = match enough {
            Some(mark) => mark.end,
            None if second.is_some() => last,
            None => last.min(self.line.start.saturating_add(FIRST)),
        };
        let (start, near) = head
            .marks
            .first()
            .map_or((self.line.start, 0), |mark| (mark.at, self.line.time(mark.at, mark.dts)));
        let mut excerpt = Builder::new(&reader, &self.line, self.beginning(start, &[]));
        excerpt.range(start, end, &[&head]);
        let (excerpt, clock) = excerpt.finish(near);
        Ok(Located { excerpt, clock })
    }

    fn window(
        &self,
        source: &Arc<dyn ByteSource>,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Located> {
        let reader = Reader { source, scan: &Tags };
        let finder = Finder { reader: &reader, line: &self.line };
        let Some(place) = finder.window(from, to)? else {
            let what = "no picture can be decoded here: the recording holds no key picture";
            return Err(Error::new(Kind::Malformed, what).in_file(source.name()).at_time(from));
        };
        let key = place.key;
        let met: Vec<Header> =
            headers(&place.front).into_iter().map(|(_, header)| header).collect();
        let mut excerpt = Builder::new(&reader, &self.line, self.beginning(key.at, &met));
        for sound in &place.lead {
            let bytes = match place.front.held(sound.at, sound.end) {
                Some(bytes) => bytes.to_vec(),
                None => read(source, sound.at, sound.end)?,
            };
            excerpt.picked(bytes, sound.at, sound.end);
        }
        let last = place.last();
        let end = match &place.reached {
            Reached::All(marks) => marks.iter().map(|mark| mark.end).max().unwrap_or(key.end),
            Reached::Late(mark) => mark.at,
            // A tag that the recording's end cuts off is left out.
            Reached::Never => last.marks.last().map_or(last.walked, |mark| mark.end),
        };
        let held: Vec<&Stretch> =
            [Some(&place.front), place.back.as_ref()].into_iter().flatten().collect();
        excerpt.range(key.at, end.max(key.end), &held);
        let (excerpt, clock) = excerpt.finish(self.line.time(key.at, key.dts));
        Ok(Located { excerpt, clock })
    }

    fn end(&self) -> MediaTime {
        MediaTime::from_flicks(self.line.end)
    }

    fn jumps(&self) -> Vec<(MediaTime, MediaDuration)> {
        self.line.jumps()
    }
}

/// Where the first tag of an FLV file begins; `None` where the bytes are no header of one.
pub fn first_tag(header: &[u8]) -> Option<u64> {
    let header: &[u8; 9] = header.first_chunk()?;
    if !header.starts_with(b"FLV") || header[3] == 0 || header[3] > 4 {
        return None;
    }
    let size = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
    (9..=1 << 16).contains(&size).then(|| u64::from(size) + 4)
}

/// The headers of codings in what a stretch holds.
fn headers(stretch: &Stretch) -> Vec<(u64, Header)> {
    let mut all = Vec::new();
    let start = stretch.first.clamp(stretch.start, stretch.held_end());
    let bytes = stretch.held(start, stretch.held_end()).unwrap_or_default();
    let within = Bytes { bytes, start, synced: true, until: u64::MAX, length: stretch.held_end() };
    each_tag(within, &mut Scanned::default(), |at, tag, body, _| {
        let pictures = match content(tag, body) {
            Content::PictureHeader => true,
            Content::SoundHeader => false,
            _ => return,
        };
        if body.len() <= HEADER_MAX && all.len() < HEADERS_MAX {
            all.push((at, Header { at, pictures, tag: whole(tag.kind, body) }));
        }
    });
    all
}

/// A tag of time zero.
fn whole(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(0).to_be_bytes();
    let mut tag = vec![kind];
    tag.extend(&size(body.len())[1..]);
    tag.extend([0; 7]);
    tag.extend(body);
    tag.extend(size(body.len() + 11));
    tag
}

/// The pictures a second that the recording's own metadata states.
fn stated_rate(head: &Stretch) -> Option<f64> {
    let mut rate = None;
    let bytes = &head.bytes;
    let within =
        Bytes { bytes, start: head.start, synced: true, until: u64::MAX, length: head.held_end() };
    each_tag(within, &mut Scanned::default(), |_, tag, body, _| {
        if rate.is_none() && tag.kind == 18 {
            rate = number(body, "framerate").filter(|rate| (1.0..=240.0).contains(rate));
        }
    });
    rate
}

/// A number of that name in the metadata: length of the name, name, a zero, eight bytes.
pub fn number(body: &[u8], name: &str) -> Option<f64> {
    let mut key = u16::try_from(name.len()).ok()?.to_be_bytes().to_vec();
    key.extend(name.as_bytes());
    key.push(0);
    let at = body.windows(key.len()).position(|window| window == key)?;
    body.get(at + key.len()..)?.first_chunk().map(|&bytes| f64::from_be_bytes(bytes))
}

/// The metadata of an excerpt. A stated length keeps demuxers from looking for the end.
fn metadata(seconds: f64, frame_rate: Option<f64>) -> Vec<u8> {
    let mut body = vec![2, 0, 10];
    body.extend(b"onMetaData");
    let entries = [("duration", Some(seconds)), ("framerate", frame_rate)];
    let entries: Vec<(&str, f64)> =
        entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    body.push(8);
    body.extend((entries.len() as u32).to_be_bytes());
    for (name, value) in entries {
        body.extend((name.len() as u16).to_be_bytes());
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(value.to_be_bytes());
    }
    body.extend([0, 0, 9]);
    whole(18, &body)
}

/// The header of one tag in `bytes`, as found by chance; for fuzzing.
pub fn parse(bytes: &[u8]) -> Option<(Tag, Content)> {
    let tag = Tag::parse(bytes)?;
    Some((tag, content(tag, bytes.get(11..).unwrap_or_default())))
}

/// Opens bytes as a recording and looks for its beginning and three windows; for fuzzing.
pub fn answers(bytes: &[u8]) {
    let source: Arc<dyn ByteSource> =
        Arc::new(reprise_model::bytes::MemorySource::new("bytes", bytes));
    if let Ok(Some(flv)) = Flv::open(&source) {
        super::locate::answers(&flv, &source);
    }
}
