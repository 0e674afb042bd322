//! Quick post edit: a clip, a template and wishes to a remix that is ready to post.
//!
//! [`Order::plan`] plans the pictures (`scene`); [`Planned::make`] mixes the sound (`mix`) and runs the
//! graph (`graph`), which decodes each picture, has it painted on (`painter`) and codes it anew.
//! [`Remixer`] does both in a process that shuts itself in (`child`). Templates, music and words are data
//! in `pipelines/remix/`.

mod approach;
mod arrow;
mod captions;
mod child;
mod colour;
mod content;
mod drawing;
mod face;
mod follow;
#[cfg(test)]
mod frames_tests;
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

use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{
    EncodeSettings, Media, Still, WindowOptions, look, probe, put_together, take_apart,
};
use reprise_model::clip::Clip;
use reprise_model::plan::Plan;
use reprise_model::remix::{Effect, MixLoudness, Music, Overlay};
use reprise_model::{ByteSource, Error, Kind, MediaTime, Result, Span};

use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::drawing::{Coding, Drawing, Planes};
use crate::mix::{Balance, Mix};
use crate::painter::Painter;
use crate::scene::{Plot, Scene};

pub use child::{Remixer, serve};
pub use content::Wishes;
pub use geometry::SAFE_ZONE;
pub use graph::{Coder, Graph, Way, has_element, prepare};
pub use music::Score;
pub use template::{LayerKind, Template, When};
pub use text::families_missing;

/// Fonts that the built-in templates are drawn with.
pub const FONTS: [&str; 6] = [
    "Lato",
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans CJK SC",
    "Noto Sans Thai",
    "Noto Color Emoji",
];

/// A remix that was ordered: everything but the clip's own bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The clip's metadata.
    pub clip: Clip,
    /// The template.
    pub template: Template,
    /// The seller's wishes.
    pub wishes: Wishes,
    /// The LIVE that it invites to.
    pub plan: Option<Plan>,
    /// The brand's picture: PNG, JPEG or WebP.
    #[serde(with = "serde_bytes")]
    pub brand: Option<Vec<u8>>,
    /// How pictures are coded.
    pub coder: Coder,
    /// How sound is coded.
    pub encode: EncodeSettings,
}

/// A remix whose pictures are planned and whose graph stands: what is left needs no file any more.
pub struct Planned<'a> {
    order: &'a Order,
    scene: Scene,
    notes: Vec<String>,
    size: (usize, usize),
    fps: f64,
    count: usize,
}

/// A remix.
#[derive(Debug)]
pub struct Made {
    /// The file.
    pub mp4: Arc<[u8]>,
    /// A picture of it for its cover.
    pub cover: Option<Still>,
    /// What is in it.
    pub told: Told,
}

/// What is in a remix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
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

impl Order {
    /// Plans the pictures. Fonts are read here, and the brand's picture. Pango crashes where two threads
    /// of a process use it, so all plans of a process are to be made by one thread; [`Remixer`] gives
    /// each a process.
    ///
    /// # Errors
    /// `Usage` for unknown music; `Malformed` where a picture or a plan cannot be read; `Limit` where
    /// the clip is larger or longer than clips are.
    pub fn plan(&self) -> Result<Planned<'_>> {
        let Self { clip, template, wishes, .. } = self;
        let size = (clip.width as usize, clip.height as usize);
        let (fps, length) = (clip.fps, clip.duration_s.seconds());
        let sane = (1.0..=240.0).contains(&fps) && (0.1..=600.0).contains(&length);
        if !sane || size.0.min(size.1) < 16 || size.0.max(size.1) > 8192 {
            let words = "clip.json tells of no clip: its size, rate or length is out of bounds";
            return Err(Error::new(Kind::Limit, words).in_file(clip.clip_id.clone()));
        }
        if let Some(music) = &wishes.music {
            Score::built_in(music)?;
        }
        let count = (length * fps).round() as usize;
        let content = Content::of(clip, self.plan.as_ref(), wishes)?;
        let brand = self.brand.as_deref().map(Drawing::of_picture).transpose()?;
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
        let mut notes = content.notes;
        notes.extend(scene.notes.iter().cloned());
        Ok(Planned { order: self, scene, notes, size, fps, count })
    }
}

