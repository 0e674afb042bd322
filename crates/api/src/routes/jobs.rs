//! Jobs: how far they are, and that nobody wants one any more.

use axum::http::{Method, StatusCode};
use reprise_queue::{Filter, State};

use crate::ask::{Ask, Page, Reply};
use crate::problem::{Answer, Problem};
use crate::route::{PAGED, Parameter, Route, Who, shape};
use crate::shapes::ShownJob;
use crate::stream::own_job;

const LISTED: &[Parameter] = &[
    Parameter {
        name: "state",
        words: "`waiting`, `leased`, `done`, `parked` or `cancelled` alone.",
        shape: shape::<String>,
    },
    PAGED[0],
    PAGED[1],
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/jobs", "listJobs", "Jobs, the last one first", list)
            .who(Who::Owners)
            .query(LISTED)
            .gives::<Page<ShownJob>>(),
        Route::get("/jobs/{job}", "getJob", "How far a job is", one)
            .who(Who::Owners)
            .gives::<ShownJob>(),
        Route::get(
            "/jobs/{job}/events",
            "followJob",
            "Server-sent events `job`, one with each change, until it is at its end",
            one,
        )
        .who(Who::Owners)
        .follows(),
        Route::new(
            Method::DELETE,
            "/jobs/{job}",
            "cancelJob",
            "Stop a job; 409 where it is at its end",
            cancel,
        )
        .gives::<ShownJob>(),
    ]
}

fn list(ask: &Ask<'_>) -> Answer<Reply> {
    let state = ask.text("state").map(|text| {
        let found = State::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| Problem::malformed(format!("{text:?} is no state of a job")))
    });
    let (tenant, state) = (Some(ask.seller().to_owned()), state.transpose()?);
    let jobs = ask.app.queue.jobs(&Filter { tenant, state, limit: 0 })?;
    let shown = jobs.iter().filter_map(ShownJob::of);
    let page = ask.page(shown, |job| (-job.enqueued_at.micros(), job.job_id.clone()), Ok)?;
    Reply::json(&page)
}

fn one(ask: &Ask<'_>) -> Answer<Reply> {
    let job = own_job(ask.app, ask.caller, ask.at(0)?)?;
    Reply::json(&ShownJob::of(&job).ok_or_else(Problem::not_found)?)
}

fn cancel(ask: &Ask<'_>) -> Answer<Reply> {
    let job = own_job(ask.app, ask.caller, ask.at(0)?)?;
    let cancelled = ask.app.queue.cancel(&job.tenant, &job.id)?;
    let now = own_job(ask.app, ask.caller, &job.id)?;
    // To say it twice is no error.
    if !cancelled && now.state != State::Cancelled {
        let detail = format!("the job is {} and cannot be stopped", now.state.as_str());
        return Err(Problem::new(StatusCode::CONFLICT, "at_its_end", detail));
    }
    Reply::json(&ShownJob::of(&now).ok_or_else(Problem::not_found)?)
}
