//! All routes, one file a subject.

mod about;
mod brand;
mod clips;
mod jobs;
mod plans;
mod posts;
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
        posts::routes(),
        plans::routes(),
        brand::routes(),
        jobs::routes(),
        takedowns::routes(),
    ]
    .concat()
}
