//! The platform's best practices for a whole LIVE, as far as the event log and the manifest tell.

use reprise_model::event::{Edge, Event, EventKind};
use reprise_model::outcome::BestPractice;
use reprise_model::session::{Product, SessionManifest};
use reprise_model::{MediaDuration, MediaTime, Outcome, WallTime};

/// Every best practice, each met, not met or unknown with what is missing. `products` are the
/// session's, wherever the manifest has them; `zero` is the wall clock of the recording's zero,
/// `duration` the length of its time line, `local_start_hour` the hour of day at which the LIVE
/// began in its own time zone, 0 up to 24. `log` is `None` where the session has none, else the
/// events that last, with answers to comments.
pub fn best_practices(
    manifest: &SessionManifest,
    products: &[Product],
    log: Option<&[Event]>,
    zero: WallTime,
    duration: MediaDuration,
    local_start_hour: Option<f64>,
) -> Vec<BestPractice> {
    let log = Log { known: log.is_some(), events: log.unwrap_or_default(), zero };
    let mut list = vec![
        unknown("local_language", "no speech model: what is said was not transcribed"),
        unknown("host_visible", "no search for faces is part of this version"),
        unknown("host_enthusiastic", "no speech model: the host's voice was not judged"),
        answers_the_audience(&log),
        unknown("product_demonstration", NO_PRODUCT_SEARCH),
        unknown("call_to_action", "no speech model: what is said was not transcribed"),
        unknown("creative_formats", "no measure of formats is part of this version"),
        used(&log, "billboard_used", "billboard", |kind| {
            matches!(kind, EventKind::Billboard { state: Edge::Start, .. })
        }),
        used(&log, "giveaway_used", "giveaway", |kind| {
            matches!(kind, EventKind::Giveaway { state: Edge::Start, .. })
        }),
        unknown("detailed_specifications", NO_SPEECH),
        unknown("value_explained", NO_SPEECH),
        unknown("target_users_named", NO_SPEECH),
        deals(&log),
        unknown("buyer_confidence", NO_SPEECH),
        no_violation(&log),
        unknown("not_low_quality", "replays are not told from first showings by this version"),
        long_enough(duration),
        evening_start(local_start_hour),
        branded_product(manifest, products),
        unknown("competitive_price", "no prices of other sellers were given"),
        unknown("product_in_view", NO_PRODUCT_SEARCH),
    ];
    list.extend(
        ["tidy_background", "organised_layout", "creative_scenario", "image_clear", "image_stable"]
            .map(|name| unknown(name, "only the clips are looked at, not the whole LIVE")),
    );
    list.extend(
        ["audio_clear", "audio_in_sync"]
            .map(|name| unknown(name, "only the clips are listened to, not the whole LIVE")),
    );
    list.push(unknown("teasers_posted", "what was posted before the LIVE is not in its log"));
    list
}

const NO_SPEECH: &str = "no speech model: what is said was not transcribed";
const NO_PRODUCT_SEARCH: &str =
    "the search for products in the picture is not part of this version";
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
    BestPractice { name: name.to_owned(), verdict, detail: detail.into() }
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
