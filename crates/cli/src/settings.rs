//! The options that several commands share, the files that they name, and who decodes.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use reprise_checks::{Phrases, Policy};
use reprise_media::remote::{Misbehaviour, Program};
use reprise_model::{Error, Kind, Result};
use reprise_segment::Settings;
use reprise_transcode::{ChildLimits, Isolation, MediaWorkers, Profile, TrimSettings, Verify};
use reprise_worker::{Advice, RunOptions};
use serde::Deserialize;

/// Files that change how clips are found, cut and judged.
#[derive(Args, Debug)]
pub struct PipelineArgs {
    /// Standard to judge by (TOML); without it the built-in pipelines/standards/live-highlight.toml
    #[arg(long, value_name = "FILE")]
    pub standard: Option<PathBuf>,
    /// Encoding profile (TOML); without it the built-in pipelines/profiles/h264-720p-fast.toml
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// How moments are found, cuts are chosen and decoding is bounded (TOML, sections segment, trim
    /// and isolation)
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Clips worked on at once; without it one a core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Folder of models (`reprise models fetch` fills it); without it $REPRISE_MODELS, or
    /// reprise/models in the user's data folder
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Folder of phrases per language (TOML); without it the built-in pipelines/phrases
    #[arg(long, value_name = "DIR")]
    pub phrases: Option<PathBuf>,
    #[command(flatten)]
    pub isolation: IsolationArgs,
}

/// Who decodes.
#[derive(Args, Debug)]
pub struct IsolationArgs {
    /// Decode in child processes that can neither reach the network nor open a file; `off` is for
    /// finding defects, with recordings that you trust
    #[arg(long, value_name = "ON|OFF", default_value = "on", hide_possible_values = true)]
    isolation: Switch,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// As it should be.
    On,
    /// Not.
    Off,
}

/// The hidden subcommand that a child is started with.
pub const CHILD: &str = "decode-child";
/// For tests: which request makes a child misbehave, and how, such as `crash@2`.
const MISBEHAVE: &str = "REPRISE_TEST_MISBEHAVE";

impl IsolationArgs {
    /// Who does the work on media, with `limits` for each child.
    ///
    /// # Errors
    /// `Usage` where the variable of the tests says what nobody knows.
    pub fn workers(&self, limits: ChildLimits) -> Result<MediaWorkers> {
        match self.isolation {
            Switch::Off => Ok(MediaWorkers::in_process()),
            Switch::On => children(limits),
        }
    }
}

/// Children of this very program.
///
/// # Errors
/// As [`IsolationArgs::workers`].
pub fn children(limits: ChildLimits) -> Result<MediaWorkers> {
    let misbehave = match std::env::var(MISBEHAVE) {
        Ok(text) => Some(misbehaviour(&text).ok_or_else(|| {
            Error::new(Kind::Usage, format!("{MISBEHAVE}: `{text}` is not known"))
        })?),
        Err(_) => None,
    };
    let mut arguments = vec![CHILD.to_owned(), limits.memory_mb.to_string()];
    if misbehave.is_some() {
        arguments.push("--may-misbehave".to_owned());
    }
    // The file that runs, even where another has taken its name since.
    let program = Program { path: "/proc/self/exe".into(), arguments };
    Ok(MediaWorkers::isolated(Isolation { program, limits, misbehave }))
}

fn misbehaviour(text: &str) -> Option<(usize, Misbehaviour)> {
    let (how, number) = text.split_once('@')?;
    Some((number.parse().ok()?, serde_json::from_value(how.into()).ok()?))
}

/// How much of a finished clip is decoded to verify it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum VerifyArg {
    /// Its sound, and the seams or the key pictures; the rest is what the window's decode judged
    Seams,
    /// All of it
    Full,
}

impl From<VerifyArg> for Verify {
    fn from(argument: VerifyArg) -> Self {
        match argument {
            VerifyArg::Seams => Self::Seams,
            VerifyArg::Full => Self::Full,
        }
    }
}

