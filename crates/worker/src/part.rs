//! Cuts a part out of a finished clip, exact to the picture, as a clip of its own.

use std::sync::Arc;

use reprise_checks::{LookFor, NoAdviser};
use reprise_model::bytes::MemorySource;
use reprise_model::clip::Clip;
use reprise_model::{ByteSource, ClipSpan, Error, Kind, Result, Span};
use reprise_transcode::{Wanted, WindowOutcome, WindowRequest};

use crate::clip::graded;
use crate::measured::{Measured, part_of};
use crate::options::RunOptions;

/// The part with its metadata. Its verdicts are those of what was measured of the clip; without that
/// they stay the clip's.
///
/// # Errors
/// Where the clip cannot be decoded, or the part cannot be cut out of it.
pub fn cut_part(
    clip: Clip,
    mp4: Vec<u8>,
    part: ClipSpan,
    measured: Option<&Measured>,
    options: &RunOptions,
) -> Result<(Clip, Vec<u8>)> {
    let source: Arc<dyn ByteSource> = Arc::new(MemorySource::new("clip.mp4", mp4));
    let media = options.workers.probe(Arc::clone(&source))?;
    let request = WindowRequest {
        media: &media,
        moment: Span::new(part.start, part.end).intersect(media.info.span()),
        exact: true,
        avoid: &[],
        look_for: &LookFor::faults(),
        wanted: &Wanted::default(),
        policy: &options.policy,
        trim: &options.trim,
        encode: &options.profile.settings,
        verify: options.verify,
    };
    let cut = match options.workers.run_window(source, &request, &NoAdviser)? {
        WindowOutcome::Clip(cut) => cut,
        WindowOutcome::Nothing(refusal) => return Err(Error::new(Kind::Usage, refusal.detail)),
    };
    let part = ClipSpan::from(cut.span);
    let judged = measured.map(|all| all.judge(&clip, part, &options.policy, &options.phrases));
    let mut clip = part_of(clip, part);
    let info = &cut.decoded.media.info;
    clip.duration_s = info.duration;
    if let Some(video) = &info.video {
        (clip.width, clip.height, clip.fps) = (video.width, video.height, video.fps());
    }
    clip.source.clip_blake3 = blake3::hash(&cut.mp4).to_hex().to_string();
    clip.cut.copied_s = cut.copied;
    clip.cut.encoded_s = cut.encoded;
    clip.cut.notes.clone_from(&cut.notes);
    clip.cut.moved = None;
    if let Some((verdicts, _)) = judged {
        clip.verdicts = verdicts;
        graded(&mut clip, &options.policy);
    }
    Ok((clip, cut.mp4.to_vec()))
}
