//! One moment to one clip: the window's job, its verdicts, its grade, its metadata.
//!
//! The result is kept under a key of everything that went into the pictures and the verdicts, so a
//! later run with the same key does nothing; what only describes the moment is written anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use reprise_checks::{ClipFacts, NoAdviser, Phrases, SessionFacts, SourceFacts, check, grade};
use reprise_model::bytes::MemorySource;
use reprise_model::clip::{Clip, ClipProduct, Cut, CutMethod, Source};
use reprise_model::event::{Event, EventKind};
use reprise_model::moment::Moment;
use reprise_model::outcome::{Fault, FaultKind};
use reprise_model::session::Product;
use reprise_model::{Grade, MediaDuration, Outcome, Result, RuleId, Span, Tier, Verdict};
use reprise_publish::{ClipFiles, ClipFolder, SessionFolder};
use reprise_transcode::{
    Avoid, CutClip, MediaWorkers, TrimRefusal, Verify, WindowOutcome, WindowRequest,
};
use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::options::RunOptions;
use crate::post::suggest;
use crate::recording::{Recordings, shifted};
use crate::session::OpenSession;

/// Evidence pictures of failed rules kept of a rejected clip at most.
const MAX_EVIDENCE: usize = 6;

/// What became of a moment; the stage object `.stages/clip/<key>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum ClipOutcome {
    /// A clip that ships.
    Shipped(Box<Clip>),
    /// A clip that a rule rejects.
    Rejected(Box<Clip>),
    /// No clip could be cut.
    Nothing(TrimRefusal),
}

/// The stage's name in keys.
pub const STAGE: &str = "clip";

/// What the clips of one session are made from.
pub struct ClipContext<'a> {
    /// The session.
    pub session: &'a OpenSession,
    /// Its recording.
    pub recordings: &'a Recordings,
    /// Settings.
    pub options: &'a RunOptions,
    /// Where clips go.
    pub folder: SessionFolder<'a>,
}

