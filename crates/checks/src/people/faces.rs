//! Detectors of faces: YuNet where its model is given, else a cascade of simple features.

use opencv::core::{
    self, FileStorage, FileStorageTraitConst, Mat, MatTraitConst, MatTraitConstManual, Rect,
    Scalar, Size, Vector,
};
use opencv::objdetect::{CascadeClassifier, CascadeClassifierTrait};
use opencv::{Error, Result, dnn, imgproc};

use dnn::{NetTrait, NetTraitConst};
use reprise_media::view::PictureView;

use crate::reduce::reduced;

/// Faces by YuNet from here on (Wu, Peng and Yu 2023): the square root of the product of its class
/// and object scores. Its authors' demonstration takes 0.9 with few false ones; hosts look aside
/// and down, so less is asked.
const SCORE_MIN: f32 = 0.7;
/// Boxes that overlap by more are one face.
const OVERLAP_MAX: f32 = 0.3;
/// Grids of YuNet, pixels a step.
const STRIDES: [usize; 3] = [8, 16, 32];
/// Longest side that the cascade looks at, pixels.
const CASCADE_SIDE: f64 = 360.0;

/// A face: left, top, width, height, as parts of the picture's width and height (0 to 1).
pub(super) type Face = [f64; 4];

/// Finds faces.
pub(super) enum Detector {
    YuNet { net: dnn::Net, names: Vec<String>, side: usize },
    Cascade(CascadeClassifier),
}

impl Detector {
    /// From a YuNet model whose input is a square, as ONNX.
    pub(super) fn yunet(model: &[u8]) -> Result<Self> {
        let mut net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(model))?;
        net.set_preferable_backend(dnn::DNN_BACKEND_OPENCV)?;
        let names: Vec<String> = STRIDES
            .iter()
            .flat_map(|stride| ["cls", "obj", "bbox"].map(|kind| format!("{kind}_{stride}")))
            .collect();
        let known = net.get_unconnected_out_layers_names()?;
        if names.iter().any(|name| !known.iter().any(|known| known == *name)) {
            return Err(Error::new(core::StsBadArg, "not a YuNet model with twelve outputs"));
        }
        // The input's size is fixed in the model: the one it answers is it.
        for side in [320, 640] {
            let mut found = Self::YuNet { net: net.clone(), names: names.clone(), side };
            let ground = Mat::new_rows_cols_with_default(
                side as i32,
                side as i32,
                core::CV_8UC3,
                Scalar::all(114.0),
            )?;
            if found.in_square(&ground).is_ok() {
                return Ok(found);
            }
        }
        Err(Error::new(core::StsBadArg, "the model takes neither 320 nor 640 pixels"))
    }

    /// From the text of a cascade as OpenCV writes it.
    pub(super) fn cascade(text: &str) -> Result<Self> {
        let storage =
            FileStorage::new(text, core::FileStorage_READ | core::FileStorage_MEMORY, "")?;
        let mut cascade = CascadeClassifier::default()?;
        if !cascade.read(&storage.get_first_top_level_node()?)? {
            return Err(Error::new(core::StsBadArg, "not a cascade"));
        }
        Ok(Self::Cascade(cascade))
    }

    /// Faces in a picture, the largest first.
    pub(super) fn faces(&mut self, picture: &PictureView<'_>) -> Result<Vec<Face>> {
        let (width, height) = (picture.width as f64, picture.height as f64);
        let mut faces = match self {
            Self::YuNet { side, .. } => {
                let scale = *side as f64 / width.max(height);
                let size = Size::new((width * scale) as i32, (height * scale) as i32);
                let square = in_colour(picture, size, *side as i32)?;
                let shown = [width * scale, height * scale];
                let found = self.in_square(&square)?;
                parts(found.iter().map(|r| [r.x, r.y, r.width, r.height].map(f64::from)), shown)
            }
            Self::Cascade(cascade) => {
                let scale = (CASCADE_SIDE / width.max(height)).min(1.0);
                let size = Size::new((width * scale) as i32, (height * scale) as i32);
                let (luma, stride) = (picture.luma, picture.luma_stride);
                let small = plane(luma, stride, picture.width, picture.height, size)?;
                let mut found = Vector::<Rect>::new();
                // Steps of 1.2 and four neighbours: fewer false faces than OpenCV's usual three.
                cascade.detect_multi_scale(
                    &small,
                    &mut found,
                    1.2,
                    4,
                    0,
                    Size::new(24, 24),
                    Size::default(),
                )?;
                let shown = [f64::from(size.width), f64::from(size.height)];
                parts(found.iter().map(|r| [r.x, r.y, r.width, r.height].map(f64::from)), shown)
            }
        };
        faces.sort_by(|a, b| (b[2] * b[3]).total_cmp(&(a[2] * a[3])));
        Ok(faces)
    }

    /// YuNet's faces in a square picture of its size, in pixels.
    fn in_square(&mut self, square: &Mat) -> Result<Vec<core::Rect2d>> {
        let Self::YuNet { net, names, side } = self else { return Ok(Vec::new()) };
        let size = square.size()?;
        let none = Scalar::default();
        let blob = dnn::blob_from_image(square, 1.0, size, none, false, false, core::CV_32F)?;
        net.set_input_def(&blob)?;
        let mut outputs = Vector::<Mat>::new();
        let names: Vector<String> = names.iter().map(String::as_str).collect();
        net.forward(&mut outputs, &names)?;
        let (mut boxes, mut scores) = (Vector::<core::Rect2d>::new(), Vector::<f32>::new());
        for (index, stride) in STRIDES.iter().enumerate() {
            let (class, object, place) =
                (outputs.get(index * 3)?, outputs.get(index * 3 + 1)?, outputs.get(index * 3 + 2)?);
            let (class, object) = (class.data_typed::<f32>()?, object.data_typed::<f32>()?);
            let place = place.data_typed::<f32>()?;
            let across = *side / stride;
            if class.len() != across * across || place.len() != 4 * class.len() {
                return Err(Error::new(core::StsBadSize, "outputs of another size"));
            }
            for cell in 0..class.len().min(object.len()) {
                let score = (class[cell].clamp(0.0, 1.0) * object[cell].clamp(0.0, 1.0)).sqrt();
                if score < SCORE_MIN {
                    continue;
                }
                let [dx, dy, w, h] = [0, 1, 2, 3].map(|k| f64::from(place[cell * 4 + k]));
                let step = *stride as f64;
                let (x, y) = ((cell % across) as f64 + dx, (cell / across) as f64 + dy);
                let (w, h) = (w.exp() * step, h.exp() * step);
                boxes.push(core::Rect2d::new(x * step - w / 2.0, y * step - h / 2.0, w, h));
                scores.push(score);
            }
        }
        let mut kept = Vector::<i32>::new();
        if !boxes.is_empty() {
            dnn::nms_boxes_f64_def(&boxes, &scores, SCORE_MIN, OVERLAP_MAX, &mut kept)?;
        }
        kept.iter().map(|index| boxes.get(index as usize)).collect()
    }
}

