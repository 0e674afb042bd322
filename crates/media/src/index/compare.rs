//! For tests: windows of an index against the whole file, read in order by libav.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reprise_model::{ByteSource, MediaDuration, MediaTime};

use super::{Clock, Locate, Located};
use crate::FileSource;
use crate::ffi::av;
use crate::ffi::frame::Packet;
use crate::ffi::input::Input;
use crate::ffi::time;

/// A packet as libav gives it, on the file clock.
#[derive(Clone, PartialEq)]
pub struct Read {
    pub is_video: bool,
    pub shown: MediaTime,
    pub decoded: Option<MediaTime>,
    pub is_key: bool,
    pub is_hidden: bool,
    pub bytes: Vec<u8>,
    /// Where in the stream it lay.
    pub position: i64,
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_video { "picture" } else { "sound" };
        let (key, hidden) = (self.is_key, self.is_hidden);
        let decoded = self.decoded.map(|d| d.seconds());
        let sum = self.bytes.iter().fold(7u32, |s, &b| s.wrapping_mul(31).wrapping_add(b.into()));
        write!(
            f,
            "{kind} {:.6} dts {decoded:.6?} key {key} hidden {hidden} {} bytes {sum:08x}",
            self.shown.seconds(),
            self.bytes.len()
        )
    }
}

/// Counts what is read.
pub struct Counting {
    pub source: Arc<dyn ByteSource>,
    pub bytes: AtomicU64,
    pub reads: AtomicU64,
}

impl Counting {
    pub fn new(source: Arc<dyn ByteSource>) -> Arc<Self> {
        Arc::new(Self { source, bytes: AtomicU64::new(0), reads: AtomicU64::new(0) })
    }
    /// Bytes and reads since the last call.
    pub fn take(&self) -> (u64, u64) {
        (self.bytes.swap(0, Ordering::Relaxed), self.reads.swap(0, Ordering::Relaxed))
    }
}

impl ByteSource for Counting {
    fn len(&self) -> u64 {
        self.source.len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(offset, buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(count)
    }
    fn name(&self) -> &str {
        self.source.name()
    }
    fn beside(&self, relative: &str) -> io::Result<Arc<dyn ByteSource>> {
        self.source.beside(relative)
    }
}

/// A folder with the pictures and sound that tests cut from: `seconds` of 320x568 with B-frames.
pub fn media(seconds: u32) -> &'static Path {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, OnceLock};
    static MADE: OnceLock<Mutex<BTreeMap<u32, &'static Path>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Default::default).lock().unwrap();
    made.entry(seconds).or_insert_with(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        let video = format!("testsrc2=s=320x568:r=30:d={seconds}");
        let sound = format!("sine=f=440:r=48000:d={seconds}");
        ffmpeg(
            &folder,
            &[
                "-f",
                "lavfi",
                "-i",
                &video,
                "-f",
                "lavfi",
                "-i",
                &sound,
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-bf",
                "2",
                "-g",
                "60",
                "-b:v",
                "400k",
                "-c:a",
                "aac",
                "-b:a",
                "64k",
                "-shortest",
                "base.mkv",
            ],
        );
        Box::leak(folder.into_boxed_path())
    })
}

