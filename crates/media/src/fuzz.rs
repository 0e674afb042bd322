//! Every parser of foreign bytes that is our own, one line each, for the tests that feed them.

use std::sync::Arc;

use reprise_model::ByteSource;
use reprise_model::bytes::MemorySource;

use crate::h264;
use crate::index::{self, Index};
use crate::remote::wire::{self, FromChild};

/// A parser.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What real inputs of it are.
    pub input: Input,
    /// Feeds it; it may refuse, but not panic, hang or take memory that the input does not have.
    pub run: fn(&[u8]),
}

/// Real inputs that mutated ones are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// MP4 with its index first, last, and in fragments.
    Mp4,
    /// MP4 in fragments only.
    FragmentedMp4,
    /// MPEG-TS.
    MpegTs,
    /// FLV with and without an index.
    Flv,
    /// MKV and WebM.
    Matroska,
    /// HLS.
    Playlist,
    /// H.264 with start codes: parameter sets and pictures.
    H264,
    /// What a decoding child says, see [`messages`].
    Message,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "faststart", input: Input::Mp4, run: |b| drop(crate::faststart::faststart(b)) },
    Target { name: "flv", input: Input::Flv, run: index::flv::answers },
    Target { name: "mp4", input: Input::Mp4, run: index::mp4::exercise },
    Target { name: "fragments", input: Input::Mp4, run: index::fragments::exercise },
    Target { name: "ts", input: Input::MpegTs, run: index::ts::answers },
    Target { name: "mkv", input: Input::Matroska, run: index::matroska::exercise },
    Target { name: "flv-tag", input: Input::Flv, run: flv_tag },
    Target { name: "playlist", input: Input::Playlist, run: index::hls::exercise_playlist },
    Target { name: "hls", input: Input::Playlist, run: hls },
    Target { name: "h264", input: Input::H264, run: h264 },
    Target { name: "h264-avcc", input: Input::H264, run: |b| drop(h264::described(b)) },
    Target { name: "child", input: Input::Message, run: |mut b| drop(from_child(&mut b)) },
];

/// Opens a playlist that nothing lies beside, and looks for its beginning and three windows.
fn hls(bytes: &[u8]) {
    let source: Arc<dyn ByteSource> = Arc::new(MemorySource::new("fuzz.m3u8", bytes));
    let Ok(Some(opened)) = Index::open(&source) else { return };
    let Ok(locate) = opened.locate() else { return };
    index::exercise(&source, locate);
}

fn flv_tag(bytes: &[u8]) {
    let _ = index::flv::parse(bytes);
}

/// Every unit as whatever it might be.
fn h264(bytes: &[u8]) {
    let mut sps = None;
    for unit in h264::units(bytes, h264::Framing::AnnexB).unwrap_or_default() {
        sps = h264::Sps::parse(unit).or(sps);
        let _ = h264::pps_ids(unit);
        if let Some(sps) = &sps {
            let _ = h264::Slice::parse(unit, sps);
        }
    }
}

fn from_child(bytes: &mut &[u8]) -> std::io::Result<()> {
    while wire::receive::<FromChild>(bytes)?.is_some() {}
    Ok(())
}

/// What an honest child says.
pub fn messages() -> Vec<Vec<u8>> {
    let said = [
        FromChild::Ready(crate::sandbox::Layers::default()),
        FromChild::Read { handle: 0, offset: 1 << 40, length: 1 << 20 },
        FromChild::Beside { handle: 1, name: "media/0.ts".to_owned() },
        FromChild::WillRead { handle: 1, start: 5, end: 1 << 30 },
        FromChild::Answer { body: 3, blobs: vec![1, 2] },
        FromChild::Unable(reprise_model::Error::new(reprise_model::Kind::Unavailable, "no")),
    ];
    let mut all = Vec::new();
    let mut messages: Vec<Vec<u8>> = said
        .iter()
        .map(|message| {
            let mut bytes = Vec::new();
            // Writing to memory does not fail.
            let _ = wire::send(&mut bytes, message, &[]);
            all.extend_from_slice(&bytes);
            bytes
        })
        .collect();
    messages.push(all);
    messages
}
