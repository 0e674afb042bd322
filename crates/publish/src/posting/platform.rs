//! Calls of the platform's Content Posting API v2, and what its answers mean.

use std::time::Duration;

use reprise_model::posted::{PostWish, Privacy};
use reprise_model::{Error, Kind, Result};
use reprise_store::{Method, PostTo, Posted as Answered, send};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::accounts::Account;
use super::chunks::Chunks;

/// How long one chunk may take: 10 to 20 MB over a slow line.
const CHUNK: Duration = Duration::from_secs(600);

/// What an account allows at the moment; a page shows it before one posts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreatorInfo {
    /// The account's name on the platform.
    #[serde(default)]
    pub creator_username: String,
    /// Its name for people.
    #[serde(default)]
    pub creator_nickname: String,
    /// Who may be let see a post.
    pub privacy_level_options: Vec<String>,
    /// Comments are off in the account's settings.
    #[serde(default)]
    pub comment_disabled: bool,
    /// Duets are.
    #[serde(default)]
    pub duet_disabled: bool,
    /// Stitches are.
    #[serde(default)]
    pub stitch_disabled: bool,
    /// Longest video, seconds.
    #[serde(default)]
    pub max_video_post_duration_sec: Option<f64>,
}

/// An upload that was begun.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Begun {
    pub(super) publish_id: String,
    pub(super) upload_url: String,
}

/// Where the platform is with a post.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Status {
    pub(super) status: String,
    #[serde(default)]
    pub(super) fail_reason: Option<String>,
    // The platform's own spelling.
    #[serde(default, rename = "publicaly_available_post_id")]
    pub(super) post_ids: Vec<serde_json::Value>,
    #[serde(default)]
    pub(super) uploaded_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: serde_json::Value,
    #[serde(default)]
    error: Fault,
}

#[derive(Default, Deserialize)]
struct Fault {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    log_id: String,
}

/// Where a call of the API lies below `/v2/post/publish/`.
fn ask<T: DeserializeOwned>(account: &Account, path: &str, body: &serde_json::Value) -> Result<T> {
    let bearer = format!("Bearer {}", account.token()?);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json; charset=UTF-8")];
    let to = account.call(&format!("/v2/post/publish/{path}"));
    let answer = send(Method::Post, &to, &headers, body.to_string().as_bytes())?;
    let found: Option<Envelope> = serde_json::from_str(&answer.body).ok();
    let fault = found.as_ref().map(|envelope| &envelope.error);
    let code = fault.map_or("", |fault| fault.code.as_str());
    if !(200..300).contains(&answer.status) || !matches!(code, "ok" | "") {
        return Err(refused(account, &answer, fault));
    }
    let data = found.map(|envelope| envelope.data).unwrap_or_default();
    serde_json::from_value(data).map_err(|error| {
        Error::new(Kind::TryAgain, "the platform answered what cannot be understood")
            .caused_by(error)
    })
}

/// What a refusal means for whoever posts.
fn refused(account: &Account, answer: &Answered, fault: Option<&Fault>) -> Error {
    let (code, said, log) = fault.map_or(("", "", ""), |fault| {
        (fault.code.as_str(), fault.message.as_str(), fault.log_id.as_str())
    });
    let name = &account.name;
    let (kind, words) = match (code, answer.status) {
        ("access_token_invalid", _) | (_, 401) => {
            (Kind::Usage, format!("the token of `{name}` is not valid (any more): renew it"))
        }
        ("scope_not_authorized", _) => (
            Kind::Usage,
            format!("`{name}` has not allowed this app to post: let it sign in again"),
        ),
        ("unaudited_client_can_only_post_to_private_accounts", _) => {
            let words =
                "the app is not audited: posts are for the account alone, which must be private";
            (Kind::Usage, words.to_owned())
        }
        ("spam_risk_too_many_posts", _) => {
            (Kind::Usage, format!("`{name}` has posted as much as the platform allows today"))
        }
        ("rate_limit_exceeded", _) | (_, 429) => {
            (Kind::TryAgain, "the platform wants a pause between posts".to_owned())
        }
        (_, 500..) => (Kind::TryAgain, "the platform has a fault".to_owned()),
        _ => (Kind::Usage, "the platform refused it".to_owned()),
    };
    let detail =
        [code, said].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(300).collect();
    let log = if log.is_empty() { String::new() } else { format!(", its log {log}") };
    Error::new(
        kind,
        format!(
            "{words} ({}{log})",
            if detail.is_empty() { answer.status.to_string() } else { detail }
        ),
    )
}

/// What the account allows.
///
/// # Errors
/// `Usage` where the token or the account is not allowed; `TryAgain` and `Unavailable`.
pub fn creator_info(account: &Account) -> Result<CreatorInfo> {
    ask(account, "creator_info/query/", &json!({}))
}

pub(super) fn begin(account: &Account, wish: &PostWish, chunks: Chunks) -> Result<Begun> {
    let body = json!({
        "post_info": {
            "title": wish.caption,
            "privacy_level": wish.privacy.as_str(),
            "disable_comment": wish.disable_comment,
            "disable_duet": wish.disable_duet,
            "disable_stitch": wish.disable_stitch,
            "brand_organic_toggle": wish.own_business,
            "brand_content_toggle": wish.paid_partnership,
        },
        "source_info": {
            "source": "FILE_UPLOAD",
            "video_size": chunks.total,
            "chunk_size": chunks.size,
            "total_chunk_count": chunks.count,
        },
    });
    ask(account, "video/init/", &body)
}

pub(super) fn status(account: &Account, publish_id: &str) -> Result<Status> {
    ask(account, "status/fetch/", &json!({ "publish_id": publish_id }))
}

/// Sends one chunk.
pub(super) fn upload(url: &str, chunks: Chunks, index: u64, mp4: &[u8]) -> Result<()> {
    let range = chunks.range(index);
    let bytes = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    let Some(bytes) = bytes.and_then(|(start, end)| mp4.get(start..end)) else {
        return Err(Error::new(Kind::Bug, "a chunk lies outside of the file"));
    };
    let about = format!("bytes {}-{}/{}", range.start, range.end - 1, chunks.total);
    let headers = [("content-type", "video/mp4"), ("content-range", about.as_str())];
    let to = PostTo { address: url.to_owned(), insecure: false, private: false, timeout: CHUNK };
    let answer = send(Method::Put, &to, &headers, bytes)?;
    match answer.status {
        200..300 => Ok(()),
        408 | 425 | 429 | 500.. => Err(Error::new(
            Kind::TryAgain,
            format!("the platform did not take a chunk ({})", answer.status),
        )),
        status => Err(Error::new(Kind::Usage, format!("the platform refused a chunk ({status})"))),
    }
}

/// Whether an account lets a post be seen so.
pub(super) fn allows(info: &CreatorInfo, privacy: Privacy) -> bool {
    info.privacy_level_options.iter().any(|option| option == privacy.as_str())
}
