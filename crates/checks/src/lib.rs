//! Pictures and sound to evidence, evidence to verdicts, verdicts to a grade.
//!
//! [`EvidenceCollector`] watches what a decoder makes, once, and keeps figures, never pictures.
//! [`check()`] holds the figures against the rules; each rule is a function named after its id in
//! [`rules`]. [`grade`] turns the verdicts into a grade. Thresholds and tiers are a [`Policy`].

mod align;
mod base64;
mod cadence;
mod check;
mod dropout;
mod evidence;
mod loudness;
mod picture;
mod policy;
mod practices;
mod resample;
pub mod rules;
mod sound;
mod speech;
mod stills;

pub use align::{Alignment, align};
pub use check::{ClipFacts, Grading, SessionFacts, SourceFacts, check, grade};
pub use evidence::{Evidence, EvidenceCollector};
pub use loudness::Loudness;
pub use picture::{PictureEvidence, PictureSample};
pub use policy::{
    AudioPolicy, ClipPolicy, CompliancePolicy, DEFAULT_TEXT, GradePolicy, LivePolicy, Policy,
    VideoPolicy,
};
pub use practices::best_practices;
pub use sound::{ClippedBlock, SoundEvidence, Waveform};
pub use speech::{Pause, SpeechToNoise};
