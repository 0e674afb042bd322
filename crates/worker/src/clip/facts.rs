//! What rules and metadata are told of a clip that was just cut.

use std::borrow::Cow;

use reprise_checks::{
    ClipFacts, Evidence, Phrases, Policy, SessionFacts, SourceFacts, check, grade,
};
use reprise_media::MediaInfo;
use reprise_model::clip::{
    Clip, ClipOverlay, Cut, CutMethod, FaceSighting, Moved, ProductSighting, Source, Word,
};
use reprise_model::session::Visibility;
use reprise_model::{Grade, MediaDuration, MediaTime, Outcome, RuleId, Span, Verdict};
use reprise_transcode::CutClip;

use super::ClipContext;
use crate::recording::shifted;

impl ClipContext<'_> {
    /// Every rule's answer to what lies at `judged.span` of a file of the recording.
    pub(super) fn verdicts(
        &self,
        judged: &Judged<'_>,
        index: usize,
        source: &Evidence,
        ids: &[String],
    ) -> Vec<Verdict> {
        let file = &self.recordings.files[index];
        let session = SessionFacts {
            session_id: self.session.loaded.manifest.id.as_str(),
            zero: self.recordings.timeline.zero,
            has_log: self.session.has_log(),
            events: &self.session.log.kept,
            product_uses: &self.session.product_uses,
            languages: &self.session.languages,
            brands: &self.session.loaded.manifest.brands,
            products: &self.session.loaded.products,
            clip_products: ids,
            clip_span: Some(shifted(judged.span, self.recordings.offset(index))),
        };
        let recording = source_facts(file, judged.span, source);
        let facts = clip_facts(judged, Some(recording), Some(session), &self.options.phrases);
        check(&facts, &self.options.policy)
    }

    /// The cut held against one at the moment's own edges.
    pub(super) fn moved(
        &self,
        cut: &CutClip,
        moment: Span,
        index: usize,
        ids: &[String],
        verdicts: &[Verdict],
    ) -> Moved {
        let moment = moment.intersect(self.recordings.files[index].media.info.span());
        let untouched = Judged::untouched(cut, moment);
        let before = self.verdicts(&untouched, index, &cut.source, ids);
        let passes = |of: &[Verdict], rule: RuleId| {
            of.iter().any(|v| v.rule == rule && v.verdict == Outcome::Pass)
        };
        let turned = |from: &[Verdict], to: &[Verdict]| -> Vec<RuleId> {
            let turned = |rule: &RuleId| !passes(from, *rule) && passes(to, *rule);
            RuleId::ALL.iter().copied().filter(turned).collect()
        };
        Moved {
            start_by_s: cut.span.start - moment.start,
            end_by_s: cut.span.end - moment.end,
            untouched_grade: grade(&before, &self.options.policy).grade,
            gained: turned(&before, verdicts),
            lost: turned(verdicts, &before),
        }
    }
}

/// Fills in the grade that a clip's verdicts give.
pub fn graded(clip: &mut Clip, policy: &Policy) {
    let grading = grade(&clip.verdicts, policy);
    clip.grade = grading.grade;
    clip.grade_after_remix = grading.grade_after_remix;
    clip.unverified = grading.unverified;
}

/// Where products are in a clip, on its own time line and in its own pixels.
fn product_track(evidence: &Evidence, scale: f32) -> Vec<ProductSighting> {
    let sighting = |seen: &reprise_checks::ProductSighting| ProductSighting {
        clip_time_s: seen.time.max(MediaTime::ZERO),
        product_id: seen.product.clone(),
        corners: scaled(&seen.corners, scale),
    };
    // A track names one product: what cannot be told from another is left out.
    let certain = evidence.products.sightings().iter().filter(|seen| seen.undecided.is_none());
    certain.map(sighting).collect()
}

/// Corners in the clip's pixels, to a tenth.
pub(super) fn scaled(corners: &[[f64; 2]; 4], scale: f32) -> [[f32; 2]; 4] {
    corners.map(|corner| corner.map(|x| (x * f64::from(scale) * 10.0).round() as f32 / 10.0))
}

/// Where the host's face is in a clip of this size, on its own time line.
fn faces(evidence: &Evidence, (width, height): (u32, u32)) -> Vec<FaceSighting> {
    let size = [width, height, width, height].map(f64::from);
    let sighting = |sample: &reprise_checks::PeopleSample| {
        let face = sample.face?;
        let area = std::array::from_fn(|index| (face[index] * size[index] * 10.0).round() / 10.0);
        Some(FaceSighting { clip_time_s: sample.time.max(MediaTime::ZERO), area })
    };
    evidence.people.samples().iter().filter_map(sighting).collect()
}

