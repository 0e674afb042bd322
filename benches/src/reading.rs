//! What is read of a recording of two hours: by its container, from a file and from S3, where the
//! server counts.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_servers::S3Server;

use crate::Result;
use crate::jobs::Jobs;
use crate::machine::first_line;
use crate::recording::Window;

/// What may be read: the windows with their edge GOPs so many times, and so much more.
const SHARE: f64 = 1.15;
const BESIDE_MB: f64 = 5.0;

/// A recording in one container.
struct Source {
    name: &'static str,
    /// What is cut, below the folder of all of them.
    path: PathBuf,
    /// The file that says where key pictures lie.
    keys: PathBuf,
}

/// Cuts the windows from every container and tells what was read, as a section of the page.
///
/// # Errors
/// Where a recording cannot be made, cut, or its reading is not told.
pub fn section(jobs: &Jobs, flv: &Path, windows: &[Window]) -> Result<String> {
    let root = jobs.work.join("read");
    let folder = root.join("lives");
    std::fs::create_dir_all(&folder)?;
    let s3 = S3Server::start(&root);
    let mut text = String::from(
        "\n## What is read of two hours\n\n\
         `reprise cut --jobs 1` of the same ten windows, once from a file (as it tells itself) and once from S3 (as the \
         server counts, with its headers). *Windows* is their size with their edge GOPs; 1.15 times that and 5 MB may be read, \
         of an MP4 its sample tables besides.\n\n\
         | | recording, MB | windows, MB | may be read, MB | from a file, MB | from S3, MB | requests |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for source in sources(flv, &folder)? {
        let path = folder.join(&source.path);
        let held = window_bytes(&folder.join(&source.keys), windows)? as f64 / 1e6;
        let local = cut(jobs, &path.to_string_lossy(), windows, &[])?;
        let before = s3.traffic();
        let address = format!("s3://lives/{}", source.path.display());
        cut(jobs, &address, windows, &s3.environment())?;
        let sent = s3.traffic().since(before);
        let size = std::fs::metadata(folder.join(&source.keys))?.len() as f64 / 1e6;
        let _ = writeln!(
            text,
            "| {} | {size:.0} | {held:.1} | {:.1} | {local:.1} | {:.1} | {} |",
            source.name,
            held * SHARE + BESIDE_MB,
            sent.bytes as f64 / 1e6,
            sent.requests,
        );
        eprintln!("read of {}: {local:.1} MB, S3 {} bytes", source.name, sent.bytes);
    }
    Ok(text)
}

/// The recording in all containers, below `folder`.
fn sources(flv: &Path, folder: &Path) -> Result<Vec<Source>> {
    let live = |name: &str| folder.join(name);
    if !live("live.flv").exists() {
        std::fs::hard_link(flv, live("live.flv"))?;
    }
    for name in ["live.ts", "live.mp4"] {
        if !live(name).exists() {
            copied(flv, &live(name), &[])?;
        }
    }
    if !live("hls/live.m3u8").exists() {
        std::fs::create_dir_all(live("hls"))?;
        let segments = live("hls/%d.ts");
        let segments = segments.to_string_lossy();
        let options = ["-hls_time", "6", "-hls_playlist_type", "vod", "-hls_segment_filename"];
        copied(flv, &live("hls/live.m3u8"), &[&options[..], &[&segments]].concat())?;
    }
    let source =
        |name, path: &str, keys: &str| Source { name, path: path.into(), keys: keys.into() };
    Ok(vec![
        source("FLV without an index", "live.flv", "live.flv"),
        source("MPEG-TS", "live.ts", "live.ts"),
        source("MP4", "live.mp4", "live.mp4"),
        source("HLS of MPEG-TS", "hls/live.m3u8", "live.ts"),
    ])
}

fn copied(from: &Path, to: &Path, options: &[&str]) -> Result<()> {
    eprintln!("making {}", to.display());
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(from)
        .args(["-c", "copy"])
        .args(options)
        .arg(to)
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("{} fails", to.display()).into()) }
}

/// Cuts; gives the megabytes that the command says it read.
fn cut(
    jobs: &Jobs,
    recording: &str,
    windows: &[Window],
    environment: &[(&str, String)],
) -> Result<f64> {
    let out = jobs.work.join("read-clips");
    let mut command = Command::new(&jobs.reprise);
    command.arg("cut").arg(recording).args(["--jobs", "1", "--out"]).arg(&out);
    command.envs(environment.iter().map(|(key, value)| (*key, value)));
    for window in windows {
        let to_s = window.from_s + window.length_s;
        command.arg("--window").arg(format!("{:.3}-{to_s:.3}", window.from_s));
    }
    let done = command.output()?;
    std::fs::remove_dir_all(&out)?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        return Err(format!("{recording}: {said}").into());
    }
    told(&said).ok_or_else(|| format!("{recording}: it does not say what it read").into())
}

/// From the line `… read detail="4.1 MB of …`.
fn told(said: &str) -> Option<f64> {
    let line = said.lines().rev().find_map(|line| line.split_once("read detail=\""))?.1;
    line.split_once(" MB")?.0.parse().ok()
}

/// Bytes from the key picture before each window to the one after it.
fn window_bytes(file: &Path, windows: &[Window]) -> Result<u64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries"]);
    command.args(["packet=pts_time,pos,flags", "-of", "csv=p=0"]).arg(file);
    let out = command.output()?;
    if !out.status.success() {
        // Its words.
        first_line(&mut command)?;
    }
    let text = String::from_utf8(out.stdout)?;
    let keys: Vec<(f64, u64)> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(',');
            let key = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            fields.next()?.starts_with('K').then_some(key)
        })
        .collect();
    let zero = keys.first().ok_or("no key pictures")?.0;
    let size = std::fs::metadata(file)?.len();
    let sum = windows.iter().map(|window| {
        let (from_s, to_s) = (zero + window.from_s, zero + window.from_s + window.length_s);
        let from = keys.iter().rev().find(|key| key.0 <= from_s + 0.001).map_or(0, |key| key.1);
        let to = keys.iter().find(|key| key.0 >= to_s - 0.001).map_or(size, |key| key.1);
        to.saturating_sub(from)
    });
    Ok(sum.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_found_in_the_log() {
        let said =
            "x INFO windows total=1\nx INFO read detail=\"4.1 MB of a.flv, which has 29.6 MB\"\n";
        assert_eq!(told(said), Some(4.1));
        assert_eq!(told("x INFO windows"), None);
    }
}
