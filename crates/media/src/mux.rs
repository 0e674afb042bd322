//! Coded pictures and sound to the finished MP4, its index in front.

use std::sync::Arc;

use reprise_model::{MediaTime, Result};

use crate::faststart::faststart;
use crate::ffi::frame::Packet;
use crate::ffi::muxer::{Muxer, Track};

/// Largest MP4 that is made in memory: 60 s at 60 Mbit/s.
const MP4_LIMIT: usize = 512 << 20;

/// Muxes tracks, each with its packets in the order of decoding.
pub(crate) fn mux(tracks: Vec<(Track, Vec<Packet>)>) -> Result<Arc<[u8]>> {
    let (tracks, lists): (Vec<Track>, Vec<Vec<Packet>>) = tracks.into_iter().unzip();
    let mut muxer = Muxer::new(&tracks, MP4_LIMIT)?;
    let mut packets: Vec<(MediaTime, usize, Packet)> = Vec::new();
    for (stream, (track, list)) in tracks.iter().zip(lists).enumerate() {
        for packet in list {
            let at = crate::ffi::time(packet.dts(), track.time_base()).unwrap_or_default();
            packets.push((at, stream, packet));
        }
    }
    // Stable: packets of one stream stay in their order.
    packets.sort_by_key(|(at, stream, _)| (*at, *stream));
    for (_, stream, mut packet) in packets {
        muxer.write(&mut packet, stream, tracks[stream].time_base())?;
    }
    Ok(faststart(&muxer.finish()?)?.into())
}
