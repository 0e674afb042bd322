//! Measured runs to ratios, and both to the page `RESULTS.md`.

use std::fmt::Write;

use crate::jobs::Run;
use crate::machine::Machine;
use crate::measure::Usage;

/// A job and what was measured of it, side by side.
pub struct Comparison {
    /// Its heading.
    pub title: String,
    /// What is compared, for people.
    pub about: String,
    /// Length of the clips together.
    pub clips_s: f64,
    /// Ways of doing it.
    pub sides: Vec<Side>,
    /// Which sides are divided by which, by index.
    pub ratios: Vec<(usize, usize)>,
    /// Index of the plain decode, D1.
    pub decode: Option<usize>,
}

/// One way of doing a job.
#[derive(Clone)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its runs; the n-th of every side were measured one right after the other.
    pub runs: Vec<Run>,
}

/// What is said of all comparisons.
pub struct Page<'a> {
    /// Where it was measured.
    pub machine: &'a Machine,
    /// On what.
    pub recording: &'a str,
    /// How often each side ran.
    pub pairs: u32,
    /// Sections that hold no comparison, as they stand.
    pub more: &'a [String],
    /// The command that makes the page.
    pub reproduce: &'a str,
    /// What was measured.
    pub comparisons: &'a [Comparison],
}

/// Median, smallest and largest of some figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max })
    }

    fn shown(this: Option<Self>) -> String {
        this.map_or_else(
            || "-".to_owned(),
            |Self { median, min, max }| format!("**{median:.2}** ({min:.2}-{max:.2})"),
        )
    }
}

/// The ratios of two sides, pair by pair.
pub fn ratios(ours: &[Run], theirs: &[Run], figure: fn(&Usage) -> f64) -> Option<Spread> {
    Spread::of(
        ours.iter()
            .zip(theirs)
            .map(|(a, b)| figure(&a.usage) / figure(&b.usage))
            .filter(|ratio| ratio.is_finite()),
    )
}

/// The whole page.
pub fn page(page: &Page<'_>) -> String {
    let machine = page.machine;
    let mut text = String::from(
        "# Reprise beside the script that a user would write\n\n\
         Made by the bench; do not edit. Only the ratios can be compared between machines.\n\n",
    );
    let facts = [
        ("date", machine.date.clone()),
        (
            "machine",
            format!(
                "{}, {} cores, {:.1} GiB of memory, Linux {}",
                machine.cpu, machine.cores, machine.memory_gib, machine.kernel
            ),
        ),
        (
            "load before the start",
            format!("{:.2} (figures are noisy above 0.5)", machine.load_before),
        ),
        ("versions", format!("{}, ffmpeg {}", machine.reprise, machine.ffmpeg)),
        ("recording", page.recording.to_owned()),
        ("pairs", format!("{}, the sides taking turns", page.pairs)),
        ("to reproduce", format!("`{}`", page.reproduce)),
    ];
    text += "| | |\n| --- | --- |\n";
    for (name, value) in facts {
        line(&mut text, &[name.to_owned(), value]);
    }
    for comparison in page.comparisons {
        section(&mut text, comparison);
    }
    for section in page.more {
        text += section;
    }
    text += "\n## How it is measured\n\n\
        CPU is user and system time of a command and of every process that it starts. *Largest process* is the highest \
        resident memory (`VmHWM`) of any one process, *all processes* the highest sum of those that ran at one time. \
        D1 is the CPU time of decoding the same windows once on one thread. Tables hold the median of all pairs; ratios are made pair \
        by pair: **median** (smallest-largest). Every clip of either side was looked at with ffprobe (pictures, sound, length); \
        a command that failed would have ended the bench.\n";
    text
}

