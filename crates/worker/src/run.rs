//! The whole job for one LIVE: `reprise run`.
//!
//! 1. ingest: manifest, log, recordings on one time line.
//! 2. If a finished run has the same key, nothing is done.
//! 3. segment: moments.
//! 4. For each confident moment, side by side: look, trim, transcode, check, grade.
//! 5. publish: report, `session.json` last, then what no run names is swept.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use reprise_checks::{LiveFacts, Window, best_practices};
use reprise_model::clip::Clip;
use reprise_model::moment::Moment;
use reprise_model::outcome::{ClipSummary, NotClipped, SessionOutcome};
use reprise_model::session::Product;
use reprise_model::{Error, Kind, Result, WallTime};
use reprise_publish::{ClipFolder, ReportData, RunManifest, SessionFolder, render};
use reprise_segment::Segmentation;
use reprise_store::ObjectStore;
use tracing::{Instrument, info_span};

use crate::clip::{ClipContext, ClipOutcome, Made, STAGE, rejection};
use crate::digest::Key;
use crate::jobs;
use crate::options::{Progress, RunOptions};
use crate::recording::Recordings;
use crate::session::OpenSession;
use crate::share::{self, Unmade};

/// What a run made.
pub struct RunResult {
    /// What `session.json` says.
    pub outcome: SessionOutcome,
    /// Whether an earlier run had made all of it.
    pub nothing_to_do: bool,
    /// Where `session.json` is.
    pub session_json: String,
    /// Where the report is.
    pub report: String,
    /// Where the clips are, in the moments' order.
    pub clips: Vec<String>,
}

/// Runs the whole job for a session into a store.
///
/// # Errors
/// Where the manifest, the log or a recording cannot be read, or the store fails. A moment that
/// becomes no clip is no error.
pub async fn run(
    session: &Path,
    store: Arc<dyn ObjectStore>,
    options: RunOptions,
) -> Result<RunResult> {
    let tell = Arc::clone(&options.progress);
    let stage = |name, detail: String| tell(&Progress::Stage { name, detail });

    stage("ingest", session.display().to_string());
    let (session, recordings) = open(session, &options).instrument(info_span!("ingest")).await?;
    for warning in &session.loaded.warnings {
        tell(&Progress::Warning(warning.to_string()));
    }
    for left_out in session.left_out.iter().chain(&recordings.told) {
        tell(&Progress::Warning(left_out.clone()));
    }
    for skipped in &session.log.summary.skipped {
        tell(&Progress::Warning(format!(
            "{} event lines skipped: {} ({})",
            skipped.count,
            skipped.reason,
            skipped.examples.join(", ")
        )));
    }
    for warning in recordings.length_warnings(&session.loaded.manifest.recordings) {
        tell(&Progress::Warning(warning));
    }

    let run_key = run_key(&session, &recordings, &options);
    let job = Arc::new(Job { session, recordings, options, store, run_key });
    job.context().folder.begin()?;
    if let Some(done) = job.finished_before()? {
        return Ok(done);
    }

    stage("segment", format!("{} events", job.session.log.summary.taken));
    let segmentation = info_span!("segment").in_scope(|| job.segment());
    for note in &segmentation.notes {
        tell(&Progress::Warning(note.clone()));
    }
    let moments: Vec<Moment> =
        segmentation.moments.iter().filter(|moment| moment.confident).cloned().collect();

    stage("clips", format!("{} moments", moments.len()));
    tell(&Progress::Windows { total: moments.len() });
    let worker = Arc::clone(&job);
    let all = info_span!("clips", moments = moments.len());
    // Clips are made on other threads.
    let within = all.clone();
    let make = move |moment: &Moment| {
        let clip = info_span!(parent: &within, "clip", moment = moment.id);
        let made = clip.in_scope(|| worker.context().make(moment));
        let detail = match &made {
            Ok((_, ClipOutcome::Shipped(made))) => {
                let clip = &made.clip;
                format!("{} ({}, {})", clip.clip_id, clip.duration_s, clip.grade.as_str())
            }
            Ok((_, ClipOutcome::Rejected(made))) => {
                let (rule, detail, _) = rejection(&made.clip);
                format!("rejected by {rule}: {detail}")
            }
            Ok((_, ClipOutcome::Nothing(refusal))) => {
                format!("no clip, {}: {}", refusal.rule, refusal.detail)
            }
            Err(error) => format!("no clip: {error}"),
        };
        let moment_id = moment.id.clone();
        (worker.options.progress)(&Progress::Window { moment_id, detail });
        made
    };
    let wait = |sign| tell(&Progress::Waiting { sign });
    let share = job.options.share.clone();
    let made =
        share::each(share, moments.clone(), job.options.jobs, make, wait).instrument(all).await;

    for file in &job.recordings.files {
        stage("read", file.source.told());
    }
    stage("publish", job.context().folder.prefix().to_owned());
    let publish = info_span!("publish");
    blocking(move || publish.in_scope(|| job.publish(&segmentation, &moments, made))).await
}

