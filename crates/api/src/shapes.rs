//! What the API shows of sessions, clips, remixes and jobs: the owner all of it, others ranges.

mod jobs;

use reprise_model::clip::{Clip, ClipProduct, Post, Word};
use reprise_model::course::{Chart, TotalRanges, Totals};
use reprise_model::edits::{ClipEdits, Rating};
use reprise_model::moment::{LikelyCause, Moment, Reason, Signal};
use reprise_model::outcome::{BestPractice, Fault, SessionOutcome};
use reprise_model::remix::{Effect, MixLoudness, Music, Remix, Target};
use reprise_model::session::{Product, Visibility};
use reprise_model::{
    ClipSpan, Currency, Grade, MediaDuration, Money, RuleId, Span, Verdict, WallTime,
};
use schemars::JsonSchema;
use serde::Serialize;

pub use jobs::{ShownAccount, ShownJob, ShownPost, ShownTakedown};

/// Whose key it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Me {
    /// The shop.
    pub seller: String,
    /// `owner`, or `guest` who may only look.
    pub role: String,
    /// What the key is called.
    pub name: String,
    /// The version of Reprise.
    pub version: String,
}

/// A recorded LIVE in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SessionItem {
    /// Its name.
    pub session_id: String,
    /// The host or account.
    pub creator: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<WallTime>,
    /// Length of the recording.
    pub duration_s: MediaDuration,
    /// Who may see it.
    pub visibility: Visibility,
    /// What it brought; absent for others than the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// The same as estimated ranges.
    pub ranges: TotalRanges,
    /// Clips that may be posted.
    pub clips: usize,
    /// Of those, by their grade: good case, high, basic.
    pub grades: [usize; 3],
    /// Link to the cover of the best clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover: Option<String>,
}

/// What is kept of a session for lists.
#[derive(Clone, Debug)]
pub(crate) struct Brief {
    pub(crate) session_id: String,
    pub(crate) creator: String,
    pub(crate) started_at: Option<WallTime>,
    pub(crate) visibility: Visibility,
    pub(crate) first_clip: Option<String>,
    duration_s: MediaDuration,
    totals: Totals,
    grades: [usize; 3],
}

impl Brief {
    pub(crate) fn of(outcome: &SessionOutcome) -> Self {
        let grades = [Grade::GoodCase, Grade::High, Grade::Basic]
            .map(|grade| outcome.clips.iter().filter(|clip| clip.grade == grade).count());
        Self {
            session_id: outcome.session_id.clone(),
            creator: outcome.creator.clone(),
            started_at: outcome.recording.parts.first().map(|part| part.started_at),
            visibility: outcome.visibility,
            first_clip: outcome.clips.first().map(|clip| clip.clip_id.clone()),
            duration_s: outcome.recording.duration_s,
            totals: outcome.totals.clone(),
            grades,
        }
    }

    pub(crate) fn shown(&self, is_owner: bool, cover: Option<String>) -> SessionItem {
        SessionItem {
            session_id: self.session_id.clone(),
            creator: self.creator.clone(),
            started_at: self.started_at,
            duration_s: self.duration_s,
            visibility: self.visibility,
            totals: is_owner.then(|| self.totals.clone()),
            ranges: self.totals.shown_to_others.clone(),
            clips: self.grades.iter().sum(),
            grades: self.grades,
            cover,
        }
    }
}

/// A recorded LIVE.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Session {
    /// As in the list.
    #[serde(flatten)]
    pub item: SessionItem,
    /// Its course; for others than the owner each list is a share of its highest value.
    pub chart: Chart,
    /// Whether the chart is of shares.
    pub chart_is_relative: bool,
    /// Its moments, best first.
    pub moments: Vec<ShownMoment>,
    /// Its products.
    pub products: Vec<Product>,
    /// What the platform advises for a LIVE, and whether it was done.
    pub best_practices: Vec<BestPractice>,
    /// What is wrong with the recording.
    pub faults: Vec<Fault>,
}

/// A moment of a LIVE.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownMoment {
    /// Its name.
    pub moment_id: String,
    /// From 1, best first.
    pub rank: u32,
    /// When, on the recording's time line.
    #[serde(flatten)]
    pub span: Span,
    /// Whether it is reported with confidence.
    pub confident: bool,
    /// The products it is most likely about.
    pub product_ids: Vec<String>,
    /// What it is most likely due to.
    pub causes: Vec<LikelyCause>,
    /// Why it was chosen.
    pub why: Vec<Why>,
    /// What it brought above what was to be expected, gross; empty for others than the owner.
    pub gmv: Vec<Money>,
    /// The same as estimated ranges.
    pub gmv_ranges: Vec<String>,
    /// Orders as an estimated range.
    pub orders_range: String,
    /// Its clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<MomentClip>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_clipped: Option<WhyNot>,
}

