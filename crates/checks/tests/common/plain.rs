//! Drawn products that have hardly any print, and rooms to hold them up in.
#![allow(dead_code, clippy::unwrap_used)]

use reprise_checks::{GrayPicture, ProductReference, ProductSighting, find_products_with};

/// A bottle or a box: what it is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// As the session names it.
    pub id: &'static str,
    /// Brightness of body, cap and band.
    pub body: f64,
    pub cap: f64,
    pub band: f64,
    /// Where the band begins and ends, parts of the height.
    pub from: f64,
    pub to: f64,
    /// Width by height, and how much narrower the neck is.
    pub aspect: f64,
    pub neck: f64,
}

/// A light bottle with a dark band.
pub const LIGHT: Plain = Plain {
    id: "light",
    body: 190.0,
    cap: 70.0,
    band: 60.0,
    from: 0.5,
    to: 0.72,
    aspect: 0.42,
    neck: 0.45,
};
/// A dark bottle with a light band and cap.
pub const DARK: Plain = Plain {
    id: "dark",
    body: 55.0,
    cap: 205.0,
    band: 185.0,
    from: 0.4,
    to: 0.85,
    aspect: 0.42,
    neck: 0.45,
};
/// The light one's sister: only the band is elsewhere, by a little.
pub const SISTER: Plain = Plain { id: "sister", from: 0.54, to: 0.76, ..LIGHT };

impl Plain {
    /// Brightness at a point of its outline's box, 0 to 1 each way; `None` beside it.
    fn at(&self, x: f64, y: f64) -> Option<f64> {
        let aside = (x - 0.5).abs() * 2.0;
        let shoulder = ((y - 0.16) / 0.14).clamp(0.0, 1.0);
        let half =
            if y < 0.16 { self.neck } else { self.neck + (1.0 - self.neck) * shoulder.sqrt() };
        let corner = if y > 0.96 { 1.0 - (y - 0.96) } else { 1.0 };
        if !(0.0..=1.0).contains(&y) || aside > half * corner {
            return None;
        }
        let own = match y {
            y if y < 0.12 => self.cap,
            y if y >= self.from && y <= self.to => self.band,
            _ => self.body,
        };
        // Round things are darker towards their sides.
        Some(own * (1.0 - 0.25 * (aside / half).powi(2)))
    }

    /// Its picture: on white, as shops show it.
    pub fn reference(&self) -> ProductReference {
        let (width, height) = (400, 500);
        let mut picture = GrayPicture { width, height, pixels: vec![250; width * height] };
        let tall = 420.0;
        let wide = tall * self.aspect;
        self.draw(&mut picture, [(400.0 - wide) / 2.0, 40.0, wide, tall], 1.0);
        ProductReference { id: self.id.to_owned(), pictures: vec![picture] }
    }

