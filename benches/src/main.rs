//! The bench: Reprise and the script that a user would write do the same job, taking turns in one run.

mod capacity;
mod compare;
mod costs;
mod eval;
mod eval_checks;
mod fleet;
mod jobs;
mod log_speed;
mod long;
mod machine;
mod measure;
mod reading;
mod recording;
mod remix;
mod report;
mod serve;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jobs::Jobs;
use machine::Machine;
use recording::{Coding, Recording};
use report::Page;

/// Every failure ends the bench with its words.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
usage: reprise-benches [OPTIONS]
       reprise-benches log [OPTIONS]   a log of five million events; writes benches/LOG.md
       reprise-benches eval [OPTIONS]   (see eval --help)
       reprise-benches fleet [JOBS]   workers and queues, 100,000 jobs each; writes benches/FLEET.md
       reprise-benches remix RECORDING   quick post edit; writes benches/REMIX.md
       reprise-benches serve OUT   page and API under load, with what a run wrote; writes benches/SERVE.md
       reprise-benches costs   what a LIVE, a window and a job cost; writes benches/costs.toml
       reprise-benches capacity   what so many LIVEs a day take; writes docs/capacity.md
       reprise-benches eval-checks LIVES   the checks on LIVEs with known faults, and their cost

Build the command first: cargo build --release -p reprise-cli

  --quick         one pair, no warm-up
  --pairs N       how often each side runs (default 3, after one warm-up)
  --job NAME      only this job: cut, run or long; may be given again
  --clips N       only the first N of the ten windows, to try the bench itself
  --reprise FILE  the command (default: beside this program)
  --results FILE  where the page goes (default: benches/RESULTS.md)
  -h, --help      this";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, file] = words.as_slice()
        && word == "parse-only"
    {
        // The other side of `log`, a process of its own so that it can be measured.
        return ended(log_speed::parse_only(Path::new(file)));
    }
    if words.first().is_some_and(|word| word == "eval") {
        return eval::main(words.into_iter().skip(1).peekable());
    }
    if let [word, lives] = words.as_slice()
        && word == "eval-checks"
    {
        let reprise = places(&Options::default()).map(|(_, reprise, _)| reprise);
        return ended(reprise.and_then(|it| eval_checks::eval_checks(Path::new(lives), &it)));
    }
    if words.first().is_some_and(|word| word == "fleet") && words.len() <= 2 {
        return ended(bench_fleet(words.get(1).map(String::as_str)));
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["costs"] => return ended(bench_costs()),
        ["serve", out] => return ended(bench_serve(Path::new(out))),
        ["remix", recording] => return ended(bench_remix(Path::new(recording))),
        ["capacity"] => return ended(write_capacity()),
        _ => {}
    }
    let long_log = words.first().is_some_and(|word| word == "log");
    match Options::parse(words.into_iter().skip(usize::from(long_log))) {
        Ok(None) => {
            let _ = writeln!(std::io::stdout(), "{USAGE}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("reprise-benches: {error}\n\n{USAGE}");
            ExitCode::from(64)
        }
        Ok(Some(options)) if long_log => ended(bench_log(&options)),
        Ok(Some(options)) => ended(bench(&options)),
    }
}

fn bench_fleet(jobs: Option<&str>) -> Result<()> {
    let (root, reprise, _) = places(&Options::default())?;
    let jobs = jobs.unwrap_or("100000").parse()?;
    let page = fleet::measured(&root, &reprise, &fleet::Wanted { pairs: 3, jobs })?;
    std::fs::write(root.join("benches/FLEET.md"), page)?;
    Ok(())
}

fn bench_remix(recording: &Path) -> Result<()> {
    let (root, reprise, work) = places(&Options::default())?;
    let page = remix::measured(&reprise, recording, &work)?;
    std::fs::write(root.join("benches/REMIX.md"), &page)?;
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(())
}

fn bench_serve(out: &Path) -> Result<()> {
    let (root, reprise, work) = places(&Options::default())?;
    let page = serve::measured(&reprise, out, &work)?;
    std::fs::write(root.join("benches/SERVE.md"), &page)?;
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(())
}

fn bench_costs() -> Result<()> {
    let (root, reprise, work) = places(&Options::default())?;
    let costs = costs::measured(&root, &reprise, &work)?;
    let text = toml::to_string(&costs)?;
    let head =
        "# Made by `reprise-benches costs`; do not edit. docs/capacity.md is computed from it.\n\n";
    std::fs::write(root.join("benches/costs.toml"), format!("{head}{text}"))?;
    write_capacity()
}

fn write_capacity() -> Result<()> {
    let (root, _, _) = places(&Options::default())?;
    let costs = std::fs::read_to_string(root.join("benches/costs.toml"))?;
    std::fs::write(root.join("docs/capacity.md"), capacity::page(&costs)?)?;
    Ok(())
}

fn ended(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reprise-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Options {
    pairs: u32,
    warm_up: bool,
    /// Only these; all where it is empty.
    jobs: Vec<String>,
    clips: usize,
    reprise: Option<PathBuf>,
    results: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { pairs: 3, warm_up: true, jobs: Vec::new(), clips: 10, reprise: None, results: None }
    }
}

