//! `reprise live-child`: what `reprise worker` starts itself to do a job in.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use reprise_model::posted::PostState;
use reprise_model::{Error, Kind, Result};
use reprise_publish::posting::Accounts;
use reprise_queue::Progress as Far;
use reprise_transcode::Verify;
use reprise_worker::fleet::{
    Answer, LIVE, LiveJob, LiveResult, POST, PostJob, REMIX, RemixJob, Said, Told, WINDOW,
    WindowJob, WindowResult, Windows,
};
use reprise_worker::{Progress, RunOptions, Tenants};
use serde::de::DeserializeOwned;

use crate::settings::PipelineArgs;
use crate::traces;

/// The hidden subcommand.
pub const NAME: &str = "live-child";
/// How far jobs stand back behind what answers people on the same machine (POSIX `nice`, 0 to 19).
const NICE: i32 = 10;
/// Longest wait for an answer of the worker, which asks its queue.
const ANSWER: Duration = Duration::from_secs(120);

/// Do one job for a worker that is at the other end of standard input
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Whose job may read and write where
    #[arg(long)]
    tenants: Option<PathBuf>,
    /// Accounts that sellers post to
    #[arg(long)]
    accounts: Option<PathBuf>,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match traces::process("live-child").in_scope(|| work(args)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let code = error.kind.exit_code();
            say(&Said::Error { code, message: error.to_string() });
            Err(error)
        }
    }
}

