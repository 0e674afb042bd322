//! `reprise-benches eval-checks`: the checks on whole LIVEs with known faults, and what they cost.
//!
//! What single checks find on single files is printed by the examples of `checks`, which
//! `make eval-checks` runs before this.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reprise_checks::{EvidenceCollector, GrayPicture, LookFor, NoAdviser, ProductReference};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::clip::Clip;
use reprise_model::{Grade, Outcome, RuleId, Span};
use serde::Deserialize;

use crate::Result;

/// What a LIVE's `truth.json` says, as far as it is asked here.
#[derive(Deserialize)]
struct Truth {
    pitches: Vec<Pitch>,
    #[serde(default)]
    faults: BTreeMap<String, [f64; 2]>,
}

#[derive(Deserialize)]
struct Pitch {
    start_s: f64,
    end_s: f64,
    caused_gmv: f64,
    product_id: String,
    shown: String,
    shown_product_id: String,
}

/// Runs the whole job on the LIVEs in `lives` and prints what became of their faults and pitches.
///
/// # Errors
/// Where a run fails or what it left cannot be read.
pub fn eval_checks(lives: &Path, reprise: &Path) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if !lives.is_dir() {
        writeln!(out, "skipped: {} is not there", lives.display())?;
        return Ok(());
    }
    for name in ["real-footage-10min", "real-footage-clean"] {
        let folder = lives.join(name);
        writeln!(out, "\n## {name}\n")?;
        job(&mut out, &folder, reprise)?;
        cost(&mut out, &folder)?;
    }
    Ok(())
}

fn job(out: &mut impl Write, folder: &Path, reprise: &Path) -> Result<()> {
    let truth: Truth = serde_json::from_slice(&std::fs::read(folder.join("truth.json"))?)?;
    let results = std::env::temp_dir().join(format!("reprise-eval-{}", std::process::id()));
    let status = Command::new(reprise)
        .arg("run")
        .arg(folder.join("session.toml"))
        .arg("--out")
        .arg(&results)
        .arg("--keep-rejected")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("{} run ended with {status}", reprise.display()).into());
    }
    let mut clips = Vec::new();
    for kind in ["clips", "rejected"] {
        clips.extend(read_clips(&results, kind)?.into_iter().map(|clip| (kind, clip)));
    }
    std::fs::remove_dir_all(&results)?;
    let shipped: Vec<&Clip> = clips.iter().filter(|(k, _)| *k == "clips").map(|(_, c)| c).collect();
    writeln!(
        out,
        "| clip | from | to | grade | after remix | linked to | truth | product.match | untouched | gained |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for (kind, clip) in &clips {
        let pitch = truth.pitches.iter().find(|pitch| {
            shared(clip.span, [pitch.start_s, pitch.end_s]) > 0.25 * (pitch.end_s - pitch.start_s)
        });
        let told = pitch.map_or("-".to_owned(), |pitch| {
            format!("{} {} shows {}", pitch.product_id, pitch.shown, pitch.shown_product_id)
        });
        let moved = clip.cut.moved.as_ref();
        let gained: Vec<&str> =
            moved.iter().flat_map(|moved| &moved.gained).map(|rule| rule.as_str()).collect();
        let linked: Vec<&str> = clip.products.iter().map(|product| product.id.as_str()).collect();
        let matched = clip.verdicts.iter().find(|verdict| verdict.rule == RuleId::ProductMatch);
        writeln!(
            out,
            "| {kind} | {:.1} | {:.1} | {} | {} | {} | {told} | {} | {} | {} |",
            clip.span.start.seconds(),
            clip.span.end.seconds(),
            clip.grade.as_str(),
            clip.grade_after_remix.as_str(),
            linked.join(" "),
            matched.map_or("-", |verdict| match verdict.verdict {
                Outcome::Pass => "pass",
                Outcome::Fail => "fail",
                Outcome::Unknown => "unknown",
            }),
            moved.map_or("-", |moved| moved.untouched_grade.as_str()),
            gained.join(" "),
        )?;
    }
    writeln!(out)?;
    for (fault, &span) in &truth.faults {
        let inside = shipped.iter().filter(|clip| shared(clip.span, span) > 0.0).count();
        writeln!(
            out,
            "- {fault} at {:.1} to {:.1} s: in {inside} shipped clips",
            span[0], span[1]
        )?;
    }
    let sold = shipped.iter().filter(|clip| {
        let covered = |pitch: &&Pitch| {
            shared(clip.span, [pitch.start_s, pitch.end_s]) >= 0.5 * (pitch.end_s - pitch.start_s)
        };
        truth.pitches.iter().filter(|pitch| pitch.caused_gmv > 0.0).any(|pitch| covered(&pitch))
    });
    let rescued = shipped.iter().filter(|clip| {
        clip.cut.moved.as_ref().is_some_and(|moved| moved.untouched_grade == Grade::Rejected)
    });
    writeln!(
        out,
        "- {} clips ship, {} with half of a pitch that sold or more; moving the cut rescued {}",
        shipped.len(),
        sold.count(),
        rescued.count()
    )?;
    Ok(())
}

