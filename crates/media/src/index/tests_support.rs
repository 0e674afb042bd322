//! What the tests of the indexes share: media made by the ffmpeg command, sources that count what is
//! read of them, and the comparison of windows with a reading of the whole file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, MediaTime};

use super::{Clock, Locate, Located};
use crate::ffi::av;
use crate::ffi::frame::Packet;
use crate::ffi::input::Input;
use crate::ffi::time;
use crate::packets::{ClockReader, PacketKind};

/// A packet as a demuxer gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub picture: bool,
    /// File clock, flicks.
    pub time: i64,
    pub size: usize,
    pub hash: u64,
    pub key: bool,
}

/// Counts what is read of a source.
pub struct Counting {
    inner: Arc<dyn ByteSource>,
    bytes: AtomicU64,
    reads: AtomicU64,
}

impl Counting {
    pub fn new(inner: Arc<dyn ByteSource>) -> Arc<Self> {
        Arc::new(Self { inner, bytes: AtomicU64::new(0), reads: AtomicU64::new(0) })
    }
    /// Bytes and reads since the last time.
    pub fn take(&self) -> (u64, u64) {
        (self.bytes.swap(0, Ordering::SeqCst), self.reads.swap(0, Ordering::SeqCst))
    }
}

impl ByteSource for Counting {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::SeqCst);
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(count)
    }
    fn name(&self) -> &str {
        self.inner.name()
    }
}

pub fn memory(bytes: Vec<u8>) -> Arc<dyn ByteSource> {
    Arc::new(MemorySource::new("test", bytes))
}

/// Runs ffmpeg: `arguments` without the output, whose name ends in `.suffix`.
pub fn ffmpeg(arguments: &[&str], suffix: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("made.{suffix}"));
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-bitexact"])
        .args(arguments)
        .arg(&path)
        .status()
        .expect("the ffmpeg command is installed");
    assert!(status.success(), "{arguments:?}");
    std::fs::read(path).unwrap()
}

/// A minute and a half (or so many seconds) of moving picture and tone, as a file of this kind.
pub fn made(seconds: u32, codec: &[&str], output: &[&str], suffix: &str) -> Vec<u8> {
    let picture = format!("testsrc2=size=320x568:rate=30:duration={seconds}");
    let sound = format!("sine=frequency=440:sample_rate=44100:duration={seconds}");
    let mut arguments = vec!["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    arguments.extend(["-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-bf", "2"]);
    arguments.extend(["-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k"]);
    arguments.extend(codec);
    arguments.extend(output);
    ffmpeg(&arguments, suffix)
}

/// A file of others beside the workspace; `None` with a word where it is absent.
pub fn shared(name: &str) -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {name} is not here");
    None
}

/// All packets of a stream, in order, with the file clock that `clock` gives them.
pub fn packets(source: Arc<dyn ByteSource>, clock: Clock) -> Vec<Seen> {
    let mut input = Input::open_excerpt(source).unwrap();
    let video = input.best(av::AVMediaType::AVMEDIA_TYPE_VIDEO);
    let audio = input.best(av::AVMediaType::AVMEDIA_TYPE_AUDIO);
    let mut reader = ClockReader::new(clock);
    let mut packet = Packet::new().unwrap();
    let mut seen = Vec::new();
    while input.read(&mut packet).unwrap() {
        let stream = Some(packet.stream());
        let (kind, picture) = if stream == video {
            (PacketKind::Picture, true)
        } else if stream == audio {
            (PacketKind::Sound, false)
        } else {
            continue;
        };
        let base = input.stream(packet.stream()).unwrap().time_base();
        let Some(at) = time(packet.stamp(), base) else { continue };
        let position = u64::try_from(packet.position()).ok();
        let at = at + reader.offset(kind, position, Some(at));
        let mut hasher = DefaultHasher::new();
        packet.bytes().hash(&mut hasher);
        seen.push(Seen {
            picture,
            time: (at - MediaTime::ZERO).flicks(),
            size: packet.bytes().len(),
            hash: hasher.finish(),
            key: packet.is_key(),
        });
    }
    seen
}

/// All packets of a whole file, on its own clock.
pub fn whole(bytes: &[u8]) -> Vec<Seen> {
    packets(memory(bytes.to_vec()), Clock::default())
}

/// Moves packets in time.
pub fn moved(mut packets: Vec<Seen>, flicks: i64) -> Vec<Seen> {
    packets.iter_mut().for_each(|packet| packet.time += flicks);
    packets
}

pub const SECOND: i64 = 705_600_000;

/// Packets by what they carry, and pictures by their time. Pictures must lie at the very time;
/// libav rounds the times of the first frames of sound that it splits, so they may lie a quarter of
/// a millisecond off. Its parsers count a zero before a picture to the one before it, where there
/// is one.
struct Known {
    sounds: HashMap<u64, Vec<i64>>,
    pictures: HashMap<i64, (u64, usize)>,
}

impl Known {
    fn new(packets: &[Seen]) -> Self {
        let mut known = Self { sounds: HashMap::new(), pictures: HashMap::new() };
        for packet in packets {
            if packet.picture {
                known.pictures.insert(packet.time, (packet.hash, packet.size));
            } else {
                known.sounds.entry(packet.hash).or_default().push(packet.time);
            }
        }
        known
    }
    fn has(&self, packet: &Seen) -> bool {
        if packet.picture {
            let known = self.pictures.get(&packet.time);
            return known.is_some_and(|&(hash, size)| {
                hash == packet.hash || size.abs_diff(packet.size) == 1
            });
        }
        let times = self.sounds.get(&packet.hash);
        times.is_some_and(|t| t.iter().any(|time| (time - packet.time).abs() <= SECOND / 4000))
    }
}

