//! Takes secrets out of text that people see: errors, logs, records of jobs.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Names whose values are secret, lower case, `-` written as `_`: of presigned addresses (AWS Signature
/// versions 2 and 4, Google, Azure, CloudFront, Akamai), of settings and of headers.
const NAMES: [&str; 22] = [
    "signature",
    "sig",
    "sign",
    "hmac",
    "hdnts",
    "hdnea",
    "hdntl",
    "policy",
    "key_pair_id",
    "credential",
    "token",
    "jwt",
    "auth",
    "authorization",
    "password",
    "passwd",
    "pwd",
    "secret",
    "apikey",
    "api_key",
    "awsaccesskeyid",
    "cookie",
];
/// Ends of such names, as in `X-Amz-Security-Token` or `AWS_SECRET_ACCESS_KEY`.
const NAME_ENDS: [&str; 9] = [
    "_signature",
    "_credential",
    "_token",
    "_secret",
    "_password",
    "_api_key",
    "_access_key",
    "_access_key_id",
    "_authorization",
];
/// Headers, whose values go to the end of the line.
const HEADERS: [&str; 6] =
    ["authorization", "proxy_authorization", "cookie", "set_cookie", "x_api_key", "x_auth_token"];
/// What stands between a name and its value, also in addresses that are inside of others.
const EQUALS: [&str; 3] = ["=", "%3d", "%253d"];
/// Longest name that is looked at, bytes.
const NAME_MAX: usize = 64;
/// A word behind `Bearer` is a secret from this length on, bytes; shorter ones are prose.
const BEARER_MIN: usize = 12;

