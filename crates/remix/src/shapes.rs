//! What lies under texts, and arrows: drawn with cairo, no pictures are loaded.

use std::f64::consts::{PI, TAU};

use reprise_model::Result;

use crate::colour::{BLACK, Colour, WHITE};
use crate::drawing::refused;
use crate::geometry::Rect;
use crate::template::{ArrowStyle, Shape};
use crate::text::set_source;

/// Room that a shape leaves around its text, as shares of the text's em: left and right, top and
/// bottom.
pub fn padding(shape: Shape, em: f64) -> [f64; 2] {
    match shape {
        Shape::None => [0.1 * em, 0.06 * em],
        Shape::Pill => [0.6 * em, 0.3 * em],
        Shape::Card => [0.5 * em, 0.36 * em],
        Shape::Burst => [0.95 * em, 0.85 * em],
        Shape::Ribbon => [0.8 * em, 0.28 * em],
        Shape::Tag => [0.62 * em, 0.34 * em],
        Shape::Slant => [0.62 * em, 0.28 * em],
        Shape::Bar => [0.48 * em, 0.3 * em],
    }
}

/// Room at the beginning beyond that at the end: a tag's hole, a bar.
pub fn beginning(shape: Shape, em: f64) -> f64 {
    match shape {
        Shape::Tag => 0.55 * em,
        Shape::Bar => 0.16 * em,
        _ => 0.0,
    }
}

/// Room for the shadow on each side.
pub const SHADOW: f64 = 8.0;

/// Draws a shape that fills a box, with its shadow.
///
/// # Errors
/// `Bug` where cairo refuses.
pub fn draw(
    context: &cairo::Context,
    shape: Shape,
    area: &Rect,
    fill: Colour,
    em: f64,
) -> Result<()> {
    if shape == Shape::None {
        return Ok(());
    }
    // A soft shadow out of a few hard ones, a little lower.
    for (grown, alpha) in [(5.0, 0.05), (3.5, 0.07), (2.0, 0.09), (0.5, 0.12)] {
        outline(context, shape, &lowered(&area.widened(grown)), em);
        set_source(context, BLACK.with_alpha(alpha * fill.alpha));
        context.fill().map_err(refused)?;
    }
    outline(context, shape, area, em);
    let body = if shape == Shape::Bar { BLACK.with_alpha(0.62) } else { fill };
    let gradient = cairo::LinearGradient::new(0.0, area.y, 0.0, area.bottom());
    let (top, bottom) = (
        body.towards(WHITE.with_alpha(body.alpha), 0.10),
        body.towards(BLACK.with_alpha(body.alpha), 0.08),
    );
    for (at, colour) in [(0.0, top), (0.55, body), (1.0, bottom)] {
        gradient.add_color_stop_rgba(at, colour.red, colour.green, colour.blue, colour.alpha);
    }
    context.set_source(&gradient).map_err(refused)?;
    context.fill().map_err(refused)?;
    if shape == Shape::Bar {
        outline(context, shape, area, em);
        context.save().map_err(refused)?;
        context.clip();
        context.rectangle(area.x, area.y, 0.18 * em, area.height);
        set_source(context, fill);
        context.fill().map_err(refused)?;
        context.restore().map_err(refused)?;
    }
    Ok(())
}

fn lowered(area: &Rect) -> Rect {
    Rect { y: area.y + 2.5, ..*area }
}

