//! A clip read back by the `ffmpeg` command, so that our own decoder does not judge itself.

use std::path::Path;
use std::process::{Command, Stdio};

/// A clip's pictures and sound, as another program decodes them.
pub struct Readback {
    /// Frame number read off each picture.
    pub numbers: Vec<Option<u32>>,
    /// Time stamp of each picture, seconds.
    pub times: Vec<f64>,
    /// Mono sound.
    pub samples: Vec<f32>,
}

/// Sample rate of [`Readback::samples`].
pub const SAMPLE_RATE: u32 = 48_000;

/// Decodes a whole clip. Sound is placed by its time stamps.
pub fn read(path: &Path) -> Readback {
    let (width, height) = size(path);
    let luma = run(
        "ffmpeg",
        &["-v", "error", "-i", text(path), "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
    );
    let numbers = luma
        .chunks_exact(width * height)
        .map(|picture| reprise_fixtures::timecode::read(picture, width, width, height))
        .collect();
    let times = String::from_utf8(run(
        "ffprobe",
        &["-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0", text(path)],
    ))
    .expect("ffprobe writes text")
    .lines()
    .filter_map(|line| line.trim_end_matches(',').parse().ok())
    .collect();
    let sound = run(
        "ffmpeg",
        &["-v", "error", "-i", text(path), "-map", "0:a", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"],
    );
    let samples =
        sound.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Readback { numbers, times, samples }
}

/// Width and height of a file's pictures.
pub fn size(path: &Path) -> (usize, usize) {
    let out = run(
        "ffprobe",
        &["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", text(path)],
    );
    let line = String::from_utf8(out).expect("ffprobe writes text");
    let (width, height) = line.trim().split_once(',').expect("a width and a height");
    (width.parse().expect("a width"), height.parse().expect("a height"))
}

/// Runs a command and gives what it writes; its failure fails the test with its words.
pub fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let out = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(
        out.status.success(),
        "{program} {arguments:?} failed: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
