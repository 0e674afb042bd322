//! A window's job: bytes in, evidence and a finished MP4 out.
//!
//! 1. look: decode the window once; pictures and sound become evidence.
//! 2. trim: search the in-point and the out-point.
//! 3. transcode: decode the chosen span again for the encoder.
//! 4. read back: decode the finished file once; its evidence is what the rules judge.
//!
//! Nothing but bytes and evidence goes in or out, so the job can run in a process of its own.

use std::sync::Arc;

use reprise_checks::{Evidence, EvidenceCollector, Policy};
use reprise_media::{
    ClipRequest, EncodeSettings, Media, MediaInfo, Still, WindowOptions, WindowStats, encode_clip,
    look, release_memory, scan, still,
};
use reprise_model::bytes::MemorySource;
use reprise_model::{ByteSource, MediaDuration, MediaTime, Result, Span};
use serde::{Deserialize, Serialize};

use crate::cover::{jpeg, pick_cover};
use crate::trim::{Avoid, TrimInput, TrimRefusal, TrimSettings, trim};

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
    /// Thresholds.
    pub policy: &'a Policy,
    /// What the trim search weighs.
    pub trim: &'a TrimSettings,
    /// How the clip is coded.
    pub encode: &'a EncodeSettings,
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
    #[serde(skip)]
    pub mp4: Vec<u8>,
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
    /// Why it was cut there.
    pub notes: Vec<String>,
    /// What the recording's own pictures and sound are there.
    pub source: Evidence,
    /// The file as it was read back.
    pub decoded: Decoded,
    /// How the reading went.
    pub stats: WindowStats,
}

/// A clip's file, decoded once.
#[derive(Serialize, Deserialize)]
pub struct Decoded {
    /// What it is.
    pub info: MediaInfo,
    /// The same, with what finds its pictures.
    pub media: Media,
    /// What it shows.
    pub evidence: Evidence,
    /// Packets that could not be decoded.
    pub damaged_packets: u64,
}

/// Does a window's job.
///
/// # Errors
/// As [`look`] and [`encode_clip`].
pub fn run_window(
    source: Arc<dyn ByteSource>,
    request: &WindowRequest<'_>,
) -> Result<WindowOutcome> {
    release_memory();
    let (span, notes, seen) = if request.exact {
        (request.moment, Vec::new(), None)
    } else {
        let reach = MediaDuration::from_seconds(request.trim.reach_s);
        let window = request.moment.widened(reach).intersect(request.media.info.span());
        let mut collector = EvidenceCollector::new();
        let options = WindowOptions { span: window, size: None, threads: 1 };
        look(Arc::clone(&source), request.media, &options, &mut collector)?;
        let evidence = collector.finish();
        release_memory();
        let found = trim(&TrimInput {
            moment: request.moment.intersect(window),
            window,
            evidence: &evidence,
            avoid: request.avoid,
            policy: request.policy,
            settings: request.trim,
        });
        match found {
            Ok(found) => (found.span, found.notes, Some(evidence)),
            Err(refusal) => return Ok(WindowOutcome::Nothing(refusal)),
        }
    };
    // The cover is chosen before encoding where the pictures are known by then.
    let cover_at = match &seen {
        Some(evidence) => pick_cover(evidence, span),
        None => span.start + MediaDuration::from_seconds(span.seconds() / 3.0),
    };
    let fps = request.media.info.video.as_ref().map_or(30.0, |video| video.fps());
    let last_at = span.end - MediaDuration::from_seconds(1.6 / fps.max(1.0));
    let stills = [span.start, cover_at, last_at];
    let clip_request = ClipRequest { span, settings: request.encode, stills: &stills };
    let mut pictures = Vec::new();
    let mut keep = |picture: Still| pictures.push(jpeg(&picture));
    let (clip, source) = match seen {
        Some(evidence) => {
            let clip = encode_clip(source, request.media, &clip_request, None, &mut keep)?;
            let evidence = evidence.within(clip.span);
            (clip, evidence)
        }
        None => {
            let mut collector = EvidenceCollector::new();
            let clip =
                encode_clip(source, request.media, &clip_request, Some(&mut collector), &mut keep)?;
            (clip, collector.finish())
        }
    };
    let mut pictures = pictures.into_iter().collect::<Result<Vec<_>>>()?.into_iter();
    let mut edge_pictures = Vec::new();
    edge_pictures.extend(pictures.next().map(|picture| ("first.jpg".to_owned(), picture)));
    let cover = pictures.next();
    edge_pictures.extend(pictures.next().map(|picture| ("last.jpg".to_owned(), picture)));
    release_memory();
    let decoded = decode_clip(Arc::new(MemorySource::new("clip.mp4", clip.mp4.clone())))?;
    release_memory();
    Ok(WindowOutcome::Clip(Box::new(CutClip {
        mp4: clip.mp4,
        edge_pictures,
        cover,
        span: clip.span,
        pictures: clip.pictures,
        notes,
        source,
        decoded,
        stats: clip.stats,
    })))
}

/// Decodes a whole file once.
///
/// # Errors
/// As [`scan`] and [`look`].
pub fn decode_clip(source: Arc<dyn ByteSource>) -> Result<Decoded> {
    let media = scan(Arc::clone(&source))?;
    let info = media.info.clone();
    let mut collector = EvidenceCollector::new();
    let mut damaged_packets = 0;
    // Sound may outlast the pictures by part of a coded frame.
    let span = Span::new(MediaTime::ZERO, info.span().end + MediaDuration::from_millis(50));
    if !info.span().is_empty() {
        let options = WindowOptions { span, size: None, threads: 1 };
        damaged_packets = look(source, &media, &options, &mut collector)?.damaged_packets;
    }
    Ok(Decoded { info, media, evidence: collector.finish(), damaged_packets })
}

/// A picture of a file as JPEG, for evidence.
///
/// # Errors
/// As [`still`].
pub fn picture_at(source: Arc<dyn ByteSource>, media: &Media, at: MediaTime) -> Result<Vec<u8>> {
    let picture: Still = still(source, media, at)?;
    jpeg(&picture)
}
