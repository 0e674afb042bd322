//! A window's job: bytes in, evidence and a finished MP4 out.
//!
//! 1. look: decode the window once; pictures and sound become evidence.
//! 2. trim: search the in-point and the out-point.
//! 3. transcode: copy the chosen span's coded pictures and encode its edges, or decode the span
//!    again for the encoder. `media` verifies the file: seams, time line, key pictures.
//! 4. judge: the pictures by the window's evidence, which is theirs, the sound as it ships.
//!
//! Nothing but bytes and evidence goes in or out, so the job can run in a process of its own.

use std::sync::Arc;

use reprise_checks::{
    Adviser, Evidence, EvidenceCollector, LookFor, NoAdviser, Policy, SoundEvidence,
};
use reprise_media::{
    ClipRequest, EncodeSettings, Media, Remembered, Still, WindowOptions, WindowStats, cut_clip,
    look, release_memory, scan, still,
};
use reprise_model::bytes::MemorySource;
use reprise_model::clip::ByteRange;
use reprise_model::{ByteSource, MediaDuration, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::cover::{jpeg, pick_cover};
use crate::outline::{Outline, draw};
use crate::trim::{Avoid, TrimInput, TrimRefusal, TrimSettings, Wanted, trim};

/// What a window's job is given besides the bytes. Times are on the recording's own line.
#[derive(Clone, Copy, Serialize)]
pub struct WindowRequest<'a> {
    /// The recording, as it was measured.
    pub media: &'a Media,
    /// The moment; the clip itself where `exact`.
    pub moment: Span,
    /// Cut exactly the moment and search nothing: looks and encodes in one pass.
    pub exact: bool,
    /// Spans that must not be in the clip.
    pub avoid: &'a [Avoid],
    /// What the clip should show and say.
    pub wanted: &'a Wanted,
    /// What is searched for in the pictures.
    pub look_for: &'a LookFor,
    /// Thresholds.
    pub policy: &'a Policy,
    /// What the trim search weighs.
    pub trim: &'a TrimSettings,
    /// How the clip is coded.
    pub encode: &'a EncodeSettings,
    /// How much of the finished file is decoded to verify it.
    pub verify: Verify,
}

/// How much of a finished file is decoded to verify it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verify {
    /// Its sound, and of its pictures the seams where they were copied, the key pictures where
    /// they were encoded. The others are those that the window's evidence is of.
    #[default]
    Seams,
    /// All of it; the rules judge what was read back.
    Full,
}

/// What became of a window.
#[derive(Serialize, Deserialize)]
pub enum WindowOutcome {
    /// A clip.
    Clip(Box<CutClip>),
    /// Nothing can be cut, and the rule that is to blame.
    Nothing(TrimRefusal),
}

/// A clip and its evidence. Between processes its files go beside it.
#[derive(Serialize, Deserialize)]
pub struct CutClip {
    /// The file.
    #[serde(skip, default = "empty")]
    pub mp4: Arc<[u8]>,
    /// The first and the last picture: name and JPEG.
    #[serde(skip)]
    pub edge_pictures: Vec<(String, Vec<u8>)>,
    /// The cover, JPEG.
    #[serde(skip)]
    pub cover: Option<Vec<u8>>,
    /// What it shows, exactly.
    pub span: Span,
    /// Pictures.
    pub pictures: u64,
    /// How much of it are the recording's own coded pictures.
    pub copied: MediaDuration,
    /// How much was encoded.
    pub encoded: MediaDuration,
    /// Why it was cut there, and how.
    pub notes: Vec<String>,
    /// What the recording's own pictures and sound are, there and around it as far as was looked.
    pub source: Evidence,
    /// The file as it ships.
    pub decoded: Decoded,
    /// How the reading went.
    pub stats: WindowStats,
}

impl CutClip {
    /// How many of the clip's pixels one of the recording's becomes; 1 where pictures are unknown.
    pub fn scale(&self, recording: &Media) -> f32 {
        let side = |media: &Media| media.info.video.as_ref().map(|v| v.width.min(v.height));
        match (side(&self.decoded.media), side(recording)) {
            (Some(clip), Some(source)) if source > 0 => clip as f32 / source as f32,
            _ => 1.0,
        }
    }
}

