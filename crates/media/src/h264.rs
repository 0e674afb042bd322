//! What the coded pictures of H.264 say of themselves (ISO/IEC 14496-10): units, parameter sets,
//! the beginnings of slices, and the description that an MP4 keeps (ISO/IEC 14496-15).

/// Kinds of units that matter here.
pub(crate) mod unit {
    /// Slice of a picture that others may precede in decoding.
    pub const SLICE: u8 = 1;
    /// First of three parts of a slice; extended profile only.
    pub const PARTITION: u8 = 2;
    /// Slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const DELIMITER: u8 = 9;
    /// End of sequence.
    pub const END_OF_SEQUENCE: u8 = 10;
    /// End of stream.
    pub const END_OF_STREAM: u8 = 11;
    /// Filler.
    pub const FILLER: u8 = 12;
}

/// Units a packet may have; 8-bit levels allow far fewer slices.
const MAX_UNITS: usize = 4096;

/// How the units of a packet are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Start codes.
    AnnexB,
    /// A length of so many bytes, 1 to 4, before each.
    Length(usize),
}

/// The units of a packet, without framing; `None` where the framing is broken.
pub(crate) fn units(bytes: &[u8], framing: Framing) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    match framing {
        Framing::Length(size) => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let length = rest.get(..size)?.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
                let unit = rest.get(size..size.checked_add(length)?)?;
                rest = &rest[size + length..];
                if !unit.is_empty() {
                    found.push(unit);
                }
                if found.len() > MAX_UNITS {
                    return None;
                }
            }
        }
        Framing::AnnexB => {
            let mut start = None;
            let mut at = 0;
            while at + 3 <= bytes.len() {
                // Two of three places are skipped by looking at the third byte first.
                if bytes[at + 2] > 1 {
                    at += 3;
                } else if bytes[at..at + 3] == [0, 0, 1] {
                    if let Some(start) = start {
                        found.push(trimmed(&bytes[start..at]));
                    }
                    start = Some(at + 3);
                    at += 3;
                    if found.len() > MAX_UNITS {
                        return None;
                    }
                } else {
                    at += 1;
                }
            }
            found.push(trimmed(&bytes[start?..]));
            found.retain(|unit| !unit.is_empty());
        }
    }
    Some(found)
}

/// Without the zeros that may stand between units.
fn trimmed(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

/// Kind of a unit.
pub(crate) fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte & 0x1f)
}

/// The parameter sets of a container's description of its stream, and how its packets are framed.
/// Start codes where there is no description.
pub(crate) fn described(extradata: &[u8]) -> Option<(Framing, Vec<Vec<u8>>)> {
    if extradata.is_empty() {
        return Some((Framing::AnnexB, Vec::new()));
    }
    if extradata[0] != 1 {
        let sets = units(extradata, Framing::AnnexB)?;
        return Some((Framing::AnnexB, sets.into_iter().map(<[u8]>::to_vec).collect()));
    }
    let framing = Framing::Length(usize::from(extradata.get(4)? & 3) + 1);
    let mut sets = Vec::new();
    let mut at = 5;
    for mask in [0x1f, 0xff] {
        let count = extradata.get(at)? & mask;
        at += 1;
        for _ in 0..count {
            let head = extradata.get(at..at + 2)?;
            let length = usize::from(head[0]) << 8 | usize::from(head[1]);
            sets.push(extradata.get(at + 2..at + 2 + length)?.to_vec());
            at += 2 + length;
        }
    }
    Some((framing, sets))
}

