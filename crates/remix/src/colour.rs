//! Colours, written as `#rrggbb` or `#rrggbbaa`.

use serde::{Deserialize, Serialize};

/// A colour with its opacity, 0 to 1 each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour {
    /// Red.
    pub red: f64,
    /// Green.
    pub green: f64,
    /// Blue.
    pub blue: f64,
    /// Opacity.
    pub alpha: f64,
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|d| matches!(d.len(), 6 | 8) && d.is_ascii());
        let wrong = || format!("`{text}` is no colour; write #rrggbb or #rrggbbaa");
        let digits = digits.ok_or_else(wrong)?;
        let part = |at: usize| match digits.get(at..at + 2) {
            Some(pair) => u8::from_str_radix(pair, 16).map(f64::from).map_err(|_| wrong()),
            None => Ok(255.0),
        };
        Ok(Self {
            red: part(0)? / 255.0,
            green: part(2)? / 255.0,
            blue: part(4)? / 255.0,
            alpha: part(6)? / 255.0,
        })
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        let part = |value: f64| (value * 255.0).round() as u8;
        let Colour { red, green, blue, alpha } = colour;
        format!("#{:02x}{:02x}{:02x}{:02x}", part(red), part(green), part(blue), part(alpha))
    }
}

impl Colour {
    /// The same with another opacity.
    pub const fn with_alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// Between this and `other`: 0 is this one.
    pub fn towards(self, other: Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Self {
            red: mix(self.red, other.red),
            green: mix(self.green, other.green),
            blue: mix(self.blue, other.blue),
            alpha: mix(self.alpha, other.alpha),
        }
    }
}

/// Black.
pub const BLACK: Colour = Colour { red: 0.0, green: 0.0, blue: 0.0, alpha: 1.0 };

/// White.
pub const WHITE: Colour = Colour { red: 1.0, green: 1.0, blue: 1.0, alpha: 1.0 };

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_written() {
        let colour = Colour::try_from("#ff800040".to_owned()).unwrap();
        assert_eq!((colour.red, colour.blue), (1.0, 0.0));
        assert_eq!(String::from(colour), "#ff800040");
        for wrong in ["ff8000", "#ff80", "#gg8000", "#ääü"] {
            assert!(Colour::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
