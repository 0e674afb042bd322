//! A remix's pictures, planned: what is drawn where, from when to when.

use reprise_model::clip::Clip;
use reprise_model::remix::{Effect, Overlay, Tip};
use reprise_model::{ClipSpan, MediaTime, Result};

use crate::approach;
use crate::arrow::{self, Around, DIRECTIONS, Pointing};
use crate::captions;
use crate::colour::{Colour, WHITE};
use crate::content::{Content, Role};
use crate::drawing::{Drawing, refused};
use crate::face;
use crate::follow::{Corners, Track};
use crate::geometry::{Rect, SAFE_ZONE};
use crate::layout::{self, About, Taken};
use crate::motion::{Idle, Motion, PULSE};
use crate::shapes::{self, SHADOW};
use crate::template::{Layer, LayerKind, Shape, Template, When};
use crate::text::{Fitted, Run, Style, outline_width};
use crate::zoom::View;

/// Something drawn that comes, rests and goes.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What is drawn.
    pub drawing: Drawing,
    /// Where its top left rests, pixels.
    pub at: [f64; 2],
    /// From when to when it is shown, seconds.
    pub shown_s: (f64, f64),
    /// How it comes, goes and moves.
    pub motion: (Motion, Motion, Idle),
}

/// All that a remix's pictures need.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Pictures a second.
    pub fps: f64,
    /// Pixels.
    pub size: (usize, usize),
    /// What is drawn, the lowest first.
    pub actors: Vec<Actor>,
    /// What of the clip each picture shows.
    pub views: Vec<View>,
    /// Where the arrow is in each picture.
    pub arrows: Vec<Option<Pointing>>,
    /// The arrow, one drawing a direction, its tip in the middle; empty without one.
    pub arrow_drawings: Vec<Drawing>,
    /// What was laid over the pictures, for the record.
    pub overlays: Vec<Overlay>,
    /// What was left out, for people.
    pub notes: Vec<String>,
}

/// What a scene is planned from.
pub struct Plot<'a> {
    /// The clip.
    pub clip: &'a Clip,
    /// The template.
    pub template: &'a Template,
    /// What is said.
    pub content: &'a Content,
    /// The brand's picture, where there is one.
    pub brand: Option<&'a Drawing>,
    /// Whether an effect may be in it.
    pub allows: &'a dyn Fn(Effect) -> bool,
    /// Pixels.
    pub size: (usize, usize),
    /// Pictures a second.
    pub fps: f64,
    /// Pictures.
    pub count: usize,
}

