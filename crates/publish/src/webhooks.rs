//! Webhooks as Standard Webhooks has them: who is told what, how it is signed, and when it is tried
//! again.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use reprise_model::{Error, Kind, Result};
use reprise_store::{PostTo, Posted, check_post};
use serde::Deserialize;
use standardwebhooks::Webhook;

use crate::messages::TYPES;

/// Longest time that a try may take (Standard Webhooks: 15 to 30 s).
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// Waits after each try but the last, seconds: the schedule of Standard Webhooks.
const WAITS_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Tries in all.
pub const TRIES: u32 = WAITS_S.len() as u32 + 1;
/// Longest wait that a server may ask for.
const WAIT_MAX: Duration = Duration::from_secs(86_400);
/// Hooks of one file.
const HOOKS_MAX: usize = 256;
/// Secrets of a hook: the one in use, and the one that replaces it.
const SECRETS_MAX: usize = 2;
/// Bytes of a secret (Standard Webhooks).
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// What begins a secret.
const SECRET_PREFIX: &str = "whsec_";
/// Longest file of a secret, bytes.
const SECRET_FILE_MAX: u64 = 4096;
/// Names of hooks, bytes.
const NAME_MAX: usize = 64;

/// Who is told.
pub struct Hook {
    /// Its name in the file; jobs carry it.
    pub name: String,
    /// Where it is posted to, and what is allowed there.
    pub to: PostTo,
    tenants: BTreeSet<String>,
    types: BTreeSet<String>,
    secrets: Vec<Webhook>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither secrets nor the address, whose path is often one.
        f.debug_struct("Hook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The hooks of a worker.
#[derive(Debug, Default)]
pub struct Hooks {
    hooks: Vec<Hook>,
}

/// What is to be done after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was taken.
    Delivered,
    /// Try again after this time.
    Again(Duration),
    /// There is no use in trying on; why.
    GiveUp(String),
}

/// The headers that a receiver verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, seconds of Unix time.
    pub timestamp: String,
    /// `webhook-signature`: one signature a secret.
    pub signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    webhooks: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    url: String,
    #[serde(default)]
    secret_env: Names,
    #[serde(default)]
    secret_file: Names,
    #[serde(default)]
    tenants: BTreeSet<String>,
    #[serde(default)]
    types: BTreeSet<String>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    private: bool,
}

/// One name or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Names {
    fn list(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl Hooks {
    /// Reads a file of hooks. Secrets come from the environment by `variable`, or from files beside
    /// or at an absolute path.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where the file says something else than hooks, [`Kind::Usage`] for an
    /// address that is not allowed, [`Kind::Missing`] for a secret that is not there; none tells a
    /// secret.
    pub fn read(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(&place, error))?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
            Error::new(Kind::Malformed, error.message().to_owned()).in_file(&place).at_line(line)
        })?;
        if file.webhooks.len() > HOOKS_MAX {
            let message = format!("has {} webhooks, at most {HOOKS_MAX}", file.webhooks.len());
            return Err(Error::new(Kind::Limit, message).in_file(place));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut hooks: Vec<Hook> = Vec::new();
        for entry in file.webhooks {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let name = entry.name.clone();
            let named = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(allowed);
            if !named || hooks.iter().any(|other| other.name == name) {
                let message = format!(
                    "webhook {name:?}: each has a name of its own, 1 to {NAME_MAX} letters, digits, \
                     `.`, `_`, `-`"
                );
                return Err(Error::new(Kind::Malformed, message).in_file(place));
            }
            let hook = hook(entry, folder, variable).map_err(|error| {
                Error::new(error.kind, format!("webhook `{name}`: {error}")).in_file(&place)
            })?;
            hooks.push(hook);
        }
        Ok(Self { hooks })
    }

    /// Those that want events of this type of this tenant.
    pub fn for_event<'a>(
        &'a self,
        tenant: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Hook> {
        let wants = |all: &BTreeSet<String>, one: &str| all.is_empty() || all.contains(one);
        self.hooks
            .iter()
            .filter(move |hook| wants(&hook.tenants, tenant) && wants(&hook.types, kind))
    }

    /// By its name.
    pub fn named(&self, name: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.name == name)
    }
}

