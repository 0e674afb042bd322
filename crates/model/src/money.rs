//! Money as a decimal with its currency; never a float.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 code, three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// From three letters of any case.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no currency code (three letters, ISO 4217)"))
        })
    }
}
impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z]{3}$", "description": "ISO 4217" })
    }
}

/// An amount in one currency. JSON: `{"value": "20.88", "currency": "USD"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount. Written as a decimal string; a JSON number is read too.
    #[serde(serialize_with = "write_decimal", deserialize_with = "read_decimal")]
    #[schemars(schema_with = "decimal_schema")]
    pub value: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// An amount.
    pub const fn new(value: Decimal, currency: Currency) -> Self {
        Self { value, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { value: Decimal::ZERO, currency }
    }

    /// Its even part for each of `units`, to four decimals; `None` for none.
    pub fn each(self, units: u64) -> Option<Self> {
        let value = self.value.checked_div(Decimal::from(units))?.round_dp(4).normalize();
        Some(Self { value, ..self })
    }

    /// How much less this is than `other`, in whole percent, rounded down; `None` where it is not
    /// less, or of another currency.
    pub fn percent_below(self, other: Self) -> Option<u32> {
        use rust_decimal::prelude::ToPrimitive;
        if self.currency != other.currency
            || self.value >= other.value
            || self.value.is_sign_negative()
        {
            return None;
        }
        let share = (other.value - self.value).checked_div(other.value)?;
        share.checked_mul(Decimal::ONE_HUNDRED)?.floor().to_u32().filter(|&percent| percent > 0)
    }

    /// The amount as a float, for statistics only, never to add up or to print.
    pub fn approximate(self) -> f64 {
        use rust_decimal::prelude::ToPrimitive;
        self.value.to_f64().unwrap_or(0.0)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value, self.currency)
    }
}

/// A sum per currency; amounts of different currencies never meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purse(BTreeMap<Currency, Decimal>);

impl Purse {
    /// Adds an amount; saturates at the largest decimal.
    pub fn add(&mut self, money: Money) {
        let sum = self.0.entry(money.currency).or_default();
        *sum = sum.saturating_add(money.value);
    }

    /// The sums, by currency code.
    pub fn amounts(&self) -> impl Iterator<Item = Money> + '_ {
        self.0.iter().map(|(&currency, &value)| Money { value, currency })
    }

    /// The sum in one currency.
    pub fn get(&self, currency: Currency) -> Money {
        Money::new(self.0.get(&currency).copied().unwrap_or_default(), currency)
    }
}

fn write_decimal<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn read_decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    struct Amount;
    impl Visitor<'_> for Amount {
        type Value = Decimal;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an amount such as \"20.88\"")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
            text.trim().parse().map_err(|_| {
                E::invalid_value(de::Unexpected::Str(text), &"an amount such as \"20.88\"")
            })
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
            Ok(value.into())
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
            Ok(value.into())
        }
        fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
            // The shortest text that reads back as this float is what the file said.
            self.visit_str(&value.to_string())
        }
    }
    deserializer.deserialize_any(Amount)
}

fn decimal_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_digits() {
        let money: Money = serde_json::from_str(r#"{"value":"20.80","currency":"usd"}"#).unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), r#"{"value":"20.80","currency":"USD"}"#);
        let number: Money = serde_json::from_str(r#"{"value":0.1,"currency":"IDR"}"#).unwrap();
        assert_eq!(number.value.to_string(), "0.1");
    }

    #[test]
    fn discounts_are_rounded_down() {
        let money = |text: &str| Money::new(text.parse().unwrap(), Currency::parse("USD").unwrap());
        assert_eq!(money("14.99").percent_below(money("20")), Some(25));
        assert_eq!(money("20").percent_below(money("20.00")), None);
        assert_eq!(money("19.99").percent_below(money("20")), None);
        assert_eq!(money("30").each(4), Some(money("7.5")));
        assert_eq!(money("30").each(0), None);
    }

    #[test]
    fn currencies_do_not_mix() {
        let mut purse = Purse::default();
        for (value, code) in [("0.1", "USD"), ("0.2", "USD"), ("5", "IDR")] {
            purse.add(Money::new(value.parse().unwrap(), Currency::parse(code).unwrap()));
        }
        let sums: Vec<String> = purse.amounts().map(|m| m.to_string()).collect();
        assert_eq!(sums, ["5 IDR", "0.3 USD"]);
    }

    #[test]
    fn wrong_codes_and_amounts_are_refused() {
        for bad in [r#"{"value":"x","currency":"USD"}"#, r#"{"value":"1","currency":"US"}"#] {
            assert!(serde_json::from_str::<Money>(bad).is_err(), "{bad}");
        }
    }
}