fn work(args: &Args) -> Result<()> {
    // Whoever looks at a page comes before whoever waits for a clip.
    let _ = rustix::process::nice(NICE);
    let mut first = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut first)
        .map_err(|error| Error::io("standard input", error))?;
    let told: Told = serde_json::from_str(&first)
        .map_err(|error| Error::new(Kind::Malformed, format!("the job cannot be read: {error}")))?;
    let (sender, answers) = mpsc::channel();
    let shared: Arc<OnceLock<Arc<Windows>>> = Arc::default();
    let taken = Arc::clone(&shared);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
            if let Ok(answer) = serde_json::from_str::<Answer>(&line) {
                let _ = sender.send(answer);
            }
        }
        // The worker is gone or stops: the job is another's, and nobody reads what would come of this.
        if let Some(windows) = taken.get() {
            windows.give_back();
        }
        std::process::exit(i32::from(Kind::TryAgain.exit_code()));
    });
    let mut options = args.pipeline.options()?;
    // Windows are jobs, and the worker's slots say how many are done at once.
    if args.pipeline.jobs.is_none() && told.share.is_some() {
        options.jobs = 1;
    }
    options.seller = Some(told.seller.clone());
    let tenants = args.tenants.as_deref().map(Tenants::read).transpose()?;
    if let Some(tenants) = &tenants {
        let (tenants, seller) = (tenants.clone(), told.seller.clone());
        options.inputs = Arc::new(move |place| tenants.may_read(&seller, place));
    }
    let may_write = |out: &str| match &tenants {
        Some(tenants) => tenants.may_write(&told.seller, out),
        None => Ok(()),
    };
    let shown = Arc::clone(&options.progress);
    let far = Arc::new(Mutex::new(Far::default()));
    let made = AtomicU64::new(0);
    options.progress = Arc::new(move |progress| {
        shown(progress);
        let mut far = far.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match progress {
            Progress::Stage { name, .. } => (*name).clone_into(&mut far.stage),
            Progress::Windows { total } => far.total = *total as u64,
            // Its result is in the store: whoever goes on with the job need not do it again.
            Progress::Window { .. } => {
                far.done = made.fetch_add(1, Ordering::Relaxed) + 1;
                far.stages_finished = u32::try_from(far.done).unwrap_or(u32::MAX);
            }
            Progress::Waiting { sign } => far.stage = format!("waiting for other workers: {sign}"),
            Progress::Warning(_) => return,
        }
        say(&Said::Progress(far.clone()));
    });
    let answers = Mutex::new(answers);
    options.may_commit = Arc::new(move || {
        say(&Said::MayCommit);
        let answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match answers.recv_timeout(ANSWER) {
            Ok(Answer::Go) => Ok(()),
            Err(_) => Err(Error::new(Kind::TryAgain, "the worker did not say that it may commit")),
        }
    });
    if told.kind == WINDOW {
        let window: WindowJob = body(&told)?;
        for_live(&mut options, &window.live);
        may_write(&window.live.out)?;
        let store = Arc::from(reprise_store::open(&window.live.out)?);
        let session = Path::new(&window.live.session);
        let made = reprise_worker::run_window(session, store, options, window.moment);
        let made = super::runtime()?.block_on(made)?;
        let result = WindowResult::of(made.as_ref().err());
        say(&Said::Result(serde_json::to_value(result).unwrap_or_default()));
        return Ok(());
    }
    if told.kind == REMIX {
        let remix: RemixJob = body(&told)?;
        may_write(&remix.out)?;
        let store = reprise_store::open(&remix.out)?;
        let progress = |share: f64| {
            let done = (share * 100.0) as u64;
            let stage = if done < 100 { "remix" } else { "check" }.to_owned();
            say(&Said::Progress(Far { stage, done, total: 100, stages_finished: 0 }));
        };
        let remixer = super::remix::remixer();
        let made = remix.run(&told.seller, store.as_ref(), &remixer, &options, &progress)?;
        let result = serde_json::json!({
            "session": remix.session,
            "clip": remix.clip,
            "remix": made.remix_id,
            "grade": made.grade,
        });
        say(&Said::Result(result));
        return Ok(());
    }
    if told.kind == POST {
        let post: PostJob = body(&told)?;
        may_write(&post.out)?;
        let store = reprise_store::open(&post.out)?;
        let accounts = args.accounts.as_deref().map(Accounts::read).transpose()?;
        let progress = |state: PostState, share: f64| {
            let stage = match state {
                PostState::Uploading => "upload",
                _ => "process",
            };
            let done = (share * 1000.0) as u64;
            let stage = stage.to_owned();
            say(&Said::Progress(Far { stage, done, total: 1000, stages_finished: 0 }));
        };
        let accounts = accounts.unwrap_or_default();
        let made = post.run(&told.seller, store.as_ref(), &accounts, &progress)?;
        let result = serde_json::json!({
            "session": post.session, "clip": post.clip, "remix": post.remix, "post": made.post_id,
            "state": made.state, "reason": made.reason,
        });
        say(&Said::Result(result));
        return Ok(());
    }
    if told.kind != LIVE {
        let message = format!("jobs of the kind `{}` are for a later version", told.kind);
        return Err(Error::new(Kind::Unsupported, message));
    }
    let live: LiveJob = body(&told)?;
    for_live(&mut options, &live);
    may_write(&live.out)?;
    if let Some(share) = &told.share {
        match reprise_queue::open(&share.queue) {
            Ok(queue) => {
                let windows = Arc::new(Windows {
                    held: Arc::default(),
                    queue,
                    worker: share.worker.clone(),
                    lease: Duration::from_secs(share.lease_s),
                    tenant: told.seller.clone(),
                    parent: told.job.clone(),
                    live: live.clone(),
                });
                let _ = shared.set(Arc::clone(&windows));
                options.share = Some(windows);
            }
            Err(error) => tracing::warn!("all clips are made here: {error}"),
        }
    }
    let store = Arc::from(reprise_store::open(&live.out)?);
    let session = Path::new(&live.session);
    let result = super::runtime()?.block_on(reprise_worker::run(session, store, options))?;
    let told = serde_json::to_value(LiveResult::of(&result))
        .map_err(|error| Error::new(Kind::Bug, "a result is no JSON").caused_by(error))?;
    say(&Said::Result(told));
    Ok(())
}

/// What the job's kind says.
fn body<T: DeserializeOwned>(told: &Told) -> Result<T> {
    serde_json::from_value(told.body.clone())
        .map_err(|error| Error::new(Kind::Malformed, format!("the job cannot be read: {error}")))
}

fn for_live(options: &mut RunOptions, live: &LiveJob) {
    options.keep_rejected = live.keep_rejected;
    if live.verify_full {
        options.verify = Verify::Full;
    }
}

/// One line for the worker.
fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        let mut out = std::io::stdout().lock();
        // A worker that is gone ends this process by its input.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
