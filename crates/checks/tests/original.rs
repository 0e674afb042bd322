//! `audio.original` at random places of both LIVEs: what leaves the sound the recording's own
//! passes, what does not fails. Two places a treatment; with `REPRISE_ALL` set, 25 a LIVE.
#![allow(clippy::unwrap_used)]

mod common;

use common::treated::{LAWFUL, UNLAWFUL};
use common::{RATE, samples, shared};

#[test]
fn the_original_is_told_from_what_is_not() {
    let places = if std::env::var_os("REPRISE_ALL").is_some() { 25 } else { 2 };
    let (mut lawful, mut wrongly_failed, mut wrongly_passed) = (0, Vec::new(), Vec::new());
    for live in ["real-footage-clean", "real-footage-10min"] {
        let Some(path) = shared(&format!("lives/{live}/live.flv")) else { return };
        let length = if places > 2 { "atrim=0:600" } else { "atrim=110:230,asetpts=N/SR/TB" };
        let Some(whole) = samples(&path, length) else { return };
        assert!(whole.len() > 100 * RATE as usize);
        for (names, passes) in [(&LAWFUL[..], true), (&UNLAWFUL[..], false)] {
            for name in names {
                let judged = common::originals::judged(name, &whole, places, 7);
                let right = judged.iter().filter(|(passed, _)| *passed == passes).count();
                eprintln!("{live}, {name}: {right} of {}", judged.len());
                let wrong = judged.into_iter().filter(|(passed, _)| *passed != passes);
                let wrong = wrong.map(|(_, detail)| format!("{name}: {detail}"));
                if passes {
                    lawful += places;
                    wrongly_failed.extend(wrong);
                } else {
                    wrongly_passed.extend(wrong);
                }
            }
        }
    }
    assert_eq!(wrongly_passed, [""; 0]);
    // Another voice under the host's may be as loud as hers for a second.
    assert!(wrongly_failed.len() * 50 <= lawful, "{wrongly_failed:#?}");
}