/// What the LIVE laid over the picture, in pixels of a clip of this width: marks that are surely laid
/// over, or stand on a card.
fn overlays(evidence: &Evidence, width: u32) -> Vec<ClipOverlay> {
    let scale = f64::from(width) / f64::from(evidence.marks.width.max(1));
    let laid = evidence.marks.marks.iter().filter(|mark| mark.over || mark.card);
    let overlay = |mark: &reprise_checks::Mark| ClipOverlay {
        span: mark.span.into(),
        area: mark.area.map(|value| (f64::from(value) * scale).round()),
    };
    laid.map(overlay).collect()
}

/// What is said in a clip, on its own time line.
fn words(evidence: &Evidence) -> Vec<Word> {
    let words = evidence.transcript.iter().flat_map(|transcript| &transcript.words);
    let word = |word: &reprise_checks::SpokenWord| Word {
        text: word.text.clone(),
        clip_start_s: word.start.max(MediaTime::ZERO),
        clip_end_s: word.end.max(MediaTime::ZERO),
    };
    words.map(word).collect()
}

/// A clip's metadata as far as the file and its source tell.
pub fn bare_clip(cut: &CutClip, file: &crate::OpenRecording) -> Clip {
    let info = &cut.decoded.media.info;
    let video = info.video.as_ref();
    let in_file = file.media.info.span_in_file(cut.span);
    Clip {
        clip_id: String::new(),
        session_id: None,
        visibility: Visibility::Owner,
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
            moved: None,
        },
        products: Vec::new(),
        causes: Vec::new(),
        reasons: Vec::new(),
        attributed: None,
        words: words(&cut.decoded.evidence),
        languages: Vec::new(),
        product_track: product_track(&cut.decoded.evidence, cut.scale(&file.media)),
        faces: faces(
            &cut.decoded.evidence,
            video.map_or((0, 0), |video| (video.width, video.height)),
        ),
        overlays: overlays(&cut.decoded.evidence, video.map_or(0, |video| video.width)),
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

/// What is judged: what a file, or a stretch that might become one, is and shows.
pub struct Judged<'a> {
    /// On its own time line.
    pub evidence: Cow<'a, Evidence>,
    /// What the file is.
    pub info: &'a MediaInfo,
    /// Its length.
    pub duration: MediaDuration,
    /// Where it lies on the recording's own line.
    pub span: Span,
}

impl<'a> Judged<'a> {
    /// A clip that was cut.
    pub fn cut(cut: &'a CutClip) -> Self {
        Self {
            evidence: Cow::Borrowed(&cut.decoded.evidence),
            info: &cut.decoded.media.info,
            duration: cut.decoded.media.info.duration,
            span: cut.span,
        }
    }

    /// A clip of exactly `span`, had it been cut there.
    fn untouched(cut: &'a CutClip, span: Span) -> Self {
        let evidence = cut.source.within(span).shifted(MediaTime::ZERO - span.start);
        Self {
            evidence: Cow::Owned(evidence),
            info: &cut.decoded.media.info,
            duration: span.duration(),
            span,
        }
    }
}

/// What the rules are told of it.
pub fn clip_facts<'a>(
    judged: &'a Judged<'_>,
    source: Option<SourceFacts<'a>>,
    session: Option<SessionFacts<'a>>,
    phrases: &'a Phrases,
) -> ClipFacts<'a> {
    let video = judged.info.video.as_ref();
    ClipFacts {
        width: video.map_or(0, |video| video.width),
        height: video.map_or(0, |video| video.height),
        duration: judged.duration,
        fps: video.map_or(0.0, |video| video.fps()),
        has_audio: judged.info.audio.is_some(),
        evidence: &judged.evidence,
        source,
        session,
        phrases,
    }
}

/// What the rules are told of the recording that a clip was cut from; its times are the file's.
pub fn source_facts<'a>(
    file: &'a crate::OpenRecording,
    span: Span,
    evidence: &'a Evidence,
) -> SourceFacts<'a> {
    let video = file.media.info.video.as_ref();
    SourceFacts {
        name: &file.uri,
        digest: &file.digest,
        width: video.map_or(0, |video| video.width),
        height: video.map_or(0, |video| video.height),
        span,
        evidence: Some(evidence),
        has_audio: file.media.info.audio.is_some(),
    }
}
