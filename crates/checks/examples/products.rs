//! How well products are found, against known truth, and what it costs:
//! `cargo run -p reprise-checks --example products -- SHARED`.

mod timed;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use reprise_checks::{
    EvidenceCollector, GrayPicture, LookFor, NoAdviser, ProductEvidence, ProductReference,
    find_products,
};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaTime, Span};
use serde_json::Value;
use timed::{Pictures, cpu_s};

/// Looks away: what decoding alone costs.
struct Nothing;

impl Observer for Nothing {
    fn picture(&mut self, _: &PictureView<'_>) {}
    fn sound(&mut self, _: &SoundView<'_>) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let shared = PathBuf::from(arguments.first().map_or("../shared", String::as_str));
    let mut out = std::io::stdout().lock();
    still(&shared, &mut out)?;
    packages(&shared, &mut out)?;
    for name in ["real-footage-clean", "real-footage-10min"] {
        live(&shared.join("lives").join(name), &mut out)?;
    }
    Ok(())
}

fn still(shared: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let folder = shared.join("data/product");
    let references = [reference("box", &folder.join("box.png"))?];
    let found = find_products(&references, &gray(&folder.join("box_in_scene.png"))?)?;
    let truth = [[119.0, 161.0], [285.0, 175.0], [268.0, 299.0], [89.0, 273.0]];
    match found.first() {
        Some(found) => writeln!(
            out,
            "box in scene: corners {:?}, worst {:.1} px off, {} matches",
            found.corners,
            worst(&found.corners, &truth),
            found.score
        )?,
        None => writeln!(out, "box in scene: NOT FOUND")?,
    }
    Ok(())
}

fn packages(shared: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let folder = shared.join("data/product");
    let mut references = vec![reference("box", &folder.join("box.png"))?];
    let mut photos = Vec::new();
    let mut kinds: Vec<_> =
        std::fs::read_dir(folder.join("grocery"))?.collect::<Result<Vec<_>, _>>()?;
    kinds.sort_by_key(std::fs::DirEntry::path);
    for kind in kinds {
        let name = kind.file_name().to_string_lossy().into_owned();
        for file in std::fs::read_dir(kind.path())? {
            let file = file?.path();
            let is_reference =
                file.file_name().is_some_and(|f| f.to_string_lossy().starts_with("reference_"));
            if is_reference {
                references.push(reference(&name, &file)?);
            } else {
                photos.push((name.clone(), file));
            }
        }
    }
    photos.sort();
    let (mut first, mut right, mut wrong, mut undecided, mut nothing) = (0, 0, 0, 0, 0);
    let start = cpu_s();
    for (truth, photo) in &photos {
        let found = find_products(&references, &gray(photo)?)?;
        let Some(best) = found.first() else {
            nothing += 1;
            writeln!(out, "  nothing found in {}", photo.display())?;
            continue;
        };
        first += usize::from(best.product == *truth);
        match &best.undecided {
            Some(other) => {
                undecided += 1;
                writeln!(out, "  {} or {other}: {}", best.product, photo.display())?;
            }
            None if best.product == *truth => right += 1,
            None => {
                wrong += 1;
                writeln!(out, "  WRONG {}: {}", best.product, photo.display())?;
            }
        }
    }
    let share = |part: usize| 100.0 * part as f64 / photos.len().max(1) as f64;
    writeln!(
        out,
        "package photos: {} among {} references; right {right} ({:.0} %), wrong {wrong} ({:.0} %), \
         undecided {undecided}, nothing {nothing}; right at the first place {first} ({:.0} %); \
         {:.2} s each",
        photos.len(),
        references.len(),
        share(right),
        share(wrong),
        share(first),
        (cpu_s() - start) / photos.len().max(1) as f64,
    )?;
    Ok(())
}

fn live(folder: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let products: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("products.json"))?)?;
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json"))?)?;
    let mut look_for = LookFor::default();
    for product in &products {
        let picture = product["pictures"][0].as_str().ok_or("no picture")?;
        let id = product["id"].as_str().ok_or("no id")?;
        look_for.products.push(reference(id, &folder.join(picture))?);
    }
    let source = FileSource::open(&folder.join("live.flv"))?;
    let media = probe(source.clone())?;
    let span = Span::new(MediaTime::ZERO, MediaTime::ZERO + media.info.duration);
    let options = WindowOptions { span, size: None, threads: 1 };
    let minutes = span.seconds() / 60.0;
    let start = cpu_s();
    look(source.clone(), &media, &options, &mut Nothing)?;
    let decoding = (cpu_s() - start) / minutes;
    let mut without = Pictures(EvidenceCollector::new(&LookFor::default()), 0.0);
    look(source.clone(), &media, &options, &mut without)?;
    let without_s = without.1;
    let before = cpu_s();
    let mut with = Pictures(EvidenceCollector::new(&look_for), 0.0);
    let ready = cpu_s() - before;
    look(source, &media, &options, &mut with)?;
    let products_s = (with.1 - without.1) / minutes;
    writeln!(
        out,
        "{}: CPU a minute: decoding {decoding:.2} s (D1), products {products_s:.2} s = {:.2} D1; getting ready {ready:.2} s once",
        folder.display(),
        products_s / decoding,
    )?;
    let evidence = with.0.finish(&NoAdviser)?;
    let seen = &evidence.products;
    for pitch in truth["pitches"].as_array().ok_or("no pitches")? {
        pitch_row(pitch, seen, out)?;
    }
    outside(&truth, seen, out)?;
    let cascade =
        std::fs::read_to_string("/usr/share/opencv4/lbpcascades/lbpcascade_frontalface.xml")
            .unwrap_or_default();
    let model = folder.join("../../models/yunet_n_320_320.onnx");
    let yunet = std::fs::read(model).unwrap_or_default();
    for look_for in [
        LookFor { face_cascade: cascade, ..LookFor::default() },
        LookFor { face_model: yunet, ..LookFor::default() },
    ] {
        let source = FileSource::open(&folder.join("live.flv"))?;
        let before = cpu_s();
        let mut with = Pictures(EvidenceCollector::new(&look_for), 0.0);
        let ready = cpu_s() - before;
        look(source, &media, &options, &mut with)?;
        let people_s = (with.1 - without_s) / minutes;
        let people = with.0.finish(&NoAdviser)?.people;
        writeln!(
            out,
            "  faces by {}: in view {:.3} of the time, CPU a minute {people_s:.2} s = {:.2} D1, ready in {ready:.2} s",
            people.detector,
            people.host_in_view_share().unwrap_or(f64::NAN),
            people_s / decoding,
        )?;
    }
    Ok(())
}

