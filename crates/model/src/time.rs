//! Media time and wall time, as types that cannot be mixed.
//!
//! Media time counts flicks, 1/705,600,000 s: every common frame rate (24 to 120, and their
//! 1000/1001 variants), every common sample rate, the 90 kHz clock of MPEG-TS and the millisecond
//! of FLV divide it, so a frame's time is exact and sums do not drift. An `i64` of flicks reaches
//! 400 years. Wall time counts microseconds of Unix time. They meet only where a recording's
//! `started_at` says so (`reprise-ingest`, the time line).
//!
//! In JSON a media time is a number of seconds with at most six decimals, in a key that ends in
//! `_s`; in formats for machines it is its flicks, eight bytes, so that nothing is rounded. A wall
//! time is RFC 3339 in UTC.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Flicks in a second.
pub const FLICKS_PER_SECOND: i64 = 705_600_000;

/// A moment on a time line whose zero is the first picture that can be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(i64);

/// A length of media time; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaDuration(i64);

/// A moment of the world's clock, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

fn flicks_from_seconds(seconds: f64) -> i64 {
    // The cast saturates; a NaN becomes 0.
    (seconds * FLICKS_PER_SECOND as f64).round() as i64
}

fn rescale(value: i64, numerator: i64, denominator: i64) -> i64 {
    let product = i128::from(value) * i128::from(numerator);
    let denominator = i128::from(denominator.max(1));
    let half = denominator / 2;
    let rounded = if product >= 0 {
        (product + half).div_euclid(denominator)
    } else {
        -((-product + half).div_euclid(denominator))
    };
    rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Reads seconds or flicks. Which of them it is shows in the value, not in the format: what lies in
/// a flattened field is read through a buffer that no longer knows its format.
struct Flicks;

impl Visitor<'_> for Flicks {
    type Value = i64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds")
    }
    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<i64, E> {
        if seconds.is_finite() && seconds.abs() < 1e10 {
            Ok(flicks_from_seconds(seconds))
        } else {
            Err(E::custom("a time in seconds must be a finite number below 1e10"))
        }
    }
    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<i64, E> {
        self.visit_f64(seconds as f64)
    }
    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<i64, E> {
        self.visit_f64(seconds as f64)
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<i64, E> {
        let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &"8 bytes"))?;
        Ok(i64::from_le_bytes(bytes))
    }
}

macro_rules! flick_type {
    ($name:ident) => {
        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// From flicks.
            pub const fn from_flicks(flicks: i64) -> Self {
                Self(flicks)
            }

            /// In flicks.
            pub const fn flicks(self) -> i64 {
                self.0
            }

            /// From seconds, to the nearest flick; out of range saturates, NaN is zero.
            pub fn from_seconds(seconds: f64) -> Self {
                Self(flicks_from_seconds(seconds))
            }

            /// In seconds.
            pub fn seconds(self) -> f64 {
                self.0 as f64 / FLICKS_PER_SECOND as f64
            }

            /// From milliseconds; saturates.
            pub const fn from_millis(millis: i64) -> Self {
                Self(millis.saturating_mul(FLICKS_PER_SECOND / 1000))
            }

            /// From `ticks` of `numerator / denominator` seconds each (a libav time base), to the
            /// nearest flick; saturates.
            pub fn from_ticks(ticks: i64, numerator: i32, denominator: i32) -> Self {
                let scaled = FLICKS_PER_SECOND.saturating_mul(i64::from(numerator));
                Self(rescale(ticks, scaled, i64::from(denominator)))
            }

            /// In ticks of `numerator / denominator` seconds each, to the nearest.
            pub fn ticks(self, numerator: i32, denominator: i32) -> i64 {
                let scaled = FLICKS_PER_SECOND.saturating_mul(i64::from(numerator.max(1)));
                rescale(self.0, i64::from(denominator), scaled)
            }

            /// In samples at `sample_rate` hertz, to the nearest.
            pub fn samples(self, sample_rate: u32) -> i64 {
                rescale(self.0, i64::from(sample_rate), FLICKS_PER_SECOND)
            }

            /// From a count of samples at `sample_rate` hertz.
            pub fn from_samples(samples: i64, sample_rate: u32) -> Self {
                Self(rescale(samples, FLICKS_PER_SECOND, i64::from(sample_rate)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !serializer.is_human_readable() {
                    return serializer.serialize_bytes(&self.0.to_le_bytes());
                }
                let micros = rescale(self.0, 1_000_000, FLICKS_PER_SECOND);
                serializer.serialize_f64(micros as f64 / 1e6)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Flicks).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "number", "description": "seconds" })
            }
        }
    };
}

flick_type!(MediaTime);
flick_type!(MediaDuration);

impl MediaTime {
    /// The later of two times at most `i64::MAX` flicks apart; `None` on overflow.
    pub fn checked_add(self, length: MediaDuration) -> Option<Self> {
        self.0.checked_add(length.0).map(Self)
    }

    /// The distance from `earlier` to `self`; `None` on overflow.
    pub fn checked_since(self, earlier: Self) -> Option<MediaDuration> {
        self.0.checked_sub(earlier.0).map(MediaDuration)
    }

    /// As `h:mm:ss.mmm`, for people.
    pub fn clock(self) -> String {
        let millis = rescale(self.0.saturating_abs(), 1000, FLICKS_PER_SECOND);
        let sign = if self.0 < 0 { "-" } else { "" };
        format!(
            "{sign}{}:{:02}:{:02}.{:03}",
            millis / 3_600_000,
            millis / 60_000 % 60,
            millis / 1000 % 60,
            millis % 1000
        )
    }

