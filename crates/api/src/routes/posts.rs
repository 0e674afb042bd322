//! Posting remixes through the platform's API; what an account allows.

use axum::http::Method;
use reprise_model::posted::{PostWish, Posted};
use reprise_model::remix::Remix;
use reprise_publish::posting::{Account, check_post_wish, creator_info};
use reprise_worker::fleet::PostJob;

use crate::ask::{Ask, Page, Reply};
use crate::problem::{Answer, Problem};
use crate::route::{PAGED, Route, Who};
use crate::shapes::{ShownAccount, ShownJob, ShownPost};

pub(super) fn routes() -> Vec<Route> {
    const OF_REMIX: &str = "/sessions/{session}/clips/{clip}/remixes/{remix}/posts";
    vec![
        Route::get("/accounts", "listAccounts", "Accounts that one can post to", accounts)
            .who(Who::Owners)
            .gives::<Page<ShownAccount>>(),
        Route::get(
            "/accounts/{account}",
            "getAccount",
            "What the platform lets an account post just now",
            account,
        )
        .who(Who::Owners)
        .gives::<ShownAccount>(),
        Route::new(Method::POST, OF_REMIX, "createPost", "Post a remix: a job", create)
            .takes::<PostWish>()
            .keyed()
            .status(202)
            .gives::<ShownJob>(),
        Route::get(OF_REMIX, "listPosts", "Posts of a remix", list)
            .who(Who::Owners)
            .query(PAGED)
            .gives::<Page<ShownPost>>(),
    ]
}

fn accounts(ask: &Ask<'_>) -> Answer<Reply> {
    let items = ask.app.accounts.of(ask.seller()).map(ShownAccount::of).collect();
    Reply::json(&Page { items, next_cursor: None })
}

fn named<'a>(ask: &'a Ask<'_>, name: &str) -> Option<&'a Account> {
    ask.app.accounts.named(ask.seller(), name)
}

fn account(ask: &Ask<'_>) -> Answer<Reply> {
    let account = named(ask, ask.at(0)?).ok_or_else(Problem::not_found)?;
    let info = creator_info(account)?;
    Reply::json(&ShownAccount::of(account).with(info))
}

/// The remix in the path, of a session that the caller may see.
fn remix(ask: &Ask<'_>) -> Answer<(String, String, Remix)> {
    let outcome = ask.session(ask.at(0)?)?;
    let found = ask.folder(&outcome).remix(ask.at(1)?, ask.at(2)?)?;
    let remix = found.ok_or_else(Problem::not_found)?;
    Ok((outcome.session_id.clone(), outcome.creator.clone(), remix))
}

fn create(ask: &Ask<'_>) -> Answer<Reply> {
    let (session, creator, remix) = remix(ask)?;
    let key = ask.idempotency_key()?;
    let wish: PostWish = ask.body()?;
    let missing = || Problem::invalid(format!("there is no account {:?}", wish.account));
    check_post_wish(&remix, &wish, named(ask, &wish.account).ok_or_else(missing)?)?;
    let name = blake3::hash(format!("{}\0{key}", ask.seller()).as_bytes()).to_hex();
    let job = PostJob {
        out: ask.app.out.clone(),
        session,
        clip: remix.clip_id,
        remix: remix.remix_id,
        post: format!("p-{}", &name[..16]),
        wish,
        creator,
    };
    ask.put_in(&job.new_job(ask.seller(), &format!("api {key}"))?)
}

fn list(ask: &Ask<'_>) -> Answer<Reply> {
    let outcome = ask.session(ask.at(0)?)?;
    let remix = ask.at(2)?;
    let posts = ask.folder(&outcome).posts(ask.at(1)?)?;
    let of_remix = posts.into_iter().filter(|post| post.remix_id == remix);
    let key = |post: &Posted| (-post.at.micros(), post.post_id.clone());
    Reply::json(&ask.page(of_remix, key, |post| Ok(ShownPost::of(post)))?)
}
