//! How a stored picture becomes an upright one with square pixels, and how large it is then.

use serde::{Deserialize, Serialize};

/// One of the eight ways a picture can be turned and mirrored to be upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// As stored.
    #[default]
    Upright,
    /// Turn clockwise by 90 degrees.
    Clockwise,
    /// Turn by 180 degrees.
    Half,
    /// Turn counter-clockwise by 90 degrees.
    CounterClockwise,
    /// Mirror left and right.
    Mirrored,
    /// Mirror top and bottom.
    Flipped,
    /// Mirror along the main diagonal.
    Transposed,
    /// Mirror along the other diagonal.
    AntiTransposed,
}

impl Orientation {
    /// From a display matrix (ISO/IEC 14496-12, 8.3.2): output x = a x + c y, y = b x + d y, with
    /// y pointing down. Angles between right angles go to the nearest.
    pub fn from_matrix(matrix: [i32; 9]) -> Self {
        let [a, b, c, d] = [matrix[0], matrix[1], matrix[3], matrix[4]].map(i64::from);
        if a.abs() + d.abs() >= b.abs() + c.abs() {
            match (a < 0, d < 0) {
                (false, false) => Self::Upright,
                (true, true) => Self::Half,
                (true, false) => Self::Mirrored,
                (false, true) => Self::Flipped,
            }
        } else {
            match (b < 0, c < 0) {
                (false, true) => Self::Clockwise,
                (true, false) => Self::CounterClockwise,
                (false, false) => Self::Transposed,
                (true, true) => Self::AntiTransposed,
            }
        }
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Clockwise | Self::CounterClockwise | Self::Transposed | Self::AntiTransposed
        )
    }

    /// In libav's filter notation; empty where nothing is to be done.
    pub(crate) fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Upright => &[],
            Self::Clockwise => &["transpose=clock"],
            Self::Half => &["hflip", "vflip"],
            Self::CounterClockwise => &["transpose=cclock"],
            Self::Mirrored => &["hflip"],
            Self::Flipped => &["vflip"],
            Self::Transposed => &["transpose=cclock_flip"],
            Self::AntiTransposed => &["transpose=clock_flip"],
        }
    }
}

/// Size of the upright picture with square pixels, both sides even. The side that square pixels
/// would stretch stays; the other shrinks, so nothing is ever scaled up.
pub fn upright_size(
    stored: (u32, u32),
    aspect: (i32, i32),
    orientation: Orientation,
) -> (u32, u32) {
    let ratio = f64::from(aspect.0.max(1)) / f64::from(aspect.1.max(1));
    let (mut width, mut height) = (f64::from(stored.0), f64::from(stored.1));
    if (0.02..50.0).contains(&ratio) {
        if ratio > 1.0 {
            height /= ratio;
        } else {
            width *= ratio;
        }
    }
    let even = |side: f64| ((side.round() as u32) & !1).max(2);
    let (width, height) = (even(width), even(height));
    if orientation.swaps_sides() { (height, width) } else { (width, height) }
}

/// Shrinks a size so that its short and its long side keep to their limits; both sides even.
pub fn fitted(size: (u32, u32), short_max: u32, long_max: u32) -> (u32, u32) {
    let (short, long) = (size.0.min(size.1), size.0.max(size.1));
    let scale = (f64::from(short_max) / f64::from(short.max(1)))
        .min(f64::from(long_max) / f64::from(long.max(1)));
    if scale >= 1.0 {
        return size;
    }
    let even = |side: u32| (((f64::from(side) * scale).round() as u32) & !1).max(2);
    (even(size.0), even(size.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_never_grow() {
        assert_eq!(upright_size((1280, 720), (1, 1), Orientation::Clockwise), (720, 1280));
        assert_eq!(upright_size((720, 576), (16, 15), Orientation::Upright), (720, 540));
        assert_eq!(upright_size((1440, 1080), (4, 3), Orientation::Upright), (1440, 810));
        assert_eq!(upright_size((721, 1281), (1, 1), Orientation::Upright), (720, 1280));
        assert_eq!(fitted((720, 1280), 1080, 1920), (720, 1280));
        assert_eq!(fitted((2160, 3840), 1080, 1920), (1080, 1920));
    }

    #[test]
    fn matrices_are_understood() {
        let one = 65536;
        let of = |a, b, c, d| Orientation::from_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30]);
        assert_eq!(of(one, 0, 0, one), Orientation::Upright);
        assert_eq!(of(0, one, -one, 0), Orientation::Clockwise);
        assert_eq!(of(0, -one, one, 0), Orientation::CounterClockwise);
        assert_eq!(of(-one, 0, 0, -one), Orientation::Half);
        assert_eq!(of(-one, 0, 0, one), Orientation::Mirrored);
    }
}
