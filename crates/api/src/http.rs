//! Requests in, answers out: who calls, how often, with what; then the route's handler.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::routing::{MethodFilter, get, on};
use futures_util::StreamExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use reprise_model::session::Slug;
use reprise_store::Key;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::app::App;
use crate::ask::Ask;
use crate::keys::{Caller, Role};
use crate::links::MEDIA;
use crate::problem::{Answer, Problem};
use crate::route::{Does, Route, Who, defect};
use crate::{BASE, media, page, stream};

/// Longest body, bytes: of JSON, and of a picture.
const BODY_MAX: usize = 256 * 1024;
const PICTURE_MAX: usize = 4 << 20;
/// What is read of a body that is too long.
const DRAINED_MAX: usize = 64 << 20;
/// Longest time for a body, and for a request's head.
const READ_MAX: Duration = Duration::from_secs(20);
/// Connections at once; further ones wait.
const CONNECTIONS: usize = 1024;
/// Pause after a connection could not be taken, as when no file can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long answers under way may take after the word to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Who is at the other end.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

/// All that is served.
pub(crate) fn router(app: &Arc<App>, routes: Vec<Route>) -> Router {
    let mut router = Router::new();
    for route in routes {
        let (app, path) = (Arc::clone(app), format!("{BASE}{}", route.path));
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        let route = Arc::new(route);
        let handler = move |params: Result<RawPathParams, RawPathParamsRejection>,
                            request: Request| {
            let (app, route) = (Arc::clone(&app), Arc::clone(&route));
            async move { finished(answer(&app, &route, params, request).await) }
        };
        router = router.route(&path, on(filter, handler));
    }
    let (of_media, of_page) = (Arc::clone(app), Arc::clone(app));
    let media = move |request: Request| {
        let app = Arc::clone(&of_media);
        async move { finished(blocking(move || serve_media(&app, &request)).await) }
    };
    let file = move |request: Request| {
        let app = Arc::clone(&of_page);
        async move {
            let name = request.uri().path().trim_start_matches('/').to_owned();
            finished(page::file(&app, &name, request.headers()))
        }
    };
    let no_method = async || {
        let detail = "this address does not take that method; /api/v1/openapi.json says which";
        finished(Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)))
    };
    let of_health = Arc::clone(app);
    let ready = move || {
        let app = Arc::clone(&of_health);
        async move { finished(blocking(move || health(&app)).await) }
    };
    let not_there = async || finished(Err(Problem::not_found()));
    router
        .route(&format!("{MEDIA}{{*path}}"), get(media))
        .route("/livez", get(async || finished(Ok(Response::new(Body::from("ok"))))))
        .route("/readyz", get(ready))
        .route("/", get(file.clone()))
        .route("/{file}", get(file))
        .method_not_allowed_fallback(no_method)
        .fallback(not_there)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(defect("a handler panicked").into()))
}

/// Whether store and queue answer.
fn health(app: &App) -> Answer<Response<Body>> {
    app.store.exists(&Key::new("readyz")?)?;
    // One look at what is not there.
    app.queue.was_announced("reprise", "readyz", "readyz")?;
    Ok(Response::new(Body::from("ok")))
}

fn serve_media(app: &App, request: &Request) -> Answer<Response<Body>> {
    let raw = request.uri().path().strip_prefix(MEDIA).unwrap_or_default();
    let path = decoded(raw).ok_or_else(Problem::not_found)?;
    media::media(app, &path, request.uri().query().unwrap_or_default(), request.headers())
}

/// A path without its percent signs; `None` where that is no text.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What every answer carries.
fn finished(answer: Answer<Response<Body>>) -> Response<Body> {
    let mut response = answer.unwrap_or_else(Problem::into_response);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The key that a request carries.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil().max(1.0) as u64
}

/// Who calls. Whoever has no right key is slowed down.
fn caller(app: &App, headers: &HeaderMap, peer: IpAddr) -> Answer<Arc<Caller>> {
    if let Some(caller) = bearer(headers).and_then(|key| app.keys.caller(key)) {
        return Ok(caller);
    }
    match app.strangers.take(&peer, Instant::now()) {
        Ok(_) => Err(Problem::unauthorized()),
        Err(wait) => Err(Problem::too_many(seconds(wait))),
    }
}

