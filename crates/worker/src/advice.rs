//! Who is asked for words and for text in pictures: models that are loaded once a job, and transcripts
//! that came with a recording.

use reprise_checks::said::{ListenFor, SaidKind, listen_for};
use reprise_checks::{
    Adviser, GrayPicture, LookFor, Phrases, SaidRule, SoundEvidence, TextLine, Transcript,
};
use std::path::Path;

use reprise_model::session::Product;
use reprise_model::{Error, Kind, MediaDuration, Result, RuleId};

/// Models and readers of this machine, loaded once and shared by all windows.
#[derive(Clone, Default)]
pub struct Advice {
    /// Names what is there; part of every key that depends on it.
    pub digest: String,
}

impl Advice {
    /// What is searched for, with what this machine has to search with.
    pub fn completed(&self, look_for: LookFor) -> LookFor {
        look_for
    }
}

/// Advice on one file of a recording.
pub struct OnRecording<'a> {
    /// Models and readers.
    pub advice: &'a Advice,
    /// What is said in it, where that is known; times are the file's own.
    pub transcript: Option<&'a Transcript>,
    /// What the window is about.
    pub about: Option<About<'a>>,
}

/// What a window is about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// The session's products.
    pub products: &'a [Product],
    /// Those that the moment sold.
    pub ids: &'a [String],
    /// What hosts say.
    pub phrases: &'a Phrases,
    /// Share of a selling point's weight that must be said (`speech.point_score_min`).
    pub point_score_min: f64,
}

/// Reads a transcript that came with a recording or a clip.
///
/// # Errors
/// Where the file cannot be read or is none.
pub fn read_transcript(path: &Path) -> Result<Transcript> {
    Err(Error::new(Kind::Bug, "nothing reads it").in_file(path.display().to_string()))
}

impl Adviser for OnRecording<'_> {
    fn transcribe(&self, sound: &SoundEvidence) -> Result<Option<Transcript>> {
        Ok(self.transcript.map(|all| all.within(sound.span().widened(MediaDuration::ZERO))))
    }

    fn said(&self, transcript: &Transcript) -> Result<Vec<SaidRule>> {
        let Some(about) = &self.about else { return Ok(Vec::new()) };
        let sold = about.products.iter().filter(|product| about.ids.contains(&product.id));
        let sold: Vec<Product> = sold.cloned().collect();
        let wanted = ListenFor { products: &sold, names: &[], score_min: about.point_score_min };
        let found = listen_for(transcript, &wanted, about.phrases);
        let mut rules = Vec::new();
        for benefit in &found.benefits {
            let span = benefit.said.span;
            rules.push(SaidRule { rule: RuleId::SpeechBenefit, span });
            if benefit.unique {
                rules.push(SaidRule { rule: RuleId::SpeechUniquePoint, span });
            }
        }
        let calls = found.spans(SaidKind::CallToAction);
        let call = |span| SaidRule { rule: RuleId::SpeechCallToAction, span };
        rules.extend(calls.into_iter().map(call));
        Ok(rules)
    }

    fn read_text(&self, _: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        Ok(None)
    }
}
