//! The capacity sheet: what so many LIVEs a day take, computed from `benches/costs.toml`.

use std::fmt::Write as _;

use crate::Result;
use crate::costs::Costs;

/// LIVEs a day that the sheet tells of.
const LIVES: [f64; 5] = [100.0, 1e3, 1e4, 1e5, 1e6];

/// What the sheet takes for granted; each line of it is told there.
struct Assumed {
    hours: f64,
    events_an_hour: f64,
    windows: f64,
    clips: f64,
    /// The busiest hour, as a multiple of the mean one: LIVEs end in the evening.
    peak: f64,
    /// How busy workers are kept at most, so that jobs do not wait for long.
    busy: f64,
    cores_a_worker: f64,
    days_kept: f64,
}

const ASSUMED: Assumed = Assumed {
    hours: 2.0,
    events_an_hour: 50_000.0,
    windows: 12.0,
    clips: 10.0,
    peak: 3.0,
    busy: 0.7,
    cores_a_worker: 4.0,
    days_kept: 30.0,
};

/// List prices, US dollars: Amazon's of us-east-1 in 2025, as an example; one's own differ.
struct Prices {
    core_hour: f64,
    thousand_writes: f64,
    thousand_reads: f64,
    gigabyte_month: f64,
    gigabyte_out: f64,
}

const PRICES: Prices = Prices {
    core_hour: 0.0446, // c7i.xlarge, 0.1785 an hour for four
    thousand_writes: 0.005,
    thousand_reads: 0.0004,
    gigabyte_month: 0.023,
    gigabyte_out: 0.09,
};

/// What Amazon's S3 promises for each prefix, requests a second (its performance guidelines).
const PREFIX_WRITES: f64 = 3500.0;
const PREFIX_READS: f64 = 5500.0;

const DAY_S: f64 = 86_400.0;
/// Longest that counting what waits may take, seconds: a worker spends a two-hundredth of its time on it, so it is told
/// every few minutes then.
const COUNT_S: f64 = 2.0;

/// One LIVE.
struct Live {
    cpu_s: f64,
    jobs: f64,
    reads: f64,
    writes: f64,
    gigabytes_read: f64,
    gigabytes_kept: f64,
}

fn live(costs: &Costs) -> Live {
    let Assumed { hours, events_an_hour, windows, .. } = ASSUMED;
    let both = |live: f64, window: f64| live + windows * window;
    let events = hours * events_an_hour / 1e6;
    Live {
        cpu_s: both(costs.live.cpu_s, costs.window.cpu_s)
            + events * costs.log.cpu_s_per_million_events,
        jobs: 1.0 + windows,
        reads: both(costs.live.reads, costs.window.reads),
        writes: both(costs.live.writes, costs.window.writes),
        gigabytes_read: both(costs.live.megabytes_read, costs.window.megabytes_read) / 1e3,
        gigabytes_kept: both(costs.live.megabytes_kept, costs.window.megabytes_kept) / 1e3,
    }
}

/// What so many a day take.
struct Need {
    lives: f64,
    core_hours: f64,
    cores: f64,
    workers: f64,
    jobs_per_s: f64,
    queue_cores: f64,
    reads_per_s: f64,
    writes_per_s: f64,
    gigabytes_read: f64,
    gigabytes_stored: f64,
    dollars: [f64; 4],
}

fn need(costs: &Costs, lives: f64) -> Need {
    let one = live(costs);
    let at_peak = |a_live: f64| a_live * lives / DAY_S * ASSUMED.peak;
    let cores = at_peak(one.cpu_s) / ASSUMED.busy;
    let core_hours = lives * one.cpu_s / 3600.0;
    let stored = lives * one.gigabytes_kept * ASSUMED.days_kept;
    // Each clip leaves once, to where it is posted.
    let out = lives * costs.window.megabytes_kept / 1e3 * ASSUMED.clips;
    Need {
        lives,
        core_hours,
        cores,
        workers: (cores / ASSUMED.cores_a_worker).ceil().max(1.0),
        jobs_per_s: at_peak(one.jobs),
        queue_cores: at_peak(one.jobs) * costs.jetstream.cpu_ms_per_job / 1e3,
        reads_per_s: at_peak(one.reads),
        writes_per_s: at_peak(one.writes),
        gigabytes_read: lives * one.gigabytes_read,
        gigabytes_stored: stored,
        dollars: [
            // Machines that come and go with the load are paid for what they are busy.
            core_hours / ASSUMED.busy * PRICES.core_hour,
            lives * (one.writes * PRICES.thousand_writes + one.reads * PRICES.thousand_reads) / 1e3,
            stored * PRICES.gigabyte_month / 30.0,
            out * PRICES.gigabyte_out,
        ],
    }
}

