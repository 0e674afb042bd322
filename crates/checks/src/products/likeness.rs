//! Finds products that have hardly any local features by how alike a network says a place is.

use opencv::Result;
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual};

use super::align::{Agreement, Scene};
use super::embedding::{Area, Embedder, Embedding, dot};
use super::evidence::FEATURES_MIN;
use super::find::{Candidate, References};
use super::finder::{Claim, Similar};
use super::geometry::{Homography, Quad, area as area_of, contains, middle as middle_of};
use super::screen::{Sought, Sums, middle, screened, shared, spread_over};
use super::views::Views;

/// Places a search looks at because they may be a product, and to know what else is in the picture.
const SCREENED_MAX: usize = 16;
const BACKGROUND: usize = 14;
/// Places that are looked at closely in a search; how often one is bettered for a product, and by how
/// much at most, as part of its size. A product that is nearly as alike gets its own try.
const CLOSE_MAX: usize = 2;
const BETTERED_MAX: usize = 3;
const NEARLY: f64 = 0.15;
const STEP: f64 = 0.05;
/// A place is bettered where its similarity falls short of the bar by no more.
const SHORT_MAX: f64 = 0.2;
/// The bar lies so far below the least alike of a product's own disturbed views, within bounds. All
/// bars here are estimates, from bottles drawn into rooms and a thumbnail as the network: the example
/// `likeness` measures them on other rooms and on any model.
const BELOW_OWN: f64 = 0.02;
const BAR: [f64; 2] = [0.5, 0.92];
/// By how many spreads of the picture's other places a product must stand out: with 14 of
/// them, chance alone gives nearly two. More cannot be asked: similarity ends at 1.
const OUTSTANDING_MIN: f64 = 2.0;
/// Lowe's ratio test (2004) on places: the next place that is like a product must be so much farther
/// from it, in 1 - similarity. So of two that show the same product the picture claims neither.
const RATIO_MAX: f64 = 0.45;
/// Share of the way from the one product's reference to the other's by which a place must be nearer
/// to the one, and the least difference of similarity that is no noise.
const MARGIN: f64 = 0.4;
const DIFFERENCE_MIN: f64 = 0.03;
/// A followed product is lost so far below the bar, and looked at anew where it falls so far.
const LOST_BELOW: f64 = 0.08;
const FALLEN: f64 = 0.05;
/// Length of a place's difference from the background, as part of the reference's, below which it is
/// background however it points.
const FAINT: f64 = 0.5;

/// Finds by embeddings. A search runs the network on at most 60 places (16 that may be a product,
/// 14 of the background, 3 times 10 to lay a product better), on none where nothing is roughly alike;
/// a product that is followed on 1, or 11 where it changed. Measured where nothing is shown: 0.9 s of
/// CPU a minute of LIVE with a thumbnail, 14 s with a network of 0.2 thousand million multiplications.
pub(super) struct Likeness {
    embedder: Embedder,
    /// One for each reference of [`References`].
    looks: Vec<Look>,
    sought: Vec<Sought>,
    background: Option<Background>,
}

/// Which products are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// Those with less than [`FEATURES_MIN`] local features.
    Poor,
    /// All, to measure what a network is worth.
    All,
}

/// A reference in the network's eyes.
struct Look {
    product: usize,
    /// Whether it is looked for, and not only held against what was found.
    sought: bool,
    views: Vec<Embedding>,
    disturbed: Vec<Embedding>,
}

/// What the last picture searched looked like, and the references against it.
struct Background {
    mean: Embedding,
    /// For each reference, views relative to the mean.
    centred: Vec<Vec<Embedding>>,
    /// For each reference, the bar; then middle and spread of the similarity of other places.
    bars: Vec<f64>,
    usual: Vec<(f64, f64)>,
}

