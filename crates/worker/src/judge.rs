//! The verdicts of any clip, also one that was made elsewhere, with as much context as is given.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use reprise_checks::{
    Evidence, LookFor, NoAdviser, SessionFacts, SourceFacts, check as check_rules, grade,
};
use reprise_ingest::{Location, MeasuredPart, Timeline};
use reprise_media::FileSource;
use reprise_model::bytes::without_secrets;
use reprise_model::event::EventKind;
use reprise_model::{
    Error, Grade, Kind, MediaDuration, MediaTime, Result, RuleId, Span, Verdict, WallTime,
};
use reprise_transcode::MediaWorkers;
use serde::Serialize;

use crate::advice::{OnRecording, read_transcript};
use crate::clip::{Judged, clip_facts};
use crate::options::{Progress, RunOptions};
use crate::recording::OpenRecording;
use crate::session::OpenSession;

/// What to check.
pub struct CheckRequest {
    /// The clip.
    pub clip: PathBuf,
    /// The session it belongs to.
    pub session: Option<PathBuf>,
    /// The recording it was cut from, and where in it the clip starts.
    pub source: Option<(Location, MediaTime)>,
    /// Ids of the session's products that the clip is linked to; where none are named, those that
    /// are shown.
    pub products: Vec<String>,
    /// What is said in the clip: `.srt`, `.vtt` or `.json`.
    pub transcript: Option<PathBuf>,
}

/// The verdicts of a file.
#[derive(Debug, Serialize)]
pub struct CheckResult {
    /// The file.
    pub clip: String,
    /// Its length.
    pub duration_s: MediaDuration,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second.
    pub fps: f64,
    /// Every rule's answer.
    pub verdicts: Vec<Verdict>,
    /// The grade.
    pub grade: Grade,
    /// The grade it would have with a remix's overlays.
    pub grade_after_remix: Grade,
    /// Rules that could not be checked.
    pub unverified: Vec<RuleId>,
    /// Packets that could not be decoded.
    pub damaged_packets: u64,
}

/// Checks any clip.
///
/// # Errors
/// Where a file cannot be read. A verdict is no error.
pub fn check(request: &CheckRequest, options: &RunOptions) -> Result<CheckResult> {
    let mut session = request.session.as_deref().map(OpenSession::open).transpose()?;
    if let Some(session) = &mut session {
        session.read_materials(&options.advice);
    }
    let look_for = match &session {
        Some(session) => session.look_for.clone(),
        None => options.advice.completed(LookFor::default()),
    };
    let transcript = match &request.transcript {
        Some(path) => {
            let (transcript, notes) = read_transcript(&Location::of_argument(path))?;
            notes.into_iter().for_each(|note| (options.progress)(&Progress::Warning(note)));
            Some(transcript)
        }
        None => None,
    };
    let adviser =
        OnRecording { advice: &options.advice, transcript: transcript.as_ref(), about: None };
    let source = FileSource::open(&request.clip)?;
    let decoded = options.workers.decode_clip(source, &look_for, &adviser)?;
    let info = &decoded.media.info;
    let original = match &request.source {
        Some((location, at)) => {
            Some(Original::open(location, *at, info.duration, &options.workers)?)
        }
        None => None,
    };
    let place = match (&mut session, &original) {
        (Some(session), Some(original)) => {
            let (zero, offset) = session_clock(session, original)?;
            session.align(zero, offset + original.file.media.info.duration);
            Some((zero, crate::recording::shifted(original.span, offset)))
        }
        _ => None,
    };
    let linked = match &session {
        Some(session) => linked(request, session, place)?,
        None => Vec::new(),
    };
    let facts = session.as_ref().map(|session| SessionFacts {
        session_id: session.loaded.manifest.id.as_str(),
        zero: place.map_or_else(WallTime::default, |(zero, _)| zero),
        has_log: session.has_log(),
        events: &session.log.kept,
        product_uses: &session.product_uses,
        languages: &session.languages,
        brands: &session.loaded.manifest.brands,
        products: &session.loaded.products,
        clip_products: &linked,
        clip_span: place.map(|(_, span)| span),
    });
    let judged = Judged {
        evidence: Cow::Borrowed(&decoded.evidence),
        info,
        duration: info.duration,
        span: original.as_ref().map_or(info.span(), |original| original.span),
    };
    let recording = original.as_ref().map(Original::facts);
    let facts = clip_facts(&judged, recording, facts, &options.phrases);
    let verdicts = check_rules(&facts, &options.policy);
    let grading = grade(&verdicts, &options.policy);
    Ok(CheckResult {
        clip: request.clip.display().to_string(),
        duration_s: info.duration,
        width: facts.width,
        height: facts.height,
        fps: facts.fps,
        verdicts,
        grade: grading.grade,
        grade_after_remix: grading.grade_after_remix,
        unverified: grading.unverified,
        damaged_packets: decoded.damaged_packets,
    })
}

