//! `visual.*`: what is laid over the picture and what the host does with the product.

use reprise_model::Span;
use reprise_model::span::merged;

use super::{Answer, Look};
use crate::marks::{Mark, is_promotion};

/// `visual.enhancement`: text, stickers or billboards over the picture for long enough.
pub(super) fn visual_enhancement(look: &Look<'_>) -> Answer {
    let marks = &look.facts.evidence.marks;
    if marks.searched == 0 {
        return Answer::unknown("the pictures were not searched for overlays");
    }
    let over: Vec<Span> = marks.marks.iter().filter(|m| is_overlay(m)).map(|m| m.span).collect();
    let seconds: f64 = merged(over.clone()).iter().map(|span| span.seconds()).sum();
    let least_s = look.policy.visual.overlay_min_s;
    if seconds < least_s && !marks.read && !marks.marks.is_empty() {
        return Answer::unknown(
            "no reader of text is installed, and the picture has places that look like text",
        );
    }
    Answer::held(
        seconds >= least_s,
        format!("text, stickers or billboards are over the picture for {:.1} s", seconds + 0.0),
    )
    .figure(seconds, "seconds", format!("at least {least_s}"))
    .at(&over, "an overlay")
}

/// `visual.promotion`: an offer, the brand and the product on screen together.
pub(super) fn visual_promotion(look: &Look<'_>) -> Answer {
    let marks = &look.facts.evidence.marks;
    if marks.searched == 0 {
        return Answer::unknown("the pictures were not searched for overlays");
    }
    if !marks.read && !marks.marks.is_empty() {
        return Answer::unknown("no reader of text is installed: it says what overlays offer");
    }
    let offers: Vec<Span> = marks
        .marks
        .iter()
        .filter(|mark| mark.lines.iter().any(|line| is_promotion(&line.text)))
        .map(|mark| mark.span)
        .collect();
    if offers.is_empty() {
        return Answer::held(false, "no overlay offers anything");
    }
    let brands: Vec<Span> = marks
        .marks
        .iter()
        .filter(|mark| mark.own.is_some() || names_brand(mark, look))
        .map(|mark| mark.span)
        .collect();
    let Some(products) = products_in_view(look) else {
        let detail = "an offer is shown; whether the product is seen with it could not be told";
        return Answer::unknown(detail).at(&offers, "an offer");
    };
    let both = together(&together(&offers, &brands), &products);
    let seconds: f64 = both.iter().map(|span| span.seconds()).sum();
    let least_s = look.policy.visual.overlay_min_s;
    Answer::held(
        seconds >= least_s,
        format!("an offer, the brand and the product are on screen together for {seconds:.1} s"),
    )
    .figure(seconds, "seconds", format!("at least {least_s}"))
    .at(&both, "offer, brand and product together")
}

/// `visual.demonstration`: try-on or real-time demonstration.
pub(super) fn visual_demonstration(look: &Look<'_>) -> Answer {
    let evidence = look.facts.evidence;
    if !evidence.products.searched {
        return Answer::unknown("no product pictures: whether a product is handled cannot be seen");
    }
    let Some(handling) = crate::people::handling(&evidence.products, &evidence.people) else {
        return Answer::unknown("no product was recognised: something worn cannot be followed");
    };
    let least = look.policy.product.handled_min_s;
    let detail = format!("`{}` is moved or turned for {:.1} s", handling.product, handling.seconds);
    Answer::held(handling.seconds >= least, detail)
        .figure(handling.seconds, "s", format!("at least {least}"))
        .at(&handling.spans, "moved or turned")
}

/// Stretches in which a product of the session is in view; `None` where none was searched for.
fn products_in_view(look: &Look<'_>) -> Option<Vec<Span>> {
    let found = &look.facts.evidence.products;
    let ids = found.products.iter().map(|product| product.id.as_str());
    found.searched.then(|| merged(ids.flat_map(|id| found.spans_of(id)).collect()))
}

/// What lies over the picture: text that is read and surely laid over or on a card of its own, or
/// an overlay that the session lists.
fn is_overlay(mark: &Mark) -> bool {
    let letters: usize = mark
        .lines
        .iter()
        .map(|line| line.text.chars().filter(|letter| letter.is_alphanumeric()).count())
        .sum();
    // Hair and cloth are now and then read as a short word.
    mark.own.is_some() || (letters >= 3 && mark.card) || (letters >= 6 && mark.over)
}

fn names_brand(mark: &Mark, look: &Look<'_>) -> bool {
    let Some(session) = look.facts.session else { return false };
    let brands = session.brands.iter().map(String::as_str);
    let brands = brands.chain(session.products.iter().filter_map(|p| p.brand.as_deref()));
    let said: Vec<String> = mark.lines.iter().map(|line| line.text.to_lowercase()).collect();
    brands
        .filter(|brand| brand.chars().count() >= 2)
        .any(|brand| said.iter().any(|line| line.contains(&brand.to_lowercase())))
}

fn together(some: &[Span], others: &[Span]) -> Vec<Span> {
    let each = some.iter().flat_map(|a| others.iter().map(move |b| a.intersect(*b)));
    merged(each.filter(|span| !span.is_empty()).collect())
}
