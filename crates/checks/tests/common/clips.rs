//! Good clips: cut at random from clean real footage, with what a LIVE lays over it, and judged by
//! all rules.

use std::path::Path;

use reprise_checks::{
    Adviser, ClipFacts, EvidenceCollector, LookFor, Phrases, Policy, SourceFacts, check,
};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaDuration, MediaTime, Outcome, Span, Tier, Verdict};

use super::overlays::{OVERLAYS, Overlay, Planes, sounded};
use super::shared;
use super::treated::Random;

/// A clip and what was said of it.
#[derive(Debug)]
pub struct Judged {
    /// What it was cut from.
    pub footage: &'static str,
    /// Where.
    pub span: Span,
    /// What it was given.
    pub overlay: Overlay,
    /// Of all rules.
    pub verdicts: Vec<Verdict>,
}

impl Judged {
    /// Basic rules that fail: what rejects it.
    pub fn rejected_by(&self) -> Vec<&Verdict> {
        let fails = |v: &&Verdict| v.tier == Tier::Basic && v.verdict == Outcome::Fail;
        self.verdicts.iter().filter(fails).collect()
    }
}

/// Clean footage and the seconds that clips are cut from.
const FOOTAGE: [(&str, f64, f64); 4] = [
    ("lives/real-footage-clean/live.flv", 3.0, 594.0),
    ("data/video/latentsync_demo1_vertical_1080x1920.mp4", 0.0, 9.9),
    ("data/video/latentsync_demo2_vertical_1080x1920.mp4", 0.0, 19.9),
    ("data/video/latentsync_demo3_vertical_1080x1920.mp4", 0.0, 19.9),
];

/// `count` clips of 5 to 20 s, four in five of them from the LIVE, each overlay equally often.
/// Footage that is absent is left out.
pub fn good_clips(count: usize, adviser: &dyn Adviser) -> Vec<Judged> {
    let mut random = Random(41);
    let mut all = Vec::new();
    for (index, (footage, from_s, to_s)) in FOOTAGE.into_iter().enumerate() {
        let Some(path) = shared(footage) else { continue };
        let of_this = |n: usize| match n % 15 {
            4 => index == 1,
            9 => index == 2,
            14 => index == 3,
            _ => index == 0,
        };
        let cuts: Vec<(Span, Overlay)> = (0..count)
            .filter(|&n| of_this(n))
            .map(|n| {
                let length = random.between(5.0, 20f64.min((to_s - from_s) * 0.9));
                let start = random.between(from_s, to_s - length);
                (Span::from_seconds(start, start + length), OVERLAYS[n % OVERLAYS.len()])
            })
            .collect();
        all.extend(judged(footage, &path, &cuts, adviser));
    }
    all
}

/// A clip while its footage is decoded.
struct Open {
    span: Span,
    overlay: Overlay,
    /// A little more than the clip: what is known of the recording.
    seen: Span,
    collector: EvidenceCollector,
}

/// Decodes once and shows each clip what is its.
struct Many<'a> {
    waiting: Vec<(Span, Overlay)>,
    open: Vec<Open>,
    planes: Planes,
    sound_rate: u32,
    done: Vec<Judged>,
    judge: &'a dyn Fn(Open) -> Judged,
}

impl Many<'_> {
    fn advance(&mut self, time: MediaTime) {
        // Sound and picture are not decoded in step: a second's grace.
        let grace = MediaDuration::from_seconds(1.5);
        let margin = MediaDuration::from_seconds(1.0);
        while let Some(&(span, overlay)) = self.waiting.last() {
            if time + grace + margin < span.start {
                break;
            }
            self.waiting.pop();
            self.open.push(Open {
                span,
                overlay,
                seen: Span::new(span.start - margin, span.end + margin),
                collector: EvidenceCollector::new(&LookFor::default()),
            });
        }
        let over = |open: &Open| time > open.seen.end + grace;
        let mut index = 0;
        while index < self.open.len() {
            if over(&self.open[index]) {
                let open = self.open.swap_remove(index);
                self.done.push((self.judge)(open));
            } else {
                index += 1;
            }
        }
    }
}