/// Runs the ffmpeg command in `folder`.
pub fn ffmpeg(folder: &Path, args: &[&str]) {
    let done = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A file made anew from the common pictures and sound: `name` with these arguments after `-i`.
pub fn remux(seconds: u32, name: &str, args: &[&str]) -> PathBuf {
    let folder = media(seconds);
    let mut all = vec!["-i", "base.mkv"];
    all.extend_from_slice(args);
    if !args.contains(&"-c:v") {
        all.extend_from_slice(&["-c", "copy"]);
    }
    all.push(name);
    ffmpeg(folder, &all);
    folder.join(name)
}

/// Opens a file.
pub fn file(path: &Path) -> Arc<dyn ByteSource> {
    FileSource::open(path).unwrap()
}

/// All packets of the largest pictures and the first sound.
pub fn packets(source: Arc<dyn ByteSource>, clock: &Clock) -> Vec<Read> {
    read(Input::open(source).unwrap(), clock)
}

/// The same of an excerpt, read from front to back.
pub fn excerpt_packets(located: Located) -> Vec<Read> {
    read(Input::open_excerpt(Arc::new(located.excerpt)).unwrap(), &located.clock)
}

fn read(mut input: Input, clock: &Clock) -> Vec<Read> {
    let of = |kind| -> Vec<(usize, i32)> {
        let streams = input.streams();
        let all = streams.iter().filter(|s| s.kind() == kind && !s.is_cover());
        all.map(|s| (s.index, s.parameters().width * s.parameters().height)).collect()
    };
    let video = of(av::AVMediaType::AVMEDIA_TYPE_VIDEO);
    let video = video.iter().rev().max_by_key(|v| v.1).map(|v| v.0);
    let audio = of(av::AVMediaType::AVMEDIA_TYPE_AUDIO).first().map(|a| a.0);
    let kept: Vec<usize> = video.into_iter().chain(audio).collect();
    input.keep(&kept);
    let mut packet = Packet::new().unwrap();
    let mut found = Vec::new();
    while input.read(&mut packet).unwrap() {
        if !kept.contains(&packet.stream()) {
            continue;
        }
        let is_video = Some(packet.stream()) == video;
        let base = input.stream(packet.stream()).unwrap().time_base();
        let on_clock = |at: MediaTime| apply(clock, packet.position(), at, is_video);
        let Some(shown) = time(packet.stamp(), base).map(on_clock) else { continue };
        found.push(Read {
            is_video,
            shown,
            decoded: time(packet.dts(), base).map(on_clock),
            is_key: packet.is_key(),
            is_hidden: packet.is_discarded(),
            bytes: packet.bytes().to_vec(),
            position: packet.position(),
        });
    }
    found
}

/// What the streams are, as far as pictures and sound depend on it: codec, picture size, pixel
/// aspect, display matrix, sample rate, channels, language, and what decoders are set up with.
pub fn streams(source: Arc<dyn ByteSource>) -> Vec<String> {
    let input = Input::open(source).unwrap();
    let mut all: Vec<String> = input
        .streams()
        .iter()
        .filter(|s| !s.is_cover() && !s.parameters().codec_type.eq(&OTHER))
        .map(|s| {
            let p = s.parameters();
            let (size, sound) = ((p.width, p.height), (p.sample_rate, p.ch_layout.nb_channels));
            let (aspect, matrix) = (s.aspect(), s.display_matrix());
            let (codec, language, extra) = (s.codec(), s.language(), p.extradata_size);
            format!("{codec} {size:?} {sound:?} {aspect:?} {matrix:?} {language:?} {extra}")
        })
        .collect();
    all.sort();
    all
}

const OTHER: av::AVMediaType = av::AVMediaType::AVMEDIA_TYPE_DATA;

/// From an excerpt's clock to the file clock.
fn apply(clock: &Clock, position: i64, at: MediaTime, is_video: bool) -> MediaTime {
    let position = u64::try_from(position).unwrap_or(0);
    let shift = clock.shifts.iter().rev().find(|(from, _)| *from <= position);
    let mut at = at + shift.map_or(MediaDuration::ZERO, |shift| shift.1);
    if !is_video {
        at = at + clock.sound;
    }
    if let Some(wrap) = clock.wrap {
        let nearest = [at - wrap, at, at + wrap];
        at = *nearest.iter().min_by_key(|t| (**t - clock.near).abs()).unwrap();
    }
    at
}

/// What a window is judged by.
pub struct Whole {
    pub all: Vec<Read>,
    pub video: Vec<Read>,
    pub sound: Vec<Read>,
    /// How far stamps may be off: half a flick is rounded up or down.
    pub tolerance: MediaDuration,
    /// Whether decoding times are compared too.
    pub decoded: bool,
}

impl Whole {
    pub fn read(source: &Arc<dyn ByteSource>) -> Self {
        Self::of(packets(Arc::clone(source), &Clock::default()))
    }

    pub fn of(all: Vec<Read>) -> Self {
        let (video, sound) = all.iter().cloned().partition(|read| read.is_video);
        let tolerance = MediaDuration::from_flicks(1);
        Self { all, video, sound, tolerance, decoded: true }
    }

    pub fn end(&self) -> MediaTime {
        self.all.iter().map(|read| read.shown).max().unwrap()
    }

    fn same(&self, a: &Read, b: &Read) -> bool {
        let near = |a: MediaTime, b: MediaTime| (a - b).abs() <= self.tolerance;
        let decoded = match (a.decoded, b.decoded) {
            (Some(a), Some(b)) => near(a, b),
            _ => true,
        };
        near(a.shown, b.shown)
            && (decoded || !self.decoded)
            && a.is_key == b.is_key
            && a.bytes == b.bytes
    }

    /// Checks that the packets of an excerpt are a stretch of the file's.
    fn stretch<'a>(&self, of: &'a [Read], found: &[Read], what: &str) -> (usize, &'a [Read]) {
        let Some(first) = found.first() else { return (0, &of[..0]) };
        let from = of.iter().position(|read| self.same(read, first));
        let Some(from) = from else {
            let near: Vec<_> = of.iter().filter(|r| r.bytes == first.bytes).collect();
            panic!("{what}: {first:?} is not in the file; the same bytes: {near:?}");
        };
        for (index, read) in found.iter().enumerate() {
            let expected = of.get(from + index);
            assert!(
                expected.is_some_and(|e| self.same(e, read)),
                "{what}: packet {index} of {}: {read:?} should be {expected:?}",
                found.len()
            );
        }
        (from, &of[from..from + found.len()])
    }

    /// Judges a window; returns the bytes of its packets.
    pub fn judge(&self, located: Located, from: MediaTime, to: MediaTime, what: &str) -> u64 {
        self.judge_from(located, from, to, what, true)
    }

    /// Judges a window that may begin with an earlier key picture than needed.
    pub fn judge_more(&self, located: Located, from: MediaTime, to: MediaTime, what: &str) -> u64 {
        self.judge_from(located, from, to, what, false)
    }

    fn judge_from(
        &self,
        located: Located,
        from: MediaTime,
        to: MediaTime,
        what: &str,
        is_last: bool,
    ) -> u64 {
        let what = format!("{what} {:.3}..{:.3}", from.seconds(), to.seconds());
        let found = excerpt_packets(located);
        let (video, sound): (Vec<Read>, Vec<Read>) =
            found.iter().cloned().partition(|read| read.is_video);
        let (at, _) = self.stretch(&self.video, &video, &what);
        if !self.video.is_empty() {
            let keys = self.video.iter().enumerate().filter(|(_, r)| r.is_key);
            let last = keys.clone().rfind(|(_, r)| r.shown <= from).or(keys.clone().next());
            let last = last.unwrap().0;
            assert!(
                at == last || (at < last && !is_last),
                "{what}: begins with picture {at}, not {last}"
            );
            assert!(self.video[at].is_key, "{what}: begins with picture {at}, no key picture");
        }
        let (sound_at, heard) = self.stretch(&self.sound, &sound, &what);
        let begins = self.video.get(at).map_or(from, |key| key.shown.min(from));
        for (index, read) in self.video.iter().enumerate().skip(at) {
            if read.shown < to {
                assert!(index < at + video.len(), "{what}: lacks {read:?}");
            }
        }
        for (index, read) in self.sound.iter().enumerate() {
            if read.shown >= begins && read.shown < to {
                let within = index >= sound_at && index < sound_at + heard.len();
                assert!(within, "{what}: lacks {read:?}");
            }
        }
        found.iter().map(|read| read.bytes.len() as u64).sum()
    }
}

