//! What a job of the queue says, and the command that does the same.

use reprise_model::{Error, Kind, Result};
use reprise_queue::{Job, Lane, NewJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::windows::{WINDOW, WindowJob};

/// The kind of job that makes the clips of a recorded LIVE.
pub const LIVE: &str = "live.recorded";

/// The kind of job that makes a remix of a clip. Its body is the child's alone to understand.
pub const REMIX: &str = "remix.requested";

/// Make the clips of a recorded LIVE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveJob {
    /// The session manifest: an absolute path or an address that every worker sees.
    pub session: String,
    /// Where results go: a folder or `s3://bucket/prefix`.
    pub out: String,
    /// Keep rejected clips too.
    #[serde(default)]
    pub keep_rejected: bool,
    /// Decode finished clips whole to verify them.
    #[serde(default)]
    pub verify_full: bool,
    /// Which creator's LIVE it is, so that a takedown finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// Which session it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

impl LiveJob {
    /// As a job of `tenant`, whose manifest must say the same seller. `key` tells repeats of the same
    /// wish from new ones.
    ///
    /// # Errors
    /// None for what can be written as JSON.
    pub fn new_job(&self, tenant: &str, key: &str) -> Result<NewJob> {
        new_job(self, LIVE, Lane::Batch, tenant, key)
    }

    /// The key that tells this wish from others: of a manifest's bytes and of what is wanted.
    pub fn key(&self, manifest: &[u8]) -> String {
        let wish = serde_json::to_string(self).unwrap_or_default();
        crate::digest::Key::new(LIVE).text(&blake3::hash(manifest).to_hex()).text(&wish).finish()
    }

    /// What a job says.
    ///
    /// # Errors
    /// `Malformed` where it says something else.
    pub fn of(job: &Job) -> Result<Self> {
        body(job)
    }
}

/// A job with this body.
pub(super) fn new_job(
    body: &impl Serialize,
    kind: &str,
    lane: Lane,
    tenant: &str,
    key: &str,
) -> Result<NewJob> {
    let body = serde_json::to_value(body)
        .map_err(|error| Error::new(Kind::Bug, "a job is no JSON").caused_by(error))?;
    let (tenant, kind, key) = (tenant.to_owned(), kind.to_owned(), key.to_owned());
    Ok(NewJob { tenant, lane, kind, key, body })
}

/// A job's body as what its kind says.
pub(super) fn body<T: DeserializeOwned>(job: &Job) -> Result<T> {
    serde_json::from_value(job.body.clone()).map_err(|error| {
        Error::new(Kind::Malformed, format!("the job's body cannot be read: {error}"))
    })
}

/// What a child is told, one line of JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The job.
    pub job: String,
    /// Whose it is.
    pub seller: String,
    /// What is to be done.
    pub kind: String,
    /// What its kind says.
    pub body: Value,
    /// Where and as whom it may share its work, where there are others.
    pub share: Option<ShareIn>,
}

/// How a child shares its work.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShareIn {
    /// The queue. It may hold a password, so it comes in no argument, which others can see.
    pub queue: String,
    /// The worker's name.
    pub worker: String,
    /// For how long jobs are taken, seconds.
    pub lease_s: u64,
}

impl Told {
    /// As the line.
    pub(super) fn line(&self) -> Result<String> {
        let text = serde_json::to_string(self)
            .map_err(|error| Error::new(Kind::Bug, "a job is no JSON").caused_by(error))?;
        Ok(text + "\n")
    }
}

/// The command with which a person does the job again.
pub(super) fn replay(job: &Job) -> String {
    let live = match job.kind.as_str() {
        WINDOW => WindowJob::of(job).map(|window| window.live),
        _ => LiveJob::of(job),
    };
    let Ok(live) = live else { return String::new() };
    let mut words = vec!["reprise".to_owned(), "run".to_owned(), quoted(&live.session)];
    words.extend(["--out".to_owned(), quoted(&live.out)]);
    if live.keep_rejected {
        words.push("--keep-rejected".to_owned());
    }
    if live.verify_full {
        words.push("--verify full".to_owned());
    }
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn words_pass_a_shell_unchanged() {
        for word in
            ["/a/b.toml", "it's", "a b", "", "$(x)", "s3://b/c?endpoint=http://h:1&region=x"]
        {
            let script = format!("printf %s {}", quoted(word));
            let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
