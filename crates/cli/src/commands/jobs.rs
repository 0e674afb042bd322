//! `reprise jobs`: what is in a queue, and what becomes of it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use reprise_model::{Error, Kind, Result, redacted};
use reprise_queue::{Filter, Job, Progress, Queue, State};
use serde_json::Value;

use crate::output;

/// List the jobs of a queue, show one, try a parked one again, or cancel one
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  reprise jobs parked --queue sqlite:///srv/queue.db")]
pub struct Args {
    /// The queue: sqlite:///path/queue.db or nats://host:port
    #[arg(long, value_name = "URL", global = true, default_value = "")]
    queue: String,
    /// Only this seller's
    #[arg(long, value_name = "SELLER", global = true)]
    tenant: Option<String>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// All jobs, the oldest first, and how many stand where
    List {
        /// At most so many; 0 is all
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Jobs that were given up, with what was wrong
    Parked,
    /// One job, with its failure, the end of its log and the command that does it again
    Show {
        /// Its id
        id: String,
    },
    /// Have a parked or cancelled job done after all
    Retry {
        /// Its id
        id: String,
    },
    /// Stop a job that is not at its end
    Cancel {
        /// Its id
        id: String,
    },
    /// What was told of jobs (CloudEvents, docs/messages.md), one JSON document a line, for a week
    Events {
        /// Only those behind this sequence number
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: u64,
        /// Wait for more, until interrupted
        #[arg(long)]
        follow: bool,
    },
}

/// How often `events --follow` asks.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Events that are asked for at once.
const EVENTS_AT_ONCE: usize = 100;

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    if args.queue.is_empty() {
        return Err(Error::new(Kind::Usage, "name the queue: --queue URL"));
    }
    let queue = reprise_queue::open(&args.queue)?;
    match &args.what {
        What::List { limit } => list(args, queue.as_ref(), None, *limit, json)?,
        What::Parked => list(args, queue.as_ref(), Some(State::Parked), 0, json)?,
        What::Events { after, follow } => events(args, queue.as_ref(), *after, *follow)?,
        What::Show { id } => show(&found(args, queue.as_ref(), id)?, json)?,
        What::Retry { id } => {
            let job = found(args, queue.as_ref(), id)?;
            let changed = queue.retry(&job.tenant, id)?;
            told(changed, id, "waits again", "is neither parked nor cancelled", json)?;
        }
        What::Cancel { id } => {
            let job = found(args, queue.as_ref(), id)?;
            let changed = queue.cancel(&job.tenant, id)?;
            told(changed, id, "is cancelled", "is at its end already", json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn events(args: &Args, queue: &dyn Queue, mut after: u64, follow: bool) -> Result<()> {
    loop {
        let found = queue.announced(after, EVENTS_AT_ONCE)?;
        let none = found.is_empty();
        for (sequence, event) in found {
            after = sequence;
            if args.tenant.as_ref().is_some_and(|tenant| *tenant != event.tenant) {
                continue;
            }
            let line = serde_json::json!({ "sequence": sequence, "event": event.body });
            if !output::line(&line.to_string())? {
                return Ok(());
            }
        }
        match (none, follow) {
            (true, false) => return Ok(()),
            (true, true) => std::thread::sleep(ASK_EVERY),
            (false, _) => {}
        }
    }
}

fn found(args: &Args, queue: &dyn Queue, id: &str) -> Result<Job> {
    let job = queue.job(id)?;
    let ours = |job: &Job| args.tenant.as_ref().is_none_or(|tenant| *tenant == job.tenant);
    job.filter(ours).ok_or_else(|| Error::new(Kind::Missing, format!("there is no job `{id}`")))
}

fn told(changed: bool, id: &str, yes: &str, no: &str, json: bool) -> Result<()> {
    if json {
        output::json(&serde_json::json!({ "id": id, "changed": changed }))?;
    }
    output::say(&format!("job {id} {}", if changed { yes } else { no }));
    Ok(())
}

fn list(
    args: &Args,
    queue: &dyn Queue,
    state: Option<State>,
    limit: usize,
    json: bool,
) -> Result<()> {
    let jobs = queue.jobs(&Filter { tenant: args.tenant.clone(), state, limit })?;
    let counts = queue.counts()?;
    if json {
        return output::json(&shown(serde_json::json!({ "counts": counts, "jobs": jobs })));
    }
    let heading = ["job", "lane", "state", "attempts", "stage", "done", "what was wrong"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for job in &jobs {
        let progress = &job.progress;
        let failure = job.failure.as_ref().map_or("", |failure| failure.error.as_str());
        rows.push(vec![
            job.id.clone(),
            job.lane.as_str().to_owned(),
            job.state.as_str().to_owned(),
            job.failures.to_string(),
            progress.stage.clone(),
            format!("{} of {}", progress.done, progress.total),
            failure.lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    if jobs.is_empty() {
        output::say("no such jobs");
    } else {
        output::table(&rows);
    }
    output::say(&format!(
        "waiting {} remixes and {} others, {} in hands, {} parked, {} done, {} cancelled",
        counts.waiting_remix,
        counts.waiting_batch,
        counts.leased,
        counts.parked,
        counts.done,
        counts.cancelled
    ));
    Ok(())
}

fn show(job: &Job, json: bool) -> Result<()> {
    if json {
        return output::json(&shown(serde_json::json!(job)));
    }
    output::say(&format!("job {} of {}: {}, {}", job.id, job.tenant, job.kind, job.state.as_str()));
    output::say(&format!("put in {}, last changed {}", job.enqueued_at, job.changed_at));
    if let Some(holder) = &job.holder {
        output::say(&format!("in the hands of {} until {}", holder.worker, holder.until));
    }
    let progress = &job.progress;
    if !progress.stage.is_empty() {
        let Progress { stage, done, total, .. } = progress;
        output::say(&format!("{stage}: {done} of {total}"));
    }
    if let Some(failure) = &job.failure {
        output::say(&format!("{} failed attempts; the last: {}", job.failures, failure.error));
        if !failure.replay.is_empty() {
            output::say(&format!("again by hand: {}", failure.replay));
        }
        for line in failure.log_tail.lines() {
            output::say(&format!("  | {line}"));
        }
    }
    if let Some(result) = &job.result {
        output::say(&redacted(&format!("result: {result}")));
    }
    Ok(())
}

/// Without the secrets of addresses that a job's body may name.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redacted(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(shown).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, shown(value))).collect()
        }
        other => other,
    }
}
