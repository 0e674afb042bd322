//! `reprise batch`: LIVEs from a list, for job runners that have no queue.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use reprise_model::{Error, Kind, Result};
use reprise_worker::RunOptions;
use serde::Serialize;

use crate::output;
use crate::settings::PipelineArgs;

/// What array runners call the number of a task: Kubernetes, AWS Batch, Google Batch, Slurm, Grid Engine
/// (which counts from 1, and says `undefined` outside of an array).
const INDEX_NAMES: [(&str, usize); 5] = [
    ("JOB_COMPLETION_INDEX", 0),
    ("AWS_BATCH_JOB_ARRAY_INDEX", 0),
    ("BATCH_TASK_INDEX", 0),
    ("SLURM_ARRAY_TASK_ID", 0),
    ("SGE_TASK_ID", 1),
];
/// Longest list, bytes.
const LIST_MAX: u64 = 64 << 20;

/// Make the clips of the LIVEs in a list, without a queue
///
/// Each line of the list is a session manifest, and after a tab, where it has its own, the destination
/// of its results. Empty lines and lines that begin with # are left out. In a task of an array (Slurm,
/// Kubernetes, AWS Batch, Google Batch, Grid Engine) only the task's own line is done. A task may be
/// killed and started again: what is whole is not made twice.
///
/// Exit codes: 0 all done, 75 something may work when tried again, else that of the first LIVE that
/// failed.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  reprise batch lives.txt --out /srv/clips\n  sbatch --array=0-99 --wrap 'reprise batch lives.txt --out /srv/clips'"
)]
pub struct Args {
    /// The list; `-` is standard input
    list: PathBuf,
    /// Folder or s3://bucket/prefix for the results of lines that name none
    #[arg(long, value_name = "DEST")]
    out: Option<String>,
    /// Do only this line, counted from 0 without empty lines and comments; without it as the array
    /// runner's environment says, and all where it says nothing
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// The first number of the array, where the runner does not count from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: usize,
    /// Keep rejected clips too
    #[arg(long)]
    keep_rejected: bool,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    session: PathBuf,
    out: String,
}

/// What became of one.
#[derive(Debug, Serialize)]
struct Report {
    line: usize,
    session: String,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_json: Option<String>,
    clips: Vec<String>,
    nothing_to_do: bool,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let place = args.list.display().to_string();
    let text = read(&args.list)?;
    let all = entries(&text, args.out.as_deref(), &place)?;
    let index = match args.index {
        Some(index) => Some(index),
        None => told_index(|name| std::env::var(name).ok(), args.first)?,
    };
    let chosen = match index {
        None => all.as_slice(),
        Some(index) => all.get(index..=index).ok_or_else(|| {
            let message = format!("has {} LIVEs and no number {index} (from 0)", all.len());
            Error::new(Kind::Usage, message).in_file(place)
        })?,
    };
    let mut options = args.pipeline.options()?;
    options.keep_rejected = args.keep_rejected;
    let runtime = super::runtime()?;
    let mut reports = Vec::new();
    let mut codes = Vec::new();
    for entry in chosen {
        let report = one(entry, &options, &runtime);
        match &report.error {
            Some(error) => output::say(&format!("line {}: {error}", entry.line)),
            None => output::say(&format!("line {}: {} clips", entry.line, report.clips.len())),
        }
        codes.push(report.exit_code);
        reports.push(report);
    }
    if json {
        output::json(&reports)?;
    }
    Ok(ExitCode::from(exit_code(&codes)))
}

fn read(list: &Path) -> Result<String> {
    use std::io::Read as _;
    let place = list.display().to_string();
    let failed = |error| Error::io(place.clone(), error);
    let source: Box<dyn std::io::Read> = if list == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(list).map_err(failed)?)
    };
    let mut text = String::new();
    source.take(LIST_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LIST_MAX {
        return Err(Error::new(Kind::Limit, "is longer than 64 MiB: split it").in_file(place));
    }
    Ok(text)
}

fn entries(text: &str, out: Option<&str>, place: &str) -> Result<Vec<Entry>> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let wanted = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    wanted
        .map(|(line, text)| {
            let (session, own) = match text.split_once('\t') {
                Some((session, own)) => (session.trim_end(), Some(own.trim_start())),
                None => (text, None),
            };
            let out = own.or(out).ok_or_else(|| {
                let message =
                    "names no destination: give --out, or one after a tab behind the manifest";
                Error::new(Kind::Usage, message).in_file(place).at_line(line as u64)
            })?;
            Ok(Entry { line, session: PathBuf::from(session), out: out.to_owned() })
        })
        .collect()
}

