//! Changes real bytes so that they are wrong in ways that readers meet: bits, runs, cuts, and the
//! parts that a container consists of.

use std::ops::Range;

use crate::dice::Dice;
use crate::seeds::{Seed, Shape};

/// Longest result, bytes.
const MAX_BYTES: usize = 4 << 20;

/// A changed copy of one of `seeds`, the same for the same `number`; and which seed it was.
pub fn mutant<'a>(seeds: &'a [&'a Seed], number: u64) -> (&'a Seed, Vec<u8>) {
    let mut dice = Dice::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
    // The generator's first numbers of near seeds are near.
    for _ in 0..4 {
        dice.share();
    }
    let seed = seeds[dice.below(seeds.len())];
    let mut bytes = seed.bytes.clone();
    for _ in 0..=dice.below(4) {
        change(&mut bytes, seed.shape, seeds, &mut dice);
        bytes.truncate(MAX_BYTES);
    }
    (seed, bytes)
}

fn change(bytes: &mut Vec<u8>, shape: Shape, seeds: &[&Seed], dice: &mut Dice) {
    if bytes.is_empty() {
        bytes.extend((0..64).map(|_| dice.below(256) as u8));
        return;
    }
    // Half of the changes hit the beginning, where they do most.
    let reach = if dice.share() < 0.5 { bytes.len() } else { bytes.len().min(1500) };
    let at = dice.below(reach);
    match dice.below(12) {
        0 | 1 => {
            for _ in 0..=dice.below(12) {
                bytes[dice.below(reach)] ^= 1 << dice.below(8);
            }
        }
        2 => {
            let end = (at + 1 + dice.below(64)).min(bytes.len());
            let value = [0x00, 0xff, 0x80, 0x7f][dice.below(4)];
            bytes[at..end].fill(value);
        }
        3 => {
            let end = (at + 1 + dice.below(32)).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
        }
        4 => bytes.truncate(dice.below(bytes.len())),
        5 => {
            let more: Vec<u8> = (0..1 + dice.below(200)).map(|_| dice.below(256) as u8).collect();
            bytes.splice(at..at, more);
        }
        6 => {
            // A number of a width and a byte order that some field has there.
            let value = interesting(dice);
            let width = [1, 2, 3, 4, 8][dice.below(5)];
            let raw = if dice.share() < 0.7 {
                value.to_be_bytes()
            } else {
                value.swap_bytes().to_be_bytes()
            };
            let raw = &raw[8 - width..];
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&raw[..end - at]);
        }
        7 => {
            let other = &seeds[dice.below(seeds.len())].bytes;
            let from = dice.below(other.len().max(1));
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from.min(other.len())..]);
        }
        _ => parts(bytes, shape, dice),
    }
}

/// Numbers that are at the edges of something.
fn interesting(dice: &mut Dice) -> u64 {
    const EDGES: [u64; 12] = [
        0,
        1,
        2,
        7,
        8,
        0x7f,
        0x7fff,
        0x7fff_ffff,
        0xffff_fff7,
        0x7fff_ffff_ffff_ffff,
        1 << 32,
        1 << 56,
    ];
    let edge = EDGES[dice.below(EDGES.len())];
    [edge, edge.wrapping_neg(), edge.wrapping_add(1), dice.below(1 << 20) as u64][dice.below(4)]
}

/// Removes, doubles, swaps or moves parts, or changes a size of one.
fn parts(bytes: &mut Vec<u8>, shape: Shape, dice: &mut Dice) {
    let parts = split(bytes, shape);
    if parts.is_empty() {
        return;
    }
    let one = parts[dice.below(parts.len())].range.clone();
    let other = parts[dice.below(parts.len())].range.clone();
    match dice.below(6) {
        0 => {
            bytes.drain(one);
        }
        1 => {
            let copy = bytes[one.clone()].to_vec();
            bytes.splice(one.start..one.start, copy);
        }
        2 => {
            let copy = bytes[one].to_vec();
            bytes.splice(other.start..other.start, copy);
        }
        3 => {
            let (first, second) =
                if one.start <= other.start { (one, other) } else { (other, one) };
            if first.end <= second.start {
                let swapped = [
                    &bytes[second.clone()],
                    &bytes[first.end..second.start],
                    &bytes[first.clone()],
                ]
                .concat();
                bytes.splice(first.start..second.end, swapped);
            }
        }
        _ => {
            let sized: Vec<&Part> = parts.iter().filter(|part| !part.size.is_empty()).collect();
            if sized.is_empty() {
                return;
            }
            let size = sized[dice.below(sized.len())].size.clone();
            let old =
                bytes[size.clone()].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
            let new = match dice.below(4) {
                0 => old.wrapping_add(1 + dice.below(16) as u64),
                1 => old.wrapping_sub(1 + dice.below(16) as u64),
                _ => interesting(dice),
            };
            let width = size.len();
            bytes[size].copy_from_slice(&new.to_be_bytes()[8 - width..]);
        }
    }
}

