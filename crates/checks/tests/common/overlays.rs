//! What LIVEs lay over their pictures and under their sound, drawn onto decoded pictures.

use reprise_media::view::PictureView;

use super::RATE;
use super::treated::chords;

/// What a clip of clean footage is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overlay {
    /// Nothing.
    None,
    /// A billboard in the upper corner.
    Billboard,
    /// A card with a product and its price.
    PriceCard,
    /// Captions that change.
    Captions,
    /// Music in the room, 12 dB below a host at -22 dBFS.
    Music,
    /// 8 dB more, gently limited.
    LoudHost,
    /// A hand that moves over what is held.
    Hands,
    /// A package with a QR code printed on it, moved about.
    PackageCode,
}

/// All of them.
pub const OVERLAYS: [Overlay; 8] = [
    Overlay::None,
    Overlay::Billboard,
    Overlay::PriceCard,
    Overlay::Captions,
    Overlay::Music,
    Overlay::LoudHost,
    Overlay::Hands,
    Overlay::PackageCode,
];

/// Planes of a picture that can be drawn on.
#[derive(Clone, Debug, Default)]
pub struct Planes {
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
    width: usize,
    height: usize,
    luma_stride: usize,
    chroma_stride: usize,
    chroma: (usize, usize),
}

impl Planes {
    /// A copy of `picture` with `overlay` as it looks `t` seconds into the LIVE; shown to `see`.
    pub fn with(
        &mut self,
        picture: &PictureView<'_>,
        overlay: Overlay,
        t: f64,
        see: impl FnOnce(&PictureView<'_>),
    ) {
        let copy = |to: &mut Vec<u8>, from: &[u8]| {
            to.clear();
            to.extend_from_slice(from);
        };
        copy(&mut self.luma, picture.luma);
        copy(&mut self.blue, picture.blue);
        copy(&mut self.red, picture.red);
        (self.width, self.height) = (picture.width, picture.height);
        (self.luma_stride, self.chroma_stride) = (picture.luma_stride, picture.chroma_stride);
        self.chroma = (picture.chroma_width, picture.chroma_height);
        self.draw(overlay, t);
        see(&PictureView { luma: &self.luma, blue: &self.blue, red: &self.red, ..*picture });
    }

    fn draw(&mut self, overlay: Overlay, t: f64) {
        // Measures are of a picture 720 pixels wide.
        let k = self.width as f64 / 720.0;
        let px = |value: f64| (value * k) as i64;
        match overlay {
            Overlay::None | Overlay::Music | Overlay::LoudHost => {}
            Overlay::Billboard => {
                self.area(px(380.0), px(120.0), px(320.0), px(240.0), 200, (90, 190));
                self.text("SALE", px(420.0), px(150.0), px(10.0), 40);
                self.text("50% OFF", px(400.0), px(250.0), px(6.0), 235);
            }
            Overlay::PriceCard => {
                self.area(px(30.0), px(1020.0), px(330.0), px(120.0), 225, (128, 128));
                self.area(px(42.0), px(1032.0), px(96.0), px(96.0), 110, (150, 110));
                self.text("RP 99.000", px(150.0), px(1045.0), px(3.0), 60);
                self.text("FREE GIFT", px(150.0), px(1090.0), px(3.0), 90);
            }
            Overlay::Captions => {
                let said = ["SOFT AND LIGHT", "IT LASTS ALL DAY", "TRY IT ON", "ONLY TODAY"];
                let text = said[(t / 1.5) as usize % said.len()];
                for (dx, dy) in [(-3, 0), (3, 0), (0, -3), (0, 3)] {
                    self.text(text, px(80.0) + dx, px(900.0) + dy, px(6.0), 20);
                }
                self.text(text, px(80.0), px(900.0), px(6.0), 235);
            }
            Overlay::Hands => {
                let (x, y) = (360.0 + 60.0 * (t * 1.7).sin(), 760.0 + 40.0 * (t * 2.3).cos());
                for finger in 0..4 {
                    let off = f64::from(finger) * 46.0;
                    self.finger(
                        (x + off) * k,
                        (y - 12.0 * (off * 0.05).sin()) * k,
                        20.0 * k,
                        90.0 * k,
                    );
                }
            }
            Overlay::PackageCode => {
                let (x, y) = (230.0 + 25.0 * (t * 1.1).sin(), 690.0 + 18.0 * (t * 0.7).cos());
                self.area(px(x), px(y), px(250.0), px(330.0), 205, (120, 134));
                self.area(px(x), px(y), px(250.0), px(60.0), 90, (150, 100));
                self.text("SOAP", px(x + 70.0), px(y + 12.0), px(5.0), 230);
                self.code(px(x + 75.0), px(y + 170.0), px(5.0));
            }
        }
    }

    fn area(&mut self, x: i64, y: i64, width: i64, height: i64, level: u8, colour: (u8, u8)) {
        fill(
            &mut self.luma,
            self.luma_stride,
            (self.width, self.height),
            (x, y, width, height),
            level,
        );
        let (cw, ch) = self.chroma;
        if cw == 0 || ch == 0 {
            return;
        }
        let part = |value: i64, of: usize, whole: usize| value * of as i64 / whole as i64;
        let there = (
            part(x, cw, self.width),
            part(y, ch, self.height),
            part(width, cw, self.width),
            part(height, ch, self.height),
        );
        fill(&mut self.blue, self.chroma_stride, (cw, ch), there, colour.0);
        fill(&mut self.red, self.chroma_stride, (cw, ch), there, colour.1);
    }

    fn text(&mut self, text: &str, x: i64, y: i64, size: i64, level: u8) {
        for (index, letter) in text.chars().enumerate() {
            for (row, bits) in glyph(letter).into_iter().enumerate() {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    let at = (x + (index as i64 * 6 + column) * size, y + row as i64 * size);
                    self.area(at.0, at.1, size, size, level, (128, 128));
                }
            }
        }
    }

