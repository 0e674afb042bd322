//! What a reference picture is made into: its content, its features, and reduced copies to align to.

use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual, Point2f, Size, Vector};
use opencv::{Result, imgproc};

use super::features::{Detector, Features};
use super::geometry::Homography;
use crate::look_for::GrayPicture;

/// Longest side at which features of a reference are taken, pixels.
const FEATURES_SIDE: f64 = 320.0;
/// Longest sides of the copies to align to, pixels.
const LEVEL_SIDES: [f64; 2] = [240.0, 120.0];
/// Side of a cell in which pictures are compared, pixels of a level.
const CELL: usize = 14;
/// Spread of brightness above which a cell has something to compare, of 255.
const TEXTURE: f64 = 8.0;

/// A reference picture, ready to be searched for.
pub(super) struct Reference {
    /// Index of its product.
    pub(super) product: usize,
    /// Pixels.
    pub(super) size: [f64; 2],
    /// The product within the picture: left, top, right, bottom without a plain ground, pixels.
    pub(super) content: [f64; 4],
    /// Features of the picture as it is, then of views of it from the side; points in the
    /// picture's own coordinates.
    pub(super) features: Features,
    /// How many of them are of the picture as it is.
    pub(super) upright: usize,
    pub(super) levels: Vec<Level>,
}

/// A reduced copy of a reference.
pub(super) struct Level {
    pub(super) picture: Mat,
    /// From the reference to this copy.
    pub(super) to_level: Homography,
    /// From this copy to the reference.
    pub(super) to_reference: Homography,
    /// Corners that can be followed, within the content.
    pub(super) corners: Vec<[f64; 2]>,
    /// Where the content has texture: left, top, right, bottom, pixels.
    pub(super) cells: Vec<[usize; 4]>,
    /// The content.
    pub(super) content: [usize; 4],
}

impl Reference {
    /// Prepares a picture; `None` where it is empty or its size does not fit its pixels.
    pub(super) fn new(
        product: usize,
        picture: &GrayPicture,
        detector: &mut Detector,
    ) -> Result<Option<Self>> {
        let Some(gray) = mat_of(picture)? else { return Ok(None) };
        let content = content(picture);
        let size = [picture.width as f64, picture.height as f64];
        let longest = size[0].max(size[1]);
        let mut features = Features::default();
        let mut upright = 0;
        // Views as turned by 60 degrees about the vertical and about the horizontal: plain SIFT
        // holds to about 50 degrees (Morel and Yu 2009 simulate such views of both pictures).
        for (across, down) in [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5)] {
            let scale = (FEATURES_SIDE / longest).min(1.0);
            let (view, to_view) = resized(&gray, scale * across, scale * down)?;
            let Some(back) = to_view.inverse() else { continue };
            let found = detector.features(&view, &Mat::default())?;
            for (point, descriptor) in
                found.points.iter().zip(found.descriptors.chunks_exact(super::features::LENGTH))
            {
                let point = back.map(*point);
                if within(point, content, 3.0) {
                    features.points.push(point);
                    features.descriptors.extend_from_slice(descriptor);
                }
            }
            if (across, down) == (1.0, 1.0) {
                upright = features.points.len();
            }
        }
        let mut levels = Vec::new();
        for side in LEVEL_SIDES {
            levels.push(Level::new(&gray, (side / longest).min(1.0), content)?);
        }
        Ok(Some(Self { product, size, content, features, upright, levels }))
    }

    /// All of the picture: left, top, right, bottom.
    pub(super) fn whole(&self) -> [f64; 4] {
        [-0.5, -0.5, self.size[0] - 0.5, self.size[1] - 0.5]
    }

    /// The middle of the content.
    pub(super) fn middle(&self) -> [f64; 2] {
        [(self.content[0] + self.content[2]) / 2.0, (self.content[1] + self.content[3]) / 2.0]
    }

    /// The copy whose pixels are most like those of a sighting.
    pub(super) fn level(&self, homography: &Homography) -> &Level {
        let (large, small) = homography.stretch_at(self.middle());
        let wanted = (large * small.abs()).sqrt();
        let distance = |level: &Level| (level.to_level.0[0] / wanted.max(1e-6)).ln().abs();
        self.levels
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap_or(&self.levels[0])
    }
}

impl Level {
    fn new(gray: &Mat, scale: f64, content: [f64; 4]) -> Result<Self> {
        let (picture, to_level) = resized(gray, scale, scale)?;
        let to_reference = to_level.inverse().unwrap_or(Homography::IDENTITY);
        let (columns, rows) = (picture.cols() as usize, picture.rows() as usize);
        let [left, top] = to_level.map([content[0], content[1]]);
        let [right, bottom] = to_level.map([content[2], content[3]]);
        let content = [
            left.max(0.0) as usize,
            top.max(0.0) as usize,
            (right.max(1.0) as usize + 1).min(columns),
            (bottom.max(1.0) as usize + 1).min(rows),
        ];
        let mut corners = Vector::<Point2f>::new();
        let none = Mat::default();
        imgproc::good_features_to_track(
            &picture,
            &mut corners,
            90,
            0.02,
            6.0,
            &none,
            5,
            false,
            0.04,
        )?;
        let corners = corners
            .iter()
            .map(|corner| [f64::from(corner.x), f64::from(corner.y)])
            .filter(|&[x, y]| {
                x > content[0] as f64
                    && y > content[1] as f64
                    && x < content[2] as f64
                    && y < content[3] as f64
            })
            .collect();
        let pixels = picture.data_bytes()?;
        let cells =
            grid(content).filter(|cell| spread(pixels, columns, *cell) >= TEXTURE).collect();
        Ok(Self { picture, to_level, to_reference, corners, cells, content })
    }