/// One signal's part in choosing a moment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Why {
    /// Which.
    pub signal: Signal,
    /// How many times what was to be expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// What was seen, in `unit`; absent for others than the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// What was to be expected; absent for others than the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// Unit of both.
    pub unit: String,
}

impl Why {
    fn of(reason: &Reason, is_owner: bool) -> Self {
        Self {
            signal: reason.signal,
            ratio: reason.ratio.map(|ratio| (ratio * 10.0).round() / 10.0),
            observed: is_owner.then_some(reason.observed),
            expected: is_owner.then_some(reason.expected),
            unit: reason.unit.clone(),
        }
    }
}

/// The clip of a moment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MomentClip {
    /// Its name.
    pub clip_id: String,
    /// Where it was cut.
    #[serde(flatten)]
    pub span: Span,
    /// How good it is.
    pub grade: Grade,
    /// Link to its cover.
    pub cover: String,
}

/// Why a moment has no clip.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WhyNot {
    /// The rule that it broke, or `none`.
    pub rule: String,
    /// With figure and time.
    pub detail: String,
}

impl Session {
    pub(crate) fn of(
        outcome: &SessionOutcome,
        is_owner: bool,
        cover: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let first = outcome.clips.first().and_then(|clip| cover(&clip.clip_id));
        let mut chart = outcome.chart.clone();
        if !is_owner {
            chart.currency = None::<Currency>;
            for values in [
                &mut chart.gmv,
                &mut chart.orders,
                &mut chart.viewers,
                &mut chart.likes,
                &mut chart.comments,
            ] {
                relative(values);
            }
        }
        let moments = outcome.moments.iter().map(|moment| shown(moment, outcome, is_owner, &cover));
        Self {
            item: Brief::of(outcome).shown(is_owner, first),
            chart,
            chart_is_relative: !is_owner,
            moments: moments.collect(),
            products: outcome.products.clone(),
            best_practices: outcome.best_practices.clone(),
            faults: outcome.recording.faults.clone(),
        }
    }
}

fn shown(
    moment: &Moment,
    outcome: &SessionOutcome,
    is_owner: bool,
    cover: &impl Fn(&str) -> Option<String>,
) -> ShownMoment {
    let clip = outcome.clips.iter().find(|clip| clip.moment_id == moment.id);
    let not = outcome.not_clipped.iter().find(|not| not.moment_id == moment.id);
    let ranges = &moment.attributed.shown_to_others;
    ShownMoment {
        moment_id: moment.id.clone(),
        rank: moment.rank,
        span: moment.span,
        confident: moment.confident,
        product_ids: moment.product_ids.clone(),
        causes: moment.causes.clone(),
        why: moment.reasons.iter().map(|reason| Why::of(reason, is_owner)).collect(),
        gmv: if is_owner { moment.attributed.gmv.clone() } else { Vec::new() },
        gmv_ranges: ranges.gmv.clone(),
        orders_range: ranges.orders.clone(),
        clip: clip.map(|clip| MomentClip {
            clip_id: clip.clip_id.clone(),
            span: clip.span,
            grade: clip.grade,
            cover: cover(&clip.clip_id).unwrap_or_default(),
        }),
        not_clipped: not.map(|not| WhyNot { rule: not.rule.clone(), detail: not.detail.clone() }),
    }
}

/// As shares of the highest value, in hundredths: exact counts could be told from finer ones.
fn relative(values: &mut [f64]) {
    let highest = values.iter().copied().fold(0.0, f64::max);
    for value in values {
        *value = if highest > 0.0 { (*value / highest * 100.0).round() / 100.0 } else { 0.0 };
    }
}