/// What reading windows took.
#[derive(Debug, Default)]
pub struct Cost {
    pub windows: u64,
    /// Read beyond the windows' own ranges, on average.
    pub beyond: u64,
    /// Reads to find a window, on average.
    pub reads: u64,
    pub most_beyond: u64,
    /// The windows' own ranges, on average.
    pub own: u64,
}

impl Cost {
    /// Little is read beyond the windows themselves; where key pictures are very far apart, little
    /// in proportion.
    #[track_caller]
    pub fn is_small(&self, what: &str) {
        eprintln!("{what}: {self:?}");
        assert!(self.beyond < (self.own * 15 / 100).max(200_000), "{what}: {self:?}");
        assert!(self.reads < 16, "{what}: {self:?}");
    }
}

/// Compares a window with the whole file's packets.
pub fn compare(located: Located, all: &[Seen], from: i64, to: i64) -> Vec<Seen> {
    compare_but(&(0..0), located, all, from, to)
}

/// The same; packets of the times `damaged` may be missing.
pub fn compare_but(
    damaged: &Range<i64>,
    located: Located,
    all: &[Seen],
    from: i64,
    to: i64,
) -> Vec<Seen> {
    let what = format!("window {:.3} to {:.3} s", from as f64 / 7.056e8, to as f64 / 7.056e8);
    let seen = packets(Arc::new(located.excerpt), located.clock);
    let (known, held) = (Known::new(all), Known::new(&seen));
    let has_pictures = all.iter().any(|p| p.picture);
    let key = all
        .iter()
        .filter(|p| p.picture && p.key && p.time <= from)
        .max_by_key(|p| p.time)
        .or(all.iter().find(|p| p.picture && p.key));
    if has_pictures && !key.is_some_and(|key| damaged.contains(&key.time)) {
        let first = seen.iter().find(|p| p.picture);
        let placed = |packet: Option<&Seen>| packet.map(|p| (p.time, p.key));
        assert_eq!(placed(first), placed(key), "{what}: the first picture");
    }
    let begin = key.map_or(from, |key| key.time);
    let place = key.and_then(|key| all.iter().position(|p| p == key)).unwrap_or(0);
    for (index, packet) in all.iter().enumerate() {
        let wanted = if packet.picture {
            index >= place && packet.time < to
        } else {
            packet.time >= from.max(begin) - SECOND * 15 / 100 && packet.time < to
        };
        assert!(
            !wanted || damaged.contains(&packet.time) || held.has(packet),
            "{what}: {packet:?} is missing"
        );
    }
    // What is there is the file's own; the very last may be cut off.
    for packet in &seen {
        let within = packet.time < to && (packet.picture || packet.time >= begin);
        assert!(
            !within || damaged.contains(&packet.time) || known.has(packet),
            "{what}: {packet:?} is not in the file"
        );
    }
    seen
}

/// Reads windows all over a recording and compares them with `all`, its packets in order.
pub fn windows(
    index: &dyn Locate,
    source: &Arc<Counting>,
    all: &[Seen],
    count: i64,
    length: i64,
) -> Cost {
    windows_but(&(0..0), index, source, all, count, length)
}

/// The same; packets of the times `damaged` may be missing.
pub fn windows_but(
    damaged: &Range<i64>,
    index: &dyn Locate,
    source: &Arc<Counting>,
    all: &[Seen],
    count: i64,
    length: i64,
) -> Cost {
    let first = all.iter().filter(|p| p.picture).map(|p| p.time).min();
    let first = first.or(all.iter().map(|p| p.time).min()).unwrap();
    let end = (index.end() - MediaTime::ZERO).flicks();
    let plain: Arc<dyn ByteSource> = Arc::<Counting>::clone(source);
    let mut cost = Cost { windows: count as u64, ..Cost::default() };
    for number in 0..count {
        // Windows that begin anywhere, some on a key picture exactly.
        let mut from = first + (end - first) / count * number + number * SECOND / 97;
        if number % 4 == 1 {
            let key =
                all.iter().filter(|p| p.picture && p.key && p.time <= from).max_by_key(|p| p.time);
            from = key.map_or(from, |key| key.time);
        }
        let to = from + length;
        source.take();
        let located =
            index.window(&plain, MediaTime::from_flicks(from), MediaTime::from_flicks(to)).unwrap();
        let (looked, reads) = source.take();
        let size: u64 = located.excerpt.ranges().iter().map(|r| r.end - r.start).sum();
        compare_but(damaged, located, all, from, to);
        let (range, _) = source.take();
        let beyond = (looked + range).saturating_sub(size);
        cost.beyond += beyond;
        cost.own += size;
        cost.most_beyond = cost.most_beyond.max(beyond);
        cost.reads += reads;
    }
    cost.beyond /= cost.windows;
    cost.own /= cost.windows;
    cost.reads /= cost.windows;
    cost
}

/// The recording's pictures end where `all` ends.
pub fn ends_right(index: &dyn Locate, all: &[Seen]) {
    let last = all.iter().filter(|p| p.picture).map(|p| p.time).max().unwrap();
    let off = (index.end() - MediaTime::from_flicks(last)).seconds();
    assert!((0.0..0.1).contains(&off), "the end is {off} s after the last picture");
}
