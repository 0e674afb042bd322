//! `[audio]`: thresholds of sound.

use serde::{Deserialize, Serialize};

use super::{Fault, lengths, levels, shares};

/// Thresholds of sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioPolicy {
    /// Silent for so long is a dropout, seconds. Default 0.4; lower reports clicks in the stream.
    pub dropout_max_s: f64,
    /// Silent is below this, dBFS. Default -90; real pauses stay above -80.
    pub dropout_db: f64,
    /// Speech above noise, dB. Default 10; higher rejects fairs and shops.
    pub speech_to_noise_min_db: f64,
    /// Share of samples at full scale in the worst 10 s, 0 to 1. Default 0.001; lower rejects
    /// hosts who shout once.
    pub clipped_share_max: f64,
    /// P95 less P10 of short-term loudness in speech, LU. Default 15.
    pub spread_max_lu: f64,
    /// Integrated loudness from, LUFS. Default -33.
    pub loudness_min_lufs: f64,
    /// Integrated loudness to, LUFS. Default -9; above it is advice where nothing clips.
    pub loudness_max_lufs: f64,
    /// Offset from the recording's sound, milliseconds. Default 60; more is seen at the lips.
    pub original_offset_max_ms: f64,
    /// Missing or replaced sound, milliseconds. Default 99; less reports lossy coding.
    pub original_changed_max_ms: f64,
    /// Level of what is mixed in for a second, against the recording's sound, from which it is
    /// dubbed over, dB. Default -6; lower rejects music beds.
    pub original_dubbed_from_db: f64,
    /// Advice: share of the clip with music, 0 to 1. Default 0.1.
    pub music_share_max: f64,
}

impl Default for AudioPolicy {
    fn default() -> Self {
        Self {
            dropout_max_s: 0.4,
            dropout_db: -90.0,
            speech_to_noise_min_db: 10.0,
            clipped_share_max: 0.001,
            spread_max_lu: 15.0,
            loudness_min_lufs: -33.0,
            loudness_max_lufs: -9.0,
            original_offset_max_ms: 60.0,
            original_changed_max_ms: 99.0,
            original_dubbed_from_db: -6.0,
            music_share_max: 0.1,
        }
    }
}

impl AudioPolicy {
    pub(super) fn check_ranges(&self) -> Result<(), Fault> {
        shares(&[
            ("audio.clipped_share_max", self.clipped_share_max),
            ("audio.music_share_max", self.music_share_max),
        ])?;
        lengths(&[
            ("audio.dropout_max_s", self.dropout_max_s),
            ("audio.spread_max_lu", self.spread_max_lu),
            ("audio.original_offset_max_ms", self.original_offset_max_ms),
            ("audio.original_changed_max_ms", self.original_changed_max_ms),
        ])?;
        levels(&[
            ("audio.dropout_db", self.dropout_db),
            ("audio.loudness_min_lufs", self.loudness_min_lufs),
            ("audio.loudness_max_lufs", self.loudness_max_lufs),
            ("audio.original_dubbed_from_db", self.original_dubbed_from_db),
        ])?;
        if !(-20.0..=80.0).contains(&self.speech_to_noise_min_db) {
            return Err(("audio.speech_to_noise_min_db", "must be between -20 and 80"));
        }
        if self.loudness_min_lufs > self.loudness_max_lufs {
            return Err(("audio.loudness_min_lufs", "must not be above `audio.loudness_max_lufs`"));
        }
        Ok(())
    }
}
