//! A clip's evidence to one verdict a rule, and the verdicts to a grade.

use std::collections::BTreeMap;

use reprise_model::event::Event;
use reprise_model::session::Product;
use reprise_model::{Grade, MediaDuration, Outcome, RuleId, Span, Tier, Verdict, WallTime};

use crate::evidence::Evidence;
use crate::phrases::Phrases;
use crate::policy::Policy;
use crate::rules;

/// What is known of a clip besides its evidence.
#[derive(Clone, Copy, Debug)]
pub struct ClipFacts<'a> {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Measured on the file.
    pub duration: MediaDuration,
    /// Pictures a second.
    pub fps: f64,
    /// Whether the file has a sound stream.
    pub has_audio: bool,
    /// Of the clip, on its own time line (zero is its first picture).
    pub evidence: &'a Evidence,
    /// The recording it was cut from, where known.
    pub source: Option<SourceFacts<'a>>,
    /// The session it belongs to, where known.
    pub session: Option<SessionFacts<'a>>,
    /// What hosts say, per language.
    pub phrases: &'a Phrases,
}

/// The recording that a clip was cut from.
#[derive(Clone, Copy, Debug)]
pub struct SourceFacts<'a> {
    /// As the manifest names it.
    pub name: &'a str,
    /// Digest of the recording; empty where none was made.
    pub digest: &'a str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Where the clip lies on the recording's time line.
    pub span: Span,
    /// Of a stretch of the recording that covers `span`, on the recording's time line.
    pub evidence: Option<&'a Evidence>,
    /// Whether the recording has a sound stream.
    pub has_audio: bool,
}

/// The session that a clip belongs to.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts<'a> {
    /// As the manifest names it.
    pub session_id: &'a str,
    /// Wall clock of the recording's zero.
    pub zero: WallTime,
    /// Whether the session has an event log that says anything.
    pub has_log: bool,
    /// The events of the log that last: pins, flash sales, practice mode, violations and the like.
    pub events: &'a [Event],
    /// How often each product was ordered or opened.
    pub product_uses: &'a BTreeMap<String, u64>,
    /// Languages of the market, BCP 47; empty where none are named.
    pub languages: &'a [String],
    /// The seller's own brands.
    pub brands: &'a [String],
    /// The session's products; empty where none are listed.
    pub products: &'a [Product],
    /// Ids of the products that the clip is linked to.
    pub clip_products: &'a [String],
    /// Where the clip lies on the recording's time line; `None` where that is not known, so that the
    /// log says nothing of the clip.
    pub clip_span: Option<Span>,
}

/// What all verdicts come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grading {
    /// Of the clip as it is.
    pub grade: Grade,
    /// As if `visual.enhancement` passed: what a remix with stickers or text would have.
    pub grade_after_remix: Grade,
    /// Rules that are unknown, in the order of [`RuleId::ALL`].
    pub unverified: Vec<RuleId>,
}

/// Exactly one verdict for each of [`RuleId::ALL`], in that order.
pub fn check(facts: &ClipFacts<'_>, policy: &Policy) -> Vec<Verdict> {
    let looked = rules::Look::at(facts, policy);
    RuleId::ALL.iter().map(|&rule| rules::verdict(rule, &looked)).collect()
}

/// The grade that verdicts give: the highest tier all of whose rules, and those of the tiers below,
/// pass or are unknown by the policy's leave. A basic rule that fails, or that is unknown without
/// leave, rejects. Advice counts for nothing here.
pub fn grade(verdicts: &[Verdict], policy: &Policy) -> Grading {
    Grading {
        grade: highest(verdicts, policy, None),
        grade_after_remix: highest(verdicts, policy, Some(RuleId::VisualEnhancement)),
        unverified: verdicts
            .iter()
            .filter(|verdict| verdict.verdict == Outcome::Unknown)
            .map(|verdict| verdict.rule)
            .collect(),
    }
}

fn highest(verdicts: &[Verdict], policy: &Policy, granted: Option<RuleId>) -> Grade {
    let holds = |tier: Tier| {
        verdicts.iter().filter(|verdict| verdict.tier == tier).all(|verdict| {
            Some(verdict.rule) == granted
                || match verdict.verdict {
                    Outcome::Pass => true,
                    Outcome::Fail => false,
                    Outcome::Unknown => policy.grade.may_lack.contains(&verdict.rule),
                }
        })
    };
    if !holds(Tier::Basic) {
        Grade::Rejected
    } else if !holds(Tier::High) {
        Grade::Basic
    } else if !holds(Tier::GoodCase) {
        Grade::High
    } else {
        Grade::GoodCase
    }
}