async fn answer(
    app: &Arc<App>,
    route: &Arc<Route>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Answer<Response<Body>> {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let (parts, body) = request.into_parts();
    if route.who == Who::Anyone {
        let nobody = Caller {
            id: String::new(),
            seller: String::new(),
            role: Role::Guest,
            name: String::new(),
        };
        return ask(app, route, Arc::new(nobody), Vec::new(), parts, Vec::new()).await;
    }
    let caller = caller(app, &parts.headers, peer)?;
    let left = app.callers.take(&caller.id, Instant::now());
    let left = left.map_err(|wait| Problem::too_many(seconds(wait)))?;
    if route.who == Who::Owners && caller.role != Role::Owner {
        return Err(Problem::forbidden());
    }
    // Names are names; whatever else stands there is not there.
    let params = params.map_err(|_| Problem::not_found())?;
    let path: Option<Vec<String>> =
        params.iter().map(|(_, value)| Slug::parse(value).map(|name| name.to_string())).collect();
    let path = path.ok_or_else(Problem::not_found)?;
    let most = if route.bytes.is_some() { PICTURE_MAX } else { BODY_MAX };
    let body = match tokio::time::timeout(READ_MAX, read(body, most)).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let detail = format!("a body has at most {most} bytes here");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
        }
        Err(_) => {
            let detail = format!("the body did not come within {} s", READ_MAX.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail));
        }
    };
    let answered = ask(app, route, caller, path, parts, body).await;
    let mut response = answered.unwrap_or_else(Problem::into_response);
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(app.callers.burst()));
    headers.insert("ratelimit-remaining", HeaderValue::from(left));
    Ok(response)
}

/// A body; `None` for one that is too long or breaks off. What is too much is read to its end, within
/// reason, so that the answer is read too.
async fn read(body: Body, most: usize) -> Option<Vec<u8>> {
    let mut parts = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0usize);
    while let Some(part) = parts.next().await {
        let part = part.ok()?;
        length = length.saturating_add(part.len());
        if length <= most {
            bytes.extend_from_slice(&part);
        } else {
            bytes = Vec::new();
        }
        if length > DRAINED_MAX {
            return None;
        }
    }
    (length <= most).then_some(bytes)
}

async fn ask(
    app: &Arc<App>,
    route: &Arc<Route>,
    caller: Arc<Caller>,
    path: Vec<String>,
    parts: axum::http::request::Parts,
    body: Vec<u8>,
) -> Answer<Response<Body>> {
    let handler = match route.does {
        Does::Follow => {
            let id = path.into_iter().next().ok_or_else(Problem::not_found)?;
            return stream::follow(Arc::clone(app), caller, id).await;
        }
        Does::Answer(handler) => handler,
    };
    let app = Arc::clone(app);
    blocking(move || {
        let ask = Ask {
            app: &app,
            caller: &caller,
            path: &path,
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body: &body,
        };
        handler(&ask).map(crate::ask::Reply::into_response)
    })
    .await
}

/// Takes connections until the word to stop.
pub(crate) async fn accept(listener: TcpListener, router: Router, stop: Arc<AtomicBool>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let stopped = async {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::pin!(stopped);
    loop {
        let taken = tokio::select! {
            () = &mut stopped => break,
            taken = take(&listener, &free) => taken,
        };
        match taken {
            Ok((stream, peer, permit)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |mut request: hyper::Request<_>| {
                        request.extensions_mut().insert(Peer(peer.ip()));
                        let mut router = router.clone();
                        async move { Ok::<_, Infallible>(called(&mut router, request).await) }
                    });
                    // A client that goes away in the middle is nobody's fault.
                    let _ = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(READ_MAX)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("a connection cannot be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let until = Instant::now() + DRAIN;
    while free.available_permits() < CONNECTIONS && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn called(
    router: &mut Router,
    request: hyper::Request<hyper::body::Incoming>,
) -> Response<Body> {
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

type Taken = (tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn take(listener: &TcpListener, free: &Arc<Semaphore>) -> std::io::Result<Taken> {
    let permit = Arc::clone(free).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}
