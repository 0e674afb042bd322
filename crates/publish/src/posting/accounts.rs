//! Accounts that sellers post to, from a file (TOML); their tokens lie in files or the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reprise_model::session::Slug;
use reprise_model::{Error, Kind, Result};
use reprise_store::{PostTo, check_post};
use serde::Deserialize;

/// The platform's API.
const API: &str = "https://open.tiktokapis.com";
/// Longest token, bytes.
const TOKEN_MAX: u64 = 8192;
/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);

/// Accounts.
///
/// ```toml
/// [[accounts]]
/// name = "acme-main"
/// seller = "acme"
/// token_file = "acme.token"   # beside this file; or token_env = "ACME_TOKEN"
/// audited = false             # whether the platform has audited the app whose token it is
/// ```
///
/// A token ends after a day: whatever renews it writes the file anew, which is read for each post.
#[derive(Debug, Default)]
pub struct Accounts {
    accounts: Vec<Account>,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name here.
    pub name: String,
    /// Whose it is.
    pub seller: String,
    /// Whether the app was audited; until then posts are for the account alone.
    pub audited: bool,
    api: String,
    token: Token,
}

#[derive(Clone, Debug)]
enum Token {
    File(PathBuf),
    Variable(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accounts: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Slug,
    seller: Slug,
    #[serde(default)]
    audited: bool,
    #[serde(default)]
    token_file: Option<PathBuf>,
    #[serde(default)]
    token_env: Option<String>,
    #[serde(default)]
    api: Option<String>,
}

impl Accounts {
    /// Reads the file.
    ///
    /// # Errors
    /// `Malformed` with the line, `Usage` for an address that is not allowed, `Io`.
    pub fn read(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(&place, error))?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
            Error::new(Kind::Malformed, error.message().to_owned()).in_file(&place).at_line(line)
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut accounts: Vec<Account> = Vec::new();
        for entry in file.accounts {
            let wrong = |words: &str| {
                let words = format!("account `{}`: {words}", entry.name);
                Error::new(Kind::Malformed, words).in_file(&place)
            };
            let token = match (&entry.token_file, &entry.token_env) {
                (Some(file), None) => Token::File(folder.join(file)),
                (None, Some(name)) => Token::Variable(name.clone()),
                _ => return Err(wrong("name either `token_file` or `token_env`")),
            };
            if accounts.iter().any(|other| other.name == entry.name.as_str()) {
                return Err(wrong("there are two of that name"));
            }
            let account = Account {
                name: entry.name.to_string(),
                seller: entry.seller.to_string(),
                audited: entry.audited,
                api: entry.api.clone().unwrap_or_else(|| API.to_owned()),
                token,
            };
            check_post(&account.call("/")).map_err(|error| wrong(&error.to_string()))?;
            accounts.push(account);
        }
        Ok(Self { accounts })
    }

    /// Those of a seller.
    pub fn of<'a>(&'a self, seller: &'a str) -> impl Iterator<Item = &'a Account> {
        self.accounts.iter().filter(move |account| account.seller == seller)
    }

    /// One of a seller.
    pub fn named(&self, seller: &str, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.seller == seller && account.name == name)
    }
}

impl Account {
    /// Where a call goes.
    pub(super) fn call(&self, path: &str) -> PostTo {
        PostTo {
            address: format!("{}{path}", self.api.trim_end_matches('/')),
            insecure: false,
            private: false,
            timeout: CALL,
        }
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// `Missing` where it is not there; never tells it.
    pub(super) fn token(&self) -> Result<String> {
        let token = match &self.token {
            Token::File(path) => {
                let place = path.display().to_string();
                let length =
                    std::fs::metadata(path).map_err(|error| Error::io(&place, error))?.len();
                if length > TOKEN_MAX {
                    return Err(Error::new(Kind::Limit, "is too long for a token").in_file(place));
                }
                std::fs::read_to_string(path).map_err(|error| Error::io(&place, error))?
            }
            Token::Variable(name) => std::env::var(name).map_err(|_| {
                let words =
                    format!("the token of the account `{}` is not there: set {name}", self.name);
                Error::new(Kind::Missing, words)
            })?,
        };
        let token = token.trim().to_owned();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let words = format!("the token of the account `{}` is none", self.name);
            return Err(Error::new(Kind::Malformed, words));
        }
        Ok(token)
    }
}