/// Makes the clip of one window of a session, for a worker that makes the whole of it.
///
/// # Errors
/// As [`run`]; that the window becomes no clip is none, and neither is a recording that cannot be
/// read there.
pub async fn run_window(
    session: &Path,
    store: Arc<dyn ObjectStore>,
    options: RunOptions,
    moment: Moment,
) -> Result<Result<()>> {
    let (session, recordings) = open(session, &options).instrument(info_span!("ingest")).await?;
    let run_key = String::new();
    let job = Job { session, recordings, options, store, run_key };
    job.context().folder.begin()?;
    let clip = info_span!("clip", moment = moment.id);
    blocking(move || match clip.in_scope(|| job.context().make(&moment)) {
        Err(error) if error.kind.may_pass() => Err(error),
        made => Ok(made.map(drop)),
    })
    .await
}

/// Opens a session with its recordings.
async fn open(path: &Path, options: &RunOptions) -> Result<(OpenSession, Recordings)> {
    let place = path.display().to_string();
    let path = path.to_owned();
    let (workers, advice) = (options.workers.clone(), options.advice.clone());
    let inputs = Arc::clone(&options.inputs);
    let (session, recordings) = blocking(move || {
        let mut session = OpenSession::open_within(&path, &*inputs)?;
        session.read_materials(&advice);
        let entries = &session.loaded.manifest.recordings;
        let recordings = Recordings::open(&session.loaded.base, entries, &workers)?;
        session.align(recordings.timeline.zero, recordings.timeline.duration);
        Ok((session, recordings))
    })
    .await?;
    let seller = session.loaded.manifest.seller.as_str();
    if let Some(wanted) = options.seller.as_deref().filter(|wanted| *wanted != seller) {
        let message = format!("is of the seller `{seller}`, and the job is `{wanted}`'s");
        return Err(Error::new(Kind::Usage, message).in_file(place));
    }
    Ok((session, recordings))
}

/// Does what blocks on a thread of its own.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let work = std::sync::Mutex::new(Some(work));
    let mut results = jobs::each(vec![()], 1, move |()| {
        match work.lock().ok().and_then(|mut slot| slot.take()) {
            Some(work) => work(),
            None => Err(Error::new(Kind::Bug, "a stage ran twice")),
        }
    })
    .await;
    results.remove(0)
}

struct Job {
    session: OpenSession,
    recordings: Recordings,
    options: RunOptions,
    store: Arc<dyn ObjectStore>,
    run_key: String,
}

