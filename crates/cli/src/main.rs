//! The command `reprise`.

mod commands;
mod explanation;
mod log;
mod output;
mod progress;
mod settings;
mod threads;
mod traces;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a wrong call (sysexits: 64).
            let code = if error.use_stderr() { 64 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    if cli.is_first() {
        threads::limit();
    }
    let traces = log::begin(cli.log_format);
    let ended = match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::say_error(&format!("error: {error}"));
            ExitCode::from(error.kind.exit_code())
        }
    };
    if let Some(traces) = traces {
        traces.end();
    }
    ended
}
