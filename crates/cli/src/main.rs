//! The command `reprise`.

mod commands;
mod explanation;
mod output;
mod progress;
mod settings;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::commands::{Cli, LogFormat};

/// What is logged where `REPRISE_LOG` says nothing: libraries tell their troubles in the errors that
/// they return, so that nobody reads them twice.
const LOGGED: &str = "info,aws_config=off,aws_smithy_runtime=off,aws_smithy_runtime_api=off,\
    aws_sdk_s3=off,aws_sdk_sts=off,aws_runtime=off,hyper=off,hyper_util=off";

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
    let filter = EnvFilter::try_from_env("REPRISE_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match cli.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            log.with_ansi(colours).compact().init();
        }
    }
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::say(&format!("error: {error}"));
            ExitCode::from(error.kind.exit_code())
        }
    }
}
