//! The seller's page: files that are part of the program.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::app::App;
use crate::problem::{Answer, Problem};

macro_rules! files {
    ($($name:literal $kind:literal),* $(,)?) => {
        /// Name, type, content.
        const FILES: &[(&str, &str, &[u8])] =
            &[$(($name, $kind, include_bytes!(concat!("page/", $name)))),*];
    };
}

files! {
    "index.html" "text/html; charset=utf-8",
    "style.css" "text/css; charset=utf-8",
    "icon.svg" "image/svg+xml",
    "app.js" "text/javascript; charset=utf-8",
    "api.js" "text/javascript; charset=utf-8",
    "chart.js" "text/javascript; charset=utf-8",
    "clip.js" "text/javascript; charset=utf-8",
    "dom.js" "text/javascript; charset=utf-8",
    "edit.js" "text/javascript; charset=utf-8",
    "post.js" "text/javascript; charset=utf-8",
    "live.js" "text/javascript; charset=utf-8",
    "lives.js" "text/javascript; charset=utf-8",
    "remix.js" "text/javascript; charset=utf-8",
    "trim.js" "text/javascript; charset=utf-8",
    "words.js" "text/javascript; charset=utf-8",
}

/// A file of the page; `name` is what follows the first `/`.
pub(crate) fn file(app: &App, name: &str, headers: &HeaderMap) -> Answer<Response<Body>> {
    let name = if name.is_empty() { "index.html" } else { name };
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    let (_, kind, bytes) = found.ok_or_else(Problem::not_found)?;
    let tag = format!("\"{}\"", &blake3::hash(bytes).to_hex()[..16]);
    let same =
        headers.get(header::IF_NONE_MATCH).is_some_and(|held| held.as_bytes() == tag.as_bytes());
    let mut response = Response::new(if same { Body::empty() } else { Body::from(*bytes) });
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let origin = app.media_origin.as_deref().unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' blob: data: {origin}; media-src 'self' blob: {origin}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}
