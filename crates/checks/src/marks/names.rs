//! Whose name, link or number a text is: other platforms' and contacts against the LIVE's own words.

use std::sync::LazyLock;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::{Mark, MarkEvidence};

/// `pipelines/marks/platforms.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Platforms {
    own: Vec<String>,
    names: Vec<String>,
    words: Vec<String>,
    endings: Vec<String>,
    domains: Vec<String>,
    contacts: Vec<String>,
    plain: Vec<String>,
    promotions: Vec<String>,
    money: Vec<String>,
}

/// A test holds that the file can be read.
static PLATFORMS: LazyLock<Platforms> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../../pipelines/marks/platforms.toml")).unwrap_or_default()
});

/// Whose names are not foreign.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    names: Vec<String>,
    words: Vec<String>,
    listed: bool,
}

/// What a mark is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Another platform's, and what names it.
    Foreign(String),
    /// A lone name in a corner, of which nobody said whose it is.
    UnknownName(String),
    /// A mark in a corner without text that could be read.
    UnknownLogo,
    /// The LIVE's own, or nothing that anyone owns.
    Own,
}

impl Owners {
    /// `listed`: the names are all there are, for a session says so.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>, listed: bool) -> Self {
        let names: Vec<&str> = names.collect();
        Self {
            words: names.iter().flat_map(|name| words(name)).filter(|w| w.len() >= 3).collect(),
            names: names.iter().map(|n| squeezed(n)).filter(|n| n.chars().count() >= 3).collect(),
            listed,
        }
    }

    fn own(&self, text: &str) -> bool {
        let text = squeezed(text);
        let platform = PLATFORMS.own.iter().map(|own| squeezed(own));
        self.names.iter().cloned().chain(platform).any(|name| text.contains(&name))
    }

    fn own_word(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }
}

/// Judges a mark by its text and place.
pub(crate) fn judge(mark: &Mark, all: &MarkEvidence, owners: &Owners) -> Finding {
    if mark.own.is_some() {
        return Finding::Own;
    }
    if let Some(logo) = &mark.logo {
        return Finding::Foreign(format!("the logo \"{logo}\""));
    }
    for line in &mark.lines {
        if let Some(what) = foreign(&line.text, owners) {
            return Finding::Foreign(what);
        }
    }
    if !all.in_corner(mark) || !(mark.over || mark.card) {
        return Finding::Own;
    }
    if mark.lines.is_empty() {
        // Nothing could be read: only a mark that is surely laid over is worth a word.
        return if all.read && mark.over { Finding::UnknownLogo } else { Finding::Own };
    }
    match lone_name(mark, owners) {
        None => Finding::Own,
        Some(name) => {
            let told = squeezed(&name);
            let platform = PLATFORMS.endings.iter().any(|e| told.ends_with(&squeezed(e)));
            if owners.listed || platform {
                Finding::Foreign(format!("the name \"{name}\", which is not the seller's"))
            } else {
                Finding::UnknownName(name)
            }
        }
    }
}

/// What a line of text names that is not the LIVE's own.
pub(crate) fn foreign(line: &str, owners: &Owners) -> Option<String> {
    let told = line.trim();
    let tight = squeezed(told);
    for name in &PLATFORMS.names {
        let wanted = squeezed(name);
        if !owners.names.contains(&wanted) && near_inside(&tight, &wanted) {
            return Some(format!("\"{told}\" names {name}"));
        }
    }
    let parts = words(told);
    for name in &PLATFORMS.words {
        if parts.contains(&squeezed(name)) && !owners.own_word(&squeezed(name)) {
            return Some(format!("\"{told}\" names {name}"));
        }
    }
    for token in told.split_whitespace() {
        let token = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '@');
        // The seller's own page elsewhere is elsewhere: the host must be the seller's.
        let host = token.split("://").last().unwrap_or(token).split('/').next().unwrap_or(token);
        if !owners.own(host) && (is_link(token) || is_handle(token)) {
            return Some(format!("\"{token}\" leads elsewhere"));
        }
    }
    contact(told).then(|| format!("\"{told}\" is a way to contact someone elsewhere"))
}

/// Whether a line offers something: a price, a share off, or a word of promotion.
pub(crate) fn is_promotion(line: &str) -> bool {
    let lower: String = line.to_lowercase();
    let digits = lower.chars().any(|c| c.is_ascii_digit());
    let parts: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let says = |phrase: &String| {
        if phrase.is_ascii() && !phrase.contains(' ') {
            parts.contains(&phrase.as_str())
        } else {
            lower.contains(phrase.as_str())
        }
    };
    let money = |sign: &String| {
        if sign.chars().all(|c| c.is_ascii_alphabetic()) {
            parts.iter().any(|part| {
                part.strip_prefix(sign.as_str())
                    .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
            })
        } else {
            lower.contains(sign.as_str())
        }
    };
    PLATFORMS.promotions.iter().any(says)
        || (digits && (lower.contains('%') || PLATFORMS.money.iter().any(money)))
}

