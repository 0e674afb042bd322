//! `visual.*`: what is laid over the picture and what the host does with the product. Nothing of it
//! is searched by this version, so each answers what is missing.

use super::{Answer, Look};

/// `visual.enhancement`: animated stickers or text overlays.
pub(super) fn visual_enhancement(_: &Look<'_>) -> Answer {
    no_overlays()
}

/// `visual.promotion`: promotion stickers, discount information, brand logo and product together.
pub(super) fn visual_promotion(_: &Look<'_>) -> Answer {
    no_overlays()
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

fn no_overlays() -> Answer {
    Answer::unknown("no search for stickers and text over the picture is part of this version")
}
