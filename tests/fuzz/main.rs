//! `make fuzz`: all hostile files, 10,000 mutated recordings, and every parser of ours for a while.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // It fails by panicking.
#![allow(clippy::print_stdout)] // It talks to people.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use reprise_tests::{attack, mutants, parsers};

/// Mutated recordings.
const MUTANTS: u64 = 10_000;
/// Each parser is fed for so long.
const PARSER: Duration = Duration::from_secs(30);
/// A parser that is at one input for longer hangs.
const STUCK: Duration = Duration::from_secs(20);
/// No input was tried yet.
const NOT_BEGUN: u64 = u64::MAX;
/// What a parser may take of memory.
const PARSER_BYTES: u64 = 2 << 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let failed = match arguments.as_slice() {
        [] => hostile() + mutated(MUTANTS) + all_parsers(PARSER),
        ["hostile"] => hostile(),
        ["mutants"] => mutated(MUTANTS),
        ["mutants", count] => mutated(count.parse().expect("a count")),
        ["mutant", number] => {
            let folder = kept();
            println!("{}", mutants::save(number.parse().expect("a number"), &folder).display());
            0
        }
        ["parsers"] => all_parsers(PARSER),
        ["parsers", seconds] => all_parsers(Duration::from_secs(seconds.parse().expect("seconds"))),
        ["parser", name, state] => feed(name, Path::new(state)),
        _ => {
            println!(
                "reprise-fuzz [hostile | mutants [COUNT] | mutant NUMBER | parsers [SECONDS]]"
            );
            return ExitCode::from(64);
        }
    };
    ExitCode::from(u8::from(failed > 0))
}

/// Where inputs that fail are kept.
fn kept() -> std::path::PathBuf {
    let root = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = Path::new(&root).join("fuzz");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

fn hostile() -> usize {
    let begun = Instant::now();
    let report = attack::all(threads());
    println!(
        "hostile files: {} tried in {:.0} s, {} failures",
        report.tried,
        begun.elapsed().as_secs_f64(),
        report.failures.len()
    );
    for (took, name) in &report.slowest {
        println!("  slowest: {name}, {:.1} s", took.as_secs_f64());
    }
    report.failures.iter().for_each(|failure| println!("  {failure}"));
    report.failures.len()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn mutated(count: u64) -> usize {
    let begun = Instant::now();
    let mut done = 0;
    let mut report = mutants::run(0..count, threads(), &mut |_| {
        done += 1;
        if done % 500 == 0 {
            println!("mutated recordings: {done} of {count}");
        }
    });
    if report.made + report.refused + report.contained() != count {
        report.failures.push("some were not counted".to_owned());
    }
    if report.made == 0 || report.refused == 0 {
        report.failures.push("the changes are too weak or too strong to try anything".to_owned());
    }
    println!(
        "mutated recordings: {count} tried in {:.0} s: {} answered, {} refused; children: {} \
         crashed, {} hung, {} wanted too much memory; {} failures",
        begun.elapsed().as_secs_f64(),
        report.made,
        report.refused,
        report.crashed,
        report.hung,
        report.starved,
        report.failures.len()
    );
    report.remarkable.iter().for_each(|word| println!("  contained: {word}"));
    report.failures.iter().for_each(|failure| println!("  {failure}"));
    report.failures.len()
}

/// Feeds every parser, each in a process of its own, so that a hang and a lack of memory show too.
fn all_parsers(time: Duration) -> usize {
    let mut failures = 0;
    for target in parsers::all(&kept()) {
        let state = kept().join(format!("{}.state", target.name));
        std::fs::write(&state, NOT_BEGUN.to_le_bytes()).expect("a file can be written");
        let program = std::env::current_exe().expect("its own path");
        let mut child = Command::new(program)
            .args(["parser", target.name])
            .arg(&state)
            .spawn()
            .expect("it runs itself");
        let (failure, number) = observe(&mut child, &state, time);
        match failure {
            None => println!("parser {}: {number} inputs", target.name),
            Some(what) => {
                failures += 1;
                let file = kept().join(format!("{}-{number}", target.name));
                if !file.exists() {
                    let bytes = parsers::input(&target, number);
                    std::fs::write(&file, bytes).expect("a file can be written");
                }
                println!("parser {}: {what}; its input is {}", target.name, file.display());
            }
        }
        let _ = std::fs::remove_file(&state);
    }
    failures
}

/// Waits for `time`; what went wrong, and the number of the last input.
fn observe(child: &mut Child, state: &Path, time: Duration) -> (Option<String>, u64) {
    let mut begun = Instant::now();
    let (mut last, mut since) = (NOT_BEGUN, Instant::now());
    let failure = loop {
        let bytes = std::fs::read(state).expect("the state can be read");
        let number = bytes.try_into().map_or(0, u64::from_le_bytes);
        if number != last {
            if last == NOT_BEGUN {
                begun = Instant::now();
            }
            (last, since) = (number, Instant::now());
        }
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break Some(format!("fails ({status})"));
        }
        if since.elapsed() > STUCK {
            break Some(format!("hangs for {STUCK:?}"));
        }
        if last != NOT_BEGUN && begun.elapsed() > time {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let _ = child.kill();
    let _ = child.wait();
    (failure, last)
}

/// Feeds one parser until it fails or is ended.
fn feed(name: &str, state: &Path) -> usize {
    rlimit::setrlimit(rlimit::Resource::AS, PARSER_BYTES, PARSER_BYTES).expect("a limit is set");
    // Making the input smaller panics again and again; the first one tells where.
    let told = std::sync::Once::new();
    std::panic::set_hook(Box::new(move |panic| told.call_once(|| println!("  {panic}"))));
    let state = std::fs::File::options().write(true).open(state).expect("the state is there");
    let target =
        parsers::all(&kept()).into_iter().find(|t| t.name == name).expect("a parser's name");
    let failure = parsers::run_told(&target, 0..u64::MAX, &mut |number| {
        state.write_all_at(&number.to_le_bytes(), 0).expect("the state can be written");
    });
    if let Some(failure) = failure {
        let file = kept().join(format!("{name}-{}", failure.number));
        std::fs::write(&file, &failure.bytes).expect("a file can be written");
        let _ = writeln!(std::io::stdout(), "parser {name}: {}", failure.what);
        return 1;
    }
    0
}
