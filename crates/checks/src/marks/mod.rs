//! Overlays, text and logos on the picture: what is laid over it, what it says, and whose it is.

mod names;
mod regions;

use reprise_media::view::PictureView;
use reprise_model::remix::Overlay;
use reprise_model::{MediaDuration, Result, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::{Adviser, GrayPicture, LookFor, NamedPicture};
use names::foreign;
pub(crate) use names::{Finding, Owners, is_promotion, judge};
use regions::Regions;

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkEvidence {
    /// Pictures that were searched; 0 where nobody looked.
    pub searched: u32,
    /// Whether a reader of text was there.
    pub read: bool,
    /// Of the pictures, pixels.
    pub width: u32,
    /// Of the pictures, pixels.
    pub height: u32,
    /// Places that stand still and look like text or a logo, by their begin.
    pub marks: Vec<Mark>,
}

/// Whose a declared overlay is.
const OVERLAY: &str = "overlay of the remix";

impl MarkEvidence {
    /// Takes in what was laid over the picture on purpose and is known to the letter: what is seen in
    /// its place is its own, and its words are judged as they are written, not as they were read.
    pub fn declare(&mut self, overlays: &[Overlay]) {
        for mark in &mut self.marks {
            let [x, y, width, height] = mark.area.map(f64::from);
            let inside = |overlay: &&Overlay| {
                let [left, top, wide, high] = overlay.area;
                let shared_width = (x + width).min(left + wide) - x.max(left);
                let shared_height = (y + height).min(top + high) - y.max(top);
                let shared = shared_width.max(0.0) * shared_height.max(0.0);
                Span::from(overlay.span).overlaps(mark.span) && shared >= 0.5 * width * height
            };
            if overlays.iter().find(inside).is_some() {
                mark.own = Some(OVERLAY.to_owned());
                mark.logo = None;
            }
        }
        for overlay in overlays {
            let Some(text) = &overlay.text else { continue };
            let is_foreign = foreign(text, &Owners::default()).is_some();
            self.marks.push(Mark {
                span: overlay.span.into(),
                area: overlay.area.map(|value| value.max(0.0) as u32),
                over: true,
                card: true,
                lines: vec![MarkLine { text: text.clone(), confidence: 1.0 }],
                logo: None,
                own: (!is_foreign).then(|| OVERLAY.to_owned()),
            });
        }
    }
}

/// A place that stands still and looks like text or a logo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// On screen, up to half a second too early and too late.
    #[serde(rename = "span_s")]
    pub span: Span,
    /// Left, top, width, height, pixels.
    pub area: [u32; 4],
    /// Whether it is surely laid over: it came or went at once while the scene stayed, or stood
    /// still while the scene moved.
    pub over: bool,
    /// Whether it stands on a ground of one brightness, as cards and stickers do.
    pub card: bool,
    /// What it says; empty where nothing could be read, or nobody could.
    pub lines: Vec<MarkLine>,
    /// The listed foreign logo that it shows.
    pub logo: Option<String>,
    /// The LIVE's own overlay or brand that it shows.
    pub own: Option<String>,
}

/// A line of text in a mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkLine {
    /// As read.
    pub text: String,
    /// 0 to 1.
    pub confidence: f32,
}

/// Marks handed to the reader of text for each minute, and at once.
const READ_MAX: usize = 16;
/// Pictures searched in a minute.
const LOOKS_A_MINUTE: usize = 125;
/// Lines read with less confidence are texture, 0 to 1.
const LINE_CONFIDENCE_MIN: f64 = 0.55;

/// A mark in a corner that says nothing is a logo when it stays for so long, seconds.
const LOGO_MIN_S: f64 = 4.0;

/// Collects it.
#[derive(Debug, Default)]
pub(crate) struct MarkCollector {
    regions: Regions,
    own: Vec<NamedPicture>,
    foreign: Vec<NamedPicture>,
}

impl MarkCollector {
    pub(crate) fn new(look_for: &LookFor) -> Self {
        Self {
            regions: Regions::default(),
            own: look_for.own.clone(),
            foreign: look_for.foreign.clone(),
        }
    }

    pub(crate) fn picture(&mut self, picture: &PictureView<'_>) {
        self.regions.picture(picture);
    }