impl Observer for Many<'_> {
    fn picture(&mut self, picture: &PictureView<'_>) {
        self.advance(picture.time);
        for open in self.open.iter_mut().filter(|open| open.seen.contains(picture.time)) {
            let t = picture.time.seconds();
            self.planes.with(picture, open.overlay, t, |drawn| open.collector.picture(drawn));
        }
    }

    fn sound(&mut self, sound: &SoundView<'_>) {
        self.sound_rate = sound.sample_rate;
        let from = (sound.time - MediaTime::ZERO).samples(sound.sample_rate);
        for open in self.open.iter_mut().filter(|open| open.seen.contains(sound.time)) {
            let heard: Vec<Vec<f32>> = sound
                .channels
                .iter()
                .map(|channel| sounded(channel, sound.sample_rate, from, open.overlay))
                .collect();
            let channels: Vec<&[f32]> = heard.iter().map(Vec::as_slice).collect();
            open.collector.sound(&SoundView { channels: &channels, ..*sound });
        }
    }
}

fn judged(
    footage: &'static str,
    path: &Path,
    cuts: &[(Span, Overlay)],
    adviser: &dyn Adviser,
) -> Vec<Judged> {
    let source = FileSource::open(path).unwrap();
    let media = probe(source.clone()).unwrap();
    let video = media.info.video.as_ref().map_or((720, 1280), |video| (video.width, video.height));
    let judge = |open: Open| judge(footage, video, open, adviser);
    let mut waiting = cuts.to_vec();
    waiting.sort_by_key(|cut| std::cmp::Reverse(cut.0.start));
    let whole = Span::new(MediaTime::ZERO, MediaTime::ZERO + media.info.duration);
    let mut many = Many {
        waiting,
        open: Vec::new(),
        planes: Planes::default(),
        sound_rate: 0,
        done: Vec::new(),
        judge: &judge,
    };
    let options = WindowOptions { span: whole, size: None, threads: 1 };
    look(source, &media, &options, &mut many).unwrap();
    let mut done = many.done;
    done.extend(many.open.into_iter().map(judge));
    done
}

fn judge(
    footage: &'static str,
    (width, height): (u32, u32),
    open: Open,
    adviser: &dyn Adviser,
) -> Judged {
    let (span, overlay) = (open.span, open.overlay);
    let recording = open.collector.finish(adviser).unwrap();
    let clip = recording.within(span).shifted(MediaTime::ZERO - span.start);
    let phrases = Phrases::default();
    let facts = ClipFacts {
        width,
        height,
        duration: span.duration(),
        fps: 30.0,
        has_audio: true,
        evidence: &clip,
        source: Some(SourceFacts {
            name: footage,
            digest: "blake3:0",
            width,
            height,
            span,
            evidence: Some(&recording),
            has_audio: true,
        }),
        session: None,
        phrases: &phrases,
    };
    Judged { footage, span, overlay, verdicts: check(&facts, &Policy::default()) }
}

/// How many clips of each overlay there are, how many are rejected, and by what.
pub fn table(clips: &[Judged]) -> Vec<String> {
    let line = |name: &str, of: &dyn Fn(&&Judged) -> bool| {
        let all: Vec<&Judged> = clips.iter().filter(of).collect();
        let rejected: Vec<&&Judged> =
            all.iter().filter(|clip| !clip.rejected_by().is_empty()).collect();
        let mut rules: Vec<String> = rejected
            .iter()
            .flat_map(|clip| clip.rejected_by())
            .map(|verdict| verdict.rule.to_string())
            .collect();
        rules.sort();
        rules.dedup();
        format!(
            "{name:<14} {:>4} clips, {:>3} rejected {}",
            all.len(),
            rejected.len(),
            rules.join(" ")
        )
    };
    let mut lines: Vec<String> = OVERLAYS
        .iter()
        .map(|&overlay| line(&format!("{overlay:?}"), &|clip| clip.overlay == overlay))
        .collect();
    lines.push(line("all", &|_| true));
    lines
}
