//! `reprise completions`: what a shell needs to complete the command.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use reprise_model::{Error, Result};

use super::Cli;

/// Print completions for a shell
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  reprise completions bash > ~/.local/share/bash-completion/completions/reprise"
)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "reprise", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)
        .map_err(|error| Error::io("standard output", error))?;
    Ok(ExitCode::SUCCESS)
}
