//! Cuts a clip by copying the recording's own coded pictures where they comply: only the pictures
//! before the first IDR picture and after the last that can be copied are encoded.
//!
//! Anything that does not comply, and a file that does not verify, becomes a clip that is encoded
//! throughout, with the reason in its notes.

mod coded;
mod edges;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use reprise_model::{ByteSource, MediaDuration, MediaTime, Result, Span};

use self::coded::Coded;
use self::edges::{ENCODER, Edges};
use self::plan::Plan;
use crate::encode::{ClipRequest, EncodedClip, Layout, encode_clip};
use crate::ffi::frame::Frame;
use crate::media::Media;
use crate::mux::mux;
use crate::orientation::Orientation;
use crate::sound_track::ClipSound;
use crate::still::{Still, to_still};
use crate::verify::{Expected, Finished, Means, fingerprint};
use crate::view::Observer;
use crate::window::{Sink, SoundRun, WindowOptions, WindowStats, decode, show_picture};

/// Copied pictures after the first seam that are compared sample by sample.
const AFTER_SEAM: usize = 8;

/// Cuts one stretch, by copying where that can be done, else as [`encode_clip`]. With an
/// `observer` the stretch is decoded whole, once, and shown to it; without one only the edges are.
/// `on_still` gets the stills that were asked for, in order.
///
/// # Errors
/// As [`encode_clip`].
pub fn cut_clip(
    source: Arc<dyn ByteSource>,
    media: &Media,
    request: &ClipRequest<'_>,
    mut observer: Option<&mut dyn Observer>,
    on_still: &mut dyn FnMut(Still),
) -> Result<EncodedClip> {
    let layout = Layout::of(&media.info, request)?;
    let reason = match prepare(&source, media, request, &layout)? {
        Err(reason) => reason,
        Ok((coded, plan)) => {
            let seen = observer.as_mut().map(|seen| &mut **seen as &mut dyn Observer);
            let made = smart(&source, media, request, &layout, &coded, &plan, seen, on_still)?;
            drop((coded, plan));
            match made {
                Ok(clip) => return Ok(clip),
                Err(reason) => {
                    // Everything was shown already; only the encoder still has to see it.
                    let note = format!("encoded, because {reason}");
                    let mut clip = encode_clip(source, media, request, None, &mut |_| {})?;
                    clip.notes.push(note);
                    return Ok(clip);
                }
            }
        }
    };
    let mut clip = encode_clip(source, media, request, observer, on_still)?;
    clip.notes.push(format!("encoded, because {reason}"));
    Ok(clip)
}

type Reason = String;

/// Reads and plans; `Err` inside is the reason why nothing is copied.
fn prepare(
    source: &Arc<dyn ByteSource>,
    media: &Media,
    request: &ClipRequest<'_>,
    layout: &Layout,
) -> Result<Result<(Coded, Plan), Reason>> {
    let video = media.info.require_video()?;
    let settings = request.settings;
    let stored = (video.stored_width, video.stored_height);
    let reason = if !settings.smart_cut {
        Some("the profile says so (smart_cut)".to_owned())
    } else if video.codec != "h264" {
        Some(format!("the recording is {}, not h264", video.codec))
    } else if settings.video_encoder != ENCODER {
        let encoder = &settings.video_encoder;
        Some(format!("parameter sets of {encoder} cannot be numbered; {ENCODER}'s can"))
    } else if video.orientation != Orientation::default() {
        Some("the recording is turned or mirrored".to_owned())
    } else if video.pixel_aspect.0 != video.pixel_aspect.1 {
        Some("its pixels are not square".to_owned())
    } else if layout.size != stored {
        Some(format!("{}x{} is scaled to {}x{}", stored.0, stored.1, layout.size.0, layout.size.1))
    } else if layout.rate != video.rate {
        Some("its rate is above the profile's".to_owned())
    } else if request.damaged_packets > 0 {
        Some(format!("{} packets there are damaged", request.damaged_packets))
    } else {
        None
    };
    if let Some(reason) = reason {
        return Ok(Err(reason));
    }
    let coded = match Coded::read(source, media, layout.wanted)? {
        Ok(coded) => coded,
        Err(reason) => return Ok(Err(reason)),
    };
    Ok(Plan::new(&coded, layout).map(|plan| (coded, plan)))
}

