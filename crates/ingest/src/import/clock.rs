//! Reads the times of a table: formats, the order of day and month, time zones.
//!
//! A table's times are read in two steps: [`parse`] takes each text apart, [`Clock::settle`] then
//! looks at all of them to tell 5/11 from 11/5, and [`Clock::wall`] places them on the world's
//! clock. A local time that a change of clocks skips or repeats is refused, not guessed.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use reprise_model::{Error, Kind, Result, WallTime};
use serde::Serialize;

use super::table::Cell;

/// How 5/11/2026 is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// The fifth of November.
    DayFirst,
    /// May the eleventh.
    MonthFirst,
}

impl FromStr for DateOrder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "day-first" => Ok(Self::DayFirst),
            "month-first" => Ok(Self::MonthFirst),
            _ => {
                let message = format!("`{text}` is no order; write `day-first` or `month-first`");
                Err(Error::new(Kind::Usage, message))
            }
        }
    }
}

/// A time as its text says it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stamp {
    /// With a zone, or as seconds since 1970.
    Absolute(WallTime),
    /// Without a zone.
    Local(DateTime),
    /// Without a zone and with two numbers of which one is the day and one the month.
    Open { first: i8, second: i8, year: i16, time: Time },
}

/// Reads one time; `None` where the cell holds none.
pub(super) fn parse(cell: &Cell) -> Option<Stamp> {
    match cell {
        Cell::Date(date) => Some(Stamp::Local(*date)),
        Cell::Text(text) => parse_text(text),
        Cell::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            since_1970(*number as i64).map(Stamp::Absolute)
        }
        Cell::Number(_) | Cell::Empty => None,
    }
}

/// Seconds, milliseconds or microseconds of Unix time, told apart by size (2001 to 2286).
pub(super) fn since_1970(number: i64) -> Option<WallTime> {
    let micros = match number {
        1_000_000_000..10_000_000_000 => number.checked_mul(1_000_000),
        1_000_000_000_000..10_000_000_000_000 => number.checked_mul(1000),
        1_000_000_000_000_000..10_000_000_000_000_000 => Some(number),
        _ => None,
    };
    micros.map(WallTime::from_micros)
}

/// A zone by its IANA name, or a fixed one such as `UTC`, `UTC+7`, `GMT-03:30`, `+07:00`.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    fixed_offset(name).map(TimeZone::fixed).or_else(|| TimeZone::get(name).ok())
}

/// The zone of a column's own name, such as `Created Time (UTC+7)`.
pub(super) fn zone_in_name(column: &str) -> Option<TimeZone> {
    let inside = column.split(['(', '[', '（']).nth(1)?.split([')', ']', '）']).next()?;
    zone(inside)
}

/// How the times of one table are read.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    order: DateOrder,
}

impl Clock {
    /// Decides how the open dates among `stamps` (each with its line) are read.
    ///
    /// # Errors
    /// [`Kind::Usage`] where they fit both ways and `setting` does not say, [`Kind::Malformed`]
    /// where they fit neither way.
    pub(super) fn settle<'a>(
        stamps: impl Iterator<Item = (u64, &'a Stamp)>,
        setting: Option<DateOrder>,
        file: &str,
    ) -> Result<Self> {
        let (mut day_first, mut month_first, mut open) = (None, None, None);
        for (line, stamp) in stamps {
            if let Stamp::Open { first, second, .. } = stamp {
                match (*first > 12, *second > 12) {
                    (true, false) => day_first = day_first.or(Some(line)),
                    (false, true) => month_first = month_first.or(Some(line)),
                    _ if first != second => open = open.or(Some(line)),
                    _ => {}
                }
            }
        }
        let order = match (setting, day_first, month_first, open) {
            (Some(order), ..) => order,
            (None, Some(day), Some(month), _) => {
                let message = format!(
                    "the dates are day/month in line {day} and month/day in line {month}; export \
                     the file again or set the order of the dates"
                );
                return Err(Error::new(Kind::Malformed, message).in_file(file));
            }
            (None, None, None, Some(line)) => {
                let message = "the dates can be day/month or month/day; set the order of the \
                               dates to `day-first` or `month-first`";
                return Err(Error::new(Kind::Usage, message).in_file(file).at_line(line));
            }
            (None, None, Some(_), _) => DateOrder::MonthFirst,
            (None, ..) => DateOrder::DayFirst,
        };
        Ok(Self { order })
    }

