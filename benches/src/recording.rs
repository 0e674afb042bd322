//! What is cut: the recording, its windows, and the encoder settings that both sides use.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::machine::first_line;

/// Lengths of the ten windows, seconds.
const LENGTHS_S: [f64; 10] = [30.0; 10];

/// Puts the windows' starts between pictures and away from key pictures.
const OFF_THE_GRID_S: f64 = 0.37;

/// A recorded LIVE. Paths are relative to the project's top folder, where commands are run.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The recording.
    pub live: PathBuf,
    /// The session that it belongs to.
    pub session: PathBuf,
    /// What it is, for people.
    pub described: String,
    /// Its length.
    pub duration_s: f64,
    /// Pictures a second.
    pub fps: f64,
}

impl Recording {
    /// The shared footage where it is present, else the fixture, which is made where it is absent.
    ///
    /// # Errors
    /// Where neither can be had or read.
    pub fn choose(root: &Path) -> Result<Self> {
        let shared = Path::new("../shared/lives/real-footage-10min");
        let fixture = Path::new("target/fixture");
        let (folder, what) = if root.join(shared).join("live.flv").exists() {
            (shared, "real footage")
        } else {
            if !root.join(fixture).join("live.flv").exists() {
                make_fixture(root, fixture)?;
            }
            (fixture, "the fixture, which is drawn")
        };
        let live = folder.join("live.flv");
        let (streams, duration_s, fps) = probe(&root.join(&live))?;
        Ok(Self {
            described: format!("`{}` ({what}): {duration_s:.0} s, {streams}", live.display()),
            session: folder.join("session.toml"),
            live,
            duration_s,
            fps,
        })
    }
}

/// A stretch of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Where it starts.
    pub from_s: f64,
    /// How long it is.
    pub length_s: f64,
}

/// The ten windows of a recording: one in the middle of each tenth.
///
/// # Errors
/// Where the recording is too short.
pub fn windows(duration_s: f64) -> Result<Vec<Window>> {
    let slot_s = duration_s / LENGTHS_S.len() as f64;
    let longest_s = LENGTHS_S.into_iter().fold(0.0, f64::max);
    if duration_s < longest_s + 2.0 {
        return Err(
            format!("the recording is {duration_s:.1} s long, too short for the bench").into()
        );
    }
    Ok((0..)
        .zip(LENGTHS_S)
        .map(|(index, length_s)| {
            let middle_s = (f64::from(index) + 0.5) * slot_s;
            let from_s = middle_s - length_s / 2.0 + OFF_THE_GRID_S;
            let from_s = from_s.clamp(OFF_THE_GRID_S, duration_s - length_s - 1.0);
            Window { from_s: (from_s * 100.0).round() / 100.0, length_s }
        })
        .collect())
}

/// Encoder settings as ffmpeg's command line takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Of the pictures.
    pub video: String,
    /// Of the sound.
    pub audio: String,
}

impl Coding {
    /// What a profile of ours says.
    ///
    /// # Errors
    /// Where it is no profile.
    pub fn from_profile(text: &str, fps: f64) -> Result<Self> {
        let profile: toml::Table = text.parse()?;
        let word = |key: &str| match profile.get(key) {
            Some(toml::Value::String(word)) => Ok(word.clone()),
            Some(toml::Value::Integer(number)) => Ok(number.to_string()),
            _ => Err(format!("the profile has no `{key}`")),
        };
        let gop_s = profile.get("gop_s").and_then(toml::Value::as_float);
        let gop = (gop_s.ok_or("the profile has no `gop_s`")? * fps).round();
        let mut video = format!(
            "-c:v {} -threads:v {} -g:v {gop}",
            word("video_encoder")?,
            word("video_threads")?
        );
        let mut audio = format!("-c:a {} -b:a {}", word("audio_encoder")?, word("audio_bit_rate")?);
        for (kind, to, coding) in
            [("video_options", 'v', &mut video), ("audio_options", 'a', &mut audio)]
        {
            let options = profile.get(kind).and_then(toml::Value::as_table);
            for (key, value) in options.into_iter().flatten() {
                let value =
                    value.as_str().ok_or_else(|| format!("`{key}` of the profile is no text"))?;
                *coding += &format!(" -{key}:{to} {value}");
            }
        }
        Ok(Self { video, audio })
    }
}

fn make_fixture(root: &Path, folder: &Path) -> Result<()> {
    eprintln!("making the fixture in {}", folder.display());
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--release", "--manifest-path", "fixtures/Cargo.toml", "--", "make"])
        .arg(folder)
        .current_dir(root)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the fixture cannot be made: {status}").into())
    }
}

/// Streams for people, length in seconds, pictures a second.
pub fn probe(file: &Path) -> Result<(String, f64, f64)> {
    let ask = |stream: &str, entries: &str| {
        first_line(
            Command::new("ffprobe")
                .args(["-v", "error", "-select_streams", stream, "-show_entries", entries])
                .args(["-of", "csv=p=0:s=x"])
                .arg(file),
        )
    };
    let video = ask("v:0", "stream=codec_name,width,height")?;
    let audio = ask("a:0", "stream=codec_name")?;
    let duration = ask("v:0", "format=duration")?;
    let rate = ask("v:0", "stream=avg_frame_rate")?;
    let fps = fraction(&rate).ok_or_else(|| format!("no picture rate: `{rate}`"))?;
    let duration_s: f64 = duration.parse().map_err(|_| format!("no duration: `{duration}`"))?;
    let video = video.replacen('x', " ", 1);
    let rate = (fps * 100.0).round() / 100.0;
    Ok((format!("{video} at {rate} pictures a second, {audio}"), duration_s, fps))
}

fn fraction(text: &str) -> Option<f64> {
    let (over, under) = text.split_once('/')?;
    let (over, under): (f64, f64) = (over.parse().ok()?, under.parse().ok()?);
    (over > 0.0 && under > 0.0).then(|| over / under)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_within_the_recording() {
        for duration_s in [60.0, 240.0, 600.0, 46_800.0] {
            let windows = windows(duration_s).unwrap();
            assert_eq!(windows.len(), 10);
            for window in &windows {
                assert!(window.from_s > 0.0, "{window:?}");
                assert!(window.from_s + window.length_s < duration_s, "{window:?}");
            }
        }
        assert!(windows(30.0).is_err());
        assert_eq!(windows(600.0).unwrap()[1], Window { from_s: 75.37, length_s: 30.0 });
    }

    #[test]
    fn the_script_holds_the_settings_of_the_default_profile() {
        let profile = include_str!("../../pipelines/profiles/h264-720p-fast.toml");
        let coding = Coding::from_profile(profile, 30.0).unwrap();
        let script = include_str!("../user-script.sh");
        for (name, value) in [("VIDEO", &coding.video), ("AUDIO", &coding.audio)] {
            let line = format!("{name}=${{{name}:-\"{value}\"}}");
            assert!(script.lines().any(|found| found == line), "the script has no line {line}");
        }
    }

    #[test]
    fn a_profile_without_a_key_is_refused() {
        assert!(Coding::from_profile("gop_s = 2.0", 30.0).is_err());
        assert!(Coding::from_profile("video_encoder = 'x'", 30.0).is_err());
    }

    #[test]
    fn rates_are_fractions() {
        assert_eq!(fraction("30/1"), Some(30.0));
        assert_eq!(fraction("0/0"), None);
        assert_eq!(fraction("30"), None);
    }
}