    /// From seconds (`83.5`) or a clock (`1:23.5`, `0:01:23.5`), exact to the microsecond.
    pub fn parse_clock(text: &str) -> Option<Self> {
        let mut total = 0f64;
        let parts: Vec<&str> = text.trim().split(':').collect();
        if parts.len() > 3 {
            return None;
        }
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            let plain =
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || (last && b == b'.'));
            let value: f64 = part.parse().ok().filter(|_| plain)?;
            if index > 0 && value >= 60.0 {
                return None;
            }
            total = total * 60.0 + value;
        }
        (total < 1e9).then(|| Self::from_seconds(total))
    }
}

// Saturating: times come from files, and a hostile one must not bring a worker down.
impl Add<MediaDuration> for MediaTime {
    type Output = Self;
    fn add(self, length: MediaDuration) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}
impl Sub<MediaDuration> for MediaTime {
    type Output = Self;
    fn sub(self, length: MediaDuration) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}
impl Sub for MediaTime {
    type Output = MediaDuration;
    fn sub(self, earlier: Self) -> MediaDuration {
        MediaDuration(self.0.saturating_sub(earlier.0))
    }
}
impl Add for MediaDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl AddAssign for MediaDuration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sub for MediaDuration {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl Neg for MediaDuration {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl MediaDuration {
    /// The magnitude.
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clock())
    }
}

impl fmt::Display for MediaDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.seconds())
    }
}

impl WallTime {
    /// From microseconds of Unix time.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In microseconds of Unix time.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From RFC 3339 with an offset or `Z`; finer than a microsecond is cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Self(stamp.as_microsecond()))
    }

    /// The media time that lies as long after zero as `self` lies after `zero`.
    pub fn since(self, zero: Self) -> MediaDuration {
        MediaDuration(rescale(self.0.saturating_sub(zero.0), FLICKS_PER_SECOND, 1_000_000))
    }

    /// This time moved by `length`, to the nearest microsecond; saturates.
    pub fn plus(self, length: MediaDuration) -> Self {
        Self(self.0.saturating_add(rescale(length.0, 1_000_000, FLICKS_PER_SECOND)))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "{} us since 1970", self.0),
        }
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = WallTime;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with a zone, such as 2026-11-20T12:00:03Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<WallTime, E> {
                WallTime::parse(text)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            // TOML has a date type of its own, which serde sees as a map.
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<WallTime, A::Error> {
                let value = toml_datetime::Datetime::deserialize(
                    de::value::MapAccessDeserializer::new(map),
                )?;
                let text = value.to_string();
                WallTime::parse(&text)
                    .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &Text))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for WallTime {
    fn schema_name() -> Cow<'static, str> {
        "WallTime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_clocks_are_exact() {
        for denominator in [24, 25, 30, 50, 60, 1000, 90_000, 44_100, 48_000] {
            assert_eq!(FLICKS_PER_SECOND % i64::from(denominator), 0, "{denominator}");
        }
        assert_eq!(MediaTime::from_ticks(30_000, 1001, 30_000).seconds(), 1001.0);
        assert_eq!(MediaTime::from_ticks(1, 1, 90_000).ticks(1, 90_000), 1);
    }

    #[test]
    fn clocks_are_read_and_written() {
        assert_eq!(MediaTime::parse_clock("1:02:03.5").unwrap().seconds(), 3723.5);
        assert_eq!(MediaTime::parse_clock("62.25").unwrap().clock(), "0:01:02.250");
        for bad in ["", "-1", "1:60", "1:2:3:4", "1e3", "1.5:00", "nan"] {
            assert!(MediaTime::parse_clock(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn wall_time_is_read_from_toml_and_json() {
        #[derive(Deserialize)]
        struct Row {
            at: WallTime,
        }
        let json: Row = serde_json::from_str(r#"{"at":"2026-11-20T19:00:03+07:00"}"#).unwrap();
        let toml: Row = toml::from_str("at = 2026-11-20T12:00:03Z").unwrap();
        assert_eq!(json.at, toml.at);
        assert_eq!(json.at.to_string(), "2026-11-20T12:00:03Z");
        let naive: Result<Row, _> = toml::from_str("at = 2026-11-20T12:00:03");
        assert!(naive.is_err(), "a time without a zone is refused");
    }

    proptest! {
        #[test]
        fn json_seconds_come_back_to_the_microsecond(micros in -1_000_000_000_000i64..1_000_000_000_000) {
            let time = MediaTime::from_ticks(micros, 1, 1_000_000);
            let text = serde_json::to_string(&time).unwrap();
            let back: MediaTime = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.ticks(1, 1_000_000), micros);
        }

        #[test]
        fn arithmetic_never_panics(a in any::<i64>(), b in any::<i64>(), n in any::<i32>(), d in any::<i32>()) {
            let _ = MediaTime::from_flicks(a) + MediaDuration::from_flicks(b);
            let _ = MediaTime::from_flicks(a) - MediaTime::from_flicks(b);
            let _ = MediaTime::from_ticks(a, n, d).ticks(n, d);
            let _ = MediaTime::from_flicks(a).clock();
            let _ = WallTime::from_micros(a).plus(MediaDuration::from_flicks(b)).to_string();
        }
    }
}
