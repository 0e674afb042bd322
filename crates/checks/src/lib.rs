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
mod gray_picture;
mod listen;
mod look_for;
mod loudness;
mod marks;
mod music;
mod noise;
mod people;
mod phrases;
mod picture;
mod policy;
mod practices;
mod products;
mod reduce;
mod resample;
pub mod rules;
pub mod said;
mod sentences;
mod sound;
mod speech;
mod stills;
mod sync;
mod text_reader;
mod transcript;
mod transcripts;

pub use align::{Alignment, align};
pub use check::{ClipFacts, Grading, SessionFacts, SourceFacts, check, grade};
pub use clarity::{ClarityEvidence, ClaritySample, Move};
pub use codes::{CodeEvidence, CodeKind, CodeSighting, CodeTrack, StillCode, find_codes};
pub use evidence::{Evidence, EvidenceCollector};
pub use gray_picture::GrayPicture;
pub use listen::{Listener, ListenerOptions};
pub use look_for::{
    Adviser, LookFor, NamedPicture, NoAdviser, ProductReference, SaidRule, TextLine,
};
pub use loudness::Loudness;
pub use marks::{Mark, MarkEvidence, MarkLine};
pub use music::Music;
pub use noise::Hum;
pub use people::{PeopleEvidence, PeopleSample};
pub use phrases::Phrases;
pub use picture::{PictureEvidence, PictureSample};
pub use policy::{
    AudioPolicy, ClipPolicy, CompliancePolicy, DEFAULT_TEXT, GradePolicy, LivePolicy,
    PicturePolicy, Policy, ProductPolicy, SpeechPolicy, VideoPolicy, VisualPolicy,
};
pub use practices::{LiveFacts, Observed, Window, best_practices};
pub use products::{
    FoundBy, ProductEvidence, ProductSighting, RunnerUp, SearchedProduct, check_product_model,
    find_products, find_products_by_likeness, find_products_with,
};
pub use sentences::Sentences;
pub use sound::{ClippedBlock, SoundEvidence, Waveform};
pub use speech::{Pause, SpeechToNoise};
pub use sync::{Sync, sync};
pub use text_reader::TextReader;
pub use transcript::{LanguageShare, Origin, SpokenWord, Transcript};
pub use transcripts::{GivenTranscript, captions_srt, captions_vtt, read_transcript};
