//! The tables of MPEG-TS that say which packets carry pictures and which sound.

use serde::{Deserialize, Serialize};

use super::ts_packets::{Grid, Packet};

/// A table is at most so long.
const SECTION_MAX: usize = 4096;
/// Streams of sound that are kept apart.
const SOUNDS_MAX: usize = 16;
/// Programs whose tables are followed.
const PROGRAMS_MAX: usize = 16;

/// What the pictures are coded as, as far as key pictures are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coding {
    /// MPEG-1 and MPEG-2.
    Mpeg2,
    /// MPEG-4 part 2.
    Mpeg4,
    /// H.264.
    Avc,
    /// H.265.
    Hevc,
    /// Something else: the packets say where decoding can begin.
    Other,
}

/// The streams of a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// PIDs and codings of the pictures.
    pub pictures: Vec<(u16, Coding)>,
    /// PIDs of the sound.
    pub sounds: Vec<u16>,
}

/// PIDs of the programs' tables in a program association section.
pub fn parse_pat(section: &[u8]) -> Option<Vec<u16>> {
    let body = body(section, 0)?;
    let programs = body.chunks_exact(4).filter(|entry| entry[..2] != [0, 0]);
    let pids = programs.map(|entry| u16::from_be_bytes([entry[2] & 0x1f, entry[3]]));
    Some(pids.take(PROGRAMS_MAX).collect())
}

/// The streams in a program map section.
pub fn parse_pmt(section: &[u8]) -> Option<Program> {
    let body = body(section, 2)?;
    let length = usize::from(u16::from_be_bytes([*body.get(2)? & 0x0f, *body.get(3)?]));
    let mut rest = body.get(4 + length..)?;
    let mut program = Program::default();
    let mut unnamed = None;
    while let Some(&[kind, high, low, length_high, length_low]) = rest.first_chunk() {
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        let length = usize::from(u16::from_be_bytes([length_high & 0x0f, length_low]));
        let descriptors = rest.get(5..5 + length)?;
        rest = &rest[5 + length..];
        let coding = match kind {
            0x01 | 0x02 => Some(Coding::Mpeg2),
            0x10 => Some(Coding::Mpeg4),
            0x1b => Some(Coding::Avc),
            0x24 => Some(Coding::Hevc),
            0x20 | 0x21 | 0x33 | 0x42 | 0xd1 | 0xd2 | 0xea => Some(Coding::Other),
            0x06 => private_pictures(descriptors),
            _ => None,
        };
        if let Some(coding) = coding {
            program.pictures.push((pid, coding));
        } else if is_sound(kind, descriptors) && program.sounds.len() < SOUNDS_MAX {
            program.sounds.push(pid);
        } else if kind == 0x06 && !is_text(descriptors) {
            unnamed = unnamed.or(Some(pid));
        }
    }
    if program.sounds.is_empty() {
        // Some muxers give sound no name; demuxers find out what it is.
        program.sounds.extend(unnamed);
    }
    Some(program)
}

fn is_sound(kind: u8, descriptors: &[u8]) -> bool {
    match kind {
        0x03 | 0x04 | 0x0f | 0x11 | 0x1c | 0x80..=0x84 | 0x87 | 0x8a | 0xa1 | 0xc1 => true,
        // AC-3, E-AC-3, DTS, AAC, and Opus and others by their letters.
        0x06 => each_descriptor(descriptors).any(|(tag, data)| {
            matches!(tag, 0x6a | 0x7a | 0x7b | 0x7c)
                || (tag == 0x05 && matches!(data, b"Opus" | b"AC-3" | b"EAC3" | b"BSSD"))
        }),
        _ => false,
    }
}

/// Teletext, subtitles and the like, and what is called by letters.
fn is_text(descriptors: &[u8]) -> bool {
    each_descriptor(descriptors).any(|(tag, _)| matches!(tag, 0x05 | 0x45 | 0x46 | 0x56 | 0x59))
}

fn private_pictures(descriptors: &[u8]) -> Option<Coding> {
    each_descriptor(descriptors).find_map(|(tag, data)| match (tag, data) {
        (0x05, b"HEVC") => Some(Coding::Hevc),
        (0x05, b"AV01" | b"VP09" | b"drac" | b"VC-1") => Some(Coding::Other),
        _ => None,
    })
}

