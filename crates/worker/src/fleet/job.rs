//! What a job of the queue says, and the command that does the same.

use reprise_model::{Error, Kind, Result};
use reprise_queue::{Job, Lane, NewJob};
use serde::{Deserialize, Serialize};

/// The kind of job that makes the clips of a recorded LIVE.
pub const LIVE: &str = "live.recorded";

/// Make the clips of a recorded LIVE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveJob {
    /// The session manifest: an absolute path that every worker sees.
    pub session: String,
    /// Where results go: a folder or `s3://bucket/prefix`.
    pub out: String,
    /// Keep rejected clips too.
    #[serde(default)]
    pub keep_rejected: bool,
    /// Decode finished clips whole to verify them.
    #[serde(default)]
    pub verify_full: bool,
}

impl LiveJob {
    /// As a job of `tenant`, whose manifest must say the same seller. `key` tells repeats of the same
    /// wish from new ones.
    ///
    /// # Errors
    /// None for what can be written as JSON.
    pub fn new_job(&self, tenant: &str, key: &str) -> Result<NewJob> {
        let body = serde_json::to_value(self)
            .map_err(|error| Error::new(Kind::Bug, "a job is no JSON").caused_by(error))?;
        Ok(NewJob {
            tenant: tenant.to_owned(),
            lane: Lane::Batch,
            kind: LIVE.to_owned(),
            key: key.to_owned(),
            body,
        })
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
        serde_json::from_value(job.body.clone()).map_err(|error| {
            Error::new(Kind::Malformed, format!("the job's body cannot be read: {error}"))
        })
    }
}

/// What the child is told: one line of JSON.
pub(super) fn line(job: &Job) -> Result<String> {
    let told = serde_json::json!({ "seller": job.tenant, "live": job.body });
    let text = serde_json::to_string(&told)
        .map_err(|error| Error::new(Kind::Bug, "a job is no JSON").caused_by(error))?;
    Ok(text + "\n")
}

/// The command with which a person does the job again.
pub(super) fn replay(job: &Job) -> String {
    let Ok(live) = LiveJob::of(job) else { return String::new() };
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

/// Whether the same may work at another time or elsewhere.
pub(super) const fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::TryAgain | Kind::Io | Kind::Unavailable | Kind::Bug)
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
