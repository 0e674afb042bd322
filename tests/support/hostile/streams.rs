//! MPEG-TS, FLV, MKV and other containers that name others, lie about sizes or nest without end.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Bytes, Case, Lures, Seeds};

/// CRC-32 of MPEG-2 sections (ISO/IEC 13818-1, annex A).
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// A section in as many packets as it needs.
fn section(pid: u16, table: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 9) as u16;
    let mut section = vec![table, 0xb0 | (length >> 8) as u8, length as u8];
    section.extend_from_slice(&id.to_be_bytes());
    section.extend_from_slice(&[0xc1, 0, 0]);
    section.extend_from_slice(body);
    let sum = crc(&section);
    section.extend_from_slice(&sum.to_be_bytes());
    section.insert(0, 0);
    let mut out = Vec::new();
    for (index, chunk) in section.chunks(184).enumerate() {
        let start = if index == 0 { 0x40 } else { 0 };
        out.extend_from_slice(&[
            0x47,
            start | (pid >> 8) as u8,
            pid as u8,
            0x10 | index as u8 & 15,
        ]);
        out.extend_from_slice(chunk);
        out.resize(out.len().next_multiple_of(188), 0xff);
    }
    out
}

/// A transport stream whose tables name every PID there is.
fn all_pids() -> Vec<u8> {
    let mut out = Vec::new();
    // 250 programs, each with its table on a PID of its own and 190 streams.
    let programs: Vec<u8> = (1..=250u16)
        .flat_map(|program| [program.to_be_bytes(), (0xe000 | (0x100 + program)).to_be_bytes()])
        .flatten()
        .collect();
    out.extend(section(0, 0, 1, &programs));
    for program in 1..=250u16 {
        let mut body = vec![0xe1, 0x00, 0xf0, 0x00];
        for stream in 0..190u16 {
            let pid = (program * 190 + stream) % 8191;
            body.extend_from_slice(&[0x1b, 0xe0 | (pid >> 8) as u8, pid as u8, 0xf0, 0x00]);
        }
        out.extend(section(0x100 + program, 2, program, &body));
    }
    out.repeat(4)
}

/// An EBML element with a size of eight bytes, as it is or another one.
fn element(id: &[u8], content: &[u8], size: Option<u64>) -> Vec<u8> {
    let size = size.unwrap_or(content.len() as u64) | 1 << 56;
    [id, &size.to_be_bytes(), content].concat()
}

fn matroska(segment: &[u8], size: Option<u64>) -> Vec<u8> {
    let kind = element(&[0x42, 0x82], b"matroska", None);
    let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &kind, None);
    [head, element(&[0x18, 0x53, 0x80, 0x67], segment, size)].concat()
}

/// Segment information that says the rest lies in other files.
fn linked(lures: &Lures) -> Vec<u8> {
    let text = |id: &[u8], text: &str| element(id, text.as_bytes(), None);
    let uid = [7u8; 16];
    let info = [
        element(&[0x73, 0xa4], &uid, None),           // Its own UID.
        element(&[0x3c, 0xb9, 0x23], &[8; 16], None), // The previous one's.
        text(&[0x3c, 0x83, 0xab], &lures.file("canary.mkv")), // And its name.
        element(&[0x3e, 0xb9, 0x23], &[9; 16], None), // The next one's.
        text(&[0x3e, 0x83, 0xbb], &lures.url("next.mkv")),
    ]
    .concat();
    let atom = [
        element(&[0x73, 0xc4], &[1], None),
        element(&[0x91], &[0], None),
        element(&[0x6e, 0x67], &[9; 16], None), // The chapter lies in another segment.
    ]
    .concat();
    let edition = [
        element(&[0x45, 0xdd], &[1], None), // Ordered.
        element(&[0xb6], &atom, None),
    ]
    .concat();
    let chapters = element(&[0x45, 0xb9], &edition, None);
    let attached = [
        text(&[0x46, 0x6e], "../../outside/canary.ttf"),
        text(&[0x46, 0x60], "application/x-truetype-font"),
        element(&[0x46, 0x5c], &[0; 64], None),
        element(&[0x46, 0xae], &[1], None),
    ]
    .concat();
    [
        element(&[0x15, 0x49, 0xa9, 0x66], &info, None),
        element(&[0x10, 0x43, 0xa7, 0x70], &chapters, None),
        element(&[0x19, 0x41, 0xa4, 0x69], &element(&[0x61, 0xa7], &attached, None), None),
    ]
    .concat()
}

