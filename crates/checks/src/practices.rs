//! The platform's best practices for a whole LIVE, as far as the event log, the manifest and the windows
//! that were looked at tell.

use std::collections::BTreeMap;

use reprise_model::event::{Edge, Event, EventKind};
use reprise_model::outcome::BestPractice;
use reprise_model::session::{Product, SessionManifest};
use reprise_model::{MediaDuration, MediaTime, Outcome, RuleId, Verdict, WallTime};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::phrases::Phrases;
use crate::said::{ListenFor, SaidKind, listen_for};

/// What a window of the LIVE shows of its practices, beside its verdicts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Length of what was looked at, seconds.
    pub seconds: f64,
    /// Share of the time in which a face is in view, 0 to 1.
    #[serde(default)]
    pub host_share: Option<f64>,
    /// Share of the time in which the promoted product is in view, 0 to 1.
    #[serde(default)]
    pub product_share: Option<f64>,
    /// How often something is said, by kind; `None` without a transcript.
    #[serde(default)]
    pub said: Option<BTreeMap<String, u32>>,
}

impl Observed {
    /// Of a clip's evidence; `ids` are the products that it promotes.
    pub fn of(evidence: &Evidence, ids: &[String], phrases: &Phrases) -> Self {
        let seconds = evidence.span().seconds();
        let products = &evidence.products;
        let known = ids.iter().filter(|id| products.would_be_found(id));
        let in_view = |id: &String| products.spans_of(id).iter().map(|s| s.seconds()).sum::<f64>();
        let product_share =
            known.map(|id| (in_view(id) / seconds.max(0.1)).min(1.0)).reduce(f64::max);
        let words = evidence.transcript.as_ref().filter(|said| !said.words.is_empty());
        let said = words.map(|transcript| {
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            for said in listen_for(transcript, &ListenFor::default(), phrases).said {
                if let Some(practice) = practice_of(said.kind) {
                    *counts.entry(practice.to_owned()).or_default() += 1;
                }
            }
            counts
        });
        Self { seconds, product_share, said, host_share: evidence.people.host_in_view_share() }
    }
}

/// The practice that something said shows, as [`Windows::said`] asks for it.
const fn practice_of(kind: SaidKind) -> Option<&'static str> {
    match kind {
        SaidKind::Discount => Some("discount"),
        SaidKind::Answer => Some("commenter_answered"),
        SaidKind::Value => Some("value"),
        SaidKind::Audience | SaidKind::Scenario => Some("audience"),
        SaidKind::Specification => Some("specification"),
        kind if kind.is_confidence() => Some("confidence"),
        _ => None,
    }
}

/// A window that was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Which moment.
    pub moment_id: &'a str,
    /// The verdicts on its clip.
    pub verdicts: &'a [Verdict],
    /// What else it shows.
    pub observed: &'a Observed,
}

/// What is known of a whole LIVE.
#[derive(Clone, Copy, Debug)]
pub struct LiveFacts<'a> {
    /// As the seller wrote it.
    pub manifest: &'a SessionManifest,
    /// The session's products, wherever the manifest has them.
    pub products: &'a [Product],
    /// The events that last, with answers to comments; `None` where the session has no log.
    pub log: Option<&'a [Event]>,
    /// Wall clock of the recording's zero.
    pub zero: WallTime,
    /// Length of the time line.
    pub duration: MediaDuration,
    /// Hour of day at which the LIVE began in its own time zone, 0 up to 24.
    pub local_start_hour: Option<f64>,
    /// The windows that clips were made from, those that were rejected too.
    pub windows: &'a [Window<'a>],
}

