//! `product.*`: what the clip shows against what the LIVE sold.

use reprise_model::event::EventKind;

use super::{Answer, Look};
use crate::check::SessionFacts;

/// `product.in_live`: every product that the clip is linked to is in the session's list, and was
/// pinned, or ordered or opened by viewers, in that LIVE.
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
    let mut absent = Vec::new();
    let mut unseen = Vec::new();
    let mut told = Vec::new();
    for id in session.clip_products {
        if !session.products.iter().any(|product| product.id == *id) {
            absent.push(id.as_str());
            continue;
        }
        let (pins, orders) = featured(&session, id);
        if pins + orders == 0 {
            unseen.push(id.as_str());
        } else {
            told.push(format!(
                "`{id}` was pinned {pins} times and ordered or opened {orders} times"
            ));
        }
    }
    let count = (absent.len() + unseen.len()) as f64;
    let threshold = || "at most 0".to_owned();
    if !absent.is_empty() {
        let detail = format!("not in the session's product list: {}", absent.join(", "));
        return Answer::held(false, detail).figure(count, "products", threshold());
    }
    if !session.has_log {
        return Answer::unknown(
            "the products are in the session's list, but there is no event log to say that they were shown",
        );
    }
    if !unseen.is_empty() {
        let detail =
            format!("listed, but neither pinned nor ordered in this LIVE: {}", unseen.join(", "));
        return Answer::held(false, detail).figure(count, "products", threshold());
    }
    Answer::held(true, told.join("; ")).figure(0.0, "products", threshold())
}

/// `product.match`: exactly the product of the LIVE, no swaps. Seam: a trait that finds reference
/// pictures in pictures, and what it finds given to the four rules from here on.
pub(super) fn product_match(look: &Look<'_>) -> Answer {
    not_searched(look)
}

/// `product.front`: shown from the front.
pub(super) fn product_front(look: &Look<'_>) -> Answer {
    not_searched(look)
}

/// `product.first_second`: in view within 1 s of the start.
pub(super) fn product_first_second(look: &Look<'_>) -> Answer {
    not_searched(look)
}

/// `product.fully_visible`: fully visible within 5 s.
pub(super) fn product_fully_visible(look: &Look<'_>) -> Answer {
    not_searched(look)
}

fn not_searched(look: &Look<'_>) -> Answer {
    let pictures = look.facts.session.is_some_and(|session| {
        session.products.iter().any(|product| {
            !product.pictures.is_empty() && session.clip_products.contains(&product.id)
        })
    });
    if pictures {
        Answer::unknown("the search for products in the picture is not part of this version")
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
