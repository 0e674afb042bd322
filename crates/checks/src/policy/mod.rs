//! Thresholds, tiers and what a grade may lack, read from a policy file; unknown keys are errors.

mod audio;
mod compliance;
mod picture;
mod product;
mod speech;
mod visual;

use std::collections::BTreeMap;

use reprise_model::{Error, Kind, Result, RuleId, Tier};
use serde::{Deserialize, Serialize};

pub use audio::AudioPolicy;
pub use compliance::CompliancePolicy;
pub use picture::PicturePolicy;
pub use product::ProductPolicy;
pub use speech::SpeechPolicy;
pub use visual::VisualPolicy;

/// The policy that is built in: `pipelines/standards/live-highlight.toml`.
pub const DEFAULT_TEXT: &str = include_str!("../../../../pipelines/standards/live-highlight.toml");

/// What clips are held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Its name, for reports. Default `live-highlight`.
    pub name: String,
    /// Of pictures.
    pub video: VideoPolicy,
    /// Of the clip as a whole.
    pub clip: ClipPolicy,
    /// Of sound.
    pub audio: AudioPolicy,
    /// Of the platform's rules.
    pub compliance: CompliancePolicy,
    /// Of products in the picture.
    pub product: ProductPolicy,
    /// Of what is laid over the picture and what the host does.
    pub visual: VisualPolicy,
    /// Of what is said.
    pub speech: SpeechPolicy,
    /// Of how the picture looks.
    pub picture: PicturePolicy,
    /// Of what a LIVE is.
    pub live: LivePolicy,
    /// Of the grade.
    pub grade: GradePolicy,
    /// Rules whose tier differs from the platform's. Default none.
    pub tiers: BTreeMap<RuleId, Tier>,
}

/// Thresholds of pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VideoPolicy {
    /// Shortest side of clip and recording, pixels. Default 720; lower lets soft pictures through.
    pub short_side_min_px: u32,
    /// Still for so long is a freeze, seconds. Default 1.5; lower rejects hosts who sit still.
    pub freeze_max_s: f64,
    /// Black for so long counts, seconds. Default 0.3; lower rejects flashes and fades.
    pub black_max_s: f64,
    /// Share of the picture that must be dark, 0 to 1. Default 0.98; lower rejects dark scenes.
    pub black_share_min: f64,
    /// No new picture for so long is a break, seconds. Default 0.3; higher lets stutter through.
    pub lag_break_max_s: f64,
    /// Share of pictures that may be late or missing, 0 to 1. Default 0.05.
    pub lag_share_max: f64,
}

/// Thresholds of the clip as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipPolicy {
    /// Shortest, seconds. Default 5.
    pub duration_min_s: f64,
    /// Longest, seconds. Default 60.
    pub duration_max_s: f64,
    /// Advice: below this, seconds. Default 40.
    pub duration_best_s: f64,
}

/// Thresholds of what a LIVE is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LivePolicy {
    /// Share of the clip that may stand still, 0 to 1. Default 0.8; more is a still or a slideshow.
    pub still_share_max: f64,
}

/// What a grade may lack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradePolicy {
    /// Rules that may be unknown. Default: those whose reference may be absent or that this
    /// version does not measure; a shorter list rejects clips that could not be judged.
    pub may_lack: Vec<RuleId>,
}

impl Policy {
    /// Reads a policy; what it does not name keeps its default.
    ///
    /// # Errors
    /// A key that is unknown, of the wrong type or out of range, with file and line.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self> {
        let policy: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            let failed = Error::new(Kind::Malformed, error.message().trim().replace('\n', "; "));
            let failed = failed.in_file(file_name);
            match line {
                Some(line) => failed.at_line(line),
                None => failed,
            }
        })?;
        policy.check_ranges().map_err(|(key, message)| {
            let failed = Error::new(Kind::Malformed, format!("`{key}` {message}"));
            let failed = failed.in_file(file_name);
            let last = key.rsplit('.').next().unwrap_or(key);
            match text.lines().position(|line| line.trim_start().starts_with(last)) {
                Some(index) => failed.at_line(index as u64 + 1),
                None => failed,
            }
        })?;
        Ok(policy)
    }

    /// The tier of a rule under this policy.
    pub fn tier(&self, rule: RuleId) -> Tier {
        self.tiers.get(&rule).copied().unwrap_or(rule.default_tier())
    }

    fn check_ranges(&self) -> std::result::Result<(), Fault> {
        shares(&[
            ("video.black_share_min", self.video.black_share_min),
            ("video.lag_share_max", self.video.lag_share_max),
            ("live.still_share_max", self.live.still_share_max),
        ])?;
        lengths(&[
            ("video.freeze_max_s", self.video.freeze_max_s),
            ("video.black_max_s", self.video.black_max_s),
            ("video.lag_break_max_s", self.video.lag_break_max_s),
            ("clip.duration_min_s", self.clip.duration_min_s),
            ("clip.duration_max_s", self.clip.duration_max_s),
            ("clip.duration_best_s", self.clip.duration_best_s),
        ])?;
        if self.clip.duration_min_s > self.clip.duration_max_s {
            return Err(("clip.duration_min_s", "must not be above `clip.duration_max_s`"));
        }
        self.audio.check_ranges()?;
        self.compliance.check_ranges()?;
        self.product.check_ranges()?;
        self.visual.check_ranges()?;
        self.speech.check_ranges()?;
        self.picture.check_ranges()
    }
}

