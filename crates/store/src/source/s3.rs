//! One object in S3 or a server that speaks like it, fetched with ranged `GetObject`.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    ProvideCredentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use reprise_model::Kind;
use reprise_model::bytes::without_secrets;
use tokio::runtime::Runtime;

use super::remote::{Failure, Family, LOOK, Opened, Remote};
use super::{NetworkOptions, S3Access, s3_error};

/// Region to sign for where none is configured; servers other than Amazon's take any.
const REGION: &str = "us-east-1";
/// Longest time to find credentials; a machine's own role answers within a second.
const CREDENTIALS: Duration = Duration::from_secs(15);

struct S3Object {
    family: Arc<Family>,
    client: Client,
    bucket: String,
    key: String,
    name: String,
    length: u64,
    etag: Option<String>,
}

/// Opens the object at `uri`, `s3://bucket/key`.
pub fn open(uri: &str, family: &Arc<Family>) -> Result<Opened, Failure> {
    let (bucket, key) = parts(uri)?;
    let client = client(&family.options)?;
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
                let output = request.send().await.map_err(|error| s3_error::explain(&error))?;
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

/// Runs asynchronous work from a thread that may block.
fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Failure> {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime()?.spawn(async move {
        // The receiver waits below.
        let _ = sender.send(work.await);
    });
    receiver.recv().map_err(|_| Failure::new(Kind::Bug, "a request ended without an answer"))
}

/// One thread that drives all requests of the process; bytes come and go, nothing is computed.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("reprise-s3")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    made.as_ref()
        .map_err(|error| Failure::new(Kind::Io, format!("no thread can be started: {error}")))
}

/// The client for `options`; that of the surroundings is made once.
fn client(options: &NetworkOptions) -> Result<Client, Failure> {
    static CLIENT: Mutex<Option<Client>> = Mutex::new(None);
    let limits = (options.connect, options.request);
    if let Some(access) = options.s3.clone() {
        return run(async move { make_client(limits, Some(access)).await })?;
    }
    let mut made = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = made.as_ref() {
        return Ok(client.clone());
    }
    let client = run(async move { make_client(limits, None).await })??;
    *made = Some(client.clone());
    Ok(client)
}

async fn make_client(
    (connect, request): (Duration, Duration),
    access: Option<S3Access>,
) -> Result<Client, Failure> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
    if let Some(access) = &access {
        let keys = Credentials::new(
            &access.access_key_id,
            &access.secret_access_key,
            None,
            None,
            "reprise",
        );
        loader = loader
            .endpoint_url(&access.endpoint)
            .region(Region::new(access.region.clone()))
            .credentials_provider(keys);
    }
    let config = loader.load().await;
    let provider = config.credentials_provider();
    let found = match &provider {
        Some(provider) => tokio::time::timeout(CREDENTIALS, provider.provide_credentials()).await,
        None => return Err(no_credentials("none are configured")),
    };
    match found {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(no_credentials(&error.to_string())),
        Err(_) => return Err(no_credentials("the place that gives them does not answer")),
    }
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connect)
        .read_timeout(request)
        .operation_attempt_timeout(request)
        .build();
    let region = config.region().cloned().unwrap_or_else(|| Region::from_static(REGION));
    let own_server = endpoint(&config).is_some();
    let config = aws_sdk_s3::config::Builder::from(&config)
        .region(region)
        .timeout_config(timeouts)
        // Tries are counted in one place, ours, which repeats broken answers too.
        .retry_config(RetryConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // Servers other than Amazon's have seldom a name for each bucket.
        .force_path_style(own_server)
        .build();
    Ok(Client::from_conf(config))
}

fn http_client() -> SharedHttpClient {
    let tls = tls::Provider::Rustls(CryptoMode::Ring);
    Builder::new().build_with_connector_fn(move |settings, _components| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.proxy_config(ProxyConfig::from_env()).tls_provider(tls.clone()).build()
    })
}

fn no_credentials(why: &str) -> Failure {
    let what = format!(
        "no S3 credentials were found ({why}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
         AWS_PROFILE"
    );
    Failure::new(Kind::Unavailable, what)
}

fn endpoint(config: &aws_config::SdkConfig) -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("AWS_ENDPOINT_URL_S3")
        .or_else(|| set("AWS_ENDPOINT_URL"))
        .or_else(|| config.endpoint_url().map(str::to_owned))
}

/// How S3 is set up here, as far as that can be told without asking anybody; no secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Setup {
    /// The server, where it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// Where credentials come from, in words; `None` where only a machine's own role is left.
    pub credentials: Option<String>,
}

/// How S3 is set up here.
pub fn s3_setup() -> S3Setup {
    let names = [
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SHARED_CREDENTIALS_FILE",
    ];
    let set: HashMap<&str, String> = names
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok().filter(|v| !v.is_empty())?)))
        .collect();
    let shared = set.get("AWS_SHARED_CREDENTIALS_FILE").map(std::path::PathBuf::from);
    let own = std::env::home_dir().map(|home| home.join(".aws/credentials"));
    setup_of(&set, shared.or(own).is_some_and(|file| file.is_file()))
}

fn setup_of(set: &HashMap<&str, String>, has_file: bool) -> S3Setup {
    let first = |names: &[&str]| names.iter().find_map(|name| set.get(name)).cloned();
    let has = |name: &str| set.contains_key(name);
    let credentials = if has("AWS_ACCESS_KEY_ID") && has("AWS_SECRET_ACCESS_KEY") {
        Some("AWS_ACCESS_KEY_ID".to_owned())
    } else if let Some(profile) = set.get("AWS_PROFILE") {
        Some(format!("profile {profile}"))
    } else if has_file {
        Some("the default profile".to_owned())
    } else if has("AWS_WEB_IDENTITY_TOKEN_FILE") {
        Some("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned())
    } else if has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        || has("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    {
        Some("the container's role".to_owned())
    } else {
        None
    };
    S3Setup {
        endpoint: first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
            .map(|endpoint| without_secrets(&endpoint)),
        region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        credentials,
    }
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

    #[test]
    fn the_setup_names_no_secret() {
        let set = HashMap::from([
            ("AWS_ENDPOINT_URL", "https://me:hush@minio.example:9000/?k=hush".to_owned()),
            ("AWS_ACCESS_KEY_ID", "hush".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "hush".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ]);
        let setup = setup_of(&set, false);
        assert!(!format!("{setup:?}").contains("hush"), "{setup:?}");
        assert_eq!(setup.endpoint.as_deref(), Some("https://minio.example:9000/"));
        assert_eq!(setup.credentials.as_deref(), Some("AWS_ACCESS_KEY_ID"));
        assert_eq!(setup_of(&HashMap::new(), true).credentials.unwrap(), "the default profile");
        assert_eq!(setup_of(&HashMap::new(), false), S3Setup::default());
    }
}
