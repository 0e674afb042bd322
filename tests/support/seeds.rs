//! Small real recordings of every container, made by the `ffmpeg` command, that are changed to break
//! their readers.

use std::path::Path;

use crate::readback;

/// What the bytes are, which says where to change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Boxes of MP4.
    Mp4,
    /// Packets of 188 bytes.
    MpegTs,
    /// Tags of FLV.
    Flv,
    /// Elements of EBML.
    Matroska,
    /// Lines.
    Text,
    /// NAL units with start codes.
    AnnexB,
    /// Anything.
    Raw,
}

/// A recording and what it is.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Its file's name.
    pub name: &'static str,
    /// What its bytes are.
    pub shape: Shape,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Its name, its shape, and how `ffmpeg` makes it.
const RECIPES: [(&str, Shape, &str); 10] = [
    ("plain.mp4", Shape::Mp4, "-c:v libx264 -bf 2 -c:a aac -movflags +faststart"),
    ("index-last.mp4", Shape::Mp4, "-c:v libx264 -c:a aac"),
    (
        "fragmented.mp4",
        Shape::Mp4,
        "-c:v libx264 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof",
    ),
    ("plain.ts", Shape::MpegTs, "-c:v libx264 -bf 2 -c:a aac"),
    ("plain.flv", Shape::Flv, "-c:v libx264 -c:a aac"),
    ("indexed.flv", Shape::Flv, "-c:v libx264 -c:a aac -flvflags add_keyframe_index"),
    ("plain.mkv", Shape::Matroska, "-c:v libx264 -bf 2 -c:a aac"),
    ("vp9.webm", Shape::Matroska, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
    ("mpeg2.ts", Shape::MpegTs, "-c:v mpeg2video -c:a mp2"),
    ("video.h264", Shape::AnnexB, "-c:v libx264 -bf 2 -an -f h264"),
];

/// Makes those that are not in `folder` yet: 1.6 s of 160x284 with a tone, the same bytes with the
/// same `ffmpeg`.
pub fn make(folder: &Path) -> Vec<Seed> {
    let made = RECIPES.iter().map(|&(name, shape, recipe)| {
        let path = folder.join(name);
        if let Ok(bytes) = std::fs::read(&path) {
            return Seed { name, shape, bytes };
        }
        let mut arguments: Vec<&str> =
            "-v error -f lavfi -i testsrc2=size=160x284:rate=25:duration=1.6 \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration=1.6"
                .split_whitespace()
                .collect();
        arguments.extend("-pix_fmt yuv420p -g 10 -threads 1 -fflags +bitexact".split_whitespace());
        arguments.extend("-flags:v +bitexact -flags:a +bitexact".split_whitespace());
        arguments.extend(recipe.split_whitespace());
        arguments.extend(["-y", path.to_str().expect("a plain path")]);
        readback::run("ffmpeg", &arguments);
        Seed { name, shape, bytes: std::fs::read(&path).expect("ffmpeg wrote it") }
    });
    made.collect()
}
