//! Trim search: where around a moment the clip begins and ends.
//!
//! In-points and out-points are tried at the pauses of the sound. A clip never holds a fault of the
//! source or a span to avoid; among the lawful ones the best covers the moment, cuts no word, keeps
//! away from scene cuts, and is short.

use reprise_checks::{Evidence, Pause, Policy};
use reprise_model::{MediaDuration, MediaTime, RuleId, Span};
use serde::{Deserialize, Serialize};

/// A stretch of the recording that must not be in a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Avoid {
    /// Where.
    pub span: Span,
    /// The rule that it would break.
    pub rule: RuleId,
    /// For people.
    pub detail: String,
}

/// What the search weighs. One point is one second of the moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrimSettings {
    /// How far before and after the moment the search looks. Default 6 s: a sentence. More finds
    /// better pauses and decodes more.
    pub reach_s: f64,
    /// Seconds kept clear of a fault. Default 0.2.
    pub clearance_s: f64,
    /// Points lost where an edge lies in no pause. Default 4.
    pub word_cost: f64,
    /// Points lost where the picture cuts within half a second inside an edge. Default 1.
    pub scene_cut_cost: f64,
    /// Points won by each edge on a key picture, where the clip can be copied from or to without
    /// encoding. Default 0.1: worth less than a third of a second outside the moment.
    pub key_picture_bonus: f64,
    /// Points lost for each second outside the moment. Default 0.35.
    pub outside_cost: f64,
    /// Points lost for each second beyond `preferred_max_s`. Default 0.2.
    pub long_cost: f64,
    /// Length that clips should stay under. Default 40 s (`clip.duration.best`).
    pub preferred_max_s: f64,
}

impl Default for TrimSettings {
    fn default() -> Self {
        Self {
            reach_s: 6.0,
            clearance_s: 0.2,
            word_cost: 4.0,
            scene_cut_cost: 1.0,
            key_picture_bonus: 0.1,
            outside_cost: 0.35,
            long_cost: 0.2,
            preferred_max_s: 40.0,
        }
    }
}

/// What is searched.
pub struct TrimInput<'a> {
    /// The moment.
    pub moment: Span,
    /// The stretch that was looked at; the clip lies inside.
    pub window: Span,
    /// What was seen and heard there.
    pub evidence: &'a Evidence,
    /// Spans that must not be in it besides the faults that the evidence shows.
    pub avoid: &'a [Avoid],
    /// Key pictures that the recording can be copied from; empty where it cannot be copied.
    pub key_pictures: &'a [MediaTime],
    /// Thresholds of the faults and of the length.
    pub policy: &'a Policy,
    /// What the search weighs.
    pub settings: &'a TrimSettings,
}

/// Where to cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Trim {
    /// The clip.
    pub span: Span,
    /// Why, for people.
    pub notes: Vec<String>,
}

/// Why nothing can be cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrimRefusal {
    /// The rule that no cut can keep.
    pub rule: RuleId,
    /// With figure and time.
    pub detail: String,
    /// When.
    pub time: Option<MediaTime>,
}

#[derive(Clone, Copy)]
struct Edge {
    at: MediaTime,
    in_pause: bool,
    on_key: bool,
}

impl Edge {
    fn new(at: MediaTime, in_pause: bool) -> Self {
        Self { at, in_pause, on_key: false }
    }
}

/// A clip may begin so much before the words and end so much after them to meet a key picture.
const KEY_REACH: MediaDuration = MediaDuration::from_millis(600);
/// Words are kept clear of by so much; a pause is only known to 10 ms.
const KEY_CLEAR: MediaDuration = MediaDuration::from_millis(40);

/// Searches the best lawful cut.
///
/// # Errors
/// The rule that leaves no room for a clip of lawful length.
pub fn trim(input: &TrimInput<'_>) -> Result<Trim, TrimRefusal> {
    let faults = faults(input);
    let min_s = input.policy.clip.duration_min_s;
    let max_s = input.policy.clip.duration_max_s;
    let clear = clear_stretches(input, &faults);
    let (pauses, scene_cuts) = (input.evidence.pauses(), input.evidence.scene_cuts());
    let moment_max = input.moment.seconds();
    let mut best: Option<(f64, Span, bool, bool)> = None;
    for stretch in &clear {
        let (starts, ends) = edges(input, *stretch, &pauses);
        for start in &starts {
            for end in &ends {
                let span = Span::new(start.at, end.at);
                let length = span.seconds();
                // A hair inside the limits, so that rounding to pictures stays lawful.
                if length < min_s + 0.1 || length > max_s - 0.1 {
                    continue;
                }
                let covered = span.intersect(input.moment).seconds();
                if covered < (moment_max * 0.25).min(min_s) {
                    continue;
                }
                let score = score(input, span, covered, [*start, *end], &scene_cuts);
                if best.is_none_or(|(old, ..)| score > old + 1e-9) {
                    best = Some((score, span, start.in_pause, end.in_pause));
                }
            }
        }
    }
    match best {
        Some((_, span, from_pause, to_pause)) => {
            Ok(Trim { span, notes: notes(input, &faults, span, from_pause, to_pause) })
        }
        None => Err(refusal(input, &faults, min_s)),
    }
}