/// The products that the clip is linked to: those that were named, or else the one that was pinned
/// in the middle of it.
fn linked(
    request: &CheckRequest,
    session: &OpenSession,
    place: Option<(WallTime, Span)>,
) -> Result<Vec<String>> {
    let listed = &session.loaded.products;
    if let Some(id) = request.products.iter().find(|id| !listed.iter().any(|p| p.id == **id)) {
        let known: Vec<&str> = listed.iter().map(|product| product.id.as_str()).collect();
        let words = format!("--product: the session has no `{id}`; it has {}", known.join(", "));
        return Err(Error::new(Kind::Usage, words));
    }
    if !request.products.is_empty() {
        return Ok(request.products.clone());
    }
    let Some((zero, span)) = place else { return Ok(Vec::new()) };
    let middle = span.start + MediaDuration::from_flicks(span.duration().flicks() / 2);
    let mut pins: Vec<(MediaTime, Option<&str>)> = session
        .log
        .kept
        .iter()
        .filter_map(|event| {
            let at = MediaTime::ZERO + event.at.since(zero);
            match &event.kind {
                EventKind::Pin { product_id } => Some((at, Some(product_id.as_str()))),
                EventKind::Unpin { .. } => Some((at, None)),
                _ => None,
            }
        })
        .filter(|&(at, _)| at <= middle)
        .collect();
    pins.sort_by_key(|&(at, _)| at);
    Ok(pins.last().and_then(|&(_, id)| id).map(str::to_owned).into_iter().collect())
}

/// The recording's stretch that a clip claims to show.
struct Original {
    file: OpenRecording,
    span: Span,
    evidence: Evidence,
}

impl Original {
    fn open(
        location: &Location,
        at: MediaTime,
        length: MediaDuration,
        workers: &MediaWorkers,
    ) -> Result<Self> {
        let file = OpenRecording::open(location, &location.to_string(), workers)?;
        let span = Span::new(at, at + length);
        let whole = file.media.info.span();
        if span.intersect(whole).is_empty() {
            return Err(Error::new(
                Kind::Usage,
                format!("is {} long, so no clip starts at {at}", file.media.info.duration),
            )
            .in_file(file.uri));
        }
        let shown = span.intersect(whole);
        let evidence = workers.look(
            file.source.clone(),
            &file.media,
            shown,
            &LookFor::faults(),
            &NoAdviser,
        )?;
        Ok(Self { span, evidence, file })
    }

    fn facts(&self) -> SourceFacts<'_> {
        let video = self.file.media.info.video.as_ref();
        SourceFacts {
            name: &self.file.uri,
            digest: &self.file.digest,
            width: video.map_or(0, |video| video.width),
            height: video.map_or(0, |video| video.height),
            span: self.span,
            evidence: Some(&self.evidence),
            has_audio: self.file.media.info.audio.is_some(),
        }
    }
}

/// The session's zero, and where the recording lies on its time line: found by the file's name
/// among the manifest's recordings, or the only recording there is.
fn session_clock(
    session: &OpenSession,
    original: &Original,
) -> Result<(reprise_model::WallTime, MediaDuration)> {
    let manifest = &session.loaded.manifest;
    let name = Path::new(&original.file.uri).file_name();
    let entry = manifest
        .recordings
        .iter()
        .find(|entry| Path::new(&without_secrets(&entry.uri)).file_name() == name)
        .or_else(|| manifest.recordings.first().filter(|_| manifest.recordings.len() == 1))
        .ok_or_else(|| {
            Error::new(Kind::Usage, "is none of the session's recordings")
                .in_file(original.file.uri.clone())
        })?;
    let first = manifest.recordings.iter().map(|r| r.started_at).min().unwrap_or(entry.started_at);
    let timeline = Timeline::build(&[MeasuredPart {
        uri: without_secrets(&entry.uri),
        started_at: first,
        duration: original.file.media.info.duration,
    }])?;
    Ok((timeline.zero, entry.started_at.since(first)))
}
