//! Whether decoding can begin with a picture, from its first bytes.
//!
//! A picture is key where libav's parsers call it so: an instantaneous refresh, for H.264 one with
//! a recovery point too, for MPEG-2 and MPEG-4 any intra picture.

use super::ts_tables::Coding;

/// Whether the picture that `bytes` begin is a key picture; `None` where more bytes are needed.
pub fn is_key(coding: Coding, bytes: &[u8]) -> Option<bool> {
    let mut recovers = false;
    for unit in units(bytes) {
        let &first = unit.first()?;
        match coding {
            Coding::Avc => match first & 0x1f {
                5 => return Some(true),
                1 | 2 => return Some(recovers),
                6 => recovers |= has_recovery_point(&unit[1..]),
                _ => {}
            },
            Coding::Hevc => {
                let kind = first >> 1 & 0x3f;
                if kind < 32 {
                    return Some((16..24).contains(&kind));
                }
            }
            Coding::Mpeg2 => {
                if first == 0 {
                    return Some(unit.get(2)? >> 3 & 7 == 1);
                }
            }
            Coding::Mpeg4 => {
                if first == 0xb6 {
                    return Some(unit.get(1)? >> 6 == 0);
                }
            }
            Coding::Other => return None,
        }
    }
    None
}

/// What follows each start code, up to the next.
fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = next_code(bytes, 0);
    std::iter::from_fn(move || {
        let start = at?;
        at = next_code(bytes, start);
        let end = at.map_or(bytes.len(), |next| next - 3);
        bytes.get(start..end.max(start))
    })
}

/// The byte after the next start code.
fn next_code(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(3).position(|three| three == [0, 0, 1]).map(|place| from + place + 3)
}

/// Whether supplemental information holds a recovery point (payload type 6).
fn has_recovery_point(unit: &[u8]) -> bool {
    // A three after two zeros is there only to keep start codes out.
    let mut zeros = 0;
    let plain: Vec<u8> = unit
        .iter()
        .copied()
        .filter(|&byte| {
            let kept = zeros < 2 || byte != 3;
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            kept
        })
        .collect();
    let mut bytes = plain.as_slice();
    let number = |bytes: &mut &[u8]| {
        let mut total = 0usize;
        loop {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            total += usize::from(byte);
            if byte != 0xff {
                return Some(total);
            }
        }
    };
    while bytes.len() > 2 {
        let (Some(kind), Some(size)) = (number(&mut bytes), number(&mut bytes)) else {
            return false;
        };
        if kind == 6 {
            return true;
        }
        bytes = bytes.get(size..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slice_decides() {
        let idr = [0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 1];
        assert_eq!(is_key(Coding::Avc, &idr), Some(true));
        assert_eq!(is_key(Coding::Avc, &idr[..20]), None);
        let plain = [0, 0, 1, 9, 0xf0, 0, 0, 1, 0x41, 1];
        assert_eq!(is_key(Coding::Avc, &plain), Some(false));
        let recovers = [0, 0, 1, 6, 5, 2, 7, 7, 6, 1, 0x84, 0x80, 0, 0, 1, 0x41, 1];
        assert_eq!(is_key(Coding::Avc, &recovers), Some(true));
        let user_data_only = [0, 0, 1, 6, 5, 2, 7, 7, 0x80, 0, 0, 1, 0x41, 1];
        assert_eq!(is_key(Coding::Avc, &user_data_only), Some(false));
        assert_eq!(is_key(Coding::Hevc, &[0, 0, 1, 0x40, 1, 0, 0, 1, 0x2a, 1]), Some(true));
        assert_eq!(is_key(Coding::Hevc, &[0, 0, 1, 0x02, 1]), Some(false));
        assert_eq!(is_key(Coding::Mpeg2, &[0, 0, 1, 0xb3, 9, 9, 0, 0, 1, 0, 0, 0x08]), Some(true));
        assert_eq!(is_key(Coding::Mpeg2, &[0, 0, 1, 0, 0, 0x10]), Some(false));
        assert_eq!(is_key(Coding::Mpeg4, &[0, 0, 1, 0xb6, 0x10]), Some(true));
        assert_eq!(is_key(Coding::Mpeg4, &[0, 0, 1, 0xb6, 0x50]), Some(false));
        assert_eq!(is_key(Coding::Avc, &[]), None);
    }
}
