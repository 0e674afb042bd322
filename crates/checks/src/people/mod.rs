//! Faces in view and hands at work.

mod demonstration;
mod faces;

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, MediaTime, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::LookFor;
pub(crate) use demonstration::handling;
use faces::Detector;

/// Between pictures that are searched for faces, seconds.
const STEP_S: f64 = 1.25;
/// After a picture that was searched, the one it is compared with for motion, seconds.
const MOTION_S: f64 = 0.2;
/// A reduced picture that motion is measured on: pixels across, and down.
const SMALL: [usize; 2] = [48, 48];
/// Height of a face, as part of the picture's, below which it is no host: a poster or a passer-by.
const FACE_MIN: f64 = 0.04;

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleEvidence {
    /// What found faces; empty where there was neither a model nor a cascade.
    pub detector: String,
    samples: Vec<PeopleSample>,
}

/// One picture, about one in 1.25 s.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleSample {
    /// Of the picture.
    pub time: MediaTime,
    /// Faces large enough to be a host's.
    pub faces: u32,
    /// The largest: left, top, width, height, as parts of the picture's width and height, 0 to 1.
    pub face: Option<[f64; 4]>,
    /// Mean change of brightness over 0.2 s where the host's hands are (below the face; the lower
    /// two thirds where no face is seen), of 255.
    pub hands_motion: Option<f64>,
}

/// Collects it.
#[derive(Default)]
pub(crate) struct PeopleCollector {
    detector: Option<Detector>,
    name: &'static str,
    last: Option<MediaTime>,
    before: Option<Vec<u8>>,
    samples: Vec<PeopleSample>,
}

impl std::fmt::Debug for PeopleCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeopleCollector").field("detector", &self.name).finish()
    }
}

impl PeopleCollector {
    pub(crate) fn new(look_for: &LookFor) -> Self {
        let asked = !look_for.face_model.is_empty() || !look_for.face_cascade.is_empty();
        if !asked || opencv::core::set_num_threads(1).is_err() {
            return Self::default();
        }
        if !look_for.face_model.is_empty()
            && let Ok(detector) = Detector::yunet(&look_for.face_model)
        {
            return Self { detector: Some(detector), name: "YuNet", ..Self::default() };
        }
        match Detector::cascade(&look_for.face_cascade) {
            Ok(detector) => Self { detector: Some(detector), name: "cascade", ..Self::default() },
            Err(_) => Self::default(),
        }
    }

    pub(crate) fn picture(&mut self, picture: &PictureView<'_>) {
        let Some(detector) = &mut self.detector else { return };
        let since = self.last.map(|last| (picture.time - last).seconds());
        let early = picture.duration.seconds() / 2.0;
        if since.is_some_and(|since| since >= MOTION_S - early)
            && let Some(before) = self.before.take()
            && let Some(sample) = self.samples.last_mut()
        {
            sample.hands_motion = Some(motion(&before, &small(picture), sample.face));
        }
        if since.is_some_and(|since| since < STEP_S - early) {
            return;
        }
        self.last = Some(picture.time);
        let Ok(faces) = detector.faces(picture) else {
            self.detector = None;
            return;
        };
        let faces: Vec<_> = faces.into_iter().filter(|face| face[3] >= FACE_MIN).collect();
        self.before = Some(small(picture));
        self.samples.push(PeopleSample {
            time: picture.time,
            faces: faces.len() as u32,
            face: faces.first().map(|face| face.map(|part| (part * 1e4).round() / 1e4)),
            hands_motion: None,
        });
    }

    pub(crate) fn finish(self) -> PeopleEvidence {
        if self.detector.is_none() {
            return PeopleEvidence::default();
        }
        PeopleEvidence { detector: self.name.to_owned(), samples: self.samples }
    }
}

impl PeopleEvidence {
    /// Whether faces were looked for.
    pub fn searched(&self) -> bool {
        !self.detector.is_empty()
    }

    /// One in 1.25 s, in order of time.
    pub fn samples(&self) -> &[PeopleSample] {
        &self.samples
    }

    /// Share of the time in which a face is in view, 0 to 1; a picture without one between two with
    /// counts, since a host who looks down is still there. `None` where none was looked for.
    pub fn host_in_view_share(&self) -> Option<f64> {
        if self.samples.is_empty() {
            return None;
        }
        let seen = |index: usize| self.samples.get(index).is_some_and(|sample| sample.faces > 0);
        let count = (0..self.samples.len())
            .filter(|&index| seen(index) || (index > 0 && seen(index - 1) && seen(index + 1)))
            .count();
        Some(count as f64 / self.samples.len() as f64)
    }

    /// The part inside `span`.
    pub(crate) fn within(&self, span: Span) -> Self {
        Self {
            detector: self.detector.clone(),
            samples: self.samples.iter().filter(|s| span.contains(s.time)).copied().collect(),
        }
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(mut self, by: MediaDuration) -> Self {
        for sample in &mut self.samples {
            sample.time = sample.time + by;
        }
        self
    }
}

/// A reduced picture: the mean of every fourth pixel of each cell, both ways.
fn small(picture: &PictureView<'_>) -> Vec<u8> {
    let [across, down] = SMALL;
    let mut cells = Vec::with_capacity(across * down);
    for cell in 0..across * down {
        let (column, row) = (cell % across, cell / across);
        let xs = column * picture.width / across..(column + 1) * picture.width / across;
        let ys = row * picture.height / down..(row + 1) * picture.height / down;
        let (mut sum, mut count) = (0u32, 0u32);
        for y in ys.step_by(4) {
            for x in xs.clone().step_by(4) {
                sum +=
                    u32::from(picture.luma.get(y * picture.luma_stride + x).copied().unwrap_or(0));
                count += 1;
            }
        }
        cells.push((sum / count.max(1)) as u8);
    }
    cells
}

/// Mean change below the face and up to two face widths beside it.
fn motion(before: &[u8], after: &[u8], face: Option<[f64; 4]>) -> f64 {
    let [across, down] = SMALL;
    let (left, right, top) = match face {
        Some([x, y, w, h]) => (x - 2.0 * w, x + 3.0 * w, y + h),
        None => (0.0, 1.0, 1.0 / 3.0),
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for cell in 0..across * down {
        let x = ((cell % across) as f64 + 0.5) / across as f64;
        let y = ((cell / across) as f64 + 0.5) / down as f64;
        if x >= left && x <= right && y >= top {
            sum += f64::from(before[cell].abs_diff(after[cell]));
            count += 1.0;
        }
    }
    if count == 0.0 { 0.0 } else { sum / count }
}
