//! A log of five million events: `reprise segment` beside only parsing its lines.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_model::event::Event;

use crate::Result;
use crate::machine::Machine;
use crate::measure::{Usage, measure};

/// Events of the log, about; they are drawn.
const EVENTS: f64 = 5e6;
/// Length of the LIVE, seconds: the longest that the platform allows.
const LIVE_S: u64 = 13 * 3600;
/// Products that are pinned in turn.
const PRODUCTS: u64 = 40;
/// Seconds for which each is pinned.
const PIN_S: u64 = 300;
/// Most CPU time of a segmentation, as a multiple of parsing alone.
const CPU_MOST: f64 = 2.5;
/// Most memory of a segmentation, MiB.
const MEMORY_MOST_MIB: u64 = 300;

/// What was measured.
pub struct Outcome {
    /// Events of the log.
    pub events: u64,
    /// Bytes of the log.
    pub bytes: u64,
    /// Each run of `reprise segment`.
    pub segment: Vec<Usage>,
    /// Each run of parsing alone, right after the segmentation of the same place.
    pub parse: Vec<Usage>,
}

impl Outcome {
    /// CPU time of a segmentation as a multiple of parsing alone: the median of the pairs.
    pub fn cpu_ratio(&self) -> f64 {
        median(self.segment.iter().zip(&self.parse).map(|(a, b)| a.cpu_s / b.cpu_s.max(0.01)))
    }

    /// Largest memory of a segmentation, MiB.
    pub fn memory_mib(&self) -> u64 {
        self.segment.iter().map(|usage| usage.largest_process_kib).max().unwrap_or(0) / 1024
    }
}

/// Makes the log in `work` where it is not there, and measures both sides `pairs` times in turns.
///
/// # Errors
/// Where the log cannot be written or a side fails.
pub fn measured(reprise: &Path, work: &Path, pairs: u32) -> Result<Outcome> {
    let folder = work.join("log");
    let session = folder.join("session.toml");
    let log = folder.join("events.jsonl");
    if !session.exists() {
        std::fs::create_dir_all(&folder)?;
        make(&log)?;
        // Last, so that a log that was cut off is made anew.
        std::fs::write(&session, manifest())?;
    }
    let words = work.join("log.txt");
    let mut outcome = Outcome {
        events: count_lines(&log)?,
        bytes: std::fs::metadata(&log)?.len(),
        segment: Vec::new(),
        parse: Vec::new(),
    };
    for pair in 1..=pairs {
        let mut segment = Command::new(reprise);
        segment.arg("segment").arg(&session);
        outcome.segment.push(measure(&mut segment, &words)?);
        let mut parse = Command::new(std::env::current_exe()?);
        parse.arg("parse-only").arg(&log);
        outcome.parse.push(measure(&mut parse, &words)?);
        if let (Some(a), Some(b)) = (outcome.segment.last(), outcome.parse.last()) {
            eprintln!(
                "pair {pair}  segment: {:.1} s CPU, {:.1} s wall, {} MiB; parse: {:.1} s CPU",
                a.cpu_s,
                a.wall_s,
                a.largest_process_kib / 1024,
                b.cpu_s
            );
        }
    }
    Ok(outcome)
}

/// The page `LOG.md`.
pub fn page(machine: &Machine, outcome: &Outcome) -> String {
    let mut out = String::from(
        "# A long log\n\nMade by the bench (`make bench`, or `reprise-benches log`); do not edit. Only the ratios can \
         be compared between machines.\n\n| | |\n| --- | --- |\n",
    );
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "| {name} | {value} |");
    };
    row("date", machine.date.clone());
    row(
        "machine",
        format!(
            "{}, {} cores, {:.1} GiB of memory, Linux {}",
            machine.cpu, machine.cores, machine.memory_gib, machine.kernel
        ),
    );
    row(
        "load before the start",
        format!("{:.2} (figures are noisy above 0.5)", machine.load_before),
    );
    let build = if cfg!(debug_assertions) { "development profile" } else { "release profile" };
    row("version", format!("{}, {build}", machine.reprise));
    row(
        "log",
        format!(
            "{} events over {} hours, {:.0} MB of JSON lines",
            outcome.events,
            LIVE_S / 3600,
            outcome.bytes as f64 / 1e6
        ),
    );
    out.push_str("\n| | CPU, s | wall, s | memory, MiB |\n| --- | ---: | ---: | ---: |\n");
    for (name, runs) in
        [("`reprise segment`", &outcome.segment), ("parsing every line alone", &outcome.parse)]
    {
        let _ = writeln!(
            out,
            "| {name} | {:.1} | {:.1} | {:.0} |",
            median(runs.iter().map(|run| run.cpu_s)),
            median(runs.iter().map(|run| run.wall_s)),
            median(runs.iter().map(|run| run.largest_process_kib as f64 / 1024.0)),
        );
    }
    let _ = writeln!(
        out,
        "\nCPU of the segmentation, as a multiple of parsing alone: **{:.2}** (at most {CPU_MOST} wanted). \
         Memory: **{} MiB** (at most {MEMORY_MOST_MIB} wanted).",
        outcome.cpu_ratio(),
        outcome.memory_mib()
    );
    out
}

