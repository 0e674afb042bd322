//! A session, opened: manifest, event log, moments. Media is measured only where it is needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reprise_ingest::{
    EventLog, LoadedSession, MeasuredPart, Timeline, load_session, read_events, resolve,
};
use reprise_media::{FileSource, probe};
use reprise_model::{MediaDuration, Result, Span, WallTime};
use reprise_segment::{Input, Segmentation, Settings, segment};

/// A session's manifest and event log.
pub struct OpenSession {
    /// The manifest.
    pub loaded: LoadedSession,
    /// The log; empty where the session has none.
    pub log: EventLog,
    /// How often each product was ordered or opened.
    pub product_uses: BTreeMap<String, u64>,
}

impl OpenSession {
    /// Reads the manifest and the log.
    ///
    /// # Errors
    /// As [`load_session`] and [`read_events`].
    pub fn open(path: &Path) -> Result<Self> {
        let loaded = load_session(path)?;
        let log = match &loaded.manifest.events {
            Some(entry) => {
                let paths: Vec<PathBuf> = entry
                    .log
                    .0
                    .iter()
                    .map(|path| resolve(&loaded.base, path).into_file())
                    .collect::<Result<_>>()?;
                read_events(&paths, entry.bad_line_share_max)?
            }
            None => EventLog::default(),
        };
        let product_uses = log.observations.product_uses();
        Ok(Self { loaded, log, product_uses })
    }

    /// Whether the log says anything.
    pub fn has_log(&self) -> bool {
        !self.log.observations.is_empty()
    }

    /// Puts the log on the clock of a recording that begins at `zero`, where it is a time zone off.
    pub fn align(&mut self, zero: WallTime, duration: MediaDuration) {
        self.log.align(zero, duration);
    }

    /// Finds the moments on a time line.
    pub fn segment(
        &self,
        zero: WallTime,
        duration: MediaDuration,
        recorded: &[Span],
        settings: &Settings,
    ) -> Segmentation {
        let (log, products) = (&self.log.observations, self.loaded.products.as_slice());
        segment(&Input { zero, duration, recorded, log, products }, settings)
    }
}

/// The moments of a session.
pub struct SegmentResult {
    /// What was segmented.
    pub session: OpenSession,
    /// The time line.
    pub timeline: Timeline,
    /// The moments.
    pub segmentation: Segmentation,
}

/// Reads a session and finds its moments. Media is touched only where a recording's length is not
/// stated in the manifest.
///
/// # Errors
/// As [`OpenSession::open`], and where a length must be measured and cannot be.
pub fn segment_session(path: &Path, settings: &Settings) -> Result<SegmentResult> {
    let mut session = OpenSession::open(path)?;
    let mut parts = Vec::new();
    for entry in &session.loaded.manifest.recordings {
        let duration = match entry.duration_s {
            Some(stated) => stated,
            None => {
                let file = resolve(&session.loaded.base, &entry.uri).into_file()?;
                probe(FileSource::open(&file)?)?.duration
            }
        };
        parts.push(MeasuredPart { uri: entry.uri.clone(), started_at: entry.started_at, duration });
    }
    let timeline = Timeline::build(&parts)?;
    session.align(timeline.zero, timeline.duration);
    let segmentation =
        session.segment(timeline.zero, timeline.duration, &timeline.recorded(), settings);
    Ok(SegmentResult { session, timeline, segmentation })
}