    /// Pixels across and down.
    pub(super) fn size(&self) -> Size {
        Size::new(self.picture.cols(), self.picture.rows())
    }
}

/// Cells of about [`CELL`] pixels that fill `[left, top, right, bottom]`.
fn grid([left, top, right, bottom]: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
    let (across, down) = ((width / CELL).max(1), (height / CELL).max(1));
    (0..across * down).map(move |index| {
        let (column, row) = (index % across, index / across);
        [
            left + column * width / across,
            top + row * height / down,
            left + (column + 1) * width / across,
            top + (row + 1) * height / down,
        ]
    })
}

/// Standard deviation of brightness in a cell.
fn spread(pixels: &[u8], stride: usize, [left, top, right, bottom]: [usize; 4]) -> f64 {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for row in top..bottom {
        for &value in &pixels[row * stride + left..row * stride + right] {
            let value = f64::from(value);
            sum += value;
            squares += value * value;
            count += 1.0;
        }
    }
    if count == 0.0 { 0.0 } else { (squares / count - (sum / count).powi(2)).max(0.0).sqrt() }
}

/// A picture for OpenCV; `None` where its size does not fit its pixels or it is tiny.
pub(super) fn mat_of(picture: &GrayPicture) -> Result<Option<Mat>> {
    let (Ok(rows), Ok(_)) = (i32::try_from(picture.height), i32::try_from(picture.width)) else {
        return Ok(None);
    };
    if picture.width < 16
        || picture.height < 16
        || picture.pixels.len() != picture.width * picture.height
    {
        return Ok(None);
    }
    Ok(Some(Mat::from_slice(&picture.pixels)?.reshape(1, rows)?.try_clone()?))
}

/// A picture at `across` and `down` times its size, and the way from the one to the other.
pub(super) fn resized(
    picture: &impl core::ToInputArray,
    across: f64,
    down: f64,
) -> Result<(Mat, Homography)> {
    let input = picture.input_array()?;
    let from = core::_InputArrayTraitConst::size(&input, -1)?;
    let to = Size::new(
        ((f64::from(from.width) * across).round() as i32).max(8),
        ((f64::from(from.height) * down).round() as i32).max(8),
    );
    let mut small = Mat::default();
    imgproc::resize(picture, &mut small, to, 0.0, 0.0, imgproc::INTER_AREA)?;
    let way = Homography::resize(
        f64::from(to.width) / f64::from(from.width),
        f64::from(to.height) / f64::from(from.height),
    );
    Ok((small, way))
}

/// Whether a point lies in `[left, top, right, bottom]` or less than `margin` outside.
fn within([x, y]: [f64; 2], [left, top, right, bottom]: [f64; 4], margin: f64) -> bool {
    x >= left - margin && x <= right + margin && y >= top - margin && y <= bottom + margin
}

/// The product without a plain ground around it: left, top, right, bottom, pixels. All of the
/// picture where the ground is not plain, or where next to nothing would be left.
fn content(picture: &GrayPicture) -> [f64; 4] {
    let (width, height) = (picture.width, picture.height);
    let at = |x: usize, y: usize| picture.pixels[y * width + x];
    let whole = [-0.5, -0.5, width as f64 - 0.5, height as f64 - 0.5];
    let mut border: Vec<u8> = (0..width).flat_map(|x| [at(x, 0), at(x, height - 1)]).collect();
    border.extend((0..height).flat_map(|y| [at(0, y), at(width - 1, y)]));
    border.sort_unstable();
    let ground = border[border.len() / 2];
    let differs = |value: u8| value.abs_diff(ground) > 12;
    let plain = border.iter().filter(|value| !differs(**value)).count();
    if plain * 10 < border.len() * 8 {
        return whole;
    }
    // A row or column belongs to the product where two pixels in a hundred differ from the ground.
    let columns: Vec<usize> = (0..width)
        .filter(|&x| (0..height).filter(|&y| differs(at(x, y))).count() * 50 >= height)
        .collect();
    let rows: Vec<usize> = (0..height)
        .filter(|&y| (0..width).filter(|&x| differs(at(x, y))).count() * 50 >= width)
        .collect();
    let (Some(&left), Some(&right), Some(&top), Some(&bottom)) =
        (columns.first(), columns.last(), rows.first(), rows.last())
    else {
        return whole;
    };
    if (right - left) * 8 < width || (bottom - top) * 8 < height {
        return whole;
    }
    [left as f64 - 0.5, top as f64 - 0.5, right as f64 + 0.5, bottom as f64 + 0.5]
}
