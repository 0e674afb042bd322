//! `product.*`: what the clip shows against what the LIVE sold.

use reprise_model::event::EventKind;
use reprise_model::{MediaDuration, Span};

use super::{Answer, Look};
use crate::check::SessionFacts;
use crate::products::{FoundBy, ProductEvidence, ProductSighting};

/// `product.in_live`: every product that the clip is linked to is in the session's list, and was
/// pinned, or ordered or opened by viewers, in that LIVE, or is seen.
pub(super) fn product_in_live(look: &Look<'_>) -> Answer {
    let Some(session) = look.facts.session else {
        return Answer::unknown("no session was given: its products are not known");
    };
    if session.products.is_empty() {
        return Answer::unknown("the session lists no products");
    }
    if session.clip_products.is_empty() {
        return Answer::unknown("the clip is linked to no product");
    }
    let evidence = look.facts.evidence;
    let mut absent = Vec::new();
    let mut unseen = Vec::new();
    let mut told = Vec::new();
    for id in session.clip_products {
        if !session.products.iter().any(|product| product.id == *id) {
            absent.push(id.as_str());
            continue;
        }
        let (pins, orders) = featured(&session, id);
        let sure = |s: &&ProductSighting| s.product == *id && s.undecided.is_none();
        let seen_s = seconds(evidence.products.sightings().iter().filter(sure));
        if pins + orders > 0 {
            told.push(format!(
                "`{id}` was pinned {pins} times and ordered or opened {orders} times"
            ));
        } else if seen_s >= look.policy.product.shown_min_s {
            told.push(format!("`{id}` is seen for {seen_s:.1} s"));
        } else {
            unseen.push(id.as_str());
        }
    }
    let count = (absent.len() + unseen.len()) as f64;
    let threshold = || "at most 0".to_owned();
    if !absent.is_empty() {
        let detail = format!("not in the session's product list: {}", absent.join(", "));
        return Answer::held(false, detail).figure(count, "products", threshold());
    }
    if !unseen.is_empty() && !session.has_log {
        return Answer::unknown(
            "the products are in the session's list, but there is no event log to say that they were shown",
        );
    }
    if !unseen.is_empty() {
        let detail = format!(
            "listed, but neither pinned nor ordered in this LIVE nor seen in the clip: {}",
            unseen.join(", ")
        );
        return Answer::held(false, detail).figure(count, "products", threshold());
    }
    Answer::held(true, told.join("; ")).figure(0.0, "products", threshold())
}

/// `product.match`: exactly the product of the LIVE, no swaps: what is shown is what the clip is
/// linked to.
pub(super) fn product_match(look: &Look<'_>) -> Answer {
    let seen = &look.facts.evidence.products;
    if !seen.searched {
        return not_searched(look);
    }
    let Some(session) = look.facts.session.filter(|session| !session.clip_products.is_empty())
    else {
        return Answer::unknown(
            "the clip is linked to no product: what is shown cannot be held against it",
        );
    };
    let span = look.facts.evidence.span();
    let linked = |id: &str| session.clip_products.iter().any(|product| product == id);
    let shown = Shown::of(seen, span, &linked);
    let names = session.clip_products.join("`, `");
    let least = look.policy.product.shown_min_s;
    let threshold = || "no longer than the linked product".to_owned();
    if let Some((other, time)) = &shown.other
        && *time >= least
        && *time > shown.linked_s + shown.unsure_s
    {
        let known = seen.products.iter().any(|product| linked(&product.id));
        let detail = format!(
            "`{other}` is shown for {time:.1} s{}, but the clip is linked to `{names}`{}",
            certainty(seen, span, other),
            if known { "" } else { ", of which there is no picture to compare" },
        );
        // A product without pictures cannot be found: it may be shown besides.
        let answer = if known { Answer::held(false, detail) } else { Answer::unknown(detail) };
        return answer
            .figure(*time, "s", threshold())
            .at(&within(seen.spans_of(other), span), &format!("`{other}` is shown"));
    }
    let other_s = shown.other.as_ref().map_or(0.0, |other| other.1);
    if shown.linked_s >= least || shown.linked_s > shown.unsure_s {
        let Some(own) = subject(seen, span, &linked) else {
            return Answer::unknown("no product was recognised");
        };
        let mut detail =
            format!("`{own}` is shown for {:.1} s{}", shown.linked_s, certainty(seen, span, own));
        if let Some((other, time)) = shown.other.filter(|other| other.1 >= least) {
            detail.push_str(&format!("; `{other}` is shown too, for {time:.1} s"));
        }
        return Answer::held(true, detail)
            .figure(other_s, "s", threshold())
            .at(&within(seen.spans_of(own), span), &format!("`{own}` is shown"));
    }
    if let Some((one, other)) = shown.unsure {
        return Answer::unknown(format!(
            "what is shown may be `{one}` or `{other}`: they look alike, and what sets them apart is not seen"
        ));
    }
    if !session.clip_products.iter().any(|id| seen.products.iter().any(|p| p.id == *id)) {
        return Answer::unknown(format!("there is no picture of `{names}` to compare with"));
    }
    Answer::unknown("no product of the session was recognised in the picture")
}