/// The page.
///
/// # Errors
/// Where the text is no costs file.
pub fn page(costs: &str) -> Result<String> {
    let costs: Costs = toml::from_str(costs)?;
    let one = live(&costs);
    let about = &costs.measured;
    let mut page = format!(
        "# Capacity\n\nComputed by `reprise-benches capacity` from `benches/costs.toml`, which `reprise-benches costs` \
         measures; do not edit. Measure on your own machine before you buy any.\n\n\
         | | |\n| --- | --- |\n| measured | {} on {} |\n| version | {} |\n| recording | {} |\n\
         | windows of the two runs | {} and {}; {} clips came of the second |\n\n",
        about.date,
        about.machine,
        about.version,
        about.recording,
        about.windows[0],
        about.windows[1],
        about.clips
    );
    page += "## What one costs\n\n| | CPU | reads | writes | read | kept |\n| --- | ---: | ---: | ---: | ---: | ---: |\n";
    for (name, share) in
        [("a LIVE without its windows", &costs.live), ("a window with its clip", &costs.window)]
    {
        let _ = writeln!(
            page,
            "| {name} | {:.1} s | {:.0} | {:.0} | {:.1} MB | {:.2} MB |",
            share.cpu_s, share.reads, share.writes, share.megabytes_read, share.megabytes_kept
        );
    }
    let _ = writeln!(
        page,
        "| a million events | {:.1} s | | | | |\n\n\
         Reads are GET and HEAD, writes PUT, POST and listings, as S3 is paid. A log of five million events takes {} MiB of \
         memory, a window about 512 MiB at 720p.\n\n\
         | queue | CPU a job | put in | taken and ended |\n| --- | ---: | ---: | ---: |\n\
         | SQLite, a file | {:.2} ms | {:.0}/s | {:.0}/s |\n| JetStream, one server | {:.2} ms | {:.0}/s | {:.0}/s |\n",
        costs.log.cpu_s_per_million_events,
        costs.log.memory_mib,
        costs.sqlite.cpu_ms_per_job,
        costs.sqlite.put_per_s,
        costs.sqlite.done_per_s,
        costs.jetstream.cpu_ms_per_job,
        costs.jetstream.put_per_s,
        costs.jetstream.done_per_s,
    );
    let _ = writeln!(
        page,
        "## What so many a day take\n\nTaken for granted: a LIVE is {:.0} hours long with {:.0} events an hour, and has {:.0} \
         windows of which {:.0} become clips: {:.0} s of CPU time and {:.0} jobs. The busiest hour brings {:.0} times the mean one; \
         workers are at most {:.0} % busy then and have {:.0} cores each; results are kept for {:.0} days; recordings lie in a \
         store beside the workers already.\n\n\
         | LIVEs a day | CPU hours a day | cores, busiest hour | workers | jobs/s | cores of the queue | reads/s | writes/s | read a day | stored |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ASSUMED.hours,
        ASSUMED.events_an_hour,
        ASSUMED.windows,
        ASSUMED.clips,
        one.cpu_s,
        one.jobs,
        ASSUMED.peak,
        ASSUMED.busy * 100.0,
        ASSUMED.cores_a_worker,
        ASSUMED.days_kept,
    );
    let needs = LIVES.map(|lives| need(&costs, lives));
    for need in &needs {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            count(need.lives),
            count(need.core_hours),
            count(need.cores),
            count(need.workers),
            count(need.jobs_per_s),
            count(need.queue_cores),
            count(need.reads_per_s),
            count(need.writes_per_s),
            volume(need.gigabytes_read),
            volume(need.gigabytes_stored),
        );
    }
    page += &limits(&costs, &one);
    page += &money(&needs);
    Ok(page)
}

