//! MP4 and MOV that refer to other files, lie about sizes, nest without end or unpack to much.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{Bytes, Case, Lures, Seeds};

/// A box of this type and content.
pub fn atom(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = (content.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend_from_slice(kind);
    out.extend_from_slice(content);
    out
}

/// A box that claims another size.
fn claiming(size: u32, kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&size.to_be_bytes()[..], kind, content].concat()
}

fn ftyp() -> Vec<u8> {
    atom(b"ftyp", b"qt  \0\0\0\0qt  isom")
}

/// `seed` with the content of every box of `kind` made by `change`; sizes around it are corrected,
/// chunk offsets are not.
fn with_box(seed: &[u8], kind: &[u8; 4], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    const PARENTS: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf"];
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(head) = seed.get(at..at + 8) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let name = [head[4], head[5], head[6], head[7]];
        let Some(content) = seed.get(at + 8..at + size.max(8)) else { break };
        let content = if name == *kind {
            change(content)
        } else if PARENTS.contains(&&name) {
            with_box(content, kind, change)
        } else {
            content.to_vec()
        };
        out.extend(atom(&name, &content));
        at += size.max(8);
    }
    out
}

/// A data reference box with these entries.
fn references(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [0u32.to_be_bytes(), (entries.len() as u32).to_be_bytes()].concat();
    entries.iter().for_each(|entry| out.extend_from_slice(entry));
    out
}

/// A Macintosh alias record that names a file by its whole path.
fn alias(path: &str) -> Vec<u8> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let pascal = |text: &str, length: usize| {
        let mut out = vec![text.len().min(length) as u8];
        out.extend(text.bytes().take(length));
        out.resize(length + 1, 0);
        out
    };
    let mut out = vec![0u8; 4]; // Version and flags of the box: another file.
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&0u16.to_be_bytes());
    out.extend_from_slice(&2u16.to_be_bytes());
    out.extend_from_slice(&0u16.to_be_bytes());
    out.extend(pascal("disk", 27));
    out.resize(out.len() + 12, 0);
    out.extend(pascal(name, 63));
    out.resize(out.len() + 16, 0);
    out.extend_from_slice(&1u16.to_be_bytes());
    out.extend_from_slice(&1u16.to_be_bytes());
    out.resize(out.len() + 16, 0);
    // Tag 18: the POSIX path; tag 2: the path with colons.
    for (tag, text) in [(18u16, path.to_owned()), (2, path.replace('/', ":"))] {
        out.extend_from_slice(&tag.to_be_bytes());
        out.extend_from_slice(&(text.len() as u16).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
        out.resize(out.len().next_multiple_of(2), 0);
    }
    out.extend_from_slice(&0xffffu16.to_be_bytes());
    out.extend_from_slice(&0u16.to_be_bytes());
    atom(b"alis", &out)
}

fn zlib(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0u8; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&block).expect("memory takes it");
    }
    encoder.finish().expect("memory takes it")
}

/// The cases.
pub fn cases(lures: &Lures, seeds: &Seeds) -> Vec<Case> {
    let (file, host) = (lures.file("canary.mp4"), lures.url("media.mp4"));
    let url = |to: &str| atom(b"url ", &[&[0; 4][..], to.as_bytes(), b"\0"].concat());
    let dref = |name: &str, entries: &[Vec<u8>]| {
        Case::new(name, with_box(&seeds.mp4, b"dref", &|_| references(entries)))
    };
    let rdrf = |to: &str| {
        let reference =
            [&[0u8; 4][..], b"url ", &(to.len() as u32 + 1).to_be_bytes(), to.as_bytes(), b"\0"];
        atom(b"rmda", &atom(b"rdrf", &reference.concat()))
    };
    let reference_movie = |to: &str| [ftyp(), atom(b"moov", &atom(b"rmra", &rdrf(to)))].concat();
    let packed = zlib(512 << 20);
    let claimed = |size: u32| {
        let packed = [&size.to_be_bytes()[..], &packed].concat();
        let inside = [atom(b"dcom", b"zlib"), atom(b"cmvd", &packed)].concat();
        [ftyp(), atom(b"moov", &atom(b"cmov", &inside))].concat()
    };
    // Each box is 8 bytes larger than the one inside.
    let nested = |depth: u32| {
        (0..depth).flat_map(|level| claiming((depth - level) * 8, b"moov", &[])).collect::<Vec<_>>()
    };
    let table = |kind: &[u8; 4]| {
        // As many entries as a count can say, and none of them there.
        with_box(&seeds.mp4, kind, &|_| [&[0u8; 8][..], &[0xff; 4]].concat())
    };
    let counts = |kind: &[u8; 4]| {
        with_box(&seeds.mp4, kind, &|content| {
            let mut content = content.to_vec();
            content.iter_mut().skip(4).take(4).for_each(|byte| *byte = 0xff);
            content
        })
    };
    let mut cases = vec![
        dref("reference-url-file.mov", &[url(&format!("file://{file}"))]),
        dref("reference-url-host.mov", &[url(&host)]),
        dref("reference-url-above.mov", &[url("../outside/canary.mp4")]),
        dref("reference-alias.mov", &[alias(&file)]),
        dref("reference-many.mov", &vec![url(&host); 100_000]),
        Case::new("reference-movie-host.mov", reference_movie(&host)),
        Case::new("reference-movie-file.mov", reference_movie(&format!("file://{file}"))),
        Case::new("packed-index.mov", claimed(512 << 20)),
        Case::new("packed-index-claims-4-gib.mov", claimed(u32::MAX)),
        Case::new("nested-boxes.mp4", [ftyp(), nested(200_000)].concat()),
        Case::new(
            "box-of-no-size.mp4",
            [ftyp(), claiming(0, b"moov", &claiming(0, b"trak", &[]))].concat(),
        ),
        Case::new("box-smaller-than-itself.mp4", [ftyp(), claiming(4, b"moov", &[0; 64])].concat()),
        Case::new(
            "box-of-2-to-the-63.mp4",
            [ftyp(), claiming(1, b"moov", &(1u64 << 63).to_be_bytes())].concat(),
        ),
        Case::new("sizes-beyond-all.mp4", table(b"stsz")),
        Case::new(
            "not-there-yet.mp4",
            [ftyp(), claiming(1, b"mdat", &(1u64 << 40).to_be_bytes())].concat(),
        ),
    ];
    for kind in [b"stco", b"stts", b"ctts", b"stsc", b"stss", b"elst"] {
        let name = format!("{}-beyond-all.mp4", String::from_utf8_lossy(kind));
        cases.push(Case::new(&name, counts(kind)));
    }
    let mut holes = Case::new("terabyte-of-nothing.mp4", Vec::new());
    holes.bytes = Bytes::Sparse([ftyp(), claiming(0, b"mdat", &[])].concat(), 1 << 40);
    cases.push(holes);
    cases
}
