//! What a run is set up with, and how it tells what it does.

use std::sync::Arc;

use reprise_checks::{Phrases, Policy};
use reprise_ingest::Guard;
use reprise_model::Result;
use reprise_segment::Settings;
use reprise_transcode::{MediaWorkers, Profile, TrimSettings, Verify};

use crate::advice::Advice;
use crate::share::Share;

/// Settings of a run; all but `jobs` and `workers` are part of its key.
#[derive(Clone)]
pub struct RunOptions {
    /// Thresholds and tiers.
    pub policy: Policy,
    /// What hosts say, per language.
    pub phrases: Phrases,
    /// Models and readers of this machine.
    pub advice: Advice,
    /// How clips are coded.
    pub profile: Profile,
    /// How moments are found.
    pub segment: Settings,
    /// How in-points and out-points are chosen.
    pub trim: TrimSettings,
    /// How much of a finished clip is decoded to verify it. Default: sound and seams.
    pub verify: Verify,
    /// Keep rejected clips in `rejected/`. Default false.
    pub keep_rejected: bool,
    /// Windows worked on at once, from 1. More is faster up to the cores, at about 200 MB each.
    pub jobs: usize,
    /// Who opens, decodes and encodes. Default this process itself; the command line gives
    /// children that are shut in.
    pub workers: MediaWorkers,
    /// Told what happens; must not block.
    pub progress: ProgressSink,
    /// The seller that the manifest must name, where a job may only touch one's own.
    pub seller: Option<String>,
    /// Asked before anything is read that a manifest names. Default all may be read.
    pub inputs: Arc<Guard>,
    /// Asked before the results are made public; may block. An error ends the run there.
    pub may_commit: CommitGate,
    /// Other workers that make clips of the same LIVE.
    pub share: Option<Arc<dyn Share>>,
}

/// Says whether a run may make its results public.
pub type CommitGate = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// Takes what a run tells.
pub type ProgressSink = Arc<dyn Fn(&Progress) + Send + Sync>;

impl RunOptions {
    /// The built-in settings, one job a core, silent.
    ///
    /// # Errors
    /// None in a build whose tests pass.
    pub fn built_in() -> Result<Self> {
        Ok(Self {
            policy: Policy::default(),
            phrases: Phrases::built_in(),
            advice: Advice::default(),
            profile: Profile::built_in()?,
            segment: Settings::default(),
            trim: TrimSettings::default(),
            verify: Verify::default(),
            keep_rejected: false,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            workers: MediaWorkers::in_process(),
            progress: Arc::new(|_| {}),
            seller: None,
            inputs: Arc::new(|_| Ok(())),
            may_commit: Arc::new(|| Ok(())),
            share: None,
        })
    }
}

/// What a run tells while it works.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A stage begins.
    Stage {
        /// Its name.
        name: &'static str,
        /// What it works on.
        detail: String,
    },
    /// Something is amiss that stops nothing.
    Warning(String),
    /// Windows will be worked on.
    Windows {
        /// How many.
        total: usize,
    },
    /// Only windows that other workers have are left.
    Waiting {
        /// Changes while they are alive.
        sign: String,
    },
    /// A window is done.
    Window {
        /// Which moment.
        moment_id: String,
        /// What became of it, for people.
        detail: String,
    },
}