impl Options {
    /// `None` where help is wanted.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => (options.pairs, options.warm_up) = (1, false),
                "--pairs" => options.pairs = value()?.parse()?,
                "--clips" => options.clips = value()?.parse()?,
                "--job" => options.jobs.push(value()?),
                "--reprise" => options.reprise = Some(value()?.into()),
                "--results" => options.results = Some(value()?.into()),
                "-h" | "--help" => return Ok(None),
                _ => return Err(format!("`{word}` is no option").into()),
            }
        }
        if options.pairs == 0 || options.clips == 0 {
            return Err("--pairs and --clips must be 1 or more".into());
        }
        match options.jobs.iter().find(|job| !["cut", "run", "long"].contains(&job.as_str())) {
            None => Ok(Some(options)),
            Some(job) => Err(format!("`{job}` is no job; there are cut, run and long").into()),
        }
    }

    fn wants(&self, job: &str) -> bool {
        self.jobs.is_empty() || self.jobs.iter().any(|only| only == job)
    }
}

/// The project's top folder, the command under test and the folder for what is made.
fn places(options: &Options) -> Result<(PathBuf, PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let own = std::env::current_exe()?;
    let beside = own.parent().ok_or("this program lies in no folder")?;
    let reprise = options.reprise.clone().unwrap_or_else(|| beside.join("reprise"));
    let reprise = reprise.canonicalize().map_err(|error| {
        format!("{}: {error}; build it: cargo build --release -p reprise-cli", reprise.display())
    })?;
    let work = beside.parent().unwrap_or(beside).join("bench");
    std::fs::create_dir_all(&work)?;
    Ok((root, reprise, work))
}

fn bench_log(options: &Options) -> Result<()> {
    let (root, reprise, work) = places(options)?;
    let machine = Machine::here(&reprise)?;
    let outcome = log_speed::measured(&reprise, &work, options.pairs)?;
    let page = log_speed::page(&machine, &outcome);
    let results = options.results.clone().unwrap_or_else(|| log_speed::results(&root));
    std::fs::write(&results, &page).map_err(|error| format!("{}: {error}", results.display()))?;
    std::io::stdout().write_all(page.as_bytes())?;
    eprintln!("written to {}", results.display());
    Ok(())
}

fn bench(options: &Options) -> Result<()> {
    let (root, reprise, work) = places(options)?;

    let machine = Machine::here(&reprise)?;
    let recording = Recording::choose(&root)?;
    let profile = root.join("pipelines/profiles/h264-720p-fast.toml");
    let coding = Coding::from_profile(&std::fs::read_to_string(profile)?, recording.fps)?;
    let windows = recording::windows(recording.duration_s)?;
    let windows = &windows[..options.clips.min(windows.len())];
    let described = recording.described.clone();
    let jobs = Jobs { root: root.clone(), reprise, work, recording, coding };

    if options.warm_up {
        eprintln!("warming up with one clip");
        jobs.cut(&windows[..1], None)?;
        jobs.script(&windows[..1])?;
    }
    let mut comparisons = Vec::new();
    if options.wants("cut") {
        let smart = compare::smart(&jobs, windows, options.pairs)?;
        let encoded = compare::encoded(&jobs, windows, options.pairs, &smart)?;
        comparisons.extend([smart, encoded]);
    }
    if options.wants("run") {
        comparisons.push(compare::run(&jobs, options.pairs)?);
    }
    let mut more = Vec::new();
    if options.wants("long") {
        let (comparison, read) =
            long::compare(&jobs, windows, if options.warm_up { options.pairs.max(5) } else { 1 })?;
        comparisons.push(comparison);
        more.push(read);
    }

    let page = report::page(&Page {
        machine: &machine,
        recording: &described,
        pairs: options.pairs,
        more: &more,
        reproduce: &reproduce(options),
        comparisons: &comparisons,
    });
    let results = options.results.clone().unwrap_or_else(|| root.join("benches/RESULTS.md"));
    std::fs::write(&results, &page).map_err(|error| format!("{}: {error}", results.display()))?;
    std::io::stdout().write_all(page.as_bytes())?;
    eprintln!("written to {}", results.display());
    Ok(())
}

/// What one types to get this page again, wherever the command and the page lie.
fn reproduce(options: &Options) -> String {
    let plain = Options::default();
    let mut words = Vec::new();
    if (options.pairs, options.warm_up) == (1, false) {
        words.push("--quick".to_owned());
    } else if options.pairs != plain.pairs {
        words.push(format!("--pairs {}", options.pairs));
    }
    words.extend(options.jobs.iter().map(|job| format!("--job {job}")));
    if options.clips != plain.clips {
        words.push(format!("--clips {}", options.clips));
    }
    if words.is_empty() {
        return "make bench".to_owned();
    }
    let words = words.join(" ");
    format!(
        "cargo build --release -p reprise-cli && cargo run --release -p reprise-benches -- {words}"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Options>> {
        Options::parse(words.iter().map(|&word| word.to_owned()))
    }

    #[test]
    fn options_are_read() {
        let plain = parse(&[]).unwrap().unwrap();
        assert_eq!((plain.pairs, plain.warm_up, plain.clips), (3, true, 10));
        assert!(plain.wants("cut") && plain.wants("run"));
        let quick = parse(&["--quick", "--job", "cut", "--clips", "2"]).unwrap().unwrap();
        assert_eq!((quick.pairs, quick.warm_up, quick.clips), (1, false, 2));
        assert!(quick.wants("cut") && !quick.wants("run"));
        assert_eq!(reproduce(&plain), "make bench");
        assert!(reproduce(&quick).ends_with(" -- --quick --job cut --clips 2"));
        assert_eq!(parse(&["--help"]).unwrap(), None);
        for wrong in [&["--pairs"][..], &["--pairs", "0"], &["--job", "fly"], &["fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