/// Parses every line of a file into an event and drops it: what any reader of the log must do.
///
/// # Errors
/// Where the file cannot be read or a line is no event.
pub fn parse_only(path: &Path) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut line = Vec::new();
    let mut events = 0u64;
    while reader.read_until(b'\n', &mut line)? > 0 {
        let event: Event = serde_json::from_slice(&line)?;
        std::hint::black_box(&event);
        events += 1;
        line.clear();
    }
    writeln!(std::io::stdout(), "{events} events")?;
    Ok(())
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    crate::report::Spread::of(figures).map_or(0.0, |spread| spread.median)
}

fn count_lines(path: &Path) -> Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut lines = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(lines);
        }
        lines += buffer.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let length = buffer.len();
        reader.consume(length);
    }
}

fn manifest() -> String {
    format!(
        "id = \"long-log\"\nseller = \"bench\"\ncreator = \"bench\"\nlanguages = [\"en\"]\nconsent = true\n\n\
         [[recordings]]\nuri = \"live.flv\"\nstarted_at = 2026-11-20T06:00:00Z\nduration_s = {LIVE_S}\n\n\
         [events]\nlog = \"events.jsonl\"\n"
    )
}

/// A generator of numbers that are the same everywhere (xorshift).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How often something of this rate happens in a second: its whole part, and the rest by chance.
    fn times(&mut self, rate: f64) -> u64 {
        rate as u64 + u64::from(self.share() < rate.fract())
    }
}

