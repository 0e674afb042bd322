//! Blocking work on a bounded number of threads; one job's panic is that job's error.

use std::sync::Arc;

use reprise_model::{Error, Kind, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs `work` for each item, at most `limit` at once, and gives the results in the items' order.
pub async fn each<T, R, F>(items: Vec<T>, limit: usize, work: F) -> Vec<Result<R>>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(T) -> Result<R> + Send + Sync + 'static,
{
    let work = Arc::new(work);
    let permits = Arc::new(Semaphore::new(limit.max(1)));
    let mut tasks = JoinSet::new();
    let mut results: Vec<Option<Result<R>>> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        results.push(None);
        let (work, permits) = (Arc::clone(&work), Arc::clone(&permits));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let done = tokio::task::spawn_blocking(move || work(item)).await;
            let done = done.unwrap_or_else(|error| {
                Err(Error::new(Kind::Bug, "a job panicked; this is a defect of Reprise")
                    .caused_by(error))
            });
            (index, done)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((index, result)) = done
            && let Some(slot) = results.get_mut(index)
        {
            *slot = Some(result);
        }
    }
    let lost = || Err(Error::new(Kind::Bug, "a job was lost; this is a defect of Reprise"));
    results.into_iter().map(|result| result.unwrap_or_else(lost)).collect()
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_own_job() {
        let results = each(vec![1, 2, 3], 2, |n| {
            assert!(n != 2, "two is bad");
            Ok(n * 10)
        })
        .await;
        let shown: Vec<Option<i32>> = results.iter().map(|r| r.as_ref().ok().copied()).collect();
        assert_eq!(shown, [Some(10), None, Some(30)]);
    }
}
