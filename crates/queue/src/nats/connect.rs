//! From a URL to a connection: what it may say, whom it trusts, which streams there must be.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Stream};
use async_nats::jetstream::{Context, new as jetstream};
use async_nats::{Client, ConnectOptions};
use reprise_model::{Error, Kind, Result};
use url::Url;

use super::{Engine, Nats, events, no_answer};
use crate::job::Lane;
use crate::lanes::Turns;

/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(5);
/// When a message comes again of which nothing was said: longer than reading and writing one record
/// takes, short against what anybody waits for a dead worker's job.
const UNSAID: Duration = Duration::from_secs(4);
/// Longest message that a record needs, bytes.
const RECORD_MAX: usize = 1024 * 1024;

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// Without what is for us alone; may hold credentials. Several are of one cluster.
    servers: Vec<String>,
    /// For messages.
    place: String,
    prefix: String,
    replicas: usize,
    accept_unsynced: bool,
    always_synced: bool,
}

impl Nats {
    pub(crate) fn open(url: &str) -> Result<Self> {
        let address = Address::parse(url)?;
        let place = address.place.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("reprise-nats")
            .enable_all()
            .build()
            .map_err(|error| Error::new(Kind::Io, "no thread can be started").caused_by(error))?;
        let engine = runtime.block_on(Engine::open(address));
        let engine = engine.map_err(|error| error.in_file(place.clone()))?;
        Ok(Self { place, runtime: Some(runtime), engine })
    }
}

impl Engine {
    async fn open(address: Address) -> Result<Self> {
        let client = ConnectOptions::new()
            .name("reprise")
            .connection_timeout(REQUEST)
            .request_timeout(Some(REQUEST))
            .connect(address.servers.as_slice())
            .await
            .map_err(|error| {
                Error::new(Kind::Unavailable, "there is no NATS server").caused_by(error)
            })?;
        let about = client.server_info();
        address.check_synced(&about.version)?;
        if about.max_payload < RECORD_MAX {
            let message = format!(
                "takes messages of at most {} bytes: set its max_payload to {RECORD_MAX}",
                about.max_payload
            );
            return Err(Error::new(Kind::Unavailable, message));
        }
        let mut context = jetstream(Client::clone(&client));
        context.set_timeout(REQUEST);
        let prefix = &address.prefix;
        let records = Config {
            name: format!("KV_{prefix}-jobs"),
            subjects: vec![format!("$KV.{prefix}-jobs.>")],
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            num_replicas: address.replicas,
            ..Config::default()
        };
        let records = stream(&context, records).await?;
        let events = stream(&context, events::stream_config(prefix, address.replicas)).await?;
        let [remix, batch] = Lane::ALL;
        let lanes =
            [lane(&context, &address, remix).await?, lane(&context, &address, batch).await?];
        Ok(Self {
            prefix: address.prefix,
            context,
            records,
            events,
            lanes,
            turns: Turns::default(),
            messages: Mutex::new(HashMap::new()),
        })
    }
}

/// The URL with its first server alone, and the others: `nats://a:4222,b:4222?...`.
fn of_cluster(text: &str) -> (String, Vec<&str>) {
    let begin = text.find("://").map_or(0, |at| at + 3);
    let end = text[begin..].find(['/', '?', '#']).map_or(text.len(), |at| begin + at);
    let mut servers = text[begin..end].split(',');
    let first = servers.next().unwrap_or_default();
    (format!("{}{first}{}", &text[..begin], &text[end..]), servers.collect())
}

impl Address {
    fn parse(text: &str) -> Result<Self> {
        let wrong = |message: &str| Error::new(Kind::Usage, message);
        let (text, others) = of_cluster(text);
        let mut url = Url::parse(&text)
            .map_err(|error| wrong("is no URL of a NATS server").caused_by(error))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("a NATS URL is nats://host:port"))?;
        let place = format!("{}://{host}:{}", url.scheme(), url.port().unwrap_or(4222));
        let wrong = |message: &str| Error::new(Kind::Usage, message).in_file(place.clone());
        let mut address = Self {
            servers: Vec::new(),
            place: place.clone(),
            prefix: "reprise".to_owned(),
            replicas: 1,
            accept_unsynced: false,
            always_synced: false,
        };
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("prefix", prefix) => {
                    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                    if !(1..=32).contains(&prefix.len()) || !prefix.bytes().all(allowed) {
                        return Err(wrong("`prefix` has 1 to 32 letters, digits, `_`, `-`"));
                    }
                    prefix.clone_into(&mut address.prefix);
                }
                ("replicas", count) => {
                    let count = count.parse().ok().filter(|count| (1..=5).contains(count));
                    address.replicas = count.ok_or_else(|| wrong("`replicas` is 1 to 5"))?;
                }
                ("unsynced", "accept") => address.accept_unsynced = true,
                ("synced", "always") => address.always_synced = true,
                _ => {
                    return Err(wrong(
                        "takes `prefix`, `replicas`, `unsynced=accept`, `synced=always`",
                    ));
                }
            }
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong("a NATS URL is nats://host:port, without a path"));
        }
        url.set_query(None);
        address.servers.push(url.to_string());
        for other in others {
            // With the credentials of the first.
            let (host, port) = other.rsplit_once(':').unwrap_or((other, "4222"));
            let port = port.parse().ok();
            if url.set_host(Some(host)).is_err() || port.is_none() || url.set_port(port).is_err() {
                return Err(wrong("names another server that is no host:port"));
            }
            address.servers.push(url.to_string());
        }
        Ok(address)
    }

    /// Refuses a server that may lose what it acknowledged, as far as that can be told: its version
    /// comes with the connection, its `sync_interval` does not.
    fn check_synced(&self, version: &str) -> Result<()> {
        if self.accept_unsynced || self.replicas >= 3 {
            return Ok(());
        }
        let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let version_at = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let ways = "run three servers and give replicas=3, or accept the loss with unsynced=accept";
        if version_at < (2, 10) {
            let message = format!(
                "version {version} acknowledges a job before it is on the disk (only 2.10 and later \
                 can sync first), so a power failure can lose it: {ways}"
            );
            return Err(Error::new(Kind::Unavailable, message));
        }
        if self.always_synced {
            return Ok(());
        }
        let message = format!(
            "acknowledges a job before it is on the disk unless its configuration says \
             `jetstream {{ sync_interval: always }}`, which no client is told, so a power failure can \
             lose it: set that and give synced=always; or {ways}"
        );
        Err(Error::new(Kind::Unavailable, message))
    }
}