/// A settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SettingsFile {
    segment: Settings,
    trim: TrimSettings,
    isolation: ChildLimits,
}

/// Where models lie: the folder that is named, or else `$REPRISE_MODELS`, or `models` in the
/// data folder.
pub fn models_folder(named: Option<&Path>) -> Option<PathBuf> {
    let data = || Some(data_folder()?.join("models"));
    named.map(Path::to_owned).or_else(|| of_environment("REPRISE_MODELS")).or_else(data)
}

/// `reprise` in the user's data folder (XDG Base Directory Specification: a relative path counts for
/// nothing).
pub fn data_folder() -> Option<PathBuf> {
    let data = of_environment("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(of_environment("HOME")?.join(".local/share")))?;
    Some(data.join("reprise"))
}

fn of_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

impl PipelineArgs {
    /// The same as arguments of a command line, for a child of this program.
    pub fn arguments(&self) -> Vec<String> {
        let path = |path: &Path| path.display().to_string();
        let mut all = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            all.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
        };
        add("standard", self.standard.as_deref().map(path));
        add("profile", self.profile.as_deref().map(path));
        add("settings", self.settings.as_deref().map(path));
        add("jobs", self.jobs.map(|jobs| jobs.to_string()));
        add("models", self.models.as_deref().map(path));
        add("phrases", self.phrases.as_deref().map(path));
        let off = self.isolation.isolation == Switch::Off;
        add("isolation", off.then(|| "off".to_owned()));
        all
    }

    /// The options of a run, with progress shown.
    ///
    /// # Errors
    /// Where a file is missing or wrong, with its line.
    pub fn options(&self) -> Result<RunOptions> {
        let mut options = RunOptions::built_in()?;
        let mut limits = ChildLimits::default();
        if let Some(folder) = self.models.as_ref().filter(|folder| !folder.is_dir()) {
            let place = folder.display().to_string();
            return Err(Error::new(Kind::Missing, "is no folder of models").in_file(place));
        }
        options.advice = Advice::open(models_folder(self.models.as_deref()).as_deref())?;
        if let Some(folder) = &self.phrases {
            options.phrases = Phrases::read_folder(folder)?;
        }
        if let Some(path) = &self.standard {
            options.policy = Policy::from_toml(&read(path)?, &path.display().to_string())?;
        }
        if let Some(path) = &self.profile {
            options.profile = Profile::from_toml(&read(path)?, &path.display().to_string())?;
        }
        if let Some(path) = &self.settings {
            let text = read(path)?;
            let file: SettingsFile = toml::from_str(&text).map_err(|error| {
                let at = error.span().map_or(0, |span| span.start);
                let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
                Error::new(Kind::Malformed, error.message().to_owned())
                    .in_file(path.display().to_string())
                    .at_line(line)
            })?;
            options.segment = file.segment;
            options.trim = file.trim;
            limits = file.isolation;
        }
        options.workers = self.isolation.workers(limits)?;
        if let Some(jobs) = self.jobs {
            options.jobs = usize::from(jobs);
        }
        options.progress = crate::progress::sink();
        Ok(options)
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::io(path.display().to_string(), error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_settings_are_the_defaults_and_complete() {
        let text = include_str!("../../../pipelines/settings/default.toml");
        let file: SettingsFile = toml::from_str(text).unwrap();
        assert_eq!(file.segment, Settings::default());
        assert_eq!(file.trim, TrimSettings::default());
        assert_eq!(file.isolation, ChildLimits::default());
        let named: toml::Table = toml::from_str(text).unwrap();
        for (section, whole) in [
            ("segment", toml::Table::try_from(Settings::default()).unwrap()),
            ("trim", toml::Table::try_from(TrimSettings::default()).unwrap()),
            ("isolation", toml::Table::try_from(ChildLimits::default()).unwrap()),
        ] {
            let section = named[section].as_table().unwrap();
            for key in whole.keys() {
                assert!(section.contains_key(key), "{key} is not documented");
            }
        }
    }
}
