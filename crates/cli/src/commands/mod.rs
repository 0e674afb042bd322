//! The subcommands, one a file.

mod batch;
mod check;
mod completions;
mod cut;
mod decode_child;
mod doctor;
mod enqueue;
mod explain;
mod import;
mod inspect;
mod jobs;
mod keys;
mod live_child;
mod models;
mod remix;
mod remix_child;
mod run;
mod segment;
mod serve;
mod takedown;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use reprise_model::Result;

/// Turns recorded LIVE shopping sessions into highlight clips that are ready to post.
#[derive(Parser, Debug)]
#[command(
    name = "reprise",
    version,
    about,
    after_help = "\
Start with `reprise run session.toml --out clips`. The manifest names the recording, the event log and
the products; README.md shows one. Exit codes: 0 done, 64 wrong call, 65 bad input, 66 input missing,
69 something needed is not installed, 70 a defect of Reprise, 74 reading or writing failed, 75 try again.
A clip that is rejected is no error."
)]
pub struct Cli {
    /// Print the result as one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,
    /// How the log on standard error is written
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        default_value = "text",
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Whether this is a process of its own, not one that another command of ours began.
    pub fn is_first(&self) -> bool {
        let child = matches!(
            self.command,
            Command::DecodeChild(_) | Command::RemixChild(_) | Command::LiveChild(_)
        );
        !child
    }
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::Args),
    Segment(segment::Args),
    Explain(explain::Args),
    Cut(cut::Args),
    Check(check::Args),
    Remix(remix::Args),
    Inspect(inspect::Args),
    Import(import::Args),
    Enqueue(enqueue::Args),
    Worker(worker::Args),
    Jobs(jobs::Args),
    Serve(serve::Args),
    Keys(keys::Args),
    Batch(batch::Args),
    Takedown(takedown::Args),
    Models(models::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    DecodeChild(decode_child::Args),
    #[command(hide = true)]
    RemixChild(remix_child::Args),
    #[command(hide = true)]
    LiveChild(live_child::Args),
}

/// Runs what was asked for.
///
/// # Errors
/// What the subcommand says.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Run(args) => crate::traces::process("run").in_scope(|| run::run(&args, cli.json)),
        Command::Segment(args) => segment::run(&args, cli.json),
        Command::Explain(args) => explain::run(&args, cli.json),
        Command::Cut(args) => cut::run(&args, cli.json),
        Command::Check(args) => check::run(&args, cli.json),
        Command::Remix(args) => remix::run(&args, cli.json),
        Command::Inspect(args) => inspect::run(&args, cli.json),
        Command::Import(args) => import::run(&args, cli.json),
        Command::Enqueue(args) => enqueue::run(&args, cli.json),
        Command::Worker(args) => worker::run(&args, cli.json),
        Command::Jobs(args) => jobs::run(&args, cli.json),
        Command::Serve(args) => serve::run(&args),
        Command::Keys(args) => keys::run(&args, cli.json),
        Command::Batch(args) => batch::run(&args, cli.json),
        Command::Takedown(args) => takedown::run(&args, cli.json),
        Command::Models(args) => models::run(&args, cli.json),
        Command::Doctor(args) => doctor::run(&args, cli.json),
        Command::Completions(args) => completions::run(&args),
        Command::DecodeChild(args) => decode_child::run(&args),
        Command::RemixChild(args) => remix_child::run(&args),
        Command::LiveChild(args) => live_child::run(&args),
    }
}

/// A runtime for the stages; they do their work on its blocking threads.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| reprise_model::Error::io("the runtime", error))
}

/// Sets `stop` with SIGTERM and Ctrl-C.
fn stop_on_signal(
    runtime: &tokio::runtime::Runtime,
    stop: &std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let told = std::sync::Arc::clone(stop);
    let watching = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| reprise_model::Error::io("SIGTERM", error))?;
    drop(watching);
    runtime.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("stopping: jobs may go on for a while");
        told.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    Ok(())
}
