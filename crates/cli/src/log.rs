//! The log on standard error: for people or for machines, and without secrets.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use reprise_model::redacted;
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::LogFormat;
use crate::traces::{self, Traces};

/// What is logged where `REPRISE_LOG` says nothing: libraries tell their troubles in the errors that
/// they return, so that nobody reads them twice.
const LOGGED: &str = "info,aws_config=off,aws_smithy_runtime=off,aws_smithy_runtime_api=off,\
    aws_sdk_s3=off,aws_sdk_sts=off,aws_runtime=off,hyper=off,hyper_util=off,async_nats=warn,opentelemetry=warn,\
    opentelemetry_sdk=warn,opentelemetry_otlp=warn";

/// Whether lines for people are JSON too.
static JSON: AtomicBool = AtomicBool::new(false);

/// Begins to log, and to trace where the surroundings ask for it.
pub fn begin(format: LogFormat) -> Option<Traces> {
    let filter = EnvFilter::try_from_env("REPRISE_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let log = tracing_subscriber::fmt::layer().with_writer(Redacting).with_target(false);
    let log = match format {
        LogFormat::Json => {
            JSON.store(true, Ordering::Relaxed);
            log.json().flatten_event(true).boxed()
        }
        LogFormat::Text => {
            let colours = io::IsTerminal::is_terminal(&io::stderr());
            log.with_ansi(colours).compact().boxed()
        }
    };
    let (layer, traces, wrong) = match traces::begin() {
        Ok(Some((layer, traces))) => (Some(layer), Some(traces), None),
        Ok(None) => (None, None, None),
        Err(error) => (None, None, Some(error)),
    };
    tracing_subscriber::registry().with(layer).with(log.with_filter(filter)).init();
    if let Some(error) = wrong {
        tracing::warn!("no traces are kept: {error}");
    }
    traces
}

/// A line for people, where the log is for machines; `false` where it is not.
pub fn as_json(level: &str, line: &str) -> bool {
    if !JSON.load(Ordering::Relaxed) {
        return false;
    }
    let at = jiff::Timestamp::now().to_string();
    let line = json!({ "timestamp": at, "level": level, "message": line });
    // Nobody is left to tell when standard error is gone.
    let _ = Redacting.write_all(format!("{line}\n").as_bytes());
    true
}

/// Standard error; each write is a whole event.
#[derive(Clone, Copy)]
struct Redacting;

impl Write for Redacting {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        io::stderr().lock().write_all(redacted(&text).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Redacting {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
