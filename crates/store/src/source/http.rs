//! One object on an HTTP server, fetched with `Range` requests.
//!
//! Every request says which version it wants (`If-Match`, or `If-Unmodified-Since` where there is no
//! strong ETag), and every answer is held against what was asked: status, range, length, version.

use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reprise_model::Kind;
use reprise_model::bytes::without_secrets;
use ureq::Body;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};
use url::{Origin, Position, Url};

use super::remote::{Failure, Family, LOOK, Opened, Remote};

/// Redirects that are followed for one request.
const REDIRECTS_MAX: usize = 5;
/// Largest object that is taken whole where the server gives no ranges: a playlist, a short segment.
const WHOLE_MAX: u64 = 2 << 20;

struct HttpObject {
    family: Arc<Family>,
    /// As named, with credentials.
    url: Url,
    /// Where it was found, after redirects.
    place: Mutex<Url>,
    /// Folder that redirects may not leave.
    below: Option<Url>,
    name: String,
    length: u64,
    validator: Validator,
    whole: bool,
}

/// What tells one version of an object from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Validator {
    etag: Option<String>,
    modified: Option<String>,
}

/// Opens the object at `uri`.
pub fn open(uri: &str, family: &Arc<Family>) -> Result<Opened, Failure> {
    let url = Url::parse(uri)
        .map_err(|error| Failure::new(Kind::Usage, format!("is no address: {error}")))?;
    open_url(url, None, family)
}

fn open_url(mut url: Url, below: Option<Url>, family: &Arc<Family>) -> Result<Opened, Failure> {
    url.set_fragment(None);
    family.retried(|| open_once(&url, below.as_ref(), family))
}

fn open_once(url: &Url, below: Option<&Url>, family: &Arc<Family>) -> Result<Opened, Failure> {
    let wanted = 0..LOOK;
    let Answer { place, response } = ask(family, url, url, below, &wanted, None)?;
    let headers = response.headers();
    let validator = Validator::of(headers);
    let mut object = HttpObject {
        family: Arc::clone(family),
        url: url.clone(),
        place: Mutex::new(place),
        below: below.cloned(),
        name: without_secrets(url.as_str()),
        length: 0,
        validator,
        whole: false,
    };
    let first = match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            identity(headers)?;
            let (range, total) = content_range(headers)?;
            let total = total.ok_or_else(|| {
                let what = "its server does not say how long it is: download the file first";
                Failure::new(Kind::Unsupported, what)
            })?;
            if range.start != 0 || range.end > LOOK.min(total) {
                return Err(other_bytes(&wanted, &range));
            }
            object.length = total;
            body(family, response, range.end)?
        }
        StatusCode::OK => {
            identity(headers)?;
            let bytes = whole_body(family, response)?;
            object.length = bytes.len() as u64;
            object.whole = true;
            bytes
        }
        StatusCode::RANGE_NOT_SATISFIABLE if empty(headers) => Vec::new(),
        status => return Err(refusal(status, headers)),
    };
    Ok(Opened { remote: Arc::new(object), first })
}

impl Remote for HttpObject {
    fn length(&self) -> u64 {
        self.length
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<String> {
        let etag = self.validator.strong()?;
        Some(format!("{} {etag}", self.name))
    }

    fn whole(&self) -> bool {
        self.whole
    }

    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        self.family.retried(|| {
            let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match self.fetch_once(&place, &range) {
                // A redirect may lead to an address that is good for a while only.
                Err(failure) if failure.refused && place != self.url => {
                    self.fetch_once(&self.url, &range)
                }
                other => other,
            }
        })
    }

    fn beside(&self, relative: &str) -> Result<Opened, Failure> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let folder = folder(&place).ok_or_else(|| Failure::new(Kind::Usage, "has no folder"))?;
        let mut url = folder.clone();
        if same_origin(&place, &self.url) {
            // The user's own credentials, for the server that they were given for.
            let _ = url.set_username(self.url.username());
            let _ = url.set_password(self.url.password());
        }
        {
            let outside = |()| Failure::new(Kind::Usage, "names something that does not lie below");
            let mut segments = url.path_segments_mut().map_err(outside)?;
            segments.pop_if_empty().extend(relative.split('/'));
        }
        if !lies_below(&url, &folder) {
            return Err(Failure::new(Kind::Usage, "names something that does not lie below"));
        }
        open_url(url, Some(folder), &self.family)
    }
}