/// Every best practice, each met, not met or unknown with what is missing, and the moments that show it.
pub fn best_practices(live: &LiveFacts<'_>) -> Vec<BestPractice> {
    let log =
        Log { known: live.log.is_some(), events: live.log.unwrap_or_default(), zero: live.zero };
    let windows = Windows(live.windows);
    vec![
        windows.measured(
            "local_language",
            RuleId::AudioLanguage,
            0.8,
            "in a language of the market",
        ),
        windows.host_visible(),
        unknown("host_enthusiastic", "how a voice sounds to people is not judged"),
        windows.or_said(answers_the_audience(&log), "commenter_answered", "comments are answered"),
        windows.shows(
            "product_demonstration",
            RuleId::VisualDemonstration,
            1.0 / 3.0,
            "the product is shown in use",
        ),
        windows.shows(
            "call_to_action",
            RuleId::SpeechCallToAction,
            0.5,
            "viewers are told what to do",
        ),
        unknown("creative_formats", "formats are not judged"),
        used(&log, "billboard_used", "billboard", |kind| {
            matches!(kind, EventKind::Billboard { state: Edge::Start, .. })
        }),
        used(&log, "giveaway_used", "giveaway", |kind| {
            matches!(kind, EventKind::Giveaway { state: Edge::Start, .. })
        }),
        windows.said("detailed_specifications", "specification", "specifications are given"),
        windows.said("value_explained", "value", "a feature is explained with its benefit"),
        windows.said("target_users_named", "audience", "users or scenarios are named"),
        windows.or_said(deals(&log), "discount", "a deal is named"),
        windows.said("buyer_confidence", "confidence", "delivery, returns or guarantees are named"),
        no_violation(&log),
        unknown("not_low_quality", "replays are not told from first showings"),
        long_enough(live.duration),
        evening_start(live.local_start_hour),
        branded_product(live.manifest, live.products),
        unknown("competitive_price", "no prices of other sellers were given"),
        windows.product_in_view(),
        unknown("tidy_background", "taste is not judged"),
        unknown("organised_layout", "taste is not judged"),
        unknown("creative_scenario", "taste is not judged"),
        windows.shows("image_clear", RuleId::PictureSharp, 0.8, "the picture is sharp"),
        windows.shows("image_stable", RuleId::PictureSteady, 0.8, "the picture is steady"),
        windows.shows("audio_clear", RuleId::AudioClean, 0.8, "the voice is clear"),
        unknown("audio_in_sync", "sound against lips is not measured"),
        unknown("teasers_posted", "what was posted before the LIVE is not in its log"),
    ]
}