    pub(crate) fn finish(self, adviser: &dyn Adviser) -> Result<MarkEvidence> {
        let (searched, width, height) = self.regions.searched();
        let mut kept = self.regions.finish();
        kept.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
        // So many a minute, and never fewer than for one.
        kept.truncate(READ_MAX * (searched as usize).div_ceil(LOOKS_A_MINUTE).max(1));
        let crops: Vec<GrayPicture> = kept.iter().map(|region| region.crop.clone()).collect();
        let mut read = Some(Vec::new());
        for some in crops.chunks(READ_MAX) {
            read = match (read, adviser.read_text(some)?) {
                (Some(mut all), Some(more)) => {
                    all.extend(more);
                    Some(all)
                }
                _ => None,
            };
        }
        let is_read = read.is_some();
        let mut texts = read.unwrap_or_default().into_iter();
        let mut marks: Vec<Mark> = kept
            .into_iter()
            .map(|region| {
                let lines = texts.next().unwrap_or_default().into_iter().filter(|line| {
                    // Texture is read as single letters that lie about.
                    let word = line
                        .text
                        .split(|c: char| c.is_whitespace())
                        .any(|word| word.chars().filter(|c| c.is_alphanumeric()).count() >= 3);
                    line.confidence >= LINE_CONFIDENCE_MIN && word
                });
                Mark {
                    span: region.span,
                    area: region.area,
                    over: region.over,
                    card: region.card,
                    lines: lines
                        .map(|line| MarkLine {
                            text: line.text,
                            confidence: (line.confidence * 1000.0).round() as f32 / 1000.0,
                        })
                        .collect(),
                    logo: regions::shown(&region.crop, &self.foreign),
                    own: regions::shown(&region.crop, &self.own),
                }
            })
            .collect();
        let mut evidence =
            MarkEvidence { searched, read: is_read, width, height, marks: Vec::new() };
        if is_read {
            // Where somebody read and found nothing, it is texture, but for a card in a corner that
            // came or went at once, or stood still while the camera moved: a logo.
            let texts: Vec<Mark> =
                marks.iter().filter(|mark| !mark.lines.is_empty()).cloned().collect();
            marks.retain(|mark| {
                // What is read beside it, or under it a moment later, explains it.
                let told = texts.iter().any(|text| overlap(text.area, mark.area));
                let logo = !told
                    && mark.card
                    && mark.over
                    && evidence.in_corner(mark)
                    && mark.span.seconds() >= LOGO_MIN_S;
                !mark.lines.is_empty() || mark.logo.is_some() || mark.own.is_some() || logo
            });
        }
        marks.sort_by_key(|mark| (mark.span.start, mark.area));
        evidence.marks = marks;
        Ok(evidence)
    }
}

fn overlap(a: [u32; 4], b: [u32; 4]) -> bool {
    a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3]
}

impl MarkEvidence {
    /// Stretches with a foreign name, link or logo, for cutting them away. `brands` are the
    /// seller's and the products' own names; with `listed` set they are all there are, and a lone
    /// unknown name in a corner counts as foreign.
    pub fn foreign_spans(&self, brands: &[String], listed: bool) -> Vec<Span> {
        let owners = Owners::new(brands.iter().map(String::as_str), listed);
        let is_foreign = |mark: &&Mark| matches!(judge(mark, self, &owners), Finding::Foreign(_));
        let spans = self.marks.iter().filter(is_foreign).map(|mark| self.whole(mark));
        reprise_model::span::merged(spans.collect())
    }

    /// When a mark is on screen together with what was seen in its place just before and after:
    /// letters that let the picture shine through are found in pieces.
    fn whole(&self, mark: &Mark) -> Span {
        let near = MediaDuration::from_millis(1100);
        let mut span = mark.span;
        loop {
            let mut wider = span;
            for piece in &self.marks {
                if overlap(piece.area, mark.area) && piece.span.widened(near).overlaps(span) {
                    wider.start = wider.start.min(piece.span.start);
                    wider.end = wider.end.max(piece.span.end);
                }
            }
            if wider == span {
                return span;
            }
            span = wider;
        }
    }

    /// Whether the middle of a mark lies in a corner of the picture.
    pub(crate) fn in_corner(&self, mark: &Mark) -> bool {
        let [left, top, width, height] = mark.area.map(f64::from);
        let (x, y) = (
            (left + width / 2.0) / f64::from(self.width.max(1)),
            (top + height / 2.0) / f64::from(self.height.max(1)),
        );
        let small = width <= 0.5 * f64::from(self.width) && height <= 0.12 * f64::from(self.height);
        small && !(0.36..=0.64).contains(&x) && !(0.2..=0.8).contains(&y)
    }

    /// The part inside `span`.
    pub(crate) fn within(&self, span: Span) -> Self {
        let marks = self.marks.iter().filter_map(|mark| {
            let inside = mark.span.intersect(span);
            (!inside.is_empty()).then(|| Mark { span: inside, ..mark.clone() })
        });
        Self { marks: marks.collect(), ..*self }
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(mut self, by: MediaDuration) -> Self {
        for mark in &mut self.marks {
            mark.span = Span::new(mark.span.start + by, mark.span.end + by);
        }
        self
    }
}