/// A clip.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownClip {
    /// Its name.
    pub clip_id: String,
    /// Its session.
    pub session_id: String,
    /// Its moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment_id: Option<String>,
    /// Where on the recording's time line.
    #[serde(flatten)]
    pub span: Span,
    /// Its length.
    pub duration_s: MediaDuration,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// How good it is.
    pub grade: Grade,
    /// How good it would be with a remix's stickers.
    pub grade_after_remix: Grade,
    /// The products it shows, as the seller corrected them.
    pub products: Vec<ClipProduct>,
    /// Title, caption and hashtags, as the seller edited them.
    pub post: Post,
    /// As they were suggested.
    pub suggested_post: Post,
    /// The part of it that is used; verdicts and grade are of that part, the video is all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<ClipSpan>,
    /// The seller's thumb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// What it is most likely due to.
    pub causes: Vec<LikelyCause>,
    /// Why its moment was chosen.
    pub why: Vec<Why>,
    /// What is said.
    pub words: Vec<Word>,
    /// Languages of the market.
    pub languages: Vec<String>,
    /// Every rule's answer.
    pub verdicts: Vec<Verdict>,
    /// Rules that could not be checked.
    pub unverified: Vec<RuleId>,
    /// Links that hold for some minutes.
    pub media: ClipMedia,
}

/// Links to the files of a clip.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClipMedia {
    /// The MP4.
    pub video: String,
    /// The cover, JPEG.
    pub cover: String,
}

impl ShownClip {
    pub(crate) fn of(
        mut clip: Clip,
        edits: &ClipEdits,
        session_id: &str,
        is_owner: bool,
        media: ClipMedia,
    ) -> Self {
        let suggested_post = clip.post.clone();
        edits.apply(&mut clip);
        Self {
            session_id: session_id.to_owned(),
            moment_id: clip.moment_id,
            span: clip.span,
            duration_s: clip.duration_s,
            width: clip.width,
            height: clip.height,
            grade: clip.grade,
            grade_after_remix: clip.grade_after_remix,
            products: clip.products,
            post: clip.post,
            suggested_post,
            trim: edits.trim,
            rating: edits.rating.filter(|_| is_owner),
            causes: clip.causes,
            why: clip.reasons.iter().map(|reason| Why::of(reason, is_owner)).collect(),
            words: clip.words,
            languages: clip.languages,
            verdicts: clip.verdicts,
            unverified: clip.unverified,
            media,
            clip_id: clip.clip_id,
        }
    }
}

/// Every rule's answer to a part of a clip.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Judged {
    /// The part.
    #[serde(flatten)]
    pub part: ClipSpan,
    /// How good it would be.
    pub grade: Grade,
    /// How good it would be with a remix's stickers.
    pub grade_after_remix: Grade,
    /// Every rule's answer.
    pub verdicts: Vec<Verdict>,
    /// Rules that could not be checked.
    pub unverified: Vec<RuleId>,
    /// Rules that all of the clip breaks and the part keeps.
    pub gained: Vec<RuleId>,
    /// Rules that all of the clip keeps and the part breaks.
    pub lost: Vec<RuleId>,
}

/// A template.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownTemplate {
    /// Its name.
    pub name: String,
    /// Its name for people, by language.
    pub title: std::collections::BTreeMap<String, String>,
    /// What it is for, by language.
    pub about: std::collections::BTreeMap<String, String>,
    /// Its music.
    pub music: String,
    /// What it can add.
    pub effects: Vec<Effect>,
    /// Its main colours, `#rrggbb`, for a swatch.
    pub colours: Vec<String>,
}

/// A remix.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownRemix {
    /// Its name.
    pub remix_id: String,
    /// The clip it was made from.
    pub clip_id: String,
    /// The session of that clip.
    pub session_id: String,
    /// Name of its template.
    pub template: String,
    /// Where it is posted.
    pub target: Target,
    /// The LIVE that it invites to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Its length.
    pub duration_s: MediaDuration,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What is in it.
    pub effects: Vec<Effect>,
    /// The music that was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub music: Option<Music>,
    /// How loud it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<MixLoudness>,
    /// What was asked for and left out, and why.
    pub notes: Vec<String>,
    /// How good it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Every rule's answer.
    pub verdicts: Vec<Verdict>,
    /// For the post.
    pub post: Post,
    /// Links that hold for some minutes.
    pub media: ClipMedia,
}

impl ShownRemix {
    pub(crate) fn of(remix: Remix, session_id: &str, media: ClipMedia) -> Self {
        Self {
            remix_id: remix.remix_id,
            clip_id: remix.clip_id,
            session_id: session_id.to_owned(),
            template: remix.template,
            target: remix.target,
            plan_id: remix.plan_id,
            duration_s: remix.duration_s,
            width: remix.width,
            height: remix.height,
            effects: remix.effects,
            music: remix.music,
            loudness: remix.loudness,
            notes: remix.notes,
            grade: remix.grade,
            verdicts: remix.verdicts,
            post: remix.post,
            media,
        }
    }
}
