//! What the evaluation tests share: reading a session with its truth, and the scorer.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

pub mod simulator;

use std::io::Read;
use std::path::{Path, PathBuf};

use reprise_model::event::Event;
use reprise_model::session::Product;
use reprise_model::{MediaDuration, WallTime};
use reprise_segment::{Input, Observations, Segmentation, Settings, segment};
use serde::Deserialize;

/// A folder beside the project; `None`, with a clear word, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if found.exists() {
        Some(found)
    } else {
        println!("skipped: {} not present", found.display());
        None
    }
}

/// The folders inside `folder`, by name.
pub fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("session.toml").exists())
        .collect();
    out.sort();
    out
}

/// A session as the segmenter is given it.
pub struct Session {
    pub name: String,
    pub zero: WallTime,
    pub duration: MediaDuration,
    pub events: Vec<Event>,
    pub products: Vec<Product>,
}

impl Session {
    pub fn read(folder: &Path) -> Self {
        let manifest: toml::Table =
            std::fs::read_to_string(folder.join("session.toml")).unwrap().parse().unwrap();
        let recording = &manifest["recordings"][0];
        let log = folder.join(manifest["events"]["log"].as_str().unwrap());
        let mut text = String::new();
        let file = std::fs::File::open(&log).unwrap();
        if log.extension().is_some_and(|e| e == "gz") {
            flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            std::io::BufReader::new(file).read_to_string(&mut text).unwrap();
        }
        let products = manifest.get("products").map_or_else(Vec::new, |file| {
            let text = std::fs::read_to_string(folder.join(file.as_str().unwrap())).unwrap();
            serde_json::from_str(&text).unwrap()
        });
        let duration_s = match &recording["duration_s"] {
            toml::Value::Integer(seconds) => *seconds as f64,
            toml::Value::Float(seconds) => *seconds,
            other => panic!("{other}"),
        };
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            zero: WallTime::parse(&recording["started_at"].to_string()).unwrap(),
            duration: MediaDuration::from_seconds(duration_s),
            events: text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            products,
        }
    }

    pub fn segment(&self, settings: &Settings) -> Segmentation {
        let log: Observations = self.events.iter().collect();
        let input = Input {
            zero: self.zero,
            duration: self.duration,
            recorded: &[],
            log: &log,
            products: &self.products,
        };
        segment(&input, settings)
    }
}

#[derive(Deserialize)]
pub struct Truth {
    pub profile: String,
    pub delay_s: f64,
    pub order_lag_s: f64,
    pub comment_lag_s: f64,
    pub pitches: Vec<Pitch>,
}

#[derive(Deserialize, Clone)]
pub struct Pitch {
    pub start_s: f64,
    pub end_s: f64,
    pub caused_gmv: f64,
}

impl Truth {
    pub fn read(folder: &Path) -> Self {
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap()
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub captured: f64,
    pub precision: f64,
    pub f1: f64,
    pub start_error_s: f64,
    pub seconds: f64,
}

/// The share of caused GMV that the first `k` moments hold (of the best `k` pitches'), the share of
/// moments that lie on a selling pitch, F1 at tIoU 0.3, the median start error.
pub fn score(truth: &Truth, moments: &[(f64, f64)], k: usize) -> Score {
    let pitches: Vec<&Pitch> = truth.pitches.iter().filter(|p| p.caused_gmv > 0.0).collect();
    let mut best = pitches.clone();
    best.sort_by(|a, b| b.caused_gmv.total_cmp(&a.caused_gmv));
    best.truncate(k);
    let total: f64 = best.iter().map(|p| p.caused_gmv).sum::<f64>().max(1e-9);
    let moments = &moments[..k.min(moments.len())];
    let shared = |m: (f64, f64), p: &Pitch| (m.1.min(p.end_s) - m.0.max(p.start_s)).max(0.0);
    let mut captured = 0.0;
    for pitch in &pitches {
        let cover: f64 = moments.iter().map(|m| shared(*m, pitch)).sum();
        captured += pitch.caused_gmv * (cover / (pitch.end_s - pitch.start_s)).min(1.0);
    }
    let (mut hits, mut matched, mut errors) = (0, vec![false; best.len()], Vec::new());
    for &m in moments {
        let mut over: Option<(f64, &Pitch)> = None;
        for pitch in &pitches {
            let part = shared(m, pitch);
            if part > 0.0 && over.is_none_or(|(most, _)| part > most) {
                over = Some((part, pitch));
            }
        }
        if let Some((part, pitch)) = over {
            hits += usize::from(part >= 0.5 * (pitch.end_s - pitch.start_s).min(m.1 - m.0));
            errors.push((m.0 - pitch.start_s).abs());
        }
        let free = best.iter().enumerate().position(|(i, p)| {
            let union = m.1.max(p.end_s) - m.0.min(p.start_s);
            !matched[i] && shared(m, p) / union >= 0.3
        });
        if let Some(i) = free {
            matched[i] = true;
        }
    }
    errors.sort_by(f64::total_cmp);
    let found = matched.iter().filter(|m| **m).count();
    Score {
        captured: captured / total,
        precision: hits as f64 / moments.len().max(1) as f64,
        f1: 2.0 * found as f64 / (best.len() + moments.len()).max(1) as f64,
        start_error_s: errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN),
        seconds: moments.iter().map(|m| m.1 - m.0).sum(),
    }
}

/// The spans of the moments, best first, in seconds.
pub fn spans(segmentation: &Segmentation) -> Vec<(f64, f64)> {
    segmentation.moments.iter().map(|m| (m.span.start.seconds(), m.span.end.seconds())).collect()
}