/// A key and what is wrong with it.
type Fault = (&'static str, &'static str);

fn shares(values: &[(&'static str, f64)]) -> std::result::Result<(), Fault> {
    within(values, 0.0..=1.0, "must be between 0 and 1")
}

fn lengths(values: &[(&'static str, f64)]) -> std::result::Result<(), Fault> {
    within(values, 0.0..=1e6, "must be 0 or more")
}

fn levels(values: &[(&'static str, f64)]) -> std::result::Result<(), Fault> {
    within(values, -120.0..=0.0, "must be between -120 and 0")
}

fn within(
    values: &[(&'static str, f64)],
    range: std::ops::RangeInclusive<f64>,
    words: &'static str,
) -> std::result::Result<(), Fault> {
    match values.iter().find(|(_, value)| !range.contains(value)) {
        Some(&(key, _)) => Err((key, words)),
        None => Ok(()),
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "live-highlight".to_owned(),
            video: VideoPolicy::default(),
            clip: ClipPolicy::default(),
            audio: AudioPolicy::default(),
            compliance: CompliancePolicy::default(),
            product: ProductPolicy::default(),
            visual: VisualPolicy::default(),
            speech: SpeechPolicy::default(),
            picture: PicturePolicy::default(),
            live: LivePolicy::default(),
            grade: GradePolicy::default(),
            tiers: BTreeMap::new(),
        }
    }
}

impl Default for VideoPolicy {
    fn default() -> Self {
        Self {
            short_side_min_px: 720,
            freeze_max_s: 1.5,
            black_max_s: 0.3,
            black_share_min: 0.98,
            lag_break_max_s: 0.3,
            lag_share_max: 0.05,
        }
    }
}

impl Default for ClipPolicy {
    fn default() -> Self {
        Self { duration_min_s: 5.0, duration_max_s: 60.0, duration_best_s: 40.0 }
    }
}

impl Default for LivePolicy {
    fn default() -> Self {
        Self { still_share_max: 0.8 }
    }
}

impl Default for GradePolicy {
    fn default() -> Self {
        Self {
            may_lack: vec![
                RuleId::SpeechBenefit,
                RuleId::ComplianceQr,
                RuleId::ComplianceWatermark,
                RuleId::ComplianceViolation,
                RuleId::ProductInLive,
                RuleId::AudioOriginal,
                RuleId::LiveGenuine,
                RuleId::AudioDropout,
                RuleId::AudioClean,
                RuleId::AudioLevel,
            ],
        }
    }
}

fn line_of(text: &str, offset: usize) -> u64 {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() as u64 + 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_file_says_the_documented_defaults() {
        let built_in = Policy::from_toml(DEFAULT_TEXT, "live-highlight.toml").unwrap();
        assert_eq!(built_in, Policy::default());
    }

    #[test]
    fn the_built_in_file_names_every_key() {
        let written: toml::Table = toml::from_str(DEFAULT_TEXT).unwrap();
        let all = toml::Table::try_from(Policy::default()).unwrap();
        for (section, keys) in &all {
            assert!(written.contains_key(section), "`{section}` is missing");
            for key in keys.as_table().into_iter().flat_map(|table| table.keys()) {
                assert!(written[section].get(key).is_some(), "`{section}.{key}` is missing");
            }
        }
    }

    #[test]
    fn a_wrong_key_names_file_and_line() {
        let cases = [
            ("[video]\n\nfreeze_max = 2", "standard.toml:3:", "freeze_max"),
            ("[tiers]\n\"video.laag\" = \"advice\"", "standard.toml:2:", "video.laag"),
            ("[video]\nblack_share_min = 98", "standard.toml:2:", "between 0 and 1"),
            ("[clip]\nduration_min_s = \"five\"", "standard.toml:2:", "duration_min_s"),
        ];
        for (text, place, word) in cases {
            let error = Policy::from_toml(text, "standard.toml").unwrap_err();
            assert_eq!(error.kind, Kind::Malformed);
            let said = error.to_string();
            assert!(
                said.starts_with(place) && (said.contains(word) || word == "duration_min_s"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_rule_can_be_moved() {
        let policy = Policy::from_toml("[tiers]\n\"video.lag\" = \"advice\"", "p.toml").unwrap();
        assert_eq!(policy.tier(RuleId::VideoLag), Tier::Advice);
        assert_eq!(policy.tier(RuleId::VideoFreeze), Tier::Basic);
    }
}