/// `text` without the secrets in it: passwords of addresses, signatures and tokens in their queries,
/// values of settings and headers that are named like secrets, keys of webhooks (`whsec_`) and of AWS,
/// and JSON Web Tokens. What is hidden reads `***`; the rest is unchanged, so that JSON stays JSON.
/// Borrows where there is nothing to hide; saying it twice changes nothing. Takes time in proportion to
/// the text.
///
/// It knows secrets by what stands before them, so it is a net below the code that does not write them
/// in the first place (see [`without_secrets`](crate::bytes::without_secrets)).
pub fn redacted(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let Some(hidden) = secret_at(bytes, at) else {
            at += 1;
            continue;
        };
        // Both ends are beside ASCII or at the text's end; what is not, is left alone.
        let (Some(before), Some(value)) =
            (text.get(copied..hidden.start), text.get(hidden.clone()))
        else {
            at += 1;
            continue;
        };
        at = hidden.end.max(at + 1);
        if value != HIDDEN {
            out.push_str(before);
            out.push_str(HIDDEN);
            copied = hidden.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The secret that the bytes at `at` announce.
fn secret_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    let found = match rest.first()? {
        b':' if rest.starts_with(b"://") => user_and_password(bytes, at + 3),
        b':' => json_or_header(bytes, at),
        b'=' | b'%' => {
            let sign = EQUALS.iter().find(|sign| starts_with_any_case(rest, sign))?;
            let after = at + sign.len();
            let end = value_end(bytes, skip_quote(bytes, after), *sign != "=");
            is_secret(name_before(bytes, at)).then(|| skip_quote(bytes, after)..end)
        }
        b'w' if rest.starts_with(b"whsec_") => Some(at + 6..run(bytes, at + 6, is_base64)),
        b'A' if rest.starts_with(b"AKIA") || rest.starts_with(b"ASIA") => {
            let end = run(bytes, at, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
            (starts_word(bytes, at) && end - at == 20).then_some(at + 4..end)
        }
        b'e' if rest.starts_with(b"eyJ") && starts_word(bytes, at) => {
            let end = run(bytes, at, |b| is_base64(b) || b == b'.');
            let dots = bytes[at..end].iter().filter(|b| **b == b'.').count();
            (dots >= 2).then_some(at..end)
        }
        b'B' | b'b' if starts_word(bytes, at) => ["bearer ", "basic "].iter().find_map(|word| {
            let from = at + word.len();
            let end = starts_with_any_case(rest, word).then(|| value_end(bytes, from, false))?;
            (end >= from + BEARER_MIN).then_some(from..end)
        }),
        _ => None,
    };
    found.filter(|range| !range.is_empty())
}

/// What stands before the last `@` of the address whose host begins at `from`.
fn user_and_password(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let end = run(bytes, from, |b| !is_end(b) && !matches!(b, b'/' | b'?' | b'#'));
    let last = bytes.get(from..end)?.iter().rposition(|b| *b == b'@')?;
    Some(from..from + last)
}

/// The value behind a `:` that follows a name in quotes, or that of a header.
fn json_or_header(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let before = bytes.get(..at)?;
    let quoted = before.ends_with(b"\"");
    let name_end = run_back(bytes, at, |b| matches!(b, b'"' | b'\\'));
    let name = name_before(bytes, name_end);
    let value = run(bytes, at + 1, |b| b == b' ');
    if !quoted {
        let end = run(bytes, value, |b| !matches!(b, b'\n' | b'\r' | b'"' | b'\\'));
        return HEADERS.contains(&normal(name).as_str()).then_some(value..end);
    }
    let opening = run(bytes, value, |b| b == b'\\');
    if bytes.get(opening) != Some(&b'"') || !is_secret(name) {
        return None;
    }
    // To the quote that is escaped as the opening one is: in JSON inside of JSON a quote that belongs to
    // the value has more, and so has one behind a backslash of the value.
    let from = opening + 1;
    let slashes = opening - value;
    let mut escapes = 0;
    for (end, &b) in bytes.iter().enumerate().skip(from) {
        match b {
            b'\\' => escapes += 1,
            b'"' if escapes < slashes => return Some(from..end - escapes),
            b'"' if (escapes - slashes).is_multiple_of(2 * (slashes + 1)) => {
                return Some(from..end - slashes);
            }
            _ => escapes = 0,
        }
    }
    Some(from..bytes.len())
}

/// Where a value that begins at `from` ends; `inside` where its address is written into another's query.
fn value_end(bytes: &[u8], from: usize, inside: bool) -> usize {
    let mut at = from;
    while let Some(&b) = bytes.get(at) {
        let rest = &bytes[at..];
        // Signs of a sentence before its word's end.
        let signs = rest.iter().take(4).take_while(|b| b",;)]}.:".contains(b)).count();
        let closes = signs > 0 && rest.get(signs).is_none_or(|b| is_end(*b));
        let joins =
            inside && ["%26", "%2526", "%23"].iter().any(|sign| starts_with_any_case(rest, sign));
        if is_end(b) || matches!(b, b'&' | b'#') || closes || joins {
            break;
        }
        at += 1;
    }
    at
}

/// Behind a quote at `at`.
fn skip_quote(bytes: &[u8], at: usize) -> usize {
    at + usize::from(matches!(bytes.get(at), Some(b'"' | b'\'')))
}

/// The name that ends before `end`.
fn name_before(bytes: &[u8], end: usize) -> &[u8] {
    let least = end.saturating_sub(NAME_MAX);
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let from = run_back(bytes, end, is_name).max(least);
    bytes.get(from..end).unwrap_or_default()
}

fn is_secret(name: &[u8]) -> bool {
    let name = normal(name);
    // `&` and `?` of an address inside another's query: `%26`, `%3F`, `%2526`.
    let joints = ["", "26", "3f", "2526", "253f"];
    joints
        .iter()
        .filter_map(|joint| name.strip_prefix(joint))
        .any(|name| NAMES.contains(&name) || NAME_ENDS.iter().any(|end| name.ends_with(end)))
}

fn normal(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase().replace('-', "_")
}

fn starts_with_any_case(bytes: &[u8], start: &str) -> bool {
    bytes.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
}

fn starts_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !bytes[at - 1].is_ascii_alphanumeric()
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// Whether a word ends here whatever it is.
fn is_end(b: u8) -> bool {
    b.is_ascii_whitespace() || b.is_ascii_control() || b"\"'<>`\\|".contains(&b)
}

/// The end of the bytes from `from` on that fit.
fn run(bytes: &[u8], from: usize, fits: impl Fn(u8) -> bool) -> usize {
    let from = from.min(bytes.len());
    from + bytes[from..].iter().take_while(|b| fits(**b)).count()
}

/// The begin of the bytes before `end` that fit, of at most [`NAME_MAX`].
fn run_back(bytes: &[u8], end: usize, fits: impl Fn(u8) -> bool) -> usize {
    end - bytes[..end].iter().rev().take(NAME_MAX).take_while(|b| fits(**b)).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_hidden_and_nothing_else() {
        for (text, shown) in [
            ("https://me:hush@h.example/a.flv failed", "https://***@h.example/a.flv failed"),
            ("nats://u:p@a:4222,u:p@b:4222", "nats://***@b:4222"),
            ("tls://hush@a:4222", "tls://***@a:4222"),
            (
                "GET https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDX%2F2026%2Fs3&X-Amz-Date=20261120T000000Z&X-Amz-Security-Token=abc%3D&X-Amz-Signature=00ff: 403",
                "GET https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=***&X-Amz-Date=20261120T000000Z&X-Amz-Security-Token=***&X-Amz-Signature=***: 403",
            ),
            ("x?signature=ab+/c==&b=1", "x?signature=***&b=1"),
            (
                "x?Expires=1&Signature=a&Key-Pair-Id=b&Policy=c",
                "x?Expires=1&Signature=***&Key-Pair-Id=***&Policy=***",
            ),
            (
                "a?u=https%3A%2F%2Fb%3FX-Amz-Signature%3Dabc%26x%3D1",
                "a?u=https%3A%2F%2Fb%3FX-Amz-Signature%3D***%26x%3D1",
            ),
            ("a?u=b%26token%3Dabc", "a?u=b%26token%3D***"),
            ("?token=a,b;c.", "?token=***."),
            ("(see https://h/?token=abc), then", "(see https://h/?token=***), then"),
            ("AWS_SECRET_ACCESS_KEY=wJalr/K7 next", "AWS_SECRET_ACCESS_KEY=*** next"),
            ("aws_session_token='abc'", "aws_session_token='***'"),
            ("{\"token\": \"a\\\"b\", \"n\": 1}", "{\"token\": \"***\", \"n\": 1}"),
            ("\"{\\\"password\\\": \\\"abc\\\"}\"", "\"{\\\"password\\\": \\\"***\\\"}\""),
            ("{\"token\":5}", "{\"token\":5}"),
            ("Authorization: Basic bWU6aHVzaA==\nHost: h", "Authorization: ***\nHost: h"),
            ("sent Bearer abcdefghijklmnop.", "sent Bearer ***."),
            ("the bearer may read", "the bearer may read"),
            ("key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw wrong", "key whsec_*** wrong"),
            ("key AKIAIOSFODNN7EXAMPLE", "key AKIA***"),
            ("jwt eyJhbGciOi.eyJzdWIi.c2ln!", "jwt ***!"),
            ("ä?sig=ü漢 ö", "ä?sig=*** ö"),
            ("s3://bucket/a@b?endpoint=http://h:1", "s3://bucket/a@b?endpoint=http://h:1"),
            (
                "the token: give another; signature: none",
                "the token: give another; signature: none",
            ),
            (
                "who@h.example wrote live.flv:7: at 3.5 s",
                "who@h.example wrote live.flv:7: at 3.5 s",
            ),
            ("token=", "token="),
            ("design=flat monkey=1", "design=flat monkey=1"),
        ] {
            assert_eq!(redacted(text), shown, "{text}");
            assert_eq!(redacted(shown), shown, "twice: {text}");
        }
        assert!(matches!(redacted("nothing to hide"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn a_named_value_never_stays(
            before in "[^\u{0}-\u{1f}]{0,20}",
            name in prop::sample::select(vec![
                "?X-Amz-Signature=", "&x-amz-credential=", "&X-Amz-Security-Token=", "?Signature=",
                " token=", "&sig=", "%26X-Amz-Signature%3D", " whsec_", "\nAWS_SECRET_ACCESS_KEY=",
            ]),
            secret in "QQ[A-Za-z0-9]{18}QQ",
            after in "([ &\"][^\u{0}-\u{1f}]{0,20})?",
        ) {
            let text = format!("{before}{name}{secret}{after}");
            let shown = redacted(&text);
            prop_assert!(!shown.contains(&secret), "{shown}");
            prop_assert_eq!(redacted(&shown), shown.clone());
        }

        #[test]
        fn any_text_has_an_answer(text in "[a-z:/@=?&%3dD.\"\\\\ ä*-]{0,200}|\\PC{0,200}") {
            let once = redacted(&text).into_owned();
            prop_assert_eq!(redacted(&once), once.clone());
        }

        #[test]
        fn json_stays_json(key in "token|password|x|url", value in "[a-zA-Z0-9:/?&=@\"\\\\ ,]{0,40}") {
            let text = serde_json::json!({ (key): value, "n": 1 }).to_string();
            let shown = redacted(&text);
            let back: serde_json::Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(&back["n"], 1);
        }
    }
}