impl Scene {
    /// Plans a remix's pictures.
    ///
    /// # Errors
    /// `Bug` where something cannot be drawn.
    pub fn plan(plot: &Plot<'_>) -> Result<Self> {
        let Plot { template, content, size, fps, count, .. } = *plot;
        let (width, height) = (size.0 as f64, size.1 as f64);
        let duration_s = count as f64 / fps;
        let track = Track::of(plot.clip, fps, count);
        let zoom = template.zoom.as_ref().filter(|_| (plot.allows)(Effect::Zoom));
        let views = |cards: &[Taken]| {
            approach::views(zoom, (plot.clip, &track, cards), (width, height), fps, count)
        };
        let corners = |views: &[View]| -> Vec<Option<Corners>> {
            let shown = |(number, view): (usize, &View)| {
                Some(track.at(number)?.map(|corner| view.shown(corner)))
            };
            views.iter().enumerate().map(shown).collect()
        };
        let first_views = views(&[]);
        let zone = SAFE_ZONE.of(&Rect::new(0.0, 0.0, width, height));
        let seen: Vec<(f64, Rect)> = corners(&first_views)
            .into_iter()
            .enumerate()
            .step_by((fps / 5.0).max(1.0) as usize)
            .filter_map(|(number, corners)| Some((number as f64 / fps, Rect::around(&corners?))))
            .collect();
        let groups = captions::groups(&plot.clip.words, duration_s);
        let has = |layer: &Layer| match layer.kind {
            LayerKind::Captions => (plot.allows)(Effect::Captions) && !groups.is_empty(),
            LayerKind::Brand => {
                (plot.allows)(Effect::Brand)
                    && (plot.brand.is_some() || content.texts.contains_key(&Effect::Brand))
            }
            kind => content.texts.contains_key(&effect(kind)),
        };
        let own = plot.clip.overlays.iter().map(Taken::of);
        let kept_free: Vec<Taken> = own.chain(face::shown(plot.clip, &first_views, fps)).collect();
        let about = About { zone: &zone, duration_s, seen: &seen, kept_free: &kept_free };
        let slots = layout::slots(template, &about, &has);
        // Where things lie depends on the views, and these on where things lie: once more is enough.
        let card = |(layer, slot): (&Layer, &Option<Rect>)| {
            Some(Taken { area: (*slot)?, shown_s: layer.when.span(duration_s) })
        };
        let cards: Vec<Taken> = template.layers.iter().zip(&slots).filter_map(card).collect();
        let views = views(&cards);
        let corners = corners(&views);
        let mut scene = Self {
            fps,
            size,
            actors: Vec::new(),
            views,
            arrows: vec![None; count],
            arrow_drawings: Vec::new(),
            overlays: Vec::new(),
            notes: Vec::new(),
        };
        for (layer, slot) in template.layers.iter().zip(slots) {
            let Some(slot) = slot else { continue };
            let artist = Artist { plot, layer, slot, short: width.min(height) };
            if layer.kind == LayerKind::Captions {
                for group in &groups {
                    artist.caption(group, &mut scene)?;
                }
            } else {
                artist.still(duration_s, &mut scene)?;
            }
        }
        scene.point(plot, &corners, &zone)?;
        Ok(scene)
    }

    /// Puts the arrow in.
    fn point(&mut self, plot: &Plot<'_>, corners: &[Option<Corners>], zone: &Rect) -> Result<()> {
        let template = plot.template;
        let Some(arrow) = template.arrow.as_ref().filter(|_| (plot.allows)(Effect::Arrow)) else {
            return Ok(());
        };
        let (fps, count) = (self.fps, corners.len());
        let number = |seconds: f64| (seconds * fps).round() as usize;
        let ours = self.overlays.iter().map(|overlay| (overlay.span, Rect::from(overlay.area)));
        let own = plot.clip.overlays.iter().map(|overlay| (overlay.span, Rect::from(overlay.area)));
        let mut taken: Vec<(Rect, usize, usize)> = ours
            .chain(own)
            .map(|(span, area)| {
                (area, number(span.start.seconds()), number(span.end.seconds()) + 1)
            })
            .collect();
        let faces = face::shown(plot.clip, &self.views, fps);
        taken.extend(
            faces.iter().map(|face| (face.area, number(face.shown_s.0), number(face.shown_s.1))),
        );
        let length = arrow.length * self.size.0.min(self.size.1) as f64;
        let around = Around { corners, taken: &taken, zone: *zone, fps };
        // The opening belongs to the hook.
        let (from, _) = When::AfterOpening.span(count as f64 / fps);
        let times = (arrow.show_s, arrow.pause_s);
        self.arrows = arrow::pointing(&around, length, times, (number(from * 0.5), count));
        if self.arrows.iter().all(Option::is_none) {
            self.notes.push(match corners.iter().any(Option::is_some) {
                true => "no arrow: there is no room for it beside the product".to_owned(),
                false => "no arrow: it is not known where the product is".to_owned(),
            });
            return Ok(());
        }
        let colour = |name: &String| template.colour(Some(name)).unwrap_or(WHITE);
        let side = arrow::canvas(length);
        let colours = (colour(&arrow.fill), colour(&arrow.outline));
        for direction in 0..DIRECTIONS {
            let drawing = Drawing::new(side, side, |context| {
                context.translate(side / 2.0, side / 2.0);
                shapes::arrow(context, arrow.style, arrow::angle(direction), length, colours)
            })?;
            self.arrow_drawings.push(drawing);
        }
        let mut number = 0;
        while number < count {
            let row = self.arrows[number..].iter().take_while(|arrow| arrow.is_some()).count();
            if row > 0 {
                let tips: Vec<[f64; 2]> =
                    self.arrows[number..number + row].iter().flatten().map(|p| p.tip).collect();
                self.overlays.push(Overlay {
                    effect: Effect::Arrow,
                    text: None,
                    is_cut: false,
                    span: span((number as f64 / fps, (number + row) as f64 / fps)),
                    area: Rect::around(&tips).widened(length * 1.1).into(),
                    tips: tips
                        .iter()
                        .enumerate()
                        .step_by((fps / 5.0).max(1.0) as usize)
                        .map(|(index, tip)| Tip {
                            clip_time_s: MediaTime::from_seconds((number + index) as f64 / fps),
                            at: tip.map(|value| (value * 10.0).round() / 10.0),
                        })
                        .collect(),
                });
            }
            number += row.max(1);
        }
        Ok(())
    }
}

