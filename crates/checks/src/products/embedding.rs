//! A network that turns a part of a picture into a vector: loaded from bytes, tried, and asked in batches.

use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual, Rect, Scalar, Size, Vector};
use opencv::{Error, Result, dnn, imgproc};

use dnn::NetTrait;

/// Side of the network's input, pixels.
const SIDE: i32 = 224;
/// Most pictures given to the network at once.
const BATCH: usize = 8;
/// Longest vector that is taken; exports of classifiers and self-supervised models have 384 to 2,048.
const LENGTH_MAX: usize = 8192;
/// Mean and spread of ImageNet's red, green and blue, of 1: what such models are trained on.
const MEANS: [f64; 3] = [0.485, 0.456, 0.406];
const SPREADS: [f64; 3] = [0.229, 0.224, 0.225];

/// What a part of a picture looks like: a vector of length 1.
pub(super) type Embedding = Vec<f32>;

/// A part of a picture: left, top, width, height, pixels.
pub(super) type Area = [f64; 4];

/// Embeds. Fits any ONNX with one input of 3 planes of 224 by 224 (red, green, blue, of the usual
/// ImageNet mean and spread) and one vector as output, such as MobileNet without its last layer.
/// Only brightness is known here: the three planes are equal but for their mean and spread.
pub(super) struct Embedder {
    net: dnn::Net,
    /// Pictures at once: some exports are fixed to one.
    batch: usize,
    length: usize,
}

impl Embedder {
    /// From an ONNX file's bytes; an error where it is none, or does not take such a picture, or
    /// answers something else than one vector.
    pub(super) fn new(model: &[u8]) -> Result<Self> {
        // What OpenCV makes of an empty buffer is not defined.
        if model.is_empty() {
            return Err(unfit("is empty"));
        }
        let mut net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(model))?;
        net.set_preferable_backend(dnn::DNN_BACKEND_OPENCV)?;
        net.set_preferable_target(dnn::DNN_TARGET_CPU)?;
        let mut found = Self { net, batch: 1, length: 0 };
        // Two different pictures: a network that cannot tell them is no embedding.
        let tried = [pattern(5)?, pattern(32)?];
        let single = [found.forward(&tried[..1])?, found.forward(&tried[1..])?].concat();
        found.length = single[0].len();
        if found.length != single[1].len() || !(2..=LENGTH_MAX).contains(&found.length) {
            return Err(unfit("does not answer one vector of 2 to 8,192 numbers"));
        }
        let nothing = single.iter().any(|one| dot(one, one) < 0.5);
        if nothing || dot(&single[0], &single[1]) > 0.99999 {
            return Err(unfit("answers the same whatever it is shown"));
        }
        let together: Vec<Mat> = tried.iter().cycle().take(BATCH).cloned().collect();
        if let Ok(both) = found.forward(&together)
            && both.len() == BATCH
            && both.iter().zip(single.iter().cycle()).all(|(a, b)| dot(a, b) > 0.999)
        {
            found.batch = BATCH;
        } else {
            // A failed try may leave buffers of another size behind.
            let mut net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(model))?;
            net.set_preferable_backend(dnn::DNN_BACKEND_OPENCV)?;
            net.set_preferable_target(dnn::DNN_TARGET_CPU)?;
            found.net = net;
        }
        Ok(found)
    }

    /// Vectors of parts of a picture, in their order.
    pub(super) fn of_areas(
        &mut self,
        picture: &impl MatTraitConst,
        areas: &[Area],
    ) -> Result<Vec<Embedding>> {
        let size = picture.size()?;
        let inputs: Vec<Mat> =
            areas.iter().map(|area| cut_out(picture, size, *area)).collect::<Result<_>>()?;
        self.of(&inputs)
    }

    /// Vectors of gray pictures of any size, in their order.
    pub(super) fn of(&mut self, pictures: &[Mat]) -> Result<Vec<Embedding>> {
        let mut all = Vec::with_capacity(pictures.len());
        let mut inputs = Vec::with_capacity(self.batch);
        for run in pictures.chunks(self.batch.max(1)) {
            inputs.clear();
            for picture in run {
                inputs.push(scaled(picture)?);
            }
            // A network is laid out anew for another number of pictures: a short rest goes singly.
            let step = if inputs.len() == self.batch { self.batch } else { 1 };
            for part in inputs.chunks(step) {
                let found = self.forward(part)?;
                if found.len() != part.len() || found.iter().any(|one| one.len() != self.length) {
                    return Err(unfit("answers another number of values than before"));
                }
                all.extend(found);
            }
        }
        Ok(all)
    }

    /// One run of the network on gray pictures of its size.
    fn forward(&mut self, pictures: &[Mat]) -> Result<Vec<Embedding>> {
        let plane = (SIDE * SIDE) as usize;
        let mut values = Vec::with_capacity(pictures.len() * 3 * plane);
        for picture in pictures {
            let pixels = picture.data_bytes()?;
            if pixels.len() != plane {
                return Err(unfit("was given a picture of another size"));
            }
            for (mean, spread) in MEANS.iter().zip(SPREADS) {
                let (gain, shift) = ((1.0 / (255.0 * spread)) as f32, (mean / spread) as f32);
                values.extend(pixels.iter().map(|pixel| f32::from(*pixel) * gain - shift));
            }
        }
        let flat = Mat::from_slice(&values)?;
        let blob = flat.reshape_nd(1, &[pictures.len() as i32, 3, SIDE, SIDE])?;
        self.net.set_input_def(&blob)?;
        let output = self.net.forward_single_def()?;
        if output.depth() != core::CV_32F || !output.is_continuous() {
            return Err(unfit("does not answer 32-bit numbers"));
        }
        let numbers = output.data_typed::<f32>()?;
        let length = numbers.len() / pictures.len().max(1);
        let rows = if output.dims() > 0 { output.mat_size()[0] as usize } else { 0 };
        if rows != pictures.len() || length == 0 || length > LENGTH_MAX {
            return Err(unfit("does not answer one vector a picture"));
        }
        numbers
            .chunks_exact(length)
            .map(|vector| unit(vector).ok_or_else(|| unfit("answers no numbers")))
            .collect()
    }
}

