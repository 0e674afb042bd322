//! QR and other 2-D codes on sampled pictures: where they are, and whether they are laid over the picture or printed on something in the scene.

mod search;
mod track;

use std::collections::VecDeque;

use reprise_media::view::PictureView;
use reprise_model::{MediaDuration, MediaTime, Span};
use serde::{Deserialize, Serialize};

use crate::look_for::{GrayPicture, LookFor};
use search::{Candidate, Effort, Found, Prefilter};
use track::{Follower, Thumb};

/// What was found. Times are on the time line of whoever decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeEvidence {
    /// Pictures that were searched; 0 where nobody looked.
    pub searched: u32,
    /// Codes, each from when it appears to when it is gone.
    pub tracks: Vec<CodeTrack>,
}

/// A code over the time that it is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeTrack {
    /// On screen.
    #[serde(rename = "span_s")]
    pub span: Span,
    /// Such as `QRCode`.
    pub format: String,
    /// How what it says begins, at most 32 letters; `None` where it could not be read.
    pub text: Option<String>,
    /// Whether it belongs to the scene.
    pub kind: CodeKind,
    /// How sure `kind` is, 0.5 to 1.
    pub certainty: f32,
    /// Why, in a few words.
    pub reason: String,
    /// Where it was seen.
    pub sightings: Vec<CodeSighting>,
}

/// Whether a code belongs to the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeKind {
    /// Put over the picture.
    LaidOver,
    /// Printed on something that was filmed.
    Printed,
    /// Either: it and the scene stand still.
    Unsure,
}

/// A code in one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSighting {
    /// Of the picture.
    #[serde(rename = "time_s")]
    pub time: MediaTime,
    /// Clockwise from the code's own top left, pixels.
    pub corners: [[f32; 2]; 4],
}

/// A code in a still picture.
#[derive(Clone, Debug, PartialEq)]
pub struct StillCode {
    /// Such as `QRCode`.
    pub format: String,
    /// What it says.
    pub text: String,
    /// Clockwise from the code's own top left, pixels.
    pub corners: [[f32; 2]; 4],
}

/// Codes in one picture, with all the effort that the reader can make.
pub fn find_codes(picture: &GrayPicture) -> Vec<StillCode> {
    search::read_all(picture)
        .into_iter()
        .filter_map(|found| {
            let text = found.text?;
            Some(StillCode { format: found.format, text, corners: found.corners })
        })
        .collect()
}

/// Pictures are searched so often, seconds: a code that is shown for half a second is in two of
/// them at least.
const STEP_S: f64 = 0.19;
/// All kinds of codes are looked for each so many searches, the QR family in each.
const ALL_KINDS_EACH: u32 = 2;
/// A part that looks the same is read so often before it is left alone: noise differs a little.
const TRIES: u8 = 3;
/// Thumbnails kept, for finding the picture in which a code appeared: more than a step at 60 fps.
const THUMBS: usize = 16;

/// Collects it.
#[derive(Debug, Default)]
pub(crate) struct CodeCollector {
    prefilter: Prefilter,
    part: Vec<u8>,
    tried: Vec<(Candidate, u8)>,
    last: Option<MediaTime>,
    end: MediaTime,
    searched: u32,
    thumbs: VecDeque<Thumb>,
    followers: Vec<Follower>,
}

impl CodeCollector {
    pub(crate) fn new(_: &LookFor) -> Self {
        Self::default()
    }

    pub(crate) fn picture(&mut self, picture: &PictureView<'_>) {
        let mut thumb = if self.thumbs.len() >= THUMBS {
            self.thumbs.pop_front().unwrap_or_default()
        } else {
            Thumb::default()
        };
        thumb.take(picture);
        self.end = picture.time + picture.duration.max(MediaDuration::ZERO);
        for follower in &mut self.followers {
            follower.picture(&thumb);
        }
        self.thumbs.push_back(thumb);
        let due = self.last.is_none_or(|last| (picture.time - last).seconds() >= STEP_S);
        if !due {
            return;
        }
        let found = self.search(picture);
        self.last = Some(picture.time);
        self.searched += 1;
        for found in found {
            let known =
                self.followers.iter_mut().find(|follower| follower.is(&found, picture.time));
            match known {
                Some(follower) => follower.seen(&found, &self.thumbs),
                None => self.followers.push(Follower::begin(&found, &self.thumbs)),
            }
        }
    }

    pub(crate) fn finish(self) -> CodeEvidence {
        let end = self.end;
        let tracks = self.followers.into_iter().filter_map(|follower| follower.finish(end));
        let mut tracks: Vec<CodeTrack> = tracks.collect();
        tracks.sort_by_key(|track| track.span.start);
        CodeEvidence { searched: self.searched, tracks }
    }

    fn search(&mut self, picture: &PictureView<'_>) -> Vec<Found> {
        let effort = if self.searched.is_multiple_of(ALL_KINDS_EACH) {
            Effort::Part
        } else {
            Effort::Square
        };
        let before = std::mem::take(&mut self.tried);
        let mut all = Vec::new();
        for candidate in self.prefilter.candidates(picture) {
            let tries = before
                .iter()
                .find(|(old, _)| candidate.same_as(old))
                .map_or(0, |(_, tries)| *tries);
            let mut left = tries.saturating_add(1);
            if tries < TRIES {
                let (width, height) = candidate.cut(picture, &mut self.part);
                let origin = (candidate.area.left, candidate.area.top);
                let found = search::read(&self.part, width, height, origin, effort);
                if !found.is_empty() {
                    left = 0;
                }
                all.extend(found);
            }
            self.tried.push((candidate, left.min(TRIES)));
        }
        all
    }
}

impl CodeEvidence {
    /// Stretches in which a code is laid over the picture, or may be: for cutting them away.
    pub fn laid_over(&self) -> Vec<Span> {
        let over = self.tracks.iter().filter(|track| track.kind != CodeKind::Printed);
        reprise_model::span::merged(over.map(|track| track.span).collect())
    }

    /// The part inside `span`.
    pub(crate) fn within(&self, span: Span) -> Self {
        let tracks = self.tracks.iter().filter_map(|track| {
            let inside = track.span.intersect(span);
            let sightings: Vec<_> =
                track.sightings.iter().filter(|s| span.contains(s.time)).cloned().collect();
            (!inside.is_empty()).then(|| CodeTrack { span: inside, sightings, ..track.clone() })
        });
        Self { searched: self.searched, tracks: tracks.collect() }
    }

    /// The same with all times moved by `by`.
    pub(crate) fn shifted(mut self, by: MediaDuration) -> Self {
        for track in &mut self.tracks {
            track.span = Span::new(track.span.start + by, track.span.end + by);
            for sighting in &mut track.sightings {
                sighting.time = sighting.time + by;
            }
        }
        self
    }
}
