//! Real material for tests: files beside the repository, decoded; `None`, with a word on standard
//! error, where they or ffmpeg are absent.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod clips;
pub mod originals;
pub mod overlays;
pub mod treated;
pub mod variants;

use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_checks::{Evidence, EvidenceCollector, LookFor, NoAdviser};
use reprise_media::view::{Observer, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaDuration, MediaTime, Span};

/// Rate of sound that is made for tests.
pub const RATE: u32 = 48_000;

/// A file of the shared material.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not on this machine", path.display());
        return None;
    }
    Some(path)
}

/// Samples of a sound file as ffmpeg reads it, mono at [`RATE`], after `filter`.
pub fn samples(path: &Path, filter: &str) -> Option<Vec<f32>> {
    ffmpeg(&["-i", path.to_str()?, "-af", filter], &["-f", "f32le"], &[])
}

/// What is left of `sound` after AAC at `bit_rate` (such as `64k`), without the encoder's delay.
pub fn through_aac(sound: &[f32], bit_rate: &str) -> Option<Vec<f32>> {
    let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let rate = RATE.to_string();
    let input = ["-f", "f32le", "-ar", rate.as_str(), "-ac", "1", "-i", "-"];
    let folder = std::env::temp_dir().join(format!(
        "reprise-checks-{}-{bit_rate}-{}",
        std::process::id(),
        sound.len()
    ));
    std::fs::create_dir_all(&folder).ok()?;
    let file = folder.join("sound.mp4");
    let name = file.to_str()?;
    let coded = run(&input, &["-c:a", "aac", "-b:a", bit_rate, "-y", name], &bytes);
    let decoded = coded.and_then(|_| ffmpeg(&["-i", name], &["-f", "f32le"], &[]));
    let _ = std::fs::remove_dir_all(&folder);
    decoded
}

/// Evidence of mono sound at [`RATE`].
pub fn heard(samples: &[f32]) -> Evidence {
    let mut collector = EvidenceCollector::new(&LookFor::default());
    for (index, run) in samples.chunks(1024).enumerate() {
        let time = MediaTime::from_samples(index as i64 * 1024, RATE);
        collector.sound(&SoundView { time, sample_rate: RATE, channels: &[run] });
    }
    collector.finish(&NoAdviser).unwrap()
}

/// Evidence of a stretch of a recording, or of all of it.
pub fn seen(path: &Path, span: Option<Span>) -> Evidence {
    let source = FileSource::open(path).unwrap();
    let media = probe(source.clone()).unwrap();
    let whole = Span::new(MediaTime::ZERO, MediaTime::ZERO + media.info.duration);
    let options = WindowOptions { span: span.unwrap_or(whole), size: None, threads: 2 };
    let mut collector = EvidenceCollector::new(&LookFor::default());
    look(source, &media, &options, &mut collector).unwrap();
    collector.finish(&NoAdviser).unwrap()
}

/// The evidence of a clip cut at `span`: its times count from the clip's start.
pub fn as_clip(evidence: &Evidence, span: Span) -> Evidence {
    let mut clip = evidence.within(span);
    let zero = span.start - MediaTime::ZERO;
    for sample in &mut clip.pictures.samples {
        sample.time = sample.time - zero;
    }
    clip.sound.start = clip.sound.start - zero;
    for gap in &mut clip.sound.gaps {
        *gap = Span::new(gap.start - zero, gap.end - zero);
    }
    clip
}

/// Whether `found` is one span that begins and ends within `off` seconds of `truth`.
pub fn near(found: &[Span], truth: (f64, f64), off: f64) -> bool {
    let close = |a: MediaTime, b: f64| (a.seconds() - b).abs() <= off;
    found.len() == 1 && close(found[0].start, truth.0) && close(found[0].end, truth.1)
}

/// A duration in seconds.
pub fn seconds(seconds: f64) -> MediaDuration {
    MediaDuration::from_seconds(seconds)
}

fn ffmpeg(input: &[&str], output: &[&str], bytes: &[u8]) -> Option<Vec<f32>> {
    let rate = RATE.to_string();
    let mut to = vec!["-vn", "-ac", "1", "-ar", rate.as_str()];
    to.extend(output);
    to.push("-");
    let raw = run(input, &to, bytes)?;
    Some(raw.as_chunks::<4>().0.iter().map(|&sample| f32::from_le_bytes(sample)).collect())
}

fn run(input: &[&str], output: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write;
    use std::process::Stdio;
    let child = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"].iter().filter(|a| bytes.is_empty() || **a != "-nostdin"))
        .args(input)
        .args(output)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: ffmpeg cannot be run ({error})");
            return None;
        }
    };
    let mut pipe = child.stdin.take()?;
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&bytes));
    let output = child.wait_with_output().ok()?;
    let _ = writer.join();
    output.status.success().then_some(output.stdout)
}
