//! `reprise live-child`: what `reprise worker` starts itself to do a job in.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use reprise_model::{Error, Kind, Result};
use reprise_queue::Progress as Far;
use reprise_transcode::Verify;
use reprise_worker::Progress;
use reprise_worker::fleet::{Answer, LiveJob, LiveResult, Said};
use serde::Deserialize;

use crate::settings::PipelineArgs;

/// The hidden subcommand.
pub const NAME: &str = "live-child";
/// Longest wait for an answer of the worker, which asks its queue.
const ANSWER: Duration = Duration::from_secs(120);

/// Do one job for a worker that is at the other end of standard input
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pipeline: PipelineArgs,
}

/// The first line of standard input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    seller: String,
    live: LiveJob,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match work(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let code = error.kind.exit_code();
            say(&Said::Error { code, message: error.to_string() });
            Err(error)
        }
    }
}

fn work(args: &Args) -> Result<()> {
    let mut first = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut first)
        .map_err(|error| Error::io("standard input", error))?;
    let told: Told = serde_json::from_str(&first)
        .map_err(|error| Error::new(Kind::Malformed, format!("the job cannot be read: {error}")))?;
    let (sender, answers) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
            if let Ok(answer) = serde_json::from_str::<Answer>(&line) {
                let _ = sender.send(answer);
            }
        }
        // The worker is gone: the job is another's, and nobody reads what would come of this.
        std::process::exit(i32::from(Kind::TryAgain.exit_code()));
    });
    let mut options = args.pipeline.options()?;
    options.keep_rejected = told.live.keep_rejected;
    if told.live.verify_full {
        options.verify = Verify::Full;
    }
    options.seller = Some(told.seller);
    let shown = Arc::clone(&options.progress);
    let far = Arc::new(Mutex::new(Far::default()));
    let windows = AtomicU64::new(0);
    options.progress = Arc::new(move |progress| {
        shown(progress);
        let mut far = far.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match progress {
            Progress::Stage { name, .. } => (*name).clone_into(&mut far.stage),
            Progress::Windows { total } => far.total = *total as u64,
            // Its result is in the store: whoever goes on with the job need not do it again.
            Progress::Window { .. } => {
                far.done = windows.fetch_add(1, Ordering::Relaxed) + 1;
                far.stages_finished = u32::try_from(far.done).unwrap_or(u32::MAX);
            }
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
    let store = Arc::from(reprise_store::open(&told.live.out)?);
    let session = Path::new(&told.live.session);
    let result = super::runtime()?.block_on(reprise_worker::run(session, store, options))?;
    let told = serde_json::to_value(LiveResult::of(&result))
        .map_err(|error| Error::new(Kind::Bug, "a result is no JSON").caused_by(error))?;
    say(&Said::Result(told));
    Ok(())
}

/// One line for the worker.
fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        let mut out = std::io::stdout().lock();
        // A worker that is gone ends this process by its input.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
