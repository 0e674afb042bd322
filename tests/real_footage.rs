//! The whole job on real footage: the pitches that sold are found, and no fault is in a clip.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::PathBuf;

use reprise_model::clip::{Clip, ProductSighting};
use reprise_model::remix::Effect;
use reprise_model::{Grade, Outcome, RuleId, Span};
use reprise_remix::{Coder, Order, Template, Wishes};
use reprise_tests::live;
use reprise_tests::results::{self, Run, shared_s};
use reprise_transcode::Profile;
use serde::Deserialize;

/// What `truth.json` of the footage says, as far as it is asked here.
#[derive(Deserialize)]
struct Truth {
    pitches: Vec<Pitch>,
    #[serde(default)]
    faults: Faults,
}

#[derive(Deserialize)]
struct Pitch {
    start_s: f64,
    end_s: f64,
    caused_gmv: f64,
    product_id: String,
    shown: String,
    shown_product_id: String,
    /// Second, and the corners then.
    quads: Vec<(f64, [[f64; 2]; 4])>,
}

#[derive(Default, Deserialize)]
struct Faults {
    freeze: Option<[f64; 2]>,
    black: Option<[f64; 2]>,
    mute: Option<[f64; 2]>,
    qr: Option<[f64; 2]>,
    logo: Option<[f64; 2]>,
}

impl Pitch {
    /// Share of the seconds that caused sales which a stretch holds.
    fn covered_by(&self, span: Span) -> f64 {
        shared_s(seconds(span), [self.start_s, self.end_s]) / (self.end_s - self.start_s)
    }
}

fn seconds(span: Span) -> [f64; 2] {
    [span.start.seconds(), span.end.seconds()]
}

fn run(name: &str) -> Option<(Truth, Run)> {
    let folder = live::shared(&format!("lives/{name}"))?;
    let truth = std::fs::read(folder.join("truth.json")).unwrap();
    let run = results::run(&folder.join("session.toml"), &[]);
    Some((serde_json::from_slice(&truth).unwrap(), run))
}

#[test]
fn a_live_with_faults_gives_the_clips_of_its_best_pitches() {
    let Some((mut truth, run)) = run("real-footage-10min") else { return };
    truth.pitches.sort_by(|a, b| b.caused_gmv.total_cmp(&a.caused_gmv));
    let outcome = run.outcome();
    let first: Vec<Span> = outcome.moments.iter().take(6).map(|moment| moment.span).collect();
    let total: f64 = first.iter().map(|span| span.seconds()).sum();
    assert!(total <= 300.0, "the first six moments last {total:.0} s");
    for pitch in &truth.pitches[..4] {
        let best = first.iter().map(|span| pitch.covered_by(*span)).fold(0.0, f64::max);
        assert!(best >= 0.5, "{best:.2} of the pitch from {} to {} s", pitch.start_s, pitch.end_s);
    }

    let clips = run.clips();
    let sold = clips.iter().filter(|(_, clip)| {
        truth
            .pitches
            .iter()
            .any(|pitch| pitch.caused_gmv > 0.0 && pitch.covered_by(clip.span) >= 0.5)
    });
    let sold = sold.count();
    assert!(sold >= 4, "{sold} of {} clips hold half of their pitch", clips.len());
    for (_, clip) in &clips {
        let faults = &truth.faults;
        for (what, fault) in [
            ("freeze", faults.freeze),
            ("black", faults.black),
            ("mute", faults.mute),
            ("code", faults.qr),
            ("logo", faults.logo),
        ] {
            let fault = fault.expect("the footage has one fault of each kind");
            assert_eq!(
                shared_s(seconds(clip.span), fault),
                0.0,
                "{} holds the {what}",
                clip.clip_id
            );
        }
        assert!(clip.width.min(clip.height) >= 720, "{}", clip.clip_id);
    }
    assert!(run.folder().join("report.html").exists());
    let rescued = clips.iter().filter(|(_, clip)| {
        clip.cut.moved.as_ref().is_some_and(|moved| moved.untouched_grade == Grade::Rejected)
    });
    let rescued = rescued.count();
    assert!(rescued >= 2, "moving the cut rescued {rescued} clips");
    products_are_told(&truth, &clips);
}