/// Every `clip.json` of a kind, in the order of time.
fn read_clips(results: &Path, kind: &str) -> Result<Vec<Clip>> {
    let mut clips: Vec<Clip> = Vec::new();
    let only = |folder: &Path| -> Result<PathBuf> {
        let mut entries = std::fs::read_dir(folder)?;
        Ok(entries.next().ok_or("nothing was written")??.path())
    };
    let folder = only(&only(results)?)?.join(kind);
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            clips.push(serde_json::from_slice(&std::fs::read(entry?.path().join("clip.json"))?)?);
        }
    }
    clips.sort_by_key(|clip| clip.span);
    Ok(clips)
}

fn shared(span: Span, with: [f64; 2]) -> f64 {
    (span.end.seconds().min(with[1]) - span.start.seconds().max(with[0])).max(0.0)
}

/// A minute and a half of the LIVE decoded alone, and with every check but speech.
fn cost(out: &mut impl Write, folder: &Path) -> Result<()> {
    let source = FileSource::open(&folder.join("live.flv"))?;
    let media = probe(source.clone())?;
    let look_for = LookFor { products: references(folder)?, ..LookFor::default() };
    let span = Span::from_seconds(60.0, 150.0);
    let options = WindowOptions { span, size: None, threads: 1 };
    let minutes = span.seconds() / 60.0;
    let (mut alone, mut faults, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let start = cpu_s();
        look(source.clone(), &media, &options, &mut Nothing)?;
        alone.push((cpu_s() - start) / minutes);
        for (look_for, costs) in [(&LookFor::faults(), &mut faults), (&look_for, &mut all)] {
            let start = cpu_s();
            let mut collector = EvidenceCollector::new(look_for);
            look(source.clone(), &media, &options, &mut collector)?;
            collector.finish(&NoAdviser)?;
            costs.push((cpu_s() - start) / minutes);
        }
    }
    let least = |costs: &[f64]| costs.iter().copied().fold(f64::MAX, f64::min);
    let (d1, faults, all) = (least(&alone), least(&faults), least(&all));
    writeln!(
        out,
        "- CPU a minute, least of 3: D1 {d1:.2} s; faults alone {:.2} x D1 more; all checks without \
         speech and text {:.2} x D1 more ({} products)",
        (faults - d1) / d1,
        (all - d1) / d1,
        look_for.products.len()
    )?;
    Ok(())
}

fn references(folder: &Path) -> Result<Vec<ProductReference>> {
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        pictures: Vec<String>,
    }
    let listed: Vec<Listed> =
        serde_json::from_slice(&std::fs::read(folder.join("products.json"))?)?;
    let mut references = Vec::new();
    for Listed { id, pictures } in listed {
        let mut read = Vec::new();
        for name in pictures {
            read.push(GrayPicture::read(&std::fs::read(folder.join(&name))?, &name)?);
        }
        references.push(ProductReference { id, pictures: read });
    }
    Ok(references)
}

/// Seconds that this thread has run (Linux).
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

struct Nothing;

impl Observer for Nothing {
    fn picture(&mut self, _: &PictureView<'_>) {}
    fn sound(&mut self, _: &SoundView<'_>) {}
}
