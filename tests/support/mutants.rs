//! Runs measuring and a window's job on mutated recordings, each in a child, and counts how they end.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reprise_checks::{LookFor, NoAdviser, Policy};
use reprise_media::remote::Program;
use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, Error, Kind, Result, Span};
use reprise_transcode::{
    ChildLimits, Isolation, MediaWorkers, Profile, TrimSettings, Verify, Wanted, WindowOutcome,
    WindowRequest,
};

use crate::command::binary;
use crate::mutate::mutant;
use crate::seeds::{self, Seed, Shape};

/// What a child may take of memory, MiB.
const CHILD_MB: u64 = 512;
/// What this process may take: it decodes nothing.
const PARENT_BYTES: u64 = 400 << 20;
/// A child that does not get on for so long hangs.
const PATIENCE_S: f64 = 20.0;
/// A file of this size is read in a few strides, each of which may take the patience.
const FILE_LIMIT: Duration = Duration::from_secs(120);

/// How they ended.
#[derive(Debug, Default)]
pub struct Report {
    /// A clip, or the word that none can be cut.
    pub made: u64,
    /// An error of the file.
    pub refused: u64,
    /// The child crashed; nothing else did.
    pub crashed: u64,
    /// The child did not get on and was ended.
    pub hung: u64,
    /// More memory was wanted than a child may take; mostly the child could still say so.
    pub starved: u64,
    /// Which made a child crash, hang or starve, and how.
    pub remarkable: Vec<String>,
    /// What must not be.
    pub failures: Vec<String>,
}

impl Report {
    /// Files that made a child crash, hang or want too much memory.
    pub fn contained(&self) -> u64 {
        self.crashed + self.hung + self.starved
    }

    fn count(&mut self, name: &str, came: Result<()>, took: Duration) {
        if took > FILE_LIMIT {
            self.failures.push(format!("{name}: took {took:?}"));
        }
        let error = match came {
            Ok(()) => {
                self.made += 1;
                return;
            }
            Err(error) => error,
        };
        let says = |words: &str| error.message.contains(words);
        if says("crashed") || says("ended by itself") {
            self.crashed += 1;
            self.remarkable.push(error.to_string());
        } else if says("hangs") || says("CPU time") {
            self.hung += 1;
            self.remarkable.push(error.to_string());
        } else if says("more memory than it may") || says("out of memory") || says("SIGKILL") {
            self.starved += 1;
            self.remarkable.push(error.to_string());
        } else {
            self.refused += 1;
        }
        let typed = matches!(error.kind, Kind::Malformed | Kind::Unsupported | Kind::Limit | Kind::Stalled)
            // The window lies outside what a changed clock leaves of the recording.
            || (error.kind == Kind::Usage
                && (says("has no picture in it") || says("the window is empty")));
        if !typed || says("protocol") || says("something else") || says("panicked") {
            self.failures.push(format!("{name}: {:?}: {error}", error.kind));
        }
    }
}

/// Tries the mutants of these numbers on `threads` threads; `told` hears each number that is done.
pub fn run(numbers: Range<u64>, threads: usize, told: &mut (dyn FnMut(u64) + Send)) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let made = seeds::make(folder.path());
    let containers = [Shape::Mp4, Shape::MpegTs, Shape::Flv, Shape::Matroska];
    let seeds: Vec<&Seed> = made.iter().filter(|s| containers.contains(&s.shape)).collect();
    let arguments = vec!["decode-child".to_owned(), CHILD_MB.to_string()];
    let workers = MediaWorkers::isolated(Isolation {
        program: Program { path: binary().to_owned(), arguments },
        limits: ChildLimits {
            memory_mb: CHILD_MB,
            time_s: PATIENCE_S,
            time_per_window_s: 0.0,
            ..ChildLimits::default()
        },
        misbehave: None,
    });
    let mut profile = Profile::built_in().expect("the built-in profile is read");
    profile.settings.video_options.insert("preset".to_owned(), "ultrafast".to_owned());
    let (next, end) = (AtomicU64::new(numbers.start), numbers.end);
    let report = Mutex::new((Report::default(), told));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= end {
                        return;
                    }
                    let (seed, bytes) = mutant(&seeds, number);
                    let name = format!("mutant {number} of {}", seed.name);
                    let begun = Instant::now();
                    let came = one(&workers, &profile, &name, bytes, number);
                    let mut report = report.lock().expect("no thread panicked");
                    report.0.count(&name, came, begun.elapsed());
                    (report.1)(number);
                }
            });
        }
    });
    let (mut report, _) = report.into_inner().expect("no thread panicked");
    let peak = peak_bytes();
    if peak > PARENT_BYTES {
        report.failures.push(format!("the parent took {} MB", peak >> 20));
    }
    report
}

fn one(
    workers: &MediaWorkers,
    profile: &Profile,
    name: &str,
    bytes: Vec<u8>,
    number: u64,
) -> Result<()> {
    let source: Arc<dyn ByteSource> = Arc::new(MemorySource::new(name, bytes));
    let media = workers.probe(Arc::clone(&source))?;
    media.info.require_video()?;
    let request = WindowRequest {
        media: &media,
        moment: Span::from_seconds(0.3, 0.8),
        exact: number.is_multiple_of(2),
        avoid: &[],
        look_for: &LookFor::default(),
        wanted: &Wanted::default(),
        policy: &Policy::default(),
        trim: &TrimSettings::default(),
        encode: &profile.settings,
        verify: Verify::default(),
    };
    match workers.run_window(source, &request, &NoAdviser)? {
        WindowOutcome::Clip(clip) if clip.mp4.is_empty() => {
            Err(Error::new(Kind::Bug, "a clip without a byte"))
        }
        _ => Ok(()),
    }
}

/// `VmHWM` of this process.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Writes a mutant to a file, to be looked at.
pub fn save(number: u64, folder: &std::path::Path) -> PathBuf {
    let made = seeds::make(folder);
    let containers = [Shape::Mp4, Shape::MpegTs, Shape::Flv, Shape::Matroska];
    let seeds: Vec<&Seed> = made.iter().filter(|s| containers.contains(&s.shape)).collect();
    let (seed, bytes) = mutant(&seeds, number);
    let path = folder.join(format!("mutant-{number}-{}", seed.name));
    std::fs::write(&path, bytes).expect("a file can be written");
    path
}