fn section(text: &mut String, comparison: &Comparison) {
    let _ = write!(text, "\n## {}\n\n{}\n\n", comparison.title, comparison.about);
    let minutes = comparison.clips_s / 60.0;
    let decode = comparison.decode.and_then(|index| comparison.sides.get(index));
    text.push_str(
        "| | CPU, s | wall, s | CPU per minute of clip, s | CPU / D1 | largest process, MiB | all processes, MiB | clips, MB |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for side in &comparison.sides {
        let median = |figure: fn(&Usage) -> f64| {
            Spread::of(side.runs.iter().map(|run| figure(&run.usage)))
                .map_or(f64::NAN, |s| s.median)
        };
        let to_decode = decode.and_then(|decode| ratios(&side.runs, &decode.runs, cpu));
        let bytes = side.runs.first().map_or(0, |run| run.clips_bytes);
        line(
            text,
            &[
                side.name.clone(),
                format!("{:.1}", median(cpu)),
                format!("{:.1}", median(wall)),
                format!("{:.1}", median(cpu) / minutes),
                to_decode.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
                format!("{:.0}", median(largest_mib)),
                format!("{:.0}", median(together_mib)),
                if bytes == 0 { String::new() } else { format!("{:.1}", bytes as f64 / 1e6) },
            ],
        );
    }
    text.push_str(
        "\n| ratio | CPU | wall | largest process | all processes |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
    );
    for &(over, under) in &comparison.ratios {
        let (Some(side), Some(base)) = (comparison.sides.get(over), comparison.sides.get(under))
        else {
            continue;
        };
        let ratio = |figure| Spread::shown(ratios(&side.runs, &base.runs, figure));
        line(
            text,
            &[
                format!("{} / {}", side.name, base.name),
                ratio(cpu),
                ratio(wall),
                ratio(largest_mib),
                ratio(together_mib),
            ],
        );
    }
    text.push_str("\nCommands, from the project's top folder:\n\n```sh\n");
    for side in &comparison.sides {
        if let Some(run) = side.runs.first() {
            let _ = writeln!(text, "# {}\n{}", side.name, run.command);
        }
    }
    text.push_str("```\n");
}

fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn cpu(usage: &Usage) -> f64 {
    usage.cpu_s
}

fn wall(usage: &Usage) -> f64 {
    usage.wall_s
}

fn largest_mib(usage: &Usage) -> f64 {
    usage.largest_process_kib as f64 / 1024.0
}

fn together_mib(usage: &Usage) -> f64 {
    usage.together_kib as f64 / 1024.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn run(cpu_s: f64, mib: u64) -> Run {
        let kib = mib * 1024;
        Run {
            usage: Usage { cpu_s, wall_s: cpu_s, largest_process_kib: kib, together_kib: kib },
            command: "do it".to_owned(),
            clips_bytes: 2_500_000,
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_made_pair_by_pair() {
        let (ours, theirs) = ([run(1.0, 1), run(3.0, 1)], [run(2.0, 1), run(4.0, 1)]);
        let spread = ratios(&ours, &theirs, cpu).unwrap();
        assert_eq!(spread, Spread { median: 0.625, min: 0.5, max: 0.75 });
        assert_eq!(ratios(&[run(1.0, 1)], &[run(0.0, 1)], cpu), None);
    }

    #[test]
    fn the_page_has_every_side_and_ratio() {
        let side =
            |name: &str, cpu_s, mib| Side { name: name.to_owned(), runs: vec![run(cpu_s, mib)] };
        let comparison = Comparison {
            title: "Ten clips".to_owned(),
            about: "About.".to_owned(),
            clips_s: 120.0,
            sides: vec![side("ours", 50.0, 100), side("script", 100.0, 200), side("D1", 10.0, 50)],
            ratios: vec![(0, 1)],
            decode: Some(2),
        };
        let machine = Machine {
            cpu: "CPU".to_owned(),
            cores: 2,
            memory_gib: 8.0,
            kernel: "6.1".to_owned(),
            ffmpeg: "5.1".to_owned(),
            reprise: "reprise 0.1.0".to_owned(),
            date: "2026-01-02".to_owned(),
            load_before: 0.1,
        };
        let text = page(&Page {
            machine: &machine,
            recording: "live.flv",
            pairs: 1,
            more: &[],
            reproduce: "make bench",
            comparisons: &[comparison],
        });
        for line in [
            "| machine | CPU, 2 cores, 8.0 GiB of memory, Linux 6.1 |",
            "| ours | 50.0 | 50.0 | 25.0 | 5.00 | 100 | 100 | 2.5 |",
            "| ours / script | **0.50** (0.50-0.50) | **0.50** (0.50-0.50) | **0.50** (0.50-0.50) | **0.50** (0.50-0.50) |",
            "# script\ndo it",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("D1 / script"), "{text}");
    }
}
