//! Whose turn it is: remixes first, each fourth job of a worker a batch.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::job::Lane;

/// Remixes in a row, after which a batch is looked for first. Batch jobs are to keep a fifth of the
/// throughput; a slot that takes nothing but remixes can put off a worker's turn by one job.
const REMIXES_IN_A_ROW: u32 = 3;
/// Workers that are remembered; beyond that all begin anew.
const WORKERS_MAX: usize = 10_000;

/// How many remixes each worker of this process had in a row.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<String, u32>>);

impl Turns {
    /// The lanes in the order in which `worker` looks into them.
    pub(crate) fn order(&self, worker: &str, lanes: &[Lane]) -> Vec<Lane> {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let batch_first = turns.get(worker).is_some_and(|&count| count >= REMIXES_IN_A_ROW);
        let mut order = Lane::ALL;
        if batch_first {
            order.reverse();
        }
        order.into_iter().filter(|lane| lanes.contains(lane)).collect()
    }

    /// `worker` got a job of `lane`.
    pub(crate) fn taken(&self, worker: &str, lane: Lane) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= WORKERS_MAX && !turns.contains_key(worker) {
            turns.clear();
        }
        let count = turns.entry(worker.to_owned()).or_default();
        *count = if lane == Lane::Remix { count.saturating_add(1) } else { 0 };
    }
}
