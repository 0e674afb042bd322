//! OpenTelemetry traces, sent over OTLP where the surroundings name a collector.
//!
//! The variables are OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT` turns traces on;
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_PROTOCOL` (`http/protobuf` or `http/json`),
//! `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and `OTEL_SDK_DISABLED` mean
//! what they mean elsewhere.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanId, TraceContextExt, TraceId, TracerProvider};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use reprise_model::{Error, Kind, Result};
use reprise_store::{PostTo, post};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;

/// Longest time that one delivery may take (OTLP: the exporter's default timeout).
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that a process that ends waits for its last delivery: a collector that is away holds
/// no job up.
const LAST: Duration = Duration::from_secs(3);

static ON: AtomicBool = AtomicBool::new(false);
static PARENT: OnceLock<opentelemetry::Context> = OnceLock::new();

thread_local! {
    /// Of which trace the next span without a parent is.
    static NEXT: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// What keeps traces until the process ends.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is left.
    pub fn end(self) {
        // A collector that is away is said by the library's own log.
        let _ = self.0.shutdown_with_timeout(LAST);
    }
}

/// A layer of the log that makes spans parts of traces.
type Traced = Box<dyn Layer<Registry> + Send + Sync>;

/// Begins, where a collector is named.
///
/// # Errors
/// [`Kind::Usage`] where a variable says what the exporter does not take.
pub fn begin() -> Result<Option<(Traced, Traces)>> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let collector =
        ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].into_iter();
    let off = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    if off || collector.filter_map(set).next().is_none() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client)
        .build()
        .map_err(|error| Error::new(Kind::Usage, format!("OTEL_EXPORTER_OTLP_…: {error}")))?;
    let mut resource = Resource::builder();
    let attributes = set("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    if set("OTEL_SERVICE_NAME").is_none() && !attributes.contains("service.name=") {
        resource = resource.with_service_name("reprise");
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(Ids(RandomIdGenerator::default()))
        .with_resource(resource.build())
        .build();
    if let Some(parent) = set("TRACEPARENT") {
        let carrier = HashMap::from([("traceparent".to_owned(), parent)]);
        let _ = PARENT.set(TraceContextPropagator::new().extract(&carrier));
    }
    // Events say what logs say, and logs go where logs go.
    let spans =
        filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("reprise"));
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("reprise"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(spans);
    ON.store(true, Ordering::Relaxed);
    Ok(Some((layer.boxed(), Traces(provider))))
}

/// The span of a whole process, a part of what `TRACEPARENT` names; none where no traces are kept.
pub fn process(command: &'static str) -> Span {
    if !ON.load(Ordering::Relaxed) {
        return Span::none();
    }
    let span = tracing::info_span!("process", command, otel.name = command);
    if let Some(parent) = PARENT.get() {
        // It can fail for a span that has begun alone.
        let _ = span.set_parent(parent.clone());
    }
    span
}

/// Makes a span the root of the trace that `text` names, the same one in every process: its id is the
/// first 16 bytes of the text's BLAKE3.
pub fn belongs_to(span: &Span, text: &str) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    let digest = *blake3::hash(text.as_bytes()).as_bytes();
    let id = digest.first_chunk::<16>().copied().unwrap_or_default();
    NEXT.set(Some(TraceId::from_bytes(id)));
    // Asking for its context begins it.
    let _ = span.context();
    NEXT.set(None);
}

/// The current span as `traceparent` (W3C Trace Context, version 00).
pub fn parent() -> Option<String> {
    if !ON.load(Ordering::Relaxed) {
        return None;
    }
    let mut carrier: HashMap<String, String> = HashMap::new();
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove("traceparent")
}

/// Ids by chance, but for traces that have a name.
#[derive(Debug)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// The store's client; a collector stands in one's own network, and whoever set it meant it.
#[derive(Debug)]
struct Client;

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(
        &self,
        request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, HttpError> {
        let to = PostTo {
            address: request.uri().to_string(),
            insecure: true,
            private: true,
            timeout: TIMEOUT,
        };
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let posted = post(&to, &headers, request.body())?;
        Ok(Response::builder().status(posted.status).body(Bytes::from(posted.body))?)
    }
}
