//! The HTTP API and the page that sellers open: sessions, clips, remixes, plans, jobs, takedown.
//!
//! `route` is what a route is, `routes` holds the handlers, one file a subject; `http` takes requests and
//! finds out who asks, `openapi` describes all of it. Handlers are plain functions that may block.

mod app;
mod ask;
mod http;
mod keys;
mod limit;
mod links;
mod media;
mod openapi;
mod page;
mod problem;
mod route;
mod routes;
mod seen;
mod shapes;
mod stream;
mod wishes;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reprise_checks::{Phrases, Policy};
use reprise_model::{Error, Result};
use reprise_publish::posting::Accounts;
use reprise_queue::Queue;
use reprise_remix::Remixer;

pub use keys::{KeyEntry, KeyFile, Role};
pub use problem::Problem;

/// Where the API begins.
pub(crate) const BASE: &str = "/api/v1";

/// What is served.
pub struct ServeOptions {
    /// Where results lie: a folder or `s3://bucket/prefix`. Jobs name it, so a folder is absolute.
    pub out: String,
    /// Where jobs go.
    pub queue: Arc<dyn Queue>,
    /// The file of keys.
    pub keys: PathBuf,
    /// Requests a second that each key may make in the long run; five times as many at once.
    pub rate: u32,
    /// Accounts that sellers post to.
    pub accounts: Arc<Accounts>,
    /// Whether media are served here though the store signs links, as where browsers do not reach it.
    pub own_media: bool,
    /// Draws previews.
    pub remixer: Remixer,
    /// What rules ask.
    pub policy: Policy,
    /// What hosts say.
    pub phrases: Phrases,
    /// Bound already, so that the port is known.
    pub listener: TcpListener,
}

/// Serves until the word to stop.
///
/// # Errors
/// Where the store or the keys cannot be opened, or the listener not be used.
pub async fn serve(options: ServeOptions, stop: Arc<AtomicBool>) -> Result<()> {
    let routes = routes::all();
    let document = serde_json::to_vec(&openapi::document(&routes)).unwrap_or_default();
    let app = Arc::new(app::App::new(&options, document)?);
    let router = http::router(&app, routes);
    let failed = |error| Error::io("the listener", error);
    options.listener.set_nonblocking(true).map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(options.listener).map_err(failed)?;
    http::accept(listener, router, stop).await;
    Ok(())
}

/// The OpenAPI document of this version, as `/api/v1/openapi.json` serves it.
pub fn openapi() -> serde_json::Value {
    openapi::document(&routes::all())
}
