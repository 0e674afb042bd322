//! Listening: where someone speaks, in which languages, and the words with their times.
//!
//! A [`Listener`] is made once a job and shared. Nothing is fetched here: models are files
//! (`reprise models fetch`), and without them less is known.

mod activity;
mod model_file;
mod packing;
mod whisper;

use std::path::PathBuf;

use reprise_model::{MediaDuration, MediaTime, Result, Span};

use crate::gray_picture::GrayPicture;
use crate::look_for::{Adviser, TextLine};
use crate::resample::RATE;
use crate::sound::SoundEvidence;
use crate::transcript::{LanguageShare, Origin, SpokenWord, Transcript};
use activity::VoiceActivity;
use packing::Pack;
use whisper::Whisper;

/// How sure a model must be of a stretch's language before it overrules the rest of the sound.
const LANGUAGE_SURE: f64 = 0.5;
/// The same between two stretches that agree on another language.
const LANGUAGE_SURE_ALONE: f64 = 0.8;
/// Less speech than this says nothing of a language, seconds.
const SPEECH_MIN_S: f64 = 0.6;

/// Which models to listen with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerOptions {
    /// A Whisper model in whisper.cpp's format; without it there are no words and no languages.
    pub whisper: Option<PathBuf>,
    /// A Silero model in whisper.cpp's format; without it speech is told by level and pitch.
    pub voice_activity: Option<PathBuf>,
    /// Threads of the Whisper model. Default 1: the words do not depend on it, several clips are
    /// worked on at once, and its threads spin while they wait for each other.
    pub threads: usize,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self { whisper: None, voice_activity: None, threads: 1 }
    }
}

/// Hears what is said; its models are loaded once.
#[derive(Default)]
pub struct Listener {
    whisper: Option<Whisper>,
    voice_activity: Option<VoiceActivity>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("whisper", &self.whisper.as_ref().map(|model| &model.name))
            .field("voice_activity", &self.voice_activity.is_some())
            .finish()
    }
}

/// Samples of the waveform in which someone speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: usize,
    to: usize,
}

impl Stretch {
    fn len(self) -> usize {
        self.to - self.from
    }
}

impl Listener {
    /// Loads the models.
    ///
    /// # Errors
    /// [`reprise_model::Kind::Missing`] where a model is not there,
    /// [`reprise_model::Kind::Malformed`] where a file is no whole model.
    pub fn new(options: &ListenerOptions) -> Result<Self> {
        whisper_rs::install_logging_hooks();
        let voice_activity = options.voice_activity.as_deref().map(VoiceActivity::load);
        let whisper = options.whisper.as_deref();
        let whisper = whisper.map(|path| Whisper::load(path, options.threads));
        Ok(Self { whisper: whisper.transpose()?, voice_activity: voice_activity.transpose()? })
    }

    /// The same with a Whisper model that is in memory; `name` is for reports.
    ///
    /// # Errors
    /// As [`Listener::new`].
    pub fn with_whisper_bytes(self, bytes: &[u8], name: &str, threads: usize) -> Result<Self> {
        whisper_rs::install_logging_hooks();
        Ok(Self { whisper: Some(Whisper::from_bytes(bytes, name, threads)?), ..self })
    }

    /// Whether words can be heard.
    pub fn hears_words(&self) -> bool {
        self.whisper.is_some()
    }

    /// Where someone speaks, on the time line of the sound.
    ///
    /// # Errors
    /// Where the model fails.
    pub fn speech(&self, sound: &SoundEvidence) -> Result<Vec<Span>> {
        let stretches = self.stretches(sound, &float(sound))?;
        Ok(stretches.into_iter().map(|stretch| span(sound, stretch)).collect())
    }

