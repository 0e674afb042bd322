//! Hosts in view, in recordings.
#![allow(clippy::unwrap_used)]

mod common;

use common::shared;
use reprise_checks::{EvidenceCollector, LookFor, NoAdviser, PeopleEvidence};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::Span;

const CASCADE: &str = "/usr/share/opencv4/lbpcascades/lbpcascade_frontalface.xml";

/// Faces in the first four seconds of a file.
fn people(file: &str, look_for: &LookFor) -> Option<PeopleEvidence> {
    let source = FileSource::open(&shared(file)?).unwrap();
    let media = probe(source.clone()).unwrap();
    let span = Span::from_seconds(0.0, 4.0);
    let mut collector = EvidenceCollector::new(look_for);
    look(source, &media, &WindowOptions { span, size: None, threads: 1 }, &mut collector).unwrap();
    Some(collector.finish(&NoAdviser).unwrap().people)
}

fn cascade() -> Option<LookFor> {
    match std::fs::read_to_string(CASCADE) {
        Ok(face_cascade) => Some(LookFor { face_cascade, ..LookFor::default() }),
        Err(_) => {
            eprintln!("skipped: {CASCADE} is not on this machine");
            None
        }
    }
}

fn yunet(file: &str) -> Option<LookFor> {
    let face_model = std::fs::read(shared(file)?).unwrap();
    Some(LookFor { face_model, ..LookFor::default() })
}

const HOSTS: [&str; 3] = [
    "data/video/latentsync_demo1_vertical_1080x1920.mp4",
    "data/video/latentsync_demo2_vertical_1080x1920.mp4",
    "data/video/latentsync_demo3_vertical_1080x1920.mp4",
];

#[test]
fn both_detectors_see_a_host_who_is_always_in_view() {
    let detectors =
        [cascade(), yunet("models/yunet_n_320_320.onnx"), yunet("models/yunet_n_640_640.onnx")];
    for look_for in detectors.into_iter().flatten() {
        for host in HOSTS {
            let Some(found) = people(host, &look_for) else { return };
            let share = found.host_in_view_share().unwrap();
            assert!(share >= 0.9, "{host}: {} sees {share}", found.detector);
        }
    }
}

#[test]
fn the_two_detectors_agree_on_where_the_face_is() {
    let (Some(cascade), Some(yunet)) = (cascade(), yunet("models/yunet_n_320_320.onnx")) else {
        return;
    };
    let (Some(one), Some(other)) = (people(HOSTS[1], &cascade), people(HOSTS[1], &yunet)) else {
        return;
    };
    let mut compared = 0;
    for (a, b) in one.samples().iter().zip(other.samples()) {
        if let (Some([x, y, w, h]), Some([u, v, s, t])) = (a.face, b.face) {
            let apart = (x + w / 2.0 - u - s / 2.0).hypot(y + h / 2.0 - v - t / 2.0);
            assert!(apart < 0.04, "{:?} {:?}", a.face, b.face);
            compared += 1;
        }
    }
    assert!(compared >= 3, "{compared}");
}

#[test]
fn without_a_detector_nothing_is_said() {
    let Some(found) = people(HOSTS[0], &LookFor::default()) else { return };
    assert!(!found.searched() && found.host_in_view_share().is_none());
    let broken = LookFor {
        face_model: vec![1, 2, 3],
        face_cascade: "<no/>".to_owned(),
        ..LookFor::default()
    };
    let Some(found) = people(HOSTS[0], &broken) else { return };
    assert!(!found.searched());
}
