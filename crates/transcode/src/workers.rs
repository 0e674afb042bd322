//! Who does the work on media: this process, or children that can neither reach the network nor open
//! a file.
//!
//! A child is kept for further work on the same recording, because starting one costs about as much
//! as decoding a few pictures. It never sees a second recording: one that was taken over by a file
//! would see the next one's bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reprise_checks::{Adviser, Evidence, LookFor, NoAdviser};
use reprise_media::remote::{Child, Misbehaviour, Patience, Program, wire};
use reprise_media::sandbox::{Attempt, Layers};
use reprise_media::{Media, probe, scan};
use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, Error, Kind, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::child::{Answer, Request, advise, evidence_of};
use crate::outline::Outline;
use crate::window::{Decoded, WindowOutcome, WindowRequest, decode_clip, picture_at, run_window};

/// Children that are kept though nothing is to do.
const MAX_IDLE: usize = 64;

/// What a child may take. Where it takes more, its work ends with an error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChildLimits {
    /// Memory, MiB. Default 2048: twice what a recording of 2160 rows takes. Lower refuses large
    /// pictures, higher lets one hostile file take that much.
    pub memory_mb: u64,
    /// Seconds without getting on, that is without reading 256 KiB that were not read before.
    /// Default 60: on a busy machine decoding them takes a few. Lower ends slow work, higher waits
    /// longer for what hangs.
    pub time_s: f64,
    /// Seconds more for each second of the window. Default 20: a slow encoder preset on a busy
    /// machine takes a quarter.
    pub time_per_window_s: f64,
    /// Seconds without a sign, that is without a picture or sound that was decoded or encoded and
    /// without reading: on the clock while no CPU time is taken, or else of CPU time. Default 40, so
    /// that a decoder that stands still is ended within a minute. Lower ends what analyses a picture
    /// for long, higher waits longer for what hangs.
    pub silent_s: f64,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self { memory_mb: 2048, time_s: 60.0, time_per_window_s: 20.0, silent_s: 40.0 }
    }
}

/// How children are started.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// An executable that calls [`crate::serve_child`] when it is called so.
    pub program: Program,
    /// What each may take.
    pub limits: ChildLimits,
    /// For tests: the request of this number, from 1, is answered by this instead.
    pub misbehave: Option<(usize, Misbehaviour)>,
}

/// Does all work on media. Clones share their children.
#[derive(Clone, Debug, Default)]
pub struct MediaWorkers {
    pool: Option<Arc<Pool>>,
}

#[derive(Debug)]
struct Pool {
    isolation: Isolation,
    idle: Mutex<Vec<(String, Child)>>,
    asked: AtomicUsize,
}

impl MediaWorkers {
    /// Work is done in this process, without walls: for tests, and for looking for defects.
    pub fn in_process() -> Self {
        Self::default()
    }

    /// Work is done in children.
    pub fn isolated(isolation: Isolation) -> Self {
        let pool = Pool { isolation, idle: Mutex::default(), asked: AtomicUsize::new(0) };
        Self { pool: Some(Arc::new(pool)) }
    }

    /// Opens a recording, see [`probe`].
    ///
    /// # Errors
    /// As [`probe`], and where the child crashes, hangs or takes too much.
    pub fn probe(&self, source: Arc<dyn ByteSource>) -> Result<Media> {
        let Some(pool) = &self.pool else { return probe(source) };
        pool.media(Request::Probe, &source)
    }

    /// Reads all of a recording, see [`scan`].
    ///
    /// # Errors
    /// As [`Self::probe`].
    pub fn scan(&self, source: Arc<dyn ByteSource>) -> Result<Media> {
        let Some(pool) = &self.pool else { return scan(source) };
        pool.media(Request::Scan, &source)
    }

    /// Does a window's job, see [`run_window`].
    ///
    /// # Errors
    /// As [`run_window`], and where the child crashes, hangs or takes too much.
    pub fn run_window(
        &self,
        source: Arc<dyn ByteSource>,
        request: &WindowRequest<'_>,
        adviser: &dyn Adviser,
    ) -> Result<WindowOutcome> {
        let Some(pool) = &self.pool else { return run_window(source, request, adviser) };
        let (answer, files) =
            pool.ask(Request::Window(request), &source, Some(request.moment), adviser)?;
        answer.into_window(files).ok_or_else(|| wrong_answer(&source))
    }

    /// Decodes a whole file once, see [`decode_clip`].
    ///
    /// # Errors
    /// As [`decode_clip`], and where the child crashes, hangs or takes too much.
    pub fn decode_clip(
        &self,
        source: Arc<dyn ByteSource>,
        look_for: &LookFor,
        adviser: &dyn Adviser,
    ) -> Result<Decoded> {
        let Some(pool) = &self.pool else { return decode_clip(source, look_for, adviser) };
        match pool.ask(Request::DecodeClip { look_for }, &source, None, adviser)? {
            (Answer::Decoded(decoded), _) => Ok(*decoded),
            _ => Err(wrong_answer(&source)),
        }
    }