struct Windows<'a>(&'a [Window<'a>]);

impl Windows<'_> {
    /// Met where the rule passes in at least `share_min` of the windows in which it could be checked.
    fn shows(&self, name: &str, rule: RuleId, share_min: f64, words: &str) -> BestPractice {
        let outcome = |window: &Window<'_>| {
            let verdict = window.verdicts.iter().find(|verdict| verdict.rule == rule);
            verdict.map_or(Outcome::Unknown, |verdict| verdict.verdict)
        };
        let count = |wanted| self.0.iter().filter(|window| outcome(window) == wanted).count();
        let (passed, failed) = (count(Outcome::Pass), count(Outcome::Fail));
        if passed + failed == 0 {
            return unknown(name, &self.missing(rule));
        }
        let shares = passed as f64 / (passed + failed) as f64;
        let detail = format!("{words} in {passed} of {} windows looked at", passed + failed);
        let met = held(name, shares >= share_min, detail);
        self.marked(met, |window| outcome(window) == Outcome::Pass)
    }

    /// Met where the rule's figure, a share, is at least `share_min` over all windows.
    fn measured(&self, name: &str, rule: RuleId, share_min: f64, words: &str) -> BestPractice {
        let figure = |window: &Window<'_>| {
            let verdict = window.verdicts.iter().find(|verdict| verdict.rule == rule)?;
            verdict.measured.filter(|_| verdict.verdict != Outcome::Unknown)
        };
        let weigh = |window: &Window<'_>| Some((figure(window)?, window.observed.seconds));
        match mean(self.0.iter().filter_map(weigh)) {
            None => unknown(name, &self.missing(rule)),
            Some(share) => {
                let detail = format!("{:.0} % {words}, in the windows looked at", share * 100.0);
                let met = held(name, share >= share_min, detail);
                self.marked(met, |window| figure(window).is_some_and(|share| share >= share_min))
            }
        }
    }

    fn host_visible(&self) -> BestPractice {
        self.share_of("host_visible", 0.5, "the host's face is in view", |observed| {
            observed.host_share
        })
    }

    fn product_in_view(&self) -> BestPractice {
        self.share_of("product_in_view", 0.5, "the promoted product is in view", |observed| {
            observed.product_share
        })
    }

    fn share_of(
        &self,
        name: &str,
        share_min: f64,
        words: &str,
        share: impl Fn(&Observed) -> Option<f64>,
    ) -> BestPractice {
        let weigh = |w: &Window<'_>| Some((share(w.observed)?, w.observed.seconds));
        match mean(self.0.iter().filter_map(weigh)) {
            None => unknown(name, "nothing was found to look for in the windows"),
            Some(mean) => {
                let detail =
                    format!("{words} {:.0} % of the time, in the windows looked at", mean * 100.0);
                let met = held(name, mean >= share_min, detail);
                self.marked(met, |w| share(w.observed).is_some_and(|share| share >= share_min))
            }
        }
    }

    /// Met where something of a kind is said in any window.
    fn said(&self, name: &str, kind: &str, words: &str) -> BestPractice {
        let times = |window: &Window<'_>| {
            window.observed.said.as_ref().map(|said| said.get(kind).copied().unwrap_or(0))
        };
        let counted: Vec<u32> = self.0.iter().filter_map(times).collect();
        if counted.is_empty() {
            return unknown(name, NO_SPEECH);
        }
        let with = counted.iter().filter(|&&count| count > 0).count();
        let detail = format!("{words} in {with} of {} windows listened to", counted.len());
        let met = held(name, with > 0, detail);
        self.marked(met, |window| times(window).is_some_and(|count| count > 0))
    }

    /// What the log says, or else what is said.
    fn or_said(&self, logged: BestPractice, kind: &str, words: &str) -> BestPractice {
        if logged.verdict == Outcome::Pass {
            return logged;
        }
        let heard = self.said(&logged.name, kind, words);
        if heard.verdict == Outcome::Unknown { logged } else { heard }
    }

    fn missing(&self, rule: RuleId) -> String {
        let verdicts = self.0.iter().flat_map(|window| window.verdicts);
        let verdict = verdicts.into_iter().find(|verdict| verdict.rule == rule);
        verdict.map_or_else(|| "no window was looked at".to_owned(), |v| v.detail.clone())
    }

    fn marked(&self, practice: BestPractice, shows: impl Fn(&Window<'_>) -> bool) -> BestPractice {
        let ids = self.0.iter().filter(|window| shows(window)).map(|w| w.moment_id.to_owned());
        BestPractice { moment_ids: ids.collect(), ..practice }
    }
}

/// Mean of figures with their weights.
fn mean(figures: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, weight) = figures
        .fold((0.0, 0.0), |(sum, all), (figure, weight)| (sum + figure * weight, all + weight));
    (weight > 0.0).then(|| sum / weight)
}

const NO_SPEECH: &str = "no speech model: what is said was not transcribed";
const NO_LOG: &str = "the session has no event log";
/// Shortest LIVE, minutes.
const MINUTES_MIN: f64 = 45.0;
/// Best hours to begin, local time.
const HOURS: std::ops::Range<f64> = 19.0..23.0;

struct Log<'a> {
    known: bool,
    events: &'a [Event],
    zero: WallTime,
}

impl Log<'_> {
    /// When the first of some events happened, and how many there are.
    fn find(&self, wanted: impl Fn(&EventKind) -> bool) -> Option<(usize, MediaTime)> {
        let mut times = self.events.iter().filter(|event| wanted(&event.kind)).map(|e| e.at);
        let first = times.next()?;
        let (count, first) =
            times.fold((1, first), |(count, first), at| (count + 1, first.min(at)));
        Some((count, MediaTime::ZERO + first.since(self.zero)))
    }
}

