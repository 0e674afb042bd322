//! Products followed from picture to picture: searched for rarely, held against their reference in
//! every picture looked at.

use std::collections::VecDeque;

use opencv::core::{Mat, MatTraitConst, Point, Point2f, Scalar, Size, TermCriteria, Vector};
use opencv::{Result, core, imgproc, video};
use reprise_model::{MediaDuration, MediaTime};

use super::align::{Agreement, Scene, agreement, aligned, inside};
use super::find::{Candidate, overlap, plausible};
use super::finder::{Claim, FindProducts};
use super::geometry::{Homography, Pair, agree};

/// Time between pictures looked at, seconds.
pub(super) const STEP_S: f64 = super::evidence::STEP_S;
/// Between searches while nothing is in view, seconds.
const SEARCH_S: f64 = 2.0;
/// Between searches for more while something is in view, seconds.
const SEARCH_MORE_S: f64 = 6.0;
/// Between pictures of a product that stands still, seconds.
const STILL_S: f64 = 0.6;
/// Between votes on which of two sisters it is, seconds.
const VOTE_S: f64 = 1.0;
/// Most products followed at once.
const TRACKS_MAX: usize = 4;
/// Share of the reference's corners that must be found again.
const AGREEING_MIN: f64 = 0.25;
/// Correlation below which a product is gone.
const CORRELATION_MIN: f64 = 0.3;

/// Where a product was in a picture.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) time: MediaTime,
    pub(super) homography: Homography,
    pub(super) agreement: Agreement,
}

/// A product from when it comes into view until it is lost.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) claim: Claim,
    pub(super) places: Vec<Place>,
    voted: MediaTime,
    looked: MediaTime,
    moved: f64,
}

/// Follows products.
pub(super) struct Tracker {
    finder: Box<dyn FindProducts>,
    open: Vec<Track>,
    done: Vec<Track>,
    before: Option<Mat>,
    /// Reduced pictures since the last search (of two searches where a network is asked, which may
    /// overlook a product once), to follow a product back to when it came.
    recent: VecDeque<(MediaTime, Mat)>,
    searched: Option<MediaTime>,
    lost: bool,
}

impl Tracker {
    pub(super) fn new(finder: Box<dyn FindProducts>) -> Self {
        Self {
            finder,
            open: Vec::new(),
            done: Vec::new(),
            before: None,
            recent: VecDeque::new(),
            searched: None,
            lost: false,
        }
    }

    /// Looks at a picture.
    pub(super) fn look(&mut self, time: MediaTime, scene: &Scene<'_>) -> Result<()> {
        if let Some(before) = self.before.take()
            && before.size()? == scene.small.size()?
        {
            self.follow(time, scene, &before)?;
        } else {
            self.done.append(&mut self.open);
            self.recent.clear();
        }
        let since = self.searched.map(|last| (time - last).seconds());
        let wait = match (self.open.is_empty(), self.lost) {
            (_, true) => 0.9,
            (true, false) => SEARCH_S,
            (false, false) => SEARCH_MORE_S,
        };
        if since.is_none_or(|since| since >= wait - STEP_S / 2.0) {
            let before = self.searched.replace(time);
            self.lost = false;
            self.search(time, before, scene)?;
            if !self.finder.may_overlook() {
                self.recent.clear();
            }
        }
        let reach = if self.finder.may_overlook() { 2.0 * SEARCH_S } else { SEARCH_S };
        if self.recent.len() as f64 * STEP_S > reach {
            self.recent.pop_front();
        }
        self.recent.push_back((time, scene.small.clone()));
        self.before = Some(scene.small.clone());
        Ok(())
    }

    /// All that was followed, and with what.
    pub(super) fn finish(mut self) -> (Box<dyn FindProducts>, Vec<Track>) {
        self.done.append(&mut self.open);
        (self.finder, self.done)
    }

