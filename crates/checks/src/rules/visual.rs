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
pub(super) fn visual_demonstration(_: &Look<'_>) -> Answer {
    Answer::unknown("no search for hands and products in motion is part of this version")
}

fn no_overlays() -> Answer {
    Answer::unknown("no search for stickers and text over the picture is part of this version")
}