fn flv(tags: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    for (kind, body) in tags {
        let size = body.len() as u32;
        out.push(*kind);
        out.extend_from_slice(&size.to_be_bytes()[1..]);
        out.extend_from_slice(&[0; 7]);
        out.extend_from_slice(body);
        out.extend_from_slice(&(size + 11).to_be_bytes());
    }
    out
}

/// Script data: a name, then a value.
fn script(value: &[u8]) -> (u8, Vec<u8>) {
    (18, [b"\x02\0\x0aonMetaData", value].concat())
}

fn riff(kind: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
    [b"RIFF", &size.to_le_bytes()[..], kind, content].concat()
}

/// The cases.
pub fn cases(lures: &Lures, seeds: &Seeds) -> Vec<Case> {
    let host = lures.url("a.flv");
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    };
    let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    let urls = [b"\x08\0\0\0\x01".to_vec(), text("url"), vec![2], text(&host), vec![0, 0, 9]];
    let keyframes = [
        &b"\x03"[..],
        &text("keyframes"),
        b"\x03",
        &text("times"),
        b"\x0a\xff\xff\xff\xff\0",
        &text("filepositions"),
        b"\x0a\xff\xff\xff\xff\0",
    ]
    .concat();
    let deep = b"\x03\0\x01a".repeat(1_000_000);
    let arrays = b"\x0a\0\0\0\x01".repeat(1_000_000);
    // Two key frames in an index that leads back to itself.
    let back = [
        &b"\x03"[..],
        &text("keyframes"),
        b"\x03",
        &text("times"),
        b"\x0a\0\0\0\x01\0",
        &0f64.to_be_bytes(),
        &text("filepositions"),
        b"\x0a\0\0\0\x01\0",
        &(-1e300f64).to_be_bytes(),
        b"\0\0\x09\0\0\x09",
    ]
    .concat();
    let nested = (0..100_000)
        .flat_map(|_| [0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255]);
    let mut cases = vec![
        Case::new("all-pids.ts", all_pids()),
        Case::new("one-packet-for-ever.ts", seeds.ts.get(..188).unwrap_or_default().repeat(50_000)),
        Case::new("linked-segments.mkv", matroska(&linked(lures), None)),
        Case::new("size-of-2-to-the-56.mkv", matroska(&linked(lures), Some((1 << 56) - 2))),
        Case::new(
            "elements-beyond-all.mkv",
            matroska(&element(&[0x16, 0x54, 0xae, 0x6b], &[0; 32], Some((1 << 56) - 2)), None),
        ),
        Case::new("nested-elements.mkv", nested.collect::<Vec<u8>>()),
        Case::new("script-with-url.flv", flv(&[script(&urls.concat())])),
        Case::new("script-of-4-billion-key-frames.flv", flv(&[script(&keyframes)])),
        Case::new("script-nested.flv", flv(&[script(&deep)])),
        Case::new("script-nested-arrays.flv", flv(&[script(&arrays)])),
        Case::new("script-leads-back.flv", flv(&[script(&back)])),
        Case::new("tags-of-no-length.flv", flv(&vec![(9, Vec::new()); 200_000])),
        Case::new("list.avi", riff(b"AVI ", u32::MAX, &b"LIST\xff\xff\xff\xffhdrl".repeat(1000))),
        Case::new("list.wav", riff(b"WAVE", 4, &b"LIST\xff\xff\xff\xffadtl".repeat(1000))),
        Case::new("packed.mp4", gzip(&seeds.mp4)),
        Case::new("bomb.ts.gz", gzip(&vec![0x47; 64 << 20])),
        Case::new("link-to-zero.ts", Vec::new()),
        Case::new("link-outside-to-folder.mp4", Vec::new()),
        Case::new("much-of-nothing.flv", Vec::new()),
        Case::new("much-of-nothing.ts", Vec::new()),
    ];
    for case in &mut cases {
        match case.name.as_str() {
            "link-to-zero.ts" => case.bytes = Bytes::Link("/dev/zero".into()),
            "link-outside-to-folder.mp4" => case.bytes = Bytes::Link("/proc/self".into()),
            "much-of-nothing.flv" => case.bytes = Bytes::Sparse(flv(&[]), 128 << 20),
            "much-of-nothing.ts" => {
                let start = seeds.ts.get(..seeds.ts.len() / 2).unwrap_or_default();
                case.bytes = Bytes::Sparse(start.to_vec(), 128 << 20);
            }
            _ => {}
        }
    }
    cases
}
