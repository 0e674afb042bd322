//! Planned LIVEs that remixes invite to.

use axum::http::{Method, StatusCode};
use jiff::tz::TimeZone;
use reprise_model::WallTime;
use reprise_model::plan::Plan;
use reprise_model::session::Slug;
use reprise_publish::Plans;

use crate::BASE;
use crate::ask::{Ask, Page, Reply};
use crate::problem::{Answer, Problem};
use crate::route::{PAGED, Route, Who};
use crate::wishes::PlanTexts;

const TITLE_MAX: usize = 120;
const PRODUCTS_MAX: usize = 200;
const PRODUCT_MAX: usize = 200;
/// The year 9999; later times have no date that people write.
const LAST: i64 = 253_402_214_400_000_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/plans", "listPlans", "Planned LIVEs, the soonest first", list)
            .who(Who::Owners)
            .query(PAGED)
            .gives::<Page<Plan>>(),
        Route::get("/plans/{plan}", "getPlan", "A planned LIVE", one)
            .who(Who::Owners)
            .gives::<Plan>(),
        Route::new(Method::PUT, "/plans/{plan}", "putPlan", "Enter or change a planned LIVE", put)
            .takes::<PlanTexts>()
            .status(201)
            .gives::<Plan>(),
        Route::new(Method::DELETE, "/plans/{plan}", "deletePlan", "Forget a planned LIVE", remove)
            .status(204),
    ]
}

fn plans<'a>(ask: &'a Ask<'_>) -> Plans<'a> {
    Plans::new(ask.app.store.as_ref(), ask.seller())
}

fn list(ask: &Ask<'_>) -> Answer<Reply> {
    let key = |plan: &Plan| (plan.starts_at.micros(), plan.id.to_string());
    Reply::json(&ask.page(plans(ask).all()?, key, Ok)?)
}

fn one(ask: &Ask<'_>) -> Answer<Reply> {
    Reply::json(&plans(ask).get(ask.at(0)?)?.ok_or_else(Problem::not_found)?)
}

fn put(ask: &Ask<'_>) -> Answer<Reply> {
    let id = Slug::parse(ask.at(0)?).ok_or_else(Problem::not_found)?;
    let texts: PlanTexts = ask.body()?;
    let title = texts.title.trim().to_owned();
    if title.is_empty() || title.chars().count() > TITLE_MAX {
        return Err(Problem::invalid(format!("the title has 1 to {TITLE_MAX} characters")));
    }
    let timezone = texts.timezone.unwrap_or_else(|| "UTC".to_owned());
    if TimeZone::get(&timezone).is_err() {
        let detail = format!("there is no time zone {timezone:?}: write one as Asia/Jakarta");
        return Err(Problem::invalid(detail));
    }
    let earliest = WallTime::from_micros(0);
    if texts.starts_at < earliest || texts.starts_at.micros() > LAST {
        return Err(Problem::invalid("`starts_at` lies between 1970 and 9999"));
    }
    let fits = |id: &String| id.chars().count() <= PRODUCT_MAX;
    if texts.product_ids.len() > PRODUCTS_MAX || !texts.product_ids.iter().all(fits) {
        let detail =
            format!("at most {PRODUCTS_MAX} products, their ids at most {PRODUCT_MAX} long");
        return Err(Problem::invalid(detail));
    }
    let starts_at = texts.starts_at;
    let plan = Plan { id, title, starts_at, timezone, product_ids: texts.product_ids };
    let is_new = plans(ask).put(&plan)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Reply::json(&plan)?.with(status).at(format!("{BASE}/plans/{}", plan.id)))
}

fn remove(ask: &Ask<'_>) -> Answer<Reply> {
    match plans(ask).remove(ask.at(0)?)? {
        true => Ok(Reply::nothing()),
        false => Err(Problem::not_found()),
    }
}