fn practice(name: &str, verdict: Outcome, detail: impl Into<String>) -> BestPractice {
    BestPractice { name: name.to_owned(), verdict, detail: detail.into(), moment_ids: Vec::new() }
}

fn unknown(name: &str, missing: &str) -> BestPractice {
    practice(name, Outcome::Unknown, missing)
}

fn held(name: &str, met: bool, detail: impl Into<String>) -> BestPractice {
    practice(name, if met { Outcome::Pass } else { Outcome::Fail }, detail)
}

fn used(
    log: &Log<'_>,
    name: &str,
    word: &str,
    wanted: impl Fn(&EventKind) -> bool,
) -> BestPractice {
    if !log.known {
        return unknown(name, NO_LOG);
    }
    match log.find(wanted) {
        Some((count, first)) => {
            held(name, true, format!("{count} in the log, the first at {first}"))
        }
        None => held(name, false, format!("no {word} in the log")),
    }
}

fn answers_the_audience(log: &Log<'_>) -> BestPractice {
    let name = "answers_the_audience";
    match log.find(|kind| matches!(kind, EventKind::CommentReply {})) {
        Some((count, first)) => {
            held(name, true, format!("{count} comments answered, the first at {first}"))
        }
        None if !log.known => unknown(name, NO_LOG),
        None => unknown(name, "no answer is in the log, and what is said was not transcribed"),
    }
}

fn deals(log: &Log<'_>) -> BestPractice {
    let name = "deals_or_bundles";
    match log.find(|kind| matches!(kind, EventKind::FlashSale { state: Edge::Start, .. })) {
        Some((count, first)) => {
            held(name, true, format!("{count} flash sales, the first at {first}"))
        }
        None if !log.known => unknown(name, NO_LOG),
        None => unknown(name, "no flash sale is in the log, and what is said was not transcribed"),
    }
}

fn no_violation(log: &Log<'_>) -> BestPractice {
    let name = "no_violation";
    if !log.known {
        return unknown(name, NO_LOG);
    }
    match log.find(|kind| matches!(kind, EventKind::Violation { .. })) {
        Some((count, first)) => {
            held(name, false, format!("{count} violations in the log, the first at {first}"))
        }
        None => held(name, true, "no violation in the log"),
    }
}

fn long_enough(duration: MediaDuration) -> BestPractice {
    let minutes = duration.seconds() / 60.0;
    let detail = format!("{minutes:.1} minutes, of at least {MINUTES_MIN}");
    held("at_least_45_minutes", minutes >= MINUTES_MIN, detail)
}

fn evening_start(local_start_hour: Option<f64>) -> BestPractice {
    let name = "starts_in_the_evening";
    let Some(hour) = local_start_hour.filter(|hour| hour.is_finite()) else {
        return unknown(name, "the local time of the start is not known");
    };
    let minutes = ((hour.rem_euclid(24.0) * 60.0).floor() as u32).min(24 * 60 - 1);
    let detail =
        format!("began at {:02}:{:02} local time, of 19:00 to 23:00", minutes / 60, minutes % 60);
    held(name, HOURS.contains(&hour.rem_euclid(24.0)), detail)
}

fn branded_product(manifest: &SessionManifest, products: &[Product]) -> BestPractice {
    let name = "branded_product";
    let brand = |product: &Product| {
        product.brand.clone().filter(|brand| !brand.trim().is_empty()).or_else(|| {
            // A title that carries one of the session's brands says as much.
            let title = product.title.to_lowercase();
            manifest.brands.iter().find(|b| title.contains(&b.to_lowercase())).cloned()
        })
    };
    match products.iter().find_map(|product| Some((product, brand(product)?))) {
        Some((product, brand)) => held(name, true, format!("`{}` is of {brand}", product.title)),
        None if products.is_empty() => unknown(name, "the session lists no products"),
        None => unknown(name, "no product of the list names its brand"),
    }
}