    /// What is said in a sound, on its time line; `None` where there is no sound at all.
    ///
    /// # Errors
    /// Where a model fails.
    pub fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>> {
        if sound.is_empty() {
            return Ok(None);
        }
        let samples = float(sound);
        let stretches = self.stretches(sound, &samples)?;
        let mut transcript = Transcript {
            speech: stretches.iter().map(|&stretch| span(sound, stretch)).collect(),
            ..Transcript::default()
        };
        let Some(whisper) = &self.whisper else { return Ok(Some(transcript)) };
        transcript.origin = Origin::Model(whisper.name.clone());
        for (pack, spoken) in packs(whisper, &samples, &stretches)? {
            let words = whisper.words(&pack.samples(&samples), spoken.language)?;
            if words.is_empty() {
                // The model heard no words: laughter, or a noise like a voice.
                continue;
            }
            transcript.words.extend(words.into_iter().filter_map(|word| {
                let (from, to) = pack.source(word.from, word.to)?;
                Some(SpokenWord {
                    text: word.text,
                    start: time(sound, from),
                    end: time(sound, to),
                    confidence: word.confidence,
                })
            }));
            let seconds = pack.speech() as f64 / f64::from(RATE);
            if seconds >= SPEECH_MIN_S {
                let spans = pack.parts.iter().map(|&(stretch, _)| span(sound, stretch));
                add_language(&mut transcript.languages, &spoken, seconds, spans.collect());
            }
        }
        transcript.languages.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Ok(Some(transcript))
    }

    fn stretches(&self, sound: &SoundEvidence, samples: &[f32]) -> Result<Vec<Stretch>> {
        let mut stretches = match &self.voice_activity {
            Some(_) if samples.is_empty() => Vec::new(),
            Some(model) => model.stretches(samples)?,
            None => activity::without_model(sound),
        };
        // The waveform of very long sound ends before its levels do.
        stretches.retain_mut(|stretch| {
            stretch.to = stretch.to.min(samples.len());
            stretch.to > stretch.from
        });
        Ok(stretches)
    }
}

/// The speech half alone: text in pictures stays unread.
impl Adviser for Listener {
    fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>> {
        Listener::transcribe(self, sound)
    }
    fn read_text(&self, _: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        Ok(None)
    }
}

/// The language of a pack, and how sure the model is.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    language: &'static str,
    sure: f64,
}

impl PartialEq for Spoken {
    fn eq(&self, other: &Self) -> bool {
        self.language == other.language
    }
}

/// Speech in packs of one language each. A stretch whose language is doubtful takes that of the
/// whole, weighted by speech time.
fn packs(whisper: &Whisper, samples: &[f32], stretches: &[Stretch]) -> Result<Vec<(Pack, Spoken)>> {
    let units = packing::units(stretches);
    let mut asked = Vec::with_capacity(units.len());
    let mut total = std::collections::BTreeMap::<&'static str, f64>::new();
    for unit in units {
        let likely = whisper.languages(&unit.samples(samples))?;
        for (language, sure) in likely.iter().take(8) {
            *total.entry(language).or_default() += sure * unit.speech() as f64;
        }
        let first = likely.first().map(|&(language, sure)| Spoken { language, sure });
        asked.push((unit, first));
    }
    let sum: f64 = total.values().sum();
    let whole = total.iter().max_by(|a, b| a.1.total_cmp(b.1));
    let whole = match whole {
        Some((language, weight)) => Spoken { language, sure: weight / sum.max(1e-9) },
        None => Spoken { language: "en", sure: 0.0 },
    };
    let mut decided: Vec<(Pack, Spoken)> = asked
        .into_iter()
        .map(|(unit, first)| (unit, first.filter(|it| it.sure >= LANGUAGE_SURE).unwrap_or(whole)))
        .collect();
    for index in 1..decided.len().saturating_sub(1) {
        let (before, after) = (decided[index - 1].1, decided[index + 1].1);
        let here = &mut decided[index].1;
        if before == after && *here != before && here.sure < LANGUAGE_SURE_ALONE {
            *here = before;
        }
    }
    Ok(packing::joined(decided))
}

fn add_language(all: &mut Vec<LanguageShare>, spoken: &Spoken, seconds: f64, spans: Vec<Span>) {
    match all.iter_mut().find(|share| share.language == spoken.language) {
        Some(share) => {
            let whole = share.seconds + seconds;
            share.confidence =
                (share.confidence * share.seconds + spoken.sure * seconds) / whole.max(1e-9);
            share.seconds = whole;
            share.spans.extend(spans);
        }
        None => all.push(LanguageShare {
            language: spoken.language.to_owned(),
            seconds,
            spans,
            confidence: spoken.sure,
        }),
    }
}

fn float(sound: &SoundEvidence) -> Vec<f32> {
    sound.waveform.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
}

fn time(sound: &SoundEvidence, sample: usize) -> MediaTime {
    sound.start + MediaDuration::from_samples(sample as i64, RATE)
}

fn span(sound: &SoundEvidence, stretch: Stretch) -> Span {
    Span::new(time(sound, stretch.from), time(sound, stretch.to))
}