/// An MP4's description (`avcC`) of a stream that uses all these parameter sets; `None` where
/// there are too many or they are too long.
pub(crate) fn description(sps: &[&[u8]], pps: &[&[u8]]) -> Option<Vec<u8>> {
    let head = |index: usize| sps.iter().filter_map(move |set| set.get(index).copied());
    let profile = head(1).max()?;
    // What one set does not promise, the whole does not.
    let constraints = head(2).fold(0xff, |all, set| all & set);
    let level = head(3).max()?;
    let mut out = vec![1, profile, constraints, level, 0xff];
    for (sets, limit, marker) in [(sps, 31, 0xe0), (pps, 255, 0)] {
        let count = u8::try_from(sets.len()).ok().filter(|&count| count <= limit)?;
        out.push(marker | count);
        for set in sets {
            out.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
            out.extend_from_slice(set);
        }
    }
    if !matches!(profile, 66 | 77 | 88) {
        // 4:2:0, 8 bit luma, 8 bit chroma, no extensions.
        out.extend([0xfd, 0xf8, 0xf8, 0]);
    }
    Some(out)
}

/// What a sequence parameter set says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sps {
    pub id: u32,
    pub profile: u8,
    /// 1 is 4:2:0.
    pub chroma_format: u32,
    /// Of luma and chroma.
    pub bit_depth: (u32, u32),
    /// After cropping.
    pub width: u32,
    /// After cropping.
    pub height: u32,
    /// No field and no pair of fields in it.
    pub frames_only: bool,
    /// Whether pictures may be left out on purpose.
    pub frame_num_gaps: bool,
    pub frame_num_bits: u32,
    /// 2 means that pictures are shown in the order they are decoded.
    pub order_type: u32,
    /// Width of a pixel over its height; (0, 0) where nothing is said.
    pub aspect: (u32, u32),
    /// How many pictures may be decoded before one that is shown earlier, where that is said.
    pub reorder: Option<u32>,
    separate_planes: bool,
}