/// `product.front`: shown from the front.
pub(super) fn product_front(look: &Look<'_>) -> Answer {
    let (seen, span, product) = match judged(look) {
        Ok(judged) => judged,
        Err(answer) => return answer,
    };
    let policy = &look.policy.product;
    let here = || seen.sightings_of(product).filter(|s| span.contains(s.time));
    let mut angles: Vec<f64> = here().filter_map(|s| s.angle_degrees).collect();
    if angles.is_empty() && here().next().is_some() {
        return Answer::unknown(format!(
            "`{product}` was recognised by likeness alone, which does not tell how it is turned"
        ))
        .at(&within(seen.spans_of(product), span), "in view");
    }
    if angles.is_empty() {
        return not_recognised(look, product);
    }
    angles.sort_by(f64::total_cmp);
    let at = ((angles.len() as f64 * policy.front_share_min).ceil() as usize).max(1) - 1;
    let angle = angles[at.min(angles.len() - 1)];
    let front: Vec<Span> = here()
        .filter(|s| s.angle_degrees.is_some_and(|angle| angle <= policy.front_max_degrees))
        .map(|s| Span::new(s.time, s.time + STEP))
        .collect();
    let passes = angle <= policy.front_max_degrees;
    let share = 100.0 * front.len() as f64 / angles.len() as f64;
    let detail = format!(
        "`{product}` faces the camera to within {:.0} degrees for {share:.0} % of the time it is in view; typically it is turned by {:.0} degrees",
        policy.front_max_degrees,
        angles[angles.len() / 2],
    );
    let places = if passes { joined(front) } else { within(seen.spans_of(product), span) };
    Answer::held(passes, detail)
        .figure(angle, "degrees", format!("at most {}", policy.front_max_degrees))
        .at(&places, if passes { "from the front" } else { "turned away" })
}

/// `product.first_second`: in view within 1 s of the start.
pub(super) fn product_first_second(look: &Look<'_>) -> Answer {
    let (seen, span, product) = match judged(look) {
        Ok(judged) => judged,
        Err(answer) => return answer,
    };
    let limit = look.policy.product.first_seen_max_s;
    let Some(first) = seen.first_seen(product, span) else {
        return not_recognised(look, product);
    };
    let after = (first - span.start).seconds();
    let detail = format!("`{product}` is first in view {after:.1} s after the start");
    Answer::held(after <= limit, detail)
        .figure(after, "s", format!("at most {limit}"))
        .at(&within(seen.spans_of(product), span), "in view")
}