/// Up to where one of each is enough.
fn limits(costs: &Costs, one: &Live) -> String {
    let a_day = |per_s: f64, a_live: f64| per_s * DAY_S / ASSUMED.peak / a_live;
    let queue = |queue: &crate::costs::Queue| {
        let through = a_day(queue.done_per_s.min(queue.put_per_s), one.jobs) * ASSUMED.busy;
        // Records of LIVEs are kept for 30 days, those of windows for one.
        let kept = 30.0 + ASSUMED.windows;
        through.min(queue.counted_per_s * COUNT_S / kept)
    };
    format!(
        "\nEverything is a matter of more workers but for two things:\n\n\
         - **The queue.** What bounds it is not what goes through but what is kept: a LIVE's record for 30 days and those of its \
         windows for one, all of which are read to count what waits ({COUNT_S:.0} s at most are taken for granted). By that a file holds \
         {} LIVEs a day, and all workers must see it; JetStream {}, on one server or on three that replicate. Above that, \
         sellers are divided over several queues: nothing but the URL that a worker is started with says which.\n\
         - **The object store.** Amazon's S3 promises {PREFIX_WRITES:.0} writes and {PREFIX_READS:.0} reads a second for each prefix, which is \
         {} LIVEs a day of one seller; keys begin with the seller, so sellers do not share one.\n",
        count(queue(&costs.sqlite)),
        count(queue(&costs.jetstream)),
        count(a_day(PREFIX_WRITES, one.writes).min(a_day(PREFIX_READS, one.reads))),
    )
}

fn money(needs: &[Need]) -> String {
    let mut page = format!(
        "\n## What it costs\n\nUS dollars a day at list prices of one cloud in 2025 (a core {} an hour, a thousand writes {}, a \
         thousand reads {}, a gigabyte {} a month, {} to leave the cloud), without the queue's and the network's machines. \
         Egress is each clip once, to where it is posted.\n\n\
         | LIVEs a day | CPU | requests | storage | egress | a LIVE |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n",
        PRICES.core_hour,
        PRICES.thousand_writes,
        PRICES.thousand_reads,
        PRICES.gigabyte_month,
        PRICES.gigabyte_out
    );
    for need in needs {
        let [cpu, requests, storage, egress] = need.dollars;
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {:.4} |",
            count(need.lives),
            count(cpu),
            count(requests),
            count(storage),
            count(egress),
            (cpu + requests + storage + egress) / need.lives
        );
    }
    page
}

/// A figure with its thousands apart; small ones with two digits that mean something.
fn count(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn volume(gigabytes: f64) -> String {
    match gigabytes {
        1e6.. => format!("{} PB", count(gigabytes / 1e6)),
        1e3.. => format!("{} TB", count(gigabytes / 1e3)),
        _ => format!("{} GB", count(gigabytes)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    const COSTS: &str = include_str!("../costs.toml");

    #[test]
    fn the_sheet_is_what_the_measured_costs_give() {
        let kept = std::fs::read_to_string("../docs/capacity.md").unwrap();
        assert!(page(COSTS).unwrap() == kept, "run `reprise-benches capacity`");
    }

    #[test]
    fn ten_times_the_lives_take_ten_times_of_all() {
        let costs: Costs = toml::from_str(COSTS).unwrap();
        let (few, many) = (need(&costs, 1e4), need(&costs, 1e5));
        for (few, many) in [
            (few.cores, many.cores),
            (few.jobs_per_s, many.jobs_per_s),
            (few.gigabytes_stored, many.gigabytes_stored),
            (few.dollars.iter().sum(), many.dollars.iter().sum()),
        ] {
            assert!((many / few - 10.0).abs() < 1e-9, "{few} {many}");
        }
        // By hand: the CPU time of a LIVE, that many a day, in the busiest hour, 70 % busy.
        let cpu_s =
            costs.live.cpu_s + 12.0 * costs.window.cpu_s + 0.1 * costs.log.cpu_s_per_million_events;
        assert!((few.cores - 1e4 * cpu_s / 86_400.0 * 3.0 / 0.7).abs() < 1e-6);
        assert_eq!(
            (count(0.5), count(1234567.0), volume(2500.0)),
            ("0.50".into(), "1,234,567".into(), "2.50 TB".into())
        );
    }
}
