//! The same clips from ever longer recordings: what they cost may not grow with the recording.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::compare::{add, side};
use crate::jobs::Jobs;
use crate::reading;
use crate::recording::{Window, probe};
use crate::report::{Comparison, Side};

/// How often the recording is repeated: ten minutes become two hours and thirteen.
const REPEATS: [u32; 2] = [12, 78];

/// Cuts the windows from the recording and from longer ones made of it; also tells what was read.
///
/// # Errors
/// Where a recording cannot be made or a side fails.
pub fn compare(jobs: &Jobs, windows: &[Window], pairs: u32) -> Result<(Comparison, String)> {
    let mut sources: Vec<(PathBuf, Vec<Window>)> =
        vec![(jobs.recording.live.clone(), windows.to_vec())];
    for repeats in REPEATS {
        let live = repeated(jobs, repeats)?;
        let (_, duration_s, _) = probe(&live)?;
        let each_s = (duration_s - jobs.recording.duration_s) / f64::from(repeats - 1);
        sources.push((live, spread(windows, repeats, each_s)));
    }
    let names = sources.iter().map(|(live, _)| live.file_name().unwrap_or_default());
    let mut sides: Vec<Side> =
        names.map(|name| side(&format!("of `{}`", name.to_string_lossy()))).collect();
    for pair in 1..=pairs {
        for (side, (live, windows)) in sides.iter_mut().zip(&sources) {
            add(side, pair, || jobs.cut_of(live, windows, Some(1), &[]))?;
        }
    }
    let hours = |repeats: u32| jobs.recording.duration_s * f64::from(repeats) / 3600.0;
    let comparison = Comparison {
        title: "The same clips of longer recordings".to_owned(),
        about: format!(
            "`reprise cut --jobs 1` of the recording, and of {:.1} and {:.1} hours made by repeating \
             it (FLV without an index), the windows spread over all of it; medians of {pairs}.",
            hours(REPEATS[0]),
            hours(REPEATS[1])
        ),
        clips_s: windows.iter().map(|window| window.length_s).sum(),
        sides,
        ratios: vec![(1, 0), (2, 0)],
        decode: None,
    };
    let (two_hours, spread_out) = &sources[1];
    let read = reading::section(jobs, two_hours, spread_out)?;
    Ok((comparison, read))
}

/// The recording so many times in a row.
fn repeated(jobs: &Jobs, repeats: u32) -> Result<PathBuf> {
    let path = jobs.work.join(format!("live-{repeats}-times.flv"));
    if path.exists() {
        return Ok(path);
    }
    eprintln!("making {}", path.display());
    let part = path.with_extension("part");
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-stream_loop", &(repeats - 1).to_string(), "-i"])
        .arg(jobs.root.join(&jobs.recording.live))
        .args(["-c", "copy", "-flvflags", "no_duration_filesize", "-f", "flv"])
        .arg(&part)
        .status()?;
    if !status.success() {
        return Err(format!("{} cannot be made", path.display()).into());
    }
    std::fs::rename(&part, &path)?;
    Ok(path)
}

/// The same stretches of the content, each in another repetition, from the first to the last.
fn spread(windows: &[Window], repeats: u32, each_s: f64) -> Vec<Window> {
    let last = windows.len().saturating_sub(1).max(1) as f64;
    windows
        .iter()
        .enumerate()
        .map(|(index, window)| {
            let repetition = (index as f64 / last * f64::from(repeats - 1)).floor();
            let from_s = window.from_s + repetition * each_s;
            Window { from_s: (from_s * 1000.0).round() / 1000.0, ..*window }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_spread_over_all_repetitions() {
        let windows: Vec<Window> = (0..10)
            .map(|index| Window { from_s: f64::from(index) * 60.0, length_s: 30.0 })
            .collect();
        let moved = spread(&windows, 78, 600.0);
        assert_eq!(moved[0], windows[0]);
        assert!((moved[9].from_s - (540.0 + 77.0 * 600.0)).abs() < 1e-9);
        assert!(moved.windows(2).all(|pair| pair[0].from_s < pair[1].from_s));
    }
}
