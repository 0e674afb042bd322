//! `reprise enqueue`: a LIVE into the queue.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use reprise_model::{Error, Kind, Result};
use reprise_publish::messages::{CloudEvent, EVENT_MAX, LIVE_RECORDED, LiveRecorded};
use reprise_worker::fleet::LiveJob;

use crate::output;

/// Put a recorded LIVE into a queue, for a worker to make its clips
///
/// When it returns, the job outlives a power failure. The same manifest for the same destination is
/// the same job, however often it is put in; a changed manifest is a new one.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  reprise enqueue live/session.toml --out /srv/clips --queue sqlite:///srv/queue.db\n  \
                  reprise enqueue --event - --queue sqlite:///srv/queue.db < event.json"
)]
pub struct Args {
    /// Session manifest (TOML or JSON), a file or address (s3://bucket/key, https://…) that every
    /// worker sees
    #[arg(required_unless_present = "event")]
    session: Option<PathBuf>,
    /// Folder or s3://bucket/prefix that the result goes to, as every worker sees it
    #[arg(long, value_name = "DEST", required_unless_present = "event")]
    out: Option<String>,
    /// Take all of it from a CloudEvent of the type live.recorded (docs/messages.md): a file of one JSON
    /// document, or - for standard input. The same source and id are the same job
    #[arg(long, value_name = "FILE", conflicts_with_all = ["session", "out", "key", "keep_rejected", "verify_full"])]
    event: Option<PathBuf>,
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

/// What is asked for.
struct Wish {
    live: LiveJob,
    seller: String,
    key: String,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let wish = match (&args.event, &args.session, &args.out) {
        (Some(event), _, _) => by_event(event)?,
        (None, Some(session), Some(out)) => by_arguments(args, session, out)?,
        _ => return Err(Error::new(Kind::Usage, "name a manifest and --out, or an --event")),
    };
    let queue = reprise_queue::open(&args.queue)?;
    let put = queue.enqueue(&wish.live.new_job(&wish.seller, &wish.key)?)?;
    if json {
        output::json(&serde_json::json!({ "id": put.id, "is_new": put.is_new }))?;
    }
    let what = if put.is_new { "waits" } else { "was there before" };
    output::say(&format!("job {} {what}", put.id));
    Ok(ExitCode::SUCCESS)
}

fn by_arguments(args: &Args, session: &Path, out: &str) -> Result<Wish> {
    let loaded = reprise_ingest::load_session(session)?;
    let live = LiveJob {
        session: loaded.place.absolute()?,
        out: absolute(out)?,
        keep_rejected: args.keep_rejected,
        verify_full: args.verify_full,
        creator: Some(loaded.manifest.creator.to_string()),
        session_id: Some(loaded.manifest.id.to_string()),
    };
    let key = match &args.key {
        Some(key) => key.clone(),
        None => live.key(&loaded.digest_bytes),
    };
    Ok(Wish { live, seller: loaded.manifest.seller.as_str().to_owned(), key })
}

fn by_event(path: &Path) -> Result<Wish> {
    let is_input = path == Path::new("-");
    let place = if is_input { "standard input".to_owned() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    // One more than is taken, so that too long is seen.
    let most = EVENT_MAX as u64 + 1;
    let read = if is_input {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| Error::io(place.clone(), error))?;
    let read = || {
        let event = CloudEvent::read(&bytes)?;
        let live: LiveRecorded = event.data_of(LIVE_RECORDED)?;
        let whole = |place: &str| Path::new(place).is_absolute() || place.contains("://");
        if !whole(&live.session) || !whole(&live.out) {
            let message = "`session` and `out` are absolute paths or addresses";
            return Err(Error::new(Kind::Malformed, message));
        }
        Ok((event.key(), live))
    };
    let (key, live) = read().map_err(|error: Error| error.in_file(place.clone()))?;
    let loaded = reprise_ingest::load_session(Path::new(&live.session))?;
    let seller = loaded.manifest.seller.as_str().to_owned();
    if live.seller.as_ref().is_some_and(|named| *named != seller) {
        let message = format!(
            "names another seller than {}, which is of `{seller}`: mend one of them",
            live.session
        );
        return Err(Error::new(Kind::Malformed, message).in_file(place));
    }
    let LiveRecorded { session, out, keep_rejected, verify_full, .. } = live;
    let creator = Some(loaded.manifest.creator.to_string());
    let session_id = Some(loaded.manifest.id.to_string());
    let live = LiveJob { session, out, keep_rejected, verify_full, creator, session_id };
    Ok(Wish { live, seller, key })
}

/// A folder as workers in other folders see it.
pub fn absolute(out: &str) -> Result<String> {
    if out.contains("://") {
        return Ok(out.to_owned());
    }
    let path = std::path::absolute(out).map_err(|error| Error::io(out, error))?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(Kind::Usage, "has a name that is no UTF-8").in_file(out))
}