/// What each clip shows is named, linked, and followed.
fn products_are_told(truth: &Truth, clips: &[(PathBuf, Clip)]) {
    let (mut compared, mut near) = (0, 0);
    for (folder, clip) in clips {
        let Some(pitch) = truth.pitches.iter().find(|pitch| pitch.covered_by(clip.span) >= 0.4)
        else {
            continue;
        };
        let matched = clip.verdicts.iter().find(|v| v.rule == RuleId::ProductMatch).unwrap();
        let right = match pitch.shown.as_str() {
            "swapped" => Outcome::Fail,
            "front" => Outcome::Pass,
            _ => matched.verdict,
        };
        let who = format!("{} ({} {})", clip.clip_id, pitch.product_id, pitch.shown);
        assert_eq!(matched.verdict, right, "{who}: {}", matched.detail);
        if pitch.shown == "swapped" {
            assert_eq!(clip.products[0].id, pitch.shown_product_id, "{who}");
            assert_eq!(clip.products[0].linked_by, "seen", "{who}");
        }
        let picture = matched.evidence.iter().find_map(|place| place.picture.as_ref());
        if matched.verdict != Outcome::Unknown {
            assert!(folder.join(picture.expect(&who)).exists(), "{who}");
        }
        if pitch.shown != "front" {
            continue;
        }
        for (second, corners) in &pitch.quads {
            let at = second - clip.span.start.seconds();
            let seen = clip.product_track.iter().filter(|seen| seen.product_id == pitch.product_id);
            let nearest = seen.min_by(|a, b| {
                let off = |s: &&ProductSighting| (s.clip_time_s.seconds() - at).abs();
                off(a).total_cmp(&off(b))
            });
            let Some(seen) = nearest.filter(|s| (s.clip_time_s.seconds() - at).abs() < 0.11) else {
                continue;
            };
            let off = seen
                .corners
                .iter()
                .zip(corners)
                .map(|(is, was)| (f64::from(is[0]) - was[0]).hypot(f64::from(is[1]) - was[1]));
            compared += 1;
            near += usize::from(off.fold(0.0, f64::max) <= 12.0);
        }
    }
    assert!(compared >= 30, "only {compared} places could be compared");
    assert!(near * 100 >= compared * 95, "{near} of {compared} places are within 12 pixels");
}

/// Where the product really is at a time of the recording, between the seconds that the truth knows.
fn outline(truth: &Truth, at: f64) -> Option<[[f64; 2]; 4]> {
    truth.pitches.iter().find_map(|pitch| {
        let next = pitch.quads.iter().position(|(time, _)| *time >= at)?;
        let (after, last) = &pitch.quads[next];
        let (before, first) = &pitch.quads[next.checked_sub(1)?];
        if after - before > 1.5 {
            return None;
        }
        let share = (at - before) / (after - before);
        Some(std::array::from_fn(|corner| {
            std::array::from_fn(|axis| {
                first[corner][axis] + (last[corner][axis] - first[corner][axis]) * share
            })
        }))
    })
}

/// Pixels from a point to the nearest edge, inside or outside.
fn from_edge([x, y]: [f64; 2], corners: &[[f64; 2]; 4]) -> f64 {
    let edge = |index: usize| {
        let ([ax, ay], [bx, by]) = (corners[index], corners[(index + 1) % 4]);
        let (dx, dy) = (bx - ax, by - ay);
        let along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-9);
        let along = along.clamp(0.0, 1.0);
        (x - ax - along * dx).hypot(y - ay - along * dy)
    };
    (0..4).map(edge).fold(f64::INFINITY, f64::min)
}

/// In 95 % of the pictures that show one, an arrow's tip is within 40 pixels of the product's outline.
fn arrows_are_at_the_product(truth: &Truth, clips: &[(PathBuf, Clip)]) {
    let (mut near, mut all) = (0, 0);
    for (_, clip) in clips {
        for name in Template::names() {
            let order = Order {
                clip: clip.clone(),
                template: Template::built_in(name).unwrap(),
                // The truth is of the picture as it was filmed.
                wishes: Wishes { off: vec![Effect::Zoom], ..Wishes::default() },
                plan: None,
                brand: None,
                coder: Coder::default(),
                encode: Profile::built_in().unwrap().settings,
            };
            let planned = order.plan().unwrap();
            for tip in planned.overlays().iter().flat_map(|overlay| &overlay.tips) {
                let at = clip.span.start.seconds() + tip.clip_time_s.seconds();
                all += 1;
                // Where the truth shows no product an arrow has no place.
                near +=
                    u32::from(outline(truth, at).is_some_and(|o| from_edge(tip.at, &o) <= 40.0));
            }
        }
    }
    eprintln!("{near} of {all} tips of arrows are within 40 pixels of the outline");
    assert!(all >= 500, "only {all} tips");
    assert!(f64::from(near) >= 0.95 * f64::from(all), "{near} of {all}");
}

#[test]
fn a_clean_live_ships_most_of_its_moments() {
    let Some((truth, run)) = run("real-footage-clean") else { return };
    let shipped = run.outcome().clips.len();
    assert!(shipped >= 5, "{shipped} clips, not clipped: {:?}", run.outcome().not_clipped);
    arrows_are_at_the_product(&truth, &run.clips());
}
