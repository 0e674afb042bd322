//! `reprise takedown`: what is of a creator is removed, and not made again.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use reprise_model::{Error, Kind, Result, WallTime};
use reprise_publish::takedown::{Record, Takedown};
use reprise_queue::Job;
use reprise_store::ObjectStore;
use reprise_worker::takedown::{cancel, jobs_of, wait};

use crate::output;

/// Remove what others can see of a creator: clips, covers, captions, reports and all metadata
///
/// First a mark is set, so that no worker writes anything of the creator any more; then jobs are
/// stopped, and what is there is removed. The record of it stays in the seller's folder. Safe to
/// repeat: what was interrupted is finished.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  reprise takedown --creator host-1 --seller acme --out s3://clips --queue nats://queue:4222"
)]
pub struct Args {
    /// The creator, as session manifests name them
    #[arg(long, value_name = "ID")]
    creator: String,
    /// Folder or s3://bucket/prefix that results went to
    #[arg(long, value_name = "DEST")]
    out: String,
    /// Only with this seller; without it with all (their whole folders are listed)
    #[arg(long, value_name = "SELLER")]
    seller: Option<String>,
    /// Only this session
    #[arg(long, value_name = "ID", requires = "seller")]
    session: Option<String>,
    /// The queue, where jobs of the creator may wait or be under way
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    /// Why, for the record
    #[arg(long, default_value = "")]
    reason: String,
    /// Who wishes it, for the record; without it the user of this process
    #[arg(long)]
    by: Option<String>,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Let the creator's sessions be made again
    #[arg(long, conflicts_with = "dry_run")]
    lift: bool,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let store = reprise_store::open(&args.out)?;
    let store = store.as_ref();
    let queue = args.queue.as_deref().map(reprise_queue::open).transpose()?;
    let jobs = match &queue {
        Some(queue) => {
            let (creator, session) = (&args.creator, args.session.as_deref());
            jobs_of(queue.as_ref(), args.seller.as_deref(), creator, session)?
        }
        None => Vec::new(),
    };
    let mut told = Vec::new();
    for seller in sellers(store, &jobs, args)? {
        let takedown = takedown_of(seller, args);
        if args.lift {
            let lifted = takedown.lift(store)?;
            output::say(&match lifted {
                true => {
                    format!("{}: sessions of {} may be made again", takedown.seller, args.creator)
                }
                false => format!("{}: nothing of {} was taken down", takedown.seller, args.creator),
            });
            told.push(serde_json::json!({ "seller": takedown.seller, "lifted": lifted }));
            continue;
        }
        let found = takedown.found(store)?;
        let jobs: Vec<&Job> = jobs.iter().filter(|job| job.tenant == takedown.seller).collect();
        if args.dry_run {
            say(&takedown.seller, &found, jobs.len(), "would be removed");
            told.push(as_json(&takedown.seller, &found, None)?);
            continue;
        }
        // Without --seller only those who have something.
        if args.seller.is_none() && found.removed.is_empty() && jobs.is_empty() {
            continue;
        }
        takedown.begin(store)?;
        let cancelled = match &queue {
            Some(queue) => {
                let (cancelled, until) = cancel(queue.as_ref(), &jobs)?;
                if let Some(until) = until {
                    output::say("waiting until no worker is at it any more");
                    wait(until);
                }
                cancelled
            }
            None => Vec::new(),
        };
        let (record, place) = takedown.remove(store, &cancelled)?;
        say(&takedown.seller, &record, cancelled.len(), "removed");
        output::say(&format!("on record in {place}"));
        told.push(as_json(&takedown.seller, &record, Some(&place))?);
    }
    if told.is_empty() {
        output::say(&format!("there is nothing of {}", args.creator));
    }
    if json {
        output::json(&told)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn takedown_of(seller: String, args: &Args) -> Takedown {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    Takedown {
        seller,
        creator: args.creator.clone(),
        session: args.session.clone(),
        reason: args.reason.clone(),
        by: args.by.clone().unwrap_or(user),
        at: WallTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
    }
}

/// Whose folders are looked through.
fn sellers(store: &dyn ObjectStore, jobs: &[Job], args: &Args) -> Result<BTreeSet<String>> {
    if let Some(seller) = &args.seller {
        return Ok(BTreeSet::from([seller.clone()]));
    }
    let listed = store.list("")?;
    let first = listed.iter().filter_map(|entry| entry.key.parts().next().map(str::to_owned));
    let plain = first.filter(|seller| !seller.starts_with(['.', '~']));
    Ok(plain.chain(jobs.iter().map(|job| job.tenant.clone())).collect())
}

fn say(seller: &str, record: &Record, jobs: usize, what: &str) {
    let bytes: u64 = record.removed.iter().map(|object| object.bytes).sum();
    output::say(&format!(
        "{seller}: {} objects of {} sessions, {:.1} MB, and {jobs} jobs {what}",
        record.removed.len(),
        record.sessions.len(),
        bytes as f64 / 1e6
    ));
}

fn as_json(seller: &str, record: &Record, place: Option<&str>) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(record)
        .map_err(|error| Error::new(Kind::Bug, "a record is no JSON").caused_by(error))?;
    value["seller"] = seller.into();
    value["record"] = place.into();
    Ok(value)
}
