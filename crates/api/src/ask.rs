//! What a handler is asked and what it answers; lists in pages.

use std::ops::RangeInclusive;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reprise_model::outcome::SessionOutcome;
use reprise_model::session::Visibility;
use reprise_publish::SessionFolder;
use reprise_queue::NewJob;
use reprise_store::Key;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::form_urlencoded;

use crate::BASE;
use crate::app::App;
use crate::keys::{Caller, Role};
use crate::links;
use crate::problem::{Answer, Problem};
use crate::shapes::ShownJob;

/// Items of a page where the caller says nothing, and at most.
pub(crate) const PAGE: usize = 50;
pub(crate) const PAGE_MAX: usize = 200;
/// Longest idempotency key, bytes.
const KEY_MAX: usize = 200;

/// A request, its caller known.
pub(crate) struct Ask<'a> {
    pub(crate) app: &'a App,
    pub(crate) caller: &'a Caller,
    /// What stands in the path's braces, in order; each is a name.
    pub(crate) path: &'a [String],
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Ask<'_> {
    pub(crate) fn seller(&self) -> &str {
        &self.caller.seller
    }

    pub(crate) fn is_owner(&self) -> bool {
        self.caller.role == Role::Owner
    }

    /// What stands in one of the path's braces.
    pub(crate) fn at(&self, index: usize) -> Answer<&str> {
        self.path.get(index).map(String::as_str).ok_or_else(Problem::not_found)
    }

    /// The body as JSON.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Answer<T> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| {
            kind.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            let detail = "send the body as `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            let detail = error.to_string();
            if error.is_data() { Problem::invalid(detail) } else { Problem::malformed(detail) }
        })
    }

    /// A parameter of the query.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A whole number of the query.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<usize>) -> Answer<Option<usize>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = text.parse().ok().filter(|value| range.contains(value));
        let told =
            || format!("`{name}` is a whole number from {} to {}", range.start(), range.end());
        value.map(Some).ok_or_else(|| Problem::malformed(told()))
    }

    /// What tells this wish from others, so that a repeat makes nothing twice.
    pub(crate) fn idempotency_key(&self) -> Answer<&str> {
        let missing = || {
            let detail = "send an `Idempotency-Key` of your own choice, a new one for each new wish; \
                          a repeat with the same one makes nothing twice";
            Problem::new(StatusCode::BAD_REQUEST, "key_missing", detail)
        };
        let key = self.headers.get("idempotency-key").ok_or_else(missing)?;
        let told = || format!("an `Idempotency-Key` has 1 to {KEY_MAX} visible ASCII characters");
        let key = key.to_str().map_err(|_| Problem::malformed(told()))?;
        if key.is_empty() || key.len() > KEY_MAX {
            return Err(Problem::malformed(told()));
        }
        Ok(key)
    }

    /// Puts a job in, and answers with it.
    pub(crate) fn put_in(&self, new: &NewJob) -> Answer<Reply> {
        let put = self.app.queue.enqueue(new)?;
        let job = self.app.queue.job(&put.id)?.ok_or_else(Problem::not_found)?;
        let shown = ShownJob::of(&job).ok_or_else(Problem::not_found)?;
        let location = format!("{BASE}/jobs/{}", put.id);
        Ok(Reply::json(&shown)?.with(StatusCode::ACCEPTED).at(location))
    }

    /// The folder of a session, writing as its creator's.
    pub(crate) fn folder<'a>(&'a self, outcome: &SessionOutcome) -> SessionFolder<'a> {
        SessionFolder::new(self.app.store.as_ref(), self.seller(), &outcome.session_id)
            .by(&outcome.creator)
    }

    /// A session that this caller may see.
    pub(crate) fn session(&self, id: &str) -> Answer<Arc<SessionOutcome>> {
        let found = self.app.seen.one(self.app.store.as_ref(), self.seller(), id)?;
        let may = |outcome: &Arc<SessionOutcome>| self.may_see(outcome.visibility);
        found.filter(may).ok_or_else(Problem::not_found)
    }

    pub(crate) fn may_see(&self, visibility: Visibility) -> bool {
        self.is_owner() || visibility == Visibility::Others
    }

    /// A link to an object of the caller's.
    pub(crate) fn link(&self, key: &Key) -> Answer<String> {
        let secret = self.app.keys.secret();
        if self.app.own_media {
            return Ok(links::own_link(&secret, key));
        }
        Ok(links::link(self.app.store.as_ref(), &secret, key)?)
    }

    /// A part of a list; `key` is what it is sorted by, the same for no two items.
    pub(crate) fn page<T, U>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> (i64, String),
        shown: impl Fn(T) -> Answer<U>,
    ) -> Answer<Page<U>> {
        let limit = self.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
        let after = match self.text("cursor") {
            Some(cursor) => Some(cursor_of(&cursor).ok_or_else(|| {
                Problem::malformed("`cursor` is none that an answer gave: begin without one")
            })?),
            None => None,
        };
        let mut sorted: Vec<((i64, String), T)> =
            items.into_iter().map(|item| (key(&item), item)).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let from = after.map_or(0, |after| sorted.partition_point(|(key, _)| *key <= after));
        let mut rest = sorted.into_iter().skip(from);
        let mut page = Page { items: Vec::new(), next_cursor: None };
        let mut last = None;
        for (key, item) in rest.by_ref().take(limit) {
            page.items.push(shown(item)?);
            last = Some(key);
        }
        if rest.next().is_some() {
            page.next_cursor = last
                .map(|key| URL_SAFE_NO_PAD.encode(serde_json::to_vec(&key).unwrap_or_default()));
        }
        Ok(page)
    }
}

fn cursor_of(text: &str) -> Option<(i64, String)> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// What to ask for next; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What a handler answers.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Vec<u8>,
    content_type: &'static str,
    location: Option<String>,
}

impl Reply {
    pub(crate) fn json<T: Serialize>(value: &T) -> Answer<Self> {
        let body = serde_json::to_vec(value).map_err(|error| {
            reprise_model::Error::new(reprise_model::Kind::Bug, "an answer is no JSON")
                .caused_by(error)
        })?;
        Ok(Self { status: StatusCode::OK, body, content_type: "application/json", location: None })
    }

    pub(crate) fn json_bytes(body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, body, content_type: "application/json", location: None }
    }

    pub(crate) fn picture(body: Vec<u8>, content_type: &'static str) -> Self {
        Self { status: StatusCode::OK, body, content_type, location: None }
    }

    pub(crate) fn nothing() -> Self {
        let (status, body) = (StatusCode::NO_CONTENT, Vec::new());
        Self { status, body, content_type: "", location: None }
    }

    pub(crate) fn with(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !self.content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(location) = self.location.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
