//! Posting through the platform's Content Posting API v2 (direct post): what the account allows, one
//! upload in sequential chunks, then its status. Its limits are obeyed: six posts a minute begun for each
//! account, by all processes together; for the account alone until the app was audited.
//!
//! Each step is on record before the next one is taken, so that a job that died goes on where it was
//! and nothing is posted twice.

mod accounts;
mod chunks;
mod platform;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reprise_model::posted::{PostState, PostWish, Posted, Privacy};
use reprise_model::remix::Remix;
use reprise_model::{Error, Kind, Result, WallTime};
use reprise_store::{Key, ObjectStore, PutOptions};
use serde::{Deserialize, Serialize};

use crate::folder::{SessionFolder, one_part, to_json};

pub use accounts::{Account, Accounts};
use chunks::Chunks;
pub use platform::{CreatorInfo, creator_info};

/// Where posts lie in a session's folder.
const POSTS: &str = "posts";
/// Posts begun for an account, of all processes, in the seller's folder.
const BEGUN: &str = "~posting";
/// Posts that may be begun in [`MINUTE`] (the platform's limit for each token).
const BEGUN_MAX: usize = 6;
/// A second more than a minute: what is noted here comes there a little later, one time more than another.
const MINUTE: Duration = Duration::from_secs(61);
/// Longest caption, UTF-16 units (the platform's).
pub const CAPTION_MAX: usize = 2_200;
/// How often the status is asked: the platform allows 30 a minute for each token.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// How long the platform may work on a post before somebody looks later. It takes less than half a
/// minute for 512 MB; moderation of public posts may take hours, and is not waited for.
const PROCESSING_MAX: Duration = Duration::from_secs(300);
/// Tries of one chunk.
const TRIES: u32 = 4;

/// A remix to be posted.
pub struct Posting<'a> {
    /// The post's name here, the same for each try.
    pub post_id: &'a str,
    /// The remix.
    pub remix: &'a Remix,
    /// Its file.
    pub mp4: &'a [u8],
    /// What the seller says.
    pub wish: &'a PostWish,
    /// The account.
    pub account: &'a Account,
    /// Told how much was sent, 0 to 1, and then that it is processed.
    pub progress: &'a dyn Fn(PostState, f64),
}

/// What stands in the way of a post, before anything is sent: of the remix, the wish and the account.
///
/// # Errors
/// `Usage` with what to do.
pub fn check_post_wish(remix: &Remix, wish: &PostWish, account: &Account) -> Result<()> {
    let refused = |words: String| Err(Error::new(Kind::Usage, words));
    if let Some(effect) = remix.effects.iter().find(|effect| !effect.is_neutral()) {
        return refused(format!(
            "the remix carries {}: posts through the platform may carry no added branding or promotion; \
             make one for `platform_api`, or download this one and post it by hand",
            effect.as_str()
        ));
    }
    if wish.caption.encode_utf16().count() > CAPTION_MAX {
        return refused(format!("the caption has more than {CAPTION_MAX} characters"));
    }
    if !account.audited && wish.privacy != Privacy::SelfOnly {
        return refused(format!(
            "the app of `{}` is not audited by the platform: choose SELF_ONLY",
            account.name
        ));
    }
    // The platform's own rule for paid partnerships.
    if wish.paid_partnership && wish.privacy == Privacy::SelfOnly {
        return refused("a paid partnership cannot be posted for the account alone".to_owned());
    }
    Ok(())
}

impl SessionFolder<'_> {
    /// The posts of a clip's remixes, by their names.
    ///
    /// # Errors
    /// The store's.
    pub fn posts(&self, clip_id: &str) -> Result<Vec<Posted>> {
        let below = format!("{}/{POSTS}/{}/", self.prefix(), one_part(clip_id)?);
        let mut posts = Vec::new();
        for entry in self.store().list(&below)? {
            let bytes = self.store().get(&entry.key)?;
            posts.extend(bytes.and_then(|bytes| serde_json::from_slice::<Posted>(&bytes).ok()));
        }
        Ok(posts)
    }

    fn post(&self, clip_id: &str, post_id: &str) -> Result<Option<Posted>> {
        let found = self.store().get(&self.key(&post_name(clip_id, post_id)?)?)?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn put_post(&self, post: &Posted) -> Result<()> {
        let name = post_name(&post.clip_id, &post.post_id)?;
        let (key, bytes) = (self.key(&name)?, to_json(post)?);
        self.while_wanted(&[&name], || self.store().put(&key, &bytes, PutOptions::for_key(&key)))
    }
}

fn post_name(clip_id: &str, post_id: &str) -> Result<String> {
    Ok(format!("{POSTS}/{}/{}.json", one_part(clip_id)?, one_part(post_id)?))
}

/// Posts a remix, or goes on with what an earlier try began.
///
/// # Errors
/// Those of [`check_post_wish`]; `Usage` with what the platform refused; `TryAgain` and `Unavailable`
/// where it does not answer; the store's.
pub fn post_remix(
    folder: &SessionFolder<'_>,
    seller: &str,
    posting: &Posting<'_>,
) -> Result<Posted> {
    let Posting { remix, wish, account, mp4, .. } = *posting;
    let chunks = Chunks::of(mp4.len() as u64);
    let mut post = match folder.post(&remix.clip_id, posting.post_id)? {
        Some(post) => post,
        None => {
            check_post_wish(remix, wish, account)?;
            check_account(remix, wish, account)?;
            wait_for_turn(folder.store(), seller, account, posting.progress)?;
            let begun = platform::begin(account, wish, chunks)?;
            let post = Posted {
                post_id: posting.post_id.to_owned(),
                clip_id: remix.clip_id.clone(),
                remix_id: remix.remix_id.clone(),
                remix_blake3: remix.remix_blake3.clone(),
                wish: wish.clone(),
                state: PostState::Uploading,
                publish_id: begun.publish_id,
                upload_url: Some(begun.upload_url),
                sent: 0,
                platform_ids: Vec::new(),
                reason: None,
                at: now(),
            };
            folder.put_post(&post)?;
            post
        }
    };
    if post.state == PostState::Uploading {
        send_all(folder, &mut post, chunks, posting)?;
    }
    if post.state == PostState::Processing {
        follow(folder, &mut post, posting)?;
    }
    Ok(post)
}

