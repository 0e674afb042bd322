//! Clips of a LIVE, and what the seller changes about them.

use axum::http::Method;
use reprise_model::clip::{Clip, ClipProduct, Post};
use reprise_model::edits::ClipEdits;
use reprise_model::outcome::SessionOutcome;
use reprise_model::session::Product;
use reprise_model::{ClipSpan, MediaTime, Outcome, RuleId, Verdict};
use reprise_publish::SessionFolder;
use reprise_worker::{MEASURED, Measured};

use crate::ask::{Ask, Page, Reply};
use crate::problem::{Answer, Problem};
use crate::route::{PAGED, Route};
use crate::shapes::{ClipMedia, Judged, ShownClip};
use crate::wishes::{ClipChange, Part, PostTexts};

/// Limits of a post's texts; the platform's own are no wider (caption: 2,200 characters).
const TITLE_MAX: usize = 150;
const CAPTION_MAX: usize = 2_200;
const HASHTAGS_MAX: usize = 30;
const HASHTAG_MAX: usize = 100;
/// Shortest part of a clip, seconds. Whether it is long enough to post is `clip.duration`'s to say.
const PART_MIN_S: f64 = 1.0;
/// Lengths are shown with six decimals; a page rounds them.
const ROUNDING_S: f64 = 0.05;
/// Products of a clip.
const PRODUCTS_MAX: usize = 20;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sessions/{session}/clips", "listClips", "Clips of a LIVE, best first", list)
            .query(PAGED)
            .gives::<Page<ShownClip>>(),
        Route::get("/sessions/{session}/clips/{clip}", "getClip", "A clip with its verdicts", one)
            .gives::<ShownClip>(),
        Route::new(
            Method::PATCH,
            "/sessions/{session}/clips/{clip}",
            "changeClip",
            "Keep a thumb, other texts, another product",
            change,
        )
        .takes::<ClipChange>()
        .gives::<ShownClip>(),
        Route::new(
            Method::POST,
            "/sessions/{session}/clips/{clip}/verdicts",
            "judgePart",
            "What every rule would say of a part of the clip",
            judge,
        )
        .takes::<Part>()
        .gives::<Judged>(),
    ]
}

/// A clip of a session, as it was cut, with the seller's edits.
pub(super) fn clip_of(
    folder: &SessionFolder<'_>,
    outcome: &SessionOutcome,
    id: &str,
) -> Answer<(Clip, ClipEdits)> {
    if !outcome.clips.iter().any(|clip| clip.clip_id == id) {
        return Err(Problem::not_found());
    }
    let clip = folder.clip_json(id)?.ok_or_else(Problem::not_found)?;
    Ok((clip, folder.edits(id)?))
}

fn list(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let folder = ask.folder(&outcome);
    let page = ask.page(
        outcome.clips.iter().enumerate(),
        |(place, clip)| (i64::try_from(*place).unwrap_or(i64::MAX), clip.clip_id.clone()),
        |(_, clip)| {
            let (clip, edits) = clip_of(&folder, &outcome, &clip.clip_id)?;
            shown(ask, &folder, &outcome, clip, &edits)
        },
    )?;
    Reply::json(&page)
}

fn one(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let folder = ask.folder(&outcome);
    let (clip, edits) = clip_of(&folder, &outcome, ask.at(1)?)?;
    Reply::json(&shown(ask, &folder, &outcome, clip, &edits)?)
}

/// A part that lies in the clip and is long enough to be one.
fn part_in(clip: &Clip, part: Part) -> Answer<ClipSpan> {
    let part = ClipSpan { start: part.clip_start_s, end: part.clip_end_s };
    let length = clip.duration_s.seconds();
    let fits = part.start.seconds() >= 0.0
        && part.end.seconds() <= length + ROUNDING_S
        && part.end.seconds() - part.start.seconds() >= PART_MIN_S;
    let end = part.end.min(MediaTime::ZERO + clip.duration_s);
    fits.then_some(ClipSpan { end, ..part }).ok_or_else(|| {
        let detail = format!("a part lies within 0 and {length} s and has at least {PART_MIN_S} s");
        Problem::invalid(detail)
    })
}

/// What every rule would say of a part; `None` where nothing was kept to ask.
fn judged(
    ask: &Ask<'_>,
    folder: &SessionFolder<'_>,
    clip: &Clip,
    part: ClipSpan,
) -> Answer<Option<Judged>> {
    let packed = ask.app.store.get(&folder.clip_key(&clip.clip_id, MEASURED)?)?;
    let Some(measured) = packed.map(|packed| Measured::unpacked(&packed)).transpose()? else {
        return Ok(None);
    };
    let (verdicts, grading) = measured.judge(clip, part, &ask.app.policy, &ask.app.phrases);
    let of = |all: &[Verdict], rule: RuleId| {
        all.iter().find(|verdict| verdict.rule == rule).map(|verdict| verdict.verdict)
    };
    let turned = |from: Outcome, to: Outcome| -> Vec<RuleId> {
        let turned = |rule: &RuleId| {
            of(&clip.verdicts, *rule) == Some(from) && of(&verdicts, *rule) == Some(to)
        };
        RuleId::ALL.iter().copied().filter(turned).collect()
    };
    Ok(Some(Judged {
        part,
        grade: grading.grade,
        grade_after_remix: grading.grade_after_remix,
        gained: turned(Outcome::Fail, Outcome::Pass),
        lost: turned(Outcome::Pass, Outcome::Fail),
        unverified: grading.unverified,
        verdicts,
    }))
}

