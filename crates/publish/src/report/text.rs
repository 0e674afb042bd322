//! Text of the page: escaping, and figures, times and names in words.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reprise_model::moment::Signal;
use reprise_model::outcome::{FaultKind, Part};
use reprise_model::{Currency, Grade, MediaDuration, MediaTime, Money, Outcome, Tier, WallTime};

/// Text with everything escaped that HTML reads, in an element and in a quoted attribute.
pub(super) struct Escaped<'a>(&'a str);

/// Escapes text that came from outside.
pub(super) fn esc(text: &str) -> Escaped<'_> {
    Escaped(text)
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Not allowed in a page; `\n` and `\t` are.
                c if c.is_control() && !matches!(c, '\n' | '\t') => f.write_str("\u{FFFD}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// One part of a relative link: everything but letters, digits and `-._~` is percent-encoded, so a
/// name is neither a scheme nor a way out of the folder.
pub(super) fn link_part(name: &str) -> String {
    if name == "." || name == ".." {
        return "%2E".repeat(name.len());
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A relative path, each part encoded.
pub(super) fn link_path(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).map(link_part).collect::<Vec<_>>().join("/")
}

/// A figure with as many decimals as are of use, and commas between thousands.
pub(super) fn num(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    let decimals = match value.abs() {
        v if v >= 100.0 || v == v.trunc() => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    grouped(if text == "-0" { "0" } else { text })
}

/// A figure for an axis: `1.2k`, `3.4M`.
pub(super) fn short_num(value: f64) -> String {
    let scaled = |by: f64, unit: &str| {
        let text = format!("{:.1}", value / by);
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match value.abs() {
        v if v >= 1e9 => scaled(1e9, "B"),
        v if v >= 1e6 => scaled(1e6, "M"),
        v if v >= 1e4 => scaled(1e3, "k"),
        _ => num(value),
    }
}

/// A sum of money from a series.
pub(super) fn money_of(value: f64, currency: Option<Currency>) -> String {
    let whole = (value - value.round()).abs() < 0.005;
    let text = grouped(&if whole { format!("{value:.0}") } else { format!("{value:.2}") });
    match currency {
        Some(currency) => format!("{text} {currency}"),
        None => format!("{text} (currency not known)"),
    }
}

/// An exact amount.
pub(super) fn money(amount: &Money) -> String {
    format!("{} {}", grouped(&amount.value.to_string()), amount.currency)
}

/// Amounts of several currencies, or `none`.
pub(super) fn amounts(amounts: &[Money]) -> String {
    if amounts.is_empty() {
        return "none".to_owned();
    }
    amounts.iter().map(money).collect::<Vec<_>>().join(" and ")
}

fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, rest) = match digits.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (digits, String::new()),
    };
    let mut out = String::from(sign);
    for (index, c) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + &rest
}

/// `1 order`, `2 orders`.
pub(super) fn count(value: f64, one: &str, many: &str) -> String {
    format!("{} {}", num(value), if value == 1.0 { one } else { many })
}

/// `h:mm:ss`, rounded down.
pub(super) fn clock(time: MediaTime) -> String {
    let text = time.clock();
    text.split('.').next().unwrap_or(&text).to_owned()
}

/// `h:mm:ss.t`, cut to a tenth of a second.
pub(super) fn fine_clock(time: MediaTime) -> String {
    let text = time.clock();
    text.get(..text.len().saturating_sub(2)).unwrap_or(&text).to_owned()
}

/// `21.8 s`.
pub(super) fn seconds(length: MediaDuration) -> String {
    format!("{} s", num((length.seconds() * 10.0).round() / 10.0))
}

/// `2 h 13 min`, `10 min 4 s`, `21.8 s`.
pub(super) fn length(length: MediaDuration) -> String {
    if length.seconds() < 60.0 {
        return seconds(length);
    }
    let total = length.seconds().round() as i64;
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60);
    match (hours, minutes, rest) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The time zone of the LIVE, and wall time in it.
pub(super) struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// By its IANA name; UTC where it is not known.
    pub(super) fn named(name: Option<&str>) -> Self {
        match name.and_then(|name| Some((name, TimeZone::get(name).ok()?))) {
            Some((name, zone)) => Self { zone, name: name.to_owned() },
            None => Self { zone: TimeZone::UTC, name: "UTC".to_owned() },
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// `Friday 20 November 2026`.
    pub(super) fn day(&self, at: WallTime) -> String {
        self.format(at, "%A %-d %B %Y")
    }

    /// `19:00:26`.
    pub(super) fn time(&self, at: WallTime) -> String {
        self.format(at, "%H:%M:%S")
    }

    /// `19:00`.
    pub(super) fn minute(&self, at: WallTime) -> String {
        self.format(at, "%H:%M")
    }

    fn format(&self, at: WallTime, pattern: &str) -> String {
        match Timestamp::from_microsecond(at.micros()) {
            Ok(stamp) => stamp.to_zoned(self.zone.clone()).strftime(pattern).to_string(),
            Err(_) => at.to_string(),
        }
    }
}

/// The wall time at a time of the time line, by the part that holds it or the last one before.
pub(super) fn wall_at(parts: &[Part], time: MediaTime) -> Option<WallTime> {
    let before = parts.iter().filter(|part| part.span.start <= time);
    let part = before.max_by_key(|part| part.span.start)?;
    Some(part.started_at.plus(time - part.span.start))
}

/// A signal in words.
pub(super) const fn signal_words(signal: Signal) -> &'static str {
    match signal {
        Signal::Gmv => "GMV",
        Signal::Orders => "Orders",
        Signal::Units => "Units sold",
        Signal::GmvPerMille => "GMV per 1,000 viewers",
        Signal::GrossMargin => "Gross margin (GMV less unit costs)",
        Signal::Viewers => "Viewers at once",
        Signal::Entries => "Viewers coming in",
        Signal::Likes => "Likes",
        Signal::Comments => "Comments",
        Signal::ProductClicks => "Product clicks",
        Signal::Follows => "Follows",
        Signal::Shares => "Shares",
        Signal::Gifts => "Gifts",
    }
}

/// A grade in words.
pub(super) const fn grade_words(grade: Grade) -> &'static str {
    match grade {
        Grade::Rejected => "Rejected",
        Grade::Basic => "Basic",
        Grade::High => "High",
        Grade::GoodCase => "Good case",
    }
}