/// The one name that a mark consists of: a word or two in a single line, without figures, plain
/// words, offers, or words of the LIVE's own.
fn lone_name(mark: &Mark, owners: &Owners) -> Option<String> {
    let [line] = &mark.lines[..] else { return None };
    let text = line.text.trim();
    let parts: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|p| p.chars().count() >= 2).collect();
    let letters: usize = parts.iter().map(|part| part.chars().count()).sum();
    let upper = text.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase);
    let figures = text.chars().filter(char::is_ascii_digit).count();
    if parts.is_empty() || parts.len() > 2 || letters < 4 || !upper || figures * 3 > letters {
        return None;
    }
    if line.confidence < 0.7 || is_promotion(text) || owners.own(text) {
        return None;
    }
    let plain = |part: &&str| {
        let folded = squeezed(part);
        PLATFORMS.plain.iter().any(|word| squeezed(word) == folded) || owners.own_word(&folded)
    };
    if parts.iter().any(plain) { None } else { Some(text.to_owned()) }
}

/// Letters and digits alone, in lower case, without marks, those that are taken for one another
/// made one.
fn squeezed(text: &str) -> String {
    text.nfkd()
        .flat_map(char::to_lowercase)
        .filter_map(|letter| match letter {
            '0' => Some('o'),
            '1' | 'i' | '|' | '!' => Some('l'),
            '5' | '$' => Some('s'),
            'đ' => Some('d'),
            letter if letter.is_alphanumeric() => Some(letter),
            _ => None,
        })
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).map(squeezed).filter(|w| !w.is_empty()).collect()
}

/// Whether `text` holds `name`, for long names with one letter wrong.
fn near_inside(text: &str, name: &str) -> bool {
    if text.contains(name) {
        return true;
    }
    let (text, name): (Vec<char>, Vec<char>) = (text.chars().collect(), name.chars().collect());
    name.len() >= 7
        && text
            .windows(name.len())
            .any(|part| part.iter().zip(&name).filter(|(a, b)| a != b).count() <= 1)
}

fn is_handle(token: &str) -> bool {
    let Some(name) = token.strip_prefix('@') else { return false };
    name.chars().count() >= 3
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
        && name.chars().filter(|c| c.is_alphabetic()).count() >= 3
}

fn is_link(token: &str) -> bool {
    let lower = token.to_lowercase();
    if lower.starts_with("http") && lower.contains("://") || lower.starts_with("www.") {
        return true;
    }
    let host = lower.split(['/', '?', ':']).next().unwrap_or_default();
    let Some((name, ending)) = host.split_once('.') else { return false };
    let ending_known = PLATFORMS.domains.iter().any(|domain| domain == ending)
        || ending
            .rsplit_once('.')
            .is_some_and(|(_, last)| PLATFORMS.domains.iter().any(|d| d == last));
    let bare = host.len() == lower.len();
    // "5.me" is a slip of the reader; "t.me/name" is a link.
    ending_known
        && name.chars().all(|c| c.is_alphanumeric() || c == '-')
        && name.chars().any(char::is_alphabetic)
        && (name.chars().count() >= 3 || !bare)
}

/// A number after a word of contact, or one in the form of a telephone's.
fn contact(text: &str) -> bool {
    let lower = text.to_lowercase();
    let Some(start) = lower.find(|c: char| c.is_ascii_digit() || c == '+') else { return false };
    let number: String = lower[start..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')'))
        .collect();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let before: Vec<String> = lower[..start]
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let said = PLATFORMS.contacts.iter().any(|contact| {
        let parts: Vec<&str> = contact.split(' ').collect();
        before.windows(parts.len()).any(|part| part.iter().zip(&parts).all(|(a, b)| a == b))
    });
    (8..=15).contains(&digits) && (said || number.starts_with('+'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn own(names: &[&str]) -> Owners {
        Owners::new(names.iter().copied(), true)
    }

    #[test]
    fn the_data_can_be_read() {
        let text = include_str!("../../../../pipelines/marks/platforms.toml");
        toml::from_str::<Platforms>(text).unwrap();
    }

    #[test]
    fn names_links_and_contacts_of_others_are_foreign() {
        for line in [
            "YouTube",
            "Y0uTube",
            "YouTub3 channel",
            "lnstagram",
            "follow us on Instagram",
            "T E L E G R A M",
            "t.me/acme",
            "wa.me/62812345678",
            "www.other.net",
            "shop.example.com",
            "WA 0812-3456-7890",
            "WhatsApp",
            "@other_shop",
            "Zalo 0912 345 678",
            "+62 812 3456 7890",
            "Shopee",
            "kwai",
        ] {
            assert!(foreign(line, &own(&["Acme"])).is_some(), "{line}");
        }
    }

    #[test]
    fn what_a_live_shows_of_its_own_is_not_foreign() {
        for line in [
            "FLASH SALE 50%",
            "Rp 1.250.000",
            "Rp50.000",
            "Only 3 left!",
            "Ends in 00:04:59",
            "Buy 1 get 1",
            "Tap the yellow basket",
            "Acme Beauty",
            "@acme_official",
            "acme.co.id",
            "TikTok Shop",
            "tiktok.com/@acme",
            "Line up now",
            "No.1 in Asia",
            "SPF 50+ PA++++",
            "Order 12345678 shipped",
            "v2.0",
            "Giảm giá 20%",
            "ลดราคา 99฿",
            "Call to action",
            "Apple juice 1.5 l",
            "recorded today",
        ] {
            assert_eq!(foreign(line, &own(&["Acme"])), None, "{line}");
        }
    }

    #[test]
    fn offers_are_told_from_talk() {
        for line in ["50% OFF", "Rp 99.000", "$19", "Diskon besar", "Flash sale", "99฿"] {
            assert!(is_promotion(line), "{line}");
        }
        for line in ["Acme Beauty", "Rose 12", "office chairs", "hello 5"] {
            assert!(!is_promotion(line), "{line}");
        }
    }
}
