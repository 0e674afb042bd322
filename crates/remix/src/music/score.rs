//! Scores: tempo, chords, patterns.

use reprise_model::{Error, Kind, Result};
use serde::Deserialize;

/// A score.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Its name: letters, digits and `-`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Under which licence it may be used.
    pub licence: String,
    /// Beats a minute, 50 to 200. A bar has four.
    pub tempo: f64,
    /// How much later each second sixteenth comes, as a share of a sixteenth, 0 to 0.5.
    #[serde(default)]
    pub swing: f64,
    /// A chord a bar: `C`, `Am`, `F#m7`, `Gmaj7`, `Dsus4`. 1 to 32.
    pub chords: Vec<String>,
    /// Patterns of a bar: 16 sixteenths, `x` is a stroke, `o` a soft one, `.` none.
    #[serde(default)]
    pub drums: Drums,
    /// The lowest voice.
    #[serde(default)]
    pub bass: Option<Bass>,
    /// What sounds through the bar.
    #[serde(default)]
    pub pad: Option<Pad>,
    /// What plays the chord's tones one after the other.
    #[serde(default)]
    pub melody: Option<Melody>,
}

/// Patterns of the drums.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drums {
    /// Bass drum.
    pub kick: String,
    /// Snare drum.
    pub snare: String,
    /// Hands.
    pub clap: String,
    /// Closed cymbals.
    pub hat: String,
    /// Open ones.
    pub open_hat: String,
    /// A shaker.
    pub shaker: String,
}

/// The bass.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bass {
    /// Sixteenths: `x` the root, `5` the fifth, `8` the octave, `.` goes on or rests.
    pub pattern: String,
    /// 0 to 1.
    pub level: f64,
    /// 0 (round) to 1 (bright).
    pub bright: f64,
}

/// The pad.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// 0 to 1.
    pub level: f64,
    /// 0 (dark) to 1 (bright).
    pub bright: f64,
    /// Strokes in sixteenths like drums; left out, one that lasts the bar.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// The melody.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Melody {
    /// Sixteenths: a digit is a tone of the chord, from 0, also of the octaves above; `.` none.
    pub pattern: String,
    /// Another one for each second bar.
    #[serde(default)]
    pub answer: Option<String>,
    /// 0 to 1.
    pub level: f64,
    /// How it sounds.
    pub voice: Voice,
}

/// How a melody sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// A plucked string.
    Pluck,
    /// A bell.
    Bell,
    /// An electric piano.
    Keys,
    /// A square wave, as old games have it.
    Square,
}

const BUILT_IN: [(&str, &str); 6] = [
    ("bright-pop", include_str!("../../../../pipelines/remix/music/bright-pop.toml")),
    ("soft-keys", include_str!("../../../../pipelines/remix/music/soft-keys.toml")),
    ("market-groove", include_str!("../../../../pipelines/remix/music/market-groove.toml")),
    ("night-drive", include_str!("../../../../pipelines/remix/music/night-drive.toml")),
    ("calm-piano", include_str!("../../../../pipelines/remix/music/calm-piano.toml")),
    ("street-beat", include_str!("../../../../pipelines/remix/music/street-beat.toml")),
];

impl Score {
    /// Names of the built-in scores.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A built-in score.
    ///
    /// # Errors
    /// `Usage` with the names there are.
    pub fn built_in(name: &str) -> Result<Self> {
        let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = Self::names().collect();
            let message = format!("there is no music `{name}`; there are {}", known.join(", "));
            return Err(Error::new(Kind::Usage, message));
        };
        let file = format!("pipelines/remix/music/{name}.toml");
        let score: Self = toml::from_str(text)
            .map_err(|error| Error::new(Kind::Malformed, error.to_string()).in_file(&file))?;
        match score.fault() {
            Some(fault) => Err(Error::new(Kind::Malformed, fault).in_file(file)),
            None => Ok(score),
        }
    }

    /// Length of a bar, seconds.
    pub fn bar_s(&self) -> f64 {
        240.0 / self.tempo
    }

    /// Tones of the chord of a bar: MIDI numbers from the root near `octave` on.
    pub fn tones(&self, bar: usize, octave: i32) -> Vec<f64> {
        let name = &self.chords[bar % self.chords.len().max(1)];
        let (root, steps) = chord(name).unwrap_or((0, &[0, 4, 7]));
        steps.iter().map(|step| f64::from(12 * (octave + 1) + root + step)).collect()
    }

    fn fault(&self) -> Option<String> {
        if !(50.0..=200.0).contains(&self.tempo) {
            return Some("tempo must lie in 50 to 200".to_owned());
        }
        if !(0.0..=0.5).contains(&self.swing) {
            return Some("swing must lie in 0 to 0.5".to_owned());
        }
        if self.chords.is_empty() || self.chords.len() > 32 {
            return Some("a score needs 1 to 32 chords".to_owned());
        }
        if let Some(wrong) = self.chords.iter().find(|name| chord(name).is_none()) {
            return Some(format!("`{wrong}` is no chord"));
        }
        let drums = &self.drums;
        let patterns =
            [&drums.kick, &drums.snare, &drums.clap, &drums.hat, &drums.open_hat, &drums.shaker];
        let others = self.bass.iter().map(|bass| &bass.pattern).chain(
            self.melody
                .iter()
                .flat_map(|melody| [Some(&melody.pattern), melody.answer.as_ref()])
                .flatten(),
        );
        let mut all = patterns.into_iter().filter(|pattern| !pattern.is_empty()).chain(others);
        let wrong = all.find(|pattern| pattern.len() != 16)?;
        Some(format!("`{wrong}` has not 16 sixteenths"))
    }
}

/// Root (0 is C) and steps of a chord.
fn chord(name: &str) -> Option<(i32, &'static [i32])> {
    let mut letters = name.chars();
    let root = match letters.next()? {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let rest = letters.as_str();
    let (root, kind) = match rest.strip_prefix('#') {
        Some(kind) => (root + 1, kind),
        None => match rest.strip_prefix('b') {
            Some(kind) => (root - 1, kind),
            None => (root, rest),
        },
    };
    let steps: &[i32] = match kind {
        "" => &[0, 4, 7],
        "m" => &[0, 3, 7],
        "7" => &[0, 4, 7, 10],
        "m7" => &[0, 3, 7, 10],
        "maj7" => &[0, 4, 7, 11],
        "sus4" => &[0, 5, 7],
        "sus2" => &[0, 2, 7],
        "m9" => &[0, 3, 7, 10, 14],
        "maj9" => &[0, 4, 7, 11, 14],
        _ => return None,
    };
    Some((root, steps))
}