/// A tier in words.
pub(super) const fn tier_words(tier: Tier) -> &'static str {
    match tier {
        Tier::Basic => "Basic: one failure rejects the clip",
        Tier::High => "High: for maximum effect",
        Tier::GoodCase => "Good case: the best there is",
        Tier::Advice => "Advice: never lowers the grade",
    }
}

/// A verdict in words, with its sign and its class.
pub(super) const fn verdict_words(verdict: Outcome) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Outcome::Pass => ("passed", "✓", "pass"),
        Outcome::Fail => ("failed", "✕", "fail"),
        Outcome::Unknown => ("not checked", "?", "unknown"),
    }
}

/// A fault of the recording in words.
pub(super) const fn fault_words(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Gap => "Nothing was recorded",
        FaultKind::Overlap => "Two files show the same time",
        FaultKind::PictureGap => "Pictures are missing",
        FaultKind::SoundGap => "Sound is missing",
        FaultKind::ClockJump => "The file's clock jumps",
        FaultKind::Corrupt => "Pictures could not be decoded",
        FaultKind::Freeze => "The picture stands still",
        FaultKind::Black => "The picture is black",
        FaultKind::Lag => "Pictures come late or irregularly",
        FaultKind::Muted => "The sound is muted",
    }
}

/// A snake case name as a sentence begins.
pub(super) fn sentence_case(name: &str) -> String {
    capital(&name.replace('_', " "))
}

/// The same text with a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        let shown: Vec<String> =
            [0.0, 1234567.0, 12.345, 0.5, 0.0123, -1234.5, 11.8, 100.4, -0.0001].map(num).to_vec();
        assert_eq!(shown, ["0", "1,234,567", "12.3", "0.5", "0.012", "-1,234", "11.8", "100", "0"]);
        assert_eq!([950.0, 12_000.0, 3.4e6].map(short_num), ["950", "12k", "3.4M"]);
        let usd = Currency::parse("USD");
        assert_eq!(money_of(1234.5, usd), "1,234.50 USD");
        assert_eq!(money_of(35.0, usd), "35 USD");
    }

    #[test]
    fn times_are_readable() {
        let at = MediaTime::from_seconds;
        assert_eq!(clock(at(3723.96)), "1:02:03");
        assert_eq!(fine_clock(at(23.46)), "0:00:23.4");
        let lengths = [21.84, 60.0, 604.0, 3600.0, 46_800.0, 7980.0];
        let shown = lengths.map(|s| length(MediaDuration::from_seconds(s)));
        assert_eq!(shown, ["21.8 s", "1 min", "10 min 4 s", "1 h", "13 h", "2 h 13 min"]);
        let zone = Zone::named(Some("Asia/Jakarta"));
        let wall = WallTime::parse("2026-11-20T12:00:03Z").unwrap();
        assert_eq!(
            (zone.day(wall), zone.time(wall)),
            ("Friday 20 November 2026".into(), "19:00:03".into())
        );
        assert_eq!(Zone::named(Some("<b>")).name(), "UTC");
    }

    #[test]
    fn links_stay_inside() {
        assert_eq!(link_path("evidence/a b.jpg"), "evidence/a%20b.jpg");
        assert_eq!(link_path("../../x"), "%2E%2E/%2E%2E/x");
        assert_eq!(link_part("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(link_path("//evil/x"), "evil/x");
        assert_eq!(
            esc("<a href='x'>&\"\0").to_string(),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{FFFD}"
        );
    }
}
