//! What went wrong, as RFC 9457 has it: `application/problem+json`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use reprise_model::{Error, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Which problem, as a URN: `urn:reprise:problem:not_found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The problem in general.
    pub title: String,
    /// What it is here, and what to do.
    pub detail: String,
    /// Seconds after which it may work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

/// The answer of a handler.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:reprise:problem:{kind}"),
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    /// Not there, or not this caller's: the two are not told apart.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing, or it is not yours")
    }

    pub(crate) fn unauthorized() -> Self {
        let detail = "send a key as `Authorization: Bearer rpk_…`; `reprise keys add` makes one";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "this key may only look")
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(crate) fn too_many(wait_s: u64) -> Self {
        let detail = format!("too many requests: try again in {wait_s} s");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        problem.retry_after_s = Some(wait_s);
        problem
    }

    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        problem.retry_after_s = Some(2);
        problem
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Problem {
    /// What is the machine's fault is logged, and told without the names of its places.
    fn from(error: Error) -> Self {
        match error.kind {
            Kind::Missing => Self::not_found(),
            Kind::Conflict => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", error.message)
            }
            Kind::Usage | Kind::Malformed | Kind::Unsupported | Kind::Limit => {
                Self::invalid(error.message)
            }
            Kind::TryAgain | Kind::Io | Kind::Unavailable | Kind::Stalled => {
                tracing::warn!("{error}");
                Self::busy("the store or the queue does not answer: try again")
            }
            Kind::Bug => {
                tracing::error!("{error}");
                let detail = "a defect of Reprise; the log of the server has the words";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", detail)
            }
        }
    }
}