impl Likeness {
    /// `None` where every product has features enough.
    pub(super) fn new(references: &References, model: &[u8], whom: Whom) -> Result<Option<Self>> {
        let features = |product: usize| {
            let own = references.all.iter().filter(|one| one.product == product);
            own.map(|one| one.upright).max().unwrap_or(0)
        };
        let poor = |product: usize| whom == Whom::All || features(product) < FEATURES_MIN;
        if references.all.iter().all(|one| !poor(one.product)) {
            return Ok(None);
        }
        let mut embedder = Embedder::new(model)?;
        let (mut looks, mut all_sought) = (Vec::new(), Vec::new());
        for reference in &references.all {
            let mut look = Look {
                product: reference.product,
                sought: false,
                views: Vec::new(),
                disturbed: Vec::new(),
            };
            if let Some(views) = Views::of(reference)? {
                let sought = poor(reference.product);
                let shown = if sought { &views.on_grounds[..] } else { &views.on_grounds[..1] };
                look.views = embedder.of(shown)?;
                if sought {
                    look.disturbed = embedder.of(&views.disturbed)?;
                    let mut thumbnails = Vec::new();
                    for view in &views.on_grounds {
                        let all = [0.0, 0.0, f64::from(view.cols()), f64::from(view.rows())];
                        thumbnails.extend(Sums::of(view)?.and_then(|sums| sums.thumbnail(all)));
                    }
                    look.sought = !thumbnails.is_empty();
                    if look.sought {
                        all_sought.push(Sought { aspect: views.aspect, thumbnails });
                    }
                }
            }
            looks.push(look);
        }
        Ok(Some(Self { embedder, looks, sought: all_sought, background: None }))
    }

    /// Products where `mask` (of the reduced picture, may be empty) is not zero and nothing of
    /// `taken` lies.
    pub(super) fn find(
        &mut self,
        references: &References,
        scene: &Scene<'_>,
        mask: &Mat,
        taken: &[Quad],
    ) -> Result<Vec<(Candidate, Claim)>> {
        let Some(sums) = Sums::of(&scene.small)? else { return Ok(Vec::new()) };
        let scale = 1.0 / scene.to_small.0[0].max(1e-6);
        let (columns, allowed) = (scene.small.cols() as usize, mask.data_bytes().unwrap_or(&[]));
        let free = |[x, y]: [f64; 2]| {
            let masked = allowed.get(y as usize * columns + x as usize).is_some_and(|m| *m == 0);
            !masked && !taken.iter().any(|quad| contains(quad, [x * scale, y * scale]))
        };
        let may_be = screened(&sums, &self.sought, &free, SCREENED_MAX);
        if may_be.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = spread_over(&sums, &self.sought, BACKGROUND);
        let others = places.len();
        places.extend(may_be);
        let places: Vec<Area> =
            places.into_iter().map(|area| area.map(|value| value * scale)).collect();
        let found = self.embedder.of_areas(&scene.full, &places)?;
        let Some(background) = Background::new(&self.looks, &found[..others]) else {
            return Ok(Vec::new());
        };
        let mut starts: Vec<(f64, usize, Area)> = Vec::new();
        for (area, embedding) in places.iter().zip(&found) {
            if !free(middle(area.map(|value| value / scale))) {
                continue;
            }
            let best = background.best(&self.looks, embedding, &|look| look.sought);
            if let Some((reference, alike)) = best
                && alike >= background.bars[reference] - SHORT_MAX
            {
                starts.push((alike, reference, *area));
            }
        }
        starts.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.background = Some(background);
        let mut all: Vec<(Area, Embedding)> = places.into_iter().zip(found).collect();
        let mut tried: Vec<Area> = Vec::new();
        let mut rounds = 0;
        for (_, reference, start) in starts {
            if tried.len() == CLOSE_MAX || !tried.iter().all(|other| apart(*other, start)) {
                continue;
            }
            tried.push(start);
            if rounds == BETTERED_MAX {
                continue;
            }
            rounds += 1;
            let Some(better) = self.bettered(scene, reference, start)? else { continue };
            let rival = self.nearly(reference, &better.1);
            all.push(better);
            if let Some(rival) = rival.filter(|_| rounds < BETTERED_MAX) {
                rounds += 1;
                all.extend(self.bettered(scene, rival, start)?);
            }
        }
        let mut claims: Vec<(f64, Area, Candidate, Claim)> =
            tried.iter().filter_map(|place| self.claim(references, *place, &all)).collect();
        claims.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut claimed: Vec<(Area, Candidate, Claim)> = Vec::new();
        for (_, area, candidate, claim) in claims {
            if claimed.iter().all(|(other, ..)| clear(*other, area)) {
                claimed.push((area, candidate, claim));
            }
        }
        Ok(claimed.into_iter().map(|(_, candidate, claim)| (candidate, claim)).collect())
    }