/// Writes the log: viewers that come and go, chatter, and a pitch in every pin that orders, clicks
/// and comments answer after half a minute.
fn make(path: &Path) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let dice = &mut Dice(0x9e37_79b9_7f4a_7c15);
    let mut rows: Vec<(u64, String)> = Vec::new();
    let mut order = 0u64;
    for second in 0..LIVE_S {
        let (pin, into) = (second / PIN_S, second % PIN_S);
        let product = format!("p{:02}", pin * 7 % PRODUCTS);
        // Each pin's call has a strength of its own and comes two minutes in.
        let strength = [0.0, 1.0, 3.0, 0.4, 6.0, 0.0, 2.0][(pin * 31 % 7) as usize];
        let answer = |late: f64| {
            let x = (into as f64 - 120.0 - late) / 15.0;
            1.0 + strength * (-0.5 * x * x).exp()
        };
        let crowd = 1.0 + 0.6 * (second as f64 / 5000.0).sin();
        let mut row = |dice: &mut Dice, rest: std::fmt::Arguments<'_>| {
            let millis = dice.below(1000);
            let clock = 6 * 3600 + second;
            let at = format!(
                "{{\"at\":\"2026-11-20T{:02}:{:02}:{:02}.{millis:03}Z\",",
                clock / 3600,
                clock / 60 % 60,
                clock % 60
            );
            rows.push((millis, format!("{at}{rest}}}")));
        };
        if into == 0 {
            row(dice, format_args!("\"type\":\"pin\",\"product_id\":\"{product}\""));
        }
        if into == 115 || into == 175 {
            let state = if into == 115 { "start" } else { "end" };
            row(
                dice,
                format_args!(
                    "\"type\":\"flash_sale\",\"state\":\"{state}\",\"product_id\":\"{product}\""
                ),
            );
        }
        let giveaway = second % 3600;
        if giveaway == 1800 || giveaway == 1860 {
            let state = if giveaway == 1800 { "start" } else { "end" };
            row(
                dice,
                format_args!(
                    "\"type\":\"giveaway\",\"state\":\"{state}\",\"keyword\":\"WIN\",\"entry\":\"comment\""
                ),
            );
        }
        if second % 3 == 0 {
            let (watching, entered) = ((20_000.0 * crowd) as u64 + dice.below(300), dice.below(90));
            row(
                dice,
                format_args!(
                    "\"type\":\"viewers\",\"concurrent\":{watching},\"entered\":{entered}"
                ),
            );
        }
        let unit = EVENTS / LIVE_S as f64 * crowd / 1.08;
        for _ in 0..dice.times(0.33 * unit) {
            let count = 1 + dice.below(15);
            row(dice, format_args!("\"type\":\"like\",\"count\":{count}"));
        }
        for _ in 0..dice.times(0.08 * unit * answer(18.0)) {
            row(
                dice,
                format_args!("\"type\":\"product_click\",\"product_id\":\"{product}\",\"count\":1"),
            );
        }
        for _ in 0..dice.times(0.02 * unit) {
            let kind = ["follow", "share", "gift"][dice.below(3) as usize];
            row(dice, format_args!("\"type\":\"{kind}\",\"count\":1"));
        }
        for _ in 0..dice.times(0.035 * unit * answer(35.0)) {
            order += 1;
            // One in seven buys another product than the one that is pinned.
            let of = if dice.below(7) == 0 {
                format!("p{:02}", dice.below(PRODUCTS))
            } else {
                product.clone()
            };
            let status = ["paid", "paid", "paid", "paid", "unpaid", "cancelled", "refunded"]
                [dice.below(7) as usize];
            let (units, cents) = (1 + dice.below(2), 500 + dice.below(4000));
            row(
                dice,
                format_args!(
                    "\"type\":\"order\",\"order_id\":\"5764{order:014}\",\"product_id\":\"{of}\",\"quantity\":{units},\
                     \"amount\":{{\"value\":\"{}.{:02}\",\"currency\":\"USD\"}},\"status\":\"{status}\"",
                    cents / 100,
                    cents % 100
                ),
            );
        }
        let entries = if (1810..1880).contains(&giveaway) { 40 } else { 0 };
        let talk = dice.times(0.5 * unit);
        let reactions = dice.times(0.03 * unit * (answer(18.0) - 1.0));
        for n in 0..entries + talk + reactions {
            let text = match n {
                n if n < entries => "WIN".to_owned(),
                n if n < entries + reactions => REACTIONS[dice.below(6) as usize].to_owned(),
                _ => chatter(dice),
            };
            let user = dice.below(90_000).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            row(
                dice,
                format_args!("\"type\":\"comment\",\"user\":\"u{user:016x}\",\"text\":\"{text}\""),
            );
        }
        rows.sort();
        for (_, line) in rows.drain(..) {
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}

const REACTIONS: [&str; 6] =
    ["just bought it", "ordered", "got two", "take my money", "checked out!!", "in my cart"];

/// What people write: often the same few words, else some of a language's.
fn chatter(dice: &mut Dice) -> String {
    const OFTEN: [&str; 12] = [
        "hello",
        "hi",
        "nice",
        "❤❤❤",
        "how much?",
        "love it",
        "first",
        "wow",
        "🔥",
        "ya kak",
        "bagus",
        "what size",
    ];
    if dice.below(10) < 6 {
        return OFTEN[dice.below(12) as usize].to_owned();
    }
    let words = 2 + dice.below(7);
    let mut text = String::new();
    for n in 0..words {
        if n > 0 {
            text.push(' ');
        }
        // A few words are common and most are rare.
        let share = dice.share();
        let mut word = (6000.0 * share * share * share) as u64 + 20;
        while word > 0 {
            let syllable = ["ka", "ri", "to", "me", "nu", "sa", "lo", "pe", "di", "ba"];
            text.push_str(syllable[(word % 10) as usize]);
            word /= 10;
        }
    }
    text
}

/// Where the page goes by default.
pub fn results(root: &Path) -> PathBuf {
    root.join("benches/LOG.md")
}