/// No file yet.
pub(crate) fn empty() -> Arc<[u8]> {
    Arc::from([])
}

/// What a clip's file is and shows.
#[derive(Serialize, Deserialize)]
pub struct Decoded {
    /// What it is, with what finds its pictures.
    pub media: Media,
    /// What it shows.
    pub evidence: Evidence,
    /// Packets that could not be decoded.
    pub damaged_packets: u64,
}

/// Does a window's job.
///
/// # Errors
/// As [`look`] and [`cut_clip`], and the adviser's.
pub fn run_window(
    source: Arc<dyn ByteSource>,
    request: &WindowRequest<'_>,
    adviser: &dyn Adviser,
) -> Result<WindowOutcome> {
    release_memory();
    // The look, the plan of what is copied, and the encoder go through the same bytes.
    let source = Remembered::around(source);
    let (span, mut notes, seen) = if request.exact {
        (request.moment, Vec::new(), None)
    } else {
        let reach = MediaDuration::from_seconds(request.trim.reach_s);
        let window = request.moment.widened(reach).intersect(request.media.info.span());
        let mut collector = EvidenceCollector::new(request.look_for);
        let options = WindowOptions { span: window, size: None, threads: 1 };
        let stats = look(Arc::clone(&source), request.media, &options, &mut collector)?;
        let evidence = collector.finish(adviser)?;
        release_memory();
        let said = match &evidence.transcript {
            Some(transcript) if !transcript.words.is_empty() => adviser.said(transcript)?,
            _ => Vec::new(),
        };
        let found = trim(&TrimInput {
            moment: request.moment.intersect(window),
            window,
            evidence: &evidence,
            avoid: request.avoid,
            key_pictures: if request.encode.smart_cut { &stats.idr } else { &[] },
            wanted: request.wanted,
            said: &said,
            policy: request.policy,
            settings: request.trim,
        });
        match found {
            Ok(found) => (found.span, found.notes, Some((evidence, stats))),
            Err(refusal) => return Ok(WindowOutcome::Nothing(refusal)),
        }
    };
    // The cover is chosen before encoding where the pictures are known by then.
    let cover_at = match &seen {
        Some((evidence, _)) => pick_cover(evidence, span),
        None => span.start + MediaDuration::from_seconds(span.seconds() / 3.0),
    };
    let fps = request.media.info.video.as_ref().map_or(30.0, |video| video.fps());
    let last_at = span.end - MediaDuration::from_seconds(1.6 / fps.max(1.0));
    let stills = [span.start, cover_at, last_at];
    let looked = seen.as_ref().map_or_else(Vec::new, |(_, stats)| stats.byte_ranges.clone());
    let damaged_packets = seen.as_ref().map_or(0, |(_, stats)| stats.damaged_packets);
    let clip_request =
        ClipRequest { span, settings: request.encode, stills: &stills, damaged_packets };
    let mut pictures = Vec::new();
    let mut keep = |picture: Still| pictures.push(jpeg(&picture));
    let (clip, source) = match seen {
        Some((evidence, _)) => {
            let clip = cut_clip(source, request.media, &clip_request, None, &mut keep)?;
            (clip, evidence)
        }
        None => {
            let mut collector = EvidenceCollector::new(request.look_for);
            let seen = Some(&mut collector as _);
            let clip = cut_clip(source, request.media, &clip_request, seen, &mut keep)?;
            (clip, collector.finish(adviser)?)
        }
    };
    let mut pictures = pictures.into_iter().collect::<Result<Vec<_>>>()?.into_iter();
    let mut edge_pictures = Vec::new();
    edge_pictures.extend(pictures.next().map(|picture| ("first.jpg".to_owned(), picture)));
    let cover = pictures.next();
    edge_pictures.extend(pictures.next().map(|picture| ("last.jpg".to_owned(), picture)));
    release_memory();
    let file = Arc::new(MemorySource::new("clip.mp4", Arc::clone(&clip.mp4)));
    let decoded = match request.verify {
        Verify::Full => decode_clip(file, request.look_for, adviser)?,
        Verify::Seams => {
            let seen = source.within(shown(&clip.span, clip.rate));
            decode_sound(file, seen, clip.span)?
        }
    };
    release_memory();
    notes.extend(clip.notes);
    let mut stats = clip.stats;
    stats.byte_ranges = joined(looked.into_iter().chain(stats.byte_ranges));
    let ticks = i64::try_from(clip.copied.end - clip.copied.start).unwrap_or(0);
    let copied = MediaDuration::from_ticks(ticks, clip.rate.1, clip.rate.0);
    Ok(WindowOutcome::Clip(Box::new(CutClip {
        mp4: clip.mp4,
        edge_pictures,
        cover,
        span: clip.span,
        pictures: clip.pictures,
        copied,
        encoded: clip.span.duration() - copied,
        notes,
        source,
        decoded,
        stats,
    })))
}