impl ClipContext<'_> {
    /// Makes the clip of a moment, or finds that it was made before.
    ///
    /// # Errors
    /// Where the recording cannot be read there, an encoder is missing, or the store fails.
    pub fn make(&self, moment: &Moment) -> Result<(String, ClipOutcome)> {
        let products = self.products(moment);
        let avoid = self.avoid();
        let key = self.key(moment, &products, &avoid);
        if let Some(kept) = self.kept(&key, moment, &products)? {
            return Ok((key, kept));
        }
        // What is kept under the key says nothing that the key does not cover.
        let outcome = self.cut(moment, &products, &avoid, &key)?;
        self.folder.stage_put(STAGE, &key, &outcome)?;
        Ok((key, self.described(outcome, moment, &products)))
    }

    fn kept(
        &self,
        key: &str,
        moment: &Moment,
        products: &[&Product],
    ) -> Result<Option<ClipOutcome>> {
        let Some(kept) = self.folder.stage_get::<ClipOutcome>(STAGE, key)? else { return Ok(None) };
        let described = self.described(kept, moment, products);
        let (folder, clip) = match &described {
            ClipOutcome::Shipped(clip) => (ClipFolder::Shipped, clip),
            ClipOutcome::Rejected(clip) if self.options.keep_rejected => {
                (ClipFolder::Rejected, clip)
            }
            _ => return Ok(Some(described)),
        };
        let Some(whole) = self.folder.clip_is_whole(folder, &clip.clip_id)? else {
            return Ok(None);
        };
        if **clip != whole {
            self.folder.put_clip_json(folder, clip)?;
        }
        Ok(Some(described))
    }

    fn described(
        &self,
        outcome: ClipOutcome,
        moment: &Moment,
        products: &[&Product],
    ) -> ClipOutcome {
        let described = |mut clip: Box<Clip>| {
            self.describe(&mut clip, moment, products);
            clip
        };
        match outcome {
            ClipOutcome::Shipped(clip) => ClipOutcome::Shipped(described(clip)),
            ClipOutcome::Rejected(clip) => ClipOutcome::Rejected(described(clip)),
            nothing => nothing,
        }
    }

    fn cut(
        &self,
        moment: &Moment,
        products: &[&Product],
        avoid: &[Avoid],
        key: &str,
    ) -> Result<ClipOutcome> {
        let Some((index, local)) = self.recordings.locate(moment.span) else {
            return Ok(ClipOutcome::Nothing(TrimRefusal {
                rule: RuleId::LiveGenuine,
                detail: format!("nothing was recorded at {}", moment.span.start),
                time: Some(moment.span.start),
            }));
        };
        let file = &self.recordings.files[index];
        let offset = self.recordings.offset(index);
        let local_avoid: Vec<Avoid> = avoid
            .iter()
            .map(|avoid| Avoid { span: shifted(avoid.span, -offset), ..avoid.clone() })
            .collect();
        let request = WindowRequest {
            media: &file.media,
            moment: local,
            exact: false,
            avoid: &local_avoid,
            look_for: &self.session.look_for,
            wanted: &wanted,
            policy: &self.options.policy,
            trim: &self.options.trim,
            encode: &self.options.profile.settings,
            verify: self.options.verify,
        };
        let cut =
            match self.options.workers.run_window(file.source.clone(), &request, &NoAdviser)? {
                WindowOutcome::Nothing(mut refusal) => {
                    refusal.time = refusal.time.map(|time| time + offset);
                    return Ok(ClipOutcome::Nothing(refusal));
                }
                WindowOutcome::Clip(cut) => cut,
            };
        let mut clip = self.clip(&cut, index, key);
        clip.verdicts = self.verdicts(&cut, index, products);
        let grading = grade(&clip.verdicts, &self.options.policy);
        clip.grade = grading.grade;
        clip.grade_after_remix = grading.grade_after_remix;
        clip.unverified = grading.unverified;

        let shipped = clip.grade != Grade::Rejected;
        let mut evidence = cut.edge_pictures.clone();
        if !shipped && self.options.keep_rejected {
            let workers = &self.options.workers;
            evidence.extend(failure_pictures(&mut clip.verdicts, &cut, workers)?);
        }
        if shipped || self.options.keep_rejected {
            let folder = if shipped { ClipFolder::Shipped } else { ClipFolder::Rejected };
            let files = ClipFiles {
                mp4: &cut.mp4,
                cover: cut.cover.as_deref(),
                evidence,
                captions_vtt: None,
                captions_srt: None,
            };
            let mut described = clip.clone();
            self.describe(&mut described, moment, products);
            self.folder.put_clip(folder, &described, &files)?;
        }
        let clip = Box::new(clip);
        Ok(if shipped { ClipOutcome::Shipped(clip) } else { ClipOutcome::Rejected(clip) })
    }

    fn verdicts(&self, cut: &CutClip, index: usize, products: &[&Product]) -> Vec<Verdict> {
        let file = &self.recordings.files[index];
        let span = shifted(cut.span, self.recordings.offset(index));
        let ids: Vec<String> = products.iter().map(|product| product.id.clone()).collect();
        let facts = clip_facts(
            cut,
            Some(source_facts(file, cut)),
            Some(SessionFacts {
                session_id: self.session.loaded.manifest.id.as_str(),
                zero: self.recordings.timeline.zero,
                has_log: self.session.has_log(),
                events: &self.session.log.kept,
                product_uses: &self.session.product_uses,
                languages: &self.session.languages,
                brands: &self.session.loaded.manifest.brands,
                products: &self.session.loaded.products,
                clip_products: &ids,
                clip_span: span,
            }),
            &self.options.phrases,
        );
        check(&facts, &self.options.policy)
    }

    /// A clip without what describes its moment.
    fn clip(&self, cut: &CutClip, index: usize, key: &str) -> Clip {
        let file = &self.recordings.files[index];
        let span = shifted(cut.span, self.recordings.offset(index));
        let mut clip = bare_clip(cut, file);
        let start = span.start.seconds().max(0.0) as u64;
        clip.clip_id = format!(
            "{}h{:02}m{:02}s-{}",
            start / 3600,
            start / 60 % 60,
            start % 60,
            &key[..8.min(key.len())]
        );
        clip.session_id = Some(self.session.loaded.manifest.id.to_string());
        clip.span = span;
        clip.spans = vec![span];
        clip.languages = self.session.loaded.manifest.all_languages();
        clip.source.started_at = Some(self.recordings.timeline.wall_time(span.start));
        clip
    }

    /// Fills in what follows from the moment and the products alone.
    fn describe(&self, clip: &mut Clip, moment: &Moment, products: &[&Product]) {
        clip.moment_id = Some(moment.id.clone());
        clip.causes.clone_from(&moment.causes);
        clip.reasons.clone_from(&moment.reasons);
        clip.attributed = Some(moment.attributed.clone());
        clip.products = products
            .iter()
            .map(|product| ClipProduct {
                id: product.id.clone(),
                title: product.title.clone(),
                linked_by: if self.featured(true).contains(product.id.as_str()) {
                    "pinned".to_owned()
                } else {
                    "ordered".to_owned()
                },
            })
            .collect();
        clip.post = suggest(products, &self.session.loaded.manifest.brands);
    }

    /// The product that a clip of this moment is linked to: the one that it most likely sold.
    fn products(&self, moment: &Moment) -> Vec<&Product> {
        let listed = &self.session.loaded.products;
        moment
            .product_ids
            .first()
            .and_then(|id| listed.iter().find(|product| product.id == *id))
            .into_iter()
            .collect()
    }

    /// Products that the log shows pinned (or else ordered).
    fn featured(&self, pinned: bool) -> BTreeSet<&str> {
        let log = &self.session.log;
        if !pinned {
            return log.observations.ordered_products().collect();
        }
        log.kept
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Pin { product_id } => Some(product_id.as_str()),
                _ => None,
            })
            .collect()
    }

    /// What no clip may hold, on the time line: faults that the files show and what the log flags.
    fn avoid(&self) -> Vec<Avoid> {
        let mut avoid: Vec<Avoid> = self.recordings.faults.iter().filter_map(avoid_fault).collect();
        let timeline = &self.recordings.timeline;
        let margin =
            MediaDuration::from_seconds(self.options.policy.compliance.violation_margin_s + 0.1);
        let mut rehearsal = None;
        for event in &self.session.log.kept {
            let at = timeline.media_time(event.at);
            match &event.kind {
                EventKind::Violation { rule } => avoid.push(Avoid {
                    span: Span::new(at, at).widened(margin),
                    rule: RuleId::ComplianceViolation,
                    detail: format!(
                        "the platform flagged {at} ({})",
                        rule.as_deref().unwrap_or("no rule named")
                    ),
                }),
                EventKind::Rehearsal { state } => match state {
                    reprise_model::event::Edge::Start => rehearsal = rehearsal.or(Some(at)),
                    reprise_model::event::Edge::End => {
                        let start = rehearsal.take().unwrap_or_default();
                        avoid.push(avoid_rehearsal(Span::new(start, at)));
                    }
                },
                _ => {}
            }
        }
        if let Some(start) = rehearsal {
            let end = timeline.media_time(timeline.zero) + timeline.duration;
            avoid.push(avoid_rehearsal(Span::new(start, end)));
        }
        avoid
    }

    fn key(&self, moment: &Moment, products: &[&Product], avoid: &[Avoid]) -> String {
        let manifest = &self.session.loaded.manifest;
        let file = self.recordings.locate(moment.span).map(|(index, _)| index);
        let (recording, offset) = file.map_or((String::new(), MediaDuration::ZERO), |index| {
            (self.recordings.files[index].digest.clone(), self.recordings.offset(index))
        });
        let flagged: Vec<&Event> = self
            .session
            .log
            .kept
            .iter()
            .filter(|event| {
                matches!(event.kind, EventKind::Violation { .. } | EventKind::Rehearsal { .. })
            })
            .collect();
        let listed: Vec<&str> = products.iter().map(|product| product.id.as_str()).collect();
        let shown: Vec<(bool, bool)> = listed
            .iter()
            .map(|id| (self.featured(true).contains(id), self.featured(false).contains(id)))
            .collect();
        Key::new(STAGE)
            .text(&recording)
            .value(&offset)
            .value(&moment.span)
            .value(&avoid)
            .value(&self.options.policy)
            .text(&self.options.profile.text)
            .value(&(self.options.verify == Verify::Full))
            .value(&self.options.trim)
            .text(manifest.id.as_str())
            .value(&self.recordings.timeline.zero)
            .value(&manifest.all_languages())
            .value(&flagged)
            .value(&listed)
            .value(&shown)
            .value(&!self.session.has_log())
            .value(&self.session.loaded.products.is_empty())
            .finish()
    }
}

