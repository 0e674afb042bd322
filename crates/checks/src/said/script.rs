//! Which characters belong to scripts that are written without spaces.

/// Whether a character belongs to a script that puts no spaces between words.
pub(crate) fn is_spaceless(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff            // Thai, Lao
        | 0x1000..=0x109f          // Burmese
        | 0x1780..=0x17ff          // Khmer
        | 0x3040..=0x30ff          // Kana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff // Han
    )
}

/// Whether a text has such a character.
pub(crate) fn without_spaces(text: &str) -> bool {
    text.chars().any(is_spaceless)
}