/// Pixel shapes by number.
const ASPECTS: [(u32, u32); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

impl Sps {
    /// Reads a set; `None` where it is cut off or says what cannot be.
    pub fn parse(set: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(set.get(1..)?, set.len());
        let profile = bits.bits(8)? as u8;
        bits.bits(16)?;
        let id = bits.ue().filter(|&id| id < 32)?;
        let (mut chroma_format, mut separate_planes, mut bit_depth) = (1, false, (8, 8));
        if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134) {
            chroma_format = bits.ue().filter(|&format| format <= 3)?;
            if chroma_format == 3 {
                separate_planes = bits.flag()?;
            }
            let depth = |bits: &mut Bits| bits.ue().filter(|&more| more <= 6).map(|more| 8 + more);
            bit_depth = (depth(&mut bits)?, depth(&mut bits)?);
            bits.flag()?;
            if bits.flag()? {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        let frame_num_bits = 4 + bits.ue().filter(|&more| more <= 12)?;
        let order_type = bits.ue().filter(|&kind| kind <= 2)?;
        match order_type {
            0 => drop(bits.ue()?),
            1 => {
                bits.flag()?;
                bits.ue()?;
                bits.ue()?;
                for _ in 0..bits.ue().filter(|&count| count <= 255)? {
                    bits.ue()?;
                }
            }
            _ => {}
        }
        bits.ue()?;
        let frame_num_gaps = bits.flag()?;
        let side = |bits: &mut Bits| bits.ue().filter(|&n| n < 1024).map(|n| (n + 1) * 16);
        let (columns, rows) = (side(&mut bits)?, side(&mut bits)?);
        let frames_only = bits.flag()?;
        let rows = if frames_only { rows } else { rows * 2 };
        if !frames_only {
            bits.flag()?;
        }
        bits.flag()?;
        let mut crop = [0u32; 4];
        if bits.flag()? {
            for side in &mut crop {
                *side = bits.ue().filter(|&n| n < 16_384)?;
            }
        }
        let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma_format == 1 { 2 } else { 1 } * if frames_only { 1 } else { 2 };
        let width = columns.checked_sub((crop[0] + crop[1]) * unit_x)?;
        let height = rows.checked_sub((crop[2] + crop[3]) * unit_y)?;
        let mut sps = Self {
            id,
            profile,
            chroma_format,
            bit_depth,
            width,
            height,
            frames_only,
            frame_num_gaps,
            frame_num_bits,
            order_type,
            aspect: (0, 0),
            reorder: None,
            separate_planes,
        };
        if bits.flag()? {
            sps.usability(&mut bits)?;
        }
        Some(sps)
    }

    /// Video usability information (annex E).
    fn usability(&mut self, bits: &mut Bits) -> Option<()> {
        if bits.flag()? {
            let number = bits.bits(8)?;
            self.aspect = match number {
                255 => (bits.bits(16)?, bits.bits(16)?),
                _ => ASPECTS.get(number as usize).copied().unwrap_or((0, 0)),
            };
        }
        if bits.flag()? {
            bits.flag()?;
        }
        if bits.flag()? {
            bits.bits(4)?;
            if bits.flag()? {
                bits.bits(24)?;
            }
        }
        if bits.flag()? {
            bits.ue()?;
            bits.ue()?;
        }
        if bits.flag()? {
            bits.bits(32)?;
            bits.bits(32)?;
            bits.flag()?;
        }
        let mut buffered = false;
        for _ in 0..2 {
            if bits.flag()? {
                buffered = true;
                let count = bits.ue().filter(|&count| count < 32)? + 1;
                bits.bits(8)?;
                for _ in 0..count {
                    bits.ue()?;
                    bits.ue()?;
                    bits.flag()?;
                }
                bits.bits(20)?;
            }
        }
        if buffered {
            bits.flag()?;
        }
        bits.flag()?;
        if bits.flag()? {
            bits.flag()?;
            for _ in 0..4 {
                bits.ue()?;
            }
            self.reorder = Some(bits.ue().filter(|&count| count <= 16)?);
        }
        Some(())
    }
}

fn scaling_list(bits: &mut Bits, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// The numbers of a picture parameter set and of the sequence parameter set it builds on.
pub(crate) fn pps_ids(set: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(set.get(1..)?, 16);
    Some((bits.ue().filter(|&id| id < 256)?, bits.ue().filter(|&id| id < 32)?))
}

/// How a slice begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Whether it begins with the picture's first macroblock.
    pub begins: bool,
    /// Its picture parameter set.
    pub pps: u32,
    /// Number of the picture among those that others refer to.
    pub frame_num: u32,
    /// Number of an IDR picture; it differs from that of an IDR picture right before.
    pub idr: Option<u32>,
    /// Whether others refer to its picture.
    pub is_reference: bool,
}

impl Slice {
    /// Reads a slice's beginning.
    pub fn parse(slice: &[u8], sps: &Sps) -> Option<Self> {
        let head = *slice.first()?;
        let mut bits = Bits::new(slice.get(1..)?, 48);
        let begins = bits.ue()? == 0;
        bits.ue()?;
        let pps = bits.ue().filter(|&id| id < 256)?;
        if sps.separate_planes {
            bits.bits(2)?;
        }
        let frame_num = bits.bits(sps.frame_num_bits)?;
        if !sps.frames_only && bits.flag()? {
            bits.flag()?;
        }
        let idr = if kind(slice) == unit::IDR { Some(bits.ue()?) } else { None };
        Some(Self { begins, pps, frame_num, idr, is_reference: head & 0x60 != 0 })
    }
}

/// Bits of a unit's content, the bytes that keep start codes out of it removed.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// Of the first `limit` bytes.
    fn new(content: &[u8], limit: usize) -> Self {
        let mut bytes = Vec::with_capacity(content.len().min(limit));
        let mut zeros = 0;
        for &byte in content.iter().take(limit) {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// At most 32 bits.
    fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Exponential Golomb code.
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        u32::try_from((1u64 << zeros) - 1 + u64::from(rest)).ok()
    }

    /// The same with a sign.
    fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        i32::try_from(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) }).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// Writes bits, for tests.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn bits(&mut self, value: u32, count: u32) -> &mut Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }
        fn ue(&mut self, value: u32) -> &mut Self {
            let length = 32 - (value + 1).leading_zeros();
            self.bits(0, length - 1).bits(value + 1, length)
        }
        fn unit(&self, head: u8) -> Vec<u8> {
            let mut bits = self.0.clone();
            bits.push(true);
            let mut unit = vec![head];
            let mut zeros = 0;
            for byte in bits.chunks(8) {
                let whole =
                    (0..8).fold(0u8, |n, i| n << 1 | u8::from(*byte.get(i).unwrap_or(&false)));
                if zeros >= 2 && whole <= 3 {
                    unit.push(3);
                    zeros = 0;
                }
                zeros = if whole == 0 { zeros + 1 } else { 0 };
                unit.push(whole);
            }
            unit
        }
    }

    /// 720 x 1280 high profile, as encoders write it.
    fn sps(id: u32, reorder: u32) -> Vec<u8> {
        let mut w = Writer::default();
        w.bits(100, 8).bits(0, 8).bits(31, 8).ue(id).ue(1).ue(0).ue(0).bits(0, 2);
        w.ue(0).ue(0).ue(2).ue(4).bits(0, 1).ue(44).ue(79).bits(1, 1).bits(1, 1).bits(0, 1);
        // VUI: square pixels, no overscan, colours, no chroma place, clock, no buffers, limits.
        w.bits(1, 1).bits(1, 1).bits(1, 8).bits(0, 1).bits(1, 1).bits(5, 3).bits(0, 1).bits(0, 1);
        w.bits(0, 1).bits(1, 1).bits(0, 32).bits(60, 32).bits(1, 1).bits(0, 2).bits(0, 1);
        w.bits(1, 1).bits(1, 1).ue(0).ue(0).ue(11).ue(11).ue(reorder).ue(4);
        w.unit(0x67)
    }

    #[test]
    fn a_sequence_parameter_set_is_read_through_its_escapes() {
        let set = sps(3, 2);
        assert!(set.windows(3).any(|w| w == [0, 0, 3]), "the clock needs an escape");
        let read = Sps::parse(&set).unwrap();
        assert_eq!((read.id, read.profile, read.width, read.height), (3, 100, 720, 1280));
        assert_eq!((read.chroma_format, read.bit_depth, read.frames_only), (1, (8, 8), true));
        assert_eq!((read.aspect, read.reorder, read.order_type), ((1, 1), Some(2), 0));
        for length in 0..set.len() - 1 {
            let _ = Sps::parse(&set[..length]);
        }
    }

    #[test]
    fn noise_is_no_parameter_set_and_no_panic() {
        let mut seed = 1u64;
        for _ in 0..20_000 {
            let noise: Vec<u8> = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 56) as u8 & if seed >> 20 & 3 == 0 { 0xff } else { 0x83 }
                })
                .collect();
            if let Some(sps) = Sps::parse(&noise) {
                let _ = Slice::parse(&noise, &sps);
            }
            let _ = pps_ids(&noise);
            let _ = described(&noise);
            let _ = units(&noise, Framing::AnnexB);
            let _ = units(&noise, Framing::Length(1));
            let _ = units(&noise, Framing::Length(4));
        }
    }

    #[test]
    fn units_are_found_in_both_framings() {
        let coded = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65, 0, 0, 3, 1, 0];
        let found = units(&coded, Framing::AnnexB).unwrap();
        assert_eq!(found, [&[0x67, 1, 2][..], &[0x68, 9], &[0x65, 0, 0, 3, 1]]);
        let lengths: Vec<u8> =
            found.iter().flat_map(|u| [&[0, u.len() as u8][..], u].concat()).collect();
        assert_eq!(units(&lengths, Framing::Length(2)).unwrap(), found);
        assert!(units(&lengths[..lengths.len() - 1], Framing::Length(2)).is_none());
    }

    #[test]
    fn a_description_holds_what_was_put_in() {
        let (a, b) = (sps(0, 2), sps(5, 0));
        let (p, q) = (vec![0x68, 0xce, 1], vec![0x68, 0x11]);
        let made = description(&[&a, &b], &[&p, &q]).unwrap();
        let (framing, sets) = described(&made).unwrap();
        assert_eq!(framing, Framing::Length(4));
        assert_eq!(sets, [a, b, p, q]);
    }
}
