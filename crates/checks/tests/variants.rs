//! Freezes, lag and black screens in variants of real footage that ffmpeg makes: every seventh of
//! them; with `REPRISE_ALL` set, all.
#![allow(clippy::unwrap_used)]

mod common;

use common::variants::variants;

#[test]
fn variants_of_real_footage_are_what_they_are() {
    let step = if std::env::var_os("REPRISE_ALL").is_some() { 1 } else { 7 };
    let folder = std::env::temp_dir().join(format!("reprise-variants-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut wrong = Vec::new();
    for (number, variant) in variants().iter().enumerate().step_by(step) {
        let Some(found) = variant.judged(&folder, number) else { continue };
        if !variant.truth.holds(found) {
            wrong.push(format!("{}: {found:?}", variant.name));
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    assert_eq!(wrong, [""; 0]);
}
