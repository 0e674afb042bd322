//! Remixes as jobs: what one says, and how it is done.

use std::sync::atomic::AtomicBool;

use reprise_model::edits::ClipEdits;
use reprise_model::plan::Plan;
use reprise_model::remix::Remix;
use reprise_model::{Error, Kind, Result};
use reprise_publish::{Brand, RemixFiles, SessionFolder};
use reprise_queue::{Job, Lane, NewJob};
use reprise_remix::{Coder, Order, Remixer, Template, Way, Wishes};
use reprise_store::ObjectStore;
use reprise_transcode::jpeg;
use serde::{Deserialize, Serialize};

use super::job::{REMIX, body, new_job};
use crate::measured::{MEASURED, Measured};
use crate::options::RunOptions;
use crate::part::cut_part;
use crate::remix::make_remix;

/// Make a remix of a published clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemixJob {
    /// Where results lie: a folder or `s3://bucket/prefix`.
    pub out: String,
    /// The session.
    pub session: String,
    /// Which of its clips.
    pub clip: String,
    /// Name of the template.
    pub template: String,
    /// The seller's wishes.
    #[serde(default)]
    pub wishes: Wishes,
    /// The LIVE that it invites to, as it was planned when the remix was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What the seller changed about the clip, as it was when the remix was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<ClipEdits>,
    /// Whether the seller's own picture stands for the brand, instead of its name.
    #[serde(default)]
    pub brand: bool,
    /// Which creator's LIVE it is, so that a takedown finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
}

impl RemixJob {
    /// As a job of `tenant`, in the lane that people wait for. `key` tells repeats of the same wish
    /// from new ones.
    ///
    /// # Errors
    /// None for what can be written as JSON.
    pub fn new_job(&self, tenant: &str, key: &str) -> Result<NewJob> {
        new_job(self, REMIX, Lane::Remix, tenant, key)
    }

    /// What a job says.
    ///
    /// # Errors
    /// `Malformed` where it says something else.
    pub fn of(job: &Job) -> Result<Self> {
        body(job)
    }

    /// Does it: reads the clip of `seller` from the store, makes the remix, checks it, writes it.
    /// `progress` gets the share that is done.
    ///
    /// # Errors
    /// `Missing` where the clip is not there; those of [`make_remix`] and of the store.
    pub fn run(
        &self,
        seller: &str,
        store: &dyn ObjectStore,
        remixer: &Remixer,
        options: &RunOptions,
        progress: &dyn Fn(f64),
    ) -> Result<Remix> {
        let mut folder = SessionFolder::new(store, seller, &self.session);
        if let Some(creator) = &self.creator {
            folder = folder.by(creator);
        }
        let Some((mut clip, mut mp4)) = folder.clip(&self.clip)? else {
            let message = "there is no such clip any more; a newer run may have replaced it";
            return Err(Error::new(Kind::Missing, message).in_file(self.clip.clone()));
        };
        if let Some(edits) = &self.edits {
            edits.apply(&mut clip);
            if let Some(part) = edits.trim {
                let packed = store.get(&folder.clip_key(&self.clip, MEASURED)?)?;
                let measured = packed.and_then(|packed| Measured::unpacked(&packed).ok());
                (clip, mp4) = cut_part(clip, mp4, part, measured.as_ref(), options)?;
            }
        }
        let brand = match self.brand {
            true => {
                let missing = || Error::new(Kind::Missing, "the brand's picture is gone");
                Some(Brand::new(store, seller).get()?.ok_or_else(missing)?)
            }
            false => None,
        };
        let order = Order {
            clip,
            template: Template::built_in(&self.template)?,
            wishes: self.wishes.clone(),
            plan: self.plan.clone(),
            brand,
            coder: Coder::default(),
            encode: options.profile.settings.clone(),
        };
        let way = Way { progress, cancel: &AtomicBool::new(false) };
        let (made, remix) = make_remix(&order, mp4, remixer, Some(options), &way)?;
        let cover = made.cover.as_ref().map(jpeg).transpose()?;
        (options.may_commit)()?;
        folder.put_remix(&remix, &RemixFiles { mp4: &made.mp4, cover: cover.as_deref() })?;
        Ok(remix)
    }
}
