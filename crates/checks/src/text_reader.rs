//! Reads text in small pictures with Tesseract, where its data is installed.

use std::path::Path;
use std::sync::Mutex;

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};
use reprise_model::{Error, Kind, Result};
use tesseract::{PageSegMode, Tesseract};

use crate::look_for::{GrayPicture, TextLine};

/// Languages that are read where they are installed; the first one must be.
const LANGUAGES: [&str; 4] = ["eng", "ind", "vie", "tha"];
/// Where distributions put the data.
const FOLDERS: [&str; 5] = [
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
];
/// Most pictures read in one call, and most pixels in one: they bound the time.
const PICTURES_MAX: usize = 32;
/// See [`PICTURES_MAX`].
const PIXELS_MAX: usize = 512 * 512;
/// Pictures lower than this are doubled: Tesseract wants capitals of 20 to 40 pixels (its manual).
const DOUBLED_BELOW: u32 = 100;
/// Where so much was read ([`worth`]), the other way round is not tried: four letters at 0.9.
const SURE_LETTERS: f64 = 2.0;
/// Ground added on each side, pixels: letters at the very edge are lost otherwise.
const BORDER: u32 = 12;
/// Words below this confidence are left out, of hundred.
const WORD_MIN: f32 = 30.0;

/// Reads text in small pictures.
pub struct TextReader {
    folder: String,
    languages: String,
    // Made at the first use. One call at a time: the engine is large, and a machine has other work.
    engine: Mutex<Option<Tesseract>>,
}

impl std::fmt::Debug for TextReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextReader").field("languages", &self.languages).finish()
    }
}

impl TextReader {
    /// A reader for the languages that are installed; `None` where Tesseract has no data.
    /// `TESSDATA_PREFIX` is looked at first.
    pub fn open() -> Option<Self> {
        let named = std::env::var("TESSDATA_PREFIX").ok();
        let folders = named.iter().map(String::as_str).chain(FOLDERS);
        let has = |folder: &str, language: &str| {
            Path::new(folder).join(format!("{language}.traineddata")).is_file()
        };
        let folder = folders.into_iter().find(|folder| has(folder, LANGUAGES[0]))?.to_owned();
        let there: Vec<&str> =
            LANGUAGES.into_iter().filter(|language| has(&folder, language)).collect();
        Some(Self { languages: there.join("+"), folder, engine: Mutex::new(None) })
    }

    /// Languages that are read, such as `eng+ind`.
    pub fn languages(&self) -> &str {
        &self.languages
    }

    /// The lines in each picture, from top to bottom.
    ///
    /// # Errors
    /// Where there are more pictures, or larger ones, than a look hands over, or Tesseract fails.
    pub fn read(&self, pictures: &[GrayPicture]) -> Result<Vec<Vec<TextLine>>> {
        if pictures.len() > PICTURES_MAX {
            return Err(Error::new(Kind::Limit, format!("{} pictures to read", pictures.len())));
        }
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        // A call that broke off took the engine with it: a poisoned lock guards nothing.
        let mut kept = self.engine.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |what: &str| Error::new(Kind::Unavailable, format!("Tesseract: {what}"));
        let mut engine = match kept.take() {
            Some(engine) => engine,
            // It would tell what it thinks of each picture on standard error.
            None => Tesseract::new(Some(&self.folder), Some(&self.languages))
                .map_err(|error| failed(&error.to_string()))?
                .set_variable("debug_file", "/dev/null")
                .map_err(|error| failed(&error.to_string()))?,
        };
        let mut all = Vec::with_capacity(pictures.len());
        for picture in pictures {
            let size = picture.width * picture.height;
            if size > PIXELS_MAX || picture.pixels.len() != size {
                return Err(Error::new(Kind::Limit, "a picture to read is too large"));
            }
            let mut best = Vec::new();
            // Which of two tones is the letters' cannot be told where a card lies on a picture.
            for other_way in [false, true] {
                let Some((ready, scale)) = prepared(picture, other_way) else { break };
                let (width, height) = (ready.width() as i32, ready.height() as i32);
                engine.set_page_seg_mode(PageSegMode::PsmSingleBlock);
                engine = engine
                    .set_frame(ready.as_raw(), width, height, 1, width)
                    .map_err(|error| failed(&error.to_string()))?
                    .set_source_resolution(150)
                    .recognize()
                    .map_err(|error| failed(&error.to_string()))?;
                let table = engine.get_tsv_text(0).map_err(|error| failed(&error.to_string()))?;
                let read = lines(&table, scale, picture);
                if worth(&read) > worth(&best) {
                    best = read;
                }
                if worth(&best) >= SURE_LETTERS {
                    break;
                }
            }
            all.push(best);
        }
        *kept = Some(engine);
        Ok(all)
    }
}

