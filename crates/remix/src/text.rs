//! Texts, shaped and broken into lines by Pango (right-to-left, Thai, CJK, emoji), made to fit a box.

use pango::{Alignment, AttrColor, AttrFloat, AttrInt, AttrList, EllipsizeMode, WrapMode};
use reprise_model::{Error, Kind, Result};
use unicode_segmentation::UnicodeSegmentation;

use crate::colour::Colour;
use crate::drawing::refused;

/// Letters of a text at most, as people count them.
const LETTERS_MAX: usize = 160;
/// Where letters come from that the template's font lacks. Chinese, Japanese and Korean ones are chosen
/// by language, emoji by themselves (a font of emoji in this list would also give its digits).
const OTHER_SCRIPTS: &str = "Noto Sans,Noto Sans Arabic,Noto Sans Thai";
/// How small a text may become before it is cut, as a share of the size asked for.
const SIZES: [f64; 7] = [1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.54];

/// A stretch of a text with its own look.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What it says.
    pub text: String,
    /// Its colour where it differs.
    pub colour: Option<Colour>,
    /// Its size as a share of the text's.
    pub scale: f64,
    /// Whether a line goes through it.
    pub struck: bool,
}

impl Run {
    /// Like the rest of the text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), colour: None, scale: 1.0, struck: false }
    }
}

/// How a text looks.
#[derive(Clone, Debug)]
pub struct Style<'a> {
    /// Family and weight, such as `Lato Black`.
    pub font: &'a str,
    /// BCP 47; decides between the forms of Chinese, Japanese and Korean letters.
    pub language: &'a str,
    /// Height of an em, pixels.
    pub em: f64,
    /// Lines at most.
    pub lines: u32,
    /// 0 to 1: left to right.
    pub align: f64,
}

/// A text that was made to fit.
#[derive(Debug)]
pub struct Fitted {
    layout: pango::Layout,
    /// Height of an em, pixels.
    pub em: f64,
    /// What its letters cover, from the layout's own origin: left, top, width, height.
    extents: [f64; 4],
    /// Whether something had to be left out.
    pub is_cut: bool,
}