    /// Places a time on the world's clock; `zone` is for those that carry none.
    ///
    /// # Errors
    /// The reason, for people.
    pub(super) fn wall(
        &self,
        stamp: &Stamp,
        zone: &TimeZone,
    ) -> std::result::Result<WallTime, &'static str> {
        let local = match stamp {
            Stamp::Absolute(at) => return Ok(*at),
            Stamp::Local(local) => *local,
            Stamp::Open { first, second, year, time } => {
                let (day, month) = match self.order {
                    DateOrder::DayFirst => (*first, *second),
                    DateOrder::MonthFirst => (*second, *first),
                };
                let date = Date::new(*year, month, day).map_err(|_| "the date does not exist")?;
                date.to_datetime(*time)
            }
        };
        let placed = zone.to_ambiguous_timestamp(local);
        match placed.offset() {
            AmbiguousOffset::Gap { .. } => {
                Err("a change of clocks skips this local time in the time zone")
            }
            AmbiguousOffset::Fold { .. } => Err(
                "a change of clocks makes this local time happen twice; set the time zone to a \
                 fixed offset such as UTC-4",
            ),
            AmbiguousOffset::Unambiguous { .. } => placed
                .unambiguous()
                .map(|stamp| WallTime::from_micros(stamp.as_microsecond()))
                .map_err(|_| "the time is out of range"),
        }
    }
}

