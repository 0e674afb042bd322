//! One object in S3 or a server that speaks like it, fetched with ranged `GetObject`.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use reprise_model::Kind;

use super::S3Access;
use super::remote::{Failure, Family, LOOK, Opened, Remote};
use crate::s3::client::{client, run};
use crate::s3::{explain, named, s3_query_at};

struct S3Object {
    family: Arc<Family>,
    client: Client,
    bucket: String,
    key: String,
    name: String,
    length: u64,
    etag: Option<String>,
}

/// Opens the object at `uri`, `s3://bucket/key`; `?endpoint=` and `&region=` may follow.
pub fn open(uri: &str, family: &Arc<Family>) -> Result<Opened, Failure> {
    let (uri, query) = match s3_query_at(uri) {
        Some(at) => (&uri[..at], &uri[at + 1..]),
        None => (uri, ""),
    };
    let (bucket, key) = parts(uri)?;
    let named = named(query)?;
    let mut options = family.options.clone();
    let access = options.s3.take().unwrap_or_default();
    options.s3 = Some(S3Access {
        endpoint: named.endpoint.or(access.endpoint),
        region: named.region.or(access.region),
        keys: access.keys,
    });
    let client = client(&options)?;
    open_object(client, bucket, key, family)
}

fn parts(uri: &str) -> Result<(String, String), Failure> {
    let usage = |what: &str| Failure::new(Kind::Usage, what);
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return Err(usage("holds credentials: give them in AWS_ACCESS_KEY_ID and the like"));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || !bucket.chars().all(fits) {
        return Err(usage("names no bucket: write s3://bucket/key"));
    }
    if key.is_empty() || key.ends_with('/') {
        return Err(usage("names no object: write s3://bucket/key"));
    }
    Ok((bucket.to_owned(), key.to_owned()))
}

fn open_object(
    client: Client,
    bucket: String,
    key: String,
    family: &Arc<Family>,
) -> Result<Opened, Failure> {
    let mut object = S3Object {
        family: Arc::clone(family),
        client,
        name: format!("s3://{bucket}/{key}"),
        bucket,
        key,
        length: 0,
        etag: None,
    };
    // The first bytes come with the length, and an error with its reason, which HeadObject has not.
    let opened = family.retried(|| match object.get(0..LOOK) {
        Ok(given) => Ok(Some(given)),
        Err(failure) if failure.kind == Kind::Limit => Ok(None),
        Err(failure) => Err(failure),
    })?;
    let Some(given) = opened else {
        // No byte lies in the range: it is empty.
        return Ok(Opened { remote: Arc::new(object), first: Vec::new() });
    };
    object.length = given.total.ok_or_else(|| {
        Failure::new(Kind::Malformed, "its server does not say how long it is (Content-Range)")
    })?;
    if given.range.start != 0 || given.range.end != LOOK.min(object.length) {
        return Err(Failure::new(Kind::Malformed, "its server gave other bytes than asked for"));
    }
    object.etag = given.etag;
    Ok(Opened { remote: Arc::new(object), first: given.bytes })
}

/// What a ranged request gave.
struct Given {
    bytes: Vec<u8>,
    range: Range<u64>,
    total: Option<u64>,
    etag: Option<String>,
}

impl Remote for S3Object {
    fn length(&self) -> u64 {
        self.length
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<String> {
        let etag = self.etag.as_ref().filter(|etag| !etag.starts_with("W/"))?;
        Some(format!("{} {etag}", self.name))
    }

    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        self.family.retried(|| {
            let given = self.get(range.clone()).map_err(|failure| match failure.kind {
                // The range lay inside when it was opened.
                Kind::Limit => Failure::changed(),
                _ => failure,
            })?;
            // Servers that know no If-Match are held to their word here.
            let same = given.etag == self.etag && given.total.is_none_or(|t| t == self.length);
            if !same {
                return Err(Failure::changed());
            }
            if given.range != range {
                let what = "its server gave other bytes than asked for";
                return Err(Failure::new(Kind::Malformed, what));
            }
            Ok(given.bytes)
        })
    }

    fn beside(&self, relative: &str) -> Result<Opened, Failure> {
        let folder = self.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let key = match folder {
            "" => relative.to_owned(),
            folder => format!("{folder}/{relative}"),
        };
        open_object(self.client.clone(), self.bucket.clone(), key, &self.family)
    }
}

impl S3Object {
    /// One request and all of its answer. A range that holds no byte is [`Kind::Limit`].
    fn get(&self, range: Range<u64>) -> Result<Given, Failure> {
        let last = range.end.saturating_sub(1);
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .range(format!("bytes={}-{last}", range.start))
            .set_if_match(self.etag.clone());
        let wanted = range.end.saturating_sub(range.start);
        let limit = self.family.options.request;
        let family = Arc::clone(&self.family);
        self.family.count_request();
        run(async move {
            let whole = async {
                let output = request
                    .send()
                    .await
                    .map_err(|error| explain::explain(&error, "s3:GetObject"))?;
                collect(output, wanted, &family).await
            };
            tokio::time::timeout(limit, whole)
                .await
                .unwrap_or_else(|_| Err(Failure::passing("its server is too slow")))
        })?
    }
}

async fn collect(
    mut output: GetObjectOutput,
    wanted: u64,
    family: &Family,
) -> Result<Given, Failure> {
    if let Some(encoding) = output.content_encoding()
        && !matches!(encoding.trim(), "" | "identity" | "aws-chunked")
    {
        let what = format!(
            "is stored compressed ({encoding}), so it has no places to read at: store it as it is"
        );
        return Err(Failure::new(Kind::Unsupported, what));
    }
    let Some((range, total)) = output.content_range().and_then(content_range) else {
        let what = "its server answers without a readable Content-Range: it gives no ranges";
        return Err(Failure::new(Kind::Unsupported, what));
    };
    let length = range.end - range.start;
    if length > wanted {
        return Err(Failure::new(Kind::Malformed, "its server gave more bytes than asked for"));
    }
    let mut bytes = Vec::new();
    while let Some(part) = output.body.next().await {
        let part = part.map_err(|_| Failure::passing("its server's answer breaks off"))?;
        family.count_bytes(part.len());
        bytes.extend_from_slice(&part);
        if bytes.len() as u64 > length {
            return Err(Failure::new(Kind::Malformed, "its server sends more bytes than it says"));
        }
    }
    if (bytes.len() as u64) < length {
        return Err(Failure::passing("its server's answer ends early"));
    }
    Ok(Given { bytes, range, total, etag: output.e_tag })
}

/// `bytes 0-99/1000`.
fn content_range(text: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let range = first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let sound = range.start < range.end && total.is_none_or(|total| range.end <= total);
    sound.then_some((range, total))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_bucket_and_an_object() {
        let read = |uri| parts(uri).map_err(|failure| failure.message);
        assert_eq!(read("s3://b/k").unwrap(), ("b".to_owned(), "k".to_owned()));
        assert_eq!(read("S3://my-b.1/a b/c?d#e%20.flv").unwrap().1, "a b/c?d#e%20.flv");
        for bad in ["s3://", "s3://b", "s3://b/", "s3:///k", "s3://b/folder/", "s3://b:80/k"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let secret = read("s3://AKIA:hush@b/k").unwrap_err();
        assert!(secret.contains("holds credentials") && !secret.contains("hush"), "{secret}");
    }
}