fn parts(boxes: impl Iterator<Item = [f64; 4]>, shown: [f64; 2]) -> Vec<Face> {
    boxes.map(|[x, y, w, h]| [x / shown[0], y / shown[1], w / shown[0], h / shown[1]]).collect()
}

/// A plane of a picture reduced to `size`.
fn plane(bytes: &[u8], stride: usize, width: usize, height: usize, size: Size) -> Result<Mat> {
    let wanted = (size.width.max(1) as usize).max(1);
    let step = (width / wanted).max(1);
    let (across, down) = (width / step, height / step);
    if across == 0 || down == 0 || bytes.len() < stride * (down * step - 1) + across * step {
        return Err(Error::new(core::StsBadSize, "a plane of another size"));
    }
    let pixels = reduced(bytes, stride, across, down, step);
    let small = Mat::from_slice(&pixels)?.reshape(1, down as i32)?.try_clone()?;
    if small.size()? == size {
        return Ok(small);
    }
    let mut exact = Mat::default();
    imgproc::resize(&small, &mut exact, size, 0.0, 0.0, imgproc::INTER_LINEAR)?;
    Ok(exact)
}

/// A picture in blue, green and red, reduced to `size`, in the top left of a square.
fn in_colour(picture: &PictureView<'_>, size: Size, side: i32) -> Result<Mat> {
    let (chroma_width, chroma_height) = (picture.chroma_width, picture.chroma_height);
    let mut planes = Vector::<Mat>::new();
    for (bytes, stride, width, height) in [
        (picture.luma, picture.luma_stride, picture.width, picture.height),
        (picture.red, picture.chroma_stride, chroma_width, chroma_height),
        (picture.blue, picture.chroma_stride, chroma_width, chroma_height),
    ] {
        let small = plane(bytes, stride, width, height, size)?;
        planes.push(small);
    }
    let (mut together, mut colour, mut square) = (Mat::default(), Mat::default(), Mat::default());
    core::merge(&planes, &mut together)?;
    imgproc::cvt_color(&together, &mut colour, imgproc::COLOR_YCrCb2BGR, 0)?;
    let (right, below) = (side - size.width, side - size.height);
    let black = Scalar::default();
    core::copy_make_border(&colour, &mut square, 0, below, 0, right, core::BORDER_CONSTANT, black)?;
    Ok(square)
}
