//! Paints a scene over decoded pictures.

use std::collections::BTreeMap;

use crate::drawing::{Coding, Planes, Sprite};
use crate::motion::pose;
use crate::scene::Scene;
use crate::zoom::zoom;

/// Steps that sizes are drawn in, of the own size: finer than a pixel of what is 200 pixels wide.
const STEPS: f64 = 200.0;

/// Paints pictures, one after the other.
pub struct Painter {
    scene: Scene,
    coding: Coding,
    /// Each actor in the sizes it was drawn in so far, dropped when it is gone.
    sprites: Vec<BTreeMap<u32, (Sprite, [f64; 2])>>,
    arrows: Vec<Option<Sprite>>,
    scratch: [Vec<u8>; 3],
}

impl Painter {
    /// Of a scene, in the colours of the clip.
    pub fn new(scene: Scene, coding: Coding) -> Self {
        let sprites = vec![BTreeMap::new(); scene.actors.len()];
        let arrows = vec![None; scene.arrow_drawings.len()];
        Self { scene, coding, sprites, arrows, scratch: Default::default() }
    }

    /// Paints picture `number`.
    pub fn paint(&mut self, picture: &mut Planes<'_>, number: usize) {
        if let Some(view) = self.scene.views.get(number).copied().filter(|view| view.is_near()) {
            for (scratch, (plane, _)) in self.scratch.iter_mut().zip(&picture.planes) {
                scratch.clear();
                scratch.extend_from_slice(plane);
            }
            let [luma, blue, red] = &self.scratch;
            let strides = [0, 1, 2].map(|index: usize| picture.planes[index].1);
            let from = [(&luma[..], strides[0]), (&blue[..], strides[1]), (&red[..], strides[2])];
            zoom(from, picture, &view);
        }
        let at_s = (number as f64 + 0.5) / self.scene.fps;
        let short = picture.width.min(picture.height) as f64;
        for (actor, sprites) in self.scene.actors.iter().zip(&mut self.sprites) {
            let Some(pose) = pose(actor.motion, actor.shown_s, at_s) else {
                sprites.clear();
                continue;
            };
            let step = (pose.scale * STEPS).round() as u32;
            let (sprite, shift) = sprites.entry(step).or_insert_with(|| {
                let own = &actor.drawing;
                if step == STEPS as u32 {
                    return (Sprite::new(own, self.coding), [0.0, 0.0]);
                }
                let scaled = own.scaled(f64::from(step) / STEPS);
                let grown = [
                    own.width as f64 - scaled.width as f64,
                    own.height as f64 - scaled.height as f64,
                ];
                (Sprite::new(&scaled, self.coding), grown.map(|by| by / 2.0))
            });
            let at = [0, 1].map(|axis| actor.at[axis] + pose.offset[axis] * short + shift[axis]);
            sprite.lay_on(picture, at, pose.opacity);
        }
        if let Some(pointing) = self.scene.arrows.get(number).copied().flatten()
            && let Some(drawing) = self.scene.arrow_drawings.get(pointing.direction)
            && let Some(sprite) = self.arrows.get_mut(pointing.direction)
        {
            let sprite = sprite.get_or_insert_with(|| Sprite::new(drawing, self.coding));
            let half = drawing.width as f64 / 2.0;
            sprite.lay_on(picture, pointing.tip.map(|value| value - half), pointing.opacity);
        }
    }
}
