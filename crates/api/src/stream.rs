//! The progress of a job as server-sent events, until it is at its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use futures_util::stream;
use reprise_queue::Job;

use crate::app::{App, Following};
use crate::keys::Caller;
use crate::problem::{Answer, Problem};
use crate::shapes::ShownJob;

/// How often the queue is asked.
const ASK_EVERY: Duration = Duration::from_millis(400);
/// What says nothing says at least that it is there, for whatever lies in between.
const BEAT_EVERY: Duration = Duration::from_secs(15);
/// A stream ends after so long; whoever still listens asks again.
const STREAM_MAX: Duration = Duration::from_secs(30 * 60);

/// The job, where it is the caller's.
pub(crate) fn own_job(app: &App, caller: &Caller, id: &str) -> Answer<Job> {
    // The tenant stands in the id; what is none is not there.
    let found = match app.queue.job(id) {
        Err(error) if error.kind == reprise_model::Kind::Usage => None,
        other => other?,
    };
    found.filter(|job| job.tenant == caller.seller).ok_or_else(Problem::not_found)
}

struct Follow {
    app: Arc<App>,
    caller: Arc<Caller>,
    id: String,
    shown: Option<ShownJob>,
    begun: Instant,
    told: Instant,
    _following: Following,
}

/// Follows a job: an event `job` with each change, the last one when it is at its end.
pub(crate) async fn follow(
    app: Arc<App>,
    caller: Arc<Caller>,
    id: String,
) -> Answer<Response<Body>> {
    let following = app.follows.take(&caller.id).ok_or_else(|| Problem::too_many(5))?;
    let (app2, caller2, id2) = (Arc::clone(&app), Arc::clone(&caller), id.clone());
    let first = tokio::task::spawn_blocking(move || own_job(&app2, &caller2, &id2));
    let first = first.await.map_err(|_| crate::route::defect("the queue's thread ended"))??;
    ShownJob::of(&first).ok_or_else(Problem::not_found)?;
    let now = Instant::now();
    let state =
        Follow { app, caller, id, shown: None, begun: now, told: now, _following: following };
    let events = stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        loop {
            let (app, caller, id) =
                (Arc::clone(&state.app), Arc::clone(&state.caller), state.id.clone());
            let asked = tokio::task::spawn_blocking(move || own_job(&app, &caller, &id)).await;
            let job = match asked {
                Ok(Ok(job)) => ShownJob::of(&job),
                // Away for a moment: asked again.
                Ok(Err(problem)) if problem.status == 503 => state.shown.clone(),
                _ => return None,
            }?;
            if state.shown.as_ref() != Some(&job) {
                let text = serde_json::to_string(&job).ok()?;
                let event = format!("event: job\ndata: {text}\n\n");
                let goes_on = !job.is_final;
                state.shown = Some(job);
                state.told = Instant::now();
                return Some((told(event), goes_on.then_some(state)));
            }
            if state.begun.elapsed() > STREAM_MAX {
                return None;
            }
            if state.told.elapsed() > BEAT_EVERY {
                state.told = Instant::now();
                return Some((told(": here\n\n".to_owned()), Some(state)));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep it back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn told(event: String) -> Result<Bytes, Infallible> {
    Ok(Bytes::from(event))
}
