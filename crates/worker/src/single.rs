//! What needs no session: clips at times one names oneself, and the verdicts of any file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_checks::{
    ClipFacts, Evidence, LookFor, NoAdviser, SessionFacts, SourceFacts, check as check_rules, grade,
};
use reprise_ingest::{Location, MeasuredPart, Timeline};
use reprise_media::FileSource;
use reprise_model::bytes::without_secrets;
use reprise_model::clip::Clip;
use reprise_model::{Error, Grade, Kind, MediaDuration, MediaTime, Result, RuleId, Span, Verdict};
use reprise_transcode::{Decoded, MediaWorkers, Wanted, WindowOutcome, WindowRequest};
use serde::Serialize;

use crate::advice::OnRecording;
use crate::clip::{Judged, bare_clip, clip_facts, graded, source_facts};
use crate::digest::Key;
use crate::jobs;
use crate::options::{Progress, RunOptions};
use crate::recording::OpenRecording;
use crate::run::blocking;
use crate::session::OpenSession;

/// What to cut.
pub struct CutRequest {
    /// The recording.
    pub recording: Location,
    /// The stretches, from its first picture.
    pub windows: Vec<Span>,
    /// Folder that the clips go to.
    pub out: PathBuf,
}

/// A clip that was cut.
#[derive(Debug, Serialize)]
pub struct CutResult {
    /// Its file.
    pub file: PathBuf,
    /// Its metadata, which is also beside it.
    pub clip: Clip,
}

/// Cuts clips at given times, exact to the picture; each is checked as `run` checks its own.
///
/// # Errors
/// Where the recording cannot be opened; a window's own error is in its place in the list.
pub async fn cut(request: CutRequest, options: RunOptions) -> Result<Vec<Result<CutResult>>> {
    let (recording, workers) = (request.recording, options.workers.clone());
    let open = move || OpenRecording::open(&recording, &recording.to_string(), &workers);
    let file = Arc::new(blocking(open).await?);
    file.media.info.require_video()?;
    std::fs::create_dir_all(&request.out)
        .map_err(|error| Error::io(request.out.display().to_string(), error))?;
    // The same for a file and for what lies at an address that ends in its name.
    let stem = Path::new(&file.uri).file_stem().map_or("clip".into(), |s| s.to_string_lossy());
    let stem = stem.into_owned();
    (options.progress)(&Progress::Windows { total: request.windows.len() });
    let jobs_at_once = options.jobs;
    let windows: Vec<(usize, Span)> = request.windows.into_iter().enumerate().collect();
    let out = request.out;
    let progress = Arc::clone(&options.progress);
    let source = Arc::clone(&file.source);
    let made = jobs::each(windows, jobs_at_once, move |(index, span)| {
        let made = cut_one(&file, span, &options).and_then(|(clip, mp4, cover)| {
            let base = format!("{stem}-{:02}", index + 1);
            let path = out.join(format!("{base}.mp4"));
            let json = serde_json::to_vec_pretty(&clip)
                .map_err(|e| Error::new(Kind::Bug, "metadata cannot be written").caused_by(e))?;
            if let Some(cover) = &cover {
                write_whole(&out.join(format!("{base}.jpg")), cover)?;
            }
            write_whole(&path, &mp4)?;
            write_whole(&out.join(format!("{base}.json")), &json)?;
            Ok(CutResult { file: path, clip })
        });
        let detail = match &made {
            Ok(made) => format!("{} ({})", made.file.display(), made.clip.grade.as_str()),
            Err(error) => error.to_string(),
        };
        let moment_id = format!("{}", span.start);
        (options.progress)(&Progress::Window { moment_id, detail });
        made
    });
    let made = made.await;
    progress(&Progress::Stage { name: "read", detail: source.told() });
    Ok(made)
}

/// A clip's metadata, its file and its cover.
type Made = (Clip, Arc<[u8]>, Option<Vec<u8>>);

fn cut_one(file: &OpenRecording, span: Span, options: &RunOptions) -> Result<Made> {
    let request = WindowRequest {
        media: &file.media,
        moment: span,
        exact: true,
        avoid: &[],
        look_for: &LookFor::default(),
        wanted: &Wanted::default(),
        policy: &options.policy,
        trim: &options.trim,
        encode: &options.profile.settings,
        verify: options.verify,
    };
    let look_for = options.advice.completed(LookFor::default());
    let adviser = OnRecording { advice: &options.advice, transcript: None };
    let request = WindowRequest { look_for: &look_for, ..request };
    let cut = match options.workers.run_window(file.source.clone(), &request, &adviser)? {
        WindowOutcome::Clip(cut) => cut,
        WindowOutcome::Nothing(refusal) => return Err(Error::new(Kind::Bug, refusal.detail)),
    };
    let mut clip = bare_clip(&cut, file);
    let key = Key::new("cut").text(&file.digest).value(&cut.span).text(&options.profile.text);
    clip.clip_id = format!("cut-{}", &key.finish()[..8]);
    let judged = Judged::cut(&cut);
    let source = Some(source_facts(file, cut.span, &cut.source));
    let facts = clip_facts(&judged, source, None, &options.phrases);
    clip.verdicts = check_rules(&facts, &options.policy);
    graded(&mut clip, &options.policy);
    let cut = *cut;
    Ok((clip, cut.mp4, cut.cover))
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let store = reprise_store::FolderStore::open(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let key = reprise_store::Key::new(name)?;
    reprise_store::ObjectStore::put(&store, &key, bytes, reprise_store::PutOptions::for_key(&key))
}

/// What to check.
pub struct CheckRequest {
    /// The clip.
    pub clip: PathBuf,
    /// The session it belongs to.
    pub session: Option<PathBuf>,
    /// The recording it was cut from, and where in it the clip starts.
    pub source: Option<(Location, MediaTime)>,
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
    let source = FileSource::open(&request.clip)?;
    let decoded = options.workers.decode_clip(source, &LookFor::default(), &NoAdviser)?;
    let Decoded { media, evidence, damaged_packets } = decoded;
    let info = media.info;
    let video = info.video.as_ref();
    let mut session = request.session.as_deref().map(OpenSession::open).transpose()?;
    let original = match &request.source {
        Some((location, at)) => {
            Some(Original::open(location, *at, info.duration, &options.workers)?)
        }
        None => None,
    };
    let zero = match (&mut session, &original) {
        (Some(session), Some(original)) => {
            let (zero, offset) = session_clock(session, original)?;
            session.align(zero, offset + original.file.media.info.duration);
            Some((zero, offset))
        }
        _ => None,
    };
    let products = session.as_ref().map(|s| s.loaded.products.as_slice()).unwrap_or_default();
    let facts = ClipFacts {
        width: video.map_or(0, |video| video.width),
        height: video.map_or(0, |video| video.height),
        duration: info.duration,
        fps: video.map_or(0.0, |video| video.fps()),
        has_audio: info.audio.is_some(),
        evidence: &evidence,
        source: original.as_ref().map(Original::facts),
        // Without a place in the recording the log says nothing of the clip.
        session: session.as_ref().zip(original.as_ref()).zip(zero).map(
            |((session, original), (zero, offset))| SessionFacts {
                session_id: session.loaded.manifest.id.as_str(),
                zero,
                has_log: session.has_log(),
                events: &session.log.kept,
                product_uses: &session.product_uses,
                languages: &session.languages,
                brands: &session.loaded.manifest.brands,
                products,
                clip_products: &[],
                clip_span: crate::recording::shifted(original.span, offset),
            },
        ),
        phrases: &options.phrases,
    };
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
        damaged_packets,
    })
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
