//! Posts as jobs: a remix on its way to the platform.

use reprise_model::posted::{PostState, PostWish, Posted};
use reprise_model::{Error, Kind, Result};
use reprise_publish::SessionFolder;
use reprise_publish::posting::{Accounts, Posting, post_remix};
use reprise_queue::{Job, Lane, NewJob};
use reprise_store::ObjectStore;
use serde::{Deserialize, Serialize};

use super::job::{body, new_job};

/// The kind of job that posts a remix.
pub const POST: &str = "post.requested";

/// Post a remix through the platform's API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostJob {
    /// Where results lie: a folder or `s3://bucket/prefix`.
    pub out: String,
    /// The session.
    pub session: String,
    /// The clip.
    pub clip: String,
    /// Which of its remixes.
    pub remix: String,
    /// The post's name, the same for each try.
    pub post: String,
    /// What the seller says.
    pub wish: PostWish,
    /// Which creator's LIVE it is, so that a takedown finds it.
    pub creator: String,
}

impl PostJob {
    /// As a job of `tenant`, in the lane that people wait for.
    ///
    /// # Errors
    /// None for what can be written as JSON.
    pub fn new_job(&self, tenant: &str, key: &str) -> Result<NewJob> {
        new_job(self, POST, Lane::Remix, tenant, key)
    }

    /// What a job says.
    ///
    /// # Errors
    /// `Malformed` where it says something else.
    pub fn of(job: &Job) -> Result<Self> {
        body(job)
    }

    /// Does it, or goes on with what an earlier try began.
    ///
    /// # Errors
    /// `Missing` where remix or account are not there; those of [`post_remix`].
    pub fn run(
        &self,
        seller: &str,
        store: &dyn ObjectStore,
        accounts: &Accounts,
        progress: &dyn Fn(PostState, f64),
    ) -> Result<Posted> {
        let folder = SessionFolder::new(store, seller, &self.session).by(&self.creator);
        let gone = |what: &str| Error::new(Kind::Missing, format!("there is no {what} any more"));
        let remix = folder.remix(&self.clip, &self.remix)?.ok_or_else(|| gone("such remix"))?;
        let key = folder.remix_key(&self.clip, &self.remix, "remix.mp4")?;
        let mp4 = store.get(&key)?.ok_or_else(|| gone("such remix"))?;
        let account = accounts.named(seller, &self.wish.account).ok_or_else(|| {
            let words = format!(
                "this worker knows no account `{}` of {seller}: see --accounts",
                self.wish.account
            );
            Error::new(Kind::Usage, words)
        })?;
        let (post_id, wish) = (&self.post, &self.wish);
        let posting = Posting { post_id, remix: &remix, mp4: &mp4, wish, account, progress };
        post_remix(&folder, seller, &posting)
    }
}