    /// Looks again for a product that was found, near `start`; `None` where it is gone.
    pub(super) fn again(
        &mut self,
        references: &References,
        claim: &mut Claim,
        scene: &Scene<'_>,
        start: &Homography,
    ) -> Result<Option<(Homography, Agreement)>> {
        let index = claim.reference;
        let (Some(similar), Some(background)) = (&mut claim.similar, &self.background) else {
            return Ok(None);
        };
        let bar = background.bars[index];
        let reference = &references.all[index];
        let Some(mut area) = upright(reference.content, start, scene.size) else {
            return Ok(None);
        };
        let Some(mut embedding) = self.embedder.of_areas(&scene.full, &[area])?.pop() else {
            return Ok(None);
        };
        let mut alike = background.alike(index, &embedding);
        if alike < similar.best - FALLEN || alike < bar {
            // What is nearly as alike in its old place stays there: a place that jitters looks handled.
            if let Some((nearer, seen)) = self.bettered(scene, index, area)?
                && let Some(background) = &self.background
                && background.alike(index, &seen) > alike + 0.01
            {
                alike = background.alike(index, &seen);
                (area, embedding) = (nearer, seen);
            }
            similar.best = alike;
        }
        let Some(background) = &self.background else { return Ok(None) };
        let other = |look: &Look| look.product != claim.product;
        let rival = background.best(&self.looks, &embedding, &other).map_or(-1.0, |best| best.1);
        if alike < bar - LOST_BELOW || alike < rival - DIFFERENCE_MIN {
            return Ok(None);
        }
        similar.sum += alike;
        similar.looks += 1.0;
        Ok(Some((laid_on(reference.content, area), agreement(alike))))
    }

    /// The place near `start` that is most like a reference, by a parabola through both sides of each
    /// of its place, size and shape; with what is there.
    fn bettered(
        &mut self,
        scene: &Scene<'_>,
        reference: usize,
        start: Area,
    ) -> Result<Option<(Area, Embedding)>> {
        let mut places = vec![start];
        for axis in 0..4 {
            for by in [-STEP, STEP] {
                let mut offset = [0.0; 4];
                offset[axis] = by;
                places.push(moved(start, offset, scene.size));
            }
        }
        let mut found = self.embedder.of_areas(&scene.full, &places)?;
        let Some(background) = &self.background else { return Ok(None) };
        let alike: Vec<f64> = found.iter().map(|one| background.alike(reference, one)).collect();
        let peaks = [0, 1, 2, 3]
            .map(|axis| STEP * peak(alike[1 + 2 * axis], alike[0], alike[2 + 2 * axis]));
        places.push(moved(start, peaks, scene.size));
        found.extend(self.embedder.of_areas(&scene.full, &places[9..])?);
        Ok(places.into_iter().zip(found).max_by(|a, b| {
            background.alike(reference, &a.1).total_cmp(&background.alike(reference, &b.1))
        }))
    }

    /// The reference of another product that is nearly as alike.
    fn nearly(&self, reference: usize, embedding: &[f32]) -> Option<usize> {
        let background = self.background.as_ref()?;
        let product = self.looks[reference].product;
        let (other, alike) =
            background.best(&self.looks, embedding, &|look| look.product != product)?;
        (alike >= background.alike(reference, embedding) - NEARLY).then_some(other)
    }

