//! Clients of S3 servers, and the one thread that drives their requests.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
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
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use reprise_model::Kind;
use tokio::runtime::Runtime;

use crate::source::remote::Failure;
use crate::source::{NetworkOptions, S3Access};

/// Region to sign for where none is configured; servers other than Amazon's take any.
const REGION: &str = "us-east-1";
/// Longest time to find credentials; a machine's own role answers within a second.
const CREDENTIALS: Duration = Duration::from_secs(15);

/// Runs asynchronous work from a thread that may block.
pub(crate) fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failure> {
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

/// The client for `options`. Those whose credentials are the surroundings' are made once a server.
pub(crate) fn client(options: &NetworkOptions) -> Result<Client, Failure> {
    type Place = (Option<String>, Option<String>);
    static CLIENTS: Mutex<BTreeMap<Place, Client>> = Mutex::new(BTreeMap::new());
    let limits = (options.connect, options.request);
    let access = options.s3.clone().unwrap_or_default();
    if access.keys.is_some() {
        return run(async move { make_client(limits, access).await })?;
    }
    let place = (access.endpoint.clone(), access.region.clone());
    let mut made = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = made.get(&place) {
        return Ok(client.clone());
    }
    let client = run(async move { make_client(limits, access).await })??;
    made.insert(place, client.clone());
    Ok(client)
}

async fn make_client(
    (connect, request): (Duration, Duration),
    access: S3Access,
) -> Result<Client, Failure> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
    if let Some(endpoint) = &access.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(keys) = &access.keys {
        let (id, secret) = (&keys.access_key_id, &keys.secret_access_key);
        loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "reprise"));
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
    let own_server = access.endpoint.is_some() || endpoint(&config).is_some();
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
