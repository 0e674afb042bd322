//! Remixes one clip in this process and tells what it took: `one CLIP_DIR TEMPLATE OUT.mp4 [LANGUAGE]`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // An example for developers.

use std::sync::atomic::AtomicBool;

use reprise_media::FileSource;
use reprise_remix::{Coder, Graph, Order, Template, Way, Wishes};

const PROFILE: &str = include_str!("../../../pipelines/profiles/h264-720p-fast.toml");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = std::path::Path::new(&arguments[1]);
    let clip = serde_json::from_slice(&std::fs::read(folder.join("clip.json")).unwrap()).unwrap();
    let plan = std::fs::read(folder.join("plan.json"));
    let plan = plan.ok().map(|bytes| serde_json::from_slice(&bytes).unwrap());
    let source = FileSource::open(&folder.join("clip.mp4")).unwrap();
    let order = Order {
        clip,
        template: Template::built_in(&arguments[2]).unwrap(),
        wishes: Wishes { language: arguments.get(4).cloned(), ..Wishes::default() },
        plan,
        brand: None,
        coder: Coder::default(),
        encode: toml::from_str(PROFILE).unwrap(),
    };
    let way = Way { progress: &|_| (), cancel: &AtomicBool::new(false) };
    let graph = Graph::new(&order.coder).unwrap();
    let made = order.plan().unwrap().make(source, graph, &way).unwrap();
    std::fs::write(&arguments[3], &made.mp4).unwrap();
    println!("{:?}\n{:?}\n{:?}", made.told.effects, made.told.loudness, made.told.notes);
    for overlay in &made.told.overlays {
        println!("{}", serde_json::to_string(overlay).unwrap());
    }
}
