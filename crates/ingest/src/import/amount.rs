//! Reads amounts and counts as spreadsheets and exports of many countries write them.
//!
//! Nothing is guessed. Which separator is the decimal one follows from the last separator, the
//! digits after it and the minor digits of the currency; what stays open is refused.

use reprise_model::{Currency, Money};
use rust_decimal::Decimal;

use super::table::Cell;

/// Why an amount is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no amount, or one that can be read in two ways.
    Unreadable,
    /// It says no currency and none is set.
    NoCurrency,
    /// It is below zero.
    Negative,
}

impl Fault {
    /// For people.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "the amount cannot be read for certain",
            Self::NoCurrency => "the amount has no currency; set the currency",
            Self::Negative => "the amount is negative",
        }
    }
}

/// Reads an amount; `None` for an empty cell. The cell's own currency comes before `stated`.
pub(super) fn money(cell: &Cell, stated: Option<Currency>) -> Result<Option<Money>, Fault> {
    let (value, currency) = match cell {
        Cell::Empty => return Ok(None),
        Cell::Date(_) => return Err(Fault::Unreadable),
        Cell::Number(number) => {
            let value = decimal(&format!("{number:.4}"))?.normalize();
            (value, stated.ok_or(Fault::NoCurrency)?)
        }
        Cell::Text(text) => {
            let digit = |c: char| c.is_ascii_digit();
            let start = text.find(digit).ok_or(Fault::Unreadable)?;
            let end = text.rfind(digit).map_or(start, |at| at + 1);
            let mark = format!("{} {}", &text[..start], &text[end..]);
            let negative = mark.contains(['-', '−', '(']);
            let mark: String =
                mark.chars().filter(|c| !c.is_whitespace() && !"+-−()".contains(*c)).collect();
            let currency = marked(&mark, stated)?;
            let value = number(&text[start..end], minor_digits(currency))?;
            (if negative { -value } else { value }, currency)
        }
    };
    if value.is_sign_negative() && !value.is_zero() {
        return Err(Fault::Negative);
    }
    Ok(Some(Money::new(value, currency)))
}

/// Reads a count; `None` for an empty cell.
pub(super) fn count(cell: &Cell) -> Result<Option<u64>, Fault> {
    match cell {
        Cell::Empty => Ok(None),
        Cell::Number(number) if number.fract() == 0.0 && (0.0..9e15).contains(number) => {
            Ok(Some(*number as u64))
        }
        Cell::Text(text) => {
            let whole = match text.split_once(['.', ',']) {
                Some((whole, "0" | "00")) => whole,
                _ => text.as_str(),
            };
            // A count has no decimals, so that every other separator groups thousands.
            let plain = ungrouped(whole, &['.', ',']).ok_or(Fault::Unreadable)?;
            plain.parse().map(Some).map_err(|_| Fault::Unreadable)
        }
        _ => Err(Fault::Unreadable),
    }
}

/// The currency that a mark beside a number means.
fn marked(mark: &str, stated: Option<Currency>) -> Result<Currency, Fault> {
    let code = |code: &str| Currency::parse(code).ok_or(Fault::Unreadable);
    let one_of = |codes: &[&str]| {
        stated.filter(|stated| codes.contains(&stated.as_str())).ok_or(Fault::NoCurrency)
    };
    match mark.to_lowercase().trim_end_matches('.') {
        "" => stated.ok_or(Fault::NoCurrency),
        "rp" => code("IDR"),
        "₫" | "đ" | "vnđ" => code("VND"),
        "฿" => code("THB"),
        "rm" => code("MYR"),
        "₱" => code("PHP"),
        "s$" => code("SGD"),
        "us$" | "u$s" => code("USD"),
        "r$" => code("BRL"),
        "mx$" => code("MXN"),
        "a$" | "au$" => code("AUD"),
        "c$" | "ca$" => code("CAD"),
        "nz$" => code("NZD"),
        "hk$" => code("HKD"),
        "nt$" => code("TWD"),
        "£" => code("GBP"),
        "€" => code("EUR"),
        "₹" => code("INR"),
        "₩" => code("KRW"),
        "₺" => code("TRY"),
        "zł" => code("PLN"),
        // These are written for several currencies.
        "$" => {
            one_of(&["USD", "SGD", "AUD", "CAD", "NZD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS"])
        }
        "¥" | "￥" => one_of(&["JPY", "CNY"]),
        "kr" => one_of(&["SEK", "NOK", "DKK", "ISK"]),
        _ if mark.len() == 3 && mark.bytes().all(|b| b.is_ascii_uppercase()) => code(mark),
        _ => Err(Fault::Unreadable),
    }
}