fn span((from, until): (f64, f64)) -> ClipSpan {
    ClipSpan { start: MediaTime::from_seconds(from), end: MediaTime::from_seconds(until) }
}

/// The effect that a layer belongs to.
pub fn effect(kind: LayerKind) -> Effect {
    match kind {
        LayerKind::Hook => Effect::Hook,
        LayerKind::Name => Effect::Name,
        LayerKind::Price => Effect::Price,
        LayerKind::Captions => Effect::Captions,
        LayerKind::CallToAction => Effect::CallToAction,
        LayerKind::Plan => Effect::Plan,
        LayerKind::Brand => Effect::Brand,
    }
}

/// Draws one layer.
struct Artist<'a> {
    plot: &'a Plot<'a>,
    layer: &'a Layer,
    slot: Rect,
    short: f64,
}

impl Artist<'_> {
    fn colour(&self, name: Option<&String>) -> Option<Colour> {
        self.plot.template.colour(name)
    }

    /// Everything but captions.
    fn still(&self, duration_s: f64, scene: &mut Scene) -> Result<()> {
        let layer = self.layer;
        let shown_s = layer.when.span(duration_s);
        let effect = effect(layer.kind);
        if let (LayerKind::Brand, Some(picture)) = (layer.kind, self.plot.brand) {
            let room = self.room();
            let fits = (room[0] / picture.width as f64).min(room[1] / picture.height as f64);
            let drawing = picture.scaled(fits.min(1.0));
            let area = self.slot.place(drawing.width as f64, drawing.height as f64, layer.at);
            let motion = (layer.enter, layer.leave, layer.idle);
            scene.actors.push(Actor { drawing, at: [area.x, area.y], shown_s, motion });
            let overlay = Overlay {
                effect,
                text: None,
                is_cut: false,
                span: span(shown_s),
                area: area.into(),
                tips: Vec::new(),
            };
            scene.overlays.push(overlay);
            return Ok(());
        }
        let mark = self.colour(layer.mark.as_ref());
        let Some(parts) = self.plot.content.texts.get(&effect) else { return Ok(()) };
        // A star is about as high as wide, and has no room for what a price was.
        let is_star = layer.shape == Shape::Burst;
        let kept = parts.iter().filter(|part| !is_star || part.role != Role::Was);
        let mut runs: Vec<Run> = kept.map(|part| part.run(mark)).collect();
        if let Some(second) = runs.get_mut(1).filter(|_| is_star) {
            second.text = second.text.replacen(' ', "\n", 1);
        }
        let (drawing, area, is_cut) = self.draw(&runs)?;
        if is_cut {
            scene.notes.push(format!("the end of {} does not fit", effect.as_str()));
        }
        let motion = (layer.enter, layer.leave, layer.idle);
        scene.actors.push(Actor {
            drawing,
            at: [area.x - SHADOW, area.y - SHADOW],
            shown_s,
            motion,
        });
        scene.overlays.push(Overlay {
            effect,
            text: self.plot.content.text(effect),
            is_cut,
            span: span(shown_s),
            area: area.into(),
            tips: Vec::new(),
        });
        Ok(())
    }

    /// A group of words, drawn once for each that is spoken.
    fn caption(&self, group: &captions::Group, scene: &mut Scene) -> Result<()> {
        let mark = self.colour(self.layer.mark.as_ref());
        let mut covers: Option<Rect> = None;
        for (from, until, spoken) in group.spoken() {
            let runs: Vec<Run> = group
                .words
                .iter()
                .enumerate()
                .map(|(index, (text, _))| Run {
                    colour: mark.filter(|_| index == spoken),
                    ..Run::plain(text.clone())
                })
                .collect();
            let (drawing, area, _) = self.draw(&runs)?;
            scene.actors.push(Actor {
                drawing,
                at: [area.x - SHADOW, area.y - SHADOW],
                shown_s: (from, until),
                motion: (Motion::None, Motion::None, Idle::None),
            });
            covers = Some(area);
        }
        if let Some(area) = covers {
            scene.overlays.push(Overlay {
                effect: Effect::Captions,
                text: Some(group.words.iter().map(|word| word.0.as_str()).collect()),
                is_cut: false,
                span: span((group.from_s, group.until_s)),
                area: area.into(),
                tips: Vec::new(),
            });
        }
        Ok(())
    }

    /// Room in the slot for what is drawn at rest: what pops or pulses gets larger for a moment.
    fn room(&self) -> [f64; 2] {
        let grows = self.layer.idle == Idle::Pulse
            || self.layer.enter == Motion::Pop
            || self.layer.leave == Motion::Pop;
        let share = if grows { 1.0 / (1.0 + PULSE) } else { 1.0 };
        [self.slot.width * share, self.slot.height * share]
    }

    /// A text with what lies under it: the drawing, the shape's place, and whether the text is cut.
    fn draw(&self, runs: &[Run]) -> Result<(Drawing, Rect, bool)> {
        let Plot { template, content, .. } = *self.plot;
        let layer = self.layer;
        let em = layer.size * self.short;
        let room = self.room();
        let outline = self.colour(layer.outline.as_ref());
        // A star is narrow at its corners: its text gets less of the box.
        let inner = if layer.shape == Shape::Burst { 0.94 } else { 1.0 };
        let style = Style {
            font: if layer.heading { &template.fonts.heading } else { &template.fonts.text },
            language: &content.language,
            em,
            lines: layer.lines,
            align: if layer.shape == Shape::Burst { 0.5 } else { layer.at[0] },
        };
        // What lies around the text: on both sides together, above and below together.
        let around = |em: f64| {
            let (pad, lead) =
                (shapes::padding(layer.shape, em), shapes::beginning(layer.shape, em));
            let border = if outline.is_some() { outline_width(em) * 2.0 } else { 0.0 };
            (2.0 * pad[0] + lead + border, 2.0 * pad[1] + border)
        };
        let text = Fitted::new(runs, &style, |em| {
            let (sides, ends) = around(em);
            (((room[0] - sides) * inner).max(em), ((room[1] - ends) * inner).max(em * 0.8))
        })?;
        let (sides, ends) = around(text.em);
        let lead = shapes::beginning(layer.shape, text.em);
        let width = (text.width() + sides).min(room[0]);
        let mut height = (text.height() + ends).min(room[1]);
        if layer.shape == Shape::Burst {
            height = height.max(width * 0.5).min(room[1]);
        }
        let area = self.slot.place(width, height, layer.at);
        let own = Rect::new(SHADOW, SHADOW, width, height);
        let (canvas_width, canvas_height) = (width + 2.0 * SHADOW, height + 2.0 * SHADOW);
        let drawing = Drawing::new(canvas_width, canvas_height, |context| {
            if let Some(fill) = self.colour(layer.fill.as_ref()) {
                shapes::draw(context, layer.shape, &own, fill, text.em)?;
            }
            let at = [
                own.x + lead + (width - lead - text.width()) / 2.0,
                own.y + (height - text.height()) / 2.0,
            ];
            let ink = self.colour(Some(&layer.ink)).unwrap_or(WHITE);
            text.draw(context, at, ink, outline)?;
            context.status().map_err(refused)
        })?;
        Ok((drawing, area, text.is_cut))
    }
}