    fn follow(&mut self, time: MediaTime, scene: &Scene<'_>, before: &Mat) -> Result<()> {
        let crowd = self.open.len().max(2) as f64 / 2.0;
        for mut track in std::mem::take(&mut self.open) {
            let still = track.moved < 0.004 * scene.size[0].max(scene.size[1]);
            let wait = crowd * if still { STILL_S } else { STEP_S };
            if (time - track.looked).seconds() < wait - STEP_S / 2.0 {
                // A still product is not moved by the flow either; the next look corrects.
                self.open.push(track);
                continue;
            }
            if self.step(&mut track, time, scene, before)? {
                self.open.push(track);
            } else {
                self.lost = true;
                self.done.push(track);
            }
        }
        Ok(())
    }

    /// Follows a product into the next picture; `false` where it is gone.
    fn step(
        &mut self,
        track: &mut Track,
        time: MediaTime,
        scene: &Scene<'_>,
        before: &Mat,
    ) -> Result<bool> {
        let Some(last) = track.places.last() else { return Ok(false) };
        let start =
            flowed(self.finder.as_ref(), track.claim.reference, &last.homography, scene, before)?
                .unwrap_or(last.homography);
        let found = placed(self.finder.as_mut(), &mut track.claim, time, scene, &start)?;
        let Some(place) = found else { return Ok(false) };
        let middle = self.finder.references().all[track.claim.reference].middle();
        let (from, to) = (last.homography.map(middle), place.homography.map(middle));
        track.moved = (from[0] - to[0]).hypot(from[1] - to[1]);
        track.looked = time;
        if (time - track.voted).seconds() >= VOTE_S {
            track.voted = time;
            self.finder.vote(&mut track.claim, scene, &place.homography)?;
            if track.claim.overturned() {
                return Ok(false);
            }
        }
        track.places.push(place);
        Ok(true)
    }

    /// `before` is when it was searched before.
    fn search(
        &mut self,
        time: MediaTime,
        before: Option<MediaTime>,
        scene: &Scene<'_>,
    ) -> Result<()> {
        if self.open.len() >= TRACKS_MAX {
            return Ok(());
        }
        let mask = self.outside_tracks(scene)?;
        for (candidate, mut claim) in self.finder.find(scene, &mask)? {
            if self.open.len() >= TRACKS_MAX || self.is_followed(&candidate) {
                continue;
            }
            let place =
                Place { time, homography: candidate.homography, agreement: candidate.agreement };
            let since = if claim.similar.is_some() { self.last_seen(&claim) } else { before };
            let places = self.back(&mut claim, &place, since, scene)?;
            self.open.push(Track { claim, places, voted: time, looked: time, moved: 1e9 });
        }
        Ok(())
    }

    /// Everything but what is followed already; empty for everything.
    fn outside_tracks(&self, scene: &Scene<'_>) -> Result<Mat> {
        if self.open.is_empty() {
            return Ok(Mat::default());
        }
        let size = scene.small.size()?;
        let mut mask = Mat::new_size_with_default(size, core::CV_8U, Scalar::all(255.0))?;
        for track in &self.open {
            let Some(place) = track.places.last() else { continue };
            let reference = &self.finder.references().all[track.claim.reference];
            let quad = scene.to_small.after(&place.homography).quad(reference.content);
            let corners: Vector<Point> = quad
                .iter()
                .map(|corner| Point::new(corner[0].round() as i32, corner[1].round() as i32))
                .collect();
            imgproc::fill_convex_poly_def(&mut mask, &corners, Scalar::default())?;
        }
        Ok(mask)
    }

    fn is_followed(&self, candidate: &Candidate) -> bool {
        let quad = |index: usize, homography: &Homography| {
            homography.quad(self.finder.references().all[index].content)
        };
        let found = quad(candidate.reference, &candidate.homography);
        self.open
            .iter()
            .filter_map(|track| Some((track, track.places.last()?)))
            .any(|(track, place)| overlap(&quad(track.claim.reference, &place.homography), &found))
    }

    /// When a product was followed last, and a little later.
    fn last_seen(&self, claim: &Claim) -> Option<MediaTime> {
        let own = self.done.iter().filter(|track| track.claim.product == claim.product);
        let last = own.filter_map(|track| Some(track.places.last()?.time)).max();
        last.map(|time| time + MediaDuration::from_seconds(STEP_S / 2.0))
    }

