//! Clips of a recording's sound, treated, and what `audio.original` says of them.

use reprise_checks::{ClipFacts, Phrases, Policy, SourceFacts, check};
use reprise_model::{MediaDuration, MediaTime, Outcome, RuleId, Span};

use super::treated::{Random, treated};
use super::{RATE, heard};

/// `count` clips of 6 to 25 s at random places of `whole`, each treated: whether `audio.original`
/// passes, and what it says. Fewer where ffmpeg is absent or a treatment changes nothing.
pub fn judged(name: &str, whole: &[f32], count: usize, seed: u64) -> Vec<(bool, String)> {
    let rate = RATE as usize;
    let margin = 2 * rate;
    let mut random = Random(seed);
    (0..count)
        .filter_map(|_| {
            let length = (random.between(6.0, 25.0) * rate as f64) as usize;
            let room = whole.len() - length - 3 * margin;
            let from = margin + rate + (random.share() * room as f64) as usize;
            let clip = treated(name, whole, from, length, &mut random)?;
            Some(judge(&clip, &whole[from - margin..from + length + margin], from, length, margin))
        })
        .collect()
}

fn judge(
    clip: &[f32],
    around: &[f32],
    from: usize,
    length: usize,
    margin: usize,
) -> (bool, String) {
    let at = |sample: usize| MediaTime::from_samples(sample as i64, RATE);
    let recording = heard(around);
    let recording = recording.shifted(MediaDuration::from_samples((from - margin) as i64, RATE));
    let span = Span::new(at(from), at(from + length));
    let facts = ClipFacts {
        width: 720,
        height: 1280,
        duration: span.duration(),
        fps: 30.0,
        has_audio: true,
        evidence: &heard(clip),
        source: Some(SourceFacts {
            name: "live.flv",
            digest: "blake3:0",
            width: 720,
            height: 1280,
            span,
            evidence: Some(&recording),
            has_audio: true,
        }),
        session: None,
        phrases: &Phrases::default(),
    };
    let verdicts = check(&facts, &Policy::default());
    let verdict = verdicts.iter().find(|v| v.rule == RuleId::AudioOriginal).unwrap();
    (verdict.verdict == Outcome::Pass, verdict.detail.clone())
}
