//! 2-D codes: found in photographs as the reader finds them, found in half a second of pictures,
//! and what is laid over told from what is printed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{near, seen, shared};
use qrcode::{Color, QrCode};
use reprise_checks::{
    CodeKind, Evidence, EvidenceCollector, GrayPicture, LookFor, NoAdviser, find_codes,
};
use reprise_media::view::{Observer, PictureView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaDuration, MediaTime, Span};

fn gray(path: &std::path::Path) -> GrayPicture {
    let picture = image::open(path).unwrap().into_luma8();
    GrayPicture {
        width: picture.width() as usize,
        height: picture.height() as usize,
        pixels: picture.into_raw(),
    }
}

/// What zxing-cpp finds with all it has.
fn best_effort(picture: &GrayPicture) -> bool {
    use zxingcpp::{BarcodeFormat, ImageFormat, ImageView};
    let view =
        ImageView::from_slice(&picture.pixels, picture.width, picture.height, ImageFormat::Lum);
    let reader = zxingcpp::read()
        .formats(BarcodeFormat::AllMatrix)
        .try_harder(true)
        .try_rotate(true)
        .try_invert(true)
        .try_downscale(true);
    !reader.from(&view.unwrap()).unwrap().is_empty()
}

/// A picture shown for two seconds in the middle of a frame of 720 x 1280 at most.
fn as_video(picture: &GrayPicture) -> Evidence {
    let mut collector = EvidenceCollector::new(&LookFor::default());
    for index in 0..60 {
        show(&mut collector, picture, index);
    }
    collector.finish(&NoAdviser).unwrap()
}

fn show(collector: &mut EvidenceCollector, picture: &GrayPicture, index: i64) {
    let (chroma_width, chroma_height) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    let chroma = vec![128; chroma_width * chroma_height];
    collector.picture(&PictureView {
        time: MediaTime::from_ticks(index, 1, 30),
        duration: MediaDuration::from_ticks(1, 1, 30),
        width: picture.width,
        height: picture.height,
        luma: &picture.pixels,
        luma_stride: picture.width,
        blue: &chroma,
        red: &chroma,
        chroma_stride: chroma_width,
        chroma_width,
        chroma_height,
        full_range: false,
        corrupt: false,
    });
}

#[test]
fn photographs_are_read_as_well_as_the_reader_can() {
    let Some(folder) = shared("data/qr") else { return };
    let mut files = Vec::new();
    for part in [folder.clone(), folder.join("zxing_qrcode-2")] {
        for entry in std::fs::read_dir(part).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "png") {
                files.push(path);
            }
        }
    }
    let (mut there, mut found, mut in_video) = (0, 0, 0);
    for path in &files {
        let picture = gray(path);
        if !best_effort(&picture) {
            continue;
        }
        there += 1;
        found += usize::from(!find_codes(&picture).is_empty());
        let seen = !as_video(&picture).codes.tracks.is_empty();
        in_video += usize::from(seen);
        if !seen {
            eprintln!("not found as video: {}", path.display());
        }
    }
    eprintln!("{found} of {there} found in stills, {in_video} as video");
    assert!(there > 40 && found * 100 >= there * 95, "{found} of {there}");
    assert!(in_video * 100 >= there * 95, "{in_video} of {there}");
}

#[test]
fn what_is_written_is_read() {
    let Some(folder) = shared("data/qr/zxing_qrcode-2") else { return };
    let mut right = 0;
    for number in 1..40 {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{number}.txt"))) else {
            continue;
        };
        let codes = find_codes(&gray(&folder.join(format!("{number}.png"))));
        right += usize::from(codes.iter().any(|code| code.text.trim() == text.trim()));
    }
    assert!(right >= 20, "{right}");
}

#[test]
fn photographs_without_a_code_have_none() {
    let Some(folder) = shared("data/qr/zxing_falsepositives") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let picture = gray(&entry.unwrap().path());
        assert_eq!(find_codes(&picture), []);
        assert_eq!(as_video(&picture).codes.tracks, []);
    }
}

/// Draws a code with its quiet zone at `left`, `top`.
fn draw(picture: &mut GrayPicture, left: usize, top: usize, module: usize) {
    let code = QrCode::new(b"https://example.com/pay/77").unwrap();
    let side = code.width();
    let colors = code.to_colors();
    for y in 0..(side + 8) * module {
        for x in 0..(side + 8) * module {
            let (column, row) = ((x / module).wrapping_sub(4), (y / module).wrapping_sub(4));
            let dark = column < side && row < side && colors[row * side + column] == Color::Dark;
            picture.pixels[(top + y) * picture.width + left + x] = if dark { 16 } else { 235 };
        }
    }
}

/// Pictures of a recording with a code drawn in `span` where `place` says (`None`: nowhere).
struct Drawn<'a> {
    collector: EvidenceCollector,
    place: &'a dyn Fn(f64) -> Option<(usize, usize)>,
}

impl Observer for Drawn<'_> {
    fn picture(&mut self, view: &PictureView<'_>) {
        let mut picture =
            GrayPicture { width: view.width, height: view.height, pixels: Vec::new() };
        for line in view.luma.chunks(view.luma_stride).take(view.height) {
            picture.pixels.extend_from_slice(&line[..view.width]);
        }
        if let Some((left, top)) = (self.place)(view.time.seconds()) {
            draw(&mut picture, left, top, 4);
        }
        self.collector.picture(&PictureView {
            luma: &picture.pixels,
            luma_stride: view.width,
            ..*view
        });
    }
    fn sound(&mut self, _: &reprise_media::view::SoundView<'_>) {}
}