impl HttpObject {
    fn fetch_once(&self, from: &Url, range: &Range<u64>) -> Result<Vec<u8>, Failure> {
        let Answer { place, response } =
            ask(&self.family, from, &self.url, self.below.as_ref(), range, Some(&self.validator))?;
        let headers = response.headers();
        let bytes = match response.status() {
            StatusCode::PARTIAL_CONTENT if !self.whole => {
                identity(headers)?;
                let (given, total) = content_range(headers)?;
                if total.is_some_and(|total| total != self.length) {
                    return Err(Failure::changed());
                }
                self.validator.still_holds(headers)?;
                if given != *range {
                    return Err(other_bytes(range, &given));
                }
                body(&self.family, response, range.end - range.start)?
            }
            StatusCode::OK => {
                identity(headers)?;
                self.validator.still_holds(headers)?;
                if length(headers).is_some_and(|length| length != self.length) {
                    return Err(Failure::changed());
                }
                if !self.whole {
                    return Err(Failure::passing("its server stopped answering range requests"));
                }
                let bytes = whole_body(&self.family, response)?;
                if bytes.len() as u64 != self.length {
                    return Err(Failure::changed());
                }
                bytes
            }
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(Failure::changed());
            }
            status => return Err(refusal(status, headers)),
        };
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
        Ok(bytes)
    }
}

/// An answer that is no redirect, and where it came from.
struct Answer {
    place: Url,
    response: Response<Body>,
}

/// Asks for `range` at `from`, following redirects. Credentials are those of `named`.
fn ask(
    family: &Family,
    from: &Url,
    named: &Url,
    below: Option<&Url>,
    range: &Range<u64>,
    validator: Option<&Validator>,
) -> Result<Answer, Failure> {
    let mut place = from.clone();
    for _ in 0..=REDIRECTS_MAX {
        if below.is_some_and(|folder| !lies_below(&place, folder)) {
            let what = "its server sends to a place outside the recording's folder; refused";
            return Err(Failure::new(Kind::Usage, what));
        }
        let response = send(family, &place, named, range, validator)?;
        let status = response.status();
        let location = response.headers().get(header::LOCATION);
        let (true, Some(location)) = (follows(status), location) else {
            return Ok(Answer { place, response });
        };
        let next = location.to_str().ok().and_then(|text| place.join(text).ok());
        let Some(mut next) = next.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            let what = "its server sends to an address that is not http or https; refused";
            return Err(Failure::new(Kind::Unsupported, what));
        };
        if place.scheme() == "https" && next.scheme() == "http" {
            let what = "its server sends from https to plain http; refused";
            return Err(Failure::new(Kind::Unsupported, what));
        }
        next.set_fragment(None);
        place = next;
    }
    let what = format!("its server sends on more than {REDIRECTS_MAX} times; refused");
    Err(Failure::new(Kind::Unsupported, what))
}

fn send(
    family: &Family,
    place: &Url,
    named: &Url,
    range: &Range<u64>,
    validator: Option<&Validator>,
) -> Result<Response<Body>, Failure> {
    // The part before the path without the user; a fragment is never there.
    let scheme = &place[..Position::BeforeUsername];
    let rest = &place[Position::BeforeHost..];
    let mut request = agent()
        .get(format!("{scheme}{rest}"))
        .config()
        .timeout_connect(Some(family.options.connect))
        .timeout_per_call(Some(family.options.request))
        .build()
        .header(header::RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
        .header(header::ACCEPT_ENCODING, "identity");
    if let Some(validator) = validator {
        if let Some(etag) = validator.strong() {
            request = request.header(header::IF_MATCH, etag);
        } else if let Some(modified) = &validator.modified {
            request = request.header(header::IF_UNMODIFIED_SINCE, modified);
        }
    }
    if let Some(value) = authorization(named).filter(|_| same_origin(place, named)) {
        request = request.header(header::AUTHORIZATION, value);
    }
    family.count_request();
    request.call().map_err(failed)
}

/// One pool of connections for the process.
pub(crate) fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        // The machine's own roots, so that a company's authority is known.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("reprise/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent()
    })
}

