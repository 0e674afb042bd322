//! Marks over the picture: text drawn over real footage is found and read, what is foreign fails,
//! and what a LIVE shows of its own passes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use ab_glyph::{Font, FontVec, PxScale, ScaleFont, point};
use common::shared;
use reprise_checks::{
    Adviser, ClipFacts, Evidence, EvidenceCollector, GrayPicture, LookFor, NamedPicture, NoAdviser,
    Phrases, Policy, SessionFacts, SoundEvidence, TextLine, TextReader, Transcript, check,
};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaTime, Outcome, Result, RuleId, Span, Verdict, WallTime};

struct Reads(TextReader);

impl Adviser for Reads {
    fn transcribe(&self, _: &SoundEvidence) -> Result<Option<Transcript>> {
        Ok(None)
    }
    fn read_text(&self, pictures: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        self.0.read(pictures).map(Some)
    }
}

/// Text over the picture.
#[derive(Clone, Copy)]
struct Drawn {
    text: &'static str,
    left: f32,
    top: f32,
    size: f32,
    ink: u8,
    /// Level of the card below it; none where the picture shines through.
    card: Option<u8>,
    opacity: f32,
}

fn font() -> Option<FontVec> {
    let path = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf";
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!("skipped: {path} is not on this machine");
        return None;
    };
    FontVec::try_from_vec(bytes).ok()
}

fn draw(font: &FontVec, drawn: &Drawn, pixels: &mut [u8], width: usize) {
    let font = font.as_scaled(PxScale::from(drawn.size));
    let long: f32 = drawn.text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum();
    let (left, top) = (drawn.left as usize, drawn.top as usize);
    let mut blend = |x: usize, y: usize, level: u8, share: f32| {
        if let Some(pixel) = pixels.get_mut(y * width + x).filter(|_| x < width) {
            let share = share * drawn.opacity;
            *pixel = (f32::from(*pixel) * (1.0 - share) + f32::from(level) * share) as u8;
        }
    };
    if let Some(level) = drawn.card {
        for y in top..top + drawn.size as usize + 12 {
            for x in left..left + long as usize + 20 {
                blend(x, y, level, 1.0);
            }
        }
    }
    let mut pen = drawn.left + 10.0;
    for letter in drawn.text.chars() {
        let id = font.glyph_id(letter);
        let at = point(pen, drawn.top + 6.0 + font.ascent());
        pen += font.h_advance(id);
        let Some(outline) = font.outline_glyph(id.with_scale_and_position(drawn.size, at)) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|x, y, share| {
            let (x, y) = (bounds.min.x + x as f32, bounds.min.y + y as f32);
            if x >= 0.0 && y >= 0.0 {
                blend(x as usize, y as usize, drawn.ink, share);
            }
        });
    }
}

struct Over<'a> {
    collector: EvidenceCollector,
    font: FontVec,
    drawn: &'a [Drawn],
    span: Span,
}

impl Observer for Over<'_> {
    fn picture(&mut self, view: &PictureView<'_>) {
        let mut pixels = Vec::new();
        for line in view.luma.chunks(view.luma_stride).take(view.height) {
            pixels.extend_from_slice(&line[..view.width]);
        }
        if self.span.contains(view.time) {
            for drawn in self.drawn {
                draw(&self.font, drawn, &mut pixels, view.width);
            }
        }
        let view = PictureView { luma: &pixels, luma_stride: view.width, ..*view };
        self.collector.picture(&view);
    }
    fn sound(&mut self, _: &SoundView<'_>) {}
}

const WINDOW: (f64, f64) = (110.0, 122.0);

/// Evidence of real footage with text over it from `from_s` to `to_s`.
fn over(
    drawn: &[Drawn],
    (from_s, to_s): (f64, f64),
    look_for: &LookFor,
    adviser: &dyn Adviser,
) -> Option<Evidence> {
    let source = FileSource::open(&shared("lives/real-footage-clean/live.flv")?).unwrap();
    let media = probe(source.clone()).unwrap();
    let options =
        WindowOptions { span: Span::from_seconds(WINDOW.0, WINDOW.1), size: None, threads: 2 };
    let mut over = Over {
        collector: EvidenceCollector::new(look_for),
        font: font()?,
        drawn,
        span: Span::from_seconds(from_s, to_s),
    };
    look(source, &media, &options, &mut over).unwrap();
    Some(over.collector.finish(adviser).unwrap())
}

fn verdict(evidence: &Evidence, rule: RuleId, brands: &[String]) -> Verdict {
    let facts = ClipFacts {
        width: 720,
        height: 1280,
        duration: evidence.span().duration(),
        fps: 30.0,
        has_audio: false,
        evidence,
        source: None,
        session: Some(SessionFacts {
            session_id: "s",
            zero: WallTime::parse("2026-11-20T12:00:03Z").unwrap(),
            has_log: false,
            events: &[],
            product_uses: &BTreeMap::new(),
            languages: &[],
            brands,
            products: &[],
            clip_products: &[],
            clip_span: Some(evidence.span()),
        }),
        phrases: &Phrases::default(),
    };
    check(&facts, &Policy::default()).into_iter().find(|v| v.rule == rule).unwrap()
}

fn card(text: &'static str, left: f32, top: f32, size: f32) -> Drawn {
    Drawn { text, left, top, size, ink: 60, card: Some(235), opacity: 1.0 }
}

fn reader() -> Option<Reads> {
    let reader = TextReader::open();
    if reader.is_none() {
        eprintln!("skipped: Tesseract has no data on this machine");
    }
    reader.map(Reads)
}