    /// Follows a product that was just found back through the recent pictures, not before `since`.
    fn back(
        &mut self,
        claim: &mut Claim,
        found: &Place,
        since: Option<MediaTime>,
        scene: &Scene<'_>,
    ) -> Result<Vec<Place>> {
        let Self { finder, recent, .. } = self;
        let mut places = vec![found.clone()];
        let Some(to_full) = scene.to_small.inverse() else { return Ok(places) };
        let mut after = scene.small.clone();
        let mut homography = scene.to_small.after(&found.homography);
        for (time, small) in recent.iter().rev() {
            if small.size()? != after.size()? || since.is_some_and(|since| *time < since) {
                break;
            }
            let small_scene = Scene::of_small(small)?;
            let start =
                flowed(finder.as_ref(), claim.reference, &homography, &small_scene, &after)?
                    .unwrap_or(homography);
            let found = placed(finder.as_mut(), claim, *time, &small_scene, &start)?;
            let Some(place) = found else { break };
            homography = place.homography;
            places.push(Place { homography: to_full.after(&homography), ..place });
            after = small.clone();
        }
        places.reverse();
        Ok(places)
    }
}

/// Where a reference lies in `scene` if it moves as the picture under it does (Lucas and Kanade).
/// All in the coordinates of `scene`; `before` is the reduced picture before it.
fn flowed(
    finder: &dyn FindProducts,
    index: usize,
    last: &Homography,
    scene: &Scene<'_>,
    before: &Mat,
) -> Result<Option<Homography>> {
    let reference = &finder.references().all[index];
    let level = reference.level(last);
    let to_before = scene.to_small.after(&last.after(&level.to_reference));
    let size = scene.small.size()?;
    let bounds = [f64::from(size.width), f64::from(size.height)];
    let step = level.corners.len().div_ceil(40).max(1);
    let points: Vector<Point2f> = level
        .corners
        .iter()
        .step_by(step)
        .map(|corner| to_before.map(*corner))
        .filter(|point| inside(*point, bounds, 1.0))
        .map(|[x, y]| Point2f::new(x as f32, y as f32))
        .collect();
    if points.len() < 6 {
        return Ok(None);
    }
    let (mut moved, mut status, mut errors) =
        (Vector::<Point2f>::new(), Vector::<u8>::new(), Vector::<f32>::new());
    video::calc_optical_flow_pyr_lk(
        before,
        &scene.small,
        &points,
        &mut moved,
        &mut status,
        &mut errors,
        Size::new(13, 13),
        3,
        TermCriteria::new(3, 10, 0.05)?,
        0,
        1e-3,
    )?;
    let pairs: Vec<Pair> = points
        .iter()
        .zip(moved.iter().zip(&status))
        .filter(|(_, (_, found))| *found == 1)
        .map(|(from, (to, _))| {
            ([f64::from(from.x), f64::from(from.y)], [f64::from(to.x), f64::from(to.y)])
        })
        .collect();
    let Some((motion, inliers)) = agree(&pairs, 1.5)? else { return Ok(None) };
    if inliers.iter().filter(|good| **good).count() < 6 {
        return Ok(None);
    }
    let Some(back) = scene.to_small.inverse() else { return Ok(None) };
    Ok(Some(back.after(&motion).after(&scene.to_small).after(last)))
}

/// A reference laid over a picture near `start`; `None` where it is not there.
fn placed(
    finder: &mut dyn FindProducts,
    claim: &mut Claim,
    time: MediaTime,
    scene: &Scene<'_>,
    start: &Homography,
) -> Result<Option<Place>> {
    if claim.similar.is_some() {
        let found = finder.again(claim, scene, start)?;
        return Ok(found.map(|(homography, agreement)| Place { time, homography, agreement }));
    }
    let reference = &finder.references().all[claim.reference];
    let Some(fit) = aligned(reference, scene, start, 1)? else { return Ok(None) };
    if (fit.agreeing as f64) < AGREEING_MIN * fit.tried as f64
        || !plausible(reference, &fit.homography, scene.size)
    {
        return Ok(None);
    }
    let agreement = agreement(reference, scene, &fit.homography)?;
    Ok((agreement.correlation >= CORRELATION_MIN).then_some(Place {
        time,
        homography: fit.homography,
        agreement,
    }))
}
