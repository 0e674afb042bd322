//! What an embedding model is worth for products of few features, and what it costs:
//! `cargo run -p reprise-checks --example likeness -- SHARED [MODEL.onnx]` (without a model a thumbnail).

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use reprise_checks::{
    EvidenceCollector, GrayPicture, LookFor, ProductReference, find_products_by_likeness,
};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::Span;

#[path = "../tests/common/onnx.rs"]
mod onnx;
#[path = "../tests/common/plain.rs"]
mod plain;
mod timed;

use plain::{DARK, LIGHT, SISTER, shown};
use timed::{Pictures, cpu_s};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let shared = PathBuf::from(arguments.first().map_or("../shared", String::as_str));
    let model = match arguments.get(1) {
        Some(file) => std::fs::read(file)?,
        None => onnx::thumbnail(14, None),
    };
    let mut out = std::io::stdout().lock();
    // Rooms that no bar was chosen by.
    for (name, products, also) in [
        ("two plain bottles", [LIGHT, DARK], &[][..]),
        ("a bottle and its sister", [LIGHT, SISTER], &[DARK][..]),
    ] {
        let start = cpu_s();
        let score = shown(&products, also, 5000..5180, &model);
        writeln!(
            out,
            "{name}, 120 shown, 60 empty: {score:?}, {:.2} s each",
            (cpu_s() - start) / 180.0
        )?;
    }
    packages(&shared, &model, &mut out)?;
    cost(&shared, "thumbnail", &onnx::thumbnail(14, None), &mut out)?;
    // 0.2 thousand million multiplications a picture: two thirds of MobileNetV2's.
    cost(&shared, "convolutions", &onnx::convolutions(&[24, 64, 128, 192, 256, 256]), &mut out)?;
    Ok(())
}

fn packages(shared: &Path, model: &[u8], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (mut references, mut photos) = (Vec::new(), Vec::new());
    for kind in std::fs::read_dir(shared.join("data/product/grocery"))? {
        let kind = kind?;
        let name = kind.file_name().to_string_lossy().into_owned();
        for file in std::fs::read_dir(kind.path())? {
            let file = file?;
            let picture = GrayPicture::read(&std::fs::read(file.path())?, &name)?;
            if file.file_name().to_string_lossy().starts_with("reference_") {
                references.push(ProductReference { id: name.clone(), pictures: vec![picture] });
            } else {
                photos.push((name.clone(), picture));
            }
        }
    }
    references.sort_by(|a, b| a.id.cmp(&b.id));
    let (mut right, mut wrong, mut undecided, mut nothing) = (0, 0, 0, 0);
    for (truth, photo) in &photos {
        let found = find_products_by_likeness(&references, photo, model)?;
        match found.first() {
            None => nothing += 1,
            Some(best) if best.undecided.is_some() => undecided += 1,
            Some(best) if best.product == *truth => right += 1,
            Some(_) => wrong += 1,
        }
    }
    writeln!(
        out,
        "package photos by likeness alone: {} among {} references: right {right}, wrong {wrong}, undecided {undecided}, nothing {nothing}",
        photos.len(),
        references.len(),
    )?;
    Ok(())
}

/// CPU of a minute in which products without features are looked for and not there.
fn cost(
    shared: &Path,
    name: &str,
    model: &[u8],
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let source = FileSource::open(&shared.join("lives/real-footage-clean/live.flv"))?;
    let media = probe(source.clone())?;
    let options = WindowOptions { span: Span::from_seconds(60.0, 120.0), size: None, threads: 1 };
    let mut took = Vec::new();
    let mut seen = 0;
    for product_model in [Vec::new(), model.to_vec()] {
        let products = vec![LIGHT.reference(), DARK.reference()];
        let look_for = LookFor { products, product_model, ..LookFor::default() };
        let before = cpu_s();
        let mut pictures = Pictures(EvidenceCollector::new(&look_for), 0.0);
        let ready = cpu_s() - before;
        look(source.clone(), &media, &options, &mut pictures)?;
        took.push((ready, pictures.1));
        let evidence = pictures.0.finish(&reprise_checks::NoAdviser)?;
        seen = evidence.products.sightings().len();
    }
    writeln!(
        out,
        "{name}: {:.2} s of CPU a minute of LIVE more than without a model, {:.2} s once; {seen} sightings of what is not there",
        took[1].1 - took[0].1,
        took[1].0 - took[0].0,
    )?;
    Ok(())
}