    /// The product that is about `place`, if one is, and how much less alike than the next place it
    /// is (0 to 1: a ratio of distances). `all` are the places of the picture that were looked at:
    /// each product is taken where it fits best about there, or the one that was laid would win.
    fn claim(
        &self,
        references: &References,
        place: Area,
        all: &[(Area, Embedding)],
    ) -> Option<(f64, Area, Candidate, Claim)> {
        let background = self.background.as_ref()?;
        let here = || all.iter().filter(|(other, _)| shared(*other, place) >= 0.5);
        let best_here = |reference: usize| {
            here()
                .map(|(area, embedding)| (background.alike(reference, embedding), *area))
                .max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let mut products: Vec<(usize, f64, usize, Area)> = Vec::new();
        for (reference, look) in self.looks.iter().enumerate() {
            if look.views.is_empty() {
                continue;
            }
            let (alike, area) = best_here(reference)?;
            match products.iter_mut().find(|known| known.0 == look.product) {
                Some(known) if known.1 < alike => *known = (look.product, alike, reference, area),
                Some(_) => {}
                None => products.push((look.product, alike, reference, area)),
            }
        }
        products.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (product, alike, reference, area) = *products.first()?;
        let (usual, spread) = background.usual[reference];
        let elsewhere = all
            .iter()
            .filter(|(other, _)| apart(*other, area))
            .map(|(_, other)| background.alike(reference, other))
            .fold(0.0, f64::max);
        let ratio = (1.0 - alike) / (1.0 - elsewhere).max(1e-6);
        if !self.looks[reference].sought
            || alike < background.bars[reference]
            || alike < usual + OUTSTANDING_MIN * spread
            || ratio > RATIO_MAX
        {
            return None;
        }
        let rivals = &products[1..];
        let sides = rivals
            .iter()
            .take(3)
            .map(|(rival, other, rival_reference, _)| {
                (*rival, background.side(reference, alike, *rival_reference, *other))
            })
            .collect();
        let similar = Similar {
            best: alike,
            sum: alike,
            looks: 1.0,
            sides,
            margin: MARGIN,
            runner_up: rivals.first().map(|(rival, other, ..)| (*rival, *other)),
        };
        let homography = laid_on(references.all[reference].content, area);
        let candidate =
            Candidate { reference, homography, matches: 0, agreement: agreement(alike) };
        Some((ratio, area, candidate, Claim::by_likeness(reference, product, similar)))
    }
}

impl Background {
    /// From places all over a picture; `None` where they are too few.
    fn new(looks: &[Look], others: &[Embedding]) -> Option<Self> {
        let length = others.first()?.len();
        let mut mean = vec![0.0f32; length];
        for other in others {
            mean.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
        }
        mean.iter_mut().for_each(|value| *value /= others.len() as f32);
        let centred = looks
            .iter()
            .map(|look| look.views.iter().map(|view| minus(view, &mean)).collect())
            .collect();
        let mut made = Self { mean, centred, bars: Vec::new(), usual: Vec::new() };
        for (index, look) in looks.iter().enumerate() {
            let own = look.disturbed.iter().map(|one| made.alike(index, one));
            let least = own.fold(1.0, f64::min) - BELOW_OWN;
            made.bars.push(least.clamp(BAR[0], BAR[1]));
            let mut usual: Vec<f64> = others.iter().map(|one| made.alike(index, one)).collect();
            let middle = median(&mut usual);
            let mut off: Vec<f64> = usual.iter().map(|value| (value - middle).abs()).collect();
            // 1.4826 times the median deviation is the spread of a normal distribution.
            made.usual.push((middle, (1.4826 * median(&mut off)).max(0.03)));
        }
        Some(made)
    }

    /// How alike a place and a reference are, both relative to the picture's background (taking out
    /// what all have in common: Mu and Viswanath 2018), -1 to 1. A place that hardly differs from
    /// the background is like nothing.
    fn alike(&self, reference: usize, embedding: &[f32]) -> f64 {
        let here = minus(embedding, &self.mean);
        let long = dot(&here, &here).sqrt();
        self.centred[reference]
            .iter()
            .map(|view| {
                let length = dot(view, view).sqrt();
                dot(&here, view) / (length * long.max(FAINT * length)).max(1e-9)
            })
            .fold(-1.0, f64::max)
    }