/// Dark letters on a light ground, large enough, with a border; and how much larger it is.
fn prepared(picture: &GrayPicture, other_way: bool) -> Option<(GrayImage, u32)> {
    let (width, height) = (picture.width as u32, picture.height as u32);
    if width < 8 || height < 6 {
        return None;
    }
    let mut gray = GrayImage::from_raw(width, height, picture.pixels.clone())?;
    let mut counts = [0u32; 256];
    for &pixel in gray.as_raw() {
        counts[usize::from(pixel)] += 1;
    }
    let threshold = otsu(&counts);
    let below: u32 = counts[..=threshold].iter().sum();
    // Letters cover less than their ground.
    if (2 * below > width * height) != other_way {
        imageops::invert(&mut gray);
        counts.reverse();
    }
    let total = width * height;
    let level_at = |share: u32| {
        let mut sum = 0;
        counts.iter().position(|&count| {
            sum += count;
            sum * 100 >= total * share
        })
    };
    let (low, high) = (level_at(1)? as f32, level_at(99)? as f32);
    if high - low < 12.0 {
        return None;
    }
    for pixel in gray.pixels_mut() {
        let level = (f32::from(pixel.0[0]) - low) * 255.0 / (high - low);
        pixel.0[0] = level.clamp(0.0, 255.0) as u8;
    }
    clear_border(&mut gray);
    let scale = if height < DOUBLED_BELOW / 2 {
        3
    } else if height < DOUBLED_BELOW {
        2
    } else {
        1
    };
    if scale > 1 {
        gray = imageops::resize(&gray, width * scale, height * scale, FilterType::CatmullRom);
    }
    let mut out =
        GrayImage::from_pixel(gray.width() + 2 * BORDER, gray.height() + 2 * BORDER, Luma([255]));
    imageops::replace(&mut out, &gray, i64::from(BORDER), i64::from(BORDER));
    Some((out, scale))
}

/// Whitens what is dark and reaches the edge: the picture around a card is taken for a frame, and
/// what is in a frame for a drawing.
fn clear_border(gray: &mut GrayImage) {
    let mut counts = [0u32; 256];
    for &pixel in gray.as_raw() {
        counts[usize::from(pixel)] += 1;
    }
    let threshold = otsu(&counts).min(254) as u8;
    let (width, height) = gray.dimensions();
    let mut stack: Vec<(u32, u32)> = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).collect();
    stack.extend((0..height).flat_map(|y| [(0, y), (width - 1, y)]));
    while let Some((x, y)) = stack.pop() {
        let pixel = gray.get_pixel_mut(x, y);
        if pixel.0[0] > threshold {
            continue;
        }
        // Above any threshold of two tones: it is not visited again.
        pixel.0[0] = 255;
        stack.extend([
            (x.saturating_sub(1), y),
            (x, y.saturating_sub(1)),
            ((x + 1).min(width - 1), y),
            (x, (y + 1).min(height - 1)),
        ]);
    }
}

/// How much was read, in letters that are sure.
fn worth(lines: &[TextLine]) -> f64 {
    let letters = |line: &TextLine| line.text.chars().filter(|c| c.is_alphanumeric()).count();
    lines.iter().map(|line| letters(line) as f64 * (line.confidence - 0.4).max(0.0)).sum()
}

/// The level that parts a histogram best (Otsu 1979).
fn otsu(counts: &[u32; 256]) -> usize {
    let total: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    let all: f64 = counts.iter().enumerate().map(|(level, &c)| level as f64 * f64::from(c)).sum();
    let (mut below, mut sum) = (0.0, 0.0);
    let (mut best, mut at) = (-1.0, 127);
    for (level, &count) in counts.iter().enumerate() {
        below += f64::from(count);
        sum += level as f64 * f64::from(count);
        if below == 0.0 || below == total {
            continue;
        }
        let difference = sum / below - (all - sum) / (total - below);
        let between = below * (total - below) * difference * difference;
        if between > best {
            (best, at) = (between, level);
        }
    }
    at
}

/// Lines of Tesseract's table of words.
fn lines(table: &str, scale: u32, picture: &GrayPicture) -> Vec<TextLine> {
    let mut lines: Vec<(String, TextLine, f64)> = Vec::new();
    for row in table.lines() {
        let cells: Vec<&str> = row.split('\t').collect();
        let [level, page, block, paragraph, line, _, left, top, width, height, confidence, text] =
            cells[..]
        else {
            continue;
        };
        let confidence: f32 = confidence.parse().unwrap_or(-1.0);
        let text = text.trim();
        if level != "5" || confidence < WORD_MIN || text.is_empty() {
            continue;
        }
        let number = |cell: &str| cell.parse::<u32>().unwrap_or(0);
        let x = (number(left).saturating_sub(BORDER) / scale).min(picture.width as u32);
        let y = (number(top).saturating_sub(BORDER) / scale).min(picture.height as u32);
        let area = [x, y, number(width) / scale, number(height) / scale];
        let key = format!("{page}.{block}.{paragraph}.{line}");
        let letters = text.chars().count() as f64;
        let sure = f64::from(confidence) / 100.0;
        match lines.last_mut() {
            Some((last, known, count)) if *last == key => {
                known.text.push(' ');
                known.text.push_str(text);
                known.confidence =
                    (known.confidence * *count + sure * letters) / (*count + letters);
                *count += letters;
                let right = (known.area[0] + known.area[2]).max(area[0] + area[2]);
                let bottom = (known.area[1] + known.area[3]).max(area[1] + area[3]);
                known.area[0] = known.area[0].min(area[0]);
                known.area[1] = known.area[1].min(area[1]);
                known.area[2] = right - known.area[0];
                known.area[3] = bottom - known.area[1];
            }
            _ => lines.push((
                key,
                TextLine { text: text.to_owned(), confidence: sure, area },
                letters,
            )),
        }
    }
    lines.into_iter().map(|(_, line, _)| line).collect()
}
