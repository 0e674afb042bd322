//! What remixes say by themselves, by language: `pipelines/remix/words/*.toml`; prices and dates.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reprise_model::plan::Plan;
use reprise_model::{Error, Kind, Money, Result};
use serde::Deserialize;

/// The built-in languages; the first is taken where none of a clip's is among them.
const BUILT_IN: [&str; 6] = [
    include_str!("../../../pipelines/remix/words/en.toml"),
    include_str!("../../../pipelines/remix/words/id.toml"),
    include_str!("../../../pipelines/remix/words/th.toml"),
    include_str!("../../../pipelines/remix/words/vi.toml"),
    include_str!("../../../pipelines/remix/words/ar.toml"),
    include_str!("../../../pipelines/remix/words/zh.toml"),
];

/// The sentences of a language. `{...}` is filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// BCP 47.
    pub language: String,
    hook_discount: String,
    hook_price: String,
    hook_plain: String,
    discount: String,
    /// What to do now.
    pub call_to_action: String,
    plan: String,
    weekdays: [String; 7],
    months: [String; 12],
    date: String,
}

impl Words {
    /// Of the first of these languages (BCP 47) that there are words of, or English.
    ///
    /// # Errors
    /// `Malformed` in a build whose tests fail.
    pub fn of(languages: &[String]) -> Result<Self> {
        let all = Self::all()?;
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase();
        let wanted = languages.iter().map(|language| primary(language));
        let found =
            wanted.filter_map(|code| all.iter().find(|words| words.language == code)).next();
        let found = found.or(all.first()).cloned();
        found.ok_or_else(|| Error::new(Kind::Bug, "there are no words"))
    }

    fn all() -> Result<Vec<Self>> {
        let read = |text: &&str| {
            toml::from_str(text).map_err(|error| {
                Error::new(Kind::Malformed, error.to_string()).in_file("pipelines/remix/words")
            })
        };
        BUILT_IN.iter().map(read).collect()
    }

    /// An opening line for a product: its discount, else its price, else that it was in a LIVE.
    pub fn hook(&self, price: Option<Money>, listed: Option<Money>) -> String {
        match (price, price.zip(listed).and_then(|(now, was)| now.percent_below(was))) {
            (_, Some(percent)) => self.hook_discount.replace("{percent}", &percent.to_string()),
            (Some(price), None) => self.hook_price.replace("{price}", &money(price)),
            (None, None) => self.hook_plain.clone(),
        }
    }

    /// A discount.
    pub fn discount(&self, percent: u32) -> String {
        self.discount.replace("{percent}", &percent.to_string())
    }

    /// When a LIVE is, in its own time zone.
    ///
    /// # Errors
    /// `Malformed` where the time zone is unknown or the time is none.
    pub fn plan(&self, plan: &Plan) -> Result<String> {
        let wrong =
            |what: String| Error::new(Kind::Malformed, what).in_file(format!("plan {}", plan.id));
        let zone = TimeZone::get(&plan.timezone)
            .map_err(|_| wrong(format!("there is no time zone `{}`", plan.timezone)))?;
        let at = Timestamp::from_microsecond(plan.starts_at.micros())
            .map_err(|_| wrong("starts_at is no time".to_owned()))?
            .to_zoned(zone);
        let named = |names: &[String], index: i8| {
            usize::try_from(index).ok().and_then(|i| names.get(i)).cloned().unwrap_or_default()
        };
        let date = self
            .date
            .replace("{weekday}", &named(&self.weekdays, at.weekday().to_monday_zero_offset()))
            .replace("{day}", &at.day().to_string())
            .replace("{month}", &named(&self.months, at.month() - 1));
        let time = format!("{:02}:{:02}", at.hour(), at.minute());
        Ok(self.plan.replace("{date}", &date).replace("{time}", &time))
    }
}

