//! `reprise decode-child`: what `reprise` starts itself to decode in.

use std::process::ExitCode;

use reprise_model::Result;

/// Decode for another `reprise` that is at the other end of standard input
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Memory that it may take, MiB
    memory_mb: u64,
    /// Crash, hang and lie where it is asked to, for tests
    #[arg(long)]
    may_misbehave: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    reprise_transcode::serve_child(args.memory_mb.saturating_mul(1 << 20), args.may_misbehave)?;
    Ok(ExitCode::SUCCESS)
}
