//! Recorded LIVEs.

use reprise_store::Key;

use crate::ask::{Ask, Page, Reply};
use crate::problem::Answer;
use crate::route::{PAGED, Route};
use crate::shapes::{Session, SessionItem};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sessions", "listSessions", "Recorded LIVEs, the last one first", list)
            .query(PAGED)
            .gives::<Page<SessionItem>>(),
        Route::get("/sessions/{session}", "getSession", "A LIVE: its course, moments, advice", one)
            .gives::<Session>(),
    ]
}

fn list(ask: &Ask<'_>) -> Answer<Reply> {
    let briefs = ask.app.seen.list(ask.app.store.as_ref(), ask.seller())?;
    let briefs = briefs.into_iter().filter(|brief| ask.may_see(brief.visibility));
    // The last LIVE first: smaller is later.
    let page = ask.page(
        briefs,
        |brief| (brief.started_at.map_or(0, |at| -at.micros()), brief.session_id.clone()),
        |brief| {
            let cover = brief.first_clip.as_ref().map(|clip| cover(ask, &brief.session_id, clip));
            Ok(brief.shown(ask.is_owner(), cover.transpose()?))
        },
    )?;
    Reply::json(&page)
}

/// A link to a clip's cover.
fn cover(ask: &Ask<'_>, session: &str, clip: &str) -> Answer<String> {
    ask.link(&Key::new(format!("{}/{session}/clips/{clip}/cover.jpg", ask.seller()))?)
}

fn one(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let cover = |clip: &str| cover(ask, &outcome.session_id, clip).ok();
    Reply::json(&Session::of(&outcome, ask.is_owner(), cover))
}
