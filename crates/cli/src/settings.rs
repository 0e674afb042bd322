//! The options that several commands share, and the files that they name.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use reprise_checks::Policy;
use reprise_model::{Error, Kind, Result};
use reprise_segment::Settings;
use reprise_transcode::{Profile, TrimSettings, Verify};
use reprise_worker::RunOptions;
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
    /// How moments are found and cuts are chosen (TOML, sections segment and trim)
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Clips worked on at once; without it one a core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
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
}

impl PipelineArgs {
    /// The options of a run, with progress shown.
    ///
    /// # Errors
    /// Where a file is missing or wrong, with its line.
    pub fn options(&self) -> Result<RunOptions> {
        let mut options = RunOptions::built_in()?;
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
        }
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
        let named: toml::Table = toml::from_str(text).unwrap();
        for (section, whole) in [
            ("segment", toml::Table::try_from(Settings::default()).unwrap()),
            ("trim", toml::Table::try_from(TrimSettings::default()).unwrap()),
        ] {
            let section = named[section].as_table().unwrap();
            for key in whole.keys() {
                assert!(section.contains_key(key), "{key} is not documented");
            }
        }
    }
}
