//! Pictures and sound to evidence, evidence to verdicts, verdicts to a grade.
//!
//! [`EvidenceCollector`] watches what a decoder makes, once, and keeps figures, never pictures.
//! [`check()`] holds the figures against the rules; each rule is a function named after its id in
//! [`rules`]. [`grade`] turns the verdicts into a grade. Thresholds and tiers are a [`Policy`].

mod align;
mod base64;
mod cadence;
mod check;
mod clarity;
mod codes;
mod dropout;
mod evidence;
mod look_for;
mod loudness;
mod marks;
mod people;
mod phrases;
mod picture;
mod policy;
mod practices;
mod products;
mod reduce;
mod resample;
pub mod rules;
mod sound;
mod speech;
mod stills;
mod transcript;

pub use align::{Alignment, align};
pub use check::{ClipFacts, Grading, SessionFacts, SourceFacts, check, grade};
pub use clarity::ClarityEvidence;
pub use codes::CodeEvidence;
pub use evidence::{Evidence, EvidenceCollector};
pub use look_for::{
    Adviser, GrayPicture, LookFor, NamedPicture, NoAdviser, ProductReference, TextLine,
};
pub use loudness::Loudness;
pub use marks::MarkEvidence;
pub use people::{PeopleEvidence, PeopleSample};
pub use phrases::Phrases;
pub use picture::{PictureEvidence, PictureSample};
pub use policy::{
    AudioPolicy, ClipPolicy, CompliancePolicy, DEFAULT_TEXT, GradePolicy, LivePolicy,
    PicturePolicy, Policy, ProductPolicy, SpeechPolicy, VideoPolicy, VisualPolicy,
};
pub use practices::best_practices;
pub use products::{ProductEvidence, ProductSighting, RunnerUp, SearchedProduct, find_products};
pub use sound::{ClippedBlock, SoundEvidence, Waveform};
pub use speech::{Pause, SpeechToNoise};
pub use transcript::{LanguageShare, Origin, SpokenWord, Transcript};
