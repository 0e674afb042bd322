//! Encoding profiles: `pipelines/profiles/*.toml`.

use reprise_media::EncodeSettings;
use reprise_model::{Error, Kind, Result};

/// The profile that is used where none is named.
pub const DEFAULT_PROFILE: &str = include_str!("../../../pipelines/profiles/h264-720p-fast.toml");

/// An encoding profile and the text it was read from, which is part of a stage's key.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// How pictures and sound are coded.
    pub settings: EncodeSettings,
    /// The text.
    pub text: String,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// `Malformed` with file and line.
    pub fn from_toml(text: &str, file: &str) -> Result<Self> {
        let settings: EncodeSettings = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
            Error::new(Kind::Malformed, error.message().to_owned()).in_file(file).at_line(line)
        })?;
        let fault = if settings.gop_s <= 0.0 || settings.gop_s > 60.0 {
            Some("gop_s must lie above 0 and at 60 at most")
        } else if settings.short_side_max < 720 || settings.long_side_max < settings.short_side_max
        {
            Some("short_side_max must be 720 or more, and long_side_max not below it")
        } else if !(1.0..=240.0).contains(&settings.fps_max) {
            Some("fps_max must lie between 1 and 240")
        } else if !(32_000..=512_000).contains(&settings.audio_bit_rate) {
            Some("audio_bit_rate must lie between 32000 and 512000")
        } else {
            None
        };
        match fault {
            Some(fault) => Err(Error::new(Kind::Malformed, fault).in_file(file)),
            None => Ok(Self { settings, text: text.to_owned() }),
        }
    }

    /// The built-in profile.
    ///
    /// # Errors
    /// None in a build whose tests pass.
    pub fn built_in() -> Result<Self> {
        Self::from_toml(DEFAULT_PROFILE, "pipelines/profiles/h264-720p-fast.toml")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profile_is_read() {
        assert_eq!(Profile::built_in().unwrap().settings.video_encoder, "libx264");
    }

    #[test]
    fn a_wrong_key_names_its_line() {
        let text = DEFAULT_PROFILE.replace("gop_s", "gop");
        let error = Profile::from_toml(&text, "p.toml").unwrap_err().to_string();
        assert!(error.starts_with("p.toml:") && error.contains("gop"), "{error}");
    }
}
