//! How well sound and pictures are judged, on the material beside the repository:
//! `cargo run -p reprise-checks --example quality -- [noise] [original] [pictures] [clips] [few]`;
//! all of it without arguments, a part of each with `few`.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::io::Write;

use common::treated::{LAWFUL, UNLAWFUL, power};
use common::{RATE, clips, heard, originals, samples, shared, variants};
use reprise_checks::NoAdviser;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let few = arguments.iter().any(|argument| argument == "few");
    let named = arguments.iter().filter(|argument| *argument != "few").count() > 0;
    let wanted = |part: &str| !named || arguments.iter().any(|argument| argument == part);
    let mut out = std::io::stdout().lock();
    if wanted("noise") {
        noise(&mut out)?;
    }
    if wanted("original") {
        original(&mut out, if few { 3 } else { 25 })?;
    }
    if wanted("pictures") {
        pictures(&mut out, if few { 6 } else { 1 })?;
    }
    if wanted("clips") {
        writeln!(out, "rejecting good clips")?;
        for line in clips::table(&clips::good_clips(if few { 24 } else { 240 }, &NoAdviser)) {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

fn noise(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "speech to noise")?;
    for name in [
        "noise/dfn_noisy_snr0.wav",
        "noise/dfn_clean_freesound_33711.wav",
        "noise/noisereduce_cafe.wav",
        "speech/silero_en_60s.wav",
        "speech/silero_es_60s.wav",
        "speech/jfk_en.wav",
    ] {
        let Some(sound) = shared(&format!("data/{name}")).and_then(|p| samples(&p, "anull")) else {
            continue;
        };
        let evidence = heard(&sound);
        let ratio = evidence.speech_to_noise().map(|found| found.ratio_db);
        let ratio = ratio.map_or("no speech".to_owned(), |db| format!("{db:.1} dB"));
        writeln!(out, "  {name:<38} {ratio:>10}, music {:.2}", evidence.music().share)?;
    }
    let wave = |name: &str| shared(name).and_then(|path| samples(&path, "atrim=0:20"));
    let Some(cafe) = wave("data/noise/noisereduce_cafe.wav") else { return Ok(()) };
    for speech in ["speech/jfk_en.wav", "speech/silero_en_60s.wav", "speech/silero_es_60s.wav"] {
        let Some(speech_wave) = wave(&format!("data/{speech}")) else { continue };
        let level = heard(&speech_wave).speech_level().unwrap_or_default();
        write!(out, "  {speech:<26} in a café at")?;
        for wanted in [0.0, 5.0, 10.0, 15.0] {
            let gain = (10f64.powf((level - wanted) / 10.0) / power(&cafe)).sqrt() as f32;
            let mixed: Vec<f32> =
                speech_wave.iter().zip(cafe.iter().cycle()).map(|(x, n)| x + gain * n).collect();
            let found = heard(&mixed).speech_to_noise().map_or(f64::NAN, |found| found.ratio_db);
            write!(out, " {wanted} dB: {found:.1};")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn original(out: &mut impl Write, places: usize) -> Result<(), Box<dyn Error>> {
    writeln!(out, "audio.original, judged right at {places} random places in each LIVE")?;
    let lives: Vec<Vec<f32>> = ["real-footage-clean", "real-footage-10min"]
        .iter()
        .filter_map(|live| shared(&format!("lives/{live}/live.flv")))
        .filter_map(|path| samples(&path, "anull"))
        .filter(|sound| sound.len() > 100 * RATE as usize)
        .collect();
    for (names, passes) in [(&LAWFUL[..], true), (&UNLAWFUL[..], false)] {
        for name in names {
            let judged: Vec<(bool, String)> =
                lives.iter().flat_map(|live| originals::judged(name, live, places, 7)).collect();
            let right = judged.iter().filter(|(passed, _)| *passed == passes).count();
            let must = if passes { "passes" } else { "fails" };
            writeln!(out, "  {name:<50} {must:<7} {right} of {}", judged.len())?;
        }
    }
    Ok(())
}

fn pictures(out: &mut impl Write, step: usize) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("reprise-quality-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (mut all, mut wrong) = (0, Vec::new());
    for (number, variant) in variants::variants().iter().enumerate().step_by(step) {
        let Some(found) = variant.judged(&folder, number) else { continue };
        all += 1;
        if !variant.truth.holds(found) {
            wrong.push(format!("  {}: {found:?}", variant.name));
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    writeln!(out, "freezes, lag and black: {} of {all} variants right", all - wrong.len())?;
    for line in wrong {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