    /// Draws it into a picture: left, top, width, height; `light` as part of its own brightness.
    pub fn draw(
        &self,
        picture: &mut GrayPicture,
        [left, top, width, height]: [f64; 4],
        light: f64,
    ) {
        for y in 0..picture.height {
            for x in 0..picture.width {
                let (mut sum, mut hits) = (0.0, 0.0);
                for part in 0..4 {
                    let (px, py) = (
                        x as f64 + 0.25 + 0.5 * f64::from(part % 2),
                        y as f64 + 0.25 + 0.5 * f64::from(part / 2),
                    );
                    if let Some(value) = self.at((px - left) / width, (py - top) / height) {
                        sum += value * light;
                        hits += 1.0;
                    }
                }
                let pixel = &mut picture.pixels[y * picture.width + x];
                let mixed = (f64::from(*pixel) * (4.0 - hits) + sum) / 4.0;
                *pixel = mixed.clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Random numbers, 0 to 1.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

/// A room with a host, shelves and things, drawn from a seed, with the noise of a camera.
pub fn room(seed: u64, width: usize, height: usize) -> GrayPicture {
    let mut chance = Chance(seed.wrapping_mul(977).wrapping_add(13));
    let _: f64 = (0..5).map(|_| chance.next()).sum();
    let (w, h) = (width as f64, height as f64);
    let (top, bottom, across) =
        (chance.between(90.0, 190.0), chance.between(60.0, 200.0), chance.between(-40.0, 40.0));
    let mut values: Vec<f64> = (0..width * height)
        .map(|k| {
            let (x, y) = ((k % width) as f64 / w, (k / width) as f64 / h);
            top + (bottom - top) * y + across * (x - 0.5)
        })
        .collect();
    let blob = |values: &mut [f64], [cx, cy, rx, ry]: [f64; 4], value: f64, round: bool| {
        for (k, pixel) in values.iter_mut().enumerate() {
            let (dx, dy) = (((k % width) as f64 - cx) / rx, ((k / width) as f64 - cy) / ry);
            let inside =
                if round { dx * dx + dy * dy <= 1.0 } else { dx.abs() <= 1.0 && dy.abs() <= 1.0 };
            if inside {
                *pixel = value + 12.0 * dy - 10.0 * dx;
            }
        }
    };
    // Shelves, frames, boxes.
    for _ in 0..14 {
        let area = [
            chance.next() * w,
            chance.next() * h,
            chance.between(0.03, 0.2) * w,
            chance.between(0.015, 0.12) * h,
        ];
        let (value, round) = (chance.between(30.0, 225.0), chance.next() < 0.35);
        blob(&mut values, area, value, round);
    }
    // The host: hair, face, shoulders, an arm.
    let (x, y, size) = (
        chance.between(0.3, 0.7) * w,
        chance.between(0.25, 0.4) * h,
        chance.between(0.13, 0.2) * w,
    );
    blob(
        &mut values,
        [x, y + 3.4 * size, 2.3 * size, 2.1 * size],
        chance.between(40.0, 220.0),
        true,
    );
    blob(
        &mut values,
        [x, y - 0.2 * size, 1.2 * size, 1.5 * size],
        chance.between(20.0, 70.0),
        true,
    );
    blob(
        &mut values,
        [x, y + 0.1 * size, 0.95 * size, 1.25 * size],
        chance.between(140.0, 190.0),
        true,
    );
    blob(
        &mut values,
        [x + 2.0 * size, y + 2.6 * size, 0.5 * size, 1.6 * size],
        chance.between(140.0, 190.0),
        true,
    );
    let pixels = values
        .iter()
        .map(|value| {
            let noise = (chance.next() + chance.next() + chance.next() - 1.5) * 8.0;
            (value + noise).clamp(0.0, 255.0) as u8
        })
        .collect();
    GrayPicture { width, height, pixels }
}

/// What became of products in rooms.
#[derive(Debug, Default, PartialEq)]
pub struct Score {
    /// In their place, and named.
    pub found: usize,
    /// In their place, named or else another that is like it.
    pub undecided: usize,
    /// In their place, another name.
    pub wrong: usize,
    pub missed: usize,
    /// Claims where nothing is.
    pub stray: usize,
    /// Mean shared area with the truth, of those found.
    pub overlap: f64,
}

/// Left, top, right, bottom of a sighting.
fn bounds(sighting: &ProductSighting) -> [f64; 4] {
    let [[left, top], _, [right, bottom], _] = sighting.corners;
    [left, top, right, bottom]
}

/// Shared part of the joint area of a sighting's reference picture and the true place of its bottle.
fn shared(sighting: &ProductSighting, [x, y, w, h]: [f64; 4]) -> f64 {
    let [left, top, right, bottom] = bounds(sighting);
    // The bottle fills 420 of 500 pixels of height in the middle of its picture, below 40.
    let unit = [(right - left) / 400.0, (bottom - top) / 500.0];
    let wide = 420.0 * LIGHT.aspect;
    let own = [
        left + (400.0 - wide) / 2.0 * unit[0],
        top + 40.0 * unit[1],
        wide * unit[0],
        420.0 * unit[1],
    ];
    let over = |k: usize, t: [f64; 4]| {
        ((own[k] + own[k + 2]).min(t[k] + t[k + 2]) - own[k].max(t[k])).max(0.0)
    };
    let truth = [x, y, w, h];
    let both = over(0, truth) * over(1, truth);
    both / (own[2] * own[3] + w * h - both)
}

/// Shows products in rooms at several sizes and places, each alone; every third room is empty.
pub fn shown(
    products: &[Plain],
    also: &[Plain],
    rooms: std::ops::Range<u64>,
    model: &[u8],
) -> Score {
    let references: Vec<ProductReference> =
        products.iter().chain(also).map(Plain::reference).collect();
    let mut score = Score::default();
    for seed in rooms {
        let mut chance = Chance(seed + 500);
        let _: f64 = (0..3).map(|_| chance.next()).sum();
        let mut scene = room(seed, 360, 640);
        let truth = (seed % 3 != 2).then(|| {
            let product = products[seed as usize % products.len()];
            let height = chance.between(0.25, 0.6) * 640.0;
            let width = height * product.aspect * chance.between(0.95, 1.05);
            let place =
                [chance.next() * (360.0 - width), chance.next() * (640.0 - height), width, height];
            product.draw(&mut scene, place, chance.between(0.8, 1.1));
            (product.id, place)
        });
        let found = find_products_with(&references, &scene, model).unwrap();
        let mut seen = false;
        for sighting in &found {
            match truth {
                Some((id, place)) if shared(sighting, place) > 0.4 => {
                    seen = true;
                    score.overlap += shared(sighting, place);
                    match &sighting.undecided {
                        Some(other) => {
                            let either = sighting.product == id || other == id;
                            *(if either { &mut score.undecided } else { &mut score.wrong }) += 1;
                        }
                        None if sighting.product == id => score.found += 1,
                        None => score.wrong += 1,
                    }
                }
                _ => score.stray += 1,
            }
        }
        score.missed += usize::from(truth.is_some() && !seen);
    }
    score.overlap /= ((score.found + score.undecided + score.wrong) as f64).max(1.0);
    score
}