    /// The reference most like a place among those `which` takes.
    fn best(
        &self,
        looks: &[Look],
        embedding: &[f32],
        which: &dyn Fn(&Look) -> bool,
    ) -> Option<(usize, f64)> {
        looks
            .iter()
            .enumerate()
            .filter(|(_, look)| !look.views.is_empty() && which(look))
            .map(|(index, _)| (index, self.alike(index, embedding)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// How much nearer what is seen is to the one reference than to the other, as part of how far the
    /// two are apart (1 at most, which is nothing in common): 1 where it is the one, -1 where it is the other; 0 where the difference is noise.
    fn side(&self, one: usize, alike: f64, other: usize, other_alike: f64) -> f64 {
        let apart = self.centred[one]
            .iter()
            .flat_map(|a| self.centred[other].iter().map(move |b| (a, b)))
            .map(|(a, b)| 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-9))
            .fold(1.0, f64::min);
        let difference = alike - other_alike;
        if difference.abs() < DIFFERENCE_MIN {
            return 0.0;
        }
        (difference / apart.max(DIFFERENCE_MIN)).clamp(-1.0, 1.0)
    }
}

/// Whether two places are different things: neither holds the other's middle.
fn apart(a: Area, b: Area) -> bool {
    let holds =
        |[x, y, w, h]: Area, [px, py]: [f64; 2]| px > x && py > y && px < x + w && py < y + h;
    !holds(a, middle(b)) && !holds(b, middle(a))
}

/// Whether two places hardly touch: a part of a product may look like another one.
fn clear(a: Area, b: Area) -> bool {
    let over = |k: usize| ((a[k] + a[k + 2]).min(b[k] + b[k + 2]) - a[k].max(b[k])).max(0.0);
    over(0) * over(1) <= 0.1 * (a[2] * a[3]).min(b[2] * b[3])
}

fn minus(a: &[f32], b: &[f32]) -> Embedding {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Where a parabola through values at -1, 0 and 1 is highest, within -1 to 1.
fn peak(before: f64, here: f64, after: f64) -> f64 {
    let bend = before - 2.0 * here + after;
    if bend < -1e-6 {
        ((before - after) / (2.0 * bend)).clamp(-1.0, 1.0)
    } else if after > before {
        1.0
    } else {
        -1.0
    }
}

/// A place moved and stretched by parts of its size: across, down, in size, in shape; kept inside the
/// picture.
fn moved([x, y, w, h]: Area, [dx, dy, grown, wider]: [f64; 4], size: [f64; 2]) -> Area {
    let (across, down) = ((grown + wider / 2.0).exp(), (grown - wider / 2.0).exp());
    let (width, height) = ((w * across).min(size[0]), (h * down).min(size[1]));
    let (x, y) = (x + w / 2.0 + dx * w - width / 2.0, y + h / 2.0 + dy * h - height / 2.0);
    [x.clamp(0.0, size[0] - width), y.clamp(0.0, size[1] - height), width, height]
}

/// From a reference to the picture, its content laid on a place.
fn laid_on([left, top, right, bottom]: [f64; 4], [x, y, w, h]: Area) -> Homography {
    let (across, down) = (w / (right - left).max(1e-6), h / (bottom - top).max(1e-6));
    // Corners of areas lie half a pixel before the middle of their first pixel.
    Homography([
        across,
        0.0,
        x - 0.5 - across * left,
        0.0,
        down,
        y - 0.5 - down * top,
        0.0,
        0.0,
        1.0,
    ])
}

/// The axis-parallel place, of the same middle and area, on which a reference's content is laid.
fn upright(content: [f64; 4], homography: &Homography, size: [f64; 2]) -> Option<Area> {
    let quad = homography.quad(content);
    let area = area_of(&quad);
    let aspect = (content[2] - content[0]) / (content[3] - content[1]).max(1e-6);
    let across = (quad[1][0] - quad[0][0]).abs() + (quad[2][0] - quad[3][0]).abs();
    let down = (quad[3][1] - quad[0][1]).abs() + (quad[2][1] - quad[1][1]).abs();
    let shape = if across > 1.0 && down > 1.0 { across / down } else { aspect };
    // The flow may skew it: its shape stays near the reference's.
    let shape = shape.clamp(0.75 * aspect, aspect / 0.75);
    let (width, height) = ((area * shape).sqrt(), (area / shape).sqrt());
    if !(area.is_finite() && area >= 64.0 && width >= 4.0 && height >= 4.0) {
        return None;
    }
    let [x, y] = middle_of(&quad);
    let inside = x > 0.0 && y > 0.0 && x < size[0] && y < size[1];
    let place = [x + 0.5 - width / 2.0, y + 0.5 - height / 2.0, width, height];
    inside.then(|| moved(place, [0.0; 4], size))
}

/// What a network says of a place, in the words of the other finder: what hides a part it does not
/// know.
fn agreement(alike: f64) -> Agreement {
    Agreement { correlation: alike, visible: 1.0, alike }
}