/// Windows all over a recording of this length, in seconds: both edges, on and beside pictures.
pub fn windows(length: f64) -> Vec<(MediaTime, MediaTime)> {
    let at = MediaTime::from_seconds;
    let mut all = vec![
        (at(-1.0), at(1.0)),
        (at(0.0), at(0.5)),
        (at(0.0), at(length + 5.0)),
        (at(length - 0.5), at(length + 3.0)),
        (at(length - 3.0), at(length)),
        (at(2.0), at(4.0)),
        (at(1.9999), at(3.9999)),
        (at(2.04), at(2.05)),
    ];
    for step in 0..12 {
        let from = length * (f64::from(step) + 0.37) / 12.5;
        all.push((at(from), at(from + 0.3 + f64::from(step % 5) * 2.1)));
    }
    all
}

/// Opens, and compares the head and twenty windows with the whole file.
pub fn check<L: Locate>(
    source: &Arc<dyn ByteSource>,
    index: &L,
    whole: &Whole,
    what: &str,
) -> Vec<(u64, u64)> {
    let head = index.head(source).unwrap();
    let start = whole.video.iter().map(|r| r.shown).min();
    let start = start.or(whole.sound.iter().map(|r| r.shown).min()).unwrap();
    whole.judge(head, start, start + MediaDuration::from_millis(500), &format!("{what} head"));
    let mut costs = Vec::new();
    for (from, to) in windows((whole.end() - start).seconds()) {
        let shift = start - MediaTime::ZERO;
        let (from, to) = (from + shift, to + shift);
        let counting = Counting::new(Arc::clone(source));
        let shared: Arc<dyn ByteSource> = Arc::clone(&counting) as Arc<dyn ByteSource>;
        let located = index.window(&shared, from, to).unwrap();
        let (looked, looks) = counting.take();
        let bytes = whole.judge(located, from, to, what);
        let (read, _) = counting.take();
        let allowed = bytes * 115 / 100 + 200_000;
        // What is smaller is read whole anyway.
        assert!(
            looked + read <= allowed || source.len() < 1 << 20,
            "{what}: {looked} + {read} bytes read for {bytes}"
        );
        costs.push((looked, looks));
    }
    costs
}
