//! Clips at times one names oneself; no session is needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reprise_checks::{LookFor, check as check_rules};
use reprise_ingest::Location;
use reprise_model::clip::Clip;
use reprise_model::{Error, Kind, Result, Span};
use reprise_transcode::{Wanted, WindowOutcome, WindowRequest};
use serde::Serialize;

use crate::advice::OnRecording;
use crate::clip::{Judged, bare_clip, clip_facts, graded, source_facts};
use crate::digest::Key;
use crate::jobs;
use crate::options::{Progress, RunOptions};
use crate::recording::OpenRecording;
use crate::run::blocking;

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
    let look_for = options.advice.completed(LookFor::default());
    let adviser = OnRecording { advice: &options.advice, transcript: None, about: None };
    let request = WindowRequest {
        media: &file.media,
        moment: span,
        exact: true,
        avoid: &[],
        look_for: &look_for,
        wanted: &Wanted::default(),
        policy: &options.policy,
        trim: &options.trim,
        encode: &options.profile.settings,
        verify: options.verify,
    };
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
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let store = reprise_store::FolderStore::open(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let key = reprise_store::Key::new(name)?;
    reprise_store::ObjectStore::put(&store, &key, bytes, reprise_store::PutOptions::for_key(&key))
}