/// The path of a shape.
fn outline(context: &cairo::Context, shape: Shape, area: &Rect, em: f64) {
    let Rect { x, y, width, height } = *area;
    let (right, bottom) = (area.right(), area.bottom());
    context.new_path();
    match shape {
        Shape::None => {}
        Shape::Pill => rounded(context, area, height / 2.0),
        Shape::Card => rounded(context, area, 0.34 * em),
        Shape::Bar => rounded(context, area, 0.18 * em),
        Shape::Slant => {
            let slant = (0.22 * height).min(width / 4.0);
            polygon(context, &[[x + slant, y], [right, y], [right - slant, bottom], [x, bottom]]);
        }
        Shape::Ribbon => {
            let notch = (0.3 * height).min(width / 6.0);
            polygon(
                context,
                &[
                    [x, y],
                    [right, y],
                    [right - notch, y + height / 2.0],
                    [right, bottom],
                    [x, bottom],
                    [x + notch, y + height / 2.0],
                ],
            );
        }
        Shape::Tag => {
            let point = (0.5 * height).min(width / 3.0);
            let radius = 0.16 * em;
            context.move_to(x + point, y);
            context.line_to(right - radius, y);
            context.arc(right - radius, y + radius, radius, -PI / 2.0, 0.0);
            context.line_to(right, bottom - radius);
            context.arc(right - radius, bottom - radius, radius, 0.0, PI / 2.0);
            context.line_to(x + point, bottom);
            context.line_to(x, y + height / 2.0);
            context.close_path();
            // The hole: the other way round, so that it stays free.
            let hole = (0.1 * height).max(3.0);
            context.new_sub_path();
            context.arc_negative(x + point * 0.82, y + height / 2.0, hole, TAU, 0.0);
        }
        Shape::Burst => {
            let points = 18;
            let (cx, cy) = (x + width / 2.0, y + height / 2.0);
            for step in 0..points * 2 {
                let reach = if step % 2 == 0 { 1.0 } else { 0.86 };
                let angle = f64::from(step) * PI / f64::from(points) - PI / 2.0;
                let at = (
                    cx + angle.cos() * width / 2.0 * reach,
                    cy + angle.sin() * height / 2.0 * reach,
                );
                if step == 0 { context.move_to(at.0, at.1) } else { context.line_to(at.0, at.1) }
            }
            context.close_path();
        }
    }
}

fn rounded(context: &cairo::Context, area: &Rect, radius: f64) {
    let radius = radius.min(area.width / 2.0).min(area.height / 2.0);
    let (left, top) = (area.x + radius, area.y + radius);
    let (right, bottom) = (area.right() - radius, area.bottom() - radius);
    context.new_sub_path();
    context.arc(right, top, radius, -PI / 2.0, 0.0);
    context.arc(right, bottom, radius, 0.0, PI / 2.0);
    context.arc(left, bottom, radius, PI / 2.0, PI);
    context.arc(left, top, radius, PI, 1.5 * PI);
    context.close_path();
}

fn polygon(context: &cairo::Context, points: &[[f64; 2]]) {
    for (index, point) in points.iter().enumerate() {
        if index == 0 {
            context.move_to(point[0], point[1]);
        } else {
            context.line_to(point[0], point[1]);
        }
    }
    context.close_path();
}

/// Draws an arrow whose tip is at the origin and that points along `angle` (radians, 0 to the right,
/// clockwise); `length` pixels long.
///
/// # Errors
/// `Bug` where cairo refuses.
pub fn arrow(
    context: &cairo::Context,
    style: ArrowStyle,
    angle: f64,
    length: f64,
    (fill, border): (Colour, Colour),
) -> Result<()> {
    context.save().map_err(refused)?;
    context.rotate(angle);
    let path = |context: &cairo::Context| match style {
        ArrowStyle::Block => {
            let (head, wide, thick) = (0.46 * length, 0.36 * length, 0.15 * length);
            polygon(
                context,
                &[
                    [0.0, 0.0],
                    [-head, -wide],
                    [-head, -thick],
                    [-length, -thick],
                    [-length, thick],
                    [-head, thick],
                    [-head, wide],
                ],
            );
        }
        ArrowStyle::Wedge => polygon(
            context,
            &[
                [0.0, 0.0],
                [-length, -0.34 * length],
                [-0.78 * length, 0.0],
                [-length, 0.34 * length],
            ],
        ),
        ArrowStyle::Brush => {
            let (head, wide) = (0.38 * length, 0.28 * length);
            context.move_to(0.0, 0.0);
            context.line_to(-head, -wide);
            context.line_to(-0.34 * length, -0.09 * length);
            context.curve_to(
                -0.62 * length,
                -0.1 * length,
                -0.86 * length,
                0.02 * length,
                -length,
                0.3 * length,
            );
            context.curve_to(
                -0.8 * length,
                0.14 * length,
                -0.6 * length,
                0.1 * length,
                -0.34 * length,
                0.1 * length,
            );
            context.line_to(-head, wide);
            context.close_path();
        }
    };
    context.set_line_join(cairo::LineJoin::Round);
    let stroke = |width: f64, colour: Colour| {
        path(context);
        set_source(context, colour);
        context.set_line_width(width);
        context.stroke_preserve().map_err(refused)?;
        context.fill().map_err(refused)
    };
    stroke(0.15 * length, BLACK.with_alpha(0.22))?;
    stroke(0.10 * length, border)?;
    stroke(0.03 * length, fill)?;
    context.restore().map_err(refused)
}
