//! `reprise serve`: the seller's page and the API, with a worker beside where the queue is this machine's.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reprise_api::{KeyFile, Role, ServeOptions};
use reprise_model::session::Slug;
use reprise_model::{Error, Kind, Result};
use reprise_publish::posting::Accounts;
use reprise_publish::webhooks::Hooks;
use reprise_worker::fleet::{self, FleetOptions};

use super::{enqueue, keys, worker};
use crate::output;
use crate::settings::{PipelineArgs, data_folder};
use crate::traces;

/// For how long the worker takes a job without a sign of life.
const LEASE: Duration = Duration::from_secs(60);
/// A job without progress for so long is ended.
const STALL: Duration = Duration::from_secs(600);
/// How long jobs may go on after the word to stop.
const DRAIN: Duration = Duration::from_secs(60);

/// Open the seller's page and the API
///
/// With a queue of this machine it also does the jobs: remixes that sellers ask for, and LIVEs that
/// `reprise enqueue` puts in. With `--queue nats://…` it only serves; workers do the jobs elsewhere.
/// Where there are no keys yet, it makes one for each seller and shows the address to open with it.
/// It speaks plain HTTP: put a proxy with TLS before it where others than this machine reach it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  reprise serve --out clips\n  \
                  reprise serve --out s3://clips --queue nats://queue:4222 --keys /etc/reprise/keys.toml --listen 0.0.0.0:8080")]
pub struct Args {
    /// Folder or s3://bucket/prefix that results went to
    #[arg(long, value_name = "DEST")]
    out: String,
    /// The queue; without it one of this machine in the user's data folder
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    /// The file of keys (`reprise keys`); without it `reprise/keys.toml` in the user's data folder
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Where it is served; port 0 is one that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Requests a second that each key may make in the long run; five times as many at once
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Serve clips here, also from an S3 server, whose links browsers may not reach
    #[arg(long)]
    own_media: bool,
    /// Do no jobs here
    #[arg(long)]
    no_worker: bool,
    /// Jobs done at once; without it one a core, as far as there are 512 MB of memory for each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    slots: Option<u16>,
    /// Accounts that sellers post to (TOML, docs/posting.md)
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    // What is wrong with the files is said now, not by each job.
    let pipeline = args.pipeline.options()?;
    let out = enqueue::absolute(&args.out)?;
    let queue_url = match &args.queue {
        Some(url) => url.clone(),
        None => own_queue()?,
    };
    let queue = worker::open(&queue_url)?;
    let path = keys::file(args.keys.as_deref())?;
    let failed = |error| Error::io(args.listen.to_string(), error);
    let listener = TcpListener::bind(args.listen).map_err(failed)?;
    let address = format!("http://{}", listener.local_addr().map_err(failed)?);
    let new = first_keys(&path, &out)?;
    let works = !args.no_worker && queue_url.starts_with("sqlite:");
    output::say(&format!("the page: {address}/   the API: {address}/api/v1/openapi.json"));
    for (seller, key) in new {
        output::say(&format!("sign in as {seller}: {address}/#key={key}"));
    }
    if !works {
        output::say("no jobs are done here: start workers with `reprise worker`");
    }

    let stop = Arc::new(AtomicBool::new(false));
    let runtime = super::runtime()?;
    super::stop_on_signal(&runtime, &stop)?;
    let fleet = fleet_options(args, queue_url)?;
    let accounts = args.accounts.as_deref().map(Accounts::read).transpose()?.unwrap_or_default();
    let options = ServeOptions {
        out,
        queue: Arc::clone(&queue),
        keys: path,
        rate: args.rate,
        own_media: args.own_media,
        accounts: Arc::new(accounts),
        remixer: super::remix::remixer(),
        policy: pipeline.policy,
        phrases: pipeline.phrases,
        listener,
    };
    std::thread::scope(|scope| {
        let working = works.then(|| {
            let (queue, stop) = (&queue, &stop);
            let fleet = &fleet;
            scope.spawn(move || fleet::work(queue, fleet, stop))
        });
        let served = runtime.block_on(reprise_api::serve(options, Arc::clone(&stop)));
        stop.store(true, Ordering::Relaxed);
        let crashed = |_| Err(Error::new(Kind::Bug, "the worker panicked"));
        let worked = working.map(|worker| worker.join().unwrap_or_else(crashed)).transpose();
        served.and(worked.map(|_| ExitCode::SUCCESS))
    })
}

fn fleet_options(args: &Args, queue: String) -> Result<FleetOptions> {
    let mut arguments = worker::child_arguments();
    arguments.extend(worker::accounts_arguments(args.accounts.as_deref())?);
    arguments.extend(args.pipeline.arguments());
    Ok(FleetOptions {
        listen: None,
        temporary: std::env::temp_dir(),
        name: worker::own_name(),
        program: PathBuf::from(worker::PROGRAM),
        arguments,
        slots: args.slots.map_or_else(worker::own_slots, usize::from),
        remix_slots: 1,
        share: Some(queue),
        lease: LEASE,
        stall: STALL,
        drain: DRAIN,
        until_empty: false,
        hooks: Arc::new(Hooks::default()),
        traced: traces::belongs_to,
        trace_parent: traces::parent,
    })
}

fn own_queue() -> Result<String> {
    let folder = data_folder().ok_or_else(|| {
        Error::new(Kind::Usage, "there is no home folder: name a queue with --queue")
    })?;
    let place = folder.display().to_string();
    std::fs::create_dir_all(&folder).map_err(|error| Error::io(place.clone(), error))?;
    Ok(format!("sqlite://{place}/queue.db"))
}

/// Where there is no file of keys, one with a key for each seller of the store.
fn first_keys(path: &Path, out: &str) -> Result<Vec<(Slug, String)>> {
    if KeyFile::read(path)?.is_some() {
        return Ok(Vec::new());
    }
    let listed = reprise_store::open(out)?.list("")?;
    let first = listed.iter().filter_map(|entry| entry.key.parts().next());
    let sellers: BTreeSet<Slug> =
        first.filter(|name| !name.starts_with(['.', '~'])).filter_map(Slug::parse).collect();
    let mut file = KeyFile::new()?;
    let mut made = Vec::new();
    for seller in sellers {
        let key = file.add(seller.clone(), Role::Owner, "first key", keys::now())?;
        made.push((seller, key));
    }
    file.write(path)?;
    if made.is_empty() {
        let place = path.display();
        output::say(&format!(
            "there are no keys in {place}: make one with `reprise keys add SELLER`"
        ));
    }
    Ok(made)
}
