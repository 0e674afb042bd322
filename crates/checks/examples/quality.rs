//! x
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use reprise_checks::*;

fn main() {
    let only = std::env::args().nth(1);
    let folder = std::path::PathBuf::from("/tmp/variants_d");
    std::fs::create_dir_all(&folder).unwrap();
    let all = variants::variants();
    println!("{} variants", all.len());
    let policy = Policy::default();
    for (n, v) in all.iter().enumerate() {
        if only.as_ref().is_some_and(|o| !v.name.contains(o)) {
            continue;
        }
        let file = folder.join(format!("variant-{n}.mp4"));
        let file = if file.exists() { file } else { v.make(&folder, n).unwrap() };
        let e = seen(&file, None);
        let phrases = Phrases::default();
        let facts = ClipFacts {
            width: 720,
            height: 1280,
            duration: e.span().duration(),
            fps: 30.0,
            has_audio: false,
            evidence: &e,
            source: None,
            session: None,
            phrases: &phrases,
        };
        let vs = check(&facts, &policy);
        let fails = |r| vs.iter().any(|v| v.rule == r && v.verdict == reprise_model::Outcome::Fail);
        let got = variants::Truth {
            frozen: fails(reprise_model::RuleId::VideoFreeze),
            lags: fails(reprise_model::RuleId::VideoLag),
            black: fails(reprise_model::RuleId::VideoBlack),
        };
        if got != v.truth {
            println!("{n} {}: {got:?}, truth {:?}", v.name, v.truth);
            for x in vs.iter().filter(|v| v.rule.to_string().starts_with("video.")) {
                println!("      {:?} {} {}", x.verdict, x.rule, x.detail);
            }
        }
    }
}