    /// Decodes a stretch of a recording and says what it shows.
    ///
    /// # Errors
    /// As [`reprise_media::look`], and where the child crashes, hangs or takes too much.
    pub fn look(
        &self,
        source: Arc<dyn ByteSource>,
        media: &Media,
        span: Span,
        look_for: &LookFor,
        adviser: &dyn Adviser,
    ) -> Result<Evidence> {
        let Some(pool) = &self.pool else {
            return evidence_of(source, media, span, look_for, adviser);
        };
        match pool.ask(Request::Look { media, span, look_for }, &source, Some(span), adviser)? {
            (Answer::Evidence(evidence), _) => Ok(*evidence),
            _ => Err(wrong_answer(&source)),
        }
    }

    /// A picture of a file as JPEG, see [`picture_at`].
    ///
    /// # Errors
    /// As [`picture_at`], and where the child crashes, hangs or takes too much.
    pub fn picture_at(
        &self,
        source: Arc<dyn ByteSource>,
        media: &Media,
        at: MediaTime,
        outlines: &[Outline],
    ) -> Result<Vec<u8>> {
        let Some(pool) = &self.pool else { return picture_at(source, media, at, outlines) };
        let span = Span::new(at, at);
        match pool.ask(Request::Picture { media, at, outlines }, &source, Some(span), &NoAdviser)? {
            (Answer::Picture, files) => {
                files.into_iter().next().ok_or_else(|| wrong_answer(&source))
            }
            _ => Err(wrong_answer(&source)),
        }
    }

    /// What shuts a child in, and what it could not do when it tried; `None` without children.
    /// `address` (an address and a port) is what it tries to reach.
    ///
    /// # Errors
    /// Where no child can be started.
    pub fn prove(&self, address: &str) -> Result<Option<(Layers, Vec<Attempt>)>> {
        let Some(pool) = &self.pool else { return Ok(None) };
        let layers = pool.start()?.layers();
        let source: Arc<dyn ByteSource> = Arc::new(MemorySource::new("a proof", [0u8; 1]));
        match pool.ask(Request::Prove { address }, &source, None, &NoAdviser)? {
            (Answer::Proof(attempts), _) => Ok(Some((layers, attempts))),
            _ => Err(wrong_answer(&source)),
        }
    }
}

impl Pool {
    fn start(&self) -> Result<Child> {
        Child::start(&self.isolation.program)
    }

    fn media(&self, request: Request<'_>, source: &Arc<dyn ByteSource>) -> Result<Media> {
        match self.ask(request, source, None, &NoAdviser)? {
            (Answer::Media(media), _) => Ok(*media),
            _ => Err(wrong_answer(source)),
        }
    }

    fn ask(
        &self,
        request: Request<'_>,
        source: &Arc<dyn ByteSource>,
        window: Option<Span>,
        adviser: &dyn Adviser,
    ) -> Result<(Answer, Vec<Vec<u8>>)> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let request = match self.isolation.misbehave {
            Some((at, how)) if at == number => Request::Misbehave(how),
            _ => request,
        };
        let body = wire::encode(&request)?;
        let key = format!("{} {}", source.len(), source.name());
        let mut child = match self.take(&key) {
            Some(child) => child,
            None => self.start()?,
        };
        let limits = self.isolation.limits;
        let length = window.map_or(0.0, |window| window.seconds());
        let patience = limits.time_s + limits.time_per_window_s * length;
        // Beyond a day it is no limit; the bound keeps the sum a duration.
        let time = |seconds: f64| Duration::from_secs_f64(seconds.clamp(0.01, 86_400.0));
        let patience = Patience { whole: time(patience), silent: time(limits.silent_s) };
        let mut answer = |question: &[u8]| advise(question, adviser);
        let reply = child
            .call(&body, source, patience, &mut answer)
            .map_err(|error| named(error, window))?;
        self.put(key, child);
        let answer: Result<Answer> =
            wire::decode(&reply.body).unwrap_or_else(|_| Err(wrong_answer(source)));
        let answer = answer.map_err(|mut error| {
            if error.kind == Kind::Io && !reply.source_failed {
                // A failed disk ends a whole run. Only who reads it may say so.
                error.kind = Kind::Malformed;
                error = named(error, window);
            }
            error.in_file(source.name())
        });
        answer.map(|answer| (answer, reply.blobs))
    }

    fn take(&self, key: &str) -> Option<Child> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().position(|(known, _)| known == key)?;
        Some(idle.swap_remove(at).1)
    }

    fn put(&self, key: String, child: Child) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= MAX_IDLE {
            idle.remove(0);
        }
        idle.push((key, child));
    }
}

/// The error with the window that it ends.
fn named(mut error: Error, window: Option<Span>) -> Error {
    if let Some(window) = window {
        error.message =
            format!("{}, in the window from {} to {}", error.message, window.start, window.end);
        error.place.time.get_or_insert(window.start);
    }
    error
}

fn wrong_answer(source: &Arc<dyn ByteSource>) -> Error {
    Error::new(Kind::Malformed, "the decoder answers something else than it was asked")
        .in_file(source.name())
}