/// Everything that must not be in the clip, by time.
fn faults(input: &TrimInput<'_>) -> Vec<Avoid> {
    let evidence = input.evidence;
    let mut faults: Vec<Avoid> =
        input.avoid.iter().filter(|avoid| avoid.span.overlaps(input.window)).cloned().collect();
    let mut add = |spans: Vec<Span>, rule: RuleId, what: &str| {
        for span in spans {
            let detail = format!("{what} for {:.2} s at {}", span.seconds(), span.start);
            faults.push(Avoid { span, rule, detail });
        }
    };
    add(evidence.freezes(input.policy), RuleId::VideoFreeze, "the picture stands still");
    add(evidence.blacks(input.policy), RuleId::VideoBlack, "the picture is black");
    add(evidence.lags(input.policy), RuleId::VideoLag, "pictures come late");
    add(evidence.dropouts(input.policy), RuleId::AudioDropout, "the sound is cut off");
    add(evidence.corrupt(), RuleId::VideoLag, "pictures are damaged");
    // A few clipped samples are lawful; a stretch full of them is not.
    let clipped = evidence.clipped().into_iter().filter(|span| span.seconds() >= 0.3).collect();
    add(clipped, RuleId::AudioClean, "the sound is clipped");
    faults.sort_by_key(|fault| (fault.span, fault.rule));
    faults
}

/// The stretches of the window that hold no fault.
fn clear_stretches(input: &TrimInput<'_>, faults: &[Avoid]) -> Vec<Span> {
    let clearance = MediaDuration::from_seconds(input.settings.clearance_s);
    let mut clear = Vec::new();
    let mut from = input.window.start;
    for fault in faults {
        let span = fault.span.widened(clearance);
        if span.start > from {
            clear.push(Span::new(from, span.start.min(input.window.end)));
        }
        from = from.max(span.end);
    }
    if from < input.window.end {
        clear.push(Span::new(from, input.window.end));
    }
    clear
}

fn edges(input: &TrimInput<'_>, stretch: Span, pauses: &[Pause]) -> (Vec<Edge>, Vec<Edge>) {
    let reach = MediaDuration::from_seconds(input.settings.reach_s);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    // Where no pause helps: the edges of the moment and of the stretch.
    for at in [stretch.start, input.moment.start.max(stretch.start)] {
        starts.push(Edge::new(at, !input.evidence.has_sound()));
    }
    for at in [stretch.end, input.moment.end.min(stretch.end)] {
        ends.push(Edge::new(at, !input.evidence.has_sound()));
    }
    // A lawful clip may have to end early in a long moment, or begin late in one.
    let max = MediaDuration::from_seconds(input.policy.clip.duration_max_s - 0.2);
    starts.push(Edge::new((stretch.end - max).max(stretch.start), false));
    ends.push(Edge::new((stretch.start + max).min(stretch.end), false));
    for pause in pauses {
        let half = MediaDuration::from_flicks(pause.span.duration().flicks() / 2);
        // A clip begins just before the words and ends a breath after them.
        let start = pause.span.end - half.min(MediaDuration::from_millis(150));
        let end = pause.span.start + half.min(MediaDuration::from_millis(300));
        if stretch.contains(start) && start < input.moment.end {
            starts.push(Edge::new(start, true));
        }
        if stretch.contains(end) && end > input.moment.start {
            ends.push(Edge::new(end, true));
        }
    }
    for &at in input.key_pictures.iter().filter(|&&at| stretch.contains(at)) {
        let clear = |pause: &&Pause| pause.span.start + KEY_CLEAR <= at;
        let pause = pauses.iter().rev().find(clear).filter(|p| at <= p.span.end - KEY_CLEAR);
        let (starts_well, ends_well) = match pause {
            Some(pause) => (pause.span.end - at <= KEY_REACH, at - pause.span.start <= KEY_REACH),
            None if input.evidence.has_sound() => continue,
            // No words: wherever it is close.
            None => (
                (at - input.moment.start).abs() <= KEY_REACH,
                (at - input.moment.end).abs() <= KEY_REACH,
            ),
        };
        let edge = Edge { at, in_pause: true, on_key: true };
        if starts_well && at < input.moment.end {
            starts.push(edge);
        }
        if ends_well && at > input.moment.start {
            ends.push(edge);
        }
    }
    let within = input.moment.widened(reach);
    starts.retain(|edge| within.start <= edge.at && edge.at < within.end);
    ends.retain(|edge| within.start < edge.at && edge.at <= within.end);
    starts.sort_by_key(|edge| edge.at);
    ends.sort_by_key(|edge| edge.at);
    (starts, ends)
}

