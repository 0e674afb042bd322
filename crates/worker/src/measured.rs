//! What was measured of a clip when it was made, kept beside it: so that every rule can be asked again
//! about a part of it, at once and without decoding anything.

use std::collections::BTreeMap;

use reprise_checks::{
    ClipFacts, Evidence, Grading, Phrases, Policy, SessionFacts, SourceFacts, check, grade,
};
use reprise_model::clip::Clip;
use reprise_model::event::Event;
use reprise_model::session::Product;
use reprise_model::{
    ClipSpan, Error, Kind, MediaDuration, MediaTime, Result, RuleId, Span, Verdict, WallTime,
};
use serde::{Deserialize, Serialize};

/// Its name in the clip's folder.
pub const MEASURED: &str = "measured.json.zst";
/// Largest one unpacked, bytes: a minute takes about 3 MB.
const UNPACKED_MAX: u64 = 64 << 20;
/// How hard it is packed; more is slow and gains little.
const LEVEL: i32 = 3;

/// What was measured of a clip, and what the session says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Of the clip, on its own time line.
    pub evidence: Evidence,
    /// Wall clock of the recording's zero.
    pub zero: WallTime,
    /// Whether the session has an event log that says anything.
    pub has_log: bool,
    /// The events of the log that the clip's verdicts depend on.
    pub events: Vec<Event>,
    /// Languages of the market, BCP 47.
    pub languages: Vec<String>,
    /// The seller's own brands.
    pub brands: Vec<String>,
    /// The session's products.
    pub products: Vec<Product>,
    /// Pixels of the recording.
    pub recording_size: (u32, u32),
    /// Where the clip lies in the recording's file.
    pub in_file: Span,
    /// Whether the recording has sound.
    pub recording_has_audio: bool,
}

/// Rules whose answers need the whole recording or the whole event log, which a clip does not carry along.
const KEPT: [RuleId; 2] = [RuleId::AudioOriginal, RuleId::ProductInLive];

impl Measured {
    /// Packed, for [`MEASURED`].
    ///
    /// # Errors
    /// None for what was measured.
    pub fn packed(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Error::new(Kind::Bug, "evidence is no JSON").caused_by(error))?;
        zstd::bulk::compress(&json, LEVEL)
            .map_err(|error| Error::new(Kind::Bug, "evidence cannot be packed").caused_by(error))
    }

    /// From what [`Self::packed`] gave.
    ///
    /// # Errors
    /// `Malformed` where it is of another version or damaged.
    pub fn unpacked(bytes: &[u8]) -> Result<Self> {
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
            let words =
                "what was measured of this clip is of another version: run the session again";
            Error::new(Kind::Malformed, words).in_file(MEASURED).caused_by(error)
        };
        let decoder =
            zstd::stream::read::Decoder::new(bytes).map_err(|error| wrong(error.into()))?;
        let mut json = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(decoder, UNPACKED_MAX), &mut json)
            .map_err(|error| wrong(error.into()))?;
        serde_json::from_slice(&json).map_err(|error| wrong(error.into()))
    }

    /// Every rule's answer to a part of the clip, had it been cut there. Whether the sound is the LIVE's
    /// own needs the recording, and whether a product was in the LIVE its whole log: those answers stay the
    /// clip's.
    pub fn judge(
        &self,
        clip: &Clip,
        part: ClipSpan,
        policy: &Policy,
        phrases: &Phrases,
    ) -> (Vec<Verdict>, Grading) {
        let part = Span::new(part.start, part.end);
        // All of it may have a little sound after its last picture, as coders leave it.
        let is_whole =
            part.start <= MediaTime::ZERO && part.end >= MediaTime::ZERO + clip.duration_s;
        let evidence = match is_whole {
            true => self.evidence.clone(),
            false => self.evidence.within(part).shifted(MediaTime::ZERO - part.start),
        };
        let moved = |span: Span| {
            let start = span.start + (part.start - MediaTime::ZERO);
            Span::new(start, start + part.duration())
        };
        let no_uses = BTreeMap::new();
        let ids: Vec<String> = clip.products.iter().map(|product| product.id.clone()).collect();
        let session = clip.session_id.as_deref().map(|session_id| SessionFacts {
            session_id,
            zero: self.zero,
            has_log: self.has_log,
            events: &self.events,
            product_uses: &no_uses,
            languages: &self.languages,
            brands: &self.brands,
            products: &self.products,
            clip_products: &ids,
            clip_span: Some(moved(clip.span)),
        });
        let source = SourceFacts {
            name: &clip.source.recording,
            digest: &clip.source.digest,
            width: self.recording_size.0,
            height: self.recording_size.1,
            span: moved(self.in_file),
            evidence: None,
            has_audio: self.recording_has_audio,
        };
        let facts = ClipFacts {
            width: clip.width,
            height: clip.height,
            duration: part.duration(),
            fps: clip.fps,
            has_audio: clip.audio_codec.is_some(),
            evidence: &evidence,
            source: Some(source),
            session,
            phrases,
        };
        let mut verdicts = check(&facts, policy);
        for verdict in verdicts.iter_mut().filter(|verdict| KEPT.contains(&verdict.rule)) {
            if let Some(kept) = clip.verdicts.iter().find(|kept| kept.rule == verdict.rule) {
                verdict.clone_from(kept);
            }
        }
        let grading = grade(&verdicts, policy);
        (verdicts, grading)
    }
}

/// A clip's metadata as those of a part of it, which is cut exactly there: words, products and overlays
/// of that part, on its own time line.
pub fn part_of(mut clip: Clip, part: ClipSpan) -> Clip {
    let by = part.start - MediaTime::ZERO;
    let length = part.end - part.start;
    let end = MediaTime::ZERO + length;
    let moved = |time: MediaTime| (time - by).max(MediaTime::ZERO).min(end);
    clip.words.retain(|word| word.clip_start_s >= part.start && word.clip_end_s <= part.end);
    for word in &mut clip.words {
        word.clip_start_s = moved(word.clip_start_s);
        word.clip_end_s = moved(word.clip_end_s);
    }
    clip.product_track.retain(|seen| seen.clip_time_s >= part.start && seen.clip_time_s < part.end);
    for seen in &mut clip.product_track {
        seen.clip_time_s = moved(seen.clip_time_s);
    }
    clip.faces.retain(|seen| seen.clip_time_s >= part.start && seen.clip_time_s < part.end);
    for seen in &mut clip.faces {
        seen.clip_time_s = moved(seen.clip_time_s);
    }
    clip.overlays.retain(|overlay| overlay.span.start < part.end && overlay.span.end > part.start);
    for overlay in &mut clip.overlays {
        overlay.span = ClipSpan { start: moved(overlay.span.start), end: moved(overlay.span.end) };
    }
    clip.span = Span::new(clip.span.start + by, clip.span.start + by + length);
    clip.spans = vec![clip.span];
    clip.duration_s = length;
    clip.source.file_start_s = clip.source.file_start_s + by;
    clip.source.file_end_s = clip.source.file_start_s + length;
    clip.source.started_at =
        clip.source.started_at.map(|at| at.plus(MediaDuration::from_flicks(by.flicks())));
    clip
}