#[expect(clippy::too_many_arguments, reason = "one call; a struct would only rename them")]
fn smart(
    source: &Arc<dyn ByteSource>,
    media: &Media,
    request: &ClipRequest<'_>,
    layout: &Layout,
    coded: &Coded,
    plan: &Plan,
    observer: Option<&mut dyn Observer>,
    on_still: &mut dyn FnMut(Still),
) -> Result<Result<EncodedClip, Reason>> {
    let ticks = |count: u64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        MediaDuration::from_ticks(count, layout.rate.1, layout.rate.0)
    };
    let span = Span::new(plan.start, plan.start + ticks(plan.count));
    let seams = Seams::of(coded, plan);
    let watches = observer.is_some();
    let mut job = Job {
        plan,
        span,
        rate: layout.rate,
        hashed: seams.hashed(plan),
        stills: still_numbers(request.stills, plan, layout.rate),
        on_still,
        edges: Edges::new(request.settings, layout.rate),
        expected: BTreeMap::new(),
        done: 0,
        trouble: None,
        sound: ClipSound::new(&media.info, request.settings)?,
        observer,
    };
    let slack = MediaDuration::from_flicks(layout.near.flicks() * 2);
    let window = Span::new((span.start - slack).max(MediaTime::ZERO), span.end + slack);
    let options = WindowOptions { span: window, size: Some(layout.size), threads: 1 };
    let stats = if watches {
        decode(source, media, &options, &mut job)?
    } else {
        let wanted = job.wanted_places();
        let damaged = coded.decode(&wanted, &mut |place, frame| {
            if let Some(number) = plan.numbers[place] {
                let at = coded.pictures[place].at;
                job.take(frame, number, at);
            }
            Ok(())
        })?;
        let mut stats = WindowStats { damaged_packets: damaged, ..WindowStats::default() };
        if media.info.audio.is_some() {
            let mut sound = media.clone();
            sound.info.video = None;
            let heard = decode(source, &sound, &options, &mut job)?;
            stats.damaged_packets += heard.damaged_packets;
            stats.byte_ranges = heard.byte_ranges;
        }
        stats
    };
    let Job { edges, expected, hashed, done, trouble, sound, .. } = job;
    let reason = match trouble {
        Some(trouble) => Some(trouble),
        None if stats.damaged_packets > 0 => {
            Some(format!("{} packets in it are damaged", stats.damaged_packets))
        }
        None if watches && done != plan.count => {
            Some(format!("{} of its {} pictures were decoded", done, plan.count))
        }
        None => (0..plan.count)
            .filter(|number| !plan.is_copied(*number) || hashed.contains(number))
            .find(|number| !expected.contains_key(number))
            .map(|number| format!("its picture at {} is not decoded", span.start + ticks(number))),
    };
    if let Some(reason) = reason {
        return Ok(Err(reason));
    }
    let has_audio = media.info.audio.is_some();
    let made = (|| {
        let mut tracks = vec![edges.finish(coded, plan)?];
        tracks.extend(sound.finish(span.duration())?);
        let mp4 = mux(tracks)?;
        let finished = Finished::open(&mp4, layout.rate, plan.count)?;
        finished.compare(&seams.ranges, &expected)?;
        Ok(mp4)
    })();
    let mp4 = match made {
        Ok(mp4) => mp4,
        Err(error) => {
            let error: reprise_model::Error = error;
            return Ok(Err(format!("the copy failed its verification: {error}")));
        }
    };
    let copied = plan.kept.end - plan.kept.start;
    Ok(Ok(EncodedClip {
        mp4,
        span,
        pictures: plan.count,
        rate: layout.rate,
        width: layout.size.0,
        height: layout.size.1,
        has_audio,
        copied: plan.kept.clone(),
        notes: vec![format!(
            "{copied} pictures copied; {} before and {} after them encoded",
            plan.kept.start,
            plan.count - plan.kept.end
        )],
        stats,
    }))
}

/// Numbers of the pictures that stand at these times.
fn still_numbers(times: &[MediaTime], plan: &Plan, rate: (i32, i32)) -> Vec<u64> {
    let half = MediaDuration::from_ticks(1, rate.1, rate.0.saturating_mul(2));
    let last = plan.count.saturating_sub(1);
    let number = |at: MediaTime| {
        // The first whose middle is not before it, as the encoder's ticks are chosen.
        let near = (at - plan.start).ticks(rate.1, rate.0);
        let tick = plan.start + MediaDuration::from_ticks(near, rate.1, rate.0);
        let number = if tick + half < at { near + 1 } else { near };
        u64::try_from(number).unwrap_or(0).min(last)
    };
    times.iter().map(|&at| number(at)).collect()
}

