//! What is known of a stretch of pictures and sound after it was decoded once, and what can be
//! asked of it; all times are on the time line of whoever decoded.

use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_model::{MediaDuration, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::clarity::{ClarityCollector, ClarityEvidence};
use crate::codes::{CodeCollector, CodeEvidence};
use crate::look_for::{Adviser, LookFor};
use crate::marks::{MarkCollector, MarkEvidence};
use crate::music::Music;
use crate::noise::Hum;
use crate::people::{PeopleCollector, PeopleEvidence};
use crate::picture::{PictureCollector, PictureEvidence};
use crate::policy::Policy;
use crate::products::{ProductCollector, ProductEvidence};
use crate::sound::{SoundCollector, SoundEvidence};
use crate::speech::{Pause, SpeechToNoise};
use crate::transcript::Transcript;

/// Figures of a decoded stretch. About 3.4 MB as JSON for 70 s, most of it the waveform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Of the pictures.
    pub pictures: PictureEvidence,
    /// How they look.
    pub clarity: ClarityEvidence,
    /// 2-D codes.
    pub codes: CodeEvidence,
    /// Overlays, text and logos.
    pub marks: MarkEvidence,
    /// The session's products.
    pub products: ProductEvidence,
    /// The host.
    pub people: PeopleEvidence,
    /// Of the sound; without blocks where there is none.
    pub sound: SoundEvidence,
    /// What is said; `None` where nobody could be asked.
    pub transcript: Option<Transcript>,
}

/// Makes [`Evidence`] from what a decoder shows it.
///
/// ```
/// use reprise_checks::{EvidenceCollector, LookFor, NoAdviser, Policy};
/// use reprise_media::view::Observer;
///
/// let mut collector = EvidenceCollector::new(&LookFor::default());
/// // decoder.run(&mut [&mut collector])
/// let evidence = collector.finish(&NoAdviser)?;
/// assert!(evidence.freezes(&Policy::default()).is_empty());
/// # Ok::<(), reprise_model::Error>(())
/// ```
#[derive(Debug)]
pub struct EvidenceCollector {
    pictures: PictureCollector,
    more: Option<More>,
    sound: SoundCollector,
}

/// What is left out where only faults are looked for.
#[derive(Debug)]
struct More {
    clarity: ClarityCollector,
    codes: CodeCollector,
    marks: MarkCollector,
    products: ProductCollector,
    people: PeopleCollector,
}

impl EvidenceCollector {
    /// One that has seen nothing.
    pub fn new(look_for: &LookFor) -> Self {
        let more = (!look_for.faults_only).then(|| More {
            clarity: ClarityCollector::new(look_for),
            codes: CodeCollector::new(look_for),
            marks: MarkCollector::new(look_for),
            products: ProductCollector::new(look_for),
            people: PeopleCollector::new(look_for),
        });
        Self { pictures: PictureCollector::default(), more, sound: SoundCollector::default() }
    }

    /// What was found; words and the text of overlays come from the adviser.
    ///
    /// # Errors
    /// As the adviser's.
    pub fn finish(self, adviser: &dyn Adviser) -> Result<Evidence> {
        let mut evidence = Evidence {
            pictures: self.pictures.finish(),
            sound: self.sound.finish(),
            ..Evidence::default()
        };
        if let Some(more) = self.more {
            evidence.clarity = more.clarity.finish();
            evidence.codes = more.codes.finish();
            evidence.marks = more.marks.finish(adviser)?;
            evidence.products = more.products.finish();
            evidence.people = more.people.finish();
            if !evidence.sound.is_empty() {
                evidence.transcript = adviser.transcribe(&evidence.sound)?;
            }
        }
        Ok(evidence)
    }
}

impl Observer for EvidenceCollector {
    fn picture(&mut self, picture: &PictureView<'_>) {
        self.pictures.picture(picture);
        if let Some(more) = &mut self.more {
            more.clarity.picture(picture);
            more.codes.picture(picture);
            more.marks.picture(picture);
            more.products.picture(picture);
            more.people.picture(picture);
        }
    }
    fn sound(&mut self, sound: &SoundView<'_>) {
        self.sound.sound(sound);
    }
}