fn score(
    input: &TrimInput<'_>,
    span: Span,
    covered: f64,
    edges: [Edge; 2],
    scene_cuts: &[MediaTime],
) -> f64 {
    let settings = input.settings;
    let mut score = covered - settings.outside_cost * (span.seconds() - covered);
    score -= settings.long_cost * (span.seconds() - settings.preferred_max_s).max(0.0);
    for edge in edges {
        if !edge.in_pause {
            score -= settings.word_cost;
        }
        if edge.on_key {
            score += settings.key_picture_bonus;
        }
    }
    let near = MediaDuration::from_millis(500);
    let inside = [
        Span::new(span.start + MediaDuration::from_millis(1), span.start + near),
        Span::new(span.end - near, span.end),
    ];
    for &cut in scene_cuts {
        if inside.iter().any(|edge| edge.contains(cut)) {
            score -= settings.scene_cut_cost;
        }
    }
    score
}

fn notes(
    input: &TrimInput<'_>,
    faults: &[Avoid],
    span: Span,
    from_pause: bool,
    to_pause: bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    let moved = |edge: MediaTime, wanted: MediaTime| {
        let by = (edge - wanted).seconds();
        match by {
            b if b.abs() < 0.05 => "on the moment's edge".to_owned(),
            b if b < 0.0 => format!("{:.2} s before the moment's edge", -b),
            b => format!("{b:.2} s after the moment's edge"),
        }
    };
    let place = |in_pause| match (input.evidence.has_sound(), in_pause) {
        (false, _) => ", the recording has no sound",
        (true, true) => ", in a pause",
        (true, false) => ", in no pause: none was near",
    };
    notes.push(format!("in-point {}{}", moved(span.start, input.moment.start), place(from_pause)));
    notes.push(format!("out-point {}{}", moved(span.end, input.moment.end), place(to_pause)));
    for fault in faults.iter().filter(|fault| fault.span.overlaps(input.moment)) {
        notes.push(format!("cut away from {}: {}", fault.rule, fault.detail));
    }
    notes
}