    /// A code as it stands on packages: the number of a product.
    fn code(&mut self, x: i64, y: i64, module: i64) {
        static MODULES: std::sync::OnceLock<(i64, Vec<u8>)> = std::sync::OnceLock::new();
        let (side, modules) = MODULES.get_or_init(|| {
            let code = zxingcpp::create(zxingcpp::BarcodeFormat::QRCode).from_str("8991234567890");
            let writer = zxingcpp::write().scale(1).add_quiet_zones(false);
            let image = code.unwrap().to_image_with(&writer).unwrap();
            (i64::from(image.width()), image.data())
        });
        let edge = (side + 8) * module;
        self.area(x - 4 * module, y - 4 * module, edge, edge, 230, (128, 128));
        for (index, &level) in modules.iter().enumerate() {
            let (row, column) = (index as i64 / side, index as i64 % side);
            if level < 128 {
                self.area(x + column * module, y + row * module, module, module, 30, (128, 128));
            }
        }
    }

    fn finger(&mut self, x: f64, y: f64, radius: f64, length: f64) {
        for row in 0..length as i64 {
            let half =
                (radius * (1.0 - (1.0 - row as f64 / radius).max(0.0).powi(2)).sqrt()) as i64;
            let shade = 165 - (row / 12 % 5) as u8 * 3;
            self.area(x as i64 - half, y as i64 + row, 2 * half, 1, shade, (112, 148));
        }
    }
}

fn fill(
    plane: &mut [u8],
    stride: usize,
    size: (usize, usize),
    (x, y, width, height): (i64, i64, i64, i64),
    level: u8,
) {
    let clamp = |value: i64, end: usize| value.clamp(0, end as i64) as usize;
    let (left, right) = (clamp(x, size.0), clamp(x + width, size.0));
    for row in clamp(y, size.1)..clamp(y + height, size.1) {
        if let Some(line) = plane.get_mut(row * stride + left..row * stride + right) {
            line.fill(level);
        }
    }
}

/// Samples of sound with `overlay`, the first of them heard `from` samples into the LIVE.
pub fn sounded(samples: &[f32], rate: u32, from: i64, overlay: Overlay) -> Vec<f32> {
    match overlay {
        Overlay::Music => {
            // Four bars, again and again; 0.02 is -34 dBFS.
            static BARS: std::sync::OnceLock<Vec<f32>> = std::sync::OnceLock::new();
            let bars = BARS.get_or_init(|| {
                let bars = chords(4 * RATE as usize);
                let level = super::treated::power(&bars).sqrt() as f32;
                bars.iter().map(|x| x * 0.02 / level).collect()
            });
            let step = f64::from(RATE) / f64::from(rate);
            let at = |n: usize| ((from + n as i64) as f64 * step) as usize % bars.len();
            samples.iter().enumerate().map(|(n, x)| x + bars[at(n)]).collect()
        }
        Overlay::LoudHost => samples.iter().map(|x| 0.95 * (x * 2.512 / 0.95).tanh()).collect(),
        _ => samples.to_vec(),
    }
}

/// Rows of a letter, five bits each.
fn glyph(letter: char) -> [u8; 7] {
    match letter {
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'D' => [30, 17, 17, 17, 17, 17, 30],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'F' => [31, 16, 16, 30, 16, 16, 16],
        'G' => [14, 17, 16, 23, 17, 17, 14],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'N' => [17, 25, 21, 21, 19, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'P' => [30, 17, 17, 30, 16, 16, 16],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'Y' => [17, 17, 10, 4, 4, 4, 4],
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '9' => [14, 17, 17, 15, 1, 1, 14],
        '%' => [24, 25, 2, 4, 8, 19, 3],
        '.' => [0, 0, 0, 0, 0, 12, 12],
        _ => [0; 7],
    }
}