fn check_account(remix: &Remix, wish: &PostWish, account: &Account) -> Result<()> {
    let info = creator_info(account)?;
    let refused = |words: String| Err(Error::new(Kind::Usage, words));
    if !platform::allows(&info, wish.privacy) {
        return refused(format!(
            "`{}` allows {} alone",
            account.name,
            info.privacy_level_options.join(", ")
        ));
    }
    let longest = info.max_video_post_duration_sec.unwrap_or(f64::INFINITY);
    if remix.duration_s.seconds() > longest {
        return refused(format!("`{}` may post at most {longest} s", account.name));
    }
    Ok(())
}

fn send_all(
    folder: &SessionFolder<'_>,
    post: &mut Posted,
    chunks: Chunks,
    posting: &Posting<'_>,
) -> Result<()> {
    // What an earlier try sent is the platform's to say: its last chunk may have come without an answer.
    if post.sent > 0 {
        let told = platform::status(posting.account, &post.publish_id)?;
        post.sent = told.uploaded_bytes.unwrap_or(post.sent);
    }
    let url = post.upload_url.clone().unwrap_or_default();
    for index in chunks.after(post.sent)..chunks.count {
        let share = |sent: u64| sent as f64 / chunks.total.max(1) as f64;
        (posting.progress)(PostState::Uploading, share(post.sent));
        let mut tries = 0;
        while let Err(error) = platform::upload(&url, chunks, index, posting.mp4) {
            tries += 1;
            if !error.kind.may_pass() || tries >= TRIES {
                return Err(error);
            }
            std::thread::sleep(Duration::from_secs(1 << tries));
            // It may have come though the answer did not.
            let told = platform::status(posting.account, &post.publish_id);
            if told.is_ok_and(|told| told.uploaded_bytes >= Some(chunks.range(index).end)) {
                break;
            }
        }
        post.sent = chunks.range(index).end;
        post.at = now();
        folder.put_post(post)?;
        (posting.progress)(PostState::Uploading, share(post.sent));
    }
    post.state = PostState::Processing;
    post.upload_url = None;
    folder.put_post(post)
}

fn follow(folder: &SessionFolder<'_>, post: &mut Posted, posting: &Posting<'_>) -> Result<()> {
    let until = Instant::now() + PROCESSING_MAX;
    loop {
        (posting.progress)(PostState::Processing, 1.0);
        match platform::status(posting.account, &post.publish_id) {
            Ok(told) => {
                match told.status.as_str() {
                    // The file is there; public posts get their ids once they were moderated.
                    "PUBLISH_COMPLETE" | "SEND_TO_USER_INBOX" => post.state = PostState::Published,
                    "FAILED" => {
                        post.state = PostState::Failed;
                        post.reason = told.fail_reason;
                    }
                    _ => {}
                }
                let id = |id: &serde_json::Value| {
                    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
                };
                post.platform_ids = told.post_ids.iter().map(id).collect();
            }
            Err(error) if error.kind.may_pass() && Instant::now() < until => {}
            Err(error) => return Err(error),
        }
        if post.state != PostState::Processing {
            post.at = now();
            return folder.put_post(post);
        }
        if Instant::now() >= until {
            let words = "the platform has not finished with the post: it is asked again later";
            return Err(Error::new(Kind::TryAgain, words));
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// When posts of an account were begun, microseconds of Unix time.
#[derive(Default, Serialize, Deserialize)]
struct Turns {
    begun: Vec<i64>,
}

/// Waits until a further post may be begun, and notes that it is.
fn wait_for_turn(
    store: &dyn ObjectStore,
    seller: &str,
    account: &Account,
    progress: &dyn Fn(PostState, f64),
) -> Result<()> {
    let key = Key::new(format!("{}/{BEGUN}/{}.json", one_part(seller)?, one_part(&account.name)?))?;
    loop {
        let version = store.version(&key)?;
        let found = store.get(&key)?.and_then(|bytes| serde_json::from_slice::<Turns>(&bytes).ok());
        let mut turns = found.unwrap_or_default();
        let now = now().micros();
        let minute = i64::try_from(MINUTE.as_micros()).unwrap_or(i64::MAX);
        // What lies in the future was another machine's clock.
        turns.begun.retain(|&at| now - at < minute && at <= now + minute);
        turns.begun.sort_unstable();
        if turns.begun.len() < BEGUN_MAX {
            turns.begun.push(now);
            let bytes = to_json(&turns)?;
            if store.put_if_version(&key, &bytes, PutOptions::for_key(&key), version.as_ref())? {
                return Ok(());
            }
            continue;
        }
        progress(PostState::Uploading, 0.0);
        let free =
            turns.begun.first().map_or(0, |first| first + minute - now).clamp(100_000, minute);
        std::thread::sleep(Duration::from_micros(u64::try_from(free).unwrap_or(0)).min(ASK_EVERY));
    }
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