/// Digits after the decimal separator in everyday use.
fn minor_digits(currency: Currency) -> usize {
    match currency.as_str() {
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "IDR" | "VND" | "JPY" | "KRW" | "CLP" | "PYG" | "ISK" | "XAF" | "XOF" | "UGX" => 0,
        _ => 2,
    }
}

/// Reads what lies from the first digit to the last.
fn number(text: &str, minor_digits: usize) -> Result<Decimal, Fault> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !"'’_".contains(*c))
        .map(|c| match c {
            '٫' => '.',
            '٬' => ',',
            other => other,
        })
        .collect();
    let Some(last) = text.rfind(['.', ',']) else { return decimal(&text) };
    let (whole, fraction) = (&text[..last], &text[last + 1..]);
    let separator = &text[last..=last];
    let other = if separator == "." { ',' } else { '.' };
    let repeated = whole.contains(separator);
    if repeated || whole.contains(other) {
        if repeated {
            // 1.234.567: the last separator groups too, and no other may be there.
            let group = separator.chars().next().unwrap_or('.');
            return decimal(&ungrouped(&text, &[group]).ok_or(Fault::Unreadable)?);
        }
        let whole = ungrouped(whole, &[other]).ok_or(Fault::Unreadable)?;
        return decimal(&format!("{whole}.{fraction}"));
    }
    if fraction.len() != 3 || whole.len() > 3 || whole.starts_with('0') {
        // No group of thousands: 20.88, 1234.567, 0.500.
        return decimal(&format!("{whole}.{fraction}"));
    }
    match (minor_digits, separator) {
        (3, ".") => decimal(&format!("{whole}.{fraction}")),
        (3, _) => Err(Fault::Unreadable),
        _ => decimal(&format!("{whole}{fraction}")),
    }
}

/// The digits of `text` without its group separators; `None` where the groups are no groups.
fn ungrouped(text: &str, separators: &[char]) -> Option<String> {
    let groups: Vec<&str> = text.split(separators).collect();
    let separator_kinds = separators.iter().filter(|separator| text.contains(**separator)).count();
    let digits = groups.iter().all(|g| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit()));
    if !digits || separator_kinds > 1 {
        return None;
    }
    if let [first, middle @ .., last] = groups.as_slice() {
        let thousands = middle.iter().all(|group| group.len() == 3);
        // 12,34,567 as in India.
        let lakhs = text.contains(',') && middle.iter().all(|group| group.len() == 2);
        let fits =
            first.len() <= 3 && last.len() == 3 && (thousands || (lakhs && first.len() <= 2));
        if !fits {
            return None;
        }
    }
    Some(groups.concat())
}

