//! A session, opened: manifest, event log, moments. Media is measured only where it is needed.

use std::collections::BTreeMap;
use std::path::Path;

use reprise_checks::LookFor;
use reprise_ingest::{
    EventLog, Guard, LoadedSession, Location, MeasuredPart, Timeline, load_session_within,
    read_events, resolve,
};
use reprise_media::release_memory;
use reprise_model::bytes::without_secrets;
use reprise_model::explanation::Explanation;
use reprise_model::{MediaDuration, MediaTime, Result, Span, WallTime};
use reprise_segment::{Input, Segmentation, Settings, explain, segment};
use reprise_transcode::MediaWorkers;

use crate::advice::Advice;
use crate::materials::{digest_of, look_for};
use crate::options::RunOptions;

use crate::recording::open_bytes;

/// A session's manifest and event log.
pub struct OpenSession {
    /// The manifest.
    pub loaded: LoadedSession,
    /// The log; empty where the session has none.
    pub log: EventLog,
    /// How often each product was ordered or opened.
    pub product_uses: BTreeMap<String, u64>,
    /// Languages of the market.
    pub languages: Vec<String>,
    /// What is searched for in the pictures.
    pub look_for: LookFor,
    /// Digest of it.
    pub materials: String,
    /// Pictures that could not be read, for people.
    pub left_out: Vec<String>,
}

impl OpenSession {
    /// Reads the manifest and the log.
    ///
    /// # Errors
    /// As [`load_session_within`] and [`read_events`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_within(path, &|_| Ok(()))
    }

    /// As [`OpenSession::open`]; `guard` is asked before anything is read.
    ///
    /// # Errors
    /// As there, and those of `guard`.
    pub fn open_within(path: &Path, guard: &Guard) -> Result<Self> {
        let loaded = load_session_within(path, guard)?;
        let log = match &loaded.manifest.events {
            Some(entry) => {
                let places: Vec<Location> =
                    entry.log.0.iter().map(|name| resolve(&loaded.base, name)).collect();
                read_events(&places, entry.bad_line_share_max)?
            }
            None => EventLog::default(),
        };
        // What parsing a long log took is given back before the search begins.
        release_memory();
        let product_uses = log.observations.product_uses();
        let languages = loaded.manifest.all_languages();
        Ok(Self {
            loaded,
            log,
            product_uses,
            languages,
            look_for: LookFor::default(),
            materials: String::new(),
            left_out: Vec::new(),
        })
    }

    /// Reads the pictures that the manifest names, and takes what this machine has to search with.
    pub fn read_materials(&mut self, advice: &Advice) {
        let (look_for, left_out) = look_for(&self.loaded);
        self.materials = digest_of(&look_for);
        self.look_for = advice.completed(look_for);
        self.left_out = left_out;
    }

    /// Names that belong to the LIVE: brands, and what its products are called.
    pub fn names(&self) -> Vec<String> {
        let products = self.loaded.products.iter();
        let named = products.flat_map(|product| product.brand.iter().chain([&product.title]));
        self.loaded.manifest.brands.iter().chain(named).cloned().collect()
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
        segment(&self.input(zero, duration, recorded), settings)
    }

    fn input<'a>(
        &'a self,
        zero: WallTime,
        duration: MediaDuration,
        recorded: &'a [Span],
    ) -> Input<'a> {
        Input {
            zero,
            duration,
            recorded,
            log: &self.log.observations,
            products: &self.loaded.products,
        }
    }

    /// The time line; a recording whose length the manifest does not state is measured.
    fn timeline(&self, workers: &MediaWorkers) -> Result<Timeline> {
        let mut parts = Vec::new();
        for entry in &self.loaded.manifest.recordings {
            let duration = match entry.duration_s {
                Some(stated) => stated,
                None => {
                    let source = open_bytes(&resolve(&self.loaded.base, &entry.uri))?;
                    workers.probe(source)?.info.duration
                }
            };
            let (uri, started_at) = (without_secrets(&entry.uri), entry.started_at);
            parts.push(MeasuredPart { uri, started_at, duration });
        }
        Timeline::build(&parts)
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

/// What was asked of one second of a session.
pub struct ExplainResult {
    /// The session.
    pub session: OpenSession,
    /// What was seen there, and why it was or was not chosen.
    pub explanation: Explanation,
}

/// Reads a session and finds its moments. Media is touched only where a recording's length is not
/// stated in the manifest.
///
/// # Errors
/// As [`OpenSession::open`], and where a length must be measured and cannot be.
pub fn segment_session(path: &Path, options: &RunOptions) -> Result<SegmentResult> {
    let mut session = OpenSession::open(path)?;
    let timeline = session.timeline(&options.workers)?;
    session.align(timeline.zero, timeline.duration);
    let segmentation =
        session.segment(timeline.zero, timeline.duration, &timeline.recorded(), &options.segment);
    Ok(SegmentResult { session, timeline, segmentation })
}

/// Reads a session as [`segment_session`] does and explains one second of it.
///
/// # Errors
/// As [`segment_session`], and [`reprise_model::Kind::Usage`] where `at` lies outside the recording.
pub fn explain_session(path: &Path, options: &RunOptions, at: MediaTime) -> Result<ExplainResult> {
    let mut session = OpenSession::open(path)?;
    let timeline = session.timeline(&options.workers)?;
    session.align(timeline.zero, timeline.duration);
    let recorded = timeline.recorded();
    let input = session.input(timeline.zero, timeline.duration, &recorded);
    let explanation = explain(&input, &options.segment, at)?;
    Ok(ExplainResult { session, explanation })
}