pub(crate) fn follows(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What a failed exchange says; `ureq` puts no address into these texts.
pub(crate) fn failed(error: ureq::Error) -> Failure {
    use std::io::ErrorKind;
    match error {
        ureq::Error::HostNotFound => Failure {
            kind: Kind::Unavailable,
            ..Failure::passing("no server of that name is known: check the address and the network")
        },
        ureq::Error::Timeout(what) => Failure::passing(format!("its server is too slow ({what})")),
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Failure::passing("no server answers there (connection refused)")
        }
        ureq::Error::Io(error) => Failure::passing(format!("the connection failed ({error})")),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired => {
            let what = format!("no safe connection to its server can be made ({error})");
            Failure::new(Kind::Unavailable, what)
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Failure::new(Kind::Usage, "is no address that can be asked for")
        }
        other => Failure::passing(format!("its server's answer cannot be read ({other})")),
    }
}

/// What an answer without the bytes says.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap) -> Failure {
    let code = status.as_u16();
    match code {
        404 | 410 => {
            Failure::refused(Kind::Missing, format!("does not exist on its server ({code})"))
        }
        401 | 403 | 407 => {
            let what = format!("may not be read ({code}): check the credentials in its address");
            Failure::refused(Kind::Unavailable, what)
        }
        408 | 425 | 429 | 500.. => Failure {
            wait: retry_after(headers),
            ..Failure::passing(format!("its server is not able to answer now ({code})"))
        },
        _ => Failure::new(Kind::Unavailable, format!("its server answers {code}, not its bytes")),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// Refuses bytes that a server has packed although it was asked not to.
pub(crate) fn identity(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(()) };
    match encoding.to_str() {
        Ok(text) if text.trim().is_empty() || text.trim().eq_ignore_ascii_case("identity") => {
            Ok(())
        }
        _ => {
            let what = "its server sends it compressed, so it has no places to read at: switch \
                        Content-Encoding off for it, or download the file first";
            Err(Failure::new(Kind::Unsupported, what))
        }
    }
}

/// The range of bytes and the whole length of `Content-Range: bytes 0-99/1000`.
pub(crate) fn content_range(headers: &HeaderMap) -> Result<(Range<u64>, Option<u64>), Failure> {
    let read = || {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.trim();
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = number(first)?..number(last)?.checked_add(1)?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        let sound = range.start < range.end && total.is_none_or(|total| range.end <= total);
        sound.then_some((range, total))
    };
    read().ok_or_else(|| {
        Failure::new(Kind::Malformed, "its server answers without a readable Content-Range")
    })
}

fn empty(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.trim().strip_prefix("bytes */")).and_then(number) == Some(0)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    number(headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim())
}

fn number(text: &str) -> Option<u64> {
    (text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn other_bytes(asked: &Range<u64>, given: &Range<u64>) -> Failure {
    let what = format!(
        "its server gave bytes {}-{} where {}-{} were asked for",
        given.start,
        given.end.saturating_sub(1),
        asked.start,
        asked.end.saturating_sub(1)
    );
    Failure::new(Kind::Malformed, what)
}

/// Exactly `length` bytes of an answer.
fn body(family: &Family, response: Response<Body>, length: u64) -> Result<Vec<u8>, Failure> {
    // One more than expected, to see the end and so give the connection back to the pool.
    let bytes = up_to(family, response, length.saturating_add(1))?;
    match (bytes.len() as u64).cmp(&length) {
        std::cmp::Ordering::Equal => Ok(bytes),
        std::cmp::Ordering::Less => Err(Failure::passing("its server's answer ends early")),
        std::cmp::Ordering::Greater => {
            Err(Failure::new(Kind::Malformed, "its server sends more bytes than it says"))
        }
    }
}

/// All of an answer without ranges, where it is small.
fn whole_body(family: &Family, response: Response<Body>) -> Result<Vec<u8>, Failure> {
    let stated = length(response.headers());
    let too_long = || {
        let what = "its server does not answer range requests, so all of it would have to be read: \
                    serve it with ranges, or download the file first";
        Failure::new(Kind::Unsupported, what)
    };
    if stated.is_some_and(|length| length > WHOLE_MAX) {
        return Err(too_long());
    }
    if let Some(length) = stated {
        return body(family, response, length);
    }
    let bytes = up_to(family, response, WHOLE_MAX + 1)?;
    if bytes.len() as u64 > WHOLE_MAX { Err(too_long()) } else { Ok(bytes) }
}

fn up_to(family: &Family, response: Response<Body>, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = response.into_body().into_reader().take(limit).read_to_end(&mut bytes);
    family.count_bytes(bytes.len());
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(match error.downcast::<ureq::Error>() {
            Ok(known) => failed(known),
            Err(error) => Failure::passing(format!("its server's answer breaks off ({error})")),
        }),
    }
}

impl Validator {
    fn of(headers: &HeaderMap) -> Self {
        let text =
            |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { etag: text(header::ETAG), modified: text(header::LAST_MODIFIED) }
    }

    fn strong(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| etag.starts_with('"'))
    }

    /// Fails where an answer is of another version; an answer that says nothing passes.
    fn still_holds(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let now = Self::of(headers);
        let same = match (&self.etag, &now.etag, &self.modified, &now.modified) {
            (Some(before), Some(now), _, _) | (_, _, Some(before), Some(now)) => before == now,
            _ => true,
        };
        if same { Ok(()) } else { Err(Failure::changed()) }
    }
}