fn refusal(input: &TrimInput<'_>, faults: &[Avoid], min_s: f64) -> TrimRefusal {
    let moment = input.moment;
    let worst = faults
        .iter()
        .filter(|fault| fault.span.overlaps(moment))
        .max_by_key(|fault| fault.span.intersect(moment).duration());
    match worst.or(faults.first()) {
        Some(fault) => TrimRefusal {
            rule: fault.rule,
            detail: format!(
                "{}; no {min_s:.0} s of the moment are left without a fault",
                fault.detail
            ),
            time: Some(fault.span.start),
        },
        None => TrimRefusal {
            rule: RuleId::ClipDuration,
            detail: format!(
                "the recording holds only {:.2} s around {}; a clip needs {min_s:.0} s",
                input.window.seconds(),
                moment.start
            ),
            time: Some(moment.start),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use reprise_checks::{EvidenceCollector, LookFor, NoAdviser};
    use reprise_media::view::{Observer, SoundView};

    use super::*;

    /// Sound with words everywhere but in the given pauses.
    fn speech(length_s: f64, pauses: &[(f64, f64)]) -> Evidence {
        let rate = 48_000u32;
        let mut noise = 1u32;
        let samples: Vec<f32> = (0..(length_s * f64::from(rate)) as usize)
            .map(|index| {
                let t = index as f64 / f64::from(rate);
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = (noise >> 8) as f32 / 16_777_216.0 - 0.5;
                if pauses.iter().any(|&(from, to)| t >= from && t < to) {
                    return hiss * 0.001;
                }
                // Syllables of a fifth of a second on a buzz.
                let beat = (t * 5.0 * std::f64::consts::TAU).sin() * 0.5 + 0.6;
                let buzz = (1..8).map(|h| (t * 140.0 * f64::from(h) * std::f64::consts::TAU).sin());
                (buzz.sum::<f64>() * 0.06 * beat) as f32 + hiss * 0.001
            })
            .collect();
        let mut collector = EvidenceCollector::new(&LookFor::default());
        for (index, run) in samples.chunks(1024).enumerate() {
            collector.sound(&SoundView {
                time: MediaTime::from_samples(index as i64 * 1024, rate),
                sample_rate: rate,
                channels: &[run],
            });
        }
        collector.finish(&NoAdviser).unwrap()
    }

    fn run(evidence: &Evidence, moment: (f64, f64), avoid: &[Avoid]) -> Result<Trim, TrimRefusal> {
        trim(&TrimInput {
            moment: Span::from_seconds(moment.0, moment.1),
            window: Span::from_seconds((moment.0 - 6.0).max(0.0), moment.1 + 6.0),
            evidence,
            avoid,
            key_pictures: &[],
            policy: &Policy::default(),
            settings: &TrimSettings::default(),
        })
    }

    #[test]
    fn a_key_picture_in_the_same_pause_is_preferred_and_one_in_a_word_is_not() {
        let evidence = speech(40.0, &[(8.0, 8.8), (14.0, 14.5), (29.0, 29.8), (34.0, 34.4)]);
        let cut = |key_pictures: &[MediaTime]| {
            let found = trim(&TrimInput {
                moment: Span::from_seconds(10.0, 28.0),
                window: Span::from_seconds(4.0, 34.0),
                evidence: &evidence,
                avoid: &[],
                key_pictures,
                policy: &Policy::default(),
                settings: &TrimSettings::default(),
            });
            found.unwrap().span
        };
        let plain = cut(&[]);
        let at = MediaTime::from_seconds;
        let on_key = cut(&[at(6.4), at(8.45), at(10.45), at(29.4)]);
        assert_eq!((on_key.start, on_key.end), (at(8.45), at(29.4)));
        assert_ne!(plain, on_key);
        assert_eq!(cut(&[at(7.5), at(9.5), at(28.5)]), plain);
    }

    #[test]
    fn edges_go_to_pauses() {
        let evidence = speech(40.0, &[(8.0, 8.6), (14.0, 14.5), (29.0, 29.7), (34.0, 34.4)]);
        let cut = run(&evidence, (10.0, 28.0), &[]).unwrap().span;
        assert!((8.0..8.7).contains(&cut.start.seconds()), "{cut:?}");
        assert!((28.9..29.7).contains(&cut.end.seconds()), "{cut:?}");
    }

    #[test]
    fn what_must_be_avoided_is_cut_away() {
        let evidence = speech(40.0, &[(8.0, 8.6), (15.0, 15.5), (29.0, 29.7)]);
        let avoid = [Avoid {
            span: Span::from_seconds(12.0, 13.0),
            rule: RuleId::ComplianceViolation,
            detail: "flagged".to_owned(),
        }];
        let cut = run(&evidence, (10.0, 28.0), &avoid).unwrap();
        assert!(!cut.span.overlaps(avoid[0].span), "{cut:?}");
        assert!(cut.span.start.seconds() > 15.0, "{cut:?}");
        assert!(cut.notes.iter().any(|note| note.contains("compliance.violation")), "{cut:?}");
    }

    #[test]
    fn where_nothing_is_left_the_rule_is_named() {
        let evidence = speech(40.0, &[]);
        let avoid: Vec<Avoid> = (0..10)
            .map(|index| Avoid {
                span: Span::from_seconds(f64::from(index) * 4.0, f64::from(index) * 4.0 + 1.0),
                rule: RuleId::ComplianceViolation,
                detail: "flagged".to_owned(),
            })
            .collect();
        let refusal = run(&evidence, (10.0, 28.0), &avoid).unwrap_err();
        assert_eq!(refusal.rule, RuleId::ComplianceViolation);
    }

    #[test]
    fn clips_stay_within_their_lawful_length() {
        let evidence = speech(100.0, &[]);
        let cut = run(&evidence, (10.0, 90.0), &[]).unwrap().span;
        assert!(cut.seconds() < 60.0 && cut.seconds() > 5.0, "{cut:?}");
    }
}
