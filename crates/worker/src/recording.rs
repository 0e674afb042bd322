//! A recording's files, opened, measured and put on one time line.

use std::sync::Arc;

use reprise_checks::Transcript;
use reprise_ingest::{Location, MeasuredPart, Timeline, resolve};
use reprise_media::{FileSource, Media};
use reprise_model::bytes::without_secrets;
use reprise_model::outcome::{Fault, RecordingSummary};
use reprise_model::session::RecordingEntry;
use reprise_model::{ByteSource, MediaDuration, MediaTime, Result, Span};
use reprise_transcode::MediaWorkers;

use crate::advice::read_transcript;
use crate::counted::Counted;
use crate::digest::of_source;

/// Opens a recording's bytes: a file of this machine, or what lies behind an `http://`, `https://` or
/// `s3://` address. Blocks.
///
/// # Errors
/// As [`FileSource::open`] and [`reprise_store::open_source`].
pub fn open_bytes(location: &Location) -> Result<Arc<dyn ByteSource>> {
    Ok(match location {
        Location::File(path) => FileSource::open(path)?,
        Location::Remote(uri) => reprise_store::open_source(uri)?,
    })
}

/// One file of a recording.
pub struct OpenRecording {
    /// As the manifest names it, without credentials.
    pub uri: String,
    /// Its bytes, counted as they are read.
    pub source: Arc<Counted>,
    /// What it is.
    pub media: Media,
    /// Digest of its bytes.
    pub digest: String,
    /// What is said in it, where the manifest names a transcript.
    pub transcript: Option<Transcript>,
}

impl OpenRecording {
    /// Opens and measures a file.
    ///
    /// # Errors
    /// Where it is missing, unreadable or no recording.
    pub fn open(location: &Location, uri: &str, workers: &MediaWorkers) -> Result<Self> {
        let source = Counted::new(open_bytes(location)?);
        let media = workers.probe(source.clone())?;
        let digest = of_source(source.as_ref())?;
        Ok(Self { uri: without_secrets(uri), source, media, digest, transcript: None })
    }
}

/// All files of a session's recording.
pub struct Recordings {
    /// In the order of the time line's parts.
    pub files: Vec<OpenRecording>,
    /// Where they lie.
    pub timeline: Timeline,
    /// What is wrong with them, on the time line.
    pub faults: Vec<Fault>,
    /// Lines of transcripts that could not be read, for people.
    pub told: Vec<String>,
}

impl Recordings {
    /// Opens the files that a manifest names, which are sorted by their start.
    ///
    /// # Errors
    /// As [`OpenRecording::open`] and [`Timeline::build`].
    pub fn open(
        base: &Location,
        entries: &[RecordingEntry],
        workers: &MediaWorkers,
    ) -> Result<Self> {
        let (mut files, mut parts, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            let location = resolve(base, &entry.uri);
            let mut file = OpenRecording::open(&location, &entry.uri, workers)?;
            if let Some(name) = &entry.transcript {
                let (transcript, notes) = read_transcript(&resolve(base, name))?;
                told.extend(notes);
                file.transcript = Some(transcript);
            }
            file.media.info.require_video()?;
            parts.push(MeasuredPart {
                uri: file.uri.clone(),
                started_at: entry.started_at,
                duration: file.media.info.duration,
            });
            files.push(file);
        }
        let timeline = Timeline::build(&parts)?;
        let mut faults = timeline.faults.clone();
        for (file, part) in files.iter().zip(&timeline.parts) {
            let offset = part.span.start - MediaTime::ZERO;
            faults.extend(file.media.info.faults.iter().map(|fault| Fault {
                span: shifted(fault.span, offset),
                detail: format!("{}: {}", file.uri, fault.detail),
                ..fault.clone()
            }));
        }
        faults.sort_by_key(|fault| (fault.span, fault.kind));
        Ok(Self { files, timeline, faults, told })
    }

    /// What the manifest said of the lengths that is not so.
    pub fn length_warnings(&self, entries: &[RecordingEntry]) -> Vec<String> {
        let mut warnings = Vec::new();
        for (entry, file) in entries.iter().zip(&self.files) {
            if let Some(stated) = entry.duration_s
                && (stated - file.media.info.duration).abs() > MediaDuration::from_millis(1000)
            {
                warnings.push(format!(
                    "{}: the manifest says {stated}, measured are {}; the measured length counts",
                    file.uri, file.media.info.duration
                ));
            }
        }
        warnings
    }

    /// For `session.json`.
    pub fn summary(&self) -> RecordingSummary {
        RecordingSummary {
            duration_s: self.timeline.duration,
            parts: self.timeline.parts.clone(),
            faults: self.faults.clone(),
        }
    }

    /// The file that holds most of `span`, and the stretch on that file's own clock.
    pub fn locate(&self, span: Span) -> Option<(usize, Span)> {
        self.timeline.locate(span).into_iter().max_by_key(|(_, shared)| shared.duration())
    }

    /// From a file's own clock to the time line.
    pub fn offset(&self, file: usize) -> MediaDuration {
        self.timeline
            .parts
            .get(file)
            .map_or(MediaDuration::ZERO, |part| part.span.start - MediaTime::ZERO)
    }
}

/// A span moved by `offset`.
pub fn shifted(span: Span, offset: MediaDuration) -> Span {
    Span::new(span.start + offset, span.end + offset)
}