/// `product.fully_visible`: fully visible within 5 s.
pub(super) fn product_fully_visible(look: &Look<'_>) -> Answer {
    let (seen, span, product) = match judged(look) {
        Ok(judged) => judged,
        Err(answer) => return answer,
    };
    let policy = &look.policy.product;
    let here: Vec<_> =
        seen.sightings_of(product).filter(|sighting| span.contains(sighting.time)).collect();
    if here.is_empty() {
        return not_recognised(look, product);
    }
    // A likeness tells neither what is hidden nor what is cut off.
    if here.iter().all(|s| s.found_by == FoundBy::Likeness) {
        return Answer::unknown(format!(
            "`{product}` was recognised by likeness alone, which does not tell whether all of it shows"
        ))
        .at(&within(seen.spans_of(product), span), "in view");
    }
    let largest = here.iter().map(|s| s.picture_share).fold(0.0, f64::max) * 100.0;
    let most = here.iter().map(|s| s.visible_share).fold(0.0, f64::max) * 100.0;
    let limit = || format!("at most {}", policy.whole_max_s);
    let Some(first) = seen.first_whole(product, span, policy.visible_share_min) else {
        let why = if here.iter().any(|s| s.whole) {
            "something hides it"
        } else {
            "it is cut off at the edge"
        };
        let detail = format!(
            "`{product}` is never fully visible: {why}; at best {most:.0} % of it shows, and it takes {largest:.0} % of the picture"
        );
        return Answer::held(false, detail)
            .figure(span.seconds(), "s", limit())
            .at(&within(seen.spans_of(product), span), "in view, not whole");
    };
    let after = (first - span.start).seconds();
    let detail = format!(
        "`{product}` is first fully visible {after:.1} s after the start; it takes up to {largest:.0} % of the picture"
    );
    let whole = here
        .iter()
        .filter(|s| s.whole && s.visible_share >= policy.visible_share_min)
        .map(|s| Span::new(s.time, s.time + STEP))
        .collect();
    Answer::held(after <= policy.whole_max_s, detail)
        .figure(after, "s", limit())
        .at(&joined(whole), "fully visible")
}

/// A sighting stands for so long.
const STEP: MediaDuration = MediaDuration::from_millis(200);

/// For how long what was shown.
struct Shown {
    linked_s: f64,
    /// Perhaps linked, perhaps not.
    unsure_s: f64,
    /// Two products that cannot be told apart.
    unsure: Option<(String, String)>,
    /// The product shown longest that is surely not linked.
    other: Option<(String, f64)>,
}

impl Shown {
    fn of(seen: &ProductEvidence, span: Span, linked: &dyn Fn(&str) -> bool) -> Self {
        let here = || seen.sightings().iter().filter(|s| span.contains(s.time));
        let kind = |s: &ProductSighting| match (&s.undecided, linked(&s.product)) {
            (None, own) => Some(own),
            (Some(other), own) => (linked(other) == own).then_some(own),
        };
        let unsure = here()
            .find(|s| kind(s).is_none())
            .and_then(|s| Some((s.product.clone(), s.undecided.clone()?)));
        let mut others: Vec<(String, f64)> = seen
            .products
            .iter()
            .filter(|product| !linked(&product.id))
            .map(|product| {
                let own = |s: &&ProductSighting| s.product == product.id && kind(s) == Some(false);
                (product.id.clone(), seconds(here().filter(own)))
            })
            .collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        Self {
            linked_s: seconds(here().filter(|s| kind(s) == Some(true))),
            unsure_s: seconds(here().filter(|s| kind(s).is_none())),
            unsure,
            other: others.into_iter().next().filter(|other| other.1 > 0.0),
        }
    }
}

/// For how long sightings that follow each other closely last.
fn seconds<'a>(sightings: impl Iterator<Item = &'a ProductSighting>) -> f64 {
    let spans = sightings.map(|s| Span::new(s.time, s.time + STEP)).collect();
    joined(spans).iter().map(|span| span.seconds()).sum()
}

/// Joins spans of which one begins at most 1.5 s after the other ends.
fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if (span.start - last.end).seconds() <= 1.5 => last.end = span.end,
            _ => joined.push(span),
        }
    }
    joined
}

fn within(spans: Vec<Span>, clip: Span) -> Vec<Span> {
    spans.into_iter().map(|span| span.intersect(clip)).filter(|span| !span.is_empty()).collect()
}

