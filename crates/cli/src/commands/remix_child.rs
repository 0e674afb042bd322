//! `reprise remix-child`: what `reprise` starts itself to make a remix in.

use std::process::ExitCode;

use reprise_model::Result;

/// Make a remix for another `reprise` that is at both ends of the standard streams
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Memory that it may take, MiB
    memory_mb: u64,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    reprise_remix::serve(args.memory_mb.saturating_mul(1 << 20))?;
    Ok(ExitCode::SUCCESS)
}