/// A part of a container and where its size stands.
struct Part {
    range: Range<usize>,
    size: Range<usize>,
}

/// The parts, outer ones before what is in them; at most a few thousand.
fn split(bytes: &[u8], shape: Shape) -> Vec<Part> {
    let mut found = Vec::new();
    match shape {
        Shape::Mp4 => boxes(bytes, 0..bytes.len(), 0, &mut found),
        Shape::Matroska => elements(bytes, 0..bytes.len(), 0, &mut found),
        Shape::MpegTs => {
            found.extend((0..bytes.len() / 188).map(|index| {
                let start = index * 188;
                Part { range: start..start + 188, size: start + 4..start + 5 }
            }));
        }
        Shape::Flv => {
            let mut at = 13;
            while let Some(head) = bytes.get(at..at + 11) {
                let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
                let end = (at + 15 + length).min(bytes.len());
                found.push(Part { range: at..end, size: at + 1..at + 4 });
                at = end;
            }
        }
        Shape::Text => {
            let mut at = 0;
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                found.push(Part { range: at..at + line.len(), size: 0..0 });
                at += line.len();
            }
        }
        Shape::AnnexB => {
            let starts: Vec<usize> = (0..bytes.len().saturating_sub(3))
                .filter(|&at| bytes[at..at + 3] == [0, 0, 1])
                .collect();
            let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
            found.extend(starts.iter().zip(ends).map(|(&start, end)| {
                let header = (start + 3).min(end)..(start + 6).min(end);
                Part { range: start..end, size: header }
            }));
        }
        Shape::Raw => {
            found.extend((0..bytes.len() / 16).map(|index| {
                let start = index * 16;
                Part { range: start..start + 16, size: start..start + 4 }
            }));
        }
    }
    found.truncate(4000);
    found
}

fn boxes(bytes: &[u8], within: Range<usize>, depth: u32, found: &mut Vec<Part>) {
    const PARENTS: [&[u8]; 12] = [
        b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"moof", b"traf", b"mvex",
        b"udta", b"mfra",
    ];
    let mut at = within.start;
    while at + 8 <= within.end && found.len() < 4000 {
        let size = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let end = (at + (size as usize).max(8)).min(within.end);
        found.push(Part { range: at..end, size: at..at + 4 });
        if depth < 8 && PARENTS.contains(&&bytes[at + 4..at + 8]) {
            boxes(bytes, at + 8..end, depth + 1, found);
        }
        at = end;
    }
}

fn elements(bytes: &[u8], within: Range<usize>, depth: u32, found: &mut Vec<Part>) {
    // Segment, seek head, information, tracks, entry, video, audio, cluster, group, cues, point.
    const PARENTS: [u32; 11] = [
        0x1853_8067,
        0x114d_9b74,
        0x1549_a966,
        0x1654_ae6b,
        0xae,
        0xe0,
        0xe1,
        0x1f43_b675,
        0xa0,
        0x1c53_bb6b,
        0xbb,
    ];
    let mut at = within.start;
    while at < within.end && found.len() < 4000 {
        let id_length = bytes[at].leading_zeros() as usize + 1;
        let Some(&first) = bytes.get(at + id_length) else { return };
        let size_length = first.leading_zeros() as usize + 1;
        let content = at + id_length + size_length;
        if id_length > 4 || size_length > 8 || content > within.end {
            return;
        }
        let number = |range: Range<usize>| {
            bytes[range].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte))
        };
        let id = number(at..at + id_length) as u32;
        let size = number(at + id_length..content) & ((1u64 << (7 * size_length)) - 1);
        let end = content.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        let end = end.min(within.end);
        found.push(Part { range: at..end, size: at + id_length..content });
        if depth < 8 && PARENTS.contains(&id) {
            elements(bytes, content..end, depth + 1, found);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;

    #[test]
    fn mutants_are_the_same_every_time_and_differ_from_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let seeds = seeds::make(folder.path());
        let all: Vec<&Seed> = seeds.iter().collect();
        let first: Vec<Vec<u8>> = (0..200).map(|number| mutant(&all, number).1).collect();
        let again: Vec<Vec<u8>> = (0..200).map(|number| mutant(&all, number).1).collect();
        assert_eq!(first, again);
        let mut different = first.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > 190, "{} of 200 differ", different.len());
        for seed in &seeds {
            let parts = split(&seed.bytes, seed.shape);
            assert!(parts.len() > 12, "{} has {} parts", seed.name, parts.len());
        }
    }
}