/// The number, from 0, that the runner of an array gives this task.
fn told_index(environment: impl Fn(&str) -> Option<String>, first: usize) -> Result<Option<usize>> {
    for (name, counts_from) in INDEX_NAMES {
        let Some(value) = environment(name) else { continue };
        if value.is_empty() || value == "undefined" {
            continue;
        }
        let first = first.max(counts_from);
        let number = value.parse::<usize>().ok().and_then(|number| number.checked_sub(first));
        return number.map(Some).ok_or_else(|| {
            let message = format!("{name}={value} is no number of a line, from {first}");
            Error::new(Kind::Usage, message)
        });
    }
    Ok(None)
}

fn one(entry: &Entry, options: &RunOptions, runtime: &tokio::runtime::Runtime) -> Report {
    let made = reprise_store::open(&entry.out).and_then(|store| {
        let run = reprise_worker::run(&entry.session, Arc::from(store), options.clone());
        runtime.block_on(run)
    });
    let session = entry.session.display().to_string();
    match made {
        Ok(made) => Report {
            line: entry.line,
            session,
            exit_code: 0,
            error: None,
            session_json: Some(made.session_json),
            clips: made.clips,
            nothing_to_do: made.nothing_to_do,
        },
        Err(error) => Report {
            line: entry.line,
            session,
            exit_code: error.kind.exit_code(),
            error: Some(error.to_string()),
            session_json: None,
            clips: Vec::new(),
            nothing_to_do: false,
        },
    }
}

/// One for all: what may pass comes before what will not, so that a runner tries again.
fn exit_code(codes: &[u8]) -> u8 {
    let again = Kind::TryAgain.exit_code();
    let first = codes.iter().find(|code| **code != 0).copied().unwrap_or(0);
    if codes.iter().any(|code| *code == again || *code == Kind::Io.exit_code()) && codes.len() > 1 {
        return again;
    }
    first
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_manifests_with_or_without_a_destination() {
        let text = "# lives\n\na/session.toml\nb c/session.toml\t s3://b/x\r\n";
        let found = entries(text, Some("/out"), "l").unwrap();
        let seen: Vec<_> =
            found.iter().map(|e| (e.line, e.session.to_str().unwrap(), e.out.as_str())).collect();
        assert_eq!(seen, [(3, "a/session.toml", "/out"), (4, "b c/session.toml", "s3://b/x")]);
        let error = entries(text, None, "l").unwrap_err();
        assert!(error.kind == Kind::Usage && error.to_string().contains("l:3"), "{error}");
    }

    #[test]
    fn the_runner_says_which_line() {
        let told = |pairs: &[(&str, &str)], first| {
            let find = |name: &str| pairs.iter().find(|p| p.0 == name).map(|p| p.1.to_owned());
            told_index(find, first).map_err(|error| error.kind)
        };
        assert_eq!(told(&[], 0), Ok(None));
        assert_eq!(told(&[("SLURM_ARRAY_TASK_ID", "7")], 0), Ok(Some(7)));
        assert_eq!(told(&[("SLURM_ARRAY_TASK_ID", "7")], 1), Ok(Some(6)));
        assert_eq!(told(&[("SGE_TASK_ID", "1")], 0), Ok(Some(0)));
        assert_eq!(told(&[("SGE_TASK_ID", "undefined")], 0), Ok(None));
        assert_eq!(told(&[("AWS_BATCH_JOB_ARRAY_INDEX", "x")], 0), Err(Kind::Usage));
        assert_eq!(told(&[("SGE_TASK_ID", "0")], 0), Err(Kind::Usage));
    }

    #[test]
    fn what_may_pass_is_told_before_what_will_not() {
        assert_eq!(exit_code(&[0, 0]), 0);
        assert_eq!(exit_code(&[0, 65, 66]), 65);
        assert_eq!(exit_code(&[65, 75]), 75);
        assert_eq!(exit_code(&[74, 65]), 75);
        assert_eq!(exit_code(&[74]), 74);
    }
}
