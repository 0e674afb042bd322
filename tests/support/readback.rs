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
        &[
            "-v",
            "error",
            "-i",
            text(path),
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ],
    );
    let numbers = luma
        .chunks_exact(width * height)
        .map(|picture| reprise_fixtures::timecode::read(picture, width, width, height))
        .collect();
    let times = String::from_utf8(run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "frame=pts_time",
            "-of",
            "csv=p=0",
            text(path),
        ],
    ))
    .expect("ffprobe writes text")
    .lines()
    .filter_map(|line| line.trim_end_matches(',').parse().ok())
    .collect();
    let sound = run(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-i",
            text(path),
            "-map",
            "0:a",
            "-af",
            "aresample=async=1:first_pts=0",
            "-ac",
            "1",
            "-ar",
            "48000",
            "-f",
            "f32le",
            "-",
        ],
    );
    let samples =
        sound.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Readback { numbers, times, samples }
}

/// Width and height of a file's pictures.
pub fn size(path: &Path) -> (usize, usize) {
    let out = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=width,height",
            "-of",
            "csv=p=0",
            text(path),
        ],
    );
    let line = String::from_utf8(out).expect("ffprobe writes text");
    let (width, height) = line.trim().split_once(',').expect("a width and a height");
    (width.parse().expect("a width"), height.parse().expect("a height"))
}

/// Whether an MP4's header comes before its media.
pub fn is_faststart(path: &Path) -> bool {
    let bytes = std::fs::read(path).expect("a file");
    let mut kinds = Vec::new();
    let mut at = 0usize;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        kinds.push(head[4..8].to_vec());
        // No box of a clip is so large that it needs a 64-bit size, or open-ended.
        assert!(size >= 8, "a box of {size} bytes in {}", path.display());
        at += size;
    }
    let place = |kind: &[u8]| kinds.iter().position(|found| found == kind);
    matches!((place(b"moov"), place(b"mdat")), (Some(moov), Some(mdat)) if moov < mdat)
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
