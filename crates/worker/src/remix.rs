//! Quick post edit of one clip: made, checked like any clip, written with its proof.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_checks::{
    Adviser, GrayPicture, LookFor, NoAdviser, SaidRule, SoundEvidence, SourceFacts, TextLine,
    Transcript, check as check_rules, grade,
};
use reprise_model::bytes::MemorySource;
use reprise_model::clip::Clip;
use reprise_model::plan::Plan;
use reprise_model::remix::Remix;
use reprise_model::{ByteSource, Error, Kind, Outcome, Result, RuleId, Tier, Verdict};
use reprise_remix::{Coder, Made, Order, Remixer, Template, Way, Wishes};
use reprise_transcode::{Decoded, jpeg};
use serde::Serialize;

use crate::advice::Advice;
use crate::clip::{Judged, clip_facts};
use crate::digest::Key;
use crate::options::RunOptions;

/// What to remix, and how.
pub struct RemixRequest {
    /// The folder of a clip (`clip.json`, `clip.mp4`), or an MP4 with its metadata beside it.
    pub clip: PathBuf,
    /// The template.
    pub template: Template,
    /// The seller's wishes.
    pub wishes: Wishes,
    /// The LIVE that it invites to.
    pub plan: Option<Plan>,
    /// The brand's picture: PNG, JPEG or WebP.
    pub brand: Option<Vec<u8>>,
    /// Where the MP4 goes; its cover (`.jpg`) and its record (`.json`) go beside it.
    pub out: PathBuf,
    /// Whether it is checked.
    pub check: bool,
}

/// A remix that was written.
#[derive(Debug, Serialize)]
pub struct RemixResult {
    /// Its file.
    pub file: PathBuf,
    /// Its record, which is also beside it.
    pub remix: Remix,
}

/// A clip with its metadata.
pub struct WholeClip {
    /// `clip.json`.
    pub clip: Clip,
    /// `clip.mp4`.
    pub mp4: Vec<u8>,
}

impl WholeClip {
    /// Reads a clip's folder, or an MP4 with its metadata beside it.
    ///
    /// # Errors
    /// `Missing` and `Io` where a file cannot be read; `Malformed` where the metadata are none, or are
    /// those of another file.
    pub fn read(path: &Path) -> Result<Self> {
        let (json, mp4) = if path.extension().is_some_and(|extension| extension == "mp4") {
            (path.with_extension("json"), path.to_owned())
        } else {
            (path.join("clip.json"), path.join("clip.mp4"))
        };
        let named = |path: &Path| path.display().to_string();
        let read = |path: &Path| std::fs::read(path).map_err(|e| Error::io(named(path), e));
        let clip: Clip = serde_json::from_slice(&read(&json)?).map_err(|error| {
            let words = "is no metadata of a clip of this version; `reprise run` writes them anew";
            Error::new(Kind::Malformed, words)
                .in_file(named(&json))
                .at_line(error.line() as u64)
                .caused_by(error)
        })?;
        let bytes = read(&mp4)?;
        if blake3::hash(&bytes).to_hex().as_str() != clip.source.clip_blake3 {
            let words = format!("is not the clip that {} speaks of", named(&json));
            return Err(Error::new(Kind::Malformed, words).in_file(named(&mp4)));
        }
        Ok(Self { clip, mp4: bytes })
    }
}

/// Remixes a clip and writes the files.
///
/// # Errors
/// As [`WholeClip::read`] and [`make_remix`]; where a file cannot be written.
pub fn remix(
    request: RemixRequest,
    remixer: &Remixer,
    options: &RunOptions,
    way: &Way<'_>,
) -> Result<RemixResult> {
    let whole = WholeClip::read(&request.clip)?;
    let order = Order {
        clip: whole.clip,
        template: request.template,
        wishes: request.wishes,
        plan: request.plan,
        brand: request.brand,
        coder: Coder::default(),
        encode: options.profile.settings.clone(),
    };
    let (made, remix) =
        make_remix(&order, whole.mp4, remixer, request.check.then_some(options), way)?;
    let json = serde_json::to_vec_pretty(&remix)
        .map_err(|error| Error::new(Kind::Bug, "the record cannot be written").caused_by(error))?;
    if let Some(cover) = &made.cover {
        crate::single::write_whole(&request.out.with_extension("jpg"), &jpeg(cover)?)?;
    }
    crate::single::write_whole(&request.out, &made.mp4)?;
    crate::single::write_whole(&request.out.with_extension("json"), &json)?;
    Ok(RemixResult { file: request.out, remix })
}

