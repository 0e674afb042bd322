//! Quick post edit: a remix asked for, looked at before it is made, and found afterwards.

use axum::http::Method;
use reprise_model::MediaTime;
use reprise_model::clip::Clip;
use reprise_model::outcome::SessionOutcome;
use reprise_model::plan::Plan;
use reprise_model::remix::{Effect, Remix};
use reprise_publish::{Brand, Plans, SessionFolder};
use reprise_remix::{Coder, Order, Score, Template, Wishes};
use reprise_transcode::{Profile, jpeg};
use reprise_worker::fleet::RemixJob;
use reprise_worker::part_of;

use super::clips::clip_of;
use crate::ask::{Ask, Page, Reply};
use crate::problem::{Answer, Problem};
use crate::route::{PAGED, Route};
use crate::shapes::{ClipMedia, ShownJob, ShownRemix};
use crate::wishes::{PreviewWish, RemixWish};

/// Longest text of an effect, characters; more than is ever shown.
const TEXT_MAX: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    const OF_CLIP: &str = "/sessions/{session}/clips/{clip}/remixes";
    vec![
        Route::new(
            Method::POST,
            OF_CLIP,
            "createRemix",
            "Quick post edit of a clip: a job",
            create,
        )
        .takes::<RemixWish>()
        .keyed()
        .status(202)
        .gives::<ShownJob>(),
        Route::get(OF_CLIP, "listRemixes", "Remixes of a clip", list)
            .query(PAGED)
            .gives::<Page<ShownRemix>>(),
        Route::get(
            "/sessions/{session}/clips/{clip}/remixes/{remix}",
            "getRemix",
            "A remix with its verdicts",
            one,
        )
        .gives::<ShownRemix>(),
        Route::new(
            Method::POST,
            "/sessions/{session}/clips/{clip}/preview",
            "previewRemix",
            "One picture of a remix before it is made",
            preview,
        )
        .takes::<PreviewWish>()
        .gives_bytes("image/jpeg"),
    ]
}

/// What is asked for, held against what there is.
fn checked(
    ask: &Ask<'_>,
    template: &str,
    wishes: &Wishes,
    plan: Option<&str>,
) -> Answer<(Template, Option<Plan>)> {
    let template = Template::built_in(template)?;
    if let Some(music) = &wishes.music {
        Score::built_in(music)?;
    }
    for (effect, text) in &wishes.texts {
        if text.chars().count() > TEXT_MAX {
            let detail =
                format!("the text of {} has at most {TEXT_MAX} characters", effect.as_str());
            return Err(Problem::invalid(detail));
        }
    }
    if wishes.off.len() > Effect::ALL.len() {
        return Err(Problem::invalid("`off` names each effect once"));
    }
    let plan = plan.map(|id| {
        let found = Plans::new(ask.app.store.as_ref(), ask.seller()).get(name(id)?)?;
        found.ok_or_else(|| Problem::invalid(format!("there is no plan {id:?}")))
    });
    Ok((template, plan.transpose()?))
}

fn brand<'a>(ask: &'a Ask<'_>) -> Brand<'a> {
    Brand::new(ask.app.store.as_ref(), ask.seller())
}

/// A name in a body is a name, as in a path.
fn name(text: &str) -> Answer<&str> {
    let fits = reprise_model::session::Slug::parse(text).is_some();
    fits.then_some(text).ok_or_else(|| Problem::invalid(format!("{text:?} is no name")))
}

fn create(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let key = ask.idempotency_key()?;
    let wish: RemixWish = ask.body()?;
    let folder = ask.folder(&outcome);
    let (clip, edits) = clip_of(&folder, &outcome, ask.at(1)?)?;
    let (template, plan) = checked(ask, &wish.template, &wish.wishes, wish.plan_id.as_deref())?;
    let job = RemixJob {
        out: ask.app.out.clone(),
        session: outcome.session_id.clone(),
        clip: clip.clip_id,
        template: template.name,
        wishes: wish.wishes,
        plan,
        edits: (!edits.is_empty()).then_some(edits),
        brand: wish.brand_picture && brand(ask).is_there()?,
        creator: Some(outcome.creator.clone()),
    };
    ask.put_in(&job.new_job(ask.seller(), &format!("api {key}"))?)
}

fn list(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let folder = ask.folder(&outcome);
    let (clip, _) = clip_of(&folder, &outcome, ask.at(1)?)?;
    let page = ask.page(
        folder.remixes(Some(&clip.clip_id))?,
        |remix| (0, remix.remix_id.clone()),
        |remix| shown(ask, &folder, &outcome, remix),
    )?;
    Reply::json(&page)
}

fn one(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let folder = ask.folder(&outcome);
    let remix = folder.remix(ask.at(1)?, ask.at(2)?)?.ok_or_else(Problem::not_found)?;
    Reply::json(&shown(ask, &folder, &outcome, remix)?)
}

fn shown(
    ask: &Ask<'_>,
    folder: &SessionFolder<'_>,
    outcome: &SessionOutcome,
    remix: Remix,
) -> Answer<ShownRemix> {
    let link = |file: &str| ask.link(&folder.remix_key(&remix.clip_id, &remix.remix_id, file)?);
    let media = ClipMedia { video: link("remix.mp4")?, cover: link("cover.jpg")? };
    Ok(ShownRemix::of(remix, &outcome.session_id, media))
}

fn inside(clip: &Clip, at: MediaTime) -> Answer<()> {
    let length = clip.duration_s.seconds();
    if (0.0..=length).contains(&at.seconds()) {
        return Ok(());
    }
    Err(Problem::invalid(format!("`at_s` lies in the clip: 0 to {length}")))
}

fn preview(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let wish: PreviewWish = ask.body()?;
    let folder = ask.folder(&outcome);
    let (mut clip, edits) = clip_of(&folder, &outcome, ask.at(1)?)?;
    let (template, plan) = checked(ask, &wish.template, &wish.wishes, wish.plan_id.as_deref())?;
    let busy = || Problem::busy("others look at previews now: try again in a moment");
    let _turn = ask.app.previews.take().ok_or_else(busy)?;
    let (_, mp4) = folder.clip(&clip.clip_id)?.ok_or_else(Problem::not_found)?;
    edits.apply(&mut clip);
    let begins = edits.trim.map_or(MediaTime::ZERO, |part| part.start);
    if let Some(part) = edits.trim {
        clip = part_of(clip, part);
    }
    inside(&clip, wish.at_s)?;
    let order = Order {
        clip,
        template,
        wishes: wish.wishes,
        plan,
        brand: if wish.brand_picture { brand(ask).get()? } else { None },
        coder: Coder::default(),
        encode: Profile::built_in()?.settings,
    };
    let pictures = ask.app.remixer.preview(&order, mp4, begins, &[wish.at_s])?;
    let picture = pictures.first().ok_or_else(Problem::not_found)?;
    Ok(Reply::picture(jpeg(picture)?, "image/jpeg"))
}
