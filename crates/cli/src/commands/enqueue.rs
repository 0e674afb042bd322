//! `reprise enqueue`: a LIVE into the queue.

use std::path::PathBuf;
use std::process::ExitCode;

use reprise_model::{Error, Kind, Result};
use reprise_worker::fleet::LiveJob;

use crate::output;

/// Put a recorded LIVE into a queue, for a worker to make its clips
///
/// When it returns, the job outlives a power failure. The same manifest for the same destination is
/// the same job, however often it is put in; a changed manifest is a new one.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  reprise enqueue live/session.toml --out /srv/clips --queue sqlite:///srv/queue.db"
)]
pub struct Args {
    /// Session manifest (TOML or JSON), at a place that every worker sees
    session: PathBuf,
    /// Folder or s3://bucket/prefix that the result goes to, as every worker sees it
    #[arg(long, value_name = "DEST")]
    out: String,
    /// The queue: sqlite:///path/queue.db or nats://host:port
    #[arg(long, value_name = "URL")]
    queue: String,
    /// What tells this wish from others of the seller, instead of manifest and destination
    #[arg(long)]
    key: Option<String>,
    /// Keep rejected clips too
    #[arg(long)]
    keep_rejected: bool,
    /// Decode finished clips whole to verify them
    #[arg(long)]
    verify_full: bool,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let loaded = reprise_ingest::load_session(&args.session)?;
    let place = args.session.display().to_string();
    let session =
        std::path::absolute(&args.session).map_err(|error| Error::io(place.clone(), error))?;
    let Some(session) = session.to_str() else {
        let message = "has a name that is no UTF-8: rename it";
        return Err(Error::new(Kind::Usage, message).in_file(place));
    };
    let live = LiveJob {
        session: session.to_owned(),
        out: absolute(&args.out)?,
        keep_rejected: args.keep_rejected,
        verify_full: args.verify_full,
    };
    let key = match &args.key {
        Some(key) => key.clone(),
        None => live.key(&loaded.digest_bytes),
    };
    let queue = reprise_queue::open(&args.queue)?;
    let put = queue.enqueue(&live.new_job(loaded.manifest.seller.as_str(), &key)?)?;
    if json {
        output::json(&serde_json::json!({ "id": put.id, "is_new": put.is_new }))?;
    }
    let what = if put.is_new { "waits" } else { "was there before" };
    output::say(&format!("job {} {what}", put.id));
    Ok(ExitCode::SUCCESS)
}

/// A folder as workers in other folders see it.
fn absolute(out: &str) -> Result<String> {
    if out.contains("://") {
        return Ok(out.to_owned());
    }
    let path = std::path::absolute(out).map_err(|error| Error::io(out, error))?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(Kind::Usage, "has a name that is no UTF-8").in_file(out))
}