fn decimal(text: &str) -> Result<Decimal, Fault> {
    Decimal::from_str_exact(text).map_err(|_| Fault::Unreadable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn read(text: &str, stated: &str) -> Result<String, Fault> {
        let cell = Cell::Text(text.to_owned());
        money(&cell, Currency::parse(stated)).map(|money| money.unwrap().to_string())
    }

    #[test]
    fn amounts_of_many_countries_are_read() {
        for (text, stated, expected) in [
            ("IDR 129.000", "", "129000 IDR"),
            ("Rp129.000", "", "129000 IDR"),
            ("Rp. 1.299.000,50", "", "1299000.50 IDR"),
            ("US$1,234.50", "", "1234.50 USD"),
            ("$20.88", "USD", "20.88 USD"),
            ("₫120.000", "", "120000 VND"),
            ("120.000 đ", "", "120000 VND"),
            ("20.88", "USD", "20.88 USD"),
            ("20,88", "EUR", "20.88 EUR"),
            ("1.234,50", "EUR", "1234.50 EUR"),
            ("1 234,50 €", "", "1234.50 EUR"),
            ("1\u{a0}234,50\u{202f}€", "", "1234.50 EUR"),
            ("1'234.50", "CHF", "1234.50 CHF"),
            ("1.234", "USD", "1234 USD"),
            ("1,234", "USD", "1234 USD"),
            ("1234.567", "USD", "1234.567 USD"),
            ("0.500", "USD", "0.500 USD"),
            ("1.234", "KWD", "1.234 KWD"),
            ("1,234.567", "KWD", "1234.567 KWD"),
            ("12,34,567.00", "INR", "1234567.00 INR"),
            ("129000", "IDR", "129000 IDR"),
            ("129.00", "IDR", "129.00 IDR"),
            ("RM 12.50", "", "12.50 MYR"),
            ("฿1,290.00", "", "1290.00 THB"),
            ("12.50 PHP", "USD", "12.50 PHP"),
            ("¥1,980", "JPY", "1980 JPY"),
            ("0", "USD", "0 USD"),
        ] {
            assert_eq!(read(text, stated).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_open_is_refused() {
        use Fault::{Negative, NoCurrency, Unreadable};
        for (text, stated, fault) in [
            ("20.88", "", NoCurrency),
            ("$20.88", "", NoCurrency),
            ("$20.88", "IDR", NoCurrency),
            ("1,234", "KWD", Unreadable),
            ("1.23.456", "USD", Unreadable),
            ("1.234,567,890", "USD", Unreadable),
            ("1.2345.678", "USD", Unreadable),
            ("12 apples", "USD", Unreadable),
            ("abc", "USD", Unreadable),
            ("1.2K", "USD", Unreadable),
            ("-5.00", "USD", Negative),
            ("(5.00)", "USD", Negative),
            ("-$5.00", "USD", Negative),
            ("99999999999999999999999999999999", "USD", Unreadable),
        ] {
            assert_eq!(read(text, stated), Err(fault), "{text}");
        }
        assert_eq!(money(&Cell::Empty, None), Ok(None));
        let usd = Currency::parse("USD");
        let float = money(&Cell::Number(41.760000000000005), usd).unwrap().unwrap();
        assert_eq!(float.to_string(), "41.76 USD");
        assert_eq!(money(&Cell::Number(f64::NAN), usd), Err(Unreadable));
        assert_eq!(money(&Cell::Number(1e300), usd), Err(Unreadable));
    }

    #[test]
    fn counts_are_whole() {
        for (text, expected) in
            [("7", 7), ("1,234", 1234), ("1.234", 1234), ("3.0", 3), ("12.345.678", 12_345_678)]
        {
            assert_eq!(count(&Cell::Text(text.to_owned())), Ok(Some(expected)), "{text}");
        }
        for bad in ["1.2K", "-1", "1.5", "1,23", "1,234.567", "x", "99999999999999999999"] {
            assert_eq!(count(&Cell::Text(bad.to_owned())), Err(Fault::Unreadable), "{bad}");
        }
        assert_eq!(count(&Cell::Number(3.0)), Ok(Some(3)));
        for bad in [2.5, -1.0, f64::NAN, 1e18] {
            assert_eq!(count(&Cell::Number(bad)), Err(Fault::Unreadable), "{bad}");
        }
    }
}