fn pitch_row(
    pitch: &Value,
    seen: &ProductEvidence,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let number = |key: &str| pitch[key].as_f64().unwrap_or(0.0);
    let at = MediaTime::from_seconds;
    let whole = Span::new(at(number("pin_s")), at(number("pitch_end_s")));
    let shown = pitch["shown"].as_str().unwrap_or("");
    let product = pitch["shown_product_id"].as_str().unwrap_or("");
    let peak = Span::new(at(number("start_s")), at(number("end_s")));
    let main = seen.main_product(peak);
    let here: Vec<_> = seen.sightings_of(product).filter(|s| whole.contains(s.time)).collect();
    let undecided = here.iter().filter(|s| s.undecided.is_some()).count();
    let others =
        seen.sightings().iter().filter(|s| whole.contains(s.time) && !s.may_be(product)).count();
    let mut angles: Vec<f64> = here.iter().filter_map(|s| s.angle_degrees).collect();
    angles.sort_by(f64::total_cmp);
    let middle = |values: &[f64]| values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let whole_share = here.iter().filter(|s| s.whole).count() as f64 / here.len().max(1) as f64;
    let mut visible: Vec<f64> = here.iter().map(|s| s.visible_share).collect();
    visible.sort_by(f64::total_cmp);
    let first = seen.first_seen(product, whole).map_or(f64::NAN, |t| t.seconds());
    let first_in_peak = seen.first_seen(product, peak).map_or(f64::NAN, |t| t.seconds());
    let (mut errors, mut missed) = (Vec::new(), 0);
    for row in pitch["quads"].as_array().unwrap_or(&Vec::new()) {
        let time = row[0].as_f64().unwrap_or(0.0);
        let mut truth = [[0.0; 2]; 4];
        for (corner, value) in truth.iter_mut().zip(row[1].as_array().unwrap_or(&Vec::new())) {
            *corner = [value[0].as_f64().unwrap_or(0.0), value[1].as_f64().unwrap_or(0.0)];
        }
        match between(&here, time) {
            Some(corners) => errors.push(worst(&corners, &truth)),
            None => missed += 1,
        }
    }
    errors.sort_by(f64::total_cmp);
    writeln!(
        out,
        "  {shown:8} {product} from {:6.1} | main {:?} undecided {undecided}/{} others {others} | first {first:6.1} (peak {first_in_peak:.1} from {:.0}) whole {whole_share:.2} visible {:.2} angle {:.0} share {:.3} | worst corner: median {:.1} p90 {:.1} max {:.1} px, missed {missed} of {}",
        number("shown_from_s"),
        main.unwrap_or("-"),
        here.len(),
        number("start_s"),
        middle(&visible),
        middle(&angles),
        here.iter().map(|s| s.picture_share).sum::<f64>() / here.len().max(1) as f64,
        middle(&errors),
        errors.get(errors.len() * 9 / 10).copied().unwrap_or(f64::NAN),
        errors.last().copied().unwrap_or(f64::NAN),
        errors.len() + missed,
    )?;
    Ok(())
}

