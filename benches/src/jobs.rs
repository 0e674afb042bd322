//! The jobs that are compared, each as one measured run: ours, the script's, one plain decode.
//!
//! Outputs are deleted before and after each run, and looked at in between: a run whose clips are
//! not all there, whole and playable, is an error and no result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::measure::{Usage, measure};
use crate::recording::{Coding, Recording, Window};

/// A clip may be this much longer or shorter than asked for: a picture, and coded frames of sound.
const LENGTH_SLACK_S: f64 = 0.25;

/// Where and on what the jobs run.
pub struct Jobs {
    /// The project's top folder; commands are run there.
    pub root: PathBuf,
    /// The command `reprise`.
    pub reprise: PathBuf,
    /// Folder for what the jobs make; what is in it is deleted.
    pub work: PathBuf,
    /// The recording.
    pub recording: Recording,
    /// The encoder settings.
    pub coding: Coding,
}

/// One run of a job.
#[derive(Clone)]
pub struct Run {
    /// What it used.
    pub usage: Usage,
    /// The command as one would type it.
    pub command: String,
    /// Size of the clips that it made.
    pub clips_bytes: u64,
}

impl Jobs {
    /// Cuts the windows with `reprise cut`; `jobs` clips at once, or as many as it does by itself.
    ///
    /// # Errors
    /// Where it fails or a clip is not as it should be.
    pub fn cut(&self, windows: &[Window], jobs: Option<u32>) -> Result<Run> {
        self.cut_of(&self.recording.live, windows, jobs, &[])
    }

    /// The same of another recording, with more options.
    ///
    /// # Errors
    /// As [`Self::cut`].
    pub fn cut_of(
        &self,
        live: &Path,
        windows: &[Window],
        jobs: Option<u32>,
        options: &[&str],
    ) -> Result<Run> {
        let out = self.empty("cut")?;
        let mut command = self.command(&self.reprise);
        command.arg("cut").arg(self.short(live)).args(options);
        for window in windows {
            let to_s = window.from_s + window.length_s;
            command.arg("--window").arg(format!("{:.3}-{to_s:.3}", window.from_s));
        }
        command.arg("--out").arg(self.short(&out));
        if let Some(jobs) = jobs {
            command.arg("--jobs").arg(jobs.to_string());
        }
        self.finish(command, &out, windows)
    }

    /// Runs `reprise run` over the session; also gives the windows of the clips that it shipped.
    ///
    /// # Errors
    /// Where it fails, ships nothing, or a clip is not as it should be.
    pub fn run(&self, options: &[&str]) -> Result<(Run, Vec<Window>)> {
        let out = self.empty("run")?;
        let mut command = self.command(&self.reprise);
        command.arg("run").arg(&self.recording.session).arg("--out").arg(self.short(&out));
        command.args(options);
        let shown = shown(&command);
        let usage = measure(&mut command, &self.log())?;
        let result = files(&out, "session.json")?;
        let result = result.first().ok_or("`reprise run` wrote no session.json")?;
        let windows = shipped(&fs::read_to_string(result)?)?;
        if windows.is_empty() {
            return Err("`reprise run` shipped no clip, so there is nothing to compare".into());
        }
        let clips_bytes = check_clips(&out, &windows)?;
        fs::remove_dir_all(&out)?;
        Ok((Run { usage, command: shown, clips_bytes }, windows))
    }

    /// Cuts and checks the windows with the script.
    ///
    /// # Errors
    /// Where it fails or a clip is not as it should be.
    pub fn script(&self, windows: &[Window]) -> Result<Run> {
        let out = self.empty("script")?;
        let mut command = self.command(Path::new("benches/user-script.sh"));
        command.env("VIDEO", &self.coding.video).env("AUDIO", &self.coding.audio);
        command.arg(&self.recording.live).arg(self.short(&out));
        for window in windows {
            command.arg(format!("{:.3}", window.from_s)).arg(format!("{:.3}", window.length_s));
        }
        self.finish(command, &out, windows)
    }

    /// Cuts the windows with one plain ffmpeg command each, and checks nothing.
    ///
    /// # Errors
    /// Where it fails or a clip is not as it should be.
    pub fn plain(&self, windows: &[Window]) -> Result<Run> {
        let out = self.empty("plain")?;
        let make = |from: &str, length: &str, clip: &Path| {
            let mut command = self.command(Path::new("ffmpeg"));
            command.args(["-nostdin", "-v", "error", "-y", "-ss", from]);
            command.arg("-i").arg(&self.recording.live).args(["-t", length]);
            command.args(self.coding.video.split(' ')).args(self.coding.audio.split(' '));
            command.args(["-movflags", "+faststart"]).arg(self.short(clip));
            command
        };
        let mut usage = Usage::default();
        for (index, window) in windows.iter().enumerate() {
            let (from, length) =
                (format!("{:.3}", window.from_s), format!("{:.3}", window.length_s));
            let clip = out.join(format!("{index}.mp4"));
            usage += measure(&mut make(&from, &length, &clip), &self.log())?;
        }
        let clips_bytes = check_clips(&out, windows)?;
        let command = shown(&make("FROM", "LENGTH", &out.join("N.mp4")));
        fs::remove_dir_all(&out)?;
        Ok(Run { usage, command, clips_bytes })
    }