impl Planned<'_> {
    /// What will be laid over the pictures.
    pub fn overlays(&self) -> &[Overlay] {
        &self.scene.overlays
    }

    /// Makes the remix of the clip's bytes on a graph that stands.
    ///
    /// # Errors
    /// `Malformed` where the clip cannot be decoded or is not what its metadata say; `TryAgain` where
    /// it was cancelled.
    pub fn make(self, source: Arc<dyn ByteSource>, graph: Graph, way: &Way<'_>) -> Result<Made> {
        let media = self.opened(&source)?;
        let (pictures, live) = take_apart(&source, &media)?;
        let Self { order, scene, notes, fps, .. } = self;
        let count = pictures.pictures.len();
        let mut effects: Vec<Effect> = scene.overlays.iter().map(|o| o.effect).collect();
        if scene.views.iter().any(zoom::View::is_near) {
            effects.push(Effect::Zoom);
        }
        let overlays = scene.overlays.clone();
        let (mix, music) = sounds(order, live.as_ref(), count as f64 / fps)?;
        effects.extend(music.as_ref().map(|_| Effect::Music));
        effects.sort_unstable();
        effects.dedup();

        let cover_at = cover_picture(fps, count);
        let cover: Arc<Mutex<Option<Still>>> = Arc::default();
        let kept = Arc::clone(&cover);
        let mut scene = Some(scene);
        let mut painter: Option<Painter> = None;
        let paint = move |planes: &mut Planes<'_>, number: usize, coding: Coding| {
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
        let made = graph.render(&pictures, Box::new(paint), way)?;
        let sound = mix.as_ref().map(|mix| &mix.sound);
        let mp4 = put_together((&source, &media), &made, sound, &order.encode)?;
        let cover = cover.lock().ok().and_then(|mut cover| cover.take());
        let loudness = mix.and_then(|mix| mix.loudness);
        Ok(Made { mp4, cover, told: Told { effects, overlays, music, loudness, notes } })
    }

    /// Pictures of the remix without making it: what it will look like at these times, in order. The
    /// clip begins at `begins` of what is read.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn preview(
        &self,
        source: &Arc<dyn ByteSource>,
        begins: MediaTime,
        at: &[MediaTime],
    ) -> Result<Vec<Still>> {
        let media = self.opened(source)?;
        let (fps, last) = (self.fps, self.count.saturating_sub(1));
        let mut painter: Option<Painter> = None;
        let mut stills = Vec::new();
        for at in at {
            let number = ((at.seconds() * fps).round().max(0.0) as usize).min(last);
            let time = MediaTime::from_seconds(begins.seconds() + number as f64 / fps);
            let mut copied = copied(source, &media, time)?;
            let bt601 = self.size.0.min(self.size.1) < 720;
            let coding = Coding { bt601, full_range: copied.full_range };
            let painter = painter.get_or_insert_with(|| Painter::new(self.scene.clone(), coding));
            let mut planes = copied.planes();
            painter.paint(&mut planes, number);
            stills.push(planes.still(coding.full_range));
        }
        Ok(stills)
    }

    /// Opens the clip, which has to be the one that was planned for.
    fn opened(&self, source: &Arc<dyn ByteSource>) -> Result<Media> {
        let media = probe(Arc::clone(source))?;
        let video = media.info.require_video()?;
        if (video.width as usize, video.height as usize) != self.size {
            let words = format!(
                "has {} x {} pixels, its clip.json says {} x {}",
                video.width, video.height, self.size.0, self.size.1
            );
            return Err(Error::new(Kind::Malformed, words).in_file(media.info.name.clone()));
        }
        Ok(media)
    }
}

/// Whether a brand's picture can be drawn.
///
/// # Errors
/// `Malformed`, `Unsupported` or `Limit` with what it should be.
pub fn check_picture(bytes: &[u8]) -> Result<()> {
    Drawing::of_picture(bytes).map(|_| ())
}

/// A decoded picture, copied.
struct Copied {
    size: (usize, usize),
    planes: [(Vec<u8>, usize); 3],
    full_range: bool,
}

impl Copied {
    fn planes(&mut self) -> Planes<'_> {
        let [luma, blue, red] = &mut self.planes;
        let planes =
            [(&mut luma.0[..], luma.1), (&mut blue.0[..], blue.1), (&mut red.0[..], red.1)];
        Planes { width: self.size.0, height: self.size.1, planes }
    }
}

/// The clip's picture at a time.
fn copied(source: &Arc<dyn ByteSource>, media: &Media, at: MediaTime) -> Result<Copied> {
    #[derive(Default)]
    struct First(Option<Copied>);
    impl Observer for First {
        fn picture(&mut self, picture: &PictureView<'_>) {
            let (fine, coarse) = (picture.luma_stride, picture.chroma_stride);
            self.0.get_or_insert_with(|| Copied {
                size: (picture.width, picture.height),
                planes: [
                    (picture.luma.to_vec(), fine),
                    (picture.blue.to_vec(), coarse),
                    (picture.red.to_vec(), coarse),
                ],
                full_range: picture.full_range,
            });
        }
        fn sound(&mut self, _: &SoundView<'_>) {}
    }
    let mut first = First::default();
    let length = media.info.require_video()?.picture_duration();
    let options = WindowOptions { span: Span::new(at, at + length), size: None, threads: 1 };
    look(Arc::clone(source), media, &options, &mut first)?;
    first.0.ok_or_else(|| {
        Error::new(Kind::Malformed, "no picture can be decoded here")
            .in_file(media.info.name.clone())
            .at_time(at)
    })
}

/// The LIVE's own sound with the music that is wished for.
fn sounds(
    order: &Order,
    live: Option<&reprise_media::Sound>,
    duration_s: f64,
) -> Result<(Option<Mix>, Option<Music>)> {
    let template = &order.template;
    let name = order.wishes.music.as_ref().unwrap_or(&template.sound.music);
    let score =
        if order.wishes.allows(Effect::Music) { Some(Score::built_in(name)?) } else { None };
    let rate = live.map_or(48_000, |live| live.sample_rate);
    let samples = live
        .and_then(|live| live.channels.first())
        .map_or((duration_s * f64::from(rate)) as usize, Vec::len);
    let piece = score.as_ref().map(|score| music::play(score, samples, rate));
    let spoken: Vec<(f64, f64)> = order
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
