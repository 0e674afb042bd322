//! Takedown: what is of a creator is removed, and not made again.

use std::sync::Arc;

use axum::http::Method;
use reprise_model::session::Slug;
use reprise_publish::takedown::Takedown;
use reprise_queue::Job;
use reprise_worker::takedown::{cancel, jobs_of, wait};

use crate::app::now;
use crate::ask::{Ask, Reply};
use crate::problem::{Answer, Problem};
use crate::route::Route;
use crate::shapes::ShownTakedown;
use crate::wishes::TakedownWish;

const REASON_MAX: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/takedowns",
            "takeDown",
            "Remove what is of a creator, and let it not be made again; safe to repeat",
            take_down,
        )
        .takes::<TakedownWish>()
        .gives::<ShownTakedown>(),
    ]
}

fn take_down(ask: &Ask<'_>) -> Answer<Reply> {
    let wish: TakedownWish = ask.body()?;
    let names = [Some(&wish.creator), wish.session_id.as_ref()];
    if names.into_iter().flatten().any(|name| Slug::parse(name).is_none()) {
        return Err(Problem::invalid(
            "creator and session are names: letters, digits, `.`, `_`, `-`",
        ));
    }
    if wish.reason.chars().count() > REASON_MAX {
        return Err(Problem::invalid(format!("a reason has at most {REASON_MAX} characters")));
    }
    let takedown = Takedown {
        seller: ask.seller().to_owned(),
        creator: wish.creator,
        session: wish.session_id,
        reason: wish.reason,
        by: format!("key {} {}", ask.caller.id, ask.caller.name).trim().to_owned(),
        at: now(),
    };
    let store = ask.app.store.as_ref();
    takedown.begin(store)?;
    let queue = ask.app.queue.as_ref();
    let (creator, session) = (&takedown.creator, takedown.session.as_deref());
    let jobs = jobs_of(queue, Some(ask.seller()), creator, session)?;
    let (cancelled, until) = cancel(queue, &jobs.iter().collect::<Vec<&Job>>())?;
    let (record, _) = takedown.remove(store, &cancelled)?;
    ask.app.seen.forget(ask.seller());
    if let Some(until) = until {
        // A worker looks for the mark after each write and takes back what it wrote; once no worker can
        // be at it any more, what one that died left is removed too.
        let (takedown, store) = (takedown.clone(), Arc::clone(&ask.app.store));
        std::thread::spawn(move || {
            wait(until);
            if let Err(error) = takedown.remove(store.as_ref(), &cancelled) {
                tracing::warn!("the takedown of {}: {error}; run it again", takedown.creator);
            }
        });
    }
    Reply::json(&ShownTakedown {
        creator: record.creator,
        session_id: record.session,
        at: record.at,
        objects: record.removed.len(),
        sessions: record.sessions,
        jobs: record.jobs_cancelled.len(),
    })
}