fn judge(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let folder = ask.folder(&outcome);
    let (mut clip, edits) = clip_of(&folder, &outcome, ask.at(1)?)?;
    let part = part_in(&clip, ask.body()?)?;
    edits.apply(&mut clip);
    let judged = judged(ask, &folder, &clip, part)?;
    let missing = || Problem::invalid("this clip is of an earlier version: run the session again");
    Reply::json(&judged.ok_or_else(missing)?)
}

fn shown(
    ask: &Ask<'_>,
    folder: &SessionFolder<'_>,
    outcome: &SessionOutcome,
    clip: Clip,
    edits: &ClipEdits,
) -> Answer<ShownClip> {
    let link = |file: &str| ask.link(&folder.clip_key(&clip.clip_id, file)?);
    let media = ClipMedia { video: link("clip.mp4")?, cover: link("cover.jpg")? };
    let mut shown = ShownClip::of(clip.clone(), edits, &outcome.session_id, ask.is_owner(), media);
    if let Some(part) = edits.trim {
        let mut clip = clip;
        edits.apply(&mut clip);
        if let Some(judged) = judged(ask, folder, &clip, part)? {
            shown.grade = judged.grade;
            shown.grade_after_remix = judged.grade_after_remix;
            shown.verdicts = judged.verdicts;
            shown.unverified = judged.unverified;
        }
    }
    Ok(shown)
}

fn change(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let folder = ask.folder(&outcome);
    let (clip, mut edits) = clip_of(&folder, &outcome, ask.at(1)?)?;
    let change: ClipChange = ask.body()?;
    if let Some(rating) = change.rating {
        edits.rating = rating;
    }
    if let Some(trim) = change.trim {
        edits.trim = trim.map(|part| part_in(&clip, part)).transpose()?;
    }
    if let Some(post) = change.post {
        edits.post = post.map(|texts| post_of(texts, &clip)).transpose()?;
    }
    if let Some(ids) = change.product_ids {
        edits.products = ids.map(|ids| products(&ids, &outcome, &clip)).transpose()?;
    }
    folder.put_edits(&clip.clip_id, &edits)?;
    Reply::json(&shown(ask, &folder, &outcome, clip, &edits)?)
}

fn post_of(texts: PostTexts, clip: &Clip) -> Answer<Post> {
    let long = |what: &str, text: &str, most: usize| {
        let detail = format!("the {what} has at most {most} characters");
        if text.chars().count() > most { Err(Problem::invalid(detail)) } else { Ok(()) }
    };
    long("title", &texts.title, TITLE_MAX)?;
    long("caption", &texts.caption, CAPTION_MAX)?;
    if texts.hashtags.len() > HASHTAGS_MAX {
        return Err(Problem::invalid(format!("at most {HASHTAGS_MAX} hashtags")));
    }
    for tag in &texts.hashtags {
        long("hashtag", tag, HASHTAG_MAX)?;
        let name = tag.strip_prefix('#').unwrap_or_default();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '#') {
            let detail = format!("a hashtag is `#` and a word without spaces: {tag:?}");
            return Err(Problem::invalid(detail));
        }
    }
    let PostTexts { title, caption, hashtags } = texts;
    Ok(Post { title, caption, hashtags, product_ids: clip.post.product_ids.clone() })
}

/// Products by their ids: those of the LIVE alone (`product.in_live`).
fn products(ids: &[String], outcome: &SessionOutcome, clip: &Clip) -> Answer<Vec<ClipProduct>> {
    if ids.len() > PRODUCTS_MAX {
        return Err(Problem::invalid(format!("at most {PRODUCTS_MAX} products")));
    }
    let product = |id: &String| {
        let found = clip.products.iter().find(|product| product.id == *id).cloned();
        let listed = || outcome.products.iter().find(|product| product.id == *id).map(corrected);
        found.or_else(listed).ok_or_else(|| {
            Problem::invalid(format!("{id:?} is no product of this LIVE: a clip shows only those"))
        })
    };
    ids.iter().map(product).collect()
}

fn corrected(product: &Product) -> ClipProduct {
    ClipProduct {
        id: product.id.clone(),
        title: product.title.clone(),
        linked_by: "seller".to_owned(),
        brand: product.brand.clone(),
        price: product.price,
        live_price: None,
    }
}