/// The product of two vectors: their cosine where both have length 1.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// A vector at length 1; `None` where it holds something that is no number. Nothing stays nothing.
fn unit(vector: &[f32]) -> Option<Embedding> {
    let length = dot(vector, vector).sqrt();
    if !length.is_finite() {
        return None;
    }
    let gain = if length > 0.0 { 1.0 / length } else { 0.0 };
    Some(vector.iter().map(|value| (f64::from(*value) * gain) as f32).collect())
}

/// A part of a picture; what lies outside is left out.
fn cut_out(picture: &impl MatTraitConst, size: Size, [x, y, w, h]: Area) -> Result<Mat> {
    let left = (x.round().max(0.0) as i32).min(size.width - 2);
    let top = (y.round().max(0.0) as i32).min(size.height - 2);
    let right = ((x + w).round() as i32).clamp(left + 2, size.width);
    let bottom = ((y + h).round() as i32).clamp(top + 2, size.height);
    let area = Rect::new(left, top, right - left, bottom - top);
    Mat::roi(picture, area)?.try_clone()
}

/// A picture at the network's size, its sides scaled each for itself: a reference and what is held
/// against it have the same shape.
fn scaled(picture: &Mat) -> Result<Mat> {
    let size = Size::new(SIDE, SIDE);
    let smaller = picture.cols() > SIDE && picture.rows() > SIDE;
    let how = if smaller { imgproc::INTER_AREA } else { imgproc::INTER_LINEAR };
    let mut exact = Mat::default();
    imgproc::resize(picture, &mut exact, size, 0.0, 0.0, how)?;
    Ok(exact)
}

/// Stripes, to try a network with.
fn pattern(step: i32) -> Result<Mat> {
    let gray = Scalar::all(60.0);
    let mut picture = Mat::new_rows_cols_with_default(SIDE, SIDE, core::CV_8U, gray)?;
    for left in (0..SIDE).step_by(2 * step as usize) {
        let area = Rect::new(left, left / 2, step.min(SIDE - left), SIDE / 2);
        imgproc::rectangle(
            &mut picture,
            area,
            Scalar::all(200.0),
            imgproc::FILLED,
            imgproc::LINE_8,
            0,
        )?;
    }
    Ok(picture)
}

fn unfit(why: &str) -> Error {
    Error::new(core::StsBadArg, format!("the embedding model {why}"))
}
