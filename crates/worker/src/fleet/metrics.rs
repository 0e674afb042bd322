//! What a worker counts, as Prometheus reads it. `docs/metrics.md` says the same for people.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use reprise_model::{Error, Grade, Kind, Result};
use reprise_queue::{Counts, Held};

use super::{DELIVER, LIVE, REMIX, WINDOW};

/// Bounds of the histograms, seconds: from a window that is there already to a long LIVE.
const SECONDS: [f64; 12] =
    [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// Makes this process count, and gives what prints it. Without this call counting does nothing.
///
/// # Errors
/// [`Kind::Bug`] where it is done twice.
pub fn install() -> Result<PrometheusHandle> {
    let bug = |what: String| Error::new(Kind::Bug, format!("metrics cannot be counted: {what}"));
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|error| bug(error.to_string()))?
        .install_recorder()
        .map_err(|error| bug(error.to_string()))?;
    describe_counter!("reprise_jobs_total", "Attempts that ended, by kind and outcome.");
    describe_counter!("reprise_jobs_parked_total", "Jobs that are tried no more, by kind.");
    describe_histogram!("reprise_job_duration_seconds", "How long attempts took, by kind.");
    describe_histogram!("reprise_stage_duration_seconds", "How long stages of jobs took.");
    describe_counter!("reprise_clips_total", "Clips made, by grade.");
    describe_gauge!("reprise_slots", "Jobs that this worker can do at once.");
    describe_gauge!("reprise_slots_busy", "Jobs that it does now.");
    describe_counter!("reprise_heartbeats_total", "Heartbeats, by the queue's answer.");
    describe_counter!(
        "reprise_children_stalled_total",
        "Jobs ended because they made no progress."
    );
    describe_gauge!(
        "reprise_queue_jobs",
        "Jobs in the queue, by state and, while they wait, lane."
    );
    describe_gauge!(
        "reprise_queue_oldest_waiting_seconds",
        "How long the oldest waiting job is in."
    );
    describe_gauge!("reprise_build_info", "Always 1; says the version.");
    describe_counter!("process_cpu_seconds_total", "CPU time of the worker and its ended jobs.");
    describe_gauge!("process_resident_memory_bytes", "Memory of the worker without its jobs.");
    describe_gauge!("process_open_fds", "Open files of the worker.");
    gauge!("reprise_build_info", "version" => crate::VERSION).set(1.0);
    zeros();
    Ok(handle)
}

/// What did not happen yet is told as 0: a series that begins at 1 shows no rise.
fn zeros() {
    for kind in KINDS {
        for outcome in OUTCOMES {
            counter!("reprise_jobs_total", "kind" => kind, "outcome" => outcome).absolute(0);
        }
        counter!("reprise_jobs_parked_total", "kind" => kind).absolute(0);
    }
    for answer in ["ours", "lost", "cancelled", "error"] {
        counter!("reprise_heartbeats_total", "answer" => answer).absolute(0);
    }
    for grade in [Grade::Basic, Grade::High, Grade::GoodCase] {
        counter!("reprise_clips_total", "grade" => grade.as_str()).absolute(0);
    }
    counter!("reprise_children_stalled_total").absolute(0);
}

/// Values of the label `kind`.
const KINDS: [&str; 5] = [LIVE, WINDOW, REMIX, DELIVER, "other"];
/// Values of the label `outcome`, as a slot counts.
const OUTCOMES: [&str; 3] = ["done", "failed", "dropped"];

/// A kind in a label: nobody outside chooses how many there are.
fn kind_label(kind: &str) -> &'static str {
    KINDS.into_iter().find(|known| *known == kind).unwrap_or("other")
}

/// An attempt ended; `ended` as the slot counts.
pub(super) fn attempt(kind: &str, ended: usize, took: Duration) {
    let outcome = OUTCOMES.get(ended).copied().unwrap_or("dropped");
    let kind = kind_label(kind);
    counter!("reprise_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
    histogram!("reprise_job_duration_seconds", "kind" => kind).record(took.as_secs_f64());
}

/// A job is tried no more.
pub(super) fn parked(kind: &str) {
    counter!("reprise_jobs_parked_total", "kind" => kind_label(kind)).increment(1);
}

/// A stage ended.
pub(super) fn stage(name: &str, took: Duration) {
    if name.is_empty() {
        return;
    }
    let known = ["ingest", "segment", "clips", "read", "publish"];
    let name = match known.into_iter().find(|known| *known == name) {
        Some(known) => known,
        None if name.starts_with("waiting") => "waiting",
        None => "other",
    };
    histogram!("reprise_stage_duration_seconds", "stage" => name).record(took.as_secs_f64());
}

/// A clip of a LIVE that was done.
pub(super) fn clip(grade: Grade) {
    counter!("reprise_clips_total", "grade" => grade.as_str()).increment(1);
}

/// What there is to do jobs with.
pub(super) fn slots(count: usize) {
    gauge!("reprise_slots").set(count as f64);
    gauge!("reprise_slots_busy").set(0.0);
}

/// A slot has a job, until this is dropped.
pub(super) struct Busy;

impl Busy {
    pub(super) fn now() -> Self {
        gauge!("reprise_slots_busy").increment(1.0);
        Self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        gauge!("reprise_slots_busy").decrement(1.0);
    }
}

/// The queue answered a heartbeat, or did not.
pub(super) fn heartbeat(answer: &Result<Held>) {
    let answer = match answer {
        Ok(Held::Ours) => "ours",
        Ok(Held::Lost) => "lost",
        Ok(Held::Cancelled) => "cancelled",
        Err(_) => "error",
    };
    counter!("reprise_heartbeats_total", "answer" => answer).increment(1);
}

/// A job was ended because it made no progress.
pub(super) fn stalled() {
    counter!("reprise_children_stalled_total").increment(1);
}

/// How the queue stands.
pub(super) fn queue(counts: &Counts) {
    let waiting = [("remix", counts.waiting_remix), ("batch", counts.waiting_batch)];
    for (lane, count) in waiting {
        gauge!("reprise_queue_jobs", "state" => "waiting", "lane" => lane).set(count as f64);
    }
    let others = [("leased", counts.leased), ("parked", counts.parked), ("done", counts.done)];
    for (state, count) in others {
        gauge!("reprise_queue_jobs", "state" => state, "lane" => "all").set(count as f64);
    }
    let oldest = counts.oldest_waiting.unwrap_or_default().as_secs_f64();
    gauge!("reprise_queue_oldest_waiting_seconds").set(oldest);
}

/// How this process stands, from `/proc`.
pub(super) fn process() {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    // proc(5): 14 to 17 are one's own and one's ended children's ticks, 100 a second.
    let field = |number: usize| fields.get(number - 3).and_then(|n| n.parse::<f64>().ok());
    let ticks: f64 = (14..=17).filter_map(field).sum();
    counter!("process_cpu_seconds_total").absolute((ticks / 100.0) as u64);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    gauge!("process_resident_memory_bytes").set(kib.unwrap_or(0.0) * 1024.0);
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    gauge!("process_open_fds").set(files as f64);
}