/// A lane's stream and the one consumer that all workers share.
async fn lane(context: &Context, address: &Address, lane: Lane) -> Result<(Stream, PullConsumer)> {
    let (prefix, lane) = (&address.prefix, lane.as_str());
    let config = Config {
        name: format!("{prefix}-{lane}"),
        subjects: vec![format!("{prefix}.{lane}.>")],
        retention: RetentionPolicy::WorkQueue,
        num_replicas: address.replicas,
        ..Config::default()
    };
    let stream = stream(context, config).await?;
    let config = pull::Config {
        durable_name: Some("workers".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: UNSAID,
        max_deliver: -1,
        // A message is pending for as long as its job is leased or waits.
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer("workers", config).await.map_err(no_answer)?;
    Ok((stream, consumer))
}

/// Whether a cluster cannot say now, as while it chooses a leader.
fn is_leaderless(error: &CreateStreamError) -> bool {
    match error.kind() {
        CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::Response => true,
        CreateStreamErrorKind::JetStream(told) => {
            told.error_code() == ErrorCode::CLUSTER_NOT_AVAILABLE
        }
        _ => false,
    }
}

/// Makes a stream where it is missing; one that is there must be as replicated as is asked for.
async fn stream(context: &Context, config: Config) -> Result<Stream> {
    let (name, replicas) = (config.name.clone(), config.num_replicas);
    let stream = context.get_or_create_stream(config).await.map_err(|error| {
        if is_leaderless(&error) {
            return no_answer(error);
        }
        let message = format!("has no stream `{name}` and makes none: is JetStream on?");
        Error::new(Kind::Unavailable, message).caused_by(error)
    })?;
    let found = stream.cached_info().config.num_replicas.max(1);
    if found < replicas {
        let message = format!("stream `{name}` has {found} replicas, {replicas} are asked for");
        return Err(Error::new(Kind::Unavailable, message));
    }
    Ok(stream)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_trusted_only_with_a_reason() {
        let check = |query: &str, version: &str| {
            Address::parse(&format!("nats://h:1?{query}")).unwrap().check_synced(version)
        };
        for (query, version, trusted) in [
            ("", "2.9.10", false),
            ("", "2.12.1", false),
            ("", "nonsense", false),
            ("synced=always", "2.9.10", false),
            ("synced=always", "2.10.0-RC.1", true),
            ("synced=always", "3.0.0", true),
            ("replicas=2", "2.12.1", false),
            ("replicas=3", "2.9.10", true),
            ("unsynced=accept", "2.9.10", true),
        ] {
            assert_eq!(check(query, version).is_ok(), trusted, "{query} {version}");
        }
    }

    #[test]
    fn credentials_go_to_the_server_and_into_no_message() {
        let address = Address::parse("nats://me:secret@host:1?prefix=a-b&replicas=3").unwrap();
        assert_eq!(address.servers, ["nats://me:secret@host:1"]);
        assert_eq!((address.place.as_str(), address.replicas), ("nats://host:1", 3));
        let error = Address::parse("nats://me:secret@host:1/path").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn all_servers_of_a_cluster_may_be_named() {
        let address = Address::parse("tls://me:secret@a:1,b:2,c?replicas=3").unwrap();
        let named = ["tls://me:secret@a:1", "tls://me:secret@b:2", "tls://me:secret@c:4222"];
        assert_eq!(address.servers, named);
        assert_eq!(address.place, "tls://a:1");
        for wrong in ["nats://a:1,:2", "nats://a:1,b:x", "nats://,a:1", "nats://a:1,b:1/c"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