/// Ranges put together where they touch.
fn joined(ranges: impl IntoIterator<Item = ByteRange>) -> Vec<ByteRange> {
    let mut ranges: Vec<ByteRange> = ranges.into_iter().collect();
    ranges.sort();
    ranges.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    ranges
}

/// The span in which a clip's pictures begin: containers round times, so half a picture earlier
/// than the clip itself.
fn shown(span: &Span, rate: (i32, i32)) -> Span {
    let half = MediaDuration::from_ticks(1, rate.1, rate.0.saturating_mul(2));
    Span::new(span.start - half, span.end - half)
}

/// What a finished file shows, of which `media` verified that its pictures are those of `source`:
/// their evidence, moved to the clip's zero, and that of its sound, decoded as it ships.
fn decode_sound(source: Arc<dyn ByteSource>, seen: Evidence, span: Span) -> Result<Decoded> {
    let media = scan(Arc::clone(&source))?;
    let mut collector = EvidenceCollector::new(&LookFor::faults());
    let mut damaged_packets = 0;
    if media.info.audio.is_some() && !media.info.span().is_empty() {
        let mut sound = media.clone();
        sound.info.video = None;
        damaged_packets = look_whole(source, &sound, &mut collector)?;
    }
    // What is said is the same in the recording: nobody is asked twice.
    let heard = collector.finish(&NoAdviser)?.sound;
    let seen = Evidence { sound: SoundEvidence::default(), ..seen };
    let evidence = Evidence { sound: heard, ..seen.shifted(MediaTime::ZERO - span.start) };
    Ok(Decoded { media, evidence, damaged_packets })
}

/// Decodes a whole file once.
///
/// # Errors
/// As [`scan`] and [`look`].
pub fn decode_clip(
    source: Arc<dyn ByteSource>,
    look_for: &LookFor,
    adviser: &dyn Adviser,
) -> Result<Decoded> {
    let media = scan(Arc::clone(&source))?;
    let mut collector = EvidenceCollector::new(look_for);
    let mut damaged_packets = 0;
    if !media.info.span().is_empty() {
        damaged_packets = look_whole(source, &media, &mut collector)?;
    }
    Ok(Decoded { media, evidence: collector.finish(adviser)?, damaged_packets })
}

fn look_whole(
    source: Arc<dyn ByteSource>,
    media: &Media,
    collector: &mut EvidenceCollector,
) -> Result<u64> {
    // Sound may outlast the pictures by part of a coded frame.
    let span = Span::new(MediaTime::ZERO, media.info.span().end + MediaDuration::from_millis(50));
    let options = WindowOptions { span, size: None, threads: 1 };
    Ok(look(source, media, &options, collector)?.damaged_packets)
}

/// A picture of a file as JPEG, for evidence, with outlines drawn into it.
///
/// # Errors
/// As [`still`].
pub fn picture_at(
    source: Arc<dyn ByteSource>,
    media: &Media,
    at: MediaTime,
    outlines: &[Outline],
) -> Result<Vec<u8>> {
    let mut picture: Still = still(source, media, at)?;
    draw(&mut picture, outlines);
    jpeg(&picture)
}