/// How sure a product is, for a sentence: its features and those of the next likely one.
fn certainty(seen: &ProductEvidence, span: Span, product: &str) -> String {
    let best = seen
        .sightings()
        .iter()
        .filter(|s| s.product == product && span.contains(s.time))
        .max_by(|a, b| a.score.total_cmp(&b.score));
    match best {
        Some(ProductSighting { found_by: FoundBy::Likeness, score, runner_up, .. }) => {
            match runner_up {
                Some(next) => format!(
                    " (recognised by likeness, {score:.2} of 1; next is `{}` with {:.2})",
                    next.product, next.score
                ),
                None => format!(" (recognised by likeness, {score:.2} of 1)"),
            }
        }
        Some(ProductSighting { score, runner_up: Some(next), .. }) => {
            format!(
                " ({score:.0} features match; next is `{}` with {:.0})",
                next.product, next.score
            )
        }
        Some(ProductSighting { score, .. }) => {
            format!(" ({score:.0} features match; no other product is like it)")
        }
        None => String::new(),
    }
}

/// The product of those wanted that is shown longest.
fn subject<'a>(
    seen: &'a ProductEvidence,
    span: Span,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<&'a str> {
    seen.products
        .iter()
        .map(|product| product.id.as_str())
        .filter(|id| wanted(id))
        .map(|id| (id, seconds(seen.sightings_of(id).filter(|s| span.contains(s.time)))))
        .filter(|(_, time)| *time > 0.0)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(id, _)| id)
}

/// What rules about how a product is shown look at: the linked product shown longest; without a
/// link, whatever is shown.
fn judged<'a>(look: &Look<'a>) -> Result<(&'a ProductEvidence, Span, &'a str), Answer> {
    let evidence: &'a _ = look.facts.evidence;
    let seen = &evidence.products;
    if !seen.searched {
        return Err(not_searched(look));
    }
    let span = evidence.span();
    let linked: &'a [String] = look.facts.session.map_or(&[], |session| session.clip_products);
    if linked.is_empty() {
        return seen.main_product(span).map(|product| (seen, span, product)).ok_or_else(|| {
            Answer::unknown("no product was recognised, and the clip is linked to none")
        });
    }
    let wanted = |id: &str| linked.iter().any(|product| product == id);
    if let Some(product) = subject(seen, span, &wanted) {
        return Ok((seen, span, product));
    }
    let pictured = linked.iter().find(|id| seen.products.iter().any(|p| p.id == **id));
    match pictured {
        Some(product) => Ok((seen, span, product)),
        None => Err(Answer::unknown(format!(
            "there is no picture of `{}`: nothing to look for",
            linked.join("`, `")
        ))),
    }
}

/// A product that was looked for and not found.
fn not_recognised(look: &Look<'_>, product: &str) -> Answer {
    let evidence = look.facts.evidence;
    let instead = match evidence.products.main_product(evidence.span()) {
        Some(other) => format!("; `{other}` is"),
        None => String::new(),
    };
    if evidence.products.would_be_found(product) {
        Answer::held(false, format!("`{product}` is not seen in the clip{instead}"))
    } else {
        Answer::unknown(format!(
            "`{product}` was not recognised, but its picture shows too little to be recognised by{instead}"
        ))
    }
}

fn not_searched(look: &Look<'_>) -> Answer {
    let pictures = look.facts.session.is_some_and(|session| {
        session.products.iter().any(|product| {
            !product.pictures.is_empty() && session.clip_products.contains(&product.id)
        })
    });
    if pictures {
        Answer::unknown("the pictures of the products were not searched for in this clip")
    } else {
        Answer::unknown("no product pictures: nothing to look for")
    }
}

/// How often a product was pinned, and how often ordered or opened.
fn featured(session: &SessionFacts<'_>, id: &str) -> (u64, u64) {
    let mut pins = 0;
    for event in session.events {
        match &event.kind {
            EventKind::Pin { product_id } => pins += u64::from(product_id == id),
            EventKind::FlashSale { product_id, .. } => {
                pins += u64::from(product_id.as_deref() == Some(id));
            }
            _ => {}
        }
    }
    (pins, session.product_uses.get(id).copied().unwrap_or(0))
}