/// Text without what cannot be shown: control characters, line ends, repeated spaces; at most 160
/// letters.
pub fn cleaned(text: &str) -> String {
    let shown = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    let plain: String = text.chars().map(|c| if shown(c) { c } else { ' ' }).collect();
    // Marks that turn the direction round would also turn what stands beside them.
    let plain =
        plain.replace(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'), "");
    let mut words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.graphemes(true).count() > LETTERS_MAX {
        words = words.graphemes(true).take(LETTERS_MAX - 1).collect();
        words.push('…');
    }
    words
}

impl Fitted {
    /// Fits runs into a box, whose width and height `room` gives for the size of an em: smaller if
    /// needed, at last cut with dots.
    ///
    /// # Errors
    /// `Bug` where Pango has no surface to measure on.
    pub fn new(runs: &[Run], style: &Style<'_>, room: impl Fn(f64) -> (f64, f64)) -> Result<Self> {
        let layout = layout(runs, style)?;
        layout.set_wrap(WrapMode::Word);
        let mut em = style.em;
        let mut height = 0.0;
        for share in SIZES {
            em = style.em * share;
            let width;
            (width, height) = room(em);
            layout.set_width(units(width));
            set_size(&layout, style.font, em, runs);
            let (_, shown) = layout.pixel_extents();
            let fits = f64::from(shown.width()) <= width && f64::from(shown.height()) <= height;
            if fits && layout.line_count() as u32 <= style.lines {
                balance(&layout, width);
                return Ok(Self::measured(layout, em, false));
            }
        }
        layout.set_wrap(WrapMode::WordChar);
        layout.set_ellipsize(EllipsizeMode::End);
        for lines in (1..=style.lines).rev() {
            layout.set_height(-(lines as i32));
            if f64::from(layout.pixel_extents().1.height()) <= height {
                break;
            }
        }
        let is_cut = layout.is_ellipsized();
        Ok(Self::measured(layout, em, is_cut))
    }

    fn measured(layout: pango::Layout, em: f64, is_cut: bool) -> Self {
        let (ink, logical) = layout.pixel_extents();
        let left = ink.x().min(logical.x());
        let top = ink.y().min(logical.y());
        let right = (ink.x() + ink.width()).max(logical.x() + logical.width());
        let bottom = (ink.y() + ink.height()).max(logical.y() + logical.height());
        let extents = [left, top, right - left, bottom - top].map(f64::from);
        Self { layout, em, extents, is_cut }
    }

    /// Pixels.
    pub fn width(&self) -> f64 {
        self.extents[2]
    }

    /// Pixels.
    pub fn height(&self) -> f64 {
        self.extents[3]
    }

    /// Draws it with its top left at a point: a border of `outline` first, then the letters.
    ///
    /// # Errors
    /// `Bug` where cairo refuses.
    pub fn draw(
        &self,
        context: &cairo::Context,
        at: [f64; 2],
        ink: Colour,
        outline: Option<Colour>,
    ) -> Result<()> {
        context.move_to(at[0] - self.extents[0], at[1] - self.extents[1]);
        if let Some(outline) = outline {
            context.save().map_err(refused)?;
            pangocairo::functions::layout_path(context, &self.layout);
            context.set_line_join(cairo::LineJoin::Round);
            context.set_line_width(outline_width(self.em) * 2.0);
            set_source(context, outline);
            context.stroke().map_err(refused)?;
            context.restore().map_err(refused)?;
            context.move_to(at[0] - self.extents[0], at[1] - self.extents[1]);
        }
        set_source(context, ink);
        pangocairo::functions::show_layout(context, &self.layout);
        context.status().map_err(refused)
    }
}

/// How wide a border of letters is, pixels.
pub fn outline_width(em: f64) -> f64 {
    em * 0.09
}

/// Makes a colour what is drawn with.
pub fn set_source(context: &cairo::Context, colour: Colour) {
    context.set_source_rgba(colour.red, colour.green, colour.blue, colour.alpha);
}

/// Families of fonts that are there, of those asked for.
pub fn families_missing(wanted: &[&str]) -> Vec<String> {
    use pango::prelude::FontMapExt;
    let known = pangocairo::FontMap::default().list_families();
    let known: Vec<String> = known
        .iter()
        .map(|family| pango::prelude::FontFamilyExt::name(family).to_string())
        .collect();
    let missing = wanted.iter().filter(|&&name| !known.iter().any(|known| known == name));
    missing.map(|name| (*name).to_owned()).collect()
}

fn layout(runs: &[Run], style: &Style<'_>) -> Result<pango::Layout> {
    let surface = cairo::ImageSurface::create(cairo::Format::A8, 1, 1).map_err(refused)?;
    let context = cairo::Context::new(&surface).map_err(refused)?;
    let layout = pangocairo::functions::create_layout(&context);
    let text: String = runs.iter().map(|run| run.text.as_str()).collect();
    if text.is_empty() {
        return Err(Error::new(Kind::Bug, "a text without letters was to be drawn"));
    }
    layout.context().set_language(Some(&pango::Language::from_string(style.language)));
    layout.set_text(&text);
    layout.set_alignment(match style.align {
        at if at < 0.34 => Alignment::Left,
        at if at > 0.66 => Alignment::Right,
        _ => Alignment::Center,
    });
    layout.set_line_spacing(0.95);
    Ok(layout)
}

/// Sets the size, and each run's own look.
fn set_size(layout: &pango::Layout, font: &str, em: f64, runs: &[Run]) {
    let mut description = pango::FontDescription::from_string(font);
    let family = description.family().unwrap_or_else(|| "sans".into());
    description.set_family(&format!("{family},{OTHER_SCRIPTS}"));
    description.set_absolute_size(em * f64::from(pango::SCALE));
    layout.set_font_description(Some(&description));
    let attributes = AttrList::new();
    let mut start = 0u32;
    for run in runs {
        let end = start + run.text.len() as u32;
        let insert = |mut attribute: pango::Attribute| {
            attribute.set_start_index(start);
            attribute.set_end_index(end);
            attributes.insert(attribute);
        };
        if let Some(colour) = run.colour {
            let part = |value: f64| (value * 65535.0).round() as u16;
            let (red, green, blue) = (part(colour.red), part(colour.green), part(colour.blue));
            insert(AttrColor::new_foreground(red, green, blue).into());
        }
        if run.scale != 1.0 {
            insert(AttrFloat::new_scale(run.scale).into());
        }
        if run.struck {
            insert(AttrInt::new_strikethrough(true).into());
        }
        start = end;
    }
    layout.set_attributes(Some(&attributes));
}

/// Makes lines about equally long: the narrowest box with as many lines.
fn balance(layout: &pango::Layout, width: f64) {
    let lines = layout.line_count();
    if lines < 2 {
        return;
    }
    let (mut narrow, mut wide) = (width * 0.4, width);
    for _ in 0..8 {
        let middle = (narrow + wide) / 2.0;
        layout.set_width(units(middle));
        let (_, shown) = layout.pixel_extents();
        if layout.line_count() <= lines && f64::from(shown.width()) <= middle {
            wide = middle;
        } else {
            narrow = middle;
        }
    }
    layout.set_width(units(wide));
}

fn units(pixels: f64) -> i32 {
    (pixels * f64::from(pango::SCALE)) as i32
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
pub mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::LazyLock;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    type Work = Box<dyn FnOnce() + Send>;

    /// Runs a test on the one thread that uses Pango: two at once crash in it.
    pub fn alone(work: impl FnOnce() + Send + 'static) {
        static THREAD: LazyLock<std::sync::Mutex<Sender<Work>>> = LazyLock::new(|| {
            let (sender, works) = channel::<Work>();
            std::thread::spawn(move || works.into_iter().for_each(|work| work()));
            std::sync::Mutex::new(sender)
        });
        let (done, ended) = channel();
        let work = move || {
            let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
        };
        THREAD.lock().unwrap().send(Box::new(work)).unwrap();
        if let Err(panic) = ended.recv().unwrap() {
            let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            panic!("{words}");
        }
    }

    const STYLE: Style<'_> =
        Style { font: "Lato Black", language: "en", em: 60.0, lines: 2, align: 0.5 };

    #[test]
    fn texts_of_all_scripts_fit_their_box() {
        alone(|| {
            let texts = [
                "Sale",
                "Only tonight: the complete skin care set with serum, cleanser and a hand cream for free",
                "Hanya malam ini: paket perawatan kulit lengkap dengan serum dan pembersih wajah gratis",
                "เฉพาะคืนนี้เท่านั้น เซ็ตบำรุงผิวครบชุดพร้อมเซรั่มและคลีนเซอร์ในราคาพิเศษสุด",
                "الليلة فقط: مجموعة العناية بالبشرة الكاملة مع السيروم والمنظف بسعر خاص جدا",
                "仅限今晚：全套护肤品，含精华液、洁面乳和护手霜，超值优惠价等你来抢购",
                "🔥🔥 50% OFF 🎉",
                "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
            ];
            for text in texts {
                let fitted = Fitted::new(&[Run::plain(text)], &STYLE, |_| (520.0, 150.0)).unwrap();
                assert!(fitted.width() <= 521.0 && fitted.height() <= 151.0, "{text}");
                assert!(fitted.em >= 32.4 - 1e-9);
                assert!(
                    fitted.layout.unknown_glyphs_count() == 0,
                    "letters are missing for {text}"
                );
            }
        });
    }

    #[test]
    fn a_price_in_two_lines_fits_a_star() {
        alone(|| {
            let runs = [Run::plain("$19.90"), Run { scale: 0.8, ..Run::plain("\n-33%") }];
            let style = Style { em: 44.0, lines: 3, ..STYLE };
            let fitted = Fitted::new(&runs, &style, |_| (136.0, 80.0)).unwrap();
            assert!(!fitted.is_cut, "{} {}", fitted.em, fitted.height());
        });
    }

    #[test]
    fn a_short_text_keeps_its_size_and_a_long_one_says_that_it_is_cut() {
        alone(|| {
            let short = Fitted::new(&[Run::plain("Sale")], &STYLE, |_| (520.0, 150.0)).unwrap();
            assert_eq!((short.em, short.is_cut), (60.0, false));
            let long = "word ".repeat(60);
            let long = Fitted::new(&[Run::plain(long)], &STYLE, |_| (520.0, 150.0)).unwrap();
            assert!(long.is_cut && long.em < 37.0);
        });
    }

    #[test]
    fn two_lines_are_about_equally_long() {
        alone(|| {
            let text = [Run::plain("a longer line of text that needs two")];
            let fitted = Fitted::new(&text, &STYLE, |_| (900.0, 200.0)).unwrap();
            assert!(fitted.width() < 700.0, "{}", fitted.width());
        });
    }

    #[test]
    fn what_cannot_be_shown_is_taken_out() {
        assert_eq!(cleaned(" a\u{0}b\n\u{202e}c  d\u{feff} "), "a b c d");
        assert_eq!(cleaned(&"é".repeat(500)).graphemes(true).count(), LETTERS_MAX);
    }
}
