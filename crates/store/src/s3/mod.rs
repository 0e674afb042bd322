//! Results in S3 or a server that speaks like it.

pub(crate) mod client;
pub(crate) mod explain;
mod setup;
mod upload;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use reprise_model::bytes::without_secrets;
use reprise_model::{Error, Kind, Result};

pub use setup::{S3Setup, s3_setup};

use crate::key::{TEMPORARY, check_prefix};
use crate::source::remote::{Failure, Family};
use crate::source::{NetworkOptions, S3Access};
use crate::{Entry, Key, ObjectStore, PutOptions, Version};
use client::run;
use explain::explain;
use upload::{Upload, When};

/// Longest life of an address that anybody can read from.
const PRESIGNED_MAX: Duration = Duration::from_secs(15 * 60);

/// Objects in a bucket, below a prefix.
///
/// An object appears whole or not at all, as S3 has it. Every byte sent carries its SHA-256, which
/// the server checks. Who is first is decided by `If-None-Match`; a server that does not know it is
/// found out before it is trusted. At one that does not know `If-Match` too, a version is looked at
/// and then replaced, in two steps.
pub struct S3Store {
    place: Arc<Place>,
    /// Which conditions the server was seen to keep.
    decides: Mutex<Option<Decides>>,
}

/// What a server that keeps `If-None-Match` keeps besides.
#[derive(Clone, Copy, Debug)]
struct Decides {
    /// `If-Match` of a write. Without it a process that stands still between looking and writing can
    /// replace what another wrote meanwhile.
    by_version: bool,
}

/// The tag of no object.
const OTHER_TAG: &str = "\"00000000000000000000000000000000\"";

/// Where the objects are, and how to get there.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    /// Before each key: empty, or ends in `/`.
    prefix: String,
    pub(crate) family: Arc<Family>,
}

/// A part of a listing.
struct Page {
    /// Names in the bucket and lengths.
    objects: Vec<(String, u64)>,
    /// Where the next part begins.
    next: Option<String>,
}

impl S3Store {
    /// Opens `s3://bucket/prefix`. `?endpoint=http://host:port` names a server other than Amazon's and
    /// `&region=` what to sign for; both, and the credentials, are otherwise taken from where AWS
    /// tools take them.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what is no such address, [`Kind::Missing`] where there is no such bucket,
    /// [`Kind::Unavailable`] where it may not be used, [`Kind::TryAgain`] where the network or the
    /// server fails.
    pub fn open(dest: &str, options: &NetworkOptions) -> Result<Self> {
        let shown = without_secrets(dest);
        let failed = |failure: Failure| Error::from(failure).in_file(shown.clone());
        let (bucket, prefix, named) = parts(dest).map_err(failed)?;
        let mut options = options.clone();
        let access = options.s3.take().unwrap_or_default();
        options.s3 = Some(S3Access {
            endpoint: named.endpoint.or(access.endpoint),
            region: named.region.or(access.region),
            keys: access.keys,
        });
        let client = client::client(&options).map_err(failed)?;
        let family = Family::new(options);
        let store = Self {
            place: Arc::new(Place { client, bucket, prefix, family }),
            decides: Mutex::new(None),
        };
        // What is wrong with the bucket is said now, not after an hour of work.
        store.page("", None, 1)?;
        Ok(store)
    }

    fn failed(&self, key: &Key, failure: Failure) -> Error {
        Error::from(failure).in_file(self.location(key))
    }

    /// One page of a listing, and where the next begins.
    fn page(&self, prefix: &str, after: Option<String>, most: i32) -> Result<Page> {
        let place = &self.place;
        let listed = place.family.retried(|| {
            let request = place
                .client
                .list_objects_v2()
                .bucket(&place.bucket)
                .prefix(place.full(prefix))
                .set_continuation_token(after.clone())
                .max_keys(most);
            let output = place.timed(async move {
                request.send().await.map_err(|error| explain(&error, "s3:ListBucket"))
            })?;
            let objects = output.contents().iter().filter_map(|object| {
                let length = u64::try_from(object.size().unwrap_or(0)).unwrap_or(0);
                Some((object.key()?.to_owned(), length))
            });
            let next = output.next_continuation_token().map(str::to_owned);
            let objects = objects.collect();
            Ok(Page { objects, next: next.filter(|_| output.is_truncated() == Some(true)) })
        });
        let shown = format!("s3://{}/{}", place.bucket, place.prefix);
        listed.map_err(|failure| Error::from(failure).in_file(shown))
    }

