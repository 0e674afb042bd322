//! Runs each of our own parsers on mutated bytes: none may panic or take long.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use reprise_media::fuzz::Input;

use crate::mutate::mutant;
use crate::seeds::{self, Seed, Shape};

/// An input of a few MB that takes longer shows work that grows faster than the input.
const SLOW: Duration = Duration::from_secs(10);
/// Time for making a failing input smaller.
const SHRINK: Duration = Duration::from_secs(5);

/// A parser and what it is fed with.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]),
    /// Real inputs.
    pub seeds: Vec<Seed>,
}

/// An input that it fails at.
#[derive(Debug)]
pub struct Failure {
    /// Number of the mutant.
    pub number: u64,
    /// What happened.
    pub what: String,
    /// The input, made smaller where that was possible.
    pub bytes: Vec<u8>,
}

/// Playlists that are as they should be.
const PLAYLISTS: [&str; 3] = [
    "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
     #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"720@0\"\n\
     #EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:03.123Z\n#EXTINF:2.002,\n#EXT-X-BYTERANGE:1000@0\n\
     0.m4s\n#EXTINF:1.5,title\n#EXT-X-BYTERANGE:900\n0.m4s\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n\
     media/1.ts\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n\
     #EXT-X-STREAM-INF:BANDWIDTH=2305600,CODECS=\"avc1.4D401F,mp4a.40.2\",RESOLUTION=720x1280,\
     FRAME-RATE=30.000\n720p30/playlist.m3u8\n\
     #EXT-X-STREAM-INF:BANDWIDTH=630000,RESOLUTION=360x640\n360p/playlist.m3u8\n",
    "#EXTM3U\r\n#EXTINF:4.0,\r\n#EXT-X-KEY:METHOD=NONE\r\na.ts\r\n#EXT-X-GAP\r\n#EXTINF:4,\r\nb.ts\r\n",
];

/// Every parser of ours, with its seeds, which are made in `folder`.
pub fn all(folder: &Path) -> Vec<Target> {
    let media = seeds::make(folder);
    let named = |part: &str, shape: Shape| -> Vec<Seed> {
        media.iter().filter(|s| s.shape == shape && s.name.contains(part)).cloned().collect()
    };
    let raw = |name, shape, bytes: &[u8]| Seed { name, shape, bytes: bytes.to_vec() };
    let seeds_of = |input: Input| match input {
        Input::Mp4 => named("", Shape::Mp4),
        Input::FragmentedMp4 => named("fragmented", Shape::Mp4),
        Input::MpegTs => named("", Shape::MpegTs),
        Input::Flv => named("", Shape::Flv),
        Input::Matroska => named("", Shape::Matroska),
        Input::H264 => named("", Shape::AnnexB),
        Input::Playlist => {
            PLAYLISTS.iter().map(|text| raw("playlist", Shape::Text, text.as_bytes())).collect()
        }
        Input::Message => reprise_media::fuzz::messages()
            .iter()
            .map(|bytes| raw("message", Shape::Raw, bytes))
            .collect(),
    };
    let target = |t: &reprise_media::fuzz::Target| Target {
        name: t.name,
        run: t.run,
        seeds: seeds_of(t.input),
    };
    reprise_media::fuzz::TARGETS.iter().map(target).collect()
}

/// Feeds the mutants of these numbers, and first the seeds themselves; the first failure.
pub fn run(target: &Target, numbers: Range<u64>) -> Option<Failure> {
    let mut at = |_| {};
    run_told(target, numbers, &mut at)
}

/// As [`run`]; `told` hears each number before it is tried.
pub fn run_told(
    target: &Target,
    numbers: Range<u64>,
    told: &mut dyn FnMut(u64),
) -> Option<Failure> {
    let seeds: Vec<&Seed> = target.seeds.iter().collect();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    let whole = if numbers.start == 0 { seeds.as_slice() } else { &[] };
    for seed in whole {
        if let Some(what) = fails(target, &seed.bytes) {
            return Some(Failure { number: 0, what, bytes: seed.bytes.clone() });
        }
    }
    for number in numbers {
        told(number);
        let (_, bytes) = mutant(&seeds, number);
        if let Some(what) = fails(target, &bytes) {
            let bytes = smaller(target, bytes);
            return Some(Failure { number, what, bytes });
        }
    }
    None
}

/// The input of a number.
pub fn input(target: &Target, number: u64) -> Vec<u8> {
    mutant(&target.seeds.iter().collect::<Vec<_>>(), number).1
}

fn fails(target: &Target, bytes: &[u8]) -> Option<String> {
    let begun = Instant::now();
    let came = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    if let Err(panic) = came {
        let words = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        return Some(format!("panics: {}", words.unwrap_or_default()));
    }
    let took = begun.elapsed();
    (took > SLOW).then(|| format!("takes {took:?} for {} bytes", bytes.len()))
}

/// Takes parts away as long as it still fails.
fn smaller(target: &Target, mut bytes: Vec<u8>) -> Vec<u8> {
    let begun = Instant::now();
    let mut step = bytes.len() / 2;
    while step > 0 && begun.elapsed() < SHRINK {
        let mut at = 0;
        while at < bytes.len() && begun.elapsed() < SHRINK {
            let end = (at + step).min(bytes.len());
            let shorter = [&bytes[..at], &bytes[end..]].concat();
            if fails(target, &shorter).is_some() {
                bytes = shorter;
            } else {
                at = end;
            }
        }
        step /= 2;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_that_panics_is_caught_and_its_input_made_small() {
        let run: fn(&[u8]) = |bytes| {
            assert!(bytes.iter().filter(|&&byte| byte == 0xff).count() < 3, "three of them");
        };
        let bytes = (0..200u8).collect::<Vec<_>>();
        let seeds = vec![Seed { name: "numbers", shape: Shape::Raw, bytes }];
        let failure = super::run(&Target { name: "test", run, seeds }, 0..5_000).unwrap();
        assert!(failure.what.contains("three of them"));
        assert_eq!(failure.bytes, [0xff; 3]);
    }
}
