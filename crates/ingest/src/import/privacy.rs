//! Keeps buyers and viewers out of what is written: keyed hashes for users, no names, addresses or
//! numbers in texts.

/// Digits from which a run of digits counts as a telephone or card number; prices are shorter.
const NUMBER_DIGITS: usize = 9;
const MASK: &str = "…";

/// The hash of a user under `key`: 64 bits as hex, with a `u` before it; `None` for no user.
pub(super) fn user_hash(key: &[u8; 32], user: &str) -> Option<String> {
    let user = user.trim().trim_start_matches('@');
    (!user.is_empty()).then(|| {
        let hash = blake3::keyed_hash(key, user.as_bytes());
        format!("u{}", &hash.to_hex()[..16])
    })
}

/// `text` with mentions of users, e-mail addresses and long numbers masked.
pub(super) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.trim().split_inclusive(char::is_whitespace) {
        match word.find('@') {
            None => out.push_str(word),
            Some(at) => {
                let space = word.trim_end().len();
                // Before the `@` there is a name only in an address.
                let address = word[..at].ends_with(|c: char| c.is_alphanumeric());
                out.push_str(if address { "" } else { &word[..at] });
                out.push('@');
                out.push_str(MASK);
                out.push_str(&word[space..]);
            }
        }
    }
    mask_numbers(&out)
}

/// Masks runs of digits, with the signs that telephone numbers are written with between them.
fn mask_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_numeric()) {
        let run = &rest[start..];
        let length =
            run.find(|c: char| !c.is_numeric() && !" -.()/+".contains(c)).unwrap_or(run.len());
        let run = &run[..length];
        let digits_end = run
            .rfind(|c: char| c.is_numeric())
            .map_or(0, |at| at + run[at..].chars().next().map_or(1, char::len_utf8));
        let digits = run.chars().filter(|c| c.is_numeric()).count();
        out.push_str(&rest[..start]);
        out.push_str(if digits >= NUMBER_DIGITS { MASK } else { &run[..digits_end] });
        rest = &rest[start + digits_end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_gives_one_user_one_hash() {
        let hash = user_hash(&[7; 32], "jane.doe");
        assert_eq!(hash, user_hash(&[7; 32], " @jane.doe "));
        assert_ne!(hash, user_hash(&[8; 32], "jane.doe"));
        assert_ne!(hash, user_hash(&[7; 32], "jane.do"));
        assert!(hash.is_some_and(|hash| hash.len() == 17 && !hash.contains("jane")));
        assert_eq!(user_hash(&[7; 32], " "), None);
    }

    #[test]
    fn persons_are_masked_and_prices_are_not() {
        for (text, expected) in [
            ("how much? 129.000 or 1,299", "how much? 129.000 or 1,299"),
            ("thanks @jane_doe!! see you", "thanks @… see you"),
            ("mail me: jane.doe@mail.example ok", "mail me: @… ok"),
            ("wa 0812-3456-7890 ya", "wa … ya"),
            ("call +62 (812) 345 678 90.", "call +…."),
            ("size 42, 3 pcs", "size 42, 3 pcs"),
            ("٠١٢٣٤٥٦٧٨٩", "…"),
            ("", ""),
        ] {
            assert_eq!(scrub(text), expected, "{text}");
        }
    }
}