    /// The default profile without smart cut, as a file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn encoding_profile(&self) -> Result<String> {
        let text = fs::read_to_string(self.root.join("pipelines/profiles/h264-720p-fast.toml"))?;
        let changed = text.replace("smart_cut = true", "smart_cut = false");
        if changed == text {
            return Err("the default profile has no line `smart_cut = true`".into());
        }
        let path = self.work.join("encode-all.toml");
        fs::write(&path, changed)?;
        Ok(self.short(&path).to_string_lossy().into_owned())
    }

    /// Decodes the windows once, on one thread (D1): what no job that looks at them can go below.
    ///
    /// # Errors
    /// Where it fails.
    pub fn decode(&self, windows: &[Window]) -> Result<Run> {
        let make = |from: &str, length: &str| {
            let mut command = self.command(Path::new("ffmpeg"));
            command.args(["-nostdin", "-v", "error", "-threads", "1", "-ss", from, "-t", length]);
            command.arg("-i").arg(&self.recording.live).args(["-f", "null", "-"]);
            command
        };
        let mut usage = Usage::default();
        for window in windows {
            let (from, length) =
                (format!("{:.3}", window.from_s), format!("{:.3}", window.length_s));
            usage += measure(&mut make(&from, &length), &self.log())?;
        }
        Ok(Run { usage, command: shown(&make("FROM", "LENGTH")), clips_bytes: 0 })
    }

    /// Measures a command that makes one clip for each window in `out`.
    fn finish(&self, mut command: Command, out: &Path, windows: &[Window]) -> Result<Run> {
        let usage = measure(&mut command, &self.log())?;
        let clips_bytes = check_clips(out, windows)?;
        fs::remove_dir_all(out)?;
        Ok(Run { usage, command: shown(&command), clips_bytes })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(self.short(program));
        command.current_dir(&self.root);
        command
    }

    /// A path below the top folder without that folder.
    fn short<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    fn empty(&self, name: &str) -> Result<PathBuf> {
        let folder = self.work.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn log(&self) -> PathBuf {
        self.work.join("words.txt")
    }
}

/// What one would type.
fn shown(command: &Command) -> String {
    let quoted = |word: &std::ffi::OsStr| {
        let word = word.to_string_lossy();
        if word.contains(' ') { format!("\"{word}\"") } else { word.into_owned() }
    };
    let mut words = Vec::new();
    for (key, value) in command.get_envs() {
        let value = value.map(quoted).unwrap_or_default();
        words.push(format!("{}={value}", key.to_string_lossy()));
    }
    words.push(quoted(command.get_program()));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

/// The windows of the clips that a `session.json` lists.
fn shipped(session: &str) -> Result<Vec<Window>> {
    let session: Value = serde_json::from_str(session)?;
    let clips = session["clips"].as_array().ok_or("session.json lists no `clips`")?;
    clips
        .iter()
        .map(|clip| {
            let time = |key: &str| clip[key].as_f64().ok_or(format!("a clip has no `{key}`"));
            let from_s = time("start_s")?;
            Ok(Window { from_s, length_s: time("end_s")? - from_s })
        })
        .collect()
}

/// Looks at every MP4 below `out`; gives their size together.
fn check_clips(out: &Path, windows: &[Window]) -> Result<u64> {
    let clips = files(out, ".mp4")?;
    if clips.len() != windows.len() {
        let (made, wanted) = (clips.len(), windows.len());
        return Err(format!("{made} clips were made and not {wanted}").into());
    }
    let mut lengths_s = Vec::new();
    let mut bytes = 0;
    for clip in &clips {
        lengths_s.push(length_s(clip).map_err(|error| format!("{}: {error}", clip.display()))?);
        bytes += fs::metadata(clip)?.len();
    }
    same_lengths(lengths_s, windows.iter().map(|window| window.length_s).collect())?;
    Ok(bytes)
}

/// The length of a clip with pictures and sound.
fn length_s(clip: &Path) -> Result<f64> {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_type:format=duration", "-of", "json"])
        .arg(clip)
        .output()?;
    if !out.status.success() || !out.stderr.is_empty() {
        return Err(format!("not playable: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    let probed: Value = serde_json::from_slice(&out.stdout)?;
    for wanted in ["video", "audio"] {
        let streams = probed["streams"].as_array();
        if !streams.is_some_and(|all| all.iter().any(|stream| stream["codec_type"] == wanted)) {
            return Err(format!("has no {wanted}").into());
        }
    }
    let length = probed["format"]["duration"].as_str().and_then(|text| text.parse().ok());
    Ok(length.ok_or("has no duration")?)
}

/// Compares lengths whatever their order: the two sides name their clips differently.
fn same_lengths(mut made_s: Vec<f64>, mut wanted_s: Vec<f64>) -> Result<()> {
    made_s.sort_by(f64::total_cmp);
    wanted_s.sort_by(f64::total_cmp);
    for (made, wanted) in made_s.iter().zip(&wanted_s) {
        if (made - wanted).abs() > LENGTH_SLACK_S {
            return Err(format!("a clip is {made:.2} s long and not {wanted:.2} s").into());
        }
    }
    Ok(())
}

/// Files below `folder` whose name ends so.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shipped_windows_are_read() {
        let text = r#"{"clips": [{"start_s": 10.5, "end_s": 40.0, "grade": "high"}], "lag": []}"#;
        assert_eq!(shipped(text).unwrap(), [Window { from_s: 10.5, length_s: 29.5 }]);
        assert!(shipped("{}").is_err());
        assert!(shipped(r#"{"clips": [{"start_s": 1.0}]}"#).is_err());
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("script.sh");
        command.env("VIDEO", "-c:v x").args(["in.flv", "out"]);
        assert_eq!(shown(&command), "VIDEO=\"-c:v x\" script.sh in.flv out");
    }

    #[test]
    fn lengths_are_compared_in_any_order() {
        assert!(same_lengths(vec![12.02, 30.0], vec![30.0, 12.0]).is_ok());
        assert!(same_lengths(vec![12.02, 29.5], vec![30.0, 12.0]).is_err());
    }
}