/// A price as buyers know it: sign and grouping of its currency.
pub fn money(price: Money) -> String {
    // Sign, whether it stands before the figures, decimals that are usual, sign between thousands.
    let (sign, before, decimals, group) = match price.currency.as_str() {
        "USD" => ("$", true, 2, ','),
        "EUR" => ("€", true, 2, ','),
        "GBP" => ("£", true, 2, ','),
        "JPY" => ("¥", true, 0, ','),
        "CNY" => ("¥", true, 2, ','),
        "IDR" => ("Rp", true, 0, '.'),
        "VND" => ("₫", false, 0, '.'),
        "THB" => ("฿", true, 0, ','),
        "PHP" => ("₱", true, 0, ','),
        "MYR" => ("RM", true, 2, ','),
        "SGD" => ("S$", true, 2, ','),
        "BRL" => ("R$", true, 2, '.'),
        "SAR" => (" SAR", false, 2, ','),
        "AED" => (" AED", false, 2, ','),
        _ => ("", true, 2, ','),
    };
    let whole = price.value.trunc() == price.value;
    // Cents that are there are never rounded away.
    let decimals =
        if whole { 0 } else { price.value.normalize().scale().clamp(decimals.max(1), 4) };
    let text = format!("{:.*}", decimals as usize, price.value);
    let (units, cents) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in units.chars().enumerate() {
        let left = units.len() - index;
        if index > 0 && left % 3 == 0 && digit.is_ascii_digit() {
            grouped.push(group);
        }
        grouped.push(digit);
    }
    if !cents.is_empty() {
        grouped.push(if group == '.' { ',' } else { '.' });
        grouped.push_str(cents);
    }
    match (sign, before) {
        ("", _) => format!("{grouped} {}", price.currency),
        (sign, true) => format!("{sign}{grouped}"),
        (sign, false) => format!("{grouped}{sign}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::session::Slug;
    use reprise_model::{Currency, WallTime};

    use super::*;

    fn of(value: &str, currency: &str) -> Money {
        Money::new(value.parse().unwrap(), Currency::parse(currency).unwrap())
    }

    #[test]
    fn prices_are_written_as_buyers_know_them() {
        for (value, currency, text) in [
            ("18.90", "USD", "$18.90"),
            ("20", "USD", "$20"),
            ("1234567", "IDR", "Rp1.234.567"),
            ("89000", "VND", "89.000₫"),
            ("1290.5", "THB", "฿1,290.5"),
            ("1234.5", "BRL", "R$1.234,50"),
            ("12.345", "CHF", "12.345 CHF"),
        ] {
            assert_eq!(money(of(value, currency)), text);
        }
    }

    #[test]
    fn every_language_has_its_words_and_unknown_ones_get_english() {
        for code in ["en", "id", "th", "vi", "ar", "zh"] {
            assert_eq!(Words::of(&[format!("{code}-XX")]).unwrap().language, code);
        }
        assert_eq!(Words::of(&["tlh".to_owned()]).unwrap().language, "en");
        let words = Words::of(&[]).unwrap();
        assert_eq!(words.hook(Some(of("15", "USD")), Some(of("20", "USD"))), "25% off in our LIVE");
        assert_eq!(words.hook(Some(of("15", "USD")), None), "Only $15");
    }

    #[test]
    fn a_plan_is_said_in_its_own_time_zone() {
        let plan = Plan {
            id: Slug::parse("p").unwrap(),
            title: String::new(),
            starts_at: WallTime::parse("2026-11-27T12:30:00Z").unwrap(),
            timezone: "Asia/Jakarta".to_owned(),
            product_ids: Vec::new(),
        };
        let said = |language: &str| Words::of(&[language.to_owned()]).unwrap().plan(&plan);
        assert_eq!(said("en").unwrap(), "Next LIVE: Fri 27 Nov, 19:30");
        assert_eq!(said("zh").unwrap(), "下场直播：11月27日周五 19:30");
        let nowhere = Plan { timezone: "Asia/Nowhere".to_owned(), ..plan.clone() };
        assert!(Words::of(&[]).unwrap().plan(&nowhere).is_err());
    }
}
