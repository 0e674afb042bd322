//! `reprise-benches eval`: the segmenter held against sessions whose causes are known.

mod baselines;
mod case;
mod elsewhere;
mod lines;
mod page;
mod plan;
mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::Result;
use case::Outcome;

/// Moments of a session that count.
pub const MOMENTS: usize = 10;

/// Sessions in each of the main rows unless asked otherwise.
pub const SEEDS: u64 = 12;

/// What `reprise-benches eval --help` says.
pub const USAGE: &str = "\
usage: reprise-benches eval [OPTIONS]

Holds the segmenter against simulated sessions; use a release build.

  --quick         a few sessions of each kind
  --seeds N       sessions in each of the main rows (default 12, quick 2)
  --only WORD     only sections whose title holds the word; the page is printed, not written
  --each FILE     one line of figures for each session and method, as TSV
  --pitches FILE  one line for each of a session's best pitches and what was caught of it, as TSV
  --results FILE  where the page goes (default: benches/EVAL.md, figures beside it in eval.json)
  -h, --help      this";

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
pub struct Options {
    quick: bool,
    seeds: Option<u64>,
    only: Option<String>,
    each: Option<PathBuf>,
    pitches: Option<PathBuf>,
    results: Option<PathBuf>,
}

impl Options {
    /// `None` where help is wanted.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => options.quick = true,
                "--seeds" => options.seeds = Some(value()?.parse()?),
                "--only" => options.only = Some(value()?),
                "--each" => options.each = Some(value()?.into()),
                "--pitches" => options.pitches = Some(value()?.into()),
                "--results" => options.results = Some(value()?.into()),
                "-h" | "--help" => return Ok(None),
                _ => return Err(format!("`{word}` is no option").into()),
            }
        }
        if options.seeds == Some(0) {
            return Err("--seeds must be 1 or more".into());
        }
        Ok(Some(options))
    }

    /// Sessions in each of the main rows.
    fn main_seeds(&self) -> u64 {
        self.seeds.unwrap_or(if self.quick { 2 } else { SEEDS })
    }
}

/// Runs `reprise-benches eval` with the words that follow it.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    match Options::parse(words) {
        Ok(None) => {
            let _ = writeln!(std::io::stdout(), "{USAGE}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("reprise-benches eval: {error}\n\n{USAGE}");
            ExitCode::from(64)
        }
        Ok(Some(options)) => match eval(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("reprise-benches eval: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn eval(options: &Options) -> Result<()> {
    let from = std::time::Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let wanted = |title: &str| {
        let only = options.only.as_deref().map(str::to_lowercase);
        only.is_none_or(|word| title.to_lowercase().contains(&word))
    };
    let mut sections = plan::sections(options.main_seeds(), options.quick);
    sections.retain(|section| wanted(section.title));

    // All cases of all sections in one go, so that no core waits at the end of a section.
    let cases: Vec<(usize, usize, &case::Case)> = sections
        .iter()
        .enumerate()
        .flat_map(|(s, section)| {
            let rows = section.rows.iter().enumerate();
            rows.flat_map(move |(r, row)| row.cases.iter().map(move |case| (s, r, case)))
        })
        .collect();
    let done = AtomicUsize::new(0);
    let outcomes: Vec<(usize, usize, Vec<Outcome>)> = cases
        .par_iter()
        .map(|&(s, r, case)| {
            let outcomes = case.run();
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(50) {
                eprintln!("{done} of {} sessions", cases.len());
            }
            (s, r, outcomes)
        })
        .collect();
    let simulated_s = from.elapsed().as_secs_f64();

    let tables = page::tables(&sections, &outcomes);
    let elsewhere = if wanted(elsewhere::TITLE) { Some(elsewhere::run(&root)?) } else { None };
    let page = page::page(&tables, elsewhere.as_ref(), options.main_seeds(), options.quick);
    std::io::stdout().write_all(page.as_bytes())?;
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(path) = &options.each {
        write(path, lines::each(&sections, &outcomes))?;
    }
    if let Some(path) = &options.pitches {
        write(path, lines::pitches(&sections, &outcomes))?;
    }
    if options.only.is_none() {
        let results = options.results.clone().unwrap_or_else(|| root.join("benches/EVAL.md"));
        let figures = results.with_file_name("eval.json");
        write(&results, page)?;
        write(&figures, page::figures(&tables, elsewhere.as_ref())?)?;
        eprintln!("written to {}", results.display());
    }
    eprintln!(
        "{simulated_s:.0} s for simulated sessions, {:.0} s in all",
        from.elapsed().as_secs_f64()
    );
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let parse = |words: &[&str]| Options::parse(words.iter().map(|&word| word.to_owned()));
        assert_eq!(parse(&[]).unwrap().unwrap().main_seeds(), SEEDS);
        let quick = parse(&["--quick", "--only", "lag"]).unwrap().unwrap();
        assert_eq!((quick.main_seeds(), quick.only.as_deref()), (2, Some("lag")));
        assert_eq!(parse(&["--seeds", "7"]).unwrap().unwrap().main_seeds(), 7);
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [&["--seeds", "0"][..], &["--seeds"], &["fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
