//! A log whose clock is a time zone off the recording's: found, measured and told.

use reprise_model::{MediaDuration, WallTime};

use crate::seconds::wall;

/// Time zones lie a multiple of so many seconds from each other.
const STEP_S: i64 = 900;

/// The farthest that is tried, in steps: 14 hours, as time zones go.
const STEPS_MAX: i64 = 56;

/// A shift counts where it puts so much of the log inside the recording.
const INSIDE_LEAST: f64 = 0.95;

/// Shifts whose shares differ by less than this fit equally well.
const ALIKE: f64 = 0.02;

/// By how much to move the log, and what people should know of it.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub shift: MediaDuration,
    pub note: Option<String>,
}

/// Holds a log against the recording. `counts` are the seconds of Unix time in which something was
/// logged with how many events each holds, in order.
pub(crate) fn find(counts: &[(i64, u32)], zero: WallTime, duration: MediaDuration) -> Found {
    let mut sums = Vec::with_capacity(counts.len() + 1);
    let mut total = 0u64;
    sums.push(0);
    for &(_, events) in counts {
        total += u64::from(events);
        sums.push(total);
    }
    let start = zero.micros().div_euclid(1_000_000);
    let end = start.saturating_add(duration.seconds().ceil() as i64);
    // As share of all events, with the log moved by so many steps.
    let inside = |steps: i64| {
        let place = |second: i64| {
            let second = second.saturating_sub(steps * STEP_S);
            counts.partition_point(|&(other, _)| other < second)
        };
        (sums[place(end)] - sums[place(start)]) as f64 / total.max(1) as f64
    };
    let as_it_is = inside(0);
    if total == 0 || duration.seconds() <= 0.0 || as_it_is >= 0.5 {
        return Found::default();
    }
    let outside = (100.0 * (1.0 - as_it_is)).round();
    let good: Vec<(i64, f64)> = (-STEPS_MAX..=STEPS_MAX)
        .map(|steps| (steps, inside(steps)))
        .filter(|(_, share)| *share >= INSIDE_LEAST)
        .collect();
    let best = good.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    // Of those that fit about as well: most zones are whole hours apart, some half ones, few
    // quarters.
    let chosen = [4, 2, 1].into_iter().find_map(|unit| {
        let fits = |(steps, share): &&(i64, f64)| steps % unit == 0 && *share >= best - ALIKE;
        let of_unit: Vec<&(i64, f64)> = good.iter().filter(fits).collect();
        (!of_unit.is_empty()).then_some(of_unit)
    });
    match chosen.as_deref() {
        Some([(steps, share)]) => Found {
            shift: MediaDuration::from_seconds((steps * STEP_S) as f64),
            note: Some(format!(
                "the log's clock is {} {} the recording's, as if a time zone were left out: all its \
                 times are moved by that, which puts {:.0} % of its events inside the recording \
                 ({outside:.0} % were outside); where that is right, state it with the zone of the \
                 log's times or of `started_at` in the manifest",
                clock(steps.abs() * STEP_S),
                if *steps < 0 { "ahead of" } else { "behind" },
                100.0 * share
            )),
        },
        other => {
            let first = counts.first().map_or(zero, |(second, _)| wall(*second));
            let last = counts.last().map_or(zero, |(second, _)| wall(*second));
            let why = if other.is_some() {
                "several time zones would put it inside, so that none was chosen"
            } else {
                "no time zone puts it inside"
            };
            Found {
                shift: MediaDuration::ZERO,
                note: Some(format!(
                    "{outside:.0} % of the log's events lie outside the recording (the log runs from \
                     {first} to {last}, the recording from {zero} to {}), and {why}: is it the log of \
                     this LIVE, and is `started_at` right?",
                    zero.plus(duration)
                )),
            }
        }
    }
}

fn clock(seconds: i64) -> String {
    format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of one event a second from `from_s` to `to_s`, against a recording of two hours.
    fn shift_of(from_s: i64, to_s: i64) -> (f64, String) {
        let counts: Vec<(i64, u32)> = (from_s..to_s).map(|second| (second, 1)).collect();
        let found = find(&counts, wall(0), MediaDuration::from_seconds(7200.0));
        (found.shift.seconds(), found.note.unwrap_or_default())
    }

    #[test]
    fn a_time_zone_is_told_from_other_offsets() {
        assert_eq!(shift_of(-60, 7200), (0.0, String::new()));
        // Less than half outside: a log that begins early.
        assert_eq!(shift_of(-3000, 7200), (0.0, String::new()));
        let (shift_s, note) = shift_of(7 * 3600, 9 * 3600 - 60);
        assert_eq!(shift_s, -25_200.0);
        assert!(note.contains("7:00 h ahead of") && note.contains("100 %"), "{note}");
        assert_eq!(shift_of(-12_600, -5400).0, 12_600.0);
        // A day off, and so much too long that nothing holds it.
        for (from_s, to_s) in [(86_400, 93_000), (7200, 40_000)] {
            let (shift_s, note) = shift_of(from_s, to_s);
            assert!(shift_s == 0.0 && note.contains("no time zone"), "{note}");
        }
        // Ten minutes fit in anywhere.
        let (shift_s, note) = shift_of(18_000, 18_600);
        assert!(shift_s == 0.0 && note.contains("several"), "{note}");
    }
}
