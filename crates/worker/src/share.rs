//! Whose turn a window is, where several workers make the clips of one LIVE.

use std::sync::Arc;
use std::time::Duration;

use reprise_model::moment::Moment;
use reprise_model::{Error, Result};

use crate::jobs;

/// How often one asks for windows that others have.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Lets other workers make clips of a LIVE. A clip's result is in the store once it is made, so nothing
/// of it passes here.
pub trait Share: Send + Sync {
    /// Lets others know of the windows. May be said again.
    ///
    /// # Errors
    /// Where the others cannot be reached.
    fn offer(&self, moments: &[Moment]) -> Result<()>;

    /// Asks for a window.
    ///
    /// # Errors
    /// Where the others cannot be reached.
    fn take(&self, moment: &Moment) -> Result<Turn>;
}

/// Whose turn a window is.
pub enum Turn {
    /// One's own, until the hold is let go.
    Ours(Box<dyn Hold>),
    /// Somebody else's; the text changes while they are alive.
    Others(String),
    /// It was made.
    Made,
    /// Somebody found out that it cannot be made.
    Failed(Error),
    /// It may be possible, but nobody tries any more.
    GivenUp(Error),
}

/// Why a window has no result.
pub struct Unmade {
    /// In words.
    pub error: Box<Error>,
    /// Whether another try may end otherwise.
    pub given_up: bool,
}

impl From<Error> for Unmade {
    fn from(error: Error) -> Self {
        Self { error: Box::new(error), given_up: false }
    }
}

/// A window that no other makes meanwhile.
pub trait Hold: Send {
    /// It was made, or cannot be: nobody needs to do it again.
    fn done(self: Box<Self>, error: Option<&Error>);
}

/// Makes each window, here or elsewhere, at most `limit` at once here, and gives the results in the
/// windows' order. `wait` is told what one waits for.
pub async fn each<R: Send + 'static>(
    share: Option<Arc<dyn Share>>,
    moments: Vec<Moment>,
    limit: usize,
    make: impl Fn(&Moment) -> Result<R> + Send + Sync + 'static,
    wait: impl Fn(String),
) -> Vec<Result<R, Unmade>> {
    let mut results: Vec<Option<Result<R, Unmade>>> = moments.iter().map(|_| None).collect();
    let mut open: Vec<(usize, Moment)> = moments.into_iter().enumerate().collect();
    // The longest first (Graham, "Bounds on multiprocessing timing anomalies", 1969): what is begun last
    // is short, so that nobody waits for one long window at the end.
    open.sort_by_key(|(_, moment)| std::cmp::Reverse(moment.span.duration()));
    let (indexes, moments): (Vec<usize>, Vec<Moment>) = open.iter().cloned().unzip();
    let Some(share) = offered(share, &moments).await else {
        let made = jobs::each(moments, limit, move |moment| make(&moment)).await;
        for (index, made) in indexes.into_iter().zip(made) {
            results[index] = Some(made.map_err(Unmade::from));
        }
        return results.into_iter().flatten().collect();
    };
    let make = Arc::new(make);
    while !open.is_empty() {
        let (indexes, asked): (Vec<usize>, Vec<Moment>) = open.iter().cloned().unzip();
        let (share, make) = (Arc::clone(&share), Arc::clone(&make));
        let round = jobs::each(asked, limit, move |moment| {
            let turn = share.take(&moment).unwrap_or_else(|error| {
                tracing::warn!("{}: {error}", moment.id);
                Turn::Others(String::new())
            });
            Ok(match turn {
                Turn::Ours(hold) => {
                    let made = make(&moment);
                    match &made {
                        // It may pass, and then it is anybody's.
                        Err(error) if error.kind.may_pass() => drop(hold),
                        made => hold.done(made.as_ref().err()),
                    }
                    Ok(made.map_err(Unmade::from))
                }
                Turn::Made => Ok(make(&moment).map_err(Unmade::from)),
                Turn::Failed(error) => Ok(Err(error.into())),
                Turn::GivenUp(error) => Ok(Err(Unmade { error: Box::new(error), given_up: true })),
                Turn::Others(sign) => Err(sign),
            })
        })
        .await;
        let mut signs = Vec::new();
        for (index, outcome) in indexes.into_iter().zip(round) {
            let made = match outcome {
                Ok(Ok(made)) => made,
                Ok(Err(sign)) => {
                    signs.push(sign);
                    continue;
                }
                Err(error) => Err(error.into()),
            };
            results[index] = Some(made);
        }
        open.retain(|(index, _)| results[*index].is_none());
        if !open.is_empty() {
            wait(signs.join(" "));
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
    results.into_iter().flatten().collect()
}

/// The others, once they know of the windows; without them all are made here.
async fn offered(share: Option<Arc<dyn Share>>, moments: &[Moment]) -> Option<Arc<dyn Share>> {
    let share = share.filter(|_| moments.len() > 1)?;
    let (told, moments) = (Arc::clone(&share), moments.to_vec());
    let answers = jobs::each(vec![()], 1, move |()| told.offer(&moments)).await;
    let Some(error) = answers.into_iter().find_map(Result::err) else { return Some(share) };
    tracing::warn!("the clips are not offered to other workers: {error}");
    None
}