fn each_descriptor(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let &[tag, length] = bytes.first_chunk()?;
        let data = bytes.get(2..2 + usize::from(length))?;
        bytes = &bytes[2 + usize::from(length)..];
        Some((tag, data))
    })
}

/// What lies between a section's header and its sum, where it is of this kind, holds now and its
/// sum agrees.
fn body(section: &[u8], table: u8) -> Option<&[u8]> {
    let length = section_length(section)?;
    let section = section.get(..length)?;
    let holds_now = section.get(5)? & 1 == 1;
    (section[0] == table && holds_now && sum(section) == 0)
        .then(|| section.get(8..length.checked_sub(4)?))?
}

fn section_length(section: &[u8]) -> Option<usize> {
    let &[_, high, low] = section.first_chunk()?;
    Some(3 + usize::from(u16::from_be_bytes([high & 0x0f, low])))
}

/// CRC-32 as MPEG counts it; 0 over a section with its sum.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// A table as it comes in packets.
#[derive(Clone, Debug, Default)]
struct Table {
    section: Vec<u8>,
    packets: Vec<u8>,
    open: bool,
}

impl Table {
    /// Takes a packet; gives the section and its packets once it is whole.
    fn feed(&mut self, packet: Packet<'_>, raw: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut payload = packet.payload;
        if packet.begins {
            let (&pointer, rest) = payload.split_first()?;
            payload = rest.get(usize::from(pointer)..)?;
            *self = Self { open: true, ..Self::default() };
        }
        if !self.open {
            return None;
        }
        self.section.extend(payload);
        self.packets.extend(raw);
        let length = section_length(&self.section);
        if self.section.len() > SECTION_MAX {
            self.open = false;
        } else if length.is_some_and(|length| self.section.len() >= length) {
            self.open = false;
            return Some((std::mem::take(&mut self.section), std::mem::take(&mut self.packets)));
        }
        None
    }
}

/// Collects the tables of a stretch of packets: the newest of each.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    association: Table,
    /// Packets of the newest program association.
    pub association_packets: Vec<u8>,
    /// The programs: PID, its table as it comes, the newest table, its packets.
    programs: Vec<(u16, Table, Option<Program>, Vec<u8>)>,
}

impl Tables {
    /// Takes the packets in `bytes`, of which one begins at `at` and `end` is the end.
    pub fn feed(&mut self, grid: Grid, bytes: &[u8], mut at: usize, end: usize) {
        let end = end.min(bytes.len());
        while at + grid.size <= end {
            let Some(packet) = grid.packet(bytes, at) else {
                match grid.sync(&bytes[..end], at + 1, true) {
                    Ok(next) => at = next,
                    Err(_) => return,
                }
                continue;
            };
            self.take(packet, &bytes[at..at + grid.size]);
            at += grid.size;
        }
    }

    fn take(&mut self, packet: Packet<'_>, raw: &[u8]) {
        if packet.pid == 0 {
            let Some((section, packets)) = self.association.feed(packet, raw) else { return };
            let Some(pids) = parse_pat(&section) else { return };
            self.association_packets = packets;
            self.programs.retain(|(pid, ..)| pids.contains(pid));
            for pid in pids {
                if !self.programs.iter().any(|program| program.0 == pid) {
                    self.programs.push((pid, Table::default(), None, Vec::new()));
                }
            }
        } else if let Some(program) = self.programs.iter_mut().find(|p| p.0 == packet.pid)
            && let Some((section, packets)) = program.1.feed(packet, raw)
            && let Some(streams) = parse_pmt(&section)
        {
            program.2 = Some(streams);
            program.3 = packets;
        }
    }

    /// The programs whose tables came.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().filter_map(|program| program.2.as_ref())
    }

    /// Whether every program's table came.
    pub fn is_whole(&self) -> bool {
        !self.programs.is_empty() && self.programs.iter().all(|program| program.2.is_some())
    }

    /// The packets of all tables.
    pub fn packets(&self) -> Vec<u8> {
        let programs = self.programs.iter().map(|program| program.3.as_slice());
        std::iter::once(self.association_packets.as_slice())
            .chain(programs)
            .flatten()
            .copied()
            .collect()
    }
}