impl Job {
    fn context(&self) -> ClipContext<'_> {
        let manifest = &self.session.loaded.manifest;
        ClipContext {
            session: &self.session,
            recordings: &self.recordings,
            options: &self.options,
            folder: SessionFolder::new(
                self.store.as_ref(),
                manifest.seller.as_str(),
                manifest.id.as_str(),
            )
            .by(manifest.creator.as_str()),
        }
    }

    fn segment(&self) -> Segmentation {
        let timeline = &self.recordings.timeline;
        self.session.segment(
            timeline.zero,
            timeline.duration,
            &timeline.recorded(),
            &self.options.segment,
        )
    }

    /// The result of a run with the same key, if it is still whole.
    fn finished_before(&self) -> Result<Option<RunResult>> {
        let folder = self.context().folder;
        // What cannot be read is not a finished run; it is made anew.
        let (Ok(Some(outcome)), Ok(Some(manifest))) = (folder.newest(), folder.newest_run()) else {
            return Ok(None);
        };
        if outcome.run != self.run_key || !manifest.given_up.is_empty() {
            return Ok(None);
        }
        for (kind, ids) in
            [(ClipFolder::Shipped, &manifest.clips), (ClipFolder::Rejected, &manifest.rejected)]
        {
            for id in ids {
                if folder.clip_is_whole(kind, id)?.is_none() {
                    return Ok(None);
                }
            }
        }
        if !folder.has_report()? {
            return Ok(None);
        }
        Ok(Some(self.result(outcome, true)?))
    }

    fn publish(
        &self,
        segmentation: &Segmentation,
        moments: &[Moment],
        made: Vec<Result<(String, ClipOutcome), Unmade>>,
    ) -> Result<RunResult> {
        let mut shipped: Vec<Clip> = Vec::new();
        let mut rejected: Vec<Clip> = Vec::new();
        let mut seen: Vec<(String, Made)> = Vec::new();
        let mut stages: Vec<String> = Vec::new();
        let mut not_clipped: Vec<NotClipped> = Vec::new();
        let mut given_up: Vec<String> = Vec::new();
        for (moment, made) in moments.iter().zip(made) {
            let (key, outcome) = match made {
                Ok(made) => made,
                // A full disk or a dead store ends the run; damage in one window does not.
                Err(unmade) if unmade.error.kind.may_pass() => return Err(*unmade.error),
                Err(Unmade { error, given_up: again }) => {
                    given_up.extend(again.then(|| moment.id.clone()));
                    not_clipped.push(NotClipped {
                        moment_id: moment.id.clone(),
                        rule: "none".to_owned(),
                        detail: error.to_string(),
                        time_s: error.place.time.or(Some(moment.span.start)),
                    });
                    continue;
                }
            };
            stages.push(format!("{STAGE}/{key}"));
            match outcome {
                ClipOutcome::Shipped(made) => {
                    shipped.push(made.clip.clone());
                    seen.push((moment.id.clone(), *made));
                }
                ClipOutcome::Rejected(made) => {
                    let (rule, detail, at) = rejection(&made.clip);
                    let time = Some(made.clip.span.start + at.unwrap_or_default());
                    not_clipped.push(NotClipped::broke(&moment.id, rule, detail, time));
                    rejected.push(made.clip.clone());
                    seen.push((moment.id.clone(), *made));
                }
                ClipOutcome::Nothing(refusal) => not_clipped.push(NotClipped::broke(
                    &moment.id,
                    refusal.rule,
                    refusal.detail,
                    refusal.time,
                )),
            }
        }
        for moment in segmentation.moments.iter().filter(|moment| !moment.confident) {
            not_clipped.push(NotClipped {
                moment_id: moment.id.clone(),
                rule: "none".to_owned(),
                detail: "not confident: the reaction may be chance".to_owned(),
                time_s: Some(moment.span.start),
            });
        }
        if !self.options.keep_rejected {
            rejected.clear();
        }
        stages.sort();
        stages.dedup();
        let outcome = self.outcome(segmentation, &shipped, not_clipped, &seen);
        let manifest = RunManifest {
            run: self.run_key.clone(),
            version: crate::VERSION.to_owned(),
            inputs: self.inputs(),
            clips: ids(&shipped),
            rejected: ids(&rejected),
            stages,
            given_up,
        };
        let html = render(&ReportData {
            title: None,
            outcome: &outcome,
            clips: &shipped,
            rejected: &rejected,
            series: &segmentation.series,
            marks: &segmentation.marks,
            products: &self.session.loaded.products,
            timezone: Some(&self.session.loaded.manifest.timezone),
        });
        let may_commit = &*self.options.may_commit;
        self.context().folder.finish(&manifest, &outcome, &html, may_commit)?;
        self.result(outcome, false)
    }

    fn outcome(
        &self,
        segmentation: &Segmentation,
        shipped: &[Clip],
        not_clipped: Vec<NotClipped>,
        seen: &[(String, Made)],
    ) -> SessionOutcome {
        let manifest = &self.session.loaded.manifest;
        let timeline = &self.recordings.timeline;
        let windows: Vec<Window<'_>> = seen
            .iter()
            .map(|(moment_id, made)| Window {
                moment_id,
                verdicts: &made.clip.verdicts,
                observed: &made.observed,
            })
            .collect();
        SessionOutcome {
            reprise_version: crate::VERSION.to_owned(),
            run: self.run_key.clone(),
            session_id: manifest.id.to_string(),
            seller: manifest.seller.to_string(),
            creator: manifest.creator.to_string(),
            visibility: manifest.visibility(),
            recording: self.recordings.summary(),
            events: self.session.log.summary.clone(),
            products: self.session.loaded.products.iter().map(shown).collect(),
            totals: segmentation.totals.clone(),
            chart: segmentation.chart.clone(),
            lag: segmentation.lag.clone(),
            moments: segmentation.moments.clone(),
            clips: shipped
                .iter()
                .map(|clip| ClipSummary {
                    clip_id: clip.clip_id.clone(),
                    moment_id: clip.moment_id.clone().unwrap_or_default(),
                    span: clip.span,
                    grade: clip.grade,
                })
                .collect(),
            not_clipped,
            best_practices: best_practices(&LiveFacts {
                manifest,
                products: &self.session.loaded.products,
                log: self.session.has_log().then_some(self.session.log.kept.as_slice()),
                zero: timeline.zero,
                duration: timeline.duration,
                local_start_hour: local_hour(timeline.zero, &manifest.timezone),
                windows: &windows,
            }),
        }
    }

    fn inputs(&self) -> BTreeMap<String, String> {
        let session = blake3::hash(&self.session.loaded.digest_bytes).to_hex().to_string();
        let events = blake3::Hash::from(self.session.log.digest).to_hex().to_string();
        let mut inputs = BTreeMap::from([
            ("session".to_owned(), format!("blake3:{session}")),
            ("events".to_owned(), format!("blake3:{events}")),
        ]);
        for file in &self.recordings.files {
            inputs.insert(format!("recording {}", file.uri), file.digest.clone());
        }
        inputs
    }

    fn result(&self, outcome: SessionOutcome, nothing_to_do: bool) -> Result<RunResult> {
        let folder = self.context().folder;
        let clips = outcome
            .clips
            .iter()
            .map(|clip| folder.location(&format!("clips/{}/clip.mp4", clip.clip_id)))
            .collect::<Result<_>>()?;
        Ok(RunResult {
            session_json: folder.location("session.json")?,
            report: folder.location("report.html")?,
            clips,
            outcome,
            nothing_to_do,
        })
    }
}