/// A clip's metadata as far as the file and its source tell.
pub fn bare_clip(cut: &CutClip, file: &crate::OpenRecording) -> Clip {
    let info = &cut.decoded.info;
    let video = info.video.as_ref();
    let in_file = file.media.info.span_in_file(cut.span);
    Clip {
        clip_id: String::new(),
        session_id: None,
        moment_id: None,
        span: cut.span,
        spans: vec![cut.span],
        duration_s: info.duration,
        width: video.map_or(0, |video| video.width),
        height: video.map_or(0, |video| video.height),
        fps: video.map_or(0.0, |video| video.fps()),
        video_codec: video.map_or_else(String::new, |video| video.codec.clone()),
        audio_codec: info.audio.as_ref().map(|audio| audio.codec.clone()),
        cut: Cut {
            method: if cut.copied > MediaDuration::ZERO {
                CutMethod::Smart
            } else {
                CutMethod::Encoded
            },
            copied_s: cut.copied,
            encoded_s: cut.encoded,
            notes: cut.notes.clone(),
        },
        products: Vec::new(),
        causes: Vec::new(),
        reasons: Vec::new(),
        attributed: None,
        words: Vec::new(),
        languages: Vec::new(),
        product_track: Vec::new(),
        verdicts: Vec::new(),
        grade: Grade::Rejected,
        grade_after_remix: Grade::Rejected,
        unverified: Vec::new(),
        post: Default::default(),
        source: Source {
            recording: file.uri.clone(),
            digest: file.digest.clone(),
            clip_blake3: blake3::hash(&cut.mp4).to_hex().to_string(),
            file_start_s: in_file.start,
            file_end_s: in_file.end,
            started_at: None,
            byte_ranges: cut.stats.byte_ranges.clone(),
        },
    }
}

