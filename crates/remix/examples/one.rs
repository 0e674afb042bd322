//! Remixes one clip in this process and tells what it took: `one CLIP_DIR TEMPLATE OUT.mp4 [LANGUAGE]`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // An example for developers.

use std::sync::atomic::AtomicBool;

use reprise_media::{FileSource, probe};
use reprise_remix::{Coder, Request, Template, Way, Wishes, prepare, remix};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = std::path::Path::new(&arguments[1]);
    let clip = serde_json::from_slice(&std::fs::read(folder.join("clip.json")).unwrap()).unwrap();
    let plan = std::fs::read(folder.join("plan.json"));
    let plan = plan.ok().map(|bytes| serde_json::from_slice(&bytes).unwrap());
    let source = FileSource::open(&folder.join("clip.mp4")).unwrap();
    prepare().unwrap();
    let media = probe(source.clone()).unwrap();
    let encode = toml::from_str(include_str!("../../../pipelines/profiles/h264-720p-fast.toml"));
    let made = remix(
        &Request {
            source,
            media: &media,
            clip: &clip,
            template: &Template::built_in(&arguments[2]).unwrap(),
            wishes: &Wishes { language: arguments.get(4).cloned(), ..Wishes::default() },
            plan: plan.as_ref(),
            brand: None,
            coder: &Coder { preset: "veryfast".to_owned(), crf: 21.0, threads: 2, gop_s: 2.0 },
            encode: &encode.unwrap(),
        },
        &Way { progress: &|_| (), cancel: &AtomicBool::new(false) },
    );
    let made = made.unwrap();
    std::fs::write(&arguments[3], &made.mp4).unwrap();
    println!("{:?}\n{:?}\n{:?}", made.effects, made.loudness, made.notes);
    for overlay in &made.overlays {
        println!("{}", serde_json::to_string(overlay).unwrap());
    }
}