/// A product as results show it: what it costs the seller, and where its pictures lie, is nobody's
/// business.
pub(crate) fn shown(product: &Product) -> Product {
    Product { unit_cost: None, pictures: Vec::new(), ..product.clone() }
}

fn ids(clips: &[Clip]) -> Vec<String> {
    clips.iter().map(|clip| clip.clip_id.clone()).collect()
}

fn run_key(session: &OpenSession, recordings: &Recordings, options: &RunOptions) -> String {
    let digests: Vec<&str> = recordings.files.iter().map(|file| file.digest.as_str()).collect();
    Key::new("run")
        .value(&blake3::hash(&session.loaded.digest_bytes).to_hex().as_str())
        .value(&session.log.digest)
        .value(&digests)
        .value(&recordings.files.iter().map(|file| &file.transcript).collect::<Vec<_>>())
        .value(&options.policy)
        .text(&options.profile.text)
        .value(&(options.verify == reprise_transcode::Verify::Full))
        .value(&options.segment)
        .value(&options.trim)
        .value(&options.keep_rejected)
        .text(&session.materials)
        .text(&options.advice.digest)
        .text(&format!("{:?}", options.phrases))
        .finish()
}

/// The hour of day at `at` where the LIVE was, 0 to 24; `None` for an unknown zone.
fn local_hour(at: WallTime, zone: &str) -> Option<f64> {
    let zone = TimeZone::get(zone).ok()?;
    let local = jiff::Timestamp::from_microsecond(at.micros()).ok()?.to_zoned(zone);
    Some(f64::from(local.hour()) + f64::from(local.minute()) / 60.0)
}
