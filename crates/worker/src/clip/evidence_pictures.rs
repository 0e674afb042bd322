//! Pictures that show what verdicts say, with products and codes outlined.

use std::sync::Arc;

use reprise_checks::Evidence;
use reprise_model::bytes::MemorySource;
use reprise_model::{MediaDuration, MediaTime, Outcome, Result, RuleId, Tier, Verdict};
use reprise_transcode::{CutClip, MediaWorkers, Outline};

use super::facts::scaled;

/// Pictures kept of a clip at most.
const PICTURES_MAX: usize = 6;
/// Pictures of one verdict at most.
const OF_A_VERDICT: usize = 2;
/// What was found so near to a picture is outlined in it.
const NEAR: MediaDuration = MediaDuration::from_millis(350);

/// Pictures of what fails, and of the product where it is found, named in the verdicts' evidence.
/// `scale` leads from the recording's pixels to the clip's.
pub(super) fn evidence_pictures(
    verdicts: &mut [Verdict],
    cut: &CutClip,
    scale: f32,
    workers: &MediaWorkers,
) -> Result<Vec<(String, Vec<u8>)>> {
    let source = Arc::new(MemorySource::new("clip.mp4", cut.mp4.clone()));
    let mut pictures = Vec::new();
    for verdict in verdicts.iter_mut().filter(|verdict| is_shown(verdict)) {
        for place in verdict.evidence.iter_mut().take(OF_A_VERDICT) {
            if pictures.len() >= PICTURES_MAX {
                return Ok(pictures);
            }
            let length = place.clip_end_s - place.clip_start_s;
            let middle = place.clip_start_s + MediaDuration::from_flicks(length.flicks() / 2);
            let (at, outlines) = outlines(verdict.rule, &cut.decoded.evidence, middle, scale);
            let name = format!("{}-{}.jpg", verdict.rule, pictures.len() + 1);
            let media = &cut.decoded.media;
            let picture = workers.picture_at(source.clone(), media, at, &outlines)?;
            place.picture = Some(format!("evidence/{name}"));
            pictures.push((name, picture));
        }
    }
    Ok(pictures)
}

/// What a picture says more of than words do.
fn is_shown(verdict: &Verdict) -> bool {
    let rule = verdict.rule.as_str();
    let seen = ["video.", "product.", "compliance.", "visual."];
    let seen = seen.iter().any(|family| rule.starts_with(family));
    let found = verdict.rule == RuleId::ProductMatch && verdict.verdict == Outcome::Pass;
    seen && (found || (verdict.verdict == Outcome::Fail && verdict.tier != Tier::Advice))
}

/// The picture nearest to `at` that shows what the rule is about, and what is outlined in it.
fn outlines(
    rule: RuleId,
    evidence: &Evidence,
    at: MediaTime,
    scale: f32,
) -> (MediaTime, Vec<Outline>) {
    if rule == RuleId::ComplianceQr {
        let seen = evidence.codes.tracks.iter().flat_map(|track| &track.sightings);
        let nearest = seen.min_by_key(|seen| (seen.time - at).abs());
        return match nearest {
            Some(seen) => (seen.time, vec![seen.corners.map(|corner| corner.map(|x| x * scale))]),
            None => (at, Vec::new()),
        };
    }
    if !rule.as_str().starts_with("product.") {
        return (at, Vec::new());
    }
    let sightings = evidence.products.sightings().iter();
    let nearest = sightings.min_by_key(|seen| (seen.time - at).abs());
    match nearest.filter(|seen| (seen.time - at).abs() <= NEAR) {
        Some(seen) => (seen.time, vec![scaled(&seen.corners, scale)]),
        None => (at, Vec::new()),
    }
}
