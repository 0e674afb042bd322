//! All routes, one file a subject.

mod about;
mod clips;
mod jobs;
mod plans;
mod remixes;
mod sessions;
mod takedowns;

use crate::route::Route;

/// The table.
pub(crate) fn all() -> Vec<Route> {
    [
        about::routes(),
        sessions::routes(),
        clips::routes(),
        remixes::routes(),
        plans::routes(),
        jobs::routes(),
        takedowns::routes(),
    ]
    .concat()
}