fn parse_text(text: &str) -> Option<Stamp> {
    if text.len() > 64 {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return since_1970(text.parse().ok()?).map(Stamp::Absolute);
    }
    if let Some(at) = WallTime::parse(text) {
        return Some(Stamp::Absolute(at));
    }
    let mut text = text.replace([',', '\u{a0}', '\u{202f}'], " ");
    // 2026-11-20T19:05:33
    if let Some(at) = text.find(['T', 't'])
        && text[..at].ends_with(|c: char| c.is_ascii_digit())
        && text[at + 1..].starts_with(|c: char| c.is_ascii_digit())
    {
        text.replace_range(at..=at, " ");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (date, rest) = date_words(&words)?;
    let (time, rest) = time_words(rest)?;
    let stamp = match date {
        DateText::Whole(date) => Stamp::Local(date.to_datetime(time)),
        DateText::Open(first, second, year) => Stamp::Open { first, second, year, time },
    };
    match (rest, &stamp) {
        ([], _) => Some(stamp),
        ([name], Stamp::Local(local)) => {
            let zone = TimeZone::fixed(fixed_offset(name.trim_matches(['(', ')']))?);
            let at = zone.to_timestamp(*local).ok()?;
            Some(Stamp::Absolute(WallTime::from_micros(at.as_microsecond())))
        }
        _ => None,
    }
}

enum DateText {
    Whole(Date),
    Open(i8, i8, i16),
}

/// Reads the date at the start of `words`; gives what follows.
fn date_words<'a>(words: &'a [&'a str]) -> Option<(DateText, &'a [&'a str])> {
    if let [a, b, c, rest @ ..] = words {
        // 20 Nov 2026, Nov 20 2026
        let named = match (month(a), month(b)) {
            (Some(month), None) => Some((month, b)),
            (None, Some(month)) => Some((month, a)),
            _ => None,
        };
        if let Some((month, day)) = named {
            let date = Date::new(year(c)?, month, small(day)?).ok()?;
            return Some((DateText::Whole(date), rest));
        }
    }
    let (first, rest) = words.split_first()?;
    let parts: Vec<&str> = first.split(['/', '-', '.']).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let date = if a.len() == 4 {
        DateText::Whole(Date::new(year(a)?, small(b)?, small(c)?).ok()?)
    } else if let Some(month) = month(b) {
        DateText::Whole(Date::new(year(c)?, month, small(a)?).ok()?)
    } else {
        let (first, second) = (small(a)?, small(b)?);
        let days = 1..=31;
        let possible = days.contains(&first) && days.contains(&second) && first.min(second) <= 12;
        possible.then_some(DateText::Open(first, second, year(c)?))?
    };
    Some((date, rest))
}

/// Reads the time of day at the start of `words`, with AM or PM; gives what follows.
fn time_words<'a>(words: &'a [&'a str]) -> Option<(Time, &'a [&'a str])> {
    let (first, mut rest) = words.split_first()?;
    let digits = first.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let mut half = first[digits.len()..].to_ascii_lowercase();
    if half.is_empty()
        && let [next, after @ ..] = rest
        && matches!(next.to_ascii_lowercase().as_str(), "am" | "pm" | "a.m." | "p.m.")
    {
        half = next.to_ascii_lowercase().replace('.', "");
        rest = after;
    }
    let mut parts = digits.split(':');
    let (hour, minute) = (small(parts.next()?)?, small(parts.next()?)?);
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let plain = (1..=9).contains(&fraction.len());
            let nanos = plain.then(|| format!("{fraction:0<9}").parse().ok()).flatten()?;
            (small(whole)?, nanos)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let hour = match (half.as_str(), hour) {
        ("", 0..24) => hour,
        ("am", 12) => 0,
        ("am", 1..12) | ("pm", 12) => hour,
        ("pm", 1..12) => hour + 12,
        _ => return None,
    };
    Some((Time::new(hour, minute, second, nanos).ok()?, rest))
}

fn small(text: &str) -> Option<i8> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn year(text: &str) -> Option<i16> {
    let plain = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|year| (1970..=2200).contains(year))
}

fn month(text: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.trim_end_matches('.').to_ascii_lowercase();
    let alphabetic = text.len() >= 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
    let index = MONTHS.iter().position(|month| alphabetic && text.starts_with(month))?;
    i8::try_from(index + 1).ok()
}

fn fixed_offset(name: &str) -> Option<Offset> {
    let rest = ["UTC", "GMT"].into_iter().find_map(|prefix| {
        name.get(..3).filter(|p| p.eq_ignore_ascii_case(prefix)).map(|_| &name[3..])
    });
    let text = match rest {
        Some("") => return Some(Offset::UTC),
        Some(rest) => rest,
        None => name,
    };
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' | '−' => -1,
        _ => return None,
    };
    let digits = text.trim_start_matches(['+', '-', '−']);
    let (hours, minutes) = match digits.split_once(':') {
        Some(pair) => pair,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let (hours, minutes) = (small(hours)?, small(minutes)?);
    let fits = hours <= 14 && minutes < 60;
    fits.then(|| {
        Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()
    })?
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Option<Stamp> {
        parse(&Cell::Text(text.to_owned()))
    }

    fn settle(texts: &[&str], setting: Option<DateOrder>) -> Result<Vec<String>> {
        let stamps: Vec<Stamp> = texts.iter().map(|text| stamp(text).unwrap()).collect();
        let lines = stamps.iter().enumerate().map(|(index, stamp)| (index as u64 + 2, stamp));
        let clock = Clock::settle(lines, setting, "orders.csv")?;
        let zone = zone("Asia/Jakarta").unwrap();
        Ok(stamps.iter().map(|stamp| clock.wall(stamp, &zone).unwrap().to_string()).collect())
    }

    #[test]
    fn the_forms_of_one_moment() {
        for text in [
            "2026-11-20 19:05:33",
            "2026/11/20 19:05:33",
            "2026-11-20T19:05:33",
            "20/11/2026 19:05:33",
            "20.11.2026, 19:05:33",
            "20-11-2026 19:05:33",
            "11/20/2026 7:05:33 PM",
            "11/20/2026 07:05:33PM",
            "11/20/2026 7:05:33 p.m.",
            "Nov 20, 2026, 7:05:33\u{202f}PM",
            "20 November 2026 19:05:33",
            "20-Nov-2026 19:05:33",
            "2026-11-20T12:05:33Z",
            "2026-11-20 12:05:33 UTC",
            "2026-11-20 15:05:33 (GMT+3)",
            "2026-11-20 17:35:33 +0530",
            "1795176333",
            "1795176333000",
        ] {
            assert_eq!(settle(&[text], None).unwrap(), ["2026-11-20T12:05:33Z"], "{text}");
        }
        assert_eq!(settle(&["2026-11-20 12:05"], None).unwrap(), ["2026-11-20T05:05:00Z"]);
        let fraction = settle(&["2026-11-20 12:05:00.25"], None).unwrap();
        assert_eq!(fraction, ["2026-11-20T05:05:00.25Z"]);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "x",
            "2026-11-20",
            "19:05:33",
            "20/11/26 19:05:33",
            "32/11/2026 19:05:33",
            "13/13/2026 19:05:33",
            "2026-11-20 25:05:33",
            "11/20/2026 13:05:33 PM",
            "2026-11-20 19:05:33 Mars",
            "2026-11-20 19:05:33:01",
            "12345",
            "2026-02-30 19:05:33",
            "2026-11-20 19:05:33.1234567890",
        ] {
            assert_eq!(stamp(text), None, "{text}");
        }
        assert_eq!(parse(&Cell::Number(f64::NAN)), None);
    }

    #[test]
    fn the_order_of_day_and_month_is_decided_over_all_dates() {
        let day = settle(&["05/11/2026 10:00:00", "20/11/2026 10:00:00"], None).unwrap();
        assert_eq!(day[0], "2026-11-05T03:00:00Z");
        let month = settle(&["05/11/2026 10:00:00", "11/20/2026 10:00:00"], None).unwrap();
        assert_eq!(month[0], "2026-05-11T03:00:00Z");
        let open = settle(&["11/11/2026 10:00:00", "05/11/2026 10:00:00"], None).unwrap_err();
        assert_eq!((open.kind, open.place.line), (Kind::Usage, Some(3)));
        assert!(open.message.contains("`day-first` or `month-first`"));
        assert!(settle(&["11/11/2026 10:00:00"], None).is_ok(), "it is the same either way");
        let set = settle(&["05/11/2026 10:00:00"], Some(DateOrder::MonthFirst)).unwrap();
        assert_eq!(set[0], "2026-05-11T03:00:00Z");
        let both = settle(&["20/11/2026 10:00:00", "11/20/2026 10:00:00"], None).unwrap_err();
        assert_eq!(both.kind, Kind::Malformed);
    }

    #[test]
    fn changes_of_clocks_are_told() {
        let new_york = zone("America/New_York").unwrap();
        let clock = Clock { order: DateOrder::DayFirst };
        let twice = stamp("2026-11-01 01:30:00").unwrap();
        assert!(clock.wall(&twice, &new_york).unwrap_err().contains("twice"));
        let never = stamp("2026-03-08 02:30:00").unwrap();
        assert!(clock.wall(&never, &new_york).unwrap_err().contains("skips"));
        let fixed = clock.wall(&twice, &zone("UTC-4").unwrap()).unwrap();
        assert_eq!(fixed.to_string(), "2026-11-01T05:30:00Z");
    }

    #[test]
    fn zones_are_names_or_offsets() {
        for good in ["Asia/Jakarta", "UTC", "utc+7", "GMT-03:30", "+07:00", "+0700"] {
            assert!(zone(good).is_some(), "{good}");
        }
        for bad in ["", "Mars/Base", "UTC+99", "7", "+7:99"] {
            assert!(zone(bad).is_none(), "{bad}");
        }
        assert!(zone_in_name("Created Time (UTC+7)").is_some());
        assert!(zone_in_name("Created Time").is_none() && zone_in_name("Weight(kg)").is_none());
    }
}