/// `Basic` with the user and password of an address, if it has them.
fn authorization(url: &Url) -> Option<String> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return None;
    }
    let mut pair = unescaped(url.username());
    pair.push(b':');
    pair.extend(unescaped(password));
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                after.get(2..).unwrap_or_default()
            }
            _ => {
                bytes.push(byte);
                after
            }
        };
    }
    bytes
}

fn same_origin(a: &Url, b: &Url) -> bool {
    matches!(a.origin(), Origin::Tuple(..)) && a.origin() == b.origin()
}

/// The folder of an object: its address up to the last `/`, without user and query.
fn folder(url: &Url) -> Option<Url> {
    let mut folder = url.clone();
    folder.set_query(None);
    folder.set_fragment(None);
    folder.set_username("").ok()?;
    folder.set_password(None).ok()?;
    let path = folder.path().rsplit_once('/').map(|(path, _)| format!("{path}/"))?;
    folder.set_path(&path);
    Some(folder)
}

fn lies_below(url: &Url, folder: &Url) -> bool {
    same_origin(url, folder) && url.path().starts_with(folder.path())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn only_sound_content_ranges_are_read() {
        let read = |text| content_range(&headers(&[("content-range", text)])).ok();
        assert_eq!(read("bytes 0-99/1000"), Some((0..100, Some(1000))));
        assert_eq!(read("bytes 5-5/*"), Some((5..6, None)));
        for bad in [
            "",
            "bytes 0-99",
            "bytes 9-8/10",
            "bytes 0-10/10",
            "bytes -5/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999999/*",
            "octets 0-1/2",
            "bytes +0-1/2",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn versions_are_told_apart() {
        let of = |etag, modified| {
            Validator::of(&headers(&[("etag", etag), ("last-modified", modified)]))
        };
        let held = of("\"1\"", "x");
        assert!(held.still_holds(&headers(&[("etag", "\"1\""), ("last-modified", "y")])).is_ok());
        assert!(held.still_holds(&headers(&[("etag", "\"2\""), ("last-modified", "x")])).is_err());
        assert!(held.still_holds(&headers(&[("last-modified", "y")])).is_err());
        assert!(held.still_holds(&headers(&[])).is_ok());
        assert_eq!(held.strong(), Some("\"1\""));
        assert_eq!(of("W/\"1\"", "x").strong(), None);
    }

    #[test]
    fn folders_hold_what_lies_below_them_only() {
        let url = |text| Url::parse(text).unwrap();
        let base = folder(&url("https://me:pw@h.example/a/b/live.m3u8?t=1#x")).unwrap();
        assert_eq!(base.as_str(), "https://h.example/a/b/");
        for (other, below) in [
            ("https://h.example/a/b/c/0.ts?x", true),
            ("https://h.example:443/a/b/0.ts", true),
            ("https://h.example/a/bc", false),
            ("https://h.example/a/b/../x", false),
            ("https://h.example/a/b/%2e%2e/x", false),
            ("http://h.example/a/b/0.ts", false),
            ("https://h.example:8443/a/b/0.ts", false),
            ("https://g.example/a/b/0.ts", false),
        ] {
            assert_eq!(lies_below(&url(other), &base), below, "{other}");
        }
    }

    #[test]
    fn credentials_are_sent_as_they_were_meant() {
        let value = |text| authorization(&Url::parse(text).unwrap());
        assert_eq!(value("https://h.example/a"), None);
        // RFC 7617, section 2.
        let known = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(value("https://Aladdin:open%20sesame@h.example/").as_deref(), Some(known));
    }
}
