//! Where the host's face is, as it is shown: nothing is laid over it where that can be helped.

use reprise_model::clip::Clip;

use crate::geometry::Rect;
use crate::layout::Taken;
use crate::zoom::View;

/// How long a sighting holds, seconds: faces are looked for about every 1.25 s.
const HOLD_S: f64 = 0.8;
/// From one look to the next, seconds.
const STEP_S: f64 = 0.2;

/// The face that is seen nearest to a time; `None` where none is known about then.
pub fn at(clip: &Clip, seconds: f64) -> Option<Rect> {
    let off =
        |seen: &&reprise_model::clip::FaceSighting| (seen.clip_time_s.seconds() - seconds).abs();
    let near = clip.faces.iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
    let area = Rect::from(near.area);
    (off(&near) <= HOLD_S && !area.is_empty()).then_some(area)
}

/// The faces that are seen in a span, seconds.
pub fn within(clip: &Clip, (from, until): (f64, f64)) -> Vec<Rect> {
    let span = from - HOLD_S..until + HOLD_S;
    let meanwhile = clip.faces.iter().filter(|seen| span.contains(&seen.clip_time_s.seconds()));
    meanwhile.map(|seen| Rect::from(seen.area)).filter(|area| !area.is_empty()).collect()
}

/// Where faces are shown in pictures that come at `fps`, each in its view.
pub fn shown(clip: &Clip, views: &[View], fps: f64) -> Vec<Taken> {
    let step = (STEP_S * fps).max(1.0) as usize;
    let look = |number: usize| {
        let from = number as f64 / fps;
        let area = views[number].shown_area(&at(clip, from)?);
        Some(Taken { area, shown_s: (from, from + step as f64 / fps) })
    };
    (0..views.len()).step_by(step).filter_map(look).collect()
}
