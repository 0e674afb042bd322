//! Moves an MP4's index to the front, so that a browser can start before it has the whole file.

use reprise_model::{Error, Kind, Result};

/// One box: its type, where it begins, where its content begins, where it ends.
struct Atom {
    kind: [u8; 4],
    start: usize,
    content: usize,
    end: usize,
}

/// Puts `moov` behind `ftyp` and corrects the chunk offsets (ISO/IEC 14496-12, 8.7.5).
///
/// # Errors
/// `Bug` where the bytes are not the MP4 that our own muxer writes.
pub fn faststart(bytes: &[u8]) -> Result<Vec<u8>> {
    let atoms = atoms(bytes, 0, bytes.len())?;
    let find = |kind: &[u8; 4]| {
        atoms.iter().find(|atom| atom.kind == *kind).ok_or_else(|| broken("a box is missing"))
    };
    let (ftyp, moov, mdat) = (find(b"ftyp")?, find(b"moov")?, find(b"mdat")?);
    if moov.start < mdat.start {
        return Ok(bytes.to_vec());
    }
    if moov.start < ftyp.end {
        return Err(broken("its type does not come first"));
    }
    let mut index = bytes[moov.start..moov.end].to_vec();
    let shift = index.len() as u64;
    shift_offsets(&mut index, moov.content - moov.start, shift)?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..ftyp.end]);
    out.extend_from_slice(&index);
    out.extend_from_slice(&bytes[ftyp.end..moov.start]);
    out.extend_from_slice(&bytes[moov.end..]);
    Ok(out)
}

fn shift_offsets(bytes: &mut [u8], content: usize, shift: u64) -> Result<()> {
    for atom in atoms(bytes, content, bytes.len())? {
        match &atom.kind {
            b"trak" | b"mdia" | b"minf" | b"stbl" => {
                shift_offsets(&mut bytes[..atom.end], atom.content, shift)?;
            }
            b"stco" | b"co64" => {
                let width = if &atom.kind == b"stco" { 4 } else { 8 };
                let table = bytes
                    .get_mut(atom.content + 8..atom.end)
                    .ok_or_else(|| broken("a chunk table is cut off"))?;
                for entry in table.chunks_exact_mut(width) {
                    let old = entry.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
                    let new = old + shift;
                    if width == 4 && new > u64::from(u32::MAX) {
                        return Err(broken("a chunk lies beyond 4 GiB"));
                    }
                    entry.copy_from_slice(&new.to_be_bytes()[8 - width..]);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn atoms(bytes: &[u8], mut at: usize, end: usize) -> Result<Vec<Atom>> {
    let mut found = Vec::new();
    while at < end {
        let head = bytes.get(at..at + 8).ok_or_else(|| broken("a box is cut off"))?;
        let mut size = head[..4].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        let kind = [head[4], head[5], head[6], head[7]];
        let mut content = at + 8;
        if size == 1 {
            let long = bytes.get(at + 8..at + 16).ok_or_else(|| broken("a box is cut off"))?;
            size = long.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
            content = at + 16;
        }
        let stop = usize::try_from(size).ok().and_then(|size| at.checked_add(size));
        let Some(stop) = stop.filter(|&stop| stop >= content && stop <= end) else {
            return Err(broken("a box has a wrong size"));
        };
        found.push(Atom { kind, start: at, content, end: stop });
        at = stop;
    }
    Ok(found)
}

fn broken(what: &str) -> Error {
    Error::new(Kind::Bug, format!("the written MP4 is broken: {what}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn atom(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut out = (content.len() as u32 + 8).to_be_bytes().to_vec();
        out.extend_from_slice(kind);
        out.extend_from_slice(content);
        out
    }

    #[test]
    fn offsets_follow_their_chunks() {
        let ftyp = atom(b"ftyp", b"isom");
        let mdat = atom(b"mdat", b"SAMPLE");
        let offset = (ftyp.len() + 8) as u32;
        let table = [&[0u8; 4][..], &1u32.to_be_bytes(), &offset.to_be_bytes()].concat();
        let nested = atom(
            b"moov",
            &atom(b"trak", &atom(b"mdia", &atom(b"minf", &atom(b"stbl", &atom(b"stco", &table))))),
        );
        let file = [ftyp, mdat, nested].concat();
        let out = faststart(&file).unwrap();
        assert_eq!(out.len(), file.len());
        let at = out.windows(4).position(|w| w == b"stco").unwrap();
        let moved = u32::from_be_bytes(out[at + 12..at + 16].try_into().unwrap()) as usize;
        assert_eq!(&out[moved..moved + 6], b"SAMPLE");
        assert!(faststart(&file[..file.len() - 1]).is_err());
        let type_last = [atom(b"mdat", b""), atom(b"moov", b""), atom(b"ftyp", b"isom")].concat();
        assert!(faststart(&type_last).is_err());
    }
}
