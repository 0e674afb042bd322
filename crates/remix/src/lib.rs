//! Quick post edit: a clip, a template and wishes to a remix that is ready to post.
//!
//! [`prepare`] starts GStreamer; [`remix`] plans the pictures (`scene`), mixes the sound (`mix`),
//! and runs the graph (`graph`), which decodes each picture, has it painted on (`painter`) and codes it
//! anew. Templates, music and words are data in `pipelines/remix/`.

mod approach;
mod arrow;
mod captions;
mod colour;
mod content;
mod drawing;
mod follow;
mod geometry;
mod graph;
mod layout;
mod limiter;
mod mix;
mod motion;
mod music;
mod painter;
mod scene;
mod shapes;
mod template;
mod text;
mod words;
mod zoom;

use std::sync::{Arc, Mutex};

use reprise_media::{EncodeSettings, Media, Still, put_together, take_apart};
use reprise_model::clip::Clip;
use reprise_model::plan::Plan;
use reprise_model::remix::{Effect, MixLoudness, Music, Overlay};
use reprise_model::{ByteSource, Result};

use crate::content::Content;
use crate::drawing::Drawing;
use crate::mix::{Balance, Mix};
use crate::painter::Painter;
use crate::scene::{Plot, Scene};

pub use content::Wishes;
pub use geometry::SAFE_ZONE;
pub use graph::{Coder, Way, prepare};
pub use music::Score;
pub use template::{LayerKind, Template, When};
pub use text::families_missing;

/// Fonts that the built-in templates are drawn with.
pub const FONTS: [&str; 5] =
    ["Lato", "Noto Sans", "Noto Sans Thai", "Noto Sans Arabic", "Noto Color Emoji"];

/// What to remix, and how.
pub struct Request<'a> {
    /// The clip's MP4.
    pub source: Arc<dyn ByteSource>,
    /// What it is.
    pub media: &'a Media,
    /// Its metadata.
    pub clip: &'a Clip,
    /// The template.
    pub template: &'a Template,
    /// The seller's wishes.
    pub wishes: &'a Wishes,
    /// The LIVE that it invites to.
    pub plan: Option<&'a Plan>,
    /// The brand's picture: PNG, JPEG or WebP.
    pub brand: Option<&'a [u8]>,
    /// How pictures are coded.
    pub coder: &'a Coder,
    /// How sound is coded.
    pub encode: &'a EncodeSettings,
}

/// A remix.
pub struct Made {
    /// The file.
    pub mp4: Arc<[u8]>,
    /// A picture of it for its cover.
    pub cover: Option<Still>,
    /// Effects that are in it.
    pub effects: Vec<Effect>,
    /// What was laid over the pictures.
    pub overlays: Vec<Overlay>,
    /// The music that was added.
    pub music: Option<Music>,
    /// How loud it is.
    pub loudness: Option<MixLoudness>,
    /// What was left out, for people.
    pub notes: Vec<String>,
}

/// Makes a remix.
///
/// # Errors
/// `Usage` for unknown music; `Malformed` where the clip cannot be decoded, or a picture or a plan
/// cannot be read; `Unavailable` where a part of GStreamer is missing; `TryAgain` where it was
/// cancelled.
pub fn remix(request: &Request<'_>, way: &Way<'_>) -> Result<Made> {
    let Request { source, media, clip, template, wishes, .. } = request;
    let (pictures, live) = take_apart(source, media)?;
    let fps = f64::from(pictures.rate.0) / f64::from(pictures.rate.1.max(1));
    let count = pictures.pictures.len();
    let size = (pictures.width as usize, pictures.height as usize);
    let content = Content::of(clip, request.plan, wishes)?;
    let brand = request.brand.map(Drawing::of_picture).transpose()?;
    let allows = |effect: Effect| wishes.allows(effect);
    let scene = Scene::plan(&Plot {
        clip,
        template,
        content: &content,
        brand: brand.as_ref(),
        allows: &allows,
        size,
        fps,
        count,
    })?;
    let mut effects: Vec<Effect> = scene.overlays.iter().map(|overlay| overlay.effect).collect();
    if scene.views.iter().any(zoom::View::is_near) {
        effects.push(Effect::Zoom);
    }
    let mut notes = content.notes;
    notes.extend(scene.notes.iter().cloned());
    let overlays = scene.overlays.clone();
    let cover_at = cover_picture(fps, count);

    let (mix, music) = sounds(request, live.as_ref(), count as f64 / fps)?;
    effects.extend(music.as_ref().map(|_| Effect::Music));
    effects.sort_unstable();
    effects.dedup();

    let cover: Arc<Mutex<Option<Still>>> = Arc::default();
    let kept = Arc::clone(&cover);
    let mut scene = Some(scene);
    let mut painter: Option<Painter> = None;
    let paint = move |planes: &mut drawing::Planes<'_>, number: usize, coding| {
        if let Some(scene) = scene.take() {
            painter = Some(Painter::new(scene, coding));
        }
        if let Some(painter) = painter.as_mut() {
            painter.paint(planes, number);
        }
        if number == cover_at
            && let Ok(mut kept) = kept.lock()
        {
            *kept = Some(planes.still(coding.full_range));
        }
    };
    let made = graph::render(&pictures, request.coder, Box::new(paint), way)?;
    let sound = mix.as_ref().map(|mix| &mix.sound);
    let mp4 = put_together((source, media), &made, sound, request.encode)?;
    let cover = cover.lock().ok().and_then(|mut cover| cover.take());
    let loudness = mix.and_then(|mix| mix.loudness);
    Ok(Made { mp4, cover, effects, overlays, music, loudness, notes })
}

/// The LIVE's own sound with the music that is wished for.
fn sounds(
    request: &Request<'_>,
    live: Option<&reprise_media::Sound>,
    duration_s: f64,
) -> Result<(Option<Mix>, Option<Music>)> {
    let template = request.template;
    let name = request.wishes.music.as_ref().unwrap_or(&template.sound.music);
    let score =
        if request.wishes.allows(Effect::Music) { Some(Score::built_in(name)?) } else { None };
    let rate = live.map_or(48_000, |live| live.sample_rate);
    let samples = live
        .and_then(|live| live.channels.first())
        .map_or((duration_s * f64::from(rate)) as usize, Vec::len);
    let piece = score.as_ref().map(|score| music::play(score, samples, rate));
    let spoken: Vec<(f64, f64)> = request
        .clip
        .words
        .iter()
        .map(|word| (word.clip_start_s.seconds(), word.clip_end_s.seconds()))
        .collect();
    let balance = Balance {
        below_speech_lu: template.sound.below_speech_lu,
        below_in_pauses_lu: template.sound.below_in_pauses_lu,
        loudness_lufs: template.sound.loudness_lufs,
    };
    let mix = mix::mix(live, piece.as_ref(), &spoken, &balance)?;
    let music = score.map(|score| Music { name: score.name, licence: score.licence });
    Ok((mix, music))
}

/// The picture for the cover: one with the opening line at rest.
fn cover_picture(fps: f64, count: usize) -> usize {
    let (_, opening) = When::Opening.span(count as f64 / fps);
    ((opening * 0.6 * fps) as usize).min(count.saturating_sub(1))
}
