//! Sessions from elsewhere, where they are present: simulated by others, and chats whose highlights
//! were labelled.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use reprise_segment::{Settings, Without};
use reprise_simulated::{Labels, Session, Truth, chat_hits, folders};

use super::baselines::Baseline;
use super::case::{Method, Outcome, find, outcome, spans};
use super::plan::ablations;
use crate::Result;

/// What the sections are called.
pub const TITLE: &str = "Sessions from elsewhere";

/// Where they lie, beside the project.
const SIMULATED: &str = "../shared/data/sim";
const CHATS: &str = "../shared/data/chat";

/// What came of the sessions from elsewhere.
pub struct Elsewhere {
    /// Outcomes by the name that several sessions share; `None` where there are none.
    pub simulated: Option<BTreeMap<String, Vec<Outcome>>>,
    /// Method, and the shares of the first five and ten moments that hit; `None` where there are none.
    pub chats: Option<Chats>,
}

/// How moments fit the labels of chats.
pub struct Chats {
    pub number: usize,
    /// Method with its hits among the first five and the first ten, as shares.
    pub hits: Vec<(Method, [f64; 2])>,
}

/// Scores what is there; what is there and cannot be read is an error.
pub fn run(root: &Path) -> Result<Elsewhere> {
    Ok(Elsewhere { simulated: simulated(&root.join(SIMULATED))?, chats: chats(&root.join(CHATS))? })
}

fn simulated(folder: &Path) -> Result<Option<BTreeMap<String, Vec<Outcome>>>> {
    let mut methods = vec![Method::WHOLE];
    methods.extend(ablations());
    methods.extend(Baseline::ALL.map(Method::Script));
    let found = folders(folder);
    if found.is_empty() {
        return Ok(None);
    }
    let read: Vec<(Session, Truth)> = found
        .iter()
        .map(|path| Ok((Session::read(path)?, Truth::read(path)?)))
        .collect::<Result<_>>()?;
    let outcomes: Vec<(String, Vec<Outcome>)> = read
        .par_iter()
        .map(|(session, truth)| {
            // `typical_3000_101` is one of the sessions of `typical, 3000`.
            let name = session.name.rsplit_once('_').map_or(session.name.as_str(), |(a, _)| a);
            let orders = session.orders();
            let each = methods.iter().map(|method| outcome(*method, session, truth, orders));
            (name.replace('_', ", "), each.collect())
        })
        .collect();
    let mut by_name: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for (name, outcomes) in outcomes {
        by_name.entry(name).or_default().extend(outcomes);
    }
    Ok(Some(by_name))
}

fn chats(folder: &Path) -> Result<Option<Chats>> {
    let found = folders(folder);
    if found.is_empty() {
        return Ok(None);
    }
    let read: Vec<(Session, Labels)> = found
        .iter()
        .map(|path| Ok((Session::read(path)?, Labels::read(path)?)))
        .collect::<Result<_>>()?;
    let whole = Without::default();
    let methods = [Method::WHOLE, Method::Reprise(Without { lag: true, ..whole })];
    let hits = methods.map(|method| {
        let Method::Reprise(without) = method else { return (method, [0.0; 2]) };
        let settings = Settings { without, ..Settings::default() };
        let sums = read
            .par_iter()
            .map(|(session, labels)| {
                let moments = spans(&find(session, &settings));
                [5, 10].map(|k| chat_hits(labels, &moments, k))
            })
            .reduce(|| [0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
        let share = |hits: usize, k: usize| hits as f64 / (k * read.len()) as f64;
        (method, [share(sums[0], 5), share(sums[1], 10)])
    });
    Ok(Some(Chats { number: read.len(), hits: hits.into() }))
}
