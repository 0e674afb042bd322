//! `reprise check`: verdicts and grade of any clip.

use std::path::PathBuf;
use std::process::ExitCode;

use reprise_ingest::Location;
use reprise_model::{Error, Kind, MediaTime, Outcome, Result, Verdict};
use reprise_worker::CheckRequest;

use crate::output;
use crate::settings::PipelineArgs;

/// Check any clip against the standard: one verdict a rule, and the grade
///
/// Rules that need the recording or the session are `unknown` without them.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  reprise check clip.mp4 --session session.toml --source live.flv --at 4:17"
)]
pub struct Args {
    /// The clip
    clip: PathBuf,
    /// Session it belongs to; with --source, what its log says of the clip counts too
    #[arg(long, value_name = "SESSION")]
    session: Option<PathBuf>,
    /// Product of the session that the clip is linked to; may be given again. Without it, the one
    /// that was pinned
    #[arg(long = "product", value_name = "ID", requires = "session")]
    products: Vec<String>,
    /// What is said in the clip: .srt, .vtt or .json
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// Recording it was cut from: a file or an http(s):// or s3:// address
    #[arg(long, value_name = "RECORDING", requires = "at")]
    source: Option<PathBuf>,
    /// Where in the recording it starts, in seconds or h:mm:ss
    #[arg(long, value_name = "S", requires = "source")]
    at: Option<String>,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let options = args.pipeline.options()?;
    let source = match (&args.source, &args.at) {
        (Some(source), Some(at)) => {
            let at = MediaTime::parse_clock(at).ok_or_else(|| {
                Error::new(
                    Kind::Usage,
                    format!("--at: `{at}` is no time; write seconds or h:mm:ss"),
                )
            })?;
            Some((Location::of_argument(source), at))
        }
        _ => None,
    };
    let request = CheckRequest {
        clip: args.clip.clone(),
        session: args.session.clone(),
        source,
        products: args.products.clone(),
        transcript: args.transcript.clone(),
    };
    let result = reprise_worker::check(&request, &options)?;
    output::say(&format!(
        "{}: {}x{}, {:.2} pictures a second, {}",
        result.clip, result.width, result.height, result.fps, result.duration_s
    ));
    if result.damaged_packets > 0 {
        output::say(&format!(
            "{} packets are damaged and could not be decoded",
            result.damaged_packets
        ));
    }
    let mut rows =
        vec![["rule", "verdict", "measured", "threshold", "detail"].map(str::to_owned).to_vec()];
    for verdict in &result.verdicts {
        rows.push(vec![
            verdict.rule.to_string(),
            match verdict.verdict {
                Outcome::Pass => "pass".to_owned(),
                Outcome::Fail => "FAIL".to_owned(),
                Outcome::Unknown => "unknown".to_owned(),
            },
            measured(verdict),
            verdict.threshold.clone().unwrap_or_default(),
            verdict.detail.clone(),
        ]);
    }
    output::table(&rows);
    output::say(&format!("grade: {}", result.grade.as_str()));
    if json {
        output::json(&result)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The failed rules of a clip, a line each.
pub fn say_failures(verdicts: &[Verdict]) {
    for verdict in verdicts.iter().filter(|verdict| verdict.verdict == Outcome::Fail) {
        output::say(&format!("  {} fails: {}", verdict.rule, verdict.detail));
    }
}

fn measured(verdict: &Verdict) -> String {
    match (verdict.measured, &verdict.unit) {
        (Some(value), Some(unit)) => format!("{} {unit}", short(value)),
        (Some(value), None) => short(value),
        (None, _) => String::new(),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