/// Makes a remix with its record, and checks it where `check` says how.
///
/// # Errors
/// As [`Remixer::make`]; where the finished file cannot be decoded.
pub fn make_remix(
    order: &Order,
    mp4: Vec<u8>,
    remixer: &Remixer,
    check: Option<&RunOptions>,
    way: &Way<'_>,
) -> Result<(Made, Remix)> {
    let original = check.map(|_| mp4.clone());
    let made = remixer.make(order, mp4, way)?;
    let clip = &order.clip;
    let key = Key::new("remix")
        .text(&clip.source.clip_blake3)
        .value(&order.template)
        .value(&order.wishes)
        .value(&order.plan)
        .value(&clip.products)
        .value(&clip.post)
        .finish();
    let told = &made.told;
    let mut remix = Remix {
        remix_id: format!("{}-{}", order.template.name, &key[..8.min(key.len())]),
        clip_id: clip.clip_id.clone(),
        session_id: clip.session_id.clone(),
        visibility: clip.visibility,
        template: order.template.name.clone(),
        target: order.wishes.target,
        plan_id: order.plan.as_ref().map(|plan| plan.id.to_string()),
        duration_s: clip.duration_s,
        width: clip.width,
        height: clip.height,
        fps: clip.fps,
        effects: told.effects.clone(),
        overlays: told.overlays.clone(),
        music: told.music.clone(),
        loudness: told.loudness,
        notes: told.notes.clone(),
        verdicts: Vec::new(),
        grade: None,
        unverified: Vec::new(),
        post: clip.post.clone(),
        clip_blake3: clip.source.clip_blake3.clone(),
        remix_blake3: blake3::hash(&made.mp4).to_hex().to_string(),
    };
    if let (Some(options), Some(original)) = (check, original) {
        judge(&mut remix, order, original, &made.mp4, options)?;
    }
    Ok((made, remix))
}

/// Rules that a remix answers anew; the clip's own answers to the others stay true.
fn is_asked_anew(rule: RuleId) -> bool {
    let name = rule.as_str();
    let kept = [RuleId::AudioLanguage, RuleId::AudioMusicRights];
    let groups = ["video.", "audio.", "picture.", "clip.", "visual.enhancement"];
    let asked = [RuleId::ComplianceQr, RuleId::ComplianceWatermark];
    asked.contains(&rule)
        || (groups.iter().any(|group| name.starts_with(group)) && !kept.contains(&rule))
}

/// Decodes the finished file and holds it against the rules.
fn judge(
    remix: &mut Remix,
    order: &Order,
    original: Vec<u8>,
    mp4: &Arc<[u8]>,
    options: &RunOptions,
) -> Result<()> {
    let source = |name: &str, bytes: Vec<u8>| -> Arc<dyn ByteSource> {
        Arc::new(MemorySource::new(name, bytes))
    };
    let look_for = options.advice.completed(LookFor::default());
    let decode =
        |name: &str, bytes, look_for: &LookFor, adviser: &dyn Adviser| -> Result<Decoded> {
            options.workers.decode_clip(source(name, bytes), look_for, adviser)
        };
    let reads = Reads(&options.advice);
    let (finished, before) = std::thread::scope(|scope| {
        let before = scope.spawn(|| decode("clip.mp4", original, &LookFor::faults(), &NoAdviser));
        let finished = decode("remix.mp4", mp4.to_vec(), &look_for, &reads);
        let before = before
            .join()
            .unwrap_or_else(|_| Err(Error::new(Kind::Bug, "decoding the clip panicked")));
        (finished, before)
    });
    let (mut finished, before) = (finished?, before?);
    finished.evidence.marks.declare(&remix.overlays);
    let info = &finished.media.info;
    remix.duration_s = info.duration;
    let judged = Judged {
        evidence: Cow::Borrowed(&finished.evidence),
        info,
        duration: info.duration,
        span: info.span(),
    };
    let clip = &order.clip;
    let recording = SourceFacts {
        name: &clip.source.recording,
        digest: &clip.source.digest,
        width: clip.width,
        height: clip.height,
        span: before.media.info.span(),
        evidence: Some(&before.evidence),
        has_audio: before.media.info.audio.is_some(),
    };
    let facts = clip_facts(&judged, Some(recording), None, &options.phrases);
    let asked = check_rules(&facts, &options.policy);
    remix.verdicts = asked
        .into_iter()
        .map(|verdict| {
            let kept = clip.verdicts.iter().find(|kept| kept.rule == verdict.rule);
            match kept.filter(|_| !is_asked_anew(verdict.rule)) {
                Some(kept) => kept.clone(),
                None => verdict,
            }
        })
        .collect();
    if let Some(plan) = &order.plan {
        bind(&mut remix.verdicts, clip, plan);
    }
    let grading = grade(&remix.verdicts, &options.policy);
    remix.grade = Some(grading.grade);
    remix.unverified = grading.unverified;
    Ok(())
}

/// Reads text in pictures; what is said was heard in the clip already.
struct Reads<'a>(&'a Advice);

impl Adviser for Reads<'_> {
    fn transcribe(&self, _: &SoundEvidence) -> Result<Option<Transcript>> {
        Ok(None)
    }

    fn said(&self, _: &Transcript) -> Result<Vec<SaidRule>> {
        Ok(Vec::new())
    }

    fn read_text(&self, pictures: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        self.0.reader.as_ref().map(|reader| reader.read(pictures)).transpose()
    }
}

/// `product.in_live` of a remix that invites to a LIVE: its products are in that one's list too.
fn bind(verdicts: &mut [Verdict], clip: &Clip, plan: &Plan) {
    let listed = |id: &String| plan.product_ids.contains(id);
    let missing = clip.products.iter().find(|product| !listed(&product.id));
    let Some(missing) = missing.filter(|_| !plan.product_ids.is_empty()) else { return };
    let verdict = verdicts.iter_mut().find(|verdict| verdict.rule == RuleId::ProductInLive);
    if let Some(verdict) = verdict.filter(|verdict| verdict.tier == Tier::Basic) {
        verdict.verdict = Outcome::Fail;
        verdict.detail =
            format!("{} is not among the products of the LIVE {}", missing.title, plan.id);
    }
}