fn with_code(
    name: &str,
    span: Span,
    place: &dyn Fn(f64) -> Option<(usize, usize)>,
) -> Option<Evidence> {
    let source = FileSource::open(&shared(name)?).unwrap();
    let media = probe(source.clone()).unwrap();
    let options = WindowOptions { span, size: None, threads: 2 };
    let mut drawn = Drawn { collector: EvidenceCollector::new(&LookFor::default()), place };
    look(source, &media, &options, &mut drawn).unwrap();
    Some(drawn.collector.finish(&NoAdviser).unwrap())
}

#[test]
fn half_a_second_is_enough_wherever_it_begins() {
    for begin in [70.03, 71.11, 72.2, 73.37] {
        let place = |t: f64| (begin..begin + 0.5).contains(&t).then_some((80, 700));
        let name = "lives/real-footage-clean/live.flv";
        let span = Span::from_seconds(69.0, 75.0);
        let Some(evidence) = with_code(name, span, &place) else { return };
        let found = evidence.codes.laid_over();
        assert!(near(&found, (begin, begin + 0.5), 0.05), "{begin}: {:?}", evidence.codes.tracks);
    }
}

#[test]
fn a_code_that_slides_in_is_laid_over() {
    let place = |t: f64| Some((60 + ((t - 70.0) * 200.0).clamp(0.0, 400.0) as usize, 500));
    let name = "lives/real-footage-clean/live.flv";
    let Some(evidence) = with_code(name, Span::from_seconds(70.0, 74.0), &place) else { return };
    assert_eq!(evidence.codes.tracks.len(), 1);
    assert_eq!(evidence.codes.tracks[0].kind, CodeKind::LaidOver);
}

#[test]
fn the_code_over_a_live_is_found_and_only_there() {
    let Some(path) = shared("lives/real-footage-10min/live.flv") else { return };
    let evidence = seen(&path, Some(Span::from_seconds(250.0, 280.0)));
    assert!(near(&evidence.codes.laid_over(), (260.0, 266.0), 0.05), "{:?}", evidence.codes);
    let inside = evidence.within(Span::from_seconds(262.0, 264.0));
    assert!(near(&inside.codes.laid_over(), (262.0, 264.0), 0.01));
    let Some(clean) = shared("lives/real-footage-clean/live.flv") else { return };
    let evidence = seen(&clean, Some(Span::from_seconds(60.0, 90.0)));
    assert_eq!(evidence.codes.tracks, []);
}

/// Pictures of a recording with a label held in: `pose` gives middle, degrees and pixels a module.
struct Held<'a> {
    collector: EvidenceCollector,
    pose: &'a dyn Fn(f64) -> (f64, f64, f64, f64),
}

impl Observer for Held<'_> {
    fn picture(&mut self, view: &PictureView<'_>) {
        let mut pixels = Vec::new();
        for line in view.luma.chunks(view.luma_stride).take(view.height) {
            pixels.extend_from_slice(&line[..view.width]);
        }
        let code = QrCode::new(b"https://example.com/label").unwrap();
        let (side, colors) = (code.width() as f64, code.to_colors());
        let (middle_x, middle_y, degrees, module) = (self.pose)(view.time.seconds());
        let (sin, cos) = degrees.to_radians().sin_cos();
        let reach = (side + 10.0) * module;
        for y in 0..view.height {
            for x in 0..view.width {
                let (dx, dy) = (x as f64 - middle_x, y as f64 - middle_y);
                if dx.abs() > reach || dy.abs() > reach {
                    continue;
                }
                let (u, v) = ((dx * cos + dy * sin) / module, (dy * cos - dx * sin) / module);
                let (u, v) = (u + side / 2.0, v + side / 2.0);
                if u < -4.0 || v < -4.0 || u >= side + 4.0 || v >= side + 4.0 {
                    continue;
                }
                let inside = u >= 0.0 && v >= 0.0 && u < side && v < side;
                let dark = inside && {
                    let index = v as usize * code.width() + u as usize;
                    colors[index] == Color::Dark
                };
                // Paper under a light from the left.
                let light = 190.0 - 0.08 * (x as f64);
                pixels[y * view.width + x] = if dark { 40 } else { light as u8 };
            }
        }
        let view = PictureView { luma: &pixels, luma_stride: view.width, ..*view };
        self.collector.picture(&view);
    }
    fn sound(&mut self, _: &reprise_media::view::SoundView<'_>) {}
}

#[test]
fn a_code_on_a_label_that_is_held_in_is_printed() {
    let tilted = |t: f64| (300.0 + 30.0 * t.sin(), 800.0, 9.0 + 3.0 * (1.3 * t).sin(), 4.0);
    let upright =
        |t: f64| (300.0 + 8.0 * t.sin(), 800.0 + 5.0 * (2.0 * t).cos(), 1.5 * t.sin(), 4.0);
    let poses: [&dyn Fn(f64) -> (f64, f64, f64, f64); 2] = [&tilted, &upright];
    for pose in poses {
        let Some(path) = shared("lives/real-footage-clean/live.flv") else { return };
        let source = FileSource::open(&path).unwrap();
        let media = probe(source.clone()).unwrap();
        let options =
            WindowOptions { span: Span::from_seconds(120.0, 126.0), size: None, threads: 2 };
        let collector = EvidenceCollector::new(&LookFor::default());
        let mut held = Held { collector, pose };
        look(source, &media, &options, &mut held).unwrap();
        let evidence = held.collector.finish(&NoAdviser).unwrap();
        assert!(!evidence.codes.tracks.is_empty());
        assert!(
            evidence.codes.tracks.iter().all(|track| track.kind == CodeKind::Printed),
            "{:?}",
            evidence.codes.tracks.iter().map(|t| (t.span, t.kind, &t.reason)).collect::<Vec<_>>()
        );
        assert_eq!(evidence.codes.laid_over(), []);
    }
}
