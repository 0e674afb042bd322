//! Good clips are not rejected: cut at random from clean footage, as it is and with what a LIVE
//! lays over it. 24 of them; with `REPRISE_ALL` set, 240.
#![allow(clippy::unwrap_used)]

mod common;

use common::clips::{good_clips, table};
use reprise_checks::NoAdviser;

#[test]
fn at_most_one_good_clip_in_fifty_is_rejected() {
    let count = if std::env::var_os("REPRISE_ALL").is_some() { 240 } else { 24 };
    let clips = good_clips(count, &NoAdviser);
    for line in table(&clips) {
        eprintln!("{line}");
    }
    let rejected: Vec<String> = clips
        .iter()
        .filter(|clip| !clip.rejected_by().is_empty())
        .map(|clip| format!("{} {:?} {:?}", clip.footage, clip.overlay, clip.rejected_by()))
        .collect();
    assert!(rejected.len() * 50 <= clips.len(), "{rejected:#?}");
}
