//! Pictures of every template on clips, one row a template: `gallery OUT.png TIME,... CLIP_DIR...`
//! (a `CLIP_DIR:LANGUAGE` says what language its words are in).
#![allow(clippy::unwrap_used, clippy::print_stdout)] // An example for developers.

use std::sync::Arc;

use image::{RgbImage, imageops};
use reprise_media::FileSource;
use reprise_model::{ByteSource, MediaTime};
use reprise_remix::{Coder, Order, Template, Wishes};

const PROFILE: &str = include_str!("../../../pipelines/profiles/h264-720p-fast.toml");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let times: Vec<MediaTime> =
        arguments[2].split(',').map(|t| MediaTime::from_seconds(t.parse().unwrap())).collect();
    let only = std::env::var("TEMPLATE").ok();
    let mut rows: Vec<Vec<RgbImage>> = Vec::new();
    for name in Template::names().filter(|name| only.as_deref().is_none_or(|only| only == *name)) {
        let mut row = Vec::new();
        for argument in &arguments[3..] {
            let (folder, language) = argument.split_once(':').unwrap_or((argument, "en"));
            let folder = std::path::Path::new(folder);
            let read = |file: &str| std::fs::read(folder.join(file));
            let clip = serde_json::from_slice(&read("clip.json").unwrap()).unwrap();
            let plan = read("plan.json").ok().map(|bytes| serde_json::from_slice(&bytes).unwrap());
            let brand = read("brand.png").ok();
            let source: Arc<dyn ByteSource> = FileSource::open(&folder.join("clip.mp4")).unwrap();
            let order = Order {
                clip,
                template: Template::built_in(name).unwrap(),
                wishes: Wishes { language: Some(language.to_owned()), ..Wishes::default() },
                plan,
                brand,
                coder: Coder::default(),
                encode: toml::from_str(PROFILE).unwrap(),
            };
            for still in order
                .plan()
                .unwrap()
                .preview(&source, reprise_model::MediaTime::ZERO, &times)
                .unwrap()
            {
                let size = (still.width as u32, still.height as u32);
                let whole = RgbImage::from_raw(size.0, size.1, still.rgb).unwrap();
                let height = 480 * size.1 / size.0.min(size.1);
                let width = height * size.0 / size.1;
                row.push(imageops::resize(&whole, width, height, imageops::FilterType::Triangle));
            }
        }
        rows.push(row);
    }
    let width = rows.iter().map(|row| row.iter().map(|p| p.width() + 8).sum()).max().unwrap_or(0);
    let height = rows.iter().map(|row| row.iter().map(|p| p.height() + 8).max().unwrap_or(0)).sum();
    let mut sheet = RgbImage::from_pixel(width, height, image::Rgb([255, 255, 255]));
    let mut y = 0;
    for row in rows {
        let mut x = 0;
        let tallest = row.iter().map(|p| p.height() + 8).max().unwrap_or(0);
        for picture in row {
            imageops::replace(&mut sheet, &picture, x, y);
            x += i64::from(picture.width()) + 8;
        }
        y += i64::from(tallest);
    }
    sheet.save(&arguments[1]).unwrap();
    println!("{} ({} x {})", arguments[1], width, height);
}
