//! `reprise cut`: clips at times one names oneself.

use std::path::PathBuf;
use std::process::ExitCode;

use reprise_ingest::Location;
use reprise_model::{Error, Kind, MediaTime, Result, Span};
use reprise_worker::CutRequest;

use crate::output;
use crate::settings::{PipelineArgs, VerifyArg};

/// Cut clips at times you name, exact to the picture, coded and checked as `run` does
///
/// Each clip goes to DIR as NAME-01.mp4, with its metadata (NAME-01.json) and cover beside it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  reprise cut live.flv --window 1:05-1:32.5 --window 600-630 --out clips\n  \
                  reprise cut s3://lives/acme/live.flv --window 2:00:00-2:00:30 --out clips"
)]
pub struct Args {
    /// Recording (MP4, MOV, FLV, MPEG-TS, MKV, WebM): a file or an http(s):// or s3:// address
    recording: PathBuf,
    /// From and to, in seconds or h:mm:ss from the first picture; may be given several times
    #[arg(long = "window", value_name = "FROM-TO", required = true, value_parser = window)]
    windows: Vec<Span>,
    /// Folder that the clips go to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How much of each finished clip is decoded to verify it
    #[arg(long, value_enum, default_value_t = VerifyArg::Seams)]
    verify: VerifyArg,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

fn window(text: &str) -> Result<Span, String> {
    let (from, to) = text.split_once('-').ok_or("write it as FROM-TO, such as 1:05-1:32.5")?;
    let read = |part: &str| {
        MediaTime::parse_clock(part)
            .ok_or_else(|| format!("`{part}` is no time; write seconds or h:mm:ss"))
    };
    let span = Span::new(read(from)?, read(to)?);
    if span.is_empty() { Err("it must end after it starts".to_owned()) } else { Ok(span) }
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let mut options = args.pipeline.options()?;
    options.verify = args.verify.into();
    let request = CutRequest {
        recording: Location::of_argument(&args.recording),
        windows: args.windows.clone(),
        out: args.out.clone(),
    };
    let results = super::runtime()?.block_on(reprise_worker::cut(request, options))?;
    let mut cut = Vec::new();
    let mut failed: Vec<Error> = Vec::new();
    for result in results {
        match result {
            Ok(clip) => cut.push(clip),
            Err(error) => failed.push(error),
        }
    }
    for clip in &cut {
        output::say(&format!(
            "{}  {} to {}  {}",
            clip.file.display(),
            clip.clip.span.start,
            clip.clip.span.end,
            clip.clip.grade.as_str()
        ));
        super::check::say_failures(&clip.clip.verdicts);
    }
    if json {
        output::json(&cut)?;
    }
    let mut code = ExitCode::SUCCESS;
    for error in failed.iter().rev() {
        output::say(&format!("error: {error}"));
        code = ExitCode::from(error.kind.exit_code());
    }
    if failed.iter().any(|error| error.kind == Kind::Bug) {
        code = ExitCode::from(Kind::Bug.exit_code());
    }
    Ok(code)
}
