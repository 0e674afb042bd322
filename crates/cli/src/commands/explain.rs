//! `reprise explain`: what the segmenter saw at one second of a LIVE, and why it did or did not
//! choose it.

use std::path::PathBuf;
use std::process::ExitCode;

use reprise_model::{MediaTime, Result};

use crate::settings::PipelineArgs;
use crate::{explanation, output};

/// Tell what was seen at a time of a LIVE, and why it is in a moment or not; reads no media
///
/// Says what was on, how the viewers reacted to it once their lag is undone, which moments were
/// considered there, and what decided.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  reprise explain session.toml --at 1:23:45\n  reprise explain session.toml --at 12:30 --json"
)]
pub struct Args {
    /// Session manifest (TOML or JSON)
    session: PathBuf,
    /// When: seconds, m:ss or h:mm:ss from the recording's first picture
    #[arg(long, value_name = "TIME", required = true, allow_hyphen_values = true, value_parser = time)]
    at: MediaTime,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

fn time(text: &str) -> Result<MediaTime, String> {
    let plain = text.trim();
    if let Some(rest) = plain.strip_prefix('-')
        && MediaTime::parse_clock(rest).is_some()
    {
        return Err("it lies before the recording, whose first picture is at 0".to_owned());
    }
    MediaTime::parse_clock(plain)
        .ok_or_else(|| "it is no time; write seconds (754.5), m:ss (12:34) or h:mm:ss".to_owned())
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let options = args.pipeline.options()?;
    let result = reprise_worker::explain_session(&args.session, &options, args.at)?;
    let loaded = &result.session.loaded;
    let texts = explanation::Texts {
        products: &loaded.products,
        timezone: &loaded.manifest.timezone,
        explanation: &result.explanation,
    };
    for line in texts.lines() {
        output::say(&line);
    }
    if json {
        output::json(&result.explanation)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_or_named_as_what_they_are() {
        for text in ["5025", "83:45", "1:23:45", "01:23:45", " 5025.0 "] {
            let read = time(text);
            if text == "83:45" {
                assert_eq!(read.unwrap().seconds(), 83.0 * 60.0 + 45.0);
            } else {
                assert_eq!(read.unwrap(), MediaTime::from_seconds(5025.0), "{text}");
            }
        }
        assert!(time("-5").unwrap_err().contains("before the recording"));
        for text in ["", "-", "noon", "1:2:3:4", "1:75", "1e3", "--5"] {
            assert!(time(text).unwrap_err().contains("no time"), "{text}");
        }
    }
}