/// What the rules are told of a clip that was just cut.
pub fn clip_facts<'a>(
    cut: &'a CutClip,
    source: Option<SourceFacts<'a>>,
    session: Option<SessionFacts<'a>>,
    phrases: &'a Phrases,
) -> ClipFacts<'a> {
    let info = &cut.decoded.info;
    let video = info.video.as_ref();
    ClipFacts {
        width: video.map_or(0, |video| video.width),
        height: video.map_or(0, |video| video.height),
        duration: info.duration,
        fps: video.map_or(0.0, |video| video.fps()),
        has_audio: info.audio.is_some(),
        evidence: &cut.decoded.evidence,
        source,
        session,
        phrases,
    }
}

/// What the rules are told of the recording that a clip was cut from; its times are the file's.
pub fn source_facts<'a>(file: &'a crate::OpenRecording, cut: &'a CutClip) -> SourceFacts<'a> {
    let video = file.media.info.video.as_ref();
    SourceFacts {
        name: &file.uri,
        digest: &file.digest,
        width: video.map_or(0, |video| video.width),
        height: video.map_or(0, |video| video.height),
        span: cut.span,
        evidence: Some(&cut.source),
        has_audio: file.media.info.audio.is_some(),
    }
}

/// The verdict that a rejected clip is rejected for, and its words.
pub fn rejection(clip: &Clip) -> (RuleId, String, Option<MediaDuration>) {
    let basic =
        |outcome| clip.verdicts.iter().find(|v| v.tier == Tier::Basic && v.verdict == outcome);
    match basic(Outcome::Fail).or_else(|| basic(Outcome::Unknown)) {
        Some(verdict) => (
            verdict.rule,
            verdict.detail.clone(),
            verdict.evidence.first().map(|e| e.clip_start_s - reprise_model::MediaTime::ZERO),
        ),
        None => (
            RuleId::LiveGenuine,
            "no rule is to blame; this is a defect of Reprise".to_owned(),
            None,
        ),
    }
}

fn avoid_fault(fault: &Fault) -> Option<Avoid> {
    let rule = match fault.kind {
        FaultKind::Gap
        | FaultKind::PictureGap
        | FaultKind::ClockJump
        | FaultKind::Corrupt
        | FaultKind::Lag => RuleId::VideoLag,
        FaultKind::SoundGap | FaultKind::Muted => RuleId::AudioDropout,
        FaultKind::Freeze => RuleId::VideoFreeze,
        FaultKind::Black => RuleId::VideoBlack,
        FaultKind::Overlap => return None,
    };
    Some(Avoid { span: fault.span, rule, detail: fault.detail.clone() })
}

fn avoid_rehearsal(span: Span) -> Avoid {
    Avoid {
        span,
        rule: RuleId::LiveGenuine,
        detail: format!("practice mode from {} to {}", span.start, span.end),
    }
}

/// Pictures of what failed, named in the verdicts' evidence.
fn failure_pictures(
    verdicts: &mut [Verdict],
    cut: &CutClip,
    workers: &MediaWorkers,
) -> Result<Vec<(String, Vec<u8>)>> {
    let source = Arc::new(MemorySource::new("clip.mp4", cut.mp4.clone()));
    let mut pictures = Vec::new();
    for verdict in verdicts.iter_mut().filter(|v| v.verdict == Outcome::Fail) {
        if !verdict.rule.as_str().starts_with("video.") {
            continue;
        }
        for evidence in verdict.evidence.iter_mut().take(2) {
            if pictures.len() >= MAX_EVIDENCE {
                return Ok(pictures);
            }
            let middle = evidence.clip_start_s
                + MediaDuration::from_flicks(
                    (evidence.clip_end_s - evidence.clip_start_s).flicks() / 2,
                );
            let name = format!("{}-{}.jpg", verdict.rule, pictures.len() + 1);
            let picture = workers.picture_at(source.clone(), &cut.decoded.media, middle)?;
            evidence.picture = Some(format!("evidence/{name}"));
            pictures.push((name, picture));
        }
    }
    Ok(pictures)
}