/// What of the finished file is decoded again: both seams.
struct Seams {
    /// Places in the finished file, in the order of decoding; each begins with a key picture or is
    /// empty.
    ranges: [Range<usize>; 2],
    /// Places in the recording's stretch of the copied pictures among them.
    copied: [Range<usize>; 2],
}

impl Seams {
    fn of(coded: &Coded, plan: &Plan) -> Self {
        let copied = &plan.copied;
        let last_idr = copied
            .clone()
            .rev()
            .find(|&place| coded.pictures[place].is_idr)
            .unwrap_or(copied.start);
        let after = (copied.start + AFTER_SEAM).min(copied.end);
        let head = usize::try_from(plan.kept.start).unwrap_or(0);
        let count = usize::try_from(plan.count).unwrap_or(0);
        let finished = |place: usize| place - copied.start + head;
        if plan.kept.end == plan.count {
            // It ends with copied pictures: there is but one seam, or none.
            return Self {
                ranges: [0..finished(after), 0..0],
                copied: [copied.start..after, 0..0],
            };
        }
        if last_idr <= after {
            return Self { ranges: [0..count, 0..0], copied: [copied.clone(), 0..0] };
        }
        Self {
            ranges: [0..finished(after), finished(last_idr)..count],
            copied: [copied.start..after, last_idr..copied.end],
        }
    }

    /// Numbers of the copied pictures among them.
    fn hashed(&self, plan: &Plan) -> BTreeSet<u64> {
        let places = self.copied.iter().flat_map(|range| range.clone());
        places.filter_map(|place| plan.numbers[place]).collect()
    }
}

/// Takes the pictures of a clip, each where it belongs.
struct Job<'a, 'o, 's> {
    plan: &'a Plan,
    span: Span,
    rate: (i32, i32),
    hashed: BTreeSet<u64>,
    stills: Vec<u64>,
    on_still: &'s mut dyn FnMut(Still),
    edges: Edges<'a>,
    expected: BTreeMap<u64, Expected>,
    /// Pictures that came so far.
    done: u64,
    /// Why the clip cannot be made by copying after all.
    trouble: Option<Reason>,
    sound: ClipSound,
    observer: Option<&'o mut dyn Observer>,
}

impl Job<'_, '_, '_> {
    /// Places in the recording's stretch that are needed where nobody watches the others.
    fn wanted_places(&self) -> BTreeSet<usize> {
        let wanted = |number: u64| {
            !self.plan.is_copied(number)
                || self.hashed.contains(&number)
                || self.stills.contains(&number)
        };
        let numbers = self.plan.numbers.iter().enumerate();
        numbers.filter(|(_, n)| n.is_some_and(wanted)).map(|(place, _)| place).collect()
    }

    fn take(&mut self, frame: &Frame, number: u64, at: MediaTime) {
        self.done += 1;
        let Some(view) = frame.picture(at, MediaDuration::ZERO) else {
            self.trouble.get_or_insert_with(|| format!("the picture at {at} is not 8-bit 4:2:0"));
            return;
        };
        while self.stills.first() == Some(&number) {
            self.stills.remove(0);
            (self.on_still)(to_still(&view));
        }
        if view.corrupt {
            self.trouble.get_or_insert_with(|| format!("the picture at {at} is damaged"));
        }
        if self.trouble.is_some() {
            return;
        }
        if !self.plan.is_copied(number) {
            self.expected.insert(number, Expected::Like(Means::of(&view)));
            if let Err(error) = self.edges.push(frame, number, self.plan) {
                self.trouble = Some(error.to_string());
            }
        } else if self.hashed.contains(&number) {
            self.expected.insert(number, Expected::Same(fingerprint(&view)));
        }
    }
}

impl Sink for Job<'_, '_, '_> {
    fn picture(&mut self, frame: &Frame, time: MediaTime, length: MediaDuration) -> Result<()> {
        let number = (time - self.span.start).ticks(self.rate.1, self.rate.0);
        let Some(number) = u64::try_from(number).ok().filter(|&n| n < self.plan.count) else {
            return Ok(());
        };
        if let Some(observer) = self.observer.as_deref_mut() {
            show_picture(observer, frame, time, length);
        }
        self.take(frame, number, time);
        Ok(())
    }

    fn sound(&mut self, run: &SoundRun) -> Result<()> {
        self.sound.push(run, Some(self.span), self.observer.as_deref_mut())
    }
}
