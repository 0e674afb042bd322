//! Trim search: where around a moment the clip begins and ends.
//!
//! In-points and out-points are tried at the pauses of the sound. A clip never holds a fault of the
//! source or a span to avoid; among the lawful ones the best covers the moment, cuts no word, keeps
//! away from scene cuts, and is short.

mod edges;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
mod worth;

use reprise_checks::{Evidence, Policy, SaidRule};
use reprise_model::{MediaTime, RuleId, Span};
use serde::{Deserialize, Serialize};

use edges::{clear_stretches, edges};
use worth::Worth;

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
    /// Points won where the product is in view within a second of the start
    /// (`product.first_second`). Default 5: worth as many seconds of the moment.
    pub first_second_bonus: f64,
    /// Points won where it is whole and faces the camera soon after
    /// (`product.fully_visible`). Default 4.
    pub fully_visible_bonus: f64,
    /// Points won where a key benefit is said whole (`speech.benefit`). Default 6.
    pub benefit_bonus: f64,
    /// Points won where a unique selling point is said whole, and where a call to action is. Default 3.
    pub speech_bonus: f64,
    /// Points lost where the clip goes on after an offer that it shows has ended. Default 4.
    pub stale_offer_cost: f64,
}

/// What a clip of the moment should show and say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Ids of the products that the moment sold, the likeliest first.
    pub product_ids: Vec<String>,
    /// Names that belong to the LIVE: the seller's and the products' brands, the products' titles.
    pub names: Vec<String>,
    /// When offers (flash sales, giveaways) ended.
    pub offers_end: Vec<MediaTime>,
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
            first_second_bonus: 5.0,
            fully_visible_bonus: 4.0,
            benefit_bonus: 6.0,
            speech_bonus: 3.0,
            stale_offer_cost: 4.0,
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
    /// What the clip should show and say.
    pub wanted: &'a Wanted,
    /// What is said that the clip should hold.
    pub said: &'a [SaidRule],
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

/// Searches the best lawful cut.
///
/// # Errors
/// The rule that leaves no room for a clip of lawful length.
pub fn trim(input: &TrimInput<'_>) -> Result<Trim, TrimRefusal> {
    let faults = faults(input);
    let min_s = input.policy.clip.duration_min_s;
    let max_s = input.policy.clip.duration_max_s;
    let clear = clear_stretches(input, &faults);
    let pauses = input.evidence.pauses();
    let worth = Worth::of(input);
    let moment_max = input.moment.seconds();
    let mut best: Option<(f64, Span, bool, bool)> = None;
    for stretch in &clear {
        let (starts, ends) = edges(input, *stretch, &pauses, &worth);
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
                let score = worth.score(span, covered, [*start, *end]);
                if best.is_none_or(|(old, ..)| score > old + 1e-9) {
                    best = Some((score, span, start.in_pause, end.in_pause));
                }
            }
        }
    }
    match best {
        Some((_, span, from_pause, to_pause)) => {
            let mut notes = notes(input, &faults, span, from_pause, to_pause);
            notes.extend(worth.notes(span));
            Ok(Trim { span, notes })
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
    let laid_over = evidence.codes.laid_over();
    add(laid_over, RuleId::ComplianceQr, "a code is laid over the picture");
    let foreign = evidence.marks.foreign_spans(&input.wanted.names, true);
    add(foreign, RuleId::ComplianceWatermark, "a foreign name, link or logo is on the picture");
    // A few clipped samples are lawful; a stretch full of them is not.
    let clipped = evidence.clipped().into_iter().filter(|span| span.seconds() >= 0.3).collect();
    add(clipped, RuleId::AudioClean, "the sound is clipped");
    faults.sort_by_key(|fault| (fault.span, fault.rule));
    faults
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