/// Sightings where nothing was shown.
fn outside(
    truth: &Value,
    seen: &ProductEvidence,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let spans: Vec<(f64, f64)> = truth["pitches"]
        .as_array()
        .ok_or("no pitches")?
        .iter()
        .map(|p| {
            (p["shown_from_s"].as_f64().unwrap_or(0.0), p["shown_to_s"].as_f64().unwrap_or(0.0))
        })
        .collect();
    let stray: Vec<_> = seen
        .sightings()
        .iter()
        .filter(|s| {
            let time = s.time.seconds();
            !spans.iter().any(|span| time >= span.0 - 0.3 && time <= span.1 + 0.3)
        })
        .collect();
    writeln!(
        out,
        "  sightings {} of which where nothing is shown {}",
        seen.sightings().len(),
        stray.len()
    )?;
    for s in stray.iter().take(8) {
        writeln!(out, "    {:.2} {} {:?} {}", s.time.seconds(), s.product, s.corners, s.score)?;
    }
    Ok(())
}

/// Corners at `time`, between the sightings around it.
fn between(seen: &[&reprise_checks::ProductSighting], time: f64) -> Option<[[f64; 2]; 4]> {
    let next = seen.iter().position(|s| s.time.seconds() >= time)?;
    let (a, b) = (seen[next.saturating_sub(1)], seen[next]);
    let (from, to) = (a.time.seconds(), b.time.seconds());
    if to - time > 0.7 || time - from > 0.7 && to - time > 0.05 {
        return None;
    }
    let part = if to > from { ((time - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
    let corners = std::array::from_fn(|k| {
        [0, 1].map(|axis| a.corners[k][axis] + part * (b.corners[k][axis] - a.corners[k][axis]))
    });
    Some(corners)
}

fn worst(found: &[[f64; 2]; 4], truth: &[[f64; 2]; 4]) -> f64 {
    found.iter().zip(truth).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).fold(0.0, f64::max)
}

fn reference(id: &str, file: &Path) -> Result<ProductReference, Box<dyn Error>> {
    Ok(ProductReference { id: id.to_owned(), pictures: vec![gray(file)?] })
}

fn gray(file: &Path) -> Result<GrayPicture, Box<dyn Error>> {
    let picture = image::open(file)?.to_luma8();
    Ok(GrayPicture {
        width: picture.width() as usize,
        height: picture.height() as usize,
        pixels: picture.into_raw(),
    })
}
