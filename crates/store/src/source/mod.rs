//! Recordings behind `http://`, `https://` and `s3://` addresses, read in ranges.
//!
//! A [`RemoteSource`] is a cache in front of one object. Small looks fetch a small block, ranges that
//! were announced are fetched in large parts, one part ahead, and no byte twice while it is kept.

mod cache;
pub(crate) mod http;
pub(crate) mod remote;
mod s3;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reprise_model::bytes::without_secrets;
use reprise_model::{Error, Kind, Result};

pub use cache::RemoteSource;
pub use remote::SourceStats;

/// Opens a recording by its address, with the built-in limits and the surroundings' credentials.
///
/// `https://user:password@host/path?query` sends the user and password to that host only and shows
/// neither them nor the query in messages. `s3://bucket/key` takes credentials, region and endpoint
/// from where AWS tools take them, or endpoint and region from `?endpoint=http://host:port&region=…`
/// behind the key; a key is written plainly, not in percent signs.
///
/// Blocks; must not be called on a thread that drives asynchronous work.
///
/// # Errors
/// [`Kind::Missing`] where nothing is there, [`Kind::Unavailable`] where it may not be read,
/// [`Kind::Unsupported`] where the server gives no ranges, [`Kind::TryAgain`] where the network or the
/// server fails, [`Kind::Usage`] for an address that is none.
pub fn open_source(uri: &str) -> Result<Arc<RemoteSource>> {
    open_source_with(uri, &NetworkOptions::default())
}

/// [`open_source`] with limits and credentials of one's own.
///
/// # Errors
/// As [`open_source`].
pub fn open_source_with(uri: &str, options: &NetworkOptions) -> Result<Arc<RemoteSource>> {
    let family = remote::Family::new(options.clone());
    let opened = match scheme(uri) {
        Some(Scheme::Http) => http::open(uri, &family),
        Some(Scheme::S3) => s3::open(uri, &family),
        None => {
            let what = "is no address of a recording: write a path, http(s)://… or s3://bucket/key";
            return Err(Error::new(Kind::Usage, what).in_file(without_secrets(uri)));
        }
    };
    match opened {
        Ok(opened) => Ok(Arc::new(RemoteSource::new(opened, &cache::Cache::new(), &family))),
        Err(failure) => Err(Error::from(failure).in_file(without_secrets(uri))),
    }
}

enum Scheme {
    Http,
    S3,
}

fn scheme(uri: &str) -> Option<Scheme> {
    let (scheme, _) = uri.split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => Some(Scheme::Http),
        "s3" => Some(Scheme::S3),
        _ => None,
    }
}

/// How long and how often the network is tried.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Longest time to reach a server, TLS included. Default 10 s; a server on the other side of the
    /// world answers within one.
    pub connect: Duration,
    /// Longest time for one request with all of its answer, at most 1 MiB. Default 30 s, which is
    /// 35 kB/s: over a slower line a video cannot be cut.
    pub request: Duration,
    /// Tries of one read, from 1; none begins later than twice `request` after the first. Default 4.
    pub attempts: u32,
    /// Pause before the second try; it doubles from try to try. A server that names a time
    /// (`Retry-After`) is given at most eight of these. Default 250 ms, so that pauses sum to 2 s.
    pub pause: Duration,
    /// Where S3 is and how to sign, instead of what the surroundings say. Default `None`.
    pub s3: Option<S3Access>,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
            attempts: 4,
            pause: Duration::from_millis(250),
            s3: None,
        }
    }
}

/// Where S3 is and how to sign; what is `None` is taken from where AWS tools take it.
#[derive(Clone, Default)]
pub struct S3Access {
    /// URL of the server.
    pub endpoint: Option<String>,
    /// Region to sign for.
    pub region: Option<String>,
    /// The key pair.
    pub keys: Option<S3Keys>,
}

/// A key pair for S3.
#[derive(Clone)]
pub struct S3Keys {
    /// Public half.
    pub access_key_id: String,
    /// Secret half.
    pub secret_access_key: String,
}

impl fmt::Debug for S3Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.endpoint.as_deref().map(without_secrets);
        f.debug_struct("S3Access")
            .field("endpoint", &endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").finish_non_exhaustive()
    }
}
