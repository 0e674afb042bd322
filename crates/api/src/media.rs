//! Serves media of stores that cannot sign links themselves: whole or in ranges (RFC 9110).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use reprise_store::PutOptions;

use crate::app::App;
use crate::links::opened;
use crate::problem::{Answer, Problem};

/// What is asked for, after the link's beginning, decoded.
pub(crate) fn media(
    app: &App,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> Answer<Response<Body>> {
    let key = opened(&app.keys.secret(), path).ok_or_else(Problem::not_found)?;
    let bytes = app.store.get(&key)?.ok_or_else(Problem::not_found)?;
    let total = bytes.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, part) = match range.map(|range| asked(range, total)) {
        None | Some(Asked::Whole) => (StatusCode::OK, 0..total),
        Some(Asked::Part(part)) => (StatusCode::PARTIAL_CONTENT, part),
        Some(Asked::Outside) => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let told = match status {
        StatusCode::PARTIAL_CONTENT => {
            Some(format!("bytes {}-{}/{total}", part.start, part.end.saturating_sub(1)))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{total}")),
        _ => None,
    };
    let body = if part == (0..total) { bytes } else { bytes[part].to_vec() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = PutOptions::for_key(&key).content_type;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    // What a clip's folder holds is media; a page of somebody else's making would run here.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if let Some(value) = told.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    if query == "download" {
        let name: String = key.parts().rev().take(2).collect::<Vec<_>>().join("-");
        let plain: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(std::ops::Range<usize>),
    Outside,
}

/// What a `Range` asks for; several ranges, and what is none, give the whole.
fn asked(range: &str, total: usize) -> Asked {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|part| part.split_once('-'))
    else {
        return Asked::Whole;
    };
    let (from, to) = (from.trim(), to.trim());
    if let Ok(last) = to.parse::<usize>()
        && from.is_empty()
    {
        return if last == 0 {
            Asked::Outside
        } else {
            Asked::Part(total.saturating_sub(last)..total)
        };
    }
    let end = if to.is_empty() { Some(total) } else { to.parse::<usize>().ok() };
    match (from.parse::<usize>(), end) {
        (Ok(from), _) if from >= total => Asked::Outside,
        (Ok(from), Some(end)) if to.is_empty() => Asked::Part(from..end),
        (Ok(from), Some(end)) if from <= end => Asked::Part(from..end.saturating_add(1).min(total)),
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_players_write_them() {
        for (range, wanted) in [
            ("bytes=0-", Asked::Part(0..100)),
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=-10", Asked::Part(90..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=100-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=20-10", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=18446744073709551615-18446744073709551615", Asked::Outside),
            ("bytes=0-18446744073709551615", Asked::Part(0..100)),
        ] {
            assert_eq!(asked(range, 100), wanted, "{range}");
        }
    }
}
