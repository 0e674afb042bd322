//! Quick post edit against the encoding of its pictures alone, which nobody gets below.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::Result;
use crate::machine::Machine;
use crate::measure::{Usage, measure};

/// Length of the clip, seconds.
const CLIP_S: f64 = 40.0;
/// How often each side runs.
const PAIRS: usize = 3;
/// Words a second that captions are made of, as a host speaks.
const WORDS_A_SECOND: f64 = 2.8;

/// Measures a remix with every effect on, in turns with its pictures' encoding, and tells it as a page.
///
/// # Errors
/// Where a command fails.
pub fn measured(reprise: &Path, recording: &Path, work: &Path) -> Result<String> {
    let machine = Machine::here(reprise)?;
    let clip = clip(reprise, recording, work)?;
    let plan = work.join("plan.json");
    let starts = "2026-11-27T12:30:00Z";
    let planned = json!({ "id": "friday", "title": "Friday", "starts_at": starts });
    std::fs::write(&plan, planned.to_string())?;
    let out = work.join("remixed.mp4");
    let remix = |more: &[&str]| {
        let mut command = Command::new(reprise);
        command.args(["remix", "--template", "bold-sale", "--plan"]).arg(&plan);
        command.arg("--out").arg(&out).args(more).arg(&clip);
        command
    };
    let log = work.join("remix.log");
    measure(&mut remix(&["--no-check"]), &log)?;
    let raw = work.join("remixed.y4m");
    let decoded = ["-v", "error", "-y", "-i"];
    let decode = Command::new("ffmpeg")
        .args(decoded)
        .arg(&out)
        .args(["-an", "-pix_fmt", "yuv420p"])
        .arg(&raw)
        .status()?;
    if !decode.success() {
        return Err("ffmpeg cannot decode the remix".into());
    }
    let encode = || {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-i"]).arg(&raw);
        command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-threads", "2"]);
        command.args(["-g", "60"]).arg(work.join("encoded.mp4"));
        command
    };
    let (mut alone, mut whole, mut checked) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        alone.push(measure(&mut encode(), &log)?);
        whole.push(measure(&mut remix(&["--no-check"]), &log)?);
        checked.push(measure(&mut remix(&[]), &log)?);
    }
    std::fs::remove_file(&raw)?;
    Ok(page(&machine, recording, [median(alone), median(whole), median(checked)]))
}

/// A clip of 40 s with all that effects need: a product that is held up, words, prices.
fn clip(reprise: &Path, recording: &Path, work: &Path) -> Result<PathBuf> {
    let folder = work.join("remix");
    let window = format!("20-{}", 20.0 + CLIP_S);
    let cut = Command::new(reprise)
        .arg("cut")
        .arg(recording)
        .args(["--window", &window, "--out"])
        .arg(&folder)
        .output()?;
    if !cut.status.success() {
        return Err(String::from_utf8_lossy(&cut.stderr).into_owned().into());
    }
    let stem = recording.file_stem().ok_or("the recording has no name")?.to_string_lossy();
    let mp4 = folder.join(format!("{stem}-01.mp4"));
    let json_file = mp4.with_extension("json");
    let mut clip: Value = serde_json::from_slice(&std::fs::read(&json_file)?)?;
    let price = |value: &str| json!({ "value": value, "currency": "USD" });
    clip["products"] = json!([{ "id": "p1", "title": "Overnight Vitamin C Serum, 30 ml",
        "linked_by": "pinned", "brand": "Solara", "price": price("29.90"), "live_price": price("19.90") }]);
    let sighting = |index: u32| {
        let at = f64::from(index) * 0.2;
        let (x, y) = (300.0 + 80.0 * at.sin(), 620.0 + 60.0 * (at * 0.7).cos());
        json!({ "clip_time_s": at, "product_id": "p1",
                "corners": [[x, y], [x + 180.0, y], [x + 180.0, y + 200.0], [x, y + 200.0]] })
    };
    clip["product_track"] = (0..(CLIP_S * 5.0) as u32).map(sighting).collect();
    let said = ["this", "serum", "works", "overnight", "and", "it", "is", "only", "today"];
    let word = |index: usize| {
        let from = index as f64 / WORDS_A_SECOND;
        json!({ "text": said[index % said.len()], "clip_start_s": from, "clip_end_s": from + 0.3 })
    };
    clip["words"] = (0..(CLIP_S * WORDS_A_SECOND) as usize).map(word).collect();
    std::fs::write(&json_file, clip.to_string())?;
    Ok(mp4)
}

fn median(mut all: Vec<Usage>) -> Usage {
    all.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
    all[all.len() / 2]
}

fn page(machine: &Machine, recording: &Path, [alone, whole, checked]: [Usage; 3]) -> String {
    let mut page = format!(
        "# Quick post edit: what it takes\n\n\
         Made by `reprise-benches remix`. {} on {} cores, Linux {}, {}, {}. Load before: {:.1}.\n\n\
         A clip of {CLIP_S} s of `{}`, every effect on (template `bold-sale`, a plan), against \
         ffmpeg coding the same finished pictures alone, from raw ones (`libx264`, `veryfast`, CRF 21, two \
         threads). Medians of {PAIRS} runs in turns.\n\n\
         | | CPU, s | wall, s | peak memory, MB |\n| --- | ---: | ---: | ---: |\n",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.reprise,
        machine.date,
        machine.load_before,
        recording.file_name().unwrap_or_default().to_string_lossy(),
    );
    for (name, usage) in [("encoding alone", alone), ("remix", whole), ("remix, checked", checked)]
    {
        let _ = writeln!(
            page,
            "| {name} | {:.1} | {:.1} | {} |",
            usage.cpu_s,
            usage.wall_s,
            usage.together_kib / 1024
        );
    }
    let ratio = whole.cpu_s / alone.cpu_s;
    let _ = writeln!(
        page,
        "\nA remix takes {ratio:.2} x the CPU of its encoding alone (asked: below 1.6) and {:.1} s \
         (asked: below 20); with its checks {:.1} s (asked: below 30).",
        whole.wall_s, checked.wall_s
    );
    page
}
