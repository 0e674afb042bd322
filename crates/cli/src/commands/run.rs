//! `reprise run`: the whole job for one LIVE.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use reprise_model::Result;

use crate::output;
use crate::settings::{PipelineArgs, VerifyArg};

/// The whole job for one LIVE: find the moments, cut, check, grade, publish
///
/// Writes DEST/SELLER/SESSION/ with clips/, report.html and session.json. Running it again
/// with the same inputs does nothing; with changed inputs it redoes what they touch. It may be
/// stopped at any time and started again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  reprise run live/session.toml --out clips")]
pub struct Args {
    /// Session manifest (TOML or JSON)
    session: PathBuf,
    /// Folder or s3://bucket/prefix that the result goes to
    #[arg(long, value_name = "DEST")]
    out: String,
    /// Keep rejected clips too, in rejected/
    #[arg(long)]
    keep_rejected: bool,
    /// How much of each finished clip is decoded to verify it
    #[arg(long, value_enum, default_value_t = VerifyArg::Seams)]
    verify: VerifyArg,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let mut options = args.pipeline.options()?;
    options.verify = args.verify.into();
    options.keep_rejected = args.keep_rejected;
    let store = Arc::from(reprise_store::open(&args.out)?);
    let result = super::runtime()?.block_on(reprise_worker::run(&args.session, store, options))?;
    if json {
        output::json(&result.outcome)?;
    }
    let outcome = &result.outcome;
    if result.nothing_to_do {
        output::say("nothing to do: a run with the same inputs is already there");
    }
    output::say(&format!(
        "{} clips from {} moments, {} moments not clipped",
        outcome.clips.len(),
        outcome.moments.len(),
        outcome.not_clipped.len()
    ));
    for (clip, path) in outcome.clips.iter().zip(&result.clips) {
        output::say(&format!(
            "  {path}  {} to {}  {}",
            clip.span.start,
            clip.span.end,
            clip.grade.as_str()
        ));
    }
    for not in &outcome.not_clipped {
        output::say(&format!("  {} not clipped, {}: {}", not.moment_id, not.rule, not.detail));
    }
    output::say(&format!("report: {}", result.report));
    Ok(ExitCode::SUCCESS)
}