#[test]
fn drawn_text_is_read() {
    let (Some(reader), Some(font)) = (reader(), font()) else { return };
    let light = Drawn { ink: 235, card: Some(40), ..card("Diskon 20%", 4.0, 4.0, 24.0) };
    let mut pictures = Vec::new();
    for drawn in [card("Flash Sale", 4.0, 4.0, 22.0), light] {
        let mut pixels = vec![150; 240 * 50];
        draw(&font, &drawn, &mut pixels, 240);
        pictures.push(GrayPicture { width: 240, height: 50, pixels });
    }
    pictures.push(GrayPicture { width: 64, height: 32, pixels: vec![90; 64 * 32] });
    let read = reader.0.read(&pictures).unwrap();
    assert_eq!(read[0][0].text, "Flash Sale");
    assert_eq!(read[1][0].text, "Diskon 20%");
    assert_eq!(read[2], []);
    let [left, top, width, height] = read[0][0].area;
    assert!(left < 30 && top < 20 && width > 80 && height > 10, "{:?}", read[0][0].area);
}

#[test]
fn foreign_marks_fail_and_are_placed() {
    let Some(reader) = reader() else { return };
    let ghost = Drawn {
        ink: 235,
        card: None,
        opacity: 0.7,
        ..card("instagram.com/acme", 30.0, 1200.0, 28.0)
    };
    for drawn in [
        card("ViewHub", 560.0, 30.0, 30.0),
        card("OtherTube", 20.0, 1190.0, 34.0),
        card("WA 0812-3456-7890", 150.0, 300.0, 26.0),
        ghost,
    ] {
        let evidence = over(&[drawn], (114.0, 119.0), &LookFor::default(), &reader);
        let Some(evidence) = evidence else { return };
        let found = verdict(&evidence, RuleId::ComplianceWatermark, &[]);
        assert_eq!(found.verdict, Outcome::Fail, "{}: {:?}", drawn.text, evidence.marks.marks);
        let spans = evidence.marks.foreign_spans(&[], true);
        assert!(
            common::near(&spans, (114.0, 119.0), 1.01)
                && spans[0].start <= MediaTime::from_seconds(114.0)
                && spans[0].end >= MediaTime::from_seconds(119.0),
            "{}: {spans:?}",
            drawn.text
        );
    }
}

#[test]
fn the_overlays_of_a_live_pass() {
    let Some(reader) = reader() else { return };
    let drawn = [
        card("FLASH SALE 50% OFF", 20.0, 40.0, 34.0),
        card("Rp 99.000", 540.0, 40.0, 30.0),
        card("Acme Beauty", 480.0, 1180.0, 30.0),
        Drawn { ink: 235, card: None, ..card("this one is so easy to use", 120.0, 1100.0, 30.0) },
    ];
    for span in [WINDOW, (113.0, 120.0)] {
        let Some(evidence) = over(&drawn, span, &LookFor::default(), &reader) else { return };
        let brands = ["Acme".to_owned()];
        let found = verdict(&evidence, RuleId::ComplianceWatermark, &brands);
        assert_eq!(found.verdict, Outcome::Pass, "{}: {:?}", found.detail, evidence.marks.marks);
        let enhanced = verdict(&evidence, RuleId::VisualEnhancement, &brands);
        assert_eq!(enhanced.verdict, Outcome::Pass, "{}", enhanced.detail);
    }
}

#[test]
fn raw_footage_has_neither_overlays_nor_foreign_marks() {
    let Some(reader) = reader() else { return };
    let Some(evidence) = over(&[], WINDOW, &LookFor::default(), &reader) else { return };
    let found = verdict(&evidence, RuleId::ComplianceWatermark, &[]);
    assert_eq!(found.verdict, Outcome::Pass, "{:?}", evidence.marks.marks);
    let enhanced = verdict(&evidence, RuleId::VisualEnhancement, &[]);
    assert_eq!(enhanced.verdict, Outcome::Fail, "{:?}", evidence.marks.marks);
}

#[test]
fn without_a_reader_text_stays_unknown() {
    let drawn = [card("FLASH SALE 50% OFF", 20.0, 40.0, 34.0)];
    let Some(evidence) = over(&drawn, WINDOW, &LookFor::default(), &NoAdviser) else { return };
    let found = verdict(&evidence, RuleId::ComplianceWatermark, &[]);
    assert_eq!(found.verdict, Outcome::Unknown);
    assert!(!found.evidence.is_empty());
}

#[test]
fn a_listed_logo_fails_and_an_own_one_passes() {
    let (Some(reader), Some(font)) = (reader(), font()) else { return };
    let mut pixels = vec![235; 200 * 48];
    draw(&font, &card("Zq&#", 0.0, 0.0, 36.0), &mut pixels, 200);
    let picture = GrayPicture {
        width: 130,
        height: 48,
        pixels: pixels.chunks(200).flat_map(|l| l[..130].to_vec()).collect(),
    };
    let named = vec![NamedPicture { name: "Zq".to_owned(), picture }];
    let drawn = [card("Zq&#", 560.0, 30.0, 36.0)];
    let foreign = LookFor { foreign: named.clone(), ..LookFor::default() };
    let Some(evidence) = over(&drawn, WINDOW, &foreign, &reader) else { return };
    let found = verdict(&evidence, RuleId::ComplianceWatermark, &[]);
    assert_eq!(found.verdict, Outcome::Fail, "{:?}", evidence.marks.marks);
    let own = LookFor { own: named, ..LookFor::default() };
    let Some(evidence) = over(&drawn, WINDOW, &own, &reader) else { return };
    let found = verdict(&evidence, RuleId::ComplianceWatermark, &[]);
    assert_eq!(found.verdict, Outcome::Pass, "{:?}", evidence.marks.marks);
}
