//! Whether a file is a whole model of the ggml format, before a library that trusts files reads it.
//!
//! whisper.cpp aborts the process, or asks for any amount of memory, where sizes inside a file are
//! wrong. So every size is followed here first, to the last byte.

use reprise_model::{Error, Kind, Result};

/// First four bytes.
const MAGIC: u32 = 0x6767_6d6c;
/// Most values in one of the header's fields; `large-v3` has 51,866 tokens.
const FIELD_MAX: u32 = 1 << 17;
/// Longest name of a tensor, bytes.
const NAME_MAX: u32 = 256;
/// Longest word of a vocabulary, bytes.
const WORD_MAX: u32 = 1024;

/// Follows a Whisper model to its end.
///
/// # Errors
/// [`Kind::Malformed`] where it breaks its format.
pub(super) fn check_whisper(bytes: &[u8], name: &str) -> Result<()> {
    let mut reader = Reader { bytes, at: 0 };
    follow_whisper(&mut reader).map_err(|what| refused(name, &what))
}

/// Follows a Silero voice activity model to its end.
///
/// # Errors
/// [`Kind::Malformed`] where it breaks its format.
pub(super) fn check_silero(bytes: &[u8], name: &str) -> Result<()> {
    let mut reader = Reader { bytes, at: 0 };
    follow_silero(&mut reader).map_err(|what| refused(name, &what))
}

fn refused(name: &str, what: &str) -> Error {
    let message = format!("is no whole speech model ({what}): run `reprise models fetch` again");
    Error::new(Kind::Malformed, message).in_file(name)
}

type Followed<T> = std::result::Result<T, String>;

fn follow_whisper(reader: &mut Reader<'_>) -> Followed<()> {
    reader.magic()?;
    let mut header = [0u32; 11];
    for field in &mut header {
        *field = reader.count(FIELD_MAX)?;
    }
    let [
        vocabulary,
        audio,
        state,
        heads,
        layers,
        text,
        text_state,
        text_heads,
        text_layers,
        mels,
        kind,
    ] = header;
    // The shapes that Whisper models have: tiny to large, 80 or 128 mel bands.
    let sound = matches!(layers, 4 | 6 | 12 | 24 | 32)
        && (1..=32).contains(&text_layers)
        && audio == 1500
        && text == 448
        && state == text_state
        && heads == text_heads
        && state == heads * 64
        && (384..=1280).contains(&state)
        && matches!(mels, 80 | 128)
        && matches!(vocabulary, 51_864..=51_866);
    if !sound || kind % 1000 > 20 {
        return Err("its sizes are none that Whisper has".to_owned());
    }
    let (bands, bins) = (reader.count(128)?, reader.count(4096)?);
    if (bands, bins) != (mels, 201) {
        return Err("its mel filters have a wrong size".to_owned());
    }
    reader.skip(u64::from(bands) * u64::from(bins) * 4)?;
    for _ in 0..reader.count(FIELD_MAX)? {
        let length = reader.count(WORD_MAX)?;
        reader.skip(length.into())?;
    }
    reader.tensors()
}

fn follow_silero(reader: &mut Reader<'_>) -> Followed<()> {
    reader.magic()?;
    let length = reader.count(NAME_MAX)?;
    reader.skip(length.into())?;
    for _ in 0..3 {
        reader.count(FIELD_MAX)?;
    }
    let (window, context) = (reader.count(FIELD_MAX)?, reader.count(FIELD_MAX)?);
    if (window, context, reader.count(FIELD_MAX)?) != (512, 64, 4) {
        return Err("its sizes are none that the voice activity model for 16 kHz has".to_owned());
    }
    let mut rest = [0u32; 16];
    for field in &mut rest {
        *field = reader.count(FIELD_MAX)?;
    }
    if rest.iter().any(|&field| field == 0 || field > 1024) {
        return Err("its layers have wrong sizes".to_owned());
    }
    reader.tensors()?;
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Followed<u32> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<4>());
        let Some(&four) = found else { return Err(format!("it ends at byte {}", self.at)) };
        self.at += 4;
        Ok(u32::from_le_bytes(four))
    }

    fn magic(&mut self) -> Followed<()> {
        match self.number()? {
            MAGIC => Ok(()),
            _ => Err("it does not begin as one".to_owned()),
        }
    }

    fn count(&mut self, most: u32) -> Followed<u32> {
        let at = self.at;
        let found = self.number()?;
        if found > most { Err(format!("a size at byte {at} is wrong")) } else { Ok(found) }
    }

    fn skip(&mut self, length: u64) -> Followed<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if length > left {
            return Err(format!("it ends {} bytes early", length - left));
        }
        self.at += length as usize;
        Ok(())
    }

    fn tensors(&mut self) -> Followed<()> {
        while self.at < self.bytes.len() {
            let (dimensions, name, kind) = (self.count(4)?, self.count(NAME_MAX)?, self.count(64)?);
            let mut values = 1u64;
            for _ in 0..dimensions {
                let size = self.number()?;
                values = values.saturating_mul(size.into());
            }
            // Bytes of a block and values in it, as ggml packs them.
            let (bytes, block) = match kind {
                0 => (4, 1),
                1 => (2, 1),
                2 => (18, 32),
                3 => (20, 32),
                6 => (22, 32),
                7 => (24, 32),
                8 => (34, 32),
                _ => return Err(format!("its tensors are of a kind that is not handled ({kind})")),
            };
            if name == 0 || !values.is_multiple_of(block) || values > 1 << 32 {
                return Err(format!("a tensor at byte {} is wrong", self.at));
            }
            self.skip(name.into())?;
            self.skip(values / block * bytes)?;
        }
        Ok(())
    }
}