    /// Sees once which conditions the server keeps; that only the first of two writers wins is needed.
    fn must_decide(&self) -> Result<Decides> {
        let mut decides = self.decides.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *decides {
            return Ok(known);
        }
        let key = format!("{TEMPORARY}/probe-{}", upload::token());
        let full = self.place.full(&key);
        let write = |when: When| {
            let upload = Upload::new(&self.place, full.clone(), b"probe", PutOptions::default());
            upload.send(&when)
        };
        let shown = format!("s3://{}/{full}", self.place.bucket);
        let failed = |failure: Failure| Error::from(failure).in_file(shown.clone());
        let won = [When::Absent, When::Absent].map(write);
        let by_version = write(When::Still(OTHER_TAG.to_owned()));
        self.remove(&full).map_err(failed)?;
        let [first, second] = won;
        if [first.map_err(failed)?, second.map_err(failed)?] != [true, false] {
            let what = "its server ignores If-None-Match, so two workers could both be first: use one \
                        that knows conditional writes";
            return Err(Error::new(Kind::Unsupported, what).in_file(shown));
        }
        // A server that does not know the condition may also say so.
        let by_version = match by_version {
            Ok(written) => !written,
            Err(failure) if failure.again => return Err(failed(failure)),
            Err(_) => false,
        };
        let known = Decides { by_version };
        *decides = Some(known);
        Ok(known)
    }

    fn remove(&self, full: &str) -> Result<(), Failure> {
        let place = &self.place;
        place.family.retried(|| {
            let request = place.client.delete_object().bucket(&place.bucket).key(full);
            place.timed(async move {
                let sent = request.send().await;
                sent.map(|_| ()).map_err(|error| explain(&error, "s3:DeleteObject"))
            })
        })
    }
}

impl Place {
    /// The name in the bucket of what has this name in the store.
    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Waits for `work` as long as one request may take.
    pub(crate) fn timed<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        self.family.count_request();
        let limit = self.family.options.request;
        run(async move {
            let answer = tokio::time::timeout(limit, work).await;
            answer.unwrap_or_else(|_| Err(Failure::passing("its server is too slow")))
        })?
    }
}

impl ObjectStore for S3Store {
    fn put(&self, key: &Key, bytes: &[u8], options: PutOptions) -> Result<()> {
        let upload = Upload::new(&self.place, self.place.full(key.as_str()), bytes, options);
        upload.send(&When::Always).map(|_| ()).map_err(|failure| self.failed(key, failure))
    }

    fn put_if_absent(&self, key: &Key, bytes: &[u8], options: PutOptions) -> Result<bool> {
        // What is there need not be sent to be refused.
        if self.exists(key)? {
            return Ok(false);
        }
        self.must_decide()?;
        let upload = Upload::new(&self.place, self.place.full(key.as_str()), bytes, options);
        upload.send(&When::Absent).map_err(|failure| self.failed(key, failure))
    }

    fn version(&self, key: &Key) -> Result<Option<Version>> {
        match upload::head(&self.place, &self.place.full(key.as_str())) {
            Ok(head) => Ok(Some(Version(head.e_tag().unwrap_or_default().to_owned()))),
            Err(failure) if failure.absent => Ok(None),
            Err(failure) => Err(self.failed(key, failure)),
        }
    }

