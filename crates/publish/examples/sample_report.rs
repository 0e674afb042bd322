//! Writes a session folder with a report of made-up judgements over a real recording, to look at:
//! `cargo run -p reprise-publish --example sample_report -- SESSION_FOLDER OUT_FOLDER`.
//!
//! The session folder holds `session.toml`, `live.flv`, `events.jsonl`, `products.json` and
//! `truth.json` with `pitches`. Needs the `ffmpeg` program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;

use common::{Sample, at};
use reprise_model::event::{Edge, Event, EventKind};
use reprise_model::series::{Mark, MarkKind, Series};
use reprise_model::session::{Product, SessionManifest};
use reprise_model::{Grade, Span, WallTime};
use reprise_publish::{
    ClipFiles, ClipFolder, ReportData, RunManifest, SessionFolder, captions, render,
};

fn main() {
    let mut args = std::env::args().skip(1);
    let (session, out) = (args.next().expect("SESSION_FOLDER"), args.next().expect("OUT_FOLDER"));
    let session = Path::new(&session);
    let text = |name: &str| std::fs::read_to_string(session.join(name)).expect(name);
    let manifest: SessionManifest = toml::from_str(&text("session.toml")).unwrap();
    let products: Vec<Product> = serde_json::from_str(&text("products.json")).unwrap();
    let started = manifest.recordings[0].started_at;
    let total = manifest.recordings[0].duration_s.map_or(600.0, |d| d.seconds());
    let (series, marks) = read_events(&text("events.jsonl"), started, total);
    let truth: serde_json::Value = serde_json::from_str(&text("truth.json")).unwrap();

    let mut pitches: Vec<_> = truth["pitches"].as_array().unwrap().iter().collect();
    pitches.sort_by(|a, b| {
        b["caused_gmv"].as_f64().unwrap().total_cmp(&a["caused_gmv"].as_f64().unwrap())
    });
    let moments: Vec<_> = pitches
        .iter()
        .zip(1..)
        .map(|(pitch, rank)| {
            let time = |key: &str| pitch[key].as_f64().unwrap();
            let (start, end) = (time("start_s"), time("end_s"));
            common::moment(
                rank,
                start,
                end,
                pitch["product_id"].as_str().unwrap(),
                time("caused_gmv"),
            )
        })
        .collect();

    let store = reprise_store::open(&out).unwrap();
    let folder = SessionFolder::new(store.as_ref(), "sim-seller", "sim-easy-33");
    let mut sample = Sample {
        outcome: common::outcome(total, Vec::new(), &[]),
        clips: Vec::new(),
        rejected: Vec::new(),
        series,
        marks,
        products,
    };
    for moment in moments.iter().take(5) {
        let product = sample.products.iter().find(|p| p.id == moment.product_ids[0]).unwrap();
        let span = moment.span;
        let live = session.join("live.flv");
        let mp4 = ffmpeg(
            &live,
            span,
            &["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-movflags", "+faststart"],
            "clip.mp4",
        );
        let jpeg = ffmpeg(&live, span, &["-frames:v", "1", "-q:v", "4"], "cover.jpg");
        let grade = match moment.rank {
            1 => Grade::High,
            2 => Grade::Basic,
            3 => Grade::GoodCase,
            4 => Grade::Basic,
            _ => Grade::Rejected,
        };
        let clip = common::clip(moment, product, grade, &mp4);
        let files = ClipFiles {
            mp4: &mp4,
            cover: Some(&jpeg),
            evidence: vec![("evidence/first-sight.jpg".to_owned(), jpeg.clone())],
            more: Vec::new(),
            captions_vtt: captions::vtt(&clip.words),
            captions_srt: captions::srt(&clip.words),
        };
        let place =
            if grade == Grade::Rejected { ClipFolder::Rejected } else { ClipFolder::Shipped };
        folder.put_clip(place, &clip, &files).unwrap();
        if grade == Grade::Rejected { sample.rejected.push(clip) } else { sample.clips.push(clip) }
    }
    sample.outcome = common::outcome(total, moments, &sample.clips);

    let html = render(&ReportData {
        title: Some("Friday evening juices"),
        outcome: &sample.outcome,
        clips: &sample.clips,
        rejected: &sample.rejected,
        series: &sample.series,
        marks: &sample.marks,
        products: &sample.products,
        timezone: Some(&manifest.timezone),
    });
    let ids =
        |clips: &[reprise_model::clip::Clip]| clips.iter().map(|c| c.clip_id.clone()).collect();
    let run = RunManifest {
        run: sample.outcome.run.clone(),
        clips: ids(&sample.clips),
        rejected: ids(&sample.rejected),
        ..RunManifest::default()
    };
    let finished = folder.finish(&run, &sample.outcome, &html, &|| Ok(())).unwrap();
    eprintln!("{}", finished.report);
}

fn ffmpeg(live: &Path, span: Span, options: &[&str], name: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    let (start, length) = (span.start.seconds().to_string(), span.seconds().to_string());
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-ss", &start, "-t", &length, "-i"])
        .arg(live)
        .args(options)
        .arg(&file)
        .status()
        .expect("ffmpeg");
    assert!(status.success());
    std::fs::read(file).unwrap()
}

fn read_events(text: &str, started: WallTime, total: f64) -> (Series, Vec<Mark>) {
    let seconds = total as usize;
    let zero = || vec![0.0; seconds];
    let mut series = Series {
        gmv: zero(),
        net_gmv: zero(),
        orders: zero(),
        units: zero(),
        viewers: zero(),
        likes: zero(),
        comments: zero(),
        ..Series::default()
    };
    let mut marks: Vec<Mark> = Vec::new();
    let end_open = |marks: &mut Vec<Mark>, kind: MarkKind, time| {
        if let Some(mark) =
            marks.iter_mut().rev().find(|mark| mark.kind == kind && mark.span.end == at(total))
        {
            mark.span.end = time;
        }
    };
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<Event>(line) else { continue };
        let time = at(event.at.since(started).seconds());
        let second = time.seconds().max(0.0) as usize;
        if second >= seconds {
            continue;
        }
        let mut begin = |kind, label: Option<String>| {
            marks.push(Mark {
                kind,
                span: Span::new(time, at(total)),
                label: label.unwrap_or_default(),
            });
        };
        match event.kind {
            EventKind::Order(order) => {
                series.currency = Some(order.amount.currency);
                series.gmv[second] += order.amount.approximate();
                series.orders[second] += 1.0;
                series.units[second] += order.quantity as f64;
                if order.status.is_net() {
                    series.net_gmv[second] += order.amount.approximate();
                }
            }
            EventKind::Viewers { concurrent: Some(count), .. } => {
                series.viewers[second..].fill(count as f64);
            }
            EventKind::Like { count } => series.likes[second] += count as f64,
            EventKind::Comment { .. } => series.comments[second] += 1.0,
            EventKind::Pin { product_id } => {
                end_open(&mut marks, MarkKind::Pin, time);
                marks.push(Mark {
                    kind: MarkKind::Pin,
                    span: Span::new(time, at(total)),
                    label: product_id,
                });
            }
            EventKind::FlashSale { state: Edge::Start, product_id } => {
                begin(MarkKind::FlashSale, product_id)
            }
            EventKind::FlashSale { .. } => end_open(&mut marks, MarkKind::FlashSale, time),
            EventKind::Giveaway { state: Edge::Start, keyword, .. } => {
                begin(MarkKind::Giveaway, keyword)
            }
            EventKind::Giveaway { .. } => end_open(&mut marks, MarkKind::Giveaway, time),
            _ => {}
        }
    }
    (series, marks)
}
