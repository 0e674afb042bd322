//! The rules, one function each, named after the rule's id with `_` for `.`, in one file a family.

mod audio;
mod clip;
mod compliance;
mod live;
mod picture;
mod product;
mod speech;
mod video;
mod visual;

use reprise_model::verdict::Evidence as Place;
use reprise_model::{MediaTime, Outcome, RuleId, Span, Verdict};

use crate::cadence::Cadence;
use crate::check::ClipFacts;
use crate::policy::Policy;
use crate::sentences::Sentences;

/// What rules look at: the facts, the policy, and figures that several rules share.
pub struct Look<'a> {
    /// What is known of the clip.
    pub facts: &'a ClipFacts<'a>,
    /// What it is held against.
    pub policy: &'a Policy,
    pub(crate) cadence: Cadence,
}

impl<'a> Look<'a> {
    /// Prepares the shared figures.
    pub fn at(facts: &'a ClipFacts<'a>, policy: &'a Policy) -> Self {
        Self { facts, policy, cadence: Cadence::of(&facts.evidence.pictures, policy) }
    }
}

/// The verdict of one rule.
pub fn verdict(rule: RuleId, look: &Look<'_>) -> Verdict {
    let answer = match rule {
        RuleId::VideoResolution => video::video_resolution(look),
        RuleId::VideoFreeze => video::video_freeze(look),
        RuleId::VideoLag => video::video_lag(look),
        RuleId::VideoBlack => video::video_black(look),
        RuleId::ClipDuration => clip::clip_duration(look),
        RuleId::ClipDurationBest => clip::clip_duration_best(look),
        RuleId::ComplianceQr => compliance::compliance_qr(look),
        RuleId::ComplianceWatermark => compliance::compliance_watermark(look),
        RuleId::ComplianceViolation => compliance::compliance_violation(look),
        RuleId::AudioOriginal => audio::audio_original(look),
        RuleId::AudioDropout => audio::audio_dropout(look),
        RuleId::AudioClean => audio::audio_clean(look),
        RuleId::AudioLevel => audio::audio_level(look),
        RuleId::LiveGenuine => live::live_genuine(look),
        RuleId::ProductInLive => product::product_in_live(look),
        RuleId::ProductMatch => product::product_match(look),
        RuleId::ProductFront => product::product_front(look),
        RuleId::ProductFirstSecond => product::product_first_second(look),
        RuleId::ProductFullyVisible => product::product_fully_visible(look),
        RuleId::SpeechBenefit => speech::speech_benefit(look),
        RuleId::SpeechUniquePoint => speech::speech_unique_point(look),
        RuleId::SpeechCallToAction => speech::speech_call_to_action(look),
        RuleId::SpeechDecision => speech::speech_decision(look),
        RuleId::VisualEnhancement => visual::visual_enhancement(look),
        RuleId::VisualPromotion => visual::visual_promotion(look),
        RuleId::VisualDemonstration => visual::visual_demonstration(look),
        RuleId::AudioLanguage => speech::audio_language(look),
        RuleId::AudioMusicRights => audio::audio_music_rights(look),
        RuleId::PictureSharp => picture::picture_sharp(look),
        RuleId::PictureSteady => picture::picture_steady(look),
    };
    let measured = answer.measured.map(|value| (value * 1000.0).round() / 1000.0);
    Verdict {
        rule,
        tier: look.policy.tier(rule),
        verdict: answer.outcome,
        measured,
        sentences: Sentences::built_in().of(rule, answer.outcome, measured),
        unit: answer.unit.map(str::to_owned),
        threshold: answer.threshold,
        detail: answer.detail,
        evidence: answer.places,
    }
}

/// A verdict while it is being put together.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    outcome: Outcome,
    measured: Option<f64>,
    unit: Option<&'static str>,
    threshold: Option<String>,
    detail: String,
    places: Vec<Place>,
}

impl Answer {
    pub(crate) fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            measured: None,
            unit: None,
            threshold: None,
            detail: detail.into(),
            places: Vec::new(),
        }
    }

    /// Passes or fails.
    pub(crate) fn held(passes: bool, detail: impl Into<String>) -> Self {
        Self::new(if passes { Outcome::Pass } else { Outcome::Fail }, detail)
    }

    /// Could not be checked, and what is missing.
    pub(crate) fn unknown(missing: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, missing)
    }

    /// What was measured against what.
    pub(crate) fn figure(mut self, measured: f64, unit: &'static str, threshold: String) -> Self {
        // An empty sum is -0.0; nobody wants to read that.
        self.measured = measured.is_finite().then_some(measured + 0.0);
        self.unit = Some(unit);
        self.threshold = Some(threshold);
        self
    }

    /// Adds to the sentence.
    pub(crate) fn also(mut self, more: &str) -> Self {
        self.detail.push_str("; ");
        self.detail.push_str(more);
        self
    }

    /// Where in the clip.
    pub(crate) fn at(mut self, spans: &[Span], note: &str) -> Self {
        self.places.extend(spans.iter().take(PLACES_MAX).map(|span| Place {
            clip_start_s: span.start.max(MediaTime::ZERO),
            clip_end_s: span.end.max(span.start).max(MediaTime::ZERO),
            note: note.to_owned(),
            picture: None,
        }));
        self
    }
}

/// Most stretches that a verdict names.
const PLACES_MAX: usize = 20;

/// A span for a sentence: `2.50 s (148.00 s to 150.50 s)`.
pub(crate) fn told(span: Span) -> String {
    format!("{:.2} s ({} to {})", span.seconds(), second(span.start), second(span.end))
}

/// A time for a sentence.
pub(crate) fn second(time: MediaTime) -> String {
    // The first picture may stand a hair before zero.
    format!("{:.2} s", time.seconds().max(0.0))
}

/// The longest of several spans.
pub(crate) fn longest(spans: &[Span]) -> Option<Span> {
    spans.iter().copied().max_by_key(|span| span.duration())
}