    fn put_if_version(
        &self,
        key: &Key,
        bytes: &[u8],
        options: PutOptions,
        version: Option<&Version>,
    ) -> Result<bool> {
        let Some(version) = version else { return self.put_if_absent(key, bytes, options) };
        let when = if self.must_decide()?.by_version {
            When::Still(version.0.clone())
        } else if self.version(key)?.as_ref() == Some(version) {
            // As near to it as this server comes.
            When::Always
        } else {
            return Ok(false);
        };
        let upload = Upload::new(&self.place, self.place.full(key.as_str()), bytes, options);
        upload.send(&when).map_err(|failure| self.failed(key, failure))
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        let place = &self.place;
        let got = place.family.retried(|| {
            let request =
                place.client.get_object().bucket(&place.bucket).key(place.full(key.as_str()));
            place.timed(async move {
                let output =
                    request.send().await.map_err(|error| explain(&error, "s3:GetObject"))?;
                let length = output.content_length();
                let body = output.body.collect().await;
                let bytes =
                    body.map_err(|_| Failure::passing("its server's answer breaks off"))?.to_vec();
                if length.is_some_and(|length| length != bytes.len() as i64) {
                    return Err(Failure::passing("its server's answer ends early"));
                }
                Ok(bytes)
            })
        });
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(failure) if failure.absent => Ok(None),
            Err(failure) => Err(self.failed(key, failure)),
        }
    }

    fn exists(&self, key: &Key) -> Result<bool> {
        let head = upload::head(&self.place, &self.place.full(key.as_str()));
        match head {
            Ok(_) => Ok(true),
            Err(failure) if failure.absent => Ok(false),
            Err(failure) => Err(self.failed(key, failure)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        check_prefix(prefix)?;
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(prefix, after, 1000)?;
            for (name, len) in page.objects {
                let Some(name) = name.strip_prefix(&self.place.prefix) else { continue };
                // What others put there under names that are none of ours is none of our business.
                if let Ok(key) = Key::new(name) {
                    entries.push(Entry { key, len });
                }
            }
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        match self.remove(&self.place.full(key.as_str())) {
            Err(failure) if !failure.absent => Err(self.failed(key, failure)),
            _ => Ok(()),
        }
    }

    fn presigned(&self, key: &Key, time: Duration) -> Result<Option<String>> {
        if time > PRESIGNED_MAX || time.is_zero() {
            let what = "an address that anybody can read from lives at most 15 minutes";
            return Err(Error::new(Kind::Usage, what).in_file(self.location(key)));
        }
        let place = &self.place;
        let request = place.client.get_object().bucket(&place.bucket).key(place.full(key.as_str()));
        let signed = place.timed(async move {
            let wrong = |what: String| Failure::new(Kind::Unavailable, what);
            let config = PresigningConfig::expires_in(time)
                .map_err(|error| wrong(format!("cannot be signed for: {error}")))?;
            let signed = request.presigned(config).await;
            signed.map(|signed| signed.uri().to_owned()).map_err(|error| {
                wrong(format!("cannot be signed for: {}", explain(&error, "a key pair").message))
            })
        });
        signed.map(Some).map_err(|failure| self.failed(key, failure))
    }

    fn sweep_unfinished(&self, age: Duration) -> Result<u64> {
        let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let shown = format!("s3://{}/{}", self.place.bucket, self.place.prefix);
        let swept = upload::abort_older(&self.place, &self.place.prefix, before);
        swept.map_err(|failure| Error::from(failure).in_file(shown))
    }

    fn location(&self, key: &Key) -> String {
        format!("s3://{}/{}", self.place.bucket, self.place.full(key.as_str()))
    }
}

/// The bucket, the prefix and what the query names.
fn parts(dest: &str) -> Result<(String, String, S3Access), Failure> {
    let usage = |what: String| Failure::new(Kind::Usage, what);
    let rest = dest.split_once("://").map_or("", |(_, rest)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.contains('@') {
        let what = "holds credentials: give them in AWS_ACCESS_KEY_ID and the like";
        return Err(usage(what.to_owned()));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || !bucket.chars().all(fits) {
        return Err(usage("names no bucket: write s3://bucket/prefix".to_owned()));
    }
    let prefix = prefix.trim_end_matches('/');
    if !prefix.is_empty() {
        Key::new(prefix).map_err(|error| usage(error.to_string()))?;
    }
    let access = named(query)?;
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Ok((bucket.to_owned(), prefix, access))
}

/// Where the query of an `s3://` address begins that says where S3 is; any other `?` is part of a key.
pub fn s3_query_at(address: &str) -> Option<usize> {
    let at = address.rfind('?')?;
    let says = |name: &str| address[at + 1..].starts_with(name);
    (says("endpoint=") || says("region=")).then_some(at)
}

/// What a query names.
pub(crate) fn named(query: &str) -> Result<S3Access, Failure> {
    let usage = |what: String| Failure::new(Kind::Usage, what);
    let mut access = S3Access::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let slot = match name.as_ref() {
            "endpoint" => &mut access.endpoint,
            "region" => &mut access.region,
            other => {
                let what =
                    format!("has `{other}` in its query: only endpoint and region are known");
                return Err(usage(what));
            }
        };
        if value.is_empty() {
            return Err(usage(format!("has an empty `{name}` in its query")));
        }
        *slot = Some(value.into_owned());
    }
    if let Some(endpoint) = &access.endpoint {
        let is_server = url::Url::parse(endpoint).is_ok_and(|url| {
            let plain = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "http" | "https") && url.host().is_some() && plain
        });
        if !is_server {
            let what = "has an endpoint that is no address: write endpoint=http://host:port";
            return Err(usage(what.to_owned()));
        }
    }
    Ok(access)
}