fn hook(entry: Entry, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Hook> {
    let to = PostTo {
        address: entry.url,
        insecure: entry.insecure,
        private: entry.private,
        timeout: TIMEOUT,
    };
    check_post(&to)?;
    if let Some(other) = entry.types.iter().find(|kind| !TYPES[1..].contains(&kind.as_str())) {
        let message = format!("`types`: {other:?} is none of {}", TYPES[1..].join(", "));
        return Err(Error::new(Kind::Malformed, message));
    }
    let mut secrets = Vec::new();
    for name in entry.secret_env.list() {
        let text = variable(name).ok_or_else(|| {
            Error::new(Kind::Missing, format!("the environment has no variable `{name}`"))
        })?;
        secrets.push(secret(&text, &format!("the variable `{name}`"))?);
    }
    for name in entry.secret_file.list() {
        let path = folder.join(name);
        secrets.push(secret(&read_secret(&path)?, &path.display().to_string())?);
    }
    if !(1..=SECRETS_MAX).contains(&secrets.len()) {
        let message = format!(
            "name 1 to {SECRETS_MAX} secrets: `secret_env` (a variable) or `secret_file` (a file)"
        );
        return Err(Error::new(Kind::Malformed, message));
    }
    Ok(Hook { name: entry.name, to, tenants: entry.tenants, types: entry.types, secrets })
}

fn read_secret(path: &Path) -> Result<String> {
    use std::io::Read as _;
    let failed = |error| Error::io(path.display().to_string(), error);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(SECRET_FILE_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// `whsec_` and 24 to 64 bytes in base64.
fn secret(text: &str, from: &str) -> Result<Webhook> {
    let wrong = || {
        let message = format!(
            "{from} holds no secret: `{SECRET_PREFIX}` and {} to {} random bytes in base64",
            SECRET_BYTES.start(),
            SECRET_BYTES.end()
        );
        Error::new(Kind::Malformed, message)
    };
    let text = text.trim();
    let digits = text.strip_prefix(SECRET_PREFIX).ok_or_else(wrong)?;
    let length = digits.trim_end_matches('=').len() * 3 / 4;
    if !SECRET_BYTES.contains(&length) {
        return Err(wrong());
    }
    // The reason is left out: it would show a part of the secret.
    Webhook::new(text).map_err(|_| wrong())
}

impl Hook {
    /// Signs a message at a time in seconds of Unix time.
    ///
    /// # Errors
    /// [`Kind::Bug`]; none is known for text.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> Result<Signed> {
        let sign = |secret: &Webhook| secret.sign(id, timestamp, body.as_bytes());
        let all: std::result::Result<Vec<String>, _> = self.secrets.iter().map(sign).collect();
        let all = all.map_err(|error| {
            Error::new(Kind::Bug, "a message cannot be signed").caused_by(error)
        })?;
        Ok(Signed { id: id.to_owned(), timestamp: timestamp.to_string(), signature: all.join(" ") })
    }
}

/// What follows from the answer to a try, of which this is the `tried`th, from 1.
pub fn next(answer: &Result<Posted>, tried: u32) -> Next {
    let (what, asked) = match answer {
        Ok(posted) => match posted.status {
            200..=299 => return Next::Delivered,
            410 => return Next::GiveUp(format!("is gone: {}", shown(posted))),
            429 | 500.. => (shown(posted), posted.retry_after),
            _ => (shown(posted), None),
        },
        Err(error) if error.kind == Kind::Usage => return Next::GiveUp(error.to_string()),
        Err(error) => (error.to_string(), None),
    };
    let wait = tried.checked_sub(1).and_then(|tried| WAITS_S.get(tried as usize));
    match wait {
        Some(wait) => {
            let asked = asked.map(|asked| asked.clamp(Duration::from_secs(1), WAIT_MAX));
            Next::Again(asked.unwrap_or(Duration::from_secs(*wait)))
        }
        None => Next::GiveUp(format!("{tried} tries, the last: {what}")),
    }
}

/// An answer for people: its status and the beginning of what it says.
pub fn shown(posted: &Posted) -> String {
    let line: String = posted.body.chars().filter(|c| !c.is_control()).take(200).collect();
    if line.is_empty() {
        return format!("answer {}", posted.status);
    }
    format!("answer {}: {line}", posted.status)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The examples of Standard Webhooks' own libraries.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";

    fn read(text: &str) -> Result<Hooks> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hooks.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("secret"), format!("{OTHER}\n")).unwrap();
        Hooks::read(&path, &|name| match name {
            "ONE" => Some(SECRET.to_owned()),
            "SHORT" => Some("whsec_c2hvcnQ=".to_owned()),
            "PLAIN" => Some("C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned()),
            _ => None,
        })
    }

    /// HMAC (RFC 2104) over SHA-256, written out.
    fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        let padded = |with: u8| block.map(|byte| byte ^ with);
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
        Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
    }

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let text = "[[webhooks]]\nname = 'a'\nurl = 'https://example.com/x'\n\
                    secret_env = 'ONE'\nsecret_file = ['secret']\n";
        let hooks = read(text).unwrap();
        let hook = hooks.named("a").unwrap();
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = hook.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body).unwrap();
        let (first, second) = signed.signature.split_once(' ').unwrap();
        assert_eq!(first, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let key = base64.decode(OTHER.strip_prefix("whsec_").unwrap()).unwrap();
        let signed_text = format!("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk.1649367553.{body}");
        let wanted = base64.encode(hmac(&key, signed_text.as_bytes()));
        assert_eq!(second, format!("v1,{wanted}"));
        // Receivers of either secret take it, others do not.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let signed = hook.sign("id", now.as_secs() as i64, "ä").unwrap();
        let headers = [
            ("webhook-id", &signed.id),
            ("webhook-timestamp", &signed.timestamp),
            ("webhook-signature", &signed.signature),
        ];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers = headers.into_iter().collect();
        for secret in [SECRET, OTHER] {
            Webhook::new(secret).unwrap().verify("ä".as_bytes(), &headers).unwrap();
        }
        assert!(Webhook::new(SECRET).unwrap().verify(b"a", &headers).is_err());
        let third = Webhook::from_bytes(vec![7; 24]).unwrap();
        assert!(third.verify("ä".as_bytes(), &headers).is_err());
    }

    #[test]
    fn hooks_are_read_strictly_and_tell_no_secret() {
        let entry = |rest: &str| format!("[[webhooks]]\nname = 'a'\n{rest}\n");
        let good = "url = 'https://example.com/secret-path'\nsecret_env = 'ONE'";
        for (text, kind, words) in [
            (entry(&format!("{good}\nsecret = '{SECRET}'")), Kind::Malformed, "unknown field"),
            (entry("url = 'https://example.com/'"), Kind::Malformed, "secret_env"),
            (entry(&good.replace("ONE", "TWO")), Kind::Missing, "TWO"),
            (entry(&good.replace("ONE", "SHORT")), Kind::Malformed, "24 to 64"),
            (entry(&good.replace("ONE", "PLAIN")), Kind::Malformed, "whsec_"),
            (entry(&good.replace("https", "http")), Kind::Usage, "insecure"),
            (entry(&good.replace("example.com", "10.0.0.1")), Kind::Usage, "private"),
            (entry(&format!("{good}\ntypes = ['clip.ready']")), Kind::Malformed, "clip.ready"),
            (entry(&format!("{good}\nsecret_file = 'none'")), Kind::Missing, "none"),
            (entry(good) + &entry(good), Kind::Malformed, "name of its own"),
            ("hooks = 1".to_owned(), Kind::Malformed, "unknown field"),
        ] {
            let error = read(&text).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(error.kind == kind && told.contains(words), "{text}: {told}");
            assert!(!told.contains("C2FVsBQ") && !told.contains("secret-path"), "{told}");
        }
        let all = entry(&format!("{good}\ntenants = ['x']\ntypes = ['highlights.failed']"))
            + &entry(good).replace("'a'", "'b'");
        let hooks = read(&all).unwrap();
        let names = |tenant, kind| -> Vec<&str> {
            hooks.for_event(tenant, kind).map(|hook| hook.name.as_str()).collect()
        };
        assert_eq!(names("x", "highlights.failed"), ["a", "b"]);
        assert_eq!(names("x", "highlights.ready"), ["b"]);
        assert_eq!(names("y", "highlights.failed"), ["b"]);
        let shown = format!("{hooks:?}");
        assert!(!shown.contains("C2FVsBQ") && !shown.contains("secret-path"), "{shown}");
    }

    #[test]
    fn the_schedule_is_that_of_standard_webhooks() {
        let answer = |status: u16, retry_after: Option<u64>| {
            Ok(Posted {
                status,
                retry_after: retry_after.map(Duration::from_secs),
                body: "no\n".to_owned(),
            })
        };
        let timeout = || Err(Error::new(Kind::TryAgain, "too slow"));
        let seconds = |next| match next {
            Next::Again(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        };
        let minutes = [5, 30, 120, 300, 600, 840, 1200, 1440].map(|minutes| minutes * 60);
        assert_eq!(seconds(next(&timeout(), 1)), 5);
        for (tried, wait) in (2..).zip(minutes) {
            assert_eq!(seconds(next(&answer(500, None), tried)), wait);
            assert_eq!(seconds(next(&timeout(), tried)), wait);
        }
        for tried in [10, 11, u32::MAX] {
            let Next::GiveUp(why) = next(&answer(500, Some(1)), tried) else { panic!("{tried}") };
            assert!(why.contains("answer 500: no"), "{why}");
        }
        for (status, asked, wait) in [
            (429, Some(7), 7),
            (503, Some(0), 1),
            (503, Some(1 << 40), 86_400),
            (404, Some(7), 300),
        ] {
            assert_eq!(seconds(next(&answer(status, asked), 2)), wait, "{status}");
        }
        assert_eq!(next(&answer(204, None), 1), Next::Delivered);
        assert!(matches!(next(&answer(410, None), 1), Next::GiveUp(_)));
        assert!(matches!(next(&answer(302, None), 1), Next::Again(_)));
        let refused = Err(Error::new(Kind::Usage, "private"));
        assert!(matches!(next(&refused, 1), Next::GiveUp(_)));
    }
}
