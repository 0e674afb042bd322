//! Outlines drawn into evidence pictures: where a product, a code or a mark was found.

use reprise_media::Still;

/// Corners of what was found, in order around it, pixels.
pub type Outline = [[f32; 2]; 4];

/// Bright green stands out from skin, wood and most packages; a dark rim keeps it seen on green.
const LINE: [u8; 3] = [0, 230, 80];
const RIM: [u8; 3] = [0, 40, 10];

/// Draws outlines, lines of about a hundredth of the picture's width.
pub(crate) fn draw(still: &mut Still, outlines: &[Outline]) {
    let half = (still.width as f32 / 240.0).clamp(1.0, 8.0);
    for (extra, colour) in [(half * 0.8, RIM), (0.0, LINE)] {
        for outline in
            outlines.iter().filter(|outline| outline.iter().flatten().all(|x| x.is_finite()))
        {
            for side in 0..4 {
                line(still, outline[side], outline[(side + 1) % 4], half + extra, colour);
            }
        }
    }
}

fn line(still: &mut Still, from: [f32; 2], to: [f32; 2], half: f32, colour: [u8; 3]) {
    let (width, height) = (still.width as f32, still.height as f32);
    let length = (to[0] - from[0]).hypot(to[1] - from[1]);
    // Corners may lie far outside: no more steps than a line through the picture has.
    let steps = (length.min(4.0 * (width + height)) / half.max(1.0)).ceil().max(1.0) as usize;
    for step in 0..=steps {
        let share = step as f32 / steps as f32;
        let x = from[0] + (to[0] - from[0]) * share;
        let y = from[1] + (to[1] - from[1]) * share;
        let rows =
            (y - half).max(0.0) as usize..((y + half).min(height - 1.0) + 1.0).max(0.0) as usize;
        let columns =
            (x - half).max(0.0) as usize..((x + half).min(width - 1.0) + 1.0).max(0.0) as usize;
        for row in rows {
            for column in columns.clone() {
                let at = (row * still.width + column) * 3;
                if let Some(pixel) = still.rgb.get_mut(at..at + 3) {
                    pixel.copy_from_slice(&colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reprise_model::MediaTime;

    use super::*;

    #[test]
    fn lines_are_drawn_where_the_corners_are_and_nowhere_else() {
        let (width, height) = (240, 240);
        let mut still =
            Still { time: MediaTime::ZERO, width, height, rgb: vec![128; width * height * 3] };
        draw(&mut still, &[[[40.0, 40.0], [200.0, 40.0], [200.0, 200.0], [40.0, 200.0]]]);
        let pixel = |x: usize, y: usize| &still.rgb[(y * width + x) * 3..][..3];
        assert_eq!(pixel(120, 40), LINE);
        assert_eq!(pixel(40, 120), LINE);
        assert_eq!(pixel(120, 120), [128; 3]);
        assert_eq!(pixel(20, 20), [128; 3]);
    }

    #[test]
    fn corners_outside_and_without_number_do_no_harm() {
        let mut still =
            Still { time: MediaTime::ZERO, width: 64, height: 64, rgb: vec![0; 64 * 64 * 3] };
        let far = [[-1e9, 10.0], [1e9, 10.0], [1e9, 1e9], [-1e9, 1e9]];
        draw(&mut still, &[far, [[f32::NAN, 0.0]; 4]]);
    }
}
