//! Lets others see how a worker is: `/livez`, `/readyz` and `/metrics` over HTTP.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use reprise_queue::Queue;
use tokio::task::JoinHandle;

use super::metrics;

/// A slot that was not seen for so long hangs: it looks up at least each few seconds, and a call of
/// the queue ends sooner.
const SEEN_MAX: Duration = Duration::from_secs(120);
/// A queue that did not answer for so long is away: it is asked twice in that time, besides what slots
/// ask.
const ANSWER_MAX: Duration = Duration::from_secs(40);
/// How often the queue is asked how it stands, at most: on JetStream that reads all records.
const COUNTS_EVERY: Duration = Duration::from_secs(15);
/// Of a worker's time it may take one part in so many.
const COUNTS_SHARE: u32 = 200;
/// How often what histograms took in is put together, so that it does not pile up where nobody asks.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// Connections at once; for one more the oldest is ended, so that nobody who only holds on keeps others
/// out.
const CONNECTIONS: usize = 64;
/// Pause after a connection could not be taken, as when no file can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection may take so long in all.
const CONNECTION: Duration = Duration::from_secs(10);

/// Where a worker is asked how it is.
pub struct Listen {
    /// Bound already, so that the port is known.
    pub listener: TcpListener,
    /// Prints what is counted.
    pub metrics: PrometheusHandle,
}

/// When what was last seen, in milliseconds since the start.
pub(super) struct Health {
    start: Instant,
    slots: Vec<AtomicU64>,
    /// 0 where it never did.
    answered: AtomicU64,
}

impl Health {
    pub(super) fn new(slots: usize) -> Self {
        let slots = (0..slots).map(|_| AtomicU64::new(0)).collect();
        Self { start: Instant::now(), slots, answered: AtomicU64::new(0) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// A slot looked up; `u64::MAX` for one that ended.
    pub(super) fn seen(&self, slot: usize) {
        if let Some(seen) = self.slots.get(slot) {
            seen.store(self.now(), Ordering::Relaxed);
        }
    }

    pub(super) fn ended(&self, slot: usize) {
        if let Some(seen) = self.slots.get(slot) {
            seen.store(u64::MAX, Ordering::Relaxed);
        }
    }

    /// The queue answered.
    pub(super) fn answered(&self) {
        self.answered.store(self.now(), Ordering::Relaxed);
    }

    /// What is wrong, where something is.
    fn alive(&self) -> Result<(), String> {
        let now = self.now();
        let most = SEEN_MAX.as_millis() as u64;
        let hangs = |seen: &AtomicU64| now.saturating_sub(seen.load(Ordering::Relaxed)) > most;
        match self.slots.iter().filter(|seen| hangs(seen)).count() {
            0 => Ok(()),
            count => Err(format!("{count} slots were not seen for {} s", SEEN_MAX.as_secs())),
        }
    }

    fn ready(&self, stop: &AtomicBool) -> Result<(), String> {
        if stop.load(Ordering::Relaxed) {
            return Err("draining: no new jobs are taken".to_owned());
        }
        let answered = self.answered.load(Ordering::Relaxed);
        if answered == 0 {
            return Err("the queue has not answered yet".to_owned());
        }
        let since = Duration::from_millis(self.now().saturating_sub(answered));
        if since > ANSWER_MAX {
            return Err(format!("the queue has not answered for {} s", since.as_secs()));
        }
        self.alive()
    }
}

/// Answers until the last slot has ended.
pub(super) fn serve(
    listen: &Listen,
    health: &Health,
    queue: &dyn Queue,
    stop: &AtomicBool,
    working: &AtomicUsize,
) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = Instant::now();
            while working.load(Ordering::Relaxed) > 0 {
                if Instant::now() >= next {
                    let begun = Instant::now();
                    if let Ok(counts) = queue.counts() {
                        health.answered();
                        metrics::queue(&counts);
                    }
                    // Where many records are kept it is asked less often.
                    next = Instant::now() + COUNTS_EVERY.max(begun.elapsed() * COUNTS_SHARE);
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        scope.spawn(|| {
            let mut next = Instant::now() + UPKEEP_EVERY;
            while working.load(Ordering::Relaxed) > 0 {
                if Instant::now() >= next {
                    listen.metrics.run_upkeep();
                    next = Instant::now() + UPKEEP_EVERY;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let answering = runtime
            .map_err(Box::from)
            .and_then(|runtime| runtime.block_on(answer_all(listen, health, stop, working)));
        if let Err(error) = answering {
            let error: Box<dyn std::error::Error> = error;
            tracing::warn!("nobody can ask how this worker is: {error}");
        }
    });
}

async fn answer_all(
    listen: &Listen,
    health: &Health,
    stop: &AtomicBool,
    working: &AtomicUsize,
) -> Result<(), Box<dyn std::error::Error>> {
    listen.listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listen.listener.try_clone()?)?;
    let mut open: VecDeque<JoinHandle<()>> = VecDeque::new();
    // Connections live in this thread, beside what they look at.
    let connections = tokio::task::LocalSet::new();
    let answer = Arc::new(Answer { metrics: listen.metrics.clone() });
    let states = Arc::new(std::sync::Mutex::new((Ok(()), Ok(()))));
    connections
        .run_until(async {
            let mut tick = tokio::time::interval(Duration::from_millis(100));
            while working.load(Ordering::Relaxed) > 0 {
                tokio::select! {
                    _ = tick.tick() => {
                        let now = (health.alive(), health.ready(stop));
                        *states.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
                    }
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else {
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                            continue;
                        };
                        open.retain(|connection| !connection.is_finished());
                        if open.len() >= CONNECTIONS
                            && let Some(oldest) = open.pop_front()
                        {
                            oldest.abort();
                        }
                        let (answer, states) = (Arc::clone(&answer), Arc::clone(&states));
                        open.push_back(tokio::task::spawn_local(async move {
                            let service = service_fn(move |request: Request<Incoming>| {
                                let states = states.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                                let answered = answer.to(&request, &states);
                                async move { Ok::<_, Infallible>(answered) }
                            });
                            let connection = http1::Builder::new()
                                .timer(TokioTimer::new())
                                .header_read_timeout(CONNECTION / 2)
                                .max_buf_size(16 << 10)
                                .keep_alive(false)
                                .serve_connection(TokioIo::new(stream), service);
                            // A client that goes away, or says nothing, is nobody's trouble.
                            let _ = tokio::time::timeout(CONNECTION, connection).await;
                        }));
                    }
                }
            }
        })
        .await;
    Ok(())
}

struct Answer {
    metrics: PrometheusHandle,
}

/// Whether it lives, and whether it is ready.
type States = (Result<(), String>, Result<(), String>);

impl Answer {
    fn to(&self, request: &Request<Incoming>, states: &States) -> Response<String> {
        let text = "text/plain; charset=utf-8";
        let state = |state: &Result<(), String>| match state {
            Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        };
        let (status, body) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/livez") => state(&states.0),
            (&Method::GET, "/readyz") => state(&states.1),
            (&Method::GET, "/metrics") => {
                metrics::process();
                (StatusCode::OK, self.metrics.render())
            }
            (_, "/livez" | "/readyz" | "/metrics") => {
                (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned())
            }
            _ => (StatusCode::NOT_FOUND, "see /livez, /readyz, /metrics\n".to_owned()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let kind = hyper::header::HeaderValue::from_static(text);
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
        response
    }
}
