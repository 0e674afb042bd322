//! `reprise worker`: jobs from a queue, one after the other, until told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reprise_model::{Error, Kind, Result};
use reprise_publish::posting::Accounts;
use reprise_publish::webhooks::Hooks;
use reprise_worker::Tenants;
use reprise_worker::fleet::{self, FleetOptions, Listen};

use crate::commands::live_child;
use crate::output;
use crate::settings::PipelineArgs;
use crate::traces;

/// Memory for a job, bytes: a window takes about 200 MB at 720p, more where the recording is larger.
const SLOT_MEMORY: u64 = 512 << 20;

/// Take jobs from a queue and do them, until told to stop
///
/// Each job is done by a child process, which is ended when it makes no progress. SIGTERM and Ctrl-C
/// let jobs go on for a while; what is not done then goes back to the queue. A worker may be killed at
/// any time: another goes on with what it finished.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  reprise worker --queue sqlite:///srv/queue.db")]
pub struct Args {
    /// The queue: sqlite:///path/queue.db or nats://host:port
    #[arg(long, value_name = "URL")]
    queue: String,
    /// End when no job waits or is in anybody's hands
    #[arg(long)]
    until_empty: bool,
    /// Jobs done at once; without it one a core, as far as there are 512 MB of memory for each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    slots: Option<u16>,
    /// Further jobs done at once that are remixes, for which people wait
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=256))]
    remix_slots: u16,
    /// Make all clips of a LIVE in its own job, instead of sharing them with other slots and workers
    #[arg(long)]
    no_share: bool,
    /// This worker's name in the queue; without it host and process
    #[arg(long)]
    name: Option<String>,
    /// For how long a job is taken without a sign of life, seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=3600))]
    lease: u32,
    /// A job without progress for so long is ended, seconds
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u32).range(2..=86_400))]
    stall: u32,
    /// How long jobs may go on after the word to stop, seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    drain: u32,
    /// Who is told what came of LIVEs (TOML, docs/messages.md); the same file for all workers
    #[arg(long, value_name = "FILE")]
    webhooks: Option<PathBuf>,
    /// Answer /livez, /readyz and /metrics there; port 0 is one that is free
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,
    /// Whose job may read and write where (TOML); without it every job may name every place
    #[arg(long, value_name = "FILE")]
    tenants: Option<PathBuf>,
    /// Accounts that sellers post to (TOML, docs/posting.md)
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    // What is wrong with the files is said now, not by each job.
    args.pipeline.options()?;
    let hooks = match &args.webhooks {
        Some(path) => Hooks::read(path, &|name| std::env::var(name).ok())?,
        None => Hooks::default(),
    };
    let queue = open(&args.queue)?;
    let mut arguments = child_arguments();
    if let Some(file) = &args.tenants {
        Tenants::read(file)?;
        let file = file.to_str().ok_or_else(|| {
            Error::new(Kind::Usage, "has a name that is no UTF-8")
                .in_file(file.display().to_string())
        })?;
        arguments.extend(["--tenants".to_owned(), file.to_owned()]);
    }
    arguments.extend(accounts_arguments(args.accounts.as_deref())?);
    arguments.extend(args.pipeline.arguments());
    let listen = args.listen.map(listen).transpose()?;
    let options = FleetOptions {
        listen: listen.map(Arc::new),
        temporary: std::env::temp_dir(),
        name: args.name.clone().unwrap_or_else(own_name),
        program: PathBuf::from(PROGRAM),
        arguments,
        slots: args.slots.map_or_else(own_slots, usize::from),
        remix_slots: usize::from(args.remix_slots),
        share: (!args.no_share).then(|| args.queue.clone()),
        lease: Duration::from_secs(args.lease.into()),
        stall: Duration::from_secs(args.stall.into()),
        drain: Duration::from_secs(args.drain.into()),
        until_empty: args.until_empty,
        hooks: Arc::new(hooks),
        traced: traces::belongs_to,
        trace_parent: traces::parent,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = super::runtime()?;
    super::stop_on_signal(&runtime, &stop)?;
    let done = fleet::work(&queue, &options, &stop)?;
    if json {
        let told = serde_json::json!({
            "done": done.done, "failed": done.failed, "dropped": done.dropped
        });
        output::json(&told)?;
    }
    output::say(&format!(
        "{} jobs done, {} attempts failed, {} given back or lost",
        done.done, done.failed, done.dropped
    ));
    Ok(ExitCode::SUCCESS)
}

/// This very program.
pub const PROGRAM: &str = "/proc/self/exe";

/// What a child that does a job is called with.
pub fn child_arguments() -> Vec<String> {
    // What a child logs is passed on, and JSON says of which level it is.
    ["--log-format", "json", live_child::NAME].map(str::to_owned).to_vec()
}

/// A file of accounts as a child is given it, once it was read.
pub fn accounts_arguments(accounts: Option<&Path>) -> Result<Vec<String>> {
    let Some(path) = accounts else { return Ok(Vec::new()) };
    Accounts::read(path)?;
    let named = std::path::absolute(path).ok().and_then(|path| path.to_str().map(str::to_owned));
    let place = path.display().to_string();
    let named = named
        .ok_or_else(|| Error::new(Kind::Usage, "has a name that is no UTF-8").in_file(place))?;
    Ok(vec!["--accounts".to_owned(), named])
}

/// How long a queue that cannot say anything now, as a cluster without a leader, is asked at the start.
const OPEN: Duration = Duration::from_secs(60);

pub fn open(url: &str) -> Result<Arc<dyn reprise_queue::Queue>> {
    let until = std::time::Instant::now() + OPEN;
    loop {
        match reprise_queue::open(url) {
            Err(error) if error.kind == Kind::TryAgain && std::time::Instant::now() < until => {
                tracing::warn!("{error}; asking again");
                std::thread::sleep(Duration::from_secs(1));
            }
            other => return other,
        }
    }
}

/// Takes the address, so that it is known before the first job is.
fn listen(address: std::net::SocketAddr) -> Result<Listen> {
    let taken = std::net::TcpListener::bind(address).and_then(|listener| {
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    });
    let (listener, bound) = taken.map_err(|error| Error::io(address.to_string(), error))?;
    output::say(&format!("listening on http://{bound}"));
    Ok(Listen { listener, metrics: fleet::metrics::install()? })
}

/// Jobs that this machine can do at once.
pub fn own_slots() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = memory_free().map_or(cores, |bytes| (bytes / SLOT_MEMORY) as usize);
    memory.clamp(1, cores)
}

/// Memory that may still be used, bytes: of the machine, or of the control group that one is in.
fn memory_free() -> Option<u64> {
    let all = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = all.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let free = line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10;
    // In a container this is the container's own.
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok());
    Some(limit.map_or(free, |limit| limit.min(free)))
}

/// The host and the process, in the letters that a queue takes.
pub fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let host: String = host.trim().chars().filter(fits).take(40).collect();
    format!("{host}-{}", std::process::id())
}