impl Evidence {
    /// From the first picture to the end of the last; of the sound where there is no picture.
    pub fn span(&self) -> Span {
        match self.pictures.samples.first() {
            Some(first) => {
                Span::new(first.time, self.pictures.end_of(self.pictures.samples.len() - 1))
            }
            None => self.sound.span(),
        }
    }

    /// Whether there is any sound stream in it, silent or not.
    pub fn has_sound(&self) -> bool {
        !self.sound.is_empty()
    }

    /// Stretches of at least `video.freeze_max_s` in which the picture stands still.
    pub fn freezes(&self, policy: &Policy) -> Vec<Span> {
        crate::stills::stills(&self.pictures, policy.video.freeze_max_s)
    }

    /// Stretches of at least `video.black_max_s` that are black.
    pub fn blacks(&self, policy: &Policy) -> Vec<Span> {
        crate::stills::blacks(&self.pictures, policy)
    }

    /// Breaks in the picture cadence of at least `video.lag_break_max_s`, and stretches in which
    /// late or missing pictures are dense.
    pub fn lags(&self, policy: &Policy) -> Vec<Span> {
        crate::cadence::Cadence::of(&self.pictures, policy).lags()
    }

    /// Stretches of at least `audio.dropout_max_s` in which the sound is cut off.
    pub fn dropouts(&self, policy: &Policy) -> Vec<Span> {
        crate::dropout::dropouts(self, policy)
    }

    /// Stretches in which samples are clipped.
    pub fn clipped(&self) -> Vec<Span> {
        self.sound.clipped_spans()
    }

    /// Pictures that the decoder could only guess at, joined where they follow each other.
    pub fn corrupt(&self) -> Vec<Span> {
        crate::stills::corrupt(&self.pictures)
    }

    /// First pictures of new scenes.
    pub fn scene_cuts(&self) -> Vec<MediaTime> {
        crate::stills::scene_cuts(&self.pictures)
    }

    /// Pauses in speech, in order: at least 0.12 s of valley between the local speech level and
    /// the noise (or soft music) below it.
    pub fn pauses(&self) -> Vec<Pause> {
        crate::speech::pauses(&self.sound)
    }

    /// Active speech level, dBFS; `None` where no speech is found.
    pub fn speech_level(&self) -> Option<f64> {
        crate::speech::speech_to_noise(&self.sound).map(|found| found.speech_db)
    }

    /// Speech and noise levels; `None` where no speech is found.
    pub fn speech_to_noise(&self) -> Option<SpeechToNoise> {
        crate::speech::speech_to_noise(&self.sound)
    }

    /// Music in the background.
    pub fn music(&self) -> Music {
        crate::music::music(&self.sound, self.hum())
    }

    /// Mains hum; `None` where none is heard.
    pub fn hum(&self) -> Option<Hum> {
        crate::noise::hum(&self.sound.waveform.samples)
    }

    /// The part of the evidence that lies in `span`, for looking at one candidate cut of a window;
    /// times stay as they are.
    pub fn within(&self, span: Span) -> Self {
        let samples: Vec<_> =
            self.pictures.samples.iter().filter(|s| span.contains(s.time)).copied().collect();
        let last_duration = match samples.last() {
            Some(last) => {
                let next = self.pictures.samples.iter().find(|s| s.time > last.time);
                next.map_or(self.pictures.last_duration, |next| next.time - last.time)
            }
            None => MediaDuration::ZERO,
        };
        Self {
            pictures: PictureEvidence { samples, last_duration },
            clarity: self.clarity.within(span),
            codes: self.codes.within(span),
            marks: self.marks.within(span),
            products: self.products.within(span),
            people: self.people.within(span),
            sound: self.sound.within(span),
            transcript: self.transcript.as_ref().map(|all| all.within(span)),
        }
    }

    /// The same with all times moved by `by`.
    pub fn shifted(mut self, by: MediaDuration) -> Self {
        for sample in &mut self.pictures.samples {
            sample.time = sample.time + by;
        }
        self.sound.start = self.sound.start + by;
        for gap in &mut self.sound.gaps {
            *gap = Span::new(gap.start + by, gap.end + by);
        }
        Self {
            clarity: self.clarity.shifted(by),
            codes: self.codes.shifted(by),
            marks: self.marks.shifted(by),
            products: self.products.shifted(by),
            people: self.people.shifted(by),
            transcript: self.transcript.map(|all| all.shifted(by)),
            ..self
        }
    }
}
