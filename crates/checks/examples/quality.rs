//! x
#![allow(clippy::unwrap_used)]
#[path = "../tests/common/mod.rs"]
mod common;
use common::treated::*;
use common::*;
use reprise_checks::*;
use reprise_model::*;

fn main() {
    let n: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10);
    for live in ["clean", "10min"] {
        let path = shared(&format!("lives/real-footage-{live}/live.flv")).unwrap();
        let whole = samples(&path, "anull").unwrap();
        let rate = RATE as usize;
        for (set, lawful) in [(&LAWFUL[..], true), (&UNLAWFUL[..], false)] {
            for name in set {
                let mut random = Random(7);
                let (mut right, mut all) = (0, 0);
                let mut wrong = vec![];
                for _ in 0..n {
                    let length = (random.between(6.0, 25.0) * rate as f64) as usize;
                    let from = 3 * rate
                        + (random.share() * (whole.len() - length - 6 * rate) as f64) as usize;
                    let Some(clip) = treated(name, &whole, from, length, &mut random) else {
                        continue;
                    };
                    let rec_from = from - 2 * rate;
                    let rec = heard(&whole[rec_from..from + length + 2 * rate]);
                    let rec = rec.shifted(MediaDuration::from_samples(rec_from as i64, RATE));
                    let span = Span::new(
                        MediaTime::from_samples(from as i64, RATE),
                        MediaTime::from_samples((from + length) as i64, RATE),
                    );
                    let e = heard(&clip);
                    let facts = ClipFacts {
                        width: 720,
                        height: 1280,
                        duration: span.duration(),
                        fps: 30.0,
                        has_audio: true,
                        evidence: &e,
                        source: Some(SourceFacts {
                            name: "l",
                            digest: "",
                            width: 720,
                            height: 1280,
                            span,
                            evidence: Some(&rec),
                            has_audio: true,
                        }),
                        session: None,
                        phrases: &Phrases::default(),
                    };
                    let v = check(&facts, &Policy::default());
                    let v = v.iter().find(|v| v.rule == RuleId::AudioOriginal).unwrap();
                    all += 1;
                    if (v.verdict == Outcome::Pass) == lawful {
                        right += 1
                    } else {
                        wrong.push(format!(
                            "   {:.1}+{:.1}: {}",
                            from as f64 / rate as f64,
                            length as f64 / rate as f64,
                            v.detail
                        ))
                    }
                }
                println!("{live} {name}: {right}/{all}");
                for w in wrong.iter().take(4) {
                    println!("{w}");
                }
            }
        }
    }
}
